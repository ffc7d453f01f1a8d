//! Failing on purpose: every write, fsync, rename and create passes a named point that can be made to fail.
//!
//! It is always compiled and costs one relaxed load where nothing is armed. It fails nothing on its own: either the
//! environment (`SWATH_FAULT=enospc:17`, the 17th point) or a test arms it. `SWATH_FAULT=kill-kept:17` kills at a point, and
//! the journal is flushed after each task until then, whatever the usual way of flushing it is. Large allocations are failed by
//! [`crate::counting::fail_large`], which `SWATH_FAULT=alloc:3` arms too.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::progress;

/// What happens at the point that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full.
    NoSpace,
    /// The disk is broken.
    BrokenDisk,
    /// The process is killed, as by `kill -9`.
    Kill,
    /// Nothing fails; points are only counted.
    Count,
}

/// Points passed before the environment was read, with nothing armed, and with something armed.
const UNREAD: u8 = 0;
const QUIET: u8 = 1;
const ARMED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNREAD);
static PLAN: Mutex<Option<Armed>> = Mutex::new(None);
/// Whether the journal is flushed after each task.
static KEEPS_EACH: AtomicBool = AtomicBool::new(false);

struct Armed {
    fault: Fault,
    nth: u64,
    prefix: String,
    passed: u64,
}

/// Makes the `nth` point (counted from 1) whose name starts with `prefix` fail; all later ones pass.
pub fn arm(fault: Fault, nth: u64, prefix: &str) {
    *plan() = Some(Armed { fault, nth, prefix: prefix.into(), passed: 0 });
    STATE.store(ARMED, Ordering::Relaxed);
}

/// Lets every point pass again, and answers how many were passed while armed.
pub fn disarm() -> u64 {
    STATE.store(QUIET, Ordering::Relaxed);
    plan().take().map_or(0, |armed| armed.passed)
}

/// Arms what `SWATH_FAULT` asks for; done at the first point anyway, and early by programs that count allocations.
pub fn arm_from_environment() {
    if STATE.load(Ordering::Relaxed) != UNREAD {
        return;
    }
    STATE.store(QUIET, Ordering::Relaxed);
    let Ok(words) = std::env::var("SWATH_FAULT") else {
        return;
    };
    KEEPS_EACH.store(words.starts_with("kill-kept"), Ordering::Relaxed);
    match parse(&words) {
        Some(Words::Point(fault, nth, prefix)) => arm(fault, nth, prefix),
        Some(Words::Allocation(nth)) => crate::counting::fail_large(nth),
        None => {}
    }
}

/// Whether the journal is to be flushed after each task, so that a kill finds work that is kept.
pub(crate) fn keeps_each_task() -> bool {
    arm_from_environment();
    KEEPS_EACH.load(Ordering::Relaxed)
}

enum Words<'a> {
    Point(Fault, u64, &'a str),
    Allocation(u64),
}

/// Reads `KIND:N` or `KIND:N:PREFIX`.
fn parse(words: &str) -> Option<Words<'_>> {
    let mut parts = words.splitn(3, ':');
    let kind = parts.next()?;
    let nth = parts.next()?.parse().ok()?;
    let prefix = parts.next().unwrap_or("");
    let fault = match kind {
        "enospc" => Fault::NoSpace,
        "eio" => Fault::BrokenDisk,
        "kill" | "kill-kept" => Fault::Kill,
        "alloc" => return Some(Words::Allocation(nth)),
        _ => return None,
    };
    Some(Words::Point(fault, nth, prefix))
}

/// Stands before a write, fsync, rename or create; `name` is `room.deed`, as in `journal.fsync`.
///
/// # Errors
/// The armed error, when this is the chosen point.
#[inline]
pub fn point(name: &'static str) -> io::Result<()> {
    progress::step();
    if STATE.load(Ordering::Relaxed) == QUIET {
        return Ok(());
    }
    match due(name) {
        None | Some(Fault::Count) => Ok(()),
        Some(fault) => Err(strike(fault)),
    }
}

/// Writes `bytes`; where the point is chosen, half of them arrive before the failure, as on a real disk.
///
/// # Errors
/// Those of the writer, or the armed error.
pub fn write_all(writer: &mut impl Write, bytes: &[u8], name: &'static str) -> io::Result<()> {
    progress::step();
    if STATE.load(Ordering::Relaxed) != QUIET
        && let Some(fault) = due(name)
        && fault != Fault::Count
    {
        writer.write_all(&bytes[..bytes.len() / 2])?;
        writer.flush()?;
        return Err(strike(fault));
    }
    writer.write_all(bytes)
}

fn plan() -> std::sync::MutexGuard<'static, Option<Armed>> {
    PLAN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cold]
fn due(name: &str) -> Option<Fault> {
    arm_from_environment();
    let mut plan = plan();
    let armed = plan.as_mut().filter(|armed| name.starts_with(&armed.prefix))?;
    armed.passed += 1;
    (armed.passed == armed.nth).then_some(armed.fault)
}

#[cold]
fn strike(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace => io::Error::from(io::ErrorKind::StorageFull),
        Fault::BrokenDisk | Fault::Count => broken_disk(),
        Fault::Kill => {
            kill_self();
            broken_disk()
        }
    }
}

#[cfg(unix)]
fn broken_disk() -> io::Error {
    io::Error::from_raw_os_error(libc::EIO)
}

#[cfg(not(unix))]
fn broken_disk() -> io::Error {
    io::Error::other("input/output error")
}

#[cfg(unix)]
fn kill_self() {
    let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    // The signal is taken before the system call returns; should it not be, nothing more may be written.
    std::process::abort();
}

#[cfg(not(unix))]
fn kill_self() {
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_environment() {
        let check = |words: &str, expect: Option<(Fault, u64, &str)>| {
            let got = match parse(words) {
                Some(Words::Point(fault, nth, prefix)) => Some((fault, nth, prefix)),
                _ => None,
            };
            assert_eq!(got, expect, "{words}");
        };
        check("enospc:17", Some((Fault::NoSpace, 17, "")));
        check("eio:1:journal.", Some((Fault::BrokenDisk, 1, "journal.")));
        check("kill:3", Some((Fault::Kill, 3, "")));
        check("alloc:3", None);
        check("enospc", None);
        check("flood:3", None);
        check("", None);
    }
}
