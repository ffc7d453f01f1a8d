//! `swath raster stats`: rasters in, what their bands come to out.
//!
//! Each pass reads the rasters once and gathers what the passes before it made possible; nothing but counts and sums is
//! kept of any pixel. With an output the result becomes a file, by one rename, and a run that died goes on; without one
//! it is told with the outcome.

mod cost;
mod found;
mod gather;
mod layers;
mod result;
mod standing;
mod totals;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, RwLock};

use swath_core::{
    Budget, Bytes, Error, Journal, Lease, Observer, PartialOutput, PartialState, Receipts, Reclaim, Result, Stage,
    Stop, Stopwatch, Store, Summary,
};
use swath_raster::{BlockCache, Raster};

pub use result::{BandStatistics, Histogram, Number, Percentile, RasterStatistics, Unique, UniqueValues, Values};

use super::chain::{self, Source};
use super::{files, refuse_output};
use crate::input_file::InputFile;
use crate::outcome::{Explanation, Outcome, Output, Scratch};
use crate::request::StatsRequest;
use crate::work::{give_up, is_final, open_store, resumable, run_options, show_file, within_limits};
use cost::Costs;
use found::Found;
use gather::{Pass, Running, pass_name};
use layers::Layers;

/// The command.
const COMMAND: &str = "raster stats";

/// A request that is resolved and costed, and has not begun.
pub struct Job {
    request: StatsRequest,
    sources: Vec<Source>,
    layers: Arc<Layers>,
    costs: Costs,
    warnings: Vec<String>,
}

/// Resolves and costs a request; reads no more than the directories of the inputs.
///
/// # Errors
/// For whatever of it cannot be done, [`Error::CeilingTooSmall`] and [`Error::LimitTooSmall`] among them.
pub fn prepare(request: &StatsRequest) -> Result<Job> {
    let common = &request.common;
    if common.resume && request.output.is_none() {
        return Err(Error::Usage {
            message: "--resume goes on with an output, and there is none".into(),
            hint: "name the file of the unfinished run with -o, or leave --resume out".into(),
        });
    }
    let sources = chain::open(&request.inputs)?;
    if let Some(output) = &request.output {
        refuse_output(output, sources.iter())?;
    }
    let rasters = rasters(&sources, &request.bands, &BlockCache::none())?;
    let layers = Arc::new(Layers::new(&rasters, &request.wishes));
    let keeps = request.output.is_some();
    let costs = cost::costs(&layers, &rasters, &sources, (keeps, &common.beside), (common.ceiling(), common.threads()));
    let costs = within_limits(common, costs, |costs| &costs.ledger)?;
    let warnings = sources.iter().flat_map(|source| source.tiff.warnings().iter().cloned()).collect();
    Ok(Job { request: request.clone(), sources, layers, costs, warnings })
}

/// The rasters, or some bands of each.
fn rasters(sources: &[Source], bands: &[usize], cache: &Arc<BlockCache>) -> Result<Vec<Arc<dyn Raster>>> {
    let open = |source: &Source| {
        let raster = Arc::new(source.tiff.raster(0, cache)?) as Arc<dyn Raster>;
        chain::bands_of(&raster, bands).map_err(|error| match error {
            Error::Usage { message, hint } => {
                Error::Usage { message: format!("{}: {message}", source.file.path.display()), hint }
            }
            error => error,
        })
    };
    sources.iter().map(open).collect()
}

impl Job {
    fn choices(&self) -> Vec<(String, String)> {
        let layers = &self.layers;
        let bands: usize = layers.layers.iter().map(|layer| layer.bands).sum();
        let passes = match layers.passes() {
            1 => "the pixels are read once".to_string(),
            passes => format!("the pixels are read {passes} times, to find ranks and ranges exactly"),
        };
        let percent = self.costs.decoded_percent;
        let choices = [
            ("bands", format!("{bands} of {} rasters", layers.layers.len())),
            ("passes", passes),
            ("decoded", format!("{percent} % of the pixels each time")),
        ];
        choices.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    fn stages(&self, running: &Arc<Running>) -> swath_core::Plan {
        let passes = (0..self.layers.passes()).map(|pass| {
            Box::new(Pass {
                running: Arc::clone(running),
                pass,
                name: pass_name(pass),
                bytes: self.costs.task,
                windows: self.costs.windows.clone(),
                task_blocks: self.costs.task_blocks,
            }) as Box<dyn Stage>
        });
        swath_core::Plan {
            command: COMMAND.into(),
            stages: passes.collect(),
            ledger: self.costs.ledger.clone(),
            scratch: self.costs.scratch,
            output: self.costs.output,
            choices: self.choices(),
        }
    }

    /// Opens everything that a run needs.
    fn begin(&self, partial: Option<&PartialOutput>, budget: &Arc<Budget>, stop: &Stop) -> Result<Begun> {
        let common = &self.request.common;
        let identity = standing::identity(&self.request, &self.sources);
        let (journal, receipts) = match partial.map(|partial| (partial.state(), partial.journal_folder())) {
            None => (Journal::none(), Receipts::new()),
            Some((PartialState::Resumed, folder)) => Journal::open(&folder, &identity)?,
            Some((_, folder)) => (Journal::create(&folder, &identity)?, Receipts::new()),
        };
        let (costs, layers) = (&self.costs, &self.layers);
        let fixed = costs.ledger.fixed_bytes().saturating_sub(costs.tables);
        let fixed = budget.lease_fixed("the program and what it tells", fixed)?;
        let tables = budget.lease_fixed("what is counted", costs.tables)?;
        let cache = match costs.cache {
            Bytes::ZERO => BlockCache::none(),
            bytes => BlockCache::new(budget.lease(bytes, stop)?.keep(bytes)?),
        };
        budget.register(Arc::downgrade(&(Arc::<BlockCache>::clone(&cache) as Arc<dyn Reclaim>)));
        let store = match (partial, &self.request.output) {
            (Some(partial), Some(output)) if layers.has_tables() => Some(open_store(common, partial, None)?),
            _ => None,
        };
        let unknown = |bands| (0..bands).map(|_| Found::default()).collect();
        let running = Arc::new(Running {
            layers: Arc::clone(layers),
            rasters: rasters(&self.sources, &self.request.bands, &cache)?,
            journal,
            store: store.map(Arc::new),
            tables,
            found: RwLock::new(layers.layers.iter().map(|layer| unknown(layer.bands)).collect()),
            totals: Mutex::default(),
        });
        running.replay(&receipts)?;
        Ok(Begun { running, receipts, _fixed: fixed })
    }

    /// Runs all passes.
    fn run(&self, begun: Begun, budget: &Arc<Budget>, stop: &Stop, observer: &dyn Observer) -> Result<Ran> {
        let Begun { running, mut receipts, _fixed } = begun;
        let store = running.store.clone();
        let sync = || store.as_ref().map_or(Ok(()), |store| store.sync());
        let scratch = || store.as_ref().map_or(Bytes::ZERO, |store| store.scratch());
        let options = run_options(&self.request.common, &self.costs.ledger, &sync, &scratch);
        let stages = self.stages(&running);
        let summary = swath_core::run(&stages, budget, &running.journal, &mut receipts, stop, observer, &options)?;
        drop(stages);
        files(&self.sources, &[]).iter().try_for_each(InputFile::check_unchanged)?;
        let mut found = running.found.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let wishes = &self.request.wishes;
        let layers = self.layers.layers.iter().zip(&running.rasters);
        let statistics = self.sources.iter().zip(layers).zip(std::mem::take(&mut *found)).map(
            |((source, (layer, raster)), found)| {
                let path = source.file.path.clone();
                result::statistics(path, (layer, raster.grid()), &self.request.bands, found, wishes)
            },
        );
        let scratch = store.as_ref().map_or(Bytes::ZERO, |store: &Arc<Store>| store.scratch_peak());
        Ok(Ran { summary, statistics: statistics.collect(), scratch })
    }

    fn outcome(&self, ran: Ran, outputs: Vec<Output>, stopwatch: &Stopwatch) -> Outcome {
        let scratch = Scratch { predicted: self.costs.scratch, actual: ran.scratch };
        Outcome {
            statistics: outputs.is_empty().then_some(ran.statistics),
            outputs,
            choices: self.choices(),
            ..Outcome::complete(COMMAND, &self.costs.ledger, &ran.summary, scratch, stopwatch)
        }
    }
}

/// A run before its first task, or with those that an earlier one did.
struct Begun {
    running: Arc<Running>,
    receipts: Receipts,
    /// Memory of what is always there.
    _fixed: Lease,
}

/// What a run came to.
struct Ran {
    summary: Summary,
    statistics: Vec<RasterStatistics>,
    scratch: Bytes,
}

impl crate::Job for Job {
    fn explain(&self) -> Explanation {
        Explanation {
            swath: env!("CARGO_PKG_VERSION").into(),
            command: COMMAND.into(),
            stages: cost::stages(&self.layers, &self.costs),
            ledger: self.costs.ledger.clone(),
            predicted_peak: self.costs.ledger.predicted_peak(),
            scratch: self.costs.scratch,
            output: self.costs.output,
            choices: self.choices(),
            input: Output {
                path: self.sources.first().map_or_else(PathBuf::new, |source| source.file.path.clone()),
                bytes: self.sources.iter().map(|source| Bytes(source.file.size)).sum(),
                files: self.sources.len() as u64,
            },
            limit: format!("{}", self.request.common.limits.tightest().source),
        }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn execute(self: Box<Self>, stop: &Stop, observer: &dyn Observer) -> Result<Outcome> {
        let stopwatch = Stopwatch::start();
        let common = &self.request.common;
        let budget = Budget::new(common.ceiling());
        let Some(output) = &self.request.output else {
            let ran = self.begin(None, &budget, stop).and_then(|begun| self.run(begun, &budget, stop, observer));
            return match ran {
                Ok(ran) => Ok(self.outcome(ran, Vec::new(), &stopwatch)),
                // Nothing is kept to go on from.
                Err(Error::Stopped { .. }) => Err(Error::Stopped { resumable: false }),
                Err(error) => Err(error),
            };
        };
        let partial = PartialOutput::create(output, common.overwrite, common.resume)?;
        if partial.state() == PartialState::Committed {
            if let Err(error) = standing::is_asked_for(&self.request, &self.sources, partial.target()) {
                partial.discard()?;
                return Err(error);
            }
            let shown = show_file(partial, observer)?;
            let nothing = Ran { summary: Summary::default(), statistics: Vec::new(), scratch: Bytes::ZERO };
            return Ok(self.outcome(nothing, vec![shown], &stopwatch));
        }
        let is_fresh = partial.state() == PartialState::Fresh;
        let begun = match self.begin(Some(&partial), &budget, stop) {
            // Nothing has been done yet, so nothing is to be left.
            Err(error) if is_fresh => return Err(give_up(partial, error)),
            begun => begun?,
        };
        let ran = match self.run(begun, &budget, stop, observer) {
            Err(error) if is_final(&error, files(&self.sources, &[]).iter()) => return Err(give_up(partial, error)),
            ran => ran.map_err(resumable)?,
        };
        standing::write(&self.request, &ran.statistics, &partial.output())?;
        let shown = show_file(partial, observer)?;
        Ok(self.outcome(ran, vec![shown], &stopwatch))
    }
}
