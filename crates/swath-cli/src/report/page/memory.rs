//! Memory over time against the ceiling, the prediction and the layers of the ledger; and the ledger line by line.

use std::io::{Result, Write};

use swath_core::{Bytes, Ledger};

use super::chart::{self, Frame};
use super::html::{Column, Table, Text};
use crate::report::{Record, Sample};

/// Parts of the time that tell what was when they are pointed at.
const TOUCHED: usize = 120;
/// The least room between two names at the right.
const APART: f64 = 14.0;

/// Writes the section.
pub fn section(record: &Record, out: &mut dyn Write) -> Result<()> {
    writeln!(out, "<section><h2>Memory</h2>")?;
    if record.samples.len() > 1 {
        picture(record, out)?;
    }
    if let Some(plan) = &record.plan {
        ledger(&plan.ledger, out)?;
    }
    writeln!(out, "</section>")
}

/// The layers of a ledger from below, as (class, name, bytes).
fn layers(ledger: &Ledger) -> Vec<(&'static str, String, Bytes)> {
    let program = ledger.fixed.first().map_or(Bytes::ZERO, |line| line.bytes);
    let tasks = ledger.task_bytes_max() * ledger.workers as u64;
    [
        ("band1", "program".to_string(), program),
        ("band2", "fixed".to_string(), ledger.fixed_bytes() - program),
        ("band3", "kept".to_string(), ledger.kept_bytes()),
        ("band4", if ledger.workers == 1 { "1 task".into() } else { format!("{} tasks", ledger.workers) }, tasks),
    ]
    .into_iter()
    .filter(|(_, _, bytes)| *bytes > Bytes::ZERO)
    .collect()
}

fn picture(record: &Record, out: &mut dyn Write) -> Result<()> {
    let (ceiling, predicted) = (record.memory.ceiling.0 as f64, record.memory.predicted_peak.0 as f64);
    let seen = record.samples.iter().max_by_key(|sample| sample.resident).copied().unwrap_or_default();
    let leased = |sample: &Sample| (sample.fixed + sample.tasks + sample.kept) as f64;
    let most_leased = record.samples.iter().map(leased).fold(0.0, f64::max);
    let highest = predicted.max(record.memory.actual_peak.0 as f64).max(seen.resident as f64).max(most_leased);
    // A ceiling that is far above would leave no room for all else.
    let is_far = ceiling > 2.5 * highest;
    let most = if is_far { highest * 1.3 } else { ceiling.max(highest) * 1.06 };
    let frame = Frame { top: 24.0, height: 300.0, seconds: super::seconds(record), most: most.max(1.0) };
    writeln!(out, "<figure>")?;
    frame.begin(
        out,
        &format!(
            "Memory over time: {} resident at most, {} predicted, ceiling {}",
            record.memory.actual_peak, record.memory.predicted_peak, record.memory.ceiling
        ),
    )?;
    let mut names: Vec<(f64, &str, String)> = Vec::new();
    if let Some(plan) = &record.plan {
        let mut below = 0.0;
        for (class, name, bytes) in layers(&plan.ledger) {
            let (bottom, top) = (frame.y(below), frame.y(below + bytes.0 as f64));
            let said = format!("{name}: {bytes} at most");
            chart::rectangle(out, class, (Frame::LEFT, top), (Frame::RIGHT - Frame::LEFT, bottom - top), &said)?;
            names.push(((bottom + top) / 2.0, "soft", format!("{name} {bytes}")));
            below += bytes.0 as f64;
        }
    }
    frame.values(out, 6.0, &|value| Bytes(value as u64).to_string())?;
    frame.times(out)?;
    frame.stages(out, &record.stages, true)?;
    let across =
        |out: &mut dyn Write, class: &str, y: f64| chart::line(out, class, (Frame::LEFT, y), (Frame::RIGHT, y));
    if predicted > 0.0 {
        across(out, "predicted", frame.y(predicted))?;
        names.push((frame.y(predicted), "warn", format!("predicted {}", record.memory.predicted_peak)));
    }
    if ceiling > 0.0 && !is_far {
        across(out, "ceiling", frame.y(ceiling))?;
        names.push((frame.y(ceiling), "bad", format!("ceiling {}", record.memory.ceiling)));
    } else if ceiling > 0.0 {
        names.push((frame.top + 4.0, "bad", format!("↑ ceiling {}", record.memory.ceiling)));
    }
    if most_leased > 0.0 {
        frame.curve(out, "curve2 dashed", record.samples.iter().map(|sample| (sample.at_s, leased(sample))))?;
    }
    frame.curve(out, "curve", record.samples.iter().map(|sample| (sample.at_s, sample.resident as f64)))?;
    let (x, y) = (frame.x(seen.at_s), frame.y(seen.resident as f64));
    writeln!(out, "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>")?;
    side_names(out, names, frame)?;
    frame.touch(out, TOUCHED, &|begin, end| {
        let at = record.samples.partition_point(|sample| sample.at_s < begin);
        let sample = record.samples[at..].iter().take_while(|sample| sample.at_s <= end).max_by_key(|it| it.resident);
        let sample = sample.or(record.samples.get(at))?;
        let stage = record.stages.iter().rev().find(|stage| stage.begin_s <= sample.at_s);
        Some(format!(
            "{}{:.2} s: {} resident, {} leased, {} on the heap, scratch {}",
            stage.map(|stage| format!("{}, ", stage.name)).unwrap_or_default(),
            sample.at_s,
            Bytes(sample.resident),
            Bytes(leased(sample) as u64),
            Bytes(sample.heap),
            Bytes(sample.scratch)
        ))
    })?;
    writeln!(out, "</svg><figcaption>")?;
    let (resident, leased) = match record.batch {
        Some(_) => {
            ("resident set of all processes, as they told it", "granted to jobs, with the supervisor's own share")
        }
        None => ("resident set of the process", "leased by tasks and tables"),
    };
    write!(
        out,
        "<i class=\"key rule\" style=\"color:var(--accent)\"></i>{resident} \
         <i class=\"key rule\" style=\"color:var(--second);border-top-style:dashed\"></i>{leased}. "
    )?;
    if record.plan.is_some() {
        write!(
            out,
            "Layers are what the plan allows: the program, what is held throughout, what is kept between steps, tasks \
             side by side; from there to the ceiling is slack."
        )?;
    }
    writeln!(out, "</figcaption></figure>")
}

/// Names at the right of a picture, moved apart where they would stand on each other.
fn side_names(out: &mut dyn Write, mut names: Vec<(f64, &str, String)>, frame: Frame) -> Result<()> {
    // From below upwards; then back down if they were pushed beyond the upper edge.
    names.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut below = frame.bottom() + APART;
    for name in &mut names {
        name.0 = name.0.min(below - APART);
        below = name.0;
    }
    let mut above = frame.top - APART;
    for name in names.iter_mut().rev() {
        name.0 = name.0.max(above + APART);
        above = name.0;
    }
    for (y, class, words) in names {
        chart::text(out, (Frame::RIGHT + 7.0, y + 4.0), class, "start", &words)?;
    }
    Ok(())
}

fn ledger(ledger: &Ledger, out: &mut dyn Write) -> Result<()> {
    const COLUMNS: [Column; 3] = [Column::Name, Column::Figure, Column::Words];
    writeln!(out, "<h3>The ledger</h3>")?;
    writeln!(
        out,
        "<p class=\"soft\">What the plan allows each part at most, bound by {}. The smallest ceiling that would do is {}.</p>",
        Text(&ledger.bound_by),
        Bytes(ledger.smallest_ceiling.0.div_ceil(100_000) * 100_000)
    )?;
    let mut table = Table::begin(out, "", &COLUMNS, &["", "at most", "for"])?;
    for line in ledger.fixed.iter().chain(&ledger.kept) {
        table.row(&[&line.name, &line.bytes, &line.reason])?;
    }
    let largest = ledger.task_bytes_max();
    for line in &ledger.tasks {
        let times = if line.bytes == largest { format!(", × {} at once", ledger.workers) } else { String::new() };
        table.row(&[&format!("task: {}", line.name), &line.bytes, &format!("{}{times}", line.reason)])?;
    }
    table.sum(&[&"predicted peak", &ledger.predicted_peak(), &""])?;
    table.end()
}
