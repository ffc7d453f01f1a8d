//! The grammar: every verb and flag, with its help. It only says what can be written; `settings.rs` decides what it
//! means together with the environment and the configuration files.

mod batch;
mod common;
mod raster;
mod report;
mod sensor;
mod synth;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use batch::BatchWords;
pub use common::{CeilingFlags, LogFormat, ProgressWhen, RunFlags, TalkFlags, seconds, threads};
pub use raster::{ConvertWords, MosaicWords, OneInput, RasterOutputFlags, RasterVerb, StatsWords, StepFlags};
pub use report::ReportWords;
pub use sensor::{CompactWords, IngestWords, SchemaWords};
pub use synth::{SynthRasterWords, SynthWords, TelemetryWords};

const TOP_EXAMPLES: &str = "\
Examples:
  swath demo                                       a first look, on bundled data
  swath info sensors/*.csv                         what is in these files
  swath sensor ingest sensors/ -o lake/ -m 256MB   CSV to a GeoParquet lake

Every verb has its own --help. Settings come from flags, then SWATH_MEMORY,
SWATH_THREADS, SWATH_TMPDIR and SWATH_LOG, then ./swath.toml, then the file that
SWATH_CONFIG names (default: ~/.config/swath/config.toml).";

/// Geospatial data of any size, inside a memory ceiling that holds
#[derive(Debug, Parser)]
#[command(name = "swath", bin_name = "swath", version, max_term_width = 80, after_help = TOP_EXAMPLES, disable_help_subcommand = true)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Words {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// A verb, or a noun with verbs of its own.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What a file or a lake is: schema or bands, rows or pixels, extent, footprint
    Info(InfoWords),
    /// Sensor telemetry: from CSV, JSON, Parquet or Arrow to a clean, sorted GeoParquet lake
    #[command(subcommand)]
    Sensor(SensorVerb),
    /// Rasters of any size: GeoTIFF in, GeoTIFF out
    #[command(subcommand)]
    Raster(RasterVerb),
    /// Deterministic data for load tests, any size, in little memory
    #[command(subcommand)]
    Synth(SynthWords),
    /// Many jobs under one ceiling, each in a process of its own
    Batch(Box<BatchWords>),
    /// The report of a run again: in short, as JSON, or held against another one
    Report(ReportWords),
    /// One job of a batch: its words and its grant come from standard input.
    #[command(hide = true)]
    Worker,
    /// What limits were found on this machine, and what follows from them
    Doctor(DoctorWords),
    /// The main job on bundled real data
    Demo(DemoWords),
}

/// A verb of `swath sensor`.
#[derive(Debug, Subcommand)]
pub enum SensorVerb {
    /// Print the schema that a sample of the files suggests, to edit
    Schema(SchemaWords),
    /// Validate, deduplicate, sort and partition sensor CSV into a GeoParquet lake
    Ingest(Box<IngestWords>),
    /// Make few large part files of many small ones, with the same rows in the same order
    Compact(CompactWords),
}

const INFO_EXAMPLES: &str = "\
Examples:
  swath info readings.csv
  swath info scene.tif lake/ --json
  swath info 'sensors/*.csv' --memory 64MB";

/// `swath info`.
#[derive(Debug, Args)]
#[command(after_help = INFO_EXAMPLES)]
pub struct InfoWords {
    /// Tables, rasters, lakes and globs
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<OsString>,
    /// The ceiling.
    #[command(flatten)]
    pub ceiling: CeilingFlags,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const DOCTOR_EXAMPLES: &str = "\
Examples:
  swath doctor
  swath doctor --memory 60%
  swath doctor --json";

/// `swath doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub struct DoctorWords {
    /// The ceiling.
    #[command(flatten)]
    pub ceiling: CeilingFlags,
    /// Workers at most
    #[arg(short = 'j', long, value_name = "N", value_parser = common::threads)]
    pub threads: Option<usize>,
    /// Where spill would go
    #[arg(long, value_name = "DIR")]
    pub tmp_dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const DEMO_EXAMPLES: &str = "\
Examples:
  swath demo
  swath demo -o /tmp/demo --memory 64MB
  swath demo --explain";

/// `swath demo`.
#[derive(Debug, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub struct DemoWords {
    /// The folder for the sample and the lake
    #[arg(short, long, value_name = "DIR", default_value = "swath-demo")]
    pub output: PathBuf,
    /// The ceiling.
    #[command(flatten)]
    pub ceiling: CeilingFlags,
    /// Workers at most
    #[arg(short = 'j', long, value_name = "N", value_parser = common::threads, help_heading = "Limits")]
    pub threads: Option<usize>,
    /// Print the plan and stop
    #[arg(long)]
    pub explain: bool,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}
