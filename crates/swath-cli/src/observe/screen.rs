//! Standard error, shared by log lines and one bar that stays below them. A closed one is nobody's error.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bar is not drawn more often than this.
const INTERVAL: Duration = Duration::from_millis(80);

#[derive(Default)]
struct State {
    /// The bar that is on the screen.
    bar: String,
    drawn: Option<Instant>,
}

/// Standard error.
#[derive(Default)]
pub struct Screen(Mutex<State>);

impl Screen {
    /// Whether somebody looks at it.
    pub fn is_terminal(&self) -> bool {
        std::io::stderr().is_terminal()
    }

    /// Writes a line above the bar.
    pub fn line(&self, text: &str) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stderr = std::io::stderr().lock();
        let _ = match state.bar.is_empty() {
            true => writeln!(stderr, "{text}"),
            false => write!(stderr, "\r\x1b[2K{text}\n{}", state.bar),
        };
    }

    /// Draws the bar anew, unless that was done a moment ago.
    pub fn bar(&self, text: &str, tick: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tick && state.bar.is_empty() || state.drawn.is_some_and(|drawn| drawn.elapsed() < INTERVAL) {
            return;
        }
        state.drawn = Some(Instant::now());
        state.bar = text.into();
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "\r\x1b[2K{text}").and_then(|()| stderr.flush());
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.bar.is_empty() {
            state.bar.clear();
            let mut stderr = std::io::stderr().lock();
            let _ = write!(stderr, "\r\x1b[2K").and_then(|()| stderr.flush());
        }
    }
}
