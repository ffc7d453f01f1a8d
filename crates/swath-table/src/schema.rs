//! The schema of a sensor table: columns, types, roles, checks, coordinate system, dedup key.
//!
//! It says what is wanted; it reads no data and infers nothing.

use serde::{Deserialize, Serialize};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Text with few distinct values, dictionary-encoded.
    Category,
    /// Any text.
    String,
    /// True or false.
    Bool,
    /// 32-bit signed integer.
    Int32,
    /// 64-bit signed integer.
    Int64,
    /// 32-bit float.
    Float32,
    /// 64-bit float.
    Float64,
    /// Microseconds since 1970-01-01 in UTC.
    Timestamp,
    /// Days since 1970-01-01.
    Date,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Who measured.
    Sensor,
    /// When.
    Time,
    /// Easting or longitude.
    X,
    /// Northing or latitude.
    Y,
    /// What was measured.
    Value,
}

/// What happens to a value that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Violation {
    /// The row is rejected.
    #[default]
    Reject,
    /// The value becomes null.
    Null,
}

/// One column of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnSchema {
    /// Its name in the table.
    pub name: String,
    /// Its type.
    pub column_type: ColumnType,
    /// What it is for, if anything special.
    pub role: Option<Role>,
    /// Names in the file: one, or several that are joined with a space (date and time apart).
    pub source: Vec<String>,
    /// For timestamps and dates: a strftime pattern, `epoch_s`, `epoch_ms`, `epoch_us`, or none for ISO 8601.
    pub format: Option<String>,
    /// For timestamps without an offset of their own: the zone they are in (`Europe/Rome`, `-07:00`); none is UTC.
    pub timezone: Option<String>,
    /// For times whose text says none: the year they are in. Where it says the last two digits: the first that it may be.
    pub year: Option<u32>,
    /// For floats: whether values are taken with the other sign, like longitudes that count to the west.
    pub negate: bool,
    /// Smallest value allowed.
    pub min: Option<f64>,
    /// Largest value allowed.
    pub max: Option<f64>,
    /// What happens outside of `min` and `max`.
    pub out_of_range: Violation,
    /// What happens to text that is not of the type.
    pub invalid: Violation,
    /// Markers of missing values of this column; none is those of the table.
    pub missing: Option<Vec<String>>,
    /// Units of the values, kept as metadata.
    pub units: Option<String>,
    /// Whether a missing value rejects the row (keys always do).
    pub required: bool,
}

/// The encodings that text may have.
pub const ENCODINGS: [&str; 6] = ["utf-8", "utf-16", "utf-16le", "utf-16be", "latin-1", "windows-1252"];

/// What keeps the fields of a row apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A delimiter.
    #[default]
    Delimited,
    /// Any number of spaces and tabs; those around a row are nothing.
    Spaces,
    /// Nothing: every field has so many bytes, with blanks around its text.
    Widths(Vec<u32>),
}

/// How the text is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CsvFormat {
    /// What keeps fields apart.
    pub layout: Layout,
    /// Between fields, where a delimiter is.
    pub delimiter: u8,
    /// Around fields that hold delimiters or newlines; none switches quoting off.
    pub quote: Option<u8>,
    /// Decimal mark of numbers: `.` or `,`.
    pub decimal: u8,
    /// Lines that begin with this byte are skipped.
    pub comment: Option<u8>,
    /// Lines before the header.
    pub skip_lines: u64,
    /// The table ends before the first line after those that begins with this text; none is the end of the file.
    pub stop_at: Option<String>,
    /// Whether the first line names the columns; without it columns are `column_1`, `column_2`…
    pub header: bool,
    /// Lines of the header: the first names the columns, those below it say units or types and are no rows.
    pub header_lines: u64,
    /// Fields of a row where the header names fewer: the others are numbered (`column_21`…).
    pub fields: Option<u64>,
    /// One of [`ENCODINGS`].
    pub encoding: String,
    /// Texts that stand for a missing value (compared after trimming spaces).
    pub missing: Vec<String>,
}

impl Default for CsvFormat {
    fn default() -> Self {
        CsvFormat {
            layout: Layout::Delimited,
            delimiter: b',',
            quote: Some(b'"'),
            decimal: b'.',
            comment: None,
            skip_lines: 0,
            stop_at: None,
            header: true,
            header_lines: 1,
            fields: None,
            encoding: "utf-8".into(),
            missing: vec![String::new()],
        }
    }
}

/// How JSON is laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonFormat {
    /// The path to the records of a document; none where there is one object a line.
    pub records: Option<String>,
}

/// The coordinate system of some of the files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrsOfFiles {
    /// A glob over the path as it was found.
    #[serde(rename = "match")]
    pub pattern: String,
    /// EPSG code, WKT or PROJ string.
    pub source: String,
}

/// Where coordinates come from and where they go.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CrsSchema {
    /// EPSG code, WKT or PROJ string of the input; none is EPSG:4326.
    pub source: Option<String>,
    /// EPSG code, WKT or PROJ string of the output; none is the source.
    pub target: Option<String>,
    /// A column that holds an EPSG code per row.
    pub column: Option<String>,
    /// Exceptions per file pattern, first match wins.
    pub files: Vec<CrsOfFiles>,
}

/// Which of several rows with one key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The first in input order.
    #[default]
    First,
    /// The last in input order.
    Last,
}

/// What makes two rows the same reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DedupSchema {
    /// Columns of the key.
    pub key: Vec<String>,
    /// Which one stays.
    pub keep: Keep,
}

/// What is looked for in readings that break no rule and are seldom right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checks {
    /// Rows whose place is (0, 0).
    pub zero_place: bool,
    /// Rows far from the others, and among them if x and y were exchanged.
    pub swapped_place: bool,
    /// Rows behind one of the same sensor with a later time.
    pub time_backwards: bool,
    /// Rows so many metres and more away from the rows before and after them, of the same sensor.
    pub place_jump: Option<f64>,
    /// So many readings and more of a sensor, one after the other, that are equal and not zero.
    pub stuck_value: Option<u32>,
    /// Sensors in places so many metres and more apart.
    pub moving_sensor: Option<f64>,
    /// Times without a reading, so many times as long as usual for the sensor.
    pub gap: Option<f64>,
}

impl Checks {
    /// None of them.
    pub const NONE: Checks = Checks {
        zero_place: false,
        swapped_place: false,
        time_backwards: false,
        place_jump: None,
        stuck_value: None,
        moving_sensor: None,
        gap: None,
    };
}

impl Default for Checks {
    fn default() -> Self {
        Checks {
            zero_place: true,
            swapped_place: true,
            time_backwards: true,
            place_jump: Some(1000.0),
            stuck_value: Some(60),
            moving_sensor: Some(1000.0),
            gap: Some(10.0),
        }
    }
}

/// Rows that hold one of several quantities each, and become rows with a column for each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PivotSchema {
    /// The column whose texts become columns.
    pub name: String,
    /// The column that holds the values.
    pub value: String,
    /// Which texts, in the order of the columns; none where nobody has said or seen them yet.
    pub columns: Vec<String>,
}

/// More columns than a pivot makes.
pub const PIVOT_COLUMNS_MAX: usize = 1000;

/// The schema of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableSchema {
    /// How the text is written.
    pub csv: CsvFormat,
    /// How JSON is laid out, where that is what is read: then the sources of columns are paths, and of `csv` only what
    /// it says of missing values holds.
    pub json: Option<JsonFormat>,
    /// The columns, in the order of the output. With a pivot these are the columns of the input, the last two of them
    /// that of the names and that of the values.
    pub columns: Vec<ColumnSchema>,
    /// What becomes of the last two columns, if anything.
    pub pivot: Option<PivotSchema>,
    /// Coordinate systems.
    pub crs: CrsSchema,
    /// Dedup, if wanted.
    pub dedup: Option<DedupSchema>,
    /// What is looked for in readings.
    pub checks: Checks,
}

impl TableSchema {
    /// The table as it is written: in place of the two columns of a pivot there is one for each name, of the type of the
    /// values. All other columns keep their positions.
    pub fn pivoted(&self) -> TableSchema {
        let mut table = self.clone();
        let Some(pivot) = table.pivot.take() else { return table };
        let value = table.columns.pop();
        table.columns.pop();
        let column = |name: &String| {
            let value = value.clone()?;
            Some(ColumnSchema { name: name.clone(), source: vec![name.clone()], required: false, ..value })
        };
        table.columns.extend(pivot.columns.iter().filter_map(column));
        table
    }

    /// Position of the column with a role.
    pub fn with_role(&self, role: Role) -> Option<usize> {
        self.columns.iter().position(|column| column.role == Some(role))
    }

    /// Position of the column with a name.
    pub fn with_name(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }
}
