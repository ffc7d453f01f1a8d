//! Projections that a file defines for itself by GeoKeys, written as PROJJSON.
//!
//! Only methods whose parameters mean one thing to all programs are here.

use serde_json::{Value, json};
use swath_crs::Crs;

use super::keys::USER_DEFINED;
use super::system::{Keys, Named};

pub(super) const CONVERSION: u16 = 3074;
pub(super) const METHOD: u16 = 3075;
pub(super) const LINEAR_UNITS: u16 = 3076;
const LINEAR_UNIT_SIZE: u16 = 3077;
const STANDARD_PARALLEL_1: u16 = 3078;
const STANDARD_PARALLEL_2: u16 = 3079;
const ORIGIN_LONGITUDE: u16 = 3080;
const ORIGIN_LATITUDE: u16 = 3081;
const FALSE_EASTING: u16 = 3082;
const FALSE_NORTHING: u16 = 3083;
const FALSE_ORIGIN_LONGITUDE: u16 = 3084;
const FALSE_ORIGIN_LATITUDE: u16 = 3085;
const FALSE_ORIGIN_EASTING: u16 = 3086;
const FALSE_ORIGIN_NORTHING: u16 = 3087;
const CENTER_LONGITUDE: u16 = 3088;
const CENTER_LATITUDE: u16 = 3089;
const CENTER_EASTING: u16 = 3090;
const CENTER_NORTHING: u16 = 3091;
const ORIGIN_SCALE: u16 = 3092;
const CENTER_SCALE: u16 = 3093;
const AZIMUTH: u16 = 3094;
const POLE_LONGITUDE: u16 = 3095;
const GRID_ANGLE: u16 = 3096;

/// A unit of length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit {
    pub name: &'static str,
    pub metres: f64,
}

const METRE: Unit = Unit { name: "metre", metres: 1.0 };

/// The unit of coordinates, if the keys name one.
pub(super) fn unit(keys: &Keys) -> Result<Option<Unit>, String> {
    let unit = match keys.code(LINEAR_UNITS) {
        None => return Ok(None),
        Some(9001) => METRE,
        Some(9002) => Unit { name: "foot", metres: 0.3048 },
        Some(9003) => Unit { name: "US survey foot", metres: 1200.0 / 3937.0 },
        Some(9036) => Unit { name: "kilometre", metres: 1000.0 },
        Some(USER_DEFINED) => match keys.number(LINEAR_UNIT_SIZE) {
            Some(metres) if metres > 0.0 && metres.is_finite() => Unit { name: "unknown", metres },
            _ => return Err("its unit of length has no size".into()),
        },
        Some(code) => return Err(format!("its unit of length is EPSG:{code}, which is not known")),
    };
    Ok(Some(unit))
}

/// What a parameter of a conversion is measured in.
#[derive(Clone, Copy)]
enum Measure {
    Angle,
    Length,
    Scale,
}

/// A parameter: its name, its code in the EPSG dataset, its measure, and the keys that may hold it.
///
/// Where EPSG has names of its own for what is the same in all methods (easting at false origin, longitude of origin),
/// the common one stands here, since proj-wkt knows that one only and PROJ both. The same goes for the name of Lambert's
/// conic projection.
struct Parameter(&'static str, u32, Measure, &'static [u16], f64);

use Measure::{Angle, Length, Scale};

const LATITUDE: Parameter =
    Parameter("Latitude of natural origin", 8801, Angle, &[ORIGIN_LATITUDE, CENTER_LATITUDE], 0.0);
const LONGITUDE: Parameter =
    Parameter("Longitude of natural origin", 8802, Angle, &[ORIGIN_LONGITUDE, CENTER_LONGITUDE], 0.0);
const SCALE: Parameter = Parameter("Scale factor at natural origin", 8805, Scale, &[ORIGIN_SCALE, CENTER_SCALE], 1.0);
const EASTING: Parameter = Parameter("False easting", 8806, Length, &[FALSE_EASTING, FALSE_ORIGIN_EASTING], 0.0);
const NORTHING: Parameter = Parameter("False northing", 8807, Length, &[FALSE_NORTHING, FALSE_ORIGIN_NORTHING], 0.0);
const PARALLEL_1: Parameter = Parameter("Latitude of 1st standard parallel", 8823, Angle, &[STANDARD_PARALLEL_1], 0.0);
const PARALLEL_2: Parameter = Parameter("Latitude of 2nd standard parallel", 8824, Angle, &[STANDARD_PARALLEL_2], 0.0);
const FALSE_LATITUDE: Parameter =
    Parameter("Latitude of false origin", 8821, Angle, &[FALSE_ORIGIN_LATITUDE, ORIGIN_LATITUDE], 0.0);
const FALSE_LONGITUDE: Parameter =
    Parameter("Longitude of false origin", 8822, Angle, &[FALSE_ORIGIN_LONGITUDE, ORIGIN_LONGITUDE], 0.0);
const EASTING_FALSE: Parameter = Parameter("False easting", 8826, Length, &[FALSE_ORIGIN_EASTING, FALSE_EASTING], 0.0);
const NORTHING_FALSE: Parameter =
    Parameter("False northing", 8827, Length, &[FALSE_ORIGIN_NORTHING, FALSE_NORTHING], 0.0);
const POLE: Parameter = Parameter("Longitude of natural origin", 8802, Angle, &[POLE_LONGITUDE, ORIGIN_LONGITUDE], 0.0);
const POLE_ORIGIN: Parameter =
    Parameter("Longitude of natural origin", 8833, Angle, &[POLE_LONGITUDE, ORIGIN_LONGITUDE], 0.0);
const POLE_PARALLEL: Parameter = Parameter("Latitude of standard parallel", 8832, Angle, &[ORIGIN_LATITUDE], 0.0);
const CENTRE_LATITUDE: Parameter =
    Parameter("Latitude of projection centre", 8811, Angle, &[CENTER_LATITUDE, ORIGIN_LATITUDE], 0.0);
const CENTRE_LONGITUDE: Parameter =
    Parameter("Longitude of projection centre", 8812, Angle, &[CENTER_LONGITUDE, ORIGIN_LONGITUDE], 0.0);
const LINE_AZIMUTH: Parameter = Parameter("Azimuth at projection centre", 8813, Angle, &[AZIMUTH], 90.0);
const SKEW: Parameter = Parameter("Angle from Rectified to Skew Grid", 8814, Angle, &[GRID_ANGLE, AZIMUTH], 90.0);
const CENTRE_SCALE: Parameter =
    Parameter("Scale factor at projection centre", 8815, Scale, &[CENTER_SCALE, ORIGIN_SCALE], 1.0);
const CENTRE_EASTING: Parameter =
    Parameter("Easting at projection centre", 8816, Length, &[CENTER_EASTING, FALSE_EASTING], 0.0);
const CENTRE_NORTHING: Parameter =
    Parameter("Northing at projection centre", 8817, Length, &[CENTER_NORTHING, FALSE_NORTHING], 0.0);

/// The projected system that keys define.
///
/// # Errors
/// Why there is none, in words.
pub(super) fn named(keys: &Keys) -> Result<Named, String> {
    let base = keys.geographic()?;
    if let Some(conversion) = keys.code(CONVERSION).filter(|code| *code != USER_DEFINED) {
        return utm(keys, &base, conversion);
    }
    let Some(method) = keys.code(METHOD) else {
        return Err("its keys name no method of projection".into());
    };
    let unit = unit(keys)?.unwrap_or(METRE);
    let polar_latitude = keys.number(ORIGIN_LATITUDE).unwrap_or(90.0);
    let (name, code, parameters): (&str, u32, &[Parameter]) = match method {
        1 => ("Transverse Mercator", 9807, &[LATITUDE, LONGITUDE, SCALE, EASTING, NORTHING]),
        3 | 9812 => (
            "Hotine Oblique Mercator (variant A)",
            9812,
            &[CENTRE_LATITUDE, CENTRE_LONGITUDE, LINE_AZIMUTH, SKEW, CENTRE_SCALE, EASTING, NORTHING],
        ),
        9815 => (
            "Hotine Oblique Mercator (variant B)",
            9815,
            &[CENTRE_LATITUDE, CENTRE_LONGITUDE, LINE_AZIMUTH, SKEW, CENTRE_SCALE, CENTRE_EASTING, CENTRE_NORTHING],
        ),
        7 if keys.number(STANDARD_PARALLEL_1).is_some_and(|parallel| parallel != 0.0) => {
            ("Mercator (variant B)", 9805, &[PARALLEL_1, LONGITUDE, EASTING, NORTHING])
        }
        7 => ("Mercator (variant A)", 9804, &[LATITUDE, LONGITUDE, SCALE, EASTING, NORTHING]),
        8 => (
            "Lambert Conformal Conic (2SP)",
            9802,
            &[FALSE_LATITUDE, FALSE_LONGITUDE, PARALLEL_1, PARALLEL_2, EASTING_FALSE, NORTHING_FALSE],
        ),
        9 => ("Lambert Conformal Conic (1SP)", 9801, &[LATITUDE, LONGITUDE, SCALE, EASTING, NORTHING]),
        10 => ("Lambert Azimuthal Equal Area", 9820, &[LATITUDE, LONGITUDE, EASTING, NORTHING]),
        11 => (
            "Albers Equal Area",
            9822,
            &[FALSE_LATITUDE, FALSE_LONGITUDE, PARALLEL_1, PARALLEL_2, EASTING_FALSE, NORTHING_FALSE],
        ),
        15 if polar_latitude.abs() == 90.0 => {
            ("Polar Stereographic (variant A)", 9810, &[LATITUDE, POLE, SCALE, EASTING, NORTHING])
        }
        15 if keys.number(ORIGIN_SCALE).is_none_or(|scale| scale == 1.0 || scale == 0.0) => {
            ("Polar Stereographic (variant B)", 9829, &[POLE_PARALLEL, POLE_ORIGIN, EASTING, NORTHING])
        }
        16 => ("Oblique Stereographic", 9809, &[LATITUDE, LONGITUDE, SCALE, EASTING, NORTHING]),
        18 => ("Cassini-Soldner", 9806, &[LATITUDE, LONGITUDE, EASTING, NORTHING]),
        22 => ("American Polyconic", 9818, &[LATITUDE, LONGITUDE, EASTING, NORTHING]),
        other => return Err(format!("its method of projection, number {other}, is not known")),
    };
    let parameters: Vec<Value> = parameters.iter().map(|parameter| parameter.json(keys, unit)).collect();
    let conversion = json!({
        "name": "unnamed",
        "method": { "name": name, "id": { "authority": "EPSG", "code": code } },
        "parameters": parameters,
    });
    Ok(Named::Definition(document(&keys.projected_name(), &base, conversion, unit).to_string()))
}

impl Parameter {
    fn json(&self, keys: &Keys, unit: Unit) -> Value {
        let Parameter(name, code, measure, places, default) = self;
        let value = places.iter().find_map(|key| keys.number(*key)).unwrap_or(*default);
        // A scale of nothing is one that was not written.
        let value = if matches!(measure, Measure::Scale) && value == 0.0 { 1.0 } else { value };
        let unit = match measure {
            Measure::Angle => json!("degree"),
            Measure::Length => length(unit),
            Measure::Scale => json!("unity"),
        };
        json!({ "name": name, "value": value, "unit": unit, "id": { "authority": "EPSG", "code": code } })
    }
}

/// The zone of UTM that a code of a conversion means: by its code if its datum has one, else by its parameters.
fn utm(keys: &Keys, base: &Value, conversion: u32) -> Result<Named, String> {
    let (zone, south) = match conversion {
        16_001..=16_060 => (conversion - 16_000, false),
        16_101..=16_160 => (conversion - 16_100, true),
        other => return Err(format!("its projection is EPSG:{other}, which is not known")),
    };
    let unit = unit(keys)?.unwrap_or(METRE);
    let first = match (base["id"]["code"].as_u64(), south) {
        (Some(4326), false) => Some(32_600),
        (Some(4326), true) => Some(32_700),
        (Some(4269), false) if zone <= 23 => Some(26_900),
        (Some(4267), false) if zone <= 22 => Some(26_700),
        _ => None,
    };
    if let Some(first) = first.filter(|_| unit.metres == 1.0)
        && let Ok(crs) = Crs::from_epsg(first + zone)
    {
        return Ok(Named::Code(crs));
    }
    let parameter = |Parameter(name, code, ..): Parameter, value: f64, unit: &str| json!({ "name": name, "value": value, "unit": unit, "id": { "authority": "EPSG", "code": code } });
    let north = if south { 10_000_000.0 } else { 0.0 };
    let conversion = json!({
        "name": format!("UTM zone {zone}{}", if south { "S" } else { "N" }),
        "method": { "name": "Transverse Mercator", "id": { "authority": "EPSG", "code": 9807 } },
        "parameters": [
            parameter(LATITUDE, 0.0, "degree"),
            parameter(LONGITUDE, f64::from(zone) * 6.0 - 183.0, "degree"),
            parameter(SCALE, 0.9996, "unity"),
            parameter(EASTING, 500_000.0, "metre"),
            parameter(NORTHING, north, "metre"),
        ],
    });
    Ok(Named::Definition(document(&keys.projected_name(), base, conversion, unit).to_string()))
}

fn document(name: &str, base: &Value, conversion: Value, unit: Unit) -> Value {
    let axis = |name: &str, short: &str, direction: &str| json!({ "name": name, "abbreviation": short, "direction": direction, "unit": length(unit) });
    json!({
        "type": "ProjectedCRS",
        "name": name,
        "base_crs": base,
        "conversion": conversion,
        "coordinate_system": {
            "subtype": "Cartesian",
            "axis": [axis("Easting", "E", "east"), axis("Northing", "N", "north")],
        },
    })
}

fn length(unit: Unit) -> Value {
    if unit.metres == 1.0 {
        return json!("metre");
    }
    json!({ "type": "LinearUnit", "name": unit.name, "conversion_factor": unit.metres })
}
