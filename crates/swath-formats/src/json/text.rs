//! Values in a slice of JSON text.

use std::borrow::Cow;

use memchr::{memchr2, memchr3};

use super::shape::bare_end;

/// Levels of arrays and objects at most: more is no data.
pub const DEPTH_MAX: usize = 256;

/// What a value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    Text,
    /// A number, `true`, `false` or `null`.
    Bare,
}

/// What is wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrong {
    /// Byte of the slice.
    pub at: usize,
    /// What was wanted there.
    pub wanted: &'static str,
}

impl Wrong {
    fn new(at: usize, wanted: &'static str) -> Wrong {
        Wrong { at, wanted }
    }
}

/// What the value that begins at `at` is.
///
/// # Errors
/// Where no value begins there.
#[inline]
pub fn kind_of(text: &[u8], at: usize) -> Result<Kind, Wrong> {
    match text.get(at) {
        Some(b'{') => Ok(Kind::Object),
        Some(b'[') => Ok(Kind::Array),
        Some(b'"') => Ok(Kind::Text),
        Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n' | b'N' | b'I') => Ok(Kind::Bare),
        _ => Err(Wrong::new(at, "a value")),
    }
}

/// The next byte from `at` on that is no space.
#[inline]
pub fn skip_space(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// Behind the closing quote of the text whose opening quote is at `at`.
///
/// # Errors
/// Where it is not closed, and where a line ends inside of it.
#[inline]
pub fn text_end(text: &[u8], at: usize) -> Result<usize, Wrong> {
    let mut from = at + 1;
    loop {
        let Some(found) = memchr2(b'"', b'\\', text.get(from..).unwrap_or_default()) else {
            return Err(Wrong::new(text.len(), "a closing quote"));
        };
        if text[from + found] == b'"' {
            return Ok(from + found + 1);
        }
        from += found + 2;
    }
}

/// Behind the value that begins at `at`.
///
/// # Errors
/// Where it does not end, and for more than [`DEPTH_MAX`] levels.
#[inline]
pub fn value_end(text: &[u8], at: usize) -> Result<usize, Wrong> {
    match kind_of(text, at)? {
        Kind::Text => text_end(text, at),
        Kind::Bare => Ok(bare_end(text, at)),
        Kind::Object | Kind::Array => nested_end(text, at),
    }
}

fn nested_end(text: &[u8], start: usize) -> Result<usize, Wrong> {
    let mut open = [0u8; DEPTH_MAX];
    let (mut depth, mut at) = (0, start);
    while at < text.len() {
        match text[at] {
            b'"' => {
                at = text_end(text, at)?;
                continue;
            }
            byte @ (b'{' | b'[') => {
                *open.get_mut(depth).ok_or(Wrong::new(at, "at most 256 levels"))? = byte;
                depth += 1;
            }
            byte @ (b'}' | b']') => {
                // '{' and '}', '[' and ']' are two apart in ASCII.
                if open[depth - 1] + 2 != byte {
                    return Err(Wrong::new(at, if byte == b'}' { "a ]" } else { "a }" }));
                }
                depth -= 1;
                if depth == 0 {
                    return Ok(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    Err(Wrong::new(text.len(), "the end of an object or array"))
}

/// What a name means that stands so between its quotes; with broken escapes it means itself.
#[inline]
pub fn name_of(written: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', written).is_none() {
        return Cow::Borrowed(written);
    }
    let mut name = written.to_vec();
    match unescape(&mut name) {
        Some(length) => {
            name.truncate(length);
            Cow::Owned(name)
        }
        None => Cow::Borrowed(written),
    }
}

/// Calls `each` with every member of the object that begins at `at`: its name, and where its value begins and ends.
/// Answers the byte behind the object.
///
/// # Errors
/// Where it is not written as an object is, and what `each` answers.
#[inline]
pub fn members(
    text: &[u8],
    at: usize,
    mut each: impl FnMut(&[u8], usize, usize) -> Result<(), Wrong>,
) -> Result<usize, Wrong> {
    if text.get(at) != Some(&b'{') {
        return Err(Wrong::new(at, "an object"));
    }
    let mut at = skip_space(text, at + 1);
    if text.get(at) == Some(&b'}') {
        return Ok(at + 1);
    }
    loop {
        if text.get(at) != Some(&b'"') {
            return Err(Wrong::new(at, "the name of a member in quotes"));
        }
        let name_end = text_end(text, at)?;
        let name = &text[at + 1..name_end - 1];
        let colon = skip_space(text, name_end);
        if text.get(colon) != Some(&b':') {
            return Err(Wrong::new(colon, "a colon"));
        }
        let value = skip_space(text, colon + 1);
        let end = value_end(text, value)?;
        each(&name_of(name), value, end)?;
        at = skip_space(text, end);
        match text.get(at) {
            Some(b',') => at = skip_space(text, at + 1),
            Some(b'}') => return Ok(at + 1),
            _ => return Err(Wrong::new(at, "a comma or a }")),
        }
    }
}

/// Calls `each` with every element of the array that begins at `at`: its number and where it begins and ends. Answers
/// the byte behind the array.
///
/// # Errors
/// Where it is not written as an array is, and what `each` answers.
#[inline]
pub fn elements(
    text: &[u8],
    at: usize,
    mut each: impl FnMut(usize, usize, usize) -> Result<(), Wrong>,
) -> Result<usize, Wrong> {
    if text.get(at) != Some(&b'[') {
        return Err(Wrong::new(at, "an array"));
    }
    let mut at = skip_space(text, at + 1);
    if text.get(at) == Some(&b']') {
        return Ok(at + 1);
    }
    for number in 0.. {
        let end = value_end(text, at)?;
        each(number, at, end)?;
        at = skip_space(text, end);
        match text.get(at) {
            Some(b',') => at = skip_space(text, at + 1),
            Some(b']') => return Ok(at + 1),
            _ => break,
        }
    }
    Err(Wrong::new(at, "a comma or a ]"))
}

/// Turns what stands between quotes into the text that it means, in place. Answers its length; `None` for escapes that
/// are none.
pub fn unescape(text: &mut [u8]) -> Option<usize> {
    let Some(mut read) = memchr::memchr(b'\\', text) else { return Some(text.len()) };
    let mut write = read;
    while read < text.len() {
        if text[read] != b'\\' {
            let run = memchr::memchr(b'\\', &text[read..]).unwrap_or(text.len() - read);
            text.copy_within(read..read + run, write);
            (read, write) = (read + run, write + run);
            continue;
        }
        let plain = match *text.get(read + 1)? {
            byte @ (b'"' | b'\\' | b'/') => Some(byte),
            b'b' => Some(8),
            b'f' => Some(12),
            b'n' => Some(b'\n'),
            b'r' => Some(b'\r'),
            b't' => Some(b'\t'),
            b'u' => None,
            _ => return None,
        };
        if let Some(byte) = plain {
            text[write] = byte;
            (read, write) = (read + 2, write + 1);
            continue;
        }
        let (character, length) = code_point(&text[read..])?;
        let mut bytes = [0; 4];
        let utf8 = character.encode_utf8(&mut bytes).as_bytes();
        // Six bytes of an escape are at most three of UTF-8, and twelve at most four.
        text[write..write + utf8.len()].copy_from_slice(utf8);
        (read, write) = (read + length, write + utf8.len());
    }
    Some(write)
}

/// The character of the escape `\uXXXX` with which a text begins, or of two that are one, and their length.
fn code_point(text: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, 6));
    }
    let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second))?;
    Some((char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, 12))
}

/// Replaces the line ends between values, which a line of its own must not have, by spaces.
pub fn join_lines(text: &mut [u8]) {
    let mut from = 0;
    while let Some(found) = memchr3(b'\n', b'\r', b'"', &text[from..]) {
        let at = from + found;
        if text[at] == b'"' {
            from = text_end(text, at).unwrap_or(text.len());
        } else {
            text[at] = b' ';
            from = at + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        for (text, wanted) in [
            (&br#""a\"b" ,"#[..], Ok(6)),
            (b"-12.5e3,", Ok(7)),
            (b"null}", Ok(4)),
            (br#"{"a":[1,{"b":"}"}]} x"#, Ok(19)),
            (b"[]", Ok(2)),
            (b"[1,2", Err(4)),
            (b"[1}", Err(2)),
            (b"\"abc", Err(4)),
            (b"\"abc\\", Err(5)),
            (b"}", Err(0)),
            (b"", Err(0)),
        ] {
            assert_eq!(value_end(text, 0).map_err(|wrong| wrong.at), wanted, "{}", String::from_utf8_lossy(text));
        }
        let deep = [b'['; DEPTH_MAX + 1];
        assert_eq!(value_end(&deep, 0), Err(Wrong::new(DEPTH_MAX, "at most 256 levels")));
    }

    #[test]
    fn members_and_elements_come_in_order() {
        let text = br#" { "a" : 1 , "b":[2, {"c":3}] } "#;
        let mut seen = Vec::new();
        let end = members(text, 1, |name, start, end| {
            seen.push((
                String::from_utf8_lossy(name).into_owned(),
                String::from_utf8_lossy(&text[start..end]).into_owned(),
            ));
            Ok(())
        });
        assert_eq!(end, Ok(text.len() - 1));
        assert_eq!(seen, [("a".into(), "1".into()), ("b".into(), r#"[2, {"c":3}]"#.to_string())]);
        let mut count = 0;
        assert_eq!(
            elements(b"[1 , [2],\"]\"]", 0, |number, _, _| {
                count = number;
                Ok(())
            }),
            Ok(13)
        );
        assert_eq!(count, 2);
        for text in [&b"{1}"[..], b"{\"a\"}", b"{\"a\":}", b"{\"a\":1", b"{\"a\":1 \"b\":2}", b"{\"a\":1,}", b"[1]"] {
            assert!(members(text, 0, |_, _, _| Ok(())).is_err(), "{}", String::from_utf8_lossy(text));
        }
        for text in [&b"[1 2]"[..], b"[,]", b"[1,]", b"{}"] {
            assert!(elements(text, 0, |_, _, _| Ok(())).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn escapes_are_what_they_mean() {
        for (text, wanted) in [
            ("plain", Some("plain")),
            (r#"a\"b\\c\/d"#, Some("a\"b\\c/d")),
            (r"\b\f\n\r\t", Some("\u{8}\u{c}\n\r\t")),
            (r"M\u00fcnchen \u20ac", Some("München €")),
            (r"\ud83d\ude00!", Some("😀!")),
            (r"\ud83d", None),
            (r"\udc00", None),
            (r"\u12", None),
            (r"\u+123", None),
            (r"\x", None),
            ("\\", None),
        ] {
            let mut bytes = text.as_bytes().to_vec();
            let length = unescape(&mut bytes);
            assert_eq!(length.map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned()).as_deref(), wanted);
        }
    }

    #[test]
    fn lines_are_joined_between_values_only() {
        let mut text = b"{\r\n\"a\\\"\": \"b\",\n \"c\": 1}".to_vec();
        join_lines(&mut text);
        assert_eq!(text, b"{  \"a\\\"\": \"b\",  \"c\": 1}");
    }
}
