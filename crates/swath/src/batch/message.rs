//! What a supervisor and its workers say to each other: one line of JSON each time.
//!
//! A worker says what the command itself says with `--json`, and signs of life meanwhile; only what the supervisor needs
//! of that is read.

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, progress, resident_now};

/// How a job begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Begin {
    /// As its words say.
    AsSaid,
    /// Where an earlier attempt was, if one was.
    Resume,
    /// Anew, in place of what an earlier batch made of other inputs.
    Overwrite,
}

/// What a worker is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The words behind `swath`.
    pub words: Vec<String>,
    /// Its ceiling.
    pub grant: Bytes,
    /// Its workers at most.
    pub threads: usize,
    /// How much its process may grow from task to task.
    #[serde(default)]
    pub drift_limit: Option<Bytes>,
    /// How it begins.
    pub begin: Begin,
    /// The process that gives the order.
    pub supervisor: u32,
}

/// A sign of life.
#[derive(Debug, Serialize)]
pub struct Heartbeat {
    event: &'static str,
    /// The resident set.
    resident: Bytes,
    /// Reads, writes and tasks up to now.
    steps: u64,
    /// The stage that is at work.
    stage: String,
    /// How much of it is done, 0 to 1.
    share: f64,
}

impl Heartbeat {
    /// One of this process, as it is now.
    pub fn now() -> Heartbeat {
        let standing = progress::standing();
        let share = standing.share();
        Heartbeat {
            event: "heartbeat",
            resident: resident_now(),
            steps: progress::steps(),
            stage: standing.stage,
            share,
        }
    }
}

/// What a worker says: signs of life, and how it ended.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Said {
    /// `complete`, `failed` or `stopped`; nothing on a sign of life.
    #[serde(default)]
    pub status: Option<String>,
    /// On a sign of life: how far it is.
    #[serde(default)]
    pub steps: Option<u64>,
    /// Likewise: its resident set.
    #[serde(default)]
    pub resident: Bytes,
    /// Likewise: its stage, and how much of that is done.
    #[serde(default)]
    pub stage: String,
    #[serde(default)]
    pub share: f64,
    #[serde(default)]
    pub error: Option<SaidError>,
    #[serde(default)]
    pub memory: SaidMemory,
    #[serde(default)]
    pub outputs: Vec<SaidOutput>,
    #[serde(default)]
    pub warnings: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SaidError {
    pub message: String,
    #[serde(default)]
    pub hint: Option<String>,
    #[serde(default)]
    pub smallest_ceiling: Option<Bytes>,
    #[serde(default)]
    pub held: bool,
    #[serde(default)]
    pub drifted: bool,
    #[serde(default)]
    pub crowded: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct SaidMemory {
    #[serde(default)]
    pub actual_peak: Bytes,
}

#[derive(Debug, Deserialize)]
pub(super) struct SaidOutput {
    pub path: std::path::PathBuf,
    pub bytes: Bytes,
    #[serde(default = "one")]
    pub files: u64,
}

fn one() -> u64 {
    1
}

impl Said {
    /// Reads a line.
    pub fn read(line: &[u8]) -> Option<Said> {
        serde_json::from_slice(line).ok()
    }
}
