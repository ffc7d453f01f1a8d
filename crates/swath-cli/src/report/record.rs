//! What is remembered of a run, as a page holds it and `--json` prints it. It says nothing of how it is shown.
//!
//! Every list in it is bounded by whoever fills it; what is in them is as small as JSON allows, since thousands of it are
//! written into each page.

use serde::{Deserialize, Serialize};
use swath::BlockOrder;
use swath::batch::{BatchMemory, JobCounts};
use swath::outcome::{CheckFinding, Chunks, Explanation, LakeChange, Memory, Output, Rows, Scratch, Time};
use swath_core::Bytes;

use super::now::Now;
use crate::show::doctor::Examination;

/// What the record calls itself.
pub const FORMAT: &str = "swath report";
/// The version of its form.
pub const VERSION: u32 = 1;

/// A run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Version of the program.
    pub swath: String,
    /// The command, as in `sensor ingest`.
    pub command: String,
    /// `complete`, `stopped` (by a signal) or `failed`.
    pub status: String,
    /// The exit code.
    pub exit: u8,
    /// The words of the command, as they were given.
    pub words: Vec<String>,
    /// The folder that it ran in.
    pub folder: String,
    /// When it began, in UTC.
    pub started: String,
    /// When it ended, in UTC.
    pub ended: String,
    /// Time; of planning, too.
    pub time: Time,
    /// Memory; the ceiling and the prediction are zero where there was no plan.
    pub memory: Memory,
    /// Why it failed, if it did.
    pub error: Option<Failed>,
    /// The machine and its limits.
    pub environment: Examination,
    /// The plan, if it was made.
    pub plan: Option<Explanation>,
    /// Where units of stages lie on a grid, as (stage, order).
    pub grids: Vec<(String, BlockOrder)>,
    /// What came of it, if it is complete.
    pub result: Option<Came>,
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// The process over time.
    pub samples: Vec<Sample>,
    /// Tasks, or neighbours of them put together where there were too many.
    pub chunks: Vec<Chunk>,
    /// The jobs, of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<Batch>,
    /// Tasks that were cut or tried again: the first ones.
    pub cuts: Vec<Cut>,
    /// How often something went to scratch.
    pub spills: u64,
    /// Rejected rows by reason.
    pub rejects: Vec<Rejected>,
    /// What was warned of: the first ones.
    pub warnings: Vec<String>,
    /// Warnings beyond these.
    pub more_warnings: u64,
    /// How things stand, while it runs; nothing that is kept.
    #[serde(skip)]
    pub now: Option<Now>,
}

/// Why a run failed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Failed {
    /// What happened.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// What came of a run that is complete.
#[derive(Debug, Serialize, Deserialize)]
pub struct Came {
    /// Scratch.
    pub scratch: Scratch,
    /// Tasks.
    pub chunks: Chunks,
    /// Rows, of what has rows.
    pub rows: Option<Rows>,
    /// The lake that rows were added to, if they were.
    pub lake: Option<LakeChange>,
    /// What was written.
    pub outputs: Vec<Output>,
    /// What checks found.
    pub checks: Vec<CheckFinding>,
}

/// What a batch did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Batch {
    /// How many jobs came to what; none where it did not come to its end.
    pub counts: Option<JobCounts>,
    /// Memory; none likewise.
    pub memory: Option<BatchMemory>,
    /// Attempts in the order of their ends: the first ones.
    pub attempts: Vec<Attempt>,
    /// Attempts beyond these.
    pub more: u64,
}

/// An attempt to do a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// The job.
    pub job: String,
    /// Which attempt, counted from 1; zero where none was made.
    pub number: u32,
    /// The place among those side by side that it took.
    pub place: usize,
    /// When it began, in seconds since the start.
    pub begin_s: f64,
    /// When it ended.
    pub end_s: f64,
    /// What it might take.
    pub grant: Bytes,
    /// What it took, where that is known.
    pub peak: Bytes,
    /// `done`, `again` or `set_aside`.
    pub end: String,
    /// Why it is not done.
    pub message: Option<String>,
}

/// A stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// When it began, in seconds since the start.
    pub begin_s: f64,
    /// When it ended, or the last of it was seen.
    pub end_s: f64,
    /// Tasks that it had to do, pieces of cut ones not counted.
    pub tasks: u64,
    /// Tasks that a resumed run found done.
    pub skipped: u64,
    /// Tasks done, pieces of cut ones counted.
    pub done: u64,
    /// Tasks cut.
    pub split: u64,
    /// Tasks tried again.
    pub retried: u64,
    /// Input that was worked through.
    pub work: Bytes,
    /// Seconds of all tasks together.
    pub busy_s: f64,
    /// The longest task.
    pub longest_s: f64,
    /// Seconds of processor time.
    pub cpu_s: f64,
}

/// The process at a moment. Where many are put together, it is at its largest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "SampleRow", into = "SampleRow")]
pub struct Sample {
    /// Seconds since the start.
    pub at_s: f64,
    /// Resident set.
    pub resident: u64,
    /// What lives on the heap.
    pub heap: u64,
    /// Leased for the whole run.
    pub fixed: u64,
    /// Leased by tasks.
    pub tasks: u64,
    /// Leased beyond tasks.
    pub kept: u64,
    /// Scratch in use.
    pub scratch: u64,
    /// Processor time since the start, in milliseconds.
    pub cpu_ms: u64,
    /// Read since the start, in bytes.
    pub read: u64,
    /// Written since the start, in bytes.
    pub written: u64,
    /// How long some task of the machine has waited for a disk since the start, in milliseconds.
    pub waited_ms: u64,
    /// The same for memory.
    pub pressed_ms: u64,
}

type SampleRow = (f64, u64, u64, [u64; 3], u64, u64, [u64; 2], [u64; 2]);

impl From<SampleRow> for Sample {
    fn from(row: SampleRow) -> Sample {
        let (at_s, resident, heap, [fixed, tasks, kept], scratch, cpu_ms, [read, written], [waited_ms, pressed_ms]) =
            row;
        Sample { at_s, resident, heap, fixed, tasks, kept, scratch, cpu_ms, read, written, waited_ms, pressed_ms }
    }
}

impl From<Sample> for SampleRow {
    fn from(sample: Sample) -> SampleRow {
        (
            rounded(sample.at_s),
            sample.resident,
            sample.heap,
            [sample.fixed, sample.tasks, sample.kept],
            sample.scratch,
            sample.cpu_ms,
            [sample.read, sample.written],
            [sample.waited_ms, sample.pressed_ms],
        )
    }
}

/// A task, or neighbours of it together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "ChunkRow", into = "ChunkRow")]
pub struct Chunk {
    /// Position of its stage.
    pub stage: usize,
    /// First unit.
    pub first: u64,
    /// One past the last unit.
    pub end: u64,
    /// When the first of it began, in seconds since the start.
    pub begin_s: f64,
    /// When the last of it was done.
    pub end_s: f64,
    /// How long they took together.
    pub busy_s: f64,
    /// The longest.
    pub longest_s: f64,
    /// Input that it stands for.
    pub work: u64,
    /// How many tasks it is.
    pub count: u64,
}

type ChunkRow = (usize, u64, u64, f64, f64, f64, f64, u64, u64);

impl From<ChunkRow> for Chunk {
    fn from((stage, first, end, begin_s, end_s, busy_s, longest_s, work, count): ChunkRow) -> Chunk {
        Chunk { stage, first, end, begin_s, end_s, busy_s, longest_s, work, count }
    }
}

impl From<Chunk> for ChunkRow {
    fn from(chunk: Chunk) -> ChunkRow {
        let Chunk { stage, first, end, begin_s, end_s, busy_s, longest_s, work, count } = chunk.rounded();
        (stage, first, end, begin_s, end_s, busy_s, longest_s, work, count)
    }
}

impl Chunk {
    /// The same with seconds as they are written.
    pub fn rounded(self) -> Chunk {
        let [begin_s, end_s] = [self.begin_s, self.end_s].map(rounded);
        let [busy_s, longest_s] = [self.busy_s, self.longest_s].map(rounded);
        Chunk { begin_s, end_s, busy_s, longest_s, ..self }
    }
}

/// Seconds to tenths of milliseconds: more would only take room.
pub fn rounded(seconds: f64) -> f64 {
    (seconds * 1e4).round() / 1e4
}

/// A task that was cut or tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cut {
    /// Position of its stage.
    pub stage: usize,
    /// When, in seconds since the start.
    pub at_s: f64,
    /// First unit.
    pub first: u64,
    /// Into how many pieces; one is the same again.
    pub pieces: u64,
    /// Why.
    pub reason: String,
}

/// Rows that were rejected for one reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rejected {
    /// Why.
    pub reason: String,
    /// How many.
    pub rows: u64,
    /// One of them, and where it is.
    pub example: Option<String>,
}
