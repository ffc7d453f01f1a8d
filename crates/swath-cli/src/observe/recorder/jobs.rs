//! Jobs of a batch: who ran when, with how much, and how that ended; so many attempts at most.

use swath::batch::BatchEvent;
use swath_core::Bytes;

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
    /// By the place that each of them takes.
    running: Vec<Option<Attempt>>,
    ended: Vec<Attempt>,
    more: u64,
    now: BatchNow,
}

impl Jobs {
    /// What is granted to those that run.
    pub fn granted(&self) -> Bytes {
        self.running.iter().flatten().map(|attempt| attempt.grant).sum()
    }

    /// Resident sets of those that run, as they told them last.
    pub fn resident(&self) -> Bytes {
        self.now.resident()
    }

    /// Takes note of what happens.
    pub fn note(&mut self, event: &BatchEvent<'_>, now_s: f64) {
        self.begun = true;
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
        for attempt in self.running.iter().flatten() {
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
        self.begun.then_some(Batch { counts: None, memory: None, attempts, more: self.more })
    }

    fn begin(&mut self, job: &str, number: u32, grant: Bytes, now_s: f64) {
        let free = self.running.iter().position(Option::is_none);
        let place = free.unwrap_or_else(|| {
            self.running.push(None);
            self.running.len() - 1
        });
        self.running[place] = Some(Attempt {
            job: name_of(job),
            number,
            place,
            begin_s: now_s,
            end_s: now_s,
            grant,
            peak: Bytes::ZERO,
            end: String::new(),
            message: None,
        });
    }

    fn end(&mut self, job: &str, end: &str, message: Option<&str>, peak: Bytes, now_s: f64) {
        let job = name_of(job);
        let running = self.running.iter_mut().find(|attempt| attempt.as_ref().is_some_and(|it| it.job == job));
        let attempt = running.and_then(Option::take).unwrap_or(Attempt {
            job,
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
            return;
        }
        self.ended.push(Attempt { end_s: now_s, peak, end: end.into(), message: message.map(shortened), ..attempt });
    }
}
