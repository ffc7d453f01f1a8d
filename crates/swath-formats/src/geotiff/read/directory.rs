//! Image file directories: which tags there are, and their values, read when they are asked for.
//!
//! It keeps places, not values, and takes memory for a value only once the file was seen to be long enough for it.

use swath_core::Result;

use super::input::Input;

/// More entries than any program writes.
const ENTRIES: u64 = 4096;

/// A directory.
#[derive(Debug)]
pub(super) struct Directory {
    /// Where it is.
    pub offset: u64,
    /// Where the next one is; 0 if it is the last.
    pub next: u64,
    entries: Vec<Entry>,
}

/// Where the values of a tag are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    tag: u16,
    /// Of which type.
    pub kind: Kind,
    /// How many values.
    pub count: u64,
    /// Where the first one is.
    pub place: u64,
}

/// Types of values (TIFF 6.0, page 15; BigTIFF).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Unsigned(u8),
    Signed(u8),
    Rational,
    Float,
    Double,
}

impl Kind {
    fn of(number: u16) -> Option<Kind> {
        Some(match number {
            1 | 2 | 7 => Kind::Unsigned(1),
            3 => Kind::Unsigned(2),
            4 | 13 => Kind::Unsigned(4),
            16 | 18 => Kind::Unsigned(8),
            6 => Kind::Signed(1),
            8 => Kind::Signed(2),
            9 => Kind::Signed(4),
            17 => Kind::Signed(8),
            5 | 10 => Kind::Rational,
            11 => Kind::Float,
            12 => Kind::Double,
            _ => return None,
        })
    }

    fn size(self) -> u64 {
        match self {
            Kind::Unsigned(size) | Kind::Signed(size) => u64::from(size),
            Kind::Float => 4,
            Kind::Rational | Kind::Double => 8,
        }
    }
}

impl Entry {
    /// Bytes of so many of its values.
    pub fn bytes_of(&self, count: u64) -> u64 {
        count.saturating_mul(self.kind.size())
    }

    /// Bytes of a value, if its values are whole numbers without a sign.
    pub fn unsigned_size(&self) -> Option<usize> {
        match self.kind {
            Kind::Unsigned(size) => Some(usize::from(size)),
            _ => None,
        }
    }

    fn bytes(&self) -> u64 {
        self.count.saturating_mul(self.kind.size())
    }
}

impl Directory {
    /// Reads the directory at a place.
    pub fn read(input: &Input, offset: u64) -> Result<Directory> {
        let (head, size, wide) = if input.big { (8, 20, 8) } else { (2, 12, 4) };
        let mut count = [0; 8];
        input.read(&mut count[..head], offset)?;
        let count = input.order.unsigned(&count[..head]);
        if count == 0 || count > ENTRIES {
            return Err(input.corrupt(offset, format!("a directory of {count} entries: wanted 1 to {ENTRIES}")));
        }
        let mut bytes = vec![0; count as usize * size + wide];
        let start = offset.saturating_add(head as u64);
        input.read(&mut bytes, start)?;
        let next = input.order.unsigned(&bytes[count as usize * size..]);
        let mut entries: Vec<Entry> = Vec::with_capacity(count as usize);
        for (number, bytes) in bytes.chunks_exact(size).take(count as usize).enumerate() {
            // A type that is not known makes a tag unreadable, not a file.
            let Some(kind) = Kind::of(input.order.u16(&bytes[2..])) else {
                continue;
            };
            let entry = Entry {
                tag: input.order.u16(bytes),
                kind,
                count: input.order.unsigned(&bytes[4..4 + wide]),
                place: start + (number * size + 4 + wide) as u64,
            };
            let inline = entry.bytes() <= wide as u64;
            let place = if inline { entry.place } else { input.order.unsigned(&bytes[4 + wide..]) };
            entries.push(Entry { place, ..entry });
        }
        // Sorted for the search; of two of one tag the first holds.
        entries.sort_by_key(|entry| entry.tag);
        entries.dedup_by_key(|entry| entry.tag);
        Ok(Directory { offset, next, entries })
    }

    /// Where the values of a tag are, if they lie in the file as a whole.
    ///
    /// # Errors
    /// If they do not.
    pub fn entry(&self, input: &Input, tag: u16) -> Result<Option<Entry>> {
        let Ok(place) = self.entries.binary_search_by_key(&tag, |entry| entry.tag) else {
            return Ok(None);
        };
        let entry = &self.entries[place];
        if entry.place.checked_add(entry.bytes()).is_none_or(|end| end > input.length) {
            let message = format!("tag {tag} has {} values that would end beyond the end of the file", entry.count);
            return Err(input.corrupt(entry.place, message));
        }
        Ok(Some(*entry))
    }

    /// The bytes of all values of a tag, if there are no more than `limit` values.
    fn raw(&self, input: &Input, tag: u16, limit: u64) -> Result<Option<(Kind, Vec<u8>)>> {
        let Some(entry) = self.entry(input, tag)? else {
            return Ok(None);
        };
        if entry.count > limit {
            let message = format!("tag {tag} has {} values: wanted no more than {limit}", entry.count);
            return Err(input.corrupt(entry.place, message));
        }
        let mut bytes = vec![0; entry.bytes() as usize];
        input.read(&mut bytes, entry.place)?;
        Ok(Some((entry.kind, bytes)))
    }

    /// The first value of a tag, which must be a whole number.
    pub fn number(&self, input: &Input, tag: u16) -> Result<Option<u64>> {
        let Some(entry) = self.entry(input, tag)?.filter(|entry| entry.count > 0) else {
            return Ok(None);
        };
        let size = match entry.kind {
            Kind::Unsigned(size) | Kind::Signed(size) => usize::from(size),
            _ => return Err(input.corrupt(entry.place, format!("tag {tag} should be a whole number"))),
        };
        let mut bytes = [0; 8];
        input.read(&mut bytes[..size], entry.place)?;
        Ok(Some(input.order.unsigned(&bytes[..size])))
    }

    /// All values of a tag, which must be whole numbers; empty if there is none.
    pub fn numbers(&self, input: &Input, tag: u16, limit: u64) -> Result<Vec<u64>> {
        let Some((kind, bytes)) = self.raw(input, tag, limit)? else {
            return Ok(Vec::new());
        };
        Ok(bytes.chunks_exact(kind.size() as usize).map(|bytes| input.order.unsigned(bytes)).collect())
    }

    /// All values of a tag as floats; empty if there is none.
    pub fn floats(&self, input: &Input, tag: u16, limit: u64) -> Result<Vec<f64>> {
        let Some((kind, bytes)) = self.raw(input, tag, limit)? else {
            return Ok(Vec::new());
        };
        let order = input.order;
        let value = |bytes: &[u8]| match kind {
            Kind::Unsigned(_) => order.unsigned(bytes) as f64,
            Kind::Signed(size) => {
                let unused = 64 - 8 * u32::from(size);
                ((order.unsigned(bytes) << unused) as i64 >> unused) as f64
            }
            Kind::Rational => f64::from(order.u32(bytes)) / f64::from(order.u32(&bytes[4..])),
            Kind::Float => f64::from(f32::from_bits(order.u32(bytes))),
            Kind::Double => f64::from_bits(order.u64(bytes)),
        };
        Ok(bytes.chunks_exact(kind.size() as usize).map(value).collect())
    }

    /// The bytes of a tag; empty if there is none.
    pub fn bytes(&self, input: &Input, tag: u16, limit: u64) -> Result<Vec<u8>> {
        Ok(self.raw(input, tag, limit)?.map_or_else(Vec::new, |(_, bytes)| bytes))
    }

    /// The text of a tag up to its first zero.
    pub fn text(&self, input: &Input, tag: u16, limit: u64) -> Result<Option<String>> {
        let bytes = self.bytes(input, tag, limit)?;
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        Ok((end > 0).then(|| plain(&bytes[..end])))
    }

    /// Whether there is such a tag.
    pub fn has(&self, tag: u16) -> bool {
        self.entries.binary_search_by_key(&tag, |entry| entry.tag).is_ok()
    }
}

/// Text as it was meant: of what is no UTF-8 each byte is a character (Latin-1), which old programs write.
pub(super) fn plain(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}
