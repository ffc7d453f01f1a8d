//! Where pixels lie: scale and tie point, or a matrix, or a world file beside the image.

use std::path::{Path, PathBuf};

use swath_core::Result;
use swath_raster::Affine;

use super::directory::Directory;
use super::input::Input;
use crate::geotiff::tags;
use crate::store::{SourceFile, read_full};

/// Finds where pixels lie. `points` says that coordinates are those of pixels' centres. Places that are no affine are
/// named in warnings.
pub(super) fn affine(
    input: &Input,
    directory: &Directory,
    points: bool,
    warnings: &mut Vec<String>,
) -> Result<Option<Affine>> {
    if directory.has(tags::RPC_COEFFICIENTS) {
        warnings.push("its rational polynomials (RPC) are left out: gdalwarp -rpc places it by them".into());
    }
    let half_back = |affine: Affine| if points { affine.shifted(-0.5, -0.5) } else { affine };
    let scale = directory.floats(input, tags::MODEL_PIXEL_SCALE, 64)?;
    let ties = directory.floats(input, tags::MODEL_TIEPOINT, 6 * 65_536)?;
    if let ([width, height, ..], [column, row, _, x, y, _, ..]) = (&scale[..], &ties[..])
        && *width != 0.0
        && *height != 0.0
    {
        // GDAL takes rows to go south whatever the sign.
        let corner = Affine::north_up(*x, *y, *width, height.abs());
        return Ok(Some(half_back(corner.shifted(-column, -row))).filter(is_sound));
    }
    let matrix = directory.floats(input, tags::MODEL_TRANSFORMATION, 64)?;
    if let [a, b, _, c, d, e, _, f, ..] = matrix[..] {
        return Ok(Some(half_back(Affine { a, b, c, d, e, f })).filter(is_sound));
    }
    if !ties.is_empty() {
        let count = ties.len() / 6;
        warnings.push(format!("its {count} ground control points are left out: gdalwarp places it by them"));
    }
    Ok(None)
}

fn is_sound(affine: &Affine) -> bool {
    affine.inverse().is_some() && affine.c.is_finite() && affine.f.is_finite()
}

/// The world file beside an image, if there is one.
pub(super) fn world_file_of(path: &Path) -> Option<PathBuf> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("tif");
    let (first, last) = (extension.chars().next()?, extension.chars().next_back()?);
    let short = format!("{first}{last}w");
    let names = [short.clone(), format!("{extension}w"), "wld".into()];
    let names = names.iter().flat_map(|name| [name.to_ascii_lowercase(), name.to_ascii_uppercase()]);
    names.map(|name| path.with_extension(name)).find(|path| path.is_file())
}

/// What a world file beside an image says, if there is one: its six lines give the centre of the first pixel.
///
/// # Errors
/// Where it is there and cannot be read: without it, the image would lie somewhere else.
pub(super) fn world_file(path: &Path) -> Result<Option<Affine>> {
    let Some(path) = world_file_of(path) else { return Ok(None) };
    let mut text = [0; 1024];
    let length = read_full(&SourceFile::open(path)?, &mut text, 0)?;
    Ok(std::str::from_utf8(&text[..length]).ok().and_then(affine_of))
}

/// The six numbers of a world file.
fn affine_of(text: &str) -> Option<Affine> {
    let numbers: Vec<f64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let [a, d, b, e, c, f] = numbers[..] else {
        return None;
    };
    Some(Affine { a, b, c, d, e, f }.shifted(-0.5, -0.5)).filter(is_sound)
}
