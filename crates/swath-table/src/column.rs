//! Typed columns of a batch of rows, reused from batch to batch so that memory stays where it is.
//!
//! It holds values; it parses and checks nothing.

use crate::schema::ColumnType;

/// The values of one column. A null row holds an arbitrary value.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 0 or 1.
    Bool(Vec<u8>),
    /// Integers.
    Int32(Vec<i32>),
    /// Integers.
    Int64(Vec<i64>),
    /// Floats.
    Float32(Vec<f32>),
    /// Floats.
    Float64(Vec<f64>),
    /// Microseconds since 1970-01-01 in UTC.
    Timestamp(Vec<i64>),
    /// Days since 1970-01-01.
    Date(Vec<i32>),
    /// Identifiers of an interner.
    Category(Vec<u32>),
    /// Text of row `i` is `bytes[ends[i-1]..ends[i]]`.
    Text {
        /// Where each row's text ends.
        ends: Vec<u32>,
        /// All text.
        bytes: Vec<u8>,
    },
}

/// A column of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The values.
    pub values: Values,
    /// 1 where there is a value, 0 where it is null; as long as the batch.
    pub valid: Vec<u8>,
}

impl Column {
    /// An empty column of a type.
    pub fn new(column_type: ColumnType) -> Column {
        let values = match column_type {
            ColumnType::Bool => Values::Bool(Vec::new()),
            ColumnType::Int32 => Values::Int32(Vec::new()),
            ColumnType::Int64 => Values::Int64(Vec::new()),
            ColumnType::Float32 => Values::Float32(Vec::new()),
            ColumnType::Float64 => Values::Float64(Vec::new()),
            ColumnType::Timestamp => Values::Timestamp(Vec::new()),
            ColumnType::Date => Values::Date(Vec::new()),
            ColumnType::Category => Values::Category(Vec::new()),
            ColumnType::String => Values::Text { ends: Vec::new(), bytes: Vec::new() },
        };
        Column { values, valid: Vec::new() }
    }

    /// The moment of a row in microseconds since 1970-01-01, for columns of times and dates that have one there.
    pub fn time_us(&self, row: usize) -> Option<i64> {
        if self.valid[row] == 0 {
            return None;
        }
        match &self.values {
            Values::Timestamp(values) => Some(values[row]),
            Values::Date(values) => Some(i64::from(values[row]) * 86_400_000_000),
            _ => None,
        }
    }

    /// Forgets the values and keeps the memory.
    pub fn clear(&mut self) {
        self.valid.clear();
        match &mut self.values {
            Values::Bool(values) => values.clear(),
            Values::Int32(values) | Values::Date(values) => values.clear(),
            Values::Int64(values) | Values::Timestamp(values) => values.clear(),
            Values::Float32(values) => values.clear(),
            Values::Float64(values) => values.clear(),
            Values::Category(values) => values.clear(),
            Values::Text { ends, bytes } => {
                ends.clear();
                bytes.clear();
            }
        }
    }
}

/// A batch of rows of one file, in input order.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// One column per column of the schema, all of one length.
    pub columns: Vec<Column>,
    /// Byte offset in the file at which each row begins.
    pub offsets: Vec<u64>,
    /// Lines between the start of the scanned range and each row's first line, counted from 0.
    pub lines: Vec<u32>,
}

impl Batch {
    /// An empty batch with columns of the given types.
    pub fn new(types: impl IntoIterator<Item = ColumnType>) -> Batch {
        Batch { columns: types.into_iter().map(Column::new).collect(), offsets: Vec::new(), lines: Vec::new() }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len()
    }

    /// Forgets the rows and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.clear();
        self.lines.clear();
        self.columns.iter_mut().for_each(Column::clear);
    }
}
