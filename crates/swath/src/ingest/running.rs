//! A job on its way: what its stages share, and how an interrupted run is taken up again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustc_hash::FxHashMap;
use swath_core::{Bytes, Error, Journal, Receipt, Receipts, Result, Store};
use swath_formats::columnar::OpenTable;
use swath_formats::csv::Workspace;
use swath_table::assign::Assigner;
use swath_table::column::Batch;
use swath_table::intern::Interner;
use swath_table::run::SortedRun;
use swath_table::sort::LocalRanks;

use super::encode::EncodeDesk;
use super::job::{Job, Routed, stage};
use super::locate::Located;
use super::recall::{Recalled, Touched};
use super::sorted::Sorting;
use crate::work::{Idle, each_blob, get_or_try_init};

/// Bytes of texts in a note of the journal, about: a longer text has a note of its own.
const NOTE_BYTES: usize = 64 << 10;

/// Bytes that a row group takes in tables: where its rows are, where it is encoded, its part, and its receipt.
pub const ROW_GROUP_BYTES: u64 = 220;

/// Bytes that a unit takes which is routed again: another receipt, and where it began.
pub const MENDED_BYTES: u64 = 800;

/// What a worker reuses from unit to unit.
pub struct Bench {
    /// Of the parser.
    pub workspace: Workspace,
    /// The file that was read last, by its position, where files have columns.
    pub table: Option<(usize, OpenTable)>,
    /// The rows.
    pub batch: Batch,
    /// Of the partitioner.
    pub assigner: Assigner,
    /// Ranks of partitions and of sensors.
    pub ranks: (LocalRanks, LocalRanks),
    /// Of the sort.
    pub sorting: Sorting,
    /// Places of rows.
    pub located: Located,
}

/// A job on its way: what its stages share.
pub struct Running {
    /// The job.
    pub job: Arc<Job>,
    /// The record of what is done.
    pub journal: Journal,
    /// How many texts and partitions the journal knows.
    pub noted: Mutex<[u32; 2]>,
    /// Intermediate data.
    pub store: Arc<Store>,
    /// Texts of categories and sensors.
    pub texts: Interner,
    /// Values of partitions.
    pub partitions: Interner,
    /// What idle workers left for the next task.
    pub benches: Idle<Bench>,
    /// The same for encoders.
    pub desks: Idle<EncodeDesk>,
    /// Memory that row groups turned out to want, more than was planned.
    pub wanted: Mutex<BTreeMap<u64, Bytes>>,
    /// Group of each sensor identifier, once surveyed.
    pub groups: OnceLock<Vec<u32>>,
    /// What of the lake is read, once all new rows are known.
    pub touched: OnceLock<Touched>,
    /// Runs in the order of the input, once all are known.
    pub runs: OnceLock<Vec<SortedRun>>,
    /// The merged order, once all runs are known.
    pub order: OnceLock<super::rank::Order>,
    /// Which column the names of a pivot become, by the identifiers of their texts.
    pub parameters: OnceLock<FxHashMap<u32, u32>>,
    /// Memory for the tables of row groups.
    pub tables: Tables,
    /// Row groups, once ranked.
    pub row_groups: OnceLock<super::encode::RowGroups>,
    /// Part files, once encoded.
    pub parts: OnceLock<super::assemble::Parts>,
    /// Identifiers of partitions in their order, once all are known.
    pub partition_ids: OnceLock<Vec<u32>>,
    /// The folder that becomes the lake.
    pub lake_folder: PathBuf,
}

impl Running {
    /// What the units became, with mended ones in place, in order of units.
    ///
    /// # Errors
    /// When a receipt cannot be read.
    pub fn routed(&self, done: &Receipts) -> Result<Vec<Routed>> {
        super::mend::chosen(done, self.job.stream.units())?.into_iter().map(Receipt::read).collect()
    }

    /// All runs in the order of the input, once every unit is routed and mended: those of the lake come first.
    ///
    /// # Errors
    /// When a receipt cannot be read.
    pub fn runs(&self, done: &Receipts) -> Result<&[SortedRun]> {
        let all = || {
            let mut runs = self.recalled(done)?;
            runs.extend(self.routed(done)?.into_iter().flat_map(|unit| unit.runs));
            Ok(runs)
        };
        get_or_try_init(&self.runs, all).map(Vec::as_slice)
    }

    /// The runs of the lake.
    ///
    /// # Errors
    /// When a receipt cannot be read.
    pub fn recalled(&self, done: &Receipts) -> Result<Vec<SortedRun>> {
        let mut runs = Vec::new();
        for receipt in done.of_stage(stage::RECALL) {
            runs.extend(receipt.read::<Recalled>()?.runs);
        }
        Ok(runs)
    }

    /// Which column each name of a pivot becomes, counted from the first of them.
    ///
    /// # Errors
    /// When there is no memory for another text.
    pub fn parameters(&self) -> Result<&FxHashMap<u32, u32>> {
        get_or_try_init(&self.parameters, || {
            let names = self.job.input_schema.pivot.iter().flat_map(|pivot| &pivot.columns);
            (0..).zip(names).map(|(column, name)| Ok((self.texts.intern(name.as_bytes())?, column))).collect()
        })
    }

    /// Puts texts that are new since the last time into the journal, before the receipt that needs them.
    ///
    /// # Errors
    /// When the journal takes no more.
    pub fn note_texts(&self) -> Result<()> {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        for (known, (kind, interner)) in
            noted.iter_mut().zip([("texts", &self.texts), ("partitions", &self.partitions)])
        {
            let mut payload = Vec::new();
            loop {
                payload.clear();
                let new = interner.each_from(*known, NOTE_BYTES, |text| {
                    payload.extend_from_slice(&(text.len() as u32).to_le_bytes());
                    payload.extend_from_slice(text);
                });
                if new == 0 {
                    break;
                }
                self.journal.append_note(kind, &payload)?;
                *known += new;
            }
        }
        Ok(())
    }

    /// Learns again what an earlier process knew: texts in their order, blobs in use.
    ///
    /// # Errors
    /// When the journal is not what this version writes.
    pub fn replay(&self, receipts: &Receipts) -> Result<()> {
        for note in self.journal.take_notes() {
            let interner = if note.kind == "texts" { &self.texts } else { &self.partitions };
            let mut rest = note.payload.as_slice();
            while let Some((length, tail)) = rest.split_first_chunk::<4>() {
                let length = u32::from_le_bytes(*length) as usize;
                let (text, tail) = tail
                    .split_at_checked(length)
                    .ok_or_else(|| Error::unexpected("a note of the journal ends too early"))?;
                interner.intern(text)?;
                rest = tail;
            }
        }
        *self.noted.lock().unwrap_or_else(PoisonError::into_inner) =
            [self.texts.len() as u32, self.partitions.len() as u32];
        self.store.adopt(|adopt| {
            each_blob::<super::groups::Sighted>(receipts, stage::SURVEY, adopt)?;
            each_blob::<Routed>(receipts, stage::ROUTE, adopt)?;
            each_blob::<Routed>(receipts, stage::MEND, adopt)?;
            each_blob::<Recalled>(receipts, stage::RECALL, adopt)?;
            each_blob::<super::matching::Named>(receipts, stage::MATCH, adopt)?;
            each_blob::<super::matching::Marked>(receipts, stage::MARK, adopt)?;
            each_blob::<super::rank::Ranked>(receipts, stage::RANK, adopt)?;
            each_blob::<super::encode::EncodedGroups>(receipts, stage::ENCODE, adopt)?;
            each_blob::<super::assemble::Assembled>(receipts, stage::ASSEMBLE, adopt)
        })
    }

    /// Makes durable what tasks have written: scratch, and parts where there are any.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> std::io::Result<()> {
        self.store.sync()?;
        if self.parts.get().is_some() {
            swath_core::sync_file_system(&self.lake_folder)
                .map_err(|error| std::io::Error::other(error.to_string()))?;
        }
        Ok(())
    }

    /// A worker's desk for encoding, used or new.
    ///
    /// # Errors
    /// When the codec cannot be set up.
    pub fn encode_desk(&self) -> Result<EncodeDesk> {
        self.desks.take().map_or_else(|| EncodeDesk::new(&self.job), Ok)
    }

    /// A worker's bench, used or new.
    pub fn bench(&self) -> Bench {
        self.benches.take().unwrap_or_else(|| Bench {
            workspace: Workspace::new(self.job.read_options()),
            table: None,
            batch: Batch::new(self.job.input_schema.columns.iter().map(|column| column.column_type)),
            assigner: Assigner::default(),
            ranks: Default::default(),
            sorting: Sorting::default(),
            located: Located::default(),
        })
    }
}

/// Memory for tables that may turn out larger than the plan expected.
pub struct Tables {
    /// Whether the plan has memory for the receipts of units that are routed again.
    pub mends: bool,
    /// Row groups that the plan has memory for.
    pub planned: u64,
    /// Units of the lake that it has memory for.
    pub recalled: u64,
    /// Asks for more than that.
    pub grow: Box<dyn Fn(Bytes) -> bool + Send + Sync>,
}

impl Tables {
    /// Makes sure of the memory that so many units take that are routed again.
    ///
    /// # Errors
    /// [`Error::CeilingReached`] when there is no more under the ceiling.
    pub fn hold_mended(&self, units: u64) -> Result<()> {
        let more = Bytes(units * MENDED_BYTES);
        if self.mends || more == Bytes::ZERO || (self.grow)(more) {
            return Ok(());
        }
        let what = format!("{units} units that begin inside of quotes, which the sample did not show");
        Err(Error::CeilingReached { what, wanted: more, got: Bytes::ZERO })
    }

    /// Makes sure of the memory that so many units of the lake take, of so much each.
    ///
    /// # Errors
    /// [`Error::CeilingReached`] when there is no more under the ceiling.
    pub fn hold_recalled(&self, units: u64, each: u64) -> Result<()> {
        let more = Bytes(units.saturating_sub(self.recalled) * each);
        if more == Bytes::ZERO || (self.grow)(more) {
            return Ok(());
        }
        let what = format!("{units} units of the lake, where its times made expect {}", self.recalled);
        Err(Error::CeilingReached { what, wanted: more, got: Bytes::ZERO })
    }

    /// Makes sure of the memory that so many row groups take.
    ///
    /// # Errors
    /// [`Error::CeilingReached`] when there is no more under the ceiling.
    pub fn hold(&self, row_groups: u64) -> Result<()> {
        let more = Bytes(row_groups.saturating_sub(self.planned) * ROW_GROUP_BYTES);
        if more == Bytes::ZERO || (self.grow)(more) {
            return Ok(());
        }
        Err(Error::CeilingReached {
            what: format!(
                "{row_groups} row groups (a coarser --partition makes fewer; {} were expected)",
                self.planned
            ),
            wanted: more,
            got: Bytes::ZERO,
        })
    }
}

/// A job on its way, as its stages hold it.
pub type Shared = Arc<Running>;
