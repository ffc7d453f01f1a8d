//! Reports of runs: what is remembered of one, the page that shows it, and the way back from the page.
//!
//! Watching a run is the observer's business, printing that of the commands.

mod compare;
mod examples;
mod file;
mod now;
mod page;
mod record;

pub use compare::{Change, Unit, compare};
pub use examples::add_examples;
pub use file::{may_be_written, read, write};
pub use now::{BatchNow, Now, Totals, WAITING_MAX, WorkerNow, name_of};
pub use page::{PARTS, live_begin, live_end, shell, short};
pub use record::{Attempt, Batch, Came, Chunk, Cut, FORMAT, Failed, Record, Rejected, Sample, Stage, VERSION, rounded};
