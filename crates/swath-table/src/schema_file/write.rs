//! A schema as TOML for a person to edit: every setting visible, and why it was chosen.
//!
//! What is written parses back to the same schema.

use std::fmt::Write;

use super::sections::{KEEPS, ROLES, VIOLATIONS};
use super::{Notes, check, moment};
use crate::schema::{
    Checks, ColumnSchema, ColumnType, CrsSchema, CsvFormat, DedupSchema, JsonFormat, Layout, PivotSchema, TableSchema,
};

/// Writes a schema with the evidence for it as comments.
pub fn write(schema: &TableSchema, notes: &Notes) -> String {
    let mut out = String::new();
    comments(&mut out, notes, "");
    match &schema.json {
        None => csv(&mut out, &schema.csv, notes),
        Some(format) => json(&mut out, format, &schema.csv, notes),
    }
    for one in &schema.columns {
        column(&mut out, one, notes);
    }
    if let Some(one) = &schema.pivot {
        pivot(&mut out, one, notes);
    }
    crs(&mut out, &schema.crs, notes);
    dedup(&mut out, schema.dedup.as_ref(), notes);
    checks(&mut out, &schema.checks, notes);
    out
}

fn checks(out: &mut String, checks: &Checks, notes: &Notes) {
    fn number<T: ToString>(value: Option<T>) -> String {
        value.map_or_else(|| "false".into(), |value| value.to_string())
    }
    out.push_str("\n[checks]\n");
    comments(out, notes, "checks");
    for (key, value, aside) in [
        ("zero_place", checks.zero_place.to_string(), "places of (0, 0)"),
        ("swapped_place", checks.swapped_place.to_string(), "x and y exchanged"),
        ("time_backwards", checks.time_backwards.to_string(), "a time before that of the row before, of one sensor"),
        ("place_jump", number(checks.place_jump), "metres, there and back"),
        ("stuck_value", number(checks.stuck_value), "equal readings in a row"),
        ("moving_sensor", number(checks.moving_sensor), "metres between places of a sensor"),
        ("gap", number(checks.gap), "times the usual interval of a sensor"),
    ] {
        line(out, format_args!("{key} = {value}   # {aside}"));
    }
}

fn comments(out: &mut String, notes: &Notes, place: &str) {
    for note in notes.at(place) {
        let plain: String = note.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        line(out, format_args!("# {plain}"));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}

fn csv(out: &mut String, csv: &CsvFormat, notes: &Notes) {
    let byte = |byte: Option<u8>| quoted(&byte.map(|byte| char::from(byte).to_string()).unwrap_or_default());
    out.push_str("[csv]\n");
    comments(out, notes, "csv");
    let missing = quoted_list(&csv.missing);
    let header_lines = (csv.header_lines != 1).then(|| ("header_lines", csv.header_lines.to_string()));
    let fields = csv.fields.map(|fields| ("fields", fields.to_string()));
    let between = match &csv.layout {
        Layout::Delimited => ("delimiter", byte(Some(csv.delimiter))),
        Layout::Spaces => ("delimiter", quoted("spaces")),
        Layout::Widths(widths) => ("widths", format!("{widths:?}")),
    };
    let stop_at = csv.stop_at.as_ref().map(|text| ("stop_at", quoted(text)));
    let first = [
        between,
        ("quote", byte(csv.quote)),
        ("decimal", byte(Some(csv.decimal))),
        ("comment", byte(csv.comment)),
        ("skip_lines", csv.skip_lines.to_string()),
    ];
    let header = [("header", csv.header.to_string())];
    let last = [("encoding", quoted(&csv.encoding)), ("missing", missing)];
    for (key, value) in first.into_iter().chain(stop_at).chain(header).chain(header_lines).chain(fields).chain(last) {
        comments(out, notes, &format!("csv.{key}"));
        let aside = match (key, value.as_str()) {
            ("quote", "\"\"") => "   # none: fields are never quoted",
            ("comment", "\"\"") => "   # none: no line is skipped as a comment",
            _ => "",
        };
        line(out, format_args!("{key} = {value}{aside}"));
    }
    out.push('\n');
}

fn json(out: &mut String, json: &JsonFormat, csv: &CsvFormat, notes: &Notes) {
    out.push_str("[json]\n");
    comments(out, notes, "json");
    match &json.records {
        Some(records) => line(out, format_args!("records = {}", quoted(records))),
        None => line(out, format_args!("# records = \"path.to.records\"   (not set: one object a line)")),
    }
    out.push_str("\n[csv]\n");
    comments(out, notes, "csv.missing");
    line(out, format_args!("encoding = {}", quoted(&csv.encoding)));
    line(out, format_args!("missing = {}", quoted_list(&csv.missing)));
    out.push('\n');
}

fn column(out: &mut String, column: &ColumnSchema, notes: &Notes) {
    use ColumnType::{Date, Float32, Float64, Int32, Int64, Timestamp};
    let is_time = matches!(column.column_type, Timestamp | Date);
    let has_range = is_time || matches!(column.column_type, Int32 | Int64 | Float32 | Float64);
    line(out, format_args!("[columns.{}]", key(&column.name)));
    comments(out, notes, &format!("columns.{}", column.name));
    line(out, format_args!("type = {}", quoted(check::word(column.column_type))));
    if let Some((word, _)) = ROLES.iter().find(|(_, role)| *role == column.role && role.is_some()) {
        line(out, format_args!("role = {}", quoted(word)));
    }
    match column.source.as_slice() {
        [source] => line(out, format_args!("source = {}", quoted(source))),
        several => line(out, format_args!("source = {}", quoted_list(several))),
    }
    if is_time {
        match &column.format {
            Some(format) => line(out, format_args!("format = {}", quoted(format))),
            None => line(out, format_args!("# format = \"%d/%m/%Y %H:%M:%S\"   (not set: ISO 8601)")),
        }
    }
    if column.column_type == Timestamp {
        match &column.timezone {
            Some(zone) => line(out, format_args!("timezone = {}", quoted(zone))),
            None => {
                line(out, format_args!("# timezone = \"Europe/Rome\"   (not set: UTC, where a time has no offset)"))
            }
        }
    }
    if let Some(year) = column.year {
        line(out, format_args!("year = {year}"));
    }
    if column.negate {
        line(out, format_args!("negate = true"));
    }
    if has_range {
        limit(out, "min", column.min, column.column_type);
        limit(out, "max", column.max, column.column_type);
    }
    let violation = |value| VIOLATIONS.iter().find(|(_, other)| *other == value).map_or("", |(word, _)| word);
    line(out, format_args!("out_of_range = {}", quoted(violation(column.out_of_range))));
    line(out, format_args!("invalid = {}", quoted(violation(column.invalid))));
    match &column.missing {
        Some(missing) => line(out, format_args!("missing = {}", quoted_list(missing))),
        None => line(out, format_args!("# missing = [\"\"]   (not set: as in [csv])")),
    }
    match &column.units {
        Some(units) => line(out, format_args!("units = {}", quoted(units))),
        None => line(out, format_args!("# units = \"\"   (not set)")),
    }
    line(out, format_args!("required = {}", column.required));
    out.push('\n');
}

/// A limit of a column of times as a moment or a day, if it is one of the years 0 to 9999.
pub fn moment_text(limit: f64, column_type: ColumnType) -> Option<String> {
    match column_type {
        ColumnType::Timestamp => moment::datetime_text(limit as i64),
        ColumnType::Date => moment::date_text(limit as i64),
        _ => None,
    }
}

/// A limit, or a comment that there is none.
fn limit(out: &mut String, end: &str, limit: Option<f64>, column_type: ColumnType) {
    let text = |limit: f64| match column_type {
        ColumnType::Timestamp | ColumnType::Date => moment_text(limit, column_type),
        _ => Some(format!("{limit:?}")),
    };
    match limit.and_then(text) {
        Some(text) => line(out, format_args!("{end} = {text}")),
        None => line(out, format_args!("# {end} =   (not set)")),
    }
}

fn pivot(out: &mut String, pivot: &PivotSchema, notes: &Notes) {
    out.push_str("[pivot]\n");
    comments(out, notes, "pivot");
    line(out, format_args!("name = {}\nvalue = {}", quoted(&pivot.name), quoted(&pivot.value)));
    line(out, format_args!("columns = {}\n", quoted_list(&pivot.columns)));
}

fn crs(out: &mut String, crs: &CrsSchema, notes: &Notes) {
    out.push_str("[crs]\n");
    comments(out, notes, "crs");
    for (key, value, otherwise) in [
        ("source", &crs.source, "not set: EPSG:4326, longitude and latitude in degrees"),
        ("target", &crs.target, "not set: the source"),
        ("column", &crs.column, "not set: no column holds an EPSG code per row"),
    ] {
        match value {
            Some(value) => line(out, format_args!("{key} = {}", quoted(value))),
            None => line(out, format_args!("# {key} =   ({otherwise})")),
        }
    }
    for file in &crs.files {
        let (pattern, source) = (quoted(&file.pattern), quoted(&file.source));
        line(out, format_args!("\n[[crs.files]]\nmatch = {pattern}\nsource = {source}"));
    }
    out.push('\n');
}

fn dedup(out: &mut String, dedup: Option<&DedupSchema>, notes: &Notes) {
    out.push_str("[dedup]\n");
    comments(out, notes, "dedup");
    match dedup {
        Some(dedup) => {
            let keep = KEEPS.iter().find(|(_, keep)| *keep == dedup.keep).map_or("", |(word, _)| word);
            line(out, format_args!("key = {}\nkeep = {}", quoted_list(&dedup.key), quoted(keep)));
        }
        None => line(out, format_args!("key = []   # no dedup")),
    }
}

/// A key as TOML, in quotes where it needs them.
fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    if bare { text.into() } else { quoted(text) }
}

fn quoted_list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// Text as a TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            // Formatting into a string cannot fail.
            other if other.is_control() => drop(write!(out, "\\u{:04X}", u32::from(other))),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
