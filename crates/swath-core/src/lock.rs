//! A lock on a folder that lives exactly as long as the process that holds it.
//!
//! It is the operating system's own file lock, so nothing stale is left by a kill. It waits for nobody.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use crate::{Error, Result, fault};

/// The name of the lock file inside the folder.
pub(crate) const FILE: &str = "lock";

/// A held lock; dropping it, or dying, lets go.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Makes `folder` if needed and locks it.
    ///
    /// # Errors
    /// [`Error::OutputHeld`] that names the process which holds it; [`Error::OutputUnwritable`].
    pub fn acquire(folder: &Path) -> Result<FolderLock> {
        let path = folder.join(FILE);
        // A former holder may remove the folder between the steps; then it is made again.
        for _ in 0..100 {
            fault::point("lock.create")
                .and_then(|()| std::fs::create_dir_all(folder))
                .map_err(|error| Error::writing(folder, &error))?;
            let file = match open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(Error::writing(&path, &error)),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(folder, file)),
                Err(TryLockError::Error(error)) => return Err(Error::writing(&path, &error)),
            }
            if is_still_at(&file, &path) {
                return FolderLock { file }.signed(path);
            }
        }
        Err(Error::unexpected(format!("{} is made and removed by others all the time", folder.display())))
    }

    /// Writes down who holds the lock, for the message that others get.
    fn signed(mut self, path: PathBuf) -> Result<FolderLock> {
        let sign = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            fault::write_all(file, format!("{}\n", std::process::id()).as_bytes(), "lock.write")
        };
        sign(&mut self.file).map_err(|error| Error::writing(&path, &error))?;
        Ok(self)
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn held(folder: &Path, mut file: File) -> Error {
    let mut text = String::new();
    let _ = file.by_ref().take(20).read_to_string(&mut text);
    Error::OutputHeld { path: folder.into(), process: text.trim().parse().ok() }
}

/// Whether the file that was locked is the one that stands there, not one that was just removed.
#[cfg(unix)]
fn is_still_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(there)) => (held.dev(), held.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_still_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
