//! Sorts the text of a reference system by its notation. It decides nothing about what the system is.

use crate::CrsError;

/// The longest text that is looked at; a WKT with every usage spelt out is below 20 kB.
pub(crate) const TEXT_LIMIT_BYTES: usize = 64 * 1024;
/// How deep brackets may nest; WKT and PROJJSON of real systems stay below 12.
const NESTING_LIMIT: usize = 48;

/// What kind of text it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notation<'a> {
    /// An EPSG code, however it was dressed.
    Epsg(u32),
    /// `OGC:CRS84`, `OGC:CRS83` or `OGC:CRS27`, by the number.
    Ogc(u32),
    /// A PROJ string.
    Proj(&'a str),
    /// A PROJJSON document.
    Json(&'a str),
    /// WKT 1 or 2.
    Wkt(&'a str),
}

/// Tells the notation of a text.
///
/// # Errors
/// [`CrsError::Unreadable`] for an empty, overlong or too deeply nested text, and for one in no known notation;
/// [`CrsError::UnknownCode`] for the code of an authority other than EPSG and OGC.
pub(crate) fn notation(text: &str) -> Result<Notation<'_>, CrsError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(CrsError::unreadable(trimmed, "it is empty"));
    }
    if trimmed.len() > TEXT_LIMIT_BYTES {
        let reason = format!("it has {} bytes, more than {TEXT_LIMIT_BYTES}", trimmed.len());
        return Err(CrsError::unreadable(trimmed, reason));
    }
    if nesting(trimmed) > NESTING_LIMIT {
        return Err(CrsError::unreadable(trimmed, format!("brackets nest deeper than {NESTING_LIMIT}")));
    }
    match trimmed.as_bytes().first() {
        Some(b'{') => Ok(Notation::Json(trimmed)),
        Some(b'+') => proj(trimmed),
        _ if trimmed.contains('[') || trimmed.contains('(') => Ok(Notation::Wkt(trimmed)),
        _ if trimmed.contains("proj=") || trimmed.contains("init=") => proj(trimmed),
        _ => code(trimmed),
    }
}

/// The deepest nesting of brackets of any kind, whether or not they are inside quotes.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    for byte in text.bytes() {
        match byte {
            b'[' | b'(' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b')' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A PROJ string, where `+init=epsg:n` is no more than a code.
fn proj(text: &str) -> Result<Notation<'_>, CrsError> {
    let mut words = text.split_ascii_whitespace().map(|word| word.trim_start_matches('+'));
    let init = words.find_map(|word| word.strip_prefix("init="));
    match init {
        Some(code_text) => code(code_text).map_err(|_| CrsError::unreadable(text, "+init= is no EPSG code")),
        None => Ok(Notation::Proj(text)),
    }
}

/// `4326`, `EPSG:4326`, `urn:ogc:def:crs:EPSG::4326`, `http://www.opengis.net/def/crs/EPSG/0/4326`, `OGC:CRS84`…
fn code(text: &str) -> Result<Notation<'_>, CrsError> {
    let lower = text.to_ascii_lowercase();
    let rest = ["http://www.opengis.net/def/crs/", "https://www.opengis.net/def/crs/", "urn:ogc:def:crs:"]
        .iter()
        .find_map(|prefix| lower.strip_prefix(prefix));
    let parts: Vec<&str> = match rest {
        Some(rest) => rest.split([':', '/']).collect(),
        None => lower.split(':').collect(),
    };
    let (authority, number) = match (rest.is_some(), parts.as_slice()) {
        (false, [number]) if number.bytes().all(|byte| byte.is_ascii_digit()) => ("epsg", *number),
        (false, ["crs84" | "crs83" | "crs27"]) => ("ogc", parts[0]),
        (false, [authority, number] | [authority, "", number]) => (authority.trim(), number.trim()),
        (true, [authority, _version, number]) => (*authority, *number),
        _ => return Err(CrsError::unreadable(text, "it is no authority code, PROJ string, WKT or PROJJSON")),
    };
    match (authority, number.trim_start_matches("crs")) {
        ("epsg", digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().map(Notation::Epsg).map_err(|_| CrsError::UnknownCode { code: format!("EPSG:{digits}") })
        }
        ("ogc" | "crs", "84") => Ok(Notation::Ogc(84)),
        ("ogc" | "crs", "83") => Ok(Notation::Ogc(83)),
        ("ogc" | "crs", "27") => Ok(Notation::Ogc(27)),
        ("epsg", _) => Err(CrsError::unreadable(text, "an EPSG code is a number")),
        (authority, _) if !authority.is_empty() && authority.len() <= 8 => {
            Err(CrsError::UnknownCode { code: text.chars().take(60).collect() })
        }
        _ => Err(CrsError::unreadable(text, "it is no authority code, PROJ string, WKT or PROJJSON")),
    }
}
