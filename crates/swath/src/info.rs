//! What a file, a folder of files or a lake is, in bounded memory and without changing anything.
//!
//! Delimited text is inferred from a bounded sample and, up to a size, read as a whole; of Parquet only footers are
//! read, of rasters only directories. Every figure says whether it is exact.

mod batches;
mod columnar;
mod delimited;
mod grids;
pub(crate) mod magic;
pub(crate) mod manifest;
mod moment;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Serialize;
use swath_core::{Bytes, Error, Result, Stop};

use crate::ingest::{named, pattern};
use crate::pattern::{matches, no_match};
pub use grids::{BandDescription, RasterDescription, RasterFootprint};

/// Share of the ceiling that the columns of one chunk may take, as a rule of thumb.
const CHUNK_SHARE: f64 = 0.3;

/// A count and whether it is exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// The count.
    pub value: u64,
    /// False if it was estimated from a sample.
    pub exact: bool,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnDescription {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: String,
    /// What it is for: sensor, time, x, y, value, geometry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Units of its values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub units: Option<String>,
}

/// First and last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TimeRange {
    /// The column.
    pub column: String,
    /// The first, in UTC.
    pub first: String,
    /// The last, in UTC.
    pub last: String,
    /// False if only a sample was looked at.
    pub exact: bool,
}

/// Where the rows are, in the coordinates of the file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Extent {
    /// West, south, east, north.
    pub bounds: [f64; 4],
    /// False if only a sample was looked at.
    pub exact: bool,
}

/// What the rows take in memory as typed columns.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Footprint {
    /// All of them.
    pub memory: Bytes,
    /// One row, on average.
    pub bytes_per_row: f64,
    /// Memory for each byte on disk.
    pub inflation: f64,
    /// Rows that make a good chunk: 0.3 × ceiling ÷ bytes per row.
    pub chunk_rows: u64,
    /// The ceiling that this is for.
    pub ceiling: Bytes,
}

impl Footprint {
    fn new(rows: u64, bytes_per_row: f64, on_disk: Bytes, ceiling: Bytes) -> Footprint {
        let memory = rows as f64 * bytes_per_row;
        Footprint {
            memory: Bytes(memory as u64),
            bytes_per_row,
            inflation: if on_disk > Bytes::ZERO { memory / on_disk.0 as f64 } else { 0.0 },
            chunk_rows: (ceiling.0 as f64 * CHUNK_SHARE / bytes_per_row.max(1.0)) as u64,
            ceiling,
        }
    }
}

/// What something is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Description {
    /// Rows.
    Table(Box<TableDescription>),
    /// Pixels.
    Raster(Box<RasterDescription>),
}

impl Description {
    /// What is not as it should be, as sentences.
    pub fn warnings(&self) -> &[String] {
        match self {
            Description::Table(table) => &table.warnings,
            Description::Raster(raster) => &raster.warnings,
        }
    }
}

/// What a table is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableDescription {
    /// The path as it was given.
    #[serde(serialize_with = "crate::outcome::lossy")]
    pub path: PathBuf,
    /// `csv`, `parquet`, `geoparquet`, `arrow` or `lake`.
    pub format: String,
    /// Data files.
    pub files: u64,
    /// Their bytes on disk.
    pub bytes: Bytes,
    /// Rows.
    pub rows: Count,
    /// The columns.
    pub columns: Vec<ColumnDescription>,
    /// The coordinate system.
    pub crs: Option<String>,
    /// First and last time.
    pub time: Option<TimeRange>,
    /// Where the rows are.
    pub extent: Option<Extent>,
    /// Memory.
    pub footprint: Footprint,
    /// Everything else, as (name, value): dialect, compression, what was noticed.
    pub details: Vec<(String, String)>,
    /// What is not as it should be, as sentences.
    pub warnings: Vec<String>,
}

/// The paths that the arguments stand for: globs become their matches, everything else stays.
///
/// # Errors
/// [`Error::InputUnreadable`] for a glob that matches nothing.
pub fn expand(arguments: &[OsString]) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for argument in arguments {
        let path = named(argument)?.to_path_buf();
        let pattern = match pattern(argument) {
            Some(pattern) if path.symlink_metadata().is_err() => pattern,
            _ => {
                paths.push(path);
                continue;
            }
        };
        let found = matches(pattern)?;
        if found.is_empty() {
            return Err(no_match(pattern, "nothing matches"));
        }
        paths.extend(found);
    }
    Ok(paths)
}

/// Describes what stands at `path`; `ceiling` is only for the advice on chunks.
///
/// # Memory
/// A few MB, whatever the size of the input.
///
/// # Errors
/// [`Error::InputUnreadable`] and [`Error::InputCorrupt`], also for formats that are not read; [`Error::Stopped`].
pub fn describe(path: &Path, ceiling: Bytes, stop: &Stop) -> Result<Description> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::reading(path, &error))?;
    let table = |description: Result<TableDescription>| Ok(Description::Table(Box::new(description?)));
    if metadata.is_dir() {
        if columnar::holds_parquet(path)? {
            return table(columnar::describe_folder(path, ceiling, stop));
        }
        return table(delimited::describe(path, ceiling, stop));
    }
    match magic::sniff(path)? {
        magic::Sniffed::Parquet => table(columnar::describe_file(path, ceiling)),
        magic::Sniffed::Arrow => table(batches::describe(path, ceiling)),
        magic::Sniffed::Text => table(delimited::describe(path, ceiling, stop)),
        magic::Sniffed::Tiff => Ok(Description::Raster(Box::new(grids::describe(path, ceiling)?))),
        magic::Sniffed::Empty => Err(Error::InputUnreadable {
            path: path.into(),
            reason: "the file is empty".into(),
            hint: "check that the export finished".into(),
        }),
        magic::Sniffed::Other { what, hint } => Err(Error::InputUnreadable {
            path: path.into(),
            reason: format!("it looks like {what}, which is not read"),
            hint: hint.into(),
        }),
    }
}
