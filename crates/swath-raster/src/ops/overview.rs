//! Overviews: the next smaller level of a raster, each pixel from the two by two above it or a wider kernel.
//!
//! A level is made of the one before it, and a pixel depends on its own surroundings alone, so levels are the same
//! however they are cut. Values are weighed in 64-bit floats; nothing is rounded between rows and columns.

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Lease, Result};

use super::convert::neighbour;
use crate::{DataType, Pixel, Scalar, Shape, Tile, Window, for_data_type, for_values};

/// How pixels of an overview are made of those of the level before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverviewResampling {
    /// The upper left one of the two by two.
    Nearest,
    /// The mean of those that are valid among the two by two.
    Average,
    /// A triangle over four by four: weights 1, 3, 3, 1.
    Bilinear,
    /// Cubic convolution (Keys, 1981, a = −1/2) stretched over eight by eight.
    #[default]
    Cubic,
    /// The most frequent of the two by two; among equals the one whose last pixel comes first, row by row.
    Mode,
}

/// Weights of the kernels, from the first pixel to the last; fractions of two, so that their sums are exact.
const MEAN: [f64; 2] = [0.5, 0.5];
const BILINEAR: [f64; 4] = [0.125, 0.375, 0.375, 0.125];
/// At distances of 1.75, 1.25, 0.75 and 0.25 to either side, halved.
const CUBIC: [f64; 8] = [
    -0.011_718_75,
    -0.035_156_25,
    0.113_281_25,
    0.433_593_75,
    0.433_593_75,
    0.113_281_25,
    -0.035_156_25,
    -0.011_718_75,
];

/// The least share of the weight that valid pixels must have: one of the two by two in a mean.
const LEAST_WEIGHT: f64 = 0.25;

impl FromStr for OverviewResampling {
    type Err = String;

    fn from_str(text: &str) -> Result<OverviewResampling, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "nearest" | "near" => OverviewResampling::Nearest,
            "average" => OverviewResampling::Average,
            "bilinear" => OverviewResampling::Bilinear,
            "cubic" => OverviewResampling::Cubic,
            "mode" => OverviewResampling::Mode,
            _ => {
                return Err(format!(
                    "{text:?} is no way to make overviews: wanted nearest, average, bilinear, cubic or mode"
                ));
            }
        })
    }
}

impl OverviewResampling {
    /// Pixels of the larger level around a window that the window's overview depends on.
    pub fn halo(self) -> u32 {
        match self {
            OverviewResampling::Nearest | OverviewResampling::Average | OverviewResampling::Mode => 0,
            OverviewResampling::Bilinear => 1,
            OverviewResampling::Cubic => 3,
        }
    }

    fn kernel(self) -> &'static [f64] {
        match self {
            OverviewResampling::Bilinear => &BILINEAR,
            OverviewResampling::Cubic => &CUBIC,
            _ => &MEAN,
        }
    }
}

/// The shape of the next smaller level: half as many rows and columns, rounded up.
pub fn overview_shape(shape: Shape) -> Shape {
    Shape::new(shape.rows.div_ceil(2), shape.columns.div_ceil(2))
}

/// The pixels of the smaller level under a window that begins at an even row and column.
pub fn overview_window(window: Window) -> Window {
    Window::new(window.row / 2, window.column / 2, window.rows.div_ceil(2), window.columns.div_ceil(2))
}

/// The shapes of all smaller levels, largest first, until one fits into a block.
pub fn overview_shapes(shape: Shape, block: Shape) -> Vec<Shape> {
    let is_large = |shape: &Shape| shape.rows > block.rows || shape.columns > block.columns;
    std::iter::successors(Some(shape), |shape| is_large(shape).then(|| overview_shape(*shape))).skip(1).collect()
}

/// Memory that [`overview`] takes for a window of the larger level, the answer included.
pub fn overview_bytes(window: Window, bands: usize, data_type: DataType) -> Bytes {
    let line = 2 * (window.columns as usize + CUBIC.len()) * size_of::<f64>();
    Tile::bytes_for(overview_window(window), bands, data_type, true) + Bytes::from(line)
}

/// The overview of `window`, which begins at an even row and column of a level of `shape`. `tile` holds it with
/// [`OverviewResampling::halo`] around, as far as the level goes.
///
/// # Nodata
/// Valid pixels share the weights of those that are not; where they have less than a quarter of it themselves, there is
/// no value. So one valid pixel among two by two is enough for a mean; nearest and mode take valid pixels only. A value
/// that would come to equal `nodata` becomes the one next to it.
///
/// # Errors
/// [`swath_core::Error::Pressure`] when the lease has less left than [`overview_bytes`].
pub fn overview(
    tile: &Tile,
    window: Window,
    resampling: OverviewResampling,
    nodata: Option<Scalar>,
    lease: &Lease,
) -> Result<Tile> {
    let small = overview_window(window);
    let mut out = Tile::unwritten(small, tile.bands, tile.values.data_type(), lease)?;
    if tile.validity.is_some() {
        out.validity_mut(lease)?;
    }
    let place = Place { window: window.relative_to(tile.window), tile: tile.window.shape(), small: small.shape() };
    match resampling {
        OverviewResampling::Nearest | OverviewResampling::Mode => pick(tile, &mut out, &place, resampling)?,
        _ => weigh(tile, &mut out, &place, resampling, nodata, lease)?,
    }
    // Nobody needs a plane that says nothing.
    if out.validity.as_deref().is_some_and(|validity| validity.iter().all(|valid| *valid == 1)) {
        out.validity = None;
    }
    Ok(out)
}

/// Where the window lies in the tile.
struct Place {
    window: Window,
    tile: Shape,
    small: Shape,
}

impl Place {
    /// Row and column, in the tile, of the first of the two by two that a pixel covers, and how many of them there are.
    fn corner(&self, row: usize, column: usize) -> (usize, usize, usize, usize) {
        let at = (self.window.row as usize + 2 * row, self.window.column as usize + 2 * column);
        let (end_row, end_column) = (self.window.end_row() as usize, self.window.end_column() as usize);
        (at.0, at.1, 2.min(end_row - at.0), 2.min(end_column - at.1))
    }
}

/// Takes one of the pixels as it is.
fn pick(tile: &Tile, out: &mut Tile, place: &Place, resampling: OverviewResampling) -> Result<()> {
    for_data_type!(tile.values.data_type(), T => pick_of::<T>(tile, out, place, resampling))
}

fn pick_of<T: Pixel>(tile: &Tile, out: &mut Tile, place: &Place, resampling: OverviewResampling) -> Result<()> {
    let (plane, columns) = (tile.plane(), place.tile.columns as usize);
    let small = place.small.pixels() as usize;
    let mut validity = out.validity.take();
    let (from, to) = (tile.values::<T>()?, out.values_mut::<T>()?);
    for band in 0..tile.bands {
        for pixel in 0..small {
            let (row, column) = (pixel / place.small.columns as usize, pixel % place.small.columns as usize);
            let (row, column, rows, across) = place.corner(row, column);
            let first = band * plane + row * columns + column;
            let picked = match (resampling, &tile.validity) {
                (OverviewResampling::Nearest, _) => Some(first),
                (_, valid) => {
                    let four = (0..rows).flat_map(|row| (0..across).map(move |column| row * columns + column));
                    let four = four.map(|offset| first + offset);
                    mode(from, four.filter(|at| valid.as_ref().is_none_or(|valid| valid[*at] == 1)))
                }
            };
            let is_valid = picked.is_some_and(|at| tile.validity.as_ref().is_none_or(|valid| valid[at] == 1));
            to[band * small + pixel] = from[picked.unwrap_or(first)];
            if let Some(validity) = &mut validity {
                validity[band * small + pixel] = u8::from(is_valid);
            }
        }
    }
    out.validity = validity;
    Ok(())
}

/// The position of the value that comes most often; among equals of the one that is first to have come so often.
fn mode<T: Pixel>(from: &[T], candidates: impl Iterator<Item = usize> + Clone) -> Option<usize> {
    let same = |one: T, two: T| one == two || (one.is_nan() && two.is_nan());
    let mut best: Option<(usize, usize)> = None;
    for (position, at) in candidates.clone().enumerate() {
        let count = candidates.clone().take(position + 1).filter(|other| same(from[*other], from[at])).count();
        if best.is_none_or(|(most, _)| count > most) {
            best = Some((count, at));
        }
    }
    best.map(|(_, at)| at)
}

/// Weighs the pixels around: rows into one line first, then along it.
fn weigh(
    tile: &Tile,
    out: &mut Tile,
    place: &Place,
    resampling: OverviewResampling,
    nodata: Option<Scalar>,
    lease: &Lease,
) -> Result<()> {
    let reach = resampling.halo() as usize;
    let left = (place.window.column as usize).saturating_sub(reach);
    let right = (place.window.end_column() as usize + reach).min(place.tile.columns as usize);
    let mut lines = lease.buffer_unzeroed::<f64>(2 * (right - left))?;
    let (sums, weights) = lines.split_at_mut(right - left);
    for band in 0..tile.bands {
        for row in 0..place.small.rows as usize {
            sums.fill(0.0);
            weights.fill(0.0);
            let (first, kernel) = taps(place.corner(row, 0).0, place.tile.rows as usize, resampling);
            for (row, weight) in (first..).zip(kernel) {
                let start = band * tile.plane() + row * place.tile.columns as usize;
                add_row(tile, start + left..start + right, *weight, (sums, weights));
            }
            let line = Line { sums, weights, left };
            for_data_type!(out.values.data_type(), T => line.write::<T>(out, place, (band, row), resampling, nodata))?;
        }
    }
    Ok(())
}

/// The part of a kernel around the pixel pair at `first` that lies on an axis of `length` pixels: where it begins, and its
/// weights.
fn taps(first: usize, length: usize, resampling: OverviewResampling) -> (usize, &'static [f64]) {
    let (kernel, halo) = (resampling.kernel(), resampling.halo() as usize);
    let skipped = halo.saturating_sub(first);
    let start = first + skipped - halo;
    (start, &kernel[skipped..kernel.len().min(length - start + skipped)])
}

/// Adds a row, weighed, to the sums of values and of weights.
fn add_row(tile: &Tile, range: Range<usize>, weight: f64, (sums, weights): (&mut [f64], &mut [f64])) {
    let valid = tile.validity.as_ref().map(|validity| &validity[range.clone()]);
    for_values!(&tile.values, buffer => {
        let values = buffer[range].iter();
        match valid {
            None => sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value.to_f64()),
            Some(valid) => sums.iter_mut().zip(values).zip(valid).for_each(|((sum, value), valid)| {
                *sum += if *valid == 1 { weight * value.to_f64() } else { 0.0 };
            }),
        }
    });
    match valid {
        None => weights.iter_mut().for_each(|sum| *sum += weight),
        Some(valid) => weights.iter_mut().zip(valid).for_each(|(sum, valid)| *sum += weight * f64::from(*valid)),
    }
}

/// Sums over rows, for the columns of the tile from `left` on.
struct Line<'l> {
    sums: &'l [f64],
    weights: &'l [f64],
    left: usize,
}

impl Line<'_> {
    /// Writes a row of the smaller level.
    fn write<T: Pixel>(
        &self,
        out: &mut Tile,
        place: &Place,
        (band, row): (usize, usize),
        resampling: OverviewResampling,
        nodata: Option<Scalar>,
    ) -> Result<()> {
        let reserved = nodata.and_then(T::from_scalar).filter(|reserved| !reserved.is_nan());
        let columns = place.small.columns as usize;
        let start = (band * place.small.rows as usize + row) * columns;
        let mut validity = out.validity.take();
        let values = &mut out.values_mut::<T>()?[start..start + columns];
        for (column, value) in values.iter_mut().enumerate() {
            let (first, kernel) = taps(place.corner(row, column).1 - self.left, self.sums.len(), resampling);
            let (mut sum, mut total) = (0.0, 0.0);
            let line = self.sums[first..].iter().zip(&self.weights[first..]);
            for (weight, (value, share)) in kernel.iter().zip(line) {
                sum += weight * value;
                total += weight * share;
            }
            *value = T::from_f64(sum / total);
            if reserved == Some(*value) {
                *value = neighbour(*value);
            }
            if let Some(validity) = &mut validity {
                validity[start + column] = u8::from(total >= LEAST_WEIGHT);
            }
        }
        out.validity = validity;
        Ok(())
    }
}
