//! When the journal is flushed: by time, by work, and at the end of a stage, on a thread of its own.
//!
//! So workers never wait for the disk, unless it falls so far behind that a kill would cost too much work.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::RunOptions;
use crate::{Bytes, Error, Journal, Result};

/// Records may take this much memory while they wait.
const MOST_QUEUED: Bytes = Bytes(8 << 20);

/// What is done and not yet durable, from stage to stage.
pub(super) struct Unflushed {
    work: Bytes,
    since: Instant,
}

impl Unflushed {
    /// Nothing, as of now.
    pub(super) fn nothing() -> Unflushed {
        Unflushed { work: Bytes::ZERO, since: Instant::now() }
    }
}

/// Decides when to flush, and does.
pub(super) struct Keeper<'a> {
    journal: &'a Journal,
    options: &'a RunOptions<'a>,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Work done since the last flush began.
    work: Bytes,
    /// All work ever done in this stage.
    total: Bytes,
    last: Instant,
    longest: Duration,
    flushing: bool,
    ended: bool,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(journal: &'a Journal, options: &'a RunOptions<'a>, before: &Unflushed) -> Keeper<'a> {
        let state = State {
            work: before.work,
            total: Bytes::ZERO,
            last: before.since,
            longest: Duration::ZERO,
            flushing: false,
            ended: false,
        };
        Keeper { journal, options, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Takes note of work whose receipt is queued.
    pub(super) fn add(&self, work: Bytes) {
        let mut state = self.lock();
        state.work += work;
        state.total += work;
        if self.is_due(&state) {
            self.changed.notify_all();
        }
    }

    /// Whether a flush is under way and as much work again, or as many records as may, wait for the next one.
    pub(super) fn is_behind(&self) -> bool {
        let state = self.lock();
        state.flushing && (state.work >= self.options.flush_work || self.journal.queued() >= MOST_QUEUED)
    }

    /// All work done in this stage.
    pub(super) fn total(&self) -> Bytes {
        self.lock().total
    }

    /// The longest flush since it was last asked.
    pub(super) fn take_longest(&self) -> Duration {
        std::mem::take(&mut self.lock().longest)
    }

    /// Flushes whenever it is due, until the stage ends.
    pub(super) fn keep(&self, fail: &mut dyn FnMut(Error)) {
        let mut state = self.lock();
        while !state.ended {
            if self.is_due(&state) {
                drop(state);
                if let Err(error) = self.flush() {
                    fail(error);
                    return;
                }
                state = self.lock();
                continue;
            }
            let rest = self.options.flush_every.saturating_sub(state.last.elapsed()).max(Duration::from_millis(10));
            state = self.changed.wait_timeout(state, rest).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Lets [`Keeper::keep`] return.
    pub(super) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_all();
    }

    /// The flush at the end of a stage; a run that ends early always keeps what it has. Answers what is left to the
    /// next stage.
    pub(super) fn flush_at_end(&self, early: bool) -> Result<Unflushed> {
        let worth_it = self.lock().work >= self.options.flush_at_stage_end;
        if early || worth_it {
            self.flush()?;
        }
        let state = self.lock();
        Ok(Unflushed { work: state.work, since: state.last })
    }

    fn is_due(&self, state: &State) -> bool {
        state.work >= self.options.flush_work
            || state.last.elapsed() >= self.options.flush_every
            || self.journal.queued() >= MOST_QUEUED
    }

    fn flush(&self) -> Result<()> {
        let mut state = self.lock();
        state.work = Bytes::ZERO;
        state.flushing = true;
        drop(state);
        let begun = Instant::now();
        let outcome = self.journal.flush(self.options.sync);
        let mut state = self.lock();
        state.longest = state.longest.max(begun.elapsed());
        state.last = begun;
        state.flushing = false;
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
