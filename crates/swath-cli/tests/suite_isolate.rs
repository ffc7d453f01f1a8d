//! `--isolate`: the same bytes from a process of its own, which is begun again where it dies, and ends with the one that
//! waits for it.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, missing_docs)]

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use swath_testkit::{Folder, MemoryGroup, Running, Tree, sha256, skipped};

const INGEST: &str = "sensor ingest in.csv -o lake --schema schema.toml --partition day -m 100MB -j 2 --json";

fn folder() -> (Folder, Tree) {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--rows 400000 --sensors 60 --conflicts 0.01");
    folder.run(INGEST).expect(&[0]);
    let wanted = Tree::of(&folder.at("lake"));
    folder.remove(&["lake"]);
    (folder, wanted)
}

/// The process that works, once there is one.
fn worker(running: &mut Running) -> u32 {
    let path = format!("/proc/{0}/task/{0}/children", running.id());
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let children = std::fs::read_to_string(&path).unwrap_or_default();
        if let Some(child) = children.split_whitespace().next().and_then(|child| child.parse().ok()) {
            return child;
        }
        assert!(running.lives() && Instant::now() < deadline, "nobody works");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn signal(process: u32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(process as i32).expect("a process"), signal);
}

#[test]
fn the_bytes_are_the_same_and_the_result_is_printed() {
    let (folder, wanted) = folder();
    let outcome = folder.run(&format!("{INGEST} --isolate")).expect(&[0]);
    Tree::of(&folder.at("lake")).assert_same(&wanted, "isolated");
    assert!(outcome.rows().read > 0 && outcome.figure("/memory/actual_peak") < 100_000_000, "{outcome}");
    // What is wrong is told once, with its exit code.
    for (words, code) in [("-o lake", 6), ("-o other -m 20MB", 3), ("-o other --partition nonsense", 2)] {
        let outcome = folder.run(&format!("sensor ingest in.csv {words} --isolate")).expect(&[code]);
        assert_eq!(outcome.stderr.matches("error:").count(), 1, "{outcome}");
    }
    let refused = folder.run("sensor ingest in.csv -o other --isolate -m 36MB").expect(&[3]);
    let would_do = refused.stderr.split("--memory ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a figure");
    folder.run(&format!("sensor ingest in.csv -o other --isolate -m {would_do}")).expect(&[0]);
    folder.run("synth raster -o r.tif --size 900x700 -m 100MB").expect(&[0]);
    folder.run("raster calc b1*2 r.tif -o a.tif -m 100MB").expect(&[0]);
    folder.run("raster calc b1*2 r.tif -o b.tif -m 100MB --isolate").expect(&[0]);
    assert_eq!(sha256(&folder.at("a.tif")), sha256(&folder.at("b.tif")));
}

#[test]
fn a_process_that_is_killed_goes_on() {
    let (folder, wanted) = folder();
    for wait in [5, 60, 150] {
        let mut running = folder.start(&format!("{INGEST} --isolate"));
        let worker = worker(&mut running);
        std::thread::sleep(Duration::from_millis(wait));
        signal(worker, Signal::KILL);
        let outcome = running.wait().expect(&[0]);
        Tree::of(&folder.at("lake")).assert_same(&wanted, &format!("killed after {wait} ms"));
        assert!(outcome.stderr.contains("ended by signal 9; it goes on"), "{outcome}");
        folder.remove(&["lake"]);
    }
}

#[test]
fn whoever_waits_takes_the_process_along() {
    let (folder, wanted) = folder();
    for ends in [Signal::KILL, Signal::INT] {
        let mut running = folder.start(&format!("{INGEST} --isolate"));
        let worker = worker(&mut running);
        std::thread::sleep(Duration::from_millis(50));
        signal(running.id(), ends);
        let outcome = running.wait();
        assert_eq!(outcome.code, if ends == Signal::INT { Some(75) } else { None }, "{outcome}");
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::path::Path::new(&format!("/proc/{worker}")).exists() {
            assert!(Instant::now() < deadline, "the process outlives the one that waited");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!folder.at("lake").exists());
        folder.run(&format!("{INGEST} --isolate --resume")).expect(&[0]);
        Tree::of(&folder.at("lake")).assert_same(&wanted, "resumed");
        folder.remove(&["lake"]);
    }
}

/// A container that has less than was said.
#[test]
fn less_memory_than_was_said_does() {
    let (folder, wanted) = folder();
    let group = match MemoryGroup::new(80_000_000) {
        Ok(group) => group,
        Err(reason) => return skipped("a run in a memory cgroup", &reason),
    };
    let line = INGEST.replace("-m 100MB", "-m 150MB");
    let outcome = folder.start_in(&group, &format!("{line} --isolate")).wait().expect(&[0]);
    assert!(outcome.stderr.contains("the kernel killed its process for want of memory"), "{outcome}");
    Tree::of(&folder.at("lake")).assert_same(&wanted, "with less than was said");
}
