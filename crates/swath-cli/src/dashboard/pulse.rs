//! Whether there is progress: how long ago the process last read, wrote or finished something.

use std::time::{Duration, Instant};

use swath_core::progress;

/// After how long without progress a run counts as standing still, where nobody says another time.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// What was seen last.
#[derive(Debug)]
pub struct Pulse {
    steps: u64,
    at: Instant,
    looked: Instant,
}

/// More than this between two looks is time in which the whole machine, or this process, stood still.
const LOOK_MAX: Duration = Duration::from_secs(2);

impl Pulse {
    /// As of now.
    pub fn now() -> Pulse {
        Pulse::at(Instant::now(), progress::steps())
    }

    fn at(now: Instant, steps: u64) -> Pulse {
        Pulse { steps, at: now, looked: now }
    }

    /// Looks whether there was progress; often enough that its time is known well.
    pub fn look(&mut self) {
        self.look_at(Instant::now(), progress::steps());
    }

    fn look_at(&mut self, now: Instant, steps: u64) {
        // A machine that was suspended has stood still for no time at all.
        let beyond = now.duration_since(self.looked).saturating_sub(LOOK_MAX);
        self.at = (self.at + beyond).min(now);
        self.looked = now;
        if steps != self.steps {
            (self.steps, self.at) = (steps, now);
        }
    }

    /// How long ago there was progress.
    pub fn age(&self) -> Duration {
        self.looked.duration_since(self.at)
    }

    /// How many steps there were.
    pub fn steps(&self) -> u64 {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standing_still_is_seen_and_sleep_is_none() {
        let start = Instant::now();
        let mut pulse = Pulse::at(start, 1);
        for (second, steps, age) in [(1, 1, 1), (2, 2, 0), (3, 2, 1), (4, 2, 2), (904, 2, 4), (905, 2, 5), (906, 3, 0)]
        {
            pulse.look_at(start + Duration::from_secs(second), steps);
            assert_eq!(pulse.age(), Duration::from_secs(age), "after {second} s");
        }
    }
}
