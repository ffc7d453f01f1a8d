//! What becomes columns: which names rows may have, what rows have to share, and what is told of rows that became one.
//!
//! Rows are put together in `join.rs`.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use swath_core::{Error, Receipt, Receipts, Result};
use swath_table::column::{Batch, Values};
use swath_table::partition::PartitionLevel;
use swath_table::schema::{ColumnType, Keep, TableSchema};

use super::encode::EncodedGroups;
use super::job::{Dedup, Job, stage};
use super::running::Running;

/// Names that a message lists.
const NAMES_SHOWN: usize = 8;
/// Characters of a text that a message shows.
const TEXT_SHOWN: usize = 60;

/// Where the columns of a pivot are. In the inputs, names and values are the last two columns; in the table, a column for
/// each name stands there instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pivot {
    shared: usize,
    count: usize,
}

impl Pivot {
    /// That of a schema, if it has one.
    ///
    /// # Errors
    /// [`Error::Usage`] where nothing would become a column.
    pub fn of(schema: &TableSchema) -> Result<Option<Pivot>> {
        let Some(pivot) = &schema.pivot else { return Ok(None) };
        if pivot.columns.is_empty() {
            return Err(Error::Usage {
                message: format!("[pivot] columns is not there, and the sample shows no text in {:?}", pivot.name),
                hint: "columns = [\"pm25\", \"pm10\"] says which texts become columns".into(),
            });
        }
        Ok(Some(Pivot { shared: schema.columns.len() - 2, count: pivot.columns.len() }))
    }

    /// Columns before the first that a name became: the others.
    pub fn shared(&self) -> usize {
        self.shared
    }

    /// How many names there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Position of the names in the inputs.
    pub fn name(&self) -> usize {
        self.shared
    }

    /// Position of the values in the inputs.
    pub fn value(&self) -> usize {
        self.shared + 1
    }

    /// How many values of a row are text that rows of the inputs have one of.
    pub fn texts(&self, schema: &TableSchema) -> usize {
        if schema.columns[self.value()].column_type == ColumnType::String { self.count } else { 1 }
    }

    /// Refuses partitions by what is known only once rows are put together.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub fn check_partition(&self, levels: &[PartitionLevel], schema: &TableSchema) -> Result<()> {
        let Some(pivot) = &schema.pivot else { return Ok(()) };
        let is_of_pivot = |name: &String| pivot.columns.contains(name) || [&pivot.name, &pivot.value].contains(&name);
        for level in levels {
            if let PartitionLevel::Column(name) = level
                && is_of_pivot(name)
            {
                return Err(Error::Usage {
                    message: format!("--partition {level}: {name:?} is of [pivot], whose rows share a partition"),
                    hint: "name a column that all rows of one key have in common".into(),
                });
            }
        }
        Ok(())
    }

    /// Makes sure that rows of one key are neighbours in each partition.
    ///
    /// # Errors
    /// [`Error::Usage`] where there is no key, or where they are not.
    pub fn settle(
        &self,
        dedup: &mut Option<Dedup>,
        schema: &TableSchema,
        by_sensor: bool,
        sorted: impl Iterator<Item = usize> + Clone,
    ) -> Result<()> {
        let Some(dedup) = dedup else {
            return Err(Error::Usage {
                message: "[pivot] has no key: rows of one sensor and time become one row".into(),
                hint: "give two columns the roles sensor and time in the schema file, and leave [dedup] key out".into(),
            });
        };
        let is_sort_key = sorted.clone().count() == dedup.key.len() && sorted.clone().all(|at| dedup.key.contains(&at));
        if !is_sort_key {
            let names = |columns: &mut dyn Iterator<Item = usize>| {
                columns.map(|at| schema.columns[at].name.clone()).collect::<Vec<_>>().join(", ")
            };
            return Err(Error::Usage {
                message: format!(
                    "[pivot] puts rows of one sensor and time together; wanted [dedup] key {}, got {}",
                    names(&mut sorted.clone()),
                    names(&mut dedup.key.iter().copied())
                ),
                hint: "leave [dedup] key out".into(),
            });
        }
        if !by_sensor {
            return Err(Error::Usage {
                message:
                    "--sort hilbert does not go with [pivot], which wants rows of one sensor and time as neighbours"
                        .into(),
                hint: "leave --sort out, or sort in a second step".into(),
            });
        }
        dedup.adjacent = true;
        Ok(())
    }

    /// What is told of it before a run.
    pub fn choice(&self, schema: &TableSchema) -> String {
        let names = schema.pivot.as_ref().map_or(&[][..], |pivot| &pivot.columns);
        let [name, value] = [self.name(), self.value()].map(|at| &schema.columns[at].name);
        let s = if names.len() == 1 { "" } else { "s" };
        format!("{value:?} by {name:?}, {} column{s}: {}", names.len(), listed(names))
    }

    /// Whether the name of a row is one that becomes a column; else what was wanted and got.
    ///
    /// # Errors
    /// The sentence.
    pub fn check_name(
        &self,
        running: &Running,
        batch: &Batch,
        row: usize,
        known: &FxHashMap<u32, u32>,
    ) -> std::result::Result<(), String> {
        let column = &batch.columns[self.name()];
        let id = match &column.values {
            Values::Category(ids) if column.valid[row] != 0 => Some(ids[row]),
            _ => None,
        };
        if id.is_some_and(|id| known.contains_key(&id)) {
            return Ok(());
        }
        let got = id.map_or_else(|| "none".into(), |id| format!("{:?}", running.texts.with_text(id, shortened)));
        let names = running.job.input_schema.pivot.as_ref().map_or(&[][..], |pivot| &pivot.columns);
        Err(format!("wanted one of [pivot] columns ({}), got {got}", listed(names)))
    }
}

/// The first of some names.
fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES_SHOWN).map(|name| shortened(name.as_bytes())).collect();
    let more = if names.len() > NAMES_SHOWN { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// As much of a text as a message shows.
pub fn shortened(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut letters = text.chars();
    let mut shown: String = letters.by_ref().take(TEXT_SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// What became of rows of the inputs that were put together with one before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Rows that brought a value which was not there.
    pub merged: u64,
    /// Rows that brought none.
    pub duplicate: u64,
    /// Rows that had another value for a column than was there.
    pub conflicting: u64,
    /// How often that was so, by column.
    pub columns: BTreeMap<u32, u64>,
    /// The first time, in words.
    pub example: Option<String>,
}

impl Joined {
    /// The sum with what comes behind.
    fn add(&mut self, other: Joined) {
        self.merged += other.merged;
        self.duplicate += other.duplicate;
        self.conflicting += other.conflicting;
        for (column, count) in other.columns {
            *self.columns.entry(column).or_default() += count;
        }
        self.example = self.example.take().or(other.example);
    }

    /// Values that are in no row of the table, for a person to know of.
    pub fn warning(&self, job: &Job) -> Option<String> {
        let example = self.example.as_ref().filter(|_| self.conflicting > 0)?;
        let mut columns: Vec<(&u32, &u64)> = self.columns.iter().collect();
        columns.sort_by_key(|&(column, count)| (std::cmp::Reverse(count), column));
        let more = if columns.len() > NAMES_SHOWN { ", …" } else { "" };
        let named = |&(column, count): &(&u32, &u64)| {
            let name = job.schema.columns.get(*column as usize).map_or("place", |column| column.name.as_str());
            format!("{name}: {count}")
        };
        let columns: Vec<String> = columns.iter().take(NAMES_SHOWN).map(named).collect();
        let stays = match job.dedup.as_ref().map_or(Keep::First, |dedup| dedup.keep) {
            Keep::First => "first",
            Keep::Last => "last",
        };
        let rows = if self.conflicting == 1 { "1 row".into() } else { format!("{} rows", self.conflicting) };
        Some(format!(
            "{rows} had another value for a column than the row that they became part of ({}{more}), and the {stays} one \
             stays: {example}; a column that differs from name to name, like one of units, can be left out of the schema \
             file",
            columns.join(", ")
        ))
    }
}

/// What became of all rows that were put together.
///
/// # Errors
/// When a receipt cannot be read.
pub fn joined(done: &Receipts) -> Result<Joined> {
    let mut joined = Joined::default();
    for receipt in done.of_stage(stage::ENCODE) {
        joined.add(Receipt::read::<EncodedGroups>(receipt)?.joined);
    }
    Ok(joined)
}
