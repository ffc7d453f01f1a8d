//! Systems without a code as GeoKeys: datum, ellipsoid, method and parameters out of PROJJSON, for the usual methods.
//!
//! What cannot be said exactly is refused with a reason: other methods, units of angle other than degrees, axes that do
//! not point east and north.

use serde_json::Value;

use super::geokeys::{GEODETIC_CRS, Key, Keys, PROJECTED_CRS, USER_DEFINED};

/// Keys of parameters.
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
const CENTRE_LONGITUDE: u16 = 3088;
const CENTRE_LATITUDE: u16 = 3089;
const ORIGIN_SCALE: u16 = 3092;
const POLE_LONGITUDE: u16 = 3095;

/// A method: its EPSG code and name, its name in WKT 1, the code of GeoTIFF, and its parameters.
struct Method {
    code: u64,
    name: &'static str,
    old_name: &'static str,
    geotiff: u16,
    parameters: &'static [Parameter],
}

/// A parameter: its EPSG code and name, its name in WKT 1, and the key.
type Parameter = (u64, &'static str, &'static str, u16);

const fn method(
    code: u64,
    names: (&'static str, &'static str),
    geotiff: u16,
    parameters: &'static [Parameter],
) -> Method {
    Method { code, name: names.0, old_name: names.1, geotiff, parameters }
}

const fn latitude(key: u16) -> Parameter {
    (8801, "Latitude of natural origin", "latitude_of_origin", key)
}

const fn longitude(key: u16) -> Parameter {
    (8802, "Longitude of natural origin", "central_meridian", key)
}

const fn false_latitude(key: u16) -> Parameter {
    (8821, "Latitude of false origin", "latitude_of_origin", key)
}

const fn false_longitude(key: u16) -> Parameter {
    (8822, "Longitude of false origin", "central_meridian", key)
}

const fn false_origin(easting: u16, northing: u16) -> [Parameter; 2] {
    [
        (8826, "Easting at false origin", "false_easting", easting),
        (8827, "Northing at false origin", "false_northing", northing),
    ]
}

const SCALE: Parameter = (8805, "Scale factor at natural origin", "scale_factor", ORIGIN_SCALE);
const EASTING: Parameter = (8806, "False easting", "false_easting", FALSE_EASTING);
const NORTHING: Parameter = (8807, "False northing", "false_northing", FALSE_NORTHING);
const PARALLEL_1: Parameter = (8823, "Latitude of 1st standard parallel", "standard_parallel_1", STANDARD_PARALLEL_1);
const PARALLEL_2: Parameter = (8824, "Latitude of 2nd standard parallel", "standard_parallel_2", STANDARD_PARALLEL_2);

const BY_ORIGIN: &[Parameter] = &[latitude(ORIGIN_LATITUDE), longitude(ORIGIN_LONGITUDE), SCALE, EASTING, NORTHING];
const FALSE_ORIGIN: [Parameter; 2] = false_origin(FALSE_ORIGIN_EASTING, FALSE_ORIGIN_NORTHING);
const BY_FALSE_ORIGIN: &[Parameter] = &[
    false_latitude(FALSE_ORIGIN_LATITUDE),
    false_longitude(FALSE_ORIGIN_LONGITUDE),
    PARALLEL_1,
    PARALLEL_2,
    FALSE_ORIGIN[0],
    FALSE_ORIGIN[1],
];
const ALBERS_ORIGIN: [Parameter; 2] = false_origin(FALSE_EASTING, FALSE_NORTHING);
const ALBERS: &[Parameter] = &[
    false_latitude(ORIGIN_LATITUDE),
    false_longitude(ORIGIN_LONGITUDE),
    PARALLEL_1,
    PARALLEL_2,
    ALBERS_ORIGIN[0],
    ALBERS_ORIGIN[1],
];
const BY_CENTRE: &[Parameter] = &[latitude(CENTRE_LATITUDE), longitude(CENTRE_LONGITUDE), EASTING, NORTHING];
const POLAR_A: &[Parameter] = &[latitude(ORIGIN_LATITUDE), longitude(POLE_LONGITUDE), SCALE, EASTING, NORTHING];
const POLAR_B: &[Parameter] = &[
    (8832, "Latitude of standard parallel", "standard_parallel", ORIGIN_LATITUDE),
    (8833, "Longitude of origin", "central_meridian", POLE_LONGITUDE),
    EASTING,
    NORTHING,
];
const POLAR: &[Parameter] = &[POLAR_B[0], POLAR_B[1], SCALE, EASTING, NORTHING];
const MERCATOR_A: &[Parameter] = &[longitude(ORIGIN_LONGITUDE), SCALE, EASTING, NORTHING];
const MERCATOR_B: &[Parameter] = &[PARALLEL_1, longitude(ORIGIN_LONGITUDE), EASTING, NORTHING];

/// No method has this code: a method with it is known by its name in WKT 1 only.
const NO_CODE: u64 = 0;

const METHODS: [Method; 10] = [
    method(9807, ("Transverse Mercator", "Transverse_Mercator"), 1, BY_ORIGIN),
    method(9804, ("Mercator (variant A)", "Mercator_1SP"), 7, MERCATOR_A),
    method(9805, ("Mercator (variant B)", "Mercator_2SP"), 7, MERCATOR_B),
    method(9802, ("Lambert Conic Conformal (2SP)", "Lambert_Conformal_Conic_2SP"), 8, BY_FALSE_ORIGIN),
    method(9801, ("Lambert Conic Conformal (1SP)", "Lambert_Conformal_Conic_1SP"), 9, BY_ORIGIN),
    method(9820, ("Lambert Azimuthal Equal Area", "Lambert_Azimuthal_Equal_Area"), 10, BY_CENTRE),
    method(9822, ("Albers Equal Area", "Albers_Equal_Area"), 11, ALBERS),
    method(9810, ("Polar Stereographic (variant A)", "-"), 15, POLAR_A),
    method(9829, ("Polar Stereographic (variant B)", "-"), 15, POLAR_B),
    // In WKT 1 it has a parallel and a scale, of which one says nothing.
    method(NO_CODE, ("-", "Polar_Stereographic"), 15, POLAR),
];

/// Adds the keys of a geographic or projected system.
///
/// # Errors
/// Why it cannot be said.
pub(super) fn put(keys: &mut Keys, document: &Value) -> Result<(), String> {
    let Some(base) = document.get("base_crs") else {
        return put_geographic(keys, document);
    };
    put_geographic(keys, base)?;
    let unit_m = linear_unit(document)?;
    keys.push((PROJECTED_CRS, Key::Code(USER_DEFINED)));
    keys.push((3074, Key::Code(USER_DEFINED)));
    put_unit(keys, unit_m);
    put_conversion(keys, &document["conversion"], unit_m)
}

fn put_conversion(keys: &mut Keys, conversion: &Value, unit_m: f64) -> Result<(), String> {
    let (code, name) = (epsg(&conversion["method"]), text(&conversion["method"]["name"]));
    let is_meant = |method: &&Method| match code {
        Some(code) => method.code == code,
        None => [method.name, method.old_name].contains(&name),
    };
    let method = METHODS.iter().find(is_meant).ok_or_else(|| format!("its method is {name:?}"))?;
    keys.push((3075, Key::Code(method.geotiff)));
    let empty = Vec::new();
    let given = conversion["parameters"].as_array().unwrap_or(&empty);
    for parameter in method.parameters {
        keys.push((parameter.3, Key::Number(number(given, parameter, unit_m)?)));
    }
    let is_given = |keys: &Keys, wanted: u16| keys.iter().any(|(key, _)| *key == wanted);
    // Readers want what a method has by its definition said all the same.
    if method.geotiff == 15 && !is_given(keys, ORIGIN_SCALE) {
        keys.push((ORIGIN_SCALE, Key::Number(1.0)));
    }
    if method.geotiff == 7 {
        keys.push((ORIGIN_LATITUDE, Key::Number(0.0)));
    }
    check_parallels(method, given, unit_m)
}

/// Refuses what WKT 1 can say and the method in GeoTIFF cannot: a parallel that is not the origin's.
fn check_parallels(method: &Method, given: &[Value], unit_m: f64) -> Result<(), String> {
    let value = |parameter: Parameter| number(given, &parameter, unit_m).ok();
    let (scale, parallel) = (value(SCALE).unwrap_or(1.0), value(PARALLEL_1));
    let is_odd = match method.geotiff {
        9 => parallel.is_some_and(|parallel| Some(parallel) != value(latitude(ORIGIN_LATITUDE))),
        8 => scale != 1.0,
        7 if method.code == 9804 => value(latitude(ORIGIN_LATITUDE)).is_some_and(|latitude| latitude != 0.0),
        7 => scale != 1.0,
        15 => scale != 1.0 && value(POLAR_B[0]).is_some_and(|parallel| parallel.abs() != 90.0),
        _ => false,
    };
    if is_odd { Err("its parallels, origin and scale are an unusual combination".into()) } else { Ok(()) }
}

/// A parameter in degrees, in the unit of the axes, or as a plain number.
fn number(given: &[Value], &(code, name, old_name, key): &Parameter, unit_m: f64) -> Result<f64, String> {
    let is_meant = |one: &&Value| match epsg(one) {
        Some(given) => given == code,
        None => [name, old_name].contains(&text(&one["name"])),
    };
    let one = given.iter().find(is_meant).ok_or_else(|| format!("it has no {name:?}"))?;
    let value = one["value"].as_f64().ok_or_else(|| format!("its {name:?} is no number"))?;
    let factor = factor(&one["unit"]).ok_or_else(|| format!("its {name:?} has an unknown unit"))?;
    Ok(match key {
        ORIGIN_SCALE => value * factor,
        FALSE_EASTING | FALSE_NORTHING | FALSE_ORIGIN_EASTING | FALSE_ORIGIN_NORTHING if factor == unit_m => value,
        FALSE_EASTING | FALSE_NORTHING | FALSE_ORIGIN_EASTING | FALSE_ORIGIN_NORTHING => value * factor / unit_m,
        _ if one["unit"] == "degree" => value,
        _ => (value * factor).to_degrees(),
    })
}

fn put_geographic(keys: &mut Keys, document: &Value) -> Result<(), String> {
    if document["coordinate_system"]["axis"]
        .as_array()
        .is_some_and(|axes| axes.iter().any(|axis| axis["unit"] != "degree"))
    {
        return Err("its angles are not in degrees".into());
    }
    if let Some(code) = code_of(document) {
        keys.push((GEODETIC_CRS, Key::Code(code)));
        return Ok(());
    }
    let datum = document.get("datum").or_else(|| document.get("datum_ensemble")).unwrap_or(&Value::Null);
    let (ellipsoid, meridian) = (&datum["ellipsoid"], &datum["prime_meridian"]);
    let figure = figure(ellipsoid)?;
    let words = |value: &Value| text(value).replace('|', "/");
    let meridian_name = if meridian.is_null() { "Greenwich".to_string() } else { words(&meridian["name"]) };
    let citation = format!(
        "GCS Name = {}|Datum = {}|Ellipsoid = {}|Primem = {meridian_name}",
        words(&document["name"]),
        words(&datum["name"]),
        words(&ellipsoid["name"])
    );
    keys.push((GEODETIC_CRS, Key::Code(USER_DEFINED)));
    keys.push((2049, Key::Text(citation)));
    keys.push((2050, Key::Code(code_of(datum).unwrap_or(USER_DEFINED))));
    keys.push((2054, Key::Code(9102)));
    keys.push((2056, Key::Code(code_of(ellipsoid).unwrap_or(USER_DEFINED))));
    keys.push((2057, Key::Number(figure.0)));
    keys.push((2059, Key::Number(figure.1)));
    let longitude = &meridian["longitude"];
    let degrees = match longitude.as_f64() {
        Some(degrees) => degrees,
        None if longitude.is_null() => 0.0,
        None => {
            let value = longitude["value"].as_f64().zip(factor(&longitude["unit"]));
            value.map(|(value, factor)| (value * factor).to_degrees()).ok_or("its prime meridian is unreadable")?
        }
    };
    if degrees != 0.0 {
        keys.push((2051, Key::Code(USER_DEFINED)));
        keys.push((2061, Key::Number(degrees)));
    } else {
        keys.push((2051, Key::Code(8901)));
    }
    Ok(())
}

/// Semi-major axis in metres and inverse flattening (0 for a sphere).
fn figure(ellipsoid: &Value) -> Result<(f64, f64), String> {
    let metres = |name: &str| {
        let value = &ellipsoid[name];
        value.as_f64().or_else(|| Some(value["value"].as_f64()? * factor(&value["unit"])?))
    };
    if let Some(radius) = metres("radius") {
        return Ok((radius, 0.0));
    }
    let major = metres("semi_major_axis").ok_or("its ellipsoid has no size")?;
    let inverse = ellipsoid["inverse_flattening"].as_f64();
    let from_minor =
        || metres("semi_minor_axis").map(|minor| if minor == major { 0.0 } else { major / (major - minor) });
    Ok((major, inverse.or_else(from_minor).ok_or("its ellipsoid has no flattening")?))
}

/// Metres per unit of both axes, which must point east and north, or along meridians from a pole.
fn linear_unit(document: &Value) -> Result<f64, String> {
    let empty = Vec::new();
    let axes = document["coordinate_system"]["axis"].as_array().unwrap_or(&empty);
    let mut directions: Vec<&str> = axes.iter().map(|axis| text(&axis["direction"])).collect();
    directions.sort_unstable();
    if !matches!(directions[..], ["east", "north"] | ["north", "north"] | ["south", "south"]) {
        return Err(format!("its axes point to {directions:?}"));
    }
    let unit = factor(&axes[0]["unit"]).filter(|_| axes[0]["unit"] == axes[1]["unit"]);
    unit.ok_or_else(|| "its axes have an unknown unit".into())
}

fn put_unit(keys: &mut Keys, unit_m: f64) {
    let known = [(1.0, 9001), (0.3048, 9002), (12.0 / 39.37, 9003)];
    match known.iter().find(|(metres, _)| (metres - unit_m).abs() < 1e-14) {
        Some((_, code)) => keys.push((3076, Key::Code(*code))),
        None => {
            keys.push((3076, Key::Code(USER_DEFINED)));
            keys.push((3077, Key::Number(unit_m)));
        }
    }
}

/// Metres, radians or ones per unit.
fn factor(unit: &Value) -> Option<f64> {
    match unit.as_str() {
        Some("metre" | "unity") => Some(1.0),
        Some("degree") => Some(std::f64::consts::PI / 180.0),
        Some(_) => None,
        None => unit["conversion_factor"].as_f64(),
    }
}

fn epsg(value: &Value) -> Option<u64> {
    let id = value.get("id")?;
    if id["authority"] != "EPSG" {
        return None;
    }
    id["code"].as_u64().or_else(|| id["code"].as_str()?.parse().ok())
}

fn code_of(value: &Value) -> Option<u16> {
    epsg(value).and_then(|code| u16::try_from(code).ok()).filter(|code| *code < USER_DEFINED)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("unknown")
}
