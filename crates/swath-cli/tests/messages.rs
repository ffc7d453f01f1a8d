//! What the program says when something is off: the words name what it is and a way on that is there.
#![allow(clippy::expect_used, missing_docs)]

#[allow(dead_code)]
mod common;

use common::Folder;
use serde_json::Value;

/// Runs a line; its exit code, standard output and standard error.
#[track_caller]
fn told(folder: &Folder, line: &str, code: i32) -> (String, String) {
    let output = folder.run(line);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(code), "{line}\n{stdout}{stderr}");
    (stdout, stderr)
}

#[test]
fn what_inference_did_not_find_is_told_everywhere() {
    let folder = Folder::new();
    folder.write("bare.csv", b"logger no,Datum,lat,t,t\n1.5,Montag,54.5,1,2\n2.5,Dienstag,54.6,1,2\n");
    let line = "sensor ingest bare.csv -o lake -m 256MB -j 1 --progress never";
    let plan: Value = serde_json::from_str(&told(&folder, &format!("{line} --explain --json"), 0).0).expect("JSON");
    let warnings: Vec<&str> = plan["warnings"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let begin = [
        "no time column: rows are not deduplicated or sorted by time; the best candidate is \"Datum\"",
        "no sensor",
        "no coordinates: the lake has no geometry; the best candidate is \"lat\"",
        "not read: a second \"t\"",
    ];
    assert_eq!(warnings.len(), begin.len(), "{warnings:?}");
    assert!(warnings.iter().zip(begin).all(|(warning, begin)| warning.starts_with(begin)), "{warnings:?}");
    let as_lines: String = warnings.iter().map(|message| format!("warning: {message}\n")).collect();
    assert_eq!(told(&folder, &format!("{line} --explain"), 0).1, as_lines);
    let (_, log) = told(&folder, &format!("{line} --log json"), 0);
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let logged: Vec<Value> = events.filter(|event| event["event"] == "warning").collect();
    assert_eq!(logged.iter().map(|event| &event["message"]).collect::<Vec<_>>(), warnings);
    assert_eq!(told(&folder, &format!("{line} --overwrite"), 0).1, as_lines);
}

#[test]
fn local_times_that_do_not_occur_are_rejected_and_those_that_occur_twice_are_told() {
    let folder = Folder::new();
    let times = ["2024-03-31 01:30", "2024-03-31 02:30", "2024-10-27 02:30", "2024-10-27 03:30"];
    let rows: String = times.iter().map(|time| format!("a,{time},1.5\n")).collect();
    folder.write("local.csv", format!("sensor,time,t\n{rows}").as_bytes());
    let schema = "columns.sensor.type = 'category'\ncolumns.time = { type = 'timestamp', role = 'time', \
                  timezone = 'Europe/Berlin' }\ncolumns.t.type = 'float32'";
    folder.write("schema.toml", schema.as_bytes());
    let line = "sensor ingest local.csv -o lake -m 256MB -j 1 --schema schema.toml --max-rejects 1 --progress never";
    let (_, told) = told(&folder, line, 0);
    let twice = "warning: 1 times in \"time\" (Europe/Berlin) occur twice, since clocks went back: each is taken as the \
                 first of the two\n";
    assert!(told.ends_with(twice), "{told}");
    let rejects = std::fs::read(folder.path().join("lake/_swath/rejects.ndjson")).expect("rejects");
    let reject: Value = serde_json::from_slice(&rejects).expect("one line of JSON");
    assert_eq!((&reject["reason"], &reject["line"]), (&"invalid_time".into(), &3.into()));
    assert_eq!(reject["detail"], "\"2024-03-31 02:30\" does not exist in Europe/Berlin: clocks went forward");
}

/// Hints name only flags that the command has, and ways that are open.
#[test]
fn a_full_disk_and_a_folder_for_scratch_that_cannot_be() {
    let folder = Folder::new();
    let line = "sensor ingest readings.csv -o lake -m 256MB -j 1";
    let full = |line: &str| {
        let output = folder.command(line).env("SWATH_FAULT", "enospc:6").output().expect("runs");
        assert_eq!(output.status.code(), Some(6), "{line}");
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let hint = "hint: make room there and run again with --resume; or begin anew with --overwrite, with scratch on \
                another disk by --tmp-dir\n";
    assert!(full(line).ends_with(hint));
    told(&folder, &format!("{line} --resume"), 0);
    assert!(full("demo -m 256MB -j 1").ends_with("hint: make room there, then run the same command again\n"));
    told(&folder, "demo -m 256MB -j 1", 0);
    for (name, what) in [("readings.csv", "readings.csv"), ("readings.csv/below", "readings.csv/below")] {
        let (_, told) = told(&folder, &format!("sensor ingest readings.csv -o other -m 256MB --tmp-dir {name}"), 6);
        assert!(told.starts_with(&format!("error: cannot write {what}")), "{told}");
        assert!(told.contains("hint: choose a folder that you may write to as --tmp-dir, or leave it out"), "{told}");
        assert!(!folder.path().join(".other.partial").exists(), "a run that did nothing left something");
    }
    let line = "sensor ingest readings.csv -o other -m 256MB --tmp-dir s3://bucket/scratch";
    for line in [line.to_string(), format!("{line} --explain")] {
        assert!(told(&folder, &line, 6).1.contains("only files of this machine"));
    }
    assert!(!folder.path().join("s3:").exists(), "a folder was made for an address");
}

/// Whatever stands in the way, there is a way on.
#[test]
fn no_error_of_a_path_is_without_a_hint() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("schemas")).expect("a folder");
    folder.write("two.txt", b"{\"a\": [{\"id\": 1}], \"b\": [{\"id\": 2}]}\n");
    folder.write("cut.txt", b"[\n {\"id\": 1},\n {\"id\"");
    folder.write("track.csv", b"<gpx>\n<trk>\n</trk>\n</gpx>\n");
    folder.write("page.csv", b"<?xml version=\"1.0\"?>\n<a>\n</a>\n");
    folder.write("zeros.csv", &[0; 5000]);
    std::fs::create_dir(folder.path().join("mixed")).expect("a folder");
    folder.write("mixed/a.csv", common::READINGS.as_bytes());
    folder.write("mixed/b.csv", b"place,when\nx,2025-03-02T00:10:00Z\n");
    folder.write("codes.toml", b"[columns.temperature]\ntype = \"float64\"\n[crs]\ncolumn = \"temperature\"\n");
    let long = "n".repeat(250);
    for (line, code, error, hint) in [
        ("readings.csv -o lake --schema schemas", 2, "--schema schemas: it is a folder", "name a schema file in TOML"),
        ("readings.csv -o lake --schema codes.toml", 2, "wanted codes as int32", "type = \"int32\""),
        ("mixed -o lake", 5, "wanted a column", "ingest files with other columns apart"),
        ("readings.csv -o readings.csv/lake", 6, "cannot write readings.csv/", "a part of the path is a file"),
        ("readings.csv -o /proc/lake", 6, "cannot write /proc/.lake.partial", "choose a folder that you may write to"),
        (&format!("readings.csv -o {long}"), 6, "cannot write .nnn", "choose a shorter name"),
        (&format!("{long}{long} -o lake"), 5, "cannot read nnn", "longer than file systems allow"),
        ("two.txt -o lake", 5, "two.txt: it is a JSON document with several arrays", "[json] records = "),
        ("cut.txt -o lake", 5, "cut.txt, byte 20: it is no whole JSON document", "check that the export finished"),
        ("track.csv -o lake", 5, "track.csv: it looks like XML", "export the table as CSV"),
        ("page.csv -o lake", 5, "page.csv: it looks like XML", "export the table as CSV"),
        ("zeros.csv -o lake", 5, "zeros.csv: it looks like binary data", "give files of delimited text"),
    ] {
        let (_, told) = told(&folder, &format!("sensor ingest {line} -m 256MB"), code);
        assert!(told.contains(error), "{line}: {told}");
        assert!(told.split_once("hint: ").is_some_and(|(_, rest)| rest.contains(hint)), "{line}: {told}");
    }
}

/// What begins like a document may still be a table.
#[test]
fn a_header_in_brackets_is_a_header() {
    let folder = Folder::new();
    folder.write("brackets.csv", b"[sensor],[timestamp],[lat],[lon]\nS1,2025-01-01T00:00:00Z,50,8\n");
    let (text, _) = told(&folder, "sensor ingest brackets.csv -o lake -m 256MB --json", 0);
    let outcome: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(outcome["rows"]["written"], 1);
}

/// After too many rejects the schema or the words change, so there is nothing to go on from; the next run just begins.
#[test]
fn too_many_rejects_leave_the_rejects_and_nothing_else() {
    let folder = Folder::new();
    folder.write("bad.csv", format!("{}s-1,2025-03-02T00:10:00Z,54.05\n", common::READINGS).as_bytes());
    let line = "sensor ingest bad.csv -o lake -m 256MB -j 1 --tmp-dir spill";
    told(&folder, line, 7);
    let mut names: Vec<String> = Vec::new();
    for entry in [folder.path().to_path_buf(), folder.path().join("spill")].iter().flat_map(|at| at.read_dir()) {
        names.extend(entry.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()));
    }
    names.sort();
    assert_eq!(names, ["bad.csv", "lake.rejects.ndjson", "readings.csv", "spill"]);
    told(&folder, &format!("{line} --max-rejects 1"), 0);
}

#[test]
fn a_lake_that_is_not_as_it_was_written_is_told() {
    let folder = Folder::new();
    told(&folder, "sensor ingest readings.csv -o lake -m 256MB -j 1 --partition day", 0);
    let (whole, quiet) = told(&folder, "info lake --json", 0);
    let whole: Value = serde_json::from_str(&whole).expect("JSON");
    assert_eq!((&whole["items"][0]["warnings"], quiet.as_str()), (&serde_json::json!([]), ""));
    let described = || {
        let read: Value = serde_json::from_str(&told(&folder, "info lake --json", 0).0).expect("JSON");
        let warnings: Vec<String> = serde_json::from_value(read["items"][0]["warnings"].clone()).expect("a list");
        let as_lines: String = warnings.iter().map(|message| format!("warning: {message}\n")).collect();
        assert_eq!(told(&folder, "info lake", 0).1, as_lines);
        (warnings.join("\n"), read["items"][0]["time"]["last"].as_str().expect("a time").to_string())
    };
    let part = folder.path().join("lake/date=2025-03-02/part-00000.parquet");
    let bytes = std::fs::read(&part).expect("a part");
    std::fs::write(&part, &bytes[..bytes.len() / 2]).expect("cut");
    let (warning, last) = described();
    assert!(
        warning.starts_with("1 data file is not of the size that was written, first date=2025-03-02/"),
        "{warning}"
    );
    assert_eq!(last, "2025-03-01T00:05:10Z");
    std::fs::remove_file(&part).expect("removed");
    let (warning, last) = described();
    assert!(warning.starts_with("1 data file is missing, first date=2025-03-02/part-00000.parquet: "), "{warning}");
    assert_eq!(last, "2025-03-01T00:05:10Z");
    std::fs::write(folder.path().join("lake/_swath/manifest.json"), "{").expect("written");
    let (warning, _) = described();
    assert!(warning.starts_with("lake/_swath/manifest.json cannot be read, so nobody knows"), "{warning}");
}

#[test]
fn files_that_are_no_text_are_called_what_they_are() {
    let folder = Folder::new();
    folder.write("a.csv.xz", b"\xfd7zXZ\0\0\x04\xe6\xd6\xb4\x46\x02\0");
    folder.write("a.orc", b"ORC\0\0\xff\xff\xff\xff");
    folder.write("a.gpkg", &[&b"SQLite format 3\0"[..], &[0; 100]].concat());
    for (name, what, hint) in [
        ("a.csv.xz", "xz", "decompress it first"),
        ("a.orc", "ORC", "write it as Parquet first"),
        ("a.gpkg", "SQLite or GeoPackage", "export the table as CSV first"),
    ] {
        let (_, told) = told(&folder, &format!("sensor ingest {name} -o other -m 256MB"), 5);
        let wanted = format!("error: cannot read {name}: it looks like {what}; wanted delimited text\nhint: {hint}\n");
        assert_eq!(told, wanted);
    }
}

#[test]
fn an_input_that_is_another_one_is_not_resumed_and_named() {
    let folder = Folder::new();
    let line = "sensor ingest readings.csv -o lake -m 256MB -j 1";
    let fails_with_work_done = |nth: &u64| {
        let cut = folder.command(line).env("SWATH_FAULT", format!("enospc:{nth}")).arg("--overwrite").output();
        assert_eq!(cut.expect("runs").status.code(), Some(6), "no point of failure leaves anything");
        folder.path().join(".lake.partial/run").exists()
    };
    assert!((1..).find(fails_with_work_done).is_some());
    folder.write("readings.csv", format!("{}s-3,2025-03-02T00:10:00Z,54.05,9.58,1.5\n", common::READINGS).as_bytes());
    let (_, told) = told(&folder, &format!("{line} --resume"), 6);
    assert!(
        told.contains("the unfinished run cannot be resumed: readings.csv has changed: size (280, now 320), "),
        "{told}"
    );
    assert!(told.contains("contents") && told.contains("time of change"), "{told}");
}

#[test]
fn quiet_programs_tell_errors_only() {
    let folder = Folder::new();
    let line = "sensor ingest readings.csv -o lake -m 256MB -j 1 -q --log json";
    assert_eq!(told(&folder, line, 0), (String::new(), String::new()));
    assert!(told(&folder, line, 6).1.contains("\"event\":\"result\""));
}

#[test]
fn rejected_rows_are_an_event_for_each_reason() {
    let folder = Folder::new();
    folder.write("bad.csv", format!("{}s-1,2025-03-02T00:10:00Z,54.05\n", common::READINGS).as_bytes());
    let (_, log) = told(&folder, "sensor ingest bad.csv -o lake -m 256MB -j 1 --max-rejects 1 --log json", 0);
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let rejects: Vec<Value> = events.filter(|event| event["event"] == "reject").collect();
    assert_eq!(rejects.len(), 1, "{log}");
    assert_eq!((&rejects[0]["rows"], &rejects[0]["reason"]), (&1.into(), &"field_count".into()));
}

#[test]
fn a_ceiling_that_looking_does_not_fit_into_is_refused() {
    let folder = Folder::new();
    let (_, error) = told(&folder, "info readings.csv -m 1MB", 3);
    assert_eq!(error, "error: info needs 16 MB, the ceiling is 1 MB\nhint: --memory 16MB would do\n");
    told(&folder, "info readings.csv -m 16MB", 0);
}

#[test]
fn counts_of_generated_readings_go_to_standard_output_alone() {
    let folder = Folder::new();
    let (counts, _) = told(&folder, "synth telemetry --rows 50 -o synth.csv --truth -", 0);
    let counts: Value = serde_json::from_str(&counts).expect("JSON");
    assert_eq!((&counts["rows"], folder.path().join("-").exists()), (&50.into(), false));
    for words in ["-o -", "-o other.csv --json"] {
        let (_, error) = told(&folder, &format!("synth telemetry --rows 50 {words} --truth -"), 2);
        assert!(error.contains("standard output cannot take the counts"), "{error}");
    }
    let (_, error) = told(&folder, "synth telemetry --rows 50 -o old.csv --start 1969-12-31", 2);
    assert!(error.starts_with("error: the first reading is before 1970"), "{error}");
}

#[test]
fn a_column_with_the_name_of_the_points_is_refused_with_a_way_on() {
    for name in ["geometry", "Geometry"] {
        let folder = Folder::new();
        let table = format!("sensor,time,lat,lon,{name}\na,2025-03-01T00:00,54.5,9.5,here\n");
        folder.write("shaped.csv", table.as_bytes());
        let (_, error) = told(&folder, "sensor ingest shaped.csv -o lake -m 256MB", 2);
        assert!(error.contains(&format!("the input has a column {name:?}")), "{error}");
        assert!(error.contains(&format!("[columns.shape] source = {name:?}")), "{error}");
        let (schema, _) = told(&folder, "sensor schema shaped.csv", 0);
        let renamed = schema.replace(&format!("[columns.{name}]"), "[columns.shape]");
        folder.write("schema.toml", renamed.as_bytes());
        told(&folder, "sensor ingest shaped.csv -o lake -m 256MB --schema schema.toml", 0);
    }
}
