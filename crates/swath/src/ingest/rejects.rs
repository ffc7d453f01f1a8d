//! Rejected rows: packed while units are routed, written out as `rejects.ndjson` once line numbers are known.
//!
//! What is kept is bounded per unit and per run; everything is counted.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use swath_core::{Blob, Error, Receipts, Result};
use swath_formats::store::{ReadAt, open_regular, read_full};
use swath_table::reject::{Reason, Reject};
use swath_table::run::SortedRun;

use super::encode::EncodedGroups;
use super::job::{Routed, stage};
use super::row_checks::FlaggedRows;
use super::running::Running;
use crate::input_file::InputFile;

/// Packed rejects that one unit keeps.
pub const UNIT_BYTES_MAX: usize = 256 << 10;
/// Packed rejects that a run writes out.
pub const RUN_BYTES_MAX: u64 = 256 << 20;
/// Bytes of a row that are kept.
pub const RAW_MAX: usize = 1024;
/// Bytes before detail and raw text in a packed reject.
const HEAD: usize = 40;

/// A line of `rejects.ndjson`.
#[derive(Serialize)]
struct Line<'a> {
    source: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    byte_offset: Option<u64>,
    /// Of files with columns and of JSON documents, counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    column: Option<&'a str>,
    reason: &'static str,
    detail: &'a str,
    raw: std::borrow::Cow<'a, str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    raw_truncated: bool,
}

/// Rejects of one unit.
#[derive(Default)]
pub struct Packed {
    /// Kept rejects, one behind the other.
    pub bytes: Vec<u8>,
    raw: Vec<u8>,
    /// The sorted run that the rows are in, where they are found in one.
    pub of_run: Option<u32>,
    /// The file of the last reject; rejects of one file come together.
    open: Option<(u32, Box<dyn ReadAt>)>,
    /// Why the text of a row could not be read again, for the first of them.
    failure: Option<Error>,
}

impl Packed {
    /// What was read, or nothing; then [`Packed::check`] tells why.
    pub fn or_nothing<T: Default>(&mut self, read: Result<T>) -> T {
        read.unwrap_or_else(|error| {
            self.failure.get_or_insert(error);
            T::default()
        })
    }

    /// Whether all texts could be read.
    ///
    /// # Errors
    /// That of the first one that could not be.
    pub fn check(&mut self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Whether there is no room for any reject.
    pub fn is_full(&self) -> bool {
        self.bytes.len() + HEAD > UNIT_BYTES_MAX
    }

    /// Adds a reject of a row of `file`, as it is shown or else as it stands there.
    pub fn push(&mut self, file: u32, input: &InputFile, reject: &Reject, shown: Option<&[u8]>) {
        let raw_length = (reject.length as usize).min(RAW_MAX);
        let detail = &reject.detail.as_bytes()[..reject.detail.len().min(usize::from(u16::MAX))];
        if self.bytes.len() + HEAD + detail.len() + raw_length > UNIT_BYTES_MAX {
            return;
        }
        self.raw.clear();
        match shown {
            Some(shown) => self.raw.extend_from_slice(&shown[..raw_length.min(shown.len())]),
            None => self.read_row(file, input, reject.offset, raw_length),
        }
        let bytes = &mut self.bytes;
        bytes.extend_from_slice(&self.of_run.unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend_from_slice(&file.to_le_bytes());
        bytes.extend_from_slice(&reject.offset.to_le_bytes());
        bytes.extend_from_slice(&u64::from(reject.line).to_le_bytes());
        bytes.extend_from_slice(&reject.column.map_or(u32::MAX, |column| column as u32).to_le_bytes());
        bytes.extend_from_slice(&u32::from(reject.reason as u8).to_le_bytes());
        bytes.extend_from_slice(&(detail.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&(self.raw.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&u32::from(reject.length as usize > RAW_MAX).to_le_bytes());
        bytes.extend_from_slice(detail);
        bytes.extend_from_slice(&self.raw);
    }
}

impl Packed {
    /// Reads the text of a row again. A row that is no longer there is reported without its text.
    fn read_row(&mut self, file: u32, input: &InputFile, offset: u64, length: usize) {
        if self.open.as_ref().is_none_or(|(open, _)| *open != file) {
            self.open = self.or_nothing(input.open().map(|opened| Some((file, opened))));
        }
        self.raw.resize(length, 0);
        let read = self.open.as_ref().map_or(Ok(0), |(_, open)| read_full(&**open, &mut self.raw, offset));
        if self.or_nothing(read) != length {
            self.raw.clear();
        }
    }
}

/// Takes packed rejects apart.
struct Reader<'a>(&'a [u8]);

struct Entry<'a> {
    run: u32,
    file: u32,
    offset: u64,
    line: u64,
    column: Option<usize>,
    reason: Reason,
    truncated: bool,
    detail: &'a [u8],
    raw: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn entry(&mut self) -> Option<Entry<'a>> {
        let run = u32::from_le_bytes(self.take()?);
        let file = u32::from_le_bytes(self.take()?);
        let offset = u64::from_le_bytes(self.take()?);
        let line = u64::from_le_bytes(self.take()?);
        let column = u32::from_le_bytes(self.take()?);
        let reason = Reason::from_position(u32::from_le_bytes(self.take()?) as u8)?;
        let detail = u16::from_le_bytes(self.take()?);
        let raw = u16::from_le_bytes(self.take()?);
        let truncated = u32::from_le_bytes(self.take()?) != 0;
        Some(Entry {
            run,
            file,
            offset,
            line,
            column: (column != u32::MAX).then_some(column as usize),
            reason,
            truncated,
            detail: self.slice(usize::from(detail))?,
            raw: self.slice(usize::from(raw))?,
        })
    }
}

/// What was written out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// Rejects in the file.
    pub kept: u64,
    /// Rejects counted and not kept.
    pub left_out: u64,
}

/// Writes all kept rejects of a run, with exact line numbers, in the order of units: in a unit those of values come in the
/// order of its rows, and behind those of each batch of rows the ones by place, which are found once a batch is full.
/// Behind all units come those of checks that look at readings in their order.
///
/// # Errors
/// When scratch cannot be read or `out` cannot be written.
pub fn write(running: &Running, done: &Receipts, out: &mut dyn Write) -> Result<Written> {
    write_more(running, done, 0, out)
}

/// The same behind so many bytes of others, which count for what is kept.
///
/// # Errors
/// As [`write`].
pub fn write_more(running: &Running, done: &Receipts, there: u64, out: &mut dyn Write) -> Result<Written> {
    let units = running.routed(done)?;
    let mut writer = Writer { running, out, kept: 0, kept_bytes: there };
    let mut lines = Lines::default();
    let mut rejected = 0;
    for unit in &units {
        if let Some(blob) = &unit.rejects {
            writer.all_of(blob, |entry| lines.before(entry.file))?;
        }
        rejected += unit.rejected;
        lines.pass(unit);
    }
    let mut lines_of_runs = None;
    for receipt in done.of_stage(stage::ENCODE) {
        let Some(checked) = receipt.read::<EncodedGroups>()?.checked else { continue };
        rejected += checked.rejected();
        for blob in &checked.rejects {
            let lines = match &lines_of_runs {
                Some(lines) => lines,
                None => lines_of_runs.insert(lines_before_runs(running, done, &units)?),
            };
            writer.all_of(blob, |entry| lines.get(entry.run as usize).map_or(0, |lines| lines.before(entry.file)))?;
        }
    }
    Ok(Written { kept: writer.kept, left_out: rejected - writer.kept })
}

/// Writes packed rejects out, up to a limit.
struct Writer<'a> {
    running: &'a Running,
    out: &'a mut dyn Write,
    kept: u64,
    kept_bytes: u64,
}

impl Writer<'_> {
    /// `lines` tells how many lines of its file are before the place that the line of a reject counts from.
    fn all_of(&mut self, blob: &Blob, lines: impl Fn(&Entry<'_>) -> u64) -> Result<()> {
        if self.kept_bytes >= RUN_BYTES_MAX {
            return Ok(());
        }
        self.kept_bytes += blob.length();
        let mut packed = vec![0; blob.length() as usize];
        self.running.store.read(blob, 0, &mut packed)?;
        let mut reader = Reader(&packed);
        while let Some(entry) = reader.entry() {
            write_line(self.running, &entry, lines(&entry), &mut *self.out)
                .map_err(|error| Error::writing(&self.running.job.output, &error))?;
            self.kept += 1;
        }
        Ok(())
    }
}

/// How many lines of a file are before a unit, while units are passed in their order.
#[derive(Clone, Copy)]
pub struct Lines {
    file: u32,
    lines: u64,
}

impl Default for Lines {
    fn default() -> Self {
        Lines { file: u32::MAX, lines: 0 }
    }
}

impl Lines {
    fn before(&self, file: u32) -> u64 {
        if file == self.file { self.lines } else { 0 }
    }

    /// Goes on to the next unit.
    pub fn pass(&mut self, unit: &Routed) {
        if let Some(edge) = unit.edges.last() {
            let lines = self.before(edge.file) + edge.lines;
            *self = Lines { file: edge.file, lines };
        }
    }

    /// Where a row of the unit stands, in words.
    pub fn place(&self, running: &Running, row: &FlaggedRows) -> String {
        let path = running.job.files[row.file as usize].path.display();
        match place_of(running, row.file, row.offset, self.before(row.file) + u64::from(row.line)) {
            Ok(row) => format!("{path}, row {row}"),
            Err(line) => format!("{path}, line {line}"),
        }
    }
}

/// For each sorted run, the lines before the unit that it is of.
fn lines_before_runs(running: &Running, done: &Receipts, units: &[Routed]) -> Result<Vec<Lines>> {
    let mut of_runs = vec![Lines::default(); running.recalled(done)?.len()];
    let mut lines = Lines::default();
    for unit in units {
        of_runs.extend(unit.runs.iter().map(|_| lines));
        lines.pass(unit);
    }
    Ok(of_runs)
}

/// Where a row of a sorted run came from.
pub struct Origin {
    /// Position of the file.
    pub file: u32,
    /// Its line in the unit.
    pub line: u32,
    /// Where it begins: the byte, or the row of a file with columns.
    pub offset: u64,
}

impl Origin {
    /// Bytes of an origin in a run.
    pub const BYTES: usize = 16;

    /// As it stands in a run.
    pub fn to_bytes(&self) -> [u8; Origin::BYTES] {
        let mut bytes = [0; Origin::BYTES];
        bytes[..4].copy_from_slice(&self.file.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.line.to_le_bytes());
        bytes[8..].copy_from_slice(&self.offset.to_le_bytes());
        bytes
    }
}

/// Where a row of a sorted run came from; none for rows of the lake.
///
/// # Errors
/// When scratch cannot be read.
pub fn origin(running: &Running, run: &SortedRun, row: u32) -> Result<Option<Origin>> {
    let Some(origins_at) = run.origins_at else { return Ok(None) };
    let mut words = [0u32; Origin::BYTES / 4];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    running.store.read(&run.blob, origins_at + u64::from(row) * Origin::BYTES as u64, bytes)?;
    let [file, line, low, high] = words.map(u32::from_le);
    Ok(Some(Origin { file, line, offset: u64::from(low) | u64::from(high) << 32 }))
}

/// Refuses a run in which more rows are rejected than it may.
///
/// # Errors
/// [`Error::TooManyRejects`].
pub fn check_limit(running: &Running, done: &Receipts) -> Result<()> {
    let job = &running.job;
    let read: u64 = running.routed(done)?.iter().map(|unit| unit.read).sum();
    let reasons = reasons(running, done)?;
    let rejected = reasons.iter().map(|(_, count)| count).sum();
    if !job.max_rejects.exceeded(rejected, read) {
        return Ok(());
    }
    let kept_at = keep_beside(running, done)?;
    let most = reasons.first().map_or(String::new(), |(reason, count)| format!("{reason} ({count} rows)"));
    let example = first_example(&kept_at).map_or(most.clone(), |example| format!("{most}, first: {example}"));
    Err(Error::TooManyRejects { rejected, read, limit: job.max_rejects.to_string(), kept_at, example })
}

/// How many rows were rejected for which reason, the most frequent ones first.
///
/// # Errors
/// When a receipt cannot be read.
pub fn reasons(running: &Running, done: &Receipts) -> Result<Vec<(String, u64)>> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for unit in running.routed(done)? {
        for (reason, count) in unit.reasons {
            *counts.entry(reason).or_default() += count;
        }
    }
    for receipt in done.of_stage(stage::ENCODE) {
        for (reason, count) in receipt.read::<EncodedGroups>()?.checked.into_iter().flat_map(|checked| checked.reasons)
        {
            *counts.entry(reason).or_default() += count;
        }
    }
    let mut reasons: Vec<(String, u64)> = counts.into_iter().collect();
    reasons.sort_by_key(|(_, count)| Reverse(*count));
    Ok(reasons)
}

/// Where a row stands, so many lines behind the header: its number among the rows, where there are no lines, or else its
/// line; both counted from 1.
fn place_of(running: &Running, file: u32, offset: u64, lines: u64) -> std::result::Result<u64, u64> {
    let job = &running.job;
    let is_document = job.files[file as usize].content.as_ref().is_some_and(|content| content.records.is_some());
    match (job.columnar.is_some(), is_document) {
        (true, _) => Ok(offset + 1),
        // Its records were laid out as lines.
        (_, true) => Ok(lines + 1),
        _ => Err(job.file_plans[file as usize].header_lines + lines + 1),
    }
}

fn write_line(running: &Running, entry: &Entry<'_>, carried: u64, out: &mut dyn Write) -> std::io::Result<()> {
    let file = entry.file as usize;
    let place = place_of(running, entry.file, entry.offset, carried + entry.line);
    let line = Line {
        source: running.job.files[file].path.to_string_lossy(),
        line: place.err(),
        byte_offset: place.is_err().then_some(entry.offset),
        row: place.ok(),
        column: entry.column.map(|column| running.job.input_schema.columns[column].name.as_str()),
        reason: entry.reason.name(),
        detail: std::str::from_utf8(entry.detail).unwrap_or_default(),
        raw: String::from_utf8_lossy(entry.raw),
        raw_truncated: entry.truncated,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

/// Where the rejects of a failed run are left: a name that is free, or that of rejects of an earlier run.
fn beside(output: &Path) -> PathBuf {
    let name = |number: u32| {
        let mut name = output.as_os_str().to_owned();
        name.push(if number == 0 { ".rejects.ndjson".into() } else { format!(".rejects.{number}.ndjson") });
        PathBuf::from(name)
    };
    (0..u32::MAX).map(name).find(|path| path.symlink_metadata().is_err() || are_ours(path)).unwrap_or_else(|| name(0))
}

/// The rejects that an earlier failure left for a person to see, if they are there.
pub fn left_beside(output: &Path) -> Option<PathBuf> {
    Some(beside(output)).filter(|path| path.symlink_metadata().is_ok())
}

/// Whether a file begins as rejects do; what anybody else put there stays.
fn are_ours(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = open_regular(path).map(|file| file.take(64 << 10).read_to_end(&mut head));
    let text = String::from_utf8_lossy(&head);
    matches!(read, Ok(Ok(_)))
        && text.starts_with("{\"source\":\"")
        && (["\",\"line\":", ",\"byte_offset\":"].iter().all(|part| text.contains(part))
            || text.contains("\",\"row\":"))
}

/// Writes the rejects beside the lake that will not be, for a person to see; answers where.
///
/// # Errors
/// When they cannot be written.
pub fn keep_beside(running: &Running, done: &Receipts) -> Result<PathBuf> {
    let path = beside(&running.job.output);
    let fail = |error: std::io::Error| Error::writing(&path, &error);
    let file = std::fs::File::create(&path).map_err(fail)?;
    let mut out = std::io::BufWriter::new(file);
    write(running, done, &mut out)?;
    out.flush().map_err(fail)?;
    Ok(path)
}

/// The first reject of a written file, in a few words.
pub fn first_example(path: &std::path::Path) -> Option<String> {
    use std::io::BufRead;
    let mut line = String::new();
    std::io::BufReader::new(std::fs::File::open(path).ok()?).read_line(&mut line).ok()?;
    let value: serde_json::Value = serde_json::from_str(&line).ok()?;
    let text = |key: &str| value.get(key).and_then(|value| value.as_str()).unwrap_or_default().to_string();
    let number = |key: &str| value.get(key).and_then(serde_json::Value::as_u64).unwrap_or_default();
    let column = match text("column") {
        column if column.is_empty() => String::new(),
        column => format!(", column {column}"),
    };
    let place = match value.get("row") {
        Some(row) => format!("row {row}"),
        None => format!("line {}, byte {}", number("line"), number("byte_offset")),
    };
    Some(format!("{}, {place}{column}: {}", text("source"), text("detail")))
}
