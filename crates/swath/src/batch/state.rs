//! What a batch remembers on disk: which jobs it began and which are done, one line of JSON each.
//!
//! A line that a power cut took, or half of one, only means that a job is looked at again. Outputs are not its matter: each
//! verb shows them whole.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use swath_core::fault::Faulty;
use swath_core::{Error, Fnv64, FolderLock, Result, fault, sync_folder};

use super::Files;
use crate::ingest::pattern;
use crate::raster::each_listed;

const FILE: &str = "jobs.jsonl";
const LOCK: &str = "lock";

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    /// A job began; `stood` says whether its outputs stood there already.
    Begun { job: u64, stood: bool },
    /// A job is done, of these inputs.
    Done { job: u64, inputs: u64 },
    /// The batch came to its end.
    Finished,
}

/// What an earlier run of the batch left.
#[derive(Debug, Default)]
pub(super) struct Earlier {
    /// Jobs that are done, with what their inputs were.
    pub done: HashMap<u64, u64>,
    /// Jobs that were begun while none of their outputs was there.
    pub begun: HashSet<u64>,
    is_finished: bool,
}

/// The journal of a batch; its lock dies with the process.
#[derive(Debug)]
pub(super) struct State {
    folder: PathBuf,
    file: File,
    is_dirty: bool,
    _lock: FolderLock,
}

impl State {
    /// Takes possession of `folder`.
    ///
    /// # Errors
    /// [`Error::OutputHeld`] when another batch is at it; [`Error::OutputExists`] for an unfinished one that is not to be
    /// resumed;
    /// [`Error::OutputUnwritable`].
    pub fn open(folder: &Path, resume: bool) -> Result<(State, Earlier)> {
        let lock = FolderLock::acquire(folder)?;
        let path = folder.join(FILE);
        let failed = |error: io::Error| Error::writing(&path, &error);
        let mut file = fault::point("batch.create")
            .and_then(|()| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path))
            .map_err(failed)?;
        let (earlier, end) = read(&file).map_err(failed)?;
        let keeps = end > 0 && resume;
        if end > 0 && !resume && !earlier.is_finished {
            return Err(Error::OutputExists {
                path: folder.into(),
                message: "an unfinished batch stands here".into(),
                hint: "--resume goes on with it; without this folder, nobody knows of it any more".into(),
            });
        }
        file.set_len(if keeps { end } else { 0 }).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        sync_folder(folder)?;
        let state = State { folder: folder.into(), file, is_dirty: false, _lock: lock };
        Ok((state, if keeps { earlier } else { Earlier::default() }))
    }

    /// Notes that a job begins, and whether its outputs stand there already.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn begun(&mut self, job: u64, stood: bool) -> Result<()> {
        self.write(&Line::Begun { job, stood })
    }

    /// Notes that a job is done.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn done(&mut self, job: u64, inputs: u64) -> Result<()> {
        self.is_dirty = true;
        self.write(&Line::Done { job, inputs })
    }

    /// Makes durable what was noted.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn sync(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        fault::point("batch.sync")
            .and_then(|()| self.file.sync_data())
            .map_err(|error| Error::writing(&self.folder.join(FILE), &error))
    }

    /// Ends: removed where nothing is left to do, else kept as finished.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn finish(mut self, is_all_done: bool) -> Result<()> {
        self.is_dirty = true;
        self.write(&Line::Finished)?;
        self.sync()?;
        if is_all_done { self.remove() } else { Ok(()) }
    }

    /// Removes it: nothing has been begun, or all is done.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn remove(self) -> Result<()> {
        for name in [FILE, LOCK] {
            let path = self.folder.join(name);
            fs::remove_file(&path).map_err(|error| Error::writing(&path, &error))?;
        }
        match fs::remove_dir(&self.folder) {
            // Somebody took possession as soon as the lock file was gone.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) => Err(Error::writing(&self.folder, &error)),
            Ok(()) => Ok(()),
        }
    }

    fn write(&mut self, line: &Line) -> Result<()> {
        let write = |file: &mut File| {
            let mut bytes = serde_json::to_vec(line)?;
            bytes.push(b'\n');
            fault::write_all(file, &bytes, "batch.write")
        };
        write(&mut self.file).map_err(|error| Error::writing(&self.folder.join(FILE), &error))
    }
}

/// What the lines of a journal say, and where the last whole one ends.
fn read(file: &File) -> io::Result<(Earlier, u64)> {
    let (mut earlier, mut end) = (Earlier::default(), 0);
    let mut lines = BufReader::new(Faulty::new(file, "batch.read"));
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = lines.read_until(b'\n', &mut line)?;
        let Ok(read) = serde_json::from_slice(&line) else { break };
        if line.last() != Some(&b'\n') {
            break;
        }
        end += length as u64;
        earlier.is_finished = matches!(read, Line::Finished);
        match read {
            Line::Begun { job, stood: false } => {
                earlier.begun.insert(job);
            }
            Line::Done { job, inputs } => {
                earlier.done.insert(job, inputs);
            }
            Line::Begun { .. } | Line::Finished => {}
        }
    }
    Ok((earlier, end))
}

/// What makes two jobs one: their words.
pub(super) fn identity_of(words: &[Box<str>]) -> u64 {
    let mut hash = Fnv64::default();
    for word in words {
        hash.update(word.as_bytes());
        hash.update(&[0]);
    }
    hash.finish()
}

/// What the inputs of a job are now, by size and time of change: files, those that a glob matches or a list names, and
/// folders, but not what is in them.
pub(super) fn inputs_of(files: &Files) -> u64 {
    let mut hash = Fnv64::default();
    for input in &files.inputs {
        let is_there = input.symlink_metadata().is_ok();
        match pattern(input.as_os_str()).filter(|_| !is_there).and_then(|pattern| glob::glob(pattern).ok()) {
            Some(paths) => paths.flatten().for_each(|path| add(&mut hash, &path)),
            None => add(&mut hash, input),
        }
    }
    for list in &files.lists {
        // Whoever reads it says what is wrong with it.
        let _ = each_listed(list, &mut |path| add(&mut hash, path));
    }
    hash.finish()
}

/// Adds a file as it is now.
fn add(hash: &mut Fnv64, path: &Path) {
    hash.update(path.as_os_str().as_encoded_bytes());
    if let Ok(metadata) = path.metadata() {
        hash.update(&metadata.len().to_le_bytes());
        hash.update(&metadata.mtime().to_le_bytes());
        hash.update(&metadata.mtime_nsec().to_le_bytes());
    }
    hash.update(&[0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_found_again_without_a_torn_line() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join(".jobs.batch");
        let (mut state, earlier) = State::open(&folder, false).expect("made");
        assert!(earlier.done.is_empty());
        assert_eq!(State::open(&folder, true).expect_err("held").exit_code(), 6);
        state.begun(1, false).and_then(|()| state.begun(2, true)).and_then(|()| state.done(1, 11)).expect("noted");
        state.sync().expect("synced");
        drop(state);
        let path = folder.join(FILE);
        let whole = fs::read(&path).expect("read");
        for torn in [&b"{\"event\":\"do"[..], b"{\"event\":\"finished\"}"] {
            fs::write(&path, [&whole[..], torn].concat()).expect("written");
            assert_eq!(State::open(&folder, false).expect_err("unfinished").exit_code(), 6);
            let (_, earlier) = State::open(&folder, true).expect("resumed");
            assert_eq!(earlier.done, [(1, 11)].into());
            assert_eq!(earlier.begun, [1].into());
            assert_eq!(fs::read(&path).expect("read"), whole);
        }
        State::open(&folder, true).expect("resumed").0.finish(false).expect("finished");
        let (state, earlier) = State::open(&folder, false).expect("a finished one is begun anew");
        assert!(earlier.done.is_empty());
        state.finish(true).expect("finished");
        assert!(!folder.exists());
    }
}
