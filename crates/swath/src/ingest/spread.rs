//! How many different values there may be in all, told from how often those of the sample come again.
//!
//! It knows neither columns nor cells: a value is a number.

use rustc_hash::FxHashMap;

/// How many times the values of the sample there are planned to be where it does not tell.
const UNKNOWN: u64 = 16;
/// How often a value comes in the sample of a file, on average, if that shows nearly all that the file has.
const KNOWN_FILE: u64 = 8;
/// How many times as many as the sample has are planned for at least, where it has few, and how many more at most for that.
const FEW: u64 = 4;
const MORE: u64 = 1_000;
/// How many standard deviations off what is expected a sample may be.
const DEVIATIONS: f64 = 2.0;
/// How many times as many pairs as equally frequent values make tell that some come far more often than others; and how
/// many times as many new values as those then foretell are planned for.
const SKEWED: f64 = 1.5;
/// How many times as many values as draws there are, at most: that hardly one comes twice.
const UNIQUE: u64 = 64;

/// How the values of a sample are spread over its rows, pieces and files.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spread {
    /// Rows that have a value.
    rows: u64,
    /// Different values.
    distinct: u64,
    /// How many rows values have, and how many pieces and files they are in.
    by_rows: Repeats,
    by_pieces: Repeats,
    by_files: Repeats,
    /// The sum of the different values of each piece: neighbours are often alike.
    in_pieces: u64,
    /// Pieces that have a value.
    pieces: u64,
    /// The sum of the different values of each file.
    in_files: u64,
    /// Files that were looked at.
    files: u64,
}

/// How often values come.
#[derive(Debug, Clone, Copy, Default)]
struct Repeats {
    /// Values that come once, twice and three times.
    few: [u64; 3],
    /// Ordered pairs of draws of the same value.
    pairs: u64,
}

impl Repeats {
    fn take(&mut self, times: u32) {
        if let Some(few) = self.few.get_mut(times as usize - 1) {
            *few += 1;
        }
        self.pairs += u64::from(times) * u64::from(times - 1);
    }
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

    /// Rows of the sample that have a value.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Different values that `rows` rows with a value of `files` files have, as many as the sample leaves open: the most
    /// of what its rows, its pieces and its files tell. Few values may be some more.
    pub fn distinct_at_most(&self, rows: u64, files: u64) -> u64 {
        let Spread { rows: sampled, distinct, in_pieces, in_files, pieces, by_rows, by_pieces, by_files, .. } = *self;
        if distinct == 0 {
            return 0;
        }
        let of_rows = among(distinct, by_rows, sampled, rows);
        // Where neighbours are alike, a draw is what begins inside of a piece; by chance more may have begun.
        let inside = in_pieces.saturating_sub(pieces) as f64;
        let inside = inside + DEVIATIONS * inside.sqrt() + 1.0;
        let begun = distinct.saturating_add((rows as f64 * inside / sampled.max(1) as f64) as u64);
        let of_pieces = among(distinct, by_pieces, in_pieces, begun);
        // Of each file, what its rows tell; others bring values of their own as these do.
        let looked_at = self.files.max(1);
        let of_file = equally(in_files.div_ceil(looked_at), sampled.div_ceil(looked_at), rows.div_ceil(files.max(1)));
        let in_all = (of_file.ceil() as u64).saturating_mul(files.max(1));
        let of_files = among(distinct, by_files, in_files, in_all.max(distinct));
        let some_more = distinct + (FEW - 1) * distinct.min(MORE);
        of_rows.max(of_pieces).max(of_files).max(some_more).min(rows)
    }
}

/// Takes the values of a sample, piece by piece and file by file; they are kept as they come, and counted once all are there.
#[derive(Debug, Default)]
pub struct Counter {
    values: Vec<u32>,
    /// How many values there are up to the end of each piece, and whether it is the last of its file.
    pieces: Vec<(usize, bool)>,
}

/// Where a value was seen.
#[derive(Debug, Default)]
struct Seen {
    rows: u32,
    pieces: u32,
    files: u32,
    /// The last piece and the last file, counted from one.
    piece: u32,
    file: u32,
}

impl Counter {
    /// One that has taken values, with how many there are up to the end of each piece and whether it ends its file.
    pub fn new(values: Vec<u32>, pieces: Vec<(usize, bool)>) -> Counter {
        Counter { values, pieces }
    }

    /// Takes the value of a row.
    pub fn take(&mut self, value: u32) {
        self.values.push(value);
    }

    /// The next row is of another piece.
    pub fn end_piece(&mut self) {
        self.pieces.push((self.values.len(), false));
    }

    /// The next row is of another file.
    pub fn end_file(&mut self) {
        self.pieces.push((self.values.len(), true));
    }

    /// What was taken, after the end of the last file; calls `each` for each different value.
    pub fn spread(&self, mut each: impl FnMut(u32)) -> Spread {
        let mut all: FxHashMap<u32, Seen> = FxHashMap::default();
        let mut spread = Spread { rows: self.values.len() as u64, ..Spread::default() };
        let mut start = 0;
        for (piece, &(end, ends_file)) in (1..).zip(&self.pieces) {
            let file = spread.files as u32 + 1;
            for &value in &self.values[start..end] {
                let seen = all.entry(value).or_default();
                seen.rows += 1;
                if std::mem::replace(&mut seen.piece, piece) != piece {
                    seen.pieces += 1;
                    spread.in_pieces += 1;
                }
                if std::mem::replace(&mut seen.file, file) != file {
                    seen.files += 1;
                    spread.in_files += 1;
                }
            }
            spread.pieces += u64::from(end > start);
            spread.files += u64::from(ends_file);
            start = end;
        }
        spread.distinct = all.len() as u64;
        for (value, seen) in all {
            spread.by_rows.take(seen.rows);
            spread.by_pieces.take(seen.pieces);
            spread.by_files.take(seen.files);
            each(value);
        }
        spread
    }
}

/// How many different values there are in all, if `looked` of them at random are `seen` different ones: the number that
/// makes that most likely where all come equally often, and a fifth more; `most` where hardly one came twice, since then
/// nobody can tell.
fn about(seen: u64, looked: u64, most: u64) -> u64 {
    let all = where_reaches(seen, most, |all| shown(all, looked));
    ((all * 1.2) as u64).min(most)
}

/// How many different values `draws` draws may have, if `looked` of them are `seen` different ones: the most of what
/// follows if all come equally often, if the seldom ones do, and, where some come far more often than others, if how often
/// they come falls off slowly.
fn among(seen: u64, repeats: Repeats, looked: u64, draws: u64) -> u64 {
    let further = (draws as f64 / looked.max(1) as f64 - 1.0).max(0.0);
    let most = draws.saturating_mul(UNIQUE);
    let is_skewed = {
        let all = where_reaches(seen, most, |all| shown(all, looked));
        repeats.pairs as f64 > SKEWED * looked as f64 * looked as f64 / all
    };
    let unseen = seldom(repeats, further).max(if is_skewed { falling(repeats, further) } else { 0.0 });
    equally(seen, looked, draws).max(seen as f64 + unseen).min(draws as f64).ceil() as u64
}

/// Different values of `draws` draws, if all come equally often: of so many in all that any more make what was seen unlikely.
fn equally(seen: u64, looked: u64, draws: u64) -> f64 {
    let unlikely = |all: f64| {
        let share = looked as f64 / all;
        let missed = (-share).exp();
        let variance = all * (missed - (1.0 + share) * missed * missed);
        shown(all, looked) - DEVIATIONS * variance.max(0.0).sqrt()
    };
    let all = where_reaches(seen, draws.saturating_mul(UNIQUE), unlikely);
    shown(all, draws).max(seen as f64)
}

/// New values of `further` times as many draws, if those that were not seen come as often as those that came once or twice
/// (A. Chao, Nonparametric estimation of the number of classes in a population, 1984).
fn seldom(Repeats { few: [once, twice, _], .. }: Repeats, further: f64) -> f64 {
    if once == 0 {
        return 0.0;
    }
    let (once, twice) = (once as f64, twice as f64);
    let again = 2.0 * (twice - twice.sqrt()).max(0.5) / once;
    once / again * -(-again * further).exp_m1()
}

/// New values of `further` times as many draws, if how often values come is spread as a gamma distribution says whose
/// parameters follow from how many came once, twice and three times (B. Efron and R. Thisted, Estimating the number of
/// unseen species, 1976).
fn falling(Repeats { few, .. }: Repeats, further: f64) -> f64 {
    let [once, twice, thrice] = few.map(|count| count as f64);
    if once == 0.0 || twice == 0.0 {
        return once * further;
    }
    let (second, third) = (2.0 * twice / once, 3.0 * (thrice + thrice.sqrt() / 2.0) / twice);
    let scale = (third - second).min(1.0);
    if scale <= 0.0 {
        return 0.0;
    }
    let (shape, grown) = (second / scale - 1.0, 1.0 + scale * further);
    let unseen = match shape.abs() < 1e-6 {
        true => once / scale * grown.ln(),
        false => once / scale / shape * (1.0 - grown.powf(-shape)),
    };
    unseen * SKEWED
}

/// Different values that `looked` draws have on average, of `all` that come equally often.
fn shown(all: f64, looked: u64) -> f64 {
    all * -(-(looked as f64) / all).exp_m1()
}

/// The number from `least` to `most` at which what grows with it reaches `least`.
fn where_reaches(least: u64, most: u64, grows: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (least as f64, most.max(least) as f64);
    for _ in 0..60 {
        let middle = low.midpoint(high);
        if grows(middle) < least as f64 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
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
                    (0..rows).for_each(|row| counter.take(value(file, piece, row) as u32));
                    counter.end_piece();
                }
                counter.end_file();
            }
            let about = counter.spread(|_| ()).distinct_about(all_files);
            assert!(wanted.contains(&about), "case {number}: {about}");
        }
    }

    #[test]
    fn as_many_values_are_planned_for_as_the_sample_leaves_open() {
        // Pieces, what the value of a row of all is, rows in all, least, most.
        type Value = fn(u64) -> u64;
        fn scattered(row: u64) -> u64 {
            let mixed = (row + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            mixed ^ (mixed >> 31)
        }
        // A value has a share of the rows that falls with the square of its rank, and with its rank to the power of 1.5.
        fn skewed(row: u64, power: f64) -> u64 {
            let uniform = (scattered(row) >> 11) as f64 / (1u64 << 53) as f64;
            (1.0 - uniform).powf(-1.0 / (power - 1.0)) as u64
        }
        let different = |rows: u64, power: f64| {
            (0..rows).map(|row| skewed(row, power)).collect::<rustc_hash::FxHashSet<u64>>().len() as u64
        };
        let cases: [(Value, u64, u64, u64); 8] = [
            // Every row has a value of its own.
            (|row| row, 150_000, 150_000, 150_000),
            // As many values as rows, drawn: of them 63 in 100 come.
            (|row| scattered(row) % 150_000, 150_000, 94_800, 125_000),
            // Few values, and twenty thousand of them.
            (|row| scattered(row) % 7, 10_000_000, 28, 28),
            (|row| scattered(row) % 20_000, 10_000_000, 20_000, 26_000),
            // One value after the other, each in a thousand rows, or in ten.
            (|row| row / 1_000, 10_000_000, 10_000, 40_000),
            (|row| row / 10, 150_000, 15_000, 30_000),
            // Few that come often, and many that seldom do.
            (|row| skewed(row, 2.0), 150_000, different(150_000, 2.0), 2 * different(150_000, 2.0)),
            (|row| skewed(row, 1.5), 150_000, different(150_000, 1.5), 2 * different(150_000, 1.5)),
        ];
        for (number, (value, rows, least, most)) in cases.into_iter().enumerate() {
            let mut counter = Counter::default();
            for piece in 0..40 {
                let first = (rows - 100) * piece / 39;
                (first..first + 100).for_each(|row| counter.take(value(row) as u32));
                counter.end_piece();
            }
            counter.end_file();
            let at_most = counter.spread(|_| ()).distinct_at_most(rows, 1);
            assert!((least..=most).contains(&at_most), "case {number}: {at_most}");
        }
    }
}
