//! Tells what happens in a batch: a line for each job that has ended, or a log for programs.

use std::cell::{Cell, OnceCell, RefCell};
use std::io::IsTerminal;

use serde::Serialize;
use swath::batch::{Aside, BatchEvent, BatchObserver};

use super::Recorder;
use super::json_log::Line;
use super::manager::Manager;
use super::screen::Screen;
use super::text_log::{changed, waiting};
use super::view::View;
use crate::moment::{self, spoken};
use crate::process::complain_json;
use crate::settings::Settings;
use crate::show::{grouped, tame};
use crate::words::{LogFormat, ProgressWhen};

/// The observer of a batch.
pub struct BatchTalk {
    is_json: bool,
    quiet: bool,
    verbose: bool,
    tells_done: bool,
    screen: Screen,
    view: Option<RefCell<View>>,
    manager: OnceCell<Option<Manager>>,
    counts: Cell<Counts>,
}

/// What a service manager is told.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    jobs: usize,
    ended: usize,
    set_aside: usize,
}

impl BatchTalk {
    /// Talks as the settings say.
    pub fn new(settings: &Settings) -> BatchTalk {
        let tells_done = match settings.progress {
            ProgressWhen::Always => true,
            ProgressWhen::Never => false,
            ProgressWhen::Auto => !settings.quiet && (!settings.json || std::io::stderr().is_terminal()),
        };
        let is_json = settings.log == LogFormat::Json;
        let screen = Screen::default();
        let is_seen = screen.is_terminal() && !is_json && !settings.quiet && settings.progress != ProgressWhen::Never;
        let is_seen = is_seen && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let view = is_seen.then(|| RefCell::new(View::new(has_colors())));
        // Whoever sees the view sees that they are done; what goes wrong is told in lines above it.
        let tells_done = tells_done && (!is_seen || settings.verbose);
        BatchTalk {
            is_json,
            quiet: settings.quiet,
            verbose: settings.verbose,
            tells_done,
            screen,
            view,
            manager: OnceCell::new(),
            counts: Cell::default(),
        }
    }

    /// Takes the view away; called before anything else is written, however the batch ended.
    pub fn finish(&self) {
        self.screen.clear();
    }

    /// Draws the view as it is now: where that is told, which is not too often.
    fn draw(&self, event: &BatchEvent<'_>) {
        let Some(view) = &self.view else { return };
        let mut view = view.borrow_mut();
        view.note(event);
        if let BatchEvent::Now(_) = event {
            self.screen.bar(&view.render(self.screen.size()), false);
        }
    }

    /// Logs the end of a batch, unless only errors are wanted; the text log leaves that to the summary on standard output.
    pub fn result(&self, result: &impl Serialize) {
        #[derive(Serialize)]
        struct Body<T> {
            event: &'static str,
            #[serde(flatten)]
            result: T,
        }
        if self.is_json && !self.quiet {
            complain_json(&Line { ts: moment::now(), level: "info", body: Body { event: "result", result } });
        }
    }

    /// Tells the service manager, from the moment that work begins.
    fn inform(&self, event: &BatchEvent<'_>) {
        let mut counts = self.counts.get();
        match event {
            BatchEvent::Plan { jobs, skipped, .. } => counts = Counts { jobs: *jobs, ended: *skipped, set_aside: 0 },
            BatchEvent::Done { .. } => counts.ended += 1,
            BatchEvent::SetAside(_) => (counts.ended, counts.set_aside) = (counts.ended + 1, counts.set_aside + 1),
            _ => return,
        }
        self.counts.set(counts);
        if let Some(manager) = self.manager.get_or_init(Manager::ready) {
            let aside = match counts.set_aside {
                0 => String::new(),
                some => format!(", {} of them set aside", grouped(some as u64)),
            };
            manager.status(format!(
                "{} of {} jobs ended{aside}",
                grouped(counts.ended as u64),
                grouped(counts.jobs as u64)
            ));
        }
    }

    fn log(&self, event: &BatchEvent<'_>) {
        let level = match event {
            BatchEvent::SetAside(_) => "error",
            _ if self.quiet => return,
            BatchEvent::Retry { .. } | BatchEvent::Wait { .. } => "warning",
            BatchEvent::Job { .. } => "debug",
            BatchEvent::Plan { .. } | BatchEvent::Done { .. } | BatchEvent::Heartbeat { .. } => "info",
            BatchEvent::Waiting(_) | BatchEvent::Now(_) => return,
        };
        complain_json(&Line { ts: moment::now(), level, body: event });
    }

    /// Lines in which names have no letters that a terminal obeys.
    fn line(&self, event: &BatchEvent<'_>) -> Option<String> {
        match event {
            BatchEvent::Done { .. } => self.line_of(event),
            _ => self.line_of(event).map(|line| tame(&line, "")),
        }
    }

    fn line_of(&self, event: &BatchEvent<'_>) -> Option<String> {
        match event {
            BatchEvent::SetAside(aside) => Some(set_aside(aside)),
            _ if self.quiet => None,
            BatchEvent::Done { job, seconds, grant, peak, warnings, .. } => {
                let done = format!("done: {job} ({}, {peak} of {grant})", spoken(*seconds));
                let warnings = warnings.iter().map(|warning| format!("warning: {job}: {warning}"));
                let lines = warnings.chain(self.tells_done.then_some(done));
                let lines: Vec<String> = lines.map(|line| tame(&line, "")).collect();
                (!lines.is_empty()).then(|| lines.join("\n"))
            }
            BatchEvent::Retry { job, reason, grant } => Some(format!("again: {job} (with {grant} or more): {reason}")),
            BatchEvent::Wait { job, reason } => Some(format!("waits: {job}: {reason}")),
            BatchEvent::Heartbeat { seconds, running, ended, granted, resident, change, io_wait } => {
                let wait = waiting(*io_wait);
                Some(format!(
                    "{seconds:8.1} s  heartbeat: {} jobs ended, {running} at work with {granted}, {resident} resident \
                     ({}){wait}",
                    grouped(*ended as u64),
                    changed(*change)
                ))
            }
            BatchEvent::Plan { jobs, skipped, workers, ceiling, share, .. } if self.verbose => Some(format!(
                "plan: {} jobs, {} done before, {workers} at once with {share} each under a ceiling of {ceiling}",
                grouped(*jobs as u64),
                grouped(*skipped as u64)
            )),
            BatchEvent::Job { job, attempt, grant, process } if self.verbose => {
                Some(format!("begins: {job} (attempt {attempt}, {grant}, process {process})"))
            }
            BatchEvent::Plan { .. } | BatchEvent::Job { .. } | BatchEvent::Waiting(_) | BatchEvent::Now(_) => None,
        }
    }
}

/// Two observers of a batch, of which there may be only one.
pub struct BothOfBatch<'a>(pub &'a BatchTalk, pub Option<&'a Recorder>);

impl BatchObserver for BothOfBatch<'_> {
    fn on(&self, event: &BatchEvent<'_>) {
        self.0.on(event);
        if let Some(second) = self.1 {
            BatchObserver::on(second, event);
        }
    }

    fn names_wanted(&self) -> usize {
        self.1.map_or(0, BatchObserver::names_wanted)
    }
}

fn set_aside(aside: &Aside) -> String {
    let hint = aside.hint.as_ref().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    format!("set aside: {} ({}): {}{hint}", aside.name, aside.reason.words(), aside.message)
}

impl BatchObserver for BatchTalk {
    fn on(&self, event: &BatchEvent<'_>) {
        self.inform(event);
        if self.is_json {
            self.log(event);
        } else if let Some(line) = self.line(event) {
            self.screen.line(&line);
        }
        self.draw(event);
    }
}

impl Drop for BatchTalk {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Whether a terminal is to show colours (no-color.org).
fn has_colors() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
