//! What the black-box suites share: folders to run the program in, what it answered, and hashes of what it wrote.
//!
//! It is used by tests only, and knows the program from outside: by its words, exit codes, files and JSON. It holds no
//! test of its own making against the inside of any crate. Its functions panic where a test must fail.

#![allow(clippy::unwrap_used)]

mod dice;
mod folder;
mod memory_group;
mod outcome;
mod process;
mod tree;
pub mod trial;

pub use dice::Dice;
pub use folder::{Folder, SCHEMA};
pub use memory_group::MemoryGroup;
pub use outcome::{Outcome, Rows};
pub use process::Running;
pub use tree::{Tree, sha256};

/// Whether the long forms of the suites were asked for, by `SWATH_TEST_FULL=1`.
pub fn full() -> bool {
    std::env::var("SWATH_TEST_FULL").is_ok_and(|value| value == "1")
}

/// Says on standard error that a test, or a part of one, could not be done here, and why.
pub fn skipped(what: &str, why: &str) {
    use std::io::Write;
    // Written past the test harness, which swallows what passing tests print.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {why}");
}
