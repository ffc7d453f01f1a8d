//! Runs one operator over a GeoTIFF and writes raw pixels, for `tests/oracles/focal_terrain.py`.
//!
//!     raster_op FILE OPERATION PIXELS
//!
//! OPERATION is JSON, `{"focal": …}` or `{"terrain": …}` with the options of that operator, or `"none"`. PIXELS is a file to
//! write: all pixels in the order band, row, column, then as many bytes of validity. What they are is printed as JSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use swath_core::{Budget, Bytes, Error, Result, Stop};
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::ops::{Focal, FocalOptions, Terrain, TerrainOptions};
use swath_raster::{BlockCache, Raster, Window};

/// Rows of a window: few, so that there are many borders between windows.
const ROWS: u32 = 61;

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Operation {
    None,
    Focal(FocalOptions),
    Terrain(TerrainOptions),
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [file, operation, pixels] = &words[..] else {
        eprintln!("usage: raster_op FILE OPERATION PIXELS");
        return ExitCode::from(2);
    };
    match run(file, operation, pixels) {
        Ok(facts) => {
            println!("{facts}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}\nhint: {}", error.hint().unwrap_or_default());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(file: &str, operation: &str, pixels: &str) -> Result<serde_json::Value> {
    let operation: Operation = serde_json::from_str(operation)
        .map_err(|error| Error::Usage { message: error.to_string(), hint: "the options as JSON".into() })?;
    let budget = Budget::new(Bytes(1 << 30));
    let mut lease = budget.lease(Bytes(1 << 30), &Stop::default())?;
    let cache = BlockCache::new(lease.keep(Bytes(64 << 20))?);
    let input: Arc<dyn Raster> = Arc::new(GeoTiff::open(file)?.raster(0, &cache)?);
    let raster: Arc<dyn Raster> = match operation {
        Operation::None => input,
        Operation::Focal(options) => Arc::new(Focal::new(input, options)?),
        Operation::Terrain(options) => Arc::new(Terrain::new(input, options)?),
    };
    let grid = raster.grid();
    let mut out = BufWriter::new(File::create(pixels).map_err(|error| Error::writing(pixels.as_ref(), &error))?);
    let failed = |error: std::io::Error| Error::writing(pixels.as_ref(), &error);
    let mut validity = Vec::new();
    for band in 0..grid.bands.len() {
        for row in (0..grid.shape.rows).step_by(ROWS as usize) {
            let rows = ROWS.min(grid.shape.rows - row);
            let tile = raster.read(Window::new(row, 0, rows, grid.shape.columns), &[band], &lease)?;
            out.write_all(tile.values.bytes()).map_err(failed)?;
            match &tile.validity {
                Some(plane) => validity.extend_from_slice(plane),
                None => validity.resize(validity.len() + tile.values.len(), 1),
            }
        }
    }
    out.write_all(&validity).and_then(|()| out.flush()).map_err(failed)?;
    Ok(json!({
        "width": grid.shape.columns,
        "height": grid.shape.rows,
        "bands": grid.bands.len(),
        "dtype": grid.data_type.name(),
    }))
}
