//! Arithmetic of the Gregorian calendar, for the years 1 to 9999.

use swath_table::civil::days_from_civil;

/// Microseconds of a day.
pub(super) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// Days from 1970-01-01 to 0001-01-01 and to 10000-01-01.
const YEARS: (i64, i64) = (-719_162, 2_932_897);

/// Whether a time lies in the years 1 to 9999.
pub(super) fn in_years(us: i64) -> bool {
    us >= YEARS.0 * MICROS_PER_DAY && us < YEARS.1 * MICROS_PER_DAY
}

/// Days of the months of a year.
fn month_days(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01, if there is such a day in the years 1 to 9999.
pub(super) fn days(year: u32, month: u32, day: u32) -> Option<i64> {
    if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > month_days(year, month) {
        return None;
    }
    Some(days_from_civil(i64::from(year), month, day))
}

/// Days since 1970-01-01 of a day of a year counted from 1.
pub(super) fn days_of_year(year: u32, day: u32) -> Option<i64> {
    let length = 337 + month_days(year, 2);
    if day < 1 || day > length {
        return None;
    }
    Some(days(year, 1, 1)? + i64::from(day) - 1)
}

/// Microseconds since midnight; 24:00:00 is the end of the day.
pub(super) fn time_of_day(hour: u32, minute: u32, second: u32, fraction_us: u32) -> Option<i64> {
    let valid = hour < 24 && minute < 60 && second < 60;
    let midnight = hour == 24 && minute == 0 && second == 0 && fraction_us == 0;
    let seconds = i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second);
    (valid || midnight).then(|| seconds * 1_000_000 + i64::from(fraction_us))
}
