//! What depends on the order of the neighbours' values: median, percentiles, the most frequent one.
//!
//! Values are selected as whole numbers that are in the order of [`f64::total_cmp`], which compare faster than floats.

use super::taps::{Span, Taps};

/// Which value is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Which {
    Median,
    /// A share from 0 to 1 of the way from the least to the greatest.
    Quantile(f64),
    Majority,
}

/// A value by its rank among neighbours.
pub(super) struct Rank {
    pub which: Which,
    pub taps: Taps,
    spans: Vec<Span>,
}

impl Rank {
    pub fn new(which: Which, taps: Taps) -> Rank {
        let spans = taps.spans();
        Rank { which, taps, spans }
    }

    /// The values of a row whose pixels stand from `centre` on; missing ones are NaN. `cells` takes all neighbours.
    pub fn row(&self, values: &[f64], starts: &[usize], centre: usize, cells: &mut [i64], out: &mut [f64]) {
        for (column, (out, own)) in out.iter_mut().zip(&values[centre..]).enumerate() {
            if own.is_nan() {
                *out = 0.0;
                continue;
            }
            let mut count = 0;
            for span in &self.spans {
                let start = starts[span.row] + span.column + column;
                // Steps are whole, so the last pixels may be none of the window.
                let Some(neighbours) = values.get(start..start + span.count) else { continue };
                for value in neighbours {
                    if let Some(cell) = cells.get_mut(count) {
                        *cell = key(*value);
                    }
                    count += usize::from(!value.is_nan());
                }
            }
            *out = match cells.get_mut(..count) {
                Some(cells) if count > 0 => self.pick(cells),
                _ => 0.0,
            };
        }
    }

    fn pick(&self, cells: &mut [i64]) -> f64 {
        let last = cells.len() - 1;
        match self.which {
            Which::Median => {
                let (lower, upper) = pair(cells, last / 2);
                if last.is_multiple_of(2) { lower } else { (lower + upper) / 2.0 }
            }
            Which::Quantile(share) => {
                let place = share * last as f64;
                let (lower, upper) = pair(cells, place as usize);
                between(lower, upper, place.fract())
            }
            Which::Majority => majority(cells),
        }
    }
}

/// The value of a rank, from 0 on, and the next one; the same where it is the last.
fn pair(cells: &mut [i64], rank: usize) -> (f64, f64) {
    let rank = rank.min(cells.len() - 1);
    let (_, lower, above) = cells.select_nth_unstable(rank);
    let upper = above.iter().fold(None, |least: Option<i64>, cell| Some(least.map_or(*cell, |least| least.min(*cell))));
    (value(*lower), value(upper.unwrap_or(*lower)))
}

/// From one value to the other by a share of the way, from the nearer end (as NumPy does).
fn between(lower: f64, upper: f64, share: f64) -> f64 {
    let way = upper - lower;
    match (share == 0.0 || way == 0.0, share < 0.5) {
        (true, _) => lower,
        (_, true) => lower + way * share,
        (_, false) => upper - way * (1.0 - share),
    }
}

/// The most frequent value, the smallest of several.
fn majority(cells: &mut [i64]) -> f64 {
    cells.sort_unstable();
    let (mut best, mut most) = (cells[0], 0);
    for run in cells.chunk_by(|one, other| one == other) {
        if run.len() > most {
            (best, most) = (run[0], run.len());
        }
    }
    value(best)
}

/// A whole number in the order of [`f64::total_cmp`]; +0 for both zeros.
fn key(value: f64) -> i64 {
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

/// The way back.
fn value(key: i64) -> f64 {
    f64::from_bits((key ^ (((key >> 63) as u64) >> 1) as i64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_values() {
        let values = [f64::NEG_INFINITY, -1e300, -2.5, -1e-300, 0.0, 1e-300, 1.0, 7.25, f64::INFINITY];
        assert!(values.is_sorted_by(|one, other| key(*one) < key(*other)));
        assert!(values.iter().all(|one| value(key(*one)) == *one));
        assert_eq!(key(-0.0), key(0.0));
    }

    #[test]
    fn ranks() {
        let check = |which, values: &[f64], wanted: f64| {
            let mut cells: Vec<i64> = values.iter().copied().map(key).collect();
            assert_eq!(Rank::new(which, Taps::rectangle(1, 1)).pick(&mut cells), wanted, "{which:?} of {values:?}");
        };
        check(Which::Median, &[3.0, 1.0, 2.0], 2.0);
        check(Which::Median, &[3.0, 1.0, 2.0, 10.0], 2.5);
        check(Which::Median, &[-3.0], -3.0);
        check(Which::Quantile(0.9), &[1.0, 2.0, 3.0, 4.0], 3.7);
        check(Which::Quantile(1.0), &[4.0, 2.0], 4.0);
        check(Which::Quantile(0.0), &[4.0, 2.0], 2.0);
        check(Which::Majority, &[4.0, 2.0, 4.0, 2.0, 9.0], 2.0);
        check(Which::Majority, &[4.0, -2.0, 4.0], 4.0);
    }
}
