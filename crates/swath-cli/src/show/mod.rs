//! What people and programs get to read: each result as text and as JSON.

pub mod batch;
pub mod doctor;
pub mod explanation;
pub mod failure;
pub mod info;
pub mod last_words;
pub mod outcome;
pub mod report;
pub mod stats;
mod table;

pub use table::{Align, Table, grouped};

use serde::Serialize;

/// The head of every JSON result.
#[derive(Debug, Serialize)]
pub struct Headed<'a, T> {
    /// Version of the program.
    pub swath: &'a str,
    /// The command.
    pub command: &'a str,
    /// `complete`, `set_aside` (complete but for jobs), `planned`, `stopped` (by a signal), `failed`.
    pub status: &'a str,
    /// The exit code.
    pub exit: u8,
    /// The rest.
    #[serde(flatten)]
    pub body: T,
}

impl<'a, T> Headed<'a, T> {
    /// A complete result.
    pub fn complete(command: &'a str, body: T) -> Headed<'a, T> {
        Headed { swath: env!("CARGO_PKG_VERSION"), command, status: "complete", exit: 0, body }
    }
}

/// The text without letters that a terminal obeys, but those `kept`: names of files and words of errors may have any.
pub fn tame(text: &str, kept: &str) -> String {
    let is_safe = |letter: char| kept.contains(letter) || !letter.is_control();
    text.chars().map(|letter| if is_safe(letter) { letter } else { '\u{fffd}' }).collect()
}
