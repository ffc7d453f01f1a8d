//! Input that nobody would send on purpose: the right exit code, an error that says where, and never a panic.

use std::fmt::Write;
use swath_testkit::{Dice, Folder, Outcome, Tree, full, skipped};

/// Readings as CSV, one a minute and sensor, with a note in quotes.
fn readings(rows: usize, note: impl Fn(usize) -> String) -> String {
    let mut text = String::from("sensor_id,timestamp,lat,lon,pm25,note\n");
    for row in 0..rows {
        let (sensor, minute) = (row % 5, row / 5);
        let (day, hour, rest) = (1 + minute / 1440, minute / 60 % 24, minute % 60);
        let _ = writeln!(
            text,
            "s-{sensor},2025-03-{day:02}T{hour:02}:{rest:02}:00Z,54.05,{sensor}.58,{}.5,\"{}\"",
            row % 90,
            note(row)
        );
    }
    text
}

const NOTED: &str = r#"
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
[columns.note]
type = "string"
"#;

fn noted() -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.write("schema.toml", NOTED.as_bytes());
    folder
}

#[test]
fn a_header_as_long_as_is_promised() {
    let folder = noted();
    let wide = |columns: usize| {
        let names: Vec<String> = (0..columns).map(|number| format!("a_long_name_of_column_{number}")).collect();
        let rows: String =
            (0..40).map(|row| format!("2025-03-01T00:{row:02}:00Z{}\n", ",1.5".repeat(columns))).collect();
        format!("time,{}\n{rows}", names.join(","))
    };
    for (columns, code) in [(3_000, 0), (9_500, 0), (12_000, 5)] {
        let text = wide(columns);
        let header = text.find('\n').expect("a header");
        assert_eq!(header < 256 << 10, code == 0, "{columns} columns have a header of {header} bytes");
        folder.write("wide.csv", text.as_bytes());
        let outcome = folder.run("sensor ingest wide.csv -o lake -m 2GB -j 1 --json");
        let outcome = settle(&folder, outcome, &[code]);
        assert!(code == 0 || outcome.error_text().contains("262144 bytes"), "{outcome}");
        folder.run("info wide.csv").expect(&[code]);
    }
}

#[test]
fn text_of_another_shape_is_called_what_it_is() {
    let folder = noted();
    let text = readings(60, |_| "n".into());
    folder.write("returns.csv", text.replace('\n', "\r").as_bytes());
    folder.write("in.csv", text.as_bytes());
    folder.write("skip.toml", b"[csv]\nskip_lines = 5000\n");
    folder.write("lines.toml", b"[csv]\ndelimiter = \"\\n\"\n");
    let long = format!("{text}{}\n", text.replace('\n', "\r"));
    folder.write("mixed.csv", long.as_bytes());
    for (words, code, wanted) in [
        ("returns.csv", 5, "its lines end in carriage returns alone"),
        ("in.csv --schema skip.toml", 5, "nothing is left after skip_lines = 5000"),
        ("in.csv --schema lines.toml", 2, "is a line end, and lines end records"),
        ("mixed.csv --max-record 1kB --max-rejects 0", 7, "do lines end in carriage returns alone?"),
    ] {
        let outcome = settle(&folder, folder.run(&format!("sensor ingest {words} -o lake -m 64MB")), &[code]);
        assert!(outcome.stderr.contains(wanted), "{wanted}\n{outcome}");
    }
}

/// One file under several names is one file; a link that leads nowhere is no input.
#[test]
fn a_file_of_several_names_is_read_once() {
    let folder = noted();
    folder.write("more/a.csv", readings(60, |_| "n".into()).as_bytes());
    std::os::unix::fs::symlink("a.csv", folder.at("more/b.csv")).expect("a link");
    std::os::unix::fs::symlink("nowhere.csv", folder.at("more/c.csv")).expect("a link");
    std::fs::hard_link(folder.at("more/a.csv"), folder.at("more/d.csv")).expect("a link");
    let outcome = folder.ingest("more more/../more/a.csv -o lake -m 64MB");
    assert_eq!((outcome.rows().read, outcome.rows().duplicate), (60, 0), "{outcome}");
    for name in ["more/b.csv", "more/d.csv", "more/../more/a.csv"] {
        let wanted = format!("warning: {name} is more/a.csv by another name, and read once");
        assert!(outcome.stderr.contains(&wanted), "{wanted}\n{outcome}");
    }
    assert!(
        outcome.stderr.contains("warning: more/c.csv is passed over: it is a link to what is not there"),
        "{outcome}"
    );
    // Who names it wants it.
    folder.run("sensor ingest more/c.csv -o other -m 64MB").expect(&[5]);
}

/// On failure nothing stands at the final path; on success every row is accounted for.
#[track_caller]
fn settle(folder: &Folder, outcome: Outcome, codes: &[i32]) -> Outcome {
    let outcome = outcome.expect(codes);
    if outcome.code == Some(0) {
        outcome.rows();
    } else {
        assert!(!folder.at("lake").exists(), "something stands at the final path\n{outcome}");
        assert!(!outcome.error_text().is_empty() && outcome.stderr.contains("error: "), "no error text\n{outcome}");
    }
    folder.remove(&["lake", ".lake.partial", "lake.rejects.ndjson"]);
    outcome
}

#[test]
fn nothing_to_read() {
    let folder = noted();
    let garbage: Vec<u8> = (0..200_000).scan(Dice::new(1), |dice, _| Some(dice.draw() as u8)).collect();
    folder.write("empty.csv", b"");
    folder.write("blank.csv", b"\n\n\n");
    folder.write("header.csv", b"sensor_id,timestamp,lat,lon,pm25,note\n");
    folder.write("cut_header.csv", b"sensor_id,timestamp,la");
    folder.write("garbage.csv", &garbage);
    folder.write("zeros.csv", &[0; 4096]);
    folder.write("image.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01");
    folder.write("nothing/readme.md", b"no readings here");
    let check = |input: &str| {
        for schema in ["", "--schema schema.toml"] {
            let outcome = folder.run(&format!("sensor ingest {input} -o lake -m 64MB {schema} --json"));
            let strays = folder.at(".lake.partial").exists();
            let outcome = settle(&folder, outcome, &[5]);
            let name = input.trim_end_matches("*.csv");
            assert!(outcome.error_text().contains(name), "the error does not name {name}\n{outcome}");
            assert!(outcome.stderr.contains("hint: "), "no hint\n{outcome}");
            assert!(!strays, ".lake.partial was left by a run that cannot be resumed\n{outcome}");
        }
    };
    for input in ["empty.csv", "blank.csv", "header.csv", "cut_header.csv", "garbage.csv", "zeros.csv", "image.csv"] {
        check(input);
    }
    check("nothing");
    check("absent.csv");
    check("absent/*.csv");
}

#[test]
fn no_permission() {
    use std::os::unix::fs::PermissionsExt;
    let folder = noted();
    folder.write("closed.csv", readings(100, |_| "n".into()).as_bytes());
    std::fs::set_permissions(folder.at("closed.csv"), std::fs::Permissions::from_mode(0o000)).expect("closed");
    if std::fs::read(folder.at("closed.csv")).is_ok() {
        skipped("a file without permission", "this user may read everything");
        return;
    }
    let outcome = folder.run("sensor ingest closed.csv -o lake -m 64MB --json");
    let outcome = settle(&folder, outcome, &[5]);
    assert!(outcome.error_text().contains("closed.csv"), "{outcome}");
}

/// Whole rows are read, and a row that was cut in two is one reject at most.
#[test]
fn a_file_cut_anywhere() {
    let folder = noted();
    let text = readings(400, |row| format!("n {row}"));
    let header = text.find('\n').expect("a header") + 1;
    let mut dice = Dice::new(2);
    for cut in 0..50 {
        let end = if cut < 45 { header + dice.below(text.len() - header) } else { dice.below(header) };
        folder.write("cut.csv", &text.as_bytes()[..end]);
        let line = "sensor ingest cut.csv -o lake -m 64MB --schema schema.toml --max-rejects 1 --json";
        let outcome = folder.run(line);
        let rows = outcome.code.is_some_and(|code| code == 0).then(|| outcome.rows());
        let codes: &[i32] = if end > header + 80 { &[0] } else { &[0, 5, 7] };
        let outcome = settle(&folder, outcome, codes);
        if let Some(rows) = rows {
            let part = &text[header.min(end)..end];
            assert_eq!(rows.read as usize, part.lines().count(), "cut at byte {end}\n{outcome}");
            assert!(rows.rejected <= 1 && rows.written + 1 >= rows.read, "cut at byte {end}\n{outcome}");
        }
    }
}

#[test]
fn bytes_changed_at_random() {
    let folder = noted();
    let text = readings(2000, |row| format!("note, {row}"));
    let mut dice = Dice::new(3);
    for round in 0..(if full() { 1000 } else { 60 }) {
        let mut bytes = text.clone().into_bytes();
        for _ in 0..=dice.below(20) {
            let at = dice.below(bytes.len());
            match dice.below(4) {
                0 => bytes[at] = dice.draw() as u8,
                1 => bytes[at] = [b'"', b'\n', b',', 0, b'\r', 0xFF][dice.below(6)],
                2 => drop(bytes.drain(at..(at + dice.below(300)).min(bytes.len()))),
                _ => bytes.insert(at, b'"'),
            }
        }
        folder.write("bad.csv", &bytes);
        let schema = if round % 2 == 0 { "--schema schema.toml" } else { "" };
        let outcome = folder.run(&format!("sensor ingest bad.csv -o lake -m 64MB {schema} --json"));
        settle(&folder, outcome, &[0, 5, 7]);
    }
}

#[test]
fn endings_of_lines() {
    let folder = noted();
    let text = readings(3000, |row| format!("n {row}"));
    let line = "-o lake -m 64MB --partition day";
    let parts = |input: &str| {
        let outcome = folder.ingest(&format!("{input} {line}"));
        assert_eq!((outcome.rows().read, outcome.rows().written), (3000, 3000), "{outcome}");
        let mut tree: Vec<(String, Vec<u8>)> = Tree::of(&folder.at("lake"))
            .paths()
            .filter(|path| path.ends_with(".parquet"))
            .map(|path| (path.to_string(), folder.read(&format!("lake/{path}"))))
            .collect();
        tree.sort();
        folder.remove(&["lake"]);
        tree
    };
    folder.write("plain.csv", text.as_bytes());
    let plain = parts("plain.csv");
    for (name, bytes) in [
        ("crlf.csv", text.replace('\n', "\r\n")),
        ("no_newline.csv", text.trim_end().to_string()),
        ("crlf_no_newline.csv", text.replace('\n', "\r\n").trim_end().to_string()),
        ("mark.csv", format!("\u{feff}{text}")),
        ("blank_lines.csv", format!("{text}\n\n")),
    ] {
        folder.write(name, bytes.as_bytes());
        assert!(parts(name) == plain, "{name} gave other parquet files than the plain one");
    }
}

#[test]
fn a_line_longer_than_the_ceiling() {
    let folder = noted();
    let size = if full() { 1_000_000_000 } else { 70_000_000 };
    let text = readings(1000, |_| "n".into());
    let (head, tail) = text.split_at(text.len() / 2);
    let (head, rest) = head.split_at(head.rfind('\n').expect("a line") + 1);
    for filling in [b'x', b'"'] {
        // A quote that opens and never closes is such a line, too; an even number of quotes closes them all.
        let long = vec![filling; size];
        folder.write("long.csv", &[head.as_bytes(), &long, b"\n", rest.as_bytes(), tail.as_bytes()].concat());
        let line = "sensor ingest long.csv -o lake -m 64MB --schema schema.toml --max-rejects 1 --json";
        let (outcome, seen) = folder.start(line).wait_watching();
        let outcome = outcome.expect(&[0]);
        let rows = outcome.rows();
        assert_eq!((rows.read, rows.written, rows.rejected), (1001, 1000, 1), "{outcome}");
        assert!(seen <= 64_000_000 && outcome.figure("/memory/actual_peak") <= 64_000_000, "{seen} bytes\n{outcome}");
        let rejects = folder.read("lake/_swath/rejects.ndjson");
        let reject: serde_json::Value = serde_json::from_slice(&rejects).expect("one line of JSON");
        assert_eq!(reject["byte_offset"], head.len(), "{outcome}");
        assert_eq!(reject["line"], head.lines().count() + 1, "{outcome}");
        folder.remove(&["lake"]);
    }
}

/// A quote left open swallows no more than one record of `--max-record`.
#[test]
fn a_quote_left_open() {
    let folder = noted();
    let text = readings(60_000, |row| format!("n {row}"));
    let at = text.len() / 2;
    let quote = at + text[at..].find(",\"").expect("a quoted field") + 1;
    let bytes = [&text.as_bytes()[..quote], b"\"x", &text.as_bytes()[quote..]].concat();
    folder.write("open.csv", &bytes);
    let line = "sensor ingest open.csv -o lake -m 64MB --schema schema.toml --max-record 4kB --max-rejects 200 --json";
    let rows = folder.run(line).expect(&[0]).rows();
    assert!(rows.rejected >= 1, "the row with the open quote was taken: {rows:?}");
    assert!(rows.written >= 60_000 - 200, "an open quote swallowed {} rows", 60_000 - rows.written);
}

/// Units are 8 MiB; a record in quotes over several lines lies across their edges, at every place of it.
#[test]
fn quoted_newlines_across_unit_edges() {
    let folder = noted();
    let rows = 190_000;
    for shift in 0..6 {
        let padding = "p".repeat(shift * 13);
        let note = |row: usize| match row {
            0 => padding.clone(),
            _ => format!("one,\ntwo \"\"{row}\"\"\n\nthree, with a text that makes the record long"),
        };
        let text = readings(rows, note);
        assert!(text.len() > 2 * (8 << 20), "the input covers no edge");
        folder.write("quoted.csv", text.as_bytes());
        let outcome = folder.ingest("quoted.csv -o lake -m 256MB --partition day");
        let counted = outcome.rows();
        assert_eq!((counted.read, counted.written), (rows as u64, rows as u64), "shift {shift}\n{outcome}");
        folder.remove(&["lake"]);
    }
}

/// A line that holds only a closing quote opens one for a unit that begins there, which then ends in the wrong place,
/// too, and so moves the next.
#[test]
fn quotes_that_close_where_a_unit_begins() {
    let folder = noted();
    let rows = 210_000;
    let wanted = readings(rows, |row| format!("{row} {}{}", "x".repeat(120), "\n".repeat(1 + row % 3)));
    assert!(wanted.len() > 4 * (8 << 20), "the input has few units");
    folder.write("one.csv", wanted.as_bytes());
    let outcome = folder.ingest("one.csv -o one -m 256MB --partition day");
    assert_eq!(outcome.rows().written, rows as u64, "{outcome}");
    for shift in 0..3 {
        // The closing quotes lie elsewhere with each shift of the first row's note; that row is filtered.
        let first = format!("s-0,2024-03-01T00:00:00Z,54.05,0.58,1.5,{}\n", "p".repeat(shift));
        let text = wanted.replacen("pm25,note\n", &format!("pm25,note\n{first}"), 1);
        folder.write("quoted.csv", text.as_bytes());
        let outcome = folder.ingest("quoted.csv -o lake -m 256MB --partition day --since 2025-01-01 --log json");
        let counted = outcome.rows();
        assert_eq!((counted.read, counted.rejected), (rows as u64 + 1, 0), "shift {shift}\n{outcome}");
        let parts = |lake: &str| -> Vec<Vec<u8>> {
            let tree = Tree::of(&folder.at(lake));
            let parts = tree.paths().filter(|path| path.ends_with(".parquet"));
            parts.map(|path| folder.read(&format!("{lake}/{path}"))).collect()
        };
        assert!(parts("lake") == parts("one"), "shift {shift} gave other files");
        // The first task of each round is one of a stage that begins.
        let events = outcome.stderr.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let rounds = events.filter(|event| event["stage"] == "mend" && event["stage_done"] == 1).count();
        assert!(rounds >= 3, "no unit was moved by another one: {rounds} rounds\n{outcome}");
        folder.remove(&["lake"]);
    }
}

/// What a logger leaves where its power fails is no text, wherever it stands in the file.
#[test]
fn zero_bytes_are_no_text() {
    let folder = noted();
    let text = readings(60_000, |row| format!("n {row}"));
    for (row, zeros) in [(100, 1), (50_000, 1), (100, 4096), (50_000, 4096)] {
        let mut at = 0;
        (0..=row).for_each(|_| at += text[at..].find('\n').expect("a line") + 1);
        let bytes = [&text.as_bytes()[..at + 1], &vec![0; zeros], &text.as_bytes()[at + 1..]].concat();
        folder.write("in.csv", &bytes);
        for schema in ["", "--schema schema.toml"] {
            let line = format!("sensor ingest in.csv -o lake -m 64MB --partition none --json {schema}");
            let outcome = folder.run(&line).expect(&[0]);
            let counted = outcome.rows();
            assert_eq!((counted.read, counted.rejected), (60_000, 1), "row {row}, {zeros} zeros\n{outcome}");
            let rejects = String::from_utf8(folder.read("lake/_swath/rejects.ndjson")).expect("text");
            assert!(rejects.contains("invalid_encoding"), "{rejects}");
            folder.remove(&["lake"]);
        }
    }
}

/// Units of comments alone begin where they should, though they hold no record.
#[test]
fn comments_longer_than_a_unit() {
    let folder = noted();
    let text = readings(60_000, |row| format!("n {row}"));
    let comments = "# the logger was restarted\n".repeat(400_000);
    let (first, second) = text.split_at(text[..text.len() / 2].rfind('\n').expect("a line") + 1);
    let schema = format!("[csv]\ncomment = \"#\"\n{NOTED}");
    folder.write("schema.toml", schema.as_bytes());
    for (name, text) in [("tail", format!("{text}{comments}")), ("middle", format!("{first}{comments}{second}"))] {
        folder.write("in.csv", text.as_bytes());
        let outcome = folder.ingest("in.csv -o lake -m 64MB --partition day");
        let counted = outcome.rows();
        assert_eq!((counted.read, counted.written), (60_000, 60_000), "{name}\n{outcome}");
        folder.remove(&["lake"]);
    }
}

#[test]
fn many_small_files_are_one_large() {
    let folder = noted();
    let text = readings(6000, |row| format!("n {row}"));
    let (header, body) = text.split_once('\n').expect("a header");
    let lines: Vec<&str> = body.lines().collect();
    for (number, part) in lines.chunks(20).enumerate() {
        folder.write(&format!("many/{number:03}.csv"), format!("{header}\n{}\n", part.join("\n")).as_bytes());
    }
    folder.write("one.csv", text.as_bytes());
    let mut reference = None;
    for input in ["one.csv", "many", "many/*.csv", "many/0*.csv many/1*.csv many/2*.csv", "many one.csv"] {
        let outcome = folder.ingest(&format!("{input} -o lake -m 64MB --partition day"));
        let rows = outcome.rows();
        assert_eq!(rows.written, 6000, "{outcome}");
        assert_eq!(rows.duplicate, rows.read - 6000, "{outcome}");
        let parts: Vec<Vec<u8>> = Tree::of(&folder.at("lake"))
            .paths()
            .filter(|path| path.ends_with(".parquet"))
            .map(|path| folder.read(&format!("lake/{path}")))
            .collect();
        let first = reference.get_or_insert_with(|| parts.clone());
        assert!(*first == parts, "{input} gave other parquet files than one.csv");
        folder.remove(&["lake"]);
    }
}

/// The rejects of a failed run are kept beside the output, so that a person sees why.
#[test]
fn too_many_rejects() {
    let folder = noted();
    let mut text = readings(200, |_| "n".into());
    for _ in 0..10 {
        text.push_str("s-1,not a time,54.05,9.58,1.5,n\n");
    }
    folder.write("in.csv", text.as_bytes());
    let outcome = folder.run("sensor ingest in.csv -o lake -m 64MB --schema schema.toml --json").expect(&[7]);
    assert!(!folder.at("lake").exists());
    assert_eq!(String::from_utf8_lossy(&folder.read("lake.rejects.ndjson")).lines().count(), 10, "{outcome}");
    assert!(outcome.error_text().contains("10 of 210") && outcome.error_text().contains("line 202"), "{outcome}");
    for allowed in ["10", "5%"] {
        let outcome = folder.run(&format!(
            "sensor ingest in.csv -o lake -m 64MB --schema schema.toml --max-rejects {allowed} --overwrite --json"
        ));
        assert_eq!(outcome.expect(&[0]).rows().rejected, 10);
    }
}
