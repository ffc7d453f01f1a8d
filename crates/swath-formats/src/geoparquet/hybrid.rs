//! The hybrid of run lengths and bit packing that Parquet uses for definition levels and dictionary indices.
//!
//! It writes only; see "Run Length Encoding / Bit-Packing Hybrid" in the Parquet format's `Encodings.md`.

use arrow_buffer::NullBuffer;

/// Appends an unsigned LEB128 integer.
pub(super) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bits that hold every index below `count`; at least one, since some readers refuse a width of nothing.
pub(super) fn index_width(count: usize) -> u32 {
    (usize::BITS - count.saturating_sub(1).leading_zeros()).max(1)
}

/// Most bytes that [`put_indices`] appends.
pub(super) fn indices_bytes_max(count: usize, width: u32) -> usize {
    // Each eight values are a literal group (their bits, and a share of a header) or a run that is no longer.
    count.div_ceil(8) * (width as usize + 2) + 16
}

/// Appends indices, each below `2^width`, without the leading byte that names the width.
pub(super) fn put_indices(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let (mut literal, mut at) = (0, 0);
    while at < values.len() {
        let run = run_length(&values[at..]);
        if run >= 8 {
            put_literals(&values[literal..at], width, out);
            put_varint((run as u64) << 1, out);
            out.extend_from_slice(&values[at].to_le_bytes()[..width.div_ceil(8) as usize]);
            at += run;
            literal = at;
        } else {
            at += 8;
        }
    }
    put_literals(&values[literal..], width, out);
}

/// Length of the run of equal values at the front, if the first eight are equal; otherwise something below eight.
fn run_length(values: &[u32]) -> usize {
    let Some(front) = values.first_chunk::<8>() else { return 0 };
    if front[0] != front[1] || front.iter().any(|value| *value != front[0]) {
        return 0;
    }
    8 + values[8..].iter().take_while(|value| **value == front[0]).count()
}

fn put_literals(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    put_varint(((values.len().div_ceil(8) as u64) << 1) | 1, out);
    let mut groups = values.chunks_exact(8);
    for group in &mut groups {
        put_group(group, width, out);
    }
    let rest = groups.remainder();
    if !rest.is_empty() {
        let mut padded = [0; 8];
        padded[..rest.len()].copy_from_slice(rest);
        put_group(&padded, width, out);
    }
}

/// Packs eight values into `width` bytes.
fn put_group(group: &[u32], width: u32, out: &mut Vec<u8>) {
    if width <= 16 {
        let mut bits = 0_u128;
        for value in group.iter().rev() {
            bits = (bits << width) | u128::from(*value);
        }
        out.extend_from_slice(&bits.to_le_bytes()[..width as usize]);
    } else {
        let (mut bits, mut filled) = (0_u64, 0);
        for value in group {
            bits |= u64::from(*value) << filled;
            filled += width;
            while filled >= 8 {
                out.push(bits as u8);
                bits >>= 8;
                filled -= 8;
            }
        }
    }
}

/// Most bytes that [`put_levels`] appends.
pub(super) fn levels_bytes_max(rows: usize) -> usize {
    rows.div_ceil(8) + 16
}

/// Appends the definition levels of `rows` rows from `start` on (one for a value, nought for none), behind their length.
pub(super) fn put_levels(nulls: Option<&NullBuffer>, start: usize, rows: usize, out: &mut Vec<u8>) -> usize {
    let length_at = out.len();
    out.extend_from_slice(&[0; 4]);
    let mut null_count = 0;
    let mixed = nulls.map(|nulls| nulls.slice(start, rows)).filter(|page| {
        null_count = page.null_count();
        null_count != 0 && null_count != rows
    });
    match mixed {
        None => {
            put_varint((rows as u64) << 1, out);
            out.push(u8::from(null_count == 0));
        }
        // An Arrow validity bitmap has the bit order of a literal, so a page of mixed levels is one literal.
        Some(page) => {
            let groups = rows.div_ceil(8);
            put_varint(((groups as u64) << 1) | 1, out);
            let first = out.len();
            let chunks = page.inner().bit_chunks();
            for word in chunks.iter() {
                out.extend_from_slice(&word.to_le_bytes());
            }
            out.extend_from_slice(&chunks.remainder_bits().to_le_bytes()[..chunks.remainder_len().div_ceil(8)]);
            debug_assert_eq!(out.len() - first, groups);
        }
    }
    let length = (out.len() - length_at - 4) as u32;
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    null_count
}
