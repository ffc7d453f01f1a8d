//! How the fields of one file become the columns of a table: resolved once per file, read by every range of it.

use std::path::Path;

use swath_core::{Error, Place, Result};
use swath_table::reject::Reason;
use swath_table::schema::{ColumnSchema, ColumnType, Role, TableSchema, Violation};

use super::header::{check_format, trimmed};
use super::index::RecordRules;
use super::markers::Markers;
use super::time::TimeRules;
use crate::json::Paths;

/// The plan for the files that share a schema and a header.
#[derive(Debug, Clone)]
pub struct ParsePlan {
    pub(super) rules: RecordRules,
    pub(crate) decimal: u8,
    /// The columns that the file has, by their first field; ties by their place in the schema.
    pub(crate) columns: Vec<ColumnPlan>,
    types: Vec<ColumnType>,
    absent: Vec<usize>,
}

/// How one column is made.
#[derive(Debug, Clone)]
pub(crate) struct ColumnPlan {
    /// Its place in the schema.
    pub column: usize,
    pub column_type: ColumnType,
    /// The fields it is made of, as entries of a row; more than one only for times.
    pub fields: Vec<usize>,
    pub markers: Markers,
    pub required: bool,
    pub null_if_invalid: bool,
    pub null_if_out_of_range: bool,
    /// Whether values are taken with the other sign.
    pub negate: bool,
    pub bounds: Option<(f64, f64)>,
    pub bounds_reason: Reason,
    pub time: Option<TimeRules>,
}

impl ParsePlan {
    /// Finds the columns of a schema in a file whose fields have the names `header`.
    ///
    /// A column that is not required may be absent: it is null in every row, see [`ParsePlan::absent`].
    ///
    /// # Errors
    /// [`Error::InputCorrupt`] if a required column, or every column, is not in the file; [`Error::Usage`] if the schema
    /// asks for what cannot be parsed (an unknown time format or zone, several sources for a number).
    pub fn new(path: &Path, schema: &TableSchema, header: &[Vec<u8>]) -> Result<ParsePlan> {
        check_format(&schema.csv)?;
        let rules = match &schema.json {
            None => RecordRules::new(&schema.csv, header.len()),
            Some(_) => {
                let names = header.iter().map(|name| std::str::from_utf8(name).unwrap_or_default());
                RecordRules::of_json(Paths::new(names).map_err(|message| Error::Usage {
                    message,
                    hint: "source names a member, or members within each other with dots between".into(),
                })?)
            }
        };
        let mut columns = Vec::new();
        let mut absent = Vec::new();
        for (place, column) in schema.columns.iter().enumerate() {
            match fields_of(column, header) {
                Ok(fields) => {
                    let entries = fields.into_iter().map(|field| rules.entry(field)).collect();
                    columns.push(ColumnPlan::new(place, column, entries, schema)?);
                }
                Err(wanted) if column.required => return Err(not_found(path, &wanted, header)),
                Err(_) => absent.push(place),
            }
        }
        if columns.is_empty() {
            let wanted: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
            return Err(not_found(path, &wanted.join("\", \""), header));
        }
        columns.sort_by_key(|column| (column.fields.iter().min().copied(), column.column));
        Ok(ParsePlan {
            rules,
            decimal: if schema.json.is_some() { b'.' } else { schema.csv.decimal },
            columns,
            types: schema.columns.iter().map(|column| column.column_type).collect(),
            absent,
        })
    }

    /// Fields that every row must have.
    pub fn expected_fields(&self) -> usize {
        self.rules.expected_fields
    }

    /// Entries of the index that a row takes.
    pub fn ends_per_row(&self) -> usize {
        self.rules.ends_per_row()
    }

    /// Bytes that a row has at least, its line end included.
    pub fn row_bytes_min(&self) -> usize {
        self.rules.row_bytes_min()
    }

    /// Columns of the schema that this file does not have, by their place in the schema.
    pub fn absent(&self) -> &[usize] {
        &self.absent
    }

    /// The types of the columns of the schema.
    pub fn column_types(&self) -> &[ColumnType] {
        &self.types
    }
}

impl ColumnPlan {
    fn new(place: usize, column: &ColumnSchema, fields: Vec<usize>, schema: &TableSchema) -> Result<ColumnPlan> {
        let is_time = matches!(column.column_type, ColumnType::Timestamp | ColumnType::Date);
        if fields.len() > 1 && !is_time {
            return Err(Error::Usage {
                message: format!("column {:?} has {} sources: only times are joined", column.name, fields.len()),
                hint: "give source one name, or type = \"timestamp\"".into(),
            });
        }
        let time = if is_time {
            let (format, timezone) = (column.format.as_deref(), column.timezone.as_deref());
            let rules = match column.year {
                None => TimeRules::new(format, timezone),
                year => TimeRules::in_year(year, format, timezone),
            };
            Some(rules.map_err(|message| Error::Usage {
                message: format!("column {:?}: {message}", column.name),
                hint: "format is a strftime pattern, epoch_s, epoch_ms or epoch_us; timezone is a name like Europe/Rome or an offset like -07:00".into(),
            })?)
        } else {
            None
        };
        let bounds_reason = match column.role {
            Some(Role::X | Role::Y) => Reason::CoordinateOutOfBounds,
            _ if is_time => Reason::TimeOutOfBounds,
            _ => Reason::OutOfRange,
        };
        let bounded = column.min.is_some() || column.max.is_some();
        // Values are compared as they are kept, so limits are rounded as values are.
        let kept = |limit: f64| if column.column_type == ColumnType::Float32 { f64::from(limit as f32) } else { limit };
        let (min, max) = (column.min.map_or(f64::NEG_INFINITY, kept), column.max.map_or(f64::INFINITY, kept));
        Ok(ColumnPlan {
            column: place,
            column_type: column.column_type,
            fields,
            markers: Markers::new(column.missing.as_deref().unwrap_or(&schema.csv.missing)),
            required: column.required,
            null_if_invalid: column.invalid == Violation::Null && !column.required,
            null_if_out_of_range: column.out_of_range == Violation::Null && !column.required,
            negate: column.negate,
            bounds: bounded.then_some((min, max)),
            bounds_reason,
            time,
        })
    }

    /// What a value that is not one is called.
    pub fn invalid_reason(&self) -> Reason {
        if self.time.is_some() { Reason::InvalidTime } else { Reason::InvalidValue }
    }
}

/// The fields that a column is made of, or the first name that is not there.
fn fields_of(column: &ColumnSchema, header: &[Vec<u8>]) -> Result<Vec<usize>, String> {
    let own = [column.name.clone()];
    let sources = if column.source.is_empty() { &own[..] } else { &column.source[..] };
    let find = |name: &String| {
        let named = header.iter().position(|field| field == name.as_bytes());
        let alike = || header.iter().position(|field| trimmed(field) == name.trim().as_bytes());
        // A field without a name goes by its number.
        let numbered = || {
            header.iter().zip(1..).position(|(field, number)| field.is_empty() && *name == format!("column_{number}"))
        };
        named.or_else(alike).or_else(numbered).ok_or(name.clone())
    };
    sources.iter().map(find).collect()
}

/// How the message of a column that a file does not have begins.
pub const NO_COLUMN: &str = "wanted a column";

/// Names listed in an error, at most.
const NAMES_SHOWN: usize = 40;

fn not_found(path: &Path, wanted: &str, header: &[Vec<u8>]) -> Error {
    let shown = header.iter().take(NAMES_SHOWN).map(|name| format!("{:?}", String::from_utf8_lossy(name)));
    let mut got = shown.collect::<Vec<_>>().join(", ");
    if header.len() > NAMES_SHOWN {
        got.push_str(&format!(" and {} more", header.len() - NAMES_SHOWN));
    }
    Error::InputCorrupt {
        place: Place::file(path),
        message: format!("{NO_COLUMN} \"{wanted}\", got {got}"),
        hint: "name the column in the file with source = \"…\" in the schema, or check delimiter and skip_lines".into(),
    }
}
