//! The order of blocks in a file: level by level, row by row, and where bands lie by themselves band by band.
//!
//! It knows neither bytes nor lengths.

use swath_raster::Shape;

/// One run of bytes in a file: a part of an encoded block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Piece {
    /// 0 for the full resolution, 1 for its first overview, and so on.
    pub level: usize,
    /// Which of the parts of the block: see [`EncodedBlock`](super::EncodedBlock).
    pub part: usize,
    /// Row of the block, counted in blocks.
    pub row: u32,
    /// Column of the block, counted in blocks.
    pub column: u32,
}

/// The order of pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Blocks of each level, along rows and columns.
    pub levels: Vec<Shape>,
    /// Parts that hold pixels.
    pub planes: usize,
    /// Whether one more part is a mask.
    pub has_mask: bool,
    /// Levels in the order of the file.
    pub sequence: Vec<usize>,
}

impl Order {
    /// Parts of each block.
    pub(super) fn parts(&self) -> usize {
        self.planes + usize::from(self.has_mask)
    }

    /// Pieces of a level.
    pub(super) fn pieces_of(&self, level: usize) -> u64 {
        self.levels[level].pixels() * self.parts() as u64
    }

    /// Pieces of the file.
    pub(super) fn pieces(&self) -> u64 {
        (0..self.levels.len()).map(|level| self.pieces_of(level)).sum()
    }

    /// A piece of a level by its number there.
    pub(super) fn piece_of(&self, level: usize, number: u64) -> Piece {
        let blocks = self.levels[level].pixels();
        // A mask follows each block; planes follow each other whole.
        let (block, part) = if self.planes == 1 {
            (number / self.parts() as u64, number % self.parts() as u64)
        } else {
            (number % blocks, number / blocks)
        };
        let columns = u64::from(self.levels[level].columns);
        Piece { level, part: part as usize, row: (block / columns) as u32, column: (block % columns) as u32 }
    }

    /// Level and number there of a piece of the file.
    pub(super) fn locate(&self, mut number: u64) -> Option<(usize, u64)> {
        for &level in &self.sequence {
            let pieces = self.pieces_of(level);
            if number < pieces {
                return Some((level, number));
            }
            number -= pieces;
        }
        None
    }

    /// Whether the piece is of the mask.
    pub(super) fn is_mask(&self, piece: Piece) -> bool {
        piece.part == self.planes
    }
}
