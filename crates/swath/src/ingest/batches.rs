//! Which batches are in a lake, so that none is added again by a run that is repeated to be sure.
//!
//! The manifest tells of the last one in full, and of a few hundred before it what tells them from others.

use serde_json::{Value, json};
use swath_core::{Bytes, Fnv64, Stopwatch, Summary};

use super::commit::by_reason;
use super::job::Job as Plain;
use super::lake::Lake;
use super::{Job, standing};
use crate::info::manifest::{Batch, Rejects};
use crate::outcome::{LakeChange, Outcome, Output, Scratch};

/// Batches that a lake remembers: a year of daily ones.
const REMEMBERED: usize = 400;

/// What holds where a lake says nothing: its rejects did not come from checks.
const NOT_SAID: Value = Value::Bool(false);

/// What the rows of a batch depend on beside the lake.
pub fn options(job: &Plain) -> Value {
    json!({"since_us": job.since_us, "until_us": job.until_us, "bbox": job.bbox, "max_record": job.max_record,
           "strict": job.strict})
}

/// Tells a batch from others.
fn digest(options: &Value, inputs: &Value) -> String {
    format!("{:016x}", Fnv64::of(json!([options, inputs]).to_string().as_bytes()))
}

/// The batches of a lake, the last one at the end, where its manifest tells them; one of an earlier program tells the last.
pub fn of(lake: &Lake) -> Vec<String> {
    if !lake.batches.is_empty() {
        return lake.batches.clone();
    }
    match &lake.last_batch {
        Some(batch) => vec![digest(&batch.options, &batch.inputs)],
        None => {
            let said = |name: &str| lake.options.get(name).unwrap_or(&NOT_SAID);
            let options = json!({"since_us": said("since_us"), "until_us": said("until_us"), "bbox": said("bbox"),
                                 "max_record": said("max_record"), "strict": said("strict")});
            vec![digest(&options, &lake.inputs)]
        }
    }
}

/// Remembers one more.
pub fn add(batches: &mut Vec<String>, batch: &Batch) {
    batches.push(digest(&batch.options, &batch.inputs));
    batches.drain(..batches.len().saturating_sub(REMEMBERED));
}

/// Whether the batch of a job is in the lake, with inputs that nobody wrote to since; if so, whether it is the last one.
pub fn find(lake: &Lake, job: &Plain) -> Option<bool> {
    let wanted = digest(&options(job), &standing::inputs(job));
    let written = Lake::written_ns(&job.output);
    let batches = of(lake);
    let is_there = batches.contains(&wanted) && job.files.iter().all(|file| file.mtime_ns <= written);
    is_there.then(|| batches.last() == Some(&wanted))
}

/// The result of a run whose batch was put in before. Only of the last batch is it known what became of its rows.
pub fn outcome(lake: &Lake, is_last: bool, job: &Job, stopwatch: Stopwatch) -> Outcome {
    let now: u64 = lake.files.iter().map(|file| file.rows).sum();
    let files = lake.files.len() as u64;
    if !is_last {
        let change = LakeChange {
            rows_before: now,
            rows_after: now,
            files_before: files,
            files_after: files,
            ..LakeChange::default()
        };
        return Outcome {
            lake: Some(change),
            outputs: vec![Output { path: job.request.output.clone(), bytes: Bytes::ZERO, files: 0 }],
            choices: job.choices(),
            ..Outcome::complete(job.command(), &job.costs.ledger, &Summary::default(), Scratch::default(), &stopwatch)
        };
    }
    let batch = lake.last_batch.clone();
    let (rows, replaced, rejects, written) = match batch {
        Some(batch) => (batch.rows, batch.replaced, batch.rejects, batch.written),
        None => {
            let bytes = lake.files.iter().map(|file| file.bytes).sum();
            (lake.rows.clone(), 0, lake.rejects.by_reason.clone(), (files, bytes))
        }
    };
    let change = LakeChange {
        rows_before: now + replaced - rows.written.min(now + replaced),
        rows_replaced: replaced,
        rows_after: now,
        files_written: written.0,
        files_after: files,
        ..LakeChange::default()
    };
    let rejects = Rejects { by_reason: rejects, kept: 0, left_out: 0 };
    Outcome {
        rows: Some(rows),
        lake: Some(change),
        outputs: vec![Output { path: job.request.output.clone(), bytes: Bytes(written.1), files: written.0 }],
        rejects: by_reason(rejects),
        checks: lake.checks.clone(),
        choices: job.choices(),
        ..Outcome::complete(job.command(), &job.costs.ledger, &Summary::default(), Scratch::default(), &stopwatch)
    }
}
