//! An example of the rows that were rejected for each reason, from the file that has them one by one. Of a large file only
//! a part is looked at.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use serde::Deserialize;

use super::Rejected;
use crate::observe::shortened;

/// How much is looked at.
const LOOKED_AT: u64 = 8 << 20;
/// No line is longer; what is, is no line of ours.
const LINE_MAX: u64 = 64 << 10;

/// A line of the file, as far as it is told.
#[derive(Deserialize)]
struct Line {
    source: Option<String>,
    line: Option<u64>,
    row: Option<u64>,
    column: Option<String>,
    reason: String,
    detail: Option<String>,
    raw: Option<String>,
}

/// Adds an example to each reason that has one at the begin of the file, or at its end: where a batch was added to a lake,
/// its own are last. What cannot be read is no example.
pub fn add_examples(rejects: &mut [Rejected], path: &Path, at_end: bool) {
    let Ok(mut file) = File::open(path) else { return };
    let length = file.metadata().map_or(0, |there| there.len());
    if at_end && length > LOOKED_AT && file.seek(SeekFrom::Start(length - LOOKED_AT)).is_err() {
        return;
    }
    let mut lines = BufReader::new(file.take(LOOKED_AT));
    let mut text = Vec::new();
    while rejects.iter().any(|reject| reject.example.is_none()) {
        text.clear();
        match lines.by_ref().take(LINE_MAX).read_until(b'\n', &mut text) {
            Ok(1..) => {}
            _ => return,
        }
        let Ok(line) = serde_json::from_slice::<Line>(&text) else { continue };
        let wanted = rejects.iter_mut().find(|reject| reject.reason == line.reason && reject.example.is_none());
        if let Some(wanted) = wanted {
            wanted.example = Some(shortened(&line.words()));
        }
    }
}

impl Line {
    fn words(&self) -> String {
        let line = self.line.map(|line| format!(", line {line}"));
        let place = line.or(self.row.map(|row| format!(", row {row}"))).unwrap_or_default();
        let column = self.column.as_ref().map(|column| format!(", column {column}")).unwrap_or_default();
        let detail = self.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        let raw = self.raw.as_ref().filter(|raw| !raw.is_empty()).map(|raw| format!(": {raw}")).unwrap_or_default();
        format!("{}{place}{column}{detail}{raw}", self.source.as_deref().unwrap_or_default())
    }
}
