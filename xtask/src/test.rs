//! `cargo xtask test`: the tests of the workspace in the profile of the program, then the oracles.

use crate::{oracles, shell};

/// Runs everything; with words it is only `cargo test` with them.
pub fn run(words: &[String]) -> Result<bool, String> {
    shell::heading("cargo test --release --workspace");
    let mut command = shell::cargo(&["test", "--release", "--workspace", "--no-fail-fast"]);
    command.args(words);
    match shell::corpus() {
        Some(corpus) => {
            command.env("SWATH_CORPUS", corpus);
        }
        None => {
            command.env_remove("SWATH_CORPUS");
            println!("SKIPPED: tests on real files (no ../shared/corpus, and SWATH_CORPUS names none)");
        }
    }
    let tested = shell::succeeds(&mut command)?;
    if !words.is_empty() {
        return Ok(tested);
    }
    // The oracles still run after a failed test: one report with everything in it saves a round.
    let held = oracles::run(&[])?;
    if !tested {
        println!("cargo test failed; see above");
    }
    Ok(tested && held)
}
