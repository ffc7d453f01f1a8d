//! What every verb that works through data resolves to.

use swath_core::{Observer, Result, Stop};
use swath_raster::BlockOrder;

use crate::outcome::{Explanation, Outcome};

/// A request that is resolved and costed, and has not begun.
pub trait Job {
    /// The plan in words and numbers.
    fn explain(&self) -> Explanation;

    /// What a person should know before the run.
    fn warnings(&self) -> &[String];

    /// Where the units of stages lie on a grid, for stages whose units do, as (name, order).
    fn grids(&self) -> Vec<(String, BlockOrder)> {
        Vec::new()
    }

    /// Runs it to its end.
    ///
    /// # Errors
    /// The first error; then nothing new is at the final path, and what was done can be resumed where it says so.
    fn execute(self: Box<Self>, stop: &Stop, observer: &dyn Observer) -> Result<Outcome>;
}
