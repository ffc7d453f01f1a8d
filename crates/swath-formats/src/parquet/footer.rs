//! The footer of a Parquet file: columns that are rows of plain values, row groups, and where their pages are.
//!
//! Of row groups it keeps what reading the wanted columns needs, and no more. Nested columns are named with the reason
//! why they are not read.

use swath_core::{Error, Place, Result};

use super::logical::{Element, Physical, kind_of};
use super::thrift::{FieldType, Thrift, Told};
use super::unpack::Codec;
use crate::columnar::slots::Stated;
use crate::columnar::{Kind, read_exactly};
use crate::store::ReadAt;

/// The longest footer that is read.
const FOOTER_MAX: u64 = 64 << 20;

/// Rows of a file and of a row group, at most: runs make it easy to claim any number of them.
const ROWS_MAX: u64 = 1 << 40;
const GROUP_ROWS_MAX: u64 = 1 << 31;

/// What a footer says.
#[derive(Debug, Clone)]
pub struct Footer {
    /// Rows of all row groups.
    pub rows: u64,
    /// The columns that can be read, in the order of the file.
    pub columns: Vec<FileColumn>,
    /// The columns that cannot, and why.
    pub refused: Vec<(String, String)>,
    /// Row groups.
    pub(crate) groups: Vec<Group>,
    /// For each row group, a chunk per column that was wanted.
    pub(crate) chunks: Vec<ChunkPlace>,
    /// Length of the footer in the file.
    pub bytes: u64,
}

/// A column of plain values.
#[derive(Debug, Clone, PartialEq)]
pub struct FileColumn {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    pub(crate) physical: Physical,
    /// Whether it may hold nulls.
    pub(super) optional: bool,
    /// Position of its chunks among those of a row group, if it was wanted.
    pub(crate) chunk: Option<usize>,
    /// Position among all leaves of the file.
    leaf: usize,
}

/// Some rows of the file whose columns lie together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub first_row: u64,
    pub rows: u64,
}

/// Where the pages of a column in a row group are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkPlace {
    /// The first byte, and the first byte after.
    pub from: u64,
    pub to: u64,
    /// Bytes of all pages when unpacked.
    pub unpacked: u64,
    pub codec: i32,
    /// Whether texts may be written as what differs from the one before.
    pub prefixes: bool,
    /// Smallest and largest value, as the file has them, of a chunk without nulls.
    pub range: Option<([u8; 8], [u8; 8])>,
}

impl FileColumn {
    /// What bytes of statistics state.
    pub(crate) fn stated(&self, bytes: [u8; 8]) -> Option<Stated> {
        match (self.kind, self.physical) {
            (Kind::Date, _) => Some(Stated::Day(i32::from_le_bytes(*bytes.first_chunk()?))),
            (Kind::Timestamp { utc }, Physical::Moment { times, per }) => {
                Some(Stated::Moment { us: i64::from_le_bytes(bytes).saturating_mul(times).div_euclid(per), utc })
            }
            (_, Physical::Float32) => Some(Stated::Number(f64::from(f32::from_le_bytes(*bytes.first_chunk()?)))),
            (_, Physical::Float64) => Some(Stated::Number(f64::from_le_bytes(bytes))),
            _ => None,
        }
    }
}

impl Footer {
    /// Reads the footer of a file; of row groups it keeps the columns that are `wanted`.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`]; [`Error::InputCorrupt`] for what is no whole Parquet file.
    pub fn read(file: &dyn ReadAt, size: u64, wanted: &dyn Fn(&str) -> bool) -> Result<Footer> {
        let corrupt = |at: u64, message: String| Error::InputCorrupt {
            place: Place { byte_offset: Some(at), ..Place::file(file.path()) },
            message,
            hint: "check that the file was written and copied to its end".into(),
        };
        let mut tail = [0; 8];
        let told = |what: &str| format!("{what}: wanted a Parquet file that ends in its footer and PAR1");
        if size < 12 {
            return Err(corrupt(size, told(&format!("the file has {size} bytes"))));
        }
        read_exactly(file, &mut tail, size - 8)?;
        let length = u64::from(u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]));
        match &tail[4..] {
            b"PAR1" => {}
            b"PARE" => return Err(corrupt(size - 4, "the footer is encrypted; wanted one that is not".into())),
            other => {
                let other = other.escape_ascii();
                return Err(corrupt(size - 4, told(&format!("the file ends in \"{other}\""))));
            }
        }
        if length > (size - 12).min(FOOTER_MAX) {
            let most = (size - 12).min(FOOTER_MAX);
            return Err(corrupt(size - 8, format!("wanted a footer of at most {most} bytes, got {length}")));
        }
        let start = size - 8 - length;
        let mut bytes = vec![0; length as usize];
        read_exactly(file, &mut bytes, start)?;
        let mut thrift = Thrift::new(&bytes);
        let parsed = parse(&mut thrift, start, wanted);
        let at = start + thrift.at as u64;
        let mut footer = parsed.map_err(|message| corrupt(at, format!("the footer cannot be read: {message}")))?;
        footer.bytes = length;
        Ok(footer)
    }

    /// Memory that it takes once it is read, and what reading it took.
    pub fn memory(&self) -> u64 {
        let names: usize = self.columns.iter().map(|column| column.name.len() + size_of::<FileColumn>()).sum();
        let refused: usize = self.refused.iter().map(|(name, why)| name.len() + why.len() + 48).sum();
        // Tables that grow are there twice for a moment.
        let tables = self.groups.len() * size_of::<Group>() + self.chunks.len() * size_of::<ChunkPlace>();
        self.bytes + (names + refused + 3 * tables) as u64
    }

    /// The columns that were wanted, with the position of each among the chunks of a row group.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = (usize, &FileColumn)> {
        self.columns.iter().filter_map(|column| Some((column.chunk?, column)))
    }

    /// The chunks of a row group.
    pub(crate) fn chunks_of(&self, group: usize) -> &[ChunkPlace] {
        let width = self.chunks.len().checked_div(self.groups.len()).unwrap_or(0);
        &self.chunks[group * width..(group + 1) * width]
    }

    /// Bytes of all wanted columns as they are packed.
    pub fn packed_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.to - chunk.from).sum()
    }

    /// Bytes of all wanted columns when they are unpacked.
    pub fn unpacked_bytes(&self) -> u64 {
        self.chunks.iter().fold(0, |sum, chunk| sum.saturating_add(chunk.unpacked))
    }
}

fn parse(thrift: &mut Thrift<'_>, data_end: u64, wanted: &dyn Fn(&str) -> bool) -> Told<Footer> {
    let mut footer =
        Footer { rows: 0, columns: Vec::new(), refused: Vec::new(), groups: Vec::new(), chunks: Vec::new(), bytes: 0 };
    let (mut stated, mut leaves) = (None, None);
    thrift.fields(|thrift, id, of| {
        match id {
            2 => leaves = Some(schema(thrift, of, &mut footer, wanted)?),
            3 => stated = Some(thrift.size(of)?),
            4 => {
                let leaves = leaves.ok_or("row groups come before the schema")?;
                row_groups(thrift, of, leaves, data_end, &mut footer)?;
            }
            8 => return Err("its columns are encrypted".into()),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if leaves.is_none() {
        return Err("it has no schema".into());
    }
    if stated != Some(footer.rows) {
        let stated = stated.map_or("none".into(), |rows| rows.to_string());
        return Err(format!("wanted {stated} rows, as it states, got {} in its row groups", footer.rows));
    }
    Ok(footer)
}

/// Reads the schema; answers how many leaves there are.
fn schema(thrift: &mut Thrift<'_>, of: FieldType, footer: &mut Footer, wanted: &dyn Fn(&str) -> bool) -> Told<usize> {
    let count = thrift.structs(of)?;
    let (mut leaves, mut chunks) = (0, 0);
    // Nodes that are still to come below each open one.
    let mut open: Vec<i32> = Vec::new();
    for position in 0..count {
        let element = Element::read(thrift)?;
        if position > 0 {
            match open.last_mut() {
                Some(left) => *left -= 1,
                None => return Err("the schema has more than one root".into()),
            }
        }
        let depth = open.len();
        if depth == 1 {
            let name = element.name.clone();
            match kind_of(&element) {
                Ok((kind, physical)) => {
                    let chunk = wanted(&name).then_some(chunks);
                    chunks += usize::from(chunk.is_some());
                    let optional = element.repetition == 1;
                    footer.columns.push(FileColumn { name, kind, physical, optional, chunk, leaf: leaves });
                }
                Err(why) => footer.refused.push((name, why)),
            }
        }
        if element.children > 0 {
            if open.len() > 64 {
                return Err("columns are nested more than 64 deep".into());
            }
            open.push(element.children);
        } else if position > 0 {
            leaves += 1;
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    if open.is_empty() { Ok(leaves) } else { Err("the schema is cut".into()) }
}

fn row_groups(thrift: &mut Thrift<'_>, of: FieldType, leaves: usize, data_end: u64, footer: &mut Footer) -> Told<()> {
    // The position of the chunk that each leaf goes to.
    let mut places: Vec<Option<&FileColumn>> = vec![None; leaves];
    for column in footer.columns.iter().filter(|column| column.chunk.is_some()) {
        places[column.leaf] = Some(column);
    }
    for group in 0..thrift.structs(of)? {
        let first_row = footer.rows;
        let (mut rows, mut read) = (None, false);
        let before = footer.chunks.len();
        let values = &mut Vec::new();
        thrift.fields(|thrift, id, of| {
            match id {
                1 => {
                    let count = thrift.structs(of)?;
                    if count != leaves {
                        return Err(format!("row group {group}: wanted {leaves} columns, got {count}"));
                    }
                    for place in &places {
                        let chunk =
                            chunk(thrift, *place, data_end).map_err(|told| format!("row group {group}: {told}"))?;
                        if let Some((chunk, count)) = chunk {
                            footer.chunks.push(chunk);
                            values.push(count);
                        }
                    }
                    read = true;
                }
                3 => rows = Some(thrift.size(of)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let rows = rows.filter(|_| read).ok_or_else(|| format!("row group {group}: there are no columns or rows"))?;
        if rows > GROUP_ROWS_MAX {
            return Err(format!("row group {group}: wanted at most {GROUP_ROWS_MAX} rows, got {rows}"));
        }
        if let Some(values) = values.iter().find(|values| **values != rows) {
            return Err(format!("row group {group}: wanted {rows} values of a column, got {values}"));
        }
        let end = first_row.checked_add(rows).filter(|rows| *rows <= ROWS_MAX);
        footer.rows = end.ok_or("there are more than 2^40 rows")?;
        if rows == 0 {
            footer.chunks.truncate(before);
        } else {
            footer.groups.push(Group { first_row, rows });
        }
    }
    Ok(())
}

/// Reads the chunk of a column, with the number of its values; none if it is not wanted.
fn chunk(thrift: &mut Thrift<'_>, column: Option<&FileColumn>, data_end: u64) -> Told<Option<(ChunkPlace, u64)>> {
    let mut place = ChunkPlace { from: 0, to: 0, unpacked: 0, codec: 0, prefixes: false, range: None };
    let (mut values, mut data, mut dictionary, mut packed, mut physical) = (None, None, None, None, None);
    let mut elsewhere = false;
    thrift.fields(|thrift, id, of| {
        match id {
            1 => elsewhere = !thrift.binary(of)?.is_empty(),
            3 if column.is_some() => thrift.fields(|thrift, id, of| {
                match id {
                    1 => physical = Some(thrift.small(of)?),
                    2 => thrift.integers(of, |encoding| place.prefixes |= encoding == 7)?,
                    4 => place.codec = thrift.small(of)?,
                    5 => values = Some(thrift.size(of)?),
                    6 => place.unpacked = thrift.size(of)?,
                    7 => packed = Some(thrift.size(of)?),
                    9 => data = Some(thrift.size(of)?),
                    11 => dictionary = Some(thrift.size(of)?),
                    12 => place.range = statistics(thrift)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            8 if column.is_some() => return Err("a column is encrypted".into()),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let Some(column) = column else { return Ok(None) };
    let name = &column.name;
    if elsewhere {
        return Err(format!("column {name:?} is in another file"));
    }
    if values == Some(0) {
        // Where there are none, writers say anything of their place.
        return Ok(Some((ChunkPlace { from: 4, to: 4, ..place }, 0)));
    }
    let (Some(values), Some(data), Some(packed)) = (values, data, packed) else {
        return Err(format!("column {name:?} does not say where its pages are"));
    };
    if physical != Some(column.physical.number()) {
        return Err(format!("column {name:?} is not of the type that the schema says"));
    }
    if let Err(codec) = Codec::of(place.codec) {
        return Err(format!("column {name:?} is packed with {codec}; wanted snappy, gzip, zstd, lz4_raw or none"));
    }
    // A dictionary at 0 is none: there the file says what it is.
    place.from = dictionary.filter(|&dictionary| dictionary > 0 && dictionary < data).unwrap_or(data);
    place.to = place.from.checked_add(packed).filter(|to| *to <= data_end && place.from >= 4).ok_or_else(|| {
        format!("column {name:?}: wanted pages in bytes 4 to {data_end}, got {packed} from byte {}", place.from)
    })?;
    Ok(Some((place, values)))
}

/// The smallest and the largest value, where there are no nulls.
fn statistics(thrift: &mut Thrift<'_>) -> Told<Option<([u8; 8], [u8; 8])>> {
    let (mut min, mut max, mut nulls) = (None, None, None);
    let eight = |bytes: &[u8]| {
        let mut wide = [0; 8];
        (bytes.len() == 4 || bytes.len() == 8).then(|| {
            wide[..bytes.len()].copy_from_slice(bytes);
            wide
        })
    };
    thrift.fields(|thrift, id, of| {
        match id {
            3 => nulls = Some(thrift.size(of)?),
            5 => max = eight(thrift.binary(of)?),
            6 => min = eight(thrift.binary(of)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(min.zip(max).filter(|_| nulls == Some(0)))
}
