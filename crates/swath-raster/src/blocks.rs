//! The canonical order of the blocks of an output, in which tasks are ranges.
//!
//! It depends on the grid and on how its sources are stored, never on memory or threads: a run that died at 256 MB is
//! resumed at 64 MB because both number the same blocks alike.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{Shape, Window};

/// Blocks along a side of a square that is numbered on its own, as a power of two.
const SQUARE_BITS: u32 = 4;
/// Blocks of such a square.
const SQUARE_UNITS: u64 = 1 << (2 * SQUARE_BITS);

/// How the blocks of a grid are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockOrder {
    /// Row by row; a task is a piece of a row of blocks or some whole rows. For sources in strips.
    Rows {
        /// The grid.
        grid: Shape,
        /// Its blocks.
        block: Shape,
    },
    /// Squares of 16 × 16 blocks row by row, and inside of them along a Z-order curve (Morton, 1966): a range of 4ᵏ
    /// numbers that begins at a multiple of 4ᵏ is a square of 2ᵏ × 2ᵏ blocks, which has the least edge for what it
    /// holds. Numbers beyond the edge of the grid stand for no block.
    Squares {
        /// The grid.
        grid: Shape,
        /// Its blocks.
        block: Shape,
    },
}

impl BlockOrder {
    fn parts(self) -> (Shape, Shape) {
        match self {
            BlockOrder::Rows { grid, block } | BlockOrder::Squares { grid, block } => (grid, block),
        }
    }

    /// The grid.
    pub fn grid(self) -> Shape {
        self.parts().0
    }

    /// Size of a block; those at the right and lower edge of the grid may be smaller.
    pub fn block(self) -> Shape {
        self.parts().1
    }

    /// Blocks along rows and columns.
    pub fn blocks(self) -> Shape {
        let (grid, block) = self.parts();
        grid.blocks(block)
    }

    fn squares(self) -> Shape {
        self.blocks().blocks(Shape::new(1 << SQUARE_BITS, 1 << SQUARE_BITS))
    }

    /// How many numbers there are.
    pub fn units(self) -> u64 {
        match self {
            BlockOrder::Rows { .. } => self.blocks().pixels(),
            BlockOrder::Squares { .. } => self.squares().pixels() * SQUARE_UNITS,
        }
    }

    /// Row and column of a block, counted in blocks; `None` where the number stands for none.
    pub fn block_at(self, unit: u64) -> Option<(u32, u32)> {
        let blocks = self.blocks();
        let (row, column) = match self {
            BlockOrder::Rows { .. } => {
                let columns = u64::from(blocks.columns);
                ((unit / columns) as u32, (unit % columns) as u32)
            }
            BlockOrder::Squares { .. } => {
                let (square, inside) = (unit / SQUARE_UNITS, (unit % SQUARE_UNITS) as u32);
                let columns = u64::from(self.squares().columns);
                let (row, column) = ((square / columns) as u32, (square % columns) as u32);
                ((row << SQUARE_BITS) + odd_bits(inside >> 1), (column << SQUARE_BITS) + odd_bits(inside))
            }
        };
        (row < blocks.rows && column < blocks.columns).then_some((row, column))
    }

    /// The pixels of a block.
    pub fn window_of(self, (row, column): (u32, u32)) -> Window {
        let (grid, block) = self.parts();
        Window::new(row * block.rows, column * block.columns, block.rows, block.columns).intersection(grid.whole())
    }

    /// The smallest window that holds the blocks of a range; `None` if there are none.
    pub fn window(self, units: Range<u64>) -> Option<Window> {
        let blocks = units.filter_map(|unit| self.block_at(unit));
        let bounds = blocks.fold(None, |bounds: Option<[u32; 4]>, (row, column)| {
            let [top, left, bottom, right] = bounds.unwrap_or([row, column, row, column]);
            Some([top.min(row), left.min(column), bottom.max(row), right.max(column)])
        });
        let [top, left, bottom, right] = bounds?;
        let (first, last) = (self.window_of((top, left)), self.window_of((bottom, right)));
        Some(Window::new(first.row, first.column, last.end_row() - first.row, last.end_column() - first.column))
    }

    /// Sizes that a task may have, in units, small ones first: each range of so many units that begins at a multiple
    /// of it is a rectangle.
    pub fn task_sizes(self) -> Vec<u64> {
        match self {
            BlockOrder::Rows { .. } => {
                let columns = u64::from(self.blocks().columns);
                let pieces = (0..64).map(|bits| 1 << bits).take_while(move |size| *size < columns);
                let rows = (0..5).map(move |bits| columns << bits);
                pieces.chain(rows).collect()
            }
            BlockOrder::Squares { .. } => (0..=SQUARE_BITS).map(|bits| 1 << (2 * bits)).collect(),
        }
    }

    /// The ranges of tasks of one of the [`BlockOrder::task_sizes`], in order, without those that hold no block.
    pub fn tasks(self, size: u64) -> impl Iterator<Item = Range<u64>> {
        self.tasks_between(size, 0..self.units())
    }

    /// Those of the tasks that begin before the end of `span`, and do not end before it begins.
    fn tasks_between(self, size: u64, span: Range<u64>) -> impl Iterator<Item = Range<u64>> {
        let units = self.units();
        // Pieces of a row of blocks never go on in the next row.
        let row = match self {
            BlockOrder::Rows { .. } if size < u64::from(self.blocks().columns) => u64::from(self.blocks().columns),
            _ => units.max(1),
        };
        let starts = (span.start / row..span.end.min(units).div_ceil(row)).flat_map(move |number| {
            let (begin, end) = (number * row, ((number + 1) * row).min(units));
            let first = begin + span.start.saturating_sub(begin) / size * size;
            (first..end.min(span.end)).step_by(size as usize).map(move |start| start..(start + size).min(end))
        });
        starts.filter(move |range| range.clone().any(|unit| self.block_at(unit).is_some()))
    }

    /// Ranges of tasks of a size as far as they lie in `wanted`, which is in order: where a task lies in it in part, the
    /// largest of its halves and their halves that do.
    pub fn tasks_in(self, size: u64, wanted: &[Range<u64>]) -> Vec<Range<u64>> {
        let mut tasks = Vec::new();
        let span = wanted.first().map_or(0, |first| first.start)..wanted.last().map_or(0, |last| last.end);
        let mut wanted = wanted.iter().peekable();
        for task in self.tasks_between(size, span) {
            while wanted.next_if(|range| range.end <= task.start).is_some() {}
            for range in wanted.clone().take_while(|range| range.start < task.end) {
                self.cut_along(task.clone(), range, &mut tasks);
            }
        }
        tasks
    }

    /// Cuts `task` in halves until its pieces lie wholly inside of `wanted` or outside; those inside are tasks.
    fn cut_along(self, task: Range<u64>, wanted: &Range<u64>, tasks: &mut Vec<Range<u64>>) {
        if task.end <= wanted.start || wanted.end <= task.start {
            return;
        }
        if wanted.start <= task.start && task.end <= wanted.end {
            if self.window(task.clone()).is_some() {
                tasks.push(task);
            }
            return;
        }
        for half in self.halves(&task).into_iter().flatten() {
            self.cut_along(half, wanted, tasks);
        }
    }

    /// A range in two, each a rectangle again; `None` if it is one block.
    pub fn halves(self, units: &Range<u64>) -> Option<[Range<u64>; 2]> {
        let count = units.end - units.start;
        if count < 2 {
            return None;
        }
        let columns = u64::from(self.blocks().columns);
        let middle = match self {
            BlockOrder::Rows { .. } if count > columns => units.start + (count / columns).div_ceil(2) * columns,
            _ => units.start + count / 2,
        };
        Some([units.start..middle, middle..units.end])
    }
}

/// Every second bit, from the lowest on.
fn odd_bits(bits: u32) -> u32 {
    (0..SQUARE_BITS).fold(0, |sum, bit| sum | ((bits >> (2 * bit)) & 1) << bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders() -> Vec<BlockOrder> {
        let block = Shape::new(8, 8);
        [(1, 1), (8, 8), (9, 100), (300, 20), (170, 170)]
            .into_iter()
            .flat_map(|(rows, columns)| {
                let grid = Shape::new(rows, columns);
                [BlockOrder::Rows { grid, block }, BlockOrder::Squares { grid, block }]
            })
            .collect()
    }

    #[test]
    fn every_block_has_one_number() {
        for order in orders() {
            let mut blocks: Vec<(u32, u32)> = (0..order.units()).filter_map(|unit| order.block_at(unit)).collect();
            blocks.sort_unstable();
            let shape = order.blocks();
            let wanted: Vec<(u32, u32)> =
                (0..shape.rows).flat_map(|row| (0..shape.columns).map(move |column| (row, column))).collect();
            assert_eq!(blocks, wanted, "{order:?}");
        }
    }

    #[test]
    fn tasks_are_rectangles_that_hold_every_block_once() {
        for order in orders() {
            for size in order.task_sizes() {
                let mut blocks = 0;
                for range in order.tasks(size) {
                    check_rectangle(order, &range);
                    blocks += range.clone().filter(|unit| order.block_at(*unit).is_some()).count() as u64;
                    for half in order.halves(&range).into_iter().flatten() {
                        check_rectangle(order, &half);
                    }
                }
                assert_eq!(blocks, order.blocks().pixels(), "{order:?} in tasks of {size}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_cut_along_tasks() {
        for order in orders() {
            let wanted = [1..3, 5..order.units().max(5)];
            for size in order.task_sizes() {
                let tasks = order.tasks_in(size, &wanted);
                tasks.iter().for_each(|range| check_rectangle(order, range));
                let got: Vec<u64> =
                    tasks.into_iter().flatten().filter(|unit| order.block_at(*unit).is_some()).collect();
                let all = wanted.iter().cloned().flatten().filter(|unit| *unit < order.units());
                let all: Vec<u64> = all.filter(|unit| order.block_at(*unit).is_some()).collect();
                assert_eq!(got, all, "{order:?} in tasks of {size}");
            }
        }
    }

    #[track_caller]
    fn check_rectangle(order: BlockOrder, range: &Range<u64>) {
        let pixels: u64 =
            range.clone().filter_map(|unit| order.block_at(unit)).map(|block| order.window_of(block).pixels()).sum();
        let window = order.window(range.clone()).map_or(0, Window::pixels);
        assert_eq!(pixels, window, "{order:?}, {range:?} is no rectangle");
    }
}
