//! What keys of real files mean.

use super::*;
use crate::geotiff::tags;

/// Keys as a file would hold them: whole numbers are codes, others are numbers.
enum Value {
    Code(u16),
    Number(f64),
    Text(&'static str),
}

use Value::{Code, Number, Text};

fn keys(values: &[(u16, Value)]) -> Keys {
    let mut keys = Keys::default();
    for (key, value) in values {
        match value {
            Code(code) => keys.entries.push([*key, 0, 1, *code]),
            Number(number) => {
                keys.entries.push([*key, tags::GEO_DOUBLE_PARAMS, 1, keys.numbers.len() as u16]);
                keys.numbers.push(*number);
            }
            Text(text) => {
                let start = keys.text.len() as u16;
                keys.entries.push([*key, tags::GEO_ASCII_PARAMS, text.len() as u16, start]);
                keys.text.extend(text.as_bytes());
            }
        }
    }
    keys
}

#[track_caller]
fn check_code(values: &[(u16, Value)], wanted: Option<u32>) {
    let crs = keys(values).named().and_then(Named::crs).expect("a system or none");
    assert_eq!(crs.and_then(|crs| crs.epsg()), wanted);
}

/// The system that keys define must be the same in place as the one of a code.
#[track_caller]
fn check_same(values: &[(u16, Value)], code: u32, point: (f64, f64)) {
    let crs = keys(values).named().and_then(Named::crs).expect("understood").expect("a system");
    let wanted = Crs::from_epsg(code).expect("known");
    let geographic = Crs::from_epsg(4326).expect("known");
    let there = |crs: &Crs| {
        let transform = swath_crs::Transform::new(&geographic, crs).expect("a way");
        transform.point(point.0, point.1).expect("a point")
    };
    let (got, wanted) = (there(&crs), there(&wanted));
    assert!((got.0 - wanted.0).hypot(got.1 - wanted.1) < 1e-6, "{got:?} instead of {wanted:?}");
}

#[test]
fn codes_come_first() {
    check_code(&[(1024, Code(1)), (3072, Code(32_633)), (3076, Code(9001))], Some(32_633));
    check_code(&[(1024, Code(2)), (2048, Code(4326))], Some(4326));
    check_code(&[(3072, Code(3857))], Some(3857));
    check_code(&[(1025, Code(1))], None);
}

#[test]
fn zones_of_known_datums_have_a_code() {
    let zone = |conversion| [(1024, Code(1)), (2048, Code(4326)), (3072, Code(32_767)), (3074, Code(conversion))];
    check_code(&zone(16_133), Some(32_733));
    check_code(&zone(16_033), Some(32_633));
    let datum = [(1024, Code(1)), (2050, Code(6269)), (3072, Code(32_767)), (3074, Code(16_011))];
    check_code(&datum, Some(26_911));
}

#[test]
fn projections_are_built_from_their_parameters() {
    let albers = |latitude: u16, longitude: u16| {
        let mut values = vec![(1024, Code(1)), (2048, Code(4269)), (3072, Code(32_767)), (3075, Code(11))];
        values.extend([(3078, Number(29.5)), (3079, Number(45.5))]);
        values.extend([(latitude, Number(23.0)), (longitude, Number(-96.0)), (3082, Number(0.0))]);
        values
    };
    check_same(&albers(3081, 3080), 5070, (-100.0, 40.0));
    check_same(&albers(3085, 3084), 5070, (-100.0, 40.0));
    let base = || vec![(1024, Code(1)), (2048, Code(4326)), (3072, Code(32_767))];
    let with = |values: Vec<(u16, Value)>| base().into_iter().chain(values).collect::<Vec<_>>();
    let polar = vec![(3075, Code(15)), (3081, Number(70.0)), (3095, Number(-45.0)), (3092, Number(1.0))];
    check_same(&with(polar), 3413, (-30.0, 75.0));
    let ups = vec![(3075, Code(15)), (3081, Number(90.0)), (3095, Number(0.0)), (3092, Number(0.994))];
    let ups = ups.into_iter().chain([(3082, Number(2e6)), (3083, Number(2e6))]).collect();
    check_same(&with(ups), 32_661, (-30.0, 85.0));
    let conic = vec![(3075, Code(8)), (3078, Number(49.0)), (3079, Number(44.0)), (3085, Number(46.5))];
    let conic = conic.into_iter().chain([(3084, Number(3.0)), (3086, Number(7e5)), (3087, Number(66e5))]).collect();
    check_same(&with(conic), 2154, (2.0, 47.0));
    let mercator = vec![(3075, Code(7)), (3080, Number(0.0)), (3092, Number(1.0))];
    check_same(&with(mercator), 3395, (10.0, 50.0));
    let equal_area = vec![(3075, Code(10)), (3089, Number(90.0)), (3088, Number(-40.0))];
    check_same(&with(equal_area), 3574, (10.0, 50.0));
}

#[test]
fn units_of_length_count() {
    let feet = |unit: u16| [(1024, Code(1)), (3072, Code(2263)), (3076, Code(unit))];
    check_code(&feet(9003), Some(2263));
    assert!(keys(&feet(9001)).named().and_then(Named::crs).is_err());
}

#[test]
fn text_of_esri_is_read() {
    let wkt = "ESRI PE String = PROJCS[\"x\",GEOGCS[\"GCS_North_American_1983\",DATUM[\"D_North_American_1983\",\
        SPHEROID[\"GRS_1980\",6378137.0,298.257222101]],PRIMEM[\"Greenwich\",0.0],\
        UNIT[\"Degree\",0.017453292519943295]],PROJECTION[\"Albers\"],PARAMETER[\"false_easting\",0.0],\
        PARAMETER[\"false_northing\",0.0],PARAMETER[\"central_meridian\",-96.0],\
        PARAMETER[\"standard_parallel_1\",29.5],PARAMETER[\"standard_parallel_2\",45.5],\
        PARAMETER[\"latitude_of_origin\",23.0],UNIT[\"Meter\",1.0],VERTCS[\"NAVD_1988\",\
        VDATUM[\"North_American_Vertical_Datum_1988\"],PARAMETER[\"Vertical_Shift\",0.0],UNIT[\"Centimeter\",0.01]]]|";
    check_same(&[(1024, Code(32_767)), (3073, Text(wkt))], 5070, (-100.0, 40.0));
}

#[test]
fn what_is_not_known_is_said() {
    for values in [
        vec![(1024, Code(3))],
        vec![(1024, Code(1)), (3072, Code(65_000))],
        vec![(1024, Code(1)), (2048, Code(4326)), (3072, Code(32_767)), (3075, Code(24))],
        vec![(1024, Code(1)), (2048, Code(4326)), (3072, Code(32_767)), (3074, Code(19_914))],
        vec![(1024, Code(2)), (2048, Code(32_767))],
        vec![(1024, Code(2)), (2048, Code(3857))],
        vec![(1024, Code(2)), (2048, Code(32_767)), (2050, Code(6807)), (2057, Number(6_378_137.0))],
    ] {
        let keys = keys(&values);
        assert!(keys.named().and_then(Named::crs).is_err(), "{keys:?}");
    }
}

#[test]
fn keys_mean_the_same_whatever_the_names() {
    let globe = |datum: &'static str| [(2048, Code(32_767)), (2049, Text(datum))];
    let sinusoidal = |more: Vec<(u16, Value)>| {
        let all: Vec<(u16, Value)> = [(3072, Code(32_767)), (3075, Code(24))].into_iter().chain(more).collect();
        keys(&all)
    };
    let named =
        |name: &'static str| keys(&[(1024, Code(1)), (2048, Code(4326)), (3072, Code(32_767)), (3073, Text(name))]);
    let unsaid = |name: &'static str| keys(&[(1024, Code(1)), (2048, Code(4326)), (3073, Text(name))]);
    let same = [
        (sinusoidal(vec![(3073, Text("one|"))]), sinusoidal(vec![(3073, Text("another|"))])),
        (sinusoidal(vec![(3082, Number(0.0)), (3077, Code(0))]), sinusoidal(vec![])),
        (sinusoidal(vec![(3088, Number(f64::NAN))]), sinusoidal(vec![(3088, Number(f64::NAN))])),
        (sinusoidal(vec![(4096, Code(5703))]), sinusoidal(vec![])),
        (keys(&globe("a|GCS Name = a|Datum = d|")), keys(&globe("b|GCS Name = b|Datum = d|"))),
    ];
    for (one, other) in &same {
        assert!(one.mean_the_same(other), "{one:?} and {other:?}");
    }
    let others = [
        (named("World_Mollweide|"), named("World_Eckert_IV|")),
        (sinusoidal(vec![(3088, Number(5.0))]), sinusoidal(vec![])),
        (keys(&globe("GCS Name = a|Datum = d|")), keys(&globe("GCS Name = a|Datum = e|"))),
        (keys(&globe("GCS Name = a|Ellipsoid = d|")), keys(&globe("GCS Name = a|Ellipsoid = e|"))),
        (keys(&globe("GCS Name = NAD27|")), keys(&globe("GCS Name = WGS 84|"))),
        (unsaid("World_Mollweide|"), unsaid("World_Eckert_IV|")),
    ];
    for place in [tags::GEO_KEY_DIRECTORY, tags::GEO_DOUBLE_PARAMS, tags::GEO_ASCII_PARAMS] {
        let mut elsewhere = sinusoidal(vec![]);
        elsewhere.entries.push([3088, place, 2, 9]);
        assert!(!elsewhere.mean_the_same(&elsewhere.clone()), "what is not read may be anything");
        assert!(!elsewhere.mean_the_same(&sinusoidal(vec![])), "what is not read may be anything");
    }
    for (one, other) in &others {
        assert!(!one.mean_the_same(other), "{one:?} and {other:?}");
    }
}

#[test]
fn keys_without_a_meaning_say_nothing_of_a_plane() {
    let nothing: [&[(u16, Value)]; 4] = [
        &[(1024, Code(0)), (2048, Code(0)), (3072, Code(0))],
        &[(1026, Text("Tile 1|")), (1024, Code(32_767))],
        &[(34_264, Code(1))],
        &[(4096, Code(5703))],
    ];
    for values in nothing {
        assert!(!keys(values).say_where(), "{:?}", keys(values));
    }
    assert!(keys(&[(1026, Text("site|")), (3076, Code(9001))]).say_where());
    assert!(keys(&[(2048, Code(4999)), (3076, Code(9001))]).may_be_angles());
    assert!(!keys(&[(1026, Text("site|")), (3076, Code(9001))]).may_be_angles());
}
