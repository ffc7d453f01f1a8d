//! Where in a table on scratch something begins, found with few reads by a guess of where that is.
//!
//! It does not know what the table holds.

use std::ops::Range;

use swath_core::Result;

/// Entries that are looked at at once.
pub const BLOCK: usize = 128;

/// The first of `entries`, which are in order, that is not before what is sought, or their end. `count_before` answers
/// how many of a block of entries are before it. A good guess takes one block; from a bad one blocks go away by steps
/// that double, and never beyond the middle of what is left.
///
/// # Errors
/// Those of `count_before`.
pub fn first_from(
    entries: Range<u64>,
    guess: u64,
    mut count_before: impl FnMut(Range<u64>) -> Result<usize>,
) -> Result<u64> {
    const LENGTH: u64 = BLOCK as u64;
    let Range { start: mut low, end: mut high } = entries;
    let (mut at, mut step) = (guess, LENGTH);
    while low < high {
        let start = at.saturating_sub(LENGTH / 2).min(high.saturating_sub(LENGTH)).max(low);
        let end = (start + LENGTH).min(high);
        let found = start + count_before(start..end)? as u64;
        if found == start && start > low {
            high = start;
            at = start.saturating_sub(step).max(low.midpoint(high));
        } else if found == end && end < high {
            low = end;
            at = (end + step).min(low.midpoint(high));
        } else {
            return Ok(found);
        }
        step *= 2;
    }
    Ok(low)
}

/// Of `count`, the share that `part` is of `whole`, about.
pub fn share(count: u64, part: u128, whole: u128) -> u64 {
    (u128::from(count) * (part >> 64) / (whole >> 64).max(1)) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers where the first entry that is not below `wanted` is, and how many blocks were looked at.
    fn find(table: &[u64], entries: Range<u64>, guess: u64, wanted: u64) -> (u64, u32) {
        let mut reads = 0;
        let found = first_from(entries.clone(), guess, |block| {
            reads += 1;
            assert!(block.start < block.end && entries.start <= block.start && block.end <= entries.end, "{block:?}");
            assert!(block.end - block.start <= BLOCK as u64, "{block:?}");
            Ok(table[block.start as usize..block.end as usize].partition_point(|entry| *entry < wanted))
        });
        (found.expect("a table in memory"), reads)
    }

    #[test]
    fn any_guess_finds_the_first() {
        for length in [0, 1, 2, 127, 128, 129, 256, 1_000, 70_000] {
            // Every entry thrice, and gaps between them; then one entry only.
            for table in [(0..length).map(|at| at / 3 * 2).collect::<Vec<u64>>(), vec![7; length as usize]] {
                for guess in [0, 1, length / 2, length.saturating_sub(1), length, u64::MAX] {
                    for wanted in [0, 1, 6, 7, 8, length / 3, length / 2 + 1, length, u64::MAX] {
                        for entries in [0..length, length / 3..length] {
                            let expected = table.partition_point(|entry| *entry < wanted).max(entries.start as usize);
                            let (found, reads) = find(&table, entries, guess, wanted);
                            assert_eq!(found, expected as u64, "{wanted} of {length} from {guess}");
                            assert!(reads <= 20, "{reads} reads for {wanted} of {length} from {guess}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_that_spread_evenly_are_found_in_one_read_or_two() {
        let mut state = 3u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            state ^ (state >> 31)
        };
        let mut table: Vec<u64> = (0..65_536).map(|_| draw()).collect();
        table.sort_unstable();
        // As ranges of a large job are: 16 rows each, one behind the other.
        let (mut at, mut low, mut reads) = (0, 0u64, 0);
        for range in 1..4_096u64 {
            let high = range << 52;
            let left = table.len() as u64 - at;
            let guess = at + share(left, u128::from(high - low) << 64, u128::from(u64::MAX - low) << 64);
            let (found, more) = find(&table, at..table.len() as u64, guess, high);
            assert_eq!(found, table.partition_point(|entry| *entry < high) as u64);
            (at, low, reads) = (found, high, reads + more);
            // Without knowing where the last one was.
            let guess = share(table.len() as u64, u128::from(high) << 64, u128::MAX);
            let (found, more) = find(&table, 0..table.len() as u64, guess, high);
            assert!(found == at && more <= 8, "{more} reads");
        }
        assert!(reads <= 4_100, "{reads} reads for 4,095 ranges");
    }
}
