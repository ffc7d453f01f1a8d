//! The summary of a run that is complete.

use std::path::Path;

use swath::outcome::{Outcome, Rows};
use swath_core::Bytes;

use super::{Align, Table, grouped};
use crate::moment::spoken;

/// The summary for people.
pub fn text(outcome: &Outcome) -> String {
    let mut text = outcome.rows.as_ref().map(counts).unwrap_or_default();
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    for output in &outcome.outputs {
        let files = if output.files == 1 { "file" } else { "files" };
        facts.row([
            &"output",
            &format!("{}: {} {files}, {}", output.path.display(), grouped(output.files), output.bytes),
        ]);
    }
    if let Some(lake) = &outcome.lake {
        let files = if lake.files_after == 1 { "file" } else { "files" };
        let replaced = match lake.rows_replaced {
            0 => String::new(),
            replaced => format!(", {} of them replaced", grouped(replaced)),
        };
        facts.row([
            &"lake",
            &format!(
                "{} rows in {} {files}, before {} in {}{replaced}",
                grouped(lake.rows_after),
                grouped(lake.files_after),
                grouped(lake.rows_before),
                grouped(lake.files_before)
            ),
        ]);
    }
    if outcome.rows.as_ref().is_some_and(|rows| rows.rejected > 0) {
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
    text.push_str(&facts.render(0));
    text
}

/// What became of the rows.
fn counts(rows: &Rows) -> String {
    let mut table = Table::new(&[Align::Right, Align::Left]);
    for (count, name) in [
        (rows.written, "written"),
        (rows.merged.unwrap_or(0), "merged"),
        (rows.duplicate, "duplicate"),
        (rows.filtered, "filtered"),
        (rows.late, "late"),
        (rows.rejected, "rejected"),
    ] {
        if count > 0
            || name == "written"
            || (name == "merged" && rows.merged.is_some())
            || name == "duplicate"
            || name == "rejected"
        {
            table.row([&grouped(count), &name]);
        }
    }
    format!("{} rows read\n{}", grouped(rows.read), table.render(2))
}

/// Reasons of rejects that the summary names.
const REASONS_SHOWN: usize = 3;

/// Where the rejects are and what most of them have in common.
fn rejects(outcome: &Outcome) -> String {
    let place = outcome.outputs.first().map(|output| rejects_path(&output.path)).unwrap_or_default();
    // What is in brackets is no reason but a remark.
    let (remarks, reasons): (Vec<_>, Vec<_>) = outcome.rejects.iter().partition(|(reason, _)| reason.starts_with('('));
    let more = match reasons.len().saturating_sub(REASONS_SHOWN) {
        0 => None,
        1 => Some("and 1 more reason".to_string()),
        more => Some(format!("and {more} more reasons")),
    };
    let words = |(reason, count): &&(String, u64)| format!("{reason} ({})", grouped(*count));
    let shown = reasons.iter().take(REASONS_SHOWN).map(words).chain(more).chain(remarks.iter().map(words));
    let shown: Vec<String> = shown.collect();
    match shown.is_empty() {
        true => place,
        false => format!("{place}: {}", shown.join(", ")),
    }
}

fn rejects_path(lake: &Path) -> String {
    lake.join("_swath/rejects.ndjson").display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_that_are_not_named_are_counted() {
        let line = |counts: &[(&str, u64)]| {
            let rejects = counts.iter().map(|(reason, count)| (reason.to_string(), *count)).collect();
            let outputs = vec![swath::outcome::Output { path: "lake".into(), ..Default::default() }];
            super::rejects(&Outcome { rejects, outputs, ..Outcome::default() })
        };
        let place = "lake/_swath/rejects.ndjson";
        assert_eq!(line(&[]), place);
        assert_eq!(line(&[("a", 1_000), ("b", 2), ("c", 1)]), format!("{place}: a (1,000), b (2), c (1)"));
        let four = [("a", 4), ("b", 3), ("c", 2), ("d", 1)];
        assert_eq!(line(&four), format!("{place}: a (4), b (3), c (2), and 1 more reason"));
        let six = [&four[..], &[("e", 1), ("(not kept)", 7)]].concat();
        assert_eq!(line(&six), format!("{place}: a (4), b (3), c (2), and 2 more reasons, (not kept) (7)"));
    }
}
