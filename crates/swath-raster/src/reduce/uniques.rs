//! Different values and how often each occurs, as long as there are not too many of them.

use swath_core::{Buffer, Bytes, Lease, Result};

use super::keys::Key;

/// Counted keys, up to a limit; beyond it nothing is known but that there are more.
pub struct Uniques {
    keys: Buffer<u64>,
    /// 0 where there is no key.
    counts: Buffer<u64>,
    used: usize,
    limit: usize,
    exceeded: bool,
}

/// Places of the table for so many keys: never more than half of them are taken.
fn places(limit: usize) -> usize {
    (limit + 1).next_power_of_two() * 2
}

impl Uniques {
    /// A table for `limit` different keys.
    ///
    /// # Memory
    /// [`Uniques::bytes_for`] of the lease.
    ///
    /// # Errors
    /// [`swath_core::Error::Pressure`] when it has less left.
    pub fn new(limit: usize, lease: &Lease) -> Result<Uniques> {
        let (keys, counts) = (lease.buffer(places(limit))?, lease.buffer(places(limit))?);
        Ok(Uniques { keys, counts, used: 0, limit, exceeded: false })
    }

    /// Memory of a table.
    pub fn bytes_for(limit: usize) -> Bytes {
        Bytes(places(limit) as u64 * 16)
    }

    /// Whether there are more than the limit.
    pub fn is_exceeded(&self) -> bool {
        self.exceeded
    }

    /// Knows from elsewhere that there are more than the limit.
    pub fn exceed(&mut self) {
        self.exceeded = true;
    }

    /// Counts a key so many times.
    pub fn insert(&mut self, key: u64, count: u64) {
        if self.exceeded || count == 0 {
            return;
        }
        let mask = self.keys.len() - 1;
        // Fibonacci hashing (Knuth, volume 3, 6.4): the upper bits of the product are well mixed.
        let mut place = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.counts[place] != 0 && self.keys[place] != key {
            place = (place + 1) & mask;
        }
        if self.counts[place] == 0 {
            if self.used == self.limit {
                self.exceeded = true;
                return;
            }
            self.used += 1;
            self.keys[place] = key;
        }
        self.counts[place] += count;
    }

    /// Counts values.
    pub(super) fn add<T: Key>(&mut self, values: &[T]) {
        // Equal values often are neighbours.
        for run in values.chunk_by(|one, other| one == other) {
            if self.exceeded {
                return;
            }
            self.insert(run[0].key(), run.len() as u64);
        }
    }

    /// How many different keys there are; 0 where there are too many.
    pub fn count(&self) -> usize {
        if self.exceeded { 0 } else { self.used }
    }

    /// The keys in any order, each with its count; nothing where there are too many.
    pub fn pairs(&self) -> impl Iterator<Item = (u64, u64)> {
        let pairs = self.keys.iter().zip(self.counts.iter()).filter(|(_, count)| **count > 0 && !self.exceeded);
        pairs.map(|(key, count)| (*key, *count))
    }

    /// The keys in order, each with its count; nothing where there are too many.
    pub fn sorted(&self) -> Vec<(u64, u64)> {
        let mut pairs = Vec::with_capacity(self.count());
        pairs.extend(self.pairs());
        pairs.sort_unstable();
        pairs
    }
}
