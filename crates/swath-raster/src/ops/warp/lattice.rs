//! Where the pixels of the output come from: exact places at nine points of each cell, and between them lines, or
//! parabolas where lines are not exact enough.
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
/// What rounding may add to that.
const HAIR: f64 = 2.0 / (1u64 << 20) as f64;
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
    places: Places,
}

/// How the places of a leaf are found.
enum Places {
    /// Bilinear between its upper left, upper right, lower left and lower right corner.
    Lines([Point; 4]),
    /// Biquadratic through its corners, the middles of its sides and its centre: rows of points from the top.
    Curves([[Point; 3]; 3]),
    /// Each is computed.
    Each,
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
            Verdict::Known(places) => with(&Leaf { window: cell, places }, part),
            Verdict::Unknown if size <= SMALLEST => with(&Leaf { window: cell, places: Places::Each }, part),
            Verdict::Unknown => {
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
            return if size <= EMPTY { Verdict::Nothing } else { Verdict::Unknown };
        }
        let Some(first) = points[0].filter(|_| points.iter().all(Option::is_some)) else {
            return Verdict::Unknown;
        };
        let points = points.map(|point| self.mapping.columns.beside(first, point.unwrap_or(first)));
        if self.is_beyond(&points) {
            return Verdict::Nothing;
        }
        let corners = [points[0], points[1], points[2], points[3]];
        let is_near = |guess: Point, point: Point| (guess.0 - point.0).hypot(guess.1 - point.1) <= self.error_pixels;
        // What lines and parabolas miss of a smooth curve is great near the quarters; at the middle a curve may cross its line.
        let quarters = [(0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)].map(|(across, down)| {
            let place = self.mapping.place(left + (right - left) * across, top + (bottom - top) * down, false);
            (across, down, place.map(|place| self.mapping.columns.beside(first, place)))
        });
        let at_quarters = |guess: &dyn Fn(f64, f64) -> Point| {
            let is_right = |(across, down, place): &(f64, f64, Option<Point>)| {
                place.is_some_and(|place| is_near(guess(*across, *down), place))
            };
            quarters.iter().all(is_right)
        };
        let line = |across: f64, down: f64| between(&corners, across, down);
        let middles = [(0.5, 0.0), (0.5, 1.0), (0.0, 0.5), (1.0, 0.5), (0.5, 0.5)];
        let mut at_middles = middles.into_iter().zip(&points[4..]);
        if at_middles.all(|((across, down), point)| is_near(line(across, down), *point)) && at_quarters(&line) {
            return Verdict::Known(Places::Lines(corners));
        }
        let [
            upper_left,
            upper_right,
            lower_left,
            lower_right,
            top_middle,
            bottom_middle,
            left_middle,
            right_middle,
            centre,
        ] = points;
        let rows = [
            [upper_left, top_middle, upper_right],
            [left_middle, centre, right_middle],
            [lower_left, bottom_middle, lower_right],
        ];
        let on_curve = |across: f64, down: f64| {
            let [start, slope, bend] = curve(&rows, down);
            let along = |of: fn(Point) -> f64| of(start) + across * (of(slope) + across * of(bend));
            (along(|point| point.0), along(|point| point.1))
        };
        match at_quarters(&on_curve) {
            true => Verdict::Known(Places::Curves(rows)),
            false => Verdict::Unknown,
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
    /// All have one, and here they are.
    Known(Places),
    /// That is not known of the cell as a whole.
    Unknown,
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

/// The parabola at a share of the height through nine points: its start, slope and bend by shares of the width.
fn curve(rows: &[[Point; 3]; 3], down: f64) -> [Point; 3] {
    let shares = [(1.0 - down) * (1.0 - 2.0 * down), 4.0 * down * (1.0 - down), down * (2.0 * down - 1.0)];
    let at = |column: usize, of: fn(Point) -> f64| {
        of(rows[0][column]) * shares[0] + of(rows[1][column]) * shares[1] + of(rows[2][column]) * shares[2]
    };
    let along = |of: fn(Point) -> f64| {
        let (start, middle, end) = (at(0, of), at(1, of), at(2, of));
        [start, 4.0 * middle - 3.0 * start - end, 2.0 * (start - 2.0 * middle + end)]
    };
    let (columns, rows) = (along(|point| point.0), along(|point| point.1));
    [0, 1, 2].map(|term| (columns[term], rows[term]))
}

impl Leaf {
    /// Whether each place is computed on its own.
    pub fn is_exact(&self) -> bool {
        matches!(self.places, Places::Each)
    }

    /// Whether the places of a row lie on a line, one as far from the other as the next.
    pub fn is_line(&self) -> bool {
        matches!(self.places, Places::Lines(_))
    }

    /// How many columns and rows the places of a part of it may lie beside those between the corners of the part: an
    /// eighth of the second derivatives, which three values bound to within a quarter.
    pub fn sag(&self) -> Point {
        let Places::Curves(rows) = &self.places else { return (0.0, 0.0) };
        let bend = |a: f64, b: f64, c: f64| (a - 2.0 * b + c).abs();
        let of = |of: fn(Point) -> f64| {
            let across = rows.iter().map(|[a, b, c]| bend(of(*a), of(*b), of(*c))).fold(0.0, f64::max);
            let down = (0..3).map(|at| bend(of(rows[0][at]), of(rows[1][at]), of(rows[2][at]))).fold(0.0, f64::max);
            0.625 * (across + down) + HAIR
        };
        (of(|point| point.0), of(|point| point.1))
    }

    /// Places along a line of the output: `columns.len()` of them, one pixel apart, from (`column`, `row`) on, which
    /// must lie in the leaf. NaN where there is no place.
    pub fn row(&self, lattice: &Lattice, column: f64, row: f64, columns: &mut [f64], rows: &mut [f64]) {
        let (width, height) = (f64::from(self.window.columns), f64::from(self.window.rows));
        let (across, down) = (column - f64::from(self.window.column), (row - f64::from(self.window.row)) / height);
        let line = columns.iter_mut().zip(rows);
        match &self.places {
            Places::Lines(corners) => {
                let (left, right) = sides(corners, down);
                let slope = ((right.0 - left.0) / width, (right.1 - left.1) / width);
                for ((to_column, to_row), step) in line.zip(&STEPS) {
                    let across = across + step;
                    *to_column = left.0 + across * slope.0;
                    *to_row = left.1 + across * slope.1;
                }
            }
            Places::Curves(points) => {
                let [start, slope, bend] = curve(points, down);
                let slope = (slope.0 / width, slope.1 / width);
                let bend = (bend.0 / width / width, bend.1 / width / width);
                for ((to_column, to_row), step) in line.zip(&STEPS) {
                    let across = across + step;
                    *to_column = start.0 + across * (slope.0 + across * bend.0);
                    *to_row = start.1 + across * (slope.1 + across * bend.1);
                }
            }
            Places::Each => {
                for ((to_column, to_row), step) in line.zip(&STEPS) {
                    let place = lattice.mapping.point(column + step, row);
                    (*to_column, *to_row) = place.unwrap_or((f64::NAN, f64::NAN));
                }
            }
        }
    }
}

/// Rounds places to 2⁻²⁰ pixels and counts them from a corner of the input.
pub(super) fn settle(columns: &mut [f64], rows: &mut [f64], corner: (f64, f64)) {
    columns.iter_mut().for_each(|column| *column = (*column + ROUND - ROUND) - corner.0);
    rows.iter_mut().for_each(|row| *row = (*row + ROUND - ROUND) - corner.1);
}
