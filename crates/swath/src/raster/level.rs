//! A smaller level while the file is made: pixels in pieces, one for each block of the level before it.
//!
//! Pieces are kept as they are, so that a level is made of exact pixels whatever the codec of the file.

use swath_core::{Bytes, Error, Lease, Result, Store};
use swath_raster::{Grid, Shape, Tile, Window};

use super::job::Plan;
use super::places::{Places, parts_in_file};

/// What stands before the pixels of a piece: whether validity stands behind them.
const ALL_VALID: u8 = 0;
const WITH_VALIDITY: u8 = 1;

/// Bytes of a piece at most.
pub fn piece_bytes_max(grid: &Grid, window: Window) -> u64 {
    1 + Tile::bytes_for(window, grid.bands.len(), grid.data_type, true).0
}

/// Writes a piece; answers its length.
///
/// # Errors
/// What `out` answers; a piece of four gigabytes or more.
pub fn write_piece(tile: &Tile, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<u32> {
    let validity = tile.validity.as_deref();
    out(&[if validity.is_some() { WITH_VALIDITY } else { ALL_VALID }])?;
    out(tile.values.bytes())?;
    out(validity.unwrap_or_default())?;
    let length = 1 + tile.values.bytes().len() + validity.map_or(0, <[u8]>::len);
    u32::try_from(length).map_err(|_| Error::unexpected(format!("a piece of {length} bytes")))
}

/// A level above the full resolution, read from its pieces.
pub struct Level<'r> {
    /// The grid of the level.
    grid: &'r Grid,
    store: &'r Store,
    /// Of the level before it.
    places: &'r Places,
    part: u64,
    /// The shape of a piece.
    piece: Shape,
}

/// The shape of a piece: half a block.
fn piece_shape(plan: &Plan) -> Shape {
    let block = plan.options().block();
    Shape::new(block.rows / 2, block.columns / 2)
}

/// Memory that reading a window of a smaller level takes.
pub fn bytes_for(plan: &Plan, level: usize, window: Window) -> Bytes {
    let grid = &plan.levels[level].grid;
    let piece = piece_shape(plan).whole();
    Tile::bytes_for(window, grid.bands.len(), grid.data_type, true) + Bytes(piece_bytes_max(grid, piece))
}

impl<'r> Level<'r> {
    /// A smaller level; `places` are those of the level before it.
    pub fn new(plan: &'r Plan, level: usize, store: &'r Store, places: &'r Places) -> Level<'r> {
        let grid = &plan.levels[level].grid;
        Level { grid, store, places, part: parts_in_file(plan), piece: piece_shape(plan) }
    }

    /// Reads all bands of a window.
    ///
    /// # Errors
    /// When scratch cannot be read, or the lease is too small.
    pub fn read(&self, window: Window, lease: &Lease) -> Result<Tile> {
        let bands = self.grid.bands.len();
        let mut tile = Tile::unwritten(window, bands, self.grid.data_type, lease)?;
        let most = piece_bytes_max(self.grid, self.piece.whole()) as usize;
        let mut room = lease.buffer_unzeroed::<u8>(most)?;
        for row in window.row / self.piece.rows..window.end_row().div_ceil(self.piece.rows) {
            for column in window.column / self.piece.columns..window.end_column().div_ceil(self.piece.columns) {
                let part = self.places.part(row, column, self.part)?;
                let bytes = room.get_mut(..part.length as usize);
                let bytes = bytes.ok_or_else(|| Error::unexpected(format!("a piece of {} bytes", part.length)))?;
                self.store.read(&part.blob, part.offset, bytes)?;
                let corner = Window::new(row * self.piece.rows, column * self.piece.columns, 0, 0);
                let place = Window { rows: self.piece.rows, columns: self.piece.columns, ..corner };
                self.put(bytes, place.intersection(self.grid.shape.whole()), &mut tile, lease)?;
            }
        }
        Ok(tile)
    }

    /// Copies what a tile has of a piece that lies at `place`.
    fn put(&self, bytes: &[u8], place: Window, tile: &mut Tile, lease: &Lease) -> Result<()> {
        let bands = self.grid.bands.len();
        let pixels = place.pixels() as usize * bands;
        let size = self.grid.data_type.size();
        let wrong = || Error::unexpected(format!("a piece of {} bytes for {pixels} pixels", bytes.len()));
        let (kind, rest) = bytes.split_first().ok_or_else(wrong)?;
        let (values, validity) = rest.split_at_checked(pixels * size).ok_or_else(wrong)?;
        if validity.len() != if *kind == WITH_VALIDITY { pixels } else { 0 } {
            return Err(wrong());
        }
        let both = place.intersection(tile.window);
        let window = tile.window;
        let copy = |from: &[u8], to: &mut [u8], size: usize| {
            for band in 0..bands {
                for row in both.row..both.end_row() {
                    let at = |window: Window| {
                        let plane = band * window.pixels() as usize;
                        let row = (row - window.row) as usize * window.columns as usize;
                        (plane + row + (both.column - window.column) as usize) * size
                    };
                    let count = both.columns as usize * size;
                    to[at(window)..][..count].copy_from_slice(&from[at(place)..][..count]);
                }
            }
        };
        copy(values, tile.values.bytes_mut(), size);
        if *kind == WITH_VALIDITY {
            copy(validity, tile.validity_mut(lease)?, 1);
        }
        Ok(())
    }
}
