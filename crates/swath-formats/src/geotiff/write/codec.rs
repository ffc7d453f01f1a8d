//! Packing of one block at a time, with a context that is kept from block to block.
//!
//! It knows nothing of pixels but how long a row of them is, except for LERC, whose work is done in its own file.

use swath_core::{Error, Result};
use swath_raster::DataType;

use zstd::zstd_safe::CParameter;

use super::super::{Compression, Predictor};
use super::lerc::Lerc;
use super::options::WriteOptions;
use super::packbits;

/// A packer of blocks.
pub(super) enum Codec {
    /// Blocks are kept as they are.
    None,
    /// Runs of bytes, in rows of that many.
    PackBits {
        /// Bytes of a row.
        row_bytes: usize,
    },
    /// Codes of 9 to 12 bits.
    Lzw(Box<weezl::encode::Encoder>),
    /// Zlib.
    Deflate(libdeflater::Compressor),
    /// Zstandard.
    Zstd(zstd::bulk::Compressor<'static>),
    /// Pixels of a type, with a largest error.
    Lerc(Lerc),
}

impl Codec {
    /// A packer as the options name it, for rows of `row_bytes`.
    pub(super) fn new(options: &WriteOptions, data_type: DataType, row_bytes: usize) -> Result<Codec> {
        let level = i32::from(options.effective_level().unwrap_or(0));
        Ok(match options.compression {
            Compression::None => Codec::None,
            Compression::PackBits => Codec::PackBits { row_bytes },
            Compression::Lzw => {
                Codec::Lzw(Box::new(weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8)))
            }
            Compression::Deflate => Codec::Deflate(deflater(level)?),
            Compression::Zstd => Codec::Zstd(zstandard(level, has_small_tables(options, data_type))?),
            Compression::Lerc => Codec::Lerc(Lerc::new(data_type, options.side(), options.max_z_error)),
            Compression::Jpeg => return Err(Error::unexpected("JPEG is not written")),
        })
    }

    /// Packs `raw` into `packed` (what it held is gone), and answers what to write: `packed`, or `raw` itself.
    pub(super) fn pack<'a>(&mut self, raw: &'a [u8], packed: &'a mut Vec<u8>) -> Result<&'a [u8]> {
        packed.clear();
        match self {
            Codec::None => return Ok(raw),
            Codec::PackBits { row_bytes } => {
                packed.reserve_exact(packbits::packed_bytes_max(raw.len() / *row_bytes, *row_bytes));
                raw.chunks_exact(*row_bytes).for_each(|row| packbits::pack_row(row, packed));
            }
            Codec::Lzw(encoder) => {
                packed.resize(lzw_bytes_max(raw.len()), 0);
                let length = lzw(encoder, raw, packed)?;
                packed.truncate(length);
            }
            Codec::Deflate(compressor) => deflate(compressor, raw, packed)?,
            Codec::Zstd(compressor) => {
                packed.reserve_exact(zstd::zstd_safe::compress_bound(raw.len()));
                compressor
                    .compress_to_buffer(raw, packed)
                    .map_err(|error| Error::unexpected(format!("zstd of {} bytes: {error}", raw.len())))?;
            }
            Codec::Lerc(lerc) => lerc.pack(raw, packed)?,
        }
        Ok(packed)
    }
}

/// A compressor of Zstandard.
///
/// Differences of the bytes of floats hardly ever repeat, so tables that stay in the nearest cache and matches of six bytes
/// find nearly all there is to be found: on an elevation model, its slope and a vegetation index level 3 was a tenth to a
/// third faster so, for sizes between -0.1 and +0.2 %.
fn zstandard(level: i32, has_small_tables: bool) -> Result<zstd::bulk::Compressor<'static>> {
    let failed = |error: std::io::Error| Error::unexpected(format!("zstd level {level}: {error}"));
    let mut compressor = zstd::bulk::Compressor::new(level).map_err(failed)?;
    if has_small_tables {
        for parameter in [CParameter::HashLog(14), CParameter::ChainLog(14), CParameter::MinMatch(6)] {
            compressor.set_parameter(parameter).map_err(failed)?;
        }
    }
    Ok(compressor)
}

/// Whether a compressor of Zstandard is one for the bytes of floats.
pub(super) fn has_small_tables(options: &WriteOptions, data_type: DataType) -> bool {
    options.effective_level() == Some(3) && options.effective_predictor(data_type) == Predictor::FloatingPoint
}

/// A compressor of a level that was checked before.
pub(super) fn deflater(level: i32) -> Result<libdeflater::Compressor> {
    let level = libdeflater::CompressionLvl::new(level)
        .map_err(|_| Error::unexpected(format!("deflate has no level {level}")))?;
    Ok(libdeflater::Compressor::new(level))
}

/// Packs with zlib's header into `packed`.
pub(super) fn deflate(compressor: &mut libdeflater::Compressor, raw: &[u8], packed: &mut Vec<u8>) -> Result<()> {
    packed.clear();
    packed.resize(compressor.zlib_compress_bound(raw.len()), 0);
    let length = compressor
        .zlib_compress(raw, packed)
        .map_err(|error| Error::unexpected(format!("deflate of {} bytes: {error}", raw.len())))?;
    packed.truncate(length);
    Ok(())
}

fn lzw(encoder: &mut weezl::encode::Encoder, raw: &[u8], packed: &mut [u8]) -> Result<usize> {
    encoder.reset();
    encoder.finish();
    let (mut read, mut written) = (0, 0);
    loop {
        let step = encoder.encode_bytes(&raw[read..], &mut packed[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        match step.status {
            Ok(weezl::LzwStatus::Done) => return Ok(written),
            Ok(weezl::LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            other => return Err(Error::unexpected(format!("LZW of {} bytes: {other:?}", raw.len()))),
        }
    }
}

/// Most bytes of LZW: 12 bits for each byte, and for each clearing of the table after some 3,800 codes.
pub(super) fn lzw_bytes_max(raw_bytes: usize) -> usize {
    raw_bytes + raw_bytes / 2 + raw_bytes / 1024 + 64
}

/// Most bytes of zlib, as libdeflate bounds it: five for each 5,000 of the input, header and trailer.
pub(super) fn deflate_bytes_max(raw_bytes: usize) -> usize {
    raw_bytes + 5 * raw_bytes.div_ceil(5_000).max(1) + 32
}
