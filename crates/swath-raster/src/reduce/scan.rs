//! A window of pixels goes into all that is gathered of each band.

use std::sync::Arc;

use swath_core::{Buffer, Result};

use super::counts::Counts;
use super::histogram::Bins;
use super::keys::Key;
use super::moments::{Moments, PIECE};
use super::uniques::Uniques;
use crate::{Shape, Tile, for_data_type};

/// What is gathered of a band.
#[derive(Default)]
pub struct ScanBand {
    /// Count, extremes, sum, spread.
    pub moments: Option<Moments>,
    /// How many values begin with which digits.
    pub counts: Option<Counts>,
    /// Bins, and for each place of [`Bins::place`] how many values there are, fewer than 2³² in all.
    pub histogram: Option<(Arc<Bins>, Buffer<u32>)>,
    /// Different values.
    pub uniques: Option<Uniques>,
}

/// Columns of a piece, for blocks of that shape.
pub fn piece_columns(block: Shape) -> u32 {
    block.columns.min(PIECE as u32)
}

/// Gathers what is in a tile: a [`ScanBand`] for each of its bands. Pieces of rows end at multiples of `columns` of the
/// grid, and windows must, too, or what comes out would depend on them.
///
/// # Nodata
/// Pixels that are not valid, and NaN, are left out.
///
/// # Errors
/// When the tile is of another type than it says, which is a mistake of the caller.
pub fn scan(tile: &Tile, columns: u32, bands: &mut [ScanBand]) -> Result<()> {
    for_data_type!(tile.values.data_type(), T => {
        let values = tile.values::<T>()?;
        for (number, band) in bands.iter_mut().enumerate() {
            let plane = number * tile.plane()..(number + 1) * tile.plane();
            let validity = tile.validity.as_ref().map(|validity| &validity[plane.clone()]);
            scan_plane(tile, &values[plane], validity, columns, band);
        }
    });
    Ok(())
}

fn scan_plane<T: Key>(tile: &Tile, values: &[T], validity: Option<&[u8]>, columns: u32, band: &mut ScanBand) {
    let (window, width) = (tile.window, tile.window.columns as usize);
    let columns = columns.clamp(1, PIECE as u32);
    let mut kept = [T::of_key(0); PIECE];
    for row in 0..window.rows as usize {
        let mut column = window.column;
        while column < window.end_column() {
            let end = (column / columns + 1).saturating_mul(columns).min(window.end_column());
            let start = row * width + (column - window.column) as usize;
            let range = start..start + (end - column) as usize;
            band.add(valid_of(&values[range.clone()], validity.map(|validity| &validity[range]), &mut kept));
            column = end;
        }
    }
}

/// The values that are values: the piece itself where all are.
fn valid_of<'a, T: Key>(values: &'a [T], validity: Option<&[u8]>, kept: &'a mut [T; PIECE]) -> &'a [T] {
    let has_nan = T::DATA_TYPE.is_float() && values.iter().fold(false, |any, value| any | value.is_nan());
    let validity = validity.filter(|validity| !validity.iter().fold(true, |all, valid| all & (*valid != 0)));
    if validity.is_none() && !has_nan {
        return values;
    }
    let mut count = 0;
    let mut keep = |value: T, is_valid: bool| {
        kept[count] = value;
        // Without a branch: which pixels are valid is hard to foresee.
        count += usize::from(is_valid & !value.is_nan());
    };
    match validity {
        Some(validity) => values.iter().zip(validity).for_each(|(value, valid)| keep(*value, *valid != 0)),
        None => values.iter().for_each(|value| keep(*value, true)),
    }
    &kept[..count]
}

impl ScanBand {
    fn add<T: Key>(&mut self, values: &[T]) {
        if let Some(moments) = &mut self.moments {
            moments.add_piece(values);
        }
        if let Some(counts) = &mut self.counts {
            counts.add(values);
        }
        if let Some((bins, counts)) = &mut self.histogram {
            values.iter().for_each(|value| counts[bins.place(value.to_f64())] += 1);
        }
        if let Some(uniques) = &mut self.uniques {
            uniques.add(values);
        }
    }
}
