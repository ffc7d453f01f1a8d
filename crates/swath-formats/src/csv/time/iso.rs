//! ISO 8601 in its extended form: `2025-03-01T00:00:05.25+02:00`, also with a space for the `T`, date only, without
//! seconds, with ` UTC` at the end as some databases write it, and with one digit for hours before ten.
//!
//! Not read: the basic form without separators (a strftime pattern reads it), weeks, ordinal days, zone names.

use swath_table::offset;

use super::Moment;
use super::civil::{MICROS_PER_DAY, days, time_of_day};

/// The last date that was read, since most rows have the date of the row before.
#[derive(Debug, Clone)]
pub(super) struct DateCache {
    text: [u8; 10],
    start_us: i64,
}

impl Default for DateCache {
    fn default() -> Self {
        DateCache { text: *b"1970-01-01", start_us: 0 }
    }
}

impl DateCache {
    /// Midnight of a date like `2025-03-01`.
    #[inline(always)]
    fn midnight(&mut self, text: &[u8; 10]) -> Option<i64> {
        if *text != self.text {
            self.start_us = date_days(text)? * MICROS_PER_DAY;
            self.text = *text;
        }
        Some(self.start_us)
    }
}

fn date_days(text: &[u8; 10]) -> Option<i64> {
    if text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    days(number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?)
}

/// The value of a few digits.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0u32, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u32::from(byte - b'0')))
}

/// Hour, minute and second of a text like `17:05:09`, in whatever bounds two digits have.
#[inline(always)]
fn clock(text: &[u8; 8]) -> Option<(u32, u32, u32)> {
    let digits = u64::from_le_bytes(*text) ^ u64::from_le_bytes(*b"00:00:00");
    // A digit is at most 9 now, a colon 0; anything else reaches the high bit of its byte.
    let wrong = digits.wrapping_add(0x7676_7f76_767f_7676) | digits;
    if wrong & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8);
    Some((pairs as u32 & 0xff, (pairs >> 24) as u32 & 0xff, (pairs >> 48) as u32 & 0xff))
}

/// Reads a time like `2025-03-01T00:00:05Z` on the date of the time before: the most common one, in a few instructions.
#[inline(always)]
pub(super) fn parse_common(text: &[u8], cache: &DateCache) -> Option<i64> {
    let text: &[u8; 20] = text.try_into().ok()?;
    if text.first_chunk() != Some(&cache.text) || text[10] != b'T' || text[19] != b'Z' {
        return None;
    }
    let (hour, minute, second) = clock(text[11..].first_chunk()?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(cache.start_us + i64::from(hour * 3600 + minute * 60 + second) * 1_000_000)
}

/// Reads a time.
#[inline(never)]
pub(super) fn parse(text: &[u8], cache: &mut DateCache) -> Option<Moment> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let midnight_us = cache.midnight(date)?;
    let Some((between, rest)) = rest.split_first() else {
        return Some(Moment { local_us: midnight_us, offset_s: None });
    };
    if !matches!(between, b'T' | b' ' | b't') {
        return None;
    }
    if let Some((time, zone)) = rest.split_first_chunk::<8>()
        && let Some((hour, minute, second)) = clock(time)
    {
        let (fraction_us, zone) = fraction(zone)?;
        let local_us = midnight_us + time_of_day(hour, minute, second, fraction_us)?;
        return Some(Moment { local_us, offset_s: offset(zone)? });
    }
    let (time_us, zone) = uncommon_clock(rest)?;
    Some(Moment { local_us: midnight_us + time_us, offset_s: offset(zone)? })
}

/// Microseconds since midnight of a time of day without seconds, or with one digit for its hour; and what follows it.
fn uncommon_clock(text: &[u8]) -> Option<(i64, &[u8])> {
    let hour_digits = text.iter().take(3).position(|&byte| byte == b':').filter(|digits| *digits > 0)?;
    let hour = number(&text[..hour_digits])?;
    let (minute, rest) = text[hour_digits + 1..].split_first_chunk::<2>()?;
    let (second, fraction_us, rest) = match rest {
        [b':', rest @ ..] => {
            let (second, rest) = rest.split_first_chunk::<2>()?;
            let (fraction_us, rest) = fraction(rest)?;
            (number(second)?, fraction_us, rest)
        }
        _ => (0, 0, rest),
    };
    Some((time_of_day(hour, number(minute)?, second, fraction_us)?, rest))
}

/// Microseconds of a fraction of a second, if one begins here, and what follows it.
#[inline(always)]
pub(super) fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    match text {
        [b'.' | b',', digits @ ..] => some_fraction(digits),
        _ => Some((0, text)),
    }
}

/// Reads digits after the point, at least one.
pub(super) fn some_fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let us = (0..6).fold(0, |sum, i| sum * 10 + if i < length { u32::from(text[i] - b'0') } else { 0 });
    Some((us, &text[length..]))
}

/// The offset that a text is, if it is one; no text is no offset.
#[inline(always)]
fn offset(text: &[u8]) -> Option<Option<i32>> {
    match text {
        b"Z" => Some(Some(0)),
        b"" => Some(None),
        _ => offset::seconds(text).map(Some),
    }
}
