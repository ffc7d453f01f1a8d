//! The first lines of a file: byte order mark, lines to skip, the names of the fields.

use std::path::Path;

use rustc_hash::FxHashSet;
use swath_core::{Error, Place, Result};
use swath_table::lines;
use swath_table::schema::{CsvFormat, ENCODINGS, Layout, TableSchema};

use super::index::{RecordRules, Span};
use super::split::{Split, split_record, unquote};

/// What the head of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// One name per field, trimmed; an unnamed field has an empty name, the second `a` is `a_2`.
    pub names: Vec<Vec<u8>>,
    /// Byte at which the first record after the header starts.
    pub data_offset: u64,
    /// Lines before that byte.
    pub lines: u64,
}

/// Reads the header from the first bytes of a file; `whole` says that they are all there is.
///
/// Without a header line the fields of the first record are counted, and named `column_1`, `column_2`…
///
/// # Errors
/// [`Error::InputCorrupt`] if there is no line of fields, or if it does not end within `head`; [`Error::Usage`] if the
/// format cannot be read.
pub fn header(path: &Path, head: &[u8], whole: bool, format: &CsvFormat) -> Result<Header> {
    check_format(format)?;
    let rules = RecordRules::new(format, 0);
    let mut data = head.to_vec();
    if whole && data.last().is_some_and(|&last| last != b'\n') {
        data.push(b'\n');
    }
    let mut start = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut lines = 0;
    while lines < format.skip_lines {
        start = line_end(&data, start).ok_or_else(|| no_header(path, head, whole, lines))? + 1;
        lines += 1;
    }
    let (first_record, lines_before) = (start, lines);
    // The first line from `start` on that is no comment and not blank, with the lines before it.
    let next_line = |mut start: usize, mut lines: u64| {
        loop {
            let end = line_end(&data, start).ok_or_else(|| no_header(path, head, whole, lines))?;
            let line = &data[start..end];
            if !rules.is_blank(line) && (rules.comment.is_none() || line.first().copied() != rules.comment) {
                return Ok((start, end, lines));
            }
            lines += 1;
            start = end + 1;
        }
    };
    let (start, _, lines) = next_line(start, lines)?;
    let (mut names, mut end, newlines) = match &format.layout {
        // Widths say it, whatever the first line is.
        Layout::Widths(widths) if !format.header => (vec![Vec::new(); widths.len()], start, 0),
        _ => fields(path, &mut data.clone(), start, whole, &rules, lines)?,
    };
    let numbered = |from: usize, named: usize| {
        let wanted = format.fields.map_or(0, |fields| fields as usize).max(named);
        (from..=wanted).map(|position| format!("column_{position}").into_bytes())
    };
    if !format.header {
        return Ok(Header {
            names: numbered(1, names.len()).collect(),
            data_offset: first_record as u64,
            lines: lines_before,
        });
    }
    let mut line = lines + newlines + 1;
    for _ in 1..format.header_lines {
        let (_, line_end, before) = next_line(end + 1, line)?;
        (end, line) = (line_end, before + 1);
    }
    if format.layout == Layout::Spaces && names.first().is_some_and(|name| name == b"#") {
        // The mark of comments before the names, where rows have a field less.
        let next = next_line(end + 1, line).map(|(start, line_end, _)| &data[start..line_end]);
        let row = next.map(|row| row.strip_suffix(b"\r").unwrap_or(row));
        if row.is_ok_and(|row| lines::words(row, rules.quote, |_, _| {}) == Ok(names.len() - 1)) {
            names.remove(0);
        }
    }
    let more = numbered(names.len() + 1, names.len());
    let names = distinct(names.iter().map(|name| trimmed(name).to_vec()).chain(more).collect());
    Ok(Header { names, data_offset: (end + 1).min(head.len()) as u64, lines: line })
}

/// A name without white space around it, of which exports write kinds that are no ASCII.
pub fn trimmed(name: &[u8]) -> &[u8] {
    std::str::from_utf8(name).map_or_else(|_| name.trim_ascii(), |name| name.trim().as_bytes())
}

/// The same for whatever a schema says that the text is: rows of JSON have no header, and as fields what columns are
/// made of.
///
/// # Errors
/// As [`header`].
pub fn header_of(path: &Path, head: &[u8], whole: bool, schema: &TableSchema) -> Result<Header> {
    if schema.json.is_none() {
        return header(path, head, whole, &schema.csv);
    }
    let mut names: Vec<Vec<u8>> = Vec::new();
    for column in &schema.columns {
        let own = [column.name.clone()];
        let sources = if column.source.is_empty() { &own[..] } else { &column.source[..] };
        for name in sources.iter().map(|source| source.trim().as_bytes()) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_vec());
            }
        }
    }
    let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    Ok(Header { names, data_offset: mark, lines: 0 })
}

/// Refuses formats that cannot be read.
pub(super) fn check_format(format: &CsvFormat) -> Result<()> {
    let refuse = |message: String, hint: &str| Err(Error::Usage { message, hint: hint.into() });
    if !ENCODINGS.contains(&format.encoding.as_str()) {
        return refuse(
            format!("encoding {:?} cannot be read: wanted {}", format.encoding, ENCODINGS.join(", ")),
            "convert the files first: iconv -f CODE -t utf-8",
        );
    }
    if !matches!(format.decimal, b'.' | b',') {
        return refuse(
            format!("decimal mark {:?} is not known: wanted \".\" or \",\"", char::from(format.decimal)),
            "decimal = \",\"",
        );
    }
    let delimiter = (format.layout == Layout::Delimited).then_some(format.delimiter);
    let marks = [delimiter, format.quote, format.comment];
    for (i, mark) in marks.iter().enumerate() {
        let Some(byte) = *mark else { continue };
        if matches!(byte, b'\n' | b'\r') || byte >= 0x80 || marks[..i].contains(mark) {
            return refuse(
                format!("{:?} cannot be a delimiter, quote or comment mark here", char::from(byte)),
                "delimiter, quote and comment are different ASCII characters, and no line ends",
            );
        }
    }
    Ok(())
}

fn line_end(data: &[u8], start: usize) -> Option<usize> {
    memchr::memchr(b'\n', data.get(start..)?).map(|length| start + length)
}

type Fields = (Vec<Vec<u8>>, usize, u64);

/// The fields of the record at `start`, its newline, and the newlines inside of it.
fn fields(path: &Path, data: &mut [u8], start: usize, whole: bool, rules: &RecordRules, lines: u64) -> Result<Fields> {
    if rules.layout != Layout::Delimited {
        return line_fields(path, data, start, rules, lines);
    }
    let mut ends = vec![0; data.len() - start + 1];
    let span = Span { from: start, to: data.len(), limit: data.len(), last: whole };
    let max_record = data.len();
    let cut = split_record(data, start, span, rules, max_record, &mut ends, &mut None);
    let Split::Whole { end, fields, newlines, quoted, malformed: false } = cut else {
        return Err(Error::InputCorrupt {
            place: Place { path: path.into(), line: Some(lines + 1), byte_offset: Some(start as u64) },
            message: "the header line is not well-formed: a quote is not closed, or text follows a closing quote"
                .into(),
            hint: "mend the line, or set quote, skip_lines or header in the schema's [csv] table".into(),
        });
    };
    ends.truncate(fields);
    if let Some(last) = ends.last_mut()
        && *last as usize > start
        && data[*last as usize - 1] == b'\r'
    {
        *last -= 1;
    }
    if quoted {
        unquote(data, start, rules.needles.quote, &mut ends);
    }
    let mut names = Vec::with_capacity(fields);
    let mut from = start;
    for end in ends {
        names.push(data[from..end as usize].to_vec());
        from = end as usize + 1;
    }
    Ok((names, end, newlines))
}

/// [`fields`] where the record is a line without delimiters.
fn line_fields(path: &Path, data: &[u8], start: usize, rules: &RecordRules, line: u64) -> Result<Fields> {
    let end = line_end(data, start).unwrap_or(data.len());
    let text = &data[start..end];
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let mut names = Vec::new();
    let mut take = |from: usize, to: usize| names.push(text[from..to].to_vec());
    let cut = match &rules.layout {
        Layout::Widths(widths) => lines::columns(text, widths, &mut take).map_err(|(_, fields)| {
            let (columns, wanted) = (widths.len(), widths.iter().sum::<u32>());
            let which = if fields > columns { "more text" } else { "another text" };
            format!("wanted the {wanted} bytes of {columns} columns, got {which} of {} bytes", text.len())
        }),
        _ => lines::words(text, rules.quote, &mut take).map(|_| ()).map_err(|_| "a quote is not closed".to_string()),
    };
    match cut {
        Ok(()) => Ok((names, end, 0)),
        Err(message) => Err(Error::InputCorrupt {
            place: Place { path: path.into(), line: Some(line + 1), byte_offset: Some(start as u64) },
            message: format!("the header line does not go with the table: {message}"),
            hint: "header = false in the schema's [csv] table, with skip_lines, if it is not cut as the rows are: columns \
                   then are column_1, column_2…"
                .into(),
        }),
    }
}

/// Gives names that occur again a number.
fn distinct(names: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut taken: FxHashSet<Vec<u8>> = names.iter().cloned().collect();
    let mut seen: FxHashSet<Vec<u8>> = FxHashSet::default();
    names
        .into_iter()
        .map(|name| {
            if name.is_empty() || seen.insert(name.clone()) {
                return name;
            }
            let fresh = (2u32..).map(|n| [name.as_slice(), format!("_{n}").as_bytes()].concat());
            let fresh = fresh.into_iter().find(|fresh| !taken.contains(fresh)).unwrap_or_default();
            taken.insert(fresh.clone());
            fresh
        })
        .collect()
}

fn no_header(path: &Path, head: &[u8], whole: bool, line: u64) -> Error {
    let message = if head.is_empty() {
        "the file is empty: wanted a header line".to_string()
    } else if whole {
        format!("there is no line of fields in the {} lines of the file", line)
    } else {
        format!("the header does not end within the first {} bytes", head.len())
    };
    Error::InputCorrupt {
        place: Place { path: path.into(), line: Some(line + 1), byte_offset: None },
        message,
        hint: "is it delimited text? skip_lines, header and comment are set in the schema's [csv] table".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, format: &CsvFormat, names: &[&str], data_offset: u64, lines: u64) {
        let header = header(Path::new("a.csv"), text.as_bytes(), true, format).expect(text);
        let got: Vec<_> = header.names.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(
            (got.as_slice(), header.data_offset, header.lines),
            (&names.iter().map(ToString::to_string).collect::<Vec<_>>()[..], data_offset, lines),
            "{text:?}"
        );
    }

    #[test]
    fn headers_are_found_and_named() {
        let plain = CsvFormat::default();
        check("a,b\n1,2\n", &plain, &["a", "b"], 4, 1);
        check("\u{feff}a, b \r\n1,2\n", &plain, &["a", "b"], 10, 1);
        check("a,b", &plain, &["a", "b"], 3, 1);
        check("\u{a0}a,b\u{a0}\n1,2\n", &plain, &["a", "b"], 8, 1);
        check("\n \n\"a\n1\",\"b\"\"c\"\n1,2\n", &plain, &["a\n1", "b\"c"], 16, 4);
        check("a,a,a_2,a,,\n", &plain, &["a", "a_3", "a_2", "a_4", "", ""], 12, 1);
        let noted = CsvFormat { comment: Some(b'#'), skip_lines: 1, delimiter: b';', ..CsvFormat::default() };
        check("made by,\"us\n# x;\"y\n;;\na;b;;\n1;2;;\n", &noted, &["a", "b", "", ""], 28, 4);
        let tall = CsvFormat { header_lines: 3, ..CsvFormat::default() };
        check("a,b\n\nm,s\nmean,\n1,2\n", &tall, &["a", "b"], 15, 4);
        let short = CsvFormat { fields: Some(4), header_lines: 2, ..CsvFormat::default() };
        check("a,b\nm\n1,2,3,4\n", &short, &["a", "b", "column_3", "column_4"], 6, 2);
        let bare = CsvFormat { header: false, ..CsvFormat::default() };
        check("\u{feff}\n1,2,3\n", &bare, &["column_1", "column_2", "column_3"], 3, 0);
    }

    #[test]
    fn what_is_no_header_is_refused_with_a_place() {
        let noted = CsvFormat { comment: Some(b'#'), ..CsvFormat::default() };
        for (text, whole, words) in [
            ("", true, "is empty"),
            ("\n\n#x\n", true, "no line of fields"),
            ("a,b", false, "does not end"),
            ("\"a,b\n1,2\n", true, "not well-formed"),
        ] {
            let error = header(Path::new("a.csv"), text.as_bytes(), whole, &noted).expect_err(text);
            assert!(error.to_string().contains(words) && error.to_string().contains("a.csv"), "{error}");
            assert_eq!(error.exit_code(), 5);
        }
        for format in [
            CsvFormat { encoding: "ebcdic".into(), ..CsvFormat::default() },
            CsvFormat { decimal: b'x', ..CsvFormat::default() },
            CsvFormat { delimiter: b'"', ..CsvFormat::default() },
            CsvFormat { delimiter: b'\n', ..CsvFormat::default() },
        ] {
            assert_eq!(header(Path::new("a.csv"), b"a\n", true, &format).expect_err("unreadable").exit_code(), 2);
        }
    }
}
