//! Undoing what was done to pixels before they were packed: differences, the order of bytes, widths of samples.
//!
//! All of it works row by row and in place as far as it can; it knows no file.

use super::{ByteOrder, lanes};
use crate::geotiff::Predictor;

/// What rows of samples are like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Bytes of a row.
    pub row_bytes: usize,
    /// Bands side by side.
    pub samples: usize,
    /// Bytes of a sample, or 0 if samples are no whole bytes.
    pub size: usize,
    pub order: ByteOrder,
    pub predictor: Predictor,
}

/// Makes of stored rows the samples that they stand for, as this machine orders bytes. `spare` is as long as a row if
/// the predictor is the one for floats.
pub(super) fn restore(bytes: &mut [u8], rows: Rows, spare: &mut [u8]) {
    match rows.predictor {
        Predictor::None => swap(bytes, rows),
        Predictor::Horizontal => {
            for row in bytes.chunks_exact_mut(rows.row_bytes) {
                swap(row, rows);
                match rows.size {
                    1 => sums::<u8>(row, rows.samples),
                    2 => sums::<u16>(row, rows.samples),
                    4 => sums::<u32>(row, rows.samples),
                    _ => sums::<u64>(row, rows.samples),
                }
            }
        }
        Predictor::FloatingPoint => {
            for row in bytes.chunks_exact_mut(rows.row_bytes) {
                sums::<u8>(row, rows.samples);
                spare.copy_from_slice(row);
                match rows.size {
                    2 => gather::<2>(spare, row),
                    4 => gather::<4>(spare, row),
                    _ => gather::<8>(spare, row),
                }
            }
        }
    }
}

fn swap(bytes: &mut [u8], rows: Rows) {
    if !rows.order.is_foreign() {
        return;
    }
    match rows.size {
        2 => bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse),
        4 => bytes.chunks_exact_mut(4).for_each(<[u8]>::reverse),
        8 => bytes.chunks_exact_mut(8).for_each(<[u8]>::reverse),
        _ => {}
    }
}

/// A sample whose differences are summed modulo its range, whatever it stands for.
trait Wrapping: Copy + Default {
    const SIZE: usize;
    fn load(bytes: &[u8]) -> Self;
    fn store(self, bytes: &mut [u8]);
    fn plus(self, other: Self) -> Self;
    /// As [`lanes::sums`].
    fn lanes(row: &mut [u8], lag: usize) -> usize;
}

macro_rules! wrapping {
    ($($type:ty),*) => {$(
        impl Wrapping for $type {
            const SIZE: usize = size_of::<$type>();

            fn load(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                <$type>::from_ne_bytes(own)
            }

            fn store(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_ne_bytes());
            }

            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn lanes(row: &mut [u8], lag: usize) -> usize {
                lanes::sums::<{ size_of::<$type>() }>(row, lag)
            }
        }
    )*};
}

wrapping!(u8, u16, u32, u64);

/// Running sums of each band along a row.
fn sums<T: Wrapping>(row: &mut [u8], samples: usize) {
    let step = samples * T::SIZE;
    match (T::lanes(row, step), samples) {
        (0, 1) => sums_of::<T, 1>(row),
        (0, 2) => sums_of::<T, 2>(row),
        (0, 3) => sums_of::<T, 3>(row),
        (0, 4) => sums_of::<T, 4>(row),
        (done, _) => {
            for at in (done.max(step)..row.len()).step_by(T::SIZE) {
                let Some((before, rest)) = row.split_at_mut_checked(at) else {
                    return;
                };
                if rest.len() >= T::SIZE {
                    let sum = T::load(&rest[..T::SIZE]).plus(T::load(&before[at - step..at - step + T::SIZE]));
                    sum.store(&mut rest[..T::SIZE]);
                }
            }
        }
    }
}

fn sums_of<T: Wrapping, const SAMPLES: usize>(row: &mut [u8]) {
    let mut sums = [T::default(); SAMPLES];
    let mut pixels = row.chunks_exact_mut(SAMPLES * T::SIZE);
    for pixel in &mut pixels {
        for (sum, bytes) in sums.iter_mut().zip(pixel.chunks_exact_mut(T::SIZE)) {
            *sum = sum.plus(T::load(bytes));
            sum.store(bytes);
        }
    }
    // A row of bytes of floats may end within a pixel.
    for (sum, bytes) in sums.iter().zip(pixels.into_remainder().chunks_exact_mut(T::SIZE)) {
        sum.plus(T::load(bytes)).store(bytes);
    }
}

/// Puts the bytes of samples together: first come those of greatest significance of all samples, and so on.
fn gather<const SIZE: usize>(planes: &[u8], row: &mut [u8]) {
    let count = planes.len() / SIZE;
    let mut parts: [&[u8]; SIZE] = [&[]; SIZE];
    for (part, plane) in parts.iter_mut().zip(planes.chunks_exact(count.max(1))) {
        *part = plane;
    }
    if cfg!(target_endian = "little") {
        parts.reverse();
    }
    if parts.iter().any(|part| part.len() != count) {
        return;
    }
    if let [one, two, three, four] = parts[..] {
        let done = lanes::weave([one, two, three, four], row);
        let parts = one.iter().zip(two).zip(three).zip(four);
        for (sample, (((one, two), three), four)) in row.as_chunks_mut::<4>().0.iter_mut().zip(parts).skip(done) {
            *sample = [*one, *two, *three, *four];
        }
        return;
    }
    for (place, sample) in row.chunks_exact_mut(SIZE).enumerate() {
        for (byte, part) in sample.iter_mut().zip(parts) {
            *byte = part[place];
        }
    }
}

/// Makes whole bytes of rows of narrow samples: `bits` each, the highest first.
pub(super) fn widen_bits(stored: &[u8], bits: u32, row_bytes: usize, wide: &mut [u8], wide_row_bytes: usize) {
    let size = if bits <= 8 { 1 } else { 2 };
    for (stored, wide) in stored.chunks_exact(row_bytes).zip(wide.chunks_exact_mut(wide_row_bytes)) {
        let (mut held, mut pool, mut next) = (0, 0u32, stored.iter());
        for sample in wide.chunks_exact_mut(size) {
            while held < bits {
                pool = pool << 8 | u32::from(next.next().copied().unwrap_or(0));
                held += 8;
            }
            held -= bits;
            let value = (pool >> held) & ((1 << bits) - 1);
            match sample {
                [byte] => *byte = value as u8,
                sample => sample.copy_from_slice(&(value as u16).to_ne_bytes()),
            }
        }
    }
}

/// Makes 32-bit floats of 16-bit ones, both as this machine orders bytes.
pub(super) fn widen_halves(stored: &[u8], wide: &mut [u8]) {
    for (stored, wide) in stored.chunks_exact(2).zip(wide.chunks_exact_mut(4)) {
        wide.copy_from_slice(&half(u16::from_ne_bytes([stored[0], stored[1]])).to_ne_bytes());
    }
}

/// IEEE 754 binary16 as binary32, exactly.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10) & 31, u32::from(bits) & 1023);
    match (exponent, fraction) {
        (31, _) => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        (0, _) => {
            // Multiples of 2⁻²⁴.
            let magnitude = fraction as f32 * f32::from_bits(0x3380_0000);
            f32::from_bits(sign | magnitude.to_bits())
        }
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Differences as TIFF 6.0 and Adobe's technical note 3 define them, the slow way.
    fn differences(samples: &[u64], size: usize, bands: usize, predictor: Predictor) -> Vec<u8> {
        let native = |value: u64| value.to_le_bytes()[..size].to_vec();
        match predictor {
            Predictor::None => samples.iter().flat_map(|sample| native(*sample)).collect(),
            Predictor::Horizontal => {
                let before = |place: usize| if place < bands { 0 } else { samples[place - bands] };
                (0..samples.len()).flat_map(|place| native(samples[place].wrapping_sub(before(place)))).collect()
            }
            Predictor::FloatingPoint => {
                let plane = |byte: usize| samples.iter().map(move |sample| sample.to_le_bytes()[size - 1 - byte]);
                let bytes: Vec<u8> = (0..size).flat_map(plane).collect();
                let before = |place: usize| if place < bands { 0 } else { bytes[place - bands] };
                (0..bytes.len()).map(|place| bytes[place].wrapping_sub(before(place))).collect()
            }
        }
    }

    #[test]
    fn what_was_predicted_comes_back() {
        if cfg!(target_endian = "big") {
            return;
        }
        for predictor in [Predictor::None, Predictor::Horizontal, Predictor::FloatingPoint] {
            for (size, bands) in [1, 2, 4, 8].into_iter().flat_map(|size| (1..8).map(move |bands| (size, bands))) {
                let mask = u64::MAX >> (64 - 8 * size);
                let row = |seed: u64| -> Vec<u64> {
                    (0..13 * bands as u64).map(|i| (i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) & mask).collect()
                };
                if size == 1 && predictor == Predictor::FloatingPoint {
                    continue;
                }
                let mut bytes = differences(&row(1), size, bands, predictor);
                bytes.extend(differences(&row(99), size, bands, predictor));
                let row_bytes = bytes.len() / 2;
                let rows = Rows { row_bytes, samples: bands, size, order: ByteOrder::Little, predictor };
                restore(&mut bytes, rows, &mut vec![0; row_bytes]);
                let mut wanted = differences(&row(1), size, bands, Predictor::None);
                wanted.extend(differences(&row(99), size, bands, Predictor::None));
                assert_eq!(bytes, wanted, "{predictor:?}, {size} bytes, {bands} bands");
            }
        }
    }

    #[test]
    fn foreign_bytes_are_swapped() {
        let order = if cfg!(target_endian = "little") { ByteOrder::Big } else { ByteOrder::Little };
        let mut bytes = [1, 2, 3, 4, 5, 6, 7, 8];
        restore(&mut bytes, Rows { row_bytes: 8, samples: 1, size: 4, order, predictor: Predictor::None }, &mut []);
        assert_eq!(bytes, [4, 3, 2, 1, 8, 7, 6, 5]);
    }

    #[test]
    fn narrow_samples_are_widened() {
        let mut wide = [0; 6];
        widen_bits(&[0b1010_0000, 0b0110_0000], 1, 1, &mut wide, 3);
        assert_eq!(wide, [1, 0, 1, 0, 1, 1]);
        let mut wide = [0; 6];
        widen_bits(&[0xab, 0xcd, 0xef, 0x12, 0x30], 12, 5, &mut wide, 6);
        let values: Vec<u16> = wide.chunks(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect();
        assert_eq!(values, [0xabc, 0xdef, 0x123]);
    }

    #[test]
    fn halves_are_exact() {
        let cases = [(0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65_504.0), (0x0001, 5.960_464_5e-8), (0x8000, -0.0)];
        for (bits, wanted) in cases {
            assert_eq!(half(bits).to_bits(), f32::to_bits(wanted), "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan() && half(0x7c00) == f32::INFINITY);
        assert_eq!(half(0x03ff), 1023.0 / 16_777_216.0);
    }
}
