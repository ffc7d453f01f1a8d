//! Projection methods by their parameters, for codes that proj-core's registry is too old or too young to know.
//!
//! It covers the methods such codes use; the formulas themselves are proj-core's. Parameters are taken with the units
//! that the document states for each of them, which need not be those of the axes.

use proj_core::ProjectionMethod;
use serde_json::Value;

use crate::document::parameter;

/// EPSG codes of parameters.
const LATITUDE_OF_ORIGIN: u32 = 8801;
const LONGITUDE_OF_ORIGIN: u32 = 8802;
const SCALE: u32 = 8805;
const FALSE_EASTING: u32 = 8806;
const FALSE_NORTHING: u32 = 8807;
const LATITUDE_OF_FALSE_ORIGIN: u32 = 8821;
const LONGITUDE_OF_FALSE_ORIGIN: u32 = 8822;
const PARALLEL_1: u32 = 8823;
const PARALLEL_2: u32 = 8824;
const EASTING_AT_FALSE_ORIGIN: u32 = 8826;
const NORTHING_AT_FALSE_ORIGIN: u32 = 8827;
const STANDARD_PARALLEL: u32 = 8832;
const LONGITUDE_DOWN: u32 = 8833;
const ELLIPSOID_SCALING: u32 = 1038;

/// The projection of a document, if its EPSG method is one of those here and no parameter is missing or absurd.
pub(crate) fn projection_method(document: &Value, method: u32) -> Option<ProjectionMethod> {
    // The dataset states the scale of two codes (6996, 6997) in parts per million and means unity: such a plane would
    // be a few metres wide, so a scale far from one is no projection at all.
    let absurd = parameter(document, SCALE).is_some_and(|scale| !(0.5..2.0).contains(&scale));
    if absurd { None } else { by_parameters(document, method) }
}

fn by_parameters(document: &Value, method: u32) -> Option<ProjectionMethod> {
    let value = |code: u32| parameter(document, code);
    let degrees = |code: u32| parameter(document, code).map(f64::to_degrees);
    let offsets = || Some((value(FALSE_EASTING)?, value(FALSE_NORTHING)?));
    let false_origin = || Some((value(EASTING_AT_FALSE_ORIGIN)?, value(NORTHING_AT_FALSE_ORIGIN)?));
    match method {
        9807 | 9809 => {
            let (false_easting, false_northing) = offsets()?;
            let (lon0, lat0, k0) = (degrees(LONGITUDE_OF_ORIGIN)?, degrees(LATITUDE_OF_ORIGIN)?, value(SCALE)?);
            Some(match method {
                9807 => ProjectionMethod::TransverseMercator { lon0, lat0, k0, false_easting, false_northing },
                _ => ProjectionMethod::ObliqueStereographic { lon0, lat0, k0, false_easting, false_northing },
            })
        }
        9801 => {
            let (false_easting, false_northing) = offsets()?;
            let (lon0, lat0, k0) = (degrees(LONGITUDE_OF_ORIGIN)?, degrees(LATITUDE_OF_ORIGIN)?, value(SCALE)?);
            let (lat1, lat2) = (lat0, lat0);
            Some(ProjectionMethod::LambertConformalConic { lon0, lat0, lat1, lat2, k0, false_easting, false_northing })
        }
        9802 | 9822 | 1051 => {
            let (false_easting, false_northing) = false_origin()?;
            let (lon0, lat0) = (degrees(LONGITUDE_OF_FALSE_ORIGIN)?, degrees(LATITUDE_OF_FALSE_ORIGIN)?);
            let (lat1, lat2, k0) = (degrees(PARALLEL_1)?, degrees(PARALLEL_2)?, 1.0);
            Some(match method {
                9802 => ProjectionMethod::LambertConformalConic {
                    lon0,
                    lat0,
                    lat1,
                    lat2,
                    k0,
                    false_easting,
                    false_northing,
                },
                9822 => ProjectionMethod::AlbersEqualArea { lon0, lat0, lat1, lat2, false_easting, false_northing },
                _ => {
                    let ellipsoid_scaling_factor = value(ELLIPSOID_SCALING)?;
                    ProjectionMethod::LambertConformalConicMichigan {
                        lon0,
                        lat0,
                        lat1,
                        lat2,
                        ellipsoid_scaling_factor,
                        false_easting,
                        false_northing,
                    }
                }
            })
        }
        9804 | 9805 => {
            let (false_easting, false_northing) = offsets()?;
            let lon0 = degrees(LONGITUDE_OF_ORIGIN)?;
            let (lat_ts, k0) = if method == 9804 { (0.0, value(SCALE)?) } else { (degrees(PARALLEL_1)?, 1.0) };
            Some(ProjectionMethod::Mercator { lon0, lat_ts, k0, false_easting, false_northing })
        }
        9806 | 9820 => {
            let (false_easting, false_northing) = offsets()?;
            let (lon0, lat0) = (degrees(LONGITUDE_OF_ORIGIN)?, degrees(LATITUDE_OF_ORIGIN)?);
            Some(match method {
                9806 => ProjectionMethod::CassiniSoldner { lon0, lat0, false_easting, false_northing },
                _ => ProjectionMethod::LambertAzimuthalEqualArea { lon0, lat0, false_easting, false_northing },
            })
        }
        9829 => {
            let (false_easting, false_northing) = offsets()?;
            let (lon0, lat_ts, k0) = (degrees(LONGITUDE_DOWN)?, degrees(STANDARD_PARALLEL)?, 1.0);
            Some(ProjectionMethod::PolarStereographic { lon0, lat_ts, k0, false_easting, false_northing })
        }
        _ => None,
    }
}
