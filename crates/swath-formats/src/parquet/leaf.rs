//! One column of a row group, some thousand values at a time.
//!
//! It holds one unpacked page and the dictionary of its row group. Rows are passed over without being decoded: whole
//! pages by their headers, rows in a page by their widths.

use swath_core::Result;

use super::decode::{Decoder, fixed, spread, spread_slots, texts};
use super::delta::Delta;
use super::footer::{ChunkPlace, FileColumn};
use super::hybrid::Hybrid;
use super::logical::Physical;
use super::page::{Io, Page, PageKind};
use super::thrift::{CUT, Told};
use super::unpack::Codec;
use crate::columnar::slots::{CHUNK_ROWS, NO_CODE, Slots, decimal};

/// A column that is being read.
#[derive(Debug)]
pub(crate) struct Leaf {
    pub column: FileColumn,
    codec: Codec,
    /// Where the next page begins, and where the chunk ends.
    at: u64,
    end: u64,
    unpacked: u64,
    /// Rows that no page had yet.
    rows_left: u64,
    page: Vec<u8>,
    page_at: u64,
    page_rows: usize,
    levels: Option<Hybrid>,
    decoder: Decoder,
    dictionary: Vec<u8>,
    /// Where each text of the dictionary ends.
    ends: Vec<u32>,
    /// What the makers of columns know of the texts of the dictionary.
    pub codes: Vec<u32>,
    /// Decoded values; those before `from` are used.
    pub slots: Slots,
    pub valid: Vec<u8>,
    /// Indices of the decoded values that are not null, where there is a dictionary of texts.
    pub indices: Vec<u32>,
    /// Decoded values that are used, and all.
    pub from: usize,
    count: usize,
}

impl Leaf {
    pub fn new(column: FileColumn) -> Leaf {
        Leaf {
            column,
            codec: Codec::None,
            at: 0,
            end: 0,
            unpacked: 0,
            rows_left: 0,
            page: Vec::new(),
            page_at: 0,
            page_rows: 0,
            levels: None,
            decoder: Decoder::None,
            dictionary: Vec::new(),
            ends: Vec::new(),
            codes: Vec::new(),
            slots: Slots::default(),
            valid: Vec::new(),
            indices: Vec::new(),
            from: 0,
            count: 0,
        }
    }

    /// Begins with the first row of a row group.
    pub fn open(&mut self, place: &ChunkPlace, rows: u64) {
        self.codec = Codec::of(place.codec).unwrap_or(Codec::None);
        (self.at, self.end, self.unpacked, self.rows_left) = (place.from, place.to, place.unpacked, rows);
        (self.page_rows, self.from, self.count) = (0, 0, 0);
        (self.levels, self.decoder) = (None, Decoder::None);
        self.dictionary.clear();
        self.ends.clear();
        self.codes.clear();
    }

    /// Whether texts are in the dictionary, by the indices of this chunk.
    pub fn is_indexed(&self) -> bool {
        matches!(self.decoder, Decoder::Indices(_))
    }

    /// The bytes that texts are in.
    pub fn source(&self) -> &[u8] {
        match &self.decoder {
            Decoder::Indices(_) => &self.dictionary,
            Decoder::Prefixes { own, .. } => own,
            _ => &self.page,
        }
    }

    /// A text of the dictionary.
    pub fn entry(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 4 } else { self.ends[index - 1] as usize + 4 };
        &self.dictionary[start..self.ends[index] as usize]
    }

    /// Makes sure that there are decoded values; answers how many.
    pub fn fill(&mut self, io: &mut Io) -> Result<usize> {
        if self.from == self.count {
            self.find_page(io, 0)?;
            self.decode().map_err(|told| io.corrupt(&self.column.name, self.page_at, &told))?;
        }
        Ok(self.count - self.from)
    }

    /// Takes values as used.
    pub fn advance(&mut self, rows: usize) {
        self.from += rows;
    }

    /// Passes over rows of the row group.
    pub fn skip(&mut self, io: &mut Io, mut rows: u64) -> Result<()> {
        let decoded = rows.min((self.count - self.from) as u64);
        self.from += decoded as usize;
        rows -= decoded;
        while rows > 0 {
            if self.page_rows == 0 {
                rows -= self.find_page(io, rows)?;
                continue;
            }
            let now = rows.min(self.page_rows as u64) as usize;
            self.skip_in_page(now).map_err(|told| io.corrupt(&self.column.name, self.page_at, &told))?;
            rows -= now as u64;
        }
        Ok(())
    }

    /// Loads the next page with rows, and the dictionary before it; pages that lie wholly in the next `passed` rows are
    /// not even loaded. Answers how many rows those had.
    fn find_page(&mut self, io: &mut Io, passed: u64) -> Result<u64> {
        let mut skipped = 0;
        while self.page_rows == 0 && (passed == 0 || skipped < passed) {
            let name = &self.column.name;
            if self.at >= self.end {
                return Err(io.corrupt(name, self.end, &format!("wanted {} rows more, got none", self.rows_left)));
            }
            let page = io.header(name, self.at, self.end, self.unpacked)?;
            self.at = page.at + page.packed as u64;
            self.page_at = page.at;
            match page.kind {
                PageKind::Other => {}
                PageKind::Dictionary => {
                    io.load(name, &page, self.codec, &mut self.dictionary)?;
                    self.index_dictionary(&page).map_err(|told| io.corrupt(&self.column.name, page.at, &told))?;
                }
                PageKind::Data | PageKind::Data2 { .. } => {
                    let rows = page.values as u64;
                    if rows > self.rows_left {
                        let told = format!("wanted at most {} rows, got {rows}", self.rows_left);
                        return Err(io.corrupt(name, page.at, &told));
                    }
                    self.rows_left -= rows;
                    if rows <= passed - skipped.min(passed) {
                        skipped += rows;
                        continue;
                    }
                    io.load(name, &page, self.codec, &mut self.page)?;
                    self.begin_page(&page).map_err(|told| io.corrupt(&self.column.name, page.at, &told))?;
                }
            }
        }
        Ok(skipped)
    }

    fn index_dictionary(&mut self, page: &Page) -> Told<()> {
        if !matches!(page.encoding, 0 | 2) {
            return Err(format!("wanted a plain dictionary, got encoding {}", page.encoding));
        }
        if let Some(width) = self.column.physical.width() {
            let wanted = page.values * width;
            return if self.dictionary.len() < wanted { Err(CUT.into()) } else { Ok(()) };
        }
        if self.dictionary.len() / 4 < page.values {
            return Err(CUT.into());
        }
        for table in [&mut self.ends, &mut self.codes] {
            table.clear();
            if table.capacity() < page.values {
                *table = Vec::new();
                *table = Vec::with_capacity(page.values);
            }
        }
        let mut at = 0;
        for _ in 0..page.values {
            at = plain_text(&self.dictionary, at)?.1;
            self.ends.push(at as u32);
        }
        self.codes.resize(page.values, NO_CODE);
        Ok(())
    }

    /// Finds levels and values in the page.
    fn begin_page(&mut self, page: &Page) -> Told<()> {
        let data = &self.page;
        let (levels, start) = match page.kind {
            PageKind::Data2 { levels, .. } => (0..levels, levels),
            _ if !self.column.optional => (0..0, 0),
            _ if page.level_encoding != 3 => {
                return Err(format!("wanted levels in runs, got encoding {}", page.level_encoding));
            }
            _ => {
                let length = data.first_chunk().map(|length| u32::from_le_bytes(*length) as usize).ok_or(CUT)?;
                let end = length.checked_add(4).filter(|end| *end <= data.len()).ok_or(CUT)?;
                (4..end, end)
            }
        };
        self.levels = match self.column.optional {
            true => Some(Hybrid::new(levels.start, levels.end, 1)?),
            false => None,
        };
        self.page_rows = page.values;
        let physical = self.column.physical;
        let is_whole =
            matches!(physical, Physical::Int32 | Physical::UInt32 | Physical::Int64 | Physical::Moment { .. })
                || matches!(physical, Physical::Decimal { number: 1 | 2, .. });
        self.decoder = match (page.encoding, physical) {
            (0, Physical::Bool) => Decoder::Bits(start * 8),
            (3, Physical::Bool) => {
                // A length comes before the runs.
                let length = data.get(start..start + 4).and_then(|bytes| bytes.first_chunk()).ok_or(CUT)?;
                let end = (start + 4).saturating_add(u32::from_le_bytes(*length) as usize).min(data.len());
                Decoder::Runs(Hybrid::new(start + 4, end, 1)?)
            }
            (0, _) => Decoder::Plain(start),
            (2 | 8, _) if page.values == 0 || start == data.len() => Decoder::Indices(Hybrid::new(start, start, 0)?),
            (2 | 8, _) => Decoder::Indices(Hybrid::new(start + 1, data.len(), u32::from(data[start]))?),
            (5, _) if is_whole => Decoder::Delta(Delta::new(data, start, page.values)?),
            (6, Physical::Bytes | Physical::Decimal { bytes: 0, .. }) => {
                let lengths = Delta::new(data, start, page.values)?;
                let at = lengths.end(data)?;
                Decoder::Lengths { lengths, at }
            }
            (7, Physical::Bytes | Physical::Decimal { number: 6 | 7, .. }) => {
                let prefixes = Delta::new(data, start, page.values)?;
                let lengths = Delta::new(data, prefixes.end(data)?, page.values)?;
                let at = lengths.end(data)?;
                Decoder::Prefixes { prefixes, lengths, at, last: Vec::new(), own: Vec::new() }
            }
            (9, _) => match physical.width() {
                Some(width) => Decoder::Split { at: start, values: (data.len() - start) / width, next: 0 },
                None => return Err("wanted values of one width for split bytes".into()),
            },
            (other, _) => return Err(format!("wanted an encoding that is known for the type, got {other}")),
        };
        Ok(())
    }

    /// Decodes the next values of the page.
    fn decode(&mut self) -> Told<()> {
        let mut rows = self.page_rows.min(CHUNK_ROWS);
        let before = self.levels.clone();
        let mut values = rows;
        self.valid.clear();
        match &mut self.levels {
            None => self.valid.resize(rows, 1),
            Some(levels) => {
                self.indices.resize(rows, 0);
                levels.take(&self.page, &mut self.indices)?;
                self.valid.extend(self.indices.iter().map(|level| u8::from(*level != 0)));
                values = self.valid.iter().map(|valid| usize::from(*valid)).sum();
            }
        }
        let decoded = self.decode_values(values)?;
        if decoded < values {
            // Long texts: the rows up to the next one that is not null.
            let mut seen = 0;
            rows = self
                .valid
                .iter()
                .take_while(|valid| {
                    seen += usize::from(**valid);
                    seen <= decoded
                })
                .count();
            self.valid.truncate(rows);
            self.levels = before;
            if let Some(levels) = &mut self.levels {
                levels.skip(&self.page, rows)?;
            }
        }
        if decoded < rows {
            spread_slots(&mut self.slots, self.column.physical, &self.valid);
            if self.is_indexed() && self.column.physical.width().is_none() {
                spread(&mut self.indices, &self.valid);
            }
        }
        self.page_rows -= rows;
        (self.from, self.count) = (0, rows);
        Ok(())
    }

    /// Decodes values that are not null; answers how many, which is fewer only of texts that are long.
    fn decode_values(&mut self, count: usize) -> Told<usize> {
        let Leaf { column, page, decoder, dictionary, indices, slots, ends, .. } = self;
        slots.clear();
        let is_prefixed = matches!(decoder, Decoder::Prefixes { .. });
        let from = (&mut *decoder, &page[..], &dictionary[..], &mut *indices);
        let (i32_of, i64_of) = (|b: &[u8]| le::<4>(b), |b: &[u8]| le::<8>(b));
        match column.physical {
            Physical::Bool => from.0.booleans(from.1, count, &mut slots.bools)?,
            Physical::Int32 => {
                fixed(from, 4, count, &mut slots.i32s, |b| i32::from_le_bytes(i32_of(b)), Some(|v| v as i32))?;
            }
            Physical::UInt32 => {
                let wide = |b: &[u8]| i64::from(u32::from_le_bytes(i32_of(b)));
                fixed(from, 4, count, &mut slots.i64s, wide, Some(|v| i64::from(v as u32)))?;
            }
            Physical::Int64 => {
                fixed(from, 8, count, &mut slots.i64s, |b| i64::from_le_bytes(i64_of(b)), Some(|v| v))?;
            }
            Physical::Moment { times, per } => {
                fixed(from, 8, count, &mut slots.i64s, |b| i64::from_le_bytes(i64_of(b)), Some(|v| v))?;
                if times != 1 {
                    slots.i64s.iter_mut().for_each(|value| *value = value.saturating_mul(times));
                }
                if per != 1 {
                    slots.i64s.iter_mut().for_each(|value| *value = value.div_euclid(per));
                }
            }
            Physical::Int96 => fixed(from, 12, count, &mut slots.i64s, julian, None)?,
            Physical::Float32 => {
                fixed(from, 4, count, &mut slots.f32s, |b| f32::from_le_bytes(i32_of(b)), None)?;
            }
            Physical::Float64 => {
                fixed(from, 8, count, &mut slots.f64s, |b| f64::from_le_bytes(i64_of(b)), None)?;
            }
            Physical::Decimal { number: 1, scale, .. } => {
                fixed(from, 4, count, &mut slots.i32s, |b| i32::from_le_bytes(i32_of(b)), Some(|v| v as i32))?;
                slots.f64s.extend(slots.i32s.iter().map(|value| decimal(i128::from(*value), scale)));
                slots.i32s.clear();
            }
            Physical::Decimal { number: 2, scale, .. } => {
                fixed(from, 8, count, &mut slots.i64s, |b| i64::from_le_bytes(i64_of(b)), Some(|v| v))?;
                slots.f64s.extend(slots.i64s.iter().map(|value| decimal(i128::from(*value), scale)));
                slots.i64s.clear();
            }
            Physical::Decimal { bytes: bytes @ 1.., scale, .. } if !is_prefixed => {
                fixed(from, bytes, count, &mut slots.f64s, |b| decimal(big_endian(b), scale), None)?;
            }
            Physical::Decimal { scale, .. } => {
                let decoded = texts(from, ends, count, &mut slots.views)?;
                let source = match decoder {
                    Decoder::Indices(_) => &*dictionary,
                    Decoder::Prefixes { own, .. } => own,
                    _ => &*page,
                };
                let bytes = |(start, end): &(u32, u32)| &source[*start as usize..*end as usize];
                if let Some(long) = slots.views.iter().map(bytes).find(|bytes| bytes.len() > 16) {
                    return Err(format!("wanted decimals of at most 16 bytes, got {}", long.len()));
                }
                slots.f64s.extend(slots.views.iter().map(|view| decimal(big_endian(bytes(view)), scale)));
                slots.views.clear();
                return Ok(decoded);
            }
            Physical::Bytes => return texts(from, ends, count, &mut slots.views),
        }
        Ok(count)
    }

    fn skip_in_page(&mut self, rows: usize) -> Told<()> {
        let values = match &mut self.levels {
            None => rows,
            Some(levels) => levels.skip(&self.page, rows)?,
        };
        if self.decoder.skip(&self.page, values, self.column.physical.width())? {
            self.page_rows -= rows;
            return Ok(());
        }
        // What has to be decoded to be passed over.
        let mut left = values;
        while left > 0 {
            left -= self.decode_values(left.min(CHUNK_ROWS))?;
        }
        self.page_rows -= rows;
        Ok(())
    }

    /// Memory of a column whose pages and dictionary are no larger than this.
    pub fn bytes_for(column: &FileColumn, page: u64, dictionary: u64, prefixes: bool) -> u64 {
        let slots = CHUNK_ROWS as u64 * 2 * (8 + 8 + 4 + 1);
        // A text has four bytes of length before it; where it ends and its code are as long.
        let tables = if column.physical.width().is_none() { 2 * dictionary } else { 0 };
        // The text before, as it grows, and those of a chunk.
        let own = if prefixes { 6 * page + 3 * super::decode::OWN_BYTES as u64 } else { 0 };
        page + dictionary + tables + slots + own + size_of::<Leaf>() as u64 + column.name.len() as u64
    }
}

/// Where a text begins and ends that has its length before it.
pub(super) fn plain_text(data: &[u8], at: usize) -> Told<(usize, usize)> {
    let length = data.get(at..at + 4).and_then(|bytes| bytes.first_chunk()).ok_or(CUT)?;
    let start = at + 4;
    let end = start.saturating_add(u32::from_le_bytes(*length) as usize);
    if end > data.len() { Err(CUT.into()) } else { Ok((start, end)) }
}

#[inline(always)]
fn le<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// Microseconds since 1970 of nanoseconds of a day and a Julian day.
fn julian(bytes: &[u8]) -> i64 {
    let nanoseconds = i64::from_le_bytes(le::<8>(bytes));
    let day = i64::from(u32::from_le_bytes(le::<4>(bytes.get(8..).unwrap_or_default())));
    (day - 2_440_588).saturating_mul(86_400_000_000).saturating_add(nanoseconds.div_euclid(1_000))
}

fn big_endian(bytes: &[u8]) -> i128 {
    let sign = bytes.first().map_or(0, |first| i128::from(*first as i8 >> 7));
    bytes.iter().fold(sign, |value, byte| value << 8 | i128::from(*byte))
}
