//! `--isolate`: the same bytes from a process of its own, which goes on where it dies, and ends with the one that waits
//! for it.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, missing_docs)]

use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use swath_testkit::{Folder, MemoryGroup, Outcome, Running, Tree, sha256, skipped};

const INGEST: &str = "sensor ingest in.csv -o lake --schema schema.toml --partition day -m 100MB -j 2 --json";

fn folder() -> (Folder, Tree) {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--rows 400000 --sensors 60 --conflicts 0.01");
    folder.run(INGEST).expect(&[0]);
    let wanted = Tree::of(&folder.at("lake"));
    folder.remove(&["lake"]);
    (folder, wanted)
}

fn child(of: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    children.split_whitespace().next().and_then(|child| child.parse().ok())
}

/// The process that works, once there is one that is another than `before`.
#[track_caller]
fn worker(running: &mut Running, before: Option<u32>) -> u32 {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match child(running.id()) {
            Some(child) if Some(child) != before => return child,
            _ => assert!(running.lives() && Instant::now() < deadline, "nobody works"),
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the run has something to go on from.
#[track_caller]
fn wait_for_work(folder: &Folder, running: &mut Running) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !folder.at(".lake.partial/run").exists() {
        assert!(running.lives() && Instant::now() < deadline, "no work is begun");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(process: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(process as i32).expect("a process"), signal);
}

/// Ends a process; the first crash that nobody caused is taken by what looks for stacks that are full.
fn end(process: u32, how: Signal) {
    while std::path::Path::new(&format!("/proc/{process}")).exists() {
        signal(process, how);
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[track_caller]
fn assert_gone(process: u32) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while std::path::Path::new(&format!("/proc/{process}")).exists() {
        assert!(Instant::now() < deadline, "{process} is left");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for the end, and answers the highest sum of what both processes occupy.
fn watched(mut running: Running) -> (Outcome, u64) {
    let of = |id: u32| {
        let text = std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    let mut highest = 0;
    while running.lives() {
        let id = running.id();
        highest = highest.max(of(id) + child(id).map_or(0, of));
        std::thread::sleep(Duration::from_millis(2));
    }
    (running.wait(), highest)
}

#[test]
fn bytes_and_results_are_those_of_a_single_process() {
    let (folder, wanted) = folder();
    let (outcome, highest) = watched(folder.start(&format!("{INGEST} --isolate")));
    let outcome = outcome.expect(&[0]);
    Tree::of(&folder.at("lake")).assert_same(&wanted, "isolated");
    assert!(outcome.rows().read > 0, "{outcome}");
    assert!(highest > 0 && highest < 100_000_000, "{highest}");
    let [ceiling, predicted, actual] =
        ["ceiling", "predicted_peak", "actual_peak"].map(|name| outcome.figure(&format!("/memory/{name}")));
    assert!(actual <= predicted && predicted <= ceiling && ceiling == 100_000_000, "{outcome}");
    assert!(!outcome.stderr.contains("process"), "{outcome}");
    folder.run("synth raster -o r.tif --size 900x700 -m 100MB -q").expect(&[0]);
    for (words, output) in [
        ("raster calc b1*2 r.tif", "c.tif"),
        ("raster warp r.tif --dst-crs EPSG:3857 -r cubic", "w.tif"),
        ("raster pipeline read r.tif ! calc b1/3 ! write", "p.tif"),
        ("raster stats r.tif --percentiles 5,95", "s.json"),
        ("synth raster --size 700x300", "n.tif"),
    ] {
        let to = if words.contains("pipeline") { "" } else { "-o " };
        folder.run(&format!("{words} {to}{output} -m 100MB")).expect(&[0]);
        let alone = sha256(&folder.at(output));
        folder.run(&format!("{words} {to}{output} -m 100MB --overwrite --isolate")).expect(&[0]);
        assert_eq!(sha256(&folder.at(output)), alone, "{words}");
    }
    // What is printed only, too.
    let [alone, isolated] = ["", " --isolate"].map(|flag| folder.run(&format!("raster stats r.tif -m 100MB{flag} -q")));
    assert_eq!(alone.expect(&[0]).stdout, isolated.expect(&[0]).stdout);
}

#[test]
fn what_is_wrong_is_told_once_with_its_exit_code() {
    let (folder, _) = folder();
    folder.run(INGEST).expect(&[0]);
    for (words, code) in [
        ("in.csv -o lake", 6),
        ("in.csv -o other -m 20MB", 3),
        ("in.csv -o other --partition nonsense", 2),
        ("gone.csv -o other", 5),
        ("in.csv -o other --resume --overwrite", 2),
    ] {
        let alone = folder.run(&format!("sensor ingest {words} --json")).expect(&[code]);
        let outcome = folder.run(&format!("sensor ingest {words} --json --isolate")).expect(&[code]);
        assert_eq!(outcome.stderr.matches("error:").count(), 1, "{outcome}");
        assert_eq!(outcome.json()["exit"], code, "{outcome}");
        if code != 3 {
            assert_eq!(outcome.stdout, alone.stdout);
        }
    }
    // The ceiling that is told is one of both processes.
    let words = "sensor ingest in.csv -o other --schema schema.toml --isolate";
    let refused = folder.run(&format!("{words} -m 30MB --json")).expect(&[3]);
    let smallest = refused.figure("/error/smallest_ceiling").div_ceil(1_000_000);
    assert!(refused.stderr.contains(&format!("--memory {smallest}MB would do")), "{refused}");
    let (outcome, highest) = watched(folder.start(&format!("{words} -m {smallest}MB")));
    outcome.expect(&[0]);
    assert!(highest < smallest * 1_000_000, "{highest} under {smallest} MB");
    // A plan is made by no other process, and speaks of it.
    let plan = folder.run(&format!("{words} --explain -m 100MB --overwrite")).expect(&[0]);
    assert!(plan.stdout.contains("isolation"), "{plan}");
    // A report is written by the one that works.
    folder.run(&format!("{words} -m 120MB --overwrite --report r.html")).expect(&[0]);
    let report = folder.run("report r.html --json").expect(&[0]);
    assert!(report.stdout.contains("--isolate") && report.stdout.contains("isolation"), "{report}");
}

#[test]
fn a_process_that_dies_goes_on() {
    let (folder, wanted) = folder();
    for (how, told) in [
        (Signal::KILL, "killed from outside (signal 9); it goes on"),
        (Signal::SEGV, "ended by signal 11; it goes on"),
        (Signal::ABORT, "ended by signal 6; it goes on"),
    ] {
        let mut running = folder.start(&format!("{INGEST} --isolate"));
        let first = worker(&mut running, None);
        wait_for_work(&folder, &mut running);
        end(first, how);
        let outcome = running.wait().expect(&[0]);
        Tree::of(&folder.at("lake")).assert_same(&wanted, told);
        assert!(outcome.stderr.contains(told), "{outcome}");
        assert!(outcome.rows().read > 0, "{outcome}");
        folder.remove(&["lake"]);
    }
    // Not for ever; what is done is kept.
    for (how, code) in [(Signal::KILL, 75), (Signal::BUS, 1)] {
        let mut running = folder.start(&format!("{INGEST} --isolate"));
        let first = worker(&mut running, None);
        wait_for_work(&folder, &mut running);
        end(first, how);
        let second = worker(&mut running, Some(first));
        end(second, how);
        let outcome = running.wait().expect(&[code]);
        assert!(outcome.stderr.contains("twice") && outcome.stderr.contains("--resume"), "{outcome}");
        assert_eq!(outcome.json()["exit"], code, "{outcome}");
        assert!(!folder.at("lake").exists());
        folder.run(&format!("{INGEST} --isolate --resume")).expect(&[0]);
        Tree::of(&folder.at("lake")).assert_same(&wanted, "resumed");
        folder.remove(&["lake"]);
    }
}

/// What is replaced stays until the new one is whole, and what is only printed begins anew.
#[test]
fn a_death_changes_nothing_of_what_is_asked_for() {
    let (folder, wanted) = folder();
    folder.run(&INGEST.replace("day", "none")).expect(&[0]);
    let mut running = folder.start(&format!("{INGEST} --overwrite --isolate"));
    let first = worker(&mut running, None);
    wait_for_work(&folder, &mut running);
    end(first, Signal::KILL);
    running.wait().expect(&[0]);
    Tree::of(&folder.at("lake")).assert_same(&wanted, "replaced");
    folder.run("synth raster -o r.tif --size 4000x4000 -m 100MB -q").expect(&[0]);
    let line = "raster stats r.tif --percentiles 5,95 -m 100MB -j 1 -q --isolate";
    let alone = folder.run(line).expect(&[0]).stdout;
    let mut running = folder.start(line);
    end(worker(&mut running, None), Signal::KILL);
    assert_eq!(running.wait().expect(&[0]).stdout, alone);
}

#[test]
fn whoever_waits_takes_the_process_along() {
    let (folder, wanted) = folder();
    for ends in [Signal::KILL, Signal::INT, Signal::TERM] {
        let mut running = folder.start(&format!("{INGEST} --isolate"));
        let worker = worker(&mut running, None);
        wait_for_work(&folder, &mut running);
        signal(running.id(), ends);
        let outcome = running.wait();
        assert_eq!(outcome.code, if ends == Signal::KILL { None } else { Some(75) }, "{outcome}");
        assert!(ends == Signal::KILL || outcome.stderr.matches("error:").count() == 1, "{outcome}");
        assert_gone(worker);
        assert!(!folder.at("lake").exists());
        folder.run(&format!("{INGEST} --isolate --resume")).expect(&[0]);
        Tree::of(&folder.at("lake")).assert_same(&wanted, "resumed");
        folder.remove(&["lake"]);
    }
}

/// Memory that cannot be had: by each process, so that in the end it is told, once.
#[test]
fn a_limit_that_is_met_leads_to_smaller_pieces_and_then_to_the_end() {
    let (folder, _) = folder();
    let outcome = folder.run_with_fault(&format!("{INGEST} --isolate"), "alloc:3").expect(&[4]);
    let plans = ["met its limit of memory; it goes on with a plan for 50 MB", "a plan for 25 MB"];
    assert!(plans.iter().all(|plan| outcome.stderr.contains(plan)), "{outcome}");
    assert_eq!(outcome.stderr.matches("error:").count(), 1, "{outcome}");
    assert_eq!(outcome.json()["exit"], 4, "{outcome}");
    assert!(!folder.at("lake").exists());
}

/// A container that has less than was said.
#[test]
fn less_memory_than_was_said_does() {
    let (folder, _) = folder();
    let group = match MemoryGroup::new(70_000_000) {
        Ok(group) => group,
        Err(reason) => return skipped("a run in a memory cgroup", &reason),
    };
    folder.telemetry("in.csv", "--rows 1500000 --sensors 60");
    let line = INGEST.replace("-m 100MB", "-m 220MB");
    folder.run(&line).expect(&[0]);
    let wanted = Tree::of(&folder.at("lake"));
    folder.remove(&["lake"]);
    let outcome = folder.start_in(&group, &format!("{line} --isolate")).wait().expect(&[0]);
    assert!(outcome.stderr.contains("the kernel killed the job's process for want of memory; it goes on"), "{outcome}");
    Tree::of(&folder.at("lake")).assert_same(&wanted, "with less than was said");
}

/// The words would mean something else: what came through the pipe is gone.
#[test]
fn what_can_be_read_only_once_is_not_begun_again() {
    let (folder, _) = folder();
    assert!(Command::new("mkfifo").arg(folder.at("pipe.toml")).status().expect("mkfifo").success());
    let (pipe, schema) = (folder.at("pipe.toml"), folder.read("schema.toml"));
    let writer = std::thread::spawn(move || {
        let mut pipe = std::fs::OpenOptions::new().write(true).open(pipe).expect("opened");
        pipe.write_all(&schema).expect("written");
    });
    let mut running = folder.start(&format!("{} --isolate", INGEST.replace("schema.toml", "pipe.toml")));
    let first = worker(&mut running, None);
    writer.join().expect("a reader");
    wait_for_work(&folder, &mut running);
    signal(first, Signal::KILL);
    let outcome = running.wait().expect(&[75]);
    assert!(
        outcome.stderr.contains("an input can be read only once") && !outcome.stderr.contains("goes on"),
        "{outcome}"
    );
    assert!(!folder.at("lake").exists());
}

/// A process that keeps something of every task is ended before it is large; another one goes on with what is done.
#[test]
fn growth_from_task_to_task_is_told_and_outlived() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.run("synth raster -o r.tif --size 8000x6000 -m 100MB -q").expect(&[0]);
    let line = "raster calc b1*2 r.tif -o d.tif -m 400MB -j 1 --json --drift-limit";
    // What does not grow is not stopped.
    folder.run(&format!("{line} 20MB")).expect(&[0]);
    let wanted = sha256(&folder.at("d.tif"));
    folder.remove(&["d.tif"]);
    // What grows by less is not, either.
    folder.run_with_fault(&format!("{line} 200MB --overwrite"), "leak:1").expect(&[0]);
    folder.remove(&["d.tif"]);
    let outcome = folder.run_with_fault(&format!("{line} 20MB"), "leak:1").expect(&[4]);
    let error = outcome.error_text();
    let grown = error.split("grew by ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a figure");
    let live = error.split("limit is 20 MB: ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a figure");
    let [grown, live] = [grown, live].map(|figure| figure.parse::<f64>().expect("a number"));
    assert!((20.0..180.0).contains(&grown) && (grown - live).abs() < 10.0, "{error}");
    assert!(error.contains("is kept by the allocator, 0 more files are open"), "{error}");
    assert!(outcome.stderr.contains("--resume") && outcome.json()["error"]["drifted"] == true, "{outcome}");
    assert!(!folder.at("d.tif").exists());
    folder.run(&format!("{line} 20MB --resume")).expect(&[0]);
    assert_eq!(sha256(&folder.at("d.tif")), wanted);
    folder.remove(&["d.tif"]);
    let outcome = folder.run_with_fault(&format!("{line} 20MB --isolate"), "leak:1").expect(&[0]);
    assert!(outcome.stderr.matches("the job's process grew and ended; it goes on").count() > 0, "{outcome}");
    assert_eq!(outcome.stderr.matches("error:").count(), 0, "{outcome}");
    assert_eq!(sha256(&folder.at("d.tif")), wanted);
    folder.remove(&["d.tif"]);
    folder.write("jobs.toml", b"[[job]]\nrun = 'raster calc b1*2 r.tif -o d.tif'\n");
    let outcome =
        folder.run_with_fault("batch jobs.toml -m 400MB -j 1 --json --drift-limit 20MB", "leak:1").expect(&[0]);
    assert!(outcome.figure("/jobs/retried") > 0, "{outcome}");
    assert_eq!(sha256(&folder.at("d.tif")), wanted);
}
