//! The executor: runs the stages of a plan in order, their tasks side by side, under a budget.
//!
//! It knows nothing of what tasks do. It decides who starts when, cuts tasks that need too much, records receipts,
//! and ends cleanly on errors, panics and the stop flag.

mod drift;
mod keeper;
mod shared;
mod stage;
#[cfg(test)]
mod tests;
mod watch;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::process::{ResidentSet, Stopwatch, rest_code};
use crate::{Budget, Bytes, Event, Journal, Observer, Plan, Receipts, Result, Stop, fault};
use keeper::Unflushed;
use stage::StageRun;
use watch::Watch;

/// How a plan is run; the parts that do not change what comes out.
pub struct RunOptions<'a> {
    /// Tasks at once at most; the plan and its stages may want fewer.
    pub threads: usize,
    /// How often to give a sign of life.
    pub heartbeat: Option<Duration>,
    /// How much the process may grow from task to task, all together, before the run ends.
    pub drift_limit: Option<Bytes>,
    /// Makes durable what tasks have written to scratch.
    pub sync: &'a (dyn Fn() -> io::Result<()> + Sync),
    /// How much scratch is in use, where there is any: its growth is told as [`Event::Spill`].
    pub scratch: Option<&'a (dyn Fn() -> Bytes + Sync)>,
    /// Above this resident set no task starts while another runs.
    pub soft_mark: Bytes,
    /// The longest time between two flushes of the journal while there is something to flush.
    pub flush_every: Duration,
    /// The most work between two flushes of the journal.
    pub flush_work: Bytes,
    /// At the end of a stage the journal is flushed if at least this much work is not.
    pub flush_at_stage_end: Bytes,
}

impl<'a> RunOptions<'a> {
    /// The usual way under `ceiling`: soft mark at 85 %, a flush every 10 s or 512 MB and at each stage's end.
    pub fn new(threads: usize, ceiling: Bytes, sync: &'a (dyn Fn() -> io::Result<()> + Sync)) -> RunOptions<'a> {
        RunOptions {
            threads,
            heartbeat: None,
            drift_limit: None,
            sync,
            scratch: None,
            soft_mark: ceiling.percent(85),
            flush_every: Duration::from_secs(10),
            flush_work: if fault::keeps_each_task() { Bytes(1) } else { Bytes(512_000_000) },
            flush_at_stage_end: Bytes::ZERO,
        }
    }

    fn scratch_now(&self) -> Bytes {
        self.scratch.map_or(Bytes::ZERO, |scratch| scratch())
    }
}

/// How many tasks came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ChunkCounts {
    /// Tasks of the plan as it was cut at first, those found done included.
    pub planned: u64,
    /// Tasks done by this run; pieces of a cut task count each.
    pub done: u64,
    /// Tasks that a resumed run found done.
    pub skipped_by_resume: u64,
    /// Tasks that were cut into smaller ones.
    pub split: u64,
    /// Tasks that were tried again with more memory.
    pub retried: u64,
}

/// How long a stage took.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StageTime {
    /// Its name.
    pub name: String,
    /// Seconds that passed.
    pub wall_s: f64,
    /// Seconds of processor time, of all threads.
    pub cpu_s: f64,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Summary {
    /// Tasks.
    pub chunks: ChunkCounts,
    /// Seconds that passed.
    pub wall_s: f64,
    /// Seconds of processor time, of all threads.
    pub cpu_s: f64,
    /// The stages in order.
    pub stages: Vec<StageTime>,
    /// The highest resident set that the system measured over the life of the process.
    pub peak_resident: Bytes,
    /// The most that was leased.
    pub peak_leased: Bytes,
    /// The peak that is promised at the end, where need made it more than the plan predicted.
    pub raised_peak: Option<Bytes>,
}

/// Runs `plan`: whatever `receipts` already covers is not done again, and what is done is added to them.
///
/// Tasks see the receipts as they were when their stage began, so nothing depends on which task was faster. Each
/// stage's `finish` runs again in a resumed run, and must come to the same.
///
/// # Errors
/// The first error of any task, after all others have ended; [`crate::Error::Stopped`] when `stop` was raised. The
/// journal then holds all that was finished.
pub fn run(
    plan: &Plan,
    budget: &Arc<Budget>,
    journal: &Journal,
    receipts: &mut Receipts,
    stop: &Stop,
    observer: &dyn Observer,
    options: &RunOptions<'_>,
) -> Result<Summary> {
    let stopwatch = Stopwatch::start();
    let ledger = &plan.ledger;
    observer.on(&Event::Plan {
        command: plan.command.clone(),
        ceiling: ledger.ceiling,
        predicted_peak: ledger.predicted_peak(),
        scratch: plan.scratch,
        output: plan.output,
        workers: ledger.workers,
    });
    let mut summary = Summary::default();
    let mut watch = Watch::new(Instant::now(), options);
    let mut unflushed = Unflushed::nothing();
    for (number, stage) in plan.stages.iter().enumerate() {
        let of_stage = Stopwatch::start();
        rest_code();
        let number = u16::try_from(number).map_err(|_| crate::Error::unexpected("a plan has too many stages"))?;
        let stage_run = StageRun { plan, number, stage: &**stage, budget, journal, stop, observer, options };
        if let Err(error) = stage_run.run(receipts, &mut watch, &mut summary.chunks, &mut unflushed) {
            // What stages left to a later flush is kept; the error that ends the run is the one to tell.
            let _ = journal.flush(options.sync);
            return Err(error);
        }
        summary.stages.push(StageTime {
            name: stage.name().into(),
            wall_s: of_stage.wall_s(),
            cpu_s: of_stage.cpu_s(),
        });
    }
    summary.wall_s = stopwatch.wall_s();
    summary.cpu_s = stopwatch.cpu_s();
    summary.peak_resident = ResidentSet::now().peak.max(watch.peak());
    summary.peak_leased = budget.high_water();
    summary.raised_peak = budget.raised();
    Ok(summary)
}
