//! Whether work goes on: a count of reads, writes and finished tasks of this process, for whoever watches it from outside; in
//! a batch also of what its workers do.
//!
//! It says nothing of how much is left, and what only computes is not seen before it is done.

use std::sync::atomic::{AtomicU64, Ordering};

static STEPS: AtomicU64 = AtomicU64::new(0);

/// Counts a read, a write or a task.
#[inline]
pub fn step() {
    STEPS.fetch_add(1, Ordering::Relaxed);
}

/// How many there have been.
pub fn steps() -> u64 {
    STEPS.load(Ordering::Relaxed)
}
