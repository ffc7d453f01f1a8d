//! The public library: a request resolves into a job, a job into a plan, a plan runs to an outcome.
//!
//! It never touches a terminal, the environment or the exit of the process.

pub mod batch;
mod content;
pub mod demo;
pub mod info;
pub mod ingest;
mod input_file;
mod job;
pub mod outcome;
mod pattern;
pub mod raster;
pub mod request;
pub mod synth;
mod work;

pub use job::Job;
pub use swath_raster::ops::{
    Edges, FocalStatistic, Kernel, MosaicMethod, Resampling, Scaling, SlopeUnits, Synthesis, TerrainEdges, TerrainKind,
    TerrainMethod, TerrainOptions, WarpWishes,
};
pub use swath_raster::{BlockOrder, DataType, Scalar, Shape, Window};
