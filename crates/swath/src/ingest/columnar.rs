//! Files with columns as inputs, by what they say of themselves.
//!
//! Units are cut at groups of rows, which are row groups of Parquet and record batches of Arrow; large ones are cut into
//! pieces of a fixed number of rows, small ones share a unit. What reading takes is known before any value is read.

use rustc_hash::FxHashMap;
use swath_core::{Bytes, Error, Result};
use swath_formats::columnar::{
    Format, GroupFilter, Head, OpenTable, Piece, RowReport, RowSource, read_rows, rows_batch_bytes_max,
};
use swath_formats::csv::{Consumer, ParsePlan, Workspace};
use swath_table::schema::{ColumnSchema, ColumnType, TableSchema};

use super::inputs::{Segment, Stream};
use super::job::{FilePlan, Geometry, Job};
use super::route::batch_limits;
use super::running::{Bench, Running};
use super::survey::Facts;
use super::systems::Systems;
use super::unread::Headers;
use super::{rejects, sorted};
use crate::input_file::InputFile;
use crate::request::IngestRequest;

/// Rows of a unit, about.
pub const UNIT_ROWS: u64 = 131_072;
/// What a job knows of its files with columns.
#[derive(Debug)]
pub struct Columnar {
    /// Memory of the file that is being read, at most.
    pub table: Bytes,
    /// Rows of a unit, at most.
    pub unit_rows: u64,
    /// Groups of rows that need not be read.
    pub filter: GroupFilter,
}

impl Columnar {
    /// Memory that routing a unit takes.
    pub fn task_bytes(&self, job: &Job) -> Bytes {
        let columns = job.input_schema.columns.len();
        let parser = Workspace::bytes_for(&job.read_options(), 1, columns);
        let record = job.max_record.0;
        let batch = |plan| rows_batch_bytes_max(&job.input_schema, plan, batch_limits(job), self.unit_rows, record);
        let batch = job.parse_plans.iter().map(batch).max().unwrap_or_default();
        let rows = job.run_rows.min(self.unit_rows as usize);
        parser
            + self.table
            + batch
            + Bytes(2 * rejects::UNIT_BYTES_MAX as u64)
            + sorted::bytes_for(job, &job.input_layout, rows)
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
            // Not both at once. What was planned for another file would not be held to.
            bench.table = None;
            file.check_unchanged()?;
            let table = OpenTable::open(file.open()?, file.end, plan, &job.input_schema, job.max_record.as_usize())?;
            bench.table = Some((segment.file, table));
        }
        let Some((_, table)) = &mut bench.table else { return Err(Error::unexpected("no table is open")) };
        let (limits, max_record) = (batch_limits(job), job.max_record.as_usize());
        let source = RowSource { plan, interner: &running.texts, limits, max_record };
        read_rows(&source, table, segment.bytes.clone(), filter, &mut bench.batch, consumer)
    }
}

/// Which groups of rows need not be read, by the filters of a request.
pub fn filter(
    request: &IngestRequest,
    schema: &TableSchema,
    time: Option<usize>,
    geometry: Option<&Geometry>,
) -> GroupFilter {
    let mut filter = GroupFilter::default();
    if let Some(time) = time.filter(|_| request.since_us.is_some() || request.until_us.is_some()) {
        let bounds = (request.since_us.unwrap_or(i64::MIN), request.until_us.unwrap_or(i64::MAX));
        filter.time = Some((time, bounds.0, bounds.1));
    }
    // The box is in the system of the output.
    if let (Some(geometry), Some([west, south, east, north])) = (geometry.filter(|places| !places.moved), request.bbox)
    {
        // Statistics are of values as they are stored.
        let stored = |column: usize, least: f64, greatest: f64| match schema.columns[column].negate {
            true => (column, -greatest, -least),
            false => (column, least, greatest),
        };
        filter.between.push(stored(geometry.y, south, north));
        if west <= east {
            filter.between.push(stored(geometry.x, west, east));
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
    for file in files.iter().filter(|file| file.end > 0) {
        match Format::of(&*file.open()?, file.end)? {
            Some(format) => _ = with.get_or_insert((&file.path, format.name())),
            None => _ = without.get_or_insert(&file.path),
        }
    }
    match (with, without) {
        (Some((with, format)), Some(without)) => Err(Error::Usage {
            message: format!(
                "the inputs are of two kinds: {} is {format}, and {} is text",
                with.display(),
                without.display()
            ),
            hint: "ingest them apart: name the files, or give a quoted glob like 'folder/*.parquet'".into(),
        }),
        (with, _) => Ok(with.is_some()),
    }
}

/// What all files say of themselves.
#[derive(Debug, Default)]
pub struct Columns {
    /// For each file, its rows and the position of its names.
    pub(super) files: Vec<(u64, usize)>,
    /// Names of the columns that can be read, once for all files that have the same.
    pub(super) names: Vec<Vec<Vec<u8>>>,
    pub(super) cuts: Cuts,
    /// Bytes of the columns of all files.
    pub(super) bytes: u64,
    /// The files that were sampled, and the columns of their samples.
    pub(super) sampled: Vec<(usize, Vec<Vec<u8>>)>,
    /// Bytes of values in the samples that those do not show, by name of the column.
    left_out: FxHashMap<String, u64>,
}

impl Columns {
    /// The names that files have, each set with the first file that has it.
    pub fn headers(&self, files: &[InputFile]) -> Headers {
        let with = |at: usize| self.files.iter().position(|&(rows, names)| rows > 0 && names == at);
        let names = self.names.iter().enumerate();
        names.filter_map(|(at, names)| Some((files.get(with(at)?)?.path.clone(), names.clone()))).collect()
    }
}

/// Units in the making.
#[derive(Debug, Default)]
pub(super) struct Cuts {
    /// Where units begin.
    starts: Vec<u64>,
    /// Rows so far.
    pub(super) end: u64,
    largest: u64,
}

impl Cuts {
    /// Rows of a unit, at most.
    pub const LARGEST: u64 = UNIT_ROWS + UNIT_ROWS / 2;

    /// Adds a group of rows: one that is much larger than a unit is cut, small ones share one.
    pub(super) fn add(&mut self, rows: u64) {
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

impl Columns {
    /// Counts what a piece of a sample does not show of its values.
    pub(super) fn add_left_out(&mut self, head: &Head, piece: &Piece) {
        for (name, &bytes) in head.names().zip(&piece.left_out).filter(|(_, bytes)| **bytes > 0) {
            *self.left_out.entry(name.into()).or_default() += bytes;
        }
    }

    /// Puts what the files say in the place of what a sample makes expect, and adds what the sample does not show.
    pub fn correct(&self, schema: &TableSchema, facts: &mut Facts) {
        for (position, column) in schema.columns.iter().enumerate() {
            let own = std::slice::from_ref(&column.name);
            let sources = if column.source.is_empty() { own } else { &column.source };
            let bytes: u64 = sources.iter().filter_map(|name| self.left_out.get(name)).sum();
            match column.column_type {
                ColumnType::String => facts.text_per_row += bytes as f64 / facts.sampled.max(1) as f64,
                ColumnType::Category => {
                    let seen = facts.values.get(&position).copied().unwrap_or_default();
                    let bytes = u128::from(bytes) * u128::from(seen.distinct()) / u128::from(seen.rows().max(1));
                    *facts.texts.entry(position).or_default() += bytes as u64;
                    facts.category_bytes += bytes as u64;
                }
                _ => {}
            }
        }
        let rows = self.cuts.end;
        let scale = rows as f64 / facts.rows.max(1) as f64;
        facts.output = Bytes((facts.output.0 as f64 * scale) as u64);
        facts.record_bytes = self.bytes as f64 / rows.max(1) as f64;
        facts.rows = rows;
        facts.has_lines_in_texts = false;
    }

    /// Plans for the sampled rows of files.
    ///
    /// # Errors
    /// Those of [`ParsePlan::new`].
    pub fn plan_samples(
        &self,
        files: &[InputFile],
        schema: &TableSchema,
        systems: Option<&Systems>,
    ) -> Result<Vec<ParsePlan>> {
        // As text, what is missing in such a file is nothing.
        let mut schema = schema.clone();
        let of_all = schema.csv.missing.clone();
        let is_text =
            |column: &&mut ColumnSchema| matches!(column.column_type, ColumnType::Category | ColumnType::String);
        for column in schema.columns.iter_mut().filter(|column| !is_text(column)) {
            column.missing.get_or_insert_with(|| of_all.clone()).push(String::new());
        }
        let plan = |(file, names): &(usize, Vec<Vec<u8>>)| {
            let bounded = systems.map(|systems| systems.bounded(schema.clone(), systems.of_files[*file]));
            ParsePlan::new(&files[*file].path, bounded.as_ref().unwrap_or(&schema), names)
        };
        self.sampled.iter().map(plan).collect()
    }

    /// The plans of all files, with those of samples in place of the files' own.
    pub fn with_samples(&self, file_plans: &[FilePlan]) -> Vec<FilePlan> {
        let mut of_samples = file_plans.to_vec();
        for (plan, (file, _)) in (0..).zip(&self.sampled) {
            of_samples[*file].plan = plan;
        }
        of_samples
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
            if file.end == 0 {
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
        max_record: Bytes,
    ) -> Result<(Stream, Columnar)> {
        let mut table = Bytes::ZERO;
        for ((file, plan), (rows, _)) in files.iter().zip(file_plans).zip(&self.files) {
            if *rows > 0 {
                let plan = &plans[plan.plan as usize];
                let mut open = OpenTable::open(file.open()?, file.end, plan, schema, max_record.as_usize())?;
                table = table.max(open.bytes_max()?);
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
}
