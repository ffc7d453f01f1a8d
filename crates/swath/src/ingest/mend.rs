//! Does again what began in the wrong place.
//!
//! A unit begins at the first line after its edge, taking it for the start of a record. Inside a quoted field that is
//! wrong, and it shows: the record before ends somewhere else. Such units are routed again from where they should
//! have begun, and those after them too if that moved their start.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use swath_core::{Bytes, Error, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec};

use super::job::{Edge, Routed, stage};
use super::rejects;
use super::route::route_unit;
use super::running::Shared;
use crate::work::{Blobs, receipt};

/// Routes again the units that began inside a quoted field.
///
/// What a unit becomes depends on nothing but where its first record begins. So every unit that does not begin where the
/// one before it ends is routed from there, all of them side by side, and no unit twice from the same place: what one
/// round moves, the next one finds routed already, or routes. A task's key tells its unit and how often that was done.
pub struct Mend {
    running: Shared,
    task_bytes: Bytes,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    ways: Ways,
    /// The tasks of this round, and where their first records begin.
    starts: BTreeMap<u64, u64>,
}

/// Where records of a file are known to begin, unit after unit.
#[derive(Default)]
struct Chain {
    file: Option<u32>,
    next: u64,
}

impl Chain {
    /// Where a unit's first segment should have begun, if it began elsewhere.
    fn broken_at(&self, edges: &[Edge]) -> Option<u64> {
        let edge = edges.first().filter(|edge| self.file == Some(edge.file))?;
        (!begins_at(edge, self.next)).then_some(self.next)
    }

    fn follow(&mut self, edges: &[Edge]) {
        for edge in edges {
            let passed_over = self.file == Some(edge.file) && self.next >= edge.nominal_end;
            if !passed_over {
                self.next = edge.end;
            }
            self.file = Some(edge.file);
        }
    }
}

/// Whether a segment was read from there. A record that reaches past the whole segment leaves it without any.
fn begins_at(edge: &Edge, start: u64) -> bool {
    if start >= edge.nominal_end { edge.empty } else { !edge.empty && edge.first == start }
}

/// What each unit became, from each place that it was read from.
#[derive(Default)]
struct Ways(Vec<Vec<Way>>);

/// One of them: the task that read it, and how it met its edges.
struct Way {
    key: TaskKey,
    edges: Vec<Edge>,
}

impl Ways {
    /// Takes in the receipts that are new.
    fn learn(&mut self, done: &Receipts, units: u64) -> Result<()> {
        #[derive(Deserialize)]
        struct Met {
            edges: Vec<Edge>,
        }
        let way = |receipt: &Receipt| Ok(Way { key: receipt.key.clone(), edges: receipt.read::<Met>()?.edges });
        if self.0.is_empty() {
            self.0 = done.of_stage(stage::ROUTE).map(|receipt| Ok(vec![way(receipt)?])).collect::<Result<_>>()?;
        }
        for receipt in done.of_stage(stage::MEND) {
            let ways = self.0.get_mut((receipt.key.units.start % units) as usize);
            if let Some(ways) = ways.filter(|ways| ways.iter().all(|way| way.key != receipt.key)) {
                ways.push(way(receipt)?);
            }
        }
        Ok(())
    }

    /// Goes along all units: `with` is told of each one which of its ways begins where the one before it ends, or where
    /// it should have begun. Behind one that has no such way it goes on as if the first one did.
    fn walk(&self, mut with: impl FnMut(u64, &[Way], Result<&Way, u64>)) {
        let mut chain = Chain::default();
        for (unit, ways) in (0..).zip(&self.0) {
            let right = ways.iter().find(|way| chain.broken_at(&way.edges).is_none());
            if let Some(way) = right.or(ways.first()) {
                with(unit, ways, right.ok_or_else(|| chain.broken_at(&way.edges).unwrap_or_default()));
                chain.follow(&way.edges);
            }
        }
    }
}

/// The receipts that tell what units became, in order of units: of a unit that was routed more than once, the one that
/// begins where the unit before it ends.
///
/// # Errors
/// When a receipt cannot be read.
pub fn chosen(done: &Receipts, units: u64) -> Result<Vec<&Receipt>> {
    if done.count_of_stage(stage::MEND) == 0 {
        return Ok(done.of_stage(stage::ROUTE).collect());
    }
    let mut ways = Ways::default();
    ways.learn(done, units)?;
    let mut chosen = Vec::with_capacity(ways.0.len());
    ways.walk(|_, ways, right| {
        let way = right.ok().or(ways.first());
        chosen.extend(way.and_then(|way| done.get(way.key.stage, way.key.units.start)));
    });
    Ok(chosen)
}

impl Mend {
    /// Over units that take as much memory as for the first time.
    pub fn new(running: Shared, task_bytes: Bytes) -> Mend {
        Mend { running, task_bytes, known: Mutex::default() }
    }

    fn units(&self) -> u64 {
        self.running.job.stream.units()
    }

    /// Drops from memory what was routed from a wrong place.
    fn free_others(&self, done: &Receipts) -> Result<()> {
        if done.count_of_stage(stage::MEND) == 0 {
            return Ok(());
        }
        let mut chosen = chosen(done, self.units())?.into_iter().map(|receipt| &receipt.key).collect::<Vec<_>>();
        chosen.sort_unstable();
        for receipt in done.of_stage(stage::ROUTE).chain(done.of_stage(stage::MEND)) {
            if chosen.binary_search(&&receipt.key).is_err() {
                receipt.read::<Routed>()?.blobs(&mut |blob| self.running.store.free(blob));
            }
        }
        Ok(())
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
        self.running.job.stream.unit_bytes(key.units.start % self.units())
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let units = self.units();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let Known { ways, starts } = &mut *known;
        // Those of a run that was killed are in no line of the ledger, either.
        let earlier = if ways.0.is_empty() { done.count_of_stage(stage::MEND) } else { 0 };
        ways.learn(done, units)?;
        starts.clear();
        ways.walk(|unit, ways, right| {
            let mended = ways.iter().filter(|way| way.key.stage == stage::MEND).map(|way| way.key.units.start).max();
            starts.extend(right.err().map(|start| (mended.map_or(unit, |last| last + units), start)));
        });
        self.running.tables.hold_mended(starts.len() as u64 + earlier)?;
        let task =
            |&key: &u64| TaskSpec { key: TaskKey { stage: stage::MEND, units: key..key + 1 }, bytes: self.task_bytes };
        Ok(starts.keys().map(task).collect())
    }

    fn more(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        self.tasks(done)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let number = key.units.start;
        let start = self.known.lock().unwrap_or_else(PoisonError::into_inner).starts.get(&number).copied();
        let start = start.ok_or_else(|| Error::unexpected(format!("mend {number} is not to be done")))?;
        let again = route_unit(&self.running, number % self.units(), Some(start), context.stop)?;
        if !again.edges.first().is_some_and(|edge| begins_at(edge, start)) {
            return Err(Error::unexpected(format!("mend {number} did not begin at byte {start}: {:?}", again.edges)));
        }
        self.running.note_texts()?;
        receipt(key, &again)
    }

    fn worker_ends(&self) {
        drop(self.running.benches.take());
    }

    /// Refuses a run with too many rejects before any more work is done.
    fn finish(&self, done: &Receipts) -> Result<()> {
        let job = &self.running.job;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Known::default();
        if job.compacts {
            return Ok(());
        }
        self.free_others(done)?;
        let units = self.running.routed(done)?;
        let read: u64 = units.iter().map(|unit| unit.read).sum();
        if read == 0 {
            return Err(Error::InputCorrupt {
                place: swath_core::Place::file(&job.files[0].path),
                message: format!("there are no rows in {} file(s)", job.files.len()),
                hint: "a header alone is no data; check the path and [csv] skip_lines of the schema".into(),
            });
        }
        rejects::check_limit(&self.running, done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(file: u32, first: u64, end: u64, nominal_end: u64, empty: bool) -> Edge {
        Edge { file, first, end, nominal_end, lines: 0, empty }
    }

    fn ways(units: &[Vec<Vec<Edge>>]) -> Ways {
        let way = |edges: &Vec<Edge>| Way { key: TaskKey { stage: stage::ROUTE, units: 0..1 }, edges: edges.clone() };
        Ways(units.iter().map(|ways| ways.iter().map(way).collect()).collect())
    }

    fn broken(units: &[Vec<Edge>]) -> Vec<Option<u64>> {
        let mut broken = Vec::new();
        let ways = ways(&units.iter().map(|edges| vec![edges.clone()]).collect::<Vec<_>>());
        ways.walk(|_, _, right| broken.push(right.err()));
        broken
    }

    #[test]
    fn a_unit_that_was_read_from_many_places_is_followed_from_the_right_one() {
        let units = [
            vec![vec![edge(0, 10, 120, 100, false)]],
            vec![vec![edge(0, 105, 203, 200, false)], vec![edge(0, 120, 210, 200, false)]],
            vec![vec![edge(0, 203, 300, 300, false)], vec![edge(0, 207, 305, 300, false)]],
            vec![vec![edge(0, 300, 400, 400, false)]],
        ];
        let mut seen = Vec::new();
        ways(&units).walk(|unit, _, right| seen.push((unit, right.map(|way| way.edges[0].first))));
        assert_eq!(seen, [(0, Ok(10)), (1, Ok(120)), (2, Err(210)), (3, Ok(300))]);
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
