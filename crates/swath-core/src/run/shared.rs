//! What the workers of a stage share: the queue, the counts, the first failure.
//!
//! It decides nothing about tasks.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ChunkCounts;
use crate::{Error, Receipt, Stop, TaskSpec};

/// How long those sleep who wait for something that nobody announces.
const POLL: Duration = Duration::from_millis(50);

/// What the workers of a stage share.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Raised by the run's stop flag and by the first error.
    pub(super) halt: Stop,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<TaskSpec>,
    /// Tasks that were taken from the queue and have not come to an end.
    pub(super) taken: usize,
    pub(super) workers: usize,
    pub(super) fresh: Vec<Receipt>,
    pub(super) counts: ChunkCounts,
    pub(super) failure: Option<Error>,
}

impl Shared {
    pub(super) fn new(tasks: Vec<TaskSpec>, workers: usize) -> Shared {
        let state = State { queue: tasks.into(), workers, ..State::default() };
        Shared { state: Mutex::new(state), changed: Condvar::new(), halt: Stop::new() }
    }

    pub(super) fn into_state(self) -> State {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes all who wait.
    pub(super) fn tell(&self) {
        self.changed.notify_all();
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until something has changed, or for a moment.
    pub(super) fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Takes down the first error, and asks all others to end. That they then stop is no error of theirs.
    pub(super) fn fail(&self, error: Error) {
        let mut state = self.lock();
        let is_stop = matches!(error, Error::Stopped { .. });
        if state.failure.is_none() && !(is_stop && self.halt.is_raised()) {
            state.failure = Some(error);
        }
        drop(state);
        self.halt.raise();
        self.changed.notify_all();
    }

    /// One worker fewer.
    pub(super) fn worker_missing(&self, error: &std::io::Error) {
        let mut state = self.lock();
        state.workers -= 1;
        let nobody = state.workers == 0;
        drop(state);
        // Fewer workers are slower, no more.
        if nobody {
            self.fail(Error::no_thread(error));
        }
    }
}
