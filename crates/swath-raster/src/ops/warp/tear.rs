//! Where a rectangle that is brought to another system falls into two parts: at both ends of a map of the world.

use swath_crs::Bounds;

use super::suggest::{Way, with};

/// Points along a side, and rows of points inside, that tell whether a box is torn.
const POINTS: usize = 96;
/// A box is torn where neighbours are farther apart than this share of it, and as much of it holds no point.
const TEAR: f64 = 0.125;
/// Pieces of an axis that hold a point or none.
const CELLS: usize = 64;
/// Lines that are followed: the sides, and some inside where these lie beyond what has a place.
const LINES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];
/// How often neighbours are brought nearer to each other.
const HALVINGS: usize = 30;

/// Bounds that hold every place.
pub(super) const EVERYWHERE: Bounds =
    Bounds { min_x: f64::NEG_INFINITY, min_y: f64::NEG_INFINITY, max_x: f64::INFINITY, max_y: f64::INFINITY };

/// A place of a rectangle, as shares of its sides.
type Share = (f64, f64);

/// A gap between the two parts.
pub(super) struct Tear {
    /// Whether it divides x, and not y.
    is_across: bool,
    /// A coordinate in the gap.
    middle: f64,
    /// Places at the edges of both parts, as near to each other in the rectangle as can be.
    edges: Vec<(f64, f64)>,
}

impl Tear {
    /// The tear of what of a rectangle is within bounds, and has the bounds `found` there; `None` where neighbours on its
    /// sides lie nowhere far apart with nothing between them.
    pub fn of(way: &Way, of: Bounds, found: Bounds, within: Bounds) -> Option<Tear> {
        if found.max_x <= found.min_x || found.max_y <= found.min_y {
            return None;
        }
        let (width, height) = (found.max_x - found.min_x, found.max_y - found.min_y);
        let place = |(across, down): Share| {
            let (x, y) = (of.min_x + (of.max_x - of.min_x) * across, of.min_y + (of.max_y - of.min_y) * down);
            let (x, y) = way.point_within(x, y, within)?;
            Some(((x - found.min_x) / width, (y - found.min_y) / height))
        };
        let share = |at: usize| at as f64 / POINTS as f64;
        let lines = LINES.into_iter().flat_map(|side| {
            (0..POINTS).flat_map(move |at| {
                let ends = (share(at), share(at + 1));
                [((ends.0, side), (ends.1, side)), ((side, ends.0), (side, ends.1))]
            })
        });
        let axes: [fn(Share) -> f64; 2] = [|place| place.0, |place| place.1];
        let jumps = lines.filter_map(|(one, two)| axes.iter().find_map(|axis| jump(&place, one, two, *axis)));
        let edges: Vec<(f64, f64)> = jumps
            .flat_map(|(one, two)| [one, two])
            .map(|(x, y)| (found.min_x + x * width, found.min_y + y * height))
            .collect();
        if edges.is_empty() {
            return None;
        }
        let mut taken = [[false; CELLS]; 2];
        for at in 0..(POINTS + 1) * (POINTS + 1) {
            if let Some(found) = place((share(at % (POINTS + 1)), share(at / (POINTS + 1)))) {
                for (axis, taken) in axes.iter().zip(&mut taken) {
                    taken[((axis(found) * CELLS as f64) as usize).min(CELLS - 1)] = true;
                }
            }
        }
        let holes = taken.map(|taken| hole(&taken));
        let is_across = holes[0].1 >= holes[1].1;
        let (start, length) = holes[usize::from(!is_across)];
        let middle = (start as f64 + length as f64 / 2.0) / CELLS as f64;
        let (least, side) = if is_across { (found.min_x, width) } else { (found.min_y, height) };
        let middle = least + middle * side;
        (length as f64 > TEAR * CELLS as f64).then_some(Tear { is_across, middle, edges })
    }

    /// Bounds in halves, on either side of the gap.
    pub fn sides(&self, within: Bounds) -> [Bounds; 2] {
        match self.is_across {
            true => [Bounds { max_x: self.middle, ..within }, Bounds { min_x: self.middle, ..within }],
            false => [Bounds { max_y: self.middle, ..within }, Bounds { min_y: self.middle, ..within }],
        }
    }

    /// The bounds of a part up to where it is torn.
    pub fn joined(&self, part: Bounds, side: Bounds) -> Bounds {
        let is_in =
            |(x, y): &&(f64, f64)| (side.min_x..=side.max_x).contains(x) && (side.min_y..=side.max_y).contains(y);
        self.edges.iter().filter(is_in).fold(part, |part, (x, y)| with(Some(part), *x, *y))
    }
}

/// The longest run of cells without a point: its first cell, and how many they are.
fn hole(taken: &[bool; CELLS]) -> (usize, usize) {
    let (mut longest, mut start) = ((0, 0), 0);
    for (cell, is_taken) in taken.iter().enumerate() {
        if *is_taken {
            start = cell + 1;
        } else if cell + 1 - start > longest.1 {
            longest = (start, cell + 1 - start);
        }
    }
    longest
}

/// Two places that are far apart however near to each other they begin. At the very end of a side they are no tear: it
/// is a pole there, or the antimeridian itself.
fn jump(
    place: &impl Fn(Share) -> Option<(f64, f64)>,
    mut one: Share,
    mut two: Share,
    axis: fn((f64, f64)) -> f64,
) -> Option<((f64, f64), (f64, f64))> {
    let mut ends = None;
    for _ in 0..HALVINGS {
        let middle = ((one.0 + two.0) / 2.0, (one.1 + two.1) / 2.0);
        let (first, between, last) = (place(one)?, place(middle)?, place(two)?);
        if (axis(first) - axis(last)).abs() <= TEAR {
            return None;
        }
        ends = Some((first, last));
        let is_first = (axis(first) - axis(between)).abs() > (axis(between) - axis(last)).abs();
        (one, two) = if is_first { (one, middle) } else { (middle, two) };
    }
    let is_inside = |share: f64| share > 0.0 && share < 1.0;
    let is_torn = match one.0 == two.0 {
        true => is_inside(one.1) && is_inside(two.1),
        false => is_inside(one.0) && is_inside(two.0),
    };
    ends.filter(|_| is_torn)
}
