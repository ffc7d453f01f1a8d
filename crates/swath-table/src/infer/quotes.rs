//! Where records end in a piece of text of which nothing is known but that some fields may be in double quotes.
//!
//! A piece from the middle of a file may begin inside of such a field. It is taken to do so where its quotes make more
//! sense that way: one that opens a field stands behind a delimiter or a newline, one that closes it stands before one.

/// Where records end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Records {
    /// Behind the newline that ends the first record.
    pub first_end: Option<usize>,
    /// Behind the newline that ends the last whole record.
    pub last_end: Option<usize>,
    /// Quotes that neither open nor close a field where they stand.
    faults: usize,
}

impl Records {
    /// Of a piece that begins where a record does.
    pub fn of(bytes: &[u8]) -> Records {
        scan(bytes, false)
    }

    /// Of a piece that begins anywhere.
    pub fn of_middle(bytes: &[u8]) -> Records {
        let (outside, inside) = (scan(bytes, false), scan(bytes, true));
        if inside.faults < outside.faults { inside } else { outside }
    }
}

/// Whether a byte stands between fields.
fn parts_fields(byte: u8) -> bool {
    matches!(byte, b',' | b';' | b'\t' | b'|' | b' ' | b'\n' | b'\r')
}

fn scan(bytes: &[u8], starts_inside: bool) -> Records {
    let mut records = Records { first_end: None, last_end: None, faults: 0 };
    let (mut is_inside, mut at) = (starts_inside, 0);
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\n'))) {
        at += found;
        let next = bytes.get(at + 1).copied();
        match (bytes[at], is_inside) {
            (b'\n', false) => {
                records.first_end.get_or_insert(at + 1);
                records.last_end = Some(at + 1);
            }
            (b'"', true) if next == Some(b'"') => at += 1,
            (b'"', true) => {
                is_inside = false;
                records.faults += usize::from(!next.is_none_or(parts_fields));
            }
            (b'"', false) => match at.checked_sub(1).map(|before| bytes[before]) {
                Some(before) if !parts_fields(before) => records.faults += 1,
                _ => is_inside = true,
            },
            _ => {}
        }
        at += 1;
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newlines_in_quotes_end_no_record() {
        let text = b"a,\"b\nc, \"\"d\"\"\n\",e\nf,g\nh,\"i\n";
        let whole = Records::of(text);
        let ends = (text.iter().position(|byte| *byte == b'e'), text.iter().position(|byte| *byte == b'h'));
        assert_eq!((whole.first_end, whole.last_end, whole.faults), (ends.0.map(|e| e + 2), ends.1, 0));
    }

    #[test]
    fn a_piece_may_begin_in_quotes() {
        let rows: String =
            (0..40).map(|row| format!("s{row},\"it was\ncleaned, then {row}\nmoved\",7.{row}\n")).collect();
        for start in 0..rows.len() / 2 {
            let piece = &rows.as_bytes()[start..];
            let first = Records::of_middle(piece).first_end.map(|end| &rows[start + end..]);
            assert!(first.is_some_and(|rest| rest.starts_with('s')), "from {start}: {first:?}");
        }
        // All of it is inside, and it holds no record.
        let inside = b"then ,\"\"fake\"\",1\nand ,\"\"fake\"\",2\n";
        assert_eq!(Records::of_middle(inside).first_end, None);
        let plain = b"7,5\" pipe\n8,6\" pipe\n";
        assert_eq!((Records::of_middle(plain).first_end, Records::of(plain).last_end), (Some(10), Some(20)));
    }
}
