//! Where the encoded blocks of a level are until the file is whole, and with them what the next smaller level is made of.

use swath_core::{Blob, Bytes, Error, Receipts, Result};
use swath_formats::geotiff::Interleave;

use super::encode::Encoded;
use super::job::Plan;

/// Where a part of a block is on scratch.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    blob: u32,
    length: u32,
    offset: u64,
}

/// A part of a block, wherever it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// What it lies in.
    pub blob: Blob,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub length: u32,
}

/// Where the parts of all blocks of a level are.
pub struct Places {
    blobs: Vec<Blob>,
    /// By row, column and part of the block.
    places: Vec<Place>,
    columns: u64,
    parts: u64,
}

/// Parts of a block that the file holds: its pixels, band by band where they lie so, and its mask.
pub fn parts_in_file(plan: &Plan) -> u64 {
    let bands = plan.grid().bands.len();
    let planes = match plan.options().effective_interleave(bands) {
        Interleave::Pixel => 1,
        Interleave::Band => bands as u64,
    };
    planes + u64::from(plan.grid().has_mask)
}

/// Parts of a block of a level: what the file holds, and behind it the block's overview, if a smaller level follows.
pub fn parts_of_block(plan: &Plan, level: usize) -> u64 {
    parts_in_file(plan) + u64::from(level + 1 < plan.levels.len())
}

/// Memory of the places of all levels.
pub fn places_bytes(plan: &Plan) -> Bytes {
    let entries = plan
        .levels
        .iter()
        .enumerate()
        .map(|(number, level)| level.order.blocks().pixels() * parts_of_block(plan, number));
    Bytes(entries.sum::<u64>() * size_of::<Place>() as u64)
}

impl Places {
    /// The places of a level whose blocks are all encoded.
    ///
    /// # Errors
    /// When a receipt cannot be read.
    pub fn of(plan: &Plan, level: usize, done: &Receipts) -> Result<Places> {
        let (order, parts) = (plan.levels[level].order, parts_of_block(plan, level));
        let columns = u64::from(order.blocks().columns);
        let mut blobs = Vec::new();
        let mut places = vec![Place::default(); (order.blocks().pixels() * parts) as usize];
        for receipt in done.of_stage(level as u16) {
            let encoded: Encoded = receipt.read()?;
            let mut lengths = encoded.lengths.iter();
            let mut offset = 0;
            for (row, column) in receipt.key.units.clone().filter_map(|unit| order.block_at(unit)) {
                let first = (u64::from(row) * columns + u64::from(column)) * parts;
                for place in &mut places[first as usize..(first + parts) as usize] {
                    let length = *lengths.next().ok_or_else(|| Error::unexpected("a block has no length"))?;
                    *place = Place { blob: blobs.len() as u32, length, offset };
                    offset += u64::from(length);
                }
            }
            blobs.push(encoded.blob);
        }
        Ok(Places { blobs, places, columns, parts })
    }

    /// A part of the block at a row and a column.
    ///
    /// # Errors
    /// When there is no such part.
    pub fn part(&self, row: u32, column: u32, part: u64) -> Result<Part> {
        let block = u64::from(row) * self.columns + u64::from(column);
        let place = self.places.get((block * self.parts + part) as usize);
        let place = place.filter(|_| u64::from(column) < self.columns && part < self.parts);
        let place =
            place.ok_or_else(|| Error::unexpected(format!("there is no part {part} of a block {row}, {column}")))?;
        let blob = self.blobs.get(place.blob as usize);
        let blob = blob.ok_or_else(|| Error::unexpected(format!("block {row}, {column} was never encoded")))?;
        Ok(Part { blob: *blob, offset: place.offset, length: place.length })
    }
}
