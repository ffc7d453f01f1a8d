//! Moments of a process, so many at most: where there are more, neighbours are put together, and the largest counts.

use crate::report::Sample;

/// Samples that are kept at most; an even number.
const MOST: usize = 1200;

/// The samples of a run.
#[derive(Debug)]
pub struct Samples {
    kept: Vec<Sample>,
    /// How many moments each of them stands for.
    stride: u64,
    open: Option<(Sample, u64)>,
}

impl Default for Samples {
    fn default() -> Samples {
        Samples { kept: Vec::with_capacity(MOST), stride: 1, open: None }
    }
}

impl Samples {
    /// Takes note of a moment.
    pub fn add(&mut self, sample: Sample) {
        let (open, count) = match self.open.take() {
            Some((open, count)) => (together(open, sample), count + 1),
            None => (sample, 1),
        };
        if count < self.stride {
            self.open = Some((open, count));
            return;
        }
        self.kept.push(open);
        if self.kept.len() == MOST {
            let halved: usize = MOST / 2;
            for position in 0..halved {
                self.kept[position] = together(self.kept[2 * position], self.kept[2 * position + 1]);
            }
            self.kept.truncate(halved);
            self.stride *= 2;
        }
    }

    /// All of them, in order.
    pub fn all(&self) -> impl Iterator<Item = Sample> {
        self.kept.iter().copied().chain(self.open.map(|(open, _)| open))
    }
}

/// Two moments as one: at the largest resident set, with counts as they are at its end.
fn together(before: Sample, after: Sample) -> Sample {
    let larger = if before.resident > after.resident { before } else { after };
    Sample { scratch: before.scratch.max(after.scratch), ..counts(larger, after) }
}

/// `of` with the counts of `at`.
fn counts(of: Sample, at: Sample) -> Sample {
    let Sample { cpu_ms, read, written, waited_ms, pressed_ms, .. } = at;
    Sample { at_s: at.at_s, cpu_ms, read, written, waited_ms, pressed_ms, ..of }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_moments_take_no_more_room_and_keep_the_peak() {
        let mut samples = Samples::default();
        for moment in 0..1_000_000u64 {
            let resident = if moment == 654_321 { 9_000 } else { 1_000 + moment % 7 };
            samples.add(Sample { at_s: moment as f64, resident, cpu_ms: moment, ..Sample::default() });
            assert!(samples.kept.len() < MOST && samples.kept.capacity() == MOST);
        }
        let all: Vec<Sample> = samples.all().collect();
        assert!(all.len() >= MOST / 2 && all.len() <= MOST, "{}", all.len());
        assert!(all.is_sorted_by(|before, after| before.at_s < after.at_s && before.cpu_ms < after.cpu_ms));
        assert_eq!(all.iter().map(|sample| sample.resident).max(), Some(9_000));
        assert_eq!(all.last().map(|sample| sample.cpu_ms), Some(999_999));
    }
}
