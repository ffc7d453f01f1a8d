//! The type of a column from its evidence.
//!
//! A value in a hundred may be wrong: it will be rejected later, and does not turn numbers into text.

use super::FileType;
use super::evidence::{Evidence, FLOAT32_DIGITS};
use super::time::Times;
use crate::schema::ColumnType;

/// Text of a category is at most this long.
const CATEGORY_BYTES_MAX: usize = 64;
/// Integers up to here may double before 32 bits are too few.
const INT32_COMFORT: f64 = 1e9;

/// The type of a column, with what goes with it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Typed {
    pub(super) column_type: ColumnType,
    pub(super) format: Option<String>,
    /// A time of day alone: its pattern.
    pub(super) clock: Option<String>,
    /// Two patterns that fit alike.
    pub(super) ambiguous: Option<(String, String)>,
    /// Whether times carry an offset, or none is needed.
    pub(super) has_offset: bool,
    pub(super) notes: Vec<String>,
}

impl Typed {
    fn new(column_type: ColumnType) -> Typed {
        Typed { column_type, format: None, clock: None, ambiguous: None, has_offset: true, notes: Vec::new() }
    }
}

/// Decides on a type where the file may have one: that wins, but for texts, which may be times or few.
pub(super) fn decide_as(evidence: &Evidence, name: &str, own: Option<FileType>) -> Typed {
    let Some(FileType { column_type, in_utc }) = own else { return decide(evidence, name) };
    if column_type == ColumnType::String {
        let typed = decide(evidence, name);
        let is_time = matches!(typed.column_type, ColumnType::Timestamp | ColumnType::Date);
        let is_number = typed.format.as_ref().is_some_and(|format| format.starts_with("epoch"));
        let is_text = matches!(typed.column_type, ColumnType::String | ColumnType::Category);
        return if evidence.values == 0 || is_text || is_time && !is_number { typed } else { text(evidence) };
    }
    let mut typed = Typed::new(column_type);
    if column_type == ColumnType::Timestamp && !in_utc {
        typed.notes.push(NO_OFFSET.into());
    }
    typed
}

/// What is said of local times.
const NO_OFFSET: &str = "times carry no offset and are taken as UTC; say timezone = \"…\" if they are local";

/// Decides on a type. `name` matters only where digits alone could be a moment.
pub(super) fn decide(evidence: &Evidence, name: &str) -> Typed {
    let values = evidence.values;
    if values == 0 {
        let mut typed = Typed::new(ColumnType::String);
        typed.notes.push("every sampled value is missing, so the type is open; string takes anything".into());
        return typed;
    }
    if evidence.booleans == values {
        return Typed::new(ColumnType::Bool);
    }
    let words = words(name);
    let is_timely =
        words.iter().any(|word| matches!(&**word, "time" | "timestamp" | "date" | "datetime" | "epoch" | "ts"));
    let times = evidence.times.choose(values);
    if evidence.is_number() && !(is_timely && times.is_some()) {
        return numeric(evidence, is_timely);
    }
    match times {
        Some((times, fits)) => timed(times, evidence, fits),
        None => text(evidence),
    }
}

fn numeric(evidence: &Evidence, is_timely: bool) -> Typed {
    let (min, max) = (evidence.min.unwrap_or(0.0), evidence.max.unwrap_or(0.0));
    if evidence.decimals == 0 && is_timely {
        // From 1990 to 2100, so that small counters are no moments.
        for (format, per_second, unit) in
            [("epoch_s", 1.0, "seconds"), ("epoch_ms", 1e3, "milliseconds"), ("epoch_us", 1e6, "microseconds")]
        {
            if min >= 631_152_000.0 * per_second && max < 4_102_444_800.0 * per_second {
                let mut typed = Typed::new(ColumnType::Timestamp);
                typed.format = Some(format.into());
                typed.notes.push(format!("{unit} since 1970, from {min} to {max}"));
                return misfits(typed, evidence, evidence.numbers(), "a number", &evidence.not_a_number);
            }
        }
    }
    let column_type = if evidence.decimals > 0 {
        if evidence.wide == 0 { ColumnType::Float32 } else { ColumnType::Float64 }
    } else if min >= -INT32_COMFORT && max <= INT32_COMFORT {
        ColumnType::Int32
    } else {
        ColumnType::Int64
    };
    let mut typed = Typed::new(column_type);
    typed.notes.push(format!("from {min} to {max} in the sample"));
    match column_type {
        ColumnType::Float32 => typed
            .notes
            .push(format!("no sampled value has more than {FLOAT32_DIGITS} digits, so 32 bits keep them all")),
        ColumnType::Float64 => {
            typed.notes.push(format!(
                "{} of {} sampled values have more than {FLOAT32_DIGITS} digits, so 64 bits",
                thousands(evidence.wide),
                thousands(evidence.values)
            ));
        }
        _ => typed.notes.push("whole numbers only in the sample; float32 or float64 if decimals may come".into()),
    }
    misfits(typed, evidence, evidence.numbers(), "a number", &evidence.not_a_number)
}

fn timed(times: Times, evidence: &Evidence, fits: u64) -> Typed {
    let mut typed = match times {
        Times::Date(format) => Typed { format, ..Typed::new(ColumnType::Date) },
        Times::Moment { format, has_offset } => Typed { format, has_offset, ..Typed::new(ColumnType::Timestamp) },
        Times::Clock(format) => Typed { clock: Some(format), ..text(evidence) },
        Times::Ambiguous(one, other) => Typed { ambiguous: Some((one, other)), ..text(evidence) },
    };
    if typed.column_type == ColumnType::Timestamp && !typed.has_offset {
        typed.notes.push(NO_OFFSET.into());
    }
    misfits(typed, evidence, fits, "a time of this form", &evidence.not_a_time)
}

fn text(evidence: &Evidence) -> Typed {
    let few = evidence.distinct().filter(|&distinct| {
        // A tenth in a large sample; in a small one at least every value four times.
        evidence.longest <= CATEGORY_BYTES_MAX
            && distinct as u64 * if evidence.values < 200 { 4 } else { 10 } <= evidence.values
    });
    let mut typed = Typed::new(if few.is_some() { ColumnType::Category } else { ColumnType::String });
    let values = thousands(evidence.values);
    typed.notes.push(match (few, evidence.distinct()) {
        (_, Some(distinct)) => format!("{} different texts in {values} sampled values", thousands(distinct as u64)),
        (_, None) => format!("thousands of different texts in {values} sampled values"),
    });
    if evidence.leading_zeros > 0 && evidence.numbers() == evidence.values {
        typed.notes.push("digits with leading zeros are kept as text".into());
    }
    typed
}

/// Adds a note about values that do not fit.
fn misfits(mut typed: Typed, evidence: &Evidence, fits: u64, wanted: &str, example: &Option<String>) -> Typed {
    let misfits = evidence.values - fits;
    if misfits > 0 && matches!(typed.column_type, ColumnType::Category | ColumnType::String) {
        return typed;
    }
    if misfits > 0 {
        let example = example.as_ref().map_or(String::new(), |example| format!(", like {example:?}"));
        let (count, values) = (thousands(misfits), thousands(evidence.values));
        typed
            .notes
            .push(format!("{count} of {values} sampled values are not {wanted}{example}: such rows are rejected"));
    }
    typed
}

/// A number with commas between thousands.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The words of a name in lower case: `PM2.5`, `sensorId` and `date.utc` fall apart.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        if !letter.is_alphanumeric() || (letter.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().into_iter().for_each(|word| word.extend(letter.to_lowercase()));
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_apart() {
        for (name, expected) in [
            ("sensorId", &["sensor", "id"][..]),
            ("DateTime", &["date", "time"]),
            ("date.utc", &["date", "utc"]),
            ("DATE (MM/DD/YYYY)", &["date", "mm", "dd", "yyyy"]),
            ("", &[]),
        ] {
            assert_eq!(words(name), expected, "{name}");
        }
        assert_eq!(thousands(1_234_567), "1,234,567");
    }
}
