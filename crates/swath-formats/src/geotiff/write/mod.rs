//! Grids to files: blocks are encoded on their own, in any order, and put behind a directory at the end.
//!
//! A [`BlockEncoder`] turns one block of the output grid into bytes, which may lie anywhere meanwhile; a [`Layout`]
//! knows, from their lengths alone, each byte that comes before them and where each of them goes; [`write_file`] copies
//! them there. Files are little-endian, and depend on pixels, options and description only. This room reads nothing,
//! makes no overviews, and does not decide what a pixel without a value is.

mod assemble;
mod bound;
mod codec;
mod creation;
mod directory;
mod encoder;
mod fields;
mod gather;
mod geokeys;
mod layout;
mod lerc;
mod mask;
mod metadata;
mod options;
mod packbits;
mod pieces;
mod predict;
mod projection;
#[cfg(test)]
mod tests;

pub use assemble::{EncodedBlocks, write_file, write_head, write_pieces};
pub use bound::{block_bytes_max, encoder_bytes_max};
pub use encoder::{BlockEncoder, EncodedBlock};
pub use layout::{Container, FileDescription, Layout};
pub use options::{BigTiff, WriteOptions};
pub use pieces::Piece;

const _: () = assert!(cfg!(target_endian = "little"), "pixels are copied to little-endian files as they are");
