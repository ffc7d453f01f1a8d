//! One byte range of a file, parsed into batches and rejects.
//!
//! Ranges are cut blindly, at any byte. A range takes the records that start in it, the last of them to its end, and
//! tells where its first record starts and where the next one would. If these chain from range to range, all ranges
//! together give what one pass over the file gives; where they do not (a newline inside of quotes was taken for a line
//! end), the later range is read again from the exact start.

use std::ops::Range;

use swath_core::{Bytes, Error, Result};
use swath_table::column::Batch;
use swath_table::intern::Interner;
use swath_table::reject::{Reason, Reject};

use super::describe;
use super::emit::{Emitter, Scratch};
use super::index::{Filled, Index, IndexLimits, Span};
use super::kernel::Level;
use super::memory::{BatchShape, workspace_bytes};
use super::plan::ParsePlan;
use super::window::Window;
use crate::store::ReadAt;

/// What is read, and into what.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The file.
    pub input: &'a dyn ReadAt,
    /// How its fields become columns.
    pub plan: &'a ParsePlan,
    /// Where categories get their identifiers.
    pub interner: &'a Interner,
    /// When a batch is full.
    pub limits: BatchLimits,
}

/// When a batch is full; where batches end depends on the data and on this only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Rows at most.
    pub rows: usize,
    /// Bytes of values at most, with 12 for each row's place and 1 for each null flag. A larger row has its own batch.
    pub bytes: Bytes,
}

/// How files are read; none of it changes what comes out, but for `max_record`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// Bytes read at once.
    pub block_bytes: usize,
    /// The longest record in bytes, without its newline; a carriage return before that counts. At most 1 GiB.
    pub max_record: usize,
    /// Bytes indexed and converted at once.
    pub window_bytes: usize,
}

/// Positions in the buffer, which holds a record and a block, are of 32 bits.
const MAX_RECORD_END: usize = 1 << 30;

impl Default for ReadOptions {
    fn default() -> Self {
        ReadOptions { block_bytes: 256 << 10, max_record: 1 << 20, window_bytes: 32 << 10 }
    }
}

impl ReadOptions {
    pub(super) fn index_limits(&self) -> IndexLimits {
        let window = self.window_bytes.max(64);
        IndexLimits { window, records: (window / 4).max(1), max_record: self.max_record }
    }
}

/// Where a range begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With a record, at this byte.
    Exact(u64),
    /// With the first line that starts at or after the nominal start.
    NextRecord,
}

/// A byte range of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeSpec {
    /// The bytes in which records must start.
    pub nominal: Range<u64>,
    /// Length of the whole file.
    pub file_len: u64,
    /// Where to begin.
    pub start: Start,
}

/// What a range held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RangeReport {
    /// Where its first record starts; if none does, the same as `end`.
    pub first_record: u64,
    /// Where the next record would start.
    pub end: u64,
    /// Newlines between the two.
    pub lines: u64,
    /// Rows, accepted and rejected.
    pub records: u64,
    /// Lines without any value.
    pub blank: u64,
    /// Comment lines.
    pub comments: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Values of accepted rows that were made null because they broke a rule.
    pub nulled: u64,
    /// Local times that occur twice, since clocks went back; each was taken as the first of the two.
    pub ambiguous: u64,
}

/// Where rows and rejects go, both in the order of the input.
pub trait Consumer {
    /// Takes a batch that is full; it may be swapped for an empty one. What is left in it is dropped.
    ///
    /// # Errors
    /// Whatever makes reading on pointless.
    fn batch(&mut self, batch: &mut Batch) -> Result<()>;

    /// Takes a row that was rejected.
    ///
    /// # Errors
    /// Whatever makes reading on pointless.
    fn reject(&mut self, reject: Reject) -> Result<()>;

    /// Takes a row that was rejected and is not in the file as text, with the text that it is shown as.
    ///
    /// # Errors
    /// Whatever makes reading on pointless.
    fn reject_shown(&mut self, reject: Reject, _shown: &[u8]) -> Result<()> {
        self.reject(reject)
    }
}

/// The memory of one worker, reused from range to range. All ranges read with it share one interner.
#[derive(Debug)]
pub struct Workspace {
    options: ReadOptions,
    buffer: Vec<u8>,
    index: Index,
    scratch: Scratch,
}

impl Workspace {
    /// A workspace; most of its memory is not touched before it is needed.
    pub fn new(options: ReadOptions) -> Workspace {
        Workspace::with_level(options, Level::detect())
    }

    pub(super) fn with_level(options: ReadOptions, level: Level) -> Workspace {
        let max_record = options.max_record.clamp(1, MAX_RECORD_END);
        let options = ReadOptions { block_bytes: options.block_bytes.max(1), max_record, ..options };
        let limits = options.index_limits();
        Workspace {
            options,
            buffer: vec![0; Window::buffer_bytes(&options)],
            index: Index::new(level, limits),
            scratch: Scratch::new(level, limits.records),
        }
    }

    /// The most memory that a workspace takes for files whose rows take so many entries of the index, made into so many
    /// columns.
    pub fn bytes_for(options: &ReadOptions, ends_per_row: usize, columns: usize) -> Bytes {
        workspace_bytes(options, ends_per_row, columns)
    }
}

/// Makes room in a batch for the rows of `bytes` bytes, where it will be filled by several ranges.
pub fn make_room(plan: &ParsePlan, limits: BatchLimits, bytes: u64, batch: &mut Batch) {
    BatchShape::new(plan.column_types(), plan.row_bytes_min(), limits, bytes).prepare(batch);
}

/// Parses the records that start in a range.
///
/// Rows are added to what `batch` holds, and stay there at the end unless they made it full: so small ranges share a
/// batch. The rows of a batch that is not full are the caller's to take.
///
/// # Errors
/// [`Error::InputUnreadable`] if the file cannot be read or has become shorter; [`Error::Usage`] if there are too many
/// distinct categories; whatever the consumer answers.
pub fn read_range(
    source: &Source<'_>,
    range: &RangeSpec,
    workspace: &mut Workspace,
    batch: &mut Batch,
    consumer: &mut dyn Consumer,
) -> Result<RangeReport> {
    let Workspace { options, buffer, index, scratch } = workspace;
    let nominal_end = range.nominal.end.min(range.file_len);
    let (start, seek) = match range.start {
        Start::Exact(start) => (start, false),
        Start::NextRecord => (range.nominal.start.saturating_sub(1), range.nominal.start > 0),
    };
    let mut window = Window::new(source.input, buffer, start, (nominal_end, range.file_len), options);
    if seek && window.skip_line(nominal_end.saturating_sub(1))?.is_none() {
        // No record starts here. Whoever reads the record that goes on through this range knows better where it ends.
        return Ok(RangeReport { first_record: nominal_end, end: nominal_end, ..RangeReport::default() });
    }
    let first_record = window.position();
    index.reset(source.plan.ends_per_row());
    let range_bytes = nominal_end.saturating_sub(first_record);
    let mut emitter = Emitter::new(source, (range_bytes, options.max_record), batch, consumer, scratch);
    while window.position() < nominal_end && !window.is_done() {
        step(&mut window, nominal_end, source.plan, index, &mut emitter, scratch, options)?;
    }
    Ok(RangeReport {
        first_record,
        end: window.position(),
        lines: index.line - u64::from(window.took_added_newline()),
        records: emitter.accepted() + emitter.rejected,
        blank: index.blank,
        comments: index.comments,
        rejected: emitter.rejected,
        nulled: emitter.nulled,
        ambiguous: scratch.ambiguous(),
    })
}

/// Indexes what is in the window and takes it, or reads more.
fn step(
    window: &mut Window<'_>,
    nominal_end: u64,
    plan: &ParsePlan,
    index: &mut Index,
    emitter: &mut Emitter<'_>,
    scratch: &mut Scratch,
    options: &ReadOptions,
) -> Result<()> {
    let origin = window.origin();
    let limit = usize::try_from(nominal_end.wrapping_sub(origin)).unwrap_or(usize::MAX);
    let span = Span { from: window.from, to: window.to, limit, last: window.last };
    match index.fill(window.buffer, span, &plan.rules) {
        Filled::Until(until) => {
            // Lines of rows are of 32 bits.
            if index.line > u64::from(u32::MAX) {
                return Err(Error::unexpected("a range has more than 4,294,967,295 lines: it must be cut smaller"));
            }
            window.from = until;
            emitter.take(window.buffer, index, origin, scratch)
        }
        Filled::NeedsMore => {
            let moved = window.read_more()?;
            index.moved(moved);
            Ok(())
        }
        Filled::BadLine(line_end, reason) => {
            let text_end = line_end - usize::from(window.buffer[line_end - 1] == b'\r');
            let length = (text_end - window.from) as u64;
            let offset = window.position();
            window.from = line_end + 1;
            give_up(emitter, index, (offset, length), reason, options)
        }
        Filled::BadLongLine => {
            let offset = window.position();
            let end = match window.skip_line(u64::MAX)? {
                Some((newline, carriage_return)) => newline - u64::from(carriage_return),
                None => window.position(),
            };
            give_up(emitter, index, (offset, end - offset), Reason::RecordTooLong, options)
        }
    }
}

/// Rejects a line.
fn give_up(
    emitter: &mut Emitter<'_>,
    index: &mut Index,
    (offset, length): (u64, u64),
    reason: Reason,
    options: &ReadOptions,
) -> Result<()> {
    let line = index.line as u32;
    index.line += 1;
    emitter.rejected += 1;
    let detail = describe::bad_line(reason, options.max_record);
    emitter.consumer.reject(Reject { offset, length, line, column: None, reason, detail })
}
