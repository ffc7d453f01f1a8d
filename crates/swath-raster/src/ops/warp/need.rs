//! Which pixels of the input a window of the output needs: known before anything is read.

use crate::{Shape, Window};

use super::lattice::{Lattice, Leaf, Point, ROW, settle};
use super::mapping::Columns;

/// How far a kernel reaches from the pixels around a place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Reach {
    /// The pixel of the place itself.
    Here,
    /// So many columns and rows to either side.
    Kernel(u32, u32),
    /// All pixels under the new one.
    Area,
}

/// The places of a window in the input: ranges of columns, in turns that lie close together, and of rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Extent {
    columns: (f64, f64),
    rows: (f64, f64),
}

/// A rectangle of the input, whose columns may go on beyond the last one where the input goes all the way round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SourceWindow {
    /// The first column; before 0 it counts from the end.
    pub column: i64,
    /// The first row.
    pub row: u32,
    /// Its size.
    pub shape: Shape,
    /// Columns of places before this one are counted in the turn after it.
    start: f64,
}

impl Lattice {
    /// The places of a window; `None` if none of its pixels has one in the input.
    pub fn extent(&self, window: Window, reach: Reach) -> Option<Extent> {
        let mut extent = None;
        let done: Result<(), std::convert::Infallible> = self.visit(window, &mut |leaf, part| {
            if leaf.is_exact() {
                for row in part.row..part.end_row() {
                    for column in part.column..part.end_column() {
                        self.add(&mut extent, leaf, Window::new(row, column, 1, 1), reach);
                    }
                }
            } else {
                self.add(&mut extent, leaf, part, reach);
            }
            Ok(())
        });
        done.ok().and(extent)
    }

    /// Adds a part of a leaf between whose corners all places lie, but for its sag.
    fn add(&self, extent: &mut Option<Extent>, leaf: &Leaf, part: Window, reach: Reach) {
        let (count, last, offset) = match reach {
            Reach::Area => (part.columns as usize + 1, f64::from(part.end_row()), 0.0),
            _ => (part.columns as usize, f64::from(part.end_row()) - 0.5, 0.5),
        };
        let mut first: Option<Point> = None;
        let (mut columns, mut rows) = ((f64::INFINITY, f64::NEG_INFINITY), (f64::INFINITY, f64::NEG_INFINITY));
        let (mut to_columns, mut to_rows) = ([0.0; ROW], [0.0; ROW]);
        for row in [f64::from(part.row) + offset, last] {
            let line = (&mut to_columns[..count], &mut to_rows[..count]);
            leaf.row(self, f64::from(part.column) + offset, row, line.0, line.1);
            settle(&mut to_columns[..count], &mut to_rows[..count], (0.0, 0.0));
            for place in [0, count - 1] {
                let point = (to_columns[place], to_rows[place]);
                if point.0.is_nan() || point.1.is_nan() {
                    continue;
                }
                let point = self.mapping.columns.beside(*first.get_or_insert(point), point);
                columns = (columns.0.min(point.0), columns.1.max(point.0));
                rows = (rows.0.min(point.1), rows.1.max(point.1));
            }
        }
        if first.is_some() {
            let sag = leaf.sag();
            columns = (columns.0 - sag.0, columns.1 + sag.0);
            rows = (rows.0 - sag.1, rows.1 + sag.1);
            // What spans half a turn could as well be what spans the other half.
            let period = self.mapping.columns.period();
            if period > 0.0 && columns.1 - columns.0 > 0.45 * period {
                columns = (columns.0, columns.0 + period);
            }
            self.join(extent, columns, rows);
        }
    }

    /// Widens an extent by ranges of places, as far as they are in the input.
    fn join(&self, extent: &mut Option<Extent>, columns: (f64, f64), rows: (f64, f64)) {
        let Shape { rows: height, columns: width } = self.mapping.shape;
        let Some(rows) = within(rows, height) else { return };
        match self.mapping.columns {
            Columns::Plain => {
                if let Some(columns) = within(columns, width) {
                    widen(extent, columns, rows);
                }
            }
            Columns::Gap { period, .. } => {
                let (first, last) = (self.mapping.columns.turns(columns.0), self.mapping.columns.turns(columns.1));
                let shifted = |turns: f64| (columns.0 - turns * period, columns.1 - turns * period);
                let both =
                    if first == last { [Some(shifted(first)), None] } else { [first, last].map(|t| Some(shifted(t))) };
                for columns in both.into_iter().flatten().filter_map(|columns| within(columns, width)) {
                    widen(extent, columns, rows);
                }
            }
            Columns::Round { period, .. } => {
                let middle = |range: (f64, f64)| (range.0 + range.1) / 2.0;
                let other = extent.map_or(0.0, |extent| middle(extent.columns));
                let turns = ((middle(columns) - other) / period).round();
                widen(extent, (columns.0 - turns * period, columns.1 - turns * period), rows);
            }
        }
    }

    /// The extent of two parts of a window.
    pub fn union(&self, one: Option<Extent>, two: Option<Extent>) -> Option<Extent> {
        let Some(two) = two else { return one };
        let mut extent = one;
        self.join(&mut extent, two.columns, two.rows);
        extent
    }

    /// The pixels of the input for places in an extent.
    pub fn source_window(&self, extent: Extent, reach: Reach) -> SourceWindow {
        let Shape { rows, columns } = self.mapping.shape;
        let (across, down) = match reach {
            Reach::Kernel(across, down) => (i64::from(across), i64::from(down)),
            _ => (0, 0),
        };
        let span = |(low, high): (f64, f64), radius: i64| match reach {
            Reach::Here => (low.floor() as i64, high.floor() as i64 + 1),
            Reach::Area => (low.floor() as i64, high.ceil() as i64 + 1),
            Reach::Kernel(..) => ((low - 0.5).floor() as i64 + 1 - radius, (high - 0.5).floor() as i64 + radius + 1),
        };
        let clipped = |(first, end): (i64, i64), size: u32| {
            let first = first.clamp(0, i64::from(size) - 1);
            (first, end.clamp(first + 1, i64::from(size)))
        };
        let (row, end_row) = clipped(span(extent.rows, down), rows);
        let (start, (column, end_column)) = match self.mapping.columns {
            Columns::Plain | Columns::Gap { .. } => (0.0, clipped(span(extent.columns, across), columns)),
            Columns::Round { period, columns } if extent.columns.1 - extent.columns.0 >= period - 4.0 => {
                (f64::NEG_INFINITY, (-across - 1, i64::from(columns) + across + 2))
            }
            Columns::Round { period, .. } => {
                let turns = self.mapping.columns.turns(extent.columns.0);
                let range = (extent.columns.0 - turns * period, extent.columns.1 - turns * period);
                // A turn need not be a whole number of columns.
                let (first, end) = span(range, across);
                (range.0 - 0.75, (first - 1, end + 1))
            }
        };
        let shape = Shape::new((end_row - row) as u32, (end_column - column) as u32);
        SourceWindow { column, row: row as u32, shape, start }
    }
}

/// The part of a range that lies in 0 to `size`.
fn within(range: (f64, f64), size: u32) -> Option<(f64, f64)> {
    let size = f64::from(size);
    (range.1 >= 0.0 && range.0 <= size).then(|| (range.0.max(0.0), range.1.min(size)))
}

fn widen(extent: &mut Option<Extent>, columns: (f64, f64), rows: (f64, f64)) {
    let is = extent.unwrap_or(Extent { columns, rows });
    *extent = Some(Extent {
        columns: (is.columns.0.min(columns.0), is.columns.1.max(columns.1)),
        rows: (is.rows.0.min(rows.0), is.rows.1.max(rows.1)),
    });
}

impl SourceWindow {
    /// Its pixels as windows of the input, from left to right.
    pub fn runs(&self, columns: Columns) -> Vec<Window> {
        let Columns::Round { columns: turn, .. } = columns else {
            return vec![Window::new(self.row, self.column.max(0) as u32, self.shape.rows, self.shape.columns)];
        };
        let (mut column, end) = (self.column, self.column + i64::from(self.shape.columns));
        let mut runs = Vec::new();
        while column < end {
            let first = column.rem_euclid(i64::from(turn));
            let count = (i64::from(turn) - first).min(end - column);
            runs.push(Window::new(self.row, first as u32, self.shape.rows, count as u32));
            column += count;
        }
        runs
    }

    /// Counts places from the corner of the window, and columns in its turn. With `is_line` the places lie on a line.
    pub fn settle(&self, all: Columns, is_line: bool, columns: &mut [f64], rows: &mut [f64]) {
        let period = all.period();
        if period > 0.0 && !columns.is_empty() {
            let (first, last) = (all.turns(columns[0]), all.turns(columns[columns.len() - 1]));
            if !(is_line && first == last) {
                columns.iter_mut().for_each(|column| *column -= all.turns(*column) * period);
            } else if first != 0.0 {
                columns.iter_mut().for_each(|column| *column -= first * period);
            }
        }
        settle(columns, rows, (0.0, f64::from(self.row)));
        let corner = self.column as f64;
        match all {
            Columns::Round { columns: turn, .. } => columns.iter_mut().for_each(|column| {
                let turn = if *column < self.start { f64::from(turn) } else { 0.0 };
                *column = *column + turn - corner;
            }),
            _ => columns.iter_mut().for_each(|column| *column -= corner),
        }
    }

    /// The columns of a turn, where the window goes all the way round.
    pub fn turn(&self, columns: Columns) -> Option<usize> {
        match columns {
            Columns::Round { columns, .. } if columns <= self.shape.columns => Some(columns as usize),
            _ => None,
        }
    }

    /// Between which columns and rows of the window places are in the input.
    pub fn limits(&self, columns: Columns, shape: Shape) -> [f64; 4] {
        let (column, row) = (self.column as f64, f64::from(self.row));
        let (left, right) = match columns {
            Columns::Round { .. } => (f64::NEG_INFINITY, f64::INFINITY),
            _ => (-column, f64::from(shape.columns) - column),
        };
        [left, right, -row, f64::from(shape.rows) - row]
    }
}
