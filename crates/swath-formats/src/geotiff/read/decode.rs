//! One block from the file to pixels in memory.
//!
//! A decoder belongs to one read by one thread: it takes its buffers from that read's lease and keeps them from block to
//! block. Which blocks are wanted, and where their pixels go, is not its affair.

use swath_core::{Buffer, Bytes, Charge, Error, Lease, Result};

use super::image::{BlockAt, Image};
use super::index::BlockPlace;
use super::input::Input;
use super::predict::{self, Rows};
use super::unpack::Unpacker;
use super::{jpeg, kinds, lerc};
use crate::geotiff::{Compression, Predictor};

/// What is needed to make pixels of blocks.
pub(super) struct Decoder<'a> {
    pub input: &'a Input,
    pub image: &'a Image,
    lease: &'a Lease,
    unpacker: Unpacker,
    packed: Option<Buffer<u8>>,
    stored: Option<Buffer<u8>>,
    spare: Option<Buffer<u8>>,
    codec: Option<Charge>,
}

impl<'a> Decoder<'a> {
    /// A decoder that holds nothing yet.
    pub fn new(input: &'a Input, image: &'a Image, lease: &'a Lease) -> Decoder<'a> {
        let unpacker = Unpacker::default();
        Decoder { input, image, lease, unpacker, packed: None, stored: None, spare: None, codec: None }
    }

    /// The most memory that it takes of its lease for blocks of an image, without the pixels themselves.
    ///
    /// # Memory
    /// The packed block, the unpacked one where it is no pixels yet, a row for the floating-point predictor, and the
    /// state of the codec.
    pub fn bytes_for(image: &Image) -> Bytes {
        let packed = if image.compression == Compression::None { 0 } else { image.packed_bytes_max() };
        let stored = stored_bytes(image);
        let spare = if image.predictor == Predictor::FloatingPoint { image.stored_row_bytes() } else { 0 };
        codec_bytes(image) + Bytes(packed) + Bytes(stored) + Bytes(spare)
    }

    /// Decodes a block; `out` has room for it with all its rows.
    ///
    /// # Errors
    /// When the file is damaged or the lease is too small.
    pub fn decode(&mut self, at: BlockAt, place: BlockPlace, out: &mut [u8]) -> Result<()> {
        let image = self.image;
        if image.compression == Compression::None {
            let rows = image.block_rows(at.row);
            return self.read_rows(at, place, 0..rows, out);
        }
        if self.codec.is_none() {
            // Bound: what the codecs say of themselves.
            self.codec = Some(self.lease.charge(codec_bytes(image))?);
        }
        let length = image.packed_bytes(place) as usize;
        if place.offset.saturating_add(length as u64) > self.input.length {
            let left = self.input.length.saturating_sub(place.offset);
            let reason = format!("the file ends after {left} of its {length} bytes");
            return Err(damaged(self.input, image, at, place, &reason));
        }
        if self.packed.as_ref().is_none_or(|packed| packed.len() < length) {
            self.packed = None;
            self.packed = Some(self.lease.buffer_unzeroed(image.packed_bytes_max().max(length as u64) as usize)?);
        }
        let mut packed = self.packed.take();
        let bytes = packed.as_deref_mut().map_or(&mut [][..], |packed| &mut packed[..length]);
        let done = self.input.read(bytes, place.offset).and_then(|()| {
            image.order_bits(bytes);
            self.unpack(at, place, bytes, out)
        });
        self.packed = packed;
        done
    }

    fn unpack(&mut self, at: BlockAt, place: BlockPlace, packed: &[u8], out: &mut [u8]) -> Result<()> {
        let (input, image) = (self.input, self.image);
        let rows = image.block_rows(at.row);
        let damaged = |reason: String| damaged(input, image, at, place, &reason);
        let refused = |refusal| match refusal {
            lerc::Refusal::Damaged(reason) => damaged(reason),
            lerc::Refusal::Unsupported(reason) => input.unsupported(reason, kinds::CONVERT),
        };
        if image.compression == Compression::Jpeg {
            return jpeg::decode(image, rows, packed, out).map_err(damaged);
        }
        if image.compression == Compression::Lerc && image.lerc_packing == Compression::None {
            return lerc::decode(image, rows, packed, out).map_err(refused);
        }
        if image.compression == Compression::Lerc {
            let mut blob = self.stored(stored_bytes(image))?;
            let length = self.unpacker.unpack(image.lerc_packing, packed, &mut blob).map_err(damaged)?;
            lerc::decode(image, rows, &blob[..length], out).map_err(refused)?;
            self.stored = Some(blob);
            return Ok(());
        }
        let wanted = (image.stored_row_bytes() * u64::from(rows)) as usize;
        let enough = |length: usize| match length >= wanted {
            true => Ok(()),
            false => Err(damaged(format!("its data ends after {length} of {wanted} bytes"))),
        };
        if image.is_plain() {
            enough(self.unpacker.unpack(image.compression, packed, out).map_err(damaged)?)?;
            return self.restore(&mut out[..wanted]);
        }
        let mut stored = self.stored(stored_bytes(image))?;
        enough(self.unpacker.unpack(image.compression, packed, &mut stored).map_err(damaged)?)?;
        self.widen(&mut stored[..wanted], out)?;
        self.stored = Some(stored);
        Ok(())
    }

    /// Reads some rows of a block that is not packed.
    ///
    /// # Errors
    /// As [`Decoder::decode`].
    pub fn read_rows(
        &mut self,
        at: BlockAt,
        place: BlockPlace,
        rows: std::ops::Range<u32>,
        out: &mut [u8],
    ) -> Result<()> {
        let image = self.image;
        let row_bytes = image.stored_row_bytes();
        let (start, end) = (u64::from(rows.start) * row_bytes, u64::from(rows.end) * row_bytes);
        if place.length < end {
            let reason = format!("it has {} bytes, {end} are wanted", place.length);
            return Err(damaged(self.input, image, at, place, &reason));
        }
        let length = (end - start) as usize;
        let offset = place.offset.saturating_add(start);
        if image.is_plain() {
            let out = &mut out[..length];
            self.input.read(out, offset)?;
            image.order_bits(out);
            return self.restore(out);
        }
        let mut stored = self.stored(length as u64)?;
        self.input.read(&mut stored[..length], offset)?;
        image.order_bits(&mut stored[..length]);
        self.widen(&mut stored[..length], out)?;
        self.stored = Some(stored);
        Ok(())
    }

    /// Undoes the predictor and the order of bytes.
    fn restore(&mut self, bytes: &mut [u8]) -> Result<()> {
        let image = self.image;
        let row_bytes = image.stored_row_bytes() as usize;
        if image.predictor == Predictor::FloatingPoint && self.spare.is_none() {
            self.spare = Some(self.lease.buffer_unzeroed(row_bytes)?);
        }
        let rows = Rows {
            row_bytes,
            samples: image.block_samples,
            size: if image.bits.is_multiple_of(8) { image.bits as usize / 8 } else { 0 },
            order: self.input.order,
            predictor: image.predictor,
        };
        predict::restore(bytes, rows, self.spare.as_deref_mut().unwrap_or_default());
        Ok(())
    }

    /// Makes pixels of samples that are narrower than those.
    fn widen(&mut self, stored: &mut [u8], out: &mut [u8]) -> Result<()> {
        let image = self.image;
        if image.bits == 16 {
            self.restore(stored)?;
            predict::widen_halves(stored, out);
        } else {
            let (narrow, wide) = (image.stored_row_bytes() as usize, image.row_bytes() as usize);
            predict::widen_bits(stored, image.bits, narrow, out, wide);
        }
        Ok(())
    }

    /// The buffer for unpacked bytes that are no pixels yet.
    fn stored(&mut self, length: u64) -> Result<Buffer<u8>> {
        match self.stored.take().filter(|stored| stored.len() as u64 >= length) {
            Some(stored) => Ok(stored),
            None => self.lease.buffer_unzeroed(length as usize),
        }
    }
}

/// Bytes of an unpacked block that is no pixels yet. A LERC blob of noise is a little longer than what it stands for.
fn stored_bytes(image: &Image) -> u64 {
    match image.compression {
        Compression::Lerc if image.lerc_packing == Compression::None => 0,
        Compression::Lerc => image.stored_block_bytes() + 65_536,
        Compression::Jpeg => 0,
        _ if image.is_plain() => 0,
        Compression::None => image.stored_row_bytes() * u64::from(image.piece_rows()),
        _ => image.stored_block_bytes(),
    }
}

/// The state of codecs.
fn codec_bytes(image: &Image) -> Bytes {
    match image.compression {
        Compression::Jpeg => jpeg::bytes_for(image),
        Compression::Lerc => lerc::bytes_for(image) + Unpacker::bytes_for(image.lerc_packing),
        other => Unpacker::bytes_for(other),
    }
}

fn damaged(input: &Input, image: &Image, at: BlockAt, place: BlockPlace, reason: &str) -> Error {
    let (kind, number) = (if image.tiled { "tile" } else { "strip" }, image.block_number(at));
    input.corrupt(place.offset, format!("{kind} {number} of image {}: {reason}", image.number))
}
