//! What the makers of columns share: the rows at hand, the column that is being made, and what is wrong with rows.

use swath_table::reject::Reason;

use super::index::Row;
use super::markers::trim;
use super::number::Number;
use super::plan::ColumnPlan;

/// Some rows of the index, with the text that they cut.
#[derive(Clone, Copy)]
pub(crate) struct Chunk<'a> {
    pub data: &'a [u8],
    pub ends: &'a [u32],
    pub rows: &'a [Row],
    /// Whether there is nothing but ASCII in the rows, and no zeros.
    pub plain: bool,
}

impl<'a> Chunk<'a> {
    /// Where a field, by its entry, begins and ends.
    #[inline(always)]
    pub fn bounds(&self, row: &Row, field: usize) -> (usize, usize) {
        let last = row.first as usize + field;
        let end = self.ends[last] as usize;
        let start = if field == 0 { row.start as usize } else { self.ends[last - 1].wrapping_add(1) as usize };
        (start, end)
    }

    /// The text of a field.
    #[inline(always)]
    pub fn field(&self, row: &Row, field: usize) -> &'a [u8] {
        let (start, end) = self.bounds(row, field);
        &self.data[start..end]
    }
}

/// What is wrong with the rows of a chunk: the first failing column of each, and how many values became null.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Per row the position of the column in the plan, then the reason; [`NO_FAULT`] if there is none.
    keys: Vec<u32>,
    nulled: Vec<u32>,
    pub any: bool,
    pub any_nulled: bool,
}

const NO_FAULT: u32 = u32::MAX;

impl Faults {
    pub fn with_capacity(rows: usize) -> Faults {
        Faults { keys: Vec::with_capacity(rows), nulled: Vec::with_capacity(rows), any: false, any_nulled: false }
    }

    pub fn reset(&mut self, rows: usize) {
        self.keys.clear();
        self.keys.resize(rows, NO_FAULT);
        self.nulled.clear();
        self.nulled.resize(rows, 0);
        (self.any, self.any_nulled) = (false, false);
    }

    /// Notes a fault; of several in one row the one in the first field stays.
    #[cold]
    pub fn fail(&mut self, row: usize, order: usize, reason: Reason) {
        let key = (order as u32) << 8 | reason as u32;
        self.keys[row] = self.keys[row].min(key);
        self.any = true;
    }

    /// Notes a value that became null.
    #[cold]
    pub fn null(&mut self, row: usize) {
        self.nulled[row] += 1;
        self.any_nulled = true;
    }

    pub fn failed(&self, row: usize) -> bool {
        self.keys[row] != NO_FAULT
    }

    /// The column's position in the plan and the reason.
    pub fn fault(&self, row: usize) -> Option<(usize, Reason)> {
        let key = self.keys[row];
        if key == NO_FAULT { None } else { Some(((key >> 8) as usize, Reason::from_position(key as u8)?)) }
    }

    /// Values of rows without a fault that became null.
    pub fn nulled(&self) -> u64 {
        self.keys
            .iter()
            .zip(&self.nulled)
            .filter(|(key, _)| **key == NO_FAULT)
            .map(|(_, count)| u64::from(*count))
            .sum()
    }
}

/// What a text turned out to be.
pub(crate) enum Found<T> {
    Value(T),
    Missing,
    Invalid,
}

/// A column that is being made: what is needed of the plan, and where faults go.
pub(crate) struct Target<'a> {
    pub column: &'a ColumnPlan,
    /// Its position in the plan.
    pub order: usize,
    pub decimal: u8,
    pub valid: &'a mut [u8],
    pub faults: &'a mut Faults,
}

impl Target<'_> {
    /// Notes that a row has no value here.
    #[cold]
    pub fn missing(&mut self, row: usize) {
        self.valid[row] = 0;
        if self.column.required {
            self.faults.fail(row, self.order, Reason::MissingKey);
        }
    }

    /// Notes that a row has no good value here.
    #[cold]
    pub fn bad(&mut self, row: usize, reason: Reason, null: bool) {
        self.valid[row] = 0;
        if null {
            self.faults.null(row);
        } else {
            self.faults.fail(row, self.order, reason);
        }
    }

    /// Stores what a text turned out to be.
    #[inline(always)]
    pub fn store<T>(&mut self, row: usize, out: &mut T, found: Found<T>) {
        match found {
            Found::Value(value) => *out = value,
            Found::Missing => self.missing(row),
            Found::Invalid => self.bad(row, self.column.invalid_reason(), self.column.null_if_invalid),
        }
    }

    /// Makes a number of any text.
    #[inline(never)]
    pub(super) fn uncommon_number<N: Number>(&mut self, row: usize, out: &mut N, text: &[u8]) {
        let text = trim(text);
        let markers = &self.column.markers;
        let found = if markers.contain(text) || (N::HAS_NAN && text.eq_ignore_ascii_case(b"nan")) {
            Found::Missing
        } else {
            N::from_text(text, self.decimal).map_or(Found::Invalid, Found::Value)
        };
        self.store(row, out, found);
    }

    /// Checks values against the bounds of the column.
    pub fn check_bounds<T: Copy>(&mut self, values: &[T], as_f64: impl Fn(T) -> f64) {
        let Some((min, max)) = self.column.bounds else { return };
        for (row, value) in values.iter().enumerate() {
            let value = as_f64(*value);
            if !(value >= min && value <= max) && self.valid[row] != 0 {
                self.bad(row, self.column.bounds_reason, self.column.null_if_out_of_range);
            }
        }
    }
}
