//! A folder of its own for a test, with the program to run in it and inputs made by the program.

use crate::{MemoryGroup, Outcome, Running};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The schema of what `swath synth telemetry` writes.
pub const SCHEMA: &str = r#"
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
[columns.pm10]
type = "float32"
[columns.temp_c]
type = "float32"
[columns.rh]
type = "float32"
[columns.soil_moisture]
type = "float32"
[columns.battery_v]
type = "float32"
[crs]
source = "EPSG:4326"
[dedup]
key = ["sensor_id", "timestamp"]
"#;

/// A folder that is removed at the end of the test, and the program that runs in it.
pub struct Folder {
    folder: tempfile::TempDir,
    program: PathBuf,
}

impl Folder {
    /// An empty folder but for `schema.toml`; `program` is the path of swath.
    pub fn new(program: &str) -> Folder {
        let folder = Folder { folder: tempfile::tempdir().expect("a folder"), program: program.into() };
        folder.write("schema.toml", SCHEMA.as_bytes());
        folder
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The path of a name in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }

    /// Reads a file.
    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.at(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Removes files and folders, whether they are there or not.
    pub fn remove(&self, names: &[&str]) {
        for name in names {
            let path = self.at(name);
            let _ = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        }
    }

    /// Names in the folder itself, hidden ones too, in bytewise order.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("read");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// The program with these words (split at spaces), and nothing of the tester's environment.
    pub fn command(&self, line: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.args(line.split_whitespace());
        self.bare(command)
    }

    /// Runs the program to its end.
    pub fn run(&self, line: &str) -> Outcome {
        self.start(line).wait()
    }

    /// Runs the program to its end with a fault armed, as `enospc:17`.
    pub fn run_with_fault(&self, line: &str, fault: &str) -> Outcome {
        self.start_with_fault(line, fault).wait()
    }

    /// Starts the program with a fault armed.
    pub fn start_with_fault(&self, line: &str, fault: &str) -> Running {
        let mut command = self.command(line);
        command.env("SWATH_FAULT", fault);
        Running::spawn(format!("{line}   [SWATH_FAULT={fault}]"), command)
    }

    /// Starts the program.
    pub fn start(&self, line: &str) -> Running {
        Running::spawn(line.into(), self.command(line))
    }

    /// Starts the program with `--log json`, whose lines go to the file `log` of the folder.
    pub fn start_logging(&self, line: &str, log: &str) -> Running {
        self.start_logging_with_fault(line, log, "")
    }

    /// The same with a fault armed; the empty one is none.
    pub fn start_logging_with_fault(&self, line: &str, log: &str, fault: &str) -> Running {
        let line = crate::trial::with_flags(line, "--log json");
        let mut command = self.command(&line);
        if !fault.is_empty() {
            command.env("SWATH_FAULT", fault);
        }
        command.stderr(std::fs::File::create(self.at(log)).expect("a log"));
        Running::spawn(line, command)
    }

    /// Starts the program as a member of a group from its first instruction on.
    pub fn start_in(&self, group: &MemoryGroup, line: &str) -> Running {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]);
        command.arg(group.members()).arg(&self.program).args(line.split_whitespace());
        Running::spawn(line.into(), self.bare(command))
    }

    /// Makes `NAME` with `swath synth telemetry` and answers its truth.
    #[track_caller]
    pub fn telemetry(&self, name: &str, options: &str) -> Value {
        let line = format!("synth telemetry -o {name} --truth {name}.truth.json --overwrite --quiet {options}");
        self.run(&line).expect(&[0]);
        serde_json::from_slice(&self.read(&format!("{name}.truth.json"))).expect("JSON")
    }

    /// Runs `sensor ingest WORDS --schema schema.toml --json`, and expects it to be complete.
    #[track_caller]
    pub fn ingest(&self, words: &str) -> Outcome {
        self.run(&format!("sensor ingest {words} --schema schema.toml --json")).expect(&[0])
    }

    fn bare(&self, mut command: Command) -> Command {
        command.current_dir(self.path()).env_clear().env("HOME", self.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}
