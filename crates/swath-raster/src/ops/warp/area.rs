//! What the pixels of the input under a pixel of the output come to: means, extremes, quantiles, sums.
//!
//! As in GDAL the pixels under one are those of the rectangle between the places of its upper left and lower right
//! corner; only sums go by the exact area between all four.

use std::ops::Range;

use super::Resampling;
use super::source::{Held, Plane};

/// Values that quantiles and the mode look at for one pixel at most; of more, every second one along rows and columns
/// is left out until it is enough.
pub(super) const VALUES_MAX: usize = 1 << 20;

/// A value, its number in order, its weight.
pub(super) type Entry = [f64; 3];

/// Places of the corners along the upper and the lower side of a row of pixels: one more than there are pixels.
pub(super) struct Corners<'a> {
    /// Columns and rows along the upper side.
    pub top: (&'a [f64], &'a [f64]),
    /// Columns and rows along the lower side.
    pub bottom: (&'a [f64], &'a [f64]),
}

/// Whether a method looks at all values at once, so that it needs room for them.
pub(super) fn keeps_values(resampling: Resampling) -> bool {
    matches!(resampling, Resampling::Mode | Resampling::Med | Resampling::Q1 | Resampling::Q3)
}

/// Computes a row of pixels. Columns come again after `turn` if that is not 0.
pub(super) fn row<F: Held>(
    resampling: Resampling,
    plane: &Plane<'_, F>,
    corners: &Corners<'_>,
    turn: f64,
    entries: &mut [Entry],
    to: &mut [f64],
    valid: &mut [u8],
) {
    for (at, (to, valid)) in to.iter_mut().zip(valid).enumerate() {
        let point = |side: (&[f64], &[f64]), at: usize| (side.0[at], side.1[at]);
        let mut quad = [
            point(corners.top, at),
            point(corners.top, at + 1),
            point(corners.bottom, at + 1),
            point(corners.bottom, at),
        ];
        if turn > 0.0 {
            let first = quad[0].0;
            quad.iter_mut().for_each(|point| point.0 -= turn * ((point.0 - first) / turn).round());
        }
        let value = match resampling {
            Resampling::Sum => sum(plane, &quad),
            _ => Under::of(plane, quad[0], quad[2]).and_then(|under| under.value(resampling, plane, entries)),
        };
        *valid = u8::from(value.is_some());
        *to = value.unwrap_or(0.0);
    }
}

/// The pixels of a plane under a rectangle.
struct Under {
    x: (f64, f64),
    y: (f64, f64),
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Under {
    fn of<F: Held>(plane: &Plane<'_, F>, one: (f64, f64), two: (f64, f64)) -> Option<Under> {
        let [left, right, top, bottom] = plane.limits;
        let (y, rows) = span(one.1, two.1, (top, bottom), plane.rows)?;
        let Some(turn) = plane.turn else {
            let (x, columns) = span(one.0, two.0, (left, right), plane.columns)?;
            return Some(Under { x, y, columns, rows });
        };
        // All the way round there is no edge: columns go on from the first one, and none is counted twice.
        let whole = turn as f64;
        let low = one.0.min(two.0);
        let shift = whole * (low / whole).floor();
        let high = one.0.max(two.0).min(low + whole);
        let (x, columns) = span(low - shift, high - shift, (0.0, f64::INFINITY), 2 * turn)?;
        Some(Under { x, y, columns, rows })
    }

    /// Calls `with` for each pixel that has a value with its weight, in order of rows and columns.
    fn each<F: Held>(&self, plane: &Plane<'_, F>, step: usize, mut with: impl FnMut(f64, f64)) {
        for row in self.rows.clone().step_by(step) {
            let weight = covered(row, self.y, &self.rows);
            for column in self.columns.clone().step_by(step) {
                let at = plane.at(column, row);
                if plane.is_valid(at) {
                    with(plane.values[at].wide(), weight * covered(column, self.x, &self.columns));
                }
            }
        }
    }

    fn value<F: Held>(&self, resampling: Resampling, plane: &Plane<'_, F>, entries: &mut [Entry]) -> Option<f64> {
        let (mut sum, mut total, mut any) = (0.0, 0.0, false);
        match resampling {
            Resampling::Min | Resampling::Max => {
                let mut best = if resampling == Resampling::Min { f64::INFINITY } else { f64::NEG_INFINITY };
                self.each(plane, 1, |value, _| {
                    any = true;
                    best = if resampling == Resampling::Min { best.min(value) } else { best.max(value) };
                });
                any.then_some(best)
            }
            Resampling::Rms => {
                self.each(plane, 1, |value, weight| (sum, total) = (sum + value * value * weight, total + weight));
                (total > 0.0).then(|| (sum / total).sqrt())
            }
            Resampling::Mode => mode(self.collect(plane, entries)),
            Resampling::Med => quantile(self.collect(plane, entries), 0.5),
            Resampling::Q1 => quantile(self.collect(plane, entries), 0.25),
            Resampling::Q3 => quantile(self.collect(plane, entries), 0.75),
            _ => {
                self.each(plane, 1, |value, weight| (sum, total) = (sum + value * weight, total + weight));
                (total > 0.0).then(|| sum / total)
            }
        }
    }

    fn collect<'a, F: Held>(&self, plane: &Plane<'_, F>, entries: &'a mut [Entry]) -> &'a mut [Entry] {
        let mut step = 1;
        while self.rows.len().div_ceil(step) * self.columns.len().div_ceil(step) > entries.len() {
            step += 1;
        }
        let mut count = 0;
        self.each(plane, step, |value, weight| {
            entries[count] = [value, count as f64, weight];
            count += 1;
        });
        &mut entries[..count]
    }
}

/// A side of the rectangle as far as it is in the input, and the pixels under it: at least one.
fn span(one: f64, two: f64, limits: (f64, f64), size: usize) -> Option<((f64, f64), Range<usize>)> {
    let (low, high) = (one.min(two), one.max(two));
    if !(one.is_finite() && two.is_finite() && high > limits.0 && low < limits.1) {
        return None;
    }
    let (low, high) = (low.max(limits.0).max(0.0), high.min(limits.1).min(size as f64));
    let first = (low as usize).min(size.checked_sub(1)?);
    let end = (high.ceil() as usize).clamp(first + 1, size);
    Some(((low, high), first..end))
}

/// How much of a pixel a side covers; a lone pixel counts as a whole one.
fn covered(pixel: usize, side: (f64, f64), pixels: &Range<usize>) -> f64 {
    if pixels.len() == 1 {
        return 1.0;
    }
    (side.1.min(pixel as f64 + 1.0) - side.0.max(pixel as f64)).max(0.0)
}

/// The value with the greatest weight; of equal ones the first.
fn mode(entries: &mut [Entry]) -> Option<f64> {
    entries.sort_unstable_by(|one, two| one[0].total_cmp(&two[0]).then(one[1].total_cmp(&two[1])));
    let groups = entries.chunk_by(|one, two| one[0] == two[0]);
    let mut best: Option<Entry> = None;
    for group in groups {
        let weight: f64 = group.iter().map(|entry| entry[2]).sum();
        let [value, first, _] = group[0];
        if best.is_none_or(|[_, other, most]| weight > most || (weight == most && first < other)) {
            best = Some([value, first, weight]);
        }
    }
    best.map(|best| best[0])
}

/// The value below which a share of all lies, itself one of them: number ⌈n · share⌉ in order, as GDAL has it.
fn quantile(entries: &mut [Entry], share: f64) -> Option<f64> {
    let place = ((entries.len() as f64 * share).ceil() as usize).max(1) - 1;
    let place = place.min(entries.len().checked_sub(1)?);
    let (_, entry, _) = entries.select_nth_unstable_by(place, |one, two| one[0].total_cmp(&two[0]));
    Some(entry[0])
}

/// The sum of values by how much of their pixels lies in a quadrilateral.
fn sum<F: Held>(plane: &Plane<'_, F>, quad: &[(f64, f64); 4]) -> Option<f64> {
    let range = |values: [f64; 4]| {
        (values.iter().copied().fold(f64::INFINITY, f64::min), values.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    };
    if quad.iter().any(|point| !(point.0.is_finite() && point.1.is_finite())) {
        return None;
    }
    let (left, right) = range(quad.map(|point| point.0));
    let (top, bottom) = range(quad.map(|point| point.1));
    let under = Under::of(plane, (left, top), (right, bottom))?;
    let is_upright =
        quad.iter().all(|point| (point.0 == left || point.0 == right) && (point.1 == top || point.1 == bottom));
    // Columns may be counted from another turn.
    let shift = plane.turn.map_or(0.0, |turn| turn as f64 * (left / turn as f64).floor());
    let (mut sum, mut any) = (0.0, false);
    for row in under.rows.clone() {
        for column in under.columns.clone() {
            let at = plane.at(column, row);
            if !plane.is_valid(at) {
                continue;
            }
            let share = match is_upright {
                true => overlap(column as f64 + shift, (left, right)) * overlap(row as f64, (top, bottom)),
                false => clipped_area(quad, column as f64 + shift, row as f64),
            };
            if share > 0.0 {
                any = true;
                sum += plane.values[at].wide() * share;
            }
        }
    }
    any.then_some(sum)
}

/// The length of a unit interval that lies in a side.
fn overlap(pixel: f64, side: (f64, f64)) -> f64 {
    (side.1.min(pixel + 1.0) - side.0.max(pixel)).max(0.0)
}

/// The area of a quadrilateral inside of a pixel: cut along the four sides (Sutherland and Hodgman 1974), then by the
/// shoelace formula.
fn clipped_area(quad: &[(f64, f64); 4], column: f64, row: f64) -> f64 {
    let mut points = [(0.0, 0.0); 20];
    let mut count = 4;
    for (to, from) in points.iter_mut().zip(quad) {
        *to = (from.0 - column, from.1 - row);
    }
    // How far inside of each side a point is.
    let sides: [fn((f64, f64)) -> f64; 4] = [|p| p.0, |p| 1.0 - p.0, |p| p.1, |p| 1.0 - p.1];
    for inside in sides {
        let before = points;
        let mut kept = 0;
        for number in 0..count {
            let (one, two) = (before[number], before[(number + 1) % count]);
            let (depth, next) = (inside(one), inside(two));
            if depth >= 0.0 {
                points[kept] = one;
                kept += 1;
            }
            if (depth >= 0.0) != (next >= 0.0) {
                let share = depth / (depth - next);
                points[kept] = (one.0 + (two.0 - one.0) * share, one.1 + (two.1 - one.1) * share);
                kept += 1;
            }
        }
        count = kept;
        if count == 0 {
            return 0.0;
        }
    }
    let doubled: f64 = (0..count)
        .map(|number| (points[number], points[(number + 1) % count]))
        .map(|(one, two)| one.0 * two.1 - two.0 * one.1)
        .sum();
    doubled.abs() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_of_turned_squares() {
        let diamond = [(0.5, 0.0), (1.0, 0.5), (0.5, 1.0), (0.0, 0.5)];
        assert!((clipped_area(&diamond, 0.0, 0.0) - 0.5).abs() < 1e-12);
        let shares: f64 = (0..2)
            .flat_map(|x| (0..2).map(move |y| (x, y)))
            .map(|(x, y)| {
                clipped_area(&diamond.map(|point| (point.0 + 0.3, point.1 + 0.4)), f64::from(x), f64::from(y))
            })
            .sum();
        assert!((shares - 0.5).abs() < 1e-12);
        assert_eq!(clipped_area(&diamond, 5.0, 5.0), 0.0);
    }

    #[test]
    fn modes_and_quantiles() {
        let entries =
            |values: &[f64]| -> Vec<Entry> { values.iter().enumerate().map(|(at, v)| [*v, at as f64, 1.0]).collect() };
        assert_eq!(mode(&mut entries(&[3.0, 1.0, 1.0, 3.0, 2.0])), Some(3.0));
        assert_eq!(mode(&mut entries(&[3.0, 1.0, 1.0])), Some(1.0));
        assert_eq!(mode(&mut []), None);
        let quantile_of = |share| quantile(&mut entries(&[4.0, 1.0, 3.0, 2.0]), share);
        assert_eq!((quantile_of(0.25), quantile_of(0.5), quantile_of(0.75)), (Some(1.0), Some(2.0), Some(3.0)));
        assert_eq!(quantile(&mut [], 0.5), None);
    }
}
