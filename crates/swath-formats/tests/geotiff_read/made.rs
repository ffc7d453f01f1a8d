//! Small TIFFs made here, for what real files rarely have: LERC, blocks that were never written, masks, lies.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use lerc::Precision;
use swath_core::{Bytes, Result};
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::{BlockCache, Raster, Shape, Tile, Window};

use crate::{Dice, alone, lease, measured, read_declared};

/// A classic TIFF of one or more images, little-endian. Of each: tags of 32-bit numbers or text, and blocks.
struct Made {
    tags: Vec<(u16, Values)>,
    blocks: Vec<Vec<u8>>,
}

#[derive(Clone)]
enum Values {
    Numbers(Vec<u32>),
    Text(&'static str),
}

fn numbers(values: &[u32]) -> Values {
    Values::Numbers(values.to_vec())
}

/// An image of one band in square tiles.
fn tiles(side: u32, tile: u32, bits: u32, format: u32, compression: u32, blocks: Vec<Vec<u8>>) -> Made {
    let tags = [(256, side), (257, side), (258, bits), (259, compression), (262, 1), (277, 1)];
    let more = [(322, tile), (323, tile), (339, format)];
    let tags = tags.into_iter().chain(more).map(|(tag, value)| (tag, numbers(&[value]))).collect();
    Made { tags, blocks }
}

impl Made {
    fn with(mut self, tag: u16, values: Values) -> Made {
        self.tags.retain(|(other, _)| *other != tag);
        self.tags.push((tag, values));
        self
    }
}

/// The bytes of a file of some images.
fn file(images: &[Made]) -> Vec<u8> {
    let mut bytes = b"II\x2a\0\0\0\0\0".to_vec();
    let mut link = 4;
    for image in images {
        let mut places = Vec::new();
        for block in &image.blocks {
            places.push(if block.is_empty() { 0 } else { bytes.len() as u32 });
            bytes.extend(block);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
        }
        let lengths = image.blocks.iter().map(|block| block.len() as u32).collect();
        let mut tags = image.tags.clone();
        for (tag, values) in [(324, Values::Numbers(places)), (325, Values::Numbers(lengths))] {
            if tags.iter().all(|(other, _)| *other != tag) {
                tags.push((tag, values));
            }
        }
        tags.sort_by_key(|(tag, _)| *tag);
        let mut entries = Vec::new();
        for (tag, values) in &tags {
            let (kind, count, data) = match values {
                Values::Numbers(values) => {
                    (4u16, values.len(), values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
                }
                Values::Text(text) => (2, text.len() + 1, [text.as_bytes(), b"\0"].concat()),
            };
            entries.extend(tag.to_le_bytes());
            entries.extend(kind.to_le_bytes());
            entries.extend((count as u32).to_le_bytes());
            if data.len() <= 4 {
                entries.extend(&data);
                entries.resize(entries.len() + 4 - data.len(), 0);
            } else {
                entries.extend((bytes.len() as u32).to_le_bytes());
                bytes.extend(data);
                bytes.resize(bytes.len().next_multiple_of(2), 0);
            }
        }
        let place = bytes.len() as u32;
        bytes[link..link + 4].copy_from_slice(&place.to_le_bytes());
        bytes.extend((tags.len() as u16).to_le_bytes());
        bytes.extend(entries);
        link = bytes.len();
        bytes.extend([0; 4]);
    }
    bytes
}

/// A file of this process that goes when it is dropped.
pub struct Saved(pub PathBuf);

static SAVED: AtomicUsize = AtomicUsize::new(0);

pub fn save(bytes: &[u8]) -> Saved {
    let number = SAVED.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("swath-made-{}-{number}.tif", std::process::id()));
    std::fs::write(&path, bytes).expect("a file");
    Saved(path)
}

impl Drop for Saved {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn read(images: &[Made]) -> Result<Tile> {
    let saved = save(&file(images));
    let cache = BlockCache::none();
    let raster = GeoTiff::open(&saved.0)?.raster(0, &cache)?;
    read_declared(&raster, &cache, raster.grid().shape.whole(), &[0], &saved.0)
}

fn bytes_of<T: bytemuck::Pod>(values: &[T]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

#[test]
fn lerc_takes_no_more_than_it_declares() {
    let _alone = alone();
    // Smooth, then noise, which takes other ways through the codec and longer blobs.
    for (noise, error) in [(0.0, 0.0), (1e3, 0.0), (1e3, 0.5), (1e-6, 0.0)] {
        let mut state = 7u32;
        let values = (0..300 * 300).map(|place| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(place % 300) + noise * f64::from(state >> 8) / 16_777_216.0
        });
        let values: Vec<f64> = values.collect();
        let check = |bits: u32, format: u32, blob: Vec<u8>, bytes: Vec<u8>, slack: f64| {
            let tile = read(&[tiles(300, 300, bits, format, 34_887, vec![blob])]).expect("pixels");
            if slack == 0.0 {
                assert!(tile.values.bytes() == bytes, "{bits} bits, noise {noise}");
            }
        };
        macro_rules! check_type {
            ($type:ty, $bits:literal, $format:literal) => {{
                let values: Vec<$type> = values.iter().map(|value| *value as $type).collect();
                let precision = if error == 0.0 { Precision::Lossless } else { Precision::Tolerance(error as $type) };
                let blob = lerc::encode_slice(300, 300, &values, precision).expect("packed");
                check($bits, $format, blob, bytes_of(&values), error);
            }};
        }
        check_type!(f32, 32, 3);
        check_type!(f64, 64, 3);
        check_type!(u8, 8, 1);
        check_type!(i16, 16, 2);
        check_type!(u32, 32, 1);
    }
}

#[test]
fn damaged_lerc_does_no_harm() {
    let _alone = alone();
    let values: Vec<f32> = (0..64 * 64).map(|place| (place % 64) as f32 + (place % 7) as f32 / 3.0).collect();
    let narrow: Vec<u8> = values.iter().map(|value| *value as u8).collect();
    let blobs = [
        (32, 3, lerc::encode_slice(64, 64, &values, Precision::Lossless).expect("packed")),
        (32, 3, lerc::encode_slice(64, 64, &values, Precision::Tolerance(0.1)).expect("packed")),
        (8, 1, lerc::encode_slice(64, 64, &narrow, Precision::Lossless).expect("packed")),
    ];
    let mut dice = Dice(3);
    for (bits, format, blob) in blobs {
        for turn in 0..300 {
            let mut damaged = blob.clone();
            for _ in 0..=turn % 4 {
                let near = if turn % 2 == 0 { 120 } else { u64::MAX };
                let place = dice.below(near.min(damaged.len() as u64)) as usize;
                damaged[place] = dice.below(256) as u8;
            }
            if turn % 5 == 0 {
                damaged.truncate(dice.below(blob.len() as u64) as usize);
            }
            // Blobs have a checksum: one that fits again lets the damage reach the codec.
            if damaged.len() > 14 {
                let sum = lerc::checksum::fletcher32(&damaged[14..]);
                damaged[10..14].copy_from_slice(&sum.to_le_bytes());
            }
            let _ = read(&[tiles(64, 64, bits, format, 34_887, vec![damaged])]);
        }
    }
}

#[test]
fn what_lerc_leaves_out_is_not_valid() {
    let _alone = alone();
    let values: Vec<f32> = (0..256).map(|value| value as f32).collect();
    let mut mask = lerc::bitmask::BitMask::new(256);
    (0..256).filter(|place| place % 3 > 0).for_each(|place| mask.set_valid(place));
    let blob = lerc::encode_slice_masked(16, 16, &values, &mask, Precision::Lossless).expect("packed");
    let tile = read(&[tiles(16, 16, 32, 3, 34_887, vec![blob])]).expect("pixels");
    let validity = tile.validity.as_deref().expect("some are not valid");
    for (place, valid) in validity.iter().enumerate() {
        assert_eq!(*valid == 1, place % 3 > 0);
        assert!(*valid == 0 || tile.values::<f32>().expect("floats")[place] == place as f32);
    }
    let values: Vec<u8> = (0..=255).collect();
    let blob = lerc::encode_slice_masked(16, 16, &values, &mask, Precision::Lossless).expect("packed");
    let error = read(&[tiles(16, 16, 8, 1, 34_887, vec![blob])]).expect_err("integers cannot show that");
    assert!(error.to_string().contains("leaves out pixels"), "{error}");
    assert!(matches!(error, swath_core::Error::InputUnreadable { .. }), "{error:?}");
}

/// A blob of 16 × 16 pixels, of which every third is left out where `masked` says so for its band.
fn blob<T: lerc::Sample>(values: &[T], depth: u32, masked: &[bool]) -> Vec<u8> {
    let mask = |masked: &bool| {
        let mut mask = lerc::bitmask::BitMask::new(256);
        (0..256).filter(|place| !masked || place % 3 > 0).for_each(|place| mask.set_valid(place));
        mask
    };
    let image = lerc::Image {
        width: 16,
        height: 16,
        depth,
        bands: masked.len() as u32,
        data_type: T::DATA_TYPE,
        valid_masks: masked.iter().map(mask).collect(),
        data: T::into_lerc_data(values.to_vec()),
        no_data_value: None,
    };
    lerc::encode(&image, Precision::Lossless).expect("packed")
}

/// Reads a tile of 16 × 16 pixels with all its bands.
fn bands(image: Made, count: usize) -> Tile {
    let image = image.with(277, numbers(&[count as u32])).with(284, numbers(&[1]));
    let saved = save(&file(&[image]));
    let cache = BlockCache::none();
    let raster = GeoTiff::open(&saved.0).and_then(|tiff| tiff.raster(0, &cache)).expect("a TIFF");
    let bands: Vec<usize> = (0..count).collect();
    read_declared(&raster, &cache, raster.grid().shape.whole(), &bands, &saved.0).expect("pixels")
}

#[test]
fn opacity_may_be_the_mask_of_lerc() {
    let _alone = alone();
    // Of three bands and opacity the blob has three, and the mask says where the fourth is 255.
    let values: Vec<u8> = (0..256 * 3).map(|place| (place / 3 + 50 * (place % 3)) as u8).collect();
    for masked in [true, false] {
        let image = tiles(16, 16, 8, 1, 34_887, vec![blob(&values, 3, &[masked])]).with(338, numbers(&[2]));
        let tile = bands(image, 4);
        let got = tile.values.bytes();
        for place in 0..256 {
            let wanted = if masked && place % 3 == 0 { 0 } else { 255 };
            assert_eq!(got[3 * 256 + place], wanted, "pixel {place}");
            let seen = (0..3).all(|band| got[band * 256 + place] == values[place * 3 + band]);
            assert!(wanted == 0 || seen, "pixel {place}");
        }
    }
}

#[test]
fn each_band_of_lerc_may_have_a_mask() {
    let _alone = alone();
    let values: Vec<f32> = (0..256 * 3).map(|place| (place % 256) as f32 + 1000.0 * (place / 256) as f32).collect();
    let image = tiles(16, 16, 32, 3, 34_887, vec![blob(&values, 1, &[true, false, true])]);
    let tile = bands(image, 3);
    let (got, validity) = (tile.values::<f32>().expect("floats"), tile.validity.as_deref().expect("not all are valid"));
    for place in 0..256 * 3 {
        let valid = place / 256 == 1 || place % 256 % 3 > 0;
        assert_eq!(validity[place] == 1, valid, "sample {place}");
        assert!(if valid { got[place] == values[place] } else { got[place].is_nan() }, "sample {place}");
    }
}

#[test]
fn blocks_that_were_never_written_are_nodata_or_zero() {
    let _alone = alone();
    let blocks = || vec![vec![5; 256], Vec::new(), Vec::new(), vec![6; 256]];
    let tile = read(&[tiles(32, 16, 8, 1, 1, blocks())]).expect("pixels");
    assert_eq!((tile.values.bytes()[0], tile.values.bytes()[16], tile.validity.is_none()), (5, 0, true));
    let with_nodata = tiles(32, 16, 8, 1, 1, blocks()).with(42_113, Values::Text("255"));
    let tile = read(&[with_nodata]).expect("pixels");
    let validity = tile.validity.as_deref().expect("half is not valid");
    assert_eq!((tile.values.bytes()[16], validity[16], validity[0]), (255, 0, 1));
    assert_eq!(validity.iter().filter(|valid| **valid == 1).count(), 512);
}

#[test]
fn a_mask_of_bits_decides() {
    let _alone = alone();
    let image = || tiles(32, 32, 8, 1, 1, vec![vec![9; 1024]]).with(42_113, Values::Text("9"));
    // Columns 0 to 7 of 32.
    let mask = tiles(32, 32, 1, 1, 1, vec![[0xff, 0, 0, 0].repeat(32)]).with(254, numbers(&[4]));
    let tile = read(&[image(), mask.with(262, numbers(&[4]))]).expect("pixels");
    let validity = tile.validity.as_deref().expect("not all are valid");
    assert!(validity.iter().enumerate().all(|(place, valid)| (*valid == 1) == (place % 32 < 8)));
    let tile = read(&[image()]).expect("pixels");
    assert!(tile.validity.is_some_and(|validity| validity.iter().all(|valid| *valid == 0)));
}

/// What only a mask of each band hides is not written as it was stored: one mask for all bands could not say it.
#[test]
fn a_mask_of_each_band_is_not_stored() {
    let _alone = alone();
    let floats = |value: f32| bytes_of(&[value; 256]);
    let image = || {
        let image = tiles(16, 16, 32, 3, 1, vec![floats(5.0), floats(6.0)]);
        image.with(277, numbers(&[2])).with(284, numbers(&[2]))
    };
    let hidden = || (0..256).map(|place| if place == 17 { 0 } else { 255 }).collect::<Vec<u8>>();
    let mask = |planes: Vec<Vec<u8>>| {
        let count = planes.len() as u32;
        let mask = tiles(16, 16, 8, 1, 1, planes).with(254, numbers(&[4])).with(262, numbers(&[4]));
        mask.with(277, numbers(&[count])).with(284, numbers(&[2]))
    };
    for (planes, as_stored) in [(vec![hidden(), vec![255; 256]], false), (vec![hidden()], true)] {
        let saved = save(&file(&[image(), mask(planes)]));
        let cache = BlockCache::none();
        let raster = GeoTiff::open(&saved.0).and_then(|tiff| tiff.raster(0, &cache)).expect("a TIFF");
        let tile = read_declared(&raster, &cache, raster.grid().shape.whole(), &[0, 1], &saved.0).expect("pixels");
        let validity = tile.validity.as_deref().expect("not all are valid");
        let gaps: Vec<usize> = (0..512).filter(|place| validity[*place] == 0).collect();
        assert_eq!((gaps, tile.as_stored), (if as_stored { vec![17, 273] } else { vec![17] }, as_stored));
    }
}

#[test]
fn bits_may_run_backwards() {
    let _alone = alone();
    let image = tiles(16, 16, 8, 1, 1, vec![vec![0b0000_0011; 256]]).with(266, numbers(&[2]));
    assert_eq!(read(&[image]).expect("pixels").values.bytes()[0], 0b1100_0000);
}

/// Files whose numbers promise more than there is.
#[test]
fn lies_cost_no_memory() {
    let _alone = alone();
    let honest = || tiles(16, 16, 8, 1, 1, vec![vec![0; 256]]);
    let wide = 0x7fff_ffff;
    let lies = [
        ("too many tiles", honest().with(256, numbers(&[wide]))),
        ("one huge tile", {
            let huge = honest().with(256, numbers(&[wide])).with(257, numbers(&[wide]));
            huge.with(322, numbers(&[wide])).with(323, numbers(&[wide]))
        }),
        ("a long block", honest().with(259, numbers(&[8])).with(325, numbers(&[u32::MAX]))),
        ("a block beyond the end", honest().with(324, numbers(&[u32::MAX - 300]))),
        ("many bands", honest().with(277, numbers(&[65_535]))),
        ("no rows", honest().with(257, numbers(&[0]))),
        ("no tile", honest().with(322, numbers(&[0]))),
        ("bits without end", honest().with(258, numbers(&[u32::MAX]))),
    ];
    for (what, lie) in lies {
        let saved = save(&file(&[lie]));
        let (outcome, heap) = measured(|| try_read(&saved.0));
        assert!(heap < 1 << 20, "{what} took {heap} bytes");
        assert!(outcome.is_err(), "{what} was believed");
    }
}

/// Reads one pixel with as much memory as that declares, but no more than 64 MB.
fn try_read(path: &Path) -> Result<Tile> {
    let raster = GeoTiff::open(path)?.raster(0, &BlockCache::none())?;
    let window = Window::new(0, 0, 1, 1);
    raster.read(window, &[0], &lease(raster.bytes_for(window, 1).min(Bytes(64 << 20))))
}

#[test]
fn rows_of_a_huge_strip_are_read_alone() {
    let _alone = alone();
    let (rows, columns) = (4000u32, 4000u32);
    let pixels: Vec<u8> = (0..rows).flat_map(|row| vec![(row % 251) as u8; columns as usize]).collect();
    let strip = tiles(columns, 1, 8, 1, 1, vec![pixels]);
    let mut strip = strip.with(273, numbers(&[8])).with(279, numbers(&[rows * columns])).with(278, numbers(&[rows]));
    strip.tags.retain(|(tag, _)| !matches!(tag, 322 | 323));
    let saved = save(&file(&[strip]));
    let cache = BlockCache::none();
    let raster = GeoTiff::open(&saved.0).and_then(|tiff| tiff.raster(0, &cache)).expect("a TIFF");
    let window = Window::new(1000, 100, 10, 50);
    assert!(raster.bytes_for(window, 1) < Bytes(1_200_000), "{}", raster.bytes_for(window, 1));
    let tile = read_declared(&raster, &cache, window, &[0], &saved.0).expect("pixels");
    assert!(tile.values.bytes().chunks(50).zip(1000u32..).all(|(line, row)| line == [(row % 251) as u8; 50]));
    assert!(raster.grid().block.rows < 300 && raster.source_blocks() == [raster.grid().block]);
    assert_eq!(raster.tiff().info().block, Shape::new(rows, columns));
}
