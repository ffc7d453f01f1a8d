//! The view of a batch in a terminal: jobs, memory against the ceiling, and a line for each job at work; as wide as the
//! terminal at most.

use std::time::Instant;

use swath::batch::BatchEvent;
use swath_core::{Bytes, resident_now};

use super::bar::filled;
use crate::moment::spoken;
use crate::report::{BatchNow, WorkerNow};
use crate::show::grouped;

/// Narrower than this nothing can be told.
const WIDTH_MIN: usize = 20;
/// Columns between the brackets of the bars of the whole batch, and of those of jobs.
const WIDE: usize = 20;
const NARROW: usize = 10;

/// What the view shows.
pub struct View {
    now: BatchNow,
    started: Instant,
    has_colors: bool,
}

impl View {
    /// Nothing yet.
    pub fn new(has_colors: bool) -> View {
        View { now: BatchNow::default(), started: Instant::now(), has_colors }
    }

    /// Takes note of an event.
    pub fn note(&mut self, event: &BatchEvent<'_>) {
        self.now.note(event);
    }

    /// Its lines, for a terminal of that size.
    pub fn render(&self, (columns, rows): (usize, usize)) -> String {
        self.render_at((columns, rows), self.started.elapsed().as_secs_f64(), resident_now())
    }

    fn render_at(&self, (columns, rows): (usize, usize), seconds: f64, own: Bytes) -> String {
        // In the last column some terminals begin a new line.
        let width = columns.saturating_sub(1).max(WIDTH_MIN);
        let mut lines = vec![self.jobs(seconds), self.memory(own)];
        let room = rows.saturating_sub(lines.len() + 2).max(1);
        let shown = if self.now.at_work.len() > room { room.saturating_sub(1) } else { room };
        lines.extend(self.now.at_work.iter().take(shown).map(|worker| of_worker(worker, width)));
        let more = self.now.at_work.len().saturating_sub(shown);
        if more > 0 {
            lines.push(format!("  and {more} more"));
        }
        let cut = |line: String| -> String { line.chars().take(width).collect() };
        let lines: Vec<String> = lines.into_iter().map(cut).map(|line| self.coloured(line)).collect();
        lines.join("\n")
    }

    fn jobs(&self, seconds: f64) -> String {
        let counts = self.now.counts;
        let (done, aside) = (counts.done + counts.skipped, counts.set_aside);
        let share = (done + aside) as f64 / counts.planned.max(1) as f64;
        let mut line = format!(
            "jobs    [{}] {} of {} done, {} running, {} waiting",
            filled(share, WIDE),
            grouped(done as u64),
            grouped(counts.planned as u64),
            self.now.running,
            grouped(self.now.waiting_count() as u64)
        );
        if aside > 0 {
            line.push_str(&format!(", {} set aside", grouped(aside as u64)));
        }
        match self.now.left_s(seconds) {
            Some(left_s) => line.push_str(&format!("  about {} left", spoken(left_s))),
            None => line.push_str(&format!("  {}", spoken(seconds))),
        }
        line
    }

    fn memory(&self, own: Bytes) -> String {
        let (ceiling, resident) = (self.now.ceiling, own + self.now.resident());
        let share = resident.0 as f64 / ceiling.0.max(1) as f64;
        format!("memory  [{}] {resident} of {ceiling}, {} granted", filled(share, WIDE), self.now.granted)
    }

    /// What bars are filled with, in colour where that is wanted.
    fn coloured(&self, line: String) -> String {
        match (self.has_colors, line.find("[#"), line.rfind('#')) {
            (true, Some(begin), Some(end)) => {
                format!("{}\x1b[36m{}\x1b[0m{}", &line[..=begin], &line[begin + 1..=end], &line[end + 1..])
            }
            _ => line,
        }
    }
}

/// The line of a job at work. Of a long name the end is shown, which tells more.
fn of_worker(worker: &WorkerNow, width: usize) -> String {
    let stage = if worker.stage.is_empty() { "begins" } else { &worker.stage };
    let memory = format!("{} of {}", worker.resident, worker.grant);
    let share = worker.share * 100.0;
    let head = format!(
        "{:>3} {stage:<9.9} [{}] {share:>3.0} %  {memory:<18}  ",
        worker.place + 1,
        filled(worker.share, NARROW),
    );
    let room = width.saturating_sub(head.chars().count());
    let length = worker.job.chars().count();
    match length > room && room > 1 {
        true => format!("{head}…{}", worker.job.chars().skip(length + 1 - room).collect::<String>()),
        false => format!("{head}{}", worker.job),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swath::batch::AtWork;

    fn view(has_colors: bool) -> View {
        let mut view = View::new(has_colors);
        view.note(&BatchEvent::Plan {
            jobs: 40,
            skipped: 2,
            workers: 2,
            ceiling: Bytes(1_000_000_000),
            share: Bytes(480_000_000),
            limits: "",
        });
        for job in ["a.tif", "b.tif"] {
            view.note(&BatchEvent::Job { job, attempt: 1, grant: Bytes(480_000_000), process: 1 });
        }
        let done = |job| BatchEvent::Done {
            job,
            seconds: 1.0,
            grant: Bytes(480_000_000),
            peak: Bytes(1),
            outputs: &[],
            warnings: &[],
        };
        for job in ["a.tif", "x", "y", "z", "u", "v", "w", "s"] {
            view.note(&done(job));
        }
        let long = format!("a/folder/{}/b.tif", "long/".repeat(20));
        let at_work = AtWork {
            job: &long,
            place: 1,
            grant: Bytes(480_000_000),
            resident: Bytes(120_000_000),
            stage: "route",
            share: 0.45,
            seconds: 3.0,
            signs: 6,
        };
        view.note(&BatchEvent::Now(&[at_work]));
        view
    }

    #[test]
    fn it_tells_jobs_memory_and_who_is_at_work() {
        let text = view(false).render_at((100, 24), 10.0, Bytes(9_000_000));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "jobs    [#####---------------] 10 of 40 done, 1 running, 29 waiting  about 38 s left",
                "memory  [##------------------] 129 MB of 1 GB, 480 MB granted",
                "  2 route     [####------]  45 %  120 MB of 480 MB    …ng/long/long/long/long/long/long/long//b.tif",
            ]
        );
    }

    #[test]
    fn it_is_as_wide_and_high_as_the_terminal_at_most() {
        let mut view = view(true);
        let at_work: Vec<AtWork<'_>> = (0..30)
            .map(|place| AtWork {
                job: "ä/b.tif",
                place,
                grant: Bytes(30_000_000),
                resident: Bytes(20_000_000),
                stage: "",
                share: 1.0,
                seconds: 1.0,
                signs: 1,
            })
            .collect();
        view.note(&BatchEvent::Now(&at_work));
        for (columns, rows) in [(200, 50), (80, 24), (40, 10), (21, 5)] {
            let text = view.render_at((columns, rows), 1.0, Bytes(9_000_000));
            assert!(text.lines().count() < rows, "{text}");
            for line in text.lines() {
                let plain = line.replace("\x1b[36m", "").replace("\x1b[0m", "");
                assert!(plain.chars().count() < columns, "{columns}: {line}");
                assert_eq!(line.matches("\x1b[36m").count(), line.matches("\x1b[0m").count(), "{line}");
            }
            assert_eq!(text.contains("more"), rows < 40, "{text}");
        }
    }
}
