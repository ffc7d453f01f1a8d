//! Sums along rows and bytes put together, sixteen bytes at a time where the processor has a known way for it.
//!
//! x86-64 always has SSE2. Elsewhere the caller's own loops do.

/// Running sums of samples of `SIZE` bytes, each added to the one `lag` bytes before, as far as whole vectors go; answers
/// how many bytes are done. None are where it knows no way.
#[cfg(target_arch = "x86_64")]
pub(super) fn sums<const SIZE: usize>(row: &mut [u8], lag: usize) -> usize {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe {
        match lag {
            1 => sums_by::<SIZE, 1>(row),
            2 => sums_by::<SIZE, 2>(row),
            4 => sums_by::<SIZE, 4>(row),
            8 => sums_by::<SIZE, 8>(row),
            _ => 0,
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn sums_by<const SIZE: usize, const LAG: usize>(row: &mut [u8]) -> usize {
    use std::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_add_epi16, _mm_add_epi32, _mm_add_epi64, _mm_shuffle_epi32, _mm_shufflehi_epi16,
        _mm_slli_si128, _mm_unpackhi_epi8,
    };
    let plus = |a: __m128i, b: __m128i| match SIZE {
        1 => _mm_add_epi8(a, b),
        2 => _mm_add_epi16(a, b),
        4 => _mm_add_epi32(a, b),
        _ => _mm_add_epi64(a, b),
    };
    // The last samples in the place of all.
    let last = |sums: __m128i| match LAG {
        1 => _mm_shuffle_epi32::<0xff>(_mm_shufflehi_epi16::<0xff>(_mm_unpackhi_epi8(sums, sums))),
        2 => _mm_shuffle_epi32::<0xff>(_mm_shufflehi_epi16::<0xff>(sums)),
        4 => _mm_shuffle_epi32::<0xff>(sums),
        _ => _mm_shuffle_epi32::<0xee>(sums),
    };
    let mut before: __m128i = bytemuck::cast([0_u8; 16]);
    let vectors = row.as_chunks_mut::<16>().0;
    for vector in vectors.iter_mut() {
        let mut sums: __m128i = bytemuck::cast(*vector);
        if LAG <= 1 {
            sums = plus(sums, _mm_slli_si128::<1>(sums));
        }
        if LAG <= 2 {
            sums = plus(sums, _mm_slli_si128::<2>(sums));
        }
        if LAG <= 4 {
            sums = plus(sums, _mm_slli_si128::<4>(sums));
        }
        sums = plus(sums, _mm_slli_si128::<8>(sums));
        *vector = bytemuck::cast(plus(sums, before));
        // Not the sums that were stored: so one addition is all that a vector waits for.
        before = plus(before, last(sums));
    }
    vectors.len() * 16
}

/// Puts together samples of four bytes, of which those of least significance come first in `parts`; answers how many
/// samples are done.
#[cfg(target_arch = "x86_64")]
pub(super) fn weave(parts: [&[u8]; 4], row: &mut [u8]) -> usize {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { weave_vectors(parts, row) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
fn weave_vectors(parts: [&[u8]; 4], row: &mut [u8]) -> usize {
    use std::arch::x86_64::{_mm_unpackhi_epi8, _mm_unpackhi_epi16, _mm_unpacklo_epi8, _mm_unpacklo_epi16};
    let [one, two, three, four] = parts.map(|part| part.as_chunks::<16>().0.iter());
    let mut done = 0;
    let samples = row.as_chunks_mut::<64>().0.iter_mut();
    for ((((samples, one), two), three), four) in samples.zip(one).zip(two).zip(three).zip(four) {
        let [one, two, three, four] = [one, two, three, four].map(|bytes| bytemuck::cast(*bytes));
        let (low, low_above) = (_mm_unpacklo_epi8(one, two), _mm_unpackhi_epi8(one, two));
        let (high, high_above) = (_mm_unpacklo_epi8(three, four), _mm_unpackhi_epi8(three, four));
        let all = [
            _mm_unpacklo_epi16(low, high),
            _mm_unpackhi_epi16(low, high),
            _mm_unpacklo_epi16(low_above, high_above),
            _mm_unpackhi_epi16(low_above, high_above),
        ];
        *samples = bytemuck::cast(all);
        done += 16;
    }
    done
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn sums<const SIZE: usize>(_: &mut [u8], _: usize) -> usize {
    0
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn weave(_: [&[u8]; 4], _: &mut [u8]) -> usize {
    0
}
