//! Tasks of a run, so many at most: where there are more, neighbours of a stage are put together.

use crate::report::Chunk;

/// Chunks that are kept at most.
const MOST: usize = 4096;

/// The chunks of a run.
#[derive(Debug)]
pub struct Chunks(Vec<Chunk>);

impl Default for Chunks {
    fn default() -> Chunks {
        Chunks(Vec::with_capacity(MOST))
    }
}

impl Chunks {
    /// Takes note of a task.
    pub fn add(&mut self, chunk: Chunk) {
        self.0.push(chunk);
        if self.0.len() == MOST {
            self.merge();
        }
    }

    /// All of them, in the order of stages and units.
    pub fn in_order(&mut self) -> &[Chunk] {
        self.0.sort_unstable_by_key(|chunk| (chunk.stage, chunk.first));
        &self.0
    }

    /// The same, coarser: so many at most.
    pub fn at_most(&mut self, most: usize) -> Vec<Chunk> {
        let mut chunks = self.in_order().to_vec();
        while chunks.len() > most.max(8) {
            merge(&mut chunks);
        }
        chunks
    }

    fn merge(&mut self) {
        self.in_order();
        merge(&mut self.0);
    }
}

/// Puts pairs of neighbours together: the smaller ones first, so that all get as coarse as the others.
fn merge(chunks: &mut Vec<Chunk>) {
    let all = chunks.len();
    let mut counts: Vec<u64> = chunks.iter().map(|chunk| chunk.count).collect();
    let (_, median, _) = counts.select_nth_unstable(all / 2);
    let most = *median;
    drop(counts);
    let (mut kept, mut next) = (0, 0);
    while next < all {
        let chunk = chunks[next];
        let partner = chunks.get(next + 1).copied().filter(|partner| partner.stage == chunk.stage);
        let merged = partner.filter(|partner| chunk.count.max(partner.count) <= most);
        chunks[kept] = merged.map_or(chunk, |partner| together(chunk, partner));
        next += if merged.is_some() { 2 } else { 1 };
        kept += 1;
    }
    // Stages of one task each, say, have no neighbours: then what came last is left out.
    chunks.truncate(kept.min(all - all / 8));
}

fn together(before: Chunk, after: Chunk) -> Chunk {
    Chunk {
        stage: before.stage,
        first: before.first,
        end: before.end.max(after.end),
        begin_s: before.begin_s.min(after.begin_s),
        end_s: before.end_s.max(after.end_s),
        busy_s: before.busy_s + after.busy_s,
        longest_s: before.longest_s.max(after.longest_s),
        work: before.work.saturating_add(after.work),
        count: before.count + after.count,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tasks_take_no_more_room_and_lose_nothing() {
        let mut chunks = Chunks::default();
        let mut number = 0;
        for stage in 0..3 {
            for unit in 0..333_333u64 {
                // Two workers, so that neighbours do not come one after the other.
                let first = if unit < 333_332 { unit ^ 1 } else { unit };
                number += 1;
                let at = f64::from(number);
                chunks.add(Chunk {
                    stage,
                    first,
                    end: first + 1,
                    begin_s: at,
                    end_s: at + 1.0,
                    busy_s: 1.0,
                    longest_s: 1.0,
                    work: 10,
                    count: 1,
                });
                assert!(chunks.0.len() < MOST && chunks.0.capacity() == MOST);
            }
        }
        let few = chunks.at_most(500);
        assert!((100..=500).contains(&few.len()), "{}", few.len());
        assert_eq!(few.iter().map(|chunk| chunk.count).sum::<u64>(), 999_999);
        let all = chunks.in_order();
        assert!(all.len() > MOST / 4, "{}", all.len());
        assert_eq!(all.iter().map(|chunk| chunk.count).sum::<u64>(), 999_999);
        assert_eq!(all.iter().map(|chunk| chunk.work).sum::<u64>(), 9_999_990);
        for stage in 0..3 {
            let of_stage: Vec<&Chunk> = all.iter().filter(|chunk| chunk.stage == stage).collect();
            assert_eq!(of_stage.iter().map(|chunk| chunk.count).sum::<u64>(), 333_333);
            assert_eq!(of_stage.iter().map(|chunk| chunk.end).max(), Some(333_333));
        }
    }
}
