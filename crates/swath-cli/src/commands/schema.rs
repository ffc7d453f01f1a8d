//! `swath sensor schema`.

use serde::Serialize;
use swath_core::Result;

use crate::process::print;
use crate::settings::Settings;
use crate::show::{Headed, json_line};
use crate::words::SchemaWords;

/// Prints the schema file that a sample suggests.
///
/// # Errors
/// What the library reports.
pub fn run(words: &SchemaWords, settings: &Settings) -> Result<()> {
    #[derive(Serialize)]
    struct Body {
        schema: String,
    }
    let schema = swath::ingest::infer_schema(&words.sources, words.schema.as_deref())?;
    match settings.json {
        true => print(&json_line(&Headed::complete("sensor schema", Body { schema }))?),
        false => print(&schema),
    }
}
