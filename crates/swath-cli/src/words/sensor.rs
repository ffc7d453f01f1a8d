//! The flags of `swath sensor schema` and `swath sensor ingest`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use swath::request::{Compression, MaxRejects, SortOrder};
use swath_core::Bytes;

use super::{CeilingFlags, RunFlags, TalkFlags, common};
use crate::moment;

const SCHEMA_EXAMPLES: &str = "\
Examples:
  swath sensor schema sensors/*.csv > schema.toml
  swath sensor schema 'sensors/**/*.csv' --json
  swath sensor schema new/ --schema old.toml > schema.toml";

/// `swath sensor schema`.
#[derive(Debug, Args)]
#[command(after_help = SCHEMA_EXAMPLES)]
pub struct SchemaWords {
    /// Files of text, JSON, Parquet or Arrow, folders, globs, @LIST, - for standard input
    #[arg(required = true, value_name = "SRC")]
    pub sources: Vec<OsString>,
    /// A schema file whose settings hold; the rest is inferred
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// The ceiling.
    #[command(flatten)]
    pub ceiling: CeilingFlags,
    /// Print one JSON object, with the schema file as text in it
    #[arg(long, help_heading = "Results and logs")]
    pub json: bool,
    /// Say nothing but the schema and errors
    #[arg(short, long, help_heading = "Results and logs")]
    pub quiet: bool,
}

const INGEST_EXAMPLES: &str = "\
Examples:
  swath sensor ingest sensors/*.csv -o lake/ --memory 256MB
  swath sensor ingest sensors/ -o lake/ --schema s.toml --partition day,h3:4
  swath sensor ingest today.csv -o lake/ --append -m 64MB --explain

Exit codes: 0 complete; 2 usage; 3 does not fit the ceiling; 4 needed more than
the ceiling under way; 5 input; 6 output; 7 too many rejects; 75 stopped by a
signal, go on with --resume; 1 and 8 are bugs.";

/// `swath sensor ingest`.
#[derive(Debug, Args)]
#[command(after_help = INGEST_EXAMPLES)]
pub struct IngestWords {
    /// Files of text, JSON, Parquet or Arrow, folders, globs, @LIST, - for standard input
    #[arg(required = true, value_name = "SRC")]
    pub sources: Vec<OsString>,
    /// The lake: a folder of GeoParquet files
    #[arg(short, long, value_name = "LAKE")]
    pub output: PathBuf,
    /// Columns, types, roles and checks (default: inferred from a sample)
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// auto, none, or hour|day|month|year, h3:RES|geohash:N|tile:DEG, sensor, sensor:N, column:NAME, separated by commas [default: auto]
    #[arg(long, value_name = "KEYS")]
    pub partition: Option<String>,
    /// Order inside a partition: sensor (then time) or hilbert [default: sensor]
    #[arg(long, value_name = "ORDER")]
    pub sort: Option<SortOrder>,
    /// A part file ends at the first row group at or past this size [default: 128MB]
    #[arg(long, value_name = "SIZE", value_parser = common::some_bytes)]
    pub target_file_size: Option<Bytes>,
    /// Compression of the part files: zstd or snappy [default: zstd]
    #[arg(long, value_name = "CODEC")]
    pub compression: Option<Compression>,
    /// Add to the lake that is there: its schema, partition, order and sizes hold, only partitions with new rows are
    /// written again, and readers of globs may see a mix while files are put in place
    #[arg(long, conflicts_with = "overwrite")]
    pub append: bool,
    /// More rejected rows than this share or count fail the run
    #[arg(long, value_name = "LIMIT", default_value = "1%", help_heading = "Checks and filters")]
    pub max_rejects: MaxRejects,
    /// Reject rows that checks find, rather than warn of them: places of (0, 0), x and y exchanged, places that jump,
    /// values that do not change
    #[arg(long, help_heading = "Checks and filters")]
    pub strict: bool,
    /// A record longer than this is rejected
    #[arg(long, value_name = "SIZE", value_parser = common::record_bytes, default_value = "1MiB")]
    #[arg(help_heading = "Checks and filters")]
    pub max_record: Bytes,
    /// Leave out rows before this date or time (ISO 8601; UTC unless it has an offset)
    #[arg(long, value_name = "TIME", value_parser = moment::microseconds, help_heading = "Checks and filters")]
    #[arg(allow_hyphen_values = true)]
    pub since: Option<i64>,
    /// Leave out rows at or after this date or time
    #[arg(long, value_name = "TIME", value_parser = moment::microseconds, help_heading = "Checks and filters")]
    #[arg(allow_hyphen_values = true)]
    pub until: Option<i64>,
    /// Leave out rows outside of west,south,east,north (in the output's CRS)
    #[arg(long, value_name = "W,S,E,N", value_parser = moment::extent, help_heading = "Checks and filters")]
    #[arg(allow_hyphen_values = true)]
    pub bbox: Option<[f64; 4]>,
    /// How it runs.
    #[command(flatten)]
    pub run: RunFlags,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}

const COMPACT_EXAMPLES: &str = "\
Examples:
  swath sensor compact lake/
  swath sensor compact lake/ --target-file-size 256MB -m 512MB
  swath sensor compact lake/ --explain";

/// `swath sensor compact`.
#[derive(Debug, Args)]
#[command(after_help = COMPACT_EXAMPLES)]
pub struct CompactWords {
    /// The lake: a folder that swath sensor ingest made
    #[arg(required = true, value_name = "LAKE")]
    pub lake: PathBuf,
    /// Another size than the lake was made with, which it has from then on
    #[arg(long, value_name = "SIZE", value_parser = common::some_bytes)]
    pub target_file_size: Option<Bytes>,
    /// How it runs.
    #[command(flatten)]
    pub run: RunFlags,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}
