//! What is asked of `swath raster stats`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Common, RasterInput};

/// A histogram that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HistogramWish {
    /// How many bins, all equally wide.
    pub bins: usize,
    /// The lower edge of the first and the upper edge of the last; those of the finite values if none.
    pub range: Option<(f64, f64)>,
}

/// What is wanted of each band beside count, extremes, mean, standard deviation and sum.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatsWishes {
    /// Percentiles, from 0 to 100.
    pub percentiles: Vec<f64>,
    /// A histogram.
    pub histogram: Option<HistogramWish>,
    /// All values with their counts, if there are no more than this.
    pub uniques: Option<usize>,
}

impl StatsWishes {
    /// Percentiles at most.
    pub const PERCENTILES_MAX: usize = 100;
    /// Bins at most.
    pub const BINS_MAX: usize = 65_536;
    /// Different values at most.
    pub const UNIQUES_MAX: usize = 100_000;
    /// Different values where nothing else is said.
    pub const UNIQUES: usize = 1000;
}

/// `swath raster stats`: rasters, and what is to be known of each of their bands.
#[derive(Debug, Clone)]
pub struct StatsRequest {
    /// The rasters.
    pub inputs: Vec<RasterInput>,
    /// The bands of each that are looked at, from 0 on; all if there are none.
    pub bands: Vec<usize>,
    /// What is to be known.
    pub wishes: StatsWishes,
    /// The file for the result; it is told with the outcome if there is none.
    pub output: Option<PathBuf>,
    /// What every command takes.
    pub common: Common,
}
