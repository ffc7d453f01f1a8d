//! Requests as text, buckets of time, names of folders.

use super::*;

fn levels(text: &str) -> Vec<PartitionLevel> {
    match text.parse::<PartitionRequest>().expect(text) {
        PartitionRequest::Levels(levels) => levels,
        PartitionRequest::Auto => panic!("auto"),
    }
}

#[test]
fn requests_parse_or_say_what_is_wanted() {
    for text in ["none", "day", "day,h3:3", "month,column:type,sensor:50", "geohash:5", "tile:0.5", "sensor"] {
        let joined: Vec<String> = levels(text).iter().map(ToString::to_string).collect();
        assert_eq!(joined.join(","), if text == "none" { "" } else { text });
    }
    assert_eq!("auto".parse(), Ok(PartitionRequest::Auto));
    for text in
        ["", "week", "h3", "h3:16", "geohash:0", "tile:-1", "tile:x", "sensor:0", "column:", "day,hour", "day:2"]
    {
        assert!(text.parse::<PartitionRequest>().is_err(), "{text}");
    }
}

#[test]
fn folders_are_named_for_their_values() {
    const T: i64 = 1_740_787_205_000_000; // 2025-03-01T00:00:05Z
    let time = |span| LevelValue::Number(time_bucket(span, T));
    let none: &[String] = &[];
    for (request, values, columns, folder) in [
        ("none", vec![], none, ""),
        ("day", vec![time(TimeSpan::Day)], none, "date=2025-03-01"),
        ("hour", vec![time(TimeSpan::Hour)], none, "date=2025-03-01/hour=00"),
        ("month", vec![time(TimeSpan::Month)], none, "month=2025-03"),
        ("year", vec![time(TimeSpan::Year)], none, "year=2025"),
        ("day", vec![time(TimeSpan::Day)], &["date".to_string()], "partition_date=2025-03-01"),
        ("day", vec![LevelValue::Null], none, "date=__HIVE_DEFAULT_PARTITION__"),
        ("hour", vec![LevelValue::Null], none, "date=__HIVE_DEFAULT_PARTITION__/hour=__HIVE_DEFAULT_PARTITION__"),
        (
            "day,h3:3",
            vec![time(TimeSpan::Day), LevelValue::Number(0x831f_1dff_ffff_ffff_u64 as i64)],
            none,
            "date=2025-03-01/h3=831f1dffffffffff",
        ),
        ("sensor", vec![LevelValue::Text(b"a/b=\0c")], none, "sensor=a%2Fb%3D%00c"),
        ("column:type", vec![LevelValue::Text(NO_VALUE.as_bytes())], none, "type=%5F_HIVE_DEFAULT_PARTITION__"),
        ("sensor", vec![LevelValue::Text(b"a~")], none, "sensor=a%7E"),
        (
            "column:type,sensor:50",
            vec![LevelValue::Text("µg".as_bytes()), LevelValue::Number(7)],
            none,
            "type=%C2%B5g/sensor_group=07",
        ),
        ("tile:0.1", vec![LevelValue::Tile(-3, 480)], none, "tile=-0.3_48"),
    ] {
        let mut value = Vec::new();
        values.into_iter().for_each(|level| push_level(&mut value, level));
        assert_eq!(folder_of(&levels(request), &value, columns), folder);
    }
}

/// Readers decode `%XX` as UTF-8 and fail on half a character; file systems take no more than 255 bytes.
#[test]
fn long_values_are_cut_between_characters() {
    let folder = |name: &str, text: &str| {
        let mut value = Vec::new();
        push_level(&mut value, LevelValue::Text(text.as_bytes()));
        folder_of(&levels(&format!("column:{name}")), &value, &[])
    };
    let mut seen = std::collections::BTreeSet::new();
    for letter in ["a", " ", "µ", "区", "🜨"] {
        for name in ["z", &"n".repeat(90), &"区".repeat(40)] {
            for length in 1..300 {
                let folder = folder(name, &letter.repeat(length));
                assert!(folder.len() <= 255, "{folder}");
                for part in folder.split('=').map(|part| part.split('~').next().unwrap_or_default()) {
                    let mut rest = part.as_bytes();
                    let mut bytes = Vec::new();
                    while let [first, tail @ ..] = rest {
                        let is_escape = *first == b'%';
                        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).expect("ASCII"), 16);
                        bytes.push(if is_escape { hex(&tail[..2]).expect("two digits") } else { *first });
                        rest = if is_escape { &tail[2..] } else { tail };
                    }
                    assert!(std::str::from_utf8(&bytes).is_ok(), "{folder}");
                }
                assert!(seen.insert(folder), "two values share a folder");
            }
        }
    }
    assert_eq!(folder("z", &"a".repeat(217)), format!("z={}", "a".repeat(217)));
}

/// DuckDB reads the value of a folder for the column whose name differs in case only.
#[test]
fn keys_are_no_columns_in_any_case_and_no_key_is_there_twice() {
    let value = |count: i64| {
        let mut value = Vec::new();
        (0..count).for_each(|number| push_level(&mut value, LevelValue::Number(number)));
        value
    };
    for (request, count, columns, folder) in [
        ("day", 1, vec!["Date"], "partition_date=1970-01-01"),
        ("day", 1, vec!["DATE", "partition_date"], "partition_date_2=1970-01-01"),
        ("hour", 1, vec!["Hour", "Partition_Hour"], "date=1970-01-01/partition_hour_2=00"),
        ("h3:3", 1, vec!["H3"], "partition_h3=0"),
        ("h3:3,h3:5", 2, vec![], "h3=0/partition_h3=1"),
        ("sensor:9,month", 2, vec!["ÄNDERUNG"], "sensor_group=0/month=0000-02"),
    ] {
        let columns: Vec<String> = columns.into_iter().map(String::from).collect();
        assert_eq!(folder_of(&levels(request), &value(count), &columns), folder);
    }
}

#[test]
fn values_order_as_what_they_stand_for() {
    let value = |level| {
        let mut value = Vec::new();
        push_level(&mut value, level);
        value
    };
    let ordered = [
        value(LevelValue::Null),
        value(LevelValue::Number(i64::MIN)),
        value(LevelValue::Number(-1)),
        value(LevelValue::Number(0)),
        value(LevelValue::Number(i64::MAX)),
    ];
    assert!(ordered.is_sorted());
    let texts: [&[u8]; 6] = [b"", b"\0", b"\0a", b"a", b"a\0", b"ab"];
    assert!(texts.map(|text| value(LevelValue::Text(text))).is_sorted());
}

#[test]
fn civil_dates_hold_around_leap_years_and_before_1970() {
    for (day, date) in [
        (0, (1970, 1, 1)),
        (-1, (1969, 12, 31)),
        (11_016, (2000, 2, 29)),
        (19_782, (2024, 2, 29)),
        (-719_162, (1, 1, 1)),
    ] {
        assert_eq!(civil_from_days(day), date);
    }
}

#[test]
fn auto_aims_at_the_target() {
    const DAY_US: i64 = 86_400_000_000;
    let name = |span, output, target| {
        choose(span, Bytes(output), Bytes(target)).first().map_or("none".into(), ToString::to_string)
    };
    assert_eq!(name(Some(4 * DAY_US), 100, 128), "none");
    assert_eq!(name(Some(30 * DAY_US), 1_000, 128), "day");
    assert_eq!(name(Some(900 * DAY_US), 1_000, 128), "month");
    assert_eq!(name(Some(9_000 * DAY_US), 1_000, 128), "year");
    assert_eq!(name(Some(DAY_US), 1_000, 128), "hour");
    assert_eq!(name(None, 1_000, 128), "none");
}
