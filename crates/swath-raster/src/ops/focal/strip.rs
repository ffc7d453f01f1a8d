//! One row of results after the other: what is computed from sums over neighbours.

use swath_core::{Buffer, Bytes, Lease, Result};

use super::rank::Rank;
use super::spread;
use super::taps::{Taps, lengths};
use crate::ops::ring::{Beyond, Reach, Ring, RowState};
use crate::{Shape, Tile, Window};

/// What is computed, and from which neighbours.
pub(super) enum Method {
    /// Weighted sum over the sum of the weights.
    Mean(Taps),
    Sum(Taps),
    Count(Taps),
    /// Variance, or its root.
    Spread(Taps, bool),
    Min(Taps),
    Max(Taps),
    Range(Taps),
    Rank(Rank),
    /// Weighted sum, with the centre's value for what is missing.
    Filter(Taps),
    /// Root of the sum of the squares of two such sums.
    Magnitude(Taps, Taps),
}

impl Method {
    /// The neighbours that are looked at; of two sets the first, which reaches as far as the other.
    pub fn taps(&self) -> &Taps {
        match self {
            Method::Mean(taps) | Method::Sum(taps) | Method::Count(taps) | Method::Spread(taps, _) => taps,
            Method::Min(taps) | Method::Max(taps) | Method::Range(taps) => taps,
            Method::Filter(taps) | Method::Magnitude(taps, _) => taps,
            Method::Rank(rank) => &rank.taps,
        }
    }

    pub fn reach(&self) -> Reach {
        self.taps().reach
    }

    /// What stands for a missing pixel, so that it changes nothing: 0 in sums, NaN where values are compared.
    fn missing(&self) -> f64 {
        match self {
            Method::Min(_) | Method::Max(_) | Method::Range(_) | Method::Rank(_) => f64::NAN,
            _ => 0.0,
        }
    }
}

/// Rows of scratch besides the ring: some between values and results, some that are kept from row to row.
const ROWS: usize = 6;

/// The rows of a band as they are computed.
pub(super) struct Strip<'a> {
    method: &'a Method,
    ring: Ring,
    /// Where the rows of the neighbourhood begin in the ring.
    starts: Vec<usize>,
    rows: [Buffer<f64>; ROWS],
    cells: Buffer<i64>,
    /// How many rows above and below lay beyond the border when the kept rows were made, if nothing else was missing.
    kept: Option<(usize, usize)>,
    columns: usize,
}

impl<'a> Strip<'a> {
    /// Memory for windows of that many columns.
    pub fn bytes_for(method: &Method, columns: u32) -> Bytes {
        let reach = method.reach();
        let (_, stride) = lengths(reach, columns);
        let cells = if let Method::Rank(rank) = method { rank.taps.count() } else { 0 };
        Ring::bytes_for(reach, columns)
            + Bytes::of::<f64>(ROWS * stride + cells)
            + Bytes::of::<usize>(2 * reach.rows as usize + 1)
    }

    /// Scratch for the rows of a window.
    ///
    /// # Errors
    /// When the lease has less left than [`Strip::bytes_for`].
    pub fn new(method: &'a Method, beyond: Beyond, window: Window, grid: Shape, lease: &Lease) -> Result<Strip<'a>> {
        let (columns, stride) = lengths(method.reach(), window.columns);
        let row = || lease.buffer::<f64>(stride);
        let cells = if let Method::Rank(rank) = method { rank.taps.count() } else { 0 };
        Ok(Strip {
            method,
            ring: Ring::new(method.reach(), beyond, window, grid, lease)?,
            starts: Vec::with_capacity(2 * method.reach().rows as usize + 1),
            rows: [row()?, row()?, row()?, row()?, row()?, row()?],
            cells: lease.buffer(cells)?,
            kept: None,
            columns,
        })
    }

    /// Forgets what was kept: the next row is the first one of another band.
    pub fn begin(&mut self) {
        self.kept = None;
    }

    /// Computes a row of the window; rows must come one after the other. The results of its columns, and where not all
    /// pixels of the row have a value, 1 for those that have.
    pub fn compute(&mut self, row: u32, tile: &Tile, band: usize) -> (&[f64], Option<&[f64]>) {
        self.ring.advance(row, tile, band, self.method.missing());
        let reach = i64::from(self.method.reach().rows);
        let kept = self.survey(row, reach);
        let (ring, starts, columns) = (&self.ring, &self.starts[..], self.columns);
        let centre = ring.start(i64::from(row)) + self.method.reach().columns as usize;
        let (values, presence) = (&ring.values[..], &ring.presence[..]);
        let [between, out, other, first, second, third] = &mut self.rows;
        let out = &mut out[..columns];
        match self.method {
            Method::Count(taps) => {
                if !kept {
                    taps.sum(presence, starts, between, &mut first[..columns], |present| present);
                }
                out.copy_from_slice(&first[..columns]);
            }
            Method::Sum(taps) => taps.sum(values, starts, between, out, |value| value),
            Method::Mean(taps) => {
                if !kept {
                    taps.sum(presence, starts, between, &mut first[..columns], |present| present);
                }
                taps.sum(values, starts, between, out, |value| value);
                // Weights of both signs may cancel each other: such a mean is no number.
                let divisor = |weight: f64| if weight == 0.0 { f64::NAN } else { weight };
                out.iter_mut().zip(&first[..]).for_each(|(sum, weight)| *sum /= divisor(*weight));
            }
            Method::Spread(taps, root) => {
                let planes = spread::Planes { values, presence, starts };
                spread::variance(taps, planes, kept, [between, other, first, second, third], out);
                if *root {
                    out.iter_mut().for_each(|variance| *variance = variance.sqrt());
                }
            }
            Method::Min(taps) => taps.pick(values, starts, between, out, f64::INFINITY, lesser),
            Method::Max(taps) => taps.pick(values, starts, between, out, f64::NEG_INFINITY, greater),
            Method::Range(taps) => {
                let other = &mut other[..columns];
                taps.pick(values, starts, between, other, f64::INFINITY, lesser);
                taps.pick(values, starts, between, out, f64::NEG_INFINITY, greater);
                out.iter_mut().zip(&*other).for_each(|(most, least)| *most -= least);
            }
            Method::Rank(rank) => rank.row(values, starts, centre, &mut self.cells, out),
            Method::Filter(taps) => filter(taps, ring, starts, centre, kept, between, first, out),
            Method::Magnitude(along, down) => {
                let other = &mut other[..columns];
                filter(along, ring, starts, centre, kept, between, first, other);
                filter(down, ring, starts, centre, kept, between, second, out);
                out.iter_mut().zip(&*other).for_each(|(down, along)| *down = (*along * along + *down * *down).sqrt());
            }
        }
        let gaps = self.ring.state(i64::from(row)) != RowState::Full;
        (out, gaps.then(|| &self.ring.presence[centre..centre + columns]))
    }

    /// Finds the rows around a row. Whether what was kept from the row before holds for this one as well.
    fn survey(&mut self, row: u32, reach: i64) -> bool {
        self.starts.clear();
        let (mut above, mut below, mut gaps) = (0, 0, false);
        for step in -reach..=reach {
            let neighbour = self.ring.neighbour(row, step);
            self.starts.push(self.ring.start(neighbour));
            match self.ring.state(neighbour) {
                RowState::Full => {}
                RowState::Gaps => gaps = true,
                RowState::Outside if step < 0 => above += 1,
                RowState::Outside => below += 1,
            }
        }
        let now = (!gaps).then_some((above, below));
        let holds = now.is_some() && now == self.kept;
        self.kept = now;
        holds
    }
}

/// The lesser of two; the first where the second is NaN.
fn lesser(one: f64, other: f64) -> f64 {
    if other < one { other } else { one }
}

/// The greater of two; the first where the second is NaN.
fn greater(one: f64, other: f64) -> f64 {
    if other > one { other } else { one }
}

/// Weighted sums, with the value of the centre for what is missing; `missing` holds the weights of that, from row to row.
#[allow(clippy::too_many_arguments)]
fn filter(
    taps: &Taps,
    ring: &Ring,
    starts: &[usize],
    centre: usize,
    kept: bool,
    between: &mut [f64],
    missing: &mut [f64],
    out: &mut [f64],
) {
    let missing = &mut missing[..out.len()];
    if !kept {
        taps.sum(&ring.presence, starts, between, missing, |present| 1.0 - present);
    }
    taps.sum(&ring.values, starts, between, out, |value| value);
    let centre = &ring.values[centre..];
    for ((sum, weight), value) in out.iter_mut().zip(&*missing).zip(centre) {
        // Where nothing is missing, not even an infinite centre may change the sum.
        *sum += if *weight == 0.0 { 0.0 } else { weight * value };
    }
}
