//! From evidence to a schema: missing markers, types, roles, coordinates and the key of dedup.
//!
//! The order matters: markers before types, types before roles, roles before the key.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};
use swath_core::{Error, Result};

use super::calendar::{self, Calendar};
use super::degrees::{self, NoDegrees};
use super::gaps::{Gaps, Long};
use super::types::{Typed, thousands};
use super::{FileColumns, FileTypes, Found, Rows, given, missing, roles, types};
use crate::schema::{
    Checks, ColumnSchema, ColumnType, CrsSchema, CsvFormat, DedupSchema, Keep, PivotSchema, Role, TableSchema,
    Violation,
};
use crate::schema_file::{Notes, SchemaFile};

/// Columns of text that may turn out to be part of the key.
const KEY_CANDIDATES_MAX: usize = 8;

/// Builds the schema.
pub(super) fn schema(
    mut found: Vec<Found>,
    files: &[FileColumns<'_>],
    decimal: u8,
    hints: &SchemaFile,
    own: &FileTypes,
    (notes, gaps): (&mut Notes, &mut Gaps),
) -> Result<(TableSchema, Option<NoDegrees>)> {
    let inferred = missing::decide(&mut found, decimal, notes);
    let missing = hints.csv.missing.clone().unwrap_or(inferred);
    let typed: Vec<Typed> =
        found.iter().map(|column| types::decide_as(&column.evidence, &column.name, own.of(&column.source))).collect();
    let (mut columns, origins) = columns(&found, typed, &missing, hints, notes)?;
    assign_roles(&mut columns, &origins, &found, notes);
    given::roles(&mut columns, hints);
    gaps.find(&columns, &origins, &found);
    let crs = CrsSchema::default();
    let no_degrees = degrees::check(&columns, &origins, &found, hints, notes);
    let mut dedup = key(&columns, &origins, &found, files);
    let pivot = pivot(hints, &columns, &origins, &found);
    match &mut dedup {
        // What was measured is no part of the key of rows that hold all of it.
        Some(dedup) if pivot.is_some() => dedup.key.truncate(2),
        Some(dedup) => gaps.long = long(dedup, &columns, &origins, &found, files),
        None => {}
    }
    if let Some(dedup) = &dedup {
        gaps.rivals = rivals(dedup, &columns, &origins, files);
        notes.add("dedup", format!("rows alike in {} are one reading", dedup.key.join(", ")));
    } else {
        notes.add("dedup", "no pair of a sensor and a time to know duplicates by");
    }
    for column in &mut columns {
        let is_key = dedup.as_ref().is_some_and(|dedup| dedup.key.contains(&column.name));
        column.required = is_key || matches!(column.role, Some(Role::Sensor | Role::Time));
    }
    let shape = &files[0].shape;
    let comment = files.iter().find_map(|file| file.shape.dialect.comment);
    let csv = CsvFormat {
        layout: shape.dialect.layout.clone(),
        delimiter: shape.dialect.delimiter,
        quote: shape.dialect.quote,
        decimal,
        comment,
        skip_lines: shape.skip_lines,
        stop_at: hints.csv.stop_at.clone(),
        header: shape.header,
        header_lines: shape.header_lines,
        fields: hints.csv.fields,
        encoding: hints.csv.encoding.clone().unwrap_or_else(|| "utf-8".into()),
        missing,
    };
    let schema = TableSchema { csv, json: hints.json.clone(), columns, pivot, crs, dedup, checks: Checks::default() };
    Ok((schema, no_degrees))
}

/// The columns without roles, and for each the columns of the input that it is made of.
fn columns(
    found: &[Found],
    typed: Vec<Typed>,
    table_missing: &[String],
    hints: &SchemaFile,
    notes: &mut Notes,
) -> Result<(Vec<ColumnSchema>, Vec<Vec<usize>>)> {
    let dates: Vec<usize> = (0..found.len()).filter(|&index| typed[index].column_type == ColumnType::Date).collect();
    let clocks: Vec<usize> = (0..found.len()).filter(|&index| typed[index].clock.is_some()).collect();
    let unclear: Vec<usize> = (0..found.len()).filter(|&index| typed[index].ambiguous.is_some()).collect();
    let has_time = !dates.is_empty() || typed.iter().any(|typed| typed.column_type == ColumnType::Timestamp);
    for &index in &unclear {
        let (one, other) = typed[index].ambiguous.as_ref().map_or(("", ""), |(one, other)| (one, other));
        if !has_time && !given::is_settled(hints, &found[index].source) {
            return Err(ask_for_format(files_name(hints), &found[index], one, other));
        }
        notes.add(place(found, index), format!("dates that fit both {one} and {other} are kept as text"));
    }
    let joint = match roles::date_and_clock(&dates, &clocks) {
        Some((date, clock)) => Some(moment_of(&typed, (date, clock))),
        None if has_time => None,
        None => calendar::find(found).map(|Calendar { parts, format }| (parts, Some(format))),
    };
    let (mut columns, mut origins) = (Vec::new(), Vec::new());
    for (index, typed) in typed.iter().enumerate() {
        if let Some((parts, format)) = joint.as_ref().filter(|(parts, _)| parts.contains(&index)) {
            if parts[0] == index {
                let parts_found: Vec<&Found> = parts.iter().map(|&part| &found[part]).collect();
                let missing = own_missing(&parts_found, false, table_missing, hints);
                columns.push(ColumnSchema { missing, ..joined(found, parts, format.clone(), notes) });
                origins.push(parts.clone());
            }
            continue;
        }
        let column = &found[index];
        let is_text = matches!(typed.column_type, ColumnType::Category | ColumnType::String);
        let own = own_missing(&[column], is_text, table_missing, hints);
        emptiness(column, notes);
        for note in &typed.notes {
            notes.add(place(found, index), note.clone());
        }
        columns.push(ColumnSchema {
            format: typed.format.clone(),
            missing: own,
            ..blank(&column.name, typed.column_type, vec![column.source.clone()])
        });
        origins.push(vec![index]);
    }
    Ok((columns, origins))
}

/// The markers of a column made of these, if they are not those of the table. What a person says of the table holds.
fn own_missing(parts: &[&Found], is_text: bool, table: &[String], hints: &SchemaFile) -> Option<Vec<String>> {
    if hints.csv.missing.is_some() {
        return None;
    }
    let mut all = Vec::new();
    for own in parts.iter().filter_map(|part| missing::of_column(part, is_text, table)).flatten() {
        if !all.contains(&own) {
            all.push(own);
        }
    }
    (!all.is_empty()).then_some(all)
}

/// The columns of a date and of a time of day, and the pattern of both (none is ISO).
fn moment_of(typed: &[Typed], (date, clock): (usize, usize)) -> (Vec<usize>, Option<String>) {
    let (format, clock_format) = (&typed[date].format, typed[clock].clock.clone().unwrap_or_default());
    let is_iso = format.is_none() && matches!(&*clock_format, "%H:%M" | "%H:%M:%S" | "%H:%M:%S%.f");
    let date_format = format.clone().unwrap_or_else(|| "%Y-%m-%d".into());
    (vec![date, clock], (!is_iso).then(|| format!("{date_format} {clock_format}")))
}

fn place(found: &[Found], index: usize) -> String {
    format!("columns.{}", found[index].name)
}

fn blank(name: &str, column_type: ColumnType, source: Vec<String>) -> ColumnSchema {
    ColumnSchema {
        name: name.into(),
        column_type,
        role: None,
        source,
        format: None,
        timezone: None,
        min: None,
        max: None,
        out_of_range: Violation::Reject,
        invalid: Violation::Reject,
        missing: None,
        year: None,
        negate: false,
        units: None,
        required: false,
    }
}

/// The moment made of several columns.
fn joined(found: &[Found], parts: &[usize], format: Option<String>, notes: &mut Notes) -> ColumnSchema {
    let taken = |name: &&str| !found.iter().any(|column| column.name == **name);
    let name = ["timestamp", "datetime", "date_time", "moment"].into_iter().find(taken).unwrap_or("swath_timestamp");
    let source: Vec<String> = parts.iter().map(|&part| found[part].source.clone()).collect();
    let (last, others) = source.split_last().map_or(("", &[][..]), |(last, others)| (last.as_str(), others));
    let others: Vec<String> = others.iter().map(|name| format!("{name:?}")).collect();
    notes.add(format!("columns.{name}"), format!("put together from {} and {last:?}", others.join(", ")));
    notes.add(
        format!("columns.{name}"),
        "times carry no offset and are taken as UTC; say timezone = \"…\" if they are local",
    );
    ColumnSchema { format, ..blank(name, ColumnType::Timestamp, source) }
}

/// A note about missing values, where there are some and some are not.
fn emptiness(column: &Found, notes: &mut Notes) {
    let evidence = &column.evidence;
    let missing = evidence.fields - evidence.values;
    if missing > 0 && evidence.values > 0 {
        let note = format!("{} of {} sampled values are missing", thousands(missing), thousands(evidence.fields));
        notes.add(format!("columns.{}", column.name), note);
    }
}

fn files_name(hints: &SchemaFile) -> String {
    if hints.path.as_os_str().is_empty() { "a schema file".into() } else { hints.path.display().to_string() }
}

fn ask_for_format(file: String, column: &Found, one: &str, other: &str) -> Error {
    Error::Usage {
        message: format!(
            "column {:?}: cannot tell day from month: every sampled value fits {one} and {other}",
            column.source
        ),
        hint: format!(
            "in {file} say [columns.{:?}] type = \"{}\", role = \"time\", format = \"{one}\" or \"{other}\"",
            column.name,
            if one.contains("%H") || one.contains("%I") { "timestamp" } else { "date" }
        ),
    }
}

/// Gives columns their roles, and types that go with them.
fn assign_roles(columns: &mut [ColumnSchema], origins: &[Vec<usize>], found: &[Found], notes: &mut Notes) {
    let named: Vec<(&str, ColumnType)> =
        columns.iter().map(|column| (column.name.as_str(), column.column_type)).collect();
    let are_degrees = |x: usize, y: usize| {
        let (x, y) = (&found[origins[x][0]].evidence, &found[origins[y][0]].evidence);
        x.within_180 == x.values && y.within_90 == y.values
    };
    let (sensor, time, place) = (roles::sensor(&named), roles::time(&named), roles::place(&named, are_degrees));
    if let Some(sensor) = sensor {
        columns[sensor].role = Some(Role::Sensor);
        columns[sensor].column_type = ColumnType::Category;
        notes.add(format!("columns.{}", columns[sensor].name), "by its name, this says who measured");
    }
    if let Some(time) = time {
        columns[time].role = Some(Role::Time);
    }
    for (index, role) in place.into_iter().flat_map(|(x, y)| [(x, Role::X), (y, Role::Y)]) {
        columns[index].role = Some(role);
        columns[index].column_type = ColumnType::Float64;
        notes.add(format!("columns.{}", columns[index].name), "a coordinate, so 64 bits whatever the digits");
    }
    for column in columns {
        if column.column_type == ColumnType::Float32 && roles::is_coordinate_name(&column.name) {
            column.column_type = ColumnType::Float64;
            notes.add(format!("columns.{}", column.name), "a coordinate by its name, so 64 bits whatever the digits");
        }
        if column.role.is_none() && roles::is_value(&column.name, column.column_type) {
            column.role = Some(Role::Value);
        }
    }
}

/// The key of dedup: sensor and time, and what was measured where a row holds one of several quantities.
fn key(
    columns: &[ColumnSchema],
    origins: &[Vec<usize>],
    found: &[Found],
    files: &[FileColumns<'_>],
) -> Option<DedupSchema> {
    let position = |role: Role| columns.iter().position(|column| column.role == Some(role));
    let (sensor, time) = (position(Role::Sensor)?, position(Role::Time)?);
    // In a small sample what was measured may look like any text; with values missing it cannot be part of a key.
    let is_full = |index: usize| found[origins[index][0]].evidence.values == found[origins[index][0]].evidence.fields;
    let is_candidate = |&index: &usize| match columns[index].column_type {
        ColumnType::Category => index != sensor,
        ColumnType::String => index != sensor && roles::tells_quantity(&columns[index].name) && is_full(index),
        _ => false,
    };
    let mut candidates: Vec<usize> = (0..columns.len()).filter(is_candidate).collect();
    // A wide table has more categories than can be looked at: those whose names say what was measured come first.
    candidates.sort_by_key(|&index| !roles::tells_quantity(&columns[index].name));
    candidates.truncate(KEY_CANDIDATES_MAX);
    candidates.sort_unstable();
    let key_origins: Vec<usize> = [&origins[sensor][..], &origins[time]].concat();
    let mut seen: FxHashMap<u64, ([u64; KEY_CANDIDATES_MAX], [bool; KEY_CANDIDATES_MAX])> = FxHashMap::default();
    for file in files {
        file.each_row(&mut Rows::default(), |record| {
            let field = |origin: usize| {
                let position = file.targets.iter().position(|target| *target == Some(origin));
                position.map_or(&b""[..], |position| record.fields[position].as_ref())
            };
            let key = hash(key_origins.iter().map(|&origin| field(origin)));
            let mut texts = [0; KEY_CANDIDATES_MAX];
            for (text, &candidate) in texts.iter_mut().zip(&candidates) {
                *text = hash([field(origins[candidate][0])]);
            }
            let (first, differs) = seen.entry(key).or_insert((texts, [false; KEY_CANDIDATES_MAX]));
            for ((differs, first), text) in differs.iter_mut().zip(first).zip(texts) {
                *differs |= *first != text;
            }
        });
    }
    let mut key = vec![columns[sensor].name.clone(), columns[time].name.clone()];
    for (slot, &candidate) in candidates.iter().enumerate() {
        let differing = seen.values().filter(|(_, differs)| differs[slot]).count();
        // A tenth of the readings: more than duplicates with other values would make.
        if roles::is_quantity(&columns[candidate].name) || (differing > 0 && differing * 10 >= seen.len()) {
            key.push(columns[candidate].name.clone());
        }
    }
    Some(DedupSchema { key, keep: Keep::First })
}

/// The pivot that the file asks for, with what the sample shows to become columns.
fn pivot(hints: &SchemaFile, columns: &[ColumnSchema], origins: &[Vec<usize>], found: &[Found]) -> Option<PivotSchema> {
    let part = hints.pivot.as_ref()?;
    let named = hints.columns.iter().flatten().find(|column| column.name == part.name);
    let source = named.and_then(|column| column.source.clone()).unwrap_or_else(|| vec![part.name.clone()]);
    let position =
        columns.iter().position(|column| column.source == source || source.iter().eq(std::iter::once(&column.name)));
    let names = position.map(|position| found[origins[position][0]].evidence.texts());
    Some(PivotSchema { name: part.name.clone(), value: part.value.clone(), columns: names.unwrap_or_default() })
}

/// Names of quantities that a table may have to look as if it were long.
const LONG_NAMES_MAX: usize = 200;

/// The columns of names and values of a table that looks long: many rows of one sensor and time, of which each holds
/// another quantity.
fn long(
    dedup: &DedupSchema,
    columns: &[ColumnSchema],
    origins: &[Vec<usize>],
    found: &[Found],
    files: &[FileColumns<'_>],
) -> Option<Long> {
    let is_text = |column: &ColumnSchema| matches!(column.column_type, ColumnType::Category | ColumnType::String);
    let evidence = |index: usize| &found[origins[index][0]].evidence;
    let is_few = |index: usize| evidence(index).distinct().is_some_and(|count| (2..=LONG_NAMES_MAX).contains(&count));
    let is_name = |index: &usize| {
        let column = &columns[*index];
        is_text(column) && column.role.is_none() && roles::tells_quantity(&column.name) && is_few(*index)
    };
    let is_value = |index: &usize| {
        let column = &columns[*index];
        matches!(column.role, None | Some(Role::Value)) && !is_text(column) && roles::is_plain_value(&column.name)
    };
    let name = (0..columns.len()).find(is_name)?;
    let value = (0..columns.len()).find(is_value)?;
    let key = |column: &ColumnSchema| {
        dedup.key.contains(&column.name) && matches!(column.role, Some(Role::Sensor | Role::Time))
    };
    let in_key = columns.iter().zip(origins).filter(|(column, _)| key(column));
    let in_key: Vec<usize> = in_key.flat_map(|(_, origins)| origins).copied().collect();
    let mut first: FxHashMap<u64, u64> = FxHashMap::default();
    let (mut others, mut rows) = (0u64, 0u64);
    for file in files {
        file.each_row(&mut Rows::default(), |record| {
            let position = |origin: &usize| file.targets.iter().position(|target| *target == Some(*origin));
            let field = |origin| position(origin).map_or(&b""[..], |position| record.fields[position].as_ref());
            let name = hash([field(&origins[name][0])]);
            others += u64::from(*first.entry(hash(in_key.iter().map(field))).or_insert(name) != name);
            rows += 1;
        });
    }
    // A tenth, as for what is part of the key; pieces of a large table seldom hold all rows of a sensor and time.
    let is_whole = files.iter().all(|file| file.sample.exhaustive);
    (others > 0 && (others * 10 >= rows || !is_whole)).then(|| Long {
        name: columns[name].name.clone(),
        value: columns[value].name.clone(),
        names: evidence(name).texts(),
        rows: (others, rows),
    })
}

/// Rows that have the key of an earlier row and are not like it, and all rows.
fn rivals(
    dedup: &DedupSchema,
    columns: &[ColumnSchema],
    origins: &[Vec<usize>],
    files: &[FileColumns<'_>],
) -> (u64, u64) {
    let in_key = columns.iter().zip(origins).filter(|(column, _)| dedup.key.contains(&column.name));
    let in_key: Vec<usize> = in_key.flat_map(|(_, origins)| origins).copied().collect();
    let mut first: FxHashMap<u64, u64> = FxHashMap::default();
    let (mut rivals, mut rows) = (0, 0);
    for file in files {
        file.each_row(&mut Rows::default(), |record| {
            let position = |origin: &usize| file.targets.iter().position(|target| *target == Some(*origin));
            let field = |origin| position(origin).map_or(&b""[..], |position| record.fields[position].as_ref());
            let row = hash(record.fields.iter().map(AsRef::as_ref));
            rivals += u64::from(*first.entry(hash(in_key.iter().map(field))).or_insert(row) != row);
            rows += 1;
        });
    }
    (rivals, rows)
}

fn hash<'t>(texts: impl IntoIterator<Item = &'t [u8]>) -> u64 {
    let mut hasher = FxHasher::default();
    for text in texts {
        text.hash(&mut hasher);
    }
    hasher.finish()
}
