//! Columns of floats: a dictionary where few values repeat, `BYTE_STREAM_SPLIT` otherwise.
//!
//! Sensors report few digits, so a row group of readings has a few hundred to some thousand distinct values, and their
//! indices are smaller than anything a codec makes of the floats. The choice depends on the values of the row group only.

use std::io::Write;

use arrow_buffer::NullBuffer;
use parquet::basic::Encoding;
use swath_core::Result;

use super::chunk::ChunkWriter;
use super::distinct::{DISTINCT_MAX, Distinct};
use super::hybrid::{index_width, put_indices};
use super::pages::put_pages;
use super::statistics::{Edge, Range};

/// Values that the estimate of split bytes looks at.
const SAMPLE: usize = 2_048;
/// Values that are split at a time, so that they stay in the nearest cache.
const SPLIT_BLOCK: usize = 2_048;

/// A 32-bit or 64-bit float.
pub(super) trait Float: Copy + PartialOrd {
    /// Its size.
    const BYTES: usize;
    /// Larger than every value.
    const INFINITY: Self;
    /// Smaller than every value.
    const NEGATIVE_INFINITY: Self;
    /// The bits, zero-extended.
    fn bits(self) -> u64;
    /// The value as an edge; `upper` says which, since zeros of both signs compare equal and must both be inside.
    fn edge(self, upper: bool) -> Edge;
    /// Byte `plane` of every value.
    fn split(values: &[Self], plane: u32, out: &mut [u8]);
}

macro_rules! float {
    ($float:ident, $edge:ident) => {
        impl Float for $float {
            const BYTES: usize = size_of::<$float>();
            const INFINITY: $float = $float::INFINITY;
            const NEGATIVE_INFINITY: $float = $float::NEG_INFINITY;
            fn bits(self) -> u64 {
                self.to_bits().into()
            }
            fn edge(self, upper: bool) -> Edge {
                Edge::$edge(match (self == 0.0, upper) {
                    (false, _) => self,
                    (true, false) => -0.0,
                    (true, true) => 0.0,
                })
            }
            fn split(values: &[$float], plane: u32, out: &mut [u8]) {
                for (byte, value) in out.iter_mut().zip(values) {
                    *byte = (value.to_bits() >> (8 * plane)) as u8;
                }
            }
        }
    };
}
float!(f32, Float);
float!(f64, Double);

/// Writes a column of floats; answers whether it has a dictionary. `values` are those that are not null, of `rows` rows.
pub(super) fn put_floats<T: Float, W: Write>(
    chunk: &mut ChunkWriter<'_, W>,
    page: &mut Vec<u8>,
    distinct: Option<&mut Distinct<u64>>,
    (rows, nulls, values): (usize, Option<&NullBuffer>, &[T]),
) -> Result<bool> {
    if let Some(distinct) = distinct
        && dictionary_pays(values, distinct)
    {
        page.clear();
        for key in &distinct.keys {
            page.extend_from_slice(&key.to_le_bytes()[..T::BYTES]);
        }
        chunk.put_dictionary(page, distinct.keys.len())?;
        let width = index_width(distinct.keys.len());
        put_pages(chunk, page, rows, nulls, Encoding::RLE_DICTIONARY, |span, page| {
            page.push(width as u8);
            put_indices(&distinct.indices[span.clone()], width, page);
            range_of(&values[span])
        })?;
        return Ok(true);
    }
    put_pages(chunk, page, rows, nulls, Encoding::BYTE_STREAM_SPLIT, |span, page| {
        put_split(&values[span.clone()], page);
        range_of(&values[span])
    })?;
    Ok(false)
}

/// Appends all first bytes, then all second bytes, and so on.
fn put_split<T: Float>(values: &[T], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + values.len() * T::BYTES, 0);
    let planes = &mut out[start..];
    for (block, block_values) in values.chunks(SPLIT_BLOCK).enumerate() {
        for plane in 0..T::BYTES {
            let at = plane * values.len() + block * SPLIT_BLOCK;
            T::split(block_values, plane as u32, &mut planes[at..at + block_values.len()]);
        }
    }
}

fn range_of<T: Float>(values: &[T]) -> Option<Range> {
    extremes(values).map(|(min, max)| Range { min: min.edge(false), max: max.edge(true) })
}

/// The least and the largest of the values that compare; none where all are NaN or there are none.
pub(super) fn extremes<T: Float>(values: &[T]) -> Option<(T, T)> {
    // Eight at a time, which the compiler turns into vector instructions; NaN never compares.
    let (mut least, mut most) = ([T::INFINITY; 8], [T::NEGATIVE_INFINITY; 8]);
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for lane in 0..8 {
            least[lane] = if eight[lane] < least[lane] { eight[lane] } else { least[lane] };
            most[lane] = if eight[lane] > most[lane] { eight[lane] } else { most[lane] };
        }
    }
    let mut range = (T::INFINITY, T::NEGATIVE_INFINITY);
    for value in least.into_iter().chain(rest.iter().copied()) {
        if value < range.0 {
            range.0 = value;
        }
    }
    for value in most.into_iter().chain(rest.iter().copied()) {
        if value > range.1 {
            range.1 = value;
        }
    }
    (range.0 <= range.1).then_some(range)
}

/// Collects the distinct values and answers whether a dictionary is smaller than split bytes would be.
fn dictionary_pays<T: Float>(values: &[T], distinct: &mut Distinct<u64>) -> bool {
    if values.is_empty() {
        return false;
    }
    let split_bits = split_bits_estimate(values) * values.len() as u64 / 256;
    // Each distinct value costs its own bytes, so this many would already cost more than splitting.
    let limit = (split_bits / (8 * T::BYTES as u64)).min(DISTINCT_MAX as u64) as usize;
    if !distinct.collect(values.iter().map(|value| value.bits()), limit) {
        return false;
    }
    let count = distinct.keys.len();
    let width = index_width(count) as usize;
    // Places that stay are long runs, which cost a header and an index.
    let index_bits = (values.len() * width).min(distinct.changes * (width.next_multiple_of(8) + 16));
    ((count * T::BYTES * 8 + index_bits) as u64) < split_bits
}

/// Bits that a value takes when split and entropy-coded, in 1/256 bit, from the byte frequencies of a sample.
///
/// The arithmetic is integer, so that the answer is the same on every machine.
fn split_bits_estimate<T: Float>(values: &[T]) -> u64 {
    let count = values.len().min(SAMPLE);
    let mut total = 0;
    let mut frequencies = [[0_u32; 256]; 8];
    for position in 0..count {
        let bits = values[position * values.len() / count].bits().to_le_bytes();
        for (plane, byte) in bits.iter().enumerate().take(T::BYTES) {
            frequencies[plane][*byte as usize] += 1;
        }
    }
    for plane in &frequencies[..T::BYTES] {
        let weighted: u64 = plane.iter().map(|frequency| u64::from(*frequency) * log2_256(*frequency)).sum();
        total += log2_256(count as u32) - weighted / count as u64;
    }
    total
}

/// The binary logarithm in 1/256, linear between powers of two.
fn log2_256(value: u32) -> u64 {
    let Some(power) = value.checked_ilog2() else { return 0 };
    u64::from(power) * 256 + ((u64::from(value) << 8) >> power) - 256
}
