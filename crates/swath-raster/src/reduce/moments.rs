//! Count, extremes, sum and spread of valid pixels.
//!
//! A piece of a row is summed in 64-bit floats around a pivot, its mean, so that a spread that is small beside the mean is
//! not lost. The way from the pieces to the whole is exact.

use serde::{Deserialize, Serialize};

use super::exact::ExactSum;
use super::keys::{Key, value_of_key};
use crate::{DataType, Scalar};

/// Pixels of a piece at most: short enough for the cache, and for [`ExactSum::add_squares`].
pub(super) const PIECE: usize = 1024;
/// What is larger has no square in the reach of floats, times the number of pixels.
const SQUARE_ROOT_MAX: f64 = 1e145;
/// Sums that run side by side; part of the definition of the result, like the length of a piece.
const LANES: usize = 8;

/// What valid pixels come to. NaN is no value; infinities are values without a place in sums.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// Pixels with a value.
    pub valid: u64,
    /// Keys of the least and the greatest value.
    pub extremes: Option<(u64, u64)>,
    /// The same of finite values.
    pub finite_extremes: Option<(u64, u64)>,
    /// How many are −∞ and +∞.
    pub infinities: (u64, u64),
    /// The sum of finite values.
    pub sum: ExactSum,
    /// The sum of their squares, as far as pieces hold it.
    squares: ExactSum,
    /// The sum of integers of 64 bits, which floats do not hold.
    whole: i128,
    /// Squares were beyond all floats.
    squares_overflow: bool,
}

impl Moments {
    /// Adds pixels that all have a value: at most [`PIECE`] of them.
    pub(super) fn add_piece<T: Key>(&mut self, values: &[T]) {
        if values.is_empty() {
            return;
        }
        let sum = sum_of(values, |value| value.to_f64());
        if !sum.is_finite() {
            return self.add_unruly(values);
        }
        let (least, greatest) = extremes_of(values);
        let extremes = Some((least.key(), greatest.key()));
        self.valid += values.len() as u64;
        self.extremes = wider(self.extremes, extremes);
        self.finite_extremes = wider(self.finite_extremes, extremes);
        self.add_sums(values, sum);
    }

    fn add_sums<T: Key>(&mut self, values: &[T], sum: f64) {
        let count = values.len() as f64;
        let pivot = pivot_of::<T>(sum / count);
        let away = sum_of(values, |value| value.to_f64() - pivot);
        let square = sum_of(values, |value| (value.to_f64() - pivot) * (value.to_f64() - pivot));
        // Σx = n·c + Σ(x−c), and Σx² = Σ(x−c)² + 2c·Σ(x−c) + n·c².
        self.sum.add_times(pivot, count);
        self.sum.add(away);
        if !square.is_finite() || pivot.abs() > SQUARE_ROOT_MAX {
            self.squares_overflow = true;
            return;
        }
        self.squares.add(square);
        self.squares.add_product(away, 2.0 * pivot);
        self.squares.add_squares(pivot, count);
        if T::KEY_BITS == 64 && !T::DATA_TYPE.is_float() {
            self.whole += values.iter().map(|value| whole(*value)).sum::<i128>();
        }
    }

    /// A piece with NaN, infinities, or numbers whose sum is beyond all floats: one by one.
    #[cold]
    fn add_unruly<T: Key>(&mut self, values: &[T]) {
        let mut finite = [T::of_key(0); PIECE];
        let mut count = 0;
        for value in values.iter().filter(|value| !value.is_nan()) {
            self.valid += 1;
            self.extremes = wider(self.extremes, Some((value.key(), value.key())));
            match value.to_f64() {
                f64::INFINITY => self.infinities.1 += 1,
                f64::NEG_INFINITY => self.infinities.0 += 1,
                _ => {
                    finite[count] = *value;
                    count += 1;
                }
            }
        }
        let finite = &finite[..count];
        for value in finite {
            self.finite_extremes = wider(self.finite_extremes, Some((value.key(), value.key())));
        }
        let sum = sum_of(finite, |value| value.to_f64());
        if sum.is_finite() && count > 0 {
            return self.add_sums(finite, sum);
        }
        finite.iter().for_each(|value| self.sum.add(value.to_f64()));
        self.squares_overflow |= count > 0;
    }

    /// Adds what others have gathered.
    pub fn merge(&mut self, other: &Moments) {
        self.valid += other.valid;
        self.extremes = wider(self.extremes, other.extremes);
        self.finite_extremes = wider(self.finite_extremes, other.finite_extremes);
        self.infinities.0 += other.infinities.0;
        self.infinities.1 += other.infinities.1;
        self.sum.merge(&other.sum);
        self.squares.merge(&other.squares);
        self.whole += other.whole;
        self.squares_overflow |= other.squares_overflow;
    }

    /// The least and the greatest value.
    pub fn range(&self, data_type: DataType) -> Option<(Scalar, Scalar)> {
        self.extremes.map(|(least, greatest)| (value_of_key(data_type, least), value_of_key(data_type, greatest)))
    }

    /// The sum: exact for integers, rounded once for floats; infinite, or NaN, where infinities are among the values.
    pub fn total(&self, data_type: DataType) -> Scalar {
        match data_type {
            DataType::Int64 | DataType::UInt64 => Scalar::Int(self.whole),
            data_type if data_type.is_float() => Scalar::Float(self.total_of_floats()),
            _ => Scalar::Int(self.sum.to_whole()),
        }
    }

    fn total_of_floats(&self) -> f64 {
        match self.infinities {
            (0, 0) => self.sum.to_f64(),
            (_, 0) => f64::NEG_INFINITY,
            (0, _) => f64::INFINITY,
            _ => f64::NAN,
        }
    }

    /// The mean; none where there are no values.
    pub fn mean(&self, data_type: DataType) -> Option<f64> {
        if self.valid == 0 {
            return None;
        }
        let (total, count) = (self.total(data_type).as_f64(), self.valid as f64);
        Some(match total.is_infinite() && self.infinities == (0, 0) {
            // The sum is beyond all floats, the mean is not.
            true => self.sum.to_scaled(-64) / count * 2f64.powi(64),
            false => total / count,
        })
    }

    /// The standard deviation of the population: the root of the mean squared distance from the mean. NaN where
    /// infinities are among the values, infinite where squares are beyond all floats.
    pub fn deviation(&self) -> Option<f64> {
        match self {
            Moments { valid: 0, .. } => None,
            Moments { infinities: (0, 0), squares_overflow: false, .. } => Some(self.finite_deviation()),
            Moments { infinities: (0, 0), .. } => Some(f64::INFINITY),
            _ => Some(f64::NAN),
        }
    }

    fn finite_deviation(&self) -> f64 {
        let count = self.valid as f64;
        let pivot = self.sum.to_f64() / count;
        // Σ(x−c)² = Σx² − 2c·Σx + n·c², and around the mean n·(mean−c)² less.
        let (mut square, mut away) = (self.squares.clone(), self.sum.clone());
        self.sum.parts().into_iter().for_each(|part| square.add_product(part, -2.0 * pivot));
        let mut left = self.valid;
        while left > 0 {
            // Numbers of 13 bits, and zeros behind them.
            let scale = 1u64 << (64 - left.leading_zeros()).saturating_sub(13);
            let part = left / scale * scale;
            square.add_squares(pivot, part as f64);
            away.add_times(-pivot, part as f64);
            left -= part;
        }
        let away = away.to_f64();
        ((square.to_f64() - away * away / count).max(0.0) / count).sqrt()
    }
}

fn whole<T: Key>(value: T) -> i128 {
    match value.to_scalar() {
        Scalar::Int(whole) => whole,
        Scalar::Float(_) => 0,
    }
}

/// The mean; a whole number for integers, so that what is summed around it stays whole.
fn pivot_of<T: Key>(mean: f64) -> f64 {
    if T::DATA_TYPE.is_float() { mean } else { mean.round() }
}

/// The sum in lanes, the same for the same values on any machine.
fn sum_of<T: Key>(values: &[T], of: impl Fn(T) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += of(*value));
    }
    lanes.iter_mut().zip(chunks.remainder()).for_each(|(lane, value)| *lane += of(*value));
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + b) + (c + d)) + ((e + f) + (g + h))
}

/// The least and the greatest of some values, none of which is NaN.
fn extremes_of<T: Key>(values: &[T]) -> (T, T) {
    const WIDE: usize = 16;
    let (mut least, mut greatest) = ([values[0]; WIDE], [values[0]; WIDE]);
    let less = |one: T, other: T| if one < other { one } else { other };
    let more = |one: T, other: T| if one > other { one } else { other };
    let mut chunks = values.chunks_exact(WIDE);
    for chunk in &mut chunks {
        for lane in 0..WIDE {
            least[lane] = less(chunk[lane], least[lane]);
            greatest[lane] = more(chunk[lane], greatest[lane]);
        }
    }
    let rest = chunks.remainder().iter().copied();
    (
        least.into_iter().chain(rest.clone()).fold(values[0], less),
        greatest.into_iter().chain(rest).fold(values[0], more),
    )
}

/// The range that holds both.
fn wider(one: Option<(u64, u64)>, other: Option<(u64, u64)>) -> Option<(u64, u64)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}
