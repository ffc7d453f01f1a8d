//! What is seen of a batch in a terminal, and where there is none; and signs of life. A terminal is made by `script`.
#![allow(clippy::expect_used, missing_docs)]

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use swath_testkit::{Folder, skipped};

fn folder(jobs: usize, radius: u32) -> Folder {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.run("synth raster -o in.tif --size 2000x2000 -q").expect(&[0]);
    let job = |number| {
        format!("[[job]]\nrun = \"raster focal in.tif --radius {radius} --stat median -o out/r{number}.tif\"\n")
    };
    let bad = "[[job]]\nname = \"broken\"\nrun = \"raster convert schema.toml -o out/x.tif\"\n";
    let jobs: String = (0..jobs).map(job).collect();
    folder.write("jobs.toml", format!("{bad}{jobs}").as_bytes());
    folder
}

/// All that a terminal of that size was sent, and how long that took. `keys` are typed after some seconds.
fn in_terminal(
    folder: &Folder,
    line: &str,
    (columns, rows): (u32, u32),
    environment: &[(&str, &str)],
    keys: Option<(Duration, &[u8])>,
) -> Option<(String, Duration)> {
    if Command::new("script").arg("--version").output().is_err() {
        skipped("a batch in a terminal", "there is no script");
        return None;
    }
    let swath = env!("CARGO_BIN_EXE_swath");
    let words = format!("trap : INT; stty cols {columns} rows {rows}; '{swath}' {line}; echo \"exit $?\"");
    let mut command = Command::new("script");
    command.args(["-q", "-c", &words, "/dev/null"]).current_dir(folder.path());
    command.env_remove("NO_COLOR").env("TERM", "xterm").env("SHELL", "/bin/sh").envs(environment.iter().copied());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    let begun = Instant::now();
    if let Some((after, keys)) = keys {
        std::thread::sleep(after);
        stdin.write_all(keys).expect("typed");
    }
    let mut bytes = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut bytes).expect("read");
    let _ = child.wait();
    drop(stdin);
    Some((String::from_utf8(bytes).expect("text"), begun.elapsed()))
}

/// What a terminal shows, as far as the program uses one.
struct Terminal {
    columns: usize,
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// What was shown whenever a view was whole.
    views: Vec<Vec<String>>,
}

impl Terminal {
    fn show(text: &str, columns: usize) -> Terminal {
        let mut terminal = Terminal { columns, lines: vec![Vec::new()], row: 0, column: 0, views: Vec::new() };
        let mut characters = text.chars().peekable();
        while let Some(c) = characters.next() {
            match c {
                '\r' => terminal.column = 0,
                '\n' => {
                    terminal.row += 1;
                    if terminal.row == terminal.lines.len() {
                        terminal.lines.push(Vec::new());
                    }
                }
                '\x1b' => {
                    assert_eq!(characters.next(), Some('['));
                    let mut number = String::new();
                    let command = loop {
                        match characters.next().expect("the rest of a command") {
                            digit if digit.is_ascii_digit() => number.push(digit),
                            command => break command,
                        }
                    };
                    terminal.obey(command, number.parse().unwrap_or(0));
                }
                // What `script` echoes of a Ctrl-C.
                c if c.is_control() => {}
                c => terminal.put(c),
            }
        }
        terminal
    }

    fn obey(&mut self, command: char, number: usize) {
        match (command, number) {
            ('A', lines) => self.row = self.row.checked_sub(lines).expect("beyond the top"),
            ('K', 0) => self.lines[self.row].truncate(self.column),
            ('K', 2) => self.lines[self.row].clear(),
            ('J', 0) => {
                self.lines[self.row].truncate(self.column);
                self.lines.truncate(self.row + 1);
                if self.column > 0 {
                    let shown = self.text();
                    // What is told above it may be longer, and goes on in the next line.
                    let view = shown.iter().skip_while(|line| !line.starts_with("jobs "));
                    let widest = view.map(|line| line.chars().count()).max().unwrap_or(0);
                    assert!(widest < self.columns, "as wide as the terminal: {shown:?}");
                    self.views.push(shown);
                }
            }
            ('m', 0 | 36 | 31 | 1) => {}
            other => panic!("{other:?} is not expected"),
        }
    }

    fn put(&mut self, c: char) {
        let line = &mut self.lines[self.row];
        if line.len() <= self.column {
            line.resize(self.column + 1, ' ');
        }
        line[self.column] = c;
        self.column += 1;
    }

    fn text(&self) -> Vec<String> {
        self.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_string()).collect()
    }
}

#[test]
fn a_batch_has_one_view_that_is_drawn_in_place() {
    let folder = folder(6, 4);
    let line = "batch jobs.toml -m 300MB -j 2";
    let Some((text, took)) = in_terminal(&folder, line, (100, 30), &[], None) else { return };
    // The summary is no part of the view, and may be as wide as it is.
    let (seen, summary) = text.rsplit_once("\x1b[J").expect("a view");
    let terminal = Terminal::show(seen, 100);
    let views = &terminal.views;
    let most = took.as_secs_f64() * 5.0 + 10.0;
    assert!(views.len() > 2 && (views.len() as f64) < most, "{} views in {took:?}", views.len());
    let is_view = |line: &&String| line.starts_with("jobs ") || line.starts_with("memory ");
    for view in views {
        assert_eq!(view.iter().filter(is_view).count(), 2, "a view is there twice: {view:?}");
    }
    let has = |words: &str| views.iter().flatten().any(|line| line.contains(words));
    assert!(has("of 7 done, 2 running") && has("waiting") && has("of 300 MB, ") && has("granted"), "{views:?}");
    assert!(has("encode") && has("out/r0.tif") && has("1 set aside") && has(" left"), "{views:?}");
    let told = terminal.text();
    assert!(told.iter().any(|line| line.starts_with("set aside: broken")), "{told:?}");
    assert!(!told.iter().any(|line| line.starts_with("done: ")), "{told:?}");
    assert!(text.contains("\x1b[36m") && !text.contains("\x1b[2J"), "{text:?}");
    assert!(summary.contains("exit 9") && !summary.contains('\x1b'), "{summary:?}");
    // It is gone once the batch is over.
    let end = Terminal::show(&format!("{seen}\x1b[J"), 100).text();
    assert!(!end.iter().any(|line| is_view(&line)), "{end:?}");
}

#[test]
fn narrow_terminals_and_no_colours() {
    let folder = folder(3, 4);
    let line = "batch jobs.toml -m 300MB -j 2";
    let Some((text, _)) = in_terminal(&folder, line, (44, 8), &[("NO_COLOR", "1")], None) else { return };
    let views = text.rsplit_once("\x1b[J").expect("a view").0;
    let terminal = Terminal::show(views, 44);
    assert!(!terminal.views.is_empty() && !text.contains("\x1b[36m"), "{text:?}");
    folder.remove(&["out", ".jobs.toml.batch", "jobs.failed.jsonl"]);
    let Some((text, _)) = in_terminal(&folder, line, (100, 30), &[("TERM", "dumb")], None) else { return };
    assert!(text.contains("done: out/r0.tif") && !text.contains('\x1b'), "{text:?}");
    for (flags, wanted) in
        [("--progress never", "set aside: broken"), ("--log json", "\"event\":\"done\""), ("-q", "broken")]
    {
        folder.remove(&["out", ".jobs.toml.batch", "jobs.failed.jsonl"]);
        let Some((text, _)) = in_terminal(&folder, &format!("{line} {flags}"), (100, 30), &[], None) else { return };
        assert!(text.contains(wanted) && !text.contains("\x1b[J"), "{flags}: {text:?}");
    }
}

#[test]
fn a_terminal_is_as_it_was_after_ctrl_c() {
    let folder = folder(20, 9);
    let line = "batch jobs.toml -m 300MB -j 2";
    let keys: &[u8] = b"\x03";
    let Some((text, took)) = in_terminal(&folder, line, (100, 30), &[], Some((Duration::from_secs(3), keys))) else {
        return;
    };
    assert!(text.contains("exit 75") && took < Duration::from_secs(20), "{took:?}: {text:?}");
    let (seen, rest) = text.rsplit_once("\x1b[J").expect("a view");
    assert!(rest.contains("--resume"), "{rest:?}");
    let end = Terminal::show(&format!("{seen}\x1b[J"), 110).text();
    assert!(!end.iter().any(|line| line.starts_with("memory ")), "{end:?}");
    assert!(!text.contains("\x1b[?"), "a mode of the terminal was changed");
}

#[test]
fn where_there_is_no_terminal_lines_are_plain() {
    let folder = folder(2, 2);
    let outcome = folder.run("batch jobs.toml -m 300MB").expect(&[9]);
    assert!(outcome.stderr.contains("done: out/r0.tif") && !outcome.stderr.contains('\x1b'), "{outcome}");
    folder.remove(&["out", ".jobs.toml.batch", "jobs.failed.jsonl"]);
    let outcome = folder.run("batch jobs.toml -m 300MB --log json --heartbeat 50ms").expect(&[9]);
    let events: Vec<Value> =
        outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert!(of("done").len() == 2 && of("set_aside").len() == 1 && of("result").len() == 1, "{outcome}");
    let beats = of("heartbeat");
    assert!(!beats.is_empty(), "{outcome}");
    for beat in beats {
        assert!(beat["resident"].as_u64() > Some(1_000_000) && beat["change"].is_i64(), "{beat}");
        assert!(beat["io_wait"].is_null() || beat["io_wait"].as_f64() <= Some(1.0), "{beat}");
    }
}

#[test]
fn signs_of_life_tell_how_long_writes_take() {
    let folder = Folder::new(env!("CARGO_BIN_EXE_swath"));
    folder.telemetry("in.csv", "--size 60MB --sensors 100 --shuffle");
    let line = "sensor ingest in.csv --schema schema.toml --partition day -m 45MB -j 1 -o lake --heartbeat 50ms";
    let outcome = folder.run(&format!("{line} --log json")).expect(&[0]);
    let events = outcome.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let beats: Vec<Value> = events.filter(|event| event["event"] == "heartbeat").collect();
    let figures = |name: &str| beats.iter().filter_map(|beat| beat[name].as_f64()).collect::<Vec<f64>>();
    let (half, most) = (figures("write_p50_ms"), figures("write_p99_ms"));
    assert!(beats.len() > 1 && !half.is_empty() && half.len() == most.len(), "{outcome}");
    assert!(
        half.iter().zip(&most).all(|(half, most)| *half > 0.0 && half <= most && *most <= 10_000.0),
        "{half:?} {most:?}"
    );
    assert!(
        figures("throughput").iter().any(|rate| *rate > 0.0) && figures("change").iter().any(|change| *change != 0.0)
    );
    let outcome = folder.run(&format!("{line} --overwrite")).expect(&[0]);
    let beat = outcome.stderr.lines().find(|line| line.contains("heartbeat: ") && line.contains("(p99)"));
    assert!(beat.is_some_and(|beat| beat.contains("(p50)") && beat.contains("resident (")), "{outcome}");
}
