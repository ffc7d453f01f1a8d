//! What a Parquet file is, from its footer alone: for `swath info`.
//!
//! It reads any Parquet file, not only those of a lake, and no page of it.

use std::path::Path;

use arrow_schema::{DataType, TimeUnit};
use parquet::arrow::parquet_to_arrow_schema;
use parquet::file::metadata::{FileMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use parquet::file::statistics::Statistics;
use serde_json::Value;
use swath_core::Result;

use super::error::reading;
use super::geometry::Bounds;
use crate::store::open_regular;

/// What a file's footer says.
#[derive(Debug, Clone, PartialEq)]
pub struct FileSummary {
    /// Rows.
    pub rows: u64,
    /// The columns.
    pub columns: Vec<SummarisedColumn>,
    /// Row groups.
    pub row_groups: usize,
    /// The codecs in use, like `ZSTD`.
    pub compression: Vec<String>,
    /// Bytes of all pages as they are.
    pub compressed_bytes: u64,
    /// Bytes of all pages when unpacked.
    pub uncompressed_bytes: u64,
    /// Who wrote it.
    pub created_by: Option<String>,
    /// The main geometry column, for GeoParquet.
    pub geometry: Option<String>,
    /// The box that the footer states for it.
    pub bounds: Option<Bounds>,
    /// Its coordinate system as PROJJSON; none is OGC:CRS84.
    pub crs: Option<Value>,
    /// The first timestamp column with its first and last time, in microseconds since 1970-01-01 in UTC.
    pub time_us: Option<(String, i64, i64)>,
}

/// A column as the footer describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct SummarisedColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it may hold nulls.
    pub nullable: bool,
    /// Units of its values, if the file says so.
    pub units: Option<String>,
}

/// Reads the footer of the file at `path`.
///
/// # Memory
/// The footer: about 1 kB per leaf and row group.
///
/// # Errors
/// [`swath_core::Error::InputUnreadable`] and [`swath_core::Error::InputCorrupt`].
pub fn summarise(path: &Path) -> Result<FileSummary> {
    let file = open_regular(path)?;
    let metadata = ParquetMetaDataReader::new()
        .with_page_index_policy(PageIndexPolicy::Skip)
        .parse_and_finish(&file)
        .map_err(|error| reading(path, error))?;
    let footer = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(footer.schema_descr(), footer.key_value_metadata())
        .map_err(|error| reading(path, error))?;
    let columns: Vec<SummarisedColumn> = schema
        .fields()
        .iter()
        .map(|field| SummarisedColumn {
            name: field.name().clone(),
            data_type: field.data_type().clone(),
            nullable: field.is_nullable(),
            units: field.metadata().get("units").cloned(),
        })
        .collect();
    let chunks = || metadata.row_groups().iter().flat_map(|group| group.columns());
    let mut compression: Vec<String> = chunks().map(|chunk| format!("{:?}", chunk.compression_codec())).collect();
    compression.sort_unstable();
    compression.dedup();
    let (geometry, bounds, crs) = geometry_of(footer);
    Ok(FileSummary {
        rows: footer.num_rows() as u64,
        row_groups: metadata.num_row_groups(),
        compression,
        compressed_bytes: chunks().map(|chunk| chunk.compressed_size() as u64).sum(),
        uncompressed_bytes: chunks().map(|chunk| chunk.uncompressed_size() as u64).sum(),
        created_by: footer.created_by().map(str::to_string),
        geometry,
        bounds,
        crs,
        time_us: time_of(&metadata, &columns),
        columns,
    })
}

fn geometry_of(footer: &FileMetaData) -> (Option<String>, Option<Bounds>, Option<Value>) {
    let words = footer.key_value_metadata().map_or(&[][..], |words| words);
    let geo = words.iter().find(|word| word.key == "geo").and_then(|word| word.value.as_deref());
    let Some(geo) = geo.and_then(|text| serde_json::from_str::<Value>(text).ok()) else { return (None, None, None) };
    let Some(name) = geo["primary_column"].as_str() else { return (None, None, None) };
    let column = &geo["columns"][name];
    let numbers: Vec<f64> = column["bbox"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let bounds = match numbers[..] {
        [xmin, ymin, xmax, ymax] | [xmin, ymin, _, xmax, ymax, _] => Some(Bounds { xmin, ymin, xmax, ymax }),
        _ => None,
    };
    (Some(name.to_string()), bounds, column.get("crs").cloned())
}

/// The range of the first timestamp column whose row groups all state theirs (or hold nulls only).
fn time_of(metadata: &ParquetMetaData, columns: &[SummarisedColumn]) -> Option<(String, i64, i64)> {
    let (name, unit) = columns.iter().find_map(|column| match &column.data_type {
        DataType::Timestamp(unit, _) => Some((&column.name, *unit)),
        _ => None,
    })?;
    let leaf =
        metadata.file_metadata().schema_descr().columns().iter().position(|leaf| leaf.path().string() == *name)?;
    let mut range: Option<(i64, i64)> = None;
    for group in metadata.row_groups() {
        let Statistics::Int64(statistics) = group.column(leaf).statistics()? else { return None };
        match (statistics.min_opt(), statistics.max_opt()) {
            (Some(min), Some(max)) => {
                range = Some(range.map_or((*min, *max), |all| (all.0.min(*min), all.1.max(*max))))
            }
            _ if statistics.null_count_opt() == Some(group.num_rows() as u64) => {}
            _ => return None,
        }
    }
    let micros = |value: i64| match unit {
        TimeUnit::Second => value.saturating_mul(1_000_000),
        TimeUnit::Millisecond => value.saturating_mul(1_000),
        TimeUnit::Microsecond => value,
        TimeUnit::Nanosecond => value.div_euclid(1_000),
    };
    range.map(|(first, last)| (name.clone(), micros(first), micros(last)))
}
