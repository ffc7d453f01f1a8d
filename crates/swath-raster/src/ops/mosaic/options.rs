//! What a mosaic is asked to be.

use serde::{Deserialize, Serialize};
use swath_core::{Error, Result};

use crate::ops::Resampling;
use crate::{DataType, Scalar};

/// What becomes of pixels where inputs overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MosaicMethod {
    /// The value of the first input that has one.
    First,
    /// The value of the last input that has one, as `gdal_merge` does.
    #[default]
    Last,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The mean of the values, in 64-bit floats.
    Mean,
    /// How many inputs have a value.
    Count,
}

impl MosaicMethod {
    /// All of them.
    pub const ALL: [MosaicMethod; 6] = [
        MosaicMethod::First,
        MosaicMethod::Last,
        MosaicMethod::Min,
        MosaicMethod::Max,
        MosaicMethod::Mean,
        MosaicMethod::Count,
    ];

    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            MosaicMethod::First => "first",
            MosaicMethod::Last => "last",
            MosaicMethod::Min => "min",
            MosaicMethod::Max => "max",
            MosaicMethod::Mean => "mean",
            MosaicMethod::Count => "count",
        }
    }

    /// The method that a word names.
    ///
    /// # Errors
    /// [`Error::Usage`] with all words, when it is none of them.
    pub fn parse(word: &str) -> Result<MosaicMethod> {
        let plain = word.trim().to_ascii_lowercase();
        MosaicMethod::ALL.into_iter().find(|method| method.name() == plain).ok_or_else(|| {
            let names = MosaicMethod::ALL.map(MosaicMethod::name).join(", ");
            Error::Usage { message: format!("{word:?} is no way to join rasters"), hint: format!("one of {names}") }
        })
    }
}

/// What is wished of a mosaic; what is not wished follows from the inputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MosaicOptions {
    /// What becomes of pixels where inputs overlap.
    pub method: MosaicMethod,
    /// The reference system, in any notation of [`swath_crs::Crs::parse`]; that of the first input if none.
    pub crs: Option<String>,
    /// Width and height of a pixel, in units of that system; those of the first input if none.
    pub resolution: Option<(f64, f64)>,
    /// Least x, least y, greatest x, greatest y; those of all inputs together if none. A box of longitudes whose first
    /// one is the greater crosses the antimeridian.
    pub bounds: Option<(f64, f64, f64, f64)>,
    /// The reference system of these bounds, in any notation; that of the mosaic if none.
    pub bounds_crs: Option<String>,
    /// Whether the corners shall lie at multiples of the resolution.
    pub is_aligned: bool,
    /// How inputs that are not on the grid of the mosaic are brought to it.
    pub resampling: Resampling,
    /// The type of the mosaic; what follows from the inputs if none.
    pub data_type: Option<DataType>,
    /// How the mosaic says that a pixel has no value.
    pub nodata: Option<Scalar>,
}
