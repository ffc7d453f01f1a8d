//! Whether the data files of a lake are those that its manifest lists.
//!
//! It looks at names and sizes. Sums of contents are in the manifest too, but would take reading everything.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use swath_core::fault::Faulty;
use swath_core::{Bytes, Result, Stop};

use crate::outcome::{CheckFinding, Rows};

/// Where a lake has its manifest.
pub const FILE: &str = "_swath/manifest.json";

/// What is needed of a manifest.
#[derive(Deserialize)]
pub struct Manifest {
    /// The version of the layout, which nothing else has.
    #[serde(rename = "swath_lake")]
    _version: u64,
    /// The data files.
    pub files: Vec<Entry>,
    /// The schema as a file.
    #[serde(default)]
    pub schema: String,
    /// The program that wrote it.
    #[serde(default)]
    pub created_by: Value,
    /// What the lake depends on beside schema and inputs.
    #[serde(default)]
    pub options: Value,
    /// Of which files it was made.
    #[serde(default)]
    pub inputs: Value,
    /// What became of the rows.
    #[serde(default)]
    pub rows: Rows,
    /// Bytes of all data files.
    #[serde(default)]
    pub bytes: u64,
    /// Rejected rows.
    #[serde(default)]
    pub rejects: Rejects,
    /// What checks found in the run that wrote it.
    #[serde(default)]
    pub checks: Vec<CheckFinding>,
    /// Rows of a row group.
    #[serde(default)]
    pub rows_per_row_group: u32,
    /// Bytes of text of a row, on average.
    #[serde(default)]
    pub text_per_row: f64,
    /// Texts of categories and sensors, and their bytes.
    #[serde(default)]
    pub texts: (u64, u64),
    /// Batches that were added to the first one.
    #[serde(default)]
    pub appended: u64,
    /// The last of them.
    #[serde(default)]
    pub last_batch: Option<Batch>,
    /// What tells the batches that were put in, of the last few hundred, the last one at the end.
    #[serde(default)]
    pub batches: Vec<String>,
}

/// What a manifest tells of the batch that was added last.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Batch {
    /// What its rows depend on beside the lake.
    pub options: Value,
    /// Of which files it was made.
    pub inputs: Value,
    /// What became of its rows.
    pub rows: Rows,
    /// Rows of the lake in whose place rows of it are.
    pub replaced: u64,
    /// Rejected rows by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Files that were written, and their bytes.
    pub written: (u64, u64),
}

/// What a manifest tells of rejected rows.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub struct Rejects {
    /// How many, by reason.
    pub by_reason: BTreeMap<String, u64>,
    /// How many are told one by one.
    #[serde(default)]
    pub kept: u64,
    /// How many were counted and not kept.
    pub left_out: u64,
}

/// A data file as it was written.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Entry {
    /// Where it is in the lake.
    pub path: PathBuf,
    /// Its rows.
    #[serde(default)]
    pub rows: u64,
    /// Its length.
    pub bytes: u64,
    /// Its row groups.
    #[serde(default)]
    pub row_groups: u64,
    /// SHA-256 of its contents.
    #[serde(default)]
    pub sha256: String,
    /// West, south, east, north of its points.
    #[serde(default)]
    pub bbox: Option<[f64; 4]>,
    /// First and last time.
    #[serde(default)]
    pub time_us: Option<(i64, i64)>,
}

/// What was found.
#[derive(Default)]
pub struct Checked {
    /// Files that are there and have another size.
    pub damaged: HashSet<PathBuf>,
    /// All that is wrong, as sentences.
    pub faults: Vec<String>,
}

/// Reads the manifest of a folder, if it has one.
///
/// # Errors
/// Why what is there cannot be read as one.
pub fn read(lake: &Path) -> Option<std::result::Result<Manifest, String>> {
    let path = lake.join(FILE);
    let file = File::open(&path).ok()?;
    let read = serde_json::from_reader(BufReader::new(Faulty::new(file, "manifest.read")));
    Some(read.map_err(|error| format!("{} cannot be read: {error}", path.display())))
}

/// Holds the files of a lake against its manifest.
///
/// # Errors
/// [`swath_core::Error::Stopped`].
pub fn check(lake: &Path, manifest: &Manifest, stop: &Stop) -> Result<Checked> {
    let mut checked = Checked::default();
    if swath_core::has_changes(lake) {
        let way_on = "until then some files are new and others as they were: end it by the same command with --resume";
        checked.faults.push(format!("its files are being changed, or a run that did so was interrupted; {way_on}"));
        return Ok(checked);
    }
    let (mut missing, mut first_missing) = (0u64, None);
    let (mut changed, mut first_changed) = (0u64, None);
    for entry in &manifest.files {
        stop.check()?;
        let path = lake.join(&entry.path);
        match std::fs::metadata(&path) {
            Ok(there) if there.len() == entry.bytes => {}
            Ok(there) => {
                changed += 1;
                let (was, is) = (Bytes(entry.bytes), Bytes(there.len()));
                first_changed.get_or_insert_with(|| format!("{} (wanted {was}, got {is})", entry.path.display()));
                checked.damaged.insert(path);
            }
            Err(_) => {
                missing += 1;
                first_missing.get_or_insert_with(|| entry.path.display().to_string());
            }
        }
    }
    for (count, first, what) in
        [(missing, first_missing, "missing"), (changed, first_changed, "not of the size that was written")]
    {
        if let Some(first) = first {
            let files = if count == 1 { "1 data file is" } else { &format!("{count} data files are") };
            checked.faults.push(format!("{files} {what}, first {first}"));
        }
    }
    Ok(checked)
}
