//! One step of a transformation, behind one trait, so that the rest does not care which library does the arithmetic.
//!
//! `proj-core` does nearly all; `proj4rs` does the projections that it lacks. Both are only ever asked for one point at
//! a time: their batch functions stop at the first bad point, and proj-core's parallel ones start threads.

use proj_core::{CrsDef, Datum, DatumToWgs84, Ellipsoid, GeographicCrsDef, ProjectedCrsDef};
use proj4rs::transform::{Transform as Proj4Transform, TransformClosure};

use crate::PointProblem;

/// A function of one point. Degrees on the geographic side, the system's own unit on the projected side.
pub(crate) trait Step: Send + Sync {
    /// The point on the other side.
    fn point(&self, x: f64, y: f64) -> Result<(f64, f64), PointProblem>;
}

/// Which way through a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From longitude and latitude to the plane.
    Project,
    /// From the plane to longitude and latitude.
    Unproject,
}

/// A transform of proj-core, for a projection or a datum shift.
pub(crate) struct CoreStep {
    transform: proj_core::Transform,
    /// What it means when it has no answer.
    problem: PointProblem,
}

impl CoreStep {
    /// A projection alone: its datum is replaced by a nameless one, so that no shift can creep in.
    pub(crate) fn projection(projected: &ProjectedCrsDef, direction: Direction) -> proj_core::Result<CoreStep> {
        let datum = nameless_datum(projected.datum().ellipsoid())?;
        let unit = projected.linear_unit();
        let plane = CrsDef::Projected(ProjectedCrsDef::new(0, datum.clone(), projected.method(), unit, ""));
        let globe = CrsDef::Geographic(GeographicCrsDef::new(0, datum, ""));
        let (from, to) = match direction {
            Direction::Project => (&globe, &plane),
            Direction::Unproject => (&plane, &globe),
        };
        let transform = proj_core::Transform::from_crs_defs(from, to)?;
        Ok(CoreStep { transform, problem: PointProblem::OutsideProjection })
    }

    /// A shift between two geographic systems.
    pub(crate) fn shift(transform: proj_core::Transform) -> CoreStep {
        CoreStep { transform, problem: PointProblem::OutsideShift }
    }
}

/// A datum that is the same as any other of its ellipsoid.
fn nameless_datum(ellipsoid: Ellipsoid) -> proj_core::Result<Datum> {
    Datum::new(ellipsoid, DatumToWgs84::Identity)
}

impl Step for CoreStep {
    fn point(&self, x: f64, y: f64) -> Result<(f64, f64), PointProblem> {
        self.transform.convert((x, y)).map_err(|_| self.problem)
    }
}

/// A projection of proj4rs.
pub(crate) struct Proj4Step {
    projection: proj4rs::Proj,
    globe: proj4rs::Proj,
    direction: Direction,
}

impl Proj4Step {
    /// The projection of a PROJ string, without any datum: `globe` has its ellipsoid and nothing else.
    pub(crate) fn new(projection: &str, direction: Direction) -> Result<Proj4Step, proj4rs::errors::Error> {
        let projection = proj4rs::Proj::from_proj_string(projection)?;
        let (major, minor) = projection.ellipse_parameters();
        let globe = proj4rs::Proj::from_proj_string(&format!("+proj=longlat +a={major:?} +b={minor:?}"))?;
        Ok(Proj4Step { projection, globe, direction })
    }

    /// Whether the projection can be computed in this direction.
    pub(crate) fn is_possible(&self) -> bool {
        match self.direction {
            Direction::Project => self.projection.has_forward(),
            Direction::Unproject => self.projection.has_inverse(),
        }
    }
}

/// The one point that proj4rs is given.
struct OnePoint(f64, f64);

impl Proj4Transform for OnePoint {
    fn transform_coordinates<F: TransformClosure>(&mut self, f: &mut F) -> proj4rs::errors::Result<()> {
        let (x, y, _) = f(self.0, self.1, 0.0)?;
        *self = OnePoint(x, y);
        Ok(())
    }
}

impl Step for Proj4Step {
    fn point(&self, x: f64, y: f64) -> Result<(f64, f64), PointProblem> {
        let done = match self.direction {
            Direction::Project => {
                let mut point = OnePoint(x.to_radians(), y.to_radians());
                proj4rs::transform::transform(&self.globe, &self.projection, &mut point).map(|()| point)
            }
            Direction::Unproject => {
                let mut point = OnePoint(x, y);
                proj4rs::transform::transform(&self.projection, &self.globe, &mut point)
                    .map(|()| OnePoint(point.0.to_degrees(), point.1.to_degrees()))
            }
        };
        match done {
            Ok(OnePoint(x, y)) if x.is_finite() && y.is_finite() => Ok((x, y)),
            _ => Err(PointProblem::OutsideProjection),
        }
    }
}

/// A plane whose axes point west and south: the mirrored plane of an inner step.
pub(crate) struct Mirrored {
    pub inner: CoreStep,
    pub direction: Direction,
}

impl Step for Mirrored {
    fn point(&self, x: f64, y: f64) -> Result<(f64, f64), PointProblem> {
        match self.direction {
            Direction::Project => self.inner.point(x, y).map(|(x, y)| (-x, -y)),
            Direction::Unproject => self.inner.point(-x, -y),
        }
    }
}
