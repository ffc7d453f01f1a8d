//! Rows that are not taken into the table: where they were, and why.
//!
//! It names the reasons; it neither finds bad rows nor keeps their text, which can be read again from the source.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a row was rejected. The names are part of the interface: they stand in `rejects.ndjson` and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The row has more or fewer fields than the header.
    FieldCount,
    /// The text is not of the column's type.
    InvalidValue,
    /// The value is below the column's `min` or above its `max`.
    OutOfRange,
    /// A key or another required value is missing.
    MissingKey,
    /// The text is not a time of the column's format, or no such day or time exists.
    InvalidTime,
    /// The time is outside of the column's bounds.
    TimeOutOfBounds,
    /// The coordinate is outside of its bounds.
    CoordinateOutOfBounds,
    /// The row names a coordinate system that is not known.
    UnknownCrs,
    /// The position has no image in the target coordinate system.
    Reprojection,
    /// The record is longer than the longest record allowed.
    RecordTooLong,
    /// Text follows a closing quote, or a quote is never closed.
    MalformedQuotes,
    /// The text is not of the declared encoding.
    InvalidEncoding,
    /// The line is no JSON object.
    MalformedJson,
    /// The row names a quantity that is none of the columns of a pivot, or none at all.
    UnknownParameter,
    /// The place is (0, 0).
    ZeroPlace,
    /// The place is far from the others, and among them if x and y were exchanged.
    SwappedPlace,
    /// The time is before that of the row before it, of the same sensor.
    TimeBackwards,
    /// The place is far from those of the rows before and after it, of the same sensor.
    PlaceJump,
    /// The value is one of many equal ones of the same sensor.
    StuckValue,
}

impl Reason {
    /// All reasons, in the order of their declaration.
    pub const ALL: [Reason; 19] = [
        Reason::FieldCount,
        Reason::InvalidValue,
        Reason::OutOfRange,
        Reason::MissingKey,
        Reason::InvalidTime,
        Reason::TimeOutOfBounds,
        Reason::CoordinateOutOfBounds,
        Reason::UnknownCrs,
        Reason::Reprojection,
        Reason::RecordTooLong,
        Reason::MalformedQuotes,
        Reason::InvalidEncoding,
        Reason::MalformedJson,
        Reason::UnknownParameter,
        Reason::ZeroPlace,
        Reason::SwappedPlace,
        Reason::TimeBackwards,
        Reason::PlaceJump,
        Reason::StuckValue,
    ];

    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::FieldCount => "field_count",
            Reason::InvalidValue => "invalid_value",
            Reason::OutOfRange => "out_of_range",
            Reason::MissingKey => "missing_key",
            Reason::InvalidTime => "invalid_time",
            Reason::TimeOutOfBounds => "time_out_of_bounds",
            Reason::CoordinateOutOfBounds => "coordinate_out_of_bounds",
            Reason::UnknownCrs => "unknown_crs",
            Reason::Reprojection => "reprojection",
            Reason::RecordTooLong => "record_too_long",
            Reason::MalformedQuotes => "malformed_quotes",
            Reason::InvalidEncoding => "invalid_encoding",
            Reason::MalformedJson => "malformed_json",
            Reason::UnknownParameter => "unknown_parameter",
            Reason::ZeroPlace => "zero_place",
            Reason::SwappedPlace => "swapped_place",
            Reason::TimeBackwards => "time_backwards",
            Reason::PlaceJump => "place_jump",
            Reason::StuckValue => "stuck_value",
        }
    }

    /// The reason with a position in [`Reason::ALL`].
    pub fn from_position(position: u8) -> Option<Reason> {
        Reason::ALL.get(usize::from(position)).copied()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A row that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Byte of the file at which the row begins.
    pub offset: u64,
    /// Bytes of the row without its line end.
    pub length: u64,
    /// Lines between the start of the scanned range and the row's first line, counted from 0.
    pub line: u32,
    /// The column of the schema that failed, where one did.
    pub column: Option<usize>,
    /// Why.
    pub reason: Reason,
    /// Wanted and got, for a person to read.
    pub detail: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_keep_their_names_and_positions() {
        for (position, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, position, "{reason}");
            assert_eq!(Reason::from_position(position as u8), Some(reason));
            let json = serde_json::to_string(&reason).expect("a name");
            assert_eq!(json, format!("\"{}\"", reason.name()));
        }
        assert_eq!(Reason::from_position(Reason::ALL.len() as u8), None);
    }
}
