//! Where a rectangle ends up in another system.
//!
//! It looks at points along edges and inside, and finds poles and the antimeridian by how longitudes run along the edge.

use swath_core::{Error, Result};
use swath_crs::{Bounds, Crs, Transform};

use super::mapping::{half_turn, transform};

/// Points along a side at first: its ends and those between.
const POINTS: usize = 21;
/// How often their number is doubled at most.
const DOUBLINGS: usize = 5;
/// Points along a side, and rows of points inside, that tell whether a box is torn.
const TEAR_POINTS: usize = 96;
/// A box is torn where neighbours are farther apart than this share of it, and as much of it holds no point.
const TEAR: f64 = 0.125;
/// Where longitudes miss the antimeridian by less than this share of a turn, they are on it.
const SEAM: f64 = 1e-12;
/// When bounds change by less than this share of their size, they are good.
const GOOD: f64 = 1e-7;

/// The bounds, in the system `to`, of a rectangle of the system `from`.
///
/// Sides are followed at 21 points and at twice as many, until that changes nothing. Between longitudes, where the result
/// crosses the antimeridian, its greatest x is more than 180° (or its least less than -180°); where it holds a pole, it
/// goes all the way round and up to the pole. A rectangle of longitudes whose least x is the greater one crosses the
/// antimeridian.
///
/// # Errors
/// [`Error::Usage`] where there is no way between the systems, no point of the rectangle has a place in the other, or it
/// is two parts there, far from each other: at both ends of a map of the world.
pub fn transformed_bounds(bounds: Bounds, from: &Crs, to: &Crs) -> Result<Bounds> {
    let mut bounds = bounds;
    let turn = half_turn(from).map(|half| 2.0 * half);
    if let Some(turn) = turn
        && bounds.max_x < bounds.min_x
    {
        bounds.max_x += turn;
    }
    if from.is_same_as(to) {
        return Ok(bounds);
    }
    let way = Way { transform: transform(from, to)?, turn };
    let half = half_turn(to);
    let mut found = None;
    for doubling in 0..=DOUBLINGS {
        let next = way.bounds(bounds, half, ((POINTS - 1) << doubling) + 1);
        if let (Some(one), Some(two)) = (found, next)
            && is_good(one, two)
        {
            break;
        }
        found = next.or(found);
    }
    let words = format!("{}, {}, {}, {}", bounds.min_x, bounds.min_y, bounds.max_x, bounds.max_y);
    if let Some(found) = found.filter(|found| half.is_none() && way.tears(bounds, *found)) {
        return Err(Error::Usage {
            message: format!(
                "the box {words} crosses the edge at which {} comes round, so it is two parts there: x from {:.0} to {:.0}",
                to.name(),
                found.min_x,
                found.max_x
            ),
            hint:
                "swath raster warp --bbox with the same box joins them in a system that has them side by side, such as \
                   --dst-crs EPSG:4326"
                    .into(),
        });
    }
    found.ok_or_else(|| Error::Usage {
        message: format!("no point of the box {words} has a place in {}", to.name()),
        hint: "is the box in the reference system that it is said to be in (--bbox-crs), and x before y?".into(),
    })
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

    /// Whether neighbours on the sides of a rectangle lie at different ends of its bounds, with nothing between them.
    fn tears(&self, of: Bounds, found: Bounds) -> bool {
        const CELLS: usize = 64;
        // Sides, and lines inside where these lie beyond what has a place.
        const LINES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
        if found.max_x <= found.min_x || found.max_y <= found.min_y {
            return false;
        }
        let place = |(across, down): (f64, f64)| {
            let point = self.point(of.min_x + (of.max_x - of.min_x) * across, of.min_y + (of.max_y - of.min_y) * down);
            point.map(|(x, y)| {
                ((x - found.min_x) / (found.max_x - found.min_x), (y - found.min_y) / (found.max_y - found.min_y))
            })
        };
        let share = |at: usize| at as f64 / TEAR_POINTS as f64;
        let lines = LINES.into_iter().flat_map(|side| {
            (0..TEAR_POINTS).flat_map(move |at| {
                let ends = (share(at), share(at + 1));
                [((ends.0, side), (ends.1, side)), ((side, ends.0), (side, ends.1))]
            })
        });
        let axes: [fn((f64, f64)) -> f64; 2] = [|place| place.0, |place| place.1];
        let mut torn = lines.filter(|(one, two)| axes.iter().any(|axis| jumps(&place, *one, *two, *axis))).peekable();
        if torn.peek().is_none() {
            return false;
        }
        let mut taken = [[false; CELLS]; 2];
        for at in 0..(TEAR_POINTS + 1) * (TEAR_POINTS + 1) {
            if let Some(found) = place((share(at % (TEAR_POINTS + 1)), share(at / (TEAR_POINTS + 1)))) {
                for (axis, taken) in axes.iter().zip(&mut taken) {
                    taken[((axis(found) * CELLS as f64) as usize).min(CELLS - 1)] = true;
                }
            }
        }
        let hole = |taken: &[bool; CELLS]| taken.split(|is_taken| *is_taken).map(<[bool]>::len).max().unwrap_or(0);
        taken.iter().any(|taken| hole(taken) as f64 > TEAR * CELLS as f64)
    }

    /// The bounds of points along the sides, in order, and of a lattice inside.
    fn bounds(&self, of: Bounds, half: Option<f64>, points: usize) -> Option<Bounds> {
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
            let Some((mut x, y)) = self.point(x, y) else { continue };
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
            let Some((mut x, y)) = self.point(place.0, place.1) else { continue };
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

/// Whether places between two others are far apart however near to each other they begin. At the very end of a side
/// they are no tear: it is a pole there, or the antimeridian itself.
fn jumps(
    place: &impl Fn((f64, f64)) -> Option<(f64, f64)>,
    mut one: (f64, f64),
    mut two: (f64, f64),
    axis: fn((f64, f64)) -> f64,
) -> bool {
    const HALVINGS: usize = 30;
    for _ in 0..HALVINGS {
        let middle = ((one.0 + two.0) / 2.0, (one.1 + two.1) / 2.0);
        let (Some(first), Some(between), Some(last)) = (place(one), place(middle), place(two)) else { return false };
        if (axis(first) - axis(last)).abs() <= TEAR {
            return false;
        }
        let is_first = (axis(first) - axis(between)).abs() > (axis(between) - axis(last)).abs();
        (one, two) = if is_first { (one, middle) } else { (middle, two) };
    }
    let is_inside = |share: f64| share > 0.0 && share < 1.0;
    match one.0 == two.0 {
        true => is_inside(one.1) && is_inside(two.1),
        false => is_inside(one.0) && is_inside(two.0),
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
