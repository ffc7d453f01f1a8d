//! What a job will do and what it will cost, before it does anything.
//!
//! A plan holds stages in order; a stage cuts its canonical units into tasks. Units depend on data and options
//! only, never on the ceiling: a run that died at 256 MB can be resumed at 64 MB. This file runs nothing.

use std::cmp::Ordering;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Budget, Bytes, Error, Lease, Receipt, Receipts, Result, Stop};
use std::sync::Arc;

/// The address of a piece of work: a range of the canonical units of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskKey {
    /// The stage's position in the plan.
    pub stage: u16,
    /// The units.
    pub units: Range<u64>,
}

impl Ord for TaskKey {
    fn cmp(&self, other: &TaskKey) -> Ordering {
        let order = |key: &TaskKey| (key.stage, key.units.start, key.units.end);
        order(self).cmp(&order(other))
    }
}

impl PartialOrd for TaskKey {
    fn partial_cmp(&self, other: &TaskKey) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A task and the most memory that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSpec {
    /// Which work.
    pub key: TaskKey,
    /// Peak memory of the task, leased before it starts.
    pub bytes: Bytes,
}

/// What a running task is given.
pub struct TaskContext<'a> {
    /// Receipts of all finished tasks of this and earlier stages.
    pub done: &'a Receipts,
    /// The memory of the task.
    pub lease: &'a mut Lease,
    /// Raised when the run should end soon.
    pub stop: &'a Stop,
    /// The budget of the run, for what outlives the task.
    pub budget: &'a Arc<Budget>,
}

/// One step of a plan: units, cut into tasks that are independent of each other.
pub trait Stage: Send + Sync {
    /// A verb that tells what the step does, for people: "route", "settle".
    fn name(&self) -> &str;

    /// The largest task of the stage, held against the ceiling before anything runs.
    fn task_bytes_max(&self) -> Bytes;

    /// How many tasks are useful at once, whatever the machine has.
    fn workers_max(&self) -> usize {
        usize::MAX
    }

    /// The amount of input that a unit stands for, for the progress bar; zero if the stage is quick.
    fn work_bytes(&self, _key: &TaskKey) -> Bytes {
        Bytes::ZERO
    }

    /// The tasks that are not yet covered by a receipt in `done`; called once all earlier stages are complete.
    ///
    /// # Errors
    /// When what the earlier stages found makes the rest impossible.
    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>>;

    /// Tasks that only what this stage did itself could show; asked for whenever all of its tasks are done, until there
    /// are none.
    ///
    /// # Errors
    /// When what the stage found makes the rest impossible.
    fn more(&self, _done: &Receipts) -> Result<Vec<TaskSpec>> {
        Ok(Vec::new())
    }

    /// Does the work of one key. Doing it twice equals doing it once: it counts only through its receipt.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease is too small; anything else ends the run.
    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt>;

    /// The same work in smaller pieces, or `None` if it cannot be cut.
    fn split(&self, _key: &TaskKey) -> Option<Vec<TaskSpec>> {
        None
    }

    /// Called by each worker once, when it has no task of the stage left: what it keeps from task to task goes here, since
    /// an allocator may hold back what another thread frees for one that has ended.
    fn worker_ends(&self) {}

    /// Called once, in order, when all tasks of the stage are done and before the next stage starts.
    ///
    /// # Errors
    /// When what the stage produced cannot be put together.
    fn finish(&self, _done: &Receipts) -> Result<()> {
        Ok(())
    }
}

/// One line of the memory ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerLine {
    /// What holds the memory.
    pub name: String,
    /// How much at most.
    pub bytes: Bytes,
    /// Where the figure comes from.
    pub reason: String,
}

/// The memory of a job, added up before it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The ceiling that it was drawn up for.
    pub ceiling: Bytes,
    /// What is held from the first to the last moment: the program itself, tables, caches.
    pub fixed: Vec<LedgerLine>,
    /// What one task takes at most, per stage.
    pub tasks: Vec<LedgerLine>,
    /// What may be kept between tasks instead of being spilled.
    pub kept: Vec<LedgerLine>,
    /// How many tasks run at once.
    pub workers: usize,
    /// The smallest ceiling that this job can run in.
    pub smallest_ceiling: Bytes,
    /// What set the number of workers and the amount kept: "cores", "memory", "input".
    pub bound_by: String,
}

impl Ledger {
    /// Everything that is held throughout.
    pub fn fixed_bytes(&self) -> Bytes {
        self.fixed.iter().map(|line| line.bytes).sum()
    }

    /// The largest task of any stage.
    pub fn task_bytes_max(&self) -> Bytes {
        self.tasks.iter().map(|line| line.bytes).max().unwrap_or_default()
    }

    /// What may be kept between tasks.
    pub fn kept_bytes(&self) -> Bytes {
        self.kept.iter().map(|line| line.bytes).sum()
    }

    /// The peak of the process: it is promised that the operating system never measures more.
    pub fn predicted_peak(&self) -> Bytes {
        self.fixed_bytes() + self.task_bytes_max() * self.workers as u64 + self.kept_bytes()
    }

    /// Refuses a job that cannot fit.
    ///
    /// # Errors
    /// [`Error::CeilingTooSmall`] with the smallest ceiling that would do, and the largest line of a task.
    pub fn check(&self, what: &str) -> Result<()> {
        if self.smallest_ceiling > self.ceiling {
            let tasks = self.tasks.iter().max_by_key(|line| line.bytes);
            let mostly =
                tasks.map_or(String::new(), |line| format!("{} takes {}: {}", line.name, line.bytes, line.reason));
            return Err(Error::CeilingTooSmall {
                what: what.into(),
                ceiling: self.ceiling,
                smallest: self.smallest_ceiling,
                mostly,
            });
        }
        Ok(())
    }
}

/// A job that has been costed: stages in order, and what they will take.
pub struct Plan {
    /// The command, as in `sensor ingest`.
    pub command: String,
    /// The steps.
    pub stages: Vec<Box<dyn Stage>>,
    /// The memory.
    pub ledger: Ledger,
    /// Scratch disk at most.
    pub scratch: Bytes,
    /// Size of the output, estimated.
    pub output: Bytes,
    /// What was chosen and why, as (name, value): partition, row groups, inferred settings.
    pub choices: Vec<(String, String)>,
}
