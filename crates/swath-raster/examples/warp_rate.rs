//! How many pixels a second a warp makes from pixels in memory, by processor time: UTM to Mercator at the same resolution.
//!
//!     warp_rate [SIDE]

use std::process::ExitCode;
use std::sync::Arc;

use swath_core::{Budget, Buffer, Bytes, Error, Lease, Result, Stop, Stopwatch};
use swath_crs::Crs;
use swath_raster::ops::{Resampling, Synth, Synthesis, Warp, WarpOptions, WarpTarget, WarpWishes};
use swath_raster::{DataType, Grid, Raster, Shape, Tile, Window};

/// The side of windows that are read.
const WINDOW: u32 = 1024;

fn main() -> ExitCode {
    let side = std::env::args().nth(1).and_then(|word| word.parse().ok()).unwrap_or(4096);
    match run(side) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// A raster that was read once and is kept.
struct Kept {
    grid: Grid,
    tile: Tile,
}

impl Raster for Kept {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        Tile::bytes_for(window, bands, self.grid.data_type, true)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let mut tile = Tile::unwritten(window, bands.len(), self.grid.data_type, lease)?;
        let size = self.grid.data_type.size();
        cut(self.tile.values.bytes(), tile.values.bytes_mut(), self.grid.shape, window, size);
        if let Some(validity) = &self.tile.validity {
            cut(validity, tile.validity_mut(lease)?, self.grid.shape, window, 1);
        }
        Ok(tile)
    }

    fn held_bytes(&self) -> Bytes {
        Bytes::ZERO
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        window.pixels()
    }

    fn source_blocks(&self) -> Vec<Shape> {
        vec![self.grid.block]
    }
}

fn cut(from: &[u8], to: &mut [u8], shape: Shape, window: Window, size: usize) {
    let width = window.columns as usize * size;
    for (row, to) in to.chunks_exact_mut(width).enumerate() {
        let start = ((window.row as usize + row) * shape.columns as usize + window.column as usize) * size;
        to.copy_from_slice(&from[start..start + width]);
    }
}

fn run(side: u32) -> Result<()> {
    let budget = Budget::new(Bytes(4 << 30));
    let lease = budget.lease(Bytes(4 << 30), &Stop::new())?;
    let crs = Arc::new(Crs::from_epsg(3857).map_err(|error| Error::unexpected(error.to_string()))?);
    for data_type in [DataType::UInt8, DataType::UInt16, DataType::Float32, DataType::Float64] {
        for missing in [0.0, 0.2] {
            let shape = Shape::new(side, side);
            let noise = Synth::new(Synthesis { shape, bands: 1, data_type, seed: 1, missing, resolution_m: 10.0 })?;
            let tile = noise.read(shape.whole(), &[0], &lease)?;
            let input: Arc<dyn Raster> = Arc::new(Kept { grid: noise.grid().clone(), tile });
            let target = WarpTarget::suggest(input.grid(), Some(&crs), &WarpWishes::default(), None)?;
            for resampling in [
                Resampling::Near,
                Resampling::Bilinear,
                Resampling::Cubic,
                Resampling::CubicSpline,
                Resampling::Lanczos,
                Resampling::Average,
            ] {
                let warp = Warp::new(Arc::clone(&input), &target, resampling, &WarpOptions::default())?;
                let gaps = if missing > 0.0 { "with gaps" } else { "all valid" };
                let rate = rate(&warp, &lease)?;
                println!("{data_type:8} {gaps} {:12} {rate:6.1} Mpix/s", resampling.name());
            }
        }
    }
    Ok(())
}

/// Millions of pixels of the output a second.
fn rate(warp: &Warp, lease: &Lease) -> Result<f64> {
    let shape = warp.grid().shape;
    let watch = Stopwatch::start();
    let mut valid = 0;
    for row in (0..shape.rows).step_by(WINDOW as usize) {
        for column in (0..shape.columns).step_by(WINDOW as usize) {
            let window = Window::new(row, column, WINDOW, WINDOW).intersection(shape.whole());
            let tile = warp.read(window, &[0], lease)?;
            valid += tile.validity.as_ref().map_or(window.pixels(), |validity: &Buffer<u8>| u64::from(validity[0]));
        }
    }
    let seconds = watch.cpu_s();
    if valid == 0 {
        return Err(Error::unexpected("no pixel of the output has a value"));
    }
    Ok(shape.pixels() as f64 / seconds / 1e6)
}
