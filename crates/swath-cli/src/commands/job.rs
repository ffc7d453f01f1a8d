//! Jobs of any verb: planned, and unless only the plan is wanted, carried out.

use std::path::Path;

use swath::Job;
use swath::outcome::Outcome;
use swath_core::{ALLOW_LARGER, Error, Event, MAKE_ROOM, MemoryRequest, Observer, Result, Stop, counting};

use super::reporting::{Reporting, reported};
use super::{warn, worker};
use crate::allocator;
use crate::observe::{Both, Talk};
use crate::process::{print, print_json, stop_on_signals};
use crate::settings::Settings;
use crate::show::explanation::{self, Planned};
use crate::show::{outcome, stats};

/// Prepares a job, and prints its plan, or runs it and prints what came of it. `output` is what it writes, if it does.
///
/// # Errors
/// What the library reports.
pub fn carry_out<J: Job + 'static>(
    prepare: impl FnOnce(&Stop) -> Result<J>,
    (explain, output): (bool, Option<&Path>),
    settings: &Settings,
) -> Result<()> {
    // A signal during planning counts, too.
    let stop = stop_on_signals()?;
    if explain {
        return explain_job(&prepare(&stop)?, settings);
    }
    let outcome = reported(output, settings, |reporting| {
        execute(Box::new(prepare(&stop)?), &stop, settings, reporting).map_err(with_way_on)
    })?;
    if settings.json {
        return print_json(&outcome);
    }
    if let Some(statistics) = &outcome.statistics {
        // They are what was asked for, however quiet it is to be.
        print(&stats::text(statistics))?;
        if !settings.quiet {
            print("\n")?;
        }
    }
    if settings.quiet { Ok(()) } else { print(&outcome::text(&outcome)) }
}

/// The error of a full disk, or of a file that may not grow, with the ways on that this command has: scratch stays where it
/// is in a run that goes on.
fn with_way_on(error: Error) -> Error {
    let Error::OutputUnwritable { path, reason, hint } = error else { return error };
    let hint = match hint.as_str() {
        MAKE_ROOM => {
            "make room there and run again with --resume; or begin anew with --overwrite, with scratch on another disk \
             by --tmp-dir"
        }
        ALLOW_LARGER => "allow larger files (ulimit -f) and run again with --resume",
        other => other,
    };
    Error::OutputUnwritable { path, reason, hint: hint.into() }
}

/// Prints the plan of a job.
///
/// # Errors
/// When standard output cannot be written.
pub fn explain_job(job: &dyn Job, settings: &Settings) -> Result<()> {
    let plan = job.explain();
    let origin = settings.memory.origin.to_string();
    if settings.json {
        return print_json(&Planned::new(&plan, &origin, job.warnings()));
    }
    warn(job.warnings(), settings);
    let source = match settings.memory.value {
        MemoryRequest::Exact(_) => origin,
        request => format!("{request}, {origin}, of the tightest limit: {}", plan.limit),
    };
    print(&explanation::text(&plan, &source))
}

/// Runs a job to its end, and tells about it meanwhile.
///
/// # Errors
/// What the library reports.
pub fn execute(job: Box<dyn Job>, stop: &Stop, settings: &Settings, reporting: Option<&Reporting>) -> Result<Outcome> {
    // It fits, so from here on the net may be where the ceiling is.
    allocator::give_back();
    counting::set_limit(worker::limit(job.explain().ledger.ceiling));
    worker::limit_data();
    let talk = Talk::new(settings);
    let warnings = job.warnings().to_vec();
    let observer = Both(&talk, reporting.map(|reporting| reporting.observe(&*job)));
    for message in &warnings {
        observer.on(&Event::Warning { message: message.clone() });
    }
    let result = job.execute(stop, &observer);
    talk.finish();
    let mut outcome = Outcome { warnings, ..result? };
    worker::add_waiting(&mut outcome.memory);
    talk.result(&outcome);
    Ok(outcome)
}
