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

/// Replacing a lake never removes what somebody else keeps in its folder.
#[test]
fn a_lake_with_something_foreign_in_it_is_not_replaced() {
    let folder = ready();
    folder.run(JOB).expect(&[0]);
    let day = Tree::of(&folder.at("lake")).partitions().remove(0);
    for foreign in
        ["mine.txt".to_string(), "_swath/mine.txt".into(), format!("{day}/mine.parquet"), "new/mine.txt".into()]
    {
        folder.write(&format!("lake/{foreign}"), b"mine");
        let before = Tree::of(folder.path());
        let refused = folder.run(&format!("{JOB} --overwrite")).expect(&[6]);
        let named = foreign.strip_suffix("/mine.txt").filter(|name| *name == "new").unwrap_or(&foreign);
        assert!(refused.error_text().contains(&format!("{named} in it is not of the lake")), "{refused}");
        before.assert_same(&Tree::of(folder.path()), &foreign);
        folder.remove(&[&format!("lake/{foreign}"), "lake/new"]);
    }
    folder.run(&format!("{JOB} --overwrite")).expect(&[0]);
    // A file that only looks like a manifest makes no lake.
    folder.write("photos/_swath/manifest.json", b"{\"files\": []}");
    let refused = folder.run(&format!("{} --overwrite", JOB.replace("lake", "photos"))).expect(&[6]);
    assert!(refused.error_text().contains("no lake"), "{refused}");
}

#[test]
fn a_link_is_not_replaced() {
    let folder = ready();
    folder.run(JOB).expect(&[0]);
    std::os::unix::fs::symlink("lake", folder.at("link")).expect("a link");
    for output in ["link", "link/", "./link"] {
        let refused = folder.run(&format!("{} --overwrite", JOB.replace("lake", output))).expect(&[6]);
        assert!(refused.error_text().contains("a link to"), "{refused}");
    }
    assert!(folder.at("link").symlink_metadata().expect("there").is_symlink());
}

#[test]
fn a_finished_lake_that_lost_data_is_not_taken_for_whole() {
    let folder = ready();
    folder.run(JOB).expect(&[0]);
    let part =
        Tree::of(&folder.at("lake")).paths().find(|path| path.ends_with(".parquet")).map(|path| format!("lake/{path}"));
    let part = part.expect("a part");
    let bytes = folder.read(&part);
    folder.run(&format!("{JOB} --resume")).expect(&[0]);
    folder.write(&part, &bytes[..1000]);
    let refused = folder.run(&format!("{JOB} --resume")).expect(&[6]);
    assert!(refused.error_text().contains("1 data file is not of the size that was written"), "{refused}");
    folder.remove(&[&part]);
    let refused = folder.run(&format!("{JOB} --resume")).expect(&[6]);
    assert!(refused.error_text().contains("1 data file is missing"), "{refused}");
    assert!(!folder.at(".lake.partial").exists(), "something stays behind");
    folder.run(&format!("{JOB} --overwrite")).expect(&[0]);
    folder.run(&format!("{JOB} --resume")).expect(&[0]);
}

#[test]
fn a_lake_without_a_row_is_told_of_and_can_be_described() {
    let folder = ready();
    let outcome = folder.run(&format!("{JOB} --since 2100-01-01")).expect(&[0]);
    assert_eq!(outcome.rows().written, 0);
    assert!(outcome.stderr.contains("warning: no row was written: of 2000 rows, "), "{outcome}");
    let info = folder.run("info lake --json").expect(&[0]).json();
    let item = &info["items"][0];
    assert_eq!(
        (&item["format"], &item["rows"]["value"], &item["crs"]),
        (&"lake".into(), &0.into(), &"EPSG:4326".into())
    );
    assert_eq!(item["columns"].as_array().map(Vec::len), Some(10), "{item}");
    folder.run("info lake").expect(&[0]);
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
