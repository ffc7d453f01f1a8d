//! The operators: each is a [`crate::Raster`] over others, in a file of its own.

mod calc;
mod convert;
mod synth;
#[cfg(test)]
mod tests;

pub use calc::{Calc, CalcInput};
pub use convert::{Conversion, Convert, Scaling, convert};
pub use synth::{Synth, Synthesis};
