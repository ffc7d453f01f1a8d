//! Times against tables of cases and against jiff.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use swath_table::infer::{Sample, infer};
use swath_table::schema::Role;
use swath_table::schema_file::parse;

use super::super::tests::Random;
use super::*;

fn read(format: Option<&str>, zone: Option<&str>, text: &str) -> Option<i64> {
    let rules = TimeRules::new(format, zone).expect("a format");
    rules.timestamp(text.as_bytes(), &mut TimeCache::default())
}

/// What jiff says of an ISO text with or without an offset.
fn utc(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().expect(text).as_microsecond()
}

#[test]
fn iso_8601() {
    for (text, same) in [
        ("2025-03-01T00:00:05Z", "2025-03-01T00:00:05Z"),
        ("2025-03-01 00:00:05", "2025-03-01T00:00:05Z"),
        ("2025-03-01t00:00:05z", "2025-03-01T00:00:05Z"),
        (" 2025-03-01T00:00:05Z\t", "2025-03-01T00:00:05Z"),
        ("2025-03-01", "2025-03-01T00:00:00Z"),
        ("2025-03-01T07:30", "2025-03-01T07:30:00Z"),
        ("2025-03-01T07:30+02:00", "2025-03-01T05:30:00Z"),
        ("2025-03-01 6:05", "2025-03-01T06:05:00Z"),
        ("2025-03-01 0:00 +02:00", "2025-02-28T22:00:00Z"),
        ("2025-03-01T6:05:07", "2025-03-01T06:05:07Z"),
        ("2025-03-01 6:05:07,25Z", "2025-03-01T06:05:07.25Z"),
        ("2025-03-01T07:30:00.5-0530", "2025-03-01T13:00:00.5Z"),
        ("2025-03-01T07:30:00,123456789+02", "2025-03-01T05:30:00.123456Z"),
        ("1969-12-31T23:59:59.9999999Z", "1969-12-31T23:59:59.999999Z"),
        ("2025-03-01 07:30:00 UTC", "2025-03-01T07:30:00Z"),
        ("2025-03-01 07:30:00 +0100", "2025-03-01T06:30:00Z"),
        ("2024-02-29T24:00:00Z", "2024-03-01T00:00:00Z"),
        ("2024-12-31T24:00", "2025-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-29T23:59:59.999999Z"),
    ] {
        // The last days of the last year are beyond jiff's timestamps.
        let wanted = utc(same) + if text.starts_with("9999") { 2 * MICROS_PER_DAY } else { 0 };
        assert_eq!(read(None, None, text), Some(wanted), "{text}");
    }
    for text in [
        "",
        "2025-03-01T",
        "2025-13-01T00:00:00Z",
        "2025-02-29T00:00:00Z",
        "2025-00-10",
        "2025-01-00",
        "0000-01-01",
        "2025-3-1",
        "2025-03-01T24:00:01Z",
        "2025-03-01T25:00:00Z",
        "2025-03-01T00:60:00Z",
        "2025-03-01T00:00:60Z",
        "2025-03-01T00:00:00.Z",
        "2025-03-01T00:00:00ZZ",
        "2025-03-01T00:00:00+2",
        "2025-03-01T00:00:00+24:00",
        "2025-03-01T00:00:00+02:60",
        "2025-03-01X00:00:00Z",
        "2025-03-01T00-00-00Z",
        "2025/03/01",
        "20250301",
        "2025-03-01T:00:00",
        "2025-03-01T000:00:00",
        "2025-03-01T6:5",
        "2025-03-01T6:05:7",
        "2025-03-01T6:05.5",
        "2025-03-01T6:05:",
        "2025-03-01T6",
        "2025-03-01T00:0a:00Z",
        "2025-03-01T00:00:0\u{80}",
        "-025-03-01",
        "\0\0\0\0\0\0\0\0\0\0",
        "yesterday",
    ] {
        assert_eq!(read(None, None, text), None, "{text}");
    }
}

#[test]
fn two_digits_may_count_from_any_year() {
    for (year, text, same) in [
        (Some(1950), "62 1", "1962-01-01T00:00:00Z"),
        (Some(1950), "49 1", "2049-01-01T00:00:00Z"),
        (Some(1962), "62 1", "1962-01-01T00:00:00Z"),
        (Some(1963), "62 1", "2062-01-01T00:00:00Z"),
        (None, "69 1", "1969-01-01T00:00:00Z"),
        (None, "68 1", "2068-01-01T00:00:00Z"),
    ] {
        let rules = TimeRules::in_year(year, Some("%y %j"), None).expect("a format");
        let iso = TimeRules::new(None, None).expect("ISO");
        let mut cache = TimeCache::default();
        let wanted = iso.timestamp(same.as_bytes(), &mut cache);
        assert_eq!(rules.timestamp(text.as_bytes(), &mut cache), wanted, "{text} from {year:?}");
    }
}

#[test]
fn patterns() {
    for (format, text, same) in [
        ("%d/%m/%Y %H.%M.%S", "10/03/2004 18.00.00", Some("2004-03-10T18:00:00Z")),
        ("%d/%m/%Y %H.%M.%S", "1/3/2004 8.0.0", Some("2004-03-01T08:00:00Z")),
        ("%d/%m/%Y %H.%M.%S", "31/04/2004 18.00.00", None),
        ("%d/%m/%Y", "10/03/2004x", None),
        ("%Y%m%d%H%M%S", "20250301123456", Some("2025-03-01T12:34:56Z")),
        ("%Y%m%dT%H%M%S%z", "20250301T123456-0130", Some("2025-03-01T14:04:56Z")),
        ("%FT%T.%f%z", "2025-03-01T12:34:56.789+01:00", Some("2025-03-01T11:34:56.789Z")),
        ("%b %d, %Y %I:%M %p", "Mar 1, 2025 12:05 AM", Some("2025-03-01T00:05:00Z")),
        ("%b %d, %Y %I:%M %p", "march 1, 2025 12:05 pm", Some("2025-03-01T12:05:00Z")),
        ("%b %d, %Y %I:%M %p", "Mar 1, 2025 13:05 PM", None),
        ("%a %B %-d %R %Y %z", "Sat March 1 07:05 2025 UTC", Some("2025-03-01T07:05:00Z")),
        ("%a %B %-d %R %Y %z", "Sat March 1 07:05 2025 CET", None),
        ("%a %b %e %k:%M %Y", "Sat Mar  1  7:05 2025", Some("2025-03-01T07:05:00Z")),
        ("%a %b %e %k:%M %Y", "Mon Mar 31 17:05 2025", Some("2025-03-31T17:05:00Z")),
        ("%D %l:%M%p", "03/01/25  7:05PM", Some("2025-03-01T19:05:00Z")),
        ("%_m/%_d/%Y", " 3/ 1/2025", Some("2025-03-01T00:00:00Z")),
        ("%m/%d/%Y", "3/ 1/2025", None),
        ("%d/%m/%Y %H.%M.%S%.f", "10/03/2004 18.00.00", Some("2004-03-10T18:00:00Z")),
        ("%d/%m/%Y %H.%M.%S%.f", "10/03/2004 18.00.00,25", Some("2004-03-10T18:00:00.25Z")),
        ("%d/%m/%Y %H.%M.%S%.f", "10/03/2004 18.00.00.", None),
        ("%Y%m%d %H%M%S%.f%:z", "20250301 123456.5-01:30", Some("2025-03-01T14:04:56.5Z")),
        ("%d.%m.%Y %H:%M%z", "1.3.2025 07:05GMT", Some("2025-03-01T07:05:00Z")),
        ("%m/%d/%y", "12/31/68", Some("2068-12-31T00:00:00Z")),
        ("%m/%d/%y", "12/31/69", Some("1969-12-31T00:00:00Z")),
        ("%Y-%j", "2024-366", Some("2024-12-31T00:00:00Z")),
        ("%Y-%j", "2025-366", None),
        ("%Y %j %H%M", "2018 291 0", Some("2018-10-18T00:00:00Z")),
        ("%Y %j %H%M", "2018 291 30", Some("2018-10-18T00:30:00Z")),
        ("%Y %j %H%M", "2018 291 130", Some("2018-10-18T01:30:00Z")),
        ("%Y %j %H%M", "2018 291 1430", Some("2018-10-18T14:30:00Z")),
        ("%Y %j %H%M", "2018 291 2400", Some("2018-10-19T00:00:00Z")),
        ("%Y %j %H%M", "2018 291 75", None),
        ("%Y %j %H%M", "2018 291 11430", None),
        ("%F %H%M%S", "2018-10-18 530", Some("2018-10-18T00:05:30Z")),
        ("%F %I%M %p", "2018-10-18 110 PM", Some("2018-10-18T13:10:00Z")),
        ("%Y %m %d %H %M", "2018 1 2 3 4", Some("2018-01-02T03:04:00Z")),
        ("%FT%T%.f/%*", "2020-06-01T12:01:00.0/2020-06-01T12:02:00.0", Some("2020-06-01T12:01:00Z")),
        ("100%% %Y-%m-%d", "100% 2025-03-01", Some("2025-03-01T00:00:00Z")),
        ("%Y-%m-%d %H:%M", "2025-03-01 24:00", Some("2025-03-02T00:00:00Z")),
        ("epoch_s", "1740787205", Some("2025-03-01T00:00:05Z")),
        ("epoch_s", " 1740787205.1234567 ", Some("2025-03-01T00:00:05.123456Z")),
        ("epoch_s", "1740787205,5", Some("2025-03-01T00:00:05.5Z")),
        ("epoch_s", "1,740,787", None),
        ("epoch_s", "-0.0000001", Some("1969-12-31T23:59:59.999999Z")),
        ("epoch_ms", "1740787205001", Some("2025-03-01T00:00:05.001Z")),
        ("epoch_us", "1740787205000001", Some("2025-03-01T00:00:05.000001Z")),
        ("epoch_s", "1e9", None),
        ("epoch_s", "999999999999999999", None),
        ("epoch_s", "300000000000", None),
        ("epoch_s", ".5", None),
        ("epoch_s", "", None),
    ] {
        assert_eq!(read(Some(format), None, text), same.map(utc), "{format} {text}");
    }
    for format in ["%Q", "%", "%H:%M", "%Y-%m", "%Y-%m-%d %I:%M", "%Y-%m-%d %H:%M %Z"] {
        assert!(TimeRules::new(Some(format), None).is_err(), "{format}");
    }
    assert!(TimeRules::new(None, Some("Mars/Olympus")).is_err());
}

/// A file whose column `time` holds a time twice; with `is_apart`, date and clock are columns of their own.
fn file_of(date: &str, between: &str, clock: &str, is_apart: bool) -> Sample {
    let text = if is_apart {
        format!("date;time;v\n{date};{clock};1\n{date};{clock};2\n")
    } else {
        format!("time;v\n{date}{between}{clock};1\n{date}{between}{clock};2\n")
    };
    Sample { head: text.into_bytes(), complete: true, exhaustive: true, ..Sample::default() }
}

/// Dates and clocks as they are written, with the milliseconds since midnight, and zones, with how far they are ahead.
const DATES: [&str; 12] = [
    "2025-03-31",
    "2025/3/31",
    "2025/03/31",
    "31/03/2025",
    "31.3.2025",
    "03/31/2025",
    "3-31-2025",
    "31.03.25",
    "3/31/25",
    "20250331",
    "31-Mar-2025",
    "31 Mar 2025",
];
const CLOCKS: [(&str, i64); 17] = [
    ("", 0),
    ("06:05", 21_900_000),
    ("6:05", 21_900_000),
    ("6:05:07", 21_907_000),
    ("06:05:07.25", 21_907_250),
    ("06:05:07,25", 21_907_250),
    ("6:05:07.25", 21_907_250),
    ("06.05.07", 21_907_000),
    ("6.05.07,25", 21_907_250),
    ("24:00", 86_400_000),
    ("24:00:00.000", 86_400_000),
    ("6:05 PM", 65_100_000),
    ("06:05:07PM", 65_107_000),
    ("12:00:00.5 am", 500),
    ("0605", 21_900_000),
    ("060507", 21_907_000),
    ("060507.25", 21_907_250),
];
const ZONES: [(&str, i64); 7] =
    [("", 0), ("Z", 0), (" UTC", 0), (" GMT", 0), ("+02:00", 7_200_000), (" -0730", -27_000_000), (" +02", 7_200_000)];

/// Whatever format is inferred for a time reads that time.
#[test]
fn inferred_formats_read_what_they_were_inferred_from() {
    let mut formats = BTreeSet::new();
    for date in DATES {
        for (clock, clock_ms) in CLOCKS {
            let zones = if clock.is_empty() || clock.ends_with(['M', 'm']) { &ZONES[..1] } else { &ZONES };
            for &(zone, zone_ms) in zones {
                let at = utc("2025-03-31T00:00:00Z") + (clock_ms - zone_ms) * 1000;
                for between in if clock.is_empty() { &[""][..] } else { &[" ", "T", "_", ":", "-"] } {
                    formats.insert(inferred_format(date, between, &format!("{clock}{zone}"), false, at));
                }
                // Clocks like dates, and digits alone, are no clocks without a date before them.
                if zone.is_empty() && clock.contains(':') {
                    formats.insert(inferred_format(date, " ", clock, true, at));
                }
            }
        }
    }
    assert!(formats.contains(&Some("%d/%m/%Y %H:%M:%S%.f".into())) && formats.contains(&None), "{formats:?}");
}

/// The format that is inferred for a time, after a check that it reads the time as `at`.
fn inferred_format(date: &str, between: &str, clock: &str, is_apart: bool, at: i64) -> Option<String> {
    let hints = "[csv]\ndelimiter = \";\"\ndecimal = \".\"\nheader = true\n";
    let hints = parse(hints, Path::new("s.toml")).expect("a schema file");
    let text = format!("{date}{between}{clock}");
    let schema = infer(&[file_of(date, between, clock, is_apart)], &hints).expect(&text).schema;
    let Some(time) = schema.with_role(Role::Time) else { panic!("{text} is no time: {:?}", schema.columns) };
    let column = &schema.columns[time];
    assert_eq!(column.source.len(), 1 + usize::from(is_apart), "{text}");
    assert_eq!(read(column.format.as_deref(), None, &text), Some(at), "{text} by {:?}", column.format);
    column.format.clone()
}

#[test]
fn local_clocks() {
    for (zone, text, same) in [
        ("Europe/Rome", "2025-07-01T12:00:00", "2025-07-01T10:00:00Z"),
        ("Europe/Rome", "2025-07-01T12:00:00Z", "2025-07-01T12:00:00Z"),
        // The hour that occurs twice is the first.
        ("Europe/Rome", "2025-10-26T02:30:00", "2025-10-26T00:30:00Z"),
        ("Europe/Rome", "2025-10-26T03:00:00", "2025-10-26T02:00:00Z"),
        ("+05:30", "2025-03-30T05:30:00", "2025-03-30T00:00:00Z"),
        ("-07:00", "2025-03-30T05:30:00", "2025-03-30T12:30:00Z"),
        ("Z", "2025-03-30T05:30:00", "2025-03-30T05:30:00Z"),
        ("UTC", "2025-03-30T05:30:00", "2025-03-30T05:30:00Z"),
        ("Pacific/Apia", "2011-12-29T12:00:00", "2011-12-29T22:00:00Z"),
    ] {
        assert_eq!(read(None, Some(zone), text), Some(utc(same)), "{zone} {text}");
    }
}

/// Edges of the hours that clocks left out (`-`) and of those that they showed twice (`2`, with the first of the two
/// moments), as Python's `zoneinfo` has them.
#[test]
fn hours_that_do_not_occur_and_hours_that_occur_twice() {
    for (zone, text, wanted) in [
        ("Europe/Berlin", "2024-03-31T01:59:59", "2024-03-31T00:59:59Z"),
        ("Europe/Berlin", "2024-03-31T02:00:00", "-"),
        ("Europe/Berlin", "2024-03-31T02:59:59", "-"),
        ("Europe/Berlin", "2024-03-31T03:00:00", "2024-03-31T01:00:00Z"),
        ("Europe/Berlin", "2024-10-27T01:59:59", "2024-10-26T23:59:59Z"),
        ("Europe/Berlin", "2024-10-27T02:00:00", "2 2024-10-27T00:00:00Z"),
        ("Europe/Berlin", "2024-10-27T02:59:59", "2 2024-10-27T00:59:59Z"),
        ("Europe/Berlin", "2024-10-27T03:00:00", "2024-10-27T02:00:00Z"),
        ("Europe/London", "2024-03-31T00:59:59", "2024-03-31T00:59:59Z"),
        ("Europe/London", "2024-03-31T01:00:00", "-"),
        ("Europe/London", "2024-03-31T01:59:59", "-"),
        ("Europe/London", "2024-03-31T02:00:00", "2024-03-31T01:00:00Z"),
        ("Europe/London", "2024-10-27T00:59:59", "2024-10-26T23:59:59Z"),
        ("Europe/London", "2024-10-27T01:00:00", "2 2024-10-27T00:00:00Z"),
        ("Europe/London", "2024-10-27T01:59:59", "2 2024-10-27T00:59:59Z"),
        ("Europe/London", "2024-10-27T02:00:00", "2024-10-27T02:00:00Z"),
        ("America/New_York", "2024-03-10T01:59:59", "2024-03-10T06:59:59Z"),
        ("America/New_York", "2024-03-10T02:00:00", "-"),
        ("America/New_York", "2024-03-10T02:59:59", "-"),
        ("America/New_York", "2024-03-10T03:00:00", "2024-03-10T07:00:00Z"),
        ("America/New_York", "2024-11-03T00:59:59", "2024-11-03T04:59:59Z"),
        ("America/New_York", "2024-11-03T01:00:00", "2 2024-11-03T05:00:00Z"),
        ("America/New_York", "2024-11-03T01:59:59", "2 2024-11-03T05:59:59Z"),
        ("America/New_York", "2024-11-03T02:00:00", "2024-11-03T07:00:00Z"),
        ("America/Santiago", "2024-09-07T23:59:59", "2024-09-08T03:59:59Z"),
        ("America/Santiago", "2024-09-08T00:00:00", "-"),
        ("America/Santiago", "2024-09-08T00:59:59", "-"),
        ("America/Santiago", "2024-09-08T01:00:00", "2024-09-08T04:00:00Z"),
        ("America/Santiago", "2024-04-06T22:59:59", "2024-04-07T01:59:59Z"),
        ("America/Santiago", "2024-04-06T23:00:00", "2 2024-04-07T02:00:00Z"),
        ("America/Santiago", "2024-04-06T23:59:59", "2 2024-04-07T02:59:59Z"),
        ("America/Santiago", "2024-04-07T00:00:00", "2024-04-07T04:00:00Z"),
        ("Australia/Lord_Howe", "2024-10-06T01:59:59", "2024-10-05T15:29:59Z"),
        ("Australia/Lord_Howe", "2024-10-06T02:00:00", "-"),
        ("Australia/Lord_Howe", "2024-10-06T02:29:59", "-"),
        ("Australia/Lord_Howe", "2024-10-06T02:30:00", "2024-10-05T15:30:00Z"),
        ("Australia/Lord_Howe", "2024-04-07T01:29:59", "2024-04-06T14:29:59Z"),
        ("Australia/Lord_Howe", "2024-04-07T01:30:00", "2 2024-04-06T14:30:00Z"),
        ("Australia/Lord_Howe", "2024-04-07T01:59:59", "2 2024-04-06T14:59:59Z"),
        ("Australia/Lord_Howe", "2024-04-07T02:00:00", "2024-04-06T15:30:00Z"),
        ("Africa/Casablanca", "2024-04-14T01:59:59", "2024-04-14T01:59:59Z"),
        ("Africa/Casablanca", "2024-04-14T02:00:00", "-"),
        ("Africa/Casablanca", "2024-04-14T02:59:59", "-"),
        ("Africa/Casablanca", "2024-04-14T03:00:00", "2024-04-14T02:00:00Z"),
        ("Africa/Casablanca", "2024-03-10T01:59:59", "2024-03-10T00:59:59Z"),
        ("Africa/Casablanca", "2024-03-10T02:00:00", "2 2024-03-10T01:00:00Z"),
        ("Africa/Casablanca", "2024-03-10T02:59:59", "2 2024-03-10T01:59:59Z"),
        ("Africa/Casablanca", "2024-03-10T03:00:00", "2024-03-10T03:00:00Z"),
        ("Pacific/Apia", "2011-12-29T23:59:59", "2011-12-30T09:59:59Z"),
        ("Pacific/Apia", "2011-12-30T00:00:00", "-"),
        ("Pacific/Apia", "2011-12-30T23:59:59", "-"),
        ("Pacific/Apia", "2011-12-31T00:00:00", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2012-04-01T02:59:59", "2012-03-31T12:59:59Z"),
        ("Pacific/Apia", "2012-04-01T03:00:00", "2 2012-03-31T13:00:00Z"),
        ("Pacific/Apia", "2012-04-01T03:59:59", "2 2012-03-31T13:59:59Z"),
        ("Pacific/Apia", "2012-04-01T04:00:00", "2012-03-31T15:00:00Z"),
    ] {
        let rules = TimeRules::new(None, Some(zone)).expect("a zone");
        let mut cache = TimeCache::default();
        let got = rules.timestamp(text.as_bytes(), &mut cache);
        let (twice, same) = wanted.strip_prefix("2 ").map_or((0, wanted), |same| (1, same));
        assert_eq!(got, (same != "-").then(|| utc(same)), "{zone} {text}");
        assert_eq!(cache.ambiguous(), twice, "{zone} {text}");
        assert_eq!(rules.left_out(text.as_bytes()), (same == "-").then_some(zone), "{zone} {text}");
    }
}

#[test]
fn the_first_moment_after_a_change_does_not_bring_its_offset_to_the_season_before() {
    for (zone, change, before, wanted) in [
        ("Europe/Rome", "2025-03-30 03:00:00", "2025-01-15 12:00:00", "2025-01-15T11:00:00Z"),
        ("Europe/Rome", "2025-10-26 03:00:00", "2025-07-15 12:00:00", "2025-07-15T10:00:00Z"),
        ("America/New_York", "2024-03-10 03:00:00", "2024-01-15 12:00:00", "2024-01-15T17:00:00Z"),
        ("Pacific/Apia", "2011-12-31 00:00:00", "2011-12-01 12:00:00", "2011-12-01T22:00:00Z"),
    ] {
        let rules = TimeRules::new(None, Some(zone)).expect("a zone");
        let mut cache = TimeCache::default();
        assert!(rules.timestamp(change.as_bytes(), &mut cache).is_some(), "{zone} {change}");
        let got = rules.timestamp(before.as_bytes(), &mut cache);
        assert_eq!(got, Some(utc(wanted)), "{zone} {before} after {change}");
    }
}

#[test]
fn local_clocks_equal_jiff_on_600_000_times_with_a_warm_cache() {
    let mut random = Random(41);
    for name in
        ["Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Africa/Casablanca"]
    {
        let rules = TimeRules::new(None, Some(name)).expect("a zone");
        let zone = TimeZone::get(name).expect("a zone");
        let mut cache = TimeCache::default();
        let mut at = DateTime::constant(1995, 1, 1, 0, 0, 0, 0);
        for _ in 0..100_000 {
            at = at.checked_add(jiff::SignedDuration::from_mins(random.below(400) as i64 - 20)).expect("in range");
            let found = zone.to_ambiguous_timestamp(at);
            let is_gap = matches!(found.offset(), AmbiguousOffset::Gap { .. });
            let wanted = (!is_gap).then(|| found.compatible().expect("a time").as_microsecond());
            let text = at.strftime("%Y-%m-%d %H:%M:%S").to_string();
            assert_eq!(rules.timestamp(text.as_bytes(), &mut cache), wanted, "{name} {text}");
        }
    }
}

#[test]
fn times_equal_jiff_on_1_000_000_texts() {
    let rules = TimeRules::new(None, None).expect("ISO");
    let pattern = TimeRules::new(Some("%d/%m/%Y %H.%M.%S"), None).expect("a pattern");
    let mut cache = TimeCache::default();
    let mut random = Random(42);
    for case in 0..1_000_000u32 {
        let days =
            if case % 8 == 0 { random.below(3_600_000) as i64 - 700_000 } else { 20_000 + random.below(3) as i64 };
        let at = DateTime::constant(1970, 1, 1, 0, 0, 0, 0)
            + jiff::SignedDuration::from_secs(days * 86_400 + random.below(86_400) as i64);
        if at.year() < 1 {
            continue;
        }
        let mut text = at.strftime(if case % 2 == 0 { "%Y-%m-%dT%H:%M:%S" } else { "%Y-%m-%d %H:%M:%S" }).to_string();
        let mut wanted = Offset::UTC.to_timestamp(at).expect("a time").as_microsecond();
        if case % 3 == 0 {
            let digits = 1 + random.below(9);
            let nanos = random.below(1_000_000_000);
            let fraction = &format!("{nanos:09}")[..digits];
            text.push_str(&format!(".{fraction}"));
            wanted += format!("{fraction:0<9}").parse::<i64>().expect("digits") / 1000;
        }
        match case % 5 {
            0 => text.push('Z'),
            1 => {
                let minutes = random.below(2 * 1439) as i64 - 1439;
                let sign = if minutes < 0 { '-' } else { '+' };
                text.push_str(&format!(
                    "{sign}{:02}{}{:02}",
                    minutes.abs() / 60,
                    random.pick(&["", ":"]),
                    minutes.abs() % 60
                ));
                wanted -= minutes * 60_000_000;
            }
            _ => {}
        }
        assert_eq!(rules.timestamp(text.as_bytes(), &mut cache), Some(wanted), "{text}");
        if case % 4 == 0 {
            let text = at.strftime("%d/%m/%Y %H.%M.%S").to_string();
            let whole = Offset::UTC.to_timestamp(at).expect("a time").as_microsecond();
            assert_eq!(pattern.timestamp(text.as_bytes(), &mut cache), Some(whole), "{text}");
        }
        // A damaged text is refused, or means what jiff says that it means.
        let mut damaged = text.into_bytes();
        for _ in 0..=random.below(2) {
            let at = random.below(damaged.len());
            match random.below(3) {
                0 => damaged[at] = *random.pick(b"0123456789:-+.TZ ,/a\xff"),
                1 => drop(damaged.remove(at)),
                _ => damaged.insert(at, *random.pick(b"0123456789:-+.TZ ")),
            }
        }
        if let Ok(text) = std::str::from_utf8(&damaged) {
            check_against_jiff(text.trim_matches([' ', '\t']), rules.timestamp(&damaged, &mut cache));
        }
    }
}

/// What is read is what jiff reads, but for the forms that only one of the two knows.
fn check_against_jiff(text: &str, got: Option<i64>) {
    let floor = |time: jiff::Timestamp| i64::try_from(time.as_nanosecond().div_euclid(1000)).expect("in range");
    let instant = text.parse::<jiff::Timestamp>().map(floor);
    let clock = || text.parse::<DateTime>().and_then(|time| Offset::UTC.to_timestamp(time)).map(floor);
    let known = instant.or_else(|_| clock()).ok();
    let fraction = text.find(['.', ',']).map_or(0, |at| text[at + 1..].bytes().take_while(u8::is_ascii_digit).count());
    let only_here = text.contains("24:00")
        || text.as_bytes().get(12) == Some(&b':')
        || text.get(10..).is_some_and(|rest| rest[1..].contains(' '))
        || text.starts_with("9999")
        || fraction > 9;
    // jiff also knows the basic form, hours alone, offsets with seconds or of a day and more, and takes second 60 for 59.
    let extended = matches!(text.as_bytes(), [_, _, _, _, b'-', _, _, b'-', _, _, _, _, _, b':', ..]);
    let zone = text.get(11..).and_then(|time| time.find(['+', '-']).map(|at| &time[at + 1..])).unwrap_or_default();
    let odd_zone =
        zone.bytes().filter(u8::is_ascii_digit).count() > 4 || zone.starts_with("24") || zone.starts_with("25");
    let only_there = !extended || odd_zone || text.contains(":60");
    match (got, known) {
        (Some(got), Some(known)) => assert_eq!(got, known, "{text:?}"),
        (Some(_), None) => assert!(only_here, "{text:?}"),
        (None, Some(_)) => assert!(only_there, "{text:?}"),
        (None, None) => {}
    }
}
