//! Sorted runs in the store, and the order in which many of them merge into one.
//!
//! A run is what one batch became: keys in order, packed rows in the same order, their text. Merging moves keys
//! only; rows are fetched once, when they are written out.

use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Result, Store};

use crate::layout::{KEY_BYTES, RowKey};

/// Where the parts of a sorted run are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SortedRun {
    /// Keys, rows and text, one behind the other.
    pub blob: Blob,
    /// How many rows.
    pub rows: u32,
    /// Where the packed rows begin in the blob; keys begin at 0.
    pub rows_at: u64,
    /// Where the text begins in the blob.
    pub text_at: u64,
    /// Where hashes of dedup keys begin in the blob, if the run has them.
    pub hashes_at: Option<u64>,
    /// Where it stands, for each row, where it came from, if the run has that.
    pub origins_at: Option<u64>,
}

impl SortedRun {
    /// Reads the keys from row `first` on.
    ///
    /// # Errors
    /// When scratch cannot be read.
    pub fn read_keys(&self, store: &Store, first: u32, out: &mut [RowKey]) -> Result<()> {
        store.read(&self.blob, u64::from(first) * KEY_BYTES as u64, bytemuck::cast_slice_mut(out))
    }

    /// Ranks of some keys, by which [`SortedRun::lower_bound`] finds others with few reads: one in `step` of all runs, of
    /// which those before this one have `before` rows.
    ///
    /// # Memory
    /// 16 bytes for each `step` rows and for both ends.
    ///
    /// # Errors
    /// When scratch cannot be read.
    pub fn landmarks(&self, store: &Store, order: &KeyOrder, step: u32, before: u64) -> Result<Landmarks> {
        let end = before + u64::from(self.rows);
        let sample = sample_from(before, step);
        let mut landmarks = Landmarks { step, before, sample, rows: self.rows, ranks: Vec::new() };
        let count = if self.rows == 0 { 0 } else { 2 + (sample_from(end, step) - sample) as u32 };
        landmarks.ranks.reserve_exact(count as usize);
        for position in 0..count {
            let row = landmarks.row(position, count);
            let mut key = [RowKey::default()];
            self.read_keys(store, row, &mut key)?;
            landmarks.ranks.push(order.rank(&key[0]));
        }
        Ok(landmarks)
    }

    /// The first row whose key is not below `bound`.
    ///
    /// # Errors
    /// When scratch cannot be read.
    pub fn lower_bound(&self, store: &Store, order: &KeyOrder, landmarks: &Landmarks, bound: u128) -> Result<u32> {
        /// Keys that are read at once rather than one by one.
        const AT_ONCE: u32 = 128;
        let (mut low, mut high) = landmarks.around(bound);
        while high - low > AT_ONCE {
            let middle = low + (high - low) / 2;
            let mut key = [RowKey::default()];
            self.read_keys(store, middle, &mut key)?;
            if order.rank(&key[0]) < bound {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let mut keys = [RowKey::default(); AT_ONCE as usize];
        let keys = &mut keys[..(high - low) as usize];
        if !keys.is_empty() {
            self.read_keys(store, low, keys)?;
        }
        Ok(low + keys.partition_point(|key| order.rank(key) < bound) as u32)
    }
}

/// Where a sample lies in the rows of all runs, one in each `step`: at changing places, so that runs of any length have
/// their share from everywhere.
fn sample_place(sample: u64, step: u32) -> u64 {
    /// The golden section, of 2^64.
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let within = (u128::from(sample.wrapping_mul(GOLDEN)) * u128::from(step)) >> 64;
    sample * u64::from(step) + within as u64
}

/// The first sample that does not lie before a row of all runs.
fn sample_from(row: u64, step: u32) -> u64 {
    let sample = row / u64::from(step);
    sample + u64::from(sample_place(sample, step) < row)
}

/// Ranks of the first key of a run, of one in so many, and of the last.
#[derive(Debug, Clone)]
pub struct Landmarks {
    step: u32,
    /// Rows of the runs before.
    before: u64,
    /// The first sample that lies in the run.
    sample: u64,
    rows: u32,
    ranks: Vec<u128>,
}

impl Landmarks {
    /// How many there are between both ends.
    pub fn inner_count(&self) -> u32 {
        (self.ranks.len() as u32).saturating_sub(2)
    }

    /// The rank of one between both ends, and its row.
    pub fn inner(&self, position: u32) -> (u128, u32) {
        (self.ranks[position as usize + 1], self.row(position + 1, self.ranks.len() as u32))
    }

    fn row(&self, position: u32, count: u32) -> u32 {
        match position {
            0 => 0,
            last if last == count - 1 => self.rows - 1,
            inner => (sample_place(self.sample + u64::from(inner) - 1, self.step) - self.before) as u32,
        }
    }

    /// Rows between which the first one lies whose rank is not below `bound`: it may also be the second of them.
    fn around(&self, bound: u128) -> (u32, u32) {
        let count = self.ranks.len() as u32;
        let above = self.ranks.partition_point(|rank| *rank < bound) as u32;
        let low = if above == 0 { 0 } else { self.row(above - 1, count) + 1 };
        let high = if above == count { self.rows } else { self.row(above, count) };
        (low, high)
    }
}

/// The order of keys over all runs: ranks of identifiers by what they stand for.
#[derive(Debug, Clone, Default)]
pub struct KeyOrder {
    /// Rank of each partition identifier.
    pub partitions: Vec<u32>,
    /// Rank of each sensor identifier; empty where `major` orders by itself.
    pub majors: Vec<u32>,
}

impl KeyOrder {
    /// A number that orders keys as (partition, major, minor).
    pub fn rank(&self, key: &RowKey) -> u128 {
        let partition = self.partitions.get(key.partition as usize).copied().unwrap_or(key.partition);
        let major = if self.majors.is_empty() { key.major } else { self.majors[key.major as usize] };
        let minor = (key.minor as u64) ^ (1 << 63);
        u128::from(partition) << 96 | u128::from(major) << 64 | u128::from(minor)
    }
}

/// The partition rank in a number from [`KeyOrder::rank`].
pub fn partition_of(rank: u128) -> u32 {
    (rank >> 96) as u32
}

/// The rows of one run that lie in a slice of the whole order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct RunSlice {
    /// Position of the run in the list of runs.
    pub run: u32,
    /// First row.
    pub first: u32,
    /// How many rows.
    pub count: u32,
}

/// One row of the merged order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merged {
    /// Its key.
    pub rank: u128,
    /// Position of its run in the list of slices.
    pub slice: u32,
    /// Whether an earlier step decided that it goes.
    pub dropped: bool,
}

struct Cursor {
    /// Next row to read from the store.
    next_row: u32,
    end_row: u32,
    /// Keys in the buffer: from `at` to `end` of the cursor's share.
    at: u32,
    end: u32,
    rank: u128,
}

/// Merges slices of runs in the order of their keys; equal keys come in the order of the slices.
pub struct Merge<'a> {
    store: &'a Store,
    runs: &'a [SortedRun],
    drops: &'a [Option<Blob>],
    order: &'a KeyOrder,
    slices: &'a [RunSlice],
    cursors: Vec<Cursor>,
    keys: Vec<RowKey>,
    dropped: Vec<u8>,
    share: usize,
    /// A tournament: `losers[0]` is the winner, the others lost at their node.
    losers: Vec<u32>,
}

const DONE: u128 = u128::MAX;

impl<'a> Merge<'a> {
    /// Memory that a merge of `slices` slices takes with buffers of `share` keys each.
    pub fn bytes_for(slices: usize, share: usize) -> Bytes {
        Bytes((slices * (size_of::<Cursor>() + 4 + share * (KEY_BYTES + 1)) + 4096) as u64)
    }

    /// Begins a merge with buffers of `share` keys per slice. `drops` may hold, per run, a bitmap of rows that go.
    ///
    /// # Errors
    /// When scratch cannot be read.
    pub fn new(
        store: &'a Store,
        runs: &'a [SortedRun],
        drops: &'a [Option<Blob>],
        order: &'a KeyOrder,
        slices: &'a [RunSlice],
        share: usize,
    ) -> Result<Merge<'a>> {
        let cursors = slices
            .iter()
            .map(|slice| Cursor { next_row: slice.first, end_row: slice.first + slice.count, at: 0, end: 0, rank: 0 })
            .collect();
        let mut merge = Merge {
            store,
            runs,
            drops,
            order,
            slices,
            cursors,
            keys: vec![RowKey::default(); slices.len() * share],
            dropped: if drops.is_empty() { Vec::new() } else { vec![0; slices.len() * share] },
            share,
            losers: vec![0; slices.len().max(1)],
        };
        for slice in 0..slices.len() {
            merge.advance(slice)?;
        }
        merge.build();
        Ok(merge)
    }

    /// The next row in order.
    ///
    /// # Errors
    /// When scratch cannot be read.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Merged>> {
        let winner = self.losers[0] as usize;
        let Some(cursor) = self.cursors.get(winner) else { return Ok(None) };
        if cursor.rank == DONE {
            return Ok(None);
        }
        let at = winner * self.share + cursor.at as usize - 1;
        let merged = Merged {
            rank: cursor.rank,
            slice: winner as u32,
            dropped: self.dropped.get(at).is_some_and(|&bit| bit != 0),
        };
        self.advance(winner)?;
        self.replay(winner);
        Ok(Some(merged))
    }

    /// Moves a cursor to its next key.
    fn advance(&mut self, slice: usize) -> Result<()> {
        if self.cursors[slice].at == self.cursors[slice].end && !self.fill(slice)? {
            self.cursors[slice].rank = DONE;
            return Ok(());
        }
        let cursor = &mut self.cursors[slice];
        cursor.rank = self.order.rank(&self.keys[slice * self.share + cursor.at as usize]);
        cursor.at += 1;
        Ok(())
    }

    fn fill(&mut self, slice: usize) -> Result<bool> {
        let cursor = &mut self.cursors[slice];
        let count = (cursor.end_row - cursor.next_row).min(self.share as u32);
        if count == 0 {
            return Ok(false);
        }
        let run = self.slices[slice].run as usize;
        let start = slice * self.share;
        self.runs[run].read_keys(self.store, cursor.next_row, &mut self.keys[start..start + count as usize])?;
        if let Some(Some(bitmap)) = self.drops.get(run) {
            let first_byte = u64::from(cursor.next_row / 8);
            let last_byte = u64::from((cursor.next_row + count - 1) / 8);
            let mut bits = vec![0; (last_byte - first_byte + 1) as usize];
            self.store.read(bitmap, first_byte, &mut bits)?;
            for row in 0..count {
                let bit = cursor.next_row % 8 + row;
                self.dropped[start + row as usize] = (bits[bit as usize / 8] >> (bit % 8)) & 1;
            }
        }
        cursor.next_row += count;
        cursor.at = 0;
        cursor.end = count;
        Ok(true)
    }

    fn beats(&self, a: u32, b: u32) -> bool {
        let (key_a, key_b) = (self.cursors[a as usize].rank, self.cursors[b as usize].rank);
        (key_a, a) < (key_b, b)
    }

    /// Plays the whole tournament. Leaves stand at `n..2n` of an implicit tree whose inner nodes are `1..n`.
    fn build(&mut self) {
        let n = self.cursors.len();
        if n < 2 {
            return;
        }
        let mut winners = vec![0u32; 2 * n];
        for (leaf, winner) in winners[n..].iter_mut().enumerate() {
            *winner = leaf as u32;
        }
        for node in (1..n).rev() {
            let (a, b) = (winners[2 * node], winners[2 * node + 1]);
            let (winner, loser) = if self.beats(a, b) { (a, b) } else { (b, a) };
            winners[node] = winner;
            self.losers[node] = loser;
        }
        self.losers[0] = winners[1];
    }

    /// Plays the path of one leaf again after its key has changed.
    fn replay(&mut self, leaf: usize) {
        let mut winner = leaf as u32;
        let mut node = (leaf + self.cursors.len()) / 2;
        while node > 0 {
            if self.beats(self.losers[node], winner) {
                std::mem::swap(&mut self.losers[node], &mut winner);
            }
            node /= 2;
        }
        self.losers[0] = winner;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_found_with_any_step() {
        let path = std::env::temp_dir().join(format!("swath-bounds-{}", std::process::id()));
        let store = Store::open(&path, None, None).expect("store");
        let order = KeyOrder::default();
        for rows in [0u32, 1, 2, 3, 127, 128, 129, 1_000] {
            // Every key thrice, and gaps between keys.
            let key = |row: u32| RowKey { partition: 0, major: 0, minor: i64::from(row / 3 * 2) };
            let keys: Vec<RowKey> = (0..rows).map(key).collect();
            let mut writer = store.write((keys.len() * KEY_BYTES) as u64).expect("space");
            writer.append(bytemuck::cast_slice(&keys)).expect("append");
            let blob = writer.finish().expect("finish");
            let run = SortedRun { blob, rows, rows_at: 0, text_at: 0, hashes_at: None, origins_at: None };
            for (step, before) in [(1, 0), (2, 5), (3, 1), (7, 0), (500, 499), (500, 1_111), (5_000, 0), (5_000, 4_500)]
            {
                let landmarks = run.landmarks(&store, &order, step, before).expect("landmarks");
                let inner: Vec<(u128, u32)> =
                    (0..landmarks.inner_count()).map(|position| landmarks.inner(position)).collect();
                assert!(inner.len().abs_diff((rows / step) as usize) <= 2, "{rows} rows, step {step}: {inner:?}");
                assert!(inner.iter().all(|&(rank, row)| rank == order.rank(&keys[row as usize])));
                for minor in -1..i64::from(rows) {
                    let bound = order.rank(&RowKey { partition: 0, major: 0, minor });
                    let wanted = keys.partition_point(|key| key.minor < minor) as u32;
                    let found = run.lower_bound(&store, &order, &landmarks, bound).expect("bound");
                    assert_eq!(found, wanted, "{rows} rows, step {step}, key {minor}");
                }
            }
        }
        std::fs::remove_file(&path).expect("clean");
    }

    #[test]
    fn runs_of_any_length_have_their_share_of_samples() {
        let step = 2_048;
        for length in [1u64, 100, 1_000, 1_024, 2_047, 2_048, 2_049, 65_536] {
            let runs = 4_000_000 / length;
            let samples = |run: u64| sample_from(run * length, step)..sample_from((run + 1) * length, step);
            let places: Vec<u64> = (0..runs).flat_map(samples).map(|sample| sample_place(sample, step)).collect();
            assert!(places.len().abs_diff((runs * length / u64::from(step)) as usize) <= 1, "{length}");
            assert!(places.is_sorted_by(|a, b| a < b), "{length}");
            // They come from the lower and the upper halves of runs alike.
            let upper = places.iter().filter(|&place| place % length * 2 >= length).count();
            assert!(length == 1 || upper.abs_diff(places.len() / 2) <= places.len() / 50, "{length}: {upper}");
        }
    }

    #[test]
    fn runs_merge_in_order_with_any_buffer() {
        let path = std::env::temp_dir().join(format!("swath-merge-{}", std::process::id()));
        let store = Store::open(&path, None, None).expect("store");
        let mut state = 7u64;
        for count in [1usize, 2, 3, 7, 20] {
            let mut runs = Vec::new();
            let mut expected = Vec::new();
            for run in 0..count {
                let mut keys: Vec<RowKey> = (0..(run * 37) % 90 + usize::from(run > 0))
                    .map(|_| {
                        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
                        RowKey { partition: 0, major: (state >> 40) as u32 % 5, minor: (state >> 50) as i64 % 7 - 3 }
                    })
                    .collect();
                keys.sort_by_key(|key| (key.major, key.minor));
                let mut writer = store.write((keys.len() * KEY_BYTES) as u64).expect("space");
                writer.append(bytemuck::cast_slice(&keys)).expect("append");
                let blob = writer.finish().expect("finish");
                let rows = keys.len() as u32;
                runs.push(SortedRun { blob, rows, rows_at: 0, text_at: 0, hashes_at: None, origins_at: None });
                expected.extend(keys.iter().map(|key| (key.major, key.minor, run as u32)));
            }
            expected.sort();
            let slices: Vec<RunSlice> = runs
                .iter()
                .enumerate()
                .map(|(run, sorted)| RunSlice { run: run as u32, first: 0, count: sorted.rows })
                .collect();
            let order = KeyOrder::default();
            for share in [1, 2, 5, 1000] {
                let mut merge = Merge::new(&store, &runs, &[], &order, &slices, share).expect("merge");
                let mut merged = Vec::new();
                while let Some(row) = merge.next().expect("read") {
                    let minor = ((row.rank as u64) ^ (1 << 63)) as i64;
                    merged.push(((row.rank >> 64) as u32, minor, row.slice));
                }
                assert_eq!(merged, expected, "{count} runs, {share} keys each");
            }
        }
        std::fs::remove_file(&path).expect("clean");
    }
}
