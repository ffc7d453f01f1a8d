//! Where a whole grid lies in another system, as GDAL finds it. It chooses no pixels.

use swath_core::{Error, Result};
use swath_crs::{Bounds, Crs, Transform};

use crate::Grid;

use super::mapping::{ThereAndBack, half_turn};
use super::suggest::{Way, transformed_bounds, with};
use super::target::bounds_of;

/// Bounds in another system of a whole grid, and the length there of its diagonal.
pub(super) struct Outline {
    /// The bounds.
    pub bounds: Bounds,
    /// From the upper left corner to the lower right one; of the bounds where one of them has no place.
    pub diagonal: f64,
}

/// Where a grid lies in another system, by the rules of `GDALSuggestedWarpOutput2` (GDAL 3.12): points along the edges,
/// or where one of them does not come back, all over the grid; jumps along rows are narrowed down by halving.
///
/// It differs where the grid crosses the antimeridian of a system of longitudes: bounds then go on beyond 180° instead
/// of all the way round.
///
/// # Errors
/// [`Error::Usage`] where hardly a point has a place.
pub(super) fn outline(grid: &Grid, (from, to): (&Crs, &Crs), (there, back): ThereAndBack) -> Result<Outline> {
    let way = Way { transform: there, turn: half_turn(from).map(|half| 2.0 * half) };
    let samples = Samples { grid, way: &way, back: back.as_ref() };
    let steps = (f64::from(grid.shape.rows.min(grid.shape.columns)) / 50.0 + 0.5) as usize;
    let steps = steps.clamp(20, 100);
    let share = |at: usize| at as f64 / steps as f64;
    let mut lines: Vec<Vec<(f64, f64)>> =
        vec![(0..=steps).map(|at| (share(at), 0.0)).collect(), (0..=steps).map(|at| (share(at), 1.0)).collect()];
    let sides = [0.0, 1.0].map(|side| (0..=steps).map(|at| (side, share(at))).collect::<Vec<_>>());
    let is_whole = lines.iter().chain(&sides).flatten().all(|place| samples.comes_back(*place, steps));
    let sides: Vec<(f64, f64)> = if is_whole {
        sides.into_iter().flatten().collect()
    } else {
        lines = (0..=steps).map(|row| (0..=steps).map(|at| (share(at), share(row))).collect()).collect();
        Vec::new()
    };
    let (mut found, mut points) = (None, 0);
    let mut add = |point: Option<(f64, f64)>| {
        if let Some((x, y)) = point {
            found = Some(with(found, x, y));
            points += 1;
        }
    };
    for line in &lines {
        for (at, place) in line.iter().enumerate() {
            add(samples.point(*place));
            if at > 0 {
                samples.narrow(line[at - 1], *place, &mut |x, y| add(Some((x, y))));
            }
        }
    }
    sides.iter().for_each(|place| add(samples.point(*place)));
    let bounds = found.filter(|_| points >= 10).ok_or_else(|| Error::Usage {
        message: format!("hardly a pixel of the raster has a place in {}", to.name()),
        hint: "another --dst-crs, or a part of the raster (swath raster clip)".into(),
    })?;
    let corners = (samples.point((0.0, 0.0)), samples.point((1.0, 1.0)));
    let mut size = match corners {
        (Some(one), Some(two)) => (two.0 - one.0, two.1 - one.1),
        _ => (0.0, 0.0),
    };
    let bounds = samples.round_the_earth(bounds, from, to);
    if size.0 == 0.0 || size.1 == 0.0 {
        size = (bounds.max_x - bounds.min_x, bounds.max_y - bounds.min_y);
    }
    if let Some(half) = half_turn(to) {
        // From one side of the antimeridian to the other is the short way.
        size.0 -= if bounds.max_x > half { 2.0 * half * (size.0 / (2.0 * half)).round() } else { 0.0 };
    }
    Ok(Outline { bounds, diagonal: size.0.hypot(size.1) })
}

/// Points of a grid, by shares of its width and height, in another system.
struct Samples<'a> {
    grid: &'a Grid,
    way: &'a Way,
    back: Option<&'a Transform>,
}

impl Samples<'_> {
    fn source(&self, (across, down): (f64, f64)) -> (f64, f64) {
        let shape = self.grid.shape;
        self.grid.affine_or_pixels().apply(across * f64::from(shape.columns), down * f64::from(shape.rows))
    }

    fn point(&self, place: (f64, f64)) -> Option<(f64, f64)> {
        let (x, y) = self.source(place);
        self.way.point(x, y)
    }

    /// Whether a place, there and back, comes within a step of itself.
    fn comes_back(&self, place: (f64, f64), steps: usize) -> bool {
        let (Some((x, y)), Some(back)) = (self.point(place), self.back) else { return false };
        let Ok((x, y)) = back.try_point(x, y) else { return false };
        let Some(inverse) = self.grid.affine_or_pixels().inverse() else { return false };
        let (column, row) = inverse.apply(x, y);
        let shape = self.grid.shape;
        let off = |is: f64, share: f64, size: u32| (is / f64::from(size) - share).abs();
        off(column, place.0, shape.columns) <= 1.0 / steps as f64 && off(row, place.1, shape.rows) <= 1.0 / steps as f64
    }

    /// Halves the way between two neighbours of which one has no place, or between which x changes its sign.
    fn narrow(&self, mut one: (f64, f64), mut two: (f64, f64), add: &mut dyn FnMut(f64, f64)) {
        let (mut before, mut after) = (self.point(one), self.point(two));
        if before.is_none() && after.is_none() {
            return;
        }
        for _ in 0..16 {
            let jumps = match (before, after) {
                (Some(before), Some(after)) => before.0 * after.0 < 0.0,
                _ => true,
            };
            if !jumps {
                return;
            }
            let middle = ((one.0 + two.0) / 2.0, (one.1 + two.1) / 2.0);
            match (self.point(middle), before) {
                (Some(point), Some(start)) if start.0 * point.0 >= 0.0 => {
                    add(point.0, point.1);
                    (before, one) = (Some(point), middle);
                }
                (Some(point), _) => {
                    add(point.0, point.1);
                    (after, two) = (Some(point), middle);
                }
                (None, None) => one = middle,
                (None, Some(_)) if after.is_none() => two = middle,
                (None, Some(_)) => return,
            }
        }
    }

    /// Bounds of longitudes that hold the poles that the grid holds, and no more than they must of the rest.
    fn round_the_earth(&self, bounds: Bounds, from: &Crs, to: &Crs) -> Bounds {
        let Some(half) = half_turn(to) else { return bounds };
        let mut bounds = bounds;
        let mut has_pole = false;
        // Between longitudes a pole is a whole side, and nothing goes round it.
        let poles = if from.is_geographic() { &[][..] } else { &[-half / 2.0, half / 2.0] };
        for pole in poles.iter().copied() {
            let place = self.back.and_then(|back| back.try_point(0.0, pole).ok());
            let inverse = self.grid.affine_or_pixels().inverse();
            let (Some((x, y)), Some(inverse)) = (place, inverse) else { continue };
            let (column, row) = inverse.apply(x, y);
            let is_in = |at: f64, size: u32| at >= -1e-5 && at <= f64::from(size) + 1e-5;
            if !is_in(column, self.grid.shape.columns) || !is_in(row, self.grid.shape.rows) {
                continue;
            }
            let returns = self.way.point(x, y).is_some_and(|(_, y)| (y - pole).abs() <= 1e-6);
            if returns {
                has_pole = true;
                (bounds.min_x, bounds.max_x) = (-half, half);
                (bounds.min_y, bounds.max_y) = (bounds.min_y.min(pole), bounds.max_y.max(pole));
            }
        }
        if has_pole || bounds.max_x - bounds.min_x <= half {
            return bounds;
        }
        let affine = self.grid.affine_or_pixels();
        if !affine.is_rectilinear() {
            return bounds;
        }
        let whole = bounds_of(&affine, self.grid.shape);
        match transformed_bounds(whole, from, to) {
            Ok(short) if short.max_x - short.min_x < bounds.max_x - bounds.min_x - 1e-9 => {
                Bounds { min_x: short.min_x, max_x: short.max_x, ..bounds }
            }
            _ => bounds,
        }
    }
}
