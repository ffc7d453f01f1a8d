//! Whether a journal belongs to the run that wants to go on with it.
//!
//! The identity is an object of everything that the result depends on. It is compared field by field, so that the
//! refusal can say what changed. An object with a `path` is a file, and its fields are named for a person.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::BEGIN_ANEW;
use crate::{Error, Result};

/// Values are shown up to this many characters.
const SHOWN: usize = 80;

/// Refuses when the identities differ.
///
/// # Errors
/// [`Error::OutputExists`] that names the first field, what it was, what it is, and how many more differ.
pub(super) fn check(folder: &Path, old: &Value, new: &Value) -> Result<()> {
    match difference(old, new) {
        None => Ok(()),
        Some(difference) => Err(Error::OutputExists {
            path: folder.into(),
            message: format!("the unfinished run cannot be resumed: {difference}"),
            hint: format!("run it as it was begun, or {BEGIN_ANEW}"),
        }),
    }
}

/// In which field two identities differ first: what it was, what it is, and how many more differ.
pub fn difference(old: &Value, new: &Value) -> Option<String> {
    let mut differences = Vec::new();
    compare(String::new(), old, new, &mut differences);
    let first = differences.first()?;
    Some(match differences.len() - 1 {
        0 => first.clone(),
        more => format!("{first} ({more} more differ)"),
    })
}

fn compare(place: String, old: &Value, new: &Value, differences: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(was), Value::Object(is)) => {
            if let (Some(Value::String(was_path)), Some(Value::String(is_path))) = (was.get("path"), is.get("path")) {
                differences.extend(match was_path == is_path {
                    true => changed_file(was_path, was, is),
                    false => Some(format!("{place} was {was_path}, now {is_path}")),
                });
                return;
            }
            let names = was.keys().chain(is.keys().filter(|name| !was.contains_key(*name)));
            for name in names {
                let inner = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                compare(
                    inner,
                    was.get(name).unwrap_or(&Value::Null),
                    is.get(name).unwrap_or(&Value::Null),
                    differences,
                );
            }
        }
        (Value::Array(was), Value::Array(is)) => {
            if was.len() != is.len() {
                differences.push(format!("{place} had {} entries, now {}", was.len(), is.len()));
            }
            for (index, (was, is)) in was.iter().zip(is).enumerate() {
                compare(format!("{place}[{index}]"), was, is, differences);
            }
        }
        _ if old == new => {}
        (Value::String(was), Value::String(is)) if was.contains('\n') || is.contains('\n') => {
            differences.push(changed_line(&place, was, is));
        }
        _ => differences.push(format!("{place} was {}, now {}", shown(old), shown(new))),
    }
}

/// What of a file is not as it was: sizes are told, of the rest only the names.
fn changed_file(path: &str, was: &Map<String, Value>, is: &Map<String, Value>) -> Option<String> {
    let changed = was.iter().filter(|(name, value)| is.get(*name) != Some(value));
    let mut words: Vec<String> = changed
        .map(|(name, value)| match (value, is.get(name)) {
            (Value::Number(was), Some(Value::Number(is))) if name == "size" => format!("size ({was}, now {is})"),
            _ => name.clone(),
        })
        .collect();
    words.sort_by_key(|word| !word.starts_with("size"));
    (!words.is_empty()).then(|| format!("{path} has changed: {}", words.join(", ")))
}

/// The first line in which two texts differ, with the section that it is in.
fn changed_line(place: &str, was: &str, is: &str) -> String {
    let (mut old, mut new) = (was.lines(), is.lines());
    let mut section = "";
    loop {
        match (old.next(), new.next()) {
            (Some(was), Some(is)) if was == is => {
                if was.starts_with('[') {
                    section = was;
                }
            }
            (was, is) => {
                let shown = |line: Option<&str>| shown(&line.map_or(Value::Null, Value::from));
                let section = if section.is_empty() { String::new() } else { format!(" {section}") };
                return format!("{place}{section} was {}, now {}", shown(was), shown(is));
            }
        }
    }
}

fn shown(value: &Value) -> String {
    if value.is_null() {
        return "not set".into();
    }
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
