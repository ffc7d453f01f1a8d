//! What a batch remembers on disk: which jobs it began and which are done, one line of JSON each.
//!
//! A line that a power cut took, or half of one, only means that a job is looked at again. Outputs are not its matter: each
//! verb shows them whole.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use swath_core::fault::Faulty;
use swath_core::{Error, Fnv64, FolderLock, Result, fault, sync_folder};

use super::order::place_of;

use super::Files;
use crate::ingest::pattern;
use crate::raster::each_listed;

const FILE: &str = "jobs.jsonl";
const LOCK: &str = "lock";
/// The form of the journal.
const VERSION: u32 = 2;
/// The longest line of a journal.
const LINE_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Line {
    /// The first line: the folder in which the paths of the jobs begin.
    Batch { version: u32, folder: PathBuf },
    /// A job began, of these inputs; `stood` says whether its outputs stood there already.
    Begun { job: u64, stood: bool, inputs: u64 },
    /// A job is done, of these inputs; what it wrote, by place and by what stands there.
    Done { job: u64, inputs: u64, outputs: Vec<(u64, u64)> },
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
    /// What inputs were when a job was begun for the last time.
    pub begun_of: HashMap<u64, u64>,
    /// What stood at a place when a job had written it.
    written: HashMap<u64, u64>,
    /// The version and the folder in the first line.
    head: Option<(u32, PathBuf)>,
    is_finished: bool,
}

impl Earlier {
    /// Whether it is of other jobs only, and not at its end.
    pub fn is_of_others(&self, mut jobs: impl Iterator<Item = u64>) -> bool {
        !self.is_finished && !self.begun_of.is_empty() && jobs.all(|job| !self.begun_of.contains_key(&job))
    }

    /// Whether what stands at a path is what this batch wrote there.
    pub fn is_own(&self, path: &Path) -> bool {
        self.written.get(&place_number(path)).is_some_and(|written| *written == standing(path))
    }
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
        if folder.metadata().is_ok_and(|there| !there.is_dir()) {
            return Err(Error::OutputUnwritable {
                path: folder.into(),
                reason: "a file stands where the batch keeps what it remembers".into(),
                hint: "move it away".into(),
            });
        }
        let lock = FolderLock::acquire(folder)?;
        let path = folder.join(FILE);
        let failed = |error: io::Error| Error::writing(&path, &error);
        let mut file = fault::point("batch.create")
            .and_then(|()| OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path))
            .map_err(failed)?;
        let (earlier, end) = read(&file).map_err(failed)?;
        let keeps = end > 0 && resume;
        let is_known = earlier.head.as_ref().is_some_and(|(version, _)| *version == VERSION);
        let has_begun = !earlier.begun_of.is_empty() || end > 0 && !is_known;
        if has_begun && !resume && !earlier.is_finished {
            return Err(Error::OutputExists {
                path: folder.into(),
                message: "an unfinished batch stands here".into(),
                hint: "--resume goes on with it; without this folder, nobody knows of it any more".into(),
            });
        }
        let here = std::env::current_dir().unwrap_or_default();
        if keeps {
            is_of_here(&earlier, folder, &here)?;
        }
        file.set_len(if keeps { end } else { 0 }).and_then(|()| file.seek(SeekFrom::End(0))).map_err(failed)?;
        sync_folder(folder)?;
        let mut state = State { folder: folder.into(), file, is_dirty: false, _lock: lock };
        if !keeps {
            state.write(&Line::Batch { version: VERSION, folder: here })?;
        }
        Ok((state, if keeps { earlier } else { Earlier::default() }))
    }

    /// Notes that a job begins, and whether its outputs stand there already.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn begun(&mut self, job: u64, stood: bool, inputs: u64) -> Result<()> {
        self.write(&Line::Begun { job, stood, inputs })
    }

    /// Notes that a job is done, of which inputs, and what it wrote.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn done(&mut self, job: u64, inputs: u64, files: &Files) -> Result<()> {
        self.is_dirty = true;
        let written = files.outputs.iter().chain(&files.changes);
        let outputs = written.map(|path| (place_number(path), standing(path))).collect();
        self.write(&Line::Done { job, inputs, outputs })
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
        let length = (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        let read = match serde_json::from_slice(&line) {
            Ok(read) => read,
            // The first line of an earlier form.
            Err(_) if end == 0 && line.starts_with(b"{\"event\":\"begun\"") && line.ends_with(b"\n") => {
                earlier.head = Some((1, PathBuf::new()));
                return Ok((earlier, length as u64));
            }
            Err(_) => break,
        };
        if line.last() != Some(&b'\n') {
            break;
        }
        end += length as u64;
        earlier.is_finished = matches!(read, Line::Finished);
        match read {
            Line::Batch { version, folder } => earlier.head = Some((version, folder)),
            Line::Begun { job, stood, inputs } => {
                earlier.begun_of.insert(job, inputs);
                if !stood {
                    earlier.begun.insert(job);
                }
            }
            Line::Done { job, inputs, outputs } => {
                earlier.done.insert(job, inputs);
                earlier.written.extend(outputs);
            }
            Line::Finished => {}
        }
    }
    Ok((earlier, end))
}

/// Refuses what was noted in another form, or in another folder, where the same words are other files.
fn is_of_here(earlier: &Earlier, journal: &Path, here: &Path) -> Result<()> {
    match &earlier.head {
        Some((VERSION, folder)) if is_same_folder(folder, here) => Ok(()),
        Some((VERSION, folder)) => Err(Error::Usage {
            message: format!("the batch was begun in {}, where its paths begin", folder.display()),
            hint: "go on with it from there".into(),
        }),
        _ => Err(Error::OutputExists {
            path: journal.into(),
            message: "the unfinished batch that stands here was begun by another version of swath".into(),
            hint: "go on with it by that version; or remove this folder, and what it wrote".into(),
        }),
    }
}

/// Whether two paths name one folder.
pub(super) fn is_same_folder(one: &Path, other: &Path) -> bool {
    let number = |path: &Path| path.metadata().map(|there| (there.dev(), there.ino())).ok();
    one == other || number(one).is_some_and(|one| number(other) == Some(one))
}

fn place_number(path: &Path) -> u64 {
    Fnv64::of(place_of(path).as_os_str().as_encoded_bytes())
}

/// What stands at a path now: which file, its size and its time of change; of a folder, which it is, and the same of what
/// lies in it and in the folder of a lake's own notes.
fn standing(path: &Path) -> u64 {
    let Ok(there) = path.symlink_metadata() else { return 0 };
    let mut hash = Fnv64::default();
    hash.update(&there.ino().to_le_bytes());
    if !there.is_dir() {
        add(&mut hash, path);
        return hash.finish();
    }
    // In whatever order the folder tells them.
    let mut sum = 0u64;
    for folder in [path.to_path_buf(), path.join("_swath")] {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let mut hash = Fnv64::default();
            add(&mut hash, &entry.path());
            sum = sum.wrapping_add(hash.finish());
        }
    }
    hash.update(&sum.to_le_bytes());
    hash.finish()
}

/// What makes two jobs one: their words.
pub(super) fn identity_of<T: AsRef<str>>(words: &[T]) -> u64 {
    let mut hash = Fnv64::default();
    for word in words {
        hash.update(word.as_ref().as_bytes());
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
        let own = parent.path().join("own.tif");
        fs::write(&own, "own").expect("written");
        let files = Files { outputs: vec![own.clone()], ..Files::default() };
        state.begun(1, false, 11).and_then(|()| state.begun(2, true, 12)).expect("noted");
        state.done(1, 11, &files).expect("noted");
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
            assert_eq!(earlier.begun_of, [(1, 11), (2, 12)].into());
            assert!(earlier.is_own(&own) && !earlier.is_own(&path));
            assert_eq!(fs::read(&path).expect("read"), whole);
        }
        let (state, earlier) = State::open(&folder, true).expect("resumed");
        fs::write(&own, "other").expect("written");
        assert!(!earlier.is_own(&own), "what was changed since is not the batch's own any more");
        state.finish(false).expect("finished");
        let (state, earlier) = State::open(&folder, false).expect("a finished one is begun anew");
        assert!(earlier.done.is_empty());
        state.finish(true).expect("finished");
        assert!(!folder.exists());
    }

    #[test]
    fn journals_of_other_folders_and_forms_are_refused() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join(".jobs.batch");
        fs::create_dir(&folder).expect("made");
        for (first, code, wanted) in [
            ("{\"event\":\"begun\",\"job\":1,\"stood\":false}\n", 6, "another version"),
            ("{\"event\":\"batch\",\"version\":3,\"folder\":\"/\"}\n", 6, "another version"),
            ("{\"event\":\"batch\",\"version\":2,\"folder\":\"/nowhere\"}\n", 2, "was begun in /nowhere"),
        ] {
            fs::write(folder.join(FILE), first).expect("written");
            let error = State::open(&folder, true).expect_err(wanted);
            assert!(error.exit_code() == code && error.to_string().contains(wanted), "{error}");
            assert_eq!(fs::read_to_string(folder.join(FILE)).expect("read"), first);
            // Where nothing was begun, nothing is lost.
            assert_eq!(State::open(&folder, false).is_ok(), code == 2, "{first}");
        }
        // A line that never ends is nothing that was noted, and takes no memory.
        fs::write(folder.join(FILE), vec![b'x'; 3 << 20]).expect("written");
        assert!(State::open(&folder, true).expect("begun anew").1.done.is_empty());
        fs::remove_dir_all(&folder).expect("removed");
        fs::write(&folder, "").expect("written");
        assert!(State::open(&folder, true).expect_err("a file").to_string().contains("a file stands where"));
    }
}
