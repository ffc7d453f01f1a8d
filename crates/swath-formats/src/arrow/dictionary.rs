//! The dictionary of a column: its entries, all in memory while batches that name them are read.
//!
//! Who reads few rows of a file, to see what it holds, has in memory what those rows name and no more.

use swath_core::Result;

use super::fields::{Column, Position, Stored};
use super::message::Envelope;
use super::outline::{Needs, Outline};
use super::part::Io;
use super::plain::Plain;
use crate::columnar::slots::{CHUNK_ROWS, NO_CODE, Slots};

/// The entries of a dictionary.
#[derive(Debug)]
pub(super) struct Dictionary {
    /// Where they come from, and how many come from there.
    from: Vec<(Envelope, u64)>,
    /// Where messages end.
    end: u64,
    /// Whether only those are read that rows name.
    is_of_few: bool,
    /// Values that are no texts.
    pub slots: Slots,
    /// Texts, and where each ends.
    pub bytes: Vec<u8>,
    pub ends: Vec<u32>,
    pub valid: Vec<u8>,
    /// Where only what rows name is read: bytes of each text that were left out.
    pub left_out: Vec<u64>,
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
            end: 0,
            is_of_few: false,
            slots: Slots::default(),
            bytes: Vec::new(),
            ends: Vec::new(),
            valid: Vec::new(),
            left_out: Vec::new(),
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

    /// Reads from now on only what rows name.
    pub fn read_few(&mut self) {
        self.is_of_few = true;
    }

    /// Makes sure that it is that of a batch; `needs` are those of the column.
    pub fn open(
        &mut self,
        outline: &Outline,
        io: &mut Io,
        (column, id, needs): (&Column, i64, &Needs),
        group: usize,
    ) -> Result<()> {
        self.end = outline.end;
        if self.is_of_few {
            self.from.clear();
            self.from.extend(outline.dictionaries_of(id, group).map(|entry| (entry.place, entry.entries)));
            return Ok(());
        }
        let is_known = {
            let mut known = self.from.iter();
            let mut wanted = outline.dictionaries_of(id, group);
            known.all(|known| wanted.next().is_some_and(|entry| entry.place == known.0))
        };
        if !is_known {
            self.clear();
        }
        if self.from.is_empty() {
            // For what later batches add, too: what grows is there twice for a moment, and has room that nobody uses.
            self.make_room(needs.entries as usize, needs.entry_texts as usize);
        }
        for entry in outline.dictionaries_of(id, group).skip(self.from.len()) {
            io.open(entry.place, outline.end)?;
            self.append(io, &column.name)?;
            self.from.push((entry.place, entry.entries));
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.from.clear();
        self.clear_entries();
    }

    fn clear_entries(&mut self) {
        self.slots.clear();
        self.bytes.clear();
        self.ends.clear();
        self.valid.clear();
        self.left_out.clear();
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

    /// Where only what rows name is read: reads the entries of indices, which become those of what was read.
    pub fn look_up(&mut self, io: &mut Io, name: &str, indices: &mut [u32]) -> Result<()> {
        if !self.is_of_few {
            return Ok(());
        }
        self.clear_entries();
        let mut wanted = indices.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let (mut next, mut first) = (0, 0);
        for number in 0..self.from.len() {
            let (place, entries) = self.from[number];
            let end = next + wanted[next..].partition_point(|index| u64::from(*index) < first + entries);
            if next < end {
                io.open(place, self.end)?;
                self.plain.open(io, name, &Position::default(), &[])?;
                self.pick(io, name, wanted[next..end].iter().map(|index| u64::from(*index) - first))?;
            }
            (next, first) = (end, first + entries);
        }
        for index in indices {
            *index = wanted.partition_point(|wanted| wanted < index) as u32;
        }
        Ok(())
    }

    /// Appends some entries of the open batch, which are in order. Of texts, as much as anybody wants.
    fn pick(&mut self, io: &mut Io, name: &str, wanted: impl Iterator<Item = u64>) -> Result<()> {
        let Dictionary { plain, chunk, chunk_valid, slots, valid, left_out, .. } = self;
        let mut held = 0..0;
        for entry in wanted {
            if !held.contains(&entry) {
                plain.seek(entry);
                held = entry..entry + plain.read(io, name, chunk, chunk_valid)? as u64;
            }
            let at = (entry - held.start) as usize;
            let Some(is_there) = chunk_valid.get(at) else {
                return Err(io.corrupt(name, io.at(), "it is another one than it was"));
            };
            valid.push(*is_there);
            slots.bools.extend(chunk.bools.get(at));
            slots.i32s.extend(chunk.i32s.get(at));
            slots.i64s.extend(chunk.i64s.get(at));
            slots.f32s.extend(chunk.f32s.get(at));
            slots.f64s.extend(chunk.f64s.get(at));
            if let Some((start, end)) = chunk.views.get(at) {
                let text = &plain.bytes[*start as usize..*end as usize];
                let shown = text.len().min(plain.text_max + 1);
                self.bytes.extend_from_slice(&text[..shown]);
                left_out.push((text.len() - shown) as u64 + if at == 0 { plain.left_out } else { 0 });
                self.ends.push(self.bytes.len() as u32);
            }
        }
        Ok(())
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        match self.is_of_few {
            true => self.from.iter().map(|(_, entries)| entries).sum(),
            false => self.valid.len() as u64,
        }
    }

    /// Where a text is.
    pub fn view(&self, index: usize) -> (u32, u32) {
        (if index == 0 { 0 } else { self.ends[index - 1] }, self.ends[index])
    }
}
