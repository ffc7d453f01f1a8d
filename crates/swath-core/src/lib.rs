//! Work under a ceiling: budgets, plans, the executor, the journal.
//!
//! This crate knows no pixel, no row, no file format and no async. It is about bytes of memory, tasks that need
//! them, and what has been done when the process is killed.

mod budget;
mod bytes;
mod error;
mod event;
pub mod fault;
mod hash;
mod journal;
mod lock;
mod memory;
mod plan;
mod process;
pub mod progress;
mod run;
mod sink;
mod stop;
mod store;
pub mod writes;

pub use budget::{Budget, Buffer, Charge, Lease, Leased, Pod, Reclaim};
pub use bytes::Bytes;
pub use error::{ALLOW_LARGER, BEGIN_ANEW, CHOOSE_FOLDER, Error, MAKE_ROOM, Place, Result, refuse_address};
pub use event::{Event, NoObserver, Observer};
pub use hash::Fnv64;
pub use journal::{Journal, Note, Receipt, Receipts, difference};
pub use lock::FolderLock;
pub use memory::{CpuQuota, GroupNest, Limit, LimitSource, Limits, MemoryGroup, MemoryRequest, OomKills};
pub use plan::{Ledger, LedgerLine, Plan, Stage, TaskContext, TaskKey, TaskSpec};
pub use process::{ResidentSet, Stopwatch, counting, resident_now, rest_code, share_waited, waited_for_disk_us};
pub use run::{ChunkCounts, RunOptions, StageTime, Summary, run};
pub use sink::{
    Changes, PartialOutput, PartialState, complete_changes, has_changes, mark_of, partial_folder, put_mark,
    sync_file_system, sync_folder,
};
pub use stop::Stop;
pub use store::{Blob, BlobWriter, Store};
