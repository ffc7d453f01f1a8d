//! A raster of which something else is said than its file does. No pixel moves, and none changes.

use std::sync::Arc;

use swath_core::{Bytes, Lease, Result};
use swath_crs::Crs;

use crate::{Grid, Raster, Shape, Tile, Window};

/// A raster with another grid of the same pixels.
pub struct Assume {
    input: Arc<dyn Raster>,
    grid: Grid,
}

impl Assume {
    /// The same raster with coordinates of `crs`: of a system that its file does not name, or names wrongly.
    pub fn crs(input: Arc<dyn Raster>, crs: Arc<Crs>) -> Assume {
        let grid = Grid { crs: Some(crs), ..input.grid().clone() };
        Assume { input, grid }
    }

    /// The same raster with a mask that says what opacity said, which becomes a band like the others.
    pub fn masked(input: Arc<dyn Raster>) -> Assume {
        let grid = Grid { has_mask: true, ..input.grid().clone().without_opacity() };
        Assume { input, grid }
    }
}

impl Raster for Assume {
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
