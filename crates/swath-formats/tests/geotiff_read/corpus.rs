//! Real files and what became of them: any window is a part of the whole, and damage does no harm.
//!
//! `SWATH_CORPUS` names the folder of real files, `../shared/corpus` beside the workspace else; without either these
//! tests say so and pass.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use swath_core::Bytes;
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::{BlockCache, Raster, Shape, Tile, Window};

use crate::{Dice, alone, lease, measured, read_declared};

/// TIFFs of a folder of the corpus, in order.
fn corpus(folder: &str) -> Vec<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let root = std::env::var_os("SWATH_CORPUS").map_or(beside, PathBuf::from);
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        println!("SKIPPED: no folder {folder} in {}", root.display());
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| matches!(path.extension().and_then(|end| end.to_str()), Some("tif" | "tiff" | "bin")));
    paths.sort();
    paths
}

fn all_corpus() -> Vec<PathBuf> {
    let folders = ["raster/geo", "raster/rasterio", "raster/tiff_variants", "malformed/tiff", "malformed/tiff_fuzz"];
    folders.into_iter().flat_map(corpus).collect()
}

/// The part of a tile, as bytes of values and validity.
fn cut(tile: &Tile, part: Window) -> (Vec<u8>, Vec<u8>) {
    let size = tile.values.data_type().size();
    let (mut values, mut validity) = (Vec::new(), Vec::new());
    let columns = tile.window.columns as usize;
    for band in 0..tile.bands {
        for row in 0..part.rows as usize {
            let line = band * tile.window.rows as usize + (part.row - tile.window.row) as usize + row;
            let start = line * columns + (part.column - tile.window.column) as usize;
            let range = start..start + part.columns as usize;
            values.extend(&tile.values.bytes()[range.start * size..range.end * size]);
            match &tile.validity {
                Some(plane) => validity.extend(&plane[range]),
                None => validity.extend(range.map(|_| 1)),
            }
        }
    }
    (values, validity)
}

fn any_window(dice: &mut Dice, shape: Shape) -> Window {
    let (row, column) = (dice.below(shape.rows.into()) as u32, dice.below(shape.columns.into()) as u32);
    let rows = 1 + dice.below(u64::from(shape.rows - row).min(300)) as u32;
    let columns = 1 + dice.below(u64::from(shape.columns - column).min(300)) as u32;
    Window::new(row, column, rows, columns)
}

#[test]
fn windows_are_parts_of_the_whole_whatever_the_cache() {
    let _alone = alone();
    let mut dice = Dice(1);
    let caches = [BlockCache::none(), BlockCache::new(lease(Bytes(3 << 20))), BlockCache::new(lease(Bytes(64 << 10)))];
    for path in all_corpus() {
        let Ok(tiff) = GeoTiff::open(&path) else {
            continue;
        };
        for level in 0..tiff.levels() {
            let rasters = caches.each_ref().map(|cache| tiff.raster(level, cache).expect("a level"));
            let grid = tiff.grid(level).expect("a level");
            let bands: Vec<usize> = (0..grid.bands.len()).rev().collect();
            if grid.shape.pixels() > 4_000_000 {
                continue;
            }
            let Ok(whole) = read_declared(&rasters[0], &caches[0], grid.shape.whole(), &bands, &path) else {
                continue;
            };
            for turn in 0..12 {
                let window = any_window(&mut dice, grid.shape);
                let (raster, cache) = (&rasters[turn % 3], &caches[turn % 3]);
                let tile = read_declared(raster, cache, window, &bands, &path).expect("the whole was read");
                assert!(cut(&tile, window) == cut(&whole, window), "{}: {window:?}", path.display());
            }
        }
    }
}

#[test]
fn threads_share_a_cache() {
    let _alone = alone();
    let paths = corpus("raster/rasterio");
    for path in paths.iter().filter(|path| path.ends_with("RGB.byte.tif") || path.ends_with("cogeo.tif")) {
        let tiff = GeoTiff::open(path).expect("a TIFF");
        let cache = BlockCache::new(lease(Bytes(1 << 20)));
        let raster = tiff.raster(0, &cache).expect("a level");
        let shape = raster.grid().shape;
        let whole = raster.read(shape.whole(), &[0, 2], &lease(Bytes(64 << 20))).expect("pixels");
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let (raster, whole) = (&raster, &whole);
                scope.spawn(move || {
                    let mut dice = Dice(seed);
                    for _ in 0..40 {
                        let window = any_window(&mut dice, shape);
                        let lease = lease(raster.bytes_for(window, 2));
                        let tile = raster.read(window, &[0, 2], &lease).expect("pixels");
                        assert!(cut(&tile, window) == cut(whole, window), "{window:?}");
                    }
                });
            }
        });
    }
}

/// Opens and reads some of a file that may be anything. `length` is that of the file.
pub fn try_all(path: &Path, length: u64, cache: &Arc<BlockCache>, what: &str) {
    let began = Instant::now();
    let (opened, heap) = measured(|| GeoTiff::open(path));
    // Tags of a file may be taken into memory, in a few forms, and a band each for what it says of bands.
    let allowed = 24 * length + (8 << 20);
    assert!(heap <= allowed, "{what}: opening took {heap} bytes, the file has {length}");
    if let Ok(tiff) = opened {
        for level in 0..tiff.levels().min(3) {
            let raster = tiff.raster(level, cache).expect("a level");
            let shape = raster.grid().shape;
            let windows = [
                Window::new(0, 0, shape.rows.min(64), shape.columns.min(64)),
                Window::new(shape.rows - shape.rows.min(9), shape.columns - shape.columns.min(9), 1, 1),
            ];
            for window in windows {
                if raster.bytes_for(window, 1) <= Bytes(64 << 20) {
                    let _ = read_declared(&raster, cache, window, &[0], Path::new(what));
                }
            }
        }
    }
    assert!(began.elapsed() < Duration::from_secs(20), "{what}: it takes for ever");
}

#[test]
fn damaged_files_do_no_harm() {
    let _alone = alone();
    let folder = std::env::temp_dir().join(format!("swath-geotiff-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("damaged.tif");
    let caches = [BlockCache::none(), BlockCache::new(lease(Bytes(1 << 20)))];
    let turns = if std::env::var_os("SWATH_TEST_FULL").is_some() { 400 } else { 40 };
    for original in all_corpus() {
        let bytes = std::fs::read(&original).expect("a file");
        if bytes.len() > 120_000 || bytes.is_empty() {
            continue;
        }
        let mut dice = Dice(bytes.len() as u64);
        for turn in 0..turns {
            let mut damaged = bytes.clone();
            match turn % 4 {
                0 => damaged.truncate(dice.below(bytes.len() as u64) as usize),
                // Headers and directories are mostly near the ends.
                kind => {
                    for _ in 0..=dice.below(6) {
                        let near = (bytes.len() as u64).min(if kind == 1 { 512 } else { u64::MAX });
                        let place = dice.below(near) as usize;
                        let place = if kind == 2 { bytes.len() - 1 - place.min(1024) % bytes.len() } else { place };
                        damaged[place] = match dice.below(3) {
                            0 => 0xff,
                            1 => damaged[place] ^ 1 << dice.below(8),
                            _ => dice.next() as u8,
                        };
                    }
                }
            }
            std::fs::write(&path, &damaged).expect("a file");
            try_all(&path, damaged.len() as u64, &caches[turn / 4 % 2], &format!("{} turn {turn}", original.display()));
        }
    }
    std::fs::remove_dir_all(&folder).expect("the folder of this test");
}

#[test]
fn files_that_lie_are_refused_before_memory_is_taken() {
    let _alone = alone();
    let cache = BlockCache::none();
    for path in corpus("malformed/tiff_fuzz").into_iter().chain(corpus("malformed/tiff")) {
        let length = std::fs::metadata(&path).expect("a file").len();
        try_all(&path, length, &cache, &path.display().to_string());
    }
}
