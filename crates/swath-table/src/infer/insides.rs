//! Pieces of a sample that lie inside of a long text in quotes, and so hold no rows.
//!
//! Such a piece has no quote to tell by. Where texts of the file go on over several lines, it shows in that its lines are
//! not what the rows of the head are.

use super::dialect::{self, FileShape};
use super::records::{Record, Records};
use super::sample::Sample;
use crate::schema_file::CsvPart;

/// Takes away the pieces most of whose lines are no rows like those of the head, where texts go on over several lines.
pub fn drop_insides(samples: &mut [Sample], csv: &CsvPart) {
    for sample in samples.iter_mut().filter(|sample| !sample.exhaustive && !sample.pieces.is_empty()) {
        // What cannot be understood is told of by inference.
        let Ok(Some(shape)) = dialect::detect(sample, csv, None) else { continue };
        let rows = Rows::of(sample, &shape);
        if rows.has_lines_in_texts {
            sample.pieces.retain(|piece| rows.are_like(piece, &shape));
        }
    }
}

/// What the rows of a head are like.
struct Rows {
    /// Whether nearly all values of a column begin as numbers and times do.
    begins_numeric: Vec<bool>,
    has_lines_in_texts: bool,
}

fn begins_numeric(field: &[u8]) -> bool {
    field.first().is_some_and(|first| first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.'))
}

impl Rows {
    fn of(sample: &Sample, shape: &FileShape) -> Rows {
        let columns = shape.names.len();
        let (mut numeric, mut filled) = (vec![0u64; columns], vec![0u64; columns]);
        let mut has_lines_in_texts = false;
        let mut look = |record: &Record<'_>| {
            has_lines_in_texts |= record.fields.iter().any(|field| field.contains(&b'\n'));
        };
        for record in Records::new(&sample.head, &shape.dialect).filter(|record| record.line >= shape.first_row_line) {
            look(&record);
            if record.fields.len() == columns {
                for (column, field) in record.fields.iter().enumerate().filter(|(_, field)| !field.is_empty()) {
                    filled[column] += 1;
                    numeric[column] += u64::from(begins_numeric(field));
                }
            }
        }
        sample.pieces.iter().flat_map(|piece| Records::new(piece, &shape.dialect)).for_each(|record| look(&record));
        let begins_numeric =
            numeric.iter().zip(&filled).map(|(numeric, filled)| *filled > 0 && numeric * 20 >= filled * 19);
        Rows { begins_numeric: begins_numeric.collect(), has_lines_in_texts }
    }

    fn are_like(&self, piece: &[u8], shape: &FileShape) -> bool {
        let (mut like, mut all) = (0u64, 0u64);
        for record in Records::new(piece, &shape.dialect) {
            // A column may have turned to words for what is missing; not most of them.
            let numeric = record.fields.iter().zip(&self.begins_numeric).filter(|(_, numeric)| **numeric);
            let (fits, others): (Vec<_>, Vec<_>) =
                numeric.partition(|(field, _)| field.is_empty() || begins_numeric(field));
            like += u64::from(record.fields.len() == shape.names.len() && fits.len() >= others.len());
            all += 1;
        }
        like * 2 >= all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_from_inside_of_a_text_is_dropped() {
        let row = |row: u32| format!("s{row},2025-03-01T00:00:{:02}Z,50.5,fine\n", row % 60);
        let rows: String = (0..200).map(row).collect();
        let texts = "began, in module x, with error, 7\n".repeat(400);
        let noted = format!("s7,2025-03-01T00:00:07Z,50.5,\"{texts}\"\n");
        let sample = |head: &str| Sample {
            head: head.as_bytes().to_vec(),
            pieces: vec![rows.clone().into_bytes(), texts.clone().into_bytes(), rows.clone().into_bytes()],
            ..Sample::default()
        };
        // A sensor that died is no text.
        let dead = sample(&format!("sensor,time,lat,note\n{rows}{noted}"));
        let dead_rows = rows.replace("50.5", "NA").into_bytes();
        let mut samples = [Sample { pieces: vec![dead_rows], ..dead }];
        drop_insides(&mut samples, &CsvPart::default());
        assert_eq!(samples[0].pieces.len(), 1);
        let header = "sensor,time,lat,note\n";
        for (head, left) in [(format!("{header}{rows}{noted}"), 2), (format!("{header}{rows}"), 3)] {
            let mut samples = [sample(&head)];
            drop_insides(&mut samples, &CsvPart::default());
            assert_eq!(samples[0].pieces.len(), left);
        }
    }
}
