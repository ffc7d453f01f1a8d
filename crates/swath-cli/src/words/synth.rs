//! The flags of `swath synth`.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use swath_core::Bytes;

use swath::Shape;

use super::{CeilingFlags, RasterOutputFlags, RunFlags, TalkFlags, common};
use crate::moment;

/// A verb of `swath synth`.
#[derive(Debug, Subcommand)]
pub enum SynthWords {
    /// Sensor readings as CSV, with exact counts of what is in them
    Telemetry(Box<TelemetryWords>),
    /// Hills, fields and gaps as a GeoTIFF
    Raster(Box<SynthRasterWords>),
}

const RASTER_EXAMPLES: &str = "\
Examples:
  swath synth raster -o scene.tif --size 10980x10980 --dtype uint16
  swath synth raster -o dem.tif --size 20000x20000 --dtype float32 --missing 0.1
  swath synth raster -o huge.tif --size 100000x100000 --dtype uint8 -m 64MB

The same settings give the same bytes on every machine.";

/// `swath synth raster`.
#[derive(Debug, Args)]
#[command(after_help = RASTER_EXAMPLES)]
pub struct SynthRasterWords {
    /// Columns and rows
    #[arg(long, value_name = "COLSxROWS", value_parser = shape, default_value = "4096x4096", help_heading = "Pixels")]
    pub size: Shape,
    /// How many bands
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Pixels")]
    pub bands: usize,
    /// Chooses among endlessly many rasters of the same kind
    #[arg(long, value_name = "N", default_value = "7", help_heading = "Pixels")]
    pub seed: u64,
    /// Share of pixels without a value
    #[arg(long, value_name = "RATE", default_value = "0", help_heading = "Pixels")]
    pub missing: f64,
    /// Size of a pixel in metres
    #[arg(long, value_name = "METRES", default_value = "10", help_heading = "Pixels")]
    pub res: f64,
    /// What is written.
    #[command(flatten)]
    pub to: RasterOutputFlags,
    /// How it runs.
    #[command(flatten)]
    pub run: RunFlags,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}

/// Columns and rows, as in 10980x10980.
fn shape(text: &str) -> Result<Shape, String> {
    let parts = text.split_once(['x', 'X', '×']);
    let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| (1..=1 << 30).contains(number));
    match parts.map(|(columns, rows)| (number(columns), number(rows))) {
        Some((Some(columns), Some(rows))) => Ok(Shape::new(rows, columns)),
        _ => Err(format!("{text:?} is no size: wanted columns and rows like 10980x10980")),
    }
}

const TELEMETRY_EXAMPLES: &str = "\
Examples:
  swath synth telemetry --rows 1000000 -o readings.csv --truth truth.json
  swath synth telemetry --size 10GB --shuffle -o big.csv
  swath synth telemetry --rows 10 --sensors 2 -o -

Rates are fractions of the rows: 0.01 is 1 %. The same settings give the same
bytes on every machine.";

/// `swath synth telemetry`.
#[derive(Debug, Args)]
#[command(after_help = TELEMETRY_EXAMPLES)]
#[command(override_usage = "swath synth telemetry [OPTIONS] -o <FILE> <--rows <N>|--size <SIZE>>")]
#[command(group(ArgGroup::new("amount").args(["rows", "size"]).required(true).multiple(true)))]
pub struct TelemetryWords {
    /// The file to write; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Rows to write
    #[arg(long, value_name = "N")]
    pub rows: Option<u64>,
    /// Bytes to write; it ends at the end of a row
    #[arg(long, value_name = "SIZE")]
    pub size: Option<Bytes>,
    /// Where to write the exact counts, as JSON
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    pub overwrite: bool,
    /// How many sensors
    #[arg(long, value_name = "N", default_value = "5000", help_heading = "Readings")]
    pub sensors: u32,
    /// Chooses among endlessly many files of the same kind
    #[arg(long, value_name = "N", default_value = "7", help_heading = "Readings")]
    pub seed: u64,
    /// Time between two readings of a sensor
    #[arg(long, value_name = "TIME", default_value = "5min", value_parser = common::seconds, help_heading = "Readings")]
    pub period: f64,
    /// The first reading
    #[arg(long, value_name = "TIME", default_value = "2025-03-01", value_parser = moment::microseconds)]
    #[arg(help_heading = "Readings")]
    pub start: i64,
    /// Rows in no order at all
    #[arg(long, help_heading = "Readings")]
    pub shuffle: bool,
    /// Values that are missing
    #[arg(long, value_name = "RATE", default_value = "0.01", help_heading = "Faults")]
    pub missing: f64,
    /// Rows that repeat another row exactly
    #[arg(long, value_name = "RATE", default_value = "0.01", help_heading = "Faults")]
    pub duplicates: f64,
    /// Rows with the sensor and time of another row and other values
    #[arg(long, value_name = "RATE", default_value = "0", help_heading = "Faults")]
    pub conflicts: f64,
    /// Rows out of the order of time
    #[arg(long, value_name = "RATE", default_value = "0.005", help_heading = "Faults")]
    pub disorder: f64,
    /// Rows that are no readings
    #[arg(long, value_name = "RATE", default_value = "0.0005", help_heading = "Faults")]
    pub malformed: f64,
    /// The ceiling; generating takes about 5 MB whatever the size.
    #[command(flatten)]
    pub ceiling: CeilingFlags,
    /// Print one JSON object on stdout: the result and the counts
    #[arg(long, help_heading = "Results and logs")]
    pub json: bool,
    /// Say nothing but errors
    #[arg(short, long, help_heading = "Results and logs")]
    pub quiet: bool,
}
