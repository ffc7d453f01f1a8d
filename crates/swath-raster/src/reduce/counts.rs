//! How many values begin with which digits: a step on the way to a rank, or, where all digits are looked at at once, how
//! often each value occurs.

use swath_core::{Buffer, Bytes, Lease, Result};

use super::keys::Key;

/// Counts of one band.
pub struct Counts {
    /// What keys begin with, of those that are looked at; all are where nothing is known.
    prefixes: Vec<u64>,
    /// Bits of a prefix.
    known: u32,
    /// Bits of the digit behind it.
    digit: u32,
    table: Buffer<u32>,
}

impl Counts {
    /// Counts of a digit of `digit` bits behind each prefix of `known` bits; the prefixes are in order.
    ///
    /// # Memory
    /// [`Counts::bytes_for`] of the lease.
    ///
    /// # Errors
    /// [`swath_core::Error::Pressure`] when it has less left.
    pub fn new(prefixes: Vec<u64>, known: u32, digit: u32, lease: &Lease) -> Result<Counts> {
        let table = lease.buffer(prefixes.len() << digit)?;
        Ok(Counts { prefixes, known, digit, table })
    }

    /// Memory of the counts behind so many prefixes.
    pub fn bytes_for(prefixes: usize, digit: u32) -> Bytes {
        Bytes((prefixes as u64 * 4) << digit)
    }

    /// The counts: for each prefix one for each digit.
    pub fn table(&self) -> &[u32] {
        &self.table
    }

    /// Counts values, fewer than 2³² in all.
    pub(super) fn add<T: Key>(&mut self, values: &[T]) {
        let (below, mask) = (T::KEY_BITS - self.known - self.digit, (1u64 << self.digit) - 1);
        if self.known == 0 {
            values.iter().for_each(|value| self.table[(value.key() >> below) as usize] += 1);
            return;
        }
        let (Some(first), Some(last)) = (self.prefixes.first(), self.prefixes.last()) else { return };
        let prefix_below = T::KEY_BITS - self.known;
        for key in values.iter().map(|value| value.key()) {
            let prefix = key >> prefix_below;
            if prefix < *first || prefix > *last {
                continue;
            }
            if let Ok(slot) = self.prefixes.binary_search(&prefix) {
                self.table[(slot << self.digit) + (key >> below & mask) as usize] += 1;
            }
        }
    }
}
