//! What is known of one column after its sampled values went by: counts, extremes, patterns, distinct texts.
//!
//! It judges nothing; memory is bounded whatever the values are.

use rustc_hash::{FxHashMap, FxHashSet};

use super::time::TimeEvidence;

/// Distinct texts remembered per column; beyond that there are "many".
const DISTINCT_MAX: usize = 4096;
/// Distinct markers remembered per column.
const MARKERS_MAX: usize = 64;
/// Significant digits that a 32-bit float keeps whatever they are (`FLT_DIG` of C). A column that shows more gets 64
/// bits, since values that were not sampled may have still more.
pub(super) const FLOAT32_DIGITS: usize = 6;

/// Words for a missing value; only in columns of numbers and times is that what they surely mean.
const MISSING_WORDS: [&str; 24] = [
    "NULL", "null", "Null", "NA", "N/A", "n/a", "na", "NaN", "nan", "NAN", "None", "none", "#N/A", "-", "--", "---",
    "?", "nil", "*", "**", "***", "inf", "-inf", "\\N",
];

/// Numbers that stand for a missing value where they lie far outside of the others.
pub(super) const SENTINELS: [f64; 14] = [
    -9999.0, -999.0, -99999.0, -999999.0, -99.0, -200.0, -32768.0, -9999.9, -999.9, -99.9, -999.99, 9999.0, 99999.0,
    999999.0,
];

/// What a text looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// Digits, with `leading_zero` as in `007`.
    Integer { value: f64, fits_int64: bool, leading_zero: bool },
    /// With a decimal mark or an exponent.
    Decimal { value: f64, fits_float32: bool },
}

impl Number {
    pub(super) fn value(self) -> f64 {
        match self {
            Number::Integer { value, .. } | Number::Decimal { value, .. } => value,
        }
    }
}

/// Reads a number, if the text is one and nothing else.
pub(super) fn number(text: &[u8], decimal: u8) -> Option<Number> {
    let unsigned = text.strip_prefix(b"-").or(text.strip_prefix(b"+")).unwrap_or(text);
    if unsigned.is_empty() || text.len() > 40 {
        return None;
    }
    if unsigned.iter().all(u8::is_ascii_digit) {
        let text = std::str::from_utf8(text).ok()?;
        let leading_zero = unsigned.len() > 1 && unsigned[0] == b'0';
        return Some(Number::Integer {
            value: text.parse().ok()?,
            fits_int64: text.parse::<i64>().is_ok(),
            leading_zero,
        });
    }
    let plain: Vec<u8> = text.iter().map(|&byte| if byte == decimal { b'.' } else { byte }).collect();
    let allowed = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    if (decimal != b'.' && text.contains(&b'.')) || !plain.iter().all(allowed) || !plain.iter().any(u8::is_ascii_digit)
    {
        return None;
    }
    let plain = String::from_utf8(plain).ok()?;
    let value: f64 = plain.parse().ok()?;
    let mantissa = plain.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|&digit| digit == b'0').count();
    // Shortest text of the 32-bit float, read as 64 bits: the same number if nothing was lost.
    let kept = (value as f32).to_string().parse::<f64>().is_ok_and(|back| back == value);
    Some(Number::Decimal { value, fits_float32: digits <= FLOAT32_DIGITS && kept })
}

/// The evidence of one column.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// Fields seen, with the empty ones.
    pub(super) fields: u64,
    /// Empty fields.
    pub(super) empty: u64,
    /// Texts that may stand for missing, not counted as values yet.
    pub(super) markers: FxHashMap<String, u64>,
    /// Values: all that is neither empty nor a marker.
    pub(super) values: u64,
    pub(super) integers: u64,
    pub(super) decimals: u64,
    pub(super) leading_zeros: u64,
    /// Numbers that a 32-bit float does not keep.
    pub(super) wide: u64,
    /// Integers of more than 64 bits.
    pub(super) huge: u64,
    pub(super) booleans: u64,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    pub(super) longest: usize,
    pub(super) times: TimeEvidence,
    distinct: FxHashSet<Box<[u8]>>,
    many: bool,
    /// The first value.
    pub(super) first: Option<String>,
    /// The first text that is not a number, and the first that is no time.
    pub(super) not_a_number: Option<String>,
    pub(super) not_a_time: Option<String>,
    /// Values inside of ±90 and ±180.
    pub(super) within_90: u64,
    pub(super) within_180: u64,
    /// Whole numbers that are hour and minute, like 1430.
    pub(super) clocks: u64,
}

impl Evidence {
    /// Takes in a field.
    pub(super) fn add(&mut self, text: &[u8], decimal: u8) {
        self.fields += 1;
        if text.is_empty() {
            self.empty += 1;
            return;
        }
        let is_word = MISSING_WORDS.iter().any(|word| word.as_bytes() == text);
        let is_sentinel = || number(text, decimal).is_some_and(|number| SENTINELS.contains(&number.value()));
        if is_word || is_sentinel() {
            let text = String::from_utf8_lossy(text).into_owned();
            if self.markers.len() < MARKERS_MAX || self.markers.contains_key(&text) {
                *self.markers.entry(text).or_default() += 1;
                return;
            }
        }
        self.add_value(text, 1, decimal);
    }

    /// Takes in a value `count` times.
    pub(super) fn add_value(&mut self, text: &[u8], count: u64, decimal: u8) {
        self.values += count;
        self.first.get_or_insert_with(|| example(text));
        self.longest = self.longest.max(text.len());
        if self.distinct.len() < DISTINCT_MAX {
            if !self.distinct.contains(text) {
                self.distinct.insert(text.into());
            }
        } else {
            self.many = self.many || !self.distinct.contains(text);
        }
        if text.eq_ignore_ascii_case(b"true") || text.eq_ignore_ascii_case(b"false") {
            self.booleans += count;
        }
        match number(text, decimal) {
            Some(found) => self.add_number(found, count),
            None => drop(self.not_a_number.get_or_insert_with(|| example(text))),
        }
        if !self.times.add(text, count) {
            self.not_a_time.get_or_insert_with(|| example(text));
        }
    }

    fn add_number(&mut self, number: Number, count: u64) {
        let value = number.value();
        match number {
            Number::Integer { fits_int64, leading_zero, value } => {
                self.integers += count;
                self.clocks += count * u64::from((0.0..=2400.0).contains(&value) && value % 100.0 < 60.0);
                self.leading_zeros += count * u64::from(leading_zero);
                self.huge += count * u64::from(!fits_int64);
                self.wide += count * u64::from(value.abs() >= 1e6);
            }
            Number::Decimal { fits_float32, .. } => {
                self.decimals += count;
                self.wide += count * u64::from(!fits_float32);
            }
        }
        self.within_90 += count * u64::from(value.abs() <= 90.0);
        self.within_180 += count * u64::from(value.abs() <= 180.0);
        self.min = Some(self.min.map_or(value, |min| min.min(value)));
        self.max = Some(self.max.map_or(value, |max| max.max(value)));
    }

    /// Numbers among the values.
    pub(super) fn numbers(&self) -> u64 {
        self.integers + self.decimals
    }

    /// Different texts, or none if there are too many to count.
    pub(super) fn distinct(&self) -> Option<usize> {
        (!self.many).then_some(self.distinct.len())
    }

    /// The different texts that are remembered, in bytewise order.
    pub(super) fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.distinct.iter().map(|text| String::from_utf8_lossy(text).into()).collect();
        texts.sort_unstable();
        texts
    }

    /// Whether all but a hundredth of the values are numbers, none of them with leading zeros.
    pub(super) fn is_number(&self) -> bool {
        self.numbers() > 0
            && (self.values - self.numbers()) * 100 <= self.values
            && self.leading_zeros * 100 <= self.values
            && self.huge == 0
    }

    /// Whether at least nine values in ten are numbers, though not enough to take the others for mistakes.
    pub(super) fn is_nearly_number(&self) -> bool {
        self.numbers() < self.values
            && self.numbers() * 10 >= self.values * 9
            && self.leading_zeros * 100 <= self.values
            && self.huge == 0
    }
}

/// A text for a message, cut to a length that fits a line.
fn example(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_text() {
        for (text, decimal, expected) in [
            ("12", b'.', Some((12.0, true))),
            ("-200", b'.', Some((-200.0, true))),
            ("2,6", b',', Some((2.6, true))),
            ("2.6", b',', None),
            ("0,7578", b',', Some((0.7578, true))),
            ("11.881723488680304", b'.', Some((11.881723488680304, false))),
            ("16777.217", b'.', Some((16777.217, false))),
            ("51.123456", b'.', Some((51.123456, false))),
            ("51.12345", b'.', Some((51.12345, false))),
            ("51.1234", b'.', Some((51.1234, true))),
            ("1e-3", b'.', Some((0.001, true))),
            ("1.2.3", b'.', None),
            ("-", b'.', None),
            (".", b'.', None),
            ("nan", b'.', None),
            ("0x10", b'.', None),
            ("1 000", b'.', None),
        ] {
            let got = number(text.as_bytes(), decimal).map(|found| match found {
                Number::Integer { value, fits_int64, .. } => (value, fits_int64),
                Number::Decimal { value, fits_float32 } => (value, fits_float32),
            });
            assert_eq!(got, expected, "{text}");
        }
    }
}
