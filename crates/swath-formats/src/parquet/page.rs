//! Pages: their headers, read from the file, and their bytes, unpacked into buffers that are used again.
//!
//! What a header claims is held against what the footer says before anything is allocated.

use libdeflater::crc32;
use swath_core::{Error, Place, Result};

use super::thrift::{CUT, Thrift, Told};
use super::unpack::{Codec, Unpacker};
use crate::columnar::read_exactly;
use crate::store::ReadAt;

/// Bytes read for a header, at first and at most; statistics may make it long.
const HEADER_BYTES: (usize, usize) = (1 << 10, 1 << 20);

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageKind {
    Dictionary,
    Data,
    /// With its levels unpacked in front: so many bytes of them, and whether the rest is packed.
    Data2 {
        levels: usize,
        packed: bool,
    },
    Other,
}

/// The head of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub kind: PageKind,
    /// Values, nulls included; so many rows.
    pub values: usize,
    pub encoding: i32,
    /// How it is written which values are null.
    pub level_encoding: i32,
    /// Where its bytes begin.
    pub at: u64,
    pub packed: usize,
    pub unpacked: usize,
    crc: Option<i32>,
}

/// An open file, and what is needed to read pages from it.
pub(crate) struct Io {
    file: Box<dyn ReadAt>,
    header: Vec<u8>,
    packed: Vec<u8>,
    unpacker: Unpacker,
}

impl Io {
    /// Memory that it takes beside packed pages.
    pub const BYTES: u64 = Unpacker::BYTES + HEADER_BYTES.0 as u64;

    pub fn new(file: Box<dyn ReadAt>) -> Io {
        Io { file, header: vec![0; HEADER_BYTES.0], packed: Vec::new(), unpacker: Unpacker::new() }
    }

    /// An error at a byte of the file.
    pub fn corrupt(&self, column: &str, at: u64, message: &str) -> Error {
        Error::InputCorrupt {
            place: Place { byte_offset: Some(at), ..Place::file(self.file.path()) },
            message: format!("column {column:?}: a page cannot be read: {message}"),
            hint: "check that the file was written and copied to its end; other rows cannot be told from it".into(),
        }
    }

    /// Reads the header of the page at `at`, which ends at `end` at the latest.
    pub(super) fn header(&mut self, column: &str, at: u64, end: u64, unpacked_max: u64) -> Result<Page> {
        let there = end - at;
        let mut length = HEADER_BYTES.0;
        loop {
            let now = length.min(usize::try_from(there).unwrap_or(usize::MAX));
            if self.header.len() < now {
                self.header.resize(now, 0);
            }
            read_exactly(&*self.file, &mut self.header[..now], at)?;
            let mut thrift = Thrift::new(&self.header[..now]);
            let parsed = parse(&mut thrift, at, there, unpacked_max);
            match parsed {
                Ok(page) => {
                    if self.header.len() > HEADER_BYTES.0 {
                        self.header = vec![0; HEADER_BYTES.0];
                    }
                    return Ok(page);
                }
                Err(told) if told.starts_with(CUT) && now == length && length < HEADER_BYTES.1 => length *= 8,
                Err(told) => return Err(self.corrupt(column, at, &told)),
            }
        }
    }

    /// Reads and unpacks a page into a buffer, which it fills.
    pub(super) fn load(&mut self, column: &str, page: &Page, codec: Codec, into: &mut Vec<u8>) -> Result<()> {
        let (front, codec) = match page.kind {
            PageKind::Data2 { levels, packed } => (levels, if packed { codec } else { Codec::None }),
            _ => (0, codec),
        };
        if into.capacity() < page.unpacked {
            // Not both at once.
            *into = Vec::new();
            *into = Vec::with_capacity(page.unpacked);
        }
        into.resize(page.unpacked, 0);
        let told = if codec == Codec::None {
            if page.packed != page.unpacked {
                let told = format!("wanted {} bytes, got {}", page.unpacked, page.packed);
                return Err(self.corrupt(column, page.at, &told));
            }
            read_exactly(&*self.file, into, page.at)?;
            check(into, page.crc)
        } else {
            if self.packed.capacity() < page.packed {
                self.packed = Vec::new();
                self.packed = Vec::with_capacity(page.packed);
            }
            self.packed.resize(page.packed, 0);
            read_exactly(&*self.file, &mut self.packed, page.at)?;
            match check(&self.packed, page.crc) {
                Ok(()) => {
                    let (levels, rest) = into.split_at_mut(front);
                    levels.copy_from_slice(&self.packed[..front]);
                    // A page of nulls alone has nothing to unpack.
                    if rest.is_empty() { Ok(()) } else { self.unpacker.unpack(codec, &self.packed[front..], rest)? }
                }
                told => told,
            }
        };
        told.map_err(|told| self.corrupt(column, page.at, &told))
    }
}

fn check(bytes: &[u8], crc: Option<i32>) -> Told<()> {
    match crc.filter(|crc| crc32(bytes) != *crc as u32) {
        None => Ok(()),
        Some(crc) => Err(format!("wanted the checksum {crc:08x}, got {:08x}", crc32(bytes))),
    }
}

fn parse(thrift: &mut Thrift<'_>, at: u64, there: u64, unpacked_max: u64) -> Told<Page> {
    let (mut number, mut unpacked, mut packed, mut crc) = (None, None, None, None);
    let (mut values, mut encoding, mut level_encoding) = (None, None, 3);
    let (mut levels, mut repeated, mut is_packed) = (0, 0, true);
    thrift.fields(|thrift, id, of| {
        match id {
            1 => number = Some(thrift.small(of)?),
            2 => unpacked = Some(thrift.size(of)?),
            3 => packed = Some(thrift.size(of)?),
            4 => crc = Some(thrift.small(of)?),
            5 | 7 => thrift.fields(|thrift, inner, of| {
                let is_data = id == 5;
                match inner {
                    1 => values = Some(thrift.size(of)?),
                    2 => encoding = Some(thrift.small(of)?),
                    // Of a dictionary, this is a flag.
                    3 if is_data => level_encoding = thrift.small(of)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            8 => thrift.fields(|thrift, id, of| {
                match id {
                    1 => values = Some(thrift.size(of)?),
                    4 => encoding = Some(thrift.small(of)?),
                    5 => levels = thrift.size(of)?,
                    6 => repeated = thrift.size(of)?,
                    7 => is_packed = thrift.flag(of)?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let (Some(number), Some(unpacked), Some(packed)) = (number, unpacked, packed) else {
        return Err("its header lacks type or size".into());
    };
    let left = there - thrift.at as u64;
    if packed > left {
        return Err(format!("wanted a page of at most {left} bytes, got {packed}"));
    }
    if unpacked > unpacked_max.min(u64::from(u32::MAX >> 1)) {
        return Err(format!("wanted at most {unpacked_max} bytes unpacked, as the footer says, got {unpacked}"));
    }
    if repeated > 0 || levels > packed.min(unpacked) {
        return Err(format!(
            "wanted levels of at most {packed} bytes and none that repeat, got {levels} and {repeated}"
        ));
    }
    let kind = match number {
        0 => PageKind::Data,
        2 => PageKind::Dictionary,
        3 => PageKind::Data2 { levels: levels as usize, packed: is_packed },
        _ => PageKind::Other,
    };
    let (values, encoding) = match kind {
        PageKind::Other => (0, 0),
        _ => values.zip(encoding).ok_or("its header lacks values or encoding")?,
    };
    if values > u64::from(u32::MAX >> 1) {
        return Err(format!("wanted at most 2,147,483,647 values, got {values}"));
    }
    let at = at + thrift.at as u64;
    let (packed, unpacked) = (packed as usize, unpacked as usize);
    Ok(Page { kind, values: values as usize, encoding, level_encoding, at, packed, unpacked, crc })
}
