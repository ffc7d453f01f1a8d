//! Pixels become blocks of the file: a task computes a window of the output and encodes the blocks in it.
//!
//! Blocks are the units, in an order that depends on the grid and on how its inputs are stored; how many a task takes
//! follows the ceiling. Where a block will lie in the file is settled once the length of all is known.

use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Error, Receipt, Receipts, Result, Stage, Store, TaskContext, TaskKey, TaskSpec};
use swath_formats::geotiff::write::{BlockEncoder, WriteOptions, block_bytes_max, encoder_bytes_max};
use swath_raster::{Grid, Raster, Window};

use super::job::stage;
use super::running::Shared;
use crate::work::{Blobs, receipt};

/// What a task made: the blocks of its range, one behind the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Encoded {
    /// The bytes.
    pub blob: Blob,
    /// For each block of the range, in order, the lengths of its parts.
    pub lengths: Vec<u32>,
}

impl Blobs for Encoded {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.blob);
    }
}

/// Encodes the blocks of the output.
pub struct Encode {
    /// What it works with.
    pub running: Shared,
    /// Memory of a task.
    pub bytes: Bytes,
    /// Units of a task.
    pub units: u64,
}

/// Memory of a task that computes and encodes a window of the output.
pub fn task_bytes(raster: &dyn Raster, grid: &Grid, options: &WriteOptions, window: Window) -> Bytes {
    raster.bytes_for(window, grid.bands.len())
        + encoder_bytes_max(grid, options)
        + Store::WRITER_BYTES
        + Bytes(64 << 10)
}

impl Encode {
    fn spec(&self, units: std::ops::Range<u64>) -> TaskSpec {
        let plan = &self.running.plan;
        let window = self.running.order().window(units.clone());
        let bytes = window.map_or(Bytes::ZERO, |window| {
            task_bytes(&*self.running.raster, plan.grid(), plan.options(), window).min(self.bytes)
        });
        TaskSpec { key: TaskKey { stage: stage::ENCODE, units }, bytes }
    }
}

impl Stage for Encode {
    fn name(&self) -> &str {
        "encode"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        let plan = &self.running.plan;
        let pixels = self.running.order().window(key.units.clone()).map_or(0, Window::pixels);
        Bytes(pixels * plan.grid().bands.len() as u64 * plan.grid().pixel_bytes())
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let order = self.running.order();
        let missing = done.missing(stage::ENCODE, order.units());
        // A resumed run may cut otherwise than the one before it: what is missing is cut along its own tasks.
        let mut tasks = Vec::new();
        let mut missing = missing.into_iter().peekable();
        for task in order.tasks(self.units) {
            while missing.next_if(|gap| gap.end <= task.start).is_some() {}
            for gap in missing.clone().take_while(|gap| gap.start < task.end) {
                self.cut_along(task.clone(), gap, &mut tasks);
            }
        }
        Ok(tasks)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        let running = &*self.running;
        let (plan, order) = (&running.plan, running.order());
        let Some(window) = order.window(key.units.clone()) else {
            return Err(Error::unexpected(format!("the blocks {:?} are none", key.units)));
        };
        let heap = encoder_bytes_max(plan.grid(), plan.options()) + Store::WRITER_BYTES;
        let _heap = context.lease.charge(heap)?;
        let bands: Vec<usize> = (0..plan.grid().bands.len()).collect();
        let tile = running.raster.read(window, &bands, context.lease)?;
        let mut encoder = match running.encoders.take() {
            Some(encoder) => encoder,
            None => BlockEncoder::new(plan.grid(), plan.options())?,
        };
        let blocks: Vec<(u32, u32)> = key.units.clone().filter_map(|unit| order.block_at(unit)).collect();
        let most = block_bytes_max(plan.grid(), plan.options()).0 * blocks.len() as u64;
        let mut out = running.store.stream(most)?;
        let mut lengths = Vec::new();
        for block in blocks {
            context.stop.check()?;
            let encoded = encoder.encode(&tile, order.window_of(block), &mut |bytes| out.append(bytes))?;
            lengths.extend(encoded.lengths);
        }
        running.encoders.put(encoder);
        receipt(key, &Encoded { blob: out.finish()?, lengths })
    }

    fn split(&self, key: &TaskKey) -> Option<Vec<TaskSpec>> {
        let halves = self.running.order().halves(&key.units)?;
        Some(halves.into_iter().map(|units| self.spec(units)).collect())
    }

    fn finish(&self, _done: &Receipts) -> Result<()> {
        self.running.encoders.clear();
        Ok(())
    }
}

impl Encode {
    /// Cuts `task` in halves until its pieces lie wholly inside of `wanted` or outside; those inside are tasks.
    fn cut_along(&self, task: std::ops::Range<u64>, wanted: std::ops::Range<u64>, tasks: &mut Vec<TaskSpec>) {
        if task.end <= wanted.start || wanted.end <= task.start {
            return;
        }
        if wanted.start <= task.start && task.end <= wanted.end {
            if self.running.order().window(task.clone()).is_some() {
                tasks.push(self.spec(task));
            }
            return;
        }
        for half in self.running.order().halves(&task).into_iter().flatten() {
            self.cut_along(half, wanted.clone(), tasks);
        }
    }
}
