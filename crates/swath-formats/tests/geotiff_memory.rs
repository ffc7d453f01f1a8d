//! Encoding of blocks stays within the memory it declares: measured by an allocator that counts, on pixels that do not
//! pack. What zstd and libdeflate take is of the C library, which is asked.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use swath_core::{Budget, Bytes, Lease, Stop};
use swath_formats::geotiff::write::{BlockEncoder, WriteOptions, block_bytes_max, encoder_bytes_max};
use swath_raster::{Band, DataType, Grid, Scalar, Shape, Tile};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

fn grown(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

// SAFETY: every call goes on to the system's allocator unchanged; only sizes are noted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grown(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // As if moved, which is the worst that can happen: old and new are there at once.
        grown(size);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How pixels look.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Look {
    /// Bits by chance.
    Noise,
    /// A slope with a little noise, so that LERC has something to do.
    Slope,
    /// Every second pixel the same.
    Stripes,
}

fn tile(grid: &Grid, look: Look, lease: &Lease) -> Tile {
    let mut tile = Tile::unwritten(grid.shape.whole(), grid.bands.len(), grid.data_type, lease).unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    match look {
        Look::Noise => tile.values.bytes_mut().iter_mut().for_each(|byte| *byte = draw() as u8),
        Look::Stripes => {
            let size = grid.data_type.size();
            let pixels = tile.values.bytes_mut().chunks_exact_mut(size).enumerate();
            pixels.for_each(|(at, pixel)| pixel.fill(if at % 2 == 0 { 7 } else { draw() as u8 }));
        }
        Look::Slope => swath_raster::for_values!(&mut tile.values, values => {
            for (at, value) in values.iter_mut().enumerate() {
                *value = from_f64((at % 512) as f64 / 5.0 + (draw() % 16) as f64 / 8.0);
            }
        }),
    }
    let validity = tile.validity_mut(lease).unwrap();
    validity.iter_mut().for_each(|valid| *valid = u8::from(draw() % 5 != 0));
    if grid.has_mask {
        // One mask for all bands.
        let (first, others) = validity.split_at_mut(validity.len() / grid.bands.len());
        others.chunks_exact_mut(first.len()).for_each(|band| band.copy_from_slice(first));
    }
    tile
}

fn from_f64<T: swath_raster::Pixel>(value: f64) -> T {
    T::from_f64(value)
}

/// Bytes that the C library has given out.
fn c_heap() -> usize {
    // SAFETY: it only reads counters of the allocator.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Holds what encoding takes against its bound; answers the part of the bound that it takes.
fn check(data_type: DataType, bands: usize, options: &[&str], mask: bool) -> f64 {
    let options = WriteOptions::from_pairs(options.iter().copied()).unwrap();
    let grid = Grid {
        shape: Shape::new(options.side(), options.side()),
        affine: None,
        crs: None,
        data_type,
        // Values that may move have no nodata value but NaN.
        nodata: match (mask, options.max_z_error > 0.0) {
            (true, false) => Some(Scalar::Int(0)),
            (true, true) => None,
            (false, true) => Some(Scalar::Float(f64::NAN)),
            (false, false) => Some(Scalar::Int(1)),
        },
        has_mask: mask,
        block: options.block(),
        bands: vec![Band::default(); bands].into(),
    };
    let lease = Budget::new(Bytes(1 << 30)).lease(Bytes(1 << 29), &Stop::new()).unwrap();
    let bound = encoder_bytes_max(&grid, &options).as_usize();
    let mut most = 0.0_f64;
    for look in [Look::Noise, Look::Slope, Look::Stripes] {
        let tile = tile(&grid, look, &lease);
        let (before, c_before) = (LIVE.load(Ordering::Relaxed), c_heap());
        PEAK.store(before, Ordering::Relaxed);
        let mut encoder = BlockEncoder::new(&grid, &options).unwrap();
        let mut bytes = 0;
        for _ in 0..2 {
            let encoded = encoder.encode(&tile, grid.shape.whole(), &mut |part| {
                bytes += part.len() as u64;
                Ok(())
            });
            let encoded = encoded.unwrap();
            assert_eq!(encoded.bytes(), bytes);
            let longest = block_bytes_max(&grid, &options).0;
            assert!(bytes <= longest, "{data_type} {bands} {look:?} {options:?}: {bytes} of {longest} bytes");
            bytes = 0;
        }
        // Rust's own heap is in the C library's too: what it has there now is counted once.
        let rust = PEAK.load(Ordering::Relaxed) - before;
        let rust_now = LIVE.load(Ordering::Relaxed) - before;
        let foreign = (c_heap() - c_before).saturating_sub(rust_now);
        let got = rust + foreign;
        assert!(got <= bound, "{data_type} {bands} {look:?} {options:?}: {rust} + {foreign} of {bound} bytes");
        most = most.max(got as f64 / bound as f64);
    }
    println!("{data_type} {bands} {:?} level {:?}: {most:.2} of the bound", options.compression, options.level);
    most
}

#[test]
fn declared_memory_is_an_upper_bound() {
    for data_type in [DataType::UInt8, DataType::Int16, DataType::Float32, DataType::Float64] {
        for compress in ["NONE", "PACKBITS", "LZW", "DEFLATE", "ZSTD", "LERC"] {
            let compress = format!("COMPRESS={compress}");
            for size in ["BLOCKSIZE=16", "BLOCKSIZE=128", "BLOCKSIZE=512"] {
                check(data_type, 1, &[&compress, size], false);
                check(data_type, 3, &[&compress, size], true);
            }
        }
        for error in ["MAX_Z_ERROR=1", "MAX_Z_ERROR=0.01"] {
            check(data_type, 1, &["COMPRESS=LERC", error], !data_type.is_float());
        }
    }
    for level in [1, 6, 9, 10, 12] {
        check(DataType::UInt16, 1, &["COMPRESS=DEFLATE", &format!("LEVEL={level}"), "BLOCKSIZE=256"], true);
    }
    for level in 1..=22 {
        check(DataType::Float32, 1, &[&format!("ZSTD_LEVEL={level}"), "BLOCKSIZE=128"], false);
    }
    // Tables of a level that is no other's: what is declared is what keeps workers from running.
    for size in ["BLOCKSIZE=256", "BLOCKSIZE=512"] {
        let part = check(DataType::Float32, 1, &["COMPRESS=ZSTD", "PREDICTOR=3", size], false);
        assert!(part > 0.6, "{size}: {part:.2} of the bound");
    }
    for level in [1, 3, 5, 8, 12, 16, 19] {
        check(DataType::Float32, 1, &[&format!("ZSTD_LEVEL={level}"), "BLOCKSIZE=512"], false);
    }
}
