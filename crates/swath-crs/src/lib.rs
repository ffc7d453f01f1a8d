//! Coordinate reference systems: what a text means, what it is called in PROJJSON, and how one point gets from one
//! system to another.
//!
//! Coordinates are always `(x, y)`: longitude or easting first, latitude or northing second, whatever order the
//! authority defines (the "traditional GIS order" of GDAL, `always_xy=True` of pyproj). Points go one by one, every
//! failure is a value, nothing starts a thread, and the same point gives the same bits in every run.
//!
//! It deliberately does not know heights, times or files: three-dimensional, compound and vertical systems are
//! refused, and so is every shift between datums that no known transformation does to within the stated limit. It
//! never fetches a grid.

mod area;
mod bounds;
mod crs;
mod document;
mod error;
mod extent;
mod frame;
mod globe;
mod meridian;
mod method;
mod shift;
mod step;
mod table;
mod tagged;
mod text;
mod transform;

pub use bounds::Bounds;
pub use crs::Crs;
pub use error::{CrsError, PointProblem};
pub use globe::Globe;
pub use table::database_version;
pub use transform::{Transform, TransformOptions};
