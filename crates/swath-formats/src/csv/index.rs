//! The field index of some records in the buffer: which records there are, and where each of their fields ends.
//!
//! It cuts; it converts nothing. Blank lines and comments are counted and left out, records that cannot be rows become
//! issues.

use swath_table::reject::Reason;
use swath_table::schema::{CsvFormat, Layout};

use super::kernel::{Level, Needles};
use super::scan::{GROUP, scan};
use super::split::{Split, Swallow, split_record, unquote};
use crate::json::{Paths, Shape};

/// A record with as many fields as wanted. What is between two of its entries of `ends` is a text: entry `e` ends at
/// `ends[first + e]`, and starts one after the entry before, or at `start`. A delimited field is such a text; where fields
/// do not touch, those between them are texts too, and field `f` is the text `2f + 1` ([`RecordRules::entry`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub start: u32,
    /// Where it ends in the input's own text, which quotes make longer.
    pub end: u32,
    pub first: u32,
    /// Lines before it in the range.
    pub line: u32,
}

/// A record that cannot be a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Issue {
    /// How many rows of the index come before it.
    pub before: u32,
    pub start: u32,
    pub end: u32,
    pub line: u32,
    pub reason: Reason,
    /// Fields that it has.
    pub fields: u32,
}

/// How records are told apart.
#[derive(Debug, Clone)]
pub(super) struct RecordRules {
    /// Where values are in lines of JSON, if that is what the text is; its layout counts for nothing then.
    pub paths: Option<Paths>,
    pub layout: Layout,
    pub needles: Needles,
    pub quote: Option<u8>,
    pub comment: Option<u8>,
    /// Fields that a row must have.
    pub expected_fields: usize,
    /// Bytes with which a record may begin that has no value, or is a comment.
    unusual: [bool; 256],
}

impl RecordRules {
    pub fn new(format: &CsvFormat, expected_fields: usize) -> RecordRules {
        let CsvFormat { layout, quote, comment, .. } = format.clone();
        let delimiter = if layout == Layout::Delimited { format.delimiter } else { b' ' };
        let mut unusual = [false; 256];
        for byte in [delimiter, b' ', b'\t', b'\r', b'\n'].into_iter().chain(comment) {
            unusual[usize::from(byte)] = true;
        }
        RecordRules {
            paths: None,
            layout,
            needles: Needles::new(delimiter, quote),
            quote,
            comment,
            expected_fields,
            unusual,
        }
    }

    /// The rules for lines of JSON with values at so many paths.
    pub fn of_json(paths: Paths) -> RecordRules {
        let format = CsvFormat { layout: Layout::Spaces, quote: None, ..CsvFormat::default() };
        let rules = RecordRules::new(&format, paths.count());
        RecordRules { paths: Some(paths), ..rules }
    }

    /// The entry of a row that is a field.
    pub fn entry(&self, field: usize) -> usize {
        if self.layout == Layout::Delimited { field } else { 2 * field + 1 }
    }

    /// Entries of a row.
    pub fn ends_per_row(&self) -> usize {
        if self.layout == Layout::Delimited { self.expected_fields } else { 2 * self.expected_fields }
    }

    /// Bytes that a row has at least, its line end included.
    pub fn row_bytes_min(&self) -> usize {
        if self.paths.is_some() {
            return b"{}\n".len();
        }
        match &self.layout {
            // A delimiter between any two, and one byte of value.
            Layout::Delimited => self.expected_fields + 1,
            // A byte each, and what ends it.
            Layout::Spaces => 2 * self.expected_fields,
            // All columns but the last.
            Layout::Widths(widths) => {
                widths.iter().rev().skip(1).map(|&width| width as usize).sum::<usize>().max(1) + 1
            }
        }
    }

    /// Whether a record holds nothing but delimiters and spaces.
    pub fn is_blank(&self, record: &[u8]) -> bool {
        record.iter().all(|&byte| byte == self.needles.delimiter || matches!(byte, b' ' | b'\t' | b'\r'))
    }
}

/// Bounds of the work of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexLimits {
    /// Bytes of text looked at, at most, unless one record is longer.
    pub window: usize,
    /// Rows, and issues.
    pub records: usize,
    /// Bytes of a record.
    pub max_record: usize,
}

/// The text in the buffer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    /// Where the next record starts.
    pub from: usize,
    /// Where the text ends; at the end of the input a newline that the input lacks is part of it.
    pub to: usize,
    /// Records that start here or later are not wanted.
    pub limit: usize,
    /// Whether the input ends at `to`.
    pub last: bool,
}

/// What a call of [`Index::fill`] achieved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filled {
    /// The index holds all records before this position.
    Until(usize),
    /// The buffer does not hold a whole record.
    NeedsMore,
    /// The record at `from` is bad in a way that gives up its first line, which ends here.
    BadLine(usize, Reason),
    /// The first line of the record at `from` is longer than the buffer.
    BadLongLine,
}

/// Whether text is ASCII without NUL.
pub(super) fn is_plain(text: &[u8]) -> bool {
    text.is_ascii() && memchr::memchr(0, text).is_none()
}

/// The index, reused from call to call.
#[derive(Debug)]
pub(super) struct Index {
    pub ends: Vec<u32>,
    pub rows: Vec<Row>,
    pub issues: Vec<Issue>,
    /// Newlines passed since the start of the range.
    pub line: u64,
    pub blank: u64,
    pub comments: u64,
    /// Whether the indexed text is all ASCII.
    pub plain: bool,
    newlines: Vec<u32>,
    pub(super) limits: IndexLimits,
    level: Level,
    swallow: Option<Swallow>,
    /// What lines of JSON have in common.
    pub(super) shape: Shape,
}

impl Index {
    pub fn new(level: Level, limits: IndexLimits) -> Index {
        Index {
            ends: Vec::new(),
            rows: Vec::with_capacity(limits.records),
            issues: Vec::with_capacity(limits.records),
            line: 0,
            blank: 0,
            comments: 0,
            plain: true,
            newlines: vec![0; limits.window + GROUP],
            limits,
            level,
            swallow: None,
            shape: Shape::default(),
        }
    }

    /// Entries of `ends` for records that take so many each.
    pub fn ends_needed(limits: &IndexLimits, ends_per_row: usize) -> usize {
        (limits.window + GROUP).max(ends_per_row + 1)
    }

    /// Makes ready for a range.
    pub fn reset(&mut self, ends_per_row: usize) {
        let needed = Index::ends_needed(&self.limits, ends_per_row);
        if self.ends.len() != needed {
            self.ends = vec![0; needed];
        }
        (self.line, self.blank, self.comments, self.swallow) = (0, 0, 0, None);
        self.shape.forget();
    }

    /// Tells that the text in the buffer moved down by so many bytes.
    pub fn moved(&mut self, by: usize) {
        self.swallow = self.swallow.and_then(|swallow| swallow.moved(by));
    }

    /// Indexes records from `span.from` on.
    pub fn fill(&mut self, data: &mut [u8], span: Span, rules: &RecordRules) -> Filled {
        self.rows.clear();
        self.issues.clear();
        if rules.layout != Layout::Delimited {
            return self.fill_lines(data, span, rules);
        }
        let to = span.to.min(span.from + self.limits.window);
        let found = scan(self.level, data, (span.from, to), &rules.needles, &mut self.ends, &mut self.newlines);
        self.plain = found.plain;
        if found.newlines > 0 {
            return Filled::Until(self.walk(data, span, found.newlines, rules));
        }
        if found.quote_at.is_none() && to == span.to && !span.last && to - span.from <= self.limits.max_record {
            return Filled::NeedsMore;
        }
        self.split(data, span, rules)
    }

    /// Takes the records of a plain scan over; answers where they end.
    fn walk(&mut self, data: &[u8], span: Span, newlines: usize, rules: &RecordRules) -> usize {
        let (mut start, mut first) = (span.from, 0);
        for k in 0..newlines {
            if start >= span.limit || self.rows.len() >= self.limits.records || self.issues.len() >= self.limits.records
            {
                break;
            }
            let last = self.newlines[k] as usize;
            let end = self.ends[last] as usize;
            let fields = last + 1 - first;
            if fields == rules.expected_fields
                && !rules.unusual[usize::from(data[start])]
                && end - start <= self.limits.max_record
            {
                let text_end = if data[end - 1] == b'\r' { end - 1 } else { end } as u32;
                self.ends[last] = text_end;
                self.rows.push(Row { start: start as u32, end: text_end, first: first as u32, line: self.line as u32 });
            } else {
                self.take(data, (start, end), (first, fields), rules, None);
            }
            self.line += 1;
            first = last + 1;
            start = end + 1;
        }
        start
    }

    /// Takes one record that may be anything; `end` is its newline.
    fn take(
        &mut self,
        data: &[u8],
        (start, end): (usize, usize),
        (first, fields): (usize, usize),
        rules: &RecordRules,
        bad: Option<Reason>,
    ) -> bool {
        let text_end = if end > start && data[end - 1] == b'\r' { end - 1 } else { end };
        let too_long = end - start > self.limits.max_record;
        if !too_long && !self.is_row_or_bad(&data[start..text_end], rules) {
            return false;
        }
        let reason = if too_long {
            Reason::RecordTooLong
        } else if let Some(reason) = bad {
            reason
        } else if fields != rules.expected_fields {
            Reason::FieldCount
        } else {
            self.ends[first + fields - 1] = text_end as u32;
            self.push_row((start, text_end), first);
            return true;
        };
        self.push_issue((start, text_end), reason, fields);
        false
    }

    /// Counts a record that is a comment or blank; any other has to be a row, or is bad.
    pub(super) fn is_row_or_bad(&mut self, record: &[u8], rules: &RecordRules) -> bool {
        let is_comment = rules.comment.is_some() && record.first().copied() == rules.comment;
        let is_blank = !is_comment && rules.is_blank(record);
        self.comments += u64::from(is_comment);
        self.blank += u64::from(is_blank);
        !is_comment && !is_blank
    }

    /// Notes a row that ends at `end` and whose entries begin with `first`.
    pub(super) fn push_row(&mut self, (start, end): (usize, usize), first: usize) {
        let (start, end) = (start as u32, end as u32);
        self.rows.push(Row { start, end, first: first as u32, line: self.line as u32 });
    }

    /// Notes a record that cannot be a row.
    pub(super) fn push_issue(&mut self, (start, end): (usize, usize), reason: Reason, fields: usize) {
        self.issues.push(Issue {
            before: self.rows.len() as u32,
            start: start as u32,
            end: end as u32,
            line: self.line as u32,
            reason,
            fields: fields as u32,
        });
    }

    /// Splits records one by one, heeding quotes.
    fn split(&mut self, data: &mut [u8], span: Span, rules: &RecordRules) -> Filled {
        let (mut start, mut first) = (span.from, 0);
        let stop = span.limit.min(span.from + self.limits.window);
        let full = self.ends.len() - (rules.expected_fields + 1);
        while start < stop.min(span.to)
            && first <= full
            && self.rows.len() < self.limits.records
            && self.issues.len() < self.limits.records
        {
            let cut = split_record(
                data,
                start,
                span,
                rules,
                self.limits.max_record,
                &mut self.ends[first..],
                &mut self.swallow,
            );
            match cut {
                Split::Whole { end, fields, newlines, quoted, malformed } => {
                    let bad = malformed.then_some(Reason::MalformedQuotes);
                    if self.take(data, (start, end), (first, fields), rules, bad) {
                        if quoted {
                            unquote(data, start, rules.needles.quote, &mut self.ends[first..first + fields]);
                        }
                        first += fields;
                    }
                    self.line += newlines + 1;
                    start = end + 1;
                }
                _ if start > span.from => break,
                Split::NeedsMore => return Filled::NeedsMore,
                Split::Bad { line_end: Some(line_end), reason } => return Filled::BadLine(line_end, reason),
                Split::Bad { line_end: None, .. } => return Filled::BadLongLine,
            }
        }
        self.plain = is_plain(&data[span.from..start.min(data.len())]);
        Filled::Until(start)
    }
}
