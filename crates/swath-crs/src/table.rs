//! The PROJJSON of every 2-D EPSG code, kept deflated inside the program (made by `codegen/projjson.py`).
//!
//! One lookup inflates the block of the code and the blocks of the shared parts it refers to, one at a time, and keeps
//! nothing: at most a few blocks of about 24 kB are alive at once. It does not judge what it finds.

use serde_json::Value;

/// Head, directory and blocks as the generator wrote them.
static DATA: &[u8] = include_bytes!("../data/projjson.bin");

/// The most that one block may inflate to; a bound against a damaged table, not a figure to tune.
const BLOCK_LIMIT_BYTES: usize = 128 * 1024;
/// How deep shared parts may refer to shared parts.
const DEPTH_LIMIT: usize = 24;
const HEAD_BYTES: usize = 12;
const ROW_BYTES: usize = 12;
/// The systems of the authority OGC (CRS84 and its kin) stand behind all EPSG codes, from this key on.
const OGC_BASE: u32 = 4_000_000_000;

/// What the table says of one code.
pub(crate) struct Entry {
    /// Whether the authority has withdrawn the code.
    pub deprecated: bool,
    /// The PROJJSON document.
    pub document: Value,
}

/// The version of the EPSG dataset that the table was made from, such as "EPSG v12.029 of 2025-10-02".
pub fn database_version() -> &'static str {
    let length = read_u16(10);
    DATA.get(HEAD_BYTES..HEAD_BYTES + length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
}

/// The entry of an EPSG code.
pub(crate) fn epsg(code: u32) -> Option<Entry> {
    if code >= OGC_BASE { None } else { entry(code) }
}

/// The entry of `OGC:CRS84`, `OGC:CRS83` or `OGC:CRS27`, by its number.
pub(crate) fn ogc(number: u32) -> Option<Entry> {
    entry(OGC_BASE + number)
}

fn entry(key: u32) -> Option<Entry> {
    let directory = Directory::read();
    let (mark, json) = directory.line(directory.shared..directory.shared + directory.codes, key)?;
    let value: Value = serde_json::from_str(&json).ok()?;
    let mut open: Vec<(usize, String)> = Vec::new();
    let document = directory.resolve(value, &mut open, 0)?;
    Some(Entry { deprecated: mark == "d", document })
}

struct Directory {
    shared: usize,
    codes: usize,
    rows_at: usize,
    blocks_at: usize,
}

impl Directory {
    fn read() -> Directory {
        let (shared, codes) = (read_u16(6), read_u16(8));
        let rows_at = HEAD_BYTES + read_u16(10);
        Directory { shared, codes, rows_at, blocks_at: rows_at + (shared + codes) * ROW_BYTES }
    }

    /// First key, inflated length and deflated length of a block.
    fn row(&self, block: usize) -> (u32, usize, usize) {
        let at = self.rows_at + block * ROW_BYTES;
        (read_u32(at), read_u32(at + 4) as usize, read_u32(at + 8) as usize)
    }

    fn inflate(&self, block: usize) -> Option<String> {
        let start = self.blocks_at + (0..block).map(|i| self.row(i).2).sum::<usize>();
        let (_, inflated, deflated) = self.row(block);
        let packed = DATA.get(start..start.checked_add(deflated)?)?;
        let limit = inflated.min(BLOCK_LIMIT_BYTES);
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(packed, limit).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// The block, of those in `range`, that would hold `key`.
    fn block_of(&self, range: std::ops::Range<usize>, key: u32) -> Option<usize> {
        range.rev().find(|&block| self.row(block).0 <= key)
    }

    /// Mark and JSON of a key.
    fn line(&self, range: std::ops::Range<usize>, key: u32) -> Option<(String, String)> {
        let text = self.inflate(self.block_of(range, key)?)?;
        find_line(&text, key).map(|(mark, json)| (mark.to_string(), json.to_string()))
    }

    /// Puts the shared parts in the place of the references. `open` keeps the last inflated blocks.
    fn resolve(&self, value: Value, open: &mut Vec<(usize, String)>, depth: usize) -> Option<Value> {
        if depth > DEPTH_LIMIT {
            return None;
        }
        match value {
            Value::String(text) => match text.strip_prefix('@') {
                Some(number) => {
                    let number = number.parse().ok()?;
                    let part = self.shared_part(number, open)?;
                    self.resolve(part, open, depth + 1)
                }
                None => Some(Value::String(text)),
            },
            Value::Array(values) => {
                let parts = values.into_iter().map(|value| self.resolve(value, open, depth + 1));
                parts.collect::<Option<Vec<Value>>>().map(Value::Array)
            }
            Value::Object(members) => {
                let parts = members.into_iter().map(|(key, value)| Some((key, self.resolve(value, open, depth + 1)?)));
                parts.collect::<Option<serde_json::Map<String, Value>>>().map(Value::Object)
            }
            other => Some(other),
        }
    }

    fn shared_part(&self, number: u32, open: &mut Vec<(usize, String)>) -> Option<Value> {
        const OPEN_BLOCKS: usize = 8;
        let block = self.block_of(0..self.shared, number)?;
        if !open.iter().any(|(held, _)| *held == block) {
            if open.len() == OPEN_BLOCKS {
                open.remove(0);
            }
            open.push((block, self.inflate(block)?));
        }
        let (_, text) = open.iter().find(|(held, _)| *held == block)?;
        let (_, json) = find_line(text, number)?;
        serde_json::from_str(json).ok()
    }
}

/// Mark and JSON of the line that starts with `key`.
fn find_line(text: &str, key: u32) -> Option<(&str, &str)> {
    let wanted = key.to_string();
    text.lines().find_map(|line| {
        let (head, json) = line.split_once('\t')?;
        let mark = head.strip_prefix(wanted.as_str())?;
        (mark.is_empty() || mark == "d").then_some((mark, json))
    })
}

fn read_u16(at: usize) -> usize {
    DATA.get(at..at + 2).map_or(0, |bytes| usize::from(bytes[0]) | usize::from(bytes[1]) << 8)
}

fn read_u32(at: usize) -> u32 {
    DATA.get(at..at + 4).map_or(0, |bytes| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
}
