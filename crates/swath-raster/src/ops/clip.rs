//! A part of a raster: the same pixels, counted from another corner. It never moves or changes one.

use std::sync::Arc;

use swath_core::{Bytes, Error, Lease, Result};
use swath_crs::{Bounds, Crs};

use crate::{Affine, Grid, Raster, Shape, Tile, Window};

use super::warp::{bounds_meeting, bounds_of, transformed_bounds};

/// A box reaches into a pixel if it does by more than this share of it.
const HAIR: f64 = 1e-3;

/// A window of a raster as a raster of its own.
pub struct Clip {
    input: Arc<dyn Raster>,
    window: Window,
    grid: Grid,
}

impl Clip {
    /// The pixels of `window`.
    ///
    /// # Errors
    /// [`Error::Usage`] when the window is empty or reaches beyond the raster.
    pub fn new(input: Arc<dyn Raster>, window: Window) -> Result<Clip> {
        let from = input.grid();
        if window.is_empty() || !from.shape.whole().contains(window) {
            return Err(Error::Usage {
                message: format!(
                    "columns {} to {} and rows {} to {} are no part of a raster of {} columns × {} rows",
                    window.column,
                    window.end_column(),
                    window.row,
                    window.end_row(),
                    from.shape.columns,
                    from.shape.rows
                ),
                hint: "swath info says how large it is".into(),
            });
        }
        let affine = from.affine.map(|affine| affine.shifted(f64::from(window.column), f64::from(window.row)));
        let grid = Grid { shape: window.shape(), affine, ..from.clone() };
        Ok(Clip { input, window, grid })
    }

    /// A window of this raster as one of the input.
    fn outer(&self, window: Window) -> Window {
        Window { row: window.row + self.window.row, column: window.column + self.window.column, ..window }
    }
}

impl Raster for Clip {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        self.input.bytes_for(self.outer(window), bands)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let tile = self.input.read(self.outer(window), bands, lease)?;
        Ok(Tile { window, ..tile })
    }

    fn held_bytes(&self) -> Bytes {
        self.input.held_bytes()
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        self.input.decoded_pixels(self.outer(window))
    }

    fn source_blocks(&self) -> Vec<Shape> {
        // They lie straight in this grid only where its corner is one of theirs.
        let is_corner = |block: &Shape| {
            self.window.row.is_multiple_of(block.rows) && self.window.column.is_multiple_of(block.columns)
        };
        self.input.source_blocks().into_iter().filter(is_corner).collect()
    }
}

/// The pixels of a grid that a box touches: each one into which the box reaches by more than a thousandth of its side.
///
/// Where the box lies on edges of pixels, these are the pixels of `gdal_translate -projwin` and of `rio clip`. Elsewhere
/// the former rounds the size of the box to whole pixels, and so can leave out a pixel that is touched; here none is.
/// Of a grid that lies askew, it is the smallest window around the box.
///
/// # CRS
/// The box is in `bounds_crs`, or in the grid's own system; sides are followed where they bend (see
/// [`transformed_bounds`]), and of a box that is two parts there the one counts that the grid meets. Between longitudes it
/// is turned by 360° to where the grid is, one whose first longitude is greater than its second crosses the
/// antimeridian, and one at least a turn wide holds all columns.
///
/// # Errors
/// [`Error::Usage`] when the box holds nothing, does not meet the raster, lies at both of its ends and nowhere as a whole,
/// or no way leads from its system to the grid's.
pub fn window_of_bounds(grid: &Grid, bounds: Bounds, bounds_crs: Option<&Crs>) -> Result<Window> {
    let affine = grid.affine_or_pixels();
    let inverse = affine.inverse().ok_or_else(|| Error::Usage {
        message: "the pixels of the raster have no area".into(),
        hint: "give it a place first".into(),
    })?;
    let crs = grid.crs.as_deref();
    let whole = bounds_of(&affine, grid.shape);
    let mut moved = match (bounds_crs, crs) {
        (Some(from), Some(to)) => bounds_meeting(bounds, from, to, Some(whole))?,
        (Some(_), None) => {
            return Err(Error::Usage {
                message: "the reference system of the raster is not known, that of the box is".into(),
                hint: "--src-crs says which one the raster's is".into(),
            });
        }
        (None, Some(crs)) => transformed_bounds(bounds, crs, crs)?,
        (None, None) => bounds,
    };
    if !(moved.max_x >= moved.min_x && moved.max_y >= moved.min_y) {
        return Err(Error::Usage {
            message: format!("the box {} holds nothing", words(&bounds)),
            hint: "least x, least y, greatest x, greatest y".into(),
        });
    }
    let turn = crs.filter(|crs| crs.is_geographic()).map(|crs| 2.0 * crs.coordinate_bounds().max_x);
    if turn.is_some_and(|turn| moved.max_x - moved.min_x >= turn - HAIR * affine.pixel_size().0) {
        (moved.min_x, moved.max_x) = (whole.min_x, whole.max_x);
    }
    let turns: &[f64] = if turn.is_some() { &[0.0, 1.0, -1.0, 2.0, -2.0] } else { &[0.0] };
    let windows = turns.iter().map(|turns| {
        let shift = turns * turn.unwrap_or(0.0);
        touched(&inverse, grid.shape, Bounds { min_x: moved.min_x + shift, max_x: moved.max_x + shift, ..moved })
    });
    let windows: Vec<(Window, bool)> = windows.flatten().collect();
    // Of several turns the one that holds most; of equal ones the first.
    let most =
        |one: (Window, bool), other: (Window, bool)| if one.0.pixels() >= other.0.pixels() { one } else { other };
    let best = windows.iter().copied().reduce(most);
    if let Some((best, false)) = best
        && windows.iter().any(|(window, _)| window.intersection(best).is_empty())
    {
        return Err(Error::Usage {
            message: format!(
                "the box {} crosses the edge of the raster at which its longitudes come round, so it is two parts of it",
                words(&moved)
            ),
            hint: "swath raster warp --bbox with the same box joins them".into(),
        });
    }
    best.map(|(best, _)| best).ok_or_else(|| Error::Usage {
        message: format!("the box {} does not meet the raster, whose bounds are {}", words(&moved), words(&whole)),
        hint: match bounds_crs {
            Some(_) => format!("the box {} lies there in the system of the raster; x stands before y", words(&bounds)),
            None => {
                "is the box in the reference system of the raster? --bbox-crs EPSG:4326 says that it is another one"
                    .into()
            }
        },
    })
}

/// The pixels of a grid under another grid, as [`window_of_bounds`] has them.
///
/// # Errors
/// As [`window_of_bounds`].
pub fn window_of_grid(grid: &Grid, like: &Grid) -> Result<Window> {
    window_of_bounds(grid, bounds_of(&like.affine_or_pixels(), like.shape), like.crs.as_deref())
}

/// The pixels into which a box of the grid's own coordinates reaches, and whether all of its columns are there.
fn touched(inverse: &Affine, shape: Shape, bounds: Bounds) -> Option<(Window, bool)> {
    let corners = [
        inverse.apply(bounds.min_x, bounds.min_y),
        inverse.apply(bounds.max_x, bounds.min_y),
        inverse.apply(bounds.min_x, bounds.max_y),
        inverse.apply(bounds.max_x, bounds.max_y),
    ];
    let side = |values: [f64; 4], size: u32| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let first = (low + HAIR).floor();
        // A box without a width still lies in a pixel.
        let end = (high - HAIR).ceil().max(first + 1.0);
        let is_whole = first >= 0.0 && end <= f64::from(size);
        let (first, end) = (first.max(0.0), end.min(f64::from(size)));
        (first < end).then_some((first as u32, (end - first) as u32, is_whole))
    };
    let (column, columns, is_whole) = side(corners.map(|corner| corner.0), shape.columns)?;
    let (row, rows, _) = side(corners.map(|corner| corner.1), shape.rows)?;
    Some((Window::new(row, column, rows, columns), is_whole))
}

fn words(bounds: &Bounds) -> String {
    format!("{}, {}, {}, {}", bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y)
}
