//! Slope, aspect, light and roughness from heights, each from a pixel and its eight neighbours.
//!
//! Formulas and borders are those of gdaldem, with three differences: on grids of degrees the size of a pixel is measured
//! on the ellipsoid at the latitude of each row; an aspect takes the shape of pixels and the direction of rows into
//! account; and all arithmetic is in 64-bit floats.

mod angle;
mod kinds;
mod options;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use swath_core::{Buffer, Bytes, Error, Lease, Result};
use swath_crs::Globe;

use crate::ops::results::{validate, write};
use crate::ops::ring::{Beyond, LANES, Reach, Ring, RowState};
use crate::{Affine, Band, DataType, Grid, Raster, Scalar, Shape, Tile, Window, for_values};
use kinds::{Heights, Kinds, Steps};
pub use options::{SlopeUnits, TerrainEdges, TerrainKind, TerrainMethod, TerrainOptions};

const REACH: Reach = Reach { rows: 1, columns: 1 };
/// Rows of scratch besides the ring: two slopes, results, and whether these have a value.
const ROWS: usize = 4;

/// A raster of what heights say.
pub struct Terrain {
    input: Arc<dyn Raster>,
    kinds: Kinds,
    affine: Affine,
    /// The shape of the earth, where coordinates are longitude and latitude.
    globe: Option<Globe>,
    extrapolates: bool,
    grid: Grid,
}

impl Terrain {
    /// The raster of a kind, each band by itself.
    ///
    /// # Units
    /// Heights times the z factor are in the unit of the coordinates. On a grid of longitude and latitude they are in
    /// metres, and so are the sizes of pixels: those of arcs on the grid's ellipsoid at the middle of each row. A raster
    /// without a place has pixels of 1 × 1 whose rows go south.
    ///
    /// # Nodata
    /// Floats of 32 bits with NaN for no value; a hillshade is of bytes from 1 to 255 with 0 for no value.
    ///
    /// # Errors
    /// [`Error::Usage`] for a grid that is turned, one of degrees without a place, a z factor of 0, and a light that is below the horizon or beyond the
    /// zenith.
    pub fn new(input: Arc<dyn Raster>, options: TerrainOptions) -> Result<Terrain> {
        let from = input.grid();
        if !(options.z_factor != 0.0 && options.z_factor.is_finite()) {
            return Err(usage(format!("a z factor of {}", options.z_factor), "a number that is not 0"));
        }
        if options.kind.is_shade() && !((0.0..=90.0).contains(&options.altitude) && options.azimuth.is_finite()) {
            return Err(usage(
                format!("light from {}° at {}° of altitude", options.azimuth, options.altitude),
                "an altitude from 0 to 90",
            ));
        }
        let affine = from.affine.unwrap_or(Affine::north_up(0.0, 0.0, 1.0, 1.0));
        if !affine.is_rectilinear() || affine.inverse().is_none() {
            return Err(usage(
                "slopes need a grid whose rows go east or west, and this one is turned".into(),
                "warp it to a grid that is not",
            ));
        }
        let globe = match &from.crs {
            Some(crs) if crs.is_geographic() => {
                if from.affine.is_none() {
                    return Err(usage(
                        "slopes on a grid of degrees need its place, and the raster has none".into(),
                        "a world file beside it, or a geotransform in it, says where it lies",
                    ));
                }
                let refuse = |error: swath_crs::CrsError| usage(error.to_string(), error.hint());
                Some(crs.globe().map_err(refuse)?)
            }
            _ => None,
        };
        let (data_type, nodata) = match options.kind.is_shade() {
            true => (DataType::UInt8, Scalar::Int(0)),
            false => (DataType::Float32, Scalar::Float(f64::NAN)),
        };
        let described = |band: &Band| Band { description: band.description.clone(), ..Band::default() };
        let grid = Grid {
            data_type,
            nodata: Some(nodata),
            has_mask: false,
            bands: from.bands.iter().map(described).collect(),
            ..from.clone()
        };
        // A line has no slope across it, whatever stands beyond.
        let extrapolates = options.edges == TerrainEdges::Extrapolate && grid.shape.rows.min(grid.shape.columns) > 1;
        Ok(Terrain { kinds: Kinds::new(options), affine, globe, extrapolates, grid, input })
    }

    /// The same in 64-bit floats, where it is in 32-bit ones.
    #[must_use]
    pub fn precise(self) -> Terrain {
        Terrain { grid: self.grid.precise(), ..self }
    }

    /// Size of the pixels of a row.
    fn steps(&self, row: u32) -> Steps {
        let (_, y) = self.affine.apply(0.0, f64::from(row) + 0.5);
        let (along_x, along_y) = self.globe.map_or((1.0, 1.0), |globe| globe.metres_per_unit(y));
        Steps { east: self.affine.a * along_x, north: -self.affine.e * along_y }
    }

    fn compute(&self, input: &Tile, window: Window, lease: &Lease) -> Result<Tile> {
        let mut tile = Tile::unwritten(window, input.bands, self.grid.data_type, lease)?;
        let mut validity = lease.buffer_unzeroed::<u8>(tile.values.len())?;
        let ring = Ring::new(REACH, Beyond::Nothing, window, self.grid.shape, lease)?;
        let row = || lease.buffer::<f64>(Ring::stride(REACH, window.columns));
        let mut strip = Strip { terrain: self, window, ring, rows: [row()?, row()?, row()?, row()?] };
        let columns = window.columns as usize;
        let mut all_valid = true;
        let places = (0..input.bands).flat_map(|band| (window.row..window.end_row()).map(move |row| (band, row)));
        for ((band, row), valid) in places.zip(validity.chunks_exact_mut(columns)) {
            let (results, presence) = strip.compute(row, input, band);
            let start = (band * window.rows as usize + (row - window.row) as usize) * columns;
            let range = start..start + columns;
            for_values!(&mut tile.values, buffer => write(results, &mut buffer[range]));
            all_valid &= validate(&results[..columns], presence, valid);
        }
        tile.validity = (!all_valid).then_some(validity);
        Ok(tile)
    }
}

/// The rows of a band as they are computed.
struct Strip<'a> {
    terrain: &'a Terrain,
    window: Window,
    ring: Ring,
    rows: [Buffer<f64>; ROWS],
}

impl Strip<'_> {
    fn bytes_for(columns: u32) -> Bytes {
        Ring::bytes_for(REACH, columns) + Bytes::of::<f64>(ROWS * Ring::stride(REACH, columns))
    }

    /// Results of a row, and where not all have a value, 1 for those that have.
    fn compute(&mut self, row: u32, tile: &Tile, band: usize) -> (&[f64], Option<&[f64]>) {
        self.ring.advance(row, tile, band, 0.0);
        if self.terrain.extrapolates {
            self.extrapolate(row);
        }
        let columns = self.window.columns as usize;
        let length = columns.next_multiple_of(LANES);
        let steps = self.terrain.steps(row);
        let starts = [-1, 0, 1].map(|below| self.ring.start(i64::from(row) + below));
        let full = [-1, 0, 1].iter().all(|below| self.ring.state(i64::from(row) + below) == RowState::Full);
        let [east, north, out, present] = &mut self.rows;
        let (east, north, out, present) =
            (&mut east[..length], &mut north[..length], &mut out[..length], &mut present[..length]);
        let [above, middle, below] = starts.map(|start| &self.ring.values[start..]);
        self.terrain.kinds.row(Heights { above, middle, below }, steps, east, north, out);
        let presence = starts.map(|start| &self.ring.presence[start..]);
        let sides = !self.terrain.extrapolates
            && (self.window.column == 0 || self.window.end_column() == self.terrain.grid.shape.columns);
        if full && !sides {
            return (out, None);
        }
        for (column, present) in present[..columns].iter_mut().enumerate() {
            *present = presence.iter().map(|row| row[column] * row[column + 1] * row[column + 2]).product();
        }
        if self.terrain.extrapolates {
            let values = [above, middle, below];
            for column in (0..columns).filter(|column| presence[1][column + 1] == 1.0) {
                if present[column] == 0.0 {
                    out[column] = self.terrain.beside_gaps(values, presence, column, steps);
                    present[column] = 1.0;
                }
            }
        }
        (out, Some(present))
    }

    /// Puts in the ring what stands beyond the border for the pixels of a row.
    fn extrapolate(&mut self, row: u32) {
        let shape = self.terrain.grid.shape;
        let width = self.window.columns as usize + 2;
        let own = i64::from(row);
        let is_outermost = row == 0 || row + 1 == shape.rows;
        for (is_last, outside, inside) in [(row == 0, own - 1, own + 1), (row + 1 == shape.rows, own + 1, own - 1)] {
            if is_last {
                let [to, near, far] = [outside, own, inside].map(|row| self.ring.start(row));
                (0..width).for_each(|column| self.ring.go_on(to + column, near + column, far + column));
                self.ring.settle(outside, own, inside);
            }
        }
        for below in [-1, 0, 1] {
            let start = self.ring.start(own + below);
            // In the outermost rows the nearest column is repeated.
            let far = |near: usize, step: usize| if is_outermost { near } else { step };
            if self.window.column == 0 {
                self.ring.go_on(start, start + 1, far(start + 1, start + 2));
            }
            if self.window.end_column() == shape.columns {
                let last = start + width - 1;
                self.ring.go_on(last, last - 1, far(last - 1, last - 2));
            }
        }
    }
}

impl Terrain {
    /// The result of a pixel with the height of the centre for neighbours that have none.
    fn beside_gaps(&self, values: [&[f64]; 3], presence: [&[f64]; 3], column: usize, steps: Steps) -> f64 {
        let centre = values[1][column + 1];
        let mut rows = [[centre; LANES + 2]; 3];
        for ((to, values), presence) in rows.iter_mut().zip(values).zip(presence) {
            for (place, to) in to[..3].iter_mut().enumerate() {
                let at = column + place;
                *to = if presence[at] == 1.0 { values[at] } else { centre };
            }
        }
        let (mut east, mut north, mut out) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        let heights = Heights { above: &rows[0], middle: &rows[1], below: &rows[2] };
        self.kinds.row(heights, steps, &mut east, &mut north, &mut out);
        out[0]
    }
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage { message, hint: hint.into() }
}

impl Raster for Terrain {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        let grown = REACH.grow(window, self.grid.shape);
        let held = Tile::bytes_for(grown, bands, self.input.grid().data_type, true);
        let output = Tile::bytes_for(window, bands, self.grid.data_type, true);
        self.input.bytes_for(grown, bands).max(held + Strip::bytes_for(window.columns) + output)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let input = self.input.read(REACH.grow(window, self.grid.shape), bands, lease)?;
        self.compute(&input, window, lease)
    }

    fn held_bytes(&self) -> Bytes {
        self.input.held_bytes()
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        self.input.decoded_pixels(REACH.grow(window, self.grid.shape))
    }

    fn source_blocks(&self) -> Vec<Shape> {
        self.input.source_blocks()
    }
}
