//! Row groups: rows are fetched in the order of the plan and encoded.
//!
//! A row group is a fixed number of rows of one partition, so its bytes are the same however the work was cut.

use std::io::Write;
use std::path::Path;
use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use swath_core::{Blob, BlobWriter, Bytes, Error, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec};
use swath_formats::geoparquet::{RowGroupEncoder, TextShape, encoder_bytes_max, mini_file_bytes_max};
use swath_table::layout::KEY_BYTES;
use swath_table::schema::ColumnType;

use super::arrays::{ArrayRoom, array, dictionary_of};
use super::fetch::{self, FetchRoom, Fetched, TEXT_COPIES};
use super::job::{Job, stage};
use super::join::{self, JoinRoom};
use super::pivot::Joined;
use super::rank::Ranked;
use super::rejects;
use super::running::{Running, Shared};
use super::series_checks::{self, CheckedGroups, Finds, SeriesChecks};
use crate::work::{Blobs, get_or_try_init, receipt};

/// Row groups at most in a task, where partitions are small.
const GROUPS_PER_TASK: usize = 2_048;

/// One row group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowGroup {
    /// Rank of its partition.
    pub partition: u32,
    /// Slice in which its first row is.
    pub slice: u32,
    /// Rows of that slice that stay and come before it.
    pub skip: u64,
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
        running.tables.hold(groups.len() as u64)?;
        Ok(RowGroups { ranked, groups })
    })
}

/// Cuts each partition into groups of `most` rows, the last one shorter.
fn cut(ranked: &[Ranked], most: u32) -> Vec<RowGroup> {
    let mut groups: Vec<RowGroup> = Vec::new();
    for (slice, ranked) in ranked.iter().enumerate() {
        let mut skip = 0u64;
        for &(partition, rows) in &ranked.partitions {
            let mut left = rows;
            if let Some(open) = groups.last_mut()
                && open.partition == partition
                && open.rows < most
            {
                let taken = left.min(u64::from(most - open.rows));
                open.rows += taken as u32;
                left -= taken;
                skip += taken;
            }
            while left > 0 {
                let rows = left.min(u64::from(most)) as u32;
                groups.push(RowGroup { partition, slice: slice as u32, skip, rows });
                left -= u64::from(rows);
                skip += u64::from(rows);
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
    /// Length of each; 0 where no row is left.
    pub lengths: Vec<u32>,
    /// What was found in the readings, where they were looked at.
    pub checked: Option<CheckedGroups>,
    /// What became of rows that were put together.
    pub joined: Joined,
}

impl Blobs for EncodedGroups {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.blob);
        if let Some(checked) = &self.checked {
            checked.stretches.iter().for_each(&mut *with);
            checked.rejects.iter().for_each(&mut *with);
        }
    }
}

/// Encodes row groups.
pub struct Encode {
    /// The run.
    pub running: Shared,
    /// Memory of a task.
    pub bytes: Bytes,
    /// What it is enough for.
    pub texts: Texts,
}

/// Text of the rows of a task.
#[derive(Debug, Clone, Copy, Default)]
pub struct Texts {
    /// Of text columns.
    pub bytes: usize,
    /// The longest value.
    pub longest: usize,
    /// Values of the largest dictionary of a category column.
    pub values: usize,
    /// Bytes of the values of all category columns.
    pub value_bytes: usize,
}

impl Texts {
    /// What the plan expects of rows with so much text.
    pub fn expected(job: &Job, rows: u64, text_per_row: f64) -> Texts {
        let longest = job.longest_record().as_usize().min((text_per_row * 64.0) as usize);
        Texts { bytes: text_bytes(job, rows, text_per_row), longest, ..Texts::default() }
    }
}

/// Text of the rows of a task, if each has so much.
pub fn text_bytes(job: &Job, rows: u64, text_per_row: f64) -> usize {
    (job.rows_with_texts(rows.min(u64::from(job.row_group_rows)), rows) as f64 * text_per_row) as usize
}

/// What it takes to look at readings: a writer, and tables of intervals.
const CHECKS_BYTES: Bytes = Bytes(swath_core::Store::WRITER_BYTES.0 + series_checks::FINDS_BYTES + 8_192);

/// A place in a run, and the stretch that is open there.
const PLACE_BYTES: u64 = 24;

/// Memory of a task whose rows have such texts and come from so many runs.
pub fn task_bytes(job: &Job, rows: u64, texts: Texts, runs: u64) -> Bytes {
    let rows = rows.min(u64::from(job.row_group_rows)) as usize;
    let shape = TextShape {
        bytes: texts.bytes + texts.value_bytes,
        longest_bytes: texts.longest,
        category_values: texts.values,
    };
    // The index of the rows, their stretches, text, nulls of two columns, and the sorted dictionary.
    let rooms = rows * FetchRoom::ROW_BYTES + fetch::ENTRIES * 12 + rows * 2 + rows * 4 + texts.values * 8;
    let flags = Bytes(rows as u64) + series_checks::long_runs_bytes(job, rows);
    let checks = match (series_checks::looks(job), job.strict) {
        (false, _) => Bytes::ZERO,
        (true, false) => CHECKS_BYTES + flags,
        (true, true) => {
            CHECKS_BYTES + flags + Bytes(rows as u64 * series_checks::KEPT_BYTES + 2 * rejects::UNIT_BYTES_MAX as u64)
        }
    };
    let copies = if job.layout.has_text() { shape.bytes * 2 + rows * 4 } else { texts.value_bytes };
    encoder_bytes_max(&job.lake, rows, shape)
        + Bytes((rooms + copies) as u64 + runs * PLACE_BYTES)
        + buffer_bytes(job, rows)
        + checks
        + if job.pivot.is_some() { join::bytes_for(job) } else { Bytes::ZERO }
        + swath_core::Store::WRITER_BYTES
}

/// Of it: buffers for rows and keys as fetched, and for the values of two columns.
fn buffer_bytes(job: &Job, rows: usize) -> Bytes {
    Bytes((rows * (job.layout.stride() + KEY_BYTES + 2 * 8)) as u64)
}

/// Length of the mini files of row groups at most, whose rows have so much text. `values` are the bytes of the
/// dictionaries of each, where they are known.
fn files_bytes_max(running: &Running, groups: &[RowGroup], text: usize, values: &[usize]) -> u64 {
    let (job, texts) = (&running.job, &running.texts);
    let categories = job.schema.columns.iter().filter(|column| column.column_type == ColumnType::Category).count();
    let bytes_max = |rows: usize, bytes: usize| {
        let shape = TextShape { bytes, ..TextShape::default() };
        mini_file_bytes_max(&job.lake, rows, shape).0
    };
    let of_group = |(position, group): (usize, &RowGroup)| {
        let most = || categories * texts.bytes_max(group.rows as usize);
        bytes_max(group.rows as usize, values.get(position).copied().unwrap_or_else(most))
    };
    groups.iter().enumerate().map(of_group).sum::<u64>() + bytes_max(0, text)
}

impl Stage for Encode {
    fn name(&self) -> &str {
        "encode"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        let Some(groups) = self.running.row_groups.get() else { return Bytes::ZERO };
        let rows: u64 = key.units.clone().map(|unit| u64::from(groups.groups[unit as usize].rows)).sum();
        Bytes(rows * (self.running.job.layout.stride() + KEY_BYTES) as u64)
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let groups = &row_groups(&self.running, done)?.groups;
        let most = self.running.job.row_group_rows;
        let mut tasks = Vec::new();
        for missing in done.missing(stage::ENCODE, groups.len() as u64) {
            let mut start = missing.start;
            let mut rows = 0;
            for unit in missing.clone() {
                let of_unit = groups[unit as usize].rows;
                if unit > start && (rows + of_unit > most || unit - start >= GROUPS_PER_TASK as u64) {
                    tasks.push(TaskSpec {
                        key: TaskKey { stage: stage::ENCODE, units: start..unit },
                        bytes: self.bytes,
                    });
                    start = unit;
                    rows = 0;
                }
                rows += of_unit;
            }
            if start < missing.end {
                let units = start..missing.end;
                tasks.push(TaskSpec { key: TaskKey { stage: stage::ENCODE, units }, bytes: self.bytes });
            }
        }
        Ok(tasks)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        let running = &*self.running;
        let all = row_groups(running, context.done)?;
        let groups = &all.groups[key.units.start as usize..key.units.end as usize];
        // Rooms and codecs allocate for themselves.
        let buffers = buffer_bytes(&running.job, running.job.row_group_rows as usize);
        let lease_bytes = context.lease.bytes();
        let _heap = context.lease.charge(lease_bytes.saturating_sub(buffers))?;
        let mut desk = running.encode_desk()?;
        let text_max = self.texts.bytes + (lease_bytes.saturating_sub(self.bytes).as_usize()) / TEXT_COPIES;
        let fetched = match running.job.pivot {
            None => Fetched::new(running, all, groups, text_max, context, &mut desk.fetching)
                .map(|fetched| (fetched, Joined::default())),
            Some(pivot) => {
                let rows = groups.iter().map(|group| group.rows).sum();
                desk.fetching.index.clear();
                desk.fetching.index.extend(0..rows);
                join::fetch(running, pivot, all, groups, text_max, context, &mut desk.joining)
            }
        };
        let fetched = fetched.and_then(|(fetched, joined)| {
            Ok((self.dictionaries(groups, &fetched, context, &mut desk)?, fetched, joined))
        });
        if let Err(Error::Pressure { wanted, .. }) = &fetched
            && *wanted > lease_bytes
        {
            running.wanted.lock().unwrap_or_else(PoisonError::into_inner).insert(key.units.start, *wanted);
        }
        let (values, fetched, joined) = fetched?;
        let EncodeDesk { encoder, arrays, fetching, checks, .. } = &mut desk;
        let runs = running.runs(context.done)?;
        let mut finds = checks.as_ref().map(|_| Finds::new(running, runs, fetching));
        let mut lengths = Vec::with_capacity(groups.len());
        let mut first = 0;
        let mut files = running.store.stream(files_bytes_max(running, groups, fetched.text.len(), &values))?;
        for group in groups {
            context.stop.check()?;
            let mut packed = fetched.packed(running, &fetching.index[first..first + group.rows as usize]);
            first += group.rows as usize;
            if let (Some(checks), Some(finds)) = (&mut *checks, &mut finds) {
                checks.look(&packed, finds)?;
                if series_checks::rejects_rows(&running.job) {
                    packed.index = &checks.kept;
                }
            }
            if packed.index.is_empty() {
                lengths.push(0);
                continue;
            }
            let before = files.length();
            let column = |column: usize| array(&packed, column, context.lease, arrays);
            let mut out = Appending { to: &mut files, failed: None };
            let encoded = encoder.encode_into(packed.index.len(), column, &mut out, Path::new("scratch"));
            if let Some(error) = out.failed {
                return Err(error);
            }
            encoded?;
            lengths.push((files.length() - before) as u32);
        }
        let checked = finds.map(Finds::finish).transpose()?;
        let encoded = EncodedGroups { blob: files.finish()?, lengths, checked, joined };
        running.desks.put(desk);
        receipt(key, &encoded)
    }

    fn split(&self, key: &TaskKey) -> Option<Vec<TaskSpec>> {
        let middle = key.units.start + (key.units.end - key.units.start) / 2;
        if middle == key.units.start {
            // A row group is never cut; one with much text may have what it wants, if that is there.
            let wanted = self.running.wanted.lock().unwrap_or_else(PoisonError::into_inner).remove(&key.units.start)?;
            return Some(vec![TaskSpec { key: key.clone(), bytes: wanted }]);
        }
        let half = |units| TaskSpec { key: TaskKey { stage: stage::ENCODE, units }, bytes: self.bytes };
        Some(vec![half(key.units.start..middle), half(middle..key.units.end)])
    }

    fn worker_ends(&self) {
        drop(self.running.desks.take());
    }

    /// Gives the memory of runs and plans back: nobody reads them again. What is on scratch stays, since a resumed run
    /// may want it.
    fn finish(&self, done: &Receipts) -> Result<()> {
        if self.running.job.strict {
            rejects::check_limit(&self.running, done)?;
        }
        for unit in self.running.routed(done)? {
            unit.runs.iter().for_each(|run| self.running.store.free(&run.blob));
        }
        self.running.recalled(done)?.iter().for_each(|run| self.running.store.free(&run.blob));
        row_groups(&self.running, done)?
            .ranked
            .iter()
            .for_each(|ranked| ranked.blobs(&mut |blob| self.running.store.free(blob)));
        Ok(())
    }
}

impl Encode {
    /// Bytes of the dictionaries of each row group, where the texts of the run may be more than the plan expected.
    ///
    /// # Errors
    /// [`Error::Pressure`] when the task turns out to take more than its lease.
    fn dictionaries(
        &self,
        groups: &[RowGroup],
        fetched: &Fetched,
        context: &TaskContext<'_>,
        desk: &mut EncodeDesk,
    ) -> Result<Vec<usize>> {
        let (running, planned) = (&*self.running, self.texts);
        let mut texts = Texts { bytes: fetched.text.len(), longest: fetched.longest, ..planned };
        let mut of_groups = Vec::new();
        let columns = running.job.schema.columns.len();
        if running.texts.len() > planned.values || running.texts.bytes() > planned.value_bytes {
            let mut first = 0;
            (texts.values, texts.value_bytes) = (0, 0);
            for group in groups {
                let packed = fetched.packed(running, &desk.fetching.index[first..first + group.rows as usize]);
                first += group.rows as usize;
                let mut bytes = 0;
                for column in 0..columns {
                    if let Some((values, of_column)) = dictionary_of(&packed, column, context.lease, &mut desk.arrays)?
                    {
                        texts.values = texts.values.max(values);
                        bytes += of_column;
                    }
                }
                texts.value_bytes = texts.value_bytes.max(bytes);
                of_groups.push(bytes);
            }
        }
        let runs = running.runs(context.done)?.len() as u64;
        let rows = groups.iter().map(|group| u64::from(group.rows)).sum();
        let (got, wanted) = (context.lease.bytes(), task_bytes(&running.job, rows, texts, runs));
        if wanted > got && beyond(texts, planned) {
            return Err(Error::Pressure { what: "texts of a row group".into(), wanted, got });
        }
        Ok(of_groups)
    }
}

/// Whether something of it is more than planned.
fn beyond(texts: Texts, planned: Texts) -> bool {
    texts.bytes > planned.bytes
        || texts.longest > planned.longest
        || texts.values > planned.values
        || texts.value_bytes > planned.value_bytes
}

/// A blob as what an encoder writes to; keeps the error that says more than the system's.
struct Appending<'a, 's> {
    to: &'a mut BlobWriter<'s>,
    failed: Option<Error>,
}

impl Write for Appending<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.to.append(bytes).map(|()| bytes.len()).map_err(|error| {
            let message = error.to_string();
            self.failed.get_or_insert(error);
            std::io::Error::other(message)
        })
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a worker reuses from task to task.
pub struct EncodeDesk {
    /// Of the files of the lake.
    pub encoder: RowGroupEncoder,
    arrays: ArrayRoom,
    fetching: FetchRoom,
    checks: Option<SeriesChecks>,
    joining: JoinRoom,
}

impl EncodeDesk {
    /// A desk for the files of a lake.
    ///
    /// # Errors
    /// When the codec cannot be set up.
    pub fn new(job: &Job) -> Result<EncodeDesk> {
        Ok(EncodeDesk {
            encoder: RowGroupEncoder::new(job.lake.clone())?,
            arrays: ArrayRoom::default(),
            fetching: FetchRoom::default(),
            checks: SeriesChecks::new(job),
            joining: JoinRoom::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(partitions: &[(u32, u64)]) -> Ranked {
        let nothing = Blob::Memory { slot: 0, length: 0 };
        Ranked {
            slices: nothing,
            entries: nothing,
            width: 2,
            partitions: partitions.to_vec(),
            duplicates: 0,
            replaced: 0,
            of: 3,
        }
    }

    #[test]
    fn row_groups_are_full_but_for_the_last_of_a_partition() {
        let slices = [ranked(&[(0, 25), (1, 4)]), ranked(&[(1, 3), (2, 1)]), ranked(&[(2, 30)])];
        let groups: Vec<(u32, u32, u64, u32)> =
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

    #[test]
    fn rows_before_a_row_group_may_be_more_than_32_bits_hold() {
        let groups = cut(&[ranked(&[(0, 5 << 30), (1, 7)])], 3 << 30);
        let skips: Vec<(u64, u32)> = groups.iter().map(|group| (group.skip, group.rows)).collect();
        assert_eq!(skips, [(0, 3 << 30), (3 << 30, 2 << 30), (5 << 30, 7)]);
    }
}
