//! Wherever the disk fails while a GeoTIFF is put together or opened, the error says so, and the next attempt makes the same file.
#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use swath_core::fault::{self, Deed, Fault};
use swath_core::{Error, Result};
use swath_formats::geotiff::Texts;
use swath_formats::geotiff::read::GeoTiff;
use swath_formats::geotiff::write::{
    Container, EncodedBlocks, FileDescription, Layout, Piece, WriteOptions, write_file,
};
use swath_raster::{Band, DataType, Grid, Shape};

/// Blocks that are long enough to be written more than once.
struct Blocks;

impl EncodedBlocks for Blocks {
    fn length(&mut self, piece: Piece) -> Result<u32> {
        Ok(100_000 + piece.column)
    }

    fn copy(&mut self, piece: Piece, out: &mut dyn Write) -> Result<()> {
        let bytes = vec![piece.row as u8; self.length(piece)? as usize];
        // As a store would: the system's error is wrapped in words that must not be the last ones.
        out.write_all(&bytes).map_err(|error| Error::unexpected(error.to_string()))
    }
}

/// One at a time, because fault points are of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn path(what: &str) -> PathBuf {
    std::env::temp_dir().join(format!("swath-geotiff-faults-{what}-{}.tif", std::process::id()))
}

/// With a mask, overviews, and no place.
fn description() -> FileDescription {
    let grid = Grid {
        shape: Shape::new(100, 60),
        affine: None,
        crs: None,
        data_type: DataType::UInt8,
        nodata: None,
        has_mask: true,
        block: Shape::new(16, 16),
        bands: vec![Band::default(); 2].into(),
    };
    FileDescription {
        grid,
        options: WriteOptions::from_pairs(["BLOCKSIZE=16"]).unwrap(),
        container: Container::Cog,
        overviews: vec![Shape::new(50, 30)],
        metadata: vec![],
        palette: None,
        texts: Texts::default(),
        pixel_is_point: false,
        geo_keys: None,
        min_is_white: false,
    }
}

#[test]
fn every_fault_point_is_told() {
    let _alone = alone();
    let layout = Layout::new(&description(), &mut Blocks).unwrap();
    let path = path("written");
    fault::arm(Fault::Count, 0, "raster.");
    let bytes = write_file(&path, &layout, &mut Blocks).unwrap();
    let points = fault::disarm();
    let wanted = std::fs::read(&path).unwrap();
    assert!(points > 10 && bytes == wanted.len() as u64 && bytes == layout.bytes(), "{points} points");
    for nth in 1..=points {
        for kind in [Fault::NoSpace, Fault::BrokenDisk] {
            fault::arm(kind, nth, "raster.");
            let result = write_file(&path, &layout, &mut Blocks);
            fault::disarm();
            assert!(matches!(result, Err(Error::OutputUnwritable { .. })), "{kind:?} {nth}: {result:?}");
        }
    }
    assert_eq!(write_file(&path, &layout, &mut Blocks).unwrap(), bytes);
    assert_eq!(std::fs::read(&path).unwrap(), wanted);
    std::fs::remove_file(&path).unwrap();
}

/// What a failing disk kept back was taken for damaged and left out: the mask, say, and then no pixel was missing.
#[test]
fn what_cannot_be_read_is_not_left_out() {
    let _alone = alone();
    let path = path("read");
    write_file(&path, &Layout::new(&description(), &mut Blocks).unwrap(), &mut Blocks).unwrap();
    let world: &Path = &path.with_extension("tfw");
    std::fs::write(world, "10\n0\n0\n-10\n500005\n5300000\n").unwrap();
    fault::arm(Fault::Count, 0, "input.");
    let wanted = GeoTiff::open(&path).unwrap();
    let points = fault::disarm();
    assert!(points > 20 && wanted.levels() == 2 && wanted.grid(0).unwrap().affine.is_some(), "{points} reads");
    for nth in 1..=points {
        fault::arm(Fault::Broken(Deed::Read), nth, "input.");
        let opened = GeoTiff::open(&path);
        fault::disarm();
        assert!(matches!(opened, Err(Error::InputUnreadable { .. })), "read {nth} of {points}: {opened:?}");
    }
    std::fs::remove_file(world).unwrap();
    std::fs::remove_file(&path).unwrap();
}
