//! Decoded blocks of sources, shared by windows that touch only parts of them.
//!
//! What it holds is never seen in pixels, only in time: a block comes out of it as it would come out of the file. It
//! decodes nothing itself, and it takes no memory but that of the lease it was made with.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use swath_core::{Buffer, Bytes, Charge, Lease, Reclaim, Result};

/// What the tables of the cache take for a block: a node's share of two B-trees, the counted pointer, the buffer's
/// head. Measured below 300 bytes.
const ENTRY: Bytes = Bytes(512);

/// Which block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockKey {
    /// The open source, by a number that no other open source of the process has.
    pub source: u64,
    /// Which of its images: a level, or a mask.
    pub level: u32,
    /// The plane, where bands are stored apart.
    pub plane: u32,
    /// The block of that plane.
    pub block: u64,
}

/// Bytes of one decoded block, aligned for any type of pixels.
#[derive(Debug)]
pub struct Block {
    words: Buffer<u64>,
    length: usize,
    /// Booked for what the tables take, as long as the block lives.
    _entry: Option<Charge>,
}

impl Block {
    /// A block of `length` bytes that must all be written.
    fn unwritten(length: usize, lease: &Lease, entry: Option<Charge>) -> Result<Block> {
        Ok(Block { words: lease.buffer_unzeroed(length.div_ceil(8))?, length, _entry: entry })
    }

    /// Its bytes, as this machine orders them.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words[..])[..self.length]
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.words[..])[..self.length]
    }
}

/// A store of decoded blocks of bounded size; the ones that were not used for longest go first.
pub struct BlockCache {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// What the blocks are made of.
    lease: Option<Lease>,
    slots: BTreeMap<BlockKey, Slot>,
    /// Blocks that are there, by when they were last used.
    order: BTreeMap<u64, BlockKey>,
    clock: u64,
}

enum Slot {
    /// Somebody decodes it.
    Pending,
    Ready {
        block: Arc<Block>,
        used: u64,
    },
}

/// What a request found.
enum Found {
    Ready(Arc<Block>),
    /// The caller decodes it, and others wait for that.
    Mine(Block),
    /// There is no room that could be made.
    NoRoom,
}

impl BlockCache {
    /// A cache as large as a lease, which it holds: of memory that is kept beyond tasks (see [`Lease::keep`]), or fixed.
    pub fn new(lease: Lease) -> Arc<BlockCache> {
        BlockCache::with(Some(lease))
    }

    /// A cache that holds nothing.
    pub fn none() -> Arc<BlockCache> {
        BlockCache::with(None)
    }

    fn with(lease: Option<Lease>) -> Arc<BlockCache> {
        let state = State { lease, slots: BTreeMap::new(), order: BTreeMap::new(), clock: 0 };
        Arc::new(BlockCache { state: Mutex::new(state), changed: Condvar::new() })
    }

    /// What it may hold now: less than at first once memory was reclaimed.
    pub fn capacity(&self) -> Bytes {
        self.lock().lease.as_ref().map_or(Bytes::ZERO, Lease::bytes)
    }

    /// Blocks that it holds.
    pub fn len(&self) -> usize {
        self.lock().order.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The block, if it is there.
    pub fn peek(&self, key: BlockKey) -> Option<Arc<Block>> {
        self.lock().touch(key)
    }

    /// The block: from the cache, or decoded by `decode` into `length` bytes, all of which it must write.
    ///
    /// A block that another thread is decoding is waited for. `decode` must not ask this cache for anything.
    ///
    /// # Memory
    /// Takes `length` of the task's `lease`, rounded up to 8, where the cache has no room.
    ///
    /// # Errors
    /// What `decode` says; [`swath_core::Error::Pressure`] when the lease has less left.
    pub fn fetch(
        &self,
        key: BlockKey,
        length: usize,
        lease: &Lease,
        decode: impl FnOnce(&mut [u8]) -> Result<()>,
    ) -> Result<Arc<Block>> {
        match self.find(key, length) {
            Found::Ready(block) => Ok(block),
            Found::NoRoom => {
                let mut block = Block::unwritten(length, lease, None)?;
                decode(block.bytes_mut())?;
                Ok(Arc::new(block))
            }
            Found::Mine(mut block) => {
                let pending = PendingBlock { cache: self, key };
                decode(block.bytes_mut())?;
                Ok(pending.done(block))
            }
        }
    }

    fn find(&self, key: BlockKey, length: usize) -> Found {
        let mut state = self.lock();
        loop {
            if let Some(block) = state.touch(key) {
                return Found::Ready(block);
            }
            if !state.slots.contains_key(&key) {
                return match state.room_for(length) {
                    Some(block) => {
                        state.slots.insert(key, Slot::Pending);
                        Found::Mine(block)
                    }
                    None => Found::NoRoom,
                };
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The block, if it is there, as the one used last.
    fn touch(&mut self, key: BlockKey) -> Option<Arc<Block>> {
        let Some(Slot::Ready { block, used }) = self.slots.get_mut(&key) else {
            return None;
        };
        let block = Arc::clone(block);
        self.clock += 1;
        self.order.remove(used);
        *used = self.clock;
        self.order.insert(self.clock, key);
        Some(block)
    }

    /// Memory for a block, made free if need be; `None` where blocks in use leave no room.
    fn room_for(&mut self, length: usize) -> Option<Block> {
        let needed = Bytes((length as u64).next_multiple_of(8)) + ENTRY;
        let missing = needed.saturating_sub(self.lease.as_ref()?.free());
        if needed > self.lease.as_ref()?.bytes() || self.evict(missing) < missing {
            return None;
        }
        let lease = self.lease.as_ref()?;
        let entry = lease.charge(ENTRY).ok()?;
        Block::unwritten(length, lease, Some(entry)).ok()
    }

    /// Drops blocks that nobody uses, oldest first, until `want` is free; answers what that gave back.
    fn evict(&mut self, want: Bytes) -> Bytes {
        let mut got = Bytes::ZERO;
        let mut in_use = 0;
        while got < want {
            let Some((&used, &key)) = self.order.iter().nth(in_use) else {
                break;
            };
            match self.slots.get(&key) {
                Some(Slot::Ready { block, .. }) if Arc::strong_count(block) > 1 => in_use += 1,
                Some(Slot::Ready { block, .. }) => {
                    got += block.words.bytes() + ENTRY;
                    self.slots.remove(&key);
                    self.order.remove(&used);
                }
                _ => {
                    self.order.remove(&used);
                }
            }
        }
        got
    }
}

impl Reclaim for BlockCache {
    /// Drops blocks and gives their room up for good.
    fn reclaim(&self, want: Bytes) -> Bytes {
        let mut state = self.lock();
        let Some(before) = state.lease.as_ref().map(Lease::bytes) else {
            return Bytes::ZERO;
        };
        let free = state.lease.as_ref().map_or(Bytes::ZERO, Lease::free);
        state.evict(want.saturating_sub(free));
        let Some(lease) = state.lease.as_mut() else {
            return Bytes::ZERO;
        };
        lease.shrink(before.saturating_sub(want));
        before - lease.bytes()
    }
}

/// A slot that others wait for; left empty again if decoding fails, so that one of them tries it.
struct PendingBlock<'a> {
    cache: &'a BlockCache,
    key: BlockKey,
}

impl PendingBlock<'_> {
    fn done(self, block: Block) -> Arc<Block> {
        let block = Arc::new(block);
        let mut state = self.cache.lock();
        state.clock += 1;
        let used = state.clock;
        state.order.insert(used, self.key);
        state.slots.insert(self.key, Slot::Ready { block: Arc::clone(&block), used });
        drop(state);
        block
    }
}

impl Drop for PendingBlock<'_> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        if matches!(state.slots.get(&self.key), Some(Slot::Pending)) {
            state.slots.remove(&self.key);
        }
        drop(state);
        self.cache.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
