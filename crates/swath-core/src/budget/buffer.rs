//! Big pieces of memory, leased, reused and given back to the system by us.
//!
//! From 64 KiB on they are pages of their own, since every fast allocator keeps nearly twice what lives in it; smaller
//! ones come from the heap. What a dropped buffer leaves behind is reused by the next one of like size.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use super::Pod;
use super::account::Account;
use super::mapping::{self, Mapping};
use crate::{Bytes, Error, Result};

/// A slice of plain values on leased memory; `Deref`s to `[T]`.
///
/// # Memory
/// It books exactly `length × size_of::<T>()`; the rounding to whole pages, less than 4 KiB, is not booked.
pub struct Buffer<T: Pod> {
    pages: Option<Mapping>,
    heap: Box<[T]>,
    length: usize,
    account: Arc<Account>,
}

impl<T: Pod> Buffer<T> {
    pub(super) fn new(account: &Arc<Account>, length: usize, zeroed: bool) -> Result<Buffer<T>> {
        const { assert!(align_of::<T>() <= mapping::PAGE) };
        let bytes = Bytes::of::<T>(length);
        let account = Arc::clone(account);
        if bytes.as_usize() < mapping::SMALLEST {
            account.take(bytes.0)?;
            let heap = vec![T::zeroed(); length].into_boxed_slice();
            return Ok(Buffer { pages: None, heap, length, account });
        }
        let capacity = Mapping::capacity_for(bytes.as_usize());
        let mut pages = match account.take_mapping(bytes.0, capacity)? {
            Some(mut idle) => {
                if zeroed {
                    idle.zero(bytes.as_usize());
                }
                idle
            }
            None => fresh(&account, capacity, bytes)?,
        };
        pages.set_length(bytes.as_usize());
        Ok(Buffer { pages: Some(pages), heap: Box::default(), length, account })
    }

    /// What it books on its lease.
    pub fn bytes(&self) -> Bytes {
        Bytes::of::<T>(self.length)
    }

    /// Cuts it to `length` items and gives the rest back.
    pub fn truncate(&mut self, length: usize) {
        if length >= self.length {
            return;
        }
        let back = self.bytes() - Bytes::of::<T>(length);
        match &mut self.pages {
            Some(pages) => pages.set_length(Bytes::of::<T>(length).as_usize()),
            None => {
                let mut items = std::mem::take(&mut self.heap).into_vec();
                items.truncate(length);
                self.heap = items.into_boxed_slice();
            }
        }
        self.length = length;
        self.account.give(back.0, None);
    }

    /// Makes it memory that outlives its task: whoever holds it should be a registered [`super::Reclaim`].
    pub fn keep(mut self) -> Buffer<T> {
        let account = self.account.split_used(self.bytes().0);
        let (pages, heap) = (self.pages.take(), std::mem::take(&mut self.heap));
        let length = std::mem::take(&mut self.length);
        Buffer { pages, heap, length, account }
    }
}

/// Pages that were never used. Where the system refuses, idle ones may be what it lacks.
fn fresh(account: &Account, capacity: usize, bytes: Bytes) -> Result<Mapping> {
    let refused = match Mapping::new(capacity, bytes.as_usize()) {
        Err(_) if account.budget().drop_idle(Bytes(u64::MAX)) > Bytes::ZERO => Mapping::new(capacity, bytes.as_usize()),
        other => other,
    };
    refused.map_err(|_| {
        account.give(bytes.0, None);
        Error::MemoryRefused { what: account.what(), wanted: bytes }
    })
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.pages {
            // SAFETY: the mapping holds at least `length` items, page-aligned; any bit pattern is a valid `T: Pod`.
            Some(pages) => unsafe { std::slice::from_raw_parts(pages.pointer().cast::<T>().as_ptr(), self.length) },
            None => &self.heap,
        }
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &self.pages {
            // SAFETY: as in `deref`, and `&mut self` excludes all other users of the pages.
            Some(pages) => unsafe { std::slice::from_raw_parts_mut(pages.pointer().cast::<T>().as_ptr(), self.length) },
            None => &mut self.heap,
        }
    }
}

impl<T: Pod> AsRef<[T]> for Buffer<T> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T: Pod> AsMut<[T]> for Buffer<T> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T: Pod> Drop for Buffer<T> {
    fn drop(&mut self) {
        self.heap = Box::default();
        let bytes = self.bytes().0;
        if bytes > 0 {
            self.account.give(bytes, self.pages.take());
        }
    }
}

impl<T: Pod> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} items, {})", self.length, self.bytes())
    }
}
