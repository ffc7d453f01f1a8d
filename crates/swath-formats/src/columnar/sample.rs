//! Some rows of a file as delimited text with quotes, for inference: a bounded look at columns whose types are known.
//!
//! Columns are read one after the other, so no more than one page is in memory, and of dictionaries of record batches
//! what some rows name.

use std::ops::Range;

use swath_core::Result;

use super::head::Head;
use super::kind::Kind;
use super::leaf::{Io, Leaf};
use super::render;
use crate::store::ReadAt;

/// Bytes of a value that are shown.
const VALUE_BYTES: usize = 4 << 10;

/// Rows as text.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Piece {
    /// A line per row, a field per column, in the order of the file.
    pub text: Vec<u8>,
    /// How many lines there are.
    pub rows: u64,
    /// Bytes of the values of each column that are not shown.
    pub left_out: Vec<u64>,
}

/// The values of a column.
#[derive(Default)]
struct Written {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Rows whose value is shown in part, and how many of its bytes are not.
    left_out: Vec<(usize, u64)>,
}

/// A line with the names of the wanted columns.
pub fn sample_header(head: &Head) -> Vec<u8> {
    let mut line = Vec::new();
    for (position, name) in head.names().enumerate() {
        if position > 0 {
            line.push(b',');
        }
        quote(name.as_bytes(), &mut line);
    }
    line.push(b'\n');
    line
}

fn quote(text: &[u8], line: &mut Vec<u8>) {
    line.push(b'"');
    for &byte in text {
        line.extend(std::iter::repeat_n(byte, if byte == b'"' { 2 } else { 1 }));
    }
    line.push(b'"');
}

/// The rows of some spans, which are in order, of the columns that were wanted of the head. Of a span that has more
/// text than `bytes_max`, the first rows.
///
/// # Errors
/// [`swath_core::Error::InputUnreadable`] and [`swath_core::Error::InputCorrupt`].
pub fn sample(file: Box<dyn ReadAt>, head: &Head, spans: &[Range<u64>], bytes_max: usize) -> Result<Vec<Piece>> {
    let mut io = Io::new(file, head);
    // Of each span, the values of each column.
    let mut written: Vec<Vec<Written>> = spans.iter().map(|_| Vec::new()).collect();
    let mut kinds = Vec::new();
    for (name, kind) in head.wanted() {
        let Some(mut leaf) = Leaf::new(head, name, VALUE_BYTES) else { continue };
        leaf.read_few();
        kinds.push(kind);
        let mut at = None;
        for (span, written) in spans.iter().zip(&mut written) {
            written.push(column_of(head, &mut io, &mut leaf, span, &mut at, bytes_max)?);
            trim(written, bytes_max);
        }
    }
    Ok(written.iter().map(|columns| lines(columns, &kinds, bytes_max)).collect())
}

/// Keeps of columns no more rows than lines are made of.
fn trim(columns: &mut [Written], bytes_max: usize) {
    if columns.iter().map(|column| column.bytes.len()).sum::<usize>() <= bytes_max {
        return;
    }
    let bytes_to = |row: usize| columns.iter().map(|column| column.ends[row]).sum::<usize>();
    // The first row that goes beyond is the last.
    let (mut from, mut to) = (0, columns.iter().map(|column| column.ends.len()).min().unwrap_or(0));
    while from < to {
        let row = from + (to - from) / 2;
        if bytes_to(row) > bytes_max { to = row } else { from = row + 1 }
    }
    for column in columns {
        column.ends.truncate(from + 1);
        column.bytes.truncate(column.ends.last().copied().unwrap_or(0));
        column.ends.shrink_to_fit();
        column.bytes.shrink_to_fit();
    }
}

/// The values of a column in a span; `at` is the group that is open and the row in it that comes next.
fn column_of(
    head: &Head,
    io: &mut Io,
    leaf: &mut Leaf,
    span: &Range<u64>,
    at: &mut Option<(usize, u64)>,
    bytes_max: usize,
) -> Result<Written> {
    let mut written = Written::default();
    for position in head.group_after(span.start)..head.groups() {
        let (first_row, rows) = head.group(position);
        let wanted = span.start.max(first_row)..span.end.min(first_row + rows);
        if wanted.is_empty() || written.bytes.len() > bytes_max {
            break;
        }
        let next = match at {
            Some((open, next)) if *open == position && *next <= wanted.start => *next,
            _ => {
                leaf.open(head, io, position)?;
                first_row
            }
        };
        leaf.skip(io, wanted.start - next)?;
        let mut row = wanted.start;
        while row < wanted.end && written.bytes.len() <= bytes_max {
            let rows = leaf.fill(io)?.min((wanted.end - row) as usize);
            for slot in leaf.from()..leaf.from() + rows {
                let before = written.bytes.len();
                render::value(leaf, slot, &mut written.bytes);
                let hidden = written.bytes.len().saturating_sub(before + VALUE_BYTES) as u64 + leaf.left_out(slot);
                if hidden > 0 && leaf.valid()[slot] != 0 {
                    written.left_out.push((written.ends.len(), hidden));
                }
                written.bytes.truncate(before + VALUE_BYTES);
                written.ends.push(written.bytes.len());
                if written.bytes.len() > bytes_max {
                    break;
                }
            }
            leaf.advance(rows);
            row += rows as u64;
        }
        *at = Some((position, row));
    }
    Ok(written)
}

/// Puts columns together to lines.
fn lines(columns: &[Written], kinds: &[Kind], bytes_max: usize) -> Piece {
    let mut piece = Piece::default();
    let text = &mut piece.text;
    let rows = columns.iter().map(|column| column.ends.len()).min().unwrap_or(0);
    for row in 0..rows {
        for (position, (column, kind)) in columns.iter().zip(kinds).enumerate() {
            if position > 0 {
                text.push(b',');
            }
            let start = if row == 0 { 0 } else { column.ends[row - 1] };
            let value = &column.bytes[start..column.ends[row]];
            match kind {
                Kind::Text | Kind::Bytes if !value.is_empty() => quote(value, text),
                _ => text.extend_from_slice(value),
            }
        }
        text.push(b'\n');
        piece.rows += 1;
        if text.len() > bytes_max {
            break;
        }
    }
    let of_rows = |column: &Written| -> u64 {
        column.left_out.iter().filter(|(row, _)| (*row as u64) < piece.rows).map(|(_, bytes)| bytes).sum()
    };
    piece.left_out = columns.iter().map(of_rows).collect();
    piece
}
