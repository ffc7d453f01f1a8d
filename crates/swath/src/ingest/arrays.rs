//! Columns of packed rows as Arrow arrays, in memory of the task's lease.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    PrimitiveArray, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{ArrowNativeType, BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use swath_core::{Error, Lease, Result};
use swath_table::intern::Interner;
use swath_table::layout::{RowKey, RowLayout};
use swath_table::schema::ColumnType;
use swath_table::sort::LocalRanks;

/// The Arrow type of a column.
pub fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Category => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
        ColumnType::String => DataType::Utf8,
        ColumnType::Bool => DataType::Boolean,
        ColumnType::Int32 => DataType::Int32,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float32 => DataType::Float32,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Date => DataType::Date32,
    }
}

/// Packed rows and what it takes to read them.
pub struct Packed<'a> {
    /// How they are packed.
    pub layout: &'a RowLayout,
    /// Their keys.
    pub keys: &'a [RowKey],
    /// The rows.
    pub rows: &'a [u8],
    /// Which of them, in which order.
    pub index: &'a [u32],
    /// Where each row's text begins.
    pub text_starts: &'a [u32],
    /// The text.
    pub text: &'a [u8],
    /// Texts of categories.
    pub texts: &'a Interner,
}

/// Room that is kept from column to column.
#[derive(Default)]
pub struct ArrayRoom {
    valid: Vec<u8>,
    ranks: LocalRanks,
}

/// Memory of a lease as the owner of an Arrow buffer; of words, so that every type is aligned in it.
struct Words(swath_core::Buffer<u64>);

impl AsRef<[u8]> for Words {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// Makes the array of a column. The dictionary of a category holds the values that occur, bytewise ordered.
///
/// # Errors
/// [`Error::Pressure`] when the lease is too small; [`Error::Unexpected`] when text is not UTF-8, which the parser
/// excludes.
pub fn array(packed: &Packed<'_>, column: usize, lease: &Lease, room: &mut ArrayRoom) -> Result<ArrayRef> {
    let rows = packed.index.len();
    let present = packed.layout.unpack_valid(column, packed.rows, packed.index, &mut room.valid);
    let valid = &room.valid;
    let nulls = (present < rows).then(|| NullBuffer::new(BooleanBuffer::collect_bool(rows, |row| valid[row] != 0)));
    Ok(match packed.layout.column_type(column) {
        ColumnType::Bool => {
            let values = fixed::<1, u8>(packed, column, lease)?;
            Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(rows, |row| values[row] != 0), nulls))
        }
        ColumnType::Int32 => Arc::new(Int32Array::new(fixed::<4, i32>(packed, column, lease)?, nulls)),
        ColumnType::Int64 => Arc::new(Int64Array::new(fixed::<8, i64>(packed, column, lease)?, nulls)),
        ColumnType::Float32 => Arc::new(Float32Array::new(fixed::<4, f32>(packed, column, lease)?, nulls)),
        ColumnType::Float64 => Arc::new(Float64Array::new(fixed::<8, f64>(packed, column, lease)?, nulls)),
        ColumnType::Date => Arc::new(Date32Array::new(fixed::<4, i32>(packed, column, lease)?, nulls)),
        ColumnType::Timestamp => {
            let values = fixed::<8, i64>(packed, column, lease)?;
            Arc::new(TimestampMicrosecondArray::new(values, nulls).with_timezone("UTC"))
        }
        ColumnType::String => {
            let (ends, bytes) =
                packed.layout.unpack_texts(column, packed.rows, packed.index, packed.text_starts, packed.text);
            let mut offsets = Vec::with_capacity(ends.len() + 1);
            offsets.push(0);
            offsets.extend(ends.iter().map(|&end| end as i32));
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            let text = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
            Arc::new(text.map_err(|error| Error::unexpected(error.to_string()))?)
        }
        ColumnType::Category => category(packed, column, lease, room, nulls)?,
    })
}

/// The values of a column of `N` bytes each.
fn fixed<const N: usize, T: ArrowNativeType>(
    packed: &Packed<'_>,
    column: usize,
    lease: &Lease,
) -> Result<ScalarBuffer<T>> {
    let rows = packed.index.len();
    let mut words = lease.buffer_unzeroed::<u64>((rows * N).div_ceil(8))?;
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let (values, _) = bytes.as_chunks_mut::<N>();
    packed.layout.unpack_fixed(column, packed.keys, packed.rows, packed.index, &mut values[..rows]);
    Ok(ScalarBuffer::new(Buffer::from(bytes::Bytes::from_owner(Words(words))), 0, rows))
}

/// How many values a category column has in these rows, and how many bytes they are; `None` for other columns.
///
/// # Errors
/// [`Error::Pressure`] when the lease is too small.
pub fn dictionary_of(
    packed: &Packed<'_>,
    column: usize,
    lease: &Lease,
    room: &mut ArrayRoom,
) -> Result<Option<(usize, usize)>> {
    if packed.layout.column_type(column) != ColumnType::Category {
        return Ok(None);
    }
    packed.layout.unpack_valid(column, packed.rows, packed.index, &mut room.valid);
    let ids = fixed::<4, u32>(packed, column, lease)?;
    let ArrayRoom { valid, ranks } = room;
    let mut found = (0, 0);
    ranks.rank(ids.iter().zip(valid.iter()).filter(|(_, valid)| **valid != 0).map(|(&id, _)| id), |distinct| {
        found = (distinct.len(), packed.texts.bytes_of(distinct.iter().copied()));
    });
    Ok(Some(found))
}

fn category(
    packed: &Packed<'_>,
    column: usize,
    lease: &Lease,
    room: &mut ArrayRoom,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let ids = fixed::<4, u32>(packed, column, lease)?;
    let ArrayRoom { valid, ranks } = room;
    let mut distinct = Vec::new();
    ranks.rank(ids.iter().zip(valid.iter()).filter(|(_, valid)| **valid != 0).map(|(&id, _)| id), |found| {
        packed.texts.sort(found);
        distinct.extend_from_slice(found);
    });
    let mut offsets = Vec::with_capacity(distinct.len() + 1);
    offsets.push(0);
    let mut bytes = Vec::with_capacity(packed.texts.bytes_of(distinct.iter().copied()));
    for &id in &distinct {
        packed.texts.with_text(id, |text| bytes.extend_from_slice(text));
        offsets.push(bytes.len() as i32);
    }
    let values = StringArray::try_new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(bytes), None)
        .map_err(|error| Error::unexpected(error.to_string()))?;
    let mut words = lease.buffer_unzeroed::<u64>((ids.len() * 4).div_ceil(8))?;
    let keys: &mut [i32] = bytemuck::cast_slice_mut(&mut words);
    for ((key, &id), &valid) in keys.iter_mut().zip(ids.iter()).zip(valid.iter()) {
        *key = if valid != 0 { ranks.of(id) as i32 } else { 0 };
    }
    let keys = ScalarBuffer::<i32>::new(Buffer::from(bytes::Bytes::from_owner(Words(words))), 0, ids.len());
    let keys = PrimitiveArray::<Int32Type>::new(keys, nulls);
    let array =
        DictionaryArray::try_new(keys, Arc::new(values)).map_err(|error| Error::unexpected(error.to_string()))?;
    Ok(Arc::new(array))
}
