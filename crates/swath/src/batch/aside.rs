//! The file of jobs that were set aside: a line for each, complete enough to ask for it again.
//!
//! It is written beside its place and shown by a rename at the end, so that what stands there is of a whole batch.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use swath_core::fault::{self, Faulty};
use swath_core::{Bytes, CHOOSE_FOLDER, Error, Result, sync_folder};

/// Why a job was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its words ask for what cannot be done.
    Usage,
    /// It needs more than the whole batch may take.
    DoesNotFit,
    /// It took more memory than it was granted, or than there was, as often as it was tried.
    OutOfMemory,
    /// An input is missing, unreadable or corrupt.
    Input,
    /// Its output exists or cannot be written.
    Output,
    /// Too many rows were rejected.
    Rejects,
    /// Its process crashed twice.
    Crash,
    /// Its process was killed twice by others.
    Killed,
    /// It stood still twice.
    Hung,
    /// A job whose output it reads was set aside.
    Waits,
}

impl Reason {
    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            Reason::Usage => "wrong words",
            Reason::DoesNotFit => "does not fit",
            Reason::OutOfMemory => "out of memory",
            Reason::Input => "input",
            Reason::Output => "output",
            Reason::Rejects => "too many rejects",
            Reason::Crash => "crashed",
            Reason::Killed => "killed",
            Reason::Hung => "hung",
            Reason::Waits => "waits for one of these",
        }
    }
}

/// What is known of the memory of a job that was set aside.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideMemory {
    /// What it was granted in the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<Bytes>,
    /// The smallest ceiling that would do, where its plan was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest_ceiling: Option<Bytes>,
}

/// A job that was set aside, and why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Aside {
    /// The job's name.
    pub name: String,
    /// The words behind `swath`.
    pub words: Vec<String>,
    /// Why, in one word.
    pub reason: Reason,
    /// The exit code of the last attempt, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
    /// What the last attempt said went wrong.
    pub message: String,
    /// What can be done about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Figures of memory.
    pub memory: AsideMemory,
    /// How often it was tried.
    pub attempts: u32,
}

/// What of such a line is needed to try again.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    pub name: String,
    pub words: Vec<String>,
    pub attempts: u32,
}

/// The file in the making.
#[derive(Debug)]
pub(super) struct AsideFile {
    path: PathBuf,
    writer: Option<BufWriter<Faulty<File>>>,
}

impl AsideFile {
    /// A file that will be at `path`; nothing is made before the first line. What is there already is refused unless it may
    /// be `replaced`.
    ///
    /// # Errors
    /// [`Error::OutputExists`], [`Error::OutputUnwritable`].
    pub fn at(path: &Path, replaced: bool) -> Result<AsideFile> {
        if path.symlink_metadata().is_ok() && !replaced {
            return Err(Error::OutputExists {
                path: path.into(),
                message: "jobs that an earlier batch set aside stand here".into(),
                hint: "--retry does them; else remove the file, or name another with --failed".into(),
            });
        }
        if path.file_name().is_none() || path.is_dir() {
            return Err(Error::OutputUnwritable {
                path: path.into(),
                reason: "it is no place for a file".into(),
                hint: CHOOSE_FOLDER.into(),
            });
        }
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(|error| Error::writing(folder, &error))?;
        Ok(AsideFile { path: path.into(), writer: None })
    }

    /// Writes down a job.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn add(&mut self, aside: &Aside) -> Result<()> {
        let new = self.new_path();
        let add = |writer: &mut Option<BufWriter<Faulty<File>>>| -> io::Result<()> {
            let writer = match writer {
                Some(writer) => writer,
                None => {
                    let file = fault::point("aside.create").and_then(|()| File::create(&new))?;
                    writer.insert(BufWriter::new(Faulty::new(file, "aside.write")))
                }
            };
            serde_json::to_writer(&mut *writer, aside)?;
            writer.write_all(b"\n")
        };
        add(&mut self.writer).map_err(|error| Error::writing(&new, &error))
    }

    /// Shows the file; without a line there is none, and one of an earlier batch that was done again is removed.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn finish(mut self) -> Result<Option<PathBuf>> {
        let path = self.path.clone();
        let failed = |error: io::Error| Error::writing(&path, &error);
        let Some(mut writer) = self.writer.take() else {
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(None),
            };
        };
        let new = self.new_path();
        let synced = writer.flush().and_then(|()| fault::point("aside.fsync"));
        synced.and_then(|()| writer.get_ref().get_ref().sync_all()).map_err(failed)?;
        fault::point("aside.rename").and_then(|()| fs::rename(&new, &path)).map_err(failed)?;
        sync_folder(folder_of(&path))?;
        Ok(Some(path))
    }

    fn new_path(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".new");
        self.path.with_file_name(name)
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Drop for AsideFile {
    /// Of a batch that did not come to its end nothing is shown.
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            let _ = fs::remove_file(self.new_path());
        }
    }
}
