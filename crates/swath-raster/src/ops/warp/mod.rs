//! A raster brought to another grid: another system, place, resolution.
//!
//! Where a pixel comes from depends on the output grid alone (see `lattice.rs`), so windows of any shape give the same
//! pixels. It deliberately has no blending at seams, no cutlines, and no heights.

mod area;
mod fill;
mod kernel;
mod lattice;
mod mapping;
mod near;
mod need;
mod outline;
mod pieces;
mod ratio;
mod resampling;
mod source;
mod suggest;
mod target;
mod tear;
#[cfg(test)]
mod tests;
mod weights;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Error, Lease, Result};

use crate::{DataType, Grid, Raster, Scalar, Shape, Tile, Window, all_valid};

use super::convert::nodata_of;
use fill::entries_for;
use kernel::Kernel;
use lattice::Lattice;
pub(crate) use mapping::Ways;
use mapping::{Columns, Mapping};
use need::{Extent, Reach, SourceWindow};
pub use resampling::Resampling;
pub(crate) use suggest::bounds_meeting;
pub use suggest::transformed_bounds;
pub use target::{WarpTarget, WarpWishes};
pub(crate) use target::{aligned, bounds_of};

/// The blocks of the output.
const BLOCK: Shape = Shape::new(512, 512);
/// What a read takes beside buffers: places of a row, lists of windows.
const SMALL: Bytes = Bytes(16 << 10);

/// How exact a warp is, and what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WarpOptions {
    /// How far places may be off where a cell is held against exact ones, in pixels of the input; 0.001 by default.
    pub error_pixels: f64,
    /// The type of computed values, which are rounded once; the input's if none. Copied ones stay in the input's.
    pub data_type: Option<DataType>,
    /// How it is said of computed values that there is none; as the input does if none.
    pub nodata: Option<Scalar>,
}

impl Default for WarpOptions {
    fn default() -> WarpOptions {
        WarpOptions { error_pixels: 0.001, data_type: None, nodata: None }
    }
}

/// A raster on another grid.
///
/// # Nodata
/// A pixel of a method with a kernel has a value if its centre lies in a pixel of the input that has one; of a method of
/// areas, if one of the pixels that it covers has one. The weights of pixels without a value go to the others. Type and
/// nodata value are the input's unless others are wished; floats without one have NaN, integers without one, or with NaN,
/// a mask. A computed value that would equal the nodata value takes its neighbour, unless a mask says which pixels have
/// one; so does the opacity of a pixel that has one, where that would be 0.
///
/// # CRS
/// Where the input is of longitudes, columns come round after 360°, and an input that goes all the way round has no edge
/// at the antimeridian. Pixels whose place does not exist in either system have no value.
pub struct Warp {
    input: Arc<dyn Raster>,
    grid: Grid,
    lattice: Lattice,
    resampling: Resampling,
    kernel: Kernel,
    reach: Reach,
    /// Pixels of the input under one of the output, along columns and rows.
    ratio: (f64, f64),
    /// Extents of squares of the output that were asked for, since the search for the best windows asks again and again.
    extents: Mutex<BTreeMap<(u32, u32), Option<Extent>>>,
}

impl Warp {
    /// The input on the grid of a target.
    ///
    /// # Errors
    /// [`Error::Usage`] where no way leads from one system to the other, pixels have no area, the type does not have
    /// the nodata value, or the options make no sense.
    pub fn new(
        input: Arc<dyn Raster>,
        target: &WarpTarget,
        resampling: Resampling,
        options: &WarpOptions,
    ) -> Result<Warp> {
        Warp::along(&mut Ways::default(), input, target, resampling, options)
    }

    /// As [`Warp::new`], by transformations that other rasters may share.
    pub(crate) fn along(
        ways: &mut Ways,
        input: Arc<dyn Raster>,
        target: &WarpTarget,
        resampling: Resampling,
        options: &WarpOptions,
    ) -> Result<Warp> {
        if !(options.error_pixels >= 0.0 && options.error_pixels.is_finite()) {
            return Err(Error::Usage {
                message: format!("places cannot be off by {} pixels", options.error_pixels),
                hint: "0.001 is usual; 0 computes every pixel".into(),
            });
        }
        if target.shape.pixels() == 0 {
            return Err(Error::Usage { message: "a grid without pixels".into(), hint: "a larger --bbox".into() });
        }
        let from = input.grid();
        target::placed(from)?;
        let mapping = Mapping::new(from, target.affine, target.crs.as_ref(), ways)?;
        let nodata = from.nodata.or_else(|| from.data_type.is_float().then_some(Scalar::Float(f64::NAN)));
        let (data_type, wished) = match resampling {
            Resampling::Near => (from.data_type, None),
            _ => (options.data_type.unwrap_or(from.data_type), options.nodata),
        };
        let has_mask = wished.is_none() && (from.has_mask || (nodata.is_none() && from.opacity().is_none()));
        let (nodata, needs_mask) = nodata_of(nodata, wished, data_type)?;
        let grid = Grid {
            data_type,
            shape: target.shape,
            affine: Some(target.affine),
            crs: target.crs.clone(),
            nodata,
            has_mask: has_mask || needs_mask,
            block: BLOCK,
            ..from.clone()
        };
        let grid = if wished.is_some() { grid.without_opacity() } else { grid };
        let ratio = mapping.ratio(target.shape);
        let kernel = Kernel::new(resampling, ratio);
        let reach = match resampling {
            Resampling::Near => Reach::Here,
            _ if resampling.is_of_areas() => Reach::Area,
            _ => kernel.reach(),
        };
        let lattice = Lattice { mapping, shape: target.shape, error_pixels: options.error_pixels };
        Ok(Warp { input, grid, lattice, resampling, kernel, reach, ratio, extents: Mutex::default() })
    }

    /// What of places is not as exact as it might be, in words.
    pub fn warning(&self) -> Option<String> {
        self.lattice.mapping.warning()
    }

    /// Pixels of the input under one of the output, along columns and rows.
    pub fn ratio(&self) -> (f64, f64) {
        self.ratio
    }

    /// Columns and rows of the input that its kernel wants on each side of a place; 0 for methods without one.
    pub fn halo(&self) -> (u32, u32) {
        match self.reach {
            Reach::Kernel(columns, rows) => (columns, rows),
            Reach::Here | Reach::Area => (0, 0),
        }
    }

    fn columns(&self) -> Columns {
        self.lattice.mapping.columns
    }

    /// What computing from a source window takes beside the output and the tile read.
    fn working_bytes(&self, source: &SourceWindow) -> Bytes {
        let pixels = source.shape.pixels();
        if self.resampling == Resampling::Near {
            return Bytes::ZERO;
        }
        let entries = if area::keeps_values(self.resampling) { entries_for(source) } else { 0 };
        source::held_bytes(self.input.grid().data_type, pixels)
            + Bytes::of::<f64>(self.kernel.weights())
            + Bytes::of::<area::Entry>(entries)
    }

    /// The value that no valid pixel of a band may have.
    fn reserved(&self, band: usize) -> Option<Scalar> {
        match self.grid.opacity() == Some(band) {
            true => Some(Scalar::Int(0)),
            // A mask says it of any value.
            false => self.grid.nodata.filter(|_| !self.grid.has_mask),
        }
    }

    /// Computes the pixels of a piece from those of its source window.
    fn fill(
        &self,
        (tile, bands): (&mut Tile, &[usize]),
        validity: &mut [u8],
        piece: Window,
        source: &SourceWindow,
        input: &Tile,
        lease: &Lease,
    ) -> Result<()> {
        if self.resampling == Resampling::Near {
            return near::fill(&self.lattice, tile, validity, piece, source, input);
        }
        for (band, of_grid) in bands.iter().enumerate() {
            let reserved = self.reserved(*of_grid);
            match source::is_single(self.input.grid().data_type) {
                true => self.fill_band::<f32>((tile, reserved), validity, piece, source, (input, band), lease)?,
                false => self.fill_band::<f64>((tile, reserved), validity, piece, source, (input, band), lease)?,
            }
        }
        Ok(())
    }
}

impl Raster for Warp {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        let tile = Tile::bytes_for(window, bands, self.grid.data_type, true);
        let mut most = Bytes::ZERO;
        self.pieces(window, &mut |_, source| {
            let (reading, held) = source::bytes_for(&*self.input, source, self.columns(), bands);
            most = most.max(reading).max(held + self.working_bytes(source));
            Ok(())
        })
        .unwrap_or_default();
        tile + most + SMALL
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        if bands.iter().any(|band| *band >= self.grid.bands.len()) {
            return Err(source::too_many_bands());
        }
        let mut tile = Tile::unwritten(window, bands.len(), self.grid.data_type, lease)?;
        tile.values.bytes_mut().fill(0);
        let mut validity = lease.buffer::<u8>(tile.values.len())?;
        self.pieces(window, &mut |piece, source| {
            let input = source::read(&self.input, source, self.columns(), bands, lease)?;
            self.fill((&mut tile, bands), &mut validity, piece, source, &input, lease)
        })?;
        tile.validity = (!all_valid(&validity)).then_some(validity);
        Ok(tile)
    }

    fn held_bytes(&self) -> Bytes {
        self.input.held_bytes() + pieces::places_bytes_max(self.grid.shape)
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        let mut pixels = 0;
        self.pieces(window, &mut |_, source| {
            pixels += source.runs(self.columns()).iter().map(|run| self.input.decoded_pixels(*run)).sum::<u64>();
            Ok(())
        })
        .unwrap_or_default();
        pixels
    }

    fn source_blocks(&self) -> Vec<Shape> {
        // They lie across this grid.
        Vec::new()
    }
}
