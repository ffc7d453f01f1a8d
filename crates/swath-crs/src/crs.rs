//! A reference system: read from any text, described by a few facts, written as PROJJSON.
//!
//! A system with a code is kept as that code, and everything else is looked up when it is asked for, so that a `Crs`
//! costs some hundred bytes. It does not transform coordinates.

use proj_core::{AxisOrder, CrsDef};
use serde_json::Value;

use crate::frame::Frame;
use crate::step::Direction;
use crate::text::{self, Notation};
use crate::{Bounds, CrsError, document, table, tagged};

/// A two-dimensional geographic or projected coordinate reference system.
#[derive(Debug, Clone)]
pub struct Crs {
    pub(crate) definition: Definition,
    name: String,
    geographic: bool,
    deprecated: bool,
}

/// What a system is known by.
#[derive(Debug, Clone)]
pub(crate) enum Definition {
    /// A code of the embedded table.
    Epsg(u32),
    /// `OGC:CRS84` and its kin.
    Ogc(u32),
    /// A definition without a code that proj-core can compute with, and the PROJJSON it was given in, if it was.
    Core(Box<CrsDef>, Option<Box<Value>>),
    /// A PROJ string that only proj4rs can compute with.
    Proj4(String),
}

/// Method names in WKT without a code that programs mean differently from what proj-wkt takes them for: the single
/// stereographic projection for the double one, Krovak with axes to the south and west for the one to the east and north.
const AMBIGUOUS_METHODS: [&str; 2] = ["\"Stereographic\"", "\"Krovak\""];

impl Crs {
    /// Reads a reference system: `EPSG:4326`, `4326`, `urn:ogc:def:crs:EPSG::4326`, `OGC:CRS84`, a PROJ string
    /// (`+proj=…`), WKT 1 or 2, or PROJJSON.
    ///
    /// The axis order of the text does not matter: coordinates are `(x, y)` here. A definition that carries an EPSG
    /// code and agrees with it counts as that code.
    ///
    /// # Errors
    /// [`CrsError::Unreadable`], [`CrsError::UnknownCode`], or [`CrsError::Unsupported`] for what is understood but
    /// not two-dimensional, or cannot be computed with.
    pub fn parse(text: &str) -> Result<Crs, CrsError> {
        match text::notation(text)? {
            Notation::Epsg(code) => Crs::from_epsg(code),
            Notation::Ogc(number) => {
                let entry = table::ogc(number);
                let entry = entry.ok_or_else(|| CrsError::UnknownCode { code: format!("OGC:CRS{number}") })?;
                Ok(Crs::of_entry(Definition::Ogc(number), &entry))
            }
            Notation::Proj(text) => Crs::from_proj(text),
            Notation::Json(text) => Crs::from_projjson(text),
            Notation::Wkt(text) => {
                if let Some(code) = tagged::code(text)
                    && let Some(entry) = table::epsg(code).filter(|entry| tagged::agrees(text, &entry.document))
                {
                    return Ok(Crs::of_entry(Definition::Epsg(code), &entry));
                }
                let name = text.split('"').nth(1).unwrap_or("unnamed").to_string();
                if let Some(method) = AMBIGUOUS_METHODS.iter().find(|method| text.contains(**method)) {
                    return Err(CrsError::unsupported(&name, format!("the projection name {method} is ambiguous")));
                }
                Crs::from_definition(parse_definition(&common_names(text))?, name, None)
            }
        }
    }

    /// The system of an EPSG code.
    ///
    /// # Errors
    /// [`CrsError::UnknownCode`] when there is no such code, or it is not of a 2-D geographic or projected system.
    pub fn from_epsg(code: u32) -> Result<Crs, CrsError> {
        let entry = table::epsg(code).ok_or_else(|| CrsError::UnknownCode { code: format!("EPSG:{code}") })?;
        Ok(Crs::of_entry(Definition::Epsg(code), &entry))
    }

    fn of_entry(definition: Definition, entry: &table::Entry) -> Crs {
        Crs {
            definition,
            name: document::name(&entry.document).to_string(),
            geographic: document::is_geographic(&entry.document),
            deprecated: entry.deprecated,
        }
    }

    fn from_projjson(text: &str) -> Result<Crs, CrsError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| CrsError::unreadable(text, format!("it is no JSON: {error}")))?;
        if let Some(crs) = Crs::of_same_document(&value) {
            return Ok(crs);
        }
        let name = document::name(&value).to_string();
        let definition = parse_definition(text)?;
        Crs::from_definition(definition, name, Some(Box::new(value)))
    }

    /// The code that a document carries, when it says in all that matters what the table says.
    fn of_same_document(value: &Value) -> Option<Crs> {
        let (definition, entry) = match document::epsg_id(value) {
            Some(code) => (Definition::Epsg(code), table::epsg(code)?),
            None if value["id"]["authority"] == "OGC" => {
                let number = value["id"]["code"].as_str()?.strip_prefix("CRS")?.parse().ok()?;
                (Definition::Ogc(number), [27, 83, 84].contains(&number).then(|| table::ogc(number))??)
            }
            None => return None,
        };
        document::same_meaning(value, &entry.document).then(|| Crs::of_entry(definition, &entry))
    }

    fn from_proj(text: &str) -> Result<Crs, CrsError> {
        let words = text.split_ascii_whitespace().filter(|word| word.trim_start_matches('+') != "no_defs");
        let words: Vec<String> = words.map(|word| format!("+{}", word.trim_start_matches('+'))).collect();
        let text = words.join(" ");
        match parse_definition(&text) {
            Ok(definition) => Crs::from_definition(definition, text, None),
            Err(error) => {
                let crs = Crs {
                    geographic: false,
                    deprecated: false,
                    name: text.clone(),
                    definition: Definition::Proj4(text),
                };
                // Only what can really be computed with is worth more than the first error.
                Frame::new(&crs, Direction::Project).map_err(|_| error)?;
                Ok(crs)
            }
        }
    }

    /// A system from what proj-wkt made of a text.
    fn from_definition(definition: CrsDef, name: String, json: Option<Box<Value>>) -> Result<Crs, CrsError> {
        if !definition.is_horizontal_2d() {
            return Err(CrsError::unsupported(&name, "it has a height; points here have an x and a y only"));
        }
        let code = definition.epsg();
        if code != 0
            && !definition.datum().declares_shift()
            && let Some(entry) = table::epsg(code)
        {
            return Ok(Crs::of_entry(Definition::Epsg(code), &entry));
        }
        let geographic = definition.is_geographic();
        let definition = Box::new(definition.with_axis_order(AxisOrder::EastNorth));
        Ok(Crs { definition: Definition::Core(definition, json), name, geographic, deprecated: false })
    }

    /// The EPSG code, if the system is known by one. `OGC:CRS84` has none.
    pub fn epsg(&self) -> Option<u32> {
        match self.definition {
            Definition::Epsg(code) => Some(code),
            _ => None,
        }
    }

    /// The name that the authority or the definition gives the system.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether coordinates are longitude and latitude.
    pub fn is_geographic(&self) -> bool {
        self.geographic
    }

    /// Metres in a unit of its coordinates: 1 for most projected systems, 0.3048… for those in feet. `None` where they
    /// are angles.
    pub fn metres_per_unit(&self) -> Option<f64> {
        (!self.geographic).then(|| crate::extent::unit_metres(self))
    }

    /// Whether the authority has withdrawn the code in favour of another.
    pub fn is_deprecated(&self) -> bool {
        self.deprecated
    }

    /// Whether the system is WGS 84 longitude and latitude: `OGC:CRS84`, `EPSG:4326` (whose coordinates are in the
    /// order x, y here), or a definition that means the same. GeoParquet may then leave its `crs` out.
    pub fn is_crs84_equivalent(&self) -> bool {
        match &self.definition {
            Definition::Epsg(code) => *code == 4326,
            Definition::Ogc(number) => *number == 84,
            Definition::Core(definition, _) => {
                definition.is_geographic()
                    && !definition.datum().declares_shift()
                    && proj_core::lookup_epsg(4326).is_some_and(|wgs84| definition.semantically_equivalent(&wgs84))
            }
            Definition::Proj4(_) => false,
        }
    }

    /// Whether coordinates of the two systems are interchangeable.
    pub fn is_same_as(&self, other: &Crs) -> bool {
        match (&self.definition, &other.definition) {
            (Definition::Epsg(a), Definition::Epsg(b)) | (Definition::Ogc(a), Definition::Ogc(b)) => a == b,
            (Definition::Core(a, _), Definition::Core(b, _)) if a.semantically_equivalent(b) => true,
            (Definition::Core(_, Some(a)), Definition::Core(_, Some(b))) if a == b => true,
            (Definition::Proj4(a), Definition::Proj4(b)) => a == b,
            _ => self.is_crs84_equivalent() && other.is_crs84_equivalent(),
        }
    }

    /// The system as a PROJJSON document, for the `crs` of GeoParquet.
    ///
    /// For an EPSG code it means what `pyproj.CRS.from_epsg(code).to_json_dict()` means, with the authority's own axis
    /// order in it, although coordinates are `(x, y)`: GeoParquet prescribes exactly that.
    ///
    /// # Errors
    /// [`CrsError::Unsupported`] for a definition without a code that has no PROJJSON here (a PROJ string of a rare
    /// projection, or one with a grid in it): the remedy is an EPSG code, or to give the system as PROJJSON.
    pub fn to_projjson(&self) -> Result<Value, CrsError> {
        let missing = || CrsError::unsupported(&self.name, "it is not in the embedded table");
        match &self.definition {
            Definition::Epsg(code) => Ok(table::epsg(*code).ok_or_else(missing)?.document),
            Definition::Ogc(number) => Ok(table::ogc(*number).ok_or_else(missing)?.document),
            Definition::Core(_, Some(json)) => Ok((**json).clone()),
            Definition::Core(definition, None) => {
                let unwritable = |_| CrsError::unsupported(&self.name, "it cannot be written as PROJJSON");
                let text = proj_wkt::to_projjson(definition).map_err(unwritable)?;
                let mut value: Value = serde_json::from_str(&text)
                    .map_err(|_| CrsError::unsupported(&self.name, "it cannot be written as PROJJSON"))?;
                value["name"] = Value::String(self.name.clone());
                Ok(value)
            }
            Definition::Proj4(_) => Err(CrsError::unsupported(&self.name, "it cannot be written as PROJJSON")),
        }
    }

    /// Bounds that every coordinate of this system keeps, for telling impossible values from far-away ones.
    ///
    /// For a geographic system half a turn to either side and a right angle up and down, in its own angular unit. For a
    /// projected one the area of use, projected and widened to either side by its size and at least 2,000 km;
    /// where no area is known or it cannot be projected, 40,000 km around zero. Always finite.
    ///
    /// Takes some hundred projections: ask once, not for every point.
    ///
    /// # Units
    /// Those of the system's coordinates, in `(x, y)` order.
    pub fn coordinate_bounds(&self) -> Bounds {
        if self.geographic {
            let degrees_per_unit = match &self.definition {
                Definition::Epsg(code) => {
                    table::epsg(*code).map_or(1.0, |entry| document::degrees_per_unit(&entry.document))
                }
                _ => 1.0,
            };
            // 180° in grads is 200 up to rounding, and a coordinate of exactly 200 is none to reject.
            let half_turn = (180.0 / degrees_per_unit * 1e9).round() / 1e9;
            return Bounds::around_zero(half_turn, half_turn / 2.0);
        }
        crate::extent::projected_bounds(self)
    }

    /// The document of the table, for a system known by a code.
    pub(crate) fn entry_document(&self) -> Option<Value> {
        match self.definition {
            Definition::Epsg(code) => table::epsg(code).map(|entry| entry.document),
            Definition::Ogc(number) => table::ogc(number).map(|entry| entry.document),
            _ => None,
        }
    }
}

/// A WKT text with the names of methods that proj-wkt does not know, though it has the methods, put as it knows them.
fn common_names(text: &str) -> String {
    text.replace("\"Gauss_Kruger\"", "\"Transverse_Mercator\"")
        .replace("\"Albers\"", "\"Albers_Equal_Area\"")
        .replace("\"Albers_Conic_Equal_Area\"", "\"Albers_Equal_Area\"")
}

/// What proj-wkt makes of a text.
fn parse_definition(text: &str) -> Result<CrsDef, CrsError> {
    use proj_wkt::ParseError;
    proj_wkt::parse_crs(text).map_err(|error| match error {
        ParseError::UnsupportedSemantics(reason) => CrsError::unsupported("the definition", reason),
        ParseError::Core(proj_core::Error::UnsupportedProjection(reason)) => {
            CrsError::unsupported("the definition", format!("projection {reason}"))
        }
        other => CrsError::unreadable(text, other.to_string().chars().take(200).collect::<String>()),
    })
}
