//! What the user asked for, as plain data: parsed words in, no terminal, no environment, no work.

mod stats;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, LedgerLine, Limits, MemoryRequest};
use swath_raster::ops::{
    Edges, FocalStatistic, Kernel, MosaicMethod, Resampling, Scaling, Synthesis, TerrainOptions, WarpWishes,
};
use swath_raster::{DataType, Scalar, Window};

use crate::outcome::{lossy, lossy_if_any};

pub use stats::{HistogramWish, StatsRequest, StatsWishes};

/// What every working command takes.
#[derive(Debug, Clone)]
pub struct Common {
    /// The ceiling of the whole process.
    pub memory: MemoryRequest,
    /// What the machine allows, found once.
    pub limits: Limits,
    /// Workers at most; none is what the machine has.
    pub threads: Option<usize>,
    /// Where spill goes; none is beside the output.
    pub tmp_dir: Option<PathBuf>,
    /// How much spill there may be.
    pub tmp_limit: Option<Bytes>,
    /// Replace what stands at the output.
    pub overwrite: bool,
    /// Go on with an unfinished run.
    pub resume: bool,
    /// Only the plan is wanted: nothing is changed.
    pub only_plans: bool,
    /// Interval of signs of life, in seconds.
    pub heartbeat_s: Option<f64>,
    /// How much the process may grow from task to task, all together.
    pub drift_limit: Option<Bytes>,
    /// What the process holds beside the job, as lines of its ledger.
    pub beside: Vec<LedgerLine>,
}

impl Common {
    /// The ceiling in bytes.
    pub fn ceiling(&self) -> Bytes {
        self.memory.resolve(&self.limits)
    }

    /// Workers at most.
    pub fn threads(&self) -> usize {
        self.limits.workers(self.threads)
    }
}

/// The order of rows inside a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SortOrder {
    /// By the sensor's text, then time, then input order.
    #[default]
    Sensor,
    /// By position along a Hilbert curve, then time, then input order.
    Hilbert,
}

impl FromStr for SortOrder {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sensor" => Ok(SortOrder::Sensor),
            "hilbert" => Ok(SortOrder::Hilbert),
            other => Err(format!("{other:?} is not an order: wanted sensor or hilbert")),
        }
    }
}

/// Compression of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// Zstandard.
    #[default]
    Zstd,
    /// Snappy.
    Snappy,
}

impl FromStr for Compression {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "zstd" => Ok(Compression::Zstd),
            "snappy" => Ok(Compression::Snappy),
            other => Err(format!("{other:?} is not a compression: wanted zstd or snappy")),
        }
    }
}

/// How many rejected rows a run may have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum MaxRejects {
    /// Hundredths of the rows read.
    Percent(f64),
    /// A count.
    Rows(u64),
}

impl Default for MaxRejects {
    fn default() -> Self {
        MaxRejects::Percent(1.0)
    }
}

impl MaxRejects {
    /// Whether `rejected` of `read` rows are more than allowed.
    pub fn exceeded(&self, rejected: u64, read: u64) -> bool {
        match *self {
            MaxRejects::Percent(percent) => rejected as f64 > read as f64 * percent / 100.0,
            MaxRejects::Rows(rows) => rejected > rows,
        }
    }
}

impl std::fmt::Display for MaxRejects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MaxRejects::Percent(percent) => write!(f, "{percent}%"),
            MaxRejects::Rows(rows) => write!(f, "{rows}"),
        }
    }
}

impl FromStr for MaxRejects {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a limit of rejects: wanted a share like 1% or a count like 100");
        match text.strip_suffix('%') {
            Some(percent) => match percent.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(MaxRejects::Percent(percent)),
                _ => Err(wrong()),
            },
            None => text.parse().map(MaxRejects::Rows).map_err(|_| wrong()),
        }
    }
}

/// `swath sensor ingest`.
#[derive(Debug, Clone)]
pub struct IngestRequest {
    /// Files, folders and globs, in the order given.
    pub sources: Vec<OsString>,
    /// The lake.
    pub output: PathBuf,
    /// The schema file, if any.
    pub schema: Option<PathBuf>,
    /// `auto`, `none`, or a comma-separated list of `hour|day|month|year`, `h3:RES|geohash:N|tile:DEG`,
    /// `sensor[:N]`, `column:NAME`.
    pub partition: String,
    /// Order of rows inside a partition.
    pub sort: SortOrder,
    /// A part file ends at the first row group at or past this size.
    pub target_file_size: Bytes,
    /// More rejects than this fail the run.
    pub max_rejects: MaxRejects,
    /// Whether rows that checks find are rejected rather than told.
    pub strict: bool,
    /// A record longer than this is rejected.
    pub max_record: Bytes,
    /// Rows before this time are left out (inclusive bound), in microseconds since 1970-01-01 UTC.
    pub since_us: Option<i64>,
    /// Rows at or after this time are left out.
    pub until_us: Option<i64>,
    /// Rows outside of west, south, east, north (in the target CRS) are left out.
    pub bbox: Option<[f64; 4]>,
    /// Compression of the part files.
    pub compression: Compression,
    /// Whether rows are added to the lake that is there, with what was asked for in so many words: the lake has settled
    /// partition, order, sizes and compression.
    pub append: Option<AppendWishes>,
    /// What every command takes.
    pub common: Common,
}

/// `swath sensor compact`.
#[derive(Debug, Clone)]
pub struct CompactRequest {
    /// The lake.
    pub lake: PathBuf,
    /// Another size of part files than the lake has.
    pub target_file_size: Option<Bytes>,
    /// What every command takes.
    pub common: Common,
}

/// What somebody who adds to a lake says of it.
#[derive(Debug, Clone, Default)]
pub struct AppendWishes {
    /// As in [`IngestRequest::partition`].
    pub partition: Option<String>,
    /// The order.
    pub sort: Option<SortOrder>,
    /// The size of part files.
    pub target_file_size: Option<Bytes>,
    /// Their compression.
    pub compression: Option<Compression>,
}

/// A raster that is read, and what expressions call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RasterInput {
    /// Its name; a lone input without one has its bands as `b1`, `b2`….
    pub name: Option<String>,
    /// The file.
    pub path: PathBuf,
}

/// Something that is done to a raster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RasterStep {
    /// A raster that is computed from nothing, in place of an input.
    Synth(Synthesis),
    /// Only these bands, in this order, from 0 on.
    Bands(Vec<usize>),
    /// Values are mapped from one range to another.
    Scale(Scaling),
    /// Each band of the output is an expression of the inputs.
    Calc(String),
    /// The coordinates are those of this system, whatever the file says.
    AssumeCrs(String),
    /// Only a part of the pixels.
    Clip(RasterPart),
    /// A statistic or filter of what is around each pixel.
    Focal(FocalStep),
    /// Slope, light and the like.
    Terrain(TerrainOptions),
    /// Another grid.
    Warp(WarpStep),
    /// All inputs as one raster.
    Mosaic(MosaicStep),
}

/// A part of a raster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum RasterPart {
    /// The pixels that a box touches.
    Bounds {
        /// Least x, least y, greatest x, greatest y.
        bounds: (f64, f64, f64, f64),
        /// The system of the box; that of the raster if none.
        crs: Option<String>,
    },
    /// These pixels.
    Window(Window),
    /// The pixels under another raster.
    Like(#[serde(serialize_with = "lossy")] PathBuf),
}

/// How far something reaches.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Radius {
    /// In pixels.
    Pixels(f64),
    /// In units of the coordinates.
    Ground(f64),
}

/// The outline of a footprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Outline {
    /// As many rows as columns.
    #[default]
    Square,
    /// All pixels within the radius.
    Circle,
}

/// A statistic or filter of what is around each pixel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FocalStep {
    /// What is computed.
    pub statistic: FocalStatistic,
    /// How far it looks.
    pub radius: Radius,
    /// The outline of what it looks at.
    pub outline: Outline,
    /// Weights, which stand in place of a radius.
    pub kernel: Option<Kernel>,
    /// What stands for pixels that are not there.
    pub edges: Edges,
}

/// Another grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WarpStep {
    /// The system of the output; that of the input if none.
    pub crs: Option<String>,
    /// What is wished of the grid.
    pub wishes: WarpWishes,
    /// The system of wished bounds; that of the output if none.
    pub bounds_crs: Option<String>,
    /// A raster whose grid is taken.
    #[serde(serialize_with = "lossy_if_any")]
    pub like: Option<PathBuf>,
    /// How pixels are made of those before.
    pub resampling: Resampling,
    /// Which of the input's overviews is read.
    pub overviews: OverviewChoice,
}

/// Which overview of an input is read in place of its full resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OverviewChoice {
    /// The coarsest whose pixels are no larger than those that are wanted, as `gdalwarp` does.
    #[default]
    Auto,
    /// None.
    FullResolution,
    /// That one, counted from 1.
    Level(usize),
}

/// All inputs as one raster; what is not wished follows from the inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MosaicStep {
    /// What becomes of pixels where inputs overlap.
    pub method: MosaicMethod,
    /// The system of the output.
    pub crs: Option<String>,
    /// Width and height of a pixel, in units of that system.
    pub resolution: Option<(f64, f64)>,
    /// Least x, least y, greatest x, greatest y.
    pub bounds: Option<(f64, f64, f64, f64)>,
    /// The system of these bounds; that of the output if none.
    pub bounds_crs: Option<String>,
    /// A raster whose grid is taken.
    #[serde(serialize_with = "lossy_if_any")]
    pub like: Option<PathBuf>,
    /// Whether the corners shall lie at multiples of the resolution.
    pub is_aligned: bool,
    /// How inputs are brought to the grid.
    pub resampling: Resampling,
}

impl RasterStep {
    /// A raster besides the inputs whose grid it wants.
    pub fn like(&self) -> Option<&Path> {
        match self {
            RasterStep::Clip(RasterPart::Like(path)) => Some(path),
            RasterStep::Warp(WarpStep { like: Some(path), .. }) => Some(path),
            RasterStep::Mosaic(MosaicStep { like: Some(path), .. }) => Some(path),
            _ => None,
        }
    }
}

impl RasterRequest {
    /// Whether all inputs become one raster.
    pub fn takes_many(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, RasterStep::Mosaic(_)))
    }
}

/// A format that rasters are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RasterFormat {
    /// GeoTIFF.
    #[default]
    Gtiff,
    /// A cloud optimised GeoTIFF.
    Cog,
}

impl FromStr for RasterFormat {
    type Err = String;

    /// Reads the names of GDAL and endings of files; case does not matter.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "gtiff" | "geotiff" | "tif" | "tiff" => Ok(RasterFormat::Gtiff),
            "cog" => Ok(RasterFormat::Cog),
            _ => Err(format!("{text:?} is no format that can be written: wanted gtiff or cog")),
        }
    }
}

/// `swath raster …`: rasters, a chain of steps, and the file that it ends in.
#[derive(Debug, Clone)]
pub struct RasterRequest {
    /// The verb, as in `raster calc`.
    pub command: String,
    /// The inputs in the order given.
    pub inputs: Vec<RasterInput>,
    /// What is done, in order.
    pub steps: Vec<RasterStep>,
    /// The file.
    pub output: PathBuf,
    /// Its format.
    pub format: RasterFormat,
    /// Options of the format, as KEY=VALUE.
    pub creation_options: Vec<String>,
    /// Type of its pixels; what the chain gives if none.
    pub data_type: Option<DataType>,
    /// What pixels without a value are written as; what the inputs say if none.
    pub nodata: Option<Scalar>,
    /// What every command takes.
    pub common: Common,
}
