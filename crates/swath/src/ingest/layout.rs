//! How part files are laid out: columns, their order, row groups.
//!
//! It depends on the schema and the request, and on the sample only where texts are long.

use std::sync::Arc;

use arrow_schema::{Field, Schema};
use swath_core::{Error, Result};
use swath_formats::geoparquet::{
    LakeColumns, LakeCompression, LakeLayout, PointColumns, ROW_GROUP_ROWS_MAX, SortColumn,
};
use swath_table::layout::RowLayout;
use swath_table::schema::{ColumnType, TableSchema};

use super::arrays::data_type;
use super::job::Geometry;
use super::systems;
use crate::request::{Compression, IngestRequest, SortOrder};

/// Bytes of values in a row group, about, for rows of fixed width.
const ROW_GROUP_BYTES: usize = 6 << 20;
/// Bytes of text in a column of a row, about.
const TEXT_BYTES: usize = 64;
/// Name of the column of points.
const GEOMETRY: &str = "geometry";

/// Rows of a row group.
pub fn row_group_rows(layout: &RowLayout, types: &[ColumnType], has_points: bool, text_per_row: f64) -> u32 {
    let texts = types.iter().filter(|kind| **kind == ColumnType::String).count();
    let row_bytes = layout.stride() + 16 + text_allowed(texts, text_per_row) + if has_points { 37 } else { 0 };
    (ROW_GROUP_BYTES / row_bytes / 1024 * 1024).clamp(1024, ROW_GROUP_ROWS_MAX) as u32
}

/// Bytes of text that a row group allows each row, for so many columns of text: a fixed figure for names and short
/// remarks, so that a lake of many batches has the row groups of a lake of one. Where rows of the sample have more, it is
/// doubled until they fit, since row groups of long texts would not.
fn text_allowed(columns: usize, per_row: f64) -> usize {
    let mut allowed = columns * TEXT_BYTES;
    while allowed > 0 && (allowed as f64) < per_row {
        allowed *= 2;
    }
    allowed
}

/// The files of a lake.
///
/// # Errors
/// [`Error::Usage`] where a column has the name of the points.
pub fn lake_layout(
    schema: &TableSchema,
    geometry: Option<&Geometry>,
    request: &IngestRequest,
    sensor: Option<usize>,
    time: Option<usize>,
) -> Result<LakeLayout> {
    let fields: Vec<Field> = schema
        .columns
        .iter()
        .map(|column| {
            let field = Field::new(&column.name, data_type(column.column_type), !column.required);
            match &column.units {
                Some(units) => field.with_metadata([("units".to_string(), units.clone())].into()),
                None => field,
            }
        })
        .collect();
    let sort = |column: usize| SortColumn { column, descending: false, nulls_first: false };
    let is_text =
        |column: usize| matches!(schema.columns[column].column_type, ColumnType::Category | ColumnType::String);
    let sorting = match request.sort {
        // Numbers of sensors are in the order of their text, which no reader expects.
        SortOrder::Sensor if sensor.is_some_and(|sensor| !is_text(sensor)) => Vec::new(),
        SortOrder::Sensor => sensor.into_iter().chain(time).map(sort).collect(),
        SortOrder::Hilbert => Vec::new(),
    };
    let points = match geometry {
        None => None,
        Some(geometry) => {
            let crs = if geometry.target.is_crs84_equivalent() && geometry.target.epsg().is_none() {
                None
            } else {
                Some(geometry.target.to_projjson().map_err(|error| systems::usage(&error))?)
            };
            let hidden = schema.columns.len();
            let (x, y) = if geometry.moved { (hidden, hidden + 1) } else { (geometry.x, geometry.y) };
            Some(PointColumns { name: GEOMETRY.into(), x, y, crs })
        }
    };
    // Some readers take names that differ in case for one.
    let taken = schema.columns.iter().find(|column| column.name.eq_ignore_ascii_case(GEOMETRY));
    if let (Some(_), Some(column)) = (&points, taken) {
        return Err(Error::Usage {
            message: format!(
                "the input has a column {:?}, and {GEOMETRY} is the name of the points that are made of x and y",
                column.name
            ),
            hint: format!(
                "name it otherwise in a schema file, from swath sensor schema SRC: [columns.shape] source = \"{}\"",
                column.name
            ),
        });
    }
    LakeLayout::new(LakeColumns {
        attributes: Arc::new(Schema::new(fields)),
        geometry: points,
        sorting,
        time: time.filter(|&time| schema.columns[time].column_type == ColumnType::Timestamp),
        compression: match request.compression {
            Compression::Zstd => LakeCompression::Zstd { level: 1 },
            Compression::Snappy => LakeCompression::Snappy,
        },
        created_by: format!("swath {}", env!("CARGO_PKG_VERSION")),
        metadata: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_texts_change_row_groups() {
        assert_eq!(text_allowed(0, 0.0), 0);
        for per_row in [0.0, 1.0, 100.0, 128.0] {
            assert_eq!(text_allowed(2, per_row), 128, "{per_row}");
        }
        assert_eq!((text_allowed(2, 128.5), text_allowed(1, 1_000.0)), (256, 1_024));
    }
}
