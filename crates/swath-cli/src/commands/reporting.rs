//! `--report`: a run is watched from its planning on, and told in a page however it ends.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use swath::batch::BatchOutcome;
use swath::outcome::{Explanation, Memory, Outcome, Time};
use swath::{BlockOrder, Job};
use swath_core::{Error, Event, Observer, ResidentSet, Result};

use super::doctor::examine;
use crate::moment;
use crate::observe::{Recorded, Recorder, warn_late};
use crate::report::{self, Came, FORMAT, Failed, Record, VERSION, rounded};
use crate::settings::Settings;
use crate::show::doctor::Examination;

/// A run that is watched for its report.
pub struct Reporting {
    path: PathBuf,
    started: String,
    environment: Examination,
    recorder: Recorder,
    planned: OnceLock<(Explanation, Vec<(String, BlockOrder)>)>,
}

/// Does what makes an outcome, and writes its report if one is wanted. That this fails is told, and is no failure of the
/// run: its output is what it would be without.
///
/// # Errors
/// Those of the run; before it, those of a report that cannot be where it is wanted.
pub fn reported<T: Reported>(
    output: Option<&Path>,
    settings: &Settings,
    run: impl FnOnce(Option<&Reporting>) -> Result<T>,
) -> Result<T> {
    let Some(path) = &settings.report else { return run(None) };
    report::may_be_written(path, output)?;
    let reporting = Reporting {
        path: path.clone(),
        started: moment::now(),
        environment: examine(settings),
        recorder: Recorder::start(),
        planned: OnceLock::new(),
    };
    let done = run(Some(&reporting));
    let path = reporting.path.clone();
    let record = reporting.record(done.as_ref().map(Reported::came), settings);
    if let Err(error) = report::write(&record, &path) {
        let message = format!("the report could not be written: {error}");
        warn_late(&Event::Warning { message }, settings.log);
    }
    done
}

/// What comes of a command that has a report.
pub trait Reported {
    /// What came of it.
    fn came(&self) -> End<'_>;
}

/// What came of a command that is complete.
pub enum End<'a> {
    /// A job.
    Job(&'a Outcome),
    /// Many of them.
    Batch(&'a BatchOutcome),
}

impl Reported for Outcome {
    fn came(&self) -> End<'_> {
        End::Job(self)
    }
}

impl Reported for BatchOutcome {
    fn came(&self) -> End<'_> {
        End::Batch(self)
    }
}

impl Reporting {
    /// Who wants to know what happens in a batch.
    pub fn observe_batch(&self) -> &Recorder {
        &self.recorder
    }

    /// Who wants to know what happens in the run of a job, whose plan is noted.
    pub fn observe(&self, job: &dyn Job) -> &dyn Observer {
        let _ = self.planned.set((job.explain(), job.grids()));
        &self.recorder
    }

    /// All that is known of the run.
    fn record(self, done: Result<End<'_>, &Error>, settings: &Settings) -> Record {
        let (wall_s, cpu_s) = self.recorder.seconds();
        let peak = ResidentSet::now().peak;
        let recorded = self.recorder.finish();
        let Recorded { mut samples, mut chunks, mut stages, mut batch, mut cuts, .. } = recorded;
        let Recorded { spills, mut rejects, warnings, more_warnings, .. } = recorded;
        let (plan, grids) = self.planned.into_inner().map_or((None, Vec::new()), |(plan, grids)| (Some(plan), grids));
        let planned = plan.as_ref().map(|plan| (plan.ledger.ceiling, plan.predicted_peak)).unwrap_or_default();
        let mut memory =
            Memory { ceiling: planned.0, predicted_peak: planned.1, actual_peak: peak, ..Memory::default() };
        let (mut status, mut exit, mut failed, mut came) = ("complete", 0, None, None);
        match done {
            Ok(End::Batch(outcome)) => {
                exit = outcome.exit_code();
                status = if exit == 0 { "complete" } else { "set_aside" };
                let of = outcome.memory;
                (memory.ceiling, memory.actual_peak, memory.baseline) = (of.ceiling, of.supervisor_peak, of.supervisor);
                if let Some(batch) = &mut batch {
                    (batch.counts, batch.memory) = (Some(outcome.jobs), Some(of));
                }
            }
            Ok(End::Job(outcome)) => {
                memory = outcome.memory.clone();
                for (name, _, cpu_s) in &outcome.stages {
                    if let Some(stage) = stages.iter_mut().find(|stage| stage.name == *name) {
                        stage.cpu_s = *cpu_s;
                    }
                }
                if let Some(output) = outcome.outputs.first() {
                    let kept = output.path.join("_swath/rejects.ndjson");
                    report::add_examples(&mut rejects, &kept, outcome.lake.is_some());
                }
                came = Some(Came {
                    scratch: outcome.scratch.clone(),
                    chunks: outcome.chunks.clone(),
                    rows: outcome.rows.clone(),
                    lake: outcome.lake.clone(),
                    outputs: outcome.outputs.clone(),
                    checks: outcome.checks.clone(),
                });
            }
            Err(error) => {
                status = if matches!(error, Error::Stopped { .. }) { "stopped" } else { "failed" };
                exit = error.exit_code();
                failed = Some(Failed { message: error.to_string(), hint: error.hint() });
                if let Some(of) = batch.as_ref().and_then(|batch| batch.memory) {
                    (memory.ceiling, memory.baseline) = (of.ceiling, of.supervisor);
                }
                match error {
                    Error::TooManyRejects { kept_at, .. } => report::add_examples(&mut rejects, kept_at, false),
                    Error::CeilingTooSmall { ceiling, .. } => memory.ceiling = *ceiling,
                    _ => {}
                }
            }
        }
        // As they are written, so that a page which is read back is the same.
        samples.iter_mut().for_each(|sample| sample.at_s = rounded(sample.at_s));
        cuts.iter_mut().for_each(|cut| cut.at_s = rounded(cut.at_s));
        chunks.iter_mut().for_each(|chunk| *chunk = chunk.rounded());
        for attempt in batch.iter_mut().flat_map(|batch| &mut batch.attempts) {
            (attempt.begin_s, attempt.end_s) = (rounded(attempt.begin_s), rounded(attempt.end_s));
        }
        for stage in &mut stages {
            for seconds in
                [&mut stage.begin_s, &mut stage.end_s, &mut stage.busy_s, &mut stage.longest_s, &mut stage.cpu_s]
            {
                *seconds = rounded(*seconds);
            }
        }
        Record {
            format: FORMAT.into(),
            version: VERSION,
            swath: env!("CARGO_PKG_VERSION").into(),
            command: settings.said.command.clone(),
            status: status.into(),
            exit,
            words: settings.said.words.clone(),
            folder: std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default(),
            started: self.started,
            ended: moment::now(),
            time: Time { wall_s: rounded(wall_s), cpu_s: rounded(cpu_s) },
            memory,
            error: failed,
            environment: self.environment,
            plan,
            grids,
            result: came,
            stages,
            samples,
            chunks,
            batch,
            cuts,
            spills,
            rejects,
            warnings,
            more_warnings,
        }
    }
}
