//! How much memory a range can take, known before it is read.

use swath_core::Bytes;
use swath_table::column::{Batch, Column, Values};
use swath_table::schema::{ColumnType, TableSchema};

use super::convert::LONGEST_JOINED;
use super::index::{Index, IndexLimits, Issue, Row};
use super::range::{BatchLimits, ReadOptions};
use super::text::CategoryCache;
use super::time::TimeCache;
use super::window::Window;
use crate::json::Shape;

/// The size of batches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchShape {
    /// Bytes that a row takes without its texts.
    pub row_bytes: u64,
    pub rows_limit: usize,
    pub bytes_limit: u64,
    /// Rows of a full batch without texts.
    rows_full: usize,
    /// Rows that the range may hold.
    rows_in_range: usize,
}

/// Bytes of one value, without text, and of its null flag.
fn value_bytes(column_type: ColumnType) -> u64 {
    1 + match column_type {
        ColumnType::Bool => 1,
        ColumnType::Int32 | ColumnType::Float32 | ColumnType::Date | ColumnType::Category | ColumnType::String => 4,
        ColumnType::Int64 | ColumnType::Float64 | ColumnType::Timestamp => 8,
    }
}

/// Bytes of a row of a batch without its texts: its values, its offset and its line.
pub fn row_bytes(types: &[ColumnType]) -> u64 {
    12 + types.iter().map(|column_type| value_bytes(*column_type)).sum::<u64>()
}

impl BatchShape {
    pub fn new(types: &[ColumnType], row_bytes_min: usize, limits: BatchLimits, range_bytes: u64) -> BatchShape {
        let row_bytes = row_bytes(types);
        // Positions of texts are of 32 bits.
        let bytes_limit = limits.bytes.0.clamp(1, 1 << 31);
        let rows_limit = limits.rows.max(1);
        // The last may begin before the end of the range, and lack the line end.
        let rows_in_range = range_bytes / row_bytes_min.max(1) as u64 + 2;
        let rows_full = (bytes_limit / row_bytes + 1).min(rows_limit as u64) as usize;
        let rows_in_range = rows_in_range.min(rows_full as u64) as usize;
        BatchShape { row_bytes, rows_limit, bytes_limit, rows_full, rows_in_range }
    }

    /// Sets memory aside for full batches, so that it neither grows by leaps nor moves. Rows that are carried from the
    /// range before count towards a full one.
    pub fn prepare(&self, batch: &mut Batch) {
        let rows = self.rows_full.saturating_sub(batch.rows()).min(self.rows_in_range);
        let kept: u64 = batch.columns.iter().map(text_capacity).sum();
        for column in &mut batch.columns {
            column.valid.reserve_exact(rows);
            match &mut column.values {
                Values::Bool(values) => values.reserve_exact(rows),
                Values::Int32(values) | Values::Date(values) => values.reserve_exact(rows),
                Values::Int64(values) | Values::Timestamp(values) => values.reserve_exact(rows),
                Values::Float32(values) => values.reserve_exact(rows),
                Values::Float64(values) => values.reserve_exact(rows),
                Values::Category(values) => values.reserve_exact(rows),
                Values::Text { ends, bytes } => {
                    ends.reserve_exact(rows);
                    // One column's long texts after the other's must not add up.
                    if kept > self.bytes_limit {
                        *bytes = Vec::new();
                    }
                }
            }
        }
        batch.offsets.reserve_exact(rows);
        batch.lines.reserve_exact(rows);
    }
}

fn text_capacity(column: &Column) -> u64 {
    if let Values::Text { bytes, .. } = &column.values { bytes.capacity() as u64 } else { 0 }
}

/// The most memory that a batch takes while a range of `range_bytes` bytes of rows of at least `row_bytes_min` is read into
/// it; `reach_bytes` is how far records that begin in the range may go, from its start.
pub fn batch_bytes_max(
    schema: &TableSchema,
    row_bytes_min: usize,
    limits: BatchLimits,
    options: &ReadOptions,
    range_bytes: u64,
    reach_bytes: u64,
) -> Bytes {
    let types: Vec<ColumnType> = schema.columns.iter().map(|column| column.column_type).collect();
    let shape = BatchShape::new(&types, row_bytes_min, limits, range_bytes);
    let fixed = shape.row_bytes * shape.rows_in_range as u64;
    let has_text = types.contains(&ColumnType::String);
    // What is kept of the batch before, and twice the text for vectors that double, and the half that is moved from.
    let text = if has_text { 4 * shape.bytes_limit.max(options.max_record as u64).min(reach_bytes) } else { 0 };
    Bytes(fixed + text) + Bytes::of::<Column>(types.len())
}

/// The most memory that a workspace takes for files whose rows take so many entries of the index, and for so many columns.
pub(super) fn workspace_bytes(options: &ReadOptions, ends_per_row: usize, columns: usize) -> Bytes {
    let limits = options.index_limits();
    let buffer = Window::buffer_bytes(options) as u64;
    let ends = Bytes::of::<u32>(Index::ends_needed(&limits, ends_per_row)) * 2;
    let IndexLimits { window, records, .. } = limits;
    let per_record = size_of::<Row>() + size_of::<Issue>() + 3 * size_of::<u32>();
    let columns = (size_of::<TimeCache>() + size_of::<usize>()) as u64 * columns as u64 * 2;
    let messages = (16 * 1024 + 2 * Shape::BYTES_MAX) as u64;
    Bytes(buffer + (per_record * records + 8 * LONGEST_JOINED + CategoryCache::BYTES) as u64 + columns + messages)
        + ends
        + Bytes::of::<u32>(window + 64)
}
