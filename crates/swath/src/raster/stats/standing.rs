//! The file of the result: how it is written, and whether one that stands there is what a resumed run would make.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use swath_core::{Error, Result, fault};

use super::COMMAND;
use super::result::RasterStatistics;
use crate::input_file::{InputFile, exact_path};
use crate::raster::chain::Source;
use crate::raster::files;
use crate::raster::standing::{changed_since, is_another};
use crate::request::StatsRequest;

/// What is asked for, as journals and results remember it.
fn options(request: &StatsRequest) -> Value {
    json!({ "bands": request.bands, "wishes": request.wishes })
}

/// All that the result depends on, for the journal.
pub fn identity(request: &StatsRequest, sources: &[Source]) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "command": COMMAND,
        "options": options(request),
        "tmp_dir": request.common.tmp_dir.as_deref().map(exact_path),
        "inputs": files(sources, &[]).iter().map(InputFile::identity).collect::<Vec<_>>(),
    })
}

/// Writes the result; the same bytes for the same rasters and the same wishes.
///
/// # Errors
/// [`Error::OutputUnwritable`].
pub fn write(request: &StatsRequest, rasters: &[RasterStatistics], path: &Path) -> Result<()> {
    #[derive(Serialize)]
    struct Body<'a> {
        swath: &'a str,
        command: &'a str,
        options: Value,
        rasters: &'a [RasterStatistics],
    }
    let body = Body { swath: env!("CARGO_PKG_VERSION"), command: COMMAND, options: options(request), rasters };
    let write = || {
        fault::point("stats.write")?;
        let mut file = BufWriter::new(File::create(path)?);
        serde_json::to_writer(&mut file, &body)?;
        file.write_all(b"\n")?;
        file.flush()
    };
    write().map_err(|error: std::io::Error| Error::writing(path, &error))
}

/// Whether the file is the one that would be made.
///
/// # Errors
/// [`Error::OutputExists`] that says in what it differs.
pub fn is_asked_for(request: &StatsRequest, sources: &[Source], output: &Path) -> Result<()> {
    let text = std::fs::read(output).map_err(|error| Error::reading(output, &error))?;
    let there: Value = serde_json::from_slice(&text).unwrap_or_default();
    let paths = |rasters: &Value| -> Vec<String> {
        let rasters = rasters.as_array().into_iter().flatten();
        rasters.filter_map(|raster| Some(raster.get("path")?.as_str()?.to_string())).collect()
    };
    let wanted: Vec<String> = sources.iter().map(|source| source.file.path.display().to_string()).collect();
    let difference = if there.get("command") != Some(&json!(COMMAND)) {
        Some("it is no result of raster stats".to_string())
    } else if there.get("options") != Some(&options(request)) {
        Some("it was made with other options".into())
    } else if paths(&there["rasters"]) != wanted {
        Some("it is of other rasters".into())
    } else {
        changed_since(sources, output)?
    };
    difference.map_or(Ok(()), |difference| Err(is_another(output, difference)))
}
