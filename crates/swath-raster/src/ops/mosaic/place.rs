//! The grid of a mosaic, and where in it an input lies. It reads no pixels.

use std::sync::Arc;

use swath_core::{Error, Result};
use swath_crs::{Bounds, Crs};

use crate::ops::warp::{WarpTarget, WarpWishes, Ways, aligned, transformed_bounds};
use crate::{Affine, DataType, Grid, Window};

use super::entry::about;
use super::{MosaicInput, MosaicOptions};

/// How far, in pixels, an input may miss the grid of the mosaic and still count as on it.
const OFF_MAX: f64 = 1e-3;
/// What an input reaches beyond an edge of pixels by less, in pixels, is no column or row of its own: two systems may differ
/// by that much for the same places.
const SLIVER: f64 = 1e-2;

/// Place, size and system.
pub(super) type Place = WarpTarget;

/// The grid of a mosaic.
///
/// # Errors
/// [`Error::Usage`] for a system that is none, and where an input has no place in it.
pub(super) fn of(ways: &mut Ways, inputs: &[MosaicInput], options: &MosaicOptions) -> Result<Place> {
    let first = inputs.first().ok_or_else(|| usage("there is no input".into(), "name a raster"))?;
    let mut suggest = |input: &MosaicInput, crs: Option<&Arc<Crs>>| {
        let target = WarpTarget::suggest_along(ways, input.raster.grid(), crs, &WarpWishes::default(), None);
        target.map_err(|error| about(&input.what, error))
    };
    let crs = match &options.crs {
        Some(text) => Some(parsed(text)?),
        None => first.raster.grid().crs.clone(),
    };
    let first_place = suggest(first, crs.as_ref())?;
    let resolution = options.resolution.unwrap_or(first_place.affine.pixel_size());
    if !(resolution.0 > 0.0 && resolution.1 > 0.0 && resolution.0.is_finite() && resolution.1.is_finite()) {
        return Err(usage("a pixel without a size".into(), "--res 10 makes pixels of ten units"));
    }
    let mut bounds: Option<Bounds> = None;
    match options.bounds {
        Some((min_x, min_y, max_x, max_y)) => {
            let wished = Bounds { min_x, min_y, max_x, max_y };
            let from = options.bounds_crs.as_deref().map(parsed).transpose()?;
            bounds = Some(match (from.as_deref().or(crs.as_deref()), crs.as_deref()) {
                (Some(from), Some(to)) => transformed_bounds(wished, from, to)?,
                (Some(_), None) => {
                    return Err(usage(
                        "--bbox-crs names a system, and nobody knows that of the mosaic".into(),
                        "--src-crs says what the inputs are in, --dst-crs what the mosaic is to be in",
                    ));
                }
                (None, _) => wished,
            });
        }
        None => {
            for input in inputs {
                let place = suggest(input, crs.as_ref())?.bounds();
                let is = bounds.unwrap_or(place);
                bounds = Some(Bounds {
                    min_x: is.min_x.min(place.min_x),
                    min_y: is.min_y.min(place.min_y),
                    max_x: is.max_x.max(place.max_x),
                    max_y: is.max_y.max(place.max_y),
                });
            }
        }
    }
    let mut bounds = bounds.unwrap_or(first_place.bounds());
    if !(bounds.max_x > bounds.min_x && bounds.max_y > bounds.min_y) {
        return Err(usage("the box of the mosaic holds nothing".into(), "least x, least y, greatest x, greatest y"));
    }
    if options.is_aligned {
        bounds = aligned(bounds, resolution);
    } else if options.bounds.is_none() && first_place.affine.pixel_size() == resolution {
        bounds = in_step(bounds, &first_place.affine, resolution);
    }
    let wishes = WarpWishes {
        resolution: Some(resolution),
        bounds: Some((bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y)),
        ..WarpWishes::default()
    };
    // Only sizes are left to be found, so any raster with a place in that system does.
    let any = Grid {
        affine: Some(first_place.affine),
        shape: first_place.shape,
        crs: crs.clone(),
        ..first.raster.grid().clone()
    };
    WarpTarget::suggest(&any, crs.as_ref(), &wishes, None)
}

fn parsed(text: &str) -> Result<Arc<Crs>> {
    Crs::parse(text).map(Arc::new).map_err(|error| usage(error.to_string(), error.hint()))
}

/// How far, along x, the same places may lie once more in a mosaic: whole turns of longitudes, the nearest first.
pub(super) fn turns(place: &Place) -> Vec<f64> {
    match place.crs.as_deref().filter(|crs| crs.is_geographic()) {
        Some(crs) => [0.0, 1.0, -1.0, 2.0, -2.0].map(|turns| turns * 2.0 * crs.coordinate_bounds().max_x).into(),
        None => vec![0.0],
    }
}

/// Bounds that hold the others and whose corners are corners of pixels of a grid.
fn in_step(bounds: Bounds, grid: &Affine, (width, height): (f64, f64)) -> Bounds {
    let moved = |x: f64, y: f64, sign: f64| Bounds {
        min_x: bounds.min_x + sign * x,
        min_y: bounds.min_y + sign * y,
        max_x: bounds.max_x + sign * x,
        max_y: bounds.max_y + sign * y,
    };
    let from_corner = moved(grid.c, grid.f, -1.0);
    let down = |value: f64, size: f64| (value / size + SLIVER).floor() * size;
    let up = |value: f64, size: f64| (value / size - SLIVER).ceil() * size;
    Bounds {
        min_x: grid.c + down(from_corner.min_x, width),
        min_y: grid.f + down(from_corner.min_y, height),
        max_x: grid.c + up(from_corner.max_x, width),
        max_y: grid.f + up(from_corner.max_y, height),
    }
}

/// Column and row of the place at which the upper left pixel of a grid, moved along x, lies, if all of its pixels lie on those of the
/// place, to within a thousandth of one.
pub(super) fn offset(place: &Place, grid: &Grid, moved: f64) -> Option<(i64, i64)> {
    let same_system = match (&place.crs, &grid.crs) {
        (Some(one), Some(two)) => one.is_same_as(two),
        (None, None) => true,
        _ => false,
    };
    let affine = grid.affine_or_pixels();
    let affine = Affine { c: affine.c + moved, ..affine };
    if !same_system || !affine.is_rectilinear() || !place.affine.is_rectilinear() {
        return None;
    }
    let inverse = place.affine.inverse()?;
    let (column, row) = inverse.apply(affine.c, affine.f);
    let ends = affine.apply(f64::from(grid.shape.columns), f64::from(grid.shape.rows));
    let (end_column, end_row) = inverse.apply(ends.0, ends.1);
    let (whole_column, whole_row) = (column.round(), row.round());
    let off = [
        column - whole_column,
        row - whole_row,
        end_column - whole_column - f64::from(grid.shape.columns),
        end_row - whole_row - f64::from(grid.shape.rows),
    ];
    off.iter().all(|off| off.abs() <= OFF_MAX).then_some((whole_column as i64, whole_row as i64))
}

/// The parts of a place that a grid, moved along x by one of the turns, can have pixels in, which is what it has to be
/// warped to. No two of them meet, nor what is taken from the grid as it is.
///
/// # Errors
/// Where no way leads from the grid's system to that of the place.
pub(super) fn parts_of(
    ways: &mut Ways,
    place: &Place,
    grid: &Grid,
    (turns, taken): (&[f64], Option<Window>),
) -> Result<Vec<(Window, Place)>> {
    let bounds = WarpTarget::suggest_along(ways, grid, place.crs.as_ref(), &WarpWishes::default(), None)?.bounds();
    let inverse = place.affine.inverse().ok_or_else(|| Error::unexpected("a mosaic of pixels without an area"))?;
    // A pixel more, since bounds of bent sides are found at points.
    let side = |values: [f64; 4], size: u32| {
        let low = values.into_iter().fold(f64::INFINITY, f64::min);
        let high = values.into_iter().fold(f64::NEG_INFINITY, f64::max);
        let first = (low.floor() - 1.0).clamp(0.0, f64::from(size)) as u32;
        let end = (high.ceil() + 1.0).clamp(0.0, f64::from(size)) as u32;
        (first, end.max(first))
    };
    let mut parts: Vec<Window> = Vec::new();
    for turn in turns {
        let (left, right) = (bounds.min_x + turn, bounds.max_x + turn);
        let corners = [(left, bounds.min_y), (left, bounds.max_y), (right, bounds.min_y), (right, bounds.max_y)];
        let corners = corners.map(|(x, y)| inverse.apply(x, y));
        let (column, end_column) = side(corners.map(|corner| corner.0), place.shape.columns);
        let (row, end_row) = side(corners.map(|corner| corner.1), place.shape.rows);
        let (column, end_column) = match taken {
            Some(taken) if column < taken.column => (column, end_column.min(taken.column)),
            Some(taken) => (column.max(taken.end_column()), end_column),
            None => (column, end_column),
        };
        let mut window = Window::new(row, column, end_row - row, end_column.saturating_sub(column));
        // What is more than a turn wide meets itself, and then it is one part.
        parts.retain(|part| {
            let meets = !part.intersection(window).is_empty();
            if meets {
                window = around(*part, window);
            }
            !meets
        });
        if !window.is_empty() {
            parts.push(window);
        }
    }
    let of = |window: Window| {
        let affine = place.affine.shifted(f64::from(window.column), f64::from(window.row));
        (window, WarpTarget { shape: window.shape(), affine, crs: place.crs.clone() })
    };
    Ok(parts.into_iter().map(of).collect())
}

/// The smallest window around two.
fn around(one: Window, two: Window) -> Window {
    let (row, column) = (one.row.min(two.row), one.column.min(two.column));
    let (end_row, end_column) = (one.end_row().max(two.end_row()), one.end_column().max(two.end_column()));
    Window::new(row, column, end_row - row, end_column - column)
}

/// The part of a place under a grid that is on it, by its corner there, from one of its columns to another one.
pub(super) fn footprint(
    (column, row): (i64, i64),
    (first, end): (i64, i64),
    rows: u32,
    place: &Place,
) -> Option<Window> {
    let side = |first: i64, end: i64, size: u32| {
        let (start, end) = (first.max(0), end.min(i64::from(size)));
        (end > start).then(|| (start as u32, (end - start) as u32))
    };
    let (column, columns) = side(column + first, column + end, place.shape.columns)?;
    let (row, rows) = side(row, row + i64::from(rows), place.shape.rows)?;
    Some(Window::new(row, column, rows, columns))
}

/// The smallest type that holds all values of both.
///
/// There is none for 64-bit integers together with floats, nor for unsigned 64-bit integers together with signed ones:
/// these become 64-bit floats, which round beyond 2⁵³.
pub(super) fn common_type(one: DataType, two: DataType) -> DataType {
    if one == two {
        return one;
    }
    if one.is_float() || two.is_float() {
        let both_fit = one.fits_float32() && two.fits_float32();
        return if both_fit { DataType::Float32 } else { DataType::Float64 };
    }
    // Ends of the ranges of integers, narrow types first.
    let range = |data_type: DataType| -> (i128, i128) {
        let bits = data_type.size() as u32 * 8;
        match is_signed(data_type) {
            true => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
            false => (0, (1i128 << bits) - 1),
        }
    };
    let ((low, high), (other_low, other_high)) = (range(one), range(two));
    let (low, high) = (low.min(other_low), high.max(other_high));
    let holds = |data_type: &DataType| {
        let is = range(*data_type);
        !data_type.is_float() && is.0 <= low && is.1 >= high
    };
    DataType::ALL.into_iter().find(holds).unwrap_or(DataType::Float64)
}

fn is_signed(data_type: DataType) -> bool {
    matches!(data_type, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::Int64)
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage { message, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_that_hold_both() {
        use DataType::{Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64};
        let check = |one, two, wanted| {
            assert_eq!(common_type(one, two), wanted, "{one} and {two}");
            assert_eq!(common_type(two, one), wanted, "{two} and {one}");
        };
        check(UInt8, UInt8, UInt8);
        check(UInt8, Int8, Int16);
        check(UInt8, UInt16, UInt16);
        check(UInt16, Int16, Int32);
        check(UInt32, Int8, Int64);
        check(UInt64, UInt8, UInt64);
        check(UInt64, Int8, Float64);
        check(Int64, Int32, Int64);
        check(Int16, Float32, Float32);
        check(Int32, Float32, Float64);
        check(UInt8, Float64, Float64);
    }
}
