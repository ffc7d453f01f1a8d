//! Does again what began in the wrong place.
//!
//! A unit begins at the first line after its edge, taking it for the start of a record. Inside a quoted field that is
//! wrong, and it shows: the record before ends somewhere else. Such units are routed again from where they should
//! have begun, one after the other, since each may move the next.

use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Error, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec};

use super::job::{Edge, Routed, stage};
use super::rejects;
use super::route::route_unit;
use super::running::Shared;
use crate::work::{Blobs, receipt};

/// Routes again the units that began inside a quoted field.
pub struct Mend(pub Shared, pub Bytes);

/// Units that were routed again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Mended {
    /// The units and what they became.
    pub units: Vec<(u64, Routed)>,
}

impl Blobs for Mended {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        self.units.iter().for_each(|(_, routed)| routed.blobs(with));
    }
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

impl Stage for Mend {
    fn name(&self) -> &str {
        "mend"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.1
    }

    fn workers_max(&self) -> usize {
        1
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        if done.covers(stage::MEND, 0) {
            return Ok(Vec::new());
        }
        let mut chain = Chain::default();
        let broken = self.0.routed(done)?.iter().any(|routed| {
            let broken = routed.edges.first().is_some_and(|edge| chain.broken_at(edge).is_some());
            chain.follow(routed);
            broken
        });
        let key = TaskKey { stage: stage::MEND, units: 0..1 };
        Ok(if broken { vec![TaskSpec { key, bytes: self.1 }] } else { Vec::new() })
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let mut mended = Mended::default();
        let mut chain = Chain::default();
        for (unit, routed) in self.0.routed(context.done)?.into_iter().enumerate() {
            context.stop.check()?;
            let start = routed.edges.first().and_then(|edge| chain.broken_at(edge));
            match start {
                None => chain.follow(&routed),
                Some(start) => {
                    let again = route_unit(&self.0, unit as u64, Some(start), context.stop)?;
                    chain.follow(&again);
                    routed.blobs(&mut |blob| self.0.store.free(blob));
                    mended.units.push((unit as u64, again));
                }
            }
        }
        self.0.note_texts()?;
        receipt(key, &mended)
    }

    /// Refuses a run with too many rejects before any more work is done.
    fn finish(&self, done: &Receipts) -> Result<()> {
        let job = &self.0.job;
        self.0.benches.clear();
        let units = self.0.routed(done)?;
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
        let kept_at = rejects::keep_beside(&self.0, done)?;
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
