//! What was wanted and what was there, in words.

use swath_table::reject::Reason;
use swath_table::schema::{ColumnType, Layout};
use swath_table::schema_file::moment_text;

use super::chunk::Chunk;
use super::index::{Issue, RecordRules, Row};
use super::plan::ColumnPlan;

/// Bytes of a value that a message shows.
const SHOWN: usize = 40;

/// Words for a record that is no row.
pub(super) fn issue(issue: &Issue, rules: &RecordRules, max_record: usize) -> String {
    let (wanted, length) = (rules.expected_fields, issue.end - issue.start);
    match (issue.reason, &rules.layout) {
        (Reason::FieldCount, Layout::Widths(widths)) => {
            let all: u32 = widths.iter().sum();
            match issue.fields as usize > wanted {
                true => format!("wanted nothing behind the {all} bytes of {wanted} columns, got {length} bytes"),
                false => format!("wanted the {all} bytes of {wanted} columns, got {length}"),
            }
        }
        (Reason::FieldCount, _) => format!("wanted {wanted} fields, got {}", issue.fields),
        (Reason::InvalidEncoding, _) => format!(
            "wanted columns that are the same counted in bytes and in characters, got others from column {} on",
            issue.fields + 1
        ),
        (Reason::MalformedJson, _) => "wanted one JSON object, whole and alone on its line, got something else".into(),
        (Reason::MalformedQuotes, Layout::Spaces) => {
            "wanted a closing quote with a blank or the line end behind it, got none".into()
        }
        (Reason::MalformedQuotes, _) => "wanted a delimiter or a line end after the closing quote, got text".into(),
        (reason, _) => bad_line(reason, max_record),
    }
}

/// Words for a line that was given up.
pub(crate) fn bad_line(reason: Reason, max_record: usize) -> String {
    match reason {
        Reason::RecordTooLong => format!("wanted a record of at most {max_record} bytes, got a longer one"),
        _ => "wanted a closing quote, got the end of the file".into(),
    }
}

/// Words for a value that fails.
pub(crate) fn fault(chunk: Chunk<'_>, row: &Row, column: &ColumnPlan, reason: Reason) -> String {
    let wanted = match (reason, column.bounds) {
        (Reason::OutOfRange | Reason::CoordinateOutOfBounds | Reason::TimeOutOfBounds, Some((min, max))) => {
            let shown = |limit| limit_text(limit, column.column_type);
            match (min, max) {
                (f64::NEG_INFINITY, max) => format!("at most {}", shown(max)),
                (min, f64::INFINITY) => format!("at least {}", shown(min)),
                (min, max) => format!("{} to {}", shown(min), shown(max)),
            }
        }
        (Reason::InvalidEncoding, _) => "utf-8 without zero bytes".into(),
        _ => match &column.time {
            Some(rules) => format!("a {} ({})", name(column.column_type), rules.wanted()),
            None => format!("{} {}", article(column.column_type), name(column.column_type)),
        },
    };
    if reason == Reason::MissingKey {
        return format!("wanted {wanted}, got nothing");
    }
    let mut got = Vec::new();
    for field in &column.fields {
        if !got.is_empty() {
            got.push(b' ');
        }
        let text = chunk.field(row, *field);
        got.extend_from_slice(&text[..text.len().min(SHOWN + 1)]);
    }
    let zone =
        column.time.as_ref().filter(|_| reason == Reason::InvalidTime && column.column_type == ColumnType::Timestamp);
    match zone.and_then(|rules| rules.left_out(&got)) {
        Some(zone) => format!("{} does not exist in {zone}: clocks went forward", quoted(&got)),
        None => format!("wanted {wanted}, got {}", quoted(&got)),
    }
}

/// A limit as schema files have it.
fn limit_text(limit: f64, column_type: ColumnType) -> String {
    match column_type {
        ColumnType::Float32 => (limit as f32).to_string(),
        _ => moment_text(limit, column_type).unwrap_or_else(|| limit.to_string()),
    }
}

/// A text as a message shows it: escaped, and cut where it is long.
fn quoted(text: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in text[..text.len().min(SHOWN)].utf8_chunks() {
        shown.extend(chunk.valid().escape_debug());
        // A character that was cut in two at the end is not shown.
        if text.len() <= SHOWN || chunk.invalid().len() == 1 {
            shown.extend(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")));
        }
    }
    format!("\"{shown}{}\"", if text.len() > SHOWN { "…" } else { "" })
}

fn article(column_type: ColumnType) -> &'static str {
    if matches!(column_type, ColumnType::Int32 | ColumnType::Int64) { "an" } else { "a" }
}

fn name(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Category => "category",
        ColumnType::String => "string",
        ColumnType::Bool => "bool",
        ColumnType::Int32 => "int32",
        ColumnType::Int64 => "int64",
        ColumnType::Float32 => "float32",
        ColumnType::Float64 => "float64",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Date => "date",
    }
}
