//! Percentiles: which ranks they lie between, and the search for the values of ranks, digit by digit.

/// A place between two neighbours in the order of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rank {
    /// The lower neighbour, from 0 on.
    pub lower: u64,
    /// The upper neighbour: the same one at the end.
    pub upper: u64,
    /// How far it is on the way from one to the other.
    pub share: f64,
}

/// Where a percentile of `count` values lies, at least one of them.
///
/// Hyndman & Fan (1996), definition 7: linear between neighbours, as `numpy.percentile` does unless told otherwise.
fn rank_of(percent: f64, count: u64) -> Rank {
    let place = (count - 1) as f64 * (percent / 100.0);
    let lower = (place.floor() as u64).min(count - 1);
    Rank { lower, upper: (lower + 1).min(count - 1), share: place - place.floor() }
}

/// Where percentiles lie; nowhere without values.
pub fn ranks_of(percents: &[f64], count: u64) -> Vec<Rank> {
    let percents = if count == 0 { &[] } else { percents };
    percents.iter().map(|percent| rank_of(*percent, count)).collect()
}

/// The percentile between the values of its neighbours.
pub fn percentile(rank: Rank, lower: f64, upper: f64) -> f64 {
    if rank.share == 0.0 || lower == upper {
        return lower;
    }
    // From the nearer end, as NumPy does.
    match rank.share < 0.5 {
        true => lower + (upper - lower) * rank.share,
        false => upper - (upper - lower) * (1.0 - rank.share),
    }
}

/// A rank on its way to its value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sought {
    rank: u64,
    /// Its rank among the keys with the prefix.
    left: u64,
    prefix: u64,
}

/// The search for the keys of some ranks among keys that are only counted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    sought: Vec<Sought>,
    known: u32,
}

impl Search {
    /// A search that knows nothing yet.
    pub fn new(ranks: impl IntoIterator<Item = u64>) -> Search {
        let mut ranks: Vec<u64> = ranks.into_iter().collect();
        ranks.sort_unstable();
        ranks.dedup();
        Search { sought: ranks.into_iter().map(|rank| Sought { rank, left: rank, prefix: 0 }).collect(), known: 0 }
    }

    /// What the keys begin with, as far as it is known, in order.
    pub fn prefixes(&self) -> Vec<u64> {
        let mut prefixes: Vec<u64> = self.sought.iter().map(|sought| sought.prefix).collect();
        prefixes.dedup();
        prefixes
    }

    /// How many bits of each key are known.
    pub fn known(&self) -> u32 {
        self.known
    }

    /// Learns the next digit of each key from how often each digit follows each prefix.
    pub fn narrow(&mut self, digit: u32, counts: &[u64]) {
        let prefixes = self.prefixes();
        for sought in &mut self.sought {
            let slot = prefixes.partition_point(|prefix| *prefix < sought.prefix);
            let mut next = 0;
            for count in counts.iter().skip(slot << digit).take((1 << digit) - 1) {
                if sought.left < *count {
                    break;
                }
                sought.left -= count;
                next += 1;
            }
            sought.prefix = sought.prefix << digit | next;
        }
        self.known += digit;
    }

    /// The key of a rank that was sought, once all digits are known.
    pub fn key_of(&self, rank: u64) -> Option<u64> {
        self.sought.iter().find(|sought| sought.rank == rank).map(|sought| sought.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_neighbours() {
        for (percent, count, wanted) in
            [(0.0, 5, (0, 1, 0.0)), (50.0, 4, (1, 2, 0.5)), (100.0, 5, (4, 4, 0.0)), (75.0, 1, (0, 0, 0.0))]
        {
            let rank = rank_of(percent, count);
            assert_eq!((rank.lower, rank.upper, rank.share), wanted, "{percent} of {count}");
        }
        assert!(ranks_of(&[50.0], 0).is_empty());
        let half = Rank { lower: 1, upper: 2, share: 0.5 };
        assert_eq!(percentile(half, 2.0, 5.0), 3.5);
        assert_eq!(percentile(half, f64::INFINITY, f64::INFINITY), f64::INFINITY);
    }

    /// Keys of 8 bits, found in digits of 3, 3 and 2 bits.
    #[test]
    fn ranks_are_found_digit_by_digit() {
        let keys = [3u64, 3, 7, 100, 101, 101, 101, 255];
        let mut search = Search::new([7, 0, 2, 4, 5]);
        for digit in [3, 3, 2] {
            let prefixes = search.prefixes();
            let mut counts = vec![0; prefixes.len() << digit];
            for key in keys {
                if let Ok(slot) = prefixes.binary_search(&(key >> (8 - search.known()))) {
                    let next = key >> (8 - search.known() - digit) & ((1 << digit) - 1);
                    counts[(slot << digit) + next as usize] += 1;
                }
            }
            search.narrow(digit, &counts);
        }
        for rank in [0, 2, 4, 5, 7] {
            assert_eq!(search.key_of(rank), Some(keys[rank as usize]), "rank {rank}");
        }
        assert_eq!(search.key_of(1), None);
    }
}
