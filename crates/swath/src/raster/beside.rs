//! Files beside the output that were called after what stood there before: other programs would take them for part of
//! what stands there now.

use std::path::{Path, PathBuf};

use swath_core::{Error, Result};
use swath_formats::geotiff::read::{sidecars, with_ending};

use super::job::Plan;

/// The files of an output at `path`: overviews, masks, and what GDAL keeps of statistics and places. A world file counts
/// only where nothing else gives the place.
fn of(path: &Path, plan: &Plan) -> Vec<PathBuf> {
    let called_after = ["aux.xml", "ovr", "msk"].map(|ending| with_ending(path, ending));
    let others = sidecars(path).into_iter().filter(|_| plan.grid().affine.is_none());
    let mut all: Vec<PathBuf> = called_after.into_iter().filter(|path| path.is_file()).chain(others).collect();
    all.sort();
    all.dedup();
    all
}

/// Refuses an output beside which such a file waits.
///
/// # Errors
/// [`Error::OutputExists`] that names it.
pub fn refuse_leftovers(path: &Path, plan: &Plan) -> Result<()> {
    match of(path, plan).into_iter().next() {
        Some(leftover) => Err(Error::OutputExists {
            path: leftover,
            message: format!("it would be taken for part of {}", path.display()),
            hint: "move it away, or --overwrite removes it".into(),
        }),
        None => Ok(()),
    }
}

/// Removes what is older than the output; answers what could not be.
pub fn remove_leftovers(path: &Path, plan: &Plan) -> Vec<Error> {
    let changed = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    let made = changed(path);
    let older = of(path, plan).into_iter().filter(|leftover| changed(leftover) < made);
    older
        .filter_map(|leftover| std::fs::remove_file(&leftover).err().map(|error| Error::writing(&leftover, &error)))
        .collect()
}
