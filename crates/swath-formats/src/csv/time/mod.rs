//! Times as text: ISO 8601, strftime patterns and epochs, in any zone, as microseconds since 1970 in UTC.
//!
//! Leap seconds are refused, since a count of microseconds has no place for them. Digits finer than a microsecond are
//! dropped, which rounds towards the past.

mod civil;
mod iso;
mod pattern;
mod zone;

use self::civil::{MICROS_PER_DAY, in_years};
use self::iso::DateCache;
use self::pattern::Pattern;
use self::zone::{Zone, ZoneCache};
use super::markers::trim;

/// A time as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    /// Microseconds since 1970-01-01T00:00 on the clock that was read.
    local_us: i64,
    /// How far that clock is ahead of UTC, where the text says so.
    offset_s: Option<i32>,
}

#[derive(Debug, Clone)]
enum Format {
    Iso,
    /// Units of so many microseconds since 1970 in UTC.
    Epoch(i64),
    Pattern(Pattern),
}

/// How the times of a column are written.
#[derive(Debug, Clone)]
pub(crate) struct TimeRules {
    format: Format,
    zone: Zone,
}

/// What the last times of a column have taught; it changes no answer. It counts times that occur twice.
#[derive(Debug, Clone, Default)]
pub(crate) struct TimeCache {
    date: DateCache,
    zone: ZoneCache,
}

impl TimeCache {
    /// How many times occur twice, since clocks went back; each was taken as the first of the two.
    pub fn ambiguous(&self) -> u64 {
        self.zone.ambiguous
    }
}

impl TimeRules {
    /// Rules for a format (none is ISO 8601) and a zone (none is UTC).
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(format: Option<&str>, zone: Option<&str>) -> Result<TimeRules, String> {
        TimeRules::in_year(None, format, zone)
    }

    /// The same for times whose text says no year.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn in_year(year: Option<u32>, format: Option<&str>, zone: Option<&str>) -> Result<TimeRules, String> {
        let format = match format {
            None => Format::Iso,
            Some("epoch_s") => Format::Epoch(1_000_000),
            Some("epoch_ms") => Format::Epoch(1_000),
            Some("epoch_us") => Format::Epoch(1),
            Some(pattern) => Format::Pattern(Pattern::new(pattern, year)?),
        };
        Ok(TimeRules { format, zone: Zone::new(zone)? })
    }

    /// What a value should look like, for messages.
    pub fn wanted(&self) -> String {
        match &self.format {
            Format::Iso => "ISO 8601 like 2025-03-01T10:00:00Z".into(),
            Format::Epoch(1_000_000) => "seconds since 1970".into(),
            Format::Epoch(1_000) => "milliseconds since 1970".into(),
            Format::Epoch(_) => "microseconds since 1970".into(),
            Format::Pattern(pattern) => pattern.text().into(),
        }
    }

    /// Microseconds since 1970 in UTC.
    #[inline(always)]
    pub fn timestamp(&self, text: &[u8], cache: &mut TimeCache) -> Option<i64> {
        if let Format::Iso = self.format
            && let Some(utc_us) = iso::parse_common(text, &cache.date)
        {
            return Some(utc_us);
        }
        self.any_timestamp(text, cache)
    }

    #[inline(never)]
    fn any_timestamp(&self, text: &[u8], cache: &mut TimeCache) -> Option<i64> {
        let moment = self.moment(text, cache)?;
        match moment.offset_s {
            Some(offset_s) => Some(moment.local_us - i64::from(offset_s) * 1_000_000),
            None => self.zone.to_utc(moment.local_us, &mut cache.zone),
        }
    }

    /// Days since 1970 of the date that is written, in whatever zone.
    pub fn date(&self, text: &[u8], cache: &mut TimeCache) -> Option<i32> {
        let moment = self.moment(text, cache)?;
        i32::try_from(moment.local_us.div_euclid(MICROS_PER_DAY)).ok()
    }

    /// The name of the column's zone, if the text is a time that its clocks left out when they went forward.
    pub fn left_out(&self, text: &[u8]) -> Option<&str> {
        let moment = self.moment(text, &mut TimeCache::default())?;
        moment.offset_s.is_none().then(|| self.zone.left_out(moment.local_us)).flatten()
    }

    /// Microseconds since 1970 in UTC of a time that a column has as a number, in UTC or on a clock of its zone.
    #[inline]
    pub fn of_number(&self, us: i64, utc: bool, cache: &mut TimeCache) -> Option<i64> {
        let us = if utc { us } else { self.zone.to_utc(Some(us).filter(|us| in_years(*us))?, &mut cache.zone)? };
        in_years(us).then_some(us)
    }

    /// Whether times without an offset are in UTC.
    pub fn is_utc(&self) -> bool {
        matches!(self.zone, Zone::Fixed { offset_us: 0 })
    }

    /// The same rules for times that are written as ISO 8601.
    pub fn as_iso(&self) -> TimeRules {
        TimeRules { format: Format::Iso, zone: self.zone.clone() }
    }

    fn moment(&self, text: &[u8], cache: &mut TimeCache) -> Option<Moment> {
        match &self.format {
            Format::Iso => iso::parse(text, &mut cache.date).or_else(|| {
                let trimmed = trim(text);
                if trimmed.len() < text.len() { iso::parse(trimmed, &mut cache.date) } else { None }
            }),
            Format::Epoch(unit_us) => {
                let utc_us = epoch(trim(text), *unit_us)?;
                in_years(utc_us).then_some(Moment { local_us: utc_us, offset_s: Some(0) })
            }
            Format::Pattern(pattern) => pattern.parse(trim(text)),
        }
    }
}

/// A decimal number of units of `unit_us` microseconds, rounded down to microseconds; its mark may be a point or a comma,
/// as in ISO 8601.
fn epoch(text: &[u8], unit_us: i64) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let point = digits.iter().position(|byte| b".,".contains(byte)).unwrap_or(digits.len());
    let (whole, fraction) = (&digits[..point], digits.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || whole.len() > 18 || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
        return None;
    }
    let whole = whole.iter().fold(0i64, |sum, byte| sum * 10 + i64::from(byte - b'0'));
    let (mut part_us, mut unit, mut exact) = (0, unit_us, true);
    for byte in fraction {
        let digit = i64::from(byte - b'0');
        unit /= 10;
        part_us += digit * unit;
        exact &= unit > 0 || digit == 0;
    }
    let magnitude = whole.checked_mul(unit_us)?.checked_add(part_us)?;
    Some(if negative { -magnitude - i64::from(!exact) } else { magnitude })
}

#[cfg(test)]
mod tests;
