//! One worker: a process of its own that does one job, and what it says.
//!
//! It is read without waiting and line by line, and no line is kept that is longer than a bound. It decides nothing.

use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use swath_core::{Bytes, fault, progress};

use super::deaths::{End, Stall};
use super::message::{Order, Said};

/// The longest line that is kept; results are some kilobytes.
const LINE_BYTES_MAX: usize = 256 << 10;
/// Whoever has closed its output and lives on for so long is ended.
const CLOSING: Duration = Duration::from_secs(5);

/// What a process says of itself while it lives.
#[derive(Debug, Default)]
pub(super) struct Life {
    /// Its resident set.
    pub resident: Bytes,
    /// Its stage.
    pub stage: String,
    /// How much of that is done.
    pub share: f64,
    /// How often it said something.
    pub signs: u64,
}

/// A process at work. Dropped, it is ended.
#[derive(Debug)]
pub(super) struct Worker {
    child: Child,
    /// Held open as long as the job is wanted: a worker ends when it is closed.
    _stdin: ChildStdin,
    output: ChildStdout,
    line: Vec<u8>,
    is_skipping: bool,
    said: Option<Said>,
    /// How long it has said nothing.
    silent: Duration,
    /// How far it was when it last said so, and how long that has not changed.
    steps: u64,
    idle: Duration,
    life: Life,
    closed: Option<Instant>,
    end: Option<End>,
}

impl Worker {
    /// Starts `program` as a worker and gives it its order.
    ///
    /// # Errors
    /// What the system says.
    pub fn start(program: &Path, environment: &[(String, String)], order: &Order) -> io::Result<Worker> {
        let mut command = Command::new(program);
        command.arg0("swath").arg("worker").envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A Ctrl-C on the terminal is for the supervisor, which asks its workers to end; a second signal would not ask.
        command.process_group(0);
        let mut child = fault::point("worker.spawn").and_then(|()| command.spawn())?;
        let (Some(mut stdin), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("a worker without pipes"));
        };
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        // It fits into the pipe; a worker that is gone already is found by its end.
        let _ = stdin.write_all(&line);
        rustix::fs::fcntl_setfl(&output, rustix::fs::fcntl_getfl(&output)? | OFlags::NONBLOCK)?;
        Ok(Worker {
            child,
            _stdin: stdin,
            output,
            line: Vec::new(),
            is_skipping: false,
            said: None,
            silent: Duration::ZERO,
            steps: 0,
            idle: Duration::ZERO,
            life: Life::default(),
            closed: None,
            end: None,
        })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it speaks, as long as it does.
    pub fn output(&self) -> Option<&ChildStdout> {
        self.closed.is_none().then_some(&self.output)
    }

    /// What it said of itself last.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// What it said at its end.
    pub fn said(&self) -> Option<&Said> {
        self.said.as_ref()
    }

    /// Whether it stands still: it has said nothing for as long as `silence`, or done nothing for as long as `hang`.
    pub fn stall(&self, silence: Duration, hang: Duration) -> Option<Stall> {
        match (self.silent > silence, self.idle > hang) {
            (true, _) => Some(Stall::Silent),
            (_, true) => Some(Stall::Idle),
            _ => None,
        }
    }

    /// Reads what is there, after some time in which it could have spoken.
    pub fn listen_after(&mut self, time: Duration) {
        self.silent += time;
        self.idle += time;
        self.listen();
    }

    fn listen(&mut self) {
        let mut bytes = [0; 8 << 10];
        while self.closed.is_none() {
            match self.output.read(&mut bytes) {
                Ok(0) => self.closed = Some(Instant::now()),
                Ok(length) => self.hear(&bytes[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.closed = Some(Instant::now()),
            }
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        self.silent = Duration::ZERO;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_skipping {
                self.line.extend_from_slice(piece);
            }
            if self.line.len() > LINE_BYTES_MAX {
                self.line.clear();
                self.is_skipping = true;
            }
            if piece.ends_with(b"\n") {
                if let Some(said) = Said::read(&self.line) {
                    self.understand(said);
                }
                self.line.clear();
                self.is_skipping = false;
            }
        }
    }

    fn understand(&mut self, said: Said) {
        if said.steps.is_some_and(|steps| steps != std::mem::replace(&mut self.steps, steps)) {
            self.idle = Duration::ZERO;
            // What the workers do is the progress of this process.
            progress::step();
        }
        match said.status {
            Some(_) => self.said = Some(said),
            None => {
                let Said { resident, stage, share, .. } = said;
                self.life = Life { resident, stage, share: share.clamp(0.0, 1.0), signs: self.life.signs + 1 };
            }
        }
    }

    /// How it ended, once it has; then all that it said is read.
    ///
    /// # Errors
    /// What the system says.
    pub fn ended(&mut self) -> io::Result<Option<End>> {
        if self.end.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            self.listen();
            progress::step();
            self.end = Some(match (status.code(), status.signal()) {
                (Some(code), _) => End::Exit(u8::try_from(code).unwrap_or(1)),
                (None, signal) => End::Signal(signal.unwrap_or(0)),
            });
        }
        if self.end.is_none() && self.closed.is_some_and(|closed| closed.elapsed() > CLOSING) {
            self.kill();
        }
        Ok(self.end)
    }

    /// Whether it has closed its output and is about to end.
    pub fn is_closing(&self) -> bool {
        self.closed.is_some()
    }

    /// Asks it to end, as Ctrl-C does.
    pub fn interrupt(&self) {
        if let Some(id) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
            && self.end.is_none()
        {
            let _ = kill_process(id, Signal::INT);
        }
    }

    /// Ends it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.end.is_none() {
            self.kill();
            let _ = self.child.wait();
        }
    }
}
