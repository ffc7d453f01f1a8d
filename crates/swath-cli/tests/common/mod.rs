//! Runs the program in a folder of its own, and holds what it says against files under `tests/snapshots`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Two good rows, a duplicate, and what the program needs to infer a schema.
pub const READINGS: &str = "\
sensor_id,timestamp,lat,lon,pm25
s-1,2025-03-01T00:00:00Z,54.05,9.58,13.5
s-2,2025-03-01T00:00:10Z,48.15,8.91,5.25
s-1,2025-03-01T00:05:00Z,54.05,9.58,11.0
s-2,2025-03-01T00:05:10Z,48.15,8.91,4.75
s-1,2025-03-01T00:00:00Z,54.05,9.58,13.5
s-1,2025-03-02T00:00:00Z,54.05,9.58,20.25
";

/// A folder with inputs, in which the program runs.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A folder with `readings.csv` in it.
    pub fn new() -> Folder {
        let folder = Folder(tempfile::tempdir().expect("a folder"));
        folder.write("readings.csv", READINGS.as_bytes());
        folder
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path().join(name), bytes).expect("written");
    }

    /// The program with these words, and nothing of the tester's environment.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_swath"));
        command.args(words(line)).current_dir(self.path()).env_clear().env("HOME", self.path());
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self, line: &str) -> Output {
        self.command(line).output().expect("the program starts")
    }
}

/// Splits at spaces.
fn words(line: &str) -> Vec<&str> {
    line.split(' ').filter(|word| !word.is_empty()).collect()
}

/// What of the output changes from run to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mask {
    /// Nothing.
    Nothing,
    /// All figures and the blanks that align them.
    Figures,
    /// The values of these keys of JSON lines.
    Json,
}

/// Keys whose values depend on the machine, the moment or the tuning of costs.
const VOLATILE: [&str; 42] = [
    "ts",
    "seconds",
    "resident",
    "change",
    "throughput",
    "wall_s",
    "cpu_s",
    "predicted_peak",
    "actual_peak",
    "baseline",
    "predicted",
    "actual",
    "stages",
    "reason",
    "ledger",
    "scratch",
    "output",
    "smallest_ceiling",
    "work",
    "kernel",
    "limits",
    "tightest",
    "auto",
    "free",
    "bytes",
    "write_latency_ms",
    "write_p50_ms",
    "write_p99_ms",
    "io_wait",
    "workers",
    "threads_set_by",
    "threads",
    "chunks",
    "planned",
    "done",
    "stage_done",
    "stage_tasks",
    "first",
    "end",
    "limit",
    "choices",
    "chunk_rows",
];

/// Compares with `tests/snapshots/NAME.txt`, or writes it when `SWATH_UPDATE_SNAPSHOTS` is set.
pub fn check(name: &str, line: &str, folder: &Folder, output: &Output, mask: Mask) {
    let part =
        |bytes: &[u8]| masked(&String::from_utf8_lossy(bytes).replace(&*folder.path().to_string_lossy(), "DIR"), mask);
    let code = output.status.code().map_or("none".to_string(), |code| code.to_string());
    let (stdout, stderr) = (part(&output.stdout), part(&output.stderr));
    let got = format!("$ swath {line}\nexit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("SWATH_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &got).expect("snapshot written");
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        got == wanted,
        "{name} is not as in {} (SWATH_UPDATE_SNAPSHOTS=1 writes it anew)\nwanted:\n{wanted}\ngot:\n{got}",
        path.display()
    );
}

fn masked(text: &str, mask: Mask) -> String {
    match mask {
        Mask::Nothing => text.into(),
        Mask::Figures => text.lines().map(|line| figures(line) + "\n").collect(),
        Mask::Json => text.lines().map(|line| json(line) + "\n").collect(),
    }
}

/// Makes each number with its unit `#`, and each run of blanks one.
fn figures(line: &str) -> String {
    let mut text = String::new();
    for word in line.split_whitespace() {
        let start = word.trim_start_matches('(');
        let is_figure = start.starts_with(|c: char| c.is_ascii_digit());
        let is_unit = text.ends_with('#')
            && ["B", "kB", "MB", "GB", "TB", "B,", "kB,", "MB,", "GB,", "B)", "MB)", "kB/s,", "MB/s,", "GB/s,"]
                .contains(&word);
        if is_unit {
            continue;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        match is_figure {
            true => text.extend([&word[..word.len() - start.len()], "#"]),
            false => text.push_str(word),
        }
    }
    text
}

/// Makes the volatile values of a JSON object `"#"`; other lines stay.
fn json(line: &str) -> String {
    let Ok(mut value) = serde_json::from_str::<serde_json::Value>(line) else { return line.into() };
    hide(&mut value);
    serde_json::to_string_pretty(&value).expect("JSON")
}

fn hide(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                match VOLATILE.contains(&key.as_str()) {
                    true => *value = "#".into(),
                    false => hide(value),
                }
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(hide),
        _ => {}
    }
}
