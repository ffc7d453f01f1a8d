//! From rows of 64-bit floats to the pixels of a tile. What they are is no matter here.

use crate::Pixel;

/// The pixels nearest to the results.
pub(super) fn write<T: Pixel>(results: &[f64], to: &mut [T]) {
    to.iter_mut().zip(results).for_each(|(to, result)| *to = T::from_f64(*result));
}

/// Says which results count: those that are numbers, where `presence` is not 0. Whether all do.
pub(super) fn validate(results: &[f64], presence: Option<&[f64]>, valid: &mut [u8]) -> bool {
    valid.iter_mut().zip(results).for_each(|(valid, result)| *valid = u8::from(!result.is_nan()));
    if let Some(presence) = presence {
        valid.iter_mut().zip(presence).for_each(|(valid, present)| *valid &= u8::from(*present != 0.0));
    }
    valid.iter().fold(1, |all, valid| all & *valid) == 1
}
