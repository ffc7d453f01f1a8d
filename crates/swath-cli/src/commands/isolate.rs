//! `--isolate`: a command in a process of its own under hard limits, which goes on where it dies.
//!
//! The process runs the same words, and what it tells and prints is its own; this one only waits, and knows what its end
//! means. What waiting takes is a line of the ledger, so that plans and refusals speak of both.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use swath::batch::{Begin, GROUP_BESIDE};
use swath_core::{Bytes, Error, Event, GroupNest, LedgerLine, Limits, OomKills, Result, Stop, counting, fault};

use super::batch::{files_of, program};
use crate::allocator;
use crate::observe::warn_late;
use crate::process::stop_on_signals;
use crate::settings::Settings;
use crate::words::Verb;

/// What this process takes of the ceiling: 8 to 10 MB were measured.
pub const WAITING_BYTES: Bytes = Bytes(14_000_000);
/// How often a process that met a limit is followed by one that plans with half as much.
const SMALLER_MAX: u32 = 2;
/// How often a process may be followed by another since it grew.
const AFRESH_MAX: u32 = 20;
/// Time between two looks at the process.
const LOOK: Duration = Duration::from_millis(5);

/// The word behind `worker` that says that its order follows as words.
pub const WORD: &str = "--isolated";
/// The exit code of a process that met a limit and said nothing, so that another one may try with smaller pieces. Nobody
/// else sees it.
pub const SMALLER: u8 = 84;
/// The same of one that grew from task to task, so that another one may go on as it was.
pub const AFRESH: u8 = 85;

const SIGKILL: i32 = 9;

/// What a process is told that does the work of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The process that waits for it.
    pub waiting: u32,
    /// The ceiling of both.
    pub ceiling: Bytes,
    /// What it plans with: less than the ceiling once that was met.
    pub planned: Bytes,
    /// How it begins.
    pub begin: Begin,
    /// Whether it leaves with [`SMALLER`] where it meets a limit.
    pub may_get_smaller: bool,
    /// Whether it leaves with [`AFRESH`] where it grows from task to task.
    pub may_begin_afresh: bool,
}

/// The line of a ledger for the process that waits.
pub fn line() -> LedgerLine {
    LedgerLine {
        name: "isolation".into(),
        bytes: WAITING_BYTES,
        reason: "the process that waits for the job's own".into(),
    }
}

/// Runs the words of a command in another process; answers its exit code.
///
/// # Errors
/// [`Error::Stopped`], and [`Error::Died`] where the process dies each time.
pub fn run(verb: Verb, arguments: &[OsString], settings: &Settings) -> Result<u8> {
    let stop = stop_on_signals()?;
    let reads_once = files_of(verb)?.reads_once();
    let ceiling = settings.memory.value.resolve(&Limits::detect(settings.threads.value));
    counting::set_limit(WAITING_BYTES);
    // In this order: to make groups, this process may have to leave its own.
    let mut kills = OomKills::watch();
    let nest = GroupNest::open().ok();
    let mut order = Order {
        waiting: std::process::id(),
        ceiling,
        planned: ceiling,
        begin: Begin::AsSaid,
        may_get_smaller: !reads_once,
        may_begin_afresh: !reads_once,
    };
    let (mut smaller, mut afresh, mut died) = (0, 0, false);
    loop {
        let child = start(arguments, &order)?;
        let group = nest.as_ref().and_then(|nest| nest.group(ceiling - WAITING_BYTES + GROUP_BESIDE).ok());
        let group = group.filter(|group| group.admit(child.id()).is_ok());
        let status = wait(child, &stop)?;
        let is_counted = kills.take() || group.as_ref().is_some_and(|group| group.kills() > 0);
        let died_of = match (status.code(), status.signal()) {
            (Some(code), _) if code == i32::from(SMALLER) => Died::Limit,
            (Some(code), _) if code == i32::from(AFRESH) => Died::Growth,
            (Some(code), _) => return Ok(u8::try_from(code).unwrap_or(1)),
            _ if stop.is_raised() => return Err(Error::Stopped { resumable: true }),
            (None, Some(SIGKILL)) if is_counted => Died::OutOfMemory,
            (None, signal) => Died::Signal(signal.unwrap_or(0)),
        };
        let is_last = match died_of {
            Died::Limit | Died::OutOfMemory => smaller == SMALLER_MAX,
            Died::Growth => afresh == AFRESH_MAX,
            Died::Signal(_) => died,
        };
        if is_last || reads_once {
            return Err(died_of.error(reads_once));
        }
        match died_of {
            Died::Limit | Died::OutOfMemory => {
                smaller += 1;
                order.planned = Bytes(order.planned.0 / 2);
            }
            Died::Growth => afresh += 1,
            Died::Signal(_) => died = true,
        }
        order.begin = Begin::Resume;
        order.may_get_smaller = smaller < SMALLER_MAX;
        order.may_begin_afresh = afresh < AFRESH_MAX;
        if !settings.quiet {
            let message = format!("{}; it goes on with a plan for {} at most", died_of.words(), order.planned);
            warn_late(&Event::Warning { message }, settings.log);
        }
    }
}

/// How a process ended that did not come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Died {
    Limit,
    Growth,
    OutOfMemory,
    Signal(i32),
}

impl Died {
    fn words(self) -> String {
        match self {
            Died::Limit => "the job's process met its limit of memory".into(),
            Died::Growth => "the job's process grew and ended".into(),
            Died::OutOfMemory => "the kernel killed the job's process for want of memory".into(),
            Died::Signal(SIGKILL) => "the job's process was killed from outside (signal 9)".into(),
            Died::Signal(signal) => format!("the job's process was ended by signal {signal}"),
        }
    }

    fn error(self, reads_once: bool) -> Error {
        let exit = match self {
            Died::Limit | Died::Growth | Died::OutOfMemory => 4,
            Died::Signal(libc::SIGKILL | libc::SIGINT | libc::SIGTERM | libc::SIGHUP) => 75,
            Died::Signal(_) => 1,
        };
        let (what, hint) = match (self, reads_once) {
            (_, true) => (
                ", and an input can be read only once",
                "run the same command again with --overwrite, from a file if that can be",
            ),
            (Died::Limit | Died::Growth | Died::OutOfMemory, _) => (
                ", each time",
                "a smaller --memory, or more room for the program; then --resume goes on with what is done",
            ),
            _ => (", twice", "--resume goes on with what is done"),
        };
        Error::Died { message: format!("{}{what}", self.words()), hint: hint.into(), exit }
    }
}

fn start(arguments: &[OsString], order: &Order) -> Result<Child> {
    let mut command = Command::new(program()?);
    command.arg0("swath").arg("worker").arg(WORD).args(order.words());
    command.args(&arguments[1..]).envs(allocator::for_workers());
    // In the same process group: it may read from the terminal, and a Ctrl-Z is for both.
    let child = fault::point("worker.spawn").and_then(|()| command.spawn());
    // Nothing is done here until it ends.
    allocator::give_back();
    child.map_err(|error| Error::unexpected(format!("the job's process could not be started: {error}")))
}

fn wait(mut child: Child, stop: &Stop) -> Result<ExitStatus> {
    let mut is_asked = false;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(error) => return Err(Error::unexpected(format!("the job's process cannot be waited for: {error}"))),
        }
        if stop.is_raised()
            && !std::mem::replace(&mut is_asked, true)
            && let Some(id) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(id, Signal::TERM);
        }
        std::thread::sleep(LOOK);
    }
}

impl Order {
    fn words(&self) -> [String; 6] {
        let begin = if self.begin == Begin::Resume { "resume" } else { "begin" };
        let limit = if self.may_get_smaller { "smaller" } else { "last" };
        let growth = if self.may_begin_afresh { "afresh" } else { "last" };
        let figures = [self.waiting.into(), self.ceiling.0, self.planned.0].map(|figure: u64| figure.to_string());
        let [waiting, ceiling, planned] = figures;
        [waiting, ceiling, planned, begin.into(), limit.into(), growth.into()]
    }

    /// An order from the words behind [`WORD`], and the words of the command.
    ///
    /// # Errors
    /// [`Error::Usage`] for an order that makes no sense.
    pub fn read(arguments: &[OsString]) -> Result<(Order, Vec<OsString>)> {
        let wrong =
            || Error::Usage { message: "this is no order".into(), hint: "--isolate starts processes by itself".into() };
        let [waiting, ceiling, planned, begin, limit, growth, words @ ..] = arguments else { return Err(wrong()) };
        let number = |word: &OsString| word.to_str().and_then(|word| word.parse::<u64>().ok()).ok_or_else(wrong);
        let order = Order {
            waiting: u32::try_from(number(waiting)?).map_err(|_| wrong())?,
            ceiling: Bytes(number(ceiling)?),
            planned: Bytes(number(planned)?),
            begin: if begin == "resume" { Begin::Resume } else { Begin::AsSaid },
            may_get_smaller: limit == "smaller",
            may_begin_afresh: growth == "afresh",
        };
        Ok((order, std::iter::once("swath".into()).chain(words.iter().cloned()).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_given() {
        let order = Order {
            waiting: 12,
            ceiling: Bytes(100_000_000),
            planned: Bytes(50_000_000),
            begin: Begin::Resume,
            may_get_smaller: true,
            may_begin_afresh: false,
        };
        let command = ["raster", "convert", "a.tif"].map(OsString::from);
        let words: Vec<OsString> = order.words().into_iter().map(Into::into).chain(command.clone()).collect();
        let (read, rest) = Order::read(&words).expect("an order");
        assert_eq!((read, &rest[1..]), (order, &command[..]));
        for line in ["", "12", "12 x 5 begin last last", "x 12 5 begin last last"] {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            assert!(Order::read(&words).is_err(), "{line}");
        }
    }

    #[test]
    fn ends_have_the_exit_codes_of_the_contract() {
        for (died, exit) in [(Died::Limit, 4), (Died::OutOfMemory, 4), (Died::Signal(9), 75), (Died::Signal(11), 1)] {
            assert_eq!(died.error(false).exit_code(), exit, "{died:?}");
            assert!(died.error(true).to_string().contains("read only once"));
        }
    }
}
