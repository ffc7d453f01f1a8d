//! Where the rows of a batch are, and which of them stay: filters by time and place, reprojection.
//!
//! Rows that it cannot place are named, not dropped.

use swath_crs::Crs;
use swath_table::column::{Batch, Values};
use swath_table::reject::Reason;

use super::job::Geometry;
use super::route::{Failure, floats};
use super::running::Running;

/// The rows of a batch that stay, and their coordinates.
#[derive(Default)]
pub struct Located {
    /// Positions in the batch, in order.
    pub kept: Vec<u32>,
    /// x in the target CRS for every row of the batch; NaN where there is none.
    pub x: Vec<f64>,
    /// y in the target CRS.
    pub y: Vec<f64>,
    /// Longitude in degrees, where cells of the globe are wanted and the target is projected.
    pub longitude: Vec<f64>,
    /// Latitude in degrees.
    pub latitude: Vec<f64>,
    /// Rows that the filters left out.
    pub filtered: u64,
    /// Rows without a place.
    pub failures: Vec<Failure>,
}

/// Finds the rows of `batch` that stay. `file_of` tells which file a row is from.
pub fn locate(running: &Running, batch: &Batch, file_of: &dyn Fn(usize) -> usize, located: &mut Located) {
    let job = &running.job;
    located.kept.clear();
    located.filtered = 0;
    located.failures.clear();
    if let Some(geometry) = job.geometry.as_ref().filter(|_| job.needs_places()) {
        place(running, geometry, batch, file_of, located);
    }
    let bounded = job.since_us.is_some() || job.until_us.is_some();
    let times = job.time.filter(|_| bounded).map(|time| &batch.columns[time]);
    let mut failed = located.failures.iter().map(|failure| failure.row).peekable();
    for row in 0..batch.rows() as u32 {
        if failed.next_if_eq(&row).is_some() {
            continue;
        }
        let at = row as usize;
        let in_time = times.is_none_or(|times| {
            times.time_us(at).is_some_and(|time| {
                job.since_us.is_none_or(|since| time >= since) && job.until_us.is_none_or(|until| time < until)
            })
        });
        let in_place = job.bbox.is_none_or(|[west, south, east, north]| {
            let (x, y) = (located.x[at], located.y[at]);
            let between = if west <= east { x >= west && x <= east } else { x >= west || x <= east };
            between && y >= south && y <= north
        });
        if in_time && in_place {
            located.kept.push(row);
        } else {
            located.filtered += 1;
        }
    }
}

/// Fills the coordinates of all rows.
fn place(
    running: &Running,
    geometry: &Geometry,
    batch: &Batch,
    file_of: &dyn Fn(usize) -> usize,
    located: &mut Located,
) {
    let job = &running.job;
    let (x_column, y_column) = (&batch.columns[geometry.x], &batch.columns[geometry.y]);
    let (x, y) = (floats(x_column), floats(y_column));
    let valid = |row: usize| x_column.valid[row] != 0 && y_column.valid[row] != 0;
    let mut codes = CrsCache::default();
    located.x.clear();
    located.y.clear();
    for row in 0..batch.rows() {
        let mut point = (f64::NAN, f64::NAN);
        if valid(row) {
            let moved = if !geometry.moved {
                Ok((x[row], y[row]))
            } else if let Some(column) = geometry.crs_column {
                codes.transform(running, geometry, batch, column, row, (x[row], y[row]))
            } else {
                let transform = job.file_plans[file_of(row)].transform as usize;
                match &geometry.transforms[transform] {
                    None => Ok((x[row], y[row])),
                    Some(transform) => {
                        transform.point(x[row], y[row]).map_err(|error| (Reason::Reprojection, error.to_string()))
                    }
                }
            };
            match moved {
                Ok(moved) => point = moved,
                Err((reason, detail)) => located.failures.push(Failure {
                    row: row as u32,
                    reason,
                    column: Some(geometry.crs_column.filter(|_| reason == Reason::UnknownCrs).unwrap_or(geometry.x)),
                    detail,
                }),
            }
        }
        located.x.push(point.0);
        located.y.push(point.1);
    }
    located.longitude.clear();
    located.latitude.clear();
    if let Some(to_degrees) = &geometry.to_degrees {
        for (&x, &y) in located.x.iter().zip(&located.y) {
            let (longitude, latitude) = to_degrees.point(x, y).unwrap_or((f64::NAN, f64::NAN));
            located.longitude.push(longitude);
            located.latitude.push(latitude);
        }
    }
}

/// Transforms by the code that a row names, remembered for the batch.
#[derive(Default)]
struct CrsCache(Vec<(i64, Result<Option<swath_crs::Transform>, String>)>);

impl CrsCache {
    fn transform(
        &mut self,
        running: &Running,
        geometry: &Geometry,
        batch: &Batch,
        column: usize,
        row: usize,
        (x, y): (f64, f64),
    ) -> Result<(f64, f64), (Reason, String)> {
        let code = code_of(running, batch, column, row);
        let Some(code) = code else {
            return Err((Reason::UnknownCrs, "wanted an EPSG code, got none".into()));
        };
        let known = match self.0.iter().position(|(known, _)| *known == code) {
            Some(known) => known,
            None => {
                self.0.push((code, transform_from(code, &geometry.target)));
                self.0.len() - 1
            }
        };
        match &self.0[known].1 {
            Err(reason) => Err((Reason::UnknownCrs, reason.clone())),
            Ok(None) => Ok((x, y)),
            Ok(Some(transform)) => transform.point(x, y).map_err(|error| (Reason::Reprojection, error.to_string())),
        }
    }
}

fn code_of(running: &Running, batch: &Batch, column: usize, row: usize) -> Option<i64> {
    let column = &batch.columns[column];
    if column.valid[row] == 0 {
        return None;
    }
    match &column.values {
        Values::Int32(values) => Some(i64::from(values[row])),
        Values::Int64(values) => Some(values[row]),
        Values::Category(values) => running.texts.with_text(values[row], |text| {
            let text = std::str::from_utf8(text).ok()?;
            text.rsplit(':').next()?.trim().parse().ok()
        }),
        _ => None,
    }
}

fn transform_from(code: i64, target: &Crs) -> Result<Option<swath_crs::Transform>, String> {
    let source = Crs::parse(&format!("EPSG:{code}")).map_err(|error| error.to_string())?;
    if source.epsg() == target.epsg() {
        return Ok(None);
    }
    swath_crs::Transform::new(&source, target).map(Some).map_err(|error| error.to_string())
}
