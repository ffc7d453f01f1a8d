//! A stream of bytes as bits, the lowest of a byte first.

/// Where a stream is read.
#[derive(Clone, Copy)]
pub(super) struct Bits<'a> {
    stream: &'a [u8],
    /// The byte that is read next.
    next: usize,
    /// Bytes beyond the end that were read as zeros.
    beyond: usize,
    /// The next bits, the lowest first. There may be right ones above those that are counted.
    pub held: u64,
    /// How many bits are held: up to 63.
    pub count: u32,
}

impl<'a> Bits<'a> {
    pub fn new(stream: &'a [u8]) -> Bits<'a> {
        Bits { stream, next: 0, beyond: 0, held: 0, count: 0 }
    }

    /// Holds at least 56 bits, which are zeros where the stream has ended.
    pub fn refill(&mut self) {
        if !self.refill_fast() {
            while self.count < 56 {
                match self.stream.get(self.next) {
                    Some(byte) => {
                        self.held |= u64::from(*byte) << self.count;
                        self.next += 1;
                    }
                    None => self.beyond += 1,
                }
                self.count += 8;
            }
        }
    }

    /// Whether three fast refills will do.
    #[inline(always)]
    pub fn has_plenty(&self) -> bool {
        self.next + 32 <= self.stream.len()
    }

    /// Holds at least 56 bits, if there are eight more bytes; and then as many right ones as there is room for.
    #[inline(always)]
    pub fn refill_fast(&mut self) -> bool {
        let Some(word) = self.stream.get(self.next..).and_then(<[u8]>::first_chunk) else {
            return false;
        };
        self.held |= u64::from_le_bytes(*word) << (self.count & 63);
        self.next += (63 - self.count as usize) >> 3;
        self.count |= 56;
        true
    }

    /// Takes up to 63 bits off, all of which are held.
    #[inline(always)]
    pub fn skip(&mut self, count: u32) {
        self.held >>= count & 63;
        self.count = self.count.wrapping_sub(count & 63);
    }

    /// The next bits, up to 16, all of which are held.
    #[inline(always)]
    pub fn take(&mut self, count: u32) -> u32 {
        let taken = self.held as u32 & ((1 << count) - 1);
        self.skip(count);
        taken
    }

    /// Whether more was read than there is.
    pub fn is_beyond(&self) -> bool {
        self.beyond > (self.count >> 3) as usize
    }

    /// Whole bytes that were read of the stream, or `None` if more were than there are.
    pub fn read_bytes(&self) -> Option<usize> {
        let held = ((self.count >> 3) as usize).checked_sub(self.beyond)?;
        Some(self.next - held)
    }

    /// The bytes from the next whole one on; nothing is held then.
    pub fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let start = self.read_bytes()?;
        let bytes = self.stream.get(start..)?.get(..count)?;
        (self.next, self.beyond, self.held, self.count) = (start + count, 0, 0, 0);
        Some(bytes)
    }
}
