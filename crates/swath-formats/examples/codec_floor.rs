//! What a raster job would take if it did nothing but decode its inputs and encode its output: no job that makes the same
//! bytes with the same codecs can be faster.
//!
//!     cargo run --release -p swath-formats --example codec_floor -- THREADS OUTPUT [--co KEY=VALUE]... INPUT...
//!
//! OUTPUT is the finished file of the job; its pixels, overviews included, are encoded again with the options. Threads
//! take rows of blocks in turn; the figures are seconds of all threads divided by their number, the better of two passes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use swath_core::{Budget, Bytes, Result, Stop};
use swath_formats::geotiff::read::GeoTiff;
use swath_formats::geotiff::write::{BlockEncoder, WriteOptions};
use swath_raster::{BlockCache, Raster, Tile, Window};

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (mut options, mut files) = (Vec::new(), Vec::new());
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "--co" => options.extend(rest.next().map(String::as_str)),
            _ => files.push(word.as_str()),
        }
    }
    let [threads, output, inputs @ ..] = &files[..] else {
        eprintln!("usage: codec_floor THREADS OUTPUT [--co KEY=VALUE]... INPUT...");
        std::process::exit(2);
    };
    let threads = threads.parse().unwrap_or(2).max(1);
    let options = WriteOptions::from_pairs(options)?;
    let best = |pass: &dyn Fn() -> Result<f64>| Ok::<f64, swath_core::Error>(pass()?.min(pass()?));
    let decode =
        best(&|| inputs.iter().map(|input| over(&GeoTiff::open(input)?, 0, threads, None).map(|t| t.0)).sum())?;
    let output = GeoTiff::open(output)?;
    let encode = best(&|| {
        (0..output.levels()).map(|level| over(&output, level, threads, Some(&options)).map(|times| times.1)).sum()
    })?;
    println!("decode {decode:.2} s, encode {encode:.2} s, together {:.2} s on {threads} threads", decode + encode);
    Ok(())
}

/// Seconds of reading the whole level, and of encoding it where there are options, divided by the number of threads.
fn over(
    tiff: &std::sync::Arc<GeoTiff>,
    level: usize,
    threads: u32,
    options: Option<&WriteOptions>,
) -> Result<(f64, f64)> {
    let raster = tiff.raster(level, &BlockCache::none())?;
    let (grid, side) = (raster.grid(), options.map_or(512, |options| options.side()));
    let rows = side.next_multiple_of(grid.block.rows).min(grid.shape.rows.next_multiple_of(side));
    let bands: Vec<usize> = (0..grid.bands.len()).collect();
    let budget = Budget::new(Bytes(8 << 30));
    let (next, times) = (AtomicU64::new(0), Mutex::new((Duration::ZERO, Duration::ZERO)));
    let work = || -> Result<()> {
        let whole = Window::new(0, 0, rows.min(grid.shape.rows), grid.shape.columns);
        let lease = budget.lease(raster.bytes_for(whole, bands.len()), &Stop::default())?;
        let mut encoder = options.map(|options| BlockEncoder::new(grid, options)).transpose()?;
        loop {
            let row = next.fetch_add(1, Ordering::Relaxed) * u64::from(rows);
            if row >= u64::from(grid.shape.rows) {
                return Ok(());
            }
            let window = Window { row: row as u32, rows: rows.min(grid.shape.rows - row as u32), ..whole };
            let started = Instant::now();
            let tile = raster.read(window, &bands, &lease)?;
            let decoded = started.elapsed();
            if let Some(encoder) = &mut encoder {
                encode(encoder, &tile, side)?;
            }
            let mut times = times.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            times.0 += decoded;
            times.1 += started.elapsed() - decoded;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no panic"))
    })?;
    let (decode, encode) = times.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok((decode.as_secs_f64() / f64::from(threads), encode.as_secs_f64() / f64::from(threads)))
}

fn encode(encoder: &mut BlockEncoder, tile: &Tile, side: u32) -> Result<()> {
    let window = tile.window;
    for row in (window.row..window.end_row()).step_by(side as usize) {
        for column in (0..window.columns).step_by(side as usize) {
            let rows = side.min(window.end_row() - row);
            let block = Window::new(row, column, rows, side.min(window.columns - column));
            encoder.encode(tile, block, &mut |bytes| {
                std::hint::black_box(bytes);
                Ok(())
            })?;
        }
    }
    Ok(())
}
