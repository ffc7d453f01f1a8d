//! The way between a system's own coordinates and Greenwich degrees on its datum: unit, prime meridian, projection.
//!
//! It chooses the backend of a projection (proj-core by code, proj-core by parameters, proj4rs), and never shifts a
//! datum.

use proj_core::{CrsDef, Datum, DatumToWgs84, Ellipsoid, GeographicCrsDef, LinearUnit, ProjectedCrsDef};
use serde_json::{Value, json};

use crate::crs::{Crs, Definition};
use crate::document::{self, Figure, Orientation};
use crate::meridian::greenwich_of;
use crate::method::projection_method;
use crate::step::{CoreStep, Direction, Mirrored, Proj4Step, Step};
use crate::{CrsError, PointProblem};

/// Transverse Mercator, Transverse Mercator (South Orientated).
const TRANSVERSE_MERCATOR: u32 = 9807;
const TRANSVERSE_MERCATOR_SOUTH: u32 = 9808;
/// Lambert Cylindrical Equal Area on the ellipsoid and on the sphere.
const CYLINDRICAL_EQUAL_AREA: u32 = 9835;
const CYLINDRICAL_EQUAL_AREA_SPHERE: u32 = 9834;

/// What is added to the code of a system that was turned to Greenwich, so that it is no code of any registry.
const TURNED: u32 = 1_000_000_000;

/// One system's side of a transformation.
pub(crate) struct Frame {
    projection: Option<Box<dyn Step>>,
    pub degrees_per_unit: f64,
    meridian_degrees: f64,
    /// The geographic system, in degrees from Greenwich, on the datum of this one.
    pub globe: CrsDef,
}

impl Frame {
    /// The frame of a system, able to go one way.
    ///
    /// # Errors
    /// [`CrsError::Unsupported`] when no backend has the projection, or the datum is unknown to them.
    pub(crate) fn new(crs: &Crs, direction: Direction) -> Result<Frame, CrsError> {
        match &crs.definition {
            Definition::Core(definition, _) => Frame::of_definition(crs, definition, direction),
            Definition::Proj4(text) => Frame::of_proj4(crs, text, direction),
            Definition::Epsg(_) | Definition::Ogc(_) => {
                let document = crs.entry_document();
                let document = document.ok_or_else(|| CrsError::unsupported(crs.name(), "it is not in the table"))?;
                Frame::of_document(crs, &document, direction)
            }
        }
    }

    fn of_document(crs: &Crs, document: &Value, direction: Direction) -> Result<Frame, CrsError> {
        let meridian_degrees = document::prime_meridian_degrees(document);
        let geographic = document::geographic_part(document);
        let globe = globe_of(crs, geographic, meridian_degrees)?;
        if crs.is_geographic() {
            let degrees_per_unit = document::degrees_per_unit(document);
            return Ok(Frame { projection: None, degrees_per_unit, meridian_degrees, globe });
        }
        let projection = Some(projection_of(crs, document, direction)?);
        Ok(Frame { projection, degrees_per_unit: 1.0, meridian_degrees, globe })
    }

    fn of_definition(crs: &Crs, definition: &CrsDef, direction: Direction) -> Result<Frame, CrsError> {
        let failed = |error: proj_core::Error| CrsError::unsupported(crs.name(), error.to_string());
        let projection: Option<Box<dyn Step>> = match definition.as_projected() {
            Some(projected) => Some(Box::new(CoreStep::projection(projected, direction).map_err(failed)?)),
            None => None,
        };
        let registered = definition.base_geographic_crs_epsg().and_then(proj_core::lookup_epsg);
        let globe = match registered {
            Some(globe) if !definition.datum().declares_shift() => globe,
            _ => {
                let code = definition.base_geographic_crs_epsg().unwrap_or(0);
                CrsDef::Geographic(GeographicCrsDef::new(code, definition.datum().clone(), ""))
            }
        };
        Ok(Frame { projection, degrees_per_unit: 1.0, meridian_degrees: 0.0, globe })
    }

    /// A projection that only proj4rs has, on the datum that proj-wkt reads from the same string.
    fn of_proj4(crs: &Crs, text: &str, direction: Direction) -> Result<Frame, CrsError> {
        const DATUM_KEYS: [&str; 9] = ["datum", "ellps", "a", "b", "rf", "f", "R", "towgs84", "nadgrids"];
        const REFUSED_KEYS: [&str; 4] = ["pm", "axis", "geoc", "over"];
        let key_of = |word: &str| word.trim_start_matches('+').split('=').next().unwrap_or("").to_string();
        let words = text.split_ascii_whitespace();
        if let Some(word) = words.clone().find(|word| REFUSED_KEYS.contains(&key_of(word).as_str())) {
            return Err(CrsError::unsupported(crs.name(), format!("{word} is not computed with")));
        }
        let is_datum = |word: &&str| DATUM_KEYS.contains(&key_of(word).as_str());
        let datum: Vec<&str> = words.clone().filter(is_datum).collect();
        let globe = proj_wkt::parse_crs(&format!("+proj=longlat {}", datum.join(" ")));
        let globe = globe.map_err(|error| CrsError::unsupported(crs.name(), error.to_string()))?;
        if !globe.is_geographic() || !globe.is_horizontal_2d() {
            return Err(CrsError::unsupported(crs.name(), "its datum is not understood"));
        }
        // The datum goes its own way, so proj4rs gets the ellipsoid alone.
        let ellipsoid = globe.datum().ellipsoid();
        let major = ellipsoid.semi_major_axis();
        let minor = major * (1.0 - ellipsoid.flattening());
        let rest: Vec<&str> = words.filter(|word| !is_datum(word)).collect();
        let projection = proj4_step(crs, &format!("{} +a={major:?} +b={minor:?}", rest.join(" ")), direction)?;
        Ok(Frame { projection: Some(projection), degrees_per_unit: 1.0, meridian_degrees: 0.0, globe })
    }

    /// From the system's coordinates to Greenwich degrees.
    pub(crate) fn to_globe(&self, x: f64, y: f64) -> Result<(f64, f64), PointProblem> {
        let (longitude, latitude) = match &self.projection {
            Some(step) => step.point(x, y)?,
            None => (x * self.degrees_per_unit, y * self.degrees_per_unit),
        };
        // A hair beyond the limit is rounding (200 grads are not exactly 180 degrees in binary).
        if !(longitude.abs() <= 360.0 && latitude.abs() <= 90.0 + 1e-9) {
            return Err(PointProblem::NotOnEarth);
        }
        if self.projection.is_none() && longitude.abs() > 180.0 + 1e-9 {
            return Err(PointProblem::NotOnEarth);
        }
        Ok((wrapped(longitude + self.meridian_degrees), latitude))
    }

    /// From Greenwich degrees to the system's coordinates.
    pub(crate) fn off_globe(&self, longitude: f64, latitude: f64) -> Result<(f64, f64), PointProblem> {
        let longitude = wrapped(longitude - self.meridian_degrees);
        match &self.projection {
            Some(step) => step.point(longitude, latitude),
            None => Ok((longitude / self.degrees_per_unit, latitude / self.degrees_per_unit)),
        }
    }
}

/// A longitude brought back to half a turn around zero; untouched where it already is.
pub(crate) fn wrapped(longitude: f64) -> f64 {
    if longitude > 180.0 {
        longitude - 360.0
    } else if longitude < -180.0 {
        longitude + 360.0
    } else {
        longitude
    }
}

/// The geographic system below a document, with Greenwich longitudes in degrees.
fn globe_of(crs: &Crs, geographic: &Value, meridian_degrees: f64) -> Result<CrsDef, CrsError> {
    let code = document::epsg_id(geographic);
    let code = if meridian_degrees == 0.0 { code } else { code.and_then(greenwich_of) };
    if let Some(globe) = code.and_then(proj_core::lookup_epsg) {
        return Ok(globe);
    }
    // CRS84 and its kin have the definition of an EPSG code, and no code that proj-core knows.
    let twin = match crs.definition {
        Definition::Ogc(84) => Some(4326),
        Definition::Ogc(83) => Some(4269),
        Definition::Ogc(27) => Some(4267),
        _ => None,
    };
    if let Some(globe) = twin.and_then(proj_core::lookup_epsg) {
        return Ok(globe);
    }
    // A datum that the registry does not know is the same as itself, and nothing else. Turned to
    // Greenwich it is no longer the system of the code, and must not meet transformations of that code.
    let code = document::epsg_id(geographic).map(|code| if meridian_degrees == 0.0 { code } else { TURNED + code });
    let datum = document::figure(geographic).and_then(|figure| datum_of(figure).ok());
    match (code, datum) {
        (Some(code), Some(datum)) => Ok(CrsDef::Geographic(GeographicCrsDef::new(code, datum, ""))),
        _ => Err(CrsError::unsupported(crs.name(), "its datum is not known")),
    }
}

fn datum_of(figure: Figure) -> proj_core::Result<Datum> {
    let ellipsoid = ellipsoid_of(figure)?;
    Datum::new(ellipsoid, DatumToWgs84::Unknown)
}

fn ellipsoid_of(figure: Figure) -> proj_core::Result<Ellipsoid> {
    match figure.inverse_flattening {
        0.0 => Ellipsoid::sphere(figure.semi_major_m),
        inverse => Ellipsoid::from_a_rf(figure.semi_major_m, inverse),
    }
}

fn projection_of(crs: &Crs, document: &Value, direction: Direction) -> Result<Box<dyn Step>, CrsError> {
    if document::orientation(document) == Orientation::Other {
        let reason = "its axes point neither east and north nor west and south, so x and y have no settled meaning";
        return Err(CrsError::unsupported(crs.name(), reason));
    }
    let method = document::method_code(document);
    if matches!(method, Some(CYLINDRICAL_EQUAL_AREA | CYLINDRICAL_EQUAL_AREA_SPHERE)) {
        return proj4_step(crs, &cylindrical_equal_area(crs, document)?, direction);
    }
    if method == Some(TRANSVERSE_MERCATOR_SOUTH) {
        let inner = core_by_parameters(crs, &south_as_north(document), direction)?;
        return Ok(Box::new(Mirrored { inner, direction }));
    }
    if document::orientation(document) == Orientation::WestSouth {
        return Err(CrsError::unsupported(crs.name(), "its axes point west and south"));
    }
    let registered = crs.epsg().and_then(proj_core::lookup_epsg);
    if let Some(projected) = registered.as_ref().and_then(CrsDef::as_projected) {
        return core(crs, projected, direction).map(|step| Box::new(step) as Box<dyn Step>);
    }
    core_by_parameters(crs, document, direction).map(|step| Box::new(step) as Box<dyn Step>)
}

fn core(crs: &Crs, projected: &ProjectedCrsDef, direction: Direction) -> Result<CoreStep, CrsError> {
    CoreStep::projection(projected, direction).map_err(|error| CrsError::unsupported(crs.name(), error.to_string()))
}

/// A projection that proj-core has the method of, but not the code: made from the parameters of the document.
fn core_by_parameters(crs: &Crs, document: &Value, direction: Direction) -> Result<CoreStep, CrsError> {
    let lacking =
        || CrsError::unsupported(crs.name(), format!("projection method {}", document::method_name(document)));
    let method = document::method_code(document).and_then(|code| projection_method(document, code));
    let method = method.ok_or_else(lacking)?;
    let figure = document::figure(document).ok_or_else(lacking)?;
    let failed = |error: proj_core::Error| CrsError::unsupported(crs.name(), error.to_string());
    let datum = datum_of(figure).map_err(failed)?;
    let unit = LinearUnit::from_meters_per_unit(document::axis_unit(document)).map_err(failed)?;
    core(crs, &ProjectedCrsDef::new(0, datum, method, unit, ""), direction)
}

/// Transverse Mercator (South Orientated) as the ordinary one, whose plane is then mirrored.
fn south_as_north(document: &Value) -> Value {
    let mut north = document.clone();
    north["conversion"]["method"] =
        json!({"name": "Transverse Mercator", "id": {"authority": "EPSG", "code": TRANSVERSE_MERCATOR}});
    for parameter in north["conversion"]["parameters"].as_array_mut().into_iter().flatten() {
        // False westing and southing count the other way in the unmirrored plane.
        if let (Some(8806 | 8807), Some(value)) = (parameter["id"]["code"].as_u64(), parameter["value"].as_f64()) {
            parameter["value"] = json!(-value);
        }
    }
    for (axis, direction) in
        north["coordinate_system"]["axis"].as_array_mut().into_iter().flatten().zip(["east", "north"])
    {
        axis["direction"] = json!(direction);
    }
    north
}

/// The PROJ string of a cylindrical equal-area projection, which proj-core lacks.
fn cylindrical_equal_area(crs: &Crs, document: &Value) -> Result<String, CrsError> {
    let lacking = || CrsError::unsupported(crs.name(), "a parameter of its projection is missing");
    let figure = document::figure(document).ok_or_else(lacking)?;
    let [latitude, longitude, easting, northing] =
        [8823, 8802, 8806, 8807].map(|code| document::parameter(document, code));
    let latitude = latitude.ok_or_else(lacking)?.to_degrees();
    let longitude = longitude.ok_or_else(lacking)?.to_degrees();
    let (easting, northing) = (easting.unwrap_or(0.0), northing.unwrap_or(0.0));
    let unit = document::axis_unit(document);
    let (major, minor) = match (document::method_code(document), figure.inverse_flattening) {
        (_, 0.0) => (figure.semi_major_m, figure.semi_major_m),
        (Some(CYLINDRICAL_EQUAL_AREA_SPHERE), inverse) => {
            let radius = figure.semi_major_m * authalic_factor(inverse);
            (radius, radius)
        }
        (_, inverse) => (figure.semi_major_m, figure.semi_major_m * (1.0 - 1.0 / inverse)),
    };
    Ok(format!(
        "+proj=cea +lat_ts={latitude:?} +lon_0={longitude:?} +x_0={easting:?} +y_0={northing:?} +a={major:?} +b={minor:?} \
         +to_meter={unit:?}"
    ))
}

/// Radius of the sphere with the ellipsoid's surface, in semi-major axes (Snyder 1987, eq. 3-13 and 3-12 at the pole).
fn authalic_factor(inverse_flattening: f64) -> f64 {
    let flattening = 1.0 / inverse_flattening;
    let squared = flattening * (2.0 - flattening);
    let eccentricity = squared.sqrt();
    let pole = 1.0 + (1.0 - squared) / (2.0 * eccentricity) * ((1.0 + eccentricity) / (1.0 - eccentricity)).ln();
    (pole / 2.0).sqrt()
}

fn proj4_step(crs: &Crs, text: &str, direction: Direction) -> Result<Box<dyn Step>, CrsError> {
    let step = Proj4Step::new(text, direction);
    let step = step.map_err(|error| CrsError::unsupported(crs.name(), error.to_string()))?;
    if !step.is_possible() {
        return Err(CrsError::unsupported(crs.name(), "its projection goes one way only"));
    }
    Ok(Box::new(step))
}
