//! The resolved job: everything that the output depends on, and everything that running it takes.
//!
//! A job is made once from a request; its stages look at it and never at the request.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Error, Journal, Receipt, Receipts, Result};
use swath_crs::{Crs, Transform};
use swath_formats::csv::{ParsePlan, ReadOptions, Workspace};
use swath_formats::geoparquet::LakeLayout;
use swath_table::assign::{Assigner, Level};
use swath_table::column::Batch;
use swath_table::intern::Interner;
use swath_table::layout::RowLayout;
use swath_table::partition::PartitionLevel;
use swath_table::run::SortedRun;
use swath_table::schema::{Keep, TableSchema};
use swath_table::sort::LocalRanks;
use swath_table::store::{Blob, Store};

use super::encode::EncodeDesk;
use super::inputs::{InputFile, Stream};
use super::locate::Located;
use super::sorted::Sorting;
use crate::request::{Compression, MaxRejects, SortOrder};

/// Positions of the stages in the plan.
pub mod stage {
    /// Finds where sensors are, for groups of neighbours.
    pub const SURVEY: u16 = 0;
    /// Parses, checks and sorts units into runs.
    pub const ROUTE: u16 = 1;
    /// Does again the units that began inside a quoted field.
    pub const MEND: u16 = 2;
    /// Finds rows with equal keys, by ranges of the key's hash.
    pub const MATCH: u16 = 3;
    /// Turns what was found into a bitmap per run.
    pub const MARK: u16 = 4;
    /// Merges keys into the order of the output.
    pub const RANK: u16 = 5;
    /// Encodes row groups.
    pub const ENCODE: u16 = 6;
    /// Puts row groups together to part files.
    pub const ASSEMBLE: u16 = 7;
}

/// What the output depends on.
pub struct Job {
    /// The files.
    pub files: Vec<InputFile>,
    /// The files as a stream.
    pub stream: Stream,
    /// For each file, its parse plan in `parse_plans` and where its data begins.
    pub file_plans: Vec<FilePlan>,
    /// One plan per distinct header.
    pub parse_plans: Vec<ParsePlan>,
    /// The table.
    pub schema: TableSchema,
    /// Levels of partitioning as asked for.
    pub partition: Vec<PartitionLevel>,
    /// The same with columns resolved.
    pub levels: Vec<Level>,
    /// Order inside a partition.
    pub sort: SortOrder,
    /// Coordinates.
    pub geometry: Option<Geometry>,
    /// Columns of the dedup key and which row stays, if rows are deduplicated.
    pub dedup: Option<Dedup>,
    /// Rows at most in a row group.
    pub row_group_rows: u32,
    /// Rows at most in a run.
    pub run_rows: usize,
    /// Value bytes at most in a run.
    pub run_bytes: usize,
    /// How rows are packed.
    pub layout: RowLayout,
    /// How part files are written.
    pub lake: Arc<LakeLayout>,
    /// Positions of sensor, time, x and y.
    pub sensor: Option<usize>,
    /// Position of the time column.
    pub time: Option<usize>,
    /// Rows before are left out.
    pub since_us: Option<i64>,
    /// Rows at or after are left out.
    pub until_us: Option<i64>,
    /// Rows outside are left out.
    pub bbox: Option<[f64; 4]>,
    /// A part ends at the first row group at or past this size.
    pub target_file_size: Bytes,
    /// More than this fails the run.
    pub max_rejects: MaxRejects,
    /// A longer record is rejected.
    pub max_record: Bytes,
    /// Compression of the output.
    pub compression: Compression,
    /// Final path.
    pub output: PathBuf,
}

impl Job {
    /// Whether routing needs to know where rows are; else their coordinates are only passed on.
    pub fn needs_places(&self) -> bool {
        let spatial = |level: &Level| matches!(level, Level::H3(_) | Level::Geohash(_) | Level::Tile(_));
        self.geometry.as_ref().is_some_and(|geometry| geometry.moved)
            || self.bbox.is_some()
            || self.sort == SortOrder::Hilbert
            || self.levels.iter().any(spatial)
    }

    /// Whether sensors are surveyed, for groups of neighbours.
    pub fn groups_sensors(&self) -> bool {
        self.levels.iter().any(|level| matches!(level, Level::SensorGroups(_)))
    }

    /// Whether equal keys are found by an exchange of their own.
    pub fn exchanges(&self) -> bool {
        self.dedup.as_ref().is_some_and(|dedup| !dedup.adjacent)
    }

    /// How files are read.
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions { max_record: self.max_record.as_usize(), ..ReadOptions::default() }
    }
}

/// Where the data of a file begins and how its fields map to columns.
#[derive(Debug, Clone, Copy)]
pub struct FilePlan {
    /// Position in the list of parse plans.
    pub plan: u32,
    /// Position in the list of transforms.
    pub transform: u32,
    /// First byte after the header.
    pub data_offset: u64,
    /// Lines before that.
    pub header_lines: u64,
}

/// Rows that count as one.
#[derive(Debug, Clone, PartialEq)]
pub struct Dedup {
    /// Columns of the key.
    pub key: Vec<usize>,
    /// Which one stays.
    pub keep: Keep,
    /// Whether rows of one key are neighbours in the order of the output.
    pub adjacent: bool,
}

/// Where coordinates come from and go.
pub struct Geometry {
    /// Position of x.
    pub x: usize,
    /// Position of y.
    pub y: usize,
    /// The CRS of the output.
    pub target: Crs,
    /// From each source CRS to the target; `None` where they are the same.
    pub transforms: Vec<Option<Transform>>,
    /// Whether any row is transformed, so that target coordinates are kept beside the source's.
    pub moved: bool,
    /// A column that names the EPSG code of each row.
    pub crs_column: Option<usize>,
    /// From the target to longitude and latitude; `None` where it has them.
    pub to_degrees: Option<Transform>,
}

/// What a unit became.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Routed {
    /// Where the first and the last segment began and ended, for those that a unit's edge cuts.
    pub edges: Vec<Edge>,
    /// Sorted runs.
    pub runs: Vec<SortedRun>,
    /// Rejected rows, packed; see `rejects.rs`.
    pub rejects: Option<Blob>,
    /// Rejected rows by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Rows read.
    pub read: u64,
    /// Rows filtered.
    pub filtered: u64,
    /// Rows rejected.
    pub rejected: u64,
    /// Values that became null because the schema says so.
    pub nulled: u64,
}

/// How a segment met the edge of its unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Position of the file.
    pub file: u32,
    /// First record.
    pub first: u64,
    /// Where the record after the last one begins.
    pub end: u64,
    /// End of the segment.
    pub nominal_end: u64,
    /// Lines from `first` to `end`.
    pub lines: u64,
    /// Whether any line was looked at.
    pub empty: bool,
}

/// Blobs that a receipt speaks of.
pub trait Blobs {
    /// Calls `with` for each.
    fn blobs(&self, with: &mut dyn FnMut(&Blob));
}

impl Blobs for Routed {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        self.runs.iter().for_each(|run| with(&run.blob));
        self.rejects.iter().for_each(with);
    }
}

/// A receipt whose journal entry waits until all of its blobs are on scratch, that is, for ever if one is not.
pub fn receipt<T: Serialize + Blobs>(key: &swath_core::TaskKey, payload: &T) -> Result<Receipt> {
    let mut volatile = false;
    payload.blobs(&mut |blob| volatile |= blob.is_volatile());
    let receipt = Receipt::new(key.clone(), payload)?;
    Ok(if volatile { receipt.volatile() } else { receipt })
}

/// What a worker reuses from unit to unit.
pub struct Bench {
    /// Of the parser.
    pub workspace: Workspace,
    /// The rows.
    pub batch: Batch,
    /// Of the partitioner.
    pub assigner: Assigner,
    /// Ranks of partitions and of sensors.
    pub ranks: (LocalRanks, LocalRanks),
    /// Of the sort.
    pub sorting: Sorting,
    /// Places of rows.
    pub located: Located,
}

/// A job on its way: what its stages share.
pub struct Running {
    /// The job.
    pub job: Arc<Job>,
    /// The record of what is done.
    pub journal: Journal,
    /// How many texts and partitions the journal knows.
    pub noted: Mutex<[u32; 2]>,
    /// Intermediate data.
    pub store: Store,
    /// Texts of categories and sensors.
    pub texts: Interner,
    /// Values of partitions.
    pub partitions: Interner,
    /// What idle workers left for the next task.
    pub benches: Mutex<Vec<Bench>>,
    /// The same for encoders.
    pub desks: Mutex<Vec<EncodeDesk>>,
    /// Group of each sensor identifier, once surveyed.
    pub groups: OnceLock<Vec<u32>>,
    /// The merged order, once all runs are known.
    pub order: OnceLock<super::rank::Order>,
    /// Row groups, once ranked.
    pub row_groups: OnceLock<super::encode::RowGroups>,
    /// Part files, once encoded.
    pub parts: OnceLock<super::assemble::Parts>,
    /// Identifiers of partitions in their order, once all are known.
    pub partition_ids: OnceLock<Vec<u32>>,
    /// The folder that becomes the lake.
    pub lake_folder: PathBuf,
}

impl Running {
    /// What all units became, with mended ones in place, in order of units.
    ///
    /// # Errors
    /// When a receipt cannot be read.
    pub fn routed(&self, done: &Receipts) -> Result<Vec<Routed>> {
        let mut routed: Vec<Routed> = Vec::new();
        for receipt in done.of_stage(stage::ROUTE) {
            routed.push(receipt.read()?);
        }
        for receipt in done.of_stage(stage::MEND) {
            let mended: super::mend::Mended = receipt.read()?;
            for (unit, replaced) in mended.units {
                let slot = routed
                    .get_mut(unit as usize)
                    .ok_or_else(|| Error::unexpected(format!("unit {unit} was mended and never routed")))?;
                *slot = replaced;
            }
        }
        Ok(routed)
    }

    /// Puts texts that are new since the last time into the journal, before the receipt that needs them.
    ///
    /// # Errors
    /// When the journal takes no more.
    pub fn note_texts(&self) -> Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for (known, (kind, interner)) in
            noted.iter_mut().zip([("texts", &self.texts), ("partitions", &self.partitions)])
        {
            let new = interner.texts_from(*known);
            if new.is_empty() {
                continue;
            }
            let mut payload = Vec::new();
            for text in &new {
                payload.extend_from_slice(&(text.len() as u32).to_le_bytes());
                payload.extend_from_slice(text);
            }
            self.journal.append_note(kind, &payload)?;
            *known += new.len() as u32;
        }
        Ok(())
    }

    /// Learns again what an earlier process knew: texts in their order, blobs in use.
    ///
    /// # Errors
    /// When the journal is not what this version writes.
    pub fn replay(&self, receipts: &Receipts) -> Result<()> {
        for note in self.journal.take_notes() {
            let interner = if note.kind == "texts" { &self.texts } else { &self.partitions };
            let mut rest = note.payload.as_slice();
            while let Some((length, tail)) = rest.split_first_chunk::<4>() {
                let length = u32::from_le_bytes(*length) as usize;
                let (text, tail) = tail
                    .split_at_checked(length)
                    .ok_or_else(|| Error::unexpected("a note of the journal ends too early"))?;
                interner.intern(text)?;
                rest = tail;
            }
        }
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) =
            [self.texts.len() as u32, self.partitions.len() as u32];
        let mut adopted = Ok(());
        let mut adopt = |blob: &Blob| {
            if adopted.is_ok() {
                adopted = self.store.adopt(blob);
            }
        };
        self.routed(receipts)?.iter().for_each(|routed| routed.blobs(&mut adopt));
        for receipt in receipts.of_stage(stage::RANK) {
            receipt.read::<super::rank::Ranked>()?.blobs(&mut adopt);
        }
        for receipt in receipts.of_stage(stage::ENCODE) {
            receipt.read::<super::encode::EncodedGroups>()?.blobs(&mut adopt);
        }
        adopted
    }

    /// Makes durable what tasks have written: scratch, and parts where there are any.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> std::io::Result<()> {
        self.store.sync()?;
        if self.parts.get().is_some() {
            swath_core::sync_file_system(&self.lake_folder)
                .map_err(|error| std::io::Error::other(error.to_string()))?;
        }
        Ok(())
    }

    /// A worker's desk for encoding, used or new.
    ///
    /// # Errors
    /// When the codec cannot be set up.
    pub fn encode_desk(&self) -> Result<EncodeDesk> {
        let idle = self.desks.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| EncodeDesk::new(&self.job), Ok)
    }

    /// Puts a desk back.
    pub fn leave_encode_desk(&self, desk: EncodeDesk) {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
    }

    /// A worker's bench, used or new.
    pub fn bench(&self) -> Bench {
        let idle = self.benches.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.unwrap_or_else(|| Bench {
            workspace: Workspace::new(self.job.read_options()),
            batch: Batch::new(self.job.schema.columns.iter().map(|column| column.column_type)),
            assigner: Assigner::default(),
            ranks: Default::default(),
            sorting: Sorting::default(),
            located: Located::default(),
        })
    }

    /// Puts a bench back.
    pub fn leave(&self, bench: Bench) {
        self.benches.lock().unwrap_or_else(PoisonError::into_inner).push(bench);
    }
}

/// A job on its way, as its stages hold it.
pub type Shared = Arc<Running>;
