//! Changes to a folder that is there: new files under their own names, old ones gone, one file last of all.
//!
//! What changes is written down durably before anything does, so that whoever comes after a death in the middle goes on
//! to the end. Readers of single files never see half of one; between the first and the last change they may see some
//! files as they were and others as they will be. Whether the folder is still the one is told by `prints.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::prints::{Prints, refuse_if_replaced};
use super::{
    OUTPUT, PartialOutput, PartialState, WITHIN, durable, holds_work, link, partial_folder, put_back, without_slash,
    write_durably,
};
use crate::lock::FolderLock;
use crate::{Error, Journal, Result, fault, refuse_address};

/// The list of changes under way.
pub(super) const CHANGES: &str = "changes";
/// The same while it is written.
pub(super) const CHANGES_NEW: &str = "changes.new";

/// The same once all of it is done: what is left beside it need not be resumed, whatever becomes of the folder.
pub(super) const CHANGED: &str = "changed";

/// What changes in a folder; paths are below it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Files that are put in place, whether something stands there or not.
    pub put: Vec<PathBuf>,
    /// Files that go.
    pub remove: Vec<PathBuf>,
    /// The file that is put in place when all else is done.
    pub last: PathBuf,
}

/// The list as it is on disk.
#[derive(Serialize, Deserialize)]
struct Listed {
    #[serde(flatten)]
    changes: Changes,
    /// What tells the folder that is changed from others; not in lists of earlier programs.
    #[serde(default)]
    prints: Option<Prints>,
}

/// Whether changes to `target` were begun that are not at their end.
pub fn has_changes(target: &Path) -> bool {
    partial_folder(target).is_ok_and(|folder| folder.join(CHANGES).is_file())
}

/// Brings changes to `target` to their end, if a run died in the middle of them; answers whether there were any.
///
/// # Errors
/// [`Error::OutputHeld`] when another run is at it; [`Error::OutputExists`] when what stands there is not what it was changing;
/// [`Error::OutputUnwritable`].
pub fn complete_changes(target: &Path) -> Result<bool> {
    if !has_changes(target) && !partial_folder(target).is_ok_and(|folder| folder.join(CHANGED).is_file()) {
        return Ok(false);
    }
    let target = &without_slash(target);
    let partial = PartialOutput::locked(target)?;
    let had = roll_forward(&partial.folder, target)?;
    partial.discard()?;
    Ok(had)
}

/// Writes the list down, which is there as a whole or not at all.
pub(super) fn write_list(changes: &Changes, folder: &Path, target: &Path) -> Result<()> {
    let (new, list) = (folder.join(CHANGES_NEW), folder.join(CHANGES));
    let prints = Some(Prints::of(changes, &folder.join(OUTPUT), target)?);
    let listed = Listed { changes: changes.clone(), prints };
    let text = serde_json::to_vec(&listed).map_err(|error| Error::unexpected(error.to_string()))?;
    write_durably(&new, &text).map_err(|error| Error::writing(&new, &error))?;
    super::sync_folder(folder)?;
    fault::point("changes.begin").and_then(|()| fs::rename(&new, &list)).map_err(|error| Error::writing(&list, &error))
}

/// Does what is listed and not done; answers whether there was a list. Doing it twice equals doing it once.
pub(super) fn roll_forward(folder: &Path, target: &Path) -> Result<bool> {
    if folder.join(CHANGED).is_file() {
        return Ok(true);
    }
    let list = folder.join(CHANGES);
    let bytes = match fault::point("changes.read").and_then(|()| fs::read(&list)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(Error::writing(&list, &error)),
    };
    let Listed { changes, prints } = serde_json::from_slice(&bytes).map_err(|error| Error::OutputUnwritable {
        path: list.clone(),
        reason: format!("the list of changes cannot be read: {error}"),
        hint: "it was written whole, so the disk may be damaged".into(),
    })?;
    refuse_if_replaced(&changes, prints.as_ref(), folder, target)?;
    follow(&changes, folder, target, &mut false)?;
    Ok(true)
}

/// Does what is listed and not done; tells by `begun` whether anything was.
fn follow(changes: &Changes, folder: &Path, target: &Path, begun: &mut bool) -> Result<()> {
    let output = folder.join(OUTPUT);
    let mut folders = BTreeSet::new();
    for path in &changes.put {
        put(&output, target, path, &mut folders)?;
        *begun = true;
    }
    for path in &changes.remove {
        remove(target, path, &mut folders)?;
        *begun = true;
    }
    for folder in folders.iter().rev().filter(|folder| folder.is_dir()) {
        super::sync_folder(folder)?;
    }
    let mut folders = BTreeSet::new();
    put(&output, target, &changes.last, &mut folders)?;
    *begun = true;
    folders.iter().rev().try_for_each(|folder| super::sync_folder(folder))?;
    // Where that fails they are gone through once more, which changes nothing.
    let _ = fs::rename(folder.join(CHANGES), folder.join(CHANGED));
    Ok(())
}

/// Renames a new file to where it belongs, unless that was done; notes the folders that know a new name by it.
fn put(output: &Path, target: &Path, path: &Path, folders: &mut BTreeSet<PathBuf>) -> Result<()> {
    let (from, to) = (output.join(path), target.join(path));
    let fail = |error: io::Error| Error::writing(&to, &error);
    folders.extend(to.ancestors().skip(1).take_while(|above| above.starts_with(target)).map(PathBuf::from));
    if fs::symlink_metadata(&from).is_err() {
        return match fs::symlink_metadata(&to) {
            Ok(_) => Ok(()),
            Err(error) => Err(fail(error)),
        };
    }
    if let Some(above) = to.parent() {
        fault::point("changes.folder").and_then(|()| fs::create_dir_all(above)).map_err(fail)?;
    }
    fault::point("changes.rename").and_then(|()| fs::rename(&from, &to)).map_err(fail)
}

/// Removes an old file, and the folders that are empty without it.
fn remove(target: &Path, path: &Path, folders: &mut BTreeSet<PathBuf>) -> Result<()> {
    let at = target.join(path);
    let above = at.ancestors().skip(1).take_while(|above| above.starts_with(target));
    folders.extend(above.map(PathBuf::from));
    fault::point("changes.remove").and_then(|()| fs::remove_file(&at)).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(Error::writing(&at, &error)),
    })?;
    for above in at.ancestors().skip(1).take_while(|above| above.starts_with(target) && *above != target) {
        // One that holds something else stays.
        if fs::remove_dir(above).is_err() {
            break;
        }
    }
    Ok(())
}

impl PartialOutput {
    /// Takes possession of the place beside `target`, and looks at nothing there.
    fn locked(target: &Path) -> Result<PartialOutput> {
        let folder = partial_folder(target)?;
        let lock = FolderLock::acquire(&folder)?;
        let state = PartialState::Fresh;
        Ok(PartialOutput { target: target.into(), folder, state, overwrite: false, completed: false, _lock: lock })
    }

    /// Takes possession of the place beside `target`, a folder that is there and will be changed. Changes that an earlier
    /// run did not bring to their end are made first.
    ///
    /// # Errors
    /// [`Error::OutputExists`] when an unfinished run stands beside it without `resume`, when another run is at it, or
    /// when `target` is a link; [`Error::OutputUnwritable`].
    pub fn within(target: &Path, resume: bool) -> Result<PartialOutput> {
        refuse_address(target)?;
        let target = &without_slash(target);
        if target.is_symlink() {
            return Err(link(target));
        }
        let mut partial = PartialOutput::locked(target)?;
        put_back(&partial.folder.join(super::REPLACED), target)?;
        let unfinished = holds_work(&partial.folder)?;
        partial.completed = roll_forward(&partial.folder, target)?;
        // So are leftovers of a run that had shown what stands there.
        if partial.completed || partial.committed_by().is_some() {
            partial.empty()?;
        } else if unfinished && resume && Journal::exists(&partial.journal_folder()) {
            partial.state = PartialState::Resumed;
        } else if unfinished && resume {
            // Whatever else is there, nobody knows how far it is.
            partial.empty()?;
        } else if unfinished {
            return Err(Error::OutputExists {
                path: partial.folder.clone(),
                message: "an unfinished run stands here".into(),
                hint:
                    "--resume goes on with it; what it would change is as it was, so to begin anew remove that folder"
                        .into(),
            });
        }
        partial.furnish()?;
        let marker = partial.folder.join(WITHIN);
        if !marker.exists() {
            write_durably(&marker, b"").map_err(|error| Error::writing(&marker, &error))?;
        }
        Ok(partial)
    }

    /// Refuses changes that cannot be made: once they are begun, nobody could end them.
    fn check_reach(&self, changes: &Changes) -> Result<()> {
        let own = device(&self.folder)?;
        let mut folders: BTreeSet<&Path> = BTreeSet::new();
        for path in changes.put.iter().chain([&changes.last]) {
            if self.target.join(path).is_dir() {
                let is_folder = io::Error::from(io::ErrorKind::IsADirectory);
                return Err(Error::writing(&self.target.join(path), &is_folder));
            }
            folders.extend(path.parent());
        }
        folders.extend(changes.remove.iter().filter_map(|path| path.parent()));
        for folder in folders {
            let there = nearest(&self.target, folder)?;
            if device(&there)? != own {
                return Err(Error::OutputUnwritable {
                    path: there,
                    reason: format!("it is on another file system than {}", self.folder.display()),
                    hint: "files are renamed to their places: put the lake and what is beside it on one file system"
                        .into(),
                });
            }
            may_change(&there)?;
        }
        Ok(())
    }

    /// Makes changes with files of the output, which is synced first, and removes everything else.
    ///
    /// The error inside of `Ok`, if any, only kept leftovers from being removed: the changes are made.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`]: with nothing changed, or with changes that the next run brings to their end.
    pub fn change(self, changes: &Changes) -> Result<Option<Error>> {
        self.check_reach(changes)?;
        durable::sync_output(&self.output())?;
        write_list(changes, &self.folder, &self.target)?;
        let mut begun = false;
        let made =
            super::sync_folder(&self.folder).and_then(|()| follow(changes, &self.folder, &self.target, &mut begun));
        made.map_err(|error| match error {
            Error::OutputUnwritable { path, reason, .. } => Error::OutputUnwritable {
                path,
                reason: match begun {
                    true => format!("{reason}; some files are new by now, others not yet"),
                    false => format!("{reason}; no file is new yet"),
                },
                hint: "the same command with --resume brings it to its end".into(),
            },
            other => other,
        })?;
        Ok(self.discard().err())
    }
}

fn device(path: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).map(|there| there.dev()).map_err(|error| Error::writing(path, &error))
}

/// The lowest folder that is there on the way from `target` to a folder below it.
fn nearest(target: &Path, folder: &Path) -> Result<PathBuf> {
    let below = target.join(folder);
    for above in below.ancestors().take_while(|above| above.starts_with(target)) {
        match fs::metadata(above) {
            Ok(there) if there.is_dir() => return Ok(above.into()),
            Ok(_) => return Err(Error::writing(above, &io::Error::from(io::ErrorKind::NotADirectory))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(Error::writing(above, &error)),
        }
    }
    Err(Error::writing(target, &io::Error::from(io::ErrorKind::NotFound)))
}

/// Whether names in a folder may be changed.
fn may_change(folder: &Path) -> Result<()> {
    use rustix::fs::Access;
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|error| Error::writing(folder, &io::Error::from(error)))
}
