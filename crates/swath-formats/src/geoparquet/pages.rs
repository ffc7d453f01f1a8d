//! Cuts a column into pages of rows and puts levels before values.
//!
//! How values are encoded is the business of the closures that fill a page.

use std::io::Write;
use std::ops::Range as Span;

use arrow_array::PrimitiveArray;
use arrow_array::types::ArrowPrimitiveType;
use arrow_buffer::NullBuffer;
use bytemuck::Pod;
use parquet::basic::Encoding;
use swath_core::Result;

use super::PAGE_ROWS;
use super::chunk::{ChunkWriter, DataPage};
use super::hybrid::put_levels;
use super::statistics::Range;

/// Writes all pages of a column of `rows` rows; `fill` appends the values with the given positions among the values that
/// are not null, and answers their range.
pub(super) fn put_pages<W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    page: &mut Vec<u8>,
    rows: usize,
    nulls: Option<&NullBuffer>,
    encoding: Encoding,
    mut fill: impl FnMut(Span<usize>, &mut Vec<u8>) -> Option<Range>,
) -> Result<()> {
    let (mut row, mut value) = (0, 0);
    while row < rows {
        let count = PAGE_ROWS.min(rows - row);
        let values = count - nulls.map_or(0, |nulls| nulls.slice(row, count).null_count());
        put_one(chunk, page, row..row + count, nulls, encoding, |page| fill(value..value + values, page))?;
        row += count;
        value += values;
    }
    Ok(())
}

/// Empties `vec` with room for `length` items. It never moves old items, so old and new room are not there at once.
pub(super) fn make_room<T>(vec: &mut Vec<T>, length: usize) {
    vec.clear();
    if vec.capacity() < length {
        *vec = Vec::new();
        vec.reserve_exact(length);
    }
}

/// Writes one page of the given rows.
pub(super) fn put_one<W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    page: &mut Vec<u8>,
    rows: Span<usize>,
    nulls: Option<&NullBuffer>,
    encoding: Encoding,
    fill: impl FnOnce(&mut Vec<u8>) -> Option<Range>,
) -> Result<()> {
    page.clear();
    let null_count = match chunk.optional() {
        true => put_levels(nulls, rows.start, rows.len(), page),
        false => 0,
    };
    let range = fill(page);
    chunk.put_data(DataPage { bytes: page, encoding, rows: rows.len(), nulls: null_count, range })
}

/// Room for values of one type at a time; it grows to the most that was ever wanted.
#[derive(Default)]
pub(super) struct ValueRoom(Vec<u64>);

impl ValueRoom {
    /// Room for `count` values, in which anything may be.
    pub(super) fn values<T: Pod>(&mut self, count: usize) -> &mut [T] {
        let words = (count * size_of::<T>()).div_ceil(8);
        if self.0.len() < words {
            self.0 = Vec::new();
            self.0 = vec![0; words];
        }
        &mut bytemuck::cast_slice_mut(&mut self.0)[..count]
    }
}

/// The values that are not null: the array's own where all are, else copied to `room`.
pub(super) fn values_of<'a, T: ArrowPrimitiveType<Native: Pod>>(
    array: &'a PrimitiveArray<T>,
    nulls: Option<&NullBuffer>,
    room: &'a mut ValueRoom,
) -> &'a [T::Native] {
    let Some(nulls) = nulls.filter(|nulls| nulls.null_count() > 0) else { return array.values() };
    let values = room.values(array.len() - nulls.null_count());
    let mut at = 0;
    for (start, end) in nulls.valid_slices() {
        values[at..at + end - start].copy_from_slice(&array.values()[start..end]);
        at += end - start;
    }
    values
}
