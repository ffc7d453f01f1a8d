//! Buffers that nobody uses at the moment, by capacity.
//!
//! It counts what they really occupy; who may put how much here is the budget's business.

use std::collections::BTreeMap;

use super::mapping::Mapping;

/// Idle mappings; the last one put is the first one taken, since its pages are the warmest.
#[derive(Default)]
pub(super) struct Pool {
    by_capacity: BTreeMap<usize, Vec<Mapping>>,
    bytes: u64,
}

impl Pool {
    /// What the idle mappings occupy.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn put(&mut self, mapping: Mapping) {
        self.bytes += mapping.bytes();
        self.by_capacity.entry(mapping.capacity()).or_default().push(mapping);
    }

    /// A mapping of exactly this capacity.
    pub(super) fn take(&mut self, capacity: usize) -> Option<Mapping> {
        let stack = self.by_capacity.get_mut(&capacity)?;
        let mapping = stack.pop()?;
        if stack.is_empty() {
            self.by_capacity.remove(&capacity);
        }
        self.bytes -= mapping.bytes();
        Some(mapping)
    }

    /// Mappings, the largest first, that together occupy no more than `most`.
    pub(super) fn take_up_to(&mut self, most: u64) -> Vec<Mapping> {
        let mut taken = Vec::new();
        let mut left = most;
        for stack in self.by_capacity.values_mut().rev() {
            while stack.last().is_some_and(|mapping| mapping.bytes() <= left) {
                let Some(mapping) = stack.pop() else { break };
                left -= mapping.bytes();
                taken.push(mapping);
            }
        }
        self.by_capacity.retain(|_, stack| !stack.is_empty());
        self.bytes -= most - left;
        taken
    }

    /// Unmaps, the largest first, until at least `want` is gone or nothing is left; answers how much went.
    pub(super) fn drop_at_least(&mut self, want: u64) -> u64 {
        let mut gone = 0;
        while gone < want {
            let Some(mut last) = self.by_capacity.last_entry() else {
                break;
            };
            if let Some(mapping) = last.get_mut().pop() {
                gone += mapping.bytes();
            }
            if last.get().is_empty() {
                last.remove();
            }
        }
        self.bytes -= gone;
        gone
    }

    /// Everything.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Mapping> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.by_capacity).into_values().flatten()
    }
}
