//! One message: its metadata, read whole and verified, and where its body is.

use arrow_ipc::{DictionaryBatch, Message, MetadataVersion, RecordBatch, root_as_message_with_opts};
use flatbuffers::VerifierOptions;
use swath_core::{Error, Place, Result};

use super::CONTINUATION;
use crate::columnar::read_exactly;
use crate::store::ReadAt;

/// The longest metadata of a message that is read.
const METADATA_MAX: u64 = 16 << 20;

/// Bytes at an address that tables of numbers may have.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: Vec<u64>,
    length: usize,
}

impl Words {
    /// Reads bytes of a file.
    pub fn read(&mut self, file: &dyn ReadAt, at: u64, length: usize) -> Result<()> {
        let words = length.div_ceil(8);
        if self.words.capacity() < words {
            // Not both at once.
            self.words = Vec::new();
            self.words = Vec::with_capacity(words);
        }
        self.words.resize(words, 0);
        self.length = length;
        read_exactly(file, &mut bytemuck::cast_slice_mut(&mut self.words)[..length], at)
    }

    /// What was read.
    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.words)[..self.length]
    }
}

/// Where a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Where its metadata begin, behind their length.
    pub at: u64,
    pub metadata: u32,
    /// Where its body begins.
    pub body: u64,
}

/// An error at a byte of a file.
pub(super) fn corrupt(file: &dyn ReadAt, at: u64, message: impl Into<String>) -> Error {
    Error::InputCorrupt {
        place: Place { byte_offset: Some(at), ..Place::file(file.path()) },
        message: message.into(),
        hint: "check that the file was written and copied to its end; other rows cannot be told from it".into(),
    }
}

/// Reads the length of the message at `at`, in a file whose messages end at `end`; none at the end of a stream.
pub(super) fn envelope(file: &dyn ReadAt, at: u64, end: u64) -> Result<Option<Envelope>> {
    let there = end.saturating_sub(at);
    if there == 0 {
        return Ok(None);
    }
    let mut prefix = [0; 8];
    let known = there.min(8) as usize;
    if known < 4 {
        return Err(corrupt(file, at, format!("wanted a message of at least 8 bytes, got {there}")));
    }
    read_exactly(file, &mut prefix[..known], at)?;
    let [a, b, c, d, rest @ ..] = prefix;
    let is_continued = [a, b, c, d] == CONTINUATION;
    if is_continued && known < 8 {
        return Err(corrupt(file, at, format!("wanted a message of at least 8 bytes, got {there}")));
    }
    // Before version 0.15 the length came first.
    let (length, before) = if is_continued { (rest, 8) } else { ([a, b, c, d], 4) };
    let length = i32::from_le_bytes(length);
    if length == 0 {
        return Ok(None);
    }
    let most = (there - before).min(METADATA_MAX);
    match u64::try_from(length) {
        Ok(metadata) if metadata <= most => {
            let at = at + before;
            Ok(Some(Envelope { at, metadata: metadata as u32, body: at + metadata }))
        }
        _ => Err(corrupt(file, at, format!("wanted metadata of at most {most} bytes, got {length}"))),
    }
}

/// How metadata of so many bytes are verified: tables that are named more than once would make much of few bytes.
pub(super) fn rules(bytes: usize) -> VerifierOptions {
    VerifierOptions { max_apparent_size: 4 * bytes + (64 << 10), ..VerifierOptions::default() }
}

/// What is wrong with metadata, without the way there.
pub(super) fn first(error: &flatbuffers::InvalidFlatbuffer) -> String {
    error.to_string().lines().next().unwrap_or_default().trim_end_matches('.').to_string()
}

/// The message whose metadata were read into `words`.
pub(super) fn message<'w>(file: &dyn ReadAt, place: &Envelope, words: &'w Words) -> Result<Message<'w>> {
    let bytes = words.bytes();
    let message = root_as_message_with_opts(&rules(bytes.len()), bytes).map_err(|error| {
        corrupt(file, place.at, format!("the metadata of a message cannot be read: {}", first(&error)))
    })?;
    if message.version() < MetadataVersion::V4 {
        let told = format!("wanted metadata of version V4 or V5, got {:?}", message.version());
        return Err(corrupt(file, place.at, told));
    }
    Ok(message)
}

/// What a message holds, as far as it matters.
pub(super) enum Held<'w> {
    Batch(RecordBatch<'w>),
    Dictionary(DictionaryBatch<'w>, RecordBatch<'w>),
}

/// The batch or dictionary of a message, and the length of its body, which ends at `end` at the latest.
pub(super) fn held<'w>(
    file: &dyn ReadAt,
    place: &Envelope,
    message: &Message<'w>,
    end: u64,
) -> Result<(Held<'w>, u64)> {
    let most = end.saturating_sub(place.body);
    let length = u64::try_from(message.bodyLength()).ok().filter(|length| *length <= most);
    let length = length.ok_or_else(|| {
        corrupt(file, place.at, format!("wanted a body of at most {most} bytes, got {}", message.bodyLength()))
    })?;
    if let Some(batch) = message.header_as_record_batch() {
        return Ok((Held::Batch(batch), length));
    }
    if let Some(dictionary) = message.header_as_dictionary_batch() {
        let data = dictionary.data().ok_or_else(|| corrupt(file, place.at, "a dictionary has no values"))?;
        return Ok((Held::Dictionary(dictionary, data), length));
    }
    let told = format!("wanted a record batch or a dictionary, got {:?}", message.header_type());
    Err(corrupt(file, place.at, told))
}
