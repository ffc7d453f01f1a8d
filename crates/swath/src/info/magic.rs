//! What the first bytes of a file say that it is.

use std::io::Read;
use std::path::Path;

use swath_core::{Error, Result};
use swath_formats::arrow::is_arrow;
use swath_formats::json;
use swath_formats::store::open_regular;
use swath_formats::unpack::Layer;

/// What a file seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sniffed {
    /// Parquet.
    Parquet,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
    /// TIFF or BigTIFF.
    Tiff,
    /// Text, as far as one sees.
    Text,
    /// Nothing.
    Empty,
    /// Something else.
    Other {
        /// What, with its article.
        what: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
}

const UNPACK: &str = "decompress it first";
const TABLE: &str = "export the table as CSV first";
const GRID: &str = "of grids, GeoTIFF is read: gdal_translate in out.tif makes one";
const RASTER: &str = "this is a raster, and a table is wanted: swath info and swath raster read it";
const UTF8: &str = "is it damaged? Text in UTF-16 is read";

/// Documents that are text, too.
pub const JSON: &str = "JSON";
pub const MARKUP: &str = "XML or HTML";

/// First bytes of TIFF and BigTIFF, in both orders of bytes.
const TIFF: [&[u8; 4]; 4] = [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"];

/// First bytes, where they stand, what they tell and what to do.
const SIGNATURES: &[(usize, &[u8], &str, &str)] = &[
    (0, b"\x1f\x8b", "gzip", UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "zstd", UNPACK),
    (0, b"BZh", "bzip2", UNPACK),
    (0, b"\xfd7zXZ\0", "xz", UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it first"),
    (0, b"PK\x03\x04", "a zip archive (or a spreadsheet)", "unpack it, or export the sheet as CSV"),
    (0, b"\xd0\xcf\x11\xe0", "an old spreadsheet", "export the sheet as CSV"),
    (257, b"ustar", "a tar archive", "unpack it first"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 or NetCDF 4", GRID),
    (0, b"CDF\x01", "NetCDF 3", GRID),
    (0, b"CDF\x02", "NetCDF 3", GRID),
    (0, b"GRIB", "GRIB", GRID),
    (0, b"NITF", "NITF", GRID),
    (0, b"NSIF", "NITF", GRID),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000", GRID),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000", GRID),
    (0, b"EHFA_HEADER_TAG", "Erdas Imagine", GRID),
    (0, b"<VRTDataset", "a VRT", GRID),
    (0, b"SQLite format 3\0", "SQLite or GeoPackage", TABLE),
    (0, b"FEA1", "Feather of version 1", "write it as version 2, which is Arrow IPC"),
    (0, b"ORC", "ORC", "write it as Parquet first"),
    (0, b"fgb\x03", "FlatGeobuf", TABLE),
    (0, b"\x00\x00\x27\x0a", "a shapefile", TABLE),
    (0, b"\x89PNG", "a PNG image", GRID),
    (0, b"\xff\xd8\xff", "a JPEG image", GRID),
    (0, b"%PDF", "a PDF", ""),
    (0, b"\x7fELF", "a program", ""),
    (0, b"\xff\xfe", "UTF-16 text", UTF8),
    (0, b"\xfe\xff", "UTF-16 text", UTF8),
];

/// Looks at the first bytes of a file.
///
/// # Errors
/// [`Error::InputUnreadable`].
pub fn sniff(path: &Path) -> Result<Sniffed> {
    let failed = |error| Error::reading(path, &error);
    let mut head = Vec::with_capacity(4096);
    let file = open_regular(path)?;
    let length = file.metadata().map_err(failed)?.len();
    file.take(4096).read_to_end(&mut head).map_err(failed)?;
    // What is inside is looked at when it is read.
    if Layer::of(&head).is_some() || json::form_of(&head, head.len() as u64 == length, false).is_some() {
        return Ok(Sniffed::Text);
    }
    Ok(match sniff_bytes(&head) {
        sniffed @ (Sniffed::Text | Sniffed::Other { hint: "", .. }) => {
            by_length(path, &head, length).unwrap_or(sniffed)
        }
        sniffed => sniffed,
    })
}

/// Grids without a signature, known by a length that follows from what they are.
fn by_length(path: &Path, head: &[u8], length: u64) -> Option<Sniffed> {
    let ending = path.extension()?.to_str()?.to_ascii_lowercase();
    let what = match ending.as_str() {
        "gtx" => {
            let number = |start: usize| Some(u64::from(u32::from_be_bytes(*head.get(start..)?.first_chunk()?)));
            let cells = number(32)?.checked_mul(number(36)?)?;
            (cells.checked_mul(4)?.checked_add(40)? == length).then_some("a GTX grid of heights")
        }
        // 16 bits for each point of a square of a degree, in steps of three or one seconds of arc.
        "hgt" => [1201 * 1201, 3601 * 3601, 3601 * 1801].contains(&(length / 2)).then_some("an SRTM tile (HGT)"),
        _ => None,
    };
    what.map(|what| Sniffed::Other { what, hint: GRID })
}

/// The name of a format that is no text and what to do about it, if bytes at the start of a file are of a known one.
pub fn known_binary(head: &[u8]) -> Option<(&'static str, &'static str)> {
    // A name of a column may begin like a format does.
    if !head.contains(&0) && !std::str::from_utf8(head).is_err_and(|error| error.error_len().is_some()) {
        return None;
    }
    match sniff_bytes(head) {
        // A whole one would have been read.
        Sniffed::Parquet => Some(("Parquet", "is it whole? Compare its size and checksum with those of its source")),
        Sniffed::Tiff => Some(("a TIFF", RASTER)),
        Sniffed::Other { what, hint } if SIGNATURES.iter().any(|(_, _, known, _)| *known == what) => Some((what, hint)),
        _ => None,
    }
}

/// The same for bytes at hand.
pub fn sniff_bytes(head: &[u8]) -> Sniffed {
    if head.is_empty() {
        return Sniffed::Empty;
    }
    if head.starts_with(b"PAR1") {
        return Sniffed::Parquet;
    }
    if is_arrow(head) {
        return Sniffed::Arrow;
    }
    if TIFF.iter().any(|bytes| head.starts_with(&bytes[..])) {
        return Sniffed::Tiff;
    }
    for &(offset, bytes, what, hint) in SIGNATURES {
        if head.get(offset..).is_some_and(|rest| rest.starts_with(bytes)) {
            return Sniffed::Other { what, hint };
        }
    }
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if text.starts_with(b"{") || text.starts_with(b"[") && text[1..].trim_ascii_start().starts_with(b"{") {
        return Sniffed::Other { what: JSON, hint: TABLE };
    }
    if let [b'<', next, ..] = text
        && (next.is_ascii_alphabetic() || b"?!".contains(next))
    {
        return Sniffed::Other { what: MARKUP, hint: TABLE };
    }
    if head.contains(&0) {
        return Sniffed::Other { what: "binary data", hint: "" };
    }
    Sniffed::Text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_tell() {
        let mut tar = vec![b'a'; 300];
        tar[257..262].copy_from_slice(b"ustar");
        for (head, wanted) in [
            (&b"PAR1...."[..], "parquet"),
            (b"ARROW1\0\0\xff\xff\xff\xff", "arrow"),
            (b"\xff\xff\xff\xff\x10\x01\0\0\x10\0\0\0\0\0\x0a\0", "arrow"),
            (b"FEA1\0\0\0\0", "Feather of version 1"),
            (b"", "empty"),
            (b"a;b\n1;2\n", "text"),
            (b"\xef\xbb\xbfa,b\n", "text"),
            (b"[1], 2\n", "text"),
            (b"\x1f\x8b\x08", "gzip"),
            (b"  [ {\"a\": 1}]", "JSON"),
            (b"{\"a\": 1}", "JSON"),
            (b"<?xml version", "XML or HTML"),
            (b"II*\0abc", "tiff"),
            (b"MM\0+\0\x08", "tiff"),
            (b"SQLite format 3\0", "SQLite or GeoPackage"),
            (b"\x89HDF\r\n\x1a\n", "HDF5 or NetCDF 4"),
            (b"abc\0def", "binary data"),
            (&tar, "a tar archive"),
        ] {
            let got = match sniff_bytes(head) {
                Sniffed::Parquet => "parquet",
                Sniffed::Arrow => "arrow",
                Sniffed::Text => "text",
                Sniffed::Tiff => "tiff",
                Sniffed::Empty => "empty",
                Sniffed::Other { what, .. } => what,
            };
            assert_eq!(got, wanted, "{head:?}");
        }
    }

    #[test]
    fn grids_without_a_signature_are_named() {
        let sniffed = |name: &str, bytes: &[u8]| {
            let path = std::env::temp_dir().join(format!("swath-magic-{}-{name}", std::process::id()));
            std::fs::write(&path, bytes).expect("a file");
            let sniffed = sniff(&path).expect("a file that can be read");
            std::fs::remove_file(&path).expect("the file of this test");
            match sniffed {
                Sniffed::Other { what, hint } => (what, !hint.is_empty()),
                _ => ("text", false),
            }
        };
        let gtx = [&[0xc0; 32][..], &2u32.to_be_bytes(), &3u32.to_be_bytes(), &[0; 24]].concat();
        assert_eq!(sniffed("a.gtx", &gtx), ("a GTX grid of heights", true));
        assert_eq!(sniffed("short.gtx", &gtx[..60]), ("binary data", false));
        assert_eq!(sniffed("N10W110.HGT", &vec![1; 2 * 1201 * 1201]), ("an SRTM tile (HGT)", true));
        assert_eq!(sniffed("a.hgt", b"a,b\n1,2\n"), ("text", false));
        assert_eq!(sniffed("grid.bin", &gtx), ("binary data", false));
    }

    #[test]
    fn text_that_begins_like_a_format_is_text() {
        for (head, wanted) in [
            (&b"\x1f\x8b\x08\0"[..], Some("gzip")),
            (b"\x28\xb5\x2f\xfd\x04", Some("zstd")),
            (b"PK\x03\x04\x14\0", Some("a zip archive (or a spreadsheet)")),
            (b"PAR1\x15\0", Some("Parquet")),
            (b"PAR1,PAR2\n1,2\n", None),
            (b"ORC,GRIB\n1,2\n", None),
            (b"a,b\n1,\0\n", None),
            (b"a,b\n\xb5g,2\n", None),
            (b"", None),
        ] {
            assert_eq!(known_binary(head).map(|(what, _)| what), wanted, "{head:?}");
        }
    }
}
