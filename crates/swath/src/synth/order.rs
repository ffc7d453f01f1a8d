//! Which reading stands where: duplicates, malformed rows, late rows and the shuffle, each computable from a row's
//! number alone, in both directions.
//!
//! Readings are numbered by *slots* in the order of time; a file shows slots at *positions*.

use super::Telemetry;

/// Copies and late rows stay within blocks of this many slots.
pub(super) const BLOCK: u64 = 1 << 17;
/// Copies come within this many slots.
const COPY_BITS: u32 = 13;
/// The lowest bits of a slot are the same for both of a pair; there is one distance per block and value of them.
const CLASS_BITS: u32 = 3;

/// SplitMix64's finaliser over a stream and an index: a counter-based generator.
pub(super) fn hash(stream: u64, index: u64) -> u64 {
    let mut value = index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ stream;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A stream of random numbers for one purpose.
pub(super) fn stream(seed: u64, purpose: u64) -> u64 {
    hash(hash(0x5377_6174_6853_796e, seed), purpose)
}

/// What a rate is among all values of a hash.
pub(super) fn chance(rate: f64) -> u64 {
    // 2^64; the cast saturates at a rate of 1.
    (rate * 18_446_744_073_709_551_616.0) as u64
}

/// What a slot shares with its partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    /// Nothing.
    None,
    /// The whole row.
    Exact,
    /// Sensor and time.
    Conflicting,
}

/// The arrangement of a file.
#[derive(Debug)]
pub(super) struct Order {
    malformed: u64,
    exact: u64,
    exact_or_conflicting: u64,
    moved: u64,
    malformed_stream: u64,
    pair_stream: u64,
    copy_stream: u64,
    move_stream: u64,
    moved_stream: u64,
    shuffle: Option<Shuffle>,
}

impl Order {
    pub(super) fn new(settings: &Telemetry) -> Order {
        // A pair holds one copy among two rows, and exists only where both rows are readings.
        let sound = (1.0 - settings.malformed) * (1.0 - settings.malformed);
        let per_pair = |rate: f64| {
            if sound > 0.0 { (2.0 * rate / sound).min(1.0) } else { 0.0 }
        };
        Order {
            malformed: chance(settings.malformed),
            exact: chance(per_pair(settings.duplicates)),
            exact_or_conflicting: chance(per_pair(settings.duplicates + settings.conflicts)),
            moved: if settings.shuffle { 0 } else { chance(settings.disorder) },
            malformed_stream: stream(settings.seed, 1),
            pair_stream: stream(settings.seed, 2),
            copy_stream: stream(settings.seed, 3),
            move_stream: stream(settings.seed, 4),
            moved_stream: stream(settings.seed, 5),
            shuffle: None,
        }
    }

    /// Shuffles the first `rows` positions.
    pub(super) fn shuffle(&mut self, rows: u64, seed: u64) {
        self.shuffle = Some(Shuffle::new(rows, stream(seed, 6)));
    }

    /// The kind of damage of a slot that is no reading.
    pub(super) fn malformed(&self, slot: u64) -> Option<u64> {
        let roll = hash(self.malformed_stream, slot);
        (roll < self.malformed).then(|| hash(!self.malformed_stream, slot) % 5)
    }

    /// The partner of a slot, and what they share.
    pub(super) fn pair(&self, slot: u64) -> (Pair, u64) {
        if self.exact_or_conflicting == 0 {
            return (Pair::None, slot);
        }
        let other = partner(self.pair_stream, slot, COPY_BITS);
        let roll = hash(self.copy_stream, slot.min(other));
        if roll >= self.exact_or_conflicting || self.malformed(slot).is_some() || self.malformed(other).is_some() {
            return (Pair::None, other);
        }
        (if roll < self.exact { Pair::Exact } else { Pair::Conflicting }, other)
    }

    /// The slot that a position shows.
    pub(super) fn slot_at(&self, position: u64) -> u64 {
        match &self.shuffle {
            Some(shuffle) => shuffle.forward(position),
            None => self.swapped(position),
        }
    }

    /// The position that shows a slot.
    pub(super) fn position_of(&self, slot: u64) -> u64 {
        match &self.shuffle {
            Some(shuffle) => shuffle.backward(slot),
            None => self.swapped(slot),
        }
    }

    /// Late rows change places with rows further on, so the way there is also the way back.
    fn swapped(&self, slot: u64) -> u64 {
        if self.moved == 0 {
            return slot;
        }
        let other = partner(self.move_stream, slot, BLOCK.trailing_zeros());
        if hash(self.moved_stream, slot.min(other)) < self.moved { other } else { slot }
    }
}

/// The one other slot that belongs to a slot: an involution within blocks of 2^`bits`.
///
/// Flipping the same bits twice changes nothing, and the bits to flip depend only on what the flip leaves alone.
fn partner(stream: u64, slot: u64, bits: u32) -> u64 {
    let class = slot & ((1 << CLASS_BITS) - 1);
    let roll = hash(stream, (slot >> bits) << CLASS_BITS | class);
    // Short distances are as likely as long ones, on a scale of powers of two.
    let width = 1 + (roll >> 32) as u32 % (bits - CLASS_BITS);
    let mask = 1 + (roll & 0xffff_ffff) % ((1 << width) - 1);
    slot ^ (mask << CLASS_BITS)
}

/// A permutation of the numbers below `count`: a Feistel network over the next even power of two, walked until it
/// falls below (Black and Rogaway, "Ciphers with arbitrary finite domains").
#[derive(Debug)]
struct Shuffle {
    count: u64,
    half_bits: u32,
    keys: [u64; 4],
}

impl Shuffle {
    fn new(count: u64, key: u64) -> Shuffle {
        let bits = 64 - count.saturating_sub(1).leading_zeros();
        Shuffle { count, half_bits: bits.div_ceil(2).max(1), keys: [1, 2, 3, 4].map(|round| hash(key, round)) }
    }

    fn forward(&self, number: u64) -> u64 {
        self.walk(number, |value, half, low| {
            self.keys.iter().fold(value, |value, key| {
                let (left, right) = (value >> half, value & low);
                right << half | (left ^ (hash(*key, right) & low))
            })
        })
    }

    fn backward(&self, number: u64) -> u64 {
        self.walk(number, |value, half, low| {
            self.keys.iter().rev().fold(value, |value, key| {
                let (right, mixed) = (value >> half, value & low);
                (mixed ^ (hash(*key, right) & low)) << half | right
            })
        })
    }

    /// Applies `round` until the value is below the count again; numbers from there on stay where they are.
    fn walk(&self, number: u64, round: impl Fn(u64, u32, u64) -> u64) -> u64 {
        if number >= self.count {
            return number;
        }
        let mut value = number;
        loop {
            value = round(value, self.half_bits, (1 << self.half_bits) - 1);
            if value < self.count {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partners_are_mutual() {
        for bits in [COPY_BITS, 17] {
            for slot in (0..1_000_000).step_by(7) {
                let other = partner(99, slot, bits);
                assert_ne!(other, slot);
                assert_eq!(other >> bits, slot >> bits);
                assert_eq!(partner(99, other, bits), slot);
            }
        }
    }

    #[test]
    fn shuffles_are_permutations() {
        for count in [1u64, 2, 3, 10, 1000, 4096, 4097, 100_000] {
            let shuffle = Shuffle::new(count, 5);
            let mut seen = vec![false; count as usize];
            for number in 0..count {
                let value = shuffle.forward(number);
                assert!(!std::mem::replace(&mut seen[value as usize], true), "{value} twice of {count}");
                assert_eq!(shuffle.backward(value), number);
            }
            assert_eq!(shuffle.forward(count), count);
        }
    }
}
