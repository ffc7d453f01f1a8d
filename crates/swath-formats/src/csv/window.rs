//! The part of the input that is in memory: from the next record on, read block by block.

use swath_core::{Error, Result};

use super::range::ReadOptions;
use super::scan::GROUP;
use crate::store::{ReadAt, read_full};

/// Bytes before and after the text, so that loops may look past its ends.
const MARGIN: usize = GROUP;

/// Bytes read at once past the end of a range, to finish its last record.
const BEYOND: u64 = 4096;

/// A view of the input through a buffer that the workspace owns.
pub(super) struct Window<'a> {
    pub buffer: &'a mut [u8],
    /// Where the next record starts.
    pub from: usize,
    /// Where the text ends, with a newline that the input may lack.
    pub to: usize,
    /// Whether the text goes to the end of the input.
    pub last: bool,
    input: &'a dyn ReadAt,
    /// Offset of the byte after the text, without the added newline.
    read_to: u64,
    range_end: u64,
    file_len: u64,
    block: usize,
    added_newline: bool,
}

impl<'a> Window<'a> {
    /// Bytes that the buffer needs: a record of any allowed length, and a block after it.
    pub fn buffer_bytes(options: &ReadOptions) -> usize {
        options.max_record + options.block_bytes + 2 * MARGIN + 2
    }

    /// A window on the input that begins at `start`; nothing is read yet.
    pub fn new(
        input: &'a dyn ReadAt,
        buffer: &'a mut [u8],
        start: u64,
        (range_end, file_len): (u64, u64),
        options: &ReadOptions,
    ) -> Window<'a> {
        Window {
            buffer,
            from: MARGIN,
            to: MARGIN,
            last: start >= file_len,
            input,
            read_to: start,
            range_end: range_end.min(file_len),
            file_len,
            block: options.block_bytes,
            added_newline: false,
        }
    }

    /// The offset in the file of `buffer[0]`, which wraps below zero at the start.
    pub fn origin(&self) -> u64 {
        self.read_to.wrapping_sub((self.to - usize::from(self.added_newline)) as u64)
    }

    /// The offset in the file of the next record.
    pub fn position(&self) -> u64 {
        self.origin().wrapping_add(self.from as u64).min(self.file_len)
    }

    /// Whether all text has been taken.
    pub fn is_done(&self) -> bool {
        self.last && self.from >= self.to
    }

    /// Whether the newline that the input lacks has been taken.
    pub fn took_added_newline(&self) -> bool {
        self.added_newline && self.from >= self.to
    }

    /// Moves the text to the front and reads a block after it; answers by how much the text moved.
    pub fn read_more(&mut self) -> Result<usize> {
        let moved = self.from - MARGIN;
        self.buffer.copy_within(self.from..self.to, MARGIN);
        (self.from, self.to) = (MARGIN, self.to - moved);
        let until = match self.range_end.checked_sub(self.read_to) {
            Some(left @ 1..) => left,
            _ if self.to - self.from < BEYOND as usize => BEYOND,
            _ => u64::MAX,
        };
        let room = self.buffer.len() - MARGIN - 1 - self.to;
        let want = until.min(self.file_len - self.read_to).min(self.block.min(room) as u64) as usize;
        let got = read_full(self.input, &mut self.buffer[self.to..self.to + want], self.read_to)?;
        self.to += got;
        self.read_to += got as u64;
        if got < want {
            return Err(Error::InputUnreadable {
                path: self.input.path().into(),
                reason: format!(
                    "it ends at byte {}, wanted {} bytes: it was cut short meanwhile",
                    self.read_to, self.file_len
                ),
                hint: "run again once nothing writes to it".into(),
            });
        }
        if self.read_to == self.file_len {
            self.last = true;
            if self.to > self.from && self.buffer[self.to - 1] != b'\n' {
                self.buffer[self.to] = b'\n';
                self.to += 1;
                self.added_newline = true;
            }
        }
        Ok(moved)
    }

    /// Takes everything up to and with the next newline that starts before the offset `limit`, if there is one; answers
    /// its offset, and whether a carriage return stands before it.
    pub fn skip_line(&mut self, limit: u64) -> Result<Option<(u64, bool)>> {
        let mut carriage_return = false;
        loop {
            let text = &self.buffer[self.from..self.to];
            if let Some(length) = memchr::memchr(b'\n', text) {
                let offset = self.position() + length as u64;
                if offset >= limit {
                    return Ok(None);
                }
                carriage_return = if length > 0 { text[length - 1] == b'\r' } else { carriage_return };
                self.from += length + 1;
                return Ok(Some((offset, carriage_return)));
            }
            carriage_return = text.last().map_or(carriage_return, |last| *last == b'\r');
            self.from = self.to;
            if self.last || self.position() >= limit {
                return Ok(None);
            }
            self.read_more()?;
        }
    }
}
