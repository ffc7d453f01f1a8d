//! Part files: encoded row groups are put together, in order, up to the target size.
//!
//! Where parts end depends on the sizes of row groups and on the number of columns alone. Nothing is decoded.

use std::fs::File;
use std::io::BufWriter;
use std::ops::Range;

use bytes::Bytes as Block;
use serde::{Deserialize, Serialize};
use swath_core::fault::Faulty;
use swath_core::{
    BEGIN_ANEW, Blob, Bytes, Error, Receipt, Receipts, Result, Stage, TaskContext, TaskKey, TaskSpec, fault,
};
use swath_formats::geoparquet;
use swath_table::partition::folder_of;

use super::encode::{EncodedGroups, row_groups};
use super::job::{Job, stage};
use super::running::{Running, Shared};
use crate::work::{Blobs, get_or_try_init, receipt};

/// Parts at most in a task.
const PARTS_PER_TASK: u64 = 256;
/// Bytes in a task, about.
const TASK_BYTES: u64 = 64 << 20;
/// Row groups that a file can have.
const GROUPS_MAX: u32 = 32_767;
/// Leaves of all row groups of a part: its footer names each, and is in memory whole while the part is written and read.
const LEAVES_MAX: usize = 8_192;
/// Memory for the footers of a part: per leaf and group.
const FOOTER_BYTES: u64 = 1_200;

/// Where a mini file is.
#[derive(Debug, Clone, Copy)]
struct MiniFile {
    task: u32,
    offset: u64,
    length: u32,
}

/// One part file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Rank of its partition.
    partition: u32,
    /// Its number in the partition.
    number: u32,
    /// First row group.
    first: u64,
    /// How many row groups.
    groups: u32,
    /// Bytes of their mini files.
    bytes: u64,
}

/// All part files, in the order of the output.
pub struct Parts {
    blobs: Vec<Blob>,
    files: Vec<MiniFile>,
    parts: Vec<Part>,
}

impl Parts {
    /// The mini files of a part.
    fn files_of(&self, part: &Part) -> &[MiniFile] {
        &self.files[part.first as usize..part.first as usize + part.groups as usize]
    }
}

/// The part files of a run whose row groups are encoded; made once.
///
/// # Errors
/// When receipts cannot be read.
fn parts<'a>(running: &'a Running, done: &Receipts) -> Result<&'a Parts> {
    get_or_try_init(&running.parts, || {
        let groups = &row_groups(running, done)?.groups;
        let mut blobs = Vec::new();
        let mut files = Vec::with_capacity(groups.len());
        for receipt in done.of_stage(stage::ENCODE) {
            let encoded: EncodedGroups = receipt.read()?;
            let mut offset = 0;
            for length in encoded.lengths {
                files.push(MiniFile { task: blobs.len() as u32, offset, length });
                offset += u64::from(length);
            }
            blobs.push(encoded.blob);
        }
        if files.len() != groups.len() {
            return Err(Error::unexpected(format!("{} of {} row groups are encoded", files.len(), groups.len())));
        }
        let sizes = groups.iter().zip(&files).map(|(group, file)| (group.partition, u64::from(file.length)));
        let mut parts = cut(sizes, running.job.target_file_size.0, groups_at_most(&running.job));
        // Of the last row groups of a partition no row may be left.
        parts.retain(|part| part.bytes > 0);
        Ok(Parts { blobs, files, parts })
    })
}

/// Row groups of a part at most.
pub fn groups_at_most(job: &Job) -> u32 {
    (LEAVES_MAX / job.lake.leaf_count().max(1)).clamp(1, GROUPS_MAX as usize) as u32
}

/// Cuts row groups into parts: a part ends with its partition, with the first group at or past the target size, or when
/// it has as many groups as one may have.
fn cut(groups: impl Iterator<Item = (u32, u64)>, target: u64, most: u32) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (position, (partition, bytes)) in groups.enumerate() {
        match parts.last_mut() {
            Some(open) if open.partition == partition && open.bytes < target && open.groups < most => {
                open.groups += 1;
                open.bytes += bytes;
            }
            last => {
                let number = match last {
                    Some(before) if before.partition == partition => before.number + 1,
                    _ => 0,
                };
                parts.push(Part { partition, number, first: position as u64, groups: 1, bytes });
            }
        }
    }
    parts
}

/// The files that a task wrote.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Assembled {
    /// Their entries of the manifest, each with a comma and a newline behind it.
    pub entries: Blob,
    /// How many files.
    pub files: u64,
    /// Rows in them.
    pub rows: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// West, south, east, north of their points.
    pub bounds: Option<[f64; 4]>,
    /// First and last time.
    pub time_us: Option<(i64, i64)>,
}

impl Blobs for Assembled {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        with(&self.entries);
    }
}

/// A file's entry of the manifest.
#[derive(Serialize)]
struct Entry<'a> {
    path: &'a str,
    rows: u64,
    bytes: u64,
    row_groups: usize,
    sha256: &'a str,
    bbox: Option<[f64; 4]>,
    time_us: Option<(i64, i64)>,
}

/// What is held against the file of an entry.
#[derive(Deserialize)]
struct Written<'a> {
    path: std::borrow::Cow<'a, str>,
    bytes: u64,
}

/// Puts part files together.
pub struct Assemble(pub Shared, pub Bytes);

/// Memory of a task: a mini file, the footers of a part, entries.
pub fn task_bytes(job: &Job, mini_file: Bytes, groups_per_part: u64) -> Bytes {
    let footers = groups_per_part * job.lake.leaf_count() as u64 * FOOTER_BYTES;
    mini_file + Bytes(footers) + Bytes(PARTS_PER_TASK * 512) + Bytes(512 << 10)
}

impl Stage for Assemble {
    fn name(&self) -> &str {
        "assemble"
    }

    fn task_bytes_max(&self) -> Bytes {
        self.1
    }

    fn work_bytes(&self, key: &TaskKey) -> Bytes {
        let Some(parts) = self.0.parts.get() else { return Bytes::ZERO };
        Bytes(parts.parts[key.units.start as usize..key.units.end as usize].iter().map(|part| part.bytes).sum())
    }

    fn tasks(&self, done: &Receipts) -> Result<Vec<TaskSpec>> {
        let all = parts(&self.0, done)?;
        let parts = &all.parts;
        let mut tasks = Vec::new();
        let spec = |units: Range<u64>| {
            // Row groups may have become larger, and more in a part, than the plan expected.
            let parts = &parts[units.start as usize..units.end as usize];
            let files = parts.iter().flat_map(|part| all.files_of(part)).map(|file| u64::from(file.length));
            let groups = parts.iter().map(|part| u64::from(part.groups)).max().unwrap_or_default();
            let bytes = task_bytes(&self.0.job, Bytes(files.max().unwrap_or_default()), groups);
            TaskSpec { key: TaskKey { stage: stage::ASSEMBLE, units }, bytes: self.1.max(bytes) }
        };
        for missing in done.missing(stage::ASSEMBLE, parts.len() as u64) {
            let mut start = missing.start;
            let mut bytes = 0;
            for unit in missing.clone() {
                if unit > start && (bytes >= TASK_BYTES || unit - start >= PARTS_PER_TASK) {
                    tasks.push(spec(start..unit));
                    start = unit;
                    bytes = 0;
                }
                bytes += parts[unit as usize].bytes;
            }
            tasks.push(spec(start..missing.end));
        }
        Ok(tasks)
    }

    fn run(&self, key: &TaskKey, context: &mut TaskContext<'_>) -> Result<Receipt> {
        // Nothing of it is in buffers of the lease.
        let _heap = context.lease.charge(context.lease.bytes())?;
        let running = &*self.0;
        let parts = parts(running, context.done)?;
        let mut entries = Vec::new();
        let nothing = Blob::Memory { slot: 0, length: 0 };
        let mut assembled = Assembled { entries: nothing, files: 0, rows: 0, bytes: 0, bounds: None, time_us: None };
        for unit in key.units.clone() {
            context.stop.check()?;
            write_part(running, parts, &parts.parts[unit as usize], &mut entries, &mut assembled)?;
        }
        let mut writer = running.store.write(entries.len() as u64)?;
        writer.append(&entries)?;
        assembled.entries = writer.finish()?;
        receipt(key, &assembled)
    }

    /// Looks whether all files are there: an earlier process wrote some of them, and somebody may have been there since.
    fn finish(&self, done: &Receipts) -> Result<()> {
        let mut text = Vec::new();
        for receipt in done.of_stage(stage::ASSEMBLE) {
            let Assembled { entries, .. } = receipt.read()?;
            text.resize(entries.length() as usize, 0);
            self.0.store.read(&entries, 0, &mut text)?;
            for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                let Written { path, bytes } = serde_json::from_slice(line.strip_suffix(b",").unwrap_or(line))
                    .map_err(|error| Error::unexpected(format!("an entry of the manifest cannot be read: {error}")))?;
                let path = self.0.lake_folder.join(&*path);
                let length = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
                if length != bytes {
                    return Err(Error::OutputUnwritable {
                        path,
                        reason: format!("it was written with {bytes} bytes, and has {length}"),
                        hint: format!("somebody changed the unfinished output: {BEGIN_ANEW}"),
                    });
                }
            }
        }
        Ok(())
    }
}

fn write_part(
    running: &Running,
    parts: &Parts,
    part: &Part,
    entries: &mut Vec<u8>,
    assembled: &mut Assembled,
) -> Result<()> {
    let job = &running.job;
    let order = partition_ids(running)?;
    let id = order[part.partition as usize];
    let names: Vec<String> = job.schema.columns.iter().map(|column| column.name.clone()).collect();
    let folder = running.partitions.with_text(id, |value| folder_of(&job.partition, value, &names));
    let name = format!("part-{:05}.parquet", part.number);
    let relative = if folder.is_empty() { name } else { format!("{folder}/{name}") };
    let path = running.lake_folder.join(&relative);
    let fail = |error: std::io::Error| Error::writing(&path, &error);
    if let Some(parent) = path.parent() {
        fault::point("part.folder").and_then(|()| std::fs::create_dir_all(parent)).map_err(fail)?;
    }
    let file = fault::point("part.create").and_then(|()| File::create(&path)).map_err(fail)?;
    let groups = parts.files_of(part).iter().filter(|file| file.length > 0).map(|file| {
        let mut bytes = vec![0; file.length as usize];
        running.store.read(&parts.blobs[file.task as usize], file.offset, &mut bytes)?;
        Ok(Block::from(bytes))
    });
    let out = BufWriter::with_capacity(64 << 10, Faulty::new(file, "part.write"));
    let summary = geoparquet::assemble(&job.lake, groups, out, &path)?;
    let bounds = summary.bounds.map(|bounds| [bounds.xmin, bounds.ymin, bounds.xmax, bounds.ymax]);
    let entry = Entry {
        path: &relative,
        rows: summary.rows,
        bytes: summary.bytes,
        row_groups: summary.row_groups,
        sha256: &summary.sha256,
        bbox: bounds,
        time_us: summary.time_us,
    };
    serde_json::to_writer(&mut *entries, &entry).map_err(|error| Error::unexpected(error.to_string()))?;
    entries.extend_from_slice(b",\n");
    assembled.files += 1;
    assembled.rows += summary.rows;
    assembled.bytes += summary.bytes;
    assembled.bounds = union(assembled.bounds, bounds);
    assembled.time_us = span(assembled.time_us, summary.time_us);
    Ok(())
}

/// Identifiers of partitions in their order; made once.
fn partition_ids(running: &Running) -> Result<&[u32]> {
    get_or_try_init(&running.partition_ids, || Ok(running.partitions.sorted_ids())).map(Vec::as_slice)
}

/// The box around two boxes.
pub fn union(a: Option<[f64; 4]>, b: Option<[f64; 4]>) -> Option<[f64; 4]> {
    match (a, b) {
        (Some(a), Some(b)) => Some([a[0].min(b[0]), a[1].min(b[1]), a[2].max(b[2]), a[3].max(b[3])]),
        (one, other) => one.or(other),
    }
}

/// The span around two spans.
pub fn span(a: Option<(i64, i64)>, b: Option<(i64, i64)>) -> Option<(i64, i64)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_at_the_target_or_with_their_partition() {
        let groups = [(0, 60), (0, 60), (0, 60), (1, 500), (1, 1), (2, 1)];
        let parts: Vec<(u32, u32, u64, u32)> = cut(groups.into_iter(), 100, 9)
            .iter()
            .map(|part| (part.partition, part.number, part.first, part.groups))
            .collect();
        assert_eq!(parts, [(0, 0, 0, 2), (0, 1, 2, 1), (1, 0, 3, 1), (1, 1, 4, 1), (2, 0, 5, 1)]);
    }

    #[test]
    fn parts_end_where_their_footer_is_full() {
        let groups: Vec<u32> = cut([(0, 1); 7].into_iter(), 100, 3).iter().map(|part| part.groups).collect();
        assert_eq!(groups, [3, 3, 1]);
    }
}
