//! `cargo xtask faults`: long trials of what goes wrong at night. It builds the program and starts a script that does the rest.

use crate::shell;
use std::process::{Command, Stdio};

const USAGE: &str =
    "cargo xtask faults batch [--trials mixed,kills,speed] [--jobs N] [--seed N] [--every SECONDS] [--rounds N]";

/// Runs a trial; words behind its name go to the script.
///
/// # Errors
/// What is missing, in words for the report.
pub fn run(words: &[String]) -> Result<bool, String> {
    let (Some("batch"), rest) = (words.first().map(String::as_str), words.get(1..).unwrap_or_default()) else {
        return Err(format!("no such trial\n\n{USAGE}"));
    };
    let corpus = shell::corpus().ok_or("no ../shared/corpus, and SWATH_CORPUS names none")?;
    if !shell::succeeds(&mut shell::cargo(&["build", "--release", "--quiet", "--workspace", "--bins"]))? {
        return Err("the program does not build".into());
    }
    // It needs nothing but Python itself.
    let mut command = Command::new("python3");
    command.arg(shell::root().join("tests/acceptance/batch_mixed.py")).arg(shell::program()).arg(corpus).args(rest);
    shell::succeeds(command.current_dir(shell::root()).stdin(Stdio::null()))
}
