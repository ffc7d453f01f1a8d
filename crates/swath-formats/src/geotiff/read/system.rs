//! Reference systems from GeoKeys (OGC GeoTIFF 1.1): codes first, then what a file defines for itself.
//!
//! What is not known becomes no system and a warning, never a guess. Heights are left out.

use serde_json::{Value, json};
use swath_crs::Crs;

use super::directory::Directory;
use super::input::Input;
use super::keys::{
    CITATION, DATUM, GEOGRAPHIC, GEOGRAPHIC_CITATION, MODEL_TYPE, PROJECTED, PROJECTED_CITATION, RASTER_TYPE,
    USER_DEFINED,
};
use super::projection;
use crate::geotiff::GeoKeys;

const PRIME_MERIDIAN: u16 = 2051;
const ANGULAR_UNITS: u16 = 2054;
const ELLIPSOID: u16 = 2056;
const SEMI_MAJOR_AXIS: u16 = 2057;
const SEMI_MINOR_AXIS: u16 = 2058;
const INVERSE_FLATTENING: u16 = 2059;
const PRIME_MERIDIAN_LONGITUDE: u16 = 2061;

/// What keys say.
#[derive(Debug, Default)]
pub(super) struct System {
    pub crs: Option<Crs>,
    /// Whether coordinates are those of pixels' centres.
    pub pixel_is_point: bool,
    /// The keys, where the system has no code that says all of it.
    pub keys: Option<GeoKeys>,
    /// Whether they say something of a plane that is not known.
    pub is_unknown: bool,
    /// Whether they define a system, known or not.
    pub is_defined: bool,
}

/// The system that keys name.
pub(super) enum Named {
    Nothing,
    /// One with a code.
    Code(Crs),
    /// One that they define, as a text.
    Definition(String),
}

impl Named {
    fn crs(self) -> Result<Option<Crs>, String> {
        match self {
            Named::Nothing => Ok(None),
            Named::Code(crs) => Ok(Some(crs)),
            Named::Definition(text) => Crs::parse(&text).map(Some).map_err(|error| error.to_string()),
        }
    }
}

/// The keys of a file.
pub(super) type Keys = GeoKeys;

/// Reads the keys of an image, and finds the system that they mean.
pub(super) fn read(input: &Input, directory: &Directory, warnings: &mut Vec<String>) -> System {
    let mut keys = match Keys::read(input, directory) {
        Ok(keys) => keys,
        Err(error) => {
            warnings.push(format!("its reference system is left out: {error}"));
            return System::default();
        }
    };
    let pixel_is_point = keys.code(RASTER_TYPE) == Some(2);
    let named = keys.named();
    let is_defined = matches!(named, Ok(Named::Definition(_)));
    let crs = named.and_then(Named::crs);
    let is_named = crs.is_err();
    let crs = crs.unwrap_or_else(|reason| {
        warnings.push(format!("nothing can be computed in the reference system that it names: {reason}"));
        None
    });
    let is_unknown = is_named || (crs.is_none() && keys.say_where());
    // Of keys that say nothing of a system nothing is to be kept.
    let says_one = is_named || keys.say_where() || keys.heights().is_some();
    let has_code = crs.as_ref().is_some_and(|crs| crs.epsg().is_some());
    let is_kept = says_one && !has_code;
    if let Some(heights) = keys.heights().filter(|_| !is_kept) {
        warnings.push(format!("its system of heights ({heights}) is left out: systems here are of two dimensions"));
    }
    // Whether pixels are points is no part of the system, and names are in ASCII.
    keys.entries.retain(|entry| entry[0] != RASTER_TYPE);
    keys.text.iter_mut().filter(|byte| !byte.is_ascii()).for_each(|byte| *byte = b'?');
    System { crs, pixel_is_point, keys: is_kept.then_some(keys), is_unknown, is_defined }
}

impl Keys {
    /// The system that the keys name.
    fn named(&self) -> Result<Named, String> {
        let (projected, geographic) = (self.code(PROJECTED), self.code(GEOGRAPHIC));
        if let Some(wkt) = self.esri_text()
            && projected.is_none_or(|code| code == USER_DEFINED)
        {
            return Ok(Named::Definition(wkt));
        }
        let model = self.code(MODEL_TYPE);
        match (model, projected, geographic) {
            (Some(3), ..) => Err("it is geocentric".into()),
            (None | Some(1 | USER_DEFINED), Some(code), _) if code != USER_DEFINED => {
                self.of_code(code, true).map(Named::Code)
            }
            (None | Some(1), Some(_), _) | (Some(1), None, _) => projection::named(self),
            (None | Some(2), None, None) => Ok(Named::Nothing),
            (_, _, Some(code)) if code != USER_DEFINED => self.of_code(code, false).map(Named::Code),
            (None | Some(2), ..) => Ok(Named::Definition(self.geographic()?.to_string())),
            (Some(USER_DEFINED), None, None) => Ok(Named::Nothing),
            (Some(model), ..) => Err(format!("it is of a model of type {model}")),
        }
    }

    /// The system of a code, as long as nothing else in the keys is against it.
    fn of_code(&self, code: u32, projected: bool) -> Result<Crs, String> {
        let crs = Crs::from_epsg(code).map_err(|error| error.to_string())?;
        if crs.is_geographic() == projected {
            let kind = if projected { "projected" } else { "geographic" };
            return Err(format!("EPSG:{code} is no {kind} system, which its keys want"));
        }
        if projected && let Some(unit) = projection::unit(self)? {
            let document = crs.to_projjson().map_err(|error| error.to_string())?;
            let axis = &document["coordinate_system"]["axis"][0]["unit"];
            let metres = if axis == "metre" { Some(1.0) } else { axis["conversion_factor"].as_f64() };
            // Feet of surveys differ from others by two in a million, which is 10 m at the far end of a state.
            if metres.is_some_and(|metres| (metres / unit.metres - 1.0).abs() > 1e-8) {
                return Err(format!("EPSG:{code} has coordinates in another unit than its keys say ({})", unit.name));
            }
        }
        Ok(crs)
    }

    /// The name of a projected system.
    pub fn projected_name(&self) -> String {
        let name = self.text(PROJECTED_CITATION).or_else(|| self.text(CITATION));
        name.map_or_else(|| "unnamed".into(), |name| name.split('|').next().unwrap_or_default().trim().to_string())
    }

    /// The geographic system, as PROJJSON: by code, by the code of its datum, or by its ellipsoid.
    pub fn geographic(&self) -> Result<Value, String> {
        if let Some(code) = self.code(GEOGRAPHIC).filter(|code| *code != USER_DEFINED) {
            return geographic_document(code).ok_or_else(|| format!("EPSG:{code} is not known as a geographic system"));
        }
        let datum = self.code(DATUM).filter(|code| *code != USER_DEFINED);
        // EPSG numbered the first geographic systems like their datums, 2000 less.
        if let Some(datum) = datum.filter(|datum| (6201..=6799).contains(datum))
            && let Some(document) = geographic_document(datum - 2000)
        {
            let part = [&document["datum"], &document["datum_ensemble"]].into_iter().find(|part| part.is_object());
            let major = part.and_then(|part| part["ellipsoid"]["semi_major_axis"].as_f64());
            let says = self.number(SEMI_MAJOR_AXIS);
            return match (major, says) {
                (Some(major), Some(says)) if (major - says).abs() > 0.01 => {
                    Err(format!("its datum {datum} has a semi-major axis of {major} m, its keys say {says} m"))
                }
                _ => Ok(document),
            };
        }
        if datum.is_some_and(|datum| datum >= 6100) {
            return Err(format!("its datum is {}, which is not known", datum.unwrap_or_default()));
        }
        let meridian = self.code(PRIME_MERIDIAN).is_none_or(|code| code == 8901 || code == USER_DEFINED);
        if !meridian || self.number(PRIME_MERIDIAN_LONGITUDE).is_some_and(|longitude| longitude != 0.0) {
            return Err("its prime meridian is not Greenwich".into());
        }
        if self.code(ANGULAR_UNITS).is_some_and(|unit| !matches!(unit, 9102 | 9122)) {
            return Err("its angles are not in degrees".into());
        }
        let datum_ellipsoid = datum.map(|datum| datum + 1000);
        let ellipsoid = self.ellipsoid(datum_ellipsoid)?;
        let citation = self.text(GEOGRAPHIC_CITATION).unwrap_or_default();
        let name = |part: &str| {
            let parts = citation.split('|').filter_map(|word| word.trim().strip_prefix(part));
            parts.map(|name| name.trim_start_matches([' ', '=']).to_string()).next()
        };
        let plain =
            || citation.split('|').next().filter(|name| !name.is_empty() && !name.contains('=')).map(String::from);
        let axis = |name: &str, short: &str, direction: &str| json!({ "name": name, "abbreviation": short, "direction": direction, "unit": "degree" });
        Ok(json!({
            "type": "GeographicCRS",
            "name": name("GCS Name").or_else(plain).unwrap_or_else(|| "unknown".into()),
            "datum": {
                "type": "GeodeticReferenceFrame",
                "name": name("Datum").unwrap_or_else(|| "unknown".into()),
                "ellipsoid": ellipsoid,
            },
            "coordinate_system": {
                "subtype": "ellipsoidal",
                "axis": [axis("Geodetic latitude", "Lat", "north"), axis("Geodetic longitude", "Lon", "east")],
            },
        }))
    }

    /// The ellipsoid: by its axes if they are there, else by a code.
    fn ellipsoid(&self, of_datum: Option<u32>) -> Result<Value, String> {
        let code = self.code(ELLIPSOID).filter(|code| *code != USER_DEFINED).or(of_datum);
        let known = code.and_then(|code| ELLIPSOIDS.iter().find(|(known, ..)| *known == code));
        let name = known.map_or("unknown", |(_, name, ..)| name);
        let axes = (self.number(SEMI_MAJOR_AXIS), self.number(SEMI_MINOR_AXIS), self.number(INVERSE_FLATTENING));
        let ellipsoid = match (axes, known) {
            ((Some(major), _, Some(inverse)), _) if inverse > 1.0 => {
                json!({ "name": name, "semi_major_axis": major, "inverse_flattening": inverse })
            }
            ((Some(major), Some(minor), _), _) if major == minor => json!({ "name": name, "radius": major }),
            ((Some(major), Some(minor), _), _) => {
                json!({ "name": name, "semi_major_axis": major, "semi_minor_axis": minor })
            }
            ((Some(radius), None, Some(0.0)), _) => json!({ "name": name, "radius": radius }),
            (_, Some((_, name, major, inverse))) => {
                json!({ "name": name, "semi_major_axis": major, "inverse_flattening": inverse })
            }
            _ => return Err("its ellipsoid is not known".into()),
        };
        Ok(ellipsoid)
    }
}

/// Ellipsoids by code: name, semi-major axis in metres, inverse flattening (EPSG dataset).
const ELLIPSOIDS: [(u32, &str, f64, f64); 9] = [
    (7001, "Airy 1830", 6_377_563.396, 299.324_964_6),
    (7004, "Bessel 1841", 6_377_397.155, 299.152_812_8),
    (7008, "Clarke 1866", 6_378_206.4, 294.978_698_213_898),
    (7012, "Clarke 1880 (RGS)", 6_378_249.145, 293.465),
    (7019, "GRS 1980", 6_378_137.0, 298.257_222_101),
    (7022, "International 1924", 6_378_388.0, 297.0),
    (7024, "Krassowsky 1940", 6_378_245.0, 298.3),
    (7030, "WGS 84", 6_378_137.0, 298.257_223_563),
    (7043, "WGS 72", 6_378_135.0, 298.26),
];

fn geographic_document(code: u32) -> Option<Value> {
    let crs = Crs::from_epsg(code).ok().filter(Crs::is_geographic)?;
    crs.to_projjson().ok()
}

#[cfg(test)]
mod tests;
