//! Whether the process grows from task to task: a straight line through what it occupied after each look.
//!
//! Pages of buffers are left out, since leases bound them; what is left should stay as it is once each kind of task has
//! run. It only judges figures; looking is the business of the watch.

use crate::process::counting;
use crate::{Bytes, Error};

/// With fewer points no line says anything.
const POINTS_MIN: usize = 8;
/// When there are so many, every second one is forgotten.
const POINTS_MAX: usize = 512;
/// A rise that is less than so many times the scatter about the line is none.
const SCATTERS: f64 = 2.0;
/// Tasks of a stage that are its warm-up: a part of them, but some in any case.
const WARM_PART: u64 = 4;
const WARM_MIN: u64 = 8;

/// What the process occupied when so many tasks of a stage were done.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Point {
    tasks: f64,
    /// Without pages of buffers.
    resident: f64,
    live: f64,
    files: f64,
}

/// The points of one stage.
#[derive(Debug)]
pub(super) struct Drift {
    limit: Bytes,
    warm: u64,
    seen: u64,
    points: Vec<Point>,
    /// Of how many looks one is remembered, and how many came since.
    every: usize,
    since: usize,
}

impl Drift {
    /// Nothing seen yet of a stage of so many tasks.
    pub(super) fn new(limit: Bytes, tasks: u64) -> Drift {
        let warm = (tasks / WARM_PART).max(WARM_MIN);
        Drift { limit, warm, seen: 0, points: Vec::new(), every: 1, since: 0 }
    }

    /// Takes note of the process as it is after `tasks` tasks.
    ///
    /// # Errors
    /// [`Error::Drifted`] once it has grown by more than the limit.
    pub(super) fn look(&mut self, tasks: u64, resident: Bytes) -> Result<(), Error> {
        if tasks < self.warm || tasks == self.seen {
            return Ok(());
        }
        self.seen = tasks;
        let point = Point {
            tasks: tasks as f64,
            resident: (resident - counting::pages()).0 as f64,
            live: counting::live().0 as f64,
            files: open_files() as f64,
        };
        self.note(point).map_or(Ok(()), Err)
    }

    fn note(&mut self, point: Point) -> Option<Error> {
        self.since += 1;
        if self.since < self.every {
            return None;
        }
        self.since = 0;
        if self.points.len() == POINTS_MAX {
            let mut position = 0;
            self.points.retain(|_| {
                position += 1;
                position % 2 == 1
            });
            self.every *= 2;
        }
        self.points.push(point);
        let tasks = self.points.last().map_or(0.0, |last| last.tasks - self.points[0].tasks);
        // What comes and goes over some tasks is seen whole in as many as the warm-up took.
        if tasks < self.warm as f64 {
            return None;
        }
        let grown = rise(&self.points, |point| point.resident).filter(|grown| *grown > self.limit.0 as f64)?;
        let live = rise(&self.points, |point| point.live).unwrap_or(0.0);
        let files = rise(&self.points, |point| point.files).unwrap_or(0.0);
        Some(Error::Drifted {
            grown: bytes(grown),
            limit: self.limit,
            tasks: tasks as u64,
            live: bytes(live),
            slack: bytes(grown - live),
            files: files.round().max(0.0) as u64,
        })
    }
}

/// How much a figure rises from the first point to the last, by the line of least squares; nothing where that is not
/// more than it scatters.
fn rise(points: &[Point], figure: impl Fn(&Point) -> f64) -> Option<f64> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return None };
    let count = points.len() as f64;
    let mean = |of: &dyn Fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (middle, level) = (mean(&|point| point.tasks), mean(&figure));
    let across: f64 = points.iter().map(|point| (point.tasks - middle).powi(2)).sum();
    if points.len() < POINTS_MIN || across == 0.0 {
        return None;
    }
    let slope = points.iter().map(|point| (point.tasks - middle) * (figure(point) - level)).sum::<f64>() / across;
    let off = |point: &Point| figure(point) - level - slope * (point.tasks - middle);
    let scatter = (points.iter().map(|point| off(point).powi(2)).sum::<f64>() / count).sqrt();
    let rise = slope * (last.tasks - first.tasks);
    (rise > SCATTERS * scatter).then_some(rise)
}

fn bytes(figure: f64) -> Bytes {
    Bytes(figure.max(0.0) as u64)
}

/// How many files the process has open; zero where the system does not tell.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a run whose resident set is `resident` after each task.
    fn check(tasks: u64, resident: impl Fn(u64) -> f64) -> Option<Error> {
        let mut drift = Drift::new(Bytes(50_000_000), tasks);
        (drift.warm..tasks).find_map(|task| {
            let point = Point { tasks: task as f64, resident: resident(task), live: resident(task) / 2.0, files: 9.0 };
            drift.note(point)
        })
    }

    #[test]
    fn only_what_grows_is_told() {
        let steady = |_| 2e8;
        let sawtooth = |task: u64| 2e8 + (task % 10) as f64 * 1e7;
        let falling = |task: u64| 3e8 - task as f64 * 1e6;
        // What is taken once, as by the first task of each kind.
        let warm_up = |task: u64| 2e8 + task.min(40) as f64 * 5e6;
        let slow = |task: u64| 2e8 + task as f64 * 2e5;
        for (name, line) in [
            ("steady", &steady as &dyn Fn(u64) -> f64),
            ("sawtooth", &sawtooth),
            ("falling", &falling),
            ("warm-up", &warm_up),
            ("slow", &slow),
        ] {
            assert!(check(200, line).is_none(), "{name}");
        }
        let ramp = |task: u64| 2e8 + task as f64 * 1e6;
        let toothed = |task: u64| ramp(task) + sawtooth(task);
        for (name, line) in [("ramp", &ramp as &dyn Fn(u64) -> f64), ("toothed ramp", &toothed)] {
            let Some(Error::Drifted { grown, live, slack, tasks, files, .. }) = check(400, line) else {
                panic!("{name}")
            };
            assert!(grown > Bytes(50_000_000) && grown < Bytes(120_000_000), "{name}: {grown}");
            assert!((40..=100).contains(&tasks), "{name}: {tasks}");
            assert!(live.0.abs_diff(grown.0 / 2) < 2 && slack.0.abs_diff(grown.0 / 2) < 2 && files == 0, "{name}");
        }
    }

    #[test]
    fn few_points_say_nothing() {
        assert!(check(12, |task| task as f64 * 1e9).is_none());
        assert!(check(20, |task| task as f64 * 1e9).is_some());
        // Without a task that is done there is nothing to draw a line over.
        assert_eq!(rise(&[Point { tasks: 5.0, ..Point::default() }; 20], |point| point.tasks), None);
    }

    #[test]
    fn of_many_points_few_are_remembered() {
        let mut drift = Drift::new(Bytes(50_000_000), 1_000_000);
        for task in 0..1_000_000 {
            let point = Point { tasks: task as f64, resident: 2e8 + task as f64 * 40.0, ..Point::default() };
            assert!(drift.note(point).is_none(), "{task}");
        }
        assert!(drift.points.len() <= POINTS_MAX);
    }
}
