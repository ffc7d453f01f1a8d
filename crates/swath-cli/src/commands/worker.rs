//! The hidden verb of a batch's workers: one job in this process, as its words say, under the ceiling that it is granted.
//!
//! Standard input holds the order, and ends the process when it is closed. Standard output takes signs of life and then
//! the result of the command as `--json` has it. What the job does is the matter of its own verb.

use std::io::{BufRead, Read};
use std::sync::OnceLock;
use std::time::Duration;

use clap::Parser;
use swath::batch::{Begin, Heartbeat, Order};
use swath_core::{Bytes, Error, MemoryRequest, PartialOutput, Result, fault};

use super::batch::Grammar;
use super::{Heard, dispatch, ended, flags};
use crate::process::{self, print_json_if_possible};
use crate::settings::{Said, Settings};
use crate::show::failure::{Failure, Voice};
use crate::show::last_words;
use crate::usage::{Misread, misread};
use crate::words::{LogFormat, ProgressWhen, RunFlags, SensorVerb, SynthWords, TalkFlags, Verb, Words};

/// The longest order.
const ORDER_BYTES_MAX: u64 = 1 << 20;
/// Time between two signs of life.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// What the threads that only listen and beat need.
const STACK_BYTES: usize = 64 << 10;

/// The grant and the threads of this process, if it is a worker.
static ORDERED: OnceLock<(Bytes, usize)> = OnceLock::new();

/// Does one job; answers its exit code.
pub fn run() -> u8 {
    let voice = Voice { json: true, json_log: false, no_color: true };
    process::install_panic_hook("worker".into(), voice);
    let order = match order().and_then(|order| die_with(order.supervisor).map(|()| order)) {
        Ok(order) => order,
        Err(error) => {
            Failure { command: "worker", error: &error }.report(voice);
            return error.exit_code();
        }
    };
    let _ = ORDERED.set((order.grant, order.threads));
    let arguments: Vec<_> =
        std::iter::once("swath").chain(order.words.iter().map(String::as_str)).map(Into::into).collect();
    let command = Heard::of(&arguments).command;
    process::install_panic_hook(command.clone(), voice);
    ended(work(&order, &command, voice), &command, voice)
}

fn work(order: &Order, command: &str, voice: Voice) -> Result<u8> {
    let words = std::iter::once("swath").chain(order.words.iter().map(String::as_str));
    let mut verb = Words::try_parse_from(words).map_err(|error| match misread(&error, command) {
        Misread::Wrong(error) => error,
        Misread::Help { .. } => Error::Usage { message: "these words only show help".into(), hint: String::new() },
    })?;
    if let Verb::Raster(verb) = &mut verb.verb {
        verb.understand()?;
    }
    begin(&mut verb.verb, order);
    let mut flags = flags(&verb.verb);
    flags.memory = Some(MemoryRequest::Exact(order.grant));
    flags.threads = Some(order.threads);
    flags.talk = TalkFlags {
        json: true,
        quiet: true,
        log: Some(LogFormat::Text),
        progress: Some(ProgressWhen::Never),
        report: flags.talk.report,
        ..TalkFlags::default()
    };
    let words = std::iter::once("swath".to_string()).chain(order.words.iter().cloned()).collect();
    let said = Said { command: command.into(), words };
    let settings = Settings { heartbeat_s: None, said, ..Settings::resolve(flags)? };
    last_words::prepare(command, voice);
    dispatch(verb.verb, &settings, voice)
}

/// The order, from the first line of standard input.
fn order() -> Result<Order> {
    let mut line = Vec::new();
    let read = std::io::stdin().lock().take(ORDER_BYTES_MAX).read_until(b'\n', &mut line);
    let wrong = |message: String| Error::Usage { message, hint: "swath batch starts workers by itself".into() };
    read.map_err(|error| wrong(format!("no order could be read: {error}")))?;
    serde_json::from_slice(&line).map_err(|error| wrong(format!("this is no order: {error}")))
}

/// Has this process end with the one that started it, and tell it meanwhile that it lives.
fn die_with(supervisor: u32) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        // It may have died before that was said.
        if rustix::process::getppid().is_none_or(|parent| parent.as_raw_nonzero().get().unsigned_abs() != supervisor) {
            return Err(Error::unexpected("the batch is gone"));
        }
        // Where memory is short in spite of all, the kernel is to take a job that can be tried again.
        let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    }
    let thread = |name: &str, work: fn()| {
        let builder = std::thread::Builder::new().name(name.into()).stack_size(STACK_BYTES);
        let started = fault::point("life.spawn").and_then(|()| builder.spawn(work));
        started.map(drop).map_err(|error| Error::ThreadRefused { reason: error.to_string() })
    };
    thread("listen", || {
        let mut bytes = [0; 64];
        while !matches!(std::io::stdin().lock().read(&mut bytes), Ok(0) | Err(_)) {}
        // At once: what is written is as after any other kill, and nobody is there to be told.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    })?;
    thread("heartbeat", || {
        loop {
            print_json_if_possible(&Heartbeat::now());
            std::thread::sleep(HEARTBEAT);
        }
    })
}

/// What may be mapped and not resident: once, and for each thread.
#[cfg(target_os = "linux")]
const BESIDE: u64 = 32_000_000;

/// Limits what a worker may map for data, beyond what is mapped already: a net under the nets of the job itself. It comes
/// when the plan is made, which would take it for a limit of the machine. In other processes it does nothing.
#[cfg(target_os = "linux")]
pub fn limit_data() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Some((grant, threads)) = ORDERED.get() else { return };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:"));
    let Some(mapped) = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()) else { return };
    // What is mapped is not what is resident: of a job that keeps its grant it may be half as much again.
    let limit = mapped * 1024 + 2 * grant.0 + BESIDE * (1 + *threads as u64);
    let standing = getrlimit(Resource::Data);
    if standing.current.is_none_or(|current| current > limit) {
        // Where it is refused, the other nets remain.
        let _ = setrlimit(Resource::Data, Rlimit { current: Some(limit), maximum: standing.maximum });
    }
}

/// The same where there is no such limit.
#[cfg(not(target_os = "linux"))]
pub fn limit_data() {}

/// Changes how the job begins.
fn begin(verb: &mut Verb, order: &Order) {
    let (run, adds): (&mut RunFlags, bool) = match verb {
        Verb::Sensor(SensorVerb::Ingest(words)) => (&mut words.run, words.append),
        Verb::Sensor(SensorVerb::Compact(words)) => (&mut words.run, true),
        Verb::Raster(verb) => (verb.run_mut(), false),
        Verb::Synth(SynthWords::Raster(words)) => (&mut words.run, false),
        Verb::Synth(SynthWords::Telemetry(words)) => {
            words.overwrite |= order.begin == Begin::Overwrite;
            return;
        }
        _ => return,
    };
    match order.begin {
        Begin::AsSaid => {}
        Begin::Overwrite => run.overwrite |= !adds,
        // What is to be replaced is what stands there, unless an attempt to do so was begun.
        Begin::Resume if run.overwrite && !is_unfinished(order) => {}
        Begin::Resume => (run.overwrite, run.resume) = (false, true),
    }
}

fn is_unfinished(order: &Order) -> bool {
    let words: Vec<Box<str>> = order.words.iter().map(|word| word.as_str().into()).collect();
    let files = Grammar::default().files(&words).unwrap_or_default();
    files.outputs.iter().any(|output| PartialOutput::stands_unfinished(output))
}
