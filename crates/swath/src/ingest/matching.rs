//! Exact dedup where equal keys need not be neighbours in the output.
//!
//! `match` takes ranges of the key's hash: every run has its hashes in order, so a range is one stretch of each run.
//! All rows of one key meet there, in the order of the input or against it, and all but the first that comes are named;
//! only keys are kept in memory, so one key may have any number of rows. `mark` gathers, per run, who was named, as a
//! bitmap.

use std::ops::Range;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustc_hash::{FxBuildHasher, FxHashSet};
use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Error, Receipt, Receipts, Result, Stage, Store, TaskContext, TaskKey, TaskSpec};
use swath_table::run::SortedRun;
use swath_table::schema::Keep;

use super::job::stage;
use super::running::{Running, Shared};
use super::search::{self, first_from, share};
use super::sorted::HASH_BYTES;
use crate::work::{Blobs, get_or_try_init, receipt};

/// Rows that a range of hashes holds, about.
const RANGE_ROWS: u64 = 262_144;
/// Keys that a range may have: what a table of 2^19 places takes. Hashes spread evenly, so that it never has.
const KEYS_MAX: u64 = (1 << 19) / 8 * 7;
/// Rows whose hashes, or names, are read or written at once.
const BLOCK_ROWS: usize = 1024;
/// Runs whose bitmaps one task makes.
const RUNS_PER_TASK: u64 = 32;

/// Names rows that go, by ranges of their hash.
pub struct Match {
    running: Shared,
    bytes: Bytes,
    next: Mutex<Option<Next>>,
}

/// Where the range begins that follows the one that was begun last: tasks begin in the order of their ranges, so that
/// most need not look for it.
struct Next {
    range: u64,
    /// In the table of each run.
    rows: Vec<u32>,
}

impl Match {
    /// Over the runs of a job, with so much memory per task.
    pub fn new(running: Shared, bytes: Bytes) -> Match {
        Match { running, bytes, next: Mutex::default() }
    }

    /// Where a range begins and ends in the table of each run.
    fn stretches(&self, runs: &[SortedRun], range: u64, ranges: u64) -> Result<(Vec<u32>, Vec<u32>)> {
        let store = &self.running.store;
        let (low, high) = (range_start(range, ranges), range_start(range + 1, ranges));
        let known = self.lock().take_if(|next| next.range == range);
        let starts = match known {
            Some(next) => next.rows,
            None => runs.iter().map(|run| first_row(store, run, (0, 0), low)).collect::<Result<_>>()?,
        };
        let end = |(run, &start)| first_row(store, run, (start, low), high);
        let ends: Vec<u32> = runs.iter().zip(&starts).map(end).collect::<Result<_>>()?;
        *self.lock() = Some(Next { range: range + 1, rows: ends.clone() });
        Ok((starts, ends))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Next>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows that a range of hashes names.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Named {
    /// Pairs of run and row, 8 bytes each: runs as they come in the input, or against it where the last row stays.
    rows: Blob,
}

impl Blobs for Named {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.rows);
    }
}

/// Memory of a task of [`Match`]: a table of keys at most seven eighths full, and where its range, and the next one,
/// begin and end in each run.
pub fn match_bytes(rows: u64, runs: u64) -> Bytes {
    let places = (rows.min(KEYS_MAX) * 8).div_ceil(7).next_power_of_two();
    Bytes(places * (size_of::<u128>() as u64 + 1) + runs * 12 + (512 << 10))
}

/// Memory of a task of [`Mark`].
pub fn mark_bytes(run_rows: u64) -> Bytes {
    Bytes(RUNS_PER_TASK * run_rows.div_ceil(8) + (1 << 20))
}

fn is_needed(running: &Running) -> bool {
    running.job.dedup.as_ref().is_some_and(|dedup| !dedup.adjacent)
}

fn ranges(runs: &[SortedRun]) -> u64 {
    let rows: u64 = runs.iter().map(|run| u64::from(run.rows)).sum();
    rows.div_ceil(RANGE_ROWS).max(1)
}

/// The first hash of a range, of so many.
fn range_start(range: u64, ranges: u64) -> u128 {
    if range >= ranges {
        return u128::MAX;
    }
    (u128::MAX / u128::from(ranges)) * u128::from(range)
}

impl Stage for Match {
    fn name(&self) -> &str {
        "match"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        if !is_needed(&self.running) {
            return Ok(Vec::new());
        }
        let total = ranges(self.running.runs(done)?);
        let units = done.missing(stage::MATCH, total).into_iter().flatten();
        Ok(units
            .map(|unit| TaskSpec { key: TaskKey { stage: stage::MATCH, units: unit..unit + 1 }, bytes: self.bytes })
            .collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let runs = self.running.runs(context.done)?;
        let total = ranges(runs);
        let (starts, ends) = self.stretches(runs, key.units.start, total)?;
        let rows: u64 = starts.iter().zip(&ends).map(|(start, end)| u64::from(end - start)).sum();
        let mut seen = FxHashSet::with_capacity_and_hasher(rows.min(KEYS_MAX) as usize, FxBuildHasher);
        let mut writer = self.running.store.stream(rows * 8)?;
        let (mut hashed, mut named) = (Vec::with_capacity(BLOCK_ROWS), Vec::with_capacity(BLOCK_ROWS));
        let mut bytes = vec![0; BLOCK_ROWS * HASH_BYTES];
        let from_the_end = is_last_kept(&self.running);
        for position in 0..runs.len() {
            context.stop.check()?;
            let position = if from_the_end { runs.len() - 1 - position } else { position };
            let mut rest = starts[position]..ends[position];
            while !rest.is_empty() {
                let block = next_block(&mut rest, from_the_end);
                load(&self.running.store, &runs[position], block, &mut bytes, &mut hashed)?;
                if from_the_end {
                    hashed.reverse();
                }
                named.clear();
                for &(hash, row) in &hashed {
                    if !seen.contains(&hash) {
                        if seen.len() as u64 == KEYS_MAX {
                            return Err(Error::unexpected("the hashes of keys do not spread"));
                        }
                        seen.insert(hash);
                    } else {
                        named.push([position as u32, row]);
                    }
                }
                writer.append(bytemuck::cast_slice(&named))?;
            }
        }
        receipt(key, &Named { rows: writer.finish()? })
    }

    fn finish(&self, _done: &Receipts) -> Result<()> {
        *self.lock() = None;
        Ok(())
    }
}

fn is_last_kept(running: &Running) -> bool {
    running.job.dedup.as_ref().is_some_and(|dedup| dedup.keep == Keep::Last)
}

/// Takes a block of rows from the front, or from the end, of some rows.
fn next_block(rest: &mut Range<u32>, from_the_end: bool) -> Range<u32> {
    let count = (rest.end - rest.start).min(BLOCK_ROWS as u32);
    if from_the_end {
        rest.end -= count;
        rest.end..rest.end + count
    } else {
        rest.start += count;
        rest.start - count..rest.start
    }
}

/// The first row of a run's table whose hash is not below `hash`; behind all rows for the end of the last range. `known`
/// is such a row, and the hash, of an earlier range.
fn first_row(store: &Store, run: &SortedRun, known: (u32, u128), hash: u128) -> Result<u32> {
    let Some(hashes_at) = run.hashes_at else { return Ok(0) };
    if hash == u128::MAX {
        return Ok(run.rows);
    }
    let ((start, low), mut block) = (known, [[0; HASH_BYTES]; search::BLOCK]);
    let (start, end) = (u64::from(start), u64::from(run.rows));
    // Hashes spread evenly.
    let guess = start + share(end - start, hash - low, u128::MAX - low);
    let found = first_from(start..end, guess, |rows| {
        let block = &mut block[..(rows.end - rows.start) as usize];
        store.read(&run.blob, hashes_at + rows.start * HASH_BYTES as u64, block.as_flattened_mut())?;
        Ok(block.partition_point(|entry| hash_of(entry) < hash))
    })?;
    Ok(found as u32)
}

/// The hash of an entry of a run's table.
fn hash_of(entry: &[u8]) -> u128 {
    let mut hash = [0; 16];
    hash.copy_from_slice(&entry[..16]);
    u128::from_be_bytes(hash)
}

/// Reads hashes of a run, and which row of the run each belongs to: equal ones in the order of the input.
fn load(
    store: &Store,
    run: &SortedRun,
    rows: Range<u32>,
    bytes: &mut [u8],
    hashed: &mut Vec<(u128, u32)>,
) -> Result<()> {
    hashed.clear();
    let Some(hashes_at) = run.hashes_at else { return Ok(()) };
    let bytes = &mut bytes[..rows.len() * HASH_BYTES];
    store.read(&run.blob, hashes_at + u64::from(rows.start) * HASH_BYTES as u64, bytes)?;
    for entry in bytes.chunks_exact(HASH_BYTES) {
        let mut row = [0; 4];
        row.copy_from_slice(&entry[20..]);
        hashed.push((hash_of(entry), u32::from_le_bytes(row)));
    }
    Ok(())
}

/// Gathers who was named, per run.
pub struct Mark {
    running: Shared,
    bytes: Bytes,
    named: OnceLock<Vec<Named>>,
}

impl Mark {
    /// Over the runs of a job, with so much memory per task.
    pub fn new(running: Shared, bytes: Bytes) -> Mark {
        Mark { running, bytes, named: OnceLock::new() }
    }

    /// What all ranges name; made once. The ledger's tables have room for it: no run has landmarks yet.
    fn named(&self, done: &Receipts) -> Result<&[Named]> {
        let all = || done.of_stage(stage::MATCH).map(Receipt::read).collect();
        get_or_try_init(&self.named, all).map(Vec::as_slice)
    }
}

/// Bitmaps of some runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Marked {
    /// One per run; none where no row goes.
    pub bitmaps: Vec<Option<Blob>>,
}

impl Blobs for Marked {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        self.bitmaps.iter().flatten().for_each(with);
    }
}

impl Stage for Mark {
    fn name(&self) -> &str {
        "mark"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        if !is_needed(&self.running) {
            return Ok(Vec::new());
        }
        let runs = self.running.runs(done)?.len() as u64;
        let mut tasks = Vec::new();
        for missing in done.missing(stage::MARK, runs) {
            let mut start = missing.start;
            while start < missing.end {
                let end = (start - start % RUNS_PER_TASK + RUNS_PER_TASK).min(missing.end);
                tasks.push(TaskSpec { key: TaskKey { stage: stage::MARK, units: start..end }, bytes: self.bytes });
                start = end;
            }
        }
        if !tasks.is_empty() {
            // Made here, once, and not by every worker.
            self.named(done)?;
        }
        Ok(tasks)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let all = self.running.runs(context.done)?;
        let runs = &all[key.units.start as usize..key.units.end as usize];
        let mut bits: Vec<Vec<u8>> = runs.iter().map(|run| vec![0; (run.rows as usize).div_ceil(8)]).collect();
        let (of, from_the_end) = (all.len() as u32, is_last_kept(&self.running));
        for named in self.named(context.done)? {
            context.stop.check()?;
            let units = key.units.start as u32..key.units.end as u32;
            mark(&self.running.store, named, (units, of), from_the_end, &mut bits)?;
        }
        let bitmap = |bits: Vec<u8>| -> Result<Option<Blob>> {
            if bits.iter().all(|&byte| byte == 0) {
                return Ok(None);
            }
            let mut writer = self.running.store.write(bits.len() as u64)?;
            writer.append(&bits)?;
            writer.finish().map(Some)
        };
        receipt(key, &Marked { bitmaps: bits.into_iter().map(bitmap).collect::<Result<_>>()? })
    }
}

/// Sets the bits of the rows of some runs, of so many, that a range names.
fn mark(
    store: &Store,
    range: &Named,
    (runs, of): (Range<u32>, u32),
    from_the_end: bool,
    bits: &mut [Vec<u8>],
) -> Result<()> {
    let entries = range.rows.length() / 8;
    let read = |at: u64, out: &mut [[u32; 2]]| store.read(&range.rows, at * 8, bytemuck::cast_slice_mut(out));
    let is_before = |run: u32| if from_the_end { run >= runs.end } else { run < runs.start };
    let runs_before = if from_the_end { of - runs.end } else { runs.start };
    let guess = entries * u64::from(runs_before) / u64::from(of.max(1));
    let mut at = first_from(0..entries, guess, |block| {
        let mut named = [[0; 2]; search::BLOCK];
        let named = &mut named[..(block.end - block.start) as usize];
        read(block.start, named)?;
        Ok(named.partition_point(|&[run, _]| is_before(run)))
    })?;
    let mut block = [[0; 2]; BLOCK_ROWS];
    while at < entries {
        let count = (entries - at).min(BLOCK_ROWS as u64) as usize;
        read(at, &mut block[..count])?;
        for &[run, row] in &block[..count] {
            if !runs.contains(&run) {
                return Ok(());
            }
            bits[(run - runs.start) as usize][row as usize / 8] |= 1 << (row % 8);
        }
        at += count as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_rows_from_either_end() {
        for (from_the_end, expected) in [(false, [5..1029, 1029..1505]), (true, [481..1505, 5..481])] {
            let mut rest = 5..1505;
            let blocks = [next_block(&mut rest, from_the_end), next_block(&mut rest, from_the_end)];
            assert_eq!((blocks, rest.is_empty()), (expected, true));
        }
    }

    #[test]
    fn those_who_are_named_are_marked_in_either_order() {
        let folder = tempfile::tempdir().expect("scratch");
        let store = Store::open(&folder.path().join("scratch"), None, None).expect("scratch");
        let mut pairs: Vec<[u32; 2]> = (0..5000).map(|row| [row / 1000 * 2, row % 1000]).collect();
        for from_the_end in [false, true] {
            let mut writer = store.write(pairs.len() as u64 * 8).expect("scratch");
            writer.append(bytemuck::cast_slice(&pairs)).expect("scratch");
            let named = Named { rows: writer.finish().expect("scratch") };
            for runs in [0..3, 3..6, 6..9, 9..12] {
                let mut bits = vec![vec![0; 125]; 3];
                mark(&store, &named, (runs.clone(), 12), from_the_end, &mut bits).expect("scratch");
                for (run, bits) in runs.zip(bits) {
                    assert_eq!(bits, [if run % 2 == 0 && run < 10 { 255 } else { 0 }; 125], "run {run}");
                }
            }
            pairs.reverse();
        }
    }

    #[test]
    fn ranges_begin_where_the_ones_before_end() {
        let folder = tempfile::tempdir().expect("scratch");
        let store = Store::open(&folder.path().join("scratch"), None, None).expect("scratch");
        let spread = |count: u64| (0..count).map(|at| xxhash_rust::xxh3::xxh3_128(&at.to_le_bytes())).collect();
        let tables: [Vec<u128>; 5] =
            [spread(30_000), spread(1), Vec::new(), vec![77 << 64; 3_000], vec![u128::MAX; 200]];
        for mut table in tables {
            table.sort_unstable();
            let mut writer = store.write((table.len() * HASH_BYTES) as u64).expect("scratch");
            for hash in &table {
                writer.append(&hash.to_be_bytes()).expect("scratch");
                writer.append(&[0; 8]).expect("scratch");
            }
            let blob = writer.finish().expect("scratch");
            let run = SortedRun {
                blob,
                rows: table.len() as u32,
                rows_at: 0,
                text_at: 0,
                hashes_at: Some(0),
                origins_at: None,
            };
            for total in [1, 2, 7, 1_000] {
                let mut known = (0, 0);
                for range in 0..=total {
                    let start = range_start(range, total);
                    let wanted = if range == total { table.len() } else { table.partition_point(|hash| *hash < start) };
                    for known in [(0, 0), known] {
                        let row = first_row(&store, &run, known, start).expect("scratch");
                        assert_eq!(row as usize, wanted, "range {range} of {total}, {} rows", table.len());
                    }
                    known = (wanted as u32, start);
                }
            }
        }
    }

    #[test]
    fn ranges_cover_all_hashes() {
        for total in [1, 2, 3, 1000] {
            assert_eq!(range_start(0, total), 0);
            assert_eq!(range_start(total, total), u128::MAX);
            assert!((0..total).all(|range| range_start(range, total) < range_start(range + 1, total)));
        }
    }
}
