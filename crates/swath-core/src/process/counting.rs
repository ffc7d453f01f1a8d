//! The true size of the heap: an allocator around any other that counts live bytes and never dies without a word.
//!
//! It limits only what could not be right: a heap beyond the whole ceiling. What fits is the budget's to say, whose
//! buffers are pages and not counted here.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::Bytes;

/// A thread tells the world once its balance has moved by this much.
const BATCH: i64 = 64 << 10;
/// From this size on an allocation is large enough to be failed on purpose.
const LARGE: usize = 64 << 10;

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
/// Large allocations until the one that fails; zero: none fails.
static UNTIL_FAILURE: AtomicU64 = AtomicU64::new(0);
/// The heap may not grow beyond this by a large allocation; zero: it may.
static LIMIT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    // Constant and without a destructor, so that it can be used inside the allocator at any moment of a thread's life.
    static BALANCE: Cell<i64> = const { Cell::new(0) };
}

/// The bytes that live on the heap, as far as threads have told: up to 64 KiB a thread may be missing.
pub fn live() -> Bytes {
    Bytes(u64::try_from(LIVE.load(Ordering::Relaxed)).unwrap_or(0))
}

/// The most that [`live`] has been since the start or the last [`reset_peak`].
pub fn peak() -> Bytes {
    Bytes(u64::try_from(PEAK.load(Ordering::Relaxed)).unwrap_or(0))
}

/// Forgets the peak.
pub fn reset_peak() {
    PEAK.store(LIVE.load(Ordering::Relaxed), Ordering::Relaxed);
}

/// Tells the world this thread's balance; threads call it before they end, or up to 64 KiB are miscounted for ever.
pub fn flush_thread() {
    BALANCE.with(|balance| tell(balance.replace(0)));
}

/// Makes the `nth` allocation of 64 KiB or more from now on fail (buffers of the budget included); zero disarms.
pub fn fail_large(nth: u64) {
    UNTIL_FAILURE.store(nth, Ordering::Relaxed);
}

/// Ends the process with exit code 4 rather than let a large allocation take the heap beyond `limit`: the last net
/// before the system's, which kills without a word. Zero takes the limit away.
pub fn set_limit(limit: Bytes) {
    LIMIT.store(limit.0, Ordering::Relaxed);
}

/// Whether this allocation is beyond the limit, or the one that was chosen to fail.
pub(crate) fn must_fail(size: usize) -> bool {
    if size < LARGE {
        return false;
    }
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit != 0 && live().0.saturating_add(size as u64) > limit {
        return true;
    }
    if UNTIL_FAILURE.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let count = |left: u64| left.checked_sub(1);
    UNTIL_FAILURE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count) == Ok(1)
}

#[inline]
fn add(change: i64) {
    BALANCE.with(|balance| {
        let sum = balance.get() + change;
        if (-BATCH..=BATCH).contains(&sum) {
            balance.set(sum);
        } else {
            balance.set(0);
            tell(sum);
        }
    });
}

#[cold]
fn tell(change: i64) {
    let live = LIVE.fetch_add(change, Ordering::Relaxed) + change;
    if change > 0 {
        PEAK.fetch_max(live, Ordering::Relaxed);
    }
}

/// What to tell when the heap would pass the ceiling.
const CEILING: &[u8] = b"error: memory could not be allocated under the ceiling\n\
    hint: a larger --memory, or fewer --threads\n";
/// What to tell when the system has no memory left, or a limit of the process is met.
const SYSTEM: &[u8] = b"error: the system refused memory that the ceiling allows\n\
    hint: the machine, or a limit of the process (ulimit -v, ulimit -d), leaves less than the ceiling: \
    a smaller --memory, fewer --threads or a higher limit\n";

/// What to do when there is no memory: fixed lines and exit code 4, never an abort without a word.
#[cold]
fn give_up(lines: &[u8]) -> ! {
    #[cfg(unix)]
    {
        // SAFETY: both calls are async-signal-safe, allocate nothing and get valid arguments.
        unsafe {
            libc::write(2, lines.as_ptr().cast(), lines.len());
            libc::_exit(4)
        }
    }
    #[cfg(not(unix))]
    {
        let _ = lines;
        std::process::abort()
    }
}

/// An allocator that counts what lives in another one; use it as `#[global_allocator]`.
///
/// When the inner allocator fails, the process writes fixed lines and leaves with exit code 4: so it never returns
/// null, and `try_reserve` cannot fail softly.
pub struct CountingAllocator<A> {
    inner: A,
}

impl<A> CountingAllocator<A> {
    /// Counts what `inner` allocates.
    pub const fn new(inner: A) -> CountingAllocator<A> {
        CountingAllocator { inner }
    }
}

// SAFETY: every call goes to the inner allocator unchanged; counting neither allocates nor touches the memory.
unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if must_fail(layout.size()) {
            give_up(CEILING);
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        let pointer = unsafe { self.inner.alloc(layout) };
        if pointer.is_null() {
            give_up(SYSTEM);
        }
        add(layout.size() as i64);
        pointer
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if must_fail(layout.size()) {
            give_up(CEILING);
        }
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        let pointer = unsafe { self.inner.alloc_zeroed(layout) };
        if pointer.is_null() {
            give_up(SYSTEM);
        }
        add(layout.size() as i64);
        pointer
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { self.inner.dealloc(pointer, layout) };
        add(-(layout.size() as i64));
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if must_fail(size) {
            give_up(CEILING);
        }
        // SAFETY: the caller keeps the contract of `realloc`.
        let moved = unsafe { self.inner.realloc(pointer, layout, size) };
        if moved.is_null() {
            give_up(SYSTEM);
        }
        add(size as i64 - layout.size() as i64);
        moved
    }
}
