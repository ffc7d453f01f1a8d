//! What surrounds a run: special files, odd names, configuration, signals and limits of the process.
#![cfg(unix)]
#![allow(clippy::expect_used, missing_docs)]

#[allow(dead_code)]
mod common;

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::Folder;

/// Runs a command that must come to its end soon; one that hangs is ended and fails the test.
#[track_caller]
fn run_soon(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let begun = Instant::now();
    while child.try_wait().expect("asked").is_none() {
        if begun.elapsed() > Duration::from_secs(20) {
            child.kill().expect("killed");
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("ends")
}

fn error_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// To open a pipe is to wait for its writer, so nothing that is no regular file is opened.
#[test]
fn special_files_are_refused_at_once() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    assert!(Command::new("mkfifo").arg(folder.path().join("in/pipe.csv")).status().expect("mkfifo").success());
    let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket.csv")).expect("a socket");
    for (source, kind) in [
        ("in/pipe.csv", "a named pipe"),
        ("in", "a named pipe"),
        ("in/*.csv", "a named pipe"),
        ("readings.csv in/pipe.csv", "a named pipe"),
        ("socket.csv", "a socket"),
        ("/dev/null", "a device"),
    ] {
        for line in [
            format!("sensor ingest {source} -o lake -m 64MB"),
            format!("sensor schema {source}"),
            format!("info {source}"),
        ] {
            let output = run_soon(folder.command(&line));
            let error = error_of(&output);
            assert_eq!(output.status.code(), Some(5), "{line}: {error}");
            assert!(error.contains(&format!("it is {kind}, not a regular file")), "{line}: {error}");
        }
    }
}
