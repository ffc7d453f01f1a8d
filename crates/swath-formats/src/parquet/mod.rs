//! Parquet files of any writer, a column at a time, whatever the size of row groups.
//!
//! The way of a value: `footer` says where the pages of a column are; `page` reads one, `unpack` unpacks it; `leaf`
//! decodes some thousand values of it by `decode`, `hybrid` and `delta`. `plan` says what that takes. What is made of the
//! values is the business of [`crate::columnar`].

mod decode;
mod delta;
mod footer;
mod hybrid;
mod leaf;
mod logical;
mod page;
mod plan;
mod thrift;
mod unpack;

pub use footer::{FileColumn, Footer};
pub(crate) use leaf::Leaf;
pub(crate) use page::Io;
pub(crate) use plan::column_bytes_max;
pub(crate) use unpack::{Codec, Unpacker};

#[cfg(test)]
mod tests;
