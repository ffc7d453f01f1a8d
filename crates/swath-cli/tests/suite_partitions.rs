//! Every way to partition: no row is lost, folders are named as readers expect, and duplicates are found across folders.

use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use swath_testkit::{Folder, SCHEMA, Tree};

/// Whether `name` is `start` followed by what `letter` allows, at least once.
fn is(name: &str, start: &str, letter: fn(char) -> bool) -> bool {
    name.strip_prefix(start).is_some_and(|rest| !rest.is_empty() && rest.chars().all(letter))
}

fn hexadecimal(letter: char) -> bool {
    letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase()
}

fn moment(letter: char) -> bool {
    letter.is_ascii_digit() || letter == '-'
}

fn base32(letter: char) -> bool {
    letter.is_ascii_digit() || letter.is_ascii_lowercase()
}

fn cell(letter: char) -> bool {
    moment(letter) || letter == '_'
}

fn number(letter: char) -> bool {
    letter.is_ascii_digit()
}

fn sensor(letter: char) -> bool {
    moment(letter) || letter.is_ascii_uppercase()
}

#[test]
fn rows_and_folders_of_every_key() {
    type Level = (&'static str, fn(char) -> bool);
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let truth = folder.telemetry("in.csv", "--rows 60000 --sensors 60 --conflicts 0.02 --shuffle");
    let unique = truth["unique"].as_u64().expect("a count");
    let days = truth["unique_per_day"].as_object().expect("days").len();
    let check = |keys: &str, levels: &[Level], folders: Option<usize>| {
        for order in ["", "--sort hilbert"] {
            let outcome = folder.ingest(&format!("in.csv -o lake -m 96MB --partition {keys} {order}"));
            assert_eq!(outcome.rows().written, unique, "{outcome}");
            let tree = Tree::of(&folder.at("lake"));
            let partitions = tree.partitions();
            for path in &partitions {
                let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
                let good = names.len() == levels.len()
                    && names.iter().zip(levels).all(|(name, (start, letter))| is(name, start, *letter));
                assert!(good, "a folder is called {path:?}\n{outcome}");
            }
            if let Some(folders) = folders {
                assert_eq!(partitions.len(), folders, "folders\n{outcome}");
            }
            let manifest: Value = serde_json::from_slice(&folder.read("lake/_swath/manifest.json")).expect("JSON");
            let files = manifest["files"].as_array().expect("files");
            let named: BTreeSet<&str> = files.iter().filter_map(|file| file["path"].as_str()).collect();
            let there: BTreeSet<&str> = tree.paths().filter(|path| path.ends_with(".parquet")).collect();
            assert_eq!(named, there, "files of the manifest and of the lake\n{outcome}");
            let rows: u64 = files.iter().filter_map(|file| file["rows"].as_u64()).sum();
            assert_eq!(rows, unique, "rows of the manifest\n{outcome}");
            assert!(tree.paths().all(|path| !path.starts_with("_swath/") || !path.ends_with(".parquet")));
            folder.remove(&["lake"]);
        }
    };
    check("none", &[], Some(1));
    check("day", &[("date=", moment)], Some(days));
    check("month", &[("month=", moment)], Some(1));
    check("year", &[("year=", number)], Some(1));
    check("hour", &[("date=", moment), ("hour=", number)], None);
    check("h3:5", &[("h3=", hexadecimal)], None);
    check("geohash:4", &[("geohash=", base32)], None);
    check("tile:1", &[("tile=", cell)], None);
    check("sensor", &[("sensor=", sensor)], Some(60));
    check("sensor:7", &[("sensor_group=", number)], Some(7));
    check("column:sensor_id", &[("partition_sensor_id=", sensor)], Some(60));
    check("day,sensor:20", &[("date=", moment), ("sensor_group=", number)], None);
    check("day,h3:3", &[("date=", moment), ("h3=", hexadecimal)], None);
}

/// A retransmission with moved coordinates lands in another cell and is still a duplicate.
#[test]
fn a_sensor_that_moved_is_one_sensor() {
    let (mut first, mut moved) = (String::new(), String::new());
    for row in 0..5000 {
        let (sensor, minute) = (row % 10, row / 10);
        let time = format!("2025-03-{:02}T{:02}:{:02}:00Z", 1 + minute / 1440, minute / 60 % 24, minute % 60);
        let _ = writeln!(first, "s-{sensor},{time},{}.5,{sensor}.25,1.5", 40 + sensor);
        let _ = writeln!(moved, "s-{sensor},{time},{}.5,{sensor}.25,2.5", 50 + sensor);
    }
    let header = "sensor_id,timestamp,lat,lon,pm25\n";
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let start = SCHEMA.find("[columns.pm10]").expect("a column");
    let end = SCHEMA.find("[crs]").expect("the CRS");
    let schema = [&SCHEMA[..start], &SCHEMA[end..]].concat();
    folder.write("schema.toml", schema.as_bytes());
    folder.write("last.toml", format!("{schema}keep = \"last\"\n").as_bytes());
    folder.write("first.csv", format!("{header}{first}").as_bytes());
    folder.write("moved.csv", format!("{header}{moved}").as_bytes());
    folder.write("both.csv", format!("{header}{first}{moved}").as_bytes());
    for keys in ["h3:5", "geohash:4", "tile:1", "day,h3:4", "none", "sensor:3"] {
        for threads in [1, 3] {
            for (schema, alike) in [("schema.toml", "first.csv"), ("last.toml", "moved.csv")] {
                let run = |input: &str, lake: &str| {
                    let words = format!("-m 256MB -j {threads} --partition {keys} --json");
                    let line = format!("sensor ingest {input} -o {lake} --schema {schema} {words}");
                    let rows = folder.run(&line).expect(&[0]).rows();
                    (rows, Tree::of(&folder.at(lake)).partitions())
                };
                let (rows, folders) = run("both.csv", "lake");
                assert_eq!((rows.written, rows.duplicate), (5000, 5000), "{keys} {schema}");
                let (_, wanted) = run(alike, "alike");
                assert_eq!(folders, wanted, "{keys} {schema}: the wrong one of two readings was kept");
                folder.remove(&["lake", "alike"]);
            }
        }
    }
}

/// Readers match names without regard to case, and take `%XX` for UTF-8: see the readers in `tests/oracles`.
#[test]
fn names_of_folders_that_readers_would_misread() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut csv = String::from("Sensor,time,Date,H3,partition_date,zone,lat,lon\n");
    let zone = "東京都千代田区丸の内一丁目九番地中央口前広場東側出入口";
    for row in 0..60 {
        let _ = writeln!(
            csv,
            "s{},2025-03-01T00:{row:02}:00Z,d{row},h,p,{zone}{},51.0,10.0",
            row % 3,
            zone.repeat(row % 2)
        );
    }
    folder.write("in.csv", csv.as_bytes());
    for (keys, wanted) in [
        ("day", vec!["partition_date_2=2025-03-01"]),
        ("sensor", vec!["partition_sensor=s0", "partition_sensor=s1", "partition_sensor=s2"]),
        ("hour,column:H3", vec!["partition_date_2=2025-03-01/hour=00/partition_H3=h"]),
    ] {
        let outcome =
            folder.run(&format!("sensor ingest in.csv -o lake -m 64MB --partition {keys} --json")).expect(&[0]);
        assert_eq!(outcome.rows().written, 60, "{outcome}");
        let found = Tree::of(&folder.at("lake")).partitions();
        assert_eq!(found, wanted);
        folder.remove(&["lake"]);
    }
    folder.run("sensor ingest in.csv -o lake -m 64MB --partition column:zone").expect(&[0]);
    let found = Tree::of(&folder.at("lake")).partitions();
    assert_eq!(found.len(), 2, "{found:?}");
    for name in found {
        let value =
            name.strip_prefix("partition_zone=").expect("the key").split('~').next().unwrap_or_default().to_string();
        let bytes = value.split('%').skip(1).map(|digits| u8::from_str_radix(digits, 16).expect("two digits"));
        let text = String::from_utf8(bytes.collect()).expect("whole characters");
        assert!(name.len() <= 255 && zone.repeat(2).starts_with(&text), "{name}");
    }
}

/// A partition that is not there is said before anything is read.
#[test]
fn keys_that_cannot_be() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--rows 2000 --sensors 5");
    for keys in [
        "h3:16",
        "h3:-1",
        "geohash:0",
        "tile:0",
        "sensor:0",
        "column:nothing",
        "column:pm25",
        "column:timestamp",
        "week",
        "day,",
        "day,day",
    ] {
        let line = format!("sensor ingest in.csv -o lake -m 64MB --schema schema.toml --partition {keys} --json");
        let outcome = folder.run(&line).expect(&[2]);
        assert!(outcome.stderr.contains("--partition"), "the error does not name the flag\n{outcome}");
        assert!(!folder.at("lake").exists() && !folder.at(".lake.partial").exists(), "something was made\n{outcome}");
    }
}
