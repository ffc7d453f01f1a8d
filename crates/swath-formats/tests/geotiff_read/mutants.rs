//! Small files of every kind that is read, changed at random: no panic, no hang, no memory beyond what was declared.
//!
//! The dice have a seed, so a case that fails is the same one again. `SWATH_TEST_FULL` throws them more often.

use swath_core::Bytes;
use swath_raster::BlockCache;

use crate::corpus::try_all;
use crate::raw::{DOUBLE, Entry, LONG, Raw, SHORT, TEXT};
use crate::{Dice, alone, lease};

/// With more than two blocks of either kind in image and overview: a BigTIFF holds two places where their own place would be.
const SIDE: u32 = 96;
const TILE: u32 = 16;

/// A stream of 16 × 16 pixels of one band, without its tables, and those.
const JPEG: &str = "ffd8ffc0000b080010001001011100ffc400160001010100000000000000000000000000060007ffc4001710010003000000\
                    0000000000000000000005002232ffda0008010100003f00cc0a2b358e0a2b35914566b1c14566b3ffd9";
const TABLES: &str = "ffd8ffdb004300080606070605080707070909080a0c140d0c0b0b0c1912130f141d1a1f1e1d1a1c1c20242e2720222c231c\
                      1c2837292c30313434341f27393d38323c2e333432ffd9";

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digit = |digit: &u8| char::from(*digit).to_digit(16).expect("a digit") as u8;
    hexadecimal.as_bytes().chunks_exact(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

/// Pixels of a type, packed as a number of tag 259 says, rows of which are as many bytes as they have.
fn packed(compression: u32, floats: bool, rows: u32, columns: u32) -> Vec<u8> {
    let values: Vec<f32> = (0..rows * columns).map(|place| (place % columns) as f32 + (place / 64) as f32).collect();
    let bytes: Vec<u8> = values.iter().map(|value| *value as u8).collect();
    let raw = if floats { bytemuck::cast_slice(&values).to_vec() } else { bytes.clone() };
    match compression {
        5 => weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(&raw).expect("packed"),
        7 => bytes_of(JPEG),
        8 => miniz_oxide::deflate::compress_to_vec_zlib(&raw, 6),
        32_773 => raw.chunks(128).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect(),
        34_887 if floats => lerc::encode_slice(columns, rows, &values, lerc::Precision::Lossless).expect("packed"),
        34_887 => lerc::encode_slice(columns, rows, &bytes, lerc::Precision::Lossless).expect("packed"),
        50_000 => zstd::bulk::compress(&raw, 3).expect("packed"),
        _ => raw,
    }
}

/// Entries of an image that is stored so; its blocks are added before.
fn image(raw: &mut Raw, side: u32, (compression, floats, tiled): (u32, bool, bool), more: &[Entry]) -> Vec<Entry> {
    let (rows, columns) = (TILE, if tiled { TILE } else { side });
    let block = packed(compression, floats, rows, columns);
    let blocks = side.div_ceil(rows) * side.div_ceil(columns);
    // All are the same one, so that most of the file is tags.
    let places = vec![raw.add(&block); blocks as usize];
    let list = |raw: &mut Raw, values: &[u32]| match values {
        [value] => *value,
        values => raw.add(bytemuck::cast_slice(values)),
    };
    let lengths = vec![block.len() as u32; places.len()];
    let (offsets, lengths) = (list(raw, &places), list(raw, &lengths));
    let (bits, format) = if floats { (32, 3) } else { (8, 1) };
    let mut entries = vec![
        (256, LONG, 1, side),
        (257, LONG, 1, side),
        (258, SHORT, 1, bits),
        (259, SHORT, 1, compression),
        (262, SHORT, 1, 1),
        (277, SHORT, 1, 1),
        (339, SHORT, 1, format),
    ];
    entries.extend(match tiled {
        true => vec![
            (322, SHORT, 1, TILE),
            (323, SHORT, 1, TILE),
            (324, LONG, blocks, offsets),
            (325, LONG, blocks, lengths),
        ],
        false => vec![(278, SHORT, 1, TILE), (273, LONG, blocks, offsets), (279, LONG, blocks, lengths)],
    });
    if compression == 7 {
        let tables = bytes_of(TABLES);
        entries.push((347, 7, tables.len() as u32, raw.add(&tables)));
    }
    entries.extend(more);
    entries
}

/// A file with a place, a system, texts, an overview, and a mask where one is wanted.
fn whole(big: bool, kind: (u32, bool, bool), masked: bool) -> Vec<u8> {
    let mut raw = if big { Raw::big() } else { Raw::new() };
    let xml = b"<GDALMetadata><Item name=\"D\" sample=\"0\" role=\"description\">height</Item></GDALMetadata>\0";
    let (xml, length) = (raw.add(xml), xml.len() as u32);
    let place = |raw: &mut Raw, values: &[f64]| raw.add(bytemuck::cast_slice(values));
    let (scale, tie) = (place(&mut raw, &[30.0, 30.0, 0.0]), place(&mut raw, &[0.0, 0.0, 0.0, 5e5, 5e6, 0.0]));
    let keys = raw.add(bytemuck::cast_slice(&[1u16, 1, 0, 2, 1024, 0, 1, 1, 3072, 0, 1, 32_633]));
    let nodata = raw.add(b"7\0\0\0\0\0\0\0\0\0");
    let more = [
        (42_112, TEXT, length, xml),
        (42_113, TEXT, 10, nodata),
        (33_550, DOUBLE, 3, scale),
        (33_922, DOUBLE, 6, tie),
        (34_735, SHORT, 12, keys),
    ];
    let entries = image(&mut raw, SIDE, kind, &more);
    raw.follow(&entries);
    let entries = image(&mut raw, SIDE / 2, kind, &[(254, LONG, 1, 1)]);
    raw.follow(&entries);
    if masked {
        for side in [SIDE, SIDE / 2] {
            let subfile = if side == SIDE { 4 } else { 5 };
            let mask = image(&mut raw, side, (8, false, kind.2), &[(254, LONG, 1, subfile)]);
            raw.follow(&mask);
        }
    }
    raw.bytes().to_vec()
}

fn mutate(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    for _ in 0..=dice.below(4) {
        let place = dice.below(mutant.len() as u64) as usize;
        match dice.below(8) {
            0 => mutant[place] = dice.next() as u8,
            1 => mutant[place] ^= 1 << dice.below(8),
            2 => mutant[place] = 0xff,
            3 => {
                let number = [0, 1, 0xffff, 0x7fff_ffff, u32::MAX, bytes.len() as u32][dice.below(6) as usize];
                let end = (place + 4).min(mutant.len());
                mutant[place..end].copy_from_slice(&number.to_le_bytes()[..end - place]);
            }
            // One place leads to where another one did.
            4 | 5 => {
                let from = dice.below(mutant.len() as u64) as usize;
                let length = (1 + dice.below(12) as usize).min(mutant.len() - place.max(from));
                mutant.copy_within(from..from + length, place);
            }
            6 => mutant.truncate((place + 16).min(bytes.len())),
            _ => {
                let length = (1 + dice.below(40) as usize).min(mutant.len() - place);
                mutant[place..place + length].fill(dice.next() as u8);
            }
        }
    }
    mutant
}

#[test]
fn mutants_of_every_kind_do_no_harm() {
    let _alone = alone();
    let path = std::env::temp_dir().join(format!("swath-mutant-{}.tif", std::process::id()));
    let caches = [BlockCache::none(), BlockCache::new(lease(Bytes(1 << 20)))];
    let turns = if std::env::var_os("SWATH_TEST_FULL").is_some() { 1000 } else { 50 };
    let mut dice = Dice(42);
    let (mut kinds, mut cases) = (0, 0);
    for compression in [1, 5, 7, 8, 32_773, 34_887, 50_000] {
        for (floats, tiled, big) in (0..8).map(|bits| (bits & 1 > 0, bits & 2 > 0, bits & 4 > 0)) {
            if compression == 7 && (floats || !tiled) {
                continue;
            }
            let original = whole(big, (compression, floats, tiled), floats == tiled);
            // Unchanged it is read as a whole, or mutants would never get far.
            std::fs::write(&path, &original).expect("a file");
            assert_read(&path, floats == tiled);
            kinds += 1;
            for turn in 0..turns {
                let mutant = mutate(&original, &mut dice);
                std::fs::write(&path, &mutant).expect("a file");
                let what = format!("compression {compression}, floats {floats}, tiles {tiled}, big {big}, turn {turn}");
                try_all(&path, mutant.len() as u64, &caches[turn % 2], &what);
                cases += 1;
            }
        }
    }
    std::fs::remove_file(&path).expect("the file of this test");
    println!("{cases} mutants of {kinds} kinds of files");
    assert_eq!((kinds, cases), (50, 50 * turns));
}

fn assert_read(path: &std::path::Path, masked: bool) {
    use swath_formats::geotiff::read::GeoTiff;
    use swath_raster::Raster;
    let tiff = GeoTiff::open(path).expect("a TIFF");
    assert!(tiff.levels() == 2 && tiff.warnings().is_empty(), "{:?}", tiff.warnings());
    for level in 0..2 {
        let raster = tiff.raster(level, &BlockCache::none()).expect("a level");
        let window = raster.grid().shape.whole();
        assert!(raster.grid().has_mask == masked && raster.grid().crs.is_some() && raster.grid().affine.is_some());
        raster.read(window, &[0], &lease(raster.bytes_for(window, 1))).expect("pixels");
    }
}
