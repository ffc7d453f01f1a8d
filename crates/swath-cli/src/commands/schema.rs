//! `swath sensor schema`.

use serde::Serialize;
use swath_core::{Bytes, Error, Result, counting};

use super::warn;
use crate::process::{print, print_json, stop_on_signals};
use crate::settings::Settings;
use crate::show::Headed;
use crate::words::SchemaWords;

/// The program with all that a sample takes, and some room.
const SMALLEST: Bytes = Bytes(16_000_000);

/// Prints the schema file that a sample suggests, and tells what is to be set in it before it can be used.
///
/// # Errors
/// What the library reports; a ceiling that the sample does not fit into.
pub fn run(words: &SchemaWords, settings: &Settings) -> Result<()> {
    #[derive(Serialize)]
    struct Body {
        schema: String,
    }
    let ceiling = settings.common(false, false).ceiling();
    if ceiling < SMALLEST {
        return Err(Error::CeilingTooSmall {
            what: "sensor schema".into(),
            ceiling,
            smallest: SMALLEST,
            mostly: String::new(),
        });
    }
    counting::set_limit(ceiling);
    let (schema, open) =
        swath::ingest::infer_schema(&words.sources, words.schema.as_deref(), ceiling, &stop_on_signals()?)?;
    match settings.json {
        true => print_json(&Headed::complete("sensor schema", Body { schema }))?,
        false => print(&schema)?,
    }
    warn(&open, settings);
    Ok(())
}
