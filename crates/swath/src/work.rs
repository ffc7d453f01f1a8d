//! What the jobs of all verbs have in common: scratch, receipts that speak of blobs, what workers keep.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use swath_core::{
    Blob, Bytes, CHOOSE_FOLDER, Error, Event, Lease, Ledger, LedgerLine, MAKE_ROOM, Observer, PartialOutput, Receipt,
    Receipts, Result, RunOptions, Store, TaskKey, refuse_address,
};

use crate::input_file::InputFile;
use crate::outcome::Output;
use crate::request::Common;

/// What the program takes before it has any data: code that runs, its tables, threads. How much of the code is in memory
/// depends on how the system holds the file, by 2 MB.
pub const PROGRAM_BYTES: Bytes = Bytes(14_000_000);
/// Less work than this is not worth waiting for the disk at the end of a stage.
const FLUSH_AT_STAGE_END: Bytes = Bytes(512_000_000);

/// So many of something, in words.
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// How a plan with that ledger is run.
pub fn run_options<'a>(
    common: &Common,
    ledger: &Ledger,
    sync: &'a (dyn Fn() -> std::io::Result<()> + Sync),
    scratch: &'a (dyn Fn() -> Bytes + Sync),
) -> RunOptions<'a> {
    let mut options = RunOptions::new(common.threads(), common.ceiling(), sync);
    options.scratch = Some(scratch);
    options.heartbeat = common.heartbeat_s.map(Duration::from_secs_f64);
    options.drift_limit = common.drift_limit;
    options.flush_at_stage_end = FLUSH_AT_STAGE_END;
    // What was planned to be resident is no pressure.
    options.soft_mark = options.soft_mark.max(ledger.predicted_peak());
    options
}

/// Refuses a job that does not fit into a limit of the process, where a larger ceiling would not help, and scratch that
/// cannot be where it is wanted.
///
/// # Errors
/// The one of the costs, [`Error::LimitTooSmall`], or [`Error::OutputUnwritable`].
pub fn within_limits<T>(common: &Common, costs: Result<T>, ledger: impl Fn(&T) -> &Ledger) -> Result<T> {
    common.tmp_dir.as_deref().map_or(Ok(()), refuse_address)?;
    let hold = |peak, smallest| common.limits.hold("the job", peak, smallest);
    let costs = costs.map_err(|error| match error {
        // A larger ceiling would not help where a limit of the process is smaller still.
        Error::CeilingTooSmall { smallest, .. } => hold(smallest, smallest).err().unwrap_or(error),
        error => error,
    })?;
    hold(ledger(&costs).predicted_peak(), ledger(&costs).smallest_ceiling)?;
    Ok(costs)
}

/// Whether nothing of a run could be resumed: an input that is mended is another input, and so is a schema. One that cannot
/// be read now, and is the same as far as one sees, may be read later.
pub fn is_final<'f>(error: &Error, mut files: impl Iterator<Item = &'f InputFile>) -> bool {
    match error {
        Error::InputCorrupt { .. } | Error::TooManyRejects { .. } | Error::Usage { .. } => true,
        Error::InputUnreadable { .. } => {
            files.any(|file| matches!(file.check_unchanged(), Err(Error::InputCorrupt { .. })))
        }
        _ => false,
    }
}

/// An error of a run that can be gone on with; where an input could not be read, it says so.
pub fn resumable(error: Error) -> Error {
    if !matches!(error, Error::InputUnreadable { .. }) {
        return error;
    }
    error.map_hint(|hint| {
        format!("{}; --resume then goes on with what is done", hint.replace(", then run the same command again", ""))
    })
}

/// Removes what nobody could go on from; the error that led to it is the one to tell.
pub fn give_up(partial: PartialOutput, error: Error) -> Error {
    let _ = partial.discard();
    error
}

/// Shows a file and removes what is not part of it; what cannot be removed is only told. Answers what was shown.
///
/// # Errors
/// What prevents it from being shown.
pub fn show_file(partial: PartialOutput, observer: &dyn Observer) -> Result<Output> {
    let path = partial.target().to_path_buf();
    if let Some(error) = partial.commit()? {
        observer.on(&stays_behind(&error));
    }
    let bytes = Bytes(std::fs::metadata(&path).map_err(|error| Error::writing(&path, &error))?.len());
    Ok(Output { path, bytes, files: 1 })
}

/// What is told of something that could not be removed once the output was shown.
pub fn stays_behind(error: &Error) -> Event {
    Event::Warning { message: format!("the output is whole, but something stays behind: {error}") }
}

/// The line of a ledger for what coordinate transformations take once the first one is made.
pub fn transformations_line() -> LedgerLine {
    LedgerLine {
        name: "coordinate systems".into(),
        bytes: Bytes(7_000_000),
        reason: "transformations and the areas they hold for".into(),
    }
}

/// Blobs that a receipt speaks of.
pub trait Blobs {
    /// Calls `with` for each.
    fn blobs(&self, with: &mut dyn FnMut(&Blob));
}

/// A receipt whose journal entry waits until all of its blobs are on scratch, that is, for ever if one is not.
pub fn receipt<T: Serialize + Blobs>(key: &TaskKey, payload: &T) -> Result<Receipt> {
    let mut volatile = false;
    payload.blobs(&mut |blob| volatile |= blob.is_volatile());
    let receipt = Receipt::new(key.clone(), payload)?;
    Ok(if volatile { receipt.volatile() } else { receipt })
}

/// Calls `with` for each blob of a stage's receipts.
pub fn each_blob<T: DeserializeOwned + Blobs>(
    receipts: &Receipts,
    stage: u16,
    with: &mut dyn FnMut(&Blob),
) -> Result<()> {
    for receipt in receipts.of_stage(stage) {
        receipt.read::<T>()?.blobs(with);
    }
    Ok(())
}

/// What `OnceLock::get_or_try_init` will be once it is stable; a race makes the value twice and keeps one.
pub fn get_or_try_init<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => {
            let value = make()?;
            Ok(cell.get_or_init(|| value))
        }
    }
}

/// What a worker keeps from task to task. Each thread gets its own back: what one thread allocates and another frees
/// stays resident for a while, and would not be in any ledger.
pub struct Idle<T>(Mutex<Vec<(ThreadId, T)>>);

impl<T> Default for Idle<T> {
    fn default() -> Idle<T> {
        Idle(Mutex::default())
    }
}

impl<T> Idle<T> {
    /// What this thread put back.
    pub fn take(&self) -> Option<T> {
        let this = std::thread::current().id();
        let mut idle = self.lock();
        let position = idle.iter().position(|(thread, _)| *thread == this)?;
        Some(idle.swap_remove(position).1)
    }

    /// Keeps it for the next task of this thread.
    pub fn put(&self, item: T) {
        self.lock().push((std::thread::current().id(), item));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(ThreadId, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens the store of a run.
///
/// # Errors
/// [`Error::OutputUnwritable`], which names `--tmp-dir` where that is the folder.
pub fn open_store(common: &Common, partial: &PartialOutput, allowance: Option<Lease>) -> Result<Store> {
    // What is kept in memory dies with a process that grew, so that the next one would get as far and no further.
    let allowance = allowance.filter(|_| !(common.resume && common.drift_limit.is_some()));
    let elsewhere = common.tmp_dir.as_deref();
    let open = || {
        if let Some(folder) = elsewhere {
            std::fs::create_dir_all(folder).map_err(|error| Error::writing(folder, &error))?;
        }
        Store::open(&partial.scratch_file(elsewhere)?, allowance, common.tmp_limit)
    };
    match elsewhere {
        Some(folder) => open().map_err(|error| of_tmp_dir(error, folder)),
        None => open(),
    }
}

/// The error with the flag that names the folder, where no room was the matter.
fn of_tmp_dir(error: Error, folder: &Path) -> Error {
    let is_below = |path: &Path| std::path::absolute(folder).is_ok_and(|folder| path.starts_with(folder));
    match error {
        Error::OutputUnwritable { path, reason, hint }
            if hint != MAKE_ROOM && (path.starts_with(folder) || is_below(&path)) =>
        {
            let hint = format!("{CHOOSE_FOLDER} as --tmp-dir, or leave it out: scratch then lies beside the output");
            Error::OutputUnwritable { path, reason, hint }
        }
        other => other,
    }
}
