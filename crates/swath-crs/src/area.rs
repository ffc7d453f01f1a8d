//! Areas of use of transformations: how large they are, and how far away.

use proj_core::AreaOfUse;

/// How many degrees it is wide.
fn width(area: &AreaOfUse) -> f64 {
    if area.east >= area.west { area.east - area.west } else { area.east - area.west + 360.0 }
}

/// The area on the unit sphere, up to a factor.
pub(crate) fn size(area: &AreaOfUse) -> f64 {
    (area.north.to_radians().sin() - area.south.to_radians().sin()) * width(area)
}

/// How many degrees a place is from an area, roughly; 0 inside.
pub(crate) fn away(area: &AreaOfUse, longitude: f64, latitude: f64) -> f64 {
    let (from_west, width) = ((longitude - area.west).rem_euclid(360.0), width(area));
    let across = if from_west <= width { 0.0 } else { (from_west - width).min(360.0 - from_west) };
    let down = (area.south - latitude).max(latitude - area.north).max(0.0);
    (across * libm::cos(latitude.to_radians())).hypot(down)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_from_areas() {
        let area = |west, east| AreaOfUse { west, east, south: -10.0, north: 0.0, name: String::new() };
        let (plain, across) = (area(10.0, 20.0), area(170.0, -170.0));
        assert_eq!((away(&plain, 15.0, -5.0), away(&across, -175.0, -5.0)), (0.0, 0.0));
        assert_eq!((away(&plain, 23.0, 0.0), away(&plain, 15.0, 7.0)), (3.0, 7.0));
        assert_eq!((away(&plain, -179.0, 0.0), away(&across, -160.0, 0.0)), (161.0, 10.0));
        assert_eq!(size(&plain) * 2.0, size(&across));
    }
}
