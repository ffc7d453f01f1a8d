//! GeoKeys as they stand in a file: values by key, and what follows from them alone.

use std::collections::BTreeMap;

use swath_core::Result;

use super::directory::{Directory, plain};
use super::input::Input;
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
const LINEAR_UNITS: u16 = 3076;
const VERTICAL: u16 = 4096;

/// The value of a key, for comparing.
#[derive(PartialEq, Eq)]
enum Meaning {
    Code(u16),
    /// The bits of numbers, so that each equals itself.
    Numbers(Vec<u64>),
    Text(Option<String>),
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

    /// Whether coordinates may be angles, as far as the keys of a system tell that is not known.
    pub fn may_be_angles(&self) -> bool {
        let is_projected = self.esri_text().is_some_and(|text| text.starts_with("PROJCS["));
        !(is_projected || self.code(MODEL_TYPE) == Some(1))
    }

    /// Whether coordinates are metres, or nothing is said of a unit and no system is named.
    pub fn are_in_metres(&self, names_system: bool) -> bool {
        let may_be = self.code(MODEL_TYPE) != Some(2);
        match self.code(LINEAR_UNITS) {
            Some(unit) => may_be && unit == 9001,
            None => may_be && !names_system,
        }
    }

    /// Whether they mean the same system, in whatever order and by whatever name.
    pub fn mean_the_same(&self, other: &GeoKeys) -> bool {
        self.meanings() == other.meanings()
    }

    fn meanings(&self) -> BTreeMap<u16, Meaning> {
        let names = [CITATION, GEOGRAPHIC_CITATION, PROJECTED_CITATION];
        let meaning = |entry: &[u16; 4]| {
            let [key, tag, count, value] = *entry;
            let meaning = match tag {
                0 => Meaning::Code(value),
                tags::GEO_DOUBLE_PARAMS => {
                    let numbers = self.numbers.iter().skip(usize::from(value)).take(usize::from(count));
                    Meaning::Numbers(numbers.map(|number| number.to_bits()).collect())
                }
                _ => Meaning::Text(self.text(key)),
            };
            let is_name =
                names.contains(&key) && !matches!(&meaning, Meaning::Text(Some(text)) if text.contains(ESRI_TEXT));
            (!is_name).then_some((key, meaning))
        };
        self.entries.iter().filter_map(meaning).collect()
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
