//! What a job will take, and so in how large pieces it is done: the search for the shape of windows.
//!
//! A larger window reads less twice and takes more memory. Every figure is a bound; nothing is touched to be counted.

use swath_core::{Bytes, Error, Ledger, LedgerLine, Result, Store};
use swath_formats::geotiff::{Compression, Interleave, MetadataItem};
use swath_raster::{Raster, Shape, Window};

use super::assemble;
use super::chain::Source;
use super::encode;
use super::job::Plan;
use super::places;
use crate::work::PROGRAM_BYTES;

/// Tasks that each worker should have at least, so that none waits long for the last one.
const TASKS_PER_WORKER: u64 = 4;
/// Bytes of pixels that each worker should have at least.
const PIXELS_PER_WORKER: Bytes = Bytes(8_000_000);
/// Bytes of pixels that are decoded again rather than kept, or that smaller windows decode again: those of a moment.
const AGAIN: Bytes = Bytes(16_000_000);
/// What a path takes beside its text.
const PATH_BYTES: u64 = 900;
/// A window is taken for a larger one only if that decodes less by this share, in percent, and by more than a moment.
const GAIN_PERCENT: u64 = 3;
/// Bytes of a receipt in memory, and of each length in it.
const RECEIPT_BYTES: (u64, u64) = (500, 16);
/// Bytes of an item of metadata beside its texts.
const METADATA_ITEM_BYTES: usize = 128;

/// What a job takes.
#[derive(Debug, Clone)]
pub struct Costs {
    /// The ledger.
    pub ledger: Ledger,
    /// Blocks of a task, for each level.
    pub units: Vec<u64>,
    /// Memory of a task that encodes.
    pub encode: Bytes,
    /// Memory of the task that puts the file together.
    pub assemble: Bytes,
    /// Memory for encoded blocks.
    pub kept: Bytes,
    /// Memory for decoded blocks that are wanted again.
    pub cache: Bytes,
    /// Scratch at most.
    pub scratch: Bytes,
    /// Size of the output, about.
    pub output: Bytes,
    /// Whether the last tasks are cut in quarters.
    pub cuts_last: bool,
    /// Windows of the full resolution.
    pub windows: u64,
    /// The first of them, if there is one.
    pub window: Option<Window>,
    /// Pixels of the sources that lie under the output.
    pub source_pixels: u64,
    /// Pixels that are decoded for each of them, in percent, without the cache.
    pub decoded_percent: u64,
}

/// One shape of windows.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// Which one, in the terms of whoever asks.
    pub units: u64,
    /// How many windows.
    pub tasks: u64,
    /// Memory of the largest.
    pub bytes: Bytes,
    /// Pixels that are decoded for all of them.
    pub decoded: u64,
}

/// A line of a ledger.
pub fn line(name: &str, bytes: Bytes, reason: String) -> LedgerLine {
    LedgerLine { name: name.into(), bytes, reason }
}

/// Draws up the ledger of a job under a ceiling and for so many threads. `of_steps` is what its steps hold throughout.
///
/// # Errors
/// [`swath_core::Error::CeilingTooSmall`] when not even one block fits.
pub fn costs(
    plan: &Plan,
    raster: &dyn Raster,
    sources: &[Source],
    of_steps: &[LedgerLine],
    (ceiling, threads): (Bytes, usize),
    is_resumed: bool,
) -> Result<Costs> {
    let blocks: u64 = plan.levels.iter().map(|level| level.order.blocks().pixels()).sum();
    let overview_blocks = blocks - plan.levels[0].order.blocks().pixels();
    let parts = places::parts_of_block(plan, 0);
    let assemble_bytes = assemble::task_bytes();
    let candidates = candidates(plan, raster);
    let smallest_task = candidates.first().map_or(Bytes::ZERO, |candidate| candidate.bytes).max(assemble_bytes);
    // The last tasks are cut in quarters.
    let cut = 3 * (encode::LAST_TASKS * threads) as u64;
    // The run that is gone on with may have cut smaller tasks.
    let tasks_before = if is_resumed { plan.levels[0].order.blocks().pixels() } else { 0 };
    let fixed_for = |candidate: &Candidate| {
        let tasks = candidate.tasks.max(tasks_before) + cut;
        let lines = [
            line("program", PROGRAM_BYTES, "code, tables and threads".into()),
            inputs_line(sources),
            line(
                "blocks",
                Bytes((tasks + overview_blocks) * RECEIPT_BYTES.0 + blocks * parts * RECEIPT_BYTES.1)
                    + places::places_bytes(plan)
                    + directory_bytes(plan),
                format!("{blocks} blocks of the output: where they are until the file is whole"),
            ),
        ];
        lines.into_iter().chain(of_steps.iter().cloned()).collect::<Vec<_>>()
    };
    let smallest_ceiling = candidates.first().map_or(Bytes::ZERO, |candidate| {
        fixed_for(candidate).iter().map(|line| line.bytes).sum::<Bytes>() + smallest_task
    });
    let of_sources = source_pixels(raster, sources);
    let busy = useful_threads(threads, plan.pixel_bytes(0).max(of_sources.1));
    let again = pixels_again(of_sources);
    let chosen = choose(&candidates, assemble_bytes, (busy, again), |candidate| {
        ceiling.saturating_sub(fixed_for(candidate).iter().map(|line| line.bytes).sum())
    });
    let (candidate, workers) = chosen.or(candidates.first().map(|first| (*first, 1))).unwrap_or_else(nothing_to_do);
    let fixed = fixed_for(&candidate);
    let fixed_bytes: Bytes = fixed.iter().map(|line| line.bytes).sum();
    let task_max = candidate.bytes.max(assemble_bytes);
    let left = ceiling.saturating_sub(fixed_bytes + task_max * workers as u64).saturating_sub(ceiling.percent(4));
    let cache = cache_bytes(&candidate, of_sources, left, sources);
    let output = output_bytes(plan, sources);
    // Each worker fills a piece of memory of its own.
    let waiting = output + plan.overview_bytes();
    let kept = (left - cache).min(waiting.percent(110) + Store::PIECE_BYTES * workers as u64);
    // What is gone on with may be on scratch whatever fits in memory now. Pieces of memory are filled up to what comes next.
    let filled = kept.saturating_sub(Store::PIECE_BYTES * (workers as u64 + 1));
    let in_memory = if is_resumed { Bytes::ZERO } else { filled };
    let scratch = encode::kept_bytes_max(plan).saturating_sub(in_memory);
    let useful = busy.min(candidate.tasks as usize).max(1);
    // What finds the blocks again.
    let tables = Bytes(kept.0 / 200);
    let mut kept_lines = vec![line(
        "kept",
        kept,
        format!("of about {waiting} of encoded blocks and overviews; the rest goes to scratch"),
    )];
    kept_lines.extend(cache_line(cache));
    let window = plan.levels[0].order.window(0..candidate.units);
    let shape = window.map_or(String::new(), |window| format!("{} × {} pixels, ", window.columns, window.rows));
    let cuts_last = cuts_last(&candidates, &candidate, again);
    let quarters = if cuts_last { ", the last ones in quarters" } else { "" };
    let ledger = Ledger {
        ceiling,
        fixed,
        tasks: vec![
            line("encode", candidate.bytes, format!("one window of {shape}{} in all{quarters}", candidate.tasks)),
            line("assemble", assemble_bytes, "one task".into()),
        ],
        kept: kept_lines,
        workers,
        smallest_ceiling,
        bound_by: bound_by(workers, useful, threads).into(),
    };
    ledger.check("the job").map_err(|error| with_block(error, sources))?;
    Ok(Costs {
        ledger,
        units: units_of_levels(plan, raster, &candidate, workers),
        encode: candidate.bytes,
        assemble: assemble_bytes,
        kept: kept - tables,
        cache,
        scratch,
        output,
        cuts_last,
        windows: candidate.tasks,
        window,
        source_pixels: of_sources.0,
        decoded_percent: candidate.decoded * 100 / of_sources.0.max(1),
    })
}

/// The error of a ceiling that is too small with the largest strip or tile of the inputs, where that is one that
/// another tiling would make smaller.
pub fn with_block(error: Error, sources: &[Source]) -> Error {
    const LARGE: Bytes = Bytes::MB;
    let of = |source: &Source| {
        let (grid, info) = (source.tiff.grid(0)?, source.tiff.info());
        let bands = if info.interleave == Interleave::Pixel { grid.bands.len() as u64 } else { 1 };
        let block = Shape::new(info.block.rows.min(grid.shape.rows), info.block.columns.min(grid.shape.columns));
        let word = if info.tiled { "tile" } else { "strip" };
        let bytes = Bytes(block.pixels() * bands * grid.pixel_bytes());
        let place = source.named.display();
        Some((bytes, format!("{place}, one {word} of {} × {} pixels: {bytes}", block.columns, block.rows)))
    };
    let largest = sources.iter().filter_map(of).filter(|(bytes, _)| *bytes > LARGE).max_by_key(|(bytes, _)| *bytes);
    match (error, largest) {
        (Error::CeilingTooSmall { what, ceiling, smallest, mostly }, Some((_, block))) => {
            Error::CeilingTooSmall { what, ceiling, smallest, mostly: format!("{mostly}; {block}") }
        }
        (error, _) => error,
    }
}

/// What the directory of the output takes: the texts that it says as they came, as they are laid out, and as the head of
/// the file.
fn directory_bytes(plan: &Plan) -> Bytes {
    let description = &plan.description;
    let of_item = |item: &MetadataItem| {
        item.name.len() + item.value.len() + item.domain.as_ref().map_or(0, String::len) + METADATA_ITEM_BYTES
    };
    let texts: usize = description.metadata.iter().map(of_item).sum();
    let colours = description.palette.as_ref().map_or(0, |palette| size_of_val(&palette[..]));
    Bytes(3 * (texts + colours) as u64)
}

/// What the inputs take as long as they are open.
pub fn inputs_line(sources: &[Source]) -> LedgerLine {
    let index: Bytes = sources.iter().map(|source| source.tiff.index_bytes()).sum();
    let paths: u64 = sources.iter().map(|source| source.file.path.as_os_str().len() as u64 * 4 + PATH_BYTES).sum();
    line("inputs", index + Bytes(paths), format!("{} files: where their blocks are", sources.len()))
}

/// Workers for so many bytes of pixels: one is worth its memory if it has something to do.
pub fn useful_threads(threads: usize, pixels: Bytes) -> usize {
    threads.min(pixels.0.div_ceil(PIXELS_PER_WORKER.0).max(1) as usize)
}

/// What sets the number of workers.
pub fn bound_by(workers: usize, useful: usize, threads: usize) -> &'static str {
    if workers < useful {
        "memory"
    } else if useful < threads {
        "input"
    } else {
        "cores"
    }
}

fn nothing_to_do() -> (Candidate, usize) {
    (Candidate { units: 1, tasks: 0, bytes: Bytes::ZERO, decoded: 0 }, 1)
}

/// Blocks of a task for each level: as many as fit in the memory of a task, and leave each worker some.
fn units_of_levels(plan: &Plan, raster: &dyn Raster, candidate: &Candidate, workers: usize) -> Vec<u64> {
    let of_overview = |level: usize| {
        let order = plan.levels[level].order;
        let sizes = order.task_sizes().into_iter().rev();
        let mut fits = sizes.filter(|size| {
            let windows = || order.tasks(*size).filter_map(|range| order.window(range));
            let fits = |window| encode::task_bytes(raster, plan, level, window) <= candidate.bytes;
            windows().count() as u64 >= workers as u64 * TASKS_PER_WORKER && windows().all(fits)
        });
        fits.next().unwrap_or(1)
    };
    std::iter::once(candidate.units).chain((1..plan.levels.len()).map(of_overview)).collect()
}

/// Memory of the smallest task of any overview.
fn smallest_of_overviews(plan: &Plan, raster: &dyn Raster) -> Bytes {
    let of_level = |level: usize| {
        let order = plan.levels[level].order;
        let windows = order.tasks(1).filter_map(move |range| order.window(range));
        windows.map(|window| encode::task_bytes(raster, plan, level, window)).max().unwrap_or(Bytes::ZERO)
    };
    // They differ at their edges only, where windows are smaller.
    (1..plan.levels.len()).map(of_level).max().unwrap_or(Bytes::ZERO)
}

/// Whether quarters of tasks decode no more than tasks do, but for a moment.
fn cuts_last(candidates: &[Candidate], chosen: &Candidate, again: u64) -> bool {
    let quarter = candidates.iter().find(|candidate| candidate.units * 4 >= chosen.units);
    quarter.is_none_or(|quarter| quarter.decoded.saturating_sub(chosen.decoded) <= again.max(chosen.decoded / 2))
}

/// All shapes that windows can have, small ones first.
fn candidates(plan: &Plan, raster: &dyn Raster) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = Vec::new();
    let (order, least) = (plan.levels[0].order, smallest_of_overviews(plan, raster));
    for units in order.task_sizes() {
        let (mut tasks, mut bytes, mut decoded) = (0, least, 0);
        for window in order.tasks(units).filter_map(|range| order.window(range)) {
            tasks += 1;
            bytes = bytes.max(encode::task_bytes(raster, plan, 0, window));
            decoded += raster.decoded_pixels(plan.around(0, window));
        }
        candidates.push(Candidate { units, tasks, bytes, decoded });
        if tasks <= 1 {
            break;
        }
    }
    candidates
}

/// Memory for decoded blocks that more than one window wants, of what is left: for so many pixels of so many bytes. What is
/// not packed is not decoded.
pub fn cache_bytes(candidate: &Candidate, (once, bytes): (u64, Bytes), left: Bytes, sources: &[Source]) -> Bytes {
    let is_packed = sources.iter().any(|source| source.tiff.info().compression != Compression::None);
    let again = candidate.decoded.saturating_sub(once);
    if !is_packed || again <= pixels_again((once, bytes)) || again <= once / 50 {
        return Bytes::ZERO;
    }
    // Each of them is decoded again at least once.
    let shared = u128::from(again.min(once)) * u128::from(bytes.percent(110).0) / u128::from(once.max(1));
    left.percent(60).min(Bytes(shared as u64))
}

/// The line of a cache, where there is one.
pub fn cache_line(cache: Bytes) -> Option<LedgerLine> {
    let reason = "decoded blocks that more than one window wants";
    (cache > Bytes::ZERO).then(|| line("cache", cache, reason.into()))
}

/// Pixels of sources that are decoded again in a moment.
pub fn pixels_again((pixels, bytes): (u64, Bytes)) -> u64 {
    AGAIN.0 / (bytes.0 / pixels.max(1)).max(1)
}

/// The shape that decodes least and fits beside as many others as there are threads; among those that decode as much, but
/// for `again` pixels, the smallest.
pub fn choose(
    candidates: &[Candidate],
    assemble: Bytes,
    (threads, again): (usize, u64),
    room: impl Fn(&Candidate) -> Bytes,
) -> Option<(Candidate, usize)> {
    (1..=threads.max(1)).rev().find_map(|workers| {
        let mut best: Option<Candidate> = None;
        for candidate in candidates {
            let fits = candidate.bytes.max(assemble) * workers as u64 <= room(candidate);
            let balanced = candidate.tasks >= workers as u64 * TASKS_PER_WORKER;
            let better = best.is_none_or(|best| {
                let saved = best.decoded.saturating_sub(candidate.decoded);
                saved > again && saved * 100 > best.decoded * GAIN_PERCENT
            });
            if fits && better && (balanced || best.is_none()) {
                best = Some(*candidate);
            }
        }
        best.map(|best| (best, workers))
    })
}

/// Pixels of the sources as they lie under the output, and what they take at most when they are decoded.
pub fn source_pixels(raster: &dyn Raster, sources: &[Source]) -> (u64, Bytes) {
    let pixels = raster.decoded_pixels(raster.grid().shape.whole());
    let grids = sources.iter().filter_map(|source| source.tiff.grid(0));
    let pixel = grids.map(|grid| grid.bands.len() as u64 * grid.pixel_bytes() + u64::from(grid.has_mask)).max();
    (pixels, Bytes(pixels.saturating_mul(pixel.unwrap_or(0))))
}

/// The size of the output, guessed from how well the inputs are packed.
fn output_bytes(plan: &Plan, sources: &[Source]) -> Bytes {
    let (mut packed, mut raw) = (0u128, 0u128);
    for source in sources {
        let Some(grid) = source.tiff.grid(0) else { continue };
        packed += u128::from(source.file.size);
        raw += u128::from(grid.shape.pixels() * grid.bands.len() as u64 * grid.pixel_bytes());
    }
    let all = u128::from((plan.pixel_bytes(0) + plan.overview_bytes()).0);
    let in_blocks: u64 = plan.levels.iter().map(|level| level.order.blocks().pixels()).sum::<u64>()
        * plan.options().block().pixels()
        * plan.grid().bands.len() as u64
        * plan.grid().pixel_bytes();
    // Floats that are computed of integers pack less well than these: to a third (means) or two (ratios).
    let computed = plan.grid().data_type.is_float()
        && sources.iter().any(|source| source.tiff.grid(0).is_some_and(|grid| !grid.data_type.is_float()));
    let is_plain = plan.options().compression == Compression::None;
    let is_lossy = sources.iter().any(|source| source.tiff.info().compression == Compression::Jpeg);
    let share = if is_plain {
        return Bytes(in_blocks) + Bytes(4096);
    } else if computed || is_lossy {
        all * 6 / 10
    } else {
        all * packed.min(raw) / raw.max(1)
    };
    Bytes(share.min(all) as u64) + Bytes(4096)
}
