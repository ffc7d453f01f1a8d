//! Does again what began in the wrong place.
//!
//! A unit begins at the first line after its edge, taking it for the start of a record. Inside a quoted field that is
//! wrong, and it shows: the record before ends somewhere else. Such units are routed again from where they should
//! have begun, and those after them too if that moved their start.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use swath_core::{Bytes, Error, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec};

use super::job::{Edge, Routed, stage};
use super::rejects;
use super::route::route_unit;
use super::running::Shared;
use crate::work::{Blobs, receipt};

/// Routes again the units that began inside a quoted field.
///
/// Every unit that does not begin where the one before it ends is done again, all of them side by side. Where that
/// moves the end of one, the next is done once more. A task's key tells its unit and how often that was mended before.
pub struct Mend {
    running: Shared,
    task_bytes: Bytes,
    starts: Mutex<BTreeMap<u64, u64>>,
}

/// Where records of a file are known to begin, unit after unit.
#[derive(Default)]
struct Chain {
    file: Option<u32>,
    next: u64,
}

impl Chain {
    /// Where a unit's first segment should have begun, if it began elsewhere.
    fn broken_at(&self, edge: &Edge) -> Option<u64> {
        if self.file != Some(edge.file) {
            return None;
        }
        // A record that reaches past the whole segment leaves it without any.
        let passed_over = self.next >= edge.nominal_end;
        let right = if passed_over { edge.empty } else { !edge.empty && edge.first == self.next };
        (!right).then_some(self.next)
    }

    fn follow(&mut self, routed: &Routed) {
        for edge in &routed.edges {
            let passed_over = self.file == Some(edge.file) && self.next >= edge.nominal_end;
            if !passed_over {
                self.next = edge.end;
            }
            self.file = Some(edge.file);
        }
    }
}

impl Mend {
    /// Over units that take as much memory as for the first time.
    pub fn new(running: Shared, task_bytes: Bytes) -> Mend {
        Mend { running, task_bytes, starts: Mutex::default() }
    }

    fn unit(&self, key: u64) -> u64 {
        key % self.running.job.stream.units()
    }

    /// The key of every unit to do again, and where its first record begins.
    fn broken(&self, done: &Receipts) -> Result<BTreeMap<u64, u64>> {
        let units = self.running.job.stream.units();
        let mut mended: BTreeMap<u64, u64> = BTreeMap::new();
        for receipt in done.of_stage(stage::MEND) {
            // Later ones have higher keys.
            mended.insert(self.unit(receipt.key.units.start), receipt.key.units.start);
        }
        let mut chain = Chain::default();
        let mut broken = BTreeMap::new();
        for (unit, routed) in (0..).zip(self.running.routed(done)?) {
            if let Some(start) = routed.edges.first().and_then(|edge| chain.broken_at(edge)) {
                broken.insert(mended.get(&unit).map_or(unit, |last| last + units), start);
            }
            chain.follow(&routed);
        }
        Ok(broken)
    }

    /// What a unit became before.
    fn before(&self, key: u64, done: &Receipts) -> Result<Option<Routed>> {
        let receipt = match key.checked_sub(self.running.job.stream.units()) {
            Some(last) => done.get(stage::MEND, last),
            None => done.get(stage::ROUTE, key),
        };
        receipt.map(Receipt::read).transpose()
    }
}

impl Stage for Mend {
    fn name(&self) -> &str {
        "mend"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.task_bytes
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        self.running.job.stream.unit_bytes(self.unit(key.units.start))
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let broken = self.broken(done)?;
        let task =
            |&key: &u64| TaskSpec { key: TaskKey { stage: stage::MEND, units: key..key + 1 }, bytes: self.task_bytes };
        let tasks = broken.keys().map(task).collect();
        *self.starts.lock().unwrap_or_else(PoisonError::into_inner) = broken;
        Ok(tasks)
    }

    fn more(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        // The threads of the next round are others.
        self.running.benches.clear();
        self.tasks(done)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let number = key.units.start;
        let start = self.starts.lock().unwrap_or_else(PoisonError::into_inner).get(&number).copied();
        let start = start.ok_or_else(|| Error::unexpected(format!("mend {number} is not to be done")))?;
        let again = route_unit(&self.running, self.unit(number), Some(start), context.stop)?;
        let begins_there = |edge: &Edge| if start >= edge.nominal_end { edge.empty } else { edge.first == start };
        if !again.edges.first().is_some_and(begins_there) {
            return Err(Error::unexpected(format!("mend {number} did not begin at byte {start}: {:?}", again.edges)));
        }
        if let Some(before) = self.before(number, context.done)? {
            before.blobs(&mut |blob| self.running.store.free(blob));
        }
        self.running.note_texts()?;
        receipt(key, &again)
    }

    /// Refuses a run with too many rejects before any more work is done.
    fn finish(&self, done: &Receipts) -> Result<()> {
        let job = &self.running.job;
        self.running.benches.clear();
        let units = self.running.routed(done)?;
        let read: u64 = units.iter().map(|unit| unit.read).sum();
        let rejected: u64 = units.iter().map(|unit| unit.rejected).sum();
        if read == 0 {
            return Err(Error::InputCorrupt {
                place: swath_core::Place::file(&job.files[0].path),
                message: format!("there are no rows in {} file(s)", job.files.len()),
                hint: "a header alone is no data; check the path and [csv] skip_lines of the schema".into(),
            });
        }
        if !job.max_rejects.exceeded(rejected, read) {
            return Ok(());
        }
        let kept_at = rejects::keep_beside(&self.running, done)?;
        let mut reasons: Vec<(String, u64)> = Vec::new();
        for (reason, count) in units.iter().flat_map(|unit| &unit.reasons) {
            match reasons.iter_mut().find(|(known, _)| known == reason) {
                Some((_, total)) => *total += count,
                None => reasons.push((reason.clone(), *count)),
            }
        }
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let most = reasons.first().map_or(String::new(), |(reason, count)| format!("{reason} ({count} rows)"));
        let example =
            rejects::first_example(&kept_at).map_or(most.clone(), |example| format!("{most}, first: {example}"));
        Err(Error::TooManyRejects { rejected, read, limit: job.max_rejects.to_string(), kept_at, example })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(file: u32, first: u64, end: u64, nominal_end: u64, empty: bool) -> Edge {
        Edge { file, first, end, nominal_end, lines: 0, empty }
    }

    fn broken(units: &[Vec<Edge>]) -> Vec<Option<u64>> {
        let mut chain = Chain::default();
        units
            .iter()
            .map(|edges| {
                let routed = Routed { edges: edges.clone(), ..Routed::default() };
                let broken = edges.first().and_then(|edge| chain.broken_at(edge));
                chain.follow(&routed);
                broken
            })
            .collect()
    }

    #[test]
    fn a_chain_breaks_where_a_unit_began_elsewhere() {
        let whole = [vec![edge(0, 10, 105, 100, false)], vec![edge(0, 105, 203, 200, false)]];
        assert_eq!(broken(&whole), [None, None]);
        let torn = [vec![edge(0, 10, 120, 100, false)], vec![edge(0, 105, 203, 200, false)]];
        assert_eq!(broken(&torn), [None, Some(120)]);
        let passed_over = [
            vec![edge(0, 10, 230, 100, false)],
            vec![edge(0, 230, 230, 200, true)],
            vec![edge(0, 230, 300, 300, false)],
        ];
        assert_eq!(broken(&passed_over), [None, None, None]);
        let wrongly_full = [vec![edge(0, 10, 230, 100, false)], vec![edge(0, 150, 210, 200, false)]];
        assert_eq!(broken(&wrongly_full), [None, Some(230)]);
        let two_files = [vec![edge(0, 0, 90, 90, false), edge(1, 0, 15, 10, false)], vec![edge(1, 15, 40, 40, false)]];
        assert_eq!(broken(&two_files), [None, None]);
    }
}
