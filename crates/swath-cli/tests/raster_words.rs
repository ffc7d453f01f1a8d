//! The words of `swath raster` as a black box: what people type, what a plan tells, what is said of wrong words.
#![cfg(unix)]
#![allow(clippy::expect_used, missing_docs)]

#[path = "common/small.rs"]
mod small;

use serde_json::Value;
use small::Small;
use swath_testkit::{Folder, Outcome};

fn folder() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.run("synth raster --size 96x64 --bands 3 --seed 1 -o a.tif -q").expect(&[0]);
    folder
}

/// Runs a line, and behind it arguments that have blanks in them.
#[track_caller]
fn run(folder: &Folder, line: &str, arguments: &[&str], code: i32) -> Outcome {
    let output = folder.command(line).args(arguments).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let outcome = Outcome {
        line: format!("{line} {arguments:?}"),
        code: output.status.code(),
        signal: None,
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    };
    outcome.expect(&[code])
}

/// What a plan or a result says it chose.
fn choice(json: &Value, name: &str) -> Option<String> {
    let choices = json["choices"].as_array()?;
    choices.iter().find(|choice| choice[0] == name)?[1].as_str().map(String::from)
}

#[test]
fn flags_of_the_run_may_follow_a_pipeline() {
    let folder = folder();
    let chain = "read a.tif ! focal --stat mean --radius 1 ! write p.tif";
    let ceiling = |outcome: &Outcome| outcome.json()["memory"]["ceiling"].as_u64();
    let behind = run(&folder, "raster pipeline", &[chain, "-m", "64MB", "--json"], 0);
    assert_eq!(ceiling(&behind), Some(64_000_000));
    let wanted = folder.read("p.tif");
    let inside = run(&folder, "raster pipeline", &[&format!("{chain} --memory 65MB --json --overwrite")], 0);
    assert_eq!(ceiling(&inside), Some(65_000_000));
    let unquoted = folder.run(&format!("raster pipeline {chain} --memory 66MB --json --overwrite")).expect(&[0]);
    assert_eq!(ceiling(&unquoted), Some(66_000_000));
    let before = run(&folder, "raster pipeline -m 67MB --json", &[chain, "--overwrite"], 0);
    assert_eq!(ceiling(&before), Some(67_000_000));
    assert_eq!(folder.read("p.tif"), wanted);
    let twice = run(&folder, "raster pipeline -m 64MB", &[chain, "-m", "64MB"], 2);
    assert!(twice.stderr.contains("--memory is said twice: before read and behind write"), "{twice}");
    let both = run(&folder, "raster pipeline --resume", &[chain, "--overwrite"], 2);
    assert!(both.stderr.contains("--overwrite cannot be used with --resume"), "{both}");
    // What is said in JSON is so for errors, too.
    let taken = run(&folder, "raster pipeline", &[&format!("{chain} --json")], 6);
    assert_eq!(taken.json()["exit"], 6);
}

#[test]
fn formats_are_known_by_the_names_of_others() {
    let folder = folder();
    let convert = |words: &str| folder.run(&format!("raster convert a.tif -o o.tif -q {words}"));
    convert("").expect(&[0]);
    let plain = folder.read("o.tif");
    for word in ["GTiff", "TIF", "tiff", "GeoTIFF", "gtiff"] {
        convert(&format!("-f {word} --overwrite")).expect(&[0]);
        assert_eq!(folder.read("o.tif"), plain, "{word}");
    }
    convert("-f COG --overwrite").expect(&[0]);
    assert_ne!(folder.read("o.tif"), plain);
    // The same job, and another one.
    convert("-f Cog --resume").expect(&[0]);
    convert("-f gtiff --resume").expect(&[6]);
    let other = convert("-f png --overwrite").expect(&[2]);
    assert!(other.stderr.contains("\"png\" is no format that can be written: wanted gtiff or cog"), "{other}");
}

/// The mean of a band of a file.
fn mean(folder: &Folder, name: &str, band: usize) -> f64 {
    let stats = folder.run(&format!("raster stats {name} --json")).expect(&[0]).json();
    stats["statistics"][0]["bands"][band]["mean"].as_f64().expect("a mean")
}

#[test]
fn words_that_people_try() {
    let folder = folder();
    let make = |line: &str| folder.run(&format!("raster {line} -o o.tif -q --overwrite")).expect(&[0]);
    make("convert a.tif -b 3,1");
    assert_eq!(
        (mean(&folder, "o.tif", 0), mean(&folder, "o.tif", 1)),
        (mean(&folder, "a.tif", 2), mean(&folder, "a.tif", 0))
    );
    folder.run("raster pipeline -q --overwrite read a.tif ! bands 3,1 ! write p.tif").expect(&[0]);
    assert_eq!(folder.read("p.tif"), folder.read("o.tif"));
    make("terrain a.tif -b 1 --kind TRI --edges NoData");
    make("focal a.tif --stat MEAN --shape Circle --edges Replicate");
    make("terrain a.tif -b 1 --kind slope --method zt --units PERCENT");
    let slope = folder.read("o.tif");
    for method in ["zevenbergen", "ZevenbergenThorne", "Zevenbergen-Thorne", "ZT"] {
        make(&format!("terrain a.tif -b 1 --kind Slope --method {method} --units percent"));
        assert_eq!(folder.read("o.tif"), slope, "{method}");
    }
    make("calc ln(b1+1) a.tif");
    let natural = mean(&folder, "o.tif", 0);
    make("calc log(b1+1) a.tif");
    assert_eq!(mean(&folder, "o.tif", 0), natural);
}

#[test]
fn many_rasters_are_named_by_globs_and_lists() {
    let folder = folder();
    for (name, window) in [("1", "0,0,40,64"), ("2", "30,0,40,64"), ("3", "60,0,36,64")] {
        std::fs::create_dir_all(folder.at("scenes")).expect("a folder");
        folder.run(&format!("raster clip a.tif -o scenes/{name}.tif -q --window {window}")).expect(&[0]);
    }
    folder.write("list.txt", b"scenes/1.tif\n\nscenes/2.tif\r\nscenes/3.tif\n");
    folder.run("raster mosaic scenes/1.tif scenes/2.tif scenes/3.tif -o wanted.tif -q").expect(&[0]);
    for words in ["scenes/*.tif", "@list.txt", "scenes/1.tif scenes/[23].tif"] {
        folder.run(&format!("raster mosaic {words} -o o.tif -q --overwrite")).expect(&[0]);
        assert_eq!(folder.read("o.tif"), folder.read("wanted.tif"), "{words}");
    }
    let chain = "read 'scenes/*.tif' ! mosaic ! write o.tif";
    run(&folder, "raster pipeline -q --overwrite", &[chain], 0);
    assert_eq!(folder.read("o.tif"), folder.read("wanted.tif"));
    let stats = folder.run("raster stats @list.txt --json").expect(&[0]).json();
    assert_eq!(stats["statistics"].as_array().map(Vec::len), Some(3));
    for (words, wanted) in
        [("nothing/*.tif", "cannot read nothing/*.tif: no file matches"), ("@none.txt", "cannot read none.txt: ")]
    {
        let outcome = folder.run(&format!("raster mosaic {words} -o n.tif")).expect(&[5]);
        assert!(outcome.stderr.contains(wanted) && outcome.stderr.contains("hint: "), "{outcome}");
    }
}

/// A plan tells the steps, the grid of windows and what they read beyond their edges.
#[test]
fn plans_tell_chain_windows_and_halo() {
    let folder = folder();
    let steps = "read a.tif ! bands 1,2 ! calc b1;b2 ! focal --radius 2 ! warp --res 30 -r bilinear ! write w.tif";
    let plan = folder.run(&format!("raster pipeline --explain --json {steps}")).expect(&[0]).json();
    let wanted = "read → bands 1,2 → calc → focal mean 5 × 5 → warp bilinear → write";
    assert_eq!(choice(&plan, "chain").as_deref(), Some(wanted));
    let halo = choice(&plan, "halo").expect("a halo");
    assert!(halo.contains("focal 2 columns × 2 rows, warp "), "{halo}");
    let windows = choice(&plan, "windows").expect("windows");
    assert!(windows.starts_with("1 window of 32 × 21 pixels, 1 block each; "), "{windows}");
    let text = folder.run(&format!("raster pipeline --explain {steps}")).expect(&[0]).stdout;
    assert!(text.contains("chain") && text.contains(wanted) && text.contains("halo"), "{text}");
    let plan = folder.run("raster convert a.tif -o c.tif --explain --json --co BLOCKSIZE=16").expect(&[0]).json();
    assert_eq!((choice(&plan, "halo"), choice(&plan, "chain").as_deref()), (None, Some("read → write")));
    assert!(choice(&plan, "windows").is_some_and(|windows| windows.contains(" windows of ")), "{plan}");
    assert_eq!(choice(&plan, "grid").as_deref(), Some("96 columns × 64 rows, 3 bands of uint16"));
}

/// A ceiling that is too small: what takes the most, and the strip that is to blame.
#[test]
fn a_refusal_names_the_stage_and_the_strip() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let pixels = vec![7; 3000 * 1000];
    let small = Small { columns: 3000, kind: 1, bits: 8, corner: (0.0, 0.0), pixel: 1.0, epsg: 32_632, bytes: &pixels };
    folder.write("strip.tif", &small.file());
    let refused = folder.run("raster focal strip.tif -o o.tif -m 8MB").expect(&[3]);
    for wanted in
        ["the job needs ", "the ceiling is 8 MB (encode takes ", "; strip.tif, one strip of 3000 × 1000 pixels: 3 MB)"]
    {
        assert!(refused.stderr.contains(wanted), "{wanted}: {refused}");
    }
    assert!(refused.stderr.contains("hint: --memory "), "{refused}");
    let refused = folder.run("raster stats strip.tif -m 8MB").expect(&[3]);
    assert!(refused.stderr.contains("; strip.tif, one strip of 3000 × 1000 pixels: 3 MB)"), "{refused}");
}

/// `b1=scene.tif` of a scene of several bands.
#[test]
fn a_name_that_is_the_number_of_a_band_means_that_band() {
    let folder = folder();
    let make = |expression: &str, inputs: &str| {
        folder.run(&format!("raster calc {expression} {inputs} -o o.tif -q --overwrite"))
    };
    let same = |named: (&str, &str), wanted: &str| {
        make(wanted, "a.tif").expect(&[0]);
        let wanted = mean(&folder, "o.tif", 0);
        make(named.0, named.1).expect(&[0]);
        assert_eq!(mean(&folder, "o.tif", 0), wanted, "{named:?}");
    };
    same(("clip(b1/10000,0,1)", "b1=a.tif"), "clip(b1/10000,0,1)");
    same(("b3+b3", "b3=a.tif"), "b3+b3");
    // What is said of a band goes on to hold, and so does a raster of one band.
    same(("b3[1]+max(b3[*])", "b3=a.tif"), "b1+max(b1,b2,b3)");
    folder.run("raster convert a.tif -b 1 -o one.tif -q").expect(&[0]);
    same(("b2", "b2=one.tif"), "b1");
    for (expression, inputs, wanted) in [
        ("b3-b2", "b2=a.tif b3=a.tif", "\"b3\" names no single band"),
        ("b4", "b4=a.tif", "\"b4\" names no single band: there are 3 bands"),
        ("b2", "b1=a.tif", "there is no input \"b2\": wanted b1"),
        ("band1", "band1=a.tif", "\"band1\" names no single band"),
    ] {
        let outcome = make(expression, inputs).expect(&[2]);
        assert!(outcome.stderr.contains(wanted), "{outcome}");
    }
}

/// 25 m to each side, of pixels that are 10 m wide and 20 m high.
#[test]
fn radii_on_the_ground_of_pixels_that_are_not_square() {
    let folder = folder();
    folder.run("raster warp a.tif --res 10,20 -o tall.tif -q").expect(&[0]);
    let plan = |words: &str| {
        let line = format!("raster focal {words} -o o.tif --explain --json");
        choice(&folder.run(&line).expect(&[0]).json(), "chain")
    };
    let tall = |words: &str| plan(&format!("tall.tif --radius {words}")).expect("a chain");
    assert_eq!(tall("40m"), "read → focal mean 9 × 5 → write");
    assert_eq!(tall("50m --shape circle"), "read → focal mean 11 × 5 → write");
    folder.run("raster warp a.tif --dst-crs EPSG:4326 -o degrees.tif -q").expect(&[0]);
    let refused = folder.run("raster focal degrees.tif --radius 50m -o o.tif").expect(&[2]);
    assert!(refused.stderr.contains("this one is in degrees"), "{refused}");
    assert!(refused.stderr.contains("hint: give the radius in pixels, or warp to a metric system first"), "{refused}");
    folder.run("raster warp a.tif --dst-crs EPSG:3857 -o mercator.tif -q").expect(&[0]);
    let warned = |words: &str| folder.run(&format!("raster focal {words} -o o.tif --overwrite")).expect(&[0]).stderr;
    assert!(warned("mercator.tif --radius 50m").contains("one of EPSG:3857 is cos φ metres on the ground"));
    assert!(warned("mercator.tif --radius 2").is_empty() && warned("a.tif --radius 50m").is_empty());
}

#[test]
fn systems_that_are_missing_or_joined_coarsely() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let values = [1, 2, 3, 4];
    let write = |name: &str, corner, epsg| {
        let small = Small { columns: 2, kind: 1, bits: 8, corner, pixel: 0.1, epsg, bytes: &values };
        folder.write(name, &small.file());
    };
    write("bare.tif", (10.0, 50.0), 0);
    for line in ["warp bare.tif --dst-crs EPSG:3857", "mosaic bare.tif --dst-crs EPSG:3857"] {
        let refused = folder.run(&format!("raster {line} -o o.tif")).expect(&[2]);
        assert!(refused.stderr.contains("--src-crs"), "{refused}");
    }
    folder.run("raster warp bare.tif --src-crs EPSG:4326 --dst-crs EPSG:3857 -o o.tif -q").expect(&[0]);
    // The shift of NAD27 in Puerto Rico is a grid that is not here.
    write("old.tif", (-66.0, 18.5), 4267);
    let line = "raster warp old.tif --dst-crs EPSG:4326 -o w.tif --overwrite";
    let told = folder.run(line).expect(&[0]);
    assert!(told.stderr.starts_with("warning: no shift between the datums within 10 m is known here"), "{told}");
    let plan = folder.run(&format!("{line} --explain --json")).expect(&[0]).json();
    assert_eq!(plan["warnings"].as_array().map(Vec::len), Some(1), "{plan}");
    assert_eq!(folder.run(&format!("{line} -q")).expect(&[0]).stderr, "");
    // Of the shift from NAD83 only the grid of Canada is here.
    write("west.tif", (-105.0, 40.0), 4269);
    let line = "raster warp west.tif --dst-crs EPSG:4267 -o w.tif --overwrite";
    let told = folder.run(line).expect(&[0]);
    assert!(told.stderr.starts_with("warning: no shift between the datums within 10 m is known here"), "{told}");
    let outcome = folder.run(&format!("{line} --json")).expect(&[0]).json();
    assert_eq!(outcome["warnings"].as_array().map(Vec::len), Some(1), "{outcome}");
}

/// Values beyond the type take its ends, those that come to the nodata value the one beside it, and no number is none.
#[test]
fn results_stay_in_the_type_that_is_written() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let values = [0, 1, 50, 100, 127, 128, 200, 255];
    let small = Small { columns: 8, kind: 1, bits: 8, corner: (0.0, 0.0), pixel: 1.0, epsg: 32_632, bytes: &values };
    folder.write("v.tif", &small.file());
    let uniques = |expression: &str| {
        let line = format!("raster calc {expression} v.tif -o o.tif --dtype uint8 --nodata 255 -q --overwrite");
        folder.run(&line).expect(&[0]);
        let stats = folder.run("raster stats o.tif --uniques --json").expect(&[0]).json();
        let band = &stats["statistics"][0]["bands"][0];
        let pairs = band["uniques"]["values"].as_array().cloned().unwrap_or_default();
        let pairs = pairs
            .iter()
            .map(|pair| (pair["value"].as_f64().expect("a value"), pair["count"].as_u64().expect("a count")));
        (pairs.collect::<Vec<_>>(), band["nodata"].as_u64())
    };
    // 254, 256, 400 and 510: the first stays, the others end at 255, which is none, and so at 254.
    let doubled = [(0.0, 1), (2.0, 1), (100.0, 1), (200.0, 1), (254.0, 4)];
    assert_eq!(uniques("b1*2"), (doubled.to_vec(), Some(0)));
    assert_eq!(uniques("b1-1000"), (vec![(0.0, 8)], Some(0)));
    assert_eq!(uniques("100/b1*b1"), (vec![(100.0, 7)], Some(1)));
    assert_eq!(uniques("b1*0/b1"), (vec![(0.0, 7)], Some(1)));
}

/// Place, wanted, got and hint.
#[test]
fn wrong_words_are_answered_with_a_way_on() {
    let folder = folder();
    folder.write("file", b"");
    std::fs::create_dir(folder.at("folder")).expect("a folder");
    for (words, code, message, hint) in [
        ("-o o.tif -m 1MB", 3, "the job needs ", "--memory "),
        ("-o o.tif -m 0", 2, "\"0\" has no unit: write 256MB", "--help"),
        ("-o o.tif -m -5", 2, "\"-5\" is not a size: wanted a number and a unit, like 256MB", "--help"),
        ("-o o.tif -m -5MB", 2, "\"-5MB\" is not a size: wanted a number and a unit, like 256MB", "--help"),
        ("-o o.tif -m abc", 2, "\"abc\" is not a size: wanted a number and a unit, like 256MB", "--help"),
        ("-o o.tif -j 0", 2, "\"0\" is not a number of workers: wanted 1 to 1024", "--help"),
        ("-o o.tif -j -2", 2, "\"-2\" is not a number of workers: wanted 1 to 1024", "--help"),
        ("-o o.tif --nodata 300 --dtype uint8", 2, "300 is no value of the type uint8", "another --nodata"),
        ("-o o.tif --co COMPRESS=foo", 2, "COMPRESS=foo cannot be understood", "wanted NONE, PACKBITS"),
        ("-o o.tif --co SHAPE=1", 2, "SHAPE is no option of the output", "known are COMPRESS"),
        ("-o a.tif --overwrite", 2, "the output a.tif is the input a.tif", "name another file"),
        ("-o file/o.tif", 6, "cannot write file/", "a part of the path is a file"),
        ("-o folder", 6, "cannot write folder: it is a folder", "name a file in it"),
    ] {
        let outcome = folder.run(&format!("raster convert a.tif {words}")).expect(&[code]);
        let (error, way) = outcome.stderr.split_once("hint: ").expect("a hint");
        assert!(error.contains(message) && way.contains(hint), "{outcome}");
    }
    let outcome = folder.run("raster convert folder -o o.tif").expect(&[5]);
    assert!(outcome.stderr.contains("it is a folder, not a regular file\nhint: name a file in it"), "{outcome}");
    // A folder for the output is made.
    folder.run("raster convert a.tif -o new/below/o.tif -q").expect(&[0]);
    assert_eq!(folder.names().iter().filter(|name| name.starts_with('.')).count(), 0);
}
