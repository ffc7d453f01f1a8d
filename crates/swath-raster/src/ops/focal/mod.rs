//! Statistics and filters over the neighbours of each pixel.
//!
//! Arithmetic is in 64-bit floats whatever the type of the pixels. A pixel without a value stays without one. It does not
//! know formats, units other than pixels, or what a result means.

mod kernel;
mod options;
mod rank;
mod spread;
mod strip;
mod taps;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use swath_core::{Bytes, Error, Lease, Result};

use crate::ops::results::{validate, write};
use crate::ops::ring::Beyond;
use crate::{Band, DataType, Grid, Raster, Scalar, Shape, Tile, Window, for_values};
pub use kernel::Kernel;
pub use options::{Edges, FocalOptions, FocalStatistic, Footprint};
use rank::{Rank, Which};
use strip::{Method, Strip};
use taps::Taps;

/// Most pixels from the centre of a square to its side.
const MOST_SQUARE: u32 = 1000;
/// Most pixels from the centre of a circle, whose neighbours are looked at one by one.
const MOST_CIRCLE: f64 = 200.0;

/// A raster of what is around the pixels of another.
pub struct Focal {
    input: Arc<dyn Raster>,
    method: Method,
    beyond: Beyond,
    grid: Grid,
}

impl Focal {
    /// The raster of the results, each band by itself.
    ///
    /// # Units
    /// Radii and σ are in pixels; [`radius_in_pixels`] makes them of lengths.
    ///
    /// # Working type
    /// The least, the greatest and the most frequent value are of the input's type, unless that is an integer of 64 bits.
    /// All else is 32-bit floats where they hold every value of the input exactly, 64-bit floats where not. Integers
    /// beyond 2⁵³ are rounded to floats.
    ///
    /// # Nodata
    /// A pixel has a value exactly where that of the input has one, unless the result is no number (the sum of opposite
    /// infinities, a mean whose weights add up to 0). Floats without a value are NaN.
    ///
    /// # Memory
    /// Besides what windows take, 16 bytes for each pixel of a circle or weight of a kernel: 3 MB at most.
    ///
    /// # Errors
    /// [`Error::Usage`] for a radius that is none or too large (1000 pixels of a square, 200 of a circle), a percentile
    /// beyond 0 to 100, and a kernel that is none, is missing, or is given to a statistic that takes none.
    pub fn new(input: Arc<dyn Raster>, options: FocalOptions) -> Result<Focal> {
        let method = method_of(&options)?;
        let from = input.grid();
        let is_wide = matches!(from.data_type, DataType::UInt64 | DataType::Int64);
        let keeps_type = options.statistic.picks() && !is_wide;
        let data_type = match (keeps_type, from.data_type.fits_float32()) {
            (true, _) => from.data_type,
            (false, true) => DataType::Float32,
            (false, false) => DataType::Float64,
        };
        let mut grid = Grid { data_type, ..from.clone() };
        if !keeps_type {
            (grid.nodata, grid.has_mask) = (Some(Scalar::Float(f64::NAN)), false);
        }
        if !options.statistic.keeps_scale() {
            let described = |band: &Band| Band { description: band.description.clone(), ..Band::default() };
            grid.bands = from.bands.iter().map(described).collect();
        }
        let beyond = if options.edges == Edges::Shrink { Beyond::Nothing } else { Beyond::Nearest };
        Ok(Focal { method, beyond, grid, input })
    }

    /// The same in 64-bit floats, where it is in 32-bit ones.
    #[must_use]
    pub fn precise(self) -> Focal {
        Focal { grid: self.grid.precise(), ..self }
    }

    /// Columns and rows of the input that are looked at on each side of a pixel.
    pub fn halo(&self) -> (u32, u32) {
        let reach = self.method.reach();
        (reach.columns, reach.rows)
    }

    /// The window of the input that a window needs.
    fn grown(&self, window: Window) -> Window {
        self.method.reach().grow(window, self.grid.shape)
    }

    /// Computes the bands of a tile of the input.
    fn compute(&self, input: &Tile, window: Window, lease: &Lease) -> Result<Tile> {
        let mut tile = Tile::unwritten(window, input.bands, self.grid.data_type, lease)?;
        let mut validity = lease.buffer_unzeroed::<u8>(tile.values.len())?;
        let mut strip = Strip::new(&self.method, self.beyond, window, self.grid.shape, lease)?;
        let columns = window.columns as usize;
        let mut all_valid = true;
        let places = (0..input.bands).flat_map(|band| (window.row..window.end_row()).map(move |row| (band, row)));
        for ((band, row), valid) in places.zip(validity.chunks_exact_mut(columns)) {
            if row == window.row {
                strip.begin();
            }
            let (results, presence) = strip.compute(row, input, band);
            let start = band * tile.window.pixels() as usize + (row - window.row) as usize * columns;
            let range = start..start + columns;
            for_values!(&mut tile.values, buffer => write(results, &mut buffer[range]));
            all_valid &= validate(&results[..columns], presence, valid);
        }
        tile.validity = (!all_valid).then_some(validity);
        Ok(tile)
    }
}

fn method_of(options: &FocalOptions) -> Result<Method> {
    use FocalStatistic as Statistic;
    let kernel = match (&options.footprint, options.statistic) {
        (Footprint::Kernel(kernel), Statistic::Kernel { normalised }) => {
            kernel.check(normalised)?;
            Some(Taps::kernel(kernel))
        }
        _ => None,
    };
    let taps = || footprint(&options.footprint, options.statistic);
    Ok(match options.statistic {
        Statistic::Mean => Method::Mean(taps()?),
        Statistic::Sum => Method::Sum(taps()?),
        Statistic::Min => Method::Min(taps()?),
        Statistic::Max => Method::Max(taps()?),
        Statistic::Range => Method::Range(taps()?),
        Statistic::Std => Method::Spread(taps()?, true),
        Statistic::Variance => Method::Spread(taps()?, false),
        Statistic::Count => Method::Count(taps()?),
        Statistic::Median => Method::Rank(Rank::new(Which::Median, taps()?)),
        Statistic::Majority => Method::Rank(Rank::new(Which::Majority, taps()?)),
        Statistic::Percentile(percent) if (0.0..=100.0).contains(&percent) => {
            Method::Rank(Rank::new(Which::Quantile(percent / 100.0), taps()?))
        }
        Statistic::Percentile(percent) => {
            return Err(usage(format!("a percentile of {percent}"), "a number from 0 to 100"));
        }
        Statistic::Gaussian(sigma) if sigma > 0.0 && sigma <= f64::from(MOST_SQUARE) / 4.0 => {
            Method::Mean(Taps::gaussian(sigma))
        }
        Statistic::Gaussian(sigma) => {
            let most = MOST_SQUARE / 4;
            return Err(usage(format!("a bell of {sigma} pixels"), &format!("more than 0 pixels, {most} at most")));
        }
        Statistic::Sobel => {
            let (along, down) = Kernel::sobel();
            Method::Magnitude(Taps::kernel(&along), Taps::kernel(&down))
        }
        Statistic::Laplace => Method::Filter(Taps::kernel(&Kernel::laplace())),
        Statistic::Kernel { normalised } => match (kernel, normalised) {
            (Some(taps), true) => Method::Mean(taps),
            (Some(taps), false) => Method::Filter(taps),
            (None, _) => {
                return Err(usage("there are no weights".into(), "name a file with the rows of a kernel"));
            }
        },
    })
}

fn footprint(footprint: &Footprint, statistic: FocalStatistic) -> Result<Taps> {
    let rectangle = |columns: u32, rows: u32| match columns.max(rows) {
        ..=MOST_SQUARE => Ok(Taps::rectangle(columns, rows)),
        radius => Err(usage(format!("a radius of {radius} pixels"), &format!("a square takes {MOST_SQUARE} at most"))),
    };
    let ellipse = |columns: f64, rows: f64| {
        let is_radius = |radius: &f64| (0.0..=MOST_CIRCLE).contains(radius);
        match [columns, rows].into_iter().find(|radius| !is_radius(radius)) {
            None => Ok(Taps::ellipse(columns, rows)),
            Some(radius) => {
                Err(usage(format!("a radius of {radius} pixels"), &format!("a circle takes 0 to {MOST_CIRCLE}")))
            }
        }
    };
    match footprint {
        Footprint::Square(radius) => rectangle(*radius, *radius),
        Footprint::Circle(radius) => ellipse(*radius, *radius),
        Footprint::Rectangle { columns, rows } => rectangle(*columns, *rows),
        Footprint::Ellipse { columns, rows } => ellipse(*columns, *rows),
        Footprint::Kernel(_) => Err(usage(
            format!("{} takes no kernel", statistic.word()),
            "weights are for the statistic kernel; a square or a circle for others",
        )),
    }
}

/// What a length on the ground is in pixels of a grid, along columns and along rows.
///
/// # Units
/// `ground` is in metres, or in units of the coordinates where their system is not known.
///
/// # Errors
/// [`Error::Usage`] where that depends on the place or the direction: a grid of degrees, one without a place, and one
/// that is turned.
pub fn radius_in_pixels(grid: &Grid, ground: f64) -> Result<(f64, f64)> {
    /// Sides of pixels that differ by less are the same, and were rounded.
    const SAME: f64 = 1e-6;
    let refuse = |why: &str| {
        let hint = "give the radius in pixels, or warp to a metric system first";
        Err(usage(format!("a radius on the ground needs {why}"), hint))
    };
    if !(ground >= 0.0 && ground.is_finite()) {
        return Err(usage(format!("a radius of {ground}"), "a number from 0 on"));
    }
    let unit_metres = match &grid.crs {
        Some(crs) => match crs.metres_per_unit() {
            Some(metres) => metres,
            None => return refuse("a grid in metres or feet, and this one is in degrees"),
        },
        None => 1.0,
    };
    let Some(affine) = grid.affine else {
        return refuse("a grid with a place, and this one has none");
    };
    let (width, height) = affine.pixel_size();
    if !affine.is_rectilinear() {
        return refuse("a grid that is not turned");
    }
    if !(width > 0.0 && height > 0.0) {
        return refuse(&format!("pixels with an area, and these are {width} × {height}"));
    }
    let height = if f64::abs(width - height) <= SAME * width { width } else { height };
    Ok((ground / unit_metres / width, ground / unit_metres / height))
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage { message, hint: hint.into() }
}

impl Raster for Focal {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        let grown = self.grown(window);
        let held = Tile::bytes_for(grown, bands, self.input.grid().data_type, true);
        let scratch = Strip::bytes_for(&self.method, window.columns);
        let output = Tile::bytes_for(window, bands, self.grid.data_type, true);
        self.input.bytes_for(grown, bands).max(held + scratch + output)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let input = self.input.read(self.grown(window), bands, lease)?;
        self.compute(&input, window, lease)
    }

    fn held_bytes(&self) -> Bytes {
        self.input.held_bytes()
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        self.input.decoded_pixels(self.grown(window))
    }

    fn source_blocks(&self) -> Vec<Shape> {
        self.input.source_blocks()
    }
}
