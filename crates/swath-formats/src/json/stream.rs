//! A document as it comes in: no more of it is held than one value.

use std::io::{self, Read};

use super::text::{Kind, Wrong, kind_of, value_end};

/// Bytes read at once.
const BLOCK_BYTES: usize = 64 << 10;

/// Why a document cannot be laid out.
#[derive(Debug)]
pub enum Fault {
    /// It cannot be read.
    Io(io::Error),
    /// It is not written as JSON is.
    Wrong {
        /// Byte of the document.
        offset: u64,
        /// What was wanted there.
        wanted: String,
        /// What was there instead.
        got: String,
    },
    /// A value is longer than a record may be.
    TooLong {
        /// Where it begins.
        offset: u64,
        /// How long it may be.
        most: usize,
    },
    /// What is wanted is not there, in words.
    Missing(String),
    /// What the receiver of lines answered.
    Out(swath_core::Error),
}

/// A document of which the bytes from `from` on are to come.
pub(super) struct Stream<'r> {
    reader: &'r mut dyn Read,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// Offset of the first byte of the buffer.
    origin: u64,
    last: bool,
    /// Bytes of a value at most.
    most: usize,
}

impl<'r> Stream<'r> {
    pub fn new(reader: &'r mut dyn Read, most: usize) -> Stream<'r> {
        Stream { reader, buffer: vec![0; BLOCK_BYTES], from: 0, to: 0, origin: 0, last: false, most }
    }

    /// Byte of the document that comes next.
    pub fn offset(&self) -> u64 {
        self.origin + self.from as u64
    }

    /// What is there already.
    fn rest(&self) -> &[u8] {
        &self.buffer[self.from..self.to]
    }

    /// Reads on, behind what is there; what was taken goes. Answers whether there is more now.
    fn more(&mut self) -> Result<bool, Fault> {
        if self.last {
            return Ok(false);
        }
        self.buffer.copy_within(self.from..self.to, 0);
        self.origin += self.from as u64;
        (self.from, self.to) = (0, self.to - self.from);
        if self.to == self.buffer.len() {
            if self.buffer.len() >= self.most + BLOCK_BYTES {
                return Err(Fault::TooLong { offset: self.origin, most: self.most });
            }
            let length = (2 * self.buffer.len()).min(self.most + BLOCK_BYTES);
            self.buffer.reserve_exact(length - self.buffer.len());
            self.buffer.resize(length, 0);
        }
        while self.to < self.buffer.len() {
            match self.reader.read(&mut self.buffer[self.to..]) {
                Ok(0) => {
                    self.last = true;
                    break;
                }
                Ok(read) => self.to += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Fault::Io(error)),
            }
        }
        Ok(self.from < self.to)
    }

    /// The next byte that is no space, which stays; `None` at the end.
    pub fn peek(&mut self) -> Result<Option<u8>, Fault> {
        loop {
            match self.rest().first() {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.from += 1,
                Some(byte) => return Ok(Some(*byte)),
                None if self.last => return Ok(None),
                None => {
                    self.more()?;
                }
            }
        }
    }

    /// Takes a byte-order mark, if there is one.
    pub fn skip_mark(&mut self) -> Result<(), Fault> {
        self.more()?;
        if self.rest().starts_with(b"\xef\xbb\xbf") {
            self.from += 3;
        }
        Ok(())
    }

    /// Takes a byte that must come next.
    pub fn expect(&mut self, byte: u8, wanted: &str) -> Result<(), Fault> {
        match self.peek()? {
            Some(next) if next == byte => {
                self.from += 1;
                Ok(())
            }
            _ => Err(self.wrong(0, wanted)),
        }
    }

    /// Takes a byte if it comes next.
    pub fn take_if(&mut self, byte: u8) -> Result<bool, Fault> {
        let is_next = self.peek()? == Some(byte);
        self.from += usize::from(is_next);
        Ok(is_next)
    }

    /// What is wrong so many bytes ahead.
    pub fn wrong(&self, ahead: usize, wanted: &str) -> Fault {
        let rest = self.rest().get(ahead..).unwrap_or_default();
        let got = match rest {
            [] => "the end of the file".into(),
            rest => format!("{:?}", String::from_utf8_lossy(&rest[..rest.len().min(12)])),
        };
        Fault::Wrong { offset: self.offset() + ahead as u64, wanted: wanted.into(), got }
    }

    /// Takes the next value whole.
    pub fn value(&mut self) -> Result<&[u8], Fault> {
        self.peek()?;
        loop {
            let rest = self.rest();
            let found = value_end(rest, 0);
            let goes_on = match (found, kind_of(rest, 0)) {
                // Nothing closes what is bare.
                (Ok(end), Ok(Kind::Bare)) => end == rest.len(),
                (Ok(_), _) => false,
                (Err(Wrong { at, .. }), _) => at >= rest.len(),
            };
            if goes_on && !self.last {
                self.more()?;
                continue;
            }
            return match found {
                Ok(end) if end > self.most => Err(Fault::TooLong { offset: self.offset(), most: self.most }),
                Ok(end) => {
                    let start = self.from;
                    self.from += end;
                    Ok(&self.buffer[start..start + end])
                }
                Err(Wrong { at, wanted }) => Err(self.wrong(at, wanted)),
            };
        }
    }

    /// Takes the name of a member and its colon.
    pub fn name(&mut self) -> Result<Vec<u8>, Fault> {
        if self.peek()? != Some(b'"') {
            return Err(self.wrong(0, "the name of a member in quotes"));
        }
        let text = self.value()?;
        let name = text[1..text.len() - 1].to_vec();
        self.expect(b':', "a colon")?;
        Ok(name)
    }

    /// Passes over the next value, however long it is.
    pub fn skip(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            Some(b'{' | b'[') => {}
            _ => return self.value().map(drop),
        }
        let (mut depth, mut in_text, mut escaped) = (0usize, false, false);
        loop {
            if self.from == self.to && !self.more()? {
                return Err(self.wrong(0, "the end of an object or array"));
            }
            let byte = self.buffer[self.from];
            self.from += 1;
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
    }
}
