//! The face of the program: what it says, where, and with which exit code.
#![allow(clippy::expect_used, missing_docs)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use common::{Folder, Mask, READINGS, check};

#[test]
fn every_verb_explains_itself_in_80_columns_with_three_examples() {
    let folder = Folder::new();
    let verbs = [
        "",
        "info",
        "sensor",
        "sensor schema",
        "sensor ingest",
        "sensor compact",
        "raster",
        "batch",
        "report",
        "doctor",
        "demo",
    ];
    let synth = ["synth", "synth telemetry", "synth raster"];
    let raster = ["calc", "convert", "clip", "warp", "mosaic", "focal", "terrain", "stats", "pipeline"];
    let raster = raster.map(|verb| format!("raster {verb}"));
    for verb in verbs.into_iter().chain(synth).chain(raster.iter().map(String::as_str)) {
        let line = format!("{verb} --help");
        let output = folder.run(&line);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        if !["sensor", "synth", "raster"].contains(&verb) {
            let examples =
                text.split("Examples:\n").nth(1).expect("examples").lines().take_while(|line| !line.is_empty());
            assert_eq!(examples.count(), 3, "{text}");
        }
        let name = format!("help {verb}").trim().replace(' ', "-");
        check(&name, line.trim(), &folder, &output, Mask::Nothing);
    }
}

#[test]
fn results_are_told_as_text_and_as_json() {
    for (name, line, mask) in [
        ("ingest", "sensor ingest readings.csv -o lake -m 256MB -j 1", Mask::Figures),
        ("ingest-json", "sensor ingest readings.csv -o lake -m 256MB -j 1 --json", Mask::Json),
        ("ingest-log-json", "sensor ingest readings.csv -o lake -m 256MB -j 1 --json --log json", Mask::Json),
        ("ingest-verbose", "sensor ingest readings.csv -o lake -m 256MB -j 1 -v", Mask::Figures),
        ("ingest-quiet", "sensor ingest readings.csv -o lake -m 256MB -j 1 -q", Mask::Nothing),
        ("explain", "sensor ingest readings.csv -o lake -m 256MB -j 1 --explain", Mask::Figures),
        ("explain-json", "sensor ingest readings.csv -o lake -m 256MB -j 1 --explain --json", Mask::Json),
        ("schema", "sensor schema readings.csv", Mask::Nothing),
        ("info", "info readings.csv -m 256MB", Mask::Nothing),
        ("info-json", "info readings.csv -m 256MB --json", Mask::Nothing),
        ("doctor-json", "doctor -m 256MB -j 2 --json", Mask::Json),
        ("synth", "synth telemetry --rows 1000 -o synth.csv -m 64MB", Mask::Figures),
        ("synth-json", "synth telemetry --rows 1000 -o synth.csv -m 64MB --json", Mask::Json),
        ("demo", "demo -m 256MB -j 1", Mask::Figures),
    ] {
        let folder = Folder::new();
        let output = folder.run(line);
        if line.contains("--json") {
            let text = String::from_utf8_lossy(&output.stdout);
            assert_eq!(text.lines().count(), 1, "one object: {text}");
        }
        check(name, line, &folder, &output, mask);
    }
}

#[test]
fn a_raster_is_described() {
    let folder = Folder::new();
    let made =
        folder.run("synth raster -o a.tif --size 300x200 --bands 2 --seed 1 -f cog --co BLOCKSIZE=128 -q -m 64MB");
    assert!(made.status.success(), "{made:?}");
    for (name, line) in [("info-raster", "info a.tif -m 256MB"), ("info-raster-json", "info a.tif -m 256MB --json")] {
        check(name, line, &folder, &folder.run(line), Mask::Nothing);
    }
}

#[test]
fn doctor_tells_limits_ceiling_and_where_settings_come_from() {
    let folder = Folder::new();
    let text = String::from_utf8_lossy(&folder.run("doctor").stdout).into_owned();
    for wanted in ["limits of memory", "→", "82 %", "--memory auto (default)", "processors", "mimalloc", "free in"] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let set_by = |variable: Option<&str>, flag: &str| {
        let mut command = folder.command(&format!("doctor --json {flag}"));
        if let Some(value) = variable {
            command.env("SWATH_MEMORY", value);
        }
        let read: serde_json::Value = serde_json::from_slice(&command.output().expect("runs").stdout).expect("JSON");
        (read["ceiling"]["set_by"].as_str().unwrap_or_default().to_string(), read["ceiling"]["bytes"].as_u64())
    };
    std::fs::create_dir_all(folder.path().join(".config/swath")).expect("a folder");
    folder.write(".config/swath/config.toml", b"memory = \"10MB\"\n");
    let (place, bytes) = set_by(None, "");
    assert!(place.ends_with("config.toml") && bytes == Some(10_000_000), "{place}");
    folder.write("swath.toml", b"memory = \"20MB\"\n");
    assert_eq!(set_by(None, ""), ("swath.toml".into(), Some(20_000_000)));
    assert_eq!(set_by(Some("30MB"), ""), ("SWATH_MEMORY".into(), Some(30_000_000)));
    assert_eq!(set_by(Some("30MB"), "-m 40MB"), ("--memory".into(), Some(40_000_000)));
}

#[test]
fn errors_say_what_and_how_to_go_on() {
    let many_bad = format!("{READINGS}s-1,2025-03-02T00:10:00Z,54.05\n");
    for (name, line, code) in [
        ("error-2-no-unit", "sensor ingest readings.csv -o lake -m 256", 2),
        ("error-2-missing-output", "sensor ingest readings.csv", 2),
        ("error-2-misspelt-flag", "sensor ingest readings.csv -o lake --memroy 1GB", 2),
        ("error-2-conflict", "sensor ingest readings.csv -o lake --overwrite --resume", 2),
        ("error-2-verb", "sensro", 2),
        ("error-2-bbox", "sensor ingest readings.csv -o lake --bbox 1,2,3", 2),
        ("error-2-since", "sensor ingest readings.csv -o lake --since yesterday", 2),
        ("error-2-json", "sensor ingest readings.csv -o lake --sort random --json", 2),
        ("error-2-log-json", "sensor ingest readings.csv -o lake --sort random --log json", 2),
        ("error-3-ceiling", "sensor ingest readings.csv -o lake -m 1MB", 3),
        ("error-5-missing", "sensor ingest nowhere.csv -o lake -m 256MB", 5),
        ("error-5-empty", "sensor ingest empty.csv -o lake -m 256MB", 5),
        ("error-5-info-gzip", "info packed.csv.gz", 5),
        ("error-5-info-json", "info packed.csv.gz --json", 5),
        ("error-6-exists", "sensor ingest readings.csv -o taken -m 256MB", 6),
        ("error-6-synth", "synth telemetry --rows 5 -o readings.csv", 6),
        ("error-6-demo", "demo -o taken", 6),
        ("error-7-rejects", "sensor ingest bad.csv -o lake -m 256MB -j 1", 7),
        ("error-7-rejects-json", "sensor ingest bad.csv -o lake -m 256MB -j 1 --json", 7),
    ] {
        let folder = Folder::new();
        folder.write("empty.csv", b"");
        folder.write("packed.csv.gz", b"\x1f\x8b\x08\0\0\0\0\0");
        folder.write("bad.csv", many_bad.as_bytes());
        std::fs::create_dir(folder.path().join("taken")).expect("a folder");
        folder.write("taken/something", b"of somebody else");
        let output = folder.run(line);
        assert_eq!(output.status.code(), Some(code), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(!folder.path().join("lake").exists(), "{line} left something at the final path");
        let mask = if name.ends_with("json") || code == 3 { Mask::Json } else { Mask::Nothing };
        check(name, line, &folder, &output, if code == 3 { Mask::Figures } else { mask });
    }
}

#[test]
fn a_column_that_files_do_not_have_is_told_once() {
    let folder = Folder::new();
    let without = "sensor_id,timestamp\ns-3,2025-03-01T00:00:00Z\ns-3,2025-03-01T00:05:00Z\n";
    for name in ["more/a.csv", "more/b.csv"] {
        std::fs::create_dir_all(folder.path().join("more")).expect("a folder");
        folder.write(name, without.as_bytes());
    }
    let schema = "
        columns.sensor_id = { type = 'category', role = 'sensor' }
        columns.timestamp = { type = 'timestamp', role = 'time' }
        columns.dust = { type = 'float32', source = 'pm25' }
        columns.wind = { type = 'float32' }";
    folder.write("schema.toml", schema.as_bytes());
    let wanted = [
        "column \"dust\" is all null in 2 of 3 files, the first of them more/a.csv: the header has no \"pm25\"",
        "column \"wind\" is all null in 3 of 3 files, the first of them readings.csv: the header has no \"wind\"",
    ];
    let line = "sensor ingest readings.csv more -o lake -m 256MB -j 1 --schema schema.toml --progress never";
    let told = |words: &str| {
        let output = folder.run(&format!("{line} {words}"));
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (text(output.stdout), text(output.stderr))
    };
    let as_lines: String = wanted.iter().map(|message| format!("warning: {message}\n")).collect();
    assert_eq!(told("--explain").1, as_lines);
    let plan: serde_json::Value = serde_json::from_str(&told("--explain --json").0).expect("JSON");
    assert_eq!(plan["warnings"], serde_json::json!(wanted));
    let (_, log) = told("--log json");
    let events = log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON"));
    let warnings: Vec<serde_json::Value> = events.filter(|event| event["event"] == "warning").collect();
    assert_eq!(warnings.iter().map(|event| &event["message"]).collect::<Vec<_>>(), wanted);
    assert_eq!(told("--overwrite").1, as_lines);
    assert_eq!(told("--overwrite --quiet").1, "");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = Folder::new();
    let mut child = folder
        .command("synth telemetry --rows 2000000 -o -")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    assert!(line.starts_with("sensor_id,"), "{line}");
    let output = child.wait_with_output().expect("ends");
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn errors_count_though_nobody_reads() {
    let folder = Folder::new();
    let mut child = folder
        .command("raster convert none.tif -o out.tif --json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    // Its other end is closed before or while it is written; either way the command has failed.
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("ends").code(), Some(5));
}

#[test]
#[cfg(unix)]
fn a_signal_stops_a_run_that_can_be_resumed() {
    let folder = Folder::new();
    assert!(folder.run("synth telemetry --rows 600000 -o big.csv").status.success());
    let line = "sensor ingest big.csv -o lake -m 256MB -j 1";
    let mut child = folder.command(&format!("{line} --log json")).stderr(Stdio::piped()).spawn().expect("starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut event = String::new();
    while !event.contains("\"event\":\"chunk\"") {
        event.clear();
        assert!(stderr.read_line(&mut event).expect("events") > 0, "it ended before the first chunk");
    }
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("events");
    assert_eq!(child.wait().expect("ends").code(), Some(75), "{rest}");
    let last: serde_json::Value = serde_json::from_str(rest.lines().last().expect("a result")).expect("JSON");
    assert_eq!((last["event"].as_str(), last["exit"].as_u64()), (Some("result"), Some(75)));
    assert_eq!(last["status"], "stopped");
    assert!(!folder.path().join("lake").exists());
    let resumed = folder.run(&format!("{line} --resume --json"));
    let result: serde_json::Value = serde_json::from_slice(&resumed.stdout).expect("JSON");
    assert_eq!(resumed.status.code(), Some(0), "{}", String::from_utf8_lossy(&resumed.stderr));
    assert!(result["rows"]["read"] == 600_000, "{result}");
    let fresh = folder.run(&format!("{} --json", line.replace("-o lake", "-o other")));
    let fresh: serde_json::Value = serde_json::from_slice(&fresh.stdout).expect("JSON");
    assert_eq!((&result["rows"], &result["outputs"][0]["bytes"]), (&fresh["rows"], &fresh["outputs"][0]["bytes"]));
}

#[test]
#[cfg(unix)]
fn a_signal_stops_generating_and_leaves_nothing() {
    let folder = Folder::new();
    let partial = folder.path().join("big.csv.partial");
    for (signal, output) in [("-INT", "big.csv"), ("-TERM", "big.csv"), ("-INT", "-"), ("-TERM", "-")] {
        let mut command = folder.command(&format!("synth telemetry --size 4GB -o {output}"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        let mut first = [0];
        match output {
            // Nobody reads on, so it waits for room in the pipe.
            "-" => child.stdout.as_mut().expect("piped").read_exact(&mut first).expect("a byte"),
            _ => {
                while std::fs::metadata(&partial).map_or(0, |file| file.len()) == 0 {
                    assert!(child.try_wait().expect("asked").is_none(), "it ended before it wrote anything");
                }
            }
        }
        let id = child.id().to_string();
        assert!(std::process::Command::new("kill").args([signal, &id]).status().expect("kill").success());
        let told = std::time::Instant::now();
        assert_eq!(child.wait().expect("ends").code(), Some(75), "{signal} {output}");
        assert!(told.elapsed().as_secs() < 3, "{signal} {output}: {:?}", told.elapsed());
        let names: Vec<_> =
            std::fs::read_dir(folder.path()).expect("read").map(|entry| entry.expect("an entry").file_name()).collect();
        assert_eq!(names, ["readings.csv"], "{signal} {output}");
    }
}

#[test]
#[cfg(unix)]
fn processor_time_begins_with_the_work() {
    let folder = Folder::new();
    // The shell works for a while and then becomes the program, which inherits its processor time.
    let script = "i=0; while [ $i -lt 2000000 ]; do i=$((i+1)); done; exec \"$0\" \"$@\"";
    for line in ["sensor ingest readings.csv -o lake -m 64MB -j 1 --json", "synth telemetry --rows 10 -o t.csv --json"]
    {
        let program = folder.command(line);
        let mut shell = std::process::Command::new("/bin/sh");
        shell.args(["-c", script]).arg(program.get_program()).args(program.get_args());
        let output = shell.current_dir(folder.path()).env_clear().output().expect("runs");
        let result: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        let second = |name: &str| result["time"][name].as_f64().expect("seconds");
        // No more than a few threads at once can use processors.
        assert!(second("cpu_s") <= 4.0 * second("wall_s"), "{result}");
    }
}

#[test]
fn info_reads_the_lake_that_ingest_wrote_and_demo_runs_twice() {
    let folder = Folder::new();
    for _ in 0..2 {
        let output = folder.run("demo -m 256MB --json");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let output = folder.run("info swath-demo/lake swath-demo/input --json -m 256MB");
    let read: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let (lake, input) = (&read["items"][0], &read["items"][1]);
    assert_eq!((lake["format"].as_str(), input["format"].as_str()), (Some("lake"), Some("csv")));
    assert_eq!((lake["rows"]["value"].as_u64(), input["rows"]["value"].as_u64()), (Some(7_479), Some(7_480)));
    assert_eq!(lake["time"], input["time"]);
    assert_eq!((lake["crs"].as_str(), input["files"].as_u64()), (Some("EPSG:4326"), Some(17)));
}
