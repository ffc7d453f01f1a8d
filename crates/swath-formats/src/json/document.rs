//! A JSON document laid out as lines: each record an object on a line of its own, with what encloses it.
//!
//! The document streams through; what is held of it is one record, and of what encloses the records what came before
//! them.

use std::io::Read;

use super::path::{Path, Step};
use super::stream::{Fault, Stream};
use super::text::{Kind, Wrong, join_lines, kind_of, members};

/// Bytes of everything that encloses a record, if nobody says what is wanted of it.
const ENCLOSING_BYTES_MAX: usize = 16 << 10;
/// Levels of the path to records, and of objects beside it whose members are looked at.
const LEVELS_MAX: usize = 32;

/// What is wanted of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Where the records are.
    pub records: Path,
    /// What is wanted of all that encloses a record, by the names of [`lay_out`]; not said: what there is.
    pub enclosing: Option<Vec<String>>,
    /// Bytes of a record at most.
    pub max_record: usize,
}

/// What was laid out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Laid {
    /// Records.
    pub records: u64,
}

/// Lays a document out, a line for each record, each to `out` with its newline.
///
/// A line is the record, and before its members those of what encloses it: `$.a.*.b` is the member `b` of what encloses
/// the record on the way `a.*`, and `@1`, `@2`… are the names (or numbers, from 0) of what the first, the second, … `*`
/// of the path went to, the record itself last. A record that is no object is the member `value`. What encloses a
/// record must stand before it.
///
/// # Errors
/// [`Fault`] with the byte.
///
/// # Memory
/// Twice the longest record, and 64 KiB.
pub fn lay_out(
    reader: &mut dyn Read,
    layout: &Layout,
    out: &mut dyn FnMut(&[u8]) -> swath_core::Result<()>,
) -> Result<Laid, Fault> {
    if layout.records.0.len() > LEVELS_MAX {
        return Err(Fault::Missing(format!("the path to the records has more than {LEVELS_MAX} steps")));
    }
    let mut walk = Walk {
        stream: Stream::new(reader, layout.max_record.max(1)),
        layout,
        out,
        keys: Vec::new(),
        enclosing: Vec::new(),
        way: "$".into(),
        line: Vec::new(),
        laid: Laid::default(),
        found: false,
    };
    walk.stream.skip_mark()?;
    walk.descend(&layout.records.0)?;
    if walk.stream.peek()?.is_some() {
        return Err(walk.stream.wrong(0, "the end of the document"));
    }
    if !walk.found {
        return Err(Fault::Missing(format!("there is nothing at the path \"{}\"", layout.records)));
    }
    Ok(walk.laid)
}

struct Walk<'d> {
    stream: Stream<'d>,
    layout: &'d Layout,
    out: &'d mut dyn FnMut(&[u8]) -> swath_core::Result<()>,
    /// What each `*` went to, as JSON.
    keys: Vec<Vec<u8>>,
    /// Members of what encloses a record, each with its comma.
    enclosing: Vec<u8>,
    /// The way to where we are.
    way: String,
    line: Vec<u8>,
    laid: Laid,
    found: bool,
}

impl Walk<'_> {
    fn descend(&mut self, steps: &[Step]) -> Result<(), Fault> {
        let (length, enclosing) = (self.way.len(), self.enclosing.len());
        match steps.split_first() {
            None => {
                self.found = true;
                self.each(&mut |walk, key| {
                    walk.keys.push(key);
                    walk.record()?;
                    walk.keys.pop();
                    Ok(())
                })?;
            }
            Some((Step::All, rest)) => {
                self.way.push_str(".*");
                self.each(&mut |walk, key| {
                    walk.keys.push(key);
                    walk.descend(rest)?;
                    walk.keys.pop();
                    Ok(())
                })?;
            }
            Some((Step::Name(name), rest)) => {
                let mut behind = false;
                self.each(&mut |walk, key| {
                    let key = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or(&key);
                    let length = walk.way.len();
                    walk.way.push('.');
                    walk.way.push_str(&String::from_utf8_lossy(key));
                    if key == name.as_bytes() {
                        behind = true;
                        walk.descend(rest)?;
                    } else {
                        walk.beside(behind)?;
                    }
                    walk.way.truncate(length);
                    Ok(())
                })?;
            }
        }
        self.way.truncate(length);
        self.enclosing.truncate(enclosing);
        Ok(())
    }

    /// Calls `with` before every member or element of what comes next, with its name or number as JSON.
    fn each(&mut self, with: &mut dyn FnMut(&mut Self, Vec<u8>) -> Result<(), Fault>) -> Result<(), Fault> {
        let (is_object, close) = match self.stream.peek()? {
            Some(b'{') => (true, b'}'),
            Some(b'[') => (false, b']'),
            _ => return Err(self.stream.wrong(0, &format!("an array or object at {}", self.way))),
        };
        self.stream.expect(if is_object { b'{' } else { b'[' }, "")?;
        if self.stream.take_if(close)? {
            return Ok(());
        }
        for number in 0u64.. {
            let key = match is_object {
                true => [b"\"", &self.stream.name()?[..], b"\""].concat(),
                false => number.to_string().into_bytes(),
            };
            with(self, key)?;
            if !self.stream.take_if(b',')? {
                break;
            }
        }
        self.stream.expect(close, if is_object { "a comma or a }" } else { "a comma or a ]" })
    }

    /// Takes what stands beside the way, if it is wanted.
    fn beside(&mut self, behind: bool) -> Result<(), Fault> {
        let way = &self.way;
        let is_below = |name: &String| {
            name.strip_prefix(way.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let is_wanted = self.layout.enclosing.as_ref().is_none_or(|wanted| wanted.iter().any(is_below));
        match &self.layout.enclosing {
            Some(_) if is_wanted && behind => {
                return Err(Fault::Missing(format!(
                    "{way} stands behind the records that it encloses; wanted it before them"
                )));
            }
            None if behind => return self.stream.skip(),
            _ if !is_wanted => return self.stream.skip(),
            _ => {}
        }
        let is_all = self.layout.enclosing.is_none();
        // What nobody asked for may be longer than a record.
        if is_all && matches!(self.stream.peek()?, Some(b'[')) {
            return self.stream.skip();
        }
        let before = self.enclosing.len();
        let at = self.stream.offset();
        let value = self.stream.value()?;
        put_scalars(value, 0, &mut way.clone(), &mut self.enclosing, LEVELS_MAX).map_err(
            |Wrong { at: byte, wanted }| Fault::Wrong {
                offset: at + byte as u64,
                wanted: wanted.into(),
                got: "something else".into(),
            },
        )?;
        if is_all && self.enclosing.len() > ENCLOSING_BYTES_MAX {
            self.enclosing.truncate(before);
        }
        Ok(())
    }

    /// Lays the next value out as a record.
    fn record(&mut self) -> Result<(), Fault> {
        let line = &mut self.line;
        line.clear();
        line.push(b'{');
        for (number, key) in self.keys.iter().enumerate() {
            let name = format!("@{}", number + 1);
            let is_wanted = match &self.layout.enclosing {
                Some(wanted) => wanted.contains(&name),
                // Numbers of elements are no data.
                None => key.starts_with(b"\""),
            };
            if is_wanted {
                line.extend_from_slice(format!("\"{name}\":").as_bytes());
                line.extend_from_slice(key);
                line.push(b',');
            }
        }
        line.extend_from_slice(&self.enclosing);
        let value = self.stream.value()?;
        let inside = if value.starts_with(b"{") { value[1..value.len() - 1].trim_ascii() } else { b"" };
        if !value.starts_with(b"{") {
            line.extend_from_slice(b"\"value\":");
            line.extend_from_slice(value);
        } else if inside.is_empty() && line.ends_with(b",") {
            line.pop();
        } else {
            line.extend_from_slice(inside);
        }
        join_lines(line);
        line.extend_from_slice(b"}\n");
        self.laid.records += 1;
        (self.out)(line).map_err(Fault::Out)
    }
}

/// Puts a value and all that is in it down as members whose names are their ways; arrays as they are.
fn put_scalars(text: &[u8], at: usize, way: &mut String, out: &mut Vec<u8>, levels: usize) -> Result<(), Wrong> {
    if kind_of(text, at)? != Kind::Object || levels == 0 {
        let end = super::text::value_end(text, at)?;
        out.extend_from_slice(format!("\"{way}\":").as_bytes());
        out.extend_from_slice(&text[at..end]);
        out.push(b',');
        return Ok(());
    }
    members(text, at, |name, start, _| {
        let length = way.len();
        way.push('.');
        way.push_str(&String::from_utf8_lossy(name));
        put_scalars(text, start, way, out, levels - 1)?;
        way.truncate(length);
        Ok(())
    })
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(text: &str, records: &str, enclosing: Option<&[&str]>) -> Result<Vec<String>, Fault> {
        let layout = Layout {
            records: records.parse().expect("a path"),
            enclosing: enclosing.map(|names| names.iter().map(ToString::to_string).collect()),
            max_record: 60,
        };
        let mut lines = Vec::new();
        lay_out(&mut text.as_bytes(), &layout, &mut |line| {
            lines.push(String::from_utf8_lossy(line).trim_end().to_string());
            Ok(())
        })?;
        Ok(lines)
    }

    #[test]
    fn records_become_lines() {
        let is = |text: &str, records: &str, enclosing: Option<&[&str]>, wanted: &[&str]| {
            assert_eq!(laid(text, records, enclosing).expect(text), wanted, "{text}");
        };
        is("\u{feff}[ {\"a\": 1,\r\n \"b\": \"x\\n\"} , {} ]\n", "", None, &["{\"a\": 1,   \"b\": \"x\\n\"}", "{}"]);
        is("[]", "", None, &[]);
        is("[1, [2]]", "", None, &["{\"value\":1}", "{\"value\":[2]}"]);
        let collection = r#"{"type":"F","meta":{"n":2,"deep":{"x":null}},"features":[{"p":{"m":1}},{"p":{}}],"end":3}"#;
        is(collection, "features", Some(&[]), &[r#"{"p":{"m":1}}"#, r#"{"p":{}}"#]);
        is(
            collection,
            "features",
            Some(&["$.meta.n", "@1"]),
            &[
                r#"{"@1":0,"$.meta.n":2,"$.meta.deep.x":null,"p":{"m":1}}"#,
                r#"{"@1":1,"$.meta.n":2,"$.meta.deep.x":null,"p":{}}"#,
            ],
        );
        let stations = r#"{"7":{"info":{"lat":"5"},"readings":{"100":{"P":1},"160":{}}},"8":{"readings":{},"info":1}}"#;
        is(
            stations,
            "*.readings",
            None,
            &[r#"{"@1":"7","@2":"100","$.*.info.lat":"5","P":1}"#, r#"{"@1":"7","@2":"160","$.*.info.lat":"5"}"#],
        );
        let series =
            r#"{"v":{"s":[{"code":"a","vals":[{"x":[{"t":1},{"t":2}]}]},{"code":"b","vals":[{"x":[{"t":3}]}]}]}}"#;
        is(
            series,
            "v.s.*.vals.*.x",
            Some(&["$.v.s.*.code"]),
            &[r#"{"$.v.s.*.code":"a","t":1}"#, r#"{"$.v.s.*.code":"a","t":2}"#, r#"{"$.v.s.*.code":"b","t":3}"#],
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, records, enclosing, wanted) in [
            ("[{\"a\":1}", "", None, "a comma or a ]"),
            ("[{\"a\":1}] x", "", None, "the end of the document"),
            ("[{\"a\":1]]", "", None, "a }"),
            ("{\"a\":[]}", "b", None, "nothing at the path"),
            ("{\"a\":5}", "a", None, "an array or object at $.a"),
            ("{\"a\":[{}],\"b\":1}", "a", Some(&["$.b"][..]), "stands behind"),
            ("{a:1}", "a", None, "in quotes"),
            ("", "", None, "an array or object"),
            (&format!("[\"{}\"]", "x".repeat(70)), "", None, "TooLong"),
            ("[{\"a\":\"", "", None, "a closing quote"),
        ] {
            let fault = format!("{:?}", laid(text, records, enclosing).expect_err(text));
            assert!(fault.contains(wanted), "{text}: {fault}");
        }
    }

    #[test]
    fn what_is_not_wanted_may_be_of_any_length() {
        let long = format!("{{\"x\":[{}],\"r\":[{{\"a\":1}}]}}", vec!["\"}]\\\"\""; 100_000].join(","));
        assert_eq!(laid(&long, "r", Some(&[])).expect("records"), ["{\"a\":1}"]);
        assert_eq!(laid(&long, "r", None).expect("records"), ["{\"a\":1}"]);
    }
}
