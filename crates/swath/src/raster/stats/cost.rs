//! What a job will take, and so in how large windows its rasters are read.

use std::sync::Arc;

use swath_core::{Bytes, Ledger, LedgerLine, Result};
use swath_raster::{DataType, Raster};

use super::gather::{self, pass_name};
use super::layers::{Layer, Layers};
use crate::raster::chain::Source;
use crate::raster::cost::{
    Candidate, bound_by, cache_bytes, cache_line, choose, inputs_line, line, pixels_again, source_pixels,
    useful_threads, with_block,
};
use crate::raster::systems::defines_system;
use crate::work::{PROGRAM_BYTES, transformations_line};

/// Bytes of pixels that a task reads, unless workers would have too few of them.
const TASK_BYTES: u64 = 64 << 20;
/// Tasks at most, and so receipts.
const TASKS_MAX: u64 = 4096;
/// Tasks that each worker should have at least.
const TASKS_PER_WORKER: u64 = 4;
/// Bytes of a receipt in memory, and of each band in it: of floats of 64 bits, whose sums can be long, and of others.
const RECEIPT_BYTES: (u64, u64, u64) = (600, 2000, 900);
/// Bytes that a different value takes once it is told, a percentile or a bin, and all else that is told of a band: in memory.
const TOLD_BYTES: (u64, u64, u64) = (20, 120, 4000);
/// The same as text, about.
const TEXT_BYTES: (u64, u64, u64) = (30, 50, 500);

/// What a job takes.
#[derive(Debug, Clone)]
pub struct Costs {
    /// The ledger.
    pub ledger: Ledger,
    /// Memory of a task.
    pub task: Bytes,
    /// Memory of what a pass has gathered.
    pub tables: Bytes,
    /// Memory for decoded blocks that are wanted again.
    pub cache: Bytes,
    /// Blocks of a window, for each raster.
    pub windows: Vec<u64>,
    /// Blocks of a task.
    pub task_blocks: u64,
    /// Scratch at most.
    pub scratch: Bytes,
    /// Size of the result, about.
    pub output: Bytes,
    /// Pixels that are decoded for each pixel of a source, in percent, without the cache.
    pub decoded_percent: u64,
}

/// Draws up the ledger of a job; `keeps` tells whether it can be resumed, `beside` what else the process holds.
///
/// # Errors
/// [`swath_core::Error::CeilingTooSmall`] when not even one window fits.
pub fn costs(
    layers: &Layers,
    rasters: &[Arc<dyn Raster>],
    sources: &[Source],
    (keeps, beside): (bool, &[LedgerLine]),
    (ceiling, threads): (Bytes, usize),
) -> Result<Costs> {
    let threads = useful_threads(threads, layers.pixel_bytes());
    let task_blocks = task_blocks(layers, threads);
    let passes = layers.passes();
    let tables = (0..passes).map(|pass| layers.total_bytes(pass)).max().unwrap_or(Bytes::ZERO);
    let fixed = [
        line("program", PROGRAM_BYTES, "code, tables and threads".into()),
        inputs_line(sources),
        line("receipts", receipt_bytes(layers, task_blocks), "what is known of what is done".into()),
        line("tables", tables, format!("what is counted of {} bands", bands(layers))),
        line("result", told_bytes(layers, TOLD_BYTES), "what is told of them".into()),
    ];
    let transformations = sources.iter().any(defines_system).then(transformations_line);
    let fixed: Vec<LedgerLine> = fixed.into_iter().chain(transformations).chain(beside.iter().cloned()).collect();
    let fixed_bytes: Bytes = fixed.iter().map(|line| line.bytes).sum();
    let candidates = candidates(layers, rasters);
    let smallest_task = candidates.first().map_or(Bytes::ZERO, |candidate| candidate.bytes);
    let of_sources = rasters.iter().map(|raster| source_pixels(&**raster, sources));
    let sources_read = of_sources.fold((0, Bytes::ZERO), |all, one| (all.0 + one.0, all.1 + one.1));
    let again = pixels_again(sources_read);
    let chosen = choose(&candidates, Bytes::ZERO, (threads, again), |_| ceiling.saturating_sub(fixed_bytes));
    let nothing = Candidate { units: 0, tasks: 0, bytes: Bytes::ZERO, decoded: 0 };
    let (candidate, workers) = chosen.unwrap_or((candidates.first().copied().unwrap_or(nothing), 1));
    let left = ceiling.saturating_sub(fixed_bytes + candidate.bytes * workers as u64 + ceiling.percent(4));
    let cache = cache_bytes(&candidate, sources_read, left, sources);
    let useful = threads.min(candidate.tasks as usize).max(1);
    let ledger = Ledger {
        ceiling,
        fixed,
        tasks: vec![line("scan", candidate.bytes, format!("one window of {} at a time", candidate.tasks))],
        kept: cache_line(cache).into_iter().collect(),
        workers,
        smallest_ceiling: fixed_bytes + smallest_task,
        bound_by: bound_by(workers, useful, threads).into(),
    };
    ledger.check("the job").map_err(|error| with_block(error, sources))?;
    Ok(Costs {
        ledger,
        task: candidate.bytes,
        tables,
        cache,
        windows: layers.layers.iter().map(|layer| window_of(layer, candidate.units)).collect(),
        task_blocks,
        scratch: if keeps { scratch(layers, task_blocks) } else { Bytes::ZERO },
        output: told_bytes(layers, TEXT_BYTES),
        decoded_percent: candidate.decoded * 100 / sources_read.0.max(1),
    })
}

fn bands(layers: &Layers) -> u64 {
    layers.layers.iter().map(|layer| layer.bands as u64).sum()
}

fn blocks(layers: &Layers) -> u64 {
    layers.layers.iter().map(|layer| layer.order.blocks().pixels()).sum()
}

/// Blocks of a task: enough to be worth its tables, few enough for all workers.
fn task_blocks(layers: &Layers, threads: usize) -> u64 {
    let wanted = layers.pixel_bytes().0.div_ceil(TASK_BYTES).max(threads as u64 * TASKS_PER_WORKER);
    blocks(layers).div_ceil(wanted.min(TASKS_MAX)).max(1)
}

/// Tasks of all passes of a raster, at most. Numbers that stand for no block make some tasks smaller than the others.
fn tasks_of(layer: &Layer, task_blocks: u64) -> u64 {
    layer.passes.len() as u64 * (layer.order.units().div_ceil(task_blocks)).min(layer.order.blocks().pixels())
}

fn receipt_bytes(layers: &Layers, task_blocks: u64) -> Bytes {
    let of_layer = |layer: &Layer| {
        let of_band = if layer.data_type == DataType::Float64 { RECEIPT_BYTES.1 } else { RECEIPT_BYTES.2 };
        let of_task = RECEIPT_BYTES.0 + of_band * layer.bands as u64 / layer.passes.len().max(1) as u64;
        tasks_of(layer, task_blocks) * of_task
    };
    Bytes(layers.layers.iter().map(of_layer).sum())
}

/// Bytes of the result, for those of a different value, of a percentile or a bin, and of all else of a band.
fn told_bytes(layers: &Layers, (unique, place, rest): (u64, u64, u64)) -> Bytes {
    let bins = layers.wishes.histogram.map_or(0, |wish| wish.bins as u64);
    let places = layers.wishes.percentiles.len() as u64 + bins;
    let of_band = |layer: &Layer| rest + places * place + layers.uniques_of(layer) * unique;
    Bytes(layers.layers.iter().map(|layer| of_band(layer) * layer.bands as u64).sum())
}

fn scratch(layers: &Layers, task_blocks: u64) -> Bytes {
    let of_pass = |layer: &Layer, pass| {
        let tasks = tasks_of(layer, task_blocks) / layer.passes.len().max(1) as u64;
        if layer.gather(pass).has_tables() { tasks * layers.packed_bytes_max(layer, pass) } else { 0 }
    };
    let of_layer = |layer| (0..layers.passes()).map(|pass| of_pass(layer, pass)).sum::<u64>();
    Bytes(layers.layers.iter().map(of_layer).sum())
}

/// Blocks of a window of a raster, by the number of its size.
fn window_of(layer: &Layer, size: u64) -> u64 {
    let sizes = layer.order.task_sizes();
    sizes.get(size as usize).or(sizes.last()).copied().unwrap_or(1)
}

/// All sizes that windows can have, small ones first.
fn candidates(layers: &Layers, rasters: &[Arc<dyn Raster>]) -> Vec<Candidate> {
    let sizes = layers.layers.iter().map(|layer| layer.order.task_sizes().len()).max().unwrap_or(0);
    let mut candidates = Vec::new();
    for size in 0..sizes as u64 {
        let (mut tasks, mut bytes, mut decoded) = (0, Bytes::ZERO, 0);
        for (layer, raster) in layers.layers.iter().zip(rasters) {
            let order = layer.order;
            for window in order.tasks(window_of(layer, size)).filter_map(|units| order.window(units)) {
                tasks += 1;
                decoded += raster.decoded_pixels(window);
                for pass in 0..layer.passes.len() {
                    bytes = bytes.max(gather::task_bytes(layers, &**raster, layer, pass, window));
                }
            }
        }
        candidates.push(Candidate { units: size, tasks, bytes, decoded });
        if tasks <= layers.layers.len() as u64 {
            break;
        }
    }
    candidates
}

/// The passes with their tasks, where they are known before the run.
pub fn stages(layers: &Layers, costs: &Costs) -> Vec<(String, Option<u64>)> {
    let tasks =
        |pass| layers.of_pass(pass).map(|(_, layer)| tasks_of(layer, costs.task_blocks) / layer.passes.len() as u64);
    (0..layers.passes()).map(|pass| (pass_name(pass), Some(tasks(pass).sum()))).collect()
}
