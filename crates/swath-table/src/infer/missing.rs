//! Which texts stand for a missing value: words in columns of numbers and times, and numbers far outside of the others.
//!
//! Numbers are judged with caution, since a wrong guess would drop measurements; each one chosen is named in a note, and
//! holds for the columns that showed it, or in which it would be beyond doubt: elsewhere it may be a sensor's number or a
//! depth.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use super::evidence::{Evidence, SENTINELS, number};
use crate::schema_file::Notes;

/// Words that mean a missing value in text too.
const PLAIN_WORDS: [&str; 8] = ["NULL", "null", "NaN", "N/A", "n/a", "#N/A", "nil", "\\N"];
/// From here on a negative number is hardly ever measured by chance.
const PLAIN_SENTINEL: f64 = 999.0;
/// So many values show how far a column goes; then a number below that is a marker even if it was seen once.
const ENOUGH_VALUES: u64 = 20;

/// The markers of one column, if they are not those of the table: what it showed itself is added, and of the words that
/// may be text (`NA` is a country) a column of text has those only that stood for no value in it.
pub(super) fn of_column(column: &Found, is_text: bool, table: &[String]) -> Option<Vec<String>> {
    let holds = |marker: &&String| {
        let is_plain = marker.is_empty() || PLAIN_WORDS.contains(&marker.as_str());
        is_plain || !is_text || column.evidence.values == 0 || column.evidence.markers.contains_key(*marker)
    };
    let own: Vec<String> = table.iter().filter(holds).chain(&column.missing).cloned().collect();
    (own != table).then_some(own)
}

/// Decides on all markers; what is no marker becomes a value. Gives the markers of the table, which are words; those
/// that hold for one column only are kept in [`Found::missing`].
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
    let open = chosen.iter().filter(|(text, _)| !as_value.contains(*text));
    let likely = likely_elsewhere(columns, open, decimal);
    let mut table = vec![String::new()];
    for (text, owners) in &chosen {
        let is_number = number(text.as_bytes(), decimal).is_some();
        let is_value = as_value.contains(text);
        if !is_number && !is_value {
            table.push(text.clone());
            let (number, s) = (owners.len(), if owners.len() == 1 { "" } else { "s" });
            notes.add("csv.missing", format!("{text:?} stands for no value in {number} column{s}"));
            continue;
        }
        let note = match (is_number, is_value) {
            (true, false) => "stands apart from all other sampled values; take it out if it is a measurement",
            (true, true) => "stands apart from all other sampled values here; elsewhere in the file it is a value",
            _ => "stands for no value here; elsewhere in the file it is a value",
        };
        for &owner in owners {
            notes.add(format!("columns.{}", columns[owner].name), format!("{text:?} {note}"));
            columns[owner].missing.push(text.clone());
        }
    }
    for (text, index) in likely {
        let note =
            "stands for no value in another column, and would stand apart here; take it out if it may be measured";
        notes.add(format!("columns.{}", columns[index].name), format!("{text:?} {note}"));
        columns[index].missing.push(text);
    }
    table
}

/// Columns that did not show a marker of another column, but would have it taken for one if a single row did: of large
/// files not all rows are sampled, and one instrument writes one marker. Numbers above -999 are left out, since these may
/// be measured, and numbers that are values anywhere.
fn likely_elsewhere<'c>(
    columns: &[Found],
    chosen: impl Iterator<Item = (&'c String, &'c Vec<usize>)>,
    decimal: u8,
) -> Vec<(String, usize)> {
    let mut likely = Vec::new();
    for (text, owners) in chosen {
        let Some(value) = number(text.as_bytes(), decimal).map(|number| number.value()) else { continue };
        for (index, column) in columns.iter().enumerate() {
            let evidence = &column.evidence;
            let has_enough = value <= -PLAIN_SENTINEL && evidence.values >= ENOUGH_VALUES;
            if has_enough && !owners.contains(&index) && is_strong(evidence, value, 1) {
                likely.push((text.clone(), index));
            }
        }
    }
    likely
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
        is_often(evidence, count) && gap > 2.0 * range && varied
    } else {
        // A single large number may as well be an outburst, or somebody's number.
        count >= 2 && gap > 10.0 * range && varied
    }
}

/// Whether a number was seen often enough to be no slip, or among enough others to stand out.
fn is_often(evidence: &Evidence, count: u64) -> bool {
    count >= 2 || (count == 1 && evidence.values >= ENOUGH_VALUES)
}

fn is_sentinel(evidence: &Evidence, sentinel: f64, count: u64, strong: &[f64]) -> bool {
    if evidence.values == 0 {
        return strong.contains(&sentinel);
    }
    let is_weak = || {
        let above_zero = evidence.is_number() && evidence.min.is_some_and(|min| min >= 0.0) && sentinel < 0.0;
        above_zero && (strong.contains(&sentinel) || (sentinel <= -PLAIN_SENTINEL && is_often(evidence, count)))
    };
    is_strong(evidence, sentinel, count) || is_weak()
}

#[cfg(test)]
mod tests {
    use crate::infer::{Sample, infer};
    use crate::schema_file::{SchemaFile, write};

    #[test]
    fn a_marker_seen_once_is_one_where_the_others_are_far() {
        let missing = |rows: usize, value: fn(usize) -> f64, odd: &str| {
            let mut text = String::from("t,v\n");
            for row in 0..rows {
                let value = if row == rows / 2 { odd.to_string() } else { value(row).to_string() };
                text += &format!("2025-03-01T00:{:02}:00Z,{value}\n", row % 60);
            }
            let sample = Sample { head: text.into_bytes(), complete: true, ..Sample::default() };
            let inferred = infer(&[sample], &SchemaFile::default()).expect("a table");
            let written = write(&inferred.schema, &inferred.notes);
            assert_eq!(inferred.schema.csv.missing, [""]);
            assert_eq!(inferred.schema.columns[0].missing, None);
            let is_marker = inferred.schema.columns[1].missing.iter().flatten().any(|marker| marker == odd);
            assert_eq!(is_marker, written.contains(&format!("# \"{odd}\" stands apart")), "{written}");
            is_marker
        };
        let degrees: fn(usize) -> f64 = |row| (row % 30) as f64 - 5.5;
        let counts: fn(usize) -> f64 = |row| (row * 37 % 5000) as f64;
        let heights: fn(usize) -> f64 = |row| (row * 37 % 5000) as f64 - 450.0;
        for (rows, values, odd, expected) in [
            (2000, degrees, "-9999", true),
            (2000, degrees, "-999.9", true),
            (2000, degrees, "-99.9", true),
            (2000, degrees, "-99", true),
            // A large number that was seen once may be an outburst.
            (2000, degrees, "9999", false),
            // Among few values there is no telling.
            (10, degrees, "-99.9", false),
            (10, degrees, "9999", false),
            // No marker of anybody.
            (2000, degrees, "-98.7", false),
            // Inside of the range of the others, or too near to it.
            (2000, counts, "-999", true),
            (2000, counts, "-99", false),
            (2000, counts, "9999", false),
            (2000, heights, "-999", false),
            (2000, heights, "-9999", true),
        ] {
            assert_eq!(missing(rows, values, odd), expected, "{odd} among {rows}, like {}", values(7));
        }
    }

    /// The markers of a table and of those of its columns that have their own, of rows of a sensor, a country and three
    /// numbers with a marker in some of them.
    fn markers_of(odd: &str) -> (Vec<String>, Vec<(String, Vec<String>)>) {
        let mut text = String::from("sensor_id,country,depth,pm25,temp\n");
        for row in 0..400 {
            let pm25 = if row % 50 == 7 { odd.to_string() } else { (row % 31).to_string() };
            text += &format!("S{},{},{},{pm25},{}\n", row % 7, ["IT", "DE"][row % 2], row % 90, row % 30);
        }
        let sample = Sample { head: text.into_bytes(), complete: true, ..Sample::default() };
        let schema = infer(&[sample], &SchemaFile::default()).expect("a table").schema;
        let own = schema.columns.into_iter().filter_map(|column| Some((column.name, column.missing?)));
        (schema.csv.missing, own.collect())
    }

    #[test]
    fn markers_do_not_reach_columns_in_which_they_may_be_values() {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let of = |name: &str, markers: &[&str]| (name.to_string(), texts(markers));
        for number in ["9999", "-99"] {
            assert_eq!(markers_of(number), (texts(&[""]), vec![of("pm25", &["", number])]));
        }
        // Nobody measures this where all else is between 0 and 90.
        let own = ["depth", "pm25", "temp"].map(|name| of(name, &["", "-9999"]));
        assert_eq!(markers_of("-9999"), (texts(&[""]), own.to_vec()));
        // A country, and a name that somebody may have.
        for word in ["NA", "None"] {
            let own = vec![of("sensor_id", &[""]), of("country", &[""])];
            assert_eq!(markers_of(word), (texts(&["", word]), own));
        }
        assert_eq!(markers_of("NULL"), (texts(&["", "NULL"]), vec![]));
    }
}
