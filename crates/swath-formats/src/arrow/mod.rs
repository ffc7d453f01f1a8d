//! Arrow IPC, as a file or as a stream, a column at a time, whatever the size of record batches.
//!
//! `message` reads the metadata of one message, checked as a whole before anything of it is believed; `fields` says which
//! columns a schema has and which buffers are theirs; `outline` says where the record batches and dictionaries are. Of the
//! buffers of a column, `plain` reads as much as some thousand rows need: from the file where they are as they are, and
//! unpacked (`part`) where they are packed. `leaf` joins that with the dictionary of the column;
//! what those of views take is told by `views`. `flat` lays files out
//! unpacked whose buffers are too large to be unpacked in memory. What is made of the values is the business of
//! [`crate::columnar`].

mod dictionary;
mod fields;
mod flat;
mod leaf;
mod message;
mod outline;
mod part;
mod plain;
mod views;

pub use fields::Column;
pub use flat::lay_out;
pub(crate) use leaf::Leaf;
pub use outline::Outline;
pub(crate) use part::Io;

#[cfg(test)]
mod tests;

/// Bytes that tell Arrow IPC.
pub const MARK_BYTES: usize = 16;

/// How a file begins and ends.
const MAGIC: &[u8; 6] = b"ARROW1";
/// What is before the length of a message.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Whether bytes are the first ones of Arrow IPC: of a file, or of a stream, whose first message has a length and a table
/// inside of it.
pub fn is_arrow(head: &[u8]) -> bool {
    if head.starts_with(b"ARROW1\0\0") {
        return true;
    }
    let word = |at: usize| head.get(at..).and_then(|bytes| bytes.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    let (Some(length), Some(table)) = (word(4), word(8)) else { return false };
    head.starts_with(&CONTINUATION) && (8..1 << 31).contains(&length) && (4..length).contains(&table)
}
