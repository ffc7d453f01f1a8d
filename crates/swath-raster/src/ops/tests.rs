//! The operators: what they compute, and that windows of any shape give the same pixels.

use std::sync::Arc;

use swath_core::Error;

use super::*;
use crate::{Affine, DataType, Grid, Raster, Scalar, Shape, Window};

mod boxes;
pub(super) mod held;
mod opacity;

use held::{Held, assert_bound, assert_pixels, assert_same_in_windows, lease, pixels};

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
fn conversions_that_change_nothing_are_the_input() {
    let grid = Held::grid(Shape::new(1, 2), 1, DataType::Float32, Affine::PIXELS, None);
    let grid = Grid { nodata: Some(Scalar::Float(f64::NAN)), ..grid };
    let input = Held::by(grid.clone(), |column, _| f64::from(column));
    let again = Conversion { nodata: grid.nodata, data_type: Some(DataType::Float32), ..Conversion::default() };
    for conversion in [Conversion::default(), again] {
        assert!(Arc::ptr_eq(&convert(Arc::clone(&input), &conversion).expect("a conversion"), &input));
    }
}

#[test]
fn a_mask_alone_says_what_has_a_value() {
    let grid = Held::grid(Shape::new(1, 3), 1, DataType::UInt8, Affine::PIXELS, None);
    let grid = Grid { nodata: Some(Scalar::Int(0)), has_mask: true, ..grid };
    let input = Held::by(grid, |column, _| [0.0, 7.0, f64::NAN][column as usize]);
    let wider = Conversion { data_type: Some(DataType::UInt16), ..Conversion::default() };
    assert_pixels(&*convert(input, &wider).expect("a conversion"), &[0.0, 7.0, f64::NAN]);
}

/// 255 / 10000 is no float, and what is rounded is a little less.
#[test]
fn halves_of_scaled_integers_are_exact() {
    let scaling = Some(Scaling { from: (0.0, 10_000.0), to: (0.0, 255.0) });
    let conversion = Conversion { scaling, data_type: Some(DataType::UInt8), ..Conversion::default() };
    let scaled = convert(Held::of(Shape::new(1, 3), 1, &[5000.0, 9000.0, 1000.0]), &conversion).expect("a conversion");
    assert_pixels(&*scaled, &[128.0, 230.0, 26.0]);
    let scaling = Some(Scaling { from: (0.0, 1e200), to: (0.0, 1e200) });
    let scaled = convert(Held::of(Shape::new(1, 1), 1, &[1e180]), &Conversion { scaling, ..Conversion::default() });
    assert_pixels(&*scaled.expect("a conversion"), &[1e180]);
    let scaling = Some(Scaling { from: (0.0, 1e-200), to: (0.0, 1e-200) });
    let tiny = Held::of(Shape::new(1, 2), 1, &[0.0, 5e-201]);
    let scaled = convert(tiny, &Conversion { scaling, ..Conversion::default() });
    assert_pixels(&*scaled.expect("a conversion"), &[0.0, 5e-201]);
}

#[test]
fn scaled_bands_forget_their_unit() {
    let mut grid = Held::grid(Shape::new(1, 1), 1, DataType::UInt8, Affine::PIXELS, None);
    grid.bands = [crate::Band { units: Some("m".into()), scale: Some(2.0), ..crate::Band::default() }].into();
    let scaling = Some(Scaling { from: (0.0, 10.0), to: (0.0, 1.0) });
    let scaled = convert(Held::by(grid, |_, _| 1.0), &Conversion { scaling, ..Conversion::default() });
    assert_eq!(scaled.expect("a conversion").grid().bands[..], [crate::Band::default()]);
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

#[test]
fn parts_of_a_raster() {
    let affine = Affine::north_up(10.0, 50.0, 1.0, 1.0);
    let grid = Held::grid(Shape::new(4, 5), 1, DataType::UInt8, affine, Some(4326));
    let input = Held::by(grid.clone(), |column, row| f64::from(row * 10 + column));
    let raster = Clip::new(Arc::clone(&input), Window::new(1, 2, 2, 3)).expect("a part");
    assert_pixels(&raster, &[12.0, 13.0, 14.0, 22.0, 23.0, 24.0]);
    assert_eq!(raster.grid().affine, Some(Affine::north_up(12.0, 49.0, 1.0, 1.0)));
    assert!(raster.source_blocks().is_empty());
    assert_same_in_windows(&raster, &[Window::new(1, 1, 1, 2)]);
    assert!(Clip::new(input, Window::new(1, 3, 2, 3)).is_err());
    let of = |grid: &Grid, bounds: (f64, f64, f64, f64), epsg: Option<u32>| {
        let (min_x, min_y, max_x, max_y) = bounds;
        let crs = epsg.map(|code| swath_crs::Crs::from_epsg(code).expect("a code"));
        window_of_bounds(grid, swath_crs::Bounds { min_x, min_y, max_x, max_y }, crs.as_ref())
    };
    let check = |bounds, epsg, wanted| assert_eq!(of(&grid, bounds, epsg).expect("a window"), wanted);
    check((11.0, 47.0, 13.0, 49.0), None, Window::new(1, 1, 2, 2));
    check((11.2, 47.5, 13.1, 48.9), None, Window::new(1, 1, 2, 3));
    check((11.0005, 47.0, 13.0005, 49.0), None, Window::new(1, 1, 2, 2));
    check((-100.0, 0.0, 11.5, 80.0), None, Window::new(0, 0, 4, 2));
    check((1_225_000.0, 6_100_000.0, 1_330_000.0, 6_200_000.0), Some(3857), Window::new(1, 1, 2, 1));
    let Err(Error::Usage { message, .. }) = of(&grid, (20.0, 0.0, 21.0, 1.0), None) else { panic!("it was taken") };
    assert!(message.contains("whose bounds are 10, 46, 15, 50"), "{message}");
    assert!(of(&grid, (20.0, 5.0, 21.0, 1.0), None).is_err());
    // A grid of longitudes from 0 to 360 meets boxes west of Greenwich, and boxes across the antimeridian.
    let affine = Affine::north_up(0.0, 90.0, 1.0, 1.0);
    let world = Held::grid(Shape::new(180, 360), 1, DataType::UInt8, affine, Some(4326));
    assert_eq!(of(&world, (-10.0, 0.0, -5.0, 10.0), None).expect("one"), Window::new(80, 350, 10, 5));
    assert_eq!(of(&world, (170.0, 0.0, -170.0, 10.0), None).expect("one"), Window::new(80, 170, 10, 20));
    assert_eq!(window_of_grid(&world, &grid).expect("one"), Window::new(40, 10, 4, 5));
    let turned = Grid { affine: Some(Affine { a: 1.0, b: 1.0, c: 0.0, d: 1.0, e: -1.0, f: 0.0 }), crs: None, ..grid };
    assert_eq!(of(&turned, (2.0, -1.0, 4.0, 1.0), None).expect("one"), Window::new(0, 0, 3, 3));
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
        let windows = [
            Window::new(0, 0, 1, 1),
            Window::new(7, 11, 31, 99),
            Window::new(299, 0, 1, 270),
            Window::new(255, 250, 45, 20),
        ];
        assert_same_in_windows(&*raster, &windows);
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
    for share in [0.0, 0.01, 0.1, 0.5, 0.9, 1.0] {
        let shape = Shape::new(1500, 1500);
        let raster = Synth::new(Synthesis { shape, bands: 1, ..synthesis(DataType::UInt8, share) }).expect("a raster");
        let values = pixels(&raster, shape.whole());
        let gaps = values.iter().filter(|value| value.is_nan()).count() as f64 / values.len() as f64;
        assert!((gaps - share).abs() <= 0.5 * share.min(1.0 - share), "{share}: {gaps} of the pixels have no value");
    }
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
        assert_bound(&*raster, Window::new(3, 5, 200, 77), 60);
    }
}
