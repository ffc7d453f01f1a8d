//! An error as people and programs read it.

use std::io::IsTerminal;

use serde::Serialize;
use swath_core::{Bytes, Error};

use super::Headed;
use crate::moment;
use crate::process::{complain, complain_json, is_of_stdout, print_json_if_possible};

/// How errors are told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Voice {
    /// Also as one JSON object on standard output.
    pub json: bool,
    /// On standard error as an event of the JSON log instead of text.
    pub json_log: bool,
    /// Without colours even on a terminal.
    pub no_color: bool,
}

/// A command that failed.
pub struct Failure<'a> {
    /// The command.
    pub command: &'a str,
    /// Why.
    pub error: &'a Error,
}

#[derive(Serialize)]
struct Body {
    error: Words,
}

#[derive(Serialize)]
struct Words {
    message: String,
    hint: Option<String>,
    /// The smallest ceiling that would do, where the plan does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    smallest_ceiling: Option<Bytes>,
    /// Another run is writing the output: to wait may do.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    held: bool,
    /// The process grew from task to task: another one may go on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    drifted: bool,
    /// The system has no thread for it as long as others are at work.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    crowded: bool,
    /// Where the rows are that were too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejects: Option<String>,
}

/// The same as the last event of the log.
#[derive(Serialize)]
struct Event<'a> {
    ts: String,
    level: &'a str,
    event: &'a str,
    #[serde(flatten)]
    result: &'a Headed<'a, Body>,
}

impl Failure<'_> {
    /// Tells it, and never fails itself.
    pub fn report(&self, voice: Voice) {
        let result = Headed {
            swath: env!("CARGO_PKG_VERSION"),
            command: self.command,
            status: if matches!(self.error, Error::Stopped { .. }) { "stopped" } else { "failed" },
            exit: self.error.exit_code(),
            body: Body {
                error: Words {
                    message: self.error.to_string(),
                    hint: self.error.hint(),
                    smallest_ceiling: self.smallest_ceiling(),
                    held: matches!(self.error, Error::OutputHeld { .. }),
                    drifted: matches!(self.error, Error::Drifted { .. }),
                    crowded: matches!(self.error, Error::ThreadRefused { .. }),
                    rejects: self.rejects(),
                },
            },
        };
        if voice.json_log {
            let event = Event { ts: moment::now(), level: "error", event: "result", result: &result };
            complain_json(&event);
        } else {
            complain(&self.text(std::io::stderr().is_terminal() && !voice.no_color));
        }
        // Half an object may stand there already.
        if voice.json && !is_of_stdout(self.error) {
            // The exit code already says that something went wrong; a closed standard output adds nothing.
            print_json_if_possible(&result);
        }
    }

    fn smallest_ceiling(&self) -> Option<Bytes> {
        match self.error {
            Error::CeilingTooSmall { smallest, .. } => Some(*smallest),
            _ => None,
        }
    }

    fn rejects(&self) -> Option<String> {
        match self.error {
            Error::TooManyRejects { kept_at, .. } => Some(kept_at.display().to_string()),
            _ => None,
        }
    }

    /// `error: …` and `hint: …`.
    fn text(&self, colors: bool) -> String {
        let (red, cyan, plain) = if colors { ("\x1b[1;31m", "\x1b[36m", "\x1b[0m") } else { ("", "", "") };
        let mut text = format!("{red}error:{plain} {}", self.error);
        if let Some(hint) = self.error.hint() {
            text.push_str(&format!("\n{cyan}hint:{plain} {hint}"));
        }
        text
    }
}
