//! The flags of the verbs of `swath raster`.

mod neighbours;
mod pipeline;
mod places;
mod stats;
mod values;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use swath::request::{RasterFormat, RasterInput, RasterStep};
use swath::{DataType, Scalar, Scaling};

use super::{RunFlags, TalkFlags};
use neighbours::{FOCAL_EXAMPLES, FocalFlags, TERRAIN_EXAMPLES, TerrainFlags};
pub use pipeline::PipelineWords;
use places::{CLIP_EXAMPLES, ClipFlags, MOSAIC_EXAMPLES, MosaicFlags, WARP_EXAMPLES, WarpFlags};
pub use stats::StatsWords;
use values::{band, raster_input, scaling};

/// A verb of `swath raster`.
#[derive(Debug, Subcommand)]
pub enum RasterVerb {
    /// Compute each pixel from the pixels of one or more rasters
    Calc(Box<CalcWords>),
    /// Write a raster in another format, compression, tiling or type
    Convert(Box<ConvertWords>),
    /// Take a part of a raster: a box, a window of pixels, or what lies under another raster
    #[command(after_help = CLIP_EXAMPLES)]
    Clip(Box<OneInput<ClipFlags>>),
    /// Bring a raster to another reference system, resolution or grid
    #[command(after_help = WARP_EXAMPLES)]
    Warp(Box<OneInput<WarpFlags>>),
    /// Join many rasters to one
    #[command(after_help = MOSAIC_EXAMPLES)]
    Mosaic(Box<MosaicWords>),
    /// Statistics and filters over the neighbours of each pixel
    #[command(after_help = FOCAL_EXAMPLES)]
    Focal(Box<OneInput<FocalFlags>>),
    /// Slope, aspect, hillshade and more from heights
    #[command(after_help = TERRAIN_EXAMPLES)]
    Terrain(Box<OneInput<TerrainFlags>>),
    /// What a raster comes to: extremes, mean, percentiles, histogram, values
    Stats(Box<StatsWords>),
    /// Several steps at once, without a file between them
    Pipeline(Box<PipelineWords>),
}

impl RasterVerb {
    /// Its word.
    pub fn word(&self) -> &'static str {
        match self {
            RasterVerb::Calc(_) => "calc",
            RasterVerb::Convert(_) => "convert",
            RasterVerb::Clip(_) => "clip",
            RasterVerb::Warp(_) => "warp",
            RasterVerb::Mosaic(_) => "mosaic",
            RasterVerb::Focal(_) => "focal",
            RasterVerb::Terrain(_) => "terrain",
            RasterVerb::Stats(_) => "stats",
            RasterVerb::Pipeline(_) => "pipeline",
        }
    }

    /// Understands what is more than flags, so that [`RasterVerb::flags`] are all that were said.
    ///
    /// # Errors
    /// [`swath_core::Error::Usage`] for what cannot be understood.
    pub fn understand(&mut self) -> swath_core::Result<()> {
        match self {
            RasterVerb::Pipeline(words) => words.understand(),
            _ => Ok(()),
        }
    }

    /// How it runs and talks.
    pub fn flags(&self) -> (&RunFlags, &TalkFlags) {
        match self {
            RasterVerb::Calc(words) => (&words.run, &words.talk),
            RasterVerb::Convert(words) => (&words.run, &words.talk),
            RasterVerb::Clip(words) => (&words.run, &words.talk),
            RasterVerb::Warp(words) => (&words.run, &words.talk),
            RasterVerb::Mosaic(words) => (&words.run, &words.talk),
            RasterVerb::Focal(words) => (&words.run, &words.talk),
            RasterVerb::Terrain(words) => (&words.run, &words.talk),
            RasterVerb::Stats(words) => (&words.run, &words.talk),
            RasterVerb::Pipeline(words) => (&words.run, &words.talk),
        }
    }

    /// How it runs, to be changed.
    pub fn run_mut(&mut self) -> &mut RunFlags {
        match self {
            RasterVerb::Calc(words) => &mut words.run,
            RasterVerb::Convert(words) => &mut words.run,
            RasterVerb::Clip(words) => &mut words.run,
            RasterVerb::Warp(words) => &mut words.run,
            RasterVerb::Mosaic(words) => &mut words.run,
            RasterVerb::Focal(words) => &mut words.run,
            RasterVerb::Terrain(words) => &mut words.run,
            RasterVerb::Stats(words) => &mut words.run,
            RasterVerb::Pipeline(words) => &mut words.run,
        }
    }
}

/// Flags that stand for a step of a chain.
pub trait StepFlags: Args {
    /// The step; one that contradicts itself is an error.
    ///
    /// # Errors
    /// [`swath_core::Error::Usage`].
    fn steps(self) -> swath_core::Result<Vec<RasterStep>>;
}

/// A verb that makes one raster of one.
#[derive(Debug, Args)]
pub struct OneInput<F: Args> {
    /// The raster
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// A band to take, counted from 1; several as 1,2 or one by one (default: all)
    #[arg(short, long = "band", value_name = "N", value_parser = band, value_delimiter = ',')]
    pub bands: Vec<usize>,
    /// What is done.
    #[command(flatten)]
    pub how: F,
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

/// `swath raster mosaic`.
#[derive(Debug, Args)]
pub struct MosaicWords {
    /// The rasters: files, quoted globs, and @LIST for a file with one path a line
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// A band to take of each, counted from 1; several as 1,2 or one by one (default: all)
    #[arg(short, long = "band", value_name = "N", value_parser = band, value_delimiter = ',')]
    pub bands: Vec<usize>,
    /// How they are joined.
    #[command(flatten)]
    pub how: MosaicFlags,
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

/// What every verb that writes a raster takes.
#[derive(Debug, Clone, Default, Args)]
pub struct RasterOutputFlags {
    /// The file to write; its folder is made if it is not there
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Format of the output: gtiff (default) or cog
    #[arg(short, long, value_name = "FORMAT", default_value = "gtiff", help_heading = "Output")]
    pub format: RasterFormat,
    /// Option of the format: COMPRESS, LEVEL, PREDICTOR, MAX_Z_ERROR, BLOCKSIZE, INTERLEAVE, BIGTIFF, SPARSE_OK, OVERVIEWS, OVERVIEW_RESAMPLING
    #[arg(long = "co", value_name = "KEY=VALUE", help_heading = "Output")]
    pub creation_options: Vec<String>,
    /// Type of the pixels: uint8 int8 uint16 int16 uint32 int32 uint64 int64 float32 float64
    #[arg(long = "dtype", visible_alias = "ot", value_name = "TYPE", help_heading = "Output")]
    pub data_type: Option<DataType>,
    /// What pixels without a value are written as
    #[arg(long, value_name = "VALUE", allow_hyphen_values = true, help_heading = "Output")]
    pub nodata: Option<Scalar>,
}

const CALC_EXAMPLES: &str = "\
Examples:
  swath raster calc '(nir-red)/(nir+red)' nir=b8.tif red=b4.tif -o ndvi.tif
  swath raster calc 'clip(b1 / 10000, 0, 1)' scene.tif -o out.tif --memory 256MB
  swath raster calc 'max(a[*])' a=in.tif -o max.tif --dtype uint8 --nodata 255

A name stands for a raster of one band, a[2] for the second band of a raster,
b2 given to the only raster, of several bands, for its second band,
a[*] for all of them inside of min, max, mean, sum and std. Bands of a raster
without a name are b1, b2 and so on. Expressions separated by ; make bands of the output.

Operators   + - * / % ** < <= > >= == != && || ! ( ), CONDITION ? A : B,
            and, or, not in place of && || !
Functions   where(condition, a, b) clip(x, least, greatest) is_nodata(x)
            min max mean sum std of any number, nanmin nanmax nanmean of those with a value
            abs sqrt exp ln log log10 log2 pow sin cos tan asin acos atan atan2
            floor ceil round sign hypot
Values      numbers, and nodata for none: where(b1 > 5, b1, nodata)";

/// `swath raster calc`.
#[derive(Debug, Args)]
#[command(after_help = CALC_EXAMPLES)]
pub struct CalcWords {
    /// What each pixel becomes
    #[arg(value_name = "EXPRESSION", allow_hyphen_values = true)]
    pub expression: String,
    /// The rasters: NAME=FILE, or one FILE
    #[arg(required = true, value_name = "INPUT", value_parser = raster_input)]
    pub inputs: Vec<RasterInput>,
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

const CONVERT_EXAMPLES: &str = "\
Examples:
  swath raster convert in.tif -o out.tif --co COMPRESS=ZSTD --co LEVEL=9
  swath raster convert in.tif -o rgb.tif -b 3 -b 2 -b 1 --scale 0,3000,0,255
  swath raster convert strips.tif -o cloud.tif -f cog --memory 64MB";

/// `swath raster convert`.
#[derive(Debug, Args)]
#[command(after_help = CONVERT_EXAMPLES)]
pub struct ConvertWords {
    /// The raster
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// A band to take, counted from 1; several as 1,2 or one by one (default: all)
    #[arg(short, long = "band", value_name = "N", value_parser = band, value_delimiter = ',')]
    pub bands: Vec<usize>,
    /// Map values linearly: from the first two numbers to the last two
    #[arg(long, value_name = "A,B,C,D", value_parser = scaling, allow_hyphen_values = true)]
    pub scale: Option<Scaling>,
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
