//! The loop of a batch: begins jobs as memory is free, listens to workers, and decides what becomes of jobs that end.
//!
//! One thread does it all. What an end means, who may begin, and what is remembered are matters of their own files.

mod look_back;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use swath_core::{Bytes, Error, GroupNest, MemoryGroup, OomKills, ResidentSet, Result, Stop, Stopwatch, resident_now};

use super::aside::{Aside, AsideFile, AsideMemory, Reason};
use super::deaths::{Death, End, SIGKILL, Stall, Verdict};
use super::grants::Grants;
use super::message::{Begin, Order, Said};
use super::order::Needs;
use super::outcome::{AtWork, BatchEvent, BatchMemory, BatchObserver, BatchOutcome};
use super::state::{Earlier, State, identity_of, inputs_of};
use super::worker::Worker;
use super::{BatchRequest, Files, GRANT_MIN, GROUP_BESIDE, SUPERVISOR_BYTES, Understand};
use crate::outcome::{Output, Time};

/// How often it is told how things stand.
const TELL: Duration = Duration::from_millis(200);
/// How long the loop sleeps at most while nobody says anything.
const TICK: Duration = Duration::from_millis(250);
/// The same while a process is about to end.
const TICK_OF_END: Duration = Duration::from_millis(2);
/// More than this between two looks is time in which the whole machine, or this process, stood still.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// Whoever finds its output held by another run looks again after this, so often: that of a batch that has just been killed
/// ends at once, and one that somebody else began does not.
const HELD_WAIT: Duration = Duration::from_millis(250);
const HELD_WAITS_MAX: u8 = 20;
/// How often a process may be followed by another since it grew.
const DRIFTS_MAX: u32 = 20;
/// Whoever crashed, and a process that the system does not start, comes again after this.
const AGAIN_WAIT: Duration = Duration::from_millis(500);
/// For how long no process is started at all before the batch ends.
const STARTS_WAIT_MAX: Duration = Duration::from_secs(20);
/// How often a plan may be refused with a larger figure each time.
const REFUSALS_MAX: u8 = 3;

/// What is known of a job.
#[derive(Debug, Clone, Copy)]
struct Entry {
    begin: Begin,
    attempts: u32,
    refusals: u8,
    waits: u8,
    pressures: u32,
    drifts: u32,
    once_more: bool,
    /// Whether nobody is to work beside it.
    alone: bool,
    ended: bool,
}

/// A job at work.
struct Running {
    job: u32,
    name: String,
    /// The place that it takes among those side by side.
    place: usize,
    grant: Bytes,
    worker: Worker,
    /// The control group that it is alone in, where there can be one.
    group: Option<MemoryGroup>,
    since: Instant,
    begin: Begin,
    /// What its inputs were when it began.
    inputs: u64,
    /// Whether what it has read cannot be read again.
    reads_once: bool,
    stall: Option<Stall>,
}

/// A batch at work.
pub(super) struct Supervisor<'a> {
    request: &'a BatchRequest,
    needs: Needs,
    understand: &'a mut Understand<'a>,
    observer: &'a dyn BatchObserver,
    grants: Grants,
    entries: Vec<Entry>,
    running: Vec<Running>,
    /// Jobs that are to be looked at again, when, and what they are to get.
    later: Vec<(Instant, u32, Bytes)>,
    /// Jobs that are not to be begun, and why.
    refused: Vec<(u32, Told)>,
    /// Since when the system starts no process, and when it is asked again.
    starts_none: Option<(Instant, Instant)>,
    kills: OomKills,
    /// Where control groups are made, or why not.
    nest: Result<GroupNest, String>,
    state: State,
    aside: AsideFile,
    outcome: BatchOutcome,
    stopwatch: Stopwatch,
    told: Instant,
    told_resident: Bytes,
    told_waited_us: Option<u64>,
    told_now: Option<Instant>,
    listened: Instant,
    is_stopping: bool,
}

impl<'a> Supervisor<'a> {
    /// Finds out what is done already, and queues the rest.
    pub fn prepare<'b>(
        request: &'a BatchRequest,
        needs: Needs,
        understand: &'a mut Understand<'b>,
        observer: &'a dyn BatchObserver,
    ) -> Result<Supervisor<'a>>
    where
        'b: 'a,
    {
        let aside = AsideFile::at(&request.failed, request.replaces_failed || request.resume)?;
        let (state, earlier) = open_state(request)?;
        if earlier.is_of_others(request.jobs.all.iter().map(|job| identity_of(&job.words))) {
            return Err(Error::OutputExists {
                path: request.state.clone(),
                message: "another unfinished batch stands here: none of its jobs is among these".into(),
                hint: "go on with that one first; or choose another folder".into(),
            });
        }
        let begin_of = |begun: bool| if request.resume || begun { Begin::Resume } else { Begin::AsSaid };
        let entry = |begun| Entry {
            begin: begin_of(begun),
            attempts: 0,
            refusals: 0,
            waits: 0,
            pressures: 0,
            drifts: 0,
            once_more: false,
            alone: false,
            ended: false,
        };
        let mut supervisor = Supervisor {
            request,
            needs,
            understand,
            observer,
            grants: Grants::of(request.ceiling - SUPERVISOR_BYTES, request.threads),
            entries: request.jobs.all.iter().map(|job| entry(job.begun)).collect(),
            running: Vec::new(),
            later: Vec::new(),
            refused: Vec::new(),
            starts_none: None,
            // In this order: to make groups, this process may have to leave its own.
            kills: OomKills::watch(),
            nest: GroupNest::open(),
            state,
            aside,
            outcome: BatchOutcome::default(),
            stopwatch: Stopwatch::start(),
            told: Instant::now(),
            told_resident: resident_now(),
            told_waited_us: swath_core::waited_for_disk_us(),
            told_now: None,
            listened: Instant::now(),
            is_stopping: false,
        };
        supervisor.outcome.jobs.planned = request.jobs.all.len();
        supervisor.skip_done(&earlier)?;
        let refused: HashSet<u32> = supervisor.refused.iter().map(|(job, _)| *job).collect();
        for job in 0..supervisor.entries.len() as u32 {
            let is_refused = refused.contains(&job);
            if supervisor.needs.is_free(job) && !supervisor.entries[job as usize].ended && !is_refused {
                supervisor.grants.ask(job, Bytes::ZERO);
            }
        }
        Ok(supervisor)
    }

    /// Works until all jobs have ended, or it is stopped.
    pub fn run(mut self, stop: &Stop) -> Result<BatchOutcome> {
        let limits = match &self.nest {
            Ok(_) => "a control group each, RLIMIT_DATA".into(),
            Err(reason) => format!("RLIMIT_DATA ({reason})"),
        };
        self.observer.on(&BatchEvent::Plan {
            jobs: self.outcome.jobs.planned,
            skipped: self.outcome.jobs.skipped,
            workers: self.grants.workers(),
            ceiling: self.request.ceiling,
            share: self.grants.share(),
            limits: &limits,
        });
        self.tell_names();
        for (job, told) in std::mem::take(&mut self.refused) {
            if !self.entries[job as usize].ended {
                let files = self.files(job);
                let name = self.name(job, &files);
                self.set_aside(job, &name, Bytes::ZERO, Reason::Output, &told)?;
            }
        }
        loop {
            if stop.is_raised() {
                self.wind_down();
            }
            if !self.is_stopping {
                self.begin_jobs()?;
            }
            // While new ones begin their work.
            self.state.sync()?;
            if self.running.is_empty() && self.later.is_empty() {
                break;
            }
            self.wait()?;
            self.end_stalled();
            self.end_jobs()?;
            self.tell_of_life();
            self.tell_now();
        }
        self.finish(stop)
    }

    /// Begins nothing more, and asks those at work to end.
    fn wind_down(&mut self) {
        if !self.is_stopping {
            self.is_stopping = true;
            self.later.clear();
            self.running.iter().for_each(|running| running.worker.interrupt());
        }
    }

    fn begin_jobs(&mut self) -> Result<()> {
        let now = Instant::now();
        let due: Vec<(u32, Bytes)> =
            self.later.extract_if(.., |(when, ..)| *when <= now).map(|(_, job, need)| (job, need)).collect();
        due.into_iter().for_each(|(job, need)| self.ask(job, need));
        if self.starts_none.is_some_and(|(_, next)| next > now) {
            return Ok(());
        }
        while let Some((job, grant)) = self.grants.next() {
            let files = self.files(job);
            let (identity, inputs) = (identity_of(&self.request.jobs.all[job as usize].words), inputs_of(&files));
            let stood = files.outputs.iter().any(|output| output.symlink_metadata().is_ok());
            self.state.begun(identity, stood, inputs)?;
            let entry = &mut self.entries[job as usize];
            entry.attempts += 1;
            let order = Order {
                words: self.request.jobs.all[job as usize].words.iter().map(|word| word.to_string()).collect(),
                grant,
                threads: (self.request.threads / self.grants.workers()).max(1),
                drift_limit: self.request.drift_limit,
                begin: entry.begin,
                supervisor: std::process::id(),
            };
            let (begin, attempt) = (entry.begin, entry.attempts);
            if begin == Begin::AsSaid {
                entry.begin = Begin::Resume;
            }
            let (name, reads_once) = (self.name(job, &files), files.reads_once());
            match Worker::start(&self.request.program, &self.request.environment, &order) {
                Ok(worker) => {
                    self.observer.on(&BatchEvent::Job { job: &name, attempt, grant, process: worker.id() });
                    self.starts_none = None;
                    let since = Instant::now();
                    let is_free = |place: &usize| self.running.iter().all(|running| running.place != *place);
                    let place = (0..).find(is_free).unwrap_or_default();
                    // It may be gone already, or the system refuse it: the limits of the process itself remain.
                    let group = self.nest.as_ref().ok().and_then(|nest| nest.group(grant + GROUP_BESIDE).ok());
                    let group = group.filter(|group| group.admit(worker.id()).is_ok());
                    self.running.push(Running {
                        job,
                        name,
                        place,
                        grant,
                        worker,
                        group,
                        since,
                        begin,
                        inputs,
                        reads_once,
                        stall: None,
                    });
                }
                Err(error) => {
                    self.grants.give_back(grant);
                    let entry = &mut self.entries[job as usize];
                    (entry.attempts, entry.begin) = (entry.attempts - 1, begin);
                    return self.start_later(job, &name, grant, &error);
                }
            }
        }
        Ok(())
    }

    /// A process that the system does not start is no attempt: it is asked again when another one ends, or after a moment.
    fn start_later(&mut self, job: u32, name: &str, grant: Bytes, error: &std::io::Error) -> Result<()> {
        let now = Instant::now();
        let since = self.starts_none.map_or(now, |(since, _)| since);
        if self.starts_none.is_none() {
            let reason = format!("its process could not be started: {error}");
            self.observer.on(&BatchEvent::Wait { job: name, reason: &reason });
        }
        if self.running.is_empty() && now - since > STARTS_WAIT_MAX {
            return Err(Error::ThreadRefused { reason: format!("nor a process of a worker: {error}") });
        }
        let next = now + AGAIN_WAIT;
        self.starts_none = Some((since, next));
        self.later.push((next, job, grant));
        Ok(())
    }

    fn ask(&mut self, job: u32, need: Bytes) {
        match self.entries[job as usize].alone {
            true => self.grants.ask_alone(job, need),
            false => self.grants.ask(job, need),
        }
    }

    /// Waits until somebody says something, or for a moment.
    fn wait(&mut self) -> Result<()> {
        let is_closing = self.running.iter().any(|running| running.worker.is_closing());
        let tick = if is_closing { TICK_OF_END } else { TICK };
        let timeout = Timespec { tv_sec: 0, tv_nsec: tick.subsec_nanos().into() };
        let mut speaking: Vec<PollFd<'_>> = Vec::with_capacity(self.running.len());
        speaking.extend(
            self.running
                .iter()
                .filter_map(|running| running.worker.output())
                .map(|output| PollFd::new(output, PollFlags::IN)),
        );
        match poll(&mut speaking, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::unexpected(format!("cannot wait for workers: {error}"))),
        }
        drop(speaking);
        let passed = std::mem::replace(&mut self.listened, Instant::now()).elapsed().min(LOOK_MAX);
        self.running.iter_mut().for_each(|running| running.worker.listen_after(passed));
        Ok(())
    }

    fn end_stalled(&mut self) {
        for running in &mut self.running {
            if let Some(stall) = running.worker.stall(self.request.silence, self.request.hang) {
                running.stall = Some(stall);
                running.worker.kill();
            }
        }
    }

    fn end_jobs(&mut self) -> Result<()> {
        let mut position = 0;
        while let Some(running) = self.running.get_mut(position) {
            let end = running.worker.ended();
            match end.map_err(|error| Error::unexpected(format!("cannot look after a worker: {error}")))? {
                None => position += 1,
                Some(end) => {
                    let running = self.running.swap_remove(position);
                    self.grants.give_back(running.grant);
                    self.starts_none = self.starts_none.map(|(since, _)| (since, Instant::now()));
                    let is_killed = end == End::Signal(SIGKILL) && running.stall.is_none();
                    // The groups above may count it, too.
                    let is_counted = is_killed && self.kills.take();
                    let group = running.group.as_ref().filter(|group| is_killed && group.kills() > 0);
                    let of_group = group.is_some_and(MemoryGroup::has_met_its_limit);
                    let out_of_memory = group.is_some() || is_counted;
                    let (said, stall) = (running.worker.said(), running.stall);
                    let death = Death { end, said, stall, out_of_memory, of_group, is_stopping: self.is_stopping };
                    let (mut told, mut verdict) = (Told::of(&death), death.verdict());
                    if running.reads_once && verdict != verdict.for_good() {
                        verdict = verdict.for_good();
                        told.message += "; an input can be read only once, so it is not tried again";
                    }
                    self.conclude(&running, verdict, &told)?;
                }
            }
        }
        Ok(())
    }

    /// Decides what becomes of a job whose process has ended.
    fn conclude(&mut self, running: &Running, verdict: Verdict, told: &Told) -> Result<()> {
        let (job, name, grant) = (running.job, &running.name, running.grant);
        let entry = &mut self.entries[job as usize];
        match verdict {
            Verdict::Done => self.done(running),
            Verdict::Stopped => Ok(()),
            Verdict::Held if self.is_stopping => Ok(()),
            // It was no attempt: it begins as it would have begun.
            Verdict::Held if entry.waits < HELD_WAITS_MAX => {
                if entry.waits == 0 {
                    self.observer.on(&BatchEvent::Wait { job: name, reason: &told.message });
                }
                entry.waits += 1;
                entry.attempts -= 1;
                entry.begin = running.begin;
                self.later.push((Instant::now() + HELD_WAIT, job, grant));
                Ok(())
            }
            Verdict::Held => self.set_aside(job, name, grant, Reason::Output, told),
            Verdict::Final(reason) => self.set_aside(job, name, grant, reason, told),
            Verdict::OnceMore(reason) => self.once_more(job, name, grant, reason, told),
            Verdict::Refused(smallest) => {
                entry.refusals += 1;
                match self.grants.enough_for(smallest) {
                    Some(need) if need > grant && entry.refusals <= REFUSALS_MAX => {
                        self.again(job, name, need, &told.message);
                        Ok(())
                    }
                    _ => {
                        let most = self.grants.whole();
                        let message = format!("{}; a batch under this ceiling grants {most} at most", told.message);
                        let wanted = (Grants::enough(smallest) + SUPERVISOR_BYTES).0.div_ceil(1_000_000);
                        let hint = Some(format!("--memory {wanted}MB for the batch would do"));
                        let told = Told { exit: told.exit, message, hint, smallest_ceiling: told.smallest_ceiling };
                        self.set_aside(job, name, grant, Reason::DoesNotFit, &told)
                    }
                }
            }
            Verdict::Drifted if entry.drifts < DRIFTS_MAX => {
                entry.drifts += 1;
                self.again(job, name, grant, &told.message);
                Ok(())
            }
            Verdict::Drifted => self.set_aside(job, name, grant, Reason::OutOfMemory, told),
            Verdict::Crowded => self.alone(job, name, grant, told),
            Verdict::Pressure => {
                entry.pressures += 1;
                match self.grants.twice(grant) {
                    Some(need) if entry.pressures <= self.request.retries => {
                        self.again(job, name, need, &told.message);
                        Ok(())
                    }
                    _ => self.set_aside(job, name, grant, Reason::OutOfMemory, told),
                }
            }
        }
    }

    /// The kernel took it since all together took more than there is: more would not help it, being alone may.
    fn alone(&mut self, job: u32, name: &str, grant: Bytes, told: &Told) -> Result<()> {
        let entry = &mut self.entries[job as usize];
        (entry.pressures, entry.alone) = (entry.pressures + 1, true);
        if entry.pressures > self.request.retries {
            return self.set_aside(job, name, grant, Reason::OutOfMemory, told);
        }
        self.again(job, name, Bytes(grant.0 / 2).max(GRANT_MIN).min(grant), &told.message);
        Ok(())
    }

    fn once_more(&mut self, job: u32, name: &str, grant: Bytes, reason: Reason, told: &Told) -> Result<()> {
        if std::mem::replace(&mut self.entries[job as usize].once_more, true) {
            return self.set_aside(job, name, grant, reason, told);
        }
        if !self.is_stopping {
            self.tell_again(name, grant, &told.message);
            // What brought it down may be short of something for a moment.
            self.later.push((Instant::now() + AGAIN_WAIT, job, grant));
        }
        Ok(())
    }

    fn again(&mut self, job: u32, name: &str, need: Bytes, reason: &str) {
        if !self.is_stopping {
            self.tell_again(name, need, reason);
            self.ask(job, need);
        }
    }

    fn tell_again(&mut self, name: &str, grant: Bytes, reason: &str) {
        self.outcome.jobs.retried += 1;
        self.observer.on(&BatchEvent::Retry { job: name, reason, grant });
    }

    fn done(&mut self, running: &Running) -> Result<()> {
        let job = running.job;
        let files = self.files(job);
        // Whoever changes what it reads would find it changed for ever.
        let inputs = if files.changes.is_empty() { running.inputs } else { inputs_of(&files) };
        self.state.done(identity_of(&self.request.jobs.all[job as usize].words), inputs, &files)?;
        self.entries[job as usize].ended = true;
        self.outcome.jobs.done += 1;
        let nothing = Said::default();
        let said = running.worker.said().unwrap_or(&nothing);
        let output = |said: &super::message::SaidOutput| Output {
            path: said.path.clone(),
            bytes: said.bytes,
            files: said.files,
        };
        let outputs: Vec<Output> = said.outputs.iter().map(output).collect();
        self.observer.on(&BatchEvent::Done {
            job: &running.name,
            seconds: running.since.elapsed().as_secs_f64(),
            grant: running.grant,
            peak: said.memory.actual_peak,
            outputs: &outputs,
            warnings: &said.warnings,
        });
        self.outcome.add_outputs(outputs);
        for waiting in self.needs.done(job) {
            if !self.entries[waiting as usize].ended {
                self.grants.ask(waiting, Bytes::ZERO);
            }
        }
        Ok(())
    }

    /// Sets a job aside, and all that wait for it.
    fn set_aside(&mut self, job: u32, name: &str, grant: Bytes, reason: Reason, told: &Told) -> Result<()> {
        let granted = (grant > Bytes::ZERO).then_some(grant);
        let memory = AsideMemory { grant: granted, smallest_ceiling: told.smallest_ceiling };
        let (exit, message, hint) = (told.exit, told.message.clone(), told.hint.clone());
        self.put_aside(
            job,
            Aside {
                name: name.into(),
                folder: String::new(),
                reason,
                exit,
                message,
                hint,
                memory,
                words: vec![],
                attempts: 0,
            },
        )?;
        let mut behind: Vec<(u32, String)> = vec![(job, name.into())];
        while let Some((job, name)) = behind.pop() {
            for job in self.needs.behind(job) {
                if self.entries[job as usize].ended {
                    continue;
                }
                let files = self.files(job);
                let own = self.name(job, &files);
                let message = format!("it reads the output of {name}, which was set aside");
                let aside = Aside {
                    name: own.clone(),
                    words: vec![],
                    folder: String::new(),
                    reason: Reason::Waits,
                    exit: None,
                    message,
                    hint: None,
                    memory: AsideMemory::default(),
                    attempts: 0,
                };
                self.put_aside(job, aside)?;
                behind.push((job, own));
            }
        }
        if self.request.fail_fast {
            self.wind_down();
        }
        Ok(())
    }

    fn put_aside(&mut self, job: u32, mut aside: Aside) -> Result<()> {
        aside.words = self.request.jobs.all[job as usize].words.iter().map(|word| word.to_string()).collect();
        aside.folder = std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned();
        let entry = &mut self.entries[job as usize];
        entry.ended = true;
        aside.attempts = entry.attempts;
        self.aside.add(&aside)?;
        self.observer.on(&BatchEvent::SetAside(&aside));
        self.outcome.add_aside(aside);
        Ok(())
    }

    fn tell_of_life(&mut self) {
        if self.request.heartbeat.is_some_and(|interval| self.told.elapsed() >= interval) {
            let passed = std::mem::replace(&mut self.told, Instant::now()).elapsed();
            let jobs = &self.outcome.jobs;
            let of_workers: Bytes = self.running.iter().map(|running| running.worker.life().resident).sum();
            let resident = resident_now() + of_workers;
            let before = std::mem::replace(&mut self.told_resident, resident);
            let waited_us = swath_core::waited_for_disk_us();
            let waited_before = std::mem::replace(&mut self.told_waited_us, waited_us);
            self.observer.on(&BatchEvent::Heartbeat {
                seconds: self.stopwatch.wall_s(),
                running: self.running.len(),
                ended: jobs.done + jobs.set_aside + jobs.skipped,
                granted: self.grants.handed(),
                resident,
                change: resident.0 as i64 - before.0 as i64,
                io_wait: swath_core::share_waited(waited_before, waited_us, passed),
            });
        }
    }

    /// Tells names of jobs that wait, as many as are wanted.
    fn tell_names(&mut self) {
        let wanted = self.observer.names_wanted();
        let waiting = (0..self.entries.len() as u32).filter(|job| !self.entries[*job as usize].ended);
        let waiting: Vec<u32> = waiting.take(wanted).collect();
        if !waiting.is_empty() {
            let mut names = Vec::with_capacity(waiting.len());
            for job in waiting {
                let files = self.files(job);
                names.push(self.name(job, &files));
            }
            self.observer.on(&BatchEvent::Waiting(&names));
        }
    }

    /// Tells how things stand, not too often.
    fn tell_now(&mut self) {
        if self.told_now.is_some_and(|told| told.elapsed() < TELL) {
            return;
        }
        self.told_now = Some(Instant::now());
        fn at_work(running: &Running) -> AtWork<'_> {
            let life = running.worker.life();
            AtWork {
                job: &running.name,
                place: running.place,
                grant: running.grant,
                resident: life.resident,
                stage: &life.stage,
                share: life.share,
                seconds: running.since.elapsed().as_secs_f64(),
                signs: life.signs,
            }
        }
        let mut all: Vec<AtWork<'_>> = Vec::with_capacity(self.running.len());
        all.extend(self.running.iter().map(at_work));
        all.sort_unstable_by_key(|at_work| at_work.place);
        self.observer.on(&BatchEvent::Now(&all));
    }

    fn finish(mut self, stop: &Stop) -> Result<BatchOutcome> {
        let jobs = &mut self.outcome.jobs;
        jobs.left = jobs.planned - jobs.done - jobs.set_aside - jobs.skipped;
        if jobs.left > 0 && stop.is_raised() {
            // What was set aside is looked at again, too.
            return Err(Error::Stopped { resumable: true });
        }
        let all = self.request.jobs.all.iter().zip(&self.entries);
        let ended: HashSet<u64> =
            all.filter(|(_, entry)| entry.ended).map(|(job, _)| identity_of(&job.words)).collect();
        self.outcome.failed = self.aside.finish(&|words| ended.contains(&identity_of(words)))?;
        if self.outcome.jobs.left == 0 {
            self.state.finish(self.outcome.jobs.set_aside == 0)?;
        }
        self.outcome.memory = BatchMemory {
            ceiling: self.request.ceiling,
            supervisor: SUPERVISOR_BYTES,
            supervisor_peak: ResidentSet::now().peak,
            granted_peak: self.grants.highest(),
        };
        self.outcome.time = Time { wall_s: self.stopwatch.wall_s(), cpu_s: self.stopwatch.cpu_s() };
        Ok(self.outcome)
    }

    /// What a job reads and writes; its words were understood before.
    fn files(&mut self, job: u32) -> Files {
        (self.understand)(&self.request.jobs.all[job as usize].words).unwrap_or_default()
    }

    /// The name of a job: its own, or its output.
    fn name(&self, job: u32, files: &Files) -> String {
        let job = &self.request.jobs.all[job as usize];
        match (&job.name, files.outputs.first()) {
            (Some(name), _) => name.to_string(),
            (None, Some(output)) => output.display().to_string(),
            (None, None) => job.words.join(" "),
        }
    }
}

/// Takes possession of the journal; a batch that was killed a moment ago may be about to let go of it.
fn open_state(request: &BatchRequest) -> Result<(State, Earlier)> {
    for _ in 0..HELD_WAITS_MAX {
        match State::open(&request.state, request.resume) {
            Err(Error::OutputHeld { .. }) => std::thread::sleep(HELD_WAIT),
            opened => return opened,
        }
    }
    State::open(&request.state, request.resume)
}

/// What a process said went wrong, or what is known where it said nothing.
#[derive(Debug, Default)]
struct Told {
    exit: Option<u8>,
    message: String,
    hint: Option<String>,
    smallest_ceiling: Option<Bytes>,
}

impl Told {
    fn of(death: &Death<'_>) -> Told {
        let exit = match death.end {
            End::Exit(code) => Some(code),
            End::Signal(_) => None,
        };
        match death.said.and_then(|said| said.error.as_ref()) {
            Some(error) => Told {
                exit,
                message: error.message.clone(),
                hint: error.hint.clone(),
                smallest_ceiling: error.smallest_ceiling,
            },
            None => Told { exit, message: death.words(), hint: death.hint(), ..Told::default() },
        }
    }
}
