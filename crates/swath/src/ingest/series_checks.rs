//! The readings of each sensor in the order of their times, as row groups hold them: what `swath_table::series` finds in
//! them is counted, and rejected where that is asked for.
//!
//! A sensor's readings in other row groups are not seen here. What they need to be compared is left in a blob, a
//! [`Stretch`] for each sensor of a row group, and `findings.rs` compares them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use swath_core::{Blob, Bytes, Result};
use swath_table::layout::FloatsAt;
use swath_table::reject::{Reason, Reject};
use swath_table::run::SortedRun;
use swath_table::series::{Changes, Finding, Ground, Habit, Readings, Series, Stretch};

use super::arrays::Packed;
use super::fetch::FetchRoom;
use super::job::Job;
use super::rejects::{self, Origin};
use super::route::row_length;
use super::row_checks::Usual;
use super::running::Running;
use super::sorted::NO_TIME;
use super::usual::Varying;
use crate::request::SortOrder;

/// Bytes that a row takes that stays where others are rejected: its position.
pub const KEPT_BYTES: u64 = 4;
/// What rows are flagged with.
const STUCK: u8 = 1;
const JUMPS: u8 = 2;

/// A long run of equal values, by rows of a row group.
struct LongRun {
    /// Position among the columns that are looked at.
    column: u32,
    first: u32,
    end: u32,
    sensor: u32,
    value: f64,
}

/// Long runs of a column that are kept at most in so many rows: with more, its values are ones that stay.
fn long_runs_at_most(rows: usize) -> usize {
    rows / Changes::SELDOM as usize + 3
}

/// Bytes of the long runs of a row group.
pub fn long_runs_bytes(job: &Job, rows: usize) -> Bytes {
    let of_length = job.schema.checks.stuck_value.map_or(0, |least| rows / least.max(1) as usize + 1);
    Bytes((job.varying.len() * of_length.min(long_runs_at_most(rows)) * size_of::<LongRun>()) as u64)
}

/// The longest of several that were found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Longest {
    /// How long, or how far.
    pub measure: f64,
    /// Identifier of the sensor.
    pub sensor: u32,
    /// From when to when, in microseconds.
    pub times: [i64; 2],
    /// The column, where there is one, and its value.
    pub value: Option<(usize, f64)>,
}

/// What was found of one kind.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// How often.
    pub count: u64,
    /// How many readings.
    pub readings: u64,
    /// The longest.
    pub longest: Option<Longest>,
}

impl Counted {
    /// Counts one more.
    pub fn add(&mut self, readings: u64, one: Longest) {
        self.and(Counted { count: 1, readings, longest: Some(one) });
    }

    /// Adds what was found behind it; of several that are as long, the first is kept.
    pub fn and(&mut self, later: Counted) {
        self.count += later.count;
        self.readings += later.readings;
        let is_longer = |one: &Longest| self.longest.as_ref().is_none_or(|longest| one.measure > longest.measure);
        if let Some(one) = later.longest.filter(is_longer) {
            self.longest = Some(one);
        }
    }
}

/// What was found in the row groups of a task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckedGroups {
    /// Values that do not change.
    pub stuck: Counted,
    /// Places that jump.
    pub jumps: Counted,
    /// Times without readings.
    pub gaps: Counted,
    /// A [`Stretch`] for each sensor of each row group.
    pub stretches: Vec<Blob>,
    /// Rows that were rejected, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// The rejected rows, packed, for each row group that has some.
    pub rejects: Vec<Blob>,
}

impl CheckedGroups {
    /// How many rows were rejected.
    pub fn rejected(&self) -> u64 {
        self.reasons.values().sum()
    }
}

/// How the readings of a job are looked at.
pub struct SeriesChecks {
    series: Series,
    places: Option<Places>,
    columns: Vec<(Varying, FloatsAt)>,
    runs: Vec<LongRun>,
    /// How many of `runs` each column has.
    counts: Vec<u32>,
    flags: Vec<u8>,
    /// Rows of the row group that stay.
    pub kept: Vec<u32>,
}

/// How distances between the places of a job's output are measured.
pub fn ground(job: &Job) -> Option<Ground> {
    let target = &job.geometry.as_ref()?.target;
    Some(match target.is_geographic() {
        true => Ground::Degrees,
        false => Ground::Plane(target.metres_per_unit().unwrap_or(1.0)),
    })
}

/// Whether the readings of a job are looked at: they are in the order of sensors and times.
pub fn looks(job: &Job) -> bool {
    let checks = &job.schema.checks;
    let any = checks.place_jump.is_some()
        || checks.stuck_value.is_some()
        || checks.moving_sensor.is_some()
        || checks.gap.is_some();
    any && job.sort == SortOrder::Sensor && job.time.is_some() && !job.compacts
}

/// Whether rows that are found are rejected. A row of a pivot is many rows of the input, which stay.
pub fn rejects_rows(job: &Job) -> bool {
    job.strict && job.pivot.is_none()
}

impl SeriesChecks {
    /// What looks at the readings of a job, if they are looked at.
    pub fn new(job: &Job) -> Option<SeriesChecks> {
        let geometry = job.geometry.as_ref();
        let hidden = job.schema.columns.len();
        let places = geometry.map(|places| if places.moved { [hidden, hidden + 1] } else { [places.x, places.y] });
        let floats = |column: usize| job.layout.floats(column);
        let places = places.and_then(|[x, y]| Some([floats(x)?, floats(y)?]));
        let columns = job.varying.iter().filter_map(|&varying| Some((varying, floats(varying.column)?)));
        // Places of rows that were found to have none, or another one.
        let is_placed = places.is_some() && job.sensor.is_some();
        let checks = &job.schema.checks;
        let usual = job.usual.filter(|_| checks.swapped_place && !geometry.is_some_and(|places| places.moved));
        looks(job).then(|| SeriesChecks {
            series: Series::new(checks.clone(), ground(job).filter(|_| is_placed), job.varying.len()),
            places: places.map(|columns| Places { columns, usual, zero: checks.zero_place }),
            columns: columns.collect(),
            runs: Vec::new(),
            counts: vec![0; job.varying.len()],
            flags: Vec::new(),
            kept: Vec::new(),
        })
    }

    /// Looks at the rows of a row group, and leaves those that stay in `kept`.
    ///
    /// # Errors
    /// When scratch cannot be written or read.
    pub fn look(&mut self, packed: &Packed<'_>, found: &mut Finds<'_>) -> Result<()> {
        let rows = packed.index.len();
        let is_strict = rejects_rows(&found.running.job);
        self.flags.clear();
        self.flags.resize(rows, 0);
        self.runs.clear();
        self.counts.fill(0);
        let runs_at_most = long_runs_at_most(rows) as u32;
        let (mut first, columns) = (0, &self.columns);
        while first < rows {
            let sensor = packed.keys[packed.index[first] as usize].major;
            let same = |&&row: &&u32| packed.keys[row as usize].major == sensor;
            let count = packed.index[first..].iter().take_while(same).count();
            let readings = OfSensor { packed, first, count, places: self.places, columns };
            let (flags, runs, counts) = (&mut self.flags, &mut self.runs, &mut self.counts);
            let stretch = self.series.look(sensor, &readings, &mut |finding| match finding {
                Finding::Stuck(column, run, value) => {
                    counts[column] += 1;
                    if counts[column] <= runs_at_most {
                        let [first, end] = [run.start, run.end].map(|reading| (first + reading) as u32);
                        runs.push(LongRun { column: column as u32, first, end, sensor, value });
                    }
                }
                Finding::Jump(reading, measure) => {
                    flags[first + reading] |= JUMPS;
                    let times = [readings.time(reading).unwrap_or_default(); 2];
                    found.jumps.add(0, Longest { measure, sensor, times, value: None });
                }
                Finding::Gap(times) => {
                    let measure = times[0].abs_diff(times[1]) as f64;
                    found.gaps.add(0, Longest { measure, sensor, times, value: None });
                }
            });
            found.put(stretch)?;
            first += count;
        }
        self.judge(packed, found);
        self.kept.clear();
        if is_strict {
            self.kept.reserve_exact(rows);
            for (position, &row) in packed.index.iter().enumerate() {
                let reason = match self.flags[position] {
                    0 => None,
                    flags if flags & JUMPS != 0 => Some(Reason::PlaceJump),
                    _ => Some(Reason::StuckValue),
                };
                let goes = match reason {
                    Some(reason) => found.reject(packed, row, reason)?,
                    None => false,
                };
                if goes {
                    self.flags[position] = 0;
                } else {
                    self.kept.push(row);
                }
            }
            found.write_rejects()?;
        }
        let count = |flag: u8| self.flags.iter().filter(|flags| **flags & flag != 0).count() as u64;
        found.stuck.readings += count(STUCK);
        found.jumps.readings += count(JUMPS);
        Ok(())
    }

    /// Of long runs of equal values, those of columns whose values change otherwise are stuck. The readings of the row
    /// group say whether they do; where they are too few, the sample does.
    fn judge(&mut self, packed: &Packed<'_>, found: &mut Finds<'_>) {
        let changes: Vec<bool> = (self.columns.iter().enumerate())
            .map(|(column, (varying, _))| match self.series.take_changes(column).habit() {
                Habit::Changes => true,
                Habit::Stays => false,
                Habit::Unknown => varying.is_known,
            })
            .collect();
        for &LongRun { column, first, end, sensor, value } in &self.runs {
            let varying = self.columns[column as usize].0;
            // Sensors stay at the ends of what they measure.
            if !changes[column as usize] || value <= varying.least || value >= varying.most {
                continue;
            }
            let time = |at: u32| match packed.keys[packed.index[at as usize] as usize].minor {
                NO_TIME => 0,
                time => time,
            };
            let longest = Longest {
                measure: f64::from(end - first),
                sensor,
                times: [time(first), time(end - 1)],
                value: Some((varying.column, value)),
            };
            found.stuck.add(0, longest);
            self.flags[first as usize..end as usize].iter_mut().for_each(|flag| *flag |= STUCK);
        }
    }
}

/// The readings of one sensor in a row group.
struct OfSensor<'a> {
    packed: &'a Packed<'a>,
    first: usize,
    count: usize,
    places: Option<Places>,
    columns: &'a [(Varying, FloatsAt)],
}

/// Where places are in packed rows, and which of them are wrong by themselves.
#[derive(Clone, Copy)]
struct Places {
    columns: [FloatsAt; 2],
    usual: Option<Usual>,
    zero: bool,
}

impl OfSensor<'_> {
    fn row(&self, reading: usize) -> &[u8] {
        let (row, stride) = (self.packed.index[self.first + reading] as usize, self.packed.layout.stride());
        &self.packed.rows[row * stride..(row + 1) * stride]
    }
}

impl Readings for OfSensor<'_> {
    fn count(&self) -> usize {
        self.count
    }

    fn time(&self, reading: usize) -> Option<i64> {
        let time = self.packed.keys[self.packed.index[self.first + reading] as usize].minor;
        (time != NO_TIME).then_some(time)
    }

    fn place(&self, reading: usize) -> [f64; 2] {
        let Some(Places { columns, usual, zero }) = self.places else { return [f64::NAN; 2] };
        let [x, y] = columns.map(|column| column.of(self.row(reading)));
        let is_wrong = zero && x == 0.0 && y == 0.0 || usual.is_some_and(|usual| usual.is_swapped(x, y));
        if is_wrong { [f64::NAN; 2] } else { [x, y] }
    }

    fn value(&self, reading: usize, column: usize) -> f64 {
        self.columns[column].1.of(self.row(reading))
    }
}

/// What is found in the row groups of a task, and what it takes to reject rows.
pub struct Finds<'a> {
    /// The run.
    pub running: &'a Running,
    /// All sorted runs.
    pub runs: &'a [SortedRun],
    /// Where the fetched rows came from.
    pub fetching: &'a FetchRoom,
    stretches: Vec<Stretch>,
    written: Vec<Blob>,
    rejects: Vec<Blob>,
    stuck: Counted,
    jumps: Counted,
    gaps: Counted,
    reasons: BTreeMap<String, u64>,
    packed: rejects::Packed,
}

impl<'a> Finds<'a> {
    /// Nothing yet.
    pub fn new(running: &'a Running, runs: &'a [SortedRun], fetching: &'a FetchRoom) -> Finds<'a> {
        Finds {
            running,
            runs,
            fetching,
            stretches: Vec::with_capacity(STRETCHES),
            written: Vec::new(),
            rejects: Vec::new(),
            stuck: Counted::default(),
            jumps: Counted::default(),
            gaps: Counted::default(),
            reasons: BTreeMap::new(),
            packed: rejects::Packed::default(),
        }
    }

    /// Rejects a row, unless it is one of the lake's.
    fn reject(&mut self, packed: &Packed<'_>, row: u32, reason: Reason) -> Result<bool> {
        let (run, of_run) = self.fetching.origin(row);
        let of_run = (&self.runs[run as usize], of_run);
        if of_run.0.origins_at.is_none() {
            return Ok(false);
        }
        *self.reasons.entry(reason.name().into()).or_default() += 1;
        if self.packed.is_full() {
            return Ok(true);
        }
        let Some(origin) = rejects::origin(self.running, of_run.0, of_run.1)? else { return Ok(false) };
        let Origin { file, line, offset } = origin;
        let job = &self.running.job;
        let time = packed.keys[row as usize].minor;
        let when = if time == NO_TIME { String::new() } else { format!(" at {}", super::findings::moment(time)) };
        let detail = match reason {
            Reason::StuckValue => format!("one of many equal readings in a row, got it again{when}"),
            _ => format!("wanted a place near those before and after it, of the same sensor, got another one{when}"),
        };
        let length = match job.columnar {
            Some(_) => 0,
            None => row_length(self.running, file as usize, offset)?,
        };
        let shown = job.columnar.is_some().then_some(&b""[..]);
        let reject = Reject { offset, length, line, column: None, reason, detail };
        self.packed.of_run = Some(run);
        self.packed.push(file, &job.files[file as usize], &reject, shown);
        Ok(true)
    }

    /// Writes the rejects of a row group: what is kept of it does not depend on others.
    fn write_rejects(&mut self) -> Result<()> {
        self.packed.check()?;
        if !self.packed.bytes.is_empty() {
            let mut writer = self.running.store.write(self.packed.bytes.len() as u64)?;
            writer.append(&self.packed.bytes)?;
            self.rejects.push(writer.finish()?);
            self.packed.bytes.clear();
        }
        Ok(())
    }

    fn put(&mut self, stretch: Stretch) -> Result<()> {
        self.stretches.push(stretch);
        if self.stretches.len() < STRETCHES { Ok(()) } else { self.write_stretches() }
    }

    fn write_stretches(&mut self) -> Result<()> {
        let bytes: &[u8] = bytemuck::cast_slice(&self.stretches);
        if !bytes.is_empty() {
            let mut writer = self.running.store.write(bytes.len() as u64)?;
            writer.append(bytes)?;
            self.written.push(writer.finish()?);
            self.stretches.clear();
        }
        Ok(())
    }

    /// What remains of it.
    ///
    /// # Errors
    /// When scratch cannot be written.
    pub fn finish(mut self) -> Result<CheckedGroups> {
        self.write_stretches()?;
        Ok(CheckedGroups {
            stuck: self.stuck,
            jumps: self.jumps,
            gaps: self.gaps,
            stretches: self.written,
            reasons: self.reasons,
            rejects: self.rejects,
        })
    }
}

/// Stretches that are gathered before they are written.
const STRETCHES: usize = 3_000;

/// Memory that a task takes for what it finds.
pub const FINDS_BYTES: u64 = STRETCHES as u64 * STRETCH_BYTES;

/// Bytes of a stretch.
pub const STRETCH_BYTES: u64 = size_of::<Stretch>() as u64;
