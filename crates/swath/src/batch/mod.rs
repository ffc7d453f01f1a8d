//! Many jobs under one ceiling, each in a process of its own.
//!
//! The supervisor hands out memory, watches processes, tries again what may do, and sets aside what cannot be done. It
//! plans nothing, opens no input and takes little memory however many jobs there are. What words mean, and how a worker
//! does its job, is the matter of the command line.

mod aside;
mod deaths;
mod grants;
mod jobs;
mod message;
mod order;
mod outcome;
mod state;
mod supervise;
mod words;
mod worker;

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use swath_core::{Bytes, Error, Result, Stop};

pub use aside::{Aside, AsideMemory, Reason};
pub use jobs::{Job, Jobs};
pub use message::{Begin, Heartbeat, Order};
pub use outcome::{AtWork, BatchEvent, BatchMemory, BatchObserver, BatchOutcome, JobCounts, OutputsTotal, failed_path};
pub use words::split_words;

/// What the supervisor takes of the ceiling for itself, whatever the number of jobs: the program, jobs as words, and what
/// reading them takes.
pub const SUPERVISOR_BYTES: Bytes = Bytes(32_000_000);
/// While it makes a plan, a process may take so much, whatever its grant.
const GRANT_MIN: Bytes = Bytes(64_000_000);

/// What the control group of a job's process allows beyond its grant: pages of files that wait to be written, and what the
/// kernel keeps for the process. Pages of files that can be dropped are dropped there.
pub const GROUP_BESIDE: Bytes = Bytes(1_000_000_000);

/// What the words of a job read and write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    /// Files, folders and globs that it reads.
    pub inputs: Vec<PathBuf>,
    /// Those of them whose lines name further ones.
    pub lists: Vec<PathBuf>,
    /// What it writes.
    pub outputs: Vec<PathBuf>,
    /// What it reads and changes where it stands.
    pub changes: Vec<PathBuf>,
    /// Where reports of it go.
    pub reports: Vec<PathBuf>,
    /// Whether it adds to what stands there already.
    pub adds: bool,
    /// Whether its words say that it replaces what stands there.
    pub overwrites: bool,
    /// Whether it can go on where it was interrupted.
    pub resumes: bool,
}

impl Files {
    /// Whether something of it can be read only once, as a named pipe: the same words then mean something else the second
    /// time.
    pub fn reads_once(&self) -> bool {
        // What lists, globs and folders have in them is refused if it is no file.
        self.inputs.iter().any(|input| is_read_once(input))
    }
}

fn is_read_once(input: &Path) -> bool {
    let kind = input.metadata().map(|metadata| metadata.file_type());
    input == Path::new("-") || kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device() || kind.is_socket())
}

/// Tells what words read and write; an error is that they mean nothing, or nothing that a batch does.
pub type Understand<'a> = dyn FnMut(&[Box<str>]) -> Result<Files> + 'a;

/// A batch as it was asked for.
#[derive(Debug)]
pub struct BatchRequest {
    /// The jobs.
    pub jobs: Jobs,
    /// The ceiling of the supervisor and all workers together.
    pub ceiling: Bytes,
    /// Threads of all workers together at most.
    pub threads: usize,
    /// The program that is a worker when it is given the word for that.
    pub program: PathBuf,
    /// Variables that workers get beside those of the supervisor.
    pub environment: Vec<(String, String)>,
    /// The folder of the journal.
    pub state: PathBuf,
    /// Where jobs that are set aside are written down.
    pub failed: PathBuf,
    /// Whether that file may be there already.
    pub replaces_failed: bool,
    /// Where the report of the batch itself goes.
    pub report: Option<PathBuf>,
    /// How often a job is tried again with more memory.
    pub retries: u32,
    /// End at the first job that is set aside.
    pub fail_fast: bool,
    /// Go on with an unfinished batch.
    pub resume: bool,
    /// How much a worker may grow from task to task before another one goes on.
    pub drift_limit: Option<Bytes>,
    /// A worker that is silent for so long is ended.
    pub silence: Duration,
    /// The same of one that lives, and reads, writes and finishes nothing.
    pub hang: Duration,
    /// Interval of signs of life of the batch.
    pub heartbeat: Option<Duration>,
}

/// Runs a batch to its end.
///
/// # Errors
/// [`Error::Usage`] with the place of words that mean nothing, and of outputs and inputs that cannot be; then nothing was
/// begun. [`Error::CeilingTooSmall`]; [`Error::OutputExists`] for an unfinished batch without `resume`;
/// [`Error::OutputUnwritable`]; [`Error::Stopped`].
pub fn run(
    request: BatchRequest,
    understand: &mut Understand<'_>,
    stop: &Stop,
    observer: &dyn BatchObserver,
) -> Result<BatchOutcome> {
    let smallest = SUPERVISOR_BYTES + GRANT_MIN;
    if request.ceiling < smallest {
        return Err(Error::CeilingTooSmall {
            what: "a batch".into(),
            ceiling: request.ceiling,
            smallest,
            mostly: format!("the supervisor takes {SUPERVISOR_BYTES}, and a job {GRANT_MIN} or more"),
        });
    }
    let mut own = vec![("list of jobs that were set aside", &*request.failed)];
    own.extend(request.report.as_deref().map(|report| ("report", report)));
    let needs = order::settle(&request.jobs, &own, understand)?;
    supervise::Supervisor::prepare(&request, needs, understand, observer)?.run(stop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_read_once_is_told_apart() {
        for (input, wanted) in [("-", true), ("/dev/null", true), ("Cargo.toml", false), ("none of that name", false)] {
            let files = Files { inputs: vec!["src".into(), input.into()], ..Files::default() };
            assert_eq!(files.reads_once(), wanted, "{input}");
        }
    }
}
