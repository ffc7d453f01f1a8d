//! What a batch tells, while it works and at its end.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use swath_core::Bytes;

use super::aside::{Aside, Reason};
use crate::outcome::{Output, Time, lossy_if_any};

/// Something that happened in a batch.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum BatchEvent<'a> {
    /// All words are understood, and work begins.
    Plan {
        /// Jobs.
        jobs: usize,
        /// Of them, those that an earlier run did.
        skipped: usize,
        /// Jobs side by side.
        workers: usize,
        /// The ceiling of the whole batch.
        ceiling: Bytes,
        /// What a job gets first.
        share: Bytes,
        /// What the kernel holds workers to.
        limits: &'a str,
    },
    /// A job begins.
    Job {
        /// Its name.
        job: &'a str,
        /// Which attempt this is, counted from 1.
        attempt: u32,
        /// What it may take.
        grant: Bytes,
        /// Its process.
        process: u32,
    },
    /// A job is done.
    Done {
        /// Its name.
        job: &'a str,
        /// How long the last attempt took.
        seconds: f64,
        /// What it might take.
        grant: Bytes,
        /// What it took.
        peak: Bytes,
        /// What it wrote.
        outputs: &'a [Output],
        /// What it warned of.
        warnings: &'a [String],
    },
    /// A job is tried again.
    Retry {
        /// Its name.
        job: &'a str,
        /// Why.
        reason: &'a str,
        /// What it will get at least.
        grant: Bytes,
    },
    /// A job waits a little, since another run is writing its output.
    Wait {
        /// Its name.
        job: &'a str,
        /// Who that is.
        reason: &'a str,
    },
    /// A job cannot be done, and the others go on.
    SetAside(&'a Aside),
    /// A sign of life at a chosen interval.
    Heartbeat {
        /// Seconds since the start.
        seconds: f64,
        /// Jobs at work.
        running: usize,
        /// Jobs that are done, set aside or skipped.
        ended: usize,
        /// What is handed out.
        granted: Bytes,
        /// Resident sets of all processes together.
        resident: Bytes,
        /// Change of that since the last one, in bytes.
        change: i64,
        /// Share of the time that something on this machine waited for disk, 0 to 1, where the system tells.
        io_wait: Option<f64>,
    },
    /// Names of the first jobs that are to be done, for whoever shows them; told once, and only where they are wanted.
    #[serde(skip)]
    Waiting(&'a [String]),
    /// How things stand, some times a second; for whoever shows it.
    #[serde(skip)]
    Now(&'a [AtWork<'a>]),
}

/// A job at work, as its process told last.
#[derive(Debug, Clone, Copy)]
pub struct AtWork<'a> {
    /// Its name.
    pub job: &'a str,
    /// Its place among those side by side, counted from 0.
    pub place: usize,
    /// What it may take.
    pub grant: Bytes,
    /// The resident set of its process.
    pub resident: Bytes,
    /// The stage that it is in; empty before the first one.
    pub stage: &'a str,
    /// How much of that is done, 0 to 1.
    pub share: f64,
    /// How long it has been at work.
    pub seconds: f64,
    /// How many signs of life it gave.
    pub signs: u64,
}

/// Somebody who wants to know what happens in a batch.
pub trait BatchObserver {
    /// Takes note of an event; must be quick.
    fn on(&self, event: &BatchEvent<'_>);

    /// How many names of waiting jobs it wants to be told at the begin.
    fn names_wanted(&self) -> usize {
        0
    }
}

/// Counts of jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCounts {
    /// All jobs.
    pub planned: usize,
    /// Done now.
    pub done: usize,
    /// Cannot be done.
    pub set_aside: usize,
    /// Done by an earlier run of the batch.
    pub skipped: usize,
    /// Attempts beyond the first ones.
    pub retried: usize,
    /// Not tried to the end, since the batch ended before.
    pub left: usize,
}

/// Memory of a batch.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct BatchMemory {
    /// The ceiling of the whole batch.
    pub ceiling: Bytes,
    /// The supervisor's own share of it.
    pub supervisor: Bytes,
    /// What the supervisor took at most.
    pub supervisor_peak: Bytes,
    /// The most that was granted to jobs at once.
    pub granted_peak: Bytes,
}

/// The sum of all outputs.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct OutputsTotal {
    /// Outputs.
    pub outputs: u64,
    /// Files in them.
    pub files: u64,
    /// Their bytes.
    pub bytes: Bytes,
}

/// What came of a batch.
#[derive(Debug, Default, Serialize)]
pub struct BatchOutcome {
    /// Jobs.
    pub jobs: JobCounts,
    /// Memory.
    pub memory: BatchMemory,
    /// Time.
    pub time: Time,
    /// What was written, in order of being done: the first hundred.
    pub outputs: Vec<Output>,
    /// What was written in all.
    pub outputs_total: OutputsTotal,
    /// Jobs that were set aside: the first hundred.
    pub set_aside: Vec<Aside>,
    /// How many were set aside for which reason.
    #[serde(skip)]
    pub reasons: Vec<(Reason, usize)>,
    /// Where all of them are written down.
    #[serde(serialize_with = "lossy_if_any", skip_serializing_if = "Option::is_none")]
    pub failed: Option<PathBuf>,
}

/// How many items a list of a result has at most.
const LISTED_MAX: usize = 100;

impl BatchOutcome {
    /// The exit code: 9 with jobs set aside.
    pub fn exit_code(&self) -> u8 {
        if self.jobs.set_aside > 0 { 9 } else { 0 }
    }

    pub(super) fn add_outputs(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            self.outputs_total.outputs += 1;
            self.outputs_total.files += output.files;
            self.outputs_total.bytes += output.bytes;
            if self.outputs.len() < LISTED_MAX {
                self.outputs.push(output);
            }
        }
    }

    pub(super) fn add_aside(&mut self, aside: Aside) {
        self.jobs.set_aside += 1;
        match self.reasons.iter_mut().find(|(reason, _)| *reason == aside.reason) {
            Some((_, count)) => *count += 1,
            None => self.reasons.push((aside.reason, 1)),
        }
        if self.set_aside.len() < LISTED_MAX {
            self.set_aside.push(aside);
        }
    }
}

/// The file of jobs that are set aside, where nobody names one: in the folder of the outputs, or beside the file of jobs.
pub fn failed_path(jobs: Option<&Path>, out_dir: Option<&Path>) -> PathBuf {
    match (out_dir, jobs) {
        (Some(out_dir), _) => out_dir.join("failed.jsonl"),
        (None, Some(jobs)) => match jobs.extension() {
            Some(ending) if ending == "toml" => jobs.with_extension("failed.jsonl"),
            _ => {
                let mut name = jobs.file_name().unwrap_or_default().to_owned();
                name.push(".failed.jsonl");
                jobs.with_file_name(name)
            }
        },
        (None, None) => "failed.jsonl".into(),
    }
}
