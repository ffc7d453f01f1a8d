//! What a focal operation is asked for: plain data that can stand in a request.

use serde::{Deserialize, Serialize};

use super::Kernel;

/// What is computed from the pixels of a footprint.
///
/// Statistics are of the valid pixels of the footprint.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FocalStatistic {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The least of them.
    Min,
    /// The greatest of them.
    Max,
    /// The greatest less the least.
    Range,
    /// Standard deviation of the population: the root of the variance.
    Std,
    /// Variance of the population: the mean of the squares of the distances from the mean.
    Variance,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The most frequent one; of several the smallest.
    Majority,
    /// What that many per cent lie below, 0 to 100, on straight lines between the values in order (Hyndman and Fan 1996,
    /// definition 7, which is the default of NumPy).
    Percentile(f64),
    /// How many pixels have a value.
    Count,
    /// Mean weighted by exp(−d² / 2σ²) at a distance of d pixels, out to round(4 σ) rows and columns as in SciPy; the
    /// number is σ in pixels. It has its own footprint.
    Gaussian(f64),
    /// √(x² + y²) of the two kernels of Sobel, (−1 0 1, −2 0 2, −1 0 1) and the same turned, in units of values: a ramp of
    /// one per pixel gives 8. It has its own footprint.
    Sobel,
    /// The four neighbours less four times the centre. It has its own footprint.
    Laplace,
    /// The sum of the pixels times the weights of the footprint, which must be a kernel; it is not turned (a correlation).
    Kernel {
        /// Whether the sum is divided by that of the weights.
        normalised: bool,
    },
}

impl FocalStatistic {
    /// Words of a command line, and what they mean where nothing else is said.
    pub const WORDS: [(&'static str, FocalStatistic); 15] = [
        ("mean", FocalStatistic::Mean),
        ("sum", FocalStatistic::Sum),
        ("min", FocalStatistic::Min),
        ("max", FocalStatistic::Max),
        ("range", FocalStatistic::Range),
        ("std", FocalStatistic::Std),
        ("variance", FocalStatistic::Variance),
        ("median", FocalStatistic::Median),
        ("majority", FocalStatistic::Majority),
        ("percentile", FocalStatistic::Percentile(90.0)),
        ("count", FocalStatistic::Count),
        ("gaussian", FocalStatistic::Gaussian(1.0)),
        ("sobel", FocalStatistic::Sobel),
        ("laplace", FocalStatistic::Laplace),
        ("kernel", FocalStatistic::Kernel { normalised: false }),
    ];

    /// What a word means.
    pub fn parse(word: &str) -> Option<FocalStatistic> {
        FocalStatistic::WORDS.iter().find(|(name, _)| *name == word).map(|(_, statistic)| *statistic)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        let same = |other: FocalStatistic| std::mem::discriminant(&self) == std::mem::discriminant(&other);
        FocalStatistic::WORDS.iter().find(|(_, other)| same(*other)).map_or("", |(name, _)| name)
    }

    /// Whether it brings its own footprint, whatever the options say.
    pub fn has_own_footprint(self) -> bool {
        matches!(self, FocalStatistic::Gaussian(_) | FocalStatistic::Sobel | FocalStatistic::Laplace)
    }

    /// Whether its results are pixels of the input, and so of its type.
    pub(super) fn picks(self) -> bool {
        matches!(self, FocalStatistic::Min | FocalStatistic::Max | FocalStatistic::Majority)
    }

    /// Whether its results are on the scale of the input's values.
    pub(super) fn keeps_scale(self) -> bool {
        let is_mean = matches!(
            self,
            FocalStatistic::Mean
                | FocalStatistic::Median
                | FocalStatistic::Percentile(_)
                | FocalStatistic::Gaussian(_)
                | FocalStatistic::Kernel { normalised: true }
        );
        self.picks() || is_mean
    }
}

/// Which pixels around a pixel count, itself among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Footprint {
    /// A square of 2 r + 1 rows and columns; the number is r in pixels.
    Square(u32),
    /// All pixels whose centres lie within a radius in pixels, which may have a fraction.
    Circle(f64),
    /// A square on the ground, where pixels are none: so many columns and rows in pixels to either side.
    Rectangle {
        /// To the left and to the right.
        columns: u32,
        /// Above and below.
        rows: u32,
    },
    /// A circle on the ground, where pixels are not square: its radii in pixels, which may have fractions.
    Ellipse {
        /// Along a row.
        columns: f64,
        /// Along a column.
        rows: f64,
    },
    /// The weights of a kernel, for [`FocalStatistic::Kernel`].
    Kernel(Kernel),
}

/// What stands for pixels that are not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edges {
    /// Nothing: beyond the border and at pixels without a value the footprint shrinks to the valid ones.
    ///
    /// Weighted means are divided by the weights of the valid pixels. For kernels that are not normalised, Sobel and
    /// Laplace among them, the centre's value stands for what is missing, so that nothing looks like a step.
    #[default]
    Shrink,
    /// Beyond the border the nearest pixel of the raster, as GDAL does. Pixels without a value are as in `Shrink`.
    Replicate,
}

impl Edges {
    /// Words of a command line.
    pub const WORDS: [(&'static str, Edges); 2] = [("shrink", Edges::Shrink), ("replicate", Edges::Replicate)];

    /// What a word means.
    pub fn parse(word: &str) -> Option<Edges> {
        Edges::WORDS.iter().find(|(name, _)| *name == word).map(|(_, edges)| *edges)
    }
}

/// What a focal operation is asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FocalOptions {
    /// What is computed.
    pub statistic: FocalStatistic,
    /// From which pixels.
    pub footprint: Footprint,
    /// And what stands for those that are not there.
    #[serde(default)]
    pub edges: Edges,
}
