//! The sections of a schema file: which keys there are, and what kind of value each takes.
//!
//! Contradictions between keys are found in `check`, once columns are complete.

use std::collections::BTreeMap;
use std::path::Path;

use swath_core::Result;
use toml::de::DeTable;

use super::reader::{Document, Entry, Section};
use super::{ColumnPart, CrsPart, CsvPart, DedupPart, PivotPart, SchemaFile};
use crate::schema::{Checks, ColumnType, CrsOfFiles, ENCODINGS, JsonFormat, Keep, Layout, Role, Violation};

/// The words for types.
pub(super) const TYPES: [(&str, ColumnType); 9] = [
    ("category", ColumnType::Category),
    ("string", ColumnType::String),
    ("bool", ColumnType::Bool),
    ("int32", ColumnType::Int32),
    ("int64", ColumnType::Int64),
    ("float32", ColumnType::Float32),
    ("float64", ColumnType::Float64),
    ("timestamp", ColumnType::Timestamp),
    ("date", ColumnType::Date),
];

/// The words for roles; `none` takes an inferred role away.
pub(super) const ROLES: [(&str, Option<Role>); 6] = [
    ("sensor", Some(Role::Sensor)),
    ("time", Some(Role::Time)),
    ("x", Some(Role::X)),
    ("y", Some(Role::Y)),
    ("value", Some(Role::Value)),
    ("none", None),
];

/// The words for what happens to a value that breaks a rule.
pub(super) const VIOLATIONS: [(&str, Violation); 2] = [("reject", Violation::Reject), ("null", Violation::Null)];

/// The words for which duplicate stays.
pub(super) const KEEPS: [(&str, Keep); 2] = [("first", Keep::First), ("last", Keep::Last)];

const CSV_KEYS: [&str; 12] = [
    "delimiter",
    "widths",
    "quote",
    "decimal",
    "comment",
    "skip_lines",
    "stop_at",
    "header",
    "header_lines",
    "fields",
    "encoding",
    "missing",
];
const COLUMN_KEYS: [&str; 14] = [
    "type",
    "role",
    "source",
    "format",
    "timezone",
    "year",
    "negate",
    "min",
    "max",
    "out_of_range",
    "invalid",
    "missing",
    "units",
    "required",
];

/// More lines than headers have.
const HEADER_LINES_MAX: u64 = 1000;
/// More bytes than it takes to know a line.
const STOP_BYTES_MAX: usize = 1024;
/// More bytes than columns have.
const WIDTH_MAX: u32 = 65_535;
/// More fields than rows have.
const FIELDS_MAX: u64 = 65_535;

type Lines = BTreeMap<String, u64>;

/// Reads the sections of a file.
pub(super) fn read(text: &str, path: &Path) -> Result<SchemaFile> {
    // A byte-order mark is what some editors leave; TOML itself has none.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let document = Document { text, path };
    let table = DeTable::parse(text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        document.error(offset, &format!("this is not TOML: {}", error.message()), "")
    })?;
    let mut file = SchemaFile { path: path.into(), ..SchemaFile::default() };
    let mut lines = Lines::new();
    let root = Section::root(&document, table.get_ref());
    for entry in root.known(&["csv", "json", "columns", "pivot", "crs", "dedup", "checks"], &mut lines)? {
        match entry.key {
            "csv" => file.csv = csv(&entry, &mut lines)?,
            "json" => file.json = Some(json(&entry, &mut lines)?),
            "columns" => {
                let columns = entry.section()?.entries();
                if columns.is_empty() {
                    return Err(entry.error("is empty; wanted at least one table [columns.NAME]", ""));
                }
                file.columns = Some(columns.iter().map(|entry| column(entry, &mut lines)).collect::<Result<_>>()?);
            }
            "pivot" => file.pivot = Some(pivot(&entry, &mut lines)?),
            "crs" => file.crs = crs(&entry, &mut lines)?,
            "dedup" => file.dedup = Some(dedup(&entry, &mut lines)?),
            _ => file.checks = Some(checks(&entry, &mut lines)?),
        }
    }
    file.lines = lines;
    Ok(file)
}

fn csv(entry: &Entry<'_>, lines: &mut Lines) -> Result<CsvPart> {
    let mut csv = CsvPart::default();
    for entry in entry.section()?.known(&CSV_KEYS, lines)? {
        match entry.key {
            "delimiter" => {
                csv.delimiter = delimiter(&entry)?;
                let layout = if csv.delimiter.is_some() { Layout::Delimited } else { Layout::Spaces };
                separate(&mut csv, &entry, layout)?;
            }
            "widths" => {
                let widths = entry.counts(1, WIDTH_MAX)?;
                if widths.len() as u64 > FIELDS_MAX {
                    let message = format!("has {} widths; wanted at most {FIELDS_MAX}", widths.len());
                    return Err(entry.error(&message, ""));
                }
                separate(&mut csv, &entry, Layout::Widths(widths))?;
            }
            "quote" => csv.quote = Some(entry.byte()?),
            "decimal" => csv.decimal = Some(entry.choice(&[(".", b'.'), (",", b',')])?),
            "comment" => csv.comment = Some(entry.byte()?),
            "skip_lines" => csv.skip_lines = Some(entry.count()?),
            "stop_at" => csv.stop_at = Some(stop_at(&entry)?),
            "header" => csv.header = Some(entry.boolean()?),
            "header_lines" => csv.header_lines = Some(count_up_to(&entry, HEADER_LINES_MAX)?),
            "fields" => csv.fields = Some(count_up_to(&entry, FIELDS_MAX)?),
            "encoding" => csv.encoding = Some(encoding(&entry)?),
            _ => csv.missing = Some(entry.texts()?),
        }
    }
    Ok(csv)
}

/// The byte between fields; none is blanks.
fn delimiter(entry: &Entry<'_>) -> Result<Option<u8>> {
    match entry.text()? {
        "spaces" => Ok(None),
        _ => match entry.byte()? {
            Some(byte) => Ok(Some(byte)),
            None => Err(entry.error("is empty; wanted a single byte, like \";\", or \"spaces\"", "")),
        },
    }
}

/// How a line begins.
fn stop_at(entry: &Entry<'_>) -> Result<String> {
    match entry.some_text()? {
        text if text.contains(['\n', '\r']) => {
            Err(entry.error("holds a line end; wanted how the first line behind the table begins", ""))
        }
        text if text.len() > STOP_BYTES_MAX => {
            let message = format!("has {} bytes; wanted at most {STOP_BYTES_MAX}", text.len());
            Err(entry.error(&message, "the first words of the line do"))
        }
        text => Ok(text),
    }
}

/// Says what keeps fields apart, once.
fn separate(csv: &mut CsvPart, entry: &Entry<'_>, layout: Layout) -> Result<()> {
    if csv.layout.replace(layout).is_some() {
        let hint = "columns of fixed width have no delimiter: leave one of the two out";
        return Err(entry.error("is set, but so is the other of csv.delimiter and csv.widths", hint));
    }
    Ok(())
}

/// A count of what tables are made for.
fn count_up_to(entry: &Entry<'_>, most: u64) -> Result<u64> {
    match entry.count()? {
        count if count <= most => Ok(count),
        count => Err(entry.error(&format!("is {count}; wanted at most {most}"), "")),
    }
}

fn encoding(entry: &Entry<'_>) -> Result<String> {
    let text = entry.text()?;
    let plain = text.to_ascii_lowercase().replace('_', "-");
    let name = match plain.as_str() {
        "utf8" | "ascii" | "us-ascii" => "utf-8",
        "latin1" | "iso-8859-1" | "iso8859-1" => "latin-1",
        "cp1252" => "windows-1252",
        name => name,
    };
    if ENCODINGS.contains(&name) {
        return Ok(name.into());
    }
    let message = format!("is {text:?}; wanted one of \"{}\"", ENCODINGS.join("\", \""));
    Err(entry.error(&message, "convert the file first: iconv -f CODE -t utf-8 in.csv > out.csv"))
}

fn json(entry: &Entry<'_>, lines: &mut Lines) -> Result<JsonFormat> {
    let mut json = JsonFormat::default();
    for entry in entry.section()?.known(&["records"], lines)? {
        json.records = Some(entry.text()?.into());
    }
    Ok(json)
}

fn column(entry: &Entry<'_>, lines: &mut Lines) -> Result<ColumnPart> {
    entry.remember(lines);
    if entry.key.trim().is_empty() {
        return Err(entry.error("has an empty name; wanted [columns.NAME]", ""));
    }
    let mut column = ColumnPart { name: entry.key.into(), ..ColumnPart::default() };
    for entry in entry.section()?.known(&COLUMN_KEYS, lines)? {
        match entry.key {
            "type" => column.column_type = Some(entry.choice(&TYPES)?),
            "role" => column.role = Some(entry.choice(&ROLES)?),
            "source" => column.source = Some(entry.one_or_more_texts()?),
            "format" => column.format = Some(entry.some_text()?),
            "timezone" => column.timezone = Some(entry.some_text()?),
            "year" => column.year = Some(entry.count()?),
            "negate" => column.negate = Some(entry.boolean()?),
            "min" => column.min = Some(entry.bound()?),
            "max" => column.max = Some(entry.bound()?),
            "out_of_range" => column.out_of_range = Some(entry.choice(&VIOLATIONS)?),
            "invalid" => column.invalid = Some(entry.choice(&VIOLATIONS)?),
            "missing" => column.missing = Some(entry.texts()?),
            "units" => column.units = Some(entry.text()?.into()),
            _ => column.required = Some(entry.boolean()?),
        }
    }
    Ok(column)
}

fn pivot(section: &Entry<'_>, lines: &mut Lines) -> Result<PivotPart> {
    let (mut name, mut value, mut columns) = (None, None, None);
    for entry in section.section()?.known(&["name", "value", "columns"], lines)? {
        match entry.key {
            "name" => name = Some(entry.some_text()?),
            "value" => value = Some(entry.some_text()?),
            _ => columns = Some(entry.texts()?),
        }
    }
    let (Some(name), Some(value)) = (name, value) else {
        let hint =
            "name = \"parameter\" is the column whose texts become columns, value = \"value\" that of their values";
        return Err(section.error("is not complete; wanted both name and value", hint));
    };
    Ok(PivotPart { name, value, columns })
}

fn crs(entry: &Entry<'_>, lines: &mut Lines) -> Result<CrsPart> {
    let mut crs = CrsPart::default();
    for entry in entry.section()?.known(&["source", "target", "column", "files"], lines)? {
        match entry.key {
            "source" => crs.source = Some(entry.some_text()?),
            "target" => crs.target = Some(entry.some_text()?),
            "column" => crs.column = Some(entry.some_text()?),
            _ => {
                for section in entry.sections()? {
                    let (mut pattern, mut source) = (None, None);
                    for entry in section.known(&["match", "source"], &mut Lines::new())? {
                        let text = Some(entry.some_text()?);
                        if entry.key == "match" { pattern = text } else { source = text }
                    }
                    let (Some(pattern), Some(source)) = (pattern, source) else {
                        return Err(entry.error("has a table that is not complete; wanted both match and source", ""));
                    };
                    crs.files.push(CrsOfFiles { pattern, source });
                }
            }
        }
    }
    Ok(crs)
}

fn dedup(entry: &Entry<'_>, lines: &mut Lines) -> Result<DedupPart> {
    let mut dedup = DedupPart::default();
    for entry in entry.section()?.known(&["key", "keep"], lines)? {
        match entry.key {
            "key" => dedup.key = Some(entry.texts()?),
            _ => dedup.keep = Some(entry.choice(&KEEPS)?),
        }
    }
    Ok(dedup)
}

/// What a count of equal readings is.
const READINGS: &str = "a count of readings from 2 on, like 60";

const CHECKS: [&str; 7] =
    ["zero_place", "swapped_place", "time_backwards", "place_jump", "stuck_value", "moving_sensor", "gap"];

fn checks(entry: &Entry<'_>, lines: &mut Lines) -> Result<Checks> {
    let mut checks = Checks::default();
    for entry in entry.section()?.known(&CHECKS, lines)? {
        match entry.key {
            "zero_place" => checks.zero_place = entry.boolean()?,
            "swapped_place" => checks.swapped_place = entry.boolean()?,
            "time_backwards" => checks.time_backwards = entry.boolean()?,
            "place_jump" => checks.place_jump = entry.positive_or_false("metres like 1000", 0.0)?,
            "moving_sensor" => checks.moving_sensor = entry.positive_or_false("metres like 1000", 0.0)?,
            "gap" => checks.gap = entry.positive_or_false("how many times the usual interval, like 10", 1.0)?,
            _ => {
                let readings = entry.positive_or_false(READINGS, 1.0)?;
                if readings.is_some_and(|readings| readings.fract() != 0.0 || readings > f64::from(u32::MAX)) {
                    return Err(entry.error(&format!("is no such count; wanted {READINGS}, or false"), ""));
                }
                checks.stuck_value = readings.map(|readings| readings as u32);
            }
        }
    }
    Ok(checks)
}
