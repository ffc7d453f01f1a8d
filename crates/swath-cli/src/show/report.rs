//! A report in short, and two of them side by side.

use swath_core::Bytes;

use super::{Align, Table, grouped};
use crate::moment::spoken;
use crate::report::{Change, Record, Unit, shell};

/// The run for people.
pub fn text(record: &Record) -> String {
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    facts.row([&"command", &shell(&record.words)]);
    let status = match record.exit {
        0 => record.status.clone(),
        exit => format!("{}, exit {exit}", record.status),
    };
    facts.row([&"status", &status]);
    if let Some(error) = &record.error {
        facts.row([&"error", &error.message]);
    }
    facts.row([&"when", &format!("{} to {}, swath {}", record.started, record.ended, record.swath)]);
    facts.row([&"time", &format!("{} ({} of processor)", spoken(record.time.wall_s), spoken(record.time.cpu_s))]);
    let memory = &record.memory;
    let planned = match memory.predicted_peak {
        Bytes::ZERO if record.batch.is_some() => format!("by the supervisor, ceiling {}", memory.ceiling),
        Bytes::ZERO => "no plan".into(),
        predicted => format!("{predicted} predicted, ceiling {}", memory.ceiling),
    };
    facts.row([&"memory", &format!("{} at most, {planned}", memory.actual_peak)]);
    if let Some(counts) = record.batch.as_ref().and_then(|batch| batch.counts) {
        let all = [
            (counts.done, "done"),
            (counts.skipped, "done by an earlier run"),
            (counts.set_aside, "set aside"),
            (counts.retried, "attempts beyond the first"),
            (counts.left, "left"),
        ];
        let words = all.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = words.map(|(count, word)| format!("{} {word}", grouped(*count as u64))).collect();
        facts.row([&"batch", &format!("{} jobs: {}", grouped(counts.planned as u64), words.join(", "))]);
    }
    if let Some(came) = &record.result {
        if came.scratch.actual > Bytes::ZERO {
            facts.row([&"scratch", &format!("{} at most, {} predicted", came.scratch.actual, came.scratch.predicted)]);
        }
        for output in &came.outputs {
            let files = if output.files == 1 { "file" } else { "files" };
            let words = format!("{}: {} {files}, {}", output.path.display(), grouped(output.files), output.bytes);
            facts.row([&"output", &words]);
        }
        if let Some(rows) = &came.rows {
            let words = [
                (rows.written, "written"),
                (rows.merged.unwrap_or(0), "merged"),
                (rows.duplicate, "duplicate"),
                (rows.filtered, "filtered"),
                (rows.late, "late"),
                (rows.rejected, "rejected"),
            ];
            let words = words.iter().filter(|(count, _)| *count > 0);
            let words: Vec<String> = words.map(|(count, word)| format!("{} {word}", grouped(*count))).collect();
            facts.row([&"rows", &format!("{} read: {}", grouped(rows.read), words.join(", "))]);
        }
    }
    for reject in &record.rejects {
        let example = reject.example.as_ref().map(|example| format!(", one of them: {example}")).unwrap_or_default();
        facts.row([&"rejected", &format!("{} rows: {}{example}", grouped(reject.rows), reject.reason)]);
    }
    for warning in &record.warnings {
        facts.row([&"warning", warning]);
    }
    let mut text = facts.render(0);
    let stages: Vec<_> = record.stages.iter().filter(|stage| stage.done + stage.skipped > 0).collect();
    if !stages.is_empty() {
        let mut table = Table::new(&[
            Align::Left,
            Align::Right,
            Align::Right,
            Align::Right,
            Align::Right,
            Align::Right,
            Align::Right,
        ]);
        table.row([&"stage", &"tasks", &"done before", &"split", &"work", &"time", &"processor"]);
        for stage in stages {
            table.row([
                &stage.name,
                &grouped(stage.done),
                &grouped(stage.skipped),
                &grouped(stage.split),
                &stage.work,
                &figure(Unit::Seconds, stage.end_s - stage.begin_s),
                &figure(Unit::Seconds, stage.cpu_s),
            ]);
        }
        text.push('\n');
        text.push_str(&table.render(0));
    }
    text
}

/// What changed, for people.
pub fn changes(changes: &[Change]) -> String {
    let mut table = Table::new(&[Align::Left, Align::Right, Align::Right, Align::Right, Align::Left]);
    table.row([&"", &"before", &"after", &"change", &""]);
    for change in changes {
        let of = |value: Option<f64>| value.map_or("–".to_string(), |value| figure(change.unit, value));
        let share = change.share.map_or(String::new(), |share| format!("{:+.1} %", share * 100.0));
        let mark = if change.worse { "worse" } else { "" };
        table.row([&change.name, &of(change.before), &of(change.after), &share, &mark]);
    }
    let worse = changes.iter().filter(|change| change.worse).count();
    let sentence = match worse {
        0 => "nothing is worse by more than 10 %".to_string(),
        1 => "1 figure is worse by more than 10 %".into(),
        worse => format!("{worse} figures are worse by more than 10 %"),
    };
    format!("{}\n{sentence}\n", table.render(0))
}

fn figure(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Seconds => format!("{value:.2} s"),
        Unit::Bytes => Bytes(value as u64).to_string(),
        Unit::Count => grouped(value as u64),
    }
}
