//! The public library: a request resolves into a job, a job into a plan, a plan runs to an outcome.
//!
//! It never touches a terminal, the environment or the exit of the process.

pub mod demo;
pub mod info;
pub mod ingest;
pub mod outcome;
pub mod request;
pub mod synth;
