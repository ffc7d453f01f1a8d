//! The journal's bytes: records with a length and a checksum, so that a torn or damaged tail is seen.
//!
//! Layout: length of the body (u32), FNV-64 of kind and body (u64), kind (u8), body; all little-endian.

use std::fs::File;
use std::io::{self, BufReader, Read};

use serde::{Deserialize, Serialize};

use super::{Note, Receipt};
use crate::{Error, Fnv64, Result, TaskKey, fault};

/// The version of this layout.
pub(super) const FORMAT: u32 = 2;
const PREFIX: usize = 4 + 8 + 1;
const HEAD: u8 = b'H';
const RECEIPT: u8 = b'R';
const NOTE: u8 = b'N';
const LARGEST: usize = 1 << 30;

pub(super) enum Record {
    Head { format: u32, identity: serde_json::Value },
    Receipt(Receipt),
    Note(Note),
}

#[derive(Serialize, Deserialize)]
struct Head<T> {
    format: u32,
    identity: T,
}

/// Appends the record that begins a journal.
pub(super) fn head(identity: &serde_json::Value, out: &mut Vec<u8>) -> Result<()> {
    let body = serde_json::to_vec(&Head { format: FORMAT, identity })
        .map_err(|error| Error::unexpected(format!("the identity of the run cannot be written: {error}")))?;
    append(HEAD, &[&body], out)
}

/// Appends a receipt.
pub(super) fn receipt(receipt: &Receipt, out: &mut Vec<u8>) -> Result<()> {
    let key = &receipt.key;
    let (first, end) = (key.units.start.to_le_bytes(), key.units.end.to_le_bytes());
    append(RECEIPT, &[&key.stage.to_le_bytes(), &first, &end, receipt.payload()], out)
}

/// Appends a note.
pub(super) fn note(kind: &str, payload: &[u8], out: &mut Vec<u8>) -> Result<()> {
    let length = u16::try_from(kind.len()).map_err(|_| Error::unexpected("the kind of a note is too long"))?;
    append(NOTE, &[&length.to_le_bytes(), kind.as_bytes(), payload], out)
}

fn append(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) -> Result<()> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    if length > LARGEST {
        return Err(Error::unexpected(format!("a journal record of {length} bytes is too large")));
    }
    out.reserve(PREFIX + length);
    out.extend_from_slice(&(length as u32).to_le_bytes());
    let mut hash = Fnv64::default();
    hash.update(&[kind]);
    parts.iter().for_each(|part| hash.update(part));
    out.extend_from_slice(&hash.finish().to_le_bytes());
    out.push(kind);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    Ok(())
}

/// Reads records until the end or the first one that is not whole.
pub(super) struct Reader<'a> {
    file: BufReader<&'a File>,
    whole: u64,
    left: u64,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a File) -> io::Result<Reader<'a>> {
        Ok(Reader { left: file.metadata()?.len(), file: BufReader::with_capacity(64 << 10, file), whole: 0 })
    }

    /// Where the last whole record ends.
    pub(super) fn whole(&self) -> u64 {
        self.whole
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        let Some(rest) = self.left.checked_sub(PREFIX as u64) else {
            return Ok(None);
        };
        let mut prefix = [0u8; PREFIX];
        fault::point("journal.read")?;
        self.file.read_exact(&mut prefix)?;
        let (length, checksum) = (number(&prefix[..4]), number(&prefix[4..12]));
        let kind = prefix[12];
        if length > rest || length > LARGEST as u64 {
            return Ok(None);
        }
        let mut body = vec![0u8; length as usize];
        self.file.read_exact(&mut body)?;
        let mut hash = Fnv64::default();
        hash.update(&[kind]);
        hash.update(&body);
        if hash.finish() != checksum {
            return Ok(None);
        }
        let record = decode(kind, body);
        if record.is_some() {
            self.left = rest - length;
            self.whole += PREFIX as u64 + length;
        }
        Ok(record)
    }
}

fn decode(kind: u8, mut body: Vec<u8>) -> Option<Record> {
    match kind {
        HEAD => {
            let head: Head<serde_json::Value> = serde_json::from_slice(&body).ok()?;
            Some(Record::Head { format: head.format, identity: head.identity })
        }
        RECEIPT => {
            let stage = number(body.get(..2)?) as u16;
            let units = number(body.get(2..10)?)..number(body.get(10..18)?);
            body.drain(..18);
            Some(Record::Receipt(Receipt::from_bytes(TaskKey { stage, units }, body)))
        }
        NOTE => {
            let length = number(body.get(..2)?) as usize;
            let kind = String::from_utf8(body.get(2..2 + length)?.to_vec()).ok()?;
            body.drain(..2 + length);
            Some(Record::Note(Note { kind, payload: body }))
        }
        _ => None,
    }
}

/// A little-endian number of at most eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
