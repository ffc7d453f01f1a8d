//! The ceiling, as an object: who has leased how much of it, who waits, and what lies idle.
//!
//! It grants leases in the order of asking and never grants more than the ceiling. It does not measure the process
//! (see [`crate::ResidentSet`]) and does not decide which task runs.

mod account;
mod buffer;
mod charge;
mod lease;
mod mapping;
mod pool;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

pub use buffer::Buffer;
pub use bytemuck::Pod;
pub use charge::Charge;
pub use lease::Lease;

use crate::{Bytes, Error, Result, Stop, fault};
use account::{Account, Kind};
use mapping::Mapping;
use pool::Pool;

/// How long a waiter sleeps before it looks at the stop flag and asks the holders again.
const POLL: Duration = Duration::from_millis(20);

/// Somebody who keeps memory that work can do without: a cache, a sorted run that could be on disk.
pub trait Reclaim: Send + Sync {
    /// Drops or spills at least `want`, if there is so much, and answers what it gave back.
    ///
    /// It is called without any lock of the budget held, by a thread that waits for memory: it must not lease.
    fn reclaim(&self, want: Bytes) -> Bytes;
}

/// What leases hold, by how long they hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leased {
    /// For the whole run.
    pub fixed: Bytes,
    /// As long as tasks last.
    pub tasks: Bytes,
    /// Until it is wanted.
    pub kept: Bytes,
    /// Held by none: buffers that wait to be used again.
    pub idle: Bytes,
}

/// The memory that a run may take, and the leases on it.
pub struct Budget {
    ceiling: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What leases may take without need: the ceiling, or the peak that was predicted under it.
    promised: u64,
    /// Whether need has made it more.
    raised: bool,
    /// Held by all leases, buffers and charges together.
    leased: u64,
    /// Of `leased`: held for the whole run.
    fixed: u64,
    /// Of `leased`: outlives its task; only its holder can give it back.
    kept: u64,
    /// The most that was ever leased.
    high_water: u64,
    /// Idle buffers, not part of `leased`; `leased` and they together never pass `high_water`.
    pool: Pool,
    /// Tickets of those who wait, in order.
    waiting: VecDeque<u64>,
    next_ticket: u64,
    holders: Vec<Weak<dyn Reclaim>>,
}

impl State {
    /// What a new ordinary lease may take.
    fn free(&self) -> u64 {
        self.promised - self.leased
    }

    /// Lets leases take up to `bytes` in all.
    fn raise(&mut self, bytes: u64) {
        if bytes > self.promised {
            self.promised = bytes;
            self.raised = true;
        }
    }

    /// Counts a lease of `bytes` and makes room for it: idle buffers move into it, and the others go.
    fn grant(&mut self, bytes: u64, kind: Kind) -> Vec<Mapping> {
        self.leased += bytes;
        self.count(kind, bytes);
        self.high_water = self.high_water.max(self.leased);
        let over = (self.leased + self.pool.bytes()).saturating_sub(self.high_water);
        if over == 0 {
            return Vec::new();
        }
        let adopted = self.pool.take_up_to(bytes);
        let over = (self.leased + self.pool.bytes()).saturating_sub(self.high_water);
        self.pool.drop_at_least(over);
        adopted
    }

    fn count(&mut self, kind: Kind, bytes: u64) {
        match kind {
            Kind::Task => {}
            Kind::Fixed => self.fixed += bytes,
            Kind::Kept => self.kept += bytes,
        }
    }

    fn uncount(&mut self, kind: Kind, bytes: u64) {
        self.leased -= bytes;
        match kind {
            Kind::Task => {}
            Kind::Fixed => self.fixed -= bytes,
            Kind::Kept => self.kept -= bytes,
        }
    }
}

impl Budget {
    /// A budget of `ceiling` with nothing leased.
    pub fn new(ceiling: Bytes) -> Arc<Budget> {
        let state = State { promised: ceiling.0, ..State::default() };
        Arc::new(Budget { ceiling: ceiling.0, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// Holds leases to the peak that a plan predicted. Beyond it, up to the ceiling, memory is granted only where it is not
    /// enough to wait for tasks that end.
    pub fn promise(&self, peak: Bytes) {
        let mut state = self.lock();
        state.promised = peak.0.clamp(state.leased, self.ceiling.max(state.leased));
    }

    /// The peak that is promised now, where need has made it more than the plan predicted.
    pub fn raised(&self) -> Option<Bytes> {
        let state = self.lock();
        state.raised.then_some(Bytes(state.promised))
    }

    /// The ceiling.
    pub fn ceiling(&self) -> Bytes {
        Bytes(self.ceiling)
    }

    /// What is leased now, used or not.
    pub fn leased(&self) -> Bytes {
        Bytes(self.lock().leased)
    }

    /// The most that was ever leased; leases and idle buffers together were never more than this.
    pub fn high_water(&self) -> Bytes {
        Bytes(self.lock().high_water)
    }

    /// What is leased now, by how long.
    pub fn leased_by_kind(&self) -> Leased {
        let state = self.lock();
        Leased {
            fixed: Bytes(state.fixed),
            tasks: Bytes(state.leased.saturating_sub(state.fixed + state.kept)),
            kept: Bytes(state.kept),
            idle: Bytes(state.pool.bytes()),
        }
    }

    /// Idle buffers that wait to be used again.
    pub fn idle(&self) -> Bytes {
        Bytes(self.lock().pool.bytes())
    }

    /// Waits its turn and takes `bytes` for a task.
    ///
    /// # Errors
    /// [`Error::CeilingReached`] at once if it can never fit, or once nobody is left who could give memory back;
    /// [`Error::Stopped`] when `stop` is raised.
    pub fn lease(self: &Arc<Self>, bytes: Bytes, stop: &Stop) -> Result<Lease> {
        self.lease_for("a task", bytes, stop)
    }

    /// Like [`Budget::lease`], with a name for messages.
    ///
    /// # Errors
    /// As [`Budget::lease`].
    pub fn lease_for(self: &Arc<Self>, what: &str, bytes: Bytes, stop: &Stop) -> Result<Lease> {
        if fault::refuses_lease() {
            return Err(Error::CeilingReached { what: what.into(), wanted: bytes, got: Bytes::ZERO });
        }
        let mut state = self.lock();
        if state.waiting.is_empty() && bytes.0 <= state.free() {
            return Ok(self.granted(what, state, bytes, Kind::Task));
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push_back(ticket);
        let (mut state, outcome) = self.wait_turn(state, ticket, bytes, stop);
        state.waiting.retain(|&other| other != ticket);
        // Whoever is first now may fit.
        self.changed.notify_all();
        match outcome {
            Ok(()) => Ok(self.granted(what, state, bytes, Kind::Task)),
            Err(Denied::Stopped) => Err(Error::Stopped { resumable: true }),
            Err(Denied::Never { got }) => {
                Err(Error::CeilingReached { what: what.into(), wanted: bytes, got: Bytes(got) })
            }
        }
    }

    /// Takes `bytes` if they are free and nobody waits.
    pub fn try_lease(self: &Arc<Self>, bytes: Bytes) -> Option<Lease> {
        if fault::refuses_lease() {
            return None;
        }
        let state = self.lock();
        let fits = state.waiting.is_empty() && bytes.0 <= state.free();
        fits.then(|| self.granted("a task", state, bytes, Kind::Task))
    }

    /// Takes `bytes` that stay taken for the whole run: the program itself, tables, a sink's state.
    ///
    /// # Errors
    /// [`Error::CeilingReached`] if they are not free now.
    pub fn lease_fixed(self: &Arc<Self>, what: &str, bytes: Bytes) -> Result<Lease> {
        let state = self.lock();
        let free = if fault::refuses_lease() { 0 } else { state.free() };
        if bytes.0 > free {
            return Err(Error::CeilingReached { what: what.into(), wanted: bytes, got: Bytes(free) });
        }
        Ok(self.granted(what, state, bytes, Kind::Fixed))
    }

    /// Remembers somebody who can give memory back; forgotten when it is gone.
    pub fn register(&self, holder: Weak<dyn Reclaim>) {
        let mut state = self.lock();
        state.holders.retain(|old| old.strong_count() > 0);
        state.holders.push(holder);
    }

    /// Makes the process smaller by `want`: drops idle buffers, then asks the holders for the rest.
    pub fn reclaim(&self, want: Bytes) -> Bytes {
        let got = self.drop_idle(want);
        got + self.ask_holders(want - got)
    }

    /// Gives at least `want` of idle buffers back to the system, if there is so much, and answers how much it was.
    pub fn drop_idle(&self, want: Bytes) -> Bytes {
        Bytes(self.lock().pool.drop_at_least(want.0))
    }

    /// Asks the holders, in the order of registering, until `want` has come back.
    fn ask_holders(&self, want: Bytes) -> Bytes {
        let holders: Vec<Weak<dyn Reclaim>> = self.lock().holders.clone();
        let mut got = Bytes::ZERO;
        for holder in holders {
            if got >= want {
                break;
            }
            if let Some(holder) = holder.upgrade() {
                got += holder.reclaim(want - got);
            }
        }
        self.lock().holders.retain(|old| old.strong_count() > 0);
        got
    }

    fn wait_turn<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        ticket: u64,
        bytes: Bytes,
        stop: &Stop,
    ) -> (MutexGuard<'a, State>, std::result::Result<(), Denied>) {
        loop {
            if stop.is_raised() {
                return (state, Err(Denied::Stopped));
            }
            let most = self.ceiling - state.fixed;
            if bytes.0 > most {
                return (state, Err(Denied::Never { got: most }));
            }
            if state.waiting.front() == Some(&ticket) {
                // Tasks end by themselves; what is fixed and kept does not go.
                let will_do = state.fixed + state.kept + bytes.0 <= state.promised;
                if !will_do {
                    let all = state.leased + bytes.0;
                    state.raise(all.min(self.ceiling));
                }
                if bytes.0 <= state.free() {
                    return (state, Ok(()));
                }
                if will_do {
                    state = self.changed.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0;
                    continue;
                }
                let missing = Bytes(bytes.0 - state.free());
                drop(state);
                // Idle buffers are in nobody's way: a lease takes them over.
                let got = self.ask_holders(missing);
                state = self.lock();
                if bytes.0 <= state.free() {
                    return (state, Ok(()));
                }
                // Only kept memory is in the way, and its holders have nothing to give: it would be for ever.
                if got == Bytes::ZERO && state.leased == state.fixed + state.kept {
                    let got = state.free();
                    return (state, Err(Denied::Never { got }));
                }
            }
            state = self.changed.wait_timeout(state, POLL).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn granted(self: &Arc<Self>, what: &str, mut state: MutexGuard<'_, State>, bytes: Bytes, kind: Kind) -> Lease {
        let adopted = state.grant(bytes.0, kind);
        drop(state);
        Lease::new(Account::new(Arc::clone(self), what, kind, bytes.0, adopted))
    }

    /// Takes `bytes` more for an account that exists, if they are free and nobody waits.
    fn try_extend(&self, kind: Kind, bytes: u64) -> Option<Vec<Mapping>> {
        let mut state = self.lock();
        let fits = state.waiting.is_empty() && bytes <= state.free() && !fault::refuses_lease();
        fits.then(|| state.grant(bytes, kind))
    }

    /// The same for a holder that cannot go on without them, and so comes before those who wait: within the ceiling, since
    /// it cannot wait for a task to end.
    fn try_extend_now(&self, kind: Kind, bytes: u64) -> Option<Vec<Mapping>> {
        let mut state = self.lock();
        if bytes > self.ceiling - state.leased || fault::refuses_lease() {
            return None;
        }
        let all = state.leased + bytes;
        state.raise(all);
        Some(state.grant(bytes, kind))
    }

    /// Takes back `bytes` of an account, and the idle buffers that it leaves behind.
    fn release(&self, kind: Kind, bytes: u64, idle: impl IntoIterator<Item = Mapping>) {
        let mut surplus = Vec::new();
        let mut state = self.lock();
        state.uncount(kind, bytes);
        for mapping in idle {
            let room = state.high_water - state.leased;
            if state.pool.bytes() + mapping.bytes() <= room {
                state.pool.put(mapping);
            } else {
                surplus.push(mapping);
            }
        }
        drop(state);
        self.changed.notify_all();
        // The system calls that unmap come after the lock.
        drop(surplus);
    }

    /// Memory that was the task's is now kept beyond it.
    fn recount(&self, from: Kind, to: Kind, bytes: u64) {
        let mut state = self.lock();
        state.uncount(from, bytes);
        state.leased += bytes;
        state.count(to, bytes);
        drop(state);
        self.changed.notify_all();
    }

    /// An idle buffer of this capacity.
    fn take_idle(&self, capacity: usize) -> Option<Mapping> {
        self.lock().pool.take(capacity)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Denied {
    Stopped,
    Never { got: u64 },
}
