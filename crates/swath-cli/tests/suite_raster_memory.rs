//! What verbs of rasters are predicted to take, and take: at their smallest ceilings, for small inputs, and for tables and
//! places that pixels are nothing beside.
#![cfg(unix)]

#[allow(dead_code)]
mod rasters;

use rasters::{all_inputs, assert_inside, inputs, run, smallest_ceiling, verbs};
use swath_testkit::Folder;

const MB: u64 = 1_000_000;
/// What one or two megabytes of pixels may take beside the program.
const LITTLE: u64 = 16 * MB;

#[test]
fn a_ceiling_that_is_too_small_is_refused() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let size = (1900, 1600);
    all_inputs(&folder, size);
    for verb in verbs(size, true) {
        let smallest = run(&folder, &verb, "-m 2GB --explain").expect(&[0]).figure("/smallest_ceiling");
        let refused = run(&folder, &verb, &format!("-m {}kB", smallest / 1000 - 10)).expect(&[3]);
        assert!(refused.error_text().contains("MB"), "no figures in the refusal\n{refused}");
        assert!(folder.names().iter().all(|name| !name.contains("out.tif")), "something was left");
        let outcome = run(&folder, &verb, &format!("-m {}kB", smallest.div_ceil(1000))).expect(&[0]);
        assert!(outcome.figure("/memory/actual_peak") <= smallest, "{outcome}");
        folder.remove(&["out.tif"]);
    }
}

/// Where little is read and much is written, transformations and places are most of what is held.
#[test]
fn a_large_output_of_a_small_input_fits() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (300, 200));
    for verb in [
        "raster warp a.tif --dst-crs EPSG:3857 --size 5000,5000",
        "raster warp b.tif --size 5000,5000 -r cubic",
        "raster mosaic a.tif b.tif --dst-crs EPSG:3857 --res 1",
    ] {
        let smallest = run(&folder, verb, "-m 2GB --explain").expect(&[0]).figure("/smallest_ceiling");
        for ceiling in [smallest.div_ceil(1000), smallest / 1000 * 2] {
            let outcome = run(&folder, verb, &format!("-m {ceiling}kB --overwrite")).expect(&[0]);
            let (actual, predicted) = (outcome.figure("/memory/actual_peak"), outcome.figure("/memory/predicted_peak"));
            assert!(actual <= predicted, "{actual} bytes were used, {predicted} predicted\n{outcome}");
        }
    }
}

/// Slopes of a raster in degrees ask for the ellipsoid of its system, and the tables of systems with it; so does a file that
/// defines its system itself.
#[test]
fn tables_of_systems_fit() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (900, 700));
    folder.run("raster warp a.tif -b 1 -o degrees.tif --dst-crs EPSG:4326 -q").expect(&[0]);
    folder.write("own.tif", include_bytes!("data/lambert.tif"));
    // Tables are asked for whether the text is of a system with a code, or of none that is known.
    folder.write("esri.tif", include_bytes!("data/esri_mercator.tif"));
    folder.write("esri_geostationary.tif", include_bytes!("data/esri_geostationary.tif"));
    for verb in [
        "raster terrain degrees.tif --kind hillshade",
        "raster terrain degrees.tif --kind slope -f cog",
        "raster convert own.tif",
        "raster stats own.tif",
        "raster convert esri.tif",
        "raster stats esri.tif",
        "raster stats esri_geostationary.tif",
    ] {
        let smallest = smallest_ceiling(&folder, verb, 2);
        for ceiling in [smallest.div_ceil(1000), smallest / 1000 * 3] {
            assert_inside(&run(&folder, verb, &format!("-m {ceiling}kB -j 2 --overwrite")).expect(&[0]));
        }
    }
}

/// What is kept of blocks that hold nothing is a few bytes each, and there may be many.
#[test]
fn many_small_blocks_fit() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let line = "synth raster -o e.tif --size 8000x8000 --dtype float32 --missing 0.97 --co BLOCKSIZE=128 -q";
    folder.run(line).expect(&[0]);
    let outcome = run(&folder, "raster convert e.tif --co BLOCKSIZE=128", "-m 256MB -j 2").expect(&[0]);
    assert!(outcome.figure("/chunks/done") > 3900, "{outcome}");
    assert_inside(&outcome);
}

/// A small job is small, however much it may take.
#[test]
fn one_megabyte_needs_little() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let size = (512, 512);
    all_inputs(&folder, size);
    for verb in verbs(size, true) {
        for ceiling in ["64MB", "256MB", "4GB"] {
            let outcome = run(&folder, &verb, &format!("-m {ceiling} -j 2 --overwrite")).expect(&[0]);
            let predicted = outcome.figure("/memory/predicted_peak");
            let limit = outcome.figure("/memory/baseline") + LITTLE;
            assert!(predicted <= limit, "{predicted} bytes are more than {limit}\n{outcome}");
            assert!(outcome.figure("/memory/actual_peak") <= predicted, "{outcome}");
        }
    }
}
