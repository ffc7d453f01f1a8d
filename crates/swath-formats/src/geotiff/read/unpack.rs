//! Packed bytes to bytes, for packings that know nothing of pixels.
//!
//! State is made at the first block that wants it and kept for the next ones of the same read. It reads no file.

use libdeflater::{DecompressionError, Decompressor};
use miniz_oxide::inflate::core::{self as inflate, DecompressorOxide, inflate_flags};
use swath_core::Bytes;
use weezl::{BitOrder, LzwStatus, decode};

use crate::geotiff::Compression;
use crate::inflate::Inflater;

/// What unpacking keeps from block to block.
#[derive(Default)]
pub(super) struct Unpacker {
    deflate: Option<Decompressor>,
    inflater: Option<Box<Inflater>>,
    tolerant: Option<Box<DecompressorOxide>>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
    lzw: Option<decode::Decoder>,
    old_lzw: Option<decode::Decoder>,
}

impl Unpacker {
    /// The most memory that it takes.
    ///
    /// # Memory
    /// libdeflate: a struct of 12 kB. Our own: one of 23 kB. miniz_oxide: one of 11 kB. Zstandard: a context of 96 kB and
    /// tables of less than that. weezl: 4096 entries of 8 bytes and a stack of 4 kB, twice for both orders of bits.
    pub fn bytes_for(compression: Compression) -> Bytes {
        Bytes(match compression {
            Compression::Deflate => 64 << 10,
            Compression::Zstd => 256 << 10,
            Compression::Lzw => 128 << 10,
            _ => 0,
        })
    }

    /// Unpacks until `out` is full or the data ends; answers how many bytes came of it.
    ///
    /// # Errors
    /// What is wrong with the data, in words.
    pub fn unpack(&mut self, compression: Compression, packed: &[u8], out: &mut [u8]) -> Result<usize, String> {
        match compression {
            Compression::Deflate => self.deflate(packed, out),
            Compression::Zstd => self.zstd(packed, out),
            Compression::Lzw => self.lzw(packed, out),
            Compression::PackBits => Ok(pack_bits(packed, out)),
            Compression::None => {
                let length = packed.len().min(out.len());
                out[..length].copy_from_slice(&packed[..length]);
                Ok(length)
            }
            Compression::Lerc | Compression::Jpeg => Err(format!("{compression} is no packing of bytes")),
        }
    }

    fn deflate(&mut self, packed: &[u8], out: &mut [u8]) -> Result<usize, String> {
        // Noisy pixels are unpacked faster by our own; what repeats itself, or has hardly any matches, by libdeflate.
        let inflater = self.inflater.get_or_insert_default();
        if inflater.suits(packed) {
            return inflater.zlib(packed, out).map_err(|fault| format!("its deflate data is damaged: {fault}"));
        }
        let decompressor = self.deflate.get_or_insert_with(Decompressor::new);
        match decompressor.zlib_decompress(packed, out) {
            Ok(length) => Ok(length),
            // More data than pixels, which some programs write: the pixels come first.
            Err(DecompressionError::InsufficientSpace) => self.deflate_start(packed, out),
            Err(DecompressionError::BadData) => Err("its deflate data is damaged".into()),
        }
    }

    fn deflate_start(&mut self, packed: &[u8], out: &mut [u8]) -> Result<usize, String> {
        let decompressor = self.tolerant.get_or_insert_default();
        decompressor.init();
        let flags =
            inflate_flags::TINFL_FLAG_PARSE_ZLIB_HEADER | inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
        let (_, _, length) = inflate::decompress(decompressor, packed, out, 0, flags);
        if length < out.len() {
            return Err("its deflate data is damaged".into());
        }
        Ok(length)
    }

    fn zstd(&mut self, packed: &[u8], out: &mut [u8]) -> Result<usize, String> {
        let decompressor = match self.zstd.as_mut() {
            Some(decompressor) => decompressor,
            None => {
                let made = zstd::bulk::Decompressor::new().map_err(|error| format!("Zstandard: {error}"))?;
                self.zstd.insert(made)
            }
        };
        decompressor
            .decompress_to_buffer(packed, out)
            .map_err(|error| format!("its Zstandard data is damaged: {error}"))
    }

    fn lzw(&mut self, packed: &[u8], out: &mut [u8]) -> Result<usize, String> {
        // Programs of before 1992 wrote the bits of codes the other way round. A first code of 256 shows which it is.
        let old = packed.len() >= 2 && packed[0] == 0 && packed[1] & 1 == 1;
        let (decoder, configuration) = if old {
            (&mut self.old_lzw, decode::Configuration::new(BitOrder::Lsb, 8))
        } else {
            (&mut self.lzw, decode::Configuration::with_tiff_size_switch(BitOrder::Msb, 8))
        };
        let decoder = decoder.get_or_insert_with(|| configuration.with_yield_on_full_buffer(true).build());
        decoder.reset();
        let (mut read, mut written) = (0, 0);
        while written < out.len() {
            let step = decoder.decode_bytes(&packed[read..], &mut out[written..]);
            read += step.consumed_in;
            written += step.consumed_out;
            match step.status {
                Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
                Ok(_) => break,
                Err(_) => return Err("its LZW data is damaged".into()),
            }
        }
        Ok(written)
    }
}

/// Runs of bytes (TIFF 6.0, section 9).
fn pack_bits(packed: &[u8], out: &mut [u8]) -> usize {
    let (mut read, mut written) = (0, 0);
    while let Some(&head) = packed.get(read) {
        read += 1;
        let room = out.len() - written;
        match head as i8 {
            -128 => {}
            repeat @ ..0 => {
                let Some(&byte) = packed.get(read) else {
                    break;
                };
                let count = (1 - isize::from(repeat)) as usize;
                out[written..written + count.min(room)].fill(byte);
                (read, written) = (read + 1, written + count.min(room));
            }
            literal => {
                let count = (literal as usize + 1).min(room).min(packed.len() - read);
                out[written..written + count].copy_from_slice(&packed[read..read + count]);
                (read, written) = (read + literal as usize + 1, written + count);
            }
        }
        if written == out.len() {
            break;
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(compression: Compression, packed: &[u8], wanted: &[u8]) {
        let mut out = vec![0; wanted.len()];
        let length = Unpacker::default().unpack(compression, packed, &mut out);
        assert_eq!(length, Ok(wanted.len()), "{compression}");
        assert_eq!(out, wanted, "{compression}");
    }

    fn deflated(data: &[u8]) -> Vec<u8> {
        let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let mut packed = vec![0; compressor.zlib_compress_bound(data.len())];
        let length = compressor.zlib_compress(data, &mut packed).expect("room");
        packed.truncate(length);
        packed
    }

    #[test]
    fn bytes_come_back() {
        let data: Vec<u8> = (0..20_000u32).map(|place| (place / 7 % 200) as u8).collect();
        check(Compression::Deflate, &deflated(&data), &data);
        check(Compression::Zstd, &zstd::bulk::compress(&data, 3).expect("packed"), &data);
        let lzw = weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(&data).expect("packed");
        check(Compression::Lzw, &lzw, &data);
        let old = weezl::encode::Encoder::new(BitOrder::Lsb, 8).encode(&data).expect("packed");
        check(Compression::Lzw, &old, &data);
        check(
            Compression::PackBits,
            &[0xfe, 0xaa, 2, 0x80, 0, 0x2a, 0x80, 0xfd, 0xaa],
            &[0xaa, 0xaa, 0xaa, 0x80, 0, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa],
        );
    }

    #[test]
    fn noisy_pixels_come_back_by_the_own_way() {
        let mut seed = 1_u32;
        let mut pixel = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((seed >> 24) as i16 % 50).to_le_bytes()
        };
        let data: Vec<u8> = (0..60_000).flat_map(|_| pixel()).collect();
        let packed = deflated(&data);
        assert!(Inflater::default().suits(&packed));
        check(Compression::Deflate, &packed, &data);
        check(Compression::Deflate, &packed, &data[..12_345]);
        let mut out = vec![0; data.len() + 9];
        assert_eq!(Unpacker::default().unpack(Compression::Deflate, &packed, &mut out), Ok(data.len()));
        let mut damaged = packed.clone();
        damaged[packed.len() / 2] ^= 1;
        for packed in [&damaged[..], &packed[..packed.len() - 1], &packed[..packed.len() / 2]] {
            assert!(Unpacker::default().unpack(Compression::Deflate, packed, &mut out[..data.len()]).is_err());
        }
    }

    #[test]
    fn data_beyond_the_pixels_is_left() {
        let data: Vec<u8> = (0..20_000u32).map(|place| (place / 7 % 200) as u8).collect();
        check(Compression::Deflate, &deflated(&data), &data[..12_345]);
        let lzw = weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8).encode(&data).expect("packed");
        check(Compression::Lzw, &lzw, &data[..12_345]);
        check(Compression::PackBits, &[2, 1, 2, 3, 0x81, 7], &[1, 2, 3, 7, 7]);
    }

    #[test]
    fn damaged_data_is_said_to_be_so() {
        let mut packed = deflated(&[7; 5000]);
        packed[5] ^= 0xff;
        for compression in [Compression::Deflate, Compression::Zstd] {
            assert!(Unpacker::default().unpack(compression, &packed, &mut [0; 5000]).is_err(), "{compression}");
        }
        assert_eq!(Unpacker::default().unpack(Compression::PackBits, &[5, 1, 2], &mut [0; 6]), Ok(2));
    }
}
