//! What changed from one run to another, figure by figure.

use serde::Serialize;
use swath_core::Bytes;

use super::record::{Record, Stage};

/// What counts as worse: by more than this share, and by more than what differs from run to run anyway.
const WORSE: f64 = 0.10;
const SECONDS_APART: f64 = 0.1;
const BYTES_APART: f64 = 2e6;

/// What a figure is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Time.
    Seconds,
    /// Memory or disk.
    Bytes,
    /// A number of something.
    Count,
}

/// A figure of two runs; none where a run does not have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What it is.
    pub name: String,
    /// In what.
    pub unit: Unit,
    /// In the first run.
    pub before: Option<f64>,
    /// In the second one.
    pub after: Option<f64>,
    /// The second one less the first, as a share of the first.
    pub share: Option<f64>,
    /// Whether the second one is worse, by more than 10 %.
    pub worse: bool,
}

/// All figures of two runs, in the order in which they are told.
pub fn compare(before: &Record, after: &Record) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |name: &str, unit: Unit, of: &dyn Fn(&Record) -> Option<f64>| {
        let change = Change::of(name.into(), unit, of(before), of(after));
        if change.before.is_some() || change.after.is_some() {
            changes.push(change);
        }
    };
    let bytes = |bytes: Bytes| (bytes > Bytes::ZERO).then_some(bytes.0 as f64);
    add("wall time", Unit::Seconds, &|run| Some(run.time.wall_s));
    add("processor time", Unit::Seconds, &|run| Some(run.time.cpu_s));
    add("memory, peak", Unit::Bytes, &|run| bytes(run.memory.actual_peak));
    add("memory, predicted", Unit::Bytes, &|run| bytes(run.memory.predicted_peak));
    add("memory, ceiling", Unit::Bytes, &|run| bytes(run.memory.ceiling));
    add("scratch", Unit::Bytes, &|run| Some(run.result.as_ref()?.scratch.actual.0 as f64));
    add("output", Unit::Bytes, &|run| {
        Some(run.result.as_ref()?.outputs.iter().map(|output| output.bytes.0 as f64).sum())
    });
    add("tasks split", Unit::Count, &|run| Some(run.stages.iter().map(|stage| stage.split as f64).sum()));
    add("tasks tried again", Unit::Count, &|run| Some(run.stages.iter().map(|stage| stage.retried as f64).sum()));
    type OfRows = fn(&swath::outcome::Rows) -> u64;
    let of_rows: [(&str, OfRows); 4] = [
        ("rows read", |rows| rows.read),
        ("rows written", |rows| rows.written),
        ("rows duplicate", |rows| rows.duplicate),
        ("rows rejected", |rows| rows.rejected),
    ];
    for (name, of) in of_rows {
        add(name, Unit::Count, &|run| Some(of(run.result.as_ref()?.rows.as_ref()?) as f64));
    }
    let is_told = |stage: &&Stage| stage.done > 0;
    let mut names: Vec<&str> = before.stages.iter().filter(is_told).map(|stage| stage.name.as_str()).collect();
    for stage in after.stages.iter().filter(is_told) {
        if !names.contains(&stage.name.as_str()) {
            names.push(&stage.name);
        }
    }
    for name in names {
        let of = |run: &Record| run.stages.iter().find(|stage| stage.name == name && stage.done > 0).cloned();
        add(&format!("{name}, wall"), Unit::Seconds, &|run| of(run).map(|stage| stage.end_s - stage.begin_s));
        add(&format!("{name}, processor"), Unit::Seconds, &|run| of(run).map(|stage| stage.cpu_s));
        add(&format!("{name}, longest task"), Unit::Seconds, &|run| of(run).map(|stage| stage.longest_s));
    }
    changes
}

impl Change {
    fn of(name: String, unit: Unit, before: Option<f64>, after: Option<f64>) -> Change {
        let share = before.zip(after).filter(|(before, _)| *before > 0.0).map(|(before, after)| after / before - 1.0);
        // More rows, or a larger ceiling, are nothing bad.
        let can_be =
            name != "memory, ceiling" && (unit != Unit::Count || name.starts_with("tasks") || name == "rows rejected");
        let apart = match unit {
            Unit::Seconds => SECONDS_APART,
            Unit::Bytes => BYTES_APART,
            Unit::Count => 0.5,
        };
        let grew = before.zip(after).map_or(0.0, |(before, after)| after - before);
        let worse = can_be && grew > apart && share.is_none_or(|share| share > WORSE);
        Change { name, unit, before, after, share, worse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_got_worse_is_told_from_what_differs_anyway() {
        for (name, unit, before, after, worse) in [
            ("wall time", Unit::Seconds, Some(10.0), Some(11.5), true),
            ("wall time", Unit::Seconds, Some(10.0), Some(10.9), false),
            ("wall time", Unit::Seconds, Some(0.05), Some(0.14), false),
            ("wall time", Unit::Seconds, Some(11.5), Some(10.0), false),
            ("memory, peak", Unit::Bytes, Some(50e6), Some(60e6), true),
            ("memory, peak", Unit::Bytes, Some(5e6), Some(6e6), false),
            ("memory, ceiling", Unit::Bytes, Some(50e6), Some(90e6), false),
            ("scratch", Unit::Bytes, Some(0.0), Some(90e6), true),
            ("rows read", Unit::Count, Some(10.0), Some(100.0), false),
            ("rows rejected", Unit::Count, Some(0.0), Some(1.0), true),
            ("tasks split", Unit::Count, Some(4.0), Some(5.0), true),
            ("encode, wall", Unit::Seconds, None, Some(5.0), false),
        ] {
            assert_eq!(Change::of(name.into(), unit, before, after).worse, worse, "{name} {before:?} {after:?}");
        }
    }
}
