//! Records and fields of a piece of sampled text, quotes and comments understood.
//!
//! For samples only: it is forgiving where the reader of rows is strict, and not made for speed.

use std::borrow::Cow;

use crate::lines;
use crate::schema::Layout;

/// What gives text its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    pub(super) layout: Layout,
    pub(super) delimiter: u8,
    pub(super) quote: Option<u8>,
    pub(super) comment: Option<u8>,
}

/// One record.
#[derive(Debug, Clone)]
pub(super) struct Record<'t> {
    /// The line where it begins, counted from 0.
    pub(super) line: u64,
    /// Its fields, unquoted and trimmed.
    pub(super) fields: Vec<Cow<'t, [u8]>>,
}

impl Record<'_> {
    /// Whether no field holds anything.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.iter().all(|field| field.is_empty())
    }
}

/// The records of `text`; blank lines and comments are left out.
pub(super) struct Records<'t, 'd> {
    text: &'t [u8],
    position: usize,
    line: u64,
    dialect: &'d Dialect,
}

impl<'t, 'd> Records<'t, 'd> {
    pub(super) fn new(text: &'t [u8], dialect: &'d Dialect) -> Records<'t, 'd> {
        Records { text, position: 0, line: 0, dialect }
    }
}

impl<'t> Iterator for Records<'t, '_> {
    type Item = Record<'t>;

    fn next(&mut self) -> Option<Record<'t>> {
        loop {
            let rest = &self.text[self.position..];
            if rest.is_empty() {
                return None;
            }
            let end = line_end(rest);
            let line = trim(&rest[..end]);
            if line.is_empty() || (self.dialect.comment.is_some() && line.first() == self.dialect.comment.as_ref()) {
                self.position += (end + 1).min(rest.len());
                self.line += 1;
                continue;
            }
            let (fields, length) = match self.dialect.layout {
                Layout::Delimited => fields(rest, self.dialect),
                _ => (line_fields(&rest[..end], self.dialect), (end + 1).min(rest.len())),
            };
            let record = Record { line: self.line, fields };
            self.line += rest[..length].iter().filter(|&&byte| byte == b'\n').count() as u64;
            self.position += length;
            return Some(record);
        }
    }
}

fn line_end(text: &[u8]) -> usize {
    text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len())
}

/// The text without white space around it.
pub(super) fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

/// The fields of a line without delimiters; one that cannot be cut is a single field.
fn line_fields<'t>(line: &'t [u8], dialect: &Dialect) -> Vec<Cow<'t, [u8]>> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut fields = Vec::new();
    let mut take = |start: usize, end: usize| fields.push(Cow::Borrowed(&line[start..end]));
    let is_whole = match &dialect.layout {
        Layout::Widths(widths) => lines::columns(line, widths, &mut take).is_ok(),
        _ => lines::words(line, dialect.quote, &mut take).is_ok(),
    };
    if is_whole { fields } else { vec![Cow::Borrowed(trim(line))] }
}

/// The fields of the first record of `text`, and the bytes that it takes with its newline.
fn fields<'t>(text: &'t [u8], dialect: &Dialect) -> (Vec<Cow<'t, [u8]>>, usize) {
    let mut fields = Vec::new();
    let mut position = 0;
    loop {
        let start = position;
        let is_quoted = dialect.quote.is_some() && text.get(start) == dialect.quote.as_ref();
        if let Some((field, end)) = is_quoted.then(|| quoted(&text[start..], dialect)).flatten() {
            fields.push(field);
            position = start + end;
        }
        if position == start {
            let rest = &text[start..];
            let stop = |&byte: &u8| byte == dialect.delimiter || byte == b'\n';
            let length = rest.iter().position(stop).unwrap_or(rest.len());
            fields.push(Cow::Borrowed(trim(&rest[..length])));
            position += length;
        }
        match text.get(position) {
            Some(&byte) if byte == dialect.delimiter => position += 1,
            Some(b'\r') => return (fields, (position + 2).min(text.len())),
            Some(_) => return (fields, position + 1),
            None => return (fields, position),
        }
    }
}

/// A quoted field at the start of `text` and where it ends, or none if the quote does not close before a delimiter or
/// a line end.
fn quoted<'t>(text: &'t [u8], dialect: &Dialect) -> Option<(Cow<'t, [u8]>, usize)> {
    let quote = dialect.quote?;
    let mut doubled = false;
    let mut position = 1;
    loop {
        position += text[position..].iter().position(|&byte| byte == quote)?;
        match text.get(position + 1) {
            Some(&next) if next == quote => {
                doubled = true;
                position += 2;
            }
            None | Some(b'\n' | b'\r') => break,
            Some(&next) if next == dialect.delimiter => break,
            Some(_) => return None,
        }
    }
    let inner = trim(&text[1..position]);
    if !doubled {
        return Some((Cow::Borrowed(inner), position + 1));
    }
    let mut plain = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(byte);
        if byte == quote {
            bytes.next();
        }
    }
    Some((Cow::Owned(plain), position + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_split() {
        let dialect = Dialect { layout: Layout::Delimited, delimiter: b',', quote: Some(b'"'), comment: Some(b'#') };
        for (text, expected) in [
            ("a,b\r\n1, 2 \n", vec![(0, vec!["a", "b"]), (1, vec!["1", "2"])]),
            ("# note\n\na,\n", vec![(2, vec!["a", ""])]),
            (
                "\"a,1\",\"b\"\"c\"\n\"x\ny\",z\nq",
                vec![(0, vec!["a,1", "b\"c"]), (1, vec!["x\ny", "z"]), (3, vec!["q"])],
            ),
            ("5\" pipe,\"odd\n1,2", vec![(0, vec!["5\" pipe", "\"odd"]), (1, vec!["1", "2"])]),
            ("\"a\"\r\nb", vec![(0, vec!["a"]), (1, vec!["b"])]),
            ("", vec![]),
        ] {
            let got: Vec<(u64, Vec<String>)> = Records::new(text.as_bytes(), &dialect)
                .map(|r| (r.line, r.fields.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect()))
                .collect();
            let expected: Vec<(u64, Vec<String>)> =
                expected.into_iter().map(|(n, f)| (n, f.into_iter().map(String::from).collect())).collect();
            assert_eq!(got, expected, "{text:?}");
        }
    }
}
