//! The attribute columns of a row group: from an array to pages, by type.
//!
//! Floats and text have files of their own.

use std::io::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use parquet::basic::Encoding;
use swath_core::{Error, Result};

use super::chunk::ChunkWriter;
use super::delta::{Integer, put_deltas};
use super::distinct::Distinct;
use super::float::put_floats;
use super::pages::{ValueRoom, make_room, put_pages, values_of};
use super::statistics::{Edge, Range};
use super::text::{CategoryRoom, put_categories, put_text};

/// Room that is kept from column to column and from row group to row group.
#[derive(Default)]
pub(super) struct Rooms {
    /// A page before compression.
    pub(super) page: Vec<u8>,
    /// A page after compression.
    pub(super) packed: Vec<u8>,
    /// Rounded coordinates.
    pub(super) floats: Vec<f32>,
    /// Values that are not null, where some are.
    pub(super) values: ValueRoom,
    /// The same, of the other coordinate.
    pub(super) y: ValueRoom,
    /// Lengths of the texts of a page.
    pub(super) lengths: Vec<i32>,
    /// Values that are not null.
    booleans: Vec<bool>,
    /// Dictionaries of floats.
    pub(super) distinct: Distinct<u64>,
    /// Dictionaries of points.
    pub(super) pairs: Distinct<(u64, u64)>,
    /// Dictionaries of text.
    categories: CategoryRoom,
}

/// Writes one attribute; answers whether it is a float column with a dictionary.
pub(super) fn put_attribute<W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    rooms: &mut Rooms,
    array: &ArrayRef,
) -> Result<bool> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    let rows = array.len();
    let Rooms { page, values: room, lengths, categories, booleans, distinct, .. } = rooms;
    match array.data_type() {
        DataType::Boolean => put_booleans(chunk, page, booleans, array.as_boolean())?,
        DataType::Int32 => {
            let values = values_of(array.as_primitive::<Int32Type>(), nulls, room);
            put_integers(chunk, page, (rows, nulls, values), Edge::Int32)?;
        }
        DataType::Date32 => {
            let values = values_of(array.as_primitive::<Date32Type>(), nulls, room);
            put_integers(chunk, page, (rows, nulls, values), Edge::Int32)?;
        }
        DataType::Int64 => {
            let values = values_of(array.as_primitive::<Int64Type>(), nulls, room);
            put_integers(chunk, page, (rows, nulls, values), Edge::Int64)?;
        }
        DataType::Timestamp(..) => {
            let values = values_of(array.as_primitive::<TimestampMicrosecondType>(), nulls, room);
            put_integers(chunk, page, (rows, nulls, values), Edge::Int64)?;
        }
        DataType::Float32 => {
            let values = values_of(array.as_primitive::<Float32Type>(), nulls, room);
            return put_floats(chunk, page, Some(distinct), (rows, nulls, values));
        }
        DataType::Float64 => {
            let values = values_of(array.as_primitive::<Float64Type>(), nulls, room);
            return put_floats(chunk, page, Some(distinct), (rows, nulls, values));
        }
        DataType::Utf8 => put_text(chunk, page, lengths, array.as_string::<i32>())?,
        DataType::Dictionary(..) => put_categories(chunk, page, categories, array.as_dictionary::<Int32Type>())?,
        other => return Err(Error::unexpected(format!("a column of {other} reached the encoder"))),
    }
    Ok(false)
}

fn put_integers<T: Integer, W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    page: &mut Vec<u8>,
    (rows, nulls, values): (usize, Option<&NullBuffer>, &[T]),
    edge: impl Fn(T) -> Edge,
) -> Result<()> {
    put_pages(chunk, page, rows, nulls, Encoding::DELTA_BINARY_PACKED, |span, page| {
        let values = &values[span];
        put_deltas(values, page);
        let first = *values.first()?;
        let (min, max) = values.iter().fold((first, first), |(min, max), value| (min.min(*value), max.max(*value)));
        Some(Range { min: edge(min), max: edge(max) })
    })
}

fn put_booleans<W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    page: &mut Vec<u8>,
    room: &mut Vec<bool>,
    array: &BooleanArray,
) -> Result<()> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    make_room(room, array.len());
    room.extend(array.iter().flatten());
    put_pages(chunk, page, array.len(), nulls, Encoding::PLAIN, |span, page| {
        let values = &room[span];
        for eight in values.chunks(8) {
            page.push(eight.iter().rev().fold(0, |bits, value| (bits << 1) | u8::from(*value)));
        }
        let (min, max) = (!values.contains(&false), values.contains(&true));
        (!values.is_empty()).then_some(Range { min: Edge::Boolean(min), max: Edge::Boolean(max) })
    })
}
