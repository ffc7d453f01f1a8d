//! A rectangle of coordinates. Knows nothing of any reference system, and does not wrap at the antimeridian.

/// A closed rectangle in `(x, y)` order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The smallest x (longitude or easting).
    pub min_x: f64,
    /// The smallest y (latitude or northing).
    pub min_y: f64,
    /// The largest x.
    pub max_x: f64,
    /// The largest y.
    pub max_y: f64,
}

impl Bounds {
    /// The rectangle that reaches `x` to either side of zero, and `y` up and down.
    pub fn around_zero(x: f64, y: f64) -> Bounds {
        Bounds { min_x: -x, min_y: -y, max_x: x, max_y: y }
    }

    /// Whether the point lies inside or on the edge; never for a coordinate that is not a number.
    pub fn contains(&self, x: f64, y: f64) -> bool {
        x >= self.min_x && x <= self.max_x && y >= self.min_y && y <= self.max_y
    }

    /// The smallest rectangle around this one and a point.
    pub(crate) fn with_point(self, x: f64, y: f64) -> Bounds {
        Bounds {
            min_x: self.min_x.min(x),
            min_y: self.min_y.min(y),
            max_x: self.max_x.max(x),
            max_y: self.max_y.max(y),
        }
    }
}
