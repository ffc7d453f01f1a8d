//! The order of the output: keys of all runs are merged, duplicates dropped, and the outcome kept as a plan.
//!
//! The plan says, row by row, which run comes next; rows themselves are not touched. A slice of the order is the unit;
//! slices are cut at keys that depend on the data alone.

use serde::{Deserialize, Serialize};
use swath_core::{Blob, BlobWriter, Bytes, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec};
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
    pub splitters: Vec<u128>,
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
    let landmarks: Vec<Landmarks> =
        runs.iter().map(|run| run.landmarks(&running.store, &keys, SAMPLE_ROWS)).collect::<Result<_>>()?;
    let mut samples: Vec<u128> = Vec::with_capacity(landmarks.iter().map(|run| run.inner().len()).sum());
    samples.extend(landmarks.iter().flat_map(Landmarks::inner));
    samples.sort_unstable();
    let per_slice = (SLICE_ROWS / u64::from(SAMPLE_ROWS)) as usize;
    let mut splitters: Vec<u128> = samples.chunks(per_slice).skip(1).map(|chunk| chunk[0]).collect();
    splitters.dedup();
    Ok(Order { landmarks, drops, keys, splitters })
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
        let slices = slices_of(&self.0, runs, order, key.units.start as usize)?;
        let mut writer = self.0.store.write((slices.len() * size_of::<RunSlice>()) as u64)?;
        writer.append(bytemuck::cast_slice(&slices))?;
        let slices_blob = writer.finish()?;
        let rows: u64 = slices.iter().map(|slice| u64::from(slice.count)).sum();
        let spare = context.lease.bytes().0.saturating_sub(slices.len() as u64 * 64 + (256 << 10)) as usize;
        let share = (spare / slices.len().max(1) / (size_of::<RowKey>() + 1)).clamp(SHARE.0, SHARE.1);
        let mut merge = Merge::new(&self.0.store, runs, &order.drops, &order.keys, &slices, share)?;
        let width = if slices.len() < 0x8000 { 2 } else { 4 };
        let keep = self.0.job.dedup.as_ref().filter(|dedup| dedup.adjacent).map(|dedup| dedup.keep);
        let mut sink = PlanSink {
            writer: self.0.store.write(rows * width as u64)?,
            wide: width == 4,
            chunk: Vec::with_capacity(CHUNK + 4),
            partitions: Vec::new(),
            duplicates: 0,
        };
        let mut previous: Option<Merged> = None;
        let mut count = 0u32;
        while let Some(mut next) = merge.next()? {
            if let Some(mut last) = previous.take() {
                if keep.is_some() && last.rank == next.rank {
                    // Of equal keys the earlier one stays or goes; a dropped first passes its key on.
                    match keep {
                        Some(Keep::Last) => last.dropped = true,
                        _ => next.dropped = true,
                    }
                }
                sink.push(&last)?;
            }
            previous = Some(next);
            count = count.wrapping_add(1);
            if count.is_multiple_of(65_536) {
                context.stop.check()?;
            }
        }
        if let Some(last) = previous {
            sink.push(&last)?;
        }
        sink.flush()?;
        let ranked = Ranked {
            slices: slices_blob,
            entries: sink.writer.finish()?,
            width,
            partitions: sink.partitions,
            duplicates: sink.duplicates,
            of: order.splitters.len() as u64 + 1,
        };
        receipt(key, &ranked)
    }
}

/// Plan bytes that are gathered before they are written.
const CHUNK: usize = 64 << 10;

struct PlanSink<'a> {
    writer: BlobWriter<'a>,
    wide: bool,
    chunk: Vec<u8>,
    partitions: Vec<(u32, u64)>,
    duplicates: u64,
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

/// The stretches of all runs that lie in a slice.
fn slices_of(running: &Running, runs: &[SortedRun], order: &Order, slice: usize) -> Result<Vec<RunSlice>> {
    let low = slice.checked_sub(1).map(|before| order.splitters[before]);
    let high = order.splitters.get(slice).copied();
    let mut slices = Vec::new();
    for (position, (run, landmarks)) in runs.iter().zip(&order.landmarks).enumerate() {
        let row_of = |bound| run.lower_bound(&running.store, &order.keys, landmarks, bound);
        let first = low.map_or(Ok(0), row_of)?;
        let end = high.map_or(Ok(run.rows), row_of)?;
        if first < end {
            slices.push(RunSlice { run: position as u32, first, count: end - first });
        }
    }
    Ok(slices)
}
