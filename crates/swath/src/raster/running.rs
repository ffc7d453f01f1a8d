//! A job on its way: what its stages share.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use swath_core::{Blob, Journal, Receipts, Result, Store};
use swath_formats::geotiff::write::BlockEncoder;
use swath_raster::{BlockOrder, Raster};

use super::assemble::Places;
use super::encode::Encoded;
use super::job::{Plan, stage};
use crate::work::{Idle, each_blob};

/// A job on its way.
pub struct Running {
    /// What is written and how.
    pub plan: Arc<Plan>,
    /// The pixels.
    pub raster: Arc<dyn Raster>,
    /// The record of what is done.
    pub journal: Journal,
    /// Encoded blocks, until the file is put together.
    pub store: Arc<Store>,
    /// What workers keep from task to task.
    pub encoders: Idle<BlockEncoder>,
    /// Where each encoded block is, once all are.
    pub places: OnceLock<Places>,
    /// The file in the making.
    pub output: PathBuf,
}

/// A job on its way, as its stages hold it.
pub type Shared = Arc<Running>;

impl Running {
    /// How the blocks of the output are numbered.
    pub fn order(&self) -> BlockOrder {
        self.plan.order
    }

    /// Counts what an earlier process left on scratch as in use.
    ///
    /// # Errors
    /// When scratch does not hold it.
    pub fn replay(&self, receipts: &Receipts) -> Result<()> {
        let mut adopted = Ok(());
        let mut adopt = |blob: &Blob| {
            if adopted.is_ok() {
                adopted = self.store.adopt(blob);
            }
        };
        each_blob::<Encoded>(receipts, stage::ENCODE, &mut adopt)?;
        adopted
    }

    /// Makes durable what tasks have written.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> std::io::Result<()> {
        self.store.sync()
    }
}
