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
    /// Looks at all places once. `blocks` is how many there must be, `decoded` the bytes of a decoded block.
    pub fn read(input: &Input, directory: &Directory, tiled: bool, blocks: u64, decoded: u64) -> Result<Index> {
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
        let mut index = Index { offsets, lengths, longest: 0, stored: 0, sparse: 0 };
        index.survey(input, blocks, decoded)?;
        Ok(index)
    }

    fn survey(&mut self, input: &Input, blocks: u64, decoded: u64) -> Result<()> {
        let mut places = [BlockPlace::default(); LOOKUPS];
        let mut block = 0;
        while block < blocks {
            let count = (blocks - block).min(LOOKUPS as u64) as usize;
            self.lookup(input, block, decoded, &mut places[..count])?;
            for place in &places[..count] {
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
        let mut offsets = [0; LOOKUPS];
        let offsets = &mut offsets[..places.len()];
        values(input, self.offsets, first, offsets)?;
        let mut lengths = [0; LOOKUPS];
        let lengths = &mut lengths[..places.len()];
        if let Some(entry) = self.lengths {
            values(input, entry, first, lengths)?;
        }
        for (place, (offset, length)) in places.iter_mut().zip(offsets.iter().zip(lengths.iter())) {
            // Old programs leave lengths out: a packed block is then cut where it could not be longer.
            let unknown = self.lengths.is_none() && *offset > 0;
            let length = if unknown { decoded.min(input.length.saturating_sub(*offset)) } else { *length };
            *place = BlockPlace { offset: *offset, length: if *offset == 0 { 0 } else { length } };
        }
        Ok(())
    }
}

/// Values of an entry from `first` on.
fn values(input: &Input, entry: Entry, first: u64, values: &mut [u64]) -> Result<()> {
    let size = entry.unsigned_size().unwrap_or(8);
    let mut bytes = [0; 8 * LOOKUPS];
    let bytes = &mut bytes[..size * values.len()];
    input.read(bytes, entry.place + first * size as u64)?;
    for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(size)) {
        *value = input.order.unsigned(bytes);
    }
    Ok(())
}
