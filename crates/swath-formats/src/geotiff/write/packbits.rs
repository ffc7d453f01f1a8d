//! PackBits, as TIFF 6.0 (section 9) has it: each row on its own, runs of up to 128 bytes or copies of as many.

/// Most bytes that rows of `row_bytes` can become.
pub(super) fn packed_bytes_max(rows: usize, row_bytes: usize) -> usize {
    rows * (row_bytes + row_bytes.div_ceil(128))
}

/// Packs one row at the end of `out`.
pub(super) fn pack_row(row: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < row.len() {
        let run = run_at(row, at);
        if run >= 2 {
            out.push((1 - run as i16) as u8);
            out.push(row[at]);
            at += run;
            continue;
        }
        // A run of two inside of a copy saves nothing, so a copy ends before a run of three.
        let start = at;
        at += 1;
        while at < row.len() && at - start < 128 && run_at(row, at) < 3 {
            at += 1;
        }
        out.push((at - start - 1) as u8);
        out.extend_from_slice(&row[start..at]);
    }
}

/// How often the byte at a position comes from there on, up to 128 times.
fn run_at(row: &[u8], at: usize) -> usize {
    row[at..].iter().take(128).take_while(|byte| **byte == row[at]).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(mut packed: &[u8]) -> Vec<u8> {
        let mut row = Vec::new();
        while let Some((&head, rest)) = packed.split_first() {
            let count = if head < 128 { usize::from(head) + 1 } else { 257 - usize::from(head) };
            if head < 128 {
                row.extend_from_slice(&rest[..count]);
                packed = &rest[count..];
            } else {
                row.extend(std::iter::repeat_n(rest[0], count));
                packed = &rest[1..];
            }
        }
        row
    }

    #[test]
    fn rows_come_back() {
        let check = |row: &[u8]| {
            let mut packed = Vec::new();
            pack_row(row, &mut packed);
            assert_eq!(unpack(&packed), row);
            assert!(packed.len() <= packed_bytes_max(1, row.len()), "{row:?}: {packed:?}");
        };
        check(&[]);
        check(&[1]);
        check(&[1, 1, 2, 3, 3, 3, 4]);
        check(&[7; 1000]);
        check(&(0..=255).collect::<Vec<u8>>());
        check(&(0..1000).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 30) as u8).collect::<Vec<u8>>());
        check(&(0..999).map(|at: u32| (at / 2 % 2) as u8).collect::<Vec<u8>>());
    }
}
