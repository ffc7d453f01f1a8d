//! Memory that was granted: what a task may use of it, and how it comes back.
//!
//! A lease is taken once, before the task starts, and never waits for more. It does not grant (see the budget).

use std::fmt;
use std::sync::Arc;

use super::account::{Account, Kind};
use super::{Buffer, Charge, Pod};
use crate::{Bytes, Error, Result};

/// Memory granted to one task; whatever of it is not in use comes back when it is dropped.
pub struct Lease {
    account: Arc<Account>,
}

impl Lease {
    pub(super) fn new(account: Arc<Account>) -> Lease {
        Lease { account }
    }

    /// What was granted and not yet split off or given back.
    pub fn bytes(&self) -> Bytes {
        Bytes(self.account.lock().bytes)
    }

    /// What buffers and charges hold of it.
    pub fn used(&self) -> Bytes {
        Bytes(self.account.lock().used)
    }

    /// What buffers and charges may still take.
    pub fn free(&self) -> Bytes {
        let state = self.account.lock();
        Bytes(state.bytes - state.used)
    }

    /// Names the lease in messages.
    pub fn describe(&mut self, what: &str) {
        self.account.describe(what);
    }

    /// A buffer of `length` zeros. It may outlive the lease, and holds its share of it as long as it lives.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease has less left; [`Error::MemoryRefused`] when the system does.
    pub fn buffer<T: Pod>(&self, length: usize) -> Result<Buffer<T>> {
        Buffer::new(&self.account, length, true)
    }

    /// A buffer that may hold whatever an earlier buffer of this process left in it: for those who overwrite it all.
    ///
    /// # Errors
    /// As [`Lease::buffer`].
    pub fn buffer_unzeroed<T: Pod>(&self, length: usize) -> Result<Buffer<T>> {
        Buffer::new(&self.account, length, false)
    }

    /// Books memory that somebody else allocates: a codec, Arrow, a vector.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease has less left.
    pub fn charge(&self, bytes: Bytes) -> Result<Charge> {
        self.account.take(bytes.0)?;
        Ok(Charge::new(Arc::clone(&self.account), bytes.0))
    }

    /// Splits off unused memory that outlives the task: whoever holds it should be a registered [`super::Reclaim`].
    ///
    /// Memory that is already in use is moved by [`Buffer::keep`] and [`Charge::keep`] instead.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the lease has less left.
    pub fn keep(&mut self, bytes: Bytes) -> Result<Lease> {
        let mut state = self.account.lock();
        let free = state.bytes - state.used;
        if bytes.0 > free {
            drop(state);
            return Err(Error::Pressure { what: self.account.what(), wanted: bytes, got: Bytes(free) });
        }
        state.bytes -= bytes.0;
        state.evict();
        drop(state);
        let budget = self.account.budget();
        budget.recount(self.account.kind(), Kind::Kept, bytes.0);
        let account = Account::new(Arc::clone(budget), &self.account.what(), Kind::Kept, bytes.0, Vec::new());
        Ok(Lease { account })
    }

    /// Gives back unused memory until no more than `bytes` (or what is in use, if that is more) is held.
    pub fn shrink(&mut self, bytes: Bytes) {
        let mut state = self.account.lock();
        let left = bytes.0.max(state.used);
        let back = state.bytes.saturating_sub(left);
        state.bytes -= back;
        state.evict();
        drop(state);
        self.account.budget().release(self.account.kind(), back, None);
    }

    /// Takes `bytes` more if they are free and nobody waits for memory; never waits.
    pub fn try_grow(&mut self, bytes: Bytes) -> bool {
        let adopted = self.account.budget().try_extend(self.account.kind(), bytes.0);
        self.grow(bytes, adopted)
    }

    /// Takes `bytes` more for a holder that cannot go on without them: of what is under the ceiling, then of what holders
    /// give back.
    pub fn grow_or_reclaim(&mut self, bytes: Bytes) -> bool {
        let (budget, kind) = (Arc::clone(self.account.budget()), self.account.kind());
        let adopted = budget.try_extend_now(kind, bytes.0).or_else(|| {
            budget.ask_holders(bytes);
            budget.try_extend_now(kind, bytes.0)
        });
        self.grow(bytes, adopted)
    }

    fn grow(&mut self, bytes: Bytes, adopted: Option<Vec<super::Mapping>>) -> bool {
        let Some(adopted) = adopted else { return false };
        let mut state = self.account.lock();
        state.bytes += bytes.0;
        adopted.into_iter().for_each(|mapping| state.idle.put(mapping));
        true
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.account.close();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({} of {} used)", self.used(), self.bytes())
    }
}
