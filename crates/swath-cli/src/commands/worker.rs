//! The hidden verb of a batch's workers: one job in this process, as its words say, under the ceiling that it is granted.
//!
//! Standard input holds the order, and ends the process when it is closed. Standard output takes signs of life and then
//! the result of the command as `--json` has it. What the job does is the matter of its own verb.

use std::ffi::OsString;
use std::io::{BufRead, Read};
use std::sync::OnceLock;
use std::time::Duration;

use clap::Parser;
use swath::batch::{Begin, Files, Heartbeat, Order};
use swath::outcome::Memory;
use swath_core::{Bytes, Error, Event, Limits, MemoryRequest, PartialOutput, ResidentSet, Result, counting, fault};

use super::batch::{Grammar, files_of};
use super::{Heard, dispatch, ended, flags, isolate, run_flags};
use crate::observe::warn_late;
use crate::process::{self, print_json_if_possible};
use crate::settings::{Said, Settings};
use crate::show::failure::{Failure, Voice};
use crate::show::last_words;
use crate::usage::{Misread, misread};
use crate::words::{LogFormat, ProgressWhen, SensorVerb, SynthWords, TalkFlags, Verb, Words};

/// The longest order.
const ORDER_BYTES_MAX: u64 = 1 << 20;
/// Time between two signs of life.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// What the threads that only listen and beat need.
const STACK_BYTES: usize = 64 << 10;

/// The grant and the threads of this process, if it is a worker.
static ORDERED: OnceLock<(Bytes, usize)> = OnceLock::new();
/// The order of this process, if another one waits for it.
static ISOLATED: OnceLock<isolate::Order> = OnceLock::new();

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
    begin(&mut verb.verb, order.begin, || {
        let words: Vec<Box<str>> = order.words.iter().map(|word| word.as_str().into()).collect();
        Grammar::default().files(&words)
    });
    let mut flags = flags(&verb.verb);
    flags.drift_limit = flags.drift_limit.or(order.drift_limit);
    // It is in a process of its own already.
    flags.isolate = false;
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

/// Has a process that was started for one command begin as it was told to.
///
/// # Errors
/// When whoever started it is gone.
pub fn begin_isolated(verb: &mut Verb, order: &isolate::Order, arguments: &[OsString]) -> Result<()> {
    end_with(order.waiting)?;
    process::leave_second_signal();
    begin(verb, order.begin, || files_of(understood(arguments)?));
    if let Some(run) = run_flags(verb) {
        run.ceiling.memory = Some(MemoryRequest::Exact(order.planned));
    }
    let _ = ISOLATED.set(*order);
    if order.may_get_smaller {
        counting::end_silently(isolate::SMALLER);
    }
    Ok(())
}

/// Notes what a process is held to that was started for one command, with so many threads, if anybody said so.
pub fn hold_isolated(order: &isolate::Order, threads: Option<usize>) {
    let threads = Limits::detect(threads).workers(threads);
    let _ = ORDERED.set((order.ceiling - isolate::WAITING_BYTES, threads));
}

/// The verb of words that were understood before.
fn understood(arguments: &[OsString]) -> Result<Verb> {
    let words = Words::try_parse_from(arguments);
    let mut verb = words.map_err(|_| Error::unexpected("words that mean nothing any more"))?.verb;
    if let Verb::Raster(verb) = &mut verb {
        verb.understand()?;
    }
    Ok(verb)
}

/// Tells the error of a process that another one waits for, unless that one has a way on; answers the exit code.
pub fn ended_isolated(error: Error, order: &isolate::Order, arguments: &[OsString], told: (&str, Voice)) -> u8 {
    let log = if told.1.json_log { LogFormat::Json } else { LogFormat::Text };
    match error {
        // With half of the ceiling not even the smallest pieces fit: they are to be as small as can be.
        Error::CeilingTooSmall { smallest, .. } if order.planned < smallest && smallest <= order.ceiling => {
            super::run_words(arguments.to_vec(), Some(&isolate::Order { planned: smallest, ..*order }))
        }
        Error::CeilingReached { .. } | Error::MemoryRefused { .. } | Error::Pressure { .. }
            if order.may_get_smaller =>
        {
            isolate::SMALLER
        }
        // The next one has nothing of what this one kept.
        Error::Drifted { .. } if order.may_begin_afresh => {
            warn_late(&Event::Warning { message: error.to_string() }, log);
            isolate::AFRESH
        }
        error => ended(Err(error), told.0, told.1),
    }
}

/// What this process is held to while it runs a job: its ceiling, or what another one that waits for it leaves of that.
pub fn limit(ceiling: Bytes) -> Bytes {
    ISOLATED.get().map_or(ceiling, |order| order.ceiling - isolate::WAITING_BYTES)
}

/// Has the figures of a job be those of both processes, where another one waits.
pub fn add_waiting(memory: &mut Memory) {
    if let Some(order) = ISOLATED.get() {
        memory.ceiling = order.ceiling;
        memory.actual_peak += ResidentSet::of(order.waiting).peak;
    }
}

/// The order, from the first line of standard input.
fn order() -> Result<Order> {
    let mut line = Vec::new();
    let read = std::io::stdin().lock().take(ORDER_BYTES_MAX).read_until(b'\n', &mut line);
    let wrong = |message: String| Error::Usage { message, hint: "swath batch starts workers by itself".into() };
    read.map_err(|error| wrong(format!("no order could be read: {error}")))?;
    serde_json::from_slice(&line).map_err(|error| wrong(format!("this is no order: {error}")))
}

/// Has this process end with the one that started it, where the kernel sees to that, and be killed before others.
fn end_with(supervisor: u32) -> Result<()> {
    #[cfg(target_os = "linux")]
    {
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        // It may have died before that was said.
        if rustix::process::getppid().is_none_or(|parent| parent.as_raw_nonzero().get().unsigned_abs() != supervisor) {
            return Err(Error::unexpected("whoever started this process is gone"));
        }
        // Where memory is short in spite of all, the kernel is to take a job that can be tried again.
        let _ = std::fs::write("/proc/self/oom_score_adj", "500");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = supervisor;
    Ok(())
}

/// Has this process end with the one that started it, and tell it meanwhile that it lives.
fn die_with(supervisor: u32) -> Result<()> {
    end_with(supervisor)?;
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

/// Changes how the job begins; `files` tells what it writes.
fn begin(verb: &mut Verb, begin: Begin, files: impl FnOnce() -> Result<Files>) {
    if let Verb::Synth(SynthWords::Telemetry(words)) = verb {
        words.overwrite |= begin == Begin::Overwrite;
    }
    let adds = match verb {
        Verb::Sensor(SensorVerb::Ingest(words)) => words.append,
        Verb::Sensor(SensorVerb::Compact(_)) => true,
        _ => false,
    };
    let Some(run) = run_flags(verb) else { return };
    match begin {
        Begin::AsSaid => {}
        Begin::Overwrite => run.overwrite |= !adds,
        Begin::Resume => {
            let outputs = files().unwrap_or_default().outputs;
            let is_unfinished = outputs.iter().any(|output| PartialOutput::stands_unfinished(output));
            // What is to be replaced is what stands there, unless an attempt to do so was begun; and what is only printed has
            // nothing to go on from.
            let begins_anew = (run.overwrite && !is_unfinished) || (outputs.is_empty() && !adds);
            if !begins_anew {
                (run.overwrite, run.resume) = (false, true);
            }
        }
    }
}
