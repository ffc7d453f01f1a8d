//! What happens during a run, as one closed list. Progress bars, logs and results are observers of it.

use serde::Serialize;

use crate::Bytes;

/// Something that happened. Times are seconds since the run began.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The plan is made and work is about to begin.
    Plan {
        /// The command.
        command: String,
        /// The ceiling.
        ceiling: Bytes,
        /// Predicted peak of the process.
        predicted_peak: Bytes,
        /// Predicted scratch disk.
        scratch: Bytes,
        /// Predicted output.
        output: Bytes,
        /// Tasks at once.
        workers: usize,
    },
    /// A stage begins.
    StageStarted {
        /// Its name.
        stage: String,
        /// Tasks that it has to do.
        tasks: u64,
        /// Tasks that a resumed run found done.
        skipped: u64,
        /// Work ahead.
        work: Bytes,
    },
    /// A task is done.
    Chunk {
        /// Its stage.
        stage: String,
        /// First unit.
        first: u64,
        /// One past the last unit.
        end: u64,
        /// How long it took.
        seconds: f64,
        /// Input that it stood for.
        work: Bytes,
        /// Resident set of the process afterwards.
        resident: Bytes,
    },
    /// A task was cut into smaller ones.
    Split {
        /// Its stage.
        stage: String,
        /// First unit.
        first: u64,
        /// One past the last unit.
        end: u64,
        /// Pieces made of it.
        pieces: u64,
        /// Why.
        reason: String,
    },
    /// A task was tried again as it was.
    Retry {
        /// Its stage.
        stage: String,
        /// First unit.
        first: u64,
        /// Why.
        reason: String,
    },
    /// Intermediate data went to scratch.
    Spill {
        /// How much since it was last told.
        bytes: Bytes,
        /// Scratch in use afterwards.
        scratch: Bytes,
    },
    /// Rows were rejected; told once for each reason, when all are known.
    Reject {
        /// How many.
        rows: u64,
        /// Why.
        reason: String,
    },
    /// What is leased of the ceiling, and for how long: told at every look at the process.
    Sample {
        /// Resident set.
        resident: Bytes,
        /// Leased for the whole run.
        fixed: Bytes,
        /// Leased by tasks.
        tasks: Bytes,
        /// Leased beyond tasks, until it is wanted.
        kept: Bytes,
        /// Buffers that wait to be used again.
        idle: Bytes,
    },
    /// A sign of life at a chosen interval.
    Heartbeat {
        /// Seconds since the start.
        seconds: f64,
        /// Tasks done.
        chunks: u64,
        /// Input per second since the last one, in bytes.
        throughput: f64,
        /// Resident set.
        resident: Bytes,
        /// Change of the resident set since the last one, in bytes.
        change: i64,
        /// Longest flush to disk since the last one, in milliseconds.
        write_latency_ms: f64,
        /// What half of the writes since the last one took at most, in milliseconds, where there were any.
        write_p50_ms: Option<f64>,
        /// The same of 99 in a hundred.
        write_p99_ms: Option<f64>,
        /// Share of the time that tasks waited for disk, 0 to 1, where the system tells.
        io_wait: Option<f64>,
    },
    /// Something that a person should know and that does not stop the run.
    Warning {
        /// What.
        message: String,
    },
}

/// Somebody who wants to know what happens.
pub trait Observer: Send + Sync {
    /// Takes note of an event; must be quick.
    fn on(&self, event: &Event);
}

/// Nobody.
pub struct NoObserver;

impl Observer for NoObserver {
    fn on(&self, _event: &Event) {}
}
