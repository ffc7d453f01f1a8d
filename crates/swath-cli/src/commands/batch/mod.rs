//! `swath batch`: where jobs come from, where it remembers, and what is told at the end.

mod understand;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use swath::batch::{self, BatchRequest, Jobs, SUPERVISOR_BYTES, failed_path};
use swath::raster::named_files;
use swath_core::{Error, Limits, Result, counting};

use super::reporting::{Reporting, reported};
use crate::allocator;
use crate::environment;
use crate::observe::{BatchTalk, BothOfBatch};
use crate::process::{complain, stop_on_signals, tell, tell_json, wait_for_children};
use crate::report;
use crate::settings::{Origin, Setting, Settings};
use crate::show::{Headed, batch as show};
use crate::words::BatchWords;
pub use understand::{Grammar, files_of};

/// The program itself, also where another one has taken its path meanwhile.
#[cfg(target_os = "linux")]
const PROGRAM: &str = "/proc/self/exe";

/// Runs a batch; answers its exit code.
///
/// # Errors
/// What the library reports.
pub fn run(words: BatchWords, settings: &Settings) -> Result<u8> {
    let stop = stop_on_signals()?;
    wait_for_children();
    if let Some(out_dir) = words.out_dir.as_ref().filter(|path| path.metadata().is_ok_and(|there| !there.is_dir())) {
        return Err(Error::OutputUnwritable {
            path: out_dir.clone(),
            reason: "it is a file, and --out-dir wants a folder".into(),
            hint: "name another folder; it is made if it is not there".into(),
        });
    }
    let jobs = jobs(&words)?;
    let memory = match (&settings.memory.origin, jobs.memory, &jobs.path) {
        (Origin::Flag(_), ..) | (_, None, _) | (_, _, None) => settings.memory.clone(),
        (_, Some(value), Some(path)) => Setting { value, origin: Origin::File(path.clone()) },
    };
    let limits = Limits::detect(settings.threads.value);
    let ceiling = memory.value.resolve(&limits);
    counting::set_limit(SUPERVISOR_BYTES);
    let failed = words.failed.clone().unwrap_or_else(|| match &words.retry {
        Some(retry) => retry.clone(),
        None => failed_path(jobs.path.as_deref(), words.out_dir.as_deref()),
    });
    let request = BatchRequest {
        ceiling,
        threads: limits.workers(settings.threads.value),
        program: program()?,
        environment: [allocator::for_workers(), environment::for_workers()].concat(),
        state: state_path(jobs.path.as_deref(), words.out_dir.as_deref()),
        replaces_failed: words.retry.as_ref() == Some(&failed),
        failed,
        report: settings.report.clone(),
        retries: words.retries,
        fail_fast: words.fail_fast,
        drift_limit: words.drift_limit,
        resume: words.resume,
        silence: Duration::from_secs_f64(words.silence),
        hang: Duration::from_secs_f64(words.hang_after),
        heartbeat: settings.heartbeat_s.map(Duration::from_secs_f64),
        jobs,
    };
    let mut grammar = Grammar::default();
    if let Some(report) = &settings.report {
        let jobs = request.jobs.all.iter().filter_map(|job| grammar.files(&job.words).ok());
        jobs.flat_map(|files| files.outputs).try_for_each(|output| report::may_be_written(report, Some(&output)))?;
    }
    let talk = BatchTalk::new(settings);
    let outcome = reported(None, settings, |reporting| {
        // What is told of limits has set it to the whole ceiling.
        counting::set_limit(SUPERVISOR_BYTES);
        let observer = BothOfBatch(&talk, reporting.map(Reporting::observe_batch));
        let done = batch::run(request, &mut |words| grammar.files(words), &stop, &observer);
        talk.finish();
        done
    })?;
    let exit = outcome.exit_code();
    let status = if exit == 0 { "complete" } else { "set_aside" };
    let result = Headed { swath: env!("CARGO_PKG_VERSION"), command: "batch", status, exit, body: &outcome };
    talk.result(&result);
    let told = match settings {
        _ if settings.json => tell_json(&result),
        _ if settings.quiet => Ok(()),
        _ => tell(&show::text(&outcome)),
    };
    // What became of the jobs counts for more.
    match told {
        Err(error) if exit != 0 => complain(&format!("warning: {error}")),
        told => told?,
    }
    Ok(exit)
}

fn jobs(words: &BatchWords) -> Result<Jobs> {
    if let Some(retry) = &words.retry {
        return Jobs::of_set_aside(retry);
    }
    match (&words.each, &words.out_dir, &words.paths[..]) {
        (Some(each), Some(out_dir), inputs) => {
            let files: Vec<Vec<PathBuf>> = inputs.iter().map(|input| named_files(input)).collect::<Result<_>>()?;
            Jobs::of_each(each, &files.concat(), out_dir, words.suffix.as_deref())
        }
        (_, _, [file]) => Jobs::of_file(file),
        (_, _, files) => Err(Error::Usage {
            message: format!("{} files of jobs are named, and there may be one", files.len()),
            hint: "with --each they are inputs: --each 'raster convert {in} -o {out}' --out-dir out".into(),
        }),
    }
}

/// The folder of the journal: in the folder of the outputs, or beside the file of jobs.
fn state_path(jobs: Option<&Path>, out_dir: Option<&Path>) -> PathBuf {
    match (out_dir, jobs.and_then(|jobs| Some((jobs, jobs.file_name()?)))) {
        (None, Some((jobs, name))) => {
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(".batch");
            jobs.with_file_name(hidden)
        }
        (out_dir, _) => out_dir.unwrap_or(Path::new(".")).join(".jobs.batch"),
    }
}

/// The program itself.
///
/// # Errors
/// When it does not find itself.
pub fn program() -> Result<PathBuf> {
    #[cfg(target_os = "linux")]
    if Path::new(PROGRAM).exists() {
        return Ok(PROGRAM.into());
    }
    std::env::current_exe().map_err(|error| Error::unexpected(format!("the program does not find itself: {error}")))
}
