//! GeoTIFF, BigTIFF and COG: files to grids, and grids to files.
//!
//! The words of the format are here, what both directions share; each has a folder of its own.

pub mod read;
mod tags;
pub mod write;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use swath_raster::BandColour;

/// An item of GDAL's metadata (tag 42112), which is passed on as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetadataItem {
    /// Its name.
    pub name: String,
    /// The band that it speaks of, from 0; `None` for the file.
    pub band: Option<usize>,
    /// The domain that it stands in; the default one if there is none.
    pub domain: Option<String>,
    /// Its text.
    pub value: String,
}

/// What a file of which the least value is white says of its pixels.
pub const MIN_IS_WHITE: &str = "min-is-white";

/// Words of GDAL for what a band is in a colour, where it is not what its place makes of it.
const COLOUR_WORDS: [(BandColour, &str); 5] = [
    (BandColour::None, "Undefined"),
    (BandColour::Red, "Red"),
    (BandColour::Green, "Green"),
    (BandColour::Blue, "Blue"),
    (BandColour::Opacity, "Alpha"),
];

/// What a file says of itself, in its own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// What it shows (tag 270).
    pub description: Option<String>,
    /// What wrote it (tag 305).
    pub software: Option<String>,
    /// When (tag 306).
    pub date_time: Option<String>,
    /// Who made it (tag 315).
    pub artist: Option<String>,
    /// Whose it is, and who may use it (tag 33432).
    pub copyright: Option<String>,
}

/// The keys of a reference system as a file holds them (tags 34735 to 34737).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GeoKeys {
    /// Version, and revision before and behind the point.
    head: [u16; 3],
    /// A key, the tag that has its value, how many values it is, and the value itself or its position there.
    entries: Vec<[u16; 4]>,
    numbers: Vec<f64>,
    /// Text in ASCII; positions in it count bytes.
    text: Vec<u8>,
}

/// How the pixels of a block are packed (tag 259).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// As they are.
    None,
    /// Runs of bytes.
    PackBits,
    /// Lempel, Ziv and Welch.
    Lzw,
    /// Zlib.
    Deflate,
    /// Zstandard.
    Zstd,
    /// Limited error raster compression, also under deflate or Zstandard.
    Lerc,
    /// JPEG, read only.
    Jpeg,
}

impl Compression {
    /// The name that GDAL gives it.
    pub fn name(self) -> &'static str {
        match self {
            Compression::None => "none",
            Compression::PackBits => "packbits",
            Compression::Lzw => "lzw",
            Compression::Deflate => "deflate",
            Compression::Zstd => "zstd",
            Compression::Lerc => "lerc",
            Compression::Jpeg => "jpeg",
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = String;

    fn from_str(text: &str) -> Result<Compression, String> {
        let known = [
            Compression::None,
            Compression::PackBits,
            Compression::Lzw,
            Compression::Deflate,
            Compression::Zstd,
            Compression::Lerc,
            Compression::Jpeg,
        ];
        let lower = text.to_ascii_lowercase();
        known.into_iter().find(|compression| compression.name() == lower).ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|compression| compression.name()).collect();
            format!("{text:?} is no compression: wanted one of {}", names.join(", "))
        })
    }
}

/// What is done to pixels before they are packed (tag 317).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Predictor {
    /// Nothing.
    None,
    /// Differences between neighbours of a row (2).
    Horizontal,
    /// Differences between the bytes of neighbours, sorted by significance (3).
    FloatingPoint,
}

/// How bands lie in the file (tag 284).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interleave {
    /// The bands of a pixel side by side (1, chunky).
    Pixel,
    /// Each band in blocks of its own (2, planar).
    Band,
}
