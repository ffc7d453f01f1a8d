//! Times in a strftime pattern, compiled once.
//!
//! Numbers of days, months and clocks may have one digit or two, years of `%Y` have four; a clock without anything between
//! its parts is one number (`130` is half past one). Names of months and days are
//! English. A pattern must say the date; what it does not say of the time is zero.

use swath_table::offset;
use swath_table::time_pattern::{self, Item};

use super::Moment;
use super::civil::{MICROS_PER_DAY, days, days_of_year, time_of_day};
use super::iso::{fraction, number, some_fraction};

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    text: String,
    items: Vec<Item>,
    /// The year, where the text says none; the first that its last two digits may be, where it says those.
    year: Option<u32>,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Pattern {
    pub fn new(text: &str, year: Option<u32>) -> Result<Pattern, String> {
        let items = time_pattern::items(text, year.is_some())
            .map_err(|wrong| format!("the time format {text:?} cannot be read: {}", wrong.message))?;
        Ok(Pattern { text: text.into(), items, year })
    }

    /// The pattern as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Reads a time.
    pub fn parse(&self, text: &[u8]) -> Option<Moment> {
        let mut parts = Parts { year: self.year.unwrap_or_default(), ..Parts::default() };
        let mut rest = text;
        for item in &self.items {
            rest = parts.take(*item, rest)?;
        }
        if rest.is_empty() { parts.moment() } else { None }
    }
}

#[derive(Default)]
struct Parts {
    year: u32,
    month: u32,
    day: u32,
    day_of_year: Option<u32>,
    hour: u32,
    minute: u32,
    second: u32,
    fraction_us: u32,
    afternoon: Option<bool>,
    offset_s: Option<i32>,
}

impl Parts {
    /// Reads one item at the start of a text; answers what follows.
    fn take<'a>(&mut self, item: Item, text: &'a [u8]) -> Option<&'a [u8]> {
        let (slot, width) = match item {
            Item::Literal(byte) => {
                return text.split_first().filter(|(first, _)| **first == byte).map(|(_, rest)| rest);
            }
            Item::Year => {
                let (digits, rest) = text.split_at_checked(4)?;
                self.year = number(digits)?;
                return Some(rest);
            }
            Item::ShortYear => {
                let (digits, rest) = text.split_at_checked(2)?;
                let first = if self.year == 0 { 1969 } else { self.year };
                self.year = first + (number(digits)? + 100 - first % 100) % 100;
                return Some(rest);
            }
            Item::MonthName => {
                let (position, rest) = name(text, &MONTHS)?;
                self.month = position + 1;
                return Some(rest);
            }
            Item::WeekdayName => return name(text, &WEEKDAYS).map(|(_, rest)| rest),
            Item::Fraction => {
                let (us, rest) = some_fraction(text)?;
                self.fraction_us = us;
                return Some(rest);
            }
            Item::PointAndFraction => {
                let (us, rest) = fraction(text)?;
                self.fraction_us = us;
                return Some(rest);
            }
            Item::Padding => return Some(text.strip_prefix(b" ").unwrap_or(text)),
            Item::AmPm => {
                let (word, rest) = text.split_at_checked(2)?;
                self.afternoon = Some(match word.to_ascii_lowercase().as_slice() {
                    b"am" => false,
                    b"pm" => true,
                    _ => return None,
                });
                return Some(rest);
            }
            Item::Offset => {
                let (offset, rest) = text.split_at(offset_length(text));
                self.offset_s = Some(offset::seconds(offset)?);
                return Some(rest);
            }
            Item::Clock { seconds } => {
                let most = if seconds { 6 } else { 4 };
                let length = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
                let (digits, rest) = text.split_at(length);
                let clock = number(digits).filter(|_| length > 0)?;
                let (clock, second) = if seconds { (clock / 100, clock % 100) } else { (clock, 0) };
                (self.hour, self.minute, self.second) = (clock / 100, clock % 100, second);
                return Some(rest);
            }
            Item::Rest => return Some(&[]),
            Item::DayOfYear => (self.day_of_year.insert(0), 3),
            Item::Month => (&mut self.month, 2),
            Item::Day => (&mut self.day, 2),
            Item::Hour | Item::Hour12 => (&mut self.hour, 2),
            Item::Minute => (&mut self.minute, 2),
            Item::Second => (&mut self.second, 2),
        };
        let length = text.iter().take(width).take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = text.split_at(length);
        *slot = number(digits).filter(|_| length > 0)?;
        Some(rest)
    }

    fn moment(self) -> Option<Moment> {
        let days = match self.day_of_year {
            Some(day) => days_of_year(self.year, day)?,
            None => days(self.year, self.month, self.day)?,
        };
        let hour = match self.afternoon {
            None => self.hour,
            Some(_) if !(1..=12).contains(&self.hour) => return None,
            Some(afternoon) => self.hour % 12 + if afternoon { 12 } else { 0 },
        };
        let time_us = time_of_day(hour, self.minute, self.second, self.fraction_us)?;
        Some(Moment { local_us: days * MICROS_PER_DAY + time_us, offset_s: self.offset_s })
    }
}

/// Bytes of the offset that a text begins with.
fn offset_length(text: &[u8]) -> usize {
    match text {
        [b'U', b'T', b'C', ..] | [b'G', b'M', b'T', ..] => 3,
        _ => text.iter().take_while(|byte| b"+-0123456789:Zz".contains(byte)).count(),
    }
}

/// The longest of some names, or its first three letters, at the start of a text, in any case.
fn name<'a>(text: &'a [u8], names: &[&str]) -> Option<(u32, &'a [u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (word, rest) = text.split_at(length);
    let position = names.iter().position(|name| {
        let name = name.as_bytes();
        word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3])
    })?;
    Some((position as u32, rest))
}
