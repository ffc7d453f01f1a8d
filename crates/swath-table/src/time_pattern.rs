//! Patterns of times in the letters of strftime: which directives there are, and what each stands for.
//!
//! It reads patterns, so that schema files are checked by what rows are parsed by; it reads no times.

/// What stands at one place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// This byte.
    Literal(u8),
    /// A space, or nothing, where a number may be padded with one.
    Padding,
    /// A year of four digits.
    Year,
    /// The last two digits of a year, from 1969 to 2068 where nothing else is said.
    ShortYear,
    /// A month as a number.
    Month,
    /// A month by its English name, whole or its first three letters.
    MonthName,
    /// A day of the month.
    Day,
    /// A day of the year, from 1.
    DayOfYear,
    /// A day of the week by its English name; it is read over.
    WeekdayName,
    /// An hour from 0 to 24.
    Hour,
    /// An hour from 1 to 12.
    Hour12,
    /// A minute.
    Minute,
    /// A second.
    Second,
    /// Digits of a fraction of a second.
    Fraction,
    /// A point or comma with such digits, or nothing.
    PointAndFraction,
    /// AM or PM.
    AmPm,
    /// An offset from UTC, or a word for UTC itself.
    Offset,
    /// Hour and minute, with `seconds` a second too, as one number: the last two digits are the last of them, and an hour
    /// of zero may have none.
    Clock {
        /// Whether seconds are in it.
        seconds: bool,
    },
    /// Whatever follows; it is read over.
    Rest,
}

use Item::*;

const COLON: Item = Literal(b':');
const DASH: Item = Literal(b'-');
const SLASH: Item = Literal(b'/');

/// All directives, by what follows the percent sign.
const DIRECTIVES: [(&str, &[Item]); 29] = [
    ("Y", &[Year]),
    ("y", &[ShortYear]),
    ("m", &[Month]),
    ("b", &[MonthName]),
    ("B", &[MonthName]),
    ("h", &[MonthName]),
    ("d", &[Day]),
    ("e", &[Padding, Day]),
    ("j", &[DayOfYear]),
    ("a", &[WeekdayName]),
    ("A", &[WeekdayName]),
    ("H", &[Hour]),
    ("k", &[Padding, Hour]),
    ("I", &[Hour12]),
    ("l", &[Padding, Hour12]),
    ("M", &[Minute]),
    ("S", &[Second]),
    ("f", &[Fraction]),
    (".f", &[PointAndFraction]),
    ("p", &[AmPm]),
    ("P", &[AmPm]),
    ("z", &[Offset]),
    (":z", &[Offset]),
    ("F", &[Year, DASH, Month, DASH, Day]),
    ("D", &[Month, SLASH, Day, SLASH, ShortYear]),
    ("T", &[Hour, COLON, Minute, COLON, Second]),
    ("R", &[Hour, COLON, Minute]),
    ("*", &[Rest]),
    ("%", &[Literal(b'%')]),
];

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoPattern {
    /// What is wrong.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// The items of a pattern that says the whole date, but for its year where that `has_year` of its own. After a percent sign `-` and `0` change nothing, since numbers may
/// have any padding, and `_` lets a space pad. `%H%M` by itself, without a number before or behind it, is one number: `130`
/// is half past one.
///
/// # Errors
/// What is wrong, in words that go after the pattern.
pub fn items(pattern: &str, has_year: bool) -> Result<Vec<Item>, NoPattern> {
    let mut items = Vec::new();
    let mut rest = pattern;
    let mut directives = 0;
    while let Some((before, after)) = rest.split_once('%') {
        items.extend(before.bytes().map(Literal));
        items.extend(after.starts_with('_').then_some(Padding));
        let after = after.strip_prefix(['-', '_', '0']).unwrap_or(after);
        let Some((letters, found)) = DIRECTIVES.iter().find(|(letters, _)| after.starts_with(letters)) else {
            return Err(unknown(after));
        };
        items.extend_from_slice(found);
        directives += usize::from(*letters != "%");
        rest = &after[letters.len()..];
    }
    items.extend(rest.bytes().map(Literal));
    if directives == 0 {
        return Err(wrong("it has no directive like %Y", "a pattern looks like \"%d/%m/%Y %H:%M:%S\""));
    }
    let has = |wanted: &[Item]| wanted.iter().any(|item| items.contains(item));
    let has_day = has(&[DayOfYear]) || (has(&[Day]) && has(&[Month, MonthName]));
    if has_year && has(&[Year]) {
        return Err(wrong("it says the year, and so does the key year", "leave one of the two out"));
    }
    if !(has_year || has(&[Year, ShortYear])) || !has_day {
        return Err(wrong("wanted year, month and day in it (%Y %m %d)", ""));
    }
    match (has(&[Hour12]), has(&[AmPm])) {
        (true, false) => {
            Err(wrong("%I is an hour from 1 to 12 and needs %p (AM or PM)", "%H is the hour from 0 to 23"))
        }
        (false, true) => Err(wrong("%p (AM or PM) needs %I, the hour from 1 to 12", "")),
        _ if items.iter().rev().skip(1).any(|item| *item == Rest) => {
            Err(wrong("%* is whatever follows, so that nothing can stand behind it", ""))
        }
        _ => Ok(clocks(items)),
    }
}

/// Makes one number of hour, minute and second between which nothing stands, where no other number touches them.
fn clocks(mut items: Vec<Item>) -> Vec<Item> {
    let is_number = |item: &Item| {
        matches!(item, Year | ShortYear | Month | Day | DayOfYear | Hour | Hour12 | Minute | Second | Fraction)
    };
    let mut at = 0;
    while at < items.len() {
        let length = match &items[at..] {
            [Hour | Hour12, Minute, Second, ..] => 3,
            [Hour | Hour12, Minute, ..] => 2,
            _ => 0,
        };
        let is_alone = !items[..at].last().is_some_and(is_number) && !items.get(at + length).is_some_and(is_number);
        if length > 0 && is_alone {
            items.splice(at..at + length, [Clock { seconds: length == 3 }]);
        }
        at += 1;
    }
    items
}

fn wrong(message: &str, hint: &str) -> NoPattern {
    NoPattern { message: message.into(), hint: hint.into() }
}

/// The error for what follows a percent sign and is no directive.
fn unknown(text: &str) -> NoPattern {
    match text.chars().next() {
        None => wrong("it ends in %", "%% stands for a percent sign"),
        Some('Z') => wrong(
            "%Z cannot be read: abbreviations of zones are not unique",
            "%z reads UTC, GMT, Z and offsets; else leave the text out and name the zone with timezone",
        ),
        Some(letter) => {
            let known: Vec<String> = DIRECTIVES.iter().map(|(letters, _)| format!("%{letters}")).collect();
            wrong(&format!("%{letter} is not known; wanted one of {}", known.join(" ")), "")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_apart() {
        assert_eq!(items("%D", false), items("%m/%d/%y", false));
        assert_eq!(items("%FT%T%:z", false), items("%Y-%0m-%-dT%H:%M:%S%z", false));
        assert_eq!(items("%_d%b%Y", false), items("%e%h%Y", false));
        assert_eq!(
            items("%Y %j %H%M", false),
            Ok([&[Year, Literal(b' '), DayOfYear, Literal(b' ')][..], &[Clock { seconds: false }]].concat())
        );
        assert_eq!(
            items("%FT%H%M%S%.f%*", false).map(|items| items[6..].to_vec()),
            Ok(vec![Clock { seconds: true }, PointAndFraction, Rest])
        );
        assert_eq!(items("%j", true), Ok(vec![DayOfYear]));
        assert!(items("%Y %j", true).is_err_and(|error| error.message.contains("the key year")));
        assert!(items("%H%M", true).is_err_and(|error| error.message.contains("month and day")));
        assert_eq!(items("%Y%m%d%H%M", false), Ok(vec![Year, Month, Day, Hour, Minute]));
        assert_eq!(
            items("%j%% %Y%.f", false),
            Ok(vec![DayOfYear, Literal(b'%'), Literal(b' '), Year, PointAndFraction])
        );
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        for (pattern, wanted) in [
            ("", "no directive"),
            ("100%%", "no directive"),
            ("%Y-%m-%d %", "ends in %"),
            ("%Y-%m-%d %-", "ends in %"),
            ("%Y-%m-%d %Q", "%Q is not known"),
            ("%Y-%m-%d %3f", "%3 is not known"),
            ("%Y-%m-%d %µ", "%µ is not known"),
            ("%Y-%m-%d %H:%M %Z", "%Z cannot be read"),
            ("%Y-%m %H:%M", "wanted year, month and day"),
            ("%m/%d", "wanted year, month and day"),
            ("%F %*%T", "%* is whatever follows"),
            ("%Y-%m-%d %I:%M", "needs %p"),
            ("%Y-%m-%d %H:%M %p", "needs %I"),
        ] {
            let error = items(pattern, false).expect_err(pattern);
            assert!(error.message.contains(wanted), "{pattern}: {error:?}");
        }
    }
}
