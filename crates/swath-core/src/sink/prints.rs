//! What tells whether changes that were interrupted belong to the folder that stands there now.
//!
//! Somebody may have brought back a copy of it meanwhile, or put another one in its place: files that were in place are
//! then gone, and to go on would leave a list of files that are not there. Ends of files are looked at, not all of them.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{OUTPUT, changes::Changes};
use crate::{Error, Fnv64, Result, fault};

/// Bytes at both ends of a file that are looked at.
const END: u64 = 4096;

/// The length of a file and a hash of its bytes.
type Print = (u64, u64);

/// What tells the files of some changes, and the folder that they are made in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Prints {
    /// The last file as it was; none where there was none.
    before: Option<Print>,
    /// The last file as it will be.
    after: Print,
    /// Files that are put in place, in the order of the list, by their ends.
    put: Vec<Print>,
}

impl Prints {
    /// Of changes that are about to be made.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when the new files cannot be read.
    pub(super) fn of(changes: &Changes, output: &Path, target: &Path) -> Result<Prints> {
        let there = |path: &Path, print: fn(&Path) -> io::Result<Option<Print>>| -> Result<Print> {
            let found = print(path).map_err(|error| Error::writing(path, &error))?;
            found.ok_or_else(|| Error::writing(path, &io::Error::from(io::ErrorKind::NotFound)))
        };
        let last = target.join(&changes.last);
        Ok(Prints {
            before: of_all(&last).map_err(|error| Error::writing(&last, &error))?,
            after: there(&output.join(&changes.last), of_all)?,
            put: changes.put.iter().map(|path| there(&output.join(path), of_ends)).collect::<Result<_>>()?,
        })
    }
}

/// Refuses to go on with changes to what is no longer there as the run left it.
pub(super) fn refuse_if_replaced(
    changes: &Changes,
    prints: Option<&Prints>,
    folder: &Path,
    target: &Path,
) -> Result<()> {
    let refuse = |what: String| {
        let folder = folder.display();
        Err(Error::OutputExists {
            path: target.into(),
            message: format!("a run was interrupted while it changed what stood here, and {what}"),
            hint: format!(
                "if it was brought back or replaced meanwhile, keep it as it is: remove {folder}, which holds the new \
                 files of that run that were not in place yet; else bring back what that run left"
            ),
        })
    };
    if !target.is_dir() {
        return refuse("it is gone".into());
    }
    let Some(prints) = prints else { return Ok(()) };
    let look = |path: &Path, print: fn(&Path) -> io::Result<Option<Print>>| {
        print(path).map_err(|error| Error::writing(path, &error))
    };
    let now = look(&target.join(&changes.last), of_all)?;
    if now == Some(prints.after) {
        return Ok(());
    }
    if now != prints.before {
        return refuse(format!("{} is neither as it was nor as it was to be", changes.last.display()));
    }
    let output = folder.join(OUTPUT);
    for (path, wanted) in changes.put.iter().zip(&prints.put) {
        let (found, what) = match look(&output.join(path), of_ends)? {
            Some(found) => (Some(found), "the new file is not as it was written"),
            None => (look(&target.join(path), of_ends)?, "the file in place is not the new one"),
        };
        if found != Some(*wanted) {
            let got = found.map_or("none".into(), |(bytes, _)| format!("{bytes} bytes"));
            return refuse(format!("{}: {what}: wanted {} bytes, got {got}", path.display(), wanted.0));
        }
    }
    Ok(())
}

/// By all bytes of a file; none where there is none.
fn of_all(path: &Path) -> io::Result<Option<Print>> {
    let Some((mut file, bytes)) = open(path)? else { return Ok(None) };
    let mut hash = Fnv64::default();
    take(&mut file, u64::MAX, &mut hash)?;
    Ok(Some((bytes, hash.finish())))
}

/// By the first and the last bytes of a file; none where there is none.
fn of_ends(path: &Path) -> io::Result<Option<Print>> {
    let Some((mut file, bytes)) = open(path)? else { return Ok(None) };
    let mut hash = Fnv64::default();
    take(&mut file, END, &mut hash)?;
    file.seek(SeekFrom::Start(bytes.saturating_sub(END)))?;
    take(&mut file, END, &mut hash)?;
    Ok(Some((bytes, hash.finish())))
}

fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => Ok(Some((File::open(path)?, there.len()))),
        // A folder or a link is not the file that is looked for.
        Ok(_) => Ok(None),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn take(file: &mut File, most: u64, hash: &mut Fnv64) -> io::Result<()> {
    let mut block = [0; END as usize];
    let mut rest = most;
    loop {
        let wanted = rest.min(END) as usize;
        fault::point("changes.read")?;
        match file.read(&mut block[..wanted])? {
            0 => return Ok(()),
            read => {
                hash.update(&block[..read]);
                rest -= read as u64;
            }
        }
    }
}
