//! What GDAL keeps in XML (tag 42112): scale, offset, description and unit of each band, and whatever else is passed
//! through.

use std::fmt::Write;

use swath_raster::{Band, BandColour};

use super::super::{COLOUR_WORDS, MetadataItem};

/// The document, or `None` if there is nothing to say. Items that say what the bands say already are left out; `shown` is
/// what the rest of the file makes of each band.
pub(super) fn document(bands: &[Band], shown: &[BandColour], items: &[MetadataItem]) -> Option<String> {
    let mut text = String::new();
    for item in items {
        put_item(&mut text, item, None);
    }
    for (position, band) in bands.iter().enumerate() {
        let mut put = |name: &str, role: &'static str, value: String| {
            let (name, domain) = (name.to_string(), None);
            put_item(&mut text, &MetadataItem { name, value, band: Some(position), domain }, Some(role));
        };
        // Numbers as Rust's debug form has them are exact, and short however large they are.
        if let Some(offset) = band.offset {
            put("OFFSET", "offset", format!("{offset:?}"));
        }
        if let Some(scale) = band.scale {
            put("SCALE", "scale", format!("{scale:?}"));
        }
        if let Some(units) = &band.units {
            put("UNITTYPE", "unittype", units.clone());
        }
        if let Some(description) = &band.description {
            put("DESCRIPTION", "description", description.clone());
        }
        let other = COLOUR_WORDS.iter().find(|(colour, _)| *colour == band.colour);
        if let (Some((colour, word)), Some(shown)) = (other, shown.get(position))
            && colour != shown
        {
            put("COLORINTERP", "colorinterp", (*word).into());
        }
    }
    (!text.is_empty()).then(|| format!("<GDALMetadata>\n{text}</GDALMetadata>\n"))
}

fn put_item(text: &mut String, item: &MetadataItem, role: Option<&str>) {
    let _ = write!(text, "  <Item name=\"{}\"", escaped(&item.name));
    if let Some(band) = item.band {
        let _ = write!(text, " sample=\"{band}\"");
    }
    if let Some(domain) = &item.domain {
        let _ = write!(text, " domain=\"{}\"", escaped(domain));
    }
    if let Some(role) = role {
        let _ = write!(text, " role=\"{role}\"");
    }
    // GDAL resolves the entities of a value once more than XML does, so values are escaped twice.
    let _ = writeln!(text, ">{}</Item>", escaped(&escaped(&item.value)));
}

/// Text as XML has it; characters that XML 1.0 excludes are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(c),
            c if c < ' ' || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_and_items_become_xml() {
        assert_eq!(document(&[Band::default()], &[BandColour::None], &[]), None);
        let band = Band {
            description: Some("a < b & c".into()),
            scale: Some(1e-4),
            offset: Some(-0.1),
            units: Some("W/m²".into()),
            colour: BandColour::Opacity,
        };
        let item = MetadataItem {
            name: "a \"name\"".into(),
            value: "x\u{1}y".into(),
            band: None,
            domain: Some("IMAGERY".into()),
        };
        let wanted = "<GDALMetadata>\n  <Item name=\"a &quot;name&quot;\" domain=\"IMAGERY\">xy</Item>\n\
             \x20 <Item name=\"OFFSET\" sample=\"1\" role=\"offset\">-0.1</Item>\n\
             \x20 <Item name=\"SCALE\" sample=\"1\" role=\"scale\">0.0001</Item>\n\
             \x20 <Item name=\"UNITTYPE\" sample=\"1\" role=\"unittype\">W/m²</Item>\n\
             \x20 <Item name=\"DESCRIPTION\" sample=\"1\" role=\"description\">a &amp;lt; b &amp;amp; c</Item>\n\
             \x20 <Item name=\"COLORINTERP\" sample=\"1\" role=\"colorinterp\">Alpha</Item>\n\
             </GDALMetadata>\n";
        assert_eq!(document(&[Band::default(), band], &[BandColour::None; 2], &[item]).as_deref(), Some(wanted));
    }
}
