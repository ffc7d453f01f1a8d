//! The rename that shows an output, with or without something in its way.
//!
//! It uses one atomic system call where there is one. Removing what was replaced is left to the caller.

use std::fs;
use std::io;
use std::path::Path;

use crate::{Error, Result, fault};

/// Renames `from` to `to`. What stands there is refused, or with `replaced` it ends at `from` or at `replaced`.
///
/// # Errors
/// [`Error::OutputExists`], [`Error::OutputUnwritable`].
pub(super) fn rename(from: &Path, to: &Path, replaced: Option<&Path>) -> Result<()> {
    let outcome = fault::point("sink.rename").and_then(|()| match replaced {
        Some(replaced) if fs::symlink_metadata(to).is_ok() => exchange(from, to, replaced),
        _ => move_to_free(from, to),
    });
    outcome.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => super::exists(to),
        _ => Error::writing(to, &error),
    })
}

/// Takes a rename back as far as that is possible; the error that made it necessary is the one to tell. `stood` says
/// whether anything was in the way: a file that was replaced in one step is gone, and the new one stays.
pub(super) fn undo(from: &Path, to: &Path, replaced: &Path, stood: bool) {
    if fs::symlink_metadata(from).is_ok() {
        let _ = exchange(from, to, replaced);
    } else if fs::symlink_metadata(replaced).is_ok() {
        let _ = fs::rename(to, from).and_then(|()| fs::rename(replaced, to));
    } else if !stood {
        let _ = fs::rename(to, from);
    }
}

#[cfg(target_os = "linux")]
fn exchange(from: &Path, to: &Path, replaced: &Path) -> io::Result<()> {
    match rename_with(from, to, rustix::fs::RenameFlags::EXCHANGE) {
        Err(error) if is_unsupported(&error) => exchange_in_steps(from, to, replaced),
        other => other,
    }
}

#[cfg(target_os = "linux")]
fn move_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match rename_with(from, to, rustix::fs::RenameFlags::NOREPLACE) {
        Err(error) if is_unsupported(&error) => move_in_steps(from, to),
        other => other,
    }
}

#[cfg(target_os = "linux")]
fn rename_with(from: &Path, to: &Path, flags: rustix::fs::RenameFlags) -> io::Result<()> {
    use rustix::fs::CWD;
    Ok(rustix::fs::renameat_with(CWD, from, CWD, to, flags)?)
}

#[cfg(target_os = "linux")]
fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP))
}

#[cfg(not(target_os = "linux"))]
fn exchange(from: &Path, to: &Path, replaced: &Path) -> io::Result<()> {
    exchange_in_steps(from, to, replaced)
}

#[cfg(not(target_os = "linux"))]
fn move_to_free(from: &Path, to: &Path) -> io::Result<()> {
    move_in_steps(from, to)
}

/// Replaces a file at once; a folder in two steps, between which nothing stands at `to`. A resumed run ends it.
pub(super) fn exchange_in_steps(from: &Path, to: &Path, replaced: &Path) -> io::Result<()> {
    if fs::symlink_metadata(from)?.is_file() && fs::symlink_metadata(to)?.is_file() {
        return fs::rename(from, to);
    }
    fs::rename(to, replaced)?;
    fs::rename(from, to).inspect_err(|_| drop(fs::rename(replaced, to)))
}

/// Renames if nothing stands there; another process may come in between the look and the rename.
pub(super) fn move_in_steps(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::Error::from(io::ErrorKind::AlreadyExists));
    }
    fs::rename(from, to)
}
