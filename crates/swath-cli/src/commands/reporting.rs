//! `--report` and `--dashboard`: a run is watched from its planning on, shown while it goes on, and told in a page however
//! it ends.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use swath::batch::BatchOutcome;
use swath::outcome::{Explanation, Memory, Outcome, Time};
use swath::{BlockOrder, Job};
use swath_core::{Error, Event, Observer, ResidentSet, Result};

use super::doctor::examine;
use crate::dashboard::{Dashboard, Farewell, Opened, Source};
use crate::moment;
use crate::observe::{Recorded, Recorder, tell_address, warn_late};
use crate::report::{self, Came, FORMAT, Failed, Record, VERSION, rounded};
use crate::settings::{Said, Settings};
use crate::show::doctor::Examination;

/// A run that is watched for its report, or for those who look at it meanwhile.
pub struct Reporting(Arc<Watched>);

/// What is known of it.
struct Watched {
    started: String,
    environment: Examination,
    said: Said,
    recorder: Recorder,
    planned: OnceLock<(Explanation, Vec<(String, BlockOrder)>)>,
}

/// Does what makes an outcome, serves a dashboard meanwhile, and writes its report, where these are wanted. That a report
/// cannot be written is told, and is no failure of the run: its output is what it would be without.
///
/// # Errors
/// Those of the run; before it, those of a report or a dashboard that cannot be where it is wanted.
pub fn reported<T: Reported>(
    output: Option<&Path>,
    settings: &Settings,
    run: impl FnOnce(Option<&Reporting>) -> Result<T>,
) -> Result<T> {
    if settings.report.is_none() && settings.dashboard.is_none() {
        return run(None);
    }
    if let Some(path) = &settings.report {
        report::may_be_written(path, output)?;
    }
    let opened = settings.dashboard.map(|address| Opened::at(address, settings.dashboard_token.as_deref()));
    let opened = opened.transpose()?;
    let reporting = Reporting(Arc::new(Watched {
        started: moment::now(),
        environment: examine(settings),
        said: settings.said.clone(),
        recorder: Recorder::start(),
        planned: OnceLock::new(),
    }));
    let dashboard = opened.and_then(|opened| reporting.serve(opened, settings));
    let done = run(Some(&reporting));
    let came = done.as_ref().map(Reported::came);
    if let Some(dashboard) = dashboard {
        dashboard.finish(farewell(&came));
    }
    let Some(path) = &settings.report else { return done };
    let record = reporting.record(came);
    if let Err(error) = report::write(&record, path) {
        let message = format!("the report could not be written: {error}");
        warn_late(&Event::Warning { message }, settings.log);
    }
    done
}

/// How a run ended, in a line.
fn farewell(done: &Result<End<'_>, &Error>) -> Farewell {
    let (status, exit) = standing(done);
    let words = match done {
        Ok(_) if exit != 0 => "some jobs were set aside".into(),
        Ok(_) => "complete".into(),
        Err(Error::Stopped { .. }) => "stopped by a signal".into(),
        Err(error) => format!("failed, exit {}: {}", error.exit_code(), error.to_string().replace(['\n', '\r'], " ")),
    };
    Farewell { status, exit, words }
}

/// How a run ended, as records have it, and its exit code.
fn standing(done: &Result<End<'_>, &Error>) -> (&'static str, u8) {
    match done {
        Ok(End::Batch(outcome)) if outcome.exit_code() != 0 => ("set_aside", outcome.exit_code()),
        Ok(_) => ("complete", 0),
        Err(error @ Error::Stopped { .. }) => ("stopped", error.exit_code()),
        Err(error) => ("failed", error.exit_code()),
    }
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
        &self.0.recorder
    }

    /// Who wants to know what happens in the run of a job, whose plan is noted.
    pub fn observe(&self, job: &dyn Job) -> &dyn Observer {
        let _ = self.0.planned.set((job.explain(), job.grids()));
        &self.0.recorder
    }

    /// Serves a dashboard, and tells where it is. Without a thread for it the run does without.
    fn serve(&self, opened: Opened, settings: &Settings) -> Option<Dashboard> {
        let url = opened.url().to_string();
        match opened.serve(Arc::clone(&self.0) as Arc<dyn Source>) {
            Ok(dashboard) => {
                tell_address(&url, settings.log);
                Some(dashboard)
            }
            Err(error) => {
                let message = format!("there is no dashboard, since no thread could be started: {error}");
                warn_late(&Event::Warning { message }, settings.log);
                None
            }
        }
    }

    /// All that is known of the run.
    fn record(&self, done: Result<End<'_>, &Error>) -> Record {
        let (status, exit) = standing(&done);
        let (wall_s, cpu_s) = self.0.recorder.seconds();
        let mut record = Record {
            status: status.into(),
            exit,
            time: Time { wall_s: rounded(wall_s), cpu_s: rounded(cpu_s) },
            ..self.0.record(self.0.recorder.finish())
        };
        match done {
            Ok(End::Batch(outcome)) => {
                let (of, memory) = (outcome.memory, &mut record.memory);
                (memory.ceiling, memory.actual_peak, memory.baseline) = (of.ceiling, of.supervisor_peak, of.supervisor);
                if let Some(batch) = &mut record.batch {
                    (batch.counts, batch.memory) = (Some(outcome.jobs), Some(of));
                }
            }
            Ok(End::Job(outcome)) => {
                record.memory = outcome.memory.clone();
                for (name, _, cpu_s) in &outcome.stages {
                    if let Some(stage) = record.stages.iter_mut().find(|stage| stage.name == *name) {
                        stage.cpu_s = *cpu_s;
                    }
                }
                if let Some(output) = outcome.outputs.first() {
                    let kept = output.path.join("_swath/rejects.ndjson");
                    report::add_examples(&mut record.rejects, &kept, outcome.lake.is_some());
                }
                record.result = Some(Came {
                    scratch: outcome.scratch.clone(),
                    chunks: outcome.chunks.clone(),
                    rows: outcome.rows.clone(),
                    lake: outcome.lake.clone(),
                    outputs: outcome.outputs.clone(),
                    checks: outcome.checks.clone(),
                });
            }
            Err(error) => {
                record.error = Some(Failed { message: error.to_string(), hint: error.hint() });
                if let Some(of) = record.batch.as_ref().and_then(|batch| batch.memory) {
                    (record.memory.ceiling, record.memory.baseline) = (of.ceiling, of.supervisor);
                }
                match error {
                    Error::TooManyRejects { kept_at, .. } => {
                        report::add_examples(&mut record.rejects, kept_at, false);
                    }
                    Error::CeilingTooSmall { ceiling, .. } => record.memory.ceiling = *ceiling,
                    _ => {}
                }
            }
        }
        as_written(&mut record);
        record
    }
}

impl Source for Watched {
    fn now(&self) -> Record {
        let (wall_s, cpu_s) = self.recorder.seconds();
        let (recorded, now) = self.recorder.so_far();
        let ceiling = now.batch.as_ref().map(|batch| batch.ceiling);
        let record = self.record(recorded);
        let memory = Memory { ceiling: ceiling.unwrap_or(record.memory.ceiling), ..record.memory };
        Record { status: "running".into(), time: Time { wall_s, cpu_s }, memory, now: Some(now), ..record }
    }
}

impl Watched {
    /// What was remembered as a record, of which others know how it ended.
    fn record(&self, recorded: Recorded) -> Record {
        let Recorded { samples, chunks, stages, batch, cuts, spills, rejects, warnings, more_warnings } = recorded;
        let (plan, grids) = self.planned.get().cloned().map_or((None, Vec::new()), |(plan, grids)| (Some(plan), grids));
        let planned = plan.as_ref().map(|plan| (plan.ledger.ceiling, plan.predicted_peak)).unwrap_or_default();
        let actual_peak = ResidentSet::now().peak;
        Record {
            format: FORMAT.into(),
            version: VERSION,
            swath: env!("CARGO_PKG_VERSION").into(),
            command: self.said.command.clone(),
            status: "complete".into(),
            exit: 0,
            words: self.said.words.clone(),
            folder: std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default(),
            started: self.started.clone(),
            ended: moment::now(),
            time: Time::default(),
            memory: Memory { ceiling: planned.0, predicted_peak: planned.1, actual_peak, ..Memory::default() },
            error: None,
            environment: self.environment.clone(),
            plan,
            grids,
            result: None,
            stages,
            samples,
            chunks,
            batch,
            cuts,
            spills,
            rejects,
            warnings,
            more_warnings,
            now: None,
        }
    }
}

/// Makes figures what they are when they are written, so that a page which is read back is the same.
fn as_written(record: &mut Record) {
    record.samples.iter_mut().for_each(|sample| sample.at_s = rounded(sample.at_s));
    record.cuts.iter_mut().for_each(|cut| cut.at_s = rounded(cut.at_s));
    record.chunks.iter_mut().for_each(|chunk| *chunk = chunk.rounded());
    for attempt in record.batch.iter_mut().flat_map(|batch| &mut batch.attempts) {
        (attempt.begin_s, attempt.end_s) = (rounded(attempt.begin_s), rounded(attempt.end_s));
    }
    for stage in &mut record.stages {
        for seconds in [&mut stage.begin_s, &mut stage.end_s, &mut stage.busy_s, &mut stage.longest_s, &mut stage.cpu_s]
        {
            *seconds = rounded(*seconds);
        }
    }
}
