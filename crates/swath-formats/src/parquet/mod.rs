//! Parquet files of any writer into typed columns: some rows at a time, whatever the size of row groups.
//!
//! The way of a value: `footer` says where the pages of a column are; `page` reads one, `unpack` unpacks it; `leaf`
//! decodes some thousand values of it by `decode`, `hybrid` and `delta`; `convert` and `texts` make columns of a batch of them,
//! and `rows` goes through a range of rows and reports those that are rejected. `plan` says what that takes.
//!
//! It reads columns of plain values; it infers nothing, filters no rows but whole row groups, and writes nothing.

mod convert;
mod decode;
mod delta;
mod footer;
mod hybrid;
mod leaf;
mod logical;
mod page;
mod plan;
mod render;
mod rows;
mod sample;
mod texts;
mod thrift;
mod unpack;

pub use footer::{FileColumn, Footer};
pub use logical::Kind;
pub use render::{SHOWN_BYTES, batch_row};
pub use rows::{GroupFilter, OpenTable, RowReport, RowSource, make_room_for_rows, read_rows, rows_batch_bytes_max};
pub use sample::{Piece, sample, sample_header};

#[cfg(test)]
mod tests;
