//! Huffman codes: their lengths as they stand in a stream, and tables of what the next bits mean.
//!
//! An entry of a table is a word:
//!
//! | bits | what |
//! |---|---|
//! | 0–5 | how many bits it takes, with extra bits behind its codes |
//! | 6–9 | how many of these are codes |
//! | 10–13 | how many bytes come of it, up to 8; 0 if it takes more to know them |
//! | 14 | whether they are a match |
//! | 15 | whether it is the end of the block, or a code longer than what is looked up |
//! | 16–31 | up to two literals; or the least length; or the least distance |

use super::Fault;
use super::bits::Bits;

/// The most bits of a code.
const LONGEST: usize = 15;

/// How many bits are looked up at once, for literals and lengths.
const SYMBOL_BITS: u32 = 12;

/// How many bits are looked up at once, for distances.
const DISTANCE_BITS: u32 = 10;

/// Literals and lengths that a code may have; the last two mean nothing, and are read as the longest match.
const SYMBOLS: usize = 288;

/// Distances that a code may have; the last two mean nothing, and are read as the one before.
const DISTANCES: usize = 32;

/// Codes of lengths.
const PRECODES: usize = 19;

const BYTE: u32 = 1 << 10;
const BYTES: u32 = 15 << 10;
const MATCH: u32 = 1 << 14;
const SPECIAL: u32 = 1 << 15;
const END: u32 = SPECIAL;
const LONG: u32 = SPECIAL | 1 << 16;

/// What the next bits mean.
#[derive(Clone, Copy)]
pub(super) struct Entry(u32);

impl Entry {
    /// The bits that it takes.
    #[inline(always)]
    pub fn bits(self) -> u32 {
        self.0 & 63
    }

    /// How many bytes come of it; 0 for what [`Entry::is_special`] and for a length alone.
    #[inline(always)]
    pub fn bytes(self) -> usize {
        ((self.0 & BYTES) >> 10) as usize
    }

    /// Whether it is a match, with its distance.
    #[inline(always)]
    pub fn is_match(self) -> bool {
        self.0 & MATCH != 0
    }

    /// Whether it is the end of a block or a code that is not in the table.
    #[inline(always)]
    pub fn is_special(self) -> bool {
        self.0 & SPECIAL != 0
    }

    /// Whether its code is longer than what is looked up.
    #[inline(always)]
    pub fn is_long(self) -> bool {
        self.0 & !63 == LONG
    }

    /// The literals, the length or the distance that it stands for where `held` are the next bits.
    #[inline(always)]
    pub fn value(self, held: u64) -> usize {
        let extra = (held & ((1 << self.bits()) - 1)) >> ((self.0 >> 6) & 15);
        (self.0 >> 16) as usize + extra as usize
    }
}

/// An entry but for the bits of its code: the least value, and how many extra bits follow.
const fn ranged(least: u32, extra: u32) -> u32 {
    least << 16 | extra
}

const SYMBOL_ENTRIES: [u32; SYMBOLS] = {
    let mut entries = [0; SYMBOLS];
    let mut symbol = 0;
    while symbol < 256 {
        entries[symbol] = (symbol as u32) << 16 | BYTE;
        symbol += 1;
    }
    entries[256] = END;
    // Lengths of 3 to 10, then four for each number of extra bits.
    let (mut code, mut least) = (0, 3);
    while code < 28 {
        let extra = if code < 8 { 0 } else { code / 4 - 1 };
        entries[257 + code as usize] = ranged(least, extra);
        least += 1 << extra;
        code += 1;
    }
    (entries[285], entries[286], entries[287]) = (ranged(258, 0), ranged(258, 0), ranged(258, 0));
    entries
};

const DISTANCE_ENTRIES: [u32; DISTANCES] = {
    let mut entries = [0; DISTANCES];
    let (mut code, mut least) = (0, 1);
    while code < 30 {
        let extra = if code < 4 { 0 } else { code / 2 - 1 };
        entries[code as usize] = ranged(least, extra);
        least += 1 << extra;
        code += 1;
    }
    (entries[30], entries[31]) = (entries[29], entries[29]);
    entries
};

const PRECODE_ENTRIES: [u32; PRECODES] = {
    let mut entries = [0; PRECODES];
    let mut symbol = 0;
    while symbol < PRECODES {
        entries[symbol] = (symbol as u32) << 16;
        symbol += 1;
    }
    entries
};

/// A table of `SIZE` entries, a power of two, for codes of up to `COUNT` symbols; codes that are too long for it are
/// found by their order.
struct Table<const SIZE: usize, const COUNT: usize> {
    entries: [Entry; SIZE],
    /// Symbols by their codes.
    sorted: [u16; COUNT],
    /// For each length of codes: the end of those, as a number of that many bits, and what to add for the place of a
    /// symbol in `sorted`.
    ends: [(u32, i32); LONGEST + 1],
    /// What symbols stand for.
    meanings: &'static [u32; COUNT],
}

impl<const SIZE: usize, const COUNT: usize> Table<SIZE, COUNT> {
    const BITS: u32 = SIZE.trailing_zeros();

    fn new(meanings: &'static [u32; COUNT]) -> Self {
        let (entries, ends) = ([Entry(0); SIZE], [(0, 0); LONGEST + 1]);
        Table { entries, sorted: [0; COUNT], ends, meanings }
    }

    /// What the next bits mean.
    #[inline(always)]
    fn entry(&self, held: u64) -> Entry {
        self.entries[held as usize & (SIZE - 1)]
    }

    /// What the next bits mean where it is not in the table.
    #[cold]
    fn long(&self, held: u64) -> Result<Entry, Fault> {
        let code = u32::from((held as u16).reverse_bits());
        for length in Self::BITS + 1..=LONGEST as u32 {
            let (own, (end, add)) = (code >> (16 - length), self.ends[length as usize]);
            if own < end {
                let symbol = self.sorted.get((own as i32 + add) as usize).ok_or(Fault::Code)?;
                return Ok(self.meaning(usize::from(*symbol), length));
            }
        }
        Err(Fault::Code)
    }

    fn meaning(&self, symbol: usize, length: u32) -> Entry {
        Entry(self.meanings[symbol % COUNT] + (length << 6 | length))
    }

    /// Makes the table of a code of which the lengths are given.
    fn build(&mut self, lengths: &[u8]) -> Result<(), Fault> {
        let mut counts = [0u32; LONGEST + 1];
        for length in lengths {
            counts[usize::from(*length & 15)] += 1;
        }
        let mut places = [0; LONGEST + 1];
        let (mut code, mut place) = (0, 0);
        for length in 1..=LONGEST {
            code <<= 1;
            self.ends[length] = (code + counts[length], place as i32 - code as i32);
            places[length] = place as usize;
            (code, place) = (code + counts[length], place + counts[length]);
        }
        for (symbol, length) in lengths.iter().enumerate().filter(|(_, length)| **length > 0) {
            let place = &mut places[usize::from(*length & 15)];
            if let Some(sorted) = self.sorted.get_mut(*place) {
                *sorted = symbol as u16;
            }
            *place += 1;
        }
        match code.cmp(&(1 << LONGEST)) {
            std::cmp::Ordering::Greater => return Err(Fault::Code),
            std::cmp::Ordering::Equal => self.fill(&counts),
            // No code, or a single one of one bit: both bits mean it.
            std::cmp::Ordering::Less => {
                let symbol = match place {
                    0 => 0,
                    1 if counts[1] == 1 => usize::from(self.sorted[0]),
                    _ => return Err(Fault::Code),
                };
                let entry = self.meaning(symbol, 1);
                self.entries.fill(entry);
            }
        }
        Ok(())
    }

    /// Fills the table by codes in their order. They stand in a stream with the highest bit first, so that an entry of n
    /// bits comes again every 2ⁿ entries: the table is doubled with each bit.
    fn fill(&mut self, counts: &[u32; LONGEST + 1]) {
        let (mut code, mut place, mut end) = (0usize, 0, 1);
        for length in 1..=Self::BITS {
            self.entries.copy_within(..end, end);
            end *= 2;
            for _ in 0..counts[length as usize] {
                let symbol = self.sorted[place % COUNT];
                self.entries[code % SIZE] = self.meaning(usize::from(symbol), length);
                place += 1;
                code = following(code, end);
            }
        }
        // What is left are beginnings of longer codes. After the last code comes the first one again.
        while code != 0 {
            self.entries[code % SIZE] = Entry(LONG);
            code = following(code, SIZE);
        }
        if counts[1..=Self::BITS as usize].iter().all(|count| *count == 0) {
            self.entries.fill(Entry(LONG));
        }
    }
}

/// The code after a code, both with their highest bits at the lowest place, of as many bits as make `end` codes.
#[inline(always)]
fn following(code: usize, end: usize) -> usize {
    let zeros = code ^ (end - 1);
    if zeros == 0 {
        return 0;
    }
    let bit = 1 << zeros.ilog2();
    code & (bit - 1) | bit
}

/// The code of literals and lengths.
pub(super) struct Symbols(Table<{ 1 << SYMBOL_BITS }, SYMBOLS>);

impl Default for Symbols {
    fn default() -> Symbols {
        Symbols(Table::new(&SYMBOL_ENTRIES))
    }
}

impl Symbols {
    /// The bits that the entries take at most.
    pub const BITS: u32 = SYMBOL_BITS;

    #[inline(always)]
    pub fn entry(&self, held: u64) -> Entry {
        self.0.entry(held)
    }

    pub fn long(&self, held: u64) -> Result<Entry, Fault> {
        self.0.long(held)
    }

    pub fn build(&mut self, lengths: &[u8], distances: &Distances) -> Result<(), Fault> {
        self.0.build(lengths)?;
        self.join(distances);
        Ok(())
    }

    /// Puts two literals into one entry, and a length with its distance, where all their codes are looked up at once.
    /// What follows a code is found at a lower place, so going down the entries there are still those of one symbol.
    fn join(&mut self, distances: &Distances) {
        let entries = &mut self.0.entries;
        for place in (0..entries.len()).rev() {
            let first = entries[place].0;
            let (bits, rest) = (first & 63, place >> (first & 31));
            if first & BYTES != 0 {
                let second = entries[rest].0;
                let fits = second & BYTES != 0 && bits + (second & 63) <= SYMBOL_BITS;
                let both = first + (second & (BYTES | 0x3ff)) + (second >> 16 << 24);
                entries[place] = Entry(if fits { both } else { first });
            } else if first & SPECIAL == 0 && first >> 16 <= 8 {
                let distance = distances.entry(rest as u64).0;
                if distance & SPECIAL == 0 && bits + (distance >> 6 & 15) <= SYMBOL_BITS {
                    entries[place] = Entry(distance + (first & 0x3ff) + (first >> 16 << 10) + MATCH);
                }
            }
        }
    }
}

/// The code of distances.
pub(super) struct Distances(Table<{ 1 << DISTANCE_BITS }, DISTANCES>);

impl Default for Distances {
    fn default() -> Distances {
        Distances(Table::new(&DISTANCE_ENTRIES))
    }
}

impl Distances {
    #[inline(always)]
    pub fn entry(&self, held: u64) -> Entry {
        self.0.entry(held)
    }

    pub fn long(&self, held: u64) -> Result<Entry, Fault> {
        self.0.long(held)
    }

    pub fn build(&mut self, lengths: &[u8]) -> Result<(), Fault> {
        self.0.build(lengths)
    }
}

/// Lengths of both codes of a block.
pub(super) struct Lengths {
    /// Those of literals and lengths, then those of distances, with room for a repetition too long.
    all: [u8; SYMBOLS + DISTANCES + 138],
    symbols: usize,
    distances: usize,
    precode: Table<128, PRECODES>,
}

impl Default for Lengths {
    fn default() -> Lengths {
        let all = [0; SYMBOLS + DISTANCES + 138];
        Lengths { all, symbols: 0, distances: 0, precode: Table::new(&PRECODE_ENTRIES) }
    }
}

impl Lengths {
    pub fn symbols(&self) -> &[u8] {
        &self.all[..self.symbols]
    }

    pub fn distances(&self) -> &[u8] {
        &self.all[self.symbols..self.symbols + self.distances]
    }

    /// The share of matches of up to eight bytes among literals and matches, as far as lengths of codes tell.
    pub fn short_matches(&self) -> f64 {
        let lengths = self.symbols().iter().skip(257).take(6);
        lengths.filter(|length| **length > 0).map(|length| 0.5_f64.powi(i32::from(*length))).sum()
    }

    /// Those of blocks that bring none.
    pub fn fix(&mut self) {
        (self.symbols, self.distances) = (SYMBOLS, DISTANCES);
        for (range, length) in [(0..144, 8), (144..256, 9), (256..280, 7), (280..288, 8), (288..320, 5)] {
            self.all[range].fill(length);
        }
    }

    /// Those that a block begins with.
    pub fn read(&mut self, bits: &mut Bits<'_>) -> Result<(), Fault> {
        (self.symbols, self.distances) = (257 + bits.take(5) as usize, 1 + bits.take(5) as usize);
        let count = 4 + bits.take(4) as usize;
        let mut precode = [0; PRECODES];
        for place in &[16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15][..count] {
            bits.refill();
            precode[*place] = bits.take(3) as u8;
        }
        self.precode.build(&precode)?;
        let (mut at, wanted) = (0, self.symbols + self.distances);
        while at < wanted {
            bits.refill();
            let entry = self.precode.entry(bits.held);
            bits.skip(entry.bits());
            let (length, count) = match entry.0 >> 16 {
                16 => (*self.all[..at].last().ok_or(Fault::Code)?, 3 + bits.take(2)),
                17 => (0, 3 + bits.take(3)),
                18 => (0, 11 + bits.take(7)),
                length => (length as u8, 1),
            };
            self.all[at..at + count as usize].fill(length);
            at += count as usize;
        }
        if at > wanted || bits.is_beyond() { Err(Fault::Code) } else { Ok(()) }
    }
}
