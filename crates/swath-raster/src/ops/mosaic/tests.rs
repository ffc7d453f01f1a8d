//! Mosaics by hand, and in windows of any shape.

mod opacity;
mod turns;
mod types;

use std::sync::Arc;

use swath_core::Error;

use super::*;
use crate::Affine;
use crate::ops::Resampling;
use crate::ops::tests::held::{Held, assert_bound, assert_pixels, assert_same_in_windows, pixels};

const NAN: f64 = f64::NAN;

fn held(column: f64, data_type: DataType, nodata: Option<Scalar>, values: &[f64]) -> Arc<dyn Raster> {
    let affine = Affine::north_up(column, 0.0, 1.0, 1.0);
    let grid = Held::grid(Shape::new(1, values.len() as u32), 1, data_type, affine, None);
    Held::with(Grid { nodata, ..grid }, values.iter().copied().map(Scalar::Float).collect())
}

fn options(method: MosaicMethod) -> MosaicOptions {
    MosaicOptions { method, ..MosaicOptions::default() }
}

fn mosaic(inputs: Vec<Arc<dyn Raster>>, options: &MosaicOptions) -> Result<Mosaic> {
    let named = |(number, raster)| MosaicInput { what: format!("input {number}"), raster };
    Mosaic::new(inputs.into_iter().enumerate().map(named).collect(), options)
}

/// The same places in two systems differ by a little, which is no column of its own.
#[test]
fn a_sliver_is_no_column() {
    for (off, columns) in [(0.0, 4), (1e-6, 4), (0.009, 4), (-0.009, 4), (0.02, 5), (-0.02, 5)] {
        let inputs =
            vec![held(10.0, DataType::Int16, None, &[1.0; 4]), held(10.0 + off, DataType::Int16, None, &[2.0; 4])];
        let raster = mosaic(inputs, &options(MosaicMethod::First)).expect("a mosaic");
        assert_eq!(raster.grid().shape.columns, columns, "{off} pixels off");
    }
}

#[test]
fn methods() {
    let inputs = || {
        vec![
            held(10.0, DataType::Int16, Some(Scalar::Int(-1)), &[1.0, NAN, 3.0, 4.0]),
            held(12.0, DataType::Int16, Some(Scalar::Int(-1)), &[30.0, NAN, 5.0]),
            held(8.0, DataType::Int16, Some(Scalar::Int(-1)), &[7.0, NAN, 9.0, NAN, 0.0]),
        ]
    };
    let check = |method, wanted: &[f64]| {
        let raster = mosaic(inputs(), &options(method)).expect("a mosaic");
        assert_eq!(raster.grid().affine.expect("a place").c, 8.0);
        assert_pixels(&raster, wanted);
    };
    check(MosaicMethod::First, &[7.0, NAN, 1.0, NAN, 3.0, 4.0, 5.0]);
    check(MosaicMethod::Last, &[7.0, NAN, 9.0, NAN, 0.0, 4.0, 5.0]);
    check(MosaicMethod::Min, &[7.0, NAN, 1.0, NAN, 0.0, 4.0, 5.0]);
    check(MosaicMethod::Max, &[7.0, NAN, 9.0, NAN, 30.0, 4.0, 5.0]);
    check(MosaicMethod::Mean, &[7.0, NAN, 5.0, NAN, 11.0, 4.0, 5.0]);
    check(MosaicMethod::Count, &[1.0, NAN, 2.0, NAN, 3.0, 1.0, 1.0]);
    for method in MosaicMethod::ALL {
        assert_eq!(MosaicMethod::parse(method.name()).expect("a word"), method);
        let json = serde_json::to_string(&options(method)).expect("JSON");
        assert_eq!(serde_json::from_str::<MosaicOptions>(&json).expect("options"), options(method));
    }
    assert!(MosaicMethod::parse("best").is_err());
}

#[test]
fn types_and_nodata() {
    let bytes = || held(0.0, DataType::UInt8, Some(Scalar::Int(0)), &[5.0, NAN, 255.0]);
    let check = |inputs: Vec<Arc<dyn Raster>>, data_type, nodata: Option<Scalar>, wanted: &[f64]| {
        let raster = mosaic(inputs, &options(MosaicMethod::Last)).expect("a mosaic");
        let grid = raster.grid();
        let same = match (grid.nodata, nodata) {
            (Some(one), Some(two)) => one == two || (one.as_f64().is_nan() && two.as_f64().is_nan()),
            (one, two) => one == two,
        };
        assert!(grid.data_type == data_type && same, "{} with {:?}", grid.data_type, grid.nodata);
        assert_pixels(&raster, wanted);
    };
    let zero = Some(Scalar::Int(0));
    check(vec![bytes()], DataType::UInt8, zero, &[5.0, NAN, 255.0]);
    // The other one has a valid 0, which must not become a gap.
    let signed = held(2.0, DataType::Int8, None, &[-3.0, 0.0]);
    check(vec![bytes(), signed], DataType::Int16, zero, &[5.0, NAN, -3.0, 1.0]);
    let float = held(3.0, DataType::Float32, None, &[0.5, NAN]);
    check(vec![float, bytes()], DataType::Float32, zero, &[5.0, NAN, 255.0, 0.5, NAN]);
    let float = held(3.0, DataType::Float64, None, &[0.5, NAN]);
    check(vec![float], DataType::Float64, Some(Scalar::Float(NAN)), &[0.5, NAN]);
    let plain = held(0.0, DataType::UInt8, None, &[1.0, 2.0]);
    let apart = held(4.0, DataType::UInt8, None, &[3.0]);
    let raster = mosaic(vec![plain, apart], &options(MosaicMethod::First)).expect("a mosaic");
    assert!(raster.grid().has_mask && raster.grid().nodata.is_none());
    assert_pixels(&raster, &[1.0, 2.0, NAN, NAN, 3.0]);
    let wished = MosaicOptions { nodata: Some(Scalar::Int(300)), ..MosaicOptions::default() };
    assert!(matches!(mosaic(vec![bytes()], &wished), Err(Error::Usage { .. })));
    assert!(matches!(mosaic(Vec::new(), &MosaicOptions::default()), Err(Error::Usage { .. })));
}

/// A number stands for one value in all of the mosaic.
#[test]
fn inputs_of_other_scales_are_refused() {
    let scaled = |column: f64, scale: Option<f64>| {
        let mut grid = held(column, DataType::UInt16, None, &[0.0]).grid().clone();
        Arc::make_mut(&mut grid.bands)[0].scale = scale;
        Held::with(grid, vec![Scalar::Int(7)])
    };
    for (others, fits) in [(Some(0.0001), true), (None, false), (Some(1.0), false)] {
        let made = mosaic(vec![scaled(0.0, Some(0.0001)), scaled(1.0, others)], &options(MosaicMethod::Last));
        match made {
            Ok(made) => assert!(fits && made.grid().bands[0].scale == Some(0.0001)),
            Err(error) => assert!(!fits && error.to_string().contains("input 1"), "{error}"),
        }
    }
    assert!(mosaic(vec![scaled(0.0, Some(1.0)), scaled(1.0, None)], &options(MosaicMethod::Last)).is_ok());
}

/// Of inputs with a mask and with nodata only one can say what has no value, for every pixel.
#[test]
fn a_mask_beside_nodata() {
    let masked = {
        let grid = held(2.0, DataType::UInt8, None, &[0.0]).grid().clone();
        Held::with(Grid { has_mask: true, ..grid }, vec![Scalar::Int(0)])
    };
    let bytes = held(0.0, DataType::UInt8, Some(Scalar::Int(0)), &[5.0, NAN]);
    let raster = mosaic(vec![bytes, masked], &options(MosaicMethod::Last)).expect("a mosaic");
    assert_eq!((raster.grid().has_mask, raster.grid().nodata), (false, Some(Scalar::Int(0))));
    // The valid 0 must not become a gap.
    assert_pixels(&raster, &[5.0, NAN, 1.0]);
}

#[test]
fn grids() {
    let inputs = |off: f64| {
        vec![
            held(0.0, DataType::Float64, None, &[0.0, 1.0, 2.0, 3.0]),
            held(4.0 + off, DataType::Float64, None, &[4.0, 5.0]),
            held(6.25, DataType::Float64, None, &[10.0, 20.0, 30.0]),
        ]
    };
    // A hair off the grid counts as on it.
    let raster = mosaic(inputs(0.0005), &MosaicOptions::default()).expect("a mosaic");
    assert_eq!(raster.grid().shape, Shape::new(1, 10));
    assert_pixels(&raster, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0, 30.0, NAN]);
    let linear = MosaicOptions { resampling: Resampling::Bilinear, ..MosaicOptions::default() };
    let raster = mosaic(inputs(0.0), &linear).expect("a mosaic");
    assert_pixels(&raster, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 17.5, 27.5, NAN]);
    let boxed = MosaicOptions { bounds: Some((2.0, -1.0, 5.0, 0.0)), ..MosaicOptions::default() };
    assert_pixels(&mosaic(inputs(0.0), &boxed).expect("a mosaic"), &[2.0, 3.0, 4.0]);
    let coarse = MosaicOptions {
        resolution: Some((2.0, 1.0)),
        is_aligned: true,
        resampling: Resampling::Average,
        ..MosaicOptions::default()
    };
    // The third input begins in the middle of a pixel of the mosaic.
    let wanted = [0.5, 2.5, 4.5, (10.0 + 0.75 * 20.0) / 1.75, (0.25 * 20.0 + 30.0) / 1.25];
    assert_pixels(&mosaic(inputs(0.0), &coarse).expect("a mosaic"), &wanted);
}

#[test]
fn mixed_systems_in_windows_of_any_shape() {
    let grid = |affine, code, data_type| Held::grid(Shape::new(70, 90), 2, data_type, affine, Some(code));
    let hills = |grid: Grid, base: f64| {
        Held::by(grid, move |column, row| {
            if (column / 9 + row / 7) % 5 == 0 { NAN } else { base + f64::from(column) + f64::from(row) * 0.5 }
        })
    };
    let inputs = || {
        vec![
            hills(grid(Affine::north_up(400_000.0, 5_300_000.0, 10.0, 10.0), 32_632, DataType::Int16), 100.0),
            hills(grid(Affine::north_up(400_500.0, 5_299_700.0, 10.0, 10.0), 32_632, DataType::UInt8), 10.0),
            hills(grid(Affine::north_up(7.66, 47.85, 0.0001, 0.0001), 4326, DataType::UInt16), 1000.0),
        ]
    };
    for method in MosaicMethod::ALL {
        let wished = MosaicOptions { method, resampling: Resampling::Bilinear, ..MosaicOptions::default() };
        let raster = mosaic(inputs(), &wished).expect("a mosaic");
        let shape = raster.grid().shape;
        let windows = [
            Window::new(0, 0, 1, 1),
            Window::new(7, 11, 31, 39),
            Window::new(shape.rows - 1, 0, 1, shape.columns),
            Window::new(20, 30, shape.rows - 20, 20),
        ];
        assert_same_in_windows(&raster, &windows);
        assert_bound(&raster, shape.whole(), 50);
        assert_bound(&raster, Window::new(7, 11, 31, 39), 30);
    }
}

/// Of a thousand inputs a window reads only those that it meets.
#[test]
fn windows_touch_few_inputs() {
    let inputs: Vec<Arc<dyn Raster>> = (0..1000)
        .map(|number| {
            let affine = Affine::north_up(f64::from(number % 40) * 5.0, -f64::from(number / 40) * 4.0, 1.0, 1.0);
            let grid = Held::grid(Shape::new(5, 6), 1, DataType::UInt16, affine, None);
            Held::by(grid, move |_, _| f64::from(number))
        })
        .collect();
    let raster = mosaic(inputs, &options(MosaicMethod::Last)).expect("a mosaic");
    assert_eq!(raster.grid().shape, Shape::new(101, 201));
    assert_eq!(raster.meeting(Window::new(0, 0, 1, 1)).len(), 1);
    assert_eq!(raster.meeting(Window::new(50, 100, 2, 2)).len(), 2);
    let values = pixels(&raster, raster.grid().shape.whole());
    for (at, value) in values.iter().enumerate() {
        let (row, column) = (at as u32 / 201, at as u32 % 201);
        let wanted = (row / 4).min(24) * 40 + (column / 5).min(39);
        assert_eq!(*value, f64::from(wanted), "{column}, {row}");
    }
}
