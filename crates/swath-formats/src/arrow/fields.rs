//! The columns of a schema: what their values are, how they are kept, and which buffers of a record batch are theirs.
//!
//! Buffers are listed in the order of the fields, each before its children (Arrow columnar format, "Recordbatch message").
//! Members of structs are columns of their own, with the names on the way joined by dots.

use arrow_ipc::{DateUnit, Endianness, Field, Int, MetadataVersion, Precision, Schema, TimeUnit, Type};

use crate::columnar::Kind;

/// Structs in each other at most.
const DEPTH_MAX: usize = 32;

/// A column of plain values.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name, or those of the structs that it is in and its own, with dots between.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    pub(super) stored: Stored,
    /// Of a column with a dictionary.
    pub(super) dictionary: Option<Coded>,
    pub(super) place: Position,
    /// The structs that it is in: where they are null, it is.
    pub(super) around: Vec<Position>,
    /// Whether it was wanted.
    pub(crate) is_wanted: bool,
}

impl Column {
    /// Whether its values are in a dictionary.
    pub fn is_coded(&self) -> bool {
        self.dictionary.is_some()
    }
}

/// Where values are instead of the values themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coded {
    /// The number of the dictionary.
    pub id: i64,
    pub index: Stored,
}

/// The first of the nodes and buffers of a field, and how many columns of views come before it, each of which has
/// further buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    pub node: usize,
    pub buffer: usize,
    pub views: usize,
}

/// How values are kept in buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stored {
    /// Not at all: they are null.
    Nothing,
    Bool,
    Int8,
    UInt8,
    Int16,
    UInt16,
    Int32,
    UInt32,
    /// With a sign or without.
    Int64,
    Float16,
    Float32,
    Float64,
    /// Whole numbers of so many bytes, divided by a power of ten.
    Decimal {
        bytes: usize,
        scale: u32,
    },
    /// Milliseconds of days.
    Date64,
    /// Moments: multiplied, then divided.
    Moment {
        times: i64,
        per: i64,
    },
    /// Texts in a row, with where they end in 4 or 8 bytes.
    Text {
        offset: usize,
    },
    /// Short texts, and where long ones are.
    View,
}

impl Stored {
    /// Bytes of a value, or of what says where it is.
    pub fn width(self) -> usize {
        match self {
            Stored::Nothing | Stored::Bool => 0,
            Stored::Int8 | Stored::UInt8 => 1,
            Stored::Int16 | Stored::UInt16 | Stored::Float16 => 2,
            Stored::Int32 | Stored::UInt32 | Stored::Float32 => 4,
            Stored::Int64 | Stored::Float64 | Stored::Date64 | Stored::Moment { .. } => 8,
            Stored::Decimal { bytes, .. } => bytes,
            Stored::Text { offset } => offset,
            Stored::View => 16,
        }
    }

    /// Buffers of it, those that views have besides left out.
    pub fn buffers(self) -> usize {
        match self {
            Stored::Nothing => 0,
            Stored::Text { .. } => 3,
            _ => 2,
        }
    }

    /// Whether its values are texts.
    pub fn is_text(self) -> bool {
        matches!(self, Stored::Text { .. } | Stored::View)
    }
}

/// All columns of a schema, and what every batch of it has.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields {
    pub columns: Vec<Column>,
    pub refused: Vec<(String, String)>,
    /// Nodes and buffers, and columns of views.
    pub all: Position,
}

impl Fields {
    /// Reads a schema of a version of the format.
    pub fn of(schema: &Schema<'_>, version: MetadataVersion, wanted: &dyn Fn(&str) -> bool) -> Result<Fields, String> {
        if schema.endianness() != Endianness::Little {
            return Err("its numbers have the high byte first; wanted the low one first".into());
        }
        let mut walk = Walk { fields: Fields::default(), version, wanted, around: Vec::new() };
        for field in schema.fields().iter().flatten() {
            walk.field(&field, "", 0)?;
        }
        Ok(walk.fields)
    }
}

struct Walk<'a> {
    fields: Fields,
    version: MetadataVersion,
    wanted: &'a dyn Fn(&str) -> bool,
    /// Structs that are open.
    around: Vec<Position>,
}

impl Walk<'_> {
    /// Adds a field, `within` the name of a struct.
    fn field(&mut self, field: &Field<'_>, within: &str, depth: usize) -> Result<(), String> {
        let own = field.name().unwrap_or_default();
        let name = if depth == 0 { own.to_string() } else { format!("{within}.{own}") };
        if depth > DEPTH_MAX {
            return Err(format!("columns are nested more than {DEPTH_MAX} deep"));
        }
        let is_struct = field.type_type() == Type::Struct_ && field.dictionary().is_none();
        if is_struct && depth == 0 && is_box(field) {
            self.fields.refused.push((name, "it is the box of a geometry".into()));
            return self.pass(field, depth);
        }
        if is_struct {
            let place = self.take(1);
            self.around.push(place);
            for child in field.children().iter().flatten() {
                self.field(&child, &name, depth + 1)?;
            }
            self.around.pop();
            return Ok(());
        }
        match column_of(field) {
            Ok((kind, stored, dictionary)) => {
                let of_batch = dictionary.map_or(stored, |coded| coded.index);
                let place = self.take(of_batch.buffers());
                self.fields.all.views += usize::from(of_batch == Stored::View);
                let (is_wanted, around) = ((self.wanted)(&name), self.around.clone());
                self.fields.columns.push(Column { name, kind, stored, dictionary, place, around, is_wanted });
            }
            Err(why) => {
                self.fields.refused.push((name, why));
                self.pass(field, depth)?;
            }
        }
        Ok(())
    }

    /// The position of a field, which has so many buffers.
    fn take(&mut self, buffers: usize) -> Position {
        let place = self.fields.all;
        self.fields.all.node += 1;
        self.fields.all.buffer += buffers;
        place
    }

    /// Passes over the buffers of a field that is not read, and of its children.
    fn pass(&mut self, field: &Field<'_>, depth: usize) -> Result<(), String> {
        if depth > DEPTH_MAX {
            return Err(format!("columns are nested more than {DEPTH_MAX} deep"));
        }
        if field.dictionary().is_some() {
            self.take(2);
            return Ok(());
        }
        let buffers = match field.type_type() {
            Type::Null | Type::RunEndEncoded => 0,
            Type::Utf8 | Type::Binary | Type::LargeUtf8 | Type::LargeBinary | Type::ListView | Type::LargeListView => 3,
            Type::Struct_ | Type::FixedSizeList => 1,
            Type::Union => {
                let is_dense = field.type_as_union().is_some_and(|union| union.mode() == arrow_ipc::UnionMode::Dense);
                // Up to version 4 it says which of its values are there, too.
                1 + usize::from(is_dense) + usize::from(self.version < MetadataVersion::V5)
            }
            Type::Int
            | Type::FloatingPoint
            | Type::Bool
            | Type::Decimal
            | Type::Date
            | Type::Time
            | Type::Timestamp
            | Type::Interval
            | Type::Duration
            | Type::FixedSizeBinary
            | Type::List
            | Type::LargeList
            | Type::Map
            | Type::Utf8View
            | Type::BinaryView => 2,
            other => return Err(format!("{:?} has the unknown type {other:?}", field.name().unwrap_or_default())),
        };
        self.fields.all.views += usize::from(matches!(field.type_type(), Type::Utf8View | Type::BinaryView));
        self.take(buffers);
        for child in field.children().iter().flatten() {
            self.pass(&child, depth + 1)?;
        }
        Ok(())
    }
}

/// Whether a struct is what GeoParquet keeps beside geometries, their bounding boxes: no columns that anybody wants.
fn is_box(field: &Field<'_>) -> bool {
    let Some(children) = field.children().filter(|_| field.name() == Some("bbox")) else { return false };
    children.len() >= 4
        && children
            .iter()
            .all(|child| matches!(child.name(), Some("xmin" | "ymin" | "zmin" | "xmax" | "ymax" | "zmax")))
}

/// A value of the metadata of a field.
fn said<'f>(field: &Field<'f>, key: &str) -> Option<&'f str> {
    let found = field.custom_metadata()?.iter().find(|pair| pair.key() == Some(key))?;
    found.value()
}

/// What a field holds, or why it is not read.
fn column_of(field: &Field<'_>) -> Result<(Kind, Stored, Option<Coded>), String> {
    let (kind, stored) = kind_of(field)?;
    match said(field, "ARROW:extension:name") {
        Some("arrow.json") => return Err("it holds documents".into()),
        Some(name) if name.starts_with("geoarrow.") => return Err("it holds geometries".into()),
        _ => {}
    }
    let Some(dictionary) = field.dictionary() else { return Ok((kind, stored, None)) };
    let index = match dictionary.indexType() {
        None => Stored::Int32,
        Some(index) => integer(&index)?.1,
    };
    if stored == Stored::Nothing {
        return Err("it is a dictionary of nothing".into());
    }
    Ok((kind, stored, Some(Coded { id: dictionary.id(), index })))
}

fn kind_of(field: &Field<'_>) -> Result<(Kind, Stored), String> {
    let missing = || "it has no type".to_string();
    Ok(match field.type_type() {
        Type::Null => (Kind::Int32, Stored::Nothing),
        Type::Bool => (Kind::Bool, Stored::Bool),
        Type::Int => integer(&field.type_as_int().ok_or_else(missing)?)?,
        Type::FloatingPoint => match field.type_as_floating_point().ok_or_else(missing)?.precision() {
            Precision::HALF => (Kind::Float32, Stored::Float16),
            Precision::SINGLE => (Kind::Float32, Stored::Float32),
            Precision::DOUBLE => (Kind::Float64, Stored::Float64),
            other => return Err(format!("its floats have the unknown precision {other:?}")),
        },
        Type::Decimal => {
            let decimal = field.type_as_decimal().ok_or_else(missing)?;
            let scale = u32::try_from(decimal.scale()).ok().filter(|scale| *scale <= 38);
            let scale = scale.ok_or_else(|| format!("its decimals have a scale of {}", decimal.scale()))?;
            match decimal.bitWidth() {
                bits @ (32 | 64 | 128) => (Kind::Float64, Stored::Decimal { bytes: bits as usize / 8, scale }),
                bits => return Err(format!("its decimals have {} bytes", bits / 8)),
            }
        }
        Type::Date => match field.type_as_date().ok_or_else(missing)?.unit() {
            DateUnit::DAY => (Kind::Date, Stored::Int32),
            _ => (Kind::Date, Stored::Date64),
        },
        Type::Timestamp => {
            let timestamp = field.type_as_timestamp().ok_or_else(missing)?;
            let (times, per) = match timestamp.unit() {
                TimeUnit::SECOND => (1_000_000, 1),
                TimeUnit::MILLISECOND => (1_000, 1),
                TimeUnit::MICROSECOND => (1, 1),
                _ => (1, 1_000),
            };
            // With a zone, moments are in UTC, whatever the zone.
            let utc = timestamp.timezone().is_some_and(|zone| !zone.is_empty());
            (Kind::Timestamp { utc }, Stored::Moment { times, per })
        }
        Type::Utf8 => (Kind::Text, Stored::Text { offset: 4 }),
        Type::LargeUtf8 => (Kind::Text, Stored::Text { offset: 8 }),
        Type::Utf8View => (Kind::Text, Stored::View),
        Type::Binary => (Kind::Bytes, Stored::Text { offset: 4 }),
        Type::LargeBinary => (Kind::Bytes, Stored::Text { offset: 8 }),
        Type::BinaryView => (Kind::Bytes, Stored::View),
        Type::Time => return Err("it holds times of day without a date".into()),
        Type::Duration | Type::Interval => return Err("it holds lengths of time".into()),
        Type::FixedSizeBinary if said(field, "ARROW:extension:name") == Some("arrow.uuid") => {
            return Err("it holds UUIDs as bytes".into());
        }
        Type::FixedSizeBinary => return Err("it holds bytes of a fixed length".into()),
        Type::List | Type::LargeList | Type::ListView | Type::LargeListView | Type::FixedSizeList => {
            return Err("it is a list".into());
        }
        Type::Struct_ | Type::Map | Type::Union | Type::RunEndEncoded => return Err("it is nested".into()),
        other => return Err(format!("it has the unknown type {other:?}")),
    })
}

fn integer(int: &Int<'_>) -> Result<(Kind, Stored), String> {
    Ok(match (int.bitWidth(), int.is_signed()) {
        (8, true) => (Kind::Int32, Stored::Int8),
        (8, false) => (Kind::Int32, Stored::UInt8),
        (16, true) => (Kind::Int32, Stored::Int16),
        (16, false) => (Kind::Int32, Stored::UInt16),
        (32, true) => (Kind::Int32, Stored::Int32),
        (32, false) => (Kind::Int64, Stored::UInt32),
        (64, true) => (Kind::Int64, Stored::Int64),
        (64, false) => (Kind::UInt64, Stored::Int64),
        (bits, _) => return Err(format!("its whole numbers have {bits} bits")),
    })
}
