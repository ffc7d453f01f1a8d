//! The end of a run that adds to a lake: which files are new, which go, and the manifest of the whole.
//!
//! Everything is made beside the lake; `Changes` of the core put it in place, and go on after a death in the middle.
//! Which batches are in a lake is told by `batches.rs`.

use std::fs::File;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use serde_json::{Value, json};
use swath_core::{Bytes, Changes, Error, Observer, PartialOutput, Place, Receipts, Result, Stopwatch, Summary, fault};

use super::assemble::{Assembled, span, union};
use super::commit::{META, Totals, show_left, text_per_row, total};
use super::job::stage;
use super::lake::{self, Lake, folder};
use super::running::Running;
use super::{Job, batches, rejects, standing};
use crate::info::manifest::{self, Batch, Entry, Rejects};
use crate::outcome::{CheckFinding, LakeChange, Outcome, Output, Rows, Scratch};

/// The rejects of a lake.
const REJECTS: &str = "_swath/rejects.ndjson";

/// Refuses a lake that is no longer the one that the job was planned for.
///
/// # Errors
/// [`Error::OutputExists`].
pub fn check_same(lake: &Lake, path: &Path) -> Result<()> {
    if lake::digest(path)? == lake.digest {
        return Ok(());
    }
    Err(Error::OutputExists {
        path: path.into(),
        message: "another run changed the lake meanwhile".into(),
        hint: "run the same command again".into(),
    })
}

/// What changes in the files of a lake.
struct Difference {
    changes: Changes,
    /// Files of the lake once that is done, by path.
    files: Vec<Entry>,
    /// Bytes of the files that are put in place.
    bytes: u64,
}

/// The files that a run wrote.
fn written(running: &Running, done: &Receipts) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for receipt in done.of_stage(stage::ASSEMBLE) {
        let assembled: Assembled = receipt.read()?;
        let mut text = vec![0; assembled.entries.length() as usize];
        running.store.read(&assembled.entries, 0, &mut text)?;
        for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let entry = serde_json::from_slice(line.strip_suffix(b",").unwrap_or(line));
            entries.push(entry.map_err(|error| Error::unexpected(format!("an entry cannot be read: {error}")))?);
        }
    }
    Ok(entries)
}

fn difference(running: &Running, lake: &Lake, done: &Receipts) -> Result<Difference> {
    let touched = running.touched.get().ok_or_else(|| Error::unexpected("nobody looked at the lake"))?;
    let is_touched: FxHashSet<u32> = touched.files.iter().copied().collect();
    let mut old: FxHashMap<&Path, &Entry> = FxHashMap::default();
    let mut files = Vec::with_capacity(lake.files.len());
    for (position, file) in (0u32..).zip(&lake.files) {
        match is_touched.contains(&position) {
            true => drop(old.insert(&file.path, file)),
            false => files.push(file.clone()),
        }
    }
    let mut changes = Changes { last: manifest::FILE.into(), ..Changes::default() };
    let mut bytes = 0;
    let written = written(running, done)?;
    if running.job.compacts {
        let touched = touched.files.iter().map(|&position| &lake.files[position as usize]);
        stay_in_folders(&running.job.output, touched, &written)?;
    }
    for file in written {
        let before = old.remove(file.path.as_path());
        if before.is_none_or(|before| before.sha256 != file.sha256 || before.bytes != file.bytes) {
            if before.is_none() {
                is_free(&running.job.output.join(&file.path))?;
            }
            bytes += file.bytes;
            changes.put.push(file.path.clone());
        }
        files.push(file);
    }
    changes.remove = old.into_keys().map(PathBuf::from).collect();
    changes.remove.sort();
    files.sort_by(|a, b| a.path.as_os_str().as_encoded_bytes().cmp(b.path.as_os_str().as_encoded_bytes()));
    Ok(Difference { changes, files, bytes })
}

/// Refuses to move rows from folder to folder where nothing is added. Their partition follows from them, so that happens
/// only where a lake was not written as its manifest says.
fn stay_in_folders<'a>(lake: &Path, before: impl Iterator<Item = &'a Entry>, after: &'a [Entry]) -> Result<()> {
    let mut rows: FxHashMap<String, (u64, u64)> = FxHashMap::default();
    before.for_each(|file| rows.entry(folder(file)).or_default().0 += file.rows);
    after.iter().for_each(|file| rows.entry(folder(file)).or_default().1 += file.rows);
    let moved = rows.into_iter().filter(|(_, (before, after))| before != after).min();
    match moved {
        None => Ok(()),
        Some((folder, (before, after))) => Err(Error::InputCorrupt {
            place: Place::file(lake.join(folder)),
            message: format!("{before} rows are in this partition, and by their values {after} would be"),
            hint: "the lake is not as it was written, and is left as it is: ingest its inputs anew".into(),
        }),
    }
}

/// Refuses to replace a file that is not of the lake.
fn is_free(path: &Path) -> Result<()> {
    match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::writing(path, &error)),
        Ok(_) => {}
    }
    Err(Error::OutputExists {
        path: path.into(),
        message: "it is not of the lake, and a new part file would have its name".into(),
        hint: "move it away, then run again with --resume".into(),
    })
}

/// What the manifest tells of all batches.
struct Told {
    rows: Rows,
    inputs: Value,
    rejects: Rejects,
    appended: u64,
    last_batch: Option<Batch>,
    /// What checks found in the last run.
    checks: Vec<CheckFinding>,
    batches: Vec<String>,
}

impl Told {
    /// What it tells already.
    fn of(lake: &Lake) -> Told {
        Told {
            rows: lake.rows.clone(),
            inputs: lake.inputs.clone(),
            rejects: lake.rejects.clone(),
            appended: lake.appended,
            last_batch: lake.last_batch.clone(),
            checks: lake.checks.clone(),
            batches: batches::of(lake),
        }
    }

    /// The same with one more batch, of whose rejects so many are told one by one.
    fn and(mut self, batch: Batch, kept: u64) -> Told {
        self.rows = total(&self.rows, &batch.rows);
        self.rows.duplicate += batch.replaced;
        self.rows.written -= batch.replaced;
        self.inputs = inputs_of_all(&self.inputs, &batch.inputs);
        for (reason, count) in &batch.rejects {
            *self.rejects.by_reason.entry(reason.clone()).or_default() += count;
        }
        self.rejects.kept += kept;
        self.rejects.left_out += batch.rows.rejected.saturating_sub(kept);
        self.appended += 1;
        batches::add(&mut self.batches, &batch);
        self.last_batch = Some(batch);
        self
    }
}

/// What a run comes to its end with.
pub struct End<'a> {
    /// The job.
    pub job: &'a Job,
    /// What became of its rows.
    pub totals: Totals,
    /// Of its tasks.
    pub summary: &'a Summary,
    /// Who is told.
    pub observer: &'a dyn Observer,
    /// Since it began.
    pub stopwatch: Stopwatch,
}

/// Ends a run.
///
/// # Errors
/// What prevents the changes from being made: with the lake as it was, or, once they are begun, with a list of what is
/// to be done, which the next run follows.
pub fn extend(
    running: &Running,
    lake: &Lake,
    done: &Receipts,
    partial: PartialOutput,
    end: End<'_>,
) -> Result<Outcome> {
    let End { job, totals, summary, observer, stopwatch } = end;
    check_same(lake, &running.job.output)?;
    let Difference { mut changes, files, bytes } = difference(running, lake, done)?;
    let (put, removed) = (changes.put.len() as u64, changes.remove.len() as u64);
    let mut told = Told::of(lake);
    if !running.job.compacts {
        let meta = running.lake_folder.join(META);
        let fail = |error: std::io::Error| Error::writing(&meta, &error);
        fault::point("lake.folder").and_then(|()| std::fs::create_dir_all(&meta)).map_err(fail)?;
        let kept = write_rejects(running, done, totals.rows.rejected)?;
        changes.put.extend(kept.map(|_| REJECTS.into()));
        let batch = Batch {
            options: batches::options(&running.job),
            inputs: standing::inputs(&running.job),
            rows: totals.rows.clone(),
            replaced: totals.replaced,
            rejects: totals.reasons.iter().cloned().collect(),
            written: (put, bytes),
        };
        told = told.and(batch, kept.unwrap_or_default());
        told.checks.clone_from(&totals.checks);
    }
    let change = LakeChange {
        rows_before: lake.files.iter().map(|file| file.rows).sum(),
        rows_met: totals.recalled,
        rows_replaced: totals.replaced,
        rows_after: files.iter().map(|file| file.rows).sum(),
        files_before: lake.files.len() as u64,
        files_written: put,
        files_removed: removed,
        files_after: files.len() as u64,
    };
    if !told.rows.balanced() || told.rows.written != change.rows_after {
        let message =
            format!("the rows of the lake do not add up: {:?}, {} in its files", told.rows, change.rows_after);
        return Err(Error::LedgerBroken { message });
    }
    let scratch = Scratch { predicted: job.costs.scratch, actual: running.store.scratch_peak() + job.prepared.content };
    let target = partial.target().to_path_buf();
    let as_it_was = put + removed == 0 && running.job.target_file_size == lake.target_file_size;
    let left = if running.job.compacts && as_it_was {
        partial.discard().err()
    } else {
        write_manifest(running, lake, done, &files, &told)?;
        partial.change(&changes)?
    };
    show_left(left, job, observer);
    Ok(Outcome {
        rows: (!running.job.compacts).then_some(totals.rows),
        lake: Some(change),
        outputs: vec![Output { path: target, bytes: Bytes(bytes), files: put }],
        rejects: totals.reasons,
        checks: totals.checks,
        choices: job.choices(),
        ..Outcome::complete(job.command(), &job.costs.ledger, summary, scratch, &stopwatch)
    })
}

/// Writes the rejects of the lake and those of the batch behind them; none where the batch has none. Answers how many of
/// the batch are in it.
fn write_rejects(running: &Running, done: &Receipts, rejected: u64) -> Result<Option<u64>> {
    if rejected == 0 {
        return Ok(None);
    }
    let path = running.lake_folder.join(REJECTS);
    let fail = |error: std::io::Error| Error::writing(&path, &error);
    let file = fault::point("rejects.create").and_then(|()| File::create(&path)).map_err(fail)?;
    let mut out = BufWriter::with_capacity(64 << 10, file);
    let before = running.job.output.join(REJECTS);
    let mut there = 0;
    if before.exists() {
        let mut old = File::open(&before).map_err(|error| Error::reading(&before, &error))?;
        there = std::io::copy(&mut old, &mut out).map_err(fail)?;
    }
    let written = rejects::write_more(running, done, there, &mut out)?;
    fault::point("rejects.write").and_then(|()| out.flush()).map_err(fail)?;
    Ok(Some(written.kept))
}

/// The inputs of all batches, told as those of one are.
fn inputs_of_all(before: &Value, batch: &Value) -> Value {
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64).unwrap_or_default();
    let sum = |name: &str| number(before, name) + number(batch, name);
    let digests = [before, batch].map(|of| of.get("digest").and_then(Value::as_str).unwrap_or_default());
    let digest = swath_core::Fnv64::of(digests.join("+").as_bytes());
    json!({"files": sum("files"), "bytes": sum("bytes"), "digest": format!("{digest:016x}")})
}

fn write_manifest(running: &Running, lake: &Lake, done: &Receipts, files: &[Entry], told: &Told) -> Result<()> {
    let path = running.lake_folder.join(manifest::FILE);
    let fail = |error: std::io::Error| Error::writing(&path, &error);
    let job = &running.job;
    if let Some(meta) = path.parent() {
        std::fs::create_dir_all(meta).map_err(fail)?;
    }
    let mut options = lake.options.clone();
    if let Some(options) = options.as_object_mut() {
        options.insert("max_record".into(), json!(job.longest_record()));
        options.insert("target_file_size".into(), json!(job.target_file_size));
    }
    let head = json!({
        "swath_lake": 1,
        "created_by": format!("swath {}", env!("CARGO_PKG_VERSION")),
        "rows": told.rows,
        "bytes": files.iter().map(|file| file.bytes).sum::<u64>(),
        "bbox": files.iter().fold(None, |all, file| union(all, file.bbox)),
        "time_us": files.iter().fold(None, |all, file| span(all, file.time_us)),
        "crs": job.geometry.as_ref().map(|geometry| geometry.target.name()),
        "options": options,
        "rows_per_row_group": lake.row_group_rows,
        "inputs": told.inputs,
        "rejects": told.rejects,
        "checks": told.checks,
        "texts": [lake.texts.0.max(running.texts.len() as u64), lake.texts.1.max(running.texts.bytes() as u64)],
        "text_per_row": lake.text_per_row.max(text_per_row(running, done)?),
        "appended": told.appended,
        "last_batch": told.last_batch,
        "batches": told.batches,
        "schema": lake.schema_text,
    });
    let text = serde_json::to_string_pretty(&head).map_err(|error| Error::unexpected(error.to_string()))?;
    let open = text.strip_suffix("\n}").unwrap_or(&text);
    let file = fault::point("manifest.create").and_then(|()| File::create(&path)).map_err(fail)?;
    let mut out = BufWriter::with_capacity(64 << 10, file);
    write!(out, "{open},\n  \"files\": [\n").map_err(fail)?;
    for (position, entry) in files.iter().enumerate() {
        let line = serde_json::to_vec(entry).map_err(|error| Error::unexpected(error.to_string()))?;
        let end: &[u8] = if position + 1 == files.len() { b"" } else { b",\n" };
        fault::point("manifest.write")
            .and_then(|()| out.write_all(&line))
            .and_then(|()| out.write_all(end))
            .map_err(fail)?;
    }
    out.write_all(b"\n  ]\n}\n").and_then(|()| out.flush()).map_err(fail)
}
