//! How fast it went and what it waited for: throughput, processors, reads and writes, pressure.

use std::io::{Result, Write};

use swath_core::Bytes;

use super::chart::{self, Frame};
use crate::report::{Record, Sample};

/// Parts of the time that are told apart at most.
const BINS: usize = 160;

/// Writes the section.
pub fn section(record: &Record, out: &mut dyn Write) -> Result<()> {
    if record.samples.len() < 3 {
        return Ok(());
    }
    let bins = bins(record);
    writeln!(out, "<section><h2>Speed and waiting</h2>")?;
    let work = spread_work(record, bins);
    if work.iter().any(|rate| *rate > 0.0) {
        let rate = |value: f64| format!("{}/s", Bytes(value as u64));
        let words =
            "Throughput: input of each stage that was worked through, each task spread over the time that it took";
        picture(record, out, (words, 150.0), &work, &rate)?;
    }
    if record.batch.is_some() {
        // The supervisor does nothing worth a picture; the jobs have their own reports.
        waiting(record, bins, out)?;
        return writeln!(out, "</section>");
    }
    let busy = changes(record, bins, |sample| sample.cpu_ms as f64 / 1e3);
    let cores = |value: f64| format!("{value:.1}");
    picture(record, out, ("Processors at work, on average", 90.0), &busy, &cores)?;
    let rate = |value: f64| format!("{}/s", Bytes(value as u64));
    for (words, of) in [
        ("Read by the process, from disk or from the system's cache", (|s| s.read as f64) as fn(&Sample) -> f64),
        ("Written by the process", |s| s.written as f64),
    ] {
        let rates = changes(record, bins, of);
        if rates.iter().any(|rate| *rate > 0.0) {
            picture(record, out, (words, 90.0), &rates, &rate)?;
        }
    }
    waiting(record, bins, out)?;
    writeln!(out, "</section>")
}

fn waiting(record: &Record, bins: usize, out: &mut dyn Write) -> Result<()> {
    let percent = |value: f64| format!("{value:.0} %");
    for (name, of) in
        [("a disk", (|s| s.waited_ms as f64 / 10.0) as fn(&Sample) -> f64), ("memory", |s| s.pressed_ms as f64 / 10.0)]
    {
        let shares = changes(record, bins, of);
        let whole = record.samples.last().map_or(0.0, of) / super::seconds(record);
        if whole >= 0.05 {
            let words = format!(
                "Waiting for {name}: share of the time in which some task of the machine did, {whole:.1} % in all"
            );
            picture(record, out, (&words, 70.0), &shares, &percent)?;
        } else {
            writeln!(
                out,
                "<p class=\"soft\">Nothing on this machine waited for {name}, or the system does not tell.</p>"
            )?;
        }
    }
    Ok(())
}

/// So many parts that each has some samples.
fn bins(record: &Record) -> usize {
    (record.samples.len() / 2).clamp(1, BINS)
}

/// What chunks stand for, spread over the time that they took, each second of each part.
fn spread_work(record: &Record, bins: usize) -> Vec<f64> {
    let width = super::seconds(record) / bins as f64;
    let mut work = vec![0.0; bins];
    for chunk in &record.chunks {
        let length = (chunk.end_s - chunk.begin_s).max(1e-6);
        let first = ((chunk.begin_s / width).max(0.0) as usize).min(bins - 1);
        let last = ((chunk.end_s / width).max(0.0) as usize).clamp(first, bins - 1);
        for (number, bin) in work.iter_mut().enumerate().take(last + 1).skip(first) {
            let (begin, end) = (number as f64 * width, (number + 1) as f64 * width);
            let shared = (chunk.end_s.min(end) - chunk.begin_s.max(begin)).max(0.0);
            *bin += chunk.work as f64 * (shared / length) / width;
        }
    }
    work
}

/// How much a sum grew in each part of the time, each second; between two samples it grows evenly.
fn changes(record: &Record, bins: usize, of: fn(&Sample) -> f64) -> Vec<f64> {
    let width = super::seconds(record) / bins as f64;
    let at = |second: f64| {
        let after = record.samples.partition_point(|sample| sample.at_s < second);
        match (after.checked_sub(1).and_then(|at| record.samples.get(at)), record.samples.get(after)) {
            (Some(before), Some(after)) => {
                let share = (second - before.at_s) / (after.at_s - before.at_s).max(1e-9);
                of(before) + (of(after) - of(before)) * share.clamp(0.0, 1.0)
            }
            (Some(only), None) | (None, Some(only)) => of(only),
            (None, None) => 0.0,
        }
    };
    let edges: Vec<f64> = (0..=bins).map(|number| at(number as f64 * width)).collect();
    edges.windows(2).map(|pair| ((pair[1] - pair[0]) / width).max(0.0)).collect()
}

fn picture(
    record: &Record,
    out: &mut dyn Write,
    (words, height): (&str, f64),
    rates: &[f64],
    name: &dyn Fn(f64) -> String,
) -> Result<()> {
    let most = rates.iter().copied().fold(0.0, f64::max);
    let frame = Frame { top: 8.0, height, seconds: super::seconds(record), most: (most * 1.08).max(1e-3) };
    writeln!(out, "<figure>")?;
    frame.begin(out, &format!("{words}: at most {}", name(most)))?;
    frame.values(out, if height > 100.0 { 4.0 } else { 2.0 }, name)?;
    frame.stages(out, &record.stages, false)?;
    frame.steps(out, rates)?;
    frame.times(out)?;
    chart::text(out, (Frame::RIGHT + 7.0, frame.y(most) + 4.0), "soft", "start", &format!("at most {}", name(most)))?;
    frame.touch(out, rates.len(), &|begin, end| {
        let rate = rates.get(((begin + end) / 2.0 / frame.seconds * rates.len() as f64) as usize)?;
        Some(format!("{begin:.2} to {end:.2} s: {}", name(*rate)))
    })?;
    writeln!(out, "</svg><figcaption>{}</figcaption></figure>", super::html::Text(words))
}
