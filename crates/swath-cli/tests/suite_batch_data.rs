//! What a batch never does to what somebody has, and that it can always be brought to its end.
#![allow(clippy::expect_used, missing_docs)]

use std::process::{Command, Stdio};

use serde_json::Value;
use swath_testkit::{Folder, Outcome, sha256};

fn folder() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    for name in ["a", "b"] {
        folder.run(&format!("synth raster -o {name}.tif --size 300x300 -m 100MB -q")).expect(&[0]);
    }
    folder
}

fn write_jobs(folder: &Folder, name: &str, lines: &[impl AsRef<str>]) {
    let text: String = lines.iter().map(|line| format!("[[job]]\nrun = '{}'\n", line.as_ref())).collect();
    folder.write(name, text.as_bytes());
}

fn reasons(outcome: &Outcome) -> Vec<(String, String)> {
    let json = outcome.json();
    let list = json["set_aside"].as_array().expect("a list");
    let text = |aside: &Value, name: &str| aside[name].as_str().unwrap_or_default().to_string();
    list.iter().map(|aside| (text(aside, "name"), text(aside, "reason"))).collect()
}

/// Changes the time of a file, and its contents if `number` is another one.
fn renew(folder: &Folder, name: &str, seed: u32) {
    folder.run(&format!("synth raster -o {name} --size 300x300 --seed {seed} -m 100MB -q --overwrite")).expect(&[0]);
}

/// A shell's way to run the program in this folder.
fn shell(folder: &Folder, script: &str) -> std::process::Output {
    let script = script.replace("swath", env!("CARGO_BIN_EXE_swath"));
    let mut command = Command::new("bash");
    command.arg("-c").arg(script).current_dir(folder.path()).stdin(Stdio::null());
    command.output().expect("a shell")
}

/// What a worker maps is what it is granted, so that the limit of data stands in nobody's way.
#[test]
fn jobs_of_many_small_tiles_stay_below_the_limit_of_data() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.run("synth raster -o n.tif --size 20000x12000 --dtype uint8 -m 200MB -q").expect(&[0]);
    let lines = ["raster convert n.tif -o z1.tif", "raster calc b1+1 n.tif -o z2.tif", "raster mosaic n.tif -o z3.tif"];
    write_jobs(&folder, "jobs.toml", &lines);
    let outcome = folder.run("batch jobs.toml -m 200MB -j 2 --json").expect(&[0]);
    assert_eq!(outcome.figure("/jobs/retried"), 0, "{outcome}");
}

#[test]
fn a_file_that_is_no_list_of_jobs_is_never_removed() {
    let folder = folder();
    write_jobs(&folder, "jobs.toml", &["raster convert a.tif -o o.tif"]);
    folder.write("precious.csv", b"a,b\n1,2\n");
    let refused = folder.run("batch jobs.toml -m 100MB --resume --failed precious.csv").expect(&[6]);
    assert!(refused.stderr.contains("no list of jobs that were set aside"), "{refused}");
    assert_eq!(folder.read("precious.csv"), b"a,b\n1,2\n");
    assert!(!folder.at("o.tif").exists());
}

#[test]
fn another_batch_in_the_same_folder_takes_nothing_along() {
    let folder = folder();
    folder.write("bad.tif", b"text");
    let each = |verb: &str, suffix: &str, flags: &str| {
        shell(
            &folder,
            &format!(
                "swath batch --each '{verb} {{in}} -o {{out}}' --suffix {suffix} bad.tif a.tif --out-dir out -m 100MB -q {flags}"
            ),
        )
    };
    assert_eq!(each("raster convert", ".tif", "").status.code(), Some(9));
    assert_eq!(each("raster stats", ".json", "--resume").status.code(), Some(9));
    let lines = String::from_utf8(folder.read("out/failed.jsonl")).expect("UTF-8");
    assert!(lines.contains("out/bad.tif") && lines.contains("out/bad.json"), "{lines}");
    // Nor does one that is to go on with what it never began.
    folder.write("out/.jobs.batch/jobs.jsonl", &{
        let text = String::from_utf8(folder.read("out/.jobs.batch/jobs.jsonl")).expect("UTF-8");
        text.replace("{\"event\":\"finished\"}\n", "").into_bytes()
    });
    let refused = each("raster focal", ".tiff", "--resume");
    assert_eq!(refused.status.code(), Some(6));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another unfinished batch stands here"));
}

#[test]
fn a_retry_that_ends_early_loses_no_job() {
    let folder = folder();
    let lines: Vec<String> = (0..5).map(|number| format!("raster convert in{number}.tif -o o{number}.tif")).collect();
    write_jobs(&folder, "jobs.toml", &lines);
    folder.run("batch jobs.toml -m 100MB -q").expect(&[9]);
    folder.run("batch --retry jobs.failed.jsonl -m 100MB -q --fail-fast").expect(&[9]);
    let lines = || String::from_utf8(folder.read("jobs.failed.jsonl")).expect("UTF-8").lines().count();
    assert_eq!(lines(), 5);
    for number in 0..5 {
        folder.write(&format!("in{number}.tif"), &folder.read("a.tif"));
    }
    let outcome = folder.run("batch --retry jobs.failed.jsonl -m 100MB --json --resume").expect(&[0]);
    assert_eq!(outcome.figure("/jobs/done"), 5, "{outcome}");
    assert!(!folder.at("jobs.failed.jsonl").exists());
}

#[test]
fn only_what_the_batch_wrote_is_replaced() {
    let folder = folder();
    write_jobs(&folder, "jobs.toml", &["raster convert a.tif -o o.tif", "raster convert none.tif -o p.tif"]);
    folder.run("batch jobs.toml -m 100MB -q").expect(&[9]);
    // Elsewhere, the same words are other files.
    folder.write("other/a.tif", &folder.read("b.tif"));
    folder.write("other/o.tif", b"somebody's");
    for words in ["batch ../jobs.toml --resume", "batch --retry ../jobs.failed.jsonl"] {
        let mut command = folder.command(words);
        let output = command.args(["-m", "100MB"]).current_dir(folder.at("other")).output().expect("it starts");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains("where its paths begin"), "{stderr}");
    }
    assert_eq!(folder.read("other/o.tif"), b"somebody's");
    // What somebody changed is not what the batch wrote.
    folder.write("o.tif", b"edited");
    renew(&folder, "a.tif", 7);
    let outcome = folder.run("batch jobs.toml -m 100MB --json --resume").expect(&[9]);
    assert!(outcome.stdout.contains("o.tif is not as the batch left it"), "{outcome}");
    assert_eq!(folder.read("o.tif"), b"edited");
    folder.remove(&["o.tif"]);
    folder.write("none.tif", &folder.read("b.tif"));
    folder.run("batch jobs.toml -m 100MB -q --resume").expect(&[0]);
    folder.run("raster convert a.tif -o o2.tif -m 100MB -q").expect(&[0]);
    assert_eq!(sha256(&folder.at("o.tif")), sha256(&folder.at("o2.tif")));
}

#[test]
fn an_unfinished_run_of_inputs_that_changed_is_begun_anew() {
    let folder = folder();
    write_jobs(&folder, "jobs.toml", &["raster convert a.tif -o m.tif", "raster convert m.tif -o o.tif"]);
    let killed = folder.run_with_fault("batch jobs.toml -m 100MB --json", "kill:1:sink.fsync").expect(&[9]);
    assert_eq!(reasons(&killed)[0], ("m.tif".into(), "killed".into()));
    assert!(folder.at(".m.tif.partial").exists());
    renew(&folder, "a.tif", 9);
    folder.run("batch jobs.toml -m 100MB --json --resume").expect(&[0]);
    folder.run("raster convert a.tif -o m2.tif -m 100MB -q").expect(&[0]);
    assert_eq!(sha256(&folder.at("m.tif")), sha256(&folder.at("m2.tif")));
    assert!(!folder.at(".m.tif.partial").exists() && !folder.at(".jobs.toml.batch").exists());
}

#[test]
fn a_compaction_that_was_killed_is_gone_on_with() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("t.csv", "--rows 100000 --sensors 20");
    let lines = [
        "sensor ingest t.csv -o L --schema schema.toml --partition none --target-file-size 1MB",
        "sensor compact L --target-file-size 128MB",
        "sensor ingest L/*.parquet -o M",
    ];
    write_jobs(&folder, "jobs.toml", &lines);
    let killed = folder.run_with_fault("batch jobs.toml -m 100MB --json", "kill:1:changes.begin").expect(&[9]);
    assert_eq!(reasons(&killed)[1], ("M".into(), "waits".into()), "{killed}");
    assert!(folder.at(".L.partial").exists());
    let outcome = folder.run("batch jobs.toml -m 100MB --json --resume").expect(&[0]);
    assert_eq!((outcome.figure("/jobs/skipped"), outcome.figure("/jobs/done")), (1, 2), "{outcome}");
    assert!(!folder.at(".L.partial").exists() && folder.at("L/part-00000.parquet").exists());
    assert!(!folder.at("L/part-00001.parquet").exists());
}

#[test]
fn rows_are_not_added_again_since_their_file_was_touched() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("one.csv", b"time,lat,lon,v\n2025-01-01T00:00:00Z,45,10,1\n2025-01-01T00:01:00Z,45,10,2\n");
    folder.write("two.csv", b"time,lat,lon,v\n2025-01-02T00:00:00Z,45,10,1\n");
    folder.run("sensor ingest one.csv -o L -m 100MB -q").expect(&[0]);
    write_jobs(&folder, "jobs.toml", &["sensor ingest two.csv -o L --append", "sensor ingest none.csv -o K"]);
    folder.run("batch jobs.toml -m 100MB -q").expect(&[9]);
    let before = folder.read("L/_swath/manifest.json");
    folder.write("two.csv", &folder.read("two.csv"));
    let outcome = folder.run("batch jobs.toml -m 100MB --json --resume").expect(&[9]);
    assert!(outcome.stdout.contains("it would be added twice"), "{outcome}");
    assert!(folder.read("L/_swath/manifest.json") == before, "rows were added again");
}

#[test]
fn a_system_that_starts_no_process_for_a_moment_costs_no_job() {
    let folder = folder();
    let lines: Vec<String> = (0..12).map(|number| format!("raster convert a.tif -o o{number}.tif")).collect();
    write_jobs(&folder, "jobs.toml", &lines);
    let output = shell(&folder, "ulimit -n 20; swath batch jobs.toml -m 1100MB -j 16 -q");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn ends_of_workers_are_noticed_and_the_exit_code_is_told_in_any_case() {
    let folder = folder();
    write_jobs(&folder, "jobs.toml", &["raster convert a.tif -o o.tif", "raster convert none.tif -o p.tif"]);
    let output = shell(&folder, "trap '' CHLD; exec swath batch jobs.toml -m 100MB -q");
    assert_eq!(output.status.code(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
    for words in ["", "--json"] {
        let script = format!("set -o pipefail; swath batch jobs.toml -m 100MB --resume {words} | true");
        assert_eq!(shell(&folder, &script).status.code(), Some(9), "{words}");
    }
    let full = shell(&folder, "swath batch jobs.toml -m 100MB --resume > /dev/full");
    assert_eq!(full.status.code(), Some(9));
}

#[test]
fn what_stands_in_the_way_is_told_before_anything_is_run() {
    let folder = folder();
    let line = "raster convert a.tif -o o.tif";
    write_jobs(&folder, "jobs.toml", &[line]);
    folder.write("file", b"x");
    write_jobs(
        &folder,
        "two.toml",
        &[&format!("{line} --report r.html"), "raster convert b.tif -o p.tif --report r.html"],
    );
    write_jobs(&folder, "page.toml", &[&format!("{line} --report p.tif"), "raster convert b.tif -o p.tif"]);
    for (words, code, wanted) in [
        ("jobs.toml --hang-after 99999999999999999999999h", 2, "is too long"),
        ("jobs.toml --report o.tif", 2, "the report o.tif would be in the output o.tif"),
        ("two.toml", 2, "r.html is the output of two.toml, line 1, too"),
        ("page.toml", 2, "p.tif is the output of page.toml, line 1, too"),
        (
            "--each raster\\ convert\\ {in}\\ -o\\ {out} a.tif --out-dir file",
            6,
            "it is a file, and --out-dir wants a folder",
        ),
        ("--each raster\\ convert\\ {in}\\ -o\\ {out} .. --out-dir out", 2, ".. is a folder"),
        ("--retry jobs.toml", 2, "hint: --retry takes the file"),
    ] {
        let output = shell(&folder, &format!("swath batch -m 100MB {words}"));
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && stderr.contains(wanted), "{words}: {stderr}");
        assert!(!folder.at("o.tif").exists(), "{words}");
    }
}

#[test]
fn names_do_not_speak_to_the_terminal() {
    let folder = folder();
    let name = "in\u{1b}[31m\nred.tif";
    folder.write(name, b"text");
    let script = "swath batch --each 'raster convert {in} -o {out}' in*.tif --out-dir out -m 100MB";
    let output = shell(&folder, script);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("set aside: out/in\u{fffd}[31m\u{fffd}red.tif") && !stderr.contains('\u{1b}'),
        "{stderr:?}"
    );
}
