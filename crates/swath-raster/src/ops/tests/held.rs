//! What the tests of operators share: a raster that holds its values, and what is asked of every raster.

use std::sync::Arc;

use swath_core::{Budget, Bytes, Error, Lease, Stop};

use crate::{Affine, Band, DataType, Grid, Raster, Scalar, Shape, Tile, Window, for_data_type, for_values};

pub(in crate::ops) fn lease() -> Lease {
    Budget::new(Bytes(64 << 20)).lease(Bytes(32 << 20), &Stop::new()).expect("memory")
}

/// A raster that holds its values; NaN stands for none.
pub(in crate::ops) struct Held {
    grid: Grid,
    values: Vec<Scalar>,
}

impl Held {
    /// 64-bit floats in a place of its own.
    pub(in crate::ops) fn of(shape: Shape, bands: usize, values: &[f64]) -> Arc<dyn Raster> {
        let grid = Held::grid(shape, bands, DataType::Float64, Affine::north_up(0.0, 0.0, 1.0, 1.0), None);
        Held::with(grid, values.iter().copied().map(Scalar::Float).collect())
    }

    /// The values, in the type of the grid.
    pub(in crate::ops) fn with(grid: Grid, values: Vec<Scalar>) -> Arc<dyn Raster> {
        assert_eq!(values.len() as u64, grid.shape.pixels() * grid.bands.len() as u64);
        Arc::new(Held { grid, values })
    }

    /// A raster whose values follow from column and row, with no value where that is NaN.
    pub(in crate::ops) fn by(grid: Grid, value: impl Fn(u32, u32) -> f64) -> Arc<dyn Raster> {
        let shape = grid.shape;
        let band = (0..shape.rows).flat_map(|row| (0..shape.columns).map(move |column| (column, row)));
        let values: Vec<Scalar> = band.map(|(column, row)| Scalar::Float(value(column, row))).collect();
        let values = (0..grid.bands.len()).flat_map(|_| values.iter().copied()).collect();
        Held::with(grid, values)
    }

    /// A grid in the system of an EPSG code.
    pub(in crate::ops) fn grid(
        shape: Shape,
        bands: usize,
        data_type: DataType,
        affine: Affine,
        epsg: Option<u32>,
    ) -> Grid {
        let crs = epsg.map(|code| Arc::new(swath_crs::Crs::from_epsg(code).expect("a code")));
        let bands = vec![Band::default(); bands].into();
        let block = Shape::new(16, 16);
        Grid { shape, affine: Some(affine), crs, data_type, nodata: None, has_mask: false, block, bands }
    }

    /// 64-bit floats in a place.
    pub(in crate::ops) fn placed(
        shape: Shape,
        bands: usize,
        values: &[f64],
        affine: Affine,
        crs: Option<Arc<swath_crs::Crs>>,
    ) -> Arc<dyn Raster> {
        let grid = Grid { crs, ..Held::grid(shape, bands, DataType::Float64, affine, None) };
        Held::with(grid, values.iter().copied().map(Scalar::Float).collect())
    }
}

impl Raster for Held {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        Tile::bytes_for(window, bands, self.grid.data_type, true)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> swath_core::Result<Tile> {
        let shape = self.grid.shape;
        assert!(shape.whole().contains(window) && !window.is_empty(), "{window:?} of {shape:?}");
        let mut tile = Tile::unwritten(window, bands.len(), self.grid.data_type, lease)?;
        let pixels = bands.iter().flat_map(|band| {
            (window.row..window.end_row()).flat_map(move |row| {
                (window.column..window.end_column())
                    .map(move |column| *band * shape.pixels() as usize + (row * shape.columns + column) as usize)
            })
        });
        let pixels: Vec<Scalar> = pixels.map(|at| self.values[at]).collect();
        for_data_type!(self.grid.data_type, T => {
            let pixel = |value: &Scalar| match value {
                Scalar::Int(_) => <T as crate::Pixel>::from_scalar(*value).expect("a value of the type"),
                Scalar::Float(value) => crate::Pixel::from_f64(*value),
            };
            tile.values_mut::<T>()?.iter_mut().zip(&pixels).for_each(|(to, value)| *to = pixel(value));
        });
        if pixels.iter().any(|pixel| pixel.as_f64().is_nan()) {
            let validity = tile.validity_mut(lease)?;
            validity.iter_mut().zip(&pixels).for_each(|(valid, pixel)| *valid = u8::from(!pixel.as_f64().is_nan()));
        }
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

/// All pixels as floats, with NaN for those without a value.
pub(in crate::ops) fn pixels(raster: &dyn Raster, window: Window) -> Vec<f64> {
    let bands: Vec<usize> = (0..raster.grid().bands.len()).collect();
    let tile = raster.read(window, &bands, &lease()).expect("pixels");
    assert_eq!(tile.values.data_type(), raster.grid().data_type);
    let values: Vec<f64> = for_values!(&tile.values, buffer => {
        buffer.iter().map(|value| crate::Pixel::to_f64(*value)).collect()
    });
    match &tile.validity {
        None => values,
        Some(validity) => values
            .iter()
            .zip(validity.iter())
            .map(|(value, valid)| if *valid == 1 { *value } else { f64::NAN })
            .collect(),
    }
}

#[track_caller]
pub(in crate::ops) fn assert_pixels(raster: &dyn Raster, wanted: &[f64]) {
    let got = pixels(raster, raster.grid().shape.whole());
    let same = got.len() == wanted.len() && got.iter().zip(wanted).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
    assert!(same, "wanted {wanted:?}\n   got {got:?}");
}

/// Windows of a raster, whole and in parts, have the same pixels.
#[track_caller]
pub(in crate::ops) fn assert_same_in_windows(raster: &dyn Raster, windows: &[Window]) {
    let grid = raster.grid().shape;
    let whole = pixels(raster, grid.whole());
    for window in windows {
        let part = pixels(raster, *window);
        let mut at = part.iter();
        for band in 0..raster.grid().bands.len() as u32 {
            for row in window.row..window.end_row() {
                for column in window.column..window.end_column() {
                    let wanted = whole[((band * grid.rows + row) * grid.columns + column) as usize];
                    let got = *at.next().expect("a pixel");
                    assert!(wanted.to_bits() == got.to_bits(), "{window:?} at {row}, {column}: {wanted} and {got}");
                }
            }
        }
    }
}

/// A window takes no more than it was said to take, and not far less.
#[track_caller]
pub(in crate::ops) fn assert_bound(raster: &dyn Raster, window: Window, least_percent: u64) {
    let bands: Vec<usize> = (0..raster.grid().bands.len()).collect();
    let most = raster.bytes_for(window, bands.len());
    let lease = Budget::new(most).lease(most, &Stop::new()).expect("memory");
    raster.read(window, &bands, &lease).expect("it fits");
    let less = most.percent(least_percent);
    let lease = Budget::new(less).lease(less, &Stop::new()).expect("memory");
    let read = raster.read(window, &bands, &lease);
    assert!(matches!(read, Err(Error::Pressure { .. })), "the bound is far too high");
}

/// Windows at all edges give the pixels of the whole.
#[track_caller]
pub(in crate::ops) fn assert_windows_agree(raster: &dyn Raster) {
    let Shape { rows, columns } = raster.grid().shape;
    let windows = [
        Window::new(0, 0, 1, 1),
        Window::new(7, 11, 31, 99),
        Window::new(rows - 1, 0, 1, columns),
        Window::new(0, columns - 1, rows, 1),
        Window::new(rows - 45, columns - 20, 45, 20),
    ];
    assert_same_in_windows(raster, &windows);
}

/// The bound of a window holds, and is not far too high.
#[track_caller]
pub(in crate::ops) fn assert_bounded(raster: &dyn Raster) {
    assert_bound(raster, Window::new(3, 5, 200, 77), 60);
}
