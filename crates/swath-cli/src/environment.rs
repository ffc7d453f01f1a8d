//! What surrounds the process and may set something: variables and configuration files. It gives no meaning to them.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use swath_core::{Error, Result};

use crate::words::{LogFormat, ProgressWhen};

/// The file in the folder where the program runs.
const LOCAL: &str = "swath.toml";

/// The variables that mean something; an empty one counts as not set.
#[derive(Debug, Clone, Default)]
pub struct Variables {
    /// `SWATH_MEMORY`.
    pub memory: Option<String>,
    /// `SWATH_THREADS`.
    pub threads: Option<String>,
    /// `SWATH_TMPDIR`.
    pub tmp_dir: Option<PathBuf>,
    /// `TMPDIR`.
    pub system_tmp_dir: Option<PathBuf>,
    /// `SWATH_LOG`.
    pub log: Option<String>,
    /// `SWATH_DASHBOARD_TOKEN`.
    pub dashboard_token: Option<String>,
}

impl Variables {
    /// Those of this process.
    pub fn of_process() -> Variables {
        Variables {
            memory: text("SWATH_MEMORY"),
            threads: text("SWATH_THREADS"),
            tmp_dir: path("SWATH_TMPDIR"),
            system_tmp_dir: path("TMPDIR"),
            log: text("SWATH_LOG"),
            dashboard_token: text("SWATH_DASHBOARD_TOKEN"),
        }
    }
}

/// What a service manager asks of the processes that it starts, as sd_notify(3) and sd_watchdog_enabled(3) have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceManager {
    /// `NOTIFY_SOCKET`: where it listens.
    pub socket: OsString,
    /// `WATCHDOG_USEC`: after how long without a sign it ends the process, if it does.
    pub watchdog: Option<Duration>,
}

impl ServiceManager {
    /// That of this process, if it has one.
    pub fn of_process() -> Option<ServiceManager> {
        let socket = path("NOTIFY_SOCKET")?.into_os_string();
        let watchdog = watchdog(text("WATCHDOG_USEC"), text("WATCHDOG_PID"), std::process::id());
        Some(ServiceManager { socket, watchdog })
    }
}

/// The time of a watchdog, unless it is that of another process, or makes no sense.
fn watchdog(microseconds: Option<String>, process: Option<String>, own: u32) -> Option<Duration> {
    let is_own = process.is_none_or(|process| process == own.to_string());
    let microseconds: u64 = microseconds?.parse().ok()?;
    (is_own && microseconds > 0).then(|| Duration::from_micros(microseconds))
}

/// Variables with which a process does not speak to the service manager of the one that starts it.
pub fn for_workers() -> Vec<(String, String)> {
    vec![("NOTIFY_SOCKET".into(), String::new())]
}

fn path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn text(name: &str) -> Option<String> {
    path(name).map(|value| value.to_string_lossy().into_owned())
}

/// A configuration file. All keys are optional; one that is not known is an error, since it would do nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Configuration {
    /// As `--memory`.
    pub memory: Option<String>,
    /// As `--threads`.
    pub threads: Option<i64>,
    /// As `--tmp-dir`.
    pub tmp_dir: Option<PathBuf>,
    /// As `--tmp-limit`.
    pub tmp_limit: Option<String>,
    /// As `--log`.
    pub log: Option<LogFormat>,
    /// As `--progress`.
    pub progress: Option<ProgressWhen>,
    /// As `--heartbeat`.
    pub heartbeat: Option<String>,
}

/// A configuration file and where it was.
#[derive(Debug, Clone)]
pub struct ConfigurationFile {
    /// Where.
    pub path: PathBuf,
    /// What it says.
    pub settings: Configuration,
}

/// The configuration files of this process that exist, the stronger one first. One that nobody named and that this user
/// may not read is none of this user's.
///
/// # Errors
/// When one cannot be read, or `SWATH_CONFIG` names one that is not there.
pub fn configuration_files() -> Result<Vec<ConfigurationFile>> {
    let mut files: Vec<ConfigurationFile> = read_unnamed(Path::new(LOCAL))?.into_iter().collect();
    match path("SWATH_CONFIG") {
        Some(path) => match read(&path)? {
            Some(file) => files.push(file),
            None => {
                return Err(Error::Usage {
                    message: format!("SWATH_CONFIG names {}, which does not exist", path.display()),
                    hint: "correct or unset SWATH_CONFIG".into(),
                });
            }
        },
        None => {
            let folder = path("XDG_CONFIG_HOME")
                .filter(|folder| folder.is_absolute())
                .or_else(|| path("HOME").map(|home| home.join(".config")));
            if let Some(folder) = folder {
                files.extend(read_unnamed(&folder.join("swath/config.toml"))?);
            }
        }
    }
    Ok(files)
}

/// Reads the configuration file that stands where one may stand; `None` if there is none, or none to be reached.
fn read_unnamed(path: &Path) -> Result<Option<ConfigurationFile>> {
    match std::fs::read_to_string(path) {
        // A home that belongs to somebody else, or is no folder at all.
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotADirectory) => Ok(None),
        text => understand(path, text),
    }
}

/// Reads a configuration file; `None` if there is none.
fn read(path: &Path) -> Result<Option<ConfigurationFile>> {
    understand(path, std::fs::read_to_string(path))
}

/// Gives what was read of a configuration file its form.
fn understand(path: &Path, text: std::io::Result<String>) -> Result<Option<ConfigurationFile>> {
    let text = match text {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::reading(path, &error)),
    };
    let settings = parse(&text).map_err(|message| Error::Usage {
        message: format!("{}: {message}", path.display()),
        hint: "a configuration file holds memory, threads, tmp-dir, tmp-limit, log, progress and heartbeat".into(),
    })?;
    Ok(Some(ConfigurationFile { path: path.into(), settings }))
}

/// Parses the text of a configuration file; the error is one line with its place.
fn parse(text: &str) -> Result<Configuration, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{place}{}", error.message().trim().replace('\n', "; "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_is_that_of_this_process() {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        for (microseconds, process, wanted) in [
            ("1200000", "", Some(1_200_000)),
            ("1200000", "77", Some(1_200_000)),
            ("1200000", "78", None),
            ("", "77", None),
            ("0", "", None),
            ("soon", "", None),
            ("-5", "77", None),
        ] {
            let found = watchdog(text(microseconds), text(process), 77);
            assert_eq!(found, wanted.map(Duration::from_micros), "{microseconds} {process}");
        }
    }

    #[test]
    fn configuration_is_read_strictly() {
        let read = parse("memory = \"64MB\"\nthreads = 2\ntmp-dir = \"/scratch\"\nlog = \"json\"\n").expect("good");
        assert_eq!((read.memory.as_deref(), read.threads), (Some("64MB"), Some(2)));
        assert_eq!(read.log, Some(LogFormat::Json));
        for (text, wanted) in [
            ("memroy = \"64MB\"", "line 1: unknown field `memroy`"),
            ("\nthreads = \"two\"", "line 2: invalid type"),
            ("log = \"xml\"", "line 1: unknown variant `xml`"),
            ("memory = ", "line 1:"),
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.starts_with(wanted), "{text}: {message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }
}
