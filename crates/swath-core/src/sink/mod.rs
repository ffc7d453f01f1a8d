//! Output that cannot be seen before it is whole.
//!
//! All work happens in `.NAME.partial/` beside the final path, on the same file system, and one rename shows it. It
//! does not know what is written.

mod changes;
mod durable;
mod mark;
mod prints;
mod replace;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

pub use changes::{Changes, complete_changes, has_changes};
pub use durable::{sync_file_system, sync_folder};
pub use mark::{mark_of, put_mark};

use crate::error::refuse_address;
use crate::lock::{self, FolderLock};
use crate::{Error, Fnv64, Journal, Result, fault};

/// Says that the output was whole when the rename began, and which file or folder it was.
const COMMITTING: &str = "committing";
/// Says that the run may replace what stands at the final path.
const OVERWRITE: &str = "overwrite";
const OUTPUT: &str = "output";
const JOURNAL: &str = "run";
const SCRATCH: &str = "scratch";
/// Says that the run changes what stands at the final path, and does not replace it.
const WITHIN: &str = "within";
/// The path of the scratch file, where it lies in another folder.
const ELSEWHERE: &str = "elsewhere";
const ELSEWHERE_PREFIX: &str = "swath-";
const ELSEWHERE_SUFFIX: &str = ".scratch";
/// What was replaced, where the system cannot exchange two names at once.
const REPLACED: &str = "replaced";

/// What was found when a partial output was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartialState {
    /// Nothing: work begins.
    Fresh,
    /// An unfinished run, which goes on.
    Resumed,
    /// A run that had come to its end: the final path holds its output.
    Committed,
}

/// The place of a run's output until it is whole; dropped, it stays for a resume.
#[derive(Debug)]
pub struct PartialOutput {
    target: PathBuf,
    folder: PathBuf,
    state: PartialState,
    overwrite: bool,
    completed: bool,
    _lock: FolderLock,
}

impl PartialOutput {
    /// Takes possession of the place beside `target` (a file or a folder that will be).
    ///
    /// # Errors
    /// [`Error::OutputExists`] when something stands at `target` without `overwrite`, or a link that is not a finished
    /// output under `resume`, when an unfinished run stands beside it without `overwrite` or `resume`, or when another
    /// run is at it; [`Error::OutputUnwritable`].
    pub fn create(target: &Path, overwrite: bool, resume: bool) -> Result<PartialOutput> {
        refuse_address(target)?;
        let target = &without_slash(target);
        let folder = partial_folder(target)?;
        if let Ok(there) = fs::symlink_metadata(target) {
            if !(there.is_file() || there.is_dir() || there.is_symlink()) {
                return Err(Error::OutputUnwritable {
                    path: target.into(),
                    reason: "it is a device, a pipe or a socket, which is never replaced".into(),
                    hint: "name a file or a folder for the output".into(),
                });
            }
            // A finished output may have become a link since; that one is only looked at.
            if there.is_symlink() && (overwrite || !resume) {
                return Err(link(target));
            }
            if !overwrite && !resume {
                return Err(exists(target));
            }
        }
        let lock = FolderLock::acquire(&folder)?;
        put_back(&folder.join(REPLACED), target)?;
        let changed = changes::roll_forward(&folder, target)?;
        let stands = fs::symlink_metadata(target).is_ok();
        let unfinished = holds_work(&folder)? && !changed;
        if unfinished && target.is_symlink() {
            return Err(link(target));
        }
        if unfinished && !overwrite && !resume {
            return Err(Error::OutputExists {
                path: folder,
                message: "an unfinished run stands here".into(),
                hint: "--resume goes on with it, --overwrite begins anew".into(),
            });
        }
        let state = PartialState::Fresh;
        let mut partial =
            PartialOutput { target: target.into(), folder, state, overwrite, completed: changed, _lock: lock };
        if unfinished && resume && partial.folder.join(WITHIN).exists() && partial.committed_by().is_none() {
            return Err(Error::OutputExists {
                hint: format!(
                    "add --append, or run it as it was begun; or give it up: remove {}, which leaves {} as it is",
                    partial.folder.display(),
                    target.display()
                ),
                path: partial.folder,
                message: "the unfinished run that stands here changes what is there, and does not replace it".into(),
            });
        }
        if changed {
            partial.empty()?;
        }
        if unfinished && resume {
            partial.overwrite |= partial.folder.join(OVERWRITE).exists();
            if partial.committed_by().is_some() {
                partial.state = PartialState::Committed;
            } else if Journal::exists(&partial.journal_folder()) {
                partial.state = PartialState::Resumed;
            } else {
                // Whatever else is there, nobody knows how far it is.
                partial.empty()?;
            }
        } else if unfinished {
            partial.empty()?;
        } else if resume && stands && !overwrite {
            partial.state = PartialState::Committed;
        }
        if stands && !partial.overwrite && partial.state != PartialState::Committed {
            return Err(exists(target));
        }
        if partial.state != PartialState::Committed {
            partial.furnish()?;
        }
        Ok(partial)
    }

    /// Whether a run towards `target` stands unfinished beside it, with work that a resume could go on with.
    pub fn stands_unfinished(target: &Path) -> bool {
        partial_folder(target).is_ok_and(|folder| Journal::exists(&folder.join(JOURNAL)))
    }

    /// What was found.
    pub fn state(&self) -> PartialState {
        self.state
    }

    /// Whether what stands at the final path, if anything does then, will be replaced.
    pub fn replaces(&self) -> bool {
        self.overwrite
    }

    /// What [`show`](PartialOutput::show) was told of the job, if the interrupted run itself put there what stands at the
    /// final path.
    pub fn shown_by(&self) -> Option<String> {
        if self.state == PartialState::Committed { self.committed_by() } else { None }
    }

    /// Whether changes that an interrupted run had begun were brought to their end first.
    pub fn has_completed(&self) -> bool {
        self.completed
    }

    /// Where the output will be seen.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// The folder that holds everything meanwhile.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the caller makes the file or folder that will be the output.
    pub fn output(&self) -> PathBuf {
        self.folder.join(OUTPUT)
    }

    /// Where the journal goes.
    pub fn journal_folder(&self) -> PathBuf {
        self.folder.join(JOURNAL)
    }

    /// A folder for what is needed only during the run; it exists.
    pub fn scratch(&self) -> PathBuf {
        self.folder.join(SCRATCH)
    }

    /// The one file for what is needed only during the run: in the folder, or in `elsewhere` under a name that the
    /// final path decides. A fresh run finds none there. It is removed with everything else, also by a later run that
    /// names another folder.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn scratch_file(&self, elsewhere: Option<&Path>) -> Result<PathBuf> {
        let Some(elsewhere) = elsewhere else {
            return Ok(self.scratch().join("data"));
        };
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.into());
        let name = Fnv64::of(absolute(&self.target).as_os_str().as_encoded_bytes());
        let path = absolute(elsewhere).join(format!("{ELSEWHERE_PREFIX}{name:016x}{ELSEWHERE_SUFFIX}"));
        let note = self.folder.join(ELSEWHERE);
        let is_fresh = self.state == PartialState::Fresh;
        // A run that died early has a journal and no note.
        if is_fresh || !note.exists() {
            write_durably(&note, path.as_os_str().as_bytes()).map_err(|error| Error::writing(&note, &error))?;
        }
        if is_fresh {
            remove(&path).map_err(|error| Error::writing(&path, &error))?;
        }
        Ok(path)
    }

    /// Removes the scratch file that lies in another folder, if the note of one is found.
    fn remove_elsewhere(&self) -> Result<()> {
        let note = self.folder.join(ELSEWHERE);
        let path = match fault::point("sink.read").and_then(|()| fs::read(&note)) {
            Ok(bytes) => PathBuf::from(OsString::from_vec(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(Error::writing(&note, &error)),
        };
        // A note that was cut off, or is of somebody else, must not cost anybody a file.
        let is_ours = path.is_absolute()
            && path
                .file_name()
                .and_then(OsStr::to_str)
                .is_some_and(|name| name.starts_with(ELSEWHERE_PREFIX) && name.ends_with(ELSEWHERE_SUFFIX));
        match is_ours {
            true => remove(&path).map_err(|error| Error::writing(&path, &error)),
            false => Ok(()),
        }
    }

    /// Shows the output and removes everything else.
    ///
    /// The error inside of `Ok`, if any, only kept leftovers from being removed: the output is whole and in place.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`]; [`Error::OutputExists`] when somebody else put something there meanwhile. Then
    /// what was at the final path is unchanged, and the run can be resumed.
    pub fn commit(mut self) -> Result<Option<Error>> {
        self.show("")?;
        Ok(self.discard().err())
    }

    /// Shows the output: syncs it and renames it to the final path. Everything else stays, with a note of the `job`, so
    /// that a run which dies now is known to have shown it. Nothing happens if it was shown already.
    ///
    /// # Errors
    /// Those of [`commit`](PartialOutput::commit).
    pub fn show(&mut self, job: &str) -> Result<()> {
        if self.state == PartialState::Committed {
            return Ok(());
        }
        let (output, replaced) = (self.output(), self.folder.join(REPLACED));
        durable::sync_output(&output)?;
        let mark = identity_of(&output).map_err(|error| Error::writing(&output, &error))? + " " + job;
        let marker = self.folder.join(COMMITTING);
        write_durably(&marker, mark.as_bytes()).map_err(|error| Error::writing(&marker, &error))?;
        sync_folder(&self.folder)?;
        let stood = fs::symlink_metadata(&self.target).is_ok();
        replace::rename(&output, &self.target, self.overwrite.then_some(&*replaced))?;
        if let Err(error) = sync_parent(&self.target) {
            // It may not be durable, so it must not be seen either.
            replace::undo(&output, &self.target, &replaced, stood);
            return Err(error);
        }
        self.state = PartialState::Committed;
        Ok(())
    }

    /// Removes everything that is not at the final path.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`].
    pub fn discard(self) -> Result<()> {
        self.empty()?;
        let path = self.folder.join(lock::FILE);
        fault::point("sink.remove")
            .and_then(|()| fs::remove_file(&path))
            .map_err(|error| Error::writing(&path, &error))?;
        match fs::remove_dir(&self.folder) {
            // Somebody took possession as soon as the lock file was gone.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            Err(error) => Err(Error::writing(&self.folder, &error)),
            Ok(()) => sync_parent(&self.target),
        }
    }

    /// Removes all but the lock: the journal first, since it speaks of everything else, and the marker last, since it
    /// says that the rest is not worth resuming.
    fn empty(&self) -> Result<()> {
        let failed = |path: &Path, error: io::Error| Error::writing(path, &error);
        let journal = self.journal_folder();
        remove(&journal).map_err(|error| failed(&journal, error))?;
        // What lies in another folder may be out of reach; that is told once all the rest is gone.
        let elsewhere = self.remove_elsewhere();
        let markers = [COMMITTING, changes::CHANGES, changes::CHANGED];
        let entries = fs::read_dir(&self.folder).map_err(|error| failed(&self.folder, error))?;
        for entry in entries {
            let path = entry.map_err(|error| failed(&self.folder, error))?.path();
            let stays = path.ends_with(ELSEWHERE) && elsewhere.is_err();
            let is_marker = markers.iter().any(|marker| path.ends_with(marker));
            if !path.ends_with(lock::FILE) && !is_marker && !stays {
                remove(&path).map_err(|error| failed(&path, error))?;
            }
        }
        for marker in markers.map(|marker| self.folder.join(marker)) {
            remove(&marker).map_err(|error| failed(&marker, error))?;
        }
        elsewhere
    }

    fn furnish(&self) -> Result<()> {
        let scratch = self.scratch();
        fault::point("sink.create")
            .and_then(|()| fs::create_dir_all(&scratch))
            .map_err(|error| Error::writing(&scratch, &error))?;
        let marker = self.folder.join(OVERWRITE);
        if self.overwrite && !marker.exists() {
            write_durably(&marker, b"").map_err(|error| Error::writing(&marker, &error))?;
        }
        Ok(())
    }

    /// The job that had done the rename when the run died.
    fn committed_by(&self) -> Option<String> {
        let mark = fs::read_to_string(self.folder.join(COMMITTING)).ok()?;
        let (output, job) = mark.split_once(' ')?;
        identity_of(&self.target).is_ok_and(|there| there == output).then(|| job.into())
    }
}

/// Makes the name of `target` durable; errors name it, since its folder may be called no more than `.`.
fn sync_parent(target: &Path) -> Result<()> {
    sync_folder(parent(target)).map_err(|error| match error {
        Error::OutputUnwritable { reason, hint, .. } => Error::OutputUnwritable { path: target.into(), reason, hint },
        other => other,
    })
}

/// The folder beside `target` in which a run makes what will be seen there.
///
/// # Errors
/// [`Error::Usage`] when `target` has no name.
pub fn partial_folder(target: &Path) -> Result<PathBuf> {
    let Some(name) = target.file_name() else {
        return Err(Error::Usage {
            message: format!("{} cannot be an output: it has no name", target.display()),
            hint: "name a file or folder that swath can make".into(),
        });
    };
    let mut partial = OsString::from(".");
    partial.push(name);
    partial.push(".partial");
    Ok(target.with_file_name(partial))
}

/// The same path without a slash at its end, with which the name of a link means what it leads to.
fn without_slash(path: &Path) -> PathBuf {
    path.components().collect()
}

fn link(target: &Path) -> Error {
    Error::OutputExists {
        path: target.into(),
        message: "a link stands there, which would be replaced rather than what it leads to".into(),
        hint: "name what it leads to, or remove the link".into(),
    }
}

fn exists(target: &Path) -> Error {
    Error::OutputExists {
        path: target.into(),
        message: "the output exists".into(),
        hint: "--overwrite replaces it once the new output is whole".into(),
    }
}

/// Whether anything but the lock is there.
///
/// # Errors
/// [`Error::OutputExists`] when something is there that no run puts there: it would be removed in the end.
fn holds_work(folder: &Path) -> Result<bool> {
    let failed = |error: io::Error| Error::writing(folder, &error);
    let mut holds = false;
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        holds |= name != lock::FILE;
        let own = [lock::FILE, COMMITTING, OVERWRITE, WITHIN, OUTPUT, JOURNAL, SCRATCH, ELSEWHERE, REPLACED];
        if !own.iter().chain(&[changes::CHANGES, changes::CHANGES_NEW, changes::CHANGED]).any(|own| name == **own) {
            return Err(Error::OutputExists {
                path: folder.into(),
                message: format!("{} in it is of no run", name.display()),
                hint: "this is where an output is made before it is shown: move away what is yours".into(),
            });
        }
    }
    Ok(holds)
}

/// Puts back what a run had moved out of the way when it died before its output was in place.
fn put_back(replaced: &Path, target: &Path) -> Result<()> {
    if fs::symlink_metadata(replaced).is_err() || fs::symlink_metadata(target).is_ok() {
        return Ok(());
    }
    fault::point("sink.rename")
        .and_then(|()| fs::rename(replaced, target))
        .map_err(|error| Error::writing(target, &error))
}

fn remove(path: &Path) -> io::Result<()> {
    fault::point("sink.remove")?;
    let outcome = match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fault::point("sink.create")?;
    let mut file = File::create(path)?;
    fault::write_all(&mut file, bytes, "sink.write")?;
    fault::point("sink.fsync")?;
    file.sync_all()
}

/// The folder that holds `path`.
fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Which file or folder it is, however it is called.
#[cfg(unix)]
fn identity_of(path: &Path) -> io::Result<String> {
    use std::os::unix::fs::MetadataExt;
    let there = fs::symlink_metadata(path)?;
    Ok(format!("{}:{}", there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn identity_of(path: &Path) -> io::Result<String> {
    let there = fs::symlink_metadata(path)?;
    Ok(format!("{:?}:{}", there.created().ok(), there.len()))
}
