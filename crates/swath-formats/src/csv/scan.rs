//! The structural index of text without quotes: where fields and records end.
//!
//! It stops at the first quote; what quotes mean is the business of [`super::split`].

use super::kernel::{Kernel, Level, Needles, Portable};

/// Bytes that must follow the scanned text in its buffer, and spare entries at the end of the outputs.
pub(super) const GROUP: usize = 64;

/// What a scan found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Entries written to `ends`.
    pub ends: usize,
    /// Entries written to `newlines`.
    pub newlines: usize,
    /// The first quote, where the scan stopped.
    pub quote_at: Option<usize>,
    /// Whether all that was scanned is ASCII without zeros.
    pub plain: bool,
}

/// Writes the positions of delimiters and newlines in `data[from..to]` to `ends`, and to `newlines` which of those
/// entries are newlines.
///
/// `data` goes on for [`GROUP`] bytes after `to`; `ends` and `newlines` have room for `to - from + GROUP` entries.
pub(super) fn scan(
    level: Level,
    data: &[u8],
    (from, to): (usize, usize),
    needles: &Needles,
    ends: &mut [u32],
    newlines: &mut [u32],
) -> Scanned {
    match level {
        Level::Portable => scan_with(Portable, data, (from, to), needles, ends, newlines),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(avx2) => {
            #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
            fn run(
                kernel: super::kernel::Avx2,
                data: &[u8],
                span: (usize, usize),
                needles: &Needles,
                ends: &mut [u32],
                newlines: &mut [u32],
            ) -> Scanned {
                scan_with(kernel, data, span, needles, ends, newlines)
            }
            // SAFETY: the value `avx2` exists only where these features were detected.
            unsafe { run(avx2, data, (from, to), needles, ends, newlines) }
        }
    }
}

#[inline(always)]
fn scan_with<K: Kernel>(
    kernel: K,
    data: &[u8],
    (from, to): (usize, usize),
    needles: &Needles,
    ends: &mut [u32],
    newlines: &mut [u32],
) -> Scanned {
    let mut found = Scanned { ends: 0, newlines: 0, quote_at: None, plain: true };
    let mut special = 0;
    let mut at = from;
    while at < to && found.quote_at.is_none() {
        let (Some(group), Some(ends_out), Some(newlines_out)) = (
            data[at..].first_chunk::<GROUP>(),
            ends[found.ends..].first_chunk_mut::<GROUP>(),
            newlines[found.newlines..].first_chunk_mut::<GROUP>(),
        ) else {
            debug_assert!(false, "the buffers have their margins");
            break;
        };
        let masks = kernel.masks(group, needles);
        let mut keep = u64::MAX;
        if to - at < GROUP {
            keep = (1 << (to - at)) - 1;
        }
        let quote = masks.quote & keep;
        if quote != 0 {
            found.quote_at = Some(at + quote.trailing_zeros() as usize);
            keep &= (quote & quote.wrapping_neg()) - 1;
        }
        special |= masks.special & keep;
        let structural = masks.structural & keep;
        found.newlines += put_ordinals(newlines_out, masks.newline & keep, structural, found.ends as u32);
        found.ends += put_positions(ends_out, structural, at as u32);
        at += GROUP;
    }
    found.plain = special == 0;
    found
}

/// Writes the positions of the set bits. Writing twelve at once, needed or not, spares branches: fields of numbers and
/// their delimiters take six bytes and more.
#[inline(always)]
fn put_positions(out: &mut [u32; GROUP], mut bits: u64, base: u32) -> usize {
    let count = bits.count_ones() as usize;
    let mut put = |from: usize, to: usize| {
        for slot in &mut out[from..to] {
            *slot = base.wrapping_add(bits.trailing_zeros());
            bits &= bits.wrapping_sub(1);
        }
    };
    put(0, 12);
    if count > 12 {
        put(12, 24);
        if count > 24 {
            put(24, count);
        }
    }
    count
}

/// Writes for each newline how many structural bytes come before it.
#[inline(always)]
fn put_ordinals(out: &mut [u32; GROUP], mut newlines: u64, structural: u64, base: u32) -> usize {
    let count = newlines.count_ones() as usize;
    let mut put = |from: usize, to: usize| {
        for slot in &mut out[from..to] {
            let before = newlines.wrapping_sub(1) & !newlines;
            *slot = base.wrapping_add((structural & before).count_ones());
            newlines &= newlines.wrapping_sub(1);
        }
    };
    put(0, 2);
    if count > 2 {
        put(2, count);
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], quote: Option<u8>, level: Level) {
        let mut data = vec![b'"'; 7];
        data.extend_from_slice(text);
        data.resize(data.len() + GROUP, b'\n');
        let (from, to) = (7, 7 + text.len());
        let mut ends = vec![0; text.len() + GROUP];
        let mut newlines = vec![0; text.len() + GROUP];
        let found = scan(level, &data, (from, to), &Needles::new(b',', quote), &mut ends, &mut newlines);
        let quote_at = quote.and_then(|quote| text.iter().position(|&byte| byte == quote)).map(|at| at + from);
        let plain = &data[..quote_at.unwrap_or(to)];
        let want: Vec<u32> = (from..plain.len()).filter(|&i| b",\n".contains(&plain[i])).map(|i| i as u32).collect();
        let want_newlines: Vec<u32> =
            (0..want.len()).filter(|&k| plain[want[k] as usize] == b'\n').map(|k| k as u32).collect();
        assert_eq!(found.quote_at, quote_at, "{text:?}");
        assert_eq!(ends[..found.ends], want, "{text:?}");
        assert_eq!(newlines[..found.newlines], want_newlines, "{text:?}");
        assert_eq!(found.plain, plain[from..].iter().all(|byte| (1..0x80).contains(byte)), "{text:?}");
    }

    #[test]
    fn ends_newlines_and_quotes_are_found_in_texts_of_every_length() {
        let mut state = 7u64;
        for case in 0..4_000 {
            let text: Vec<u8> = (0..case % 400)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let draw = (state >> 33) as usize;
                    match case % 4 {
                        0 => b"ab,\n"[draw % 4],
                        1 => b",\n"[draw % 2],
                        2 => b"abcdefghijklmnopqrst012345678\0.:-,,\n\x80"[draw % 37],
                        _ => {
                            if draw.is_multiple_of(199) {
                                b'"'
                            } else {
                                b"abcde,\n"[draw % 7]
                            }
                        }
                    }
                })
                .collect();
            for level in [Level::Portable, Level::detect()] {
                check(&text, Some(b'"'), level);
                check(&text, None, level);
            }
        }
    }
}
