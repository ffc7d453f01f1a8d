//! What was written is made to outlive a power cut, and late errors of writing are heard.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::{Error, Result, fault};

/// More files than these are not synced one by one.
#[cfg(target_os = "linux")]
const FILES_MAX: usize = 256;
#[cfg(not(target_os = "linux"))]
const FILES_MAX: usize = usize::MAX;

/// Makes a file, or a folder with all that is in it, durable.
///
/// Few files are synced one by one: that leaves alone what else waits to be written to the file system, scratch that
/// will be removed above all.
///
/// # Errors
/// [`Error::OutputUnwritable`].
pub fn sync_output(output: &Path) -> Result<()> {
    let mut paths = Vec::new();
    let all = gather(output, &mut paths).map_err(|error| Error::writing(output, &error))?;
    if !all {
        return sync_file_system(output);
    }
    for path in paths {
        fault::point("sink.sync")
            .and_then(|()| File::open(&path)?.sync_all())
            .map_err(|error| Error::writing(&path, &error))?;
    }
    Ok(())
}

/// Puts `path` and all that is in it into `paths`, contents first; answers whether that were not too many.
fn gather(path: &Path, paths: &mut Vec<PathBuf>) -> io::Result<bool> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            if !gather(&entry?.path(), paths)? {
                return Ok(false);
            }
        }
    }
    paths.push(path.into());
    Ok(paths.len() <= FILES_MAX)
}

/// Makes everything durable that was written to the file system of `path`, and reports errors of earlier writes.
///
/// # Errors
/// [`Error::OutputUnwritable`].
pub fn sync_file_system(path: &Path) -> Result<()> {
    let sync = || -> io::Result<()> {
        fault::point("sink.sync")?;
        let place = File::open(path)?;
        #[cfg(target_os = "linux")]
        rustix::fs::syncfs(&place)?;
        #[cfg(not(target_os = "linux"))]
        place.sync_all()?;
        Ok(())
    };
    sync().map_err(|error| Error::writing(path, &error))
}

/// Makes the names in a folder durable.
///
/// # Errors
/// [`Error::OutputUnwritable`].
pub fn sync_folder(path: &Path) -> Result<()> {
    let sync = || -> io::Result<()> {
        fault::point("folder.fsync")?;
        #[cfg(unix)]
        File::open(path)?.sync_all()?;
        Ok(())
    };
    sync().map_err(|error| Error::writing(path, &error))
}
