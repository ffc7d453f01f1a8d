//! The ceiling holds: as the program measures itself, as `/proc` shows it, and inside a memory cgroup of its own.
#![cfg(target_os = "linux")]

use swath_testkit::trial::memory::{self, Wishes};
use swath_testkit::{Dice, Folder, MemoryGroup, Tree, full, skipped};

const MB: u64 = 1_000_000;

/// Ceilings in MB with the words of an ingest, from few partitions to many.
const CASES: [(u64, &str); 8] = [
    (48, "--partition day -j 1"),
    (64, "--partition day -j 1"),
    (64, "--partition day -j 2"),
    (64, "--partition h3:5 -j 2"),
    (64, "--partition day,h3:4 --sort hilbert -j 2"),
    (128, "--partition sensor -j 2"),
    (256, "--partition day -j 2"),
    (1000, "--partition day -j 5"),
];

fn input(folder: &Folder) {
    let size = if full() { "1300MB" } else { "40MB" };
    folder.telemetry("in.csv", &format!("--size {size} --sensors 1500 --shuffle --conflicts 0.01"));
}

#[test]
fn peak_stays_below_ceiling_and_prediction() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    input(&folder);
    for (ceiling, words) in CASES {
        let line = format!("sensor ingest in.csv -o lake --schema schema.toml -m {ceiling}MB {words} --json");
        let explained = folder.run(&format!("{line} --explain")).expect(&[0]).figure("/predicted_peak");
        let (outcome, seen) = folder.start(&line).wait_watching();
        let outcome = outcome.expect(&[0]);
        let actual = outcome.figure("/memory/actual_peak");
        let predicted = outcome.figure("/memory/predicted_peak");
        assert!(predicted <= ceiling * MB, "predicted above the ceiling\n{outcome}");
        assert!(actual <= predicted, "{actual} bytes were used, {predicted} predicted\n{outcome}");
        assert!(seen <= ceiling * MB, "{seen} bytes were seen in /proc\n{outcome}");
        assert!(seen > 5 * MB, "{seen} bytes were seen in /proc, so the program was not watched\n{outcome}");
        // The plan may differ by what free memory and disk it met, not by more.
        assert!(explained.abs_diff(predicted) <= predicted / 100, "--explain said {explained}\n{outcome}");
        folder.remove(&["lake"]);
    }
}

/// A ceiling below what the plan names is refused before anything is read; the one that it names does.
#[test]
fn the_smallest_ceiling_is_the_smallest() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--size 12MB --sensors 100");
    for words in ["--partition day", "--partition sensor", "--partition h3:6 --sort hilbert"] {
        let line = format!("sensor ingest in.csv -o lake --schema schema.toml {words} --json");
        let smallest = folder.run(&format!("{line} -m 1GB --explain")).expect(&[0]).figure("/smallest_ceiling");
        let refused = folder.run(&format!("{line} -m {}kB", smallest / 1000 - 10)).expect(&[3]);
        assert!(refused.error_text().contains("MB"), "no figures in the refusal\n{refused}");
        assert_eq!(folder.names().iter().filter(|name| name.contains("lake")).count(), 0, "something was left");
        let outcome = folder.run(&format!("{line} -m {}kB", smallest.div_ceil(1000))).expect(&[0]);
        assert!(outcome.figure("/memory/actual_peak") <= smallest, "{outcome}");
        folder.remove(&["lake"]);
    }
}

/// All of a small input is looked at, so that its dictionary is planned for, however often its tables grow.
#[test]
fn small_inputs_of_many_sensors_fit_in_what_is_told() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let column = |name: &str| format!("[columns.{name}]\ntype = \"category\"\n");
    let schema = ["sensor_id", "batch", "remark"].map(column).concat() + "[columns.timestamp]\n[columns.pm25]\n";
    folder.write("schema.toml", schema.as_bytes());
    for (rows, remark) in [(1_200, 8), (1_800, 8), (2_000, 1_000), (3_600, 8), (5_000, 8), (9_000, 20)] {
        let row = |row: u32| {
            let remark = "x".repeat(remark);
            format!("ENV-{row:06},b-{row},{row}{remark},2025-03-01T00:{:02}:00Z,{}.5\n", row % 60, row % 40)
        };
        let text: String = (0..rows).map(row).collect();
        folder.write("in.csv", format!("sensor_id,batch,remark,timestamp,pm25\n{text}").as_bytes());
        let line = "sensor ingest in.csv -o lake --schema schema.toml --json";
        let smallest = folder.run(&format!("{line} -m 1GB --explain")).expect(&[0]).figure("/smallest_ceiling");
        for threads in [1, 5] {
            let outcome = folder.run(&format!("{line} -m {}kB -j {threads}", smallest.div_ceil(1000))).expect(&[0]);
            assert!(outcome.figure("/memory/actual_peak") <= smallest, "{outcome}");
            assert!(!outcome.stderr.contains("more memory than its sample showed"), "{outcome}");
            folder.remove(&["lake"]);
        }
    }
}

/// Categories that hardly come twice, in one column or four, and those of which few are common and most are rare.
#[test]
fn unique_categories_fit_in_what_is_told() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut dice = Dice::new(7);
    // Rows, columns, how many different values there are or whether rare ones are rarer, how long they are.
    for (rows, columns, values, length) in
        [(60_000, 4, Some(60_000), 16), (20_000, 2, Some(u64::MAX), 400), (90_000, 1, None, 60)]
    {
        let names: Vec<String> = (0..columns).map(|number| format!("text{number}")).collect();
        let schema: String = names.iter().map(|name| format!("columns.{name}.type = 'category'\n")).collect();
        folder.write("schema.toml", format!("columns.sensor_id = {{}}\ncolumns.timestamp = {{}}\n{schema}").as_bytes());
        let mut text = format!("sensor_id,timestamp,{}\n", names.join(","));
        for row in 0..rows {
            text += &format!("s-{},2025-03-01T{:02}:{:02}:00Z", row % 20, row / 1_200 % 24, row / 20 % 60);
            for _ in 0..columns {
                let value = match values {
                    Some(values) => dice.draw() % values,
                    None => (u64::MAX / dice.draw().max(1)).min(1 << 40),
                };
                text += &format!(",{value:x<length$}");
            }
            text.push('\n');
        }
        folder.write("in.csv", text.as_bytes());
        let line = "sensor ingest in.csv -o lake --schema schema.toml --json";
        let smallest = folder.run(&format!("{line} -m 2GB --explain")).expect(&[0]).figure("/smallest_ceiling");
        for threads in [1, 5] {
            let outcome = folder.run(&format!("{line} -m {}kB -j {threads}", smallest.div_ceil(1000))).expect(&[0]);
            assert!(outcome.figure("/memory/actual_peak") <= smallest, "{outcome}");
            folder.remove(&["lake"]);
        }
    }
}

#[test]
fn never_killed_in_a_group_of_ceiling_and_a_bit() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    if let Err(reason) = MemoryGroup::new(100 * MB) {
        skipped("runs in memory cgroups", &reason);
        return;
    }
    input(&folder);
    for (ceiling, words) in CASES {
        let group = MemoryGroup::new(ceiling * MB * 115 / 100).expect("a group, as a moment ago");
        let line = format!("sensor ingest in.csv -o lake --schema schema.toml -m {ceiling}MB {words} --json");
        let outcome = folder.start_in(&group, &line).wait();
        assert_eq!(outcome.signal, None, "killed at {ceiling} MB and 15 %\n{outcome}");
        outcome.expect(&[0]).rows();
        folder.remove(&["lake"]);
    }
}

/// A small job is small, however much it may take.
#[test]
fn one_megabyte_needs_little() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--size 1MB --sensors 50");
    for ceiling in ["64MB", "256MB", "4GB"] {
        let outcome = folder.run(&format!("sensor ingest in.csv -o lake --schema schema.toml -m {ceiling} --json"));
        let outcome = outcome.expect(&[0]);
        let limit = outcome.figure("/memory/baseline") + 16 * MB;
        assert!(outcome.figure("/memory/predicted_peak") <= limit, "more than baseline and 16 MB\n{outcome}");
        folder.remove(&["lake"]);
    }
}

/// Distinct values that no sample foretold: memory runs out under way, and a larger ceiling goes on from there.
#[test]
fn a_dictionary_that_outgrows_the_ceiling() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    // Of so many files the second is not looked at before the run.
    for file in 0..64 {
        let mut text = String::from("sensor_id,timestamp,note\n");
        let rows = if file == 1 { 40_000 } else { 2_540 };
        for row in 0..rows {
            let note = if file == 1 { format!("{row:0>400}") } else { "n".into() };
            text += &format!("s-{},{},{note}\n", row % 7, 1_740_787_200 + file * 40_000 + row);
        }
        folder.write(&format!("in/{file:02}.csv"), text.as_bytes());
    }
    let schema = "
        columns.sensor_id = { type = 'category', role = 'sensor' }
        columns.timestamp = { type = 'timestamp', role = 'time', format = 'epoch_s' }
        columns.note = { type = 'category' }";
    folder.write("schema.toml", schema.as_bytes());
    let line = "sensor ingest in -o lake --schema schema.toml --partition day --json";
    let outcome = folder.run(&format!("{line} -m 36MB")).expect(&[4]);
    assert!(outcome.error_text().contains("distinct values"), "{outcome}");
    let hint = outcome.json()["error"]["hint"].as_str().unwrap_or_default().to_string();
    assert!(hint.contains("larger --memory") && hint.contains("type = \"string\""), "{outcome}");
    assert!(!folder.at("lake").exists(), "something stands at the final path\n{outcome}");
    let outcome = folder.run(&format!("{line} -m 256MB --resume")).expect(&[0]);
    assert_eq!(outcome.rows().written, 40_000 + 63 * 2_540, "{outcome}");
}

/// The text of all rows lies in one sensor, and so in one row group: more than the plan could know. What is kept in
/// memory makes room for it.
#[test]
fn text_that_lies_together_takes_the_place_of_what_is_kept() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut text = String::from("sensor_id,timestamp,note\n");
    for row in 0..1_200_000u32 {
        let note = if row % 20 == 7 { format!("{row:0>350}") } else { String::new() };
        text += &format!("s-{},{},{note}\n", row % 20, 1_740_787_200 + row);
    }
    folder.write("in.csv", text.as_bytes());
    let schema = "
        columns.sensor_id = { type = 'category', role = 'sensor' }
        columns.timestamp = { type = 'timestamp', role = 'time', format = 'epoch_s' }
        columns.note = { type = 'string' }";
    folder.write("schema.toml", schema.as_bytes());
    let line = "sensor ingest in.csv --schema schema.toml --partition none --json";
    let outcome = folder.run(&format!("{line} -o large -m 1GB -j 2")).expect(&[0]);
    assert_eq!(outcome.figure("/scratch/actual"), 0, "{outcome}");
    // One thread, since with two it depends on who is faster how much has to make room.
    let outcome = folder.run(&format!("{line} -o lake -m 130MB -j 1")).expect(&[0]);
    assert_eq!(outcome.figure("/scratch/predicted"), 0, "the plan foresaw it, so this shows nothing\n{outcome}");
    assert!(outcome.figure("/scratch/actual") > 0, "nothing had to make room, so this shows nothing\n{outcome}");
    assert!(outcome.figure("/memory/actual_peak") <= 130 * MB, "{outcome}");
    Tree::of(&folder.at("large")).assert_same(&Tree::of(&folder.at("lake")), "at 1 GB and at 130 MB");
}

/// The whole of it is `cargo xtask faults memory`, whose figures are in `docs/memory-matrix.md`.
#[test]
fn verbs_on_four_times_their_ceiling() {
    let wishes = Wishes { is_quick: true, ..Wishes::default() };
    let rows = memory::run(env!("CARGO_BIN_EXE_swath"), &wishes, &mut |row| println!("{row}"));
    let wrong: Vec<String> = rows.iter().filter(|row| !row.wrong.is_empty()).map(ToString::to_string).collect();
    assert!(wrong.is_empty() && rows.len() == 6, "{wrong:#?}");
    if rows.iter().any(|row| !row.is_grouped) {
        skipped("groups of the memory matrix", "no group can be made here");
    }
}
