//! Distinct values in order of first appearance, up to a limit: the dictionary of a column chunk.
//!
//! It does not decide whether a dictionary pays.

use super::pages::make_room;

/// Distinct values a dictionary of numbers holds at most.
pub(super) const DISTINCT_MAX: usize = 1 << 14;
/// Twice the most values, so that a free slot is always near.
const SLOTS_MAX: usize = DISTINCT_MAX * 2;

/// A value that can be found by hash.
pub(super) trait Key: Copy + PartialEq {
    /// Bits that differ where values differ, well mixed at the top.
    fn mix(self) -> u64;
}

/// Knuth's multiplicative hashing with the 64-bit golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Key for u64 {
    fn mix(self) -> u64 {
        // Decimal floats have zeros below: fold the top onto them first.
        (self ^ (self >> 32)).wrapping_mul(GOLDEN)
    }
}

impl Key for (u64, u64) {
    fn mix(self) -> u64 {
        (self.0.mix() ^ self.1).mix()
    }
}

/// Distinct values and, for each value seen, its position among them.
pub(super) struct Distinct<K> {
    slots: Vec<u16>,
    /// The distinct values.
    pub(super) keys: Vec<K>,
    /// A position in `keys` for each value seen.
    pub(super) indices: Vec<u32>,
    /// How often a value differs from the one before it.
    pub(super) changes: usize,
}

impl<K> Default for Distinct<K> {
    /// Nothing seen; allocates nothing until used.
    fn default() -> Self {
        Distinct { slots: Vec::new(), keys: Vec::new(), indices: Vec::new(), changes: 0 }
    }
}

impl<K: Key> Distinct<K> {
    /// Takes in all `values`, or stops and answers false when more than `limit` (at most [`DISTINCT_MAX`]) differ.
    pub(super) fn collect(&mut self, values: impl ExactSizeIterator<Item = K>, limit: usize) -> bool {
        let limit = limit.min(DISTINCT_MAX);
        let keys_max = limit.min(values.len());
        let slots = (keys_max * 2).next_power_of_two().max(2);
        make_room(&mut self.slots, slots);
        self.slots.resize(slots, 0);
        make_room(&mut self.keys, keys_max);
        make_room(&mut self.indices, values.len());
        self.changes = 0;
        let mut last = u32::MAX;
        for value in values {
            let mut slot = (value.mix() >> (u64::BITS - slots.trailing_zeros())) as usize;
            let index = loop {
                match self.slots[slot & (slots - 1)] {
                    0 => {
                        if self.keys.len() == limit {
                            return false;
                        }
                        self.keys.push(value);
                        self.slots[slot & (slots - 1)] = self.keys.len() as u16;
                        break self.keys.len() as u32 - 1;
                    }
                    taken if self.keys[taken as usize - 1] == value => break u32::from(taken) - 1,
                    _ => slot += 1,
                }
            };
            self.changes += usize::from(index != last);
            last = index;
            self.indices.push(index);
        }
        true
    }
}

/// Heap of a [`Distinct`] that took in `values` values of `key_bytes`.
pub(super) const fn distinct_bytes_max(values: usize, key_bytes: usize) -> usize {
    SLOTS_MAX * 2 + DISTINCT_MAX * key_bytes + values * 4
}
