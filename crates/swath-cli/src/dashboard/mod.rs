//! `--dashboard`: the page of a run while it goes on, its figures for Prometheus, and whether it makes progress; served by
//! one thread over HTTP/1.1.
//!
//! The run never waits for it, and never fails because of it: only that it cannot be where it is wanted is an error, before
//! there is a run.

mod address;
mod answer;
mod connection;
mod frame;
mod metrics;
mod pulse;
mod request;
mod server;

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use swath_core::{Bytes, Error, LedgerLine, Result, counting, fault};

use crate::report::Record;
pub use address::{Address, DEFAULT};
use address::{PORT, Token};
use server::{Door, Server};

/// What it takes of a run's memory: what is being sent, what it is made of, those who are connected, and its thread.
const BYTES: Bytes = Bytes(4_000_000);
/// Only what is used of a stack takes memory.
const STACK_BYTES: usize = 256 << 10;
/// What keeps the page up to date.
const SCRIPT: &str = include_str!("live.js");

/// Who knows how a run stands.
pub trait Source: Send + Sync {
    /// The run as it is now, with no more detail than a page that changes can show.
    fn now(&self) -> Record;
}

/// How a run ended.
#[derive(Debug, Clone, Default)]
pub struct Farewell {
    /// As the record of a report has it.
    pub status: &'static str,
    /// The exit code.
    pub exit: u8,
    /// In a line.
    pub words: String,
}

/// A dashboard that is not served yet.
pub struct Opened {
    listener: TcpListener,
    token: Option<Token>,
    url: String,
}

/// A dashboard that is served. Dropped, it ends.
pub struct Dashboard {
    end: Option<UnixStream>,
    farewell: Arc<Mutex<Farewell>>,
    thread: Option<JoinHandle<()>>,
}

/// The line of a ledger for what it takes.
pub fn line() -> LedgerLine {
    LedgerLine { name: "dashboard".into(), bytes: BYTES, reason: "what --dashboard sends, and its thread".into() }
}

impl Opened {
    /// Takes the place where it is to be. On other addresses than those of loopback it has a token: `token`, or a random one.
    ///
    /// # Errors
    /// [`Error::Usage`] where that place cannot be had.
    pub fn at(address: Address, token: Option<&str>) -> Result<Opened> {
        let cannot = |error: std::io::Error| Error::Usage {
            message: format!("--dashboard: {} cannot be listened at: {error}", address.0),
            hint: match error.kind() {
                std::io::ErrorKind::AddrInUse => "--dashboard=:0 takes a port that is free".into(),
                std::io::ErrorKind::PermissionDenied => format!("choose a port above 1023, like {PORT}"),
                _ => "name an address of this machine, like 127.0.0.1 or 0.0.0.0".into(),
            },
        };
        let listener = TcpListener::bind(address.0).map_err(cannot)?;
        listener.set_nonblocking(true).map_err(cannot)?;
        let bound = listener.local_addr().map_err(cannot)?;
        let token = match (bound.ip().is_loopback(), token) {
            (true, _) => None,
            (false, Some(chosen)) => Some(Token::chosen(chosen)?),
            (false, None) => Some(Token::random()?),
        };
        let url = url(bound, token.as_ref());
        Ok(Opened { listener, token, url })
    }

    /// The address for a browser.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Serves it.
    ///
    /// # Errors
    /// What the system says where it has no thread left.
    pub fn serve(self, source: Arc<dyn Source>) -> std::io::Result<Dashboard> {
        let (end, ended) = UnixStream::pair()?;
        ended.set_nonblocking(true)?;
        let farewell = Arc::<Mutex<Farewell>>::default();
        let door = Door { token: self.token };
        let server = Server::new(self.listener, ended, Arc::clone(&farewell), source, door);
        let work = move || {
            server.run();
            counting::flush_thread();
        };
        let builder = std::thread::Builder::new().name("dashboard".into()).stack_size(STACK_BYTES);
        let thread = fault::point("dashboard.spawn").and_then(|()| builder.spawn(work))?;
        Ok(Dashboard { end: Some(end), farewell, thread: Some(thread) })
    }
}

impl Dashboard {
    /// Ends it, and tells those who look at it how the run ended.
    pub fn finish(mut self, farewell: Farewell) {
        *self.farewell.lock().unwrap_or_else(PoisonError::into_inner) = farewell;
        self.end();
    }

    fn end(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.end();
    }
}

/// The address of a page; where it listens everywhere, under the name of this machine.
fn url(bound: SocketAddr, token: Option<&Token>) -> String {
    let name = rustix::system::uname();
    let host = match name.nodename().to_str() {
        Ok(name) if bound.ip().is_unspecified() && !name.is_empty() => format!("{name}:{}", bound.port()),
        _ => bound.to_string(),
    };
    let query = token.map(|token| format!("?token={}", token.text())).unwrap_or_default();
    format!("http://{host}/{query}")
}
