//! The loop of a dashboard: one thread that listens, answers and sends events, and sleeps between. It never waits for
//! anybody, and holds so many connections and bytes at most.

use std::io::{ErrorKind, Read as _};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::address::{Token, is_local_host};
use super::answer::Answer;
use super::connection::{Connection, Step};
use super::frame::{self, Frame};
use super::metrics::{self, Served};
use super::pulse::{PATIENCE, Pulse};
use super::request::{self, Read, Refusal, Request};
use super::{Farewell, SCRIPT, Source};

/// Connections at most. One more takes the place of the oldest that has asked for nothing yet, or finds none.
const CONNECTIONS_MAX: usize = 64;
/// Bytes of answers and events that are not taken yet, all together.
const HELD_MAX: usize = 1_400_000;
/// How often it is looked whether there is progress.
const LOOK: Duration = Duration::from_millis(500);
/// Events come no more often than this, and the less often the longer they are.
const EVENTS_EVERY: Duration = Duration::from_secs(1);
const EVENTS_SELDOM: Duration = Duration::from_secs(4);
const EVENT_BYTES_A_SECOND: f64 = 150e3;
/// A page that was asked for a moment ago is the same still.
const PAGE_AGE: Duration = Duration::from_millis(500);
/// How long the end waits for those who are told of it.
const FAREWELL: Duration = Duration::from_millis(300);
/// The system has no more room for connections: it is asked again after this.
const DEAF: Duration = Duration::from_millis(200);

/// Who may ask.
pub struct Door {
    /// What has to be said; none on a loopback address.
    pub token: Option<Token>,
}

/// A dashboard at work.
pub struct Server {
    listener: TcpListener,
    /// Closed by whoever wants it to end.
    end: UnixStream,
    farewell: Arc<Mutex<Farewell>>,
    source: Arc<dyn Source>,
    door: Door,
    connections: Vec<Connection>,
    pulse: Pulse,
    served: Served,
    held: Vec<Weak<Vec<u8>>>,
    page: Option<(Instant, Arc<Vec<u8>>)>,
    frame: Option<(Instant, Arc<Frame>)>,
    deaf_until: Option<Instant>,
}

impl Server {
    /// One that listens already.
    pub fn new(
        listener: TcpListener,
        end: UnixStream,
        farewell: Arc<Mutex<Farewell>>,
        source: Arc<dyn Source>,
        door: Door,
    ) -> Server {
        Server {
            listener,
            end,
            farewell,
            source,
            door,
            connections: Vec::with_capacity(CONNECTIONS_MAX),
            pulse: Pulse::now(),
            served: Served::default(),
            held: Vec::new(),
            page: None,
            frame: None,
            deaf_until: None,
        }
    }

    /// Serves until it is to end.
    pub fn run(mut self) {
        while !self.wait() {
            self.pulse.look();
            self.let_in();
            self.send_events(None);
            self.step_all();
        }
        self.say_farewell();
    }

    /// Waits until somebody wants something; answers whether that is the end.
    fn wait(&mut self) -> bool {
        let mut rest = LOOK;
        if let (Some((at, frame)), true) = (&self.frame, self.connections.iter().any(Connection::is_streaming)) {
            rest = rest.min(pause(frame).saturating_sub(at.elapsed()));
        }
        if self.deaf_until.is_some_and(|until| until <= Instant::now()) {
            self.deaf_until = None;
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: rest.subsec_nanos().into() };
        let mut all: Vec<PollFd<'_>> = Vec::with_capacity(self.connections.len() + 2);
        all.push(PollFd::new(&self.end, PollFlags::IN));
        all.extend(self.connections.iter().map(|it| PollFd::new(it.stream(), it.waits_for())));
        if self.deaf_until.is_none() {
            all.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        if !matches!(poll(&mut all, Some(&timeout)), Ok(_) | Err(rustix::io::Errno::INTR)) {
            drop(all);
            std::thread::sleep(DEAF);
            return matches!((&self.end).read(&mut [0; 1]), Ok(0));
        }
        all.first().is_some_and(|end| !end.revents().is_empty())
    }

    fn let_in(&mut self) {
        if self.deaf_until.is_some() {
            return;
        }
        for _ in 0..CONNECTIONS_MAX {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.deaf_until = Some(Instant::now() + DEAF);
                    return;
                }
            };
            let Ok(mut connection) = Connection::new(stream) else { continue };
            if self.connections.len() >= CONNECTIONS_MAX {
                self.served.dropped += 1;
                match self.connections.iter().position(Connection::is_idle) {
                    Some(idle) => drop(self.connections.remove(idle)),
                    None => {
                        let answer = Answer::words("503 Service Unavailable", "too many are connected");
                        connection.answer(answer.head(), answer.body, false);
                        let _ = connection.step();
                        continue;
                    }
                }
            }
            self.connections.push(connection);
        }
    }

    fn step_all(&mut self) {
        for mut connection in std::mem::take(&mut self.connections) {
            let mut step = connection.step();
            if let Step::Asks(bytes) = step {
                let answer = self.answer(&bytes);
                self.served.requests += 1;
                self.held.push(Arc::downgrade(&answer.body));
                connection.answer(answer.head(), Arc::clone(&answer.body), answer.goes_on);
                step = connection.step();
            }
            match step {
                Step::On | Step::Asks(_) => self.connections.push(connection),
                Step::Over => {}
                Step::Slow => self.served.dropped += 1,
            }
        }
        self.held.retain(|bytes| bytes.strong_count() > 0);
        self.served.connections = self.connections.len();
        // Who has just begun to take events has none yet.
        if self.frame.is_none() && self.connections.iter().any(Connection::is_streaming) {
            self.send_events(None);
        }
        self.hand_out();
    }

    fn answer(&mut self, bytes: &[u8]) -> Answer {
        let request = match request::read(bytes) {
            Read::Whole(request) => request,
            Read::More => return Answer::refusal(Refusal::NoRequest),
            Read::Refused(refusal) => return Answer::refusal(refusal),
        };
        if self.door.token.is_none() && !is_local_host(request.host) {
            return Answer::words("403 Forbidden", "this is answered under a loopback address only");
        }
        if request.path == "/healthz" {
            return self.health(&request);
        }
        if self.door.token.as_ref().is_some_and(|token| !token.is(request.token().as_bytes())) {
            return Answer::words("403 Forbidden", "the address that the run tells has a token, which is wanted here");
        }
        match request.path {
            "/" => self.page(),
            "/events" => Answer::events(),
            "/metrics" => {
                let record = self.source.now();
                let text = metrics::text(&record, &self.pulse, self.served);
                Answer::good(metrics::CONTENT_TYPE, Arc::new(text.into_bytes()))
            }
            frame::SCRIPT_PATH => Answer::good("text/javascript; charset=utf-8", Arc::new(SCRIPT.into())),
            _ => Answer::words("404 Not Found", "there are /, /metrics and /healthz"),
        }
    }

    /// Whether there is progress; how long it may be missing, whoever asks may say.
    fn health(&mut self, request: &Request<'_>) -> Answer {
        let after = match request.value("after").map(crate::words::seconds) {
            None => PATIENCE.as_secs_f64(),
            Some(Ok(seconds)) => seconds,
            Some(Err(_)) => return Answer::words("400 Bad Request", "after is a time like 30s or 5min"),
        };
        self.pulse.look();
        let age = self.pulse.age().as_secs_f64();
        let (status, word) = match age <= after {
            true => ("200 OK", "progress"),
            false => ("503 Service Unavailable", "standing_still"),
        };
        let steps = self.pulse.steps();
        Answer::json(
            status,
            format!("{{\"status\":\"{word}\",\"progress_age_s\":{age:.1},\"after_s\":{after},\"steps\":{steps}}}\n"),
        )
    }

    fn page(&mut self) -> Answer {
        let body = match &self.page {
            Some((at, page)) if at.elapsed() < PAGE_AGE => Arc::clone(page),
            _ => {
                self.make_room();
                let query =
                    self.door.token.as_ref().map(|token| format!("?token={}", token.text())).unwrap_or_default();
                let page = Arc::new(frame::page(&self.source.now(), &query));
                self.page = Some((Instant::now(), Arc::clone(&page)));
                page
            }
        };
        Answer::good("text/html; charset=utf-8", body)
    }

    /// Makes a new frame when it is time, and somebody takes it.
    fn send_events(&mut self, end: Option<&Farewell>) {
        self.page = self.page.take().filter(|(at, _)| at.elapsed() < PAGE_AGE);
        if !self.connections.iter().any(Connection::is_streaming) {
            self.frame = None;
            return;
        }
        let is_due = self.frame.as_ref().is_none_or(|(at, frame)| at.elapsed() >= pause(frame));
        if is_due || end.is_some() {
            self.make_room();
            let before = self.frame.take();
            let mut record = self.source.now();
            if let Some(end) = end {
                (record.status, record.exit) = (end.status.into(), end.exit);
            }
            let words = end.map(|end| end.words.as_str());
            let frame = Arc::new(Frame::of(&record, before.as_ref().map(|(_, frame)| &**frame), words));
            self.held.push(Arc::downgrade(&frame.bytes));
            self.frame = Some((Instant::now(), frame));
        }
        self.hand_out();
    }

    fn hand_out(&mut self) {
        if let Some((_, frame)) = &self.frame {
            self.connections.iter_mut().for_each(|connection| connection.offer(frame));
        }
    }

    /// Lets those go who are behind, where what they hold leaves no room for what is new.
    fn make_room(&mut self) {
        let held = self.held.iter().filter_map(Weak::upgrade).map(|bytes| bytes.len()).sum::<usize>();
        if held + frame::BYTES_MAX > HELD_MAX {
            let before = self.connections.len();
            self.connections.retain(|connection| !connection.is_behind());
            self.served.dropped += (before - self.connections.len()) as u64;
            self.page = None;
        }
    }

    /// Tells those who take events that it is over, and waits a moment until they have heard.
    fn say_farewell(&mut self) {
        let end = std::mem::take(&mut *self.farewell.lock().unwrap_or_else(PoisonError::into_inner));
        let begun = Instant::now();
        self.connections.retain(|connection| connection.is_behind() || connection.is_streaming());
        self.send_events(Some(&end));
        while begun.elapsed() < FAREWELL {
            self.step_all();
            self.hand_out();
            if !self.connections.iter().any(Connection::is_behind) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// How long it is until the next frame.
fn pause(frame: &Frame) -> Duration {
    Duration::from_secs_f64(frame.bytes.len() as f64 / EVENT_BYTES_A_SECOND).clamp(EVENTS_EVERY, EVENTS_SELDOM)
}
