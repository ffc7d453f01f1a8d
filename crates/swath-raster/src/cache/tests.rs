//! What the cache promises: blocks are decoded once, room is kept, and nothing but time depends on it.

use std::sync::atomic::{AtomicUsize, Ordering};

use swath_core::{Budget, Error, Stop};

use super::*;

fn lease(bytes: u64) -> Lease {
    Budget::new(Bytes(bytes)).lease(Bytes(bytes), &Stop::default()).expect("room")
}

fn key(block: u64) -> BlockKey {
    BlockKey { source: 1, level: 0, plane: 0, block }
}

/// Room for that many blocks of 1000 bytes.
fn cache_of(blocks: u64) -> Arc<BlockCache> {
    BlockCache::new(lease(blocks * 1512))
}

fn fetch(cache: &BlockCache, task: &Lease, block: u64, decoded: &AtomicUsize) -> Arc<Block> {
    let fetched = cache.fetch(key(block), 1000, task, |bytes| {
        decoded.fetch_add(1, Ordering::Relaxed);
        bytes.fill(block as u8);
        Ok(())
    });
    let fetched = fetched.expect("a block");
    assert!(fetched.bytes().len() == 1000 && fetched.bytes().iter().all(|byte| *byte == block as u8));
    fetched
}

#[test]
fn the_block_that_was_not_used_for_longest_goes() {
    let (cache, task, decoded) = (cache_of(3), lease(0), AtomicUsize::new(0));
    for block in [0, 1, 2, 0, 3, 0, 2, 1] {
        fetch(&cache, &task, block, &decoded);
    }
    // 0, 1, 2 are new, 3 drives 1 out, which is decoded again at last.
    assert_eq!(decoded.into_inner(), 5);
    assert_eq!(cache.len(), 3);
}

#[test]
fn blocks_in_use_stay_and_others_take_the_tasks_memory() {
    let (cache, task, decoded) = (cache_of(1), lease(2000), AtomicUsize::new(0));
    let held = fetch(&cache, &task, 0, &decoded);
    let other = fetch(&cache, &task, 1, &decoded);
    assert_eq!(task.used(), Bytes(1000));
    drop((held, other));
    fetch(&cache, &task, 1, &decoded);
    assert_eq!((task.used(), cache.len()), (Bytes::ZERO, 1));
    assert_eq!(decoded.into_inner(), 3);
}

#[test]
fn no_cache_holds_nothing() {
    let (cache, task, decoded) = (BlockCache::none(), lease(1000), AtomicUsize::new(0));
    fetch(&cache, &task, 7, &decoded);
    fetch(&cache, &task, 7, &decoded);
    assert_eq!((decoded.into_inner(), cache.len(), cache.capacity()), (2, 0, Bytes::ZERO));
}

#[test]
fn two_threads_decode_a_block_once() {
    let (cache, decoded) = (cache_of(8), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let task = lease(0);
                for block in 0..8 {
                    let fetched = cache.fetch(key(block), 1000, &task, |bytes| {
                        std::thread::sleep(std::time::Duration::from_millis(2));
                        decoded.fetch_add(1, Ordering::Relaxed);
                        bytes.fill(block as u8);
                        Ok(())
                    });
                    assert!(fetched.expect("a block").bytes().iter().all(|byte| *byte == block as u8));
                }
            });
        }
    });
    assert_eq!(decoded.into_inner(), 8);
}

#[test]
fn a_block_that_fails_is_tried_again() {
    let (cache, task) = (cache_of(2), lease(0));
    let failed = cache.fetch(key(0), 1000, &task, |_| Err(Error::unexpected("damaged")));
    assert!(failed.is_err() && cache.is_empty());
    let decoded = AtomicUsize::new(0);
    fetch(&cache, &task, 0, &decoded);
    assert_eq!(decoded.into_inner(), 1);
}

#[test]
fn reclaimed_memory_is_given_up() {
    let (cache, task, decoded) = (cache_of(4), lease(0), AtomicUsize::new(0));
    (0..4).for_each(|block| drop(fetch(&cache, &task, block, &decoded)));
    assert_eq!(cache.reclaim(Bytes(2000)), Bytes(2000));
    assert_eq!((cache.len(), cache.capacity()), (2, Bytes(4 * 1512 - 2000)));
    assert_eq!(cache.reclaim(Bytes(1 << 40)), Bytes(4 * 1512 - 2000));
    assert_eq!((cache.len(), cache.capacity()), (0, Bytes::ZERO));
}
