//! What a run has done, on disk, so that a run that died can go on.
//!
//! The journal never claims what is not yet durable: records wait in memory until somebody has synced the scratch that
//! they speak of. It does not know what receipts mean, and does not decide when to flush (the executor does).

mod identity;
mod receipt;
mod record;
#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub use identity::difference;
pub use receipt::{Receipt, Receipts};

use crate::lock::FolderLock;
use crate::sink::sync_folder;
use crate::{Bytes, Error, Result, fault};
use record::Record;

const FILE: &str = "journal";
const UNFINISHED_FILE: &str = "journal.new";
/// Facts that wait in memory; where there are more, they are written at once.
const FACTS_MAX: usize = 256 << 10;

/// A side fact that a resumed run must learn again, such as the texts of a dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What sort of fact, chosen by the stage.
    pub kind: String,
    /// The fact.
    pub payload: Vec<u8>,
}

/// The record of one run, in a folder of its own; nobody else can open it while it lives.
pub struct Journal {
    open: Option<Open>,
}

struct Open {
    folder: PathBuf,
    /// Records that wait for a sync.
    queue: Mutex<Vec<u8>>,
    /// Facts that wait to be written; they speak of no scratch.
    facts: Mutex<Vec<u8>>,
    written: Mutex<Written>,
    notes: Mutex<Vec<Note>>,
    _lock: FolderLock,
}

struct Written {
    file: File,
    /// Bytes that are whole records.
    length: u64,
    /// A write or sync failed: what the system says afterwards about the same data cannot be trusted.
    broken: bool,
}

impl Journal {
    /// A journal of nothing, for runs that cannot be resumed.
    pub fn none() -> Journal {
        Journal { open: None }
    }

    /// Whether `folder` holds the journal of an unfinished run.
    pub fn exists(folder: &Path) -> bool {
        folder.join(FILE).is_file()
    }

    /// Begins a journal in `folder`; one that was there is gone.
    ///
    /// `identity` is an object of all that the result depends on: version, options, inputs.
    ///
    /// # Errors
    /// [`Error::OutputHeld`] while another run holds the folder; [`Error::OutputUnwritable`].
    pub fn create(folder: &Path, identity: &serde_json::Value) -> Result<Journal> {
        let lock = FolderLock::acquire(folder)?;
        Journal::begin(folder, identity, lock)
    }

    /// Opens the journal in `folder`, with the receipts of what is done; begins one if there is none.
    ///
    /// # Errors
    /// [`Error::OutputHeld`] while another run holds the folder; [`Error::OutputExists`] when the journal was begun with another
    /// identity: the message names the field; [`Error::OutputUnwritable`].
    pub fn open(folder: &Path, identity: &serde_json::Value) -> Result<(Journal, Receipts)> {
        let lock = FolderLock::acquire(folder)?;
        if !Journal::exists(folder) {
            return Ok((Journal::begin(folder, identity, lock)?, Receipts::new()));
        }
        let path = folder.join(FILE);
        let (read, write) = (|error| Error::reading(&path, &error), |error| Error::writing(&path, &error));
        let mut file = OpenOptions::new().read(true).write(true).open(&path).map_err(read)?;
        let mut records = record::Reader::new(&file).map_err(read)?;
        match records.next().map_err(read)? {
            Some(Record::Head { format: record::FORMAT, identity: old }) => identity::check(folder, &old, identity)?,
            _ => return Err(unreadable(folder)),
        }
        let (mut receipts, mut notes) = (Receipts::new(), Vec::new());
        while let Some(record) = records.next().map_err(read)? {
            match record {
                Record::Receipt(receipt) => receipts.insert(receipt)?,
                Record::Note(note) => notes.push(note),
                Record::Head { .. } => return Err(unreadable(folder)),
            }
        }
        receipts.mark_resumed();
        let length = records.whole();
        // What is behind the last whole record was being written when the run died.
        fault::point("journal.truncate").and_then(|()| file.set_len(length)).map_err(write)?;
        file.seek(SeekFrom::Start(length)).map_err(write)?;
        Ok((Journal::over(folder, file, length, notes, lock), receipts))
    }

    fn begin(folder: &Path, identity: &serde_json::Value, lock: FolderLock) -> Result<Journal> {
        let (path, unfinished) = (folder.join(FILE), folder.join(UNFINISHED_FILE));
        let mut head = Vec::new();
        record::head(identity, &mut head)?;
        // Under its name a journal always has a whole head.
        let write = || -> io::Result<File> {
            fault::point("journal.create")?;
            let mut file = File::create(&unfinished)?;
            fault::write_all(&mut file, &head, "journal.write")?;
            fault::point("journal.fsync")?;
            file.sync_all()?;
            fault::point("journal.rename")?;
            std::fs::rename(&unfinished, &path)?;
            Ok(file)
        };
        let file = write().map_err(|error| Error::writing(&path, &error))?;
        sync_folder(folder)?;
        Ok(Journal::over(folder, file, head.len() as u64, Vec::new(), lock))
    }

    fn over(folder: &Path, file: File, length: u64, notes: Vec<Note>, lock: FolderLock) -> Journal {
        let written = Mutex::new(Written { file, length, broken: false });
        let (folder, notes) = (folder.into(), Mutex::new(notes));
        let (queue, facts) = (Mutex::default(), Mutex::default());
        Journal { open: Some(Open { folder, queue, facts, written, notes, _lock: lock }) }
    }

    /// Whether anything is recorded at all.
    pub fn is_recording(&self) -> bool {
        self.open.is_some()
    }

    /// The notes of the run that is resumed, in order; they can be taken once.
    pub fn take_notes(&self) -> Vec<Note> {
        self.open.as_ref().map(|open| std::mem::take(&mut *lock(&open.notes))).unwrap_or_default()
    }

    /// Queues a receipt, unless it is volatile; its work must have been handed to the system (written, if not synced) before.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for a receipt of more than 1 GiB.
    pub fn record(&self, receipt: &Receipt) -> Result<()> {
        match &self.open {
            Some(open) if !receipt.is_volatile() => record::receipt(receipt, &mut lock(&open.queue)),
            _ => Ok(()),
        }
    }

    /// Takes down a side fact: facts of a task come before its receipt. They may be many and long, so they are not kept in
    /// memory but for some hundred KiB; since they speak of no scratch, they need not wait for it.
    ///
    /// # Errors
    /// [`Error::Unexpected`] for a note of more than 1 GiB; [`Error::OutputUnwritable`].
    pub fn append_note(&self, kind: &str, payload: &[u8]) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let mut facts = lock(&open.facts);
        record::note(kind, payload, &mut facts)?;
        let wait = facts.len() < FACTS_MAX;
        drop(facts);
        if wait {
            return Ok(());
        }
        let mut written = lock(&open.written);
        let facts = std::mem::take(&mut *lock(&open.facts));
        open.write(&mut written, &facts, false)
    }

    /// What waits in memory for a flush.
    pub fn queued(&self) -> Bytes {
        self.open.as_ref().map_or(Bytes::ZERO, |open| Bytes::from(lock(&open.queue).len()))
    }

    /// Makes all that is queued now durable: first the scratch, by `sync`, then the records themselves.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`]; every later flush fails too, since after a failed sync nothing can be trusted.
    pub fn flush(&self, sync: &dyn Fn() -> io::Result<()>) -> Result<()> {
        let Some(open) = &self.open else { return Ok(()) };
        let mut written = lock(&open.written);
        // Taken before the sync begins: what is queued meanwhile waits for the next one.
        let records = std::mem::take(&mut *lock(&open.queue));
        if records.is_empty() && lock(&open.facts).is_empty() {
            return Ok(());
        }
        open.check(&written)?;
        written.broken = true;
        fault::point("scratch.sync").and_then(|()| sync()).map_err(|error| Error::writing(&open.folder, &error))?;
        written.broken = false;
        // The facts behind those records were queued before them.
        let facts = std::mem::take(&mut *lock(&open.facts));
        open.write(&mut written, &facts, records.is_empty())?;
        if records.is_empty() { Ok(()) } else { open.write(&mut written, &records, true) }
    }
}

impl Open {
    /// Refuses to go on after a write that failed.
    fn check(&self, written: &Written) -> Result<()> {
        if written.broken {
            let error = io::Error::other("an earlier write to the journal failed");
            return Err(Error::writing(&self.folder.join(FILE), &error));
        }
        Ok(())
    }

    /// Appends records to the file.
    fn write(&self, written: &mut Written, records: &[u8], durable: bool) -> Result<()> {
        self.check(written)?;
        if records.is_empty() {
            return Ok(());
        }
        written.broken = true;
        written.append(records, durable).map_err(|error| Error::writing(&self.folder.join(FILE), &error))?;
        written.broken = false;
        Ok(())
    }
}

impl Written {
    fn append(&mut self, records: &[u8], durable: bool) -> io::Result<()> {
        let append = |file: &mut File| {
            fault::write_all(file, records, "journal.write")?;
            if !durable {
                return Ok(());
            }
            fault::point("journal.fsync")?;
            file.sync_data()
        };
        let outcome = append(&mut self.file);
        match outcome {
            Ok(()) => self.length += records.len() as u64,
            // Readers ignore a torn tail anyway; this only saves the room.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        outcome
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unreadable(folder: &Path) -> Error {
    Error::OutputExists {
        path: folder.into(),
        message: "the journal of the unfinished run is damaged or of another version".into(),
        hint: "--overwrite begins anew".into(),
    }
}
