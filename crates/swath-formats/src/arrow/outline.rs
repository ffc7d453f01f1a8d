//! What the messages of a file or stream say: columns, where record batches and dictionaries are, and what reading the
//! wanted columns takes.
//!
//! A file names its messages in a footer; those of a stream are found by walking from one to the next. Bodies are not
//! read, but for the lengths of packed buffers.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use arrow_ipc::{MetadataVersion, root_as_footer_with_opts};
use swath_core::Result;

use super::MAGIC;
use super::fields::{Column, Fields, Position, Stored};
use super::message::{Envelope, Held, Words, corrupt, envelope, first, held, message, rules};
use super::part::{Batch, UNPACKED_MAX, of_dictionary};
use super::views;
use crate::columnar::read_exactly;
use crate::parquet::Codec;
use crate::store::ReadAt;

/// The longest footer that is read.
const FOOTER_MAX: u64 = 64 << 20;
/// Rows of a file at most.
const ROWS_MAX: u64 = 1 << 40;
/// A packed batch with more rows is read in pieces, and one with larger columns takes much memory: such files are laid
/// out unpacked before.
const PACKED_MAX: (u64, u64) = (196_608, UNPACKED_MAX);

/// What a file says.
#[derive(Debug, Clone)]
pub struct Outline {
    /// Rows of all record batches.
    pub rows: u64,
    /// The columns that can be read, in the order of the file.
    pub columns: Vec<Column>,
    /// The columns that cannot, and why.
    pub refused: Vec<(String, String)>,
    /// Record batches with rows.
    pub(crate) batches: Vec<Group>,
    pub(super) dictionaries: Vec<Dictionary>,
    /// What every batch has.
    pub(super) all: Position,
    /// What reading each column takes.
    pub(super) needs: Vec<Needs>,
    /// Bytes of the wanted columns, packed and unpacked.
    pub packed_bytes: u64,
    /// The same unpacked.
    pub unpacked_bytes: u64,
    /// Whether it is a stream.
    pub is_stream: bool,
    /// Whether it says where it ends: a stream may just stop.
    pub is_ended: bool,
    /// How batches are packed.
    pub packings: BTreeSet<&'static str>,
    /// Where messages end.
    pub(super) end: u64,
    /// Bytes of the footer, and of the longest metadata of a message.
    footer: u64,
    metadata: u64,
    /// Whether the wanted columns of batches are packed and so large that they are to be laid out.
    pub is_heavy: bool,
}

/// A record batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Group {
    pub first_row: u64,
    pub rows: u64,
    pub(super) place: Envelope,
}

/// Some entries of a dictionary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dictionary {
    pub id: i64,
    pub place: Envelope,
    /// Whether they follow those before.
    pub is_delta: bool,
    /// How many record batches with rows come before it.
    pub before: usize,
    pub entries: u64,
}

/// The most that a column has in any batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    /// Bytes of all its packed buffers when they are unpacked.
    pub unpacked: u64,
    /// Its largest packed buffer.
    pub packed: u64,
    /// Its largest buffer of texts.
    pub texts: u64,
    /// Of its dictionary, when it is largest: entries, bytes of texts, what is unpacked for it.
    pub entries: u64,
    pub entry_texts: u64,
    pub entries_unpacked: u64,
}

impl Outline {
    /// Reads what a file or stream of so many bytes says; `wanted` columns are looked at.
    ///
    /// # Errors
    /// [`swath_core::Error::InputUnreadable`]; [`swath_core::Error::InputCorrupt`] for what is no whole file or stream.
    pub fn read(file: &dyn ReadAt, size: u64, wanted: &dyn Fn(&str) -> bool) -> Result<Outline> {
        let mut head = [0; 8];
        if size < 16 {
            let told = format!("the file has {size} bytes: wanted Arrow IPC, with a schema at least");
            return Err(corrupt(file, size, told));
        }
        read_exactly(file, &mut head, 0)?;
        let mut walk = Walk { file, words: Words::default(), batch: Batch::default(), sums: BTreeMap::new() };
        if head.starts_with(MAGIC) { walk.file(size, wanted) } else { walk.stream(size, wanted) }
    }

    fn new(fields: Fields, is_stream: bool, end: u64) -> Outline {
        Outline {
            rows: 0,
            needs: vec![Needs::default(); fields.columns.len()],
            columns: fields.columns,
            refused: fields.refused,
            batches: Vec::new(),
            dictionaries: Vec::new(),
            all: fields.all,
            packed_bytes: 0,
            unpacked_bytes: 0,
            is_stream,
            is_ended: true,
            packings: BTreeSet::new(),
            end,
            footer: 0,
            metadata: 0,
            is_heavy: false,
        }
    }

    /// How many record batches have rows.
    pub fn batches(&self) -> usize {
        self.batches.len()
    }

    /// Memory that it takes once it is read, and what reading it took.
    pub fn memory(&self) -> u64 {
        let around = |column: &Column| column.around.len() * size_of::<Position>();
        let of = |column: &Column| column.name.len() + around(column) + size_of::<Column>() + size_of::<Needs>();
        let names: usize = self.columns.iter().map(of).sum();
        let refused: usize = self.refused.iter().map(|(name, why)| name.len() + why.len() + 48).sum();
        // Tables that grow are there twice for a moment.
        let tables = self.batches.len() * size_of::<Group>() + self.dictionaries.len() * size_of::<Dictionary>();
        // Metadata, and what is made of them, while it is read and afterwards.
        self.footer + 4 * self.metadata + (2 * names + 2 * refused + 3 * tables) as u64
    }

    /// The dictionaries that hold for a column in a batch, in order.
    pub(super) fn dictionaries_of(&self, id: i64, group: usize) -> impl Iterator<Item = &Dictionary> {
        let before = &self.dictionaries[..self.dictionaries.partition_point(|entry| entry.before <= group)];
        let last = before.iter().rposition(|entry| entry.id == id && !entry.is_delta);
        before[last.unwrap_or(0)..].iter().filter(move |entry| entry.id == id)
    }
}

/// Walking through messages.
struct Walk<'f> {
    file: &'f dyn ReadAt,
    words: Words,
    batch: Batch,
    /// What there is of each dictionary so far.
    sums: BTreeMap<i64, Needs>,
}

impl Walk<'_> {
    fn file(&mut self, size: u64, wanted: &dyn Fn(&str) -> bool) -> Result<Outline> {
        let file = self.file;
        let mut tail = [0; 10];
        let told = |what: &str| format!("{what}: wanted an Arrow file that ends in its footer and ARROW1");
        if size < 8 + 10 {
            return Err(corrupt(file, size, told(&format!("the file has {size} bytes"))));
        }
        read_exactly(file, &mut tail, size - 10)?;
        let [a, b, c, d, magic @ ..] = tail;
        if &magic != MAGIC {
            return Err(corrupt(file, size - 6, told(&format!("the file ends in \"{}\"", magic.escape_ascii()))));
        }
        let most = (size - 18).min(FOOTER_MAX);
        let length = i32::from_le_bytes([a, b, c, d]);
        let length = u64::try_from(length).ok().filter(|length| *length <= most).ok_or_else(|| {
            corrupt(file, size - 10, format!("wanted a footer of at most {most} bytes, got {length}"))
        })?;
        let start = size - 10 - length;
        let mut words = Words::default();
        words.read(file, start, length as usize)?;
        let wrong = |told: String| corrupt(file, start, format!("the footer cannot be read: {told}"));
        let footer = root_as_footer_with_opts(&rules(words.bytes().len()), words.bytes())
            .map_err(|error| wrong(first(&error)))?;
        if footer.version() < MetadataVersion::V4 {
            return Err(wrong(format!("wanted metadata of version V4 or V5, got {:?}", footer.version())));
        }
        let schema = footer.schema().ok_or_else(|| wrong("it has no schema".into()))?;
        let dictionaries = footer.dictionaries().into_iter().flatten();
        let batches = footer.recordBatches().into_iter().flatten();
        // Some writers put batches of version V4 under a footer of V5.
        let version = match dictionaries.clone().chain(batches.clone()).next() {
            Some(block) => self.version(block.offset(), start)?.unwrap_or(footer.version()),
            None => footer.version(),
        };
        let mut outline = Outline::new(Fields::of(&schema, version, wanted).map_err(wrong)?, false, start);
        outline.footer = length;
        for (block, is_batch) in dictionaries.map(|block| (block, false)).chain(batches.map(|block| (block, true))) {
            let place = u64::try_from(block.offset()).ok().filter(|at| (8..start).contains(at));
            let place = place.ok_or_else(|| {
                wrong(format!("wanted messages in bytes 8 to {start}, got one at {}", block.offset()))
            })?;
            let found = envelope(file, place, start)?
                .ok_or_else(|| corrupt(file, place, "wanted a message that the footer names, got the end"))?;
            // There may be some bytes between the two.
            let body = u64::try_from(block.metaDataLength()).ok().map(|length| place + length);
            let body = body.filter(|body| (found.body..=start).contains(body)).ok_or_else(|| {
                let wanted = found.body - place;
                corrupt(file, place, format!("wanted metadata of {wanted} bytes, got {}", block.metaDataLength()))
            })?;
            let place = Envelope { body, ..found };
            if self.message(&mut outline, place)?.1 != is_batch {
                return Err(corrupt(file, place.at, "a dictionary and a record batch are not where the footer says"));
            }
        }
        Ok(outline)
    }

    /// The version of the message at `place`, if there is one.
    fn version(&mut self, place: i64, end: u64) -> Result<Option<MetadataVersion>> {
        let Some(place) = u64::try_from(place).ok().filter(|at| (8..end).contains(at)) else { return Ok(None) };
        let Some(found) = envelope(self.file, place, end)? else { return Ok(None) };
        self.words.read(self.file, found.at, found.metadata as usize)?;
        Ok(Some(message(self.file, &found, &self.words)?.version()))
    }

    fn stream(&mut self, size: u64, wanted: &dyn Fn(&str) -> bool) -> Result<Outline> {
        let file = self.file;
        let first = envelope(file, 0, size)?.ok_or_else(|| corrupt(file, 0, "the stream has no schema"))?;
        let mut words = Words::default();
        words.read(file, first.at, first.metadata as usize)?;
        let head = message(file, &first, &words)?;
        let schema = head.header_as_schema();
        let schema = schema.ok_or_else(|| {
            corrupt(file, first.at, format!("wanted a stream that begins with a schema, got {:?}", head.header_type()))
        })?;
        let fields = Fields::of(&schema, head.version(), wanted)
            .map_err(|told| corrupt(file, first.at, format!("the schema cannot be read: {told}")))?;
        let mut outline = Outline::new(fields, true, size);
        outline.metadata = u64::from(first.metadata);
        let mut at = first.body;
        while let Some(place) = envelope(file, at, size)? {
            at = self.message(&mut outline, place)?.0;
        }
        outline.is_ended = at < size;
        // The end may be told, or just be there.
        let after = size.saturating_sub(at + 8);
        if after > 0 {
            return Err(corrupt(
                file,
                at + 8,
                format!("wanted the end of the stream to be that of the file, got {after} bytes"),
            ));
        }
        Ok(outline)
    }

    /// Takes a message down; answers where its body ends, and whether it is a record batch.
    fn message(&mut self, outline: &mut Outline, place: Envelope) -> Result<(u64, bool)> {
        let file = self.file;
        self.words.read(file, place.at, place.metadata as usize)?;
        let message = message(file, &place, &self.words)?;
        let (held, length) = held(file, &place, &message, outline.end)?;
        outline.metadata = outline.metadata.max(u64::from(place.metadata));
        let is_batch = match held {
            Held::Batch(batch) => {
                self.batch.read(file, &place, &batch, length)?;
                self.record_batch(outline, place)?;
                true
            }
            Held::Dictionary(dictionary, batch) => {
                self.batch.read(file, &place, &batch, length)?;
                self.dictionary(outline, place, (dictionary.id(), dictionary.isDelta()))?;
                false
            }
        };
        outline.packings.insert(match self.batch.codec {
            Codec::None => "none",
            Codec::Lz4 => "lz4",
            _ => "zstd",
        });
        Ok((place.body + length, is_batch))
    }

    fn record_batch(&mut self, outline: &mut Outline, place: Envelope) -> Result<()> {
        let (file, batch) = (self.file, &self.batch);
        let number = outline.batches.len();
        let wrong = |told: String| corrupt(file, place.at, format!("record batch {number}: {told}"));
        batch.check(&outline.all).map_err(wrong)?;
        let rows = batch.rows;
        if rows == 0 {
            return Ok(());
        }
        for (column, needs) in outline.columns.iter().zip(&mut outline.needs).filter(|(column, _)| column.is_wanted) {
            let stored = column.dictionary.map_or(column.stored, |coded| coded.index);
            let own = batch.buffers_of(&column.place, stored);
            let (mut unpacked, mut texts) = (0u64, 0u64);
            for buffer in batch.all_of(column) {
                let stretch = batch.buffers[buffer];
                let (length, is_packed, _) = batch.measure(file, stretch)?;
                outline.packed_bytes += stretch.length;
                outline.unpacked_bytes = outline.unpacked_bytes.saturating_add(length);
                if buffer == own.start + 1 && own.contains(&buffer) && length < at_least(stored, rows) {
                    let wanted = at_least(stored, rows);
                    return Err(wrong(format!(
                        "column {:?}: wanted {wanted} bytes for {rows} rows, got {length}",
                        column.name
                    )));
                }
                if own.contains(&buffer) && buffer > own.start + 1 {
                    texts = texts.max(length);
                }
                if is_packed {
                    unpacked = unpacked.saturating_add(length);
                    needs.packed = needs.packed.max(stretch.length);
                }
            }
            needs.unpacked = needs.unpacked.max(unpacked);
            needs.texts = needs.texts.max(texts);
            outline.is_heavy |= unpacked > PACKED_MAX.1 || unpacked > 0 && rows > PACKED_MAX.0;
        }
        let first_row = outline.rows;
        let end = first_row.checked_add(rows).filter(|rows| *rows <= ROWS_MAX);
        outline.rows = end.ok_or_else(|| wrong("there are more than 2^40 rows".into()))?;
        outline.batches.push(Group { first_row, rows, place });
        Ok(())
    }

    fn dictionary(&mut self, outline: &mut Outline, place: Envelope, (id, is_delta): (i64, bool)) -> Result<()> {
        let (file, batch) = (self.file, &self.batch);
        let wrong = |told: String| corrupt(file, place.at, format!("dictionary {id}: {told}"));
        let of_id = |column: &&Column| column.is_wanted && column.dictionary.is_some_and(|coded| coded.id == id);
        let stored = outline.columns.iter().find(of_id).map(|column| column.stored);
        // Of a column that is not read.
        let Some(stored) = stored else { return Ok(()) };
        batch.check(&of_dictionary(stored)).map_err(wrong)?;
        if outline.columns.iter().filter(of_id).any(|column| column.stored != stored) {
            return Err(wrong("it is of columns of several types".into()));
        }
        let known = self.sums.get(&id).copied();
        if known.is_some() && !is_delta && !outline.is_stream {
            return Err(wrong("wanted it once in a file, or with further entries, got another one".into()));
        }
        let mut sum = known.filter(|_| is_delta).unwrap_or_default();
        let (mut unpacked, mut texts, mut packed) = (0u64, 0u64, 0u64);
        for buffer in batch.buffers_of(&Position::default(), stored) {
            let stretch = batch.buffers[buffer];
            let (length, is_packed, _) = batch.measure(file, stretch)?;
            outline.packed_bytes += stretch.length;
            outline.unpacked_bytes = outline.unpacked_bytes.saturating_add(length);
            if buffer == 1 && length < at_least(stored, batch.rows) {
                let wanted = at_least(stored, batch.rows);
                return Err(wrong(format!("wanted {wanted} bytes for {} entries, got {length}", batch.rows)));
            }
            if is_packed {
                unpacked = unpacked.saturating_add(length);
                packed = packed.max(stretch.length);
            }
            texts = texts.saturating_add(if buffer > 1 { length } else { 0 });
        }
        outline.is_heavy |= unpacked > PACKED_MAX.1;
        if stored == Stored::View && !outline.is_heavy {
            match views::texts(file, batch)? {
                Some(known) => texts = known,
                // It is known once it is laid out.
                None => outline.is_heavy = true,
            }
        }
        sum.entries = sum.entries.saturating_add(batch.rows);
        sum.entry_texts = sum.entry_texts.saturating_add(texts);
        sum.entries_unpacked = sum.entries_unpacked.max(unpacked);
        for (_, needs) in outline.columns.iter().zip(&mut outline.needs).filter(|(column, _)| of_id(column)) {
            needs.entries = needs.entries.max(sum.entries);
            needs.entry_texts = needs.entry_texts.max(sum.entry_texts);
            needs.entries_unpacked = needs.entries_unpacked.max(sum.entries_unpacked);
            needs.packed = needs.packed.max(packed);
        }
        self.sums.insert(id, sum);
        let before = outline.batches.len();
        let before = if outline.is_stream { before } else { 0 };
        outline.dictionaries.push(Dictionary { id, place, is_delta, before, entries: batch.rows });
        Ok(())
    }
}

/// Bytes that the values of so many rows have, or what says where they are.
fn at_least(stored: Stored, rows: u64) -> u64 {
    match stored {
        Stored::Nothing => 0,
        Stored::Bool => rows.div_ceil(8),
        Stored::Text { offset } => (rows.saturating_add(1)).saturating_mul(offset as u64),
        _ => rows.saturating_mul(stored.width() as u64),
    }
}
