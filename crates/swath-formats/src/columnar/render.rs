//! Values as text: for samples, for columns that are wanted as another type, and for rejects.

use std::io::Write;

use swath_table::civil::civil_from_days;
use swath_table::column::{Batch, Values};
use swath_table::intern::Interner;
use swath_table::schema::TableSchema;

use super::kind::Kind;
use super::leaf::Leaf;

/// Bytes of a row that is shown, at most; a row that has more is cut behind them.
pub const SHOWN_BYTES: usize = 1024;

/// Appends a moment as ISO 8601, in UTC or without a zone.
fn moment(us: i64, utc: bool, out: &mut Vec<u8>) {
    day(us.div_euclid(86_400_000_000), out);
    let (seconds, part) = (us.rem_euclid(86_400_000_000) / 1_000_000, us.rem_euclid(1_000_000));
    put(out, format_args!("T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60));
    if part != 0 {
        put(out, format_args!(".{part:06}"));
    }
    if utc {
        out.push(b'Z');
    }
}

fn day(days: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil_from_days(days);
    put(out, format_args!("{year:04}-{month:02}-{day:02}"));
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    drop(out.write_fmt(text));
}

/// Appends the value in a slot as text; nothing if it is null. What is no number is missing.
pub(super) fn value(leaf: &Leaf, slot: usize, out: &mut Vec<u8>) {
    if leaf.valid()[slot] == 0 {
        return;
    }
    let slots = leaf.slots();
    match leaf.kind() {
        Kind::Bool => out.extend_from_slice(if slots.bools[slot] != 0 { b"true" } else { b"false" }),
        Kind::Int32 => put(out, format_args!("{}", slots.i32s[slot])),
        Kind::Int64 => put(out, format_args!("{}", slots.i64s[slot])),
        Kind::UInt64 => put(out, format_args!("{}", slots.i64s[slot] as u64)),
        Kind::Float32 if slots.f32s[slot].is_nan() => {}
        Kind::Float32 => put(out, format_args!("{}", slots.f32s[slot])),
        Kind::Float64 if slots.f64s[slot].is_nan() => {}
        Kind::Float64 => put(out, format_args!("{}", slots.f64s[slot])),
        Kind::Date => day(i64::from(slots.i32s[slot]), out),
        Kind::Timestamp { utc } => moment(slots.i64s[slot], utc, out),
        Kind::Text | Kind::Bytes => out.extend_from_slice(leaf.text(slot)),
    }
}

/// A row as JSON, cut behind [`SHOWN_BYTES`]: `names` and texts by turns; a text that is not quoted is a number.
fn json<'t>(fields: impl Iterator<Item = (&'t str, bool, Vec<u8>)>) -> Vec<u8> {
    let mut out = vec![b'{'];
    for (name, quoted, text) in fields {
        if out.len() > 1 {
            out.push(b',');
        }
        let cut = &text[..text.len().min(SHOWN_BYTES)];
        let string = |text: &str| serde_json::Value::from(text).to_string();
        out.extend_from_slice(string(name).as_bytes());
        out.push(b':');
        match (text.is_empty(), quoted) {
            (true, false) => out.extend_from_slice(b"null"),
            (_, false) => out.extend_from_slice(cut),
            _ => out.extend_from_slice(string(&String::from_utf8_lossy(cut)).as_bytes()),
        }
        if out.len() > SHOWN_BYTES {
            out.truncate(SHOWN_BYTES + 1);
            return out;
        }
    }
    out.push(b'}');
    out
}

/// A row of a file as it is shown in rejects.
pub(super) fn row(leaves: &[Leaf], ahead: usize) -> Vec<u8> {
    json(leaves.iter().map(|leaf| {
        let slot = leaf.from() + ahead;
        let mut text = Vec::new();
        value(leaf, slot, &mut text);
        let bare = matches!(
            leaf.kind(),
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::UInt64 | Kind::Float32 | Kind::Float64
        );
        (leaf.name(), leaf.valid()[slot] != 0 && !bare, text)
    }))
}

/// A row of a batch as it is shown in rejects.
pub fn batch_row(schema: &TableSchema, batch: &Batch, row: usize, interner: &Interner) -> Vec<u8> {
    json(schema.columns.iter().zip(&batch.columns).map(|(column, values)| {
        let mut text = Vec::new();
        if values.valid[row] == 0 {
            return (column.name.as_str(), false, text);
        }
        let mut quoted = false;
        match &values.values {
            Values::Bool(values) => put(&mut text, format_args!("{}", values[row] != 0)),
            Values::Int32(values) => put(&mut text, format_args!("{}", values[row])),
            Values::Int64(values) => put(&mut text, format_args!("{}", values[row])),
            Values::Float32(values) => put(&mut text, format_args!("{}", values[row])),
            Values::Float64(values) => put(&mut text, format_args!("{}", values[row])),
            Values::Date(values) => day(i64::from(values[row]), &mut text),
            Values::Timestamp(values) => moment(values[row], true, &mut text),
            Values::Category(values) => interner.with_text(values[row], |found| text.extend_from_slice(found)),
            Values::Text { ends, bytes } => {
                let start = if row == 0 { 0 } else { ends[row - 1] as usize };
                text.extend_from_slice(&bytes[start..ends[row] as usize]);
            }
        }
        if let Values::Date(_) | Values::Timestamp(_) | Values::Category(_) | Values::Text { .. } = &values.values {
            quoted = true;
        }
        (column.name.as_str(), quoted, text)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_full() {
        for (us, utc, wanted) in [
            (0, true, "1970-01-01T00:00:00Z"),
            (-1, false, "1969-12-31T23:59:59.999999"),
            (1_740_823_200_500_000, true, "2025-03-01T10:00:00.500000Z"),
        ] {
            let mut out = Vec::new();
            moment(us, utc, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), wanted);
        }
    }

    #[test]
    fn rows_are_json_and_cut() {
        let row =
            json([("a\"b", true, b"x\xff".to_vec()), ("n", false, b"1.5".to_vec()), ("z", false, vec![])].into_iter());
        assert_eq!(String::from_utf8_lossy(&row), "{\"a\\\"b\":\"x\u{fffd}\",\"n\":1.5,\"z\":null}");
        assert_eq!(json([("a", true, vec![b'x'; 5000])].into_iter()).len(), SHOWN_BYTES + 1);
    }
}
