//! `swath sensor ingest`.

use swath::ingest;
use swath::request::{AppendWishes, IngestRequest};
use swath_core::{Bytes, Result};

use super::job::carry_out;
use crate::settings::Settings;
use crate::words::IngestWords;

/// Size of part files where nobody names one.
const TARGET_FILE_SIZE: Bytes = Bytes(128_000_000);

/// Plans, and unless only the plan is wanted, runs.
///
/// # Errors
/// What the library reports.
pub fn run(words: IngestWords, settings: &Settings) -> Result<()> {
    let explain = words.run.explain;
    let request = request(words, settings);
    carry_out(|stop| ingest::prepare_until(&request, stop), explain, settings)
}

/// The request that the words make.
fn request(words: IngestWords, settings: &Settings) -> IngestRequest {
    let wishes = AppendWishes {
        partition: words.partition.clone(),
        sort: words.sort,
        target_file_size: words.target_file_size,
        compression: words.compression,
    };
    IngestRequest {
        sources: words.sources,
        output: words.output,
        schema: words.schema,
        partition: words.partition.unwrap_or_else(|| "auto".into()),
        sort: words.sort.unwrap_or_default(),
        target_file_size: words.target_file_size.unwrap_or(TARGET_FILE_SIZE),
        max_rejects: words.max_rejects,
        max_record: words.max_record,
        since_us: words.since,
        until_us: words.until,
        bbox: words.bbox,
        compression: words.compression.unwrap_or_default(),
        append: words.append.then_some(wishes),
        common: settings.common(words.run.overwrite, words.run.resume),
    }
}
