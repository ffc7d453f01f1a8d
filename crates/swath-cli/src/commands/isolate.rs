//! `--isolate`: a command in a process of its own under a hard limit, which is begun again where it dies.
//!
//! The process runs the same words, and what it tells and prints is its own; this one only waits, and knows what its end
//! means. Its share of the ceiling is the whole less what waiting takes.

use std::ffi::OsString;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use swath::batch::{Begin, Order};
use swath_core::{Bytes, Error, Event, Limits, Observer, OomKills, Result, Stop, counting};

use super::batch::program;
use crate::allocator;
use crate::observe::Talk;
use crate::process::stop_on_signals;
use crate::settings::Settings;

/// What this process takes of the ceiling: 8 to 10 MB were measured.
const WAITING_BYTES: Bytes = Bytes(14_000_000);
/// With less than this no command would come to anything.
const GRANT_MIN: Bytes = Bytes(16_000_000);
/// How often a process that died is begun again.
const AGAIN_MAX: u32 = 2;
/// Time between two looks at the process.
const LOOK: Duration = Duration::from_millis(5);

/// The word behind `worker` that says that its order follows as words.
pub const WORD: &str = "--isolated";

/// Runs the words of a command in another process; answers its exit code.
///
/// # Errors
/// [`Error::CeilingTooSmall`], [`Error::Stopped`], and [`Error::Unexpected`] where the process dies each time.
pub fn run(arguments: &[OsString], command: &str, settings: &Settings, reads_streams: bool) -> Result<u8> {
    let stop = stop_on_signals()?;
    let limits = Limits::detect(settings.threads.value);
    let ceiling = settings.memory.value.resolve(&limits);
    if ceiling < WAITING_BYTES + GRANT_MIN {
        return Err(Error::CeilingTooSmall {
            what: command.into(),
            ceiling,
            smallest: WAITING_BYTES + GRANT_MIN,
            mostly: format!("--isolate takes {WAITING_BYTES} for the process that waits"),
        });
    }
    counting::set_limit(WAITING_BYTES);
    let (mut kills, mut again) = (OomKills::watch(), 0);
    let (mut grant, mut begin) = (ceiling - WAITING_BYTES, Begin::AsSaid);
    loop {
        let status = wait(start(arguments, grant, begin)?, &stop)?;
        let Some(signal) = status.signal() else { return Ok(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)) };
        if stop.is_raised() {
            return Err(Error::Stopped { resumable: true });
        }
        let how = match kills.take() {
            // The machine has less than was thought.
            true => {
                grant = Bytes(grant.0 / 2).max(GRANT_MIN);
                "the kernel killed its process for want of memory".to_string()
            }
            false => format!("its process was ended by signal {signal}"),
        };
        if again == AGAIN_MAX || reads_streams {
            return Err(Error::unexpected(format!("{how}, {} times", again + 1)));
        }
        (again, begin) = (again + 1, Begin::Resume);
        let talk = Talk::new(settings);
        talk.on(&Event::Warning { message: format!("{how}; it goes on with {grant}") });
        talk.finish();
    }
}

fn start(arguments: &[OsString], grant: Bytes, begin: Begin) -> Result<Child> {
    let begin = if begin == Begin::Resume { "resume" } else { "begin" };
    let mut command = Command::new(program()?);
    command.arg0("swath").args(["worker", WORD, &std::process::id().to_string(), &grant.0.to_string(), begin]);
    command.args(&arguments[1..]).envs(allocator::for_workers());
    // A Ctrl-C on the terminal is for this process, which asks that one to end; a second signal would not ask.
    command.process_group(0);
    command.spawn().map_err(|error| Error::unexpected(format!("a process could not be started: {error}")))
}

fn wait(mut child: Child, stop: &Stop) -> Result<ExitStatus> {
    let mut is_asked = false;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(error) => return Err(Error::unexpected(format!("the process cannot be waited for: {error}"))),
        }
        if stop.is_raised()
            && !std::mem::replace(&mut is_asked, true)
            && let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(id, Signal::INT);
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether a source can be read only once, so that the words mean something else the second time.
pub fn is_stream(source: &Path) -> bool {
    let kind = source.metadata().map(|metadata| metadata.file_type());
    source.as_os_str() == "-" || kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device() || kind.is_socket())
}

/// An error with the ceiling as it was set, of which the process that waits has its share.
pub fn seen_from_outside(error: Error) -> Error {
    match error {
        Error::CeilingTooSmall { what, ceiling, smallest, mostly } => Error::CeilingTooSmall {
            what,
            ceiling: ceiling + WAITING_BYTES,
            smallest: smallest + WAITING_BYTES,
            mostly: format!("{mostly}, and {WAITING_BYTES} is for the process that waits"),
        },
        other => other,
    }
}

/// The order of a process that was started for that, and the words of its command.
///
/// # Errors
/// [`Error::Usage`] for an order that makes no sense.
pub fn ordered(arguments: &[OsString]) -> Result<(Order, Vec<OsString>)> {
    let wrong =
        || Error::Usage { message: "this is no order".into(), hint: "--isolate starts processes by itself".into() };
    let [supervisor, grant, begin, words @ ..] = arguments else { return Err(wrong()) };
    let number = |word: &OsString| word.to_str().and_then(|word| word.parse::<u64>().ok()).ok_or_else(wrong);
    let order = Order {
        words: words.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        grant: Bytes(number(grant)?),
        threads: Limits::detect(None).threads(),
        begin: if begin == "resume" { Begin::Resume } else { Begin::AsSaid },
        supervisor: u32::try_from(number(supervisor)?).map_err(|_| wrong())?,
    };
    Ok((order, std::iter::once("swath".into()).chain(words.iter().cloned()).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_given() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        let (order, rest) = ordered(&words("12 64000000 resume raster convert a.tif -o b.tif")).expect("an order");
        assert_eq!((order.supervisor, order.grant, order.begin), (12, Bytes(64_000_000), Begin::Resume));
        assert_eq!(rest, words("swath raster convert a.tif -o b.tif"));
        for line in ["", "12", "12 x begin", "x 12 begin"] {
            assert!(ordered(&words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn what_can_be_read_once_is_told_apart() {
        assert!(is_stream(Path::new("-")) && is_stream(Path::new("/dev/null")));
        assert!(!is_stream(Path::new("Cargo.toml")) && !is_stream(Path::new("none of that name")));
    }
}
