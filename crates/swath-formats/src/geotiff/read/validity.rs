//! Which pixels have a value: nodata values, NaN and masks become the one form that tiles have.

use swath_core::{Lease, Result};
use swath_raster::{Pixel, Tile};

/// Marks pixels that are NaN or have the nodata value; a tile without such pixels gets no plane of validity.
///
/// # Errors
/// When the lease is too small.
pub(super) fn mark<T: Pixel>(tile: &mut Tile, nodata: Option<T>, lease: &Lease) -> Result<()> {
    let float = T::DATA_TYPE.is_float();
    let Some(nodata) = nodata else {
        // A NaN differs from itself, and so it does as a nodata value.
        return if float { mark_by(tile, |value: T| value.is_nan(), lease) } else { Ok(()) };
    };
    if float {
        mark_by(tile, |value: T| value.is_nan() | (value == nodata), lease)
    } else {
        mark_by(tile, |value: T| value == nodata, lease)
    }
}

fn mark_by<T: Pixel>(tile: &mut Tile, invalid: impl Fn(T) -> bool, lease: &Lease) -> Result<()> {
    // Looking first costs less than a plane that says nothing. Without a way out of the loop it is done by vectors.
    let any = |values: &[T]| values.iter().fold(false, |any, value| any | invalid(*value));
    if !tile.values::<T>()?.chunks(4096).any(any) {
        return Ok(());
    }
    let mut validity = match tile.validity.take() {
        Some(validity) => validity,
        None => {
            let mut validity = lease.buffer_unzeroed::<u8>(tile.values.len())?;
            validity.fill(1);
            validity
        }
    };
    for (valid, value) in validity.iter_mut().zip(tile.values::<T>()?) {
        *valid &= u8::from(!invalid(*value));
    }
    tile.validity = Some(validity);
    Ok(())
}

/// Marks the pixels of all bands where the band of opacity at a position is 0.
///
/// # Errors
/// When the lease is too small.
pub(super) fn opacity<T: Pixel>(tile: &mut Tile, position: usize, lease: &Lease) -> Result<()> {
    let plane = tile.plane();
    let transparent = |value: &T| *value == T::from_f64(0.0);
    let place = position * plane..(position + 1) * plane;
    if !tile.values::<T>()?[place.clone()].iter().any(transparent) {
        return Ok(());
    }
    tile.validity_mut(lease)?;
    let Some(mut validity) = tile.validity.take() else { return Ok(()) };
    let opacity = &tile.values::<T>()?[place];
    for valid in validity.chunks_exact_mut(plane) {
        valid.iter_mut().zip(opacity).for_each(|(valid, opacity)| *valid &= u8::from(!transparent(opacity)));
    }
    tile.validity = Some(validity);
    Ok(())
}

/// Marks pixels whose mask is 0. The mask has as many bands as the tile, or one for all.
///
/// # Errors
/// When the lease is too small.
pub(super) fn mask(tile: &mut Tile, mask: &[u8], lease: &Lease) -> Result<()> {
    let all = |values: &[u8]| values.iter().fold(true, |all, value| all & (*value != 0));
    if mask.is_empty() || mask.chunks(4096).all(all) {
        return Ok(());
    }
    for plane in tile.validity_mut(lease)?.chunks_exact_mut(mask.len()) {
        for (valid, mask) in plane.iter_mut().zip(mask) {
            *valid &= u8::from(*mask != 0);
        }
    }
    Ok(())
}
