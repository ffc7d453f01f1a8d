//! An input on the grid of a mosaic: taken as it is, or resampled, in the type that is wanted of it.

use std::sync::Arc;

use swath_core::{Error, Result};

use crate::ops::warp::Ways;
use crate::ops::{Conversion, Resampling, Warp, WarpOptions, convert};
use crate::{DataType, Raster, Scalar, Window};

use super::MosaicInput;
use super::place::{self, Place};

/// An input, or a part of one, on the grid of the mosaic.
pub(super) struct Entry {
    pub raster: Arc<dyn Raster>,
    /// The part of the mosaic that it covers.
    pub footprint: Window,
    /// The mosaic's column and row at which its first pixel lies.
    pub corner: (i64, i64),
}

impl Entry {
    /// A part of the footprint as a window of the input.
    pub fn own(&self, part: Window) -> Window {
        let shifted = |at: u32, corner: i64| (i64::from(at) - corner) as u32;
        Window { row: shifted(part.row, self.corner.1), column: shifted(part.column, self.corner.0), ..part }
    }

    /// What is missing of a part, unless the part takes less memory as a whole.
    pub fn cheaper(&self, missing: Window, part: Window, bands: usize) -> Window {
        let bytes = |part| self.raster.bytes_for(self.own(part), bands);
        if missing == part || bytes(missing) <= bytes(part) { missing } else { part }
    }
}

/// An error, with the input that it is about.
pub(super) fn about(what: &str, error: Error) -> Error {
    match error {
        Error::Usage { message, hint } => Error::Usage { message: format!("{what}: {message}"), hint },
        other => other,
    }
}

/// The type in which the pixels of inputs are wanted.
#[derive(Clone, Copy)]
pub(super) enum Working {
    /// Their own.
    AsItIs,
    /// This one where they are resampled, else their own.
    Resampled(DataType),
    /// This one, with that nodata value.
    All(DataType, Option<Scalar>),
}

impl Working {
    fn of_warps(self) -> WarpOptions {
        let (data_type, nodata) = match self {
            Working::AsItIs => (None, None),
            Working::Resampled(data_type) => (Some(data_type), Some(Scalar::Float(f64::NAN))),
            Working::All(data_type, nodata) => (Some(data_type), nodata),
        };
        WarpOptions { data_type, nodata, ..WarpOptions::default() }
    }

    /// A raster in the type.
    fn of(self, raster: Arc<dyn Raster>) -> Result<Arc<dyn Raster>> {
        match self {
            Working::All(data_type, nodata) if raster.grid().data_type != data_type => {
                convert(raster, &Conversion { data_type: Some(data_type), nodata, ..Conversion::default() })
            }
            _ => Ok(raster),
        }
    }
}

/// What is said of inputs that have no part in the mosaic.
pub(super) fn left_out(names: &[String], count: usize) -> Option<String> {
    const NAMED: usize = 3;
    let (first, more) = (names.first()?, if names.len() > NAMED { ", …" } else { "" });
    let others: String = names.iter().take(NAMED).skip(1).map(|name| format!(", {name}")).collect();
    Some(format!("{} of {count} inputs have no pixel in the output: {first}{others}{more}", names.len()))
}

/// An input on the grid of the mosaic, for each turn that brings it there.
pub(super) fn entries_of(
    MosaicInput { what, raster: input }: MosaicInput,
    place: &Place,
    resampling: Resampling,
    working: Working,
    (ways, warnings): (&mut Ways, &mut Vec<String>),
) -> Result<Vec<Entry>> {
    let turns = place::turns(place);
    let columns = i64::from(input.grid().shape.columns);
    let (mut entries, mut off) = (Vec::new(), Vec::new());
    let first = place::offset(place, input.grid(), 0.0);
    for turn in turns.iter().copied() {
        let Some(corner) = place::offset(place, input.grid(), turn) else {
            off.push(turn);
            continue;
        };
        // What is wider than a turn meets itself: each place is taken from where it lies least turned.
        let own = match first.map(|first| corner.0 - first.0) {
            None | Some(0) => (0, columns),
            Some(moved) => {
                let period = moved.abs() / (turn / turns[1]).abs().round() as i64;
                if moved > 0 { ((columns - period).max(0), columns) } else { (0, columns.min(period)) }
            }
        };
        if let Some(footprint) = place::footprint(corner, own, input.grid().shape.rows, place) {
            entries.push(Entry { raster: working.of(Arc::clone(&input))?, footprint, corner });
        }
    }
    if off.is_empty() {
        return Ok(entries);
    }
    let taken = first.and_then(|_| entries.first()).map(|entry| entry.footprint);
    let parts = place::parts_of(ways, place, input.grid(), (&off, taken)).map_err(|error| about(&what, error))?;
    for (footprint, target) in parts {
        let warp = Warp::along(ways, Arc::clone(&input), &target, resampling, &working.of_warps());
        let warp = warp.map_err(|error| about(&what, error))?;
        warnings.extend(warp.warning().map(|warning| format!("{what}: {warning}")));
        let corner = (i64::from(footprint.column), i64::from(footprint.row));
        entries.push(Entry { raster: working.of(Arc::new(warp))?, footprint, corner });
    }
    Ok(entries)
}
