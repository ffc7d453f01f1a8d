//! Records and fields of a piece of sampled text, quotes and comments understood.
//!
//! For samples only: it is forgiving where the reader of rows is strict, and not made for speed.

use std::borrow::Cow;

/// The bytes that give text its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
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
pub(super) struct Records<'t> {
    text: &'t [u8],
    position: usize,
    line: u64,
    dialect: Dialect,
}

impl<'t> Records<'t> {
    pub(super) fn new(text: &'t [u8], dialect: Dialect) -> Records<'t> {
        Records { text, position: 0, line: 0, dialect }
    }
}

impl<'t> Iterator for Records<'t> {
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
            let (fields, length) = fields(rest, self.dialect);
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

/// The fields of the first record of `text`, and the bytes that it takes with its newline.
fn fields(text: &[u8], dialect: Dialect) -> (Vec<Cow<'_, [u8]>>, usize) {
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
fn quoted(text: &[u8], dialect: Dialect) -> Option<(Cow<'_, [u8]>, usize)> {
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
        let dialect = Dialect { delimiter: b',', quote: Some(b'"'), comment: Some(b'#') };
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
            let got: Vec<(u64, Vec<String>)> = Records::new(text.as_bytes(), dialect)
                .map(|r| (r.line, r.fields.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect()))
                .collect();
            let expected: Vec<(u64, Vec<String>)> =
                expected.into_iter().map(|(n, f)| (n, f.into_iter().map(String::from).collect())).collect();
            assert_eq!(got, expected, "{text:?}");
        }
    }
}
