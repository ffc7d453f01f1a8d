//! Tells what happens during a run: a bar, a log for people, or a log for programs, and a service manager, if there is one.

mod bar;
mod batch;
mod json_log;
mod manager;
mod recorder;
mod screen;
mod text_log;
mod view;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

use serde::Serialize;
use swath::outcome::Outcome;
use swath_core::{Event, Observer};

use crate::moment;
use crate::process::{complain, complain_json};
use crate::settings::Settings;
use crate::words::{LogFormat, ProgressWhen};

use bar::{Bar, Ticker};
pub use batch::{BatchTalk, BothOfBatch};
use manager::Manager;
pub use recorder::{Recorded, Recorder, shortened};
use screen::Screen;
use std::sync::Arc;

/// Two observers, of which there may be only one.
pub struct Both<'a>(pub &'a dyn Observer, pub Option<&'a dyn Observer>);

impl Observer for Both<'_> {
    fn on(&self, event: &Event) {
        self.0.on(event);
        if let Some(second) = self.1 {
            second.on(event);
        }
    }
}

/// Tells of something when the run it is of has come to its end.
pub fn warn_late(event: &Event, format: LogFormat) {
    let line = match format {
        LogFormat::Json => json_log::line(event, 0, 0, false),
        LogFormat::Text => text_log::line(event, 0.0, false, false),
    };
    if let Some(line) = line {
        complain(&line);
    }
}

/// Tells where a dashboard is, however quiet it is to be: it was asked for, and its port may be any.
pub fn tell_address(url: &str, format: LogFormat) {
    #[derive(Serialize)]
    struct Body<'a> {
        event: &'static str,
        url: &'a str,
    }
    match format {
        LogFormat::Json => {
            let body = Body { event: "dashboard", url };
            complain_json(&json_log::Line { ts: moment::now(), level: "info", body });
        }
        LogFormat::Text => complain(&format!("dashboard: {url}")),
    }
}

/// How far the current stage is.
#[derive(Debug, Clone, Default)]
struct StageState {
    tasks: u64,
    done: u64,
}

/// The observer of a command.
pub struct Talk {
    screen: Arc<Screen>,
    format: LogFormat,
    quiet: bool,
    verbose: bool,
    started: Instant,
    stage: Mutex<StageState>,
    bar: Option<Arc<Mutex<Bar>>>,
    ticker: Mutex<Option<Ticker>>,
    manager: Option<Manager>,
}

impl Talk {
    /// Talks as the settings say.
    pub fn new(settings: &Settings) -> Talk {
        let screen = Arc::new(Screen::default());
        // Lines of JSON are for programs, which a bar between them would confuse.
        let wanted = settings.log == LogFormat::Text
            && match settings.progress {
                ProgressWhen::Always => true,
                ProgressWhen::Never => false,
                ProgressWhen::Auto => screen.is_terminal() && !settings.quiet,
            };
        let bar = wanted.then(|| Arc::new(Mutex::new(Bar::default())));
        let ticker = bar.as_ref().and_then(|bar| Ticker::start(Arc::clone(bar), Arc::clone(&screen)));
        Talk {
            screen,
            format: settings.log,
            quiet: settings.quiet,
            verbose: settings.verbose,
            started: Instant::now(),
            stage: Mutex::default(),
            bar,
            ticker: Mutex::new(ticker),
            manager: Manager::ready(),
        }
    }

    /// Takes the bar away; called before anything else is written, however the run ended.
    pub fn finish(&self) {
        drop(self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.screen.clear();
    }

    /// Logs the end of a run that is complete, unless only errors are wanted; the text log leaves that to the summary on
    /// standard output.
    pub fn result(&self, outcome: &Outcome) {
        if self.format == LogFormat::Json && !self.quiet {
            complain_json(&json_log::result(outcome));
        }
    }

    /// Counts the tasks of the current stage, and answers how far it is.
    fn advance(&self, event: &Event) -> StageState {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::StageStarted { tasks, skipped, .. } => {
                *stage = StageState { tasks: tasks + skipped, done: *skipped }
            }
            Event::Chunk { .. } => stage.done += 1,
            Event::Split { pieces, .. } => stage.tasks += pieces.saturating_sub(1),
            _ => {}
        }
        stage.clone()
    }
}

impl Observer for Talk {
    fn on(&self, event: &Event) {
        let stage = self.advance(event);
        let line = match self.format {
            LogFormat::Json => json_log::line(event, stage.done, stage.tasks, self.quiet),
            LogFormat::Text => text_log::line(event, self.started.elapsed().as_secs_f64(), self.quiet, self.verbose),
        };
        if let Some(line) = line {
            self.screen.line(&line);
        }
        if let Some(bar) = &self.bar {
            let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
            bar.note(event);
            self.screen.bar(&bar.render(self.screen.size().0), false);
        }
        if let (Some(manager), Event::StageStarted { stage: name, .. } | Event::Chunk { stage: name, .. }) =
            (&self.manager, event)
        {
            manager.status(format!("{name}: {} of {} tasks done", stage.done, stage.tasks));
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.finish();
    }
}
