//! A run that is under way: it can be watched from outside, signalled and waited for.

use crate::Outcome;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// A started program.
pub struct Running {
    line: String,
    child: Child,
}

/// Addresses that a run may use at most: above every ceiling of the suites, far below what a machine has.
#[cfg(target_os = "linux")]
const ADDRESSES_MAX_BYTES: u64 = 6_000_000_000;
/// Processor time that a run may use at most; a run that loops for ever is ended by the system.
#[cfg(target_os = "linux")]
const PROCESSOR_MAX_SECONDS: u64 = 600;

impl Running {
    /// Starts a command; a program that runs away fails its test, and does no harm to what else the machine does.
    pub(crate) fn spawn(line: String, mut command: Command) -> Running {
        let child = command.spawn().expect("the program starts");
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{Pid, Resource, Rlimit, prlimit};
            let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            for (resource, most) in [(Resource::As, ADDRESSES_MAX_BYTES), (Resource::Cpu, PROCESSOR_MAX_SECONDS)] {
                // A program that has ended already needs no limit.
                let _ = prlimit(id, resource, Rlimit { current: Some(most), maximum: Some(most) });
            }
        }
        Running { line, child }
    }

    /// Waits for its end.
    pub fn wait(self) -> Outcome {
        let output = self.child.wait_with_output().expect("waited for");
        Outcome::new(self.line, output)
    }

    /// Waits for its end; a run that takes longer than `limit` is ended, and there is no answer.
    ///
    /// Its output has to be small enough for the pipes.
    pub fn wait_within(mut self, limit: Duration) -> Option<Outcome> {
        let begun = Instant::now();
        while self.lives() {
            if begun.elapsed() > limit {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return None;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Some(self.wait())
    }

    /// Waits for its end and answers the highest resident set that was seen, read from outside, in bytes.
    ///
    /// Of systems without `/proc` it answers 0.
    pub fn wait_watching(mut self) -> (Outcome, u64) {
        let path = format!("/proc/{}/status", self.child.id());
        // Its output is small enough for the pipes: one JSON object and a few lines.
        let mut highest = 0;
        while self.child.try_wait().expect("asked").is_none() {
            if let Some(seen) = std::fs::read_to_string(&path).ok().and_then(|text| high_water(&text)) {
                highest = highest.max(seen);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        (self.wait(), highest)
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn lives(&mut self) -> bool {
        self.child.try_wait().expect("asked").is_none()
    }

    /// Ends it as `kill -9` does; answers whether it was still there to be killed.
    pub fn kill(mut self) -> bool {
        let lived = self.lives();
        let _ = self.child.kill();
        let outcome = self.wait();
        lived && outcome.code.is_none()
    }

    /// Sends SIGINT, as Ctrl-C does.
    #[cfg(unix)]
    pub fn interrupt(&mut self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("an id");
        // A run that has ended already is a matter for the caller, who sees its exit code.
        let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
    }
}

/// `VmHWM` of the text of `/proc/PID/status`, in bytes.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_high_water_mark() {
        assert_eq!(high_water("Name:\tswath\nVmPeak:\t  99 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n"), Some(1_263_616));
        assert_eq!(high_water("Name:\tgone\n"), None);
    }
}
