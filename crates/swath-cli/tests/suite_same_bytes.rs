//! The same input and options give the same bytes, whatever the ceiling, the number of threads and the spill.

use swath_testkit::{Folder, Tree, full};

/// The ceiling that the plan names as the smallest that would do, in whole kB.
fn smallest(folder: &Folder, words: &str) -> String {
    let line = format!("sensor ingest {words} --schema schema.toml --explain --json -m 1GB");
    let bytes = folder.run(&line).expect(&[0]).figure("/smallest_ceiling");
    format!("{}kB", bytes.div_ceil(1000))
}

fn check(options: &str, words: &str, ceilings: &[&str], spills: bool) {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", options);
    let smallest = smallest(&folder, &format!("in.csv -o lake {words}"));
    let mut reference: Option<(Tree, String)> = None;
    let mut shapes = std::collections::BTreeSet::new();
    for ceiling in std::iter::once(&*smallest).chain(ceilings.iter().copied()) {
        for threads in [1, 2, 5] {
            let outcome = folder.ingest(&format!("in.csv -o lake {words} -m {ceiling} -j {threads}"));
            let tree = Tree::of(&folder.at("lake"));
            let scratch = outcome.figure("/scratch/actual");
            match ceiling {
                _ if ceiling == smallest => assert!(scratch > 0 || !spills, "nothing was spilled\n{outcome}"),
                "1GB" | "4GB" if spills => assert_eq!(scratch, 0, "something was spilled\n{outcome}"),
                _ => {}
            }
            assert!(outcome.figure("/scratch/predicted") >= scratch, "more scratch than predicted\n{outcome}");
            shapes.insert((outcome.figure("/chunks/planned"), scratch, outcome.figure("/memory/predicted_peak")));
            let (first, line) = reference.get_or_insert_with(|| (tree.clone(), outcome.line.clone()));
            first.assert_same(&tree, &format!("{}\nagainst {line}", outcome.line));
            folder.remove(&["lake"]);
        }
    }
    assert!(shapes.len() > 2, "all ceilings gave the same plan, so this test shows nothing: {shapes:?}");
}

/// 60 MB is large enough to spill at the smallest ceiling, and small enough for every change.
#[test]
fn by_day_at_every_ceiling() {
    let options = "--size 60MB --sensors 500 --conflicts 0.01 --disorder 0.02";
    check(options, "--partition day", &["64MB", "256MB", "1GB"], true);
}

#[test]
fn shuffled_by_cell_at_the_edges() {
    let options = "--size 24MB --sensors 2000 --shuffle --conflicts 0.02";
    check(options, "--partition day,h3:3 --sort hilbert", &["1GB"], true);
}

/// Rows without a sensor, and some without a time, stand behind the others, whichever text came first.
#[test]
fn rows_without_a_sensor() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let row = |at: u32| {
        let sensor = if at.is_multiple_of(5) { String::new() } else { format!("s{}", at * 7919 % 97) };
        let time = if at.is_multiple_of(11) { String::new() } else { (1_700_000_000 + at * 31 % 90_000).to_string() };
        format!("k{},{sensor},{time},{at}\n", at * 31 % 13)
    };
    folder.write("in.csv", format!("kind,id,time,v\n{}", (0..400_000).map(row).collect::<String>()).as_bytes());
    for id in ["category", "string"] {
        let schema = format!(
            "[columns.kind]\ntype = \"category\"\n[columns.id]\ntype = \"{id}\"\nrole = \"sensor\"\nrequired = false\n\
             [columns.time]\ntype = \"timestamp\"\nformat = \"epoch_s\"\nrole = \"time\"\nrequired = false\n\
             [columns.v]\ntype = \"int32\"\n[dedup]\nkey = []\n"
        );
        folder.write("schema.toml", schema.as_bytes());
        let mut wanted: Option<Tree> = None;
        for words in ["-m 64MB -j 1", "-m 64MB -j 2", "-m 256MB -j 3", "-m 256MB -j 2"] {
            let outcome = folder.ingest(&format!("in.csv -o lake --partition day {words}"));
            assert_eq!(outcome.rows().written, 400_000, "{outcome}");
            let tree = Tree::of(&folder.at("lake"));
            wanted.get_or_insert_with(|| tree.clone()).assert_same(&tree, words);
            folder.remove(&["lake"]);
        }
    }
}

/// Neither sensor nor time, or a sensor alone: the keys of most rows are equal, and yet there is more than one slice to
/// rank.
#[test]
fn slices_of_rows_with_one_key() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let row = |at: u32| format!("{},{at}\n", if at.is_multiple_of(4) { "a" } else { "b" });
    folder.write("in.csv", format!("id,v\n{}", (0..1_300_000).map(row).collect::<String>()).as_bytes());
    let sensor = "role = \"sensor\"";
    for (role, dedup, written) in [
        ("", "key = []", 1_300_000),
        (sensor, "key = []", 1_300_000),
        (sensor, "key = [\"id\"]\nkeep = \"first\"", 2),
        (sensor, "key = [\"id\"]\nkeep = \"last\"", 2),
    ] {
        let columns = format!("[columns.id]\ntype = \"category\"\n{role}\n[columns.v]\ntype = \"int32\"");
        folder.write("schema.toml", format!("{columns}\n[dedup]\n{dedup}\n").as_bytes());
        let mut wanted: Option<Tree> = None;
        for words in ["-m 40MB -j 1", "-m 64MB -j 2", "-m 256MB -j 3", "-m 256MB -j 1"] {
            let line = format!("sensor ingest in.csv -o lake --schema schema.toml --partition none {words} --json -v");
            let outcome = folder.run(&line).expect(&[0]);
            assert_eq!(outcome.rows().written, written, "{outcome}");
            assert!(outcome.stderr.contains("rank: 3 tasks"), "{outcome}");
            let tree = Tree::of(&folder.at("lake"));
            wanted.get_or_insert_with(|| tree.clone()).assert_same(&tree, &format!("{dedup}: {words}"));
            folder.remove(&["lake"]);
        }
    }
}

#[test]
fn one_partition_in_small_parts() {
    check("--size 24MB --sensors 30 --shuffle", "--partition none --target-file-size 1MB", &["1GB"], true);
}

/// At least twenty times the smallest ceiling, with `SWATH_TEST_FULL=1`.
#[test]
fn twenty_times_the_ceiling() {
    if !full() {
        return;
    }
    let options = "--size 1300MB --sensors 5000 --conflicts 0.01 --disorder 0.02";
    check(options, "--partition day", &["64MB", "256MB", "4GB"], true);
}
