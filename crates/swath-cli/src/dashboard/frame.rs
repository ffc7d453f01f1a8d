//! What is sent: the page as it is now, and its parts as events, each with the moment at which it changed last. Neither is
//! ever longer than a bound.

use std::io::{Error, Result, Write};
use std::ops::Range;
use std::sync::Arc;

use swath_core::Fnv64;

use crate::report::{self, PARTS, Record};

/// The longest page, and the longest list of events.
pub const BYTES_MAX: usize = 400_000;
/// Where the script is.
pub const SCRIPT_PATH: &str = "/live.js";

/// The parts of a page as events.
pub struct Frame {
    /// Which one it is, counted from 1.
    pub number: u64,
    /// All events.
    pub bytes: Arc<Vec<u8>>,
    parts: Vec<Part>,
}

struct Part {
    bytes: Range<usize>,
    hash: u64,
    /// The frame in which it became what it is.
    changed: u64,
}

impl Frame {
    /// How things stand, where `before` was sent last. With `end` it is the last one.
    pub fn of(record: &Record, before: Option<&Frame>, end: Option<&str>) -> Frame {
        let number = before.map_or(1, |before| before.number + 1);
        let mut bytes = Vec::with_capacity(before.map_or(64 << 10, |before| before.bytes.len() + 8192));
        let mut parts = Vec::with_capacity(PARTS.len() + 2);
        let mut add = |bytes: &mut Vec<u8>, name: &str, write: &dyn Fn(&mut dyn Write) -> Result<()>| {
            let from = bytes.len();
            bytes.extend_from_slice(b"event: ");
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b"\ndata: ");
            let content = bytes.len();
            bounded(bytes, &mut |bytes| write(&mut Lines(bytes)));
            let hash = Fnv64::of(bytes.get(content..).unwrap_or_default());
            bytes.extend_from_slice(b"\n\n");
            let was = before.and_then(|before| before.parts.get(parts.len()));
            let changed = was.filter(|was| was.hash == hash).map_or(number, |was| was.changed);
            parts.push(Part { bytes: from..bytes.len(), hash, changed });
        };
        add(&mut bytes, "as_of", &|out| write!(out, "{}", record.ended));
        for (name, part) in PARTS {
            add(&mut bytes, name, &|out| part(record, out));
        }
        if let Some(end) = end {
            add(&mut bytes, "end", &|out| write!(out, "{end}"));
        }
        bytes.shrink_to_fit();
        Frame { number, bytes: Arc::new(bytes), parts }
    }

    /// The events that are new to whoever has seen frame `seen`, as pieces of its bytes, from piece `position` on.
    pub fn piece(&self, seen: u64, position: usize) -> Option<(usize, &[u8])> {
        let (at, part) = self.parts.iter().enumerate().skip(position).find(|(_, part)| part.changed > seen)?;
        Some((at, self.bytes.get(part.bytes.clone()).unwrap_or_default()))
    }
}

/// The whole page, with the words that its links need.
pub fn page(record: &Record, query: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64 << 10);
    let script = format!("{}{query}", SCRIPT_PATH.trim_start_matches('/'));
    bounded(&mut bytes, &mut |bytes| report::live_begin(record, &script, bytes));
    for (name, part) in PARTS {
        bytes.extend_from_slice(format!("<div data-part=\"{name}\">").as_bytes());
        bounded(&mut bytes, &mut |bytes| part(record, bytes));
        bytes.extend_from_slice(b"</div>\n");
    }
    bounded(&mut bytes, &mut |bytes| report::live_end(record, bytes));
    bytes.shrink_to_fit();
    bytes
}

/// Adds what `write` writes, or a sentence where that is too much.
fn bounded(bytes: &mut Vec<u8>, write: &mut dyn FnMut(&mut Bounded<'_>) -> Result<()>) {
    let from = bytes.len();
    if write(&mut Bounded(bytes)).is_err() {
        bytes.truncate(from);
        bytes.extend_from_slice(b"<p class=\"soft\">There is too much of this for a page that changes.</p>");
    }
}

struct Bounded<'a>(&'a mut Vec<u8>);

impl Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if self.0.len() + bytes.len() > BYTES_MAX {
            return Err(Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

/// Writes lines as an event has them.
struct Lines<'a, 'b>(&'a mut Bounded<'b>);

impl Write for Lines<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if number > 0 {
                self.0.write_all(b"\ndata: ")?;
            }
            self.0.write_all(line)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_events_begin_alike_and_end_at_a_bound() {
        let mut bytes = Vec::new();
        bounded(&mut bytes, &mut |bytes| Lines(bytes).write_all(b"a\n<b>\n"));
        assert_eq!(bytes, b"a\ndata: <b>\ndata: ");
        bounded(&mut bytes, &mut |bytes| (0..BYTES_MAX).try_for_each(|_| Lines(bytes).write_all(b"much")));
        assert!(bytes.len() < 200 && bytes.ends_with(b"</p>"), "{}", bytes.len());
    }
}
