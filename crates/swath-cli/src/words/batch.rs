//! The flags of `swath batch`, and of the hidden verb that its workers are started with.

use std::path::PathBuf;

use clap::Args;

use super::{CeilingFlags, TalkFlags, common};

const BATCH_EXAMPLES: &str = "\
Examples:
  swath batch jobs.toml -m 2GB
  swath batch --each 'raster convert {in} -o {out}' 'in/*.tif' --out-dir out
  swath batch --retry out/failed.jsonl -m 8GB

In jobs.toml, each job is a command without its swath:

  [[job]]
  run = \"raster calc 'b1 / 10000' a.tif -o b.tif\"

A job that reads what another writes comes behind it. The ceiling is that of all
processes together; a job that needs more than its share waits until there is as
much. What cannot be done is set aside in failed.jsonl, and the rest goes on.

Exit codes: 0 all done; 9 some were set aside; 2 usage, before anything is run;
3 no job fits the ceiling; 6 an unfinished batch is there; 75 stopped by a
signal, go on with --resume.";

/// `swath batch`.
#[derive(Debug, Args)]
#[command(after_help = BATCH_EXAMPLES)]
#[command(override_usage = "swath batch [OPTIONS] <JOBS.toml>
       swath batch [OPTIONS] --each <WORDS> --out-dir <DIR> <INPUT>…
       swath batch [OPTIONS] --retry <FILE>")]
pub struct BatchWords {
    /// The file of jobs; with --each the inputs: files, quoted globs, @LIST
    #[arg(value_name = "JOBS|INPUT", required_unless_present = "retry")]
    pub paths: Vec<PathBuf>,
    /// The words of a job for each input, with {in}, {out} and {stem} in them
    #[arg(long, value_name = "WORDS", requires = "out_dir", help_heading = "Jobs")]
    pub each: Option<String>,
    /// Where {out} is: DIR/{stem} with the ending of the input
    #[arg(long, value_name = "DIR", requires = "each", help_heading = "Jobs")]
    pub out_dir: Option<PathBuf>,
    /// The ending of {out}, like .tif, or '' for none
    #[arg(long, value_name = "ENDING", requires = "each", help_heading = "Jobs")]
    pub suffix: Option<String>,
    /// Do the jobs that an earlier batch set aside in this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["paths", "each"], help_heading = "Jobs")]
    pub retry: Option<PathBuf>,
    /// Where jobs that cannot be done are set aside (default: DIR/failed.jsonl or
    /// JOBS.failed.jsonl)
    #[arg(long, value_name = "FILE", help_heading = "Jobs")]
    pub failed: Option<PathBuf>,
    /// How often a job that took too much memory is tried again with twice as much
    #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u32).range(..=20), help_heading = "Running")]
    pub retries: u32,
    /// End at the first job that cannot be done
    #[arg(long, help_heading = "Running")]
    pub fail_fast: bool,
    /// Go on with an unfinished batch: what is done is passed over
    #[arg(long, help_heading = "Running")]
    pub resume: bool,
    /// End a process that grows by more than this from task to task, and go on
    /// with its job in a new one
    #[arg(long, value_name = "SIZE", value_parser = common::some_bytes, help_heading = "Running")]
    pub drift_limit: Option<swath_core::Bytes>,
    /// A job that reads, writes and finishes nothing for so long is ended, and
    /// tried once more
    #[arg(long, value_name = "TIME", value_parser = common::seconds, default_value = "10min", help_heading = "Running")]
    pub hang_after: f64,
    /// The ceiling.
    #[command(flatten)]
    pub ceiling: CeilingFlags,
    /// Threads of all jobs together at most
    #[arg(short = 'j', long, value_name = "N", value_parser = common::threads, help_heading = "Limits")]
    #[arg(allow_negative_numbers = true)]
    pub threads: Option<usize>,
    /// A process that gives no sign of life for so long is ended
    #[arg(long, value_name = "TIME", value_parser = common::seconds, default_value = "30s", hide = true)]
    pub silence: f64,
    /// How it talks.
    #[command(flatten)]
    pub talk: TalkFlags,
}
