//! Rasters as a black box: the same bytes whatever the ceiling, the threads and the kills, and clear errors.
#![cfg(unix)]

mod rasters;

use std::time::Duration;

use rasters::{
    Size, all_inputs, assert_inside, input_bytes, inputs, is_always_by_block, line, run, smallest_ceiling, verbs,
};
use swath_testkit::{Folder, full, sha256};

/// The size of inputs of the normal form.
const SMALL: Size = (2301, 1703);
/// Those of the full one: a verb is run on the first that are large enough for it.
const LARGE: [Size; 3] = [(8_501, 7_907), (12_503, 11_003), (18_001, 15_107)];
/// So many times the smallest ceiling of a verb are large.
const LARGE_TIMES: u64 = 20;
/// Under each of them the bytes are the same.
const CEILINGS: [&str; 3] = ["64MB", "256MB", "4GB"];
const THREADS: [u32; 3] = [1, 2, 5];

#[test]
fn the_same_bytes_under_any_ceiling() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let limits: Vec<String> =
        CEILINGS.iter().flat_map(|ceiling| THREADS.map(|threads| format!("-m {ceiling} -j {threads}"))).collect();
    if !full() {
        all_inputs(&folder, SMALL);
        let some = [1, 4, 6, 8].map(|position| limits[position].clone());
        for verb in verbs(SMALL, true) {
            the_same_bytes(&folder, &verb, smallest_ceiling(&folder, &verb, 1), &some);
        }
        return;
    }
    let mut left: Vec<usize> = (0..verbs(SMALL, true).len()).collect();
    for size in LARGE {
        all_inputs(&folder, size);
        let verbs = verbs(size, true);
        left.retain(|position| {
            let verb = &verbs[*position];
            let smallest = smallest_ceiling(&folder, verb, 1);
            let is_large = input_bytes(verb, size) >= LARGE_TIMES * smallest;
            if is_large {
                let seen = the_same_bytes(&folder, verb, smallest, &limits);
                let differ = seen.tasks.iter().any(|tasks| *tasks != seen.tasks[0]);
                assert!(is_always_by_block(verb) || differ, "{verb}: always {} tasks", seen.tasks[0]);
                killed_on_the_way(&folder, verb, &limits, &seen);
            }
            !is_large
        });
    }
    assert!(left.is_empty(), "inputs are not large beside the smallest ceilings of {left:?}");
}

/// What was seen of a verb under its smallest ceiling and then under each of some limits.
struct Seen {
    hash: String,
    tasks: Vec<u64>,
    walls: Vec<Duration>,
}

/// Runs a verb under its smallest ceiling and other limits: inside of what is predicted each time, and with the same bytes.
fn the_same_bytes(folder: &Folder, verb: &str, smallest: u64, limits: &[String]) -> Seen {
    let least = format!("-m {}kB -j 1", smallest.div_ceil(1000));
    let mut seen = Seen { hash: String::new(), tasks: Vec::new(), walls: Vec::new() };
    for words in std::iter::once(&least).chain(limits) {
        let outcome = run(folder, verb, &format!("{words} --overwrite")).expect(&[0]);
        assert_inside(&outcome);
        let hash = sha256(&folder.at("out.tif"));
        if seen.hash.is_empty() {
            seen.hash.clone_from(&hash);
        }
        assert_eq!(hash, seen.hash, "{verb}: the bytes differ under {words}");
        seen.tasks.push(outcome.figure("/chunks/done"));
        seen.walls.push(Duration::from_secs_f64(outcome.json()["time"]["wall_s"].as_f64().expect("seconds")));
    }
    println!("{verb}: {smallest} bytes at least, {:?} tasks", seen.tasks);
    seen
}

/// Kills a verb on its way under every second of the limits and resumes it under others: the same bytes each time.
fn killed_on_the_way(folder: &Folder, verb: &str, limits: &[String], seen: &Seen) {
    let (mut killed, mut skipped) = (0, 0);
    for (position, words) in limits.iter().enumerate().step_by(2) {
        folder.remove(&["out.tif"]);
        // A point that is never reached: what is done is kept at once, so that also a short job can go on.
        let running = folder.start_with_fault(&line(verb, words), &format!("kill-kept:{}", u32::MAX));
        std::thread::sleep(seen.walls[position + 1] * 3 / 5);
        killed += u32::from(running.kill());
        let other = &limits[(position + 4) % limits.len()];
        let outcome = run(folder, verb, &format!("--resume {other}")).expect(&[0]);
        assert_inside(&outcome);
        skipped += outcome.figure("/chunks/skipped_by_resume");
        let hash = sha256(&folder.at("out.tif"));
        assert_eq!(hash, seen.hash, "{verb}: killed under {words}, resumed under {other}");
    }
    println!("{verb}: {killed} kills on the way, {skipped} tasks not done again");
    assert!(killed > 2 && skipped > 0, "{verb}: {killed} kills, {skipped} tasks not done again");
}

#[test]
fn killed_and_resumed() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let (size, spacing) = if full() { (SMALL, 12) } else { ((1501, 1203), 4) };
    all_inputs(&folder, size);
    let skipped: u64 = verbs(size, full()).iter().map(|verb| kill_and_resume(&folder, verb, spacing)).sum();
    assert!(skipped > 0, "nothing was skipped");
}

/// Kills a verb at the first points of its way and then at fewer and fewer, one in `spacing` more each time, and resumes it
/// each time under other limits. It is killed under its smallest ceiling, where little is kept in memory alone. Answers how
/// many tasks were not done again.
fn kill_and_resume(folder: &Folder, verb: &str, spacing: u32) -> u64 {
    let smallest = smallest_ceiling(folder, verb, 2).div_ceil(1000);
    run(folder, verb, "").expect(&[0]);
    let wanted = sha256(&folder.at("out.tif"));
    folder.remove(&["out.tif"]);
    let (mut killed, mut skipped, mut nth) = (0, 0, 1);
    loop {
        let outcome = folder.run_with_fault(&line(verb, &format!("-m {smallest}kB -j 2")), &format!("kill-kept:{nth}"));
        if outcome.code == Some(0) {
            break;
        }
        assert_eq!(outcome.signal, Some(9), "{outcome}");
        killed += 1;
        // What was begun in small pieces goes on in large ones, and the other way round.
        let other = if nth % 2 == 0 { "-m 64MB -j 1" } else { "-m 1GB -j 2" };
        let outcome = run(folder, verb, &format!("--resume {other}")).expect(&[0]);
        assert_inside(&outcome);
        skipped += outcome.figure("/chunks/skipped_by_resume");
        assert_eq!(sha256(&folder.at("out.tif")), wanted, "killed at point {nth}: other bytes\n{outcome}");
        let left: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with(".out")).collect();
        assert!(left.is_empty(), "left beside the output: {left:?}");
        folder.remove(&["out.tif"]);
        nth += 1 + nth / spacing;
    }
    folder.remove(&["out.tif"]);
    assert!(killed >= 6, "{verb}: only {killed} points were passed");
    println!("{verb}: {killed} kills, {skipped} tasks not done again");
    skipped
}

#[test]
fn stopped_and_resumed_skips_work() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (5000, 4000));
    let line = line("raster calc (b1-b2)/(b1+b2) a.tif --co INTERLEAVE=BAND", "-m 40MB -j 1");
    let reference = folder.run(&line).expect(&[0]);
    let wanted = sha256(&folder.at("out.tif"));
    let wall = Duration::from_secs_f64(reference.json()["time"]["wall_s"].as_f64().expect("seconds"));
    let mut skipped = 0;
    for part in 1..=4 {
        folder.remove(&["out.tif"]);
        let mut running = folder.start(&line);
        std::thread::sleep(wall * part / 5);
        running.interrupt();
        let outcome = running.wait().expect(&[0, 75]);
        if outcome.code == Some(75) {
            assert!(!folder.at("out.tif").exists(), "something stands at the final path\n{outcome}");
            skipped += folder.run(&format!("{line} --resume")).expect(&[0]).figure("/chunks/skipped_by_resume");
        }
        assert_eq!(sha256(&folder.at("out.tif")), wanted, "stopped at {part}/5");
    }
    assert!(skipped > 0, "nothing was skipped");
}

#[test]
fn faults_leave_nothing() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (1100, 600));
    for kind in ["enospc", "eio"] {
        let mut nth = 1;
        loop {
            let line = "raster convert a.tif --co COMPRESS=DEFLATE -o out.tif -m 64MB -j 1";
            let outcome = folder.run_with_fault(line, &format!("{kind}:{nth}"));
            if outcome.code == Some(0) {
                break;
            }
            let outcome = outcome.expect(&[6]);
            assert!(!folder.at("out.tif").exists(), "something stands at the final path\n{outcome}");
            assert!(outcome.stderr.starts_with("error: "), "{outcome}");
            assert!(kind != "enospc" || outcome.stderr.contains("hint: "), "no way on from a full disk\n{outcome}");
            folder.remove(&[".out.tif.partial"]);
            nth += 1;
        }
        folder.remove(&["out.tif", ".out.tif.partial"]);
        assert!(nth > 8, "only {nth} points were passed");
    }
}

/// Statistics are told, or written; what is written can be resumed, and is held against what is asked for.
#[test]
fn statistics_are_told_or_written() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (700, 500));
    let line = "raster stats a.tif b.tif --percentiles 50 --uniques=5";
    let told = folder.run(&format!("{line} --json")).expect(&[0]).json();
    assert_eq!(told["outputs"], serde_json::json!([]));
    let band = &told["statistics"][0]["bands"][1];
    assert_eq!((&band["band"], &band["count"]), (&serde_json::json!(2), &serde_json::json!(350_000)));
    assert_eq!(band["uniques"], serde_json::json!({ "limit": 5, "exceeded": true, "values": [] }));
    folder.run(&format!("{line} -o out.json")).expect(&[0]);
    let written: serde_json::Value = serde_json::from_slice(&folder.read("out.json")).expect("JSON");
    assert_eq!(written["rasters"], told["statistics"]);
    let table = folder.run(line).expect(&[0]).stdout;
    assert!(table.contains("b.tif: 700 × 500 pixels of uint16") && table.contains("more than 5"), "{table}");
    folder.run(&format!("{line} -o out.json --resume")).expect(&[0]);
    folder.run(&format!("{line} -o out.json")).expect(&[6]);
    let refused = folder.run("raster stats a.tif -o out.json --resume").expect(&[6]);
    assert!(refused.error_text().contains("not what is asked for"), "{refused}");
    folder.write("out.json", b"something else");
    folder.run(&format!("{line} -o out.json --resume")).expect(&[6]);
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (300, 200));
    folder.run("synth raster -o small.tif --size 200x200 -q").expect(&[0]);
    folder.write("text.tif", b"this is no raster at all");
    let whole = folder.read("a.tif");
    folder.write("cut.tif", &whole[..whole.len() / 2]);
    let check = |line: &str, code: i32, words: &[&str]| {
        let outcome = folder.run(line).expect(&[code]);
        for word in words {
            assert!(outcome.stderr.contains(word), "wanted {word:?}\n{outcome}");
        }
        assert!(outcome.stderr.contains("hint: "), "no hint\n{outcome}");
        assert!(!folder.at("out.tif").exists(), "something stands at the final path\n{outcome}");
    };
    check("raster convert none.tif -o out.tif", 5, &["none.tif"]);
    check("raster convert text.tif -o out.tif", 5, &["text.tif"]);
    check("raster convert cut.tif -o out.tif", 5, &["cut.tif"]);
    check("raster convert s3://bucket/a.tif -o out.tif", 5, &["s3://", "only files of this machine"]);
    check(
        "raster convert a.tif -o out.tif --tmp-dir s3://bucket/a --explain",
        6,
        &["s3://", "only files of this machine"],
    );
    check("raster convert a.tif -o s3://bucket/out.tif", 6, &["s3://", "only files of this machine"]);
    assert!(!folder.at("s3:").exists(), "a folder was made for an address");
    check("raster convert a.tif -o a.tif --overwrite", 2, &["a.tif", "is the input"]);
    check("raster convert a.tif -o out.tif -b 3", 2, &["band 3"]);
    check("raster convert a.tif -o out.tif --co COMPRESS=ZIP", 2, &["COMPRESS", "ZIP"]);
    check("raster convert a.tif -o out.tif --co QUALITY=3", 2, &["QUALITY"]);
    let socket = std::os::unix::net::UnixListener::bind(folder.at("socket.tif")).expect("a socket");
    check("raster convert a.tif -o socket.tif --overwrite", 6, &["socket.tif", "never replaced"]);
    drop(socket);
    check("raster convert a.tif -o . --overwrite", 6, &["is a folder"]);
    check("raster calc b1;7 a.tif -o out.tif --dtype uint8", 2, &["one mask", "--nodata"]);
    check("raster convert a.tif -o out.tif -f png", 2, &["png"]);
    check("raster convert a.tif -o out.tif -f cog --co OVERVIEWS=7", 2, &["OVERVIEWS=7"]);
    check("raster convert a.tif -o out.tif -f cog --co OVERVIEW_RESAMPLING=BEST", 2, &["\"best\"", "cubic"]);
    check("raster clip a.tif -o out.tif", 2, &["--bbox"]);
    check("raster clip a.tif -o out.tif --window 0,0,301,200", 2, &["columns 0 to 301", "300 columns"]);
    check("raster clip a.tif -o out.tif --bbox 170,-80,171,-79 --bbox-crs EPSG:4326", 2, &["does not meet"]);
    check("raster clip a.tif -o out.tif --bbox 1,2,3", 2, &["1,2,3", "is no box"]);
    check("raster clip a.tif -o out.tif --bbox 7,48,8,47 --bbox-crs EPSG:4326", 2, &["holds nothing"]);
    check("raster clip a.tif -o out.tif --bbox 8,47,7,48 --bbox-crs EPSG:4326", 2, &["half of the Earth"]);
    check("raster warp a.tif -o out.tif --bbox 9,47,8,48 --bbox-crs EPSG:4326", 2, &["half of the Earth"]);
    check("raster clip a.tif -o out.tif --like text.tif", 5, &["text.tif"]);
    check("raster warp a.tif -o out.tif --dst-crs EPSG:99999", 2, &["99999"]);
    check("raster warp a.tif -o out.tif -r best", 2, &["best", "bilinear"]);
    check("raster warp a.tif -o out.tif --res 0.0001", 2, &["blocks", "units"]);
    check("raster warp a.tif -o out.tif --res 0", 2, &["is no size of a pixel"]);
    check("raster mosaic a.tif small.tif -o out.tif", 2, &["bands"]);
    check("raster focal a.tif -o out.tif --stat loud", 2, &["loud", "median"]);
    check("raster focal a.tif -o out.tif --radius 1.5", 2, &["1.5 pixels", "circle"]);
    check("raster focal a.tif -o out.tif --percentile 50", 2, &["--percentile", "--stat percentile"]);
    check("raster terrain a.tif -o out.tif --kind slope --z-factor 0", 2, &["z factor"]);
    check("raster stats none.tif", 5, &["none.tif"]);
    check("raster stats a.tif small.tif -b 2 -o out.tif", 2, &["small.tif", "no band 2"]);
    check("raster stats a.tif -o a.tif --overwrite", 2, &["a.tif", "is the input"]);
    check("raster stats a.tif --percentiles 2,101", 2, &["101", "0 to 100"]);
    check("raster stats a.tif --histogram 8,5,1", 2, &["8,5,1", "65536 bins"]);
    check("raster stats a.tif --uniques=0", 2, &["1 to 100000"]);
    check("raster stats a.tif --resume", 2, &["--resume", "-o"]);
    check("raster stats a.tif -m 3MB", 3, &["MB"]);
    check("raster pipeline read a.tif ! calc b1 ! write a.tif", 2, &["is the input"]);
    check("raster convert a.tif -o out.tif --dtype uint8 --nodata 300", 2, &["300", "uint8"]);
    check("raster calc a+b[1] a=a.tif b=b.tif -o out.tif", 2, &["a[1]"]);
    check("raster calc a[1]+b a=a.tif b=small.tif -o out.tif", 2, &["a.tif", "small.tif", "different grids"]);
    check("raster calc c a=a.tif b=small.tif -o out.tif", 2, &["\"c\""]);
    check("raster pipeline read a.tif !calc b1! write out.tif", 2, &["\"!calc\"", "a space on each side"]);
    let empty = folder.run("raster warp a.tif -o out.tif --bbox 0,0,100,100").expect(&[0]);
    assert!(empty.stderr.contains("no pixel of the output lies on an input"), "{empty}");
    folder.remove(&["out.tif"]);
    folder.run("raster convert a.tif -o out.tif").expect(&[0]);
    folder.run("raster convert a.tif -o out.tif").expect(&[6]);
    // A resumed run is content with what stands there only if it would make that.
    folder.run("raster convert a.tif -o out.tif --resume").expect(&[0]);
    for other in ["a.tif -b 1", "a.tif --dtype float32", "a.tif --co COMPRESS=LZW", "small.tif"] {
        let refused = folder.run(&format!("raster convert {other} -o out.tif --resume")).expect(&[6]);
        assert!(refused.error_text().contains("not what is asked for"), "{refused}");
    }
    folder.run("raster focal a.tif -o focal.tif --radius 1").expect(&[0]);
    folder.run("raster focal a.tif -o focal.tif --radius 1 --resume").expect(&[0]);
    let refused = folder.run("raster focal a.tif -o focal.tif --radius 2 --resume").expect(&[6]);
    assert!(refused.error_text().contains("other options"), "{refused}");
}

/// Opacity says which pixels have a value where GDAL looks for it; a mask says it elsewhere.
#[test]
fn opacity_is_written_where_it_is_looked_for() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("o.tif", include_bytes!("data/opacity.tif"));
    for (verb, has_mask) in [
        ("convert o.tif -o out.tif --dtype uint16", false),
        ("convert o.tif -o out.tif --dtype int16", true),
        ("convert o.tif -o out.tif -b 1 -b 4", false),
        ("convert o.tif -o out.tif -b 1 -b 2 -b 4", true),
        ("convert o.tif -o out.tif -b 4 -b 4", true),
        ("warp o.tif -o out.tif -r bilinear --dtype float32", true),
        ("mosaic o.tif o.tif -o out.tif --dtype uint16", false),
        ("mosaic o.tif o.tif -o out.tif --dtype int16", true),
        // What is of another type on the way only stays opacity, and is not scaled.
        ("pipeline read o.tif ! scale 0,255,0,100 ! clip --window 9,9,500,500 ! write out.tif --dtype uint8", false),
        ("convert o.tif -o out.tif --scale 0,255,0,100 --dtype int16", true),
    ] {
        folder.run(&format!("raster {verb} -q --overwrite")).expect(&[0]);
        let told = folder.run("info out.tif --json").expect(&[0]).json();
        let item = &told["items"][0];
        assert_eq!(item["mask"], has_mask, "{verb}: {item}");
        let last = item["bands"].as_array().and_then(|bands| bands.last()).expect("bands");
        assert_eq!(last["color"] == "alpha", !has_mask, "{verb}: {item}");
        let stats = folder.run("raster stats out.tif --json").expect(&[0]).json();
        let bands = stats["statistics"][0]["bands"].as_array().expect("bands").clone();
        let opacity = bands.last().expect("opacity");
        assert_eq!(opacity["max"], 255.0, "{verb}: {opacity}");
        assert!(opacity["valid"].as_u64() < opacity["count"].as_u64(), "{verb}: {opacity}");
    }
}

/// What was beside an output that is replaced would be taken for part of the new one.
#[test]
fn nothing_of_another_file_stays_beside_the_output() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (300, 200));
    let leftovers = ["out.tif.msk", "out.tif.ovr", "out.tif.aux.xml"];
    for leftover in leftovers {
        folder.write(leftover, b"of another file");
        let refused = folder.run("raster convert a.tif -o out.tif").expect(&[6]);
        assert!(refused.error_text().contains(leftover), "{refused}");
        folder.run("raster convert a.tif -o out.tif --overwrite").expect(&[0]);
        assert!(!folder.at(leftover).exists(), "{leftover} stayed");
        folder.remove(&["out.tif"]);
    }
    // A place of its own counts more than a world file, which stays.
    folder.write("out.tfw", b"1 0 0 -1 0 0");
    folder.run("raster convert a.tif -o out.tif").expect(&[0]);
    folder.write("out.tif.aux.xml", b"made of this file");
    folder.run("raster convert a.tif -o out.tif --resume").expect(&[0]);
    assert!(folder.at("out.tfw").exists() && folder.at("out.tif.aux.xml").exists());
}

/// A link is neither replaced nor followed.
#[test]
fn a_link_is_not_replaced() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (300, 200));
    std::os::unix::fs::symlink("b.tif", folder.at("link.tif")).expect("a link");
    for words in ["", "--overwrite", "--resume"] {
        for verb in ["convert", "stats"] {
            let refused = folder.run(&format!("raster {verb} a.tif -o link.tif {words}")).expect(&[6]);
            assert!(refused.error_text().contains("a link stands there") || words == "--resume", "{refused}");
            assert!(refused.error_text().contains("remove the link"), "{refused}");
        }
    }
    // A finished output that was moved, and linked to, is finished still.
    folder.run("raster convert a.tif -o done.tif").expect(&[0]);
    std::fs::rename(folder.at("done.tif"), folder.at("moved.tif")).expect("moved");
    std::os::unix::fs::symlink("moved.tif", folder.at("done.tif")).expect("a link");
    folder.run("raster convert a.tif -o done.tif --resume").expect(&[0]);
    assert!(folder.at("link.tif").symlink_metadata().expect("there").is_symlink());
}

/// However a run dies that replaces a file, what was beside that file is gone once the run is resumed.
#[test]
fn nothing_of_another_file_stays_after_a_kill() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (300, 200));
    folder.run("raster convert a.tif -o wanted.tif").expect(&[0]);
    let wanted = sha256(&folder.at("wanted.tif"));
    let leftovers = ["out.tif.msk", "out.tif.ovr", "out.tif.aux.xml"];
    let (mut kills, mut shown) = (0, 0);
    loop {
        folder.run("raster convert b.tif -o out.tif --overwrite").expect(&[0]);
        leftovers.iter().for_each(|leftover| folder.write(leftover, b"of another file"));
        let outcome =
            folder.run_with_fault("raster convert a.tif -o out.tif --overwrite", &format!("kill:{}", kills + 1));
        if outcome.code == Some(0) {
            break;
        }
        kills += 1;
        shown += u32::from(sha256(&folder.at("out.tif")) == wanted);
        // A run that died before it wrote anything down leaves nothing to go on with, and the old file as it was.
        let verb = if folder.at(".out.tif.partial/journal").exists() || sha256(&folder.at("out.tif")) == wanted {
            "--resume"
        } else {
            "--overwrite"
        };
        let outcome = folder.run(&format!("raster convert a.tif -o out.tif {verb}")).expect(&[0]);
        assert!(!outcome.stderr.contains("stays behind"), "kill {kills}: {outcome}");
        assert_eq!(sha256(&folder.at("out.tif")), wanted, "kill {kills}");
        for leftover in leftovers {
            assert!(!folder.at(leftover).exists(), "kill {kills}: {leftover} stayed");
        }
    }
    assert!(kills > 8 && shown > 2, "{kills} kills, {shown} of them after the file was shown");
}

/// A file beside an input is part of what the output depends on.
#[test]
fn a_mask_beside_an_input_is_part_of_the_job() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (900, 700));
    let line = "raster convert a.tif -o out.tif --json";
    assert_eq!(folder.run_with_fault(line, "kill:12").signal, Some(9));
    folder.write("a.tif.msk", b"no mask, but a file");
    let refused = folder.run(&format!("{line} --resume")).expect(&[6]);
    assert!(refused.error_text().contains("inputs had 1 entries, now 2"), "{refused}");
}

/// A chain is what its steps are one by one, and writes nothing between them.
#[test]
fn a_pipeline_is_its_steps() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (900, 700));
    folder.run("raster clip a.tif -o 1.tif --window 100,90,700,500").expect(&[0]);
    folder.run("raster focal 1.tif -o 2.tif --stat max --radius 1").expect(&[0]);
    folder.run("raster warp 2.tif -o steps.tif --dst-crs EPSG:3857 -r near").expect(&[0]);
    let line = "raster pipeline --json read a.tif ! clip --window 100,90,700,500 ! focal --stat max --radius 1 ! \
                warp --dst-crs EPSG:3857 -r near ! write chain.tif";
    folder.run(line).expect(&[0]);
    assert_eq!(sha256(&folder.at("chain.tif")), sha256(&folder.at("steps.tif")));
    let mut names = folder.names();
    names.retain(|name| name.ends_with(".tif"));
    names.sort();
    assert_eq!(names, ["1.tif", "2.tif", "a.tif", "b.tif", "chain.tif", "f.tif", "steps.tif"]);
}

/// A raster that is looked at only for its grid is an input like the others.
#[test]
fn a_raster_whose_grid_is_taken_is_part_of_the_job() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    inputs(&folder, (900, 700));
    folder.run("raster clip b.tif -o like.tif --window 40,30,300,200").expect(&[0]);
    let line = "raster clip a.tif -o out.tif --like like.tif --json";
    let outcome = folder.run(line).expect(&[0]);
    assert_eq!(outcome.json()["outputs"][0]["files"], 1);
    folder.run("raster clip a.tif -o same.tif --window 40,30,300,200").expect(&[0]);
    assert_eq!(sha256(&folder.at("out.tif")), sha256(&folder.at("same.tif")));
    folder.run("raster clip a.tif -o like.tif --like like.tif --overwrite").expect(&[2]);
    folder.remove(&["out.tif"]);
    assert_eq!(folder.run_with_fault(line, "kill:12").signal, Some(9));
    folder.run("raster clip b.tif -o like.tif --window 0,0,300,200 --overwrite").expect(&[0]);
    let refused = folder.run(&format!("{line} --resume")).expect(&[6]);
    assert!(refused.error_text().contains("like.tif"), "{refused}");
}
