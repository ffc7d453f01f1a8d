//! The two inner loops that machines do best: finding structural bytes, and turning digits into integers.
//!
//! Each exists twice, portable and for AVX2, with equal answers; everything above is written once over [`Kernel`].

mod portable;

#[cfg(target_arch = "x86_64")]
mod avx2;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
pub(super) use portable::Portable;

/// The bytes to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needles {
    pub delimiter: u8,
    pub quote: u8,
    /// All ones where quotes count, else 0.
    pub quoting: u64,
}

impl Needles {
    pub fn new(delimiter: u8, quote: Option<u8>) -> Needles {
        Needles { delimiter, quote: quote.unwrap_or(b'"'), quoting: if quote.is_some() { u64::MAX } else { 0 } }
    }
}

/// What 64 bytes hold: bit `i` speaks of byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    /// Delimiters and newlines.
    pub structural: u64,
    pub newline: u64,
    pub quote: u64,
    /// Bytes that are not ASCII, and zeros.
    pub special: u64,
}

/// A number as written: `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decimal {
    pub mantissa: u64,
    /// Digits after the decimal mark.
    pub scale: u32,
    /// Whether there is a decimal mark.
    pub marked: bool,
    pub negative: bool,
}

/// Four numbers read at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quad {
    /// The numbers, correctly rounded.
    pub values: [f64; 4],
    /// Bit `i` is set where the text `i` is not a short plain decimal; its value means nothing then.
    pub bad: u32,
    /// Bit `i` is set where value `i` lies half-way between two `f32`, or is bad.
    pub half: u32,
}

/// Powers of ten with exact values.
pub(super) const POWERS: [f64; 16] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The bits of a `f64` that a `f32` has no room for, and what they are half-way between two `f32`.
pub(super) const BELOW_F32: u64 = (1 << 29) - 1;
pub(super) const HALF_F32: u64 = 1 << 28;

/// One way to run the inner loops.
pub(super) trait Kernel: Copy {
    /// Finds structural bytes.
    fn masks(self, group: &[u8; 64], needles: &Needles) -> Masks;

    /// Reads a plain decimal that ends where `tail` ends and has `length` bytes, 1 to 16: an optional `-`, digits and at
    /// most one decimal mark, with at least one digit. Anything else is none.
    fn decimal(self, tail: &[u8; 16], length: usize, mark: u8) -> Option<Decimal>;

    /// Reads four plain decimals of 1 to 8 bytes, each at the end of eight, as [`Kernel::decimal`] does; others are bad.
    fn quad(self, tails: &[u64; 4], lengths: &[usize; 4], mark: u8) -> Quad;
}

/// Which kernel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
}

impl Level {
    /// The fastest that this machine has.
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = Avx2::detect() {
            return Level::Avx2(avx2);
        }
        Level::Portable
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// A small deterministic generator (SplitMix64).
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    #[test]
    fn masks_of_both_kernels_are_equal_on_200_000_groups() {
        let Some(avx2) = Avx2::detect() else { return };
        let mut state = 1;
        for case in 0..200_000 {
            let mut group = [0u8; 64];
            for byte in &mut group {
                let draw = next(&mut state);
                *byte = if draw & 1 == 0 { b",\n\";-\x8a\xac\r"[(draw >> 8) as usize % 8] } else { (draw >> 16) as u8 };
            }
            let quote = if case % 3 == 0 { None } else { Some(b'"') };
            let needles = Needles::new([b',', b';', b'\t'][case % 3], quote);
            assert_eq!(avx2.masks(&group, &needles), Portable.masks(&group, &needles), "{group:?}");
        }
    }

    #[test]
    fn quads_of_both_kernels_are_equal_on_2_000_000_groups() {
        let Some(avx2) = Avx2::detect() else { return };
        let mut state = 3;
        for case in 0..2_000_000u32 {
            let alphabet: &[u8] =
                if case % 8 == 0 { b"0123456789.,-+e /:;x\xff" } else { b"012345678901234567890123456789.-" };
            let tails = [0; 4].map(|_: u8| {
                let draw = next(&mut state).to_le_bytes();
                u64::from_le_bytes(draw.map(|byte| alphabet[usize::from(byte) % alphabet.len()]))
            });
            let lengths = [0; 4].map(|_: u8| next(&mut state) as usize % 10);
            let mark = if case % 5 == 0 { b',' } else { b'.' };
            let (fast, slow) = (avx2.quad(&tails, &lengths, mark), Portable.quad(&tails, &lengths, mark));
            assert_eq!((fast.bad, fast.half), (slow.bad, slow.half), "{tails:x?} {lengths:?}");
            for i in (0..4).filter(|i| fast.bad >> i & 1 == 0) {
                assert_eq!(fast.values[i].to_bits(), slow.values[i].to_bits(), "{:x} {}", tails[i], lengths[i]);
            }
        }
    }

    #[test]
    fn decimals_of_both_kernels_are_equal_on_3_000_000_texts() {
        let Some(avx2) = Avx2::detect() else { return };
        let mut state = 2;
        for case in 0..3_000_000u32 {
            let mut tail = [0u8; 16];
            let alphabet: &[u8] =
                if case % 8 == 0 { b"0123456789.,-+e /:;x\xff" } else { b"0123456789012345678901234567890.-" };
            let (mut low, mut high) = (next(&mut state), next(&mut state));
            for (i, byte) in tail.iter_mut().enumerate() {
                let draw = if i < 8 { &mut low } else { &mut high };
                *byte = alphabet[(*draw & 0xff) as usize % alphabet.len()];
                *draw >>= 8;
            }
            let length = 1 + next(&mut state) as usize % 16;
            let mark = if case % 5 == 0 { b',' } else { b'.' };
            assert_eq!(avx2.decimal(&tail, length, mark), Portable.decimal(&tail, length, mark), "{tail:?} {length}");
        }
    }
}
