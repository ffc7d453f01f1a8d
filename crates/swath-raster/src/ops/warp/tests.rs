//! Warps against exact and naive ones.

mod places;
mod targets;
mod types;
mod windows;

use std::sync::Arc;

use swath_crs::{Crs, Transform};

use super::*;
use crate::ops::tests::held::{Held, assert_bound, assert_pixels, assert_same_in_windows, lease, pixels};
use crate::ops::{Synth, Synthesis};
use crate::{Affine, DataType, for_data_type};

const NAN: f64 = f64::NAN;
const EXACT: WarpOptions = WarpOptions { error_pixels: 0.0, data_type: None, nodata: None };

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
        let same = WarpTarget::like(input.grid()).expect("a place");
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
    check(&gaps, shifted, (1, 5), Resampling::Bilinear, &[NAN, 0.0, NAN, 20.0, NAN]);
    check(&gaps, halved, (1, 2), Resampling::Average, &[0.0, 20.0]);
    // Integers are rounded half away from zero, and kept off the value that stands for none.
    let whole = Grid { nodata: Some(Scalar::Int(5)), ..grid(1, 4, DataType::Int16) };
    let whole = Held::with(whole, [0.0, 10.0, -1.0, -2.0].map(Scalar::Float).into());
    check(&whole, halved, (1, 2), Resampling::Average, &[6.0, -2.0]);
    let modes = Held::with(grid(1, 4, DataType::UInt8), [3.0, 1.0, 1.0, 3.0].map(Scalar::Float).into());
    check(&modes, Affine::north_up(0.0, 0.0, 4.0, 1.0), (1, 1), Resampling::Mode, &[3.0]);
}

/// The weight of a pixel at a distance.
type Curve = fn(f64) -> f64;

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
    let weights: [(Resampling, i64, Curve); 4] = [
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
        let exact = Warp::new(Arc::clone(&input), &to, resampling, &EXACT).expect("a warp");
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
                assert!((near_exact[at] - got[at]).abs() < 0.01, "{resampling} at {column}, {row}");
                compared += 1;
            }
        }
        assert!(compared > 4000, "{compared}");
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
