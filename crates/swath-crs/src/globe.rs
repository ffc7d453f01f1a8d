//! The ellipsoid under a geographic system, for lengths at a place. It measures no distances between places.

use crate::frame::Frame;
use crate::step::Direction;
use crate::{Crs, CrsError};

/// The ellipsoid of a geographic system, and the unit of its angles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Globe {
    /// Half of the equator's diameter, in metres.
    pub semi_major_m: f64,
    /// By what part of that the other axis is shorter.
    pub flattening: f64,
    /// Degrees in one unit of the coordinates.
    pub degrees_per_unit: f64,
}

impl Globe {
    /// Lengths in metres of arcs of one unit, along the parallel and along the meridian, at a latitude in units.
    ///
    /// With N = a / √(1 − e² sin² φ) they are N cos φ and N (1 − e²) / (1 − e² sin² φ), each times the radians of a unit
    /// (Snyder 1987, equations 4-20 to 4-21 and 4-18 to 4-19). Nothing at the poles along the parallel.
    pub fn metres_per_unit(&self, latitude: f64) -> (f64, f64) {
        let radians_per_unit = self.degrees_per_unit.to_radians();
        let latitude = latitude * radians_per_unit;
        let (sine, cosine) = (libm::sin(latitude), libm::cos(latitude));
        let squared_eccentricity = self.flattening * (2.0 - self.flattening);
        let root = 1.0 - squared_eccentricity * sine * sine;
        let normal = self.semi_major_m / root.sqrt();
        let along_meridian = normal * (1.0 - squared_eccentricity) / root;
        (normal * cosine * radians_per_unit, along_meridian * radians_per_unit)
    }
}

impl Crs {
    /// The ellipsoid of a geographic system.
    ///
    /// # Errors
    /// [`CrsError::Unsupported`] for a projected system, and where the datum is not known.
    pub fn globe(&self) -> Result<Globe, CrsError> {
        if !self.is_geographic() {
            return Err(CrsError::unsupported(self.name(), "its coordinates are not longitude and latitude"));
        }
        let frame = Frame::new(self, Direction::Project)?;
        let ellipsoid = frame.globe.datum().ellipsoid();
        Ok(Globe {
            semi_major_m: ellipsoid.semi_major_axis(),
            flattening: ellipsoid.flattening(),
            degrees_per_unit: frame.degrees_per_unit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_a_degree() {
        let globe = Crs::from_epsg(4326).and_then(|crs| crs.globe()).expect("WGS 84");
        // Radii of curvature of WGS 84, computed apart: metres per degree of longitude and of latitude.
        let check = |latitude: f64, wanted: (f64, f64)| {
            let got = globe.metres_per_unit(latitude);
            assert!((got.0 - wanted.0).abs() < 0.01 && (got.1 - wanted.1).abs() < 0.01, "{latitude}: {got:?}");
        };
        check(0.0, (111_319.49, 110_574.28));
        check(45.0, (78_846.835, 111_131.777));
        check(60.0, (55_800.002, 111_412.287));
        assert!(Crs::from_epsg(32_632).and_then(|crs| crs.globe()).is_err());
        // Grads.
        let grads = Crs::from_epsg(4807).and_then(|crs| crs.globe()).expect("NTF (Paris)");
        assert!((grads.degrees_per_unit - 0.9).abs() < 1e-12 && (grads.semi_major_m - 6_378_249.2).abs() < 0.01);
    }
}
