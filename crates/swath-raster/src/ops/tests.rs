//! The operators: what they compute, and that windows of any shape give the same pixels.

use std::sync::Arc;

use swath_core::{Budget, Bytes, Error, Lease, Stop};

use super::*;
use crate::{Affine, Band, DataType, Grid, Raster, Scalar, Shape, Tile, Window, for_values};

fn lease() -> Lease {
    Budget::new(Bytes(64 << 20)).lease(Bytes(32 << 20), &Stop::new()).expect("memory")
}

/// A raster of 64-bit floats that holds its values; NaN stands for none.
struct Held {
    grid: Grid,
    values: Vec<f64>,
}

impl Held {
    fn of(shape: Shape, bands: usize, values: &[f64]) -> Arc<dyn Raster> {
        assert_eq!(values.len() as u64, shape.pixels() * bands as u64);
        let grid = Grid {
            shape,
            affine: Some(Affine::north_up(0.0, 0.0, 1.0, 1.0)),
            crs: None,
            data_type: DataType::Float64,
            nodata: None,
            has_mask: false,
            block: Shape::new(16, 16),
            bands: vec![Band::default(); bands],
        };
        Arc::new(Held { grid, values: values.into() })
    }
}

impl Raster for Held {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        Tile::bytes_for(window, bands, DataType::Float64, true)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> swath_core::Result<Tile> {
        let mut tile = Tile::unwritten(window, bands.len(), DataType::Float64, lease)?;
        let shape = self.grid.shape;
        let pixels = bands.iter().flat_map(|band| {
            (window.row..window.end_row()).flat_map(move |row| {
                (window.column..window.end_column())
                    .map(move |column| *band * shape.pixels() as usize + (row * shape.columns + column) as usize)
            })
        });
        let pixels: Vec<f64> = pixels.map(|at| self.values[at]).collect();
        tile.values_mut::<f64>()?.copy_from_slice(&pixels);
        if pixels.iter().any(|pixel| pixel.is_nan()) {
            let validity = tile.validity_mut(lease)?;
            validity.iter_mut().zip(&pixels).for_each(|(valid, pixel)| *valid = u8::from(!pixel.is_nan()));
        }
        Ok(tile)
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        window.pixels()
    }

    fn source_blocks(&self) -> Vec<Shape> {
        vec![self.grid.block]
    }
}

/// All pixels as floats, with NaN for those without a value.
fn pixels(raster: &dyn Raster, window: Window) -> Vec<f64> {
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
fn assert_pixels(raster: &dyn Raster, wanted: &[f64]) {
    let got = pixels(raster, raster.grid().shape.whole());
    let same = got.len() == wanted.len() && got.iter().zip(wanted).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
    assert!(same, "wanted {wanted:?}\n   got {got:?}");
}

#[test]
fn conversions() {
    let input = || Held::of(Shape::new(2, 3), 1, &[-1.5, 0.0, 2.5, f64::NAN, 254.6, 300.0]);
    let check = |conversion: Conversion, wanted: &[f64]| {
        let raster = convert(input(), &conversion).expect("a conversion");
        assert_pixels(&*raster, wanted);
    };
    let nan = f64::NAN;
    let to = |data_type, nodata| Conversion { data_type: Some(data_type), nodata, ..Conversion::default() };
    check(Conversion::default(), &[-1.5, 0.0, 2.5, nan, 254.6, 300.0]);
    check(to(DataType::Int16, None), &[-2.0, 0.0, 3.0, nan, 255.0, 300.0]);
    check(to(DataType::UInt8, None), &[0.0, 0.0, 3.0, nan, 255.0, 255.0]);
    // A valid pixel never takes the value that stands for none.
    check(to(DataType::UInt8, Some(Scalar::Int(255))), &[0.0, 0.0, 3.0, nan, 254.0, 254.0]);
    check(to(DataType::UInt8, Some(Scalar::Int(0))), &[1.0, 1.0, 3.0, nan, 255.0, 255.0]);
    check(
        to(DataType::Float32, Some(Scalar::Int(300))),
        &[-1.5, 0.0, 2.5, nan, f64::from(254.6f32), f64::from(300.0f32.next_up())],
    );
    let scaling = Some(Scaling { from: (0.0, 300.0), to: (0.0, 30.0) });
    let scaled = Conversion { scaling, data_type: Some(DataType::Int8), ..Conversion::default() };
    check(scaled, &[0.0, 0.0, 0.0, nan, 25.0, 30.0]);
}

#[test]
fn conversions_that_cannot_be() {
    let check =
        |conversion: Conversion, message: &str| match convert(Held::of(Shape::new(1, 1), 1, &[0.0]), &conversion) {
            Err(Error::Usage { message: got, .. }) => assert!(got.contains(message), "{got}"),
            other => panic!("{:?}", other.map(|raster| raster.grid().clone())),
        };
    check(Conversion { bands: vec![0, 1], ..Conversion::default() }, "no band 2");
    let nodata = Some(Scalar::Int(-1));
    check(
        Conversion { nodata, data_type: Some(DataType::UInt8), ..Conversion::default() },
        "no value of the type uint8",
    );
    let scaling = Some(Scaling { from: (1.0, 1.0), to: (0.0, 1.0) });
    check(Conversion { scaling, ..Conversion::default() }, "cannot be scaled");
}

#[test]
fn bands_are_chosen_in_any_order() {
    let input = Held::of(Shape::new(1, 2), 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let raster = convert(input, &Conversion { bands: vec![2, 0], ..Conversion::default() }).expect("bands");
    assert_pixels(&*raster, &[5.0, 6.0, 1.0, 2.0]);
    let tile = raster.read(Window::new(0, 1, 1, 1), &[1], &lease()).expect("pixels");
    assert_eq!(tile.values::<f64>().expect("floats"), [2.0]);
}

fn named(name: &str, raster: Arc<dyn Raster>) -> CalcInput {
    CalcInput { name: Some(name.into()), what: format!("{name}.tif"), raster }
}

#[test]
fn expressions_over_bands() {
    let nan = f64::NAN;
    let a = Held::of(Shape::new(1, 3), 2, &[1.0, 2.0, nan, 4.0, 0.0, 6.0]);
    let b = Held::of(Shape::new(1, 3), 1, &[10.0, 20.0, 30.0]);
    let inputs = [named("a", a), named("b", b)];
    let check = |text: &str, wanted: &[f64]| {
        let raster = Calc::new(text, &inputs, false).expect("an expression");
        assert_pixels(&raster, wanted);
    };
    check("b + 1", &[11.0, 21.0, 31.0]);
    check("a[1] + a[2]", &[5.0, 2.0, nan]);
    check("a[1] / a[2]; b", &[0.25, nan, nan, 10.0, 20.0, 30.0]);
    check("max(a[*], b)", &[10.0, 20.0, nan]);
    check("7", &[7.0, 7.0, 7.0]);
    // One of two bands alone is the same as both.
    let raster = Calc::new("a[2]; b * 2", &inputs, false).expect("an expression");
    let tile = raster.read(Window::new(0, 1, 1, 2), &[1], &lease()).expect("pixels");
    assert_eq!(tile.values::<f64>().expect("floats"), [40.0, 60.0]);
}

#[test]
fn expressions_that_cannot_be() {
    let one = |columns| Held::of(Shape::new(1, columns), 1, &vec![0.0; columns as usize]);
    let check = |text: &str, inputs: &[CalcInput], message: &str| match Calc::new(text, inputs, false) {
        Err(Error::Usage { message: got, .. }) => assert!(got.contains(message), "{got}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{text} was taken"),
    };
    check("a +", &[named("a", one(1))], "got the end");
    check("c", &[named("a", one(1))], "c");
    check("a", &[named("a", one(1)), named("a", one(1))], "two inputs are called a");
    check("a + b", &[named("a", one(1)), named("b", one(2))], "a.tif and b.tif are of different grids: 1 columns");
    let nameless = CalcInput { name: None, what: "x.tif".into(), raster: one(1) };
    check("a", &[named("a", one(1)), nameless], "x.tif has no name");
}

fn synthesis(data_type: DataType, missing: f64) -> Synthesis {
    Synthesis { shape: Shape::new(300, 270), bands: 2, data_type, seed: 3, missing, resolution_m: 10.0 }
}

#[test]
fn windows_of_any_shape_give_the_same_pixels() {
    let noise = || Arc::new(Synth::new(synthesis(DataType::UInt16, 0.2)).expect("a raster")) as Arc<dyn Raster>;
    let lone = |raster| [CalcInput { name: None, what: "noise".into(), raster }];
    let rasters: [Arc<dyn Raster>; 3] = [
        noise(),
        convert(
            noise(),
            &Conversion { data_type: Some(DataType::UInt8), nodata: Some(Scalar::Int(9)), ..Conversion::default() },
        )
        .expect("a conversion"),
        Arc::new(Calc::new("b1 > 3000 ? b1 - b2 : nodata; sqrt(b2)", &lone(noise()), false).expect("an expression")),
    ];
    for raster in rasters {
        let grid = raster.grid().shape;
        let whole = pixels(&*raster, grid.whole());
        for window in [
            Window::new(0, 0, 1, 1),
            Window::new(7, 11, 31, 99),
            Window::new(299, 0, 1, 270),
            Window::new(255, 250, 45, 20),
        ] {
            let part = pixels(&*raster, window);
            let mut at = part.iter();
            for band in 0..2u32 {
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
}

#[test]
fn synthetic_rasters_have_values_and_gaps() {
    for data_type in DataType::ALL {
        let raster = Synth::new(synthesis(data_type, 0.3)).expect("a raster");
        let nodata = raster.grid().nodata.expect("nodata").as_f64();
        let values = pixels(&raster, raster.grid().shape.whole());
        let gaps = values.iter().filter(|value| value.is_nan()).count() as f64 / values.len() as f64;
        assert!((0.02..0.6).contains(&gaps), "{data_type}: {gaps} of the pixels have no value");
        assert!(!values.contains(&nodata), "{data_type}: a value equals nodata");
        let (low, high) =
            values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
        assert!(high - low > 20.0, "{data_type}: {low} to {high}");
    }
    assert!(Synth::new(Synthesis { bands: 0, ..synthesis(DataType::Int8, 0.0) }).is_err());
}

/// What a window takes is never more than what it was said to take.
#[test]
fn reading_stays_within_its_bound() {
    let noise = || Arc::new(Synth::new(synthesis(DataType::UInt16, 0.2)).expect("a raster")) as Arc<dyn Raster>;
    let lone = [CalcInput { name: None, what: "noise".into(), raster: noise() }];
    let rasters: [Arc<dyn Raster>; 3] = [
        noise(),
        convert(noise(), &Conversion { data_type: Some(DataType::Float64), ..Conversion::default() }).expect("one"),
        Arc::new(Calc::new("(b1 - b2) / (b1 + b2)", &lone, true).expect("an expression")),
    ];
    for raster in rasters {
        let window = Window::new(3, 5, 200, 77);
        let bands: Vec<usize> = (0..raster.grid().bands.len()).collect();
        let most = raster.bytes_for(window, bands.len());
        let lease = Budget::new(most).lease(most, &Stop::new()).expect("memory");
        raster.read(window, &bands, &lease).expect("it fits");
        let less = most.percent(60);
        let lease = Budget::new(less).lease(less, &Stop::new()).expect("memory");
        assert!(
            matches!(raster.read(window, &bands, &lease), Err(Error::Pressure { .. })),
            "the bound is far too high"
        );
    }
}
