//! Points in time as text.

use swath_table::civil::civil_from_days;

/// A time in RFC 3339, UTC, with as much of the second as it has.
pub fn rfc3339(microseconds: i64) -> String {
    let (days, in_day) = (microseconds.div_euclid(86_400_000_000), microseconds.rem_euclid(86_400_000_000));
    let (year, month, day) = civil_from_days(days);
    let (second, fraction) = (in_day / 1_000_000, in_day % 1_000_000);
    let mut text =
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if fraction > 0 {
        text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
    }
    text + "Z"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (microseconds, wanted) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000_000, "2000-02-29T00:00:00Z"),
            (1_522_576_855_250_000, "2018-04-01T10:00:55.25Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (4_107_542_399_000_000, "2100-02-28T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(microseconds), wanted);
        }
    }
}
