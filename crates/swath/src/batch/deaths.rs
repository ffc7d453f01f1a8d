//! What the end of a worker's process means, and what is to become of its job.
//!
//! It decides from plain facts; it watches no process and knows no queue.

use super::aside::Reason;
use super::message::Said;
use swath_core::Bytes;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Exit(u8),
    Signal(i32),
}

/// All that is known of the end of a process.
#[derive(Debug)]
pub(super) struct Death<'a> {
    pub end: End,
    pub said: Option<&'a Said>,
    /// The supervisor ended it, since it gave no sign of life.
    pub was_silent: bool,
    /// The kernel killed a process of this control group for want of memory.
    pub out_of_memory: bool,
    /// The whole batch is being stopped.
    pub is_stopping: bool,
}

/// What the end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// Its plan needs at least so much.
    Refused(Bytes),
    /// It met its ceiling, or that of the machine.
    Pressure,
    /// Once more as it was; then it is set aside for this reason.
    OnceMore(Reason),
    /// Trying again would end in the same way.
    Final(Reason),
    /// It was asked to end.
    Stopped,
}

/// What nobody can refuse.
pub(super) const SIGKILL: i32 = 9;
const SIGINT: i32 = 2;
const SIGTERM: i32 = 15;
const SIGHUP: i32 = 1;
/// The exit code of a run that a signal stopped.
const STOPPED: u8 = 75;

impl Death<'_> {
    pub fn verdict(&self) -> Verdict {
        let smallest = self.said.and_then(|said| said.error.as_ref()?.smallest_ceiling);
        match self.end {
            End::Exit(0) => Verdict::Done,
            End::Signal(SIGKILL) if self.was_silent => Verdict::OnceMore(Reason::Silent),
            End::Signal(SIGKILL) if self.out_of_memory => Verdict::Pressure,
            End::Exit(STOPPED) | End::Signal(SIGKILL | SIGINT | SIGTERM | SIGHUP) if self.is_stopping => {
                Verdict::Stopped
            }
            End::Exit(STOPPED) | End::Signal(SIGKILL | SIGINT | SIGTERM | SIGHUP) => Verdict::OnceMore(Reason::Killed),
            End::Exit(3) => smallest.map_or(Verdict::Final(Reason::DoesNotFit), Verdict::Refused),
            End::Exit(4) => Verdict::Pressure,
            End::Exit(2) => Verdict::Final(Reason::Usage),
            End::Exit(5) => Verdict::Final(Reason::Input),
            End::Exit(6) => Verdict::Final(Reason::Output),
            End::Exit(7) => Verdict::Final(Reason::Rejects),
            End::Exit(_) | End::Signal(_) => Verdict::OnceMore(Reason::Crash),
        }
    }

    /// What is told of it where the process itself said nothing.
    pub fn words(&self) -> String {
        match self.end {
            _ if self.was_silent => "its process gave no sign of life and was ended".into(),
            End::Signal(SIGKILL) if self.out_of_memory => "the kernel killed its process for want of memory".into(),
            End::Signal(signal) => format!("its process was ended by signal {signal}"),
            End::Exit(code) => format!("its process ended with exit code {code}, without a word"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart() {
        let refused: Said =
            serde_json::from_str(r#"{"status":"failed","error":{"message":"needs more","smallest_ceiling":90000000}}"#)
                .expect("JSON");
        let check = |end, facts: (bool, bool, bool), said: Option<&Said>, wanted| {
            let (was_silent, out_of_memory, is_stopping) = facts;
            let death = Death { end, said, was_silent, out_of_memory, is_stopping };
            assert_eq!(death.verdict(), wanted, "{death:?}");
        };
        let none = (false, false, false);
        check(End::Exit(0), none, None, Verdict::Done);
        check(End::Exit(3), none, Some(&refused), Verdict::Refused(Bytes(90_000_000)));
        check(End::Exit(3), none, None, Verdict::Final(Reason::DoesNotFit));
        check(End::Exit(4), none, None, Verdict::Pressure);
        check(End::Signal(9), (false, true, false), None, Verdict::Pressure);
        check(End::Signal(9), none, None, Verdict::OnceMore(Reason::Killed));
        check(End::Signal(9), (true, false, false), None, Verdict::OnceMore(Reason::Silent));
        check(End::Signal(9), (false, false, true), None, Verdict::Stopped);
        check(End::Exit(75), (false, false, true), None, Verdict::Stopped);
        check(End::Exit(75), none, None, Verdict::OnceMore(Reason::Killed));
        for (code, reason) in [(2, Reason::Usage), (5, Reason::Input), (6, Reason::Output), (7, Reason::Rejects)] {
            check(End::Exit(code), none, None, Verdict::Final(reason));
        }
        for end in [End::Exit(1), End::Exit(8), End::Exit(101), End::Signal(11), End::Signal(6)] {
            check(end, none, None, Verdict::OnceMore(Reason::Crash));
        }
    }
}
