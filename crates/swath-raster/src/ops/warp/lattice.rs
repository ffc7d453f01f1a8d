//! Where the pixels of the output come from: exact places at the corners of cells, and linear between them.
//!
//! Cells are anchored at the origin of the output grid and halved until they are exact enough, and each is judged by
//! itself alone: so a pixel has the same place in any window. It reads no pixels.

use crate::{Shape, Window};

use super::mapping::{Columns, Mapping};

/// The side of a cell, in pixels of the output.
const CELL: u32 = 64;
/// The side of the smallest cell that is still interpolated in; below it each pixel is computed.
const SMALLEST: u32 = 4;
/// Cells up to this side in which no place exists at nine points are taken for empty.
const EMPTY: u32 = 16;
/// Places are rounded to 2⁻²⁰ pixels, so that noise of the arithmetic decides nothing: adding and taking away a number
/// whose last bit has that weight rounds to it.
const ROUND: f64 = 1.5 * (1u64 << 32) as f64;
/// The longest row of places that is asked for at once: the corners of a cell.
pub(super) const ROW: usize = CELL as usize + 1;

/// 0, 1, 2 and so on, as floats.
const STEPS: [f64; ROW] = {
    let mut steps = [0.0; ROW];
    let mut step = 0;
    while step < ROW {
        steps[step] = step as f64;
        step += 1;
    }
    steps
};

/// A point of the input: column and row.
pub(super) type Point = (f64, f64);

/// Cells over an output grid.
pub(super) struct Lattice {
    /// The exact way.
    pub mapping: Mapping,
    /// The output's size.
    pub shape: Shape,
    /// How far a place may be off, in pixels of the input.
    pub error_pixels: f64,
}

/// A piece of the output whose places are known.
pub(super) struct Leaf {
    /// The piece.
    pub window: Window,
    /// Places of its upper left, upper right, lower left and lower right corner, to be interpolated between; `None`
    /// where each place has to be computed.
    corners: Option<[Point; 4]>,
}

impl Lattice {
    /// Calls `with` for each piece of the window that may have places, with the part of it in the window, in an order
    /// that depends on the window alone.
    ///
    /// # Errors
    /// What `with` says.
    pub fn visit<E>(&self, window: Window, with: &mut dyn FnMut(&Leaf, Window) -> Result<(), E>) -> Result<(), E> {
        for row in window.row / CELL..window.end_row().div_ceil(CELL) {
            for column in window.column / CELL..window.end_column().div_ceil(CELL) {
                let cell = Window::new(row * CELL, column * CELL, CELL, CELL).intersection(self.shape.whole());
                self.visit_cell(cell, CELL, window, with)?;
            }
        }
        Ok(())
    }

    fn visit_cell<E>(
        &self,
        cell: Window,
        size: u32,
        window: Window,
        with: &mut dyn FnMut(&Leaf, Window) -> Result<(), E>,
    ) -> Result<(), E> {
        let part = cell.intersection(window);
        if part.is_empty() {
            return Ok(());
        }
        match self.judge(cell, size) {
            Verdict::Nothing => Ok(()),
            Verdict::Linear(corners) => with(&Leaf { window: cell, corners: Some(corners) }, part),
            Verdict::Bent if size <= SMALLEST => with(&Leaf { window: cell, corners: None }, part),
            Verdict::Bent => {
                let half = size / 2;
                for (down, right) in [(0, 0), (0, half), (half, 0), (half, half)] {
                    let quarter = Window::new(cell.row + down, cell.column + right, half, half).intersection(cell);
                    self.visit_cell(quarter, half, window, with)?;
                }
                Ok(())
            }
        }
    }

    /// What the corners, the middles of the sides and the centre of a cell say.
    fn judge(&self, cell: Window, size: u32) -> Verdict {
        let (left, right) = (f64::from(cell.column), f64::from(cell.end_column()));
        let (top, bottom) = (f64::from(cell.row), f64::from(cell.end_row()));
        let (middle, centre) = ((left + right) / 2.0, (top + bottom) / 2.0);
        let places = [
            (left, top),
            (right, top),
            (left, bottom),
            (right, bottom),
            (middle, top),
            (middle, bottom),
            (left, centre),
            (right, centre),
            (middle, centre),
        ];
        // The centre has to lead back; where it does, so do the others, or they do not lie on a plane with it.
        let points = places.map(|(column, row)| self.mapping.place(column, row, (column, row) == (middle, centre)));
        if points.iter().all(Option::is_none) {
            return if size <= EMPTY { Verdict::Nothing } else { Verdict::Bent };
        }
        let Some(first) = points[0].filter(|_| points.iter().all(Option::is_some)) else {
            return Verdict::Bent;
        };
        let points = points.map(|point| self.mapping.columns.beside(first, point.unwrap_or(first)));
        if self.is_beyond(&points) {
            return Verdict::Nothing;
        }
        let corners = [points[0], points[1], points[2], points[3]];
        let between = |across: f64, down: f64| between(&corners, across, down);
        let guesses = [between(0.5, 0.0), between(0.5, 1.0), between(0.0, 0.5), between(1.0, 0.5), between(0.5, 0.5)];
        let off = guesses.iter().zip(&points[4..]).map(|(guess, point)| (guess.0 - point.0).hypot(guess.1 - point.1));
        match off.fold(0.0, f64::max) <= self.error_pixels {
            true => Verdict::Linear(corners),
            false => Verdict::Bent,
        }
    }

    /// Whether a cell lies so far from the input, on one side of it, that none of its pixels can be in it.
    fn is_beyond(&self, points: &[Point; 9]) -> bool {
        let range = |values: [f64; 9]| {
            values.into_iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
        };
        let is_beyond = |(low, high): (f64, f64), size: u32| {
            let margin = 1.0 + high - low;
            high < -margin || low > f64::from(size) + margin
        };
        let Shape { rows, columns } = self.mapping.shape;
        is_beyond(range(points.map(|point| point.1)), rows)
            || (self.mapping.columns == Columns::Plain && is_beyond(range(points.map(|point| point.0)), columns))
    }
}

/// What is found of a cell.
enum Verdict {
    /// No pixel of it has a place in the input.
    Nothing,
    /// Places lie close enough between these corners.
    Linear([Point; 4]),
    /// They do not.
    Bent,
}

/// The point between four corners at shares of the width and of the height.
fn between(corners: &[Point; 4], across: f64, down: f64) -> Point {
    let (left, right) = sides(corners, down);
    (left.0 + (right.0 - left.0) * across, left.1 + (right.1 - left.1) * across)
}

/// The points of the left and the right side at a share of the height.
fn sides(corners: &[Point; 4], down: f64) -> (Point, Point) {
    let [a, b, c, d] = *corners;
    ((a.0 + (c.0 - a.0) * down, a.1 + (c.1 - a.1) * down), (b.0 + (d.0 - b.0) * down, b.1 + (d.1 - b.1) * down))
}

impl Leaf {
    /// Whether each place is computed on its own.
    pub fn is_exact(&self) -> bool {
        self.corners.is_none()
    }

    /// Places along a line of the output: `columns.len()` of them, one pixel apart, from (`column`, `row`) on, which
    /// must lie in the leaf. NaN where there is no place.
    pub fn row(&self, lattice: &Lattice, column: f64, row: f64, columns: &mut [f64], rows: &mut [f64]) {
        let Some(corners) = &self.corners else {
            for (step, (to_column, to_row)) in columns.iter_mut().zip(rows).enumerate() {
                let place = lattice.mapping.point(column + step as f64, row);
                (*to_column, *to_row) = place.unwrap_or((f64::NAN, f64::NAN));
            }
            return;
        };
        let (width, height) = (f64::from(self.window.columns), f64::from(self.window.rows));
        let (left, right) = sides(corners, (row - f64::from(self.window.row)) / height);
        let slope = ((right.0 - left.0) / width, (right.1 - left.1) / width);
        let start = column - f64::from(self.window.column);
        for ((to_column, to_row), step) in columns.iter_mut().zip(rows).zip(&STEPS) {
            let across = start + step;
            *to_column = left.0 + across * slope.0;
            *to_row = left.1 + across * slope.1;
        }
    }
}

/// Rounds places to 2⁻²⁰ pixels and counts them from a corner of the input.
pub(super) fn settle(columns: &mut [f64], rows: &mut [f64], corner: (f64, f64)) {
    columns.iter_mut().for_each(|column| *column = (*column + ROUND - ROUND) - corner.0);
    rows.iter_mut().for_each(|row| *row = (*row + ROUND - ROUND) - corner.1);
}
