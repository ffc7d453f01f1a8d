//! Killed at any moment, resumed to the same bytes; and everything that must not be resumed is refused.
#![cfg(unix)]

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::Value;
use swath_testkit::{Folder, Tree, full};

/// A job that spills, runs alone on one thread and takes long enough to be hit.
const JOB: &str = "sensor ingest in.csv -o lake --schema schema.toml --partition day -m 44MB -j 1 --json";

/// The same for input of more than a gigabyte.
const LONG_JOB: &str = "sensor ingest in.csv -o lake --schema schema.toml --partition day -m 64MB -j 1 --json";

/// Work between two flushes of the journal, in bytes of input.
const FLUSH_WORK: u64 = 512_000_000;

struct Ready {
    folder: Folder,
    job: String,
    wanted: Tree,
    wall: Duration,
}

fn ready(size: &str) -> Ready {
    ready_for(JOB, size)
}

fn ready_for(job: &str, size: &str) -> Ready {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", &format!("--size {size} --sensors 500 --shuffle --conflicts 0.01"));
    let started = Instant::now();
    folder.run(job).expect(&[0]);
    let wall = started.elapsed();
    let wanted = Tree::of(&folder.at("lake"));
    folder.remove(&["lake"]);
    Ready { folder, job: job.into(), wanted, wall }
}

/// Resumes (or finds it done) and holds the lake against the reference; answers how many chunks were not done again.
#[track_caller]
fn resume(ready: &Ready, what: &str) -> u64 {
    let Ready { folder, job, wanted, .. } = ready;
    // Killed after the lake was shown, there may still be a folder to clear away; if not, nothing is done again.
    folder.write("resumed.log", b"");
    let skipped = match folder.at("lake").exists() && !folder.at(".lake.partial").exists() {
        true => 0,
        false => {
            let outcome = folder.start_logging(&format!("{job} --resume"), "resumed.log").wait();
            let outcome = outcome.expect(&[0]);
            outcome.rows();
            outcome.figure("/chunks/skipped_by_resume")
        }
    };
    wanted.assert_same(&Tree::of(&folder.at("lake")), what);
    let strays: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with(".lake")).collect();
    assert!(strays.is_empty(), "{what}: left beside the lake: {strays:?}");
    folder.remove(&["lake"]);
    skipped
}

/// The chunks that a log speaks of, with the input that each stands for and the seconds it took.
fn chunks(log: &[u8]) -> HashMap<(String, u64), (u64, f64)> {
    // The last line of a killed run may be torn.
    let events = log.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let chunks = events.filter(|event| event["event"] == "chunk").filter_map(|event| {
        let key = (event["stage"].as_str()?.to_string(), event["first"].as_u64()?);
        Some((key, (event["work"].as_u64()?, event["seconds"].as_f64()?)))
    });
    chunks.collect()
}

/// What the killed run had done and the resumed one did again: bytes of input and seconds of one worker.
fn redone(folder: &Folder) -> (u64, f64) {
    let before = chunks(&folder.read("killed.log"));
    let again = chunks(&folder.read("resumed.log"));
    before
        .iter()
        .filter(|(key, _)| again.contains_key(*key))
        .fold((0, 0.0), |sum, (_, (work, seconds))| (sum.0 + work, sum.1 + seconds))
}

/// Which of the kills are this process's, where several share them: `SWATH_TEST_SHARE=2/3` is the second of three.
fn share() -> (u32, u32) {
    let share = std::env::var("SWATH_TEST_SHARE").unwrap_or_else(|_| "1/1".into());
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0).expect("a share like 2/3");
    let (first, step) = share.split_once('/').expect("a share like 2/3");
    (number(first), number(step))
}

/// As much input as the long job works on for some thirty seconds here.
fn half_a_minute() -> String {
    const TRIED_MB: f64 = 400.0;
    let tried = ready_for(LONG_JOB, &format!("{TRIED_MB}MB")).wall.as_secs_f64();
    format!("{:.0}MB", TRIED_MB * (30.0 / tried).max(1.0))
}

#[test]
fn killed_over_the_whole_wall_time() {
    let (job, size, kills) = if full() { (LONG_JOB, half_a_minute(), 100) } else { (JOB, "40MB".into(), 12) };
    let ready = ready_for(job, &size);
    let (mut missed, mut skips, mut wall) = (0, 0, ready.wall);
    let mut work = Vec::new();
    let (first, step) = share();
    let mut kill = first;
    while kill <= kills {
        let running = ready.folder.start_logging(job, "killed.log");
        std::thread::sleep(wall * kill / (kills + 1));
        if !running.kill() {
            // The machine was busier when the job was measured.
            missed += 1;
            assert!(missed < kills, "{missed} kills came too late");
            ready.folder.remove(&["lake"]);
            let started = Instant::now();
            ready.folder.run(job).expect(&[0]);
            wall = (wall * 15 / 16).min(started.elapsed());
            ready.folder.remove(&["lake"]);
            continue;
        }
        skips += u32::from(resume(&ready, &format!("kill {kill} of {kills}")) > 0);
        work.push(redone(&ready.folder));
        println!("kill {kill} of {kills}: {skips} skipped work so far, {:?} done again", work.last());
        kill += step;
    }
    let kills = work.len();
    let most = work.iter().map(|(bytes, _)| *bytes).max().unwrap_or_default();
    let seconds = work.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
    println!(
        "{kills} kills hit a job of {:?} ({missed} came too late); {skips} resumed runs skipped work; at most {} MB of \
         input and {seconds:.1} s were done again",
        ready.wall,
        most / 1_000_000
    );
    // As much again may be done while a flush is under way, and a little is kept in memory.
    assert!(most <= 2 * FLUSH_WORK + 64_000_000, "{most} bytes of input were done again: {work:?}");
    // A short job has not yet flushed its journal (every 10 s or 512 MB) when it is killed, so only a long one tells.
    assert!(!full() || skips as usize * 10 >= kills * 6, "only {skips} of {kills} resumed runs skipped work");
}

/// A kill at a named moment, rather than a time: the journal, the rename, the manifest, the parts.
#[test]
fn killed_at_points() {
    let ready = ready("12MB");
    let (mut killed, mut nth, mut step) = (0, 1, 1);
    loop {
        let outcome = ready.folder.run_with_fault(JOB, &format!("kill:{nth}"));
        if outcome.code == Some(0) {
            break;
        }
        assert_eq!(outcome.signal, Some(9), "{outcome}");
        resume(&ready, &format!("killed at point {nth}"));
        killed += 1;
        // Every one of the first twenty, then ever wider: the last ones are alike.
        step += usize::from(nth > 20);
        nth += step;
        assert!(nth < 5000, "points without end");
    }
    assert!(killed > 15, "only {killed} points were passed");
}

/// An `--overwrite` that is killed while it clears away an unfinished run leaves nothing that a resume could take for
/// work done.
#[test]
fn killed_while_an_unfinished_run_is_cleared_away() {
    let ready = ready("12MB");
    for nth in 1..=5 {
        ready.folder.run_with_fault(JOB, "enospc:1:manifest.create").expect(&[6]);
        let outcome = ready.folder.run_with_fault(&format!("{JOB} --overwrite"), &format!("kill:{nth}:sink.remove"));
        assert_eq!(outcome.signal, Some(9), "{outcome}");
        resume(&ready, &format!("killed at removal {nth}"));
    }
}

/// Units that begin inside of a quoted field are routed twice; a kill may keep the second time and not the first.
#[test]
fn mended_units_are_resumed() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let note = "a line\n".repeat(8);
    let row = |at: u32| format!("s{},{},{}.5,8,\"{note}\"\n", at % 7, 1_700_000_000 + at, at % 7);
    folder.write("in.csv", format!("id,time,lat,lon,note\n{}", (0..500_000).map(row).collect::<String>()).as_bytes());
    let schema = "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\n\
                  format = \"epoch_s\"\nrole = \"time\"\n[columns.lat]\ntype = \"float64\"\nrole = \"y\"\n\
                  [columns.lon]\ntype = \"float64\"\nrole = \"x\"\n[columns.note]\ntype = \"string\"\n";
    folder.write("schema.toml", schema.as_bytes());
    let mut ready = Ready { folder, job: String::new(), wanted: Tree::default(), wall: Duration::ZERO };
    let mut ended_early = 0;
    for partition in ["none", "sensor:3"] {
        let job = |memory: u32| {
            format!(
                "sensor ingest in.csv -o lake --schema schema.toml --partition {partition} -m {memory}MB -j 2 --json"
            )
        };
        ready.folder.run(&job(256)).expect(&[0]);
        ready.wanted = Tree::of(&ready.folder.at("lake"));
        ready.folder.remove(&["lake"]);
        for memory in [80, 100, 130, 256] {
            for fault in ["enospc:1:part.create", "kill:30:scratch.write"] {
                ready.job = job(memory);
                ended_early += u32::from(ready.folder.run_with_fault(&ready.job, fault).code != Some(0));
                resume(&ready, &format!("{partition} mended at {memory} MB, {fault}"));
            }
        }
    }
    assert!(ended_early >= 10, "only {ended_early} of 16 runs ended early");
}

/// A part that is gone when the run is resumed is missed before the lake is shown.
#[test]
fn a_part_that_was_removed_is_missed() {
    let ready = ready("40MB");
    ready.folder.run_with_fault(JOB, "enospc:1:manifest.create").expect(&[6]);
    let unfinished = Tree::of(&ready.folder.at(".lake.partial"));
    let part = unfinished.paths().find(|path| path.ends_with(".parquet")).expect("a part").to_string();
    std::fs::remove_file(ready.folder.at(".lake.partial").join(&part)).expect("removed");
    let outcome = ready.folder.run(&format!("{JOB} --resume")).expect(&[6]);
    assert!(outcome.stderr.contains("somebody changed the unfinished output"), "{outcome}");
    assert!(!ready.folder.at("lake").exists(), "a lake without one of its parts is shown");
}

/// An input that cannot be read for a while is no reason to throw away what is done.
#[test]
fn an_input_that_went_away_and_came_back() {
    let ready = ready("40MB");
    let (here, away) = (ready.folder.at("in.csv"), ready.folder.at("away.csv"));
    let mut missed = 0;
    for part in 1..=4 {
        let running = ready.folder.start(JOB);
        std::thread::sleep(ready.wall * part / 8);
        std::fs::rename(&here, &away).expect("renamed");
        let outcome = running.wait().expect(&[0, 5]);
        std::fs::rename(&away, &here).expect("renamed");
        if outcome.code == Some(5) && ready.folder.at(".lake.partial/run").exists() {
            missed += 1;
            assert!(outcome.stderr.contains("--resume then goes on"), "{outcome}");
            resume(&ready, &format!("away at {part}/8"));
        } else {
            ready.folder.remove(&["lake"]);
        }
    }
    assert!(missed > 0, "the input was never missed");
}

#[test]
fn interrupted_and_resumed() {
    let ready = ready("40MB");
    let (mut stopped, mut skipped) = (0, Vec::new());
    for part in 1..=5 {
        let mut running = ready.folder.start(JOB);
        std::thread::sleep(ready.wall * part / 6);
        running.interrupt();
        let outcome = running.wait().expect(&[0, 75]);
        if outcome.code == Some(75) {
            stopped += 1;
            assert!(!ready.folder.at("lake").exists(), "something stands at the final path\n{outcome}");
            assert!(outcome.stderr.contains("--resume"), "no hint to resume\n{outcome}");
        }
        skipped.push(resume(&ready, &format!("interrupted at {part}/6")));
    }
    assert!(stopped >= 3, "only {stopped} of 5 were stopped");
    // A clean stop keeps what is on scratch; runs that were held in memory are done again.
    let skips = skipped.iter().filter(|chunks| **chunks > 0).count();
    assert!(skips >= 2, "chunks not done again after 5 interrupts, of which {stopped} hit: {skipped:?}");
}

#[test]
fn a_second_run_is_refused_while_the_first_lives() {
    let ready = ready("40MB");
    let mut first = ready.folder.start(JOB);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !ready.folder.at(".lake.partial/run/lock").exists() {
        assert!(Instant::now() < deadline && first.lives(), "the first run never took its lock");
        std::thread::sleep(Duration::from_millis(2));
    }
    for words in ["", "--resume", "--overwrite"] {
        let second = ready.folder.run(&format!("{JOB} {words}"));
        assert!(first.lives(), "the first run was over too soon for this test");
        let second = second.expect(&[6]);
        assert!(second.error_text().contains(".lake.partial"), "no path\n{second}");
    }
    first.wait().expect(&[0]);
    ready.wanted.assert_same(&Tree::of(&ready.folder.at("lake")), "the first run, disturbed");
}

#[test]
fn a_changed_job_is_not_resumed() {
    let ready = ready("12MB");
    let folder = &ready.folder;
    let outcome = folder.run_with_fault(JOB, "kill:15");
    assert_eq!(outcome.signal, Some(9), "{outcome}");
    let check = |line: &str, reason: &str| {
        let refused = folder.run(line).expect(&[6]);
        assert!(refused.error_text().contains(reason), "wanted {reason:?}\n{refused}");
        assert!(!folder.at("lake").exists(), "something stands at the final path\n{refused}");
    };
    check(JOB, "unfinished");
    check(&format!("{} --resume", JOB.replace("day", "hour")), "partition");
    check(&format!("{JOB} --resume --sort hilbert"), "sort");
    check(&format!("{JOB} --resume --target-file-size 1MB"), "target");
    check(&format!("{JOB} --resume --since 2025-03-02"), "since");
    let schema = folder.read("schema.toml");
    folder.write("schema.toml", &[&schema[..], b"keep = \"last\"\n"].concat());
    check(&format!("{JOB} --resume"), "schema");
    folder.write("schema.toml", &schema);
    let input = folder.read("in.csv");
    let mut longer = input.clone();
    longer.extend_from_slice(b"\n");
    folder.write("in.csv", &longer);
    check(&format!("{JOB} --resume"), "in.csv");
    folder.write("in.csv", &input);
    check(&format!("{JOB} --resume"), "in.csv has changed: time of change");
    // Memory and threads are no part of a job: what was begun small may be ended large.
    folder.run(&format!("{JOB} --overwrite")).expect(&[0]);
    ready.wanted.assert_same(&Tree::of(&folder.at("lake")), "begun anew with --overwrite");
    folder.remove(&["lake"]);
    assert_eq!(folder.run_with_fault(JOB, "kill:15").signal, Some(9));
    let other = JOB.replace("44MB", "1GB").replace("-j 1", "-j 3");
    folder.run(&format!("{other} --resume")).expect(&[0]);
    ready.wanted.assert_same(&Tree::of(&folder.at("lake")), "resumed with another ceiling");
}

/// What stands at the output stays as it was until the new lake is whole.
#[test]
fn overwrite_keeps_the_old_until_the_end() {
    let ready = ready("12MB");
    let folder = &ready.folder;
    folder.run(&JOB.replace("--partition day", "--partition month")).expect(&[0]);
    let old = Tree::of(&folder.at("lake"));
    folder.run(JOB).expect(&[6]);
    for nth in [3, 10, 20] {
        let outcome = folder.run_with_fault(&format!("{JOB} --overwrite"), &format!("enospc:{nth}"));
        outcome.expect(&[6]);
        old.assert_same(&Tree::of(&folder.at("lake")), "after a failed --overwrite");
    }
    folder.run(&format!("{JOB} --overwrite")).expect(&[0]);
    ready.wanted.assert_same(&Tree::of(&folder.at("lake")), "after --overwrite");
}
