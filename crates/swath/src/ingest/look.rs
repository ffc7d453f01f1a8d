//! What the inputs are: which files, and which table they hold.
//!
//! It looks at a bounded sample, spread over the files.

use std::ffi::OsString;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use swath_core::{Error, Place, Result};
use swath_formats::csv::stop_line;
use swath_formats::store::{SourceFile, open_regular};
use swath_table::infer::{self, NoDegrees, Sample};
use swath_table::schema::{Role, TableSchema};
use swath_table::schema_file::{self, Notes, SchemaFile};

use super::inputs::find;
use super::prepare::HEADER_BYTES;
use super::schema_text;
use crate::info::magic::{self, Sniffed};
use crate::input_file::InputFile;

/// What the inputs are.
pub struct Inputs {
    /// The files as they are now.
    pub files: Vec<InputFile>,
    /// The table.
    pub schema: TableSchema,
    /// Why it is as it is.
    pub notes: Notes,
    /// What was looked at.
    pub samples: Vec<Sample>,
    /// What was passed over, and what is off because the input did not show it.
    pub warnings: Vec<String>,
    /// Coordinates whose system has to be named before they can be used.
    pub no_degrees: Option<NoDegrees>,
}

/// Finds files and their schema.
///
/// # Errors
/// For inputs that cannot be read and schemas that cannot be.
pub fn inputs(sources: &[OsString], schema: Option<&Path>) -> Result<Inputs> {
    let found = find(sources)?;
    let mut warnings = found.warnings;
    let files: Vec<InputFile> = found.paths.iter().map(|path| InputFile::identify(path)).collect::<Result<_>>()?;
    let mut files = each_once(files, &mut warnings);
    if files.iter().all(|file| file.size == 0) {
        let path = files.first().map_or_else(PathBuf::new, |file| file.path.clone());
        return Err(Error::InputCorrupt {
            place: Place::file(path),
            message: "the file is empty: wanted a header and rows, got 0 bytes".into(),
            hint: "check that the export finished".into(),
        });
    }
    let given = match schema {
        Some(path) => {
            let text = schema_text::read(path)?;
            schema_file::parse(&text, path)?
        }
        None => SchemaFile::default(),
    };
    let skip_lines = given.csv.skip_lines.unwrap_or(0);
    if let Some(text) = &given.csv.stop_at {
        for file in &mut files {
            file.end = stop_line(&SourceFile::open(&file.path)?, file.size, text.as_bytes(), skip_lines)?;
        }
        warnings.extend(never_stops(&files, text));
    }
    let sizes: Vec<(PathBuf, u64)> = files.iter().map(|file| (file.path.clone(), file.end)).collect();
    let mut samples = infer::sample::take(&sizes).read_with(skip_lines, |file, range| {
        let source = open_regular(&file.path)?;
        let mut bytes = vec![0; (range.end - range.start) as usize];
        source.read_exact_at(&mut bytes, range.start).map_err(|error| Error::reading(&file.path, &error))?;
        Ok(bytes)
    })?;
    infer::drop_insides(&mut samples, &given.csv);
    samples.iter().try_for_each(|sample| check_text(sample, schema.is_none()))?;
    if given.csv.header != Some(false) && samples.iter().all(is_header_at_most) {
        let path = samples.first().map_or_else(PathBuf::new, |sample| sample.path.clone());
        return Err(Error::InputCorrupt {
            place: Place::file(path),
            message: "there are no rows: wanted a header and rows, got one line at most".into(),
            hint: "check that the export finished; [csv] header = false if this is no header".into(),
        });
    }
    let inferred = infer::look(&samples, &given)?;
    let schema = given.resolve(Some(&inferred.schema))?;
    warnings.extend(inferred.warnings(&given, &schema));
    let is_placed = schema.with_role(Role::X).is_some() && schema.with_role(Role::Y).is_some();
    let no_degrees = inferred.no_degrees.filter(|_| is_placed);
    Ok(Inputs { files, schema, notes: inferred.notes, samples, warnings, no_degrees })
}

/// Files in which no line begins as `stop_at` says.
fn never_stops(files: &[InputFile], text: &str) -> Option<String> {
    let mut without = files.iter().filter(|file| file.size > 0 && file.end == file.size);
    let first = without.next()?.path.display();
    let others = without.count();
    let more = if others > 0 { format!(", nor in {others} others") } else { String::new() };
    Some(format!("no line begins with stop_at = {text:?} in {first}{more}: they are read to the end"))
}

/// A file that has several names is read by the first of them: its rows are there once.
fn each_once(files: Vec<InputFile>, warnings: &mut Vec<String>) -> Vec<InputFile> {
    let mut known: FxHashMap<(u64, u64), PathBuf> = FxHashMap::default();
    let mut once = Vec::with_capacity(files.len());
    for file in files {
        if let Some(first) = known.get(&(file.device, file.inode)) {
            warnings.push(format!("{} is {} by another name, and read once", file.path.display(), first.display()));
            continue;
        }
        known.insert((file.device, file.inode), file.path.clone());
        once.push(file);
    }
    once
}

/// Refuses files of a known format that is no delimited text, and text without lines. What only looks like a document
/// is taken for a table where the schema says so.
fn check_text(sample: &Sample, is_guess: bool) -> Result<()> {
    let corrupt = |message: String, hint: &str| {
        Err(Error::InputCorrupt { place: Place::file(&sample.path), message, hint: hint.into() })
    };
    match magic::known_binary(&sample.head) {
        None if !sample.head.contains(&b'\n') && sample.head.trim_ascii().contains(&b'\r') => corrupt(
            "its lines end in carriage returns alone; wanted newlines".into(),
            "convert it first: tr '\\r' '\\n' < in.csv > out.csv",
        ),
        None if !sample.head.contains(&b'\n') && sample.head.contains(&0) => {
            corrupt("it looks like binary data; wanted delimited text".into(), "give files of delimited text only")
        }
        None if !sample.head.contains(&b'\n') && !sample.complete => corrupt(
            format!("no line ends within its first {} bytes; wanted a header within {HEADER_BYTES}", sample.head.len()),
            "is it delimited text?",
        ),
        None => match magic::sniff_bytes(&sample.head) {
            Sniffed::Other { what: what @ (magic::JSON | magic::MARKUP), hint } if is_guess => {
                corrupt(format!("it looks like {what}; wanted delimited text"), hint)
            }
            _ => Ok(()),
        },
        Some((what, hint)) => Err(Error::InputUnreadable {
            path: sample.path.clone(),
            reason: format!("it looks like {what}; wanted delimited text"),
            hint: if hint.is_empty() { "give files of delimited text only".into() } else { hint.into() },
        }),
    }
}

/// Whether a whole file has no more than one line with anything in it.
fn is_header_at_most(sample: &Sample) -> bool {
    let mut lines = sample.head.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    sample.complete && lines.nth(1).is_none()
}
