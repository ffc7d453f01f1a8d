//! Files laid out as streams whose buffers are as they are: for those with packed buffers that are too large to be
//! unpacked in memory, and of which units would each have to unpack what comes before them.
//!
//! Buffers are unpacked as they come, some kB at a time, in the order of the batches. Columns that nobody wants are left
//! empty. What comes out is Arrow IPC once more, so whoever reads it need not know.

use std::io::{self, Read};

use arrow_ipc::{
    Buffer, DictionaryBatchBuilder, FieldNode, MessageBuilder, MessageHeader, MetadataVersion, RecordBatchBuilder,
};
use flatbuffers::FlatBufferBuilder;
use swath_core::{Error, Result};

use super::CONTINUATION;
use super::fields::Position;
use super::message::{Envelope, Held, Words, corrupt, envelope, held, message};
use super::outline::Outline;
use super::part::{Batch, Stretch};
use crate::lz4::FrameReader;
use crate::parquet::Codec;
use crate::store::{ReadAt, read_full};

/// Bytes that are read and written at once.
const BLOCK_BYTES: usize = 64 << 10;
/// Zeros between the mark of a file and its first message at most.
const PADDING_MAX: u64 = 4096;
/// What buffers begin at a multiple of.
const ALIGNED: u64 = 8;

/// Where bytes go.
type Put<'p> = &'p mut dyn FnMut(&[u8]) -> Result<()>;

/// Lays a file or stream out that is packed, with the columns that were wanted of the outline. A window of zstd takes no
/// more than `window_max` bytes.
///
/// # Errors
/// [`Error::InputUnreadable`] and [`Error::InputCorrupt`]; what `put` answers. Where there is too little memory to unpack
/// a buffer, `too_large` of how much there would have to be.
///
/// # Memory
/// 8.5 MiB for blocks of LZ4 of the largest kind, or a window; and the longest metadata a few times.
pub fn lay_out(
    file: &dyn ReadAt,
    outline: &Outline,
    window_max: u64,
    too_large: &dyn Fn(u64) -> Error,
    put: Put<'_>,
) -> Result<()> {
    let mut flat = Flat { file, outline, window_max, too_large, put, words: Words::default(), batch: Batch::default() };
    flat.schema()?;
    let mut dictionaries = outline.dictionaries.iter().peekable();
    for (number, group) in outline.batches.iter().enumerate() {
        while let Some(entry) = dictionaries.next_if(|entry| entry.before <= number) {
            flat.message(entry.place)?;
        }
        flat.message(group.place)?;
    }
    (flat.put)(&CONTINUATION)?;
    (flat.put)(&[0; 4])
}

struct Flat<'a> {
    file: &'a dyn ReadAt,
    outline: &'a Outline,
    window_max: u64,
    too_large: &'a dyn Fn(u64) -> Error,
    put: Put<'a>,
    words: Words,
    batch: Batch,
}

/// A buffer as it will be, and as it is.
struct Moved {
    from: Stretch,
    length: u64,
    is_packed: bool,
    at: u64,
}

impl Flat<'_> {
    /// Puts the schema down as it is. In a file it is the first message, too.
    fn schema(&mut self) -> Result<()> {
        let mut start = if self.outline.is_stream { 0 } else { 8 };
        // Some writers pad the mark of a file.
        let mut words = [0; 8];
        while !self.outline.is_stream && start < PADDING_MAX.min(self.outline.end) && words == [0; 8] {
            let read = read_full(self.file, &mut words, start)?;
            start += if words[..read] == [0; 8] { 8 } else { 0 };
        }
        let missing = || corrupt(self.file, start, "wanted a schema, got the end");
        let place = envelope(self.file, start, self.outline.end)?.ok_or_else(missing)?;
        self.words.read(self.file, place.at, place.metadata as usize)?;
        let head = message(self.file, &place, &self.words)?;
        let names = |name: &str| self.outline.columns.iter().any(|column| column.is_wanted && column.name == name);
        let schema = head.header_as_schema().map(|schema| super::fields::Fields::of(&schema, head.version(), &names));
        if schema.and_then(|fields| fields.ok()).is_none_or(|fields| fields.columns != self.outline.columns) {
            return Err(corrupt(self.file, place.at, "wanted the schema of the footer first, got something else"));
        }
        self.metadata(self.words.bytes().to_vec())
    }

    fn metadata(&mut self, mut bytes: Vec<u8>) -> Result<()> {
        bytes.resize(bytes.len().next_multiple_of(ALIGNED as usize), 0);
        (self.put)(&CONTINUATION)?;
        (self.put)(&(bytes.len() as u32).to_le_bytes())?;
        (self.put)(&bytes)
    }

    /// Puts a batch or dictionary down.
    fn message(&mut self, place: Envelope) -> Result<()> {
        let file = self.file;
        self.words.read(file, place.at, place.metadata as usize)?;
        let message = message(file, &place, &self.words)?;
        let (held, length) = held(file, &place, &message, self.outline.end)?;
        let (dictionary, batch) = match held {
            Held::Batch(batch) => (None, batch),
            Held::Dictionary(dictionary, batch) => (Some((dictionary.id(), dictionary.isDelta())), batch),
        };
        self.batch.read(file, &place, &batch, length)?;
        let moved = self.moved(dictionary.map(|(id, _)| id))?;
        let body = moved.last().map_or(0, |last| (last.at + last.length).next_multiple_of(ALIGNED));
        let bytes = metadata(&self.batch, &moved, body, dictionary);
        self.metadata(bytes)?;
        for buffer in moved.iter().filter(|buffer| buffer.length > 0) {
            self.buffer(buffer)?;
            let padding = buffer.length.next_multiple_of(ALIGNED) - buffer.length;
            (self.put)(&[0; ALIGNED as usize][..padding as usize])?;
        }
        Ok(())
    }

    /// Where the buffers of the batch go; those that nobody wants are empty.
    fn moved(&self, dictionary: Option<i64>) -> Result<Vec<Moved>> {
        let (batch, columns) = (&self.batch, self.outline.columns.iter().filter(|column| column.is_wanted));
        let mut is_wanted = vec![false; batch.buffers.len()];
        for column in columns {
            let buffers: Vec<usize> = match (dictionary, column.dictionary) {
                (None, _) => batch.all_of(column).collect(),
                (Some(id), Some(coded)) if coded.id == id => {
                    batch.buffers_of(&Position::default(), column.stored).collect()
                }
                _ => continue,
            };
            for buffer in buffers {
                if let Some(wanted) = is_wanted.get_mut(buffer) {
                    *wanted = true;
                }
            }
        }
        let mut at = 0;
        let moved = batch.buffers.iter().zip(is_wanted).map(|(buffer, is_wanted)| {
            let (length, is_packed, from) =
                if is_wanted { batch.measure(self.file, *buffer)? } else { (0, false, Stretch::default()) };
            let moved = Moved { from, length, is_packed, at };
            at = at.saturating_add(length.saturating_add(ALIGNED - 1) / ALIGNED * ALIGNED);
            Ok(moved)
        });
        moved.collect()
    }

    /// Puts the bytes of a buffer down, unpacked.
    fn buffer(&mut self, buffer: &Moved) -> Result<()> {
        let source = Section { file: self.file, at: buffer.from.at, left: buffer.from.length };
        let mut unpacked: Box<dyn Read + '_> = match (buffer.is_packed, self.batch.codec) {
            (false, _) | (_, Codec::None) => Box::new(source),
            (_, Codec::Lz4) if self.window_max < FrameReader::<Section<'_>>::BYTES => {
                return Err((self.too_large)(FrameReader::<Section<'_>>::BYTES));
            }
            (_, Codec::Lz4) => Box::new(FrameReader::new(source)),
            _ => {
                let unexpected = |error: io::Error| Error::unexpected(format!("zstd: {error}"));
                let mut decoder = zstd::stream::read::Decoder::new(source).map_err(unexpected)?;
                let log = self.window_max.max(1 << 10).ilog2().min(31);
                decoder.window_log_max(log).map_err(unexpected)?;
                Box::new(decoder)
            }
        };
        let wrong = |told: String| corrupt(self.file, buffer.from.at, format!("a buffer cannot be unpacked: {told}"));
        let mut block = vec![0; BLOCK_BYTES];
        let mut left = buffer.length;
        while left > 0 {
            let most = left.min(BLOCK_BYTES as u64) as usize;
            match unpacked.read(&mut block[..most]) {
                Ok(0) => {
                    let got = buffer.length - left;
                    return Err(wrong(format!("wanted {} bytes unpacked, got {got}", buffer.length)));
                }
                Ok(read) => {
                    (self.put)(&block[..read])?;
                    left -= read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.to_string().contains("too much memory") => {
                    return Err((self.too_large)((2 * self.window_max).next_power_of_two().clamp(1 << 20, 1 << 31)));
                }
                Err(error) => return Err(wrong(error.to_string())),
            }
        }
        match unpacked.read(&mut block[..1]) {
            Ok(0) => Ok(()),
            Ok(_) => Err(wrong(format!("wanted {} bytes unpacked, got more", buffer.length))),
            Err(error) => Err(wrong(error.to_string())),
        }
    }
}

/// The metadata of a batch that is not packed.
fn metadata(batch: &Batch, moved: &[Moved], body: u64, dictionary: Option<(i64, bool)>) -> Vec<u8> {
    let mut builder = FlatBufferBuilder::new();
    let nodes: Vec<FieldNode> =
        batch.nodes.iter().map(|(values, nulls)| FieldNode::new(*values as i64, *nulls as i64)).collect();
    let buffers: Vec<Buffer> = moved.iter().map(|buffer| Buffer::new(buffer.at as i64, buffer.length as i64)).collect();
    let counts: Vec<i64> = batch.variadic.iter().map(|count| i64::from(*count)).collect();
    let (nodes, buffers) = (builder.create_vector(&nodes), builder.create_vector(&buffers));
    let counts = (!counts.is_empty()).then(|| builder.create_vector(&counts));
    let mut data = RecordBatchBuilder::new(&mut builder);
    data.add_length(batch.rows as i64);
    data.add_nodes(nodes);
    data.add_buffers(buffers);
    if let Some(counts) = counts {
        data.add_variadicBufferCounts(counts);
    }
    let data = data.finish();
    let (header, kind) = match dictionary {
        None => (data.as_union_value(), MessageHeader::RecordBatch),
        Some((id, is_delta)) => {
            let mut entries = DictionaryBatchBuilder::new(&mut builder);
            entries.add_id(id);
            entries.add_data(data);
            entries.add_isDelta(is_delta);
            (entries.finish().as_union_value(), MessageHeader::DictionaryBatch)
        }
    };
    let mut message = MessageBuilder::new(&mut builder);
    message.add_version(MetadataVersion::V5);
    message.add_header_type(kind);
    message.add_header(header);
    message.add_bodyLength(body as i64);
    let message = message.finish();
    builder.finish(message, None);
    builder.finished_data().to_vec()
}

/// A stretch of a file as a stream.
struct Section<'f> {
    file: &'f dyn ReadAt,
    at: u64,
    left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = self.left.min(buffer.len() as u64) as usize;
        let read = read_full(self.file, &mut buffer[..most], self.at).map_err(io::Error::other)?;
        (self.at, self.left) = (self.at + read as u64, self.left - read as u64);
        Ok(read)
    }
}
