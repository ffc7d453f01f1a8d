//! From a point of the output grid to the point of the input grid that is the same place, exactly and one by one.
//!
//! It knows how longitudes come round, and refuses answers that do not lead back. It interpolates nothing.

use std::sync::Arc;

use swath_core::{Error, Result};
use swath_crs::{Crs, Transform, TransformOptions};

use crate::{Affine, Grid, Shape};

/// How far a point may come back from where it was, in pixels of the output: a projection that is asked beyond its
/// reach answers with places on the other side of the Earth.
const BACK_PIXELS: f64 = 4.0;
/// Above this latitude, in quarter turns, a longitude says little of a place.
const NEAR_POLE: f64 = 0.9999;
/// How near to half a turn, as a share of it, a longitude counts as that of the antimeridian.
const SEAM: f64 = 1e-9;
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

/// There and, where it is known, back.
pub(super) type ThereAndBack = (Transform, Option<Transform>);

/// Transformations between systems, each made once for all rasters that need it: each takes kilobytes.
#[derive(Default)]
pub struct Ways(Vec<(Arc<Crs>, Arc<Crs>, ThereAndBack)>);

impl Ways {
    /// The transformations between two systems.
    ///
    /// # Errors
    /// [`Error::Usage`] where no way leads from one to the other.
    pub(super) fn between(&mut self, from: &Arc<Crs>, to: &Arc<Crs>) -> Result<ThereAndBack> {
        let known = self.0.iter().find(|(known, goal, _)| known.is_same_as(from) && goal.is_same_as(to));
        if let Some((.., way)) = known {
            return Ok(way.clone());
        }
        let way = (transform(from, to)?, Transform::best(to, from).ok());
        self.0.push((Arc::clone(from), Arc::clone(to), way.clone()));
        Ok(way)
    }
}

/// The way from output pixels to input pixels.
#[derive(Debug, Clone)]
pub(super) struct Mapping {
    output: Affine,
    /// From coordinates of the output to its pixels.
    output_inverse: Affine,
    /// Half a turn in the output's coordinates, if they are longitudes.
    half_turn: Option<f64>,
    /// There and back; `None` where both grids are of one system.
    transforms: Option<ThereAndBack>,
    input: Affine,
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
    pub fn new(input: &Grid, output: Affine, output_crs: Option<&Arc<Crs>>, ways: &mut Ways) -> Result<Mapping> {
        let affine = input.affine_or_pixels();
        let inverse = affine.inverse().ok_or_else(|| no_area(affine))?;
        let output_inverse = output.inverse().ok_or_else(|| no_area(output))?;
        let transforms = match (input.crs.as_ref(), output_crs) {
            (Some(one), Some(two)) if !one.is_same_as(two) => Some(ways.between(two, one)?),
            (None, Some(_)) => return Err(unknown("the input")),
            (Some(_), None) => return Err(unknown("the output")),
            _ => None,
        };
        let columns = columns_of(input, affine);
        let half_turn = output_crs.and_then(|crs| half_turn(crs));
        Ok(Mapping {
            output,
            output_inverse,
            half_turn,
            transforms,
            input: affine,
            inverse,
            columns,
            shape: input.shape,
        })
    }

    /// What is to be said where the datums of the systems are joined less exactly than is usual.
    pub fn warning(&self) -> Option<String> {
        let (there, _) = self.transforms.as_ref()?;
        let usual_m = TransformOptions::default().accuracy_limit_m;
        let good_to = match there.accuracy_m() {
            Some(accuracy_m) if accuracy_m <= usual_m => return None,
            Some(accuracy_m) => format!("the one that is used is good to {accuracy_m} m"),
            None => {
                "longitudes and latitudes are taken as they are, which is often wrong by 1 m and may be by 200 m".into()
            }
        };
        Some(format!("no shift between the datums within {usual_m} m is known here: {good_to}"))
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
            let leads_back =
                |source_x: f64| back.try_point(source_x, source_y).is_ok_and(|returned| self.is_near((x, y), returned));
            // On the antimeridian a place has two longitudes, and lies on either side of a projected output.
            let half = self.columns.period() * self.input.a.abs() / 2.0;
            let is_seam = half > 0.0 && (source_x.abs() - half).abs() <= SEAM * half;
            if !(leads_back(source_x) || is_seam && leads_back(-half.copysign(source_x))) {
                return None;
            }
        }
        let (column, row) = self.inverse.apply(source_x, source_y);
        (column.is_finite() && row.is_finite()).then_some((column, row))
    }

    /// The point of the output grid at a column and row of the input, where the way back is known, in the turn in which
    /// it is nearest to another point of the output.
    pub fn back(&self, (column, row): (f64, f64), other: (f64, f64)) -> Option<(f64, f64)> {
        let (mut x, mut y) = self.input.apply(column, row);
        if let Some((_, back)) = &self.transforms {
            if let Columns::Gap { period, .. } | Columns::Round { period, .. } = self.columns {
                let turn = period * self.input.a.abs();
                x -= turn * (x / turn).round();
            }
            (x, y) = back.as_ref()?.try_point(x, y).ok()?;
        }
        if let Some(half) = self.half_turn {
            x -= 2.0 * half * ((x - self.output.apply(other.0, other.1).0) / (2.0 * half)).round();
        }
        let (column, row) = self.output_inverse.apply(x, y);
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

/// The transformation between two systems; no place lacks one for want of a published shift of datums.
///
/// # Errors
/// [`Error::Usage`] where there is none.
pub(super) fn transform(from: &Crs, to: &Crs) -> Result<Transform> {
    Transform::best(from, to).map_err(|error| Error::Usage { message: error.to_string(), hint: error.hint().into() })
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
