//! Checks of readings: what is found is what was put there, `--strict` rejects exactly that, and no ceiling changes it.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;
use swath_testkit::{Folder, Outcome, Tree};

const HOME: [f64; 2] = [9.0, 45.0];

/// Minutes between readings.
const STEP: u32 = 5;

/// A row of the table.
#[derive(Clone)]
struct Row {
    sensor: u32,
    minute: u32,
    x: f64,
    y: f64,
    value: f64,
}

/// Readings of eight sensors over days with nothing to be found in them, in order of time.
fn quiet(days: u32) -> Vec<Row> {
    let mut rows = Vec::new();
    for minute in (0..days * 1440).step_by(STEP as usize) {
        for sensor in 0..8 {
            let (x, y) = (HOME[0] + f64::from(sensor) * 0.1, HOME[1] + f64::from(sensor) * 0.05);
            let value = f64::from((minute / STEP * 37 + sensor * 11) % 101) / 4.0 + 1.0;
            rows.push(Row { sensor, minute, x, y, value });
        }
    }
    rows
}

/// How many rows something was put into, by what a check calls it.
type Put = BTreeMap<&'static str, u64>;

/// The same with something for each check.
fn disturbed(days: u32) -> (Vec<Row>, Put) {
    let mut rows = quiet(days);
    let mut put = Put::new();
    let mut count = |what: &'static str| *put.entry(what).or_default() += 1;
    for row in &mut rows {
        let of_day = row.minute % 1440;
        match (row.sensor, of_day) {
            (1, 300) => {
                (row.x, row.y) = (0.0, 0.0);
                count("zero_place");
            }
            (2, 400 | 405) => {
                (row.x, row.y) = (row.y, row.x);
                count("swapped_place");
            }
            (3, 500) => {
                row.x += 2.0;
                count("place_jump");
            }
            // 80 readings from 10:00 on.
            // It is the least value that any sensor has.
            (4, 600..1000) => {
                row.value = 0.25;
                count("stuck_value");
            }
            _ => {}
        }
    }
    // A sensor that is silent for hours once, and one that moves to a town nearby.
    rows.retain(|row| !(row.sensor == 5 && (1000..1400).contains(&row.minute)));
    rows.iter_mut().filter(|row| row.sensor == 6 && row.minute > 2000).for_each(|row| row.y += 0.3);
    // One row of each day comes ten rows of its sensor too late.
    for day in 0..days {
        let at = rows.iter().position(|row| row.sensor == 7 && row.minute == day * 1440 + 700);
        if let Some(at) = at {
            let late = rows.remove(at);
            rows.insert(at + 80, late);
            *put.entry("time_backwards").or_default() += 1;
        }
    }
    (rows, put)
}

fn csv(rows: &[Row]) -> Vec<u8> {
    let mut text = String::from("sensor_id,timestamp,lon,lat,pm25,altitude\n");
    for Row { sensor, minute, x, y, value } in rows {
        let (day, hour, minute) = (1 + minute / 1440, minute / 60 % 24, minute % 60);
        writeln!(text, "s{sensor},2024-05-{day:02}T{hour:02}:{minute:02}:00Z,{x:.4},{y:.4},{value},150.5")
            .expect("fits");
    }
    text.into_bytes()
}

fn ingest(folder: &Folder, words: &str) -> Outcome {
    folder.run(&format!("sensor ingest in.csv -o lake --json {words}"))
}

/// What was found, by check.
fn found(outcome: &Outcome) -> BTreeMap<String, u64> {
    let json = outcome.json();
    let list = json.get("checks").and_then(Value::as_array).cloned().unwrap_or_default();
    let one = |finding: &Value| (finding["check"].as_str()?.to_string(), finding["count"].as_u64()?).into();
    list.iter().filter_map(one).collect()
}

fn rejects(folder: &Folder) -> Vec<Value> {
    let text = String::from_utf8(folder.read("lake/_swath/rejects.ndjson")).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect()
}

#[test]
fn what_was_put_there_is_found_and_nothing_in_quiet_readings() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("in.csv", &csv(&quiet(4)));
    for partition in ["none", "day", "hour", "h3:5"] {
        let outcome = ingest(&folder, &format!("-m 64MB --partition {partition}")).expect(&[0]);
        assert_eq!(found(&outcome), BTreeMap::new(), "{outcome}");
        folder.remove(&["lake"]);
    }
    let (rows, put) = disturbed(4);
    folder.write("in.csv", &csv(&rows));
    let outcome = ingest(&folder, "-m 64MB --partition day").expect(&[0]);
    let mut wanted: BTreeMap<String, u64> = put.iter().map(|(what, count)| ((*what).into(), *count)).collect();
    wanted.insert("gap".into(), 1);
    wanted.insert("moving_sensor".into(), 1);
    assert_eq!(found(&outcome), wanted, "{outcome}");
    for (check, example) in [
        ("zero_place", "in.csv, line 483: wanted a place, got 0, 0"),
        ("gap", "no row of sensor \"s5\" from 2024-05-01T16:35:00Z to 2024-05-01T23:20:00Z"),
        (
            "stuck_value",
            "pm25 is 0.25 in 80 readings in a row of sensor \"s4\", 2024-05-01T10:00:00Z to 2024-05-01T16:35:00Z",
        ),
    ] {
        let json = outcome.json();
        let of_check = json["checks"].as_array().expect("a list").iter().find(|finding| finding["check"] == check);
        assert_eq!(of_check.expect("found")["example"], example);
        assert!(outcome.stderr.contains(example), "{outcome}");
    }
    // The manifest keeps it.
    let manifest: Value = serde_json::from_slice(&folder.read("lake/_swath/manifest.json")).expect("JSON");
    assert_eq!(manifest["checks"], outcome.json()["checks"]);
}

#[test]
fn a_gap_and_a_way_are_found_across_partitions() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut rows = quiet(4);
    rows.retain(|row| !(row.sensor == 5 && (1300..4400).contains(&row.minute)));
    rows.iter_mut().filter(|row| row.sensor == 6 && row.minute >= 1440).for_each(|row| row.y += 0.3);
    folder.write("in.csv", &csv(&rows));
    for partition in ["none", "day", "month", "day,h3:5"] {
        let outcome = ingest(&folder, &format!("-m 64MB --partition {partition}")).expect(&[0]);
        // What leaves a cell leaves a gap there: by places, none is told.
        let wanted = [("gap", 1), ("moving_sensor", 1)]
            .into_iter()
            .filter(|(check, _)| !(is_cell(partition) && *check == "gap"));
        assert_eq!(found(&outcome), wanted.map(|(check, count)| (check.to_string(), count)).collect(), "{outcome}");
        folder.remove(&["lake"]);
    }
}

fn is_cell(partition: &str) -> bool {
    partition.contains("h3")
}

/// Values that are held for a day, and one that is counted up, whatever the order of rows and however few of a sensor lie
/// near each other.
#[test]
fn values_that_are_held_are_not_stuck() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut rows = quiet(14);
    rows.iter_mut().for_each(|row| row.value = f64::from(1 + (row.minute / 1440 * 7 + row.sensor * 13) % 90));
    let in_order = csv(&rows);
    let mut dice = swath_testkit::Dice::new(4);
    for at in (1..rows.len()).rev() {
        rows.swap(at, dice.below(at + 1));
    }
    let shuffled = csv(&rows);
    let mut counted = quiet(14);
    // All of them stand still at night.
    for row in &mut counted {
        row.value = f64::from(row.minute / 1440 * 700 + (row.minute % 1440).min(700)) + f64::from(row.sensor) * 0.01;
    }
    for (name, text) in [("in order", in_order), ("shuffled", shuffled), ("counted", csv(&counted))] {
        folder.write("in.csv", &text);
        for partition in ["none", "day", "sensor"] {
            let outcome = ingest(&folder, &format!("-m 64MB --strict --partition {partition}")).expect(&[0]);
            let stuck = found(&outcome).contains_key("stuck_value");
            assert!(!stuck && outcome.rows().rejected == 0, "{name} {partition}: {outcome}");
            folder.remove(&["lake"]);
        }
    }
    // One sensor that is dead among others is found in any order.
    let mut rows = quiet(14);
    rows.iter_mut().filter(|row| row.sensor == 3 && row.minute / 1440 == 5).for_each(|row| row.value = 7.25);
    for at in (1..rows.len()).rev() {
        rows.swap(at, dice.below(at + 1));
    }
    folder.write("in.csv", &csv(&rows));
    for partition in ["none", "day"] {
        let outcome = ingest(&folder, &format!("-m 64MB --partition {partition}")).expect(&[0]);
        assert_eq!(found(&outcome).get("stuck_value"), Some(&288), "{partition}: {outcome}");
        folder.remove(&["lake"]);
    }
}

#[test]
fn strict_rejects_what_is_found_and_tells_where_it_stands() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let (rows, put) = disturbed(4);
    let text = csv(&rows);
    folder.write("in.csv", &text);
    ingest(&folder, "-m 64MB --strict").expect(&[7]);
    assert!(!folder.at("lake").exists() && folder.at("lake.rejects.ndjson").exists());
    let outcome = ingest(&folder, "-m 64MB --strict --max-rejects 10% --partition day").expect(&[0]);
    let rejected = outcome.rows().rejected;
    assert_eq!(outcome.rows().written + rejected, rows.len() as u64, "{outcome}");
    // The order of the input is no fault of a reading.
    let mut put = put;
    let late = put.remove("time_backwards").expect("there");
    assert_eq!(rejected, put.values().sum::<u64>(), "{outcome}");
    let left = [("gap", 1), ("moving_sensor", 1), ("time_backwards", late)];
    assert_eq!(found(&outcome), left.map(|(check, count)| (check.to_string(), count)).into(), "{outcome}");
    let lines: Vec<&str> = std::str::from_utf8(&text).expect("text").lines().collect();
    let mut reasons = Put::new();
    for reject in rejects(&folder) {
        let line = reject["line"].as_u64().expect("a line") as usize;
        assert_eq!(reject["raw"].as_str(), Some(lines[line - 1]), "{reject}");
        let reason = put.keys().find(|reason| reject["reason"] == **reason).expect("a check");
        *reasons.entry(reason).or_default() += 1;
    }
    assert_eq!(reasons, put);
    // What is left are the other rows: with one row group a partition, byte by byte what they alone become.
    let bad: Vec<usize> =
        rejects(&folder).iter().map(|reject| reject["line"].as_u64().expect("a line") as usize).collect();
    let good = lines.iter().enumerate().filter(|(at, _)| !bad.contains(&(at + 1))).map(|(_, line)| *line);
    let strict = Tree::of(&folder.at("lake"));
    let parts = |tree: &Tree| tree.paths().filter(|path| path.ends_with(".parquet")).count();
    let part = |path: &str| swath_testkit::sha256(&folder.at(&format!("lake/{path}")));
    let hashes =
        |tree: &Tree| -> Vec<String> { tree.paths().filter(|path| path.ends_with(".parquet")).map(part).collect() };
    let of_strict = hashes(&strict);
    folder.write("in.csv", (good.collect::<Vec<_>>().join("\n") + "\n").as_bytes());
    folder.remove(&["lake"]);
    ingest(&folder, "-m 64MB --partition day").expect(&[0]);
    let clean = Tree::of(&folder.at("lake"));
    assert_eq!(parts(&clean), 4);
    assert_eq!(hashes(&clean), of_strict);
}

#[test]
fn a_partition_of_which_nothing_is_left_is_not_there() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut rows = quiet(3);
    // All of the second day: one sensor only, stuck.
    rows.retain(|row| !(1440..2880).contains(&row.minute) || row.sensor == 4);
    rows.iter_mut().filter(|row| (1440..2880).contains(&row.minute)).for_each(|row| row.value = 9.5);
    folder.write("in.csv", &csv(&rows));
    let outcome = ingest(&folder, "-m 64MB --strict --max-rejects 50% --partition day").expect(&[0]);
    assert_eq!(outcome.rows().rejected, 288, "{outcome}");
    assert_eq!(Tree::of(&folder.at("lake")).partitions(), ["date=2024-05-01", "date=2024-05-03"]);
    folder.run("info lake --json").expect(&[0]);
}

#[test]
fn the_same_under_any_ceiling_and_after_kills() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let (rows, _) = disturbed(28);
    let sensors = |more: u32| rows.iter().map(move |row| Row { sensor: row.sensor + more * 8, ..row.clone() });
    // Blocks of sensors one behind the other, so that there are many units.
    let many: Vec<Row> = (0..8).flat_map(sensors).collect();
    folder.write("in.csv", &csv(&many));
    for strict in ["", "--strict"] {
        let words = format!("--partition day --max-rejects 20% {strict}");
        let first = ingest(&folder, &format!("-m 256MB {words}")).expect(&[0]);
        let wanted = Tree::of(&folder.at("lake"));
        folder.remove(&["lake"]);
        let plan = ingest(&folder, &format!("--explain -m 1GB {words}")).expect(&[0]);
        let smallest = plan.figure("/smallest_ceiling").div_ceil(1000);
        for limits in [format!("-m {smallest}kB -j 1"), "-m 48MB -j 2".into(), "-m 1GB -j 5".into()] {
            let outcome = ingest(&folder, &format!("{words} {limits}")).expect(&[0]);
            Tree::of(&folder.at("lake")).assert_same(&wanted, &limits);
            assert_eq!(outcome.json()["checks"], first.json()["checks"], "{limits}");
            let (peak, predicted) = (outcome.figure("/memory/actual_peak"), outcome.figure("/memory/predicted_peak"));
            assert!(peak <= predicted && predicted <= outcome.figure("/memory/ceiling"), "{outcome}");
            assert!(outcome.figure("/scratch/actual") <= outcome.figure("/scratch/predicted"), "{outcome}");
            folder.remove(&["lake"]);
        }
        let job = format!("sensor ingest in.csv -o lake --json {words} -m 48MB -j 1");
        for wait in [60, 120, 240, 400] {
            let running = folder.start(&job);
            std::thread::sleep(std::time::Duration::from_millis(wait));
            running.kill();
            let outcome = folder.run(&format!("{job} --resume")).expect(&[0]);
            Tree::of(&folder.at("lake")).assert_same(&wanted, &format!("killed after {wait} ms"));
            assert_eq!(outcome.json()["checks"], first.json()["checks"], "killed after {wait} ms");
            folder.remove(&["lake"]);
        }
    }
}

#[test]
fn checks_can_be_set_and_switched_off() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let (rows, _) = disturbed(4);
    folder.write("in.csv", &csv(&rows));
    let off = "[checks]\nzero_place = false\nswapped_place = false\ntime_backwards = false\nplace_jump = false\n\
               stuck_value = false\nmoving_sensor = false\ngap = false\n";
    let with = |text: &str| {
        folder.write("s.toml", text.as_bytes());
        let outcome = ingest(&folder, "-m 64MB --schema s.toml --partition day --overwrite").expect(&[0]);
        found(&outcome)
    };
    assert_eq!(with(off), BTreeMap::new());
    assert_eq!(with(&off.replace("stuck_value = false", "stuck_value = 81")), BTreeMap::new());
    assert_eq!(
        with(&off.replace("stuck_value = false", "stuck_value = 80")),
        [("stuck_value".to_string(), 320)].into()
    );
    assert_eq!(with(&off.replace("gap = false", "gap = 100")), BTreeMap::new());
    assert_eq!(with(&off.replace("gap = false", "gap = 50")), [("gap".to_string(), 1)].into());
    assert_eq!(with(&off.replace("place_jump = false", "place_jump = 200000")), [("place_jump".to_string(), 4)].into());
    for (wrong, wanted) in [
        ("[checks]\ngap = true\n", "checks.gap is true; wanted how many times"),
        ("[checks]\nstuck_value = 1\n", "checks.stuck_value is 1; wanted a count"),
        ("[checks]\nstuck_value = 2.5\n", "checks.stuck_value is no such count"),
        ("[checks]\nzero_place = 1\n", "checks.zero_place is 1; wanted true or false"),
        ("[checks]\nstuck = 1\n", "stuck"),
    ] {
        folder.write("s.toml", wrong.as_bytes());
        let refused = ingest(&folder, "--schema s.toml --overwrite").expect(&[2]);
        assert!(refused.error_text().contains(wanted), "{refused}");
    }
    // What is printed is what is read.
    let printed = folder.run("sensor schema in.csv").expect(&[0]);
    assert!(printed.stdout.contains("[checks]\n") && printed.stdout.contains("place_jump = 1000"), "{printed}");
}

#[test]
fn rows_of_a_lake_are_never_rejected() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let (rows, _) = disturbed(2);
    let (one, two): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.sensor % 2 == 0);
    folder.write("in.csv", &csv(&one));
    let first = ingest(&folder, "-m 64MB --partition none").expect(&[0]).rows();
    folder.write("in.csv", &csv(&two));
    let outcome = ingest(&folder, "-m 64MB --append --strict --max-rejects 10%").expect(&[0]);
    let added = outcome.rows();
    assert!(added.rejected >= 2 && added.written + added.rejected == added.read, "{outcome}");
    assert_eq!(outcome.figure("/lake/rows_after"), first.written + added.written, "{outcome}");
    let again = ingest(&folder, "-m 64MB --append --strict --max-rejects 10% --resume").expect(&[0]);
    assert_eq!(found(&again), found(&outcome));
    let manifest: Value = serde_json::from_slice(&folder.read("lake/_swath/manifest.json")).expect("JSON");
    assert_eq!(manifest["checks"], outcome.json()["checks"]);
}

#[test]
fn what_only_looks_wrong_is_not_found() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    // The newest first; one file each way; rows sent twice; no sensor, and places all over.
    let mut down = quiet(3);
    down.reverse();
    folder.write("in.csv", &csv(&down));
    assert_eq!(found(&ingest(&folder, "-m 64MB --partition day").expect(&[0])), BTreeMap::new());
    std::fs::create_dir(folder.at("two")).expect("made");
    let of =
        |rows: &[Row], which: u32| csv(&rows.iter().filter(|row| row.sensor % 2 == which).cloned().collect::<Vec<_>>());
    folder.write("two/a.csv", &of(&quiet(3), 0));
    folder.write("two/b.csv", &of(&down, 1));
    folder.remove(&["lake"]);
    let both = folder.run("sensor ingest two -o lake --json -m 64MB --strict").expect(&[0]);
    assert_eq!((found(&both), both.rows().rejected), (BTreeMap::new(), 0));
    folder.remove(&["lake"]);
    let events: String = (0..400i64)
        .map(|at| {
            format!(
                "2024-05-{:02}T{:02}:00:00Z,{},{},{}\n",
                1 + at / 24,
                at % 24,
                at * 37 % 300 - 150,
                at * 53 % 120 - 60,
                at % 7
            )
        })
        .collect();
    folder.write("in.csv", format!("time,longitude,latitude,magnitude\n{events}").as_bytes());
    let outcome = ingest(&folder, "-m 64MB --strict").expect(&[0]);
    assert_eq!((found(&outcome), outcome.rows().rejected), (BTreeMap::new(), 0), "{outcome}");
}

#[test]
fn values_at_their_ends_and_values_that_repeat_are_not_stuck() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut rows = quiet(4);
    // Saturated at night: the largest value there is.
    rows.iter_mut().filter(|row| row.minute % 1440 < 500).for_each(|row| row.value = 99.9);
    folder.write("in.csv", &csv(&rows));
    assert_eq!(found(&ingest(&folder, "-m 64MB --partition day").expect(&[0])), BTreeMap::new());
    // A value that changes now and then, and is long the same.
    rows.iter_mut().for_each(|row| row.value = f64::from(row.minute / 100 % 7) + 0.5);
    rows.iter_mut().filter(|row| row.minute % 1440 < 500).for_each(|row| row.value = 3.5);
    folder.write("in.csv", &csv(&rows));
    folder.remove(&["lake"]);
    assert_eq!(found(&ingest(&folder, "-m 64MB --partition day").expect(&[0])), BTreeMap::new());
}

#[test]
fn what_is_kept_of_rejects_does_not_depend_on_how_work_is_cut() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    // More rejects than are kept, in many small partitions.
    let mut rows = quiet(28);
    rows.iter_mut().filter(|row| row.minute % 1440 >= 400).for_each(|row| row.value = 9.5);
    let many = rows.iter().flat_map(|row| (0..4).map(|more| Row { sensor: row.sensor + more * 8, ..row.clone() }));
    folder.write("in.csv", &csv(&many.collect::<Vec<_>>()));
    let words = "--partition day --strict --max-rejects 100%";
    let first = ingest(&folder, &format!("-m 256MB {words}")).expect(&[0]);
    assert!(first.rows().rejected > 50_000, "{first}");
    let wanted = Tree::of(&folder.at("lake"));
    folder.remove(&["lake"]);
    let plan = ingest(&folder, &format!("--explain -m 1GB {words}")).expect(&[0]);
    let smallest = plan.figure("/smallest_ceiling").div_ceil(1000);
    let job = format!("sensor ingest in.csv -o lake --json {words} -m {smallest}kB -j 1");
    for wait in [100, 200, 300, 400, 500] {
        let mut running = folder.start(&job);
        std::thread::sleep(std::time::Duration::from_millis(wait));
        running.interrupt();
        running.wait();
        folder.run(&format!("{job} --resume")).expect(&[0]);
        Tree::of(&folder.at("lake")).assert_same(&wanted, &format!("stopped after {wait} ms"));
        folder.remove(&["lake"]);
    }
}
