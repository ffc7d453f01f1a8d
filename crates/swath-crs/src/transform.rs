//! Takes points from one system to another: off the plane, across the datum, onto the other plane.
//!
//! It decides once, when it is made, what may be used; afterwards the same point gives the same answer on any thread
//! and in any order. It works on single points only and holds nothing that changes.

use std::fmt;
use std::sync::Arc;

use crate::frame::Frame;
use crate::shift::{self, Found, Limits, Shift};
use crate::step::Direction;
use crate::{Bounds, Crs, CrsError, PointProblem};

/// What a transformation is allowed to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TransformOptions {
    /// The worst accuracy, in metres, that a shift between datums may state; 10 by default.
    pub accuracy_limit_m: f64,
    /// Whether longitude and latitude may be carried over unchanged where no shift is known or a place is outside all
    /// known ones. Errors are then unknown, often 1 m and up to some 200 m. Off by default.
    pub ballpark: bool,
    /// Whether a place outside the areas of use of all shifts within the limit is taken by a coarser one, or by the one
    /// whose area is nearest, before `ballpark` is asked. Beyond its area a shift is less exact than it states. Off by
    /// default.
    pub beyond_areas: bool,
}

impl Default for TransformOptions {
    fn default() -> TransformOptions {
        TransformOptions { accuracy_limit_m: 10.0, ballpark: false, beyond_areas: false }
    }
}

/// A transformation of points from one reference system to another.
///
/// Cheap to clone, and shareable between threads.
///
/// # CRS
/// Coordinates are `(x, y)`, longitude or easting first, in the units of either system.
#[derive(Clone)]
pub struct Transform {
    route: Arc<Route>,
    accuracy_m: Option<f64>,
}

// There is one of these for each transformation, behind a pointer, so its size does not matter.
#[allow(clippy::large_enum_variant)]
enum Route {
    /// Both systems are the same; a geographic one keeps to its bounds.
    Identity {
        bounds: Option<Bounds>,
    },
    Through {
        source: Frame,
        shift: Shift,
        ballpark: bool,
        beyond_areas: bool,
        target: Frame,
    },
}

impl Transform {
    /// The transformation between two systems with the default [`TransformOptions`].
    ///
    /// # Errors
    /// As [`Transform::with_options`].
    pub fn new(from: &Crs, to: &Crs) -> Result<Transform, CrsError> {
        Transform::with_options(from, to, TransformOptions::default())
    }

    /// The best transformation between two systems that there is, for pictures in which no place may be missing: shifts
    /// as by default, also beyond their areas; where none is that accurate or its grid ends, coarser ones; where none is
    /// published, longitudes and latitudes as they are.
    ///
    /// # Errors
    /// [`CrsError::Unsupported`] when a projection or datum is not available.
    pub fn best(from: &Crs, to: &Crs) -> Result<Transform, CrsError> {
        let fine = TransformOptions { beyond_areas: true, ..TransformOptions::default() };
        let coarse = TransformOptions { accuracy_limit_m: f64::INFINITY, ..fine };
        let none = TransformOptions { ballpark: true, ..coarse };
        let mut made = Transform::with_options(from, to, fine);
        for options in [coarse, none] {
            if !matches!(made, Err(CrsError::NoShift { .. })) {
                break;
            }
            made = Transform::with_options(from, to, options);
        }
        match made {
            // All that is known needs grids, and grids end.
            Ok(made) if !made.is_everywhere() => Transform::with_options(from, to, none),
            made => made,
        }
    }

    /// The transformation between two systems.
    ///
    /// # Errors
    /// [`CrsError::Unsupported`] when a projection or datum is not available, [`CrsError::NoShift`] when no
    /// transformation between the two datums is known that runs without missing grids within the accuracy limit.
    pub fn with_options(from: &Crs, to: &Crs, options: TransformOptions) -> Result<Transform, CrsError> {
        if from.is_same_as(to) {
            let route = Route::Identity { bounds: from.is_geographic().then(|| from.coordinate_bounds()) };
            return Ok(Transform { route: Arc::new(route), accuracy_m: Some(0.0) });
        }
        let source = Frame::new(from, Direction::Unproject)?;
        let target = Frame::new(to, Direction::Project)?;
        let TransformOptions { accuracy_limit_m: limit_m, ballpark, beyond_areas } = options;
        let limits = Limits { limit_m, beyond_areas };
        let (shift, accuracy_m) = match shift::between(&source.globe, &target.globe, limits) {
            Found::Way(shift, accuracy_m) => (shift, accuracy_m),
            Found::Nothing { .. } if ballpark => (Shift::None, None),
            Found::Nothing { best_m, missing_grid } => {
                return Err(CrsError::NoShift {
                    from: described(from),
                    to: described(to),
                    best_m,
                    limit_m,
                    missing_grid,
                });
            }
        };
        let accuracy_m = if ballpark && !matches!(shift, Shift::None) { None } else { accuracy_m };
        let route = Route::Through { source, shift, ballpark, beyond_areas, target };
        Ok(Transform { route: Arc::new(route), accuracy_m })
    }

    /// The point in the target system.
    ///
    /// # Errors
    /// [`CrsError::Point`] with the reason: not finite, not on Earth, outside the projection, or outside every known
    /// datum transformation.
    pub fn point(&self, x: f64, y: f64) -> Result<(f64, f64), CrsError> {
        self.try_point(x, y).map_err(|problem| CrsError::Point { x, y, problem })
    }

    /// As [`Transform::point`], with the bare reason for an error.
    ///
    /// # Errors
    /// The [`PointProblem`].
    pub fn try_point(&self, x: f64, y: f64) -> Result<(f64, f64), PointProblem> {
        if !(x.is_finite() && y.is_finite()) {
            return Err(PointProblem::NotFinite);
        }
        match self.route.as_ref() {
            Route::Identity { bounds } => match bounds {
                Some(bounds) if !bounds.contains(x, y) => Err(PointProblem::NotOnEarth),
                _ => Ok((x, y)),
            },
            Route::Through { source, shift, ballpark, beyond_areas, target } => {
                let (longitude, latitude) = source.to_globe(x, y)?;
                let (longitude, latitude) = match shift.point(longitude, latitude, *beyond_areas) {
                    Ok(place) => place,
                    Err(_) if *ballpark => (longitude, latitude),
                    Err(problem) => return Err(problem),
                };
                target.off_globe(longitude, latitude)
            }
        }
    }

    /// Whether points come out exactly as they go in.
    pub fn is_identity(&self) -> bool {
        matches!(self.route.as_ref(), Route::Identity { .. })
    }

    /// Whether no place lacks a shift of datums.
    fn is_everywhere(&self) -> bool {
        match self.route.as_ref() {
            Route::Identity { .. } => true,
            Route::Through { shift, ballpark, .. } => *ballpark || shift.is_everywhere(),
        }
    }

    /// The accuracy that the publishers state for the datum transformations in use: no point is moved by one that
    /// states a worse figure. Zero where the datum stays the same; `None` where nobody states it.
    ///
    /// # Units
    /// Metres.
    pub fn accuracy_m(&self) -> Option<f64> {
        self.accuracy_m
    }
}

/// Code and name.
fn described(crs: &Crs) -> String {
    match crs.epsg() {
        Some(code) => format!("EPSG:{code} ({})", crs.name()),
        None => crs.name().to_string(),
    }
}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transform")
            .field("identity", &self.is_identity())
            .field("accuracy_m", &self.accuracy_m)
            .finish_non_exhaustive()
    }
}
