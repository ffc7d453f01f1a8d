//! What the head of a file says: lines of JSON, one document, or neither; and where the records of a document may be.

use swath_table::path::escaped;

use super::text::{Kind, kind_of, members, name_of, skip_space, text_end, value_end};

/// How JSON is laid out in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// One object a line.
    Lines,
    /// One document, and the paths at which there are arrays of objects, as far as one sees.
    Document(Vec<String>),
}

/// Levels below which no records are looked for.
const LEVELS_MAX: usize = 8;

/// Looks at the first bytes of a file; `whole` says that they are all there is, `are_lines` that its name is that of a file
/// with one object a line. `None` for what is no JSON.
pub fn form_of(head: &[u8], whole: bool, are_lines: bool) -> Option<Form> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = skip_space(text, 0);
    let next = skip_space(text, start + 1);
    let document = || {
        let mut found = Vec::new();
        candidates(text, start, &mut String::new(), LEVELS_MAX, &mut found);
        found
    };
    match (text.get(start)?, text.get(next)) {
        (b'{', Some(b'"' | b'}')) if are_lines && begins_with_lines(&text[start..], whole) => Some(Form::Lines),
        (b'[', Some(b'{')) => Some(Form::Document(vec![String::new()])),
        // There are none this time.
        (b'[', Some(b']')) if whole && skip_space(text, next + 1) == text.len() => {
            Some(Form::Document(vec![String::new()]))
        }
        (b'[', Some(b'[' | b'"' | b']' | b'-' | b'0'..=b'9')) => value_end(text, start)
            .is_ok_and(|end| whole && skip_space(text, end) == text.len())
            .then(|| Form::Document(document())),
        (b'{', Some(b'"' | b'}')) => {
            let line = text[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
            let is_one = value_end(line, 0).is_ok_and(|end| skip_space(line, end) == line.len());
            let behind = skip_space(text, start + line.len());
            match (is_one, text.get(behind)) {
                (true, Some(_)) => Some(Form::Lines),
                (true, None) => {
                    let found = document();
                    Some(if found.is_empty() { Form::Lines } else { Form::Document(found) })
                }
                // The first name and its colon tell JSON from text that begins with a brace.
                _ => {
                    let colon = text_end(text, next).map(|end| text.get(skip_space(text, end)));
                    (text[next] == b'}' || matches!(colon, Ok(Some(b':')))).then(|| Form::Document(document()))
                }
            }
        }
        _ => None,
    }
}

/// Whether text begins with an object in a line, or with a broken one that another one follows. What is whole and has one
/// line is one.
fn begins_with_lines(text: &[u8], whole: bool) -> bool {
    let Some(end) = memchr::memchr(b'\n', text) else { return true };
    let (first, rest) = (&text[..end], text.get(end + 1..).unwrap_or_default());
    let is_whole = |line: &[u8]| value_end(line, 0).is_ok_and(|end| skip_space(line, end) == line.len());
    let second = memchr::memchr(b'\n', rest).map(|end| &rest[..end]);
    let follows = match second {
        Some(second) => second.starts_with(b"{") && is_whole(second),
        None => rest.starts_with(b"{") && !whole,
    };
    is_whole(first) || follows || rest.starts_with(b"{") && is_whole(rest) || whole && rest.trim_ascii().is_empty()
}

/// Adds the paths to arrays of objects in a value that may be cut off; answers whether it is whole.
fn candidates(text: &[u8], at: usize, path: &mut String, levels: usize, found: &mut Vec<String>) -> bool {
    if levels == 0 {
        return value_end(text, at).is_ok();
    }
    let step = |path: &mut String, step: &str| {
        let length = path.len();
        path.push_str(if length > 0 { "." } else { "" });
        path.push_str(step);
        length
    };
    match kind_of(text, at) {
        Ok(Kind::Array) => {
            let first = skip_space(text, at + 1);
            // A collection has features though there are none this time (RFC 7946, 3.3).
            let is_empty = text.get(first) == Some(&b']') && path == "features";
            if (text.get(first) == Some(&b'{') || is_empty) && !found.contains(path) {
                found.push(path.clone());
            }
            let length = step(path, "*");
            candidates(text, first, path, levels - 1, found);
            path.truncate(length);
        }
        Ok(Kind::Object) => each_begun(text, at, &mut |name, value| {
            let length = step(path, &escaped(&String::from_utf8_lossy(name)));
            candidates(text, value, path, levels - 1, found);
            path.truncate(length);
        }),
        _ => {}
    }
    value_end(text, at).is_ok()
}

/// Calls `each` with the members of an object, the last of which may be cut off.
fn each_begun(text: &[u8], at: usize, each: &mut dyn FnMut(&[u8], usize)) {
    let mut seen = at;
    let whole = members(text, at, |name, start, end| {
        each(name, start);
        seen = end;
        Ok(())
    });
    if whole.is_ok() {
        return;
    }
    let next = skip_space(text, seen + usize::from(seen == at));
    let name = if text.get(next) == Some(&b',') { skip_space(text, next + 1) } else { next };
    if text.get(name) == Some(&b'"')
        && let Ok(end) = text_end(text, name)
    {
        let colon = skip_space(text, end);
        if text.get(colon) == Some(&b':') {
            each(&name_of(&text[name + 1..end - 1]), skip_space(text, colon + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_tell_lines_from_documents() {
        let document = |paths: &[&str]| Some(Form::Document(paths.iter().map(ToString::to_string).collect()));
        for (head, whole, wanted) in [
            ("{\"a\":1}\n{\"a\":2}\n{\"a\"", false, Some(Form::Lines)),
            ("\u{feff}{\"a\":1}\r\n\r\n{\"a\":2}", true, Some(Form::Lines)),
            ("{\"a\":1}\n", true, Some(Form::Lines)),
            ("[\n {\"a\":1}, ", false, document(&[""])),
            ("{\n \"a\": 1,\n \"b\": {\"c\": [{\"d\": [1, 2], \"e\": [{\"f", false, document(&["b.c", "b.c.*.e"])),
            ("{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\"", false, document(&["features"])),
            ("{\"a\":{\"b\":1}}\n", true, Some(Form::Lines)),
            ("{\"7\":{\"info\":1,\n", false, document(&[])),
            ("[1,2]", true, document(&[])),
            ("[time],value\n1,2\n", true, None),
            ("{x};y\n1;2\n", true, None),
            ("a,b\n", true, None),
            ("", true, None),
            (" [ ]\n", true, document(&[""])),
            ("{\"type\":\"FeatureCollection\",\"features\":[]}", true, document(&["features"])),
            ("{\"a\":1}\nbroken\n", true, Some(Form::Lines)),
        ] {
            assert_eq!(form_of(head.as_bytes(), whole, false), wanted, "{head}");
        }
        assert_eq!(form_of(b"{\"a\":[{\"b\":1}]}", true, true), Some(Form::Lines));
        assert_eq!(form_of(b"{\"a\":\"of a very long li", false, true), Some(Form::Lines));
        assert_eq!(form_of(b"a,b\n1,2\n", true, true), None);
        // A document is one whatever its file is called; a broken line is none.
        assert_eq!(form_of(b"{\n \"a\": [\n  {\"b\": 1}\n ]\n}\n", true, true), document(&["a"]));
        assert_eq!(form_of(b"{\"a\":[\n{\"b\":1},\n{\"b\":2}\n]}\n", true, true), document(&["a"]));
        assert_eq!(form_of(b"{\"a\":1\n{\"a\":2}\n", true, true), Some(Form::Lines));
        assert_eq!(form_of(b"{\"a\":\n", true, true), Some(Form::Lines));
        assert_eq!(form_of(br#"{"m\u00e9":[{"b":1}]}"#, true, false), document(&["mé"]));
    }
}
