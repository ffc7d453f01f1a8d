//! What a person should know before a run: what inference did not find, sampled rows that would be rejected, columns
//! that files do not have.
//!
//! Nothing of it stops the run. Some is known only after it: times that occur twice, what became of the rows.

use std::path::Path;

use swath_table::schema::ColumnSchema;

use super::job::Job;
use super::prepare::Prepared;
use crate::outcome::Rows;

/// All warnings of a job, as sentences.
pub fn of(prepared: &Prepared) -> Vec<String> {
    let mut warnings = prepared.warnings.clone();
    let (rejected, sampled) = (prepared.facts.rejected, prepared.facts.sampled);
    if rejected * 20 > sampled {
        warnings.push(format!("{rejected} of {sampled} sampled rows would be rejected"));
    }
    warnings.extend(absent_columns(&prepared.job));
    warnings.extend(without_rows(&prepared.job));
    warnings
}

/// Local times that occur twice, for a person to know of; `ambiguous` says how many there were.
pub fn ambiguous_times(job: &Job, ambiguous: u64) -> Option<String> {
    let local = job.input_schema.columns.iter().filter_map(|column| Some((&column.name, column.timezone.as_ref()?)));
    let columns: Vec<String> = local.map(|(name, zone)| format!("{name:?} ({zone})")).collect();
    let columns = columns.join(", ");
    (ambiguous > 0).then(|| {
        format!(
            "{ambiguous} times in {columns} occur twice, since clocks went back: each is taken as the first of the two"
        )
    })
}

/// Duplicates that a person should look at: one row in so many, and no fewer than so many.
const MANY_DUPLICATES: (u64, u64) = (5, 10);

/// What became of the rows, where that is seldom what was wanted.
pub fn of_rows(job: &Job, rows: &Rows) -> Vec<String> {
    let mut warnings = Vec::new();
    let (share, least) = MANY_DUPLICATES;
    let met = rows.written + rows.duplicate;
    // In a lake there may be rows for good reason; rows that are put together tell by themselves where they differ.
    let dedup = job.dedup.as_ref().filter(|_| job.base.is_none() && job.pivot.is_none());
    if let Some(dedup) = dedup.filter(|_| rows.duplicate >= least && rows.duplicate * share > met) {
        let key: Vec<&str> = dedup.key.iter().map(|&column| job.schema.columns[column].name.as_str()).collect();
        warnings.push(format!(
            "{} of {met} rows were left out as duplicates: another row has the same {}; if they are readings of their \
             own, a schema file can say what tells them apart, [dedup] key = [{}, …], or that nothing is a duplicate, \
             key = []",
            rows.duplicate,
            key.join(", "),
            key.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
        ));
    }
    if rows.written + rows.merged.unwrap_or(0) == 0 {
        let filtered = match rows.filtered {
            0 => String::new(),
            filtered => format!("{filtered} were left out by --since, --until or --bbox"),
        };
        let rejected = if rows.rejected > 0 { format!("{} were rejected", rows.rejected) } else { String::new() };
        let there = match &job.base {
            Some(_) if rows.duplicate > 0 => format!("{} have keys that are there", rows.duplicate),
            _ => String::new(),
        };
        let parts: Vec<String> = [there, filtered, rejected].into_iter().filter(|part| !part.is_empty()).collect();
        warnings.push(format!("no row was written: of {} rows, {}", rows.read, parts.join(" and ")));
    }
    warnings
}

/// Files of which nothing is read, among others.
fn without_rows(job: &Job) -> Option<String> {
    let files = job.files.iter().zip(&job.file_plans);
    let mut empty = files.filter(|(file, plan)| file.end <= plan.data_offset).map(|(file, _)| file.path.display());
    let first = empty.next()?;
    let message = match empty.count() {
        0 => format!("{first} is empty, or a header only"),
        others => format!(
            "{} of {} files are empty, or a header only, the first of them {first}",
            others + 1,
            job.files.len()
        ),
    };
    Some(format!("{message}: was an export cut off?"))
}

/// Files that lack a column.
#[derive(Clone, Default)]
struct Lacking<'j> {
    first: Option<&'j Path>,
    count: usize,
}

fn absent_columns(job: &Job) -> Vec<String> {
    let mut lacking = vec![Lacking::default(); job.input_schema.columns.len()];
    let mut total = 0;
    for (file, plan) in job.files.iter().zip(&job.file_plans).filter(|(file, _)| file.end > 0) {
        total += 1;
        for &column in job.parse_plans[plan.plan as usize].absent() {
            lacking[column].first.get_or_insert(&file.path);
            lacking[column].count += 1;
        }
    }
    let columns = job.input_schema.columns.iter().zip(&lacking);
    columns
        .filter_map(|(column, lacking)| lacking.first.map(|first| sentence(column, first, lacking.count, total)))
        .collect()
}

fn sentence(column: &ColumnSchema, first: &Path, count: usize, total: usize) -> String {
    let own = [column.name.clone()];
    let sources = if column.source.is_empty() { &own[..] } else { &column.source[..] };
    let wanted: Vec<String> = sources.iter().map(|name| format!("{name:?}")).collect();
    let (wanted, first) = (wanted.join(" or no "), first.display());
    let files = match (count, total) {
        (1, 1) => format!("{first}"),
        _ => format!("{count} of {total} files, the first of them {first}"),
    };
    format!("column {:?} is all null in {files}: the header has no {wanted}", column.name)
}
