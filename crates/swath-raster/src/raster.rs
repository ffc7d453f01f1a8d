//! The one type that sources and operators share.

use swath_core::{Bytes, Lease, Result};

use crate::{Grid, Shape, Tile, Window};

/// A grid whose pixels can be asked for, window by window, in any order and from any thread.
pub trait Raster: Send + Sync {
    /// What it is.
    fn grid(&self) -> &Grid;

    /// The most memory that reading the window takes, over the whole chain below, the answer included.
    ///
    /// # Memory
    /// [`Raster::read`] never takes more of its lease than this.
    fn bytes_for(&self, window: Window, bands: usize) -> Bytes;

    /// Reads the window: a tile of the bands (positions from 0), in the order in which they are named.
    ///
    /// The same window gives the same pixels, however the rest of the raster is read.
    ///
    /// # Errors
    /// When an input is damaged, or the lease is too small.
    fn read(&self, window: Window, bands: &[usize], lease: &Lease) -> Result<Tile>;

    /// What the whole chain holds from its first read on, beside what reading takes: mostly where pixels come from.
    fn held_bytes(&self) -> Bytes;

    /// Pixels per band that have to be decoded for a window: those of the sources' blocks that it touches.
    fn decoded_pixels(&self, window: Window) -> u64;

    /// The blocks of the sources, as far as they lie straight in this grid: windows along them are read without waste.
    fn source_blocks(&self) -> Vec<Shape>;
}
