//! The flags of steps that look at the neighbours of a pixel.

use clap::Args;
use swath::request::{FocalStep, Outline, Radius, RasterStep};
use swath::{Edges, FocalStatistic, Kernel, SlopeUnits, TerrainEdges, TerrainKind, TerrainMethod, TerrainOptions};
use swath_core::{Error, Result};

use super::StepFlags;
use super::values::{kernel, radius, terrain_method, word};

pub const FOCAL_EXAMPLES: &str = "\
Examples:
  swath raster focal in.tif -o smooth.tif --stat mean --radius 2
  swath raster focal in.tif -o top.tif --stat max --radius 50m --shape circle
  swath raster focal in.tif -o edges.tif --stat kernel --kernel weights.txt

At the border and beside pixels without a value the footprint shrinks to the
pixels that have one; in sobel, laplace and kernels that are not normalised
the value of the pixel itself stands in. A pixel without a value stays
without one. A --kernel alone is --stat kernel, with --stat mean a weighted mean.";

pub const TERRAIN_EXAMPLES: &str = "\
Examples:
  swath raster terrain dem.tif -o slope.tif --kind slope --units percent
  swath raster terrain dem.tif -o shade.tif --kind hillshade --altitude 30
  swath raster terrain dem.tif -o tpi.tif --kind tpi --edges extrapolate

Heights are in the unit of the coordinates, or in metres where those are
degrees; --z-factor makes them so. Without a neighbour there is no value.";

/// What is around each pixel.
#[derive(Debug, Clone, Args)]
pub struct FocalFlags {
    /// What is computed: mean (default) sum min max range std variance median majority percentile count gaussian sobel
    /// laplace kernel
    #[arg(long = "stat", value_name = "WORD", help_heading = "Step")]
    #[arg(value_parser = |text: &str| word("statistic", &FocalStatistic::WORDS, text))]
    pub statistic: Option<FocalStatistic>,
    /// How far it looks: in pixels, or with m in metres of the coordinates (default: 1)
    #[arg(long, value_name = "R", value_parser = radius, allow_hyphen_values = true, help_heading = "Step")]
    pub radius: Option<Radius>,
    /// Outline of the footprint: square or circle
    #[arg(long, value_name = "WORD", default_value = "square", help_heading = "Step")]
    #[arg(value_parser = |text: &str| word("shape", &OUTLINES, text))]
    pub shape: Outline,
    /// Per cent of the pixels below, with --stat percentile (default: 90)
    #[arg(long, value_name = "P", help_heading = "Step")]
    pub percentile: Option<f64>,
    /// Standard deviation in pixels, with --stat gaussian (default: 1)
    #[arg(long, value_name = "PIXELS", help_heading = "Step")]
    pub sigma: Option<f64>,
    /// File of weights, one row of the kernel a line, instead of a radius
    #[arg(long, value_name = "FILE", value_parser = kernel, help_heading = "Step")]
    pub kernel: Option<Kernel>,
    /// Divide by the sum of the weights, with --stat kernel
    #[arg(long, help_heading = "Step")]
    pub normalise: bool,
    /// What stands for pixels beyond the border: shrink or replicate
    #[arg(long, alias = "edge", value_name = "WORD", default_value = "shrink", help_heading = "Step")]
    #[arg(value_parser = |text: &str| word("way to treat edges", &Edges::WORDS, text))]
    pub edges: Edges,
}

const OUTLINES: [(&str, Outline); 2] = [("square", Outline::Square), ("circle", Outline::Circle)];

impl StepFlags for FocalFlags {
    fn steps(self) -> Result<Vec<RasterStep>> {
        let mut statistic = match (self.statistic, &self.kernel) {
            (None, Some(_)) => FocalStatistic::Kernel { normalised: false },
            (Some(FocalStatistic::Mean), Some(_)) => FocalStatistic::Kernel { normalised: true },
            (given, _) => given.unwrap_or(FocalStatistic::Mean),
        };
        let stray = |flag: &str, wants: &str| {
            let hint = format!("add --stat {wants}, or leave {flag} out");
            Err(Error::Usage { message: format!("{flag} is given without --stat {wants}"), hint })
        };
        match (&mut statistic, self.percentile) {
            (FocalStatistic::Percentile(percent), Some(given)) => *percent = given,
            (_, Some(_)) => return stray("--percentile", "percentile"),
            _ => {}
        }
        match (&mut statistic, self.sigma) {
            (FocalStatistic::Gaussian(sigma), Some(given)) => *sigma = given,
            (_, Some(_)) => return stray("--sigma", "gaussian"),
            _ => {}
        }
        match (&mut statistic, self.kernel.is_some() || self.normalise) {
            (FocalStatistic::Kernel { normalised }, _) => *normalised |= self.normalise,
            (_, true) => return stray(if self.normalise { "--normalise" } else { "--kernel" }, "kernel"),
            _ => {}
        }
        if self.radius.is_some() && (statistic.has_own_footprint() || self.kernel.is_some()) {
            return Err(Error::Usage {
                message: format!("--stat {} has a footprint of its own, and --radius is given", statistic.word()),
                hint: "leave --radius out".into(),
            });
        }
        Ok(vec![RasterStep::Focal(FocalStep {
            statistic,
            radius: self.radius.unwrap_or(Radius::Pixels(1.0)),
            outline: self.shape,
            kernel: self.kernel,
            edges: self.edges,
        })])
    }
}

/// What heights say.
#[derive(Debug, Clone, Args)]
pub struct TerrainFlags {
    /// What is computed: slope aspect hillshade multidirectional tri tpi roughness curvature
    #[arg(long, value_name = "WORD", help_heading = "Step")]
    #[arg(value_parser = |text: &str| word("kind of terrain", &TerrainKind::WORDS, text))]
    pub kind: TerrainKind,
    /// How slopes are found: horn, or zt for Zevenbergen and Thorne
    #[arg(long, value_name = "WORD", default_value = "horn", help_heading = "Step")]
    #[arg(value_parser = terrain_method)]
    pub method: TerrainMethod,
    /// What a slope is given in: degrees (default) or percent
    #[arg(long, value_name = "WORD", help_heading = "Step")]
    #[arg(value_parser = |text: &str| word("unit of slopes", &SlopeUnits::WORDS, text))]
    pub units: Option<SlopeUnits>,
    /// What heights are multiplied by first
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, allow_negative_numbers = true, help_heading = "Step")]
    pub z_factor: f64,
    /// Where the light comes from, in degrees clockwise from north (default: 315)
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, help_heading = "Step")]
    pub azimuth: Option<f64>,
    /// How high the light stands, in degrees above the horizon (default: 45)
    #[arg(long, value_name = "DEGREES", allow_negative_numbers = true, help_heading = "Step")]
    pub altitude: Option<f64>,
    /// What becomes of pixels that lack a neighbour: nodata or extrapolate
    #[arg(long, alias = "edge", value_name = "WORD", default_value = "nodata", help_heading = "Step")]
    #[arg(value_parser = |text: &str| word("way to treat edges", &TerrainEdges::WORDS, text))]
    pub edges: TerrainEdges,
}

impl StepFlags for TerrainFlags {
    fn steps(self) -> Result<Vec<RasterStep>> {
        let TerrainFlags { kind, method, units, z_factor, azimuth, altitude, edges } = self;
        let stray = [
            ("--units", units.is_some() && kind != TerrainKind::Slope, "slope"),
            ("--azimuth", azimuth.is_some() && kind != TerrainKind::Hillshade, "hillshade"),
            ("--altitude", altitude.is_some() && !kind.is_shade(), "hillshade or multidirectional"),
        ];
        if let Some((flag, _, kinds)) = stray.into_iter().find(|(_, is_stray, _)| *is_stray) {
            return Err(Error::Usage {
                message: format!("{flag} is given, and means nothing for --kind {}", kind.word()),
                hint: format!("it goes with --kind {kinds}: leave it out"),
            });
        }
        let usual = TerrainOptions::new(kind);
        let units = units.unwrap_or(usual.units);
        let (azimuth, altitude) = (azimuth.unwrap_or(usual.azimuth), altitude.unwrap_or(usual.altitude));
        Ok(vec![RasterStep::Terrain(TerrainOptions { kind, method, units, z_factor, azimuth, altitude, edges })])
    }
}
