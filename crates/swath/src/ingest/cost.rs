//! What a job will take, added up before it runs.
//!
//! Every figure is a bound or is held to by what it is a figure for; nothing is touched to be counted.

use swath_core::{Bytes, Ledger, LedgerLine, Result};
use swath_formats::csv::row_bytes;
use swath_table::intern::Interner;
use swath_table::layout::RowLayout;
use swath_table::schema::{ColumnType, Role, TableSchema};

use super::columnar::Cuts;
use super::job::Job;
use super::prepare::{Prepared, column_of};
use super::running::{MENDED_BYTES, ROW_GROUP_BYTES};
use super::spread::Spread;
use super::{assemble, beside_identifiers, encode, matching, rank, recall, rejects, route, row_checks, series_checks};
use crate::work::{PROGRAM_BYTES, counted, transformations_line};

/// Memory of a dictionary at least.
const DICTIONARY: u64 = 128 << 10;
/// Memory of the dictionary of partitions at most, beyond which it grows when it must.
const PARTITIONS: u64 = 48 << 20;
/// Bytes of a partition's value in its dictionary, about.
const PARTITION_BYTES: u64 = 24;

/// Bytes of a category, at least.
const CATEGORY_BYTES: u64 = 32;
/// How many times the texts of a sample are in memory while it is looked at, at most; and what of it the program's line has.
const LOOKING: u64 = 9;
const LOOKED_AT_EASILY: Bytes = Bytes(2_000_000);
/// Bytes of the sample of a large input, about: a small one is looked at as a whole.
const USUAL_SAMPLE: Bytes = Bytes(500_000);
/// Memory for a category of a row of the sample.
const FIELD_BYTES: u64 = 8;
/// How many times the rows of a partition on average one is planned to have.
const USUAL_ROWS: u64 = 4;

/// What a job takes.
#[derive(Debug, Clone)]
pub struct Costs {
    /// The ledger.
    pub ledger: Ledger,
    /// Scratch at most.
    pub scratch: Bytes,
    /// Scratch that is sure to be taken.
    pub scratch_least: Bytes,
    /// Bound of the dictionary of categories and sensors.
    pub texts: Bytes,
    /// Bound of the dictionary of partitions.
    pub partitions: Bytes,
    /// Row groups that there are tables for.
    pub row_groups: u64,
    /// Whether there is memory for the receipts of units that are routed again.
    pub mends: bool,
    /// Memory for blobs.
    pub kept: Bytes,
    /// Texts of a row group that are planned for.
    pub row_group_texts: encode::Texts,
    /// Task sizes: route, recall, match, mark, rank, encode, assemble.
    pub tasks: [Bytes; 7],
}

fn line(name: &str, bytes: Bytes, reason: String) -> LedgerLine {
    LedgerLine { name: name.into(), bytes, reason }
}

/// Draws up the ledger of a job under a ceiling, with what the process holds `beside` it.
///
/// # Errors
/// [`swath_core::Error::CeilingTooSmall`] when it cannot fit.
pub fn costs(prepared: &Prepared, beside: &[LedgerLine], (ceiling, threads): (Bytes, usize)) -> Result<Costs> {
    let job = &prepared.job;
    let facts = &prepared.facts;
    let units = job.stream.units();
    // A sample may miss by a little; the data decides by how much is kept, never by what is promised.
    let rows = if facts.exact { facts.rows } else { facts.rows + facts.rows / 50 + 1_000 };
    let recalled = prepared.recalled;
    let text = RowText { batch: (rows, facts.text_per_row), lake: (recalled.rows, recalled.text_per_row) };
    let of_input = run_rows(job, &job.input_schema, facts.text_per_row);
    let of_lake = run_rows(job, &job.schema, recalled.text_per_row);
    let batch_rows = rows;
    // Rows of different groups of neighbours are in different runs.
    let by_folder = if job.groups_sensors() { recalled.partitions } else { 0 };
    let runs = units * rows.div_ceil(units.max(1)).div_ceil(of_input).max(1)
        + recalled.units * (Cuts::LARGEST.div_ceil(of_lake))
        + by_folder;
    let rows = rows + recalled.rows;
    // Values of the batch may all be others than those of the lake.
    let partitions_at_most = partitions_about(prepared) + recalled.partitions;
    let partitions_about = partitions_about(prepared).max(recalled.partitions);
    let row_groups = rows.div_ceil(u64::from(job.row_group_rows)) + partitions_about;
    // A sample tells partitions less closely than rows.
    let tabled = row_groups + if facts.exact { 0 } else { partitions_about / 4 + 4 };
    let output = facts.output + recalled.bytes;
    // Units that begin inside of a text are routed again.
    let mended = u64::from(facts.has_lines_in_texts);
    let there = job.base.as_ref().map_or((0, 0), |lake| lake.texts);
    let names = || job.input_schema.pivot.iter().flat_map(|pivot| &pivot.columns);
    let named = (names().count() as u64, names().map(|name| name.len() as u64).sum::<u64>());
    let there = Texts { count: there.0, bytes: there.1 };
    let known = there + Texts { count: named.0, bytes: named.1 };
    let columns = categories(prepared, batch_rows);
    let seen = known + Texts { count: facts.categories, bytes: facts.category_bytes };
    // Of an input that was looked at as a whole, what columns share is known.
    let of_all =
        if facts.exact { seen } else { columns.iter().map(|(_, texts)| *texts).fold(known, |all, texts| all + texts) };
    let of_partitions = Texts { count: partitions_at_most, bytes: partitions_at_most * PARTITION_BYTES };
    // Where the sample has none, there may be some.
    let of_all = if columns.is_empty() { of_all } else { Texts { count: of_all.count.max(1), ..of_all } };
    // What identifiers take in the tables of workers is counted with them.
    let texts = |workers: usize| of_all.dictionary(workers).max(seen.dictionary(workers));
    let partitions = |workers: usize| of_partitions.dictionary(workers).min(Bytes(PARTITIONS));
    let always = vec![
        line("program", PROGRAM_BYTES, "code, tables, threads and the sample".into()),
        line(
            "inputs",
            inputs_bytes(job),
            format!("{}: paths, identities, headers", counted(job.files.len() as u64, "file")),
        ),
        line(
            "tables",
            Bytes(
                runs * 700
                    + units * (200 + row_checks::UNIT_BYTES + mended * MENDED_BYTES)
                    + tabled * ROW_GROUP_BYTES
                    + rows / 2_048 * 32,
            ),
            format!("{runs} runs, {row_groups} row groups"),
        ),
    ];
    let lake = job.base.as_ref().map(|lake| {
        let reason = format!("{} files of the lake, {} units of it", lake.files.len(), recalled.units);
        line("lake", lake.table_bytes() + recalled.table_bytes(), reason)
    });
    let computes = job.geometry.as_ref().is_some_and(|places| places.moved || places.to_degrees.is_some());
    let fields: u64 = facts.texts.keys().filter_map(|column| facts.values.get(column)).map(|seen| seen.rows()).sum();
    let looked_at = Bytes((facts.text_per_row * facts.sampled as f64) as u64 * LOOKING + fields * FIELD_BYTES)
        + Interner::bytes_for(facts.categories, facts.category_bytes, Bytes::ZERO);
    let looked_at =
        looked_at.saturating_sub(LOOKED_AT_EASILY) + Bytes(facts.sample_bytes).saturating_sub(USUAL_SAMPLE).percent(75);
    let looking = line("sample", looked_at, "while it is looked at: small inputs as a whole, long texts".into());
    let looking = (looked_at > Bytes::ZERO).then_some(looking);
    let transformations = computes.then(transformations_line);
    let always: Vec<LedgerLine> =
        always.into_iter().chain(looking).chain(lake).chain(transformations).chain(beside.iter().cloned()).collect();
    let fixed = |workers: usize| {
        let categories = format!("{} categories in the sample", facts.categories);
        let dictionaries = [
            line("dictionary", texts(workers), categories),
            line("partitions", partitions(workers), format!("about {}", counted(partitions_about, "partition"))),
        ];
        always.iter().cloned().chain(dictionaries).collect::<Vec<_>>()
    };
    let group_rows = job.rows_with_texts(rows.min(u64::from(job.row_group_rows)), rows);
    let text_of_group = text.most(group_rows) / group_rows.max(1) as f64;
    // Columns may share their texts, and each has a dictionary of its own.
    let group_rows = rows.min(u64::from(job.row_group_rows));
    let of_group = |&(column, texts): &(usize, Texts)| ((there + texts).most(group_rows), job.columns_of(column));
    let of_group: Vec<(Texts, u64)> = columns.iter().map(of_group).filter(|(_, times)| *times > 0).collect();
    let category_values = of_group.iter().map(|(texts, _)| texts.count).max().unwrap_or(0) as usize;
    let row_group_texts = encode::Texts {
        values: category_values,
        value_bytes: of_group.iter().map(|(texts, times)| texts.bytes * times).sum::<u64>() as usize,
        ..encode::Texts::expected(job, rows, text_of_group * 1.5)
    };
    let encode = encode::task_bytes(job, rows, row_group_texts, runs);
    let all = rows;
    let mini_file = |rows: u64| {
        let texts = swath_formats::geoparquet::TextShape {
            bytes: (text.most(job.rows_with_texts(rows, all)) * 1.5) as usize,
            longest_bytes: job.longest_record().as_usize(),
            category_values,
        };
        swath_formats::geoparquet::mini_file_bytes_max(&job.lake, rows as usize, texts)
    };
    let exchange = job.dedup.as_ref().is_some_and(|dedup| !dedup.adjacent);
    let nothing_or = |bytes: Bytes| if exchange { bytes } else { Bytes::ZERO };
    // A part takes row groups up to its target size; the estimate of the output may be twice too large.
    let share = 2 * u128::from(job.target_file_size.0) * u128::from(row_groups) / u128::from(output.0.max(1));
    let assemble = |rows: u64| {
        let group_rows = u64::from(job.row_group_rows);
        let most = u64::from(assemble::groups_at_most(job)).min(rows.div_ceil(group_rows));
        let groups_per_part = (share as u64 + 2).min(most);
        assemble::task_bytes(job, mini_file(rows.min(group_rows)), groups_per_part)
    };
    // Partitions of so many rows are planned for; one that has more takes a larger task.
    let usual_rows = rows.min(USUAL_ROWS * rows.div_ceil(partitions_about.max(1)));
    let tasks = [
        route::task_bytes(job),
        job.base.as_ref().map_or(Bytes::ZERO, |lake| recall::task_bytes(job, lake, recalled.table)),
        nothing_or(matching::match_bytes(if facts.exact && job.base.is_none() { rows } else { u64::MAX }, runs)),
        nothing_or(matching::mark_bytes(job.run_rows as u64)),
        rank::task_bytes(runs, rows),
        encode,
        assemble(usual_rows),
    ];
    let names = ["route", "recall", "match", "mark", "rank", "encode", "assemble"];
    let task_lines: Vec<LedgerLine> = names
        .iter()
        .zip(tasks)
        .filter(|(_, bytes)| *bytes > Bytes::ZERO)
        .map(|(name, bytes)| line(name, bytes, "one task".into()))
        .collect();
    let fixed_bytes = |workers: usize| fixed(workers).iter().map(|line| line.bytes).sum::<Bytes>();
    let task_max = tasks.into_iter().max().unwrap_or_default();
    let useful = threads.min((units + recalled.units) as usize).max(1);
    let fits = |workers: &usize| fixed_bytes(*workers) + task_max * *workers as u64 <= ceiling;
    let workers = (1..=useful).rev().find(fits).unwrap_or(1);
    let room = ceiling.saturating_sub(fixed_bytes(workers));
    let sensor = job.input_schema.with_role(Role::Sensor);
    let sensors = columns.iter().find(|(column, _)| Some(*column) == sensor).map_or(0, |(_, texts)| texts.count);
    let sensors = (there.count + sensors).max(1);
    let between = intermediate_bytes(prepared, (rows, sensors), text.all(), row_groups, exchange, output);
    // A little stays free, for dictionaries that grow.
    let at_work = (task_max * workers as u64).max(assemble(rows));
    let left = room.saturating_sub(at_work).saturating_sub(ceiling.percent(4));
    let kept = left.min(between.expected);
    // Once a blob does not fit, all later ones go to scratch.
    let scratch = match between.most.saturating_sub(kept) {
        Bytes::ZERO => Bytes::ZERO,
        beyond if kept == between.expected => beyond.percent(110),
        _ => between.most.percent(110),
    };
    let scratch_least = runs_at_least(prepared).saturating_sub(kept);
    let kept_line =
        line("kept", kept, format!("of about {} between stages; the rest goes to scratch", between.expected));
    let bound_by = if workers < useful {
        "memory"
    } else if useful < threads {
        "input"
    } else {
        "cores"
    };
    let ledger = Ledger {
        ceiling,
        fixed: fixed(workers),
        tasks: task_lines,
        kept: vec![kept_line],
        workers,
        smallest_ceiling: fixed_bytes(1) + task_max.max(assemble(rows)),
        bound_by: bound_by.into(),
    };
    ledger.check("the job")?;
    Ok(Costs {
        ledger,
        scratch: scratch + prepared.content,
        scratch_least: scratch_least + prepared.content,
        texts: texts(workers),
        partitions: partitions(workers),
        row_groups: tabled,
        mends: mended > 0,
        kept,
        row_group_texts,
        tasks,
    })
}

/// Text of the rows of a job: how many rows there are, and how much each of them has on average.
struct RowText {
    batch: (u64, f64),
    /// Of those that are read of the lake.
    lake: (u64, f64),
}

impl RowText {
    /// Of so many rows, if they are those with most.
    fn most(&self, rows: u64) -> f64 {
        let (long, short) = if self.lake.1 > self.batch.1 { (self.lake, self.batch) } else { (self.batch, self.lake) };
        let of_long = rows.min(long.0);
        of_long as f64 * long.1 + (rows - of_long).min(short.0) as f64 * short.1
    }

    /// Of all rows.
    fn all(&self) -> f64 {
        self.most(self.batch.0 + self.lake.0)
    }
}

/// Different texts.
#[derive(Debug, Clone, Copy, Default)]
struct Texts {
    count: u64,
    bytes: u64,
}

impl std::ops::Add for Texts {
    type Output = Texts;

    fn add(self, other: Texts) -> Texts {
        Texts { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

impl Texts {
    /// So many of them, none shorter than usual.
    fn most(self, count: u64) -> Texts {
        let of_one = self.bytes.div_ceil(self.count.max(1)).max(CATEGORY_BYTES);
        let count = self.count.min(count);
        Texts { count, bytes: count * of_one }
    }

    /// Memory for a dictionary of them.
    fn dictionary(self, workers: usize) -> Bytes {
        if self.count == 0 {
            return Bytes(64 << 10);
        }
        Interner::bytes_for(self.count, self.bytes, beside_identifiers(workers)).max(Bytes(DICTIONARY))
    }
}

/// Texts that each column of categories may have in so many rows of the input.
fn categories(prepared: &Prepared, rows: u64) -> Vec<(usize, Texts)> {
    let (facts, files) = (&prepared.facts, prepared.job.files.len() as u64);
    let of_column = |(&column, &bytes): (&usize, &u64)| {
        let seen = facts.values.get(&column).copied().unwrap_or_default();
        let with_value = u128::from(rows) * u128::from(seen.rows()) / u128::from(facts.sampled.max(1));
        let count = if facts.exact { seen.distinct() } else { seen.distinct_at_most(with_value as u64, files) };
        let bytes = u128::from(bytes) * u128::from(count) / u128::from(seen.distinct().max(1));
        (column, Texts { count, bytes: bytes as u64 })
    };
    facts.texts.iter().map(of_column).collect()
}

/// Partitions of a job, about.
fn partitions_about(prepared: &Prepared) -> u64 {
    use swath_table::partition::{PartitionLevel, TimeSpan};
    let span_us = prepared.facts.time_us.map_or(0, |(first, last)| last - first) as u64;
    let mut total = 1u64;
    let facts = &prepared.facts;
    let files = prepared.job.files.len() as u64;
    let in_all = |seen: &Spread| if facts.exact { seen.distinct() } else { seen.distinct_about(files) };
    for (position, level) in prepared.job.partition.iter().enumerate() {
        let of_level = match level {
            PartitionLevel::Time(span) => {
                let hours = match span {
                    TimeSpan::Hour => 1,
                    TimeSpan::Day => 24,
                    TimeSpan::Month => 730,
                    TimeSpan::Year => 8_766,
                };
                span_us / (hours * 3_600_000_000) + 2
            }
            PartitionLevel::SensorGroups(count) => u64::from(*count),
            PartitionLevel::Sensor | PartitionLevel::Column(_) => {
                let values = column_of(level, &prepared.job.schema).and_then(|at| facts.values.get(&at));
                // There may be rows without a value.
                values.map_or(0, in_all) + 1
            }
            PartitionLevel::H3(_) | PartitionLevel::Geohash(_) | PartitionLevel::Tile(_) => {
                facts.cells.get(&position).map_or(1_000, |cells| in_all(cells) + 1)
            }
        };
        total = total.saturating_mul(of_level);
    }
    total.min(prepared.facts.rows.max(1))
}

fn inputs_bytes(job: &Job) -> Bytes {
    let paths: usize = job.files.iter().map(|file| file.path.as_os_str().len()).sum();
    Bytes((paths * 4 + job.files.len() * 900) as u64)
}

/// What lies between the stages.
struct Between {
    /// As readings usually are: memory is planned for that.
    expected: Bytes,
    /// Whatever the readings are: what goes beyond the memory goes to scratch.
    most: Bytes,
}

/// Rows of a full run.
fn run_rows(job: &Job, schema: &TableSchema, text_per_row: f64) -> u64 {
    let types: Vec<ColumnType> = schema.columns.iter().map(|column| column.column_type).collect();
    let row = row_bytes(&types) + text_per_row as u64;
    (job.run_bytes as u64 / row).clamp(1, job.run_rows as u64)
}

/// Runs, the plan of the order, row groups.
fn intermediate_bytes(
    prepared: &Prepared,
    (rows, sensors): (u64, u64),
    text: f64,
    row_groups: u64,
    exchange: bool,
    output: Bytes,
) -> Between {
    let job = &prepared.job;
    let per_row = |layout: &RowLayout| layout.stride() as u64 + 16 + if exchange { 32 } else { 0 } + 2;
    let origins = if job.strict { rejects::Origin::BYTES as u64 } else { 0 };
    let recalled = prepared.recalled.rows.min(rows);
    let packed = (rows - recalled) * (per_row(&job.input_layout) + origins) + recalled * per_row(&job.layout);
    // Buffers are whole pages, and a unit's last run is seldom full.
    let pages = (job.stream.units() + prepared.recalled.units) * 4 * 4096;
    let stretches = match series_checks::looks(job) {
        true => rows.min(row_groups.saturating_mul(sensors)) * series_checks::STRETCH_BYTES,
        false => 0,
    };
    let runs = Bytes(packed + text as u64 + pages + stretches) + Bytes::MIB;
    let again = if prepared.facts.has_lines_in_texts { runs } else { Bytes::ZERO };
    let encoded = encoded_bytes(prepared, rows, text, row_groups, output);
    Between { expected: runs + encoded.expected, most: runs + again + encoded.most }
}

/// Rows from which on a row group is as dense as large ones are.
const DENSE_ROWS: u64 = 8_192;
/// Bytes of a row's point as it is encoded, beside its columns.
const POINT_BYTES: u64 = 24;
/// Bytes of the footer of a row group's file: of the whole, and per leaf.
const FOOTER_BYTES: (u64, u64) = (2_048, 320);

/// Row groups as encoded. What repeats in a large one, and costs little there, is there once for each small one: of
/// generated telemetry in row groups of 150 to 1,500 rows that made 1.04 to 2.2 times the bytes of large ones, the less
/// the more the partition parts what repeats. At most it makes them as large as they are unpacked.
fn encoded_bytes(prepared: &Prepared, rows: u64, text: f64, row_groups: u64, output: Bytes) -> Between {
    let job = &prepared.job;
    let footers = Bytes(row_groups * (FOOTER_BYTES.0 + FOOTER_BYTES.1 * job.lake.leaf_count() as u64));
    if rows / row_groups.max(1) >= DENSE_ROWS {
        let dense = output.percent(130) + footers;
        return Between { expected: dense, most: dense };
    }
    let plain = Bytes(rows * (job.layout.stride() as u64 + POINT_BYTES) + text as u64);
    let most = output.percent(130).max(plain) + footers;
    Between { expected: most.min(output.percent(150) + footers), most }
}

/// The least that the runs take: a fifth less rows than the sample makes expect, without their text. None where rows may
/// be left out.
fn runs_at_least(prepared: &Prepared) -> Bytes {
    let (job, facts) = (&prepared.job, &prepared.facts);
    if job.filters() {
        return Bytes::ZERO;
    }
    let stay = facts.sampled.saturating_sub(facts.rejected) as f64 / facts.sampled.max(1) as f64;
    let rows = facts.rows as f64 * stay * if facts.exact { 1.0 } else { 0.8 };
    Bytes(rows as u64 * (job.input_layout.stride() as u64 + 16))
}
