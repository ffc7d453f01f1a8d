//! What goes wrong around a run: small disks that are full, places where nothing may be written, inputs that somebody writes to
//! meanwhile, storms of signals, and clocks that jump.
#![cfg(target_os = "linux")]
#![allow(clippy::expect_used, missing_docs)]

use std::os::unix::fs::FileExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use swath_testkit::{Folder, Running, Tree, skipped};

/// Verbs that take a moment, with what they make.
const VERBS: [(&str, &str, &str); 4] = [
    ("sensor ingest in.csv -o lake --schema schema.toml --partition day -m 48MB -j 2 --json", "in.csv", "lake"),
    ("raster calc b1/b2 a.tif -o out.tif -m 48MB -j 2 --json", "a.tif", "out.tif"),
    ("raster warp a.tif --dst-crs EPSG:4326 -r bilinear -o out.tif -m 64MB -j 2 --json", "a.tif", "out.tif"),
    ("raster stats a.tif --percentiles 50 -o out.json -m 48MB -j 2 --json", "a.tif", "out.json"),
];

fn folder() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--size 30MB --sensors 300 --shuffle --conflicts 0.01");
    folder.run("synth raster -o a.tif --size 4000x3000 --bands 2 --seed 1 --co COMPRESS=NONE -q").expect(&[0]);
    folder
}

/// What a verb makes when nobody disturbs it, and how long that takes.
fn undisturbed(folder: &Folder, line: &str, output: &str) -> (Tree, Duration) {
    let begun = Instant::now();
    folder.run(line).expect(&[0]);
    let wall = begun.elapsed();
    let wanted = Tree::of(&folder.at(output));
    folder.remove(&[output]);
    (wanted, wall)
}

/// Runs shell words in a mount namespace of their own, where `disk` is a small disk of `megabytes` in memory.
fn on_a_small_disk(folder: &Folder, megabytes: u32, words: &str) -> Output {
    std::fs::create_dir_all(folder.at("disk")).expect("a folder");
    let script = format!("mount -t tmpfs -o size={megabytes}m tmpfs disk || exit 99; {words}");
    let mut command = Command::new("unshare");
    command.args(["-m", "/bin/sh", "-c", &script]).current_dir(folder.path()).stdin(Stdio::null());
    command.env("SWATH", env!("CARGO_BIN_EXE_swath")).output().expect("it starts")
}

fn can_mount(folder: &Folder) -> bool {
    let can = on_a_small_disk(folder, 1, "true").status.success();
    if !can {
        skipped("small disks", "this user may mount nothing");
    }
    can
}

#[test]
fn a_small_disk_that_is_full_of_output_or_scratch() {
    let folder = folder();
    if !can_mount(&folder) {
        return;
    }
    for (line, _, output) in VERBS {
        let (wanted, _) = undisturbed(&folder, line, output);
        if output == "out.json" {
            // Too small for any disk.
            continue;
        }
        let there = line.replace(&format!("-o {output}"), &format!("-o disk/{output}"));
        let words = format!(
            "\"$SWATH\" {there}; test $? = 6 || exit 1; test ! -e disk/{output} || exit 2; \
             mount -o remount,size=300m disk; \"$SWATH\" {there} --resume || exit 3; mv disk/{output} . || exit 4; \
             test -z \"$(ls -A disk)\" || exit 5"
        );
        let done = on_a_small_disk(&folder, 2, &words);
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success(), "{line}: {:?} {told}", done.status);
        assert!(told.contains("space") || told.contains("room"), "{told}");
        wanted.assert_same(&Tree::of(&folder.at(output)), line);
        folder.remove(&[output]);
    }
}

#[test]
fn a_small_disk_that_is_full_of_scratch() {
    let folder = folder();
    if !can_mount(&folder) {
        return;
    }
    let (line, _, output) = VERBS[0];
    let line = line.replace("-m 48MB", "-m 40MB");
    let (wanted, _) = undisturbed(&folder, &line, output);
    let words = format!(
        "\"$SWATH\" {line} --tmp-dir disk; test $? = 6 || exit 1; test ! -e lake || exit 2; \
         mount -o remount,size=300m disk; \"$SWATH\" {line} --tmp-dir disk --resume || exit 3; \
         test -z \"$(ls -A disk)\" || exit 5"
    );
    let done = on_a_small_disk(&folder, 3, &words);
    assert!(done.status.success(), "{:?} {}", done.status, String::from_utf8_lossy(&done.stdout));
    wanted.assert_same(&Tree::of(&folder.at(output)), "scratch on a small disk");
    assert!(folder.names().iter().all(|name| !name.starts_with(".lake")), "{:?}", folder.names());
}

#[test]
fn a_place_where_nothing_may_be_written() {
    let folder = folder();
    if !can_mount(&folder) {
        return;
    }
    for (line, _, output) in VERBS {
        let there = line.replace(&format!("-o {output}"), &format!("-o disk/{output}"));
        let words = format!("mount -o remount,ro disk; \"$SWATH\" {there}");
        let done = on_a_small_disk(&folder, 1, &words);
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.code(), Some(6), "{line}: {told}");
        assert!(told.contains("Read-only") && told.contains("choose a folder"), "{line}: {told}");
    }
}

/// What somebody does to an input.
#[derive(Debug, Clone, Copy)]
enum Change {
    Shrink,
    Grow,
    Overwrite,
    Replace,
}

fn change(folder: &Folder, name: &str, how: Change) {
    let path = folder.at(name);
    let file = std::fs::File::options().write(true).open(&path).expect("an input");
    let length = file.metadata().expect("there").len();
    match how {
        Change::Shrink => file.set_len(length / 3).expect("cut"),
        Change::Grow => file.write_all_at(b"s1,2025-03-01T00:00:00Z,1,1,1,1,1,1,1,1\n", length).expect("written"),
        Change::Overwrite => file.write_all_at(&[b'7'; 4096], length / 2).expect("written"),
        Change::Replace => {
            std::fs::write(folder.at("new"), vec![b'7'; length as usize]).expect("written");
            std::fs::rename(folder.at("new"), &path).expect("renamed");
        }
    }
}

/// Either the change came when all was read, and the output is as if it had not been; or it is told, and there is none.
#[test]
fn an_input_that_changes_while_it_is_read() {
    let folder = folder();
    let mut told = 0;
    for (line, input, output) in VERBS {
        let (wanted, wall) = undisturbed(&folder, line, output);
        let copied = std::fs::copy(folder.at(input), folder.at("kept")).expect("copied");
        assert!(copied > 0);
        for (position, how) in
            [Change::Shrink, Change::Grow, Change::Overwrite, Change::Replace].into_iter().enumerate()
        {
            for part in [1, 4] {
                let running = folder.start(line);
                std::thread::sleep(wall * (2 * part + position as u32 % 2) / 14);
                change(&folder, input, how);
                let outcome = running.wait_within(Duration::from_secs(60)).expect("it hangs");
                let what = format!("{how:?} after {part}: {line}");
                let outcome = outcome.expect(&[0, 5]);
                match outcome.code {
                    Some(0) => wanted.assert_same(&Tree::of(&folder.at(output)), &what),
                    _ => {
                        told += 1;
                        assert!(outcome.error_text().contains(input), "{what}: no name\n{outcome}");
                        assert!(!folder.at(output).exists(), "{what}: something stands at the final path\n{outcome}");
                    }
                }
                std::fs::copy(folder.at("kept"), folder.at(input)).expect("copied");
                folder.remove(&[output, &format!(".{output}.partial")]);
            }
        }
    }
    assert!(told >= 12, "only {told} of 32 changes were met");
}

fn signal(running: &Running, signal: Signal) {
    let id = i32::try_from(running.id()).ok().and_then(Pid::from_raw).expect("an id");
    let _ = kill_process(id, signal);
}

#[test]
fn a_storm_of_signals() {
    let folder = folder();
    for (line, _, output) in VERBS {
        let (wanted, wall) = undisturbed(&folder, line, output);
        // Those that ask for nothing change nothing.
        let mut running = folder.start(line);
        let mut sent = 0;
        while running.lives() {
            for harmless in [Signal::WINCH, Signal::CONT, Signal::URG, Signal::CHILD, Signal::STOP, Signal::CONT] {
                signal(&running, harmless);
            }
            sent += 1;
            std::thread::sleep(Duration::from_micros(700));
        }
        running.wait().expect(&[0]);
        assert!(sent > 20, "only {sent} rounds of signals");
        wanted.assert_same(&Tree::of(&folder.at(output)), &format!("a storm: {line}"));
        folder.remove(&[output]);
        // Those that ask for the end bring it, however many come, and nothing is lost by that.
        for part in 1..=4 {
            let mut running = folder.start(line);
            std::thread::sleep(wall * part / 5);
            for _ in 0..40 {
                for end in [Signal::INT, Signal::TERM, Signal::HUP, Signal::PIPE] {
                    signal(&running, end);
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            let lived = running.lives();
            let outcome = running.wait_within(Duration::from_secs(60)).expect("it hangs");
            let is_over = outcome.code == Some(0);
            assert!(is_over || outcome.code == Some(75) || outcome.signal.is_some(), "{lived}\n{outcome}");
            if !is_over || folder.at(&format!(".{output}.partial")).exists() {
                folder.run(&format!("{line} --resume")).expect(&[0]);
            }
            wanted.assert_same(&Tree::of(&folder.at(output)), &format!("ended at {part}/5: {line}"));
            folder.remove(&[output]);
        }
    }
}

/// The time of day as a program sees it, which leaps by years each time that it is asked for.
const LEAPING: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    static int (*real)(clockid_t, struct timespec *);
    static unsigned asked;
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += (long)((++asked * 2654435761u) % 4000000000u) - 2000000000l;
    return status;
}
"#;

#[test]
fn a_clock_that_jumps() {
    let folder = folder();
    folder.write("leaping.c", LEAPING.as_bytes());
    let mut compiler = Command::new("cc");
    compiler.args(["-shared", "-fPIC", "-o", "leaping.so", "leaping.c", "-ldl"]).current_dir(folder.path());
    if !compiler.output().is_ok_and(|done| done.status.success()) {
        skipped("clocks that jump", "no C compiler that makes libraries");
        return;
    }
    folder.write("jobs.toml", b"[[job]]\nrun = \"raster stats a.tif -o out.json\"\n");
    let batch = ("batch jobs.toml -m 200MB -j 2 --json", "", "out.json");
    for (line, _, output) in VERBS.into_iter().chain([batch]) {
        let (wanted, _) = undisturbed(&folder, line, output);
        let mut command = folder.command(&format!("{line} --log json"));
        let done = command.env("LD_PRELOAD", folder.at("leaping.so")).output().expect("it starts");
        assert_eq!(done.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&done.stderr));
        wanted.assert_same(&Tree::of(&folder.at(output)), line);
        folder.remove(&[output]);
        // Begun under one time, gone on with under another.
        if !line.starts_with("batch") {
            let mut command = folder.command(line);
            command.env("LD_PRELOAD", folder.at("leaping.so")).env("SWATH_FAULT", "kill-kept:30");
            drop(command.output().expect("it starts"));
            let shown = folder.at(output).exists() && !folder.at(&format!(".{output}.partial")).exists();
            if !shown {
                let mut command = folder.command(&format!("{line} --resume"));
                let done = command.env("LD_PRELOAD", folder.at("leaping.so")).output().expect("it starts");
                assert_eq!(done.status.code(), Some(0), "{line}: {}", String::from_utf8_lossy(&done.stdout));
            }
            wanted.assert_same(&Tree::of(&folder.at(output)), line);
            folder.remove(&[output]);
        }
    }
}
