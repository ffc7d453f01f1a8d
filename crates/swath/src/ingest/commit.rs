//! The end of a run whose inputs did not change: the ledger is checked, rejects and manifest are written, the lake is shown.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::Path;

use serde_json::json;
use swath_core::{Bytes, Error, Event, Observer, PartialOutput, Receipts, Result, Stopwatch, Summary, fault};
use swath_table::schema_file::{self, Notes};

use super::assemble::{Assembled, span, union};
use super::job::stage;
use super::pivot::{self, Joined};
use super::rank::Ranked;
use super::recall::Recalled;
use super::running::Running;
use super::{COMMAND, Job, extend, findings, rejects, standing, warnings};
use crate::info::manifest::{Manifest, Rejects};
use crate::outcome::{CheckFinding, Outcome, Output, Rows, Scratch};
use crate::work::stays_behind;

/// In place of a reason: rejects that are counted only.
const NOT_KEPT: &str = "(not kept in rejects.ndjson)";

/// The folder of a lake that holds no data.
pub const META: &str = "_swath";

/// What is known once all parts are written.
#[derive(Default)]
pub struct Totals {
    /// What became of the rows of the input.
    pub rows: Rows,
    /// Rejected ones by reason, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// What checks found.
    pub checks: Vec<CheckFinding>,
    /// Rows of the lake that were read again.
    pub recalled: u64,
    /// Of them, rows in whose place rows of the input are.
    pub replaced: u64,
    /// What became of rows that were put together.
    pub joined: Joined,
    files: u64,
    bytes: u64,
    bounds: Option<[f64; 4]>,
    time_us: Option<(i64, i64)>,
}

fn totals(running: &Running, done: &Receipts) -> Result<Totals> {
    let mut totals = Totals::default();
    let units = running.routed(done)?;
    for unit in &units {
        totals.rows.read += unit.read;
        totals.rows.filtered += unit.filtered;
    }
    totals.reasons = rejects::reasons(running, done)?;
    totals.rows.rejected = totals.reasons.iter().map(|(_, count)| count).sum();
    totals.checks = findings::of(running, done, &units)?;
    for receipt in done.of_stage(stage::RANK) {
        let ranked = receipt.read::<Ranked>()?;
        totals.rows.duplicate += ranked.duplicates - ranked.replaced;
        totals.replaced += ranked.replaced;
    }
    if running.job.pivot.is_some() {
        totals.joined = pivot::joined(done)?;
        totals.rows.duplicate = totals.joined.duplicate;
        totals.rows.merged = Some(totals.joined.merged);
    }
    for receipt in done.of_stage(stage::ASSEMBLE) {
        let assembled: Assembled = receipt.read()?;
        totals.rows.written += assembled.rows;
        totals.files += assembled.files;
        totals.bytes += assembled.bytes;
        totals.bounds = union(totals.bounds, assembled.bounds);
        totals.time_us = span(totals.time_us, assembled.time_us);
    }
    for receipt in done.of_stage(stage::RECALL) {
        totals.recalled += receipt.read::<Recalled>()?.rows;
    }
    // Rows of the lake that stay were written again.
    let stay = totals.recalled - totals.replaced;
    totals.rows.written = totals.rows.written.checked_sub(stay).ok_or_else(|| Error::LedgerBroken {
        message: format!("{stay} rows of the lake were to stay, and {} were written", totals.rows.written),
    })?;
    if !totals.rows.balanced() {
        let accounted = totals.rows.accounted();
        let Rows { read, written, merged, duplicate, filtered, late, rejected } = totals.rows;
        let merged = merged.map(|merged| format!("{merged} merged + ")).unwrap_or_default();
        return Err(Error::LedgerBroken {
            message: format!(
                "{read} rows were read, but {written} written + {merged}{duplicate} duplicate + {filtered} filtered + {late} \
                 late + {rejected} rejected are {accounted}"
            ),
        });
    }
    Ok(totals)
}

/// Tells of the rejected rows of a run that ends with them.
///
/// # Errors
/// When a receipt cannot be read.
pub fn tell_rejects(running: &Running, done: &Receipts, observer: &dyn Observer) -> Result<()> {
    for (reason, rows) in rejects::reasons(running, done)? {
        observer.on(&Event::Reject { rows, reason });
    }
    Ok(())
}

/// Ends a run.
///
/// # Errors
/// [`Error::LedgerBroken`], or what prevents the lake from being written and shown.
pub fn commit(
    running: &Running,
    done: &Receipts,
    partial: PartialOutput,
    job: &Job,
    summary: &Summary,
    observer: &dyn Observer,
    stopwatch: Stopwatch,
) -> Result<Outcome> {
    let totals = totals(running, done)?;
    for (reason, rows) in &totals.reasons {
        observer.on(&Event::Reject { rows: *rows, reason: reason.clone() });
    }
    let told = if running.job.compacts { Vec::new() } else { warnings::of_rows(&running.job, &totals.rows) };
    let found = totals.checks.iter().filter(|finding| findings::is_told(finding, &totals.rows));
    let joined = totals.joined.warning(&running.job);
    for message in told.into_iter().chain(joined).chain(found.map(findings::sentence)) {
        observer.on(&Event::Warning { message });
    }
    if let Some(lake) = &running.job.base {
        let end = extend::End { job, totals, summary, observer, stopwatch };
        return extend::extend(running, lake, done, partial, end);
    }
    let meta = running.lake_folder.join(META);
    let fail = |error: std::io::Error| Error::writing(&meta, &error);
    fault::point("lake.folder").and_then(|()| std::fs::create_dir_all(&meta)).map_err(fail)?;
    let written = write_rejects(running, done, &meta)?;
    write_manifest(running, done, &meta, &totals, written)?;
    let scratch_peak = running.store.scratch_peak() + job.prepared.content;
    let target = partial.target().to_path_buf();
    let mut rejected = totals.reasons.clone();
    if written.left_out > 0 {
        rejected.push((NOT_KEPT.into(), written.left_out));
    }
    if partial.replaces() {
        // Somebody may have put something there since the run began.
        standing::may_be_replaced(&running.job)?;
    }
    show(partial, job, observer)?;
    let scratch = Scratch { predicted: job.costs.scratch, actual: scratch_peak };
    Ok(Outcome {
        rows: Some(totals.rows),
        outputs: vec![Output { path: target, bytes: Bytes(totals.bytes), files: totals.files }],
        rejects: rejected,
        checks: totals.checks,
        choices: job.choices(),
        ..Outcome::complete(COMMAND, &job.costs.ledger, summary, scratch, &stopwatch)
    })
}

/// Shows the lake and removes what is not part of it: scratch, and the rejects that an earlier failure left for a
/// person to see. What cannot be removed is only told, since the lake is in place.
///
/// # Errors
/// What prevents the lake from being shown.
pub fn show(partial: PartialOutput, job: &Job, observer: &dyn Observer) -> Result<()> {
    let left = partial.commit()?;
    show_left(left, job, observer);
    Ok(())
}

/// Tells of what stays behind a lake that is in place, and removes the rejects that an earlier failure left.
pub fn show_left(left: Option<Error>, job: &Job, observer: &dyn Observer) {
    let mut left: Vec<Error> = left.into_iter().collect();
    if let Some(path) = rejects::left_beside(&job.request.output)
        && let Err(error) = std::fs::remove_file(&path)
        && error.kind() != ErrorKind::NotFound
    {
        left.push(Error::writing(&path, &error));
    }
    for error in left {
        observer.on(&stays_behind(&error));
    }
}

fn write_rejects(running: &Running, done: &Receipts, meta: &Path) -> Result<rejects::Written> {
    let path = meta.join("rejects.ndjson");
    let fail = |error: std::io::Error| Error::writing(&path, &error);
    let file = fault::point("rejects.create").and_then(|()| File::create(&path)).map_err(fail)?;
    let mut out = BufWriter::with_capacity(64 << 10, file);
    let written = rejects::write(running, done, &mut out)?;
    fault::point("rejects.write").and_then(|()| out.flush()).map_err(fail)?;
    Ok(written)
}

fn write_manifest(
    running: &Running,
    done: &Receipts,
    meta: &Path,
    totals: &Totals,
    rejects: rejects::Written,
) -> Result<()> {
    let path = meta.join("manifest.json");
    let fail = |error: std::io::Error| Error::writing(&path, &error);
    let file = fault::point("manifest.create").and_then(|()| File::create(&path)).map_err(fail)?;
    let mut out = BufWriter::with_capacity(64 << 10, file);
    let head = head(running, totals, rejects, text_per_row(running, done)?);
    // Entries of files are already text, one a line: only the frame around them is made here.
    let text = serde_json::to_string_pretty(&head).map_err(|error| Error::unexpected(error.to_string()))?;
    let open = text.strip_suffix("\n}").unwrap_or(&text);
    write!(out, "{open},\n  \"files\": [\n").map_err(fail)?;
    let count = done.count_of_stage(stage::ASSEMBLE);
    for (position, receipt) in done.of_stage(stage::ASSEMBLE).enumerate() {
        let assembled: Assembled = receipt.read()?;
        let mut entries = vec![0; assembled.entries.length() as usize];
        running.store.read(&assembled.entries, 0, &mut entries)?;
        let is_last = position as u64 + 1 == count;
        let end = if is_last { entries.len().saturating_sub(2) } else { entries.len() };
        fault::point("manifest.write").and_then(|()| out.write_all(&entries[..end])).map_err(fail)?;
    }
    out.write_all(b"\n  ]\n}\n").and_then(|()| out.flush()).map_err(fail)
}

/// Bytes of text of a row, on average, by the runs that it went through.
///
/// # Errors
/// When a receipt cannot be read.
pub fn text_per_row(running: &Running, done: &Receipts) -> Result<f64> {
    let runs = running.runs(done)?;
    let rows: u64 = runs.iter().map(|run| u64::from(run.rows)).sum();
    let text: u64 = runs.iter().map(|run| run.blob.length().saturating_sub(run.text_at)).sum();
    Ok((text as f64 / rows.max(1) as f64).ceil())
}

fn head(running: &Running, totals: &Totals, rejects: rejects::Written, text_per_row: f64) -> serde_json::Value {
    let job = &running.job;
    json!({
        "swath_lake": 1,
        "created_by": format!("swath {}", env!("CARGO_PKG_VERSION")),
        "rows": totals.rows,
        "bytes": totals.bytes,
        "bbox": totals.bounds,
        "time_us": totals.time_us,
        "crs": job.geometry.as_ref().map(|geometry| geometry.target.name()),
        "options": standing::options(job),
        "rows_per_row_group": job.row_group_rows,
        "inputs": standing::inputs(job),
        "rejects": {
            "by_reason": totals.reasons.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
            "kept": rejects.kept,
            "left_out": rejects.left_out,
        },
        "checks": totals.checks,
        "texts": [running.texts.len(), running.texts.bytes()],
        "text_per_row": text_per_row,
        "schema": schema_file::write(&job.input_schema, &Notes::default()),
    })
}

/// Rows of two inputs.
pub fn total(a: &Rows, b: &Rows) -> Rows {
    Rows {
        read: a.read + b.read,
        written: a.written + b.written,
        merged: match (a.merged, b.merged) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
        },
        duplicate: a.duplicate + b.duplicate,
        filtered: a.filtered + b.filtered,
        late: a.late + b.late,
        rejected: a.rejected + b.rejected,
    }
}

/// Rejected rows by reason, as a manifest tells them: the most frequent first.
pub fn by_reason(rejects: Rejects) -> Vec<(String, u64)> {
    let mut reasons: Vec<(String, u64)> = rejects.by_reason.into_iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    reasons.extend((rejects.left_out > 0).then(|| (NOT_KEPT.into(), rejects.left_out)));
    reasons
}

/// The result of a run that had already come to its end: what the manifest of its lake tells.
pub fn outcome_of_lake(lake: &Path, manifest: Manifest, job: &Job, stopwatch: Stopwatch) -> Outcome {
    let (bytes, files) = (Bytes(manifest.bytes), manifest.files.len() as u64);
    Outcome {
        rows: Some(manifest.rows),
        outputs: vec![Output { path: lake.into(), bytes, files }],
        rejects: by_reason(manifest.rejects),
        checks: manifest.checks,
        choices: job.choices(),
        ..Outcome::complete(COMMAND, &job.costs.ledger, &Summary::default(), Scratch::default(), &stopwatch)
    }
}
