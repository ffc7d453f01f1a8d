//! Where rows come from: compressed files, other encodings, JSON, standard input, pipes and lists. What comes out is what
//! comes out of the plain text, whatever the ceiling, and damage is an error.
#![cfg(unix)]

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;
use swath_testkit::{Dice, Folder, Outcome};

const WORDS: &str = "--partition none --target-file-size 1GB --json";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("memory");
    out.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("memory")
}

/// The rows of delimited text as objects, each a text; what reads as a number is one.
fn objects(csv: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(csv);
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
    let value = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(_)) => text.to_string(),
        _ if text.is_empty() => "null".into(),
        _ => Value::String(text.into()).to_string(),
    };
    let member = |(name, text): (&&str, &str)| format!("\"{name}\":{}", value(text));
    let object = |line: &str| names.iter().zip(line.split(',')).map(member).collect::<Vec<_>>().join(",");
    lines.map(|line| format!("{{{}}}", object(line))).collect()
}

fn lines(objects: &[String]) -> Vec<u8> {
    (objects.join("\n") + "\n").into_bytes()
}

/// A document of records, with line ends between all values if it is to be read by people.
fn array(objects: &[String], is_pretty: bool) -> String {
    let between = if is_pretty { ",\r\n  " } else { "," };
    let inside = |object: &String| if is_pretty { object.replace(',', between) } else { object.clone() };
    format!("[{}]", objects.iter().map(inside).collect::<Vec<_>>().join(between))
}

/// A folder with telemetry in `in.csv`, and the part of the lake that it becomes.
fn ready(rows: u64) -> (Folder, Vec<u8>) {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", &format!("--rows {rows} --sensors 50 --malformed 0"));
    let wanted = lake_of(&folder, "in.csv", "-m 256MB");
    (folder, wanted)
}

fn ingest(folder: &Folder, source: &str, words: &str) -> Outcome {
    folder.run(&format!("sensor ingest {source} -o lake {WORDS} {words}"))
}

/// The part that an input becomes, once it is held against what was predicted.
fn lake_of(folder: &Folder, source: &str, words: &str) -> Vec<u8> {
    let outcome = ingest(folder, source, words).expect(&[0]);
    let (peak, predicted) = (outcome.figure("/memory/actual_peak"), outcome.figure("/memory/predicted_peak"));
    assert!(peak <= predicted && predicted <= outcome.figure("/memory/ceiling"), "{outcome}");
    assert!(outcome.figure("/scratch/actual") <= outcome.figure("/scratch/predicted"), "{outcome}");
    let part = folder.read("lake/part-00000.parquet");
    folder.remove(&["lake"]);
    part
}

/// Runs with something on standard input.
fn piped(folder: &Folder, line: &str, bytes: &[u8]) -> (Option<i32>, String) {
    let mut child = folder
        .command(line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    // It may end before it has read all.
    let _ = child.stdin.take().expect("piped").write_all(bytes);
    let output = child.wait_with_output().expect("ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_is_wrapped_comes_out_as_it_went_in() {
    let (folder, wanted) = ready(60_000);
    let plain = folder.read("in.csv");
    let half = plain.len() / 2;
    let utf16: Vec<u8> =
        format!("\u{feff}{}", String::from_utf8_lossy(&plain)).encode_utf16().flat_map(u16::to_be_bytes).collect();
    let records = objects(&plain);
    for (name, bytes) in [
        ("gz", gzip(&plain)),
        ("members", [gzip(&plain[..half]), gzip(&plain[half..])].concat()),
        ("zst", zstd(&plain)),
        ("frames", [zstd(&plain[..half]), zstd(&plain[half..])].concat()),
        ("twice", zstd(&gzip(&plain))),
        ("utf16", utf16.clone()),
        ("utf16.gz", gzip(&utf16)),
        ("ndjson", lines(&records)),
        ("ndjson.zst", zstd(&lines(&records))),
        ("json", array(&records, false).into_bytes()),
        ("pretty.json", array(&records, true).into_bytes()),
        ("deep.json.gz", gzip(format!("{{\"readings\":{},\"about\":[1]}}", array(&records, false)).as_bytes())),
    ] {
        folder.write("other", &bytes);
        assert!(lake_of(&folder, "other", "-m 256MB") == wanted, "{name}: other bytes");
    }
}

#[test]
fn the_same_bytes_under_any_ceiling() {
    let (folder, wanted) = ready(300_000);
    let plain = folder.read("in.csv");
    let records = objects(&plain);
    folder.write("in.csv.gz", &gzip(&plain));
    folder.write("in.ndjson", &lines(&records));
    folder.write("in.json.zst", &zstd(array(&records, false).as_bytes()));
    for source in ["in.csv.gz", "in.ndjson", "in.json.zst"] {
        let plan = ingest(&folder, source, "--explain -m 2GB").expect(&[0]);
        let smallest = plan.figure("/smallest_ceiling").div_ceil(1000);
        for words in [format!("-m {smallest}kB -j 1"), "-m 48MB -j 2".into(), "-m 1GB -j 5".into()] {
            assert!(lake_of(&folder, source, &words) == wanted, "{source}, {words}: other bytes");
        }
        ingest(&folder, source, &format!("-m {}kB", smallest - 10)).expect(&[3]);
    }
}

#[test]
fn killed_and_resumed() {
    let (folder, wanted) = ready(300_000);
    let plain = folder.read("in.csv");
    folder.write("in.csv.gz", &gzip(&plain));
    folder.write("in.ndjson", &lines(&objects(&plain)));
    for source in ["in.csv.gz", "in.ndjson"] {
        let job = format!("sensor ingest {source} -o lake {WORDS} -m 48MB -j 1");
        for wait in [30, 150, 300, 500] {
            let running = folder.start(&job);
            std::thread::sleep(std::time::Duration::from_millis(wait));
            running.kill();
            folder.run(&format!("{job} --resume")).expect(&[0]);
            assert!(folder.read("lake/part-00000.parquet") == wanted, "{source}, killed after {wait} ms");
            folder.remove(&["lake"]);
        }
    }
}

#[test]
fn standard_input_pipes_and_lists_are_read() {
    let (folder, wanted) = ready(60_000);
    let plain = folder.read("in.csv");
    let line = format!("sensor ingest - -o lake {WORDS} -m 64MB");
    for bytes in [plain.clone(), gzip(&plain), lines(&objects(&plain))] {
        assert_eq!(piped(&folder, &line, &bytes).0, Some(0));
        assert!(folder.read("lake/part-00000.parquet") == wanted, "standard input");
        folder.remove(&["lake"]);
    }
    // What is gone on with must be the same.
    assert_eq!(piped(&folder, &line, &plain).0, Some(0));
    assert_eq!(piped(&folder, &format!("{line} --resume"), &plain).0, Some(0));
    let (code, text) = piped(&folder, &format!("{line} --resume"), &plain[..plain.len() - 9]);
    assert_eq!(code, Some(6), "{text}");
    folder.remove(&["lake"]);
    let pipe = folder.at("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|made| made.success()), "no mkfifo");
    let writer = std::thread::spawn(move || std::fs::write(pipe, plain));
    assert!(lake_of(&folder, "pipe", "-m 64MB") == wanted, "a pipe");
    writer.join().expect("no panic").expect("written");
    let text = String::from_utf8_lossy(&folder.read("in.csv")).into_owned();
    let (header, rows) = text.split_once('\n').expect("a header");
    let cut = rows[..rows.len() / 3].rfind('\n').expect("a line") + 1;
    folder.write("a.csv", format!("{header}\n{}", &rows[..cut]).as_bytes());
    folder.write("b.csv", format!("{header}\n{}", &rows[cut..]).as_bytes());
    folder.write("list.txt", b"a.csv\n\n  b.csv\r\n");
    assert!(lake_of(&folder, "@list.txt", "-m 64MB") == wanted, "a list");
    folder.write("list.txt", b"a.csv\nnone.csv\n");
    let refused = ingest(&folder, "@list.txt", "").expect(&[5]);
    assert!(refused.error_text().contains("none.csv"), "{refused}");
}

#[test]
fn a_stream_that_never_comes_can_be_stopped() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let mut child = folder
        .command("sensor ingest - -o lake --json")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let stdin = child.stdin.take();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().is_ok_and(|sent| sent.success()));
    assert_eq!(child.wait().expect("ends").code(), Some(75));
    drop(stdin);
    assert_eq!(folder.names(), ["schema.toml"], "something was left");
}

#[test]
fn damage_is_an_error_and_leaves_nothing() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--rows 3000 --sensors 9 --malformed 0");
    let plain = folder.read("in.csv");
    let records = objects(&plain);
    let mut dice = Dice::new(7);
    for (name, bytes) in [
        ("in.csv.gz", gzip(&plain)),
        ("in.csv.zst", zstd(&plain)),
        ("in.json", array(&records, false).into_bytes()),
        ("in.ndjson", lines(&records)),
    ] {
        for round in 0..40 {
            let mut bad = bytes.clone();
            match round % 2 {
                0 => bad.truncate(1 + dice.below(bytes.len() - 1)),
                _ => (0..50).for_each(|_| bad[dice.below(bytes.len())] = dice.draw() as u8),
            }
            folder.write(name, &bad);
            let outcome = ingest(&folder, name, "-m 64MB --max-rejects 50%").expect(&[0, 2, 5, 7]);
            let done = folder.at("lake").exists();
            assert_eq!(done, outcome.code == Some(0), "{outcome}");
            if done {
                assert!(outcome.figure("/memory/actual_peak") <= 64_000_000, "{outcome}");
                let rows = outcome.rows();
                assert_eq!(rows.read, rows.written + rows.duplicate + rows.rejected, "{outcome}");
            } else {
                assert!(outcome.stderr.contains("hint:"), "{outcome}");
            }
            folder.remove(&["lake", "lake.rejects.ndjson"]);
        }
    }
    let wanted = ["in.csv", "in.csv.gz", "in.csv.truth.json", "in.csv.zst", "in.json", "in.ndjson", "schema.toml"];
    assert_eq!(folder.names(), wanted);
}

#[test]
fn what_is_wrong_is_said() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    let row = r#"{"id":"a","time":"2025-01-01T00:00:00Z","v":1}"#;
    folder.write("one.csv", b"id,time,v\na,2025-01-01T00:00:00Z,1\n");
    folder.write("lines.ndjson", format!("{row}\n{row}\n").as_bytes());
    folder.write("many.json", format!("{{\"a\":[{row}],\"b\":[{row}]}}").as_bytes());
    folder.write("none.json", b"{\n\"7\": {\"x\": 1}}");
    folder.write("cut.json", format!("[{row},{row}").as_bytes());
    folder.write("long.json", format!("[{{\"id\":\"{}\"}}]", "x".repeat(2_000_000)).as_bytes());
    folder.write("long.csv.gz", &gzip(&b"id,time,v\n".repeat(1000)));
    folder.write("csv.toml", b"[json]\n");
    folder.write("path.toml", b"[json]\nrecords = \"a..b\"\n");
    folder.write("c.toml", b"[json]\nrecords = \"c\"\n");
    folder.write("latin.toml", b"[csv]\nencoding = \"ebcdic\"\n");
    folder.write("latin.csv", b"ort,time,v\nM\xfcnchen,2025-01-01T00:00:00Z,1\n");
    for (words, code, wanted) in [
        ("one.csv lines.ndjson", 2, "is JSON, and"),
        ("many.json", 5, "several arrays of records: \"a\", \"b\""),
        ("none.json", 5, "[json] records"),
        ("cut.json", 5, "a comma or a ]"),
        ("long.json", 5, "--max-record"),
        ("one.csv --schema csv.toml", 5, "this is no JSON"),
        ("many.json --schema path.toml", 2, "is no path"),
        ("many.json --schema c.toml", 5, "nothing at the path \"c\""),
        ("one.csv --schema latin.toml", 2, "windows-1252"),
        ("long.csv.gz --tmp-limit 1kB", 6, "--tmp-limit"),
    ] {
        let outcome = ingest(&folder, words, "").expect(&[code]);
        assert!(outcome.stderr.contains(wanted), "{words}: wanted {wanted:?}\n{outcome}");
    }
    folder.write("latin.toml", b"[csv]\nencoding = \"latin-1\"\n");
    ingest(&folder, "latin.csv --schema latin.toml", "").expect(&[0]);
    let outcome = ingest(&folder, "many.json --schema c.toml --overwrite", "").expect(&[5]);
    assert!(folder.at("lake").exists(), "the old lake is gone\n{outcome}");
}
