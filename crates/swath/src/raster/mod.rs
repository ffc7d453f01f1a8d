//! `swath raster`: rasters in, a chain of lazily computed grids, a raster out.
//!
//! `encode` computes windows of the output and encodes their blocks, `assemble` puts the blocks in order behind the
//! directory of the file, the sink shows it. Nothing of the chain exists between windows.

mod assemble;
mod chain;
mod cost;
mod describe;
mod encode;
mod job;
mod level;
mod places;
mod running;
mod standing;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use swath_core::{
    Budget, Bytes, Error, Event, Journal, Lease, Observer, PartialOutput, PartialState, Receipts, Reclaim, ResidentSet,
    Result, RunOptions, Stage, Stop, Stopwatch, Store, Summary,
};
use swath_formats::geotiff::write::WriteOptions;
use swath_raster::BlockCache;

use crate::input_file::InputFile;
use crate::outcome::{Chunks, Explanation, Memory, Outcome, Output, Scratch, Time};
use crate::request::RasterRequest;
use crate::work::{Idle, open_store, scratch_elsewhere};
use chain::Source;
use cost::Costs;
use job::Plan;
use running::{Running, Shared};

/// A request that is resolved and costed, and has not begun.
pub struct Job {
    request: RasterRequest,
    sources: Vec<Source>,
    /// Rasters whose grids are taken.
    likes: Vec<Source>,
    plan: Arc<Plan>,
    costs: Costs,
    warnings: Vec<String>,
}

/// Resolves and costs a request; reads no more than the directories of the inputs.
///
/// # Errors
/// For whatever of it cannot be done, [`Error::CeilingTooSmall`] and [`Error::LimitTooSmall`] among them.
pub fn prepare(request: &RasterRequest) -> Result<Job> {
    let sources = chain::open(&request.inputs)?;
    if request.output.is_dir() {
        return Err(Error::OutputUnwritable {
            path: request.output.clone(),
            reason: "it is a folder, and a raster is a file".into(),
            hint: "name a file, such as out.tif in it".into(),
        });
    }
    let likes = chain::open_likes(&request.steps)?;
    refuse_other_formats(&request.output)?;
    sources.iter().chain(&likes).try_for_each(|source| refuse_own_input(request, source))?;
    let chain::Joined { raster, warnings: inexact } = chain::join(&sources, &likes, request, &BlockCache::none())?;
    let options = WriteOptions::from_pairs(request.creation_options.iter().map(String::as_str))?;
    let description = describe::description(request, &sources, raster.grid(), options)?;
    let plan = Plan::new(description, chain::is_in_strips(&*raster))?;
    let common = &request.common;
    let costs =
        cost::costs(&plan, &*raster, &sources, common.ceiling(), common.threads()).map_err(|error| match error {
            // A larger ceiling would not help where a limit of the process is smaller still.
            Error::CeilingTooSmall { smallest, .. } => {
                common.limits.hold("the job", smallest, smallest).err().unwrap_or(error)
            }
            error => error,
        })?;
    common.limits.hold("the job", costs.ledger.predicted_peak(), costs.ledger.smallest_ceiling)?;
    let of_files = sources.iter().flat_map(|source| source.tiff.warnings().iter().cloned());
    let warnings = of_files.chain(inexact).collect();
    Ok(Job { request: request.clone(), sources, likes, plan: Arc::new(plan), costs, warnings })
}

/// An output whose name is of another format is refused: nobody would find out what it is.
fn refuse_other_formats(output: &Path) -> Result<()> {
    const OTHERS: [&str; 22] = [
        "jp2", "j2k", "png", "jpg", "jpeg", "webp", "gif", "bmp", "nc", "nc4", "zarr", "h5", "hdf", "vrt", "img",
        "asc", "grd", "ntf", "grib", "grib2", "gpkg", "pdf",
    ];
    let refuse = |message: String| {
        Err(Error::Usage { message, hint: "GeoTIFF is written: name a file that ends in .tif".into() })
    };
    if output == Path::new("-") {
        return refuse("a raster cannot be written to standard output: its parts are not made in order".into());
    }
    let ending = output.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
    match ending.filter(|ending| OTHERS.contains(&&**ending)) {
        Some(ending) => refuse(format!("{} would be a GeoTIFF with the ending of a {ending} file", output.display())),
        None => Ok(()),
    }
}

/// An output that would replace an input of its own job is refused before anything is done.
fn refuse_own_input(request: &RasterRequest, source: &Source) -> Result<()> {
    if !source.file.is_at(&request.output) {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!("the output {} is the input {}", request.output.display(), source.file.path.display()),
        hint: "name another file for the output".into(),
    })
}

impl Job {
    fn choices(&self) -> Vec<(String, String)> {
        let (grid, options) = (self.plan.grid(), self.plan.options());
        let nodata = grid.nodata.map_or("none".into(), |nodata| nodata.to_string());
        let level = options.effective_level().map_or(String::new(), |level| format!(" level {level}"));
        let crs = grid.crs.as_ref().map_or("unknown".into(), |crs| crs.name().to_string());
        let mut choices = vec![
            (
                "grid",
                format!(
                    "{} columns × {} rows, {} bands of {}",
                    grid.shape.columns,
                    grid.shape.rows,
                    grid.bands.len(),
                    grid.data_type
                ),
            ),
            ("reference system", crs),
            ("nodata", nodata),
            (
                "blocks",
                format!("{} × {} pixels, {}{level}", options.block_size, options.block_size, options.compression),
            ),
            (
                "windows",
                format!(
                    "of {} blocks; {} % of the pixels are decoded",
                    self.costs.units[0], self.costs.decoded_percent
                ),
            ),
        ];
        if let [_, overviews @ ..] = &self.plan.levels[..]
            && !overviews.is_empty()
        {
            let (count, how) = (overviews.len(), format!("{:?}", self.plan.resampling).to_lowercase());
            choices.push(("overviews", format!("{count} levels, each half as wide as the one before it, by {how}")));
        }
        choices.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    fn input_bytes(&self) -> Bytes {
        self.sources.iter().map(|source| Bytes(source.file.size)).sum()
    }

    fn files(&self) -> Vec<InputFile> {
        self.sources.iter().chain(&self.likes).map(|source| source.file.clone()).collect()
    }

    fn stages(&self, running: &Shared) -> swath_core::Plan {
        let levels = self.costs.units.iter().enumerate().map(|(level, units)| {
            let (running, name) = (Arc::clone(running), encode::stage_name(level));
            Box::new(encode::Encode { running, level, name, bytes: self.costs.encode, units: *units }) as Box<dyn Stage>
        });
        let assemble = Box::new(assemble::Assemble { running: Arc::clone(running), bytes: self.costs.assemble });
        swath_core::Plan {
            command: self.request.command.clone(),
            stages: levels.chain([assemble as Box<dyn Stage>]).collect(),
            ledger: self.costs.ledger.clone(),
            scratch: self.costs.scratch,
            output: self.costs.output,
            choices: self.choices(),
        }
    }
}

impl crate::Job for Job {
    fn explain(&self) -> Explanation {
        let limits = &self.request.common.limits;
        let levels = self.plan.levels.iter().zip(&self.costs.units).enumerate().map(|(number, (level, units))| {
            (encode::stage_name(number), Some(level.order.tasks(*units).count() as u64))
        });
        Explanation {
            swath: env!("CARGO_PKG_VERSION").into(),
            command: self.request.command.clone(),
            stages: levels.chain([("assemble".into(), Some(assemble::units(&self.plan)))]).collect(),
            ledger: self.costs.ledger.clone(),
            predicted_peak: self.costs.ledger.predicted_peak(),
            scratch: self.costs.scratch,
            output: self.costs.output,
            choices: self.choices(),
            input: Output {
                path: self.sources.first().map_or_else(PathBuf::new, |source| source.file.path.clone()),
                bytes: self.input_bytes(),
                files: self.sources.len() as u64,
            },
            limit: format!("{}", limits.tightest().source),
        }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn execute(self: Box<Self>, stop: &Stop, observer: &dyn Observer) -> Result<Outcome> {
        let stopwatch = Stopwatch::start();
        let common = &self.request.common;
        let partial = PartialOutput::create(&self.request.output, common.overwrite, common.resume)?;
        if partial.state() == PartialState::Committed {
            if let Err(error) = standing::is_asked_for(&self.plan, &self.sources, partial.target()) {
                partial.discard()?;
                return Err(error);
            }
            return self.show(partial, &Summary::default(), Bytes::ZERO, observer, stopwatch);
        }
        let budget = Budget::new(common.ceiling());
        let is_fresh = partial.state() == PartialState::Fresh;
        let begun = self.begin(&partial, &budget, stop);
        let Begun { running, mut receipts, _fixed } = match begun {
            // Nothing has been done yet, so nothing is to be left.
            Err(error) if is_fresh => return Err(self.give_up(partial, error)),
            begun => begun?,
        };
        let sync = || running.sync();
        let scratch = || running.store.scratch();
        let mut options = RunOptions::new(common.threads(), common.ceiling(), &sync);
        options.scratch = Some(&scratch);
        options.heartbeat = common.heartbeat_s.map(Duration::from_secs_f64);
        options.flush_at_stage_end = FLUSH_AT_STAGE_END;
        // What was planned to be resident is no pressure.
        options.soft_mark = options.soft_mark.max(self.costs.ledger.predicted_peak());
        let stages = self.stages(&running);
        let ran = swath_core::run(&stages, &budget, &running.journal, &mut receipts, stop, observer, &options);
        drop(stages);
        let ran = ran.and_then(|summary| {
            self.sources.iter().chain(&self.likes).try_for_each(|source| source.file.check_unchanged())?;
            Ok(summary)
        });
        let summary = match ran {
            Ok(summary) => summary,
            // An input that is mended is another input: nothing of this run could be resumed.
            Err(error @ (Error::InputCorrupt { .. } | Error::InputUnreadable { .. })) => {
                drop(running);
                return Err(self.give_up(partial, error));
            }
            Err(error) => return Err(error),
        };
        let scratch = running.store.scratch_peak();
        drop(running);
        self.show(partial, &summary, scratch, observer, stopwatch)
    }
}

/// Less work than this is not worth waiting for the disk at the end of a stage.
const FLUSH_AT_STAGE_END: Bytes = Bytes(512_000_000);

/// A run before its first task, or with those that an earlier one did.
struct Begun {
    running: Shared,
    receipts: Receipts,
    /// Memory of what is always there.
    _fixed: Lease,
}

impl Job {
    /// Opens everything that a run needs.
    fn begin(&self, partial: &PartialOutput, budget: &Arc<Budget>, stop: &Stop) -> Result<Begun> {
        let common = &self.request.common;
        let identity = job::identity(&self.plan, &self.request, &self.files(), common.tmp_dir.as_deref());
        let folder = partial.journal_folder();
        let (journal, receipts) = match partial.state() {
            PartialState::Resumed => Journal::open(&folder, &identity)?,
            _ => (Journal::create(&folder, &identity)?, Receipts::new()),
        };
        let fixed = budget.lease_fixed("the program and its tables", self.costs.ledger.fixed_bytes())?;
        let kept = |bytes: Bytes| match bytes {
            Bytes::ZERO => Ok(None),
            bytes => budget.lease(bytes, stop)?.keep(bytes).map(Some),
        };
        let store = Arc::new(open_store(common, partial, &self.request.output, kept(self.costs.kept)?)?);
        let cache = match kept(self.costs.cache)? {
            Some(lease) => BlockCache::new(lease),
            None => BlockCache::none(),
        };
        for holder in [Arc::<BlockCache>::clone(&cache) as Arc<dyn Reclaim>, Arc::<Store>::clone(&store) as _] {
            budget.register(Arc::downgrade(&holder));
        }
        let running = Arc::new(Running {
            plan: Arc::clone(&self.plan),
            raster: chain::join(&self.sources, &self.likes, &self.request, &cache)?.raster,
            journal,
            store,
            encoders: Idle::default(),
            places: self.plan.levels.iter().map(|_| OnceLock::new()).collect(),
            layout: OnceLock::new(),
            output: partial.output(),
        });
        running.replay(&receipts)?;
        Ok(Begun { running, receipts, _fixed: fixed })
    }

    /// Removes what nobody could go on from; the error that led to it is the one to tell.
    fn give_up(&self, partial: PartialOutput, error: Error) -> Error {
        let _ = partial.discard();
        if let Some(scratch) = scratch_elsewhere(&self.request.common, &self.request.output) {
            let _ = std::fs::remove_file(scratch);
        }
        error
    }

    /// Shows the file, removes what is not part of it, and tells what came of the run.
    fn show(
        &self,
        partial: PartialOutput,
        summary: &Summary,
        scratch: Bytes,
        observer: &dyn Observer,
        stopwatch: Stopwatch,
    ) -> Result<Outcome> {
        let target = partial.target().to_path_buf();
        let mut left: Vec<Error> = partial.commit()?.into_iter().collect();
        if let Some(path) = scratch_elsewhere(&self.request.common, &self.request.output) {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => left.push(Error::writing(&path, &error)),
                _ => {}
            }
        }
        for error in left {
            let message = format!("the output is whole, but something stays behind: {error}");
            observer.on(&Event::Warning { message });
        }
        let bytes = std::fs::metadata(&target).map_err(|error| Error::writing(&target, &error))?.len();
        let ledger = &self.costs.ledger;
        let chunks = &summary.chunks;
        Ok(Outcome {
            swath: env!("CARGO_PKG_VERSION").into(),
            command: self.request.command.clone(),
            status: "complete".into(),
            exit: 0,
            memory: Memory {
                ceiling: ledger.ceiling,
                predicted_peak: ledger.predicted_peak(),
                actual_peak: ResidentSet::now().peak,
                baseline: cost::PROGRAM_BYTES,
            },
            time: Time { wall_s: stopwatch.wall_s(), cpu_s: stopwatch.cpu_s() },
            scratch: Scratch { predicted: self.costs.scratch, actual: scratch },
            chunks: Chunks {
                planned: chunks.planned,
                done: chunks.done + chunks.skipped_by_resume,
                skipped_by_resume: chunks.skipped_by_resume,
                split: chunks.split,
                retried: chunks.retried,
                set_aside: 0,
            },
            rows: None,
            outputs: vec![Output { path: target, bytes: Bytes(bytes), files: 1 }],
            rejects: Vec::new(),
            stages: summary.stages.iter().map(|stage| (stage.name.clone(), stage.wall_s, stage.cpu_s)).collect(),
            choices: self.choices(),
        })
    }
}
