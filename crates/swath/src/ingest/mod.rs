//! `swath sensor ingest`: sensor files in, a validated, deduplicated, sorted, partitioned GeoParquet lake out.
//!
//! The way of a row: `route` parses it and puts it into a sorted run, `rank` merges keys and drops duplicates,
//! `encode` fetches rows in that order and makes row groups, `assemble` makes files of them, `commit` shows the lake.

mod arrays;
mod assemble;
mod commit;
mod cost;
mod encode;
mod fetch;
mod groups;
mod inputs;
mod job;
mod locate;
mod matching;
mod mend;
mod prepare;
mod rank;
mod rejects;
mod route;
mod running;
mod sorted;
mod survey;
mod warnings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use swath_core::{
    Budget, Bytes, Error, Fnv64, Journal, Observer, PartialOutput, PartialState, Plan, Receipts, Result, RunOptions,
    Stop, Stopwatch,
};
use swath_table::intern::Interner;
use swath_table::schema_file;
use swath_table::store::Store;

use crate::outcome::{Explanation, Outcome, Output};
use crate::request::IngestRequest;
use cost::Costs;
use prepare::Prepared;
use running::{Idle, Running, Shared};

pub use inputs::find as find_files;
pub(crate) use inputs::{named, pattern};
pub use prepare::{Inputs, inputs as read_inputs};
pub use survey::Facts;

/// The word that commands and results use.
const COMMAND: &str = "sensor ingest";

/// A job that is resolved and costed, and has not begun.
pub struct Job {
    prepared: Prepared,
    costs: Costs,
    request: IngestRequest,
    warnings: Vec<String>,
}

/// Resolves and costs a request; reads no more than headers and a sample.
///
/// # Errors
/// For whatever of it cannot be done, [`Error::CeilingTooSmall`] and [`Error::LimitTooSmall`] among them.
pub fn prepare(request: &IngestRequest) -> Result<Job> {
    let prepared = prepare::prepare(request)?;
    let (common, what) = (&request.common, "the job");
    let costs = cost::costs(&prepared, common.ceiling(), common.threads()).map_err(|error| match error {
        // A larger ceiling would not help where a limit of the process is smaller still.
        Error::CeilingTooSmall { smallest, .. } => common.limits.hold(what, smallest, smallest).err().unwrap_or(error),
        error => error,
    })?;
    common.limits.hold(what, costs.ledger.predicted_peak(), costs.ledger.smallest_ceiling)?;
    let warnings = warnings::of(&prepared);
    Ok(Job { prepared, costs, request: request.clone(), warnings })
}

/// The schema of some files as a file that a person can edit.
///
/// # Errors
/// For inputs that cannot be read and schemas that cannot be.
pub fn infer_schema(sources: &[OsString], schema: Option<&Path>) -> Result<String> {
    let inputs = prepare::inputs(sources, schema)?;
    Ok(schema_file::write(&inputs.schema, &inputs.notes))
}

impl Job {
    /// The plan in words and numbers.
    pub fn explain(&self) -> Explanation {
        let job = &self.prepared.job;
        let limits = &self.request.common.limits;
        Explanation {
            swath: env!("CARGO_PKG_VERSION").into(),
            command: COMMAND.into(),
            stages: [
                ("survey".into(), if job.groups_sensors() { Some(job.stream.units()) } else { Some(0) }),
                ("route".into(), Some(job.stream.units())),
                ("mend".into(), None),
                ("match".into(), if job.exchanges() { None } else { Some(0) }),
                ("mark".into(), if job.exchanges() { None } else { Some(0) }),
                ("rank".into(), None),
                ("encode".into(), None),
                ("assemble".into(), None),
            ]
            .into_iter()
            .filter(|(_, tasks)| *tasks != Some(0))
            .collect(),
            ledger: self.costs.ledger.clone(),
            predicted_peak: self.costs.ledger.predicted_peak(),
            scratch: self.costs.scratch,
            output: self.prepared.facts.output,
            choices: self.choices(),
            input: Output {
                path: job.files.first().map_or_else(PathBuf::new, |file| file.path.clone()),
                bytes: job.stream.bytes(),
                files: job.files.len() as u64,
            },
            limit: format!("{}", limits.tightest().source),
        }
    }

    /// What a person should know before the run.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn choices(&self) -> Vec<(String, String)> {
        let mut choices = self.prepared.choices.clone();
        let facts = &self.prepared.facts;
        let rows = if facts.exact { format!("{}", facts.rows) } else { format!("about {}", facts.rows) };
        choices.push(("rows".into(), format!("{rows}, {:.0} bytes each", facts.record_bytes)));
        choices
    }

    /// The scratch file, where it is not beside the output.
    fn scratch_elsewhere(&self) -> Option<PathBuf> {
        let folder = self.request.common.tmp_dir.as_ref()?;
        let output = std::path::absolute(&self.request.output).unwrap_or_else(|_| self.request.output.clone());
        Some(folder.join(format!("swath-{:016x}.scratch", Fnv64::of(output.as_os_str().as_encoded_bytes()))))
    }

    fn plan(&self, running: &Shared) -> Plan {
        let [route, matching, mark, rank, encode, assemble] = self.costs.tasks;
        let shared = || Arc::clone(running);
        Plan {
            command: COMMAND.into(),
            stages: vec![
                Box::new(groups::Survey(shared(), route)),
                Box::new(route::Route(shared(), route)),
                Box::new(mend::Mend(shared(), route)),
                Box::new(matching::Match(shared(), matching)),
                Box::new(matching::Mark(shared(), mark)),
                Box::new(rank::Rank(shared(), rank)),
                Box::new(encode::Encode(shared(), encode)),
                Box::new(assemble::Assemble(shared(), assemble)),
            ],
            ledger: self.costs.ledger.clone(),
            scratch: self.costs.scratch,
            output: self.prepared.facts.output,
            choices: self.choices(),
        }
    }
}

/// Runs a job to its end.
///
/// # Errors
/// The first error; then nothing new is at the final path, and what was done can be resumed where it says so.
pub fn execute(job: Job, stop: &Stop, observer: &dyn Observer) -> Result<Outcome> {
    let stopwatch = Stopwatch::start();
    let common = &job.request.common;
    let partial = PartialOutput::create(&job.request.output, common.overwrite, common.resume)?;
    if partial.state() == PartialState::Committed {
        let output = partial.target().to_path_buf();
        commit::show(partial, &job, observer)?;
        return commit::outcome_of_lake(&output, &job, stopwatch);
    }
    let identity = prepare::identity(&job.prepared.job, common.tmp_dir.as_deref());
    let folder = partial.journal_folder();
    let (journal, mut receipts) = match partial.state() {
        PartialState::Resumed => Journal::open(&folder, &identity)?,
        _ => (Journal::create(&folder, &identity)?, Receipts::new()),
    };
    let budget = Budget::new(common.ceiling());
    let _fixed = budget.lease_fixed("the program and its tables", job.costs.ledger.fixed_bytes())?;
    let running = begin(&job, &partial, journal, &budget, stop)?;
    running.replay(&receipts)?;
    let plan = job.plan(&running);
    let sync = || running.sync();
    let mut options = RunOptions::new(common.threads(), common.ceiling(), &sync);
    options.heartbeat = common.heartbeat_s.map(Duration::from_secs_f64);
    options.flush_at_stage_end = FLUSH_AT_STAGE_END;
    // What was planned to be resident is no pressure.
    options.soft_mark = options.soft_mark.max(job.costs.ledger.predicted_peak());
    let ran = swath_core::run(&plan, &budget, &running.journal, &mut receipts, stop, observer, &options);
    drop(plan);
    let summary = match ran {
        Ok(summary) => summary,
        Err(error) => {
            // An input that is mended is another input: nothing of this run could be resumed.
            if matches!(error, Error::InputCorrupt { .. } | Error::InputUnreadable { .. }) {
                drop(running);
                partial.discard()?;
            }
            return Err(error);
        }
    };
    commit::commit(&running, &receipts, partial, &job, &summary, observer, stopwatch)
}

/// Less work than this is not worth waiting for the disk at the end of a stage.
const FLUSH_AT_STAGE_END: Bytes = Bytes(512_000_000);

/// Memory for a dictionary that outgrows what the sample made expect: whatever is free under the ceiling.
fn growth(budget: &Arc<Budget>, stop: &Stop) -> Result<impl Fn(Bytes) -> bool + Send + Sync + 'static> {
    let lease = Mutex::new(budget.lease(Bytes::ZERO, stop)?);
    Ok(move |more| lease.lock().is_ok_and(|mut lease| lease.try_grow(more)))
}

/// Opens everything that a run needs.
fn begin(job: &Job, partial: &PartialOutput, journal: Journal, budget: &Arc<Budget>, stop: &Stop) -> Result<Shared> {
    let common = &job.request.common;
    let allowance = match job.costs.kept {
        Bytes::ZERO => None,
        kept => Some(budget.lease(kept, stop)?),
    };
    if let Some(folder) = &common.tmp_dir {
        std::fs::create_dir_all(folder).map_err(|error| Error::writing(folder, &error))?;
    }
    let scratch = job.scratch_elsewhere().unwrap_or_else(|| partial.scratch().join("data"));
    if partial.state() == PartialState::Fresh && scratch.exists() {
        std::fs::remove_file(&scratch).map_err(|error| Error::writing(&scratch, &error))?;
    }
    let lake_folder = partial.output();
    std::fs::create_dir_all(&lake_folder).map_err(|error| Error::writing(&lake_folder, &error))?;
    let running = Running {
        store: Store::open(&scratch, allowance, common.tmp_limit)?,
        texts: Interner::new("categories and sensors", job.costs.texts).growing(growth(budget, stop)?),
        partitions: Interner::new("partitions", job.costs.partitions).growing(growth(budget, stop)?),
        journal,
        noted: Mutex::default(),
        benches: Idle::default(),
        desks: Idle::default(),
        groups: OnceLock::new(),
        order: OnceLock::new(),
        row_groups: OnceLock::new(),
        parts: OnceLock::new(),
        partition_ids: OnceLock::new(),
        lake_folder,
        job: Arc::clone(&job.prepared.job),
    };
    Ok(Arc::new(running))
}
