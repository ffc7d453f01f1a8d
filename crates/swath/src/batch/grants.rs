//! The ceiling of the batch as shares for its jobs: what is handed out, and in which order.
//!
//! It knows jobs by their numbers only. The sum of what is handed out never passes the whole; a job that needs more than a
//! share waits until that is free, and nobody begins before it.

use std::collections::{BTreeSet, VecDeque};

use swath_core::Bytes;

/// Less than this is no share that a job could do much with.
const SHARE_MIN: Bytes = Bytes(64_000_000);

/// What is handed out, and who waits.
#[derive(Debug)]
pub(super) struct Grants {
    whole: Bytes,
    share: Bytes,
    workers: usize,
    handed: Bytes,
    running: usize,
    highest: Bytes,
    /// Jobs that begin with a share, by their order.
    ready: BTreeSet<u32>,
    /// Jobs that need more, by the order of asking.
    waiting: VecDeque<Waiting>,
    /// Whether the one that works does so alone.
    alone: bool,
}

/// A job that waits for what it needs.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    job: u32,
    need: Bytes,
    alone: bool,
}

impl Grants {
    /// Hands out `whole` among as many workers as fit, `workers_max` at most.
    pub fn of(whole: Bytes, workers_max: usize) -> Grants {
        let fit = (whole.0 / SHARE_MIN.0).max(1);
        let workers = fit.min(workers_max as u64).max(1);
        Grants {
            whole,
            share: Bytes(whole.0 / workers),
            workers: workers as usize,
            handed: Bytes::ZERO,
            running: 0,
            highest: Bytes::ZERO,
            ready: BTreeSet::new(),
            waiting: VecDeque::new(),
            alone: false,
        }
    }

    /// All that may be handed out.
    pub fn whole(&self) -> Bytes {
        self.whole
    }

    /// What a job gets first.
    pub fn share(&self) -> Bytes {
        self.share
    }

    /// How many jobs work side by side at most.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// The most that was handed out at once.
    pub fn highest(&self) -> Bytes {
        self.highest
    }

    /// What is handed out now.
    pub fn handed(&self) -> Bytes {
        self.handed
    }

    /// Puts a job into the queue: among the others, or behind those that need more than a share.
    pub fn ask(&mut self, job: u32, need: Bytes) {
        if need <= self.share {
            self.ready.insert(job);
        } else {
            self.waiting.push_back(Waiting { job, need: need.min(self.whole), alone: false });
        }
    }

    /// The same for one beside which no other is to work.
    pub fn ask_alone(&mut self, job: u32, need: Bytes) {
        self.waiting.push_back(Waiting { job, need: need.min(self.whole), alone: true });
    }

    /// Takes the next job that may begin, with its grant.
    pub fn next(&mut self) -> Option<(u32, Bytes)> {
        if self.running >= self.workers || self.alone {
            return None;
        }
        let free = self.whole - self.handed;
        let (job, grant) = match self.waiting.front() {
            Some(&Waiting { job, need, alone }) if need <= free && (!alone || self.running == 0) => {
                self.waiting.pop_front();
                self.alone = alone;
                (job, need)
            }
            // Others that begin now would keep away what it waits for.
            Some(_) => return None,
            None if self.share <= free => (self.ready.pop_first()?, self.share),
            None => return None,
        };
        self.running += 1;
        self.handed += grant;
        self.highest = self.highest.max(self.handed);
        Some((job, grant))
    }

    /// Takes back what a job had.
    pub fn give_back(&mut self, grant: Bytes) {
        self.running -= 1;
        self.handed -= grant;
        self.alone = false;
    }

    /// What a job is to get whose plan was refused, if there is as much.
    pub fn enough_for(&self, smallest: Bytes) -> Option<Bytes> {
        (smallest <= self.whole).then(|| Grants::enough(smallest).min(self.whole))
    }

    /// The smallest ceiling that would do, rounded up a little, since it differs by a trifle from plan to plan.
    pub fn enough(smallest: Bytes) -> Bytes {
        smallest + smallest.percent(2) + Bytes::MB
    }

    /// What a job is to get that took more than `grant`, if there is more.
    pub fn twice(&self, grant: Bytes) -> Option<Bytes> {
        (grant < self.whole).then(|| (grant * 2).min(self.whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn shares_are_as_many_as_fit() {
        for (whole, cores, workers) in [(400, 2, 2), (400, 16, 6), (90, 2, 1), (20, 4, 1)] {
            let grants = Grants::of(Bytes(whole * MB), cores);
            assert_eq!((grants.workers(), grants.share()), (workers, Bytes(whole * MB / workers as u64)));
        }
    }

    #[test]
    fn the_sum_stays_below_the_whole_and_who_needs_much_is_served_in_order() {
        let mut grants = Grants::of(Bytes(400 * MB), 4);
        (0..6).for_each(|job| grants.ask(job, Bytes::ZERO));
        let begun: Vec<_> = std::iter::from_fn(|| grants.next()).map(|(job, _)| job).collect();
        assert_eq!(begun, [0, 1, 2, 3]);
        grants.ask(0, Bytes(300 * MB));
        grants.ask(1, Bytes(150 * MB));
        for _ in 0..2 {
            grants.give_back(Bytes(100 * MB));
            assert_eq!(grants.next(), None, "others began before the one that waits");
        }
        grants.give_back(Bytes(100 * MB));
        assert_eq!(grants.next(), Some((0, Bytes(300 * MB))));
        assert_eq!((grants.next(), grants.handed()), (None, Bytes(400 * MB)));
        grants.give_back(Bytes(300 * MB));
        assert_eq!(grants.next(), Some((1, Bytes(150 * MB))));
        assert_eq!(grants.next(), Some((4, Bytes(100 * MB))));
        assert_eq!(grants.next(), None);
        assert_eq!(grants.highest(), Bytes(400 * MB));
    }

    #[test]
    fn who_is_to_be_alone_is() {
        let mut grants = Grants::of(Bytes(400 * MB), 4);
        (0..6).for_each(|job| grants.ask(job, Bytes::ZERO));
        assert_eq!(grants.next(), Some((0, Bytes(100 * MB))));
        grants.ask_alone(7, Bytes(64 * MB));
        assert_eq!(grants.next(), None);
        grants.give_back(Bytes(100 * MB));
        assert_eq!((grants.next(), grants.next()), (Some((7, Bytes(64 * MB))), None));
        grants.give_back(Bytes(64 * MB));
        assert_eq!(std::iter::from_fn(|| grants.next()).count(), 4);
    }

    #[test]
    fn more_is_granted_up_to_the_whole() {
        let grants = Grants::of(Bytes(400 * MB), 4);
        assert_eq!(grants.enough_for(Bytes(100 * MB)), Some(Bytes(103 * MB)));
        assert_eq!(grants.enough_for(Bytes(399 * MB)), Some(Bytes(400 * MB)));
        assert_eq!(grants.enough_for(Bytes(401 * MB)), None);
        assert_eq!(grants.twice(Bytes(300 * MB)), Some(Bytes(400 * MB)));
        assert_eq!(grants.twice(Bytes(400 * MB)), None);
    }
}
