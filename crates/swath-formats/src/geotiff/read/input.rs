//! The file behind a grid: its header, its byte order, and reads that never go beyond its end.
//!
//! Nothing that a header says is believed before it was held against the length of the file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use swath_core::{Error, Place, Result};

use super::ByteOrder;
use crate::store::{ReadAt, RestingFile, read_full};

/// An open TIFF.
#[derive(Debug)]
pub(super) struct Input {
    source: RestingFile,
    /// Bytes of the file.
    pub length: u64,
    /// How it orders bytes.
    pub order: ByteOrder,
    /// Whether it is a BigTIFF.
    pub big: bool,
    /// Where its first directory is.
    pub first: u64,
    /// Why some of it could not be read, and the hint.
    failed: OnceLock<(String, String)>,
}

const HINT: &str = "the file is damaged or was cut off: fetch or write it again";

impl Input {
    /// Opens a file and reads its header.
    pub fn open(path: PathBuf) -> Result<Input> {
        let source = RestingFile::open(path)?;
        let length = source.length();
        let mut input =
            Input { source, length, order: ByteOrder::Little, big: false, first: 0, failed: OnceLock::new() };
        let mut head = [0; 16];
        let got = read_full(&input.source, &mut head, 0)?;
        input.order = match &head[..2] {
            b"II" => ByteOrder::Little,
            b"MM" => ByteOrder::Big,
            _ => return Err(input.corrupt(0, "it is no TIFF: it begins neither with II nor with MM")),
        };
        let version = input.order.u16(&head[2..]);
        input.big = version == 43;
        input.first = match version {
            42 if got >= 8 => u64::from(input.order.u32(&head[4..])),
            43 if got >= 16 && input.order.u16(&head[4..]) == 8 => input.order.u64(&head[8..]),
            42 | 43 => return Err(input.corrupt(4, "its header is cut off or not of a BigTIFF")),
            other => return Err(input.corrupt(2, format!("it is no TIFF: version {other} instead of 42 or 43"))),
        };
        Ok(input)
    }

    /// The path.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// Fills a buffer.
    pub fn read(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let got = read_full(&self.source, buffer, offset).inspect_err(|error| {
            if let Error::InputUnreadable { reason, hint, .. } = error {
                self.failed.get_or_init(|| (reason.clone(), hint.clone()));
            }
        })?;
        if got < buffer.len() {
            let message = format!("{} bytes are wanted here, {got} are left", buffer.len());
            return Err(self.corrupt(offset, message));
        }
        Ok(())
    }

    /// Whether all that was wanted could be read: what is damaged may be left out, what could not be read may be sound.
    ///
    /// # Errors
    /// That of the first read that failed.
    pub fn check_read(&self) -> Result<()> {
        match self.failed.get().cloned() {
            Some((reason, hint)) => Err(Error::InputUnreadable { path: self.path().into(), reason, hint }),
            None => Ok(()),
        }
    }

    /// The error for bytes that are not what they should be.
    pub fn corrupt(&self, offset: u64, message: impl Into<String>) -> Error {
        let place = Place { byte_offset: Some(offset), ..Place::file(self.path()) };
        Error::InputCorrupt { place, message: message.into(), hint: HINT.into() }
    }

    /// The error for a file that is sound and of a kind that is not read here.
    pub fn unsupported(&self, reason: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::InputUnreadable { path: self.path().into(), reason: reason.into(), hint: hint.into() }
    }
}

impl ByteOrder {
    /// Whether this machine orders bytes otherwise.
    pub(super) fn is_foreign(self) -> bool {
        self != if cfg!(target_endian = "little") { ByteOrder::Little } else { ByteOrder::Big }
    }

    /// The number at the start of some bytes, of which there must be enough.
    pub(super) fn u16(self, bytes: &[u8]) -> u16 {
        self.unsigned(&bytes[..2]) as u16
    }

    /// See `u16`.
    pub(super) fn u32(self, bytes: &[u8]) -> u32 {
        self.unsigned(&bytes[..4]) as u32
    }

    /// See `u16`.
    pub(super) fn u64(self, bytes: &[u8]) -> u64 {
        self.unsigned(&bytes[..8])
    }

    /// The number that up to eight bytes are.
    pub(super) fn unsigned(self, bytes: &[u8]) -> u64 {
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        match self {
            ByteOrder::Little => bytes.iter().rev().fold(0, add),
            ByteOrder::Big => bytes.iter().fold(0, add),
        }
    }
}
