//! Warps against exact and naive ones, and in windows of any shape.

use std::sync::Arc;

use swath_core::Error;
use swath_crs::{Crs, Transform};

use super::*;
use crate::ops::tests::held::{Held, assert_bound, assert_pixels, assert_same_in_windows, lease, pixels};
use crate::ops::{Synth, Synthesis};
use crate::{Affine, DataType, for_data_type};

const NAN: f64 = f64::NAN;

fn crs(code: u32) -> Arc<Crs> {
    Arc::new(Crs::from_epsg(code).expect("a code"))
}

fn warp(input: &Arc<dyn Raster>, target: &WarpTarget, resampling: Resampling) -> Warp {
    Warp::new(Arc::clone(input), target, resampling, &WarpOptions::default()).expect("a warp")
}

fn suggested(input: &Arc<dyn Raster>, code: u32) -> WarpTarget {
    WarpTarget::suggest(input.grid(), Some(&crs(code)), &WarpWishes::default(), None).expect("a target")
}

fn target(affine: Affine, rows: u32, columns: u32, code: Option<u32>) -> WarpTarget {
    WarpTarget { shape: Shape::new(rows, columns), affine, crs: code.map(crs) }
}

fn synth(data_type: DataType, missing: f64) -> Arc<dyn Raster> {
    let shape = Shape::new(300, 270);
    Arc::new(Synth::new(Synthesis { shape, bands: 2, data_type, seed: 5, missing, resolution_m: 10.0 }).expect("one"))
}

/// Smooth hills with holes.
fn hills(grid: Grid) -> Arc<dyn Raster> {
    Held::by(grid, |column, row| {
        let (x, y) = (f64::from(column), f64::from(row));
        let hole = (x - 40.0).hypot(y - 30.0) < 7.0 || (column * 7 + row * 13) % 97 == 0;
        if hole { NAN } else { 100.0 + 20.0 * (x / 9.0).sin() + 30.0 * (y / 7.0).cos() + x * 0.1 }
    })
}

/// Identity warps give every pixel as it is, whatever its type.
#[test]
fn a_warp_to_the_same_grid_changes_nothing() {
    for data_type in DataType::ALL {
        let input = synth(data_type, 0.2);
        let same = WarpTarget::like(input.grid());
        for resampling in Resampling::ALL {
            if matches!(resampling, Resampling::CubicSpline | Resampling::Rms) {
                continue;
            }
            let raster = warp(&input, &same, resampling);
            let (got, wanted) = (pixels(&raster, same.shape.whole()), pixels(&*input, same.shape.whole()));
            for (at, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
                // It fills gaps between many pixels, and has none among few.
                if resampling == Resampling::Lanczos && (wanted.is_nan() || got.is_nan()) {
                    continue;
                }
                let same = got.to_bits() == wanted.to_bits() || (got.is_nan() && wanted.is_nan());
                assert!(same, "{data_type} {resampling} at {at}: {got}, wanted {wanted}");
            }
        }
    }
}

#[test]
fn near_copies_bits() {
    let affine = Affine::north_up(0.0, 0.0, 1.0, 1.0);
    let values: Vec<Scalar> = [i64::MAX, i64::MIN, (1 << 53) + 1, -1].map(|value| Scalar::Int(value.into())).into();
    let input = Held::with(Held::grid(Shape::new(1, 4), 1, DataType::Int64, affine, None), values);
    let twice = target(Affine::north_up(0.0, 0.0, 0.5, 1.0), 1, 8, None);
    let tile = warp(&input, &twice, Resampling::Near).read(twice.shape.whole(), &[0], &lease()).expect("pixels");
    let wide = (1 << 53) + 1;
    let wanted = [i64::MAX, i64::MAX, i64::MIN, i64::MIN, wide, wide, -1, -1];
    assert_eq!(tile.values::<i64>().expect("integers"), wanted);
    let values: Vec<Scalar> = [u64::MAX, (1 << 63) + 1].map(|value| Scalar::Int(value.into())).into();
    let input = Held::with(Held::grid(Shape::new(1, 2), 1, DataType::UInt64, affine, None), values);
    let turned = target(Affine { a: -1.0, c: 2.0, ..affine }, 1, 2, None);
    let tile = warp(&input, &turned, Resampling::Near).read(turned.shape.whole(), &[0], &lease()).expect("pixels");
    assert_eq!(tile.values::<u64>().expect("integers"), [(1 << 63) + 1, u64::MAX]);
}

#[test]
fn small_cases_by_hand() {
    let affine = Affine::north_up(0.0, 0.0, 1.0, 1.0);
    let grid = |rows, columns, data_type| Held::grid(Shape::new(rows, columns), 1, data_type, affine, None);
    let check = |input: &Arc<dyn Raster>, to: Affine, shape: (u32, u32), resampling, wanted: &[f64]| {
        assert_pixels(&warp(input, &target(to, shape.0, shape.1, None), resampling), wanted);
    };
    let row = Held::with(grid(1, 4, DataType::Float64), [0.0, 10.0, 20.0, 30.0].map(Scalar::Float).into());
    let shifted = Affine::north_up(-0.75, 0.0, 1.0, 1.0);
    check(&row, shifted, (1, 5), Resampling::Bilinear, &[NAN, 2.5, 12.5, 22.5, 30.0]);
    check(&row, shifted, (1, 5), Resampling::Near, &[NAN, 0.0, 10.0, 20.0, 30.0]);
    let halved = Affine::north_up(0.0, 0.0, 2.0, 1.0);
    check(&row, halved, (1, 2), Resampling::Average, &[5.0, 25.0]);
    check(&row, halved, (1, 2), Resampling::Sum, &[10.0, 50.0]);
    check(&row, halved, (1, 2), Resampling::Max, &[10.0, 30.0]);
    check(&row, halved, (1, 2), Resampling::Min, &[0.0, 20.0]);
    check(&row, halved, (1, 2), Resampling::Q3, &[10.0, 30.0]);
    check(&row, halved, (1, 2), Resampling::Med, &[0.0, 20.0]);
    check(&row, halved, (1, 2), Resampling::Rms, &[50.0f64.sqrt(), 650.0f64.sqrt()]);
    let wide = Affine::north_up(0.5, 0.0, 2.0, 1.0);
    check(&row, wide, (1, 2), Resampling::Average, &[10.0, (0.5 * 20.0 + 30.0) / 1.5]);
    check(&row, wide, (1, 2), Resampling::Sum, &[20.0, 40.0]);
    // The triangle over four pixels has the weights 1, 3, 3, 1; those beyond the edge go to the others.
    check(&row, halved, (1, 2), Resampling::Bilinear, &[(30.0 + 20.0) / 7.0, (10.0 + 60.0 + 90.0) / 7.0]);
    let gaps = Held::with(grid(1, 4, DataType::Float64), [0.0, NAN, 20.0, NAN].map(Scalar::Float).into());
    check(&gaps, shifted, (1, 5), Resampling::Bilinear, &[NAN, 0.0, 20.0, 20.0, NAN]);
    check(&gaps, halved, (1, 2), Resampling::Average, &[0.0, 20.0]);
    // Integers are rounded half away from zero, and kept off the value that stands for none.
    let whole = Grid { nodata: Some(Scalar::Int(5)), ..grid(1, 4, DataType::Int16) };
    let whole = Held::with(whole, [0.0, 10.0, -1.0, -2.0].map(Scalar::Float).into());
    check(&whole, halved, (1, 2), Resampling::Average, &[6.0, -2.0]);
    let modes = Held::with(grid(1, 4, DataType::UInt8), [3.0, 1.0, 1.0, 3.0].map(Scalar::Float).into());
    check(&modes, Affine::north_up(0.0, 0.0, 4.0, 1.0), (1, 1), Resampling::Mode, &[3.0]);
}

/// Naive cubic and linear interpolation at exact places, without gaps and away from edges.
#[test]
fn kernels_equal_naive_ones_at_exact_places() {
    let affine = Affine::north_up(400_000.0, 5_300_000.0, 100.0, 100.0);
    let grid = Held::grid(Shape::new(90, 110), 1, DataType::Float64, affine, Some(32_632));
    let input =
        Held::by(grid, |column, row| (f64::from(column) / 9.0).sin() * 50.0 + (f64::from(row) / 7.0).cos() * 30.0);
    let to = suggested(&input, 3857);
    let transform = Transform::new(&crs(3857), &crs(32_632)).expect("a way");
    let values = pixels(&*input, input.grid().shape.whole());
    type Weight = fn(f64) -> f64;
    let weights: [(Resampling, i64, Weight); 4] = [
        (Resampling::Bilinear, 1, |x| (1.0 - x.abs()).max(0.0)),
        (Resampling::Cubic, 2, |x| match x.abs() {
            x if x <= 1.0 => 1.5 * x * x * x - 2.5 * x * x + 1.0,
            x => -0.5 * x * x * x + 2.5 * x * x - 4.0 * x + 2.0,
        }),
        (Resampling::CubicSpline, 2, |x| match x.abs() {
            x if x <= 1.0 => 0.5 * x * x * x - x * x + 2.0 / 3.0,
            x => (2.0 - x).powi(3) / 6.0,
        }),
        (Resampling::Lanczos, 3, |x| {
            let a = std::f64::consts::PI * x;
            if x == 0.0 { 1.0 } else { 3.0 * a.sin() * (a / 3.0).sin() / (a * a) }
        }),
    ];
    for (resampling, radius, weight) in weights {
        let exact = Warp::new(Arc::clone(&input), &to, resampling, &WarpOptions { error_pixels: 0.0 }).expect("a warp");
        let got = pixels(&exact, to.shape.whole());
        let near_exact = pixels(&warp(&input, &to, resampling), to.shape.whole());
        let mut compared = 0;
        for row in 0..to.shape.rows {
            for column in 0..to.shape.columns {
                let (x, y) = to.affine.apply(f64::from(column) + 0.5, f64::from(row) + 0.5);
                let (x, y) = transform.point(x, y).expect("a place");
                let (x, y) = ((x - affine.c) / affine.a - 0.5, (y - affine.f) / affine.e - 0.5);
                let (left, top) = (x.floor() as i64, y.floor() as i64);
                if left < 3 || top < 3 || left > 105 || top > 85 {
                    continue;
                }
                let (mut sum, mut total) = (0.0, 0.0);
                for j in top + 1 - radius..=top + radius {
                    for i in left + 1 - radius..=left + radius {
                        let weight = weight(i as f64 - x) * weight(j as f64 - y);
                        sum += weight * values[(j * 110 + i) as usize];
                        total += weight;
                    }
                }
                let at = (row * to.shape.columns + column) as usize;
                assert!(
                    (got[at] - sum / total).abs() < 1e-4,
                    "{resampling} at {column}, {row}: {} {}",
                    got[at],
                    sum / total
                );
                assert!((near_exact[at] - got[at]).abs() < 1.0, "{resampling} at {column}, {row}");
                compared += 1;
            }
        }
        assert!(compared > 4000, "{compared}");
    }
}

fn windows(shape: Shape) -> Vec<Window> {
    let mut windows = vec![Window::new(0, 0, 1, 1), Window::new(shape.rows - 1, shape.columns - 1, 1, 1)];
    for (row, column, rows, columns) in [(0, 0, 64, 64), (13, 29, 50, 70), (63, 1, 3, 130), (20, 64, 90, 1)] {
        let window = Window::new(row, column, rows, columns).intersection(shape.whole());
        windows.extend((!window.is_empty()).then_some(window));
    }
    windows
}

/// Rasters and targets with all that is difficult.
fn hard_cases() -> Vec<(&'static str, Arc<dyn Raster>, WarpTarget)> {
    let grid =
        |rows, columns, affine, code| Held::grid(Shape::new(rows, columns), 1, DataType::Float32, affine, Some(code));
    let utm = hills(grid(120, 150, Affine::north_up(399_960.0, 5_300_040.0, 10.0, 10.0), 32_632));
    let turned = Affine { a: 8.0, b: 4.0, c: 400_000.0, d: 3.0, e: -9.0, f: 5_300_000.0 };
    let turned = hills(grid(120, 150, turned, 32_632));
    let world = hills(grid(90, 180, Affine::north_up(-180.0, 90.0, 2.0, 2.0), 4326));
    let east = hills(grid(90, 180, Affine::north_up(0.0, 90.0, 2.0, 2.0), 4326));
    let polar = Affine::north_up(-4_000_000.0, 4_000_000.0, 60_000.0, 60_000.0);
    let polar_grid = hills(grid(133, 133, polar, 3413));
    let fiji = Affine::north_up(170.0, -10.0, 0.1, 0.1);
    vec![
        ("utm to mercator", Arc::clone(&utm), suggested(&utm, 3857)),
        (
            "utm to degrees, coarse",
            Arc::clone(&utm),
            target(Affine::north_up(7.65, 47.86, 0.0007, 0.0005), 40, 50, Some(4326)),
        ),
        ("turned", Arc::clone(&turned), suggested(&turned, 32_632)),
        ("turned to degrees", Arc::clone(&turned), suggested(&turned, 4326)),
        ("world to the pole", Arc::clone(&world), target(polar, 133, 133, Some(3413))),
        ("world from 0 to the pole", Arc::clone(&east), target(polar, 133, 133, Some(3413))),
        ("world across 180", Arc::clone(&world), target(fiji, 150, 200, Some(4326))),
        (
            "world to mercator across 180",
            Arc::clone(&east),
            target(Affine::north_up(-20_037_508.0, 20_037_508.0, 200_000.0, 200_000.0), 200, 200, Some(3857)),
        ),
        (
            "pole to the world",
            Arc::clone(&polar_grid),
            target(Affine::north_up(-180.0, 90.0, 1.5, 1.5), 60, 240, Some(4326)),
        ),
    ]
}

#[test]
fn windows_of_any_shape_give_the_same_pixels() {
    for (name, input, to) in hard_cases() {
        for resampling in Resampling::ALL {
            println!("{name}, {resampling}");
            let raster = warp(&input, &to, resampling);
            assert_same_in_windows(&raster, &windows(to.shape));
            let values = pixels(&raster, to.shape.whole());
            assert!(values.iter().filter(|value| !value.is_nan()).count() > values.len() / 8, "{name}: hardly a value");
        }
    }
}

#[test]
fn reading_stays_within_its_bound() {
    for (name, input, to) in hard_cases() {
        for resampling in Resampling::ALL {
            println!("{name}, {resampling}");
            let raster = warp(&input, &to, resampling);
            assert_bound(&raster, to.shape.whole(), 40);
        }
    }
    let input = synth(DataType::UInt16, 0.1);
    let to = suggested(&input, 4326);
    assert_bound(&warp(&input, &to, Resampling::Cubic), Window::new(3, 9, 200, 180), 60);
}

/// Values that are their own longitude and latitude come out as those of the place.
#[test]
fn places_are_right_at_the_antimeridian_and_at_poles() {
    let grid =
        Held::grid(Shape::new(180, 360), 1, DataType::Float64, Affine::north_up(-180.0, 90.0, 1.0, 1.0), Some(4326));
    let latitudes = Held::by(grid.clone(), |_, row| 89.5 - f64::from(row));
    let waves = Held::by(grid, |column, _| (f64::from(column) + 0.5 - 180.0).to_radians().cos());
    let polar = target(Affine::north_up(-3_000_000.0, 3_000_000.0, 20_000.0, 20_000.0), 300, 300, Some(3413));
    let to_degrees = Transform::new(&crs(3413), &crs(4326)).expect("a way");
    let (rows, cosines) = (warp(&latitudes, &polar, Resampling::Bilinear), warp(&waves, &polar, Resampling::Bilinear));
    let (rows, cosines) = (pixels(&rows, polar.shape.whole()), pixels(&cosines, polar.shape.whole()));
    for row in 0..300 {
        for column in 0..300 {
            let (x, y) = polar.affine.apply(f64::from(column) + 0.5, f64::from(row) + 0.5);
            let (longitude, latitude) = to_degrees.point(x, y).expect("a place");
            let at = (row * 300 + column) as usize;
            assert!((rows[at] - latitude).abs() < 0.51, "{column}, {row}: {} for {latitude}", rows[at]);
            if latitude < 88.0 {
                let wanted = longitude.to_radians().cos();
                assert!((cosines[at] - wanted).abs() < 0.004, "{column}, {row}: {} for {wanted}", cosines[at]);
            }
        }
    }
    // Across the antimeridian there is no seam: kernels reach to the other side.
    let fiji = target(Affine::north_up(170.0, -10.0, 0.1, 0.1), 20, 200, Some(4326));
    let values = pixels(&warp(&waves, &fiji, Resampling::Bilinear), fiji.shape.whole());
    for (at, value) in values.iter().enumerate() {
        let longitude: f64 = 170.05 + (at % 200) as f64 * 0.1;
        assert!((value - longitude.to_radians().cos()).abs() < 1e-4, "{at}: {value}");
    }
}

#[test]
fn sums_are_kept() {
    let grid = Held::grid(Shape::new(60, 60), 1, DataType::Float64, Affine::north_up(0.0, 0.0, 1.0, 1.0), None);
    let input = hills(grid);
    let total: f64 = pixels(&*input, input.grid().shape.whole()).iter().filter(|value| !value.is_nan()).sum();
    // A turned grid that holds it all.
    let turned = Affine { a: 1.5, b: 0.6, c: -40.0, d: 0.6, e: -1.5, f: 20.0 };
    let to = target(turned, 120, 120, None);
    let got: f64 = pixels(&warp(&input, &to, Resampling::Sum), to.shape.whole()).iter().filter(|v| !v.is_nan()).sum();
    assert!((got - total).abs() < 1e-3 * total, "{got} of {total}");
}

#[test]
fn all_types_resample() {
    for data_type in DataType::ALL {
        let input = synth(data_type, 0.1);
        let to = suggested(&input, 4326);
        for resampling in [Resampling::Bilinear, Resampling::Average] {
            let values = pixels(&warp(&input, &to, resampling), to.shape.whole());
            let valid: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
            let limit = for_data_type!(data_type, T => crate::Pixel::to_f64(<T as crate::Pixel>::from_f64(10_001.0)));
            assert!(valid.len() > 60_000 && valid.iter().all(|value| (0.0..=limit).contains(value)), "{data_type}");
        }
    }
}

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
