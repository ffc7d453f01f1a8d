//! The flags of `swath report`.

use std::path::PathBuf;

use clap::Args;

const REPORT_EXAMPLES: &str = "\
Examples:
  swath report run.html
  swath report before.html --diff after.html
  swath report run.html --json > record.json

A report is what a command with --report FILE.html wrote. With --diff, marks
stand where the second run is worse than the first by more than 10 %.";

/// `swath report`.
#[derive(Debug, Args)]
#[command(after_help = REPORT_EXAMPLES)]
pub struct ReportWords {
    /// The page of a run, or its record
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// Hold it against a later run
    #[arg(long, value_name = "RUN", conflicts_with = "output")]
    pub diff: Option<PathBuf>,
    /// Write the page again
    #[arg(short, long, value_name = "FILE.html")]
    pub output: Option<PathBuf>,
    /// Print one JSON object: the record, or with --diff what changed
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
}
