//! Files with columns into typed columns of batches, whatever their format: some rows at a time.
//!
//! `head` says which columns and groups of rows a file has; `leaf` is a column of it, which the room of its format decodes
//! some thousand values at a time; `convert` and `texts` make columns of a batch of them, and `rows` goes through a range
//! of rows and reports those that are rejected. `table` is an open file with what that takes.
//!
//! It reads columns of plain values; it infers nothing, filters no rows but whole groups of them, and writes nothing.

mod convert;
mod head;
mod kind;
mod leaf;
mod render;
mod rows;
mod sample;
pub(crate) mod slots;
mod table;
#[cfg(test)]
pub(crate) mod testing;
mod texts;

pub use head::{Format, Head};
pub use kind::Kind;
pub use render::{SHOWN_BYTES, batch_row};
pub use rows::{RowReport, RowSource, make_room_for_rows, read_rows, rows_batch_bytes_max};
pub use sample::{Piece, sample, sample_header};
pub use table::{GroupFilter, OpenTable};

use swath_core::{Error, Place, Result};

use crate::store::{ReadAt, read_full};

/// Reads all of `buffer`; a file that ends before is corrupt.
pub(crate) fn read_exactly(file: &dyn ReadAt, buffer: &mut [u8], at: u64) -> Result<()> {
    let read = read_full(file, buffer, at)?;
    if read == buffer.len() {
        return Ok(());
    }
    Err(Error::InputCorrupt {
        place: Place { byte_offset: Some(at), ..Place::file(file.path()) },
        message: format!("wanted {} bytes, got {read}", buffer.len()),
        hint: "check that nobody writes to the file".into(),
    })
}
