//! A JSON document laid out as lines: each record an object on a line of its own, with what encloses it.
//!
//! The document streams through; what is held of it is one record, and of what encloses the records what came before
//! them.

use std::io::Read;

use swath_table::path::{escaped, is_within};

use super::path::{Path, Step};
use super::stream::{Fault, Stream};
use super::text::{join_lines, name_of};

/// Bytes of everything that encloses a record, if nobody says what is wanted of it.
const ENCLOSING_BYTES_MAX: usize = 16 << 10;
/// How paths to what encloses records begin.
const ENCLOSING: &str = "@.";
/// Paths that are told of at most.
const BEHIND_MAX: usize = 8;
/// Steps of the path to records at most.
const LEVELS_MAX: usize = 32;

/// What is wanted of a document.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Where the records are.
    pub records: Path,
    /// The paths that are wanted, of what encloses a record among them; not said: what there is, but for arrays.
    pub wanted: Option<Vec<String>>,
    /// Bytes of a record at most.
    pub max_record: usize,
}

/// What was laid out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Laid {
    /// Records.
    pub records: u64,
    /// Paths to what encloses records and is not in them: it stands behind them, or nobody asked for it and it is long.
    pub behind: Vec<String>,
}

/// Lays a document out, a line for each record, each to `out` with its newline.
///
/// A line is the record, with what encloses it in a member `@` of its own, the outermost first: of two with one name the
/// inner one counts. `@1`, `@2`… are the names (or numbers, from 0) of what the first, the second, … `*` of the path went
/// to, and last of the record itself. A record that is no object is the member `value`. What encloses a record must
/// stand before it.
///
/// # Errors
/// [`Fault`] with the byte.
///
/// # Memory
/// Three times the longest record, and 64 KiB.
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
        way: Vec::new(),
        line: Vec::new(),
        laid: Laid::default(),
        found: false,
        behind: Vec::new(),
    };
    walk.stream.skip_mark()?;
    walk.descend(&layout.records.0)?;
    if walk.stream.peek()?.is_some() {
        return Err(walk.stream.wrong(0, "the end of the document"));
    }
    if !walk.found {
        return Err(Fault::Missing(format!("there is nothing at the path \"{}\"", layout.records)));
    }
    Ok(Laid { behind: walk.behind, ..walk.laid })
}

struct Walk<'d> {
    stream: Stream<'d>,
    layout: &'d Layout,
    out: &'d mut dyn FnMut(&[u8]) -> swath_core::Result<()>,
    /// What each `*` went to, as JSON.
    keys: Vec<Vec<u8>>,
    /// Members of what encloses a record, each with its comma.
    enclosing: Vec<u8>,
    /// The members on the way to where we are, from the top or the last `*` on, as they are written.
    way: Vec<String>,
    line: Vec<u8>,
    laid: Laid,
    found: bool,
    /// What is left out of the records that it encloses.
    behind: Vec<String>,
}

/// What is done with each member or element, with its name or number as JSON.
type Visit<'v, W> = dyn FnMut(&mut W, Vec<u8>) -> Result<(), Fault> + 'v;

impl Walk<'_> {
    fn descend(&mut self, steps: &[Step]) -> Result<(), Fault> {
        let enclosing = self.enclosing.len();
        match steps.split_first() {
            None => {
                self.found = true;
                self.each(&mut |walk, key| {
                    walk.enter(key)?;
                    walk.record()?;
                    walk.keys.pop();
                    Ok(())
                })?;
            }
            Some((Step::All, rest)) => {
                let way = std::mem::take(&mut self.way);
                self.each(&mut |walk, key| {
                    walk.enter(key)?;
                    walk.descend(rest)?;
                    walk.keys.pop();
                    Ok(())
                })?;
                self.way = way;
            }
            Some((Step::Name(name), rest)) => {
                let mut behind = false;
                self.each(&mut |walk, key| {
                    let key = key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\"")).unwrap_or(&key);
                    walk.way.push(String::from_utf8_lossy(key).into_owned());
                    if *name_of(key) == *name.as_bytes() {
                        behind = true;
                        walk.descend(rest)?;
                    } else {
                        walk.beside(behind)?;
                    }
                    walk.way.pop();
                    Ok(())
                })?;
            }
        }
        self.enclosing.truncate(enclosing);
        Ok(())
    }

    /// Calls `with` before every member or element of what comes next, with its name or number as JSON.
    fn each(&mut self, with: &mut Visit<'_, Self>) -> Result<(), Fault> {
        let (is_object, close) = match self.stream.peek()? {
            Some(b'{') => (true, b'}'),
            Some(b'[') => (false, b']'),
            _ => return Err(self.stream.wrong(0, &format!("an array or object, as \"{}\" says", self.layout.records))),
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

    /// Goes into what has a name or a number. All names on the way together are no longer than a record.
    fn enter(&mut self, key: Vec<u8>) -> Result<(), Fault> {
        let bytes: usize = self.keys.iter().map(Vec::len).sum::<usize>() + key.len();
        if bytes > self.layout.max_record {
            return Err(Fault::TooLong { offset: self.stream.offset(), most: self.layout.max_record });
        }
        self.keys.push(key);
        Ok(())
    }

    /// Notes what is not in the records that it encloses.
    fn leave_out(&mut self, way: String) {
        if self.behind.len() < BEHIND_MAX && !self.behind.contains(&way) {
            self.behind.push(way);
        }
    }

    /// Takes what stands beside the way, if it is wanted.
    fn beside(&mut self, behind: bool) -> Result<(), Fault> {
        let step = |written: &String| escaped(&String::from_utf8_lossy(&name_of(written.as_bytes())));
        let way = self.way.iter().map(step).collect::<Vec<_>>().join(".");
        let is_below = |path: &String| {
            let path = path.strip_prefix(ENCLOSING).unwrap_or_default();
            !path.is_empty() && (is_within(path, &way) || is_within(&way, path))
        };
        match &self.layout.wanted {
            Some(wanted) if !wanted.iter().any(is_below) => return self.stream.skip(),
            Some(_) if behind => self.leave_out(way),
            None if self.stream.peek()? == Some(b'[') => {}
            None if behind => self.leave_out(way),
            is_said => {
                let is_all = is_said.is_none();
                let before = self.enclosing.len();
                for name in &self.way {
                    self.enclosing.extend_from_slice(format!("\"{name}\":{{").as_bytes());
                }
                // The last of the names has the value itself.
                self.enclosing.pop();
                let value = self.stream.value()?;
                self.enclosing.extend_from_slice(value);
                self.enclosing.extend_from_slice("}".repeat(self.way.len() - 1).as_bytes());
                self.enclosing.push(b',');
                if is_all && self.enclosing.len() > ENCLOSING_BYTES_MAX {
                    self.enclosing.truncate(before);
                    self.leave_out(way);
                }
                if self.enclosing.len() > self.layout.max_record {
                    return Err(Fault::TooLong { offset: self.stream.offset(), most: self.layout.max_record });
                }
                return Ok(());
            }
        }
        self.stream.skip()
    }

    /// Lays the next value out as a record.
    fn record(&mut self) -> Result<(), Fault> {
        let line = &mut self.line;
        line.clear();
        line.push(b'{');
        for (number, key) in self.keys.iter().enumerate() {
            let name = format!("@{}", number + 1);
            let is_wanted = match &self.layout.wanted {
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
        if let [enclosing @ .., _] = &self.enclosing[..] {
            line.extend_from_slice(b"\"@\":{");
            line.extend_from_slice(enclosing);
            line.extend_from_slice(b"},");
        }
        let value = self.stream.value()?;
        line.reserve_exact(value.len() + 16);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn laid(text: &str, records: &str, wanted: Option<&[&str]>) -> Result<(Vec<String>, Vec<String>), Fault> {
        let layout = Layout {
            records: records.parse().expect("a path"),
            wanted: wanted.map(|names| names.iter().map(ToString::to_string).collect()),
            max_record: 60,
        };
        let mut lines = Vec::new();
        let laid = lay_out(&mut text.as_bytes(), &layout, &mut |line| {
            lines.push(String::from_utf8_lossy(line).trim_end().to_string());
            Ok(())
        })?;
        assert_eq!(laid.records, lines.len() as u64);
        Ok((lines, laid.behind))
    }

    #[test]
    fn records_become_lines() {
        let is = |text: &str, records: &str, wanted: Option<&[&str]>, lines: &[&str]| {
            let (got, behind) = laid(text, records, wanted).expect(text);
            assert!(got == lines && behind.is_empty(), "{text}: {got:#?}, {behind:?}");
        };
        is("\u{feff}[ {\"a\": 1,\r\n \"b\": \"x\\n\"} , {} ]\n", "", None, &["{\"a\": 1,   \"b\": \"x\\n\"}", "{}"]);
        is("[]", "", None, &[]);
        is("[1, [2]]", "", None, &["{\"value\":1}", "{\"value\":[2]}"]);
        let collection = r#"{"type":"F","meta":{"n":2,"deep":{"x":null}},"features":[{"p":{"m":1}},{"p":{}}]}"#;
        is(collection, "features", Some(&["p.m"]), &[r#"{"p":{"m":1}}"#, r#"{"p":{}}"#]);
        is(
            collection,
            "features",
            Some(&["@.meta.n", "@1"]),
            &[
                r#"{"@1":0,"@":{"meta":{"n":2,"deep":{"x":null}}},"p":{"m":1}}"#,
                r#"{"@1":1,"@":{"meta":{"n":2,"deep":{"x":null}}},"p":{}}"#,
            ],
        );
        let stations = r#"{"7":{"info":{"lat":"5"},"readings":{"100":{"P":1},"160":{}}},"8":{"readings":{}}}"#;
        is(
            stations,
            "*.readings",
            None,
            &[
                r#"{"@1":"7","@2":"100","@":{"info":{"lat":"5"}},"P":1}"#,
                r#"{"@1":"7","@2":"160","@":{"info":{"lat":"5"}}}"#,
            ],
        );
        let series = r#"{"v":{"q":{"n":0},"s":[{"code":"a","vals":[{"x":[{"t":1},{"t":2}]}]},{"code":"b","vals":[{"m":{"u":1},"x":[{"t":3}]}]}]}}"#;
        is(
            series,
            "v.s.*.vals.*.x",
            Some(&["@.code", "@.m.u", "@.v.q.n", "t"]),
            &[
                r#"{"@":{"v":{"q":{"n":0}},"code":"a"},"t":1}"#,
                r#"{"@":{"v":{"q":{"n":0}},"code":"a"},"t":2}"#,
                r#"{"@":{"v":{"q":{"n":0}},"code":"b","m":{"u":1}},"t":3}"#,
            ],
        );
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, records, wanted) in [
            ("[{\"a\":1}", "", "a comma or a ]"),
            ("[{\"a\":1}] x", "", "the end of the document"),
            ("[{\"a\":1]]", "", "a }"),
            ("{\"a\":[]}", "b", "nothing at the path"),
            ("{\"a\":5}", "a", "an array or object"),
            ("{a:1}", "a", "in quotes"),
            ("", "", "an array or object"),
            (&format!("[\"{}\"]", "x".repeat(70)), "", "TooLong"),
            ("[{\"a\":\"", "", "a closing quote"),
        ] {
            let fault = format!("{:?}", laid(text, records, None).expect_err(text));
            assert!(fault.contains(wanted), "{text}: {fault}");
        }
        let (lines, behind) = laid("{\"a\":[{}],\"b\":1}", "a", Some(&["@.b"])).expect("lines");
        assert_eq!((lines, behind), (vec!["{}".to_string()], vec!["b".to_string()]));
    }

    #[test]
    fn what_is_not_wanted_may_be_of_any_length() {
        let long = format!("{{\"x\":[{}],\"r\":[{{\"a\":1}}]}}", vec!["\"}]\\\"\""; 100_000].join(","));
        for wanted in [Some(&["a"][..]), None] {
            assert_eq!(laid(&long, "r", wanted).expect("records").0, ["{\"a\":1}"]);
        }
    }
}
