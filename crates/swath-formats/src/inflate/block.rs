//! What a block holds: literals and matches, or bytes as they are.

use std::hint::select_unpredictable;

use super::bits::Bits;
use super::codes::{Entry, Symbols};
use super::{Fault, Inflater};

/// The longest match.
const MATCH: usize = 258;

/// Room that the fast loop may write at once: a match by whole words, after literals.
const ROOM: usize = MATCH + 64;

// Two entries between two refills, with extra bits of distances, and the next lookup before the refill.
const _: () = assert!(2 * (Symbols::BITS + 13) <= 56 && 3 * Symbols::BITS + 26 <= 64);

/// Copies a stored block; answers whether there was too little room for it.
pub(super) fn stored(bits: &mut Bits<'_>, out: &mut [u8], at: &mut usize) -> Result<bool, Fault> {
    let head = bits.bytes(4).ok_or(Fault::Early)?;
    let length = u16::from_le_bytes([head[0], head[1]]);
    if length != !u16::from_le_bytes([head[2], head[3]]) {
        return Err(Fault::Stored);
    }
    let bytes = bits.bytes(usize::from(length)).ok_or(Fault::Early)?;
    let rest = &mut out[*at..];
    let fitting = bytes.len().min(rest.len());
    rest[..fitting].copy_from_slice(&bytes[..fitting]);
    *at += fitting;
    Ok(fitting < bytes.len())
}

impl Inflater {
    /// Unpacks a block of codes; answers whether there was too little room for it.
    pub(super) fn block(&self, bits: &mut Bits<'_>, out: &mut [u8], at: &mut usize) -> Result<bool, Fault> {
        loop {
            if self.fast(bits, out, at)? {
                return Ok(false);
            }
            bits.refill();
            let mut entry = self.symbols.entry(bits.held);
            if entry.is_long() {
                entry = self.symbols.long(bits.held)?;
            }
            let value = entry.value(bits.held);
            bits.skip(entry.bits());
            let rest = &mut out[*at..];
            let (wanted, fitting) = if entry.bytes() > 0 && !entry.is_match() {
                let fitting = entry.bytes().min(rest.len());
                rest[..fitting].copy_from_slice(&(value as u64).to_le_bytes()[..fitting]);
                (entry.bytes(), fitting)
            } else if entry.is_special() {
                return Ok(false);
            } else {
                let (length, distance) = if entry.is_match() {
                    (entry.bytes(), value)
                } else {
                    bits.refill();
                    (value, self.distance(bits)?)
                };
                let fitting = length.min(rest.len());
                let start = at.checked_sub(distance).ok_or(Fault::Distance)?;
                for place in start..start + fitting {
                    out[place + distance] = out[place];
                }
                (length, fitting)
            };
            *at += fitting;
            if fitting < wanted {
                return Ok(true);
            }
            if bits.is_beyond() {
                return Err(Fault::Early);
            }
        }
    }

    /// Unpacks as long as there is plenty of data and of room; answers whether the block ended.
    fn fast(&self, bits: &mut Bits<'_>, out: &mut [u8], at: &mut usize) -> Result<bool, Fault> {
        // Both stay in registers.
        let (mut own, mut to) = (*bits, *at);
        let last = out.len().saturating_sub(ROOM);
        if to < 8 || to >= last || !own.has_plenty() {
            return Ok(false);
        }
        own.refill_fast();
        let mut entry = self.symbols.entry(own.held);
        let ended = loop {
            if to >= last || !own.has_plenty() {
                break false;
            }
            own.refill_fast();
            // Literals and short matches come in no order that could be foreseen: they go one way.
            // SAFETY: 8 ≤ `to` < `last` here, and there is room for ROOM bytes from `last` on, of which a literal or a
            // short match takes no more than eight.
            if entry.bytes() > 0 && unsafe { short(&mut own, out, &mut to, entry) } {
                entry = self.symbols.entry(own.held);
                // SAFETY: as above.
                if entry.bytes() > 0 && unsafe { short(&mut own, out, &mut to, entry) } {
                    entry = self.symbols.entry(own.held);
                    continue;
                }
                own.refill_fast();
            }
            if entry.is_special() {
                if entry.is_long() {
                    entry = self.symbols.long(own.held)?;
                }
                if entry.is_special() {
                    own.skip(entry.bits());
                    break true;
                }
                if entry.bytes() > 0 {
                    // A literal whose code is long.
                    out[to] = entry.value(own.held) as u8;
                    to += 1;
                    own.skip(entry.bits());
                    entry = self.symbols.entry(own.held);
                    continue;
                }
            }
            let value = entry.value(own.held);
            own.skip(entry.bits());
            let (length, distance) = if entry.is_match() {
                (entry.bytes(), value)
            } else {
                own.refill_fast();
                let mut far = self.distances.entry(own.held);
                if far.is_special() {
                    far = self.distances.long(own.held)?;
                }
                let distance = far.value(own.held);
                own.skip(far.bits());
                (value, distance)
            };
            entry = self.symbols.entry(own.held);
            if distance > to {
                return Err(Fault::Distance);
            }
            repeat(out, to, distance, length);
            to += length;
        };
        (*bits, *at) = (own, to);
        Ok(ended)
    }

    fn distance(&self, bits: &mut Bits<'_>) -> Result<usize, Fault> {
        let mut entry = self.distances.entry(bits.held);
        if entry.is_special() {
            entry = self.distances.long(bits.held)?;
        }
        let distance = entry.value(bits.held);
        bits.skip(entry.bits());
        Ok(distance)
    }
}

/// Writes literals or a match of up to eight bytes without asking which it is; answers whether it could. Where a match
/// overlaps itself or begins too early nothing is done.
///
/// # Safety
/// There are eight bytes of `out` before `to`, and eight from there on.
#[inline(always)]
unsafe fn short(bits: &mut Bits<'_>, out: &mut [u8], to: &mut usize, entry: Entry) -> bool {
    let (value, length) = (entry.value(bits.held), entry.bytes());
    // For literals a place that was not written just now: what is read there comes to nothing, but not late.
    let from = select_unpredictable(entry.is_match(), to.wrapping_sub(value), 0);
    if from > *to - length {
        return false;
    }
    // SAFETY: `from` is not above `to`, from where on there are eight bytes. A stream takes a tenth longer where slices
    // check both words.
    let before = unsafe { out.as_ptr().add(from).cast::<u64>().read_unaligned() };
    let word = select_unpredictable(entry.is_match(), before, (value as u64).to_le());
    // SAFETY: as above.
    unsafe { out.as_mut_ptr().add(*to).cast::<u64>().write_unaligned(word) };
    bits.skip(entry.bits());
    *to += length;
    true
}

#[inline(always)]
fn word(out: &[u8], place: usize) -> [u8; 8] {
    out.get(place..).and_then(<[u8]>::first_chunk).copied().unwrap_or_default()
}

#[inline(always)]
fn put_word(out: &mut [u8], place: usize, word: [u8; 8]) {
    if let Some(room) = out.get_mut(place..).and_then(<[u8]>::first_chunk_mut) {
        *room = word;
    }
}

/// Repeats what came `distance` bytes before, by whole words; room for those is there.
#[inline(always)]
fn repeat(out: &mut [u8], to: usize, distance: usize, length: usize) {
    let (mut place, end) = (to, to + length);
    if distance >= 8 {
        loop {
            let word = word(out, place - distance);
            put_word(out, place, word);
            place += 8;
            if place >= end {
                return;
            }
        }
    }
    if distance == 1 {
        let word = [out[to - 1]; 8];
        loop {
            put_word(out, place, word);
            place += 8;
            if place >= end {
                return;
            }
        }
    }
    // A word holds only so many right bytes.
    loop {
        let word = word(out, place - distance);
        put_word(out, place, word);
        place += distance;
        if place >= end {
            return;
        }
    }
}
