//! The first pass: units of input become sorted runs.
//!
//! It parses, checks, filters, reprojects and assigns partitions. It does not look for duplicates and writes nothing
//! that a user sees.

use swath_core::{Bytes, Receipt, Receipts, Result, Stage, Stop, TaskContext, TaskKey, TaskSpec, progress};
use swath_formats::columnar::{batch_row, make_room_for_rows};
use swath_formats::csv::{
    BatchLimits, Consumer, ParsePlan, RangeSpec, Source, Start, Workspace, batch_bytes_max, make_room, read_range,
};
use swath_table::column::{Batch, Column, Values};
use swath_table::reject::{Reason, Reject};

use super::columnar::Columnar;
use super::inputs::Segment;
use super::job::{Edge, Job, Routed, stage};
use super::locate::{self, Located};
use super::rejects::{self, Packed};
use super::row_checks::{self, FlaggedRows};
use super::running::{Bench, Running, Shared};
use super::sorted::{self, FileOf, Sorting};
use crate::work::receipt;

/// Parses, checks and sorts the units of the input.
pub struct Route(pub Shared, pub Bytes);

impl Stage for Route {
    fn name(&self) -> &str {
        "route"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.1
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        key.units.clone().map(|unit| self.0.job.stream.unit_bytes(unit)).sum()
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let missing = done.missing(stage::ROUTE, self.0.job.stream.units());
        Ok(missing
            .into_iter()
            .flatten()
            .map(|unit| TaskSpec { key: TaskKey { stage: stage::ROUTE, units: unit..unit + 1 }, bytes: self.1 })
            .collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let routed = route_unit(&self.0, key.units.start, None, context.stop)?;
        self.0.note_texts()?;
        receipt(key, &routed)
    }

    fn worker_ends(&self) {
        drop(self.0.benches.take());
    }
}

/// Memory that routing a unit takes: parser, rows, sorting, and rejects.
pub fn task_bytes(job: &Job) -> Bytes {
    if let Some(columnar) = &job.columnar {
        return columnar.task_bytes(job);
    }
    let options = job.read_options();
    let columns = job.input_schema.columns.len();
    let unit = super::inputs::UNIT_BYTES.min(job.stream.bytes().0);
    let most_ends = job.parse_plans.iter().map(ParsePlan::ends_per_row).max().unwrap_or(1);
    let parser = Workspace::bytes_for(&options, most_ends, columns);
    let fewest = job.parse_plans.iter().map(ParsePlan::row_bytes_min).min().unwrap_or(1);
    let rows = job.run_rows.min(unit as usize / fewest.max(1) + 2);
    let reach = (unit + options.max_record as u64).min(job.stream.bytes().0);
    let batch = batch_bytes_max(&job.input_schema, fewest, batch_limits(job), &options, unit, reach);
    let rejects = (rejects::UNIT_BYTES_MAX as u64).min(2 * unit);
    parser + batch + Bytes(2 * rejects) + sorted::bytes_for(job, &job.input_layout, rows)
}

/// How far a batch grows before it becomes a run.
pub fn batch_limits(job: &Job) -> BatchLimits {
    BatchLimits { rows: job.run_rows, bytes: Bytes(job.run_bytes as u64) }
}

/// Routes one unit. `start` is where its first record begins, where that is known.
pub fn route_unit(running: &Running, unit: u64, start: Option<u64>, stop: &Stop) -> Result<Routed> {
    let mut bench = running.bench();
    let mut router = Router {
        running,
        stop,
        routed: Routed::default(),
        packed: Packed::default(),
        spans: Vec::new(),
        bench_parts: (std::mem::take(&mut bench.assigner), std::mem::take(&mut bench.ranks)),
        sorting: std::mem::take(&mut bench.sorting),
        located: std::mem::take(&mut bench.located),
    };
    let segments = running.job.stream.segments(unit);
    if let [first, _, ..] = segments.as_slice() {
        let plan = &running.job.parse_plans[running.job.file_plans[first.file].plan as usize];
        let limits = batch_limits(&running.job);
        match &running.job.columnar {
            Some(columnar) => make_room_for_rows(plan, limits, columnar.unit_rows, &mut bench.batch),
            None => {
                let unit_bytes = super::inputs::UNIT_BYTES.min(running.job.stream.bytes().0);
                make_room(plan, limits, unit_bytes, &mut bench.batch);
            }
        }
    }
    for (index, segment) in segments.iter().enumerate() {
        stop.check()?;
        let known = if index == 0 { start } else { None };
        router.segment(segment, known, &mut bench)?;
    }
    router.flush(&mut bench.batch)?;
    let routed = router.finish()?;
    (bench.assigner, bench.ranks) = router.bench_parts;
    (bench.sorting, bench.located) = (router.sorting, router.located);
    running.benches.put(bench);
    Ok(routed)
}

/// Rows of the current batch from `first_row` on come from this segment.
struct Span {
    first_row: usize,
    file: usize,
}

struct Router<'a> {
    running: &'a Running,
    stop: &'a Stop,
    routed: Routed,
    packed: Packed,
    spans: Vec<Span>,
    bench_parts: (swath_table::assign::Assigner, (swath_table::sort::LocalRanks, swath_table::sort::LocalRanks)),
    sorting: Sorting,
    located: Located,
}

impl Router<'_> {
    /// Reads the rows of a file with columns.
    fn rows(&mut self, segment: &Segment, columnar: &Columnar, bench: &mut Bench) -> Result<()> {
        self.spans.push(Span { first_row: bench.batch.rows(), file: segment.file });
        let report = columnar.read(self.running, segment, &columnar.filter, bench, self)?;
        self.routed.read += report.read;
        progress::add_rows(report.read);
        self.routed.filtered += report.filtered;
        self.routed.nulled += report.nulled;
        self.routed.ambiguous += report.ambiguous;
        Ok(())
    }

    fn segment(&mut self, segment: &Segment, known: Option<u64>, bench: &mut Bench) -> Result<()> {
        let job = &self.running.job;
        if let Some(columnar) = &job.columnar {
            return self.rows(segment, columnar, bench);
        }
        let file = &job.files[segment.file];
        let plan = job.file_plans[segment.file];
        let nominal = segment.bytes.start.max(plan.data_offset)..segment.bytes.end.max(plan.data_offset);
        if nominal.is_empty() {
            return Ok(());
        }
        let input = file.open()?;
        let start = match known {
            Some(offset) => Start::Exact(offset),
            None if nominal.start == plan.data_offset => Start::Exact(plan.data_offset),
            None => Start::NextRecord,
        };
        self.spans.push(Span { first_row: bench.batch.rows(), file: segment.file });
        let spec = RangeSpec { nominal: nominal.clone(), file_len: file.end, start };
        let source = Source {
            input: &*input,
            plan: &job.parse_plans[plan.plan as usize],
            interner: &self.running.texts,
            limits: batch_limits(job),
        };
        let report = read_range(&source, &spec, &mut bench.workspace, &mut bench.batch, self)?;
        self.routed.read += report.records;
        progress::add_rows(report.records);
        self.routed.nulled += report.nulled;
        self.routed.ambiguous += report.ambiguous;
        let cut = segment.bytes.start > 0 || segment.bytes.end < file.end;
        if cut {
            self.routed.edges.push(Edge {
                file: segment.file as u32,
                first: report.first_record,
                end: report.end,
                nominal_end: nominal.end,
                lines: report.lines,
                empty: report.records == 0 && report.blank == 0 && report.comments == 0,
            });
        }
        Ok(())
    }

    /// Turns the rows gathered so far into a run.
    fn flush(&mut self, batch: &mut Batch) -> Result<()> {
        self.stop.check()?;
        let spans = std::mem::take(&mut self.spans);
        let file_of = |row: usize| spans[spans.partition_point(|span| span.first_row <= row).saturating_sub(1)].file;
        if batch.rows() > 0 {
            self.locate(batch, &file_of)?;
            let kept = self.located.kept.len();
            self.routed.filtered += self.located.filtered;
            if kept > 0 {
                let run = sorted::write(
                    self.running,
                    batch,
                    &self.located,
                    Some(&file_of),
                    &mut self.bench_parts.0,
                    &mut self.bench_parts.1,
                    &mut self.sorting,
                )?;
                self.routed.runs.extend(run);
                self.flagged(batch, &file_of);
            }
        }
        batch.clear();
        self.spans = spans;
        if let Some(last) = self.spans.pop() {
            self.spans.clear();
            self.spans.push(Span { first_row: 0, ..last });
        }
        Ok(())
    }

    /// Counts rows that checks found, or rejects them.
    fn flagged(&mut self, batch: &Batch, file_of: FileOf<'_>) {
        let sorting = std::mem::take(&mut self.sorting);
        let job = &self.running.job;
        for (position, reason) in sorting.flags.flagged() {
            let row = self.located.kept[position];
            let at = row as usize;
            if job.strict && sorting.flags.is_wrong(position) {
                let detail = row_checks::detail(job, batch, at, reason);
                self.reject_row(batch, file_of, Failure { row, reason, column: None, detail });
                continue;
            }
            match self.routed.flagged.iter_mut().find(|flagged| flagged.reason == reason) {
                Some(flagged) => flagged.rows += 1,
                None => self.routed.flagged.push(FlaggedRows {
                    reason,
                    rows: 1,
                    file: file_of(at) as u32,
                    offset: batch.offsets[at],
                    line: batch.lines[at],
                    detail: row_checks::detail(job, batch, at, reason),
                }),
            }
        }
        self.sorting = sorting;
    }

    /// Finds which rows stay and where they are; rows without an image in the target CRS are rejected.
    fn locate(&mut self, batch: &mut Batch, file_of: FileOf<'_>) -> Result<()> {
        let running = self.running;
        let mut located = std::mem::take(&mut self.located);
        let transform_of = |row: usize| running.job.file_plans[file_of(row)].transform as usize;
        let known = running.parameters()?;
        locate::locate(running, batch, (&transform_of, known), &mut located, &mut |failure| {
            self.reject_row(batch, file_of, failure);
        });
        self.located = located;
        for &(column, row) in &self.located.nulled {
            let column = &mut batch.columns[column];
            column.valid[row as usize] = 0;
            if let Values::Float64(values) = &mut column.values {
                values[row as usize] = 0.0;
            }
            self.routed.nulled += 1;
        }
        Ok(())
    }

    /// Rejects a row after it was parsed.
    fn reject_row(&mut self, batch: &Batch, file_of: FileOf<'_>, failure: Failure) {
        let running = self.running;
        let row = failure.row as usize;
        let (file, offset) = (file_of(row), batch.offsets[row]);
        let is_kept = !self.packed.is_full();
        let shown = (is_kept && running.job.columnar.is_some())
            .then(|| batch_row(&running.job.input_schema, batch, row, &running.texts));
        let length = match &shown {
            Some(shown) => shown.len() as u64,
            None if is_kept => self.packed.or_nothing(row_length(running, file, offset)),
            None => 0,
        };
        let reject = Reject {
            offset,
            length,
            line: batch.lines[row],
            column: failure.column,
            reason: failure.reason,
            detail: failure.detail,
        };
        self.take_reject(file, reject, shown.as_deref());
    }

    fn take_reject(&mut self, file: usize, reject: Reject, shown: Option<&[u8]>) {
        self.routed.rejected += 1;
        *self.routed.reasons.entry(reject.reason.name().into()).or_default() += 1;
        self.packed.push(file as u32, &self.running.job.files[file], &reject, shown);
    }

    fn finish(&mut self) -> Result<Routed> {
        let mut routed = std::mem::take(&mut self.routed);
        self.packed.check()?;
        if !self.packed.bytes.is_empty() {
            let mut writer = self.running.store.write(self.packed.bytes.len() as u64)?;
            writer.append(&self.packed.bytes)?;
            routed.rejects = Some(writer.finish()?);
        }
        Ok(routed)
    }
}

/// Length of the line at an offset without its end, as far as it is kept and one byte more, for a row that was rejected
/// after it was parsed.
pub fn row_length(running: &Running, file: usize, offset: u64) -> Result<u64> {
    let mut text = [0; rejects::RAW_MAX + 1];
    let source = running.job.files[file].open()?;
    let read = swath_formats::store::read_full(&*source, &mut text, offset)?;
    let line = text[..read].split(|&byte| byte == b'\n').next().unwrap_or_default();
    Ok(line.strip_suffix(b"\r").unwrap_or(line).len() as u64)
}

impl Consumer for Router<'_> {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        self.flush(batch)
    }

    fn reject(&mut self, reject: Reject) -> Result<()> {
        let file = self.spans.last().map_or(0, |span| span.file);
        self.take_reject(file, reject, None);
        Ok(())
    }

    fn reject_shown(&mut self, reject: Reject, shown: &[u8]) -> Result<()> {
        let file = self.spans.last().map_or(0, |span| span.file);
        self.take_reject(file, reject, Some(shown));
        Ok(())
    }
}

/// The column of a batch as floats.
pub fn floats(column: &Column) -> &[f64] {
    match &column.values {
        Values::Float64(values) => values,
        _ => &[],
    }
}

/// Why a row has no place.
pub struct Failure {
    /// Position in the batch.
    pub row: u32,
    /// Why.
    pub reason: Reason,
    /// Which column.
    pub column: Option<usize>,
    /// Wanted and got.
    pub detail: String,
}
