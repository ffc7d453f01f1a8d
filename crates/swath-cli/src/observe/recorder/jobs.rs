//! Jobs of a batch: who ran when, with how much, and how that ended; so many attempts at most.

use swath::batch::BatchEvent;
use swath::batch::{BatchMemory, JobCounts, SUPERVISOR_BYTES};
use swath_core::{Bytes, Fnv64};

use super::shortened;
use crate::report::{Attempt, Batch, BatchNow, name_of};

/// Attempts that are kept at most.
const MOST: usize = 1500;
/// Attempts that a page of a running batch shows at most.
const SHOWN_MAX: usize = 400;

/// The jobs of a batch.
#[derive(Debug, Default)]
pub struct Jobs {
    begun: bool,
    counts: JobCounts,
    ceiling: Bytes,
    granted_peak: Bytes,
    /// By the place that each of them takes, with what its whole name comes to.
    running: Vec<Option<(u64, Attempt)>>,
    ended: Vec<Attempt>,
    more: u64,
    now: BatchNow,
}

impl Jobs {
    /// What is granted to those that run.
    pub fn granted(&self) -> Bytes {
        self.running.iter().flatten().map(|(_, attempt)| attempt.grant).sum()
    }

    /// Resident sets of those that run, as they told them last.
    pub fn resident(&self) -> Bytes {
        self.now.resident()
    }

    /// Takes note of what happens.
    pub fn note(&mut self, event: &BatchEvent<'_>, now_s: f64) {
        self.begun = true;
        self.count(event);
        match event {
            BatchEvent::Job { job, attempt, grant, .. } => self.begin(job, *attempt, *grant, now_s),
            BatchEvent::Done { job, peak, .. } => self.end(job, "done", None, *peak, now_s),
            BatchEvent::Retry { job, reason, .. } | BatchEvent::Wait { job, reason } => {
                self.end(job, "again", Some(reason), Bytes::ZERO, now_s);
            }
            BatchEvent::SetAside(aside) => self.end(&aside.name, "set_aside", Some(&aside.message), Bytes::ZERO, now_s),
            BatchEvent::Plan { .. } | BatchEvent::Waiting(_) | BatchEvent::Now(_) | BatchEvent::Heartbeat { .. } => {}
        }
        self.now.note(event);
    }

    /// How things stand, and the attempts up to now: those that came last, where there are many.
    pub fn now(&self, now_s: f64) -> Option<(Batch, BatchNow)> {
        let left = self.ended.len().saturating_sub(SHOWN_MAX);
        let mut attempts = self.ended.get(left..).unwrap_or_default().to_vec();
        for (_, attempt) in self.running.iter().flatten() {
            let resident = self.now.at_work.iter().find(|at_work| at_work.job == attempt.job).map(|it| it.resident);
            let peak = resident.unwrap_or_default();
            attempts.push(Attempt { end_s: now_s, end: "running".into(), peak, ..attempt.clone() });
        }
        let more = self.more + left as u64;
        let batch = Batch { counts: None, memory: None, attempts, more };
        self.begun.then(|| (batch, self.now.clone()))
    }

    /// What was remembered, if there was a batch.
    pub fn take(&mut self) -> Option<Batch> {
        let attempts = std::mem::take(&mut self.ended);
        let memory = BatchMemory {
            ceiling: self.ceiling,
            supervisor: SUPERVISOR_BYTES,
            supervisor_peak: Bytes::ZERO,
            granted_peak: self.granted_peak,
        };
        let (counts, memory) = (Some(self.counts), Some(memory));
        self.begun.then_some(Batch { counts, memory, attempts, more: self.more })
    }

    /// Counts for a batch that is stopped.
    fn count(&mut self, event: &BatchEvent<'_>) {
        let counts = &mut self.counts;
        match event {
            BatchEvent::Plan { jobs, skipped, ceiling, .. } => {
                (counts.planned, counts.skipped, self.ceiling) = (*jobs, *skipped, *ceiling);
            }
            BatchEvent::Done { .. } => counts.done += 1,
            BatchEvent::SetAside(_) => counts.set_aside += 1,
            BatchEvent::Retry { .. } => counts.retried += 1,
            _ => {}
        }
        counts.left = counts.planned.saturating_sub(counts.skipped + counts.done + counts.set_aside);
    }

    fn begin(&mut self, job: &str, number: u32, grant: Bytes, now_s: f64) {
        let free = self.running.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.running.push(None);
            self.running.len() - 1
        });
        let attempt = Attempt {
            job: name_of(job),
            number,
            place,
            begin_s: now_s,
            end_s: now_s,
            grant,
            peak: Bytes::ZERO,
            end: String::new(),
            message: None,
        };
        self.running[place] = Some((Fnv64::of(job.as_bytes()), attempt));
        self.granted_peak = self.granted_peak.max(self.granted());
    }

    fn end(&mut self, job: &str, end: &str, message: Option<&str>, peak: Bytes, now_s: f64) {
        let number = Fnv64::of(job.as_bytes());
        let running = self.running.iter_mut().find(|running| running.as_ref().is_some_and(|it| it.0 == number));
        let attempt = running.and_then(Option::take).map(|(_, attempt)| attempt).unwrap_or_else(|| Attempt {
            job: name_of(job),
            number: 0,
            place: 0,
            begin_s: now_s,
            end_s: now_s,
            grant: Bytes::ZERO,
            peak,
            end: String::new(),
            message: None,
        });
        if self.ended.len() == MOST {
            self.more += 1;
            // Those that are done give way to those that are not.
            match self.ended.iter().rposition(|attempt| attempt.end == "done") {
                Some(position) if end != "done" => drop(self.ended.remove(position)),
                _ => return,
            }
        }
        self.ended.push(Attempt { end_s: now_s, peak, end: end.into(), message: message.map(shortened), ..attempt });
    }
}

#[cfg(test)]
mod tests {
    use swath::batch::{Aside, AsideMemory, Reason};

    use super::*;

    fn done(jobs: &mut Jobs, job: &str) {
        let grant = Bytes(1000);
        jobs.note(&BatchEvent::Job { job, attempt: 1, grant, process: 1 }, 1.0);
        jobs.note(&BatchEvent::Done { job, seconds: 1.0, grant, peak: Bytes(7), outputs: &[], warnings: &[] }, 2.0);
    }

    #[test]
    fn jobs_that_were_set_aside_are_kept_and_long_names_told_apart() {
        let mut jobs = Jobs::default();
        jobs.note(
            &BatchEvent::Plan { jobs: 2010, skipped: 0, workers: 2, ceiling: Bytes(9), share: Bytes(1), limits: "" },
            0.0,
        );
        (0..2000).for_each(|number| done(&mut jobs, &number.to_string()));
        let long = |end: &str| format!("{}/{end}", "folder".repeat(40));
        for end in ["a", "b"] {
            jobs.note(&BatchEvent::Job { job: &long(end), attempt: 1, grant: Bytes(5), process: 1 }, 3.0);
        }
        let aside = Aside {
            name: long("b"),
            words: vec![],
            folder: String::new(),
            reason: Reason::Input,
            exit: Some(5),
            message: "missing".into(),
            hint: None,
            memory: AsideMemory::default(),
            attempts: 1,
        };
        jobs.note(&BatchEvent::SetAside(&aside), 4.0);
        let batch = jobs.take().expect("a batch");
        assert_eq!((batch.attempts.len(), batch.more), (MOST, 501));
        let last = batch.attempts.last().expect("attempts");
        assert!(last.end == "set_aside" && last.job.ends_with("/b") && last.number == 1, "{last:?}");
        let counts = batch.counts.expect("counts");
        assert_eq!((counts.done, counts.set_aside, counts.left), (2000, 1, 9));
        assert_eq!(batch.memory.expect("memory").ceiling, Bytes(9));
    }
}
