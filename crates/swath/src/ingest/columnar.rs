//! Files with columns as inputs: Parquet, by its footers.
//!
//! Units are cut at row groups; large ones are cut into pieces of a fixed number of rows, small ones share a unit. What
//! reading takes is known from footers and page headers before any value is read.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rustc_hash::{FxHashMap, FxHashSet};
use swath_core::{Bytes, Error, Place, Result};
use swath_formats::csv::{Consumer, ParsePlan, Workspace};
use swath_formats::parquet::{
    Footer, GroupFilter, Kind, OpenTable, RowReport, RowSource, read_rows, rows_batch_bytes_max, sample, sample_header,
};
use swath_formats::store::{SourceFile, read_full};
use swath_table::infer::sample::{FILES_MAX, HEAD_BYTES, PIECE_BYTES};
use swath_table::infer::{self, FileType, FileTypes, Sample};
use swath_table::schema::{ColumnType, Role, TableSchema};
use swath_table::schema_file::SchemaFile;

use super::inputs::{Segment, Stream};
use super::job::{FilePlan, Geometry, Job};
use super::look::Inputs;
use super::route::batch_limits;
use super::running::{Bench, Running};
use super::survey::Facts;
use super::systems::Systems;
use super::{rejects, sorted};
use crate::input_file::InputFile;
use crate::request::IngestRequest;

/// Rows of a unit, about.
pub const UNIT_ROWS: u64 = 131_072;
/// Rows of the first piece of a sampled file, and of the others.
const PIECE_ROWS: (u64, u64) = (1_000, 250);
/// Pieces of one file, and of all.
const PIECES: (u64, u64) = (8, 32);
/// Inputs of no more rows and bytes are sampled as a whole.
const SMALL: (u64, u64) = (20_000, 2 << 20);

/// What a job knows of its files with columns.
#[derive(Debug)]
pub struct Columnar {
    /// Memory of the file that is being read, at most.
    pub table: Bytes,
    /// Rows of a unit, at most.
    pub unit_rows: u64,
    /// Row groups that need not be read.
    pub filter: GroupFilter,
}

impl Columnar {
    /// Memory that routing a unit takes.
    pub fn task_bytes(&self, job: &Job) -> Bytes {
        let columns = job.schema.columns.len();
        let parser = Workspace::bytes_for(&job.read_options(), 1, columns);
        let record = job.max_record.0;
        let batch = |plan| rows_batch_bytes_max(&job.schema, plan, batch_limits(job), self.unit_rows, record);
        let batch = job.parse_plans.iter().map(batch).max().unwrap_or_default();
        let rows = job.run_rows.min(self.unit_rows as usize);
        parser + self.table + batch + Bytes(2 * rejects::UNIT_BYTES_MAX as u64) + sorted::bytes_for(job, rows)
    }

    /// Reads the rows of a segment.
    ///
    /// # Errors
    /// Those of reading and of the consumer.
    pub fn read(
        &self,
        running: &Running,
        segment: &Segment,
        filter: &GroupFilter,
        bench: &mut Bench,
        consumer: &mut dyn Consumer,
    ) -> Result<RowReport> {
        let job = &running.job;
        let (file, plan) = (&job.files[segment.file], job.file_plans[segment.file].plan);
        let plan = &job.parse_plans[plan as usize];
        if bench.table.as_ref().is_none_or(|(open, _)| *open != segment.file) {
            // Not both at once.
            bench.table = None;
            let table = OpenTable::open(&file.path, file.size, plan, &job.schema)?;
            bench.table = Some((segment.file, table));
        }
        let Some((_, table)) = &mut bench.table else { return Err(Error::unexpected("no table is open")) };
        let (limits, max_record) = (batch_limits(job), job.max_record.as_usize());
        let source = RowSource { plan, interner: &running.texts, limits, max_record };
        read_rows(&source, table, segment.bytes.clone(), filter, &mut bench.batch, consumer)
    }
}

/// Which row groups need not be read, by the filters of a request.
pub fn filter(request: &IngestRequest, time: Option<usize>, geometry: Option<&Geometry>) -> GroupFilter {
    let mut filter = GroupFilter::default();
    if let Some(time) = time.filter(|_| request.since_us.is_some() || request.until_us.is_some()) {
        let bounds = (request.since_us.unwrap_or(i64::MIN), request.until_us.unwrap_or(i64::MAX));
        filter.time = Some((time, bounds.0, bounds.1));
    }
    // The box is in the system of the output.
    if let (Some(geometry), Some([west, south, east, north])) = (geometry.filter(|places| !places.moved), request.bbox)
    {
        filter.between.push((geometry.y, south, north));
        if west <= east {
            filter.between.push((geometry.x, west, east));
        }
    }
    filter
}

/// Whether all files have columns.
///
/// # Errors
/// [`Error::InputUnreadable`]; [`Error::Usage`] where some have and some have not.
pub fn are_columnar(files: &[InputFile]) -> Result<bool> {
    let (mut with, mut without) = (None, None);
    for file in files.iter().filter(|file| file.size > 0 && file.content.is_none()) {
        let mut head = [0; 4];
        read_full(&SourceFile::open(&file.path)?, &mut head, 0)?;
        // A name of a column may begin like that; then the file does not end like that.
        let mut tail = [0; 4];
        let is_whole = file.size >= 12 && {
            read_full(&SourceFile::open(&file.path)?, &mut tail, file.size - 4)?;
            &tail == b"PAR1" || &tail == b"PARE"
        };
        let is_columnar = &head == b"PAR1" && (is_whole || has_zeros(file)?);
        let of_kind = if is_columnar { &mut with } else { &mut without };
        of_kind.get_or_insert(&file.path);
    }
    match (with, without) {
        (Some(with), Some(without)) => Err(Error::Usage {
            message: format!(
                "the inputs are of two kinds: {} is Parquet, and {} is not",
                with.display(),
                without.display()
            ),
            hint: "ingest them apart: name the files, or give a quoted glob like 'folder/*.parquet'".into(),
        }),
        (with, _) => Ok(with.is_some()),
    }
}

/// Whether the start of a file holds what no text does.
fn has_zeros(file: &InputFile) -> Result<bool> {
    let mut head = [0; 4096];
    let read = read_full(&SourceFile::open(&file.path)?, &mut head, 0)?;
    Ok(head[..read].contains(&0))
}

/// What the footers of all files say.
#[derive(Debug, Default)]
pub struct Columns {
    /// For each file, its rows and the position of its names.
    files: Vec<(u64, usize)>,
    /// Names of the columns that can be read, once for all files that have the same.
    names: Vec<Vec<Vec<u8>>>,
    cuts: Cuts,
    /// Bytes of the columns of all files.
    bytes: u64,
}

/// Units in the making.
#[derive(Debug, Default)]
pub struct Cuts {
    /// Where units begin.
    starts: Vec<u64>,
    /// Rows so far.
    end: u64,
    largest: u64,
}

impl Cuts {
    /// Rows of a unit, at most.
    pub const LARGEST: u64 = UNIT_ROWS + UNIT_ROWS / 2;

    /// Adds a row group: one that is much larger than a unit is cut, small ones share one.
    pub fn add(&mut self, rows: u64) {
        let open = self.end - self.starts.last().copied().unwrap_or(0);
        let most = Cuts::LARGEST;
        if self.starts.is_empty() || open + rows > most || open >= UNIT_ROWS {
            self.starts.push(self.end);
        }
        let end = self.end + rows;
        while rows > most && end - self.starts.last().copied().unwrap_or(0) > most {
            let next = self.starts.last().copied().unwrap_or(0) + UNIT_ROWS;
            self.starts.push(next);
        }
        self.end = end;
        self.largest = self.largest.max(rows.min(most)).max(most.min(self.end));
    }

    /// Where units begin, and the end of the last.
    pub fn finish(mut self) -> Vec<u64> {
        if !self.starts.is_empty() {
            self.starts.push(self.end);
        }
        self.starts
    }
}

/// Finds the schema of files with columns.
///
/// # Errors
/// For inputs that cannot be read and schemas that cannot be.
pub fn inputs(files: Vec<InputFile>, given: &SchemaFile, mut warnings: Vec<String>) -> Result<Inputs> {
    let mut columns = Columns::default();
    let (mut types, mut refused) = (FileTypes::default(), Refused::default());
    let mut known: FxHashMap<Vec<Vec<u8>>, usize> = FxHashMap::default();
    let mut unpacked = 0u64;
    for file in &files {
        if file.size == 0 {
            columns.files.push((0, 0));
            continue;
        }
        let footer = Footer::read(&SourceFile::open(&file.path)?, file.size, &|_| true)?;
        refused.add(&footer, given);
        for column in &footer.columns {
            let in_utc = column.kind != Kind::Timestamp { utc: false };
            types.add(&column.name, FileType { column_type: column.kind.column_type(), in_utc });
        }
        let names: Vec<Vec<u8>> = footer.columns.iter().map(|column| column.name.clone().into_bytes()).collect();
        let next = known.len();
        let position = *known.entry(names).or_insert(next);
        columns.files.push((footer.rows, position));
        footer.group_rows().for_each(|rows| columns.cuts.add(rows));
        columns.bytes += footer.packed_bytes();
        unpacked = unpacked.saturating_add(footer.unpacked_bytes());
    }
    let mut names: Vec<(Vec<Vec<u8>>, usize)> = known.into_iter().collect();
    names.sort_by_key(|(_, position)| *position);
    columns.names = names.into_iter().map(|(names, _)| names).collect();
    let path = files.iter().find(|file| file.size > 0).map_or_else(PathBuf::new, |file| file.path.clone());
    if columns.cuts.end == 0 {
        return Err(Error::InputCorrupt {
            place: Place::file(path),
            message: "there are no rows: wanted at least one, got row groups without any".into(),
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
    warnings.extend(refused.sentence().map(|sentence| format!("not read: {sentence}; {REFUSED_HINT}")));
    let is_small = columns.cuts.end <= SMALL.0 && unpacked <= SMALL.1 && files.len() <= FILES_MAX;
    let mut samples = samples(&files, &columns, given, &types, is_small)?;
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
    let no_degrees = inferred.no_degrees.filter(|_| is_placed);
    Ok(Inputs {
        files,
        content: Bytes::ZERO,
        schema,
        notes: inferred.notes,
        samples,
        warnings,
        no_degrees,
        columns: Some(columns),
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
    fn add(&mut self, footer: &Footer, given: &SchemaFile) {
        let bytes = footer.columns.iter().filter(|column| column.kind == Kind::Bytes && !is_named(given, &column.name));
        let bytes = bytes.map(|column| (column.name.as_str(), "it holds bytes"));
        for (name, why) in footer.refused.iter().map(|(name, why)| (name.as_str(), why.as_str())).chain(bytes) {
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
    columns: &Columns,
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
        let file = &files[with_rows[if count > 1 { rank * (with_rows.len() - 1) / (count - 1) } else { 0 }]];
        let footer = Footer::read(&SourceFile::open(&file.path)?, file.size, &|_| true)?;
        let readable = |name: &str| {
            let kind = footer.columns.iter().find(|column| column.name == name).map(|column| column.kind);
            is_wanted(name) && (kind != Some(Kind::Bytes) || is_named(given, name))
        };
        let footer = Footer::read(&SourceFile::open(&file.path)?, file.size, &readable)?;
        let spans = if is_small { vec![0..footer.rows] } else { spans(footer.rows, pieces) };
        let bytes_max = if is_small { usize::MAX } else { PIECE_BYTES as usize };
        let mut head = sample_header(&footer);
        let mut texts = sample(&file.path, &footer, &spans[..1], bytes_max.max(HEAD_BYTES as usize))?;
        head.extend(texts.iter().flat_map(|piece| &piece.text));
        texts = sample(&file.path, &footer, &spans[1..], bytes_max)?;
        let pieces = texts.into_iter().map(|piece| piece.text).filter(|text| !text.is_empty()).collect();
        let path = file.path.clone();
        samples.push(Sample { path, head, complete: spans.len() == 1, exhaustive: is_small, pieces });
    }
    Ok(samples)
}

/// The first rows, and pieces evenly spread over the others, the last of them at the end.
fn spans(rows: u64, pieces: u64) -> Vec<Range<u64>> {
    let (head, piece) = PIECE_ROWS;
    if rows <= head + piece {
        return vec![0..rows];
    }
    let pieces = pieces.min((rows - head) / piece).max(1);
    let room = rows - head - piece;
    let start = |number: u64| {
        let steps = u128::from(pieces.max(2) - 1);
        head + if pieces == 1 { room } else { (u128::from(room) * u128::from(number) / steps) as u64 }
    };
    std::iter::once(0..head).chain((0..pieces).map(|number| start(number)..start(number) + piece)).collect()
}

impl Columns {
    /// Puts what the footers say in the place of what a sample makes expect.
    pub fn correct(&self, facts: &mut Facts) {
        let rows = self.cuts.end;
        let scale = rows as f64 / facts.rows.max(1) as f64;
        facts.output = Bytes((facts.output.0 as f64 * scale) as u64);
        facts.record_bytes = self.bytes as f64 / rows.max(1) as f64;
        facts.rows = rows;
        facts.has_lines_in_texts = false;
    }

    /// Plans for all files; those with the same columns and reference system share one.
    ///
    /// # Errors
    /// Those of [`ParsePlan::new`].
    pub fn plan(
        &self,
        files: &[InputFile],
        schema: &TableSchema,
        systems: Option<&Systems>,
    ) -> Result<(Vec<ParsePlan>, Vec<FilePlan>)> {
        let (mut plans, mut file_plans) = (Vec::new(), Vec::with_capacity(files.len()));
        let mut known: FxHashMap<(usize, u32), u32> = FxHashMap::default();
        for (position, file) in files.iter().enumerate() {
            if file.size == 0 {
                file_plans.push(FilePlan { plan: 0, transform: 0, data_offset: 0, header_lines: 0 });
                continue;
            }
            let names = self.files[position].1;
            let system = systems.map_or(0, |systems| systems.of_files[position]);
            let plan = match known.get(&(names, system)) {
                Some(&plan) => plan,
                None => {
                    let bounded = systems.map(|systems| systems.bounded(schema.clone(), system));
                    let schema = bounded.as_ref().unwrap_or(schema);
                    plans.push(ParsePlan::new(&file.path, schema, &self.names[names])?);
                    known.insert((names, system), plans.len() as u32 - 1);
                    plans.len() as u32 - 1
                }
            };
            file_plans.push(FilePlan { plan, transform: 0, data_offset: 0, header_lines: 0 });
        }
        Ok((plans, file_plans))
    }

    /// The stream of rows, and what reading takes.
    ///
    /// # Errors
    /// Those of footers and page headers.
    pub fn open(
        self,
        files: &[InputFile],
        schema: &TableSchema,
        (plans, file_plans): (&[ParsePlan], &[FilePlan]),
        filter: GroupFilter,
    ) -> Result<(Stream, Columnar)> {
        let mut table = Bytes::ZERO;
        for ((file, plan), (rows, _)) in files.iter().zip(file_plans).zip(&self.files) {
            if *rows > 0 {
                let path: &Path = &file.path;
                let plan = &plans[plan.plan as usize];
                table = table.max(OpenTable::open(path, file.size, plan, schema)?.bytes_max()?);
            }
        }
        let unit_rows = self.cuts.largest.min(self.cuts.end);
        let cuts = self.cuts.finish();
        let stream = Stream::of_rows(self.files.iter().map(|(rows, _)| *rows), cuts, self.bytes);
        Ok((stream, Columnar { table, unit_rows, filter }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cuts(groups: &[u64]) -> Vec<u64> {
        let mut cuts = Cuts::default();
        groups.iter().for_each(|&rows| cuts.add(rows));
        let most = cuts.largest.min(cuts.end);
        let cuts = cuts.finish();
        assert!(cuts.windows(2).all(|unit| unit[1] > unit[0] && unit[1] - unit[0] <= most), "{cuts:?}, {most}");
        cuts
    }

    #[test]
    fn units_are_row_groups_or_pieces_of_them() {
        assert_eq!(cuts(&[]), [] as [u64; 0]);
        assert_eq!(cuts(&[10]), [0, 10]);
        assert_eq!(cuts(&[122_880, 122_880, 10]), [0, 122_880, 245_770]);
        assert_eq!(cuts(&[50_000; 5]), [0, 150_000, 250_000]);
        let most = UNIT_ROWS + UNIT_ROWS / 2;
        assert_eq!(cuts(&[most, most + 1]), [0, most, most + UNIT_ROWS, 2 * most + 1]);
        assert_eq!(cuts(&[1_000_000]), [0, 131_072, 262_144, 393_216, 524_288, 655_360, 786_432, 917_504, 1_000_000]);
        cuts(&[5, 1_000_000, 7, 200_000, 3, 3, 140_000, 60_000, 1]);
    }

    #[test]
    fn pieces_lie_inside_and_apart() {
        for rows in [1, 1_250, 1_251, 5_000, 1 << 40] {
            let spans = spans(rows, 8);
            assert!(spans.windows(2).all(|pair| pair[0].end <= pair[1].start), "{spans:?}");
            assert_eq!(spans.last().map(|span| span.end), Some(rows));
        }
    }
}
