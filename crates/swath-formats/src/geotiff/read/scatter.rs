//! Pixels of a block to where they belong in a tile: bands side by side become bands one after the other.

use swath_raster::{Pixel, Window};

/// Pixels in memory, bands side by side.
#[derive(Clone, Copy)]
pub(super) struct Source<'a, T> {
    pub pixels: &'a [T],
    /// Pixels from row to row.
    pub columns: usize,
    /// Bands of a pixel.
    pub samples: usize,
}

/// A tile that is being filled.
pub(super) struct Target<'a, T> {
    /// Bands one after the other.
    pub pixels: &'a mut [T],
    pub window: Window,
}

/// A band of the source, and which one of the target it becomes.
#[derive(Clone, Copy)]
pub(super) struct BandAt {
    pub sample: usize,
    pub position: usize,
}

impl<T: Pixel> Target<'_, T> {
    /// Where a row of pixels of the target begins.
    pub fn start(&self, position: usize, row: u32, column: u32) -> usize {
        let (rows, columns) = (self.window.rows as usize, self.window.columns as usize);
        let (row, column) = ((row - self.window.row) as usize, (column - self.window.column) as usize);
        (position * rows + row) * columns + column
    }

    /// Copies `part` of the grid, which begins in the source at `(row, column)`.
    pub fn copy(&mut self, source: Source<'_, T>, (row, column): (u32, u32), part: Window, bands: &[BandAt]) {
        let count = part.columns as usize;
        for line in 0..part.rows {
            let from = ((row + line) as usize * source.columns + column as usize) * source.samples;
            let from = &source.pixels[from..from + count * source.samples];
            for band in bands {
                let start = self.start(band.position, part.row + line, part.column);
                pick(from, source.samples, band.sample, &mut self.pixels[start..start + count]);
            }
        }
    }

    /// Writes one value all over `part`.
    pub fn fill(&mut self, value: T, part: Window, bands: &[BandAt]) {
        for band in bands {
            for line in 0..part.rows {
                let start = self.start(band.position, part.row + line, part.column);
                self.pixels[start..start + part.columns as usize].fill(value);
            }
        }
    }
}

/// Every so-manieth sample of a row.
fn pick<T: Copy>(from: &[T], samples: usize, sample: usize, to: &mut [T]) {
    match samples {
        1 => to.copy_from_slice(from),
        2 => pick_of::<T, 2>(from, sample, to),
        3 => pick_of::<T, 3>(from, sample, to),
        4 => pick_of::<T, 4>(from, sample, to),
        _ => {
            for (to, pixel) in to.iter_mut().zip(from.chunks_exact(samples)) {
                *to = pixel[sample];
            }
        }
    }
}

fn pick_of<T: Copy, const SAMPLES: usize>(from: &[T], sample: usize, to: &mut [T]) {
    let sample = sample.min(SAMPLES - 1);
    for (to, pixel) in to.iter_mut().zip(from.as_chunks::<SAMPLES>().0) {
        *to = pixel[sample];
    }
}
