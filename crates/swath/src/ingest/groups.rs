//! Groups of sensors that are near neighbours, for `--partition sensor:N`.
//!
//! Which group a sensor is in depends on where all sensors are, so their places are surveyed before anything is
//! routed: the first position of each sensor in the order of the input. Along a Hilbert curve through the places,
//! every group takes an equal share of the sensors.

use fast_hilbert::xy2h;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec};
use swath_formats::columnar::GroupFilter;
use swath_formats::csv::{Consumer, RangeSpec, Source, Start, read_range};
use swath_table::column::{Batch, Values};
use swath_table::partition::PartitionLevel;
use swath_table::reject::Reject;

use super::job::{Job, stage};
use super::route::batch_limits;
use super::running::{Running, Shared};
use crate::work::{Blobs, receipt};

/// A sensor and where it was first seen in a unit.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Sighting {
    sensor: u32,
    unused: u32,
    x: f64,
    y: f64,
}

/// Surveys where sensors are.
pub struct Survey(pub Shared, pub Bytes);

/// Sensors of a unit, in the order of their first rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sighted {
    sensors: Blob,
}

impl Blobs for Sighted {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.sensors);
    }
}

/// How many groups the job wants, if it wants any.
fn wanted(job: &Job) -> Option<u32> {
    job.partition.iter().find_map(|level| match level {
        PartitionLevel::SensorGroups(count) => Some(*count),
        _ => None,
    })
}

impl Stage for Survey {
    fn name(&self) -> &str {
        "survey"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.1
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        key.units.clone().map(|unit| self.0.job.stream.unit_bytes(unit)).sum()
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        if wanted(&self.0.job).is_none() {
            return Ok(Vec::new());
        }
        let units = done.missing(stage::SURVEY, self.0.job.stream.units()).into_iter().flatten();
        Ok(units
            .map(|unit| TaskSpec { key: TaskKey { stage: stage::SURVEY, units: unit..unit + 1 }, bytes: self.1 })
            .collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let running = &*self.0;
        let job = &running.job;
        let mut bench = running.bench();
        let mut watcher = Watcher { job, seen: FxHashMap::default(), sightings: Vec::new() };
        for segment in job.stream.segments(key.units.start) {
            context.stop.check()?;
            if let Some(columnar) = &job.columnar {
                columnar.read(running, &segment, &GroupFilter::default(), &mut bench, &mut watcher)?;
                watcher.batch(&mut bench.batch)?;
                continue;
            }
            let (file, plan) = (&job.files[segment.file], job.file_plans[segment.file]);
            let nominal = segment.bytes.start.max(plan.data_offset)..segment.bytes.end.max(plan.data_offset);
            if nominal.is_empty() {
                continue;
            }
            let start = if nominal.start == plan.data_offset { Start::Exact(nominal.start) } else { Start::NextRecord };
            let input = file.open()?;
            let parse = &job.parse_plans[plan.plan as usize];
            let source = Source { input: &*input, plan: parse, interner: &running.texts, limits: batch_limits(job) };
            let range = RangeSpec { nominal, file_len: file.end, start };
            read_range(&source, &range, &mut bench.workspace, &mut bench.batch, &mut watcher)?;
            watcher.batch(&mut bench.batch)?;
        }
        running.benches.put(bench);
        let mut writer = running.store.write((watcher.sightings.len() * size_of::<Sighting>()) as u64)?;
        writer.append(bytemuck::cast_slice(&watcher.sightings))?;
        running.note_texts()?;
        receipt(key, &Sighted { sensors: writer.finish()? })
    }

    fn worker_ends(&self) {
        drop(self.0.benches.take());
    }

    fn finish(&self, done: &Receipts) -> Result<()> {
        let running = &*self.0;
        if let Some(count) = wanted(&running.job) {
            let groups = group(running, done, count)?;
            // A second survey of the same input comes to the same groups.
            let _ = running.groups.set(groups);
        }
        Ok(())
    }
}

struct Watcher<'a> {
    job: &'a Job,
    seen: FxHashMap<u32, ()>,
    sightings: Vec<Sighting>,
}

impl Consumer for Watcher<'_> {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        if let (Some(sensor), Some(geometry)) = (self.job.sensor, &self.job.geometry)
            && let Values::Category(sensors) = &batch.columns[sensor].values
            && let Values::Float64(x) = &batch.columns[geometry.x].values
            && let Values::Float64(y) = &batch.columns[geometry.y].values
        {
            let valid = |row: usize| [sensor, geometry.x, geometry.y].iter().all(|&c| batch.columns[c].valid[row] != 0);
            for row in (0..batch.rows()).filter(|&row| valid(row)) {
                if self.seen.insert(sensors[row], ()).is_none() {
                    self.sightings.push(Sighting { sensor: sensors[row], unused: 0, x: x[row], y: y[row] });
                }
            }
        }
        batch.clear();
        Ok(())
    }

    fn reject(&mut self, _reject: Reject) -> Result<()> {
        Ok(())
    }
}

/// The group of each sensor identifier.
fn group(running: &Running, done: &Receipts, count: u32) -> Result<Vec<u32>> {
    let mut places: FxHashMap<u32, (f64, f64)> = FxHashMap::default();
    for receipt in done.of_stage(stage::SURVEY) {
        let sighted: Sighted = receipt.read()?;
        let length = sighted.sensors.length() as usize / size_of::<Sighting>();
        let mut sightings = vec![Sighting { sensor: 0, unused: 0, x: 0.0, y: 0.0 }; length];
        running.store.read(&sighted.sensors, 0, bytemuck::cast_slice_mut(&mut sightings))?;
        for sighting in sightings {
            places.entry(sighting.sensor).or_insert((sighting.x, sighting.y));
        }
    }
    let known: Vec<(u32, f64, f64)> = places.into_iter().map(|(id, (x, y))| (id, x, y)).collect();
    let texts = ranks_of(running);
    Ok(share(&known, &texts, count, texts.len()))
}

fn ranks_of(running: &Running) -> Vec<u32> {
    swath_table::intern::ranks(&running.texts.sorted_ids())
}

/// Shares sensors out in equal numbers along the curve; ties by rank of their text.
fn share(known: &[(u32, f64, f64)], ranks: &[u32], count: u32, ids: usize) -> Vec<u32> {
    let extent = |pick: fn(&(u32, f64, f64)) -> f64| {
        let low = known.iter().map(pick).fold(f64::INFINITY, f64::min);
        let high = known.iter().map(pick).fold(f64::NEG_INFINITY, f64::max);
        (low, (high - low).max(f64::MIN_POSITIVE))
    };
    let ((west, width), (south, height)) = (extent(|place| place.1), extent(|place| place.2));
    let cell = |value: f64, low: f64, size: f64| (((value - low) / size).clamp(0.0, 1.0) * f64::from(u16::MAX)) as u16;
    let mut order: Vec<(u32, u32, u32)> = known
        .iter()
        .map(|&(id, x, y)| (xy2h(cell(x, west, width), cell(y, south, height), 16), ranks[id as usize], id))
        .collect();
    order.sort_unstable();
    let mut groups = vec![0; ids];
    for (position, (_, _, id)) in order.iter().enumerate() {
        groups[*id as usize] = (position as u64 * u64::from(count) / order.len() as u64) as u32;
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_group_and_groups_are_equal() {
        let known: Vec<(u32, f64, f64)> =
            (0..40).map(|id| (id, f64::from(id % 2) * 100.0 + f64::from(id) * 0.01, f64::from(id) * 0.01)).collect();
        let ranks: Vec<u32> = (0..41).collect();
        let groups = share(&known, &ranks, 2, 41);
        assert_eq!(groups.iter().take(40).filter(|&&group| group == 0).count(), 20);
        assert!((0..40).all(|id| groups[id] == groups[id % 2]), "{groups:?}");
    }
}
