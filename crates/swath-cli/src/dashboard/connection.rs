//! Somebody who is connected: a request is read, an answer is written, or events as they come. Nothing here waits, and
//! whoever is too slow is let go.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;

use super::frame::Frame;
use super::request::{self, Read};

/// A request has to be whole after this.
const ASKING: Duration = Duration::from_secs(5);
/// An answer has to be taken after this, and something of it after that.
const ANSWERING: Duration = Duration::from_secs(60);
const TAKING: Duration = Duration::from_secs(10);
/// So long, and for so many bytes, it is listened to whoever has an answer: else that would be lost where more was sent than
/// was read.
const LINGERING: Duration = Duration::from_secs(1);
const LINGERING_BYTES: usize = 512 << 10;

/// A connection.
pub struct Connection {
    stream: TcpStream,
    state: State,
    /// When its state began, and when something was taken last.
    since: Instant,
    taken: Instant,
}

enum State {
    Reading(Vec<u8>),
    Answering { head: Vec<u8>, body: Arc<Vec<u8>>, at: usize, goes_on: bool },
    Streaming { frame: Option<Arc<Frame>>, part: usize, at: usize, seen: u64 },
    Lingering(usize),
}

/// What became of a connection.
pub enum Step {
    /// It is over.
    Over,
    /// It was too slow.
    Slow,
    /// It goes on.
    On,
    /// It waits for an answer to these bytes.
    Asks(Vec<u8>),
}

impl Connection {
    /// Of somebody who has come.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(stream: TcpStream) -> std::io::Result<Connection> {
        stream.set_nonblocking(true)?;
        // Events are small and are to arrive when they are sent.
        let _ = stream.set_nodelay(true);
        let now = Instant::now();
        Ok(Connection { stream, state: State::Reading(Vec::new()), since: now, taken: now })
    }

    /// Where it is listened to.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// What it waits for.
    pub fn waits_for(&self) -> PollFlags {
        match &self.state {
            State::Reading(_) | State::Lingering(_) | State::Streaming { frame: None, .. } => PollFlags::IN,
            State::Answering { .. } => PollFlags::OUT,
            State::Streaming { .. } => PollFlags::IN | PollFlags::OUT,
        }
    }

    /// Whether it has asked for nothing yet, or has its answer.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Reading(_) | State::Lingering(_))
    }

    /// Whether it takes events.
    pub fn is_streaming(&self) -> bool {
        matches!(self.state, State::Streaming { .. })
    }

    /// Whether it holds what is not taken yet.
    pub fn is_behind(&self) -> bool {
        matches!(self.state, State::Answering { .. } | State::Streaming { frame: Some(_), .. })
    }

    /// Answers it; with `goes_on` events follow.
    pub fn answer(&mut self, head: Vec<u8>, body: Arc<Vec<u8>>, goes_on: bool) {
        self.enter(State::Answering { head, body, at: 0, goes_on });
    }

    /// Gives it a frame, unless it still takes another one.
    pub fn offer(&mut self, new: &Arc<Frame>) {
        if let State::Streaming { frame: frame @ None, part, at, seen } = &mut self.state
            && *seen < new.number
        {
            (*frame, *part, *at) = (Some(Arc::clone(new)), 0, 0);
            self.taken = Instant::now();
        }
    }

    /// Does what can be done without waiting.
    pub fn step(&mut self) -> Step {
        let step = match self.state {
            State::Reading(_) => self.read(),
            State::Answering { .. } => self.write(),
            State::Streaming { .. } => self.stream_on(),
            State::Lingering(_) => self.linger(),
        };
        match step {
            Step::On if self.is_late() => match self.state {
                State::Lingering(_) => Step::Over,
                _ => Step::Slow,
            },
            step => step,
        }
    }

    fn is_late(&self) -> bool {
        match &self.state {
            State::Reading(_) => self.since.elapsed() > ASKING,
            State::Answering { .. } => self.since.elapsed() > ANSWERING || self.taken.elapsed() > TAKING,
            State::Streaming { frame, .. } => frame.is_some() && self.taken.elapsed() > TAKING,
            State::Lingering(_) => self.since.elapsed() > LINGERING,
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.since = Instant::now();
        self.taken = self.since;
    }

    fn read(&mut self) -> Step {
        let State::Reading(bytes) = &mut self.state else { return Step::On };
        let mut piece = [0; 2048];
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Step::Over,
                Ok(length) => {
                    bytes.extend_from_slice(piece.get(..length).unwrap_or_default());
                    if request::read(bytes) != Read::More {
                        return Step::Asks(std::mem::take(bytes));
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::On,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Step::Over,
            }
        }
    }

    fn write(&mut self) -> Step {
        let State::Answering { head, body, at, goes_on } = &mut self.state else { return Step::On };
        loop {
            let rest = match head.get(*at..) {
                Some(rest) if !rest.is_empty() => rest,
                _ => body.get(*at - head.len()..).unwrap_or_default(),
            };
            if rest.is_empty() {
                break;
            }
            match self.stream.write(rest) {
                Ok(0) => return Step::Over,
                Ok(length) => {
                    *at += length;
                    self.taken = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::On,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Step::Over,
            }
        }
        if *goes_on {
            self.enter(State::Streaming { frame: None, part: 0, at: 0, seen: 0 });
            return Step::On;
        }
        let _ = self.stream.shutdown(Shutdown::Write);
        self.enter(State::Lingering(0));
        self.linger()
    }

    fn stream_on(&mut self) -> Step {
        // Nothing more is expected to be said, only that it is over.
        if let Step::Over = self.hear_nothing() {
            return Step::Over;
        }
        let State::Streaming { frame, part, at, seen } = &mut self.state else { return Step::On };
        while let Some(of) = frame {
            let Some((position, bytes)) = of.piece(*seen, *part) else {
                *seen = of.number;
                *frame = None;
                break;
            };
            if position != *part {
                (*part, *at) = (position, 0);
            }
            match self.stream.write(bytes.get(*at..).unwrap_or_default()) {
                Ok(length) => {
                    *at += length;
                    self.taken = Instant::now();
                    if *at >= bytes.len() {
                        (*part, *at) = (position + 1, 0);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Step::On,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Step::Over,
            }
        }
        Step::On
    }

    fn linger(&mut self) -> Step {
        self.hear_nothing()
    }

    /// Reads and forgets; over once there is nobody, or far too much.
    fn hear_nothing(&mut self) -> Step {
        let mut piece = [0; 4096];
        let mut heard = 0;
        loop {
            match self.stream.read(&mut piece) {
                Ok(0) => return Step::Over,
                Ok(length) => heard += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Step::Over,
            }
            if heard > LINGERING_BYTES {
                return Step::Over;
            }
        }
        if let State::Lingering(all) = &mut self.state {
            *all += heard;
            if *all > LINGERING_BYTES {
                return Step::Over;
            }
        }
        Step::On
    }
}
