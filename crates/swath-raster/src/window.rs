//! Rectangles of pixels. Order is always rows before columns; both count from the upper left corner.

use serde::{Deserialize, Serialize};

/// How many rows and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// Rows.
    pub rows: u32,
    /// Columns.
    pub columns: u32,
}

impl Shape {
    /// So many rows and columns.
    pub const fn new(rows: u32, columns: u32) -> Shape {
        Shape { rows, columns }
    }

    /// Pixels of one band.
    pub fn pixels(self) -> u64 {
        u64::from(self.rows) * u64::from(self.columns)
    }

    /// The whole of it.
    pub fn whole(self) -> Window {
        Window { row: 0, column: 0, rows: self.rows, columns: self.columns }
    }

    /// How many pieces of `block` cover it, along rows and along columns.
    pub fn blocks(self, block: Shape) -> Shape {
        Shape { rows: self.rows.div_ceil(block.rows), columns: self.columns.div_ceil(block.columns) }
    }
}

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Window {
    /// The first row.
    pub row: u32,
    /// The first column.
    pub column: u32,
    /// How many rows.
    pub rows: u32,
    /// How many columns.
    pub columns: u32,
}

impl Window {
    /// A rectangle.
    pub const fn new(row: u32, column: u32, rows: u32, columns: u32) -> Window {
        Window { row, column, rows, columns }
    }

    /// Its size.
    pub fn shape(self) -> Shape {
        Shape { rows: self.rows, columns: self.columns }
    }

    /// Pixels of one band.
    pub fn pixels(self) -> u64 {
        self.shape().pixels()
    }

    /// The row behind the last one.
    pub fn end_row(self) -> u32 {
        self.row + self.rows
    }

    /// The column behind the last one.
    pub fn end_column(self) -> u32 {
        self.column + self.columns
    }

    /// Whether it has no pixels.
    pub fn is_empty(self) -> bool {
        self.rows == 0 || self.columns == 0
    }

    /// What both have; empty where they do not meet.
    pub fn intersection(self, other: Window) -> Window {
        let (row, column) = (self.row.max(other.row), self.column.max(other.column));
        Window {
            row,
            column,
            rows: self.end_row().min(other.end_row()).saturating_sub(row),
            columns: self.end_column().min(other.end_column()).saturating_sub(column),
        }
    }

    /// Whether `other` lies in it.
    pub fn contains(self, other: Window) -> bool {
        self.intersection(other) == other
    }

    /// `radius` pixels more on each side, as far as a grid of that shape goes.
    pub fn grow(self, radius: u32, grid: Shape) -> Window {
        let (row, column) = (self.row.saturating_sub(radius), self.column.saturating_sub(radius));
        Window {
            row,
            column,
            rows: (self.end_row().saturating_add(radius)).min(grid.rows) - row,
            columns: (self.end_column().saturating_add(radius)).min(grid.columns) - column,
        }
    }

    /// The smallest window of whole blocks of a grid that holds it.
    pub fn align(self, block: Shape, grid: Shape) -> Window {
        let row = self.row / block.rows * block.rows;
        let column = self.column / block.columns * block.columns;
        let end_row = self.end_row().div_ceil(block.rows).saturating_mul(block.rows).min(grid.rows);
        let end_column = self.end_column().div_ceil(block.columns).saturating_mul(block.columns).min(grid.columns);
        Window { row, column, rows: end_row - row, columns: end_column - column }
    }

    /// The same pixels, counted from the corner of `outer`, in which it must lie.
    pub fn relative_to(self, outer: Window) -> Window {
        debug_assert!(outer.contains(self));
        Window { row: self.row - outer.row, column: self.column - outer.column, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Shape = Shape::new(100, 50);

    #[test]
    fn windows_meet_grow_and_align() {
        let window = Window::new(10, 20, 30, 30);
        assert_eq!(window.intersection(Window::new(0, 0, 15, 25)), Window::new(10, 20, 5, 5));
        assert!(window.intersection(Window::new(50, 0, 5, 5)).is_empty());
        assert_eq!(window.grow(15, GRID), Window::new(0, 5, 55, 45));
        assert_eq!(window.align(Shape::new(16, 16), GRID), Window::new(0, 16, 48, 34));
        assert_eq!(GRID.whole().align(Shape::new(64, 64), GRID), GRID.whole());
        assert_eq!(GRID.blocks(Shape::new(16, 16)), Shape::new(7, 4));
        assert!(GRID.whole().contains(window) && !window.contains(GRID.whole()));
        assert_eq!(Window::new(12, 22, 3, 3).relative_to(window), Window::new(2, 2, 3, 3));
    }
}
