//! Which pixels of a neighbourhood are looked at, with what weight, and how sums over them are made.
//!
//! Sums are made anew for each pixel, in an order that depends on the neighbourhood alone: rows from above, columns from
//! the left. So a pixel is the same in whatever window it is computed.

use super::Kernel;
use crate::ops::ring::{LANES, Reach, Ring};

/// Neighbours and their weights.
pub(super) struct Taps {
    /// How far they reach.
    pub reach: Reach,
    pub layout: Layout,
}

/// How the neighbours lie.
pub(super) enum Layout {
    /// A rectangle whose weights are products, so that sums down columns serve all that are beside each other.
    Product {
        down: Vec<f64>,
        along: Vec<f64>,
        /// Whether all weights are 1.
        plain: bool,
    },
    /// Any set.
    Any(Vec<Tap>),
}

/// One neighbour.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap {
    /// Counted from the uppermost row of the neighbourhood.
    pub row: u32,
    /// Counted from its leftmost column.
    pub column: u32,
    pub weight: f64,
}

/// Neighbours beside each other in a row of the neighbourhood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub row: usize,
    pub column: usize,
    pub count: usize,
}

impl Taps {
    /// All within so many columns and rows.
    pub fn rectangle(columns: u32, rows: u32) -> Taps {
        let side = |radius: u32| vec![1.0; 2 * radius as usize + 1];
        let layout = Layout::Product { down: side(rows), along: side(columns), plain: true };
        Taps { reach: Reach { rows, columns }, layout }
    }

    /// All whose centres are in an ellipse with these radii in pixels.
    pub fn ellipse(columns: f64, rows: f64) -> Taps {
        let reach = Reach { rows: rows.floor() as u32, columns: columns.floor() as u32 };
        // What was meant to be √2 must reach the corner.
        let most = (columns * rows).powi(2) * (1.0 + 1e-12);
        let side = |reach: u32| -i64::from(reach)..=i64::from(reach);
        let cells = side(reach.rows).flat_map(|row| side(reach.columns).map(move |column| (row, column)));
        let distance = |row: i64, column: i64| (row as f64 * columns).powi(2) + (column as f64 * rows).powi(2);
        let cells = cells.filter(|(row, column)| distance(*row, *column) <= most);
        let from_corner = |distance: i64, reach: u32| (distance + i64::from(reach)) as u32;
        let taps = cells.map(|(row, column)| Tap {
            row: from_corner(row, reach.rows),
            column: from_corner(column, reach.columns),
            weight: 1.0,
        });
        Taps { reach, layout: Layout::Any(taps.collect()) }
    }

    /// The weights of a bell of that standard deviation in pixels, cut off as SciPy does.
    pub fn gaussian(sigma: f64) -> Taps {
        let reach = (4.0 * sigma + 0.5) as i64;
        let weights = (-reach..=reach).map(|distance| libm::exp(-0.5 * (distance * distance) as f64 / (sigma * sigma)));
        let weights: Vec<f64> = weights.collect();
        let sum: f64 = weights.iter().sum();
        let weights: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
        let reach = Reach { rows: reach as u32, columns: reach as u32 };
        Taps { reach, layout: Layout::Product { down: weights.clone(), along: weights, plain: false } }
    }

    /// The weights of a kernel; those that are 0 are not looked at.
    pub fn kernel(kernel: &Kernel) -> Taps {
        let places = (0..kernel.rows).flat_map(|row| (0..kernel.columns).map(move |column| (row, column)));
        let taps = places.zip(&kernel.weights).filter(|(_, weight)| **weight != 0.0);
        let taps = taps.map(|((row, column), weight)| Tap { row, column, weight: *weight }).collect();
        Taps { reach: Reach { rows: kernel.rows / 2, columns: kernel.columns / 2 }, layout: Layout::Any(taps) }
    }

    /// How many neighbours there are.
    pub fn count(&self) -> usize {
        match &self.layout {
            Layout::Product { down, along, .. } => down.len() * along.len(),
            Layout::Any(taps) => taps.len(),
        }
    }

    /// The neighbours row by row, without their weights.
    pub fn spans(&self) -> Vec<Span> {
        match &self.layout {
            Layout::Product { down, along, .. } => {
                (0..down.len()).map(|row| Span { row, column: 0, count: along.len() }).collect()
            }
            Layout::Any(taps) => {
                let mut spans: Vec<Span> = Vec::new();
                for tap in taps {
                    let (row, column) = (tap.row as usize, tap.column as usize);
                    match spans.last_mut() {
                        Some(span) if span.row == row && span.column + span.count == column => span.count += 1,
                        _ => spans.push(Span { row, column, count: 1 }),
                    }
                }
                spans
            }
        }
    }

    /// Sums of weight times `value(pixel)`, for all columns of a row whose neighbourhood begins at the given places.
    ///
    /// `columns` holds what comes between for [`Layout::Product`].
    pub fn sum(
        &self,
        plane: &[f64],
        starts: &[usize],
        columns: &mut [f64],
        sums: &mut [f64],
        value: impl Fn(f64) -> f64 + Copy,
    ) {
        match &self.layout {
            Layout::Product { plain: true, along, .. } => {
                fold(plane, starts.iter().map(|start| (*start, ())), 0.0, columns, |sum, pixel, ()| sum + value(pixel));
                fold(columns, (0..along.len()).map(|at| (at, ())), 0.0, sums, |sum, column, ()| sum + column);
            }
            Layout::Product { down, along, .. } => {
                let rows = starts.iter().zip(down).map(|(start, weight)| (*start, *weight));
                fold(plane, rows, 0.0, columns, |sum, pixel, weight| sum + weight * value(pixel));
                let beside = along.iter().copied().enumerate();
                fold(columns, beside, 0.0, sums, |sum, column, weight| sum + weight * column);
            }
            Layout::Any(taps) => {
                let taps = taps.iter().map(|tap| (starts[tap.row as usize] + tap.column as usize, tap.weight));
                fold(plane, taps, 0.0, sums, |sum, pixel, weight| sum + weight * value(pixel));
            }
        }
    }

    /// The one that `pick` leaves of all neighbours and `first`, in the order of [`Taps::sum`].
    pub fn pick(
        &self,
        plane: &[f64],
        starts: &[usize],
        columns: &mut [f64],
        picked: &mut [f64],
        first: f64,
        pick: impl Fn(f64, f64) -> f64 + Copy,
    ) {
        let pick = |one, other, ()| pick(one, other);
        match &self.layout {
            Layout::Product { along, .. } => {
                fold(plane, starts.iter().map(|start| (*start, ())), first, columns, pick);
                fold(columns, (0..along.len()).map(|at| (at, ())), first, picked, pick);
            }
            Layout::Any(taps) => {
                let taps = taps.iter().map(|tap| (starts[tap.row as usize] + tap.column as usize, ()));
                fold(plane, taps, first, picked, pick);
            }
        }
    }
}

/// For each place of `out`: `first`, joined with what stands at that place behind each of the offsets.
///
/// Places beyond the end of `source` are left out, so that the last step may reach into what nobody reads.
pub(super) fn fold<P: Copy>(
    source: &[f64],
    offsets: impl Iterator<Item = (usize, P)> + Clone,
    first: f64,
    out: &mut [f64],
    join: impl Fn(f64, f64, P) -> f64,
) {
    for (step, out) in out.chunks_exact_mut(LANES).enumerate() {
        let mut results = [first; LANES];
        for (offset, parameter) in offsets.clone() {
            let from = source.get(offset + step * LANES..).and_then(|from| from.first_chunk::<LANES>());
            let Some(from) = from else { continue };
            for (result, value) in results.iter_mut().zip(from) {
                *result = join(*result, *value, parameter);
            }
        }
        out.copy_from_slice(&results);
    }
}

/// Places for all columns of a window, and for those that sums down columns need, in whole steps.
pub(super) fn lengths(reach: Reach, columns: u32) -> (usize, usize) {
    ((columns as usize).next_multiple_of(LANES), Ring::stride(reach, columns))
}
