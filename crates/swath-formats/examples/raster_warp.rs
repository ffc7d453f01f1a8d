//! Warps and joins GeoTIFFs as a JSON text says, for `tests/oracles/warp_mosaic.py`.
//!
//!     raster_warp OPTIONS [PIXELS]
//!
//! OPTIONS is `{"inputs": [FILE…], "crs": "EPSG:3857", "resampling": "bilinear", "wishes": {…}, "target": {…},
//! "error_pixels": 0.001}`; with `"mosaic": {…}` it joins the inputs instead. It prints what the grid is. PIXELS is a
//! file to write: all values in the order band, row, column, then as many bytes of validity.

use std::process::ExitCode;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use swath_core::{Budget, Bytes, Error, Result, Stop};
use swath_crs::Crs;
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::ops::{Mosaic, MosaicInput, MosaicOptions, Resampling, Warp, WarpOptions, WarpTarget, WarpWishes};
use swath_raster::{Affine, BlockCache, Raster, Shape, Window};

/// The side of windows that are read.
const WINDOW: u32 = 200;

#[derive(Deserialize)]
struct Options {
    inputs: Vec<String>,
    crs: Option<String>,
    #[serde(default)]
    resampling: Resampling,
    #[serde(default)]
    wishes: WarpWishes,
    target: Option<(Affine, Shape)>,
    error_pixels: Option<f64>,
    mosaic: Option<MosaicOptions>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(options) = words.first() else {
        eprintln!("usage: raster_warp OPTIONS [PIXELS]");
        return ExitCode::from(2);
    };
    match run(options, words.get(1)) {
        Ok(value) => {
            println!("{value:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}\nhint: {}", error.hint().unwrap_or_default());
            ExitCode::from(error.exit_code())
        }
    }
}

fn raster(options: &Options, cache: &Arc<BlockCache>) -> Result<Arc<dyn Raster>> {
    let unexpected = |error: swath_crs::CrsError| Error::unexpected(error.to_string());
    let mut inputs: Vec<Arc<dyn Raster>> = Vec::new();
    for path in &options.inputs {
        inputs.push(Arc::new(GeoTiff::open(path)?.raster(0, cache)?));
    }
    if let Some(mosaic) = &options.mosaic {
        let named = options.inputs.iter().zip(inputs);
        let named = named.map(|(path, raster)| MosaicInput { what: path.clone(), raster });
        return Ok(Arc::new(Mosaic::new(named.collect(), mosaic)?));
    }
    let input = inputs.pop().ok_or_else(|| Error::unexpected("no input"))?;
    let crs = options.crs.as_ref().map(|text| Crs::parse(text).map(Arc::new)).transpose().map_err(unexpected)?;
    let crs = crs.or_else(|| input.grid().crs.clone());
    let target = match options.target {
        Some((affine, shape)) => WarpTarget { shape, affine, crs },
        None => WarpTarget::suggest(input.grid(), crs.as_ref(), &options.wishes, None)?,
    };
    let plain = WarpOptions::default();
    let exactness = WarpOptions { error_pixels: options.error_pixels.unwrap_or(plain.error_pixels), ..plain };
    Ok(Arc::new(Warp::new(input, &target, options.resampling, &exactness)?))
}

fn run(options: &str, pixels: Option<&String>) -> Result<Value> {
    let options: Options = serde_json::from_str(options).map_err(|error| Error::unexpected(error.to_string()))?;
    let budget = Budget::new(Bytes(1 << 30));
    let cached = Bytes(128 << 20);
    // No more than the cache: windows are leased from the rest.
    let cache = BlockCache::new(budget.lease(cached, &Stop::default())?.keep(cached)?);
    let raster = raster(&options, &cache)?;
    let grid = raster.grid();
    if let Some(path) = pixels {
        let (shape, size) = (grid.shape, grid.data_type.size());
        let count = shape.pixels() as usize * grid.bands.len();
        let (mut values, mut validity) = (vec![0u8; count * size], vec![0u8; count]);
        let bands: Vec<usize> = (0..grid.bands.len()).collect();
        for row in (0..shape.rows).step_by(WINDOW as usize) {
            for column in (0..shape.columns).step_by(WINDOW as usize) {
                let window = Window::new(row, column, WINDOW, WINDOW).intersection(shape.whole());
                let task = budget.lease(raster.bytes_for(window, bands.len()), &Stop::default())?;
                let tile = raster.read(window, &bands, &task)?;
                let all = vec![1u8; tile.values.len()];
                paste(tile.values.bytes(), &mut values, shape, window, size);
                paste(tile.validity.as_deref().unwrap_or(&all), &mut validity, shape, window, 1);
            }
        }
        values.extend_from_slice(&validity);
        std::fs::write(path, values).map_err(|error| Error::writing(path.as_ref(), &error))?;
    }
    let affine = grid.affine.map(|affine| [affine.a, affine.b, affine.c, affine.d, affine.e, affine.f]);
    Ok(json!({
        "width": grid.shape.columns,
        "height": grid.shape.rows,
        "bands": grid.bands.len(),
        "dtype": grid.data_type.name(),
        "nodata": grid.nodata.map(|nodata| nodata.to_string()),
        "transform": affine,
    }))
}

/// Puts the bytes of a window, band by band, to their place among those of the whole.
fn paste(from: &[u8], to: &mut [u8], shape: Shape, window: Window, size: usize) {
    let width = window.columns as usize * size;
    for (line, from) in from.chunks_exact(width).enumerate() {
        let (band, row) = (line / window.rows as usize, line % window.rows as usize);
        let row = band * shape.rows as usize + window.row as usize + row;
        let start = (row * shape.columns as usize + window.column as usize) * size;
        to[start..start + width].copy_from_slice(from);
    }
}
