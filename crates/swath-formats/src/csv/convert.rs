//! From fields to values, one column at a time over the rows of a chunk.
//!
//! It appends one value per row, good or bad, so that columns stay equally long; rows with faults are taken out again by
//! [`super::emit`]. Texts and categories are made in [`super::text`].

use swath_table::column::Values;

use super::chunk::{Chunk, Found, Target};
use super::index::Row;
use super::kernel::{Kernel, Level, Portable};
use super::markers::{Markers, trim};
use super::number::{Number, boolean};
use super::time::{TimeCache, TimeRules};

/// Scratch of the conversion of times.
pub(crate) struct TimeScratch<'a> {
    pub cache: &'a mut TimeCache,
    /// Where fields are joined.
    pub joined: &'a mut Vec<u8>,
}

/// Makes the values `from..` of a column that is no text and no category.
pub(crate) fn convert(
    level: Level,
    chunk: Chunk<'_>,
    values: &mut Values,
    from: usize,
    target: &mut Target<'_>,
    times: TimeScratch<'_>,
) {
    match values {
        Values::Float32(out) => run_numbers(level, chunk, &mut out[from..], target),
        Values::Float64(out) => run_numbers(level, chunk, &mut out[from..], target),
        Values::Int32(out) => run_numbers(level, chunk, &mut out[from..], target),
        Values::Int64(out) => run_numbers(level, chunk, &mut out[from..], target),
        Values::Bool(out) => booleans(chunk, &mut out[from..], target),
        Values::Timestamp(out) => {
            run_times(chunk, &mut out[from..], target, times, |rules, text, cache| rules.timestamp(text, cache));
            target.check_bounds(&out[from..], |value| value as f64);
        }
        Values::Date(out) => {
            run_times(chunk, &mut out[from..], target, times, |rules, text, cache| rules.date(text, cache));
            target.check_bounds(&out[from..], f64::from);
        }
        Values::Category(_) | Values::Text { .. } => {}
    }
}

fn run_numbers<N: Number>(level: Level, chunk: Chunk<'_>, out: &mut [N], target: &mut Target<'_>) {
    match level {
        Level::Portable => numbers(Portable, chunk, out, target),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(avx2) => {
            #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
            fn run<N: Number>(kernel: super::kernel::Avx2, chunk: Chunk<'_>, out: &mut [N], target: &mut Target<'_>) {
                numbers(kernel, chunk, out, target);
            }
            // SAFETY: the value `avx2` exists only where these features were detected.
            unsafe { run(avx2, chunk, out, target) }
        }
    }
    if target.column.negate {
        out.iter_mut().for_each(|value| *value = value.negated());
    }
    target.check_bounds(out, N::as_f64);
}

#[inline(always)]
fn numbers<N: Number, K: Kernel>(kernel: K, chunk: Chunk<'_>, out: &mut [N], target: &mut Target<'_>) {
    let done = if N::QUADS && !target.column.markers.may_contain_any(1..=8) {
        short_numbers(kernel, chunk, out, target)
    } else {
        0
    };
    let (field, mark, markers) = (target.column.fields[0], target.decimal, target.column.markers.lengths());
    for (index, (row, out)) in chunk.rows[done..].iter().zip(&mut out[done..]).enumerate() {
        match one_number(kernel, chunk.data, chunk.bounds(row, field), mark, markers) {
            Some(value) => *out = value,
            None => target.uncommon_number(done + index, out, chunk.field(row, field)),
        }
    }
}

/// The number in `data[start..end]`, if it is one of the common kind.
#[inline(always)]
fn one_number<N: Number, K: Kernel>(
    kernel: K,
    data: &[u8],
    (start, end): (usize, usize),
    mark: u8,
    markers: u64,
) -> Option<N> {
    let length = end - start;
    if length.wrapping_sub(1) >= 16 || markers >> length & 1 != 0 {
        return None;
    }
    kernel.decimal(data[..end].last_chunk::<16>()?, length, mark).and_then(N::from_decimal)
}

/// Groups with two bad texts or more after which four at once are given up.
const PATIENCE: u32 = 4;

/// Makes numbers of up to eight characters, four rows at once; answers how many rows it did. Columns with longer numbers
/// are left after a few.
#[inline(always)]
fn short_numbers<N: Number, K: Kernel>(kernel: K, chunk: Chunk<'_>, out: &mut [N], target: &mut Target<'_>) -> usize {
    let (field, mark, markers) = (target.column.fields[0], target.decimal, target.column.markers.lengths());
    let mut patience = PATIENCE;
    let mut done = 0;
    for (rows, out) in chunk.rows.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<4>().0) {
        // Loops, since the closures of array methods are not inlined into code with vector instructions.
        let (mut starts, mut lengths, mut tails) = ([0; 4], [0; 4], [0; 4]);
        for (i, row) in rows.iter().enumerate() {
            let (start, end) = chunk.bounds(row, field);
            (starts[i], lengths[i]) = (start, end - start);
            if let Some(tail) = chunk.data[..end].last_chunk::<8>() {
                tails[i] = u64::from_le_bytes(*tail);
            }
        }
        let quad = kernel.quad(&tails, &lengths, mark);
        for i in 0..4 {
            let value = N::from_quad(&quad, i).or_else(|| {
                let bounds = (starts[i], starts[i] + lengths[i]);
                one_number(kernel, chunk.data, bounds, mark, markers)
            });
            match value {
                Some(value) => out[i] = value,
                None => target.uncommon_number(done + i, &mut out[i], &chunk.data[starts[i]..starts[i] + lengths[i]]),
            }
        }
        done += 4;
        if quad.bad & quad.bad.wrapping_sub(1) != 0 {
            patience -= 1;
            if patience == 0 {
                break;
            }
        }
    }
    done
}

fn booleans(chunk: Chunk<'_>, out: &mut [u8], target: &mut Target<'_>) {
    let column = target.column;
    for (index, (row, out)) in chunk.rows.iter().zip(out).enumerate() {
        let text = trim(chunk.field(row, column.fields[0]));
        let found = if column.markers.contain(text) {
            Found::Missing
        } else {
            boolean(text).map_or(Found::Invalid, Found::Value)
        };
        target.store(index, out, found);
    }
}

#[inline(always)]
fn run_times<T>(
    chunk: Chunk<'_>,
    out: &mut [T],
    target: &mut Target<'_>,
    times: TimeScratch<'_>,
    parse: impl Fn(&TimeRules, &[u8], &mut TimeCache) -> Option<T>,
) {
    let column = target.column;
    let Some(rules) = &column.time else { return };
    let markers = &column.markers;
    for (index, (row, out)) in chunk.rows.iter().zip(out).enumerate() {
        let text = match column.fields.as_slice() {
            [field] => Some(chunk.field(row, *field)),
            fields => join(chunk, row, fields, markers, times.joined),
        };
        let found = match text {
            Some(text) if !markers.may_contain(text.len()) => match parse(rules, text, times.cache) {
                Some(value) => Found::Value(value),
                None if markers.contain(trim(text)) => Found::Missing,
                None => Found::Invalid,
            },
            Some(text) if !markers.contain(trim(text)) => {
                parse(rules, text, times.cache).map_or(Found::Invalid, Found::Value)
            }
            _ => Found::Missing,
        };
        target.store(index, out, found);
    }
}

/// Joins fields with spaces; if one of them is missing, all are.
fn join<'b>(
    chunk: Chunk<'_>,
    row: &Row,
    fields: &[usize],
    markers: &Markers,
    joined: &'b mut Vec<u8>,
) -> Option<&'b [u8]> {
    joined.clear();
    for (place, field) in fields.iter().enumerate() {
        let text = trim(chunk.field(row, *field));
        if text.is_empty() || markers.contain(text) {
            return None;
        }
        if place > 0 {
            joined.push(b' ');
        }
        // What is too long for a time stays wrong when it is cut.
        let cut = text.len().min(LONGEST_JOINED);
        joined.extend_from_slice(&text[..cut]);
        if cut < text.len() {
            joined.push(0);
        }
    }
    Some(joined)
}

/// No part of a time is longer than this; it bounds the scratch.
pub(crate) const LONGEST_JOINED: usize = 256;
