//! One stage: its queue of tasks and the workers that empty it.
//!
//! Flushing the journal is the keeper's business, looking at the process from outside the watch's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use super::keeper::{Keeper, Unflushed};
use super::shared::Shared;
use super::watch::Watch;
use super::{ChunkCounts, RunOptions};
use crate::process::{counting, resident_now};
use crate::progress::Standing;
use crate::{
    Budget, Error, Event, Journal, Observer, Plan, Receipt, Receipts, Result, Stage, Stop, TaskContext, TaskKey,
    TaskSpec, fault, progress,
};

/// The stack of a worker; only pages that are used become resident.
const WORKER_STACK: usize = 1 << 20;
/// The stack of the thread that flushes the journal.
const KEEPER_STACK: usize = 256 << 10;

/// A stage, and all that it runs with.
pub(super) struct StageRun<'a> {
    pub(super) plan: &'a Plan,
    pub(super) number: u16,
    pub(super) stage: &'a dyn Stage,
    pub(super) budget: &'a Arc<Budget>,
    pub(super) journal: &'a Journal,
    pub(super) stop: &'a Stop,
    pub(super) observer: &'a dyn Observer,
    pub(super) options: &'a RunOptions<'a>,
}

impl StageRun<'_> {
    /// Does what is not done, and then lets the stage put it together.
    pub(super) fn run(
        &self,
        receipts: &mut Receipts,
        watch: &mut Watch,
        counts: &mut ChunkCounts,
        unflushed: &mut Unflushed,
    ) -> Result<()> {
        self.stop.check()?;
        counting::set_step(self.stage.name());
        let mut tasks = self.guarded(|| self.stage.tasks(receipts))?;
        let skipped = receipts.count_of_stage(self.number);
        counts.planned += skipped;
        counts.skipped_by_resume += skipped;
        self.tell_started(&tasks, skipped);
        while !tasks.is_empty() {
            counts.planned += tasks.len() as u64;
            *unflushed = self.run_tasks(tasks, receipts, watch, counts, unflushed)?;
            self.stop.check()?;
            tasks = self.guarded(|| self.stage.more(receipts))?;
            if !tasks.is_empty() {
                self.tell_started(&tasks, skipped);
            }
        }
        self.stop.check()?;
        self.guarded(|| self.stage.finish(receipts))
    }

    fn tell_started(&self, tasks: &[TaskSpec], skipped: u64) {
        let (name, count) = (self.stage.name(), tasks.len() as u64);
        let work = tasks.iter().map(|task| self.stage.work_bytes(&task.key)).sum();
        progress::stand(|standing| *standing = Standing::of_stage(name, count, work));
        self.observer.on(&Event::StageStarted { stage: name.into(), tasks: count, skipped, work });
    }

    fn run_tasks(
        &self,
        tasks: Vec<TaskSpec>,
        receipts: &mut Receipts,
        watch: &mut Watch,
        counts: &mut ChunkCounts,
        unflushed: &Unflushed,
    ) -> Result<Unflushed> {
        let most = [self.options.threads, self.plan.ledger.workers, self.stage.workers_max(), tasks.len()];
        let workers = most.into_iter().min().unwrap_or(1).max(1);
        watch.begin(tasks.len(), self.options);
        let shared = Shared::new(tasks, workers);
        let keeper = Keeper::new(self.journal, self.options, unflushed);
        let done: &Receipts = receipts;
        std::thread::scope(|scope| {
            let (shared, keeper) = (&shared, &keeper);
            for index in 0..workers {
                let name = format!("{}-{index}", self.stage.name());
                let builder = std::thread::Builder::new().name(name).stack_size(WORKER_STACK);
                let spawned = fault::point("stage.spawn")
                    .and_then(|()| builder.spawn_scoped(scope, move || self.work(shared, keeper, done)));
                if let Err(error) = spawned {
                    shared.worker_missing(&error);
                }
            }
            if self.journal.is_recording() {
                let builder = std::thread::Builder::new().name("journal".into()).stack_size(KEEPER_STACK);
                let spawned = fault::point("journal.spawn")
                    .and_then(|()| builder.spawn_scoped(scope, move || keeper.keep(&mut |error| shared.fail(error))));
                if let Err(error) = spawned {
                    shared.fail(Error::no_thread(&error));
                }
            }
            self.oversee(shared, keeper, watch);
            keeper.end();
        });
        let state = shared.into_state();
        counts.done += state.counts.done;
        counts.split += state.counts.split;
        counts.retried += state.counts.retried;
        for receipt in state.fresh {
            receipts.insert(receipt)?;
        }
        let failure = state.failure.or_else(|| self.stop.check().err());
        // What is done stays done, whatever else happened; the first error is the one to tell.
        let flushed = keeper.flush_at_end(failure.is_some());
        failure.map_or(flushed, Err)
    }

    /// Looks after the workers until the last one has ended: hands on the stop flag, tells of life.
    fn oversee(&self, shared: &Shared, keeper: &Keeper<'_>, watch: &mut Watch) {
        let mut state = shared.lock();
        while state.workers > 0 {
            let chunks = state.counts.done;
            drop(state);
            if self.stop.is_raised() {
                shared.halt.raise();
                shared.tell();
            }
            let leased = self.budget.leased_by_kind();
            if let Err(error) = watch.look(self.observer, (chunks, leased), keeper, self.options) {
                shared.fail(error);
            }
            watch.tell_raised(self.observer, self.budget.raised(), self.plan.ledger.predicted_peak());
            state = shared.lock();
            if state.workers > 0 {
                state = shared.wait(state);
            }
        }
        drop(state);
        watch.tell_scratch(self.observer, self.options.scratch_now());
        watch.tell_raised(self.observer, self.budget.raised(), self.plan.ledger.predicted_peak());
    }

    /// A worker's life.
    fn work(&self, shared: &Shared, keeper: &Keeper<'_>, done: &Receipts) {
        let mut current = None;
        let mut go_on = true;
        while go_on {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                current = self.next_task(shared, keeper);
                current.as_ref().map(|task| self.attempt(task, shared, keeper, done))
            }));
            let failure = match outcome {
                Ok(None) => break,
                Ok(Some(outcome)) => outcome.err(),
                Err(panic) => Some(panicked(&self.what(current.as_ref()), &*panic)),
            };
            go_on = failure.is_none();
            if let Some(error) = failure {
                shared.fail(error);
            }
            shared.lock().taken -= usize::from(current.is_some());
            shared.tell();
        }
        self.end_worker(shared);
        counting::flush_thread();
        shared.lock().workers -= 1;
        shared.tell();
    }

    /// Lets the stage drop what it keeps for this worker, while its thread is still there.
    fn end_worker(&self, shared: &Shared) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.stage.worker_ends())) {
            shared.fail(panicked(&self.what(None), &*panic));
        }
    }

    /// Waits until there is a task to start; none once all are done, or none may start any more.
    fn next_task(&self, shared: &Shared, keeper: &Keeper<'_>) -> Option<TaskSpec> {
        let mut state = shared.lock();
        loop {
            if shared.halt.is_raised() || self.stop.is_raised() {
                return None;
            }
            if state.queue.is_empty() {
                if state.taken == 0 {
                    return None;
                }
                // A running task may yet be cut into pieces.
                state = shared.wait(state);
                continue;
            }
            let resident = resident_now();
            let crowded = resident > self.options.soft_mark;
            // A task that is alone always goes on, or nothing would ever get smaller.
            if state.taken == 0 || !(crowded || keeper.is_behind()) {
                state.taken += 1;
                return state.queue.pop_front();
            }
            if crowded {
                drop(state);
                self.budget.reclaim(resident - self.options.soft_mark);
                state = shared.lock();
            }
            state = shared.wait(state);
        }
    }

    /// Runs a task to its receipt, or cuts it.
    fn attempt(&self, task: &TaskSpec, shared: &Shared, keeper: &Keeper<'_>, done: &Receipts) -> Result<()> {
        let begun = Instant::now();
        let outcome = self.budget.lease_for(&self.what(Some(task)), task.bytes, &shared.halt).and_then(|mut lease| {
            let mut context = TaskContext { done, lease: &mut lease, stop: &shared.halt, budget: self.budget };
            self.stage.run(&task.key, &mut context)
        });
        match outcome {
            Ok(receipt) => self.succeed(task, receipt, begun, shared, keeper),
            Err(Error::Pressure { what, wanted, got }) => {
                self.cut(task, shared, Error::CeilingReached { what, wanted, got })
            }
            Err(error @ (Error::CeilingReached { .. } | Error::MemoryRefused { .. })) => self.cut(task, shared, error),
            Err(error) => Err(error),
        }
    }

    /// What is going on, for messages.
    fn what(&self, task: Option<&TaskSpec>) -> String {
        match task.map(|task| &task.key.units) {
            Some(units) => format!("{} {}..{}", self.stage.name(), units.start, units.end),
            None => self.stage.name().into(),
        }
    }

    /// Runs a part of the stage that has no task; its panics are errors too.
    fn guarded<T>(&self, part: impl FnOnce() -> Result<T>) -> Result<T> {
        catch_unwind(AssertUnwindSafe(part)).unwrap_or_else(|panic| Err(panicked(&self.what(None), &*panic)))
    }

    fn succeed(
        &self,
        task: &TaskSpec,
        receipt: Receipt,
        begun: Instant,
        shared: &Shared,
        keeper: &Keeper<'_>,
    ) -> Result<()> {
        if receipt.key != task.key {
            let got = &receipt.key;
            return Err(Error::unexpected(format!("the receipt of {:?} is made out to {got:?}", task.key)));
        }
        fault::leak();
        let work = self.stage.work_bytes(&task.key);
        self.journal.record(&receipt)?;
        let mut state = shared.lock();
        state.fresh.push(receipt);
        state.counts.done += 1;
        drop(state);
        progress::step();
        progress::stand(|standing| standing.done(work));
        keeper.add(work);
        self.observer.on(&Event::Chunk {
            stage: self.stage.name().into(),
            first: task.key.units.start,
            end: task.key.units.end,
            seconds: begun.elapsed().as_secs_f64(),
            work,
            resident: resident_now(),
        });
        Ok(())
    }

    /// Puts the pieces of a task that needs too much at the front of the queue.
    fn cut(&self, task: &TaskSpec, shared: &Shared, error: Error) -> Result<()> {
        let Some(pieces) = self.stage.split(&task.key) else {
            return Err(error);
        };
        let again = pieces.len() == 1 && pieces[0].key == task.key && pieces[0].bytes > task.bytes;
        if !again && !is_cut_of(&pieces, &task.key) {
            let name = self.stage.name();
            return Err(Error::unexpected(format!("{name} cut {:?} into pieces that are not smaller", task.key)));
        }
        let (stage, first, reason) = (self.stage.name().to_string(), task.key.units.start, error.to_string());
        self.observer.on(&if again {
            Event::Retry { stage, first, reason }
        } else {
            Event::Split { stage, first, end: task.key.units.end, pieces: pieces.len() as u64, reason }
        });
        progress::stand(|standing| standing.cut(pieces.len() as u64));
        let mut state = shared.lock();
        if again {
            state.counts.retried += 1;
        } else {
            state.counts.split += 1;
        }
        pieces.into_iter().rev().for_each(|piece| state.queue.push_front(piece));
        drop(state);
        shared.tell();
        Ok(())
    }
}

/// Whether the pieces, in order, are exactly the units of `whole`, in at least two parts.
fn is_cut_of(pieces: &[TaskSpec], whole: &TaskKey) -> bool {
    let mut next = whole.units.start;
    for piece in pieces {
        let units = &piece.key.units;
        if piece.key.stage != whole.stage || units.start != next || units.end <= units.start {
            return false;
        }
        next = units.end;
    }
    pieces.len() > 1 && next == whole.units.end
}

fn panicked(what: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let words = panic
        .downcast_ref::<&str>()
        .map(|words| (*words).to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".into());
    Error::unexpected(format!("{what} panicked: {words}"))
}
