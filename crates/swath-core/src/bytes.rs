//! An amount of memory or disk: parsing, arithmetic that cannot overflow silently, and printing.
//!
//! It does not know what the bytes are for.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount of bytes, shown in decimal units (1 MB = 10^6 bytes).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// No bytes.
    pub const ZERO: Bytes = Bytes(0);
    /// 2^10 bytes.
    pub const KIB: Bytes = Bytes(1 << 10);
    /// 2^20 bytes.
    pub const MIB: Bytes = Bytes(1 << 20);
    /// 10^6 bytes.
    pub const MB: Bytes = Bytes(1_000_000);

    /// The amount that a value of `length` items of type `T` takes.
    pub const fn of<T>(length: usize) -> Bytes {
        Bytes((length as u64).saturating_mul(size_of::<T>() as u64))
    }

    /// The amount as a `usize`, saturating on small machines.
    pub const fn as_usize(self) -> usize {
        if self.0 > usize::MAX as u64 { usize::MAX } else { self.0 as usize }
    }

    /// This amount less `other`, or nothing.
    pub const fn saturating_sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }

    /// `percent` hundredths of this amount, rounded down.
    pub const fn percent(self, percent: u64) -> Bytes {
        Bytes((self.0 as u128 * percent as u128 / 100) as u64)
    }
}

impl From<usize> for Bytes {
    fn from(value: usize) -> Self {
        Bytes(value as u64)
    }
}

impl Add for Bytes {
    type Output = Bytes;
    fn add(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Bytes {
    fn add_assign(&mut self, other: Bytes) {
        *self = *self + other;
    }
}

impl Sub for Bytes {
    type Output = Bytes;
    fn sub(self, other: Bytes) -> Bytes {
        self.saturating_sub(other)
    }
}

impl SubAssign for Bytes {
    fn sub_assign(&mut self, other: Bytes) {
        *self = *self - other;
    }
}

impl Mul<u64> for Bytes {
    type Output = Bytes;
    fn mul(self, times: u64) -> Bytes {
        Bytes(self.0.saturating_mul(times))
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Bytes>>(amounts: I) -> Bytes {
        amounts.fold(Bytes::ZERO, Add::add)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
        for (size, unit) in UNITS {
            if self.0 >= size {
                let tenths = (self.0 as u128 * 10 + size as u128 / 2) / size as u128;
                return if tenths >= 1000 || tenths.is_multiple_of(10) {
                    write!(f, "{} {unit}", (tenths + 5) / 10)
                } else {
                    write!(f, "{}.{} {unit}", tenths / 10, tenths % 10)
                };
            }
        }
        write!(f, "{} B", self.0)
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Bytes, String> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        if number.is_empty() && !text.is_empty() {
            return Err(format!("{text:?} is not a size: wanted a number and a unit, like 256MB"));
        }
        let size: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "b" => 1,
            "kb" | "k" => 1_000,
            "mb" | "m" => 1_000_000,
            "gb" | "g" => 1_000_000_000,
            "tb" | "t" => 1_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            "" => return Err(format!("{text:?} has no unit: write 256MB (10^6 bytes) or 256MiB (2^20)")),
            other => {
                return Err(format!("{other:?} is not a unit of size: wanted B, kB, MB, GB, TB, KiB, MiB, GiB or TiB"));
            }
        };
        let value: f64 =
            number.parse().map_err(|_| format!("{text:?} is not a size: wanted a number and a unit, like 256MB"))?;
        let bytes = value * size as f64;
        if bytes >= u64::MAX as f64 {
            return Err(format!("{text:?} is more than any machine has"));
        }
        Ok(Bytes(bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_and_print() {
        for (text, bytes, printed) in [
            ("256MB", 256_000_000, "256 MB"),
            ("1GiB", 1 << 30, "1.1 GB"),
            ("1.5 kB", 1_500, "1.5 kB"),
            ("64mib", 64 << 20, "67.1 MB"),
            ("0B", 0, "0 B"),
            ("999B", 999, "999 B"),
            ("128MB", 128_000_000, "128 MB"),
        ] {
            let parsed: Bytes = text.parse().expect(text);
            assert_eq!(parsed, Bytes(bytes), "{text}");
            assert_eq!(parsed.to_string(), printed);
        }
        for text in ["256", "MB", "12 parsecs", "1e9", "-1MB", ""] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
