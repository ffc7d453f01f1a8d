//! A raster whose coordinates are said to be of another system. No pixel moves.

use std::sync::Arc;

use swath_core::{Bytes, Lease, Result};
use swath_crs::Crs;

use crate::{Grid, Raster, Shape, Tile, Window};

/// A raster in a system that its file does not name, or names wrongly.
pub struct AssumeCrs {
    input: Arc<dyn Raster>,
    grid: Grid,
}

impl AssumeCrs {
    /// The same raster with coordinates of `crs`.
    pub fn new(input: Arc<dyn Raster>, crs: Arc<Crs>) -> AssumeCrs {
        let grid = Grid { crs: Some(crs), ..input.grid().clone() };
        AssumeCrs { input, grid }
    }
}

impl Raster for AssumeCrs {
    fn grid(&self) -> &Grid {
        &self.grid
    }

    fn bytes_for(&self, window: Window, bands: usize) -> Bytes {
        self.input.bytes_for(window, bands)
    }

    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile> {
        self.input.read(window, bands, lease)
    }

    fn held_bytes(&self) -> Bytes {
        self.input.held_bytes()
    }

    fn decoded_pixels(&self, window: Window) -> u64 {
        self.input.decoded_pixels(window)
    }

    fn source_blocks(&self) -> Vec<Shape> {
        self.input.source_blocks()
    }
}
