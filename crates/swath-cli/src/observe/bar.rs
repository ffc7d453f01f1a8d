//! The progress bar: stage, bytes, rate, time left, memory against the ceiling, in less than 80 columns.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use swath_core::{Bytes, Event, ResidentSet};

use super::screen::Screen;
use crate::moment::spoken;

/// Columns between the brackets.
const WIDTH: u64 = 12;

/// What the bar shows.
#[derive(Debug, Default)]
pub struct Bar {
    ceiling: Bytes,
    resident: Bytes,
    stage: String,
    tasks: u64,
    tasks_done: u64,
    work: Bytes,
    work_done: Bytes,
    started: Option<Instant>,
}

impl Bar {
    /// Takes note of an event.
    pub fn note(&mut self, event: &Event) {
        match event {
            Event::Plan { ceiling, .. } => self.ceiling = *ceiling,
            Event::StageStarted { stage, tasks, work, .. } => {
                *self = Bar {
                    ceiling: self.ceiling,
                    resident: self.resident,
                    stage: stage.clone(),
                    tasks: *tasks,
                    work: *work,
                    started: Some(Instant::now()),
                    ..Bar::default()
                };
            }
            Event::Chunk { work, resident, .. } => {
                self.tasks_done += 1;
                self.work_done += *work;
                self.resident = *resident;
            }
            Event::Split { pieces, .. } => self.tasks += pieces.saturating_sub(1),
            Event::Heartbeat { resident, .. } => self.resident = *resident,
            _ => {}
        }
    }

    /// The line, as of now.
    pub fn render(&self) -> String {
        self.render_at(self.started.map_or(0.0, |started| started.elapsed().as_secs_f64()))
    }

    /// The line, `seconds` into the stage. A stage without known bytes counts tasks.
    fn render_at(&self, seconds: f64) -> String {
        let in_bytes = self.work > Bytes::ZERO;
        let (done, all) = if in_bytes { (self.work_done.0, self.work.0) } else { (self.tasks_done, self.tasks) };
        let share = if all == 0 { 0.0 } else { (done as f64 / all as f64).min(1.0) };
        let filled = (share * WIDTH as f64) as usize;
        let bar = format!("{}{}", "#".repeat(filled), "-".repeat(WIDTH as usize - filled));
        let mut line = format!("{:<8.8} [{bar}] {:>3.0} %", self.stage, share * 100.0);
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
        if self.ceiling > Bytes::ZERO && line.chars().count() + memory.len() < 79 {
            line.push_str(&memory);
        }
        line.chars().take(79).collect()
    }
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
                screen.bar(&bar.render(), true);
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
        assert_eq!(bar.render_at(2.0), "route    [###---------]  25 %  400 MB  50 MB/s  6.0 s left  120 MB of 256 MB");
        bar.note(&started("a stage with a long name", 4, 0));
        bar.note(&chunk(0));
        assert_eq!(bar.render_at(0.5), "a stage  [###---------]  25 %  1 of 4  120 MB of 256 MB");
    }
}
