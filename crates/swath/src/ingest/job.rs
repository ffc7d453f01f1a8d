//! The resolved job: everything that the output depends on, and everything that running it takes.
//!
//! A job is made once from a request; its stages look at it and never at the request.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use swath_core::Blob;

use serde::{Deserialize, Serialize};
use swath_core::Bytes;
use swath_crs::{Crs, Transform};
use swath_formats::csv::{ParsePlan, ReadOptions};
use swath_formats::geoparquet::LakeLayout;
use swath_table::assign::Level;
use swath_table::layout::RowLayout;
use swath_table::partition::PartitionLevel;
use swath_table::run::SortedRun;
use swath_table::schema::{Keep, TableSchema};

use super::columnar::Columnar;
use super::inputs::Stream;
use super::lake::Lake;
use super::pivot::Pivot;
use super::row_checks::{FlaggedRows, Usual};
use super::usual::Varying;
use crate::input_file::InputFile;
use crate::request::{Compression, MaxRejects, SortOrder};
use crate::work::Blobs;

/// Positions of the stages in the plan.
pub mod stage {
    /// Finds where sensors are, for groups of neighbours.
    pub const SURVEY: u16 = 0;
    /// Parses, checks and sorts units into runs.
    pub const ROUTE: u16 = 1;
    /// Does again the units that began inside a quoted field.
    pub const MEND: u16 = 2;
    /// Reads back the rows of the lake that the batch meets.
    pub const RECALL: u16 = 3;
    /// Finds rows with equal keys, by ranges of the key's hash.
    pub const MATCH: u16 = 4;
    /// Turns what was found into a bitmap per run.
    pub const MARK: u16 = 5;
    /// Merges keys into the order of the output.
    pub const RANK: u16 = 6;
    /// Encodes row groups.
    pub const ENCODE: u16 = 7;
    /// Puts row groups together to part files.
    pub const ASSEMBLE: u16 = 8;
}

/// What the output depends on.
pub struct Job {
    /// The files.
    pub files: Vec<InputFile>,
    /// The files as a stream.
    pub stream: Stream,
    /// What is known of files that have columns, where these do.
    pub columnar: Option<Columnar>,
    /// For each file, its parse plan in `parse_plans` and where its data begins.
    pub file_plans: Vec<FilePlan>,
    /// One plan per distinct header.
    pub parse_plans: Vec<ParsePlan>,
    /// The table as it is written.
    pub schema: TableSchema,
    /// The table as the inputs hold it: another one where rows are pivoted.
    pub input_schema: TableSchema,
    /// What becomes columns, where rows are pivoted.
    pub pivot: Option<Pivot>,
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
    /// How rows of the table are packed.
    pub layout: RowLayout,
    /// How rows of the inputs are.
    pub input_layout: RowLayout,
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
    /// Whether rows that checks find are rejected.
    pub strict: bool,
    /// Where most rows are, if that is known and of one reference system.
    pub usual: Option<Usual>,
    /// Columns of floats whose values change from reading to reading.
    pub varying: Vec<Varying>,
    /// More than this fails the run.
    pub max_rejects: MaxRejects,
    /// A longer record is rejected.
    pub max_record: Bytes,
    /// Compression of the output.
    pub compression: Compression,
    /// Final path.
    pub output: PathBuf,
    /// The lake there that the rows are added to, if they are.
    pub base: Option<Lake>,
    /// Whether nothing is added, and small files become large ones.
    pub compacts: bool,
}

impl Job {
    /// Whether routing needs to know where rows are; else their coordinates are only passed on.
    pub fn needs_places(&self) -> bool {
        self.geometry.as_ref().is_some_and(|geometry| geometry.moved)
            || self.bbox.is_some()
            || self.sort == SortOrder::Hilbert
            || self.levels.iter().any(Level::is_cell)
    }

    /// Whether sensors are surveyed, for groups of neighbours.
    pub fn groups_sensors(&self) -> bool {
        self.levels.iter().any(|level| matches!(level, Level::SensorGroups(_)))
    }

    /// Whether equal keys are found by an exchange of their own.
    pub fn exchanges(&self) -> bool {
        self.dedup.as_ref().is_some_and(|dedup| !dedup.adjacent)
    }

    /// Whether some rows are left out on purpose.
    pub fn filters(&self) -> bool {
        self.since_us.is_some() || self.until_us.is_some() || self.bbox.is_some()
    }

    /// The longest record that rows may come from.
    pub fn longest_record(&self) -> Bytes {
        self.base.as_ref().map_or(self.max_record, |base| base.max_record.max(self.max_record))
    }

    /// Rows of the inputs whose texts may stand in so many of all rows of the table.
    pub fn rows_with_texts(&self, rows: u64, of: u64) -> u64 {
        let each = self.pivot.as_ref().map_or(1, |pivot| pivot.texts(&self.input_schema)) as u64;
        rows.saturating_mul(each).min(of)
    }

    /// How many columns of the table have the values of a column of the inputs.
    pub fn columns_of(&self, column: usize) -> u64 {
        match &self.pivot {
            Some(pivot) if column == pivot.name() => 0,
            Some(pivot) if column == pivot.value() => pivot.count() as u64,
            _ => 1,
        }
    }

    /// How files are read.
    pub fn read_options(&self) -> ReadOptions {
        // Files with columns have no records of text.
        let max_record = if self.columnar.is_some() { 1 } else { self.max_record.as_usize() };
        ReadOptions { max_record, ..ReadOptions::default() }
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
    /// Rows that checks flagged and that stay, by reason.
    #[serde(default)]
    pub flagged: Vec<FlaggedRows>,
    /// Values that became null because the schema says so.
    pub nulled: u64,
    /// Local times that occur twice, since clocks went back.
    pub ambiguous: u64,
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

impl Blobs for Routed {
    fn blobs(&self, with: &mut dyn FnMut(&Blob)) {
        self.runs.iter().for_each(|run| with(&run.blob));
        self.rejects.iter().for_each(with);
    }
}
