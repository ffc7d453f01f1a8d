//! A reference system as GeoKeys (OGC 19-008r4): by its EPSG code where it has one, else key by key.

use swath_core::Result;
use swath_crs::{Crs, CrsError};

use super::super::{GeoKeys, tags};
use super::directory::{Directory, Value};
use super::options::refused;
use super::projection;

/// What stands where a code would, for what has none.
pub(super) const USER_DEFINED: u16 = 32_767;

/// A value of a key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    /// A code.
    Code(u16),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// Keys in any order.
pub(super) type Keys = Vec<(u16, Key)>;

pub(super) const MODEL_TYPE: u16 = 1024;
pub(super) const RASTER_TYPE: u16 = 1025;
pub(super) const CITATION: u16 = 1026;
pub(super) const GEODETIC_CRS: u16 = 2048;
pub(super) const PROJECTED_CRS: u16 = 3072;

/// Adds the fields that name the system, and say whether pixels are points.
///
/// # Errors
/// [`swath_core::Error::Usage`] for a system that GeoTIFF has no keys for.
pub(super) fn put(directory: &mut Directory, crs: &Crs, pixel_is_point: bool) -> Result<()> {
    let mut keys = keys(crs)?;
    keys.push((RASTER_TYPE, Key::Code(if pixel_is_point { 2 } else { 1 })));
    keys.sort_by_key(|(key, _)| *key);
    let (mut numbers, mut text) = (Vec::new(), String::new());
    let mut entries = vec![1, 1, 0, keys.len() as u16];
    for (key, value) in keys {
        match value {
            Key::Code(code) => entries.extend([key, 0, 1, code]),
            Key::Number(number) => {
                entries.extend([key, tags::GEO_DOUBLE_PARAMS, 1, numbers.len() as u16]);
                numbers.push(number);
            }
            Key::Text(value) => {
                let start = text.len() as u16;
                text.push_str(&value);
                text.push('|');
                entries.extend([key, tags::GEO_ASCII_PARAMS, text.len() as u16 - start, start]);
            }
        }
    }
    directory.put(tags::GEO_KEY_DIRECTORY, Value::Short(entries));
    if !numbers.is_empty() {
        directory.put(tags::GEO_DOUBLE_PARAMS, Value::Double(numbers));
    }
    if !text.is_empty() {
        directory.put(tags::GEO_ASCII_PARAMS, Value::Text(text));
    }
    Ok(())
}

/// Adds the fields of keys that a file had, and says whether pixels are points.
pub(super) fn put_as_they_were(directory: &mut Directory, keys: &GeoKeys, pixel_is_point: bool) {
    let raster_type = [RASTER_TYPE, 0, 1, if pixel_is_point { 2 } else { 1 }];
    let is_whole = |entry: &[u16; 4]| [0, tags::GEO_DOUBLE_PARAMS, tags::GEO_ASCII_PARAMS].contains(&entry[1]);
    let others = keys.entries.iter().filter(|entry| is_whole(entry)).copied();
    let mut entries: Vec<[u16; 4]> = others.chain([raster_type]).collect();
    entries.sort_by_key(|entry| entry[0]);
    let [version, revision, minor] = keys.head;
    let head = [version, revision, minor, entries.len() as u16];
    directory.put(tags::GEO_KEY_DIRECTORY, Value::Short([head].into_iter().chain(entries).flatten().collect()));
    if !keys.numbers.is_empty() {
        directory.put(tags::GEO_DOUBLE_PARAMS, Value::Double(keys.numbers.clone()));
    }
    let text = String::from_utf8_lossy(&keys.text);
    let text = text.trim_end_matches('\0');
    if !text.is_empty() {
        directory.put(tags::GEO_ASCII_PARAMS, Value::Text(text.into()));
    }
}

fn keys(crs: &Crs) -> Result<Keys> {
    let name: String = crs.name().chars().take(1000).map(|c| if c == '|' { '/' } else { c }).collect();
    let mut keys = vec![(MODEL_TYPE, Key::Code(if crs.is_geographic() { 2 } else { 1 })), (CITATION, Key::Text(name))];
    let mut code = if crs.is_crs84_equivalent() { Some(4326) } else { crs.epsg() };
    let mut document = serde_json::Value::Null;
    if code.is_none() {
        document = crs.to_projjson().map_err(|error| unwritable(crs, &error.to_string(), Some(&error)))?;
        code = code_of_ogc(&document);
    }
    match code.and_then(|code| u16::try_from(code).ok()).filter(|code| *code < USER_DEFINED) {
        Some(code) => keys.push((if crs.is_geographic() { GEODETIC_CRS } else { PROJECTED_CRS }, Key::Code(code))),
        None => projection::put(&mut keys, &document).map_err(|reason| unwritable(crs, &reason, None))?,
    }
    Ok(keys)
}

/// The EPSG code of a system of OGC, which differs from it in the order of axes only: files have x before y anyway.
fn code_of_ogc(document: &serde_json::Value) -> Option<u32> {
    let id = document.get("id").filter(|id| id["authority"] == "OGC")?;
    match id["code"].as_str()? {
        "CRS27" => Some(4267),
        "CRS83" => Some(4269),
        "CRS84" => Some(4326),
        _ => None,
    }
}

fn unwritable(crs: &Crs, reason: &str, error: Option<&CrsError>) -> swath_core::Error {
    let reason = match error {
        Some(CrsError::Unsupported { reason, .. }) => reason,
        _ => reason,
    };
    let hint = error.map_or("give the EPSG code of an equivalent system, or reproject to one", CrsError::hint);
    refused(format!("the reference system {} cannot be written to a GeoTIFF: {reason}", crs.name()), hint)
}
