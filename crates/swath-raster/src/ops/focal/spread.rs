//! Variance over neighbours in two steps, so that a large mean takes nothing away from a small variance.
//!
//! Squares of distances are taken from the mean itself. In a rectangle they are taken from the mean of each column, and
//! columns are joined by the rule of Chan, Golub and LeVeque (1979): Σ (x − m)² = Σ over columns of Σ (x − c)² + n (c − m)².
//! All terms are positive, and columns serve all pixels beside each other.

use super::taps::{Layout, Taps, fold};
use crate::ops::ring::LANES;

/// Where values and their presence stand, and where the rows of the neighbourhood begin.
#[derive(Clone, Copy)]
pub(super) struct Planes<'a> {
    pub values: &'a [f64],
    pub presence: &'a [f64],
    pub starts: &'a [usize],
}

/// Variances of the population. Of the rows of scratch, the last two keep counts from row to row: of pixels around each
/// pixel, and of pixels in each column.
pub(super) fn variance(taps: &Taps, planes: Planes<'_>, kept: bool, scratch: [&mut [f64]; 5], out: &mut [f64]) {
    let [between, means, squares, counts, column_counts] = scratch;
    let columns = out.len();
    let Planes { values, presence, starts } = planes;
    let counts = &mut counts[..columns];
    match &taps.layout {
        Layout::Any(any) => {
            if !kept {
                taps.sum(presence, starts, between, counts, |present| present);
            }
            let means = &mut means[..columns];
            taps.sum(values, starts, between, means, |value| value);
            means.iter_mut().zip(&*counts).for_each(|(sum, count)| *sum /= count);
            let offsets = any.iter().map(|tap| starts[tap.row as usize] + tap.column as usize);
            squares_about(planes, offsets, means, out);
        }
        Layout::Product { along, .. } => {
            let rows = || starts.iter().map(|start| (*start, ()));
            let beside = || (0..along.len()).map(|column| (column, ()));
            let add = |sum: f64, value: f64, ()| sum + value;
            if !kept {
                fold(presence, rows(), 0.0, column_counts, add);
                fold(column_counts, beside(), 0.0, counts, add);
            }
            fold(values, rows(), 0.0, between, add);
            fold(between, beside(), 0.0, &mut means[..columns], add);
            means.iter_mut().zip(&*counts).for_each(|(sum, count)| *sum /= count);
            // A column without values has a sum of 0, and no weight below.
            between.iter_mut().zip(&*column_counts).for_each(|(sum, count)| *sum /= count.max(1.0));
            squares_about(planes, starts.iter().copied(), between, squares);
            join(along.len(), squares, column_counts, between, &means[..columns], out);
        }
    }
    out.iter_mut().zip(&*counts).for_each(|(sum, count)| *sum /= count);
}

/// Sums of the squares of the distances of all present values at the offsets from the mean at each place.
fn squares_about(planes: Planes<'_>, offsets: impl Iterator<Item = usize> + Clone, means: &[f64], out: &mut [f64]) {
    for ((step, out), means) in out.chunks_exact_mut(LANES).enumerate().zip(means.chunks_exact(LANES)) {
        let mut sums = [0.0; LANES];
        for offset in offsets.clone() {
            let at = offset + step * LANES;
            let (Some(values), Some(presence)) = (lanes(planes.values, at), lanes(planes.presence, at)) else {
                continue;
            };
            for lane in 0..LANES {
                let distance = values[lane] - means[lane];
                sums[lane] += presence[lane] * (distance * distance);
            }
        }
        out.copy_from_slice(&sums);
    }
}

/// Joins the squares of as many columns as the neighbourhood has.
fn join(width: usize, squares: &[f64], counts: &[f64], column_means: &[f64], means: &[f64], out: &mut [f64]) {
    for ((step, out), means) in out.chunks_exact_mut(LANES).enumerate().zip(means.chunks_exact(LANES)) {
        let mut sums = [0.0; LANES];
        for column in 0..width {
            let at = column + step * LANES;
            let (Some(squares), Some(counts), Some(column_means)) =
                (lanes(squares, at), lanes(counts, at), lanes(column_means, at))
            else {
                continue;
            };
            for lane in 0..LANES {
                let distance = column_means[lane] - means[lane];
                sums[lane] += squares[lane] + counts[lane] * (distance * distance);
            }
        }
        out.copy_from_slice(&sums);
    }
}

fn lanes(plane: &[f64], at: usize) -> Option<&[f64; LANES]> {
    plane.get(at..).and_then(|plane| plane.first_chunk())
}
