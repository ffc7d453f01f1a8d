//! Kernels around the centre of a pixel: linear and cubic between few pixels, or any kernel over many.
//!
//! Pixels without a value, and those beyond the edge, take no part: the weights of the others are brought to one. Where
//! the pixel in the middle has no value, there is none, as in GDAL: so gaps neither grow nor shrink.

use super::Resampling;
use super::need::Reach;
use super::source::{Held, Plane};
use super::weights::{PHASES, fill, keys, keys_weights, lanczos, phases, spline, spline_weights, triangle};

/// Below this sum of weights there is no value.
const LEAST_WEIGHT: f64 = 1e-6;
/// Output pixels up to this many input pixels wide count as of the same size.
const SAME_SIZE: f64 = 1.0 / 0.95;

/// A kernel, as wide as the output is coarser than the input.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    resampling: Resampling,
    /// Arguments of the kernel per pixel of the input: 1, or less where the output is coarser.
    scale: (f64, f64),
    /// How many pixels to either side it reaches.
    radius: (u32, u32),
    /// Whether the closed form over four or sixteen pixels does.
    is_small: bool,
    /// Weights of Lanczos at the same size, by the share of the way to the next pixel.
    phases: &'static [[f64; 6]],
}

impl Kernel {
    /// The kernel of a method where an output pixel is as wide and high as `ratio` input pixels.
    pub fn new(resampling: Resampling, ratio: (f64, f64)) -> Kernel {
        let scale = (1.0 / ratio.0.max(1.0), 1.0 / ratio.1.max(1.0));
        let is_same_size = ratio.0 <= SAME_SIZE && ratio.1 <= SAME_SIZE;
        let is_small = is_same_size && matches!(resampling, Resampling::Bilinear | Resampling::Cubic);
        let reach = f64::from(resampling.radius());
        let radius = match is_small {
            true => (resampling.radius(), resampling.radius()),
            false => ((reach / scale.0).ceil() as u32, (reach / scale.1).ceil() as u32),
        };
        let phases = match resampling {
            Resampling::Lanczos if scale.0 == 1.0 || scale.1 == 1.0 => phases(),
            _ => &[],
        };
        Kernel { resampling, scale, radius, is_small, phases }
    }

    /// How far it reaches.
    pub fn reach(&self) -> Reach {
        Reach::Kernel(self.radius.0, self.radius.1)
    }

    /// Weights that it keeps while it works.
    pub fn weights(&self) -> usize {
        2 * (self.radius.0 + self.radius.1) as usize
    }

    /// Computes the pixels at a row of places, which lie on a line if `is_line`.
    pub fn row<F: Held>(
        &self,
        plane: &Plane<'_, F>,
        (places, is_line): ((&[f64], &[f64]), bool),
        weights: &mut [f64],
        to: &mut [f64],
        valid: &mut [u8],
    ) {
        if self.is_small && is_inside(plane, places, is_line) {
            match self.resampling {
                Resampling::Bilinear => bilinear_row(plane, places, to, valid),
                _ => cubic_row(plane, places, to, valid),
            }
            return;
        }
        let each = places.0.iter().zip(places.1).zip(to.iter_mut().zip(valid.iter_mut()));
        for ((column, row), (to, valid)) in each {
            if !(plane.holds(*column, *row) && plane.has(*column, *row)) {
                *valid = 0;
                continue;
            }
            let value = match (self.is_small, self.resampling) {
                (true, Resampling::Bilinear) => bilinear(plane, *column, *row),
                (true, _) => cubic(plane, *column, *row),
                _ => self.wide(plane, (*column, *row), weights),
            };
            *valid = u8::from(value.is_some());
            *to = value.unwrap_or(0.0);
        }
    }

    /// A separable kernel; the sum runs along rows first, over the pixels that have a value.
    fn wide<F: Held>(&self, plane: &Plane<'_, F>, place: (f64, f64), weights: &mut [f64]) -> Option<f64> {
        let (across, down) = weights.split_at_mut(2 * self.radius.0 as usize);
        let columns = self.taps(place.0, self.radius.0, self.scale.0, plane.columns, across);
        let rows = self.taps(place.1, self.radius.1, self.scale.1, plane.rows, down);
        let (across, down) = (&across[..columns.1], &down[..rows.1]);
        let (mut sum, mut total, mut count) = (0.0, 0.0, 0);
        for (step, weight) in down.iter().enumerate() {
            let start = (rows.0 + step) * plane.columns + columns.0;
            let values = &plane.values[start..start + across.len()];
            let (mut row_sum, mut row_total) = (0.0, 0.0);
            match plane.validity {
                None => {
                    for (value, weight) in values.iter().zip(across) {
                        row_sum += value.wide() * weight;
                        row_total += weight;
                    }
                    count += across.len();
                }
                Some(validity) => {
                    for ((value, weight), valid) in values.iter().zip(across).zip(&validity[start..]) {
                        if *valid == 1 {
                            row_sum += value.wide() * weight;
                            row_total += weight;
                            count += 1;
                        }
                    }
                }
            }
            sum += row_sum * weight;
            total += row_total * weight;
        }
        // With few pixels the lobes of Lanczos weigh more than its middle.
        let are_few = self.resampling == Resampling::Lanczos && count < across.len() * down.len() / 2;
        (total >= LEAST_WEIGHT && !are_few).then(|| sum / total)
    }

    /// The weights of pixels along a side around a place: where they begin in the plane, and how many there are.
    fn taps(&self, place: f64, radius: u32, scale: f64, size: usize, weights: &mut [f64]) -> (usize, usize) {
        let corner = floor(place - 0.5);
        let share = place - 0.5 - corner as f64;
        let first = corner + 1 - i64::from(radius);
        let (start, end) = (first.max(0), (corner + i64::from(radius) + 1).min(size as i64));
        let count = (end - start).max(0) as usize;
        let weights = &mut weights[..count];
        let argument = (start - corner) as f64 - share;
        match self.resampling {
            Resampling::Lanczos if scale == 1.0 => {
                let at = share * PHASES as f64;
                let (low, across) = (at as usize, at - (at as usize) as f64);
                let (one, two) = (&self.phases[low], &self.phases[(low + 1).min(PHASES)]);
                let skipped = (start - first) as usize;
                for ((weight, one), two) in weights.iter_mut().zip(&one[skipped..]).zip(&two[skipped..]) {
                    *weight = one + (two - one) * across;
                }
            }
            Resampling::CubicSpline if scale == 1.0 => {
                let all = spline_weights(share);
                weights.iter_mut().zip(&all[(start - first) as usize..]).for_each(|(to, from)| *to = *from);
            }
            Resampling::Lanczos => lanczos(argument * scale, scale, weights),
            Resampling::Bilinear => fill(weights, argument, scale, triangle),
            Resampling::Cubic => fill(weights, argument, scale, keys),
            _ => fill(weights, argument, scale, spline),
        }
        (start as usize, count)
    }
}

/// Whether all places of a row are at least two pixels from the edges of a plane; of a line the ends tell.
fn is_inside<F: Held>(plane: &Plane<'_, F>, (columns, rows): (&[f64], &[f64]), is_line: bool) -> bool {
    let (right, bottom) = (plane.columns as f64 - 2.0, plane.rows as f64 - 2.0);
    let is_in = |at: usize| columns[at] >= 2.0 && columns[at] <= right && rows[at] >= 2.0 && rows[at] <= bottom;
    match columns.len() {
        0 => false,
        count if is_line => is_in(0) && is_in(count - 1),
        count => (0..count).all(is_in),
    }
}

/// Linear between four pixels, for places inside.
fn bilinear_row<F: Held>(plane: &Plane<'_, F>, places: (&[f64], &[f64]), to: &mut [f64], valid: &mut [u8]) {
    let each = places.0.iter().zip(places.1).zip(to.iter_mut().zip(valid.iter_mut()));
    for ((column, row), (to, valid)) in each {
        let (x, y) = (column - 0.5, row - 0.5);
        let (left, top) = (x as i32, y as i32);
        let at = top as usize * plane.columns + left as usize;
        let below = at + plane.columns;
        let share = (x - f64::from(left), y - f64::from(top));
        if plane.validity.is_none_or(|valid| valid[at] & valid[at + 1] & valid[below] & valid[below + 1] == 1) {
            *to = between_four(plane, at, share);
            *valid = 1;
        } else {
            let value = between_valid(plane, (i64::from(left), i64::from(top)), share);
            let value = value.filter(|_| plane.has(*column, *row));
            *valid = u8::from(value.is_some());
            *to = value.unwrap_or(0.0);
        }
    }
}

/// Cubic between sixteen pixels, for places inside.
fn cubic_row<F: Held>(plane: &Plane<'_, F>, places: (&[f64], &[f64]), to: &mut [f64], valid: &mut [u8]) {
    let each = places.0.iter().zip(places.1).zip(to.iter_mut().zip(valid.iter_mut()));
    for ((column, row), (to, valid)) in each {
        let value = cubic(plane, *column, *row).filter(|_| plane.has(*column, *row));
        *valid = u8::from(value.is_some());
        *to = value.unwrap_or(0.0);
    }
}

/// Between the four pixels around a place.
#[inline]
fn bilinear<F: Held>(plane: &Plane<'_, F>, column: f64, row: f64) -> Option<f64> {
    let (x, y) = (column - 0.5, row - 0.5);
    let (left, top) = (floor(x), floor(y));
    let share = (x - left as f64, y - top as f64);
    if left >= 0 && top >= 0 && (left as usize) + 1 < plane.columns && (top as usize) + 1 < plane.rows {
        let at = top as usize * plane.columns + left as usize;
        let below = at + plane.columns;
        if plane.validity.is_none_or(|valid| valid[at] & valid[at + 1] & valid[below] & valid[below + 1] == 1) {
            return Some(between_four(plane, at, share));
        }
    }
    between_valid(plane, (left, top), share)
}

/// Between four pixels that all have values, from the upper left one.
#[inline]
fn between_four<F: Held>(plane: &Plane<'_, F>, at: usize, (across, down): (f64, f64)) -> f64 {
    let below = at + plane.columns;
    let (upper, lower) = (&plane.values[at..at + 2], &plane.values[below..below + 2]);
    let upper = upper[0].wide() * (1.0 - across) + upper[1].wide() * across;
    let lower = lower[0].wide() * (1.0 - across) + lower[1].wide() * across;
    upper * (1.0 - down) + lower * down
}

/// Between those of four pixels that there are and that have values.
fn between_valid<F: Held>(plane: &Plane<'_, F>, (left, top): (i64, i64), (across, down): (f64, f64)) -> Option<f64> {
    let (mut sum, mut total) = (0.0, 0.0);
    for (row, weight) in [(top, 1.0 - down), (top + 1, down)] {
        for (column, weight) in [(left, weight * (1.0 - across)), (left + 1, weight * across)] {
            if row < 0 || column < 0 || row as usize >= plane.rows || column as usize >= plane.columns {
                continue;
            }
            let at = row as usize * plane.columns + column as usize;
            if plane.is_valid(at) {
                sum += plane.values[at].wide() * weight;
                total += weight;
            }
        }
    }
    (total >= LEAST_WEIGHT).then(|| sum / total)
}

/// Between the sixteen pixels around a place; where one of them has no value, between the four nearest.
#[inline]
fn cubic<F: Held>(plane: &Plane<'_, F>, column: f64, row: f64) -> Option<f64> {
    let (x, y) = (column - 0.5, row - 0.5);
    let (left, top) = (floor(x) - 1, floor(y) - 1);
    if left < 0 || top < 0 || left as usize + 4 > plane.columns || top as usize + 4 > plane.rows {
        return bilinear(plane, column, row);
    }
    let start = top as usize * plane.columns + left as usize;
    if let Some(validity) = plane.validity {
        let line = |row: usize| &validity[start + row * plane.columns..start + row * plane.columns + 4];
        if (0..4).any(|number| line(number) != [1; 4]) {
            return bilinear(plane, column, row);
        }
    }
    let (across, down) = (keys_weights(x - (left + 1) as f64), keys_weights(y - (top + 1) as f64));
    let mut sum = 0.0;
    for (number, weight) in down.iter().enumerate() {
        let at = start + number * plane.columns;
        let values = &plane.values[at..at + 4];
        let row = values[0].wide() * across[0]
            + values[1].wide() * across[1]
            + values[2].wide() * across[2]
            + values[3].wide() * across[3];
        sum += row * weight;
    }
    Some(sum)
}

/// The next lower whole number.
#[inline]
fn floor(value: f64) -> i64 {
    let whole = value as i64;
    whole - i64::from(value < whole as f64)
}
