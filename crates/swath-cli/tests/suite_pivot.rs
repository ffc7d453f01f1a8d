//! Long tables that become wide ones: the lake is the one that the wide table makes, byte for byte, whatever the ceiling,
//! the order of rows, the source and the batches; every row is counted, and what is wrong is refused.
#![cfg(unix)]

use std::collections::BTreeMap;

use serde_json::Value;
use swath_testkit::{Dice, Folder, Outcome, Tree, full};

const NAMES: [&str; 4] = ["pm25", "pm10", "no2", "o3"];

/// A reading of one quantity; nothing is a value that is missing.
#[derive(Clone)]
struct Reading {
    station: String,
    time: String,
    name: usize,
    value: String,
    note: String,
}

/// What all readings of one key come to.
#[derive(Default, Clone)]
struct Wide {
    note: String,
    values: [String; NAMES.len()],
}

#[derive(Debug, Default, PartialEq)]
struct Counts {
    written: u64,
    merged: u64,
    duplicate: u64,
    conflicting: u64,
}

/// Readings in no order, some of them twice, some with other values, some without.
fn readings(seed: u64, stations: usize, hours: usize, value: &dyn Fn(&mut Dice) -> String) -> Vec<Reading> {
    let mut dice = Dice::new(seed);
    let mut all = Vec::new();
    for station in 0..stations {
        for hour in 0..hours {
            for name in 0..NAMES.len() {
                if dice.below(5) == 0 {
                    continue;
                }
                let reading = Reading {
                    station: format!("s{station:03}"),
                    time: format!("2025-03-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24),
                    name,
                    value: if dice.below(20) == 0 { String::new() } else { value(&mut dice) },
                    note: if dice.below(4) == 0 { String::new() } else { format!("n{}", station % 3) },
                };
                all.push(reading.clone());
                if dice.below(20) == 0 {
                    all.push(reading.clone());
                }
                if dice.below(30) == 0 {
                    all.push(Reading { value: value(&mut dice), ..reading });
                }
            }
        }
    }
    for at in (1..all.len()).rev() {
        all.swap(at, dice.below(at + 1));
    }
    all
}

fn long(readings: &[Reading]) -> String {
    let rows = readings.iter().map(|reading| {
        let Reading { station, time, name, value, note } = reading;
        format!("{station},{time},{note},{},{value}\n", NAMES[*name])
    });
    format!("station,time,note,parameter,value\n{}", rows.collect::<String>())
}

/// The wide table of readings as text, by plain means, and what became of its rows.
fn wide(readings: &[Reading], last: bool) -> (String, Counts) {
    let mut table: BTreeMap<(&str, &str), Wide> = BTreeMap::new();
    let mut counts = Counts::default();
    for Reading { station, time, name, value, note } in readings {
        let is_first = !table.contains_key(&(station, time));
        let row = table.entry((station, time)).or_default();
        let (mut is_new, mut differs) = (false, false);
        for (there, got) in [(&mut row.note, note), (&mut row.values[*name], value)] {
            if got.is_empty() {
                continue;
            }
            is_new |= there.is_empty();
            differs |= !there.is_empty() && there != got;
            if there.is_empty() || last {
                there.clone_from(got);
            }
        }
        counts.written += u64::from(is_first);
        counts.merged += u64::from(!is_first && is_new);
        counts.duplicate += u64::from(!is_first && !is_new);
        counts.conflicting += u64::from(!is_first && differs);
    }
    let rows =
        table.iter().map(|((station, time), row)| format!("{station},{time},{},{}\n", row.note, row.values.join(",")));
    (format!("station,time,note,{}\n{}", NAMES.join(","), rows.collect::<String>()), counts)
}

fn column(name: &str, more: &str) -> String {
    format!("[columns.{name}]\n{more}\n")
}

/// Schema files for the long and for the wide table, whose values are of a type.
fn schemas(value: &str, keep: &str, note: &str) -> (String, String) {
    let shared = column("station", "type = \"category\"\nrole = \"sensor\"")
        + &column("time", "type = \"timestamp\"\nrole = \"time\"")
        + &column("note", &format!("type = \"{note}\""));
    let dedup = format!("[dedup]\nkey = [\"station\", \"time\"]\nkeep = \"{keep}\"\n");
    let value = format!("type = \"{value}\"");
    let long = column("parameter", "type = \"category\"") + &column("value", &value);
    let names = format!("[pivot]\nname = \"parameter\"\nvalue = \"value\"\ncolumns = {NAMES:?}\n");
    let wide: String = NAMES.iter().map(|name| column(name, &value)).collect();
    (format!("{shared}{long}{names}{dedup}"), format!("{shared}{wide}{dedup}"))
}

/// Data files of a lake with their sums.
fn data(folder: &Folder, lake: &str) -> BTreeMap<String, String> {
    let paths: Vec<String> = Tree::of(&folder.at(lake)).paths().map(String::from).collect();
    let data = paths.into_iter().filter(|path| path.ends_with(".parquet"));
    data.map(|path| (path.clone(), swath_testkit::sha256(&folder.at(&format!("{lake}/{path}"))))).collect()
}

fn manifest(folder: &Folder, lake: &str) -> Value {
    serde_json::from_slice(&folder.read(&format!("{lake}/_swath/manifest.json"))).expect("JSON")
}

fn counts(outcome: &Outcome) -> Counts {
    let rows = outcome.rows();
    let told = outcome.stderr.lines().find_map(|line| line.split_once(" had another value"));
    // Behind the number stands `row` or `rows`.
    let conflicting = told.and_then(|(number, _)| number.rsplit(' ').nth(1)?.parse().ok());
    Counts {
        written: rows.written,
        merged: outcome.figure("/rows/merged"),
        duplicate: rows.duplicate,
        conflicting: conflicting.unwrap_or(0),
    }
}

fn number(dice: &mut Dice) -> String {
    format!("{}.{}", dice.below(100), 1 + dice.below(9))
}

/// A folder with `long.csv`, `wide.csv`, and `long.toml`, `wide.toml`.
fn ready(readings: &[Reading], value: &str, keep: &str, note: &str) -> (Folder, Counts) {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("long.csv", long(readings).as_bytes());
    let (table, counts) = wide(readings, keep == "last");
    folder.write("wide.csv", table.as_bytes());
    let (long, wide) = schemas(value, keep, note);
    folder.write("long.toml", long.as_bytes());
    folder.write("wide.toml", wide.as_bytes());
    (folder, counts)
}

#[test]
fn the_lake_is_that_of_the_wide_table_at_any_ceiling() {
    let readings = readings(1, 40, if full() { 24 * 28 } else { 24 * 10 }, &number);
    for keep in ["first", "last"] {
        let (folder, wanted) = ready(&readings, "float64", keep, "category");
        assert!(wanted.merged > 1_000 && wanted.duplicate > 100 && wanted.conflicting > 100, "{wanted:?}");
        for partition in ["none", "day", "sensor"] {
            folder
                .run(&format!("sensor ingest wide.csv -o wide --schema wide.toml --partition {partition}"))
                .expect(&[0]);
            let job = format!("sensor ingest long.csv -o lake --schema long.toml --partition {partition} --json");
            let plan = folder.run(&format!("{job} --explain -m 1GB")).expect(&[0]);
            let smallest = plan.figure("/smallest_ceiling").div_ceil(1000);
            for words in
                [format!("-m {smallest}kB -j 2"), "-m 64MB -j 1".into(), "-m 1GB -j 2".into(), "-m 1GB -j 5".into()]
            {
                let outcome = folder.run(&format!("{job} {words}")).expect(&[0]);
                assert_eq!(counts(&outcome), wanted, "{keep} {partition} {words}");
                let peak = outcome.figure("/memory/actual_peak");
                assert!(peak <= outcome.figure("/memory/predicted_peak"), "{outcome}");
                assert!(outcome.figure("/scratch/actual") <= outcome.figure("/scratch/predicted"), "{outcome}");
                assert_eq!(data(&folder, "lake"), data(&folder, "wide"), "{keep} {partition} {words}");
                assert_eq!(manifest(&folder, "lake")["rows"]["merged"], wanted.merged);
                folder.remove(&["lake"]);
            }
            folder.remove(&["wide"]);
        }
    }
}

#[test]
fn values_may_be_of_any_type() {
    type Make = fn(&mut Dice) -> String;
    let types: [(&str, Make); 8] = [
        ("string", |dice| "long text ".repeat(1 + dice.below(40)) + &dice.below(3).to_string()),
        ("category", |dice| format!("level {}", dice.below(5))),
        ("bool", |dice| (dice.below(2) == 0).to_string()),
        ("int32", |dice| (dice.below(9) as i32 - 4).to_string()),
        ("int64", |dice| (dice.draw() as i64 / 2).to_string()),
        ("float32", |dice| format!("{}.5", dice.below(100))),
        ("timestamp", |dice| format!("2024-02-{:02}T00:00:00Z", 1 + dice.below(28))),
        ("date", |dice| format!("2024-02-{:02}", 1 + dice.below(28))),
    ];
    for (number, (value, make)) in types.into_iter().enumerate() {
        let (note, keep) = [("string", "last"), ("category", "first"), ("string", "first")][number % 3];
        let readings = readings(2 + number as u64, 10, 100, &make);
        let (folder, wanted) = ready(&readings, value, keep, note);
        folder.run("sensor ingest wide.csv -o wide --schema wide.toml").expect(&[0]);
        for words in ["-m 64MB -j 1", "-m 256MB -j 2"] {
            let outcome =
                folder.run(&format!("sensor ingest long.csv -o lake --schema long.toml {words} --json")).expect(&[0]);
            assert_eq!(counts(&outcome), wanted, "{value}");
            assert_eq!(data(&folder, "lake"), data(&folder, "wide"), "{value}");
            folder.remove(&["lake"]);
        }
    }
}

/// More rows of one key than a slice, a row group or a block has, before, between and behind others.
#[test]
fn a_key_may_have_a_million_rows() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let (long, wide) = schemas("int32", "first", "string");
    folder.write("long.toml", long.as_bytes());
    folder.write("wide.toml", wide.as_bytes());
    let mut text = String::from("station,time,note,parameter,value\n");
    let rows = 1_300_000;
    for at in 0..rows {
        let (station, second) = if at % 13 == 0 { ("c", at) } else { ("b", 7) };
        let name = NAMES[at / (rows / 4) % 4];
        text.push_str(&format!("{station},{},,{name},{at}\n", 1_700_000_000 + second));
    }
    text.push_str("a,1700000000,first,pm25,1\nd,1700000000,,o3,2\nb,1700000007,late,o3,3\n");
    folder.write("long.csv", text.as_bytes());
    for name in ["long.toml", "wide.toml"] {
        let schema = String::from_utf8(folder.read(name)).expect("text");
        let epoch = schema.replace("role = \"time\"", "role = \"time\"\nformat = \"epoch_s\"");
        folder.write(name, epoch.as_bytes());
    }
    let mut table = format!("station,time,note,{}\na,1700000000,first,1,,,\nd,1700000000,,,,,2\n", NAMES.join(","));
    let firsts: Vec<String> =
        (0..4).map(|name| (name * (rows / 4)..).find(|at| at % 13 != 0).unwrap_or(0).to_string()).collect();
    table.push_str(&format!("b,1700000007,late,{}\n", firsts.join(",")));
    for at in (0..rows).step_by(13) {
        let values: Vec<String> =
            (0..4).map(|name| if at / (rows / 4) % 4 == name { at.to_string() } else { String::new() }).collect();
        table.push_str(&format!("c,{},,{}\n", 1_700_000_000 + at, values.join(",")));
    }
    folder.write("wide.csv", table.as_bytes());
    let job = "sensor ingest long.csv -o lake --schema long.toml --partition none --json";
    folder.run("sensor ingest wide.csv -o wide --schema wide.toml --partition none").expect(&[0]);
    let smallest = folder.run(&format!("{job} --explain")).expect(&[0]).figure("/smallest_ceiling").div_ceil(1000);
    let of_one = (rows - rows.div_ceil(13)) as u64;
    for words in [format!("-m {smallest}kB -j 1"), "-m 1GB -j 2".into()] {
        let outcome = folder.run(&format!("{job} {words}")).expect(&[0]);
        let wanted = Counts {
            written: rows.div_ceil(13) as u64 + 3,
            // The first of each other name, and the note.
            merged: 4,
            duplicate: of_one - 4,
            conflicting: of_one - 4 + 1,
        };
        assert_eq!(counts(&outcome), wanted, "{words}");
        assert!(outcome.figure("/memory/actual_peak") <= outcome.figure("/memory/predicted_peak"), "{outcome}");
        assert_eq!(data(&folder, "lake"), data(&folder, "wide"), "{words}");
        folder.remove(&["lake"]);
    }
}

/// If no row became part of another, there would be as many rows of a thousand columns as there are readings.
#[test]
fn a_thousand_quantities_fit_in_little() {
    const QUANTITIES: usize = 1_000;
    for (kind, bytes) in [("float64", 48_000_000), ("string", 64_000_000)] {
        let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
        let mut dice = Dice::new(6);
        let mut long = String::from("station,time,quantity,value\n");
        let (mut cells, mut rows) = (BTreeMap::new(), 0u64);
        for _ in 0..60_000 {
            let key = (dice.below(10), dice.below(24));
            let (quantity, value) = (dice.below(QUANTITIES), dice.below(1_000));
            let hour = key.1;
            long += &format!("s{},2025-03-01T{hour:02}:00:00Z,q{quantity:03},{value}\n", key.0);
            cells.entry((key, quantity)).or_insert(value);
            rows += 1;
        }
        folder.write("long.csv", long.as_bytes());
        let names: Vec<String> = (0..QUANTITIES).map(|quantity| format!("q{quantity:03}")).collect();
        let schema = column("station", "type = \"category\"\nrole = \"sensor\"")
            + &column("time", "role = \"time\"")
            + &column("quantity", "type = \"category\"")
            + &column("value", &format!("type = \"{kind}\""))
            + &format!("[pivot]\nname = \"quantity\"\nvalue = \"value\"\ncolumns = {names:?}\n");
        folder.write("long.toml", schema.as_bytes());
        let job = "sensor ingest long.csv -o lake --schema long.toml --json";
        let smallest = folder.run(&format!("{job} --explain -m 1GB")).expect(&[0]).figure("/smallest_ceiling");
        assert!(smallest <= bytes, "{kind}: {smallest}");
        let mut all = Vec::new();
        for words in [format!("-m {}kB -j 2", smallest.div_ceil(1000)), "-m 1GB -j 5".into()] {
            let outcome = folder.run(&format!("{job} {words}")).expect(&[0]);
            let peak = outcome.figure("/memory/actual_peak");
            assert!(peak <= outcome.figure("/memory/predicted_peak"), "{outcome}");
            let told = outcome.rows();
            assert_eq!((told.read, told.written), (rows, 240), "{outcome}");
            assert_eq!(outcome.figure("/rows/merged"), cells.len() as u64 - 240, "{outcome}");
            all.push(data(&folder, "lake"));
            folder.remove(&["lake"]);
        }
        assert_eq!(all[0], all[1]);
    }
}

#[test]
fn killed_and_resumed() {
    let (folder, wanted) = ready(&readings(5, 60, 24 * 14, &number), "float64", "last", "string");
    let job = "sensor ingest long.csv -o lake --schema long.toml --partition day -m 40MB -j 1 --json";
    folder.run(job).expect(&[0]);
    let tree = Tree::of(&folder.at("lake"));
    folder.remove(&["lake"]);
    let mut killed = 0;
    for number in (1..).step_by(if full() { 1 } else { 9 }).take(40) {
        let outcome = folder.run_with_fault(job, &format!("kill:{number}"));
        if outcome.code == Some(0) {
            folder.remove(&["lake"]);
            break;
        }
        killed += 1;
        let outcome = folder.run(&format!("{job} --resume").replace("-m 40MB -j 1", "-m 200MB -j 2")).expect(&[0]);
        if outcome.figure("/chunks/done") > 0 {
            assert_eq!(counts(&outcome), wanted, "killed at {number}");
        }
        tree.assert_same(&Tree::of(&folder.at("lake")), &format!("killed at {number}"));
        folder.remove(&["lake"]);
    }
    assert!(killed > 3, "{killed}");
}

#[test]
fn batches_one_by_one_are_one_ingest() {
    let readings = readings(6, 30, 24 * 6, &number);
    for (keep, partition) in [("first", "day"), ("last", "day"), ("last", "none"), ("first", "sensor")] {
        let (folder, _) = ready(&readings, "float64", keep, "string");
        // Anything in any batch; and each quantity in a batch of its own.
        let mut by_name = readings.clone();
        by_name.sort_by_key(|reading| reading.name);
        for readings in [&readings, &by_name] {
            folder.write("long.csv", long(readings).as_bytes());
            let words = format!("--schema long.toml --partition {partition}");
            let outcome = folder.run(&format!("sensor ingest long.csv -o one {words} --json")).expect(&[0]);
            assert_eq!(counts(&outcome), wide(readings, keep == "last").1);
            let each = readings.len().div_ceil(4);
            for (number, batch) in readings.chunks(each).enumerate() {
                folder.write("batch.csv", long(batch).as_bytes());
                let words = if number == 0 { words.as_str() } else { "" };
                let run = ["-m 64MB -j 1", "-m 56MB -j 2", "-m 200MB -j 2"][number % 3];
                let outcome = folder.run(&format!("sensor ingest batch.csv -o lake --append {words} {run} --json"));
                outcome.expect(&[0]).rows();
            }
            assert_eq!(data(&folder, "lake"), data(&folder, "one"), "{keep} {partition}");
            let (lake, one) = (manifest(&folder, "lake"), manifest(&folder, "one"));
            for name in ["rows", "bytes", "time_us", "rejects", "schema", "rows_per_row_group"] {
                assert_eq!(lake[name], one[name], "{name} ({keep} {partition})");
            }
            // A batch that comes twice changes nothing.
            let outcome = folder.run("sensor ingest batch.csv -o lake --append --json").expect(&[0]);
            assert_eq!((counts(&outcome).written, counts(&outcome).merged), (0, 0));
            if keep == "first" {
                assert_eq!(outcome.figure("/lake/files_written"), 0, "{outcome}");
            }
            folder.remove(&["lake", "one"]);
        }
    }
}

#[test]
fn a_lake_is_compacted() {
    let readings = readings(7, 20, 24 * 4, &number);
    let (folder, _) = ready(&readings, "float64", "first", "string");
    folder.run("sensor ingest long.csv -o one --schema long.toml --partition none").expect(&[0]);
    folder
        .run("sensor ingest long.csv -o lake --schema long.toml --partition none --target-file-size 1kB")
        .expect(&[0]);
    folder.run("sensor compact lake --target-file-size 128MB").expect(&[0]);
    assert_eq!(data(&folder, "lake"), data(&folder, "one"));
}

/// The same rows as lines of JSON, in a document, and in Parquet.
#[test]
fn sources_of_any_kind() {
    let readings = readings(8, 20, 24 * 3, &number);
    let (folder, wanted) = ready(&readings, "float64", "first", "string");
    let objects: Vec<String> = readings
        .iter()
        .map(|Reading { station, time, name, value, note }| {
            let value = if value.is_empty() { "null" } else { value };
            let name = NAMES[*name];
            format!("{{\"station\":\"{station}\",\"time\":\"{time}\",\"note\":\"{note}\",\"parameter\":\"{name}\",\"value\":{value}}}")
        })
        .collect();
    folder.write("lines.json", (objects.join("\n") + "\n").as_bytes());
    let series: Vec<String> = readings
        .iter()
        .map(|Reading { station, time, name, value, note }| {
            let value = if value.is_empty() { "null" } else { value };
            let name = NAMES[*name];
            format!("{{\"variable\":{{\"code\":\"{name}\"}},\"site\":\"{station}\",\"values\":[{{\"time\":\"{time}\",\"note\":\"{note}\",\"value\":{value}}}]}}")
        })
        .collect();
    folder.write("nested.json", format!("{{\"series\":[{}]}}", series.join(",")).as_bytes());
    let schema = String::from_utf8(folder.read("long.toml")).expect("text");
    let nested = format!("[json]\nrecords = \"series.*.values\"\n{schema}")
        .replace("[columns.station]", "[columns.station]\nsource = \"@.site\"")
        .replace("[columns.parameter]", "[columns.parameter]\nsource = \"@.variable.code\"");
    folder.write("nested.toml", nested.as_bytes());
    // Rows of one key stay in their order.
    let plain = schema.split("[pivot]").next().expect("text").to_string() + "[dedup]\nkey = []\n";
    folder.write("plain.toml", plain.as_bytes());
    folder.run("sensor ingest long.csv -o plain --schema plain.toml --partition none").expect(&[0]);
    std::fs::rename(folder.at("plain/part-00000.parquet"), folder.at("long.parquet")).expect("a part");
    folder.run("sensor ingest wide.csv -o wide --schema wide.toml --partition day").expect(&[0]);
    for (source, schema) in [("lines.json", "long.toml"), ("nested.json", "nested.toml"), ("long.parquet", "long.toml")]
    {
        let words = format!("{source} -o lake --schema {schema} --partition day --json");
        let outcome = folder.run(&format!("sensor ingest {words}")).expect(&[0]);
        assert_eq!(counts(&outcome), wanted, "{source}");
        assert_eq!(data(&folder, "lake"), data(&folder, "wide"), "{source}");
        folder.remove(&["lake"]);
    }
}

/// Coordinates of a row are one value, and rows meet within their partition.
#[test]
fn places_stay_whole() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let of = |columns: &str, more: &str| {
        format!(
            "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\nrole = \"time\"\n\
             [columns.x]\ntype = \"float64\"\nrole = \"x\"\n[columns.y]\ntype = \"float64\"\nrole = \"y\"\n{columns}\
             [crs]\nsource = \"EPSG:25832\"\ntarget = \"EPSG:4326\"\n{more}"
        )
    };
    let long = of(
        "[columns.parameter]\n[columns.value]\ntype = \"float64\"\n",
        "[pivot]\nname = \"parameter\"\nvalue = \"value\"\ncolumns = [\"a\", \"b\", \"c\"]\n",
    );
    let wide: String = ["a", "b", "c"].map(|name| format!("[columns.{name}]\ntype = \"float64\"\n")).concat();
    folder.write("long.toml", long.as_bytes());
    folder.write("wide.toml", of(&wide, "").as_bytes());
    let t = "2025-01-01T00:00:00Z";
    let rows = [
        // Half a place comes before a whole one, and another one behind it.
        format!("s1,{t},500000,,a,1"),
        format!("s1,{t},,5600000,b,2"),
        format!("s1,{t},510000,5610000,c,3"),
        format!("s1,{t},520000,5620000,c,3"),
        format!("s2,{t},,,a,4"),
        format!("s2,{t},530000,5630000,b,5"),
    ];
    let header = "id,time,x,y,parameter,value\n";
    folder.write("long.csv", (header.to_string() + &rows.join("\n") + "\n").as_bytes());
    let table = format!("id,time,x,y,a,b,c\ns1,{t},510000,5610000,1,2,3\ns2,{t},530000,5630000,4,5,\n");
    folder.write("wide.csv", table.as_bytes());
    folder.run("sensor ingest wide.csv -o wide --schema wide.toml --partition day").expect(&[0]);
    let outcome = folder.run("sensor ingest long.csv -o one --schema long.toml --partition day --json").expect(&[0]);
    assert_eq!(counts(&outcome), Counts { written: 2, merged: 3, duplicate: 1, conflicting: 1 });
    assert_eq!(data(&folder, "one"), data(&folder, "wide"));
    for (number, row) in rows.iter().enumerate() {
        folder.write("batch.csv", format!("{header}{row}\n").as_bytes());
        let words = if number == 0 { "--schema long.toml --partition day" } else { "" };
        folder.run(&format!("sensor ingest batch.csv -o lake --append {words}")).expect(&[0]);
    }
    assert_eq!(data(&folder, "lake"), data(&folder, "wide"));
    assert_eq!(manifest(&folder, "lake")["rows"], manifest(&folder, "one")["rows"]);
    // By cells, rows of other places are other rows.
    let outcome =
        folder.run("sensor ingest long.csv -o cells --schema long.toml --partition tile:0.01 --json").expect(&[0]);
    assert_eq!(counts(&outcome), Counts { written: 5, merged: 1, duplicate: 0, conflicting: 0 });
}

#[test]
fn names_that_are_no_column_are_rejected() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let rows = "a,2025-01-01,pm25,1\na,2025-01-01,ozone,2\na,2025-01-01,,3\na,2025-01-01,pm10,4\n";
    folder.write("in.csv", format!("station,time,parameter,value\n{rows}").as_bytes());
    folder.write("s.toml", b"[pivot]\nname = \"parameter\"\nvalue = \"value\"\ncolumns = [\"pm25\", \"pm10\"]\n");
    let words = "sensor ingest in.csv -o lake --schema s.toml --json";
    assert!(folder.run(words).expect(&[7]).error_text().contains("unknown_parameter"));
    let outcome = folder.run(&format!("{words} --overwrite --max-rejects 50%")).expect(&[0]);
    let rows = outcome.rows();
    assert_eq!((rows.read, rows.written, rows.rejected), (4, 1, 2), "{outcome}");
    let text = String::from_utf8(folder.read("lake/_swath/rejects.ndjson")).expect("text");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let told: Vec<(u64, &str, &str)> = lines
        .iter()
        .map(|line| {
            assert_eq!(
                (&line["reason"], &line["column"]),
                (&"unknown_parameter".into(), &"parameter".into()),
                "{line}"
            );
            let raw = line["raw"].as_str().expect("text");
            (line["line"].as_u64().expect("a line"), line["detail"].as_str().expect("text"), raw)
        })
        .collect();
    assert_eq!(
        told,
        [
            (3, "wanted one of [pivot] columns (pm25, pm10), got \"ozone\"", "a,2025-01-01,ozone,2"),
            (4, "wanted one of [pivot] columns (pm25, pm10), got none", "a,2025-01-01,,3"),
        ]
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let rows = "a,2025-01-01,DE,pm25,1,1.5,9.5\na,2025-01-01,DE,pm10,2,1.5,9.5\n";
    folder.write("in.csv", format!("station,time,country,parameter,value,lat,lon\n{rows}").as_bytes());
    let pivot = "[pivot]\nname = \"parameter\"\nvalue = \"value\"\n";
    for (schema, words, wanted) in [
        ("[pivot]\nname = \"parameter\"", "", "pivot is not complete; wanted both name and value"),
        ("[pivot]\nname = \"parameter\"\nvalue = \"parameter\"", "", "pivot.value is \"parameter\", as pivot.name"),
        ("[pivot]\nname = \"parametr\"\nvalue = \"value\"", "", "pivot.name names \"parametr\", which is not a column"),
        ("[pivot]\nname = \"parameter\"\nvalue = \"val\"", "", "pivot.value names \"val\", which is not a column"),
        (
            "[pivot]\nname = \"station\"\nvalue = \"value\"",
            "",
            "pivot.name names \"station\", which has the role sensor",
        ),
        ("[pivot]\nname = \"parameter\"\nvalue = \"time\"", "", "pivot.value names \"time\", which has the role time"),
        ("[pivot]\nname = \"parameter\"\nvalue = \"lat\"", "", "pivot.value names \"lat\", which has the role y"),
        (&format!("{pivot}columns = []"), "", "pivot.columns is empty"),
        (&format!("{pivot}columns = [\"a\", \"a\"]"), "", "pivot.columns names \"a\" twice"),
        (&format!("{pivot}columns = [\" a\"]"), "", "without blanks around them"),
        (&format!("{pivot}columns = [\"country\"]"), "", "holds \"country\", and there is a column of that name"),
        (&format!("{pivot}colums = [\"a\"]"), "", "colums"),
        (&format!("{pivot}[dedup]\nkey = []"), "", "[pivot] has no key"),
        (
            &format!("{pivot}[dedup]\nkey = [\"station\", \"parameter\"]"),
            "",
            "dedup.key names \"parameter\", which [pivot]",
        ),
        (&format!("{pivot}[dedup]\nkey = [\"station\"]"), "", "wanted [dedup] key station, time, got station"),
        (
            &format!("{pivot}[dedup]\nkey = [\"station\", \"pm25\"]"),
            "",
            "dedup.key names \"pm25\", which is not a column",
        ),
        (&format!("{pivot}[crs]\ncolumn = \"value\""), "", "crs.column names \"value\""),
        (pivot, "--sort hilbert", "--sort hilbert does not go with [pivot]"),
        (pivot, "--partition column:pm25", "is of [pivot]"),
        (pivot, "--partition column:parameter", "is of [pivot]"),
    ] {
        folder.write("s.toml", schema.as_bytes());
        let outcome = folder.run(&format!("sensor ingest in.csv -o lake --schema s.toml {words}")).expect(&[2]);
        assert!(outcome.stderr.contains(wanted), "{schema}\nwanted {wanted}\n{outcome}");
        assert!(!folder.at("lake").exists(), "{schema}");
    }
    // A batch may not bring another pivot.
    folder.write("s.toml", pivot.as_bytes());
    folder.run("sensor ingest in.csv -o lake --schema s.toml").expect(&[0]);
    folder.write("s.toml", format!("{pivot}columns = [\"pm10\", \"pm25\", \"o3\"]").as_bytes());
    let outcome = folder.run("sensor ingest in.csv -o lake --append --schema s.toml").expect(&[2]);
    assert!(outcome.stderr.contains("--schema says otherwise than the lake"), "{outcome}");
}

#[test]
fn long_tables_are_told_and_shown() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let readings = readings(9, 5, 24, &number);
    folder.write("in.csv", long(&readings).as_bytes());
    let outcome = folder.run("sensor ingest in.csv -o plain --max-rejects 50%").expect(&[0]);
    let wanted =
        "with a column of each, write in a schema file\n  [pivot]\n  name = \"parameter\"\n  value = \"value\"\n";
    assert!(outcome.stderr.contains(wanted), "{outcome}");
    assert!(!outcome.stdout.contains("merged"), "{outcome}");
    folder.write("s.toml", b"[pivot]\nname = \"parameter\"\nvalue = \"value\"\n");
    let outcome = folder.run("sensor schema in.csv --schema s.toml").expect(&[0]);
    let section = "[pivot]\nname = \"parameter\"\nvalue = \"value\"\ncolumns = [\"no2\", \"o3\", \"pm10\", \"pm25\"]\n";
    assert!(outcome.stdout.contains(section), "{outcome}");
    assert!(outcome.stdout.contains("key = [\"station\", \"time\"]"), "{outcome}");
    folder.write("whole.toml", outcome.stdout.as_bytes());
    for schema in ["s.toml", "whole.toml"] {
        let plan =
            folder.run(&format!("sensor ingest in.csv -o {schema}-lake --schema {schema} --explain")).expect(&[0]);
        assert!(plan.stdout.contains("\"value\" by \"parameter\", 4 columns: no2, o3, pm10, pm25"), "{plan}");
        let outcome = folder.run(&format!("sensor ingest in.csv -o {schema}-lake --schema {schema}")).expect(&[0]);
        assert!(outcome.stdout.contains("merged"), "{outcome}");
        assert!(!outcome.stderr.contains("looks long"), "{outcome}");
    }
    assert_eq!(data(&folder, "s.toml-lake"), data(&folder, "whole.toml-lake"));
    let outcome = folder.run("info s.toml-lake").expect(&[0]);
    assert!(outcome.stdout.contains("pm25") && !outcome.stdout.contains("parameter"), "{outcome}");
}
