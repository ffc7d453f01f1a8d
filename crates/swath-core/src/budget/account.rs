//! The books of a lease: what it was granted, what is in use, what it may use again.
//!
//! They decide when memory goes back to the budget; who may use it how is the business of lease, buffer and charge.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Budget;
use super::mapping::Mapping;
use super::pool::Pool;
use crate::{Bytes, Error, Result, fault};

/// Whose memory it is, and so when it comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A task's: when the task ends.
    Task,
    /// The run's: when the run ends.
    Fixed,
    /// A holder's: when it is asked to.
    Kept,
}

/// The books of one lease; they outlive it as long as buffers and charges do.
pub(super) struct Account {
    budget: Arc<Budget>,
    kind: Kind,
    what: Mutex<Box<str>>,
    state: Mutex<State>,
}

pub(super) struct State {
    /// Counted against the ceiling.
    pub(super) bytes: u64,
    /// Of these: in use by buffers and charges.
    pub(super) used: u64,
    /// Buffers that the lease has used and may use again; with `used` never more than `bytes`.
    pub(super) idle: Pool,
    /// Whether the lease is still there; afterwards what is used is all that is held.
    open: bool,
}

impl State {
    /// Drops idle buffers that there is no room for any more.
    pub(super) fn evict(&mut self) {
        let over = (self.used + self.idle.bytes()).saturating_sub(self.bytes);
        self.idle.drop_at_least(over);
    }
}

impl Account {
    pub(super) fn new(budget: Arc<Budget>, what: &str, kind: Kind, bytes: u64, adopted: Vec<Mapping>) -> Arc<Account> {
        let mut idle = Pool::default();
        adopted.into_iter().for_each(|mapping| idle.put(mapping));
        let state = Mutex::new(State { bytes, used: 0, idle, open: true });
        Arc::new(Account { budget, kind, what: Mutex::new(what.into()), state })
    }

    /// Books `bytes` as used.
    pub(super) fn take(&self, bytes: u64) -> Result<()> {
        self.take_with(bytes, None).map(drop)
    }

    /// Books `bytes` as used, and finds an idle mapping for them.
    pub(super) fn take_mapping(&self, bytes: u64, capacity: usize) -> Result<Option<Mapping>> {
        let own = self.take_with(bytes, Some(capacity))?;
        Ok(own.or_else(|| self.budget.take_idle(capacity)))
    }

    fn take_with(&self, bytes: u64, capacity: Option<usize>) -> Result<Option<Mapping>> {
        let mut state = self.lock();
        let free = state.bytes - state.used;
        if bytes > free || !state.open || fault::refuses_lease() {
            drop(state);
            return Err(Error::Pressure { what: self.what(), wanted: Bytes(bytes), got: Bytes(free) });
        }
        state.used += bytes;
        let mapping = capacity.and_then(|capacity| state.idle.take(capacity));
        state.evict();
        Ok(mapping)
    }

    /// Books `bytes` as no longer used; the mapping goes where it can be used again.
    pub(super) fn give(&self, bytes: u64, mapping: Option<Mapping>) {
        let mut state = self.lock();
        state.used -= bytes;
        if state.open {
            if let Some(mapping) = mapping {
                state.idle.put(mapping);
                state.evict();
            }
            return;
        }
        state.bytes -= bytes;
        drop(state);
        self.budget.release(self.kind, bytes, mapping);
    }

    /// Moves `bytes` that are in use to books of their own, as kept memory.
    pub(super) fn split_used(&self, bytes: u64) -> Arc<Account> {
        let mut state = self.lock();
        state.used -= bytes;
        state.bytes -= bytes;
        drop(state);
        self.budget.recount(self.kind, Kind::Kept, bytes);
        let account = Account::new(Arc::clone(&self.budget), &self.what(), Kind::Kept, bytes, Vec::new());
        let mut state = account.lock();
        state.used = bytes;
        state.open = false;
        drop(state);
        account
    }

    /// The lease is gone: what is not in use goes back.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.open = false;
        let unused = state.bytes - state.used;
        state.bytes = state.used;
        let idle = state.idle.take_all();
        drop(state);
        self.budget.release(self.kind, unused, idle);
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn describe(&self, what: &str) {
        *self.what.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    pub(super) fn what(&self) -> String {
        self.what.lock().unwrap_or_else(PoisonError::into_inner).to_string()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
