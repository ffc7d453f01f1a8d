//! GeoKeys as they stand in a file: values by key, and what follows from them alone.

use std::collections::BTreeMap;

use swath_core::Result;
use swath_crs::Crs;

use super::directory::{Directory, plain};
use super::input::Input;
use super::projection::{self, CONVERSION, LINEAR_UNITS, METHOD};
use crate::geotiff::{GeoKeys, tags};

/// More keys than there are in the standard.
const KEYS: u64 = 4 * 1024;
/// What stands where a file defines something for itself.
pub(super) const USER_DEFINED: u32 = 32_767;
/// What Esri's programs put before the text of a system.
const ESRI_TEXT: &str = "ESRI PE String = ";

pub(super) const MODEL_TYPE: u16 = 1024;
pub(super) const RASTER_TYPE: u16 = 1025;
pub(super) const CITATION: u16 = 1026;
pub(super) const GEOGRAPHIC_CITATION: u16 = 2049;
pub(super) const PROJECTED_CITATION: u16 = 3073;
pub(super) const GEOGRAPHIC: u16 = 2048;
pub(super) const DATUM: u16 = 2050;
pub(super) const PROJECTED: u16 = 3072;
const VERTICAL: u16 = 4096;
/// Keys of geographic and projected systems.
const OF_PLANES: std::ops::RangeInclusive<u16> = 2048..=3999;
/// Keys of vertical systems.
const OF_HEIGHTS: std::ops::RangeInclusive<u16> = 4096..=4099;

/// What a key says, for comparing.
#[derive(PartialEq)]
enum Meaning {
    Code(u16),
    Numbers(Vec<f64>),
    Text(String),
}

impl Meaning {
    /// What stands elsewhere, or beyond the end: nobody knows whether it is the same as another one.
    fn unknown() -> Meaning {
        Meaning::Numbers(vec![f64::NAN])
    }
}

impl GeoKeys {
    pub(super) fn read(input: &Input, directory: &Directory) -> Result<GeoKeys> {
        let numbers = directory.numbers(input, tags::GEO_KEY_DIRECTORY, KEYS)?;
        let mut entries = numbers.chunks_exact(4).map(|entry| [0, 1, 2, 3].map(|part| entry[part] as u16));
        let [version, revision, minor, count] = entries.next().unwrap_or_default();
        // Behind the keys some files have zeros, or what was once a key.
        let entries = entries.take(usize::from(count));
        Ok(GeoKeys {
            head: [version, revision, minor],
            entries: entries.collect(),
            numbers: directory.floats(input, tags::GEO_DOUBLE_PARAMS, KEYS)?,
            text: directory.bytes(input, tags::GEO_ASCII_PARAMS, 1 << 16)?,
        })
    }

    fn entry(&self, key: u16) -> Option<[u16; 4]> {
        self.entries.iter().find(|entry| entry[0] == key).copied()
    }

    /// A key that is a code; one of 0 says nothing.
    pub fn code(&self, key: u16) -> Option<u32> {
        self.entry(key).filter(|entry| entry[1] == 0 && entry[3] != 0).map(|entry| u32::from(entry[3]))
    }

    /// A key that is a number.
    pub fn number(&self, key: u16) -> Option<f64> {
        let entry = self.entry(key)?;
        match entry[1] {
            0 => Some(f64::from(entry[3])),
            tags::GEO_DOUBLE_PARAMS => self.numbers.get(usize::from(entry[3])).copied(),
            _ => None,
        }
    }

    /// A key that is a text.
    pub fn text(&self, key: u16) -> Option<String> {
        let entry = self.entry(key).filter(|entry| entry[1] == tags::GEO_ASCII_PARAMS)?;
        let start = usize::from(entry[3]);
        let text = self.text.get(start..start + usize::from(entry[2]))?;
        let text = plain(text);
        Some(text.trim_end_matches(['|', '\0', ' ']).to_string()).filter(|text| !text.is_empty())
    }

    /// WKT in the dialect of Esri, which its programs put into a citation.
    pub(super) fn esri_text(&self) -> Option<String> {
        let texts = [PROJECTED_CITATION, CITATION, GEOGRAPHIC_CITATION].into_iter().filter_map(|key| self.text(key));
        let mut found = texts.filter_map(|text| text.split_once(ESRI_TEXT).map(|(_, wkt)| wkt.to_string()));
        found.next().map(|wkt| without_height(&wkt))
    }

    /// The system of heights, if they name one.
    pub fn heights(&self) -> Option<String> {
        let code = self.code(VERTICAL)?;
        Some(if code == USER_DEFINED { "defined in the file".into() } else { format!("EPSG:{code}") })
    }

    /// The same without what they say of heights.
    #[must_use]
    pub fn without_heights(mut self) -> GeoKeys {
        self.entries.retain(|entry| !OF_HEIGHTS.contains(&entry[0]));
        self
    }

    /// Whether they say anything of a plane: a system, or a unit. A name alone says nothing.
    pub(super) fn say_where(&self) -> bool {
        let is_name = |key: u16| key == GEOGRAPHIC_CITATION || key == PROJECTED_CITATION;
        let says = |entry: &&[u16; 4]| OF_PLANES.contains(&entry[0]) && !is_name(entry[0]);
        self.entries.iter().filter(says).any(|entry| self.meaning(*entry).is_some())
    }

    /// Whether coordinates may be angles, as far as the keys of a system tell that is not known.
    pub fn may_be_angles(&self) -> bool {
        let is_geographic = |code| Crs::from_epsg(code).is_ok_and(|crs| crs.is_geographic());
        let model = self.code(MODEL_TYPE);
        let has_angles = self.code(GEOGRAPHIC).is_some() && self.code(PROJECTED).is_none() && model != Some(1);
        if model == Some(2)
            || has_angles
            || self.code(PROJECTED).filter(|code| *code != USER_DEFINED).is_some_and(is_geographic)
        {
            return true;
        }
        let is_projected = self.esri_text().is_some_and(|text| text.starts_with("PROJCS["));
        let has_unit = self.code(LINEAR_UNITS).map(|_| matches!(projection::unit(self), Ok(Some(_))));
        !(is_projected || has_unit.unwrap_or(model == Some(1)))
    }

    /// Whether they say that coordinates are metres.
    pub fn are_in_metres(&self) -> bool {
        // The unit of a text is the last one in it.
        let of_text = |text: String| {
            let (_, unit) = text.rsplit_once("UNIT[")?;
            unit.split([',', ']']).nth(1)?.trim().parse::<f64>().ok()
        };
        let metres = match projection::unit(self) {
            Ok(Some(unit)) => Some(unit.metres),
            Ok(None) => self.esri_text().and_then(of_text),
            Err(_) => None,
        };
        !self.may_be_angles() && metres == Some(1.0)
    }

    /// Whether they mean the same plane, in whatever order and by whatever name. Heights are not looked at.
    pub fn mean_the_same(&self, other: &GeoKeys) -> bool {
        self.meanings() == other.meanings()
    }

    fn meanings(&self) -> BTreeMap<u16, Meaning> {
        let is_left_out = |key: u16| key == RASTER_TYPE || OF_HEIGHTS.contains(&key);
        let entries = self.entries.iter().filter(|entry| !is_left_out(entry[0]));
        entries.filter_map(|entry| Some((entry[0], self.meaning(*entry)?))).collect()
    }

    /// What an entry says; nothing where that is what no entry would say as well.
    fn meaning(&self, [key, tag, count, value]: [u16; 4]) -> Option<Meaning> {
        match tag {
            0 => (value != 0).then_some(Meaning::Code(value)),
            tags::GEO_DOUBLE_PARAMS => {
                let there = usize::from(value)..usize::from(value) + usize::from(count);
                let Some(numbers) = self.numbers.get(there) else { return Some(Meaning::unknown()) };
                // No number is the same as another that is none.
                let numbers: Vec<f64> =
                    numbers.iter().map(|number| if number.is_nan() { f64::MAX } else { *number }).collect();
                numbers.iter().any(|number| *number != 0.0).then_some(Meaning::Numbers(numbers))
            }
            tags::GEO_ASCII_PARAMS if self.text.len() < usize::from(value) + usize::from(count) => {
                Some(Meaning::unknown())
            }
            tags::GEO_ASCII_PARAMS => self
                .text(key)
                .and_then(|text| self.telling(key, text))
                .filter(|text| !text.is_empty())
                .map(Meaning::Text),
            _ => Some(Meaning::unknown()),
        }
    }

    /// What a text says that no code or number does; a name alone makes no other system.
    fn telling(&self, key: u16, text: String) -> Option<String> {
        let known = |key| self.code(key).is_some_and(|code| code != USER_DEFINED);
        let has_globe = known(GEOGRAPHIC) || known(DATUM);
        let is_projected = self.code(PROJECTED).is_some() || self.code(MODEL_TYPE) == Some(1);
        match key {
            _ if text.contains(ESRI_TEXT) => Some(text),
            GEOGRAPHIC_CITATION if has_globe => None,
            // `GCS Name = …|Datum = …|Ellipsoid = …`, with a name before it or without.
            GEOGRAPHIC_CITATION if text.contains('=') => {
                let parts = text.split('|').map(str::trim);
                let others = parts.filter(|part| part.contains('=') && !part.starts_with("GCS Name"));
                let others = others.collect::<Vec<_>>().join("|");
                // A name is all that tells some systems apart.
                Some(if others.is_empty() { text } else { others })
            }
            CITATION | PROJECTED_CITATION
                if known(PROJECTED) || known(CONVERSION) || known(METHOD) || (has_globe && !is_projected) =>
            {
                None
            }
            _ => Some(text),
        }
    }
}

/// Esri's text of a system with a height, without the height: it stands inside of the last bracket, or behind it.
fn without_height(wkt: &str) -> String {
    match wkt.find(",VERTCS[") {
        Some(start) if wkt.starts_with("PROJCS[") || wkt.starts_with("GEOGCS[") => {
            let head = &wkt[..start];
            let open = head.matches('[').count().saturating_sub(head.matches(']').count());
            head.to_string() + &"]".repeat(open)
        }
        _ => wkt.to_string(),
    }
}
