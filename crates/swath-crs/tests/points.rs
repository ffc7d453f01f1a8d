//! Points of known places, with the values that PROJ 9.8.1 gives (pyproj 3.8.0, `always_xy=True`, no grids).
#![allow(missing_docs, clippy::type_complexity, clippy::excessive_precision)]

use swath_crs::{Crs, PointProblem, Transform, TransformOptions};

const MILLIMETRE: f64 = 1e-3;
/// A millimetre in degrees of latitude.
const MILLIMETRE_DEGREES: f64 = 1e-8;

fn transform(from: &str, to: &str) -> Transform {
    let parse = |text: &str| Crs::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    Transform::new(&parse(from), &parse(to)).unwrap_or_else(|error| panic!("{from} to {to}: {error}"))
}

fn check(from: u32, to: u32, point: (f64, f64), expect: (f64, f64), tolerance: f64) {
    let there = transform(&from.to_string(), &to.to_string());
    let got = there.point(point.0, point.1).unwrap_or_else(|error| panic!("EPSG:{to}: {error}"));
    let apart = (got.0 - expect.0).abs().max((got.1 - expect.1).abs());
    assert!(apart <= tolerance, "EPSG:{from} {point:?} to EPSG:{to}: got {got:?}, expected {expect:?}");
}

#[test]
fn points_from_wgs84_agree_with_proj_to_a_millimetre() {
    let cases: [(u32, (f64, f64), (f64, f64)); 31] = [
        (32633, (15.5, 52.25), (534133.623677440, 5788962.280757720)),
        (32633, (11.9, 0.1), (154878.577256217, 11069.311991366)),
        (32733, (16.2, -33.9), (610950.177018842, 6248283.651076244)),
        (3857, (-74.006, 40.7128), (-8238310.235647004, 4970071.579142427)),
        (3857, (179.9, -85.0), (20026376.393709917, -19971868.880408566)),
        (3035, (2.3522, 48.8566), (3760771.864838010, 2889484.801900801)),
        (2154, (2.3522, 48.8566), (652469.022709136, 6862035.259420079)),
        (5070, (-96.5, 39.25), (-42753.319163594, 1803042.511199217)),
        (3413, (-45.5, 72.25), (-16909.544347956, -1937641.861133979)),
        (3031, (120.25, -75.5), (1367955.373215098, -797767.994755329)),
        (6933, (23.7, -12.4), (2286724.841946247, -1569911.862954943)),
        (27700, (-1.5, 52.5), (434039.457286059, 289239.281092673)),
        (28992, (5.387, 52.155), (154986.073175035, 462980.830142171)),
        (2056, (7.4386, 46.9511), (2599997.532515652, 1200001.916440144)),
        (21781, (8.5, 47.4), (680120.181760981, 250450.279328116)),
        (31467, (9.1, 48.7), (3507436.770924918, 5395830.355349430)),
        (2263, (-73.98, 40.75), (989791.457348593, 212522.519239254)),
        (2048, (18.99, -33.43), (929.972653571, 3700438.652986730)),
        (27572, (2.3365, 46.8), (599997.435068317, 2200005.693248302)),
        (5514, (14.42, 50.09), (-742860.083488291, -1042721.363483405)),
        (3112, (134.5, -25.5), (49672.391993822, -2896695.242060749)),
        (2193, (174.76, -36.85), (1756911.944850173, 5920321.818190336)),
        (31370, (4.35, 50.85), (148679.447377894, 171066.810329966)),
        (25832, (9.5, 51.5), (534706.271564915, 5705547.682000317)),
        (8857, (-120.0, 45.0), (-9861649.832663732, 5466867.760213718)),
        (6931, (10.0, 80.0), (193688.749052231, -1098463.481164414)),
        (32661, (30.0, 85.0), (2277728.695691339, 1518959.788342766)),
        (3067, (25.0, 65.0), (405698.987608490, 7209946.445952068)),
        (3006, (15.0, 60.0), (500000.0, 6651411.190239697)),
        // Deprecated, and projected onto the sphere of the same surface.
        (3975, (10.0, 50.0), (962977.397881579, 5635486.703752737)),
        (4326, (-180.0, 90.0), (-180.0, 90.0)),
    ];
    for (code, point, expect) in cases {
        check(4326, code, point, expect, MILLIMETRE);
    }
}

#[test]
fn degrees_agree_with_proj_to_a_millimetre() {
    let cases: [(u32, (f64, f64), (f64, f64)); 4] = [
        (4267, (-98.5, 38.5), (-98.499639896, 38.499977717)),
        (4269, (-98.5, 38.5), (-98.5, 38.5)),
        (4258, (10.25, 50.5), (10.25, 50.5)),
        // Grads from Paris.
        (4807, (2.3365, 46.8), (-0.000037335, 52.000056911)),
    ];
    for (code, point, expect) in cases {
        check(4326, code, point, expect, MILLIMETRE_DEGREES);
    }
}

#[test]
fn pairs_without_wgs84_take_the_published_way_or_the_one_through_wgs84() {
    check(27700, 3035, (400000.0, 300000.0), (3512038.821648, 3343492.640313), MILLIMETRE);
    check(2154, 27572, (652000.0, 6860000.0), (600700.085845, 2426655.460201), MILLIMETRE);
    check(31467, 25832, (3500000.0, 5500000.0), (499924.833867, 5498239.501109), MILLIMETRE);
    check(25832, 31467, (500000.0, 5540000.0), (3500075.071277, 5541777.220115), MILLIMETRE);
}

#[test]
fn a_shift_is_the_one_of_the_region() {
    // The most accurate transformation of NAD27 is for Panama; in Kansas it would be wrong by tens of metres.
    let there = transform("EPSG:4267", "EPSG:4326");
    let kansas = there.point(-98.5, 38.5).expect("a transformation covers Kansas");
    let cuba = there.point(-80.0, 22.0).expect("a transformation covers Cuba");
    assert!((kansas.0 + 98.500360).abs() < 1e-5, "{kansas:?}");
    assert!((cuba.0 + 80.0).abs() > 1e-5, "{cuba:?}");
    assert_eq!(there.try_point(100.0, 10.0), Err(PointProblem::OutsideShift));
}

#[test]
fn every_transformation_comes_back() {
    let codes = ["32633", "3857", "3035", "27700", "31467", "28992", "2056", "6933", "2048", "27572", "2263", "5514"];
    let places = [(15.0, 51.0), (15.0, 51.0), (4.9, 52.3), (-1.5, 52.5), (9.1, 48.7), (5.387, 52.155), (7.44, 46.95)];
    let more = [(23.7, -12.4), (18.99, -33.43), (2.3365, 46.8), (-73.98, 40.75), (14.42, 50.09)];
    for (code, place) in codes.iter().zip(places.into_iter().chain(more)) {
        let (there, back) = (transform("4326", code), transform(code, "4326"));
        let plane = there.point(place.0, place.1).expect("the place is in the area of use");
        let again = back.point(plane.0, plane.1).expect("what came out goes in");
        let apart = (again.0 - place.0).abs().max((again.1 - place.1).abs());
        assert!(apart < 1e-7, "EPSG:{code}: {place:?} came back as {again:?}");
    }
}

#[test]
fn impossible_points_are_refused_with_the_reason() {
    let cases = [
        ("4326", "32633", (f64::NAN, 1.0), PointProblem::NotFinite),
        ("4326", "32633", (1.0, f64::INFINITY), PointProblem::NotFinite),
        ("4326", "32633", (10.0, 91.0), PointProblem::NotOnEarth),
        ("4326", "32633", (181.0, 10.0), PointProblem::NotOnEarth),
        ("4326", "32633", (1e300, 1e300), PointProblem::NotOnEarth),
        ("4326", "4326", (10.0, 91.0), PointProblem::NotOnEarth),
        ("4326", "4326", (f64::NEG_INFINITY, 1.0), PointProblem::NotFinite),
        ("4326", "3857", (10.0, 90.0), PointProblem::OutsideProjection),
        ("4326", "27700", (100.0, 10.0), PointProblem::OutsideShift),
    ];
    for (from, to, (x, y), problem) in cases {
        assert_eq!(transform(from, to).try_point(x, y), Err(problem), "EPSG:{from} ({x}, {y}) to EPSG:{to}");
    }
}

#[test]
fn no_coordinate_makes_a_panic_or_an_answer_that_is_no_number() {
    let values = [0.0, -0.0, 1.0, 89.999999, 90.0, 180.0, 359.0, 1e6, 1e9, 1e17, 1e300, f64::MIN_POSITIVE, f64::MAX];
    let codes = [
        "4326", "32633", "3857", "3035", "2154", "5070", "3413", "6933", "27700", "28992", "2056", "31467", "4267",
        "5514", "8857", "2048", "27572", "29371", "30200", "3410", "3141", "24370",
    ];
    for from in codes {
        for to in ["4326", "3857", "32633", "6933"] {
            let (Ok(source), Ok(target)) = (Crs::parse(from), Crs::parse(to)) else { panic!("{from} {to}") };
            let options = TransformOptions { ballpark: true, ..TransformOptions::default() };
            let there = Transform::with_options(&source, &target, options)
                .unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
            for x in values.iter().flat_map(|v| [*v, -*v]) {
                for y in values.iter().flat_map(|v| [*v, -*v]) {
                    if let Ok((x, y)) = there.point(x, y) {
                        assert!(x.is_finite() && y.is_finite(), "EPSG:{from} to EPSG:{to} gave ({x}, {y})");
                    }
                }
            }
        }
    }
}

#[test]
fn a_transformation_states_its_accuracy() {
    let cases = [
        ("4326", "4326", Some(0.0)),
        ("4326", "32633", Some(0.0)),
        ("OGC:CRS84", "4326", Some(0.0)),
        ("4258", "4326", Some(1.0)),
        ("27700", "4326", Some(10.0)),
        ("21781", "4326", Some(1.5)),
        ("+proj=longlat +ellps=bessel +towgs84=598.1,73.7,418.2,0.202,0.045,-2.455,6.7 +no_defs", "4326", None),
    ];
    for (from, to, accuracy) in cases {
        assert_eq!(transform(from, to).accuracy_m(), accuracy, "{from} to {to}");
    }
}

#[test]
fn a_pair_without_a_good_enough_transformation_is_refused_unless_ballpark_is_allowed() {
    let (china, wgs84) = (Crs::parse("EPSG:4490").expect("known"), Crs::parse("EPSG:4326").expect("known"));
    let error = Transform::new(&china, &wgs84).expect_err("nothing is published");
    assert!(error.to_string().contains("EPSG:4490"), "{error}");
    let options = TransformOptions { ballpark: true, ..TransformOptions::default() };
    let carried = Transform::with_options(&china, &wgs84, options).expect("ballpark is allowed");
    assert_eq!(carried.point(110.0, 30.0), Ok((110.0, 30.0)));
    assert_eq!(carried.accuracy_m(), None);
    let strict = TransformOptions { accuracy_limit_m: 1.0, ..TransformOptions::default() };
    let britain = Crs::parse("EPSG:27700").expect("known");
    assert!(Transform::with_options(&britain, &wgs84, strict).is_err());
}

#[test]
fn the_best_transformation_refuses_no_place_for_its_datum() {
    let best = |from: &str, to: &str| {
        Transform::best(&Crs::parse(from).expect("known"), &Crs::parse(to).expect("known")).expect("a way")
    };
    // Puerto Rico lies outside the areas of all shifts from NAD83 that need no grid. As PROJ 9.8.1 has it.
    assert_eq!(transform("4269", "4326").try_point(-66.5, 18.2), Err(PointProblem::OutsideShift));
    assert_eq!(best("4269", "4326").point(-66.5, 18.2), Ok((-66.5, 18.2)));
    // Inside of areas nothing changes.
    for (from, to, x, y) in
        [("4267", "4326", -98.5, 38.5), ("4326", "27700", -1.5, 52.5), ("4267", "4326", -80.0, 22.0)]
    {
        assert_eq!(best(from, to).point(x, y), transform(from, to).point(x, y), "{from}");
    }
    // Just beyond the area of the German datum its shift goes on.
    assert_eq!(transform("4314", "4326").try_point(5.8, 50.5), Err(PointProblem::OutsideShift));
    let moved = |x: f64, y: f64| {
        let place = best("4314", "4326").point(x, y).expect("a place");
        (place.0 - x, place.1 - y)
    };
    let (inside, outside) = (moved(5.95, 50.5), moved(5.8, 50.5));
    assert!((inside.0 - outside.0).hypot(inside.1 - outside.1) < 1e-4, "{inside:?} {outside:?}");
    assert!(outside.1 < -1e-3, "{outside:?}");
    // Nothing is published for China's datum.
    assert_eq!(best("4490", "4326").point(110.0, 30.0), Ok((110.0, 30.0)));
}

#[test]
fn where_the_only_grid_ends_the_best_transformation_goes_on() {
    let parse = |text: &str| Crs::parse(text).expect("known");
    let is_near =
        |one: (f64, f64), two: (f64, f64)| (one.0 - two.0).abs().max((one.1 - two.1).abs()) <= MILLIMETRE_DEGREES;
    // NAD83 to NAD27 has no shift without a grid, and the grid at hand is that of Canada. Beyond it the way is through
    // WGS 84; values are PROJ's for "NAD83 to WGS 84 (1)" and the inverse of "NAD27 to WGS 84": (6) in Colorado and
    // Kansas, (7) in Alaska, (13) on the grid's own land if it were not there.
    assert_eq!(transform("4269", "4267").try_point(-105.0, 40.0), Err(PointProblem::OutsideShift));
    let (there, back) =
        (Transform::best(&parse("4269"), &parse("4267")), Transform::best(&parse("4267"), &parse("4269")));
    let (there, back) = (there.expect("a way"), back.expect("a way"));
    for (place, expect) in [
        ((-105.0, 40.0), (-104.999427615, 40.000024440)),
        ((-98.5, 38.5), (-98.499639896, 38.499977717)),
        ((-150.0, 64.0), (-149.997559647, 64.000499552)),
    ] {
        let got = there.point(place.0, place.1).expect("a place");
        assert!(is_near(got, expect), "{place:?}: got {got:?}, expected {expect:?}");
        let again = back.point(got.0, got.1).expect("a place");
        assert!(is_near(again, place), "{place:?} came back as {again:?}");
    }
    // On the grid nothing changes, and there is no place on Earth without an answer.
    assert_eq!(there.point(-105.0, 52.0), transform("4269", "4267").point(-105.0, 52.0));
    assert!(!is_near(there.point(-105.0, 52.0).expect("a place"), (-104.999457074, 51.999941136)));
    for at in 0..36 * 17 {
        let (x, y) = (f64::from(at % 36) * 10.0 - 175.0, f64::from(at / 36) * 10.0 - 80.0);
        assert!(there.point(x, y).is_ok() && back.point(x, y).is_ok(), "{x}, {y}");
    }
    assert!(there.accuracy_m().is_some_and(|metres| metres > 10.0), "{:?}", there.accuracy_m());
    // A definition with a grid of its own has nothing beside it.
    let own = Transform::best(&parse("4326"), &parse("+proj=longlat +ellps=clrk66 +nadgrids=ntv2_0.gsb +no_defs"));
    let own = own.expect("a way");
    assert_eq!((own.point(-105.0, 40.0), own.accuracy_m()), (Ok((-105.0, 40.0)), None));
    assert_eq!(own.point(-105.0, 52.0), there.point(-105.0, 52.0));
}

#[test]
fn a_code_whose_scale_is_misprinted_in_the_dataset_is_refused() {
    let base = Crs::parse("EPSG:6318").expect("known");
    for code in ["6996", "6997"] {
        let error = Transform::new(&base, &Crs::parse(code).expect("known")).expect_err("its plane has no extent");
        assert!(error.to_string().contains("San Francisco"), "{error}");
    }
}

#[test]
fn a_transformation_is_shared_between_threads_and_gives_the_same_bits() {
    fn shareable<T: Send + Sync + Clone>(_: &T) {}
    let there = transform("31467", "4326");
    shareable(&there);
    let alone = there.point(3507436.77, 5395830.35).expect("in Germany");
    let others: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| there.point(3507436.77, 5395830.35))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    for other in others {
        let other = other.expect("in Germany");
        assert_eq!((alone.0.to_bits(), alone.1.to_bits()), (other.0.to_bits(), other.1.to_bits()));
    }
}
