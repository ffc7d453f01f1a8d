//! The encodings of values: from the bytes of a page to slots, a chunk at a time.

use super::delta::Delta;
use super::hybrid::Hybrid;
use super::leaf::plain_text;
use super::logical::Physical;
use super::thrift::{CUT, Told};
use crate::columnar::slots::Slots;

/// Texts that are put together of others, in a chunk: one that goes beyond is the last.
pub(super) const OWN_BYTES: usize = 256 << 10;

/// Where a reader is among the values of a page.
#[derive(Debug)]
pub(super) enum Decoder {
    None,
    /// At a byte.
    Plain(usize),
    /// At a bit.
    Bits(usize),
    /// Flags.
    Runs(Hybrid),
    /// Of the dictionary.
    Indices(Hybrid),
    Delta(Delta),
    /// All first bytes, then all second ones, and so on.
    Split {
        at: usize,
        values: usize,
        next: usize,
    },
    /// All lengths, then all texts.
    Lengths {
        lengths: Delta,
        at: usize,
    },
    /// The same of what differs from the text before, with how much does not.
    Prefixes {
        prefixes: Delta,
        lengths: Delta,
        at: usize,
        last: Vec<u8>,
        own: Vec<u8>,
    },
}

/// Moves values to the rows that are not null.
pub(super) fn spread_slots(slots: &mut Slots, physical: Physical, valid: &[u8]) {
    match physical {
        Physical::Bool => spread(&mut slots.bools, valid),
        Physical::Int32 => spread(&mut slots.i32s, valid),
        Physical::UInt32 | Physical::Int64 | Physical::Moment { .. } | Physical::Int96 => {
            spread(&mut slots.i64s, valid);
        }
        Physical::Float32 => spread(&mut slots.f32s, valid),
        Physical::Float64 | Physical::Decimal { .. } => spread(&mut slots.f64s, valid),
        Physical::Bytes => spread(&mut slots.views, valid),
    }
}

/// Moves values, which are there for some rows only, to their rows.
pub(super) fn spread<T: Copy + Default>(values: &mut Vec<T>, valid: &[u8]) {
    let mut from = values.len();
    values.resize(valid.len(), T::default());
    for row in (0..valid.len()).rev() {
        if valid[row] != 0 && from > 0 {
            from -= 1;
            values[row] = values[from];
        }
    }
}

impl Decoder {
    /// Passes over values; false where they have to be decoded for that.
    pub fn skip(&mut self, page: &[u8], count: usize, width: Option<usize>) -> Told<bool> {
        match (self, width) {
            (Decoder::Plain(at), Some(width)) => *at = at.saturating_add(count.saturating_mul(width)),
            (Decoder::Plain(at), None) => {
                for _ in 0..count {
                    *at = plain_text(page, *at)?.1;
                }
            }
            (Decoder::Bits(bit), _) => *bit += count,
            (Decoder::Runs(hybrid) | Decoder::Indices(hybrid), _) => drop(hybrid.skip(page, count)?),
            (Decoder::Split { next, .. }, _) => *next += count,
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub fn booleans(&mut self, page: &[u8], count: usize, out: &mut Vec<u8>) -> Told<()> {
        match self {
            Decoder::Bits(bit) => {
                if *bit + count > page.len() * 8 {
                    return Err(CUT.into());
                }
                out.extend((*bit..*bit + count).map(|bit| page[bit / 8] >> (bit % 8) & 1));
                *bit += count;
                Ok(())
            }
            Decoder::Runs(hybrid) => {
                let mut flags = [0; 256];
                let mut left = count;
                while left > 0 {
                    let now = &mut flags[..left.min(256)];
                    hybrid.take(page, now)?;
                    out.extend(now.iter().map(|flag| u8::from(*flag != 0)));
                    left -= now.len();
                }
                Ok(())
            }
            _ => Err("wanted plain flags or runs of them".into()),
        }
    }
}

/// Where values come from: the decoder, the page, the dictionary, and room for indices.
pub(super) type From<'a> = (&'a mut Decoder, &'a [u8], &'a [u8], &'a mut Vec<u32>);

/// Decodes values of one width.
#[inline(always)]
pub(super) fn fixed<T: Copy + Default>(
    (decoder, page, dictionary, indices): From<'_>,
    width: usize,
    count: usize,
    out: &mut Vec<T>,
    read: impl Fn(&[u8]) -> T,
    whole: Option<fn(i64) -> T>,
) -> Told<()> {
    match (decoder, whole) {
        (Decoder::Plain(at), _) => {
            let end = at.saturating_add(count * width);
            let bytes = page.get(*at..end).ok_or(CUT)?;
            out.extend(bytes.chunks_exact(width).map(read));
            *at = end;
        }
        (Decoder::Indices(hybrid), _) => {
            indices.resize(count, 0);
            hybrid.take(page, indices)?;
            let entries = dictionary.len() / width;
            check_indices(indices, entries)?;
            out.extend(indices.iter().map(|index| {
                let at = *index as usize * width;
                dictionary.get(at..at + width).map_or(T::default(), &read)
            }));
        }
        (Decoder::Delta(delta), Some(whole)) => delta.take(page, count, |value| out.push(whole(value)))?,
        (Decoder::Split { at, values, next }, _) => {
            if *next + count > *values {
                return Err(CUT.into());
            }
            let mut bytes = [0; 16];
            for value in *next..*next + count {
                for (place, byte) in bytes[..width].iter_mut().enumerate() {
                    *byte = page[*at + place * *values + value];
                }
                out.push(read(&bytes[..width]));
            }
            *next += count;
        }
        _ => return Err("wanted an encoding of values of one width".into()),
    }
    Ok(())
}

fn check_indices(indices: &[u32], entries: usize) -> Told<()> {
    match indices.iter().max() {
        Some(&largest) if largest as usize >= entries => {
            Err(format!("wanted one of {entries} values of the dictionary, got number {largest}"))
        }
        _ => Ok(()),
    }
}

/// Finds texts: where each begins and ends. Of texts that are put together, so many as there is room for.
pub(super) fn texts(
    (decoder, page, dictionary, indices): From<'_>,
    ends: &[u32],
    count: usize,
    out: &mut Vec<(u32, u32)>,
) -> Told<usize> {
    match decoder {
        Decoder::Plain(at) => {
            for _ in 0..count {
                let (start, end) = plain_text(page, *at)?;
                out.push((start as u32, end as u32));
                *at = end;
            }
        }
        Decoder::Indices(hybrid) => {
            indices.resize(count, 0);
            hybrid.take(page, indices)?;
            check_indices(indices, ends.len())?;
            debug_assert!(ends.last().is_none_or(|end| *end as usize <= dictionary.len()));
            out.extend(indices.iter().map(|&index| {
                let before = (index as usize).checked_sub(1).map_or(0, |before| ends[before]);
                (before + 4, ends[index as usize])
            }));
        }
        Decoder::Lengths { lengths, at } => {
            let mut told = Ok(());
            lengths.take(page, count, |length| {
                match usize::try_from(length).ok().and_then(|length| at.checked_add(length)) {
                    Some(end) if end <= page.len() => {
                        out.push((*at as u32, end as u32));
                        *at = end;
                    }
                    _ => told = Err(format!("wanted a text of at most {} bytes, got {length}", page.len() - *at)),
                }
            })?;
            told?;
        }
        Decoder::Prefixes { prefixes, lengths, at, last, own } => {
            own.clear();
            for done in 0..count {
                if own.len() > OWN_BYTES {
                    return Ok(done);
                }
                let (mut prefix, mut length) = (0, 0);
                prefixes.take(page, 1, |value| prefix = value)?;
                lengths.take(page, 1, |value| length = value)?;
                let prefix = usize::try_from(prefix).ok().filter(|prefix| *prefix <= last.len());
                let end = usize::try_from(length).ok().and_then(|length| at.checked_add(length));
                let (Some(prefix), Some(more)) = (prefix, end.and_then(|end| page.get(*at..end))) else {
                    return Err(format!("wanted a text that goes on from {} bytes, got {length} more", last.len()));
                };
                last.truncate(prefix);
                last.extend_from_slice(more);
                *at += more.len();
                let start = own.len();
                own.extend_from_slice(last);
                out.push((start as u32, own.len() as u32));
            }
        }
        _ => return Err("wanted an encoding of texts".into()),
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columnar::slots::decimal;
    use crate::parquet::hybrid::bits_at;

    #[test]
    fn decimals_are_rounded_once() {
        for (unscaled, scale, wanted) in [
            (12345, 2, 123.45),
            (-1, 1, -0.1),
            (99_999_999_999_999_999_999_999_999, 10, 9_999_999_999_999_999.9999999999),
            (170_141_183_460_469_231_731_687_303_715_884_105_727, 38, 1.7014118346046923),
            (9_007_199_254_740_993, 3, 9_007_199_254_740.993),
        ] {
            assert_eq!(decimal(unscaled, scale), wanted, "{unscaled}e-{scale}");
        }
        assert_eq!(bits_at(&[0xff], 4), 15);
        assert_eq!(bits_at(&[], 400), 0);
    }

    #[test]
    fn values_go_to_their_rows() {
        let mut values = vec![1, 2, 3];
        spread(&mut values, &[0, 1, 0, 0, 1, 1, 0]);
        assert_eq!([values[1], values[4], values[5]], [1, 2, 3]);
    }
}
