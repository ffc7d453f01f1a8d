//! The file of jobs that were set aside: a line for each, complete enough to ask for it again.
//!
//! It is written beside its place and shown by a rename at the end, so that what stands there is of a whole batch.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use swath_core::fault::{self, Faulty};
use swath_core::{Bytes, CHOOSE_FOLDER, Error, Result, sync_folder};

/// The longest line of such a file.
pub(super) const LINE_BYTES_MAX: u64 = 512 << 10;

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
    /// The folder in which its paths begin.
    pub folder: String,
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
    pub folder: Option<PathBuf>,
    pub attempts: u32,
}

/// The file in the making.
#[derive(Debug)]
pub(super) struct AsideFile {
    path: PathBuf,
    /// Whether what stands there may be replaced.
    replaces: bool,
    writer: Option<BufWriter<Faulty<File>>>,
    /// The file beside the place, as long as it is there.
    new: Option<PathBuf>,
}

impl AsideFile {
    /// A file that will be at `path`; nothing is made before the first line. What is there already is refused unless it may
    /// be `replaced`, and is such a file.
    ///
    /// # Errors
    /// [`Error::OutputExists`], [`Error::OutputUnwritable`].
    pub fn at(path: &Path, replaced: bool) -> Result<AsideFile> {
        if path.file_name().is_none() || path.is_dir() {
            return Err(Error::OutputUnwritable {
                path: path.into(),
                reason: "it is no place for a file".into(),
                hint: CHOOSE_FOLDER.into(),
            });
        }
        let stands = path.symlink_metadata().is_ok();
        if stands && !replaced {
            return Err(Error::OutputExists {
                path: path.into(),
                message: "jobs that an earlier batch set aside stand here".into(),
                hint: "--retry does them; else remove the file, or name another with --failed".into(),
            });
        }
        if stands {
            each_kept(path, &mut |_, _| Ok(()))?;
        }
        let folder = folder_of(path);
        fs::create_dir_all(folder).map_err(|error| Error::writing(folder, &error))?;
        // Better now than when the first job has failed.
        let [_, tried] = beside(path);
        File::create(&tried).map_err(|error| Error::writing(path, &error))?;
        let _ = fs::remove_file(&tried);
        Ok(AsideFile { path: path.into(), replaces: stands, writer: None, new: None })
    }

    /// Writes down a job.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn add(&mut self, aside: &Aside) -> Result<()> {
        let mut line = serde_json::to_vec(aside).map_err(|error| Error::unexpected(error.to_string()))?;
        line.push(b'\n');
        self.write(&line)
    }

    fn write(&mut self, line: &[u8]) -> Result<()> {
        let write = |file: &mut AsideFile| -> io::Result<()> {
            let writer = match &mut file.writer {
                Some(writer) => writer,
                None => {
                    let (new, made) = fault::point("aside.create").and_then(|()| make(&file.path))?;
                    file.new = Some(new);
                    file.writer.insert(BufWriter::new(Faulty::new(made, "aside.write")))
                }
            };
            writer.write_all(line)
        };
        write(self).map_err(|error| Error::writing(&self.path, &error))
    }

    /// Shows the file; without a line there is none, and one of an earlier batch that was done again is removed. Its lines
    /// of jobs that did not come to an end now stay.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`]; [`Error::OutputExists`] for what somebody else put there meanwhile.
    pub fn finish(mut self, has_ended: &dyn Fn(&[String]) -> bool) -> Result<Option<PathBuf>> {
        let path = self.path.clone();
        let failed = |error: io::Error| Error::writing(&path, &error);
        // Of two batches that set aside in one file, one comes after the other, and keeps what that wrote.
        let lock = File::open(folder_of(&path)).ok();
        let _ = lock.as_ref().map(File::lock);
        if path.symlink_metadata().is_ok() {
            let old = path.clone();
            each_kept(&old, &mut |words, line| if has_ended(words) { Ok(()) } else { self.write(line) })?;
        }
        let Some(mut writer) = self.writer.take() else {
            if !self.replaces {
                return Ok(None);
            }
            return match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
                _ => Ok(None),
            };
        };
        let new = self.new.clone().unwrap_or_default();
        let synced = writer.flush().and_then(|()| fault::point("aside.fsync"));
        synced.and_then(|()| writer.get_ref().get_ref().sync_all()).map_err(failed)?;
        fault::point("aside.rename").and_then(|()| fs::rename(&new, &path)).map_err(failed)?;
        self.new = None;
        sync_folder(folder_of(&path))?;
        Ok(Some(path))
    }
}

/// Where the file is made: beside its place, and where another batch does so, too.
fn beside(path: &Path) -> [PathBuf; 2] {
    [String::new(), format!(".{}", std::process::id())].map(|whose| {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(whose + ".new");
        path.with_file_name(name)
    })
}

/// Makes it, or takes over what a batch that is dead has left there.
fn make(path: &Path) -> io::Result<(PathBuf, File)> {
    let [usual, own] = beside(path);
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(&usual)?;
    let number = |there: fs::Metadata| (there.dev(), there.ino());
    let is_there = file.metadata().ok().map(number) == usual.metadata().ok().map(number);
    if file.try_lock().is_ok() && is_there {
        file.set_len(0)?;
        return Ok((usual, file));
    }
    File::create(&own).map(|file| (own, file))
}

/// Whoever takes lines: the words in one, and the line.
type TakeLine<'a> = dyn FnMut(&[String], &[u8]) -> Result<()> + 'a;

/// Takes each line of a file of jobs that were set aside, with the words in it.
///
/// # Errors
/// [`Error::OutputExists`] for anything that is no such file; those of `take`.
fn each_kept(path: &Path, take: &mut TakeLine<'_>) -> Result<()> {
    let other = || Error::OutputExists {
        path: path.into(),
        message: "what stands here is no list of jobs that were set aside, and is not replaced".into(),
        hint: "name another file with --failed, or move that one away".into(),
    };
    if !path.metadata().is_ok_and(|there| there.is_file()) {
        return Err(other());
    }
    let failed = |error: io::Error| Error::reading_back(path, &error);
    let mut lines = BufReader::new(Faulty::new(File::open(path).map_err(failed)?, "aside.read"));
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut lines).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let request: Request = serde_json::from_slice(&line).map_err(|_| other())?;
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        take(&request.words, &line)?;
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

impl Drop for AsideFile {
    /// Of a batch that did not come to its end nothing is shown.
    fn drop(&mut self) {
        if let Some(new) = &self.new {
            let _ = fs::remove_file(new);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aside(word: &str) -> Aside {
        Aside {
            name: word.into(),
            words: vec![word.into()],
            folder: "/".into(),
            reason: Reason::Input,
            exit: Some(5),
            message: "missing".into(),
            hint: None,
            memory: AsideMemory::default(),
            attempts: 1,
        }
    }

    fn words(path: &Path) -> Vec<String> {
        let mut words = Vec::new();
        each_kept(path, &mut |of, _| {
            words.extend_from_slice(of);
            Ok(())
        })
        .expect("a list");
        words
    }

    #[test]
    fn only_lists_of_jobs_are_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [("precious.csv", "a,b\n1,2\n"), ("one.json", "{}"), ("long", &"x".repeat(300_000))] {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            let error = AsideFile::at(&path, true).expect_err(name);
            assert!(error.exit_code() == 6 && error.to_string().contains("no list of jobs"), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
        }
    }

    #[test]
    fn what_did_not_end_stays_and_two_lists_become_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("failed.jsonl");
        let ended = |ended: &'static [&'static str]| move |words: &[String]| ended.contains(&&*words[0]);
        let mut file = AsideFile::at(&path, false).expect("made");
        ["a", "b", "c"].iter().for_each(|word| file.add(&aside(word)).expect("written"));
        assert_eq!(file.finish(&ended(&["a", "b", "c"])).expect("shown"), Some(path.clone()));
        // Of those, one fails again, one is done, and one is not come to.
        let mut file = AsideFile::at(&path, true).expect("replaced");
        file.add(&aside("a")).expect("written");
        file.finish(&ended(&["a", "b"])).expect("shown");
        assert_eq!(words(&path), ["a", "c"]);
        // Two at a time.
        fs::remove_file(&path).expect("removed");
        let mut file = AsideFile::at(&path, false).expect("made");
        file.add(&aside("own")).expect("written");
        fs::write(&path, serde_json::to_vec(&aside("other")).expect("JSON")).expect("written");
        file.finish(&ended(&["own"])).expect("shown");
        assert_eq!(words(&path), ["own", "other"]);
        AsideFile::at(&path, true).expect("replaced").finish(&ended(&["own"])).expect("shown");
        assert_eq!(words(&path), ["other"]);
        AsideFile::at(&path, true).expect("replaced").finish(&ended(&["other"])).expect("shown");
        assert_eq!(fs::read_dir(folder.path()).expect("read").count(), 0);
    }
}
