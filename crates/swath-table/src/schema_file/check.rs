//! Contradictions in a complete schema: between columns, between keys of one column, and words that no parser knows.
//!
//! Whether a coordinate system exists is for the projection code to say.

use swath_core::Result;

use super::SchemaFile;
use super::reader::did_you_mean;
use crate::lines;
use crate::offset;
use crate::schema::{ColumnSchema, ColumnType, CsvFormat, Layout, PIVOT_COLUMNS_MAX, Role, TableSchema};
use crate::time_pattern::{self, NoPattern};

/// Formats of timestamps that are no pattern.
const EPOCHS: [&str; 3] = ["epoch_s", "epoch_ms", "epoch_us"];

/// Checks the section `[csv]`.
pub(super) fn csv(file: &SchemaFile, csv: &CsvFormat) -> Result<()> {
    if csv.header_lines == 0 {
        let hint = "header = false says that there is none";
        return Err(file.error("csv.header_lines", "is 0; wanted the lines of the header, 1 or more", hint));
    }
    if csv.header_lines > 1 && !csv.header {
        let hint = "skip_lines = … leaves out what stands above the rows";
        return Err(file.error("csv.header_lines", "is set, but header = false says that there is none", hint));
    }
    if csv.layout != Layout::Delimited {
        return undelimited(file, csv);
    }
    if Some(csv.delimiter) == csv.quote {
        return Err(file.error("csv.quote", "is the delimiter too; wanted two different bytes", ""));
    }
    if Some(csv.delimiter) == csv.comment {
        return Err(file.error("csv.comment", "is the delimiter too; wanted two different bytes", ""));
    }
    if csv.delimiter == csv.decimal {
        let hint = "a decimal comma goes with delimiter = \";\" or \"tab\"";
        return Err(file.error("csv.decimal", "is the delimiter too; wanted two different bytes", hint));
    }
    Ok(())
}

/// Checks what is said of fields without a delimiter between them.
fn undelimited(file: &SchemaFile, csv: &CsvFormat) -> Result<()> {
    let Layout::Widths(widths) = &csv.layout else {
        for (key, mark) in [("csv.quote", csv.quote), ("csv.comment", csv.comment)] {
            if mark.is_some_and(lines::is_blank) {
                return Err(file.error(key, "is a blank, but blanks are between the fields", ""));
            }
        }
        return Ok(());
    };
    if csv.quote.is_some() {
        let hint = "quote = \"\", or leave it out";
        return Err(file.error("csv.quote", "is set, but columns of fixed width are never quoted", hint));
    }
    match csv.fields {
        Some(fields) if fields != widths.len() as u64 => {
            let message = format!("is {fields}, but there are {} widths", widths.len());
            Err(file.error("csv.fields", message, "leave it out: widths say how many fields there are"))
        }
        _ => Ok(()),
    }
}

/// Checks columns, coordinate systems and key of a table.
pub(super) fn table(file: &SchemaFile, schema: &TableSchema) -> Result<()> {
    for (position, one) in schema.columns.iter().enumerate() {
        column(file, one)?;
        for other in &schema.columns[..position] {
            let key = format!("columns.{}", one.name);
            if other.name == one.name {
                return Err(file.error(&key, "is there twice; wanted different names", ""));
            }
            if one.role == other.role && !matches!(one.role, None | Some(Role::Value)) {
                let first = file.place(&format!("columns.{}.role", other.name));
                let message =
                    format!("is taken by columns.{} already ({first}); wanted one column with it", other.name);
                return Err(file.error(&format!("{key}.role"), message, ""));
            }
        }
    }
    if schema.with_role(Role::X).is_some() != schema.with_role(Role::Y).is_some() {
        let (got, wanted) = if schema.with_role(Role::X).is_some() { ("x", "y") } else { ("y", "x") };
        let message = format!("has a column with role {got} and none with role {wanted}; wanted both or neither");
        return Err(file.error("columns", message, ""));
    }
    pivot(file, schema)?;
    crs_column(file, schema)?;
    if let Some(dedup) = &schema.dedup {
        for (position, name) in dedup.key.iter().enumerate() {
            if dedup.key[..position].contains(name) {
                return Err(file.error("dedup.key", format!("names {name:?} twice; wanted each column once"), ""));
            }
        }
    }
    Ok(())
}

/// Checks what a pivot makes of names.
fn pivot(file: &SchemaFile, schema: &TableSchema) -> Result<()> {
    let Some(pivot) = &schema.pivot else { return Ok(()) };
    let is_said = file.pivot.as_ref().is_some_and(|part| part.columns.is_some());
    if is_said && pivot.columns.is_empty() {
        let hint = "leave it out, and the columns are what the sample shows";
        return Err(file.error("pivot.columns", "is empty; wanted at least one name", hint));
    }
    if pivot.columns.len() > PIVOT_COLUMNS_MAX {
        let message = match is_said {
            true => format!("has {} names; wanted at most {PIVOT_COLUMNS_MAX}", pivot.columns.len()),
            false => format!(
                "is not there, and the sample shows more than {PIVOT_COLUMNS_MAX} different texts in {:?}; wanted which \
                 of them become columns",
                pivot.name
            ),
        };
        return Err(file.error("pivot.columns", message, "does pivot.name name the right column?"));
    }
    for (position, name) in pivot.columns.iter().enumerate() {
        if name.trim().is_empty() || name.trim() != name {
            let message = format!("holds {name:?}; wanted names without blanks around them");
            return Err(file.error("pivot.columns", message, ""));
        }
        if pivot.columns[..position].contains(name) {
            return Err(file.error("pivot.columns", format!("names {name:?} twice; wanted each name once"), ""));
        }
        if schema.with_name(name).is_some() {
            let message = format!("holds {name:?}, and there is a column of that name; wanted names that are free");
            let hint = format!("give the column another name: [columns.other] source = {name:?}");
            return Err(file.error("pivot.columns", message, hint));
        }
    }
    let goes = |column: &String| *column == pivot.name || *column == pivot.value;
    if let Some(name) = schema.dedup.iter().flat_map(|dedup| &dedup.key).find(|name| goes(name)) {
        let message = format!("names {name:?}, which [pivot] turns into columns; wanted what rows of one row share");
        return Err(file.error("dedup.key", message, "leave it out of the key"));
    }
    if let Some(name) = schema.crs.column.iter().find(|name| goes(name)) {
        let message = format!("names {name:?}, which [pivot] turns into columns; wanted another column");
        return Err(file.error("crs.column", message, ""));
    }
    Ok(())
}

fn crs_column(file: &SchemaFile, schema: &TableSchema) -> Result<()> {
    let Some(name) = &schema.crs.column else { return Ok(()) };
    let Some(position) = schema.with_name(name) else {
        let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
        let message = format!("names {name:?}, which is not a column; wanted one of {}", names.join(", "));
        return Err(file.error("crs.column", message, did_you_mean(name, &names)));
    };
    use ColumnType::{Category, Int32, Int64, String};
    match schema.columns[position].column_type {
        Category | String | Int32 | Int64 => Ok(()),
        other => {
            let message = format!("names {name:?} of type {}; wanted codes as int32, category or string", word(other));
            Err(file.error("crs.column", message, "give that column type = \"int32\", or name another"))
        }
    }
}

/// The word of a type in schema files.
pub(super) fn word(column_type: ColumnType) -> &'static str {
    super::sections::TYPES.iter().find(|(_, other)| *other == column_type).map_or("", |(word, _)| word)
}

fn column(file: &SchemaFile, column: &ColumnSchema) -> Result<()> {
    let key = |end: &str| format!("columns.{}.{end}", column.name);
    let column_type = column.column_type;
    let is_time = matches!(column_type, ColumnType::Timestamp | ColumnType::Date);
    role(file, column)?;
    if column.source.len() > 1 && column_type != ColumnType::Timestamp {
        let message = format!("names {} columns, but the type is {}", column.source.len(), word(column_type));
        return Err(file.error(
            &key("source"),
            message,
            "only a timestamp is put together: source = [\"Date\", \"Time\"]",
        ));
    }
    if let Some(format) = &column.format {
        if !is_time {
            let message = format!("is for timestamps and dates, but the type is {}", word(column_type));
            return Err(file.error(&key("format"), message, ""));
        }
        if let Err((message, hint)) = format_of_times(format, column) {
            return Err(file.error(&key("format"), format!("is {format:?}: {message}"), hint));
        }
    }
    if let Some(year) = column.year {
        let is_pattern = column.format.as_deref().is_some_and(|format| format.contains('%'));
        if !is_time || !is_pattern {
            return Err(file.error(
                &key("year"),
                "is for times with a format without a whole year, like \"%j %H%M\"",
                "",
            ));
        }
        if !(1..=9900).contains(&year) {
            return Err(file.error(&key("year"), "is no year; wanted 1 to 9900", ""));
        }
    }
    if column.negate && !matches!(column_type, ColumnType::Float32 | ColumnType::Float64) {
        let message = format!("is for floats, but the type is {}", word(column_type));
        return Err(file.error(&key("negate"), message, "type = \"float64\""));
    }
    if let Some(zone) = &column.timezone {
        if column_type != ColumnType::Timestamp {
            let message = format!("is for timestamps, but the type is {}", word(column_type));
            return Err(file.error(&key("timezone"), message, ""));
        }
        time_zone(file, &key("timezone"), zone)?;
        if column.format.as_deref().is_some_and(|format| EPOCHS.contains(&format)) {
            let hint = "leave timezone out";
            return Err(file.error(&key("timezone"), "is of no use: an epoch counts in UTC", hint));
        }
    }
    match (column.min, column.max) {
        (Some(min), Some(max)) if min > max => {
            Err(file.error(&key("min"), format!("is {min}, more than max, {max}; wanted min ≤ max"), ""))
        }
        _ => Ok(()),
    }
}

fn role(file: &SchemaFile, column: &ColumnSchema) -> Result<()> {
    use ColumnType::{Category, Date, Float32, Float64, Int32, Int64, String, Timestamp};
    let wanted = match (column.role, column.column_type) {
        (None, _) => return Ok(()),
        (Some(Role::Time), Timestamp | Date) => return Ok(()),
        (Some(Role::Sensor), Category | String | Int32 | Int64) => return Ok(()),
        (Some(Role::X | Role::Y), Float64) => return Ok(()),
        (Some(Role::Value), Int32 | Int64 | Float32 | Float64) => return Ok(()),
        (Some(Role::Time), _) => "role time wanted type timestamp or date",
        (Some(Role::Sensor), _) => "role sensor wanted type category, string, int32 or int64",
        (Some(Role::X | Role::Y), _) => "roles x and y wanted type float64, of which points are made",
        (Some(Role::Value), _) => "role value wanted a type of numbers",
    };
    let message = format!("does not go with type {}: {wanted}", word(column.column_type));
    Err(file.error(&format!("columns.{}.role", column.name), message, ""))
}

fn time_zone(file: &SchemaFile, key: &str, zone: &str) -> Result<()> {
    if offset::seconds(zone.as_bytes()).is_some() || jiff::tz::TimeZone::get(zone).is_ok() {
        return Ok(());
    }
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!("is {zone:?}, which is no time zone; wanted a name like \"Europe/Rome\", or an offset");
    let near = did_you_mean(zone, &names);
    let hint = if near.is_empty() { "an offset looks like \"-07:00\"; \"UTC\" is one too".into() } else { near };
    Err(file.error(key, message, hint))
}

/// Checks a format of times: an epoch, or a pattern.
fn format_of_times(format: &str, column: &ColumnSchema) -> Result<(), (String, String)> {
    if EPOCHS.contains(&format) {
        let date = "counts seconds, but the type is date; wanted a pattern, or type = \"timestamp\"";
        return if column.column_type == ColumnType::Date { Err((date.into(), String::new())) } else { Ok(()) };
    }
    let Err(NoPattern { message, hint }) = time_pattern::items(format, column.year.is_some()) else { return Ok(()) };
    if format.contains('%') {
        return Err((message, hint));
    }
    let near = did_you_mean(format, &EPOCHS);
    Err((format!("{message}, and is none of {}", EPOCHS.join(", ")), if near.is_empty() { hint } else { near }))
}
