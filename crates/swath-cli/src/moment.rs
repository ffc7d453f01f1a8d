//! Points in time and extents as people write them on a command line.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

/// Microseconds since 1970-01-01 UTC of an ISO 8601 date or time; UTC unless it has an offset.
///
/// # Errors
/// Text that says what is wanted.
pub fn microseconds(text: &str) -> Result<i64, String> {
    let text = text.trim();
    let utc = |civil: DateTime| civil.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp());
    let found = text
        .parse::<Timestamp>()
        .or_else(|_| if text.ends_with(['Z', 'z']) { text.parse() } else { text.parse::<DateTime>().and_then(utc) })
        .or_else(|_| text.parse::<Date>().and_then(|date| utc(date.to_datetime(jiff::civil::Time::midnight()))));
    found.map(|timestamp| timestamp.as_microsecond()).map_err(|_| {
        format!("{text:?} is not a date or time: wanted ISO 8601 like 2025-03-01, 2025-03-01T10:00 or 2025-03-01T10:00+02:00")
    })
}

/// West, south, east, north.
///
/// # Errors
/// Text that says what is wanted.
pub fn extent(text: &str) -> Result<[f64; 4], String> {
    let wanted = "wanted west,south,east,north like -3.5,50,2,53.25";
    let numbers: Vec<f64> = text.split(',').map_while(|part| part.trim().parse().ok()).collect();
    match <[f64; 4]>::try_from(numbers) {
        Ok(extent) if text.split(',').count() == 4 && extent.iter().all(|number| number.is_finite()) => {
            if extent[1] > extent[3] {
                return Err(format!("{text:?} has its south above its north: {wanted}"));
            }
            if extent[0] > extent[2] {
                return Err(format!("{text:?} has its west beyond its east: {wanted}; across 180° take two runs"));
            }
            Ok(extent)
        }
        _ => Err(format!("{text:?} is not an extent: {wanted}")),
    }
}

/// Now, in RFC 3339, UTC, to the millisecond.
pub fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

/// Seconds as people say them: `0.42 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub fn spoken(seconds: f64) -> String {
    let whole = SignedDuration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(SignedDuration::MAX).as_secs();
    match seconds {
        seconds if seconds < 9.95 => format!("{seconds:.1} s"),
        seconds if seconds < 99.5 => format!("{seconds:.0} s"),
        seconds if seconds < 3600.0 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_unless_they_say_otherwise() {
        let day = 20_148 * 86_400_000_000;
        for (text, wanted) in [
            ("2025-03-01", Some(day)),
            ("2025-03-01T10:00", Some(day + 36_000_000_000)),
            ("2025-03-01 10:00:00", Some(day + 36_000_000_000)),
            ("2025-03-01T10:00:00.25Z", Some(day + 36_000_250_000)),
            ("2025-03-01T10:00:00+02:00", Some(day + 28_800_000_000)),
            ("1969-12-31T23:59:59Z", Some(-1_000_000)),
            ("2025-02-30", None),
            ("yesterday", None),
            ("01/03/2025", None),
            ("", None),
        ] {
            assert_eq!(microseconds(text).ok(), wanted, "{text}");
        }
    }

    #[test]
    fn extents_are_four_numbers_in_order() {
        assert_eq!(extent("-3.5, 50,2,53.25"), Ok([-3.5, 50.0, 2.0, 53.25]));
        for text in ["1,2,3", "1,2,3,4,5", "1,2,3,x", "0,5,1,4", "5,0,4,1", "nan,0,1,1", "0,0,inf,1", ""] {
            assert!(extent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_read_like_speech() {
        for (seconds, wanted) in
            [(0.04, "0.0 s"), (9.94, "9.9 s"), (42.4, "42 s"), (185.0, "3 min 5 s"), (7800.0, "2 h 10 min")]
        {
            assert_eq!(spoken(seconds), wanted);
        }
    }
}
