//! Pixels of a tile to the rows of a block: bands side by side where they should be, pixels without a value as the file
//! says it, the last row and column repeated up to the full size of the block, and the predictor.
//!
//! It packs nothing.

use std::ops::Range;

use swath_core::{Error, Result};
use swath_raster::{Pixel, Tile, Window, all_valid};

use super::super::Predictor;
use super::predict;

/// What a block is made of.
pub(super) struct Plane<'t> {
    /// Where pixels come from.
    pub tile: &'t Tile,
    /// The pixels, counted from the corner of the tile.
    pub window: Window,
    /// The bands that lie side by side.
    pub bands: Range<usize>,
}

/// What becomes of pixels.
#[derive(Clone, Copy)]
pub(super) struct Treatment<T> {
    /// What a pixel without a value is written as.
    pub fill: Option<T>,
    /// Whether such a pixel is written as it is where the tile is as stored.
    pub keeps_stored: bool,
    /// The value that a block may be left out for, if all its pixels have it.
    pub blank: Option<T>,
    /// What is done to rows.
    pub predictor: Predictor,
    /// Pixels along a side of the block.
    pub block_size: usize,
}

/// Memory for one block; the wide type is for the alignment of any pixel.
#[derive(Default)]
pub(super) struct Rooms {
    /// The block before it is packed.
    pub raw: Vec<u64>,
    /// A row before the predictor.
    row: Vec<u64>,
    /// A row of bytes sorted by significance.
    sorted: Vec<u8>,
}

impl Rooms {
    /// The block, which has that many bytes.
    pub(super) fn block(&self, bytes: usize) -> &[u8] {
        &bytemuck::cast_slice(&self.raw)[..bytes]
    }
}

/// Fills the room of the block; answers whether all that is in it is the blank value.
pub(super) fn put_block<T: Pixel>(plane: &Plane, treatment: Treatment<T>, rooms: &mut Rooms) -> Result<bool> {
    let (size, stride) = (size_of::<T>(), plane.bands.len());
    let row_bytes = treatment.block_size * stride * size;
    resize(&mut rooms.raw, row_bytes * treatment.block_size);
    let predicts = treatment.predictor != Predictor::None;
    if predicts {
        resize(&mut rooms.row, row_bytes);
        rooms.sorted.resize(row_bytes, 0);
    }
    let raw: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut rooms.raw)[..row_bytes * treatment.block_size];
    let mut is_blank = treatment.blank.is_some();
    let rows = plane.window.rows as usize;
    for (number, out) in raw.chunks_exact_mut(row_bytes).take(rows).enumerate() {
        if predicts {
            let row: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut rooms.row)[..row_bytes];
            put_row(plane, number, &treatment, bytemuck::cast_slice_mut(row), &mut is_blank)?;
            match treatment.predictor {
                Predictor::FloatingPoint => predict::floating_point(row, size, stride, &mut rooms.sorted, out),
                _ => predict::horizontal(row, size, stride, out),
            }
        } else {
            put_row(plane, number, &treatment, bytemuck::cast_slice_mut(out), &mut is_blank)?;
        }
    }
    let (written, rest) = raw.split_at_mut(row_bytes * rows);
    let last = &written[row_bytes * (rows - 1)..];
    rest.chunks_exact_mut(row_bytes).for_each(|out| out.copy_from_slice(last));
    Ok(is_blank)
}

/// Makes a room exactly as long as so many bytes need.
fn resize(room: &mut Vec<u64>, bytes: usize) {
    let length = bytes.div_ceil(8);
    room.reserve_exact(length.saturating_sub(room.len()));
    room.resize(length, 0);
}

/// Fills one row of all bands of a plane.
fn put_row<T: Pixel>(
    plane: &Plane,
    number: usize,
    treatment: &Treatment<T>,
    out: &mut [T],
    is_blank: &mut bool,
) -> Result<()> {
    let (tile, window, stride) = (plane.tile, plane.window, plane.bands.len());
    let columns = window.columns as usize;
    let in_band = (window.row as usize + number) * tile.window.columns as usize + window.column as usize;
    let all = tile.values::<T>()?;
    for (place, band) in plane.bands.clone().enumerate() {
        let start = band * tile.plane() + in_band;
        let values = &all[start..start + columns];
        if stride == 1 {
            out[..columns].copy_from_slice(values);
        } else {
            out[place..].iter_mut().step_by(stride).zip(values).for_each(|(out, value)| *out = *value);
        }
        if let Some(validity) = tile.validity.as_deref().filter(|_| !(tile.as_stored && treatment.keeps_stored)) {
            put_fill(&validity[start..start + columns], treatment.fill, &mut out[place..], stride)?;
        }
    }
    let (inside, outside) = out.split_at_mut(columns * stride);
    let last = &inside[inside.len() - stride..];
    outside.chunks_exact_mut(stride).for_each(|out| out.copy_from_slice(last));
    if let Some(blank) = treatment.blank.filter(|_| *is_blank) {
        *is_blank = inside.iter().all(|value| is_same(*value, blank));
    }
    Ok(())
}

/// Writes over pixels without a value.
fn put_fill<T: Pixel>(validity: &[u8], fill: Option<T>, out: &mut [T], stride: usize) -> Result<()> {
    if all_valid(validity) {
        return Ok(());
    }
    let fill = fill.ok_or_else(|| Error::Usage {
        message: format!("there is a pixel without a value, and nothing says how to write one as {}", T::DATA_TYPE),
        hint: "--nodata names a value that stands for them".into(),
    })?;
    for (out, valid) in out.iter_mut().step_by(stride).zip(validity) {
        if *valid == 0 {
            *out = fill;
        }
    }
    Ok(())
}

/// Whether two values are written alike; 0 and −0 are not, and any NaN stands for any other.
fn is_same<T: Pixel>(value: T, other: T) -> bool {
    (value == other && bytemuck::bytes_of(&value) == bytemuck::bytes_of(&other)) || (value.is_nan() && other.is_nan())
}
