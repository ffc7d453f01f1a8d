//! Exact dedup where equal keys need not be neighbours in the output.
//!
//! `match` takes ranges of the key's hash: every run has its hashes in order, so a range is one stretch of each run.
//! All rows of one key meet there; all but one are named. `mark` gathers, per run, who was named, as a bitmap.

use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Error, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec};
use swath_table::run::SortedRun;
use swath_table::schema::Keep;

use super::job::stage;
use super::running::{Running, Shared};
use super::sorted::HASH_BYTES;
use crate::work::{Blobs, receipt};

/// Rows that a range of hashes holds, about.
const RANGE_ROWS: u64 = 262_144;
/// Runs whose bitmaps one task makes.
const RUNS_PER_TASK: u64 = 8;

/// Names rows that go, by ranges of their hash.
pub struct Match(pub Shared, pub Bytes);

/// The rows that a range of hashes names.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Named {
    /// Pairs of run and row, ordered; 8 bytes each.
    rows: Blob,
}

impl Blobs for Named {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.rows);
    }
}

/// Memory of a task of [`Match`]: rows of a range spread as hashes do, with room for a factor of two.
pub fn match_bytes(rows: u64) -> Bytes {
    Bytes(rows.min(2 * RANGE_ROWS) * 48 + (1 << 20))
}

/// Memory of a task of [`Mark`].
pub fn mark_bytes(run_rows: u64) -> Bytes {
    Bytes(run_rows / 8 + (1 << 20))
}

fn is_needed(running: &Running) -> bool {
    running.job.dedup.as_ref().is_some_and(|dedup| !dedup.adjacent)
}

fn runs_of(running: &Running, done: &Receipts) -> Result<Vec<SortedRun>> {
    Ok(running.routed(done)?.into_iter().flat_map(|unit| unit.runs).collect())
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
        self.1
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        if !is_needed(&self.0) {
            return Ok(Vec::new());
        }
        let total = ranges(&runs_of(&self.0, done)?);
        let units = done.missing(stage::MATCH, total).into_iter().flatten();
        Ok(units
            .map(|unit| TaskSpec { key: TaskKey { stage: stage::MATCH, units: unit..unit + 1 }, bytes: self.1 })
            .collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let runs = runs_of(&self.0, context.done)?;
        let total = ranges(&runs);
        let (low, high) = (range_start(key.units.start, total), range_start(key.units.end, total));
        let mut rows: Vec<Hashed> = Vec::new();
        for (position, run) in runs.iter().enumerate() {
            context.stop.check()?;
            load(&self.0, run, position as u32, low, high, &mut rows)?;
            let taken = Bytes(rows.len() as u64 * 32);
            if taken + Bytes::MIB > context.lease.bytes() {
                return Err(Error::Pressure {
                    what: "rows with hashes of one range".into(),
                    wanted: taken,
                    got: context.lease.bytes(),
                });
            }
        }
        rows.sort_unstable();
        let keep = self.0.job.dedup.as_ref().map_or(Keep::First, |dedup| dedup.keep);
        let named = losers(&rows, keep);
        let mut writer = self.0.store.write(named.len() as u64 * 8)?;
        writer.append(bytemuck::cast_slice(&named))?;
        receipt(key, &Named { rows: writer.finish()? })
    }
}

/// Appends the rows of a run with hashes from `low` up to `high`, which is included only where it is the last hash.
fn load(
    running: &Running,
    run: &SortedRun,
    position: u32,
    low: u128,
    high: u128,
    rows: &mut Vec<Hashed>,
) -> Result<()> {
    let Some(hashes_at) = run.hashes_at else { return Ok(()) };
    let read = |row: u32| -> Result<u128> {
        let mut bytes = [0; 16];
        running.store.read(&run.blob, hashes_at + u64::from(row) * HASH_BYTES as u64, &mut bytes)?;
        Ok(u128::from_be_bytes(bytes))
    };
    let bound = |hash: u128| -> Result<u32> {
        let (mut below, mut above) = (0, run.rows);
        while below < above {
            let middle = below + (above - below) / 2;
            if read(middle)? < hash {
                below = middle + 1;
            } else {
                above = middle;
            }
        }
        Ok(below)
    };
    let first = bound(low)?;
    let end = if high == u128::MAX { run.rows } else { bound(high)? };
    let mut block = vec![0; 1024 * HASH_BYTES];
    let mut row = first;
    while row < end {
        let count = (end - row).min(1024);
        let bytes = &mut block[..count as usize * HASH_BYTES];
        running.store.read(&run.blob, hashes_at + u64::from(row) * HASH_BYTES as u64, bytes)?;
        for entry in bytes.chunks_exact(HASH_BYTES) {
            let mut hash = [0; 16];
            hash.copy_from_slice(&entry[..16]);
            let number = |at: usize| u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]);
            rows.push(Hashed { hash: u128::from_be_bytes(hash), run: position, input: number(16), row: number(20) });
        }
        row += count;
    }
    Ok(())
}

/// A row by its key: ordered by hash, then by position in the input, which is the run's and the one inside its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Hashed {
    hash: u128,
    run: u32,
    input: u32,
    row: u32,
}

/// All rows but one of each hash, as (run, row), ordered.
fn losers(rows: &[Hashed], keep: Keep) -> Vec<[u32; 2]> {
    let mut named = Vec::new();
    for same in rows.chunk_by(|a, b| a.hash == b.hash) {
        let stays = match keep {
            Keep::First => 0,
            Keep::Last => same.len() - 1,
        };
        named.extend(same.iter().enumerate().filter(|(at, _)| *at != stays).map(|(_, gone)| [gone.run, gone.row]));
    }
    named.sort_unstable();
    named
}

/// Gathers who was named, per run.
pub struct Mark(pub Shared, pub Bytes);

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
        self.1
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        if !is_needed(&self.0) {
            return Ok(Vec::new());
        }
        let runs = runs_of(&self.0, done)?.len() as u64;
        let mut tasks = Vec::new();
        for missing in done.missing(stage::MARK, runs) {
            let mut start = missing.start;
            while start < missing.end {
                let end = (start - start % RUNS_PER_TASK + RUNS_PER_TASK).min(missing.end);
                tasks.push(TaskSpec { key: TaskKey { stage: stage::MARK, units: start..end }, bytes: self.1 });
                start = end;
            }
        }
        Ok(tasks)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let runs = runs_of(&self.0, context.done)?;
        let named: Vec<Named> = context.done.of_stage(stage::MATCH).map(Receipt::read).collect::<Result<_>>()?;
        let mut bitmaps = Vec::new();
        for run in key.units.clone() {
            context.stop.check()?;
            let mut bits = vec![0u8; (runs[run as usize].rows as usize).div_ceil(8)];
            let mut any = false;
            for range in &named {
                any |= mark(&self.0, range, run as u32, &mut bits)?;
            }
            bitmaps.push(if any {
                let mut writer = self.0.store.write(bits.len() as u64)?;
                writer.append(&bits)?;
                Some(writer.finish()?)
            } else {
                None
            });
        }
        receipt(key, &Marked { bitmaps })
    }
}

/// Sets the bits of the rows of `run` that a range names.
fn mark(running: &Running, range: &Named, run: u32, bits: &mut [u8]) -> Result<bool> {
    let entries = range.rows.length() / 8;
    let read = |at: u64| -> Result<[u32; 2]> {
        let mut entry = [[0u32; 2]];
        running.store.read(&range.rows, at * 8, bytemuck::cast_slice_mut(&mut entry))?;
        Ok(entry[0])
    };
    let (mut below, mut above) = (0, entries);
    while below < above {
        let middle = below + (above - below) / 2;
        if read(middle)?[0] < run {
            below = middle + 1;
        } else {
            above = middle;
        }
    }
    let mut block = vec![[0u32; 2]; 512];
    let mut any = false;
    let mut at = below;
    while at < entries {
        let count = (entries - at).min(block.len() as u64) as usize;
        running.store.read(&range.rows, at * 8, bytemuck::cast_slice_mut(&mut block[..count]))?;
        for &[of_run, row] in &block[..count] {
            if of_run != run {
                return Ok(any);
            }
            bits[row as usize / 8] |= 1 << (row % 8);
            any = true;
        }
        at += count as u64;
    }
    Ok(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_of_a_key_but_one_are_named() {
        let rows = [(1, 0, 0, 5), (1, 2, 0, 0), (2, 1, 0, 1), (3, 0, 3, 2), (3, 0, 7, 1), (3, 4, 0, 0)]
            .map(|(hash, run, input, row)| Hashed { hash, run, input, row });
        assert_eq!(losers(&rows, Keep::First), [[0, 1], [2, 0], [4, 0]]);
        assert_eq!(losers(&rows, Keep::Last), [[0, 1], [0, 2], [0, 5]]);
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
