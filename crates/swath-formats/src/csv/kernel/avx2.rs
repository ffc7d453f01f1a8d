//! The inner loops for x86-64 processors with AVX2.

use std::arch::x86_64::*;

use super::{BELOW_F32, Decimal, HALF_F32, Kernel, Masks, Needles, Quad};

/// Proof that this processor has AVX2, BMI1, BMI2 and POPCNT; only [`Avx2::detect`] makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

impl Avx2 {
    /// The proof, where the processor has what is needed.
    pub fn detect() -> Option<Avx2> {
        let has = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("popcnt");
        has.then_some(Avx2(()))
    }
}

impl Kernel for Avx2 {
    #[inline(always)]
    fn masks(self, group: &[u8; 64], needles: &Needles) -> Masks {
        // SAFETY: the value `self` exists only where AVX2 was detected.
        unsafe { masks(group, needles) }
    }

    #[inline(always)]
    fn decimal(self, tail: &[u8; 16], length: usize, mark: u8) -> Option<Decimal> {
        // SAFETY: the value `self` exists only where AVX2, and with it SSE4.1, was detected.
        unsafe { decimal(tail, length, mark) }
    }

    #[inline(always)]
    fn quad(self, tails: &[u64; 4], lengths: &[usize; 4], mark: u8) -> Quad {
        // SAFETY: the value `self` exists only where AVX2 was detected.
        unsafe { quad(tails, lengths, mark) }
    }
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn masks(group: &[u8; 64], needles: &Needles) -> Masks {
    let delimiter = _mm256_set1_epi8(needles.delimiter as i8);
    let newline = _mm256_set1_epi8(b'\n' as i8);
    let quote = _mm256_set1_epi8(needles.quote as i8);
    // SAFETY: both unaligned loads of 32 bytes lie inside the 64 bytes of `group`.
    let (low, high) = unsafe {
        let start = group.as_ptr().cast::<__m256i>();
        (_mm256_loadu_si256(start), _mm256_loadu_si256(start.add(1)))
    };
    let newline_low = _mm256_cmpeq_epi8(low, newline);
    let newline_high = _mm256_cmpeq_epi8(high, newline);
    let structural_low = _mm256_or_si256(_mm256_cmpeq_epi8(low, delimiter), newline_low);
    let structural_high = _mm256_or_si256(_mm256_cmpeq_epi8(high, delimiter), newline_high);
    // One less than zero has the high bit, and one less than other ASCII has not.
    let special = |bytes: __m256i| _mm256_or_si256(bytes, _mm256_sub_epi8(bytes, _mm256_set1_epi8(1)));
    let join = |low: __m256i, high: __m256i| {
        u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32
    };
    Masks {
        structural: join(structural_low, structural_high),
        newline: join(newline_low, newline_high),
        quote: join(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(high, quote)) & needles.quoting,
        special: join(special(low), special(high)),
    }
}

/// Row `n` keeps the last `n` bytes of sixteen.
static KEEP_LAST: [[u8; 16]; 17] = {
    let mut rows = [[0; 16]; 17];
    let mut n = 0;
    while n <= 16 {
        let mut i = 16 - n;
        while i < 16 {
            rows[n][i] = 0xff;
            i += 1;
        }
        n += 1;
    }
    rows
};

/// Row `p` takes byte `p` out and moves the bytes before it up by one; row 16 leaves everything where it is.
static WITHOUT: [[u8; 16]; 17] = {
    let mut rows = [[0; 16]; 17];
    let mut p = 0;
    while p <= 16 {
        let mut i = 0;
        while i < 16 {
            rows[p][i] = if p == 16 || i > p {
                i as u8
            } else if i == 0 {
                0x80
            } else {
                i as u8 - 1
            };
            i += 1;
        }
        p += 1;
    }
    rows
};

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn decimal(tail: &[u8; 16], length: usize, mark: u8) -> Option<Decimal> {
    let negative = tail[16 - length] == b'-';
    let length = length - usize::from(negative);
    let keep = &KEEP_LAST[length];
    // SAFETY: both unaligned loads of 16 bytes are of arrays of 16 bytes.
    let (text, keep) =
        unsafe { (_mm_loadu_si128(tail.as_ptr().cast()), _mm_loadu_si128(keep.as_ptr().cast::<__m128i>())) };
    let digits = _mm_and_si128(_mm_sub_epi8(text, _mm_set1_epi8(b'0' as i8)), keep);
    let marks = _mm_cmpeq_epi8(digits, _mm_set1_epi8(mark.wrapping_sub(b'0') as i8));
    let marks = _mm_movemask_epi8(marks) as u32;
    let position = (marks | 1 << 16).trailing_zeros();
    let without = &WITHOUT[position as usize];
    // SAFETY: an unaligned load of 16 bytes of an array of 16 bytes.
    let without = unsafe { _mm_loadu_si128(without.as_ptr().cast()) };
    let digits = _mm_shuffle_epi8(digits, without);
    let too_large = _mm_subs_epu8(digits, _mm_set1_epi8(9));
    let marked = position < 16;
    if _mm_testz_si128(too_large, too_large) == 0 || length <= usize::from(marked) {
        return None;
    }
    // Pairs of digits, then groups of four, then of eight.
    let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
    let fours = _mm_packus_epi32(fours, fours);
    let eights = _mm_madd_epi16(fours, _mm_set1_epi32(0x0001_2710));
    let eights = _mm_cvtsi128_si64(eights) as u64;
    let mantissa = (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32);
    Some(Decimal { mantissa, scale: 15u32.saturating_sub(position), marked, negative })
}

#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn quad(tails: &[u64; 4], lengths: &[usize; 4], mark: u8) -> Quad {
    let zero = _mm256_setzero_si256();
    let ones = _mm256_set1_epi8(-1);
    let [a, b, c, d] = *tails;
    let text = _mm256_set_epi64x(d as i64, c as i64, b as i64, a as i64);
    let [a, b, c, d] = *lengths;
    let lengths = _mm256_set_epi64x(d as i64, c as i64, b as i64, a as i64);
    // The last bytes of each lane; a shift by 64 and more, which lengths other than 1 to 8 ask for, leaves none.
    let keep = _mm256_sllv_epi64(ones, _mm256_sub_epi64(_mm256_set1_epi64x(64), _mm256_slli_epi64(lengths, 3)));
    let signed = _mm256_and_si256(_mm256_sub_epi8(text, _mm256_set1_epi8(b'0' as i8)), keep);
    let first = _mm256_andnot_si256(_mm256_slli_epi64(keep, 8), keep);
    let minus_sign = _mm256_set1_epi8(b'-'.wrapping_sub(b'0') as i8);
    let minus = _mm256_and_si256(_mm256_cmpeq_epi8(signed, minus_sign), first);
    let digits = _mm256_andnot_si256(minus, signed);
    // Take the decimal mark out: the bytes before it move up by one.
    let marks = _mm256_cmpeq_epi8(digits, _mm256_set1_epi8(mark.wrapping_sub(b'0') as i8));
    let unmarked = _mm256_cmpeq_epi64(marks, zero);
    let before = _mm256_andnot_si256(marks, _mm256_add_epi64(marks, ones));
    let up_to_mark = _mm256_or_si256(_mm256_slli_epi64(before, 8), _mm256_set1_epi64x(0xff));
    let moved = _mm256_slli_epi64(_mm256_and_si256(digits, before), 8);
    let closed = _mm256_or_si256(moved, _mm256_andnot_si256(up_to_mark, digits));
    let closed = _mm256_blendv_epi8(closed, digits, unmarked);
    // What is no digit is bad, and so is a lane without any digit.
    let wrong = _mm256_subs_epu8(closed, _mm256_set1_epi8(9));
    let has_digit = _mm256_andnot_si256(_mm256_or_si256(minus, marks), keep);
    let good = _mm256_andnot_si256(_mm256_cmpeq_epi64(has_digit, zero), _mm256_cmpeq_epi64(wrong, zero));
    let bad = !_mm256_movemask_pd(_mm256_castsi256_pd(good)) as u32 & 0xf;
    // Pairs of digits, then groups of four, then of eight.
    let pairs = _mm256_maddubs_epi16(closed, _mm256_set1_epi16(0x010a));
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
    let fours = _mm256_packus_epi32(fours, fours);
    let eights = _mm256_madd_epi16(fours, _mm256_set1_epi32(0x0001_2710));
    let mantissas = _mm256_castsi256_si128(_mm256_permute4x64_epi64(eights, 0b10_00));
    // The digits after the mark are the bytes after it.
    let after = _mm256_andnot_si256(up_to_mark, _mm256_set1_epi8(1));
    let after = _mm256_andnot_si256(unmarked, after);
    let scales = _mm256_sad_epu8(after, zero);
    let scales = _mm256_permutevar8x32_epi32(scales, _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6));
    let powers = _mm256_setr_ps(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
    let powers = _mm256_cvtps_pd(_mm256_castps256_ps128(_mm256_permutevar8x32_ps(powers, scales)));
    let magnitudes = _mm256_div_pd(_mm256_cvtepi32_pd(mantissas), powers);
    let bits = _mm256_castpd_si256(magnitudes);
    let half = _mm256_and_si256(bits, _mm256_set1_epi64x(BELOW_F32 as i64));
    let half = _mm256_cmpeq_epi64(half, _mm256_set1_epi64x(HALF_F32 as i64));
    let half = _mm256_movemask_pd(_mm256_castsi256_pd(half)) as u32;
    let sign = _mm256_andnot_si256(_mm256_cmpeq_epi64(minus, zero), _mm256_set1_epi64x(i64::MIN));
    let mut values = [0.0; 4];
    // SAFETY: an unaligned store of four `f64` into an array of four.
    unsafe { _mm256_storeu_pd(values.as_mut_ptr(), _mm256_or_pd(magnitudes, _mm256_castsi256_pd(sign))) };
    Quad { values, bad, half: half | bad }
}
