//! Numbers from text, exactly: every value is the one nearest to what is written, as `str::parse` has it.
//!
//! Accepted are `+`, `-`, a decimal mark and an exponent. Refused are hexadecimal, infinities, digit groups, and for
//! integers any fraction. Missing markers are the business of the caller.

use super::kernel::{BELOW_F32, Decimal, HALF_F32, POWERS, Quad};

/// Characters of a number, at most.
const LONGEST: usize = 512;

/// A type of numbers.
pub(super) trait Number: Copy + Default {
    /// Whether four at once are of use.
    const QUADS: bool;

    /// Whether `nan` stands for a missing value.
    const HAS_NAN: bool;

    /// The value of a short decimal, if it is cheap to have exactly.
    fn from_decimal(decimal: Decimal) -> Option<Self>;

    /// Value `i` of four, if it is good and cheap to have exactly.
    fn from_quad(quad: &Quad, i: usize) -> Option<Self>;

    /// The value of a text without spaces around it.
    fn from_text(text: &[u8], mark: u8) -> Option<Self>;

    /// The value to compare with bounds.
    fn as_f64(self) -> f64;

    /// The value with the other sign; zero has none, and whole numbers are never asked for it.
    fn negated(self) -> Self;
}

/// The magnitude of a decimal, correctly rounded: both numbers of the division are exact.
#[inline(always)]
fn quotient(decimal: Decimal) -> Option<f64> {
    if decimal.mantissa > 1 << 53 {
        return None;
    }
    Some(decimal.mantissa as i64 as f64 / POWERS[decimal.scale as usize & 15])
}

impl Number for f64 {
    const QUADS: bool = true;
    const HAS_NAN: bool = true;

    #[inline(always)]
    fn from_decimal(decimal: Decimal) -> Option<f64> {
        let magnitude = quotient(decimal)?;
        Some(f64::from_bits(magnitude.to_bits() | u64::from(decimal.negative) << 63))
    }

    #[inline(always)]
    fn from_quad(quad: &Quad, i: usize) -> Option<f64> {
        (quad.bad >> i & 1 == 0).then(|| quad.values[i])
    }

    fn from_text(text: &[u8], mark: u8) -> Option<f64> {
        with_point(text, mark, |text| fast_float2::parse::<f64, _>(text).ok()).filter(|value| value.is_finite())
    }

    fn negated(self) -> f64 {
        0.0 - self
    }

    #[inline(always)]
    fn as_f64(self) -> f64 {
        self
    }
}

impl Number for f32 {
    const QUADS: bool = true;
    const HAS_NAN: bool = true;

    /// Rounds twice, first to `f64`, which is exact but for one case: the points half-way between two `f32` are `f64`
    /// themselves, and rounding keeps order, so the first rounding never passes such a point; only what lands on one is
    /// in doubt, and left to the long way. (Quotients here are 0 or at least 1e-15, far from subnormals.)
    #[inline(always)]
    fn from_decimal(decimal: Decimal) -> Option<f32> {
        let magnitude = quotient(decimal)?;
        if magnitude.to_bits() & BELOW_F32 == HALF_F32 {
            return None;
        }
        Some(f32::from_bits((magnitude as f32).to_bits() | u32::from(decimal.negative) << 31))
    }

    #[inline(always)]
    fn from_quad(quad: &Quad, i: usize) -> Option<f32> {
        (quad.half >> i & 1 == 0).then(|| quad.values[i] as f32)
    }

    fn from_text(text: &[u8], mark: u8) -> Option<f32> {
        with_point(text, mark, |text| fast_float2::parse::<f32, _>(text).ok()).filter(|value| value.is_finite())
    }

    fn negated(self) -> f32 {
        0.0 - self
    }

    #[inline(always)]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Number for i64 {
    const QUADS: bool = false;
    const HAS_NAN: bool = false;

    #[inline(always)]
    fn from_decimal(decimal: Decimal) -> Option<i64> {
        // Sixteen digits at most, so no overflow.
        let magnitude = decimal.mantissa as i64;
        (!decimal.marked).then_some(if decimal.negative { -magnitude } else { magnitude })
    }

    #[inline(always)]
    fn from_quad(_quad: &Quad, _i: usize) -> Option<i64> {
        None
    }

    fn from_text(text: &[u8], _mark: u8) -> Option<i64> {
        let digits = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
        if digits.is_empty() {
            return None;
        }
        let negative = text.starts_with(b"-");
        digits.iter().try_fold(0i64, |sum, byte| {
            let digit = i64::from(byte.is_ascii_digit().then(|| byte - b'0')?);
            sum.checked_mul(10)?.checked_add(if negative { -digit } else { digit })
        })
    }

    fn negated(self) -> i64 {
        self.wrapping_neg()
    }

    #[inline(always)]
    fn as_f64(self) -> f64 {
        self as f64
    }
}

impl Number for i32 {
    const QUADS: bool = false;
    const HAS_NAN: bool = false;

    #[inline(always)]
    fn from_decimal(decimal: Decimal) -> Option<i32> {
        i64::from_decimal(decimal).and_then(|value| i32::try_from(value).ok())
    }

    #[inline(always)]
    fn from_quad(_quad: &Quad, _i: usize) -> Option<i32> {
        None
    }

    fn from_text(text: &[u8], mark: u8) -> Option<i32> {
        i64::from_text(text, mark).and_then(|value| i32::try_from(value).ok())
    }

    fn negated(self) -> i32 {
        self.wrapping_neg()
    }

    #[inline(always)]
    fn as_f64(self) -> f64 {
        f64::from(self)
    }
}

/// Hands a well-formed decimal number on, with a point for its mark and without a leading plus.
fn with_point<T>(text: &[u8], mark: u8, parse: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
    let text = text.strip_prefix(b"+").unwrap_or(text);
    if text.len() > LONGEST || !is_decimal(text, mark) {
        return None;
    }
    let mut copy = [0; LONGEST];
    let copy = &mut copy[..text.len()];
    for (to, from) in copy.iter_mut().zip(text) {
        *to = if *from == mark { b'.' } else { *from };
    }
    parse(copy)
}

/// Whether a text is an optional `-`, digits with at most one mark, and an optional exponent.
fn is_decimal(text: &[u8], mark: u8) -> bool {
    let skip_digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = skip_digits(rest);
    rest = &rest[whole..];
    let mut digits = whole;
    if let Some((first, after)) = rest.split_first()
        && *first == mark
    {
        let fraction = skip_digits(after);
        digits += fraction;
        rest = &after[fraction..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"-").or(exponent.strip_prefix(b"+")).unwrap_or(exponent);
        let length = skip_digits(exponent);
        return digits > 0 && length > 0 && length == exponent.len();
    }
    digits > 0 && rest.is_empty()
}

/// The value of a word for true or false, in any case.
pub(super) fn boolean(text: &[u8]) -> Option<u8> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()));
    if is(&["true", "t", "yes", "1"]) {
        Some(1)
    } else if is(&["false", "f", "no", "0"]) {
        Some(0)
    } else {
        None
    }
}
