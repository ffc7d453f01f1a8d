//! The index of text whose records are lines and whose fields do not touch: between blanks, of fixed width, or values of
//! JSON.
//!
//! What a line is cut into is the business of `swath_table::lines`; this finds the lines, and what is no row.

use swath_table::lines;
use swath_table::reject::Reason;
use swath_table::schema::Layout;

use super::index::{Filled, Index, RecordRules, Span, is_plain};
use crate::json::Shape;

/// Why a line is no row, and how many fields it has.
pub(super) type Bad = (Reason, usize);

/// Writes two entries for each field of a line: the byte before its start, and its end; `base` is where the line starts.
///
/// # Errors
/// Where the line has other fields than a row.
fn cut(line: &mut [u8], base: usize, rules: &RecordRules, shape: &mut Shape, ends: &mut [u32]) -> Result<(), Bad> {
    if let Some(paths) = &rules.paths {
        return paths.cut(line, base, shape, ends).map_err(|_| (Reason::MalformedJson, 0));
    }
    let mut slots = ends.chunks_exact_mut(2);
    let put = |start: usize, end: usize| {
        if let Some([before_start, field_end]) = slots.next() {
            *before_start = ((base + start) as u32).wrapping_sub(1);
            *field_end = (base + end) as u32;
        }
    };
    match &rules.layout {
        Layout::Widths(widths) => lines::columns(line, widths, put),
        Layout::Delimited | Layout::Spaces => match lines::words(line, rules.quote, put) {
            Ok(fields) if fields == rules.expected_fields => Ok(()),
            Ok(fields) => Err((Reason::FieldCount, fields)),
            Err(reason) => Err((reason, 0)),
        },
    }
}

impl Index {
    /// Indexes lines from `span.from` on.
    pub(super) fn fill_lines(&mut self, data: &mut [u8], span: Span, rules: &RecordRules) -> Filled {
        if span.from >= span.to {
            return Filled::NeedsMore;
        }
        let (mut start, mut first) = (span.from, 0);
        let stop = span.limit.min(span.from + self.limits.window).min(span.to);
        let slots = rules.ends_per_row();
        let full = self.ends.len() - (slots + 1);
        while start < stop
            && first <= full
            && self.rows.len() < self.limits.records
            && self.issues.len() < self.limits.records
        {
            let reach = span.to.min(start + self.limits.max_record + 1);
            let Some(length) = memchr::memchr(b'\n', &data[start..reach]) else {
                if start > span.from {
                    break;
                }
                let is_too_long = span.to - start > self.limits.max_record;
                return if is_too_long || span.last { Filled::BadLongLine } else { Filled::NeedsMore };
            };
            let end = start + length;
            let text_end = end - usize::from(length > 0 && data[end - 1] == b'\r');
            if self.is_row_or_bad(&data[start..text_end], rules) {
                let line = &mut data[start..text_end];
                match cut(line, start, rules, &mut self.shape, &mut self.ends[first..first + slots]) {
                    Ok(()) => {
                        self.push_row((start, text_end), first);
                        first += slots;
                    }
                    Err((reason, fields)) => self.push_issue((start, text_end), reason, fields),
                }
            }
            self.line += 1;
            start = end + 1;
        }
        self.plain = is_plain(&data[span.from..start]);
        Filled::Until(start)
    }
}
