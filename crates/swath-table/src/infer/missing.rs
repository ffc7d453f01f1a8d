//! Which texts stand for a missing value: words in columns of numbers and times, and numbers far outside of the others.
//!
//! Numbers are judged with caution, since a wrong guess would drop measurements; each one chosen is named in a note.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use super::evidence::{Evidence, SENTINELS, number};
use crate::schema_file::Notes;

/// Words that mean a missing value in text too.
const PLAIN_WORDS: [&str; 8] = ["NULL", "null", "NaN", "N/A", "n/a", "#N/A", "nil", "\\N"];
/// From here on a negative number is hardly ever measured by chance.
const PLAIN_SENTINEL: f64 = 999.0;

/// Decides on all markers; what is no marker becomes a value. Gives the markers of the table; those that hold for one
/// column only are kept in [`Found::missing`].
pub(super) fn decide(columns: &mut [Found], decimal: u8, notes: &mut Notes) -> Vec<String> {
    let mut chosen: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut as_value: BTreeSet<String> = BTreeSet::new();
    words(columns, decimal, &mut chosen, &mut as_value);
    let strong = strong_sentinels(columns, decimal);
    for (index, column) in columns.iter_mut().enumerate() {
        for (text, count) in by_size(&column.evidence, decimal) {
            let value = number(text.as_bytes(), decimal).map_or(0.0, |number| number.value());
            if is_sentinel(&column.evidence, value, count, &strong) {
                chosen.entry(text).or_default().push(index);
            } else {
                column.evidence.add_value(text.as_bytes(), count, decimal);
                column.evidence.markers.remove(&text);
                as_value.insert(text);
            }
        }
    }
    let mut table = vec![String::new()];
    for (text, owners) in &chosen {
        let is_number = number(text.as_bytes(), decimal).is_some();
        let kind = if is_number { "lies far outside of all other values" } else { "stands for no value" };
        let number = owners.len();
        let place = if as_value.contains(text) { "columns" } else { "csv.missing" };
        if place == "csv.missing" {
            table.push(text.clone());
            let advice = if is_number { "; take it out if it is a measurement" } else { "" };
            notes.add(
                place,
                format!("{text:?} {kind} in {number} column{}{advice}", if number == 1 { "" } else { "s" }),
            );
        } else {
            for &owner in owners {
                let note = format!("{text:?} {kind} here; elsewhere in the file it is a value");
                notes.add(format!("columns.{}", columns[owner].name), note);
                columns[owner].missing.push(text.clone());
            }
        }
    }
    table
}

/// Words: missing where the column holds numbers or times or nothing, values in columns of text.
fn words(
    columns: &mut [Found],
    decimal: u8,
    chosen: &mut BTreeMap<String, Vec<usize>>,
    as_value: &mut BTreeSet<String>,
) {
    let is_word = |text: &String| number(text.as_bytes(), decimal).is_none();
    let mut in_text: Vec<(usize, String, u64)> = Vec::new();
    for (index, column) in columns.iter().enumerate() {
        let evidence = &column.evidence;
        let numeric = evidence.markers.keys().any(|text| !is_word(text));
        let is_typed = evidence.is_number()
            || (evidence.values == 0
                && (numeric || evidence.markers.keys().all(|text| PLAIN_WORDS.contains(&&**text))))
            || (evidence.values > 0 && evidence.booleans == evidence.values)
            || (evidence.values > 0 && evidence.times.choose(evidence.values).is_some());
        for (text, count) in evidence.markers.iter().filter(|(text, _)| is_word(text)) {
            if is_typed {
                chosen.entry(text.clone()).or_default().push(index);
            } else {
                in_text.push((index, text.clone(), *count));
            }
        }
    }
    in_text.sort();
    for (index, text, count) in in_text {
        if PLAIN_WORDS.contains(&&*text) && chosen.contains_key(&text) {
            chosen.entry(text).or_default().push(index);
        } else {
            columns[index].evidence.add_value(text.as_bytes(), count, decimal);
            columns[index].evidence.markers.remove(&text);
            as_value.insert(text);
        }
    }
}

/// The numeric markers of a column that are open, the smallest in size first.
fn by_size(evidence: &Evidence, decimal: u8) -> Vec<(String, u64)> {
    let size = |text: &str| number(text.as_bytes(), decimal).map(|number| number.value().abs());
    let mut open: Vec<(String, u64)> = evidence.markers.iter().map(|(text, count)| (text.clone(), *count)).collect();
    open.retain(|(text, _)| size(text).is_some());
    open.sort_by(|left, right| {
        size(&left.0).partial_cmp(&size(&right.0)).unwrap_or(std::cmp::Ordering::Equal).then(left.cmp(right))
    });
    open
}

/// The numbers that stand out beyond doubt in at least one column.
fn strong_sentinels(columns: &[Found], decimal: u8) -> Vec<f64> {
    let stands_out = |sentinel: &f64| {
        columns.iter().any(|column| {
            let same = |text: &String| number(text.as_bytes(), decimal).is_some_and(|n| n.value() == *sentinel);
            let evidence = &column.evidence;
            let count = evidence.markers.iter().filter(|(text, _)| same(text)).map(|(_, count)| count).sum();
            is_strong(evidence, *sentinel, count)
        })
    };
    SENTINELS.into_iter().filter(stands_out).collect()
}

/// Whether a number is farther from all other values than these are from each other.
fn is_strong(evidence: &Evidence, sentinel: f64, count: u64) -> bool {
    let (Some(min), Some(max), true) = (evidence.min, evidence.max, evidence.is_number()) else {
        return false;
    };
    let (range, gap) = (max - min, (min - sentinel).max(sentinel - max));
    let varied = evidence.distinct().is_none_or(|distinct| distinct >= 3);
    if sentinel <= -PLAIN_SENTINEL {
        count >= 1 && gap > range
    } else if sentinel < 0.0 {
        count >= 2 && gap > 2.0 * range && varied
    } else {
        count >= 2 && gap > 10.0 * range && varied
    }
}

fn is_sentinel(evidence: &Evidence, sentinel: f64, count: u64, strong: &[f64]) -> bool {
    if evidence.values == 0 {
        return strong.contains(&sentinel);
    }
    let is_weak = || {
        let above_zero = evidence.is_number() && evidence.min.is_some_and(|min| min >= 0.0) && sentinel < 0.0;
        above_zero && (strong.contains(&sentinel) || (sentinel <= -PLAIN_SENTINEL && count >= 2))
    };
    is_strong(evidence, sentinel, count) || is_weak()
}
