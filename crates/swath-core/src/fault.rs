//! Failing on purpose: every read, write, fsync, rename and create, every lease and every start of a thread or process passes a
//! named point that can be made to fail.
//!
//! It is always compiled and costs one relaxed load where nothing is armed. It fails nothing on its own: either the
//! environment or a test arms it. `SWATH_FAULT=enospc:17` fails the 17th point that changes the disk; `eio`, `kill` and
//! `kill-kept` do the same in their way, the last of which has the journal flushed after each task until then. `read:17`,
//! `write:17`, `fsync:17`, `rename:17` and `create:17` break the disk at the 17th of their own, `lease:17` refuses memory, and
//! `spawn:17` a thread or a process. Large allocations are failed by [`crate::counting::fail_large`], which `alloc:17` arms.
//! `leak:2` has each task keep 2 MB for ever.
//! `count:1:PATH` fails nothing, and writes down behind that path how many there were of each.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

use crate::{counting, progress, writes};

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
    /// The disk is broken for what is done there, and for nothing else.
    Broken(Deed),
    /// A lease gets nothing.
    NoLease,
    /// No thread and no process can be started.
    NoSpawn,
}

/// What is done at a point, by the end of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// Something is read.
    Read,
    /// Something is written.
    Write,
    /// What was written is made durable.
    Sync,
    /// A name is changed.
    Rename,
    /// A file or folder is made, cut off or removed.
    Create,
    /// Memory is asked for.
    Lease,
    /// A thread or a process is started.
    Spawn,
}

/// The deeds with their words, in the order in which they are counted.
const DEEDS: [(Deed, &str); 7] = [
    (Deed::Read, "read"),
    (Deed::Write, "write"),
    (Deed::Sync, "fsync"),
    (Deed::Rename, "rename"),
    (Deed::Create, "create"),
    (Deed::Lease, "lease"),
    (Deed::Spawn, "spawn"),
];

impl Deed {
    fn of(name: &str) -> Deed {
        match name.rsplit('.').next() {
            Some("read") => Deed::Read,
            Some("write") => Deed::Write,
            Some("sync" | "fsync") => Deed::Sync,
            // The rename of a list begins what is in it.
            Some("rename" | "begin") => Deed::Rename,
            Some("lease") => Deed::Lease,
            Some("spawn") => Deed::Spawn,
            _ => Deed::Create,
        }
    }

    fn changes_disk(self) -> bool {
        matches!(self, Deed::Write | Deed::Sync | Deed::Rename | Deed::Create)
    }
}

impl Fault {
    /// Whether it is a matter of points of a kind.
    fn is_of(self, deed: Deed) -> bool {
        match self {
            Fault::NoSpace | Fault::BrokenDisk | Fault::Kill => deed.changes_disk(),
            Fault::Count => true,
            Fault::Broken(broken) => broken == deed,
            Fault::NoLease => deed == Deed::Lease,
            Fault::NoSpawn => deed == Deed::Spawn,
        }
    }
}

/// Points passed before the environment was read, with nothing armed, and with something armed.
const UNREAD: u8 = 0;
const QUIET: u8 = 1;
const ARMED: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(UNREAD);
static PLAN: Mutex<Option<Armed>> = Mutex::new(None);
/// Whether the journal is flushed after each task.
static KEEPS_EACH: AtomicBool = AtomicBool::new(false);

/// What each task keeps for ever.
static LEAK_BYTES: AtomicUsize = AtomicUsize::new(0);

struct Armed {
    fault: Fault,
    nth: u64,
    prefix: String,
    passed: u64,
    /// How many points of each deed there were.
    tally: [u64; DEEDS.len()],
    /// Where that is written at the end.
    told_at: Option<String>,
}

/// Makes the `nth` point (counted from 1) whose name starts with `prefix` fail; all later ones pass.
pub fn arm(fault: Fault, nth: u64, prefix: &str) {
    *plan() = Some(Armed { fault, nth, prefix: prefix.into(), passed: 0, tally: [0; DEEDS.len()], told_at: None });
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
        Some(Words::Allocation(nth)) => counting::fail_large(nth),
        Some(Words::Leak(megabytes)) => LEAK_BYTES.store(megabytes as usize * 1_000_000, Ordering::Relaxed),
        Some(Words::Count(path)) => {
            // Far more than there are, so that none fails.
            counting::fail_large(u64::MAX);
            arm(Fault::Count, 0, "");
            if let Some(armed) = plan().as_mut() {
                armed.told_at = Some(path.into());
            }
        }
        None => {}
    }
}

/// Writes down how many points of each kind there were, where `SWATH_FAULT` asks for that: a line for each process.
pub fn tell_counts() {
    if STATE.load(Ordering::Relaxed) != ARMED {
        return;
    }
    let Some(Armed { tally, told_at: Some(path), .. }) = plan().take() else {
        return;
    };
    let counts = DEEDS.iter().zip(tally).map(|((_, word), count)| format!("{word}={count} "));
    let line = format!("{}alloc={}\n", counts.collect::<String>(), u64::MAX - counting::until_failure());
    // Whoever asked for it sees that there is none.
    let _ = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
}

/// Keeps some memory for ever, where that is asked for; stands at the end of a task.
pub(crate) fn leak() {
    let bytes = LEAK_BYTES.load(Ordering::Relaxed);
    if bytes > 0 {
        std::mem::forget(std::hint::black_box(vec![1u8; bytes]));
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
    Leak(u64),
    Count(&'a str),
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
        "leak" => return Some(Words::Leak(nth)),
        "count" => return Some(Words::Count(prefix)),
        "lease" => Fault::NoLease,
        "spawn" => Fault::NoSpawn,
        _ => Fault::Broken(DEEDS.iter().find(|(_, word)| *word == kind)?.0),
    };
    Some(Words::Point(fault, nth, prefix))
}

/// Stands before a read, write, fsync, rename or create, and before the start of a thread or process; `name` is `room.deed`,
/// as in `journal.fsync`.
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

/// Whether memory is to be refused to a lease; stands where it is asked for.
#[inline]
pub(crate) fn refuses_lease() -> bool {
    STATE.load(Ordering::Relaxed) != QUIET && matches!(due("budget.lease"), Some(Fault::NoLease))
}

/// A reader or writer each of whose calls passes a point of that name: for those that others read from and write to.
#[derive(Debug)]
pub struct Faulty<T> {
    inner: T,
    name: &'static str,
}

impl<T> Faulty<T> {
    /// Stands before what `inner` does.
    pub fn new(inner: T, name: &'static str) -> Faulty<T> {
        Faulty { inner, name }
    }

    /// What stands behind it.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }
}

impl<T: Write> Write for Faulty<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        point(self.name)?;
        writes::timed(|| self.inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: io::Read> io::Read for Faulty<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        point(self.name)?;
        self.inner.read(bytes)
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
    writes::timed(|| writer.write_all(bytes))
}

fn plan() -> std::sync::MutexGuard<'static, Option<Armed>> {
    PLAN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cold]
fn due(name: &str) -> Option<Fault> {
    arm_from_environment();
    let mut plan = plan();
    let deed = Deed::of(name);
    let armed = plan.as_mut().filter(|armed| armed.fault.is_of(deed) && name.starts_with(&armed.prefix))?;
    if let Some(position) = DEEDS.iter().position(|(of, _)| *of == deed) {
        armed.tally[position] += 1;
    }
    armed.passed += 1;
    (armed.passed == armed.nth).then_some(armed.fault)
}

#[cold]
fn strike(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace => io::Error::from(io::ErrorKind::StorageFull),
        Fault::NoSpawn => no_process(),
        Fault::BrokenDisk | Fault::Broken(_) | Fault::NoLease | Fault::Count => broken_disk(),
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
fn no_process() -> io::Error {
    io::Error::from_raw_os_error(libc::EAGAIN)
}

#[cfg(not(unix))]
fn no_process() -> io::Error {
    io::Error::from(io::ErrorKind::WouldBlock)
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
        check("read:17", Some((Fault::Broken(Deed::Read), 17, "")));
        check("fsync:2:journal.", Some((Fault::Broken(Deed::Sync), 2, "journal.")));
        check("lease:5", Some((Fault::NoLease, 5, "")));
        check("spawn:1", Some((Fault::NoSpawn, 1, "")));
        check("count:1:counts", None);
        check("flood:3", None);
        check("", None);
    }

    #[test]
    fn deeds_by_the_ends_of_names() {
        for (name, deed) in [
            ("input.read", Deed::Read),
            ("scratch.sync", Deed::Sync),
            ("folder.fsync", Deed::Sync),
            ("changes.begin", Deed::Rename),
            ("journal.truncate", Deed::Create),
            ("worker.spawn", Deed::Spawn),
        ] {
            assert_eq!(Deed::of(name), deed, "{name}");
        }
        // What fails writes leaves reads alone, and the other way round.
        assert!(Fault::BrokenDisk.is_of(Deed::Create) && !Fault::BrokenDisk.is_of(Deed::Read));
        assert!(Fault::Broken(Deed::Read).is_of(Deed::Read) && !Fault::Broken(Deed::Read).is_of(Deed::Write));
    }
}
