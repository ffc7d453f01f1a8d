//! Focal operations against a slow reading of their definition, and by windows and memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::ops::tests::held::{Held, assert_bounded, assert_windows_agree, pixels};
use crate::ops::{Conversion, Synth, Synthesis, convert};
use crate::{Affine, Shape};

const SHAPE: Shape = Shape::new(23, 37);
const NAN: f64 = f64::NAN;

/// Few different values, so that some are frequent; one in `gaps` has none.
fn noise(gaps: u64) -> Vec<f64> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    };
    (0..SHAPE.pixels()).map(|_| (next(), next())).map(|(gap, value)| gap_or(gap, gaps, value)).collect()
}

fn gap_or(gap: u64, gaps: u64, value: u64) -> f64 {
    if gaps > 0 && gap.is_multiple_of(gaps) { NAN } else { (value % 19) as f64 * 0.25 - 1.0 }
}

/// Distances and weights of a footprint or of a statistic's own.
fn neighbours(options: &FocalOptions) -> Vec<(i64, i64, f64)> {
    let all = |reach: i64| (-reach..=reach).flat_map(move |row| (-reach..=reach).map(move |column| (row, column)));
    let plain = |(row, column)| (row, column, 1.0);
    match (&options.statistic, &options.footprint) {
        (FocalStatistic::Gaussian(sigma), _) => {
            let bell =
                |(row, column): (i64, i64)| (-0.5 * ((row * row + column * column) as f64) / sigma / sigma).exp();
            all((4.0 * sigma + 0.5) as i64).map(|place| (place.0, place.1, bell(place))).collect()
        }
        (FocalStatistic::Laplace, _) => weighted(&Kernel::laplace()),
        (_, Footprint::Square(radius)) => all(i64::from(*radius)).map(plain).collect(),
        (_, Footprint::Circle(radius)) => {
            let inside = |place: &(i64, i64)| ((place.0 * place.0 + place.1 * place.1) as f64).sqrt() <= radius + 1e-9;
            all(radius.ceil() as i64).filter(inside).map(plain).collect()
        }
        (_, Footprint::Rectangle { columns, rows }) => {
            let inside = |place: &(i64, i64)| {
                place.0.unsigned_abs() <= u64::from(*rows) && place.1.unsigned_abs() <= u64::from(*columns)
            };
            all(i64::from(*columns.max(rows))).filter(inside).map(plain).collect()
        }
        (_, Footprint::Ellipse { columns, rows }) => {
            let inside = |place: &(i64, i64)| (place.0 as f64 / rows).hypot(place.1 as f64 / columns) <= 1.0 + 1e-9;
            all(columns.max(*rows).ceil() as i64).filter(inside).map(plain).collect()
        }
        (_, Footprint::Kernel(kernel)) => weighted(kernel),
    }
}

fn weighted(kernel: &Kernel) -> Vec<(i64, i64, f64)> {
    let (rows, columns) = (i64::from(kernel.rows), i64::from(kernel.columns));
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row - rows / 2, column - columns / 2)));
    places.zip(&kernel.weights).map(|((row, column), weight)| (row, column, *weight)).collect()
}

/// The definition, read pixel by pixel.
fn reference(values: &[f64], options: &FocalOptions, row: i64, column: i64) -> f64 {
    let (rows, columns) = (i64::from(SHAPE.rows), i64::from(SHAPE.columns));
    let at = |row: i64, column: i64| {
        let near = (row.clamp(0, rows - 1), column.clamp(0, columns - 1));
        let inside = near == (row, column) || options.edges == Edges::Replicate;
        if inside { values[(near.0 * columns + near.1) as usize] } else { NAN }
    };
    let centre = at(row, column);
    if centre.is_nan() {
        return NAN;
    }
    let filter = |neighbours: &[(i64, i64, f64)]| -> f64 {
        let value = |value: f64| if value.is_nan() { centre } else { value };
        neighbours.iter().map(|(down, along, weight)| weight * value(at(row + down, column + along))).sum()
    };
    let around = neighbours(options);
    let found: Vec<(f64, f64)> =
        around.iter().map(|(down, along, weight)| (at(row + down, column + along), *weight)).collect();
    let found: Vec<(f64, f64)> = found.into_iter().filter(|(value, _)| !value.is_nan()).collect();
    let mut sorted: Vec<f64> = found.iter().map(|(value, _)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let (least, greatest) = (sorted[0], sorted[sorted.len() - 1]);
    let mean = sorted.iter().sum::<f64>() / count;
    let variance = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    let quantile = |share: f64| {
        let place = share * (count - 1.0);
        let (lower, upper) = (sorted[place as usize], sorted[(place as usize + 1).min(sorted.len() - 1)]);
        lower + (upper - lower) * place.fract()
    };
    match options.statistic {
        FocalStatistic::Mean => mean,
        FocalStatistic::Sum => mean * count,
        FocalStatistic::Min => least,
        FocalStatistic::Max => greatest,
        FocalStatistic::Range => greatest - least,
        FocalStatistic::Std => variance.sqrt(),
        FocalStatistic::Variance => variance,
        FocalStatistic::Median => quantile(0.5),
        FocalStatistic::Percentile(percent) => quantile(percent / 100.0),
        FocalStatistic::Count => count,
        FocalStatistic::Majority => {
            let mut counts = BTreeMap::new();
            sorted.iter().for_each(|value| *counts.entry((value * 4.0) as i64).or_insert(0) += 1);
            let most = counts.values().max().copied();
            counts.iter().find(|(_, count)| Some(**count) == most).map_or(NAN, |(value, _)| *value as f64 / 4.0)
        }
        FocalStatistic::Gaussian(_) | FocalStatistic::Kernel { normalised: true } => {
            let sums =
                found.iter().fold((0.0, 0.0), |(sum, all), (value, weight)| (sum + value * weight, all + weight));
            if sums.1 == 0.0 { NAN } else { sums.0 / sums.1 }
        }
        FocalStatistic::Laplace | FocalStatistic::Kernel { normalised: false } => filter(&around),
        FocalStatistic::Sobel => {
            let (along, down) = Kernel::sobel();
            filter(&weighted(&along)).hypot(filter(&weighted(&down)))
        }
    }
}

/// Every statistic with every footprint that it takes.
fn all_options() -> Vec<FocalOptions> {
    let kernel = Kernel { rows: 3, columns: 5, weights: (0..15).map(|weight| f64::from(weight) - 3.0).collect() };
    let mut all = Vec::new();
    for edges in [Edges::Shrink, Edges::Replicate] {
        for (_, statistic) in FocalStatistic::WORDS {
            let footprints = match statistic {
                FocalStatistic::Kernel { .. } => vec![Footprint::Kernel(kernel.clone())],
                _ if statistic.has_own_footprint() => vec![Footprint::Square(0)],
                _ => {
                    let uneven = [
                        Footprint::Rectangle { columns: 1, rows: 4 },
                        Footprint::Rectangle { columns: 3, rows: 0 },
                        Footprint::Ellipse { columns: 3.5, rows: 1.25 },
                        Footprint::Ellipse { columns: 0.75, rows: 3.0 },
                    ];
                    let squares = [0, 2, 5].map(Footprint::Square).into_iter();
                    squares.chain([1.0, 2.5].map(Footprint::Circle)).chain(uneven).collect()
                }
            };
            all.extend(footprints.into_iter().map(|footprint| FocalOptions { statistic, footprint, edges }));
        }
        let footprint = Footprint::Kernel(kernel.clone());
        all.push(FocalOptions { statistic: FocalStatistic::Kernel { normalised: true }, footprint, edges });
        let footprint = Footprint::Square(1);
        all.push(FocalOptions { statistic: FocalStatistic::Percentile(37.5), footprint, edges });
    }
    all
}

#[test]
fn results_are_those_of_the_definition() {
    for gaps in [0, 40, 3] {
        let values = noise(gaps);
        for options in all_options() {
            let raster = Focal::new(Held::of(SHAPE, 1, &values), options.clone()).expect("an operation");
            let got = pixels(&raster, SHAPE.whole());
            for (place, got) in got.iter().enumerate() {
                let (row, column) = (place as i64 / i64::from(SHAPE.columns), place as i64 % i64::from(SHAPE.columns));
                let wanted = reference(&values, &options, row, column);
                let close = (got - wanted).abs() <= 1e-12 * wanted.abs().max(1.0);
                assert!(close || (got.is_nan() && wanted.is_nan()), "{options:?} at {row}, {column}: {got}, {wanted}");
            }
        }
    }
}

fn synth(data_type: DataType, missing: f64) -> Arc<dyn Raster> {
    let shape = Shape::new(210, 130);
    let synthesis = Synthesis { shape, bands: 2, data_type, seed: 3, missing, resolution_m: 10.0 };
    Arc::new(Synth::new(synthesis).expect("a raster"))
}

#[test]
fn windows_of_any_shape_give_the_same_pixels() {
    for missing in [0.0, 0.2] {
        for options in all_options() {
            let raster = Focal::new(synth(DataType::Float32, missing), options).expect("an operation");
            assert_windows_agree(&raster);
        }
    }
}

#[test]
fn reading_stays_within_its_bound() {
    for data_type in [DataType::UInt8, DataType::Float64] {
        for options in all_options() {
            assert_bounded(&Focal::new(synth(data_type, 0.2), options).expect("an operation"));
        }
    }
}

#[test]
fn types_of_results() {
    let options = |statistic| FocalOptions { statistic, footprint: Footprint::Square(1), edges: Edges::Shrink };
    let check = |from, statistic, wanted| {
        let to = Conversion { data_type: Some(from), ..Conversion::default() };
        let input = convert(Held::of(Shape::new(1, 3), 1, &[1.0, 7.0, 3.0]), &to).expect("a conversion");
        let raster = Focal::new(input, options(statistic)).expect("an operation");
        assert_eq!(raster.grid().data_type, wanted, "{statistic:?} of {from}");
        let least = if statistic == FocalStatistic::Min { [1.0, 1.0, 3.0] } else { [4.0, 11.0 / 3.0, 5.0] };
        let got = pixels(&raster, Shape::new(1, 3).whole());
        assert!(got.iter().zip(least).all(|(got, wanted)| (got - wanted).abs() < 1e-6), "{got:?}");
    };
    for data_type in DataType::ALL {
        let wide = matches!(data_type, DataType::UInt64 | DataType::Int64);
        check(data_type, FocalStatistic::Min, if wide { DataType::Float64 } else { data_type });
        let wanted = if data_type.fits_float32() { DataType::Float32 } else { DataType::Float64 };
        check(data_type, FocalStatistic::Mean, wanted);
    }
}

#[test]
fn a_large_mean_takes_nothing_from_a_small_variance() {
    let values: Vec<f64> = (0..SHAPE.pixels()).map(|place| 1e8 + (place % 2) as f64).collect();
    for footprint in [Footprint::Square(1), Footprint::Circle(1.5)] {
        let options = FocalOptions { statistic: FocalStatistic::Variance, footprint, edges: Edges::Shrink };
        let raster = Focal::new(Held::of(SHAPE, 1, &values), options).expect("an operation");
        let got = pixels(&raster, Window::new(5, 5, 1, 1));
        assert!((got[0] - 20.0 / 81.0).abs() < 1e-8, "{got:?}");
    }
}

#[test]
fn what_cannot_be() {
    let check = |statistic, footprint, wanted: &str| {
        let input = Held::of(Shape::new(1, 1), 1, &[0.0]);
        match Focal::new(input, FocalOptions { statistic, footprint, edges: Edges::Shrink }) {
            Err(Error::Usage { message, .. }) => assert!(message.contains(wanted), "{message}"),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{statistic:?} was taken"),
        }
    };
    check(FocalStatistic::Mean, Footprint::Square(1001), "1001 pixels");
    check(FocalStatistic::Mean, Footprint::Circle(f64::NAN), "NaN pixels");
    check(FocalStatistic::Mean, Footprint::Kernel(Kernel::laplace()), "mean takes no kernel");
    check(FocalStatistic::Kernel { normalised: true }, Footprint::Kernel(Kernel::laplace()), "add up to 0");
    check(FocalStatistic::Kernel { normalised: false }, Footprint::Square(1), "no weights");
    check(FocalStatistic::Percentile(101.0), Footprint::Square(1), "101");
    check(FocalStatistic::Gaussian(0.0), Footprint::Square(1), "0 pixels");
}

#[test]
fn radii_on_the_ground() {
    let grid = |affine, crs: Option<u32>| {
        let crs = crs.map(|code| Arc::new(swath_crs::Crs::from_epsg(code).expect("a system")));
        Held::placed(Shape::new(1, 1), 1, &[0.0], affine, crs).grid().clone()
    };
    let square = Affine::north_up(0.0, 0.0, 10.0, 10.000_001);
    assert_eq!(radius_in_pixels(&grid(square, Some(32_632)), 25.0).expect("pixels"), (2.5, 2.5));
    // New York in US survey feet, and a grid whose system nobody knows.
    let (in_feet, _) = radius_in_pixels(&grid(square, Some(2263)), 30.48).expect("pixels");
    assert!((in_feet - 10.0).abs() < 1e-4, "{in_feet}");
    assert_eq!(radius_in_pixels(&grid(square, None), 25.0).expect("pixels"), (2.5, 2.5));
    assert_eq!(radius_in_pixels(&grid(Affine { e: -20.0, ..square }, None), 25.0).expect("pixels"), (2.5, 1.25));
    let Err(Error::Usage { hint, .. }) = radius_in_pixels(&grid(square, Some(4326)), 25.0) else {
        panic!("degrees are no metres")
    };
    assert!(hint.contains("warp to a metric system"), "{hint}");
    assert!(radius_in_pixels(&grid(Affine { b: 1.0, ..square }, None), 25.0).is_err());
    assert!(radius_in_pixels(&grid(square, None), -1.0).is_err());
}

#[test]
fn options_come_back_from_json() {
    for options in all_options() {
        let text = serde_json::to_string(&options).expect("text");
        assert_eq!(serde_json::from_str::<FocalOptions>(&text).expect("options"), options, "{text}");
    }
    for (word, statistic) in FocalStatistic::WORDS {
        assert_eq!((FocalStatistic::parse(word), statistic.word()), (Some(statistic), word));
    }
}
