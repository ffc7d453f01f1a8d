//! The page of a run: one file that needs nothing else, in light and dark, on paper too.
//!
//! It is written piece by piece, and only shows what the record holds.

mod chart;
mod facts;
mod html;
mod jobs;
mod memory;
mod now;
mod rates;
mod work;

use std::io::{Result, Write};

use super::Record;
pub use facts::shell;
use html::Text;
pub use work::short;

/// How every report begins.
pub const HEAD: &str = "<!DOCTYPE html>\n<!-- a report of swath -->\n";
const OPENING: &str = "<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
                       <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
/// A part of a page: its name, and what writes it.
pub type Part = (&'static str, fn(&Record, &mut dyn Write) -> Result<()>);
/// The parts of a page in order. Some write nothing where there is nothing to tell.
pub const PARTS: [Part; 11] = [
    ("head", facts::head),
    ("now", now::section),
    ("memory", memory::section),
    ("predicted", facts::predicted),
    ("work", work_or_jobs),
    ("rates", rates::section),
    ("rows", facts::rows),
    ("warnings", facts::warnings),
    ("cuts", facts::cuts),
    ("plan", facts::plan),
    ("environment", facts::environment),
];
const STYLE: &str = include_str!("style.css");

/// Writes the page up to where its record is.
///
/// # Errors
/// What the system says.
pub fn begin(record: &Record, out: &mut dyn Write) -> Result<()> {
    write!(
        out,
        "{HEAD}{OPENING}<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{} – {}, {}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n",
        Text(facts::title(record)),
        Text(&record.status),
        Text(&record.started)
    )?;
    for (_, part) in PARTS {
        part(record, out)?;
    }
    writeln!(
        out,
        "<footer>Made by swath {} on {}. This page holds its own data: <code>swath report FILE</code> tells it in short, \
         with <code>--json</code> as a record, with <code>--diff OTHER</code> against another run.</footer>\n</main>",
        Text(&record.swath),
        Text(&record.ended)
    )
}

/// Writes the begin of a page that the script at `script` keeps up to date. The parts follow, each in an element that names
/// it, and then [`live_end`].
///
/// # Errors
/// What the system says.
pub fn live_begin(record: &Record, script: &str, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "{HEAD}{OPENING}<title>{} – {}</title>\n<style>\n{STYLE}</style>\n<script src=\"{}\" defer></script></head>\n\
         <body><main>\n<p id=\"live\" role=\"status\">as of the moment that this page was asked for</p>",
        Text(facts::title(record)),
        Text(&record.status),
        Text(script)
    )
}

/// Writes the end of such a page.
///
/// # Errors
/// What the system says.
pub fn live_end(record: &Record, out: &mut dyn Write) -> Result<()> {
    writeln!(
        out,
        "<footer>Served by swath {} while the run goes on, and not longer. <code>--report FILE.html</code> keeps such a \
         page.</footer>\n</main>\n</body></html>",
        Text(&record.swath)
    )
}

/// Writes what follows the record.
///
/// # Errors
/// What the system says.
pub fn end(out: &mut dyn Write) -> Result<()> {
    out.write_all(b"\n</body></html>\n")
}

fn work_or_jobs(record: &Record, out: &mut dyn Write) -> Result<()> {
    match &record.batch {
        Some(batch) => jobs::section(record, batch, out),
        None => work::section(record, out),
    }
}

/// The time that pictures show.
fn seconds(record: &Record) -> f64 {
    let of_samples = record.samples.last().map_or(0.0, |sample| sample.at_s);
    record.time.wall_s.max(of_samples).clamp(1e-3, 1e12)
}
