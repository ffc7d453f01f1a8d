//! What lines written by one program have in common: all but the values.
//!
//! A line that is like the one before it is read by comparing what is between its values; any other is read in full.

use super::text::{Kind, kind_of, value_end};

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
            let length = leaf.between_end as usize - from;
            if !is_same(&self.between[from..], line.get(at..).unwrap_or_default(), length) {
                return false;
            }
            (at, from) = (at + length, leaf.between_end as usize);
            let end = match (leaf.kind, line.get(at)) {
                (Kind::Text, Some(b'"')) => quote(line, at + 1).map(|quote| quote + 1),
                (Kind::Bare, Some(b'0'..=b'9' | b'-')) => Some(bare_end(line, at)),
                (kind, Some(_)) if kind_of(line, at) == Ok(kind) => value_end(line, at).ok(),
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

/// The same byte in all places of a word.
const fn all(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Marks the first byte of a word that is 0; what is marked behind it may be none.
#[inline]
fn first_zero(word: u64) -> u64 {
    word.wrapping_sub(all(1)) & !word & all(0x80)
}

/// The eight bytes from a place on, the first one lowest.
#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// Whether two texts have the same first bytes. Calls for few bytes cost more than words.
#[inline]
fn is_same(a: &[u8], b: &[u8], length: usize) -> bool {
    if length > 16 || b.len() < 8 || a.len() < 8 || b.len() < length {
        return b.len() >= length && a[..length] == b[..length];
    }
    let differs = |at: usize| word(a, at).zip(word(b, at)).map_or(u64::MAX, |(a, b)| a ^ b);
    match length {
        0 => true,
        1..8 => differs(0) << (64 - 8 * length) == 0,
        // The second word ends where they end, and overlaps the first.
        _ => differs(0) | differs(length - 8) == 0,
    }
}

/// The next quote from `at` on.
#[inline]
fn quote(line: &[u8], at: usize) -> Option<usize> {
    // Most texts are shorter than what a call costs.
    for near in [at, at + 8, at + 16] {
        let Some(word) = word(line, near) else { break };
        let marks = first_zero(word ^ all(b'"'));
        if marks != 0 {
            return Some(near + marks.trailing_zeros() as usize / 8);
        }
    }
    memchr::memchr(b'"', line.get(at..)?).map(|length| at + length)
}

/// Where what is no text, object or array ends.
#[inline]
pub(super) fn bare_end(line: &[u8], mut at: usize) -> usize {
    while let Some(word) = word(line, at) {
        // All bytes below `-`, colons, and both closing brackets, which differ in one bit; one of them ends it, but for `+`.
        let low = word.wrapping_sub(all(b'-')) & !word & all(0x80);
        let marks = low | first_zero(word ^ all(b':')) | first_zero((word | all(0x20)) ^ all(b'}'));
        if marks == 0 {
            at += 8;
            continue;
        }
        at += marks.trailing_zeros() as usize / 8;
        if ENDS_BARE[usize::from(line[at])] {
            return at;
        }
        at += 1;
    }
    at + line.get(at..).unwrap_or_default().iter().take_while(|byte| !ENDS_BARE[usize::from(**byte)]).count()
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Words find what looking at byte after byte finds.
    #[test]
    fn words_find_what_bytes_do() {
        let mut state = 7u64;
        let mut draw = |end: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % end
        };
        let letters = b"0123456789+-.eE,}]:\"\t \r!#*[{\x00\x7f\x80\xac\xff";
        let (mut met, mut same) = (0, 0);
        for round in 0..200_000 {
            // Half of them of digits alone, but for few.
            let most = if round % 2 == 0 { letters.len() } else { 10 };
            let mut line: Vec<u8> = (0..draw(40)).map(|_| letters[draw(most)]).collect();
            if let Some(last) = line.last_mut() {
                *last = letters[draw(letters.len())];
            }
            let at = draw(line.len() + 1);
            let end = at + line[at..].iter().take_while(|byte| !ENDS_BARE[usize::from(**byte)]).count();
            assert_eq!(bare_end(&line, at), end, "{line:?} from {at}");
            let found = line[at..].iter().position(|byte| *byte == b'"').map(|length| at + length);
            assert_eq!(quote(&line, at), found, "{line:?} from {at}");
            met += usize::from(end < line.len());
            let mut other = line.clone();
            if round % 3 == 0 && !other.is_empty() {
                let place = draw(other.len());
                other[place] ^= 1 << draw(8);
            }
            other.truncate(draw(other.len() + 1).max(other.len() / 2));
            let length = draw(line.len() + 1);
            let wanted = other.len() >= length && line[..length] == other[..length];
            assert_eq!(is_same(&line, &other, length), wanted, "{line:?} and {other:?}, {length} bytes");
            same += usize::from(wanted && length > 0);
        }
        assert!(met > 50_000 && same > 10_000, "{met} {same}");
    }
}
