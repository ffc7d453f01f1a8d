//! Streams of all levels and kinds, whole and damaged, against libdeflate.

use libdeflater::{CompressionLvl, Compressor, DecompressionError, Decompressor};

use super::*;

/// The same numbers everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) ^ self.0.rotate_left(17) >> 40
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// Bytes of many kinds.
fn samples() -> Vec<Vec<u8>> {
    let mut random = Random(7);
    let mut all = vec![vec![], vec![9], vec![0; 3], vec![5; 70_000], b"abc".repeat(9_000)];
    all.push((0..100_000).map(|_| random.next() as u8).collect());
    all.push((0..100_000).map(|_| random.below(2) as u8 * 255).collect());
    // Differences of pixels of 16 bits.
    let pixels = (0..120_000).flat_map(|_| (random.below(90) as i16 - 45).to_le_bytes());
    all.push(pixels.collect());
    let words = ["raster ", "tile ", "of ", "the ", "block\n", "values, ", "and "];
    all.push((0..30_000).flat_map(|_| words[random.below(7) as usize].bytes()).collect());
    // What came 32 KiB before, and what came a little before.
    for distance in [32_768, 1, 2, 3, 5, 7, 8, 9, 15] {
        let mut bytes: Vec<u8> = (0..distance).map(|_| random.next() as u8).collect();
        while bytes.len() < 90_000 {
            let (start, length) = (bytes.len() - distance, 3 + random.below(300) as usize);
            (start..start + length).for_each(|place| bytes.push(bytes[place]));
            (0..random.below(4)).for_each(|_| bytes.push(random.next() as u8));
        }
        all.push(bytes);
    }
    // Few symbols, of very different frequency: codes as long as can be.
    all.push((0..200_000).map(|_| random.next().trailing_zeros().min(60) as u8).collect());
    for length in 1..40 {
        all.push((0..length).map(|_| random.below(4) as u8).collect());
    }
    all
}

fn packed(data: &[u8], level: i32, zlib: bool) -> Vec<u8> {
    let mut compressor = Compressor::new(CompressionLvl::new(level).expect("a level"));
    let mut packed = vec![0; compressor.zlib_compress_bound(data.len()) + 64];
    let length = match zlib {
        true => compressor.zlib_compress(data, &mut packed),
        false => compressor.deflate_compress(data, &mut packed),
    };
    packed.truncate(length.expect("room"));
    packed
}

#[test]
fn every_level_comes_back() {
    let mut inflater = Inflater::default();
    for data in samples() {
        for level in 0..=12 {
            let packed = packed(&data, level, true);
            for room in [data.len(), data.len() + 1, data.len() + 1000] {
                let mut out = vec![0xa5; room];
                assert_eq!(inflater.zlib(&packed, &mut out), Ok(data.len()), "level {level}");
                assert!(out[..data.len()] == data[..], "{} bytes at level {level}", data.len());
            }
            inflater.suits(&packed);
        }
        // zlib's way of choosing blocks and codes.
        for level in [1, 6, 9] {
            let packed = miniz_oxide::deflate::compress_to_vec_zlib(&data, level);
            let mut out = vec![0; data.len()];
            assert_eq!(inflater.zlib(&packed, &mut out), Ok(data.len()));
            assert!(out == data);
        }
    }
}

#[test]
fn what_there_is_no_room_for_is_left() {
    let mut inflater = Inflater::default();
    for data in samples() {
        for room in [0, 1, 7, 300, data.len() / 2, data.len().saturating_sub(1)] {
            for level in [0, 1, 6, 12] {
                let mut out = vec![0; room.min(data.len())];
                assert_eq!(inflater.zlib(&packed(&data, level, true), &mut out), Ok(out.len()));
                assert!(out[..] == data[..out.len()], "{room} of {} bytes at level {level}", data.len());
            }
        }
    }
}

/// What libdeflate makes of a bare stream: the bytes, or `None` if it is damaged or does not fit.
fn reference(decompressor: &mut Decompressor, stream: &[u8], out: &mut [u8]) -> Result<usize, DecompressionError> {
    decompressor.deflate_decompress(stream, out)
}

fn compare(inflater: &mut Inflater, decompressor: &mut Decompressor, stream: &[u8], room: usize) {
    let (mut own, mut other) = (vec![0; room], vec![0; room]);
    let own_end = inflater.inflate(stream, &mut own);
    match reference(decompressor, stream, &mut other) {
        Ok(length) => {
            assert!(matches!(own_end, Ok((own, End::Read(_))) if own == length), "{own_end:?}, not {length} bytes");
            assert!(own[..length] == other[..length], "{length} bytes");
        }
        // It may be that what does not fit is damaged as well.
        Err(DecompressionError::InsufficientSpace) => {
            assert!(!matches!(own_end, Ok((_, End::Read(_)))), "{own_end:?}, but there is more");
        }
        Err(DecompressionError::BadData) => assert!(own_end.is_err(), "{own_end:?}, but it is damaged"),
    }
}

#[test]
fn damaged_streams_are_what_libdeflate_says() {
    let (mut inflater, mut decompressor) = (Inflater::default(), Decompressor::new());
    let mut random = Random(99);
    let mut streams = 0;
    for data in samples() {
        let data = &data[..data.len().min(6_000)];
        for level in [0, 1, 4, 9, 12] {
            let whole = packed(data, level, false);
            for _ in 0..200 {
                let mut stream = whole.clone();
                for _ in 0..=random.below(3) {
                    // The head of a stream holds what is easiest to get wrong.
                    let end = if random.below(2) == 0 { stream.len().min(90) } else { stream.len() };
                    if let Some(byte) = stream.get_mut(random.below(end as u64 + 1) as usize) {
                        *byte ^= 1 << random.below(8);
                    }
                }
                if random.below(3) == 0 {
                    stream.truncate(random.below(stream.len() as u64 + 1) as usize);
                }
                compare(&mut inflater, &mut decompressor, &stream, data.len() + random.below(3) as usize * 400);
                streams += 1;
            }
        }
    }
    assert!(streams > 40_000);
}

#[test]
fn noise_is_what_libdeflate_says() {
    let (mut inflater, mut decompressor) = (Inflater::default(), Decompressor::new());
    let mut random = Random(5);
    for _ in 0..60_000 {
        let mut stream: Vec<u8> = (0..random.below(300)).map(|_| random.next() as u8).collect();
        if let Some(first) = stream.first_mut() {
            // Blocks with codes, which noise hardly ever begins with.
            *first = *first & !7 | [5, 4, 3, 2][random.below(4) as usize];
        }
        compare(&mut inflater, &mut decompressor, &stream, 2_000);
    }
}

#[test]
fn headers_and_checksums_are_checked() {
    let mut inflater = Inflater::default();
    let data = b"pixels and pixels and pixels".repeat(20);
    let whole = packed(&data, 6, true);
    let mut unpack = |packed: &[u8]| inflater.zlib(packed, &mut vec![0; data.len()]);
    assert_eq!(unpack(&whole), Ok(data.len()));
    assert_eq!(unpack(&[&whole[..], &[1, 2, 3]].concat()), Ok(data.len()), "bytes behind a stream are left");
    for (place, fault) in [(0, Fault::Header), (1, Fault::Header), (whole.len() - 1, Fault::Checksum)] {
        let mut damaged = whole.clone();
        damaged[place] ^= 1;
        assert_eq!(unpack(&damaged), Err(fault));
    }
    // A preset dictionary, with a right check.
    assert_eq!(unpack(&[&[0x78, 0xbb][..], &whole[2..]].concat()), Err(Fault::Header));
    for length in 0..whole.len() {
        assert!(unpack(&whole[..length]).is_err(), "{length} bytes of it");
    }
}
