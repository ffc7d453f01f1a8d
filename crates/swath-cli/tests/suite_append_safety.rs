//! Lakes that grow: what is in them is not changed, lost or added twice, whatever happened to them in between.
#![cfg(unix)]

use std::collections::BTreeMap;

use serde_json::Value;
use swath_testkit::{Folder, Tree};

fn new() -> Folder {
    Folder::new(env!("CARGO_BIN_EXE_swath"))
}

/// Data files of a lake with their sums.
fn parts(folder: &Folder, lake: &str) -> BTreeMap<String, String> {
    let paths: Vec<String> = Tree::of(&folder.at(lake)).paths().map(String::from).collect();
    let parts = paths.into_iter().filter(|path| path.ends_with(".parquet"));
    parts.map(|path| (path.clone(), swath_testkit::sha256(&folder.at(&format!("{lake}/{path}"))))).collect()
}

fn manifest(folder: &Folder, lake: &str) -> Value {
    serde_json::from_slice(&folder.read(&format!("{lake}/_swath/manifest.json"))).expect("JSON")
}

fn copy(folder: &Folder, from: &str, to: &str) {
    let done = std::process::Command::new("cp").arg("-a").args([folder.at(from), folder.at(to)]).status();
    assert!(done.expect("cp").success());
}

const NO_DEDUP: &str = "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\nrole = \
                        \"time\"\n[columns.v]\ntype = \"float64\"\n[dedup]\nkey = []\n";

/// Two days of readings without dedup in `lake`, and batches of the days after that.
fn days(folder: &Folder) {
    folder.write("s.toml", NO_DEDUP.as_bytes());
    for day in 1..=5 {
        let row = |at: u32| format!("s{},2025-01-0{day}T00:{at:02}:00Z,{at}.5\n", at % 5);
        let rows: String = (0..40).map(row).collect();
        // Something for the day before, so that a file of the lake is written again.
        let late = format!("s1,2025-01-0{}T23:59:00Z,{day}\n", (day - 1).max(1));
        folder.write(&format!("d{day}.csv"), format!("id,time,v\n{rows}{late}").as_bytes());
    }
    folder.run("sensor ingest d1.csv d2.csv -o lake --partition day --schema s.toml").expect(&[0]);
}

/// What says how values are written must not be done to values that are in the lake.
#[test]
fn every_setting_of_a_column_leaves_rows_of_the_lake_alone() {
    let folder = new();
    let settings = [
        ("negate", "v", "float64", "negate = true", "1.5", "2.5"),
        ("negate and bounds", "v", "float32", "negate = true\nmin = -9.0\nmax = 0.0", "1.5", "2.5"),
        (
            "place",
            "v",
            "float64",
            "role = \"x\"\nnegate = true\n[columns.w]\ntype = \"float64\"\nrole = \"y\"",
            "97.5,7",
            "96.5,7",
        ),
        ("year", "d", "timestamp", "format = \"%d.%m. %H:%M\"\nyear = 2024", "01.02. 03:04", "05.06. 07:08"),
        (
            "two digits",
            "d",
            "timestamp",
            "format = \"%d.%m.%y %H:%M\"\nyear = 1950",
            "01.02.51 03:04",
            "05.06.49 07:08",
        ),
        ("year of a date", "d", "date", "format = \"%d.%m.\"\nyear = 2024", "29.02.", "05.06."),
        ("epoch", "d", "timestamp", "format = \"epoch_s\"", "1700000000", "1700000001"),
        (
            "zone",
            "d",
            "timestamp",
            "format = \"%Y-%m-%d %H:%M\"\ntimezone = \"Europe/Rome\"",
            "2025-10-26 02:30",
            "2025-03-01 12:00",
        ),
        ("bounds", "v", "float64", "min = 0.0\nmax = 2.0\nout_of_range = \"null\"", "3", "1"),
        ("invalid", "v", "int32", "invalid = \"null\"", "x", "1"),
        ("missing", "v", "string", "missing = [\"-\", \"NA\"]", "-", "a"),
        ("required", "v", "float64", "required = true\nunits = \"m\"", "1", "2"),
        ("source", "v", "category", "source = \"w\"", "a", "b"),
    ];
    for (what, name, of_type, more, first, second) in settings {
        let file = match what {
            "source" => "w",
            "place" => "v,w",
            _ => name,
        };
        let schema = format!(
            "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.{name}]\ntype = \"{of_type}\"\n{more}\n[dedup]\nkey \
             = []\n"
        );
        folder.write("s.toml", schema.as_bytes());
        folder.write("a.csv", format!("id,{file}\na,{first}\nb,{first}\n").as_bytes());
        folder.write("b.csv", format!("id,{file}\nc,{second}\n").as_bytes());
        folder.write("c.csv", format!("id,{file}\nd,{first}\n").as_bytes());
        folder.run("sensor ingest a.csv b.csv c.csv -o one --schema s.toml --partition none").expect(&[0]);
        folder.run("sensor ingest a.csv -o lake --schema s.toml --partition none").expect(&[0]);
        folder.run("sensor ingest b.csv -o lake --append").expect(&[0]);
        folder.run("sensor ingest c.csv -o lake --append --schema s.toml").expect(&[0]);
        assert_eq!(parts(&folder, "lake"), parts(&folder, "one"), "{what}");
        folder.remove(&["one", "lake"]);
    }
    // The same by compact, which reads everything again.
    folder.telemetry("t.csv", "--size 17MB --sensors 300 --period 20min");
    let schema = String::from_utf8(folder.read("schema.toml")).expect("text");
    folder.write("west.toml", schema.replacen("role = \"x\"", "role = \"x\"\nnegate = true", 1).as_bytes());
    folder.run("sensor ingest t.csv -o one --schema west.toml --partition none --max-rejects 5%").expect(&[0]);
    let words = "--schema west.toml --partition none --max-rejects 5% --target-file-size 10kB";
    folder.run(&format!("sensor ingest t.csv -o lake {words}")).expect(&[0]);
    assert!(parts(&folder, "lake").len() > parts(&folder, "one").len());
    folder.run("sensor compact lake --target-file-size 128MB").expect(&[0]);
    assert_eq!(parts(&folder, "lake"), parts(&folder, "one"));
}

/// How a batch is written may change: also the year that its times leave out, and the sign.
#[test]
fn year_and_sign_are_of_a_batch() {
    let folder = new();
    let schema = |year: u32, negate: bool| {
        format!(
            "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.d]\ntype = \"timestamp\"\nrole = \"time\"\nformat = \
             \"%d.%m. %H:%M\"\nyear = {year}\n[columns.v]\ntype = \"float64\"\nnegate = {negate}\n"
        )
    };
    folder.write("s.toml", schema(2024, true).as_bytes());
    folder.write("next.toml", schema(2025, false).as_bytes());
    folder.write("a.csv", b"id,d,v\na,01.02. 03:04,1.5\n");
    folder.run("sensor ingest a.csv -o lake --schema s.toml --partition none").expect(&[0]);
    let rows = folder.run("sensor ingest a.csv -o lake --append --schema next.toml --json").expect(&[0]).rows();
    assert_eq!((rows.written, rows.duplicate), (1, 0));
    assert_eq!(
        manifest(&folder, "lake")["time_us"],
        serde_json::json!([1_706_756_640_000_000i64, 1_738_379_040_000_000i64])
    );
}

/// Which group a sensor is in follows from all sensors, and is told by the folder that its rows are in.
#[test]
fn groups_of_neighbours_stay_together_when_files_are_merged() {
    let folder = new();
    // A part file has a row group at least, so it takes some rows to have several in a group; they are of one day.
    folder.telemetry("t.csv", "--size 34MB --sensors 300 --period 30s --shuffle");
    for partition in ["sensor:2", "day,sensor:2"] {
        let words = format!("sensor ingest t.csv --schema schema.toml --max-rejects 5% --partition {partition}");
        folder.run(&format!("{words} -o one")).expect(&[0]);
        folder.run(&format!("{words} -o lake --target-file-size 10kB")).expect(&[0]);
        assert!(parts(&folder, "lake").len() > parts(&folder, "one").len(), "{partition}");
        folder.run("sensor compact lake --target-file-size 128MB -m 64MB -j 1").expect(&[0]);
        assert_eq!(parts(&folder, "lake"), parts(&folder, "one"), "{partition}");
        folder.remove(&["one", "lake"]);
    }
}

/// A hint must not cost the lake that rows are to be added to.
#[test]
fn no_hint_gives_the_lake_up() {
    let folder = new();
    days(&folder);
    let tree = Tree::of(&folder.at("lake"));
    folder.run_with_fault("sensor ingest d3.csv -o lake --append -m 64MB", "kill:1:changes.begin");
    assert!(folder.at(".lake.partial/run").exists());
    for (words, wanted) in [
        ("ingest d4.csv -o lake --append --resume", "remove .lake.partial"),
        ("ingest d3.csv -o lake --append --resume --since 2025-01-01", "remove .lake.partial"),
        ("ingest d3.csv -o lake --resume", "add --append"),
        ("compact lake --resume", "remove .lake.partial"),
        ("ingest d3.csv -o lake --append", "remove that folder"),
    ] {
        let outcome = folder.run(&format!("sensor {words}")).expect(&[6]);
        let said = outcome.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(wanted) && !said.contains("--overwrite"), "{words}: {outcome}");
    }
    folder.remove(&[".lake.partial"]);
    for nth in [2, 9, 16] {
        let outcome = folder.run_with_fault("sensor ingest d3.csv -o lake --append --resume", &format!("enospc:{nth}"));
        assert!(outcome.code == Some(6) && !outcome.stderr.contains("--overwrite"), "{nth}: {outcome}");
    }
    tree.assert_same(&Tree::of(&folder.at("lake")), "hints");
    folder.remove(&[".lake.partial"]);
    folder.run("sensor ingest d4.csv -o lake --append").expect(&[0]);
}

/// Changes that were begun are gone on with only in the lake that they were begun in.
#[test]
fn a_lake_that_was_brought_back_is_not_changed_further() {
    let folder = new();
    days(&folder);
    copy(&folder, "lake", "backup");
    for nth in 1..=3 {
        let outcome =
            folder.run_with_fault("sensor ingest d3.csv -o lake --append", &format!("kill:{nth}:changes.rename"));
        assert_ne!(outcome.code, Some(0));
        assert!(folder.at(".lake.partial/changes").exists());
        folder.remove(&["lake"]);
        // Before the first rename it is the same lake still.
        copy(&folder, "backup", "lake");
        let outcome = folder.run("sensor ingest d3.csv -o lake --append --resume");
        if nth == 1 {
            outcome.expect(&[0]);
        } else {
            let outcome = outcome.expect(&[6]);
            assert!(outcome.stderr.contains("interrupted") && outcome.stderr.contains(".lake.partial"), "{outcome}");
            Tree::of(&folder.at("backup")).assert_same(&Tree::of(&folder.at("lake")), "brought back");
            for words in ["ingest d4.csv -o lake --append", "compact lake", "ingest d4.csv -o lake --overwrite"] {
                folder.run(&format!("sensor {words}")).expect(&[6]);
            }
            folder.remove(&[".lake.partial"]);
            folder.run("sensor ingest d3.csv -o lake --append").expect(&[0]);
        }
        folder.run("sensor ingest d1.csv d2.csv d3.csv -o one --partition day --schema s.toml").expect(&[0]);
        assert_eq!(parts(&folder, "lake"), parts(&folder, "one"), "{nth}");
        folder.remove(&["lake", "one"]);
        copy(&folder, "backup", "lake");
    }
    // What was moved away is not brought to its end elsewhere.
    folder.run_with_fault("sensor ingest d3.csv -o lake --append", "kill:2:changes.rename");
    std::fs::rename(folder.at("lake"), folder.at("away")).expect("renamed");
    folder.run("sensor ingest d3.csv -o lake --append").expect(&[6]);
    std::fs::rename(folder.at("away"), folder.at("lake")).expect("renamed");
    let outcome = folder.run("sensor ingest d4.csv -o lake --append").expect(&[0]);
    assert!(outcome.stderr.contains("brought to its end first"), "{outcome}");
    folder.run("sensor ingest d1.csv d2.csv d3.csv d4.csv -o one --partition day --schema s.toml").expect(&[0]);
    assert_eq!(parts(&folder, "lake"), parts(&folder, "one"));
}

/// Who does not know how far a batch came may run it again, also when others were added since.
#[test]
fn a_batch_that_is_there_is_not_added_again() {
    let folder = new();
    days(&folder);
    folder.run_with_fault("sensor ingest d3.csv -o lake --append", "kill:2:changes.rename");
    // The same words once more end it, and that is all.
    let outcome = folder.run("sensor ingest d3.csv -o lake --append --json").expect(&[0]);
    assert!(outcome.stderr.contains("is in the lake already"), "{outcome}");
    assert_eq!(outcome.figure("/lake/rows_after"), 123);
    folder.run_with_fault("sensor ingest d4.csv -o lake --append", "kill:3:changes.rename");
    folder.run("sensor ingest d5.csv -o lake --append").expect(&[0]);
    for batch in ["d5.csv", "d4.csv", "d3.csv", "d1.csv d2.csv"] {
        let outcome = folder.run(&format!("sensor ingest {batch} -o lake --append --resume --json")).expect(&[0]);
        assert!(outcome.stderr.contains("is in the lake already"), "{batch}: {outcome}");
        assert_eq!(outcome.figure("/lake/rows_after"), 205, "{batch}");
    }
    assert_eq!(manifest(&folder, "lake")["batches"].as_array().map(Vec::len), Some(4));
    // Without --resume it is another batch with the same rows.
    let rows = folder.run("sensor ingest d4.csv -o lake --append --json").expect(&[0]).rows();
    assert_eq!(rows.written, 41);
}

/// Files that are read back are held against their sums, since they are written with new ones.
#[test]
fn damage_is_found_before_it_is_written_again() {
    let folder = new();
    days(&folder);
    folder.run("sensor ingest d4.csv -o lake --append").expect(&[0]);
    let name = "lake/date=2025-01-01/part-00000.parquet";
    let mut bytes = folder.read(name);
    // Somewhere in what no reader looks at, so that rows can be read.
    let at = bytes.windows(9).position(|window| window == b"createdBy" || window.starts_with(b"swath")).unwrap_or(8);
    bytes[at] ^= 1;
    folder.write(name, &bytes);
    let tree = Tree::of(&folder.at("lake"));
    folder.write("late.csv", b"id,time,v\ns1,2025-01-01T05:00:00Z,7\n");
    let outcome = folder.run("sensor ingest late.csv -o lake --append").expect(&[5]);
    assert!(outcome.stderr.contains("date=2025-01-01/part-00000.parquet: the manifest has the sum"), "{outcome}");
    tree.assert_same(&Tree::of(&folder.at("lake")), "damaged");
    // What nobody reads is told of as far as its size tells.
    folder.remove(&["lake/date=2025-01-02/part-00000.parquet"]);
    folder.write("new.csv", b"id,time,v\ns1,2025-02-01T05:00:00Z,7\n");
    let outcome = folder.run("sensor ingest new.csv -o lake --append").expect(&[0]);
    assert!(outcome.stderr.contains("1 data file is missing, first date=2025-01-02/part-00000.parquet"), "{outcome}");
}

#[test]
fn columns_that_are_new_are_told() {
    let folder = new();
    folder.write("s.toml", NO_DEDUP.as_bytes());
    folder.write("a.csv", b"id,time,v\ns1,2025-01-01T00:00:00Z,1.5\ns2,2025-01-02T00:00:00Z,2\n");
    folder.run("sensor ingest a.csv -o lake --partition day --schema s.toml").expect(&[0]);
    folder.write("b.csv", b"id,time,v,co2\ns1,2025-01-03T00:00:00Z,3,400\n");
    let told = "column \"co2\" of b.csv is not in the lake and is left out";
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let outcome = folder.run("sensor ingest b.csv -o lake --append").expect(&[0]);
    assert!(flat(&outcome.stderr).contains(told), "{outcome}");
    let outcome = folder.run("sensor ingest b.csv -o lake --append --schema s.toml").expect(&[0]);
    assert!(!outcome.stderr.contains("left out"), "{outcome}");
    folder.run("sensor ingest b.csv -o other --partition none").expect(&[0]);
    std::fs::copy(folder.at("other/part-00000.parquet"), folder.at("c.parquet")).expect("copied");
    let outcome = folder.run("sensor ingest c.parquet -o lake --append").expect(&[0]);
    assert!(flat(&outcome.stderr).contains(&told.replace("b.csv", "c.parquet")), "{outcome}");
    let record = "{\"id\":\"s1\",\"time\":\"2025-01-04T00:00:00Z\",\"v\":3";
    folder.write("c.ndjson", format!("{record}}}\n{record}}}\n").as_bytes());
    folder.write("d.ndjson", format!("{record}}}\n{record},\"co2\":400,\"at\":{{\"x\":1}}}}\n").as_bytes());
    folder.run("sensor ingest c.ndjson -o json --partition day --schema s.toml").expect(&[0]);
    let outcome = folder.run("sensor ingest d.ndjson -o json --append").expect(&[0]);
    let said = flat(&outcome.stderr);
    assert!(
        said.contains("of d.ndjson are not in the lake") && said.contains("\"co2\"") && said.contains("\"at.x\""),
        "{outcome}"
    );
    let outcome = folder.run("sensor ingest a.csv -o lake --append").expect(&[0]);
    assert!(!outcome.stderr.contains("left out"), "{outcome}");
}

#[test]
fn what_stands_in_the_way_is_found_before_anything_changes() {
    let folder = new();
    days(&folder);
    let tree = Tree::of(&folder.at("lake"));
    // A link by its name with a slash is a link still.
    std::os::unix::fs::symlink(folder.at("lake"), folder.at("link")).expect("a link");
    for words in ["ingest d3.csv -o link/ --append", "ingest d3.csv -o link --append", "compact link/"] {
        let outcome = folder.run(&format!("sensor {words}")).expect(&[6]);
        assert!(outcome.stderr.contains("link"), "{words}: {outcome}");
    }
    // So is a file where a folder of the lake is to be.
    folder.write("lake/date=2025-01-03", b"mine");
    let outcome = folder.run("sensor ingest d3.csv -o lake --append").expect(&[6]);
    assert!(!outcome.stderr.contains("some files are new"), "{outcome}");
    assert!(!folder.at(".lake.partial/changes").exists());
    folder.remove(&["lake/date=2025-01-03"]);
    tree.assert_same(&Tree::of(&folder.at("lake")), "in the way");
    folder.run("sensor ingest d3.csv -o lake --append --resume").expect(&[0]);
    // An empty folder is as good as none.
    std::fs::create_dir(folder.at("empty")).expect("a folder");
    folder.run("sensor ingest d1.csv -o empty --append --partition day --schema s.toml").expect(&[0]);
    folder.run("sensor ingest d2.csv -o empty --append").expect(&[0]);
    assert_eq!(manifest(&folder, "empty")["rows"]["written"], 82);
}

#[test]
fn plans_change_nothing_and_overwriting_ends_changes_first() {
    let folder = new();
    days(&folder);
    folder.run_with_fault("sensor ingest d3.csv -o lake --append", "kill:2:changes.rename");
    let tree = Tree::of(&folder.at("lake"));
    for words in ["ingest d4.csv -o lake --append", "ingest d3.csv -o lake --append --resume", "compact lake"] {
        let outcome = folder.run(&format!("sensor {words} --explain")).expect(&[6]);
        assert!(outcome.stderr.contains("without --explain"), "{words}: {outcome}");
        tree.assert_same(&Tree::of(&folder.at("lake")), words);
    }
    let outcome = folder.run("sensor ingest d4.csv -o lake --overwrite --partition day --schema s.toml").expect(&[0]);
    assert!(outcome.stderr.contains("brought to its end first"), "{outcome}");
    assert_eq!(parts(&folder, "lake").len(), 2);
}

/// The size is the lake's from then on, also where no file is merged for it.
#[test]
fn a_target_size_is_remembered() {
    let folder = new();
    days(&folder);
    let before = parts(&folder, "lake");
    folder.run("sensor compact lake --target-file-size 64MB").expect(&[0]);
    assert_eq!(
        (parts(&folder, "lake"), &manifest(&folder, "lake")["options"]["target_file_size"]),
        (before, &64_000_000.into())
    );
    let tree = Tree::of(&folder.at("lake"));
    folder.run("sensor compact lake").expect(&[0]);
    tree.assert_same(&Tree::of(&folder.at("lake")), "the same size");
}

/// Long texts of a lake are planned for where its rows are read, and nowhere else.
#[test]
fn long_texts_of_a_lake_do_not_make_short_rows_dear() {
    let folder = new();
    let schema = "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\nrole = \
                  \"time\"\n[columns.note]\ntype = \"string\"\n";
    folder.write("s.toml", schema.as_bytes());
    let long = "x".repeat(20_000);
    folder.write("a.csv", format!("id,time,note\ns1,2025-01-01T00:00:00Z,{long}\n").as_bytes());
    let rows: String =
        (0..60_000).map(|at| format!("s{},2025-02-{:02}T00:00:{:02}Z,ok\n", at, at % 28 + 1, at % 60)).collect();
    folder.write("b.csv", format!("id,time,note\n{rows}").as_bytes());
    folder.run("sensor ingest a.csv -o lake --partition day --schema s.toml").expect(&[0]);
    let smallest = |words: &str| {
        folder
            .run(&format!("sensor ingest b.csv {words} --explain --json"))
            .expect(&[0])
            .figure("/ledger/smallest_ceiling")
    };
    let (alone, added) = (smallest("-o other --partition day --schema s.toml"), smallest("-o lake --append"));
    assert!(added < alone + 20_000_000, "{added}, and {alone} without the lake");
    folder.run(&format!("sensor ingest b.csv -o lake --append -m {}kB", added.div_ceil(1000))).expect(&[0]);
    folder.write("c.csv", b"id,time,note\ns2,2025-01-01T00:00:00Z,short\n");
    let smallest = folder
        .run("sensor ingest c.csv -o lake --append --explain --json")
        .expect(&[0])
        .figure("/ledger/smallest_ceiling");
    folder.run(&format!("sensor ingest c.csv -o lake --append -m {}kB", smallest.div_ceil(1000))).expect(&[0]);
}

/// Partitions of the lake and of a batch are in memory together: the smallest ceiling that is told has to do.
#[test]
fn the_smallest_ceiling_does_for_very_many_partitions() {
    let folder = new();
    let schema = "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\nrole = \
                  \"time\"\n[columns.note]\ntype = \"string\"\n";
    folder.write("s.toml", schema.as_bytes());
    let rows = |name: &str, day: u32| -> String {
        (0..3000).map(|at| format!("{name}-with-a-rather-long-name-{at:08},2025-01-{day:02}T00:00:00Z,x\n")).collect()
    };
    for (file, name, day) in [("a.csv", "one", 1), ("same.csv", "one", 2), ("other.csv", "two", 2)] {
        folder.write(file, format!("id,time,note\n{}", rows(name, day)).as_bytes());
    }
    folder.run("sensor ingest a.csv -o lake --partition sensor --schema s.toml").expect(&[0]);
    for file in ["same.csv", "other.csv"] {
        let job = format!("sensor ingest {file} -o lake --append");
        let smallest = folder.run(&format!("{job} --explain --json")).expect(&[0]).figure("/ledger/smallest_ceiling");
        folder.run(&format!("{job} -m {}kB", smallest.div_ceil(1000))).expect(&[0]);
    }
}
