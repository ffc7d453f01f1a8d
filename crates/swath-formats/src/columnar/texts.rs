//! Texts and categories of a batch: texts of a dictionary are looked at once, others one by one.

use swath_core::Result;
use swath_table::intern::Interner;
use swath_table::reject::Reason;

use super::convert::{Scratch, Way};
use super::leaf::Leaf;
use super::slots::NO_CODE;
use crate::csv::chunk::Target;
use crate::csv::index::Row;
use crate::csv::text::{CategoryCache, is_missing};

/// A text of a dictionary that stands for a missing value, and one that is no text.
const MISSING: u32 = NO_CODE - 1;
const BAD: u32 = NO_CODE - 2;

/// Texts of a column: the bytes that they are in, where each begins and ends, and which are there.
struct Texts<'a> {
    data: &'a [u8],
    views: Views<'a>,
    valid: &'a [u8],
}

enum Views<'a> {
    OfPage(&'a [(u32, u32)]),
    Written(&'a [Row]),
}

impl Texts<'_> {
    fn view(&self, row: usize) -> (usize, usize) {
        let (start, end) = match self.views {
            Views::OfPage(views) => views[row],
            Views::Written(rows) => (rows[row].start, rows[row].end),
        };
        (start as usize, end as usize)
    }
}

/// The texts of a column; what is no text is written down.
fn texts<'a>(
    leaves: &'a [Leaf],
    way: &Way,
    count: usize,
    scratch: &'a mut Scratch,
) -> (Texts<'a>, &'a mut CategoryCache) {
    let leaf = &leaves[way.leaves[0]];
    let slots = leaf.from()..leaf.from() + count;
    let valid = &leaf.valid()[slots.clone()];
    if way.is_direct {
        let views = Views::OfPage(&leaf.slots().views[slots]);
        return (Texts { data: leaf.source(), views, valid }, &mut scratch.cache);
    }
    scratch.write(leaves, way, count);
    (Texts { data: &scratch.data, views: Views::Written(&scratch.rows), valid }, &mut scratch.cache)
}

fn is_bad(text: &[u8]) -> bool {
    text.contains(&0) || std::str::from_utf8(text).is_err()
}

/// Appends the texts of a column.
pub(super) fn strings(
    leaves: &[Leaf],
    way: &Way,
    (ends, bytes): (&mut Vec<u32>, &mut Vec<u8>),
    target: &mut Target<'_>,
    scratch: &mut Scratch,
) {
    let count = target.valid.len();
    let (texts, _) = texts(leaves, way, count, scratch);
    for row in 0..count {
        let (start, end) = texts.view(row);
        let text = &texts.data[start..end];
        if texts.valid[row] == 0 || is_missing(target, text) {
            target.missing(row);
        } else if is_bad(text) {
            target.bad(row, Reason::InvalidEncoding, way.plan.null_if_invalid);
        } else if !target.faults.failed(row) {
            bytes.extend_from_slice(text);
        }
        ends.push(bytes.len() as u32);
    }
}

/// Makes the identifiers of a category column; only its faults are noted where `check_only`. Rows with a fault add
/// nothing to the interner.
pub(super) fn categories(
    leaves: &mut [Leaf],
    way: &Way,
    out: &mut [u32],
    target: &mut Target<'_>,
    (scratch, interner, check_only): (&mut Scratch, &Interner, bool),
) -> Result<()> {
    let count = target.valid.len();
    let place = way.leaves[0];
    if way.is_direct && leaves[place].is_indexed() {
        let mut codes = std::mem::take(leaves[place].codes_mut());
        let told = indexed(&leaves[place], &mut codes, way, out, target, (interner, check_only));
        *leaves[place].codes_mut() = codes;
        return told;
    }
    let (texts, cache) = texts(leaves, way, count, scratch);
    for (row, out) in out.iter_mut().enumerate().take(count) {
        let (start, end) = texts.view(row);
        let text = &texts.data[start..end];
        if texts.valid[row] == 0 || is_missing(target, text) {
            missing(row, target, check_only);
        } else if is_bad(text) {
            bad(row, way, target, check_only);
        } else if !check_only && !target.faults.failed(row) {
            *out = cache.id(texts.data, (start, end), interner)?;
        }
    }
    Ok(())
}

/// A value that is missing is noted once, and it is no fault unless it is required.
fn missing(row: usize, target: &mut Target<'_>, check_only: bool) {
    if !check_only || target.column.required {
        target.missing(row);
    }
}

fn bad(row: usize, way: &Way, target: &mut Target<'_>, check_only: bool) {
    if !check_only || !way.plan.null_if_invalid {
        target.bad(row, Reason::InvalidEncoding, way.plan.null_if_invalid);
    }
}

/// The same where texts are in a dictionary: each is looked at once.
fn indexed(
    leaf: &Leaf,
    codes: &mut [u32],
    way: &Way,
    out: &mut [u32],
    target: &mut Target<'_>,
    (interner, check_only): (&Interner, bool),
) -> Result<()> {
    let from = leaf.from();
    let (valid, indices) = (leaf.valid(), leaf.indices());
    let count = target.valid.len();
    for (row, out) in out.iter_mut().enumerate().take(count) {
        if valid[from + row] == 0 {
            missing(row, target, check_only);
            continue;
        }
        let index = indices[from + row] as usize;
        match codes[index] {
            MISSING => missing(row, target, check_only),
            BAD => bad(row, way, target, check_only),
            NO_CODE => {
                let text = leaf.entry(index);
                if is_missing(target, text) {
                    codes[index] = MISSING;
                    missing(row, target, check_only);
                } else if is_bad(text) {
                    codes[index] = BAD;
                    bad(row, way, target, check_only);
                } else if !check_only && !target.faults.failed(row) {
                    codes[index] = interner.intern(text)?;
                    *out = codes[index];
                }
            }
            code => *out = code,
        }
    }
    Ok(())
}
