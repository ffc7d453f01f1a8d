//! Batches that are added to a lake: the same files as from one ingest of all, whatever the ceiling, and after any death.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;

use serde_json::Value;
use swath_testkit::{Folder, Tree, full};

/// Readings of some days, in batches as they come in: files with the same header, and rows in the order of the whole.
fn batches(folder: &Folder, options: &str, count: usize) -> Vec<String> {
    folder.telemetry("all.csv", options);
    let all = String::from_utf8(folder.read("all.csv")).expect("text");
    let (header, rows) = all.split_once('\n').expect("a header");
    let rows: Vec<&str> = rows.lines().collect();
    let each = rows.len().div_ceil(count);
    let names = rows.chunks(each).enumerate().map(|(number, rows)| {
        let name = format!("b{number:02}.csv");
        folder.write(&name, format!("{header}\n{}\n", rows.join("\n")).as_bytes());
        name
    });
    names.collect()
}

/// Data files and rejects of a lake with their sums: all but the manifest.
fn contents(folder: &Folder, lake: &str) -> BTreeMap<String, String> {
    let paths: Vec<String> = Tree::of(&folder.at(lake)).paths().map(String::from).collect();
    let kept = paths.into_iter().filter(|path| !path.ends_with("manifest.json"));
    kept.map(|path| (path.clone(), swath_testkit::sha256(&folder.at(&format!("{lake}/{path}"))))).collect()
}

fn manifest(folder: &Folder, lake: &str) -> Value {
    serde_json::from_slice(&folder.read(&format!("{lake}/_swath/manifest.json"))).expect("JSON")
}

#[track_caller]
fn no_strays(folder: &Folder, what: &str) {
    let strays: Vec<String> = folder.names().into_iter().filter(|name| name.starts_with(".lake")).collect();
    assert!(strays.is_empty(), "{what}: left beside the lake: {strays:?}");
}

const READINGS: &str = "--size 3MB --sensors 60 --period 20min --shuffle --conflicts 0.02 --malformed 0.002";

#[test]
fn batches_one_by_one_are_one_ingest() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let batches = batches(&folder, READINGS, if full() { 30 } else { 6 });
    let last = String::from_utf8(folder.read("schema.toml")).expect("text") + "keep = \"last\"\n";
    folder.write("last.toml", last.as_bytes());
    // The newest reading of each sensor, wherever it was before.
    let newest = last.replace("key = [\"sensor_id\", \"timestamp\"]", "key = [\"sensor_id\"]");
    assert_ne!(newest, last);
    folder.write("newest.toml", newest.as_bytes());
    for (schema, partition, more) in [
        ("newest.toml", "day", ""),
        ("schema.toml", "day", ""),
        ("last.toml", "day", ""),
        ("schema.toml", "day,h3:3", ""),
        ("last.toml", "h3:3", "--sort hilbert"),
        ("last.toml", "none", "--target-file-size 200kB"),
        ("schema.toml", "sensor", "--compression snappy"),
    ] {
        let words = format!("--schema {schema} --partition {partition} {more} --max-rejects 5%");
        folder.run(&format!("sensor ingest {} -o one {words} --json", batches.join(" "))).expect(&[0]);
        let (wanted, one) = (contents(&folder, "one"), manifest(&folder, "one"));
        for (number, batch) in batches.iter().enumerate() {
            let words = if number == 0 { words.as_str() } else { "--max-rejects 5%" };
            let run = ["-m 64MB -j 1", "-m 48MB -j 2", "-m 200MB -j 2"][number % 3];
            let outcome =
                folder.run(&format!("sensor ingest {batch} -o lake --append {words} {run} --json")).expect(&[0]);
            outcome.rows();
        }
        assert_eq!(contents(&folder, "lake"), wanted, "{words}");
        let lake = manifest(&folder, "lake");
        for name in ["rows", "bytes", "bbox", "time_us", "rejects", "schema", "rows_per_row_group"] {
            assert_eq!(lake[name], one[name], "{name} ({words})");
        }
        assert_eq!(lake["appended"], batches.len() as u64 - 1);
        let by_path = |manifest: &Value| {
            let mut files = manifest["files"].as_array().expect("files").clone();
            files.sort_by_key(|file| file["path"].to_string());
            files
        };
        assert_eq!(by_path(&lake), by_path(&one), "{words}");
        no_strays(&folder, &words);
        folder.remove(&["one", "lake"]);
    }
}

/// Values that a second reading might take for something else.
#[test]
fn rows_come_back_as_they_are() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let schema = "[csv]\nmissing = [\"NA\"]\n[columns.id]\ntype = \"string\"\nrole = \"sensor\"\n[columns.time]\ntype = \
                  \"timestamp\"\nrole = \"time\"\ntimezone = \"Europe/Rome\"\n[columns.note]\ntype = \"string\"\n\
                  [columns.kind]\ntype = \"category\"\n[columns.count]\ntype = \"int64\"\n[columns.value]\ntype = \
                  \"float32\"\nmax = 100.0\nout_of_range = \"null\"\n[columns.day]\ntype = \"date\"\n[columns.on]\ntype = \
                  \"bool\"\n[columns.e]\ntype = \"float64\"\nrole = \"x\"\n[columns.n]\ntype = \"float64\"\nrole = \"y\"\n\
                  [crs]\nsource = \"EPSG:32633\"\ntarget = \"EPSG:4326\"\n[dedup]\nkey = []\n";
    folder.write("s.toml", schema.as_bytes());
    let rows = [
        "a,2025-03-01 00:30:00.000001,\" x \",NULL,9007199254740993,-0.0,2025-03-01,true,500000.1,5000000.7",
        "a,2025-03-01 00:30:00,\"\",-9999,-9223372036854775808,0.1,1900-01-01,false,NA,NA",
        "a,2025-03-01 00:30:00,\"line\nbreak, \"\"quoted\"\"\",nan,NA,3e38,NA,NA,512345.678,5123456.789",
        "b c,2025-10-26 02:30:00,NULL,inf,0,1e-45,2100-12-31,true,499999.999999,4999999.5",
    ];
    let header = "id,time,note,kind,count,value,day,on,e,n";
    for (number, row) in rows.iter().enumerate() {
        folder.write(&format!("r{number}.csv"), format!("{header}\n{row}\n").as_bytes());
    }
    for partition in ["none", "day", "column:kind", "tile:0.5", "h3:5"] {
        let words = format!("--schema s.toml --partition {partition}");
        folder.run(&format!("sensor ingest r0.csv r1.csv r2.csv r3.csv -o one {words}")).expect(&[0]);
        for number in 0..rows.len() {
            let words = if number == 0 { words.as_str() } else { "" };
            folder.run(&format!("sensor ingest r{number}.csv -o lake --append {words}")).expect(&[0]);
        }
        assert_eq!(contents(&folder, "lake"), contents(&folder, "one"), "{partition}");
        folder.remove(&["one", "lake"]);
    }
}

#[test]
fn only_partitions_with_new_rows_are_written() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let day = |day: u32| {
        format!(
            "id,time,v\n{}",
            (0..50).map(|at| format!("s{},2025-01-{day:02}T00:{at:02}:00Z,{at}\n", at % 5)).collect::<String>()
        )
    };
    for number in 1..=4 {
        folder.write(&format!("d{number}.csv"), day(number).as_bytes());
    }
    folder.write(
        "s.toml",
        b"[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\nrole = \"time\"\n\
          [columns.v]\ntype = \"int32\"\n",
    );
    folder.run("sensor ingest d1.csv d2.csv d3.csv -o lake --partition day --schema s.toml").expect(&[0]);
    let at = |number: u32| format!("lake/date=2025-01-{number:02}/part-00000.parquet");
    let stamp = |number: u32| {
        let there = std::fs::metadata(folder.at(&at(number))).expect("a part");
        (there.ino(), there.mtime(), there.mtime_nsec())
    };
    let before = [1, 2, 3].map(stamp);
    folder.write("more.csv", b"id,time,v\ns9,2025-01-02T05:00:00Z,7\n");
    let outcome = folder.run("sensor ingest more.csv d4.csv -o lake --append --json").expect(&[0]);
    let rows = outcome.rows();
    assert_eq!((rows.read, rows.written, rows.duplicate), (51, 51, 0));
    for (name, wanted) in [
        ("rows_before", 150),
        ("rows_met", 50),
        ("rows_replaced", 0),
        ("rows_after", 201),
        ("files_before", 3),
        ("files_written", 2),
        ("files_removed", 0),
        ("files_after", 4),
    ] {
        assert_eq!(outcome.figure(&format!("/lake/{name}")), wanted, "{name}");
    }
    assert_eq!(outcome.figure("/outputs/0/files"), 2);
    assert_eq!([stamp(1), stamp(3)], [before[0], before[2]]);
    assert_ne!(stamp(2), before[1]);
    // Rows that are there already change nothing, and say so.
    let before = [1, 2, 3, 4].map(stamp);
    let outcome = folder.run("sensor ingest d1.csv -o lake --append --json").expect(&[0]);
    let rows = outcome.rows();
    assert_eq!((rows.read, rows.written, rows.duplicate), (50, 0, 50));
    assert_eq!((outcome.figure("/lake/files_written"), [1, 2, 3, 4].map(stamp)), (0, before));
    // What is not of the lake stays, and is not taken for a part.
    folder.write("lake/notes.txt", b"mine");
    folder.write("lake/date=2025-01-05/part-00000.parquet", b"mine");
    folder.write("d5.csv", day(5).as_bytes());
    let tree = Tree::of(&folder.at("lake"));
    let outcome = folder.run("sensor ingest d5.csv -o lake --append").expect(&[6]);
    assert!(outcome.stderr.contains("not of the lake"), "{outcome}");
    tree.assert_same(&Tree::of(&folder.at("lake")), "refused");
    folder.remove(&["lake/date=2025-01-05"]);
    // One at a time.
    let lock = std::fs::File::open(folder.at(".lake.partial/lock")).expect("a lock");
    lock.lock().expect("locked");
    for words in ["ingest d5.csv -o lake --append", "ingest d5.csv -o lake --append --resume", "compact lake"] {
        let outcome = folder.run(&format!("sensor {words}")).expect(&[6]);
        assert!(outcome.stderr.contains("another run"), "{outcome}");
    }
    drop(lock);
    assert!(folder.run("sensor ingest d5.csv -o lake --append").expect(&[6]).stderr.contains("--resume"));
    folder.run("sensor ingest d5.csv -o lake --append --resume").expect(&[0]);
    assert_eq!(folder.read("lake/notes.txt"), b"mine");
}

#[test]
fn what_says_otherwise_is_refused() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("a.csv", b"id,time,v\ns1,2025-01-01T00:00:00Z,1.5\ns2,2025-01-02T00:00:00Z,2\n");
    folder.write("b.csv", b"id,time,v\ns1,2025-01-03T00:00:00Z,3\n");
    let of = |more: &str| {
        format!(
            "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\nrole = \"time\"\n{more}"
        )
    };
    folder.write("s.toml", of("[columns.v]\ntype = \"float64\"\n").as_bytes());
    folder.write("type.toml", of("[columns.v]\ntype = \"float32\"\n").as_bytes());
    folder.write("less.toml", of("").as_bytes());
    folder.write(
        "keep.toml",
        of("[columns.v]\ntype = \"float64\"\n[dedup]\nkey = [\"id\", \"time\"]\nkeep = \"last\"\n").as_bytes(),
    );
    folder.run("sensor ingest a.csv -o lake --partition day --schema s.toml").expect(&[0]);
    let tree = Tree::of(&folder.at("lake"));
    for (words, wanted) in [
        ("--partition month", "--partition month: the lake was made with day"),
        ("--sort hilbert", "the lake was made with sensor"),
        ("--compression snappy", "the lake was made with zstd"),
        ("--target-file-size 1MB", "the lake was made with 128"),
        ("--schema type.toml", "column \"v\": type was \"Float64\", now \"Float32\""),
        ("--schema less.toml", "its columns are id, time, v, and the file has id, time"),
        ("--schema keep.toml", "dedup.keep was \"first\", now \"last\""),
        ("--overwrite", "cannot be used with"),
    ] {
        let outcome = folder.run(&format!("sensor ingest b.csv -o lake --append {words}")).expect(&[2]);
        let flat = outcome.stderr.replace('\n', " ");
        assert!(flat.to_lowercase().contains(&wanted.to_lowercase()), "{wanted}\n{outcome}");
    }
    folder.write("other.csv", b"station,when\ns1,2025-01-03T00:00:00Z\n");
    folder.run("sensor ingest other.csv -o lake --append").expect(&[5]);
    folder.write("bad.csv", b"id,time,v\ns1,2025-01-03T00:00:00Z,many\n");
    folder.run("sensor ingest bad.csv -o lake --append").expect(&[7]);
    folder.run("sensor ingest b.csv -o lake").expect(&[6]);
    tree.assert_same(&Tree::of(&folder.at("lake")), "refused");
    // The same in so many words is no difference, and a file may be written in another way.
    folder.write("c.csv", b"sensor;when;v\ns1;03.01.2025 00:00;3,5\n");
    folder.write(
        "german.toml",
        format!(
            "[csv]\ndelimiter = \";\"\ndecimal = \",\"\n{}",
            of("source = \"when\"\nformat = \"%d.%m.%Y %H:%M\"\n[columns.v]\ntype = \"float64\"\n")
                .replace("[columns.id]", "[columns.id]\nsource = \"sensor\"")
        )
        .as_bytes(),
    );
    let words = "--partition day --sort sensor --compression zstd --target-file-size 128MB --schema german.toml";
    let rows = folder.run(&format!("sensor ingest c.csv -o lake --append {words} --json")).expect(&[0]).rows();
    assert_eq!(rows.written, 1);
    // Groups of neighbours follow from all rows; a folder of other things is no lake.
    folder.telemetry("t.csv", "--size 50kB --sensors 20");
    folder.run("sensor ingest t.csv -o groups --schema schema.toml --partition sensor:4").expect(&[0]);
    let outcome = folder.run("sensor ingest t.csv -o groups --append").expect(&[2]);
    assert!(outcome.stderr.contains("sensor:4"), "{outcome}");
    folder.write("folder/file", b"");
    folder.run("sensor ingest b.csv -o folder --append").expect(&[6]);
}

/// Dies at every point where something is written or renamed: before the list of changes the lake is as it was, behind it
/// the next run ends what was begun.
#[test]
fn killed_at_points() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let batches =
        batches(&folder, "--size 1MB --sensors 20 --period 20min --shuffle --conflicts 0.02 --malformed 0.002", 2);
    let words = "--schema schema.toml --partition day --max-rejects 5% --target-file-size 20kB";
    folder.run(&format!("sensor ingest {} {} -o one {words}", batches[0], batches[1])).expect(&[0]);
    folder.run(&format!("sensor ingest {} -o base {words}", batches[0])).expect(&[0]);
    let (wanted, base) = (contents(&folder, "one"), Tree::of(&folder.at("base")));
    let job = |memory: &str| {
        format!("sensor ingest {} -o lake --append --max-rejects 5% -m {memory} -j 1 --json", batches[1])
    };
    copy(&folder, "base", "lake");
    let plan = folder.run(&format!("{} --explain", job("1GB"))).expect(&[0]);
    // Nothing is kept in memory there, so that a resumed run finds what was done.
    let tight = format!("{}kB", plan.figure("/ledger/smallest_ceiling").div_ceil(1000) + 100);
    let step = |most: u64| if full() { 1 } else { most };
    for (kind, points, memory, step) in [
        ("kill", "", "64MB", step(5)),
        ("kill", "changes", "64MB", 1),
        ("kill-kept", "", &tight, step(11)),
        ("enospc", "", "64MB", step(7)),
        ("enospc", "changes", "64MB", 1),
    ] {
        // A run that is resumed behind its last rename is planned for the larger lake.
        let (job, again, code) = (job(memory), job("64MB"), (kind == "enospc").then_some(6));
        let (mut nth, mut before, mut behind, mut skipped) = (1, 0, 0, 0);
        loop {
            folder.remove(&["lake"]);
            copy(&folder, "base", "lake");
            let what = format!("{kind}:{nth}:{points}");
            let outcome = folder.run_with_fault(&job, &what);
            if outcome.code == Some(0) {
                break;
            }
            assert_eq!(outcome.code, code, "{outcome}");
            if folder.at(".lake.partial/changes").exists() {
                behind += 1;
                let info = folder.run("info lake").expect(&[0]);
                assert!(info.stdout.contains("--resume") || info.stderr.contains("--resume"), "{what}\n{info}");
            } else if Tree::of(&folder.at("lake")) == base {
                before += 1;
            } else {
                assert_eq!(contents(&folder, "lake"), wanted, "{what}");
            }
            let outcome = folder.run(&format!("{again} --resume")).expect(&[0]);
            outcome.rows();
            skipped += u32::from(outcome.figure("/chunks/skipped_by_resume") > 0);
            assert_eq!(contents(&folder, "lake"), wanted, "{what}");
            let rows = manifest(&folder, "one")["rows"]["written"].as_u64().expect("rows");
            assert_eq!(outcome.figure("/lake/rows_after"), rows, "{what}");
            no_strays(&folder, &what);
            nth += step;
        }
        let (least, found) = if points.is_empty() { (4, before) } else { (2, behind) };
        assert!(found >= least, "{kind} {points}: {before} before the changes, {behind} behind, of {nth}");
        assert!(kind != "kill-kept" || skipped > 1, "{skipped} resumed runs skipped work");
    }
}

/// An append that finds the changes of another one ends them first.
#[test]
fn the_next_batch_ends_what_was_begun() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let batches = batches(&folder, "--size 600kB --sensors 20 --period 20min --conflicts 0.02", 3);
    let words = "--schema schema.toml --partition day";
    folder.run(&format!("sensor ingest {} -o one {words}", batches.join(" "))).expect(&[0]);
    folder.run(&format!("sensor ingest {} -o lake {words}", batches[0])).expect(&[0]);
    folder.run_with_fault(&format!("sensor ingest {} -o lake --append", batches[1]), "kill:2:changes.rename");
    assert!(folder.at(".lake.partial/changes").exists());
    folder.run(&format!("sensor ingest {} -o lake --append", batches[2])).expect(&[0]);
    assert_eq!(contents(&folder, "lake"), contents(&folder, "one"));
    // The same batch once more, as somebody who does not know how far it came: nothing is added twice.
    let outcome = folder.run(&format!("sensor ingest {} -o lake --append --resume --json", batches[2])).expect(&[0]);
    assert_eq!((contents(&folder, "lake"), outcome.figure("/chunks/done")), (contents(&folder, "one"), 0));
    no_strays(&folder, "at the end");
}

fn copy(folder: &Folder, from: &str, to: &str) {
    let done = std::process::Command::new("cp").arg("-a").args([folder.at(from), folder.at(to)]).status();
    assert!(done.expect("cp").success());
}

/// Small part files become large ones: those that one ingest with that size makes.
#[test]
fn a_lake_is_compacted() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    // A part file has a row group at least.
    let batches = batches(&folder, "--size 17MB --sensors 300 --period 20min --conflicts 0.01", 3);
    let words = "--schema schema.toml --max-rejects 5% --partition none";
    let more = "--sort hilbert";
    folder.run(&format!("sensor ingest {} -o one {words} {more}", batches.join(" "))).expect(&[0]);
    folder.run(&format!("sensor ingest {} -o lake {words} {more} --target-file-size 10kB", batches[0])).expect(&[0]);
    for batch in &batches[1..] {
        folder.run(&format!("sensor ingest {batch} -o lake --append --max-rejects 5%")).expect(&[0]);
    }
    let small = contents(&folder, "lake");
    for (nth, kind) in
        [(1, "kill:1:changes"), (2, "kill:2:changes.rename"), (3, "enospc:1:part"), (4, "kill:1:changes.remove")]
    {
        folder.remove(&["again"]);
        copy(&folder, "lake", "again");
        let job = "sensor compact again --target-file-size 128MB -m 64MB --json";
        let outcome = folder.run_with_fault(job, kind);
        if outcome.code != Some(0) {
            folder.run(&format!("{job} --resume")).expect(&[0]);
        }
        assert_eq!(contents(&folder, "again"), contents(&folder, "one"), "{nth} {kind}");
    }
    let job = "sensor compact lake --target-file-size 128MB --json";
    let outcome = folder.run(job).expect(&[0]);
    assert_eq!(outcome.figure("/lake/rows_after"), outcome.figure("/lake/rows_before"));
    assert_eq!(contents(&folder, "lake"), contents(&folder, "one"));
    assert!(small.len() > contents(&folder, "lake").len(), "{small:?}");
    let (lake, one) = (manifest(&folder, "lake"), manifest(&folder, "one"));
    for name in ["rows", "bytes", "bbox", "time_us", "options", "rejects"] {
        assert_eq!(lake[name], one[name], "{name}");
    }
    // Once more there is nothing to do, and nothing is touched.
    let tree = Tree::of(&folder.at("lake"));
    let outcome = folder.run("sensor compact lake --json").expect(&[0]);
    assert_eq!((outcome.figure("/lake/files_written"), outcome.figure("/lake/rows_met")), (0, 0));
    tree.assert_same(&Tree::of(&folder.at("lake")), "compacted twice");
    folder.run("sensor compact nowhere").expect(&[5]);
    let outcome = folder.run("sensor compact lake --overwrite").expect(&[2]);
    assert!(outcome.stderr.contains("--overwrite"), "{outcome}");
}
