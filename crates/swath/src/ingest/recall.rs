//! Rows of the lake that a batch is added to, read back into sorted runs that come before those of the batch.
//!
//! Only partitions that new rows touch are read, and such as may hold a row with the same key of dedup. Every value comes
//! back as it stands; a row that does not is damage, and ends the run. So is a file whose sum is not that of the manifest:
//! what is read here is written again with a sum of its own, behind which no damage could be found any more.

use std::ops::Range;

use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Error, Place, Receipt, Receipts, Result, Stage, Stop, TaskContext, TaskKey, TaskSpec};
use swath_formats::columnar::{GroupFilter, OpenTable, RowSource, make_room_for_rows, read_rows, rows_batch_bytes_max};
use swath_formats::csv::{Consumer, Workspace};
use swath_formats::store::SourceFile;
use swath_formats::sum::{SUM_BYTES, sha256};
use swath_table::column::Batch;
use swath_table::layout::RowKey;
use swath_table::partition::folder_of;
use swath_table::reject::Reject;
use swath_table::run::SortedRun;

use super::columnar::{Cuts, UNIT_ROWS};
use super::inputs::{Segment, Stream};
use super::job::{Dedup, Job, stage};
use super::lake::{Lake, folder, follow_key, group_of, kin, loose};
use super::locate;
use super::route::batch_limits;
use super::running::{Bench, Running, Shared};
use super::sorted;
use crate::info::manifest::Entry;
use crate::work::{Blobs, get_or_try_init, receipt};

/// Files of a lake whose page headers the plan looks at: the largest ones.
const LOOKED_AT: usize = 16;
/// No text of a row is longer.
const RECORD_MAX: usize = u32::MAX as usize;
/// Keys that are looked at at once.
const KEYS: usize = 4096;
/// Bytes that a unit takes in tables.
const UNIT_TABLES: u64 = 900;

/// What of the lake is read.
pub struct Touched {
    /// Positions among the files of the lake.
    pub files: Vec<u32>,
    /// Their rows, in units.
    stream: Stream,
}

/// What a unit of the lake became.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Recalled {
    /// Sorted runs.
    pub runs: Vec<SortedRun>,
    /// Rows.
    pub rows: u64,
}

impl Blobs for Recalled {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        self.runs.iter().for_each(|run| with(&run.blob));
    }
}

/// What a plan expects of the lake.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected {
    /// Rows that are read.
    pub rows: u64,
    /// Bytes of their files.
    pub bytes: Bytes,
    /// Units of them.
    pub units: u64,
    /// Partitions that are read.
    pub partitions: u64,
    /// Memory of the file that is being read.
    pub table: Bytes,
    /// Bytes of text of a row, on average, in the batch that had most.
    pub text_per_row: f64,
}

impl Expected {
    /// What adding rows of these times takes of a lake, if they spread over all other levels of its partition.
    ///
    /// # Errors
    /// When the largest files cannot be read.
    pub fn of(lake: &Lake, job: &Job, time_us: Option<(i64, i64)>) -> Result<Expected> {
        use swath_table::assign::Level;
        use swath_table::partition::time_bucket;
        let span = job.levels.iter().find_map(|level| match level {
            Level::Time(span, _) => Some(*span),
            _ => None,
        });
        let in_key = |dedup: &Dedup| job.time.is_some_and(|time| dedup.key.contains(&time));
        let every = follow_key(&job.levels, job.time, job.dedup.as_ref()).contains(&false)
            && !(span.is_some() && job.dedup.as_ref().is_some_and(in_key));
        let loose = job.compacts.then(|| loose(lake, job.target_file_size));
        let is_near = |file: &Entry| match (span, time_us, file.time_us) {
            _ if loose.is_some() => loose.iter().any(|loose| loose.contains(&folder(file))),
            (Some(span), Some((first, last)), Some((from, to))) if !every => {
                time_bucket(span, from) <= time_bucket(span, last) && time_bucket(span, to) >= time_bucket(span, first)
            }
            _ => true,
        };
        let mut near: Vec<&Entry> = lake.files.iter().filter(|file| is_near(file)).collect();
        let mut folders: FxHashSet<&std::path::Path> = FxHashSet::default();
        let mut expected = Expected { text_per_row: lake.text_per_row, ..Expected::default() };
        for file in &near {
            expected.rows += file.rows;
            expected.bytes += Bytes(file.bytes);
            folders.extend(file.path.parent());
        }
        // The smallest units are half as large, where files are.
        expected.units = (2 * expected.rows).div_ceil(UNIT_ROWS);
        expected.partitions = folders.len() as u64;
        near.sort_by_key(|file| std::cmp::Reverse(file.bytes));
        for file in near.iter().take(LOOKED_AT) {
            expected.table = expected.table.max(open(lake, job, file)?.bytes_max()?);
        }
        Ok(expected)
    }

    /// Memory of its tables.
    pub fn table_bytes(&self) -> Bytes {
        Bytes(self.units * UNIT_TABLES)
    }
}

fn damaged(job: &Job, file: &Entry, message: String) -> Error {
    Error::InputCorrupt {
        place: Place::file(job.output.join(&file.path)),
        message,
        hint: "the lake is not as it was written: swath info LAKE tells of all such files".into(),
    }
}

/// Opens a file of the lake, as long as it is the one that the manifest lists.
fn open(lake: &Lake, job: &Job, file: &Entry) -> Result<OpenTable> {
    let path = job.output.join(&file.path);
    let length = std::fs::metadata(&path).map_err(|error| Error::reading(&path, &error))?.len();
    if length != file.bytes {
        return Err(damaged(job, file, format!("the manifest has {} bytes, the file {length}", file.bytes)));
    }
    let table = OpenTable::open(
        Box::new(SourceFile::open(&path)?),
        length,
        &lake.own.1,
        &lake.own.0,
        job.max_record.as_usize(),
    )?;
    match table.head.group_rows().sum::<u64>() {
        rows if rows == file.rows => Ok(table),
        rows => Err(damaged(job, file, format!("the manifest has {} rows, the file {rows}", file.rows))),
    }
}

/// Refuses a file with other bytes than those that were written. It is read once more for that, by the unit that has its
/// first row: about as fast as a processor hashes, which for most files is less than it takes to read their rows.
fn check_sum(job: &Job, file: &Entry, stop: &Stop) -> Result<()> {
    let sum = sha256(&job.output.join(&file.path), stop)?;
    match sum == file.sha256 {
        true => Ok(()),
        false => Err(damaged(job, file, format!("the manifest has the sum {}, the file {sum}", file.sha256))),
    }
}

/// Rows of a unit, at most.
fn unit_rows(lake: &Lake) -> u64 {
    Cuts::LARGEST.min(lake.files.iter().map(|file| file.rows).sum())
}

/// Memory of a task, with a table of so much.
pub fn task_bytes(job: &Job, lake: &Lake, table: Bytes) -> Bytes {
    let columns = job.schema.columns.len();
    let parser = Workspace::bytes_for(&job.read_options(), 1, columns);
    let most = unit_rows(lake);
    let record = lake.max_record.max(job.max_record).0;
    let batch = rows_batch_bytes_max(&lake.own.0, &lake.own.1, batch_limits(job), most, record);
    let sorting = sorted::bytes_for(job, &job.layout, job.run_rows.min(most as usize));
    parser + table + batch + SUM_BYTES + sorting
}

/// Reads the rows of the lake that a batch meets.
pub struct Recall(pub Shared, pub Bytes);

impl Recall {
    /// What is read, once all new rows are known.
    fn touched(&self, done: &Receipts) -> Result<Option<&Touched>> {
        let Some(lake) = &self.0.job.base else { return Ok(None) };
        get_or_try_init(&self.0.touched, || touched(&self.0, lake, done)).map(Some)
    }
}

/// The folders of the partitions that new rows are in.
fn folders(running: &Running, done: &Receipts) -> Result<FxHashSet<String>> {
    let job = &running.job;
    let mut seen = vec![false; running.partitions.len()];
    let mut keys = vec![RowKey::default(); KEYS];
    for run in running.routed(done)?.iter().flat_map(|unit| &unit.runs) {
        for first in (0..run.rows).step_by(KEYS) {
            let keys = &mut keys[..KEYS.min((run.rows - first) as usize)];
            run.read_keys(&running.store, first, keys)?;
            for key in keys.iter() {
                if let Some(seen) = seen.get_mut(key.partition as usize) {
                    *seen = true;
                }
            }
        }
    }
    let names: Vec<String> = job.schema.columns.iter().map(|column| column.name.clone()).collect();
    let ids = seen.iter().enumerate().filter(|(_, seen)| **seen).map(|(id, _)| id as u32);
    Ok(ids.map(|id| running.partitions.with_text(id, |value| folder_of(&job.partition, value, &names))).collect())
}

fn touched(running: &Running, lake: &Lake, done: &Receipts) -> Result<Touched> {
    let job = &running.job;
    // No row that is there has the key of another one.
    let follow = if job.compacts { Vec::new() } else { follow_key(&job.levels, job.time, job.dedup.as_ref()) };
    let kin_of = |folder: &str| kin(folder, &follow);
    let wanted = if job.compacts { loose(lake, job.target_file_size) } else { folders(running, done)? };
    let wanted: FxHashSet<String> = wanted.iter().map(|folder| kin_of(folder)).collect();
    let is_touched = |file: &Entry| wanted.contains(&kin_of(&folder(file)));
    let files: Vec<u32> =
        (0u32..).zip(&lake.files).filter(|(_, file)| is_touched(file)).map(|(position, _)| position).collect();
    let (mut cuts, mut bytes) = (Cuts::default(), 0);
    let rows = |position: &u32| lake.files[*position as usize].rows;
    for position in &files {
        cuts.add(rows(position));
        bytes += lake.files[*position as usize].bytes;
    }
    let stream = Stream::of_rows(files.iter().map(rows), cuts.finish(), bytes);
    Ok(Touched { files, stream })
}

impl Stage for Recall {
    fn name(&self) -> &str {
        "recall"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.1
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        let Some(touched) = self.0.touched.get() else { return Bytes::ZERO };
        key.units.clone().map(|unit| touched.stream.unit_bytes(unit)).sum()
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let (Some(lake), Some(touched)) = (&self.0.job.base, self.touched(done)?) else { return Ok(Vec::new()) };
        let units = touched.stream.units();
        self.0.tables.hold_recalled(units, UNIT_TABLES)?;
        let missing: Vec<u64> = done.missing(stage::RECALL, units).into_iter().flatten().collect();
        let spec = |unit: u64| -> Result<TaskSpec> {
            let mut table = Bytes::ZERO;
            for Segment { file, .. } in touched.stream.segments(unit) {
                let file = &lake.files[touched.files[file] as usize];
                table = table.max(open(lake, &self.0.job, file)?.bytes_max()?);
            }
            let bytes = self.1.max(task_bytes(&self.0.job, lake, table));
            Ok(TaskSpec { key: TaskKey { stage: stage::RECALL, units: unit..unit + 1 }, bytes })
        };
        missing.into_iter().map(spec).collect()
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let (Some(lake), Some(touched)) = (&self.0.job.base, self.touched(context.done)?) else {
            return Err(Error::unexpected("there is no lake to recall rows of"));
        };
        let recalled = recall_unit(&self.0, lake, touched, key.units.start, context.stop)?;
        self.0.note_texts()?;
        receipt(key, &recalled)
    }

    fn worker_ends(&self) {
        drop(self.0.benches.take());
    }
}

fn recall_unit(running: &Running, lake: &Lake, touched: &Touched, unit: u64, stop: &Stop) -> Result<Recalled> {
    let mut bench = running.bench();
    let (limits, plan) = (batch_limits(&running.job), &lake.own.1);
    // What was left there is of an input.
    bench.table = None;
    bench.batch.clear();
    if running.job.pivot.is_some() {
        bench.batch = Batch::new(running.job.schema.columns.iter().map(|column| column.column_type));
    }
    let mut recalled = Recalled::default();
    make_room_for_rows(plan, limits, unit_rows(lake), &mut bench.batch);
    for Segment { file, bytes: rows } in touched.stream.segments(unit) {
        stop.check()?;
        let file = &lake.files[touched.files[file] as usize];
        if rows.start == 0 {
            check_sum(&running.job, file, stop)?;
        }
        // Groups were made of all rows, so only the folder tells in which one a row is.
        let group = group_of(&folder(file), &running.job.partition);
        if group != bench.sorting.group {
            keep_rest(running, &mut bench, &mut recalled)?;
            bench.sorting.group = group;
        }
        let mut table = open(lake, &running.job, file)?;
        let source = RowSource { plan, interner: &running.texts, limits, max_record: RECORD_MAX };
        let mut batch = std::mem::replace(&mut bench.batch, Batch::new([]));
        let mut recaller = Recaller { running, stop, file, bench: &mut bench, recalled: &mut recalled };
        let read = read_file(&source, &mut table, rows, &mut batch, &mut recaller);
        bench.batch = batch;
        read?;
    }
    keep_rest(running, &mut bench, &mut recalled)?;
    bench.sorting.group = None;
    running.benches.put(bench);
    Ok(recalled)
}

/// Turns the rows that are left in a bench into a run.
fn keep_rest(running: &Running, bench: &mut Bench, recalled: &mut Recalled) -> Result<()> {
    let mut batch = std::mem::replace(&mut bench.batch, Batch::new([]));
    let kept = keep(running, &mut batch, bench, recalled);
    batch.clear();
    bench.batch = batch;
    kept
}

fn read_file(
    source: &RowSource<'_>,
    table: &mut OpenTable,
    rows: Range<u64>,
    batch: &mut Batch,
    recaller: &mut Recaller<'_>,
) -> Result<()> {
    let wanted = rows.end - rows.start;
    let report = read_rows(source, table, rows, &GroupFilter::default(), batch, recaller)?;
    if report.read == wanted && report.nulled == 0 {
        return Ok(());
    }
    Err(damaged(&recaller.running.job, recaller.file, format!("wanted {wanted} rows, got {}", report.read)))
}

/// Makes runs of batches.
struct Recaller<'a> {
    running: &'a Running,
    stop: &'a Stop,
    file: &'a Entry,
    bench: &'a mut Bench,
    recalled: &'a mut Recalled,
}

/// Turns rows into a run.
fn keep(running: &Running, batch: &mut Batch, bench: &mut Bench, recalled: &mut Recalled) -> Result<()> {
    if batch.rows() == 0 {
        return Ok(());
    }
    let Bench { assigner, ranks, sorting, located, .. } = bench;
    locate::locate_all(running, batch, located)?;
    recalled.rows += batch.rows() as u64;
    recalled.runs.extend(sorted::write(running, batch, located, None, assigner, ranks, sorting)?);
    Ok(())
}

impl Consumer for Recaller<'_> {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        self.stop.check()?;
        keep(self.running, batch, self.bench, self.recalled)
    }

    fn reject(&mut self, reject: Reject) -> Result<()> {
        let message = format!("row {} cannot be read back: {}", reject.offset + 1, reject.detail);
        Err(damaged(&self.running.job, self.file, message))
    }
}
