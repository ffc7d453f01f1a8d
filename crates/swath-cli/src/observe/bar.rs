//! The progress bar: stage, bytes, rate, time left, memory against the ceiling, in less than 80 columns.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use swath_core::progress::Standing;
use swath_core::{Bytes, Event, ResidentSet};

use super::screen::Screen;
use crate::moment::spoken;

/// Columns between the brackets.
const WIDTH: usize = 12;
/// More columns than these it never takes.
const COLUMNS_MAX: usize = 79;

/// What the bar shows.
#[derive(Debug, Default)]
pub struct Bar {
    ceiling: Bytes,
    resident: Bytes,
    standing: Standing,
    started: Option<Instant>,
}

impl Bar {
    /// Takes note of an event.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Plan { ceiling, .. } => self.ceiling = *ceiling,
            Event::StageStarted { stage, tasks, work, .. } => {
                self.standing = Standing::of_stage(stage, *tasks, *work);
                self.started = Some(Instant::now());
            }
            Event::Chunk { work, resident, .. } => {
                self.standing.done(*work);
                self.resident = *resident;
            }
            Event::Split { pieces, .. } => self.standing.cut(*pieces),
            Event::Heartbeat { resident, .. } => self.resident = *resident,
            _ => {}
        }
    }

    /// The line, as of now, for so many columns.
    pub fn render(&self, columns: usize) -> String {
        self.render_at(self.started.map_or(0.0, |started| started.elapsed().as_secs_f64()), columns)
    }

    /// The line, `seconds` into the stage. A stage without known bytes counts tasks.
    fn render_at(&self, seconds: f64, columns: usize) -> String {
        let most = columns.saturating_sub(1).min(COLUMNS_MAX);
        let (done, all) = self.standing.part();
        let in_bytes = self.standing.work > Bytes::ZERO;
        let share = self.standing.share();
        let mut line = format!("{:<8.8} [{}] {:>3.0} %", self.standing.stage, filled(share, WIDTH), share * 100.0);
        if in_bytes {
            line.push_str(&format!("  {}", Bytes(all)));
            if seconds > 0.0 && done > 0 {
                line.push_str(&format!("  {}/s", Bytes((done as f64 / seconds) as u64)));
            }
        } else if all > 0 {
            line.push_str(&format!("  {done} of {all}"));
        }
        if seconds > 1.0 && done > 0 && done < all {
            line.push_str(&format!("  {} left", spoken(seconds / share - seconds)));
        }
        let memory = format!("  {} of {}", self.resident, self.ceiling);
        if self.ceiling > Bytes::ZERO && line.chars().count() + memory.len() < most {
            line.push_str(&memory);
        }
        line.chars().take(most).collect()
    }
}

/// A bar of so many columns, of which a share is filled.
pub fn filled(share: f64, columns: usize) -> String {
    let filled = ((share * columns as f64) as usize).min(columns);
    format!("{}{}", "#".repeat(filled), "-".repeat(columns - filled))
}

/// A thread that draws the bar while no event comes, so that it is seen to live.
pub struct Ticker {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    /// Starts it; none if the system has no thread left, since a bar is not worth failing for.
    pub fn start(bar: Arc<Mutex<Bar>>, screen: Arc<Screen>) -> Option<Ticker> {
        let (end, ended) = channel();
        let tick = move || {
            while let Err(RecvTimeoutError::Timeout) = ended.recv_timeout(Duration::from_millis(250)) {
                let mut bar = bar.lock().unwrap_or_else(PoisonError::into_inner);
                bar.resident = ResidentSet::now().resident;
                screen.bar(&bar.render(screen.size().0), true);
            }
        };
        let thread = std::thread::Builder::new().name("bar".into()).stack_size(64 << 10).spawn(tick).ok()?;
        Some(Ticker { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_tells_bytes_or_tasks_and_stays_in_its_line() {
        let mut bar = Bar::default();
        let started = |stage: &str, tasks, work| Event::StageStarted {
            stage: stage.into(),
            tasks,
            skipped: 0,
            work: Bytes(work),
        };
        let chunk = |work| Event::Chunk {
            stage: String::new(),
            first: 0,
            end: 1,
            seconds: 0.1,
            work: Bytes(work),
            resident: Bytes(120_000_000),
        };
        bar.note(&Event::Plan {
            command: "sensor ingest".into(),
            ceiling: Bytes(256_000_000),
            predicted_peak: Bytes::ZERO,
            scratch: Bytes::ZERO,
            output: Bytes::ZERO,
            workers: 2,
        });
        bar.note(&started("route", 8, 400_000_000));
        bar.note(&chunk(100_000_000));
        assert_eq!(
            bar.render_at(2.0, 80),
            "route    [###---------]  25 %  400 MB  50 MB/s  6.0 s left  120 MB of 256 MB"
        );
        bar.note(&started("a stage with a long name", 4, 0));
        bar.note(&chunk(0));
        assert_eq!(bar.render_at(0.5, 200), "a stage  [###---------]  25 %  1 of 4  120 MB of 256 MB");
    }
}
