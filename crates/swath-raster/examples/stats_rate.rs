//! Measures how many pixels a second one core takes in for statistics, without reading any file.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use swath_core::{Budget, Bytes, Stop};
use swath_raster::ops::{Synth, Synthesis};
use swath_raster::reduce::{Bins, Counts, Moments, ScanBand, Uniques, data_type_bits, scan};
use swath_raster::{DataType, Raster, Shape};

const SHAPE: Shape = Shape::new(512, 512);

fn main() -> Result<(), Box<dyn Error>> {
    let lease = Budget::new(Bytes(256 << 20)).lease(Bytes(256 << 20), &Stop::default())?;
    for data_type in [DataType::UInt8, DataType::UInt16, DataType::Float32, DataType::Float64] {
        for missing in [0.0, 0.3] {
            let synthesis = Synthesis { shape: SHAPE, bands: 1, data_type, seed: 1, missing, resolution_m: 10.0 };
            let tile = Synth::new(synthesis)?.read(SHAPE.whole(), &[0], &lease)?;
            let report = |name: &str, mut bands: [ScanBand; 1]| -> Result<(), Box<dyn Error>> {
                // The best of some rounds, so that other work on the machine matters little.
                let mut best = f64::INFINITY;
                for _ in 0..40 {
                    let start = Instant::now();
                    scan(&tile, SHAPE.columns, &mut bands)?;
                    best = best.min(start.elapsed().as_secs_f64());
                }
                println!(
                    "{data_type:8} missing {missing}: {name:12} {:7.0} Mpix/s",
                    SHAPE.pixels() as f64 / best / 1e6
                );
                Ok(())
            };
            report("moments", [ScanBand { moments: Some(Moments::default()), ..ScanBand::default() }])?;
            let counts = Some(Counts::new(vec![0], 0, data_type_bits(data_type).min(16), &lease)?);
            report("counts", [ScanBand { counts, ..ScanBand::default() }])?;
            let histogram = Some((Arc::new(Bins::new(50, 0.0, 10_000.0)), lease.buffer(52)?));
            report("histogram", [ScanBand { histogram, ..ScanBand::default() }])?;
            let uniques = Some(Uniques::new(100_000, &lease)?);
            report("uniques", [ScanBand { uniques, ..ScanBand::default() }])?;
        }
    }
    Ok(())
}
