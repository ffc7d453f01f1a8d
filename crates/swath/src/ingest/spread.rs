//! How many different values there may be in all, told from how often those of the sample come again.
//!
//! It knows neither columns nor cells: a value is a number.

use rustc_hash::FxHashSet;

/// How many times the values of the sample there are planned to be where it does not tell.
const UNKNOWN: u64 = 16;
/// How often a value comes in the sample of a file, on average, if that shows nearly all that the file has.
const KNOWN_FILE: u64 = 8;

/// How the values of a sample are spread over its rows, pieces and files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spread {
    /// Rows that have a value.
    rows: u64,
    /// Different values.
    distinct: u64,
    /// The sum of the different values of each piece: neighbours are often alike.
    in_pieces: u64,
    /// The sum of the different values of each file.
    in_files: u64,
    /// Files that were looked at.
    files: u64,
}

impl Spread {
    /// Different values in all, about: of the input from which `files` files are, some of them in the sample.
    pub fn distinct_about(&self, files: u64) -> u64 {
        let Spread { rows, distinct, in_pieces, in_files, .. } = *self;
        let as_drawn = |looked, most| about(distinct, looked, most);
        let unknown = distinct * UNKNOWN;
        let of_pieces = as_drawn(rows, unknown).max(as_drawn(in_pieces, unknown));
        // Where each file has few values, the others bring as many of their own as these do.
        let others = distinct * files.div_ceil(self.files.max(1));
        if rows >= in_files * KNOWN_FILE { of_pieces.max(as_drawn(in_files, others.max(distinct))) } else { of_pieces }
    }

    /// Different values of the sample.
    pub fn distinct(&self) -> u64 {
        self.distinct
    }
}

/// Takes the values of a sample, piece by piece and file by file.
#[derive(Debug, Default)]
pub struct Counter {
    spread: Spread,
    all: FxHashSet<u64>,
    of_piece: FxHashSet<u64>,
    of_file: FxHashSet<u64>,
}

impl Counter {
    /// Takes the value of a row.
    pub fn take(&mut self, value: u64) {
        self.spread.rows += 1;
        if self.of_piece.insert(value) && self.of_file.insert(value) {
            self.all.insert(value);
        }
    }

    /// The next row is of another piece.
    pub fn end_piece(&mut self) {
        self.spread.in_pieces += self.of_piece.len() as u64;
        self.of_piece.clear();
    }

    /// The next row is of another file.
    pub fn end_file(&mut self) {
        self.end_piece();
        self.spread.files += 1;
        self.spread.in_files += self.of_file.len() as u64;
        self.of_file.clear();
    }

    /// What was taken, after the end of the last file.
    pub fn spread(&self) -> Spread {
        Spread { distinct: self.all.len() as u64, ..self.spread }
    }
}

/// How many different values there are in all, if `looked` of them at random are `seen` different ones: the number that
/// makes that most likely where all come equally often, and a fifth more; `most` where hardly one came twice, since then
/// nobody can tell.
fn about(seen: u64, looked: u64, most: u64) -> u64 {
    let shown = |all: f64| all * (1.0 - (-(looked as f64) / all).exp());
    let (mut low, mut high) = (seen as f64, most as f64);
    for _ in 0..40 {
        let middle = low.midpoint(high);
        if shown(middle) < seen as f64 {
            low = middle;
        } else {
            high = middle;
        }
    }
    ((high * 1.2) as u64).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_from_how_often_they_come_again() {
        // What is seen of 7, 5,000 and 50,000 values that come equally often in 3,669 rows.
        for (seen, least, most) in [(7, 7, 9), (2_600, 5_000, 6_500), (3_537, 45_000, 75_000)] {
            let all = about(seen, 3_669, UNKNOWN * seen);
            assert!((least..=most).contains(&all), "{seen} seen: {all}");
        }
        assert_eq!(about(3_669, 3_669, UNKNOWN * 3_669), UNKNOWN * 3_669);
        assert_eq!(about(0, 3_669, 0), 0);
    }

    #[test]
    fn neighbours_that_are_alike_are_no_draws() {
        // Files, pieces of each, rows of each piece, what the value of a row is, files in all, wanted.
        type Value = fn(u64, u64, u64) -> u64;
        let cases: [(u64, u64, u64, Value, u64, std::ops::RangeInclusive<u64>); 5] = [
            // A sensor has a file of its own, and 32 of 10,000 files were looked at.
            (32, 1, 100, |file, _, _| file, 10_000, 10_000..=10_100),
            // One file in the order of sensors: every piece shows another one.
            (1, 40, 100, |_, piece, _| piece, 1, 640..=640),
            // Twenty sensors are in each of 10,000 files.
            (32, 1, 200, |_, _, row| row % 20, 10_000, 20..=24),
            // A thousand sensors in turn in one file.
            (1, 40, 100, |_, piece, row| (piece * 100 + row) % 1_000, 1, 1_000..=1_300),
            // Every row has a value of its own.
            (1, 40, 100, |_, piece, row| piece * 100 + row, 1, 64_000..=64_000),
        ];
        for (number, (files, pieces, rows, value, all_files, wanted)) in cases.into_iter().enumerate() {
            let mut counter = Counter::default();
            for file in 0..files {
                for piece in 0..pieces {
                    (0..rows).for_each(|row| counter.take(value(file, piece, row)));
                    counter.end_piece();
                }
                counter.end_file();
            }
            let about = counter.spread().distinct_about(all_files);
            assert!(wanted.contains(&about), "case {number}: {about}");
        }
    }
}
