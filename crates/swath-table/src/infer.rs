//! A schema from a bounded sample of the input, with the evidence for every choice.
//!
//! It never guesses where a wrong guess would change values unseen: day and month that cannot be told apart, or
//! coordinates that are no degrees, are asked for. It reads no file; `sample` says which bytes the caller should read.

mod blanks;
mod build;
mod calendar;
mod degrees;
mod dialect;
mod evidence;
mod gaps;
mod given;
mod insides;
mod missing;
mod paths;
mod quotes;
mod records;
mod roles;
pub mod sample;
mod tail;
#[cfg(test)]
mod tests;
mod time;
mod types;

use std::path::Path;

use rustc_hash::FxHashMap;
use swath_core::{Error, Place, Result};

use crate::schema::{ColumnType, Layout, TableSchema};
use crate::schema_file::{CsvPart, Notes, SchemaFile};
pub use degrees::NoDegrees;
use dialect::FileShape;
use evidence::Evidence;
use gaps::Gaps;
pub use insides::drop_insides;
use records::{Record, Records};
pub use sample::{FileSample, Sample, SamplePlan};
use time::TimeEvidence;
use types::thousands;

/// What was inferred.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred {
    /// The schema; lay a schema file over it with [`SchemaFile::resolve`].
    pub schema: TableSchema,
    /// Why it is as it is, for the comments of [`crate::schema_file::write`].
    pub notes: Notes,
    /// Coordinates whose system has to be named before they can be used.
    pub no_degrees: Option<NoDegrees>,
    gaps: Gaps,
}

/// A column of the input as it was found.
#[derive(Debug, Default)]
struct Found {
    /// Its name in the file.
    source: String,
    /// Its name in the table.
    name: String,
    evidence: Evidence,
    /// Files that have it.
    files: usize,
    /// Markers that hold for this column only.
    missing: Vec<String>,
}

/// A file with its shape and where its fields go.
struct FileColumns<'s> {
    sample: &'s Sample,
    shape: FileShape,
    /// The column of each field; none is ignored.
    targets: Vec<Option<usize>>,
}

/// What the rows of the sample were.
#[derive(Debug, Default)]
struct Rows {
    whole: u64,
    empty: u64,
    ragged: u64,
}

/// Infers the schema of a table from samples of its files.
///
/// What `hints` says about the text is taken as given; of its columns only those without a type are of interest here.
///
/// # Errors
/// [`Error::Usage`] where only a person can decide (delimiter, day and month, projected coordinates, files that do not
/// go together); [`Error::InputCorrupt`] where the input is no delimited text or holds no rows.
pub fn infer(samples: &[Sample], hints: &SchemaFile) -> Result<Inferred> {
    let inferred = look(samples, hints)?;
    inferred.no_degrees.as_ref().map_or(Ok(()), |no_degrees| Err(no_degrees.error()))?;
    Ok(inferred)
}

/// The same for somebody who only wants to see what is there: coordinates in a system that is not named are told of.
///
/// # Errors
/// Those of [`infer`], but for projected coordinates.
pub fn look(samples: &[Sample], hints: &SchemaFile) -> Result<Inferred> {
    look_typed(samples, hints, &FileTypes::default())
}

/// The types that files themselves give their columns, by the names of these.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileTypes(FxHashMap<String, FileType>);

/// What a file says of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileType {
    /// Its type; string where it holds texts, of whatever.
    pub column_type: ColumnType,
    /// Whether its times are in UTC.
    pub in_utc: bool,
}

impl FileTypes {
    /// Adds what a file says of a column. Where files differ, numbers take the type that has room for both; else the
    /// first file is right.
    pub fn add(&mut self, name: &str, found: FileType) {
        use ColumnType::{Float32, Float64, Int32, Int64};
        let Some(known) = self.0.get_mut(name) else {
            self.0.insert(name.into(), found);
            return;
        };
        known.in_utc &= found.in_utc;
        known.column_type = match (known.column_type, found.column_type) {
            (Int32, Int64) => Int64,
            (Int32 | Int64 | Float32, Float64) | (Int32 | Int64, Float32) | (Float32, Int32 | Int64) => Float64,
            (first, _) => first,
        };
    }

    /// What the files say of a column.
    pub fn of(&self, name: &str) -> Option<FileType> {
        self.0.get(name).copied()
    }
}

/// The same where files give their columns types: those win, and only texts may turn out to be something else.
///
/// # Errors
/// Those of [`look`].
pub fn look_typed(samples: &[Sample], hints: &SchemaFile, own: &FileTypes) -> Result<Inferred> {
    let mut notes = Notes::default();
    let mut files: Vec<(&Sample, FileShape)> = Vec::new();
    for sample in samples {
        let like = files.first().map(|(_, shape)| shape.dialect.delimiter);
        if let Some(shape) = dialect::detect(sample, &hints.csv, like)? {
            files.push((sample, shape));
        }
    }
    let Some(first) = files.first() else {
        let path = samples.first().map_or(Path::new("input"), |sample| &sample.path);
        let message = match hints.csv.skip_lines {
            Some(skipped) if skipped > 0 => format!("nothing is left after skip_lines = {skipped}"),
            _ => "the file is empty".into(),
        };
        return Err(no_rows(path, &message));
    };
    for file in &files[1..] {
        same_shape(first, file, &hints.csv)?;
    }
    let decimal = hints.csv.decimal.unwrap_or_else(|| decimal(&files, &mut notes));
    let mut gaps = Gaps::default();
    gaps.headers(&files, &hints.csv);
    let (mut columns, files) = union(files, &mut notes, &mut gaps);
    if hints.json.is_some() {
        paths::name(&mut columns);
    }
    let mut rows = Rows::default();
    // What a person calls missing is no evidence of a type.
    let is_missing = |field: &[u8]| hints.csv.missing.iter().flatten().any(|marker| marker.as_bytes() == field);
    for file in &files {
        file.each_row(&mut rows, |record| {
            for (position, (field, target)) in record.fields.iter().zip(&file.targets).enumerate() {
                match target {
                    Some(target) if is_missing(field) => columns[*target].evidence.add(b"", decimal),
                    Some(target) => columns[*target].evidence.add(field, decimal),
                    None if field.is_empty() => {}
                    None => gaps.nameless(file, position),
                }
            }
        });
    }
    gaps.behind = files.iter().filter_map(tail::behind).take(1).collect();
    let is_complete = hints.columns.as_ref().is_some_and(|columns| columns.iter().all(|c| c.column_type.is_some()));
    if rows.whole == 0 && !is_complete {
        return Err(no_rows(&files[0].sample.path, "there are no rows to infer types from"));
    }
    row_notes(&rows, samples, &mut notes);
    let (schema, no_degrees) = build::schema(columns, &files, decimal, hints, own, (&mut notes, &mut gaps))?;
    Ok(Inferred { schema, notes, no_degrees, gaps })
}

fn no_rows(path: &Path, message: &str) -> Error {
    Error::InputCorrupt {
        place: Place::file(path),
        message: message.into(),
        hint: "give a file with rows, or name all columns with their types in a schema file".into(),
    }
}

/// An error if two files cannot be read by one schema; of several differences it names the one that explains the others.
fn same_shape(one: &(&Sample, FileShape), other: &(&Sample, FileShape), csv: &CsvPart) -> Result<()> {
    let between = |layout: &Layout, byte: u8| match (layout, byte) {
        (Layout::Spaces, _) => "spaces".to_string(),
        (_, b'\t') => "tab".to_string(),
        _ => char::from(byte).to_string(),
    };
    let byte = |byte: u8| between(&Layout::Delimited, byte);
    let ((one, first), (other, second)) = (one, other);
    let delimiter = first.dialect.delimiter;
    let layout = |shape: &FileShape| shape.dialect.layout.clone();
    let written = |shape: &FileShape| {
        (layout(shape), shape.dialect.delimiter, shape.header, shape.header_lines, shape.skip_lines)
    };
    if written(first) == written(second) {
        return Ok(());
    }
    // A delimiter that fits nearly as well was taken because the files before have it: what would it be alone?
    let alone = match csv.delimiter {
        Some(_) => None,
        None => dialect::detect(other, csv, None)?.map(|shape| shape.dialect.delimiter),
    };
    let alone = alone.unwrap_or(second.dialect.delimiter);
    let (what, left, right) = match (first.decimal, second.decimal) {
        _ if layout(first) != layout(second) => {
            let other = between(&layout(second), second.dialect.delimiter);
            ("delimiter", between(&layout(first), delimiter), other)
        }
        _ if delimiter != alone => ("delimiter", byte(delimiter), byte(alone)),
        (Some(one), Some(other)) if one != other => ("decimal", byte(one), byte(other)),
        _ if first.header != second.header => ("header", first.header.to_string(), second.header.to_string()),
        _ if first.header_lines != second.header_lines => {
            ("header_lines", first.header_lines.to_string(), second.header_lines.to_string())
        }
        _ => ("skip_lines", first.skip_lines.to_string(), second.skip_lines.to_string()),
    };
    Err(Error::Usage {
        message: format!(
            "the files are not written alike: {what} is {left} in {}, and {right} in {}",
            one.path.display(),
            other.path.display()
        ),
        hint: format!("take them apart, or say [csv] {what} = … in a schema file"),
    })
}

/// The decimal mark that the files agree on.
fn decimal(files: &[(&Sample, FileShape)], notes: &mut Notes) -> u8 {
    let shows = |mark: u8| files.iter().any(|(_, shape)| shape.decimal == Some(mark));
    match (shows(b','), shows(b'.')) {
        (true, false) => {
            notes.add("csv.decimal", "numbers like 2,6 and none like 2.6");
            b','
        }
        (true, true) => {
            notes.add("csv.decimal", "some files show decimal commas, others points: look at them");
            b'.'
        }
        _ => b'.',
    }
}

/// All columns of all files by name, in the order of first appearance.
fn union<'s>(
    files: Vec<(&'s Sample, FileShape)>,
    notes: &mut Notes,
    gaps: &mut Gaps,
) -> (Vec<Found>, Vec<FileColumns<'s>>) {
    let mut columns: Vec<Found> = Vec::new();
    let mut positions: FxHashMap<String, usize> = FxHashMap::default();
    let count = files.len();
    let mut out = Vec::with_capacity(count);
    for (sample, shape) in files {
        let mut targets: Vec<Option<usize>> = Vec::with_capacity(shape.names.len());
        for (position, source) in shape.names.iter().enumerate() {
            // What is above an index of times is often left empty.
            let is_index = position == 0 && source.is_empty() && begins_with_times(sample, &shape);
            let source = if is_index { &dialect::numbered(1) } else { source };
            let name = source.trim_start_matches('#').trim();
            if name.is_empty() {
                targets.push(None);
                continue;
            }
            let position = *positions.entry(name.to_string()).or_insert_with(|| {
                columns.push(Found { source: source.clone(), name: name.into(), ..Found::default() });
                columns.len() - 1
            });
            if targets.contains(&Some(position)) {
                notes.add(format!("columns.{name}"), "the header names it twice: the first one is read");
                gaps.not_read.insert(format!("a second {name:?} (the first one is read)"));
                targets.push(None);
                continue;
            }
            columns[position].files += 1;
            targets.push(Some(position));
        }
        if shape.header_guessed {
            notes.add("csv.header", format!("a guess: all columns of {} are text", sample.path.display()));
        }
        out.push(FileColumns { sample, shape, targets });
    }
    for column in columns.iter().filter(|column| column.files < count) {
        let note = format!("in {} of {} sampled files", column.files, count);
        notes.add(format!("columns.{}", column.name), note);
    }
    (columns, out)
}

/// Whether the first field of the first rows is a time, in each of them.
fn begins_with_times(sample: &Sample, shape: &FileShape) -> bool {
    const ROWS: usize = 50;
    let head = sample.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&sample.head);
    let rows = Records::new(head, &shape.dialect).filter(|record| record.line >= shape.first_row_line);
    let mut rows = rows.filter(|record| record.fields.len() == shape.names.len()).take(ROWS).peekable();
    rows.peek().is_some() && rows.all(|record| TimeEvidence::default().add(&record.fields[0], 1))
}

impl FileColumns<'_> {
    /// Calls `each` with every sampled row that has as many fields as the header.
    fn each_row(&self, rows: &mut Rows, mut each: impl FnMut(&Record<'_>)) {
        let head = self.sample.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.sample.head);
        let in_head = Records::new(head, &self.shape.dialect).filter(|record| record.line >= self.shape.first_row_line);
        let in_pieces = self.sample.pieces.iter().flat_map(|piece| Records::new(piece, &self.shape.dialect));
        for record in in_head.chain(in_pieces) {
            if record.fields.len() != self.targets.len() {
                rows.ragged += 1;
            } else if record.is_empty() {
                rows.empty += 1;
            } else {
                rows.whole += 1;
                each(&record);
            }
        }
    }
}

fn row_notes(rows: &Rows, samples: &[Sample], notes: &mut Notes) {
    let files = if samples.len() == 1 { "one file".to_string() } else { format!("{} files", samples.len()) };
    notes.add(
        "",
        format!("Inferred from {} rows of {files}. Edit it, and use it with --schema.", thousands(rows.whole)),
    );
    notes.add("", "Only the columns named here are read; their order is that of the output.");
    if !samples.iter().all(|sample| sample.exhaustive) {
        notes.add("csv.missing", "a marker that no sampled row shows cannot be known: add it here");
    }
    if rows.ragged > 0 {
        let note = "sampled rows have another number of fields than the header: such rows are rejected";
        notes.add("csv", format!("{} {note}", thousands(rows.ragged)));
    }
    if rows.empty > 0 {
        notes.add("csv", format!("{} sampled rows hold delimiters only", thousands(rows.empty)));
    }
}
