//! The summary of a batch that came to its end.

use swath::batch::BatchOutcome;

use super::{Align, Table, grouped};
use crate::moment::spoken;

/// The summary for people.
pub fn text(outcome: &BatchOutcome) -> String {
    let jobs = &outcome.jobs;
    let mut counts = Table::new(&[Align::Right, Align::Left]);
    for (count, name) in [
        (jobs.done, "done"),
        (jobs.skipped, "done before"),
        (jobs.set_aside, "set aside"),
        (jobs.left, "left, since one was set aside"),
    ] {
        if count > 0 || name == "done" {
            counts.row([&grouped(count as u64), &name]);
        }
    }
    let noun = if jobs.planned == 1 { "job" } else { "jobs" };
    let mut text = format!("{} {noun}\n{}", grouped(jobs.planned as u64), counts.render(2));
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    if let Some(failed) = &outcome.failed {
        let mut reasons = outcome.reasons.clone();
        reasons.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
        let words = reasons.iter().map(|(reason, count)| format!("{} ({})", reason.words(), grouped(*count as u64)));
        facts.row([&"failed", &format!("{}: {}", failed.display(), words.collect::<Vec<_>>().join(", "))]);
    }
    let total = &outcome.outputs_total;
    facts.row([&"outputs", &format!("{}, {}", grouped(total.outputs), total.bytes)]);
    if jobs.retried > 0 {
        facts.row([&"retried", &format!("{} times", grouped(jobs.retried as u64))]);
    }
    facts.row([&"time", &spoken(outcome.time.wall_s)]);
    let memory = &outcome.memory;
    facts.row([
        &"memory",
        &format!(
            "{} granted at most, {} the batch itself, ceiling {}",
            memory.granted_peak, memory.supervisor_peak, memory.ceiling
        ),
    ]);
    text.push_str(&facts.render(0));
    text
}
