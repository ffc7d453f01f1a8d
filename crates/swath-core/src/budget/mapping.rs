//! Pages straight from the system, and back to it.
//!
//! It counts nothing and pools nothing. Off Linux the pages come from the allocator instead.

use std::io;
use std::ptr::NonNull;

use crate::counting;

/// Requests from this size on get pages of their own.
pub(super) const SMALLEST: usize = 64 << 10;
/// The size of a page on every system that swath knows; larger pages only make the count a little low.
pub(super) const PAGE: usize = 4096;

/// Anonymous pages of which those of the first `length` bytes may be resident; the others certainly are not.
pub(super) struct Mapping {
    pointer: NonNull<u8>,
    capacity: usize,
    length: usize,
}

// SAFETY: the pages belong to the mapping alone and are tied to no thread.
unsafe impl Send for Mapping {}
// SAFETY: a shared mapping gives out no access but through `pointer`, whose users keep the rules themselves.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// The capacity for `length` bytes: pages, in steps of an eighth, so that buffers of like size serve each other.
    pub(super) fn capacity_for(length: usize) -> usize {
        let step = ((length.max(1).next_power_of_two() / 2) / 8).max(PAGE);
        length.checked_next_multiple_of(step).unwrap_or(usize::MAX)
    }

    /// Fresh pages, all zero, none of them touched, of which the first `length` bytes may be used.
    pub(super) fn new(capacity: usize, length: usize) -> io::Result<Mapping> {
        if !counting::claim_pages(length) {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        }
        let pointer = system::map(capacity).inspect_err(|_| counting::pages_changed(-(length as i64)))?;
        // SAFETY: `length` is at most the capacity of the mapping that was just made.
        unsafe { system::prefer_huge(pointer, length) };
        Ok(Mapping { pointer, capacity, length })
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    /// What may be resident, less the rounding to whole pages.
    pub(super) fn bytes(&self) -> u64 {
        self.length as u64
    }

    /// Makes the first `length` bytes the ones that may be used; pages behind them go back to the system.
    pub(super) fn set_length(&mut self, length: usize) {
        let (old, new) = (self.length.next_multiple_of(PAGE), length.next_multiple_of(PAGE));
        if new < old {
            // SAFETY: the ranges lie inside the mapping, and nobody uses what is behind the new length any more.
            unsafe {
                system::prefer_small(self.pointer, new, old);
                system::discard(self.pointer.add(new), old - new);
            }
        }
        counting::pages_changed(length as i64 - self.length as i64);
        self.length = length;
    }

    /// Writes zeros over whatever former users may have left in the first `length` bytes.
    pub(super) fn zero(&mut self, length: usize) {
        // Where discarded pages come back as zeros only those that were in use can hold anything else.
        let stale = if system::DISCARD_ZEROES { self.length.next_multiple_of(PAGE).min(length) } else { length };
        // SAFETY: `stale` is at most the capacity, and `&mut self` excludes other users.
        unsafe { self.pointer.write_bytes(0, stale) };
    }

    pub(super) fn pointer(&self) -> NonNull<u8> {
        self.pointer
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        counting::pages_changed(-(self.length as i64));
        // SAFETY: the pages came from `map` with this capacity, and nobody can reach them any more.
        unsafe { system::unmap(self.pointer, self.capacity) };
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::ptr::NonNull;

    use rustix::mm::{Advice, MapFlags, ProtFlags};

    pub(super) const DISCARD_ZEROES: bool = true;

    pub(super) fn map(capacity: usize) -> io::Result<NonNull<u8>> {
        // SAFETY: a new private anonymous mapping at an address of the system's choice touches no other memory.
        let pages = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                capacity,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        let pointer = NonNull::new(pages.cast::<u8>()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        // A huge page that reaches beyond what was asked for would be resident without being booked.
        // SAFETY: the range is the mapping that was just made; the advice changes no contents.
        let _ = unsafe { rustix::mm::madvise(pages, capacity, Advice::LinuxNoHugepage) };
        Ok(pointer)
    }

    const HUGE: usize = 2 << 20;

    /// Asks for huge pages where they lie wholly inside the first `length` bytes: touching 8 MiB of them for the first
    /// time takes a tenth of the time, and they never make more resident than is booked.
    ///
    /// # Safety
    /// The range must lie inside one mapping.
    pub(super) unsafe fn prefer_huge(pointer: NonNull<u8>, length: usize) {
        let first = pointer.as_ptr().addr().next_multiple_of(HUGE) - pointer.as_ptr().addr();
        let end = (pointer.as_ptr().addr() + length) / HUGE * HUGE;
        let Some(inside) = end.checked_sub(pointer.as_ptr().addr() + first).filter(|&inside| inside > 0) else {
            return;
        };
        // SAFETY: the range lies inside the one of the contract; the advice changes no contents.
        let _ = unsafe { rustix::mm::madvise(pointer.add(first).as_ptr().cast(), inside, Advice::LinuxHugepage) };
    }

    /// Takes that back from the huge page that `length` cuts, and all behind it up to `old`.
    ///
    /// # Safety
    /// The range up to `old` must lie inside one mapping.
    pub(super) unsafe fn prefer_small(pointer: NonNull<u8>, length: usize, old: usize) {
        if old < HUGE {
            return;
        }
        let base = pointer.as_ptr().addr();
        let first = ((base + length) / HUGE * HUGE).max(base) - base;
        // SAFETY: the range lies inside the one of the contract; the advice changes no contents.
        let _ =
            unsafe { rustix::mm::madvise(pointer.add(first).as_ptr().cast(), old - first, Advice::LinuxNoHugepage) };
    }

    /// # Safety
    /// The range must lie inside one mapping that nobody uses meanwhile; it reads as zero afterwards.
    pub(super) unsafe fn discard(pointer: NonNull<u8>, length: usize) {
        // SAFETY: by the contract above. A failure leaves the pages resident, which is harmless to the contents.
        let _ = unsafe { rustix::mm::madvise(pointer.as_ptr().cast(), length, Advice::LinuxDontNeed) };
    }

    /// # Safety
    /// The range must be exactly one mapping of [`map`] that nobody uses any more.
    pub(super) unsafe fn unmap(pointer: NonNull<u8>, capacity: usize) {
        // SAFETY: by the contract above.
        let _ = unsafe { rustix::mm::munmap(pointer.as_ptr().cast(), capacity) };
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::alloc::Layout;
    use std::io;
    use std::ptr::NonNull;

    pub(super) const DISCARD_ZEROES: bool = false;

    fn layout(capacity: usize) -> io::Result<Layout> {
        Layout::from_size_align(capacity, super::PAGE).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    pub(super) fn map(capacity: usize) -> io::Result<NonNull<u8>> {
        // SAFETY: the layout is not empty, since capacities are at least one page.
        let pages = unsafe { std::alloc::alloc_zeroed(layout(capacity)?) };
        NonNull::new(pages).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))
    }

    /// # Safety
    /// None is needed here.
    pub(super) unsafe fn prefer_huge(_pointer: NonNull<u8>, _length: usize) {}

    /// # Safety
    /// None is needed here.
    pub(super) unsafe fn prefer_small(_pointer: NonNull<u8>, _length: usize, _old: usize) {}

    /// # Safety
    /// As on Linux; here the pages stay.
    pub(super) unsafe fn discard(_pointer: NonNull<u8>, _length: usize) {}

    /// # Safety
    /// The range must be exactly one mapping of [`map`] that nobody uses any more.
    pub(super) unsafe fn unmap(pointer: NonNull<u8>, capacity: usize) {
        if let Ok(layout) = layout(capacity) {
            // SAFETY: by the contract above it was allocated with this layout.
            unsafe { std::alloc::dealloc(pointer.as_ptr(), layout) };
        }
    }
}
