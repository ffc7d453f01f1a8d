//! The file is put together: its directory, then the encoded blocks in their order, copied as they are.
//!
//! A unit is the head of the file or a fixed number of pieces behind it. Each knows its place in the file, so any worker
//! may write any of them, and writing one twice changes nothing.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Error, Receipt, Receipts, Result, Stage, Store, TaskContext, TaskKey, TaskSpec, fault};
use swath_formats::geotiff::Interleave;
use swath_formats::geotiff::write::{EncodedBlocks, Layout, Piece, write_head, write_pieces};

use super::encode::Encoded;
use super::job::{Plan, stage};
use super::running::{Running, Shared};
use crate::work::get_or_try_init;

/// Pieces of a unit.
const PIECES: u64 = 64;
/// Bytes that are copied at once.
const COPIED: usize = 256 << 10;
/// What a task takes besides: the buffer of the file, and the directory of the file as text.
const SMALL: Bytes = Bytes(1 << 20);

/// Where a piece is on scratch.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    blob: u32,
    length: u32,
    offset: u64,
}

/// Where all encoded blocks are, and what the file looks like.
pub struct Places {
    blobs: Vec<Blob>,
    /// By row, column and part of the block.
    places: Vec<Place>,
    columns: u64,
    parts: u64,
    layout: Layout,
}

/// Parts that each block is encoded to.
pub fn parts_of_block(plan: &Plan) -> u64 {
    let bands = plan.description.grid.bands.len();
    let planes = match plan.description.options.effective_interleave(bands) {
        Interleave::Pixel => 1,
        Interleave::Band => bands as u64,
    };
    planes + u64::from(plan.description.grid.has_mask)
}

/// Memory of the places of all blocks.
pub fn places_bytes(plan: &Plan) -> Bytes {
    Bytes(plan.order.blocks().pixels() * parts_of_block(plan) * size_of::<Place>() as u64)
}

/// Memory of a task.
pub fn task_bytes() -> Bytes {
    SMALL + Bytes(2 * COPIED as u64)
}

/// The places of a run whose blocks are encoded; made once.
fn places<'a>(running: &'a Running, done: &Receipts) -> Result<&'a Places> {
    get_or_try_init(&running.places, || {
        let (order, parts) = (running.order(), parts_of_block(&running.plan));
        let columns = u64::from(order.blocks().columns);
        let mut blobs = Vec::new();
        let mut places = vec![Place::default(); (order.blocks().pixels() * parts) as usize];
        for receipt in done.of_stage(stage::ENCODE) {
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
        let mut reader = Reader { store: &running.store, blobs: &blobs, places: &places, columns, parts };
        let layout = Layout::new(&running.plan.description, &mut reader)?;
        Ok(Places { blobs, places, columns, parts, layout })
    })
}

/// Encoded blocks as the file wants them.
struct Reader<'a> {
    store: &'a Store,
    blobs: &'a [Blob],
    places: &'a [Place],
    columns: u64,
    parts: u64,
}

impl Reader<'_> {
    fn place(&self, piece: Piece) -> Result<Place> {
        let block = u64::from(piece.row) * self.columns + u64::from(piece.column);
        let place = self.places.get((block * self.parts) as usize + piece.part).filter(|_| piece.level == 0);
        place.copied().ok_or_else(|| Error::unexpected(format!("there is no {piece:?}")))
    }
}

impl EncodedBlocks for Reader<'_> {
    fn length(&mut self, piece: Piece) -> Result<u32> {
        Ok(self.place(piece)?.length)
    }

    fn copy(&mut self, piece: Piece, out: &mut dyn Write) -> Result<()> {
        let place = self.place(piece)?;
        let mut buffer = vec![0; COPIED.min(place.length as usize)];
        let (mut offset, end) = (place.offset, place.offset + u64::from(place.length));
        while offset < end {
            let count = buffer.len().min((end - offset) as usize);
            self.store.read(&self.blobs[place.blob as usize], offset, &mut buffer[..count])?;
            out.write_all(&buffer[..count]).map_err(|error| Error::unexpected(error.to_string()))?;
            offset += count as u64;
        }
        Ok(())
    }
}

/// What is told of a written part of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Written {
    bytes: u64,
}

/// Writes the file.
pub struct Assemble {
    /// What it works with.
    pub running: Shared,
    /// Memory of a task.
    pub bytes: Bytes,
}

/// How many units there are.
pub fn units(plan: &Plan) -> u64 {
    1 + (plan.order.blocks().pixels() * parts_of_block(plan)).div_ceil(PIECES)
}

impl Assemble {
    /// The file in the making, from a place on.
    fn open(&self, offset: u64) -> Result<File> {
        let path = &self.running.output;
        let open = || {
            fault::point("raster.create")?;
            let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            Ok(file)
        };
        open().map_err(|error: std::io::Error| Error::writing(path, &error))
    }
}

impl Stage for Assemble {
    fn name(&self) -> &str {
        "assemble"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let missing = done.missing(stage::ASSEMBLE, units(&self.running.plan)).into_iter().flatten();
        let key = |unit| TaskKey { stage: stage::ASSEMBLE, units: unit..unit + 1 };
        Ok(missing.map(|unit| TaskSpec { key: key(unit), bytes: self.bytes }).collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let places = places(&self.running, context.done)?;
        let (layout, path) = (&places.layout, &self.running.output);
        let mut blocks = Reader {
            store: &self.running.store,
            blobs: &places.blobs,
            places: &places.places,
            columns: places.columns,
            parts: places.parts,
        };
        let bytes = match key.units.start.checked_sub(1) {
            None => write_head(&mut self.open(0)?, path, layout, &mut blocks)?,
            Some(number) => {
                let pieces = number * PIECES..((number + 1) * PIECES).min(layout.pieces());
                let offset = layout.offset_of(pieces.start, &mut blocks)?;
                write_pieces(&mut self.open(offset)?, path, layout, pieces, &mut blocks)?
            }
        };
        Receipt::new(key.clone(), &Written { bytes })
    }

    /// Holds the file against its layout.
    fn finish(&self, done: &Receipts) -> Result<()> {
        let places = places(&self.running, done)?;
        let mut written = 0;
        for receipt in done.of_stage(stage::ASSEMBLE) {
            written += receipt.read::<Written>()?.bytes;
        }
        let path = &self.running.output;
        let there = std::fs::metadata(path).map_err(|error| Error::writing(path, &error))?.len();
        let wanted = places.layout.bytes();
        if written == wanted && there == wanted {
            return Ok(());
        }
        Err(Error::unexpected(format!("{}: wanted {wanted} bytes, wrote {written}, got {there}", path.display())))
    }
}
