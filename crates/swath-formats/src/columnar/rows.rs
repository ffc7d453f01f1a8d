//! Some rows of a file, read into batches and rejects.
//!
//! Columns are decoded side by side, some thousand rows at a time, and no chunk of rows crosses the edge of a page of
//! any column. Where batches end depends on the rows and on the limits alone.

use std::ops::Range;

use swath_core::{Bytes, Result};
use swath_table::column::{Batch, Values};
use swath_table::intern::Interner;
use swath_table::reject::{Reason, Reject};
use swath_table::schema::{ColumnType, TableSchema};

use super::convert::{Way, values};
use super::leaf::Leaf;
use super::render;
use super::slots::CHUNK_ROWS;
use super::table::{GroupFilter, OpenTable};
use super::texts::{categories, strings};
use crate::csv::chunk::{Faults, Target};
use crate::csv::describe;
use crate::csv::emit::text_bytes;
use crate::csv::memory::BatchShape;
use crate::csv::rows::{keep_rows, resize, retain};
use crate::csv::time::TimeCache;
use crate::csv::{BatchLimits, Consumer, ParsePlan};

/// What is read, and into what.
#[derive(Clone, Copy)]
pub struct RowSource<'a> {
    /// How columns of the file become columns of the table.
    pub plan: &'a ParsePlan,
    /// Where categories get their identifiers.
    pub interner: &'a Interner,
    /// When a batch is full.
    pub limits: BatchLimits,
    /// A row with more bytes of text is rejected.
    pub max_record: usize,
}

/// What some rows were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowReport {
    /// Rows, whatever became of them.
    pub read: u64,
    /// Rows of row groups that were left out.
    pub filtered: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Values of accepted rows that were made null because they broke a rule.
    pub nulled: u64,
    /// Local times that occur twice, since clocks went back.
    pub ambiguous: u64,
}

/// Reads rows of a file.
///
/// Rows are added to what `batch` holds, and stay there at the end unless they made it full. The place of a row is its
/// number in the file, its line that in the range.
///
/// # Errors
/// [`swath_core::Error::InputUnreadable`] and [`swath_core::Error::InputCorrupt`];
/// [`swath_core::Error::DictionaryFull`]; whatever the consumer answers.
pub fn read_rows(
    source: &RowSource<'_>,
    table: &mut OpenTable,
    rows: Range<u64>,
    filter: &GroupFilter,
    batch: &mut Batch,
    consumer: &mut dyn Consumer,
) -> Result<RowReport> {
    let shape = shape(source.plan, source.limits, rows.end.saturating_sub(rows.start));
    shape.prepare(batch);
    table.scratch.cache.reset(source.interner);
    table.times.fill(TimeCache::default());
    let used = batch.rows() as u64 * shape.row_bytes + text_bytes(batch);
    let report = RowReport::default();
    let mut filler = Filler { source, batch, consumer, shape, used, report, first_row: rows.start };
    for group in table.head.group_after(rows.start)..table.head.groups() {
        let (first_row, count) = table.head.group(group);
        let wanted = rows.start.max(first_row)..rows.end.min(first_row + count);
        if wanted.is_empty() {
            break;
        }
        filler.report.read += wanted.end - wanted.start;
        if table.is_left_out(group, filter) {
            filler.report.filtered += wanted.end - wanted.start;
            continue;
        }
        table.begin(group)?;
        for leaf in &mut table.leaves {
            leaf.skip(&mut table.io, wanted.start - first_row)?;
        }
        let mut at = wanted.start;
        while at < wanted.end {
            at += filler.chunk(table, at, wanted.end - at)? as u64;
        }
    }
    filler.report.ambiguous = table.times.iter().map(TimeCache::ambiguous).sum();
    Ok(filler.report)
}

/// The shape of batches of so many rows.
pub(super) fn shape(plan: &ParsePlan, limits: BatchLimits, rows: u64) -> BatchShape {
    // It is counted in bytes of text, of which a row has one per field and one more.
    let bytes = rows.saturating_mul(plan.expected_fields() as u64 + 1);
    BatchShape::new(plan.column_types(), plan.expected_fields(), limits, bytes)
}

/// Makes room in a batch for so many rows, where it will be filled from several files.
pub fn make_room_for_rows(plan: &ParsePlan, limits: BatchLimits, rows: u64, batch: &mut Batch) {
    shape(plan, limits, rows).prepare(batch);
}

/// Fills one batch after the other.
struct Filler<'a> {
    source: &'a RowSource<'a>,
    batch: &'a mut Batch,
    consumer: &'a mut dyn Consumer,
    shape: BatchShape,
    /// Bytes of the rows in the batch, as the limit counts them.
    used: u64,
    report: RowReport,
    first_row: u64,
}

impl Filler<'_> {
    /// Takes the next rows, `left` at most; answers how many.
    fn chunk(&mut self, table: &mut OpenTable, at: u64, left: u64) -> Result<usize> {
        let mut rows = left.min(CHUNK_ROWS as u64) as usize;
        rows = rows.min(self.shape.rows_limit - self.batch.rows());
        for leaf in &mut table.leaves {
            rows = rows.min(leaf.fill(&mut table.io)?);
        }
        rows = self.rows_that_fit(table, rows);
        if rows == 0 {
            self.flush()?;
            return Ok(0);
        }
        self.convert(table, at, rows)?;
        if table.faults.any {
            self.reject(table, at, rows)?;
        }
        table.leaves.iter_mut().for_each(|leaf| leaf.advance(rows));
        if self.batch.rows() >= self.shape.rows_limit {
            self.flush()?;
        }
        Ok(rows)
    }

    fn flush(&mut self) -> Result<()> {
        self.used = 0;
        if self.batch.rows() > 0 {
            self.consumer.batch(self.batch)?;
            self.batch.clear();
            self.shape.prepare(self.batch);
        }
        Ok(())
    }

    /// How many of the next rows the batch has room for. A row that is larger than any batch has one of its own.
    fn rows_that_fit(&self, table: &mut OpenTable, rows: usize) -> usize {
        let OpenTable { leaves, ways, sizes, .. } = table;
        let row_bytes = self.shape.row_bytes;
        sizes.clear();
        sizes.resize(rows, row_bytes as u32);
        let is_text = |way: &&Way| way.plan.column_type == ColumnType::String;
        for leaf in ways.iter().filter(is_text).map(|way| &leaves[way.leaves[0]]) {
            let views = leaf.slots().views.get(leaf.from()..).unwrap_or_default();
            for ((size, view), valid) in sizes.iter_mut().zip(views).zip(&leaf.valid()[leaf.from()..]) {
                // A longer text is rejected.
                let length = ((view.1 - view.0) * u32::from(*valid)).min(self.source.max_record as u32);
                *size = size.saturating_add(length);
            }
        }
        let (left, mut sum) = (self.shape.bytes_limit.saturating_sub(self.used), 0);
        let fit = sizes.iter().take_while(|size| {
            sum += u64::from(**size);
            sum <= left
        });
        let fit = fit.count();
        if fit == 0 && self.batch.rows() == 0 { 1 } else { fit }
    }

    /// Appends rows to all columns; what is wrong with them is left in the faults, and counted.
    fn convert(&mut self, table: &mut OpenTable, at: u64, rows: usize) -> Result<()> {
        let OpenTable { leaves, ways, absent, scratch, faults, times, .. } = table;
        let old = self.batch.rows();
        let new = old + rows;
        faults.reset(rows);
        let Batch { columns, offsets, lines } = &mut *self.batch;
        offsets.extend(at..at + rows as u64);
        let line = (at - self.first_row) as u32;
        lines.extend(line..line + rows as u32);
        note_long_rows(leaves, ways, faults, rows, self.source.max_record);
        let decimal = self.source.plan.decimal;
        let mut categories_left = 0;
        for way in ways.iter() {
            let out = &mut columns[way.plan.column];
            out.valid.resize(new, 1);
            let (column, order) = (&way.plan, way.order);
            let mut target = Target { column, order, decimal, valid: &mut out.valid[old..], faults: &mut *faults };
            resize(&mut out.values, new);
            match &mut out.values {
                Values::Text { ends, bytes } => strings(leaves, way, (ends, bytes), &mut target, scratch),
                Values::Category(_) => categories_left += 1,
                made => values(leaves, way, made, old, &mut target, (&mut *scratch, &mut times[order])),
            }
        }
        for check_only in [true, false] {
            // A single category column finds its own faults before it interns.
            if categories_left == 0 || (check_only && categories_left == 1) {
                continue;
            }
            for way in ways.iter() {
                let out = &mut columns[way.plan.column];
                let Values::Category(ids) = &mut out.values else { continue };
                let (column, order) = (&way.plan, way.order);
                let mut target = Target { column, order, decimal, valid: &mut out.valid[old..], faults: &mut *faults };
                let with = (&mut *scratch, self.source.interner, check_only);
                categories(leaves, way, &mut ids[old..], &mut target, with)?;
            }
        }
        for &place in absent.iter() {
            resize(&mut columns[place].values, new);
            if let Values::Text { ends, bytes } = &mut columns[place].values {
                ends.resize(new, bytes.len() as u32);
            }
            columns[place].valid.resize(new, 0);
        }
        if faults.any_nulled {
            self.report.nulled += faults.nulled();
        }
        let sizes = table.sizes.iter().take(rows).enumerate();
        self.used += sizes.filter(|(row, _)| !table.faults.failed(*row)).map(|(_, size)| u64::from(*size)).sum::<u64>();
        Ok(())
    }

    /// Takes rows with faults out of the batch and reports them.
    fn reject(&mut self, table: &mut OpenTable, at: u64, rows: usize) -> Result<()> {
        let OpenTable { leaves, ways, scratch, faults, .. } = table;
        let old = self.batch.rows() - rows;
        let keep = |row: usize| !faults.failed(row);
        for column in &mut self.batch.columns {
            keep_rows(&mut column.values, old, keep);
            retain(&mut column.valid, old, keep);
        }
        retain(&mut self.batch.offsets, old, keep);
        retain(&mut self.batch.lines, old, keep);
        for row in 0..rows {
            let Some((order, reason)) = faults.fault(row) else { continue };
            let Some(way) = ways.iter().find(|way| way.order == order) else { continue };
            self.report.rejected += 1;
            let (column, detail) = match reason {
                Reason::RecordTooLong => (None, describe::bad_line(reason, self.source.max_record)),
                _ => {
                    let detail =
                        scratch.with_row(leaves, way, row, |chunk, row| describe::fault(chunk, row, &way.plan, reason));
                    (Some(way.plan.column), detail)
                }
            };
            let shown = render::row(leaves, row);
            let offset = at + row as u64;
            let (length, line) = (shown.len() as u64, (offset - self.first_row) as u32);
            self.consumer.reject_shown(Reject { offset, length, line, column, reason, detail }, &shown)?;
        }
        Ok(())
    }
}

/// Notes rows with more text than a row may have.
fn note_long_rows(leaves: &[Leaf], ways: &[Way], faults: &mut Faults, rows: usize, most: usize) {
    let longest = |leaf: &Leaf| {
        let views = leaf.slots().views.get(leaf.from()..).unwrap_or_default().iter().take(rows);
        views.map(|(start, end)| (end - start) as usize).max().unwrap_or(0)
    };
    if leaves.iter().map(longest).sum::<usize>() <= most {
        return;
    }
    for row in 0..rows {
        let mut length = 0;
        let mut first = None;
        for way in ways {
            for leaf in way.leaves.iter().map(|&leaf| &leaves[leaf]) {
                let slot = leaf.from() + row;
                if let Some((start, end)) = leaf.slots().views.get(slot).filter(|_| leaf.valid()[slot] != 0) {
                    length += (end - start) as usize;
                    first = first.or(Some(way.order));
                }
            }
        }
        if let Some(order) = first.filter(|_| length > most) {
            faults.fail(row, order, Reason::RecordTooLong);
        }
    }
}

/// The most memory that reading takes of the batch, for spans of so many rows.
pub fn rows_batch_bytes_max(
    schema: &TableSchema,
    plan: &ParsePlan,
    limits: BatchLimits,
    rows: u64,
    record: u64,
) -> Bytes {
    let fields = plan.expected_fields();
    let options = crate::csv::ReadOptions { max_record: record as usize, ..crate::csv::ReadOptions::default() };
    let bytes = rows.saturating_mul(fields as u64 + 1);
    crate::csv::batch_bytes_max(schema, fields, limits, &options, bytes, u64::MAX)
}
