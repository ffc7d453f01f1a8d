//! What lines written by one program have in common: all but the values.
//!
//! A line that is like the one before it is read by comparing what is between its values; any other is read in full.

use super::text::{Kind, kind_of, nested_end};

/// Bytes of a line that is learnt from at most, and values in it.
const LINE_BYTES_MAX: usize = 4 << 10;
const LEAVES_MAX: usize = 256;

/// A value that nobody looks into.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    /// End of what stands before it, behind the value before, in [`Shape::between`].
    between_end: u32,
    kind: Kind,
    field: Option<u32>,
}

/// What is between the values of a line, and what they are.
#[derive(Debug, Clone, Default)]
pub struct Shape {
    between: Vec<u8>,
    leaves: Vec<Leaf>,
    /// Whether there is a line to be like.
    is_known: bool,
    /// Values of the line that is being read: where they begin and end.
    seen: Vec<(u32, u32, Kind, Option<u32>)>,
    is_regular: bool,
}

impl Shape {
    /// Memory that a shape takes at most.
    pub const BYTES_MAX: usize =
        LINE_BYTES_MAX + LEAVES_MAX * (size_of::<Leaf>() + size_of::<(u32, u32, Kind, Option<u32>)>());

    /// Forgets what was learnt: fields are others.
    pub fn forget(&mut self) {
        self.is_known = false;
    }

    /// Begins to learn from a line.
    pub(super) fn begin(&mut self, line: &[u8]) {
        self.seen.clear();
        (self.is_known, self.is_regular) = (false, line.len() <= LINE_BYTES_MAX);
    }

    /// Learns of a value, in the order of the line.
    pub(super) fn see(&mut self, (start, end): (usize, usize), kind: Kind, field: Option<usize>) {
        self.is_regular &= self.seen.len() < LEAVES_MAX;
        if self.is_regular {
            self.seen.push((start as u32, end as u32, kind, field.map(|field| field as u32)));
        }
    }

    /// Learns that the line has something that other lines will have more or less of.
    pub(super) fn give_up(&mut self) {
        self.is_regular = false;
    }

    /// Learns that the line is whole.
    pub(super) fn end(&mut self, line: &[u8]) {
        self.is_known = self.is_regular;
        if !self.is_known {
            return;
        }
        self.between.clear();
        self.leaves.clear();
        let mut from = 0;
        for &(start, end, kind, field) in &self.seen {
            self.between.extend_from_slice(&line[from..start as usize]);
            self.leaves.push(Leaf { between_end: self.between.len() as u32, kind, field });
            from = end as usize;
        }
        self.between.extend_from_slice(&line[from..]);
    }

    /// Finds the values of a line, if it is like the last one and has no escapes; `put` is told of those that are fields.
    pub(super) fn find(&self, line: &[u8], mut put: impl FnMut(u32, Kind, usize, usize)) -> bool {
        if !self.is_known || memchr::memchr(b'\\', line).is_some() {
            return false;
        }
        let (mut at, mut from) = (0, 0);
        for leaf in &self.leaves {
            let between = &self.between[from..leaf.between_end as usize];
            if !line.get(at..).is_some_and(|rest| rest.starts_with(between)) {
                return false;
            }
            (at, from) = (at + between.len(), leaf.between_end as usize);
            let end = match (leaf.kind, kind_of(line, at)) {
                (Kind::Text, Ok(Kind::Text)) => quote(line, at + 1).map(|quote| quote + 1),
                (Kind::Bare, Ok(Kind::Bare)) => Some(bare_end(line, at)),
                (Kind::Object | Kind::Array, Ok(kind)) if kind == leaf.kind => nested_end(line, at).ok(),
                _ => None,
            };
            let Some(end) = end else { return false };
            if let Some(field) = leaf.field {
                put(field, leaf.kind, at, end);
            }
            at = end;
        }
        line[at..] == self.between[from..]
    }
}

/// The next quote from `at` on.
#[inline]
fn quote(line: &[u8], at: usize) -> Option<usize> {
    // Most texts are shorter than what a call costs.
    let near = line[at..].iter().take(24).position(|byte| *byte == b'"');
    near.map(|length| at + length).or_else(|| memchr::memchr(b'"', line.get(at + 24..)?).map(|length| at + 24 + length))
}

/// Where what is no text, object or array ends.
#[inline]
pub(super) fn bare_end(line: &[u8], at: usize) -> usize {
    at + line[at..].iter().take_while(|byte| !ENDS_BARE[usize::from(**byte)]).count()
}

/// The bytes that end what is bare.
const ENDS_BARE: [bool; 256] = {
    let mut ends = [false; 256];
    let all = b",}] \n\r\t:\"";
    let mut position = 0;
    while position < all.len() {
        ends[all[position] as usize] = true;
        position += 1;
    }
    ends
};
