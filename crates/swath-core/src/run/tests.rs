//! The executor with stages of a few lines: errors, panics, cuts, the stop flag, resume, and the order of things.
#![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;

use super::*;
use crate::{Error, Ledger, Receipt, Stage, TaskContext, TaskKey, TaskSpec};

type Body = dyn Fn(&TaskKey, &mut TaskContext<'_>) -> Result<u64> + Send + Sync;

/// A stage of `units` units, cut into tasks of `step`, whose work is a closure.
struct Steps {
    number: u16,
    units: u64,
    step: u64,
    bytes: Bytes,
    workers: usize,
    body: Box<Body>,
    finished: Mutex<Vec<u64>>,
    /// Threads whose workers have ended.
    ended: Arc<Mutex<Vec<ThreadId>>>,
}

impl Steps {
    fn new(number: u16, units: u64, step: u64, body: Box<Body>) -> Steps {
        let (finished, ended) = Default::default();
        Steps { number, units, step, bytes: Bytes(100), workers: usize::MAX, body, finished, ended }
    }

    fn specs(&self, units: Range<u64>, step: u64) -> Vec<TaskSpec> {
        let spec = |start| TaskSpec {
            key: TaskKey { stage: self.number, units: start..(start + step).min(units.end) },
            bytes: self.bytes,
        };
        units.clone().step_by(step as usize).map(spec).collect()
    }
}

impl Stage for Steps {
    fn name(&self) -> &str {
        "step"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.bytes
    }

    fn workers_max(&self) -> usize {
        self.workers
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        Bytes(key.units.end - key.units.start)
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let missing = done.missing(self.number, self.units);
        Ok(missing.into_iter().flat_map(|units| self.specs(units, self.step)).collect())
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        let value = (self.body)(key, context)?;
        Receipt::new(key.clone(), &value)
    }

    fn split(&self, key: &TaskKey) -> Option<Vec<TaskSpec>> {
        let length = key.units.end - key.units.start;
        (length > 1).then(|| self.specs(key.units.clone(), length.div_ceil(2)))
    }

    fn worker_ends(&self) {
        self.ended.lock().unwrap().push(std::thread::current().id());
    }

    fn finish(&self, done: &Receipts) -> Result<()> {
        let values = done.of_stage(self.number).map(|receipt| receipt.read::<u64>());
        self.finished.lock().unwrap().push(values.sum::<Result<u64>>()?);
        Ok(())
    }
}

fn sum_of(units: &Range<u64>) -> u64 {
    units.clone().sum()
}

fn plan(stages: Vec<Box<dyn Stage>>) -> Plan {
    let ledger = Ledger { ceiling: Bytes(1000), workers: 4, ..Ledger::default() };
    Plan { command: "test".into(), stages, ledger, scratch: Bytes::ZERO, output: Bytes::ZERO, choices: Vec::new() }
}

#[derive(Default)]
struct Names(Mutex<Vec<String>>);

impl Observer for Names {
    fn on(&self, event: &Event) {
        // How many looks there are depends on time.
        if matches!(event, Event::Sample { .. }) {
            return;
        }
        let event = serde_json::to_value(event).unwrap();
        self.0.lock().unwrap().push(event["event"].as_str().unwrap().into());
    }
}

impl Names {
    fn count(&self, name: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|other| *other == name).count()
    }
}

struct Outcome {
    summary: Result<Summary>,
    receipts: Receipts,
    names: Names,
    budget: Arc<Budget>,
}

fn run_with(plan: &Plan, journal: &Journal, receipts: Receipts, stop: &Stop, soft_mark: Bytes) -> Outcome {
    let (budget, names, mut receipts) = (Budget::new(Bytes(1000)), Names::default(), receipts);
    let sync = || Ok(());
    let mut options = RunOptions::new(3, Bytes(1000), &sync);
    options.soft_mark = soft_mark;
    let summary = run(plan, &budget, journal, &mut receipts, stop, &names, &options);
    assert_eq!(budget.leased(), Bytes::ZERO, "all memory came back");
    Outcome { summary, receipts, names, budget }
}

fn run_plain(plan: &Plan) -> Outcome {
    run_with(plan, &Journal::none(), Receipts::new(), &Stop::new(), Bytes(u64::MAX))
}

#[test]
fn every_worker_ends_on_its_own_thread_before_the_next_stage() {
    let worked: Arc<Mutex<Vec<ThreadId>>> = Arc::default();
    let works = Arc::clone(&worked);
    let first = Steps::new(
        0,
        20,
        1,
        Box::new(move |key, _| {
            works.lock().unwrap().push(std::thread::current().id());
            Ok(key.units.start)
        }),
    );
    let (ended, seen) = (Arc::clone(&first.ended), Arc::clone(&first.ended));
    let second = Steps::new(1, 1, 1, Box::new(move |_, _| Ok(seen.lock().unwrap().len() as u64)));
    let outcome = run_plain(&plan(vec![Box::new(first), Box::new(second)]));
    outcome.summary.unwrap();
    let (ended, worked) = (ended.lock().unwrap(), worked.lock().unwrap());
    assert_eq!(ended.len(), 3, "each of three workers once");
    assert!(worked.iter().all(|thread| ended.contains(thread)), "what a thread keeps it drops itself");
    assert_eq!(outcome.receipts.of_stage(1).next().unwrap().read::<u64>().unwrap(), 3);
}

#[test]
fn stages_run_in_order_and_see_what_came_before() {
    let first = Steps::new(0, 10, 1, Box::new(|key, _| Ok(sum_of(&key.units))));
    let second = Steps::new(1, 3, 2, Box::new(|_, context| Ok(context.done.count_of_stage(0))));
    let outcome = run_plain(&plan(vec![Box::new(first), Box::new(second)]));
    let summary = outcome.summary.unwrap();
    let chunks = ChunkCounts { planned: 12, done: 12, ..ChunkCounts::default() };
    assert_eq!((summary.chunks, summary.stages.len()), (chunks, 2));
    assert!(outcome.receipts.of_stage(1).all(|receipt| receipt.read::<u64>().unwrap() == 10));
    let names = outcome.names.0.lock().unwrap();
    assert_eq!((names[0].as_str(), names[1].as_str(), names.len()), ("plan", "stage_started", 1 + 2 + 12));
    assert!((100..=300).contains(&outcome.budget.high_water().0));
    assert!(summary.peak_leased == outcome.budget.high_water());
    assert!(serde_json::to_string(&summary).unwrap().contains("\"skipped_by_resume\":0"));
}

/// A stage whose tasks leave rests of half their size to another round.
struct Halves;

impl Halves {
    fn rest(&self, done: &Receipts) -> Vec<TaskSpec> {
        let sizes = done.of_stage(0).map(|receipt| receipt.read::<u64>().unwrap());
        let size = sizes.min().map_or(8, |size| size / 2);
        let begin = done.count_of_stage(0);
        let spec = |unit| TaskSpec { key: TaskKey { stage: 0, units: unit..unit + 1 }, bytes: Bytes(size) };
        (begin..begin + size).map(spec).collect()
    }
}

impl Stage for Halves {
    fn name(&self) -> &str {
        "halves"
    }

    fn task_bytes_max(&self) -> Bytes {
        Bytes(8)
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        Ok(self.rest(done))
    }

    fn more(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        Ok(self.rest(done))
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        Receipt::new(key.clone(), &context.lease.bytes().0)
    }
}

#[test]
fn a_stage_goes_on_until_there_is_no_more() {
    let outcome = run_plain(&plan(vec![Box::new(Halves)]));
    let chunks = ChunkCounts { planned: 15, done: 15, ..ChunkCounts::default() };
    assert_eq!(outcome.summary.unwrap().chunks, chunks);
    assert_eq!(outcome.names.count("stage_started"), 4);
    let outcome =
        run_with(&plan(vec![Box::new(Halves)]), &Journal::none(), outcome.receipts, &Stop::new(), Bytes(u64::MAX));
    let chunks = ChunkCounts { planned: 15, skipped_by_resume: 15, ..ChunkCounts::default() };
    assert_eq!(outcome.summary.unwrap().chunks, chunks);
}

#[test]
fn a_stage_without_tasks_is_finished_all_the_same() {
    let stage = Steps::new(0, 0, 1, Box::new(|_, _| Ok(1)));
    let outcome = run_plain(&plan(vec![Box::new(stage)]));
    assert_eq!(outcome.summary.unwrap().chunks, ChunkCounts::default());
}

#[test]
fn no_more_tasks_run_at_once_than_the_stage_wants() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (Arc::clone(&now), Arc::clone(&most));
    let body = move |_: &TaskKey, _: &mut TaskContext<'_>| {
        counters.1.fetch_max(counters.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        counters.0.fetch_sub(1, Ordering::SeqCst);
        Ok(0)
    };
    let mut stage = Steps::new(0, 100, 1, Box::new(body));
    stage.workers = 1;
    assert!(run_plain(&plan(vec![Box::new(stage)])).summary.is_ok());
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn the_first_error_ends_the_run() {
    for (what, words) in [("error", "unit 5 is bad"), ("panic", "step 5..6 panicked: unit 5 is bad")] {
        let body = move |key: &TaskKey, _: &mut TaskContext<'_>| match (key.units.start, what) {
            (5, "error") => Err(Error::unexpected("unit 5 is bad")),
            (5, _) => panic!("unit {} is bad", key.units.start),
            (unit, _) => {
                // Telling of a panic takes a while, and so others that are begun meanwhile take one, too.
                std::thread::sleep(Duration::from_millis(u64::from(unit > 50)));
                Ok(unit)
            }
        };
        let second = Steps::new(1, 3, 1, Box::new(|_, _| panic!("the second stage must not begin")));
        let outcome = run_plain(&plan(vec![Box::new(Steps::new(0, 10_000, 1, Box::new(body))), Box::new(second)]));
        let error = outcome.summary.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.exit_code()), (words, 1));
        assert!(!outcome.receipts.covers(0, 5));
        assert!(outcome.receipts.done() < 9_999, "the others were not all begun");
    }
}

#[test]
fn tasks_that_need_too_much_are_cut() {
    // Only single units fit their lease.
    let body = |key: &TaskKey, context: &mut TaskContext<'_>| {
        let _charge = context.lease.charge(Bytes(60 * (key.units.end - key.units.start)))?;
        Ok(sum_of(&key.units))
    };
    let outcome = run_plain(&plan(vec![Box::new(Steps::new(0, 16, 8, Box::new(body)))]));
    let chunks = outcome.summary.unwrap().chunks;
    assert_eq!((chunks.planned, chunks.done, chunks.split), (2, 16, 14));
    assert_eq!((outcome.names.count("split"), outcome.names.count("chunk")), (14, 16));
    assert_eq!(outcome.receipts.missing(0, 16), vec![]);
}

#[test]
fn a_task_that_cannot_be_cut_ends_the_run_with_exit_code_4() {
    for (bytes, charge, words) in [
        (100, 101, "step 7..8 asked for 101 B of memory, 100 B was left under the ceiling"),
        (1001, 1, "step 7..8 asked for 1 kB of memory, 1 kB was left under the ceiling"),
    ] {
        let body = move |_: &TaskKey, context: &mut TaskContext<'_>| context.lease.charge(Bytes(charge)).map(|_| 0);
        let mut stage = Steps::new(0, 8, 1, Box::new(body));
        stage.bytes = Bytes(bytes);
        let mut receipts = Receipts::new();
        receipts.insert(Receipt::new(TaskKey { stage: 0, units: 0..7 }, &0).unwrap()).unwrap();
        let outcome = run_with(&plan(vec![Box::new(stage)]), &Journal::none(), receipts, &Stop::new(), Bytes(u64::MAX));
        let error = outcome.summary.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.exit_code()), (words, 4));
    }
}

/// A stage that cuts its only task as a test wants.
struct Cutter(Vec<TaskSpec>);

impl Stage for Cutter {
    fn name(&self) -> &str {
        "cut"
    }

    fn task_bytes_max(&self) -> Bytes {
        Bytes(10)
    }

    fn tasks(&self, _done: &Receipts) -> Result<Vec<TaskSpec>> {
        Ok(vec![TaskSpec { key: TaskKey { stage: 0, units: 0..4 }, bytes: Bytes(10) }])
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        if context.lease.bytes() < Bytes(20) && key.units == (0..4) {
            context.lease.charge(Bytes(20))?;
        }
        Receipt::new(key.clone(), &())
    }

    fn split(&self, _key: &TaskKey) -> Option<Vec<TaskSpec>> {
        Some(self.0.clone())
    }
}

#[test]
fn pieces_must_be_smaller_or_have_more_memory() {
    let check = |pieces: &[(Range<u64>, u64)], expect: Option<(u64, u64)>| {
        let spec = |(units, bytes): &(Range<u64>, u64)| TaskSpec {
            key: TaskKey { stage: 0, units: units.clone() },
            bytes: Bytes(*bytes),
        };
        let outcome = run_plain(&plan(vec![Box::new(Cutter(pieces.iter().map(spec).collect()))]));
        let counts = outcome.summary.map(|summary| (summary.chunks.split, summary.chunks.retried));
        assert_eq!(counts.ok(), expect, "{pieces:?}");
    };
    check(&[(0..2, 10), (2..4, 10)], Some((1, 0)));
    check(&[(0..1, 10), (1..3, 10), (3..4, 10)], Some((1, 0)));
    check(&[(0..4, 20)], Some((0, 1)));
    check(&[(0..4, 10)], None);
    check(&[], None);
    check(&[(0..2, 10)], None);
    check(&[(0..2, 10), (3..4, 10)], None);
    check(&[(0..2, 10), (2..5, 10)], None);
    check(&[(2..4, 10), (0..2, 10)], None);
}

#[test]
fn the_stop_flag_ends_the_run_and_keeps_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let identity = serde_json::json!({});
    let stop = Stop::new();
    let raiser = stop.clone();
    let body = move |key: &TaskKey, context: &mut TaskContext<'_>| {
        if key.units.start >= 20 {
            raiser.raise();
            // A long task looks at its flag now and then.
            loop {
                context.stop.check()?;
                std::thread::yield_now();
            }
        }
        Ok(sum_of(&key.units))
    };
    let journal = Journal::create(folder.path(), &identity).unwrap();
    let first = plan(vec![Box::new(Steps::new(0, 40, 1, Box::new(body)))]);
    let outcome = run_with(&first, &journal, Receipts::new(), &stop, Bytes(u64::MAX));
    assert!(matches!(outcome.summary, Err(Error::Stopped { resumable: true })));
    drop(journal);

    let (journal, receipts) = Journal::open(folder.path(), &identity).unwrap();
    assert_eq!(receipts.missing(0, 40), vec![20..40]);
    let stage = Steps::new(
        0,
        40,
        1,
        Box::new(|key, _| {
            assert!(key.units.start >= 20, "what is done is not done again");
            Ok(sum_of(&key.units))
        }),
    );
    let outcome = run_with(&plan(vec![Box::new(stage)]), &journal, receipts, &Stop::new(), Bytes(u64::MAX));
    let chunks = outcome.summary.unwrap().chunks;
    assert_eq!((chunks.planned, chunks.done, chunks.skipped_by_resume), (40, 20, 20));
    let total: u64 = outcome.receipts.of_stage(0).map(|receipt| receipt.read::<u64>().unwrap()).sum();
    assert_eq!(total, sum_of(&(0..40)));
}

#[test]
fn a_raised_flag_starts_nothing() {
    let stop = Stop::new();
    stop.raise();
    let stage = Steps::new(0, 4, 1, Box::new(|_, _| panic!("nothing may start")));
    let outcome = run_with(&plan(vec![Box::new(stage)]), &Journal::none(), Receipts::new(), &stop, Bytes(u64::MAX));
    assert!(matches!(outcome.summary, Err(Error::Stopped { .. })));
}

#[cfg(target_os = "linux")]
#[test]
fn above_the_soft_mark_tasks_run_one_by_one() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counters = (Arc::clone(&now), Arc::clone(&most));
    let body = move |_: &TaskKey, _: &mut TaskContext<'_>| {
        counters.1.fetch_max(counters.0.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::yield_now();
        counters.0.fetch_sub(1, Ordering::SeqCst);
        Ok(0)
    };
    let stage = Steps::new(0, 50, 1, Box::new(body));
    // Every process is larger than one byte.
    let outcome = run_with(&plan(vec![Box::new(stage)]), &Journal::none(), Receipts::new(), &Stop::new(), Bytes(1));
    assert_eq!(outcome.summary.unwrap().chunks.done, 50);
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn a_receipt_for_other_work_is_refused() {
    struct Liar;
    impl Stage for Liar {
        fn name(&self) -> &str {
            "lie"
        }
        fn task_bytes_max(&self) -> Bytes {
            Bytes(1)
        }
        fn tasks(&self, _done: &Receipts) -> Result<Vec<TaskSpec>> {
            Ok(vec![TaskSpec { key: TaskKey { stage: 0, units: 0..1 }, bytes: Bytes(1) }])
        }
        fn run(&self, _key: &TaskKey, _context: &mut TaskContext<'_>) -> Result<Receipt> {
            Receipt::new(TaskKey { stage: 0, units: 1..2 }, &())
        }
    }
    assert!(run_plain(&plan(vec![Box::new(Liar)])).summary.unwrap_err().to_string().contains("made out to"));
}

#[test]
fn a_failed_sync_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &serde_json::json!({})).unwrap();
    let plan = plan(vec![Box::new(Steps::new(0, 400, 1, Box::new(|_, _| Ok(0))))]);
    let sync = || Err(io::Error::from(io::ErrorKind::StorageFull));
    let mut options = RunOptions::new(2, Bytes(1000), &sync);
    options.flush_work = Bytes(10);
    let mut receipts = Receipts::new();
    let outcome =
        run(&plan, &Budget::new(Bytes(1000)), &journal, &mut receipts, &Stop::new(), &crate::NoObserver, &options);
    assert_eq!(outcome.unwrap_err().exit_code(), 6);
    drop(journal);
    assert_eq!(Journal::open(folder.path(), &serde_json::json!({})).unwrap().1.done(), 0);
}

#[test]
fn work_is_flushed_while_the_stage_runs() {
    let folder = tempfile::tempdir().unwrap();
    let journal = Journal::create(folder.path(), &serde_json::json!({})).unwrap();
    let syncs = AtomicUsize::new(0);
    let sync = || {
        syncs.fetch_add(1, Ordering::SeqCst);
        Ok(())
    };
    let seen = Arc::new(AtomicUsize::new(0));
    let mut options = RunOptions::new(2, Bytes(1000), &sync);
    options.flush_work = Bytes(50);
    let flag = Arc::clone(&seen);
    let body = move |key: &TaskKey, _: &mut TaskContext<'_>| {
        // The last task waits until something was flushed, which only the keeper can do.
        while key.units.start == 199 && flag.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        Ok(0)
    };
    let plan = plan(vec![Box::new(Steps::new(0, 200, 1, Box::new(body)))]);
    let counting_sync = || {
        seen.fetch_add(1, Ordering::SeqCst);
        sync()
    };
    options.sync = &counting_sync;
    let mut receipts = Receipts::new();
    run(&plan, &Budget::new(Bytes(1000)), &journal, &mut receipts, &Stop::new(), &crate::NoObserver, &options).unwrap();
    assert!(syncs.load(Ordering::SeqCst) >= 2, "once underway and once at the end");
    drop(journal);
    assert_eq!(Journal::open(folder.path(), &serde_json::json!({})).unwrap().1.done(), 200);
}

#[test]
fn a_heartbeat_tells_what_happens() {
    struct Beats(Mutex<Vec<serde_json::Value>>, Arc<AtomicUsize>);
    impl Observer for Beats {
        fn on(&self, event: &Event) {
            if let Event::Heartbeat { .. } = event {
                self.0.lock().unwrap().push(serde_json::to_value(event).unwrap());
                self.1.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
    let beats = Beats(Mutex::default(), Arc::default());
    let seen = Arc::clone(&beats.1);
    let body = move |key: &TaskKey, _: &mut TaskContext<'_>| {
        while key.units.start == 3 && seen.load(Ordering::SeqCst) < 2 {
            std::thread::yield_now();
        }
        Ok(0)
    };
    let plan = plan(vec![Box::new(Steps::new(0, 4, 1, Box::new(body)))]);
    let sync = || Ok(());
    let mut options = RunOptions::new(1, Bytes(1000), &sync);
    options.heartbeat = Some(Duration::from_millis(1));
    run(&plan, &Budget::new(Bytes(1000)), &Journal::none(), &mut Receipts::new(), &Stop::new(), &beats, &options)
        .unwrap();
    let beats = beats.0.lock().unwrap();
    assert_eq!(beats.last().unwrap()["chunks"], 3);
    assert!(beats.iter().all(|beat| beat["io_wait"].is_null() || beat["io_wait"].as_f64() <= Some(1.0)));
}

#[test]
fn what_goes_to_scratch_is_told() {
    struct Spills(Mutex<Vec<(Bytes, Bytes)>>);
    impl Observer for Spills {
        fn on(&self, event: &Event) {
            if let Event::Spill { bytes, scratch } = *event {
                self.0.lock().unwrap().push((bytes, scratch));
            }
        }
    }
    let spills = Spills(Mutex::default());
    let in_use = Arc::new(AtomicUsize::new(500));
    let written = Arc::clone(&in_use);
    let body = move |_: &TaskKey, _: &mut TaskContext<'_>| {
        written.fetch_add(100, Ordering::SeqCst);
        Ok(0)
    };
    let plan = plan(vec![Box::new(Steps::new(0, 4, 1, Box::new(body)))]);
    let (sync, scratch) = (|| Ok(()), || Bytes(in_use.load(Ordering::SeqCst) as u64));
    let mut options = RunOptions::new(1, Bytes(1000), &sync);
    options.scratch = Some(&scratch);
    run(&plan, &Budget::new(Bytes(1000)), &Journal::none(), &mut Receipts::new(), &Stop::new(), &spills, &options)
        .unwrap();
    let spills = spills.0.lock().unwrap();
    // What an earlier process left there is no news.
    assert_eq!(spills.iter().map(|spill| spill.0).sum::<Bytes>(), Bytes(400));
    assert_eq!(spills.last().unwrap().1, Bytes(900));
}

#[test]
fn panics_outside_of_tasks_are_errors_too() {
    struct Panics(&'static str);
    impl Stage for Panics {
        fn name(&self) -> &str {
            "panic"
        }
        fn task_bytes_max(&self) -> Bytes {
            Bytes(1)
        }
        fn tasks(&self, _done: &Receipts) -> Result<Vec<TaskSpec>> {
            assert_ne!(self.0, "tasks");
            Ok(vec![TaskSpec { key: TaskKey { stage: 0, units: 0..1 }, bytes: Bytes(1) }])
        }
        fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
            context.lease.charge(Bytes(if self.0 == "split" { 2 } else { 1 }))?;
            Receipt::new(key.clone(), &())
        }
        fn split(&self, _key: &TaskKey) -> Option<Vec<TaskSpec>> {
            panic!("split")
        }
        fn finish(&self, _done: &Receipts) -> Result<()> {
            assert_ne!(self.0, "finish");
            Ok(())
        }
    }
    for (place, words) in
        [("tasks", "panic panicked: "), ("split", "panic 0..1 panicked: split"), ("finish", "panic panicked: ")]
    {
        let error = run_plain(&plan(vec![Box::new(Panics(place))])).summary.unwrap_err();
        assert!(error.to_string().starts_with(words), "{error}");
    }
    assert!(run_plain(&plan(vec![Box::new(Panics("nowhere"))])).summary.is_ok());
}
