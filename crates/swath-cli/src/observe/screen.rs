//! Standard error, shared by log lines and a bar, or a view of some lines, that stays below them. A closed one is nobody's
//! error.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bar is not drawn more often than this.
const INTERVAL: Duration = Duration::from_millis(80);
/// The size where nobody tells one.
const SIZE: (usize, usize) = (80, 24);

#[derive(Default)]
struct State {
    /// The bar that is on the screen: lines without an end behind the last one.
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

    /// Its columns and rows.
    pub fn size(&self) -> (usize, usize) {
        terminal_size().unwrap_or(SIZE)
    }

    /// Writes a line above the bar.
    pub fn line(&self, text: &str) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stderr = std::io::stderr().lock();
        let _ = match state.bar.is_empty() {
            true => writeln!(stderr, "{text}"),
            // As one piece, so that nothing is seen of what is between.
            false => stderr.write_all(format!("{}{text}\n{}", taken_away(&state.bar), state.bar).as_bytes()),
        };
    }

    /// Draws the bar anew, unless that was done a moment ago.
    pub fn bar(&self, text: &str, tick: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tick && state.bar.is_empty() || state.drawn.is_some_and(|drawn| drawn.elapsed() < INTERVAL) {
            return;
        }
        let drawn = redrawn(&state.bar, text);
        state.drawn = Some(Instant::now());
        state.bar = text.into();
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(drawn.as_bytes()).and_then(|()| stderr.flush());
    }

    /// Takes the bar away.
    pub fn clear(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.bar.is_empty() {
            let away = taken_away(&state.bar);
            state.bar.clear();
            let mut stderr = std::io::stderr().lock();
            let _ = stderr.write_all(away.as_bytes()).and_then(|()| stderr.flush());
        }
    }
}

/// What leads from the end of a bar to its begin.
fn to_begin(bar: &str) -> String {
    match bar.matches('\n').count() {
        0 => "\r".into(),
        lines => format!("\r\x1b[{lines}A"),
    }
}

/// What takes a bar away.
fn taken_away(bar: &str) -> String {
    match bar.contains('\n') {
        false => "\r\x1b[2K".into(),
        true => format!("{}\x1b[J", to_begin(bar)),
    }
}

/// What puts a bar in the place of another one, line over line, so that nothing flickers.
fn redrawn(old: &str, new: &str) -> String {
    if !old.contains('\n') && !new.contains('\n') {
        return format!("\r\x1b[2K{new}");
    }
    format!("{}{}\x1b[K\x1b[J", to_begin(old), new.replace('\n', "\x1b[K\n"))
}

/// Columns and rows of the terminal that standard error is.
fn terminal_size() -> Option<(usize, usize)> {
    let mut size = std::mem::MaybeUninit::<libc::winsize>::zeroed();
    // SAFETY: the call writes the size to a valid place of that type, or fails; zeros are a size, too.
    let size = unsafe {
        if libc::ioctl(libc::STDERR_FILENO, libc::TIOCGWINSZ, size.as_mut_ptr()) != 0 {
            return None;
        }
        size.assume_init()
    };
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col.into(), size.ws_row.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_takes_its_own_place() {
        assert_eq!(redrawn("", "one"), "\r\x1b[2Kone");
        assert_eq!(redrawn("", "one\ntwo"), "\rone\x1b[K\ntwo\x1b[K\x1b[J");
        assert_eq!(redrawn("one\ntwo", "three"), "\r\x1b[1Athree\x1b[K\x1b[J");
        assert_eq!(taken_away("one\ntwo\nthree"), "\r\x1b[2A\x1b[J");
        assert_eq!(taken_away("one"), "\r\x1b[2K");
    }
}
