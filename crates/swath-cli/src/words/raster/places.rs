//! The flags of steps that are about places: parts, other grids, many rasters as one.

use std::path::PathBuf;

use clap::Args;
use swath::request::{MosaicStep, OverviewChoice, RasterPart, RasterStep, WarpStep};
use swath::{MosaicMethod, Resampling, Shape, WarpWishes, Window};
use swath_core::{Error, Result};

use super::StepFlags;
use super::values::{bounds, overviews, resolution, size, window};

pub const CLIP_EXAMPLES: &str = "\
Examples:
  swath raster clip in.tif -o part.tif --bbox 10,45,11,46 --bbox-crs EPSG:4326
  swath raster clip in.tif -o corner.tif --window 0,0,512,512
  swath raster clip in.tif -o same.tif --like other.tif

No pixel is moved: the part holds every pixel that the box touches.";

pub const WARP_EXAMPLES: &str = "\
Examples:
  swath raster warp in.tif -o web.tif --dst-crs EPSG:3857 -r bilinear
  swath raster warp in.tif -o coarse.tif --res 100 -r average --align
  swath raster warp in.tif -o same.tif --like other.tif -r near -m 256MB

Without --res, --size, --bbox or --like the grid is what gdalwarp would choose.";

pub const MOSAIC_EXAMPLES: &str = "\
Examples:
  swath raster mosaic a.tif b.tif c.tif -o all.tif
  swath raster mosaic scenes/*.tif -o max.tif --method max -m 512MB
  swath raster mosaic a.tif b.tif -o web.tif --dst-crs EPSG:3857 -r bilinear

Reference system and resolution are those of the first raster unless they are
said; rasters on another grid are brought to it.";

/// A part of a raster.
#[derive(Debug, Clone, Args)]
pub struct ClipFlags {
    /// A box: least x, least y, greatest x, greatest y
    #[arg(long, value_name = "BOX", value_parser = bounds, allow_hyphen_values = true, help_heading = "Step")]
    #[arg(conflicts_with_all = ["window", "like"])]
    pub bbox: Option<(f64, f64, f64, f64)>,
    /// Reference system of the box (default: that of the raster)
    #[arg(long, value_name = "CRS", requires = "bbox", conflicts_with_all = ["window", "like"], help_heading = "Step")]
    pub bbox_crs: Option<String>,
    /// Reference system of the raster, whatever its file says
    #[arg(long, value_name = "CRS", help_heading = "Step")]
    pub src_crs: Option<String>,
    /// Pixels: column, row, columns, rows
    #[arg(long, value_name = "WINDOW", value_parser = window, allow_hyphen_values = true, help_heading = "Step")]
    #[arg(conflicts_with = "like")]
    pub window: Option<Window>,
    /// A raster: what lies under it is taken
    #[arg(long, value_name = "FILE", help_heading = "Step")]
    pub like: Option<PathBuf>,
}

impl StepFlags for ClipFlags {
    fn steps(self) -> Result<Vec<RasterStep>> {
        let part = match (self.bbox, self.window, self.like) {
            (Some(bounds), _, _) => RasterPart::Bounds { bounds, crs: self.bbox_crs },
            (None, Some(window), _) => RasterPart::Window(window),
            (None, None, Some(like)) => RasterPart::Like(like),
            (None, None, None) => {
                return Err(Error::Usage {
                    message: "nothing says which part is wanted".into(),
                    hint: "--bbox, --window or --like".into(),
                });
            }
        };
        let assume = self.src_crs.map(RasterStep::AssumeCrs);
        Ok(assume.into_iter().chain([RasterStep::Clip(part)]).collect())
    }
}

/// Another grid.
#[derive(Debug, Clone, Args)]
pub struct WarpFlags {
    /// Reference system of the output: EPSG:3857, WKT or a PROJ string (default: that of the raster)
    #[arg(long, value_name = "CRS", help_heading = "Step")]
    pub dst_crs: Option<String>,
    /// Reference system of the raster, whatever its file says
    #[arg(long, value_name = "CRS", help_heading = "Step")]
    pub src_crs: Option<String>,
    /// How pixels are made: near bilinear cubic cubicspline lanczos average mode min max med q1 q3 sum rms
    #[arg(short, long, value_name = "WORD", default_value = "near", value_parser = resampling, help_heading = "Step")]
    pub resampling: Resampling,
    /// Width and height of a pixel, in units of the output's system
    #[arg(long, value_name = "SIZE", value_parser = resolution, allow_hyphen_values = true, help_heading = "Step")]
    pub res: Option<(f64, f64)>,
    /// Columns and rows; 0 for one that follows from the other
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true, help_heading = "Step")]
    #[arg(conflicts_with = "res")]
    pub size: Option<Shape>,
    /// A box: least x, least y, greatest x, greatest y
    #[arg(long, value_name = "BOX", value_parser = bounds, allow_hyphen_values = true, help_heading = "Step")]
    pub bbox: Option<(f64, f64, f64, f64)>,
    /// Reference system of the box (default: that of the output)
    #[arg(long, value_name = "CRS", requires = "bbox", help_heading = "Step")]
    pub bbox_crs: Option<String>,
    /// Corners at multiples of the resolution
    #[arg(long, conflicts_with = "size", help_heading = "Step")]
    pub align: bool,
    /// A raster whose grid is taken
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dst_crs", "res", "size", "bbox", "align"], help_heading = "Step")]
    pub like: Option<PathBuf>,
    /// Which overviews are read: auto (the coarsest that is fine enough), none, or the number of one
    #[arg(long = "ovr", value_name = "WHICH", default_value = "auto", value_parser = overviews, help_heading = "Step")]
    pub overviews: OverviewChoice,
}

fn resampling(word: &str) -> Result<Resampling, String> {
    Resampling::parse(word).map_err(in_words)
}

fn mosaic_method(word: &str) -> Result<MosaicMethod, String> {
    MosaicMethod::parse(word).map_err(in_words)
}

/// An error as the parser of words tells it.
fn in_words(error: Error) -> String {
    match error {
        Error::Usage { message, hint } => format!("{message}: {hint}"),
        other => other.to_string(),
    }
}

impl StepFlags for WarpFlags {
    fn steps(self) -> Result<Vec<RasterStep>> {
        let assume = self.src_crs.map(RasterStep::AssumeCrs);
        let wishes = WarpWishes { resolution: self.res, size: self.size, bounds: self.bbox, is_aligned: self.align };
        let warp = RasterStep::Warp(WarpStep {
            crs: self.dst_crs,
            wishes,
            bounds_crs: self.bbox_crs,
            like: self.like,
            resampling: self.resampling,
            overviews: self.overviews,
        });
        Ok(assume.into_iter().chain([warp]).collect())
    }
}

/// How rasters are joined.
#[derive(Debug, Clone, Args)]
pub struct MosaicFlags {
    /// What becomes of pixels where rasters overlap: first last min max mean count
    #[arg(long, value_name = "WORD", default_value = "last", value_parser = mosaic_method, help_heading = "Step")]
    pub method: MosaicMethod,
    /// Reference system of the output (default: that of the first raster)
    #[arg(long, value_name = "CRS", help_heading = "Step")]
    pub dst_crs: Option<String>,
    /// Reference system of the rasters, whatever their files say
    #[arg(long, value_name = "CRS", help_heading = "Step")]
    pub src_crs: Option<String>,
    /// How rasters are brought to the grid, as in warp
    #[arg(short, long, value_name = "WORD", default_value = "near", value_parser = resampling, help_heading = "Step")]
    pub resampling: Resampling,
    /// Width and height of a pixel, in units of the output's system
    #[arg(long, value_name = "SIZE", value_parser = resolution, allow_hyphen_values = true, help_heading = "Step")]
    pub res: Option<(f64, f64)>,
    /// A box: least x, least y, greatest x, greatest y (default: around all)
    #[arg(long, value_name = "BOX", value_parser = bounds, allow_hyphen_values = true, help_heading = "Step")]
    pub bbox: Option<(f64, f64, f64, f64)>,
    /// Reference system of the box (default: that of the output)
    #[arg(long, value_name = "CRS", requires = "bbox", help_heading = "Step")]
    pub bbox_crs: Option<String>,
    /// Corners at multiples of the resolution
    #[arg(long, help_heading = "Step")]
    pub align: bool,
    /// A raster whose grid is taken
    #[arg(long, value_name = "FILE", conflicts_with_all = ["dst_crs", "res", "bbox", "align"], help_heading = "Step")]
    pub like: Option<PathBuf>,
}

impl StepFlags for MosaicFlags {
    fn steps(self) -> Result<Vec<RasterStep>> {
        let assume = self.src_crs.map(RasterStep::AssumeCrs);
        let mosaic = RasterStep::Mosaic(MosaicStep {
            method: self.method,
            crs: self.dst_crs,
            resolution: self.res,
            bounds: self.bbox,
            bounds_crs: self.bbox_crs,
            like: self.like,
            is_aligned: self.align,
            resampling: self.resampling,
        });
        Ok(assume.into_iter().chain([mosaic]).collect())
    }
}
