//! From indexed records to batches and rejects, in the order of the input.
//!
//! Where a batch ends depends on rows and their bytes only: never on how the input was read.

use swath_core::Result;
use swath_table::column::{Batch, Values};
use swath_table::reject::Reject;

use super::chunk::{Chunk, Faults, Target};
use super::convert::{LONGEST_JOINED, TimeScratch, convert};
use super::describe;
use super::index::{Index, Issue, Row};
use super::kernel::Level;
use super::memory::BatchShape;
use super::range::{Consumer, Source};
use super::rows::{keep_rows, resize, retain};
use super::text::{CategoryCache, categories, check_categories, texts};
use super::time::TimeCache;

/// What conversion needs besides the batch, reused from range to range.
#[derive(Debug)]
pub(super) struct Scratch {
    level: Level,
    faults: Faults,
    sizes: Vec<u32>,
    joined: Vec<u8>,
    times: Vec<TimeCache>,
    categories: CategoryCache,
}

impl Scratch {
    pub fn new(level: Level, rows: usize) -> Scratch {
        Scratch {
            level,
            faults: Faults::with_capacity(rows),
            sizes: Vec::with_capacity(rows),
            joined: Vec::with_capacity(LONGEST_JOINED),
            times: Vec::new(),
            categories: CategoryCache::new(),
        }
    }

    /// Times of the last range that occur twice.
    pub fn ambiguous(&self) -> u64 {
        self.times.iter().map(TimeCache::ambiguous).sum()
    }
}

/// Bytes of text in a batch.
pub(crate) fn text_bytes(batch: &Batch) -> u64 {
    let of_column = |values: &Values| if let Values::Text { bytes, .. } = values { bytes.len() as u64 } else { 0 };
    batch.columns.iter().map(|column| of_column(&column.values)).sum()
}

/// Fills one batch after the other.
pub(super) struct Emitter<'a> {
    pub source: &'a Source<'a>,
    pub batch: &'a mut Batch,
    pub consumer: &'a mut dyn Consumer,
    pub shape: BatchShape,
    max_record: usize,
    accepted: u64,
    /// Rows of the first batch that were there before.
    carried: u64,
    pub rejected: u64,
    pub nulled: u64,
    /// Bytes of the rows in the batch, as the limit counts them.
    used: u64,
    /// Fields of the text columns, whose length counts.
    text_fields: Vec<usize>,
}

impl<'a> Emitter<'a> {
    pub fn new(
        source: &'a Source<'a>,
        (range_bytes, max_record): (u64, usize),
        batch: &'a mut Batch,
        consumer: &'a mut dyn Consumer,
        scratch: &mut Scratch,
    ) -> Emitter<'a> {
        let plan = source.plan;
        scratch.categories.reset(source.interner);
        scratch.times.clear();
        scratch.times.resize_with(plan.columns.len(), TimeCache::default);
        let shape = BatchShape::new(plan.column_types(), plan.row_bytes_min(), source.limits, range_bytes);
        shape.prepare(batch);
        let is_text = |values: &Values| matches!(values, Values::Text { .. });
        let texts = plan.columns.iter().filter(|column| is_text(&batch.columns[column.column].values));
        let text_fields = texts.map(|column| column.fields[0]).collect();
        let batch_rows = batch.rows() as u64;
        let used = batch_rows * shape.row_bytes + text_bytes(batch);
        Emitter {
            source,
            batch,
            consumer,
            shape,
            max_record,
            accepted: 0,
            rejected: 0,
            nulled: 0,
            carried: batch_rows,
            used,
            text_fields,
        }
    }

    /// Rows that this range has put into batches.
    pub fn accepted(&self) -> u64 {
        self.accepted + self.batch.rows() as u64 - self.carried
    }

    /// Takes all records of the index; `origin` is the offset in the file of `data[0]`.
    pub fn take(&mut self, data: &[u8], index: &Index, origin: u64, scratch: &mut Scratch) -> Result<()> {
        let mut issues = index.issues.as_slice();
        let mut from = 0;
        loop {
            issues = self.reject_issues(issues, from, origin)?;
            let all = Chunk { data, ends: &index.ends, rows: &index.rows[from..], plain: index.plain };
            if all.rows.is_empty() {
                return Ok(());
            }
            let rows = self.rows_that_fit(all, scratch);
            if rows == 0 {
                self.flush()?;
                continue;
            }
            let chunk = Chunk { rows: &all.rows[..rows], ..all };
            self.convert_rows(chunk, origin, scratch)?;
            if scratch.faults.any {
                issues = self.reject_rows(chunk, from, issues, origin, scratch)?;
            } else if !issues.is_empty() {
                issues = self.reject_issues(issues, from + rows - 1, origin)?;
            }
            from += rows;
            if self.batch.rows() >= self.shape.rows_limit {
                self.flush()?;
            }
        }
    }

    /// Hands the batch on, if there is anything in it.
    fn flush(&mut self) -> Result<()> {
        self.used = 0;
        if self.batch.rows() > 0 {
            self.accepted += self.batch.rows() as u64;
            self.consumer.batch(self.batch)?;
            self.batch.clear();
            self.shape.prepare(self.batch);
        }
        Ok(())
    }

    /// How many of the first rows the batch has room for. A row that is larger than any batch has one of its own.
    fn rows_that_fit(&self, chunk: Chunk<'_>, scratch: &mut Scratch) -> usize {
        let rows = chunk.rows.len().min(self.shape.rows_limit - self.batch.rows());
        let left = self.shape.bytes_limit.saturating_sub(self.used);
        scratch.sizes.clear();
        let fit = if self.text_fields.is_empty() {
            rows.min((left / self.shape.row_bytes) as usize)
        } else {
            let mut sum = 0;
            let sizes = chunk.rows[..rows].iter().map(|row| self.size_of(chunk, row));
            scratch.sizes.extend(sizes.take_while(|&size| {
                sum += u64::from(size);
                sum <= left
            }));
            scratch.sizes.len()
        };
        if fit == 0 && self.batch.rows() == 0 {
            scratch.sizes.extend(self.text_fields.first().map(|_| self.size_of(chunk, &chunk.rows[0])));
            return 1;
        }
        fit
    }

    fn size_of(&self, chunk: Chunk<'_>, row: &Row) -> u32 {
        let texts: usize = self.text_fields.iter().map(|field| chunk.field(row, *field).len()).sum();
        (self.shape.row_bytes as u32).saturating_add(texts as u32)
    }

    /// Appends rows to all columns; what is wrong with them is left in the scratch, and counted.
    fn convert_rows(&mut self, chunk: Chunk<'_>, origin: u64, scratch: &mut Scratch) -> Result<()> {
        let Scratch { level, faults, sizes, joined, times, categories: cache } = scratch;
        let old = self.batch.rows();
        let new = old + chunk.rows.len();
        faults.reset(chunk.rows.len());
        let Batch { columns, offsets, lines } = &mut *self.batch;
        offsets.extend(chunk.rows.iter().map(|row| origin.wrapping_add(u64::from(row.start))));
        lines.extend(chunk.rows.iter().map(|row| row.line));
        let plan = self.source.plan;
        let decimal = plan.decimal;
        let mut categories_left = 0;
        for (order, column) in plan.columns.iter().enumerate() {
            let out = &mut columns[column.column];
            out.valid.resize(new, 1);
            let mut target = Target { column, order, decimal, valid: &mut out.valid[old..], faults: &mut *faults };
            resize(&mut out.values, new);
            match &mut out.values {
                Values::Text { .. } => texts(chunk, &mut out.values, &mut target),
                Values::Category(_) => categories_left += 1,
                values => {
                    let times = TimeScratch { cache: &mut times[order], joined: &mut *joined };
                    convert(*level, chunk, values, old, &mut target, times);
                }
            }
        }
        for check_only in [true, false] {
            // A single category column finds its own faults before it interns.
            if categories_left == 0 || (check_only && categories_left == 1) {
                continue;
            }
            for (order, column) in plan.columns.iter().enumerate() {
                let out = &mut columns[column.column];
                let Values::Category(ids) = &mut out.values else { continue };
                let mut target = Target { column, order, decimal, valid: &mut out.valid[old..], faults: &mut *faults };
                if check_only {
                    check_categories(chunk, &mut target);
                } else {
                    categories(chunk, &mut ids[old..], &mut target, cache, self.source.interner)?;
                }
            }
        }
        for &place in plan.absent() {
            resize(&mut columns[place].values, new);
            if let Values::Text { ends, bytes } = &mut columns[place].values {
                ends.resize(new, bytes.len() as u32);
            }
            columns[place].valid.resize(new, 0);
        }
        if faults.any_nulled {
            self.nulled += faults.nulled();
        }
        self.used += if self.text_fields.is_empty() {
            let failed = if faults.any { (0..chunk.rows.len()).filter(|&row| faults.failed(row)).count() } else { 0 };
            (chunk.rows.len() - failed) as u64 * self.shape.row_bytes
        } else {
            (0..chunk.rows.len()).filter(|&row| !faults.failed(row)).map(|row| u64::from(sizes[row])).sum()
        };
        Ok(())
    }

    /// Takes rows with faults out of the batch and reports them, and the issues between them, in order.
    fn reject_rows<'i>(
        &mut self,
        chunk: Chunk<'_>,
        from: usize,
        mut issues: &'i [Issue],
        origin: u64,
        scratch: &Scratch,
    ) -> Result<&'i [Issue]> {
        let faults = &scratch.faults;
        let old = self.batch.rows() - chunk.rows.len();
        let keep = |row: usize| !faults.failed(row);
        for column in &mut self.batch.columns {
            keep_rows(&mut column.values, old, keep);
            retain(&mut column.valid, old, keep);
        }
        retain(&mut self.batch.offsets, old, keep);
        retain(&mut self.batch.lines, old, keep);
        for (position, row) in chunk.rows.iter().enumerate() {
            issues = self.reject_issues(issues, from + position, origin)?;
            if let Some((order, reason)) = faults.fault(position) {
                let column = &self.source.plan.columns[order];
                self.rejected += 1;
                self.consumer.reject(Reject {
                    offset: origin.wrapping_add(u64::from(row.start)),
                    length: u64::from(row.end - row.start),
                    line: row.line,
                    column: Some(column.column),
                    reason,
                    detail: describe::fault(chunk, row, column, reason),
                })?;
            }
        }
        Ok(issues)
    }

    /// Reports the issues that come before the row `before`; answers the others.
    fn reject_issues<'i>(&mut self, issues: &'i [Issue], before: usize, origin: u64) -> Result<&'i [Issue]> {
        let count = issues.iter().take_while(|issue| issue.before as usize <= before).count();
        let (now, later) = issues.split_at(count);
        for issue in now {
            self.rejected += 1;
            self.consumer.reject(Reject {
                offset: origin.wrapping_add(u64::from(issue.start)),
                length: u64::from(issue.end - issue.start),
                line: issue.line,
                column: None,
                reason: issue.reason,
                detail: describe::issue(issue, &self.source.plan.rules, self.max_record),
            })?;
        }
        Ok(later)
    }
}
