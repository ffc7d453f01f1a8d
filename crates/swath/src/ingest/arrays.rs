//! Columns as Arrow arrays, without copying values.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    PrimitiveArray, StringArray, TimestampMicrosecondArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit};
use swath_core::{Error, Result};
use swath_table::column::{Column, Values};
use swath_table::intern::Interner;
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

/// The array of a column. The dictionary of a category holds the values that occur, bytewise ordered.
///
/// # Errors
/// [`Error::Unexpected`] when text is not UTF-8, which the parser excludes.
pub fn array(column: Column, texts: &Interner, ranks: &mut LocalRanks) -> Result<ArrayRef> {
    let nulls = nulls(&column.valid);
    Ok(match column.values {
        Values::Bool(values) => {
            Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(values.len(), |row| values[row] != 0), nulls))
        }
        Values::Int32(values) => Arc::new(Int32Array::new(values.into(), nulls)),
        Values::Int64(values) => Arc::new(Int64Array::new(values.into(), nulls)),
        Values::Float32(values) => Arc::new(Float32Array::new(values.into(), nulls)),
        Values::Float64(values) => Arc::new(Float64Array::new(values.into(), nulls)),
        Values::Date(values) => Arc::new(Date32Array::new(values.into(), nulls)),
        Values::Timestamp(values) => {
            Arc::new(TimestampMicrosecondArray::new(values.into(), nulls).with_timezone("UTC"))
        }
        Values::Text { ends, bytes } => {
            let mut offsets = Vec::with_capacity(ends.len() + 1);
            offsets.push(0);
            offsets.extend(ends.iter().map(|&end| end as i32));
            let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
            let text = StringArray::try_new(offsets, Buffer::from_vec(bytes), nulls);
            Arc::new(text.map_err(|error| Error::unexpected(error.to_string()))?)
        }
        Values::Category(ids) => category(&ids, &column.valid, nulls, texts, ranks)?,
    })
}

fn nulls(valid: &[u8]) -> Option<NullBuffer> {
    if valid.iter().all(|&valid| valid != 0) {
        return None;
    }
    Some(NullBuffer::new(BooleanBuffer::collect_bool(valid.len(), |row| valid[row] != 0)))
}

fn category(
    ids: &[u32],
    valid: &[u8],
    nulls: Option<NullBuffer>,
    texts: &Interner,
    ranks: &mut LocalRanks,
) -> Result<ArrayRef> {
    let mut distinct = Vec::new();
    ranks.rank(ids.iter().zip(valid).filter(|(_, valid)| **valid != 0).map(|(&id, _)| id), |found| {
        texts.sort(found);
        distinct.extend_from_slice(found);
    });
    let mut offsets = Vec::with_capacity(distinct.len() + 1);
    offsets.push(0);
    let mut bytes = Vec::new();
    for &id in &distinct {
        texts.with_text(id, |text| bytes.extend_from_slice(text));
        offsets.push(bytes.len() as i32);
    }
    let values = StringArray::try_new(OffsetBuffer::new(offsets.into()), Buffer::from_vec(bytes), None)
        .map_err(|error| Error::unexpected(error.to_string()))?;
    let keys: Vec<i32> =
        ids.iter().zip(valid).map(|(&id, &valid)| if valid != 0 { ranks.of(id) as i32 } else { 0 }).collect();
    let keys = PrimitiveArray::<Int32Type>::new(keys.into(), nulls);
    let array = DictionaryArray::try_new(keys, Arc::new(values)).map_err(|error| Error::unexpected(error.to_string()))?;
    Ok(Arc::new(array))
}
