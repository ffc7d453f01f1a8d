//! The buffers of a batch: where they are in the file, read in part where they are as they are, else unpacked once.

use arrow_ipc::{BodyCompressionMethod, CompressionType, RecordBatch};
use swath_core::{Error, Place, Result};

use super::fields::{Column, Position, Stored};
use super::message::{Envelope, Held, Words, corrupt, held, message};
use crate::columnar::read_exactly;
use crate::lz4;
use crate::parquet::{Codec, Unpacker};
use crate::store::ReadAt;

/// Bytes before a packed buffer: how long it is unpacked.
pub(super) const LENGTH_BYTES: u64 = 8;

/// The longest buffer that is unpacked in memory.
pub(super) const UNPACKED_MAX: u64 = 8 << 20;

/// An open file, and what is needed to read buffers from it.
pub(crate) struct Io {
    pub(super) file: Box<dyn ReadAt>,
    words: Words,
    packed: Vec<u8>,
    unpacker: Unpacker,
    /// The batch that was read last, and where it is.
    batch: Batch,
    open: Option<Envelope>,
}

impl Io {
    /// Memory that it takes beside packed buffers and metadata.
    pub const BYTES: u64 = Unpacker::BYTES + 4096;

    pub fn new(file: Box<dyn ReadAt>) -> Io {
        let (words, batch) = (Words::default(), Batch::default());
        Io { file, words, packed: Vec::new(), unpacker: Unpacker::new(), batch, open: None }
    }

    /// Reads what a batch or dictionary says of its buffers, unless it was the last.
    pub(super) fn open(&mut self, place: Envelope, end: u64) -> Result<()> {
        if self.open == Some(place) {
            return Ok(());
        }
        self.open = None;
        self.words.read(&*self.file, place.at, place.metadata as usize)?;
        let message = message(&*self.file, &place, &self.words)?;
        let (held, length) = held(&*self.file, &place, &message, end)?;
        let (Held::Batch(batch) | Held::Dictionary(_, batch)) = held;
        self.batch.read(&*self.file, &place, &batch, length)?;
        self.open = Some(place);
        Ok(())
    }

    /// An error at a byte of the file.
    pub fn corrupt(&self, column: &str, at: u64, message: &str) -> Error {
        Error::InputCorrupt {
            place: Place { byte_offset: Some(at), ..Place::file(self.file.path()) },
            message: format!("column {column:?}: a record batch cannot be read: {message}"),
            hint: "check that the file was written and copied to its end; other rows cannot be told from it".into(),
        }
    }
}

/// What a batch says of its buffers.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub rows: u64,
    /// Values and nulls of each node.
    pub nodes: Vec<(u64, u64)>,
    pub buffers: Vec<Stretch>,
    /// Further buffers of each column of views.
    pub variadic: Vec<u32>,
    pub codec: Codec,
}

/// Some bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Stretch {
    pub at: u64,
    pub length: u64,
}

impl Batch {
    /// Reads a batch, in a body of so many bytes.
    pub fn read(&mut self, file: &dyn ReadAt, place: &Envelope, batch: &RecordBatch<'_>, body: u64) -> Result<()> {
        let wrong = |told: String| corrupt(file, place.at, told);
        let size = |what: &str, number: i64| {
            u64::try_from(number)
                .map_err(|_| corrupt(file, place.at, format!("wanted {what} of 0 or more, got {number}")))
        };
        self.rows = size("rows", batch.length())?;
        self.nodes.clear();
        for node in batch.nodes().iter().flatten() {
            self.nodes.push((size("values", node.length())?, size("nulls", node.null_count())?));
        }
        self.buffers.clear();
        for buffer in batch.buffers().iter().flatten() {
            let (from, length) = (size("an offset", buffer.offset())?, size("a length", buffer.length())?);
            if from.checked_add(length).is_none_or(|to| to > body) && length > 0 {
                return Err(wrong(format!("wanted buffers in {body} bytes, got {length} bytes from byte {from}")));
            }
            self.buffers.push(Stretch { at: place.body.saturating_add(from), length });
        }
        self.variadic.clear();
        for count in batch.variadicBufferCounts().iter().flatten() {
            let count = u32::try_from(count).ok().filter(|count| *count as usize <= self.buffers.len());
            self.variadic.push(count.ok_or_else(|| wrong("it has more buffers of a column than buffers".into()))?);
        }
        self.codec = match batch.compression() {
            None => Codec::None,
            Some(packing) if packing.method() != BodyCompressionMethod::BUFFER => {
                return Err(wrong(format!("it is packed in the unknown way {:?}", packing.method())));
            }
            Some(packing) => match packing.codec() {
                CompressionType::LZ4_FRAME => Codec::Lz4,
                CompressionType::ZSTD => Codec::Zstd,
                other => return Err(wrong(format!("it is packed with {other:?}; wanted LZ4 or zstd"))),
            },
        };
        Ok(())
    }

    /// Whether it has what every batch of a schema has.
    pub fn check(&self, fields: &Position) -> Result<(), String> {
        if self.nodes.len() != fields.node || self.variadic.len() != fields.views {
            let (columns, views) = (fields.node, fields.views);
            return Err(format!(
                "wanted {columns} columns, {views} of views, got {} and {}",
                self.nodes.len(),
                self.variadic.len()
            ));
        }
        let wanted = fields.buffer as u64 + self.variadic.iter().map(|count| u64::from(*count)).sum::<u64>();
        if self.buffers.len() as u64 != wanted {
            return Err(format!("wanted {wanted} buffers, got {}", self.buffers.len()));
        }
        Ok(())
    }

    /// The first buffer of a field, and how many further ones it has if it is of views.
    fn first(&self, place: &Position) -> (usize, usize) {
        let before: usize = self.variadic.iter().take(place.views).map(|count| *count as usize).sum();
        let own = self.variadic.get(place.views).map_or(0, |count| *count as usize);
        (place.buffer + before, own)
    }

    /// Which buffers hold the values of a field.
    pub fn buffers_of(&self, place: &Position, stored: Stored) -> std::ops::Range<usize> {
        let (first, further) = self.first(place);
        let further = if stored == Stored::View { further } else { 0 };
        first..first + stored.buffers() + further
    }

    /// Which buffers hold a column, the validity of what it is in included.
    pub fn all_of(&self, column: &Column) -> impl Iterator<Item = usize> {
        let stored = column.dictionary.map_or(column.stored, |coded| coded.index);
        let around: Vec<usize> = column.around.iter().map(|place| self.first(place).0).collect();
        self.buffers_of(&column.place, stored).chain(around)
    }

    /// How long a buffer is unpacked, and whether it is packed; its bytes as they are else.
    pub fn measure(&self, file: &dyn ReadAt, buffer: Stretch) -> Result<(u64, bool, Stretch)> {
        if self.codec == Codec::None || buffer.length == 0 {
            return Ok((buffer.length, false, buffer));
        }
        let mut length = [0; LENGTH_BYTES as usize];
        if buffer.length < LENGTH_BYTES {
            return Err(corrupt(file, buffer.at, format!("wanted a packed buffer, got {} bytes", buffer.length)));
        }
        read_exactly(file, &mut length, buffer.at)?;
        let rest = Stretch { at: buffer.at + LENGTH_BYTES, length: buffer.length - LENGTH_BYTES };
        match i64::from_le_bytes(length) {
            // Packing would not have made it shorter.
            -1 => Ok((rest.length, false, rest)),
            length => match u64::try_from(length) {
                Ok(length) => Ok((length, length > 0, rest)),
                Err(_) => {
                    Err(corrupt(file, buffer.at, format!("wanted an unpacked length of 0 or more, got {length}")))
                }
            },
        }
    }
}

/// The fields of a dictionary: one, whose values are there as they are.
pub(super) fn of_dictionary(stored: Stored) -> Position {
    Position { node: 1, buffer: stored.buffers(), views: usize::from(stored == Stored::View) }
}

/// A buffer that is being read.
#[derive(Debug, Default)]
pub(super) struct Part {
    at: u64,
    /// Its length, unpacked.
    pub length: u64,
    /// How it is packed, and in how many bytes.
    packed: Option<(Codec, u64)>,
    is_loaded: bool,
    data: Vec<u8>,
}

impl Part {
    /// Begins with a buffer of the open batch.
    pub fn open(&mut self, io: &Io, buffer: usize) -> Result<()> {
        let Some(stretch) = io.batch.buffers.get(buffer) else {
            return Err(Error::unexpected("a column has a buffer that its batch lacks"));
        };
        let (length, is_packed, stretch) = io.batch.measure(&*io.file, *stretch)?;
        (self.at, self.length, self.is_loaded) = (stretch.at, length, false);
        self.packed = is_packed.then_some((io.batch.codec, stretch.length));
        Ok(())
    }

    /// Where it is in the file.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Whether it is unpacked in memory.
    pub fn is_packed(&self) -> bool {
        self.packed.is_some()
    }

    /// Reads bytes that are as they are in the file, and inside of the buffer.
    pub fn read_into(&self, io: &Io, from: u64, into: &mut [u8]) -> Result<()> {
        read_exactly(&*io.file, into, self.at + from)
    }

    /// Some of its bytes, which go to `into` unless they are in memory already.
    pub fn read<'a>(
        &'a mut self,
        io: &mut Io,
        column: &str,
        (from, length): (u64, usize),
        into: &'a mut Vec<u8>,
    ) -> Result<&'a [u8]> {
        if from.checked_add(length as u64).is_none_or(|to| to > self.length) {
            let told = format!("wanted {length} bytes of a buffer from byte {from}, got {} bytes in all", self.length);
            return Err(io.corrupt(column, self.at, &told));
        }
        if self.packed.is_some() {
            self.load(io, column)?;
            return Ok(&self.data[from as usize..from as usize + length]);
        }
        room(into, length);
        read_exactly(&*io.file, into, self.at + from)?;
        Ok(into)
    }

    /// Unpacks it, unless that was done.
    fn load(&mut self, io: &mut Io, column: &str) -> Result<()> {
        let Some((codec, length)) = self.packed.filter(|_| !self.is_loaded) else { return Ok(()) };
        // Files with longer ones are laid out before, or not what they were; and packing makes nothing much longer.
        let longest = length.saturating_sub(length / 64 + LENGTH_BYTES).max(self.length);
        if longest > UNPACKED_MAX {
            let told = format!("wanted a packed buffer of at most {UNPACKED_MAX} bytes, got {longest}");
            return Err(io.corrupt(column, self.at, &told));
        }
        room(&mut io.packed, length as usize);
        read_exactly(&*io.file, &mut io.packed, self.at)?;
        room(&mut self.data, self.length as usize);
        let told = match codec {
            Codec::Lz4 => lz4::unpack_frame(&io.packed, &mut self.data),
            codec => io.unpacker.unpack(codec, &io.packed, &mut self.data)?,
        };
        told.map_err(|told| io.corrupt(column, self.at, &told))?;
        self.is_loaded = true;
        Ok(())
    }
}

/// Makes a buffer as long as that, without more room than needed.
pub(super) fn room(buffer: &mut Vec<u8>, length: usize) {
    if buffer.capacity() < length {
        // Not both at once.
        *buffer = Vec::new();
        *buffer = Vec::with_capacity(length);
    }
    buffer.resize(length, 0);
}

impl Io {
    /// Where the batch is that was opened last.
    pub(super) fn at(&self) -> u64 {
        self.open.map_or(0, |place| place.at)
    }

    /// The batch that is open.
    pub(super) fn batch(&self) -> &Batch {
        &self.batch
    }
}
