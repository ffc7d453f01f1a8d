//! Row groups: rows are fetched in the order of the plan and encoded.
//!
//! A row group is a fixed number of rows of one partition, so its bytes are the same however the work was cut.

use std::path::Path;

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Error, Receipt, Receipts, Result, Stage, Stop, TaskContext, TaskKey, TaskSpec};
use swath_formats::geoparquet::{RowGroupEncoder, TextShape, encode_bytes_max};
use swath_table::layout::{KEY_BYTES, RowKey};
use swath_table::run::RunSlice;
use swath_table::store::Blob;

use super::arrays::{ArrayRoom, Packed, array};
use super::job::{Blobs, Job, Running, Shared, receipt, stage};
use super::rank::{Ranked, get_or_try_init, order};

/// Row groups at most in a task, where partitions are small.
const GROUPS_PER_TASK: usize = 2_048;
/// Plan entries that are read at once.
const ENTRIES: usize = 16 << 10;

/// One row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Rank of its partition.
    pub partition: u32,
    /// Slice in which its first row is.
    pub slice: u32,
    /// Rows of that slice that stay and come before it.
    pub skip: u32,
    /// Rows.
    pub rows: u32,
}

/// All row groups, in the order of the output.
pub struct RowGroups {
    /// Slices of the order.
    pub ranked: Vec<Ranked>,
    /// The row groups.
    pub groups: Vec<RowGroup>,
}

/// The row groups of a run whose order is known; made once.
///
/// # Errors
/// When receipts cannot be read.
pub fn row_groups<'a>(running: &'a Running, done: &Receipts) -> Result<&'a RowGroups> {
    get_or_try_init(&running.row_groups, || {
        let ranked: Vec<Ranked> = done.of_stage(stage::RANK).map(Receipt::read).collect::<Result<_>>()?;
        let groups = cut(&ranked, running.job.row_group_rows);
        Ok(RowGroups { ranked, groups })
    })
}

/// Cuts each partition into groups of `most` rows, the last one shorter.
fn cut(ranked: &[Ranked], most: u32) -> Vec<RowGroup> {
    let mut groups: Vec<RowGroup> = Vec::new();
    for (slice, ranked) in ranked.iter().enumerate() {
        let mut skip = 0u32;
        for &(partition, rows) in &ranked.partitions {
            let mut left = rows;
            if let Some(open) = groups.last_mut()
                && open.partition == partition
                && open.rows < most
            {
                let taken = left.min(u64::from(most - open.rows));
                open.rows += taken as u32;
                left -= taken;
                skip += taken as u32;
            }
            while left > 0 {
                let rows = left.min(u64::from(most)) as u32;
                groups.push(RowGroup { partition, slice: slice as u32, skip, rows });
                left -= u64::from(rows);
                skip += rows;
            }
        }
    }
    groups
}

/// The encoded row groups of a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EncodedGroups {
    /// Mini files, one behind the other.
    pub blob: Blob,
    /// Length of each.
    pub lengths: Vec<u32>,
}

impl Blobs for EncodedGroups {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.blob);
    }
}

/// Encodes row groups.
pub struct Encode(pub Shared, pub Bytes);

/// Memory of a task whose rows have so much text.
pub fn task_bytes(job: &Job, rows: u64, text_per_row: f64, category_values: usize) -> Bytes {
    let rows = rows.min(u64::from(job.row_group_rows)) as usize;
    let text = TextShape {
        bytes: (rows as f64 * text_per_row) as usize + category_values * 32,
        longest_bytes: job.max_record.as_usize().min((text_per_row * 64.0) as usize),
        category_values,
    };
    // Rows and keys as fetched, their index, text, two columns as values with nulls, and the sorted dictionary.
    let fetched = rows * (job.layout.stride() + KEY_BYTES + 4 + 8 + 2 * 9);
    let texts = if job.layout.has_text() { text.bytes * 2 + rows * 4 } else { 0 };
    encode_bytes_max(&job.lake, rows, text)
        + Bytes((fetched + texts + ENTRIES * 12 + category_values * 8) as u64)
        + Bytes(rows as u64 * 4)
        + swath_table::store::Store::WRITER_BYTES
}

impl Stage for Encode {
    fn name(&self) -> &str {
        "encode"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.1
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        let Some(groups) = self.0.row_groups.get() else { return Bytes::ZERO };
        let rows: u64 = key.units.clone().map(|unit| u64::from(groups.groups[unit as usize].rows)).sum();
        Bytes(rows * (self.0.job.layout.stride() + KEY_BYTES) as u64)
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let groups = &row_groups(&self.0, done)?.groups;
        let most = self.0.job.row_group_rows;
        let mut tasks = Vec::new();
        for missing in done.missing(stage::ENCODE, groups.len() as u64) {
            let mut start = missing.start;
            let mut rows = 0;
            for unit in missing.clone() {
                let of_unit = groups[unit as usize].rows;
                if unit > start && (rows + of_unit > most || unit - start >= GROUPS_PER_TASK as u64) {
                    tasks.push(TaskSpec { key: TaskKey { stage: stage::ENCODE, units: start..unit }, bytes: self.1 });
                    start = unit;
                    rows = 0;
                }
                rows += of_unit;
            }
            if start < missing.end {
                let units = start..missing.end;
                tasks.push(TaskSpec { key: TaskKey { stage: stage::ENCODE, units }, bytes: self.1 });
            }
        }
        Ok(tasks)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        let running = &*self.0;
        let all = row_groups(running, context.done)?;
        let groups = &all.groups[key.units.start as usize..key.units.end as usize];
        let rows: u32 = groups.iter().map(|group| group.rows).sum();
        let mut desk = running.encode_desk()?;
        let fetched = Fetched::new(running, all, &groups[0], rows, context, &mut desk)?;
        let EncodeDesk { encoder, files, room, index, .. } = &mut desk;
        let mut lengths = Vec::with_capacity(groups.len());
        let mut first = 0;
        files.clear();
        for group in groups {
            context.stop.check()?;
            let packed = Packed {
                layout: &running.job.layout,
                keys: &fetched.keys,
                rows: &fetched.rows,
                index: &index[first..first + group.rows as usize],
                text_starts: &fetched.text_starts,
                text: &fetched.text,
                texts: &running.texts,
            };
            first += group.rows as usize;
            let before = files.len();
            let column = |column: usize| array(&packed, column, context.lease, room);
            encoder.encode_into(packed.index.len(), column, &mut *files, Path::new("scratch"))?;
            lengths.push((files.len() - before) as u32);
        }
        let mut writer = running.store.write(files.len() as u64)?;
        writer.append(files)?;
        let encoded = EncodedGroups { blob: writer.finish()?, lengths };
        running.leave_encode_desk(desk);
        receipt(key, &encoded)
    }

    fn split(&self, key: &TaskKey) -> Option<Vec<TaskSpec>> {
        let middle = key.units.start + (key.units.end - key.units.start) / 2;
        if middle == key.units.start {
            return None;
        }
        let half = |units| TaskSpec { key: TaskKey { stage: stage::ENCODE, units }, bytes: self.1 };
        Some(vec![half(key.units.start..middle), half(middle..key.units.end)])
    }

    /// Gives the memory of runs and plans back: nobody reads them again. What is on scratch stays, since a resumed run
    /// may want it.
    fn finish(&self, done: &Receipts) -> Result<()> {
        self.0.desks.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        for unit in self.0.routed(done)? {
            unit.runs.iter().for_each(|run| self.0.store.free(&run.blob));
        }
        row_groups(&self.0, done)?.ranked.iter().for_each(|ranked| ranked.blobs(&mut |blob| self.0.store.free(blob)));
        Ok(())
    }
}

/// The rows of a task, fetched from all runs; `index` puts them in order.
struct Fetched {
    keys: swath_core::Buffer<RowKey>,
    rows: swath_core::Buffer<u8>,
    text: Vec<u8>,
    /// Where the text of each fetched row begins.
    text_starts: Vec<u32>,
}

/// What a worker reuses from task to task.
pub struct EncodeDesk {
    /// Of the files of the lake.
    pub encoder: RowGroupEncoder,
    /// Mini files of a task.
    files: Vec<u8>,
    room: ArrayRoom,
    /// Position of the fetched row, for each row of the output.
    index: Vec<u32>,
    /// A row's place until all stretches are known: stretch, and position in it.
    places: Vec<(u32, u32)>,
    entries: Vec<(u32, bool)>,
    bytes: Vec<u8>,
}

impl EncodeDesk {
    /// A desk for the files of a lake.
    ///
    /// # Errors
    /// When the codec cannot be set up.
    pub fn new(job: &Job) -> Result<EncodeDesk> {
        Ok(EncodeDesk {
            encoder: RowGroupEncoder::new(job.lake.clone())?,
            files: Vec::new(),
            room: ArrayRoom::default(),
            index: Vec::new(),
            places: Vec::new(),
            entries: Vec::new(),
            bytes: Vec::new(),
        })
    }
}

/// Rows of one run that follow each other without a gap.
struct Stretch {
    run: u32,
    first: u32,
    count: u32,
    /// Position of its first row among the fetched rows.
    at: u32,
}

impl Fetched {
    fn new(
        running: &Running,
        all: &RowGroups,
        first: &RowGroup,
        rows: u32,
        context: &mut TaskContext<'_>,
        desk: &mut EncodeDesk,
    ) -> Result<Fetched> {
        let stretches = walk(running, all, first, rows, context.stop, desk)?;
        let layout = &running.job.layout;
        let order = order(running, context.done)?;
        let mut fetched = Fetched {
            keys: context.lease.buffer_unzeroed(rows as usize)?,
            rows: context.lease.buffer_unzeroed(rows as usize * layout.stride())?,
            text: Vec::new(),
            text_starts: vec![0; if layout.has_text() { rows as usize } else { 0 }],
        };
        for stretch in &stretches {
            let run = &order.runs[stretch.run as usize];
            let (from, to) = (stretch.at as usize, (stretch.at + stretch.count) as usize);
            run.read_keys(&running.store, stretch.first, &mut fetched.keys[from..to])?;
            let bytes = &mut fetched.rows[from * layout.stride()..to * layout.stride()];
            let offset = run.rows_at + u64::from(stretch.first) * layout.stride() as u64;
            running.store.read(&run.blob, offset, bytes)?;
            if layout.has_text() {
                fetched.fetch_text(running, run, stretch, context)?;
            }
        }
        Ok(fetched)
    }

    /// The text of rows that follow each other in a run follows each other, too.
    fn fetch_text(
        &mut self,
        running: &Running,
        run: &swath_table::run::SortedRun,
        stretch: &Stretch,
        context: &TaskContext<'_>,
    ) -> Result<()> {
        let layout = &running.job.layout;
        let row = |at: u32| &self.rows[at as usize * layout.stride()..(at as usize + 1) * layout.stride()];
        let (start, _) = layout.text_of_row(row(stretch.at));
        let (last_start, last_length) = layout.text_of_row(row(stretch.at + stretch.count - 1));
        let length = (last_start + last_length - start) as usize;
        let before = self.text.len();
        let wanted = Bytes((before + length) as u64 * 4);
        if wanted > context.lease.bytes() {
            return Err(Error::Pressure { what: "text of a row group".into(), wanted, got: context.lease.bytes() });
        }
        let mut starts = Vec::with_capacity(stretch.count as usize);
        for at in stretch.at..stretch.at + stretch.count {
            starts.push(layout.text_of_row(row(at)).0 - start + before as u32);
        }
        self.text_starts[stretch.at as usize..(stretch.at + stretch.count) as usize].copy_from_slice(&starts);
        self.text.resize(before + length, 0);
        running.store.read(&run.blob, run.text_at + u64::from(start), &mut self.text[before..])
    }
}

/// Follows the plan over `rows` rows that stay: which stretches to fetch, and where each row will be among them.
fn walk(
    running: &Running,
    all: &RowGroups,
    first: &RowGroup,
    rows: u32,
    stop: &Stop,
    desk: &mut EncodeDesk,
) -> Result<Vec<Stretch>> {
    let EncodeDesk { places, entries, index, bytes, .. } = desk;
    let mut stretches: Vec<Stretch> = Vec::new();
    places.clear();
    let mut skip = first.skip;
    for ranked in &all.ranked[first.slice as usize..] {
        if places.len() == rows as usize {
            break;
        }
        stop.check()?;
        let slices = ranked.read_slices(running)?;
        let mut heads: Vec<Head> = slices.iter().map(Head::new).collect();
        let mut at = 0;
        let total = ranked.entry_count();
        while at < total && places.len() < rows as usize {
            let count = (total - at).min(ENTRIES as u64) as usize;
            ranked.read_entries(running, at, count, bytes, entries)?;
            at += count as u64;
            for &(slice, dropped) in &*entries {
                let head = &mut heads[slice as usize];
                let row = head.next;
                head.next += 1;
                if dropped {
                    continue;
                }
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                if head.open != u32::MAX
                    && stretches[head.open as usize].first + stretches[head.open as usize].count == row
                {
                    stretches[head.open as usize].count += 1;
                } else {
                    head.open = stretches.len() as u32;
                    stretches.push(Stretch { run: head.run, first: row, count: 1, at: 0 });
                }
                places.push((head.open, stretches[head.open as usize].count - 1));
                if places.len() == rows as usize {
                    break;
                }
            }
        }
    }
    if places.len() < rows as usize {
        return Err(Error::unexpected(format!("the plan holds {} rows of {rows}", places.len())));
    }
    let mut at = 0;
    for stretch in &mut stretches {
        stretch.at = at;
        at += stretch.count;
    }
    index.clear();
    index.extend(places.iter().map(|&(stretch, position)| stretches[stretch as usize].at + position));
    Ok(stretches)
}

/// The next row of a run's stretch, and the open stretch of fetched rows.
struct Head {
    run: u32,
    next: u32,
    open: u32,
}

impl Head {
    fn new(slice: &RunSlice) -> Head {
        Head { run: slice.run, next: slice.first, open: u32::MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(partitions: &[(u32, u64)]) -> Ranked {
        let nothing = Blob::Memory { slot: 0, length: 0 };
        Ranked { slices: nothing, entries: nothing, width: 2, partitions: partitions.to_vec(), duplicates: 0, of: 3 }
    }

    #[test]
    fn row_groups_are_full_but_for_the_last_of_a_partition() {
        let slices = [ranked(&[(0, 25), (1, 4)]), ranked(&[(1, 3), (2, 1)]), ranked(&[(2, 30)])];
        let groups: Vec<(u32, u32, u32, u32)> =
            cut(&slices, 10).iter().map(|group| (group.partition, group.slice, group.skip, group.rows)).collect();
        assert_eq!(
            groups,
            [
                (0, 0, 0, 10),
                (0, 0, 10, 10),
                (0, 0, 20, 5),
                (1, 0, 25, 7),
                (2, 1, 3, 10),
                (2, 2, 9, 10),
                (2, 2, 19, 10),
                (2, 2, 29, 1),
            ]
        );
    }
}
