//! The summary of a run that is complete.

use std::path::Path;

use swath::outcome::Outcome;
use swath_core::Bytes;

use super::{Align, Table, grouped};
use crate::moment::spoken;

/// The summary for people.
pub fn text(outcome: &Outcome) -> String {
    let rows = &outcome.rows;
    let mut text = format!("{} rows read\n", grouped(rows.read));
    let mut table = Table::new(&[Align::Right, Align::Left]);
    for (count, name) in [
        (rows.written, "written"),
        (rows.duplicate, "duplicate"),
        (rows.filtered, "filtered"),
        (rows.late, "late"),
        (rows.rejected, "rejected"),
    ] {
        if count > 0 || name == "written" || name == "duplicate" || name == "rejected" {
            table.row([&grouped(count), &name]);
        }
    }
    text.push_str(&table.render(2));
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    for output in &outcome.outputs {
        let files = if output.files == 1 { "file" } else { "files" };
        facts.row([
            &"output",
            &format!("{}: {} {files}, {}", output.path.display(), grouped(output.files), output.bytes),
        ]);
    }
    if rows.rejected > 0 {
        facts.row([&"rejects", &rejects(outcome)]);
    }
    let chunks = &outcome.chunks;
    if chunks.skipped_by_resume > 0 {
        facts.row([
            &"resumed",
            &format!("{} of {} tasks were done before", grouped(chunks.skipped_by_resume), grouped(chunks.planned)),
        ]);
    }
    let time = &outcome.time;
    facts.row([&"time", &format!("{} ({} of processor)", spoken(time.wall_s), spoken(time.cpu_s))]);
    let memory = &outcome.memory;
    facts.row([
        &"memory",
        &format!("{} at most, {} predicted, ceiling {}", memory.actual_peak, memory.predicted_peak, memory.ceiling),
    ]);
    if outcome.scratch.actual > Bytes::ZERO {
        facts.row([&"scratch", &format!("{} at most", outcome.scratch.actual)]);
    }
    text + &facts.render(0)
}

/// Where the rejects are and what most of them have in common.
fn rejects(outcome: &Outcome) -> String {
    let place = outcome.outputs.first().map(|output| rejects_path(&output.path)).unwrap_or_default();
    let reasons: Vec<String> =
        outcome.rejects.iter().take(3).map(|(reason, count)| format!("{reason} ({})", grouped(*count))).collect();
    match reasons.is_empty() {
        true => place,
        false => format!("{place}: {}", reasons.join(", ")),
    }
}

fn rejects_path(lake: &Path) -> String {
    lake.join("_swath/rejects.ndjson").display().to_string()
}
