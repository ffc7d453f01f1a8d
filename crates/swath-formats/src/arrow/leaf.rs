//! One column, some thousand values at a time: as they are in its buffers, or by its dictionary.

use swath_core::Result;

use super::dictionary::Dictionary;
use super::fields::{Column, Stored};
use super::outline::{Needs, Outline};
use super::part::Io;
use super::plain::Plain;
use crate::columnar::slots::{CHUNK_ROWS, Slots};

/// Rows that are read at once by who wants few.
const FEW_ROWS: usize = 256;

/// A column that is being read.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub column: Column,
    text_max: usize,
    plain: Plain,
    dictionary: Option<Box<Dictionary>>,
    /// Decoded values; those before `from` are used.
    pub slots: Slots,
    pub valid: Vec<u8>,
    /// Where the values are in the dictionary.
    pub indices: Vec<u32>,
    coded: Slots,
    pub from: usize,
    count: usize,
    /// For those who look for codes where there are none.
    no_codes: Vec<u32>,
}

impl Leaf {
    pub fn new(column: Column, text_max: usize) -> Leaf {
        let stored = column.dictionary.map_or(column.stored, |coded| coded.index);
        let dictionary = column.dictionary.map(|_| Box::new(Dictionary::new(column.stored, text_max)));
        Leaf {
            plain: Plain::new(stored, text_max),
            column,
            text_max,
            dictionary,
            slots: Slots::default(),
            valid: Vec::new(),
            indices: Vec::new(),
            coded: Slots::default(),
            from: 0,
            count: 0,
            no_codes: Vec::new(),
        }
    }

    /// Reads some hundred rows at once from now on, and of a dictionary what they name and no more: for who wants few
    /// rows, whatever a dictionary takes.
    pub fn read_few(&mut self) {
        if let Some(dictionary) = &mut self.dictionary {
            dictionary.read_few();
            self.plain.at_once = FEW_ROWS;
        }
    }

    /// What its column has in a file at most.
    fn needs(&self, outline: &Outline) -> Needs {
        let found = outline.columns.iter().position(|column| column.place == self.column.place);
        found.map(|position| outline.needs[position]).unwrap_or_default()
    }

    /// Memory that it takes at most, and that of packed bytes, which columns share.
    pub fn bytes_max(&self, outline: &Outline) -> (u64, u64) {
        let needs = self.needs(outline);
        let slots = CHUNK_ROWS as u64 * 2 * (8 + 8 + 4 + 1 + 8);
        let plain = Plain::bytes_for(self.plain.stored, self.text_max, needs.texts);
        let dictionary = match self.column.dictionary {
            None => 0,
            Some(_) => {
                let entries = (needs.entries, needs.entry_texts);
                Dictionary::bytes_for(self.column.stored, self.text_max, entries).saturating_add(needs.entries_unpacked)
            }
        };
        let names =
            2 * self.column.name.len() as u64 + size_of::<Leaf>() as u64 + size_of::<Dictionary>() as u64 + 1024;
        let own = needs.unpacked.saturating_add(slots + plain + names).saturating_add(dictionary);
        (own, needs.packed)
    }

    /// Begins with the first row of a batch.
    pub fn open(&mut self, outline: &Outline, io: &mut Io, group: usize) -> Result<()> {
        let needs = self.needs(outline);
        let Leaf { column, plain, dictionary, .. } = self;
        if let (Some(dictionary), Some(coded)) = (dictionary, column.dictionary) {
            dictionary.open(outline, io, (column, coded.id, &needs), group)?;
        }
        let batch = &outline.batches[group];
        io.open(batch.place, outline.end)?;
        if io.batch().rows != batch.rows || io.batch().check(&outline.all).is_err() {
            return Err(io.corrupt(&column.name, batch.place.at, "it is another one than it was"));
        }
        (self.from, self.count) = (0, 0);
        plain.open(io, &column.name, &column.place, &column.around)
    }

    /// Makes sure that there are decoded values; answers how many.
    pub fn fill(&mut self, io: &mut Io) -> Result<usize> {
        if self.from < self.count {
            return Ok(self.count - self.from);
        }
        let name = &self.column.name;
        if self.plain.left() == 0 {
            return Err(io.corrupt(name, io.at(), "wanted further rows, got none"));
        }
        let Some(dictionary) = &mut self.dictionary else {
            self.count = self.plain.read(io, name, &mut self.slots, &mut self.valid)?;
            self.from = 0;
            return Ok(self.count);
        };
        self.count = self.plain.read(io, name, &mut self.coded, &mut self.valid)?;
        self.from = 0;
        if let Some(wrong) = index(self.plain.stored, &self.coded, &self.valid, dictionary, &mut self.indices) {
            let told = format!("wanted an entry of {} in its dictionary, got {wrong}", dictionary.entries());
            return Err(io.corrupt(name, io.at(), &told));
        }
        dictionary.look_up(io, name, &mut self.indices)?;
        // What is null in the dictionary is null.
        for (valid, index) in self.valid.iter_mut().zip(&self.indices) {
            *valid &= dictionary.valid.get(*index as usize).copied().unwrap_or(0);
        }
        gather(dictionary, &self.indices, self.column.stored, &mut self.slots);
        Ok(self.count)
    }

    /// Bytes of the text in a slot that are left out, since it is longer than anybody wants.
    pub fn left_out(&self, slot: usize) -> u64 {
        match &self.dictionary {
            Some(dictionary) => dictionary.left_out.get(self.indices[slot] as usize).copied().unwrap_or(0),
            None if slot == 0 => self.plain.left_out,
            None => 0,
        }
    }

    /// Takes values as used.
    pub fn advance(&mut self, rows: usize) {
        self.from += rows;
    }

    /// Passes over rows of the batch.
    pub fn skip(&mut self, rows: u64) {
        let decoded = rows.min((self.count - self.from) as u64);
        self.from += decoded as usize;
        self.plain.skip(rows - decoded);
    }

    pub fn codes_mut(&mut self) -> &mut Vec<u32> {
        match &mut self.dictionary {
            Some(dictionary) => &mut dictionary.codes,
            None => &mut self.no_codes,
        }
    }

    /// Whether texts are in the dictionary.
    pub fn is_indexed(&self) -> bool {
        self.dictionary.is_some() && self.column.stored.is_text()
    }

    /// The bytes that texts are in.
    pub fn source(&self) -> &[u8] {
        match &self.dictionary {
            Some(dictionary) => &dictionary.bytes,
            None => &self.plain.bytes,
        }
    }

    /// A text of the dictionary.
    pub fn entry(&self, index: usize) -> &[u8] {
        let Some(dictionary) = &self.dictionary else { return &[] };
        let (start, end) = dictionary.view(index);
        &dictionary.bytes[start as usize..end as usize]
    }
}

/// Makes indices of decoded numbers; answers the first that is in no dictionary. Those of nulls are 0.
fn index(stored: Stored, coded: &Slots, valid: &[u8], dictionary: &Dictionary, indices: &mut Vec<u32>) -> Option<i64> {
    indices.clear();
    let entries = i64::try_from(dictionary.entries()).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
    let mut wrong = None;
    let mut push = |(index, valid): (i64, &u8)| {
        let is_there = (0..entries).contains(&index);
        if *valid != 0 && !is_there {
            wrong = wrong.or(Some(index));
        }
        indices.push(if *valid != 0 && is_there { index as u32 } else { 0 });
    };
    match stored {
        Stored::UInt32 | Stored::Int64 => coded.i64s.iter().copied().zip(valid).for_each(&mut push),
        _ => coded.i32s.iter().map(|index| i64::from(*index)).zip(valid).for_each(&mut push),
    }
    wrong
}

/// Makes values of indices.
fn gather(dictionary: &Dictionary, indices: &[u32], stored: Stored, slots: &mut Slots) {
    fn of<T: Copy + Default>(entries: &[T], indices: &[u32], out: &mut Vec<T>) {
        out.extend(indices.iter().map(|index| entries.get(*index as usize).copied().unwrap_or_default()));
    }
    slots.clear();
    let from = &dictionary.slots;
    match stored {
        Stored::Text { .. } | Stored::View => {
            let view = |index: &u32| {
                if (*index as usize) < dictionary.ends.len() { dictionary.view(*index as usize) } else { (0, 0) }
            };
            slots.views.extend(indices.iter().map(view));
        }
        Stored::Bool => of(&from.bools, indices, &mut slots.bools),
        Stored::Float16 | Stored::Float32 => of(&from.f32s, indices, &mut slots.f32s),
        Stored::Float64 | Stored::Decimal { .. } => of(&from.f64s, indices, &mut slots.f64s),
        Stored::UInt32 | Stored::Int64 | Stored::Moment { .. } => of(&from.i64s, indices, &mut slots.i64s),
        _ => of(&from.i32s, indices, &mut slots.i32s),
    }
}
