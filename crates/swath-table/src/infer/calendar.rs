//! Times in several columns of numbers: year, month and day or day of the year, and what there is of the clock.
//!
//! Only columns side by side whose names say what they are and whose values fit are taken for one.

use super::Found;
use super::types::words;

/// Columns that make a time, in the order of their numbers.
pub(super) struct Calendar {
    pub(super) parts: Vec<usize>,
    pub(super) format: String,
}

/// A part of a time: names, the least and the most of it, and its directive.
type Part = (&'static [&'static str], f64, f64, &'static str);

const YEAR: Part = (&["year", "yyyy", "yr", "yy"], 1800.0, 2200.0, "%Y");
const MONTH: Part = (&["month", "mm", "mo", "mon", "mth"], 1.0, 12.0, "%m");
const DAY: Part = (&["day", "dd", "dy", "dom"], 1.0, 31.0, "%d");
const DAY_OF_YEAR: Part = (&["doy", "jday", "julian", "dayofyear", "yday", "ddd"], 1.0, 366.0, "%j");
const HOUR: Part = (&["hour", "hh", "hr", "hours", "hod"], 0.0, 24.0, "%H");
const MINUTE: Part = (&["minute", "min", "mm", "mn", "minutes", "mi"], 0.0, 59.0, "%M");
const SECOND: Part = (&["second", "sec", "ss", "seconds"], 0.0, 59.0, "%S");
/// Hour and minute in one number. A zone names it in files of stations.
const CLOCK: Part = (
    &[
        "hhmm",
        "hrmn",
        "hourminute",
        "time",
        "utc",
        "gmt",
        "lst",
        "lmt",
        "mst",
        "pst",
        "cst",
        "est",
        "akst",
        "hst",
        "cet",
    ],
    0.0,
    2400.0,
    "%H%M",
);

/// The columns that make a time, if some do.
pub(super) fn find(found: &[Found]) -> Option<Calendar> {
    (0..found.len()).find_map(|first| {
        let fits = |parts: &[&Part]| {
            let columns = found.get(first..first + parts.len())?;
            parts.iter().zip(columns).all(|(part, column)| is(part, column)).then_some(parts.len())
        };
        let day = [&[&YEAR, &MONTH, &DAY][..], &[&YEAR, &DAY_OF_YEAR]];
        let clock: [&[&Part]; 5] = [&[&HOUR, &MINUTE, &SECOND], &[&HOUR, &MINUTE], &[&HOUR], &[&CLOCK], &[]];
        let all = day.iter().flat_map(|day| clock.iter().map(move |clock| [*day, *clock].concat()));
        let parts = all.into_iter().find(|parts| fits(parts).is_some())?;
        let is_taken = |index: usize| (first..first + parts.len()).contains(&index);
        // A clock that stands elsewhere would be lost, and rows of one day taken for one reading.
        let is_clock = |column: &Found| {
            let name = words(&column.name).concat();
            [&HOUR, &MINUTE, &CLOCK].iter().any(|(names, ..)| names.contains(&&*name))
        };
        let has_clock = parts.last().is_some_and(|(.., last)| matches!(*last, "%H" | "%M" | "%S" | "%H%M"));
        if !has_clock && found.iter().enumerate().any(|(index, column)| !is_taken(index) && is_clock(column)) {
            return None;
        }
        let format: Vec<&str> = parts.iter().map(|(.., directive)| *directive).collect();
        Some(Calendar { parts: (first..first + parts.len()).collect(), format: format.join(" ") })
    })
}

/// Whether a column is such a part by its name, and all of its values are.
fn is((names, least, most, directive): &Part, column: &Found) -> bool {
    let evidence = &column.evidence;
    let name = words(&column.name).concat();
    let (Some(min), Some(max)) = (evidence.min, evidence.max) else { return false };
    let whole = evidence.integers == evidence.values && evidence.values > 0;
    // Minutes of the hour, and hours of the day, would look like the first hour.
    let is_clock = || evidence.clocks == evidence.values && max >= 100.0;
    names.contains(&&*name) && whole && min >= *least && max <= *most && (*directive != "%H%M" || is_clock())
}
