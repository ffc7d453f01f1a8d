//! Arrow IPC, from the metadata of its messages. Nothing of the rows is read, so times and places are not told.

use std::path::Path;

use swath_core::{Bytes, Result};
use swath_formats::arrow::Outline;
use swath_formats::columnar::Kind;
use swath_formats::store::{ReadAt, SourceFile};
use swath_table::schema::ColumnType;

use super::{ColumnDescription, Count, Footprint, TableDescription};

/// Memory that a text is taken to have, with where it ends.
const TEXT_BYTES: f64 = 16.0;

/// Describes a file or a stream in a file.
///
/// # Errors
/// Those of reading it.
pub fn describe(path: &Path, ceiling: Bytes) -> Result<TableDescription> {
    let file = SourceFile::open(path)?;
    let size = std::fs::metadata(path).map_err(|error| swath_core::Error::reading(path, &error))?.len();
    describe_content(path, &file, size, ceiling)
}

/// Describes what was unpacked of a file.
///
/// # Errors
/// As [`describe`].
pub fn describe_content(path: &Path, file: &dyn ReadAt, size: u64, ceiling: Bytes) -> Result<TableDescription> {
    let outline = Outline::read(file, size, &|_| true)?;
    let per_row = outline.columns.iter().map(|column| width(column.kind)).sum();
    let layout = if outline.is_stream { "stream" } else { "file" };
    let packings: Vec<&str> = outline.packings.iter().copied().collect();
    let mut details = vec![
        ("layout".to_string(), layout.to_string()),
        ("compression".to_string(), packings.join(", ")),
        ("record batches".to_string(), outline.batches().to_string()),
    ];
    if !outline.refused.is_empty() {
        let refused: Vec<String> = outline.refused.iter().map(|(name, why)| format!("{name:?} ({why})")).collect();
        details.push(("not read".into(), refused.join(", ")));
    }
    let columns = outline.columns.iter().map(|column| ColumnDescription {
        name: column.name.clone(),
        column_type: name(column.kind, column.is_coded()).into(),
        role: None,
        units: None,
    });
    Ok(TableDescription {
        path: path.into(),
        format: "arrow".into(),
        files: 1,
        bytes: Bytes(size),
        rows: Count { value: outline.rows, exact: true },
        columns: columns.collect(),
        crs: None,
        time: None,
        extent: None,
        footprint: Footprint::new(outline.rows, per_row, Bytes(size), ceiling),
        details,
        warnings: Vec::new(),
    })
}

/// A type in the words of a schema file where they fit, else as Parquet is told of.
fn name(kind: Kind, is_coded: bool) -> &'static str {
    match kind {
        Kind::Text if is_coded => "category",
        Kind::Bytes => "binary",
        Kind::UInt64 => "uint64",
        kind => match kind.column_type() {
            ColumnType::Bool => "bool",
            ColumnType::Int32 => "int32",
            ColumnType::Int64 => "int64",
            ColumnType::Float32 => "float32",
            ColumnType::Float64 => "float64",
            ColumnType::Date => "date",
            ColumnType::Timestamp => "timestamp",
            ColumnType::Category => "category",
            ColumnType::String => "string",
        },
    }
}

/// Bytes of a value in memory; of texts that is a guess.
fn width(kind: Kind) -> f64 {
    match kind {
        Kind::Bool => 1.0,
        Kind::Int32 | Kind::Float32 | Kind::Date => 4.0,
        Kind::Int64 | Kind::UInt64 | Kind::Float64 | Kind::Timestamp { .. } => 8.0,
        Kind::Text | Kind::Bytes => TEXT_BYTES,
    }
}
