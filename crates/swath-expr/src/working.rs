//! The two types that values have while they are worked on.
//!
//! Only what is exact or written out in Rust is used, never a function of the platform.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::kernel::Load;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// A type that programs work in: `f32` or `f64`.
pub trait Working:
    sealed::Sealed
    + Load
    + Copy
    + Debug
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// What invalid values are written as: the quiet NaN without a sign or a payload.
    const NAN: Self;
    /// Beyond all numbers.
    const INFINITY: Self;
    /// The nearest value of the type.
    fn from_f64(value: f64) -> Self;
    /// The same value in 64 bits.
    fn to_f64(self) -> f64;
    /// Its bits, in the low ones of the result.
    fn to_low_bits(self) -> u64;
    /// The value of such bits.
    fn from_low_bits(bits: u64) -> Self;
    /// The value without its sign.
    fn absolute(self) -> Self;
    /// The root, correctly rounded.
    fn square_root(self) -> Self;
    /// The next whole number below.
    fn round_down(self) -> Self;
    /// The next whole number above.
    fn round_up(self) -> Self;
    /// The nearest whole number, halves away from zero.
    fn round_half_away(self) -> Self;
    /// What is left of a division, with the sign of `self`.
    fn remainder(self, divisor: Self) -> Self;

    /// Whether it is a number: everything else stands for an invalid value.
    #[inline(always)]
    fn is_valid(self) -> bool {
        self.absolute() < Self::INFINITY
    }

    /// 1 or 0.
    #[inline(always)]
    fn from_truth(truth: bool) -> Self {
        if truth { Self::ONE } else { Self::ZERO }
    }
}

macro_rules! working {
    ($type:ty, $bits:ty, $remainder:path) => {
        impl Working for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NAN: Self = <$type>::NAN;
            const INFINITY: Self = <$type>::INFINITY;

            #[inline(always)]
            fn from_f64(value: f64) -> Self {
                value as $type
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn to_low_bits(self) -> u64 {
                u64::from(self.to_bits())
            }

            #[inline(always)]
            fn from_low_bits(bits: u64) -> Self {
                <$type>::from_bits(bits as $bits)
            }

            #[inline(always)]
            fn absolute(self) -> Self {
                self.abs()
            }

            #[inline(always)]
            fn square_root(self) -> Self {
                self.sqrt()
            }

            #[inline(always)]
            fn round_down(self) -> Self {
                self.floor()
            }

            #[inline(always)]
            fn round_up(self) -> Self {
                self.ceil()
            }

            #[inline(always)]
            fn round_half_away(self) -> Self {
                self.round()
            }

            #[inline(always)]
            fn remainder(self, divisor: Self) -> Self {
                $remainder(self, divisor)
            }
        }
    };
}

working!(f32, u32, libm::fmodf);
working!(f64, u64, libm::fmod);
