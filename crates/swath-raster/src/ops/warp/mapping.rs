//! From a point of the output grid to the point of the input grid that is the same place, exactly and one by one.
//!
//! It knows how longitudes come round, and refuses answers that do not lead back. It interpolates nothing.

use swath_core::{Error, Result};
use swath_crs::{Crs, Transform};

use crate::{Affine, Grid, Shape};

/// How far a point may come back from where it was, in pixels of the output: a projection that is asked beyond its
/// reach answers with places on the other side of the Earth.
const BACK_PIXELS: f64 = 4.0;
/// Above this latitude, in quarter turns, a longitude says little of a place.
const NEAR_POLE: f64 = 0.9999;
/// What a column may lie before the begin of a turn and still count as in it: more than the noise of the arithmetic.
const HAIR: f64 = 2e-6;

/// How columns of the input repeat.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Columns {
    /// They do not.
    Plain,
    /// After `period` columns the same place comes again, but the input ends before.
    Gap {
        /// Columns of a full turn.
        period: f64,
        /// The middle of what the input lacks: columns count from here.
        start: f64,
    },
    /// The input goes all the way round, so that its last column is the neighbour of its first one.
    Round {
        /// Columns of a full turn.
        period: f64,
        /// The same in whole columns.
        columns: u32,
    },
}

/// The way from output pixels to input pixels.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    output: Affine,
    /// Half a turn in the output's coordinates, if they are longitudes.
    half_turn: Option<f64>,
    /// There and back; `None` where both grids are of one system.
    transforms: Option<(Transform, Option<Transform>)>,
    inverse: Affine,
    /// How the input's columns repeat.
    pub columns: Columns,
    /// The input's size.
    pub shape: Shape,
}

impl Mapping {
    /// The mapping from the pixels of a grid with that affine and system to those of `input`.
    ///
    /// # Errors
    /// [`Error::Usage`] where one of the systems is not known, none leads to the other, or pixels have no area.
    pub fn new(input: &Grid, output: Affine, output_crs: Option<&Crs>) -> Result<Mapping> {
        let affine = input.affine_or_pixels();
        let inverse = affine.inverse().ok_or_else(|| no_area(affine))?;
        if output.inverse().is_none() {
            return Err(no_area(output));
        }
        let transforms = match (input.crs.as_deref(), output_crs) {
            (Some(one), Some(two)) if !one.is_same_as(two) => {
                Some((transform(two, one)?, Transform::new(one, two).ok()))
            }
            (None, Some(_)) => return Err(unknown("the input")),
            (Some(_), None) => return Err(unknown("the output")),
            _ => None,
        };
        let columns = columns_of(input, affine);
        let half_turn = output_crs.and_then(half_turn);
        Ok(Mapping { output, half_turn, transforms, inverse, columns, shape: input.shape })
    }

    /// Column and row of the input at a point of the output grid; columns are not yet brought to a turn. `None` where
    /// the place does not exist in one of the systems.
    pub fn point(&self, column: f64, row: f64) -> Option<(f64, f64)> {
        self.place(column, row, true)
    }

    /// As [`Mapping::point`]; with `and_back` not set, an answer that does not lead back is given all the same.
    pub fn place(&self, column: f64, row: f64, and_back: bool) -> Option<(f64, f64)> {
        let (x, y) = self.output.apply(column, row);
        let Some((there, back)) = &self.transforms else {
            return Some(self.inverse.apply(x, y));
        };
        let x = match self.half_turn {
            Some(half) if x.abs() > half => x - 2.0 * half * (x / (2.0 * half)).round(),
            _ => x,
        };
        // Corners of grids that end at a pole miss it by rounding.
        let y = match self.half_turn {
            Some(half) if y.abs() > half / 2.0 && y.abs() < half / 2.0 * (1.0 + 1e-9) => (half / 2.0).copysign(y),
            _ => y,
        };
        let (source_x, source_y) = there.try_point(x, y).ok()?;
        if let (Some(back), true) = (back, and_back) {
            let (back_x, back_y) = back.try_point(source_x, source_y).ok()?;
            if !self.is_near((x, y), (back_x, back_y)) {
                return None;
            }
        }
        let (column, row) = self.inverse.apply(source_x, source_y);
        (column.is_finite() && row.is_finite()).then_some((column, row))
    }

    /// Whether two points of the output's system are one place, more or less.
    fn is_near(&self, one: (f64, f64), two: (f64, f64)) -> bool {
        let (width, height) = self.output.pixel_size();
        let (mut x, y) = ((one.0 - two.0).abs(), (one.1 - two.1).abs());
        if let Some(half) = self.half_turn {
            x = (x - 2.0 * half * (x / (2.0 * half)).round()).abs();
            if one.1.abs() > NEAR_POLE * half / 2.0 {
                x = 0.0;
            }
        }
        x <= BACK_PIXELS * width.max(height) && y <= BACK_PIXELS * width.max(height)
    }
}

/// Half a turn in the units of a system of longitudes and latitudes.
pub(super) fn half_turn(crs: &Crs) -> Option<f64> {
    crs.is_geographic().then(|| crs.coordinate_bounds().max_x)
}

/// The transformation between two systems.
///
/// # Errors
/// [`Error::Usage`] where there is none.
pub(super) fn transform(from: &Crs, to: &Crs) -> Result<Transform> {
    Transform::new(from, to).map_err(|error| Error::Usage { message: error.to_string(), hint: error.hint().into() })
}

fn columns_of(input: &Grid, affine: Affine) -> Columns {
    let Some(half) = input.crs.as_deref().and_then(half_turn) else { return Columns::Plain };
    let period = 2.0 * half / affine.a.abs();
    if !(affine.is_rectilinear() && period.is_finite() && period >= 1.0) {
        return Columns::Plain;
    }
    let columns = f64::from(input.shape.columns);
    if columns + 0.5 >= period {
        Columns::Round { period, columns: (period.round() as u32).clamp(1, input.shape.columns) }
    } else {
        Columns::Gap { period, start: (columns - period) / 2.0 }
    }
}

fn no_area(affine: Affine) -> Error {
    Error::Usage {
        message: format!("pixels of {affine:?} have no area"),
        hint: "give the raster a place and a resolution first".into(),
    }
}

fn unknown(which: &str) -> Error {
    Error::Usage {
        message: format!("the reference system of {which} is not known"),
        hint: "--src-crs says which one it is".into(),
    }
}

impl Columns {
    /// The point with its column counted in the turn in which it is nearest to another point.
    pub fn beside(self, other: (f64, f64), point: (f64, f64)) -> (f64, f64) {
        match self {
            Columns::Plain => point,
            Columns::Gap { period, .. } | Columns::Round { period, .. } => {
                (point.0 - period * ((point.0 - other.0) / period).round(), point.1)
            }
        }
    }

    /// How many turns a column is ahead of the one in which columns are counted.
    pub fn turns(self, column: f64) -> f64 {
        match self {
            Columns::Plain => 0.0,
            Columns::Gap { period, start } => ((column - start + HAIR) / period).floor(),
            Columns::Round { period, .. } => ((column + HAIR) / period).floor(),
        }
    }

    /// Columns of a full turn; 0 where there are no turns.
    pub fn period(self) -> f64 {
        match self {
            Columns::Plain => 0.0,
            Columns::Gap { period, .. } | Columns::Round { period, .. } => period,
        }
    }
}

impl Mapping {
    /// Pixels of the input under one of the output along its columns and along its rows: the median over a lattice of
    /// places in the input, and a whole number if that is near, as in GDAL. 1 where there is no such place.
    pub fn ratio(&self, output: Shape) -> (f64, f64) {
        const SAMPLES: u32 = 21;
        const NEARLY_WHOLE: f64 = 0.05;
        let (mut across, mut down) = (Vec::new(), Vec::new());
        for sample in 0..SAMPLES * SAMPLES {
            let share = |number: u32, size: u32| (f64::from(number) + 0.5) / f64::from(SAMPLES) * f64::from(size);
            let (column, row) = (share(sample % SAMPLES, output.columns), share(sample / SAMPLES, output.rows));
            let point = |right: f64, under: f64| self.point(column + right, row + under);
            let Some(centre) = point(0.0, 0.0) else { continue };
            let turned = centre.0 - self.columns.turns(centre.0) * self.columns.period();
            let is_in = turned >= 0.0 && turned <= f64::from(self.shape.columns);
            if !is_in || !(0.0..=f64::from(self.shape.rows)).contains(&centre.1) {
                continue;
            }
            let (Some(left), Some(right)) = (point(-0.5, 0.0), point(0.5, 0.0)) else { continue };
            let (Some(above), Some(below)) = (point(0.0, -0.5), point(0.0, 0.5)) else { continue };
            let [left, right, above, below] = [left, right, above, below].map(|p| self.columns.beside(centre, p));
            across.push((right.0 - left.0).hypot(below.0 - above.0));
            down.push((right.1 - left.1).hypot(below.1 - above.1));
        }
        let median = |mut values: Vec<f64>| {
            let middle = values.len() / 2;
            values.sort_unstable_by(f64::total_cmp);
            let ratio = values.get(middle).copied().filter(|ratio| *ratio > 0.0).unwrap_or(1.0);
            if ratio > 1.0 && (ratio - ratio.round()).abs() < NEARLY_WHOLE { ratio.round() } else { ratio }
        };
        (median(across), median(down))
    }
}
