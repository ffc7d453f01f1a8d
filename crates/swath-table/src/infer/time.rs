//! Patterns of times in sampled text: which of a family of patterns a value fits, and which one fits a column.
//!
//! It recognises, it does not convert: rows are parsed elsewhere by the pattern that is chosen here.

use crate::civil::days_from_civil;
use crate::offset;

/// How a date is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    YearMonthDay,
    DayMonthYear,
    MonthDayYear,
    DayMonthShortYear,
    MonthDayShortYear,
    Compact,
    DayNameYear,
}

/// A date: its order, the byte between its parts, and whether day and month have two digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct DateShape {
    order: Order,
    separator: u8,
    padded: bool,
}

/// A time of day: the byte between its parts (0 is none) and which parts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClockShape {
    separator: u8,
    seconds: bool,
    fraction: bool,
    /// 0 is none, 1 is AM or PM, 2 is the same after a space.
    meridiem: u8,
}

/// A pattern that a value fits; `joint` is the byte between date and clock (0 is none).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    date: Option<DateShape>,
    joint: u8,
    clock: Option<ClockShape>,
    /// 0 is none, 1 is an offset, Z, UTC or GMT, 2 is the same after a space.
    zone: u8,
}

/// What a column of times holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Times {
    /// Dates, by a pattern (none is ISO).
    Date(Option<String>),
    /// Dates with a time of day, by a pattern (none is ISO).
    Moment {
        /// The pattern.
        format: Option<String>,
        /// Whether values carry an offset or Z.
        has_offset: bool,
    },
    /// A time of day alone, by a pattern.
    Clock(String),
    /// Two patterns fit alike; only a person can say.
    Ambiguous(String, String),
}

/// How often each pattern was fitted.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeEvidence {
    shapes: Vec<(Shape, u64)>,
}

/// More patterns than this in one column are not counted.
const SHAPES_MAX: usize = 32;

impl TimeEvidence {
    /// Takes in a value; false if it is no time.
    pub(super) fn add(&mut self, text: &[u8], count: u64) -> bool {
        let shapes = shapes(text);
        for shape in shapes.iter().flatten() {
            let has_room = self.shapes.len() < SHAPES_MAX;
            match self.shapes.iter_mut().find(|(other, _)| other == shape) {
                Some((_, seen)) => *seen += count,
                None if has_room => self.shapes.push((*shape, count)),
                None => {}
            }
        }
        shapes[0].is_some()
    }

    /// Whether any value was a time.
    pub(super) fn has_any(&self) -> bool {
        !self.shapes.is_empty()
    }

    /// The pattern of a column of `values` values, if all but a hundredth of them fit one; with the number that fits.
    pub(super) fn choose(&self, values: u64) -> Option<(Times, u64)> {
        let enough = |fits: u64| fits > 0 && (values - fits) * 100 <= values;
        let iso = |date_only: bool| -> u64 {
            let fits = self.shapes.iter().filter(|(shape, _)| shape.is_iso() && (!date_only || shape.clock.is_none()));
            fits.map(|(_, count)| count).sum()
        };
        if enough(iso(true)) {
            return Some((Times::Date(None), iso(true)));
        }
        if enough(iso(false)) {
            let has_offset = self.shapes.iter().any(|(shape, _)| shape.zone > 0);
            return Some((Times::Moment { format: None, has_offset }, iso(false)));
        }
        let mut groups: Vec<(Shape, u64)> = Vec::new();
        for (shape, count) in &self.shapes {
            match groups.iter_mut().find(|(other, _)| other.joins(shape)) {
                Some((other, seen)) => {
                    *seen += count;
                    if let (Some(other), Some(clock)) = (other.clock.as_mut(), shape.clock) {
                        other.fraction |= clock.fraction;
                    }
                }
                None => groups.push((*shape, *count)),
            }
        }
        groups.retain(|(_, count)| enough(*count));
        groups.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        match groups.as_slice() {
            [] => None,
            // One value that contradicts may be a typing error, unless nothing contradicts the other reading.
            [(one, fits), (other, fewer), ..] if fits - fewer < 2 && !(*fits == values && fewer < fits) => {
                Some((Times::Ambiguous(one.format(), other.format()), *fits))
            }
            [(shape, fits), ..] => Some((shape.times(), *fits)),
        }
    }
}

impl Shape {
    /// Whether this is one of the ISO forms that need no pattern.
    fn is_iso(&self) -> bool {
        let date = self.date.is_some_and(|d| d.order == Order::YearMonthDay && d.separator == b'-' && d.padded);
        let clock =
            self.clock.is_none_or(|c| c.separator == b':' && c.meridiem == 0 && matches!(self.joint, b'T' | b' '));
        date && clock
    }

    /// Whether one pattern reads both.
    fn joins(&self, other: &Shape) -> bool {
        let date = |shape: &Shape| shape.date.map(|date| (date.order, date.separator));
        let clock = |shape: &Shape| shape.clock.map(|clock| (clock.separator, clock.seconds, clock.meridiem));
        date(self) == date(other) && clock(self) == clock(other) && (self.joint, self.zone) == (other.joint, other.zone)
    }

    fn times(&self) -> Times {
        match (self.date, self.clock) {
            (Some(_), None) => Times::Date(Some(self.format())),
            (None, _) => Times::Clock(self.format()),
            _ => Times::Moment { format: Some(self.format()), has_offset: self.zone > 0 },
        }
    }

    /// The pattern in the letters of strftime.
    fn format(&self) -> String {
        let mut format = String::new();
        if let Some(date) = self.date {
            let parts = match date.order {
                Order::YearMonthDay | Order::Compact => ["%Y", "%m", "%d"],
                Order::DayMonthYear => ["%d", "%m", "%Y"],
                Order::MonthDayYear => ["%m", "%d", "%Y"],
                Order::DayMonthShortYear => ["%d", "%m", "%y"],
                Order::MonthDayShortYear => ["%m", "%d", "%y"],
                Order::DayNameYear => ["%d", "%b", "%Y"],
            };
            let separator = if date.separator == 0 { String::new() } else { char::from(date.separator).to_string() };
            format.push_str(&parts.join(&separator));
        }
        if self.joint != 0 {
            format.push(char::from(self.joint));
        }
        if let Some(clock) = self.clock {
            let separator = if clock.separator == 0 { String::new() } else { char::from(clock.separator).to_string() };
            format.push_str(if clock.meridiem > 0 { "%I" } else { "%H" });
            format.push_str(&separator);
            format.push_str("%M");
            if clock.seconds {
                format.push_str(&separator);
                format.push_str("%S");
            }
            format.push_str(if clock.fraction { "%.f" } else { "" });
            format.push_str(["", "%p", " %p"][usize::from(clock.meridiem)]);
        }
        format.push_str(["", "%z", " %z"][usize::from(self.zone)]);
        format
    }
}

/// Reads digits from the front: their value and number.
fn digits(text: &[u8]) -> (u32, usize) {
    let length = text.iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    (text[..length].iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0')), length)
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(1800..=2200).contains(&year) {
        return false;
    }
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let length = days_from_civil(next_year.into(), next_month, 1) - days_from_civil(year.into(), month, 1);
    i64::from(day) <= length
}

/// The patterns that a value fits: none, one, or two where day and month cannot be told apart.
fn shapes(text: &[u8]) -> [Option<Shape>; 2] {
    let mut found = [None; 2];
    if text.len() < 4 || text.len() > 40 || !text[..4].iter().any(u8::is_ascii_digit) {
        return found;
    }
    let mut dates = [None; 2];
    let length = date(text, &mut dates);
    if length == 0 {
        if let Some((clock, zone)) = clock(text) {
            // Four or six digits alone are a number.
            if clock.separator != 0 {
                found[0] = Some(Shape { date: None, joint: 0, clock: Some(clock), zone });
            }
        }
        return found;
    }
    let rest = &text[length..];
    for (slot, shape) in found.iter_mut().zip(dates.into_iter().flatten()) {
        let date = Some(shape);
        *slot = match rest {
            [] => Some(Shape { date, joint: 0, clock: None, zone: 0 }),
            [joint @ (b' ' | b'T' | b't' | b':' | b'_' | b'-'), rest @ ..] => {
                clock(rest).map(|(clock, zone)| Shape { date, joint: *joint, clock: Some(clock), zone })
            }
            rest if shape.order == Order::Compact => {
                clock(rest).map(|(clock, zone)| Shape { date, joint: 0, clock: Some(clock), zone })
            }
            _ => None,
        };
    }
    if found[0].is_none() {
        found.swap(0, 1);
    }
    found
}

/// The dates at the front of `text`; the bytes they take, or 0.
fn date(text: &[u8], found: &mut [Option<DateShape>; 2]) -> usize {
    let (first, first_length) = digits(text);
    if first_length >= 8 {
        let (value, _) = digits(&text[..8]);
        let is_date = is_day(value / 10_000, value / 100 % 100, value % 100);
        found[0] = is_date.then_some(DateShape { order: Order::Compact, separator: 0, padded: true });
        return if is_date { 8 } else { 0 };
    }
    let Some(&separator) = text.get(first_length).filter(|byte| b"-/. ".contains(byte)) else {
        return 0;
    };
    let rest = &text[first_length + 1..];
    if let Some(month) = month_name(rest) {
        let (year, year_length) = digits(rest.get(4..).unwrap_or_default());
        if rest.get(3) != Some(&separator) || year_length != 4 || !is_day(year, month, first) {
            return 0;
        }
        found[0] = Some(DateShape { order: Order::DayNameYear, separator, padded: first_length == 2 });
        return first_length + 1 + 4 + 4;
    }
    let (second, second_length) = digits(rest);
    let Some(rest) = rest.get(second_length..).and_then(|rest| rest.strip_prefix(&[separator])) else {
        return 0;
    };
    let (third, third_length) = digits(rest);
    if !(1..=2).contains(&second_length) || separator == b' ' {
        return 0;
    }
    let padded = second_length == 2 && (first_length == 4 && third_length == 2 || first_length == 2);
    let shape = |order| Some(DateShape { order, separator, padded });
    match (first_length, third_length) {
        (4, 1..=2) if is_day(first, second, third) => found[0] = shape(Order::YearMonthDay),
        (1..=2, 4) => {
            found[0] = is_day(third, second, first).then(|| shape(Order::DayMonthYear)).flatten();
            found[1] = is_day(third, first, second).then(|| shape(Order::MonthDayYear)).flatten();
        }
        (1..=2, 2) => {
            found[0] = is_day(2000 + third, second, first).then(|| shape(Order::DayMonthShortYear)).flatten();
            found[1] = is_day(2000 + third, first, second).then(|| shape(Order::MonthDayShortYear)).flatten();
        }
        _ => {}
    }
    if found[0].is_none() {
        found.swap(0, 1);
    }
    let length = first_length + 1 + second_length + 1 + third_length;
    if found[0].is_some() { length } else { 0 }
}

/// The month whose English short name `text` begins with.
fn month_name(text: &[u8]) -> Option<u32> {
    let name = text.get(..3)?.to_ascii_lowercase();
    let names = b"janfebmaraprmayjunjulaugsepoctnovdec";
    names.chunks(3).position(|month| month == name).map(|month| month as u32 + 1)
}

/// A time of day with what follows, if that is all of `text`; the second value is the zone.
fn clock(text: &[u8]) -> Option<(ClockShape, u8)> {
    let (first, first_length) = digits(text);
    let mut shape = ClockShape { separator: 0, seconds: false, fraction: false, meridiem: 0 };
    let mut rest = &text[first_length..];
    let mut fraction = 0;
    let (hour, minute, second) = match first_length {
        4 => (first / 100, first % 100, 0),
        6 => (first / 10_000, first / 100 % 100, first % 100),
        1..=2 => {
            shape.separator = *rest.first().filter(|byte| b":.".contains(byte))?;
            let (minute, length) = digits(&rest[1..]);
            rest = (length == 2).then(|| &rest[3..])?;
            let mut second = 0;
            if let Some(after) = rest.strip_prefix(&[shape.separator]) {
                let length;
                (second, length) = digits(after);
                rest = (length == 2).then(|| &after[2..])?;
                shape.seconds = true;
            }
            (first, minute, second)
        }
        _ => return None,
    };
    shape.seconds |= first_length == 6;
    if let (true, Some(after)) = (shape.seconds, rest.strip_prefix(b".").or(rest.strip_prefix(b","))) {
        let (value, length) = digits(after);
        fraction = value;
        rest = (length > 0).then(|| &after[length..])?;
        shape.fraction = true;
    }
    let spaced = rest.first() == Some(&b' ');
    let word = rest.strip_prefix(b" ").unwrap_or(rest);
    if word.len() == 2 && matches!(word.to_ascii_uppercase().as_slice(), b"AM" | b"PM") {
        shape.meridiem = if spaced { 2 } else { 1 };
        rest = &[];
    }
    let hours = if shape.meridiem > 0 { 1..=12 } else { 0..=23 };
    let ends_day = shape.meridiem == 0 && (hour, minute, second, fraction) == (24, 0, 0, 0);
    if !(hours.contains(&hour) || ends_day) || minute > 59 || second > 59 {
        return None;
    }
    if rest.is_empty() {
        return Some((shape, 0));
    }
    offset::seconds(rest).map(|_| (shape, if spaced { 2 } else { 1 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(values: &[&str]) -> Option<Times> {
        let mut evidence = TimeEvidence::default();
        for value in values {
            evidence.add(value.as_bytes(), 1);
        }
        evidence.choose(values.len() as u64).map(|(times, _)| times)
    }

    fn moment(format: &str, has_offset: bool) -> Option<Times> {
        let format = (!format.is_empty()).then(|| format.to_string());
        Some(Times::Moment { format, has_offset })
    }

    #[test]
    fn patterns_are_recognised() {
        let date = |format: &str| Some(Times::Date((!format.is_empty()).then(|| format.to_string())));
        for (values, expected) in [
            (&["2025-03-01T00:00:00Z", "2025-03-01T00:00:00.25Z"][..], moment("", true)),
            (&["2019-06-18 06:00:00+00:00"], moment("", true)),
            (&["2017-01-01 00:15"], moment("", false)),
            (&["2014-05-30 14:30:00.000"], moment("", false)),
            (&["2014-05-30 14:30:00,250", "2014-05-30 14:30:01"], moment("", false)),
            (&["2014-05-30 14:30:00 UTC", "2014-05-30 14:30:00 GMT"], moment("", true)),
            (&["2014-05-30 14:30:00 +02:00"], moment("", true)),
            (&["2014-05-30 24:00", "2014-05-30 0:15", "2014-05-30 9:15"], moment("", false)),
            (&["2014-05-30 24:00:00.0"], moment("", false)),
            (&["2014-05-30 24:00:01"], None),
            (&["2014-05-30 24:00:00.5"], None),
            (&["2014-05-30 12:00  UTC"], None),
            (&["2014-05-30 12:00 +24:00"], None),
            (&["2014-05-30 12:00 CET"], None),
            (&["30/05/2014 12:00:05,250", "30/05/2014 12:00:06"], moment("%d/%m/%Y %H:%M:%S%.f", false)),
            (&["30/05/2014 12:00 UTC"], moment("%d/%m/%Y %H:%M %z", true)),
            (&["2012-01-01"], date("")),
            (&["2012/1/9", "2012/10/19"], date("%Y/%m/%d")),
            (&["20180101"], date("%Y%m%d")),
            (&["20180101:0000"], moment("%Y%m%d:%H%M", false)),
            (&["20180101000000"], moment("%Y%m%d%H%M%S", false)),
            (&["10/03/2004 18.00.00", "25/03/2004 18.00.00"], moment("%d/%m/%Y %H.%M.%S", false)),
            (&["3/25/2004 6:05 PM"], moment("%m/%d/%Y %I:%M %p", false)),
            (&["25.03.04"], date("%d.%m.%y")),
            (&["02-Jan-2019 10:00"], moment("%d-%b-%Y %H:%M", false)),
            (&["18.00.00"], Some(Times::Clock("%H.%M.%S".into()))),
            (&["00:05", "23:59"], Some(Times::Clock("%H:%M".into()))),
            (&["1/2/2004", "3/4/2004"], Some(Times::Ambiguous("%d/%m/%Y".into(), "%m/%d/%Y".into()))),
            (&["2025-13-45T99:00:00Z"], None),
            (&["2025-02-29"], None),
            (&["12.5"], None),
            (&["ERR#7"], None),
            (&["1600"], None),
        ] {
            assert_eq!(chosen(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_single_contradiction_does_not_decide() {
        let mut evidence = TimeEvidence::default();
        evidence.add(b"1/2/2004", 998);
        evidence.add(b"13/2/2004", 1);
        evidence.add(b"2/13/2004", 1);
        assert!(matches!(evidence.choose(1000), Some((Times::Ambiguous(..), _))));
        evidence.add(b"14/2/2004", 5);
        assert_eq!(evidence.choose(1005), Some((Times::Date(Some("%d/%m/%Y".into())), 1004)));
    }
}
