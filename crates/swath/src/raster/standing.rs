//! What stands at the final path already: whether it is what a resumed run would make.
//!
//! A raster is marked with the job that made it, where the file system lets it. Where that differs or is gone, what can be
//! told is held against the plan for a person to see: the grid and the way it is written.

use std::path::Path;
use std::time::UNIX_EPOCH;

use swath_core::{Error, Result, mark_of};
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::{DataType, Grid, Scalar};

use super::chain::Source;
use super::job::Plan;

/// What a resumed run would make.
pub struct Wanted<'a> {
    /// How.
    pub plan: &'a Plan,
    /// By which job.
    pub digest: &'a str,
    /// Of what.
    pub sources: &'a [Source],
}

/// Whether the file is the one that would be made. `shown_by` is the job of the interrupted run, if that put it there
/// itself: it says more than the mark, which not every file system keeps.
///
/// # Errors
/// [`Error::OutputExists`] that says in what it differs.
pub fn is_asked_for(wanted: &Wanted<'_>, output: &Path, shown_by: Option<String>) -> Result<()> {
    let Wanted { plan, digest, sources } = *wanted;
    let refuse = |difference| is_another(output, difference);
    let there = GeoTiff::open(output).map_err(|error| refuse(error.to_string()))?;
    if let Some(difference) = difference(plan, &there) {
        return Err(refuse(difference));
    }
    match shown_by.or_else(|| mark_of(output)) {
        Some(mark) if mark == digest => {}
        Some(_) => return Err(refuse("it was made with other options or of other inputs".into())),
        None => return Err(refuse("nothing says of what it was made, or its file system keeps no marks".into())),
    }
    match changed_since(sources, output)? {
        None => Ok(()),
        Some(difference) => Err(refuse(difference)),
    }
}

/// The error of a file that is not what a resumed run would make.
pub fn is_another(output: &Path, difference: String) -> Error {
    Error::OutputExists {
        path: output.into(),
        message: format!("there is nothing to resume, and it is not what is asked for: {difference}"),
        hint: match output.is_symlink() {
            true => "name what the link there leads to, or remove the link".into(),
            false => "--overwrite instead of --resume replaces it once the new one is complete".into(),
        },
    }
}

/// The first source that was changed after the output was made, in words.
///
/// # Errors
/// When nobody knows when the output was made.
pub fn changed_since(sources: &[Source], output: &Path) -> Result<Option<String>> {
    let made =
        std::fs::metadata(output).and_then(|there| there.modified()).map_err(|error| Error::reading(output, &error))?;
    let made = made.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
    let mut files = sources.iter().flat_map(|source| std::iter::once(&source.file).chain(&source.beside));
    let changed = files.find(|file| file.mtime_ns > made);
    Ok(changed.map(|file| format!("{} was changed after it was made", file.path.display())))
}

/// The first thing in which the file differs from the plan, in words.
fn difference(plan: &Plan, there: &GeoTiff) -> Option<String> {
    let (wanted, options, info) = (plan.grid(), plan.options(), there.info());
    let Some(got) = there.grid(0) else { return Some("it has no image".into()) };
    if let Some(difference) = wanted.difference(got) {
        return Some(difference);
    }
    // As pixels have it: the text of a file says all digits of what 32 bits keep.
    let nodata = |grid: &Grid| match grid.nodata {
        None => "none".into(),
        Some(Scalar::Float(nodata)) if grid.data_type == DataType::Float32 => (nodata as f32).to_string(),
        Some(nodata) => nodata.to_string(),
    };
    let descriptions = |grid: &Grid| -> String {
        let of_bands = grid.bands.iter().map(|band| band.description.clone().unwrap_or_default());
        of_bands.collect::<Vec<String>>().join(", ")
    };
    let pairs = [
        ("bands", wanted.bands.len().to_string(), got.bands.len().to_string()),
        ("descriptions", descriptions(wanted), descriptions(got)),
        ("mask", wanted.has_mask.to_string(), got.has_mask.to_string()),
        ("type", wanted.data_type.to_string(), got.data_type.to_string()),
        ("nodata", nodata(wanted), nodata(got)),
        ("compression", options.compression.to_string(), info.compression.to_string()),
        ("block size", options.side().to_string(), info.block.columns.to_string()),
        ("predictor", format!("{:?}", options.effective_predictor(wanted.data_type)), format!("{:?}", info.predictor)),
        (
            "interleave",
            format!("{:?}", options.effective_interleave(wanted.bands.len())),
            format!("{:?}", info.interleave),
        ),
    ];
    let differs = pairs.into_iter().find(|(_, wanted, got)| wanted != got);
    differs.map(|(what, wanted, got)| format!("{what}: wanted {wanted}, got {got}"))
}
