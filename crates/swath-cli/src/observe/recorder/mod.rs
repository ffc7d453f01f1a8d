//! Remembers a run for its report, in memory that does not grow with it.
//!
//! A thread looks at the process twenty times a second; all else is told by events. Nothing is written here.

mod chunks;
mod jobs;
mod process;
mod samples;

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use swath::batch::{BatchEvent, BatchObserver, SUPERVISOR_BYTES};
use swath_core::progress::Standing;
use swath_core::{Bytes, Event, LedgerLine, Observer, Stopwatch, counting, resident_now};

use crate::report::{Batch, Chunk, Cut, Now, Rejected, Sample, Stage, Totals, WAITING_MAX};
use chunks::Chunks;
use jobs::Jobs;
use process::Counted;
use samples::Samples;

/// What a report takes of a run's memory: what is remembered, the thread that looks, and writing the page.
const BYTES: Bytes = Bytes(2_000_000);
/// The least and the most time between two looks.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// What of each list is kept.
const STAGES_MAX: usize = 200;
const CUTS_MAX: usize = 300;
const REASONS_MAX: usize = 100;
const WARNINGS_MAX: usize = 100;
/// Bytes of a text that are kept.
const TEXT_MAX: usize = 600;

/// Tasks that a page of a run that goes on shows at most.
const SHOWN_MAX: usize = 600;

/// Remembers a run.
pub struct Recorder {
    state: Arc<Mutex<State>>,
    ticker: Mutex<Option<(Sender<()>, JoinHandle<()>)>>,
}

/// What was remembered.
#[derive(Clone, Default)]
pub struct Recorded {
    /// The process over time.
    pub samples: Vec<Sample>,
    /// Tasks.
    pub chunks: Vec<Chunk>,
    /// Stages.
    pub stages: Vec<Stage>,
    /// Jobs, of a batch.
    pub batch: Option<Batch>,
    /// Tasks that were cut or tried again.
    pub cuts: Vec<Cut>,
    /// How often something went to scratch.
    pub spills: u64,
    /// Rejected rows.
    pub rejects: Vec<Rejected>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Warnings beyond these.
    pub more_warnings: u64,
}

struct State {
    watch: Stopwatch,
    counted: Counted,
    /// What leases and scratch were when that was last told.
    latest: Sample,
    samples: Samples,
    chunks: Chunks,
    jobs: Jobs,
    rest: Recorded,
    totals: Totals,
    standing: Standing,
    /// When the stage that is at work began, in seconds.
    stage_begun_s: f64,
}

impl Recorder {
    /// The line of a ledger for what it takes.
    pub fn line(flag: &str) -> LedgerLine {
        LedgerLine { name: "report".into(), bytes: BYTES, reason: format!("what {flag} remembers, and its page") }
    }

    /// Begins to look. Where the system has no thread left it is told only of events.
    pub fn start() -> Recorder {
        let state = State {
            watch: Stopwatch::start(),
            counted: Counted::now(),
            latest: Sample::default(),
            samples: Samples::default(),
            chunks: Chunks::default(),
            jobs: Jobs::default(),
            rest: Recorded::default(),
            totals: Totals::default(),
            standing: Standing::default(),
            stage_begun_s: 0.0,
        };
        let state = Arc::new(Mutex::new(state));
        lock(&state).look();
        Recorder { ticker: Mutex::new(ticker(Arc::clone(&state))), state }
    }

    /// Seconds since it began, by the clock and of the processors.
    pub fn seconds(&self) -> (f64, f64) {
        let watch = lock(&self.state).watch;
        (watch.wall_s(), watch.cpu_s())
    }

    /// What is remembered up to now, with less detail, and how things stand.
    pub fn so_far(&self) -> (Recorded, Now) {
        let mut state = lock(&self.state);
        let sample = state.look();
        let now_s = state.watch.wall_s();
        let mut recorded = state.rest.clone();
        if let Some(stage) = recorded.stages.last_mut() {
            (stage.end_s, stage.cpu_s) = (now_s, state.watch.cpu_s() - stage.cpu_s);
        }
        recorded.samples = state.samples.all().collect();
        recorded.chunks = state.chunks.at_most(SHOWN_MAX);
        let (batch, jobs) = state.jobs.now(now_s).unzip();
        recorded.batch = batch;
        let now = Now {
            sample,
            own: resident_now(),
            totals: state.totals,
            standing: state.standing.clone(),
            stage_s: now_s - state.stage_begun_s,
            batch: jobs,
        };
        (recorded, now)
    }

    /// Ends the looking, and hands over what was remembered.
    pub fn finish(&self) -> Recorded {
        let ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((end, thread)) = ticker {
            drop(end);
            let _ = thread.join();
        }
        let mut state = lock(&self.state);
        state.look();
        state.close_stage();
        let mut recorded = std::mem::take(&mut state.rest);
        recorded.samples = state.samples.all().collect();
        recorded.chunks = state.chunks.in_order().to_vec();
        recorded.batch = state.jobs.take();
        recorded
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.ticker.lock().is_ok_and(|ticker| ticker.is_some()) {
            self.finish();
        }
    }
}

impl Observer for Recorder {
    fn on(&self, event: &Event) {
        lock(&self.state).note(event);
    }
}

impl BatchObserver for Recorder {
    fn names_wanted(&self) -> usize {
        WAITING_MAX
    }

    fn on(&self, event: &BatchEvent<'_>) {
        let mut state = lock(&self.state);
        let now_s = state.watch.wall_s();
        state.jobs.note(event, now_s);
        state.latest.fixed = SUPERVISOR_BYTES.0;
        state.latest.tasks = state.jobs.granted().0;
        state.totals.heartbeats += u64::from(matches!(event, BatchEvent::Heartbeat { .. }));
        if let BatchEvent::Done { job, warnings, .. } = event {
            for message in warnings.iter() {
                state.note(&Event::Warning { message: format!("{job}: {message}") });
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ticker(state: Arc<Mutex<State>>) -> Option<(Sender<()>, JoinHandle<()>)> {
    let (end, ended) = channel();
    let look = move || {
        let mut pause = LOOKS.0;
        while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(pause) {
            let mut state = lock(&state);
            state.look();
            // What takes hours needs no look twenty times a second.
            pause = Duration::from_secs_f64(state.watch.wall_s() / 20_000.0).clamp(LOOKS.0, LOOKS.1);
        }
        counting::flush_thread();
    };
    let thread = std::thread::Builder::new().name("report".into()).stack_size(64 << 10).spawn(look).ok()?;
    Some((end, thread))
}

impl State {
    fn look(&mut self) -> Sample {
        let counted = Counted::now().since(self.counted);
        let sample = Sample {
            at_s: self.watch.wall_s(),
            // Of a batch that of all processes, as the workers told it last.
            resident: (resident_now() + self.jobs.resident()).0,
            heap: counting::live().0,
            cpu_ms: (self.watch.cpu_s() * 1e3) as u64,
            read: counted.read,
            written: counted.written,
            waited_ms: counted.waited_ms,
            pressed_ms: counted.pressed_ms,
            ..self.latest
        };
        self.samples.add(sample);
        sample
    }

    fn note(&mut self, event: &Event) {
        self.totals.note(event);
        match event {
            Event::Sample { fixed, tasks, kept, .. } => {
                (self.latest.fixed, self.latest.tasks, self.latest.kept) = (fixed.0, tasks.0, kept.0);
            }
            Event::StageStarted { stage, tasks, skipped, work } => {
                self.standing = Standing::of_stage(stage, *tasks, *work);
                self.stage_begun_s = self.watch.wall_s();
                self.begin_stage(stage, *tasks, *skipped);
            }
            Event::Chunk { first, end, seconds, work, .. } => {
                self.standing.done(*work);
                self.add_chunk((*first, *end), *seconds, *work);
            }
            Event::Split { first, pieces, reason, .. } => {
                self.standing.cut(*pieces);
                self.stage(|stage| stage.split += 1);
                self.add_cut(*first, *pieces, reason);
            }
            Event::Retry { first, reason, .. } => {
                self.stage(|stage| stage.retried += 1);
                self.add_cut(*first, 1, reason);
            }
            Event::Spill { scratch, .. } => {
                self.rest.spills += 1;
                self.latest.scratch = scratch.0;
            }
            Event::Reject { rows, reason } => self.add_reject(*rows, reason),
            Event::Warning { message } if self.rest.warnings.len() < WARNINGS_MAX => {
                self.rest.warnings.push(shortened(message));
            }
            Event::Warning { .. } => self.rest.more_warnings += 1,
            Event::Plan { .. } | Event::Heartbeat { .. } => {}
        }
    }

    fn begin_stage(&mut self, name: &str, tasks: u64, skipped: u64) {
        // A stage may find that it has more to do.
        if self.rest.stages.last().is_some_and(|last| last.name == name) {
            return self.stage(|stage| stage.tasks += tasks);
        }
        self.close_stage();
        let (begin_s, cpu_s) = (self.watch.wall_s(), self.watch.cpu_s());
        let stage = Stage { name: name.into(), begin_s, end_s: begin_s, tasks, skipped, cpu_s, ..Stage::default() };
        if self.rest.stages.len() == STAGES_MAX {
            self.rest.stages.pop();
        }
        self.rest.stages.push(stage);
        self.look();
    }

    /// Until then its processor time is what it was when it began.
    fn close_stage(&mut self) {
        let (now_s, cpu_s) = (self.watch.wall_s(), self.watch.cpu_s());
        self.stage(|stage| (stage.end_s, stage.cpu_s) = (now_s, cpu_s - stage.cpu_s));
    }

    fn stage(&mut self, change: impl FnOnce(&mut Stage)) {
        if let Some(stage) = self.rest.stages.last_mut() {
            change(stage);
        }
    }

    fn number(&self) -> usize {
        self.rest.stages.len().saturating_sub(1)
    }

    fn add_chunk(&mut self, (first, end): (u64, u64), seconds: f64, work: Bytes) {
        let end_s = self.watch.wall_s();
        self.stage(|stage| {
            stage.done += 1;
            stage.work += work;
            stage.busy_s += seconds;
            stage.longest_s = stage.longest_s.max(seconds);
        });
        let stage = self.number();
        let begin_s = (end_s - seconds).max(0.0);
        let (busy_s, longest_s) = (seconds, seconds);
        self.chunks.add(Chunk { stage, first, end, begin_s, end_s, busy_s, longest_s, work: work.0, count: 1 });
    }

    fn add_cut(&mut self, first: u64, pieces: u64, reason: &str) {
        if self.rest.cuts.len() < CUTS_MAX {
            let (stage, at_s) = (self.number(), self.watch.wall_s());
            self.rest.cuts.push(Cut { stage, at_s, first, pieces, reason: shortened(reason) });
        }
    }

    fn add_reject(&mut self, rows: u64, reason: &str) {
        if self.rest.rejects.len() < REASONS_MAX {
            self.rest.rejects.push(Rejected { reason: shortened(reason), rows, example: None });
        } else if let Some(last) = self.rest.rejects.last_mut() {
            (last.reason, last.rows) = ("(other reasons)".into(), last.rows + rows);
        }
    }
}

/// A text that is no longer than is kept of it.
pub fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_MAX);
    if end < text.len() { format!("{}…", &text[..end]) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_events_take_no_more_than_is_booked() {
        let recorder = Recorder::start();
        let observer: &dyn Observer = &recorder;
        let long = "ä".repeat(5_000);
        for number in 0..1_000_000u64 {
            let stage = || format!("stage {}", number / 100_000);
            if number % 100_000 == 0 {
                observer.on(&Event::StageStarted { stage: stage(), tasks: 1, skipped: 0, work: Bytes::ZERO });
            }
            let (first, reason) = (number, long.clone());
            observer.on(&match number % 5 {
                0 => Event::Split { stage: stage(), first, end: first + 4, pieces: 2, reason },
                1 => Event::Retry { stage: stage(), first, reason },
                2 => Event::Warning { message: reason },
                3 => Event::Reject { rows: 1, reason: format!("{number} {long}") },
                _ => Event::Chunk {
                    stage: stage(),
                    first,
                    end: first + 1,
                    seconds: 0.1,
                    work: Bytes(10),
                    resident: Bytes::ZERO,
                },
            });
        }
        let recorded = recorder.finish();
        let texts = recorded.warnings.iter().map(String::capacity).sum::<usize>()
            + recorded.rejects.iter().map(|reject| reject.reason.capacity()).sum::<usize>()
            + recorded.cuts.iter().map(|cut| cut.reason.capacity() + size_of::<Cut>()).sum::<usize>();
        let tables = Bytes::of::<Chunk>(recorded.chunks.len()) + Bytes::of::<Sample>(recorded.samples.len());
        // Tables are there twice for a moment.
        let taken = Bytes::from(texts) + tables * 2;
        assert!(taken < BYTES.percent(60), "{taken}");
        assert_eq!(recorded.stages.len(), 10);
        assert_eq!(recorded.stages.iter().map(|stage| stage.done).sum::<u64>(), 200_000);
        assert_eq!(recorded.chunks.iter().map(|chunk| chunk.count).sum::<u64>(), 200_000);
        assert_eq!(recorded.rejects.iter().map(|reject| reject.rows).sum::<u64>(), 200_000);
        assert_eq!(recorded.warnings.len() as u64 + recorded.more_warnings, 200_000);
        assert!(recorded.cuts.iter().all(|cut| cut.reason.len() <= TEXT_MAX + 3));
        assert!(!recorded.samples.is_empty());
    }
}
