//! One record at a time, with quotes as RFC 4180 has them: the slow and exact way.
//!
//! A quote counts only at the start of a field; inside of quotes a doubled quote is a quote, and newlines are text.
//! After the closing quote only a delimiter or a line end may follow. A lone carriage return ends nothing.

use swath_table::reject::Reason;

use super::index::{RecordRules, Span};

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    /// It ends with the newline at `end`.
    Whole { end: usize, fields: usize, newlines: u64, quoted: bool, malformed: bool },
    /// Its end is not in the buffer yet.
    NeedsMore,
    /// It is too long, or its quote is never closed: its first line, which ends at `line_end`, is given up.
    Bad { line_end: Option<usize>, reason: Reason },
}

/// Newlines from `first` to `last` that all lie inside the quotes of one endless record. Whoever is inside of quotes at
/// one of them is so at the last, which keeps a file of unclosed quotes from costing a scan of `max_record` per line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Swallow {
    first: usize,
    last: usize,
}

impl Swallow {
    pub fn moved(self, by: usize) -> Option<Swallow> {
        (self.last >= by).then(|| Swallow { first: self.first.saturating_sub(by), last: self.last - by })
    }
}

/// Finds the end of the record at `start` and of its fields, as many as `ends` holds.
pub(super) fn split_record(
    data: &[u8],
    start: usize,
    span: Span,
    rules: &RecordRules,
    max_record: usize,
    ends: &mut [u32],
    swallow: &mut Option<Swallow>,
) -> Split {
    if rules.comment == Some(data[start]) {
        return comment_line(data, start, span, max_record);
    }
    let record = &data[..span.to.min(start + max_record + 1)];
    let mut splitter = Splitter::new(record, start, rules);
    let mut end = splitter.run(ends, *swallow);
    if end.is_some() && splitter.jumped {
        // The jump left fields out, and this record is whole after all.
        splitter = Splitter::new(record, start, rules);
        end = splitter.run(ends, None);
    }
    let Splitter { fields, newlines, first_newline, last_inside, quoted, malformed, .. } = splitter;
    if let Some(end) = end {
        return Split::Whole { end, fields, newlines, quoted, malformed };
    }
    let reason = if span.to - start > max_record {
        Reason::RecordTooLong
    } else if span.last {
        Reason::MalformedQuotes
    } else {
        return Split::NeedsMore;
    };
    if let (Some(first), Some(last)) = (first_newline, last_inside) {
        *swallow = Some(Swallow { first, last });
    }
    Split::Bad { line_end: first_newline, reason }
}

/// A comment is a line whatever quotes it holds; a very long one is a bad line like any other.
fn comment_line(data: &[u8], start: usize, span: Span, max_record: usize) -> Split {
    let text = &data[start..span.to.min(start + max_record + 1)];
    match memchr::memchr(b'\n', text) {
        Some(length) => Split::Whole { end: start + length, fields: 1, newlines: 0, quoted: false, malformed: false },
        None if span.to - start > max_record => Split::Bad { line_end: None, reason: Reason::RecordTooLong },
        None => Split::NeedsMore,
    }
}

struct Splitter<'a> {
    data: &'a [u8],
    rules: &'a RecordRules,
    pos: usize,
    fields: usize,
    /// Newlines inside of quotes.
    newlines: u64,
    first_newline: Option<usize>,
    last_inside: Option<usize>,
    quoted: bool,
    malformed: bool,
    jumped: bool,
}

impl<'a> Splitter<'a> {
    fn new(data: &'a [u8], start: usize, rules: &'a RecordRules) -> Splitter<'a> {
        Splitter {
            data,
            rules,
            pos: start,
            fields: 0,
            newlines: 0,
            first_newline: None,
            last_inside: None,
            quoted: false,
            malformed: false,
            jumped: false,
        }
    }

    /// Runs to the newline that ends the record, if the data hold it.
    fn run(&mut self, ends: &mut [u32], swallow: Option<Swallow>) -> Option<usize> {
        let delimiter = self.rules.needles.delimiter;
        loop {
            let mut carriage_return = false;
            if self.rules.quote.is_some() && self.rules.quote == self.data.get(self.pos).copied() {
                self.quoted = true;
                self.pos += 1;
                self.pass_quoted(swallow)?;
                match (self.data.get(self.pos)?, self.data.get(self.pos + 1)) {
                    (b'\n', _) => {}
                    (b'\r', Some(b'\n')) => carriage_return = true,
                    (&byte, _) if byte == delimiter => {}
                    _ => self.malformed = true,
                }
            }
            let rest = self.data.get(self.pos..)?;
            let length = rest.iter().position(|&byte| byte == delimiter || byte == b'\n')?;
            self.pos += length;
            if let Some(slot) = ends.get_mut(self.fields) {
                *slot = (self.pos - usize::from(carriage_return)) as u32;
            }
            self.fields += 1;
            if self.data[self.pos] == b'\n' {
                return Some(self.pos);
            }
            self.pos += 1;
        }
    }

    /// Passes the closing quote.
    fn pass_quoted(&mut self, swallow: Option<Swallow>) -> Option<()> {
        let quote = self.rules.needles.quote;
        loop {
            let rest = self.data.get(self.pos..)?;
            let length = rest.iter().position(|&byte| byte == quote || byte == b'\n')?;
            self.pos += length;
            if self.data[self.pos] == b'\n' {
                self.newlines += 1;
                self.last_inside = Some(self.pos);
                if self.first_newline.is_none() {
                    self.first_newline = Some(self.pos);
                    if let Some(swallow) = swallow
                        && (swallow.first..swallow.last).contains(&self.pos)
                        && swallow.last < self.data.len()
                    {
                        self.jumped = true;
                        self.pos = swallow.last;
                        self.last_inside = Some(self.pos);
                    }
                }
                self.pos += 1;
            } else if *self.data.get(self.pos + 1)? == quote {
                self.pos += 2;
            } else {
                self.pos += 1;
                return Some(());
            }
        }
    }
}

/// Rewrites a record in place so that its fields follow each other unquoted, one byte apart.
pub(super) fn unquote(data: &mut [u8], start: usize, quote: u8, ends: &mut [u32]) {
    let (mut read, mut write) = (start, start);
    for end in ends {
        let raw_end = *end as usize;
        if data[read] == quote && raw_end > read + 1 {
            let mut from = read + 1;
            let last = raw_end - 1;
            while let Some(length) = memchr::memchr(quote, &data[from..last]) {
                data.copy_within(from..from + length + 1, write);
                write += length + 1;
                from += length + 2;
            }
            data.copy_within(from..last, write);
            write += last - from;
        } else {
            data.copy_within(read..raw_end, write);
            write += raw_end - read;
        }
        *end = write as u32;
        write += 1;
        read = raw_end + 1;
    }
}
