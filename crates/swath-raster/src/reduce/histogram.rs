//! Bins of equal width, and which of them a value belongs to.

/// Bins between edges: each holds its lower edge, the last one its upper edge, too.
#[derive(Debug, Clone, PartialEq)]
pub struct Bins {
    edges: Vec<f64>,
    per_unit: f64,
}

impl Bins {
    /// So many bins from `least` to `greatest`; a range of one value becomes one wide around it, as in
    /// `numpy.histogram`. At least one bin; the range is finite, and not the wrong way round.
    pub fn new(count: usize, least: f64, greatest: f64) -> Bins {
        let (least, greatest) = if least == greatest { (least - 0.5, greatest + 0.5) } else { (least, greatest) };
        let width = greatest - least;
        let step =
            if width.is_finite() { width / count as f64 } else { greatest / count as f64 - least / count as f64 };
        let edge = |number: f64| match width.is_finite() {
            true => number * step + least,
            // Of a range that is beyond all floats each part is still one of them.
            false => (least - number * (least / count as f64)) + number * (greatest / count as f64),
        };
        let mut edges: Vec<f64> = (0..=count).map(|number| edge(number as f64)).collect();
        edges[count] = greatest;
        Bins { edges, per_unit: 1.0 / step }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.edges.len() - 1
    }

    /// Their edges: one more than there are bins.
    pub fn edges(&self) -> &[f64] {
        &self.edges
    }

    /// Where a value is counted: 0 for what is below all bins, then one place for each, and last what is above.
    pub fn place(&self, value: f64) -> usize {
        let count = self.count();
        let (least, greatest) = (self.edges[0], self.edges[count]);
        if value < least {
            return 0;
        }
        if value > greatest {
            return count + 1;
        }
        // The guess is at most off by rounding; the edges decide.
        let mut bin = ((value * self.per_unit - least * self.per_unit) as usize).min(count - 1);
        while bin > 0 && value < self.edges[bin] {
            bin -= 1;
        }
        while bin + 1 < count && value >= self.edges[bin + 1] {
            bin += 1;
        }
        bin + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bins: &Bins, cases: &[(f64, usize)]) {
        for (value, place) in cases {
            assert_eq!(bins.place(*value), *place, "{value} in {:?}", bins.edges());
        }
    }

    #[test]
    fn edges_decide() {
        let bins = Bins::new(3, 0.0, 0.3);
        assert_eq!(bins.edges(), [0.0, 0.09999999999999999, 0.19999999999999998, 0.3]);
        check(&bins, &[(-0.1, 0), (0.0, 1), (0.1, 2), (0.2, 3), (0.3, 3), (0.31, 4), (f64::INFINITY, 4)]);
        let one = Bins::new(2, 7.0, 7.0);
        check(&one, &[(6.4, 0), (6.5, 1), (7.0, 2), (7.5, 2)]);
        let all = Bins::new(4, f64::MIN, f64::MAX);
        check(&all, &[(f64::MIN, 1), (-1.0, 2), (1.0, 3), (f64::MAX, 4), (f64::NEG_INFINITY, 0)]);
    }
}
