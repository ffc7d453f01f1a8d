//! `swath sensor ingest`: sensor files in, a validated, deduplicated, sorted, partitioned GeoParquet lake out.
//!
//! The way of a row: `route` parses it and puts it into a sorted run, `rank` merges keys and drops duplicates,
//! `encode` fetches rows in that order and makes row groups, `assemble` makes files of them, `commit` shows the lake.

mod arrays;
mod assemble;
mod batches;
mod columnar;
mod columnar_look;
mod commit;
mod cost;
mod encode;
mod extend;
mod fetch;
mod findings;
mod groups;
mod inputs;
mod job;
mod join;
mod lake;
mod layout;
mod locate;
mod look;
mod matching;
mod mend;
mod open_row;
mod pivot;
mod prepare;
mod rank;
mod recall;
mod rejects;
mod route;
mod row_checks;
mod running;
mod schema_text;
mod search;
mod series_checks;
mod sorted;
mod spread;
mod standing;
mod survey;
mod systems;
mod unread;
mod usual;
mod warnings;

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};

use swath_core::{
    BEGIN_ANEW, Budget, Bytes, Error, Event, Journal, Lease, MAKE_ROOM, Observer, PartialOutput, PartialState, Plan,
    Receipts, Reclaim, Result, Stop, Stopwatch, Store,
};
use swath_table::intern::Interner;
use swath_table::schema_file;

use crate::content::{self, Room};
use crate::input_file::InputFile;
use crate::outcome::{Explanation, Outcome, Output};
use crate::request::{Common, CompactRequest, IngestRequest, MaxRejects};
use crate::work::{Idle, give_up, is_final, open_store, resumable, run_options, within_limits};
use cost::Costs;
use prepare::Prepared;
use running::{Running, Shared, Tables};

pub use inputs::find as find_files;
pub(crate) use inputs::{expand, named, pattern};
pub use look::{Inputs, inputs as read_inputs};
pub use survey::Facts;

/// Bytes of an input that is not text as it stands which are looked at for a schema.
const SAMPLE_BYTES: u64 = 8 << 20;

/// The word that commands and results use.
const COMMAND: &str = "sensor ingest";
/// The same for a lake that gets fewer files.
const COMPACT: &str = "sensor compact";

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
    prepare_until(request, &Stop::new())
}

/// The same, until a flag is raised: standard input may take long.
///
/// # Errors
/// As [`prepare`], and [`Error::Stopped`].
pub fn prepare_until(request: &IngestRequest, stop: &Stop) -> Result<Job> {
    cost(prepare::prepare(request, stop)?, request)
}

/// Resolves and costs a request to make few large files of many small ones.
///
/// # Errors
/// As [`prepare`]; [`Error::InputUnreadable`] where there is no lake.
pub fn prepare_compact(request: &CompactRequest) -> Result<Job> {
    let CompactRequest { lake, target_file_size, common } = request;
    if std::fs::symlink_metadata(lake).is_err() {
        return Err(Error::InputUnreadable {
            path: lake.clone(),
            reason: "there is no lake".into(),
            hint: "name a folder that swath sensor ingest made".into(),
        });
    }
    let base = lake::Lake::to_compact(lake, common)?;
    let request = IngestRequest {
        sources: Vec::new(),
        output: lake.clone(),
        schema: None,
        partition: base.partition.clone(),
        sort: base.sort,
        target_file_size: target_file_size.unwrap_or(base.target_file_size),
        max_rejects: MaxRejects::default(),
        strict: false,
        max_record: base.max_record,
        since_us: None,
        until_us: None,
        bbox: None,
        compression: base.compression,
        append: None,
        common: common.clone(),
    };
    cost(prepare::compact(&request, base)?, &request)
}

fn cost(prepared: Prepared, request: &IngestRequest) -> Result<Job> {
    let common = &request.common;
    let costs = cost::costs(&prepared, &common.beside, (common.ceiling(), common.threads()));
    let costs = within_limits(common, costs, |costs| &costs.ledger)?;
    hold_scratch(request, &costs)?;
    let warnings = warnings::of(&prepared);
    Ok(Job { prepared, costs, request: request.clone(), warnings })
}

/// Refuses a job that is sure to need more scratch than it may take; one that may need it is told by its plan.
fn hold_scratch(request: &IngestRequest, costs: &Costs) -> Result<()> {
    let (common, least) = (&request.common, costs.scratch_least);
    match common.tmp_limit {
        Some(limit) if least > limit => Err(Error::OutputUnwritable {
            path: common.tmp_dir.as_ref().unwrap_or(&request.output).clone(),
            reason: format!("the job needs at least {least} of scratch, and --tmp-limit allows {limit}"),
            hint: format!(
                "--tmp-limit {}MB would do; or a larger --memory, so that less is spilled",
                costs.scratch.0.div_ceil(1_000_000)
            ),
        }),
        _ => Ok(()),
    }
}

/// The schema of some files as a file that a person can edit, and what they have to know or to set in it, as sentences.
///
/// # Errors
/// For inputs that cannot be read and schemas that cannot be.
pub fn infer_schema(
    sources: &[OsString],
    schema: Option<&Path>,
    ceiling: Bytes,
    stop: &Stop,
) -> Result<(String, Vec<String>)> {
    let folder = content::temporary_folder();
    let room = Room { most: Some(SAMPLE_BYTES), ..Room::new(&folder, ceiling, stop) };
    let inputs = look::inputs(sources, schema, room)?;
    let mut open = inputs.warnings;
    open.extend(inputs.no_degrees.iter().map(|open| format!("{}; {}", open.sentence(), open.hint())));
    Ok((schema_file::write(&inputs.schema, &inputs.notes), open))
}

impl Job {
    fn choices(&self) -> Vec<(String, String)> {
        let mut choices = self.prepared.choices.clone();
        let facts = &self.prepared.facts;
        let rows = if facts.exact { format!("{}", facts.rows) } else { format!("about {}", facts.rows) };
        if !self.prepared.job.compacts {
            choices.push(("rows".into(), format!("{rows}, {:.0} bytes each", facts.record_bytes)));
        }
        choices
    }

    /// What it is called.
    fn command(&self) -> &'static str {
        if self.prepared.job.compacts { COMPACT } else { COMMAND }
    }

    fn plan(&self, running: &Shared) -> Plan {
        let [route, recall, matching, mark, rank, encode, assemble] = self.costs.tasks;
        let shared = || Arc::clone(running);
        Plan {
            command: self.command().into(),
            stages: vec![
                Box::new(groups::Survey(shared(), route)),
                Box::new(route::Route(shared(), route)),
                Box::new(mend::Mend::new(shared(), route)),
                Box::new(recall::Recall(shared(), recall)),
                Box::new(matching::Match::new(shared(), matching)),
                Box::new(matching::Mark::new(shared(), mark)),
                Box::new(rank::Rank(shared(), rank)),
                Box::new(encode::Encode { running: shared(), bytes: encode, texts: self.costs.row_group_texts }),
                Box::new(assemble::Assemble(shared(), assemble)),
            ],
            ledger: self.costs.ledger.clone(),
            scratch: self.costs.scratch,
            output: self.output(),
            choices: self.choices(),
        }
    }

    /// Bytes of the files that are written, about.
    fn output(&self) -> Bytes {
        self.prepared.facts.output + self.prepared.recalled.bytes
    }
}

impl crate::Job for Job {
    fn explain(&self) -> Explanation {
        let job = &self.prepared.job;
        let limits = &self.request.common.limits;
        Explanation {
            swath: env!("CARGO_PKG_VERSION").into(),
            command: self.command().into(),
            stages: [
                ("survey".into(), if job.groups_sensors() { Some(job.stream.units()) } else { Some(0) }),
                ("route".into(), Some(job.stream.units())),
                ("mend".into(), None),
                ("recall".into(), if job.base.is_some() { None } else { Some(0) }),
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
            output: self.output(),
            choices: self.choices(),
            input: Output {
                path: job.files.first().map_or_else(|| job.output.clone(), |file| file.path.clone()),
                bytes: job.stream.bytes(),
                files: job.files.len() as u64,
            },
            limit: format!("{}", limits.tightest().source),
        }
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn execute(self: Box<Self>, stop: &Stop, observer: &dyn Observer) -> Result<Outcome> {
        execute(*self, stop, observer)
    }
}

fn execute(job: Job, stop: &Stop, observer: &dyn Observer) -> Result<Outcome> {
    let within = job.prepared.job.base.is_some().then(|| job.request.output.clone());
    carry_out(job, stop, observer).map_err(|error| match within {
        None => error,
        Some(lake) => error.map_hint(|hint| keep_lake(hint, &lake)),
    })
}

/// The hint of an error for a run that adds to a lake: to begin anew must not cost the lake.
fn keep_lake(hint: &str, lake: &Path) -> String {
    let folder = swath_core::partial_folder(lake)
        .map_or_else(|_| "its hidden folder".into(), |folder| folder.display().to_string());
    let give_up = format!("give the unfinished run up: remove {folder}, which leaves the lake as it is");
    match hint {
        MAKE_ROOM => format!(
            "make room there and run again with --resume; or {give_up}, and run again with scratch on another disk by \
             --tmp-dir"
        ),
        other => other.replace(BEGIN_ANEW, &give_up),
    }
}

fn carry_out(job: Job, stop: &Stop, observer: &dyn Observer) -> Result<Outcome> {
    let stopwatch = Stopwatch::start();
    let common = &job.request.common;
    let partial = match &job.prepared.job.base {
        Some(lake) => {
            if let Ok(there) = std::fs::canonicalize(&job.request.output) {
                standing::holds_no_input(&job.prepared.job, &there)?;
            }
            let partial = PartialOutput::within(&job.request.output, common.resume)?;
            tell_completed(&partial, observer);
            let is_fresh = partial.state() == PartialState::Fresh;
            match extend::check_same(lake, &job.request.output) {
                Err(error) if is_fresh => return Err(give_up(partial, error)),
                same => same?,
            }
            let adds = is_fresh && !job.prepared.job.compacts;
            // The run that was interrupted may be this one, also where nobody says so.
            let may_be = |is_last: &bool| adds && (common.resume || lake.completed && *is_last);
            if let Some(is_last) = batches::find(lake, &job.prepared.job).filter(may_be) {
                partial.discard()?;
                let message = "this batch is in the lake already, and is not added again".into();
                observer.on(&Event::Warning { message });
                return Ok(batches::outcome(lake, is_last, &job, stopwatch));
            }
            partial
        }
        None => {
            let output = &job.request.output;
            if common.overwrite && swath_core::complete_changes(output)? {
                observer.on(&Event::Warning { message: lake::completed(output) });
            }
            // Also without --overwrite, which no hint should recommend where it would not do.
            if !common.resume && !swath_core::has_changes(output) {
                standing::may_be_replaced(&job.prepared.job)?;
            }
            // An empty folder is as free as none.
            let takes_folder = job.request.append.is_some() && output.is_dir() && lake::is_free(output);
            let partial = PartialOutput::create(output, common.overwrite || takes_folder, common.resume)?;
            tell_completed(&partial, observer);
            // A lake may have come there before this run had the place to itself.
            if takes_folder && partial.state() != PartialState::Committed && !lake::is_free(output) {
                return Err(Error::OutputExists {
                    path: output.clone(),
                    message: "another run made something there meanwhile".into(),
                    hint: "run the same command again".into(),
                });
            }
            partial
        }
    };
    if partial.state() == PartialState::Committed {
        let output = partial.target().to_path_buf();
        let manifest = match standing::is_asked_for(&job.prepared.job, &output) {
            Ok(manifest) => manifest,
            Err(error) => {
                partial.discard()?;
                return Err(error);
            }
        };
        commit::show(partial, &job, observer)?;
        return Ok(commit::outcome_of_lake(&output, manifest, &job, stopwatch));
    }
    let budget = Budget::new(common.ceiling());
    budget.promise(job.costs.ledger.predicted_peak());
    let is_fresh = partial.state() == PartialState::Fresh;
    let Begun { running, mut receipts, _fixed } = match begin(&job, &partial, &budget, stop) {
        // Nothing has been done yet, so nothing is to be left.
        Err(error) if is_fresh => return Err(give_up(partial, error)),
        begun => begun?,
    };
    let plan = job.plan(&running);
    let sync = || running.sync();
    let scratch = || running.store.scratch();
    let options = run_options(common, &job.costs.ledger, &sync, &scratch);
    let ran = swath_core::run(&plan, &budget, &running.journal, &mut receipts, stop, observer, &options);
    drop(plan);
    let ran = ran.and_then(|summary| {
        running.job.files.iter().try_for_each(InputFile::check_unchanged)?;
        Ok(summary)
    });
    let summary = match ran {
        Ok(summary) => summary,
        Err(error) if is_final(&error, running.job.files.iter()) => {
            if let Error::TooManyRejects { .. } = &error {
                commit::tell_rejects(&running, &receipts, observer)?;
            }
            drop(running);
            return Err(give_up(partial, error));
        }
        Err(error) => return Err(resumable(error)),
    };
    let ambiguous = running.routed(&receipts)?.iter().map(|unit| unit.ambiguous).sum();
    if let Some(message) = warnings::ambiguous_times(&running.job, ambiguous) {
        observer.on(&Event::Warning { message });
    }
    commit::commit(&running, &receipts, partial, &job, &summary, observer, stopwatch).inspect_err(|_| {
        // It goes on from here once there is room, say.
        let _ = running.journal.flush(&sync);
    })
}

fn tell_completed(partial: &PartialOutput, observer: &dyn Observer) {
    if partial.has_completed() {
        observer.on(&Event::Warning { message: lake::completed(partial.target()) });
    }
}

/// Memory for a dictionary that outgrows what the sample made expect: whatever is free under the ceiling, and what the
/// store can do without.
fn growth(budget: &Arc<Budget>, stop: &Stop) -> Result<impl Fn(Bytes) -> bool + Send + Sync + 'static> {
    let lease = Mutex::new(budget.lease(Bytes::ZERO, stop)?.keep(Bytes::ZERO)?);
    Ok(move |more| lease.lock().is_ok_and(|mut lease| lease.grow_or_reclaim(more)))
}

/// Bytes that each identifier takes elsewhere: its rank, twice while ranks are made, and per worker the table of the
/// identifiers of a batch, which grows by doubling; after that, what is known of a sensor.
fn beside_identifiers(workers: usize) -> Bytes {
    Bytes((8 + 12 * workers as u64).max(4 + findings::SENSOR_BYTES))
}

/// A run before its first task, or with those that an earlier one did.
struct Begun {
    running: Shared,
    receipts: Receipts,
    /// Memory of what is always there.
    _fixed: Lease,
}

/// Opens everything that a run needs.
fn begin(job: &Job, partial: &PartialOutput, budget: &Arc<Budget>, stop: &Stop) -> Result<Begun> {
    let common = &job.request.common;
    let identity = prepare::identity(&job.prepared.job, common.tmp_dir.as_deref());
    let folder = partial.journal_folder();
    let (journal, receipts) = match partial.state() {
        PartialState::Resumed => Journal::open(&folder, &identity)?,
        _ => (Journal::create(&folder, &identity)?, Receipts::new()),
    };
    let fixed = budget.lease_fixed("the program and its tables", job.costs.ledger.fixed_bytes())?;
    let allowance = match job.costs.kept {
        Bytes::ZERO => None,
        kept => Some(budget.lease(kept, stop)?.keep(kept)?),
    };
    let lake_folder = partial.output();
    std::fs::create_dir_all(&lake_folder).map_err(|error| Error::writing(&lake_folder, &error))?;
    let tmp_limit = common.tmp_limit.map(|limit| limit.saturating_sub(job.prepared.content));
    let store = Arc::new(open_store(&Common { tmp_limit, ..common.clone() }, partial, allowance)?);
    let holder: Arc<dyn Reclaim> = Arc::<Store>::clone(&store);
    budget.register(Arc::downgrade(&holder));
    let beside = beside_identifiers(job.costs.ledger.workers);
    let dictionary = |name: &str, bytes: Bytes| -> Result<Interner> {
        Ok(Interner::new(name, bytes).counting_beside(beside).growing(growth(budget, stop)?))
    };
    let running = Running {
        store,
        texts: dictionary("categories and sensors", job.costs.texts)?,
        partitions: dictionary("partitions", job.costs.partitions)?,
        journal,
        noted: Mutex::default(),
        benches: Idle::default(),
        desks: Idle::default(),
        wanted: Mutex::default(),
        groups: OnceLock::new(),
        touched: OnceLock::new(),
        runs: OnceLock::new(),
        order: OnceLock::new(),
        parameters: OnceLock::new(),
        tables: Tables {
            planned: job.costs.row_groups,
            recalled: job.prepared.recalled.units,
            mends: job.costs.mends,
            grow: Box::new(growth(budget, stop)?),
        },
        row_groups: OnceLock::new(),
        parts: OnceLock::new(),
        partition_ids: OnceLock::new(),
        lake_folder,
        job: Arc::clone(&job.prepared.job),
    };
    let running = Arc::new(running);
    running.replay(&receipts)?;
    Ok(Begun { running, receipts, _fixed: fixed })
}
