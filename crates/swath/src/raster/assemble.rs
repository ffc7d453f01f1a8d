//! The file is put together: its directory, then the encoded blocks in their order, copied as they are.
//!
//! A unit is the head of the file or a fixed number of pieces behind it. Each knows its place in the file, so any worker
//! may write any of them, and writing one twice changes nothing.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Error, Receipt, Receipts, Result, Stage, Store, TaskContext, TaskKey, TaskSpec, fault};
use swath_formats::geotiff::write::{EncodedBlocks, Layout, Piece, write_head, write_pieces};

use super::job::Plan;
use super::places::{Part, Places, parts_in_file};
use super::running::{Running, Shared};
use crate::work::get_or_try_init;

/// Pieces of a unit.
const PIECES: u64 = 64;
/// Bytes that are copied at once.
const COPIED: usize = 256 << 10;
/// What a task takes besides: the buffer of the file, and the directory of the file as text.
const SMALL: Bytes = Bytes(1 << 20);

/// Memory of a task.
pub fn task_bytes() -> Bytes {
    SMALL + Bytes(2 * COPIED as u64)
}

/// What the file looks like, once all blocks are encoded.
fn layout<'a>(running: &'a Running, reader: &mut Reader<'_>) -> Result<&'a Layout> {
    get_or_try_init(&running.layout, || Layout::new(&running.plan.description, reader))
}

/// Encoded blocks as the file wants them.
struct Reader<'a> {
    store: &'a Store,
    levels: Vec<&'a Places>,
    /// What is copied at once; empty until something is.
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(running: &'a Running, done: &Receipts) -> Result<Reader<'a>> {
        let levels = (0..running.plan.levels.len()).map(|level| running.places(level, done));
        Ok(Reader { store: &running.store, levels: levels.collect::<Result<_>>()?, buffer: Vec::new() })
    }

    fn part(&self, piece: Piece) -> Result<Part> {
        let places = self.levels.get(piece.level).ok_or_else(|| Error::unexpected(format!("there is no {piece:?}")))?;
        places.part(piece.row, piece.column, piece.part as u64)
    }
}

impl EncodedBlocks for Reader<'_> {
    fn length(&mut self, piece: Piece) -> Result<u32> {
        Ok(self.part(piece)?.length)
    }

    fn copy(&mut self, piece: Piece, out: &mut dyn Write) -> Result<()> {
        let part = self.part(piece)?;
        let buffer = &mut self.buffer;
        buffer.resize(buffer.len().max(COPIED.min(part.length as usize)), 0);
        let (mut offset, end) = (part.offset, part.offset + u64::from(part.length));
        while offset < end {
            let count = buffer.len().min((end - offset) as usize);
            self.store.read(&part.blob, offset, &mut buffer[..count])?;
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
    let blocks: u64 = plan.levels.iter().map(|level| level.order.blocks().pixels()).sum();
    1 + (blocks * parts_in_file(plan)).div_ceil(PIECES)
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
        let stage = self.running.plan.assemble_stage();
        let missing = done.missing(stage, units(&self.running.plan)).into_iter().flatten();
        let key = |unit| TaskKey { stage, units: unit..unit + 1 };
        Ok(missing.map(|unit| TaskSpec { key: key(unit), bytes: self.bytes }).collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let mut blocks = Reader::new(&self.running, context.done)?;
        let (layout, path) = (layout(&self.running, &mut blocks)?, &self.running.output);
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
        let layout = layout(&self.running, &mut Reader::new(&self.running, done)?)?;
        let mut written = 0;
        for receipt in done.of_stage(self.running.plan.assemble_stage()) {
            written += receipt.read::<Written>()?.bytes;
        }
        let path = &self.running.output;
        let there = std::fs::metadata(path).map_err(|error| Error::writing(path, &error))?.len();
        let wanted = layout.bytes();
        if written == wanted && there == wanted {
            return Ok(());
        }
        Err(Error::unexpected(format!("{}: wanted {wanted} bytes, wrote {written}, got {there}", path.display())))
    }
}
