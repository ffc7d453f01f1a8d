//! An open file with columns, ready for the columns of a plan, and what reading it takes.
//!
//! What that is, is known before any value is read: from what the file says of itself, and from the headers of pages where
//! a column is larger than a page usually is.

use swath_core::{Bytes, Error, Place, Result};
use swath_table::schema::{ColumnType, TableSchema};

use super::convert::{Scratch, Way};
use super::head::Head;
use super::kind::Kind;
use super::leaf::{Io, Leaf};
use super::slots::{CHUNK_ROWS, Stated};
use crate::csv::ParsePlan;
use crate::csv::chunk::Faults;
use crate::csv::time::TimeCache;
use crate::store::ReadAt;

/// Which groups of rows need not be read, by the ranges that they state for columns of the table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupFilter {
    /// A column of times, the first that is wanted and the first that is not any more.
    pub time: Option<(usize, i64, i64)>,
    /// Columns of numbers, with the smallest and the largest value wanted.
    pub between: Vec<(usize, f64, f64)>,
}

/// An open file, ready for the columns of a plan.
pub struct OpenTable {
    /// What it says of itself.
    pub head: Head,
    pub(super) io: Io,
    pub(super) leaves: Vec<Leaf>,
    pub(super) ways: Vec<Way>,
    pub(super) absent: Vec<usize>,
    pub(super) scratch: Scratch,
    pub(super) faults: Faults,
    pub(super) times: Vec<TimeCache>,
    pub(super) sizes: Vec<u32>,
}

impl OpenTable {
    /// Opens a file of so many bytes for a plan that was made for the names of its columns. A row with more than
    /// `max_record` bytes of text will be rejected.
    ///
    /// # Errors
    /// Those of [`Head::read`]; [`Error::InputCorrupt`] if the file lacks a column of the plan.
    pub fn open(
        file: Box<dyn ReadAt>,
        size: u64,
        plan: &ParsePlan,
        schema: &TableSchema,
        max_record: usize,
    ) -> Result<OpenTable> {
        let mut names: Vec<&str> = Vec::new();
        for column in &plan.columns {
            let schema = &schema.columns[column.column];
            let own = std::slice::from_ref(&schema.name);
            let sources = if schema.source.is_empty() { own } else { &schema.source };
            names.extend(sources.iter().map(String::as_str));
        }
        let head = Head::read(&*file, size, &|name| names.iter().any(|wanted| wanted.trim() == name.trim()))?;
        // White space around a name is none of it, but where two differ in nothing else.
        let of_file = |name: &str| {
            let there = || head.wanted().map(|(there, _)| there.to_string());
            there().find(|there| there == name).or_else(|| there().find(|there| there.trim() == name.trim()))
        };
        let (mut leaves, mut ways) = (Vec::new(), Vec::new());
        let mut names = names.into_iter();
        for (order, column) in plan.columns.iter().enumerate() {
            let from = leaves.len();
            for name in names.by_ref().take(column.fields.len()) {
                let leaf = of_file(name).and_then(|name| Leaf::new(&head, &name, max_record));
                leaves.push(leaf.ok_or_else(|| Error::InputCorrupt {
                    place: Place::file(file.path()),
                    message: format!("wanted a column {name:?}, got none that can be read"),
                    hint: "check that nobody writes to the file".into(),
                })?);
            }
            let own: Vec<usize> = (from..leaves.len()).collect();
            let kinds: Vec<Kind> = leaves[from..].iter().map(|leaf| leaf.kind()).collect();
            let missing = schema.columns[column.column].missing.as_ref().unwrap_or(&schema.csv.missing);
            ways.push(Way::new(column, order, own, &kinds, missing));
        }
        Ok(OpenTable {
            io: Io::new(file, &head),
            head,
            leaves,
            ways,
            absent: plan.absent().to_vec(),
            scratch: Scratch::new(),
            faults: Faults::with_capacity(CHUNK_ROWS),
            times: vec![TimeCache::default(); plan.columns.len()],
            sizes: Vec::with_capacity(CHUNK_ROWS),
        })
    }

    /// Memory that reading the file for its plan takes, batches apart.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`] and [`Error::InputCorrupt`], of page headers.
    pub fn bytes_max(&mut self) -> Result<Bytes> {
        let OpenTable { head, io, leaves, .. } = self;
        let (mut total, mut shared) = (0u64, 0u64);
        for leaf in &*leaves {
            let (own, unpacked_for_it) = leaf.bytes_max(head, io)?;
            total = total.saturating_add(own);
            shared = shared.max(unpacked_for_it);
        }
        Ok(Bytes(total.saturating_add(shared).saturating_add(self.head.memory() + self.bytes_beside())))
    }

    /// Memory beside columns, batches and the head.
    fn bytes_beside(&self) -> u64 {
        let of_rows = CHUNK_ROWS * 3 * size_of::<u32>();
        let of_columns = self.ways.len() * (size_of::<Way>() + size_of::<TimeCache>() + 512);
        let fields = self.ways.iter().map(|way| way.leaves.len()).max().unwrap_or(0);
        self.io.bytes() + Scratch::bytes_for(fields) + (of_rows + of_columns) as u64
    }

    /// Begins with the first row of a group.
    pub(super) fn begin(&mut self, group: usize) -> Result<()> {
        let OpenTable { head, io, leaves, .. } = self;
        leaves.iter_mut().try_for_each(|leaf| leaf.open(head, io, group))
    }

    /// Whether no row of a group can be wanted.
    pub(super) fn is_left_out(&self, group: usize, filter: &GroupFilter) -> bool {
        let range = |column: usize| {
            let way = self.ways.iter().find(|way| way.plan.column == column && way.is_direct)?;
            let (min, max) = self.leaves[way.leaves[0]].range(&self.head, group)?;
            Some((way, min, max))
        };
        let in_time = filter.time.and_then(|(column, from, to)| {
            let (way, min, max) = range(column)?;
            Some(moment_of(max, way)? >= from && moment_of(min, way)? < to)
        });
        let in_place = |(column, from, to): &(usize, f64, f64)| {
            let (_, min, max) = range(*column)?;
            let (Stated::Number(min), Stated::Number(max)) = (min, max) else { return None };
            // What cannot be compared leaves nothing out.
            Some(!(max < *from || min > *to))
        };
        in_time == Some(false) || filter.between.iter().any(|wanted| in_place(wanted) == Some(false))
    }
}

/// The moment in UTC that statistics state for a column.
fn moment_of(stated: Stated, way: &Way) -> Option<i64> {
    let rules = way.plan.time.as_ref()?;
    let (us, utc) = match stated {
        Stated::Day(day) => (i64::from(day) * 86_400_000_000, way.plan.column_type == ColumnType::Date),
        Stated::Moment { us, utc } => (us, utc),
        Stated::Number(_) => return None,
    };
    // Clocks that go back do not keep the order of times.
    (utc || rules.is_utc()).then_some(us)
}
