//! TIFFs that are real, damaged or made on purpose: the same pixels however they are asked for, no panic, no hang, and no
//! memory beyond what was declared; measured by counting allocations.
//!
//! This file counts. The tests are in the others.

mod corpus;
mod lies;
mod made;
mod mutants;
mod raw;
mod told;

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swath_core::{Budget, Bytes, Lease, Result, Stop};
use swath_formats::geotiff::read::TiffRaster;
use swath_raster::{BlockCache, Raster, Tile, Window};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static ALONE: Mutex<()> = Mutex::new(());

/// Tests measure the whole process, so one runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn grow(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call is handed on to the system's allocator as it is; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `work` takes of the heap at its peak.
fn measured<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let done = work();
    (done, PEAK.load(Ordering::Relaxed).saturating_sub(before) as u64)
}

fn lease(bytes: Bytes) -> Lease {
    Budget::new(bytes).lease(bytes, &Stop::default()).expect("room")
}

/// A generator that gives the same numbers everywhere (Steele, Lea and Flood: SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}

/// Reads a window with no more than it declares, and holds the heap against that and what the cache may take.
fn read_declared(
    raster: &TiffRaster,
    cache: &BlockCache,
    window: Window,
    bands: &[usize],
    what: &Path,
) -> Result<Tile> {
    let declared = raster.bytes_for(window, bands.len());
    let lease = lease(declared);
    let (tile, heap) = measured(|| raster.read(window, bands, &lease));
    assert!(
        heap <= (declared + cache.capacity()).0,
        "{}: {window:?} took {heap} bytes of heap, {declared} were declared",
        what.display()
    );
    tile
}
