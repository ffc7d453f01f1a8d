//! The XML that GDAL keeps in tag 42112: items with a name, some of them of one band or with a role.
//!
//! It reads that one form and no other XML. What has no role here is kept as it is, to be passed on.

use swath_raster::{Band, BandColour};

use crate::geotiff::{COLOUR_WORDS, MetadataItem};

/// Reads the items: what they say of bands goes there, the others are answered.
pub(super) fn items(xml: &str, bands: &mut [Band]) -> Vec<MetadataItem> {
    let mut others = Vec::new();
    for piece in xml.split("<Item").skip(1) {
        let Some((head, rest)) = piece.split_once('>') else {
            continue;
        };
        // GDAL passes those over, too.
        let Some(name) = attribute(head, "name") else {
            continue;
        };
        let value = if head.ends_with('/') { "" } else { rest.split("</Item").next().unwrap_or_default() };
        let item = MetadataItem {
            name,
            band: attribute(head, "sample").and_then(|sample| sample.trim().parse().ok()),
            domain: attribute(head, "domain").filter(|domain| !domain.is_empty()),
            // GDAL escapes texts twice, and takes them back twice.
            value: unescape(&unescape(value)),
        };
        let role = attribute(head, "role").unwrap_or_default();
        let band = item.band.and_then(|band| bands.get_mut(band));
        match (role.as_str(), band) {
            ("scale", Some(band)) => band.scale = item.value.trim().parse().ok(),
            ("offset", Some(band)) => band.offset = item.value.trim().parse().ok(),
            ("description", Some(band)) => band.description = Some(item.value),
            ("unittype", Some(band)) => band.units = Some(item.value),
            ("colorinterp", Some(band)) => {
                let known = COLOUR_WORDS.iter().find(|(_, word)| *word == item.value.trim());
                band.colour = known.map_or(BandColour::None, |(colour, _)| *colour);
            }
            _ => others.push(item),
        }
    }
    others.shrink_to_fit();
    others
}

/// The value of an attribute of a tag.
fn attribute(head: &str, name: &str) -> Option<String> {
    let mut rest = head;
    while let Some((before, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, end) = after[1..].split_once(quote)?;
        if before.trim() == name {
            return Some(unescape(value));
        }
        rest = end;
    }
    None
}

/// Text without the escapes of XML.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let entity = after.split_once(';').filter(|(entity, _)| entity.len() <= 8);
        let character = entity.and_then(|(entity, _)| match entity {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            number => {
                let number = number.strip_prefix('#')?;
                let code = match number.strip_prefix('x') {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => number.parse().ok()?,
                };
                char::from_u32(code)
            }
        });
        match (character, entity) {
            (Some(character), Some((_, after))) => {
                plain.push(character);
                rest = after;
            }
            _ => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_sorted_by_their_role() {
        let xml = r#"<GDALMetadata>
          <Item name="SCALE" sample="1" role="scale">0.0001</Item>
          <Item name="OFFSET" sample="1" role="offset">-1</Item>
          <Item name="DESCRIPTION" sample="0" role="description">red &amp;amp; &#x66;ar &amp;lt;</Item>
          <Item name="UNITTYPE" sample="0" role="unittype">m</Item>
          <Item name="COLORINTERP" sample="1" role="colorinterp">Alpha</Item>
          <Item name="AREA" domain='x'>a &lt; b &nothing; c</Item>
          <Item name="EMPTY" sample="7"/>
        </GDALMetadata>"#;
        let mut bands = vec![Band::default(); 2];
        let others = items(xml, &mut bands);
        assert_eq!((bands[1].scale, bands[1].offset), (Some(0.0001), Some(-1.0)));
        assert_eq!(bands[0].description.as_deref(), Some("red & far <"));
        assert_eq!(bands[0].units.as_deref(), Some("m"));
        assert_eq!((bands[0].colour, bands[1].colour), (BandColour::None, BandColour::Opacity));
        let found: Vec<_> = others.iter().map(|item| (item.name.as_str(), item.band, item.value.as_str())).collect();
        assert_eq!(found, [("AREA", None, "a < b &nothing; c"), ("EMPTY", Some(7), "")]);
        assert_eq!(others[0].domain.as_deref(), Some("x"));
    }

    #[test]
    fn damaged_text_is_no_harm() {
        for xml in ["<Item", "<Item name=", "<Item name=\"a", "<Item name='a'>", "&&#x;&#99999999;", "<Item é=\"é\">é"]
        {
            items(xml, &mut [Band::default()]);
        }
    }
}
