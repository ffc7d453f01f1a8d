//! Overviews against sums straight from the definition of each kernel.

use std::sync::Arc;

use swath_core::{Budget, Stop};

use super::*;
use crate::ops::tests::held::Held;
use crate::{Affine, Band, BandColour, Values};

const ALL: [OverviewResampling; 5] = [
    OverviewResampling::Nearest,
    OverviewResampling::Average,
    OverviewResampling::Bilinear,
    OverviewResampling::Cubic,
    OverviewResampling::Mode,
];

fn grid(shape: Shape) -> Grid {
    let affine = Affine { a: 1.0, b: 0.0, c: 0.0, d: 0.0, e: -1.0, f: 0.0 };
    Held::grid(shape, 1, DataType::UInt8, affine, None)
}

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
    let small = overview_shape(level);
    let ratio = |size: u32, small: u32| f64::from(size) / f64::from(small);
    let (down, across) = (ratio(level.rows, small.rows), ratio(level.columns, small.columns));
    let weight = |at: i64, smaller: i64, ratio: f64| {
        let distance = ((at as f64 + 0.5) - (smaller as f64 + 0.5) * ratio).abs() / ratio;
        let covered = ((smaller + 1) as f64 * ratio).min((at + 1) as f64) - (smaller as f64 * ratio).max(at as f64);
        match resampling {
            OverviewResampling::Average if covered > 1e-9 => covered / ratio,
            OverviewResampling::Average => 0.0,
            OverviewResampling::Bilinear => (1.0 - distance).max(0.0) / ratio,
            _ if distance < 1.0 => (1.5 * distance.powi(3) - 2.5 * distance.powi(2) + 1.0) / ratio,
            _ if distance < 2.0 => (-0.5 * distance.powi(3) + 2.5 * distance.powi(2) - 4.0 * distance + 2.0) / ratio,
            _ => 0.0,
        }
    };
    let (mut sum, mut total) = (0.0, 0.0);
    for y in 0..i64::from(level.rows) {
        for x in 0..i64::from(level.columns) {
            let weight = weight(y, row, down) * weight(x, column, across);
            let value = pixel(y, x);
            if with_gaps && value.is_nan() {
                continue;
            }
            sum += weight * if value.is_nan() { 77.0 } else { value };
            total += weight;
        }
    }
    let least = if resampling == OverviewResampling::Average { 1e-12 } else { 0.25 };
    (total >= least).then(|| sum / total)
}

const LEVELS: [Shape; 6] = [
    Shape::new(20, 18),
    Shape::new(21, 18),
    Shape::new(20, 19),
    Shape::new(21, 19),
    Shape::new(1, 7),
    Shape::new(3, 1),
];

#[test]
fn weighed_pixels_are_sums_over_the_kernel() {
    for (level, with_gaps) in LEVELS.into_iter().flat_map(|level| [(level, false), (level, true)]) {
        for resampling in [OverviewResampling::Average, OverviewResampling::Bilinear, OverviewResampling::Cubic] {
            let whole = tile::<f64>(level.whole(), 1, with_gaps);
            let small = overview(&whole, level.whole(), &grid(level), resampling, &lease(Bytes(1 << 20)));
            let small = small.expect("an overview");
            let columns = small.window.columns as usize;
            let mut missing = 0;
            for (at, value) in small.values::<f64>().expect("values").iter().enumerate() {
                let (row, column) = ((at / columns) as i64, (at % columns) as i64);
                let valid = small.validity.as_ref().is_none_or(|validity| validity[at] == 1);
                let wanted = wanted(level, row, column, resampling, with_gaps);
                let what = format!("{resampling:?} of {level:?} at {row}, {column}");
                assert_eq!(valid, wanted.is_some(), "{what}");
                missing += u32::from(!valid);
                if let Some(wanted) = wanted {
                    assert!((value - wanted).abs() < 1e-9, "{what}: {wanted}, got {value}");
                }
            }
            assert!(with_gaps || missing == 0);
        }
    }
}

/// Both levels cover the same ground: the pixel picked is the one that the corner of the smaller one lies in, or the
/// next one where it lies behind its middle, and the most frequent is of all that it covers.
#[test]
fn picked_pixels_are_those_below() {
    for size in [2_u32, 3, 5, 18, 19, 1025, 2745] {
        let (axis, small) = (Axis::of(size), size.div_ceil(2));
        for pixel in 0..small {
            let start = u64::from(pixel) * u64::from(size);
            let rounded = (2 * start + u64::from(small)) / (2 * u64::from(small));
            assert_eq!(u64::from(axis.nearest(pixel)), rounded, "{pixel} of {size}");
            let under = axis.under(pixel);
            assert_eq!(u64::from(under.start), start / u64::from(small), "{pixel} of {size}");
            let end = (start + u64::from(size)).div_ceil(u64::from(small));
            assert_eq!(u64::from(under.end), end, "{pixel} of {size}");
        }
    }
}

/// Weights along an even axis are fractions of two, so their sums are exact.
#[test]
fn weights_of_pairs() {
    let weights = |resampling| Axis::of(100).taps(20, resampling).weights().to_vec();
    assert_eq!(weights(OverviewResampling::Average), [0.5, 0.5]);
    assert_eq!(weights(OverviewResampling::Bilinear), [0.125, 0.375, 0.375, 0.125]);
    let half = [-0.011_718_75, -0.035_156_25, 0.113_281_25, 0.433_593_75];
    let cubic: Vec<f64> = half.into_iter().chain(half.into_iter().rev()).collect();
    assert_eq!(weights(OverviewResampling::Cubic), cubic);
}

#[test]
fn the_same_pixels_however_a_level_is_cut() {
    for level in [Shape::new(27, 22), Shape::new(26, 21), Shape::new(27, 23), Shape::new(24, 22)] {
        for resampling in ALL {
            let all = tile::<i16>(level.whole(), 2, true);
            let whole = overview(&all, level.whole(), &grid(level), resampling, &lease(Bytes(1 << 20)));
            let whole = whole.expect("an overview");
            for side in [2, 4, 6, 16] {
                let blocks = level.blocks(Shape::new(side, side));
                for block in 0..blocks.pixels() as u32 {
                    let (row, column) = (block / blocks.columns * side, block % blocks.columns * side);
                    let window = Window::new(row, column, side, side).intersection(level.whole());
                    let part = tile::<i16>(resampling.around(window, level), 2, true);
                    let room = overview_bytes(window, 2, DataType::Int16);
                    let part = overview(&part, window, &grid(level), resampling, &lease(room)).expect("an overview");
                    assert_eq!(part.window, overview_window(window));
                    assert_part(&whole, &part, resampling);
                }
            }
        }
    }
}

#[test]
fn a_tile_that_holds_too_little_is_refused() {
    let (level, window) = (Shape::new(20, 20), Window::new(4, 4, 4, 4));
    let part = tile::<i16>(window, 1, false);
    let error = overview(&part, window, &grid(level), OverviewResampling::Cubic, &lease(Bytes(1 << 16)));
    assert!(error.is_err());
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
    let check = |resampling, values: [u8; 8], validity: [u8; 8], wanted: [Option<u8>; 2]| {
        let mut tile = Tile::unwritten(Window::new(0, 0, 2, 4), 1, DataType::UInt8, &lease).expect("a tile");
        tile.values_mut::<u8>().expect("values").copy_from_slice(&values);
        tile.validity_mut(&lease).expect("validity").copy_from_slice(&validity);
        let small = overview(&tile, tile.window, &grid(tile.window.shape()), resampling, &lease).expect("an overview");
        let values = small.values::<u8>().expect("values").iter();
        let valid = |at: usize| small.validity.as_ref().is_none_or(|validity| validity[at] == 1);
        let got: Vec<Option<u8>> = values.enumerate().map(|(at, value)| valid(at).then_some(*value)).collect();
        assert_eq!(got, wanted, "{resampling:?}");
    };
    check(OverviewResampling::Nearest, [1, 2, 3, 9, 2, 2, 4, 9], [1; 8], [Some(1), Some(3)]);
    check(OverviewResampling::Nearest, [1, 2, 3, 9, 2, 2, 4, 9], [0, 1, 1, 1, 1, 1, 0, 0], [None, Some(3)]);
    check(OverviewResampling::Mode, [1, 2, 3, 9, 2, 2, 4, 8], [1; 8], [Some(2), Some(3)]);
    check(OverviewResampling::Mode, [1, 2, 3, 9, 2, 1, 9, 4], [1; 8], [Some(2), Some(9)]);
    check(OverviewResampling::Mode, [1, 2, 3, 9, 1, 2, 4, 5], [1, 1, 0, 0, 1, 1, 1, 1], [Some(1), Some(4)]);
    check(OverviewResampling::Mode, [1, 2, 3, 9, 1, 2, 4, 5], [0; 8], [None, None]);
}

/// A mean that is the nodata value by chance stays a value; so it does where a mask says what is one, as it is.
#[test]
fn a_value_never_takes_the_place_of_nodata() {
    let lease = lease(Bytes(1 << 16));
    let mut tile = Tile::unwritten(Window::new(0, 0, 2, 2), 1, DataType::UInt8, &lease).expect("a tile");
    tile.values_mut::<u8>().expect("values").copy_from_slice(&[1, 1, 3, 3]);
    for (has_mask, wanted) in [(false, 3), (true, 2)] {
        let grid = Grid { nodata: Some(Scalar::Int(2)), has_mask, ..grid(tile.window.shape()) };
        let small = overview(&tile, tile.window, &grid, OverviewResampling::Average, &lease).expect("an overview");
        assert!(matches!(&small.values, Values::UInt8(values) if values[..] == [wanted]), "{has_mask}");
    }
}

#[test]
fn opacity_of_a_valid_pixel_never_becomes_0() {
    let lease = lease(Bytes(1 << 16));
    let mut tile = Tile::unwritten(Window::new(0, 0, 2, 12), 2, DataType::UInt8, &lease).expect("a tile");
    let steps = |(at, value): (usize, &mut u8)| *value = if at % 12 < 6 { 255 } else { 1 };
    tile.values_mut::<u8>().expect("values").iter_mut().enumerate().for_each(steps);
    let mut grid = Grid { bands: vec![Band::default(); 2].into(), ..grid(tile.window.shape()) };
    Arc::make_mut(&mut grid.bands)[1].colour = BandColour::Opacity;
    let small = overview(&tile, tile.window, &grid, OverviewResampling::Cubic, &lease).expect("an overview");
    let (values, opacity) = small.values.bytes().split_at(6);
    assert!(values.contains(&0) && !opacity.contains(&0), "{values:?} {opacity:?}");
}

#[test]
fn levels_end_where_one_block_holds_all() {
    let block = Shape::new(512, 512);
    assert_eq!(overview_shapes(Shape::new(512, 300), block), []);
    assert_eq!(overview_shapes(Shape::new(513, 2), block), [Shape::new(257, 1)]);
    assert_eq!(overview_shapes(Shape::new(1025, 2048), block), [Shape::new(513, 1024), Shape::new(257, 512)]);
}
