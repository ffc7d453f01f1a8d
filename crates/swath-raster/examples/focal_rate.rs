//! Measures how long one core takes for a pixel of some focal and terrain operations, without reading any file.

use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use swath_core::{Budget, Bytes, Lease, Stop};
use swath_raster::ops::{
    Edges, Focal, FocalOptions, FocalStatistic, Footprint, Synth, Synthesis, Terrain, TerrainKind, TerrainOptions,
};
use swath_raster::{DataType, Grid, Raster, Shape, Tile, Window, for_values};

const SHAPE: Shape = Shape::new(1024, 1024);
const ROUNDS: usize = 7;

/// A raster that was made before the clock starts: reading it copies pixels.
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

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> swath_core::Result<Tile> {
        let mut tile = Tile::unwritten(window, bands.len(), self.grid.data_type, lease)?;
        let rows = (window.row..window.end_row()).map(|row| row as usize * SHAPE.columns as usize);
        let ranges = rows.map(|start| start + window.column as usize..start + window.end_column() as usize);
        let size = self.grid.data_type.size();
        let columns = window.columns as usize;
        for (range, to) in ranges.clone().zip(tile.values.bytes_mut().chunks_exact_mut(columns * size)) {
            to.copy_from_slice(&self.tile.values.bytes()[range.start * size..range.end * size]);
        }
        if let Some(validity) = &self.tile.validity {
            let to = tile.validity_mut(lease)?.chunks_exact_mut(columns);
            ranges.zip(to).for_each(|(range, to)| to.copy_from_slice(&validity[range]));
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

fn main() -> Result<(), Box<dyn Error>> {
    let word = std::env::args().nth(1).unwrap_or_default();
    let lease = Budget::new(Bytes(256 << 20)).lease(Bytes(256 << 20), &Stop::default())?;
    let input = |data_type, missing| -> Result<Arc<dyn Raster>, Box<dyn Error>> {
        let synthesis = Synthesis { shape: SHAPE, bands: 1, data_type, seed: 1, missing, resolution_m: 10.0 };
        let synth = Synth::new(synthesis)?;
        let tile = synth.read(SHAPE.whole(), &[0], &lease)?;
        Ok(Arc::new(Kept { grid: synth.grid().clone(), tile }))
    };
    for data_type in [DataType::Float32, DataType::UInt16] {
        for missing in [0.0, 0.3] {
            let input = input(data_type, missing)?;
            let what = format!("{data_type} {}", if missing > 0.0 { "with gaps" } else { "all valid" });
            report("reading", &what, &*input, &lease)?;
            for (name, statistic) in FocalStatistic::WORDS.into_iter().filter(|(name, _)| name.contains(&word)) {
                if name != "kernel" {
                    let options = FocalOptions { statistic, footprint: Footprint::Square(2), edges: Edges::Shrink };
                    report(name, &what, &Focal::new(Arc::clone(&input), options)?, &lease)?;
                }
            }
            for (name, kind) in TerrainKind::WORDS.into_iter().filter(|(name, _)| name.contains(&word)) {
                report(name, &what, &Terrain::new(Arc::clone(&input), TerrainOptions::new(kind))?, &lease)?;
            }
        }
    }
    Ok(())
}

/// The best of some windows of 256 × 256 pixels, so that other work on the machine matters little.
fn report(name: &str, what: &str, raster: &dyn Raster, lease: &Lease) -> Result<(), Box<dyn Error>> {
    let side = 256;
    let mut best = f64::INFINITY;
    for window in (0..ROUNDS * 16).map(|number| number as u32 % 16) {
        let start = Instant::now();
        let tile = raster.read(Window::new(window / 4 * side, window % 4 * side, side, side), &[0], lease)?;
        for_values!(&tile.values, values => {
            black_box(values.first().copied());
        });
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{name:16} {what:22} {:7.2} ns per pixel", best * 1e9 / f64::from(side * side));
    Ok(())
}
