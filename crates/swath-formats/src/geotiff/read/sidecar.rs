//! What stands beside an image in `FILE.aux.xml`, where GDAL puts what a format has no room for. It is not read: only what
//! would be missed is named.

use std::path::{Path, PathBuf};

use swath_raster::{Affine, Band};

use crate::store::{SourceFile, read_full};

/// Bytes that are looked at; what is named here stands before long tables.
const BYTES: usize = 256 << 10;

/// What an image says for itself.
pub(super) struct Said<'i> {
    pub affine: Option<&'i Affine>,
    pub bands: &'i [Band],
    pub has_palette: bool,
    /// Whether a text is that of its nodata value.
    pub is_nodata: &'i dyn Fn(&str) -> bool,
}

/// What GDAL would take from the file beside an image, and go by rather than by what the image says, in words. Reference
/// systems are not compared.
pub(super) fn left_out(path: &Path, said: &Said<'_>) -> Option<String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".aux.xml");
    let beside = PathBuf::from(name);
    let file = SourceFile::open(&beside).ok()?;
    let mut bytes = vec![0; BYTES];
    let length = read_full(&file, &mut bytes, 0).ok()?;
    let text = String::from_utf8_lossy(&bytes[..length]);
    let says = |element: &str, same: &dyn Fn(&str) -> bool| contents(&text, element).any(|content| !same(content));
    let same_place = |content: &str| {
        let numbers: Option<Vec<f64>> = content.split(',').map(number).collect();
        said.affine
            .is_some_and(|place| numbers.as_deref() == Some(&[place.c, place.a, place.b, place.f, place.d, place.e]))
    };
    let is_of_a_band = |content: &str, of: fn(&Band) -> f64| {
        number(content).is_some_and(|number| said.bands.iter().any(|band| of(band) == number))
    };
    let is_text_of_a_band = |content: &str, of: fn(&Band) -> Option<&str>| {
        content.is_empty() || said.bands.iter().any(|band| of(band) == Some(content))
    };
    let parts = [
        (says("SRS", &|_| false), "a reference system"),
        (says("GeoTransform", &same_place), "a place"),
        (says("GCPList", &|_| false), "ground control points"),
        (says("NoDataValue", said.is_nodata), "a nodata value"),
        (says("Scale", &|content| is_of_a_band(content, |band| band.scale.unwrap_or(1.0))), "a scale"),
        (says("Offset", &|content| is_of_a_band(content, |band| band.offset.unwrap_or(0.0))), "an offset"),
        (
            says("Description", &|content| is_text_of_a_band(content, |band| band.description.as_deref())),
            "a description",
        ),
        (says("UnitType", &|content| is_text_of_a_band(content, |band| band.units.as_deref())), "a unit"),
        (!said.has_palette && says("ColorTable", &|_| false), "a palette"),
    ];
    let found: Vec<&str> = parts.iter().filter(|(is_there, _)| *is_there).map(|part| part.1).collect();
    let file = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (!found.is_empty()).then(|| {
        format!(
            "{file} beside it is not read, and has {}: gdal_translate would write that into the file",
            found.join(", ")
        )
    })
}

/// What stands in the elements of a name, up to the next mark.
fn contents<'t>(text: &'t str, element: &str) -> impl Iterator<Item = &'t str> {
    text.split('<').skip(1).filter_map(move |part| {
        let head = part.strip_prefix(element).filter(|rest| rest.starts_with(['>', ' ', '/']))?;
        Some(head.split_once('>')?.1.trim())
    })
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_image_says_as_well_is_not_told() {
        let image = std::env::temp_dir().join(format!("swath-sidecar-{}.tif", std::process::id()));
        let beside = image.with_extension("tif.aux.xml");
        let place = Affine::north_up(500_000.0, 5_000_000.0, 10.0, 10.0);
        let bands = [Band { scale: Some(0.5), description: Some("red".into()), ..Band::default() }];
        let is_nodata = |text: &str| text.parse() == Ok(0.0);
        let said = Said { affine: Some(&place), bands: &bands, has_palette: true, is_nodata: &is_nodata };
        let told = |xml: &str| {
            std::fs::write(&beside, xml).expect("written");
            let told = left_out(&image, &said);
            std::fs::remove_file(&beside).expect("removed");
            told
        };
        assert_eq!(left_out(&image, &said), None);
        let same = "<PAMDataset><GeoTransform> 5.0e+05, 10, 0, 5.0e+06, 0, -10</GeoTransform><PAMRasterBand band=\"1\">\
            <Description>red</Description><NoDataValue>0.00000E+00</NoDataValue><Scale>0.5</Scale><Offset>0</Offset>\
            <ColorTable><Entry c1=\"1\"/></ColorTable><Metadata><MDI key=\"STATISTICS_MEAN\">5</MDI></Metadata>";
        assert_eq!(told(same), None);
        let other = "<PAMDataset><SRS dataAxisToSRSAxisMapping=\"1,2\">PROJCS[]</SRS><GeoTransform>1,10,0,5,0,-10</GeoTransform>\
            <PAMRasterBand><NoDataValue>5</NoDataValue><Scale>0.1</Scale><UnitType>m</UnitType>";
        let words = told(other).expect("a warning");
        assert!(words.contains("has a reference system, a place, a nodata value, a scale, a unit:"), "{words}");
    }
}
