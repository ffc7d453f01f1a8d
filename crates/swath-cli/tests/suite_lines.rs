//! Text that is not plain delimited text: fields between blanks or of fixed width, files in which more follows the table,
//! and times in several columns.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use swath_testkit::{Folder, Tree, skipped};

const SCHEMA: &str = r#"
[columns.sensor_id]
type = "category"
role = "sensor"
[columns.timestamp]
type = "timestamp"
role = "time"
[columns.lat]
type = "float64"
role = "y"
[columns.lon]
type = "float64"
role = "x"
[columns.pm25]
type = "float32"
"#;

/// Rows, each written by `write` from its five fields.
fn rows(count: usize, mut write: impl FnMut(&mut String, [&str; 5]) -> std::fmt::Result) -> String {
    let mut text = String::new();
    for row in 0..count {
        let (sensor, minute) = (format!("s-{}", row % 5), row / 5);
        let (day, hour, rest) = (1 + minute / 1440, minute / 60 % 24, minute % 60);
        let time = format!("2025-03-{day:02}T{hour:02}:{rest:02}:00Z");
        let (lat, value) = (format!("{}.58", row % 5), format!("{}.5", row % 90));
        write(&mut text, [&sensor, &time, &lat, "9.25", &value]).expect("memory takes it");
    }
    text
}

fn parts(folder: &Folder, lake: &str) -> Vec<Vec<u8>> {
    let tree = Tree::of(&folder.at(lake));
    let parts = tree.paths().filter(|path| path.ends_with(".parquet"));
    parts.map(|path| folder.read(&format!("{lake}/{path}"))).collect()
}

/// Rows of several units, cut in three ways, become the same files under any ceiling and any number of threads.
#[test]
fn words_and_columns_become_what_delimited_text_does() {
    const ROWS: usize = 120_000;
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let names = "sensor_id,timestamp,lat,lon,pm25\n";
    let delimited = rows(ROWS, |out, fields| writeln!(out, "{}", fields.join(",")));
    folder.write("in.csv", (names.to_string() + &delimited).as_bytes());
    let words = rows(ROWS, |out, [a, b, c, d, e]| writeln!(out, "  {a}   {b} \t{c} {d}     {e} "));
    folder.write("words.txt", (names.replace(',', "  ") + &words).as_bytes());
    let columns = rows(ROWS, |out, [a, b, c, d, e]| writeln!(out, "{a:<5}{b:<20}{c:>8}{d:>8}{e:>9}"));
    assert!(columns.len() > 4 << 20, "one unit only");
    folder.write("columns.txt", columns.as_bytes());
    let numbered = |text: &str| {
        let mut number = 0;
        let lines = text.lines().map(|line| {
            number += u32::from(line.starts_with("[columns"));
            if line.starts_with("type") {
                format!("{line}\nsource = \"column_{number}\"\n")
            } else {
                format!("{line}\n")
            }
        });
        lines.collect::<String>()
    };
    folder.write("csv.toml", SCHEMA.as_bytes());
    folder.write("words.toml", format!("[csv]\ndelimiter = \"spaces\"\n{SCHEMA}").as_bytes());
    let widths = format!("[csv]\nheader = false\nwidths = [5, 20, 8, 8, 9]\n{}", numbered(SCHEMA));
    folder.write("columns.toml", widths.as_bytes());
    let run = |input: &str, schema: &str, lake: &str, options: &str| {
        let line = format!("sensor ingest {input} -o {lake} --schema {schema} --partition day --json {options}");
        let outcome = folder.run(&line).expect(&[0]);
        let (predicted, actual) = (outcome.figure("/memory/predicted_peak"), outcome.figure("/memory/actual_peak"));
        assert!(actual <= predicted, "{actual} used, {predicted} predicted\n{outcome}");
        assert_eq!(outcome.rows().written, ROWS as u64, "{outcome}");
        parts(&folder, lake)
    };
    let wanted = run("in.csv", "csv.toml", "reference", "");
    assert!(wanted.len() > 10);
    for (input, schema) in [("words.txt", "words.toml"), ("columns.txt", "columns.toml")] {
        for options in ["-m 64MB -j 1", "-m 256MB -j 4"] {
            assert!(run(input, schema, "lake", options) == wanted, "{input} with {options} gave other files");
            folder.remove(&["lake"]);
        }
    }
}

/// What follows the table is no part of it, wherever units end, and a footer that nobody spoke of is told.
#[test]
fn a_table_ends_where_the_schema_says() {
    const ROWS: usize = 110_000;
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let table = String::from("sensor_id,timestamp,lat,lon,pm25\n")
        + &rows(ROWS, |out, fields| writeln!(out, "{}", fields.join(",")));
    let footer = "\npm25: particles (ug/m3)\nlat: latitude\nmonth,year\n".to_string() + &"1,2025\n".repeat(700_000);
    assert!(table.len() > 4 << 20 && footer.len() > 4 << 20, "no unit lies behind the table");
    folder.write("plain.csv", table.as_bytes());
    folder.write("in.csv", (table.clone() + &footer).as_bytes());
    folder.write("stop.toml", format!("[csv]\nstop_at = \"pm25: \"\n{SCHEMA}").as_bytes());
    folder.write("none.toml", format!("[csv]\nstop_at = \"END\"\n{SCHEMA}").as_bytes());
    folder.write("open.toml", SCHEMA.as_bytes());
    let line = |input: &str, schema: &str, lake: &str| {
        folder.run(&format!("sensor ingest {input} -o {lake} --schema {schema} -m 64MB --partition day --json"))
    };
    let whole = line("plain.csv", "open.toml", "reference").expect(&[0]);
    let outcome = line("in.csv", "stop.toml", "lake").expect(&[0]);
    let (read, written) = (outcome.rows().read, outcome.rows().written);
    assert_eq!((read, written), (ROWS as u64, whole.rows().written), "{outcome}");
    assert!(parts(&folder, "lake") == parts(&folder, "reference"), "other files than without a footer");
    let outcome = line("plain.csv", "none.toml", "to-the-end").expect(&[0]);
    assert!(outcome.stderr.contains("no line begins with stop_at = \"END\" in plain.csv"), "{outcome}");
    let outcome = line("in.csv", "open.toml", "footer").expect(&[7]);
    let hint = outcome.json()["error"]["hint"].as_str().unwrap_or_default().to_string();
    assert!(hint.contains("stop_at"), "{outcome}");
}

/// Hints name the line behind a small table; with it the table is read.
#[test]
fn a_footer_is_told() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let text = "time,v\n20160101:0010,1.5\n20160101:0110,2.5\n\nv: value\nPVGIS (c) European Union\n";
    folder.write("in.csv", text.as_bytes());
    let outcome = folder.run("sensor ingest in.csv -o lake --json").expect(&[7]);
    let wanted =
        "the last 2 lines of in.csv have other fields than the table, from one that begins with \"v: value\" on";
    assert!(outcome.stderr.contains(wanted), "{outcome}");
    folder.write("stop.toml", b"[csv]\nstop_at = \"v: \"\n");
    let outcome = folder.run("sensor ingest in.csv -o lake --schema stop.toml --json").expect(&[0]);
    assert_eq!((outcome.rows().read, outcome.rows().written), (2, 2), "{outcome}");
    assert!(!outcome.stderr.contains("stop_at"), "{outcome}");
}

/// Tables of the corpus that take a schema file: the file, the schema, and the rows, all of which are written.
const REAL: [(&str, &str, u64); 10] = [
    ("solar/CRNS0101-05-2019-AZ_Tucson_11_W.txt", "uscrn", 4),
    // A line of blanks is among its rows.
    ("solar/CRN_with_problems.txt", "uscrn", 3),
    ("solar/surfrad-slv16001.dat", "surfrad", 1440),
    ("solar/12839.tm2", "tmy2", 8760),
    ("solar/SRML-day-EUPO1801.txt", "srml", 1440),
    ("solar/midc_raw_20181018.txt", "midc_raw", 1440),
    ("solar/pvgis_hourly_Timeseries_45.000_8.000_SA_30deg_0deg_2016_2016.csv", "pvgis_hourly", 14),
    ("solar/tmy_45.000_8.000_2005_2023.csv", "pvgis_tmy", 8760),
    ("solar/cams_radiation_1min_verbose.csv", "cams_radiation", 4),
    ("NAME_output.txt", "name_output", 49_990),
];

#[test]
fn real_tables_are_read_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = root.join("../shared/corpus");
    let corpus = std::env::var_os("SWATH_CORPUS").map_or(beside, PathBuf::from).join("telemetry");
    if !corpus.is_dir() {
        skipped("real tables", "there is no corpus; SWATH_CORPUS names its folder");
        return;
    }
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    for (file, schema, rows) in REAL {
        folder.write("in.txt", &std::fs::read(corpus.join(file)).expect(file));
        folder.write("schema.toml", &std::fs::read(root.join(format!("tests/schemas/{schema}.toml"))).expect(schema));
        let outcome = folder.run("sensor ingest in.txt -o lake --schema schema.toml --json").expect(&[0]);
        assert_eq!((outcome.rows().read, outcome.rows().written), (rows, rows), "{file}\n{outcome}");
        folder.remove(&["lake"]);
    }
}
