//! From parsed words to an exit code: settings first, then the verb, then the error if there was one.

mod batch;
mod demo;
mod doctor;
mod info;
mod ingest;
pub mod isolate;
mod job;
mod raster;
mod report;
mod reporting;
mod schema;
mod synth;
mod worker;

use std::ffi::OsString;

use clap::Parser;
use swath_core::Result;

use crate::dashboard::Address;
use crate::process::{self, complain};
use crate::settings::{Flags, Said, Settings};
use crate::show::failure::{Failure, Voice};
use crate::show::last_words;
use crate::usage::{Misread, misread};
use crate::words::{LogFormat, RunFlags, SensorVerb, SynthWords, TalkFlags, Verb, Words};

/// Runs the program; answers its exit code.
pub fn run(arguments: Vec<OsString>) -> u8 {
    // Without a look at the grammar, which it needs for the words of its job.
    match &arguments[..] {
        [_, word] if word == "worker" => worker::run(),
        [_, word, isolated, order @ ..] if word == "worker" && isolated == isolate::WORD => {
            match isolate::Order::read(order) {
                Ok((order, arguments)) => run_words(arguments, Some(&order)),
                Err(error) => ended(Err(error), "worker", Voice::default()),
            }
        }
        _ => run_words(arguments, None),
    }
}

/// Runs the words of a command, in a process that was started for that where there is an order.
fn run_words(arguments: Vec<OsString>, order: Option<&isolate::Order>) -> u8 {
    let arguments = with_addresses(arguments);
    let heard = Heard::of(&arguments);
    let command = heard.command.as_str();
    process::install_panic_hook(heard.command.clone(), heard.voice);
    let mut words = match Words::try_parse_from(&arguments) {
        Ok(words) => words,
        Err(error) => match misread(&error, command) {
            Misread::Help { asked } => {
                let _ = error.print();
                return if asked { 0 } else { 2 };
            }
            Misread::Wrong(error) => {
                Failure { command, error: &error }.report(heard.voice);
                return error.exit_code();
            }
        },
    };
    let mut voice = heard.voice;
    let understood = match &mut words.verb {
        Verb::Raster(verb) => verb.understand(),
        _ => Ok(()),
    };
    let begun = understood.and_then(|()| match order {
        Some(order) => worker::begin_isolated(&mut words.verb, order, &arguments),
        None => Ok(()),
    });
    let done = begun.and_then(|()| Settings::resolve(flags(&words.verb))).and_then(|settings| {
        let words_said = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let settings = Settings { said: Said { command: command.into(), words: words_said }, ..settings };
        voice.json = settings.json;
        voice.json_log = settings.log == LogFormat::Json;
        last_words::prepare(command, voice);
        if let Some(order) = order {
            worker::hold_isolated(order, settings.threads.value);
        }
        let explains = run_flags(&mut words.verb).is_none_or(|run| run.explain);
        match settings.isolate && !explains && order.is_none() {
            true => isolate::run(words.verb, &arguments, &settings),
            false => dispatch(words.verb, &settings, voice),
        }
    });
    match (order, done) {
        (Some(order), Err(error)) => worker::ended_isolated(error, order, &arguments, (command, voice)),
        (_, done) => ended(done, command, voice),
    }
}

/// The words with an address that stands behind `--dashboard` joined to it. Without a `=` the next word may as well be an
/// input, so only what can be nothing but an address is one.
fn with_addresses(arguments: Vec<OsString>) -> Vec<OsString> {
    let is_address = |word: &OsString| {
        let text = word.to_string_lossy();
        text.contains(':') && text.parse::<Address>().is_ok()
    };
    let mut joined: Vec<OsString> = Vec::with_capacity(arguments.len());
    let mut is_over = false;
    for word in arguments {
        is_over |= word == "--";
        match joined.last_mut() {
            Some(last) if !is_over && *last == "--dashboard" && is_address(&word) => {
                last.push("=");
                last.push(word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

/// Tells the error, if there was one; answers the exit code.
fn ended(done: Result<u8>, command: &str, voice: Voice) -> u8 {
    match done {
        Ok(code) => code,
        Err(error) => {
            Failure { command, error: &error }.report(voice);
            error.exit_code()
        }
    }
}

/// The verbs of `swath raster`.
const RASTER_VERBS: [&str; 9] = ["calc", "convert", "clip", "warp", "mosaic", "focal", "terrain", "stats", "pipeline"];

/// What can be told from the arguments before they are parsed: enough to report that they are wrong.
struct Heard {
    command: String,
    voice: Voice,
}

impl Heard {
    fn of(arguments: &[OsString]) -> Heard {
        let words: Vec<String> = arguments.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
        let has = |flag: &str| words.iter().take_while(|word| *word != "--").any(|word| word == flag);
        let follows = words.windows(2).any(|pair| pair == ["--log", "json"]);
        let mut verbs = words.iter().filter(|word| !word.starts_with('-'));
        let command = match (verbs.next().map(String::as_str), verbs.next().map(String::as_str)) {
            (Some("sensor"), Some(verb @ ("schema" | "ingest" | "compact"))) => format!("sensor {verb}"),
            (Some("raster"), Some(verb)) if RASTER_VERBS.contains(&verb) => format!("raster {verb}"),
            (Some("synth"), Some(verb @ ("telemetry" | "raster"))) => format!("synth {verb}"),
            (
                Some(
                    verb @ ("info" | "sensor" | "raster" | "synth" | "batch" | "report" | "worker" | "doctor" | "demo"),
                ),
                _,
            ) => verb.into(),
            _ => String::new(),
        };
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Heard { command, voice: Voice { json: has("--json"), json_log: follows || has("--log=json"), no_color } }
    }
}

/// The flags of a verb that settings depend on.
fn flags(verb: &Verb) -> Flags {
    let only_json = |json: bool| TalkFlags { json, ..TalkFlags::default() };
    match verb {
        Verb::Info(words) => Flags { memory: words.ceiling.memory, talk: only_json(words.json), ..Flags::default() },
        Verb::Doctor(words) => Flags {
            memory: words.ceiling.memory,
            threads: words.threads,
            tmp_dir: words.tmp_dir.clone(),
            talk: only_json(words.json),
            ..Flags::default()
        },
        Verb::Demo(words) => {
            let run = RunFlags { ceiling: words.ceiling.clone(), threads: words.threads, ..RunFlags::default() };
            Flags::of(&run, &words.talk)
        }
        Verb::Batch(words) => {
            Flags { memory: words.ceiling.memory, threads: words.threads, talk: words.talk.clone(), ..Flags::default() }
        }
        Verb::Report(words) => {
            Flags { talk: TalkFlags { quiet: words.quiet, ..only_json(words.json) }, ..Flags::default() }
        }
        Verb::Worker => Flags::default(),
        Verb::Sensor(SensorVerb::Schema(words)) => Flags {
            memory: words.ceiling.memory,
            talk: TalkFlags { json: words.json, quiet: words.quiet, ..TalkFlags::default() },
            ..Flags::default()
        },
        Verb::Sensor(SensorVerb::Ingest(words)) => Flags::of(&words.run, &words.talk),
        Verb::Sensor(SensorVerb::Compact(words)) => Flags::of(&words.run, &words.talk),
        Verb::Raster(verb) => {
            let (run, talk) = verb.flags();
            Flags::of(run, talk)
        }
        Verb::Synth(SynthWords::Raster(words)) => Flags::of(&words.run, &words.talk),
        Verb::Synth(SynthWords::Telemetry(words)) => Flags {
            memory: words.ceiling.memory,
            talk: TalkFlags { json: words.json, quiet: words.quiet, ..TalkFlags::default() },
            ..Flags::default()
        },
    }
}

/// How a verb runs that can be run in a process of its own.
fn run_flags(verb: &mut Verb) -> Option<&mut RunFlags> {
    match verb {
        Verb::Sensor(SensorVerb::Ingest(words)) => Some(&mut words.run),
        Verb::Sensor(SensorVerb::Compact(words)) => Some(&mut words.run),
        Verb::Raster(verb) => Some(verb.run_mut()),
        Verb::Synth(SynthWords::Raster(words)) => Some(&mut words.run),
        _ => None,
    }
}

/// Does what the verb says; answers the exit code.
fn dispatch(verb: Verb, settings: &Settings, voice: Voice) -> Result<u8> {
    match verb {
        Verb::Batch(words) => return batch::run(*words, settings),
        Verb::Worker => return Ok(worker::run()),
        Verb::Info(words) => info::run(&words, settings, voice),
        Verb::Doctor(_) => doctor::run(settings),
        Verb::Report(words) => report::run(&words, settings),
        Verb::Demo(words) => demo::run(&words, settings),
        Verb::Sensor(SensorVerb::Schema(words)) => schema::run(&words, settings),
        Verb::Sensor(SensorVerb::Ingest(words)) => ingest::run(*words, settings),
        Verb::Sensor(SensorVerb::Compact(words)) => ingest::compact(words, settings),
        Verb::Raster(verb) => raster::run(verb, settings),
        Verb::Synth(SynthWords::Telemetry(words)) => synth::telemetry(&words, settings),
        Verb::Synth(SynthWords::Raster(words)) => raster::synth(*words, settings),
    }
    .map(|()| 0)
}

/// Tells warnings of a command that has no run to observe.
fn warn(warnings: &[String], settings: &Settings) {
    if !settings.quiet {
        warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_stand_behind_its_flag() {
        for (line, wanted) in [
            ("batch --dashboard :0 jobs.toml", "batch --dashboard=:0 jobs.toml"),
            ("batch jobs.toml --dashboard", "batch jobs.toml --dashboard"),
            ("batch --dashboard jobs.toml", "batch --dashboard jobs.toml"),
            ("batch --dashboard localhost", "batch --dashboard localhost"),
            ("batch --dashboard 0.0.0.0:80 a:b", "batch --dashboard=0.0.0.0:80 a:b"),
            ("batch -- --dashboard :0", "batch -- --dashboard :0"),
        ] {
            let words = with_addresses(line.split(' ').map(Into::into).collect());
            assert_eq!(words.join(std::ffi::OsStr::new(" ")), wanted);
        }
    }

    #[test]
    fn enough_is_heard_before_parsing() {
        for (line, command, json, json_log) in [
            ("sensor ingest a -o b --json", "sensor ingest", true, false),
            ("sensor nonsense --log json", "sensor", false, true),
            ("doctor --log=json -- --json", "doctor", false, true),
            ("--json rubbish", "", true, false),
        ] {
            let arguments: Vec<OsString> = std::iter::once("swath").chain(line.split(' ')).map(Into::into).collect();
            let heard = Heard::of(&arguments);
            assert_eq!(
                (heard.command.as_str(), heard.voice.json, heard.voice.json_log),
                (command, json, json_log),
                "{line}"
            );
        }
    }
}
