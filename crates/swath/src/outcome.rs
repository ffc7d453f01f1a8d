//! What a finished command tells, in the form that `--json` prints.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, Serializer};
use swath_core::{Bytes, Ledger, ResidentSet, Stopwatch, Summary};

use crate::raster::stats::RasterStatistics;
use crate::work::PROGRAM_BYTES;

/// Writes a path as text for people; what is not UTF-8 becomes U+FFFD, since JSON has no other text.
pub(crate) fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

/// The same, where there may be none.
pub(crate) fn lossy_if_any<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.collect_str(&path.display()),
        None => serializer.serialize_none(),
    }
}

/// Memory of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Memory {
    /// The ceiling that was set.
    pub ceiling: Bytes,
    /// What the plan promised; where the input needed more than its sample showed, the promise as it was raised for it.
    pub predicted_peak: Bytes,
    /// What the operating system measured (VmHWM).
    pub actual_peak: Bytes,
    /// What the program takes before it does anything.
    pub baseline: Bytes,
}

/// Time of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Time {
    /// By the clock.
    pub wall_s: f64,
    /// Of all processors, user and system.
    pub cpu_s: f64,
}

/// Scratch disk of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Scratch {
    /// What the plan promised.
    pub predicted: Bytes,
    /// The most that was in use.
    pub actual: Bytes,
}

/// Tasks of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Chunks {
    /// Tasks of all stages.
    pub planned: u64,
    /// Tasks done, now or before.
    pub done: u64,
    /// Tasks that a resumed run found done.
    pub skipped_by_resume: u64,
    /// Tasks that were cut into smaller ones.
    pub split: u64,
    /// Tasks that were tried again.
    pub retried: u64,
    /// Tasks that could not be done.
    pub set_aside: u64,
}

/// The conservation ledger: `read = written + merged + duplicate + filtered + late + rejected`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// Data rows in the input.
    pub read: u64,
    /// Rows in the output.
    pub written: u64,
    /// Rows whose values went into another row, where rows are pivoted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<u64>,
    /// Rows dropped because another one has their key; where rows are pivoted, because another one has all of their values.
    pub duplicate: u64,
    /// Rows left out by `--since`, `--until`, `--bbox`.
    pub filtered: u64,
    /// Rows behind a watermark.
    pub late: u64,
    /// Rows that broke a rule.
    pub rejected: u64,
}

impl Rows {
    /// Rows of which it is known what became of them.
    pub fn accounted(&self) -> u64 {
        self.written + self.merged.unwrap_or(0) + self.duplicate + self.filtered + self.late + self.rejected
    }

    /// Whether every row is accounted for.
    pub fn balanced(&self) -> bool {
        self.read == self.accounted()
    }
}

/// What became of a lake that rows were added to.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LakeChange {
    /// Rows that were there.
    pub rows_before: u64,
    /// Of them, rows of partitions that the batch touches, which were read again.
    pub rows_met: u64,
    /// Of them, rows in whose place rows of the batch with the same key are.
    pub rows_replaced: u64,
    /// Rows that are there now.
    pub rows_after: u64,
    /// Files that were there.
    pub files_before: u64,
    /// Files that are new or have other contents.
    pub files_written: u64,
    /// Files that are gone.
    pub files_removed: u64,
    /// Files that are there now.
    pub files_after: u64,
}

/// Something seldom right that a check found in rows that broke no rule, and that were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckFinding {
    /// The check, as `[checks]` of a schema file names it.
    pub check: String,
    /// Rows; for gaps, how many there are; for moving sensors, how many move.
    pub count: u64,
    /// The first, the longest or the farthest.
    pub example: String,
}

/// One output.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Output {
    /// Where.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Bytes of all its files.
    pub bytes: Bytes,
    /// Data files.
    pub files: u64,
}

/// The result of a command that ran.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Outcome {
    /// Version of the program.
    pub swath: String,
    /// `sensor ingest`.
    pub command: String,
    /// `complete`.
    pub status: String,
    /// The exit code.
    pub exit: u8,
    /// Memory.
    pub memory: Memory,
    /// Time.
    pub time: Time,
    /// Scratch.
    pub scratch: Scratch,
    /// Tasks.
    pub chunks: Chunks,
    /// Rows, of what has rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Rows>,
    /// The lake that rows were added to, if they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lake: Option<LakeChange>,
    /// What rasters come to, where that is the result and no file takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistics: Option<Vec<RasterStatistics>>,
    /// Outputs.
    pub outputs: Vec<Output>,
    /// Rejected rows by reason, most frequent first.
    pub rejects: Vec<(String, u64)>,
    /// What checks found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<CheckFinding>,
    /// What was not as whole or as exact as it might be, in words that were told before the run.
    pub warnings: Vec<String>,
    /// Wall and processor seconds per stage, as (name, wall, cpu).
    pub stages: Vec<(String, f64, f64)>,
    /// What was chosen and why, as (name, value).
    pub choices: Vec<(String, String)>,
}

impl Outcome {
    /// What every run that came to its end tells: what it was planned to take, and what it took.
    pub(crate) fn complete(
        command: &str,
        ledger: &Ledger,
        summary: &Summary,
        scratch: Scratch,
        stopwatch: &Stopwatch,
    ) -> Outcome {
        let chunks = &summary.chunks;
        Outcome {
            swath: env!("CARGO_PKG_VERSION").into(),
            command: command.into(),
            status: "complete".into(),
            exit: 0,
            memory: Memory {
                ceiling: ledger.ceiling,
                predicted_peak: summary.raised_peak.unwrap_or(ledger.predicted_peak()),
                actual_peak: ResidentSet::now().peak,
                baseline: PROGRAM_BYTES,
            },
            time: Time { wall_s: stopwatch.wall_s(), cpu_s: stopwatch.cpu_s() },
            scratch,
            chunks: Chunks {
                planned: chunks.planned,
                done: chunks.done + chunks.skipped_by_resume,
                skipped_by_resume: chunks.skipped_by_resume,
                split: chunks.split,
                retried: chunks.retried,
                set_aside: 0,
            },
            stages: summary.stages.iter().map(|stage| (stage.name.clone(), stage.wall_s, stage.cpu_s)).collect(),
            ..Outcome::default()
        }
    }
}

/// What `--explain` shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Explanation {
    /// Version of the program.
    pub swath: String,
    /// `sensor ingest`.
    pub command: String,
    /// Names of the stages with their task counts where known, as (name, tasks).
    pub stages: Vec<(String, Option<u64>)>,
    /// The memory ledger.
    pub ledger: Ledger,
    /// Predicted peak of the process.
    pub predicted_peak: Bytes,
    /// Predicted scratch disk.
    pub scratch: Bytes,
    /// Estimated size of the output.
    pub output: Bytes,
    /// What was chosen and why, as (name, value).
    pub choices: Vec<(String, String)>,
    /// Bytes and files of the input.
    pub input: Output,
    /// Which limit the ceiling comes from.
    pub limit: String,
}
