//! Pages unpacked: into a buffer of the size that the page states, and never beyond it.

use libdeflater::Decompressor as Inflater;
use swath_core::{Error, Result};

use super::thrift::Told;
use crate::lz4;

/// How pages are packed, as footers number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Codec {
    #[default]
    None,
    Snappy,
    Gzip,
    Zstd,
    Lz4,
}

impl Codec {
    /// The codec with a number of the format, or the name of one that is not read.
    pub fn of(number: i32) -> std::result::Result<Codec, &'static str> {
        match number {
            0 => Ok(Codec::None),
            1 => Ok(Codec::Snappy),
            2 => Ok(Codec::Gzip),
            6 => Ok(Codec::Zstd),
            7 => Ok(Codec::Lz4),
            3 => Err("LZO"),
            4 => Err("Brotli"),
            5 => Err("LZ4 in frames of Hadoop"),
            _ => Err("an unknown codec"),
        }
    }
}

/// Unpacks pages, one after the other.
pub(crate) struct Unpacker {
    snappy: snap::raw::Decoder,
    inflater: Option<Inflater>,
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Unpacker {
    /// Memory of all codecs together: that of zstd's context, and of tables.
    pub const BYTES: u64 = 320 << 10;

    pub fn new() -> Unpacker {
        Unpacker { snappy: snap::raw::Decoder::new(), inflater: None, zstd: None }
    }

    /// Unpacks `packed` so that it fills `out`.
    pub fn unpack(&mut self, codec: Codec, packed: &[u8], out: &mut [u8]) -> Result<Told<()>> {
        let wanted = out.len();
        let got = match codec {
            Codec::None => {
                if packed.len() == wanted {
                    out.copy_from_slice(packed);
                }
                Ok(packed.len())
            }
            Codec::Snappy => self.snappy.decompress(packed, out).map_err(|error| error.to_string()),
            Codec::Gzip => {
                let inflater = self.inflater.get_or_insert_with(Inflater::new);
                inflater.gzip_decompress(packed, out).map_err(|error| error.to_string())
            }
            Codec::Zstd => {
                let zstd = match &mut self.zstd {
                    Some(zstd) => zstd,
                    none => none.insert(
                        zstd::bulk::Decompressor::new().map_err(|error| Error::unexpected(format!("zstd: {error}")))?,
                    ),
                };
                zstd.decompress_to_buffer(packed, out).map_err(|error| error.to_string())
            }
            Codec::Lz4 => lz4::unpack_block(packed, out, 0),
        };
        Ok(match got {
            Ok(got) if got == wanted => Ok(()),
            Ok(got) => Err(format!("wanted {wanted} bytes unpacked, got {got}")),
            Err(error) => Err(format!("it cannot be unpacked: {error}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_codecs_fill_the_page_or_tell() {
        let text = b"12.5;12.5;12.5;12.5;13.0;12.5".repeat(20);
        let mut unpacker = Unpacker::new();
        let mut gzip = vec![0; 2000];
        let mut deflater = libdeflater::Compressor::new(libdeflater::CompressionLvl::default());
        let length = deflater.gzip_compress(&text, &mut gzip).expect("room");
        gzip.truncate(length);
        let snappy = snap::raw::Encoder::new().compress_vec(&text).expect("packed");
        let zstd = zstd::bulk::compress(&text, 1).expect("packed");
        for (codec, packed) in
            [(Codec::None, text.clone()), (Codec::Gzip, gzip), (Codec::Snappy, snappy), (Codec::Zstd, zstd)]
        {
            let mut out = vec![0; text.len()];
            assert_eq!(unpacker.unpack(codec, &packed, &mut out).expect("memory"), Ok(()), "{codec:?}");
            assert!(out == text, "{codec:?}");
            for wanted in [text.len() - 1, text.len() + 1] {
                let told = unpacker.unpack(codec, &packed, &mut vec![0; wanted]).expect("memory");
                assert!(told.is_err(), "{codec:?} into {wanted}");
            }
            let told = unpacker.unpack(codec, &packed[..packed.len() / 2], &mut out).expect("memory");
            assert!(told.is_err(), "{codec:?} cut");
        }
    }
}
