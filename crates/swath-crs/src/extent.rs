//! How far the coordinates of a projected system can sensibly reach. It tells the impossible from the far away, and
//! says nothing about where a system should be used.

use crate::crs::{Crs, Definition};
use crate::frame::{Frame, wrapped};
use crate::step::Direction;
use crate::{Bounds, document};

/// Metres in a unit of a projected system's coordinates.
pub(crate) fn unit_metres(crs: &Crs) -> f64 {
    match (&crs.definition, &crs.entry_document()) {
        (_, Some(document)) => document::axis_unit(document),
        (Definition::Core(definition, _), _) => definition.as_projected().map_or(1.0, |p| p.linear_unit_to_meter()),
        (Definition::Proj4(text), _) => proj4rs::Proj::from_proj_string(text).map_or(1.0, |proj| proj.to_meter()),
        _ => 1.0,
    }
}

/// Generous bounds of a projected system; see [`Crs::coordinate_bounds`].
pub(crate) fn projected_bounds(crs: &Crs) -> Bounds {
    const SAMPLES: u32 = 16;
    const WIDEN_M: f64 = 2e6;
    const AROUND_ZERO_M: f64 = 4e7;
    let document = crs.entry_document();
    let unit_m = unit_metres(crs);
    let fallback = Bounds::around_zero(AROUND_ZERO_M / unit_m, AROUND_ZERO_M / unit_m);
    let Some(area) = document.as_ref().and_then(document::area_of_use) else { return fallback };
    let Ok(frame) = Frame::new(crs, Direction::Project) else { return fallback };
    let width = if area.max_x >= area.min_x { area.max_x - area.min_x } else { area.max_x - area.min_x + 360.0 };
    let mut bounds: Option<Bounds> = None;
    for row in 0..=SAMPLES {
        for column in 0..=SAMPLES {
            let longitude = wrapped(area.min_x + width * f64::from(column) / f64::from(SAMPLES));
            let latitude = area.min_y + (area.max_y - area.min_y) * f64::from(row) / f64::from(SAMPLES);
            match frame.off_globe(longitude, latitude) {
                Ok((x, y)) if x.abs() < 1e9 / unit_m && y.abs() < 1e9 / unit_m => {
                    let point = Bounds { min_x: x, min_y: y, max_x: x, max_y: y };
                    bounds = Some(bounds.unwrap_or(point).with_point(x, y));
                }
                _ => return fallback,
            }
        }
    }
    bounds.map_or(fallback, |bounds| {
        let x = (bounds.max_x - bounds.min_x).max(WIDEN_M / unit_m);
        let y = (bounds.max_y - bounds.min_y).max(WIDEN_M / unit_m);
        Bounds { min_x: bounds.min_x - x, min_y: bounds.min_y - y, max_x: bounds.max_x + x, max_y: bounds.max_y + y }
    })
}
