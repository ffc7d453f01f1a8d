//! What files with columns say of themselves: the format, the columns that can be read, and the groups of rows.

use swath_core::{Error, Result};

use super::kind::Kind;
use crate::arrow::{self, Outline};
use crate::parquet::Footer;
use crate::store::{ReadAt, read_full};

/// Bytes of a file that tell its format.
const HEAD_BYTES: usize = 4096;

/// A format of files with columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Parquet.
    Parquet,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
}

impl Format {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Format::Parquet => "Parquet",
            Format::Arrow => "Arrow IPC",
        }
    }

    /// The format of a file of so many bytes; none if it has no columns. A name of a column may begin like a Parquet file;
    /// then the file does not end like one, and has no zeros.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`], also for the first version of Feather.
    pub fn of(file: &dyn ReadAt, size: u64) -> Result<Option<Format>> {
        let (mut head, mut tail) = ([0; HEAD_BYTES], [0; 4]);
        let few = read_full(file, &mut head[..arrow::MARK_BYTES], 0)?;
        if arrow::is_arrow(&head[..few]) {
            return Ok(Some(Format::Arrow));
        }
        let is_feather = head.starts_with(b"FEA1");
        if !is_feather && !head.starts_with(b"PAR1") {
            return Ok(None);
        }
        let read = read_full(file, &mut head, 0)?;
        read_full(file, &mut tail, size.saturating_sub(4))?;
        let has_zeros = head[..read].contains(&0);
        if is_feather && (has_zeros || size >= 12 && &tail == b"FEA1") {
            return Err(Error::InputUnreadable {
                path: file.path().into(),
                reason: "it is Feather of version 1; wanted version 2, which is Arrow IPC".into(),
                hint: "write it again: pyarrow.feather.write_feather(pyarrow.feather.read_table(old), new)".into(),
            });
        }
        let is_parquet = !is_feather && (size >= 12 && matches!(&tail, b"PAR1" | b"PARE") || has_zeros);
        Ok(is_parquet.then_some(Format::Parquet))
    }
}

/// What a file says of itself.
#[derive(Debug, Clone)]
pub enum Head {
    /// The footer of a Parquet file.
    Parquet(Footer),
    /// What the messages of Arrow IPC say.
    Arrow(Outline),
}

impl Head {
    /// Reads what a file of so many bytes says; of groups of rows it keeps the columns that are `wanted`.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`]; [`Error::InputCorrupt`] for what is no whole file of its format.
    pub fn read(file: &dyn ReadAt, size: u64, wanted: &dyn Fn(&str) -> bool) -> Result<Head> {
        match Format::of(file, size)? {
            Some(Format::Arrow) => Ok(Head::Arrow(Outline::read(file, size, wanted)?)),
            _ => Ok(Head::Parquet(Footer::read(file, size, wanted)?)),
        }
    }

    /// Whether it says where it ends; a stream of Arrow may just stop.
    pub fn is_ended(&self) -> bool {
        match self {
            Head::Parquet(_) => true,
            Head::Arrow(outline) => outline.is_ended,
        }
    }

    /// Rows of the file.
    pub fn rows(&self) -> u64 {
        match self {
            Head::Parquet(footer) => footer.rows,
            Head::Arrow(outline) => outline.rows,
        }
    }

    /// The columns that can be read, in the order of the file.
    pub fn columns(&self) -> impl Iterator<Item = (&str, Kind)> {
        let (parquet, arrow) = match self {
            Head::Parquet(footer) => (&footer.columns[..], &[][..]),
            Head::Arrow(outline) => (&[][..], &outline.columns[..]),
        };
        let parquet = parquet.iter().map(|column| (column.name.as_str(), column.kind));
        parquet.chain(arrow.iter().map(|column| (column.name.as_str(), column.kind)))
    }

    /// The names of the columns that were wanted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.wanted().map(|(name, _)| name)
    }

    /// The columns that were wanted.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (&str, Kind)> {
        let is_wanted: Vec<bool> = match self {
            Head::Parquet(footer) => footer.columns.iter().map(|column| column.chunk.is_some()).collect(),
            Head::Arrow(outline) => outline.columns.iter().map(|column| column.is_wanted).collect(),
        };
        self.columns().zip(is_wanted).filter_map(|(column, is_wanted)| is_wanted.then_some(column))
    }

    /// The columns that cannot be read, and why.
    pub fn refused(&self) -> &[(String, String)] {
        match self {
            Head::Parquet(footer) => &footer.refused,
            Head::Arrow(outline) => &outline.refused,
        }
    }

    /// How many groups of rows there are: row groups, or record batches.
    pub fn groups(&self) -> usize {
        match self {
            Head::Parquet(footer) => footer.groups.len(),
            Head::Arrow(outline) => outline.batches.len(),
        }
    }

    /// The first row of a group, and how many it has.
    pub(super) fn group(&self, group: usize) -> (u64, u64) {
        match self {
            Head::Parquet(footer) => (footer.groups[group].first_row, footer.groups[group].rows),
            Head::Arrow(outline) => (outline.batches[group].first_row, outline.batches[group].rows),
        }
    }

    /// The first group that ends after a row.
    pub(super) fn group_after(&self, row: u64) -> usize {
        match self {
            Head::Parquet(footer) => footer.groups.partition_point(|group| group.first_row + group.rows <= row),
            Head::Arrow(outline) => outline.batches.partition_point(|batch| batch.first_row + batch.rows <= row),
        }
    }

    /// Rows of each group, in order.
    pub fn group_rows(&self) -> impl Iterator<Item = u64> + '_ {
        (0..self.groups()).map(|group| self.group(group).1)
    }

    /// Bytes of all wanted columns as they are packed.
    pub fn packed_bytes(&self) -> u64 {
        match self {
            Head::Parquet(footer) => footer.packed_bytes(),
            Head::Arrow(outline) => outline.packed_bytes,
        }
    }

    /// Bytes of all wanted columns when they are unpacked.
    pub fn unpacked_bytes(&self) -> u64 {
        match self {
            Head::Parquet(footer) => footer.unpacked_bytes(),
            Head::Arrow(outline) => outline.unpacked_bytes,
        }
    }

    /// Memory that it takes once it is read, and what reading it took.
    pub fn memory(&self) -> u64 {
        match self {
            Head::Parquet(footer) => footer.memory(),
            Head::Arrow(outline) => outline.memory(),
        }
    }
}
