//! Computes the pixels of a piece of the output, band by band and row by row.

use swath_core::{Buffer, Lease, Result};

use crate::{Scalar, Tile, Window};

use super::lattice::{Lattice, Leaf, ROW};
use super::mapping::Columns;
use super::need::SourceWindow;
use super::source::{self, Held, HeldBand, Plane};
use super::{Warp, area};

impl Warp {
    /// Computes a band of a piece from a band of its source window; no valid pixel becomes the reserved value.
    ///
    /// # Errors
    /// When the lease has less left.
    pub(super) fn fill_band<F: Held>(
        &self,
        (tile, reserved): (&mut Tile, Option<Scalar>),
        validity: &mut [u8],
        piece: Window,
        source: &SourceWindow,
        (input, band): (&Tile, usize),
        lease: &Lease,
    ) -> Result<()> {
        let held = HeldBand::<F>::of(input, band, lease)?;
        let plane = Plane {
            values: held.values(),
            validity: input
                .validity
                .as_deref()
                .map(|validity| &validity[band * input.plane()..(band + 1) * input.plane()]),
            columns: source.shape.columns as usize,
            rows: source.shape.rows as usize,
            limits: source.limits(self.columns(), self.lattice.mapping.shape),
            turn: source.turn(self.columns()),
        };
        let mut work = Work::new(self, source, lease)?;
        let outer = tile.window;
        let start = band * tile.plane();
        self.lattice.visit(piece, &mut |leaf, part| {
            for row in part.row..part.end_row() {
                let count = part.columns as usize;
                let at =
                    start + (row - outer.row) as usize * outer.columns as usize + (part.column - outer.column) as usize;
                let valid = &mut validity[at..at + count];
                let place = (f64::from(part.column), f64::from(row));
                if self.resampling.is_of_areas() {
                    work.lines(&self.lattice, leaf, source, place, count + 1);
                    let Work { top, bottom, values, entries, .. } = &mut work;
                    let corners = area::Corners {
                        top: (&top.0[..=count], &top.1[..=count]),
                        bottom: (&bottom.0[..=count], &bottom.1[..=count]),
                    };
                    let turn = self.turn();
                    area::row(self.resampling, &plane, &corners, turn, entries, &mut values[..count], valid);
                } else {
                    let (columns, rows) = (&mut work.top.0[..count], &mut work.top.1[..count]);
                    leaf.row(&self.lattice, place.0 + 0.5, place.1 + 0.5, columns, rows);
                    source.settle(self.columns(), leaf.is_line(), columns, rows);
                    let places = ((&*columns, &*rows), leaf.is_line());
                    self.kernel.row(&plane, places, &mut work.weights, &mut work.values[..count], valid);
                }
                source::store(&mut tile.values, at, &work.values[..count], valid, reserved);
            }
            Ok(())
        })
    }

    /// After how many columns of a source window the same place may come again.
    fn turn(&self) -> f64 {
        match self.columns() {
            Columns::Plain => 0.0,
            Columns::Gap { period, .. } => period,
            Columns::Round { columns, .. } => f64::from(columns),
        }
    }
}

/// How many values at most lie under one pixel.
pub(super) fn entries_for(source: &SourceWindow) -> usize {
    (source.shape.pixels() as usize).min(area::VALUES_MAX)
}

/// What is used again from row to row.
struct Work {
    top: ([f64; ROW], [f64; ROW]),
    bottom: ([f64; ROW], [f64; ROW]),
    values: [f64; ROW],
    weights: Buffer<f64>,
    entries: Buffer<area::Entry>,
}

impl Work {
    fn new(warp: &Warp, source: &SourceWindow, lease: &Lease) -> Result<Work> {
        let entries = if area::keeps_values(warp.resampling) { entries_for(source) } else { 0 };
        let line = ([0.0; ROW], [0.0; ROW]);
        Ok(Work {
            top: line,
            bottom: line,
            values: [0.0; ROW],
            weights: lease.buffer(warp.kernel.weights())?,
            entries: lease.buffer_unzeroed(entries)?,
        })
    }

    /// Places along the upper and the lower side of a row of pixels.
    fn lines(&mut self, lattice: &Lattice, leaf: &Leaf, source: &SourceWindow, place: (f64, f64), count: usize) {
        for (down, line) in [(0.0, &mut self.top), (1.0, &mut self.bottom)] {
            let (columns, rows) = (&mut line.0[..count], &mut line.1[..count]);
            leaf.row(lattice, place.0, place.1 + down, columns, rows);
            source.settle(lattice.mapping.columns, leaf.is_line(), columns, rows);
        }
    }
}
