//! Pixels of one input into those of the mosaic, row by row.

use std::ops::Range;

use bytemuck::Pod;
use swath_core::{Error, Result};

use crate::{Pixel, Scalar, Tile, Values, Window, all_valid, for_values, none_valid};

/// Rows of one part that are in two tiles.
pub(super) struct Overlap<'a> {
    /// The mosaic's window.
    pub outer: Window,
    /// The part, in pixels of the mosaic.
    pub part: Window,
    /// The input's pixels of it.
    pub input: &'a Tile,
}

impl Overlap<'_> {
    /// Calls `with` for each row of each band: where it begins in the mosaic's tile, where in the input's.
    fn rows(&self, bands: usize, mut with: impl FnMut(usize, usize)) {
        let plane = self.outer.pixels() as usize;
        for band in 0..bands {
            for row in 0..self.part.rows as usize {
                let down = (self.part.row - self.outer.row) as usize + row;
                let across = (self.part.column - self.outer.column) as usize;
                let to = band * plane + down * self.outer.columns as usize + across;
                with(to, (band * self.part.rows as usize + row) * self.part.columns as usize);
            }
        }
    }

    fn width(&self) -> usize {
        self.part.columns as usize
    }

    fn is_valid(&self, at: usize) -> bool {
        self.input.validity.as_ref().is_none_or(|validity| validity[at] == 1)
    }

    /// The least part of a part that has all its pixels without a value yet; `None` if there is no such pixel.
    pub fn missing(outer: Window, part: Window, bands: usize, validity: &[u8]) -> Option<Window> {
        let plane = outer.pixels() as usize;
        let (mut first, mut end) = ((u32::MAX, u32::MAX), (0, 0));
        for band in 0..bands {
            for row in part.row..part.end_row() {
                let start = band * plane
                    + (row - outer.row) as usize * outer.columns as usize
                    + (part.column - outer.column) as usize;
                let there = &validity[start..start + part.columns as usize];
                if all_valid(there) {
                    continue;
                }
                let is_missing = |valid: &u8| *valid == 0;
                let left = part.column + there.iter().position(is_missing).unwrap_or(0) as u32;
                let right = part.column + there.iter().rposition(is_missing).unwrap_or(0) as u32;
                first = (row.min(first.0), left.min(first.1));
                end = (end.0.max(row + 1), end.1.max(right + 1));
            }
        }
        (first.0 < end.0).then(|| Window::new(first.0, first.1, end.0 - first.0, end.1 - first.1))
    }

    /// Gives pixels that have no value yet that of the input, bit by bit.
    pub fn fill(&self, bands: usize, to: &mut Values, validity: &mut [u8]) -> Result<()> {
        match to.data_type().size() {
            1 => self.fill_as::<u8>(bands, to, validity),
            2 => self.fill_as::<u16>(bands, to, validity),
            4 => self.fill_as::<u32>(bands, to, validity),
            _ => self.fill_as::<u64>(bands, to, validity),
        }
    }

    fn fill_as<P: Pod>(&self, bands: usize, to: &mut Values, validity: &mut [u8]) -> Result<()> {
        let misfit = |_| Error::unexpected("pixels of another size than the mosaic's");
        let from: &[P] =
            for_values!(&self.input.values, values => bytemuck::try_cast_slice(&values[..])).map_err(misfit)?;
        let to: &mut [P] = for_values!(to, values => bytemuck::try_cast_slice_mut(&mut values[..])).map_err(misfit)?;
        self.rows(bands, |to_start, from_start| {
            let (places, sources) = (to_start..to_start + self.width(), from_start..from_start + self.width());
            let (to, there, from) = (&mut to[places.clone()], &mut validity[places], &from[sources.clone()]);
            let valid = self.input.validity.as_deref().map(|validity| &validity[sources]);
            if none_valid(there) {
                to.copy_from_slice(from);
                match valid {
                    None => there.fill(1),
                    Some(valid) => there.copy_from_slice(valid),
                }
                return;
            }
            match valid {
                None => put_missing(to, there, from.iter().map(|value| (value, 1))),
                Some(valid) => put_missing(to, there, from.iter().zip(valid.iter().copied())),
            }
        });
        Ok(())
    }

    /// Keeps the lesser of two values, or the greater; one that has a value before one that has none.
    pub fn choose(&self, bands: usize, want_less: bool, to: &mut Values, validity: &mut [u8]) -> Result<()> {
        for_values!(to, to => self.choose_as(bands, want_less, to, validity))
    }

    fn choose_as<T: Pixel>(&self, bands: usize, want_less: bool, to: &mut [T], validity: &mut [u8]) -> Result<()> {
        let from = self.input.values::<T>()?;
        self.rows(bands, |to_start, from_start| {
            for step in 0..self.width() {
                let (to_at, from_at) = (to_start + step, from_start + step);
                if !self.is_valid(from_at) {
                    continue;
                }
                let value = from[from_at];
                if validity[to_at] == 0 || (if want_less { value < to[to_at] } else { value > to[to_at] }) {
                    to[to_at] = value;
                    validity[to_at] = 1;
                }
            }
        });
        Ok(())
    }

    /// Adds values to sums and counts them.
    pub fn add(&self, bands: usize, sums: &mut [f64], counts: &mut [u32]) {
        for_values!(&self.input.values, from => self.rows(bands, |to_start, from_start| {
            for step in 0..self.width() {
                if self.is_valid(from_start + step) {
                    sums[to_start + step] += from[from_start + step].to_f64();
                    counts[to_start + step] += 1;
                }
            }
        }));
    }

    /// Counts values.
    pub fn count(&self, bands: usize, counts: &mut [u32]) {
        self.rows(bands, |to_start, from_start| {
            for step in 0..self.width() {
                counts[to_start + step] += u32::from(self.is_valid(from_start + step));
            }
        });
    }
}

/// Gives pixels without a value the one that they are offered, where that is valid.
fn put_missing<'v, P: Pod>(to: &mut [P], there: &mut [u8], offered: impl Iterator<Item = (&'v P, u8)>) {
    for ((to, there), (value, valid)) in to.iter_mut().zip(there).zip(offered) {
        *to = if (*there == 0) & (valid == 1) { *value } else { *to };
        *there |= valid;
    }
}

/// Writes numbers that were computed, where there is one.
pub(super) fn write(to: &mut Values, number: impl Fn(usize) -> f64) {
    for_values!(to, to => to.iter_mut().enumerate().for_each(|(at, to)| *to = Pixel::from_f64(number(at))));
}

/// Gives valid pixels that equal what stands for no value the value beside it.
pub(super) fn reserve(to: &mut Values, validity: &[u8], nodata: Scalar) {
    for_values!(to, to => reserve_as(to, validity, nodata));
}

/// Keeps opacity, whose pixels are those of a band, off 0 where they are valid.
pub(super) fn keep_seen(to: &mut Values, validity: &[u8], band: Range<usize>) {
    for_values!(to, to => crate::ops::convert::keep_seen(&mut to[band.clone()], Some(&validity[band])));
}

fn reserve_as<T: Pixel>(to: &mut [T], validity: &[u8], nodata: Scalar) {
    let Some(reserved) = nodata.to_pixel::<T>().filter(|reserved| !reserved.is_nan()) else { return };
    let other = crate::ops::convert::neighbour(reserved);
    for (to, valid) in to.iter_mut().zip(validity) {
        if *to == reserved && *valid == 1 {
            *to = other;
        }
    }
}
