//! What the values of a column are: the types of Parquet, old and new, in the few kinds that tables have.

use super::thrift::{Thrift, Told};
use crate::columnar::Kind;

/// How values are kept in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Physical {
    Bool,
    Int32,
    /// Without a sign.
    UInt32,
    Int64,
    /// Moments: multiplied, then divided.
    Moment {
        times: i64,
        per: i64,
    },
    /// Nanoseconds of a day and Julian days, 12 bytes.
    Int96,
    Float32,
    Float64,
    /// Whole numbers divided by a power of ten, in so many bytes; 0 where each value states its length.
    Decimal {
        number: i32,
        bytes: usize,
        scale: u32,
    },
    Bytes,
}

impl Physical {
    /// The number of the type in the format.
    pub fn number(self) -> i32 {
        match self {
            Physical::Bool => 0,
            Physical::Int32 | Physical::UInt32 => 1,
            Physical::Int64 | Physical::Moment { .. } => 2,
            Physical::Int96 => 3,
            Physical::Float32 => 4,
            Physical::Float64 => 5,
            Physical::Bytes => 6,
            Physical::Decimal { number, .. } => number,
        }
    }

    /// Bytes of a plain value; none where they differ.
    pub fn width(self) -> Option<usize> {
        match self {
            Physical::Int32 | Physical::UInt32 | Physical::Float32 => Some(4),
            Physical::Int64 | Physical::Moment { .. } | Physical::Float64 => Some(8),
            Physical::Int96 => Some(12),
            Physical::Decimal { bytes, .. } if bytes > 0 => Some(bytes),
            Physical::Bool | Physical::Bytes | Physical::Decimal { .. } => None,
        }
    }
}

/// A node of the schema.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub name: String,
    physical: Option<i32>,
    length: i32,
    /// 0 required, 1 optional, 2 repeated.
    pub repetition: i32,
    pub children: i32,
    converted: Option<i32>,
    logical: Option<Logical>,
    scale: i32,
}

/// A logical type, as far as it matters.
#[derive(Debug, Default, Clone, Copy)]
struct Logical {
    id: i16,
    /// Of timestamps.
    utc: bool,
    unit: i16,
    /// Of integers.
    bits: i32,
    signed: bool,
}

impl Element {
    pub fn read(thrift: &mut Thrift<'_>) -> Told<Element> {
        let mut element = Element::default();
        thrift.fields(|thrift, id, of| {
            match id {
                1 => element.physical = Some(thrift.small(of)?),
                2 => element.length = thrift.small(of)?,
                3 => element.repetition = thrift.small(of)?,
                4 => element.name = String::from_utf8_lossy(thrift.binary(of)?).into_owned(),
                5 => element.children = thrift.small(of)?.max(0),
                6 => element.converted = Some(thrift.small(of)?),
                7 => element.scale = thrift.small(of)?,
                10 => element.logical = Some(logical(thrift)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(element)
    }
}

fn logical(thrift: &mut Thrift<'_>) -> Told<Logical> {
    let mut found = Logical::default();
    thrift.fields(|thrift, id, _| {
        found.id = id;
        thrift.fields(|thrift, field, of| {
            match (id, field) {
                (7 | 8, 1) => found.utc = thrift.flag(of)?,
                (7 | 8, 2) => thrift.fields(|_, unit, _| {
                    found.unit = unit;
                    Ok(false)
                })?,
                (10, 1) => found.bits = thrift.small(of)?,
                (10, 2) => found.signed = thrift.flag(of)?,
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(true)
    })?;
    Ok(found)
}

/// What a column at the top of the schema holds, or why it is not read.
pub(super) fn kind_of(element: &Element) -> std::result::Result<(Kind, Physical), String> {
    if element.children > 0 {
        return Err("it is nested".into());
    }
    if element.repetition == 2 {
        return Err("it is a list".into());
    }
    let logical = element.logical.unwrap_or_default();
    let converted = element.converted.unwrap_or(-1);
    let moment = |utc, unit| {
        let (times, per) = [(1, 1), (1_000, 1), (1, 1), (1, 1_000)][usize::try_from(unit).unwrap_or(0).min(3)];
        (Kind::Timestamp { utc }, Physical::Moment { times, per })
    };
    let decimal = |number, bytes| {
        let scale = u32::try_from(element.scale).ok().filter(|scale| *scale <= 38);
        let scale = scale.ok_or_else(|| format!("its decimals have a scale of {}", element.scale))?;
        Ok((Kind::Float64, Physical::Decimal { number, bytes, scale }))
    };
    let is_decimal = logical.id == 5 || converted == 5;
    let is_signed = if logical.id == 10 { logical.signed } else { !(11..=14).contains(&converted) };
    match (element.physical, logical.id, converted) {
        (Some(0), _, _) => Ok((Kind::Bool, Physical::Bool)),
        (Some(1 | 2), 7, _) | (Some(1 | 2), 0, 7 | 8) => Err("it holds times of day without a date".into()),
        (Some(1), 6, _) | (Some(1), _, 6) => Ok((Kind::Date, Physical::Int32)),
        (Some(number @ 1), _, _) if is_decimal => decimal(number, 4),
        (Some(number @ 2), _, _) if is_decimal => decimal(number, 8),
        (Some(1), _, _) if is_signed || logical.bits == 8 || logical.bits == 16 || matches!(converted, 11 | 12) => {
            Ok((Kind::Int32, Physical::Int32))
        }
        (Some(1), _, _) => Ok((Kind::Int64, Physical::UInt32)),
        (Some(2), 8, _) => Ok(moment(logical.utc, logical.unit)),
        (Some(2), _, 9) => Ok(moment(true, 1)),
        (Some(2), _, 10) => Ok(moment(true, 2)),
        (Some(2), _, _) if is_signed => Ok((Kind::Int64, Physical::Int64)),
        (Some(2), _, _) => Ok((Kind::UInt64, Physical::Int64)),
        (Some(3), _, _) => Ok((Kind::Timestamp { utc: true }, Physical::Int96)),
        (Some(4), _, _) => Ok((Kind::Float32, Physical::Float32)),
        (Some(5), _, _) => Ok((Kind::Float64, Physical::Float64)),
        (Some(number @ 6), _, _) if is_decimal => decimal(number, 0),
        (Some(6), 1 | 4 | 12, _) | (Some(6), 0, 0 | 4 | 19) => Ok((Kind::Text, Physical::Bytes)),
        (Some(6), 17 | 18, _) => Err("it holds geometries".into()),
        (Some(6), 13 | 16, _) | (Some(6), _, 20) => Err("it holds documents".into()),
        (Some(6), _, _) => Ok((Kind::Bytes, Physical::Bytes)),
        (Some(number @ 7), _, _) if is_decimal => match usize::try_from(element.length) {
            Ok(bytes @ 1..=16) => decimal(number, bytes),
            _ => Err(format!("its decimals have {} bytes", element.length)),
        },
        (Some(7), 14, _) => Err("it holds UUIDs as bytes".into()),
        (Some(7), 15, _) => Err("it holds floats of 16 bits".into()),
        (Some(7), _, _) => Err("it holds bytes of a fixed length".into()),
        (Some(other), _, _) => Err(format!("it has the unknown type {other}")),
        (None, _, _) => Err("it has no type".into()),
    }
}
