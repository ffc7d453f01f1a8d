//! The inputs of a job: which files, in which order, and how they are cut into units of work.
//!
//! All files in order make one long stream of bytes, or of rows where files have columns; a unit is a stretch of it, of
//! fixed length or between row groups. So the cut depends on the data alone, a huge file and ten thousand small ones
//! are the same to the rest.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use swath_core::{Bytes, Error, Result};

use crate::content::STANDARD_INPUT;
use crate::pattern::{matches, no_match};
use crate::raster::listed;

/// Bytes of input per unit.
pub const UNIT_BYTES: u64 = 4 << 20;

/// Endings of files that a folder is searched for.
const ENDINGS: [&str; 5] = ["csv", "tsv", "txt", "psv", "dat"];
/// The same of JSON, for a folder without any of those.
const JSON_ENDINGS: [&str; 4] = ["ndjson", "jsonl", "json", "geojson"];
/// Endings of what is compressed, behind one of these.
const COMPRESSED: [&str; 2] = ["gz", "zst"];
/// The same of files with columns.
const COLUMNAR_ENDINGS: [&str; 6] = ["parquet", "parq", "arrow", "arrows", "feather", "ipc"];

/// The files of some sources.
#[derive(Debug, Default)]
pub struct Found {
    /// Each path once.
    pub paths: Vec<PathBuf>,
    /// Those that come in once, in order: standard input, and pipes that somebody named. Others are refused with their
    /// names later, as whatever is no regular file.
    pub streams: Vec<PathBuf>,
    /// What was passed over, as sentences.
    pub warnings: Vec<String>,
}

/// Finds the files of the sources: in the order of the arguments, then bytewise by path; each path once. `-` is standard
/// input, and `@LIST` names a file with a path on each line.
///
/// # Errors
/// [`Error::InputUnreadable`] for a source that matches nothing or cannot be read.
pub fn find(sources: &[OsString]) -> Result<Found> {
    let mut found = Found::default();
    for source in sources {
        let path = named(source)?;
        let mut these = Vec::new();
        if path == Path::new(STANDARD_INPUT) {
            found.paths.push(path.into());
            found.streams.push(path.into());
            continue;
        }
        let list = source.as_bytes().strip_prefix(b"@").filter(|_| path.symlink_metadata().is_err());
        if let Some(list) = list.filter(|list| !list.is_empty()) {
            // In the order of the list, which somebody chose.
            found.paths.extend(listed(Path::new(OsStr::from_bytes(list)))?);
            continue;
        }
        match std::fs::symlink_metadata(path) {
            Ok(_) if path.is_dir() => {
                let mut below = Found::default();
                walk(path, &is_text, &mut Vec::new(), &mut below)?;
                let mut json = Found::default();
                walk(path, &is_json, &mut Vec::new(), &mut json)?;
                match (below.paths.is_empty(), json.paths.is_empty()) {
                    (true, true) => walk(path, &is_columnar, &mut Vec::new(), &mut below)?,
                    (true, false) => below = json,
                    (false, true) => {}
                    (false, false) => below.warnings.push(format!(
                        "{} holds delimited text and {} of JSON, which is passed over, first {}",
                        path.display(),
                        files(json.paths.len()),
                        json.paths[0].display()
                    )),
                }
                these = below.paths;
                found.warnings.extend(below.warnings);
                if these.is_empty() {
                    return Err(Error::InputUnreadable {
                        path: path.into(),
                        reason: format!(
                            "the folder holds no files ending in .{}, .json, .parquet or .arrow",
                            ENDINGS.join(", .")
                        ),
                        hint: "name the files, or give a quoted glob like 'folder/*.log'".into(),
                    });
                }
            }
            Ok(_) => {
                if std::fs::metadata(path).is_ok_and(|there| there.file_type().is_fifo()) {
                    found.streams.push(path.into());
                }
                these.push(path.into());
            }
            Err(error) => match pattern(source) {
                Some(pattern) => these = expand(pattern)?,
                None => return Err(Error::reading(path, &error)),
            },
        }
        these.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
        found.paths.extend(these);
    }
    let mut seen = rustc_hash::FxHashSet::default();
    found.paths.retain(|path| seen.insert(path.clone()));
    Ok(found)
}

/// The path that an argument names.
///
/// # Errors
/// [`Error::Usage`] if it names none.
pub fn named(argument: &OsStr) -> Result<&Path> {
    if argument.is_empty() {
        return Err(Error::Usage {
            message: "an argument is empty: wanted a file, a folder or a glob".into(),
            hint: "is a variable that the command uses not set?".into(),
        });
    }
    Ok(Path::new(argument))
}

/// The source as a glob, if it may be one; a glob is always UTF-8.
pub fn pattern(source: &OsStr) -> Option<&str> {
    source.to_str().filter(|text| text.contains(['*', '?', '[']))
}

/// Collects the files below a folder. Links are followed, but not back into one of the folders `above`, by device and
/// inode: whatever is there is found without.
fn walk(folder: &Path, is_input: &dyn Fn(&Path) -> bool, above: &mut Vec<(u64, u64)>, found: &mut Found) -> Result<()> {
    let metadata = std::fs::metadata(folder).map_err(|error| Error::reading(folder, &error))?;
    let identity = (metadata.dev(), metadata.ino());
    if above.contains(&identity) {
        return Ok(());
    }
    above.push(identity);
    let entries = std::fs::read_dir(folder).map_err(|error| Error::reading(folder, &error))?;
    for entry in entries {
        let path = entry.map_err(|error| Error::reading(folder, &error))?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden {
            continue;
        }
        if path.is_dir() {
            walk(&path, is_input, above, found)?;
        } else if is_input(&path) {
            if is_dangling(&path) {
                found.warnings.push(format!("{} is passed over: it is a link to what is not there", path.display()));
            } else {
                found.paths.push(path);
            }
        }
    }
    above.pop();
    Ok(())
}

/// Whether the name of a file ends like one of those.
fn ends_with(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().and_then(OsStr::to_str);
    ending.is_some_and(|ending| endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

fn files(count: usize) -> String {
    format!("{count} file{}", if count == 1 { "" } else { "s" })
}

/// The same, or compressed.
fn ends_with_packed(path: &Path, endings: &[&str]) -> bool {
    let inner = || path.file_stem().map_or(path, Path::new);
    ends_with(path, endings) || ends_with(path, &COMPRESSED) && ends_with(inner(), endings)
}

/// Whether a file in a folder is delimited text by its name.
fn is_text(path: &Path) -> bool {
    ends_with_packed(path, &ENDINGS)
}

/// Whether it is JSON by its name.
fn is_json(path: &Path) -> bool {
    ends_with_packed(path, &JSON_ENDINGS)
}

/// Whether it is a file with columns by its name.
fn is_columnar(path: &Path) -> bool {
    ends_with_packed(path, &COLUMNAR_ENDINGS)
}

/// Whether it is a link that leads nowhere: in a folder that is what a removed file leaves behind, and no input.
fn is_dangling(path: &Path) -> bool {
    std::fs::metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        && path.symlink_metadata().is_ok_and(|there| there.is_symlink())
}

/// The files that a glob matches, in no order.
///
/// # Errors
/// [`Error::InputUnreadable`] if there are none.
pub fn expand(pattern: &str) -> Result<Vec<PathBuf>> {
    let mut found = matches(pattern)?;
    // As in a folder, what is neither is refused with its name later.
    found.retain(|path| !path.is_dir());
    if found.is_empty() {
        return Err(no_match(pattern, "no file matches"));
    }
    Ok(found)
}

/// The stretch of one file that belongs to a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Position of the file.
    pub file: usize,
    /// Bytes of the file, or its rows.
    pub bytes: Range<u64>,
}

/// All files as one stream of bytes or rows.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Where each file begins in the stream, and the end of the last one.
    starts: Vec<u64>,
    /// Where units begin that are not all of one length, and the end of the last one.
    cuts: Option<Vec<u64>>,
    /// Bytes of all files.
    bytes: u64,
}

impl Stream {
    /// The stream of files with these sizes.
    pub fn new(sizes: impl Iterator<Item = u64>) -> Stream {
        let mut starts = vec![0];
        let mut end = 0;
        for size in sizes {
            end += size;
            starts.push(end);
        }
        Stream { starts, cuts: None, bytes: end }
    }

    /// The stream of files with these rows, `bytes` in all, and units between these rows.
    pub fn of_rows(rows: impl Iterator<Item = u64>, cuts: Vec<u64>, bytes: u64) -> Stream {
        Stream { cuts: Some(cuts), bytes, ..Stream::new(rows) }
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> Bytes {
        Bytes(self.bytes)
    }

    /// The end of the stream.
    fn end(&self) -> u64 {
        *self.starts.last().unwrap_or(&0)
    }

    /// How many units there are.
    pub fn units(&self) -> u64 {
        match &self.cuts {
            Some(cuts) => cuts.len().saturating_sub(1) as u64,
            None => self.end().div_ceil(UNIT_BYTES),
        }
    }

    /// Where a unit begins and ends in the stream.
    fn unit(&self, unit: u64) -> Range<u64> {
        match &self.cuts {
            Some(cuts) => match cuts.get(unit as usize..) {
                Some([from, to, ..]) => *from..*to,
                _ => self.end()..self.end(),
            },
            None => unit * UNIT_BYTES..((unit + 1) * UNIT_BYTES).min(self.end()),
        }
    }

    /// The segments of a unit, in order; files without bytes have none.
    pub fn segments(&self, unit: u64) -> Vec<Segment> {
        let Range { start: from, end: to } = self.unit(unit);
        let first = self.starts.partition_point(|&start| start <= from).saturating_sub(1);
        let mut segments = Vec::new();
        for file in first..self.starts.len() - 1 {
            let (start, end) = (self.starts[file], self.starts[file + 1]);
            if start >= to {
                break;
            }
            let bytes = from.max(start) - start..to.min(end) - start;
            if !bytes.is_empty() {
                segments.push(Segment { file, bytes });
            }
        }
        segments
    }

    /// Bytes of a unit; of a unit of rows its share of all bytes.
    pub fn unit_bytes(&self, unit: u64) -> Bytes {
        let Range { start, end } = self.unit(unit);
        let length = end.saturating_sub(start);
        if self.cuts.is_none() {
            return Bytes(length);
        }
        Bytes((u128::from(length) * u128::from(self.bytes) / u128::from(self.end().max(1))) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_cover_every_byte_once_in_order() {
        for sizes in [vec![], vec![0, 0], vec![5], vec![UNIT_BYTES], vec![3 * UNIT_BYTES + 1, 0, 7, UNIT_BYTES - 8, 9]]
        {
            let stream = Stream::new(sizes.iter().copied());
            let mut seen: Vec<u64> = vec![0; sizes.len()];
            for unit in 0..stream.units() {
                let mut bytes = 0;
                for segment in stream.segments(unit) {
                    assert_eq!(segment.bytes.start, seen[segment.file], "a segment begins where the last one ended");
                    seen[segment.file] = segment.bytes.end;
                    bytes += segment.bytes.end - segment.bytes.start;
                }
                assert_eq!(stream.unit_bytes(unit), Bytes(bytes));
            }
            assert_eq!(seen, sizes);
        }
    }
}
