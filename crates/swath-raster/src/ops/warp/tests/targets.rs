//! The grids that follow from wishes, and bounds in other systems.

use swath_core::Error;

use super::*;

#[test]
fn wishes() {
    let input = synth(DataType::UInt8, 0.0);
    let grid = input.grid();
    let suggest = |code: u32, wishes: WarpWishes| WarpTarget::suggest(grid, Some(&crs(code)), &wishes, None);
    let same = suggest(32_632, WarpWishes::default()).expect("a target");
    assert_eq!((same.shape, Some(same.affine)), (grid.shape, grid.affine));
    let resolution = Some((25.0, 20.0));
    let coarse = suggest(32_632, WarpWishes { resolution, ..WarpWishes::default() }).expect("a target");
    assert_eq!((coarse.shape, coarse.affine.c, coarse.affine.f), (Shape::new(150, 108), 399_960.0, 5_300_040.0));
    let aligned =
        suggest(32_632, WarpWishes { resolution: Some((100.0, 100.0)), is_aligned: true, ..WarpWishes::default() });
    let aligned = aligned.expect("a target");
    assert_eq!((aligned.shape, aligned.affine.c, aligned.affine.f), (Shape::new(31, 28), 399_900.0, 5_300_100.0));
    let size = Some(Shape::new(0, 135));
    let sized = suggest(32_632, WarpWishes { size, ..WarpWishes::default() }).expect("a target");
    assert_eq!((sized.shape, sized.affine.a, sized.affine.e), (Shape::new(150, 135), 20.0, -20.0));
    let bounds = Some((400_000.0, 5_299_000.0, 401_004.0, 5_300_000.0));
    let boxed = suggest(32_632, WarpWishes { bounds, ..WarpWishes::default() }).expect("a target");
    assert_eq!((boxed.shape, boxed.affine.a), (Shape::new(100, 100), 10.04));
    let refused = |wishes: WarpWishes| assert!(matches!(suggest(3857, wishes), Err(Error::Usage { .. })));
    refused(WarpWishes { resolution, size, ..WarpWishes::default() });
    refused(WarpWishes { resolution: Some((0.0, 1.0)), ..WarpWishes::default() });
    refused(WarpWishes { bounds: Some((1.0, 1.0, 0.0, 2.0)), ..WarpWishes::default() });
    refused(WarpWishes { resolution: Some((1e-9, 1e-9)), ..WarpWishes::default() });
    let json = serde_json::to_string(&WarpWishes { bounds, ..WarpWishes::default() }).expect("JSON");
    let back: WarpWishes = serde_json::from_str(&json).expect("wishes");
    assert_eq!(back.bounds, bounds);
}

#[test]
fn bounds_in_other_systems() {
    let of = |bounds: (f64, f64, f64, f64), from: u32, to: u32| {
        let (min_x, min_y, max_x, max_y) = bounds;
        let bounds = swath_crs::Bounds { min_x, min_y, max_x, max_y };
        transformed_bounds(bounds, &crs(from), &crs(to)).expect("bounds")
    };
    // The parallel at the lower side bulges south of its ends.
    let box_of = of((0.0, 50.0, 20.0, 60.0), 4326, 3035);
    let corner = Transform::new(&crs(4326), &crs(3035)).expect("a way").point(10.0, 50.0).expect("a place");
    assert!((box_of.min_y - corner.1).abs() < 1.0, "{box_of:?}");
    let pole = of((-1e6, -1e6, 1e6, 1e6), 3413, 4326);
    assert_eq!((pole.min_x, pole.max_x, pole.max_y), (-180.0, 180.0, 90.0));
    assert!((76.0..80.0).contains(&pole.min_y), "{pole:?}");
    // Fiji in its own grid lies on both sides of the antimeridian.
    let fiji = of((1_800_000.0, 3_400_000.0, 2_400_000.0, 4_400_000.0), 3460, 4326);
    assert!(fiji.min_x > 175.0 && fiji.max_x > 180.0 && fiji.max_x < 185.0, "{fiji:?}");
    let across = of((179.0, -20.0, -179.0, -10.0), 4326, 3460);
    assert!(across.max_x - across.min_x < 400_000.0, "{across:?}");
}

/// Between two systems of longitudes a grid across the antimeridian stays together.
#[test]
fn longitudes_that_go_on_beyond_the_antimeridian() {
    let suggest = |west: f64, columns: u32, code: u32| {
        let affine = Affine::north_up(west, -30.0, 0.01, 0.01);
        let grid = Held::grid(Shape::new(2000, columns), 1, DataType::UInt8, affine, Some(code));
        WarpTarget::suggest(&grid, Some(&crs(4326)), &WarpWishes::default(), None).expect("a target")
    };
    for (west, wanted) in [(170.0, 170.0), (-190.0, 170.0), (150.0, 150.0), (-170.0, -170.0)] {
        let to = suggest(west, 2000, 4167);
        assert_eq!(to.shape, Shape::new(2000, 2000), "{west}");
        assert!((to.affine.c - wanted).abs() < 1e-3 && (to.affine.a - 0.01).abs() < 1e-6, "{west}: {to:?}");
    }
    for west in [-180.0, 0.0] {
        let to = suggest(west, 36_000, 4167).bounds();
        assert!((to.min_x + 180.0).abs() < 0.02 && (to.max_x - 180.0).abs() < 0.02, "{west}: {to:?}");
    }
}

/// A box that lies at both ends of a map of the world is no box there; one that is all of it is.
#[test]
fn boxes_that_are_torn() {
    let of = |bounds: (f64, f64, f64, f64), from: u32, to: u32| {
        let (min_x, min_y, max_x, max_y) = bounds;
        transformed_bounds(swath_crs::Bounds { min_x, min_y, max_x, max_y }, &crs(from), &crs(to))
    };
    for bounds in [(170.0, -20.0, -170.0, 20.0), (170.0, -20.0, 190.0, 20.0), (90.0, 0.0, 270.0, 1.0)] {
        let error = of(bounds, 4326, 3857).expect_err("two parts").to_string();
        assert!(error.contains("two parts"), "{error}");
        assert!(of(bounds, 4326, 3832).is_ok());
    }
    // Mercator around 150 degrees is torn elsewhere.
    assert!(of((-40.0, -20.0, -20.0, 20.0), 4326, 3832).is_err());
    let whole = [(-180.0, -80.0, 180.0, 80.0), (0.0, -80.0, 360.0, 80.0), (-180.0, -80.0, 180.000_000_000_1, 80.0)];
    for bounds in whole.into_iter().chain([(170.0, -90.0, 180.0, 90.0), (-180.0, 0.0, -170.0, 89.0)]) {
        for to in [3857, 3832, 3413, 32_660] {
            let is_torn = matches!(of(bounds, 4326, to), Err(error) if error.to_string().contains("two parts"));
            assert!(!is_torn, "{bounds:?} in {to}");
        }
    }
}

#[test]
fn a_raster_without_a_place_is_refused() {
    let input = synth(DataType::UInt8, 0.0);
    let nowhere = Grid { affine: None, ..input.grid().clone() };
    for code in [32_632, 3857] {
        let suggested = WarpTarget::suggest(&nowhere, Some(&crs(code)), &WarpWishes::default(), None);
        assert!(matches!(suggested, Err(Error::Usage { message, .. }) if message.contains("no place")));
    }
    assert!(matches!(WarpTarget::like(&nowhere), Err(Error::Usage { .. })));
}
