//! Which bytes of the input to look at: a bounded sample, spread over files and over each file.
//!
//! It depends on paths and sizes only, never on a ceiling, so the same input gives the same schema everywhere. It
//! reads nothing: the caller hands in what it read.

use std::ops::Range;
use std::path::PathBuf;

use swath_core::Result;

use super::quotes::Records;

/// Files looked at, at most.
pub const FILES_MAX: usize = 32;
/// Bytes of a file in which its header must end.
pub const HEADER_BYTES: u64 = 256 << 10;
/// Bytes from the start of each of the first files.
pub const HEAD_BYTES: u64 = 64 << 10;
/// Bytes from the start of the other files.
const SHORT_HEAD_BYTES: u64 = 16 << 10;
/// Files with a long head.
const LONG_HEADS: usize = 4;
/// Bytes of a piece from further on.
pub const PIECE_BYTES: u64 = 16 << 10;
/// Pieces of one file, at most.
pub const PIECES_MAX: usize = 15;
/// Bytes of a record that is looked for.
const RECORD_BYTES: usize = 8 << 10;
/// Pieces of all files together.
const PIECES_TOTAL: usize = 48;

/// A sample of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// The file.
    pub path: PathBuf,
    /// Bytes from its start; a last line that was cut off is left out unless the file is complete.
    pub head: Vec<u8>,
    /// Whether the head is the whole file.
    pub complete: bool,
    /// Whether the samples of all files are the whole input.
    pub exhaustive: bool,
    /// Whole records from further on.
    pub pieces: Vec<Vec<u8>>,
}

/// What to read of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSample {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub size: u64,
    /// The head first, then the pieces; they do not overlap.
    pub ranges: Vec<Range<u64>>,
}

/// What to read of all files: at most [`SamplePlan::bytes_max`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SamplePlan {
    /// The files, in the order given.
    pub files: Vec<FileSample>,
    /// Whether that is the whole input.
    pub exhaustive: bool,
}

/// Chooses what to read: all of an input that is no larger than a sample may be. Else over at most [`FILES_MAX`] files
/// that are not empty, evenly chosen with the first and the last, the head and pieces evenly spread, the last of them
/// at the end of the file.
pub fn take(files: &[(PathBuf, u64)]) -> SamplePlan {
    let files: Vec<&(PathBuf, u64)> = files.iter().filter(|(_, size)| *size > 0).collect();
    let total = files.iter().fold(0u64, |sum, (_, size)| sum.saturating_add(*size));
    if files.len() <= FILES_MAX && total <= SamplePlan::bytes_max() {
        let whole =
            |(path, size): &&(PathBuf, u64)| FileSample { path: path.clone(), size: *size, ranges: all_of(*size) };
        return SamplePlan { files: files.iter().map(whole).collect(), exhaustive: true };
    }
    let count = files.len().min(FILES_MAX);
    let pieces = (PIECES_TOTAL / count.max(1)).min(PIECES_MAX);
    let chosen = (0..count).map(|rank| {
        let index = if count > 1 { rank * (files.len() - 1) / (count - 1) } else { 0 };
        let (path, size) = files[index];
        let head = if rank < LONG_HEADS { HEAD_BYTES } else { SHORT_HEAD_BYTES };
        FileSample { path: path.clone(), size: *size, ranges: ranges(*size, head, pieces as u64) }
    });
    SamplePlan { files: chosen.collect(), exhaustive: false }
}

/// A whole file in ranges that are no longer than a head, so that nobody needs memory for more of it at once.
fn all_of(size: u64) -> Vec<Range<u64>> {
    if size <= HEAD_BYTES + PIECE_BYTES {
        return vec![Range { start: 0, end: size }];
    }
    (0..size).step_by(HEAD_BYTES as usize).map(|start| start..size.min(start + HEAD_BYTES)).collect()
}

/// The head and up to `pieces` pieces of a file.
fn ranges(size: u64, head: u64, pieces: u64) -> Vec<Range<u64>> {
    if size <= head + PIECE_BYTES {
        return vec![Range { start: 0, end: size.min(head + PIECE_BYTES) }];
    }
    let pieces = pieces.min((size - head) / PIECE_BYTES);
    // Starts from the end of the head to one piece before the end of the file.
    let (room, steps) = (size - head - PIECE_BYTES, pieces.max(2) - 1);
    let piece = |number: u64| {
        let start =
            if pieces == 1 { head + room } else { head + (room as u128 * number as u128 / steps as u128) as u64 };
        start..start + PIECE_BYTES
    };
    std::iter::once(0..head).chain((0..pieces).map(piece)).collect()
}

impl SamplePlan {
    /// The most bytes that any plan reads.
    pub const fn bytes_max() -> u64 {
        LONG_HEADS as u64 * (HEAD_BYTES + PIECE_BYTES)
            + (FILES_MAX - LONG_HEADS) as u64 * (SHORT_HEAD_BYTES + PIECE_BYTES)
            + PIECES_TOTAL as u64 * PIECE_BYTES
    }

    /// Reads the plan through `read` (a range of a file to its bytes) and cuts pieces to whole records; what is cut off
    /// goes before a piece that follows at once. A head in which no row below the header is seen, `skip_lines` not
    /// counted, is made longer.
    ///
    /// # Errors
    /// Those of `read`.
    ///
    /// # Memory
    /// [`SamplePlan::bytes_max`], and where headers are longer than heads, up to 512 KiB of a file.
    pub fn read_with(
        &self,
        skip_lines: u64,
        mut read: impl FnMut(&FileSample, Range<u64>) -> Result<Vec<u8>>,
    ) -> Result<Vec<Sample>> {
        let mut samples = Vec::with_capacity(self.files.len());
        for file in &self.files {
            let mut sample = Sample { path: file.path.clone(), exhaustive: self.exhaustive, ..Sample::default() };
            // The start of a line that was cut off, and where the file goes on with it.
            let (mut begun, mut goes_on) = (Vec::new(), None);
            let (head, head_end) = long_head(file, skip_lines, &mut read)?;
            let mut head = Some(head);
            let after = file.ranges.iter().filter(|range| range.end > head_end);
            let after = after.map(|range| range.start.max(head_end)..range.end);
            for range in std::iter::once(0..head_end).chain(after) {
                let follows = goes_on == Some(range.start);
                let mut bytes = std::mem::take(&mut begun);
                if !follows {
                    bytes.clear();
                }
                match head.take() {
                    Some(head) => bytes.extend(head),
                    None => bytes.extend(read(file, range.clone())?),
                }
                let is_end = range.end >= file.size;
                goes_on = None;
                let begins_a_record = range.start == 0 || follows;
                if !begins_a_record {
                    let first = Records::of_middle(&bytes).first_end;
                    bytes.drain(..first.unwrap_or(bytes.len()));
                }
                if !is_end {
                    // A quote that is never closed hides no more than a record may have.
                    let last = Records::of(&bytes).last_end.filter(|last| bytes.len() - last <= RECORD_BYTES);
                    let last = last.or_else(|| bytes.iter().rposition(|&byte| byte == b'\n').map(|last| last + 1));
                    // A head without any newline stays: the message about it wants to show something.
                    if range.start > 0 || last.is_some() {
                        begun = bytes.split_off(last.unwrap_or(0));
                        goes_on = Some(range.end);
                    }
                }
                if range.start == 0 {
                    sample.complete = is_end;
                    sample.head = bytes;
                } else if begins_a_record || !bytes.is_empty() {
                    sample.pieces.push(bytes);
                }
            }
            samples.push(sample);
        }
        Ok(samples)
    }
}

/// The head of a file, longer than planned where it shows no row, and where it ends.
fn long_head(
    file: &FileSample,
    skip_lines: u64,
    read: &mut impl FnMut(&FileSample, Range<u64>) -> Result<Vec<u8>>,
) -> Result<(Vec<u8>, u64)> {
    let Some(planned) = file.ranges.first() else { return Ok((Vec::new(), 0)) };
    let (mut head, mut end) = (read(file, planned.clone())?, planned.end);
    // A row may be as long as its header.
    while end < file.size.min(2 * HEADER_BYTES) && !shows_a_row(&head, skip_lines) {
        let more = (end + HEAD_BYTES).min(file.size);
        head.extend(read(file, end..more)?);
        end = more;
    }
    Ok((head, end))
}

/// Whether there are two whole lines that are no comments: a header and a row.
fn shows_a_row(head: &[u8], skip_lines: u64) -> bool {
    let lines = head.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    let lines = lines.skip(usize::try_from(skip_lines).unwrap_or(usize::MAX)).map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_bounded_spread_and_apart() {
        for (count, size) in [(1, 1), (1, 80 << 10), (1, 100 << 10), (1, 1 << 40), (31, 1 << 20), (10_000, 1 << 30)] {
            let files: Vec<_> = (0..count).map(|number| (PathBuf::from(format!("{number}.csv")), size)).collect();
            let plan = take(&files);
            assert_eq!(plan.files.len(), count.min(FILES_MAX));
            assert_eq!(plan.files.first().map(|file| &file.path), files.first().map(|file| &file.0));
            assert_eq!(plan.files.last().map(|file| &file.path), files.last().map(|file| &file.0));
            let mut total = 0;
            for file in &plan.files {
                assert_eq!(file.ranges[0].start, 0);
                assert_eq!(file.ranges.last().map(|range| range.end), Some(size), "the end is seen: {size}");
                assert!(file.ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "{:?}", file.ranges);
                total += file.ranges.iter().map(|range| range.end - range.start).sum::<u64>();
            }
            assert!(total <= SamplePlan::bytes_max(), "{count} files of {size}: {total}");
            assert_eq!(
                plan.exhaustive,
                total == files.iter().map(|(_, size)| size).sum::<u64>(),
                "{count} files of {size}: {total}"
            );
        }
        assert!(SamplePlan::bytes_max() < 2 << 20);
        assert_eq!(take(&[("empty".into(), 0)]).files, []);
    }

    fn samples_of(text: &[u8]) -> Sample {
        let plan = take(&[("a.csv".into(), text.len() as u64)]);
        let samples = plan.read_with(0, |_, range| Ok(text[range.start as usize..range.end as usize].to_vec()));
        samples.expect("reading memory").remove(0)
    }

    #[test]
    fn a_head_is_as_long_as_a_header_wants() {
        for columns in [100, 8_000, 20_000] {
            let header: Vec<String> = (0..columns).map(|number| format!("column_{number}")).collect();
            let row = vec!["1.5"; columns].join(",");
            for rows in [1, 5_000_000 / row.len()] {
                let text = format!("{}\n{}", header.join(","), format!("{row}\n").repeat(rows));
                let sample = samples_of(text.as_bytes());
                assert!(sample.head.len() > header.join(",").len() + row.len(), "{columns} columns, {rows} rows");
                assert!(
                    sample.head.ends_with(b"\n")
                        && sample.pieces.iter().all(|piece| piece.is_empty() || piece.starts_with(b"1.5"))
                );
                assert!(!sample.exhaustive || [sample.head, sample.pieces.concat()].concat() == text.as_bytes());
            }
        }
    }

    #[test]
    fn pieces_are_whole_lines() {
        let text: Vec<u8> = (0..400_000).flat_map(|number| format!("row {number}\n").into_bytes()).collect();
        let sample = samples_of(&text);
        assert_eq!((sample.pieces.len(), sample.exhaustive), (PIECES_MAX, false));
        for piece in sample.pieces.iter().chain([&sample.head]) {
            assert!(piece.starts_with(b"row ") && piece.ends_with(b"\n"));
        }
    }

    #[test]
    fn a_small_input_is_looked_at_as_a_whole() {
        for size in [1, 70_000, 100_000, 1_500_000, SamplePlan::bytes_max()] {
            let text: Vec<u8> = (0..).flat_map(|row| format!("row {row}\n").into_bytes()).take(size as usize).collect();
            let sample = samples_of(&text);
            assert!(sample.exhaustive);
            assert!(sample.pieces.iter().chain([&sample.head]).all(|piece| piece.starts_with(b"r")), "{size}");
            assert!([sample.head, sample.pieces.concat()].concat() == text, "{size}");
        }
    }
}
