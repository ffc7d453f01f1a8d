//! Small numbers in runs and packed bits: indices of dictionaries, and which values are null.

use super::thrift::{CUT, Told};

/// Where a reader of such numbers is in the bytes of a page.
#[derive(Debug, Clone)]
pub(super) struct Hybrid {
    at: usize,
    end: usize,
    width: u32,
    run: Run,
}

#[derive(Debug, Clone, Copy)]
enum Run {
    /// One number, so many times.
    Same { value: u32, left: usize },
    /// So many numbers, from this bit on.
    Packed { bit: usize, left: usize },
}

/// Reads a varint of 32 bits.
fn varint(data: &[u8], at: &mut usize) -> Told<u32> {
    let mut value = 0u32;
    for shift in (0..35).step_by(7) {
        let byte = *data.get(*at).ok_or(CUT)?;
        *at += 1;
        value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("the length of a run has more than 32 bits".into())
}

/// Up to 64 bits from a bit on; what lies behind the end is zero.
#[inline(always)]
pub(super) fn bits_at(data: &[u8], bit: usize) -> u64 {
    let byte = bit / 8;
    let word = match data.get(byte..byte + 8) {
        Some(bytes) => bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)),
        None => {
            let mut bytes = [0; 8];
            let rest = data.get(byte..).unwrap_or_default();
            bytes[..rest.len().min(8)].copy_from_slice(&rest[..rest.len().min(8)]);
            u64::from_le_bytes(bytes)
        }
    };
    word >> (bit % 8)
}

impl Hybrid {
    /// Numbers of so many bits in `data[at..end]`.
    pub fn new(at: usize, end: usize, width: u32) -> Told<Hybrid> {
        if width > 32 {
            return Err(format!("wanted numbers of at most 32 bits, got {width}"));
        }
        Ok(Hybrid { at, end, width, run: Run::Same { value: 0, left: 0 } })
    }

    /// Reads the head of the next run where this one is at its end; answers how many numbers are left in it.
    fn run(&mut self, data: &[u8]) -> Told<usize> {
        loop {
            if let Run::Same { left: left @ 1.., .. } | Run::Packed { left: left @ 1.., .. } = self.run {
                return Ok(left);
            }
            let data = data.get(..self.end).ok_or(CUT)?;
            let head = varint(data, &mut self.at)?;
            let count = (head >> 1) as usize;
            if head & 1 == 0 {
                let bytes = self.width.div_ceil(8) as usize;
                let value = data.get(self.at..self.at + bytes).ok_or(CUT)?;
                let value = value.iter().rev().fold(0u32, |value, byte| value << 8 | u32::from(*byte));
                self.at += bytes;
                self.run = Run::Same { value, left: count };
            } else {
                let bytes = count.saturating_mul(self.width as usize);
                // Some writers leave out the bytes of the last run that no number is in.
                let there = bytes.min(data.len() - self.at);
                let left = if self.width == 0 { count * 8 } else { (there * 8 / self.width as usize).min(count * 8) };
                if left == 0 && count > 0 {
                    return Err(CUT.into());
                }
                self.run = Run::Packed { bit: self.at * 8, left };
                self.at += there;
            }
        }
    }

    fn passed(&mut self, count: usize) {
        match &mut self.run {
            Run::Same { left, .. } => *left -= count,
            Run::Packed { bit, left } => {
                *bit += count * self.width as usize;
                *left -= count;
            }
        }
    }

    /// Fills `out` with the next numbers.
    pub fn take(&mut self, data: &[u8], mut out: &mut [u32]) -> Told<()> {
        while !out.is_empty() {
            let count = self.run(data)?.min(out.len());
            let (now, later) = out.split_at_mut(count);
            match self.run {
                Run::Same { value, .. } => now.fill(value),
                Run::Packed { bit, .. } => {
                    let (mut bit, width) = (bit, self.width as usize);
                    let mask = ((1u64 << width) - 1) as u32;
                    for out in now {
                        *out = bits_at(data, bit) as u32 & mask;
                        bit += width;
                    }
                }
            }
            self.passed(count);
            out = later;
        }
        Ok(())
    }

    /// Passes over numbers; answers how many of them were one.
    pub fn skip(&mut self, data: &[u8], mut count: usize) -> Told<usize> {
        let mut ones = 0;
        while count > 0 {
            let now = self.run(data)?.min(count);
            match self.run {
                Run::Same { value, .. } => ones += now * usize::from(value == 1),
                Run::Packed { bit, .. } if self.width == 1 => {
                    for from in (0..now).step_by(32) {
                        let few = (now - from).min(32);
                        ones += (bits_at(data, bit + from) & ((1 << few) - 1)).count_ones() as usize;
                    }
                }
                Run::Packed { .. } => {}
            }
            self.passed(now);
            count -= now;
        }
        Ok(ones)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_packed_numbers_are_read_and_passed_over() {
        // 5 times 3, then 8 numbers of 3 bits: 0 to 7, then 300 times 7.
        let data = [10, 3, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010, 0xd8, 4, 7];
        let all: Vec<u32> = [3; 5].into_iter().chain(0..8).chain([7; 300]).collect();
        for step in [1, 3, 8, 313] {
            let mut hybrid = Hybrid::new(0, data.len(), 3).expect("a width");
            let mut out = vec![9; all.len()];
            out.chunks_mut(step).for_each(|out| hybrid.take(&data, out).expect("numbers"));
            assert_eq!(out, all, "{step}");
            assert!(hybrid.take(&data, &mut [0]).is_err());
        }
        for skipped in 0..all.len() {
            let mut hybrid = Hybrid::new(0, data.len(), 3).expect("a width");
            hybrid.skip(&data, skipped).expect("numbers");
            let mut out = vec![9; all.len() - skipped];
            hybrid.take(&data, &mut out).expect("numbers");
            assert_eq!(out, all[skipped..], "{skipped}");
        }
    }

    #[test]
    fn ones_are_counted() {
        let data = [9, 0xff, 0x0f, 0x80, 0x01, 6, 1];
        let mut hybrid = Hybrid::new(0, data.len(), 1).expect("a width");
        assert_eq!(hybrid.skip(&data, 10), Ok(10));
        assert_eq!(hybrid.skip(&data, 23), Ok(5));
        assert!(hybrid.skip(&data, 3).is_err());
        assert!(Hybrid::new(0, 0, 33).is_err());
        assert!(Hybrid::new(0, 3, 8).expect("a width").take(&[0xff, 0xff, 0xff], &mut [0]).is_err());
    }
}
