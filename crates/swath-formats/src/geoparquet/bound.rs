//! How much memory encoding takes at most, known before it starts.
//!
//! The bounds hold for data of any kind, incompressible too; a test holds them against a counting allocator.

use arrow_schema::DataType;
use swath_core::Bytes;

use super::PAGE_ROWS;
use super::compress::{context_bytes_max, packed_bytes_max};
use super::delta::deltas_bytes_max;
use super::distinct::{DISTINCT_MAX, distinct_bytes_max};
use super::geometry::POINT_BYTES;
use super::hybrid::{index_width, indices_bytes_max, levels_bytes_max};
use super::layout::{LakeLayout, Leaf};
use super::text::{PAGE_TEXT_BYTES, category_bytes_max};

/// How much text a row group holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextShape {
    /// Bytes of all values of text columns, and of the categories that the rows use, each counted once.
    pub bytes: usize,
    /// Bytes of the longest value.
    pub longest_bytes: usize,
    /// Values of the largest dictionary among the category columns, used or not.
    pub category_values: usize,
}

/// Heap that a [`RowGroupEncoder`](super::RowGroupEncoder) holds at most, while it encodes and after: besides the columns
/// that are given and the mini file.
pub fn encoder_bytes_max(layout: &LakeLayout, rows: usize, text: TextShape) -> Bytes {
    let page = page_bytes_max(layout, rows, text);
    let kind = layout.columns.compression;
    let has = |wanted: fn(&DataType) -> bool| layout.columns.attributes.fields().iter().any(|f| wanted(f.data_type()));
    let is_float = |data_type: &DataType| matches!(data_type, DataType::Float32 | DataType::Float64);
    let points = layout.columns.geometry.is_some();
    let mut total = page + packed_bytes_max(kind, page) + context_bytes_max(kind);
    // Values that are not null, of both coordinates and these rounded, and the lengths of a page's texts.
    total += 8 * rows + (8 + 4) * rows * usize::from(points) + 4 * PAGE_ROWS.min(rows);
    total += rows * usize::from(has(|t| *t == DataType::Boolean));
    total += distinct_bytes_max(rows, 8) * usize::from(points || has(is_float));
    total += distinct_bytes_max(rows, 16) * usize::from(points);
    total +=
        category_bytes_max(rows, text.category_values) * usize::from(has(|t| matches!(t, DataType::Dictionary(..))));
    // Validity of the points, then the footer: as parts, as a whole, and once more while it is written.
    total += rows.div_ceil(8) + 64 + 4 * footer_bytes_max(layout, rows, text) + (64 << 10);
    Bytes::from(total)
}

/// Bytes of the mini file of a row group at most.
pub fn mini_file_bytes_max(layout: &LakeLayout, rows: usize, text: TextShape) -> Bytes {
    let kind = layout.columns.compression;
    let pages = rows.div_ceil(PAGE_ROWS);
    let mut total = 12 + footer_bytes_max(layout, rows, text);
    for leaf in &layout.leaves {
        // What compression adds to a page is at most a share of it and a constant, so many pages cost no more than one.
        let bytes = levels_bytes_max(rows) + leaf_bytes_max(layout, *leaf, rows) + pages * 64;
        total += packed_bytes_max(kind, bytes) + (pages + 1) * 192;
    }
    total += packed_bytes_max(kind, text.bytes) + text.bytes.div_ceil(PAGE_TEXT_BYTES) * 1024;
    Bytes::from(total)
}

/// Bytes of the values of a leaf at most, as they are encoded, without text.
fn leaf_bytes_max(layout: &LakeLayout, leaf: Leaf, rows: usize) -> usize {
    let float = |width: usize| {
        let indices = indices_bytes_max(rows, index_width(DISTINCT_MAX)) + DISTINCT_MAX.min(rows) * width;
        indices.max(rows * width)
    };
    match leaf {
        Leaf::Point => rows * POINT_BYTES + deltas_bytes_max(rows, 4),
        Leaf::Covering { .. } => float(4),
        Leaf::Attribute(position) => match layout.columns.attributes.field(position).data_type() {
            DataType::Boolean => rows.div_ceil(8),
            DataType::Float32 => float(4),
            DataType::Float64 => float(8),
            DataType::Int64 | DataType::Timestamp(..) => deltas_bytes_max(rows, 8),
            DataType::Dictionary(..) => indices_bytes_max(rows, index_width(rows)) + 4 * rows,
            _ => deltas_bytes_max(rows, 4),
        },
    }
}

/// Bytes of the largest page that holds no text, dictionaries too.
pub(super) fn number_page_bytes_max(layout: &LakeLayout, rows: usize) -> usize {
    let page_rows = rows.min(PAGE_ROWS);
    let numbers = layout.leaves.iter().map(|leaf| leaf_bytes_max(layout, *leaf, page_rows)).max().unwrap_or(0);
    let dictionary = DISTINCT_MAX.min(rows) * if layout.columns.geometry.is_some() { POINT_BYTES + 4 } else { 8 };
    levels_bytes_max(page_rows) + numbers.max(dictionary)
}

/// Bytes of the largest page, dictionaries too.
fn page_bytes_max(layout: &LakeLayout, rows: usize, text: TextShape) -> usize {
    let page_rows = rows.min(PAGE_ROWS);
    let mut largest = number_page_bytes_max(layout, rows);
    for field in layout.columns.attributes.fields() {
        largest = largest.max(match field.data_type() {
            DataType::Dictionary(..) => text.bytes + 4 * rows.min(text.category_values),
            DataType::Utf8 => {
                let text_bytes = (PAGE_TEXT_BYTES + text.longest_bytes).min(text.bytes);
                levels_bytes_max(page_rows) + deltas_bytes_max(page_rows, 4) + text_bytes
            }
            _ => 0,
        });
    }
    largest
}

/// Bytes of footer and page index.
fn footer_bytes_max(layout: &LakeLayout, rows: usize, text: TextShape) -> usize {
    let pages = rows.div_ceil(PAGE_ROWS) + text.bytes.div_ceil(PAGE_TEXT_BYTES);
    let names: usize = (0..layout.leaf_count()).map(|leaf| layout.leaf_name(leaf).len()).sum();
    2_048 + 4 * names + layout.leaf_count() * (640 + pages * 224)
}
