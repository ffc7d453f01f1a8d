//! How a window is cut so that no piece needs far more of the input than its size explains.
//!
//! Most windows are one piece. At a pole or a seam of a projection the pixels of a small window come from far apart;
//! in pieces they do not. Cuts depend on the window and the grids only, and no pixel depends on them.

use std::sync::PoisonError;

use swath_core::{Bytes, Result};

use crate::{Shape, Window};

use super::Warp;
use super::need::{Extent, Reach, SourceWindow};

/// The side of squares whose extents are kept.
const SQUARE: u32 = 512;
/// How many are kept at most.
const SQUARES: usize = 1 << 16;
/// What each of them takes.
const SQUARE_BYTES: u64 = 96;

/// Memory of what is kept about places of a grid of that shape.
pub(super) fn places_bytes_max(shape: Shape) -> Bytes {
    let squares = u64::from(shape.columns.div_ceil(SQUARE)) * u64::from(shape.rows.div_ceil(SQUARE));
    Bytes(squares.min(SQUARES as u64) * SQUARE_BYTES)
}
/// How much more of the input than its size explains a piece may need: pixels that are turned or sheared.
const EXCESS: f64 = 4.0;
/// So many pixels are never too many.
const FREE_PIXELS: f64 = 65_536.0;
/// Pieces of so many pixels are not cut any more.
const SMALLEST: u64 = 16;

impl Warp {
    /// Calls `with` for each piece of a window that needs pixels of the input, with those.
    ///
    /// # Errors
    /// What `with` says.
    pub(super) fn pieces(
        &self,
        window: Window,
        with: &mut dyn FnMut(Window, &SourceWindow) -> Result<()>,
    ) -> Result<()> {
        let Some(extent) = self.extent(window) else { return Ok(()) };
        let source = self.lattice.source_window(extent, self.reach);
        if window.pixels() > SMALLEST && source.shape.pixels() as f64 > self.explained(window) {
            for half in halves(window) {
                self.pieces(half, with)?;
            }
            return Ok(());
        }
        with(window, &source)
    }

    /// The most input pixels that a window of that size should need.
    fn explained(&self, window: Window) -> f64 {
        let (across, down) = match self.reach {
            Reach::Kernel(across, down) => (across, down),
            _ => (0, 0),
        };
        let side = |pixels: u32, ratio: f64, radius: u32| f64::from(pixels) * ratio + f64::from(2 * radius + 2);
        let pixels = side(window.columns, self.ratio.0, across) * side(window.rows, self.ratio.1, down);
        EXCESS * pixels + FREE_PIXELS
    }

    /// The places of a window, by squares.
    fn extent(&self, window: Window) -> Option<Extent> {
        let mut extent = None;
        for row in window.row / SQUARE..window.end_row().div_ceil(SQUARE) {
            for column in window.column / SQUARE..window.end_column().div_ceil(SQUARE) {
                let square = Window::new(row * SQUARE, column * SQUARE, SQUARE, SQUARE);
                let square = square.intersection(self.lattice.shape.whole());
                let part = square.intersection(window);
                let of_part = if part == square {
                    self.square(row, column, square)
                } else {
                    self.lattice.extent(part, self.reach)
                };
                extent = self.lattice.union(extent, of_part);
            }
        }
        extent
    }

    fn square(&self, row: u32, column: u32, square: Window) -> Option<Extent> {
        let lock = || self.extents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(extent) = lock().get(&(row, column)) {
            return *extent;
        }
        let extent = self.lattice.extent(square, self.reach);
        let mut extents = lock();
        if extents.len() >= SQUARES {
            extents.clear();
        }
        extents.insert((row, column), extent);
        extent
    }
}

/// A window in two along its longer side; where that is long, between squares.
fn halves(window: Window) -> [Window; 2] {
    let cut = |start: u32, length: u32| {
        let middle = start + length / 2;
        let between = middle / SQUARE * SQUARE;
        if between > start { between - start } else { length / 2 }
    };
    if window.columns >= window.rows {
        let columns = cut(window.column, window.columns);
        let rest = Window { column: window.column + columns, columns: window.columns - columns, ..window };
        [Window { columns, ..window }, rest]
    } else {
        let rows = cut(window.row, window.rows);
        let rest = Window { row: window.row + rows, rows: window.rows - rows, ..window };
        [Window { rows, ..window }, rest]
    }
}
