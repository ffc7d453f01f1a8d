//! Reading TOML with places: every wrong word is answered with file, line, wanted, got and the nearest right word.
//!
//! It knows TOML, not what the keys of a schema mean.

use std::collections::BTreeMap;
use std::path::Path;

use swath_core::{Error, Result};
use toml::de::{DeTable, DeValue};

use super::Bound;
use super::moment;

/// The text of a schema file, for lines and messages.
pub(super) struct Document<'t> {
    pub(super) text: &'t str,
    pub(super) path: &'t Path,
}

impl Document<'_> {
    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, offset: usize) -> u64 {
        1 + self.text.as_bytes()[..offset.min(self.text.len())].iter().filter(|&&byte| byte == b'\n').count() as u64
    }

    /// An error at a byte.
    pub(super) fn error(&self, offset: usize, message: &str, hint: &str) -> Error {
        let message = format!("{}, line {}: {message}", self.path.display(), self.line(offset));
        Error::Usage { message, hint: hint.into() }
    }
}

/// One table of the file.
pub(super) struct Section<'d> {
    document: &'d Document<'d>,
    name: String,
    table: &'d DeTable<'d>,
}

/// One key with its value.
pub(super) struct Entry<'d> {
    document: &'d Document<'d>,
    /// The key itself.
    pub(super) key: &'d str,
    /// The key with the names of its tables.
    pub(super) name: String,
    offset: usize,
    value: &'d DeValue<'d>,
}

impl<'d> Section<'d> {
    /// The whole file.
    pub(super) fn root(document: &'d Document<'d>, table: &'d DeTable<'d>) -> Section<'d> {
        Section { document, name: String::new(), table }
    }

    /// All entries in the order of the file.
    pub(super) fn entries(&self) -> Vec<Entry<'d>> {
        let mut entries: Vec<Entry<'d>> = self
            .table
            .iter()
            .map(|(key, value)| {
                let key_text: &'d str = key.get_ref();
                let name = if self.name.is_empty() { key_text.into() } else { format!("{}.{key_text}", self.name) };
                Entry { document: self.document, key: key_text, name, offset: key.span().start, value: value.get_ref() }
            })
            .collect();
        entries.sort_by_key(|entry| entry.offset);
        entries
    }

    /// The entries, once it is sure that every key is one of `known`; their lines go to `lines`.
    pub(super) fn known(&self, known: &[&str], lines: &mut BTreeMap<String, u64>) -> Result<Vec<Entry<'d>>> {
        let entries = self.entries();
        for entry in &entries {
            if !known.contains(&entry.key) {
                let message = format!("{} is not a key of a schema; wanted one of {}", entry.name, known.join(", "));
                return Err(self.document.error(entry.offset, &message, &did_you_mean(entry.key, known)));
            }
            entry.remember(lines);
        }
        Ok(entries)
    }
}

impl<'d> Entry<'d> {
    /// Keeps the line of this key for messages that come later.
    pub(super) fn remember(&self, lines: &mut BTreeMap<String, u64>) {
        lines.insert(self.name.clone(), self.document.line(self.offset));
    }

    /// An error about this key; `message` follows its name.
    pub(super) fn error(&self, message: &str, hint: &str) -> Error {
        self.document.error(self.offset, &format!("{} {message}", self.name), hint)
    }

    fn wanted(&self, wanted: &str) -> Error {
        self.error(&format!("is {}; wanted {wanted}", shown(self.value)), "")
    }

    /// The table that this key holds.
    pub(super) fn section(&self) -> Result<Section<'d>> {
        match self.value {
            DeValue::Table(table) => Ok(Section { document: self.document, name: self.name.clone(), table }),
            _ => Err(self.wanted(&format!("a table, [{}]", self.name))),
        }
    }

    /// The array of tables that this key holds.
    pub(super) fn sections(&self) -> Result<Vec<Section<'d>>> {
        let wrong = || self.wanted(&format!("tables, [[{}]]", self.name));
        let DeValue::Array(items) = self.value else {
            return Err(wrong());
        };
        items
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::Table(table) => Ok(Section { document: self.document, name: self.name.clone(), table }),
                _ => Err(wrong()),
            })
            .collect()
    }

    /// Text.
    pub(super) fn text(&self) -> Result<&'d str> {
        self.value.as_str().ok_or_else(|| self.wanted("text in quotes"))
    }

    /// Text that is not empty.
    pub(super) fn some_text(&self) -> Result<String> {
        let text = self.text()?;
        if text.trim().is_empty() { Err(self.wanted("text that is not empty")) } else { Ok(text.into()) }
    }

    /// True or false.
    pub(super) fn boolean(&self) -> Result<bool> {
        self.value.as_bool().ok_or_else(|| self.wanted("true or false"))
    }

    /// A number above `least`, or none where it is `false`; `wanted` says what of.
    pub(super) fn positive_or_false(&self, wanted: &str, least: f64) -> Result<Option<f64>> {
        if let DeValue::Boolean(false) = self.value {
            return Ok(None);
        }
        match self.bound() {
            Ok(Bound::Number(number)) if number > least => Ok(Some(number)),
            _ => Err(self.wanted(&format!("{wanted}, or false"))),
        }
    }

    /// A whole number from 0.
    pub(super) fn count(&self) -> Result<u64> {
        self.value
            .as_integer()
            .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok())
            .ok_or_else(|| self.wanted("a whole number, 0 or more"))
    }

    /// A list of whole numbers between two limits, at least one.
    pub(super) fn counts(&self, least: u32, most: u32) -> Result<Vec<u32>> {
        let wrong = || self.wanted(&format!("a list of whole numbers, {least} to {most}, like [6, 10, 8]"));
        let items = self.value.as_array().filter(|items| !items.is_empty()).ok_or_else(wrong)?;
        let count = |value: &DeValue<'_>| {
            let integer = value.as_integer()?;
            u32::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|count| (least..=most).contains(count))
        };
        items.iter().map(|item| count(item.get_ref()).ok_or_else(wrong)).collect()
    }

    /// A list of texts.
    pub(super) fn texts(&self) -> Result<Vec<String>> {
        let wrong = || self.wanted("a list of texts, like [\"one\", \"another\"]");
        let items = self.value.as_array().ok_or_else(wrong)?;
        items.iter().map(|item| item.get_ref().as_str().map(str::to_string).ok_or_else(wrong)).collect()
    }

    /// One text, or a list of texts.
    pub(super) fn one_or_more_texts(&self) -> Result<Vec<String>> {
        let texts = if self.value.is_str() { vec![self.text()?.to_string()] } else { self.texts()? };
        if texts.is_empty() || texts.iter().any(String::is_empty) {
            return Err(self.wanted("one name, or a list of names"));
        }
        Ok(texts)
    }

    /// One of a set of words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let wanted = format!("one of {}", words.join(", "));
        let text = self.value.as_str().ok_or_else(|| self.wanted(&wanted))?;
        match choices.iter().find(|(word, _)| *word == text) {
            Some((_, choice)) => Ok(*choice),
            None => Err(self.error(&format!("is {text:?}; wanted {wanted}"), &did_you_mean(text, &words))),
        }
    }

    /// A single byte; the words `tab` and `\t` stand for a tab, and empty text for no byte.
    pub(super) fn byte(&self) -> Result<Option<u8>> {
        match self.text()? {
            "" => Ok(None),
            "tab" | "\\t" => Ok(Some(b'\t')),
            "\n" | "\r" | "\r\n" => {
                let message = "is a line end, and lines end records; wanted a single byte between or around fields";
                Err(self.error(message, "like \";\" or \"tab\""))
            }
            text if text.len() == 1 => Ok(Some(text.as_bytes()[0])),
            text => {
                let message = format!("is {text:?}, {} bytes; wanted a single byte, like \";\" or \"tab\"", text.len());
                Err(self.error(&message, ""))
            }
        }
    }

    /// A limit of a column: a number, or a moment as datetime or ISO text.
    pub(super) fn bound(&self) -> Result<Bound> {
        let wrong = || self.wanted("a number, or a moment like 2025-03-01T00:00:00Z");
        let number = match self.value {
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(|value| value as f64)
            }
            DeValue::Float(float) => float.as_str().parse().ok().filter(|value: &f64| value.is_finite()),
            DeValue::Datetime(datetime) => return moment::micros(datetime).map(Bound::Moment).ok_or_else(wrong),
            DeValue::String(text) => return moment::micros_of_text(text).map(Bound::Moment).ok_or_else(wrong),
            _ => None,
        };
        number.map(Bound::Number).ok_or_else(wrong)
    }
}

/// A value as words for a message.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(integer) => integer.as_str().to_string(),
        DeValue::Float(float) => float.as_str().to_string(),
        DeValue::Boolean(boolean) => boolean.to_string(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// A hint that names the nearest of `words`, or nothing where none is near.
pub(super) fn did_you_mean(got: &str, words: &[&str]) -> String {
    let got = got.to_lowercase();
    let near = words.iter().map(|word| (distance(&got, &word.to_lowercase()), word)).min();
    match near {
        Some((steps, word)) if steps <= (word.len().max(got.len()) / 3).max(1) => format!("did you mean {word:?}?"),
        _ => String::new(),
    }
}

/// Levenshtein distance, where two swapped neighbours count once.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0usize; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let change = usize::from(left[i - 1] != right[j - 1]);
                let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + change);
                if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[left.len()][right.len()]
}
