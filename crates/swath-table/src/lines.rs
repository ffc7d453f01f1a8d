//! Fields of lines between which no delimiter stands: words with blanks between them, or columns of fixed width.
//!
//! It cuts one line without its end; sample and rows are cut by the same code. It knows neither headers nor comments.

use crate::reject::Reason;

/// Whether a byte is a blank.
pub const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Calls `field` with start and end of each word of a line; answers how many there are. Blanks around the line are
/// nothing.
///
/// A word that begins with `quote` goes on to the next one, and blanks may be in it; the quotes are not part of it.
///
/// # Errors
/// [`Reason::MalformedQuotes`] where a quote is not closed, or neither a blank nor the end follows the closing one: a
/// quote cannot be part of a quoted word.
pub fn words(line: &[u8], quote: Option<u8>, mut field: impl FnMut(usize, usize)) -> Result<usize, Reason> {
    let (mut at, mut count) = (0, 0);
    loop {
        while line.get(at).is_some_and(|&byte| is_blank(byte)) {
            at += 1;
        }
        let Some(&first) = line.get(at) else { return Ok(count) };
        if quote == Some(first) {
            let inside = &line[at + 1..];
            let length = inside.iter().position(|&byte| byte == first).ok_or(Reason::MalformedQuotes)?;
            field(at + 1, at + 1 + length);
            at += length + 2;
            if line.get(at).is_some_and(|&byte| !is_blank(byte)) {
                return Err(Reason::MalformedQuotes);
            }
        } else {
            let length = line[at..].iter().position(|&byte| is_blank(byte)).unwrap_or(line.len() - at);
            field(at, at + length);
            at += length;
        }
        count += 1;
    }
}

/// Calls `field` with start and end of each column of a line, without the blanks around its text.
///
/// Widths are of bytes. The last column may be short or not there at all, the line having lost its last blanks; the
/// others must be there in full, since a line that ends in one of them may be what is left of a longer line.
///
/// # Errors
/// [`Reason::FieldCount`] with the number of columns, whole or begun, of a line that is shorter, and one more than there
/// are widths where text stands behind the last column; [`Reason::InvalidEncoding`] where it would make a difference
/// to count characters and not bytes.
pub fn columns(line: &[u8], widths: &[u32], mut field: impl FnMut(usize, usize)) -> Result<(), (Reason, usize)> {
    let plain = line.is_ascii();
    let (mut start, mut letters) = (0, Letters::default());
    for (position, &width) in widths.iter().enumerate() {
        let nominal = start + width as usize;
        let is_last = position + 1 == widths.len();
        if line.len() < nominal && !is_last {
            return Err((Reason::FieldCount, position + usize::from(line.len() > start)));
        }
        let end = nominal.min(line.len());
        let bounds = trimmed(line, start.min(end), end);
        if !plain && letters.column(line, width) != bounds {
            return Err((Reason::InvalidEncoding, position));
        }
        field(bounds.0, bounds.1);
        start = nominal;
    }
    match line.get(start..).is_some_and(|rest| !rest.iter().all(|&byte| is_blank(byte))) {
        true => Err((Reason::FieldCount, widths.len() + 1)),
        false => Ok(()),
    }
}

/// A place between blanks that has no blanks at its ends.
fn trimmed(line: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start < end && is_blank(line[start]) {
        start += 1;
    }
    while start < end && is_blank(line[end - 1]) {
        end -= 1;
    }
    // Nothing is nothing, wherever it stands.
    if start == end { (0, 0) } else { (start, end) }
}

/// Where columns are whose widths count characters.
#[derive(Default)]
struct Letters {
    start: usize,
}

impl Letters {
    fn column(&mut self, line: &[u8], width: u32) -> (usize, usize) {
        let is_start = |byte: &u8| byte & 0xC0 != 0x80;
        let rest = line.get(self.start..).unwrap_or_default();
        let mut starts = rest.iter().enumerate().filter(|(_, byte)| is_start(byte)).map(|(at, _)| at);
        let end = self.start + starts.nth(width as usize).unwrap_or(rest.len());
        let start = std::mem::replace(&mut self.start, end);
        trimmed(line, start.min(line.len()), end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_between_blanks() {
        let check = |line: &str, expected: Result<&[&str], Reason>| {
            let mut got = Vec::new();
            let count = words(line.as_bytes(), Some(b'"'), |start, end| got.push(&line[start..end]));
            assert_eq!(count.map(|count| &got[..count]), expected, "{line:?}");
        };
        check("  1 \t-2.5   x\"y ", Ok(&["1", "-2.5", "x\"y"]));
        check("\"a b\" \"\"\t7", Ok(&["a b", "", "7"]));
        check(" \t", Ok(&[]));
        check("1 \"a b", Err(Reason::MalformedQuotes));
        check("\"a\"b 1", Err(Reason::MalformedQuotes));
        assert_eq!(words(b"\"a b\"", None, |_, _| {}), Ok(2));
    }

    #[test]
    fn columns_have_their_widths() {
        let check = |line: &str, expected: Result<&[&str], (Reason, usize)>| {
            let mut got = Vec::new();
            let all = columns(line.as_bytes(), &[4, 3, 5], |start, end| got.push(&line[start..end]));
            assert_eq!(all.map(|()| got.as_slice()), expected, "{line:?}");
        };
        check("ab c 12  3.5", Ok(&["ab c", "12", "3.5"]));
        check("abcd-12-3.50  \t", Ok(&["abcd", "-12", "-3.50"]));
        check("     12", Ok(&["", "12", ""]));
        check("     12 7", Ok(&["", "12", "7"]));
        check("", Err((Reason::FieldCount, 0)));
        check("abcd", Err((Reason::FieldCount, 1)));
        check("abcd12", Err((Reason::FieldCount, 2)));
        check("abcd 12 3.5  x", Err((Reason::FieldCount, 4)));
        // One letter of two bytes, with a blank behind it for each count or for one of them.
        check("\u{e9}   12  3.5", Ok(&["\u{e9}", "12", "3.5"]));
        check("\u{e9}   12345", Err((Reason::InvalidEncoding, 1)));
        check("abcd12   \u{e9}", Ok(&["abcd", "12", "\u{e9}"]));
    }
}
