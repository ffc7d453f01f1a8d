//! Columns of text: categories as dictionaries in order of first appearance, other text as lengths and bytes.
//!
//! The dictionary of an array may be that of the whole run: only what a row group uses is written, so the order in which
//! a run met its categories does not reach the file.

use std::io::Write;

use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use parquet::basic::Encoding;
use swath_core::{Error, Result};

use super::PAGE_ROWS;
use super::chunk::ChunkWriter;
use super::delta::{deltas_bytes_max, put_deltas};
use super::hybrid::{index_width, levels_bytes_max, put_indices};
use super::pages::{make_room, put_one, put_pages};
use super::statistics::Range;

/// Bytes of text after which a page ends.
pub(super) const PAGE_TEXT_BYTES: usize = 1 << 20;
/// Marks a value of the dictionary that this row group has not used.
const UNUSED: u32 = u32::MAX;

/// Room for the dictionaries of one row group after the other.
#[derive(Default)]
pub(super) struct CategoryRoom {
    /// For each value of the array's dictionary: its index in the chunk's.
    local: Vec<u32>,
    /// For each index in the chunk's dictionary: the position in the array's.
    used: Vec<u32>,
    /// Index of each row that is not null.
    indices: Vec<u32>,
    /// For each index: the last page that looked at its text.
    seen: Vec<u32>,
}

/// Heap of a [`CategoryRoom`].
pub(super) const fn category_bytes_max(rows: usize, category_values: usize) -> usize {
    // `used` and `seen` hold no more than there are rows, and `Vec` doubles while they grow.
    4 * (category_values + rows) + 4 * 2 * 2 * if rows < category_values { rows } else { category_values }
}

/// Writes a column of categories.
pub(super) fn put_categories<W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    page: &mut Vec<u8>,
    room: &mut CategoryRoom,
    array: &DictionaryArray<Int32Type>,
) -> Result<()> {
    let Some(texts) = array.values().as_any().downcast_ref::<StringArray>() else {
        return Err(Error::unexpected(format!("categories of {}: wanted text", array.values().data_type())));
    };
    if texts.null_count() > 0 {
        return Err(Error::unexpected("a dictionary of categories holds a null"));
    }
    let nulls = array.keys().nulls().filter(|nulls| nulls.null_count() > 0);
    room.collect(array, texts.len());
    let text_bytes = room.used.iter().map(|position| 4 + texts.value(*position as usize).len()).sum();
    make_room(page, text_bytes);
    for position in &room.used {
        let text = texts.value(*position as usize).as_bytes();
        page.extend_from_slice(&(text.len() as u32).to_le_bytes());
        page.extend_from_slice(text);
    }
    chunk.put_dictionary(page, room.used.len())?;
    let width = index_width(room.used.len());
    let CategoryRoom { used, indices, seen, .. } = room;
    let mut page_number = 0;
    put_pages(chunk, page, array.len(), nulls, Encoding::RLE_DICTIONARY, |span, page| {
        page.push(width as u8);
        put_indices(&indices[span.clone()], width, page);
        page_number += 1;
        let mut range: Option<(&str, &str)> = None;
        for index in &indices[span] {
            if std::mem::replace(&mut seen[*index as usize], page_number) != page_number {
                let text = texts.value(used[*index as usize] as usize);
                range = Some(range.map_or((text, text), |(min, max)| (min.min(text), max.max(text))));
            }
        }
        range.map(|(min, max)| Range::of_text(min, max))
    })
}

impl CategoryRoom {
    fn collect(&mut self, array: &DictionaryArray<Int32Type>, values: usize) {
        self.local.clear();
        self.local.reserve_exact(values);
        self.local.resize(values, UNUSED);
        self.used.clear();
        self.indices.clear();
        self.indices.reserve_exact(array.len() - array.keys().null_count());
        let keys = array.keys();
        let whole = [(0, keys.len())];
        let spans = keys.nulls().map(|nulls| nulls.valid_slices());
        let spans = spans.into_iter().flatten().chain(whole.into_iter().filter(|_| keys.nulls().is_none()));
        for (start, end) in spans {
            for key in &keys.values()[start..end] {
                let local = &mut self.local[*key as usize];
                if *local == UNUSED {
                    *local = self.used.len() as u32;
                    self.used.push(*key as u32);
                }
                self.indices.push(*local);
            }
        }
        self.seen.clear();
        self.seen.resize(self.used.len(), 0);
    }
}

/// Writes a column of text that is no category.
pub(super) fn put_text<W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    page: &mut Vec<u8>,
    lengths: &mut Vec<i32>,
    array: &StringArray,
) -> Result<()> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let offsets = array.value_offsets();
    let mut row = 0;
    while row < array.len() {
        let limit = (row + PAGE_ROWS).min(array.len());
        // One value at least; the last one may go over.
        let full = offsets[row..=limit].partition_point(|offset| ((offset - offsets[row]) as usize) < PAGE_TEXT_BYTES);
        let end = (row + full).clamp(row + 1, limit);
        let text_bytes = (offsets[end] - offsets[row]) as usize;
        make_room(page, levels_bytes_max(end - row) + deltas_bytes_max(end - row, 4) + text_bytes);
        put_one(chunk, page, row..end, nulls, Encoding::DELTA_LENGTH_BYTE_ARRAY, |page| {
            let mut range: Option<(&str, &str)> = None;
            lengths.clear();
            for position in (row..end).filter(|position| array.is_valid(*position)) {
                let text = array.value(position);
                lengths.push(text.len() as i32);
                range = Some(range.map_or((text, text), |(min, max)| (min.min(text), max.max(text))));
            }
            put_deltas(lengths, page);
            for position in (row..end).filter(|position| array.is_valid(*position)) {
                page.extend_from_slice(array.value(position).as_bytes());
            }
            range.map(|(min, max)| Range::of_text(min, max))
        })?;
        row = end;
    }
    Ok(())
}
