//! What tiles come to, by literals, and that it does not depend on windows.

use std::sync::Arc;

use swath_core::{Budget, Bytes, Lease, Stop};

use super::*;
use crate::{DataType, Pixel, Scalar, Shape, Tile, Window};

fn lease() -> Lease {
    Budget::new(Bytes(64 << 20)).lease(Bytes(64 << 20), &Stop::default()).expect("memory")
}

fn tile<T: Pixel>(window: Window, values: &[T], invalid: &[usize], lease: &Lease) -> Tile {
    let mut tile = Tile::unwritten(window, 1, T::DATA_TYPE, lease).expect("a tile");
    tile.values_mut::<T>().expect("values").copy_from_slice(values);
    for position in invalid {
        tile.validity_mut(lease).expect("validity")[*position] = 0;
    }
    tile
}

fn moments<T: Pixel>(values: &[T], invalid: &[usize]) -> Moments {
    let lease = lease();
    let tile = tile(Window::new(0, 0, 1, values.len() as u32), values, invalid, &lease);
    let mut bands = [ScanBand { moments: Some(Moments::default()), ..ScanBand::default() }];
    scan(&tile, 1024, &mut bands).expect("a scan");
    let [ScanBand { moments, .. }] = bands;
    moments.expect("moments")
}

#[test]
fn moments_of_a_few_values() {
    let of = moments(&[2u8, 4, 4, 4, 5, 5, 7, 9, 255], &[8]);
    assert_eq!((of.valid, of.range(DataType::UInt8)), (8, Some((Scalar::Int(2), Scalar::Int(9)))));
    assert_eq!((of.total(DataType::UInt8), of.mean(DataType::UInt8)), (Scalar::Int(40), Some(5.0)));
    assert_eq!(of.deviation(), Some(2.0));
    let none = moments(&[1i16], &[0]);
    assert_eq!((none.valid, none.range(DataType::Int16), none.mean(DataType::Int16)), (0, None, None));
    assert_eq!((none.deviation(), none.total(DataType::Int16)), (None, Scalar::Int(0)));
    let huge = moments(&[u64::MAX, u64::MAX, 0], &[]);
    assert_eq!(huge.total(DataType::UInt64), Scalar::Int(i128::from(u64::MAX) * 2));
}

#[test]
fn a_small_spread_far_from_zero_is_kept() {
    let of = moments(&[1e9 - 1.0, 1e9, 1e9 + 1.0, 1e9], &[]);
    assert_eq!((of.mean(DataType::Float64), of.deviation()), (Some(1e9), Some(0.5f64.sqrt())));
    let of = moments(&[1e15, 1e15 + 2.0], &[]);
    assert_eq!((of.mean(DataType::Float64), of.deviation()), (Some(1e15 + 1.0), Some(1.0)));
}

#[test]
fn numbers_without_a_place_in_sums() {
    let of = moments(&[f32::NAN, 1.0, f32::INFINITY, 3.0], &[]);
    assert_eq!((of.valid, of.infinities), (3, (0, 1)));
    assert_eq!(of.range(DataType::Float32), Some((Scalar::Float(1.0), Scalar::Float(f64::INFINITY))));
    assert_eq!(of.finite_extremes, Some((1.0f32.key(), 3.0f32.key())));
    assert_eq!(of.mean(DataType::Float32), Some(f64::INFINITY));
    assert!(of.deviation().is_some_and(f64::is_nan));
    let of = moments(&[f64::MAX, f64::MAX, 1.0], &[2]);
    assert_eq!((of.mean(DataType::Float64), of.deviation()), (Some(f64::MAX), Some(f64::INFINITY)));
    let of = moments(&[-0.0f32, -0.0], &[]);
    let Some((Scalar::Float(least), _)) = of.range(DataType::Float32) else { panic!("{of:?}") };
    assert!(least.is_sign_positive());
}

/// A grid of 7 rows and 40 columns in blocks of 3 × 16, read in windows of several shapes.
#[test]
fn windows_do_not_matter() {
    const GRID: Shape = Shape::new(7, 40);
    let lease = lease();
    let value = |row: u32, column: u32| ((row * 40 + column) as f32 * 12.9898).sin() * 1e4 + 1e6;
    let gathered = |windows: &[Window]| {
        let mut bands = [ScanBand {
            moments: Some(Moments::default()),
            counts: Some(Counts::new(vec![0], 0, 8, &lease).expect("counts")),
            histogram: Some((Arc::new(Bins::new(5, 990_000.0, 1_010_000.0)), lease.buffer(7).expect("memory"))),
            uniques: Some(Uniques::new(280, &lease).expect("uniques")),
        }];
        for window in windows {
            let cells = (window.row..window.end_row())
                .flat_map(|row| (window.column..window.end_column()).map(move |column| (row, column)));
            let values: Vec<f32> = cells.map(|(row, column)| value(row, column)).collect();
            scan(&tile(*window, &values, &[], &lease), 16, &mut bands).expect("a scan");
        }
        let [ScanBand { moments, counts, histogram, uniques }] = bands;
        let (moments, counts) = (moments.expect("moments"), counts.expect("counts"));
        let (histogram, uniques) = (histogram.expect("a histogram").1, uniques.expect("uniques"));
        let sums = serde_json::to_string(&moments).expect("JSON");
        (sums, moments.deviation(), counts.table().to_vec(), histogram.to_vec(), uniques.sorted())
    };
    let whole = gathered(&[GRID.whole()]);
    let halves = [Window::new(3, 0, 4, 40), Window::new(0, 0, 3, 40)];
    let pieces = [(0, 16), (16, 16), (32, 8)].map(|(column, columns)| Window::new(0, column, 7, columns));
    assert_eq!(gathered(&halves), whole);
    assert_eq!(gathered(&pieces), whole);
    assert_eq!(whole.3.iter().sum::<u32>(), 280);
    assert_eq!(whole.4.iter().map(|(_, count)| count).sum::<u64>(), 280);
}

#[test]
fn too_many_different_values() {
    let lease = lease();
    let check = |limit, wanted: Option<&[(u64, u64)]>| {
        let mut uniques = Uniques::new(limit, &lease).expect("uniques");
        [5, 3, 5, 5, 9].into_iter().for_each(|key| uniques.insert(key, 1));
        assert_eq!(uniques.is_exceeded(), wanted.is_none());
        assert_eq!(uniques.sorted(), wanted.unwrap_or_default());
    };
    check(3, Some(&[(3, 1), (5, 3), (9, 1)]));
    check(2, None);
}
