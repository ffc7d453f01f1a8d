//! Where a rectangle ends up in another system.
//!
//! It looks at points along edges and inside, and finds poles and the antimeridian by how longitudes run along the edge.
//! Where a rectangle is torn is in the file beside this one.

use swath_core::{Error, Result};
use swath_crs::{Bounds, Crs, Transform};

use super::mapping::{half_turn, transform};
use super::tear::{EVERYWHERE, Tear};

/// Points along a side at first: its ends and those between.
const POINTS: usize = 21;
/// How often their number is doubled at most.
const DOUBLINGS: usize = 5;
/// Where longitudes miss the antimeridian by less than this share of a turn, they are on it.
const SEAM: f64 = 1e-12;
/// When bounds change by less than this share of their size, they are good.
const GOOD: f64 = 1e-7;

/// The bounds, in the system `to`, of a rectangle of the system `from`.
///
/// Sides are followed at 21 points and at twice as many, until that changes nothing. Between longitudes, where the result
/// crosses the antimeridian, its greatest x is more than 180° (or its least less than -180°); where it holds a pole, it
/// goes all the way round and up to the pole. A rectangle of longitudes whose least x is the greater one crosses the
/// antimeridian, and is at most half a turn wide.
///
/// # Errors
/// [`Error::Usage`] for a rectangle that holds nothing, where there is no way between the systems, no point of the rectangle has a place in the other, or it
/// is two parts there, far from each other: at both ends of a map of the world.
pub fn transformed_bounds(bounds: Bounds, from: &Crs, to: &Crs) -> Result<Bounds> {
    bounds_meeting(bounds, from, to, None)
}

/// As [`transformed_bounds`]; where the rectangle is two parts and another one of the system `to` meets only one of them,
/// the bounds of that part.
///
/// # Errors
/// As [`transformed_bounds`].
pub(crate) fn bounds_meeting(bounds: Bounds, from: &Crs, to: &Crs, other: Option<Bounds>) -> Result<Bounds> {
    let mut bounds = bounds;
    let turn = half_turn(from).map(|half| 2.0 * half);
    let words = format!("{}, {}, {}, {}", bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y);
    let refuse = |why: &str, more: &str| Error::Usage {
        message: format!("the box {words} {why}"),
        hint: format!("least x, least y, greatest x, greatest y{more}"),
    };
    if bounds.max_y < bounds.min_y || (turn.is_none() && bounds.max_x < bounds.min_x) {
        return Err(refuse("holds nothing", ""));
    }
    if let Some(turn) = turn
        && bounds.max_x < bounds.min_x
    {
        bounds.max_x += turn;
        // Nobody means nearly all of the Earth by a box that goes on beyond the antimeridian.
        if bounds.max_x - bounds.min_x > turn / 2.0 {
            let more = format!("; or {} as greatest x, if so much is meant", bounds.max_x);
            return Err(refuse("crosses the antimeridian, and is more than half of the Earth wide", &more));
        }
    }
    if from.is_same_as(to) {
        return Ok(bounds);
    }
    let way = Way { transform: transform(from, to)?, turn };
    let half = half_turn(to);
    let mut found = way.settled(bounds, half, EVERYWHERE).ok_or_else(|| Error::Usage {
        message: format!("no point of the box {words} has a place in {}", to.name()),
        hint: "is the box in the reference system that it is said to be in (--bbox-crs), and x before y?".into(),
    })?;
    let mut within = EVERYWHERE;
    while half.is_none()
        && let Some(tear) = Tear::of(&way, bounds, found, within)
    {
        let meets = |part: &Bounds| {
            let is_apart = |other: Bounds| {
                other.max_x <= part.min_x
                    || other.min_x >= part.max_x
                    || other.max_y <= part.min_y
                    || other.min_y >= part.max_y
            };
            other.is_some_and(|other| !is_apart(other))
        };
        let parts =
            tear.sides(within).map(|side| (side, way.settled(bounds, half, side).map(|part| tear.joined(part, side))));
        let mut met = parts.into_iter().filter_map(|(side, part)| Some((side, part.filter(meets)?)));
        match (met.next(), met.next()) {
            (Some(part), None) => (within, found) = part,
            _ => {
                return Err(Error::Usage {
                    message: format!(
                        "the box {words} crosses the edge at which {} comes round, so it is two parts there: x from \
                         {:.0} to {:.0}",
                        to.name(),
                        found.min_x,
                        found.max_x
                    ),
                    hint:
                        "swath raster warp --bbox with the same box joins them in a system that has them side by side, \
                           such as --dst-crs EPSG:4326"
                            .into(),
                });
            }
        }
    }
    Ok(found)
}

fn is_good(one: Bounds, two: Bounds) -> bool {
    let (width, height) = (two.max_x - two.min_x, two.max_y - two.min_y);
    (one.min_x - two.min_x).abs().max((one.max_x - two.max_x).abs()) <= GOOD * width
        && (one.min_y - two.min_y).abs().max((one.max_y - two.max_y).abs()) <= GOOD * height
}

/// A way between systems that takes longitudes of any turn.
pub(super) struct Way {
    /// The transformation.
    pub transform: Transform,
    /// A turn in the coordinates that it begins with, if they are longitudes.
    pub turn: Option<f64>,
}

impl Way {
    /// The point, if it has a place there.
    pub fn point(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let x = match self.turn {
            Some(turn) if x.abs() > turn / 2.0 * (1.0 + SEAM) => x - turn * (x / turn).round(),
            _ => x,
        };
        self.transform.try_point(x, y).ok()
    }

    /// The point, if it has a place there that is within bounds.
    pub fn point_within(&self, x: f64, y: f64, within: Bounds) -> Option<(f64, f64)> {
        self.point(x, y)
            .filter(|(x, y)| (within.min_x..=within.max_x).contains(x) && (within.min_y..=within.max_y).contains(y))
    }

    /// The bounds of what of a rectangle is within others, of so many points that more of them change nothing.
    fn settled(&self, of: Bounds, half: Option<f64>, within: Bounds) -> Option<Bounds> {
        let mut found = None;
        for doubling in 0..=DOUBLINGS {
            let next = self.bounds(of, half, ((POINTS - 1) << doubling) + 1, within);
            if let (Some(one), Some(two)) = (found, next)
                && is_good(one, two)
            {
                break;
            }
            found = next.or(found);
        }
        found
    }

    /// The bounds of points along the sides, in order, and of a lattice inside, as far as they are within others.
    fn bounds(&self, of: Bounds, half: Option<f64>, points: usize, within: Bounds) -> Option<Bounds> {
        let share = |at: usize| at as f64 / (points - 1) as f64;
        let x = |at: usize| of.min_x + (of.max_x - of.min_x) * share(at);
        let y = |at: usize| of.min_y + (of.max_y - of.min_y) * share(at);
        let ring = (0..points - 1)
            .map(|at| (x(at), of.max_y))
            .chain((0..points - 1).map(|at| (of.max_x, y(points - 1 - at))))
            .chain((0..points - 1).map(|at| (x(points - 1 - at), of.min_y)))
            .chain((0..points).map(|at| (of.min_x, y(at))));
        let mut found: Option<Bounds> = None;
        let (mut first, mut last): (Option<f64>, Option<f64>) = (None, None);
        for (x, y) in ring {
            let Some((mut x, y)) = self.point_within(x, y, within) else { continue };
            if let (Some(half), Some(last)) = (half, last) {
                x -= 2.0 * half * ((x - last) / (2.0 * half)).round();
            }
            first = first.or(Some(x));
            last = Some(x);
            found = Some(with(found, x, y));
        }
        let is_round = match (half, first, last) {
            (Some(half), Some(first), Some(last)) => (last - first).abs() > half,
            _ => false,
        };
        for at in 0..POINTS * POINTS {
            let inside = |number: usize| number as f64 / (POINTS - 1) as f64;
            let place = (
                of.min_x + (of.max_x - of.min_x) * inside(at % POINTS),
                of.min_y + (of.max_y - of.min_y) * inside(at / POINTS),
            );
            let Some((mut x, y)) = self.point_within(place.0, place.1, within) else { continue };
            if let (Some(half), Some(bounds)) = (half, found) {
                let middle = (bounds.min_x + bounds.max_x) / 2.0;
                x -= 2.0 * half * ((x - middle) / (2.0 * half)).round();
            }
            found = Some(with(found, x, y));
        }
        match (found, half) {
            // The edge runs round a pole, so the pole is inside.
            (Some(bounds), Some(half)) if is_round => {
                let is_north = bounds.max_y + bounds.min_y > 0.0;
                let (min_y, max_y) = if is_north { (bounds.min_y, half / 2.0) } else { (-half / 2.0, bounds.max_y) };
                Some(Bounds { min_x: -half, max_x: half, min_y, max_y })
            }
            (Some(bounds), Some(half)) => Some(in_turn(bounds, half)),
            (bounds, _) => bounds,
        }
    }
}

/// Longitudes that begin in the first turn.
fn in_turn(bounds: Bounds, half: f64) -> Bounds {
    if bounds.max_x - bounds.min_x >= 2.0 * half {
        return Bounds { min_x: -half, max_x: half, ..bounds };
    }
    let turns = 2.0 * half * ((bounds.min_x + half) / (2.0 * half) + 1e-12).floor();
    Bounds { min_x: bounds.min_x - turns, max_x: bounds.max_x - turns, ..bounds }
}

/// The smallest rectangle around another one and a point.
pub(super) fn with(bounds: Option<Bounds>, x: f64, y: f64) -> Bounds {
    let is = bounds.unwrap_or(Bounds { min_x: x, max_x: x, min_y: y, max_y: y });
    Bounds { min_x: is.min_x.min(x), max_x: is.max_x.max(x), min_y: is.min_y.min(y), max_y: is.max_y.max(y) }
}
