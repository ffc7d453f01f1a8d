//! Rows that break no rule and are seldom right, as far as a row and its neighbours in the input show it: places of
//! (0, 0), places with x and y exchanged, times that go backwards.
//!
//! It flags rows; whether they are rejected, `route.rs` decides. What only the readings of a sensor in the order of
//! their times show is found in `series_checks.rs`.

use serde::{Deserialize, Serialize};
use swath_table::column::{Batch, Values};
use swath_table::layout::RowKey;
use swath_table::reject::Reason;
use swath_table::sort::LocalRanks;

use super::job::Job;
use super::sorted::{FileOf, NO_TIME};
use crate::request::SortOrder;

/// Bytes that flags take per row of a batch: one of its own, and the last time of a sensor and which way its times go.
pub const ROW_BYTES: u64 = 1 + 8 + 4;
/// Bytes that what was found in a unit takes in its receipt.
pub const UNIT_BYTES: u64 = 400;

/// A place is far from the others if it lies so many times their extent and more outside of them.
const FAR: f64 = 1.0;
/// That extent is at least so much, in degrees and in units of a plane.
const EXTENT_MIN: (f64, f64) = (1.0, 100_000.0);
/// Square degrees of a fifth of all places: near to those of so large a part there are many, exchanged or not.
const WIDE: f64 = 360.0 * 180.0 / 5.0;

/// Flags of the rows of a batch, by their position among those that stay.
#[derive(Default)]
pub struct Flags {
    flags: Vec<u8>,
    last: Vec<i64>,
    turns: Vec<i32>,
}

/// Rows of a unit that were flagged for one reason.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FlaggedRows {
    /// Why.
    pub reason: Reason,
    /// How many.
    pub rows: u64,
    /// The file of the first of them.
    pub file: u32,
    /// Where it begins: the byte, or the row of a file with columns.
    pub offset: u64,
    /// Its line in the unit.
    pub line: u32,
    /// Wanted and got.
    pub detail: String,
}

/// Where most rows are, for telling exchanged coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usual {
    west: f64,
    south: f64,
    east: f64,
    north: f64,
}

impl Usual {
    /// Around a box that most rows of a sample lie in; none where it may hold a place and its exchanged one.
    pub fn around([west, south, east, north]: [f64; 4]) -> Option<Usual> {
        // No plane has all its coordinates so near to its origin.
        let in_degrees = [west, south, east, north].iter().all(|value| value.abs() <= 360.0);
        let least = if in_degrees { EXTENT_MIN.0 } else { EXTENT_MIN.1 };
        let (x, y) = (FAR * (east - west).max(least), FAR * (north - south).max(least));
        let most = if in_degrees { (180.0, 90.0) } else { (f64::INFINITY, f64::INFINITY) };
        let usual = Usual {
            west: (west - x).max(west.min(-most.0)),
            south: (south - y).max(south.min(-most.1)),
            east: (east + x).min(east.max(most.0)),
            north: (north + y).min(north.max(most.1)),
        };
        let is_told_apart = usual.west > usual.north || usual.east < usual.south;
        let is_wide = in_degrees && (usual.east - usual.west) * (usual.north - usual.south) > WIDE;
        (is_told_apart && !is_wide).then_some(usual)
    }

    fn holds(&self, x: f64, y: f64) -> bool {
        x >= self.west && x <= self.east && y >= self.south && y <= self.north
    }

    /// Whether a place is outside, and its exchanged one is not.
    pub fn is_swapped(&self, x: f64, y: f64) -> bool {
        !self.holds(x, y) && self.holds(y, x)
    }
}

impl Flags {
    /// Looks at the rows of a batch that stay; `keys` are theirs, and `sensors` ranks their sensors.
    pub fn look(
        &mut self,
        job: &Job,
        batch: &Batch,
        kept: &[u32],
        (keys, sensors): (&[RowKey], &LocalRanks),
        file_of: FileOf<'_>,
    ) {
        self.flags.clear();
        self.flags.resize(kept.len(), 0);
        let checks = &job.schema.checks;
        if checks.time_backwards && job.sort == SortOrder::Sensor && has_one_row_a_time(job) {
            self.times(keys, sensors, &|position| file_of(kept[position] as usize));
        }
        if checks.swapped_place || checks.zero_place {
            self.places(job, batch, kept);
        }
    }

    fn times(&mut self, keys: &[RowKey], sensors: &LocalRanks, file_of: FileOf<'_>) {
        // Of what is written with the newest first, a later time goes backwards: for each sensor, the rarer way does.
        self.turns.clear();
        self.turns.resize(sensors.distinct(), 0);
        self.each_turn(keys, sensors, file_of, |turns, sensor, _, is_earlier| {
            turns[sensor] += if is_earlier { -1 } else { 1 };
        });
        let mut flags = std::mem::take(&mut self.flags);
        self.each_turn(keys, sensors, file_of, |turns, sensor, position, is_earlier| {
            if is_earlier == (turns[sensor] >= 0) {
                flags[position] = mark(Reason::TimeBackwards);
            }
        });
        self.flags = flags;
    }

    /// Tells of each row whose time is not that of the row before it, of the same sensor and file.
    fn each_turn(
        &mut self,
        keys: &[RowKey],
        sensors: &LocalRanks,
        file_of: FileOf<'_>,
        mut with: impl FnMut(&mut [i32], usize, usize, bool),
    ) {
        self.last.clear();
        self.last.resize(sensors.distinct(), NO_TIME);
        let mut file = None;
        for (position, key) in keys.iter().enumerate().filter(|(_, key)| key.minor != NO_TIME) {
            let own = Some(file_of(position));
            if own != file {
                self.last.fill(NO_TIME);
                file = own;
            }
            let sensor = sensors.of(key.major) as usize;
            let last = std::mem::replace(&mut self.last[sensor], key.minor);
            if last != NO_TIME && key.minor != last {
                with(&mut self.turns, sensor, position, key.minor < last);
            }
        }
    }

    fn places(&mut self, job: &Job, batch: &Batch, kept: &[u32]) {
        let Some(geometry) = &job.geometry else { return };
        let (x_column, y_column) = (&batch.columns[geometry.x], &batch.columns[geometry.y]);
        let (Values::Float64(x), Values::Float64(y)) = (&x_column.values, &y_column.values) else { return };
        let checks = &job.schema.checks;
        let usual = job.usual.filter(|_| checks.swapped_place);
        for (flag, row) in self.flags.iter_mut().zip(kept.iter().map(|&row| row as usize)) {
            if x_column.valid[row] == 0 || y_column.valid[row] == 0 {
                continue;
            }
            let (x, y) = (x[row], y[row]);
            if x == 0.0 && y == 0.0 {
                if checks.zero_place {
                    *flag = mark(Reason::ZeroPlace);
                }
            } else if usual.is_some_and(|usual| usual.is_swapped(x, y)) {
                *flag = mark(Reason::SwappedPlace);
            }
        }
    }

    /// Whether a row is flagged for what is wrong with it, wherever it stands.
    pub fn is_wrong(&self, position: usize) -> bool {
        let flag = self.flags[position];
        flag != 0 && flag != mark(Reason::TimeBackwards)
    }

    /// The rows that are flagged, by their positions, and why.
    pub fn flagged(&self) -> impl Iterator<Item = (usize, Reason)> {
        let reason = |flag: u8| Reason::from_position(flag.checked_sub(1)?);
        self.flags.iter().enumerate().filter_map(move |(position, &flag)| Some((position, reason(flag)?)))
    }
}

/// Whether a sensor has one row at a time: where rows are of one quantity each, one follows the other in any order.
fn has_one_row_a_time(job: &Job) -> bool {
    let sorted = job.sensor.into_iter().chain(job.time);
    job.time.is_some()
        && job.pivot.is_none()
        && job
            .dedup
            .as_ref()
            .is_none_or(|dedup| dedup.key.iter().all(|column| sorted.clone().any(|own| own == *column)))
}

/// How a reason stands among the flags; 0 is none.
pub fn mark(reason: Reason) -> u8 {
    reason as u8 + 1
}

/// Wanted and got, for a row that is flagged.
pub fn detail(job: &Job, batch: &Batch, row: usize, reason: Reason) -> String {
    let place = || {
        let geometry = job.geometry.as_ref()?;
        let (Values::Float64(x), Values::Float64(y)) =
            (&batch.columns[geometry.x].values, &batch.columns[geometry.y].values)
        else {
            return None;
        };
        Some((x[row], y[row]))
    };
    match (reason, place(), job.usual) {
        (Reason::SwappedPlace, Some((x, y)), Some(Usual { west, south, east, north })) => format!(
            "wanted x from {west:.4} to {east:.4} and y from {south:.4} to {north:.4}, near most rows, got x {x} and y {y}: \
             are they exchanged?"
        ),
        (Reason::ZeroPlace, ..) => "wanted a place, got 0, 0".into(),
        _ => {
            let time = job.time.and_then(|time| batch.columns[time].time_us(row));
            let time = time.map_or(String::new(), |time| format!(" {}", super::findings::moment(time)));
            format!("wanted times in the order of the other rows of its sensor, got{time}")
        }
    }
}
