//! A small job in child processes that fails, or is killed, at every write, sync, rename and create there is.
//!
//! The job makes twelve pieces in scratch, joins them to one file, and commits it.
#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::json;
use swath_core::*;

const UNITS: u64 = 12;

struct Pieces(PathBuf);

impl Stage for Pieces {
    fn name(&self) -> &str {
        "piece"
    }

    fn task_bytes_max(&self) -> Bytes {
        Bytes(100)
    }

    fn work_bytes(&self, _key: &TaskKey) -> Bytes {
        Bytes(1)
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let missing = done.missing(0, UNITS).into_iter().flatten();
        Ok(missing
            .map(|unit| TaskSpec { key: TaskKey { stage: 0, units: unit..unit + 1 }, bytes: Bytes(100) })
            .collect())
    }

    fn run(&self, key: &TaskKey, _context: &mut TaskContext<'_>) -> Result<Receipt> {
        let name = format!("piece-{}", key.units.start);
        write(&self.0.join(&name), format!("{}\n", key.units.start).repeat(100).as_bytes())?;
        Receipt::new(key.clone(), &name)
    }
}

struct Join(PathBuf, PathBuf);

impl Stage for Join {
    fn name(&self) -> &str {
        "join"
    }

    fn task_bytes_max(&self) -> Bytes {
        Bytes(100)
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let missing = done.missing(1, 1).into_iter();
        Ok(missing.map(|units| TaskSpec { key: TaskKey { stage: 1, units }, bytes: Bytes(100) }).collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        let mut whole = Vec::new();
        for receipt in context.done.of_stage(0) {
            let path = self.0.join(receipt.read::<String>()?);
            whole.extend(fs::read(&path).map_err(|error| Error::reading(&path, &error))?);
        }
        write(&self.1, &whole)?;
        Receipt::new(key.clone(), &whole.len())
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        fault::point("piece.create")?;
        let mut file = fs::File::create(path)?;
        fault::write_all(&mut file, bytes, "piece.write")
    };
    write().map_err(|error| Error::writing(path, &error))
}

fn job(target: &Path) -> Result<u64> {
    let partial = PartialOutput::create(target, false, true)?;
    if partial.state() == PartialState::Committed {
        partial.discard()?;
        return Ok(UNITS + 1);
    }
    let (journal, mut receipts) = Journal::open(&partial.journal_folder(), &json!({"version": 1}))?;
    let skipped = receipts.skipped_by_resume();
    let plan = Plan {
        command: "test".into(),
        stages: vec![Box::new(Pieces(partial.scratch())), Box::new(Join(partial.scratch(), partial.output()))],
        ledger: Ledger { workers: 2, ..Ledger::default() },
        scratch: Bytes::ZERO,
        output: Bytes::ZERO,
        choices: Vec::new(),
    };
    let scratch = partial.scratch();
    let sync = || sync_file_system(&scratch).map_err(|error| std::io::Error::other(error.to_string()));
    let mut options = RunOptions::new(2, Bytes(1 << 20), &sync);
    options.soft_mark = Bytes(u64::MAX);
    options.flush_work = Bytes(4);
    let budget = Budget::new(Bytes(1 << 20));
    run(&plan, &budget, &journal, &mut receipts, &Stop::new(), &NoObserver, &options)?;
    drop(journal);
    partial.commit()?;
    Ok(skipped)
}

/// The job itself, in a process that [`child`] starts.
#[test]
#[ignore = "started by the other tests"]
fn job_in_a_child() {
    let target = PathBuf::from(std::env::var("JOB_TARGET").unwrap());
    let outcome = job(&target);
    writeln!(std::io::stdout(), "passed={}", fault::disarm()).unwrap();
    let code = match outcome {
        Ok(skipped) => {
            writeln!(std::io::stdout(), "skipped={skipped}").unwrap();
            0
        }
        Err(error) => {
            writeln!(std::io::stdout(), "failed={error}").unwrap();
            error.exit_code()
        }
    };
    std::process::exit(code.into());
}

fn child(target: &Path, fault: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "job_in_a_child", "--ignored", "--nocapture"]).env("JOB_TARGET", target);
    if let Some(fault) = fault {
        command.env("SWATH_FAULT", fault);
    }
    command.output().unwrap()
}

/// The number that the child printed behind `name=`.
fn figure(output: &Output, name: &str) -> u64 {
    let text = String::from_utf8_lossy(&output.stdout);
    let value = text.lines().find_map(|line| line.split_once(name)?.1.strip_prefix('='));
    value.unwrap_or_else(|| panic!("no {name} in {text}")).trim().parse().unwrap()
}

/// In memory where possible, so that thousands of syncs take no time.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn check_whole(folder: &Path, what: &str) {
    let expect: String = (0..UNITS).map(|unit| format!("{unit}\n").repeat(100)).collect();
    assert_eq!(fs::read_to_string(folder.join("out")).unwrap(), expect, "{what}");
    let names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["out"], "{what}");
}

#[test]
fn a_full_or_broken_disk_at_every_point() {
    for kind in ["enospc", "eio"] {
        let (mut nth, mut failed) = (1, 0);
        loop {
            let folder = folder();
            let target = folder.path().join("out");
            let what = format!("{kind}:{nth}");
            let output = child(&target, Some(&what));
            if output.status.code() == Some(6) {
                failed += 1;
                assert!(!target.exists(), "{what}: nothing is seen of a failed run");
            } else {
                // Whatever fails once the output is in place only leaves something behind.
                assert_eq!(output.status.code(), Some(0), "{what}: {output:?}");
            }
            let resumed = child(&target, None);
            assert_eq!(resumed.status.code(), Some(0), "{what}: {resumed:?}");
            check_whole(folder.path(), &what);
            if figure(&output, "passed") < nth {
                break;
            }
            nth += 1;
        }
        assert!(failed > 40, "{kind}: only {failed} points failed the run");
        assert!(nth - failed < 20, "{kind}: {failed} of {nth} points failed the run");
    }
}

#[test]
fn a_kill_at_every_point_and_another_one_during_the_resume() {
    use std::os::unix::process::ExitStatusExt;
    let (mut nth, mut skipping) = (1, 0);
    loop {
        let folder = folder();
        let target = folder.path().join("out");
        let what = format!("kill:{nth}");
        let first = child(&target, Some(&what));
        if first.status.success() {
            check_whole(folder.path(), &what);
            break;
        }
        assert_eq!(first.status.signal(), Some(9), "{what}: {first:?}");
        let second = child(&target, Some(&format!("kill:{}", nth % 17 + 1)));
        if !second.status.success() {
            assert_eq!(second.status.signal(), Some(9), "{what}: {second:?}");
        }
        let last = child(&target, None);
        assert_eq!(last.status.code(), Some(0), "{what}: {last:?}");
        skipping += u64::from(figure(&last, "skipped") > 0);
        check_whole(folder.path(), &what);
        nth += 1;
    }
    assert!(nth > 40, "only {nth} points");
    assert!(skipping > nth / 3, "{skipping} of {nth} resumed runs skipped work");
}
