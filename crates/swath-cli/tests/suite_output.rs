//! What stands at the output already: never an input or somebody's files lost, never an old lake taken for a new one.
#![cfg(unix)]

use swath_testkit::{Folder, Tree};

const JOB: &str = "sensor ingest in.csv -o lake --schema schema.toml --partition day --json";

fn ready() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--rows 2000 --sensors 20");
    folder
}

#[test]
fn inputs_are_never_replaced() {
    let folder = ready();
    folder.write("more/a.csv", &folder.read("in.csv"));
    let before = Tree::of(folder.path());
    for line in [
        "sensor ingest in.csv -o in.csv --schema schema.toml --overwrite",
        "sensor ingest more -o more --schema schema.toml --overwrite",
        "sensor ingest more/a.csv -o ./more --schema schema.toml --overwrite --json",
    ] {
        let refused = folder.run(line).expect(&[2]);
        assert!(refused.error_text().contains("would replace the input"), "{refused}");
        before.assert_same(&Tree::of(folder.path()), line);
    }
}

#[test]
fn only_lakes_and_empty_folders_are_replaced() {
    let folder = ready();
    folder.write("keep/mine.txt", b"mine");
    folder.write("file", b"mine");
    let before = Tree::of(folder.path());
    for output in ["keep", "file"] {
        let refused = folder.run(&format!("{} --overwrite", JOB.replace("lake", output))).expect(&[6]);
        assert!(refused.error_text().contains("no lake"), "{refused}");
        before.assert_same(&Tree::of(folder.path()), output);
    }
    std::fs::create_dir(folder.at("lake")).expect("folder");
    folder.run(&format!("{JOB} --overwrite")).expect(&[0]);
    folder.run(&format!("{JOB} --overwrite")).expect(&[0]);
    // A partial output that holds what no run puts there is left alone, too.
    folder.write(".other.partial/mine.txt", b"mine");
    let refused = folder.run(&format!("{} --overwrite", JOB.replace("lake", "other"))).expect(&[6]);
    assert!(refused.error_text().contains("mine.txt"), "{refused}");
    assert_eq!(folder.read(".other.partial/mine.txt"), b"mine");
}

#[test]
fn a_finished_lake_is_not_taken_for_another() {
    let folder = ready();
    folder.run(JOB).expect(&[0]);
    let lake = Tree::of(&folder.at("lake"));
    folder.run(&format!("{JOB} --resume")).expect(&[0]);
    folder.run(&format!("{JOB} --resume -m 64MB -j 1")).expect(&[0]);
    let check = |line: &str, reason: &str| {
        let refused = folder.run(&format!("{line} --resume")).expect(&[6]);
        assert!(refused.error_text().contains(reason), "wanted {reason:?}\n{refused}");
        lake.assert_same(&Tree::of(&folder.at("lake")), line);
        assert!(!folder.at(".lake.partial").exists(), "{line}: something stays behind");
    };
    check(&JOB.replace("day", "hour"), "options.partition");
    check(&format!("{JOB} --sort hilbert"), "options.sort");
    let schema = folder.read("schema.toml");
    folder.write("schema.toml", &[&schema[..], b"keep = \"last\"\n"].concat());
    check(JOB, "schema");
    folder.write("schema.toml", &schema);
    folder.write("other.csv", &folder.read("in.csv"));
    check(&JOB.replace("in.csv", "other.csv"), "inputs.digest");
    // The same size and the same ends, but written to.
    folder.write("in.csv", &folder.read("in.csv"));
    check(JOB, "in.csv was changed");
    folder.write("keep/mine.txt", b"mine");
    let refused = folder.run(&format!("{} --resume", JOB.replace("lake", "keep"))).expect(&[6]);
    assert!(refused.error_text().contains("no lake"), "{refused}");
}

/// Values that spell what stands for no value in names of folders, and what stands for other characters.
#[test]
fn no_two_partitions_share_a_folder() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut csv = String::from("sensor_id,timestamp,lat,lon,site\n");
    for (row, site) in
        ["", "__HIVE_DEFAULT_PARTITION__", "a/b", "a%2Fb", "%41", "A", "..", "a~"].into_iter().enumerate()
    {
        for minute in 0..3 {
            csv += &format!("s{row},2025-03-01T00:{minute:02}:00Z,51.0,10.0,{site}\n");
        }
    }
    folder.write("in.csv", csv.as_bytes());
    let outcome = folder.run("sensor ingest in.csv -o lake --partition column:site --json").expect(&[0]);
    assert_eq!(outcome.rows().written, 24);
    assert_eq!(Tree::of(&folder.at("lake")).paths().filter(|path| path.ends_with(".parquet")).count(), 8);
}
