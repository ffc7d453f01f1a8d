//! The lock of a journal between processes: held while its process lives, gone when it is killed.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::json;
use swath_core::Journal;

/// Holds the lock until it is killed.
#[test]
#[ignore = "started by the other test"]
fn holder() {
    let folder = std::env::var("LOCK_FOLDER").unwrap();
    let journal = Journal::create(folder.as_ref(), &json!({})).unwrap();
    println!("\nheld");
    let _ = std::io::stdin().read(&mut [0]);
    assert!(journal.is_recording());
}

#[test]
fn another_process_is_refused_until_the_holder_dies() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "holder", "--ignored", "--nocapture"])
        .env("LOCK_FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == "held"));
    let error = Journal::open(folder.path(), &json!({})).err().unwrap();
    assert_eq!(error.exit_code(), 6);
    assert!(error.to_string().ends_with(&format!("another run is writing it, process {}", child.id())), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(Journal::open(folder.path(), &json!({})).is_ok(), "no lock outlives its process");
}
