//! The grid that a raster is brought to: what the user wished, and what follows where nothing was wished.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use swath_core::{Error, Result};
use swath_crs::{Bounds, Crs};

use crate::{Affine, Grid, Shape};

use super::mapping::{Ways, half_turn};
use super::outline::outline;
use super::suggest::transformed_bounds;

/// Sides beyond this many pixels are a mistake.
const SIDE_MAX: f64 = 2_147_483_646.0;

/// Place, size and system of an output.
#[derive(Debug, Clone)]
pub struct WarpTarget {
    /// Rows and columns.
    pub shape: Shape,
    /// Where pixels lie.
    pub affine: Affine,
    /// The system of the coordinates.
    pub crs: Option<Arc<Crs>>,
}

/// What is wished of an output; what is not wished follows from the input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WarpWishes {
    /// Width and height of a pixel, in units of the output's system.
    pub resolution: Option<(f64, f64)>,
    /// Rows and columns; if one of them is 0, it follows from the other. Not together with `resolution`.
    pub size: Option<Shape>,
    /// Least x, least y, greatest x, greatest y.
    pub bounds: Option<(f64, f64, f64, f64)>,
    /// Whether the corners shall lie at multiples of the resolution (`-tap` of GDAL).
    pub is_aligned: bool,
}

impl WarpTarget {
    /// The place of another grid.
    ///
    /// # Errors
    /// [`Error::Usage`] for a grid that has none.
    pub fn like(grid: &Grid) -> Result<WarpTarget> {
        placed(grid)?;
        Ok(WarpTarget { shape: grid.shape, affine: grid.affine_or_pixels(), crs: grid.crs.clone() })
    }

    /// A target in the system `crs`, or in that of the grid.
    ///
    /// Without wishes, bounds are those of the grid in that system, and pixels are squares of which the diagonal from the
    /// upper left to the lower right corner of the grid crosses as many as before: the rule of
    /// `GDALSuggestedWarpOutput2` (GDAL 3.12), and so of `gdalwarp` and of rasterio. A grid that is in that system
    /// already, and lies straight, stays as it is, with rows that go south.
    ///
    /// Wishes are taken as `gdalwarp` takes `-tr`, `-ts`, `-te` and `-tap`: bounds begin at the upper left corner, and
    /// with a resolution the size is rounded to whole pixels; without one the resolution gives way.
    ///
    /// # CRS
    /// Wished bounds are in `bounds_crs`; in that of the output if that is `None`.
    ///
    /// # Errors
    /// [`Error::Usage`] for wishes that contradict each other or make no grid, and where no way leads between systems.
    pub fn suggest(
        grid: &Grid,
        crs: Option<&Arc<Crs>>,
        wishes: &WarpWishes,
        bounds_crs: Option<&Crs>,
    ) -> Result<WarpTarget> {
        WarpTarget::suggest_along(&mut Ways::default(), grid, crs, wishes, bounds_crs)
    }

    /// As [`WarpTarget::suggest`], by transformations that other rasters may share.
    pub(crate) fn suggest_along(
        ways: &mut Ways,
        grid: &Grid,
        crs: Option<&Arc<Crs>>,
        wishes: &WarpWishes,
        bounds_crs: Option<&Crs>,
    ) -> Result<WarpTarget> {
        check(wishes)?;
        placed(grid)?;
        let crs = crs.or(grid.crs.as_ref());
        let plain = plain(ways, grid, crs)?;
        let target = |bounds: Bounds, (width, height): (f64, f64)| -> Result<WarpTarget> {
            let affine = Affine::north_up(bounds.min_x, bounds.max_y, width, height);
            let side = |length: f64, pixel: f64| (length / pixel + 0.5).floor();
            let shape = sides(side(bounds.max_x - bounds.min_x, width), side(bounds.max_y - bounds.min_y, height))?;
            Ok(WarpTarget { shape, affine, crs: crs.cloned() })
        };
        let mut bounds = plain.bounds;
        if let Some((min_x, min_y, max_x, max_y)) = wishes.bounds {
            bounds = Bounds { min_x, min_y, max_x, max_y };
            if let (Some(from), Some(to)) = (bounds_crs.or(crs.map(|crs| &**crs)), crs) {
                bounds = transformed_bounds(bounds, from, to)?;
            }
            if !(bounds.max_x > bounds.min_x && bounds.max_y > bounds.min_y) {
                return Err(usage(
                    format!("the box {min_x}, {min_y}, {max_x}, {max_y} holds nothing"),
                    "least x, least y, greatest x, greatest y",
                ));
            }
        } else if wishes.resolution.is_none() && wishes.size.is_none() && !wishes.is_aligned {
            return Ok(WarpTarget { shape: plain.shape, affine: plain.affine, crs: crs.cloned() });
        }
        let (length, height) = (bounds.max_x - bounds.min_x, bounds.max_y - bounds.min_y);
        if let Some(size) = wishes.size {
            let of = |pixels: u32, length: f64| (pixels > 0).then(|| length / f64::from(pixels));
            let given = (of(size.columns, length), of(size.rows, height));
            let resolution = (given.0.or(given.1).unwrap_or(1.0), given.1.or(given.0).unwrap_or(1.0));
            let count = |pixels: u32, length: f64, pixel: f64| {
                if pixels > 0 { f64::from(pixels) } else { (length / pixel + 0.5).floor().max(1.0) }
            };
            let shape = sides(count(size.columns, length, resolution.0), count(size.rows, height, resolution.1))?;
            let (width, height) = (length / f64::from(shape.columns), height / f64::from(shape.rows));
            let affine = Affine::north_up(bounds.min_x, bounds.max_y, width, height);
            return Ok(WarpTarget { shape, affine, crs: crs.cloned() });
        }
        let resolution = wishes.resolution.unwrap_or(plain.affine.pixel_size());
        if wishes.is_aligned {
            return target(aligned(bounds, resolution), resolution);
        }
        let rounded = target(bounds, resolution)?;
        if wishes.resolution.is_some() {
            return Ok(rounded);
        }
        let (columns, rows) = (f64::from(rounded.shape.columns), f64::from(rounded.shape.rows));
        let affine = Affine::north_up(bounds.min_x, bounds.max_y, length / columns, height / rows);
        Ok(WarpTarget { affine, ..rounded })
    }

    /// The rectangle that it covers; for one that lies askew, the smallest one around it.
    pub fn bounds(&self) -> Bounds {
        bounds_of(&self.affine, self.shape)
    }
}

/// The smallest rectangle around a grid.
pub(crate) fn bounds_of(affine: &Affine, shape: Shape) -> Bounds {
    let (columns, rows) = (f64::from(shape.columns), f64::from(shape.rows));
    let corners = [(0.0, 0.0), (columns, 0.0), (0.0, rows), (columns, rows)].map(|(x, y)| affine.apply(x, y));
    let range = |values: [f64; 4]| {
        values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
    };
    let (x, y) = (range(corners.map(|corner| corner.0)), range(corners.map(|corner| corner.1)));
    Bounds { min_x: x.0, min_y: y.0, max_x: x.1, max_y: y.1 }
}

/// Bounds whose sides lie at multiples of the resolution, and that hold the others.
pub(crate) fn aligned(bounds: Bounds, (width, height): (f64, f64)) -> Bounds {
    // A side that misses a multiple by rounding lies on it.
    const HAIR: f64 = 1e-7;
    let down = |value: f64, size: f64| (value / size + HAIR).floor() * size;
    let up = |value: f64, size: f64| (value / size - HAIR).ceil() * size;
    Bounds {
        min_x: down(bounds.min_x, width),
        min_y: down(bounds.min_y, height),
        max_x: up(bounds.max_x, width),
        max_y: up(bounds.max_y, height),
    }
}

/// Refuses a raster of which nobody knows where it lies.
pub(super) fn placed(grid: &Grid) -> Result<()> {
    if grid.affine.is_some() {
        return Ok(());
    }
    Err(usage(
        "the raster has no place: neither the file nor a world file beside it says where its pixels lie".into(),
        "write a world file beside it, or place it with gdal_edit -a_ullr",
    ))
}

/// What follows where nothing is wished.
struct Plain {
    bounds: Bounds,
    affine: Affine,
    shape: Shape,
}

fn plain(ways: &mut Ways, grid: &Grid, crs: Option<&Arc<Crs>>) -> Result<Plain> {
    let affine = grid.affine_or_pixels();
    let is_same = match (grid.crs.as_ref(), crs) {
        (Some(one), Some(two)) => one.is_same_as(two),
        (None, None) => true,
        _ => {
            return Err(usage(
                "the reference system of the raster is not known".into(),
                "--src-crs says which one it is",
            ));
        }
    };
    if is_same && affine.is_rectilinear() {
        let bounds = bounds_of(&affine, grid.shape);
        let affine = Affine::north_up(bounds.min_x, bounds.max_y, affine.a.abs(), affine.e.abs());
        return Ok(Plain { bounds, affine, shape: grid.shape });
    }
    let (bounds, diagonal) = match (grid.crs.as_ref(), crs) {
        (Some(from), Some(to)) if !is_same => {
            let outline = outline(grid, (from, to), ways.between(from, to)?)?;
            (outline.bounds, outline.diagonal)
        }
        _ => {
            let ends = affine.apply(f64::from(grid.shape.columns), f64::from(grid.shape.rows));
            (bounds_of(&affine, grid.shape), (ends.0 - affine.c).hypot(ends.1 - affine.f))
        }
    };
    let pixel = diagonal / f64::from(grid.shape.columns).hypot(f64::from(grid.shape.rows));
    let shape = sides(
        ((bounds.max_x - bounds.min_x) / pixel + 0.5).floor(),
        ((bounds.max_y - bounds.min_y) / pixel + 0.5).floor(),
    )?;
    let (mut width, mut height) = (pixel, pixel);
    if let Some(half) = crs.and_then(|crs| half_turn(crs))
        && grid.crs.as_deref().is_some_and(|from| !from.is_geographic())
    {
        // Pixels must not reach beyond the antimeridian, nor beyond the south pole.
        let (columns, rows) = (f64::from(shape.columns), f64::from(shape.rows));
        let end = bounds.min_x + columns * width;
        if (bounds.max_x <= half && end > half) || bounds.max_x == half {
            width = (half - bounds.min_x) / columns;
        }
        if bounds.min_y >= -half / 2.0 && bounds.max_y - rows * height < -half / 2.0 {
            height = (bounds.max_y + half / 2.0) / rows;
        }
    }
    let affine = Affine::north_up(bounds.min_x, bounds.max_y, width, height);
    Ok(Plain { bounds: bounds_of(&affine, shape), affine, shape })
}

/// A size that is one.
fn sides(columns: f64, rows: f64) -> Result<Shape> {
    match columns <= SIDE_MAX && rows <= SIDE_MAX && columns.is_finite() && rows.is_finite() {
        true => Ok(Shape::new(rows.max(1.0) as u32, columns.max(1.0) as u32)),
        false => Err(usage(
            format!("the output would have {columns} × {rows} pixels"),
            "a coarser --res, or a smaller --bbox",
        )),
    }
}

fn check(wishes: &WarpWishes) -> Result<()> {
    let is_size = |size: f64| size > 0.0 && size.is_finite();
    if wishes.resolution.is_some_and(|(width, height)| !is_size(width) || !is_size(height)) {
        return Err(usage(
            "a pixel without a size".into(),
            "--res 10 makes pixels of ten units of the output's system",
        ));
    }
    if wishes.resolution.is_some() && wishes.size.is_some() {
        return Err(usage("both a resolution and a size were given".into(), "one of them; the other follows"));
    }
    if wishes.size == Some(Shape::new(0, 0)) {
        return Err(usage("a raster without pixels".into(), "columns and rows; one of them may be 0"));
    }
    if wishes.is_aligned && wishes.size.is_some() {
        return Err(usage("a size cannot be aligned".into(), "--res with it instead"));
    }
    Ok(())
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage { message, hint: hint.into() }
}
