//! Where the rows of a batch are, and which of them stay: limits of the system that a row names, reprojection, filters
//! by time and place.
//!
//! Rows that it cannot place are named, not dropped.

use rustc_hash::FxHashMap;
use swath_core::{Error, Place, Result};
use swath_crs::{Bounds, Crs};
use swath_table::column::{Batch, Values};
use swath_table::reject::Reason;
use swath_table::schema::{ColumnSchema, Violation};

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
    /// Positions of rows without a place, in order.
    pub failed: Vec<u32>,
    /// Values that become null because the schema says so, as (column, row).
    pub nulled: Vec<(usize, u32)>,
}

/// Finds the places of rows that all stay, since they were found before.
///
/// # Errors
/// When one has none, which is damage.
pub fn locate_all(running: &Running, batch: &Batch, located: &mut Located) -> Result<()> {
    let job = &running.job;
    located.kept.clear();
    located.kept.extend(0..batch.rows() as u32);
    located.filtered = 0;
    located.failed.clear();
    located.nulled.clear();
    let mut lost = None;
    if let Some(geometry) = job.geometry.as_ref().filter(|_| job.needs_places()) {
        place(running, geometry, batch, &|_| 0, located, &mut |failure| lost = lost.take().or(Some(failure)));
    }
    match lost {
        Some(Failure { detail, .. }) => Err(Error::InputCorrupt {
            place: Place::file(&job.output),
            message: format!("a row of the lake has no place: {detail}"),
            hint: "the lake is not as it was written: swath info LAKE".into(),
        }),
        None => Ok(()),
    }
}

/// Finds the rows of `batch` that stay. `transform_of` tells the transform of a row, `known` the names that a pivot makes
/// columns of; `fail` is told of those without a place.
pub fn locate(
    running: &Running,
    batch: &Batch,
    (transform_of, known): (&dyn Fn(usize) -> usize, &FxHashMap<u32, u32>),
    located: &mut Located,
    fail: &mut dyn FnMut(Failure),
) {
    let job = &running.job;
    located.kept.clear();
    located.filtered = 0;
    located.failed.clear();
    located.nulled.clear();
    if let Some(geometry) = job.geometry.as_ref().filter(|_| job.needs_places()) {
        place(running, geometry, batch, transform_of, located, fail);
    }
    let bounded = job.since_us.is_some() || job.until_us.is_some();
    let times = job.time.filter(|_| bounded).map(|time| &batch.columns[time]);
    let mut failed = located.failed.iter().copied().peekable();
    for row in 0..batch.rows() as u32 {
        if failed.next_if_eq(&row).is_some() {
            continue;
        }
        let at = row as usize;
        if let Some(pivot) = &job.pivot
            && let Err(detail) = pivot.check_name(running, batch, at, known)
        {
            fail(Failure { row, reason: Reason::UnknownParameter, column: Some(pivot.name()), detail });
            continue;
        }
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
    transform_of: &dyn Fn(usize) -> usize,
    located: &mut Located,
    fail: &mut dyn FnMut(Failure),
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
            } else if geometry.crs_column.is_some() {
                codes.transform(running, geometry, batch, row, (x[row], y[row]))
            } else {
                match &geometry.transforms[transform_of(row)] {
                    None => Ok((x[row], y[row])),
                    Some(transform) => transform.point(x[row], y[row]).map_err(|error| Misplaced {
                        column: geometry.x,
                        reason: Reason::Reprojection,
                        detail: error.to_string(),
                    }),
                }
            };
            match moved {
                Ok(moved) => point = moved,
                Err(Misplaced { column, reason: Reason::CoordinateOutOfBounds, .. })
                    if is_nulled(&job.schema.columns[column]) =>
                {
                    located.nulled.push((column, row as u32));
                }
                Err(Misplaced { column, reason, detail }) => {
                    located.failed.push(row as u32);
                    fail(Failure { row: row as u32, reason, column: Some(column), detail });
                }
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

/// Whether a value outside of its limits becomes null instead of rejecting its row.
fn is_nulled(column: &ColumnSchema) -> bool {
    column.out_of_range == Violation::Null && !column.required
}

/// Why a point has no place.
struct Misplaced {
    column: usize,
    reason: Reason,
    detail: String,
}

/// A system that rows name: what its coordinates may be, and the way to the target where that is another.
struct Named {
    bounds: Bounds,
    transform: Option<swath_crs::Transform>,
}

/// Systems by the code that a row names, remembered for the batch.
#[derive(Default)]
struct CrsCache(FxHashMap<i64, std::result::Result<Named, String>>);

/// Systems that are remembered at most: more are no systems, but something else in the column.
const SYSTEMS_MAX: usize = 256;

impl CrsCache {
    fn transform(
        &mut self,
        running: &Running,
        geometry: &Geometry,
        batch: &Batch,
        row: usize,
        (x, y): (f64, f64),
    ) -> std::result::Result<(f64, f64), Misplaced> {
        let column = geometry.crs_column.unwrap_or(geometry.x);
        let unknown = |detail: String| Misplaced { column, reason: Reason::UnknownCrs, detail };
        let code =
            code_of(running, batch, column, row).ok_or_else(|| unknown("wanted an EPSG code, got none".into()))?;
        if self.0.len() >= SYSTEMS_MAX && !self.0.contains_key(&code) {
            self.0.clear();
        }
        let known = self.0.entry(code).or_insert_with(|| named(code, &geometry.target));
        let Named { bounds, transform } = known.as_ref().map_err(|reason| unknown(reason.clone()))?;
        let columns = &running.job.schema.columns;
        for (column, value, limits) in
            [(geometry.x, x, (bounds.min_x, bounds.max_x)), (geometry.y, y, (bounds.min_y, bounds.max_y))]
        {
            check(&columns[column], value, limits).map_err(|detail| Misplaced {
                column,
                reason: Reason::CoordinateOutOfBounds,
                detail: format!("{detail} (EPSG:{code})"),
            })?;
        }
        match transform {
            None => Ok((x, y)),
            Some(transform) => transform.point(x, y).map_err(|error| Misplaced {
                column: geometry.x,
                reason: Reason::Reprojection,
                detail: error.to_string(),
            }),
        }
    }
}

/// Holds a coordinate against the limits of its system, unless the column has its own, which the parser held it against.
fn check(column: &ColumnSchema, value: f64, (min, max): (f64, f64)) -> std::result::Result<(), String> {
    let (min, max) = (column.min.unwrap_or(min), column.max.unwrap_or(max));
    if value >= min && value <= max { Ok(()) } else { Err(format!("wanted {min} to {max}, got {value}")) }
}

fn code_of(running: &Running, batch: &Batch, column: usize, row: usize) -> Option<i64> {
    let column = &batch.columns[column];
    if column.valid[row] == 0 {
        return None;
    }
    match &column.values {
        Values::Int32(values) => Some(i64::from(values[row])),
        Values::Int64(values) => Some(values[row]),
        Values::Category(values) => running.texts.with_text(values[row], code_in),
        Values::Text { ends, bytes } => {
            let start = if row == 0 { 0 } else { ends[row - 1] as usize };
            code_in(&bytes[start..ends[row] as usize])
        }
        _ => None,
    }
}

/// The code in a text like `32633` or `EPSG:32633`.
fn code_in(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.rsplit(':').next()?.trim().parse().ok()
}

fn named(code: i64, target: &Crs) -> std::result::Result<Named, String> {
    let source = Crs::parse(&format!("EPSG:{code}")).map_err(|error| error.to_string())?;
    let transform = match source.epsg() == target.epsg() {
        true => None,
        false => Some(swath_crs::Transform::new(&source, target).map_err(|error| error.to_string())?),
    };
    Ok(Named { bounds: source.coordinate_bounds(), transform })
}
