//! The figures of a run for Prometheus, in its text format: names that end in `_total` never fall.

use std::fmt::{self, Display, Write};

use swath_core::writes::{BOUNDS_US, WriteTimes};
use swath_core::{ResidentSet, progress};

use super::pulse::Pulse;
use crate::report::{BatchNow, Now, Record};

/// What the text is.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Figures of the dashboard itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Served {
    /// Who is connected.
    pub connections: usize,
    /// Requests that were answered.
    pub requests: u64,
    /// Connections that were refused or ended, since there were too many or they were too slow.
    pub dropped: u64,
}

/// Writes all figures.
pub fn text(record: &Record, pulse: &Pulse, served: Served) -> String {
    let mut text = Text(String::with_capacity(8 << 10));
    // A string takes everything.
    let _ = all(&mut text, record, pulse, served);
    text.0
}

fn all(text: &mut Text, record: &Record, pulse: &Pulse, served: Served) -> fmt::Result {
    let nothing = Now::default();
    let now = record.now.as_ref().unwrap_or(&nothing);
    text.head("swath_info", "gauge", "The program and its command.")?;
    let labels = format!("command=\"{}\",version=\"{}\"", Label(&record.command), Label(&record.swath));
    text.line("swath_info", &labels, 1)?;
    text.one("swath_up_seconds", "gauge", "Since the run began.", record.time.wall_s)?;
    text.one("swath_cpu_seconds_total", "counter", "Processor time.", record.time.cpu_s.max(0.0))?;
    text.one("swath_progress_steps_total", "counter", "Reads, writes and tasks done.", pulse.steps())?;
    let age = pulse.age().as_secs_f64();
    text.one("swath_progress_age_seconds", "gauge", "Since the last of them.", age)?;
    memory(text, record, now)?;
    tasks(text, now)?;
    let sample = &now.sample;
    text.one("swath_read_bytes_total", "counter", "Read by calls of the process.", sample.read)?;
    text.one("swath_written_bytes_total", "counter", "Written by calls of the process.", sample.written)?;
    text.one("swath_scratch_bytes", "gauge", "Scratch in use.", sample.scratch)?;
    text.one("swath_rows_read_total", "counter", "Rows of inputs read.", progress::rows())?;
    text.one("swath_rows_rejected_total", "counter", "Rows rejected; known at the end.", now.totals.rejected)?;
    let waited = sample.waited_ms as f64 / 1e3;
    text.one(
        "swath_io_waited_seconds_total",
        "counter",
        "How long something on the machine waited for a disk.",
        waited,
    )?;
    let pressed = sample.pressed_ms as f64 / 1e3;
    text.one("swath_memory_waited_seconds_total", "counter", "The same for memory.", pressed)?;
    writes(text, &WriteTimes::now())?;
    if let Some(batch) = &now.batch {
        jobs(text, batch)?;
    }
    text.one("swath_dashboard_connections", "gauge", "Who is connected here.", served.connections)?;
    text.one("swath_dashboard_requests_total", "counter", "Requests that were answered here.", served.requests)?;
    text.one("swath_dashboard_dropped_total", "counter", "Connections ended: too many, or too slow.", served.dropped)
}

fn memory(text: &mut Text, record: &Record, now: &Now) -> fmt::Result {
    let sample = &now.sample;
    text.one("swath_memory_resident_bytes", "gauge", "Resident set of this process.", now.own.0)?;
    text.one("swath_memory_peak_bytes", "gauge", "The largest that it was.", ResidentSet::now().peak.0)?;
    text.one("swath_memory_heap_bytes", "gauge", "What lives on its heap.", sample.heap)?;
    let ceiling = now.batch.as_ref().map_or(record.memory.ceiling, |batch| batch.ceiling);
    text.one("swath_memory_ceiling_bytes", "gauge", "The ceiling; 0 before there is a plan.", ceiling.0)?;
    let predicted = record.memory.predicted_peak.0;
    text.one("swath_memory_predicted_bytes", "gauge", "The peak that the plan predicts.", predicted)?;
    text.head("swath_memory_leased_bytes", "gauge", "What is leased of the ceiling, and for how long.")?;
    for (kind, bytes) in [("fixed", sample.fixed), ("tasks", sample.tasks), ("kept", sample.kept)] {
        text.line("swath_memory_leased_bytes", &format!("kind=\"{kind}\""), bytes)?;
    }
    Ok(())
}

fn tasks(text: &mut Text, now: &Now) -> fmt::Result {
    let totals = &now.totals;
    text.one("swath_chunks_planned_total", "counter", "Tasks of stages that have begun.", totals.tasks)?;
    text.one("swath_chunks_done_total", "counter", "Tasks done.", totals.done)?;
    text.one("swath_chunks_skipped_total", "counter", "Tasks that an earlier run did.", totals.skipped)?;
    text.one("swath_splits_total", "counter", "Tasks cut into smaller ones.", totals.splits)?;
    text.one("swath_retries_total", "counter", "Tasks tried again as they were.", totals.retries)?;
    text.one("swath_spills_total", "counter", "How often something went to scratch.", totals.spills)?;
    text.one("swath_work_bytes_total", "counter", "Input that stages have worked through.", totals.work.0)?;
    text.one("swath_warnings_total", "counter", "Warnings.", totals.warnings)?;
    text.one("swath_heartbeats_total", "counter", "Signs of life in the log.", totals.heartbeats)?;
    text.head("swath_stage_done_ratio", "gauge", "How much of the stage at work is done, 0 to 1.")?;
    if !now.standing.stage.is_empty() {
        let labels = format!("stage=\"{}\"", Label(&now.standing.stage));
        text.line("swath_stage_done_ratio", &labels, now.standing.share())?;
    }
    Ok(())
}

fn writes(text: &mut Text, times: &WriteTimes) -> fmt::Result {
    text.head("swath_write_seconds", "histogram", "How long writes took.")?;
    let mut count = 0;
    for (of, us) in times.counts.iter().zip(BOUNDS_US) {
        count += of;
        text.line("swath_write_seconds_bucket", &format!("le=\"{}\"", us as f64 / 1e6), count)?;
    }
    text.line("swath_write_seconds_bucket", "le=\"+Inf\"", times.count())?;
    text.line("swath_write_seconds_sum", "", times.sum.as_secs_f64())?;
    text.line("swath_write_seconds_count", "", times.count())
}

fn jobs(text: &mut Text, batch: &BatchNow) -> fmt::Result {
    let counts = batch.counts;
    text.head("swath_jobs", "gauge", "Jobs by what has become of them.")?;
    for (state, count) in [
        ("waiting", batch.waiting_count()),
        ("running", batch.running),
        ("done", counts.done),
        ("done_before", counts.skipped),
        ("set_aside", counts.set_aside),
    ] {
        text.line("swath_jobs", &format!("state=\"{state}\""), count)?;
    }
    text.one("swath_jobs_planned", "gauge", "All jobs.", counts.planned)?;
    text.one("swath_job_retries_total", "counter", "Attempts beyond the first.", counts.retried)?;
    text.one("swath_workers_max", "gauge", "Jobs side by side at most.", batch.workers)?;
    text.one("swath_workers_granted_bytes", "gauge", "What is granted to jobs.", batch.granted.0)?;
    let resident = batch.resident().0;
    text.one("swath_workers_resident_bytes", "gauge", "Resident sets of all workers, as they told them.", resident)?;
    text.one("swath_worker_heartbeats_total", "counter", "Signs of life of workers.", batch.signs())?;
    text.head("swath_worker_resident_bytes", "gauge", "Resident set of the worker at each place.")?;
    for worker in &batch.at_work {
        text.line("swath_worker_resident_bytes", &format!("place=\"{}\"", worker.place + 1), worker.resident.0)?;
    }
    Ok(())
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}")
    }

    fn line(&mut self, name: &str, labels: &str, value: impl Display) -> fmt::Result {
        match labels {
            "" => writeln!(self.0, "{name} {value}"),
            labels => writeln!(self.0, "{name}{{{labels}}} {value}"),
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) -> fmt::Result {
        self.head(name, kind, help)?;
        self.line(name, "", value)
    }
}

/// A text that means only itself between quotes.
struct Label<'a>(&'a str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}
