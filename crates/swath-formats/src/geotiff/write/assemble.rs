//! Puts a file together: what comes before the blocks, then the blocks, copied as they are.
//!
//! It may be done by one call or range by range. Nothing is decoded, and nothing is synced: whoever shows the file does.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use swath_core::{Error, Result, fault};

use super::directory::Value;
use super::layout::Layout;
use super::pieces::Piece;

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// The encoded blocks of a file, wherever they are kept.
pub trait EncodedBlocks {
    /// Bytes of a piece; 0 for one that is left out. It must always answer alike.
    ///
    /// # Errors
    /// When the piece is not known.
    fn length(&mut self, piece: Piece) -> Result<u32>;

    /// Writes the bytes of a piece to `out`, whose errors it may pass on in any form: they are kept.
    ///
    /// # Errors
    /// When the bytes cannot be read.
    fn copy(&mut self, piece: Piece, out: &mut dyn Write) -> Result<()>;
}

/// Writes a whole file to `path`, over whatever is there; answers its bytes.
///
/// # Memory
/// The directories (see [`Layout`]) and a buffer of 256 KiB.
///
/// # Errors
/// What `blocks` answers, [`Error::OutputUnwritable`], and [`Error::Unexpected`] for a piece that is not as long as it
/// was said to be.
pub fn write_file(path: &Path, layout: &Layout, blocks: &mut dyn EncodedBlocks) -> Result<u64> {
    let mut file = fault::point("raster.create")
        .and_then(|()| OpenOptions::new().write(true).create(true).truncate(true).open(path))
        .map_err(|error| Error::writing(path, &error))?;
    let head = write_head(&mut file, path, layout, blocks)?;
    let data = write_pieces(&mut file, path, layout, 0..layout.pieces(), blocks)?;
    if head + data != layout.bytes() {
        let (wanted, got) = (layout.bytes(), head + data);
        return Err(Error::unexpected(format!("{}: wanted {wanted} bytes, got {got}", path.display())));
    }
    Ok(head + data)
}

/// Writes all that comes before the blocks to `out`, which is at the start of the file; answers how many bytes.
///
/// # Errors
/// As [`write_file`].
pub fn write_head(out: &mut impl Write, path: &Path, layout: &Layout, blocks: &mut dyn EncodedBlocks) -> Result<u64> {
    let mut output = Output::new(out, path);
    let head = layout.head(blocks)?;
    output.put(&head)?;
    for (image, place, value) in layout.arrays() {
        output.pad_to(place)?;
        let is_offset = matches!(value, Value::Offsets(_));
        let width = if is_offset && layout.is_big() { 8 } else { 4 };
        layout.for_each_block(image, blocks, &mut |offset, length| {
            let word = if is_offset { offset } else { u64::from(length) };
            output.put(&word.to_le_bytes()[..width])
        })?;
    }
    output.pad_to(layout.data_start())?;
    output.finish()
}

/// Writes a range of pieces, by their numbers in the order of the file, to `out`, which is at the place of the first of
/// them ([`Layout::offset_of`]); answers how many bytes.
///
/// # Errors
/// As [`write_file`].
pub fn write_pieces(
    out: &mut impl Write,
    path: &Path,
    layout: &Layout,
    range: Range<u64>,
    blocks: &mut dyn EncodedBlocks,
) -> Result<u64> {
    let mut output = Output::new(out, path);
    for number in range {
        let piece = layout.piece(number)?;
        let length = blocks.length(piece)?;
        if length == 0 {
            continue;
        }
        if layout.is_cog() {
            output.put(&length.to_le_bytes())?;
        }
        let last = output.copy(piece, length, blocks)?;
        if layout.is_cog() {
            output.put(&last)?;
        }
    }
    output.finish()
}

/// A file on its way out.
struct Output<'a, W> {
    out: &'a mut W,
    path: &'a Path,
    buffer: Vec<u8>,
    written: u64,
}

impl<'a, W: Write> Output<'a, W> {
    fn new(out: &'a mut W, path: &'a Path) -> Self {
        Output { out, path, buffer: Vec::with_capacity(BUFFER_BYTES), written: 0 }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        if bytes.len() >= BUFFER_BYTES {
            fault::write_all(self.out, bytes, "raster.write")?;
        } else {
            self.buffer.extend_from_slice(bytes);
        }
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            fault::write_all(self.out, &self.buffer, "raster.write")?;
            self.buffer.clear();
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes).map_err(|error| Error::writing(self.path, &error))
    }

    /// Writes zeros up to a place that is at most a few bytes away.
    fn pad_to(&mut self, place: u64) -> Result<()> {
        const ZEROS: [u8; 8] = [0; 8];
        let gap = place.saturating_sub(self.written) as usize;
        self.put(ZEROS.get(..gap).ok_or_else(|| Error::unexpected(format!("a gap of {gap} bytes before {place}")))?)
    }

    /// Copies a piece; answers its last four bytes, with zeros behind them if there are fewer.
    fn copy(&mut self, piece: Piece, length: u32, blocks: &mut dyn EncodedBlocks) -> Result<[u8; 4]> {
        let path = self.path;
        let mut copy = Copy { output: self, length: 0, last: [0; 4], failure: None };
        let result = blocks.copy(piece, &mut copy);
        if let Some(failure) = &copy.failure {
            return Err(Error::writing(path, failure));
        }
        result?;
        if copy.length != u64::from(length) {
            let got = copy.length;
            return Err(Error::unexpected(format!("{piece:?}: wanted {length} bytes, got {got}")));
        }
        Ok(copy.last)
    }

    fn finish(mut self) -> Result<u64> {
        self.flush().and_then(|()| self.out.flush()).map_err(|error| Error::writing(self.path, &error))?;
        Ok(self.written)
    }
}

/// One piece on its way out: counted, its end remembered, and the first failure kept.
struct Copy<'o, 'a, W> {
    output: &'o mut Output<'a, W>,
    length: u64,
    last: [u8; 4],
    failure: Option<io::Error>,
}

impl<W: Write> Write for Copy<'_, '_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.output.write(bytes) {
            let kind = error.kind();
            self.failure.get_or_insert(error);
            return Err(kind.into());
        }
        for byte in &bytes[bytes.len().saturating_sub(4)..] {
            if self.length_seen() == 4 {
                self.last.rotate_left(1);
                self.last[3] = *byte;
            } else {
                self.last[self.length_seen()] = *byte;
            }
            self.length += 1;
        }
        self.length += bytes.len().saturating_sub(4) as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<W> Copy<'_, '_, W> {
    /// How many of the last four bytes are known.
    fn length_seen(&self) -> usize {
        self.length.min(4) as usize
    }
}
