//! Pixels become blocks of the file: a task computes a window of the output and encodes the blocks in it.
//!
//! Blocks are the units, in an order that depends on the grid and on how its inputs are stored; how many a task takes
//! follows the ceiling. Where a block will lie in the file is settled once the length of all is known.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Error, Receipt, Receipts, Result, Stage, Store, TaskContext, TaskKey, TaskSpec};
use swath_formats::geotiff::write::{BlockEncoder, block_bytes_max, encoder_bytes_max};
use swath_raster::ops::{overview, overview_bytes, overview_window};
use swath_raster::{BlockOrder, Grid, Raster, Tile, Window};

use super::job::Plan;
use super::level::{self, Level};
use super::running::Shared;
use crate::work::{Blobs, receipt};

/// What a task made: the blocks of its range, one behind the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Encoded {
    /// The bytes.
    pub blob: Blob,
    /// For each block of the range, in order, the lengths of its parts; last the piece of the next smaller level.
    pub lengths: Vec<u32>,
}

impl Blobs for Encoded {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.blob);
    }
}

/// Encodes the blocks of a level, and makes of each its part of the next smaller level.
pub struct Encode {
    /// What it works with.
    pub running: Shared,
    /// Which level.
    pub level: usize,
    /// What it is called.
    pub name: String,
    /// Memory of a task.
    pub bytes: Bytes,
    /// Units of a task.
    pub units: u64,
    /// Tasks at the end that are cut in quarters.
    pub cut: usize,
}

/// Tasks of each worker that are cut in quarters, where they are.
pub const LAST_TASKS: usize = 2;

/// What a stage is called.
pub fn stage_name(level: usize) -> String {
    if level == 0 { "encode".into() } else { format!("overview {level}") }
}

/// Memory of a task that computes and encodes a window of a level.
pub fn task_bytes(raster: &dyn Raster, plan: &Plan, level: usize, window: Window) -> Bytes {
    let (grid, options) = (&plan.levels[level].grid, plan.options());
    let wanted = plan.around(level, window);
    let read = match level {
        0 => raster.bytes_for(wanted, grid.bands.len()),
        _ => level::bytes_for(plan, level, wanted),
    };
    let overview = match level + 1 < plan.levels.len() {
        true => overview_bytes(options.block().whole(), grid.bands.len(), grid.data_type),
        false => Bytes::ZERO,
    };
    read + overview + encoder_bytes_max(grid, options) + Store::WRITER_BYTES + Bytes(64 << 10)
}

/// What is kept of a block of a level until the file is whole, at most: the block itself, and its piece of the overview.
fn kept_bytes_of_block_max(plan: &Plan, level: usize) -> Bytes {
    let (grid, options) = (&plan.levels[level].grid, plan.options());
    let piece = match level + 1 < plan.levels.len() {
        true => level::piece_bytes_max(grid, overview_window(options.block().whole())),
        false => 0,
    };
    block_bytes_max(grid, options) + Bytes(piece)
}

/// What is kept of all blocks, at most.
pub fn kept_bytes_max(plan: &Plan) -> Bytes {
    let of_level = |level: usize| kept_bytes_of_block_max(plan, level) * plan.levels[level].order.blocks().pixels();
    (0..plan.levels.len()).map(of_level).sum()
}

/// The ranges of the tasks that make what is wanted of a level. The `last` of them are cut in quarters, so that no worker
/// waits long for another one at the end.
pub fn ranges(order: BlockOrder, units: u64, wanted: &[Range<u64>], last: usize) -> Vec<Range<u64>> {
    let mut ranges = order.tasks_in(units, wanted);
    if ranges.len() < 2 * last {
        return ranges;
    }
    let last = ranges.split_off(ranges.len() - last);
    let halves = |range: Range<u64>| order.halves(&range).map_or_else(|| vec![range], Vec::from);
    let quarters = last.into_iter().flat_map(halves).flat_map(halves);
    ranges.extend(quarters.filter(|range| order.window(range.clone()).is_some()));
    ranges
}

impl Encode {
    fn spec(&self, units: Range<u64>) -> TaskSpec {
        let window = self.order().window(units.clone());
        let bytes = window.map_or(Bytes::ZERO, |window| {
            task_bytes(&*self.running.raster, &self.running.plan, self.level, window).min(self.bytes)
        });
        TaskSpec { key: self.key(units), bytes }
    }

    fn key(&self, units: Range<u64>) -> TaskKey {
        TaskKey { stage: self.level as u16, units }
    }

    fn grid(&self) -> &Grid {
        &self.running.plan.levels[self.level].grid
    }

    fn order(&self) -> BlockOrder {
        self.running.plan.levels[self.level].order
    }

    /// The pixels that a window of blocks and its overview are made of.
    fn read(&self, window: Window, context: &TaskContext<'_>) -> Result<Tile> {
        let running = &*self.running;
        let plan = &*running.plan;
        let wanted = plan.around(self.level, window);
        match self.level.checked_sub(1) {
            None => {
                let bands: Vec<usize> = (0..self.grid().bands.len()).collect();
                running.raster.read(wanted, &bands, context.lease)
            }
            Some(before) => {
                let places = running.places(before, context.done)?;
                Level::new(plan, self.level, &running.store, places).read(wanted, context.lease)
            }
        }
    }
}

impl Stage for Encode {
    fn name(&self) -> &str {
        &self.name
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        let pixels = self.order().window(key.units.clone()).map_or(0, Window::pixels);
        Bytes(pixels * self.grid().bands.len() as u64 * self.grid().pixel_bytes())
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let order = self.order();
        // A resumed run may cut otherwise than the one before it: what is missing is cut along its own tasks.
        let missing = done.missing(self.level as u16, order.units());
        Ok(ranges(order, self.units, &missing, self.cut).into_iter().map(|units| self.spec(units)).collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        let running = &*self.running;
        let (plan, grid, order) = (&*running.plan, self.grid(), self.order());
        let Some(window) = order.window(key.units.clone()) else {
            return Err(Error::unexpected(format!("the blocks {:?} are none", key.units)));
        };
        let heap = encoder_bytes_max(grid, plan.options()) + Store::WRITER_BYTES;
        let _heap = context.lease.charge(heap)?;
        let tile = self.read(window, context)?;
        let mut encoder = match running.encoders.take() {
            Some(encoder) => encoder,
            None => BlockEncoder::new(grid, plan.options())?,
        };
        let has_overview = self.level + 1 < plan.levels.len();
        let blocks: Vec<(u32, u32)> = key.units.clone().filter_map(|unit| order.block_at(unit)).collect();
        let most = kept_bytes_of_block_max(plan, self.level) * blocks.len() as u64;
        let mut out = running.store.stream(most.0)?;
        let mut lengths = Vec::new();
        for block in blocks {
            context.stop.check()?;
            let window = order.window_of(block);
            let encoded = encoder.encode(&tile, window, &mut |bytes| out.append(bytes))?;
            lengths.extend(encoded.lengths);
            if has_overview {
                let small = overview(&tile, window, grid, plan.resampling, context.lease)?;
                lengths.push(level::write_piece(&small, &mut |bytes| out.append(bytes))?);
            }
        }
        running.encoders.put(encoder);
        receipt(key, &Encoded { blob: out.finish()?, lengths })
    }

    fn split(&self, key: &TaskKey) -> Option<Vec<TaskSpec>> {
        let halves = self.order().halves(&key.units)?;
        Some(halves.into_iter().map(|units| self.spec(units)).collect())
    }

    fn worker_ends(&self) {
        drop(self.running.encoders.take());
    }
}
