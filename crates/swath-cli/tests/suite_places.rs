//! Coordinates as they come: in the system of their file or row, and never outside of what that system has.

use swath_testkit::Folder;

const COLUMNS: &str = r#"
[columns.sensor]
type = "category"
role = "sensor"
[columns.time]
type = "timestamp"
role = "time"
[columns.x]
type = "float64"
role = "x"
[columns.y]
type = "float64"
role = "y"
"#;

fn rows(points: &[&str]) -> String {
    let row = |(at, point): (usize, &&str)| format!("a,2025-01-01T00:00:{at:02}Z,{point}\n");
    format!("sensor,time,x,y,srid\n{}", points.iter().enumerate().map(row).collect::<String>())
}

/// Reasons of the rejects of a lake.
fn reasons(folder: &Folder) -> Vec<(u64, String, String)> {
    let text = String::from_utf8(folder.read("lake/_swath/rejects.ndjson")).expect("UTF-8");
    let read = |line: &str| {
        let reject: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = |name: &str| reject[name].as_str().unwrap_or_default().to_string();
        (reject["line"].as_u64().unwrap_or_default(), text("reason"), text("detail"))
    };
    text.lines().map(read).collect()
}

const WORDS: &str = "-o lake -m 64MB --max-rejects 100% --schema schema.toml --json";

#[test]
fn limits_are_those_of_the_system_of_the_file() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("degrees/a.csv", rows(&["8,47,", "500,47,", "8,95,"]).as_bytes());
    folder.write("zone32/a.csv", rows(&["500000,5300000,", "500000,99000000,"]).replace("a,", "b,").as_bytes());
    let bad = "coordinate_out_of_bounds".to_string();
    for (files, degrees, metres) in [
        ("match = \"zone32/*.csv\"\nsource = \"EPSG:32632\"", 1, 1),
        ("match = \"./zone32/*\"\nsource = \"EPSG:32632\"", 1, 1),
        ("match = \"*/a.csv\"\nsource = \"EPSG:4326\"", 1, 0),
        // A slip: metres are no degrees.
        ("match = \"zonee32/*.csv\"\nsource = \"EPSG:32632\"", 1, 0),
    ] {
        let schema = format!("{COLUMNS}[crs]\ntarget = \"EPSG:4326\"\n[[crs.files]]\n{files}\n");
        folder.write("schema.toml", schema.as_bytes());
        let outcome = folder.run(&format!("sensor ingest degrees zone32 {WORDS}")).expect(&[0]);
        assert_eq!(outcome.rows().written, degrees + metres, "{files}\n{outcome}");
        let reasons = reasons(&folder);
        assert!(reasons.iter().all(|(_, reason, _)| *reason == bad), "{files}: {reasons:?}");
        assert!(reasons[0].2.contains("wanted -180 to 180, got \"500\""), "{reasons:?}");
        let warned = outcome.stderr.contains("[[crs.files]] match = \"zonee32/*.csv\" matches none of the inputs");
        assert_eq!(warned, files.contains("zonee32"), "{outcome}");
        folder.remove(&["lake"]);
    }
}

#[test]
fn limits_are_those_of_the_system_of_the_row() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let points = ["8,47,4326", "500,47,4326", "8,95,EPSG:4326", "500000,5300000,32632", "8,47,", "8,47,x"];
    folder.write("in.csv", rows(&points).as_bytes());
    // Degrees are good metres; that is all that limits can tell.
    for srid in ["category", "string"] {
        for (more, written, bad) in [("", 2, vec![3, 4, 6, 7]), ("out_of_range = \"null\"\n", 4, vec![6, 7])] {
            let columns = COLUMNS.replace("role = \"x\"\n", &format!("role = \"x\"\n{more}"));
            let columns = columns.replace("role = \"y\"\n", &format!("role = \"y\"\n{more}"));
            let crs = "[crs]\ncolumn = \"srid\"\ntarget = \"EPSG:4326\"\n";
            folder.write("schema.toml", format!("{columns}[columns.srid]\ntype = \"{srid}\"\n{crs}").as_bytes());
            let outcome = folder.run(&format!("sensor ingest in.csv {WORDS}")).expect(&[0]);
            assert_eq!(outcome.rows().written, written, "{srid} {more}\n{outcome}");
            let reasons = reasons(&folder);
            assert_eq!(reasons.iter().map(|reject| reject.0).collect::<Vec<_>>(), bad, "{srid} {more}: {reasons:?}");
            if more.is_empty() {
                assert_eq!(reasons[0].1, "coordinate_out_of_bounds");
                assert_eq!(reasons[1].2, "wanted -90 to 90, got 95 (EPSG:4326)");
            }
            assert_eq!(reasons.last().map(|reject| reject.1.as_str()), Some("unknown_crs"));
            let manifest: serde_json::Value =
                serde_json::from_slice(&folder.read("lake/_swath/manifest.json")).expect("JSON");
            let north = manifest["bbox"][3].as_f64().expect("a box");
            assert!(north < 48.0, "{manifest}");
            folder.remove(&["lake"]);
        }
    }
}

/// What cannot be ingested yet can be looked at: that is how a person finds out what to say of it.
#[test]
fn coordinates_in_metres_can_be_looked_at() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("utm.csv", rows(&["500000,5300000,32632", "500001,5300001,32632"]).as_bytes());
    let told = "goes from 500000 to 500001: these coordinates are no degrees";
    let info = folder.run("info utm.csv").expect(&[0]);
    assert!(info.stderr.contains(told) && info.stderr.contains("[crs] source = "), "{info}");
    assert!(info.stdout.contains("500000, 5300000, 500001, 5300001") && !info.stdout.contains("EPSG:4326"), "{info}");
    let schema = folder.run("sensor schema utm.csv").expect(&[0]);
    assert!(schema.stderr.contains(told) && schema.stdout.contains("source has to be set"), "{schema}");
    folder.write("schema.toml", schema.stdout.as_bytes());
    for words in ["", "--schema schema.toml"] {
        let refused = folder.run(&format!("sensor ingest utm.csv -o lake -m 64MB {words}")).expect(&[2]);
        assert!(refused.stderr.contains(told), "{refused}");
    }
    let said = schema.stdout.replace("[crs]\n", "[crs]\nsource = \"EPSG:32632\"\n");
    folder.write("schema.toml", said.as_bytes());
    folder.run("sensor ingest utm.csv -o lake -m 64MB --schema schema.toml").expect(&[0]);
}
