//! What each operation computes from its operands.
//!
//! A value that is not finite stands for an invalid one. So every rule must turn an operand that is not finite into a
//! result that is not finite. Sums, products and most functions do so by IEEE 754; the others look at their operands
//! (a quotient by infinity is 0, a comparison with NaN is false), through [`guarded`].

use super::loops::{Operand, binary, unary};
use crate::working::Working;

/// An operation on one value.
pub(crate) trait UnaryRule {
    fn apply<T: Working>(value: T) -> T;
}

/// An operation on two values.
pub(crate) trait BinaryRule {
    fn apply<T: Working>(left: T, right: T) -> T;
}

/// The result, unless an operand is invalid. Everything is computed first and chosen afterwards, as SIMD wants it.
#[inline(always)]
fn guarded<T: Working>(valid: bool, result: T) -> T {
    if valid { result } else { T::NAN }
}

#[inline(always)]
fn both_valid<T: Working>(left: T, right: T) -> bool {
    left.is_valid() & right.is_valid()
}

#[inline(always)]
fn truth<T: Working>(value: T) -> bool {
    value != T::ZERO
}

/// A function of the `libm` crate, which computes in 64 bits.
#[inline(always)]
fn wide<T: Working>(function: fn(f64) -> f64, value: T) -> T {
    T::from_f64(function(value.to_f64()))
}

/// A power. Frequent exponents have a rule of their own, which is much faster, and must then hold wherever the
/// exponent comes from.
fn power<T: Working>(base: T, exponent: T) -> T {
    if !both_valid(base, exponent) {
        return T::NAN;
    }
    match exponent.to_f64() {
        1.0 => base,
        2.0 => base * base,
        3.0 => base * base * base,
        0.5 => base.square_root(),
        -1.0 => T::ONE / base,
        exponent => T::from_f64(libm::pow(base.to_f64(), exponent)),
    }
}

/// Makes of a list of rules one enum, which computes a single result or those of a strip. What is passed on stands in
/// parentheses, because a macro can repeat those for each rule.
macro_rules! operations {
    (
        $(#[$attribute:meta])*
        enum $operation:ident: $rule:ident;
        one($($one:ident),*) = $ones:tt;
        strip($kernels:ident, $to:ident $(, $operand:ident: $type:ty)*) = $loop:ident $strips:tt;
        $($name:ident = |$($value:ident),*| $body:expr;)*
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum $operation { $($name,)* }

        impl $operation {
            /// All of them.
            #[cfg(test)]
            pub const ALL: &[$operation] = &[$($operation::$name),*];

            /// The result for one set of operands.
            pub fn apply<T: Working>(self, $($one: T),*) -> T {
                match self { $($operation::$name => $name::apply $ones,)* }
            }

            /// Writes the results for a strip.
            pub fn run<T: Working>(self, $kernels: super::Kernels, $($operand: $type,)* $to: &mut [T]) {
                match self { $($operation::$name => $loop::<T, $name> $strips,)* }
            }
        }

        $(
            struct $name;

            impl $rule for $name {
                #[inline(always)]
                fn apply<T: Working>($($value: T),*) -> T {
                    $body
                }
            }
        )*
    };
}

operations! {
    /// Operations on one value.
    enum Unary: UnaryRule;
    one(value) = (value);
    strip(kernels, to, value: &[T]) = unary(kernels, value, to);
    Negate = |x| -x;
    Not = |x| guarded(x.is_valid(), T::from_truth(!truth(x)));
    Absolute = |x| x.absolute();
    SquareRoot = |x| x.square_root();
    Floor = |x| x.round_down();
    Ceiling = |x| x.round_up();
    Round = |x| x.round_half_away();
    Sign = |x| guarded(x.is_valid(), T::from_truth(x > T::ZERO) - T::from_truth(x < T::ZERO));
    IsNodata = |x| T::from_truth(!x.is_valid());
    IsValid = |x| T::from_truth(x.is_valid());
    ZeroIfInvalid = |x| if x.is_valid() { x } else { T::ZERO };
    Square = |x| x * x;
    Cube = |x| x * x * x;
    Reciprocal = |x| guarded(x.is_valid(), T::ONE / x);
    Exponential = |x| if x.is_valid() { wide(libm::exp, x) } else { T::NAN };
    Logarithm = |x| wide(libm::log, x);
    Logarithm10 = |x| wide(libm::log10, x);
    Logarithm2 = |x| wide(libm::log2, x);
    Sine = |x| wide(libm::sin, x);
    Cosine = |x| wide(libm::cos, x);
    Tangent = |x| wide(libm::tan, x);
    Arcsine = |x| wide(libm::asin, x);
    Arccosine = |x| wide(libm::acos, x);
    Arctangent = |x| if x.is_valid() { wide(libm::atan, x) } else { T::NAN };
}

operations! {
    /// Operations on two values.
    enum Binary: BinaryRule;
    one(left, right) = (left, right);
    strip(kernels, to, left: Operand<'_, T>, right: Operand<'_, T>) = binary(kernels, left, right, to);
    Add = |a, b| a + b;
    Subtract = |a, b| a - b;
    Multiply = |a, b| a * b;
    Divide = |a, b| guarded(b.is_valid(), a / b);
    Remainder = |a, b| if both_valid(a, b) { a.remainder(b) } else { T::NAN };
    Power = |a, b| power(a, b);
    Less = |a, b| guarded(both_valid(a, b), T::from_truth(a < b));
    LessEqual = |a, b| guarded(both_valid(a, b), T::from_truth(a <= b));
    Equal = |a, b| guarded(both_valid(a, b), T::from_truth(a == b));
    NotEqual = |a, b| guarded(both_valid(a, b), T::from_truth(a != b));
    And = |a, b| guarded(both_valid(a, b), T::from_truth(truth(a) & truth(b)));
    Or = |a, b| guarded(both_valid(a, b), T::from_truth(truth(a) | truth(b)));
    Minimum = |a, b| guarded(both_valid(a, b), if b < a { b } else { a });
    Maximum = |a, b| guarded(both_valid(a, b), if b > a { b } else { a });
    ValidMinimum = |a, b| if !b.is_valid() | (a.is_valid() & (a <= b)) { a } else { b };
    ValidMaximum = |a, b| if !b.is_valid() | (a.is_valid() & (a >= b)) { a } else { b };
    Arctangent2 = |a, b| {
        if both_valid(a, b) { T::from_f64(libm::atan2(a.to_f64(), b.to_f64())) } else { T::NAN }
    };
    Hypotenuse = |a, b| T::from_f64(libm::hypot(a.to_f64(), b.to_f64()));
}
