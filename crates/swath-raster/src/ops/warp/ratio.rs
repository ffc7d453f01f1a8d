//! How many pixels of the input lie under one of the output: one figure for the whole raster, by which kernels widen.

use swath_crs::Bounds;

use crate::Shape;

use super::mapping::{Columns, Mapping};

/// Points along a side, as in GDAL.
const POINTS: u32 = 21;
/// A ratio that is so near to a whole number is that number, as in GDAL.
const NEARLY_WHOLE: f64 = 0.05;
/// What GDAL takes for the whole where a place misses the end by rounding.
const HAIR: f64 = 1e-6;

impl Mapping {
    /// Pixels of the input under one of the output along its columns and along its rows, 1 where nothing says how many.
    ///
    /// It is what GDAL takes of a chunk, here of the part of the output that the input can reach: the columns and rows
    /// of the box around the places in the input, by those of the output. Where columns of the input go all the way
    /// round, or the box says nothing, it is the median of what single pixels cover.
    pub fn ratio(&self, output: Shape) -> (f64, f64) {
        let ratio = match self.columns {
            Columns::Round { .. } => None,
            _ => self.ratio_of_boxes(output),
        };
        let whole = |ratio: f64| {
            let near = ratio.round();
            if ratio > 1.0 && (ratio - near).abs() < NEARLY_WHOLE { near } else { ratio }
        };
        let (across, down) = ratio.unwrap_or_else(|| self.median_ratio(output));
        (whole(across), whole(down))
    }

    /// The box of places by the box of pixels.
    fn ratio_of_boxes(&self, output: Shape) -> Option<(f64, f64)> {
        let part = self.reached(output);
        let size = (part.max_x - part.min_x, part.max_y - part.min_y);
        let middle = (f64::from(self.shape.columns) / 2.0, f64::from(self.shape.rows) / 2.0);
        let places = lattice(part)
            .filter_map(|(column, row)| self.point(column, row))
            .map(|place| self.columns.beside(middle, place));
        let places = around(places)?;
        let side = |low: f64, high: f64, size: u32| {
            let (low, high) = (settled(low), settled(high));
            let left = f64::from(size) - low.max(0.0).floor();
            (high > low && low < f64::from(size) && high > 0.0).then(|| (high - low).min(left))
        };
        let across = side(places.min_x, places.max_x, self.shape.columns)? / size.0;
        let down = side(places.min_y, places.max_y, self.shape.rows)? / size.1;
        (across.is_finite() && down.is_finite()).then_some((across, down))
    }

    /// The part of the output in which pixels of the input come to lie, up to its sides where less than a pixel is
    /// missing; all of it where that is not known.
    fn reached(&self, output: Shape) -> Bounds {
        let all = bounds(output);
        let middle = (all.max_x / 2.0, all.max_y / 2.0);
        let points = lattice(bounds(self.shape)).filter_map(|(column, row)| self.back((column, row), middle));
        let Some(found) = around(points) else { return all };
        let low = |found: f64| if found < 1.0 { 0.0 } else { found };
        let high = |found: f64, end: f64| if found > end - 1.0 { end } else { found };
        let part = Bounds {
            min_x: low(found.min_x),
            max_x: high(found.max_x, all.max_x),
            min_y: low(found.min_y),
            max_y: high(found.max_y, all.max_y),
        };
        if part.max_x - part.min_x >= 1.0 && part.max_y - part.min_y >= 1.0 { part } else { all }
    }

    /// The medians over a lattice of places in the input.
    fn median_ratio(&self, output: Shape) -> (f64, f64) {
        let (mut across, mut down) = (Vec::new(), Vec::new());
        for sample in 0..POINTS * POINTS {
            let share = |number: u32, size: u32| (f64::from(number) + 0.5) / f64::from(POINTS) * f64::from(size);
            let (column, row) = (share(sample % POINTS, output.columns), share(sample / POINTS, output.rows));
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
            values.get(middle).copied().filter(|ratio| *ratio > 0.0).unwrap_or(1.0)
        };
        (median(across), median(down))
    }
}

fn bounds(shape: Shape) -> Bounds {
    Bounds { min_x: 0.0, min_y: 0.0, max_x: f64::from(shape.columns), max_y: f64::from(shape.rows) }
}

/// Points all over a box, those on its sides among them.
fn lattice(of: Bounds) -> impl Iterator<Item = (f64, f64)> {
    let at = |number: u32, low: f64, high: f64| low + (high - low) * f64::from(number) / f64::from(POINTS - 1);
    (0..POINTS * POINTS)
        .map(move |number| (at(number % POINTS, of.min_x, of.max_x), at(number / POINTS, of.min_y, of.max_y)))
}

/// The box around points.
fn around(points: impl Iterator<Item = (f64, f64)>) -> Option<Bounds> {
    points.fold(None, |found, (x, y)| Some(super::suggest::with(found, x, y)))
}

/// A place that is a whole number of pixels, but for rounding, as that number.
fn settled(place: f64) -> f64 {
    if (place - place.round()).abs() < HAIR { place.round() } else { place }
}
