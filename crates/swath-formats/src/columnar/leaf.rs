//! A column of a file of any format, as those see it who make columns of batches.

use swath_core::{Error, Result};

use super::head::Head;
use super::kind::Kind;
use super::slots::{Slots, Stated};
use crate::store::ReadAt;
use crate::{arrow, parquet};

/// An open file, and what is needed to read its columns.
pub(super) enum Io {
    Parquet(parquet::Io),
    Arrow(arrow::Io),
}

impl Io {
    pub fn new(file: Box<dyn ReadAt>, head: &Head) -> Io {
        match head {
            Head::Parquet(_) => Io::Parquet(parquet::Io::new(file)),
            Head::Arrow(_) => Io::Arrow(arrow::Io::new(file)),
        }
    }

    /// Memory that it takes, but for what columns share to be unpacked.
    pub fn bytes(&self) -> u64 {
        match self {
            Io::Parquet(_) => parquet::Io::BYTES,
            Io::Arrow(_) => arrow::Io::BYTES,
        }
    }
}

/// A column that is being read: some thousand decoded values, of which those before `from` are used.
#[derive(Debug)]
pub(super) enum Leaf {
    /// With the position of its chunks.
    Parquet(Box<parquet::Leaf>, usize),
    Arrow(Box<arrow::Leaf>),
}

impl Leaf {
    /// A wanted column of a file, the first with the name. Of a longer text than `text_max` bytes it may show some more
    /// bytes than that.
    pub fn new(head: &Head, name: &str, text_max: usize) -> Option<Leaf> {
        match head {
            Head::Parquet(footer) => {
                let (chunk, column) = footer.wanted().find(|(_, column)| column.name == name)?;
                Some(Leaf::Parquet(Box::new(parquet::Leaf::new(column.clone())), chunk))
            }
            Head::Arrow(outline) => {
                let column = outline.columns.iter().find(|column| column.is_wanted && column.name == name)?;
                Some(Leaf::Arrow(Box::new(arrow::Leaf::new(column.clone(), text_max))))
            }
        }
    }

    /// For who wants few rows: nothing is in memory that could be large as a whole.
    pub fn read_few(&mut self) {
        if let Leaf::Arrow(leaf) = self {
            leaf.read_few();
        }
    }

    /// Begins with the first row of a group.
    pub fn open(&mut self, head: &Head, io: &mut Io, group: usize) -> Result<()> {
        match (self, head, io) {
            (Leaf::Parquet(leaf, chunk), Head::Parquet(footer), _) => {
                leaf.open(&footer.chunks_of(group)[*chunk], footer.groups[group].rows);
                Ok(())
            }
            (Leaf::Arrow(leaf), Head::Arrow(outline), Io::Arrow(io)) => leaf.open(outline, io, group),
            _ => Err(mixed()),
        }
    }

    /// Makes sure that there are decoded values; answers how many.
    pub fn fill(&mut self, io: &mut Io) -> Result<usize> {
        match (self, io) {
            (Leaf::Parquet(leaf, _), Io::Parquet(io)) => leaf.fill(io),
            (Leaf::Arrow(leaf), Io::Arrow(io)) => leaf.fill(io),
            _ => Err(mixed()),
        }
    }

    /// Passes over rows of the group.
    pub fn skip(&mut self, io: &mut Io, rows: u64) -> Result<()> {
        match (self, io) {
            (Leaf::Parquet(leaf, _), Io::Parquet(io)) => leaf.skip(io, rows),
            (Leaf::Arrow(leaf), Io::Arrow(_)) => {
                leaf.skip(rows);
                Ok(())
            }
            _ => Err(mixed()),
        }
    }

    /// Bytes of the text in a slot that it does not show, since it is longer than anybody wants.
    pub fn left_out(&self, slot: usize) -> u64 {
        match self {
            Leaf::Parquet(..) => 0,
            Leaf::Arrow(leaf) => leaf.left_out(slot),
        }
    }

    /// Takes values as used.
    pub fn advance(&mut self, rows: usize) {
        match self {
            Leaf::Parquet(leaf, _) => leaf.advance(rows),
            Leaf::Arrow(leaf) => leaf.advance(rows),
        }
    }

    /// Memory that it takes at most, and that of what is unpacked for it, which columns share.
    pub fn bytes_max(&self, head: &Head, io: &mut Io) -> Result<(u64, u64)> {
        match (self, head, io) {
            (Leaf::Parquet(leaf, chunk), Head::Parquet(footer), Io::Parquet(io)) => {
                parquet::column_bytes_max(footer, io, &leaf.column, *chunk)
            }
            (Leaf::Arrow(leaf), Head::Arrow(outline), Io::Arrow(_)) => Ok(leaf.bytes_max(outline)),
            _ => Err(mixed()),
        }
    }

    /// The smallest and the largest value of a group, if the file states them and none is null.
    pub fn range(&self, head: &Head, group: usize) -> Option<(Stated, Stated)> {
        match (self, head) {
            (Leaf::Parquet(leaf, chunk), Head::Parquet(footer)) => {
                let (min, max) = footer.chunks_of(group)[*chunk].range?;
                Some((leaf.column.stated(min)?, leaf.column.stated(max)?))
            }
            _ => None,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Leaf::Parquet(leaf, _) => &leaf.column.name,
            Leaf::Arrow(leaf) => &leaf.column.name,
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Leaf::Parquet(leaf, _) => leaf.column.kind,
            Leaf::Arrow(leaf) => leaf.column.kind,
        }
    }

    pub fn slots(&self) -> &Slots {
        match self {
            Leaf::Parquet(leaf, _) => &leaf.slots,
            Leaf::Arrow(leaf) => &leaf.slots,
        }
    }

    pub fn valid(&self) -> &[u8] {
        match self {
            Leaf::Parquet(leaf, _) => &leaf.valid,
            Leaf::Arrow(leaf) => &leaf.valid,
        }
    }

    /// The first decoded value that is not used.
    pub fn from(&self) -> usize {
        match self {
            Leaf::Parquet(leaf, _) => leaf.from,
            Leaf::Arrow(leaf) => leaf.from,
        }
    }

    /// Where decoded texts are in a dictionary, if they are in one.
    pub fn indices(&self) -> &[u32] {
        match self {
            Leaf::Parquet(leaf, _) => &leaf.indices,
            Leaf::Arrow(leaf) => &leaf.indices,
        }
    }

    /// What the makers of columns know of the texts of the dictionary.
    pub fn codes_mut(&mut self) -> &mut Vec<u32> {
        match self {
            Leaf::Parquet(leaf, _) => &mut leaf.codes,
            Leaf::Arrow(leaf) => leaf.codes_mut(),
        }
    }

    /// Whether texts are in the dictionary.
    pub fn is_indexed(&self) -> bool {
        match self {
            Leaf::Parquet(leaf, _) => leaf.is_indexed(),
            Leaf::Arrow(leaf) => leaf.is_indexed(),
        }
    }

    /// The bytes that texts are in.
    pub fn source(&self) -> &[u8] {
        match self {
            Leaf::Parquet(leaf, _) => leaf.source(),
            Leaf::Arrow(leaf) => leaf.source(),
        }
    }

    /// A text of the dictionary.
    pub fn entry(&self, index: usize) -> &[u8] {
        match self {
            Leaf::Parquet(leaf, _) => leaf.entry(index),
            Leaf::Arrow(leaf) => leaf.entry(index),
        }
    }

    /// Bytes of the text in a slot.
    pub fn text(&self, slot: usize) -> &[u8] {
        let (start, end) = self.slots().views[slot];
        &self.source()[start as usize..end as usize]
    }
}

/// Columns of a file are all of its own format.
fn mixed() -> Error {
    Error::unexpected("a column is of another format than its file")
}
