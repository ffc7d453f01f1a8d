//! Whole numbers as differences, in blocks of packed bits.

use super::hybrid::bits_at;
use super::thrift::{CUT, Told};

/// Where a reader of such numbers is in the bytes of a page.
#[derive(Debug, Clone)]
pub(super) struct Delta {
    at: usize,
    /// Numbers of a small block, and small blocks of a block.
    small: usize,
    smalls: usize,
    /// Numbers not read.
    pub left: usize,
    first: bool,
    value: i64,
    smallest: i64,
    /// Where the widths of the small blocks of this block are, and which comes next.
    widths: usize,
    next: usize,
    width: u32,
    bit: usize,
    left_in_small: usize,
}

fn varint(data: &[u8], at: &mut usize) -> Told<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *data.get(*at).ok_or(CUT)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err("a difference has more than 64 bits".into())
}

fn signed(data: &[u8], at: &mut usize) -> Told<i64> {
    let value = varint(data, at)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

impl Delta {
    /// Begins to read at a byte; there are no more numbers than `most`.
    pub fn new(data: &[u8], at: usize, most: usize) -> Told<Delta> {
        let mut at = at;
        let block = varint(data, &mut at)? as usize;
        let smalls = varint(data, &mut at)? as usize;
        let left = varint(data, &mut at)? as usize;
        let value = signed(data, &mut at)?;
        let small = block.checked_div(smalls).unwrap_or(0);
        if smalls > 1 << 12 || small == 0 || !small.is_multiple_of(32) || block > 1 << 20 || small * smalls != block {
            return Err(format!("wanted small blocks of a multiple of 32 numbers, got {smalls} in {block}"));
        }
        if left > most {
            return Err(format!("wanted at most {most} numbers, got {left}"));
        }
        let first = true;
        let (smallest, widths, next, width, bit, left_in_small) = (0, at, smalls, 0, at * 8, 0);
        Ok(Delta { at, small, smalls, left, first, value, smallest, widths, next, width, bit, left_in_small })
    }

    /// Where the next number's bits are, once there is one in this small block.
    #[inline(always)]
    fn open(&mut self, data: &[u8]) -> Told<()> {
        if self.left_in_small > 0 {
            return Ok(());
        }
        if self.next == self.smalls {
            self.smallest = signed(data, &mut self.at)?;
            self.widths = self.at;
            self.at += self.smalls;
            self.next = 0;
        }
        let width = u32::from(*data.get(self.widths + self.next).ok_or(CUT)?);
        if width > 64 {
            return Err(format!("wanted differences of at most 64 bits, got {width}"));
        }
        (self.width, self.bit, self.left_in_small) = (width, self.at * 8, self.small);
        self.next += 1;
        // The last block may end with its last number.
        let needed = self.small.min(self.left) * width as usize;
        self.at += self.small / 8 * width as usize;
        if self.bit + needed > data.len() * 8 { Err(CUT.into()) } else { Ok(()) }
    }

    /// Hands the next numbers to `with`.
    #[inline(always)]
    pub fn take(&mut self, data: &[u8], count: usize, mut with: impl FnMut(i64)) -> Told<()> {
        if count > self.left {
            return Err(format!("wanted {count} numbers more, got {}", self.left));
        }
        let mut count = count;
        if self.first && count > 0 {
            self.first = false;
            self.left -= 1;
            count -= 1;
            with(self.value);
        }
        while count > 0 {
            self.open(data)?;
            let now = count.min(self.left_in_small);
            let width = self.width as usize;
            if width <= 56 {
                let mask = (1u64 << width) - 1;
                for _ in 0..now {
                    let difference = (bits_at(data, self.bit) & mask) as i64;
                    self.bit += width;
                    self.value = self.value.wrapping_add(self.smallest).wrapping_add(difference);
                    with(self.value);
                }
            } else {
                for _ in 0..now {
                    let low = bits_at(data, self.bit) & 0xffff_ffff;
                    let high = bits_at(data, self.bit + 32) & ((1 << (width - 32)) - 1);
                    self.bit += width;
                    let difference = (high << 32 | low) as i64;
                    self.value = self.value.wrapping_add(self.smallest).wrapping_add(difference);
                    with(self.value);
                }
            }
            self.left_in_small -= now;
            self.left -= now;
            count -= now;
        }
        Ok(())
    }

    /// Where the bytes behind all numbers begin.
    pub fn end(&self, data: &[u8]) -> Told<usize> {
        let mut ahead = self.clone();
        let mut left = ahead.left.saturating_sub(usize::from(ahead.first));
        while left > 0 {
            ahead.left = left;
            ahead.left_in_small = 0;
            ahead.open(data)?;
            left -= left.min(ahead.small);
        }
        // Widths of small blocks without numbers are there, their bits are not.
        if ahead.at > data.len() { Err(CUT.into()) } else { Ok(ahead.at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_add_up_and_cuts_are_told() {
        // Blocks of 128 in 4, 6 numbers, 7 first; smallest -2, widths 3 0 0 0; differences 0 to 4.
        let mut data = vec![0x80, 1, 4, 6, 14, 3, 3, 0, 0, 0, 0b1000_1000, 0b0100_0110, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        data.extend([9, 9]);
        let wanted = [7, 5, 4, 4, 5, 7];
        for step in 1..=6 {
            let mut delta = Delta::new(&data, 0, 6).expect("a head");
            assert_eq!(delta.end(&data), Ok(22));
            let mut got = Vec::new();
            while delta.left > 0 {
                let count = delta.left.min(step);
                delta.take(&data, count, |value| got.push(value)).expect("numbers");
            }
            assert_eq!(got, wanted, "{step}");
            assert!(delta.take(&data, 1, |_| ()).is_err());
        }
        for cut in 0..12 {
            let told = Delta::new(&data[..cut], 0, 6).and_then(|mut delta| delta.take(&data[..cut], 6, |_| ()));
            assert!(told.is_err(), "{cut}");
        }
        assert!(Delta::new(&data, 0, 5).is_err());
        assert!(Delta::new(&[0x80, 1, 3, 6, 14], 0, 6).is_err());
        assert!(Delta::new(&[0, 0, 6, 14], 0, 6).is_err());
    }
}
