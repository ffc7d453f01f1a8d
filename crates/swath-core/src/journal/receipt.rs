//! Receipts of finished tasks, and the set of them.
//!
//! A receipt is what remains of a task: a few facts in JSON, never its data. Two receipts never speak of the same unit.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result, TaskKey};

/// The proof that a task is done, with what later stages need to know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Which work.
    pub key: TaskKey,
    payload: Box<[u8]>,
    volatile: bool,
}

impl Receipt {
    /// A receipt with a typed payload, stored as JSON.
    ///
    /// # Errors
    /// [`Error::Unexpected`] when the payload cannot be written as JSON.
    pub fn new(key: TaskKey, payload: &(impl Serialize + ?Sized)) -> Result<Receipt> {
        let bytes = serde_json::to_vec(payload)
            .map_err(|error| Error::unexpected(format!("the receipt of {key:?} cannot be written: {error}")))?;
        Ok(Receipt::from_bytes(key, bytes))
    }

    /// A receipt with a payload in an encoding of the stage's own.
    pub fn from_bytes(key: TaskKey, payload: Vec<u8>) -> Receipt {
        Receipt { key, payload: payload.into(), volatile: false }
    }

    /// The same for a task whose results are in memory only: the journal leaves it out, since they die with the process.
    pub fn volatile(self) -> Receipt {
        Receipt { volatile: true, ..self }
    }

    /// Whether the results are in memory only.
    pub fn is_volatile(&self) -> bool {
        self.volatile
    }

    /// The payload as [`Receipt::new`] took it.
    ///
    /// # Errors
    /// [`Error::Unexpected`] when it is of another type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.payload)
            .map_err(|error| Error::unexpected(format!("the receipt of {:?} cannot be read: {error}", self.key)))
    }

    /// The payload as bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// The receipts of all finished tasks, by stage and first unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipts {
    stages: BTreeMap<u16, BTreeMap<u64, Receipt>>,
    skipped_by_resume: u64,
}

impl Receipts {
    /// None.
    pub fn new() -> Receipts {
        Receipts::default()
    }

    /// Adds a receipt.
    ///
    /// # Errors
    /// [`Error::Unexpected`] when it is of no unit at all, or of one that is already done.
    pub fn insert(&mut self, receipt: Receipt) -> Result<()> {
        let TaskKey { stage, units } = receipt.key.clone();
        if units.start >= units.end {
            return Err(Error::unexpected(format!("the receipt of stage {stage}, units {units:?}, is of nothing")));
        }
        let of_stage = self.stages.entry(stage).or_default();
        if let Some((_, other)) = of_stage.range(..units.end).next_back()
            && other.key.units.end > units.start
        {
            let other = &other.key.units;
            return Err(Error::unexpected(format!("stage {stage} did units {units:?} twice: {other:?} were done")));
        }
        of_stage.insert(units.start, receipt);
        Ok(())
    }

    /// The receipt that speaks of `unit`.
    pub fn get(&self, stage: u16, unit: u64) -> Option<&Receipt> {
        let (_, receipt) = self.stages.get(&stage)?.range(..=unit).next_back()?;
        receipt.key.units.contains(&unit).then_some(receipt)
    }

    /// Whether `unit` is done.
    pub fn covers(&self, stage: u16, unit: u64) -> bool {
        self.get(stage, unit).is_some()
    }

    /// The receipts of a stage, in the order of their units.
    pub fn of_stage(&self, stage: u16) -> impl DoubleEndedIterator<Item = &Receipt> + '_ {
        self.stages.get(&stage).into_iter().flat_map(|receipts| receipts.values())
    }

    /// How many receipts a stage has.
    pub fn count_of_stage(&self, stage: u16) -> u64 {
        self.stages.get(&stage).map_or(0, |receipts| receipts.len() as u64)
    }

    /// The ranges of the first `total` units of a stage that are not done.
    pub fn missing(&self, stage: u16, total: u64) -> Vec<Range<u64>> {
        let mut missing = Vec::new();
        let mut next = 0;
        for receipt in self.of_stage(stage) {
            let units = &receipt.key.units;
            if units.start >= total {
                break;
            }
            if next < units.start {
                missing.push(next..units.start);
            }
            next = units.end;
        }
        if next < total {
            missing.push(next..total);
        }
        missing
    }

    /// All receipts.
    pub fn done(&self) -> u64 {
        self.stages.values().map(|receipts| receipts.len() as u64).sum()
    }

    /// Those that a resumed run found in its journal.
    pub fn skipped_by_resume(&self) -> u64 {
        self.skipped_by_resume
    }

    /// Declares all that is here to be from an earlier run.
    pub(super) fn mark_resumed(&mut self) {
        self.skipped_by_resume = self.done();
    }
}
