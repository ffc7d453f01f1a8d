//! The mask of a block: one bit for each pixel, 1 where it has a value, the highest bit of a byte first.
//!
//! One mask speaks for all bands, as GDAL reads it: a pixel is valid if any of its bands is. So does opacity, which is no
//! mask, but is held against the bands here.

use swath_raster::{Tile, Window};

use swath_core::{Error, Result};

/// Fills `bits` with the mask of a window, counted from the corner of the tile, repeated up to `block_size`. Answers
/// whether no pixel is valid.
///
/// # Errors
/// Where `bands_agree` is asked for, when a pixel is valid in one band and not in another.
pub(super) fn put_bits(
    tile: &Tile,
    window: Window,
    block_size: usize,
    bands_agree: bool,
    bits: &mut Vec<u8>,
) -> Result<bool> {
    let row_bytes = block_size / 8;
    bits.clear();
    bits.resize(row_bytes * block_size, 0);
    let Some(validity) = &tile.validity else {
        bits.fill(0xff);
        return Ok(false);
    };
    let (rows, columns) = (window.rows as usize, window.columns as usize);
    let mut is_empty = true;
    for row in 0..rows {
        let in_band = (window.row as usize + row) * tile.window.columns as usize + window.column as usize;
        let out = &mut bits[row * row_bytes..][..row_bytes];
        let mut last = false;
        for column in 0..columns {
            let mut bands = (0..tile.bands).map(|band| validity[band * tile.plane() + in_band + column] != 0);
            let is_valid = if bands_agree {
                let first = bands.next().unwrap_or(false);
                if bands.any(|band| band != first) {
                    return Err(bands_differ("one mask", "mask", (tile, window), (row, column)));
                }
                first
            } else {
                bands.any(|band| band)
            };
            if is_valid {
                out[column / 8] |= 0x80 >> (column % 8);
                is_empty = false;
            }
            last = is_valid;
        }
        if last {
            (columns..block_size).for_each(|column| out[column / 8] |= 0x80 >> (column % 8));
        }
    }
    let (written, rest) = bits.split_at_mut(rows * row_bytes);
    let last = &written[row_bytes * (rows - 1)..];
    rest.chunks_exact_mut(row_bytes).for_each(|out| out.copy_from_slice(last));
    Ok(is_empty)
}

/// Holds all bands of a window, counted from the corner of the tile, against that of opacity.
///
/// # Errors
/// [`Error::Usage`] when a pixel is valid in one band and not in another.
pub(super) fn check_opacity(tile: &Tile, window: Window, opacity: usize) -> Result<()> {
    let Some(validity) = &tile.validity else { return Ok(()) };
    for row in 0..window.rows as usize {
        let in_band = (window.row as usize + row) * tile.window.columns as usize + window.column as usize;
        let of = |band: usize| &validity[band * tile.plane() + in_band..][..window.columns as usize];
        let wanted = of(opacity);
        if let Some(other) = (0..tile.bands).map(of).find(|other| *other != wanted) {
            let column = wanted.iter().zip(other).position(|(one, other)| one != other).unwrap_or(0);
            return Err(bands_differ("opacity", "opacity", (tile, window), (row, column)));
        }
    }
    Ok(())
}

/// `what` says for all bands which pixels are valid.
fn bands_differ(what: &str, word: &str, (tile, window): (&Tile, Window), (row, column): (usize, usize)) -> Error {
    let row = u64::from(tile.window.row + window.row) + row as u64;
    let column = u64::from(tile.window.column + window.column) + column as u64;
    Error::Usage {
        message: format!(
            "the pixel in row {row} and column {column} has a value in some bands and none in others, which {what} for all \
             bands cannot say"
        ),
        hint: format!("--nodata names a value that says it for each band, in place of the {word}"),
    }
}
