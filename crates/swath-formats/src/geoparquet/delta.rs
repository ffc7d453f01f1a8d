//! `DELTA_BINARY_PACKED`: integers as bit-packed differences (Parquet format, `Encodings.md`).
//!
//! It writes only. Differences wrap at the width of the column's type, as readers expect.

use super::hybrid::put_varint;

/// Differences of a block.
const BLOCK: usize = 128;
/// Differences of a miniblock, which has one bit width.
const MINIBLOCK: usize = 32;

/// An integer type of Parquet.
pub(super) trait Integer: Copy + Ord {
    /// The value with its sign.
    fn wide(self) -> i64;
    /// `self - before`, wrapping at the type's width.
    fn delta(self, before: Self) -> i64;
    /// `delta - least`, wrapping at the type's width.
    fn above(delta: i64, least: i64) -> u64;
}

impl Integer for i32 {
    fn wide(self) -> i64 {
        self.into()
    }
    fn delta(self, before: i32) -> i64 {
        self.wrapping_sub(before).into()
    }
    fn above(delta: i64, least: i64) -> u64 {
        (delta as i32).wrapping_sub(least as i32) as u32 as u64
    }
}

impl Integer for i64 {
    fn wide(self) -> i64 {
        self
    }
    fn delta(self, before: i64) -> i64 {
        self.wrapping_sub(before)
    }
    fn above(delta: i64, least: i64) -> u64 {
        delta.wrapping_sub(least) as u64
    }
}

/// Most bytes that [`put_deltas`] appends for `count` integers of `width` bytes.
pub(super) fn deltas_bytes_max(count: usize, width: usize) -> usize {
    // A block: its least difference, four widths, and whole miniblocks of full-width values.
    48 + count.div_ceil(BLOCK) * (10 + 4 + BLOCK * width)
}

/// Appends `values`.
pub(super) fn put_deltas<T: Integer>(values: &[T], out: &mut Vec<u8>) {
    put_varint(BLOCK as u64, out);
    put_varint((BLOCK / MINIBLOCK) as u64, out);
    put_varint(values.len() as u64, out);
    put_varint(zigzag(values.first().map_or(0, |value| value.wide())), out);
    let mut deltas = [0_i64; BLOCK];
    let mut at = 1;
    while at < values.len() {
        let count = BLOCK.min(values.len() - at);
        for (delta, pair) in deltas.iter_mut().zip(values[at - 1..at + count].windows(2)) {
            *delta = pair[1].delta(pair[0]);
        }
        put_block::<T>(&deltas[..count], out);
        at += count;
    }
}

fn put_block<T: Integer>(deltas: &[i64], out: &mut Vec<u8>) {
    let least = deltas.iter().copied().min().unwrap_or(0);
    put_varint(zigzag(least), out);
    let widths_at = out.len();
    out.extend_from_slice(&[0; BLOCK / MINIBLOCK]);
    for (position, miniblock) in deltas.chunks(MINIBLOCK).enumerate() {
        let mut values = [0_u64; MINIBLOCK];
        let mut all = 0;
        for (value, delta) in values.iter_mut().zip(miniblock) {
            *value = T::above(*delta, least);
            all |= *value;
        }
        let width = u64::BITS - all.leading_zeros();
        out[widths_at + position] = width as u8;
        put_packed(&values, width, out);
    }
}

/// Packs 32 values into `4 × width` bytes.
fn put_packed(values: &[u64; MINIBLOCK], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut bits, mut filled) = (0_u64, 0_u32);
    for value in values {
        bits |= value << filled;
        let room = u64::BITS - filled;
        if width >= room {
            out.extend_from_slice(&bits.to_le_bytes());
            bits = if room == u64::BITS { 0 } else { value >> room };
            filled = width - room;
        } else {
            filled += width;
        }
    }
    // 32 values of any width end on a multiple of four bytes.
    out.extend_from_slice(&bits.to_le_bytes()[..filled.div_ceil(8) as usize]);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}
