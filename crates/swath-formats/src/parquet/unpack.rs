//! Pages unpacked: into a buffer of the size that the page states, and never beyond it.

use libdeflater::Decompressor as Inflater;
use swath_core::{Error, Result};

use super::thrift::Told;

/// How pages are packed, as footers number it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
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
pub(super) struct Unpacker {
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
            Codec::Lz4 => lz4(packed, out),
        };
        Ok(match got {
            Ok(got) if got == wanted => Ok(()),
            Ok(got) => Err(format!("wanted {wanted} bytes unpacked, got {got}")),
            Err(error) => Err(format!("it cannot be unpacked: {error}")),
        })
    }
}

/// Unpacks a block of LZ4; answers how many bytes came out.
fn lz4(packed: &[u8], out: &mut [u8]) -> Told<usize> {
    let cut = || "the block ends too early".to_string();
    let full = || "the block holds more than the page states".to_string();
    let (mut read, mut write) = (0, 0);
    // A length of 15 goes on in the bytes that follow.
    let length = |nibble: u8, read: &mut usize| -> Told<usize> {
        let mut length = usize::from(nibble);
        let mut more = nibble == 15;
        while more {
            let byte = *packed.get(*read).ok_or_else(cut)?;
            *read += 1;
            length += usize::from(byte);
            more = byte == 255;
        }
        Ok(length)
    };
    while let Some(&token) = packed.get(read) {
        read += 1;
        let literals = length(token >> 4, &mut read)?;
        let from = packed.get(read..read + literals).ok_or_else(cut)?;
        out.get_mut(write..write + literals).ok_or_else(full)?.copy_from_slice(from);
        (read, write) = (read + literals, write + literals);
        let Some(&[low, high]) = packed.get(read..read + 2).and_then(|bytes| bytes.first_chunk()) else {
            return if read == packed.len() { Ok(write) } else { Err(cut()) };
        };
        read += 2;
        let back = usize::from(u16::from_le_bytes([low, high]));
        let copied = length(token & 15, &mut read)? + 4;
        if back == 0 || back > write {
            return Err(format!("it goes back {back} bytes of {write}"));
        }
        if write + copied > out.len() {
            return Err(full());
        }
        if back >= copied {
            out.copy_within(write - back..write - back + copied, write);
        } else {
            for at in write..write + copied {
                out[at] = out[at - back];
            }
        }
        write += copied;
    }
    Ok(write)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_lz4_are_unpacked_and_lies_in_them_told() {
        let mut out = [0; 20];
        // "abc", then 12 bytes from 3 back, then "xyz12".
        let block = [0x38, b'a', b'b', b'c', 3, 0, 0x50, b'x', b'y', b'z', b'1', b'2'];
        assert_eq!(lz4(&block, &mut out), Ok(20));
        assert_eq!(&out, b"abcabcabcabcabcxyz12");
        for (block, wanted) in [
            (&[0x38, b'a', b'b', b'c', 4, 0, 0][..], "goes back 4 bytes of 3"),
            (&[0x38, b'a', b'b'], "too early"),
            (&[0x3f, b'a', b'b', b'c', 3, 0, 255, 255, 1, 0], "more than the page states"),
            (&[0xf0, 255, 255], "too early"),
        ] {
            let error = lz4(block, &mut out).expect_err(wanted);
            assert!(error.contains(wanted), "{error}");
        }
    }

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
