//! `swath sensor ingest`.

use swath::ingest;
use swath::request::IngestRequest;
use swath_core::Result;

use super::job::carry_out;
use crate::settings::Settings;
use crate::words::IngestWords;

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
    IngestRequest {
        sources: words.sources,
        output: words.output,
        schema: words.schema,
        partition: words.partition,
        sort: words.sort,
        target_file_size: words.target_file_size,
        max_rejects: words.max_rejects,
        max_record: words.max_record,
        since_us: words.since,
        until_us: words.until,
        bbox: words.bbox,
        compression: words.compression,
        common: settings.common(words.run.overwrite, words.run.resume),
    }
}
