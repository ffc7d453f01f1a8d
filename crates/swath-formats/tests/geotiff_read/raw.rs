//! TIFFs put together directory by directory, so that directories may share what they point at.

use std::path::PathBuf;

use crate::made::{Saved, save};

/// Types of values.
pub const TEXT: u16 = 2;
pub const SHORT: u16 = 3;
pub const LONG: u16 = 4;
pub const DOUBLE: u16 = 12;

/// A little-endian file that grows.
pub struct Raw {
    bytes: Vec<u8>,
    link: usize,
    big: bool,
}

/// An entry: tag, type, how many values, and the value or where they are.
pub type Entry = (u16, u16, u32, u32);

impl Raw {
    pub fn new() -> Raw {
        Raw { bytes: b"II\x2a\0\0\0\0\0".to_vec(), link: 4, big: false }
    }

    /// A BigTIFF.
    pub fn big() -> Raw {
        Raw { bytes: b"II\x2b\0\x08\0\0\0\0\0\0\0\0\0\0\0".to_vec(), link: 8, big: true }
    }

    /// Adds bytes; answers where they are.
    pub fn add(&mut self, bytes: &[u8]) -> u32 {
        let place = self.bytes.len() as u32;
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(2), 0);
        place
    }

    /// Adds a directory that nothing leads to; answers where it is.
    pub fn aside(&mut self, entries: &[Entry]) -> u32 {
        let mut entries = entries.to_vec();
        entries.sort_unstable();
        let wide = if self.big { 8 } else { 4 };
        let number = |value: u64| value.to_le_bytes()[..wide].to_vec();
        let mut bytes = (entries.len() as u64).to_le_bytes()[..if self.big { 8 } else { 2 }].to_vec();
        for (tag, kind, count, value) in entries {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([number(count.into()), number(value.into())].concat());
        }
        bytes.extend(number(0));
        self.add(&bytes)
    }

    /// Adds the directory that follows the last one.
    pub fn follow(&mut self, entries: &[Entry]) {
        let place = self.aside(entries);
        self.bytes[self.link..self.link + 4].copy_from_slice(&place.to_le_bytes());
        let (head, entry) = if self.big { (8, 20) } else { (2, 12) };
        self.link = place as usize + head + entry * entries.len();
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn save(&self) -> Saved {
        save(&self.bytes)
    }

    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// Entries of an image of bytes in one strip at the start of the file, which is as good as any place.
pub fn strip(rows: u32, columns: u32, more: &[Entry]) -> Vec<Entry> {
    let own = [
        (256, LONG, 1, columns),
        (257, LONG, 1, rows),
        (258, SHORT, 1, 8),
        (259, SHORT, 1, 1),
        (262, SHORT, 1, 1),
        (273, LONG, 1, 8),
        (278, LONG, 1, rows),
        (279, LONG, 1, rows * columns),
    ];
    let is_new = |entry: &&Entry| more.iter().all(|other| other.0 != entry.0);
    own.iter().filter(is_new).chain(more).copied().collect()
}

/// The path of a file beside another one.
pub fn beside(saved: &Saved, ending: &str) -> PathBuf {
    swath_formats::geotiff::read::with_ending(&saved.0, ending)
}
