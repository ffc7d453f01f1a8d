//! Other types, bands and ranges of the same pixels: what a file's options ask for.
//!
//! It never moves a pixel. Values are rounded half away from zero and stay at the ends of the new type's range.

use std::sync::Arc;

use swath_core::{Bytes, Error, Lease, Result};

use crate::{Band, DataType, Grid, Pixel, Raster, Scalar, Shape, Tile, Window, for_data_type};

/// A linear map of values: the first range becomes the second.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaling {
    /// The range of the input.
    pub from: (f64, f64),
    /// The range of the output.
    pub to: (f64, f64),
}

impl Scaling {
    /// `to₀ + (value − from₀) · (to₁ − to₀) / (from₁ − from₀)`; values outside of the range stay outside of the other.
    fn apply(self, value: f64) -> f64 {
        let (wide, width) = (self.to.1 - self.to.0, self.from.1 - self.from.0);
        // Divided last: of integers that is exact where it is a half, and a quotient that is rounded first is not.
        let scaled = (value - self.from.0) * wide / width;
        self.to.0
            + if scaled.is_normal() || value == self.from.0 { scaled } else { (value - self.from.0) * (wide / width) }
    }
}

/// What is to become of the pixels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conversion {
    /// The bands that are wanted, from 0 on; all if there are none.
    pub bands: Vec<usize>,
    /// The type; the input's if none.
    pub data_type: Option<DataType>,
    /// How values are mapped.
    pub scaling: Option<Scaling>,
    /// How the output says that a pixel has no value; as the input does if none.
    pub nodata: Option<Scalar>,
}

/// A raster of other types or bands.
pub struct Convert {
    input: Arc<dyn Raster>,
    bands: Vec<usize>,
    scaling: Option<Scaling>,
    grid: Grid,
    /// A value that no valid pixel may have, and that some could come to have.
    reserved: Option<Scalar>,
}

/// The raster with the conversion; the input itself where that changes nothing.
///
/// # Nodata
/// A valid pixel that would come to equal the nodata value takes its neighbour instead, and so does an opacity that is
/// not 0 and would become it. Opacity that has no place of its own any more, or is left out, becomes a mask; so does NaN
/// as the nodata value where the type is of integers.
///
/// # Errors
/// [`Error::Usage`] for bands that there are none of, an empty range, and a nodata value that the type does not have.
pub fn convert(input: Arc<dyn Raster>, conversion: &Conversion) -> Result<Arc<dyn Raster>> {
    let from = input.grid();
    let bands = chosen_bands(from, &conversion.bands)?;
    let data_type = conversion.data_type.unwrap_or(from.data_type);
    if let Some(scaling) = conversion.scaling
        && (scaling.from.0 == scaling.from.1 || !(scaling.apply(0.0)).is_finite())
    {
        return Err(usage(
            format!("a range from {} to {} cannot be scaled", scaling.from.0, scaling.from.1),
            "name two different numbers",
        ));
    }
    let (nodata, needs_mask) = nodata_of(from.nodata, conversion.nodata, data_type)?;
    // Who names a nodata value wants it to say what a mask said; readers pass it over where there is a mask.
    let drops_mask = from.has_mask && conversion.nodata.is_some();
    let mut grid = Grid { data_type, nodata, has_mask: needs_mask || (from.has_mask && !drops_mask), ..from.clone() };
    grid.bands = bands.iter().map(|band| from.bands.get(*band).cloned().unwrap_or_default()).collect();
    if conversion.scaling.is_some() {
        // What they say of physical values holds no more.
        Arc::make_mut(&mut grid.bands)
            .iter_mut()
            .for_each(|band| *band = Band { scale: None, offset: None, units: None, ..band.clone() });
    }
    let same_values = data_type == from.data_type && conversion.scaling.is_none();
    let same_bands = bands.iter().copied().eq(0..from.bands.len());
    match from.opacity() {
        // A band like the others, once a nodata value says what it said.
        Some(_) if conversion.nodata.is_some() => grid = grid.without_opacity(),
        // A file says of bands behind the colours that they are opacity, and readers look for it at the end. Elsewhere, or
        // left out, or alone, or also in another place, a mask says what it said.
        Some(opacity)
            if bands.len() == 1 || bands.iter().position(|band| *band == opacity) != Some(bands.len() - 1) =>
        {
            grid = Grid { has_mask: true, ..grid.without_opacity() };
        }
        _ => {}
    }
    let is_said_alike = same_values && nodata == from.nodata && !drops_mask;
    // Where there is a mask, it alone says what has a value.
    let reserved = if is_said_alike || grid.has_mask { None } else { nodata };
    if same_values && same_bands && reserved.is_none() {
        return Ok(input);
    }
    Ok(Arc::new(Convert { bands, scaling: conversion.scaling, grid, reserved, input }))
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage { message, hint: hint.into() }
}

fn chosen_bands(grid: &Grid, wanted: &[usize]) -> Result<Vec<usize>> {
    let count = grid.bands.len();
    if wanted.is_empty() {
        return Ok((0..count).collect());
    }
    match wanted.iter().find(|band| **band >= count) {
        Some(band) => Err(usage(
            format!("there is no band {}: the raster has {count}", band + 1),
            "bands count from 1; swath info names them",
        )),
        None => Ok(wanted.to_vec()),
    }
}

/// How pixels without a value are written in a type: as is wished, or as they were; and whether that needs a mask, since
/// they were NaN, and integers have none.
///
/// # Errors
/// [`Error::Usage`] for a value that the type does not have.
pub(super) fn nodata_of(
    was: Option<Scalar>,
    wished: Option<Scalar>,
    data_type: DataType,
) -> Result<(Option<Scalar>, bool)> {
    if let Some(nodata) = wished {
        return match nodata.fits(data_type) {
            true => Ok((Some(nodata), false)),
            false => Err(usage(
                format!("{nodata} is no value of the type {data_type}, so it cannot stand for nodata"),
                "another --nodata, or another --dtype",
            )),
        };
    }
    match was {
        Some(nodata) if nodata.fits(data_type) => Ok((Some(nodata), false)),
        Some(nodata) if nodata.is_nan() => Ok((None, true)),
        Some(nodata) => Err(usage(
            format!("pixels without a value are {nodata} here, which is no value of the type {data_type}"),
            "--nodata names a value that stands for them",
        )),
        None => Ok((None, false)),
    }
}

impl Convert {
    /// Whether tiles are made, and not only passed on.
    fn changes_values(&self) -> bool {
        self.grid.data_type != self.input.grid().data_type || self.scaling.is_some() || self.reserved.is_some()
    }

    fn fill<T: Pixel, U: Pixel>(&self, band: usize, from: &[T], to: &mut [U], validity: Option<&[u8]>) {
        let is_opacity = self.grid.opacity() == Some(band);
        // What says which pixels are seen is no measurement.
        match self.scaling.filter(|_| !is_opacity) {
            Some(scaling) => {
                from.iter().zip(to.iter_mut()).for_each(|(from, to)| *to = U::from_f64(scaling.apply(from.to_f64())));
            }
            None => from.iter().zip(to.iter_mut()).for_each(|(from, to)| *to = cast(*from)),
        }
        if let Some(reserved) = self.reserved.and_then(Scalar::to_pixel::<U>)
            && !reserved.is_nan()
        {
            let other = neighbour(reserved);
            to.iter_mut().for_each(|value| {
                if *value == reserved {
                    *value = other;
                }
            });
        }
        if is_opacity {
            keep_seen(to, validity);
        }
    }
}

/// The nearest value of another type.
fn cast<T: Pixel, U: Pixel>(value: T) -> U {
    let wide = |data_type| matches!(data_type, DataType::UInt64 | DataType::Int64);
    if (wide(T::DATA_TYPE) || wide(U::DATA_TYPE)) && !T::DATA_TYPE.is_float() && !U::DATA_TYPE.is_float() {
        let exact = value.to_scalar();
        // Outside of its range a float serves as well: it ends at the same end.
        return U::from_scalar(exact).unwrap_or_else(|| U::from_f64(exact.as_f64()));
    }
    U::from_f64(value.to_f64())
}

/// Keeps the opacity of valid pixels off 0, which says that they have no value; all are valid if there is no plane.
pub(super) fn keep_seen<T: Pixel>(opacity: &mut [T], validity: Option<&[u8]>) {
    let zero = T::from_f64(0.0);
    let least = neighbour(zero);
    for (at, opacity) in opacity.iter_mut().enumerate() {
        if *opacity == zero && validity.is_none_or(|validity| validity[at] == 1) {
            *opacity = least;
        }
    }
}

/// The value next to a reserved one: above it, or below at the end of the range.
pub(super) fn neighbour<T: Pixel>(value: T) -> T {
    if T::DATA_TYPE.is_float() {
        let nearby = match T::DATA_TYPE {
            DataType::Float32 => f64::from((value.to_f64() as f32).next_up()),
            _ => value.to_f64().next_up(),
        };
        return T::from_f64(if nearby.is_finite() { nearby } else { value.to_f64().next_down() });
    }
    let Scalar::Int(whole) = value.to_scalar() else { return value };
    T::from_scalar(Scalar::Int(whole + 1)).or_else(|| T::from_scalar(Scalar::Int(whole - 1))).unwrap_or(value)
}

impl Raster for Convert {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        let made = if self.changes_values() { window } else { Window { rows: 0, ..window } };
        self.input.bytes_for(window, bands) + Tile::bytes_for(made, bands, self.grid.data_type, false)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let wanted: Vec<usize> = bands.iter().map(|band| self.bands[*band]).collect();
        let input = self.input.read(window, &wanted, lease)?;
        if !self.changes_values() {
            return Ok(input);
        }
        let mut tile = Tile::unwritten(window, bands.len(), self.grid.data_type, lease)?;
        for_data_type!(self.grid.data_type, U => {
            let to = tile.values_mut::<U>()?;
            let plane = (window.pixels() as usize).max(1);
            crate::for_values!(&input.values, from => {
                let planes = from.chunks_exact(plane).zip(to.chunks_exact_mut(plane));
                for (position, ((from, to), band)) in planes.zip(bands).enumerate() {
                    let validity = input.validity.as_deref().map(|validity| &validity[position * plane..][..plane]);
                    self.fill(*band, from, to, validity);
                }
            });
        });
        tile.validity = input.validity;
        // A NaN that becomes an integer says no more that it is none.
        let says_so = self.grid.data_type.is_float() || self.grid.has_mask || self.grid.opacity().is_some();
        tile.as_stored = input.as_stored && self.reserved.is_none() && self.scaling.is_none() && says_so;
        Ok(tile)
    }

    fn held_bytes(&self) -> Bytes {
        self.input.held_bytes()
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        self.input.decoded_pixels(window)
    }

    fn source_blocks(&self) -> Vec<Shape> {
        self.input.source_blocks()
    }
}
