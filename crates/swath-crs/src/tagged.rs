//! WKT that carries an EPSG code at its top level, and agrees with it.
//!
//! Most WKT in files is some program's rendering of an EPSG code. Rather than reading such a text with all the names
//! that programs have for methods, its name and the values of its parameters are held against the table. Text that
//! does not agree, or states a shift of its own, is left to the real parser.

use serde_json::Value;

use crate::document;

/// The EPSG code of a WKT definition that names it last, at the top level.
pub(crate) fn code(text: &str) -> Option<u32> {
    let inner = text.get(text.find('[')? + 1..)?;
    let (mut depth, mut quoted, mut tag) = (0usize, false, None);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'[' if !quoted => {
                // A tag inside a unit or an axis is not the tag of the system.
                if depth == 0 && is_tag(&inner[..at]) {
                    tag = Some(at + 1);
                }
                depth += 1;
            }
            b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && tag.is_some() && byte == b']' {
            break;
        }
    }
    let tag = inner.get(tag?..)?;
    let mut fields = tag.get(..tag.find(']')?)?.split(',').map(|field| field.trim().trim_matches('"'));
    let authority = fields.next()?;
    if authority.eq_ignore_ascii_case("EPSG") { fields.next()?.parse().ok() } else { None }
}

/// Whether text ends with the keyword of an authority tag. Looks at bytes, because any character may come before.
fn is_tag(before: &str) -> bool {
    let before = before.trim_end().as_bytes();
    let word_start = before.iter().rposition(|byte| !byte.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
    before[word_start..].eq_ignore_ascii_case(b"AUTHORITY") || before[word_start..].eq_ignore_ascii_case(b"ID")
}

/// Whether a WKT text says, by its name and parameters, what the document of its code says.
pub(crate) fn agrees(text: &str, document: &Value) -> bool {
    let upper = text.to_ascii_uppercase();
    if ["TOWGS84", "BOUNDCRS", "COMPD_CS", "COMPOUNDCRS"].iter().any(|word| upper.contains(word)) {
        return false;
    }
    // The extension of Web Mercator says in other words what the code says; any other changes the definition.
    if upper.contains("EXTENSION") && document::epsg_id(document) != Some(3857) {
        return false;
    }
    let name = text.split('"').nth(1).unwrap_or("");
    if name.strip_suffix(" (deprecated)").unwrap_or(name) != document::name(document) {
        return false;
    }
    let is_geographic = ["GEOGCS", "GEOGCRS", "GEODCRS", "GEOGRAPHICCRS", "GEODETICCRS"]
        .iter()
        .any(|word| upper.trim_start().starts_with(word));
    if is_geographic != document::is_geographic(document) {
        return false;
    }
    let accepted = document::parameter_values(document);
    let mut values = upper.split("PARAMETER[").skip(1).map(|rest| {
        let number = rest.split(',').nth(1).unwrap_or("");
        let end = number.find(|c: char| !(c.is_ascii_alphanumeric() || "+-. ".contains(c))).unwrap_or(number.len());
        number[..end].trim().parse::<f64>().ok()
    });
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0);
    values.all(|value| value.is_some_and(|value| accepted.iter().any(|known| close(value, *known))))
        && (document::is_geographic(document) || upper.matches("PARAMETER[").count() >= accepted_least(document))
}

/// How many parameters a text must at least state: all but the ones that notations leave out when they are trivial.
fn accepted_least(document: &Value) -> usize {
    document["conversion"]["parameters"].as_array().map_or(0, Vec::len).saturating_sub(2)
}
