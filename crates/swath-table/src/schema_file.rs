//! Schema files: the TOML in which a person says how a table is written, typed and checked.
//!
//! A file may leave nearly everything out, so it parses into options, and [`SchemaFile::resolve`] lays them over what
//! was inferred from a sample. This module infers nothing and opens no file: text comes in, text goes out.

mod check;
mod moment;
mod reader;
mod resolve;
mod sections;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use swath_core::{Error, Result};

use crate::schema::{Checks, ColumnType, CrsOfFiles, JsonFormat, Keep, Layout, Role, TableSchema, Violation};

pub use write::{moment_text, write};

/// A schema file as it was written: what it leaves out is `None`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SchemaFile {
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// The section `[csv]`.
    pub csv: CsvPart,
    /// The section `[json]`, if it is there.
    pub json: Option<JsonFormat>,
    /// The tables `[columns.NAME]` in the order of the file; none means that the columns are inferred.
    pub columns: Option<Vec<ColumnPart>>,
    /// The section `[pivot]`.
    pub pivot: Option<PivotPart>,
    /// The section `[crs]`.
    pub crs: CrsPart,
    /// The section `[dedup]`.
    pub dedup: Option<DedupPart>,
    /// The section `[checks]`, with defaults for what it leaves out.
    pub checks: Option<Checks>,
    /// The line of every key by its dotted name.
    lines: BTreeMap<String, u64>,
}

/// What a schema file says about the text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CsvPart {
    /// What keeps fields apart: as the keys `delimiter` and `widths` say.
    pub layout: Option<Layout>,
    /// Between fields, where a delimiter is.
    pub delimiter: Option<u8>,
    /// Around fields; `Some(None)` switches quoting off (`quote = ""`).
    pub quote: Option<Option<u8>>,
    /// Decimal mark.
    pub decimal: Option<u8>,
    /// First byte of lines to skip; `Some(None)` says that there are none (`comment = ""`).
    pub comment: Option<Option<u8>>,
    /// Lines before the header.
    pub skip_lines: Option<u64>,
    /// How the first line behind the table begins.
    pub stop_at: Option<String>,
    /// Whether the first line names the columns.
    pub header: Option<bool>,
    /// Lines of the header, of which the first names the columns.
    pub header_lines: Option<u64>,
    /// Fields of a row, where the header names fewer.
    pub fields: Option<u64>,
    /// One of [`ENCODINGS`](crate::schema::ENCODINGS).
    pub encoding: Option<String>,
    /// Texts that stand for a missing value.
    pub missing: Option<Vec<String>>,
}

impl CsvPart {
    /// What holds for a table that was laid out with commas and double quotes below one header: markers of missing values.
    pub fn of_laid_out(&self) -> CsvPart {
        CsvPart {
            delimiter: Some(b','),
            quote: Some(Some(b'"')),
            decimal: Some(b'.'),
            comment: Some(None),
            skip_lines: Some(0),
            header: Some(true),
            header_lines: Some(1),
            missing: self.missing.clone(),
            ..CsvPart::default()
        }
    }
}

/// What a schema file says about one column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnPart {
    /// Its name in the table.
    pub name: String,
    /// Its type. A column with a type stands on its own; one without is laid over the inferred column.
    pub column_type: Option<ColumnType>,
    /// What it is for; `Some(None)` takes an inferred role away (`role = "none"`).
    pub role: Option<Option<Role>>,
    /// Names in the file.
    pub source: Option<Vec<String>>,
    /// Pattern of timestamps and dates.
    pub format: Option<String>,
    /// Zone of timestamps without an offset.
    pub timezone: Option<String>,
    /// The year of times whose text says none, or the first that two digits may be.
    pub year: Option<u64>,
    /// Whether values are taken with the other sign.
    pub negate: Option<bool>,
    /// Smallest value allowed.
    pub min: Option<Bound>,
    /// Largest value allowed.
    pub max: Option<Bound>,
    /// What happens outside of `min` and `max`.
    pub out_of_range: Option<Violation>,
    /// What happens to text that is not of the type.
    pub invalid: Option<Violation>,
    /// Markers of missing values of this column.
    pub missing: Option<Vec<String>>,
    /// Units of the values.
    pub units: Option<String>,
    /// Whether a missing value rejects the row.
    pub required: Option<bool>,
}

/// A limit of a column as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A number, for columns of numbers.
    Number(f64),
    /// A moment in microseconds since 1970-01-01 in UTC, for timestamps and dates.
    ///
    /// In [`crate::schema::ColumnSchema`] it is stored as a float of microseconds (timestamps, exact from 1685 to
    /// 2255) or of whole days (dates).
    Moment(i64),
}

/// What a schema file says about rows that hold one of several quantities each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PivotPart {
    /// The column whose texts become columns, by its name in the table or in the input.
    pub name: String,
    /// The column that holds the values, likewise.
    pub value: String,
    /// Which texts; none are those of the sample.
    pub columns: Option<Vec<String>>,
}

/// What a schema file says about coordinates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CrsPart {
    /// Coordinate system of the input.
    pub source: Option<String>,
    /// Coordinate system of the output.
    pub target: Option<String>,
    /// A column that holds an EPSG code per row.
    pub column: Option<String>,
    /// Exceptions per file pattern.
    pub files: Vec<CrsOfFiles>,
}

/// What a schema file says about duplicates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DedupPart {
    /// Columns of the key; an empty list switches dedup off.
    pub key: Option<Vec<String>>,
    /// Which row stays.
    pub keep: Option<Keep>,
}

/// Evidence for the comments of a written schema, by dotted place (`csv.delimiter`, `columns.pm25`, `dedup`; the empty
/// place is the file itself).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes(BTreeMap<String, Vec<String>>);

impl Notes {
    /// Adds a sentence at a place.
    pub fn add(&mut self, place: impl Into<String>, note: impl Into<String>) {
        self.0.entry(place.into()).or_default().push(note.into());
    }

    /// The sentences at a place.
    pub fn at(&self, place: &str) -> &[String] {
        self.0.get(place).map_or(&[], Vec::as_slice)
    }

    /// All places with their sentences, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(place, notes)| (place.as_str(), notes.as_slice()))
    }
}

/// Parses a schema file; `path` is for messages only.
///
/// # Errors
/// [`Error::Usage`] with file, line, wanted and got for anything that is not as the format says: unknown keys, wrong
/// types, contradictions between columns. Where columns have no type of their own, contradictions show in `resolve`.
pub fn parse(text: &str, path: &Path) -> Result<SchemaFile> {
    let file = sections::read(text, path)?;
    let complete = file.columns.as_ref().is_some_and(|columns| columns.iter().all(|c| c.column_type.is_some()));
    if complete {
        file.resolve(None)?;
    } else {
        resolve::check_csv(&file)?;
    }
    Ok(file)
}

/// Limits of the two coordinates of a coordinate system.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CoordinateBounds {
    /// Smallest and largest x.
    pub x: (f64, f64),
    /// Smallest and largest y.
    pub y: (f64, f64),
}

impl CoordinateBounds {
    /// Longitude and latitude in degrees.
    pub const DEGREES: CoordinateBounds = CoordinateBounds { x: (-180.0, 180.0), y: (-90.0, 90.0) };
}

/// Gives the columns with role x and y the limits of their coordinate system where the schema gives none.
///
/// The caller knows whether the system is geographic; a table whose rows choose theirs by a column stays as it is.
pub fn with_defaults(mut schema: TableSchema, bounds: CoordinateBounds) -> TableSchema {
    if schema.crs.column.is_some() {
        return schema;
    }
    for column in &mut schema.columns {
        let (min, max) = match column.role {
            Some(Role::X) => bounds.x,
            Some(Role::Y) => bounds.y,
            _ => continue,
        };
        column.min = column.min.or(Some(min));
        column.max = column.max.or(Some(max));
    }
    schema
}

impl SchemaFile {
    /// Where a key stands, as words for a message.
    fn place(&self, key: &str) -> String {
        let mut prefix = key;
        loop {
            if let Some(line) = self.lines.get(prefix) {
                return format!("{}, line {line}", self.path.display());
            }
            match prefix.rfind('.') {
                Some(end) => prefix = &prefix[..end],
                None => return self.path.display().to_string(),
            }
        }
    }

    /// An error about a key.
    fn error(&self, key: &str, message: impl AsRef<str>, hint: impl Into<String>) -> Error {
        Error::Usage { message: format!("{}: {key} {}", self.place(key), message.as_ref()), hint: hint.into() }
    }
}
