//! Texts of reference systems: what they are taken for, and that no text makes a panic.
#![allow(missing_docs)]

use serde_json::Value;
use swath_crs::{Crs, CrsError, Transform};

const WKT1: &str = r#"PROJCS["WGS 84 / UTM zone 33N",GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0,AUTHORITY["EPSG","8901"]],UNIT["degree",0.0174532925199433,AUTHORITY["EPSG","9122"]],AUTHORITY["EPSG","4326"]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",0],PARAMETER["central_meridian",15],PARAMETER["scale_factor",0.9996],PARAMETER["false_easting",500000],PARAMETER["false_northing",0],UNIT["metre",1,AUTHORITY["EPSG","9001"]],AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","32633"]]"#;
const ESRI: &str = r#"PROJCS["WGS_1984_UTM_Zone_33N",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",15.0],PARAMETER["Scale_Factor",0.9996],PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]"#;

#[test]
fn texts_are_taken_for_their_system() {
    let cases: [(&str, Option<u32>, bool); 21] = [
        ("EPSG:4326", Some(4326), true),
        ("epsg:32633", Some(32633), false),
        (" 4326 ", Some(4326), true),
        ("EPSG::3857", Some(3857), false),
        ("urn:ogc:def:crs:EPSG::3857", Some(3857), false),
        ("urn:ogc:def:crs:EPSG:9.9.1:4326", Some(4326), true),
        ("URN:OGC:DEF:CRS:OGC:1.3:CRS84", None, true),
        ("http://www.opengis.net/def/crs/EPSG/0/3035", Some(3035), false),
        ("https://www.opengis.net/def/crs/OGC/1.3/CRS84", None, true),
        ("OGC:CRS84", None, true),
        ("CRS84", None, true),
        ("CRS:84", None, true),
        ("+init=epsg:28992", Some(28992), false),
        ("+proj=longlat +datum=WGS84 +no_defs", None, true),
        ("+proj=utm +zone=33 +datum=WGS84 +units=m +no_defs", None, false),
        ("proj=utm zone=33 datum=WGS84", None, false),
        ("+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs", None, false),
        ("+proj=cea +lat_ts=30 +datum=WGS84", None, false),
        (WKT1, Some(32633), false),
        (ESRI, None, false),
        ("27572", Some(27572), false),
    ];
    for (text, code, geographic) in cases {
        let crs = Crs::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((crs.epsg(), crs.is_geographic()), (code, geographic), "{text}");
    }
}

#[test]
fn definitions_without_a_code_compute_like_the_code() {
    let wgs84 = Crs::parse("EPSG:4326").expect("known");
    let by_code = Transform::new(&wgs84, &Crs::parse("32633").expect("known")).expect("possible");
    let expect = by_code.point(15.5, 52.25).expect("in Europe");
    for text in [ESRI, "+proj=utm +zone=33 +datum=WGS84", "proj=tmerc lon_0=15 k=0.9996 x_0=500000 datum=WGS84"] {
        let crs = Crs::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let transform = Transform::new(&wgs84, &crs).unwrap_or_else(|error| panic!("{text}: {error}"));
        let got = transform.point(15.5, 52.25).expect("in Europe");
        assert!((got.0 - expect.0).abs() < 1e-4 && (got.1 - expect.1).abs() < 1e-4, "{text}: {got:?}");
    }
}

#[test]
fn a_tag_that_the_definition_contradicts_is_not_believed() {
    let moved = WKT1.replace("PARAMETER[\"false_easting\",500000]", "PARAMETER[\"false_easting\",400000]");
    assert!(Crs::parse(&moved).is_err());
}

#[test]
fn wgs84_is_known_by_all_its_names() {
    let cases = [
        ("EPSG:4326", true),
        ("OGC:CRS84", true),
        ("+proj=longlat +datum=WGS84", true),
        ("EPSG:4258", false),
        ("OGC:CRS83", false),
        ("EPSG:3857", false),
        ("+proj=longlat +ellps=bessel", false),
    ];
    for (text, equivalent) in cases {
        let crs = Crs::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(crs.is_crs84_equivalent(), equivalent, "{text}");
        let identity = Transform::new(&crs, &Crs::parse("OGC:CRS84").expect("known")).map(|t| t.is_identity());
        assert_eq!(identity.unwrap_or(false), equivalent, "{text}");
    }
}

#[test]
fn unusable_texts_are_refused_with_a_remedy() {
    let deep_json = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let cases = [
        String::new(),
        "   ".into(),
        "hello".into(),
        "EPSG:".into(),
        "EPSG:abc".into(),
        "EPSG:99999999999".into(),
        "EPSG:4979".into(),
        "EPSG:5773".into(),
        "EPSG:1".into(),
        "4000000084".into(),
        "ESRI:102100".into(),
        "OGC:CRS99".into(),
        "urn:ogc:def:crs:EPSG".into(),
        "+proj=".into(),
        "+proj=nothing".into(),
        "+proj=geocent +datum=WGS84".into(),
        "{}".into(),
        "{\"type\":\"GeographicCRS\"".into(),
        "PROJCS[".into(),
        "GEOGCS[\"\"]".into(),
        "\u{0}\u{1}\u{fffd}".into(),
        "G".repeat(1_000_000),
        "GEOGCS[".repeat(150_000),
        "[".repeat(10_000),
        deep_json,
        format!("GEOGCS[\"{}\"]", "é".repeat(20_000)),
    ];
    for text in cases {
        let start: String = text.chars().take(40).collect();
        let error = match Crs::parse(&text) {
            Ok(crs) => panic!("{start} was taken for {}", crs.name()),
            Err(error) => error,
        };
        assert!(!error.hint().is_empty() && error.to_string().len() < 600, "{start}: {error}");
    }
}

#[test]
fn a_method_name_that_programs_mean_differently_is_refused_without_a_code() {
    for method in ["Krovak", "Stereographic"] {
        let text = ESRI.replace("\"Transverse_Mercator\"", &format!("\"{method}\""));
        let error = Crs::parse(&text).expect_err("ambiguous");
        assert!(error.to_string().contains("ambiguous"), "{error}");
    }
}

#[test]
fn height_is_refused_by_name() {
    let error = Crs::parse("+proj=geocent +datum=WGS84").expect_err("three-dimensional");
    assert!(matches!(error, CrsError::Unsupported { .. }), "{error}");
}

#[test]
fn projjson_of_a_code_reads_back_as_the_code() {
    for code in [4326, 32633, 3857, 3035, 6933, 27572, 4807, 2048, 5513, 3031, 2263] {
        let crs = Crs::from_epsg(code).expect("known");
        let document = crs.to_projjson().expect("in the table");
        assert_eq!(document["id"]["code"], code);
        assert_eq!(document["name"], crs.name());
        let again = Crs::parse(&document.to_string()).unwrap_or_else(|error| panic!("EPSG:{code}: {error}"));
        assert_eq!(again.epsg(), Some(code));
        assert!(again.is_same_as(&crs));
    }
}

#[test]
fn projjson_keeps_the_authoritys_axis_order() {
    let axis = |text: &str| -> Value {
        let document = Crs::parse(text).expect("known").to_projjson().expect("in the table");
        document["coordinate_system"]["axis"][0]["direction"].clone()
    };
    assert_eq!(axis("EPSG:4326"), "north");
    assert_eq!(axis("OGC:CRS84"), "east");
    assert_eq!(axis("EPSG:32633"), "east");
    assert_eq!(axis("EPSG:3035"), "north");
}

#[test]
fn bounds_hold_the_area_of_use_and_are_finite() {
    let cases = [
        ("EPSG:4326", (180.0, 90.0), true),
        ("EPSG:4326", (180.1, 0.0), false),
        ("EPSG:4326", (0.0, 90.5), false),
        ("EPSG:4807", (200.0, 100.0), true),
        ("EPSG:4807", (201.0, 0.0), false),
        ("EPSG:32633", (500000.0, 5_800_000.0), true),
        ("EPSG:32633", (-1e9, 0.0), false),
        ("EPSG:32633", (1e300, f64::NAN), false),
        ("EPSG:3857", (20_037_508.34, -20_037_508.34), true),
        ("EPSG:3413", (-16909.5, -1937641.9), true),
        ("+proj=utm +zone=33 +datum=WGS84", (500000.0, 5_800_000.0), true),
    ];
    for (text, (x, y), inside) in cases {
        let bounds = Crs::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).coordinate_bounds();
        assert!([bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y].iter().all(|side| side.is_finite()));
        assert_eq!(bounds.contains(x, y), inside, "{text} ({x}, {y}) in {bounds:?}");
    }
}

/// A small generator of numbers, always the same.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

#[test]
fn twenty_thousand_damaged_texts_make_no_panic() {
    let json = Crs::from_epsg(3035).expect("known").to_projjson().expect("in the table").to_string();
    let seeds = [
        WKT1,
        ESRI,
        json.as_str(),
        "EPSG:32633",
        "urn:ogc:def:crs:EPSG::3857",
        "+proj=utm +zone=33 +datum=WGS84 +no_defs",
        "+proj=laea +lat_0=52 +lon_0=10 +x_0=4321000 +y_0=3210000 +ellps=GRS80 +towgs84=0,0,0,0,0,0,0 +units=m",
        "+proj=omerc +lat_0=4 +lonc=102.25 +alpha=323.0257 +k=0.99984 +x_0=804671 +y_0=0 +ellps=evrst30 +nadgrids=@null",
        "http://www.opengis.net/def/crs/EPSG/0/3035",
        "+proj=robin +datum=WGS84",
        "+proj=stere +lat_0=90 +R=6371000",
    ];
    let pieces =
        ["[", "]", "\"", ",", "é", "+", "=", "1e999", "-", "nan", "\u{0}", "PARAMETER[", "ID[", "\\u", "{", "}", "0"];
    let mut dice = Dice(7);
    let (mut read, mut refused) = (0u32, 0u32);
    for _ in 0..20_000 {
        let mut text: Vec<char> = seeds[dice.below(seeds.len())].chars().collect();
        for _ in 0..=dice.below(4) {
            let at = dice.below(text.len());
            match dice.below(4) {
                0 => text.truncate(at),
                1 => drop(text.drain(at..(at + dice.below(12)).min(text.len()))),
                2 => drop(text.splice(at..at, pieces[dice.below(pieces.len())].chars())),
                _ => text.extend_from_within(at..(at + dice.below(20)).min(text.len())),
            }
        }
        let text: String = text.into_iter().collect();
        match Crs::parse(&text) {
            Ok(crs) => {
                read += 1;
                assert!(crs.coordinate_bounds().min_x.is_finite(), "{text}");
                drop(crs.to_projjson());
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(read > 500 && refused > 5000, "{read} read, {refused} refused: the mutations are too tame or too wild");
}
