//! Texts and categories: fields that are kept as they are written, unquoted.

use swath_core::Result;
use swath_table::column::Values;
use swath_table::intern::Interner;
use swath_table::reject::Reason;

use super::chunk::{Chunk, Target};
use super::markers::trim;

/// Identifiers of texts that this worker met lately, so that the shared interner is asked seldom.
///
/// Short texts are kept in order of arrival, since sensors report in turns: after one text comes the text that came after
/// it last time, more often than not, and it lies next to it in memory. Other texts are found by their hash. When the
/// cache is full, the oldest texts make room. Longer texts are asked of the interner each time but for the last one.
#[derive(Debug)]
pub(crate) struct CategoryCache {
    /// Which interner the identifiers are of.
    interner: usize,
    entries: Vec<Entry>,
    /// The entry that is expected next.
    expected: usize,
    /// The entry that is overwritten next, once all are taken.
    oldest: usize,
    /// Entries by the hash of their text; a place may be empty, or hold an entry that has another text by now.
    places: Vec<u16>,
    last: Option<u32>,
    last_text: Vec<u8>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Entry {
    /// The text, right-aligned.
    key: [u64; 2],
    length: u32,
    id: u32,
}

const ENTRIES: usize = 1 << 14;
const PLACE_BITS: u32 = 15;
/// Places looked at for one text.
const PROBES: usize = 4;
/// Texts up to this length are entries.
const SHORT: usize = 16;
/// The longest text that is remembered as the last one.
const LAST: usize = 256;

impl CategoryCache {
    /// Memory that a cache takes.
    pub const BYTES: usize = ENTRIES * size_of::<Entry>() + (1 << PLACE_BITS) * size_of::<u16>() + LAST;

    pub fn new() -> CategoryCache {
        CategoryCache {
            interner: 0,
            entries: Vec::with_capacity(ENTRIES),
            expected: 0,
            oldest: 0,
            places: vec![u16::MAX; 1 << PLACE_BITS],
            last: None,
            last_text: Vec::with_capacity(LAST),
        }
    }

    /// Makes ready for an interner: identifiers of another one are forgotten.
    pub fn reset(&mut self, interner: &Interner) {
        let address = std::ptr::from_ref(interner) as usize;
        if self.interner != address || interner.is_empty() {
            self.entries.clear();
            self.interner = address;
        }
        (self.expected, self.oldest, self.last) = (0, 0, None);
    }

    /// The identifier of the text `data[start..end]`.
    #[inline(always)]
    pub(crate) fn id(&mut self, data: &[u8], (start, end): (usize, usize), interner: &Interner) -> Result<u32> {
        let length = end - start;
        let (Some(tail), 1..=SHORT) = (data[..end].last_chunk::<SHORT>(), length) else {
            return self.long_id(&data[start..end], interner);
        };
        let text = u128::from_le_bytes(*tail) >> (8 * (SHORT - length));
        let key = [text as u64, (text >> 64) as u64];
        let length = length as u32;
        if let Some(entry) = self.entries.get(self.expected)
            && entry.key == key
            && entry.length == length
        {
            self.expected += 1;
            return Ok(entry.id);
        }
        self.find(key, length, &data[start..end], interner)
    }

    #[inline(never)]
    fn find(&mut self, key: [u64; 2], length: u32, text: &[u8], interner: &Interner) -> Result<u32> {
        let hash = (key[0] ^ key[1].rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let home = (hash >> (64 - PLACE_BITS)) as usize;
        let place = |probe: usize| (home + probe) & ((1 << PLACE_BITS) - 1);
        for probe in 0..PROBES {
            let position = usize::from(self.places[place(probe)]);
            if let Some(entry) = self.entries.get(position)
                && entry.key == key
                && entry.length == length
            {
                self.expected = position + 1;
                return Ok(entry.id);
            }
        }
        let entry = Entry { key, length, id: interner.intern(text)? };
        let position = if self.entries.len() < ENTRIES {
            self.entries.push(entry);
            self.entries.len() - 1
        } else {
            self.entries[self.oldest] = entry;
            self.oldest = (self.oldest + 1) % ENTRIES;
            (self.oldest + ENTRIES - 1) % ENTRIES
        };
        let free = (0..PROBES).find(|&probe| usize::from(self.places[place(probe)]) >= self.entries.len());
        self.places[place(free.unwrap_or(0))] = position as u16;
        self.expected = position + 1;
        Ok(entry.id)
    }

    #[inline(never)]
    fn long_id(&mut self, text: &[u8], interner: &Interner) -> Result<u32> {
        if let Some(id) = self.last
            && self.last_text == text
        {
            return Ok(id);
        }
        let id = interner.intern(text)?;
        self.last = (text.len() <= LAST).then_some(id);
        self.last_text.clear();
        self.last_text.extend_from_slice(&text[..text.len().min(LAST)]);
        Ok(id)
    }
}

/// Whether a field is missing; it is asked only for the lengths of markers.
#[inline(always)]
pub(crate) fn is_missing(target: &Target<'_>, text: &[u8]) -> bool {
    let markers = &target.column.markers;
    let spaced = matches!(text.first(), Some(b' ' | b'\t')) || matches!(text.last(), Some(b' ' | b'\t'));
    (spaced || markers.may_contain(text.len())) && markers.contain(trim(text))
}

/// Notes text that is not UTF-8, or has zeros in it: what loggers leave where their power failed.
#[inline(always)]
fn is_bad_encoding(chunk: Chunk<'_>, target: &mut Target<'_>, index: usize, text: &[u8]) -> bool {
    let bad = !chunk.plain && (text.contains(&0) || std::str::from_utf8(text).is_err());
    if bad {
        target.bad(index, Reason::InvalidEncoding, target.column.null_if_invalid);
    }
    bad
}

/// Makes the identifiers `from..` of a category column. Rows with a fault in another column add nothing to the interner,
/// so it must run after all columns that are not categories.
pub(super) fn categories(
    chunk: Chunk<'_>,
    out: &mut [u32],
    target: &mut Target<'_>,
    cache: &mut CategoryCache,
    interner: &Interner,
) -> Result<()> {
    let field = target.column.fields[0];
    for (index, (row, out)) in chunk.rows.iter().zip(out).enumerate() {
        let (start, end) = chunk.bounds(row, field);
        let text = &chunk.data[start..end];
        if is_missing(target, text) {
            target.missing(index);
        } else if !is_bad_encoding(chunk, target, index, text) && !target.faults.failed(index) {
            *out = cache.id(chunk.data, (start, end), interner)?;
        }
    }
    Ok(())
}

/// Marks the faults of a category column without interning anything, so that all category columns know of each other's.
pub(super) fn check_categories(chunk: Chunk<'_>, target: &mut Target<'_>) {
    let field = target.column.fields[0];
    for (index, row) in chunk.rows.iter().enumerate() {
        let text = chunk.field(row, field);
        if is_missing(target, text) {
            if target.column.required {
                target.missing(index);
            }
        } else if !chunk.plain && !target.column.null_if_invalid {
            is_bad_encoding(chunk, target, index, text);
        }
    }
}

/// Appends the texts of a column.
pub(super) fn texts(chunk: Chunk<'_>, values: &mut Values, target: &mut Target<'_>) {
    let Values::Text { ends, bytes } = values else { return };
    let field = target.column.fields[0];
    for (index, row) in chunk.rows.iter().enumerate() {
        let text = chunk.field(row, field);
        if is_missing(target, text) {
            target.missing(index);
        } else if !is_bad_encoding(chunk, target, index, text) {
            bytes.extend_from_slice(text);
        }
        ends.push(bytes.len() as u32);
    }
}
