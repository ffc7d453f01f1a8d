//! Chains of steps as a black box: in which type values are computed, which grid and which overview is taken.
#![cfg(unix)]

#[path = "common/small.rs"]
mod small;

use serde_json::Value;
use small::Small;
use swath_testkit::Folder;

/// A row of 8-bit numbers, one degree each.
fn bytes(folder: &Folder, name: &str, longitude: f64, values: &[u8]) {
    let columns = values.len() as u16;
    let small = Small { columns, kind: 1, bits: 8, corner: (longitude, 0.0), pixel: 1.0, epsg: 4326, bytes: values };
    folder.write(name, &small.file());
}

/// A row of signed 16-bit numbers, in metres.
fn words(folder: &Folder, name: &str, columns: u16, values: &[i16]) {
    let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let (corner, pixel) = ((400_000.0, 5_300_000.0), 10.0);
    folder.write(name, &Small { columns, kind: 2, bits: 16, corner, pixel, epsg: 32_632, bytes: &values }.file());
}

/// Type, nodata value and size of a file, and its values with their counts.
fn look(folder: &Folder, name: &str) -> (String, Value, Vec<(f64, u64)>) {
    let info = folder.run(&format!("info {name} --json")).expect(&[0]).json()["items"][0].clone();
    let stats = folder.run(&format!("raster stats {name} --uniques --json")).expect(&[0]).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let uniques = &stats["statistics"][0]["bands"][0]["uniques"]["values"];
    let values = uniques.as_array().into_iter().flatten();
    let values =
        values.map(|value| (value["value"].as_f64().unwrap_or(f64::NAN), value["count"].as_u64().unwrap_or(0)));
    (text(&info["dtype"]), info["nodata"].clone(), values.collect())
}

#[track_caller]
fn check(folder: &Folder, line: &str, dtype: &str, values: &[(f64, u64)]) {
    folder.run(&format!("{line} --overwrite -q")).expect(&[0]);
    let (got, _, uniques) = look(folder, "o.tif");
    assert_eq!((got.as_str(), &uniques[..]), (dtype, values), "{line}");
}

#[test]
fn values_are_computed_in_the_type_that_is_written() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    bytes(&folder, "a.tif", 0.0, &[200, 100, 0, 1]);
    bytes(&folder, "half.tif", 0.5, &[10, 11, 12]);
    let sum = "raster warp a.tif -o o.tif --res 2,1 -r sum";
    check(&folder, &format!("{sum} --dtype uint32"), "uint32", &[(1.0, 1), (300.0, 1)]);
    check(&folder, sum, "uint8", &[(1.0, 1), (255.0, 1)]);
    check(
        &folder,
        "raster warp a.tif -o o.tif --res 2,1 -r average --dtype float32",
        "float32",
        &[(0.5, 1), (150.0, 1)],
    );
    // What 32-bit floats do not hold is not computed in them.
    words(&folder, "many.tif", 599, &[32_767; 599]);
    let focal = "raster focal many.tif -o o.tif --stat sum --radius 600 --dtype uint32 --nodata 0";
    check(&folder, focal, "uint32", &[(19_627_433.0, 599)]);
    // Parts that are taken afterwards compute nothing.
    let chain = |steps: &str| format!("raster pipeline --overwrite -q read a.tif ! {steps}");
    let piped = |steps: &str, dtype: &str, values: &[(f64, u64)]| {
        folder.run(&chain(steps)).expect(&[0]);
        let (got, _, uniques) = look(&folder, "o.tif");
        assert_eq!((got.as_str(), &uniques[..]), (dtype, values), "{steps}");
    };
    piped(
        "warp --res 2,1 -r sum ! clip --window 0,0,1,1 ! bands 1 ! write o.tif --dtype uint16",
        "uint16",
        &[(300.0, 1)],
    );
    piped("warp --res 2,1 -r sum ! calc b1 ! write o.tif --dtype uint16 --nodata 0", "uint16", &[(1.0, 1), (255.0, 1)]);
    let mosaic = "raster mosaic a.tif half.tif -o o.tif --bbox 1,-1,3,0 -r bilinear";
    check(&folder, &format!("{mosaic} --dtype float64"), "float64", &[(10.5, 1), (11.5, 1)]);
    check(&folder, &format!("{mosaic} --method mean"), "float32", &[(5.75, 1), (55.25, 1)]);
}

#[test]
fn nodata_of_the_output_is_not_that_of_a_mosaic_inside() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    bytes(&folder, "a.tif", 0.0, &[0, 1]);
    bytes(&folder, "b.tif", 2.0, &[2]);
    folder.run("raster mosaic a.tif b.tif -o o.tif --dtype int16 --nodata -9999").expect(&[0]);
    assert_eq!(look(&folder, "o.tif"), ("int16".into(), Value::from("-9999"), vec![(0.0, 1), (1.0, 1), (2.0, 1)]));
    let calc = "raster pipeline --overwrite read a.tif b.tif ! mosaic ! calc b1*100 ! write o.tif";
    folder.run(&format!("{calc} --nodata -9999")).expect(&[0]);
    assert_eq!(look(&folder, "o.tif").2, [(0.0, 1), (100.0, 1), (200.0, 1)]);
    folder.run(&format!("{calc} --nodata 0 --dtype int32")).expect(&[0]);
    assert_eq!(look(&folder, "o.tif").2, [(1.0, 1), (100.0, 1), (200.0, 1)]);
    folder.run("raster pipeline --overwrite read a.tif b.tif ! bands 1 ! mosaic ! write o.tif").expect(&[0]);
    folder.run("raster mosaic a.tif b.tif -o o.tif --like b.tif --overwrite").expect(&[0]);
    assert_eq!(look(&folder, "o.tif").2, [(2.0, 1)]);
    let outcome = folder.run("raster mosaic a.tif b.tif -o o.tif --bbox 0,-1,1,0 --overwrite").expect(&[0]);
    assert!(outcome.to_string().contains("1 of 2 inputs have no pixel in the output: "), "{outcome}");
}

/// The last step keeps the type of the one before.
#[test]
fn a_scale_at_the_end_keeps_the_type_of_the_step_before() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    words(&folder, "dem.tif", 3, &[0, 10, 20, 0, 10, 20, 0, 10, 20]);
    let run = |steps: &str| {
        folder.run(&format!("raster pipeline --overwrite read dem.tif ! {steps}")).expect(&[0]);
        let (dtype, _, values) = look(&folder, "o.tif");
        (dtype, values)
    };
    assert_eq!(run("terrain --kind slope ! scale 0,90,0,1 ! write o.tif"), ("float32".into(), vec![(0.5, 1)]));
    assert_eq!(run("scale 0,20,0,1 ! write o.tif"), ("int16".into(), vec![(0.0, 3), (1.0, 6)]));
    assert_eq!(run("scale 0,20,0,1 ! clip --window 0,0,3,1 ! write o.tif"), ("int16".into(), vec![(0.0, 1), (1.0, 2)]));
    let halves = vec![(0.0, 3), (0.5, 3), (1.0, 3)];
    assert_eq!(run("scale 0,20,0,1 ! write o.tif --dtype float32"), ("float32".into(), halves.clone()));
    assert_eq!(run("scale 0,20,0,1 ! scale 0,1,0,1 ! write o.tif"), ("float64".into(), halves));
}

/// Files of [`Small`] in one: each directory points to the next one.
fn chained(files: &[Vec<u8>]) -> Vec<u8> {
    const NEXT: usize = 8 + 2 + 13 * 12;
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut chain: Vec<u8> = Vec::new();
    let mut link = NEXT;
    for file in files {
        let (start, mut file) = (chain.len() as u32, file.clone());
        for at in (0..13usize).map(|entry| 10 + entry * 12) {
            if matches!(u16::from_le_bytes([file[at], file[at + 1]]), 273 | 33_550 | 33_922 | 34_735) {
                let moved = word(&file, at + 8) + start;
                file[at + 8..at + 12].copy_from_slice(&moved.to_le_bytes());
            }
        }
        if start > 0 {
            chain[link..link + 4].copy_from_slice(&(start + 8).to_le_bytes());
            link = start as usize + NEXT;
        }
        chain.extend(file);
    }
    chain
}

/// A file whose overviews hold other values than it says which one was read.
#[test]
fn warps_read_the_overview_that_is_fine_enough() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let level = |side: u16, value: i16| {
        words(&folder, "a.tif", side, &vec![value; usize::from(side) * usize::from(side)]);
        folder.read("a.tif")
    };
    let overviews = chained(&[level(32, 2), level(16, 3)]);
    folder.write("a.tif.ovr", &overviews);
    level(64, 1);
    let read = |steps: &str| {
        folder.run(&format!("raster pipeline --overwrite read a.tif ! {steps} ! write o.tif")).expect(&[0]);
        look(&folder, "o.tif").2
    };
    for (words, value, pixels) in [
        ("--res 10", 1.0, 64 * 64),
        ("--res 16", 1.0, 40 * 40),
        ("--res 20", 2.0, 32 * 32),
        ("--res 32", 2.0, 20 * 20),
        ("--res 40", 3.0, 16 * 16),
        ("--res 160", 3.0, 4 * 4),
        ("--res 40 --ovr none", 1.0, 16 * 16),
        ("--res 40 --ovr 1", 2.0, 16 * 16),
        ("--res 10 --ovr 2", 3.0, 64 * 64),
    ] {
        for resampling in ["near", "average"] {
            assert_eq!(read(&format!("warp {words} -r {resampling}")), [(value, pixels)], "{words} {resampling}");
        }
    }
    // Bands that are picked before are those of the overview; of computed pixels, or of a part, there is none.
    assert_eq!(read("bands 1 ! warp --res 40"), [(3.0, 256)]);
    assert_eq!(read("clip --window 0,0,32,32 ! warp --res 40"), [(1.0, 64)]);
    for before in ["clip --window 0,0,32,32", "calc b1"] {
        let line = format!("raster pipeline --overwrite read a.tif ! {before} ! warp --ovr 1 ! write o.tif");
        folder.run(&line).expect(&[2]);
    }
    folder.run("raster warp a.tif -o o.tif --ovr 3 --overwrite").expect(&[2]);
}

/// Integers have no NaN, so a mask says which results there are.
#[test]
fn computed_integers_have_a_mask() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    words(&folder, "dem.tif", 3, &[0, 10, 20, 0, 10, 20, 0, 10, 20]);
    for (line, values) in [
        ("calc b1>5 dem.tif", &[(0.0, 3), (1.0, 6)][..]),
        ("calc 100/b1 dem.tif", &[(5.0, 3), (10.0, 3)]),
        ("focal dem.tif --stat mean", &[(5.0, 3), (10.0, 3), (15.0, 3)]),
        ("terrain dem.tif --kind slope", &[(45.0, 1)]),
    ] {
        check(&folder, &format!("raster {line} -o o.tif --dtype uint8"), "uint8", values);
        assert_eq!(look(&folder, "o.tif").1, Value::Null, "{line}");
    }
    // A file that says NaN, too.
    folder.run("raster calc 100/b1 dem.tif -o nan.tif -q").expect(&[0]);
    check(&folder, "raster convert nan.tif -o o.tif --dtype uint8", "uint8", &[(5.0, 3), (10.0, 3)]);
    check(&folder, "raster mosaic nan.tif -o o.tif --dtype uint8", "uint8", &[(5.0, 3), (10.0, 3)]);
    // One mask cannot say it of one band.
    let outcome = folder.run("raster calc 100/b1;b1 dem.tif -o two.tif --dtype uint8").expect(&[2]);
    assert!(outcome.stderr.contains("one mask") && outcome.stderr.contains("--nodata"), "{outcome}");
}
