//! How many MB of pixels one core decodes per second of its time; `geotiff_rate.py` asks rasterio the same.
//!
//!     cargo run --release -p swath-formats --example geotiff_rate -- FILE [PASSES]
//!
//! It reads the whole file in windows of whole blocks, 512 rows at a time, with one thread and no cache, and prints the
//! best pass.

use swath_core::{Budget, Bytes, Result, Stop, Stopwatch};
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::{BlockCache, Raster, Window};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = words.first() else {
        eprintln!("usage: geotiff_rate FILE [PASSES]");
        std::process::exit(2);
    };
    let passes = words.get(1).and_then(|passes| passes.parse().ok()).unwrap_or(5);
    let tiff = GeoTiff::open(path)?;
    let raster = tiff.raster(0, &BlockCache::none())?;
    let (shape, bands) = (raster.grid().shape, (0..raster.grid().bands.len()).collect::<Vec<_>>());
    let rows = 512_u32.next_multiple_of(raster.grid().block.rows).min(shape.rows);
    let whole = Window::new(0, 0, rows, shape.columns);
    let lease = Budget::new(Bytes(4 << 30)).lease(raster.bytes_for(whole, bands.len()), &Stop::default())?;
    let bytes = shape.pixels() * bands.len() as u64 * raster.grid().pixel_bytes();
    let mut best = f64::INFINITY;
    for _ in 0..passes {
        let stopwatch = Stopwatch::start();
        for row in (0..shape.rows).step_by(rows as usize) {
            raster.read(Window { row, rows: rows.min(shape.rows - row), ..whole }, &bands, &lease)?;
        }
        best = best.min(stopwatch.cpu_s());
    }
    println!("{:.0}", bytes as f64 / 1e6 / best);
    Ok(())
}
