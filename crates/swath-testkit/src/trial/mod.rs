//! Long trials of what goes wrong at night: a fault at every point, kills at random, runs in groups of little memory.
//!
//! They answer tables, for `cargo xtask faults` to print and for the suites to hold. They judge from outside, as all of this
//! crate does, and go on after what is wrong, so that one run tells all there is to mend.

mod cases;
pub mod kills;
pub mod memory;
pub mod verbs;

pub(crate) use cases::with_flags;

use std::path::Path;

use crate::{Folder, Outcome, Tree};

/// What stands at a path, file or folder, by its sums; nothing where nothing does.
fn whole(path: &Path) -> Option<Tree> {
    path.symlink_metadata().is_ok().then(|| Tree::of(path))
}

/// Names beside an output that only an unfinished run may leave.
fn strays(folder: &Folder, output: &str) -> Vec<String> {
    let hidden = format!(".{output}");
    folder.names().into_iter().filter(|name| name.starts_with(&hidden)).collect()
}

/// The end of a run in a few lines, for a table.
fn briefly(outcome: &Outcome) -> String {
    let end =
        |text: &str| text.trim().chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect::<String>();
    let text = end(&outcome.error_text()).replace('\n', " ");
    format!("exit {:?}, signal {:?}: {text}", outcome.code, outcome.signal)
}
