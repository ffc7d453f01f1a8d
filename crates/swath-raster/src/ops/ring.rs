//! The rows around the one that is computed, as 64-bit floats: whatever the type of the pixels, arithmetic on
//! neighbourhoods is compiled once.
//!
//! A row has columns to spare on both sides, so that a neighbour is always an offset away, and its length lets loops
//! go on in whole steps of [`LANES`]. It does not know what is computed.

use swath_core::{Buffer, Bytes, Lease, Result};

use crate::{Pixel, Shape, Tile, Window, for_values};

/// Columns that loops go through in one step.
pub(super) const LANES: usize = 16;

/// What stands for pixels beyond the border of the raster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beyond {
    /// Nothing: they have no value.
    Nothing,
    /// The nearest pixel of the raster.
    Nearest,
}

/// What is known of the validity of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowState {
    /// Every pixel of it that lies in the raster has a value.
    Full,
    /// Some have none.
    Gaps,
    /// It lies beyond the border, and has none.
    Outside,
}

/// How many rows and columns are needed on each side of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// Rows above and rows below.
    pub rows: u32,
    /// Columns to the left and to the right.
    pub columns: u32,
}

impl Reach {
    /// The window that has to be read for another one.
    pub fn grow(self, window: Window, grid: Shape) -> Window {
        let (tall, wide) = (window.grow(self.rows, grid), window.grow(self.columns, grid));
        Window { row: tall.row, rows: tall.rows, column: wide.column, columns: wide.columns }
    }
}

/// The last rows of a band that were loaded, as many as a neighbourhood has.
pub(super) struct Ring {
    /// Values by row; what stands for none is said when a row is loaded.
    pub values: Buffer<f64>,
    /// In the same places 1 where there is a value and 0 elsewhere.
    pub presence: Buffer<f64>,
    states: Vec<RowState>,
    stride: usize,
    reach: Reach,
    beyond: Beyond,
    grid: Shape,
    window: Window,
}

impl Ring {
    /// Places from one row to the next.
    pub fn stride(reach: Reach, columns: u32) -> usize {
        (columns as usize + 2 * reach.columns as usize).next_multiple_of(LANES) + LANES
    }

    /// Memory of a ring for windows of that many columns.
    pub fn bytes_for(reach: Reach, columns: u32) -> Bytes {
        let rows = 2 * reach.rows as usize + 1;
        Bytes::of::<f64>(2 * rows * Ring::stride(reach, columns)) + Bytes::of::<RowState>(rows)
    }

    /// A ring without rows, for the neighbourhoods of the pixels of a window.
    ///
    /// # Errors
    /// When the lease has less left than [`Ring::bytes_for`].
    pub fn new(reach: Reach, beyond: Beyond, window: Window, grid: Shape, lease: &Lease) -> Result<Ring> {
        let (stride, rows) = (Ring::stride(reach, window.columns), 2 * reach.rows as usize + 1);
        Ok(Ring {
            values: lease.buffer(rows * stride)?,
            presence: lease.buffer(rows * stride)?,
            states: vec![RowState::Outside; rows],
            stride,
            reach,
            beyond,
            grid,
            window,
        })
    }

    fn slot(&self, row: i64) -> usize {
        row.rem_euclid(self.states.len() as i64) as usize
    }

    /// Where in the buffers the row of the raster begins, spare columns first.
    pub fn start(&self, row: i64) -> usize {
        self.slot(row) * self.stride
    }

    /// What is known of a loaded row.
    pub fn state(&self, row: i64) -> RowState {
        self.states[self.slot(row)]
    }

    /// The row of the raster that stands `below` rows under another one: beyond the border the nearest, if so wanted.
    pub fn neighbour(&self, row: u32, below: i64) -> i64 {
        let row = i64::from(row) + below;
        match self.beyond {
            Beyond::Nothing => row,
            Beyond::Nearest => row.clamp(0, i64::from(self.grid.rows) - 1),
        }
    }

    /// Loads all that the neighbourhoods of a row of the window need, and that is not there from the row before.
    ///
    /// `tile` must hold the window grown by the reach; `missing` stands for pixels without a value. NaN is none.
    pub fn advance(&mut self, row: u32, tile: &Tile, band: usize, missing: f64) {
        let last = i64::from(row) + i64::from(self.reach.rows);
        let first = if row == self.window.row { i64::from(row) - i64::from(self.reach.rows) } else { last };
        (first..=last).for_each(|row| self.load(row, tile, band, missing));
    }

    /// Puts at a place what follows on a straight line from a far place over a near one, if both have a value.
    pub fn go_on(&mut self, to: usize, near: usize, far: usize) {
        self.presence[to] = self.presence[near] * self.presence[far];
        self.values[to] = 2.0 * self.values[near] - self.values[far];
    }

    /// Says of a row that it was made from two others.
    pub fn settle(&mut self, row: i64, near: i64, far: i64) {
        let full = self.state(near) == RowState::Full && self.state(far) == RowState::Full;
        let slot = self.slot(row);
        self.states[slot] = if full { RowState::Full } else { RowState::Gaps };
    }

    fn load(&mut self, row: i64, tile: &Tile, band: usize, missing: f64) {
        let (slot, start, spare) = (self.slot(row), self.start(row), self.reach.columns as usize);
        let width = self.window.columns as usize + 2 * spare;
        let values = &mut self.values[start..start + width];
        let presence = &mut self.presence[start..start + width];
        if !(0..i64::from(self.grid.rows)).contains(&row) {
            values.fill(missing);
            presence.fill(0.0);
            self.states[slot] = RowState::Outside;
            return;
        }
        let left = spare - (self.window.column - tile.window.column) as usize;
        let inside = left..left + tile.window.columns as usize;
        let row = row as usize - tile.window.row as usize;
        let full = read_row(tile, band, row, missing, &mut values[inside.clone()], &mut presence[inside.clone()]);
        let (first, last) = match self.beyond {
            Beyond::Nothing => ((missing, 0.0), (missing, 0.0)),
            Beyond::Nearest => {
                let at = |column: usize| (values[column], presence[column]);
                (at(inside.start), at(inside.end - 1))
            }
        };
        for (spare, (value, present)) in [(0..inside.start, first), (inside.end..width, last)] {
            values[spare.clone()].fill(value);
            presence[spare].fill(present);
        }
        self.states[slot] = if full { RowState::Full } else { RowState::Gaps };
    }
}

/// Reads a row of a tile; whether all of its pixels have values.
fn read_row(tile: &Tile, band: usize, row: usize, missing: f64, values: &mut [f64], presence: &mut [f64]) -> bool {
    let start = band * tile.plane() + row * values.len();
    let range = start..start + values.len();
    for_values!(&tile.values, buffer => {
        values.iter_mut().zip(&buffer[range.clone()]).for_each(|(to, from)| *to = from.to_f64());
    });
    presence.fill(1.0);
    let mut full = true;
    if tile.values.data_type().is_float() {
        full = values.iter().fold(0u64, |count, value| count + u64::from(value.is_nan())) == 0;
        if !full {
            presence.iter_mut().zip(&*values).for_each(|(to, value)| *to = if value.is_nan() { 0.0 } else { 1.0 });
        }
    }
    if let Some(validity) = &tile.validity {
        let validity = &validity[range];
        if validity.iter().fold(1, |all, valid| all & *valid) == 0 {
            full = false;
            presence.iter_mut().zip(validity).for_each(|(to, valid)| *to = if *valid == 0 { 0.0 } else { *to });
        }
    }
    if !full {
        values.iter_mut().zip(&*presence).for_each(|(to, present)| *to = if *present == 0.0 { missing } else { *to });
    }
    full
}
