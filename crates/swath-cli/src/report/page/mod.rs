//! The page of a run: one file that needs nothing else, in light and dark, on paper too.
//!
//! It is written piece by piece, and only shows what the record holds.

mod chart;
mod facts;
mod html;
mod jobs;
mod memory;
mod rates;
mod work;

use std::io::{Result, Write};

use super::Record;
pub use facts::shell;
use html::Text;

/// How every report begins.
pub const HEAD: &str = "<!DOCTYPE html>\n<!-- a report of swath -->\n";
const STYLE: &str = include_str!("style.css");

/// Writes the page up to where its record is.
///
/// # Errors
/// What the system says.
pub fn begin(record: &Record, out: &mut dyn Write) -> Result<()> {
    write!(
        out,
        "{HEAD}<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{} – {}, {}</title>\n<style>\n{STYLE}</style></head>\n<body><main>\n",
        Text(facts::title(record)),
        Text(&record.status),
        Text(&record.started)
    )?;
    facts::head(record, out)?;
    memory::section(record, out)?;
    facts::predicted(record, out)?;
    match &record.batch {
        Some(batch) => jobs::section(record, batch, out)?,
        None => work::section(record, out)?,
    }
    rates::section(record, out)?;
    facts::rows(record, out)?;
    facts::warnings(record, out)?;
    facts::cuts(record, out)?;
    facts::plan(record, out)?;
    facts::environment(record, out)?;
    writeln!(
        out,
        "<footer>Made by swath {} on {}. This page holds its own data: <code>swath report FILE</code> tells it in short, \
         with <code>--json</code> as a record, with <code>--diff OTHER</code> against another run.</footer>\n</main>",
        Text(&record.swath),
        Text(&record.ended)
    )
}

/// Writes what follows the record.
///
/// # Errors
/// What the system says.
pub fn end(out: &mut dyn Write) -> Result<()> {
    out.write_all(b"\n</body></html>\n")
}

/// The time that pictures show.
fn seconds(record: &Record) -> f64 {
    let of_samples = record.samples.last().map_or(0.0, |sample| sample.at_s);
    record.time.wall_s.max(of_samples).clamp(1e-3, 1e12)
}
