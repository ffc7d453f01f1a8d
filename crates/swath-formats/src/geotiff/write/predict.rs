//! Predictors: what is done to the rows of a block so that they pack better (TIFF 6.0 section 14; Adobe Photoshop TIFF
//! Technical Note 3 for floats).
//!
//! One row goes in and one comes out; rows do not know of each other.

use bytemuck::Pod;

/// Differences of unsigned integers that wrap around.
trait Difference: Pod {
    fn less(self, other: Self) -> Self;
}

macro_rules! differences {
    ($($type:ty),*) => {$(
        impl Difference for $type {
            fn less(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
        }
    )*};
}

differences! { u8, u16, u32, u64 }

/// Predictor 2: each sample less the one of the pixel before. `row` and `out` are as long as each other and hold
/// samples of `size` bytes, `stride` to a pixel.
pub(super) fn horizontal(row: &[u8], size: usize, stride: usize, out: &mut [u8]) {
    match size {
        1 => differences::<u8>(row, stride, out),
        2 => differences(bytemuck::cast_slice::<u8, u16>(row), stride, bytemuck::cast_slice_mut(out)),
        4 => differences(bytemuck::cast_slice::<u8, u32>(row), stride, bytemuck::cast_slice_mut(out)),
        _ => differences(bytemuck::cast_slice::<u8, u64>(row), stride, bytemuck::cast_slice_mut(out)),
    }
}

fn differences<T: Difference>(row: &[T], stride: usize, out: &mut [T]) {
    let first = stride.min(row.len());
    out[..first].copy_from_slice(&row[..first]);
    let (before, after) = (&row[..row.len() - first], &row[first..]);
    for ((out, after), before) in out[first..].iter_mut().zip(after).zip(before) {
        *out = after.less(*before);
    }
}

/// Predictor 3: the bytes of a row sorted by significance, the highest first, then as differences of bytes. `sorted` is
/// room for a row.
pub(super) fn floating_point(row: &[u8], size: usize, stride: usize, sorted: &mut [u8], out: &mut [u8]) {
    let samples = row.len() / size;
    if samples == 0 {
        return;
    }
    for (significance, plane) in sorted.chunks_exact_mut(samples).enumerate() {
        let shift = 8 * (size - 1 - significance);
        match size {
            4 => {
                let row: &[u32] = bytemuck::cast_slice(row);
                plane.iter_mut().zip(row).for_each(|(byte, sample)| *byte = (sample >> shift) as u8);
            }
            _ => {
                let row: &[u64] = bytemuck::cast_slice(row);
                plane.iter_mut().zip(row).for_each(|(byte, sample)| *byte = (sample >> shift) as u8);
            }
        }
    }
    differences::<u8>(sorted, stride, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_wrap_and_skip_other_bands() {
        let check = |row: &[u16], stride: usize, wanted: &[u16]| {
            let mut out = vec![0_u16; row.len()];
            horizontal(bytemuck::cast_slice(row), 2, stride, bytemuck::cast_slice_mut(&mut out));
            assert_eq!(out, wanted);
        };
        check(&[5, 7, 6, 6], 1, &[5, 2, 65_535, 0]);
        check(&[5, 100, 7, 99], 2, &[5, 100, 2, 65_535]);
        check(&[5, 100], 2, &[5, 100]);
    }

    #[test]
    fn bytes_of_floats_are_sorted_by_significance() {
        let row = [f32::from_bits(0x0102_0304), f32::from_bits(0x1112_1314)];
        let (mut sorted, mut out) = ([0; 8], [0; 8]);
        floating_point(bytemuck::cast_slice(&row), 4, 1, &mut sorted, &mut out);
        assert_eq!(sorted, [0x01, 0x11, 0x02, 0x12, 0x03, 0x13, 0x04, 0x14]);
        assert_eq!(out, [0x01, 0x10, 0xf1, 0x10, 0xf1, 0x10, 0xf1, 0x10]);
    }
}
