//! What is not read is told: a warning for what is left out of a file, an error of its own for what stands in the way.

use swath_core::Error;
use swath_formats::geotiff::read::GeoTiff;
use swath_raster::Shape;

use crate::raw::{DOUBLE, Entry, LONG, Raw, SHORT, TEXT, beside, strip};

/// Warnings of a file whose first directory has more entries.
fn warnings(raw: &mut Raw, more: &[Entry]) -> Vec<String> {
    raw.follow(&strip(4, 4, more));
    GeoTiff::open(&raw.save().0).expect("a TIFF").warnings().to_vec()
}

fn assert_told(warnings: &[String], wanted: &str) {
    assert!(warnings.len() == 1 && warnings[0].contains(wanted), "{wanted:?} is wanted: {warnings:?}");
}

#[test]
fn what_is_left_out_is_told() {
    assert_eq!(warnings(&mut Raw::new(), &[(274, SHORT, 1, 1)]), [""; 0]);
    assert_told(&warnings(&mut Raw::new(), &[(274, SHORT, 1, 6)]), "orientation 6");
    let mut raw = Raw::new();
    let ties = raw.add(&[0; 4 * 48]);
    assert_told(&warnings(&mut raw, &[(33_922, DOUBLE, 24, ties)]), "4 ground control points");
    let mut raw = Raw::new();
    let polynomials = raw.add(&[0; 92 * 8]);
    assert_told(&warnings(&mut raw, &[(50_844, DOUBLE, 92, polynomials)]), "RPC");
    let mut raw = Raw::new();
    let keys = [1, 1, 0, 3, 1024, 0, 1, 2, 2048, 0, 1, 4326, 4096, 0, 1, 5773];
    let keys = raw.add(&keys.iter().flat_map(|key: &u16| key.to_le_bytes()).collect::<Vec<u8>>());
    assert_told(&warnings(&mut raw, &[(34_735, SHORT, 16, keys)]), "EPSG:5773");
}

#[test]
fn further_pages_are_told_and_have_no_overviews_here() {
    let mut raw = Raw::new();
    let small = raw.aside(&strip(2, 2, &[(254, LONG, 1, 1)]));
    raw.follow(&strip(4, 4, &[]));
    raw.follow(&strip(4, 4, &[(330, LONG, 1, small)]));
    raw.follow(&strip(4, 4, &[(254, LONG, 1, 2)]));
    let tiff = GeoTiff::open(&raw.save().0).expect("a TIFF");
    assert_told(tiff.warnings(), "2 after the first");
    assert_eq!(tiff.levels(), 1);
    // Of the first page they are overviews.
    let mut raw = Raw::new();
    let small = raw.aside(&strip(2, 2, &[(254, LONG, 1, 1)]));
    raw.follow(&strip(4, 4, &[(330, LONG, 1, small)]));
    let tiff = GeoTiff::open(&raw.save().0).expect("a TIFF");
    assert_eq!((tiff.levels(), tiff.warnings().len()), (2, 0));
}

#[test]
fn a_mask_of_another_shape_is_told() {
    let mut raw = Raw::new();
    raw.follow(&strip(4, 4, &[]));
    raw.follow(&strip(4, 3, &[(254, LONG, 1, 4)]));
    assert_told(GeoTiff::open(&raw.save().0).expect("a TIFF").warnings(), "3 columns × 4 rows");
    let mut image = Raw::new();
    image.follow(&strip(4, 4, &[]));
    let saved = image.save();
    let mut mask = Raw::new();
    mask.follow(&strip(5, 4, &[]));
    let path = beside(&saved, "msk");
    std::fs::rename(&mask.save().0, &path).expect("a mask");
    let tiff = GeoTiff::open(&saved.0).expect("a TIFF");
    std::fs::remove_file(&path).expect("the mask of this test");
    assert_told(tiff.warnings(), "4 columns × 5 rows");
}

#[test]
fn overviews_in_a_file_go_before_those_beside_it() {
    let mut outside = Raw::new();
    outside.follow(&strip(1, 1, &[]));
    let levels = |is_inside: bool| {
        let mut image = Raw::new();
        image.follow(&strip(4, 4, &[]));
        if is_inside {
            image.follow(&strip(2, 2, &[(254, LONG, 1, 1)]));
        }
        let saved = image.save();
        let path = beside(&saved, "ovr");
        std::fs::rename(&outside.save().0, &path).expect("overviews");
        let tiff = GeoTiff::open(&saved.0).expect("a TIFF");
        std::fs::remove_file(&path).expect("the overviews of this test");
        tiff.info().levels.iter().map(|level| (level.shape, level.external)).collect::<Vec<_>>()
    };
    let full = (Shape::new(4, 4), false);
    assert_eq!(levels(true), [full, (Shape::new(2, 2), false)]);
    assert_eq!(levels(false), [full, (Shape::new(1, 1), true)]);
}

#[test]
fn what_is_not_read_is_refused_when_it_is_opened() {
    let refused = |what: &str, more: &[Entry]| {
        let mut raw = Raw::new();
        raw.follow(&strip(4, 4, more));
        match GeoTiff::open(&raw.save().0) {
            Err(Error::InputUnreadable { reason, hint, .. }) => {
                assert!(reason.contains(what) && hint.contains("gdal_translate"), "{reason}, {hint}");
            }
            other => panic!("{what}: {:?}", other.map(|_| "opened")),
        }
    };
    let jpeg = (259, SHORT, 1, 7);
    refused("JPEG blocks are of uint16 in 12 bits", &[jpeg, (258, SHORT, 1, 12)]);
    refused("JPEG blocks are of 2 bands", &[jpeg, (277, SHORT, 1, 2)]);
    refused("JPEG blocks are of 5 bands", &[jpeg, (277, SHORT, 1, 5)]);
    let colours = [(262, SHORT, 1, 6), (277, SHORT, 1, 3)];
    refused("chrominance is stored for 2 × 2 pixels", &colours);
    refused("chrominance is stored for 4 × 1 pixels", &[colours[0], colours[1], (530, SHORT, 2, 1 << 16 | 4)]);
    refused("LERC blobs are of uint64", &[(259, SHORT, 1, 34_887), (258, SHORT, 1, 64)]);
    let mut raw = Raw::new();
    raw.follow(&strip(4, 4, &[colours[0], colours[1], (530, SHORT, 2, 1 << 16 | 1)]));
    assert!(GeoTiff::open(&raw.save().0).is_ok(), "of each pixel there are all parts");
}

#[test]
fn texts_of_old_programs_are_read() {
    let mut raw = Raw::new();
    let old = raw.add(b"\xa9 M\xfcller\0");
    let new = raw.add("© Müller\0".as_bytes());
    raw.follow(&strip(4, 4, &[(33_432, TEXT, 9, old), (270, TEXT, 11, new)]));
    let texts = GeoTiff::open(&raw.save().0).expect("a TIFF").info().texts.clone();
    assert_eq!((texts.copyright.as_deref(), texts.description.as_deref()), (Some("© Müller"), Some("© Müller")));
}

#[test]
fn colours_count_where_a_file_says_that_it_is_grey() {
    let map = |photometric: u32, samples: u32, values: u32| {
        let mut raw = Raw::new();
        let colours = raw.add(&[7; 2 * 3 * 256]);
        let fields = [(262, SHORT, 1, photometric), (277, SHORT, 1, samples), (320, SHORT, values, colours)];
        raw.follow(&strip(4, 4, &fields));
        let info = GeoTiff::open(&raw.save().0).expect("a TIFF").info().clone();
        (info.photometric, info.color_map.map(|map| map.len()))
    };
    for grey in [3, 1, 0] {
        assert_eq!(map(grey, 1, 768), ("palette".into(), Some(256)));
    }
    // No pixel of several bands refers to them, and a table of another length is none.
    assert_eq!([map(1, 3, 768).1, map(2, 3, 768).1, map(1, 1, 300).1], [None, None, None]);
    // A table that is damaged, or of another type, is none either.
    for (kind, values, place) in [(SHORT, 4_000_000_000, 8), (SHORT, 768, 1 << 30), (TEXT, 768, 8)] {
        let mut raw = Raw::new();
        raw.add(&[7; 2 * 3 * 256]);
        raw.follow(&strip(4, 4, &[(262, SHORT, 1, 1), (320, kind, values, place)]));
        assert_ne!(GeoTiff::open(&raw.save().0).expect("a TIFF").info().photometric, "palette");
    }
}
