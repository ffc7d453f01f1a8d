//! A raster that is computed from nothing: hills, fields and gaps for load tests, the same on every machine.
//!
//! Each pixel follows from its place and the seed alone, by whole numbers and exact steps of 64-bit floats.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Error, Lease, Result};
use swath_crs::Crs;

use crate::{Affine, Band, DataType, Grid, Pixel, Raster, Scalar, Shape, Tile, Window, for_data_type};

/// Sizes of features in pixels, and how much each adds to the value.
const OCTAVES: [(u32, f64); 6] = [(2048, 0.5), (512, 0.25), (128, 0.125), (32, 0.0625), (8, 0.03), (1, 0.02)];

/// What is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Synthesis {
    /// Rows and columns.
    pub shape: Shape,
    /// How many bands.
    pub bands: usize,
    /// Type of the pixels.
    pub data_type: DataType,
    /// Chooses among endlessly many rasters of a kind.
    pub seed: u64,
    /// Share of pixels without a value, in patches, 0 to 1: about so many of a raster of thousands of pixels each way.
    pub missing: f64,
    /// Size of a pixel in metres.
    pub resolution_m: f64,
}

/// A raster that is computed from nothing.
pub struct Synth {
    synthesis: Synthesis,
    grid: Grid,
    scale: f64,
    /// Where the noise of the gaps is less, there is no value.
    gaps_below: f64,
}

/// Shares of value noise that are less than each fortieth from 0 to 1/2; the upper half mirrors them. Of 480 million random
/// squares.
const NOISE_SHARES: [f64; 21] = [
    0.0, 0.000266, 0.001671, 0.00491, 0.010494, 0.018804, 0.03014, 0.044695, 0.062599, 0.083881, 0.108551, 0.136539,
    0.16772, 0.201924, 0.238878, 0.278371, 0.319941, 0.363337, 0.408081, 0.453805, 0.5,
];

/// The value that a share of value noise is less than.
fn noise_quantile(share: f64) -> f64 {
    if share > 0.5 {
        return 1.0 - noise_quantile(1.0 - share);
    }
    let next = NOISE_SHARES.partition_point(|less| *less < share).clamp(1, NOISE_SHARES.len() - 1);
    let (before, after) = (NOISE_SHARES[next - 1], NOISE_SHARES[next]);
    ((next - 1) as f64 + (share - before) / (after - before)) / 40.0
}

impl Synth {
    /// A raster in the zone 32 of UTM whose values lie between 0 and 100 (8 bits), 10,000 (16 bits and whole numbers)
    /// or 4,000 (floats).
    ///
    /// # Errors
    /// [`Error::Usage`] for a raster without pixels, or a share that is none.
    pub fn new(synthesis: Synthesis) -> Result<Synth> {
        let refuse = |message: &str, hint: &str| Err(Error::Usage { message: message.into(), hint: hint.into() });
        if synthesis.shape.pixels() == 0 || synthesis.bands == 0 {
            return refuse("a raster without pixels", "--size 10980x10980 and --bands 1 or more");
        }
        if !(0.0..=1.0).contains(&synthesis.missing) {
            return refuse("a share of missing pixels that is no share", "a number from 0 to 1");
        }
        if !(synthesis.resolution_m > 0.0 && synthesis.resolution_m.is_finite()) {
            return refuse("a pixel without a size", "--res 10 makes pixels of ten metres");
        }
        let crs = Crs::from_epsg(32_632).map_err(|error| Error::unexpected(error.to_string()))?;
        let (nodata, scale) = match synthesis.data_type {
            DataType::UInt8 => (Scalar::Int(255), 100.0),
            DataType::Int8 => (Scalar::Int(-128), 100.0),
            DataType::Float32 | DataType::Float64 => (Scalar::Int(-9999), 4_000.0),
            DataType::UInt16 | DataType::UInt32 | DataType::UInt64 => (Scalar::Int(0), 10_000.0),
            DataType::Int16 | DataType::Int32 | DataType::Int64 => (Scalar::Int(-9999), 10_000.0),
        };
        let resolution = synthesis.resolution_m;
        let grid = Grid {
            shape: synthesis.shape,
            affine: Some(Affine::north_up(399_960.0, 5_300_040.0, resolution, resolution)),
            crs: Some(Arc::new(crs)),
            data_type: synthesis.data_type,
            nodata: Some(nodata),
            has_mask: false,
            block: Shape::new(512, 512),
            bands: vec![Band::default(); synthesis.bands].into(),
        };
        let gaps_below = noise_quantile(synthesis.missing);
        Ok(Synth { synthesis, grid, scale, gaps_below })
    }

    fn fill<T: Pixel>(&self, window: Window, bands: &[usize], values: &mut [T], validity: &mut [u8]) -> bool {
        let columns = window.columns as usize;
        let mut all_valid = true;
        for (position, band) in bands.iter().enumerate() {
            let seed = mix(self.synthesis.seed ^ mix(*band as u64 + 1));
            for row in 0..window.rows {
                let start = (position * window.rows as usize + row as usize) * columns;
                let row = window.row + row;
                let mut noise = OCTAVES.map(|(size, share)| RowOfNoise::new(seed, size, share, row, window.column));
                let mut gaps = RowOfNoise::new(self.synthesis.seed ^ 0x6a70, 48, 1.0, row, window.column);
                let line = values[start..start + columns].iter_mut().zip(&mut validity[start..start + columns]);
                for (value, valid) in line {
                    let sum: f64 = noise.iter_mut().map(RowOfNoise::next).fold(0.0, |sum, part| sum + part);
                    let has_value = gaps.next() >= self.gaps_below;
                    // 1 keeps whole numbers off the nodata value of those that have 0 for it.
                    *value = T::from_f64(1.0 + sum * self.scale);
                    *valid = u8::from(has_value);
                    all_valid &= has_value;
                }
            }
        }
        all_valid
    }
}

impl Raster for Synth {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        Tile::bytes_for(window, bands, self.grid.data_type, true)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        let mut tile = Tile::unwritten(window, bands.len(), self.grid.data_type, lease)?;
        let mut validity = lease.buffer_unzeroed::<u8>(tile.values.len())?;
        let all_valid = for_data_type!(self.grid.data_type, T => {
            self.fill::<T>(window, bands, tile.values_mut::<T>()?, &mut validity)
        });
        tile.validity = (!all_valid).then_some(validity);
        Ok(tile)
    }

    fn held_bytes(&self) -> Bytes {
        Bytes::ZERO
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        window.pixels()
    }

    fn source_blocks(&self) -> Vec<Shape> {
        vec![self.grid.block]
    }
}

/// Value noise along a row: values at the corners of squares, and straight lines between them.
struct RowOfNoise {
    seed: u64,
    size: u32,
    share: f64,
    row: u32,
    column: u32,
    /// At the left and the right border of the square, in this row.
    left: f64,
    right: f64,
}

impl RowOfNoise {
    fn new(seed: u64, size: u32, share: f64, row: u32, column: u32) -> RowOfNoise {
        let mut noise = RowOfNoise { seed: seed ^ u64::from(size), size, share, row, column, left: 0.0, right: 0.0 };
        noise.enter();
        noise
    }

    /// Looks up the corners of the square that the column lies in.
    fn enter(&mut self) {
        let (square_row, square_column) = (self.row / self.size, self.column / self.size);
        let down = f64::from(self.row % self.size) / f64::from(self.size);
        let corner = |row: u32, column: u32| {
            let bits = mix(self.seed ^ (u64::from(row) << 32 | u64::from(column)));
            // The upper 53 bits as a fraction.
            (bits >> 11) as f64 / (1u64 << 53) as f64
        };
        let border = |column: u32| {
            let (above, below) = (corner(square_row, column), corner(square_row + 1, column));
            above + (below - above) * down
        };
        self.left = border(square_column);
        self.right = border(square_column + 1);
    }

    /// The value of this column, 0 to the share; the next call is for the next one.
    fn next(&mut self) -> f64 {
        let along = self.column % self.size;
        let value = self.left + (self.right - self.left) * (f64::from(along) / f64::from(self.size));
        self.column += 1;
        if along + 1 == self.size {
            self.enter();
        }
        value * self.share
    }
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
fn mix(mut bits: u64) -> u64 {
    bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
