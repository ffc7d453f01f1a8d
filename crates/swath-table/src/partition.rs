//! Which partition a row belongs to, what the partition's folder is called, and which partition `auto` means.
//!
//! A partition's value is a byte string that orders partitions and can be turned back into a folder name.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use swath_core::{Bytes, Fnv64};

use crate::civil::civil_from_days;

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSpan {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
    /// A year.
    Year,
}

/// Sides of tiles: folders name edges to six decimals, and no system reaches further than this.
const TILE_MIN: f64 = 1e-6;
const TILE_MAX: f64 = 1e9;

/// One level of partitioning.
#[derive(Debug, Clone, PartialEq)]
pub enum PartitionLevel {
    /// By the time column, in UTC.
    Time(TimeSpan),
    /// By H3 cell of this resolution.
    H3(u8),
    /// By geohash of this length.
    Geohash(u8),
    /// By square of this many degrees (or units of the target CRS).
    Tile(f64),
    /// By sensor.
    Sensor,
    /// By one of so many groups of near neighbours.
    SensorGroups(u32),
    /// By a column.
    Column(String),
}

/// How rows are partitioned.
#[derive(Debug, Clone, PartialEq)]
pub enum PartitionRequest {
    /// So that files have the target size.
    Auto,
    /// As listed; an empty list is one partition.
    Levels(Vec<PartitionLevel>),
}

impl FromStr for PartitionRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "auto" => return Ok(PartitionRequest::Auto),
            "none" => return Ok(PartitionRequest::Levels(Vec::new())),
            _ => {}
        }
        let levels: Vec<PartitionLevel> = text.split(',').map(|part| part.trim().parse()).collect::<Result<_, _>>()?;
        let times = levels.iter().filter(|level| matches!(level, PartitionLevel::Time(_))).count();
        if times > 1 {
            return Err(format!("{text:?} names {times} spans of time: wanted one of hour, day, month and year"));
        }
        Ok(PartitionRequest::Levels(levels))
    }
}

impl FromStr for PartitionLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (word, value) = text.split_once(':').map_or((text, None), |(word, value)| (word, Some(value)));
        let number = |low: u32, high: u32| match value.unwrap_or_default().parse::<u32>() {
            Ok(number) if (low..=high).contains(&number) => Ok(number),
            _ => Err(format!("{text:?}: wanted {word}:N with N from {low} to {high}")),
        };
        match (word, value) {
            ("hour", None) => Ok(PartitionLevel::Time(TimeSpan::Hour)),
            ("day" | "date", None) => Ok(PartitionLevel::Time(TimeSpan::Day)),
            ("month", None) => Ok(PartitionLevel::Time(TimeSpan::Month)),
            ("year", None) => Ok(PartitionLevel::Time(TimeSpan::Year)),
            ("h3", _) => Ok(PartitionLevel::H3(number(0, 15)? as u8)),
            ("geohash", _) => Ok(PartitionLevel::Geohash(number(1, 12)? as u8)),
            ("tile", Some(size)) => match size.parse::<f64>() {
                Ok(size) if (TILE_MIN..=TILE_MAX).contains(&size) => Ok(PartitionLevel::Tile(size)),
                _ => Err(format!("{text:?}: wanted tile:SIZE with a size from {TILE_MIN} to {TILE_MAX}")),
            },
            ("sensor", None) => Ok(PartitionLevel::Sensor),
            ("sensor", Some(_)) => Ok(PartitionLevel::SensorGroups(number(1, 1_000_000)?)),
            ("column", Some(name)) if !name.is_empty() => Ok(PartitionLevel::Column(name.into())),
            _ => Err(format!(
                "{text:?} is not a partition: wanted auto, none, or a list of hour|day|month|year, h3:RES, geohash:N, \
                 tile:SIZE, sensor, sensor:N, column:NAME"
            )),
        }
    }
}

impl fmt::Display for PartitionLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PartitionLevel::Time(TimeSpan::Hour) => f.write_str("hour"),
            PartitionLevel::Time(TimeSpan::Day) => f.write_str("day"),
            PartitionLevel::Time(TimeSpan::Month) => f.write_str("month"),
            PartitionLevel::Time(TimeSpan::Year) => f.write_str("year"),
            PartitionLevel::H3(resolution) => write!(f, "h3:{resolution}"),
            PartitionLevel::Geohash(length) => write!(f, "geohash:{length}"),
            PartitionLevel::Tile(size) => write!(f, "tile:{size}"),
            PartitionLevel::Sensor => f.write_str("sensor"),
            PartitionLevel::SensorGroups(count) => write!(f, "sensor:{count}"),
            PartitionLevel::Column(name) => write!(f, "column:{name}"),
        }
    }
}

impl PartitionLevel {
    /// The key of the level's folder, before names of columns are avoided.
    fn folder_key(&self) -> &str {
        match self {
            PartitionLevel::Time(TimeSpan::Hour | TimeSpan::Day) => "date",
            PartitionLevel::Time(TimeSpan::Month) => "month",
            PartitionLevel::Time(TimeSpan::Year) => "year",
            PartitionLevel::H3(_) => "h3",
            PartitionLevel::Geohash(_) => "geohash",
            PartitionLevel::Tile(_) => "tile",
            PartitionLevel::Sensor => "sensor",
            PartitionLevel::SensorGroups(_) => "sensor_group",
            PartitionLevel::Column(name) => name,
        }
    }
}

/// The partition that `auto` stands for: the coarsest span of time whose partitions are no larger than `target`.
///
/// `span_us` is the time that the data covers, `output` its estimated size.
pub fn choose(span_us: Option<i64>, output: Bytes, target: Bytes) -> Vec<PartitionLevel> {
    let Some(span_us) = span_us else { return Vec::new() };
    if output <= target {
        return Vec::new();
    }
    const HOUR_US: i64 = 3_600_000_000;
    for (span, length) in [(TimeSpan::Year, 8_766), (TimeSpan::Month, 730), (TimeSpan::Day, 24)] {
        let partitions = (span_us / (length * HOUR_US)).max(1) as u64;
        if output.0 / partitions <= target.0 {
            return vec![PartitionLevel::Time(span)];
        }
    }
    let hours = (span_us / HOUR_US).max(1) as u64;
    // Hours that would still be far too large say that time is not what spreads this data; days are easier to read.
    let span = if output.0 / hours > 8 * target.0 { TimeSpan::Day } else { TimeSpan::Hour };
    vec![PartitionLevel::Time(span)]
}

/// Days since 1970-01-01 of a time, rounding down.
fn day_of(time_us: i64) -> i64 {
    time_us.div_euclid(86_400_000_000)
}

/// The number that orders the spans of time: hours or days since 1970, months or years since year 0.
pub fn time_bucket(span: TimeSpan, time_us: i64) -> i64 {
    match span {
        TimeSpan::Hour => time_us.div_euclid(3_600_000_000),
        TimeSpan::Day => day_of(time_us),
        TimeSpan::Month => {
            let (year, month, _) = civil_from_days(day_of(time_us));
            year * 12 + i64::from(month) - 1
        }
        TimeSpan::Year => civil_from_days(day_of(time_us)).0,
    }
}

/// A piece of a partition's value.
#[derive(Debug, Clone, Copy)]
pub enum LevelValue<'a> {
    /// There is none.
    Null,
    /// A number; a cell, a bucket of time, a group.
    Number(i64),
    /// A square, by its west and south edge in units of its size.
    Tile(i64, i64),
    /// A text.
    Text(&'a [u8]),
}

/// Appends the value of one level to a partition's value, so that bytewise order is the order of values.
pub fn push_level(value: &mut Vec<u8>, level: LevelValue<'_>) {
    match level {
        LevelValue::Null => value.push(0),
        LevelValue::Number(number) => {
            value.push(1);
            value.extend_from_slice(&((number as u64) ^ (1 << 63)).to_be_bytes());
        }
        LevelValue::Tile(west, south) => {
            push_level(value, LevelValue::Number(west));
            push_level(value, LevelValue::Number(south));
        }
        LevelValue::Text(text) => {
            value.push(1);
            for &byte in text {
                value.push(byte);
                if byte == 0 {
                    value.push(1);
                }
            }
            value.extend_from_slice(&[0, 0]);
        }
    }
}

/// Reads what [`push_level`] wrote.
struct LevelReader<'a>(&'a [u8]);

impl LevelReader<'_> {
    fn tag(&mut self) -> bool {
        let (tag, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *tag == 1
    }

    fn number(&mut self) -> i64 {
        let mut bytes = [0; 8];
        if self.0.len() >= 8 {
            bytes.copy_from_slice(&self.0[..8]);
            self.0 = &self.0[8..];
        }
        (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
    }

    fn text(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        while let [first, rest @ ..] = self.0 {
            self.0 = rest;
            // A zero is followed by one if it is part of the text, by another zero at its end.
            if *first == 0 {
                let (escape, rest) = self.0.split_first().unwrap_or((&0, &[]));
                self.0 = rest;
                if *escape == 0 {
                    break;
                }
            }
            text.push(*first);
        }
        text
    }
}

/// The folder of a partition, relative to the lake: `date=2025-03-01/h3=831f1dfffffffff`, empty for a single one.
///
/// A key that is also the name of a column is written `partition_KEY`, since readers refuse or overwrite such pairs.
pub fn folder_of(levels: &[PartitionLevel], value: &[u8], columns: &[String]) -> String {
    let mut reader = LevelReader(value);
    let mut keys = Keys::new(columns);
    let mut folders: Vec<String> = Vec::with_capacity(levels.len() + 1);
    for level in levels {
        let key = keys.unused(level.folder_key());
        let text = level_text(level, &mut reader);
        if let PartitionLevel::Time(TimeSpan::Hour) = level {
            let (day, hour) = text.as_deref().and_then(|text| text.split_once('T')).unwrap_or((NO_VALUE, NO_VALUE));
            folders.extend([format!("{key}={day}"), format!("{}={hour}", keys.unused("hour"))]);
            continue;
        }
        let longest = FOLDER_BYTES_MAX.saturating_sub(key.len() + 1);
        folders.push(match text {
            Some(text) => format!("{key}={}", escape(&text, longest.min(VALUE_BYTES_MAX))),
            None => format!("{key}={NO_VALUE}"),
        });
    }
    folders.join("/")
}

/// Names of columns and keys that are taken, in lower case: to SQL, names in other letters are the same.
struct Keys(Vec<String>);

impl Keys {
    fn new(columns: &[String]) -> Keys {
        Keys(columns.iter().map(|column| column.to_lowercase()).collect())
    }

    /// The key as it can be written: `KEY`, `partition_KEY`, or that with a number, whichever is not taken yet.
    fn unused(&mut self, key: &str) -> String {
        let mut name = key.to_string();
        let mut number = 1;
        while self.0.contains(&name.to_lowercase()) {
            name = if number == 1 { format!("partition_{key}") } else { format!("partition_{key}_{number}") };
            number += 1;
        }
        self.0.push(name.to_lowercase());
        escape(&name, KEY_BYTES_MAX)
    }
}

fn level_text(level: &PartitionLevel, reader: &mut LevelReader<'_>) -> Option<String> {
    if !reader.tag() {
        return None;
    }
    Some(match level {
        PartitionLevel::Time(span) => {
            let bucket = reader.number();
            match span {
                TimeSpan::Year => format!("{bucket:04}"),
                TimeSpan::Month => format!("{:04}-{:02}", bucket.div_euclid(12), bucket.rem_euclid(12) + 1),
                TimeSpan::Day => date_text(bucket),
                TimeSpan::Hour => format!("{}T{:02}", date_text(bucket.div_euclid(24)), bucket.rem_euclid(24)),
            }
        }
        PartitionLevel::H3(_) => format!("{:x}", reader.number()),
        PartitionLevel::SensorGroups(count) => {
            let digits = (count.saturating_sub(1)).to_string().len();
            format!("{:0digits$}", reader.number())
        }
        PartitionLevel::Tile(size) => {
            let west = reader.number();
            reader.tag();
            let south = reader.number();
            format!("{}_{}", tile_edge(west, *size), tile_edge(south, *size))
        }
        PartitionLevel::Geohash(_) | PartitionLevel::Sensor | PartitionLevel::Column(_) => {
            String::from_utf8_lossy(&reader.text()).into_owned()
        }
    })
}

fn date_text(day: i64) -> String {
    let (year, month, day) = civil_from_days(day);
    format!("{year:04}-{month:02}-{day:02}")
}

/// An edge of a tile without the noise of binary fractions.
fn tile_edge(index: i64, size: f64) -> f64 {
    (index as f64 * size * 1e9).round() / 1e9
}

/// The tile that a coordinate is in: not before its lower edge, as folders name it, and before its upper one.
pub fn tile_index(value: f64, size: f64) -> i64 {
    let about = (value / size).floor() as i64;
    // The quotient may be off by one where the coordinate is an edge.
    if tile_edge(about.saturating_add(1), size) <= value {
        about.saturating_add(1)
    } else if tile_edge(about, size) > value {
        about.saturating_sub(1)
    } else {
        about
    }
}

/// The folder of rows without a value.
const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// Bytes of the name of a folder, as file systems have it.
const FOLDER_BYTES_MAX: usize = 255;
/// Bytes of a key with all its escapes.
const KEY_BYTES_MAX: usize = 100;
/// Bytes of a value with all its escapes.
const VALUE_BYTES_MAX: usize = 217;

/// A text as a part of a path that every reader of Hive folders reads back: all but unreserved characters as `%XX`.
/// Different texts give different parts, and none gives [`NO_VALUE`]: what would be longer than `longest` is cut after
/// a character and ends with `~`, which nothing else leaves as it is, and the hash of the whole.
fn escape(text: &str, longest: usize) -> String {
    const HASH: usize = "~0123456789abcdef".len();
    if text == NO_VALUE {
        return format!("%5F{}", &NO_VALUE[1..]);
    }
    let mut escaped = String::with_capacity(text.len());
    // Where the text is cut if it turns out to be too long.
    let mut cut = 0;
    for letter in text.chars() {
        let mut bytes = [0; 4];
        for &byte in letter.encode_utf8(&mut bytes).as_bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => escaped.push(char::from(byte)),
                _ => escaped.push_str(&format!("%{byte:02X}")),
            }
        }
        if escaped.len() > longest {
            escaped.truncate(cut);
            escaped.push_str(&format!("~{:016x}", Fnv64::of(text.as_bytes())));
            return escaped;
        }
        if escaped.len() + HASH <= longest {
            cut = escaped.len();
        }
    }
    escaped
}
