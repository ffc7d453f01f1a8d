//! Reference systems that files name in their own way: passed on, refused where nothing is known of them, and told.
#![cfg(unix)]

use swath_testkit::Folder;

/// Rasters of 16 × 16 pixels in one place, but for their systems.
fn rasters() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    for (name, bytes) in [
        ("sinusoidal.tif", &include_bytes!("data/sinusoidal.tif")[..]),
        ("robinson.tif", include_bytes!("data/robinson_feet.tif")),
        ("none.tif", include_bytes!("data/no_system.tif")),
        ("local.tif", include_bytes!("data/local.tif")),
        ("heights.tif", include_bytes!("data/heights_only.tif")),
        ("mercator.tif", include_bytes!("data/transverse_mercator_and_heights.tif")),
    ] {
        folder.write(name, bytes);
    }
    let local = include_bytes!("data/local.tif");
    folder.write("feet.tif", &changed(local, [[3076, 0, 1, 9001], [3076, 0, 1, 9002]]));
    // Angles without the name of a system.
    folder.write("angles.tif", &changed(local, [[3076, 0, 1, 9001], [2054, 0, 1, 9102]]));
    folder.run("raster clip none.tif --window 0,0,16,16 --src-crs EPSG:32632 -o utm.tif -q").expect(&[0]);
    folder
}

/// A file with another key in place of one that it has.
fn changed(bytes: &[u8], [key, other]: [[u16; 4]; 2]) -> Vec<u8> {
    let [key, other] = [key, other].map(|key| key.map(u16::to_le_bytes).concat());
    let at = bytes.windows(8).position(|part| part == key).expect("a key");
    [&bytes[..at], &other, &bytes[at + 8..]].concat()
}

/// The warnings of a run that comes to its end.
fn warnings(folder: &Folder, verb: &str) -> Vec<String> {
    let told = folder.run(&format!("raster {verb} -o out.tif --overwrite --json")).expect(&[0]).json();
    let warnings = told["warnings"].as_array().expect("warnings").iter();
    warnings.map(|warning| warning.as_str().expect("a text").to_string()).collect()
}

/// A system in which nothing can be computed goes on as long as the output stays in it; files that name none go with it.
#[test]
fn what_is_not_known_is_passed_on() {
    let folder = rasters();
    // ProjMethodGeoKey, and the code of the sinusoidal projection.
    let key = [3075u16, 0, 1, 24].map(u16::to_le_bytes).concat();
    for verb in [
        "convert sinusoidal.tif",
        "mosaic sinusoidal.tif sinusoidal.tif",
        "warp sinusoidal.tif --like sinusoidal.tif",
        "warp sinusoidal.tif --res 250",
        "clip sinusoidal.tif --like none.tif",
        "terrain sinusoidal.tif --kind slope",
        "focal sinusoidal.tif --radius 900m",
        "calc a+b a=sinusoidal.tif b=sinusoidal.tif",
        "calc a+b a=sinusoidal.tif b=none.tif",
        "calc a+b a=none.tif b=sinusoidal.tif",
        "calc a+b a=heights.tif b=sinusoidal.tif",
    ] {
        let told = warnings(&folder, verb);
        assert!(folder.read("out.tif").windows(8).any(|part| part == key), "{verb}: the system is not in the output");
        let is_of_system = |warning: &String| warning.contains("reference system") || warning.contains("of heights");
        assert!(told.iter().all(is_of_system), "{verb}: {told:?}");
        assert!(!told.is_empty(), "{verb}: no warning");
    }
}

/// It is never taken for another one, and lengths in it are those of coordinates only where the unit is known.
#[test]
fn what_is_not_known_is_not_mixed() {
    let folder = rasters();
    for (verb, words) in [
        ("mosaic sinusoidal.tif robinson.tif", "may differ"),
        ("mosaic sinusoidal.tif utm.tif", "may differ"),
        ("mosaic none.tif sinusoidal.tif", "may differ"),
        ("calc a+b a=sinusoidal.tif b=robinson.tif", "may differ"),
        ("warp sinusoidal.tif --like robinson.tif", "may differ"),
        ("warp sinusoidal.tif --like none.tif", "may differ"),
        ("clip sinusoidal.tif --like robinson.tif", "may differ"),
        ("clip robinson.tif --src-crs EPSG:32632 --like sinusoidal.tif", "nothing can be computed"),
        ("calc a+b a=local.tif b=utm.tif", "may differ"),
        ("calc a+b a=angles.tif b=utm.tif", "may differ"),
        ("mosaic local.tif feet.tif", "may differ"),
        ("warp local.tif --like feet.tif", "may differ"),
        ("terrain angles.tif --kind slope", "lengths"),
        ("focal angles.tif --radius 900m", "lengths"),
        ("focal feet.tif --radius 30m", "lengths"),
        ("focal robinson.tif --radius 30m", "lengths"),
        ("warp sinusoidal.tif --dst-crs EPSG:4326", "reference system"),
    ] {
        let refused = folder.run(&format!("raster {verb} -o out.tif")).expect(&[2]);
        assert!(refused.error_text().contains(words), "{verb}\n{refused}");
        assert!(!folder.at("out.tif").exists());
    }
    // What is said of a system behind a step is too late for it.
    let late = "raster pipeline read sinusoidal.tif robinson.tif ! mosaic ! warp --src-crs EPSG:32632 --res 500 ! write out.tif";
    assert!(folder.run(late).expect(&[2]).error_text().contains("may differ"));
    folder.run("raster mosaic sinusoidal.tif robinson.tif --src-crs EPSG:32632 -o out.tif").expect(&[0]);
}

/// Keys of heights alone are no system that anything could differ from, and a plane is measured in its own unit.
#[test]
fn what_is_not_known_is_computed_in_where_that_is_sound() {
    let folder = rasters();
    for verb in [
        "calc a+b a=heights.tif b=utm.tif",
        "terrain local.tif --kind tpi",
        "terrain local.tif --kind slope",
        "focal local.tif --radius 1000m",
        "terrain feet.tif --kind slope",
        "terrain angles.tif --kind tpi",
        "terrain robinson.tif --kind roughness",
        "terrain robinson.tif --kind slope",
    ] {
        warnings(&folder, verb);
    }
    // Slopes are per unit of the coordinates, whatever it is: as in a system in feet.
    folder.run("raster clip robinson.tif --window 0,0,16,16 --src-crs EPSG:2263 -o named.tif").expect(&[0]);
    let mean = |name: &str| {
        folder.run(&format!("raster terrain {name} --kind slope -o slope.tif --overwrite")).expect(&[0]);
        folder.run("raster stats slope.tif --json").expect(&[0]).json()["statistics"][0]["bands"][0]["mean"].clone()
    };
    assert_eq!(mean("robinson.tif"), mean("named.tif"));
}

/// Systems are the same by what they mean: another name, or text that ends in another way, makes no other one.
#[test]
fn a_name_makes_no_other_system() {
    let folder = rasters();
    let renamed = |from: &[u8], to: &[u8]| {
        let mut bytes = include_bytes!("data/sinusoidal.tif").to_vec();
        let at = bytes.windows(from.len()).position(|part| part == from).expect("a name");
        bytes[at..at + to.len()].copy_from_slice(to);
        folder.write("renamed.tif", &bytes);
    };
    renamed(b"GCS Name = unknown", b"GCS Name = another");
    warnings(&folder, "mosaic sinusoidal.tif renamed.tif");
    // Where a datum has no code, its name is all that tells it.
    renamed(b"Datum = unknown", b"Datum = another");
    folder.run("raster mosaic sinusoidal.tif renamed.tif -o mixed.tif").expect(&[2]);
    warnings(&folder, "convert sinusoidal.tif");
    folder.write("copy.tif", &folder.read("out.tif"));
    warnings(&folder, "mosaic sinusoidal.tif copy.tif");
}

/// Heights go on with keys that go on, and are told where they do not.
#[test]
fn heights_that_are_lost_are_told() {
    let folder = rasters();
    assert_eq!(warnings(&folder, "convert mercator.tif"), Vec::<String>::new());
    let told = warnings(&folder, "warp mercator.tif --dst-crs EPSG:4326");
    assert!(told.iter().any(|warning| warning.contains("system of heights (EPSG:5703)")), "{told:?}");
    let told = warnings(&folder, "calc a+b a=heights.tif b=sinusoidal.tif");
    assert!(told.iter().any(|warning| warning.contains("heights.tif: its system of heights")), "{told:?}");
}
