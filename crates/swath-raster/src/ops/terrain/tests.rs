//! Terrain against a slow reading of its formulas, published examples, and by windows and memory.

use super::*;
use crate::ops::tests::held::{Held, assert_bounded, assert_windows_agree, pixels};
use crate::ops::{Synth, Synthesis};

const SHAPE: Shape = Shape::new(23, 37);
const NAN: f64 = f64::NAN;

fn all_options() -> Vec<TerrainOptions> {
    let mut all = Vec::new();
    for edges in [TerrainEdges::Nodata, TerrainEdges::Extrapolate] {
        for (_, kind) in TerrainKind::WORDS {
            for (_, method) in TerrainMethod::WORDS {
                let options = TerrainOptions::new(kind);
                all.push(TerrainOptions { method, edges, z_factor: 1.5, azimuth: 100.0, altitude: 30.0, ..options });
                if kind == TerrainKind::Slope {
                    all.push(TerrainOptions { method, edges, units: SlopeUnits::Percent, ..options });
                }
            }
        }
    }
    all
}

/// The nine heights around a pixel, as the edges say.
fn nine(values: &[f64], edges: TerrainEdges, row: i64, column: i64) -> Option<[f64; 9]> {
    let (rows, columns) = (i64::from(SHAPE.rows), i64::from(SHAPE.columns));
    let at = |row: i64, column: i64| values[(row * columns + column) as usize];
    let centre = at(row, column);
    let outermost = row == 0 || row == rows - 1;
    let further = |place: i64, end: i64| if place < 0 { (0, 1) } else { (end - 1, end - 2) };
    let mut nine = [NAN; 9];
    for (place, height) in nine.iter_mut().enumerate() {
        let (down, along) = (row + place as i64 / 3 - 1, column + place as i64 % 3 - 1);
        let inside = ((0..rows).contains(&down), (0..columns).contains(&along));
        *height = match (edges, inside) {
            (_, (true, true)) => at(down, along),
            (TerrainEdges::Nodata, _) => NAN,
            (_, (false, _)) => {
                let (near, far) = further(down, rows);
                let along = along.clamp(0, columns - 1);
                2.0 * at(near, along) - at(far, along)
            }
            (_, (true, false)) if outermost => at(down, along.clamp(0, columns - 1)),
            (_, (true, false)) => {
                let (near, far) = further(along, columns);
                2.0 * at(down, near) - at(down, far)
            }
        };
        if height.is_nan() && edges == TerrainEdges::Extrapolate {
            *height = centre;
        }
    }
    (!centre.is_nan() && nine.iter().all(|height| !height.is_nan())).then_some(nine)
}

fn reference(n: [f64; 9], options: &TerrainOptions, (dx, dy): (f64, f64)) -> f64 {
    let n = n.map(|height| height * options.z_factor);
    let (p, q) = match options.method {
        TerrainMethod::Horn => (
            (n[2] + 2.0 * n[5] + n[8] - n[0] - 2.0 * n[3] - n[6]) / (8.0 * dx),
            (n[0] + 2.0 * n[1] + n[2] - n[6] - 2.0 * n[7] - n[8]) / (8.0 * dy),
        ),
        TerrainMethod::ZevenbergenThorne => ((n[5] - n[3]) / (2.0 * dx), (n[1] - n[7]) / (2.0 * dy)),
    };
    let around = [0, 1, 2, 3, 5, 6, 7, 8].map(|place| n[place]);
    let light = |azimuth: f64, altitude: f64| {
        let (azimuth, altitude) = (azimuth.to_radians(), altitude.to_radians());
        let normal = 1.0 / (1.0 + p * p + q * q).sqrt();
        (altitude.sin() - altitude.cos() * (p * azimuth.sin() + q * azimuth.cos())) * normal
    };
    match options.kind {
        TerrainKind::Slope if options.units == SlopeUnits::Percent => 100.0 * p.hypot(q),
        TerrainKind::Slope => p.hypot(q).atan().to_degrees(),
        TerrainKind::Aspect if p == 0.0 && q == 0.0 => NAN,
        TerrainKind::Aspect => (-p).atan2(-q).to_degrees().rem_euclid(360.0),
        TerrainKind::Hillshade => (1.0 + 254.0 * light(options.azimuth, options.altitude).max(0.0)).round(),
        TerrainKind::Multidirectional if p == 0.0 && q == 0.0 => (1.0 + 254.0 * light(0.0, options.altitude)).round(),
        TerrainKind::Multidirectional => {
            let aspect = (-p).atan2(-q).to_degrees();
            let part = |azimuth: f64| {
                (aspect - azimuth).to_radians().cos().powi(2) * light(azimuth, options.altitude).max(0.0)
            };
            (1.0 + 127.0 * [225.0, 270.0, 315.0, 360.0].map(part).iter().sum::<f64>()).round()
        }
        TerrainKind::Tri => around.iter().map(|height| (height - n[4]).powi(2)).sum::<f64>().sqrt(),
        TerrainKind::Tpi => n[4] - around.iter().sum::<f64>() / 8.0,
        TerrainKind::Roughness => n.iter().fold(n[0], |m, v| m.max(*v)) - n.iter().fold(n[0], |m, v| m.min(*v)),
        TerrainKind::Curvature => {
            let (d, e) = ((n[3] + n[5]) / 2.0 - n[4], (n[1] + n[7]) / 2.0 - n[4]);
            -200.0 * (d / (dx * dx) + e / (dy * dy))
        }
    }
}

/// Hills, with flat ground and gaps.
fn hills(gaps: u64) -> Vec<f64> {
    let height = |place: u64| {
        let (row, column) = ((place / 37) as f64, (place % 37) as f64);
        let height = (100.0 * ((row * 0.3).sin() + (column * 0.2).cos()) + row * column * 0.1).round() / 4.0;
        let is_gap = gaps > 0 && (place * 7919 % 1009).is_multiple_of(gaps);
        if is_gap { NAN } else { height.max(-20.0) }
    };
    (0..SHAPE.pixels()).map(height).collect()
}

#[test]
fn results_are_those_of_the_formulas() {
    // Rows that go south, and rows that go north.
    for affine in
        [Affine::north_up(100.0, 900.0, 10.0, 20.0), Affine { e: 20.0, ..Affine::north_up(0.0, 0.0, 10.0, 20.0) }]
    {
        for gaps in [0, 40, 4] {
            let values = hills(gaps);
            for options in all_options() {
                let raster =
                    Terrain::new(Held::placed(SHAPE, 1, &values, affine, None), options).expect("an operation");
                for (place, got) in pixels(&raster, SHAPE.whole()).iter().enumerate() {
                    let (row, column) = (place as i64 / 37, place as i64 % 37);
                    let nine = nine(&values, options.edges, row, column);
                    let wanted = nine.map_or(NAN, |nine| reference(nine, &options, (affine.a, -affine.e)));
                    let close = (got - wanted).abs() <= 1e-6 * wanted.abs().max(1.0);
                    assert!(close || (got.is_nan() && wanted.is_nan()), "{options:?} {row}, {column}: {got}, {wanted}");
                }
            }
        }
    }
}

/// The worked examples of Esri's manual.
#[test]
fn published_examples() {
    let check = |kind, size, heights: [f64; 9], wanted: f64| {
        let affine = Affine::north_up(0.0, 0.0, size, size);
        let input = Held::placed(Shape::new(3, 3), 1, &heights, affine, None);
        let raster = Terrain::new(input, TerrainOptions::new(kind)).expect("an operation");
        let got = pixels(&raster, Window::new(1, 1, 1, 1))[0];
        assert!((got - wanted).abs() < 5e-3, "{kind:?}: {got}, wanted {wanted}");
    };
    check(TerrainKind::Slope, 5.0, [50.0, 45.0, 50.0, 30.0, 30.0, 30.0, 8.0, 10.0, 10.0], 75.25762);
    check(TerrainKind::Aspect, 1.0, [101.0, 92.0, 85.0, 101.0, 92.0, 85.0, 101.0, 91.0, 84.0], 92.64);
    // 153.82 where 255 is the brightest.
    let heights = [2450.0, 2461.0, 2483.0, 2452.0, 2461.0, 2483.0, 2447.0, 2455.0, 2477.0];
    check(TerrainKind::Hillshade, 5.0, heights, 154.0);
}

#[test]
fn degrees_are_measured_on_the_ellipsoid() {
    let wgs84 = Arc::new(swath_crs::Crs::from_epsg(4326).expect("WGS 84"));
    // A second of arc at 60° north: 15.5 m wide, 30.9 m high.
    let second = 1.0 / 3600.0;
    let affine = Affine::north_up(20.0, 60.0 + 1.5 * second, second, second);
    let check = |heights: [f64; 9], kind, wanted: f64| {
        let input = Held::placed(Shape::new(3, 3), 1, &heights, affine, Some(Arc::clone(&wgs84)));
        let raster = Terrain::new(input, TerrainOptions::new(kind)).expect("an operation");
        let got = pixels(&raster, Window::new(1, 1, 1, 1))[0];
        assert!((got - wanted).abs() < 1e-4, "{kind:?}: {got}, wanted {wanted}");
    };
    let (wide, high) = (55_800.0 * second, 111_412.24 * second);
    let (to_east, to_north) =
        ([0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0], [2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0]);
    check(to_east, TerrainKind::Slope, (1.0 / wide).atan().to_degrees());
    check(to_north, TerrainKind::Slope, (1.0 / high).atan().to_degrees());
    let both: [f64; 9] = std::array::from_fn(|place| to_east[place] + to_north[place]);
    check(both, TerrainKind::Aspect, 180.0 + high.atan2(wide).to_degrees());
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
            assert_windows_agree(&Terrain::new(synth(DataType::Float32, missing), options).expect("an operation"));
        }
    }
}

#[test]
fn reading_stays_within_its_bound() {
    for options in all_options() {
        assert_bounded(&Terrain::new(synth(DataType::UInt16, 0.2), options).expect("an operation"));
    }
}

#[test]
fn lines_have_no_slope() {
    for edges in [TerrainEdges::Nodata, TerrainEdges::Extrapolate] {
        let options = TerrainOptions { edges, ..TerrainOptions::new(TerrainKind::Slope) };
        let raster = Terrain::new(Held::of(Shape::new(1, 4), 1, &[1.0, 2.0, 3.0, 4.0]), options).expect("an operation");
        assert!(pixels(&raster, Shape::new(1, 4).whole()).iter().all(|value| value.is_nan()));
    }
}

#[test]
fn what_cannot_be() {
    let check = |affine, options, wanted: &str| match Terrain::new(
        Held::placed(Shape::new(1, 1), 1, &[0.0], affine, None),
        options,
    ) {
        Err(Error::Usage { message, .. }) => assert!(message.contains(wanted), "{message}"),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("{options:?} was taken"),
    };
    let (slope, shade) = (TerrainOptions::new(TerrainKind::Slope), TerrainOptions::new(TerrainKind::Hillshade));
    let straight = Affine::north_up(0.0, 0.0, 1.0, 1.0);
    check(Affine { b: 0.5, ..straight }, slope, "turned");
    check(straight, TerrainOptions { z_factor: 0.0, ..slope }, "z factor of 0");
    check(straight, TerrainOptions { altitude: 91.0, ..shade }, "91°");
}

#[test]
fn options_come_back_from_json() {
    for options in all_options() {
        let text = serde_json::to_string(&options).expect("text");
        assert_eq!(serde_json::from_str::<TerrainOptions>(&text).expect("options"), options, "{text}");
    }
    let short = serde_json::from_str::<TerrainOptions>(r#"{"kind": "slope"}"#).expect("options");
    assert_eq!(short, TerrainOptions::new(TerrainKind::Slope));
    assert_eq!(
        TerrainKind::WORDS.map(|(word, _)| TerrainKind::parse(word).map(TerrainKind::word)),
        TerrainKind::WORDS.map(|(word, _)| Some(word))
    );
}

/// What gdaldem of GDAL 3.12 makes of twelve heights: the two pixels inside, and with `-compute_edges` those at (0, 0),
/// (0, 2), (1, 3) and (2, 3).
#[test]
fn literals_of_gdaldem() {
    let heights = [312.0, 340.0, 355.0, 361.0, 298.0, 331.0, 349.0, 340.0, 290.0, 300.0, 322.0, 318.0];
    let shape = Shape::new(3, 4);
    let check = |options: TerrainOptions, inside: [f64; 2], edges: [f64; 4]| {
        for (edges_as, places, wanted) in [
            (TerrainEdges::Nodata, &[5, 6][..], &inside[..]),
            (TerrainEdges::Extrapolate, &[0, 2, 7, 11][..], &edges[..]),
        ] {
            let options = TerrainOptions { edges: edges_as, ..options };
            let affine = Affine::north_up(500_000.0, 5_400_000.0, 30.0, 30.0);
            let raster = Terrain::new(Held::placed(shape, 1, &heights, affine, None), options).expect("an operation");
            let got = pixels(&raster, shape.whole());
            for (place, wanted) in places.iter().zip(wanted) {
                assert!((got[*place] - wanted).abs() <= 1e-6 * wanted.abs(), "{options:?} at {place}: {}", got[*place]);
            }
        }
    };
    let of = TerrainOptions::new;
    let smooth = |kind| TerrainOptions { method: TerrainMethod::ZevenbergenThorne, ..of(kind) };
    check(of(TerrainKind::Slope), [42.8468552, 33.6124115], [32.2597733, 26.3342476, 36.0907135, 37.8779945]);
    check(smooth(TerrainKind::Slope), [47.2092628, 29.6869335], [33.4234657, 21.954998, 37.8444977, 36.3663483]);
    check(of(TerrainKind::Aspect), [232.666809, 200.934372], [227.67543, 225.0, 169.460815, 175.083435]);
    check(smooth(TerrainKind::Aspect), [231.892426, 195.255127], [225.0, 240.255112, 157.285583, 174.805573]);
    check(of(TerrainKind::Hillshade), [149.0, 110.0], [157.0, 162.0, 59.0, 58.0]);
    check(smooth(TerrainKind::Hillshade), [139.0, 113.0], [151.0, 185.0, 41.0, 64.0]);
    check(of(TerrainKind::Multidirectional), [209.0, 147.0], [205.0, 202.0, 75.0, 78.0]);
    check(of(TerrainKind::Tri), [71.7913666, 68.9710083], [57.428215, 43.5775185, 55.1452637, 58.66856]);
    check(of(TerrainKind::Tpi), [10.25, 15.625], [-10.5, 3.375, 0.375, -1.5]);
    check(of(TerrainKind::Roughness), [65.0, 61.0], [51.0, 51.0, 53.0, 54.0]);
    let light = TerrainOptions { azimuth: 70.0, altitude: 20.0, z_factor: 2.5, ..of(TerrainKind::Hillshade) };
    check(light, [1.0, 1.0], [1.0, 1.0, 8.0, 1.0]);
}

#[test]
fn degrees_need_a_place() {
    let grid = Held::grid(Shape::new(2, 2), 1, crate::DataType::Float64, Affine::PIXELS, Some(4326));
    let held = Held::by(Grid { affine: None, ..grid }, |_, _| 1.0);
    match Terrain::new(held, TerrainOptions::new(TerrainKind::Slope)) {
        Err(Error::Usage { message, .. }) => assert!(message.contains("degrees need its place"), "{message}"),
        _ => panic!("slopes of a raster that lies nowhere"),
    }
}
