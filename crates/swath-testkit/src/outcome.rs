//! What a finished run answered: exit code, both streams, and the figures of its JSON.

use serde_json::Value;
use std::process::Output;

/// The end of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The words it was started with.
    pub line: String,
    /// Its exit code; nothing when a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// All of its standard output.
    pub stdout: String,
    /// All of its standard error.
    pub stderr: String,
}

/// The rows of the conservation ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows {
    /// Rows read.
    pub read: u64,
    /// Rows in the lake.
    pub written: u64,
    /// Rows left out since another has their key.
    pub duplicate: u64,
    /// Rows left out by `--since`, `--until` and `--bbox`.
    pub filtered: u64,
    /// Rows that are no readings.
    pub rejected: u64,
}

impl Outcome {
    pub(crate) fn new(line: String, output: Output) -> Outcome {
        #[cfg(unix)]
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        #[cfg(not(unix))]
        let signal = None;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Outcome { line, code: output.status.code(), signal, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// Itself, if it ended with one of these codes and without a panic; panics otherwise.
    #[track_caller]
    pub fn expect(self, codes: &[i32]) -> Outcome {
        assert!(!self.stderr.contains("panicked"), "a panic\n{self}");
        assert!(self.code.is_some_and(|code| codes.contains(&code)), "wanted exit code {codes:?}\n{self}");
        self
    }

    /// Its one JSON object of standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON object: {error}\n{self}"))
    }

    /// A figure of its JSON, by path, as `/memory/actual_peak`.
    #[track_caller]
    pub fn figure(&self, path: &str) -> u64 {
        let value = self.json();
        value.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("no figure at {path}\n{self}"))
    }

    /// The ledger of rows, which must add up.
    #[track_caller]
    pub fn rows(&self) -> Rows {
        let of = |name: &str| self.figure(&format!("/rows/{name}"));
        let rows = Rows {
            read: of("read"),
            written: of("written"),
            duplicate: of("duplicate"),
            filtered: of("filtered"),
            rejected: of("rejected"),
        };
        // Only where rows are pivoted.
        let merged = self.json().pointer("/rows/merged").and_then(Value::as_u64).unwrap_or(0);
        let accounted = rows.written + rows.duplicate + rows.filtered + rows.rejected + of("late") + merged;
        assert_eq!(rows.read, accounted, "rows do not add up\n{self}");
        rows
    }

    /// What it said went wrong: `error.message` of its JSON, or its standard error.
    pub fn error_text(&self) -> String {
        let json: Option<Value> = serde_json::from_str(&self.stdout).ok();
        let message = json.as_ref().and_then(|json| json.pointer("/error/message")).and_then(Value::as_str);
        message.map_or_else(|| self.stderr.clone(), str::to_string)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = |text: &str| text.chars().rev().take(3000).collect::<Vec<_>>().into_iter().rev().collect::<String>();
        writeln!(f, "$ swath {}\nexit {:?}, signal {:?}", self.line, self.code, self.signal)?;
        write!(f, "--- stdout\n{}\n--- stderr\n{}", end(&self.stdout), end(&self.stderr))
    }
}
