//! The true size of the heap: an allocator around any other that counts live bytes and never dies without a word.
//!
//! What fits is the budget's to say. This is the last net beneath it: it counts the heap together with the pages of
//! buffers, looks at the resident set where that comes near the limit, and ends the process before it is passed.

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicPtr, AtomicU8, AtomicU64, AtomicUsize, Ordering};

use super::resident_now;
use crate::Bytes;

/// A thread tells the world once its balance has moved by this much.
const BATCH: i64 = 64 << 10;
/// From this size on an allocation is told at once, held against the limit by itself, and can be failed on purpose.
const LARGE: usize = 64 << 10;

static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);
/// Pages of buffers, which are no part of the heap.
static PAGES: AtomicI64 = AtomicI64::new(0);
/// Large allocations until the one that fails; zero: none fails.
static UNTIL_FAILURE: AtomicU64 = AtomicU64::new(0);
/// The process may not grow beyond this; zero: it may.
static LIMIT: AtomicU64 = AtomicU64::new(0);
/// What was resident beside the heap and the pages when the limit was set: code, stacks, the C library.
static OTHER: AtomicU64 = AtomicU64::new(0);
/// Somebody is saying the last words.
static ENDING: AtomicBool = AtomicBool::new(false);
/// What is told at the end instead of the fixed lines: a [`LastWords`].
static LAST_WORDS: AtomicPtr<()> = AtomicPtr::new(std::ptr::null_mut());

/// The exit code with which the process ends without a word instead; zero: it says something, and ends with 4.
static SILENT_EXIT: AtomicU8 = AtomicU8::new(0);

/// The longest name of a step that is remembered.
const STEP_MAX: usize = 16;
static STEP: [AtomicU8; STEP_MAX] = [const { AtomicU8::new(0) }; STEP_MAX];
static STEP_LENGTH: AtomicUsize = AtomicUsize::new(0);

/// Says that `wanted` bytes could not be had under a ceiling, in the step of that name (empty before the first). It must
/// take no lock, since another thread may hold it, and not allocate.
pub type LastWords = fn(step: &str, wanted: Bytes, ceiling: Bytes);

thread_local! {
    // Constant and without a destructor, so that it can be used inside the allocator at any moment of a thread's life.
    static BALANCE: Cell<i64> = const { Cell::new(0) };
}

/// The bytes that live on the heap, as far as threads have told: up to 64 KiB a thread may be missing.
pub fn live() -> Bytes {
    Bytes(u64::try_from(LIVE.load(Ordering::Relaxed)).unwrap_or(0))
}

/// Pages of buffers, which are no part of the heap.
pub(crate) fn pages() -> Bytes {
    Bytes(u64::try_from(PAGES.load(Ordering::Relaxed)).unwrap_or(0))
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

/// How many large allocations are left until the one that fails.
pub(crate) fn until_failure() -> u64 {
    UNTIL_FAILURE.load(Ordering::Relaxed)
}

/// Ends the process with exit code 4 rather than let it grow beyond `limit`: the last net before the system's, which
/// kills without a word. Zero takes the limit away.
pub fn set_limit(limit: Bytes) {
    let counted = live().0 + u64::try_from(PAGES.load(Ordering::Relaxed)).unwrap_or(0);
    OTHER.store(resident_now().0.saturating_sub(counted), Ordering::Relaxed);
    LIMIT.store(limit.0, Ordering::Relaxed);
}

/// Has `words` say what happened when the limit is met, instead of two fixed lines.
pub fn set_last_words(words: LastWords) {
    LAST_WORDS.store(words as *mut (), Ordering::Release);
}

/// Has the process end with `code` and without a word where memory is at its end: for one that another goes on after.
pub fn end_silently(code: u8) {
    SILENT_EXIT.store(code, Ordering::Relaxed);
}

/// Remembers what the process is at, for the last words.
pub fn set_step(name: &str) {
    let bytes = &name.as_bytes()[..name.floor_char_boundary(STEP_MAX)];
    STEP_LENGTH.store(0, Ordering::Relaxed);
    for (to, from) in STEP.iter().zip(bytes) {
        to.store(*from, Ordering::Relaxed);
    }
    STEP_LENGTH.store(bytes.len(), Ordering::Release);
}

/// Counts pages that a buffer is about to map; answers whether it may. What it may not is not counted.
pub(crate) fn claim_pages(length: usize) -> bool {
    pages_changed(length as i64);
    let granted = !must_fail(length);
    if !granted {
        pages_changed(-(length as i64));
    }
    granted
}

/// Pages of a buffer have become this many bytes more or less.
pub(crate) fn pages_changed(change: i64) {
    PAGES.fetch_add(change, Ordering::Relaxed);
}

/// Whether a large allocation, which is counted already, is beyond the limit, or the one that was chosen to fail.
fn must_fail(size: usize) -> bool {
    if size < LARGE {
        return false;
    }
    if passes_limit(size as u64) {
        return true;
    }
    if UNTIL_FAILURE.load(Ordering::Relaxed) == 0 {
        return false;
    }
    let count = |left: u64| left.checked_sub(1);
    UNTIL_FAILURE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, count) == Ok(1)
}

/// Whether the process passes the limit with what is counted, of which `unseen` is not resident yet. Allocators keep more
/// than what lives, so near the limit the system is asked as well.
#[inline]
fn passes_limit(unseen: u64) -> bool {
    let limit = LIMIT.load(Ordering::Relaxed);
    if limit == 0 || ENDING.load(Ordering::Relaxed) {
        return false;
    }
    let counted = LIVE.load(Ordering::Relaxed) + PAGES.load(Ordering::Relaxed);
    let counted = u64::try_from(counted).unwrap_or(0) + OTHER.load(Ordering::Relaxed);
    counted > limit || (counted > limit / 4 * 3 && resident_now().0 + unseen > limit)
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
        if passes_limit(0) {
            give_up(Lacking::Ceiling, change as u64);
        }
    }
}

/// Counts a large allocation before it is made, so that two threads cannot both find the same room.
#[cold]
fn announce(size: usize) {
    LIVE.fetch_add(size as i64, Ordering::Relaxed);
    if must_fail(size) {
        give_up(Lacking::Ceiling, size as u64);
    }
}

/// Counts an allocation that was made in place of one of `old` bytes (or of none).
#[inline]
fn settle(size: usize, old: usize) {
    if size < LARGE {
        return add(size as i64 - old as i64);
    }
    let live = LIVE.fetch_sub(old as i64, Ordering::Relaxed) - old as i64;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

/// Whose memory is at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lacking {
    Ceiling,
    System,
}

/// What to tell when the heap would pass the ceiling.
const CEILING: &[u8] = b"error: memory could not be allocated under the ceiling\n\
    hint: a larger --memory, or fewer --threads\n";
/// What to tell when the system has no memory left, or a limit of the process is met.
const SYSTEM: &[u8] = b"error: the system refused memory that the ceiling allows\n\
    hint: the machine, or a limit of the process (ulimit -v, ulimit -d), leaves less than the ceiling: \
    a smaller --memory, fewer --threads or a higher limit\n";

/// What to do when there is no memory: prepared words and exit code 4, never an abort without a word.
#[cold]
fn give_up(lacking: Lacking, wanted: u64) -> ! {
    #[cfg(unix)]
    {
        if ENDING.swap(true, Ordering::AcqRel) {
            // Another thread is ending the process already.
            loop {
                // SAFETY: the call takes no arguments and only waits.
                unsafe { libc::pause() };
            }
        }
        let silent = SILENT_EXIT.load(Ordering::Relaxed);
        if silent != 0 {
            // SAFETY: the call is async-signal-safe.
            unsafe { libc::_exit(silent.into()) }
        }
        let words = LAST_WORDS.load(Ordering::Acquire);
        let lines = match lacking {
            Lacking::Ceiling if !words.is_null() => {
                // SAFETY: the pointer is only ever made of a function of this type.
                let words = unsafe { std::mem::transmute::<*mut (), LastWords>(words) };
                say_step(words, Bytes(wanted));
                &[]
            }
            Lacking::Ceiling => CEILING,
            Lacking::System => SYSTEM,
        };
        // SAFETY: both calls are async-signal-safe, allocate nothing and get valid arguments.
        unsafe {
            libc::write(2, lines.as_ptr().cast(), lines.len());
            libc::_exit(4)
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (lacking, wanted);
        std::process::abort()
    }
}

/// Has the last words said, with the step that was remembered.
#[cfg(unix)]
fn say_step(words: LastWords, wanted: Bytes) {
    let mut name = [0; STEP_MAX];
    let length = STEP_LENGTH.load(Ordering::Acquire).min(STEP_MAX);
    name.iter_mut().zip(&STEP).for_each(|(to, from)| *to = from.load(Ordering::Relaxed));
    let ceiling = Bytes(LIMIT.load(Ordering::Relaxed));
    words(std::str::from_utf8(&name[..length]).unwrap_or_default(), wanted, ceiling);
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
        if layout.size() >= LARGE {
            announce(layout.size());
        }
        // SAFETY: the caller keeps the contract of `alloc`.
        let pointer = unsafe { self.inner.alloc(layout) };
        if pointer.is_null() {
            give_up(Lacking::System, layout.size() as u64);
        }
        settle(layout.size(), 0);
        pointer
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE {
            announce(layout.size());
        }
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        let pointer = unsafe { self.inner.alloc_zeroed(layout) };
        if pointer.is_null() {
            give_up(Lacking::System, layout.size() as u64);
        }
        settle(layout.size(), 0);
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
        // Old and new may both be there while one is copied to the other.
        if size >= LARGE {
            announce(size);
        }
        // SAFETY: the caller keeps the contract of `realloc`.
        let moved = unsafe { self.inner.realloc(pointer, layout, size) };
        if moved.is_null() {
            give_up(Lacking::System, size as u64);
        }
        settle(size, layout.size());
        moved
    }
}
