//! Values as they lie in the buffers of a batch, some thousand at a time: what is wanted of a buffer is read where it is.

use swath_core::Result;

use super::fields::{Position, Stored};
use super::part::{Io, Part};
use crate::columnar::slots::{CHUNK_ROWS, Slots, decimal};

/// Texts that are read at once: one that goes beyond is the last.
const TEXT_BYTES: usize = 256 << 10;
/// Bytes that are read of texts which views name, where those lie one behind the other.
const WINDOW_BYTES: usize = 64 << 10;
/// The longest text that is in its view.
pub(super) const INLINE_BYTES: usize = 12;
pub(super) const VIEW_BYTES: usize = 16;

/// The values of a batch.
#[derive(Debug)]
pub(super) struct Plain {
    pub stored: Stored,
    /// The longest text that somebody wants.
    pub text_max: usize,
    /// Values that are read at once, at most.
    pub at_once: usize,
    /// Which are null: of its own, and of what it is in. None where none is.
    validity: Vec<Part>,
    validities: usize,
    /// Values, or what says where they are.
    main: Part,
    /// Texts.
    texts: Vec<Part>,
    rows: u64,
    next: u64,
    /// Bytes of the first of the last values that were left out, since it is longer than anybody wants.
    pub left_out: u64,
    /// Bytes of buffers.
    raw: Vec<u8>,
    ends: Vec<u64>,
    /// The texts of the last values.
    pub bytes: Vec<u8>,
    window: Window,
}

/// The bytes of a buffer of texts that were read last.
#[derive(Debug, Default)]
struct Window {
    buffer: usize,
    from: u64,
    bytes: Vec<u8>,
}

impl Plain {
    pub fn new(stored: Stored, text_max: usize) -> Plain {
        Plain {
            stored,
            // Where they begin and end has 32 bits.
            text_max: text_max.min(u32::MAX as usize / 4),
            at_once: CHUNK_ROWS,
            validity: Vec::new(),
            validities: 0,
            main: Part::default(),
            texts: Vec::new(),
            rows: 0,
            next: 0,
            left_out: 0,
            raw: Vec::new(),
            ends: Vec::new(),
            bytes: Vec::new(),
            window: Window::default(),
        }
    }

    /// Memory that it takes for texts of at most so many bytes in a batch, what is unpacked left out.
    pub fn bytes_for(stored: Stored, text_max: usize, texts: u64) -> u64 {
        let raw = CHUNK_ROWS * stored.width().max(8) + 8;
        let text = match stored {
            Stored::Text { .. } => (TEXT_BYTES.max(text_max + 1) as u64).min(texts) + 8 * (CHUNK_ROWS as u64 + 1),
            // Several may be of the same bytes.
            Stored::View => (TEXT_BYTES as u64).max((text_max as u64 + 1).min(texts)) + WINDOW_BYTES as u64,
            _ => 0,
        };
        raw as u64 + text
    }

    /// Begins with the first value of the open batch; `around` are the structs that it is in.
    pub fn open(&mut self, io: &Io, name: &str, place: &Position, around: &[Position]) -> Result<()> {
        let batch = io.batch();
        (self.rows, self.next, self.validities) = (batch.rows, 0, 0);
        self.window.bytes.clear();
        let wrong = |told: String| io.corrupt(name, io.at(), &told);
        for (position, node) in std::iter::once(place).chain(around).enumerate() {
            let Some(&(values, nulls)) = batch.nodes.get(node.node) else { continue };
            if values != self.rows {
                return Err(wrong(format!("wanted {} values, as its batch says, got {values}", self.rows)));
            }
            let is_nothing = position == 0 && self.stored == Stored::Nothing;
            if nulls == 0 || is_nothing {
                continue;
            }
            let buffer = batch.buffers_of(node, Stored::Bool).start;
            if self.validity.len() == self.validities {
                self.validity.push(Part::default());
            }
            self.validity[self.validities].open(io, buffer)?;
            self.validities += 1;
        }
        let mut buffers = batch.buffers_of(place, self.stored).skip(1);
        if let Some(buffer) = buffers.next() {
            self.main.open(io, buffer)?;
        }
        let further: Vec<usize> = buffers.collect();
        self.texts.resize_with(further.len(), Part::default);
        self.texts.iter_mut().zip(further).try_for_each(|(part, buffer)| part.open(io, buffer))
    }

    /// Rows that were not read yet.
    pub fn left(&self) -> u64 {
        self.rows - self.next
    }

    /// Passes over rows.
    pub fn skip(&mut self, rows: u64) {
        self.next = self.next.saturating_add(rows).min(self.rows);
    }

    /// Goes to a row.
    pub fn seek(&mut self, row: u64) {
        self.next = row.min(self.rows);
    }

    /// Reads the next values, and which of them are there; answers how many.
    pub fn read(&mut self, io: &mut Io, name: &str, slots: &mut Slots, valid: &mut Vec<u8>) -> Result<usize> {
        let rows = self.left().min(self.at_once as u64) as usize;
        slots.clear();
        self.left_out = 0;
        valid.clear();
        valid.resize(rows, u8::from(self.stored != Stored::Nothing));
        let (first, last) = (self.next / 8, (self.next + rows as u64).div_ceil(8));
        let shift = (self.next % 8) as usize;
        for part in &mut self.validity[..self.validities] {
            let bits = part.read(io, name, (first, (last - first) as usize), &mut self.raw)?;
            for (row, valid) in valid.iter_mut().enumerate() {
                *valid &= bit(bits, shift + row);
            }
        }
        let read = match self.stored {
            Stored::Nothing => {
                slots.i32s.resize(rows, 0);
                rows
            }
            Stored::Bool => {
                let bits = self.main.read(io, name, (first, (last - first) as usize), &mut self.raw)?;
                slots.bools.extend((0..rows).map(|row| bit(bits, shift + row)));
                rows
            }
            Stored::Text { offset } => self.texts(io, name, offset, rows, slots)?,
            Stored::View => self.views(io, name, rows, slots, valid)?,
            _ => {
                self.numbers(io, name, rows, slots)?;
                rows
            }
        };
        valid.truncate(read);
        self.next += read as u64;
        Ok(read)
    }

    fn numbers(&mut self, io: &mut Io, name: &str, rows: usize, slots: &mut Slots) -> Result<()> {
        let width = self.stored.width();
        let range = (self.next.saturating_mul(width as u64), rows * width);
        let raw = self.main.read(io, name, range, &mut self.raw)?;
        match self.stored {
            Stored::Int8 => slots.i32s.extend(raw.iter().map(|byte| i32::from(*byte as i8))),
            Stored::UInt8 => slots.i32s.extend(raw.iter().map(|byte| i32::from(*byte))),
            Stored::Int16 => slots.i32s.extend(each(raw).map(|bytes| i32::from(i16::from_le_bytes(bytes)))),
            Stored::UInt16 => slots.i32s.extend(each(raw).map(|bytes| i32::from(u16::from_le_bytes(bytes)))),
            Stored::Int32 => slots.i32s.extend(each(raw).map(i32::from_le_bytes)),
            Stored::UInt32 => slots.i64s.extend(each(raw).map(|bytes| i64::from(u32::from_le_bytes(bytes)))),
            Stored::Int64 => slots.i64s.extend(each(raw).map(i64::from_le_bytes)),
            Stored::Float16 => slots.f32s.extend(each(raw).map(|bytes| half(u16::from_le_bytes(bytes)))),
            Stored::Float32 => slots.f32s.extend(each(raw).map(f32::from_le_bytes)),
            Stored::Float64 => slots.f64s.extend(each(raw).map(f64::from_le_bytes)),
            Stored::Decimal { bytes: 4, scale } => {
                slots.f64s.extend(each(raw).map(|bytes| decimal(i128::from(i32::from_le_bytes(bytes)), scale)));
            }
            Stored::Decimal { bytes: 8, scale } => {
                slots.f64s.extend(each(raw).map(|bytes| decimal(i128::from(i64::from_le_bytes(bytes)), scale)));
            }
            Stored::Decimal { scale, .. } => {
                slots.f64s.extend(each(raw).map(|bytes| decimal(i128::from_le_bytes(bytes), scale)));
            }
            Stored::Date64 => {
                // What is outside of 32 bits is no day that there was.
                let day = |bytes| i64::from_le_bytes(bytes).div_euclid(86_400_000);
                slots.i32s.extend(each(raw).map(|bytes| i32::try_from(day(bytes)).unwrap_or(i32::MAX)));
            }
            Stored::Moment { times, per } => {
                let us = |bytes| i64::from_le_bytes(bytes).saturating_mul(times).div_euclid(per);
                slots.i64s.extend(each(raw).map(us));
            }
            Stored::Nothing | Stored::Bool | Stored::Text { .. } | Stored::View => {}
        }
        Ok(())
    }

    /// Reads texts that lie one behind the other; answers how many.
    fn texts(&mut self, io: &mut Io, name: &str, offset: usize, rows: usize, slots: &mut Slots) -> Result<usize> {
        let range = (self.next.saturating_mul(offset as u64), (rows + 1) * offset);
        let raw = self.main.read(io, name, range, &mut self.raw)?;
        self.ends.clear();
        self.ends.reserve_exact(rows + 1);
        // Those that are negative are larger than any buffer.
        match offset {
            4 => self.ends.extend(each(raw).map(|bytes| i64::from(i32::from_le_bytes(bytes)) as u64)),
            _ => self.ends.extend(each(raw).map(u64::from_le_bytes)),
        }
        let Some(part) = self.texts.first_mut() else { return Ok(0) };
        let (first, last) = (self.ends[0], self.ends[rows]);
        if self.ends.windows(2).any(|pair| pair[0] > pair[1]) || last > part.length {
            let told = format!("wanted texts in order in {} bytes, got others up to byte {last}", part.length);
            return Err(io.corrupt(name, self.main.at(), &told));
        }
        let most = TEXT_BYTES.max(self.text_max + 1) as u64;
        let fit = self.ends[1..].partition_point(|end| end - first <= TEXT_BYTES as u64).max(1).min(rows);
        // Of a text that is too long, enough to see that it is.
        let length = (self.ends[fit] - first).min(most);
        self.left_out = self.ends[fit] - first - length;
        let range = (first, length as usize);
        if part.is_packed() {
            let texts = part.read(io, name, range, &mut self.raw)?;
            self.bytes.clear();
            self.bytes.reserve_exact(texts.len());
            self.bytes.extend_from_slice(texts);
        } else {
            part.read(io, name, range, &mut self.bytes)?;
        }
        let at = |end: u64| (end - first).min(length) as u32;
        slots.views.extend(self.ends[..=fit].windows(2).map(|pair| (at(pair[0]), at(pair[1]))));
        Ok(fit)
    }

    /// Reads texts that are in views, or where those say; answers how many.
    fn views(&mut self, io: &mut Io, name: &str, rows: usize, slots: &mut Slots, valid: &[u8]) -> Result<usize> {
        let range = (self.next.saturating_mul(VIEW_BYTES as u64), rows * VIEW_BYTES);
        let at = self.main.at();
        let raw = self.main.read(io, name, range, &mut self.raw)?;
        let most = TEXT_BYTES.max(self.text_max + 1);
        let length_of = |row: usize, view: &[u8]| if valid[row] == 0 { 0 } else { word(view, 0) as usize };
        let mut needed = 0;
        for (row, view) in each::<VIEW_BYTES>(raw).enumerate() {
            let length = length_of(row, &view);
            if row > 0 && needed + length > TEXT_BYTES {
                break;
            }
            needed += length.min(most);
        }
        // What is said of a first text may be wrong.
        let longest = self.texts.iter().map(|part| part.length as usize).max().unwrap_or(0);
        needed = needed.min(TEXT_BYTES.max(longest));
        self.bytes.clear();
        if self.bytes.capacity() < needed {
            // Not both at once.
            self.bytes = Vec::new();
            self.bytes.reserve_exact(needed);
        }
        for (row, view) in each::<VIEW_BYTES>(raw).enumerate() {
            let start = self.bytes.len();
            let length = length_of(row, &view);
            if row > 0 && start + length > TEXT_BYTES {
                break;
            }
            if length <= INLINE_BYTES {
                self.bytes.extend_from_slice(&view[4..4 + length]);
            } else {
                let (buffer, from) = (word(&view, 8) as usize, u64::from(word(&view, 12)));
                let part = self.texts.get_mut(buffer).filter(|part| from + length as u64 <= part.length);
                let Some(part) = part else {
                    let told = format!("wanted a text in a buffer, got {length} bytes from byte {from} of {buffer}");
                    return Err(io.corrupt(name, at, &told));
                };
                let range = (from, length.min(most));
                self.left_out += (length - range.1) as u64;
                self.window.copy(io, name, (part, buffer), range, &mut self.bytes)?;
            }
            slots.views.push((start as u32, self.bytes.len() as u32));
        }
        Ok(slots.views.len())
    }
}

impl Window {
    /// Appends bytes of a buffer of texts.
    fn copy(
        &mut self,
        io: &mut Io,
        name: &str,
        (part, buffer): (&mut Part, usize),
        (from, length): (u64, usize),
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let to = from + length as u64;
        let end = self.from + self.bytes.len() as u64;
        let is_near = self.buffer == buffer && from >= self.from && from <= end + WINDOW_BYTES as u64;
        let is_here = self.buffer == buffer && from >= self.from && to <= end;
        if length > WINDOW_BYTES || part.is_packed() {
            let start = out.len();
            let mut own = std::mem::take(&mut self.bytes);
            own.clear();
            if part.is_packed() {
                out.extend_from_slice(part.read(io, name, (from, length), &mut own)?);
            } else {
                out.resize(start + length, 0);
                part.read_into(io, from, &mut out[start..])?;
            }
            self.bytes = own;
            return Ok(());
        }
        if !is_here {
            // Ahead only where texts lie in order.
            let ahead = if is_near || from == 0 { WINDOW_BYTES } else { length };
            let wanted = (ahead as u64).min(part.length - from) as usize;
            self.bytes.reserve_exact(WINDOW_BYTES.saturating_sub(self.bytes.len()));
            self.bytes.resize(wanted, 0);
            part.read_into(io, from, &mut self.bytes)?;
            (self.buffer, self.from) = (buffer, from);
        }
        let start = (from - self.from) as usize;
        out.extend_from_slice(&self.bytes[start..start + length]);
        Ok(())
    }
}

/// A number in a view.
#[inline(always)]
pub(super) fn word(view: &[u8], at: usize) -> u32 {
    view.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The bytes of each value.
#[inline(always)]
fn each<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> + '_ {
    raw.chunks_exact(N).map(|bytes| bytes.first_chunk().copied().unwrap_or([0; N]))
}

#[inline(always)]
fn bit(bits: &[u8], at: usize) -> u8 {
    bits[at / 8] >> (at % 8) & 1
}

/// A float of 16 bits (IEEE 754, binary16).
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_floats() {
        for (bits, wanted) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x0001, 5.960_464_5e-8),
            (0x7bff, 65504.0),
            (0x3555, 0.333_251_95),
            (0, 0.0),
        ] {
            assert_eq!(half(bits), wanted, "{bits:04x}");
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
    }
}
