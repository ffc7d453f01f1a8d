//! Overviews: the next smaller level of a raster, each pixel from those that it covers or a wider kernel.
//!
//! A level is made of the one before it, and a pixel depends on its own surroundings alone, so levels are the same
//! however they are cut. Values are weighed in 64-bit floats; nothing is rounded between rows and columns.

mod axis;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use swath_core::{Buffer, Bytes, Error, Lease, Result};

use self::axis::{Axis, TAPS_MAX};
use super::convert::neighbour;
use crate::{DataType, Grid, Pixel, Scalar, Shape, Tile, Window, all_valid, for_data_type, for_values};

/// How pixels of an overview are made of those of the level before it. A pixel covers two by two of them where the level
/// has even rows and columns; along an odd axis it covers a little less than two, parts of three.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverviewResampling {
    /// The one at the upper left corner, whether it has a value or not.
    Nearest,
    /// The mean of the valid ones, by what is covered of each.
    Average,
    /// A triangle over twice what is covered: weights 1, 3, 3, 1 along an even axis.
    Bilinear,
    /// Cubic convolution (Keys, 1981, a = −1/2) stretched over four times what is covered.
    #[default]
    Cubic,
    /// The most frequent of the valid ones; among equals the one whose last pixel comes first, row by row.
    Mode,
}

/// The least share of the weight that valid pixels must have where a kernel goes beyond what is covered.
const LEAST_WEIGHT: f64 = 0.25;

/// A kernel of distances in pixels of the smaller level.
type Kernel = fn(f64) -> f64;

fn triangle(distance: f64) -> f64 {
    1.0 - distance
}

fn cubic(distance: f64) -> f64 {
    match distance < 1.0 {
        true => (1.5 * distance - 2.5) * distance * distance + 1.0,
        false => ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0,
    }
}

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
    /// The pixels of a level of `shape` that a window of it and the overview of that window depend on. The window begins
    /// at an even row and column.
    pub fn around(self, window: Window, shape: Shape) -> Window {
        if window.is_empty() {
            return window;
        }
        let along = |size: u32, start: u32, end: u32| {
            let around = Axis::of(size).around(start / 2..end.div_ceil(2), self);
            around.start.min(start)..around.end.max(end)
        };
        let rows = along(shape.rows, window.row, window.end_row());
        let columns = along(shape.columns, window.column, window.end_column());
        Window::new(rows.start, columns.start, rows.end - rows.start, columns.end - columns.start)
    }

    /// The kernel and its radius in pixels of the smaller level; none where a pixel is made of those it covers.
    fn kernel(self) -> Option<(i32, Kernel)> {
        match self {
            OverviewResampling::Bilinear => Some((1, triangle)),
            OverviewResampling::Cubic => Some((2, cubic)),
            _ => None,
        }
    }

    /// The weight that valid pixels must have for a value.
    fn least_weight(self) -> f64 {
        if self.kernel().is_some() { LEAST_WEIGHT } else { f64::MIN_POSITIVE }
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
    let small = overview_window(window);
    let lines = 2 * (window.columns as usize + TAPS_MAX) * size_of::<f64>();
    let table = small.columns as usize * (TAPS_MAX * size_of::<f64>() + 2 * size_of::<u32>());
    Tile::bytes_for(small, bands, data_type, true) + Bytes::from(lines + table)
}

/// The overview of `window`, which begins at an even row and column of a level. `tile` holds
/// [`OverviewResampling::around`] of it, `grid` is that of the level.
///
/// # Nodata
/// Valid pixels share the weights of those that are not. One that a mean covers, be it in part, is enough; wider kernels
/// have no value where valid pixels have less than a quarter of the weight. The most frequent pixel is a valid one if
/// there is any, the nearest may be one without a value. A value that would come to equal the nodata value, or 0
/// where it is the opacity of a valid one, becomes the one next to it, unless a mask says what is valid.
///
/// # Errors
/// [`swath_core::Error::Pressure`] when the lease has less left than [`overview_bytes`]; a tile that holds less.
pub fn overview(
    tile: &Tile,
    window: Window,
    grid: &Grid,
    resampling: OverviewResampling,
    lease: &Lease,
) -> Result<Tile> {
    let around = resampling.around(window, grid.shape);
    if !tile.window.contains(around) {
        return Err(Error::unexpected(format!("an overview of {around:?} was wanted of {:?}", tile.window)));
    }
    let small = overview_window(window);
    let mut out = Tile::unwritten(small, tile.bands, tile.values.data_type(), lease)?;
    if tile.validity.is_some() {
        out.validity_mut(lease)?;
    }
    let place =
        Place { tile: tile.window, small, rows: Axis::of(grid.shape.rows), columns: Axis::of(grid.shape.columns) };
    match resampling {
        OverviewResampling::Nearest | OverviewResampling::Mode => pick(tile, &mut out, &place, resampling)?,
        _ => weigh(tile, &mut out, &place, resampling, grid, lease)?,
    }
    // Nobody needs a plane that says nothing.
    if out.validity.as_deref().is_some_and(all_valid) {
        out.validity = None;
    }
    Ok(out)
}

/// Where pixels of both levels are.
struct Place {
    tile: Window,
    small: Window,
    rows: Axis,
    columns: Axis,
}

impl Place {
    /// Positions in a band of the tile that a smaller pixel may be one of, row by row.
    fn candidates(&self, row: u32, column: u32, resampling: OverviewResampling) -> impl Iterator<Item = usize> + use<> {
        let (rows, columns) = match resampling {
            OverviewResampling::Nearest => {
                let (row, column) = (self.rows.nearest(row), self.columns.nearest(column));
                (row..row + 1, column..column + 1)
            }
            _ => (self.rows.under(row), self.columns.under(column)),
        };
        let tile = self.tile;
        rows.flat_map(move |row| {
            let start = (row - tile.row) as usize * tile.columns as usize;
            columns.clone().map(move |column| start + (column - tile.column) as usize)
        })
    }
}

/// Takes one of the pixels as it is.
fn pick(tile: &Tile, out: &mut Tile, place: &Place, resampling: OverviewResampling) -> Result<()> {
    for_data_type!(tile.values.data_type(), T => pick_of::<T>(tile, out, place, resampling))
}

fn pick_of<T: Pixel>(tile: &Tile, out: &mut Tile, place: &Place, resampling: OverviewResampling) -> Result<()> {
    let plane = tile.plane();
    let small = place.small;
    let mut validity = out.validity.take();
    let (from, to) = (tile.values::<T>()?, out.values_mut::<T>()?);
    let is_valid = |at: usize| tile.validity.as_ref().is_none_or(|valid| valid[at] == 1);
    let mut number = 0;
    for band in 0..tile.bands {
        for row in small.row..small.end_row() {
            for column in small.column..small.end_column() {
                let candidates = || place.candidates(row, column, resampling).map(|at| band * plane + at);
                let picked = match resampling {
                    OverviewResampling::Nearest => candidates().find(|at| is_valid(*at)),
                    _ => mode(from, candidates().filter(|at| is_valid(*at))),
                };
                let any = picked.or_else(|| candidates().next());
                to[number] = from[any.ok_or_else(|| Error::unexpected("a pixel of an overview covers none"))?];
                if let Some(validity) = &mut validity {
                    validity[number] = u8::from(picked.is_some());
                }
                number += 1;
            }
        }
    }
    out.validity = validity;
    Ok(())
}

/// The position of the value that comes most often; among equals of the one that is first to have come so often.
fn mode<T: Pixel>(from: &[T], candidates: impl Iterator<Item = usize>) -> Option<usize> {
    let same = |one: T, two: T| one == two || (one.is_nan() && two.is_nan());
    let mut seen = [(0, 0); 9];
    let mut kinds = 0;
    let mut best: Option<(usize, usize)> = None;
    for at in candidates {
        let known = seen[..kinds].iter().position(|(first, _)| same(from[*first], from[at]));
        let kind = known.unwrap_or(kinds);
        if known.is_none() {
            seen[kind] = (at, 0);
            kinds += 1;
        }
        seen[kind].1 += 1;
        if best.is_none_or(|(most, _)| seen[kind].1 > most) {
            best = Some((seen[kind].1, at));
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
    grid: &Grid,
    lease: &Lease,
) -> Result<()> {
    let columns = Columns::of(place, resampling, lease)?;
    let range = (columns.range.start - place.tile.column) as usize..(columns.range.end - place.tile.column) as usize;
    let mut lines = lease.buffer_unzeroed::<f64>(2 * range.len())?;
    let (sums, weights) = lines.split_at_mut(range.len());
    for band in 0..tile.bands {
        let reserved = match grid.opacity() == Some(band) {
            true => Some(Scalar::Int(0)),
            false => grid.nodata.filter(|_| !grid.has_mask),
        };
        for row in 0..place.small.rows {
            sums.fill(0.0);
            weights.fill(0.0);
            let taps = place.rows.taps(place.small.row + row, resampling);
            for (row, weight) in (taps.first - place.tile.row..).zip(taps.weights()) {
                let start = band * tile.plane() + row as usize * place.tile.columns as usize;
                add_row(tile, start + range.start..start + range.end, *weight, (sums, weights));
            }
            let start = (band * place.small.rows as usize + row as usize) * place.small.columns as usize;
            let line = Line { sums, weights, columns: &columns, least: resampling.least_weight(), reserved };
            for_data_type!(out.values.data_type(), T => line.write::<T>(out, start))?;
        }
    }
    Ok(())
}

/// What each pixel of a row of the smaller level is made of.
struct Columns {
    /// Columns of the level that any of them is made of.
    range: Range<u32>,
    /// For each, the first column from the beginning of the range, and how many there are.
    spans: Buffer<u32>,
    /// The weights of all, one behind the other.
    weights: Buffer<f64>,
}

impl Columns {
    fn of(place: &Place, resampling: OverviewResampling, lease: &Lease) -> Result<Columns> {
        let small = place.small.column..place.small.end_column();
        let range = place.columns.around(small.clone(), resampling);
        let mut spans = lease.buffer_unzeroed::<u32>(2 * small.len())?;
        let mut weights = lease.buffer_unzeroed::<f64>(TAPS_MAX * small.len())?;
        let mut room = &mut weights[..];
        for (span, column) in spans.chunks_exact_mut(2).zip(small) {
            let taps = place.columns.taps(column, resampling);
            let (now, rest) = std::mem::take(&mut room).split_at_mut(taps.weights().len());
            now.copy_from_slice(taps.weights());
            room = rest;
            span.copy_from_slice(&[taps.first - range.start, taps.end() - taps.first]);
        }
        Ok(Columns { range, spans, weights })
    }
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

/// Sums over rows, for each of the columns.
struct Line<'l> {
    sums: &'l [f64],
    weights: &'l [f64],
    columns: &'l Columns,
    /// The weight that valid pixels must have.
    least: f64,
    reserved: Option<Scalar>,
}

impl Line<'_> {
    /// Writes a row of the smaller level, which begins at the value `start`.
    fn write<T: Pixel>(&self, out: &mut Tile, start: usize) -> Result<()> {
        let reserved = self.reserved.and_then(T::from_scalar).filter(|reserved| !reserved.is_nan());
        let spans = self.columns.spans.chunks_exact(2);
        let mut validity = out.validity.take();
        let values = &mut out.values_mut::<T>()?[start..start + spans.len()];
        let mut kernels = &self.columns.weights[..];
        for (column, (value, span)) in values.iter_mut().zip(spans).enumerate() {
            let (first, count) = (span[0] as usize, span[1] as usize);
            let (kernel, rest) = kernels.split_at(count);
            kernels = rest;
            let (mut sum, mut total) = (0.0, 0.0);
            let line = self.sums[first..first + count].iter().zip(&self.weights[first..first + count]);
            for (weight, (value, share)) in kernel.iter().zip(line) {
                sum += weight * value;
                total += weight * share;
            }
            *value = T::from_f64(sum / total);
            if reserved == Some(*value) {
                *value = neighbour(*value);
            }
            if let Some(validity) = &mut validity {
                validity[start + column] = u8::from(total >= self.least);
            }
        }
        out.validity = validity;
        Ok(())
    }
}
