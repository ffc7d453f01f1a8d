//! Distinct texts and their identifiers, shared by all workers of a run, inside a bound.
//!
//! Identifiers are given in order of arrival, which depends on threads: nothing that reaches a file may depend on
//! them. Ranks, which order texts bytewise, may.

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
    more: Option<Box<More>>,
    state: RwLock<State>,
}

/// Asks for more memory than the limit; answers whether it is granted.
type More = dyn Fn(Bytes) -> bool + Send + Sync;

/// Memory that is asked for at once.
const STEP: u64 = 1 << 20;

#[derive(Default)]
struct State {
    /// Identifiers by hash of the text; texts that share a hash follow each other in `next`.
    by_hash: FxHashMap<u64, u32>,
    next: Vec<u32>,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    longest: usize,
}

const NONE: u32 = u32::MAX;

/// Memory that a distinct text takes beside its bytes, with the slack of growing tables.
const OVERHEAD: u64 = 64;

impl State {
    fn text(&self, id: u32) -> &[u8] {
        let id = id as usize;
        let start = if id == 0 { 0 } else { self.ends[id - 1] as usize };
        &self.bytes[start..self.ends[id] as usize]
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<u32> {
        let mut id = *self.by_hash.get(&hash)?;
        while id != NONE {
            if self.text(id) == text {
                return Some(id);
            }
            id = self.next[id as usize];
        }
        None
    }
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
        Interner { name: name.into(), limit: AtomicU64::new(limit.0), more: None, state: RwLock::default() }
    }

    /// The same interner, which asks `more` for memory once its limit is reached.
    pub fn growing(self, more: impl Fn(Bytes) -> bool + Send + Sync + 'static) -> Interner {
        Interner { more: Some(Box::new(more)), ..self }
    }

    /// Whether `taken` bytes are allowed, after asking for more if need be.
    fn allows(&self, taken: u64) -> bool {
        while taken > self.limit.load(Ordering::Relaxed) {
            if !self.more.as_ref().is_some_and(|more| more(Bytes(STEP))) {
                return false;
            }
            self.limit.fetch_add(STEP, Ordering::Relaxed);
        }
        true
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
        let id = state.ends.len() as u32;
        let taken = (state.bytes.len() + text.len()) as u64 * 2 + OVERHEAD * (u64::from(id) + 1);
        if !self.allows(taken) || state.bytes.len() + text.len() > u32::MAX as usize {
            let limit = Bytes(self.limit.load(Ordering::Relaxed));
            return Err(Error::DictionaryFull { what: self.name.clone(), distinct: u64::from(id), limit });
        }
        state.bytes.extend_from_slice(text);
        state.longest = state.longest.max(text.len());
        let end = state.bytes.len() as u32;
        state.ends.push(end);
        let next = match state.by_hash.entry(hash) {
            Entry::Occupied(mut head) => head.insert(id),
            Entry::Vacant(head) => {
                head.insert(id);
                NONE
            }
        };
        state.next.push(next);
        Ok(id)
    }

    /// How many distinct texts there are.
    pub fn len(&self) -> usize {
        self.read().ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of `count` distinct texts at most.
    pub fn bytes_max(&self, count: usize) -> usize {
        let state = self.read();
        state.bytes.len().min(count.saturating_mul(state.longest))
    }

    /// Calls `with` for the text of an identifier.
    ///
    /// # Panics
    /// If the identifier was never given.
    pub fn with_text<T>(&self, id: u32, with: impl FnOnce(&[u8]) -> T) -> T {
        with(self.read().text(id))
    }

    /// The texts with identifiers from `first` on, in order of identifiers.
    pub fn texts_from(&self, first: u32) -> Vec<Vec<u8>> {
        let state = self.read();
        (first..state.ends.len() as u32).map(|id| state.text(id).to_vec()).collect()
    }

    /// Identifiers in bytewise order of their texts.
    pub fn sorted_ids(&self) -> Vec<u32> {
        let state = self.read();
        let mut ids: Vec<u32> = (0..state.ends.len() as u32).collect();
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
