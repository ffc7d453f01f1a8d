//! The order of the output: keys of all runs are merged, duplicates dropped, and the outcome kept as a plan.
//!
//! The plan says, row by row, which run comes next; rows themselves are not touched. A slice of the order is the unit;
//! slices are cut at rows that depend on the data alone. One may end among rows of one key.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use swath_core::{
    Blob, BlobWriter, Bytes, Receipt, Receipts, Result, Stage, Stop, Store, TaskContext, TaskKey, TaskSpec,
};
use swath_table::intern::ranks;
use swath_table::layout::RowKey;
use swath_table::run::{KeyOrder, Landmarks, Merge, Merged, RunSlice, SortedRun, partition_of};
use swath_table::schema::Keep;

use super::job::stage;
use super::matching::Marked;
use super::running::{Running, Shared};
use crate::request::SortOrder;
use crate::work::{Blobs, get_or_try_init, receipt};

/// Rows of a slice, about.
const SLICE_ROWS: u64 = 524_288;
/// One key in so many is looked at to find where slices end.
const SAMPLE_ROWS: u32 = 2_048;
/// Set in an entry of the plan whose row goes.
const DROPPED: u32 = 1 << 31;
/// Keys that are buffered per run at least and at most.
const SHARE: (usize, usize) = (16, 2_048);

/// How the keys of all runs compare.
pub struct Order {
    /// Where keys of each run lie, about.
    landmarks: Vec<Landmarks>,
    /// Rows that go, per run; empty if the merge itself finds them.
    pub drops: Vec<Option<Blob>>,
    /// Ranks of identifiers.
    pub keys: KeyOrder,
    /// Where slices begin, but the first.
    pub splitters: Vec<Splitter>,
}

/// A row at which a slice begins. Rows of one key come in the order of the input, as their runs do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Splitter {
    rank: u128,
    run: u32,
    row: u32,
}

/// The order of a run whose runs are complete; made once.
///
/// # Errors
/// When scratch or receipts cannot be read.
pub fn order<'a>(running: &'a Running, done: &Receipts) -> Result<&'a Order> {
    get_or_try_init(&running.order, || make_order(running, done))
}

fn make_order(running: &Running, done: &Receipts) -> Result<Order> {
    let runs = running.runs(done)?;
    let marked: Vec<Marked> = done.of_stage(stage::MARK).map(Receipt::read).collect::<Result<_>>()?;
    let drops = marked.into_iter().flat_map(|marked| marked.bitmaps).collect();
    let partition_ids = running.partitions.sorted_ids();
    let by_sensor = running.job.sort == SortOrder::Sensor && running.job.sensor.is_some();
    let keys = KeyOrder {
        partitions: ranks(&partition_ids),
        majors: if by_sensor { ranks(&running.texts.sorted_ids()) } else { Vec::new() },
    };
    let landmarks = landmarks(&running.store, runs, &keys)?;
    let splitters = splitters(&landmarks, (SLICE_ROWS / u64::from(SAMPLE_ROWS)) as usize);
    Ok(Order { landmarks, drops, keys, splitters })
}

/// Samples of all runs, as many of few large as of many small ones.
fn landmarks(store: &Store, runs: &[SortedRun], keys: &KeyOrder) -> Result<Vec<Landmarks>> {
    let mut before = 0;
    let of_run = |run: &SortedRun| {
        let landmarks = run.landmarks(store, keys, SAMPLE_ROWS, before);
        before += u64::from(run.rows);
        landmarks
    };
    runs.iter().map(of_run).collect()
}

/// Where slices of so many samples begin, but the first.
fn splitters(landmarks: &[Landmarks], per_slice: usize) -> Vec<Splitter> {
    let mut samples: Vec<[u32; 2]> =
        Vec::with_capacity(landmarks.iter().map(|landmarks| landmarks.inner_count() as usize).sum());
    for (run, landmarks) in landmarks.iter().enumerate() {
        samples.extend((0..landmarks.inner_count()).map(|position| [run as u32, position]));
    }
    let splitter = |&[run, position]: &[u32; 2]| {
        let (rank, row) = landmarks[run as usize].inner(position);
        Splitter { rank, run, row }
    };
    samples.sort_unstable_by_key(splitter);
    samples.chunks(per_slice).skip(1).map(|chunk| splitter(&chunk[0])).collect()
}

/// A slice of the merged order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ranked {
    /// The stretches of runs that meet in it.
    pub slices: Blob,
    /// Per row, in order, the position of its stretch, with a bit for rows that go.
    pub entries: Blob,
    /// Bytes per entry: 2 or 4.
    pub width: u8,
    /// Rows that stay, by rank of partition.
    pub partitions: Vec<(u32, u64)>,
    /// Rows that go.
    pub duplicates: u64,
    /// Of them, rows of the lake.
    pub replaced: u64,
    /// How many slices there are.
    pub of: u64,
}

impl Blobs for Ranked {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.slices);
        with(&self.entries);
    }
}

impl Ranked {
    /// Reads the stretches.
    ///
    /// # Errors
    /// When scratch cannot be read.
    pub fn read_slices(&self, running: &Running) -> Result<Vec<RunSlice>> {
        let mut slices =
            vec![RunSlice { run: 0, first: 0, count: 0 }; self.slices.length() as usize / size_of::<RunSlice>()];
        running.store.read(&self.slices, 0, bytemuck::cast_slice_mut(&mut slices))?;
        Ok(slices)
    }

    /// How many entries there are.
    pub fn entry_count(&self) -> u64 {
        self.entries.length() / u64::from(self.width)
    }

    /// Reads entries from `first` on as (stretch, goes).
    ///
    /// # Errors
    /// When scratch cannot be read.
    pub fn read_entries(
        &self,
        running: &Running,
        first: u64,
        count: usize,
        bytes: &mut Vec<u8>,
        out: &mut Vec<(u32, bool)>,
    ) -> Result<()> {
        let width = usize::from(self.width);
        bytes.resize(count * width, 0);
        running.store.read(&self.entries, first * width as u64, bytes)?;
        out.clear();
        if self.width == 2 {
            out.extend(bytes.chunks_exact(2).map(|entry| {
                let entry = u16::from_le_bytes([entry[0], entry[1]]);
                (u32::from(entry & 0x7fff), entry & 0x8000 != 0)
            }));
        } else {
            out.extend(bytes.chunks_exact(4).map(|entry| {
                let entry = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
                (entry & !DROPPED, entry & DROPPED != 0)
            }));
        }
        Ok(())
    }
}

/// Merges keys.
pub struct Rank(pub Shared, pub Bytes);

/// Memory of a task when there are so many runs.
pub fn task_bytes(runs: u64, rows: u64) -> Bytes {
    let keys = (rows.min(SLICE_ROWS) as usize).div_ceil(runs.max(1) as usize).clamp(SHARE.0, SHARE.1);
    Merge::bytes_for(runs as usize, keys) + Bytes(runs * 64) + Bytes(256 << 10)
}

impl Stage for Rank {
    fn name(&self) -> &str {
        "rank"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.1
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        // Once all is ranked, runs may be gone, and with them the keys that tell how many slices there are.
        let known = done.of_stage(stage::RANK).next().map(Receipt::read::<Ranked>).transpose()?;
        let total = match known {
            Some(ranked) => ranked.of,
            None => order(&self.0, done)?.splitters.len() as u64 + 1,
        };
        let missing = done.missing(stage::RANK, total);
        if !missing.is_empty() {
            // Made here, once, and not by every worker.
            order(&self.0, done)?;
        }
        let units = missing.into_iter().flatten();
        Ok(units
            .map(|unit| TaskSpec { key: TaskKey { stage: stage::RANK, units: unit..unit + 1 }, bytes: self.1 })
            .collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let order = order(&self.0, context.done)?;
        let runs = self.0.runs(context.done)?;
        let dedup = self.0.job.dedup.as_ref().filter(|dedup| dedup.adjacent);
        // Rows that become one begin with the first, whichever of their values stays.
        let first = self.0.job.pivot.as_ref().map(|_| Keep::First);
        let keep = dedup.map(|dedup| first.unwrap_or(dedup.keep));
        let Cut { slices, begun, goes_on } =
            cut(&self.0.store, runs, order, key.units.start as usize, keep == Some(Keep::First))?;
        let mut writer = self.0.store.write((slices.len() * size_of::<RunSlice>()) as u64)?;
        writer.append(bytemuck::cast_slice(&slices))?;
        let slices_blob = writer.finish()?;
        let rows: u64 = slices.iter().map(|slice| u64::from(slice.count)).sum();
        let spare = context.lease.bytes().0.saturating_sub(slices.len() as u64 * 64 + (256 << 10)) as usize;
        let share = (spare / slices.len().max(1) / (size_of::<RowKey>() + 1)).clamp(SHARE.0, SHARE.1);
        let recalled = self.0.recalled(context.done)?.len() as u32;
        let mut merge = Merge::new(&self.0.store, runs, &order.drops, &order.keys, &slices, share)?;
        let width = if slices.len() < 0x8000 { 2 } else { 4 };
        let mut sink = PlanSink {
            writer: self.0.store.write(rows * width as u64)?,
            wide: width == 4,
            chunk: Vec::with_capacity(CHUNK + 4),
            partitions: Vec::new(),
            duplicates: 0,
            replaced: 0,
            recalled: slices.partition_point(|slice| slice.run < recalled) as u32,
        };
        each_row(&mut merge, keep, (begun, goes_on), context.stop, |row| sink.push(row))?;
        sink.flush()?;
        let ranked = Ranked {
            slices: slices_blob,
            entries: sink.writer.finish()?,
            width,
            partitions: sink.partitions,
            duplicates: sink.duplicates,
            replaced: sink.replaced,
            of: order.splitters.len() as u64 + 1,
        };
        receipt(key, &ranked)
    }
}

/// Follows a merge. Where `keep` is given, all rows of one key go but one; `edges` are the keys of the rows before and
/// behind.
fn each_row(
    merge: &mut Merge<'_>,
    keep: Option<Keep>,
    edges: (Option<u128>, Option<u128>),
    stop: &Stop,
    mut with: impl FnMut(&Merged) -> Result<()>,
) -> Result<()> {
    let (mut before, behind) = edges;
    let mut next = merge.next()?;
    let mut count = 0u32;
    while let Some(mut row) = next {
        next = merge.next()?;
        let after = next.map_or(behind, |next| Some(next.rank));
        row.dropped |= match keep {
            None => false,
            Some(Keep::First) => before == Some(row.rank),
            Some(Keep::Last) => after == Some(row.rank),
        };
        before = Some(row.rank);
        with(&row)?;
        count = count.wrapping_add(1);
        if count.is_multiple_of(65_536) {
            stop.check()?;
        }
    }
    Ok(())
}

/// Plan bytes that are gathered before they are written.
const CHUNK: usize = 64 << 10;

struct PlanSink<'a> {
    writer: BlobWriter<'a>,
    wide: bool,
    chunk: Vec<u8>,
    partitions: Vec<(u32, u64)>,
    duplicates: u64,
    replaced: u64,
    /// Stretches of runs of the lake; they come first.
    recalled: u32,
}

impl PlanSink<'_> {
    fn push(&mut self, row: &Merged) -> Result<()> {
        if self.wide {
            let entry = row.slice | if row.dropped { DROPPED } else { 0 };
            self.chunk.extend_from_slice(&entry.to_le_bytes());
        } else {
            let entry = row.slice as u16 | if row.dropped { 0x8000 } else { 0 };
            self.chunk.extend_from_slice(&entry.to_le_bytes());
        }
        if row.dropped {
            self.duplicates += 1;
            self.replaced += u64::from(row.slice < self.recalled);
        } else {
            let partition = partition_of(row.rank);
            match self.partitions.last_mut() {
                Some((last, rows)) if *last == partition => *rows += 1,
                _ => self.partitions.push((partition, 1)),
            }
        }
        if self.chunk.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        self.writer.append(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

/// What lies in a slice.
struct Cut {
    /// The stretches of all runs.
    slices: Vec<RunSlice>,
    /// The key of the row at which it begins, if one before has the same and that was asked for.
    begun: Option<u128>,
    /// The key of the row behind it.
    goes_on: Option<u128>,
}

fn cut(store: &Store, runs: &[SortedRun], order: &Order, slice: usize, look_before: bool) -> Result<Cut> {
    let low = slice.checked_sub(1).map(|before| order.splitters[before]);
    let high = order.splitters.get(slice).copied();
    let mut cut = Cut { slices: Vec::new(), begun: None, goes_on: high.map(|high| high.rank) };
    for (position, (run, landmarks)) in runs.iter().zip(&order.landmarks).enumerate() {
        let lower_bound = |bound| run.lower_bound(store, &order.keys, landmarks, bound);
        let row_of = |splitter: Splitter| match position.cmp(&(splitter.run as usize)) {
            Ordering::Less => lower_bound(splitter.rank + 1),
            Ordering::Equal => Ok(splitter.row),
            Ordering::Greater => lower_bound(splitter.rank),
        };
        let first = low.map_or(Ok(0), row_of)?;
        let end = high.map_or(Ok(run.rows), row_of)?;
        if first < end {
            cut.slices.push(RunSlice { run: position as u32, first, count: end - first });
        }
        if let Some(low) = low
            && look_before
            && cut.begun.is_none()
            && position <= low.run as usize
            && first > 0
        {
            let mut key = [RowKey::default()];
            run.read_keys(store, first - 1, &mut key)?;
            cut.begun = Some(low.rank).filter(|rank| *rank == order.keys.rank(&key[0]));
        }
    }
    Ok(cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row as (key, run, row of the run), and whether it goes.
    type Row = (i64, u32, u32, bool);

    fn run(store: &Store, keys: &[i64]) -> SortedRun {
        let keys: Vec<RowKey> = keys.iter().map(|&minor| RowKey { partition: 0, major: 0, minor }).collect();
        let bytes: &[u8] = bytemuck::cast_slice(&keys);
        let mut writer = store.write(bytes.len() as u64).expect("scratch");
        writer.append(bytes).expect("scratch");
        let blob = writer.finish().expect("scratch");
        SortedRun { blob, rows: keys.len() as u32, rows_at: 0, text_at: 0, hashes_at: None, origins_at: None }
    }

    /// All rows as slices of about `per_slice` samples have them, slice by slice.
    fn ranked(store: &Store, runs: &[SortedRun], per_slice: usize, keep: Option<Keep>) -> Vec<Vec<Row>> {
        let keys = KeyOrder::default();
        let landmarks = landmarks(store, runs, &keys).expect("scratch");
        let splitters = splitters(&landmarks, per_slice);
        let order = Order { landmarks, drops: Vec::new(), keys, splitters };
        let of_slice = |slice| {
            let cut = cut(store, runs, &order, slice, keep == Some(Keep::First)).expect("scratch");
            let mut merge = Merge::new(store, runs, &[], &order.keys, &cut.slices, 100).expect("scratch");
            let mut heads: Vec<u32> = cut.slices.iter().map(|slice| slice.first).collect();
            let mut rows = Vec::new();
            each_row(&mut merge, keep, (cut.begun, cut.goes_on), &Stop::new(), |row| {
                let head = &mut heads[row.slice as usize];
                let key = ((row.rank as u64) ^ (1 << 63)) as i64;
                rows.push((key, cut.slices[row.slice as usize].run, *head, row.dropped));
                *head += 1;
                Ok(())
            })
            .expect("scratch");
            rows
        };
        (0..=order.splitters.len()).map(of_slice).collect()
    }

    #[test]
    fn slices_may_end_among_rows_of_one_key() {
        let folder = tempfile::tempdir().expect("scratch");
        let store = Store::open(&folder.path().join("scratch"), None, None).expect("scratch");
        // Many runs with less rows than a sample stands for, and some with more.
        let lengths: Vec<i64> = [9_000, 0, 1, 20_000, 2_048].into_iter().chain([700; 40]).collect();
        type Key = fn(i64) -> i64;
        let keys: [Key; 4] = [|_| 5, |row| row / 900, |row| row / 6_000, |row| row];
        for key in keys {
            let of_run = |length: &i64| (0..*length).map(key).collect::<Vec<i64>>();
            let all: Vec<Vec<i64>> = lengths.iter().map(of_run).collect();
            let runs: Vec<SortedRun> = all.iter().map(|keys| run(&store, keys)).collect();
            let mut wanted: Vec<Row> = Vec::new();
            for (run, keys) in all.iter().enumerate() {
                wanted.extend(keys.iter().enumerate().map(|(row, &key)| (key, run as u32, row as u32, false)));
            }
            wanted.sort_unstable();
            for keep in [None, Some(Keep::First), Some(Keep::Last)] {
                for at in 0..wanted.len() {
                    let is_like = |other: Option<&Row>| other.is_some_and(|other| other.0 == wanted[at].0);
                    wanted[at].3 = match keep {
                        None => false,
                        Some(Keep::First) => at > 0 && is_like(wanted.get(at - 1)),
                        Some(Keep::Last) => is_like(wanted.get(at + 1)),
                    };
                }
                for per_slice in [1, 2, 5, 1_000] {
                    let slices = ranked(&store, &runs, per_slice, keep);
                    let samples = wanted.len().div_ceil(SAMPLE_ROWS as usize);
                    assert!(slices.len().abs_diff(samples.div_ceil(per_slice)) <= 1, "{} slices", slices.len());
                    if key(1) == key(1 << 40) {
                        let longest = slices.iter().map(Vec::len).max().expect("slices");
                        assert!(longest <= (per_slice + 2) * SAMPLE_ROWS as usize, "{longest} rows in a slice");
                    }
                    assert!(slices.concat() == wanted, "{keep:?}, {per_slice} samples per slice");
                }
            }
        }
    }
}
