//! What stands beside an image in `FILE.aux.xml`, where GDAL puts what a format has no room for. It is not read: only what
//! would be missed is named.

use std::path::{Path, PathBuf};

use crate::store::{SourceFile, read_full};

/// Bytes that are looked at; what is named here stands before long tables.
const BYTES: usize = 256 << 10;

/// What GDAL would take from the file beside an image and the image does not say itself, in words.
pub(super) fn left_out(path: &Path, has_nodata: bool, has_palette: bool) -> Option<String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".aux.xml");
    let beside = PathBuf::from(name);
    let file = SourceFile::open(&beside).ok()?;
    let mut bytes = vec![0; BYTES];
    let length = read_full(&file, &mut bytes, 0).ok()?;
    let text = String::from_utf8_lossy(&bytes[..length]);
    // For GDAL a place that is named there goes before that in the file.
    let parts = [
        ("<SRS", false, "a reference system"),
        ("<GeoTransform", false, "a place"),
        ("<GCPList", false, "ground control points"),
        ("<NoDataValue", has_nodata, "a nodata value"),
        ("<Scale>", false, "a scale"),
        ("<Offset>", false, "an offset"),
        ("<ColorTable", has_palette, "a palette"),
    ];
    let found: Vec<&str> =
        parts.iter().filter(|(mark, has, _)| !has && text.contains(mark)).map(|part| part.2).collect();
    let file = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    (!found.is_empty()).then(|| {
        format!(
            "{file} beside it is not read, and has {}: gdal_translate would write that into the file",
            found.join(", ")
        )
    })
}
