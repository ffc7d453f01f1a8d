//! Parquet files as inputs: the same rows as from text, the same bytes at any ceiling, resumed, and refused with
//! reasons.

use swath_testkit::{Folder, Tree};

const WORDS: &str = "--partition none --target-file-size 1GB --max-rejects 100% --json";

/// A folder with a Parquet file that swath made of generated telemetry.
fn ready(options: &str) -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", options);
    folder.run(&format!("sensor ingest in.csv -o first {WORDS} -m 256MB")).expect(&[0]);
    std::fs::rename(folder.at("first/part-00000.parquet"), folder.at("in.parquet")).expect("one part");
    folder
}

fn parts(folder: &Folder, lake: &str) -> Vec<u8> {
    folder.read(&format!("{lake}/part-00000.parquet"))
}

#[test]
fn a_part_of_a_lake_comes_out_as_it_went_in_at_any_ceiling() {
    let folder = ready("--rows 700000 --sensors 300 --malformed 0");
    let input = folder.read("in.parquet");
    let plan = folder.run(&format!("sensor ingest in.parquet -o lake {WORDS} --explain -m 1GB")).expect(&[0]);
    let smallest = plan.figure("/smallest_ceiling").div_ceil(1000);
    let mut first: Option<Tree> = None;
    for words in [format!("-m {smallest}kB -j 2"), "-m 64MB -j 1".into(), "-m 64MB -j 2".into(), "-m 1GB -j 5".into()] {
        let outcome = folder.run(&format!("sensor ingest in.parquet -o lake {WORDS} {words}")).expect(&[0]);
        let rows = outcome.rows();
        assert_eq!((rows.read, rows.rejected, rows.duplicate), (rows.written, 0, 0), "{outcome}");
        let (peak, predicted) = (outcome.figure("/memory/actual_peak"), outcome.figure("/memory/predicted_peak"));
        assert!(peak <= predicted && predicted <= outcome.figure("/memory/ceiling"), "{outcome}");
        let tree = Tree::of(&folder.at("lake"));
        first.get_or_insert_with(|| tree.clone()).assert_same(&tree, &words);
        assert!(parts(&folder, "lake") == input, "the part is another one than it was made of");
        folder.remove(&["lake"]);
    }
}

#[test]
fn killed_and_resumed() {
    let folder = ready("--rows 700000 --sensors 300");
    let job = format!("sensor ingest in.parquet -o lake {WORDS} -m 64MB -j 1");
    let wanted = {
        folder.run(&job).expect(&[0]);
        let wanted = Tree::of(&folder.at("lake"));
        folder.remove(&["lake"]);
        wanted
    };
    for wait in [60, 150, 300, 450] {
        let running = folder.start(&job);
        std::thread::sleep(std::time::Duration::from_millis(wait));
        running.kill();
        if folder.at(".lake.partial").exists() || !folder.at("lake").exists() {
            folder.run(&format!("{job} --resume")).expect(&[0]);
        }
        wanted.assert_same(&Tree::of(&folder.at("lake")), &format!("killed after {wait} ms"));
        folder.remove(&["lake"]);
    }
}

#[test]
fn filters_leave_the_same_rows_as_of_text() {
    let folder = ready("--rows 300000 --sensors 50 --malformed 0");
    for filter in ["--since 2025-03-03 --until 2025-03-09T12:00:00Z", "--bbox 8,49,10,51"] {
        let rows = |input: &str, lake: &str| {
            let line = format!("sensor ingest {input} -o {lake} {WORDS} {filter} -m 256MB");
            folder.run(&line).expect(&[0]).rows()
        };
        let (text, columns) = (rows("in.csv", "text"), rows("in.parquet", "columns"));
        assert_eq!(text.written, columns.written, "{filter}");
        assert_eq!(columns.read, columns.written + columns.filtered, "{filter}");
        assert!(columns.written > 0 && columns.filtered > 0, "{filter}");
        assert!(parts(&folder, "text") == parts(&folder, "columns"), "{filter}");
        folder.remove(&["text", "columns"]);
    }
}

#[test]
fn rejects_name_the_row() {
    let folder = ready("--rows 5000 --sensors 50");
    let schema = folder.run("sensor schema in.parquet").expect(&[0]);
    let text = schema.stdout.replacen("[columns.pm25]\n", "[columns.pm25]\nmax = 20.0\n", 1);
    folder.write("s.toml", text.as_bytes());
    let outcome = folder.run(&format!("sensor ingest in.parquet -o lake --schema s.toml {WORDS} -m 64MB")).expect(&[0]);
    let rejected = outcome.rows().rejected;
    assert!(rejected > 0, "{outcome}");
    let rejects = folder.read("lake/_swath/rejects.ndjson");
    let rejects: Vec<serde_json::Value> =
        rejects.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(rejects.len() as u64, rejected);
    let row = |line: &serde_json::Value| line["row"].as_u64().expect("a row");
    assert!(rejects.windows(2).all(|pair| row(&pair[0]) < row(&pair[1])));
    let raw: serde_json::Value = serde_json::from_str(rejects[0]["raw"].as_str().expect("text")).expect("JSON");
    assert!(raw["pm25"].as_f64() > Some(20.0) && raw["sensor_id"].is_string(), "{raw}");
    assert_eq!((&rejects[0]["reason"], &rejects[0]["line"]), (&"out_of_range".into(), &serde_json::Value::Null));
}

#[test]
fn what_cannot_be_read_is_told() {
    let folder = ready("--rows 20000 --sensors 5");
    let whole = folder.read("in.parquet");
    folder.write("cut.parquet", &whole[..whole.len() / 2]);
    folder.write("renamed.csv", &whole);
    let mut broken = whole.clone();
    let place = broken.len() - 9;
    broken[place - 300..place].fill(0xff);
    folder.write("broken.parquet", &broken);
    folder.write("empty.parquet", b"");
    for (input, code, wanted) in [
        ("in.parquet in.csv", 2, "the inputs are of two kinds"),
        ("cut.parquet", 5, "cut.parquet"),
        ("broken.parquet", 5, "the footer cannot be read"),
        ("empty.parquet", 5, "the file is empty"),
    ] {
        let outcome = folder.run(&format!("sensor ingest {input} -o lake -m 64MB")).expect(&[code]);
        let text = outcome.error_text();
        assert!(text.contains(wanted) && text.contains("hint:"), "{input}: {text}");
        assert!(!folder.at("lake").exists() && !folder.at(".lake.partial").exists(), "{input}");
    }
    folder.run(&format!("sensor ingest renamed.csv -o lake {WORDS} -m 64MB")).expect(&[0]);
}
