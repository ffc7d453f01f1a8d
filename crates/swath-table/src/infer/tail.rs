//! What stands behind the rows of a table: a footer, or a second table.
//!
//! It tells of lines that are no rows; what to do about them is for a person to say.

use super::FileColumns;
use super::records::{Record, Records};

/// Bytes of a line that a message shows.
const SHOWN: usize = 40;

/// What stands behind the table of a file, in words: two lines or more at its end none of which has as many fields as the
/// header.
pub(super) fn behind(file: &FileColumns<'_>) -> Option<String> {
    let (dialect, sample) = (&file.shape.dialect, file.sample);
    let head = sample.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&sample.head);
    let last = sample.pieces.last();
    if last.is_none() && !sample.complete {
        return None;
    }
    let text = last.map_or(head, Vec::as_slice);
    let records: Vec<Record<'_>> = Records::new(text, dialect)
        .filter(|record| last.is_some() || record.line >= file.shape.first_row_line)
        .collect();
    let others = records.iter().rev().take_while(|record| record.fields.len() != file.targets.len()).count();
    let first = records.get(records.len() - others)?;
    // A row above them, since else it is the table that is not understood.
    if others < 2 || others == records.len() {
        return None;
    }
    let line = text.split(|&byte| byte == b'\n').nth(first.line as usize)?;
    let shown = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]).trim_end().to_string();
    Some(format!(
        "the last {others} lines of {} have other fields than the table, from one that begins with {shown:?} on: if they \
         stand behind it, say stop_at in the schema's [csv] table, with how that line begins",
        sample.path.display()
    ))
}
