//! Moments in schema files: TOML datetimes and ISO text to microseconds and back.
//!
//! Limits only: values of rows are parsed elsewhere, in any format and zone.

use std::str::FromStr;

use toml::value::{Datetime, Offset};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date
/// algorithms").
pub(crate) fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = (if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 }) as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

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

    #[test]
    fn days_go_both_ways() {
        for days in (-719_162..2_932_896).step_by(97) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days, "{year}-{month}-{day}");
        }
    }
}
