//! How a run stands while it goes on: how far it is, what it holds of the ceiling, who is at work. Of a run that has ended
//! there is nothing to tell here.

use std::io::{Result, Write};

use swath_core::Bytes;

use super::html::Text;
use super::work::short;
use crate::moment::spoken;
use crate::report::{BatchNow, Now, Record, WorkerNow};
use crate::show::grouped;

/// The width of a bar; it is scaled to its cell.
const WIDTH: f64 = 320.0;

/// Writes the section.
pub fn section(record: &Record, out: &mut dyn Write) -> Result<()> {
    let Some(now) = record.now.as_ref().filter(|_| record.status == "running") else { return Ok(()) };
    writeln!(out, "<section><h2>Now</h2><div class=\"wide\"><table class=\"now\"><tbody>")?;
    match &now.batch {
        Some(batch) => {
            jobs(record, batch, out)?;
            memory_of_batch(batch, Bytes(now.sample.resident), out)?;
        }
        None => {
            memory(record, now, out)?;
            stage(now, out)?;
        }
    }
    writeln!(out, "</tbody></table></div>")?;
    if let Some(batch) = &now.batch {
        workers(&batch.at_work, out)?;
    }
    writeln!(out, "</section>")
}

fn memory(record: &Record, now: &Now, out: &mut dyn Write) -> Result<()> {
    let (resident, ceiling) = (Bytes(now.sample.resident), record.memory.ceiling);
    let leased = Bytes(now.sample.fixed + now.sample.tasks + now.sample.kept);
    let predicted = record.memory.predicted_peak;
    if ceiling == Bytes::ZERO {
        return row(out, "memory", &[], None, &format!("{resident} resident; there is no plan yet"));
    }
    let words = format!("{resident} of {ceiling} resident, {leased} leased; {predicted} predicted at most");
    row(out, "memory", &[("d2", share(resident, ceiling))], Some(share(predicted, ceiling)), &words)
}

fn stage(now: &Now, out: &mut dyn Write) -> Result<()> {
    let standing = &now.standing;
    if standing.stage.is_empty() {
        return row(out, "stage", &[], None, "it is planned");
    }
    let mut words = format!(
        "{:.0} %, {} of {} tasks",
        standing.share() * 100.0,
        grouped(standing.tasks_done),
        grouped(standing.tasks)
    );
    if standing.work_done > Bytes::ZERO && now.stage_s > 0.0 {
        let rate = Bytes((standing.work_done.0 as f64 / now.stage_s) as u64);
        words.push_str(&format!(", {} of {}, {rate}/s", standing.work_done, standing.work));
    }
    if let Some(left_s) = now.left_s() {
        words.push_str(&format!(", {} left", spoken(left_s)));
    }
    row(out, &standing.stage, &[("d3", standing.share())], None, &words)
}

fn jobs(record: &Record, batch: &BatchNow, out: &mut dyn Write) -> Result<()> {
    let counts = batch.counts;
    let all = counts.planned.max(1) as f64;
    let part = |count: usize| count as f64 / all;
    let mut words = format!(
        "{} of {} done, {} running, {} waiting, {} set aside",
        grouped((counts.done + counts.skipped) as u64),
        grouped(counts.planned as u64),
        grouped(batch.running as u64),
        grouped(batch.waiting_count() as u64),
        grouped(counts.set_aside as u64)
    );
    if let Some(left_s) = batch.left_s(record.time.wall_s) {
        words.push_str(&format!("; about {} left", spoken(left_s)));
    }
    let parts =
        [("d3", part(counts.done + counts.skipped)), ("split", part(counts.set_aside)), ("d1", part(batch.running))];
    row(out, "jobs", &parts, None, &words)
}

fn memory_of_batch(batch: &BatchNow, resident: Bytes, out: &mut dyn Write) -> Result<()> {
    let words =
        format!("{resident} of {} resident, in all processes; {} granted to jobs", batch.ceiling, batch.granted);
    row(out, "memory", &[("d2", share(resident, batch.ceiling))], Some(share(batch.granted, batch.ceiling)), &words)
}

fn workers(workers: &[WorkerNow], out: &mut dyn Write) -> Result<()> {
    if workers.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "<h3>At work</h3><div class=\"wide\"><table class=\"now\"><thead><tr><th scope=\"col\">job</th><th scope=\"col\" \
         class=\"n\">for</th><th scope=\"col\">stage</th><th scope=\"col\"></th><th scope=\"col\">memory of its \
         grant</th><th scope=\"col\"></th></tr></thead><tbody>"
    )?;
    for worker in workers {
        let stage = if worker.stage.is_empty() { "begins".into() } else { worker.stage.clone() };
        write!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td>{} {:.0} %</td><td class=\"small\">",
            Text(&worker.job),
            short(worker.seconds),
            Text(stage),
            worker.share * 100.0
        )?;
        bar(out, &[("d3", worker.share)], None)?;
        write!(out, "</td><td>{} of {}</td><td class=\"small\">", worker.resident, worker.grant)?;
        bar(out, &[("d2", share(worker.resident, worker.grant))], None)?;
        writeln!(out, "</td></tr>")?;
    }
    writeln!(out, "</tbody></table></div>")
}

fn share(part: Bytes, whole: Bytes) -> f64 {
    if whole == Bytes::ZERO { 0.0 } else { part.0 as f64 / whole.0 as f64 }
}

fn row(out: &mut dyn Write, name: &str, parts: &[(&str, f64)], mark: Option<f64>, words: &str) -> Result<()> {
    write!(out, "<tr><th scope=\"row\">{}</th><td class=\"bar\">", Text(name))?;
    bar(out, parts, mark)?;
    writeln!(out, "</td><td>{}</td></tr>", Text(words))
}

/// Parts of a whole one after the other, and a mark.
fn bar(out: &mut dyn Write, parts: &[(&str, f64)], mark: Option<f64>) -> Result<()> {
    write!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} 12\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"room\" \
         width=\"{WIDTH}\" height=\"12\" rx=\"2\"/>"
    )?;
    let mut from = 0.0;
    for (class, part) in parts {
        let width = (part * WIDTH).clamp(0.0, WIDTH - from);
        write!(out, "<rect class=\"{class}\" x=\"{from:.1}\" width=\"{width:.1}\" height=\"12\" rx=\"2\"/>")?;
        from += width;
    }
    if let Some(mark) = mark {
        let x = (mark * WIDTH).clamp(0.0, WIDTH - 1.0);
        write!(out, "<path class=\"predicted\" style=\"stroke-dasharray:none\" d=\"M{x:.1} 0v12\"/>")?;
    }
    write!(out, "</svg>")
}
