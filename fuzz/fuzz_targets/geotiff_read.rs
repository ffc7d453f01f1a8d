//! Any bytes as a TIFF: opened, and two windows of each level read with the memory that they declare.

#![no_main]

use libfuzzer_sys::fuzz_target;
use swath_core::{Budget, Bytes, Stop};
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::{BlockCache, Raster, Window};

/// More than this is not asked for.
const MOST: Bytes = Bytes(64 << 20);

fuzz_target!(|data: &[u8]| {
    let path = std::env::temp_dir().join(format!("swath-fuzz-{}.tif", std::process::id()));
    std::fs::write(&path, data).expect("a file");
    let Ok(tiff) = GeoTiff::open(&path) else {
        return;
    };
    assert!(tiff.index_bytes().0 < 24 * data.len() as u64 + (8 << 20), "an open file holds more than it should");
    for level in 0..tiff.levels().min(3) {
        let raster = tiff.raster(level, &BlockCache::none()).expect("a level");
        let shape = raster.grid().shape;
        let corner = Window::new(0, 0, shape.rows.min(64), shape.columns.min(64));
        let end = Window::new(shape.rows - 1, shape.columns - 1, 1, 1);
        for window in [corner, end] {
            let declared = raster.bytes_for(window, 1);
            if declared <= MOST {
                let lease = Budget::new(declared).lease(declared, &Stop::default()).expect("room");
                let _ = raster.read(window, &[0], &lease);
            }
        }
    }
});
