//! Deflate streams (RFC 1950 and 1951) that are in memory as a whole, into room of known length.
//!
//! It is made for noisy pixels: there literals and short matches take turns without any order, and a decoder that asks
//! which of them is next guesses wrong every third time. Here an entry of the table holds a length with its distance,
//! and both kinds are written in one way. It knows no file and no pixel, and packs nothing.

mod bits;
mod block;
mod codes;
#[cfg(test)]
mod tests;

use std::fmt;

use bits::Bits;
use codes::{Distances, Lengths, Symbols};

/// What is wrong with a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The two bytes before the stream are none of zlib's.
    Header,
    /// A block of no kind that there is.
    Kind,
    /// The length of a stored block and its complement do not fit.
    Stored,
    /// Lengths of codes that make no code.
    Code,
    /// A match from before the first byte.
    Distance,
    /// The data ends within the stream.
    Early,
    /// The bytes are not those that were packed.
    Checksum,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::Header => "it has no header of zlib",
            Fault::Kind => "a block is of no kind that there is",
            Fault::Stored => "a stored block has two lengths",
            Fault::Code => "its lengths of codes make no code",
            Fault::Distance => "something is repeated from before its start",
            Fault::Early => "it ends too early",
            Fault::Checksum => "its checksum is another one",
        })
    }
}

/// What came of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It ended; so many bytes of it were read.
    Read(usize),
    /// There is no more room.
    Full,
}

/// Unpacks streams, and keeps its tables from one to the next: 23 kB, however long the streams are.
#[derive(Default)]
pub(crate) struct Inflater {
    symbols: Symbols,
    distances: Distances,
    lengths: Lengths,
    /// Whether the tables are those of blocks without tables of their own.
    fixed: bool,
}

impl Inflater {
    /// Whether a stream with zlib's header is one of those that are unpacked faster here than by libdeflate: by the code
    /// of its first block, a quarter of what it holds are short matches.
    pub fn suits(&mut self, packed: &[u8]) -> bool {
        let mut bits = Bits::new(packed.get(2..).unwrap_or_default());
        bits.refill();
        let kind = bits.take(3) >> 1;
        self.fixed = false;
        kind == 2 && self.lengths.read(&mut bits).is_ok() && self.lengths.short_matches() >= 0.25
    }

    /// Unpacks a stream with zlib's header and checksum; answers how many bytes came of it.
    ///
    /// Where more would come than `out` has room for, `out` is filled, and the rest is not looked at. Bytes behind the
    /// stream are left.
    ///
    /// # Errors
    /// What is wrong with the stream; `out` then holds anything.
    pub fn zlib(&mut self, packed: &[u8], out: &mut [u8]) -> Result<usize, Fault> {
        let Some(([first, second], rest)) = packed.split_first_chunk::<2>() else {
            return Err(Fault::Header);
        };
        // Deflate with a window of up to 32 KiB, without a dictionary.
        let check = u16::from_be_bytes([*first, *second]).is_multiple_of(31);
        if !check || first & 0x0f != 8 || first >> 4 > 7 || second & 0x20 != 0 {
            return Err(Fault::Header);
        }
        let Some((stream, _)) = rest.split_last_chunk::<4>() else {
            return Err(Fault::Early);
        };
        let (length, end) = self.inflate(stream, out)?;
        let End::Read(read) = end else {
            return Ok(length);
        };
        match rest[read..].first_chunk() {
            Some(sum) if u32::from_be_bytes(*sum) == libdeflater::adler32(&out[..length]) => Ok(length),
            Some(_) => Err(Fault::Checksum),
            None => Err(Fault::Early),
        }
    }

    /// Unpacks a bare stream; answers how many bytes came of it, and how it ended.
    fn inflate(&mut self, stream: &[u8], out: &mut [u8]) -> Result<(usize, End), Fault> {
        let mut bits = Bits::new(stream);
        let mut at = 0;
        loop {
            bits.refill();
            let (last, kind) = (bits.take(1) == 1, bits.take(2));
            let full = match kind {
                0 => block::stored(&mut bits, out, &mut at)?,
                1 => {
                    if !self.fixed {
                        self.lengths.fix();
                        self.tables()?;
                        self.fixed = true;
                    }
                    self.block(&mut bits, out, &mut at)?
                }
                2 => {
                    self.fixed = false;
                    self.lengths.read(&mut bits)?;
                    self.tables()?;
                    self.block(&mut bits, out, &mut at)?
                }
                _ => return Err(Fault::Kind),
            };
            // Bits beyond the end read as zeros until here.
            let read = bits.read_bytes().ok_or(Fault::Early)?;
            if full {
                return Ok((at, End::Full));
            }
            if last {
                return Ok((at, End::Read(read)));
            }
        }
    }

    fn tables(&mut self) -> Result<(), Fault> {
        self.distances.build(self.lengths.distances())?;
        self.symbols.build(self.lengths.symbols(), &self.distances)
    }
}
