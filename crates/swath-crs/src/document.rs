//! Reads single facts out of a PROJJSON document: name, units, meridian, ellipsoid, parameters, area of use.
//!
//! It takes the documents of the embedded table and trusts their form only as far as it must: a fact that is not there
//! is `None`. It does not compute with coordinates.

use serde_json::Value;

use crate::Bounds;

/// One degree in radians, as the EPSG dataset writes it through PROJ.
const DEGREE_RADIANS: f64 = std::f64::consts::PI / 180.0;

/// Semi-major axis in metres and inverse flattening (0 for a sphere).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figure {
    pub semi_major_m: f64,
    pub inverse_flattening: f64,
}

/// Where the two axes of a system point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orientation {
    /// To the east and north, in either order, or along meridians from a pole.
    EastNorth,
    /// First to the west, then to the south.
    WestSouth,
    /// Any other pair, in which nobody agrees which of the two is x.
    Other,
}

pub(crate) fn name(document: &Value) -> &str {
    document["name"].as_str().unwrap_or("unnamed")
}

pub(crate) fn is_geographic(document: &Value) -> bool {
    document["type"] == "GeographicCRS"
}

/// The EPSG code in the `id` of a document.
pub(crate) fn epsg_id(document: &Value) -> Option<u32> {
    let id = document.get("id")?;
    if id["authority"].as_str()?.eq_ignore_ascii_case("EPSG") { code_number(&id["code"]) } else { None }
}

fn code_number(code: &Value) -> Option<u32> {
    code.as_u64().and_then(|n| u32::try_from(n).ok()).or_else(|| code.as_str()?.parse().ok())
}

/// The geographic system itself, or the one below a projected system.
pub(crate) fn geographic_part(document: &Value) -> &Value {
    document.get("base_crs").unwrap_or(document)
}

fn datum(document: &Value) -> &Value {
    let part = geographic_part(document);
    part.get("datum").or_else(|| part.get("datum_ensemble")).unwrap_or(&Value::Null)
}

/// Degrees from Greenwich to the meridian that longitudes count from.
pub(crate) fn prime_meridian_degrees(document: &Value) -> f64 {
    let longitude = &datum(document)["prime_meridian"]["longitude"];
    match longitude.as_f64() {
        Some(degrees) => degrees,
        None => longitude["value"].as_f64().unwrap_or(0.0) * unit_factor(&longitude["unit"]) / DEGREE_RADIANS,
    }
}

/// The ellipsoid of the datum.
pub(crate) fn figure(document: &Value) -> Option<Figure> {
    let ellipsoid = &datum(document)["ellipsoid"];
    let length =
        |value: &Value| value.as_f64().or_else(|| Some(value["value"].as_f64()? * unit_factor(&value["unit"])));
    if let Some(radius) = ellipsoid.get("radius") {
        return Some(Figure { semi_major_m: length(radius)?, inverse_flattening: 0.0 });
    }
    let semi_major_m = length(&ellipsoid["semi_major_axis"])?;
    let inverse_flattening = match ellipsoid.get("inverse_flattening").and_then(Value::as_f64) {
        Some(inverse) => inverse,
        None => {
            let semi_minor = length(&ellipsoid["semi_minor_axis"])?;
            if semi_minor == semi_major_m { 0.0 } else { semi_major_m / (semi_major_m - semi_minor) }
        }
    };
    Some(Figure { semi_major_m, inverse_flattening })
}

/// Metres or radians in one unit of the first axis.
pub(crate) fn axis_unit(document: &Value) -> f64 {
    unit_factor(&document["coordinate_system"]["axis"][0]["unit"])
}

/// Degrees in one unit of a geographic system's axes; exactly 1 for degrees.
pub(crate) fn degrees_per_unit(document: &Value) -> f64 {
    let unit = &document["coordinate_system"]["axis"][0]["unit"];
    if unit == "degree" { 1.0 } else { axis_unit(document) / DEGREE_RADIANS }
}

/// Where the axes point.
pub(crate) fn orientation(document: &Value) -> Orientation {
    let axes = &document["coordinate_system"]["axis"];
    match (axes[0]["direction"].as_str(), axes[1]["direction"].as_str()) {
        (Some("east"), Some("north")) | (Some("north"), Some("east")) => Orientation::EastNorth,
        (Some("north"), Some("north")) | (Some("south"), Some("south")) => Orientation::EastNorth,
        (Some("west"), Some("south")) => Orientation::WestSouth,
        _ => Orientation::Other,
    }
}

fn unit_factor(unit: &Value) -> f64 {
    match unit.as_str() {
        Some("degree") => DEGREE_RADIANS,
        Some(_) => 1.0,
        None => unit["conversion_factor"].as_f64().unwrap_or(1.0),
    }
}

/// The EPSG code of the projection method.
pub(crate) fn method_code(document: &Value) -> Option<u32> {
    code_number(&document["conversion"]["method"]["id"]["code"])
}

/// The name of the projection method.
pub(crate) fn method_name(document: &Value) -> &str {
    document["conversion"]["method"]["name"].as_str().unwrap_or("unnamed")
}

/// A parameter of the projection by its EPSG code, in metres, radians or plain numbers.
pub(crate) fn parameter(document: &Value, code: u32) -> Option<f64> {
    let parameters = document["conversion"]["parameters"].as_array()?;
    let parameter = parameters.iter().find(|parameter| code_number(&parameter["id"]["code"]) == Some(code))?;
    Some(parameter["value"].as_f64()? * unit_factor(&parameter["unit"]))
}

/// The area of use in degrees; `min_x > max_x` where it crosses the antimeridian.
pub(crate) fn area_of_use(document: &Value) -> Option<Bounds> {
    let usage = document.get("usages").map_or(document, |usages| &usages[0]);
    let side = |key: &str| usage["bbox"][key].as_f64();
    Some(Bounds {
        min_x: side("west_longitude")?,
        min_y: side("south_latitude")?,
        max_x: side("east_longitude")?,
        max_y: side("north_latitude")?,
    })
}

/// Whether two documents agree in everything but usage, remarks and schema.
pub(crate) fn same_meaning(a: &Value, b: &Value) -> bool {
    const PARTS: [&str; 7] = ["type", "name", "datum", "datum_ensemble", "base_crs", "conversion", "coordinate_system"];
    PARTS.iter().all(|part| a.get(*part) == b.get(*part))
}

/// The values of all parameters, each in its own unit, in degrees or metres, and in units of the axes; and the
/// trivial values that notations add.
pub(crate) fn parameter_values(document: &Value) -> Vec<f64> {
    let axis = axis_unit(document);
    let mut values = vec![0.0, 1.0, 90.0];
    for parameter in document["conversion"]["parameters"].as_array().into_iter().flatten() {
        let Some(value) = parameter["value"].as_f64() else { continue };
        let plain = value * unit_factor(&parameter["unit"]);
        values.extend([value, plain, plain.to_degrees(), plain / axis]);
    }
    values
}
