//! What holds in the end: a flag, else the environment, else `./swath.toml`, else the user's configuration, else the
//! default. Every setting remembers who made it.

use std::fmt;
use std::path::{Path, PathBuf};

use swath::request::Common;
use swath_core::{Bytes, Error, LedgerLine, Limits, MemoryRequest, Result, counting};

use crate::commands::isolate;
use crate::dashboard::{self, Address};
use crate::environment::{ConfigurationFile, Variables, configuration_files};
use crate::observe::Recorder;
use crate::words::{LogFormat, ProgressWhen, RunFlags, TalkFlags, threads};

/// Who made a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag(&'static str),
    /// A variable of the environment.
    Variable(&'static str),
    /// A configuration file.
    File(PathBuf),
    /// Nobody.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Flag(name) | Origin::Variable(name) => f.write_str(name),
            Origin::File(path) => path.display().fmt(f),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A setting and who made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting<T> {
    /// What holds.
    pub value: T,
    /// Who said so.
    pub origin: Origin,
}

/// What the flags of a command say about settings that others may make, too.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--memory`.
    pub memory: Option<MemoryRequest>,
    /// `--threads`.
    pub threads: Option<usize>,
    /// `--tmp-dir`.
    pub tmp_dir: Option<PathBuf>,
    /// `--tmp-limit`.
    pub tmp_limit: Option<Bytes>,
    /// `--drift-limit`.
    pub drift_limit: Option<Bytes>,
    /// `--isolate`.
    pub isolate: bool,
    /// The rest.
    pub talk: TalkFlags,
}

impl Flags {
    /// Those of a verb that works through data.
    pub fn of(run: &RunFlags, talk: &TalkFlags) -> Flags {
        Flags {
            memory: run.ceiling.memory,
            threads: run.threads,
            tmp_dir: run.tmp_dir.clone(),
            tmp_limit: run.tmp_limit,
            drift_limit: run.drift_limit,
            isolate: run.isolate,
            talk: talk.clone(),
        }
    }
}

/// All settings of a command.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The ceiling of the process.
    pub memory: Setting<MemoryRequest>,
    /// Workers at most.
    pub threads: Setting<Option<usize>>,
    /// Where spill goes.
    pub tmp_dir: Setting<Option<PathBuf>>,
    /// How much spill.
    pub tmp_limit: Setting<Option<Bytes>>,
    /// How much the process may grow from task to task.
    pub drift_limit: Option<Bytes>,
    /// Whether another process waits for the one that works.
    pub isolate: bool,
    /// Form of the log.
    pub log: LogFormat,
    /// When there is a bar.
    pub progress: ProgressWhen,
    /// Seconds between signs of life.
    pub heartbeat_s: Option<f64>,
    /// Print JSON on stdout.
    pub json: bool,
    /// Say nothing but errors.
    pub quiet: bool,
    /// Tell of every step.
    pub verbose: bool,
    /// Where the report goes, if one is wanted.
    pub report: Option<PathBuf>,
    /// `--dashboard`.
    pub dashboard: Option<Address>,
    /// `SWATH_DASHBOARD_TOKEN`, as it was set.
    pub dashboard_token: Option<String>,
    /// The command as it was given.
    pub said: Said,
}

/// A command as it was given.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// The verb, as in `sensor ingest`.
    pub command: String,
    /// All words, that of the program among them.
    pub words: Vec<String>,
}

impl Settings {
    /// Resolves flags against this process's environment and files.
    ///
    /// # Errors
    /// When a variable or a file says something that has no meaning.
    pub fn resolve(flags: Flags) -> Result<Settings> {
        Settings::resolve_in(flags, &Variables::of_process(), &configuration_files()?)
    }

    /// Resolves flags against what is given.
    fn resolve_in(flags: Flags, variables: &Variables, files: &[ConfigurationFile]) -> Result<Settings> {
        let memory = choose(
            flags.memory.map(|value| (value, "--memory")),
            &[(&variables.memory, "SWATH_MEMORY")],
            files,
            "memory",
            |file| file.memory.clone(),
            |text| text.parse(),
        )?;
        let count = choose(
            flags.threads.map(|value| (value, "--threads")),
            &[(&variables.threads, "SWATH_THREADS")],
            files,
            "threads",
            |file| file.threads.map(|count| count.to_string()),
            threads,
        )?;
        let in_file =
            |file: &ConfigurationFile| Some((file.settings.tmp_dir.clone()?, Origin::File(file.path.clone())));
        let tmp_dir = flags
            .tmp_dir
            .map(|value| (value, Origin::Flag("--tmp-dir")))
            .or_else(|| Some((variables.tmp_dir.clone()?, Origin::Variable("SWATH_TMPDIR"))))
            .or_else(|| Some((variables.system_tmp_dir.clone()?, Origin::Variable("TMPDIR"))))
            .or_else(|| files.iter().find_map(in_file))
            .map(|(value, origin)| Setting { value, origin });
        let tmp_limit = choose(
            flags.tmp_limit.map(|value| (value, "--tmp-limit")),
            &[],
            files,
            "tmp-limit",
            |file| file.tmp_limit.clone(),
            |text| text.parse(),
        )?;
        let log = choose(
            flags.talk.log.map(|value| (value, "--log")),
            &[(&variables.log, "SWATH_LOG")],
            files,
            "log",
            |file| file.log.map(|log| if log == LogFormat::Json { "json" } else { "text" }.to_string()),
            log_format,
        )?;
        let heartbeat = choose(
            flags.talk.heartbeat.map(|value| (value, "--heartbeat")),
            &[],
            files,
            "heartbeat",
            |file| file.heartbeat.clone(),
            crate::words::seconds,
        )?;
        let progress = flags.talk.progress.or_else(|| files.iter().find_map(|file| file.settings.progress));
        Ok(Settings {
            memory: or_default(memory, MemoryRequest::Auto),
            threads: optional(count),
            tmp_dir: optional(tmp_dir),
            tmp_limit: optional(tmp_limit),
            drift_limit: flags.drift_limit,
            isolate: flags.isolate,
            log: log.map(|setting| setting.value).unwrap_or_default(),
            progress: progress.unwrap_or_default(),
            heartbeat_s: heartbeat.map(|setting| setting.value),
            json: flags.talk.json,
            quiet: flags.talk.quiet,
            verbose: flags.talk.verbose,
            report: flags.talk.report,
            dashboard: flags.talk.dashboard,
            dashboard_token: variables.dashboard_token.clone(),
            said: Said::default(),
        })
    }

    /// The settings as the library takes them; from here on the heap is held to the ceiling, or while a job is planned
    /// to 64 MB if that is more.
    pub fn common(&self, overwrite: bool, resume: bool) -> Common {
        let common = Common {
            memory: self.memory.value,
            limits: Limits::detect(self.threads.value),
            threads: self.threads.value,
            tmp_dir: self.tmp_dir.value.clone(),
            tmp_limit: self.tmp_limit.value,
            overwrite,
            resume,
            only_plans: false,
            heartbeat_s: self.heartbeat_s,
            drift_limit: self.drift_limit,
            beside: self.beside(),
        };
        // A job that cannot fit is refused with words, so making its plan must not hit the net.
        counting::set_limit(common.ceiling().max(Bytes(64_000_000)));
        common
    }
}

impl Settings {
    /// Lines of the ledger for what looks at the run.
    fn beside(&self) -> Vec<LedgerLine> {
        let recorder = match (&self.report, self.dashboard) {
            (Some(_), _) => Some(Recorder::line("--report")),
            (None, Some(_)) => Some(Recorder::line("--dashboard")),
            (None, None) => None,
        };
        let dashboard = self.dashboard.map(|_| dashboard::line());
        recorder.into_iter().chain(dashboard).chain(self.isolate.then(isolate::line)).collect()
    }
}

fn or_default<T>(setting: Option<Setting<T>>, default: T) -> Setting<T> {
    setting.unwrap_or(Setting { value: default, origin: Origin::Default })
}

fn optional<T>(setting: Option<Setting<T>>) -> Setting<Option<T>> {
    match setting {
        Some(Setting { value, origin }) => Setting { value: Some(value), origin },
        None => Setting { value: None, origin: Origin::Default },
    }
}

fn log_format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => Err(format!("{other:?} is not a form of log: wanted text or json")),
    }
}

/// The strongest of what flag, variables and files say about one setting.
fn choose<T>(
    flag: Option<(T, &'static str)>,
    variables: &[(&Option<String>, &'static str)],
    files: &[ConfigurationFile],
    key: &str,
    in_file: impl Fn(&crate::environment::Configuration) -> Option<String>,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<Setting<T>>> {
    if let Some((value, name)) = flag {
        return Ok(Some(Setting { value, origin: Origin::Flag(name) }));
    }
    let wrong = |place: &dyn fmt::Display, message: String| Error::Usage {
        message: format!("{place}: {message}"),
        hint: format!("correct it, or give --{key}, which is stronger"),
    };
    for &(text, name) in variables {
        if let Some(text) = text {
            let value = parse(text).map_err(|message| wrong(&name, message))?;
            return Ok(Some(Setting { value, origin: Origin::Variable(name) }));
        }
    }
    for file in files {
        if let Some(text) = in_file(&file.settings) {
            let place = format!("{}, {key}", Path::display(&file.path));
            let value = parse(&text).map_err(|message| wrong(&place, message))?;
            return Ok(Some(Setting { value, origin: Origin::File(file.path.clone()) }));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Configuration;

    fn file(path: &str, memory: Option<&str>, threads: Option<i64>) -> ConfigurationFile {
        let settings = Configuration { memory: memory.map(Into::into), threads, ..Configuration::default() };
        ConfigurationFile { path: path.into(), settings }
    }

    #[test]
    fn the_strongest_word_holds() {
        let files = [file("swath.toml", Some("64MB"), None), file("user.toml", Some("32MB"), Some(3))];
        let flag = Flags { memory: Some(MemoryRequest::Exact(Bytes(1_000_000))), ..Flags::default() };
        let variable = Variables { memory: Some("60%".into()), ..Variables::default() };
        let none = Variables::default();
        for (flags, variables, files, memory, origin) in [
            (flag, &variable, &files[..], "1 MB", "--memory"),
            (Flags::default(), &variable, &files[..], "60%", "SWATH_MEMORY"),
            (Flags::default(), &none, &files[..], "64 MB", "swath.toml"),
            (Flags::default(), &none, &files[1..], "32 MB", "user.toml"),
            (Flags::default(), &none, &[], "auto", "default"),
        ] {
            let settings = Settings::resolve_in(flags, variables, files).expect("good");
            assert_eq!(
                (settings.memory.value.to_string(), settings.memory.origin.to_string()),
                (memory.into(), origin.into())
            );
            assert_eq!(settings.threads.value, (!files.is_empty()).then_some(3));
        }
    }

    #[test]
    fn tmpdir_counts_only_when_set_and_after_our_own() {
        let of = |own: Option<&str>, system: Option<&str>| {
            let variables = Variables {
                tmp_dir: own.map(Into::into),
                system_tmp_dir: system.map(Into::into),
                ..Variables::default()
            };
            let settings = Settings::resolve_in(Flags::default(), &variables, &[]).expect("good");
            (settings.tmp_dir.value, settings.tmp_dir.origin.to_string())
        };
        assert_eq!(of(None, None), (None, "default".into()));
        assert_eq!(of(None, Some("/t")), (Some("/t".into()), "TMPDIR".into()));
        assert_eq!(of(Some("/s"), Some("/t")), (Some("/s".into()), "SWATH_TMPDIR".into()));
    }

    #[test]
    fn nonsense_is_refused_with_its_place() {
        for (variables, files, wanted) in [
            (
                Variables { memory: Some("256".into()), ..Variables::default() },
                vec![],
                "SWATH_MEMORY: \"256\" has no unit",
            ),
            (Variables { threads: Some("0".into()), ..Variables::default() }, vec![], "SWATH_THREADS: "),
            (Variables { log: Some("xml".into()), ..Variables::default() }, vec![], "SWATH_LOG: "),
            (Variables::default(), vec![file("a.toml", Some("lots"), None)], "a.toml, memory: "),
            (Variables::default(), vec![file("a.toml", None, Some(-2))], "a.toml, threads: "),
        ] {
            let error = Settings::resolve_in(Flags::default(), &variables, &files).expect_err(wanted);
            assert!(error.to_string().starts_with(wanted), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }
}
