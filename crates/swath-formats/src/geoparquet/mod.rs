//! The GeoParquet files of a lake: sorted rows in, row groups encoded on their own, part files assembled from them.
//!
//! A row group is encoded as a complete small Parquet file (a *mini file*), so that it can be made anywhere, in any
//! order, and kept on scratch; [`assemble`] copies the pages of several into one part file without decoding them.
//! Pages are encoded here; the footer, the page index and the schema are written by the `parquet` crate. This room does
//! not sort, partition, decide where row groups end, or name files.

mod assemble;
mod attribute;
mod bound;
mod chunk;
mod compress;
mod delta;
mod distinct;
mod encoder;
mod error;
mod float;
mod geometry;
mod hybrid;
mod layout;
mod pages;
mod sink;
mod statistics;
mod summary;
#[cfg(test)]
mod tests;
mod text;

pub use assemble::{PartSummary, assemble};
pub use bound::{TextShape, encoder_bytes_max, mini_file_bytes_max};
pub use encoder::{Encoded, LeafCost, RowGroupEncoder};
pub use geometry::Bounds;
pub use layout::{LakeColumns, LakeCompression, LakeLayout, PointColumns, SortColumn};
pub use summary::{FileSummary, SummarisedColumn, summarise};

/// Rows of a page, except where long text ends one sooner.
pub const PAGE_ROWS: usize = 20_480;
/// Rows of a row group at most.
pub const ROW_GROUP_ROWS_MAX: usize = 122_880;
