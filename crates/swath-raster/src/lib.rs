//! Lazily computed grids: what a raster is, and the operators that work on it window by window.
//!
//! Sources and operators are one type, [`Raster`], joined by one call: *read this window*. Nothing is computed before
//! somebody asks, and nothing is held but what a lease allows. This crate knows no file format and no table.

mod affine;
mod blocks;
mod cache;
mod data_type;
mod grid;
pub mod ops;
mod raster;
pub mod reduce;
mod tile;
mod window;

pub use affine::Affine;
pub use blocks::BlockOrder;
pub use cache::{Block, BlockCache, BlockKey};
pub use data_type::{DataType, Pixel, Scalar};
pub use grid::{Band, BandColour, Grid};
pub use raster::Raster;
pub use tile::{Tile, Values, all_valid, none_valid};
pub use window::{Shape, Window};
