//! What is asked of heights: plain data that can stand in a request.

use serde::{Deserialize, Serialize};

/// What is computed from the heights of a pixel and its eight neighbours.
///
/// Below, z₁ to z₉ are the heights by row from the upper left, so that z₅ is the centre; p and q are the slopes to the
/// east and to the north, and L is the size of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerrainKind {
    /// How steep it is: arctan √(p² + q²), or 100 √(p² + q²) per cent.
    Slope,
    /// Where it falls to, in degrees clockwise from north; flat ground has no value.
    Aspect,
    /// How bright it is under one light: 1 + 254 · max(0, cos of the angle between light and normal), in whole numbers with
    /// 0 for nodata.
    Hillshade,
    /// The same under lights from 225°, 270°, 315° and 360°, each weighted by cos² of its angle to the aspect. That is what
    /// gdaldem computes; the paper that it follows has sin² (Mark 1992, USGS open-file report 92-422). The azimuth of the
    /// options is not looked at.
    Multidirectional,
    /// Ruggedness: √ Σ (zᵢ − z₅)² over the neighbours (Riley, DeGloria and Elliot 1999), in units of height.
    Tri,
    /// Position: z₅ less the mean of the neighbours (Weiss 2001, as in Wilson and others 2007), in units of height.
    Tpi,
    /// The greatest of the nine heights less the least (Wilson and others 2007), in units of height.
    Roughness,
    /// −2 (D + E) · 100 with D = ((z₄ + z₆) / 2 − z₅) / L² and E = ((z₂ + z₈) / 2 − z₅) / L² (Zevenbergen and Thorne 1987), in
    /// hundredths of a height unit per square of the horizontal unit: positive on ridges, negative in valleys.
    Curvature,
}

impl TerrainKind {
    /// Words of a command line.
    pub const WORDS: [(&'static str, TerrainKind); 8] = [
        ("slope", TerrainKind::Slope),
        ("aspect", TerrainKind::Aspect),
        ("hillshade", TerrainKind::Hillshade),
        ("multidirectional", TerrainKind::Multidirectional),
        ("tri", TerrainKind::Tri),
        ("tpi", TerrainKind::Tpi),
        ("roughness", TerrainKind::Roughness),
        ("curvature", TerrainKind::Curvature),
    ];

    /// What a word means.
    pub fn parse(word: &str) -> Option<TerrainKind> {
        TerrainKind::WORDS.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        TerrainKind::WORDS.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether it is a picture of light.
    pub fn is_shade(self) -> bool {
        matches!(self, TerrainKind::Hillshade | TerrainKind::Multidirectional)
    }

    /// Whether it is of heights alone, whatever the distance between them.
    pub fn is_of_heights_alone(self) -> bool {
        matches!(self, TerrainKind::Tri | TerrainKind::Tpi | TerrainKind::Roughness)
    }

    /// Whether it follows from the two slopes alone.
    pub(super) fn needs_gradient(self) -> bool {
        self.is_shade() || matches!(self, TerrainKind::Slope | TerrainKind::Aspect)
    }
}

/// How the slopes to the east and to the north are found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerrainMethod {
    /// From all eight neighbours, those beside the centre weighted twice (Horn 1981): for rough ground.
    #[default]
    Horn,
    /// From the four neighbours beside the centre (Zevenbergen and Thorne 1987): for smooth ground.
    ZevenbergenThorne,
}

impl TerrainMethod {
    /// Words of a command line.
    pub const WORDS: [(&'static str, TerrainMethod); 2] =
        [("horn", TerrainMethod::Horn), ("zt", TerrainMethod::ZevenbergenThorne)];

    /// What a word means.
    pub fn parse(word: &str) -> Option<TerrainMethod> {
        TerrainMethod::WORDS.iter().find(|(name, _)| *name == word).map(|(_, method)| *method)
    }
}

/// What a slope is given in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlopeUnits {
    /// The angle, 0 to 90.
    #[default]
    Degrees,
    /// Height per hundred of distance.
    Percent,
}

impl SlopeUnits {
    /// Words of a command line.
    pub const WORDS: [(&'static str, SlopeUnits); 2] =
        [("degrees", SlopeUnits::Degrees), ("percent", SlopeUnits::Percent)];

    /// What a word means.
    pub fn parse(word: &str) -> Option<SlopeUnits> {
        SlopeUnits::WORDS.iter().find(|(name, _)| *name == word).map(|(_, units)| *units)
    }
}

/// What becomes of pixels that lack a neighbour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TerrainEdges {
    /// They have no value: the outermost pixels, and those beside one without a value. As gdaldem does.
    #[default]
    Nodata,
    /// Beyond the border heights go on in a straight line from the two pixels before it (at corners, columns are
    /// repeated), and the centre's height stands for a neighbour without a value. As gdaldem does with `-compute_edges`.
    Extrapolate,
}

impl TerrainEdges {
    /// Words of a command line.
    pub const WORDS: [(&'static str, TerrainEdges); 2] =
        [("nodata", TerrainEdges::Nodata), ("extrapolate", TerrainEdges::Extrapolate)];

    /// What a word means.
    pub fn parse(word: &str) -> Option<TerrainEdges> {
        TerrainEdges::WORDS.iter().find(|(name, _)| *name == word).map(|(_, edges)| *edges)
    }
}

/// What is asked of heights.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TerrainOptions {
    /// What is computed.
    pub kind: TerrainKind,
    /// How slopes are found.
    #[serde(default)]
    pub method: TerrainMethod,
    /// What a slope is given in.
    #[serde(default)]
    pub units: SlopeUnits,
    /// What heights are multiplied by first, to be in the unit of the grid's coordinates, or in metres where those are
    /// degrees.
    #[serde(default = "one")]
    pub z_factor: f64,
    /// Where the light of a hillshade comes from, in degrees clockwise from north.
    #[serde(default = "northwest")]
    pub azimuth: f64,
    /// How high the light stands, in degrees above the horizon.
    #[serde(default = "halfway")]
    pub altitude: f64,
    /// What becomes of pixels that lack a neighbour.
    #[serde(default)]
    pub edges: TerrainEdges,
}

impl TerrainOptions {
    /// A kind with the defaults of gdaldem: Horn, degrees, heights as they are, light from 315° and 45° high.
    pub fn new(kind: TerrainKind) -> TerrainOptions {
        TerrainOptions {
            kind,
            method: TerrainMethod::default(),
            units: SlopeUnits::default(),
            z_factor: one(),
            azimuth: northwest(),
            altitude: halfway(),
            edges: TerrainEdges::default(),
        }
    }
}

fn one() -> f64 {
    1.0
}

fn northwest() -> f64 {
    315.0
}

fn halfway() -> f64 {
    45.0
}
