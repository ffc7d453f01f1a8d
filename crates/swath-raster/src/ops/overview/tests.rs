//! Overviews against sums straight from the definition of each kernel.

use swath_core::{Budget, Stop};

use super::*;
use crate::Values;

const ALL: [OverviewResampling; 5] = [
    OverviewResampling::Nearest,
    OverviewResampling::Average,
    OverviewResampling::Bilinear,
    OverviewResampling::Cubic,
    OverviewResampling::Mode,
];

fn lease(bytes: Bytes) -> Lease {
    Budget::new(bytes).lease(bytes, &Stop::new()).expect("a lease")
}

/// Pixels of a level, by row and column; NaN has no value.
fn pixel(row: i64, column: i64) -> f64 {
    match (row * 7 + column * 13 + row * column) % 11 {
        3 | 5 if row > 4 => f64::NAN,
        value => value as f64 * 10.0 - 20.0,
    }
}

fn tile<T: Pixel>(window: Window, bands: usize, with_gaps: bool) -> Tile {
    let lease = lease(Bytes(1 << 20));
    let mut tile = Tile::unwritten(window, bands, T::DATA_TYPE, &lease).expect("a tile");
    let mut validity = vec![1; tile.values.len()];
    for (at, value) in tile.values_mut::<T>().expect("values").iter_mut().enumerate() {
        let place = at % window.pixels() as usize;
        let (row, column) = (place / window.columns as usize, place % window.columns as usize);
        let wanted = pixel(i64::from(window.row) + row as i64, i64::from(window.column) + column as i64);
        if with_gaps && wanted.is_nan() {
            validity[at] = 0;
        }
        *value = T::from_f64(if wanted.is_nan() { 77.0 } else { wanted } + (at / window.pixels() as usize) as f64);
    }
    if with_gaps {
        tile.validity_mut(&lease).expect("validity").copy_from_slice(&validity);
    }
    tile
}

/// The kernel as a sum over both axes at once, straight from its definition.
fn wanted(level: Shape, row: i64, column: i64, resampling: OverviewResampling, with_gaps: bool) -> Option<f64> {
    let kernel = |distance: f64| match resampling {
        OverviewResampling::Average => f64::from(distance < 0.5) / 2.0,
        OverviewResampling::Bilinear => (1.0 - distance).max(0.0) / 2.0,
        _ if distance < 1.0 => (1.5 * distance.powi(3) - 2.5 * distance.powi(2) + 1.0) / 2.0,
        _ if distance < 2.0 => (-0.5 * distance.powi(3) + 2.5 * distance.powi(2) - 4.0 * distance + 2.0) / 2.0,
        _ => 0.0,
    };
    let (mut sum, mut total) = (0.0, 0.0);
    for y in (2 * row - 4).max(0)..(2 * row + 6).min(i64::from(level.rows)) {
        for x in (2 * column - 4).max(0)..(2 * column + 6).min(i64::from(level.columns)) {
            let far = |at: i64, middle: i64| ((at as f64 + 0.5) - (2.0 * middle as f64 + 1.0)).abs() / 2.0;
            let weight = kernel(far(y, row)) * kernel(far(x, column));
            let value = pixel(y, x);
            if with_gaps && value.is_nan() {
                continue;
            }
            sum += weight * if value.is_nan() { 77.0 } else { value };
            total += weight;
        }
    }
    (total >= 0.25).then(|| sum / total)
}

#[test]
fn weighed_pixels_are_sums_over_the_kernel() {
    let level = Shape::new(21, 18);
    for with_gaps in [false, true] {
        for resampling in [OverviewResampling::Average, OverviewResampling::Bilinear, OverviewResampling::Cubic] {
            let whole = tile::<f64>(level.whole(), 1, with_gaps);
            let small = overview(&whole, level.whole(), resampling, None, &lease(Bytes(1 << 20))).expect("an overview");
            let mut missing = 0;
            for (at, value) in small.values::<f64>().expect("values").iter().enumerate() {
                let (row, column) = (at as i64 / 9, at as i64 % 9);
                let valid = small.validity.as_ref().is_none_or(|validity| validity[at] == 1);
                let wanted = wanted(level, row, column, resampling, with_gaps);
                assert_eq!(valid, wanted.is_some(), "{resampling:?} at {row}, {column}");
                missing += u32::from(!valid);
                if let Some(wanted) = wanted {
                    assert!((value - wanted).abs() < 1e-9, "{resampling:?} at {row}, {column}: {wanted}, got {value}");
                }
            }
            assert!(with_gaps || missing == 0);
        }
    }
}

#[test]
fn the_same_pixels_however_a_level_is_cut() {
    let level = Shape::new(27, 22);
    for resampling in ALL {
        let all = tile::<i16>(level.whole(), 2, true);
        let whole = overview(&all, level.whole(), resampling, None, &lease(Bytes(1 << 20))).expect("an overview");
        for side in [2, 4, 6] {
            let blocks = level.blocks(Shape::new(side, side));
            for block in 0..blocks.pixels() as u32 {
                let (row, column) = (block / blocks.columns * side, block % blocks.columns * side);
                let window = Window::new(row, column, side, side).intersection(level.whole());
                let part = tile::<i16>(window.grow(resampling.halo(), level), 2, true);
                let room = overview_bytes(window, 2, DataType::Int16);
                let part = overview(&part, window, resampling, None, &lease(room)).expect("an overview");
                assert_eq!(part.window, overview_window(window));
                assert_part(&whole, &part, resampling);
            }
        }
    }
}

#[track_caller]
fn assert_part(whole: &Tile, part: &Tile, resampling: OverviewResampling) {
    let valid = |tile: &Tile, at: usize| tile.validity.as_ref().is_none_or(|validity| validity[at] == 1);
    let (all, some) = (whole.values::<i16>().expect("values"), part.values::<i16>().expect("values"));
    for (at, got) in some.iter().enumerate() {
        let (band, pixel) = (at / part.plane(), (at % part.plane()) as u32);
        let (row, column) = (pixel / part.window.columns, pixel % part.window.columns);
        let there = (part.window.row + row) * whole.window.columns + part.window.column + column;
        let there = band * whole.plane() + there as usize;
        assert_eq!(valid(part, at), valid(whole, there), "{resampling:?} at {:?}", part.window);
        assert!(!valid(part, at) || *got == all[there], "{resampling:?} at {:?}", part.window);
    }
}

#[test]
fn picked_pixels_are_pixels() {
    let lease = lease(Bytes(1 << 16));
    let check = |resampling, values: [u8; 6], validity: [u8; 6], wanted: [Option<u8>; 2]| {
        let mut tile = Tile::unwritten(Window::new(0, 0, 2, 3), 1, DataType::UInt8, &lease).expect("a tile");
        tile.values_mut::<u8>().expect("values").copy_from_slice(&values);
        tile.validity_mut(&lease).expect("validity").copy_from_slice(&validity);
        let small = overview(&tile, tile.window, resampling, None, &lease).expect("an overview");
        let values = small.values::<u8>().expect("values").iter();
        let valid = |at: usize| small.validity.as_ref().is_none_or(|validity| validity[at] == 1);
        let got: Vec<Option<u8>> = values.enumerate().map(|(at, value)| valid(at).then_some(*value)).collect();
        assert_eq!(got, wanted, "{resampling:?}");
    };
    check(OverviewResampling::Nearest, [1, 2, 3, 2, 2, 4], [1; 6], [Some(1), Some(3)]);
    check(OverviewResampling::Nearest, [1, 2, 3, 2, 2, 4], [0, 1, 1, 1, 1, 0], [None, Some(3)]);
    check(OverviewResampling::Mode, [1, 2, 3, 2, 2, 4], [1; 6], [Some(2), Some(3)]);
    check(OverviewResampling::Mode, [1, 2, 3, 2, 1, 4], [1; 6], [Some(2), Some(3)]);
    check(OverviewResampling::Mode, [1, 2, 3, 1, 2, 4], [1, 1, 0, 1, 1, 1], [Some(1), Some(4)]);
    check(OverviewResampling::Mode, [1, 2, 3, 1, 2, 4], [0, 0, 0, 0, 0, 0], [None, None]);
}

/// A mean that is the nodata value by chance stays a value.
#[test]
fn a_value_never_takes_the_place_of_nodata() {
    let lease = lease(Bytes(1 << 16));
    let mut tile = Tile::unwritten(Window::new(0, 0, 2, 2), 1, DataType::UInt8, &lease).expect("a tile");
    tile.values_mut::<u8>().expect("values").copy_from_slice(&[1, 1, 3, 3]);
    let reserved = Some(Scalar::Int(2));
    let small = overview(&tile, tile.window, OverviewResampling::Average, reserved, &lease).expect("an overview");
    assert!(matches!(&small.values, Values::UInt8(values) if values[..] == [3]));
}

#[test]
fn levels_end_where_one_block_holds_all() {
    let block = Shape::new(512, 512);
    assert_eq!(overview_shapes(Shape::new(512, 300), block), []);
    assert_eq!(overview_shapes(Shape::new(513, 2), block), [Shape::new(257, 1)]);
    assert_eq!(overview_shapes(Shape::new(1025, 2048), block), [Shape::new(513, 1024), Shape::new(257, 512)]);
}
