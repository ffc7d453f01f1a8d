//! Delimited text into typed columns: exact, with every bad row reported, one byte range at a time.
//!
//! The way of a range: `window` reads blocks; `index` finds where fields end, by `scan` (vector instructions) in
//! text without quotes and by `split` in text with them, or line by line by `lines` where no delimiter is; `emit` cuts rows into batches; `convert` and `text` turn
//! fields into values, a column at a time, since the same code over many values is what processors do fastest.
//!
//! It does not infer schemas, transform coordinates, filter or dedup, and it never looks past what a range needs.

pub(crate) mod chunk;
pub(crate) mod convert;
pub(crate) mod describe;
pub(crate) mod emit;
mod header;
pub(crate) mod index;
pub(crate) mod kernel;
mod lines;
pub(crate) mod markers;
pub(crate) mod memory;
mod number;
pub(crate) mod plan;
mod range;
pub(crate) mod rows;
mod scan;
mod split;
mod stop;
pub(crate) mod text;
pub(crate) mod time;
mod window;

pub use header::{Header, header, header_of};
pub use memory::{batch_bytes_max, row_bytes};
pub use plan::{NO_COLUMN, ParsePlan};
pub use range::{
    BatchLimits, Consumer, RangeReport, RangeSpec, ReadOptions, Source, Start, Workspace, make_room, read_range,
};
pub use stop::stop_line;

#[cfg(test)]
mod tests;
