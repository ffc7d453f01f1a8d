//! The nearest pixel, copied bit by bit: of a pixel's type only its size matters.

use bytemuck::Pod;
use swath_core::{Error, Result};

use crate::{Tile, Window, for_values};

use super::lattice::{Lattice, ROW};
use super::need::SourceWindow;

/// An offset that stands for no pixel.
const NONE: usize = usize::MAX;

/// Copies the pixels of a piece of the output from those of its source window.
///
/// # Errors
/// [`Error::Unexpected`] where the types of the two differ.
pub(super) fn fill(
    lattice: &Lattice,
    tile: &mut Tile,
    validity: &mut [u8],
    piece: Window,
    source: &SourceWindow,
    input: &Tile,
) -> Result<()> {
    let planes = Planes { lattice, piece, source, outer: tile.window, tile: input };
    match tile.values.data_type().size() {
        1 => planes.copy::<u8>(tile, validity),
        2 => planes.copy::<u16>(tile, validity),
        4 => planes.copy::<u32>(tile, validity),
        _ => planes.copy::<u64>(tile, validity),
    }
}

struct Planes<'a> {
    lattice: &'a Lattice,
    piece: Window,
    source: &'a SourceWindow,
    outer: Window,
    tile: &'a Tile,
}

impl Planes<'_> {
    fn copy<P: Pod>(&self, tile: &mut Tile, validity: &mut [u8]) -> Result<()> {
        let misfit = || Error::unexpected("pixels of another size than the output's");
        let (bands, plane, input_plane) = (tile.bands, tile.plane(), self.tile.plane());
        let from: &[P] =
            for_values!(&self.tile.values, values => bytemuck::try_cast_slice(&values[..])).map_err(|_| misfit())?;
        let to: &mut [P] = for_values!(&mut tile.values, values => bytemuck::try_cast_slice_mut(&mut values[..]))
            .map_err(|_| misfit())?;
        let valid_from = self.tile.validity.as_deref();
        let (mut columns, mut rows, mut offsets) = ([0.0; ROW], [0.0; ROW], [NONE; ROW]);
        self.lattice.visit(self.piece, &mut |leaf, part| {
            let count = part.columns as usize;
            for row in part.row..part.end_row() {
                let line = (&mut columns[..count], &mut rows[..count]);
                leaf.row(self.lattice, f64::from(part.column) + 0.5, f64::from(row) + 0.5, line.0, line.1);
                let line = (&mut columns[..count], &mut rows[..count]);
                self.source.settle(self.lattice.mapping.columns, leaf.is_line(), line.0, line.1);
                let is_line = leaf.is_line();
                let all_in = self.offsets(is_line, &columns[..count], &rows[..count], &mut offsets[..count]);
                let at = (row - self.outer.row) as usize * self.outer.columns as usize
                    + (part.column - self.outer.column) as usize;
                for band in 0..bands {
                    let (start, end) = (band * plane + at, band * plane + at + count);
                    let from = &from[band * input_plane..(band + 1) * input_plane];
                    let valid_from = valid_from.map(|valid| &valid[band * input_plane..(band + 1) * input_plane]);
                    if all_in && valid_from.is_none() {
                        to[start..end].iter_mut().zip(&offsets[..count]).for_each(|(to, offset)| *to = from[*offset]);
                        validity[start..end].fill(1);
                        continue;
                    }
                    let pixels = to[start..end].iter_mut().zip(&mut validity[start..end]).zip(&offsets[..count]);
                    for ((to, valid), offset) in pixels {
                        if let Some(pixel) = from.get(*offset) {
                            *to = *pixel;
                            *valid = valid_from.map_or(1, |valid| valid[*offset]);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// Which pixels of the source window hold places; whether all are in it.
    fn offsets(&self, is_line: bool, columns: &[f64], rows: &[f64], offsets: &mut [usize]) -> bool {
        let [left, right, top, bottom] = self.source.limits(self.lattice.mapping.columns, self.lattice.mapping.shape);
        let shape = self.source.shape;
        let width = shape.columns as usize;
        let (end_column, end_row) = (f64::from(shape.columns), f64::from(shape.rows));
        let is_inside =
            |at: usize| columns[at] >= 0.0 && columns[at] < end_column && rows[at] >= 0.0 && rows[at] < end_row;
        if is_line && is_inside(0) && is_inside(columns.len() - 1) {
            for ((column, row), offset) in columns.iter().zip(rows).zip(offsets) {
                *offset = *row as i32 as usize * width + *column as i32 as usize;
            }
            return true;
        }
        // A place on the right or lower edge belongs to the last pixel.
        let (last_column, last_row) = (shape.columns as i32 - 1, shape.rows as i32 - 1);
        for ((column, row), offset) in columns.iter().zip(rows).zip(offsets) {
            let is_in = (*column >= left) & (*column <= right) & (*row >= top) & (*row <= bottom);
            let (column, row) = ((*column as i32).min(last_column), (*row as i32).min(last_row));
            *offset = if is_in { row as usize * width + column as usize } else { NONE };
        }
        false
    }
}
