//! What a raster is before any pixel of it is read.

use std::sync::Arc;

use swath_core::Bytes;
use swath_crs::Crs;

use crate::{Affine, DataType, Scalar, Shape};

/// Shape, place, type and bands of a raster.
#[derive(Debug, Clone)]
pub struct Grid {
    /// Rows and columns.
    pub shape: Shape,
    /// Where pixels lie; `None` if the raster has no place.
    pub affine: Option<Affine>,
    /// The system of the coordinates; `None` if it is not known.
    pub crs: Option<Arc<Crs>>,
    /// Type of all pixels.
    pub data_type: DataType,
    /// What a pixel without a value is written as.
    ///
    /// # Nodata
    /// Inside of swath a pixel is valid or not (see [`crate::Tile`]); this is only how files say it.
    pub nodata: Option<Scalar>,
    /// Whether validity stands in a mask of its own rather than in a value.
    pub has_mask: bool,
    /// The pieces in which pixels are stored, or best made.
    pub block: Shape,
    /// The bands, of which there is at least one.
    pub bands: Arc<[Band]>,
}

/// What a band is where a raster is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BandColour {
    /// A measured value, a class, a brightness: no part of a colour.
    #[default]
    None,
    /// The red part of a colour.
    Red,
    /// The green part.
    Green,
    /// The blue part.
    Blue,
    /// How opaque a pixel is; 0 is not seen.
    Opacity,
    /// As `Opacity`, and the other bands are multiplied by it.
    OpacityMultiplied,
}

impl BandColour {
    fn is_opacity(self) -> bool {
        matches!(self, BandColour::Opacity | BandColour::OpacityMultiplied)
    }
}

/// What is said of a band.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Band {
    /// What it shows, in words.
    pub description: Option<String>,
    /// Physical value = `scale` × pixel + `offset`; pixels are never scaled unasked.
    pub scale: Option<f64>,
    /// See `scale`.
    pub offset: Option<f64>,
    /// The unit of the physical value.
    pub units: Option<String>,
    /// What it is where the raster is shown.
    pub colour: BandColour,
}

impl Grid {
    /// Memory of what is said of the bands.
    pub fn held_bytes(&self) -> Bytes {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity) as u64;
        let texts = self.bands.iter().map(|band| text(&band.description) + text(&band.units)).sum();
        Bytes::of::<Band>(self.bands.len()) + Bytes(texts)
    }

    /// The affine of the raster, or pixels as coordinates.
    pub fn affine_or_pixels(&self) -> Affine {
        self.affine.unwrap_or(Affine::PIXELS)
    }

    /// The band of opacity that says which pixels have a value: where it is 0 no band has one, itself among them. Nodata
    /// and masks go before it.
    pub fn opacity(&self) -> Option<usize> {
        let is_opacity = |band: &Band| band.colour.is_opacity();
        match (self.nodata, self.has_mask, self.bands.len()) {
            (None, false, 2..) => self.bands.iter().rposition(is_opacity),
            _ => None,
        }
    }

    /// The same with 64-bit floats in place of 32-bit ones.
    pub(crate) fn precise(self) -> Grid {
        let data_type = if self.data_type == DataType::Float32 { DataType::Float64 } else { self.data_type };
        Grid { data_type, ..self }
    }

    /// Whether opacity says which pixels have a value and other readers pass it over: GDAL looks for it in the last of 2 or 4
    /// bands of unsigned integers of 8 or 16 bits.
    pub fn has_opacity_unseen(&self) -> bool {
        let bands = self.bands.len();
        let is_looked_for = matches!((self.data_type, bands), (DataType::UInt8 | DataType::UInt16, 2 | 4));
        self.opacity().is_some_and(|opacity| !is_looked_for || opacity + 1 != bands)
    }

    /// The same with bands of opacity that are bands like the others: something else says which pixels have a value.
    pub(crate) fn without_opacity(mut self) -> Grid {
        let bands = Arc::make_mut(&mut self.bands).iter_mut();
        bands.filter(|band| band.colour.is_opacity()).for_each(|band| band.colour = BandColour::None);
        self
    }

    /// Bytes of a pixel, without its validity.
    pub fn pixel_bytes(&self) -> u64 {
        self.data_type.size() as u64
    }

    /// The first difference that keeps two grids from being combined pixel by pixel, in words.
    pub fn difference(&self, other: &Grid) -> Option<String> {
        if self.shape != other.shape {
            let (one, two) = (self.shape, other.shape);
            return Some(format!("{} columns × {} rows against {} × {}", one.columns, one.rows, two.columns, two.rows));
        }
        match (&self.crs, &other.crs) {
            (Some(one), Some(two)) if !one.is_same_as(two) => {
                return Some(format!("reference system {} against {}", one.name(), two.name()));
            }
            _ => {}
        }
        match (self.affine, other.affine) {
            (Some(one), Some(two)) if !one.is_close(&two, self.shape.columns, self.shape.rows) => {
                let of = |affine: Affine| {
                    let (width, height) = affine.pixel_size();
                    format!("corner ({}, {}) and pixels of {width} × {height}", affine.c, affine.f)
                };
                Some(format!("{} against {}", of(one), of(two)))
            }
            _ => None,
        }
    }
}
