//! What the program says when an allocation would take it beyond the ceiling, and there is nobody to hand an error to.
//!
//! It is put together on the stack and written straight to the descriptors: whoever says it may be inside of the
//! allocator, with locks of the streams held by other threads.

use std::io::{Cursor, Write};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use jiff::Timestamp;
use swath_core::{Bytes, counting};

use super::failure::Voice;

/// The longest text that is said at once.
const MOST: usize = 1024;

struct Prepared {
    command: String,
    voice: Voice,
}

static PREPARED: OnceLock<Prepared> = OnceLock::new();

/// Makes ready to say, in this voice, that a command met its ceiling.
pub fn prepare(command: &str, voice: Voice) {
    let _ = PREPARED.set(Prepared { command: command.into(), voice });
    counting::set_last_words(say);
}

fn say(step: &str, wanted: Bytes, ceiling: Bytes) {
    let Some(Prepared { command, voice }) = PREPARED.get() else { return };
    let mut text = Cursor::new([0; MOST]);
    // A text that is too long is cut; commands and steps have short names.
    let _ = if voice.json_log {
        write!(text, "{{\"ts\":\"{:.3}\",\"level\":\"error\",\"event\":\"result\",", Timestamp::now())
            .and_then(|()| body(&mut text, command, step, (wanted, ceiling)))
    } else {
        message(&mut text, "error: ", step, (wanted, ceiling))
            .and_then(|()| write!(text, "\nhint: {}\n", hint(command)))
    };
    put(std::io::stderr().as_fd(), &text);
    if voice.json {
        let mut text = Cursor::new([0; MOST]);
        let _ = write!(text, "{{").and_then(|()| body(&mut text, command, step, (wanted, ceiling)));
        put(std::io::stdout().as_fd(), &text);
    }
}

fn put(to: std::os::fd::BorrowedFd<'_>, text: &Cursor<[u8; MOST]>) {
    let mut rest = &text.get_ref()[..(text.position() as usize).min(MOST)];
    while let Ok(written @ 1..) = rustix::io::write(to, rest) {
        rest = &rest[written..];
    }
}

/// The object of a failure from its second field on, as [`super::failure::Failure`] has it.
fn body(to: &mut impl Write, command: &str, step: &str, figures: (Bytes, Bytes)) -> std::io::Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    write!(to, "\"swath\":\"{version}\",\"command\":\"{command}\",\"status\":\"failed\",\"exit\":4,\"error\":{{")?;
    message(to, "\"message\":\"", step, figures)?;
    writeln!(to, "\",\"hint\":\"{}\"}}}}", hint(command))
}

fn message(to: &mut impl Write, before: &str, step: &str, (wanted, ceiling): (Bytes, Bytes)) -> std::io::Result<()> {
    let step = if step.is_empty() { "plan" } else { step };
    write!(
        to,
        "{before}memory could not be allocated under the ceiling: {step} asked for {wanted} more than the plan allows, and \
         the ceiling is {ceiling}"
    )
}

/// Only some commands can go on from where they were.
fn hint(command: &str) -> &'static str {
    if command == "sensor ingest"
        || command == "synth raster"
        || (command.starts_with("raster ") && command != "raster stats")
    {
        "a larger --memory, or fewer --threads; run again with --resume to keep what is done"
    } else {
        "a larger --memory, or fewer --threads"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_json_of_a_failure() {
        let mut text = b"{".to_vec();
        body(&mut text, "sensor ingest", "route", (Bytes(5_000_000), Bytes(64_000_000))).expect("a vector");
        let json: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        assert_eq!((json["exit"].as_u64(), json["command"].as_str()), (Some(4), Some("sensor ingest")));
        let message = json["error"]["message"].as_str().expect("a message");
        assert!(message.contains("route asked for 5 MB") && message.ends_with("the ceiling is 64 MB"), "{message}");
        assert!(json["error"]["hint"].as_str().is_some_and(|hint| hint.contains("--resume")));
    }
}
