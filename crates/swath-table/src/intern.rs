//! Distinct texts and their identifiers, shared by all workers of a run, inside a bound.
//!
//! Identifiers are given in order of arrival, which depends on threads: nothing that reaches a file may depend on
//! them. Ranks, which order texts bytewise, may. What a text takes is asked for before it is copied, growing tables
//! included.

use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hasher};
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::{FxBuildHasher, FxHashMap};
use swath_core::{Bytes, Error, Result};

/// Distinct byte strings with dense identifiers.
pub struct Interner {
    name: String,
    limit: AtomicU64,
    /// Memory that each text takes elsewhere, in tables as long as the largest identifier.
    beside: u64,
    more: Option<Box<More>>,
    state: RwLock<State>,
}

/// Asks for more memory than the limit; answers whether it is granted.
type More = dyn Fn(Bytes) -> bool + Send + Sync;

/// Memory that is asked for at once, at least.
const STEP: u64 = 1 << 20;
/// Bytes of a block of texts; a block grows up to here and is never moved again.
const BLOCK: usize = 64 << 10;
/// The first capacity of a block.
const FIRST: usize = 1 << 10;
/// Longer texts have a block of their own, so that little of a block stays empty.
const SHORT: usize = BLOCK / 8;

#[derive(Default)]
struct State {
    /// Identifiers by half of the hash of the text; texts that share it follow each other in `next`.
    by_hash: FxHashMap<u32, u32>,
    places: Vec<Place>,
    blocks: Vec<Vec<u8>>,
    /// The block that takes short texts.
    open: usize,
    /// Capacity of all blocks.
    held: u64,
    /// Length of all texts.
    bytes: usize,
    longest: usize,
}

/// Where a text is, and which other text shares its hash.
struct Place {
    block: u32,
    start: u32,
    length: u32,
    next: u32,
}

const NONE: u32 = u32::MAX;

impl State {
    fn text(&self, id: u32) -> &[u8] {
        let place = &self.places[id as usize];
        &self.blocks[place.block as usize][place.start as usize..(place.start + place.length) as usize]
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<u32> {
        let mut id = *self.by_hash.get(&short(hash))?;
        while id != NONE {
            if self.text(id) == text {
                return Some(id);
            }
            id = self.places[id as usize].next;
        }
        None
    }

    /// The capacity that the open block needs for a short text, if the text fits into it.
    fn room_in_open(&self, length: usize) -> Option<usize> {
        let block = self.blocks.get(self.open)?;
        let wanted = block.len() + length;
        (length <= SHORT && wanted <= BLOCK).then(|| match block.capacity() {
            enough if enough >= wanted => enough,
            less => (2 * less).max(wanted).min(BLOCK),
        })
    }

    /// The most memory that is held while one more text is taken in: tables that grow are there twice for a moment.
    fn bytes_with(&self, length: usize) -> u64 {
        let places = (self.places.capacity() * size_of::<Place>()) as u64;
        let mut total = self.held + places + table_bytes(self.by_hash.capacity());
        if self.by_hash.len() == self.by_hash.capacity() {
            total += table_bytes(2 * self.by_hash.capacity().max(3));
        }
        if self.places.len() == self.places.capacity() {
            total += (grown(self.places.capacity()) * size_of::<Place>()) as u64;
        }
        // Of the table of blocks: each has an entry of three words, twice for growing.
        total += self.blocks.len() as u64 * 2 * size_of::<Vec<u8>>() as u64;
        total
            + match self.room_in_open(length) {
                Some(capacity) if capacity == self.blocks[self.open].capacity() => 0,
                Some(capacity) => capacity as u64,
                None => length.max(FIRST) as u64,
            }
    }

    /// Copies a text to its place; answers where that is.
    fn put(&mut self, text: &[u8]) -> (u32, u32) {
        let block = match self.room_in_open(text.len()) {
            Some(capacity) => {
                let block = &mut self.blocks[self.open];
                self.held += (capacity - block.capacity()) as u64;
                block.reserve_exact(capacity - block.len());
                self.open
            }
            None => {
                let is_short = text.len() <= SHORT;
                let capacity = if is_short { text.len().max(FIRST) } else { text.len() };
                self.held += capacity as u64;
                self.blocks.push(Vec::with_capacity(capacity));
                if is_short || self.blocks.len() == 1 {
                    self.open = self.blocks.len() - 1;
                }
                self.blocks.len() - 1
            }
        };
        let start = self.blocks[block].len() as u32;
        self.blocks[block].extend_from_slice(text);
        self.bytes += text.len();
        self.longest = self.longest.max(text.len());
        (block as u32, start)
    }
}

/// Bytes of the table by hash, of so many entries: a power of two of them, of which an eighth stays free, with a byte each
/// and a group of them behind.
fn table_bytes(entries: usize) -> u64 {
    (entries * 8 / 7).next_power_of_two() as u64 * (size_of::<(u32, u32)>() as u64 + 1) + 16
}

/// The next capacity of a table that is full.
fn grown(capacity: usize) -> usize {
    (2 * capacity).max(16)
}

/// The half of a hash that texts are found by.
fn short(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The hash under which a text is interned.
pub fn text_hash(text: &[u8]) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    hasher.write(text);
    hasher.finish()
}

impl Interner {
    /// An interner for what `name` says, which may take `limit` of memory.
    pub fn new(name: impl Into<String>, limit: Bytes) -> Interner {
        let limit = AtomicU64::new(limit.0);
        Interner { name: name.into(), limit, beside: 0, more: None, state: RwLock::default() }
    }

    /// The same interner, which asks `more` for memory once its limit is reached.
    pub fn growing(self, more: impl Fn(Bytes) -> bool + Send + Sync + 'static) -> Interner {
        Interner { more: Some(Box::new(more)), ..self }
    }

    /// The same interner, which counts `bytes` more for each text: what others hold for each identifier.
    pub fn counting_beside(self, bytes: Bytes) -> Interner {
        Interner { beside: bytes.0, ..self }
    }

    /// Memory that `count` texts of `bytes` together take at most while they are taken in, with `beside` for each.
    pub fn bytes_for(count: u64, bytes: u64, beside: Bytes) -> Bytes {
        // What is full is there once more, half as large, until it is copied.
        let mut places = 16;
        while places < count {
            places *= 2;
        }
        let mut entries = 7;
        while entries < count {
            entries *= 2;
        }
        let tables = places * size_of::<Place>() as u64 + table_bytes(entries as usize);
        // Of a full block no more is free than a short text takes; the open one is there twice while it grows.
        let (block, short, first) = (BLOCK as u64, SHORT as u64, FIRST as u64);
        let blocks = bytes + bytes / (block / short - 1) + (2 * bytes).min(block) + 2 * first;
        let of_blocks = (bytes / short + 2) * 2 * size_of::<Vec<u8>>() as u64;
        Bytes(tables + tables / 2 + blocks + of_blocks + beside.0 * count)
    }

    /// Whether `taken` bytes are allowed, after asking for more if need be.
    fn allows(&self, taken: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed);
        let Some(missing) = taken.checked_sub(limit).filter(|missing| *missing > 0) else { return true };
        let more = missing.next_multiple_of(STEP);
        let granted = self.more.as_ref().is_some_and(|ask| ask(Bytes(more)));
        if granted {
            self.limit.fetch_add(more, Ordering::Relaxed);
        }
        granted
    }

    /// The identifier of a text, new or known.
    ///
    /// # Errors
    /// [`Error::DictionaryFull`] when the distinct texts pass the bound, and no more is granted.
    pub fn intern(&self, text: &[u8]) -> Result<u32> {
        let hash = text_hash(text);
        if let Some(id) = self.read().find(hash, text) {
            return Ok(id);
        }
        let mut state = self.write();
        if let Some(id) = state.find(hash, text) {
            return Ok(id);
        }
        let id = state.places.len() as u32;
        let taken = state.bytes_with(text.len()) + self.beside * (u64::from(id) + 1);
        if !self.allows(taken) || state.bytes + text.len() > u32::MAX as usize {
            let limit = Bytes(self.limit.load(Ordering::Relaxed));
            return Err(Error::DictionaryFull { what: self.name.clone(), distinct: u64::from(id), limit });
        }
        if state.places.len() == state.places.capacity() {
            let more = grown(state.places.capacity()) - state.places.len();
            state.places.reserve_exact(more);
        }
        let (block, start) = state.put(text);
        let next = match state.by_hash.entry(short(hash)) {
            Entry::Occupied(mut head) => head.insert(id),
            Entry::Vacant(head) => {
                head.insert(id);
                NONE
            }
        };
        state.places.push(Place { block, start, length: text.len() as u32, next });
        Ok(id)
    }

    /// How many distinct texts there are.
    pub fn len(&self) -> usize {
        self.read().places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all distinct texts.
    pub fn bytes(&self) -> usize {
        self.read().bytes
    }

    /// Bytes of `count` distinct texts at most.
    pub fn bytes_max(&self, count: usize) -> usize {
        let state = self.read();
        state.bytes.min(count.saturating_mul(state.longest))
    }

    /// Calls `with` for the text of an identifier.
    ///
    /// # Panics
    /// If the identifier was never given.
    pub fn with_text<T>(&self, id: u32, with: impl FnOnce(&[u8]) -> T) -> T {
        with(self.read().text(id))
    }

    /// Bytes of the texts of some identifiers.
    pub fn bytes_of(&self, ids: impl Iterator<Item = u32>) -> usize {
        let state = self.read();
        ids.map(|id| state.places[id as usize].length as usize).sum()
    }

    /// Calls `with` for each text from the identifier `first` on, until it has had `most` bytes or all there are; answers
    /// how many texts that were.
    pub fn each_from(&self, first: u32, most: usize, mut with: impl FnMut(&[u8])) -> u32 {
        let state = self.read();
        let (mut id, mut bytes) = (first, 0);
        while (id as usize) < state.places.len() && bytes < most {
            let text = state.text(id);
            bytes += text.len();
            with(text);
            id += 1;
        }
        id - first
    }

    /// The texts with identifiers from `first` on, in order of identifiers.
    pub fn texts_from(&self, first: u32) -> Vec<Vec<u8>> {
        let state = self.read();
        (first..state.places.len() as u32).map(|id| state.text(id).to_vec()).collect()
    }

    /// Identifiers in bytewise order of their texts.
    pub fn sorted_ids(&self) -> Vec<u32> {
        let state = self.read();
        let mut ids: Vec<u32> = (0..state.places.len() as u32).collect();
        ids.sort_unstable_by(|&a, &b| state.text(a).cmp(state.text(b)));
        ids
    }

    /// Sorts some identifiers bytewise by their texts.
    pub fn sort(&self, ids: &mut [u32]) {
        let state = self.read();
        ids.sort_unstable_by(|&a, &b| state.text(a).cmp(state.text(b)));
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Rank of each identifier when texts are ordered bytewise: the inverse of [`Interner::sorted_ids`].
pub fn ranks(sorted_ids: &[u32]) -> Vec<u32> {
    let mut ranks = vec![0; sorted_ids.len()];
    for (rank, &id) in sorted_ids.iter().enumerate() {
        ranks[id as usize] = rank as u32;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_get_one_identifier_each_and_ranks_follow_bytes() {
        let interner = Interner::new("sensors", Bytes(10_000));
        let ids: Vec<u32> = ["b", "a", "", "b", "c10", "c2"]
            .iter()
            .map(|text| interner.intern(text.as_bytes()).expect("fits"))
            .collect();
        assert_eq!(ids, [0, 1, 2, 0, 3, 4]);
        assert_eq!(interner.sorted_ids(), [2, 1, 0, 3, 4]);
        assert_eq!(ranks(&interner.sorted_ids()), [2, 1, 0, 3, 4]);
        assert_eq!(interner.texts_from(3), [b"c10".to_vec(), b"c2".to_vec()]);
        assert_eq!((interner.bytes(), interner.bytes_of([1, 3].into_iter())), (7, 4));
    }

    #[test]
    fn texts_of_all_lengths_stay_what_they_were() {
        let text_of = |number: usize| format!("{number}:{}", "x".repeat(number * number % 200_003)).into_bytes();
        let interner = Interner::new("texts", Bytes(100 << 20));
        for number in 0..500 {
            assert_eq!(interner.intern(&text_of(number)).expect("fits"), number as u32);
        }
        for number in 0..500 {
            assert_eq!(interner.intern(&text_of(number)).expect("fits"), number as u32);
            interner.with_text(number as u32, |text| assert!(text == text_of(number), "{number}"));
        }
        let mut found = Vec::new();
        let mut first = 0;
        while let count @ 1.. = interner.each_from(first, 10_000, |text| found.push(text.to_vec())) {
            first += count;
        }
        assert!(found == interner.texts_from(0));
    }

    #[test]
    fn memory_is_asked_for_before_it_is_taken() {
        let granted = std::sync::Arc::new(AtomicU64::new(0));
        let told = std::sync::Arc::clone(&granted);
        let interner = Interner::new("texts", Bytes(0)).growing(move |more| {
            told.fetch_add(more.0, Ordering::Relaxed);
            true
        });
        for number in 0..40_000u32 {
            interner.intern(format!("text {number}").as_bytes()).expect("granted");
            let held = interner.read().bytes_with(0);
            // What is held now, less the growth that the next text would bring.
            let now = interner.read().held + interner.read().places.capacity() as u64 * 16;
            assert!(now <= granted.load(Ordering::Relaxed), "{number}: {now} of {granted:?}, {held}");
        }
    }

    #[test]
    fn what_is_planned_for_texts_is_enough_for_them() {
        for count in [1u64, 5, 16, 17, 1_000, 1_793, 1_977, 3_000, 4_096, 7_169, 20_000] {
            for length in [8usize, 24, 700, 9_000] {
                if count * length as u64 > 20 << 20 {
                    continue;
                }
                let texts = || (0..count).map(|number| format!("{number:0length$}"));
                let bytes: usize = texts().map(|text| text.len()).sum();
                let limit = Interner::bytes_for(count, bytes as u64, Bytes(44));
                let interner = Interner::new("texts", limit).counting_beside(Bytes(44));
                let refused = texts().find_map(|text| interner.intern(text.as_bytes()).err());
                assert!(refused.is_none(), "{count} of {length} bytes: {refused:?}");
                // Nor is it much more than they take once they are there.
                let taken = interner.read().bytes_with(0) + 44 * count;
                assert!(limit.0 < 3 * taken + 6_000, "{count} of {length} bytes: {limit:?} for {taken}");
            }
        }
    }

    #[test]
    fn a_dictionary_that_grows_past_its_bound_is_refused() {
        let interner = Interner::new("sensors", Bytes(1_000));
        let refused = (0..100).find_map(|i| interner.intern(format!("sensor {i}").as_bytes()).err()).expect("refusal");
        assert!(refused.to_string().contains("distinct values"), "{refused}");
        assert_eq!(refused.exit_code(), 4);
        let hint = refused.hint().expect("a hint");
        assert!(hint.contains("--memory") && hint.contains("type = \"string\""), "{hint}");
    }
}
