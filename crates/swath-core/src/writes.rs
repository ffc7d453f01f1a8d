//! How long writes take: a histogram of fixed buckets for the whole process, without a lock, since every write passes here.
//!
//! What is measured is the call, which ends in the system's cache as a rule; making it durable is measured by whoever does it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Upper bounds of the buckets, in microseconds; beyond the last one there is one more.
pub const BOUNDS_US: [u64; 18] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 10_000_000,
];
const BUCKETS: usize = BOUNDS_US.len() + 1;

static COUNTS: [AtomicU64; BUCKETS] = [const { AtomicU64::new(0) }; BUCKETS];
static SUM_NS: AtomicU64 = AtomicU64::new(0);

/// Does a write and takes its time.
#[inline]
pub fn timed<T>(write: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = write();
    note(begun.elapsed());
    done
}

fn note(took: Duration) {
    if let Some(count) = COUNTS.get(bucket(took)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    SUM_NS.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

fn bucket(took: Duration) -> usize {
    let bound = |us: &u64| Duration::from_micros(*us) < took;
    BOUNDS_US.partition_point(bound)
}

/// Writes by how long they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WriteTimes {
    /// How many fell into each bucket.
    pub counts: [u64; BUCKETS],
    /// How long all of them took.
    pub sum: Duration,
}

impl WriteTimes {
    /// Those of this process up to now.
    pub fn now() -> WriteTimes {
        let mut counts = [0; BUCKETS];
        for (count, of) in counts.iter_mut().zip(&COUNTS) {
            *count = of.load(Ordering::Relaxed);
        }
        WriteTimes { counts, sum: Duration::from_nanos(SUM_NS.load(Ordering::Relaxed)) }
    }

    /// Those since `before`.
    pub fn since(&self, before: &WriteTimes) -> WriteTimes {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(&before.counts) {
            *count = count.saturating_sub(*before);
        }
        WriteTimes { counts, sum: self.sum.saturating_sub(before.sum) }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long a share of them took at most, in milliseconds, as exactly as buckets tell; none where there were none.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let wanted = self.count() as f64 * share;
        let mut below = 0;
        for (position, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            if (below + count) as f64 >= wanted {
                let bound = |at: usize| BOUNDS_US.get(at).copied().unwrap_or(BOUNDS_US[BOUNDS_US.len() - 1]) as f64;
                let least = if position == 0 { 0.0 } else { bound(position - 1) };
                let part = ((wanted - below as f64) / *count as f64).clamp(0.0, 1.0);
                return Some((least + (bound(position) - least) * part) / 1e3);
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_found_in_buckets() {
        let of = |times: &[u64]| {
            let mut all = WriteTimes::default();
            for us in times {
                all.counts[bucket(Duration::from_micros(*us))] += 1;
                all.sum += Duration::from_micros(*us);
            }
            all
        };
        assert_eq!(WriteTimes::default().quantile_ms(0.5), None);
        let even = of(&[20; 100]);
        assert!(even.quantile_ms(0.5).is_some_and(|ms| (0.01..=0.025).contains(&ms)), "{even:?}");
        let one_slow = of(&[[30; 95].as_slice(), &[400_000; 5]].concat());
        assert!(one_slow.quantile_ms(0.5).is_some_and(|ms| ms <= 0.05), "{one_slow:?}");
        assert!(one_slow.quantile_ms(0.99).is_some_and(|ms| (250.0..=500.0).contains(&ms)), "{one_slow:?}");
        // Beyond the last bound no more is known than that.
        assert_eq!(of(&[60_000_000]).quantile_ms(0.99), Some(10_000.0));
        assert_eq!(of(&[20, 20, 20]).since(&of(&[20])), of(&[20, 20]));
    }

    #[test]
    fn bounds_belong_to_their_buckets() {
        for (us, wanted) in [(0, 0), (10, 0), (11, 1), (10_000_000, 17), (10_000_001, 18)] {
            assert_eq!(bucket(Duration::from_micros(us)), wanted, "{us}");
        }
    }

    #[test]
    fn writes_of_threads_are_counted() {
        let before = WriteTimes::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| timed(|| ())));
            }
        });
        assert!(WriteTimes::now().since(&before).count() >= 4000);
    }
}
