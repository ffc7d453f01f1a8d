//! The operators: each is a [`crate::Raster`] over others, in a file or a folder of its own.

mod assume;
mod calc;
mod clip;
mod convert;
mod focal;
mod mosaic;
mod overview;
mod results;
mod ring;
mod synth;
mod terrain;
#[cfg(test)]
mod tests;
mod warp;

pub use assume::Assume;
pub use calc::{Calc, CalcInput};
pub use clip::{Clip, window_of_bounds, window_of_grid};
pub use convert::{Conversion, Convert, Scaling, convert};
pub use focal::{Edges, Focal, FocalOptions, FocalStatistic, Footprint, Kernel, radius_in_pixels};
pub use mosaic::{Mosaic, MosaicInput, MosaicMethod, MosaicOptions};
pub use overview::{OverviewResampling, overview, overview_bytes, overview_shape, overview_shapes, overview_window};
pub use synth::{Synth, Synthesis};
pub use terrain::{SlopeUnits, Terrain, TerrainEdges, TerrainKind, TerrainMethod, TerrainOptions};
pub use warp::{Resampling, Warp, WarpOptions, WarpTarget, WarpWishes, transformed_bounds};
