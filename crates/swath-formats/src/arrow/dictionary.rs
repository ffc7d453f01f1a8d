//! The dictionary of a column: its entries, all in memory while batches that name them are read.

use swath_core::Result;

use super::fields::{Column, Position, Stored};
use super::message::Envelope;
use super::outline::Outline;
use super::part::Io;
use super::plain::Plain;
use crate::columnar::slots::{CHUNK_ROWS, NO_CODE, Slots};

/// The entries of a dictionary.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// Where they come from.
    from: Vec<Envelope>,
    /// Values that are no texts.
    pub slots: Slots,
    /// Texts, and where each ends.
    pub bytes: Vec<u8>,
    pub ends: Vec<u32>,
    pub valid: Vec<u8>,
    /// What the makers of columns know of the texts.
    pub codes: Vec<u32>,
    plain: Plain,
    chunk: Slots,
    chunk_valid: Vec<u8>,
}

impl Dictionary {
    pub fn new(stored: Stored, text_max: usize) -> Dictionary {
        Dictionary {
            from: Vec::new(),
            slots: Slots::default(),
            bytes: Vec::new(),
            ends: Vec::new(),
            valid: Vec::new(),
            codes: Vec::new(),
            plain: Plain::new(stored, text_max),
            chunk: Slots::default(),
            chunk_valid: Vec::new(),
        }
    }

    /// Memory for so many entries, which have so many bytes of text.
    pub fn bytes_for(stored: Stored, text_max: usize, (entries, texts): (u64, u64)) -> u64 {
        let value = if stored.is_text() { 2 * size_of::<u32>() as u64 } else { stored.width().max(8) as u64 };
        let all = entries.saturating_mul(value + 1).saturating_add(if stored.is_text() { texts } else { 0 });
        let chunk = CHUNK_ROWS as u64 * 2 * 17;
        all.saturating_add(Plain::bytes_for(stored, text_max, texts) + chunk)
    }

    /// Makes sure that it is that of a batch.
    pub fn open(&mut self, outline: &Outline, io: &mut Io, (column, id): (&Column, i64), group: usize) -> Result<()> {
        let is_known = {
            let mut known = self.from.iter();
            let mut wanted = outline.dictionaries_of(id, group);
            known.all(|known| wanted.next().is_some_and(|entry| entry.place == *known))
        };
        if !is_known {
            self.clear();
        }
        let (mut entries, mut texts) = (0, 0);
        for entry in outline.dictionaries_of(id, group) {
            (entries, texts) = (entries + entry.entries, texts + entry.texts);
        }
        if self.from.is_empty() {
            self.make_room(entries as usize, texts as usize);
        }
        for entry in outline.dictionaries_of(id, group).skip(self.from.len()) {
            io.open(entry.place, outline.end)?;
            self.append(io, &column.name)?;
            self.from.push(entry.place);
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.from.clear();
        self.slots.clear();
        self.bytes.clear();
        self.ends.clear();
        self.valid.clear();
        self.codes.clear();
    }

    /// Makes room, and not both at once.
    fn make_room(&mut self, entries: usize, texts: usize) {
        fn make<T>(values: &mut Vec<T>, count: usize) {
            if values.capacity() < count {
                *values = Vec::new();
                *values = Vec::with_capacity(count);
            }
        }
        make(&mut self.valid, entries);
        match self.plain.stored {
            Stored::Text { .. } | Stored::View => {
                make(&mut self.bytes, texts);
                make(&mut self.ends, entries);
                make(&mut self.codes, entries);
            }
            Stored::Bool => make(&mut self.slots.bools, entries),
            Stored::Float16 | Stored::Float32 => make(&mut self.slots.f32s, entries),
            Stored::Float64 | Stored::Decimal { .. } => make(&mut self.slots.f64s, entries),
            Stored::UInt32 | Stored::Int64 | Stored::Moment { .. } => make(&mut self.slots.i64s, entries),
            _ => make(&mut self.slots.i32s, entries),
        }
    }

    /// Appends the entries of the open batch.
    fn append(&mut self, io: &mut Io, name: &str) -> Result<()> {
        let Dictionary { plain, chunk, chunk_valid, slots, .. } = self;
        plain.open(io, name, &Position::default(), &[])?;
        while plain.left() > 0 {
            plain.read(io, name, chunk, chunk_valid)?;
            self.valid.extend_from_slice(chunk_valid);
            slots.bools.extend_from_slice(&chunk.bools);
            slots.i32s.extend_from_slice(&chunk.i32s);
            slots.i64s.extend_from_slice(&chunk.i64s);
            slots.f32s.extend_from_slice(&chunk.f32s);
            slots.f64s.extend_from_slice(&chunk.f64s);
            for (start, end) in &chunk.views {
                self.bytes.extend_from_slice(&plain.bytes[*start as usize..*end as usize]);
                self.ends.push(self.bytes.len() as u32);
            }
            if self.bytes.len() > u32::MAX as usize / 2 {
                return Err(io.corrupt(
                    name,
                    io.at(),
                    "wanted a dictionary of at most 2 GiB of texts, got a larger one",
                ));
            }
        }
        self.codes.resize(self.ends.len(), NO_CODE);
        Ok(())
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.valid.len()
    }

    /// Where a text is.
    pub fn view(&self, index: usize) -> (u32, u32) {
        (if index == 0 { 0 } else { self.ends[index - 1] }, self.ends[index])
    }
}
