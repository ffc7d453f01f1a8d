//! LZ4: blocks, and the frames that Arrow keeps them in.
//!
//! Frames are unpacked into a buffer of the length that they should have, or read as a stream. Dictionaries, and frames
//! that are skipped, are not read: nobody writes them here.

use std::io::{self, Read};

use xxhash_rust::xxh32::Xxh32;

/// What is answered, or why not.
type Told<T> = Result<T, String>;

/// How a frame begins.
const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// How far back a block may go into those before it.
const BACK_BYTES: usize = 64 << 10;

fn cut() -> String {
    "the frame ends too early".into()
}

/// Unpacks a block behind what is in `out` up to `write` already, which it may go back to; answers where it ends.
pub(crate) fn unpack_block(packed: &[u8], out: &mut [u8], mut write: usize) -> Told<usize> {
    let cut = || "the block ends too early".to_string();
    let full = || "the block holds more than it should".to_string();
    let mut read = 0;
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

/// What the head of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    /// Bytes of a block at most, unpacked.
    block: usize,
    has_block_sums: bool,
    has_sum: bool,
}

impl Head {
    /// Reads the head of a frame, of which `next` answers so many bytes.
    fn read(mut next: impl FnMut(&mut [u8]) -> io::Result<()>) -> io::Result<Head> {
        let wrong = |told: String| io::Error::new(io::ErrorKind::InvalidData, told);
        let mut start = [0; 6];
        next(&mut start)?;
        let [a, b, c, d, flags, block] = start;
        if [a, b, c, d] != MAGIC {
            return Err(wrong(format!("wanted a frame of LZ4, got the bytes {}", [a, b, c, d].escape_ascii())));
        }
        if flags >> 6 != 1 || flags & 1 != 0 {
            return Err(wrong("it is a frame of another version, or with a dictionary".into()));
        }
        let mut described = vec![flags, block];
        if flags & 8 != 0 {
            let mut size = [0; 8];
            next(&mut size)?;
            described.extend(size);
        }
        let mut sum = [0];
        next(&mut sum)?;
        let wanted = (xxhash_rust::xxh32::xxh32(&described, 0) >> 8) as u8;
        if sum[0] != wanted {
            return Err(wrong(format!("the head of a frame: wanted the checksum {wanted:02x}, got {:02x}", sum[0])));
        }
        let block = match block >> 4 & 7 {
            size @ 4..=7 => 1 << (8 + 2 * size),
            size => return Err(wrong(format!("its blocks have the unknown size {size}"))),
        };
        Ok(Head { block, has_block_sums: flags & 16 != 0, has_sum: flags & 4 != 0 })
    }
}

/// Unpacks a frame so that it fills `out`.
pub(crate) fn unpack_frame(packed: &[u8], out: &mut [u8]) -> Told<()> {
    let mut rest = packed;
    let head = Head::read(|bytes| rest.read_exact(bytes)).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut(),
        _ => error.to_string(),
    })?;
    let mut take = |length: usize| -> Told<&[u8]> {
        let (taken, left) = rest.split_at_checked(length).ok_or_else(cut)?;
        rest = left;
        Ok(taken)
    };
    let mut write = 0;
    loop {
        let size = word(take(4)?);
        if size == 0 {
            break;
        }
        let (length, is_packed) = ((size & !PLAIN) as usize, size & PLAIN == 0);
        let block = take(length)?;
        if head.has_block_sums {
            check(xxhash_rust::xxh32::xxh32(block, 0), word(take(4)?))?;
        }
        if is_packed {
            write = unpack_block(block, out, write)?;
        } else {
            let into = out.get_mut(write..write + length).ok_or("the frame holds more than it should")?;
            into.copy_from_slice(block);
            write += length;
        }
    }
    if write != out.len() {
        return Err(format!("wanted {} bytes unpacked, got {write}", out.len()));
    }
    if head.has_sum {
        check(xxhash_rust::xxh32::xxh32(out, 0), word(take(4)?))?;
    }
    if rest.is_empty() { Ok(()) } else { Err(format!("{} bytes follow the frame", rest.len())) }
}

/// The bit of the size of a block that is as it is.
const PLAIN: u32 = 1 << 31;

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn check(got: u32, wanted: u32) -> Told<()> {
    if got == wanted { Ok(()) } else { Err(format!("wanted the checksum {wanted:08x}, got {got:08x}")) }
}

/// A frame as a stream.
pub(crate) struct FrameReader<R> {
    source: R,
    head: Option<Head>,
    packed: Vec<u8>,
    /// The end of what was read before, and the block.
    out: Vec<u8>,
    /// What is still to be read of it.
    from: usize,
    to: usize,
    sum: Xxh32,
    is_over: bool,
}

impl<R: Read> FrameReader<R> {
    /// The most memory that it takes.
    pub const BYTES: u64 = (2 * (4 << 20) + BACK_BYTES) as u64;

    pub fn new(source: R) -> FrameReader<R> {
        let (packed, out) = (Vec::new(), Vec::new());
        FrameReader { source, head: None, packed, out, from: 0, to: 0, sum: Xxh32::new(0), is_over: false }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let wrong = |told: String| io::Error::new(io::ErrorKind::InvalidData, told);
        let head = match self.head {
            Some(head) => head,
            None => *self.head.insert(Head::read(|bytes| self.source.read_exact(bytes))?),
        };
        let mut bytes = [0; 4];
        self.source.read_exact(&mut bytes)?;
        let size = u32::from_le_bytes(bytes);
        if size == 0 {
            if head.has_sum {
                self.source.read_exact(&mut bytes)?;
                check(self.sum.digest(), u32::from_le_bytes(bytes)).map_err(wrong)?;
            }
            self.is_over = true;
            return Ok(());
        }
        let (length, is_packed) = ((size & !PLAIN) as usize, size & PLAIN == 0);
        if length > head.block {
            return Err(wrong(format!("wanted a block of at most {} bytes, got {length}", head.block)));
        }
        self.packed.resize(length, 0);
        self.source.read_exact(&mut self.packed)?;
        if head.has_block_sums {
            self.source.read_exact(&mut bytes)?;
            check(xxhash_rust::xxh32::xxh32(&self.packed, 0), u32::from_le_bytes(bytes)).map_err(wrong)?;
        }
        // What a block may go back to stays.
        let kept = self.to.min(BACK_BYTES);
        self.out.copy_within(self.to - kept..self.to, 0);
        if self.out.len() < BACK_BYTES + head.block {
            self.out.resize(BACK_BYTES + head.block, 0);
        }
        let room = &mut self.out[..kept + head.block];
        self.from = kept;
        self.to = if is_packed {
            unpack_block(&self.packed, room, kept).map_err(wrong)?
        } else {
            room[kept..kept + length].copy_from_slice(&self.packed);
            kept + length
        };
        if head.has_sum {
            self.sum.update(&self.out[self.from..self.to]);
        }
        Ok(())
    }
}

impl<R: Read> Read for FrameReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.from == self.to && !self.is_over {
            self.next_block()?;
        }
        let length = buffer.len().min(self.to - self.from);
        buffer[..length].copy_from_slice(&self.out[self.from..self.from + length]);
        self.from += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_of_lz4_are_unpacked_and_lies_in_them_told() {
        let mut out = [0; 20];
        // "abc", then 12 bytes from 3 back, then "xyz12".
        let block = [0x38, b'a', b'b', b'c', 3, 0, 0x50, b'x', b'y', b'z', b'1', b'2'];
        assert_eq!(unpack_block(&block, &mut out, 0), Ok(20));
        assert_eq!(&out, b"abcabcabcabcabcxyz12");
        for (block, wanted) in [
            (&[0x38, b'a', b'b', b'c', 4, 0, 0][..], "goes back 4 bytes of 3"),
            (&[0x38, b'a', b'b'], "too early"),
            (&[0x3f, b'a', b'b', b'c', 3, 0, 255, 255, 1, 0], "more than it should"),
            (&[0xf0, 255, 255], "too early"),
        ] {
            let error = unpack_block(block, &mut out, 0).expect_err(wanted);
            assert!(error.contains(wanted), "{error}");
        }
    }

    /// A frame of two blocks, the second of which goes back into the first.
    fn frame(flags: u8) -> (Vec<u8>, &'static [u8]) {
        let text: &[u8] = b"abcabcabcabcabcxyz12plain12plain12";
        let mut frame = MAGIC.to_vec();
        let described = [0x40 | flags, 0x40];
        frame.extend(described);
        frame.push((xxhash_rust::xxh32::xxh32(&described, 0) >> 8) as u8);
        let blocks: [(&[u8], u32); 3] = [
            (&[0x38, b'a', b'b', b'c', 3, 0, 0x50, b'x', b'y', b'z', b'1', b'2'], 0),
            (b"plain", PLAIN),
            (&[0x05, 7, 0], 0),
        ];
        for (block, bit) in blocks {
            frame.extend((block.len() as u32 | bit).to_le_bytes());
            frame.extend(block);
            if flags & 16 != 0 {
                frame.extend(xxhash_rust::xxh32::xxh32(block, 0).to_le_bytes());
            }
        }
        frame.extend([0; 4]);
        if flags & 4 != 0 {
            frame.extend(xxhash_rust::xxh32::xxh32(text, 0).to_le_bytes());
        }
        (frame, text)
    }

    #[test]
    fn frames_are_unpacked_at_once_and_as_streams() {
        for flags in [0, 4, 16, 20] {
            let (packed, text) = frame(flags);
            let mut out = vec![0; text.len()];
            assert_eq!(unpack_frame(&packed, &mut out), Ok(()), "{flags}");
            assert_eq!(out, text);
            let mut streamed = Vec::new();
            FrameReader::new(&packed[..]).read_to_end(&mut streamed).expect("a frame");
            assert_eq!(streamed, text);
            for length in 0..packed.len() {
                assert!(unpack_frame(&packed[..length], &mut out).is_err(), "{flags}, {length}");
                assert!(FrameReader::new(&packed[..length]).read_to_end(&mut Vec::new()).is_err(), "{flags}, {length}");
            }
            for wanted in [text.len() - 1, text.len() + 1] {
                assert!(unpack_frame(&packed, &mut vec![0; wanted]).is_err());
            }
            if flags != 0 {
                let mut broken = packed.clone();
                broken[12] ^= 1;
                assert!(unpack_frame(&broken, &mut out).is_err_and(|told| told.contains("checksum")), "{flags}");
            }
        }
    }
}
