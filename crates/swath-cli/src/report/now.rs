//! What is true of a run only while it goes on: how far it is, what it holds, who is at work.
//!
//! It is shown and counted, and never written down.

use swath::batch::{AtWork, BatchEvent, JobCounts};
use swath_core::progress::Standing;
use swath_core::{Bytes, Event};

use super::record::Sample;

/// How things stand.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// The process; of a batch the memory of all.
    pub sample: Sample,
    /// The resident set of this process.
    pub own: Bytes,
    /// What was counted since the start; these figures never fall.
    pub totals: Totals,
    /// How far the stage at work is.
    pub standing: Standing,
    /// How long it has been at work, in seconds.
    pub stage_s: f64,
    /// Jobs, of a batch.
    pub batch: Option<BatchNow>,
}

impl Now {
    /// How long the stage will take, if it goes on as it did, in seconds; where that can be told.
    pub fn left_s(&self) -> Option<f64> {
        let share = self.standing.share();
        (self.stage_s > 1.0 && share > 0.0 && share < 1.0).then(|| self.stage_s / share - self.stage_s)
    }
}

/// Sums since the start.
#[derive(Debug, Clone, Copy, Default)]
pub struct Totals {
    /// Tasks of stages that have begun, pieces of cut ones counted.
    pub tasks: u64,
    /// Tasks done.
    pub done: u64,
    /// Tasks that a resumed run found done.
    pub skipped: u64,
    /// Tasks cut.
    pub splits: u64,
    /// Tasks tried again.
    pub retries: u64,
    /// How often something went to scratch.
    pub spills: u64,
    /// Input that was worked through by all stages.
    pub work: Bytes,
    /// Rows rejected; known at the end.
    pub rejected: u64,
    /// Warnings.
    pub warnings: u64,
    /// Signs of life in the log.
    pub heartbeats: u64,
}

impl Totals {
    /// Counts an event.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::StageStarted { tasks, skipped, .. } => {
                self.tasks += tasks;
                self.skipped += skipped;
            }
            Event::Chunk { work, .. } => {
                self.done += 1;
                self.work += *work;
            }
            Event::Split { pieces, .. } => {
                self.splits += 1;
                self.tasks += pieces.saturating_sub(1);
            }
            Event::Retry { .. } => self.retries += 1,
            Event::Spill { .. } => self.spills += 1,
            Event::Reject { rows, .. } => self.rejected += rows,
            Event::Warning { .. } => self.warnings += 1,
            Event::Heartbeat { .. } => self.heartbeats += 1,
            Event::Plan { .. } | Event::Sample { .. } => {}
        }
    }
}

/// How a batch stands.
#[derive(Debug, Clone, Default)]
pub struct BatchNow {
    /// Jobs by what has become of them.
    pub counts: JobCounts,
    /// The ceiling of all processes together.
    pub ceiling: Bytes,
    /// Jobs side by side at most.
    pub workers: usize,
    /// What is granted.
    pub granted: Bytes,
    /// Jobs at work.
    pub running: usize,
    /// Those of them that are shown, by their places.
    pub at_work: Vec<WorkerNow>,
    /// Names of jobs that wait: the first ones.
    pub waiting: Vec<String>,
    /// Signs of life of those that have ended.
    signs_before: u64,
}

/// Names of waiting jobs that are kept at most.
pub const WAITING_MAX: usize = 300;

/// What is kept of a name: of a long one the end, by which paths differ.
pub fn name_of(job: &str) -> String {
    job[job.ceil_char_boundary(job.len().saturating_sub(NAME_MAX))..].into()
}

/// Workers that are shown at most.
const WORKERS_MAX: usize = 64;
/// Bytes of a name that are kept.
const NAME_MAX: usize = 120;

impl BatchNow {
    /// Takes note of an event.
    pub fn note(&mut self, event: &BatchEvent<'_>) {
        match event {
            BatchEvent::Plan { jobs, skipped, workers, ceiling, .. } => {
                self.counts = JobCounts { planned: *jobs, skipped: *skipped, ..JobCounts::default() };
                (self.ceiling, self.workers) = (*ceiling, *workers);
            }
            BatchEvent::Waiting(names) => self.waiting = names.iter().map(|job| name_of(job)).collect(),
            BatchEvent::Job { job, grant, .. } => self.begin(job, *grant),
            BatchEvent::Done { job, .. } => {
                self.counts.done += 1;
                self.end(job, false);
            }
            BatchEvent::Retry { job, .. } => {
                self.counts.retried += 1;
                self.end(job, true);
            }
            BatchEvent::Wait { job, .. } => self.end(job, true),
            BatchEvent::SetAside(aside) => {
                self.counts.set_aside += 1;
                self.end(&aside.name, false);
            }
            BatchEvent::Now(all) => self.stand(all),
            BatchEvent::Heartbeat { .. } => {}
        }
    }

    fn begin(&mut self, job: &str, grant: Bytes) {
        let job = name_of(job);
        self.waiting.retain(|waiting| *waiting != job);
        self.running += 1;
        self.granted += grant;
        if self.at_work.len() < WORKERS_MAX {
            let place = (0..).find(|place| self.at_work.iter().all(|it| it.place != *place)).unwrap_or_default();
            self.at_work.push(WorkerNow { job, place, grant, ..WorkerNow::default() });
        }
    }

    fn end(&mut self, job: &str, goes_on: bool) {
        let job = name_of(job);
        if let Some(position) = self.at_work.iter().position(|it| it.job == job) {
            let ended = self.at_work.remove(position);
            self.running = self.running.saturating_sub(1);
            self.granted = self.granted.saturating_sub(ended.grant);
            self.signs_before += ended.signs;
        }
        match goes_on {
            true => self.waiting.insert(0, job),
            false => self.waiting.retain(|waiting| *waiting != job),
        }
        self.waiting.truncate(WAITING_MAX);
    }

    fn stand(&mut self, all: &[AtWork<'_>]) {
        self.running = all.len();
        self.granted = all.iter().map(|at_work| at_work.grant).sum();
        // What a page shows of many is the first of them.
        self.at_work = all.iter().take(WORKERS_MAX).map(WorkerNow::of).collect();
    }

    /// Signs of life of all workers.
    pub fn signs(&self) -> u64 {
        self.signs_before + self.at_work.iter().map(|at_work| at_work.signs).sum::<u64>()
    }

    /// How long it will take, if it goes on as it did for so many seconds; where that can be told.
    pub fn left_s(&self, seconds: f64) -> Option<f64> {
        let JobCounts { planned, done, set_aside, skipped, .. } = self.counts;
        let ended = done + set_aside;
        let left = planned.saturating_sub(ended + skipped);
        (ended > 1 && left > 0 && seconds > 1.0).then(|| seconds / ended as f64 * left as f64)
    }

    /// Jobs that wait.
    pub fn waiting_count(&self) -> usize {
        let JobCounts { planned, done, set_aside, skipped, .. } = self.counts;
        planned.saturating_sub(done + set_aside + skipped + self.running)
    }

    /// Resident sets of all workers together, as they told them last.
    pub fn resident(&self) -> Bytes {
        self.at_work.iter().map(|at_work| at_work.resident).sum()
    }
}

/// A job at work.
#[derive(Debug, Clone, Default)]
pub struct WorkerNow {
    /// Its name.
    pub job: String,
    /// Its place among those side by side.
    pub place: usize,
    /// What it may take.
    pub grant: Bytes,
    /// The resident set of its process.
    pub resident: Bytes,
    /// The stage that it is in.
    pub stage: String,
    /// How much of that is done, 0 to 1.
    pub share: f64,
    /// How long it has been at work.
    pub seconds: f64,
    /// Signs of life that it gave.
    pub signs: u64,
}

impl WorkerNow {
    fn of(at_work: &AtWork<'_>) -> WorkerNow {
        WorkerNow {
            job: name_of(at_work.job),
            place: at_work.place,
            grant: at_work.grant,
            resident: at_work.resident,
            stage: name_of(at_work.stage),
            share: at_work.share,
            seconds: at_work.seconds,
            signs: at_work.signs,
        }
    }
}
