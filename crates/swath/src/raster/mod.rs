//! `swath raster`: rasters in, a chain of lazily computed grids, a raster out.
//!
//! `encode` computes windows of the output and encodes their blocks, `assemble` puts the blocks in order behind the
//! directory of the file, the sink shows it. Nothing of the chain exists between windows.

mod assemble;
mod beside;
mod chain;
mod cost;
mod describe;
mod encode;
mod job;
mod level;
mod named;
mod places;
mod running;
mod standing;
pub mod stats;
mod steps;
mod systems;
mod tell;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use swath_core::{
    Budget, Bytes, Error, Journal, Lease, Observer, PartialOutput, PartialState, Receipts, Reclaim, Result, Stage,
    Stop, Stopwatch, Store, Summary, put_mark,
};
use swath_formats::geotiff::write::{FileDescription, WriteOptions};
use swath_raster::{BlockCache, BlockOrder};

use crate::input_file::InputFile;
use crate::outcome::{Explanation, Outcome, Output, Scratch};
use crate::request::RasterRequest;
use crate::work::{
    Idle, counted, give_up, is_final, open_store, resumable, run_options, show_file, stays_behind, within_limits,
};
use chain::Source;
use cost::Costs;
use job::Plan;
pub use named::files as named_files;
pub(crate) use named::{each_listed, listed};
use running::{Running, Shared};
use tell::Told;

/// A request that is resolved and costed, and has not begun.
pub struct Job {
    request: RasterRequest,
    sources: Vec<Source>,
    /// Rasters whose grids are taken.
    likes: Vec<Source>,
    plan: Arc<Plan>,
    costs: Costs,
    told: Told,
    warnings: Vec<String>,
}

/// Resolves and costs a request; reads no more than the directories of the inputs.
///
/// # Errors
/// For whatever of it cannot be done, [`Error::CeilingTooSmall`] and [`Error::LimitTooSmall`] among them.
pub fn prepare(request: &RasterRequest) -> Result<Job> {
    let sources = chain::open(&request.inputs)?;
    let likes = chain::open_likes(&request.steps)?;
    refuse_other_formats(&request.output)?;
    refuse_output(&request.output, sources.iter().chain(&likes))?;
    systems::refuse_unknown(request, &sources, &likes)?;
    let chain::Joined { raster, warnings: inexact, told } =
        chain::join(&sources, &likes, request, &BlockCache::none())?;
    let options = WriteOptions::from_pairs(request.creation_options.iter().map(String::as_str))?;
    let description = describe::description(request, (&sources, &likes), raster.grid(), options)?;
    refuse_too_many_blocks(&description)?;
    let plan = Plan::new(description, chain::is_in_strips(&*raster))?;
    let common = &request.common;
    let of_steps = [steps::lines(request, &sources, &likes, &*raster), common.beside.clone()].concat();
    let costs = cost::costs(&plan, &*raster, &sources, &of_steps, (common.ceiling(), common.threads()), common.resume);
    let costs = within_limits(common, costs, |costs| &costs.ledger)?;
    let of_files = sources.iter().flat_map(|source| source.tiff.warnings().iter().cloned());
    let is_beside = !sources.is_empty() && costs.source_pixels == 0;
    let beside = is_beside.then(|| "no pixel of the output lies on an input: none will have a value".to_string());
    let lost = systems::lost(&sources, plan.description.geo_keys.as_ref());
    let warnings = of_files.chain(inexact).chain(lost).chain(beside).collect();
    Ok(Job { request: request.clone(), sources, likes, plan: Arc::new(plan), costs, told, warnings })
}

/// Refuses an output of which even the plan would not be done in a day: somebody mistook a unit.
fn refuse_too_many_blocks(description: &FileDescription) -> Result<()> {
    const BLOCKS_MAX: u64 = 1 << 24;
    let (shape, block) = (description.grid.shape, description.options.block());
    let blocks = u64::from(shape.columns.div_ceil(block.columns)) * u64::from(shape.rows.div_ceil(block.rows));
    let bands = description.grid.bands.len() as u64;
    if blocks * bands <= BLOCKS_MAX {
        return Ok(());
    }
    Err(Error::Usage {
        message: format!(
            "the output would have {} columns × {} rows in {blocks} blocks of {bands} bands; wanted at most {BLOCKS_MAX} in \
             all bands",
            shape.columns, shape.rows
        ),
        hint: "is its resolution in the units of its reference system? Or --co BLOCKSIZE larger, or a part of it"
            .into(),
    })
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

/// Refuses an output that is a folder, and one that would replace an input of its own job, before anything is done.
fn refuse_output<'a>(output: &Path, mut sources: impl Iterator<Item = &'a Source>) -> Result<()> {
    if output.is_dir() {
        return Err(Error::OutputUnwritable {
            path: output.into(),
            reason: "it is a folder, and the output is a file".into(),
            hint: "name a file in it".into(),
        });
    }
    match sources.find(|source| source.file.is_at(output)) {
        None => Ok(()),
        Some(source) => Err(Error::Usage {
            message: format!("the output {} is the input {}", output.display(), source.file.path.display()),
            hint: "name another file for the output".into(),
        }),
    }
}

/// All files that are read, those beside the rasters too.
pub fn files(sources: &[Source], likes: &[Source]) -> Vec<InputFile> {
    sources
        .iter()
        .chain(likes)
        .flat_map(|source| std::iter::once(&source.file).chain(&source.beside))
        .cloned()
        .collect()
}

impl Job {
    fn choices(&self) -> Vec<(String, String)> {
        let (grid, options) = (self.plan.grid(), self.plan.options());
        let nodata = grid.nodata.map_or("none".into(), |nodata| nodata.to_string());
        let level = options.effective_level().map_or(String::new(), |level| format!(" level {level}"));
        let crs = grid.crs.as_ref().map_or("unknown".into(), |crs| crs.name().to_string());
        let window = self
            .costs
            .window
            .map_or(String::new(), |window| format!(" of {} × {} pixels", window.columns, window.rows));
        let mut choices = vec![
            ("chain", self.told.chain()),
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
            ("blocks", format!("{} × {} pixels, {}{level}", options.side(), options.side(), options.compression)),
            (
                "windows",
                format!(
                    "{}{window}, {} each; {} % of the pixels are decoded",
                    counted(self.costs.windows, "window"),
                    counted(self.costs.units[0], "block"),
                    self.costs.decoded_percent
                ),
            ),
        ];
        choices.extend(self.told.halo().map(|halo| ("halo", halo)));
        if let [_, overviews @ ..] = &self.plan.levels[..]
            && !overviews.is_empty()
        {
            let (count, how) = (overviews.len(), format!("{:?}", self.plan.resampling).to_lowercase());
            choices.push(("overviews", format!("{count} levels, each half as wide as the one before it, by {how}")));
        }
        choices.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    fn digest(&self) -> String {
        job::digest(&self.plan, &self.request, &files(&self.sources, &self.likes))
    }

    fn input_bytes(&self) -> Bytes {
        self.sources.iter().map(|source| Bytes(source.file.size)).sum()
    }

    fn stages(&self, running: &Shared) -> swath_core::Plan {
        let levels = self.costs.units.iter().enumerate().map(|(level, units)| {
            let (running, name) = (Arc::clone(running), encode::stage_name(level));
            Box::new(encode::Encode {
                running,
                level,
                name,
                bytes: self.costs.encode,
                units: *units,
                cut: if self.costs.cuts_last { encode::LAST_TASKS * self.costs.ledger.workers } else { 0 },
            }) as Box<dyn Stage>
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
            let all = 0..level.order.units();
            let ranges = encode::ranges(level.order, *units, std::slice::from_ref(&all), self.costs.ledger.workers);
            (encode::stage_name(number), Some(ranges.len() as u64))
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

    fn grids(&self) -> Vec<(String, BlockOrder)> {
        self.plan.levels.iter().enumerate().map(|(number, level)| (encode::stage_name(number), level.order)).collect()
    }

    fn execute(self: Box<Self>, stop: &Stop, observer: &dyn Observer) -> Result<Outcome> {
        let stopwatch = Stopwatch::start();
        let common = &self.request.common;
        let partial = PartialOutput::create(&self.request.output, common.overwrite, common.resume)?;
        if partial.state() == PartialState::Committed {
            // A run that was interrupted between the two.
            let shown_by = partial.shown_by();
            if shown_by.is_some() && partial.replaces() {
                beside::remove_leftovers(partial.target(), &self.plan);
            }
            let wanted = standing::Wanted { plan: &self.plan, digest: &self.digest(), sources: &self.sources };
            if let Err(error) = standing::is_asked_for(&wanted, partial.target(), shown_by) {
                partial.discard()?;
                return Err(error);
            }
            return self.show(partial, &Summary::default(), Bytes::ZERO, observer, stopwatch);
        }
        let budget = Budget::new(common.ceiling());
        let is_fresh = partial.state() == PartialState::Fresh;
        if !partial.replaces()
            && let Err(error) = beside::refuse_leftovers(partial.target(), &self.plan)
        {
            return Err(if is_fresh { give_up(partial, error) } else { error });
        }
        let begun = self.begin(&partial, &budget, stop);
        let Begun { running, mut receipts, _fixed } = match begun {
            // Nothing has been done yet, so nothing is to be left.
            Err(error) if is_fresh => return Err(give_up(partial, error)),
            begun => begun?,
        };
        let sync = || running.sync();
        let scratch = || running.store.scratch();
        let options = run_options(common, &self.costs.ledger, &sync, &scratch);
        let stages = self.stages(&running);
        let ran = swath_core::run(&stages, &budget, &running.journal, &mut receipts, stop, observer, &options);
        drop(stages);
        let ran = ran.and_then(|summary| {
            files(&self.sources, &self.likes).iter().try_for_each(InputFile::check_unchanged)?;
            Ok(summary)
        });
        let summary = match ran {
            Ok(summary) => summary,
            Err(error) if is_final(&error, files(&self.sources, &self.likes).iter()) => {
                drop(running);
                return Err(give_up(partial, error));
            }
            Err(error) => return Err(resumable(error)),
        };
        let scratch = running.store.scratch_peak();
        drop(running);
        self.show(partial, &summary, scratch, observer, stopwatch)
    }
}

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
        let identity =
            job::identity(&self.plan, &self.request, &files(&self.sources, &self.likes), common.tmp_dir.as_deref());
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
        let store = Arc::new(open_store(common, partial, kept(self.costs.kept)?)?);
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

    /// Shows the file, removes what is not part of it, and tells what came of the run.
    fn show(
        &self,
        mut partial: PartialOutput,
        summary: &Summary,
        scratch: Bytes,
        observer: &dyn Observer,
        stopwatch: Stopwatch,
    ) -> Result<Outcome> {
        let digest = self.digest();
        if partial.state() != PartialState::Committed {
            put_mark(&partial.output(), &digest);
        }
        partial.show(&digest)?;
        // Before anything says no more that this run showed the file: one that dies now is to do it when it is resumed.
        if partial.replaces() {
            for error in beside::remove_leftovers(partial.target(), &self.plan) {
                observer.on(&stays_behind(&error));
            }
        }
        let output = show_file(partial, observer)?;
        let scratch = Scratch { predicted: self.costs.scratch, actual: scratch };
        Ok(Outcome {
            outputs: vec![output],
            choices: self.choices(),
            ..Outcome::complete(&self.request.command, &self.costs.ledger, summary, scratch, &stopwatch)
        })
    }
}
