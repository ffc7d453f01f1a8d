//! How a file is written: delimiter, decimal mark, comments, lines before the header, and the names of columns.
//!
//! It looks at the head of one file; `infer` holds the files against each other.

use std::borrow::Cow;
use std::path::Path;

use swath_core::{Error, Place, Result};

use super::blanks;
use super::evidence::number;
use super::records::{Dialect, Record, Records};
use super::sample::Sample;
use super::time::TimeEvidence;
use crate::schema::Layout;
use crate::schema_file::CsvPart;

/// The delimiters that are tried.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Records looked at to tell a header from data.
const LOOK_AHEAD: usize = 200;

/// How one file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileShape {
    pub(super) dialect: Dialect,
    /// The decimal mark, where the file shows one.
    pub(super) decimal: Option<u8>,
    pub(super) skip_lines: u64,
    /// Of the lines that are skipped, those with text that are no comments.
    pub(super) lines_above: u64,
    pub(super) header: bool,
    /// Lines of the header: names, and below them units or types.
    pub(super) header_lines: u64,
    /// The names in the file, trimmed; made up where the header has none.
    pub(super) names: Vec<String>,
    /// The line of the first row, counted from 0.
    pub(super) first_row_line: u64,
    /// Whether header or not was a guess because all columns are text.
    pub(super) header_guessed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Empty,
    Typed,
    Text,
}

/// Finds out how a file is written, `None` if there is nothing in it; `like` is the delimiter of the files before.
pub(super) fn detect(sample: &Sample, hints: &CsvPart, like: Option<u8>) -> Result<Option<FileShape>> {
    let text = plain_text(sample, hints)?;
    let quote = hints.quote.unwrap_or(Some(b'"'));
    let comment = hints.comment.unwrap_or_else(|| has_comments(text).then_some(b'#'));
    let layout = hints.layout.clone().unwrap_or_default();
    let quote = if matches!(layout, Layout::Widths(_)) { None } else { quote };
    let mut dialect = Dialect { layout, delimiter: b',', quote, comment };
    if dialect.layout == Layout::Delimited {
        dialect.delimiter = match hints.delimiter.or_else(|| delimiter(text, &dialect, like)) {
            Some(delimiter) => delimiter,
            None if hints.layout.is_none() && blanks::separate(text, &dialect) => {
                dialect.layout = Layout::Spaces;
                dialect.delimiter
            }
            None if Records::new(text, &dialect).next().is_none() => return Ok(None),
            None => return Err(no_delimiter(&sample.path)),
        };
    }
    let delimiter = if dialect.layout == Layout::Delimited { dialect.delimiter } else { b' ' };
    let (mut records, mut start) = table(text, &dialect, hints);
    let mut header_in_comment = false;
    if hints.comment.is_none() && hints.header.is_none() && comment.is_some() {
        // A header may hide behind the mark of comments: `# time;value`.
        let bare = Dialect { comment: None, ..dialect.clone() };
        let (mut all, _) = table(text, &bare, hints);
        let first = records.get(start).map_or(0, |record| record.line);
        let mut above = all.iter().rposition(|record| record.line < first);
        // What says units may be a comment too.
        while let Some(units) = above.filter(|&units| units > 0 && unit_lines(&all, units - 1) > 0) {
            above = Some(units - 1);
        }
        let is_comment = above.is_some_and(|above| all[above].fields[0].starts_with(b"#"));
        if let Some(above) = above.filter(|_| bare.layout == Layout::Spaces) {
            blanks::drop_mark(&mut all, above);
        }
        if let Some(above) = above.filter(|&above| {
            is_comment && all[above].fields.len() > 1 && is_header(&all, above) && !is_header(&records, start)
        }) {
            (records, start, header_in_comment, dialect) = (all, above, true, bare);
        }
    }
    let Some(first) = records.get(start) else {
        return Ok(None);
    };
    let mut units = match hints.header_lines {
        Some(lines) => lines.saturating_sub(1) as usize,
        None => unit_lines(&records, start),
    };
    if hints.header_lines.is_none() && hints.header.is_none() && hints.skip_lines.is_none() {
        // The names may stand below what is the same for several columns.
        let names = (0..=units).rev().max_by_key(|&line| different(&records[start + line])).unwrap_or(0);
        (start, units) = (start + names, units - names);
    }
    let first = records.get(start).unwrap_or(first);
    let below = &records[(start + 1 + units).min(records.len())..];
    let typed = typed_columns(below, first.fields.len(), decimals(delimiter));
    let mut header = hints.header.unwrap_or_else(|| names_columns(&first.fields, below));
    // A header with fewer names than rows have fields stands above the table.
    let short = match (header, start, hints.header) {
        (false, 1.., None) => short_header(sample, &records, start, hints)?,
        _ => None,
    };
    let above = short.map_or(start, |above| {
        header = true;
        above
    });
    let row = if short.is_some() || !header { start } else { (start + 1 + units).min(records.len()) };
    let mut found = if header { names(&records[above]) } else { Vec::new() };
    let named = found.len();
    let fields = hints.fields.map_or(first.fields.len(), |fields| fields as usize).max(named);
    found.extend((named + 1..=fields).map(numbered));
    // Where somebody says that there is no header, all lines are rows, good or bad.
    let preamble = (above > 0 || header_in_comment) && hints.header != Some(false);
    let skip_lines = hints.skip_lines.unwrap_or(if preamble { records[above].line } else { 0 });
    let is_text = |line: &&[u8]| !line.is_empty() && line[0] != b'#' && Some(line[0]) != comment;
    let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end).take(skip_lines as usize);
    Ok(Some(FileShape {
        dialect,
        decimal: decimal(&records[row..], delimiter),
        skip_lines,
        lines_above: lines.filter(is_text).count() as u64,
        header,
        header_lines: hints.header_lines.unwrap_or(if short.is_some() || !header { 1 } else { 1 + units as u64 }),
        names: found,
        first_row_line: records.get(row).map_or(u64::MAX, |row| row.line),
        header_guessed: hints.header.is_none() && header && !typed.contains(&true) && records.len() > start + 1,
    }))
}

pub(super) fn numbered(number: usize) -> String {
    format!("column_{number}")
}

/// How many different names a header has.
fn different(header: &Record<'_>) -> usize {
    let mut names: Vec<&[u8]> = header.fields.iter().map(AsRef::as_ref).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}

/// The names of a header.
fn names(header: &Record<'_>) -> Vec<String> {
    header.fields.iter().map(|field| String::from_utf8_lossy(field).trim().to_string()).collect()
}

/// The head without its byte-order mark, if it is text at all.
fn plain_text<'s>(sample: &'s Sample, csv: &CsvPart) -> Result<&'s [u8]> {
    let corrupt = |byte_offset: usize, message: &str, hint: &str| Error::InputCorrupt {
        place: Place { path: sample.path.clone(), line: None, byte_offset: Some(byte_offset as u64) },
        message: message.into(),
        hint: hint.into(),
    };
    let text = sample.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&sample.head);
    if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
        return Err(corrupt(
            0,
            "the text is UTF-16; wanted UTF-8",
            "is it twice UTF-16? iconv -f utf-16 -t utf-8 in > out converts it",
        ));
    }
    // Some lines with them are what a logger left where its power failed; those rows are rejected.
    let has_zeros = |line: &&[u8]| line.contains(&0);
    let lines = || text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    let zeros = lines().filter(has_zeros).count();
    let mut from_header = text.split(|&byte| byte == b'\n').skip(csv.skip_lines.unwrap_or(0) as usize);
    let in_header = from_header.next().is_some_and(|line| has_zeros(&line));
    if let Some(at) = text.iter().position(|&byte| byte == 0).filter(|_| in_header || zeros * 2 > lines().count()) {
        return Err(corrupt(
            at,
            "there is a zero byte; wanted delimited text",
            "a binary file? Or UTF-16 without a mark: [csv] encoding = \"utf-16le\"",
        ));
    }
    // Where somebody says that it is UTF-8, rows that are not are rejected.
    if let (Err(error), None) = (std::str::from_utf8(text), &csv.encoding) {
        // A head that was cut may end inside of a letter.
        if error.error_len().is_some() || sample.complete {
            let hint = "in a schema file say [csv] encoding = \"latin-1\" or \"windows-1252\", or what else it is";
            return Err(corrupt(error.valid_up_to(), "the text is not UTF-8", hint));
        }
    }
    Ok(text)
}

fn no_delimiter(path: &Path) -> Error {
    Error::Usage {
        message: format!(
            "{}: cannot tell what is between the fields: neither , ; tab | nor blanks split the lines alike",
            path.display()
        ),
        hint: "in a schema file name it ([csv] delimiter = \",\"), or the bytes of each column (widths = [6, 10, 8])"
            .into(),
    }
}

fn has_comments(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n').any(|line| line.starts_with(b"#"))
}

/// The delimiter that splits most records alike; among nearly equal ones that of the files before, then the one with
/// more fields, or that splits more records.
fn delimiter(text: &[u8], dialect: &Dialect, like: Option<u8>) -> Option<u8> {
    let mut best: Option<(u8, f64, usize)> = None;
    for delimiter in DELIMITERS {
        let counts: Vec<usize> =
            Records::new(text, &Dialect { delimiter, ..dialect.clone() }).map(|record| record.fields.len()).collect();
        let Some(count) = usual(&counts).filter(|&count| count > 1) else {
            continue;
        };
        let share = counts.iter().filter(|&&other| other == count).count() as f64 / counts.len() as f64;
        let better = |(other, other_share, other_count): (u8, f64, usize)| {
            if (share - other_share).abs() > 0.05 {
                return share > other_share;
            }
            let more = || (count, share) > (other_count, other_share);
            if like == Some(other) || like == Some(delimiter) { like == Some(delimiter) } else { more() }
        };
        if share >= 0.5 && best.is_none_or(better) {
            best = Some((delimiter, share, count));
        }
    }
    best.map(|(delimiter, _, _)| delimiter)
}

/// The most frequent number of fields, the larger one of equals.
pub(super) fn usual(counts: &[usize]) -> Option<usize> {
    let mut tally = std::collections::BTreeMap::new();
    for &count in counts {
        *tally.entry(count).or_insert(0usize) += 1;
    }
    tally.into_iter().max_by_key(|&(count, times)| (times, count)).map(|(count, _)| count)
}

/// All records of the head, and the one where the table begins.
fn table<'t>(text: &'t [u8], dialect: &Dialect, hints: &CsvPart) -> (Vec<Record<'t>>, usize) {
    let skip = hints.skip_lines.unwrap_or(0);
    let records: Vec<Record<'t>> = Records::new(text, dialect).filter(|record| record.line >= skip).collect();
    let counts: Vec<usize> = records.iter().map(|record| record.fields.len()).collect();
    if hints.skip_lines.is_some() {
        return (records, 0);
    }
    let count = usual(&counts).unwrap_or(0);
    let runs = |&start: &usize| {
        let ahead = &counts[start..counts.len().min(start + 10)];
        counts[start] == count && ahead.iter().filter(|&&other| other == count).count() * 10 >= ahead.len() * 8
    };
    let mut start = (0..counts.len()).find(runs).unwrap_or(0);
    // A title padded with delimiters stands over the header: `DO,,` over `start,end,gap`.
    while hints.header.is_none() && start + 1 < records.len() && counts[start + 1] == count {
        let filled = |index: usize| records[index].fields.iter().filter(|field| !field.is_empty()).count();
        if filled(start + 1) > filled(start) && is_header(&records, start + 1) && filled(start) * 2 <= count {
            start += 1;
        } else {
            break;
        }
    }
    (records, start)
}

fn decimals(delimiter: u8) -> &'static [u8] {
    if delimiter == b',' { b"." } else { b".," }
}

fn cell(text: &[u8], decimals: &[u8]) -> Cell {
    if text.is_empty() || matches!(text, b"NULL" | b"NA" | b"NaN" | b"N/A") {
        return Cell::Empty;
    }
    let is_number = decimals.iter().any(|&decimal| number(text, decimal).is_some());
    if is_number || TimeEvidence::default().add(text, 1) { Cell::Typed } else { Cell::Text }
}

/// Which columns hold numbers or times in nearly all of `rows`.
pub(super) fn typed_columns(rows: &[Record<'_>], count: usize, decimals: &[u8]) -> Vec<bool> {
    let mut tally = vec![(0usize, 0usize); count];
    for row in rows.iter().take(LOOK_AHEAD).filter(|row| row.fields.len() == count) {
        for (seen, field) in tally.iter_mut().zip(&row.fields) {
            match cell(field, decimals) {
                Cell::Empty => {}
                Cell::Typed => *seen = (seen.0 + 1, seen.1 + 1),
                Cell::Text => seen.1 += 1,
            }
        }
    }
    tally.into_iter().map(|(typed, all)| all > 0 && typed * 10 >= all * 9).collect()
}

/// Whether the record names columns: it has words where the rows below have numbers and times.
fn is_header(records: &[Record<'_>], index: usize) -> bool {
    names_columns(&records[index].fields, &records[index + 1..])
}

fn names_columns(fields: &[Cow<'_, [u8]>], below: &[Record<'_>]) -> bool {
    let cells: Vec<Cell> = fields.iter().map(|field| cell(field, b".,")).collect();
    let typed = typed_columns(below, fields.len(), b".,");
    if !typed.contains(&true) {
        let mut names: Vec<&[u8]> = fields.iter().map(|field| field.as_ref()).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        return names.len() == count && !cells.contains(&Cell::Typed);
    }
    let over_typed = || cells.iter().zip(&typed).filter(|(_, typed)| **typed).map(|(cell, _)| *cell);
    over_typed().any(|cell| cell == Cell::Text) && !over_typed().any(|cell| cell == Cell::Typed)
}

/// Lines below the names that say units or types: words where the rows below them have numbers and times, no number or
/// time anywhere, and no word that stands there again, as one for a missing value would.
fn unit_lines(records: &[Record<'_>], header: usize) -> usize {
    const MOST: usize = 8;
    let count = records[header].fields.len();
    let are_units = |lines: &usize| {
        let Some((above, below)) = records[header..].split_at_checked(lines + 1) else { return false };
        let typed = typed_columns(below, count, b".,");
        let comes_again = |column: usize, word: &[u8]| {
            let rows = below.iter().take(LOOK_AHEAD).filter(|row| row.fields.len() == count);
            typed[column] && !word.is_empty() && rows.into_iter().any(|row| *row.fields[column] == *word)
        };
        let says_units = |line: &Record<'_>| {
            line.fields.len() == count
                && line.fields.iter().all(|field| cell(field, b".,") != Cell::Typed)
                && !line.fields.iter().enumerate().any(|(column, word)| comes_again(column, word))
                && names_columns(&line.fields, below)
        };
        typed.contains(&true) && names_columns(&above[0].fields, below) && above[1..].iter().all(says_units)
    };
    (1..=MOST).rev().find(are_units).unwrap_or(0)
}

/// The mark of decimals, if any number shows one.
fn decimal(rows: &[Record<'_>], delimiter: u8) -> Option<u8> {
    let (mut commas, mut points) = (0, 0);
    for field in rows.iter().flat_map(|row| &row.fields) {
        commas += u64::from(delimiter != b',' && field.contains(&b',') && number(field, b',').is_some());
        points += u64::from(field.contains(&b'.') && number(field, b'.').is_some());
    }
    if commas > points { Some(b',') } else { (points > 0).then_some(b'.') }
}

/// The line above the rows, where it names fewer columns than the rows have fields and somebody says so.
///
/// # Errors
/// [`Error::InputCorrupt`] where nobody does, since the surplus may stand anywhere in the rows, and where it names more.
fn short_header(sample: &Sample, records: &[Record<'_>], start: usize, hints: &CsvPart) -> Result<Option<usize>> {
    let (above, row) = (&records[start - 1], &records[start]);
    let words = above.fields.iter().filter(|field| cell(field, b".,") == Cell::Text).count();
    if above.fields.len() < 2 || words * 10 < above.fields.len() * 9 || above.line + 1 != row.line {
        return Ok(None);
    }
    let (named, fields) = (above.fields.len(), row.fields.len());
    if named < fields && hints.fields == Some(fields as u64) {
        return Ok(Some(start - 1));
    }
    let numbered = match named < fields {
        true => format!("fields = {fields} to name those beyond column_{} and so on, or ", named + 1),
        false => String::new(),
    };
    Err(Error::InputCorrupt {
        place: Place { path: sample.path.clone(), line: Some(above.line + 1), byte_offset: None },
        message: format!("the header names {named} columns, the rows have {fields} fields"),
        hint: format!(
            "in a schema file say [csv] {numbered}header = false, skip_lines = {}, and name the columns by source = \
             \"column_1\" …",
            row.line
        ),
    })
}
