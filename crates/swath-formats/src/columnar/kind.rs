//! What the values of a column are: the types of all formats in the few kinds that tables have.

use swath_table::schema::ColumnType;

/// What values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// Integers of up to 32 bits with a sign.
    Int32,
    /// Integers of up to 64 bits with a sign.
    Int64,
    /// Integers of 64 bits without one.
    UInt64,
    /// 32-bit floats.
    Float32,
    /// 64-bit floats, and decimals.
    Float64,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01; on a clock of unknown place where they are not in UTC.
    Timestamp {
        /// Whether they are in UTC.
        utc: bool,
    },
    /// Text.
    Text,
    /// Bytes that may be text.
    Bytes,
}

impl Kind {
    /// The type that a column of the kind has in a table, where nobody says otherwise.
    pub fn column_type(self) -> ColumnType {
        match self {
            Kind::Bool => ColumnType::Bool,
            Kind::Int32 => ColumnType::Int32,
            Kind::Int64 | Kind::UInt64 => ColumnType::Int64,
            Kind::Float32 => ColumnType::Float32,
            Kind::Float64 => ColumnType::Float64,
            Kind::Date => ColumnType::Date,
            Kind::Timestamp { .. } => ColumnType::Timestamp,
            Kind::Text | Kind::Bytes => ColumnType::String,
        }
    }
}
