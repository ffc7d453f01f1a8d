//! The inner loops in plain integer arithmetic, for any machine.

use super::{BELOW_F32, Decimal, HALF_F32, Kernel, Masks, Needles, POWERS, Quad};

/// Needs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::csv) struct Portable;

const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
const ONES: u64 = 0x0101_0101_0101_0101;

/// The high bit of each byte that equals the repeated byte, and no other bit.
#[inline(always)]
fn equal(word: u64, repeated: u64) -> u64 {
    let x = word ^ repeated;
    !(((x & LOW) + LOW) | x | LOW)
}

/// The eight high bits as one byte, the first byte's lowest.
#[inline(always)]
fn gather(high_bits: u64) -> u64 {
    (high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Kernel for Portable {
    #[inline(always)]
    fn masks(self, group: &[u8; 64], needles: &Needles) -> Masks {
        let delimiter = u64::from(needles.delimiter) * ONES;
        let newline = u64::from(b'\n') * ONES;
        let quote = u64::from(needles.quote) * ONES;
        let mut masks = Masks { structural: 0, newline: 0, quote: 0, special: 0 };
        for (i, bytes) in group.as_chunks::<8>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*bytes);
            let shift = 8 * i;
            let newlines = equal(word, newline);
            masks.newline |= gather(newlines) << shift;
            masks.structural |= gather(newlines | equal(word, delimiter)) << shift;
            masks.quote |= gather(equal(word, quote)) << shift;
            masks.special |= gather((word & !LOW) | equal(word, 0)) << shift;
        }
        masks.quote &= needles.quoting;
        masks
    }

    #[inline(always)]
    fn decimal(self, tail: &[u8; 16], length: usize, mark: u8) -> Option<Decimal> {
        let text = &tail[16 - length..];
        let (negative, digits) = match text {
            [b'-', digits @ ..] => (true, digits),
            digits => (false, digits),
        };
        let mut decimal = Decimal { mantissa: 0, scale: 0, marked: false, negative };
        for &byte in digits {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                decimal.mantissa = decimal.mantissa * 10 + u64::from(digit);
                decimal.scale += u32::from(decimal.marked);
            } else if byte == mark && !decimal.marked {
                decimal.marked = true;
            } else {
                return None;
            }
        }
        (digits.len() > usize::from(decimal.marked)).then_some(decimal)
    }

    #[inline(always)]
    fn quad(self, tails: &[u64; 4], lengths: &[usize; 4], mark: u8) -> Quad {
        let mut quad = Quad { values: [0.0; 4], bad: 0, half: 0 };
        for i in 0..4 {
            let mut tail = [0; 16];
            tail[8..].copy_from_slice(&tails[i].to_le_bytes());
            let short = (1..=8).contains(&lengths[i]);
            let Some(decimal) = short.then(|| self.decimal(&tail, lengths[i], mark)).flatten() else {
                quad.bad |= 1 << i;
                quad.half |= 1 << i;
                continue;
            };
            let magnitude = decimal.mantissa as f64 / POWERS[decimal.scale as usize & 15];
            quad.half |= u32::from(magnitude.to_bits() & BELOW_F32 == HALF_F32) << i;
            quad.values[i] = if decimal.negative { -magnitude } else { magnitude };
        }
        quad
    }
}
