//! `swath sensor schema`.

use serde::Serialize;
use swath_core::Result;

use super::warn;
use crate::process::print;
use crate::settings::Settings;
use crate::show::{Headed, json_line};
use crate::words::SchemaWords;

/// Prints the schema file that a sample suggests, and tells what is to be set in it before it can be used.
///
/// # Errors
/// What the library reports.
pub fn run(words: &SchemaWords, settings: &Settings) -> Result<()> {
    #[derive(Serialize)]
    struct Body {
        schema: String,
    }
    let (schema, open) = swath::ingest::infer_schema(&words.sources, words.schema.as_deref())?;
    match settings.json {
        true => print(&json_line(&Headed::complete("sensor schema", Body { schema }))?)?,
        false => print(&schema)?,
    }
    warn(&open, settings);
    Ok(())
}
