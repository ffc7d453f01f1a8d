//! The order of the rows of one batch: by partition, sensor (or place) and time, ties by position.
//!
//! Identifiers say nothing about order; the caller gives the ranks of those that occur. Nothing is moved here.

use crate::layout::RowKey;

/// Dense ranks of the identifiers that occur in a batch.
///
/// The table is as long as the largest identifier and is reused from batch to batch.
#[derive(Debug, Default)]
pub struct LocalRanks {
    rank_of: Vec<u32>,
    distinct: Vec<u32>,
    /// Whether ranks are looked up in `distinct`, which is in order of the numbers themselves.
    searched: bool,
}

const ABSENT: u32 = u32::MAX;

impl LocalRanks {
    /// Finds the distinct identifiers of `ids`, orders them with `sort`, and ranks them.
    pub fn rank(&mut self, ids: impl Iterator<Item = u32>, sort: impl FnOnce(&mut [u32])) {
        self.forget();
        for id in ids {
            if id as usize >= self.rank_of.len() {
                self.rank_of.resize((id as usize + 1).next_power_of_two(), ABSENT);
            }
            if self.rank_of[id as usize] == ABSENT {
                self.rank_of[id as usize] = 0;
                self.distinct.push(id);
            }
        }
        sort(&mut self.distinct);
        for (rank, &id) in self.distinct.iter().enumerate() {
            self.rank_of[id as usize] = rank as u32;
        }
    }

    /// Ranks numbers by their own order, without a table as long as the largest of them.
    pub fn rank_numbers(&mut self, numbers: impl Iterator<Item = u32>) {
        self.forget();
        self.searched = true;
        self.distinct.extend(numbers);
        self.distinct.sort_unstable();
        self.distinct.dedup();
    }

    fn forget(&mut self) {
        if !self.searched {
            for &id in &self.distinct {
                self.rank_of[id as usize] = ABSENT;
            }
        }
        self.distinct.clear();
        self.searched = false;
    }

    /// The rank of an identifier that occurred.
    pub fn of(&self, id: u32) -> u32 {
        if self.searched {
            return self.distinct.partition_point(|&other| other < id) as u32;
        }
        self.rank_of[id as usize]
    }

    /// How many distinct identifiers there are.
    pub fn distinct(&self) -> usize {
        self.distinct.len()
    }
}

/// Bits that hold the numbers below `count`.
fn bits_for(count: u64) -> u32 {
    u64::BITS - count.saturating_sub(1).leading_zeros()
}

/// Sorts the positions `0..keys.len()` by (partition rank, major rank, minor), ties by position, into `order`.
///
/// `major_rank` maps a key's major to a rank below `majors`.
pub fn sort_order(
    keys: &[RowKey],
    partitions: &LocalRanks,
    majors: &LocalRanks,
    (packed, spare): (&mut Vec<u64>, &mut Vec<u64>),
    order: &mut Vec<u32>,
) {
    order.clear();
    let Some(first) = keys.first() else { return };
    let (mut low, mut high) = (first.minor, first.minor);
    for key in keys {
        low = low.min(key.minor);
        high = high.max(key.minor);
    }
    let unit = time_unit(keys, low);
    let span = (high.wrapping_sub(low) as u64) / unit;
    let minor_bits = if span == u64::MAX { 64 } else { bits_for(span + 1) };
    let index_bits = bits_for(keys.len() as u64);
    let major_bits = bits_for(majors.distinct() as u64);
    let partition_bits = bits_for(partitions.distinct() as u64);
    let total = partition_bits + major_bits + minor_bits + index_bits;
    if total <= 64 {
        packed.clear();
        packed.extend(keys.iter().enumerate().map(|(position, key)| {
            let minor = (key.minor.wrapping_sub(low) as u64) / unit;
            let ranks = u64::from(partitions.of(key.partition)) << major_bits | u64::from(majors.of(key.major));
            (ranks << minor_bits | minor) << index_bits | position as u64
        }));
        radix_sort(packed, spare, index_bits, total);
        let mask = (1u64 << index_bits) - 1;
        order.extend(packed.iter().map(|&word| (word & mask) as u32));
    } else {
        order.extend(0..keys.len() as u32);
        order.sort_unstable_by_key(|&position| {
            let key = &keys[position as usize];
            (partitions.of(key.partition), majors.of(key.major), key.minor, position)
        });
    }
}

/// The coarsest of second, millisecond and microsecond in which all times since `low` are whole.
fn time_unit(keys: &[RowKey], low: i64) -> u64 {
    for unit in [1_000_000, 1_000] {
        if keys.iter().all(|key| (key.minor.wrapping_sub(low) as u64).is_multiple_of(unit)) {
            return unit;
        }
    }
    1
}

/// Sorts words by the bits from `from` to `to`; words that agree there stay in their order.
fn radix_sort(words: &mut Vec<u64>, other: &mut Vec<u64>, from: u32, to: u32) {
    const DIGIT: u32 = 11;
    other.resize(words.len(), 0);
    let mut shift = from;
    while shift < to {
        let digit_bits = DIGIT.min(to - shift);
        let mask = (1u64 << digit_bits) - 1;
        let mut starts = [0u32; 1 << DIGIT];
        for &word in words.iter() {
            starts[((word >> shift) & mask) as usize] += 1;
        }
        let mut sum = 0;
        for start in &mut starts[..1 << digit_bits] {
            let count = *start;
            *start = sum;
            sum += count;
        }
        for &word in words.iter() {
            let slot = &mut starts[((word >> shift) & mask) as usize];
            other[*slot as usize] = word;
            *slot += 1;
        }
        std::mem::swap(words, other);
        shift += digit_bits;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[RowKey]) {
        let (mut partitions, mut majors) = (LocalRanks::default(), LocalRanks::default());
        // Larger identifiers come first, so that ranks are not identifiers.
        partitions.rank(keys.iter().map(|key| key.partition), |ids| ids.sort_by_key(|&id| std::cmp::Reverse(id)));
        majors.rank(keys.iter().map(|key| key.major), |ids| ids.sort_by_key(|&id| std::cmp::Reverse(id)));
        let (mut packed, mut spare, mut order) = (Vec::new(), Vec::new(), Vec::new());
        check_numbers(keys);
        sort_order(keys, &partitions, &majors, (&mut packed, &mut spare), &mut order);
        let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
        expected.sort_by_key(|&position| {
            let key = keys[position as usize];
            (std::cmp::Reverse(key.partition), std::cmp::Reverse(key.major), key.minor, position)
        });
        assert_eq!(order, expected);
    }

    /// Majors that order by themselves, as places on a curve do.
    fn check_numbers(keys: &[RowKey]) {
        let (mut partitions, mut majors) = (LocalRanks::default(), LocalRanks::default());
        partitions.rank(keys.iter().map(|key| key.partition), |ids| ids.sort_unstable());
        majors.rank_numbers(keys.iter().map(|key| key.major));
        let (mut packed, mut spare, mut order) = (Vec::new(), Vec::new(), Vec::new());
        sort_order(keys, &partitions, &majors, (&mut packed, &mut spare), &mut order);
        let mut expected: Vec<u32> = (0..keys.len() as u32).collect();
        expected.sort_by_key(|&position| {
            let key = keys[position as usize];
            (key.partition, key.major, key.minor, position)
        });
        assert_eq!(order, expected);
    }

    #[test]
    fn packed_and_wide_keys_sort_alike() {
        let mut state = 1u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for (partitions, majors, unit, span) in
            [(1, 1, 1, 1), (2, 5_000, 1_000_000, 1_000), (50, 50_000, 1_000, 1 << 20), (3, 7, 1, 1 << 30)]
        {
            let keys: Vec<RowKey> = (0..3_000)
                .map(|_| RowKey {
                    partition: random(partitions) as u32,
                    major: random(majors) as u32,
                    minor: 1_700_000_000_000_000 + (random(span) * unit) as i64,
                })
                .collect();
            check(&keys);
        }
        check(&[]);
        check(&[
            RowKey { partition: 0, major: 1, minor: i64::MAX },
            RowKey { partition: 0, major: 1, minor: i64::MIN },
            RowKey { partition: 1, major: 0, minor: 0 },
        ]);
    }
}
