//! How long the texts of a dictionary of views are. Several views may be of the same bytes, so that its buffers do not
//! tell: each view is looked at, some thousand at a time. Texts themselves are not read.

use swath_core::Result;

use super::fields::{Position, Stored};
use super::message::corrupt;
use super::part::{Batch, Stretch};
use super::plain::{INLINE_BYTES, VIEW_BYTES, word};
use crate::columnar::read_exactly;
use crate::lz4;
use crate::parquet::{Codec, Unpacker};
use crate::store::ReadAt;

/// Views that are looked at at once; a multiple of 8.
const VIEWS: u64 = 4096;
/// The longest packed buffer that is unpacked to be looked at.
const UNPACKED_MAX: u64 = 1 << 20;

/// Bytes of all texts of a dictionary, once each has its own. None where views are packed, and too many to be unpacked
/// here.
pub(super) fn texts(file: &dyn ReadAt, batch: &Batch) -> Result<Option<u64>> {
    let mut buffers = batch.buffers_of(&Position::default(), Stored::View).map(|buffer| batch.buffers[buffer]);
    let (Some(validity), Some(views)) = (buffers.next(), buffers.next()) else { return Ok(Some(0)) };
    let lengths: Vec<u64> = buffers.map(|buffer| Ok(batch.measure(file, buffer)?.0)).collect::<Result<_>>()?;
    let has_nulls = batch.nodes.first().is_some_and(|(_, nulls)| *nulls > 0);
    let validity = if has_nulls { validity } else { Stretch::default() };
    let (Some(mut validity), Some(mut views)) =
        (Source::open(file, batch, validity)?, Source::open(file, batch, views)?)
    else {
        return Ok(None);
    };
    let (mut first, mut sum) = (0, 0u64);
    while first < batch.rows {
        let rows = VIEWS.min(batch.rows - first);
        let bits = if has_nulls { validity.read(file, first / 8, rows.div_ceil(8))? } else { &[] };
        let raw = views.read(file, first * VIEW_BYTES as u64, rows * VIEW_BYTES as u64)?;
        for (row, view) in raw.chunks_exact(VIEW_BYTES).enumerate() {
            // Where there is none, a view may say anything.
            if has_nulls && bits[row / 8] >> (row % 8) & 1 == 0 {
                continue;
            }
            let (length, buffer, from) = (u64::from(word(view, 0)), word(view, 8), u64::from(word(view, 12)));
            let is_there = lengths.get(buffer as usize).is_some_and(|bytes| from + length <= *bytes);
            if length > INLINE_BYTES as u64 && !is_there {
                let told = format!("wanted a text in a buffer, got {length} bytes from byte {from} of {buffer}");
                return Err(corrupt(file, views.at, told));
            }
            sum = sum.saturating_add(length);
        }
        first += rows;
    }
    Ok(Some(sum))
}

/// A buffer of which pieces are read.
struct Source {
    at: u64,
    length: u64,
    /// All of it, where it is packed.
    unpacked: Option<Vec<u8>>,
    piece: Vec<u8>,
}

impl Source {
    /// None where it is packed and long.
    fn open(file: &dyn ReadAt, batch: &Batch, buffer: Stretch) -> Result<Option<Source>> {
        let (length, is_packed, stretch) = batch.measure(file, buffer)?;
        let mut source = Source { at: stretch.at, length, unpacked: None, piece: Vec::new() };
        if !is_packed {
            return Ok(Some(source));
        }
        if length.max(stretch.length) > UNPACKED_MAX {
            return Ok(None);
        }
        let (mut packed, mut unpacked) = (vec![0; stretch.length as usize], vec![0; length as usize]);
        read_exactly(file, &mut packed, stretch.at)?;
        let told = match batch.codec {
            Codec::Lz4 => lz4::unpack_frame(&packed, &mut unpacked),
            codec => Unpacker::new().unpack(codec, &packed, &mut unpacked)?,
        };
        told.map_err(|told| corrupt(file, stretch.at, format!("a buffer cannot be unpacked: {told}")))?;
        source.unpacked = Some(unpacked);
        Ok(Some(source))
    }

    fn read(&mut self, file: &dyn ReadAt, from: u64, length: u64) -> Result<&[u8]> {
        if from + length > self.length {
            let told = format!("wanted {length} bytes of a buffer from byte {from}, got {} bytes in all", self.length);
            return Err(corrupt(file, self.at, told));
        }
        if let Some(unpacked) = &self.unpacked {
            return Ok(&unpacked[from as usize..(from + length) as usize]);
        }
        self.piece.resize(length as usize, 0);
        read_exactly(file, &mut self.piece, self.at + from)?;
        Ok(&self.piece)
    }
}
