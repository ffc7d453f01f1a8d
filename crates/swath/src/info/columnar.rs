//! Parquet files and folders of them, from their footers.

use std::fs::ReadDir;
use std::path::{Path, PathBuf};

use serde_json::Value;
use swath_core::{Bytes, Error, Result, Stop};
use swath_formats::geoparquet::{FileSummary, SummarisedColumn, summarise};
use swath_table::schema::Role;
use swath_table::schema_file;

use super::manifest::{self, Checked, Manifest};
use super::{ColumnDescription, Count, Extent, Footprint, TableDescription, TimeRange, delimited, moment};

/// Folders below each other at most.
const DEPTH_MAX: usize = 16;
/// Memory that a text is taken to have.
const VARIABLE_BYTES: f64 = 16.0;
/// A point as WKB, and where it ends.
const WKB_POINT_BYTES: f64 = 25.0;
/// A box of four 32-bit floats.
const BOX_BYTES: f64 = 16.0;

/// What the footers of all files together say.
struct Total {
    first: FileSummary,
    rows: u64,
    row_groups: u64,
    bytes: Bytes,
    files: u64,
    time: Option<(i64, i64)>,
    bounds: Option<[f64; 4]>,
    same_columns: bool,
}

impl Total {
    fn new(first: FileSummary) -> Total {
        Total {
            first,
            rows: 0,
            row_groups: 0,
            bytes: Bytes::ZERO,
            files: 0,
            time: None,
            bounds: None,
            same_columns: true,
        }
    }

    fn add(&mut self, file: &FileSummary, bytes: u64) {
        self.rows += file.rows;
        self.row_groups += file.row_groups as u64;
        self.bytes += Bytes(bytes);
        self.files += 1;
        self.same_columns &= file.columns == self.first.columns;
        if let Some((_, first, last)) = file.time_us {
            self.time = Some(self.time.map_or((first, last), |all| (all.0.min(first), all.1.max(last))));
        }
        if let Some(found) = &file.bounds {
            let all = self.bounds.unwrap_or([found.xmin, found.ymin, found.xmax, found.ymax]);
            self.bounds =
                Some([all[0].min(found.xmin), all[1].min(found.ymin), all[2].max(found.xmax), all[3].max(found.ymax)]);
        }
    }

    fn describe(self, path: &Path, format: &str, ceiling: Bytes) -> TableDescription {
        let file = &self.first;
        let per_row = file.columns.iter().map(width).sum();
        let mut details = vec![
            ("compression".to_string(), file.compression.join(", ")),
            ("row groups".to_string(), self.row_groups.to_string()),
        ];
        details.extend(file.created_by.iter().map(|by| ("written by".to_string(), by.clone())));
        if !self.same_columns {
            details
                .push(("beware".into(), "not all files have the same columns; those of the first are listed".into()));
        }
        let geometry = file.geometry.as_deref();
        TableDescription {
            path: path.into(),
            format: format.into(),
            files: self.files,
            bytes: self.bytes,
            rows: Count { value: self.rows, exact: true },
            columns: file.columns.iter().map(|column| describe_column(column, geometry)).collect(),
            crs: geometry.map(|_| crs_name(file.crs.as_ref())),
            time: file.time_us.as_ref().zip(self.time).map(|((column, _, _), (first, last))| TimeRange {
                column: column.clone(),
                first: moment::rfc3339(first),
                last: moment::rfc3339(last),
                exact: true,
            }),
            extent: self.bounds.map(|bounds| Extent { bounds, exact: true }),
            footprint: Footprint::new(self.rows, per_row, self.bytes, ceiling),
            details,
            warnings: Vec::new(),
        }
    }
}

/// Describes one Parquet file.
///
/// # Errors
/// Those of reading its footer.
pub fn describe_file(path: &Path, ceiling: Bytes) -> Result<TableDescription> {
    let summary = summarise(path)?;
    let format = if summary.geometry.is_some() { "geoparquet" } else { "parquet" };
    let mut total = Total::new(summary.clone());
    total.add(&summary, size(path)?);
    Ok(total.describe(path, format, ceiling))
}

/// Describes a lake, or another folder of Parquet files. A lake is held against its manifest: files that are not as it
/// says are told of and left out.
///
/// # Errors
/// Those of reading footers; [`Error::InputUnreadable`] if there are none; [`Error::Stopped`].
pub fn describe_folder(path: &Path, ceiling: Bytes, stop: &Stop) -> Result<TableDescription> {
    let mut total: Option<Total> = None;
    let mut keys = None;
    let (mut manifest, mut warnings) = (None, Vec::new());
    match manifest::read(path) {
        Some(Ok(read)) => manifest = Some(read),
        Some(Err(reason)) => {
            let told = " cannot be read, so nobody knows whether files are missing:";
            warnings.push(reason.replacen(" cannot be read:", told, 1));
        }
        None => {}
    }
    let checked = manifest.as_ref().map(|manifest| manifest::check(path, manifest, stop)).transpose()?;
    let Checked { damaged, faults } = checked.unwrap_or_default();
    warnings.extend(
        faults.into_iter().map(|fault| format!("{fault}: rows, times and extent are those of the other files")),
    );
    let mut walk = Walk::new(path)?;
    while let Some(file) = walk.next_file()? {
        stop.check()?;
        if damaged.contains(&file) {
            continue;
        }
        let summary = summarise(&file)?;
        keys.get_or_insert_with(|| partition_keys(path, &file));
        total.get_or_insert_with(|| Total::new(summary.clone())).add(&summary, size(&file)?);
    }
    let Some(total) = total else {
        if let Some(manifest) = manifest.as_ref().filter(|manifest| manifest.files.is_empty()) {
            return empty_lake(path, manifest, ceiling, warnings);
        }
        return Err(Error::InputUnreadable {
            path: path.into(),
            reason: warnings.first().cloned().unwrap_or_else(|| "the folder holds no Parquet files".into()),
            hint: "name a lake, or a single file".into(),
        });
    };
    let is_lake = path.join(manifest::FILE).is_file();
    let mut description = total.describe(path, if is_lake { "lake" } else { "parquet folder" }, ceiling);
    if let Some(keys) = keys.filter(|keys| !keys.is_empty()) {
        description.details.push(("partitions".into(), keys.join(", ")));
    }
    let rejects = path.join("_swath/rejects.ndjson");
    if let Ok(found) = std::fs::metadata(&rejects)
        && found.len() > 0
    {
        description.details.push(("rejects".into(), rejects.display().to_string()));
    }
    description.warnings = warnings;
    Ok(description)
}

/// A lake without a row has no files whose footers would tell; its manifest does.
fn empty_lake(path: &Path, manifest: &Manifest, ceiling: Bytes, warnings: Vec<String>) -> Result<TableDescription> {
    let schema = schema_file::parse(&manifest.schema, &path.join(manifest::FILE))?.resolve(None)?;
    let system = schema.crs.target.as_ref().or(schema.crs.source.as_ref());
    let crs = system.cloned().unwrap_or_else(|| "EPSG:4326".into());
    Ok(TableDescription {
        path: path.into(),
        format: "lake".into(),
        files: 0,
        bytes: Bytes::ZERO,
        rows: Count { value: 0, exact: true },
        columns: delimited::columns(&schema.pivoted()),
        crs: schema.with_role(Role::X).map(|_| crs),
        time: None,
        extent: None,
        footprint: Footprint::new(0, delimited::fixed_bytes_per_row(&schema.pivoted()), Bytes::ZERO, ceiling),
        details: Vec::new(),
        warnings,
    })
}

/// Whether a folder is a lake or has a Parquet file in it.
///
/// # Errors
/// [`Error::InputUnreadable`].
pub fn holds_parquet(path: &Path) -> Result<bool> {
    Ok(path.join(manifest::FILE).is_file() || Walk::new(path)?.next_file()?.is_some())
}

/// The Parquet files below a folder, one at a time, without those under `_swath` or hidden names.
struct Walk {
    open: Vec<(PathBuf, ReadDir)>,
}

impl Walk {
    fn new(folder: &Path) -> Result<Walk> {
        let mut walk = Walk { open: Vec::new() };
        walk.enter(folder.into())?;
        Ok(walk)
    }

    fn enter(&mut self, folder: PathBuf) -> Result<()> {
        let entries = std::fs::read_dir(&folder).map_err(|error| Error::reading(&folder, &error))?;
        self.open.push((folder, entries));
        Ok(())
    }

    fn next_file(&mut self) -> Result<Option<PathBuf>> {
        while let Some((folder, entries)) = self.open.last_mut() {
            let Some(entry) = entries.next() else {
                self.open.pop();
                continue;
            };
            let path = entry.map_err(|error| Error::reading(folder, &error))?.path();
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            if name.starts_with(b".") || name.starts_with(b"_") {
                continue;
            }
            if path.extension().is_some_and(|ending| ending == "parquet") && path.is_file() {
                return Ok(Some(path));
            }
            // Links are not followed: they may lead in a circle.
            if self.open.len() < DEPTH_MAX && path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                self.enter(path)?;
            }
        }
        Ok(None)
    }
}

/// The names of the Hive keys in the path of a file of the lake.
fn partition_keys(lake: &Path, file: &Path) -> Vec<String> {
    let below = file.strip_prefix(lake).unwrap_or(file);
    let parts = below.iter().filter_map(|part| part.to_str()?.split_once('='));
    parts.map(|(key, _)| key.to_string()).collect()
}

fn size(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).map_err(|error| Error::reading(path, &error))?.len())
}

fn describe_column(column: &SummarisedColumn, geometry: Option<&str>) -> ColumnDescription {
    ColumnDescription {
        name: column.name.clone(),
        column_type: type_name(column),
        role: (geometry == Some(column.name.as_str())).then(|| "geometry".to_string()),
        units: column.units.clone(),
    }
}

/// A type in the words of a schema file where they fit, else in Arrow's.
fn type_name(column: &SummarisedColumn) -> String {
    let name = column.data_type.to_string();
    match name.split('(').next().unwrap_or_default() {
        "Dictionary" => "category".into(),
        "Utf8" | "LargeUtf8" | "Utf8View" => "string".into(),
        "Boolean" => "bool".into(),
        "Date32" => "date".into(),
        "Timestamp" => "timestamp".into(),
        "Struct" | "List" | "Map" => name.split('(').next().unwrap_or_default().to_lowercase(),
        _ => name.to_lowercase(),
    }
}

/// Bytes of a value in memory, by its type. What follows from the values is a guess, but for points and boxes, which
/// are what a lake has.
fn width(column: &SummarisedColumn) -> f64 {
    match (type_name(column).as_str(), column.data_type.primitive_width()) {
        (_, Some(bytes)) => bytes as f64,
        ("category", _) => 4.0,
        ("bool", _) => 1.0,
        ("binary", _) => WKB_POINT_BYTES,
        ("struct", _) => BOX_BYTES,
        _ => VARIABLE_BYTES,
    }
}

/// A coordinate system in a few words.
fn crs_name(crs: Option<&Value>) -> String {
    let Some(crs) = crs.filter(|crs| !crs.is_null()) else {
        return "OGC:CRS84".into();
    };
    match (crs["id"]["authority"].as_str(), &crs["id"]["code"], crs["name"].as_str()) {
        (Some(authority), Value::Number(code), _) => format!("{authority}:{code}"),
        (Some(authority), Value::String(code), _) => format!("{authority}:{code}"),
        (_, _, Some(name)) => name.into(),
        _ => "unnamed".into(),
    }
}
