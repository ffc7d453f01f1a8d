//! Tables in bounded pieces: what a telemetry table is, and the operators that work on it.
//!
//! This crate knows no file format and no pixel.

pub mod assign;
pub mod civil;
pub mod column;
pub mod infer;
pub mod intern;
pub mod layout;
pub mod lines;
pub mod offset;
pub mod partition;
pub mod path;
pub mod reject;
pub mod run;
pub mod schema;
pub mod schema_file;
pub mod series;
pub mod sort;
pub mod time_pattern;
