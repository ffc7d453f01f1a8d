//! Small files that would cost a lot: directories by the thousand that share what they point at.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use swath_core::Bytes;
use swath_formats::geotiff::read::GeoTiff;

use crate::raw::{LONG, Raw, SHORT, TEXT, strip};
use crate::{LIVE, alone, measured};

const REDUCED: (u16, u16, u32, u32) = (254, LONG, 1, 1);

/// Opens a file of so many directories; answers its levels, what it says that it holds, and the heap at its peak.
fn cost(what: &str, raw: &Raw) -> (usize, Bytes, u64) {
    let saved = raw.save();
    let began = Instant::now();
    let (tiff, heap) = measured(|| GeoTiff::open(&saved.0).unwrap_or_else(|error| panic!("{what}: {error}")));
    assert!(began.elapsed() < Duration::from_secs(10), "{what} took {:?}", began.elapsed());
    (tiff.levels(), tiff.index_bytes(), heap)
}

#[test]
fn what_levels_share_is_there_once() {
    let _alone = alone();
    let mut raw = Raw::new();
    let bits = raw.add(&[8u8, 0].repeat(65_535));
    for level in 0..1000 {
        let many = [(258, SHORT, 65_535, bits), (277, SHORT, 1, 65_535)];
        let more = if level == 0 { many.to_vec() } else { [&many[..], &[REDUCED]].concat() };
        raw.follow(&strip(1, 1000 - level, &more));
    }
    let (levels, said, heap) = cost("many bands", &raw);
    assert!(levels == 1000 && heap < 32 << 20 && said < Bytes(16 << 20), "{levels} levels, {heap} bytes, {said} said");

    let mut raw = Raw::new();
    let words = "x".repeat((4 << 20) - 200);
    let xml =
        format!("<GDALMetadata><Item name=\"D\" sample=\"0\" role=\"description\">{words}</Item></GDALMetadata>\0");
    let place = raw.add(xml.as_bytes());
    raw.follow(&strip(1, 1000, &[(42_112, TEXT, xml.len() as u32, place)]));
    (1..1000).for_each(|level| raw.follow(&strip(1, 1000 - level, &[REDUCED])));
    let (levels, said, heap) = cost("a long text", &raw);
    assert!(levels == 1000 && heap < 32 << 20, "{levels} levels, {heap} bytes");
    assert!(said > Bytes(4 << 20) && said < Bytes(8 << 20), "{said} said");
}

#[test]
fn what_belongs_to_one_image_is_not_had_by_others() {
    let _alone = alone();
    let mut raw = Raw::new();
    let (tables, kinds) = (raw.add(&[0xff; 65_536]), raw.add(&[0; 131_070]));
    for level in 0..1000 {
        let more = [(259, SHORT, 1, 7), (347, 7, 65_536, tables), (338, SHORT, 65_535, kinds), REDUCED];
        raw.follow(&strip(1, 1000 - level, &more[..if level == 0 { 3 } else { 4 }]));
    }
    let (levels, _, heap) = cost("tables of JPEG", &raw);
    assert!(levels < 10 && heap < 3 << 20, "{levels} levels, {heap} bytes");

    // 1000 images, each of a million blocks whose places are single bytes.
    let mut raw = Raw::new();
    let places = raw.add(&vec![8; 1 << 20]);
    for level in 0..1000 {
        let tiles = [(322, SHORT, 1, 16), (323, SHORT, 1, 16), (324, 1, 1 << 20, places), (325, 1, 1 << 20, places)];
        let tiles = if level == 0 { tiles.to_vec() } else { [&tiles[..], &[REDUCED]].concat() };
        raw.follow(&strip(16 << 10, (16 << 10) - level, &tiles));
    }
    let (levels, _, heap) = cost("shared places", &raw);
    assert!(levels == 1 && heap < 2 << 20, "{levels} levels, {heap} bytes");
}

#[test]
fn entries_without_end_take_no_time() {
    let _alone = alone();
    let mut raw = Raw::new();
    for _ in 0..1000 {
        let unknown = (1000..5000).map(|tag| (tag, LONG, 1, 0));
        raw.follow(&strip(1, 1, &unknown.collect::<Vec<_>>()));
    }
    let (levels, said, heap) = cost("entries", &raw);
    assert!(levels == 1 && heap < 1 << 20 && said < Bytes(1 << 20), "{levels} levels, {heap} of {} bytes", raw.len());
}

#[test]
fn what_an_open_file_holds_is_said() {
    let _alone = alone();
    let mut raw = Raw::new();
    let bands = 300;
    let bits = raw.add(&[8u8, 0].repeat(bands));
    let item = |band| {
        format!(
            "<Item name=\"D\" sample=\"{band}\" role=\"description\">reflectance at {band} nm of a sensor</Item>\
             <Item name=\"U\" sample=\"{band}\" role=\"unittype\">W/m2/sr/nm</Item><Item name=\"wavelength\" \
             sample=\"{band}\" domain=\"spectrum\">{band}.5</Item>"
        )
    };
    let xml = format!("<GDALMetadata>{}</GDALMetadata>\0", (0..bands).map(item).collect::<String>());
    let xml = (42_112, TEXT, xml.len() as u32, raw.add(xml.as_bytes()));
    let many = [(258, SHORT, bands as u32, bits), (277, SHORT, 1, bands as u32)];
    raw.follow(&strip(1, 1000, &[many[0], many[1], xml]));
    (1..8).for_each(|level| raw.follow(&strip(1, 1000 >> level, &[many[0], many[1], REDUCED])));
    let saved = raw.save();
    let before = LIVE.load(Ordering::Relaxed);
    let tiff = GeoTiff::open(&saved.0).expect("a TIFF");
    let held = (LIVE.load(Ordering::Relaxed) - before) as u64;
    let said = tiff.index_bytes().0;
    assert_eq!((tiff.levels(), tiff.grid(7).expect("a level").bands[299].units.as_deref()), (8, Some("W/m2/sr/nm")));
    assert!(held <= said && said <= 2 * held, "{held} bytes are held, {said} are said");
}
