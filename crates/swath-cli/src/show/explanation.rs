//! The plan of a job that has not run.

use serde::Serialize;
use swath::outcome::Explanation;
use swath_core::{Bytes, LedgerLine};

use super::{Align, Table, grouped};

/// The plan for people.
///
/// `ceiling_source` tells where the ceiling comes from.
pub fn text(plan: &Explanation, ceiling_source: &str) -> String {
    let ledger = &plan.ledger;
    let mut text = format!("{}: a plan; nothing has been run\n\n", plan.command);
    text.push_str(&memory(plan));
    let mut facts = Table::new(&[Align::Left, Align::Left]);
    facts.row([&"ceiling", &format!("{} ({ceiling_source})", ledger.ceiling)]);
    // Rounded up, so that what is shown would do.
    let smallest = Bytes(ledger.smallest_ceiling.0.div_ceil(100_000) * 100_000);
    facts.row([&"smallest ceiling", &smallest]);
    facts.row([&"bound by", &ledger.bound_by]);
    facts.row([&"input", &format!("{}, {}", counted(plan.input.files, "file"), plan.input.bytes)]);
    facts.row([&"scratch", &plan.scratch]);
    facts.row([&"output", &format!("about {}", plan.output)]);
    text.push('\n');
    text.push_str(&facts.render(0));
    text.push_str("\nsteps\n");
    let mut steps = Table::new(&[Align::Left, Align::Left]);
    for (name, tasks) in &plan.stages {
        steps.row([name, &tasks.map_or("known once the step before is done".into(), |tasks| counted(tasks, "task"))]);
    }
    text.push_str(&steps.render(2));
    if !plan.choices.is_empty() {
        text.push_str("\nchoices\n");
        let mut choices = Table::new(&[Align::Left, Align::Left]);
        for (name, value) in &plan.choices {
            choices.row([name, value]);
        }
        text.push_str(&choices.render(2));
    }
    text
}

/// The ledger, line by line.
fn memory(plan: &Explanation) -> String {
    let ledger = &plan.ledger;
    let mut table = Table::new(&[Align::Left, Align::Right, Align::Left]);
    let mut lines = |lines: &[LedgerLine]| {
        for line in lines {
            table.row([&line.name, &line.bytes, &line.reason]);
        }
    };
    lines(&ledger.fixed);
    lines(&ledger.kept);
    let largest = ledger.task_bytes_max();
    for line in &ledger.tasks {
        let mark = if line.bytes == largest { format!(" × {} at once", ledger.workers) } else { String::new() };
        table.row([&format!("task: {}", line.name), &line.bytes, &format!("{}{mark}", line.reason)]);
    }
    table.row([&"predicted peak", &plan.predicted_peak, &sum(plan)]);
    format!("memory, at most\n{}", table.render(2))
}

/// How the peak adds up.
fn sum(plan: &Explanation) -> String {
    let ledger = &plan.ledger;
    let mut parts = vec![format!("{} fixed", ledger.fixed_bytes())];
    if ledger.kept_bytes() > Bytes::ZERO {
        parts.push(format!("{} kept", ledger.kept_bytes()));
    }
    parts.push(format!("{} × {}", ledger.workers, ledger.task_bytes_max()));
    format!("= {}", parts.join(" + "))
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// The plan for programs: the explanation, its status, who set the ceiling and the warnings.
#[derive(Serialize)]
pub struct Planned<'a> {
    status: &'a str,
    exit: u8,
    #[serde(flatten)]
    plan: &'a Explanation,
    smallest_ceiling: Bytes,
    ceiling_set_by: &'a str,
    warnings: &'a [String],
}

impl<'a> Planned<'a> {
    /// A plan that would be run.
    pub fn new(plan: &'a Explanation, ceiling_set_by: &'a str, warnings: &'a [String]) -> Planned<'a> {
        let smallest_ceiling = plan.ledger.smallest_ceiling;
        Planned { status: "planned", exit: 0, plan, smallest_ceiling, ceiling_set_by, warnings }
    }
}
