//! Pixels of the input in memory: a window read, put together where it goes round the Earth, as numbers to compute with.

use std::sync::Arc;

use swath_core::{Buffer, Bytes, Error, Lease, Result};

use crate::{DataType, Pixel, Raster, Tile, Values, Window, for_values};

use super::mapping::Columns;
use super::need::SourceWindow;

/// The most memory that reading a source window takes, and what of it stays while it is computed with.
pub(super) fn bytes_for(input: &dyn Raster, source: &SourceWindow, columns: Columns, bands: usize) -> (Bytes, Bytes) {
    let whole = Window::new(0, 0, source.shape.rows, source.shape.columns);
    let tile = Tile::bytes_for(whole, bands, input.grid().data_type, true);
    let runs = source.runs(columns);
    let most = runs.iter().map(|run| input.bytes_for(*run, bands)).max().unwrap_or_default();
    match runs.len() {
        1 => (most, tile),
        _ => (tile + most, tile),
    }
}

/// Reads a source window.
///
/// # Errors
/// As [`Raster::read`].
pub(super) fn read(
    input: &Arc<dyn Raster>,
    source: &SourceWindow,
    columns: Columns,
    bands: &[usize],
    lease: &Lease,
) -> Result<Tile> {
    let runs = source.runs(columns);
    if let [run] = runs[..] {
        return input.read(run, bands, lease);
    }
    let whole = Window::new(0, 0, source.shape.rows, source.shape.columns);
    let mut tile = Tile::unwritten(whole, bands.len(), input.grid().data_type, lease)?;
    let mut start = 0;
    for run in runs {
        let part = input.read(run, bands, lease)?;
        let pixel = input.grid().data_type.size();
        paste(part.values.bytes(), tile.values.bytes_mut(), run.columns as usize * pixel, start * pixel, &whole, pixel);
        if let Some(validity) = &part.validity {
            paste(validity, tile.validity_mut(lease)?, run.columns as usize, start, &whole, 1);
        }
        start += run.columns as usize;
    }
    Ok(tile)
}

/// Copies lines of `width` bytes to `start` in each line of a tile.
fn paste(from: &[u8], to: &mut [u8], width: usize, start: usize, whole: &Window, pixel: usize) {
    let lines = to.chunks_exact_mut(whole.columns as usize * pixel);
    for (line, from) in lines.zip(from.chunks_exact(width)) {
        line[start..start + width].copy_from_slice(from);
    }
}

/// A type that pixels of the input are held in to compute with; results are always 64-bit floats.
pub(super) trait Held: Pixel {
    /// The value.
    fn wide(self) -> f64;
}

impl Held for f32 {
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Held for f64 {
    fn wide(self) -> f64 {
        self
    }
}

/// Whether pixels of a type are held as 32-bit floats, which hold them exactly.
pub(super) fn is_single(data_type: DataType) -> bool {
    data_type.fits_float32()
}

/// What a band of so many pixels takes beside the tile that it comes from.
pub(super) fn held_bytes(data_type: DataType, pixels: u64) -> Bytes {
    match data_type {
        DataType::Float32 | DataType::Float64 => Bytes::ZERO,
        _ if is_single(data_type) => Bytes(pixels * 4),
        _ => Bytes(pixels * 8),
    }
}

/// One band of a tile.
pub(super) enum HeldBand<'a, F: Held> {
    /// As it was read.
    Borrowed(&'a [F]),
    /// Converted.
    Owned(Buffer<F>),
}

impl<'a, F: Held> HeldBand<'a, F> {
    /// The band at a position of a tile.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease has less left.
    pub fn of(tile: &'a Tile, band: usize, lease: &Lease) -> Result<HeldBand<'a, F>> {
        let range = band * tile.plane()..(band + 1) * tile.plane();
        if let Some(values) = tile.values.get::<F>() {
            return Ok(HeldBand::Borrowed(&values[range]));
        }
        let mut held = lease.buffer_unzeroed::<F>(tile.plane())?;
        for_values!(&tile.values, values => {
            held.iter_mut().zip(&values[range]).for_each(|(to, from)| *to = F::from_f64(from.to_f64()));
        });
        Ok(HeldBand::Owned(held))
    }

    /// Its pixels.
    pub fn values(&self) -> &[F] {
        match self {
            HeldBand::Borrowed(values) => values,
            HeldBand::Owned(values) => values,
        }
    }
}

/// Pixels of one band of a source window.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a, T> {
    /// Row by row.
    pub values: &'a [T],
    /// 1 where there is a value; all have one if `None`.
    pub validity: Option<&'a [u8]>,
    /// Pixels of a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Places are in the input between these columns and these rows.
    pub limits: [f64; 4],
    /// After how many columns the first one comes again, if they go all the way round.
    pub turn: Option<usize>,
}

impl<T: Copy> Plane<'_, T> {
    /// Whether a place is in the input.
    pub fn holds(&self, column: f64, row: f64) -> bool {
        let [left, right, top, bottom] = self.limits;
        column >= left && column <= right && row >= top && row <= bottom
    }

    /// The pixel at a column, which may be counted beyond a turn, and a row.
    pub fn at(&self, column: usize, row: usize) -> usize {
        row * self.columns + self.turn.map_or(column, |turn| column % turn)
    }

    /// Whether the pixel that holds a place in the input has a value.
    pub fn has(&self, column: f64, row: f64) -> bool {
        let Some(validity) = self.validity else { return true };
        let pixel = |place: f64, size: usize| (place.max(0.0) as usize).min(size.saturating_sub(1));
        validity[pixel(row, self.rows) * self.columns + pixel(column, self.columns)] == 1
    }

    /// Whether the pixel has a value.
    pub fn is_valid(&self, at: usize) -> bool {
        self.validity.is_none_or(|validity| validity[at] == 1)
    }
}

/// Writes results into a row of the output, from `start` on: those that are valid, rounded half away from zero and kept
/// in the range of the type, none of them as `reserved`, which stands for no value.
pub(super) fn store(to: &mut Values, start: usize, values: &[f64], valid: &[u8], reserved: Option<crate::Scalar>) {
    for_values!(to, buffer => store_as(&mut buffer[start..start + values.len()], values, valid, reserved));
}

fn store_as<T: Pixel>(to: &mut [T], values: &[f64], valid: &[u8], reserved: Option<crate::Scalar>) {
    to.iter_mut().zip(values).for_each(|(to, value)| *to = T::from_f64(*value));
    let reserved = reserved.and_then(crate::Scalar::to_pixel::<T>).filter(|reserved| !reserved.is_nan());
    if let Some(reserved) = reserved {
        let other = crate::ops::convert::neighbour(reserved);
        for (to, valid) in to.iter_mut().zip(valid) {
            if *to == reserved && *valid == 1 {
                *to = other;
            }
        }
    }
}

/// What a result is told that cannot be.
pub(super) fn too_many_bands() -> Error {
    Error::unexpected("a band of a warp that the input does not have")
}
