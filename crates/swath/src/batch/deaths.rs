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

/// How a process stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stall {
    /// It says nothing.
    Silent,
    /// It says that it lives, and does nothing.
    Idle,
}

/// All that is known of the end of a process.
#[derive(Debug)]
pub(super) struct Death<'a> {
    pub end: End,
    pub said: Option<&'a Said>,
    /// The supervisor ended it, since it stood still.
    pub stall: Option<Stall>,
    /// The kernel killed a process for want of memory: of this control group, or of all together.
    pub out_of_memory: bool,
    /// It did so since the job took more than its own control group allows.
    pub of_group: bool,
    /// The whole batch is being stopped.
    pub is_stopping: bool,
}

/// What the end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Done,
    /// Its plan needs at least so much.
    Refused(Bytes),
    /// It met its ceiling.
    Pressure,
    /// The kernel killed it, or gave it no thread, since all together took more than there is.
    Crowded,
    /// Once more as it was; then it is set aside for this reason.
    OnceMore(Reason),
    /// It grew from task to task: a new process is small again.
    Drifted,
    /// Another run is writing its output; one that is about to end, it may be.
    Held,
    /// Trying again would end in the same way.
    Final(Reason),
    /// It was asked to end.
    Stopped,
}

impl Verdict {
    /// The same of a job that cannot begin again.
    pub fn for_good(self) -> Verdict {
        match self {
            Verdict::Refused(_) => Verdict::Final(Reason::DoesNotFit),
            Verdict::Pressure | Verdict::Crowded | Verdict::Drifted => Verdict::Final(Reason::OutOfMemory),
            Verdict::OnceMore(reason) => Verdict::Final(reason),
            Verdict::Held => Verdict::Final(Reason::Output),
            Verdict::Done | Verdict::Final(_) | Verdict::Stopped => self,
        }
    }
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
        let error = self.said.and_then(|said| said.error.as_ref());
        let smallest = error.and_then(|error| error.smallest_ceiling);
        match self.end {
            End::Exit(0) => Verdict::Done,
            End::Signal(SIGKILL) if self.stall.is_some() => Verdict::OnceMore(Reason::Hung),
            End::Signal(SIGKILL) if self.of_group => Verdict::Pressure,
            End::Signal(SIGKILL) if self.out_of_memory => Verdict::Crowded,
            End::Exit(STOPPED) | End::Signal(SIGKILL | SIGINT | SIGTERM | SIGHUP) if self.is_stopping => {
                Verdict::Stopped
            }
            End::Exit(STOPPED) | End::Signal(SIGKILL | SIGINT | SIGTERM | SIGHUP) => Verdict::OnceMore(Reason::Killed),
            End::Exit(3) => smallest.map_or(Verdict::Final(Reason::DoesNotFit), Verdict::Refused),
            End::Exit(4) if error.is_some_and(|error| error.drifted) => Verdict::Drifted,
            End::Exit(4) if error.is_some_and(|error| error.crowded) => Verdict::Crowded,
            End::Exit(4) => Verdict::Pressure,
            End::Exit(2) => Verdict::Final(Reason::Usage),
            End::Exit(5) => Verdict::Final(Reason::Input),
            End::Exit(6) if error.is_some_and(|error| error.held) => Verdict::Held,
            End::Exit(6) => Verdict::Final(Reason::Output),
            End::Exit(7) => Verdict::Final(Reason::Rejects),
            End::Exit(_) | End::Signal(_) => Verdict::OnceMore(Reason::Crash),
        }
    }

    /// What can be done about it, where the process itself said nothing.
    pub fn hint(&self) -> Option<String> {
        let idle = self.stall == Some(Stall::Idle);
        idle.then(|| "is an input a pipe that nobody writes to? A longer --hang-after waits longer".into())
    }

    /// What is told of it where the process itself said nothing.
    pub fn words(&self) -> String {
        match self.end {
            _ if self.stall == Some(Stall::Silent) => "its process gave no sign of life and was ended".into(),
            _ if self.stall == Some(Stall::Idle) => {
                "it read, wrote and finished nothing for too long, and was ended".into()
            }
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
        let held: Said =
            serde_json::from_str(r#"{"status":"failed","error":{"message":"another run","held":true}}"#).expect("JSON");
        let drifted: Said =
            serde_json::from_str(r#"{"status":"failed","error":{"message":"it grew","drifted":true}}"#).expect("JSON");
        let check = |end, facts: (Option<Stall>, bool, bool), said: Option<&Said>, wanted| {
            let (stall, out_of_memory, is_stopping) = facts;
            let death = Death { end, said, stall, out_of_memory, of_group: false, is_stopping };
            assert_eq!(death.verdict(), wanted, "{death:?}");
        };
        let none = (None, false, false);
        check(End::Exit(0), none, None, Verdict::Done);
        check(End::Exit(3), none, Some(&refused), Verdict::Refused(Bytes(90_000_000)));
        check(End::Exit(3), none, None, Verdict::Final(Reason::DoesNotFit));
        check(End::Exit(4), none, None, Verdict::Pressure);
        check(End::Exit(4), none, Some(&drifted), Verdict::Drifted);
        let crowded: Said =
            serde_json::from_str(r#"{"status":"failed","error":{"message":"no thread","crowded":true}}"#)
                .expect("JSON");
        check(End::Exit(4), none, Some(&crowded), Verdict::Crowded);
        check(End::Signal(9), (None, true, false), None, Verdict::Crowded);
        let alone = Death {
            end: End::Signal(9),
            said: None,
            stall: None,
            out_of_memory: true,
            of_group: true,
            is_stopping: false,
        };
        assert_eq!(alone.verdict(), Verdict::Pressure);
        check(End::Signal(9), none, None, Verdict::OnceMore(Reason::Killed));
        for stall in [Stall::Silent, Stall::Idle] {
            check(End::Signal(9), (Some(stall), false, false), None, Verdict::OnceMore(Reason::Hung));
        }
        check(End::Signal(9), (None, false, true), None, Verdict::Stopped);
        check(End::Exit(75), (None, false, true), None, Verdict::Stopped);
        check(End::Exit(6), none, Some(&held), Verdict::Held);
        check(End::Exit(75), none, None, Verdict::OnceMore(Reason::Killed));
        for (code, reason) in [(2, Reason::Usage), (5, Reason::Input), (6, Reason::Output), (7, Reason::Rejects)] {
            check(End::Exit(code), none, None, Verdict::Final(reason));
        }
        for end in [End::Exit(1), End::Exit(8), End::Exit(101), End::Signal(11), End::Signal(6)] {
            check(end, none, None, Verdict::OnceMore(Reason::Crash));
        }
    }
}
