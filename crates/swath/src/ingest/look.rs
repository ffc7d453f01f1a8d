//! What the inputs are: which files, and which table they hold.
//!
//! It looks at a bounded sample, spread over the files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;
use swath_core::{Bytes, Error, Place, Result};
use swath_formats::csv::stop_line;
use swath_formats::json;
use swath_formats::store::{open_regular, read_full};
use swath_formats::unpack::Layer;
use swath_table::infer::{self, NoDegrees, Sample};
use swath_table::path::is_within;
use swath_table::schema::{Role, TableSchema};
use swath_table::schema_file::{self, ColumnPart, Notes, SchemaFile};

use super::columnar::{self, Columns};
use super::columnar_look;
use super::inputs::find;
use super::prepare::HEADER_BYTES;
use super::schema_text;
use crate::content::{Held, Room, Said, Spool};
use crate::info::magic::{self, Sniffed};
use crate::input_file::InputFile;

/// What the inputs are.
pub struct Inputs {
    /// The files as they are now.
    pub files: Vec<InputFile>,
    /// Scratch that holds what some of them hold.
    pub content: Bytes,
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
    /// What the footers say, where files have columns.
    pub columns: Option<Columns>,
    /// Members of records that no column of a schema file is read from.
    pub other_members: Vec<String>,
}

/// Finds files and their schema.
///
/// # Errors
/// For inputs that cannot be read and schemas that cannot be.
pub fn inputs(sources: &[OsString], schema: Option<&Path>, room: Room<'_>) -> Result<Inputs> {
    inputs_as(sources, schema.map(read_schema).transpose()?, room)
}

/// Reads a schema file.
///
/// # Errors
/// When it cannot be read or is none.
pub fn read_schema(path: &Path) -> Result<SchemaFile> {
    schema_file::parse(&schema_text::read(path)?, path)
}

/// The same for a schema that was read.
///
/// # Errors
/// As [`inputs`].
pub fn inputs_as(sources: &[OsString], schema: Option<SchemaFile>, room: Room<'_>) -> Result<Inputs> {
    let found = find(sources)?;
    let mut warnings = found.warnings;
    let is_guess = schema.is_none();
    let mut given = schema.unwrap_or_default();
    let mut spool = Spool::new(room, said(&given)?);
    let (mut files, are_json) = held(&found.paths, &found.streams, &mut spool, &mut warnings)?;
    let content = spool.bytes();
    warnings.append(&mut spool.warnings);
    if are_json {
        let records = files.iter().find_map(|file| file.content.as_ref()?.records.clone());
        let json = given.json.get_or_insert_default();
        json.records = json.records.take().or(records);
    } else if given.json.is_some() {
        return Err(no_json(&files));
    }
    if files.iter().all(|file| file.end == 0) {
        let path = files.first().map_or_else(PathBuf::new, |file| file.path.clone());
        return Err(Error::InputCorrupt {
            place: Place::file(path),
            message: match files.first().is_some_and(InputFile::is_stream) {
                true => "nothing came: wanted a header and rows, got 0 bytes".into(),
                false => "the file is empty: wanted a header and rows, got 0 bytes".into(),
            },
            hint: "check that the export finished".into(),
        });
    }
    if !are_json && columnar::are_columnar(&files)? {
        return columnar_look::inputs(files, content, &given, warnings);
    }
    let skip_lines = given.csv.skip_lines.unwrap_or(0);
    if let Some(text) = &given.csv.stop_at {
        for file in &mut files {
            file.end = stop_line(&*file.open()?, file.end, text.as_bytes(), skip_lines)?;
        }
        warnings.extend(never_stops(&files, text));
    }
    let sizes: Vec<(PathBuf, u64)> = files.iter().map(|file| (file.path.clone(), file.end)).collect();
    let by_path: FxHashMap<&Path, &InputFile> = files.iter().map(|file| (file.path.as_path(), file)).collect();
    let mut samples = infer::sample::take(&sizes).read_with(skip_lines, |file, range| {
        let input = by_path.get(file.path.as_path());
        let input = input.ok_or_else(|| Error::unexpected("a sample is of no input"))?;
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let read = read_full(&*input.open()?, &mut bytes, range.start)?;
        bytes.truncate(read);
        Ok(bytes)
    })?;
    if are_json {
        return json_inputs(files, content, samples, &given, warnings);
    }
    infer::drop_insides(&mut samples, &given.csv);
    samples.iter().try_for_each(|sample| check_text(sample, is_guess))?;
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
    let other_members = Vec::new();
    Ok(Inputs {
        files,
        content,
        schema,
        notes: inferred.notes,
        samples,
        warnings,
        no_degrees,
        columns: None,
        other_members,
    })
}

/// What a schema file says of how inputs are written.
fn said(given: &SchemaFile) -> Result<Said> {
    let wrong =
        |message: String| Error::Usage { message, hint: "swath sensor schema SRC prints a file to edit".into() };
    let encoding = given.csv.encoding.as_deref().map(Layer::of_encoding).transpose();
    let encoding = encoding.map_err(|known| wrong(format!("[csv] encoding: wanted one of {known}")))?;
    let records = given.json.as_ref().and_then(|json| json.records.as_ref()).map(|records| records.parse());
    let records = records.transpose().map_err(|message: String| wrong(format!("[json] records {message}")))?;
    let sources = |part: &ColumnPart| part.source.clone().unwrap_or_else(|| vec![part.name.clone()]);
    Ok(Said {
        encoding: encoding.flatten(),
        records,
        // Columns that are not named are not read.
        wanted: given.columns.as_ref().map(|columns| columns.iter().flat_map(sources).collect()),
        is_delimited: given.csv.delimiter.is_some() && given.json.is_none(),
    })
}

/// The files as they are now, with what they hold, and whether that is JSON.
fn held(
    paths: &[PathBuf],
    streams: &[PathBuf],
    spool: &mut Spool<'_>,
    warnings: &mut Vec<String>,
) -> Result<(Vec<InputFile>, bool)> {
    let identified = paths.iter().map(|path| match streams.contains(path) {
        true => {
            let content = spool.stream(path)?;
            let is_json = content.is_json;
            Ok((InputFile::of_stream(content), is_json))
        }
        false => Ok((InputFile::identify(path)?, false)),
    });
    let identified: Vec<(InputFile, bool)> = identified.collect::<Result<_>>()?;
    let mut files = each_once(identified, warnings);
    for (file, is_json) in files.iter_mut().filter(|(file, _)| !file.is_stream()) {
        match spool.file(&file.path, open_regular(&file.path)?)? {
            Held::AsItStands { is_json: found } => *is_json = found,
            Held::Content(content) => {
                *is_json = content.is_json;
                file.holds(content);
            }
        }
    }
    let of = |wanted: bool| files.iter().find(|(file, is_json)| file.end > 0 && *is_json == wanted);
    if let (Some((json, _)), Some((other, _))) = (of(true), of(false)) {
        return Err(Error::Usage {
            message: format!("{} is JSON, and {} is not", json.path.display(), other.path.display()),
            hint: "take them apart: one schema is for one kind of text".into(),
        });
    }
    let are_json = of(true).is_some();
    Ok((files.into_iter().map(|(file, _)| file).collect(), are_json))
}

fn no_json(files: &[InputFile]) -> Error {
    let path = files.iter().find(|file| file.end > 0).map_or_else(PathBuf::new, |file| file.path.clone());
    Error::InputCorrupt {
        place: Place::file(path),
        message: "the schema file has a section [json], and this is no JSON".into(),
        hint: "wanted objects, one a line, or a document of records; leave [json] out for delimited text".into(),
    }
}

/// The table that lines of JSON hold.
fn json_inputs(
    files: Vec<InputFile>,
    content: Bytes,
    samples: Vec<Sample>,
    given: &SchemaFile,
    mut warnings: Vec<String>,
) -> Result<Inputs> {
    let texts = samples.iter().flat_map(|sample| std::iter::once(&sample.head).chain(&sample.pieces));
    let found = json::table::paths_of(texts.map(Vec::as_slice));
    warnings.extend(given.columns.iter().flatten().filter_map(|part| nowhere(part, &found)));
    let mut paths = found.paths;
    if given.columns.is_none() {
        warnings.extend(found.dropped.iter().map(|path| {
            format!("{path:?} is an object in some records: its members are read, and not what it is in the others")
        }));
        if found.are_more {
            warnings
                .push("there are more or longer names than are looked at: name the columns in a schema file".into());
        }
    }
    let named =
        given.columns.iter().flatten().flat_map(|part| part.source.clone().unwrap_or_else(|| vec![part.name.clone()]));
    let named: Vec<String> = named.collect();
    for path in &named {
        paths.retain(|other| !is_within(path, other) && !is_within(other, path));
        paths.push(path.clone());
    }
    let other_members = paths[..paths.len() - named.len()].to_vec();
    let tree = json::Paths::new(paths.iter().map(String::as_str)).map_err(|message| Error::Usage {
        message,
        hint: "source names a member, or members within each other with dots between".into(),
    })?;
    let header = json::table::header(paths.iter().map(String::as_str));
    let laid_out = |sample: &Sample| {
        let as_rows = |lines: &[u8], mut rows: Vec<u8>| {
            json::table::rows(lines, &tree, &mut rows);
            rows
        };
        let lines = sample.head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&sample.head);
        Sample {
            path: sample.path.clone(),
            head: as_rows(lines, header.clone()),
            pieces: sample.pieces.iter().map(|piece| as_rows(piece, Vec::new())).collect(),
            ..*sample
        }
    };
    let tables: Vec<Sample> = samples.iter().map(laid_out).collect();
    let mut as_table = given.clone();
    as_table.csv = given.csv.of_laid_out();
    let inferred = infer::look(&tables, &as_table)?;
    let schema = given.resolve(Some(&inferred.schema))?;
    warnings.extend(inferred.warnings(given, &schema));
    let is_placed = schema.with_role(Role::X).is_some() && schema.with_role(Role::Y).is_some();
    let no_degrees = inferred.no_degrees.filter(|_| is_placed);
    Ok(Inputs {
        files,
        content,
        schema,
        notes: inferred.notes,
        samples,
        warnings,
        no_degrees,
        columns: None,
        other_members,
    })
}

/// A column that no record of the sample has.
fn nowhere(part: &ColumnPart, found: &json::table::Found) -> Option<String> {
    let own = [part.name.clone()];
    let sources = part.source.as_deref().unwrap_or(&own);
    let is_missing = !found.are_more && !sources.iter().any(|source| found.has(source));
    let wanted: Vec<String> = sources.iter().map(|source| format!("{source:?}")).collect();
    is_missing.then(|| format!("column {:?}: no record that was looked at has {}", part.name, wanted.join(" or ")))
}

/// Files in which no line begins as `stop_at` says.
fn never_stops(files: &[InputFile], text: &str) -> Option<String> {
    let length = |file: &InputFile| file.content.as_ref().map_or(file.size, |content| content.length);
    let mut without = files.iter().filter(|file| file.end > 0 && file.end == length(file));
    let first = without.next()?.path.display();
    let others = without.count();
    let more = if others > 0 { format!(", nor in {others} others") } else { String::new() };
    Some(format!("no line begins with stop_at = {text:?} in {first}{more}: they are read to the end"))
}

/// A file that has several names is read by the first of them: its rows are there once.
fn each_once(files: Vec<(InputFile, bool)>, warnings: &mut Vec<String>) -> Vec<(InputFile, bool)> {
    let mut known: FxHashMap<(u64, u64), PathBuf> = FxHashMap::default();
    let mut once = Vec::with_capacity(files.len());
    for (file, is_json) in files {
        if file.is_stream() {
            once.push((file, is_json));
            continue;
        }
        if let Some(first) = known.get(&(file.device, file.inode)) {
            warnings.push(format!("{} is {} by another name, and read once", file.path.display(), first.display()));
            continue;
        }
        known.insert((file.device, file.inode), file.path.clone());
        once.push((file, is_json));
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
