//! What a sample says about the whole: rows, text, times, distinct values, and the size of the output.
//!
//! It parses the sample as the run will parse the input. It is an estimate, and the same for every ceiling.

use rustc_hash::FxHashMap;
use swath_core::{Bytes, Fnv64, Result};
use swath_formats::csv::{
    BatchLimits, Consumer, ParsePlan, RangeSpec, ReadOptions, Source, Start, Workspace, read_range,
};
use swath_table::assign::{Assigner, Coordinates, Groups, Level, Names};
use swath_table::column::{Batch, Column, Values};
use swath_table::infer::Sample;
use swath_table::intern::Interner;
use swath_table::reject::Reject;
use swath_table::schema::{ColumnType, Role, TableSchema};

use super::job::{FilePlan, Geometry};
use super::spread::{Counter, Spread};
use super::usual::{Varying, Watch};
use crate::input_file::InputFile;

/// What a sample says.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Rows of the input, about.
    pub rows: u64,
    /// Whether that is exact.
    pub exact: bool,
    /// Bytes of a record, on average.
    pub record_bytes: f64,
    /// Bytes of text per row, on average.
    pub text_per_row: f64,
    /// First and last time seen.
    pub time_us: Option<(i64, i64)>,
    /// Distinct categories that were seen.
    pub categories: u64,
    /// Bytes of them.
    pub category_bytes: u64,
    /// Rows that were looked at.
    pub sampled: u64,
    /// Bytes of them.
    pub sample_bytes: u64,
    /// Rows of them that were rejected.
    pub rejected: u64,
    /// Size of the output, about.
    pub output: Bytes,
    /// West, south, east, north of the coordinates seen.
    pub bounds: Option<[f64; 4]>,
    /// Values of the columns that partitions are made of and of categories, by column.
    pub values: FxHashMap<usize, Spread>,
    /// Bytes of the different texts of the sample, by column of categories.
    pub texts: FxHashMap<usize, u64>,
    /// Cells that coordinates are in, by level of the partition.
    pub cells: FxHashMap<usize, Spread>,
    /// The box that most coordinates are in: west, south, east, north.
    pub usual: Option<[f64; 4]>,
    /// Columns of floats whose values change from reading to reading.
    pub varying: Vec<Varying>,
    /// Whether a text goes on over several lines, so that units may begin inside of it.
    pub has_lines_in_texts: bool,
}

/// Coordinates of the sample.
#[derive(Debug, Default)]
pub struct Points {
    /// Of each row that has some, with the position of their transform.
    points: Vec<(f64, f64, u32)>,
    /// How many there are up to the end of each piece, and whether it is the last of its file.
    pieces: Vec<(usize, bool)>,
}

struct Look<'a> {
    schema: &'a TableSchema,
    facts: &'a mut Facts,
    text_bytes: u64,
    /// Coordinates, and the position of their transform, where they are wanted.
    points: Option<&'a mut Points>,
    transform: u32,
    counters: &'a mut FxHashMap<usize, Counter>,
    watch: &'a mut Watch,
}

impl Consumer for Look<'_> {
    fn batch(&mut self, batch: &mut Batch) -> Result<()> {
        for (column, schema) in batch.columns.iter().zip(&self.schema.columns) {
            match (&column.values, schema.role) {
                (Values::Text { bytes, .. }, _) => self.text_bytes += bytes.len() as u64,
                (_, Some(Role::Time)) => {
                    for time in (0..batch.rows()).filter_map(|row| column.time_us(row)) {
                        self.facts.time_us = super::assemble::span(self.facts.time_us, Some((time, time)));
                    }
                }
                _ => {}
            }
        }
        self.bounds(batch);
        self.values(batch);
        self.watch.take(batch, &|column, row| code(&batch.columns[column], row));
        batch.clear();
        Ok(())
    }

    fn reject(&mut self, _reject: Reject) -> Result<()> {
        self.facts.rejected += 1;
        Ok(())
    }
}

impl Look<'_> {
    fn values(&mut self, batch: &Batch) {
        for (&column, counter) in &mut *self.counters {
            let column = &batch.columns[column];
            for row in (0..batch.rows()).filter(|&row| column.valid[row] != 0) {
                counter.take(short(code(column, row)));
            }
        }
    }

    fn bounds(&mut self, batch: &Batch) {
        let (Some(x), Some(y)) = (self.schema.with_role(Role::X), self.schema.with_role(Role::Y)) else { return };
        let (Values::Float64(xs), Values::Float64(ys)) = (&batch.columns[x].values, &batch.columns[y].values) else {
            return;
        };
        for row in 0..batch.rows() {
            if batch.columns[x].valid[row] != 0 && batch.columns[y].valid[row] != 0 {
                let point = [xs[row], ys[row], xs[row], ys[row]];
                self.facts.bounds = super::assemble::union(self.facts.bounds, Some(point));
                if let Some(points) = &mut self.points {
                    points.points.push((xs[row], ys[row], self.transform));
                }
            }
        }
    }
}

/// Of a category all of its number, of other values half of a hash.
fn short(code: u64) -> u32 {
    u32::try_from(code).unwrap_or_else(|_| (Fnv64::of(&code.to_le_bytes()) >> 32) as u32)
}

/// A value as a number that tells it from others, as far as a sample goes.
fn code(column: &Column, row: usize) -> u64 {
    match &column.values {
        Values::Bool(values) => u64::from(values[row]),
        Values::Int32(values) | Values::Date(values) => i64::from(values[row]) as u64,
        Values::Int64(values) | Values::Timestamp(values) => values[row] as u64,
        Values::Category(values) => u64::from(values[row]),
        Values::Float32(values) => u64::from(values[row].to_bits()),
        Values::Float64(values) => values[row].to_bits(),
        Values::Text { ends, bytes } => {
            let start = if row == 0 { 0 } else { ends[row - 1] };
            Fnv64::of(&bytes[start as usize..ends[row] as usize])
        }
    }
}

impl Facts {
    /// Counts the cells that the coordinates of the sample are in, for the levels that are cells; not where each row
    /// names its own system.
    ///
    /// # Errors
    /// When the sample holds more cells than any run may.
    pub fn count_cells(&mut self, points: &Points, levels: &[Level], geometry: &Geometry) -> Result<()> {
        let cells: Vec<usize> = (0..levels.len()).filter(|&level| levels[level].is_cell()).collect();
        if cells.is_empty() || geometry.crs_column.is_some() {
            return Ok(());
        }
        let moved = |&(x, y, transform): &(f64, f64, u32)| match &geometry.transforms[transform as usize] {
            Some(transform) => transform.point(x, y).unwrap_or((f64::NAN, f64::NAN)),
            None => (x, y),
        };
        let degrees = |&(x, y): &(f64, f64)| match &geometry.to_degrees {
            Some(to_degrees) => to_degrees.point(x, y).unwrap_or((f64::NAN, f64::NAN)),
            None => (x, y),
        };
        let places: Vec<(f64, f64)> = points.points.iter().map(moved).collect();
        let (longitude, latitude): (Vec<f64>, Vec<f64>) = places.iter().map(degrees).unzip();
        let (x, y): (Vec<f64>, Vec<f64>) = places.into_iter().unzip();
        let coordinates = Coordinates { x: &x, y: &y, longitude: &longitude, latitude: &latitude };
        for level in cells {
            let partitions = Interner::new("cells of the sample", Bytes(64 << 20));
            let names = Names { texts: &partitions, groups: Groups::Of(&[]), partitions: &partitions };
            let (rows, mut of_rows) = (0..x.len(), Vec::new());
            let level_alone = &levels[level..=level];
            Assigner::default().assign(level_alone, &Batch::new([]), rows, &coordinates, names, &mut of_rows)?;
            let counter = Counter::new(of_rows, points.pieces.clone());
            self.cells.insert(level, counter.spread(|_| ()));
        }
        Ok(())
    }
}

/// What partitions are made of, and so is counted.
pub struct Counted {
    /// Columns whose values are partitions.
    pub columns: Vec<usize>,
    /// Whether cells are.
    pub points: bool,
}

/// Parses the sample, and counts the values of some columns; answers coordinates too, where they are wanted.
///
/// # Errors
/// When the sample holds more categories than any run may.
pub fn facts(
    samples: &[Sample],
    schema: &TableSchema,
    files: &[InputFile],
    plans: &[ParsePlan],
    file_plans: &[FilePlan],
    counted: Counted,
) -> Result<(Facts, Points)> {
    let is_category = |column: &usize| schema.columns[*column].column_type == ColumnType::Category;
    let categories: Vec<usize> = (0..schema.columns.len()).filter(is_category).collect();
    let mut counters: FxHashMap<usize, Counter> =
        counted.columns.iter().chain(&categories).map(|&column| (column, Counter::default())).collect();
    let (mut facts, mut points) = (Facts::default(), Points::default());
    let interner = Interner::new("categories of the sample", Bytes(64 << 20));
    let mut batch = Batch::new(schema.columns.iter().map(|column| column.column_type));
    let mut workspace = Workspace::new(ReadOptions::default());
    let mut watch = Watch::new(schema);
    let (mut bytes, mut text_bytes) = (0u64, 0);
    for sample in samples {
        let Some(file) = files.iter().position(|file| file.path == sample.path) else { continue };
        let plan = file_plans[file];
        let head = sample.head.get(plan.data_offset as usize..).unwrap_or_default();
        for piece in std::iter::once(head).chain(sample.pieces.iter().map(Vec::as_slice)) {
            if piece.is_empty() {
                continue;
            }
            let length = piece.len() as u64;
            let range = RangeSpec { nominal: 0..length, file_len: length, start: Start::Exact(0) };
            let limits = BatchLimits { rows: 8_192, bytes: Bytes(4 << 20) };
            let source = Source { input: &piece, plan: &plans[plan.plan as usize], interner: &interner, limits };
            let wanted = counted.points.then_some(&mut points);
            let (counters, watch) = (&mut counters, &mut watch);
            let transform = plan.transform;
            let mut look =
                Look { schema, facts: &mut facts, text_bytes: 0, points: wanted, transform, counters, watch };
            let report = read_range(&source, &range, &mut workspace, &mut batch, &mut look)?;
            if batch.rows() > 0 {
                look.batch(&mut batch)?;
            }
            text_bytes += look.text_bytes;
            facts.sampled += report.records;
            facts.has_lines_in_texts |= report.lines > report.records + report.blank + report.comments;
            bytes += length;
            counters.values_mut().for_each(Counter::end_piece);
            watch.end_piece();
            points.pieces.push((points.points.len(), false));
        }
        counters.values_mut().for_each(Counter::end_file);
        if let Some((_, ends_file)) = points.pieces.last_mut() {
            *ends_file = true;
        }
    }
    (facts.usual, facts.varying) = (watch.bounds(), watch.varying());
    for (column, counter) in counters {
        let mut values = Vec::new();
        let spread = counter.spread(|value| values.push(value));
        if is_category(&column) {
            facts.texts.insert(column, interner.bytes_of(values.into_iter()) as u64);
        }
        facts.values.insert(column, spread);
    }
    let total: u64 = files.iter().zip(file_plans).map(|(file, plan)| file.end.saturating_sub(plan.data_offset)).sum();
    facts.exact = !samples.is_empty() && samples.iter().all(|sample| sample.exhaustive);
    facts.sample_bytes = bytes;
    facts.record_bytes = bytes as f64 / facts.sampled.max(1) as f64;
    facts.rows = if facts.exact { facts.sampled } else { (total as f64 / facts.record_bytes.max(1.0)) as u64 };
    facts.text_per_row = text_bytes as f64 / facts.sampled.max(1) as f64;
    facts.categories = interner.len() as u64;
    facts.category_bytes = interner.bytes() as u64;
    facts.output = Bytes((facts.rows as f64 * output_per_row(schema, facts.text_per_row)) as u64);
    Ok((facts, points))
}

/// Bytes of a row in a part file, by types; measured on sensor tables, good to a factor of two.
fn output_per_row(schema: &TableSchema, text_per_row: f64) -> f64 {
    let columns: f64 = schema
        .columns
        .iter()
        .map(|column| match column.column_type {
            ColumnType::Bool => 0.15,
            ColumnType::Category => 0.5,
            ColumnType::Int32 | ColumnType::Float32 | ColumnType::Date => 1.8,
            ColumnType::Int64 | ColumnType::Float64 => 2.6,
            ColumnType::Timestamp => 1.0,
            ColumnType::String => 1.0,
        })
        .sum();
    let geometry = if schema.with_role(Role::X).is_some() { 9.0 } else { 0.0 };
    columns + geometry + text_per_row / 3.0
}
