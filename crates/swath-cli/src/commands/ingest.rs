//! `swath sensor ingest`.

use swath::ingest;
use swath::request::{AppendWishes, Common, CompactRequest, IngestRequest};
use swath_core::{Bytes, Error, Result};

use super::job::carry_out;
use crate::settings::Settings;
use crate::words::{CompactWords, IngestWords};

/// Size of part files where nobody names one.
const TARGET_FILE_SIZE: Bytes = Bytes(128_000_000);

/// Plans, and unless only the plan is wanted, runs.
///
/// # Errors
/// What the library reports.
pub fn run(words: IngestWords, settings: &Settings) -> Result<()> {
    let explain = words.run.explain;
    let request = request(words, settings);
    carry_out(|stop| ingest::prepare_until(&request, stop), (explain, Some(&request.output)), settings)
}

/// The same for a lake that gets fewer files.
///
/// # Errors
/// What the library reports.
pub fn compact(words: CompactWords, settings: &Settings) -> Result<()> {
    if words.run.overwrite {
        return Err(Error::Usage {
            message: "--overwrite: compact changes the lake that is there, and replaces none".into(),
            hint: "leave it out".into(),
        });
    }
    let request = CompactRequest {
        lake: words.lake,
        target_file_size: words.target_file_size,
        common: Common { only_plans: words.run.explain, ..settings.common(false, words.run.resume) },
    };
    carry_out(|_| ingest::prepare_compact(&request), (words.run.explain, Some(&request.lake)), settings)
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
        strict: words.strict,
        max_record: words.max_record,
        since_us: words.since,
        until_us: words.until,
        bbox: words.bbox,
        compression: words.compression.unwrap_or_default(),
        append: words.append.then_some(wishes),
        common: Common { only_plans: words.run.explain, ..settings.common(words.run.overwrite, words.run.resume) },
    }
}
