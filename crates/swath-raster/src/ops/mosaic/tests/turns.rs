//! Longitudes that come round, boxes across the antimeridian, and inputs that are not in the output.

use super::*;

/// Pixels of one degree in a row, from a longitude on.
fn degrees(longitude: f64, values: &[f64]) -> Arc<dyn Raster> {
    let affine = Affine::north_up(longitude, 0.0, 1.0, 1.0);
    let grid = Held::grid(Shape::new(1, values.len() as u32), 1, DataType::Float32, affine, Some(4326));
    Held::with(grid, values.iter().copied().map(Scalar::Float).collect())
}

fn boxed(bounds: (f64, f64, f64, f64)) -> MosaicOptions {
    MosaicOptions { bounds: Some(bounds), ..MosaicOptions::default() }
}

#[test]
fn inputs_one_turn_away_are_in_it() {
    let inputs = || vec![degrees(177.0, &[1.0, 2.0, 3.0]), degrees(-180.0, &[4.0, 5.0, 6.0])];
    for bounds in [(177.0, -1.0, 183.0, 0.0), (177.0, -1.0, -177.0, 0.0), (-183.0, -1.0, -177.0, 0.0)] {
        let raster = mosaic(inputs(), &boxed(bounds)).expect("a mosaic");
        assert_eq!(raster.grid().affine.expect("a place").c, bounds.0);
        assert_pixels(&raster, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert!(raster.warnings().is_empty(), "{:?}", raster.warnings());
    }
    // Pixels of which a turn is no whole number are resampled on the other side.
    let options = MosaicOptions { resolution: Some((0.7, 1.0)), ..boxed((178.0, -1.0, 182.2, 0.0)) };
    assert_pixels(&mosaic(inputs(), &options).expect("a mosaic"), &[2.0, 3.0, 3.0, 4.0, 5.0, 5.0]);
    let projected = |code, x: f64, value: f64| {
        let affine = Affine::north_up(x, 8_000_000.0, 10_000.0, 10_000.0);
        Held::by(Held::grid(Shape::new(40, 30), 1, DataType::Float32, affine, Some(code)), move |_, _| value)
    };
    let inputs = vec![projected(32_760, 500_000.0, 1.0), projected(32_701, 200_000.0, 2.0)];
    let options = MosaicOptions {
        crs: Some("EPSG:4326".into()),
        resolution: Some((0.5, 0.5)),
        ..boxed((178.0, -19.5, 182.0, -19.0))
    };
    assert_pixels(&mosaic(inputs, &options).expect("a mosaic"), &[1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0]);
}

#[test]
fn a_world_is_in_it_from_both_sides_once() {
    let values: Vec<f64> = (0..360).map(f64::from).collect();
    let count = |bounds, wide: bool| {
        let mut values = values.clone();
        if wide {
            values.extend([0.0, 1.0]);
        }
        let options = MosaicOptions { method: MosaicMethod::Count, ..boxed(bounds) };
        let raster = mosaic(vec![degrees(-180.0, &values)], &options).expect("a mosaic");
        assert!(pixels(&raster, raster.grid().shape.whole()).iter().all(|count| *count == 1.0));
        let raster = mosaic(vec![degrees(-180.0, &values)], &boxed(bounds)).expect("a mosaic");
        pixels(&raster, raster.grid().shape.whole())
    };
    for wide in [false, true] {
        assert_eq!(count((178.0, -1.0, 182.0, 0.0), wide), [358.0, 359.0, 0.0, 1.0]);
        assert_eq!(count((-182.0, -1.0, -178.0, 0.0), wide), [358.0, 359.0, 0.0, 1.0]);
        assert_eq!(count((-360.0, -1.0, 360.0, 0.0), wide).len(), 720);
    }
}

#[test]
fn what_has_no_part_in_it_is_said() {
    let inputs = vec![degrees(0.0, &[1.0]), degrees(50.0, &[2.0]), degrees(60.5, &[3.0])];
    let raster = mosaic(inputs, &boxed((0.0, -1.0, 2.0, 0.0))).expect("a mosaic");
    assert_eq!(raster.warnings(), ["2 of 3 inputs have no pixel in the output: input 1, input 2"]);
    assert_pixels(&raster, &[1.0, NAN]);
}

#[test]
fn boxes_of_another_system_and_other_grids() {
    let options = MosaicOptions {
        bounds_crs: Some("EPSG:3857".into()),
        ..boxed((111_319.490_793, -111_325.142_866, 333_958.472_380, 0.0))
    };
    let input = || vec![degrees(0.0, &[1.0, 2.0, 3.0, 4.0])];
    let raster = mosaic(input(), &options).expect("a mosaic");
    assert_eq!(raster.grid().shape, Shape::new(1, 2));
    assert_pixels(&raster, &[2.0, 3.0]);
    let like = WarpTarget::like(degrees(2.0, &[0.0, 0.0, 0.0]).grid()).expect("a place");
    let named = input().into_iter().map(|raster| MosaicInput { what: "one".into(), raster }).collect();
    let raster = Mosaic::on(named, like.clone(), &MosaicOptions::default()).expect("a mosaic");
    assert_pixels(&raster, &[3.0, 4.0, NAN]);
    assert!(matches!(Mosaic::on(Vec::new(), like, &MosaicOptions::default()), Err(Error::Usage { .. })));
}

/// Tables are shared, and what is said of bands is counted.
#[test]
fn many_inputs_hold_little() {
    let inputs = || (0..100).map(|number| degrees(f64::from(number) + 0.25, &[1.0])).collect::<Vec<_>>();
    let options = |resampling| MosaicOptions { resampling, ..boxed((0.0, -1.0, 100.0, 0.0)) };
    let held = |inputs, resampling| mosaic(inputs, &options(resampling)).expect("a mosaic").held_bytes();
    let text = "a text of forty bytes that says something".to_string();
    let described = |raster: Arc<dyn Raster>| {
        let bands = vec![Band { description: Some(text.clone()), ..Band::default() }];
        Held::with(Grid { bands: bands.into(), ..raster.grid().clone() }, vec![Scalar::Int(1)])
    };
    let with_texts = held(inputs().into_iter().map(described).collect(), Resampling::Near);
    assert!(with_texts >= held(inputs(), Resampling::Near) + Bytes(100 * text.len() as u64));
}
