//! Signals, panics and standard output: how the process ends, whatever happens.

use std::io::{BufWriter, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use swath_core::{Error, Result, Stop};

use crate::show::failure::{Failure, Voice};

/// The exit code of a run that a signal stopped.
const STOPPED: i32 = 75;

/// Whether a second signal is the matter of the process that waits for this one.
static IS_WAITED_FOR: AtomicBool = AtomicBool::new(false);

/// Has [`stop_on_signals`] leave it at the first signal: of a Ctrl-C both this process and the one that waits for it are
/// told by the terminal, and the latter hands it on.
pub fn leave_second_signal() {
    IS_WAITED_FOR.store(true, Ordering::Relaxed);
}

/// A stop that SIGINT, SIGTERM and SIGHUP raise; a second one ends the process at once.
///
/// # Errors
/// When the system refuses the handlers.
pub fn stop_on_signals() -> Result<Stop> {
    let raised = Arc::new(AtomicBool::new(false));
    let both = !IS_WAITED_FOR.load(Ordering::Relaxed);
    for signal in endings() {
        // In this order: the first signal finds the flag down and passes on to the second handler, which raises it.
        let second = both.then(|| flag::register_conditional_shutdown(signal, STOPPED, Arc::clone(&raised)));
        second
            .transpose()
            .and_then(|_| flag::register(signal, Arc::clone(&raised)))
            .map_err(|error| unhandled(signal, &error))?;
    }
    Ok(Stop::over(raised))
}

/// Lets SIGINT, SIGTERM and SIGHUP end the process at once, also while it waits for a reader: for what leaves nothing behind.
///
/// # Errors
/// When the system refuses the handlers.
pub fn end_on_signals() -> Result<()> {
    for signal in endings() {
        flag::register_conditional_shutdown(signal, STOPPED, Arc::new(AtomicBool::new(true)))
            .map_err(|error| unhandled(signal, &error))?;
    }
    Ok(())
}

/// The signals that ask for an end. A hangup that whoever started the program made it ignore, as `nohup` does, stays
/// ignored.
fn endings() -> impl Iterator<Item = i32> {
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|&signal| signal != SIGHUP || !is_ignored(signal))
}

fn is_ignored(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action the call only writes the present one to a valid place; it is read if it did.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Makes a write beyond the largest file that the process may make (`ulimit -f`) an error like others instead of the
/// end. Where that cannot be had, the system's way stays.
pub fn outlive_file_limit() {
    // What the handler notes is of no use; that there is one makes the write fail.
    let _ = flag::register(SIGXFSZ, Arc::default());
}

fn unhandled(signal: i32, error: &std::io::Error) -> Error {
    Error::unexpected(format!("cannot handle signal {signal}: {error}"))
}

/// Makes a panic of any thread an error like others, with exit code 1. What is on scratch can still be resumed.
pub fn install_panic_hook(command: String, voice: Voice) {
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or("no message");
        let place = panic.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
        let error = Error::unexpected(format!("{text}{place}; this is a bug of swath"));
        Failure { command: &command, error: &error }.report(voice);
        std::process::exit(1)
    }));
}

/// Writes to standard output. Leaves quietly when nobody reads any more, as `head` does to those before it.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// Writes one JSON object on one line to standard output, piece by piece, however long it is. Otherwise as [`print()`].
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &impl Serialize) -> Result<()> {
    written(write_json(std::io::stdout().lock(), value))
}

/// As [`print()`], for a command whose exit code says more than whether it is done: a reader that is gone changes nothing
/// of that.
///
/// # Errors
/// When standard output cannot be written for another reason.
pub fn tell(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    told(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// As [`tell()`], one JSON object.
///
/// # Errors
/// As [`tell()`].
pub fn tell_json(value: &impl Serialize) -> Result<()> {
    told(write_json(std::io::stdout().lock(), value))
}

fn told(result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => written(other),
    }
}

/// Has ends of children noticed, also where whoever started the program made it ignore them.
pub fn wait_for_children() {
    if is_ignored(libc::SIGCHLD) {
        // SAFETY: the default action is no function that could be called at a wrong moment.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    }
}

/// What errors call it.
const STDOUT: &str = "standard output";

fn write_json(out: impl Write, value: &impl Serialize) -> std::io::Result<()> {
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn written(result: std::io::Result<()>) -> Result<()> {
    result.or_else(|error| match error.kind() {
        ErrorKind::BrokenPipe => std::process::exit(0),
        _ => Err(Error::OutputUnwritable {
            path: STDOUT.into(),
            reason: error.to_string(),
            hint: "the command itself is done; only what it says could not be written".into(),
        }),
    })
}

/// Writes one JSON object on one line to standard output beside an error that counts for more: a closed one adds nothing.
pub fn print_json_if_possible(value: &impl Serialize) {
    let _ = write_json(std::io::stdout().lock(), value);
}

/// Whether an error is that standard output cannot be written.
pub fn is_of_stdout(error: &Error) -> bool {
    matches!(error, Error::OutputUnwritable { path, .. } if path.as_os_str() == STDOUT)
}

/// Writes a line to standard error; a closed one is nobody's error.
pub fn complain(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = writeln!(stderr, "{text}");
}

/// Writes one JSON object on one line to standard error, piece by piece; a closed one is nobody's error.
pub fn complain_json(value: &impl Serialize) {
    let _ = write_json(std::io::stderr().lock(), value);
}
