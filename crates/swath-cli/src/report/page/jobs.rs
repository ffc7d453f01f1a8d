//! The jobs of a batch over time, each in the place that it took beside the others, and those that came to nothing.

use std::io::{Result, Write};

use swath_core::Bytes;

use super::chart::{self, Frame};
use super::html::{Column, Table};
use super::work::{Shades, short};
use crate::report::{Attempt, Batch, BatchNow, Record};
use crate::show::grouped;

/// Height of a place, and of the room between two.
const PLACE: f64 = 24.0;
const BETWEEN: f64 = 4.0;
/// Places that a picture has at most.
const PLACES_MAX: usize = 64;
/// Rows of a table at most.
const SHOWN: usize = 100;
const LONGEST: usize = 15;

/// Writes the section.
pub fn section(record: &Record, batch: &Batch, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "<section><h2>Jobs</h2>")?;
    let tried: Vec<&Attempt> = batch.attempts.iter().filter(|attempt| attempt.number > 0).collect();
    if !tried.is_empty() {
        picture(record, &tried, out)?;
    }
    if batch.more > 0 {
        writeln!(out, "<p class=\"soft\">{} further attempts are not drawn.</p>", grouped(batch.more))?;
    }
    for (end, caption) in [("set_aside", "Set aside"), ("again", "Tried again")] {
        let all: Vec<&Attempt> = batch.attempts.iter().filter(|attempt| attempt.end == end).collect();
        if !all.is_empty() {
            const COLUMNS: [Column; 4] = [Column::Name, Column::Figure, Column::Figure, Column::Words];
            let mut table = Table::begin(out, caption, &COLUMNS, &["job", "attempt", "granted", "why"])?;
            for attempt in all.iter().take(SHOWN) {
                let number = if attempt.number == 0 { "–".into() } else { attempt.number.to_string() };
                table.row(&[&attempt.job, &number, &attempt.grant, &attempt.message.as_deref().unwrap_or("–")])?;
            }
            table.end()?;
        }
    }
    longest(tried, out)?;
    if let Some(now) = record.now.as_ref().and_then(|now| now.batch.as_ref()) {
        waiting(now, out)?;
    }
    writeln!(out, "</section>")
}

fn picture(record: &Record, tried: &[&Attempt], out: &mut dyn Write) -> Result<()> {
    let shades = Shades::of_seconds(tried.iter().map(|attempt| attempt.end_s - attempt.begin_s).collect());
    let places = tried.iter().map(|attempt| attempt.place).max().unwrap_or(0).min(PLACES_MAX - 1) + 1;
    let height = places as f64 * (PLACE + BETWEEN);
    let frame = Frame { top: 4.0, height, seconds: super::seconds(record), most: 1.0 };
    writeln!(out, "<figure>")?;
    frame.begin(out, "Jobs over time, coloured by how long they took")?;
    let top = |place: usize| frame.top + place as f64 * (PLACE + BETWEEN);
    for place in 0..places {
        chart::rectangle(out, "lane", (Frame::LEFT, top(place)), (Frame::RIGHT - Frame::LEFT, PLACE), "")?;
        chart::text(out, (Frame::LEFT - 8.0, top(place) + PLACE / 2.0 + 4.0), "soft", "end", &(place + 1))?;
    }
    for attempt in tried.iter().filter(|attempt| attempt.place < places) {
        let (x, wide) = (frame.x(attempt.begin_s), (frame.x(attempt.end_s) - frame.x(attempt.begin_s)).max(1.0));
        let end = match attempt.end.as_str() {
            "done" => format!("done, {} of {}", attempt.peak, attempt.grant),
            "set_aside" => "set aside".into(),
            "running" => format!("running, {} of {}", attempt.peak, attempt.grant),
            _ => "to be tried again".into(),
        };
        let said = format!(
            "{}: {} from {:.2} s on, {end}",
            attempt.job,
            short(attempt.end_s - attempt.begin_s),
            attempt.begin_s
        );
        let shade = shades.class(attempt.end_s - attempt.begin_s);
        let class = format!("cell {}", if attempt.end == "running" { "busy-job" } else { shade });
        chart::rectangle(out, &class, (x, top(attempt.place)), (wide, PLACE), &said)?;
        let at = (x + wide / 2.0, top(attempt.place) + PLACE / 2.0 + 4.0);
        match attempt.end.as_str() {
            "set_aside" => chart::mark(out, at, 2, &said)?,
            "again" => chart::mark(out, at, 1, &said)?,
            _ => {}
        }
    }
    frame.times(out)?;
    write!(out, "</svg><figcaption>")?;
    shades.legend(out, "job")?;
    if tried.iter().any(|attempt| attempt.end == "running") {
        write!(out, "<i class=\"key busy-key\"></i>running")?;
    }
    writeln!(out, "{}</figcaption></figure>", super::work::marks("set aside"))
}

fn waiting(now: &BatchNow, out: &mut dyn Write) -> Result<()> {
    let count = now.waiting_count();
    if count == 0 || now.waiting.is_empty() {
        return Ok(());
    }
    let mut table = Table::begin(out, "Waiting", &[Column::Words], &["job"])?;
    for job in now.waiting.iter().take(SHOWN.min(count)) {
        table.row(&[job])?;
    }
    table.end()?;
    let more = count.saturating_sub(now.waiting.len().min(SHOWN));
    if more > 0 {
        writeln!(out, "<p class=\"soft\">and {} more</p>", grouped(more as u64))?;
    }
    Ok(())
}

fn longest(mut tried: Vec<&Attempt>, out: &mut dyn Write) -> Result<()> {
    tried.retain(|attempt| attempt.end == "done");
    tried.sort_by(|a, b| (b.end_s - b.begin_s).total_cmp(&(a.end_s - a.begin_s)));
    if tried.is_empty() {
        return Ok(());
    }
    const COLUMNS: [Column; 5] = [Column::Name, Column::Figure, Column::Figure, Column::Figure, Column::Figure];
    let names = ["job", "time", "memory at most", "granted", "share"];
    let mut table = Table::begin(out, "The longest jobs", &COLUMNS, &names)?;
    for attempt in tried.iter().take(LONGEST) {
        let share = match attempt.grant {
            Bytes::ZERO => "–".into(),
            grant => format!("{:.0} %", attempt.peak.0 as f64 * 100.0 / grant.0 as f64),
        };
        table.row(&[&attempt.job, &short(attempt.end_s - attempt.begin_s), &attempt.peak, &attempt.grant, &share])?;
    }
    table.end()
}
