//! Many jobs under one ceiling: what becomes of jobs that cannot be done, of killed workers and of killed batches.
#![allow(clippy::expect_used, missing_docs)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use swath_testkit::{Dice, Folder, MemoryGroup, Outcome, Running, Tree, sha256, skipped};

fn folder() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    for number in 0..8 {
        let line = format!("synth raster -o in/r{number}.tif --size 900x900 --seed {number} -m 100MB -q");
        folder.run(&line).expect(&[0]);
    }
    for number in 0..3 {
        folder.telemetry(&format!("t{number}.csv"), &format!("--rows 40000 --sensors 50 --seed {number}"));
    }
    folder
}

/// A file of jobs of these lines.
fn write_jobs(folder: &Folder, name: &str, lines: &[impl AsRef<str>]) {
    let job = |line: &str| format!("[[job]]\nrun = \"\"\"{}\"\"\"\n", line.replace('\\', "\\\\"));
    let text: String = lines.iter().map(|line| job(line.as_ref())).collect();
    folder.write(name, text.as_bytes());
}

/// Jobs of many kinds that can be done, each with its output; some read what others make.
fn good() -> Vec<(String, String)> {
    let mut jobs = Vec::new();
    let mut job = |line: String, output: String| jobs.push((line, output));
    job("raster mosaic out/c0.tif out/c1.tif -o out/m.tif".into(), "out/m.tif".into());
    for number in 0..8 {
        job(
            format!("raster calc b1*2 in/r{number}.tif -o out/c{number}.tif --dtype float32"),
            format!("out/c{number}.tif"),
        );
    }
    for number in 0..4 {
        job(
            format!("raster stats in/r{number}.tif --percentiles 5,95 -o out/s{number}.json"),
            format!("out/s{number}.json"),
        );
        job(format!("raster terrain in/r{number}.tif --kind slope -o out/h{number}.tif"), format!("out/h{number}.tif"));
    }
    for number in 0..3 {
        let line = format!("sensor ingest t{number}.csv -o out/lake{number} --schema schema.toml --partition day");
        job(line, format!("out/lake{number}"));
    }
    job("raster focal out/c2.tif -o out/f.tif --radius 3".into(), "out/f.tif".into());
    job("raster pipeline read in/r3.tif ! calc 'b1 / 3' ! write out/p.tif".into(), "out/p.tif".into());
    // More than a share and less than the whole.
    let wide = "raster convert in/r1.tif -o out/wide.tif --dtype float32 --co BLOCKSIZE=4096 --co COMPRESS=ZSTD";
    job(wide.into(), "out/wide.tif".into());
    job("synth telemetry --rows 20000 -o out/synth.csv".into(), "out/synth.csv".into());
    jobs
}

/// What the good jobs write when they are run one by one.
fn alone(folder: &Folder) -> Vec<(String, String)> {
    let other = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let copied = Command::new("cp").arg("-rp").arg(folder.at(".")).arg(other.path()).status().expect("cp");
    assert!(copied.success());
    let mut jobs = good();
    // The mosaic comes first, and waits in a batch.
    jobs.rotate_left(1);
    for (line, _) in &jobs {
        let words = swath::batch::split_words(line).expect("words");
        let output = other.command("").args(&words).args(["-m", "300MB"]).output().expect("it starts");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    jobs.iter().map(|(_, output)| (output.clone(), hash(&other, output))).collect()
}

fn hash(folder: &Folder, output: &str) -> String {
    let path = folder.at(output);
    match path.is_dir() {
        true => format!("{:?}", Tree::of(&path)),
        false => sha256(&path),
    }
}

#[track_caller]
fn assert_same(folder: &Folder, wanted: &[(String, String)]) {
    for (output, wanted) in wanted {
        assert!(folder.at(output).exists(), "{output} is missing");
        assert!(hash(folder, output) == *wanted, "{output} differs from what a single run writes");
    }
}

/// The events of a log.
fn events(folder: &Folder, log: &str) -> Vec<Value> {
    let text = String::from_utf8(folder.read(log)).expect("UTF-8");
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn jobs_of<'a>(events: &'a [Value], event: &str) -> BTreeSet<&'a str> {
    events.iter().filter(|line| line["event"] == event).filter_map(|line| line["job"].as_str()).collect()
}

/// Waits for an event in a log.
#[track_caller]
fn wait_for(folder: &Folder, log: &str, running: &mut Running, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let events = events(folder, log);
        if wanted(&events) {
            return events;
        }
        assert!(running.lives() && Instant::now() < deadline, "it never happened: {events:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kilobytes(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// The processes of a batch: the supervisor, then its workers.
fn tree(supervisor: u32) -> Vec<u32> {
    let path = format!("/proc/{supervisor}/task/{supervisor}/children");
    let children = std::fs::read_to_string(path).unwrap_or_default();
    std::iter::once(supervisor).chain(children.split_whitespace().filter_map(|id| id.parse().ok())).collect()
}

/// The process of a batch that logs its first event.
fn supervisor_of(worker: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    parent.and_then(|id| id.trim().parse().ok()).unwrap_or(0)
}

fn set_aside(outcome: &Outcome) -> Vec<(String, String, u64)> {
    let json = outcome.json();
    let list = json["set_aside"].as_array().expect("a list");
    let of = |aside: &Value| {
        let text = |name: &str| aside[name].as_str().unwrap_or_default().to_string();
        (text("name"), text("reason"), aside["attempts"].as_u64().expect("a count"))
    };
    list.iter().map(of).collect()
}

const CEILING: u64 = 250_000_000;

#[test]
fn what_can_be_done_is_done_and_the_rest_is_set_aside_with_its_reason() {
    let folder = folder();
    let wanted = alone(&folder);
    folder.write("in/text.tif", b"this is no raster\n");
    let whole = folder.read("in/r0.tif");
    folder.write("in/cut.tif", &whole[..whole.len() / 3]);
    let mut lines: Vec<String> = good().into_iter().map(|(line, _)| line).collect();
    let bad = [
        "raster convert in/text.tif -o out/x1.tif",
        "raster convert in/cut.tif -o out/x2.tif",
        "sensor ingest none.csv -o out/x3",
        "raster convert in/r1.tif -o out/x4.tif --co BLOCKSIZE=8192",
        "raster convert in/r2.tif -o out/x5.tif --co BLOCKSIZE=8192 --dtype float64",
        "raster calc b7 in/r1.tif -o out/x6.tif",
        "raster convert out/x1.tif -o out/x7.tif",
    ];
    lines.splice(2..2, bad.map(String::from));
    assert!(lines.len() >= 30, "{}", lines.len());
    write_jobs(&folder, "jobs.toml", &lines);
    let mut running = folder.start_logging("batch jobs.toml -m 250MB -j 2 --json", "log");
    let first = wait_for(&folder, "log", &mut running, |events| !jobs_of(events, "job").is_empty());
    let process = first.iter().find_map(|event| event["process"].as_u64()).expect("a process");
    let supervisor = supervisor_of(process as u32);
    let (mut highest_sum, mut highest_own, mut samples) = (0, 0, 0);
    while running.lives() {
        let of = |id: &u32| kilobytes(&format!("/proc/{id}/smaps_rollup"), "Pss:").unwrap_or(0);
        highest_sum = highest_sum.max(tree(supervisor).iter().map(of).sum::<u64>() * 1024);
        highest_own = highest_own.max(kilobytes(&format!("/proc/{supervisor}/status"), "VmHWM:").unwrap_or(0) * 1024);
        samples += 1;
        std::thread::sleep(Duration::from_millis(3));
    }
    let outcome = running.wait().expect(&[9]);
    println!("{samples} samples: at most {highest_sum} together, {highest_own} the supervisor");
    assert!(samples > 20 && highest_sum > 0 && highest_sum < CEILING, "{highest_sum} of {samples} samples\n{outcome}");
    assert!(highest_own > 0 && highest_own < 32_000_000, "{highest_own}");
    assert!(outcome.figure("/memory/supervisor_peak") < 32_000_000, "{outcome}");
    assert!(outcome.figure("/memory/granted_peak") <= CEILING - 32_000_000, "{outcome}");
    assert_same(&folder, &wanted);
    let mut aside = set_aside(&outcome);
    aside.sort();
    let is = |name: &str, reason: &str, attempts: u64| (format!("out/{name}"), reason.to_string(), attempts);
    assert_eq!(
        aside,
        [
            is("x1.tif", "input", 1),
            is("x2.tif", "input", 1),
            is("x3", "input", 1),
            is("x4.tif", "does_not_fit", 1),
            is("x5.tif", "does_not_fit", 1),
            is("x6.tif", "usage", 1),
            is("x7.tif", "waits", 0),
        ]
    );
    let (planned, done) = (outcome.figure("/jobs/planned"), outcome.figure("/jobs/done"));
    assert_eq!((planned, done), (lines.len() as u64, lines.len() as u64 - 7));
    let events = events(&folder, "log");
    let grants = events.iter().filter(|event| event["event"] == "done");
    for done in grants {
        assert!(done["peak"].as_u64() <= done["grant"].as_u64(), "{done}");
    }
    let wide = |event: &&Value| event["job"] == "out/wide.tif" && event["event"] == "job";
    let grants: Vec<u64> = events.iter().filter(wide).filter_map(|event| event["grant"].as_u64()).collect();
    assert!(grants.len() == 2 && grants[0] == 109_000_000 && grants[1] > 109_000_000, "{grants:?}");
    // With more memory, those that did not fit fit.
    let lines = String::from_utf8(folder.read("jobs.failed.jsonl")).expect("UTF-8");
    assert_eq!(lines.lines().count(), 7);
    let line: Value =
        serde_json::from_str(lines.lines().find(|line| line.contains("x4.tif")).expect("x4")).expect("JSON");
    assert!(line["memory"]["smallest_ceiling"].as_u64() > Some(218_000_000), "{line}");
    assert!(line["message"].as_str().is_some_and(|message| message.contains("grants 218 MB at most")), "{line}");
    assert!(line["hint"].as_str().is_some_and(|hint| hint.contains("MB for the batch would do")), "{line}");
    folder.write("in/text.tif", &folder.read("in/r5.tif"));
    let outcome = folder.run("batch --retry jobs.failed.jsonl -m 2GB -j 2 --json").expect(&[9]);
    let mut aside: Vec<String> = set_aside(&outcome).into_iter().map(|aside| aside.0).collect();
    aside.sort();
    assert_eq!(aside, ["out/x2.tif", "out/x3", "out/x6.tif"]);
    assert!(folder.at("out/x4.tif").exists() && folder.at("out/x7.tif").exists());
    assert_eq!(String::from_utf8(folder.read("jobs.failed.jsonl")).expect("UTF-8").lines().count(), 3);
    let left: Vec<String> = folder.names().into_iter().filter(|name| name.contains(".new")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Jobs that take a moment.
fn slow(folder: &Folder) -> Vec<String> {
    folder.telemetry("long.csv", "--rows 400000 --sensors 300 --shuffle");
    let mut lines = vec!["sensor ingest long.csv -o out/long --schema schema.toml --partition day".to_string()];
    lines.extend(
        (0..6).map(|number| format!("raster focal in/r{number}.tif -o out/f{number}.tif --stat median --radius 7")),
    );
    lines
}

fn outputs(lines: &[String]) -> Vec<String> {
    let output = |line: &String| line.split(' ').skip_while(|word| *word != "-o").nth(1).expect("-o").to_string();
    lines.iter().map(output).collect()
}

fn undisturbed(folder: &Folder, lines: &[String]) -> Vec<(String, String)> {
    write_jobs(folder, "jobs.toml", lines);
    folder.run("batch jobs.toml -m 300MB -j 2 --json").expect(&[0]);
    let wanted = outputs(lines).into_iter().map(|output| (output.clone(), hash(folder, &output))).collect();
    assert!(!folder.at(".jobs.toml.batch").exists(), "a batch that is all done leaves its journal");
    folder.remove(&["out"]);
    wanted
}

fn signal(process: u64, signal: Signal) {
    let id = i32::try_from(process).ok().and_then(Pid::from_raw).expect("an id");
    kill_process(id, signal).expect("it lives");
}

#[test]
fn a_worker_that_is_killed_or_frozen_is_tried_once_more() {
    let folder = folder();
    let lines = slow(&folder);
    let wanted = undisturbed(&folder, &lines);
    for (how, told) in [(Signal::KILL, "signal 9"), (Signal::STOP, "no sign of life"), (Signal::ABORT, "signal 6")] {
        let mut running = folder.start_logging("batch jobs.toml -m 300MB -j 2 --json --silence 2s", "log");
        let process = |events: &[Value]| {
            let first = events.iter().find(|event| event["event"] == "job" && event["job"] == "out/f0.tif");
            first.and_then(|event| event["process"].as_u64())
        };
        let events_then = wait_for(&folder, "log", &mut running, |events| process(events).is_some());
        std::thread::sleep(Duration::from_millis(150));
        signal(process(&events_then).expect("a process"), how);
        let outcome = running.wait().expect(&[0]);
        assert_same(&folder, &wanted);
        assert_eq!(outcome.figure("/jobs/retried"), 1, "{outcome}");
        let events = events(&folder, "log");
        let retry = events.iter().find(|event| event["event"] == "retry").expect("a retry");
        assert!(retry["reason"].as_str().is_some_and(|reason| reason.contains(told)), "{retry}");
        folder.remove(&["out"]);
    }
    // Twice is too often.
    let mut running = folder.start_logging("batch jobs.toml -m 300MB -j 2 --json", "log");
    for attempt in 1..=2 {
        let process = |events: &[Value]| {
            let is = |event: &&Value| event["job"] == "out/f0.tif" && event["attempt"] == attempt;
            events.iter().find(is).and_then(|event| event["process"].as_u64())
        };
        let events = wait_for(&folder, "log", &mut running, |events| process(events).is_some());
        signal(process(&events).expect("a process"), Signal::KILL);
    }
    let outcome = running.wait().expect(&[9]);
    assert_eq!(set_aside(&outcome), [("out/f0.tif".to_string(), "killed".to_string(), 2)]);
}

/// A run that is about to end holds its output for a moment; one that goes on holds it.
#[test]
fn an_output_that_another_run_holds_is_waited_for() {
    let folder = folder();
    let lines = ["raster convert in/r0.tif -o a.tif", "raster convert in/r1.tif -o b.tif"];
    write_jobs(&folder, "jobs.toml", &lines);
    let hold = || {
        folder.write(".a.tif.partial/lock", b"");
        let file = std::fs::File::options().write(true).open(folder.at(".a.tif.partial/lock")).expect("a lock file");
        file.lock().expect("held");
        file
    };
    let waits = |log: &str| events(&folder, log).iter().filter(|event| event["event"] == "wait").count();
    let held = hold();
    let mut running = folder.start_logging("batch jobs.toml -m 200MB -j 2 --json", "log");
    wait_for(&folder, "log", &mut running, |events| events.iter().any(|event| event["event"] == "wait"));
    std::thread::sleep(Duration::from_secs(1));
    drop(held);
    let outcome = running.wait().expect(&[0]);
    assert_eq!((outcome.figure("/jobs/retried"), waits("log")), (0, 1), "{outcome}");
    folder.run("raster convert in/r0.tif -o a2.tif -m 200MB").expect(&[0]);
    assert_eq!(hash(&folder, "a.tif"), hash(&folder, "a2.tif"));
    folder.remove(&["a.tif", "b.tif"]);
    let held = hold();
    let outcome = folder.start_logging("batch jobs.toml -m 200MB -j 2 --json", "log").wait().expect(&[9]);
    assert_eq!(set_aside(&outcome), [("a.tif".to_string(), "output".to_string(), 1)]);
    assert!(outcome.stdout.contains("another run is writing it"), "{outcome}");
    // So is the journal of a batch that was killed, by the one that goes on with it.
    drop(held);
    folder.write(".jobs.toml.batch/lock", b"");
    let held = std::fs::File::options().write(true).open(folder.at(".jobs.toml.batch/lock")).expect("a lock file");
    held.lock().expect("held");
    let resumed = folder.start("batch jobs.toml -m 200MB -j 2 --json --resume");
    std::thread::sleep(Duration::from_secs(1));
    drop(held);
    let outcome = resumed.wait().expect(&[0]);
    assert_eq!((outcome.figure("/jobs/skipped"), outcome.figure("/jobs/done")), (1, 1), "{outcome}");
}

/// Signs of life alone are no work.
#[test]
fn a_job_that_gets_nowhere_is_ended() {
    let folder = folder();
    let made = Command::new("mkfifo").arg(folder.at("pipe.csv")).status().expect("mkfifo");
    assert!(made.success());
    // Somebody holds it open and writes nothing.
    let _pipe = std::fs::File::options().read(true).write(true).open(folder.at("pipe.csv")).expect("a pipe");
    let lines = ["sensor ingest pipe.csv -o lake --schema schema.toml", "raster convert in/r1.tif -o b.tif"];
    write_jobs(&folder, "jobs.toml", &lines);
    let outcome = folder.run("batch jobs.toml -m 200MB -j 2 --json --hang-after 2s").expect(&[9]);
    assert_eq!(set_aside(&outcome), [("lake".to_string(), "hung".to_string(), 1)], "{outcome}");
    assert!(outcome.stdout.contains("finished nothing for too long"), "{outcome}");
    assert!(folder.at("b.tif").exists() && !folder.at("lake").exists());
}

/// What came through a pipe before a death is gone, so the same words would make something else of the rest.
#[test]
fn a_job_that_reads_a_pipe_is_not_begun_again() {
    let folder = folder();
    assert!(Command::new("mkfifo").arg(folder.at("pipe.csv")).status().expect("mkfifo").success());
    let text = folder.read("t0.csv");
    for (number, words) in ["pipe.csv", "t1.csv pipe.csv"].into_iter().enumerate() {
        let mut pipe = std::fs::File::options().read(true).write(true).open(folder.at("pipe.csv")).expect("a pipe");
        pipe.write_all(&text[..30_000]).expect("written");
        let line = format!("sensor ingest {words} -o lake --schema schema.toml");
        write_jobs(&folder, "jobs.toml", &[line, format!("raster convert in/r1.tif -o b{number}.tif")]);
        let mut running = folder.start_logging("batch jobs.toml -m 200MB -j 2 --json", "log");
        let process = |events: &[Value]| {
            let first = events.iter().find(|event| event["event"] == "job" && event["job"] == "lake");
            first.and_then(|event| event["process"].as_u64())
        };
        let events = wait_for(&folder, "log", &mut running, |events| process(events).is_some());
        std::thread::sleep(Duration::from_millis(300));
        signal(process(&events).expect("a process"), Signal::KILL);
        let outcome = running.wait().expect(&[9]);
        assert_eq!(set_aside(&outcome), [("lake".to_string(), "killed".to_string(), 1)], "{outcome}");
        assert!(outcome.stdout.contains("an input can be read only once"), "{outcome}");
        assert!(folder.at(&format!("b{number}.tif")).exists() && !folder.at("lake").exists());
        folder.remove(&["jobs.failed.jsonl", ".jobs.toml.batch", ".lake.partial"]);
    }
}

#[test]
fn a_list_waits_for_the_outputs_that_it_names() {
    let folder = folder();
    folder.write("list.txt", b"out/c0.tif\n\nout/c1.tif\n");
    let lines = [
        "raster mosaic @list.txt -o m.tif",
        "raster calc b1*2 in/r0.tif -o out/c0.tif",
        "raster calc b1*2 in/r1.tif -o out/c1.tif",
        "raster convert in/text.tif -o x.tif",
    ];
    write_jobs(&folder, "jobs.toml", &lines);
    folder.write("in/text.tif", b"text");
    let outcome = folder.run("batch jobs.toml -m 200MB -j 2 --json").expect(&[9]);
    assert_eq!(outcome.figure("/jobs/done"), 3, "{outcome}");
    let before = hash(&folder, "m.tif");
    // What a list names is an input: if that changes, so does what is made of it.
    folder.write("in/r1.tif", &folder.read("in/r5.tif"));
    let outcome = folder.run("batch jobs.toml -m 200MB -j 2 --json --resume").expect(&[9]);
    assert_eq!((outcome.figure("/jobs/done"), outcome.figure("/jobs/skipped")), (2, 1), "{outcome}");
    assert_ne!(hash(&folder, "m.tif"), before);
}

#[test]
fn a_batch_that_dies_takes_its_workers_along_and_is_resumed() {
    let folder = folder();
    let lines = slow(&folder);
    let wanted = undisturbed(&folder, &lines);
    for (round, killed) in [true, true, false].into_iter().enumerate() {
        let log = format!("log{round}");
        let mut running = folder.start_logging("batch jobs.toml -m 300MB -j 2 --json", &log);
        let begun = wait_for(&folder, &log, &mut running, |events| jobs_of(events, "done").len() > round);
        let workers: Vec<u64> = begun.iter().filter_map(|event| event["process"].as_u64()).collect();
        match killed {
            true => assert!(running.kill(), "it was over too soon"),
            false => {
                running.interrupt();
                let outcome = running.wait().expect(&[75]);
                assert!(outcome.error_text().contains("stopped by a signal"), "{outcome}");
            }
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        let lives = |worker: &u64| {
            let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap_or_default();
            status.contains("Name:\tswath") && !status.contains("State:\tZ")
        };
        while workers.iter().any(lives) {
            assert!(Instant::now() < deadline, "workers live on");
            std::thread::sleep(Duration::from_millis(5));
        }
        let refused = folder.run("batch jobs.toml -m 300MB").expect(&[6]);
        assert!(refused.stderr.contains("an unfinished batch stands here"), "{refused}");
        let events_before = events(&folder, &log);
        let done = jobs_of(&events_before, "done");
        let outcome = folder.start_logging("batch jobs.toml -m 200MB -j 2 --json --resume", "log").wait().expect(&[0]);
        let events = events(&folder, "log");
        let again: Vec<&&str> = done.iter().filter(|job| jobs_of(&events, "job").contains(*job)).collect();
        assert!(again.is_empty(), "{again:?} were done again");
        assert!(outcome.figure("/jobs/skipped") >= done.len() as u64, "{outcome}");
        assert_same(&folder, &wanted);
        folder.remove(&["out"]);
    }
}

/// Whatever of a batch is killed, and when: in the end all is done, and as if nothing had been.
#[test]
fn kills_at_random_change_nothing() {
    let folder = folder();
    let wanted = alone(&folder);
    let lines: Vec<String> = good().into_iter().map(|(line, _)| line).collect();
    write_jobs(&folder, "jobs.toml", &lines);
    let (mut dice, mut kills, mut rounds) = (Dice::new(5), [0, 0], 0);
    loop {
        let resume = if rounds == 0 { "" } else { "--resume" };
        let mut running = folder.start(&format!("batch jobs.toml -m 250MB -j 2 --json -q {resume}"));
        rounds += 1;
        let supervisor = running.id();
        while running.lives() && kills[0] + kills[1] < 30 {
            std::thread::sleep(Duration::from_millis(10 + dice.below(40) as u64));
            let tree = tree(supervisor);
            // Every third time the supervisor, or it would be chosen seldom where there are many workers.
            let chosen = if (kills[0] + kills[1]) % 3 == 0 { supervisor } else { tree[dice.below(tree.len())] };
            if running.lives() {
                kills[usize::from(chosen != supervisor)] += 1;
                // A worker may have ended by itself meanwhile.
                let _ = Pid::from_raw(chosen as i32).map(|chosen| kill_process(chosen, Signal::KILL));
            }
        }
        // The next one begins at once: what was killed may be about to end.
        let outcome = running.wait();
        match outcome.code {
            Some(0) => break,
            None => {}
            _ => {
                let others: Vec<_> = set_aside(&outcome.expect(&[9]));
                assert!(others.iter().all(|aside| ["killed", "waits"].contains(&&*aside.1)), "{others:?}");
            }
        }
        assert!(rounds < 60, "it never ends");
    }
    println!("{kills:?} kills of the supervisor and of workers, {rounds} rounds");
    assert!(kills[0] > 3 && kills[1] > 3, "{kills:?}");
    assert_same(&folder, &wanted);
    let names: BTreeSet<String> = good().into_iter().map(|(_, output)| output.replace("out/", "")).collect();
    let entries = std::fs::read_dir(folder.at("out")).expect("read").map(|entry| entry.expect("an entry").file_name());
    let there: BTreeSet<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    assert_eq!(there, names);
}

#[test]
fn a_resumed_batch_does_again_what_has_other_inputs() {
    let folder = folder();
    let lines = [
        "raster calc b1+1 in/r0.tif -o a.tif",
        "raster calc b1+1 a.tif -o b.tif",
        "raster calc b1+1 in/r1.tif -o c.tif",
        "raster calc b1+1 in/text.tif -o d.tif",
    ];
    write_jobs(&folder, "jobs.toml", &lines);
    folder.write("in/text.tif", b"text");
    folder.run("batch jobs.toml -m 200MB --json").expect(&[9]);
    let before = hash(&folder, "b.tif");
    folder.write("in/r0.tif", &folder.read("in/r5.tif"));
    folder.write("in/text.tif", &folder.read("in/r1.tif"));
    let outcome = folder.run("batch jobs.toml -m 200MB --json --resume").expect(&[0]);
    assert_eq!((outcome.figure("/jobs/skipped"), outcome.figure("/jobs/done")), (1, 3), "{outcome}");
    assert_ne!(hash(&folder, "b.tif"), before);
    assert!(folder.at("d.tif").exists() && !folder.at("jobs.failed.jsonl").exists());
    folder.run("raster calc b1+1 in/r0.tif -o a2.tif -m 200MB").expect(&[0]);
    assert_eq!(hash(&folder, "a.tif"), hash(&folder, "a2.tif"));
    // Appended rows are there once, whatever was interrupted and when.
    folder.run("sensor ingest t0.csv -o lake --schema schema.toml --partition day -m 200MB").expect(&[0]);
    let append = ["sensor ingest t1.csv -o lake --append --schema schema.toml"];
    let plain = || folder.run("sensor ingest t1.csv -o lake --append --schema schema.toml -m 200MB --json --resume");
    write_jobs(&folder, "append.toml", &append);
    folder.run_with_fault("batch append.toml -m 200MB --json", "enospc:3:batch.write").expect(&[6]);
    let lake = hash(&folder, "lake");
    let outcome = folder.run("batch append.toml -m 200MB --json --resume").expect(&[0]);
    assert_eq!(hash(&folder, "lake"), lake, "{outcome}");
    plain().expect(&[0]);
}

#[test]
fn inputs_one_by_one() {
    let folder = folder();
    let batch = |words: &[&str]| {
        let output = folder.command("batch").args(words).output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    folder.write("in/text.tif", b"text");
    let each = "raster calc \"b1 / 10000\" {in} -o {out} --dtype float32";
    let words = ["--each", each, "in/*.tif", "--out-dir", "out", "-m", "200MB"];
    let (code, stdout, stderr) = batch(&words);
    assert_eq!(code, Some(9), "{stderr}");
    assert!(stdout.starts_with("9 jobs\n  8  done\n  1  set aside\n"), "{stdout}");
    assert_eq!(stderr.lines().filter(|line| line.starts_with("done: out/r")).count(), 8, "{stderr}");
    assert!(stderr.contains("set aside: out/text.tif (input): "), "{stderr}");
    assert!(folder.at("out/failed.jsonl").exists() && folder.at("out/r7.tif").exists());
    // What is set aside is not lost by another batch.
    let (code, _, stderr) = batch(&words);
    assert!(code == Some(6) && stderr.contains("--retry does them"), "{stderr}");
    folder.remove(&["out"]);
    let (code, ..) = batch(&["--each", "raster blur {in} -o {out}", "in/*.tif", "--out-dir", "out", "-m", "200MB"]);
    assert_eq!((code, folder.at("out").exists()), (Some(2), false));
    let (code, _, stderr) = batch(&["--each", "raster convert {inn} -o {out}", "in/*.tif", "--out-dir", "out"]);
    assert!(code == Some(2) && stderr.contains("begins no placeholder"), "{stderr}");
    let fast = [&words[..], &["--fail-fast", "-j", "1", "-q"]].concat();
    folder.write("in/a.tif", b"text");
    let (code, stdout, stderr) = batch(&fast);
    assert_eq!((code, stdout.as_str()), (Some(9), ""), "{stderr}");
    assert!(stderr.contains("set aside: out/a.tif") && !folder.at("out/r0.tif").exists(), "{stderr}");
    let (code, stdout, stderr) = batch(&[&words[..], &["--resume"]].concat());
    assert_eq!(code, Some(9), "{stderr}");
    assert!(stdout.starts_with("10 jobs\n  8  done\n"), "{stdout}");
    let stats =
        ["--each", "raster stats {in} -o out/{stem}.json", "in/r*.tif", "--out-dir", "out", "--json", "--failed", "f"];
    let (code, _, stderr) = batch(&stats);
    assert_eq!((code, folder.at("out/r3.json").exists()), (Some(0), true), "{stderr}");
}

#[test]
fn what_is_wrong_is_refused_before_anything_is_run() {
    let folder = folder();
    let first = "raster convert in/r0.tif -o a.tif";
    for (line, wanted) in [
        ("raster convert in/r1.tif -o a.tif", "jobs.toml, line 3: a.tif is the output of jobs.toml, line 1, too"),
        ("raster convert a.tif -o b.tif --co", "jobs.toml, line 3: a value is required"),
        ("raster blur a.tif -o b.tif", "line 3: unrecognized subcommand 'blur'"),
        ("info a.tif", "line 3: this command makes nothing"),
        ("raster convert b.tif -o b.tif", "line 3: the job reads what it writes"),
        ("raster convert a.tif -o b.tif -m 1GB", "line 3: --memory is said in a job"),
        ("raster convert a.tif -o 'b.tif", "line 3: a quote ' is opened"),
    ] {
        write_jobs(&folder, "jobs.toml", &[first, line]);
        let refused = folder.run("batch jobs.toml -m 200MB").expect(&[2]);
        assert!(refused.stderr.contains(wanted), "wanted {wanted:?}\n{refused}");
        assert!(refused.stderr.contains("hint: "), "{refused}");
        assert!(!folder.at("a.tif").exists() && !folder.at(".jobs.toml.batch").exists(), "{refused}");
    }
    write_jobs(&folder, "jobs.toml", &[first]);
    let refused = folder.run("batch jobs.toml -m 40MB").expect(&[3]);
    assert!(refused.stderr.contains("--memory 96MB would do"), "{refused}");
    folder.run("batch jobs.toml --each x --out-dir out -m 200MB").expect(&[2]);
    folder.run("batch none.toml -m 200MB").expect(&[5]);
    folder.run("batch").expect(&[2]);
    folder.run("batch jobs.toml -m 200MB --failed new/f.jsonl --json").expect(&[0]);
}

/// Ten thousand jobs take no more than a few.
#[test]
fn the_supervisor_stays_small() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let folders = "data/some/folder/with/a/longer/name";
    let line = |number: u32| {
        format!(
            "raster calc '(nir - red) / (nir + red)' nir={folders}/scene{number}_b8.tif red={folders}/scene{number}_b4.tif \
             -o {folders}/ndvi{number}.tif"
        )
    };
    let lines: Vec<String> = (0..10_000).map(line).collect();
    write_jobs(&folder, "jobs.toml", &lines);
    let outcome = folder.run("batch jobs.toml -m 200MB --json -q --fail-fast --progress never").expect(&[9]);
    let peak = outcome.figure("/memory/supervisor_peak");
    println!("{peak} bytes with 10,000 jobs");
    assert!(peak < 32_000_000, "{peak}");
}

/// Where the kernel kills a worker for want of memory, that is told apart from other kills.
#[test]
fn a_kill_for_want_of_memory_is_pressure() {
    let folder = folder();
    let line = "raster convert in/r1.tif -o wide.tif --dtype float64 --co BLOCKSIZE=4096";
    write_jobs(&folder, "jobs.toml", &[line, "raster convert in/r1.tif -o small.tif"]);
    let group = match MemoryGroup::new(110_000_000) {
        Ok(group) => group,
        Err(why) => return skipped("kills for want of memory", &why),
    };
    let outcome = folder.start_in(&group, "batch jobs.toml -m 1500MB -j 2 --json --retries 1").wait().expect(&[9]);
    let aside = set_aside(&outcome);
    assert_eq!(aside.len(), 1, "{outcome}");
    // With its share; with half of it, which is too little; and with what its plan needs, alone. Never with all there is.
    assert_eq!(aside[0].1, "out_of_memory", "{outcome}");
    assert!(outcome.figure("/set_aside/0/memory/grant") < 734_000_000, "{outcome}");
    assert!(folder.at("small.tif").exists());
}

/// The control group of memory that a process is in.
fn group_of(process: u64) -> Option<std::path::PathBuf> {
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).ok()?;
    let path = |line: &str| line.splitn(3, ':').nth(2).map(|path| path.trim_start_matches('/').to_string());
    let one = groups.lines().find(|line| line.split(':').nth(1) == Some("memory"));
    let (root, line) = match one {
        Some(line) => ("/sys/fs/cgroup/memory", line),
        None => ("/sys/fs/cgroup", groups.lines().find(|line| line.starts_with("0::"))?),
    };
    Some(std::path::Path::new(root).join(path(line)?))
}

/// Each worker is in a group of its own with a hard limit, where the machine lets such be made, and none is left.
#[test]
fn workers_are_held_by_control_groups_where_that_may_be() {
    let folder = folder();
    let lines = slow(&folder);
    let wanted = undisturbed(&folder, &lines);
    let process = |events: &[Value]| events.iter().find_map(|event| event["process"].as_u64());
    let mut left = Vec::new();
    for is_killed in [true, false] {
        let resume = if is_killed { "" } else { " --resume" };
        let line = format!("batch jobs.toml -m 300MB -j 2 --json{resume}");
        let mut running = folder.start_logging(&line, "log");
        let seen = wait_for(&folder, "log", &mut running, |events| process(events).is_some());
        let limits = seen.iter().find_map(|event| event["limits"].as_str()).expect("it is said what holds");
        if !limits.contains("control group each") {
            assert!(limits.starts_with("RLIMIT_DATA ("), "{limits}");
            running.kill();
            return skipped("control groups of workers", limits);
        }
        std::thread::sleep(Duration::from_millis(50));
        let group = group_of(process(&seen).expect("a process")).expect("a group");
        assert!(group.to_string_lossy().contains("/swath-"), "{}", group.display());
        let limit = ["memory.limit_in_bytes", "memory.max"]
            .iter()
            .find_map(|name| std::fs::read_to_string(group.join(name)).ok()?.trim().parse::<u64>().ok());
        assert!(limit.is_some_and(|limit| (1_100_000_000..1_250_000_000).contains(&limit)), "{limit:?}");
        left.push(group);
        if is_killed {
            running.kill();
            let members = || std::fs::read_to_string(left[0].join("cgroup.procs")).unwrap_or_default();
            let deadline = Instant::now() + Duration::from_secs(5);
            while !members().is_empty() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
        } else {
            running.wait().expect(&[0]);
        }
    }
    assert_same(&folder, &wanted);
    // That of the killed batch is removed by the next one.
    for group in left {
        assert!(!group.exists(), "{} is left", group.display());
    }
}

/// A worker shows that it lives, and ends when nobody holds its standard input any more.
#[test]
fn a_worker_lives_as_long_as_it_is_wanted() {
    let folder = folder();
    let order = json!({
        "words": ["raster", "focal", "in/r1.tif", "-o", "f.tif", "--stat", "median", "--radius", "25"],
        "grant": 109_000_000,
        "threads": 1,
        "begin": "as_said",
        "supervisor": std::process::id(),
    });
    let mut worker = folder.command("worker").stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = worker.stdin.take().expect("piped");
    stdin.write_all(format!("{order}\n").as_bytes()).expect("written");
    let mut lines = BufReader::new(worker.stdout.take().expect("piped")).lines();
    let mut last = Instant::now();
    for _ in 0..3 {
        let line: Value = serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON");
        assert_eq!(line["event"], "heartbeat", "{line}");
        assert!(last.elapsed() < Duration::from_secs(5));
        last = Instant::now();
    }
    assert!(worker.try_wait().expect("asked").is_none(), "it was over too soon for this test");
    drop(stdin);
    let begun = Instant::now();
    assert_eq!(worker.wait().expect("it ends").signal(), Some(9));
    assert!(begun.elapsed() < Duration::from_secs(5));
    // Another process's order is none, and neither is nonsense.
    for (line, wanted) in
        [(order.to_string().replace(&std::process::id().to_string(), "1"), "gone"), ("x".into(), "no order")]
    {
        let mut worker = folder.command("worker").stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = worker.stdin.take().expect("piped");
        let _ = stdin.write_all(format!("{line}\n").as_bytes());
        let output = worker.wait_with_output().expect("it ends");
        assert!(output.status.code().is_some_and(|code| code > 0), "{line}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(wanted), "{line}");
    }
}
