//! The names of the ways to make a pixel from those around it, and how far each looks. It computes none of them.

use std::fmt;

use serde::{Deserialize, Serialize};
use swath_core::{Error, Result};

/// How the value of a new pixel follows from those of the old ones.
///
/// The names and their meaning are those of `gdalwarp -r`. All but `near`, which copies bits, compute in 64-bit floats:
/// integers of 64 bits beyond ±2⁵³ come out rounded to the nearest such float, also where a method chooses one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resampling {
    /// The pixel that holds the centre, bit by bit.
    #[default]
    Near,
    /// Linear between the four pixels around the centre.
    Bilinear,
    /// Cubic convolution with a = -1/2 over sixteen pixels (Keys 1981; the curve of Catmull and Rom).
    Cubic,
    /// The cubic B-spline over sixteen pixels, which smooths.
    CubicSpline,
    /// The windowed sinc of Lanczos with three lobes, over 36 pixels.
    Lanczos,
    /// The mean of the pixels under the new one, weighted by how much of each is covered.
    Average,
    /// The value that covers most; among equals the one that comes first.
    Mode,
    /// The least value.
    Min,
    /// The greatest value.
    Max,
    /// The median; of an even number the lower one.
    Med,
    /// The first quartile.
    Q1,
    /// The third quartile.
    Q3,
    /// The sum, each pixel weighted by the share of it that is covered.
    Sum,
    /// The root of the weighted mean of squares.
    Rms,
}

impl Resampling {
    /// All of them.
    pub const ALL: [Resampling; 14] = [
        Resampling::Near,
        Resampling::Bilinear,
        Resampling::Cubic,
        Resampling::CubicSpline,
        Resampling::Lanczos,
        Resampling::Average,
        Resampling::Mode,
        Resampling::Min,
        Resampling::Max,
        Resampling::Med,
        Resampling::Q1,
        Resampling::Q3,
        Resampling::Sum,
        Resampling::Rms,
    ];

    /// The word of the command line.
    pub fn name(self) -> &'static str {
        match self {
            Resampling::Near => "near",
            Resampling::Bilinear => "bilinear",
            Resampling::Cubic => "cubic",
            Resampling::CubicSpline => "cubicspline",
            Resampling::Lanczos => "lanczos",
            Resampling::Average => "average",
            Resampling::Mode => "mode",
            Resampling::Min => "min",
            Resampling::Max => "max",
            Resampling::Med => "med",
            Resampling::Q1 => "q1",
            Resampling::Q3 => "q3",
            Resampling::Sum => "sum",
            Resampling::Rms => "rms",
        }
    }

    /// The way that a word names; `nearest`, `cubic_spline` and `median` are understood, too.
    ///
    /// # Errors
    /// [`Error::Usage`] with all words, when it is none of them.
    pub fn parse(word: &str) -> Result<Resampling> {
        let plain = word.trim().to_ascii_lowercase().replace(['_', '-'], "");
        let plain = match &*plain {
            "nearest" | "nearestneighbour" => "near",
            "median" => "med",
            other => other,
        };
        Resampling::ALL.into_iter().find(|resampling| resampling.name() == plain).ok_or_else(|| {
            let names = Resampling::ALL.map(Resampling::name).join(", ");
            Error::Usage { message: format!("{word:?} is no way to resample"), hint: format!("one of {names}") }
        })
    }

    /// Whether it looks at the pixels under the whole new pixel rather than at those around its centre.
    pub fn is_of_areas(self) -> bool {
        !matches!(
            self,
            Resampling::Near | Resampling::Bilinear | Resampling::Cubic | Resampling::CubicSpline | Resampling::Lanczos
        )
    }

    /// Half the width of its kernel in pixels of the input, where the output is not coarser; 0 if it has none.
    pub(super) fn radius(self) -> u32 {
        match self {
            Resampling::Bilinear => 1,
            Resampling::Cubic | Resampling::CubicSpline => 2,
            Resampling::Lanczos => 3,
            _ => 0,
        }
    }
}

impl fmt::Display for Resampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read() {
        for resampling in Resampling::ALL {
            assert_eq!(Resampling::parse(&resampling.name().to_uppercase()).expect("a word"), resampling);
            let json = serde_json::to_string(&resampling).expect("JSON");
            assert_eq!(json, format!("{:?}", resampling.name()));
        }
        assert_eq!(Resampling::parse("cubic_spline").expect("a word"), Resampling::CubicSpline);
        let Err(Error::Usage { hint, .. }) = Resampling::parse("best") else { panic!("best was taken") };
        assert!(hint.starts_with("one of near, bilinear"), "{hint}");
    }
}
