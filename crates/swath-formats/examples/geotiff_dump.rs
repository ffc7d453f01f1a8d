//! What the reader of GeoTIFF makes of a file, as JSON, for `tests/oracles/geotiff_read.py`.
//!
//!     geotiff_dump FILE [LEVEL [PIXELS]]
//!
//! PIXELS is a file to write: all pixels in the order band, row, column, then as many bytes of validity. It reads in
//! windows that lie across blocks, through a small cache.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;

use serde_json::{Value, json};
use swath_core::{Budget, Bytes, Error, Fnv64, Lease, Result, Stop};
use swath_formats::geotiff::read::{GeoTiff, TiffRaster};
use swath_raster::{BlockCache, Raster, Tile, Window, for_values};

/// More pixels than anybody dumps.
const PIXELS: u64 = 1 << 31;
/// Rows of a window, unless that is more than the memory below.
const ROWS: u32 = 150;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = words.first() else {
        eprintln!("usage: geotiff_dump FILE [LEVEL [PIXELS]]");
        return ExitCode::from(2);
    };
    let level = words.get(1).and_then(|level| level.parse().ok()).unwrap_or(0);
    match dump(path, level, words.get(2)) {
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

#[derive(Default)]
struct Sums {
    hash: Fnv64,
    valid: u64,
    bands: Vec<Value>,
}

fn dump(path: &str, level: usize, pixels: Option<&String>) -> Result<Value> {
    let budget = Budget::new(Bytes(1 << 30));
    let mut lease = budget.lease(Bytes(1 << 30), &Stop::default())?;
    let cache = BlockCache::new(lease.keep(Bytes(64 << 20))?);
    let tiff = GeoTiff::open(path)?;
    let raster = tiff.raster(level, &cache)?;
    let mut sums = Sums::default();
    if raster.grid().shape.pixels() * raster.grid().bands.len() as u64 > PIXELS {
        return Err(Error::unexpected("it has too many pixels to be dumped"));
    }
    let file = pixels.map(|path| File::create(path).map_err(|error| Error::writing(path.as_ref(), &error)));
    let mut out = file.transpose()?.map(BufWriter::new);
    let mut validity = Vec::new();
    for band in 0..raster.grid().bands.len() {
        let sum = read_band(&raster, band, &lease, &mut sums, &mut out, &mut validity)?;
        sums.bands.push(sum);
    }
    if let Some(mut out) = out {
        let written = out.write_all(&validity).and_then(|()| out.flush());
        written.map_err(|error| Error::unexpected(error.to_string()))?;
    }
    Ok(describe(&tiff, &raster, sums))
}

/// Reads a band in windows; answers its least and greatest values.
fn read_band(
    raster: &TiffRaster,
    band: usize,
    lease: &Lease,
    sums: &mut Sums,
    out: &mut Option<BufWriter<File>>,
    validity: &mut Vec<u8>,
) -> Result<Value> {
    let shape = raster.grid().shape;
    let (mut least, mut greatest) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut row = 0;
    while row < shape.rows {
        let window = |rows| Window::new(row, 0, rows, shape.columns);
        let mut rows = ROWS.min(shape.rows - row);
        while rows > 1 && raster.bytes_for(window(rows), 1) > lease.free() {
            rows = rows.div_ceil(2);
        }
        let tile = raster.read(window(rows), &[band], lease)?;
        sums.hash.update(tile.values.bytes());
        let (low, high, valid) = range(&tile);
        (least, greatest) = (least.min(low), greatest.max(high));
        sums.valid += valid;
        if let Some(out) = out {
            out.write_all(tile.values.bytes()).map_err(|error| Error::unexpected(error.to_string()))?;
            match &tile.validity {
                Some(plane) => validity.extend_from_slice(plane),
                None => validity.resize(validity.len() + tile.values.len(), 1),
            }
        }
        row += rows;
    }
    Ok(if least <= greatest { json!({ "min": least, "max": greatest }) } else { Value::Null })
}

/// The least and the greatest of the valid values, and how many there are.
fn range(tile: &Tile) -> (f64, f64, u64) {
    let valid = |place: usize| tile.validity.as_ref().is_none_or(|validity| validity[place] == 1);
    let start = (f64::INFINITY, f64::NEG_INFINITY, 0);
    for_values!(&tile.values, values => {
        let values = values.iter().enumerate().filter(|(place, _)| valid(*place));
        values.fold(start, |(least, greatest, count), (_, value)| {
            let value = swath_raster::Pixel::to_f64(*value);
            (least.min(value), greatest.max(value), count + 1)
        })
    })
}

fn describe(tiff: &GeoTiff, raster: &TiffRaster, sums: Sums) -> Value {
    let (grid, info) = (raster.grid(), tiff.info());
    let affine = grid.affine.map(|affine| [affine.a, affine.b, affine.c, affine.d, affine.e, affine.f]);
    let shapes = info.levels.iter().skip(1).map(|level| [level.shape.rows, level.shape.columns]);
    let band = |band: &swath_raster::Band| json!({ "description": band.description, "scale": band.scale, "offset": band.offset, "units": band.units });
    json!({
        "width": grid.shape.columns,
        "height": grid.shape.rows,
        "dtype": grid.data_type.name(),
        "bands": grid.bands.iter().map(band).collect::<Vec<_>>(),
        "epsg": grid.crs.as_ref().and_then(|crs| crs.epsg()),
        "crs": grid.crs.as_ref().map(|crs| crs.name().to_string()),
        "projjson": grid.crs.as_ref().and_then(|crs| crs.to_projjson().ok()),
        "transform": affine,
        "nodata": grid.nodata.map(|nodata| nodata.to_string()),
        "has_mask": grid.has_mask,
        "colors": info.colors,
        "compression": info.compression.name(),
        "block": [info.block.rows, info.block.columns],
        "overviews": shapes.collect::<Vec<_>>(),
        "index_bytes": tiff.index_bytes().0,
        "warnings": info.warnings,
        "valid": sums.valid,
        "range": sums.bands,
        "fnv64": format!("{:016x}", sums.hash.finish()),
    })
}
