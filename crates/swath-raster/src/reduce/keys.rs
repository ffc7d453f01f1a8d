//! Values as whole numbers in the same order, so that ranks are found by their digits.

use crate::{DataType, Pixel, Scalar, for_data_type};

/// A value that a whole number stands for.
///
/// # Nodata
/// NaN has no place in the order, and so no key. Both zeros of a float are one value.
pub trait Key: Pixel {
    /// Bits of a key.
    const KEY_BITS: u32;

    /// The number: less for less, equal for equal.
    fn key(self) -> u64;

    /// The value that a number stands for.
    fn of_key(key: u64) -> Self;
}

macro_rules! unsigned_keys {
    ($($type:ty),*) => {$(
        impl Key for $type {
            const KEY_BITS: u32 = <$type>::BITS;

            fn key(self) -> u64 {
                u64::from(self)
            }

            fn of_key(key: u64) -> Self {
                key as $type
            }
        }
    )*};
}

macro_rules! signed_keys {
    ($($type:ty => $unsigned:ty),*) => {$(
        impl Key for $type {
            const KEY_BITS: u32 = <$type>::BITS;

            fn key(self) -> u64 {
                u64::from(self as $unsigned ^ (1 << (Self::KEY_BITS - 1)))
            }

            fn of_key(key: u64) -> Self {
                (key as $unsigned ^ (1 << (Self::KEY_BITS - 1))) as $type
            }
        }
    )*};
}

macro_rules! float_keys {
    ($($type:ty => $unsigned:ty),*) => {$(
        impl Key for $type {
            const KEY_BITS: u32 = <$unsigned>::BITS;

            fn key(self) -> u64 {
                // Of the two zeros this makes the positive one.
                let bits = (self + 0.0).to_bits();
                let sign = 1 << (Self::KEY_BITS - 1);
                u64::from(if bits & sign == 0 { bits | sign } else { !bits })
            }

            fn of_key(key: u64) -> Self {
                let (key, sign) = (key as $unsigned, 1 << (Self::KEY_BITS - 1));
                <$type>::from_bits(if key & sign == 0 { !key } else { key ^ sign })
            }
        }
    )*};
}

unsigned_keys! { u8, u16, u32, u64 }
signed_keys! { i8 => u8, i16 => u16, i32 => u32, i64 => u64 }
float_keys! { f32 => u32, f64 => u64 }

/// Bits of the keys of a type.
pub fn data_type_bits(data_type: DataType) -> u32 {
    data_type.size() as u32 * 8
}

/// The value of a type that a number stands for.
pub fn value_of_key(data_type: DataType, key: u64) -> Scalar {
    for_data_type!(data_type, T => T::of_key(key).to_scalar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: Key + std::fmt::Debug>(values: &[T]) {
        assert!(values.windows(2).all(|pair| pair[0].key() < pair[1].key()), "{values:?}");
        assert!(values.iter().all(|value| T::of_key(value.key()) == *value), "{values:?}");
    }

    #[test]
    fn keys_are_in_the_order_of_values() {
        check(&[0u8, 1, 255]);
        check(&[-128i8, -1, 0, 127]);
        check(&[i16::MIN, -2, 0, i16::MAX]);
        check(&[0, 70_000, u32::MAX]);
        check(&[i64::MIN, -1, 0, 1, i64::MAX]);
        check(&[f32::NEG_INFINITY, f32::MIN, -1.5, -1e-40, 0.0, 1e-45, 1.5, f32::INFINITY]);
        check(&[f64::NEG_INFINITY, -1e300, -0.1, 0.0, 5e-324, 0.1, f64::INFINITY]);
        assert_eq!((-0.0f32).key(), 0.0f32.key());
        assert_eq!(value_of_key(DataType::Int16, (-3i16).key()), Scalar::Int(-3));
    }
}
