//! The ends of a program: inputs into the working type, results out of it.
//!
//! Invalid values become NaN on the way in, and whatever is not finite becomes invalid on the way out.

use super::{Kernels, in_both_forms};
use crate::strip::InputStrip;
use crate::strip::for_input_values;
use crate::working::Working;

/// A type that inputs of all types can be converted to.
pub trait Load: Sized {
    /// Converts part of an input, from a value on, as many as are written.
    #[doc(hidden)]
    fn load(kernels: Kernels, input: &InputStrip<'_>, start: usize, to: &mut [Self]);
}

/// A value that another type is made of, to nearest.
pub(crate) trait Convert<T>: Copy {
    fn convert(self) -> T;
}

macro_rules! convert {
    ($working:ty: $($type:ty)*) => {$(
        impl Convert<$working> for $type {
            #[inline(always)]
            fn convert(self) -> $working {
                self as $working
            }
        }
    )*};
}

convert!(f32: u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);
convert!(f64: u8 i8 u16 i16 u32 i32 u64 i64 f32 f64);

macro_rules! load {
    ($($working:ty)*) => {$(
        impl Load for $working {
            fn load(kernels: Kernels, input: &InputStrip<'_>, start: usize, to: &mut [Self]) {
                let end = start + to.len();
                for_input_values!(input.values, values => match input.validity {
                    None => load_valid(kernels, &values[start..end], to),
                    Some(validity) => load_masked(kernels, &values[start..end], &validity[start..end], to),
                });
            }
        }
    )*};
}

load!(f32 f64);

#[inline(always)]
fn load_valid_loop<S: Convert<T>, T: Working>(from: &[S], to: &mut [T]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.convert();
    }
}

in_both_forms! {
    fn load_valid<S: Convert<T>, T: Working>(from: &[S], to: &mut [T]) = load_valid_loop;
}

#[inline(always)]
fn load_masked_loop<S: Convert<T>, T: Working>(from: &[S], validity: &[u8], to: &mut [T]) {
    let (from, validity) = (&from[..to.len()], &validity[..to.len()]);
    for (index, to) in to.iter_mut().enumerate() {
        let value = from[index].convert();
        *to = if validity[index] != 0 { value } else { T::NAN };
    }
}

in_both_forms! {
    fn load_masked<S: Convert<T>, T: Working>(from: &[S], validity: &[u8], to: &mut [T]) = load_masked_loop;
}

#[inline(always)]
fn store_loop<T: Working>(from: &[T], values: &mut [T], validity: &mut [u8]) -> bool {
    let from = &from[..values.len()];
    let mut all = true;
    for (value, from) in values.iter_mut().zip(from) {
        *value = *from;
        all &= from.is_valid();
    }
    if all {
        validity.fill(1);
        return true;
    }
    for (valid, value) in validity.iter_mut().zip(values) {
        let is_valid = value.is_valid();
        *valid = u8::from(is_valid);
        *value = if is_valid { *value } else { T::NAN };
    }
    false
}

in_both_forms! {
    /// Writes results out, and says whether all of them are valid.
    pub(crate) fn store<T: Working>(from: &[T], values: &mut [T], validity: &mut [u8]) -> bool = store_loop;
}

/// Writes one result everywhere, and says whether it is valid.
pub(crate) fn fill<T: Working>(value: T, values: &mut [T], validity: &mut [u8]) -> bool {
    let is_valid = value.is_valid();
    values.fill(if is_valid { value } else { T::NAN });
    validity.fill(u8::from(is_valid));
    is_valid
}
