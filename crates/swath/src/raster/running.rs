//! A job on its way: what its stages share.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use swath_core::{Journal, Receipts, Result, Store};
use swath_formats::geotiff::write::{BlockEncoder, Layout};
use swath_raster::Raster;

use super::encode::Encoded;
use super::job::Plan;
use super::places::Places;
use crate::work::{Idle, each_blob, get_or_try_init};

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
    /// For each level where its encoded blocks are, once all are.
    pub places: Vec<OnceLock<Places>>,
    /// What the file looks like, once all blocks of all levels are encoded.
    pub layout: OnceLock<Layout>,
    /// The file in the making.
    pub output: PathBuf,
}

/// A job on its way, as its stages hold it.
pub type Shared = Arc<Running>;

impl Running {
    /// Where the blocks of a level are, all of which are encoded.
    ///
    /// # Errors
    /// When a receipt cannot be read.
    pub fn places(&self, level: usize, done: &Receipts) -> Result<&Places> {
        get_or_try_init(&self.places[level], || Places::of(&self.plan, level, done))
    }

    /// Counts what an earlier process left on scratch as in use.
    ///
    /// # Errors
    /// When scratch does not hold it.
    pub fn replay(&self, receipts: &Receipts) -> Result<()> {
        let mut levels = 0..self.plan.levels.len() as u16;
        self.store.adopt(|adopt| levels.try_for_each(|level| each_blob::<Encoded>(receipts, level, adopt)))
    }

    /// Makes durable what tasks have written: scratch, and the file where it is being put together.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> std::io::Result<()> {
        self.store.sync()?;
        match File::open(&self.output) {
            Ok(file) => file.sync_data(),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}
