//! Where a table ends that something else follows in its file: a footer, or a second table.
//!
//! It looks for a line by how it begins, in blocks; what lines are made of does not matter, nor whether quotes are open.

use swath_core::Result;

use crate::store::{ReadAt, read_full};

/// Bytes read at once.
const BLOCK: usize = 256 << 10;

/// The offset of the first line from the line `from_line` on (counted from 0) that begins with `text`; the length of the
/// file if there is none. It takes the memory of a block.
///
/// # Errors
/// [`swath_core::Error::InputUnreadable`] when the file cannot be read.
pub fn stop_line(input: &dyn ReadAt, file_len: u64, text: &[u8], from_line: u64) -> Result<u64> {
    find(input, file_len, text, from_line, BLOCK)
}

fn find(input: &dyn ReadAt, file_len: u64, text: &[u8], from_line: u64, block: usize) -> Result<u64> {
    // A line may begin with the last byte of a block.
    let mut buffer = vec![0; block + text.len()];
    let (mut at, mut line) = (0u64, 0u64);
    let mut begins_line = true;
    while at < file_len {
        let want = (file_len - at).min(buffer.len() as u64) as usize;
        let got = read_full(input, &mut buffer[..want], at)?;
        let bytes = &buffer[..got];
        let own = got.min(block);
        if begins_line && line >= from_line && bytes.starts_with(text) {
            return Ok(at);
        }
        for newline in memchr::memchr_iter(b'\n', &bytes[..own]) {
            line += 1;
            // The line behind the last byte is the next block's.
            if line >= from_line && newline + 1 < own && bytes[newline + 1..].starts_with(text) {
                return Ok(at + newline as u64 + 1);
            }
        }
        if own == 0 {
            break;
        }
        begins_line = bytes[own - 1] == b'\n';
        at += own as u64;
    }
    Ok(file_len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_wherever_blocks_end() {
        let data = b"END first\na,b\n1,END\n2,3\r\nEND of it\nEND\n4,5".to_vec();
        for block in 1..data.len() + 2 {
            for (text, from, expected) in [
                ("END", 0, 0),
                ("END", 1, 25),
                ("END\n", 1, 35),
                ("END of it", 0, 25),
                ("4", 0, 39),
                ("4,5", 6, 39),
                ("4,5", 7, data.len()),
                ("4,5,", 0, data.len()),
                ("3", 0, data.len()),
            ] {
                let got = find(&data, data.len() as u64, text.as_bytes(), from, block).expect("memory can be read");
                assert_eq!(got, expected as u64, "{text:?} from line {from} in blocks of {block}");
            }
        }
        assert_eq!(find(&Vec::new(), 0, b"x", 0, 4).ok(), Some(0));
    }
}
