//! Where the blocks of an image are: looked up in the file, a few at a time.
//!
//! The arrays of offsets and lengths may be the larger part of a file of many blocks. They stay on disk, so that a grid
//! costs the same memory however many blocks it has; a lookup is two reads, which the system answers from its cache.

use swath_core::Result;

use super::directory::{Directory, Entry};
use super::input::Input;
use crate::geotiff::tags;

/// Lookups that are done with one read.
pub(super) const LOOKUPS: usize = 64;

/// Values that a survey reads at once.
const SURVEYED: usize = 8192;

/// Where a block is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct BlockPlace {
    /// Its first byte.
    pub offset: u64,
    /// Its bytes as they are stored; 0 if it was never written.
    pub length: u64,
}

/// Where the places of blocks are.
#[derive(Debug)]
pub(super) struct Index {
    offsets: Entry,
    lengths: Option<Entry>,
    /// Bytes of the longest block, as far as that is in the file.
    pub longest: u64,
    /// Bytes of all blocks together.
    pub stored: u64,
    /// Blocks that were never written.
    pub sparse: u64,
}

impl Index {
    /// Finds where the places of so many blocks are, and looks at none of them: see [`Index::survey`].
    pub fn read(input: &Input, directory: &Directory, tiled: bool, blocks: u64) -> Result<Index> {
        let (offsets, lengths) = if tiled {
            (tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS)
        } else {
            (tags::STRIP_OFFSETS, tags::STRIP_BYTE_COUNTS)
        };
        // Some programs name tiles strips, and the other way round.
        let (other_offsets, other_lengths) = if tiled {
            (tags::STRIP_OFFSETS, tags::STRIP_BYTE_COUNTS)
        } else {
            (tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS)
        };
        let entry = |tag| directory.entry(input, tag);
        let Some(offsets) = entry(offsets)?.or(entry(other_offsets)?) else {
            return Err(input.corrupt(directory.offset, "it does not say where its pixels are"));
        };
        let lengths = entry(lengths)?.or(entry(other_lengths)?).filter(|lengths| lengths.count > 0);
        for entry in [Some(offsets), lengths].into_iter().flatten() {
            if entry.unsigned_size().is_none() {
                return Err(input.corrupt(entry.place, "places of blocks should be whole numbers"));
            }
            if entry.count < blocks {
                let message = format!("{blocks} blocks are wanted by its size, {} are named", entry.count);
                return Err(input.corrupt(entry.place, message));
            }
        }
        Ok(Index { offsets, lengths, longest: 0, stored: 0, sparse: 0 })
    }

    /// Bytes that the places of so many blocks take in the file.
    pub fn bytes_of(&self, blocks: u64) -> u64 {
        let of = |entry: &Entry| entry.bytes_of(blocks);
        of(&self.offsets).saturating_add(self.lengths.as_ref().map_or(0, of))
    }

    /// Looks at the places of all blocks once. `decoded` is the bytes of a decoded block.
    ///
    /// # Memory
    /// Two buffers of [`SURVEYED`] values.
    pub fn survey(&mut self, input: &Input, blocks: u64, decoded: u64) -> Result<()> {
        let room = blocks.min(SURVEYED as u64) as usize;
        let (mut offsets, mut lengths) = (vec![0; 8 * room], vec![0; 8 * room]);
        let mut block = 0;
        while block < blocks {
            let count = (blocks - block).min(room as u64) as usize;
            let offsets = values(input, self.offsets, block, &mut offsets, count)?;
            let lengths = match self.lengths {
                Some(entry) => Some(values(input, entry, block, &mut lengths, count)?),
                None => None,
            };
            for (offset, length) in pairs(offsets, lengths) {
                let place = self.place(input, decoded, offset, length);
                self.longest = self.longest.max(place.length.min(input.length.saturating_sub(place.offset)));
                self.stored = self.stored.saturating_add(place.length);
                self.sparse += u64::from(place.length == 0);
            }
            block += count as u64;
        }
        Ok(())
    }

    /// Finds the places of blocks from `first` on, no more than [`LOOKUPS`].
    pub fn lookup(&self, input: &Input, first: u64, decoded: u64, places: &mut [BlockPlace]) -> Result<()> {
        let (mut offsets, mut lengths) = ([0; 8 * LOOKUPS], [0; 8 * LOOKUPS]);
        let offsets = values(input, self.offsets, first, &mut offsets, places.len())?;
        let lengths = match self.lengths {
            Some(entry) => Some(values(input, entry, first, &mut lengths, places.len())?),
            None => None,
        };
        for (place, (offset, length)) in places.iter_mut().zip(pairs(offsets, lengths)) {
            *place = self.place(input, decoded, offset, length);
        }
        Ok(())
    }

    fn place(&self, input: &Input, decoded: u64, offset: u64, length: u64) -> BlockPlace {
        // Old programs leave lengths out: a packed block is then cut where it could not be longer.
        let unknown = self.lengths.is_none() && offset > 0;
        let length = if unknown { decoded.min(input.length.saturating_sub(offset)) } else { length };
        BlockPlace { offset, length: if offset == 0 { 0 } else { length } }
    }
}

/// Offsets with their lengths; 0 where there are no lengths.
fn pairs(
    offsets: impl Iterator<Item = u64>,
    lengths: Option<impl Iterator<Item = u64>>,
) -> impl Iterator<Item = (u64, u64)> {
    let mut lengths = lengths;
    offsets.map(move |offset| (offset, lengths.as_mut().and_then(Iterator::next).unwrap_or(0)))
}

/// So many values of an entry from `first` on; `bytes` has room for 8 bytes of each.
fn values<'a>(
    input: &'a Input,
    entry: Entry,
    first: u64,
    bytes: &'a mut [u8],
    count: usize,
) -> Result<impl Iterator<Item = u64> + 'a> {
    let size = entry.unsigned_size().unwrap_or(8);
    let bytes = &mut bytes[..size * count];
    input.read(bytes, entry.place + first * size as u64)?;
    Ok(bytes.chunks_exact(size).map(|bytes| input.order.unsigned(bytes)))
}
