//! Sums of 64-bit floats without rounding: the order of what is added never matters.
//!
//! A long fixed-point number that holds every bit that a float can have, as in the small superaccumulator of Neal (2015),
//! "Fast exact summation using small and large superaccumulators". It is rounded when it is read, and only then.

use serde::{Deserialize, Serialize};

/// Bits of a limb; what limbs hold beyond that waits for a carry.
const LIMB_BITS: usize = 32;
/// The exponent of the lowest bit: that of the smallest float.
const LOWEST: i32 = -1074;
/// Limbs: 2,098 bits for all floats, and room for more of them than anybody can add.
const LIMBS: usize = 69;
/// Numbers that can be added before limbs could overflow.
const CARRY_AFTER: u32 = 1 << 29;

/// A sum without rounding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub struct ExactSum {
    limbs: [i64; LIMBS],
    added: u32,
}

impl Default for ExactSum {
    fn default() -> ExactSum {
        ExactSum { limbs: [0; LIMBS], added: 0 }
    }
}

/// The limbs of a magnitude from the first that is not 0, for journals.
#[derive(Serialize, Deserialize)]
struct Packed {
    negative: bool,
    first: usize,
    limbs: Vec<u32>,
}

impl ExactSum {
    /// Adds a finite number; others have no place in a sum, and are left out.
    pub fn add(&mut self, value: f64) {
        if value == 0.0 || !value.is_finite() {
            return;
        }
        let bits = value.to_bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = bits & ((1 << 52) - 1);
        // The number is mantissa · 2^(LOWEST + place).
        let (mantissa, place) = if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
        let wide = u128::from(mantissa) << (place % LIMB_BITS);
        let parts = [wide & 0xffff_ffff, wide >> 32 & 0xffff_ffff, wide >> 64];
        let sign = if value < 0.0 { -1 } else { 1 };
        for (limb, part) in self.limbs[place / LIMB_BITS..].iter_mut().zip(parts) {
            *limb += sign * part as i64;
        }
        self.added += 1;
        if self.added >= CARRY_AFTER {
            self.carry();
        }
    }

    /// Adds a product without rounding.
    pub fn add_product(&mut self, one: f64, other: f64) {
        let high = leading_bits(one, 27);
        for short in short_parts(other) {
            self.add(high * short);
            self.add((one - high) * short);
        }
    }

    /// Adds a square so many times without rounding: at most 2¹³ times.
    pub fn add_squares(&mut self, root: f64, times: f64) {
        let [a, b, c] = short_parts(root);
        for (one, other) in [(a, a), (b, b), (c, c), (2.0 * a, b), (2.0 * a, c), (2.0 * b, c)] {
            self.add(times * (one * other));
        }
    }

    /// Adds a number so many times without rounding: at most 2²⁰ times.
    pub fn add_times(&mut self, value: f64, times: f64) {
        short_parts(value).into_iter().for_each(|short| self.add(times * short));
    }

    /// Adds a whole number.
    pub fn add_whole(&mut self, mut value: i128) {
        while value != 0 {
            let part = value as f64;
            // Of what it rounds away the rest is added by the next turn.
            self.add(part);
            value = value.wrapping_sub(part as i128);
        }
    }

    /// Adds what another sum holds.
    pub fn merge(&mut self, other: &ExactSum) {
        self.carry();
        let mut other = other.clone();
        other.carry();
        self.limbs.iter_mut().zip(other.limbs).for_each(|(limb, more)| *limb += more);
        self.added += 1;
    }

    /// Brings all limbs but the last one into 0 to 2³² − 1.
    fn carry(&mut self) {
        let mut carried = 0;
        for limb in &mut self.limbs[..LIMBS - 1] {
            let sum = *limb + carried;
            carried = sum >> LIMB_BITS;
            *limb = sum & 0xffff_ffff;
        }
        self.limbs[LIMBS - 1] += carried;
        self.added = 0;
    }

    /// Its sign, and the limbs of its magnitude.
    fn magnitude(&self) -> (bool, [u32; LIMBS]) {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs[LIMBS - 1] < 0;
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            sum.carry();
        }
        (negative, sum.limbs.map(|limb| limb as u32))
    }

    /// The nearest 64-bit float.
    pub fn to_f64(&self) -> f64 {
        self.to_scaled(0)
    }

    /// The float nearest to the sum times a power of two, which may bring what is beyond all floats back into them.
    pub fn to_scaled(&self, power: i32) -> f64 {
        let (negative, limbs) = self.magnitude();
        let Some(top) = limbs.iter().rposition(|limb| *limb != 0) else { return 0.0 };
        // Four limbs hold more than the 53 bits of a float; whether anything lies below them decides ties.
        let low = top.saturating_sub(3);
        let wide = (low..low + 4).rev().fold(0u128, |wide, limb| {
            wide << LIMB_BITS | u128::from(limbs.get(limb).copied().filter(|_| limb <= top).unwrap_or(0))
        });
        let sticky = u128::from(limbs[..low].iter().any(|limb| *limb != 0));
        let value = libm::scalbn((wide | sticky) as f64, LOWEST + (low * LIMB_BITS) as i32 + power);
        if negative { -value } else { value }
    }

    /// Floats whose sum it is exactly, largest first.
    pub fn parts(&self) -> Vec<f64> {
        let (mut rest, mut parts) = (self.clone(), Vec::new());
        loop {
            let part = rest.to_f64();
            if part == 0.0 || !part.is_finite() {
                return parts;
            }
            rest.add(-part);
            parts.push(part);
        }
    }

    /// The sum as a whole number, of whole numbers that are within the range.
    pub fn to_whole(&self) -> i128 {
        self.parts().into_iter().map(|part| part as i128).fold(0, i128::wrapping_add)
    }
}

/// A number as a sum of three that have at most 20 bits each, so that products of two of them are exact.
fn short_parts(value: f64) -> [f64; 3] {
    let first = leading_bits(value, 20);
    let second = leading_bits(value - first, 20);
    [first, second, value - first - second]
}

/// A number with only its first bits, toward zero.
fn leading_bits(value: f64, bits: u32) -> f64 {
    f64::from_bits(value.to_bits() & !((1 << (53 - bits)) - 1))
}

impl From<ExactSum> for Packed {
    fn from(sum: ExactSum) -> Packed {
        let (negative, limbs) = sum.magnitude();
        let first = limbs.iter().position(|limb| *limb != 0).unwrap_or(0);
        let end = limbs.iter().rposition(|limb| *limb != 0).map_or(first, |last| last + 1);
        Packed { negative, first, limbs: limbs[first..end].to_vec() }
    }
}

impl From<Packed> for ExactSum {
    fn from(packed: Packed) -> ExactSum {
        let mut sum = ExactSum::default();
        let sign = if packed.negative { -1 } else { 1 };
        let places = sum.limbs.iter_mut().skip(packed.first);
        places.zip(packed.limbs).for_each(|(place, limb)| *place = sign * i64::from(limb));
        sum.carry();
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        values.iter().for_each(|value| sum.add(*value));
        sum
    }

    #[test]
    fn nothing_is_rounded_before_the_end() {
        for (values, wanted) in [
            (&[][..], 0.0),
            (&[0.1, 0.2, -0.3], 2.7755575615628914e-17),
            (&[1e300, 1.0, -1e300], 1.0),
            (&[1e-300, 1e300, -1e300, -1e-300], 0.0),
            (&[f64::MAX, f64::MAX, -f64::MAX], f64::MAX),
            (&[5e-324, 5e-324], 1e-323),
            (&[-5e-324, -1.0], -1.0),
            // Half of the last bit, and then a little more.
            (&[1.0, f64::EPSILON / 2.0], 1.0),
            (&[1.0, f64::EPSILON / 2.0, 5e-324], 1.0 + f64::EPSILON),
            (&[-1e16, 1.0], -9_999_999_999_999_999.0),
        ] {
            assert_eq!(of(values).to_f64(), wanted, "{values:?}");
            let back: Vec<f64> = values.iter().rev().copied().collect();
            assert_eq!(serde_json::to_string(&of(&back)).ok(), serde_json::to_string(&of(values)).ok());
        }
    }

    #[test]
    fn sums_are_merged_and_kept() {
        let (mut one, two) = (of(&[1e100, -3.5, 7e-20]), of(&[-1e100, 0.25]));
        one.merge(&two);
        let mut whole = of(&[1e100, -3.5, 7e-20, -1e100, 0.25]);
        whole.carry();
        one.carry();
        assert_eq!(one, whole);
        let text = serde_json::to_string(&one).expect("JSON");
        assert_eq!(serde_json::from_str::<ExactSum>(&text).expect("a sum").to_f64(), one.to_f64());
        assert_eq!(one.parts().iter().sum::<f64>(), one.to_f64());
    }

    #[test]
    fn whole_numbers_and_products() {
        for value in [0, 5, -7, i128::from(u64::MAX) * 3 + 1, i128::from(i64::MIN) * 1000 - 13] {
            let mut sum = ExactSum::default();
            sum.add_whole(value);
            assert_eq!(sum.to_whole(), value);
        }
        let mut sum = ExactSum::default();
        sum.add_product(0.1, 524_287.0);
        sum.add_product(-0.1, 524_286.0);
        assert_eq!(sum.to_f64(), 0.1);
    }
}
