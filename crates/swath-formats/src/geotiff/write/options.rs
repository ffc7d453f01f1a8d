//! How a file is to be written: codec, blocks, order of bands. Defaults, and what goes together.
//!
//! Nothing is written here; how options are put in words is in the file beside this one.

use serde::{Deserialize, Serialize};
use swath_core::{Error, Result};
use swath_raster::{DataType, Grid, Shape};

use super::super::{Compression, Interleave, Predictor};

/// Bytes that one block may have before it is packed: readers count them in 32 bits, some of them with a sign.
const BLOCK_BYTES_MAX: u64 = 1 << 30;
/// Pixels along a side of a block at most.
const BLOCK_SIZE_MAX: u32 = 16_384;
/// Pixels along a side of a block where none are said, and in small rasters.
const BLOCK_SIZE: u32 = 512;
const SMALL_BLOCK_SIZE: u32 = 256;
/// Pixels that a small raster has at most.
const SMALL_PIXELS: u64 = 1 << 20;
/// Bands that the 16 bits of SamplesPerPixel can count.
const BANDS_MAX: usize = 65_535;

/// Which of the two forms of the format is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BigTiff {
    /// BigTIFF where the file would pass 4 GiB, and only there.
    #[default]
    Auto,
    /// Always BigTIFF.
    Yes,
    /// Never: a file that passes 4 GiB is an error.
    No,
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriteOptions {
    /// The codec of blocks.
    pub compression: Compression,
    /// How hard the codec tries: deflate 1 to 12 (6 if not said), zstd 1 to 22 (3 if not said); others have none.
    pub level: Option<u8>,
    /// What is done to pixels first; not said: 2 for integers and 3 for floats where the codec gains by it.
    pub predictor: Option<Predictor>,
    /// Pixels along a side of a block: a multiple of 16; not said: see [`WriteOptions::with_blocks_for`].
    pub block_size: Option<u32>,
    /// How bands lie; not said: by pixel, with LERC by band.
    pub interleave: Option<Interleave>,
    /// Classic TIFF or BigTIFF.
    pub bigtiff: BigTiff,
    /// Whether blocks without any value are left out.
    pub sparse: bool,
    /// How far LERC may move a value.
    ///
    /// # Units
    /// Those of the pixels.
    pub max_z_error: f64,
    /// Which overviews are wanted, in the words of the user.
    pub overviews: Option<String>,
    /// How overviews are made, in the words of the user.
    pub overview_resampling: Option<String>,
}

impl Default for WriteOptions {
    fn default() -> WriteOptions {
        WriteOptions {
            compression: Compression::Zstd,
            level: None,
            predictor: None,
            block_size: None,
            interleave: None,
            bigtiff: BigTiff::Auto,
            sparse: false,
            max_z_error: 0.0,
            overviews: None,
            overview_resampling: None,
        }
    }
}

/// An error about options.
pub(super) fn refused(message: impl Into<String>, hint: impl Into<String>) -> Error {
    Error::Usage { message: message.into(), hint: hint.into() }
}

impl WriteOptions {
    /// The options with a size of blocks, whether one was said or not: 256 pixels for a raster of at most
    /// a million (2²⁰) pixels, which is done in several tasks then and takes less memory.
    pub fn with_blocks_for(self, shape: Shape) -> WriteOptions {
        let size = if shape.pixels() <= SMALL_PIXELS { SMALL_BLOCK_SIZE } else { BLOCK_SIZE };
        WriteOptions { block_size: self.block_size.or(Some(size)), ..self }
    }

    /// Pixels along a side of a block; where none was said, those of large rasters.
    pub fn side(&self) -> u32 {
        self.block_size.unwrap_or(BLOCK_SIZE)
    }

    /// The size of a block.
    pub fn block(&self) -> Shape {
        Shape::new(self.side(), self.side())
    }

    /// The level that is used, for codecs that have levels.
    pub fn effective_level(&self) -> Option<u8> {
        match self.compression {
            Compression::Deflate => Some(self.level.unwrap_or(6)),
            Compression::Zstd => Some(self.level.unwrap_or(3)),
            _ => None,
        }
    }

    /// The predictor that is used for pixels of a type.
    pub fn effective_predictor(&self, data_type: DataType) -> Predictor {
        let gains = matches!(self.compression, Compression::Lzw | Compression::Deflate | Compression::Zstd);
        match self.predictor {
            Some(predictor) => predictor,
            None if !gains => Predictor::None,
            None if data_type.is_float() => Predictor::FloatingPoint,
            None => Predictor::Horizontal,
        }
    }

    /// How bands lie in the file; one band lies by pixel.
    pub fn effective_interleave(&self, bands: usize) -> Interleave {
        match self.interleave {
            _ if bands == 1 => Interleave::Pixel,
            Some(interleave) => interleave,
            None if self.compression == Compression::Lerc => Interleave::Band,
            None => Interleave::Pixel,
        }
    }

    /// Whether the options go together, whatever is written.
    ///
    /// # Errors
    /// [`Error::Usage`] with what was wanted and what it is.
    pub fn check(&self) -> Result<()> {
        let name = self.compression.name();
        let levels = match self.compression {
            Compression::Deflate => Some(1..=12),
            Compression::Zstd => Some(1..=22),
            Compression::Jpeg => {
                return Err(refused("JPEG is read, but not written", "COMPRESS=ZSTD or DEFLATE lose nothing"));
            }
            _ => None,
        };
        match (self.level, levels) {
            (Some(level), Some(levels)) if !levels.contains(&level) => {
                let (low, high) = (levels.start(), levels.end());
                return Err(refused(
                    format!("{name} has no level {level}"),
                    format!("wanted a level from {low} (fast) to {high} (small)"),
                ));
            }
            (Some(level), None) => {
                return Err(refused(
                    format!("level {level} was asked for, and {name} has no levels"),
                    "levels belong to COMPRESS=DEFLATE (1 to 12) and COMPRESS=ZSTD (1 to 22)",
                ));
            }
            _ => {}
        }
        let gains = matches!(self.compression, Compression::Lzw | Compression::Deflate | Compression::Zstd);
        if !gains && self.predictor.is_some_and(|predictor| predictor != Predictor::None) {
            return Err(refused(
                format!("a predictor was asked for with compression {name}, which has none"),
                "predictors belong to COMPRESS=LZW, DEFLATE and ZSTD",
            ));
        }
        if self.side() == 0 || !self.side().is_multiple_of(16) || self.side() > BLOCK_SIZE_MAX {
            return Err(refused(
                format!("blocks of {0} × {0} pixels cannot be written", self.side()),
                format!("wanted a multiple of 16 up to {BLOCK_SIZE_MAX}, such as 256 or 512"),
            ));
        }
        if !self.max_z_error.is_finite() || self.max_z_error < 0.0 {
            return Err(refused(
                format!("a largest error of {} was asked for", self.max_z_error),
                "wanted a number from 0, in units of the pixels",
            ));
        }
        if self.max_z_error > 0.0 && self.compression != Compression::Lerc {
            return Err(refused(
                format!("a largest error was asked for, and {name} changes no values"),
                "MAX_Z_ERROR belongs to COMPRESS=LERC",
            ));
        }
        Ok(())
    }

    /// Whether a grid can be written with these options.
    ///
    /// # Errors
    /// [`Error::Usage`] with what was wanted and what it is.
    pub fn check_for(&self, grid: &Grid) -> Result<()> {
        self.check()?;
        let (data_type, bands) = (grid.data_type, grid.bands.len());
        if grid.shape.rows == 0 || grid.shape.columns == 0 || bands == 0 {
            return Err(Error::unexpected("a grid without pixels cannot be written as TIFF"));
        }
        if bands > BANDS_MAX {
            return Err(refused(
                format!("{bands} bands cannot be written as one TIFF"),
                format!("wanted at most {BANDS_MAX}: write several files"),
            ));
        }
        if self.predictor == Some(Predictor::FloatingPoint) && !data_type.is_float() {
            return Err(refused(
                format!("predictor 3 was asked for with pixels of {data_type}"),
                "predictor 3 is for float32 and float64; integers take PREDICTOR=2",
            ));
        }
        if self.compression == Compression::Lerc {
            self.check_lerc(grid)?;
        }
        if let Some(nodata) = grid.nodata
            && !nodata.fits(data_type)
        {
            return Err(refused(
                format!("nodata {nodata} is no value of {data_type}"),
                "give a nodata value that the type has, or write a wider type",
            ));
        }
        let planes = if self.effective_interleave(bands) == Interleave::Pixel { bands as u64 } else { 1 };
        let bytes = self.block().pixels() * planes * data_type.size() as u64;
        if bytes > BLOCK_BYTES_MAX {
            return Err(refused(
                format!("a block of {0} × {0} pixels and {planes} bands takes {bytes} bytes", self.side()),
                format!("wanted at most {BLOCK_BYTES_MAX}: a smaller BLOCKSIZE, or INTERLEAVE=BAND"),
            ));
        }
        Ok(())
    }

    fn check_lerc(&self, grid: &Grid) -> Result<()> {
        if matches!(grid.data_type, DataType::UInt64 | DataType::Int64) {
            return Err(refused(
                format!("LERC has no pixels of {}", grid.data_type),
                "COMPRESS=ZSTD or DEFLATE write them",
            ));
        }
        if self.max_z_error > 0.0 && grid.nodata.is_some_and(|nodata| !nodata.is_nan()) {
            return Err(refused(
                "an error is allowed for all pixels, and so for those of the nodata value, which would become others",
                "MAX_Z_ERROR=0, or for floats --nodata nan",
            ));
        }
        if self.max_z_error > 0.0 && grid.opacity().is_some() {
            return Err(refused(
                "an error is allowed for all bands, and so for the opacity, of which 0 says that a pixel has no value",
                "MAX_Z_ERROR=0, or --band with the other bands, which get a mask",
            ));
        }
        if self.interleave == Some(Interleave::Pixel) && grid.bands.len() > 1 {
            return Err(refused(
                "LERC is written with each band in blocks of its own",
                "leave INTERLEAVE out, or say INTERLEAVE=BAND",
            ));
        }
        Ok(())
    }
}
