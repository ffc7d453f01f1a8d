//! A pass over the rasters: a task reads a run of canonical blocks window by window and adds up what is in them.
//!
//! What tasks gather is added to what all have gathered as they end, in any order: it comes to the same. Small sums go
//! into the receipt; tables go to scratch where the run can be resumed, and nowhere else where it cannot.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use swath_core::{
    Blob, Bytes, Error, Journal, Lease, Receipt, Receipts, Result, Stage, Store, TaskContext, TaskKey, TaskSpec,
};
use swath_raster::reduce::{Moments, ScanBand, scan};
use swath_raster::{Raster, Window};

use super::found::Found;
use super::layers::{Layer, Layers};
use super::totals::{TotalBand, Unpacked, pack};
use crate::work::{Blobs, each_blob, receipt};

/// A job on its way: what its passes share.
pub struct Running {
    /// What is gathered.
    pub layers: Arc<Layers>,
    /// The pixels.
    pub rasters: Vec<Arc<dyn Raster>>,
    /// The record of what is done.
    pub journal: Journal,
    /// Tables of tasks that are done, where the run can be resumed.
    pub store: Option<Arc<Store>>,
    /// Memory of what a pass has gathered.
    pub tables: Lease,
    /// What is known of each band of each raster.
    pub found: RwLock<Vec<Vec<Found>>>,
    /// What the pass in hand has gathered of each.
    pub totals: Mutex<Vec<Vec<TotalBand>>>,
}

impl Running {
    /// Counts what an earlier process left on scratch as in use.
    ///
    /// # Errors
    /// When scratch does not hold it.
    pub fn replay(&self, receipts: &Receipts) -> Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        let mut passes = 0..self.layers.passes() as u16;
        store.adopt(|adopt| passes.try_for_each(|pass| each_blob::<Gathered>(receipts, pass, adopt)))
    }

    fn totals(&self) -> MutexGuard<'_, Vec<Vec<TotalBand>>> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a task of a pass gathers of a raster, empty.
    fn to_gather(&self, pass: usize, layer: usize, lease: &Lease) -> Result<Vec<ScanBand>> {
        let (found, wishes) = (self.found.read().unwrap_or_else(PoisonError::into_inner), &self.layers.wishes);
        let gather = self.layers.layers[layer].gather(pass);
        found[layer].iter().map(|found| found.to_gather(gather, wishes, lease)).collect()
    }
}

/// What a task leaves.
#[derive(Debug, Serialize, Deserialize)]
struct Gathered {
    /// Of each band, in the first pass.
    moments: Vec<Moments>,
    /// Tables, where they are kept.
    tables: Option<Blob>,
}

impl Blobs for Gathered {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        self.tables.iter().for_each(with);
    }
}

/// A pass.
pub struct Pass {
    /// What it works with.
    pub running: Arc<Running>,
    /// Which one.
    pub pass: usize,
    /// What it is called.
    pub name: String,
    /// Memory of a task.
    pub bytes: Bytes,
    /// Blocks of a window, for each raster.
    pub windows: Vec<u64>,
    /// Blocks of a task, at least one window.
    pub task_blocks: u64,
}

/// What a pass is called.
pub fn pass_name(pass: usize) -> String {
    if pass == 0 { "scan".into() } else { format!("narrow {pass}") }
}

/// Memory of a task that reads windows like this one.
pub fn task_bytes(layers: &Layers, raster: &dyn Raster, layer: &Layer, pass: usize, window: Window) -> Bytes {
    let tables = if layer.gather(pass).has_tables() { Store::WRITER_BYTES + PACKING } else { Bytes::ZERO };
    raster.bytes_for(window, layer.bands) + layers.local_bytes(layer, pass) + tables + PACKING
}

/// What is taken to pack tables, and by small things.
const PACKING: Bytes = Bytes(64 << 10);

impl Pass {
    fn stage(&self) -> u16 {
        self.pass as u16
    }

    /// The raster that a task reads, and the blocks of it.
    fn part(&self, key: &TaskKey) -> Result<(usize, &Layer, Range<u64>)> {
        let layers = self.running.layers.layers.iter().enumerate();
        let mut holding = layers.filter(|(_, layer)| layer.units().contains(&key.units.start));
        let (number, layer) =
            holding.next().ok_or_else(|| Error::unexpected(format!("the blocks {:?} are none", key.units)))?;
        Ok((number, layer, key.units.start - layer.first..key.units.end - layer.first))
    }

    /// Tasks of a raster for what is missing of its blocks.
    fn tasks_of(&self, number: usize, layer: &Layer, missing: &[Range<u64>]) -> Vec<TaskSpec> {
        let (all, step) = (layer.units(), self.task_units(number));
        let mut tasks = Vec::new();
        for gap in missing {
            let gap = gap.start.max(all.start)..gap.end.min(all.end);
            let mut start = gap.start;
            while start < gap.end {
                let end = (all.start + ((start - all.start) / step + 1) * step).min(gap.end);
                if layer.order.window(start - layer.first..end - layer.first).is_some() {
                    let key = TaskKey { stage: self.stage(), units: start..end };
                    tasks.push(TaskSpec { key, bytes: self.bytes });
                }
                start = end;
            }
        }
        tasks
    }

    /// Blocks of a task: whole windows.
    fn task_units(&self, layer: usize) -> u64 {
        let window = self.windows.get(layer).copied().unwrap_or(1).max(1);
        self.task_blocks.div_ceil(window).max(1) * window
    }

    /// What the bands of all rasters come to before the first task, or with what earlier ones have left.
    fn prepare_totals(&self, done: &Receipts) -> Result<()> {
        let running = &*self.running;
        let wishes = &running.layers.wishes;
        let found = running.found.read().unwrap_or_else(PoisonError::into_inner);
        let totals = running.layers.layers.iter().zip(&*found).map(|(layer, found)| {
            let gather = layer.gather(self.pass);
            found.iter().map(|band| band.to_total(gather, wishes, &running.tables)).collect::<Result<Vec<_>>>()
        });
        let mut totals: Vec<Vec<TotalBand>> = totals.collect::<Result<_>>()?;
        for receipt in done.of_stage(self.stage()) {
            let (number, ..) = self.part(&receipt.key)?;
            if let (Some(blob), Some(store)) = (receipt.read::<Gathered>()?.tables, &running.store) {
                let mut packed = Unpacked::new(store, &blob);
                totals[number].iter_mut().try_for_each(|band| band.unpack(&mut packed))?;
            }
        }
        *running.totals() = totals;
        Ok(())
    }
}

impl Stage for Pass {
    fn name(&self) -> &str {
        &self.name
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        let part = self.part(key).ok().and_then(|(_, layer, units)| Some((layer, layer.order.window(units)?)));
        part.map_or(Bytes::ZERO, |(layer, window)| {
            // A run of blocks may be less than the window around it.
            let blocks = key.units.end - key.units.start;
            let pixels = window.pixels().min(blocks * layer.order.block().pixels());
            Bytes(pixels * (layer.bands * layer.data_type.size()) as u64)
        })
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        self.prepare_totals(done)?;
        let layers = &self.running.layers;
        let units = layers.layers.last().map_or(0, |layer| layer.units().end);
        let missing = done.missing(self.stage(), units);
        Ok(layers.of_pass(self.pass).flat_map(|(number, layer)| self.tasks_of(number, layer, &missing)).collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        let running = &*self.running;
        let (number, layer, units) = self.part(key)?;
        let (gather, lease) = (layer.gather(self.pass), &*context.lease);
        let mut bands = running.to_gather(self.pass, number, lease)?;
        let wanted: Vec<usize> = (0..layer.bands).collect();
        for units in layer.order.tasks_in(self.windows[number], &[units]) {
            context.stop.check()?;
            let Some(window) = layer.order.window(units) else { continue };
            let tile = running.rasters[number].read(window, &wanted, lease)?;
            scan(&tile, layer.piece, &mut bands)?;
        }
        let tables = match &running.store {
            Some(store) if gather.has_tables() => {
                let _heap = lease.charge(Store::WRITER_BYTES + PACKING)?;
                let mut out = store.stream(running.layers.packed_bytes_max(layer, self.pass))?;
                bands.iter().try_for_each(|band| pack(band, &mut |bytes| out.append(bytes)))?;
                Some(out.finish()?)
            }
            _ => None,
        };
        let moments = bands.iter().filter_map(|band| band.moments.clone()).collect();
        let receipt = receipt(key, &Gathered { moments, tables })?;
        // Nothing can fail any more, so that it is added once.
        running.totals()[number].iter_mut().zip(&bands).for_each(|(total, band)| total.merge(band));
        Ok(receipt)
    }

    fn finish(&self, done: &Receipts) -> Result<()> {
        let running = &*self.running;
        let totals = std::mem::take(&mut *running.totals());
        let mut found = running.found.write().unwrap_or_else(PoisonError::into_inner);
        if self.pass == 0 {
            for receipt in done.of_stage(0) {
                let (number, ..) = self.part(&receipt.key)?;
                let gathered: Gathered = receipt.read()?;
                found[number].iter_mut().zip(&gathered.moments).for_each(|(band, more)| band.moments.merge(more));
            }
        }
        for ((layer, found), totals) in running.layers.layers.iter().zip(found.iter_mut()).zip(totals) {
            let gather = layer.gather(self.pass);
            for (band, total) in found.iter_mut().zip(totals) {
                band.learn(layer, gather, total, &running.layers.wishes);
            }
        }
        Ok(())
    }
}
