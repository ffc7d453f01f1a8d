//! From decoded values to the columns of a batch that are no texts; those are made in [`super::texts`].
//!
//! Values of the wanted type are checked and copied, a column at a time. What is wanted as another type goes as text
//! through the same conversion as the fields of delimited text, so it is as exact and refused for the same reasons.

use swath_table::column::Values;
use swath_table::schema::ColumnType;

use super::kind::Kind;
use super::leaf::Leaf;
use super::render;
use super::slots::CHUNK_ROWS;
use crate::csv::chunk::{Chunk, Target};
use crate::csv::convert::{LONGEST_JOINED, TimeScratch, convert as convert_text};
use crate::csv::index::Row;
use crate::csv::kernel::Level;
use crate::csv::markers::Markers;
use crate::csv::plan::ColumnPlan;
use crate::csv::text::CategoryCache;
use crate::csv::time::TimeCache;

/// Characters of a number or of a part of a time, at most.
const LONGEST: usize = 512;

/// How a column is made.
#[derive(Debug)]
pub(super) struct Way {
    pub plan: ColumnPlan,
    /// Position of its plan, and its columns in the file.
    pub order: usize,
    pub leaves: Vec<usize>,
    /// Markers that are numbers.
    sentinels: Vec<f64>,
    pub is_direct: bool,
}

impl Way {
    /// How the column of a plan is made of columns of these kinds.
    pub fn new(plan: &ColumnPlan, order: usize, leaves: Vec<usize>, kinds: &[Kind], missing: &[String]) -> Way {
        let mut plan = ColumnPlan { fields: (0..leaves.len()).collect(), ..plan.clone() };
        let sentinels = missing.iter().filter_map(|text| text.trim().parse().ok()).filter(|v: &f64| v.is_finite());
        let as_stored = |marker: f64| if kinds == [Kind::Float32] { f64::from(marker as f32) } else { marker };
        let sentinels = sentinels.map(as_stored).collect();
        let is_direct = match kinds {
            [kind] => is_direct(*kind, plan.column_type) && !plan.negate,
            _ => false,
        };
        if let ([Kind::Timestamp { .. } | Kind::Date], Some(rules)) = (kinds, &plan.time) {
            plan.time = Some(rules.as_iso());
        }
        if !is_direct && !matches!(plan.column_type, ColumnType::Category | ColumnType::String) {
            // What is null has no text.
            let with_nothing: Vec<String> = missing.iter().cloned().chain([String::new()]).collect();
            plan.markers = Markers::new(&with_nothing);
        }
        Way { plan, order, leaves, sentinels, is_direct }
    }
}

fn is_direct(kind: Kind, wanted: ColumnType) -> bool {
    use ColumnType as T;
    match kind {
        Kind::Bool => wanted == T::Bool,
        Kind::Int32 => matches!(wanted, T::Int32 | T::Int64 | T::Float32 | T::Float64),
        Kind::Int64 => matches!(wanted, T::Int32 | T::Int64 | T::Float64),
        Kind::UInt64 => wanted == T::Int64,
        Kind::Float32 | Kind::Float64 => matches!(wanted, T::Float32 | T::Float64),
        Kind::Date => matches!(wanted, T::Date | T::Timestamp),
        Kind::Timestamp { .. } => wanted == T::Timestamp,
        Kind::Text | Kind::Bytes => matches!(wanted, T::Category | T::String),
    }
}

/// What conversion needs beside values, reused from chunk to chunk.
#[derive(Debug)]
pub(super) struct Scratch {
    level: Level,
    pub cache: CategoryCache,
    joined: Vec<u8>,
    pub data: Vec<u8>,
    ends: Vec<u32>,
    pub rows: Vec<Row>,
}

impl Scratch {
    pub fn new() -> Scratch {
        Scratch {
            level: Level::detect(),
            cache: CategoryCache::new(),
            joined: Vec::with_capacity(LONGEST_JOINED),
            data: Vec::new(),
            ends: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// The most memory that it takes for columns made of so many columns of the file.
    pub fn bytes_for(leaves: usize) -> u64 {
        // Written values are no longer than that; vectors that grow have twice the room, and half of it for a moment.
        let written = 3 * CHUNK_ROWS * (leaves * (LONGEST + 2 + size_of::<u32>()) + size_of::<Row>());
        (CategoryCache::BYTES + LONGEST_JOINED + written) as u64
    }

    /// Writes the values of columns down as fields of rows.
    pub fn write(&mut self, leaves: &[Leaf], way: &Way, count: usize) {
        self.data.clear();
        self.ends.clear();
        self.rows.clear();
        let is_text = matches!(way.plan.column_type, ColumnType::Category | ColumnType::String);
        for row in 0..count {
            let (start, first) = (self.data.len() as u32, self.ends.len() as u32);
            for (place, &leaf) in way.leaves.iter().enumerate() {
                // A delimiter lies between fields.
                if place > 0 {
                    self.data.push(0);
                }
                let (leaf, before) = (&leaves[leaf], self.data.len());
                render::value(leaf, leaf.from() + row, &mut self.data);
                if self.data.len() - before > LONGEST && !is_text {
                    // What is too long stays wrong when it is cut.
                    self.data.truncate(before + LONGEST);
                    self.data.push(0);
                }
                self.ends.push(self.data.len() as u32);
            }
            self.rows.push(Row { start, end: self.data.len() as u32, first, line: 0 });
        }
    }

    /// The text of one row's values of a column, as a message shows them.
    pub fn with_row<T>(
        &mut self,
        leaves: &[Leaf],
        way: &Way,
        row: usize,
        with: impl FnOnce(Chunk<'_>, &Row) -> T,
    ) -> T {
        let (mut data, mut ends) = (Vec::new(), Vec::new());
        for (place, &leaf) in way.leaves.iter().enumerate() {
            if place > 0 {
                data.push(0);
            }
            let leaf = &leaves[leaf];
            render::value(leaf, leaf.from() + row, &mut data);
            ends.push(data.len() as u32);
        }
        let row = Row { start: 0, end: data.len() as u32, first: 0, line: 0 };
        let rows = std::slice::from_ref(&row);
        with(Chunk { data: &data, ends: &ends, rows, plain: false }, &row)
    }
}

/// Makes the values `from..` of a column that is no text and no category.
pub(super) fn values(
    leaves: &[Leaf],
    way: &Way,
    out: &mut Values,
    from: usize,
    target: &mut Target<'_>,
    (scratch, cache): (&mut Scratch, &mut TimeCache),
) {
    let count = target.valid.len();
    if !way.is_direct {
        scratch.write(leaves, way, count);
        let Scratch { level, joined, data, ends, rows, .. } = scratch;
        let chunk = Chunk { data, ends, rows, plain: false };
        return convert_text(*level, chunk, out, from, target, TimeScratch { cache, joined });
    }
    let leaf = &leaves[way.leaves[0]];
    let slots = leaf.from()..leaf.from() + count;
    let valid = &leaf.valid()[slots.clone()];
    let all = leaf.slots();
    let mut made = Made { way, valid, target };
    match (leaf.kind(), out) {
        (Kind::Bool, Values::Bool(out)) => made.each(&all.bools[slots], &mut out[from..], |v| Some(*v)),
        (Kind::Int32, Values::Int32(out)) => made.numbers(&all.i32s[slots], &mut out[from..], Some, f64::from),
        (Kind::Int32, Values::Int64(out)) => {
            made.numbers(&all.i32s[slots], &mut out[from..], |v| Some(i64::from(v)), f64::from);
        }
        (Kind::Int32, Values::Float64(out)) => {
            made.numbers(&all.i32s[slots], &mut out[from..], |v| Some(f64::from(v)), f64::from);
        }
        (Kind::Int32, Values::Float32(out)) => {
            let kept = |v: i32| Some(v as f32).filter(|float| f64::from(*float) == f64::from(v));
            made.numbers(&all.i32s[slots], &mut out[from..], kept, f64::from);
        }
        (Kind::Int64, Values::Int64(out)) => made.numbers(&all.i64s[slots], &mut out[from..], Some, |v| v as f64),
        (Kind::UInt64, Values::Int64(out)) => {
            let kept = |v: i64| (v >= 0).then_some(v);
            made.numbers(&all.i64s[slots], &mut out[from..], kept, |v| v as u64 as f64);
        }
        (Kind::Int64, Values::Int32(out)) => {
            made.numbers(&all.i64s[slots], &mut out[from..], |v| i32::try_from(v).ok(), |v| v as f64);
        }
        (Kind::Int64, Values::Float64(out)) => {
            let kept = |v: i64| Some(v as f64).filter(|float| *float as i128 == i128::from(v));
            made.numbers(&all.i64s[slots], &mut out[from..], kept, |v| v as f64);
        }
        (Kind::Float32, Values::Float32(out)) => made.floats(&all.f32s[slots], &mut out[from..], |v| v, f64::from),
        (Kind::Float32, Values::Float64(out)) => made.floats(&all.f32s[slots], &mut out[from..], f64::from, f64::from),
        (Kind::Float64, Values::Float64(out)) => made.floats(&all.f64s[slots], &mut out[from..], |v| v, |v| v),
        (Kind::Float64, Values::Float32(out)) => made.floats(&all.f64s[slots], &mut out[from..], |v| v as f32, |v| v),
        (Kind::Date, Values::Date(out)) => {
            let kept = |v: &i32| in_years(*v).then_some(*v);
            made.each(&all.i32s[slots], &mut out[from..], kept);
            made.target.check_bounds(&out[from..], f64::from);
        }
        (Kind::Date, Values::Timestamp(out)) => {
            let Some(rules) = &way.plan.time else { return };
            let kept = |v: &i32| rules.of_number(i64::from(*v) * 86_400_000_000, false, cache);
            made.each(&all.i32s[slots], &mut out[from..], kept);
            made.target.check_bounds(&out[from..], |v| v as f64);
        }
        (Kind::Timestamp { utc }, Values::Timestamp(out)) => {
            let Some(rules) = &way.plan.time else { return };
            made.each(&all.i64s[slots], &mut out[from..], |v| rules.of_number(*v, utc, cache));
            made.target.check_bounds(&out[from..], |v| v as f64);
        }
        _ => {}
    }
}

/// Whether a day is in the years 1 to 9999.
fn in_years(day: i32) -> bool {
    (-719_162..2_932_897).contains(&day)
}

/// Values that are being made.
struct Made<'a, 't> {
    way: &'a Way,
    valid: &'a [u8],
    target: &'a mut Target<'t>,
}

impl Made<'_, '_> {
    /// Makes each value that is not null; none is no value of the type.
    #[inline(always)]
    fn each<S, T>(&mut self, from: &[S], out: &mut [T], mut with: impl FnMut(&S) -> Option<T>) {
        let (reason, null) = (self.way.plan.invalid_reason(), self.way.plan.null_if_invalid);
        for (row, (value, out)) in from.iter().zip(out).enumerate() {
            if self.valid[row] == 0 {
                self.target.missing(row);
                continue;
            }
            match with(value) {
                Some(value) => *out = value,
                None => self.target.bad(row, reason, null),
            }
        }
    }

    /// Makes numbers; `as_f64` is for limits and markers.
    #[inline(always)]
    fn numbers<S: Copy, T: Copy>(
        &mut self,
        from: &[S],
        out: &mut [T],
        kept: impl Fn(S) -> Option<T>,
        as_f64: impl Fn(S) -> f64,
    ) {
        self.each(from, out, |value| kept(*value));
        self.check(from, as_f64);
    }

    /// Makes floats: what is no number is missing, and infinities are no values.
    #[inline(always)]
    fn floats<S: Copy, T: Copy + Into<f64>>(
        &mut self,
        from: &[S],
        out: &mut [T],
        kept: impl Fn(S) -> T,
        as_f64: impl Fn(S) -> f64,
    ) {
        let (reason, null) = (self.way.plan.invalid_reason(), self.way.plan.null_if_invalid);
        for (row, (value, out)) in from.iter().zip(&mut *out).enumerate() {
            *out = kept(*value);
            let is_finite = Into::<f64>::into(*out).is_finite();
            if self.valid[row] != 0 && is_finite {
                continue;
            }
            let value = as_f64(*value);
            let text: &[u8] = if value > 0.0 { b"inf" } else { b"-inf" };
            if self.valid[row] == 0 || value.is_nan() || value.is_infinite() && self.way.plan.markers.contain(text) {
                self.target.missing(row);
            } else {
                self.target.bad(row, reason, null);
            }
        }
        self.missing(from, &as_f64);
        self.target.check_bounds(out, |value| value.into());
    }

    #[inline(always)]
    fn check<S: Copy>(&mut self, from: &[S], as_f64: impl Fn(S) -> f64) {
        self.missing(from, &as_f64);
        self.target.check_bounds(from, as_f64);
    }

    /// Takes numbers that stand for a missing value out.
    fn missing<S: Copy>(&mut self, from: &[S], as_f64: &impl Fn(S) -> f64) {
        if self.way.sentinels.is_empty() {
            return;
        }
        for (row, value) in from.iter().enumerate() {
            if self.target.valid[row] != 0 && self.way.sentinels.contains(&as_f64(*value)) {
                self.target.missing(row);
            }
        }
    }
}
