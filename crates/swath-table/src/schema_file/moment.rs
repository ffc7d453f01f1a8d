//! Moments in schema files: TOML datetimes and ISO text to microseconds and back.
//!
//! Limits only: values of rows are parsed elsewhere, in any format and zone.

use std::str::FromStr;

use toml::value::{Datetime, Offset};

use crate::civil::{civil_from_days, days_from_civil};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// The microseconds of a TOML datetime; without an offset it is UTC, without a time it is midnight.
pub(super) fn micros(datetime: &Datetime) -> Option<i64> {
    let date = datetime.date?;
    let mut seconds =
        days_from_civil(i64::from(date.year), u32::from(date.month), u32::from(date.day)) * SECONDS_PER_DAY;
    let mut micros = 0;
    if let Some(time) = datetime.time {
        seconds += i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(time.second.unwrap_or(0));
        micros = i64::from(time.nanosecond.unwrap_or(0) / 1000);
    }
    if let Some(Offset::Custom { minutes }) = datetime.offset {
        seconds -= i64::from(minutes) * 60;
    }
    Some(seconds * MICROS_PER_SECOND + micros)
}

/// The microseconds of a date or datetime written as ISO text.
pub(super) fn micros_of_text(text: &str) -> Option<i64> {
    micros(&Datetime::from_str(text.trim()).ok()?)
}

/// A moment as a TOML datetime in UTC, or none outside of the years 0 to 9999.
pub(super) fn datetime_text(micros: i64) -> Option<String> {
    let seconds = micros.div_euclid(MICROS_PER_SECOND);
    let fraction = micros.rem_euclid(MICROS_PER_SECOND);
    let day = date_text(seconds.div_euclid(SECONDS_PER_DAY))?;
    let second = seconds.rem_euclid(SECONDS_PER_DAY);
    let clock = format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    Some(if fraction == 0 { format!("{day}T{clock}Z") } else { format!("{day}T{clock}.{fraction:06}Z") })
}

/// A day as a TOML date, or none outside of the years 0 to 9999.
pub(super) fn date_text(days: i64) -> Option<String> {
    let (year, month, day) = civil_from_days(days);
    (0..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_go_both_ways() {
        for (text, expected) in [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:01Z", 1_000_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000_000),
            ("2025-03-01 12:30:00.25", 1_740_832_200_250_000),
            ("2025-03-01T12:30:00+02:00", 1_740_825_000_000_000),
            ("1969-12-31T23:59:59.999999Z", -1),
        ] {
            assert_eq!(micros_of_text(text), Some(expected), "{text}");
            let written = datetime_text(expected).expect("a year of four digits");
            assert_eq!(micros_of_text(&written), Some(expected), "{text} as {written}");
        }
        for text in ["12:00:00", "2025-13-01", "yesterday", ""] {
            assert_eq!(micros_of_text(text), None, "{text}");
        }
    }
}
