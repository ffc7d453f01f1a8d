//! A look at the process from outside of its tasks, twenty times a second: how large is it, how fast, does it live.
//!
//! It changes nothing.

use std::time::{Duration, Instant};

use super::RunOptions;
use super::drift::Drift;
use super::keeper::Keeper;
use crate::process::{resident_now, share_waited, waited_for_disk_us};
use crate::writes::WriteTimes;
use crate::{Bytes, Event, Leased, Observer, Result};

/// The least time between two looks.
const BETWEEN: Duration = Duration::from_millis(40);

/// The samples of a run.
pub(super) struct Watch {
    begun: Instant,
    heartbeat: Option<Duration>,
    looked: Option<Instant>,
    last: Sample,
    chunks_before: u64,
    chunks_of_stage: u64,
    peak: Bytes,
    drift: Option<Drift>,
    told_raised: bool,
    told_scratch: Bytes,
}

struct Sample {
    at: Instant,
    resident: Bytes,
    work: Bytes,
    waited_us: Option<u64>,
    writes: WriteTimes,
}

impl Watch {
    pub(super) fn new(begun: Instant, options: &RunOptions<'_>) -> Watch {
        let heartbeat = options.heartbeat;
        let resident = resident_now();
        let waited_us = heartbeat.and_then(|_| waited_for_disk_us());
        let last = Sample { at: begun, resident, work: Bytes::ZERO, waited_us, writes: WriteTimes::now() };
        Watch {
            begun,
            heartbeat,
            looked: None,
            last,
            chunks_before: 0,
            chunks_of_stage: 0,
            peak: resident,
            drift: None,
            told_raised: false,
            told_scratch: options.scratch_now(),
        }
    }

    /// The largest resident set that was seen.
    pub(super) fn peak(&self) -> Bytes {
        self.peak
    }

    /// Tasks of another kind begin, so many of them: how large they make the process says nothing of growth.
    pub(super) fn begin(&mut self, tasks: usize, options: &RunOptions<'_>) {
        self.drift = options.drift_limit.map(|limit| Drift::new(limit, tasks as u64));
    }

    /// Says once that the run needs more than the plan predicted.
    pub(super) fn tell_raised(&mut self, observer: &dyn Observer, raised: Option<Bytes>, predicted: Bytes) {
        if let Some(raised) = raised
            && !std::mem::replace(&mut self.told_raised, true)
        {
            observer.on(&Event::Warning {
                message: format!(
                    "the input needs more memory than its sample showed: {predicted} were predicted, now {raised} or more, \
                     below the ceiling"
                ),
            });
        }
    }

    /// Tells how much went to scratch since it was last told.
    pub(super) fn tell_scratch(&mut self, observer: &dyn Observer, scratch: Bytes) {
        if scratch > self.told_scratch {
            observer.on(&Event::Spill { bytes: scratch - self.told_scratch, scratch });
            self.told_scratch = scratch;
        }
    }

    /// Takes a sample, and gives a sign of life when it is time.
    ///
    /// # Errors
    /// [`crate::Error::Drifted`].
    pub(super) fn look(
        &mut self,
        observer: &dyn Observer,
        (chunks, leased): (u64, Leased),
        keeper: &Keeper<'_>,
        options: &RunOptions<'_>,
    ) -> Result<()> {
        if self.looked.is_some_and(|looked| looked.elapsed() < BETWEEN) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let resident = resident_now();
        self.peak = self.peak.max(resident);
        let Leased { fixed, tasks, kept, idle } = leased;
        observer.on(&Event::Sample { resident, fixed, tasks, kept, idle });
        if chunks < self.chunks_of_stage {
            self.chunks_before += self.chunks_of_stage;
        }
        self.chunks_of_stage = chunks;
        self.tell_scratch(observer, options.scratch_now());
        self.drift.as_mut().map_or(Ok(()), |drift| drift.look(chunks, resident))?;
        let Some(interval) = self.heartbeat else { return Ok(()) };
        let passed = self.last.at.elapsed();
        if passed < interval {
            return Ok(());
        }
        let total = keeper.total();
        // A new stage counts its work from zero.
        let work = if total >= self.last.work { total - self.last.work } else { total };
        let waited_us = waited_for_disk_us();
        let io_wait = share_waited(self.last.waited_us, waited_us, passed);
        let writes = WriteTimes::now();
        let lately = writes.since(&self.last.writes);
        observer.on(&Event::Heartbeat {
            seconds: self.begun.elapsed().as_secs_f64(),
            chunks: self.chunks_before + chunks,
            throughput: work.0 as f64 / passed.as_secs_f64().max(1e-9),
            resident,
            change: resident.0 as i64 - self.last.resident.0 as i64,
            write_latency_ms: keeper.take_longest().as_secs_f64() * 1e3,
            write_p50_ms: lately.quantile_ms(0.5),
            write_p99_ms: lately.quantile_ms(0.99),
            io_wait,
        });
        self.last = Sample { at: Instant::now(), resident, work: total, waited_us, writes };
        Ok(())
    }
}
