//! Flags that several verbs share, and the words for amounts, durations and counts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;
use swath_core::{Bytes, Error, MemoryRequest, Result};

use crate::dashboard::{Address, DEFAULT};

/// `--memory`.
#[derive(Debug, Clone, Default, Args)]
pub struct CeilingFlags {
    /// Ceiling of the whole process: 256MB, 1GiB, 60% or auto (82 % of the tightest limit)
    #[arg(short, long, value_name = "SIZE", allow_hyphen_values = true, help_heading = "Limits")]
    pub memory: Option<MemoryRequest>,
}

/// What every verb that works through data takes.
#[derive(Debug, Clone, Default, Args)]
pub struct RunFlags {
    /// The ceiling.
    #[command(flatten)]
    pub ceiling: CeilingFlags,
    /// Workers at most
    #[arg(short = 'j', long, value_name = "N", value_parser = threads, help_heading = "Limits")]
    #[arg(allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// Where spill goes (default: beside the output, or TMPDIR where that is set)
    #[arg(long, value_name = "DIR", help_heading = "Limits")]
    pub tmp_dir: Option<PathBuf>,
    /// How much spill there may be
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub tmp_limit: Option<Bytes>,
    /// Print the plan and stop: memory line by line, scratch, output, choices
    #[arg(long, help_heading = "Running")]
    pub explain: bool,
    /// Replace what stands at the output, once the new one is whole
    #[arg(long, conflicts_with = "resume", help_heading = "Running")]
    pub overwrite: bool,
    /// Go on with an unfinished run
    #[arg(long, help_heading = "Running")]
    pub resume: bool,
    /// Stop where the process grows by more than this from task to task
    #[arg(long, value_name = "SIZE", value_parser = some_bytes, help_heading = "Running")]
    pub drift_limit: Option<Bytes>,
    /// Work in a process of its own, and go on from what is done if it dies
    #[arg(long, help_heading = "Running")]
    pub isolate: bool,
}

impl RunFlags {
    /// These flags and others that are said in another place.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is said in both, or contradicts itself.
    pub fn with(self, other: RunFlags) -> Result<RunFlags> {
        let flags = RunFlags {
            ceiling: CeilingFlags { memory: once("--memory", self.ceiling.memory, other.ceiling.memory)? },
            threads: once("--threads", self.threads, other.threads)?,
            tmp_dir: once("--tmp-dir", self.tmp_dir, other.tmp_dir)?,
            tmp_limit: once("--tmp-limit", self.tmp_limit, other.tmp_limit)?,
            explain: once_set("--explain", self.explain, other.explain)?,
            overwrite: once_set("--overwrite", self.overwrite, other.overwrite)?,
            resume: once_set("--resume", self.resume, other.resume)?,
            drift_limit: once("--drift-limit", self.drift_limit, other.drift_limit)?,
            isolate: once_set("--isolate", self.isolate, other.isolate)?,
        };
        not_both(("--overwrite", flags.overwrite), ("--resume", flags.resume))?;
        Ok(flags)
    }
}

/// A value that is said in one of two places at most.
fn once<T>(flag: &str, first: Option<T>, second: Option<T>) -> Result<Option<T>> {
    match (first, second) {
        (Some(_), Some(_)) => Err(Error::Usage {
            message: format!("{flag} is said twice: before read and behind write"),
            hint: "say it once".into(),
        }),
        (first, second) => Ok(first.or(second)),
    }
}

/// The same for a flag without a value.
fn once_set(flag: &str, first: bool, second: bool) -> Result<bool> {
    Ok(once(flag, first.then_some(()), second.then_some(()))?.is_some())
}

fn not_both(first: (&str, bool), second: (&str, bool)) -> Result<()> {
    match first.1 && second.1 {
        true => Err(Error::Usage {
            message: format!("{} cannot be used with {}", first.0, second.0),
            hint: "leave one of them out".into(),
        }),
        false => Ok(()),
    }
}

/// How a command talks while it works and when it is done.
#[derive(Debug, Clone, Default, Args)]
pub struct TalkFlags {
    /// Print one JSON object on stdout: the result, or with --explain the plan
    #[arg(long, help_heading = "Results and logs")]
    pub json: bool,
    /// Form of the log on stderr
    #[arg(
        long,
        value_name = "FORM",
        value_enum,
        ignore_case = true,
        help_heading = "Results and logs",
        hide_possible_values = true
    )]
    #[arg(help = "Form of the log on stderr: text or json")]
    pub log: Option<LogFormat>,
    /// Say nothing but errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Results and logs")]
    pub quiet: bool,
    /// Tell of every step
    #[arg(short, long, help_heading = "Results and logs")]
    pub verbose: bool,
    /// Progress bar on stderr: auto, always or never
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        ignore_case = true,
        help_heading = "Results and logs",
        hide_possible_values = true
    )]
    pub progress: Option<ProgressWhen>,
    /// Log a sign of life at this interval, like 10s
    #[arg(long, value_name = "TIME", value_parser = seconds, help_heading = "Results and logs")]
    pub heartbeat: Option<f64>,
    /// Write a page with pictures of the run: memory, tasks, rows; also when it fails
    #[arg(long, value_name = "FILE.html", help_heading = "Results and logs")]
    pub report: Option<PathBuf>,
    /// Show that page while the run goes on, with /metrics and /healthz
    /// (default: 127.0.0.1:7928; --dashboard=:0 takes any port)
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = DEFAULT,
        help_heading = "Results and logs"
    )]
    pub dashboard: Option<Address>,
}

impl TalkFlags {
    /// These flags and others that are said in another place.
    ///
    /// # Errors
    /// [`Error::Usage`] for what is said in both, or contradicts itself.
    pub fn with(self, other: TalkFlags) -> Result<TalkFlags> {
        let flags = TalkFlags {
            json: once_set("--json", self.json, other.json)?,
            log: once("--log", self.log, other.log)?,
            quiet: once_set("--quiet", self.quiet, other.quiet)?,
            verbose: once_set("--verbose", self.verbose, other.verbose)?,
            progress: once("--progress", self.progress, other.progress)?,
            heartbeat: once("--heartbeat", self.heartbeat, other.heartbeat)?,
            report: once("--report", self.report, other.report)?,
            dashboard: once("--dashboard", self.dashboard, other.dashboard)?,
        };
        not_both(("--quiet", flags.quiet), ("--verbose", flags.verbose))?;
        Ok(flags)
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// When there is a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgressWhen {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// A number of workers.
///
/// # Errors
/// Text that says what is wanted.
pub fn threads(text: &str) -> Result<usize, String> {
    match text.trim().parse() {
        Ok(threads) if (1..=1024).contains(&threads) => Ok(threads),
        _ => Err(format!("{text:?} is not a number of workers: wanted 1 to 1024")),
    }
}

/// An amount of bytes that is not nothing.
///
/// # Errors
/// Text that says what is wanted.
pub fn some_bytes(text: &str) -> Result<Bytes, String> {
    match text.parse()? {
        Bytes::ZERO => Err("no bytes at all is too little: wanted an amount like 1MB".into()),
        bytes => Ok(bytes),
    }
}

/// The most bytes that a record may be allowed: positions in it are of 32 bits.
const RECORD_MAX: Bytes = Bytes(1 << 30);

/// The length of a record.
///
/// # Errors
/// Text that says what is wanted.
pub fn record_bytes(text: &str) -> Result<Bytes, String> {
    match some_bytes(text)? {
        bytes if bytes > RECORD_MAX => Err(format!("{text:?} is too much for one record: wanted at most 1GiB")),
        bytes => Ok(bytes),
    }
}

/// The longest time that is taken for one.
const SECONDS_MAX: f64 = 3.6e9;

/// A duration in seconds.
///
/// # Errors
/// Text that says what is wanted.
pub fn seconds(text: &str) -> Result<f64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit.trim() {
        "ms" => 0.001,
        "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "" => return Err(format!("{text:?} has no unit: write 10s, 500ms or 2min")),
        other => return Err(format!("{other:?} is not a unit of time: wanted ms, s, min or h")),
    };
    match number.parse::<f64>() {
        Ok(number) if number * scale >= 0.01 && number * scale <= SECONDS_MAX => Ok(number * scale),
        Ok(number) if number * scale > SECONDS_MAX => {
            Err(format!("{text:?} is too long: wanted a million hours at most"))
        }
        _ => Err(format!("{text:?} is not an interval: wanted 10ms or more, like 10s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_a_longest_length() {
        for (text, wanted) in [("1MiB", Some(1 << 20)), ("1GiB", Some(1 << 30)), ("1025MiB", None), ("5GB", None)] {
            assert_eq!(record_bytes(text).ok(), wanted.map(Bytes), "{text}");
        }
        let error = record_bytes("5GB").expect_err("5 GB");
        assert!(error.contains("at most 1GiB"), "{error}");
        assert!(record_bytes("0MB").is_err());
    }

    #[test]
    fn durations_need_a_unit_and_workers_a_sensible_number() {
        for (text, wanted) in [("10s", Some(10.0)), ("500ms", Some(0.5)), ("2min", Some(120.0)), ("1.5h", Some(5400.0))]
        {
            assert_eq!(seconds(text).ok(), wanted, "{text}");
        }
        for text in ["10", "0s", "s", "-1s", "3 fortnights", ""] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for (text, wanted) in
            [("1", Some(1)), (" 8 ", Some(8)), ("0", None), ("-1", None), ("two", None), ("1025", None)]
        {
            assert_eq!(threads(text).ok(), wanted, "{text}");
        }
    }
}
