//! Whether work goes on, and how far it is: a count of reads, writes and finished tasks of this process, for whoever watches
//! it from outside; in a batch also of what its workers do. What only computes is not seen before it is done.
//!
//! It says nothing of how long the rest will take.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Bytes;

static STEPS: AtomicU64 = AtomicU64::new(0);
static ROWS: AtomicU64 = AtomicU64::new(0);
static STANDING: Mutex<Standing> =
    Mutex::new(Standing { stage: String::new(), tasks: 0, tasks_done: 0, work: Bytes::ZERO, work_done: Bytes::ZERO });

/// Counts a read, a write or a task.
#[inline]
pub fn step() {
    STEPS.fetch_add(1, Ordering::Relaxed);
}

/// How many there have been.
pub fn steps() -> u64 {
    STEPS.load(Ordering::Relaxed)
}

/// Counts rows of inputs that a task has read; a task that is done again counts them again.
pub fn add_rows(rows: u64) {
    ROWS.fetch_add(rows, Ordering::Relaxed);
}

/// How many there have been.
pub fn rows() -> u64 {
    ROWS.load(Ordering::Relaxed)
}

/// How far the stage is that is at work.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its name; empty before the first one.
    pub stage: String,
    /// Its tasks, pieces of cut ones counted.
    pub tasks: u64,
    /// Those of them that are done.
    pub tasks_done: u64,
    /// Its input; zero where that is not known.
    pub work: Bytes,
    /// What of it is worked through.
    pub work_done: Bytes,
}

impl Standing {
    /// A stage that begins.
    pub fn of_stage(stage: &str, tasks: u64, work: Bytes) -> Standing {
        Standing { stage: stage.into(), tasks, work, ..Standing::default() }
    }

    /// Counts a task that is done.
    pub fn done(&mut self, work: Bytes) {
        self.tasks_done += 1;
        self.work_done += work;
    }

    /// Counts the pieces of a task that was cut.
    pub fn cut(&mut self, pieces: u64) {
        self.tasks += pieces.saturating_sub(1);
    }

    /// What is done and what there is: in bytes where they are known, else in tasks.
    pub fn part(&self) -> (u64, u64) {
        if self.work > Bytes::ZERO { (self.work_done.0, self.work.0) } else { (self.tasks_done, self.tasks) }
    }

    /// The share that is done, 0 to 1.
    pub fn share(&self) -> f64 {
        let (done, all) = self.part();
        if all == 0 { 0.0 } else { (done as f64 / all as f64).min(1.0) }
    }
}

/// How far this process is.
pub fn standing() -> Standing {
    lock().clone()
}

/// Notes how far it is.
pub(crate) fn stand(change: impl FnOnce(&mut Standing)) {
    change(&mut lock());
}

fn lock() -> MutexGuard<'static, Standing> {
    STANDING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_bytes_or_of_tasks() {
        let mut standing = Standing::of_stage("route", 4, Bytes(100));
        standing.done(Bytes(25));
        standing.cut(3);
        assert_eq!((standing.share(), standing.tasks, standing.tasks_done), (0.25, 6, 1));
        let mut standing = Standing::of_stage("rank", 2, Bytes::ZERO);
        assert_eq!(standing.share(), 0.0);
        standing.done(Bytes::ZERO);
        assert_eq!(standing.share(), 0.5);
        assert_eq!(Standing::default().share(), 0.0);
    }
}
