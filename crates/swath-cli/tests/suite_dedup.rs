//! Duplicates as the program tells them: by the key that the final schema has, and loudly where that may lose readings.

use serde_json::Value;
use swath_testkit::Folder;

/// Three equal rows, and a schema that says who measured.
#[test]
fn duplicates_are_found_whatever_the_sensor_is_called() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let schema = |name: &str, more: &str| {
        format!(
            "[columns.{name}]\nrole = \"sensor\"\n{more}\n[columns.time]\nrole = \"time\"\ntype = \"timestamp\"\n\
             [columns.v]\ntype = \"float32\"\n"
        )
    };
    for name in ["id", "station", "Kennung"] {
        folder.write("in.csv", format!("{name},time,v\n{}", "a,2025-01-01T00:00:00Z,1\n".repeat(3)).as_bytes());
        for more in ["type = \"category\"", "type = \"string\"", ""] {
            folder.write("schema.toml", schema(name, more).as_bytes());
            for partition in ["none", "day"] {
                let rows = folder.ingest(&format!("in.csv -o lake --partition {partition}")).rows();
                assert_eq!((rows.written, rows.duplicate), (1, 2), "{name} {more} {partition}");
                folder.remove(&["lake"]);
            }
        }
    }
    // Who says that nothing is a duplicate is heard.
    folder.write("schema.toml", format!("{}[dedup]\nkey = []\n", schema("Kennung", "type = \"category\"")).as_bytes());
    assert_eq!(folder.ingest("in.csv -o lake").rows().written, 3);
}

/// The newest reading of each sensor: one key has more rows than any table of rows could hold under the ceiling.
#[test]
fn a_key_may_have_any_number_of_rows() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let first = 1_700_000_000;
    let rows = 1_600_000;
    let row = |at: u32| format!("{},{},{at}\n", if at.is_multiple_of(3) { "a" } else { "b" }, first + at);
    folder.write("in.csv", format!("id,time,v\n{}", (0..rows).map(row).collect::<String>()).as_bytes());
    for (keep, times) in [("last", [first + rows - 2, first + rows - 1]), ("first", [first, first + 1])] {
        let schema = format!(
            "[columns.id]\ntype = \"category\"\nrole = \"sensor\"\n[columns.time]\ntype = \"timestamp\"\nformat = \
             \"epoch_s\"\nrole = \"time\"\n[columns.v]\ntype = \"int32\"\n[dedup]\nkey = [\"id\"]\nkeep = \"{keep}\"\n"
        );
        folder.write("schema.toml", schema.as_bytes());
        for (memory, partition) in [("48MB", "day"), ("256MB", "none")] {
            let outcome = folder.ingest(&format!("in.csv -o lake -m {memory} --partition {partition} -j 2"));
            let counts = outcome.rows();
            assert_eq!((counts.written, counts.duplicate), (2, u64::from(rows) - 2), "{outcome}");
            let manifest: Value = serde_json::from_slice(&folder.read("lake/_swath/manifest.json")).expect("JSON");
            assert_eq!(manifest["time_us"], serde_json::json!(times.map(|time| u64::from(time) * 1_000_000)), "{keep}");
            folder.remove(&["lake"]);
        }
    }
}

/// Long tables: several quantities of one sensor and time are no duplicates, and where they are taken for some that is
/// told before and after.
#[test]
fn readings_of_several_quantities_are_not_lost_in_silence() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    // With so many quantities in so few rows, their column is any text.
    let table = |rows: usize, gap: &str| {
        let name = |at: usize| if at % 7 == 6 { gap.to_string() } else { format!("nitrate_{}", at % 12) };
        let row = |at: usize| format!("a,2025-01-{:02},{},{at}\n", 1 + at / 4, name(at));
        format!("site,date,Result_Characteristic,value\n{}", (0..rows).map(row).collect::<String>())
    };
    folder.write("full.csv", table(40, "nitrite").as_bytes());
    let outcome = folder.run("sensor ingest full.csv -o full -m 64MB --json").expect(&[0]);
    assert_eq!(outcome.rows().written, 40, "{outcome}");
    folder.write("gaps.csv", table(40, "").as_bytes());
    let outcome = folder.run("sensor ingest gaps.csv -o gaps -m 64MB --json").expect(&[0]);
    assert_eq!(outcome.rows().written, 10, "{outcome}");
    for wanted in [
        "warning: the key of dedup, site, date, does not hold \"Result_Characteristic\"",
        "warning: 30 of 40 rows were left out as duplicates: another row has the same site, date",
        "[dedup] key = [\"site\", \"date\", …]",
    ] {
        assert!(outcome.stderr.contains(wanted), "{wanted}\n{outcome}");
    }
    let plan = folder.run("sensor ingest gaps.csv -o other -m 64MB --explain --json").expect(&[0]).json();
    let warnings: Vec<&str> = plan["warnings"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(warnings.iter().any(|warning| warning.contains("does not hold")), "{warnings:?}");
    // A few duplicates are what retransmissions make.
    folder.telemetry("few.csv", "--rows 2000 --sensors 20 --duplicates 0.1");
    let outcome = folder.run("sensor ingest few.csv -o few -m 64MB --json").expect(&[0]);
    assert!(outcome.rows().duplicate > 100 && !outcome.stderr.contains("left out as duplicates"), "{outcome}");
}
