//! Which table files with columns hold: from what they say of themselves, and from rows spread over them, as text.
//!
//! Types are those of the files; what columns are for follows the rules for text.

use std::ops::Range;
use std::path::PathBuf;

use rustc_hash::{FxHashMap, FxHashSet};
use swath_core::{Bytes, Error, Place, Result};
use swath_formats::columnar::{Head, Kind, Piece, sample, sample_header};
use swath_table::infer::sample::{FILES_MAX, HEAD_BYTES, PIECE_BYTES};
use swath_table::infer::{self, FileType, FileTypes, Sample};
use swath_table::schema::{ColumnType, Role};
use swath_table::schema_file::SchemaFile;

use super::columnar::Columns;
use super::look::Inputs;
use crate::content::never_ends;
use crate::input_file::InputFile;

/// Rows of the first piece of a sampled file, and of the others.
const PIECE_ROWS: (u64, u64) = (1_000, 250);
/// Pieces of one file, and of all.
const PIECES: (u64, u64) = (15, 48);
/// Inputs of no more rows and bytes are sampled as a whole.
const SMALL: (u64, u64) = (20_000, 2 << 20);
/// Text of such inputs at most, as of small inputs of text: of a dictionary, few bytes may make much of it.
const SMALL_TEXT: usize = 2 << 20;

/// Finds the schema of files with columns.
///
/// # Errors
/// For inputs that cannot be read and schemas that cannot be.
pub fn inputs(files: Vec<InputFile>, content: Bytes, given: &SchemaFile, mut warnings: Vec<String>) -> Result<Inputs> {
    let mut columns = Columns::default();
    let (mut types, mut refused) = (FileTypes::default(), Refused::default());
    let mut known: FxHashMap<Vec<Vec<u8>>, usize> = FxHashMap::default();
    let mut unpacked = 0u64;
    for file in &files {
        if file.end == 0 {
            columns.files.push((0, 0));
            continue;
        }
        let head = Head::read(&*file.open()?, file.end, &|_| true)?;
        refused.add(&head, given);
        if !head.is_ended() {
            warnings.push(never_ends(&file.path));
        }
        for (name, kind) in head.columns() {
            let in_utc = kind != Kind::Timestamp { utc: false };
            types.add(name, FileType { column_type: kind.column_type(), in_utc });
        }
        let names: Vec<Vec<u8>> = head.columns().map(|(name, _)| name.as_bytes().to_vec()).collect();
        let next = known.len();
        let position = *known.entry(names).or_insert(next);
        columns.files.push((head.rows(), position));
        head.group_rows().for_each(|rows| columns.cuts.add(rows));
        columns.bytes += head.packed_bytes();
        unpacked = unpacked.saturating_add(head.unpacked_bytes());
    }
    let mut names: Vec<(Vec<Vec<u8>>, usize)> = known.into_iter().collect();
    names.sort_by_key(|(_, position)| *position);
    columns.names = names.into_iter().map(|(names, _)| names).collect();
    let path = files.iter().find(|file| file.end > 0).map_or_else(PathBuf::new, |file| file.path.clone());
    if columns.cuts.end == 0 {
        return Err(Error::InputCorrupt {
            place: Place::file(path),
            message: "there are no rows: wanted at least one, got none".into(),
            hint: "check that the export finished".into(),
        });
    }
    if columns.names.iter().all(Vec::is_empty) {
        return Err(Error::InputCorrupt {
            place: Place::file(path),
            message: format!("none of its columns can be read: {}", refused.sentence().unwrap_or_default()),
            hint: REFUSED_HINT.into(),
        });
    }
    let is_small = columns.cuts.end <= SMALL.0 && unpacked <= SMALL.1 && files.len() <= FILES_MAX;
    let mut samples = samples(&files, &mut columns, given, &types, is_small)?;
    let mut given = given.clone();
    given.csv = given.csv.of_laid_out();
    let inferred = infer::look_typed(&samples, &given, &types)?;
    let mut schema = given.resolve(Some(&inferred.schema))?;
    for column in &mut schema.columns {
        // Times that are times in the file have no pattern there.
        let own = std::slice::from_ref(&column.name);
        let sources = if column.source.is_empty() { own } else { &column.source };
        let is_time = |name: &String| {
            let found = types.of(name.trim()).map(|found| found.column_type);
            matches!(found, Some(ColumnType::Timestamp | ColumnType::Date))
        };
        if sources.len() == 1 && sources.iter().all(is_time) {
            column.format = None;
        }
    }
    warnings.extend(inferred.warnings(&given, &schema));
    // What follows wants rows alone.
    for sample in &mut samples {
        let header = sample.head.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        sample.head.drain(..header);
    }
    let is_placed = schema.with_role(Role::X).is_some() && schema.with_role(Role::Y).is_some();
    if is_placed {
        // What GeoParquet makes of the coordinates is made again.
        refused.listed.retain(|listed| !listed.starts_with("\"geometry\" (") && !listed.starts_with("\"bbox\" ("));
    }
    warnings.extend(refused.sentence().map(|sentence| format!("not read: {sentence}; {REFUSED_HINT}")));
    let no_degrees = inferred.no_degrees.filter(|_| is_placed);
    Ok(Inputs {
        files,
        content,
        schema,
        notes: inferred.notes,
        samples,
        warnings,
        no_degrees,
        columns: Some(columns),
        other_members: Vec::new(),
    })
}

/// Columns that cannot be read.
#[derive(Default)]
struct Refused {
    seen: FxHashSet<String>,
    listed: Vec<String>,
}

/// What to do about them.
const REFUSED_HINT: &str = "write them as columns of plain values first, like COPY (SELECT a.b AS b …) in DuckDB";
/// Columns that a message names.
const NAMED_MAX: usize = 8;

impl Refused {
    fn add(&mut self, head: &Head, given: &SchemaFile) {
        let bytes = head.columns().filter(|(name, kind)| *kind == Kind::Bytes && !is_named(given, name));
        let bytes = bytes.map(|(name, _)| (name, "it holds bytes"));
        for (name, why) in head.refused().iter().map(|(name, why)| (name.as_str(), why.as_str())).chain(bytes) {
            if self.seen.insert(name.into()) {
                self.listed.push(format!("{name:?} ({why})"));
            }
        }
    }

    fn sentence(&self) -> Option<String> {
        let more = self.listed.len().saturating_sub(NAMED_MAX);
        let shown = self.listed[..self.listed.len() - more].join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!self.listed.is_empty()).then(|| format!("{shown}{more}"))
    }
}

/// Whether a schema file reads a column.
fn is_named(given: &SchemaFile, name: &str) -> bool {
    given.columns.iter().flatten().any(|part| match &part.source {
        Some(sources) => sources.iter().any(|source| source.trim() == name),
        None => part.name == name,
    })
}

/// Rows of some files as text.
fn samples(
    files: &[InputFile],
    columns: &mut Columns,
    given: &SchemaFile,
    types: &FileTypes,
    is_small: bool,
) -> Result<Vec<Sample>> {
    let with_rows: Vec<usize> = (0..files.len()).filter(|&file| columns.files[file].0 > 0).collect();
    let count = with_rows.len().min(FILES_MAX);
    let pieces = (PIECES.1 / count.max(1) as u64).min(PIECES.0);
    // Bytes may be text, which only a schema file can say.
    let is_wanted = |name: &str| match &given.columns {
        Some(_) => is_named(given, name),
        None => types.of(name).is_some(),
    };
    let mut samples = Vec::with_capacity(count);
    for rank in 0..count {
        let position = with_rows[if count > 1 { rank * (with_rows.len() - 1) / (count - 1) } else { 0 }];
        let file = &files[position];
        let head = Head::read(&*file.open()?, file.end, &|_| true)?;
        let kinds: FxHashMap<&str, Kind> = head.columns().collect();
        let readable = |name: &str| is_wanted(name) && (kinds.get(name) != Some(&Kind::Bytes) || is_named(given, name));
        let head = Head::read(&*file.open()?, file.end, &readable)?;
        columns.sampled.push((position, head.names().map(|name| name.as_bytes().to_vec()).collect()));
        let all = match is_small {
            true => sample(file.open()?, &head, &whole(head.rows()), SMALL_TEXT / count)?.pop(),
            false => None,
        };
        let all = all.filter(|piece| piece.rows == head.rows());
        let is_whole = all.is_some();
        let spans = if is_whole { whole(head.rows()) } else { spans(head.rows(), pieces) };
        // Binary numbers have more digits than people write.
        let bytes_max = 2 * PIECE_BYTES as usize;
        let mut text = sample_header(&head);
        let mut add = |piece: &Piece| columns.add_left_out(&head, piece);
        let mut texts = match all {
            Some(piece) => vec![piece],
            None => sample(file.open()?, &head, &spans[..1], 2 * HEAD_BYTES as usize)?,
        };
        texts.iter().for_each(&mut add);
        text.extend(texts.iter().flat_map(|piece| &piece.text));
        texts = sample(file.open()?, &head, &spans[1..], bytes_max)?;
        texts.iter().for_each(&mut add);
        let pieces = texts.into_iter().map(|piece| legible(piece.text)).filter(|text| !text.is_empty()).collect();
        let path = file.path.clone();
        samples.push(Sample { path, head: legible(text), complete: spans.len() == 1, exhaustive: is_whole, pieces });
    }
    Ok(samples)
}

/// What can be looked at of texts of which some may be none: their rows are rejected when they are read.
fn legible(text: Vec<u8>) -> Vec<u8> {
    let mut text = match String::from_utf8(text) {
        Ok(text) => text.into_bytes(),
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned().into_bytes(),
    };
    text.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'?');
    text
}

/// All rows.
fn whole(rows: u64) -> Vec<Range<u64>> {
    std::iter::once(0..rows).collect()
}

/// The first rows, and pieces evenly spread over the others, the last of them at the end.
fn spans(rows: u64, pieces: u64) -> Vec<Range<u64>> {
    let (head, piece) = PIECE_ROWS;
    if rows <= head + piece {
        return whole(rows);
    }
    let pieces = pieces.min((rows - head) / piece).max(1);
    let room = rows - head - piece;
    let start = |number: u64| {
        let steps = u128::from(pieces.max(2) - 1);
        head + if pieces == 1 { room } else { (u128::from(room) * u128::from(number) / steps) as u64 }
    };
    std::iter::once(0..head).chain((0..pieces).map(|number| start(number)..start(number) + piece)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_inside_and_apart() {
        for rows in [1, 1_250, 1_251, 5_000, 1 << 40] {
            let spans = spans(rows, 8);
            assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{spans:?}");
            assert_eq!(spans.last().map(|span| span.end), Some(rows));
        }
    }
}
