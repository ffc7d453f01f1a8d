//! Bytes to batches and back: one room per format.
//!
//! It does not decide what is read or written, and keeps nothing between calls.

pub mod arrow;
pub mod columnar;
pub mod csv;
pub mod geoparquet;
pub mod geotiff;
mod inflate;
pub mod json;
mod lz4;
pub mod parquet;
pub mod store;
pub mod sum;
pub mod unpack;
