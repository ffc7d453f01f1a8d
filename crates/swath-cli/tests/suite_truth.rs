//! Generated input whose every row is known: what the ingest counts must be what the generator wrote, to the row.
//!
//! Which of several readings with one key is kept is held against DuckDB by `tests/oracles/truth_ingest.py`.

use serde_json::Value;
use swath_testkit::{Folder, SCHEMA};

const EVERYTHING: &str = "--duplicates 0.05 --conflicts 0.04 --disorder 0.05 --missing 0.1 --malformed 0.004";

#[test]
fn counts_equal_the_truth() {
    let check = |options: &str, words: &str| {
        let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
        let truth = folder.telemetry("in.csv", options);
        let of = |name: &str| truth[name].as_u64().expect("a count of the truth");
        folder.write("last.toml", format!("{SCHEMA}keep = \"last\"\n").as_bytes());
        for (keep, schema) in [("first", "schema.toml"), ("last", "last.toml")] {
            let line = format!("sensor ingest in.csv -o {keep} --schema {schema} {words} --partition day --json");
            let rows = folder.run(&line).expect(&[0]).rows();
            let what = format!("{options}: {line}");
            assert_eq!(rows.read, of("rows"), "read: {what}");
            assert_eq!(rows.rejected, of("rejected"), "rejected: {what}");
            assert_eq!(rows.duplicate, of("duplicates_exact") + of("duplicates_conflicting"), "duplicate: {what}");
            assert_eq!(rows.written, of("unique"), "written: {what}");
            assert_eq!(rejects(&folder, keep), of("rejected"), "lines of rejects.ndjson: {what}");
            assert_eq!(rows_per_day(&folder, keep), truth["unique_per_day"], "rows per day: {what}");
        }
    };
    check("--rows 30000 --seed 1 --sensors 50", "-m 64MB");
    check(&format!("--rows 60000 --seed 2 --sensors 200 {EVERYTHING}"), "-m 64MB -j 1");
    check(&format!("--rows 60000 --seed 3 --sensors 3 --shuffle {EVERYTHING}"), "-m 256MB -j 2");
    check(&format!("--rows 300000 --seed 4 --sensors 5000 --shuffle {EVERYTHING}"), "-m 48MB -j 2");
    check("--rows 20000 --seed 5 --duplicates 0 --malformed 0 --missing 0 --disorder 0", "-m 64MB");
    check("--rows 20000 --seed 6 --sensors 10 --duplicates 0.3 --conflicts 0.2 --disorder 0.3", "-m 64MB -j 3");
    check("--rows 1 --sensors 1 --duplicates 0 --malformed 0", "-m 64MB");
}

/// What `--since` and `--until` leave out, and what `--bbox` does, is counted and adds up with what they leave in.
#[test]
fn filters_are_counted() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let options = "--rows 40000 --seed 8 --sensors 100 --duplicates 0 --malformed 0 --missing 0 --disorder 0";
    let truth = folder.telemetry("in.csv", options);
    let all = truth["unique"].as_u64().expect("a count");
    let check = |name: &str, words: &str, expect: Option<u64>| {
        let outcome = folder.ingest(&format!("in.csv -o {name} -m 64MB --partition day {words}"));
        let rows = outcome.rows();
        assert_eq!((rows.read, rows.rejected, rows.duplicate), (all, 0, 0), "{outcome}");
        if let Some(expect) = expect {
            assert_eq!(rows.written, expect, "{outcome}");
        }
        rows.written
    };
    let first_day = truth["unique_per_day"]["2025-03-01"].as_u64().expect("a count");
    assert!(0 < first_day && first_day < all, "the input must cover more than one day");
    check("a", "--since 2025-03-02", Some(all - first_day));
    check("b", "--until 2025-03-02", Some(first_day));
    check("c", "--since 2025-03-01 --until 2025-03-02", Some(first_day));
    check("d", "--bbox -180,-90,180,90", Some(all));
    let west = check("e", "--bbox -180,-90,10.00000005,90", None);
    let east = check("f", "--bbox 10.00000005,-90,180,90", None);
    assert!(west > 0 && east > 0);
    assert_eq!(west + east, all, "no reading lies on the line between the two halves");
}

fn rejects(folder: &Folder, lake: &str) -> u64 {
    let path = format!("{lake}/_swath/rejects.ndjson");
    if !folder.at(&path).exists() {
        return 0;
    }
    let text = String::from_utf8(folder.read(&path)).expect("UTF-8");
    let input = folder.read("in.csv");
    let mut offset = 0;
    let mut number = 0;
    let mut lines = input.split_inclusive(|byte| *byte == b'\n');
    for line in text.lines() {
        let reject: Value = serde_json::from_str(line).expect("a line of JSON");
        // Line and offset must lead to the very row that was rejected.
        let wanted = reject["line"].as_u64().expect("a line number");
        let row = loop {
            let row = lines.next().expect("a line of the input");
            number += 1;
            if number == wanted {
                break row;
            }
            offset += row.len() as u64;
        };
        assert_eq!(reject["byte_offset"], offset, "{line}");
        offset += row.len() as u64;
        assert_eq!(reject["raw"].as_str().map(str::as_bytes), Some(row.trim_ascii_end()), "{line}");
        assert!(reject["reason"].is_string() && reject["source"] == "in.csv", "{line}");
    }
    text.lines().count() as u64
}

/// Rows of the files that the manifest names, by day.
fn rows_per_day(folder: &Folder, lake: &str) -> Value {
    let manifest: Value = serde_json::from_slice(&folder.read(&format!("{lake}/_swath/manifest.json"))).expect("JSON");
    let mut days = serde_json::Map::new();
    for file in manifest["files"].as_array().expect("files") {
        let path = file["path"].as_str().expect("a path");
        let day = path.strip_prefix("date=").and_then(|rest| rest.split('/').next()).expect("a day");
        let before = days.get(day).and_then(Value::as_u64).unwrap_or(0);
        days.insert(day.into(), (before + file["rows"].as_u64().expect("rows")).into());
    }
    days.into()
}
