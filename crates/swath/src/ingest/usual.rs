//! What is usual in a sample, for checks that compare rows with it: where most rows are, and how the values of columns
//! change from reading to reading.
//!
//! It keeps little, however large the sample is.

use rustc_hash::FxHashMap;
use swath_table::column::{Batch, Column, Values};
use swath_table::schema::{ColumnType, Role, TableSchema};
use swath_table::series::{Changes, Habit};

/// Places that are kept at most: beyond, every other one is forgotten.
const PLACES_MAX: usize = 8_192;
/// Sensors whose last values are kept.
const SENSORS_MAX: usize = 256;
/// Fewer places do not tell where most are.
const PLACES_MIN: usize = 20;
/// Where one reading in so many has an earlier time than the one before, neighbours tell nothing.
const LATE: u32 = 10;
/// The share of places on each side that are not among most.
const ASIDE: f64 = 0.1;

/// A column of floats whose values may change from reading to reading, and the ends of its values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Varying {
    /// Its position.
    pub column: usize,
    /// Whether they do in the sample; else it does not tell.
    pub is_known: bool,
    /// The least value of the sample, where several sensors have it, or there is one only: many stay at the ends of what
    /// they measure. Else less than all values.
    pub least: f64,
    /// The largest, likewise.
    pub most: f64,
}

/// What is known of a column of floats.
#[derive(Clone, Copy)]
struct Known {
    changes: Changes,
    least: End,
    most: End,
}

/// The last reading of a sensor in a piece of the sample.
struct Last {
    time: i64,
    /// The value of each column, how often it was there, and the one before.
    values: Box<[(f64, usize, f64)]>,
}

/// The least or the largest value, and whose it is.
#[derive(Clone, Copy)]
struct End {
    value: f64,
    sensor: u64,
    is_shared: bool,
}

impl End {
    fn take(&mut self, value: f64, sensor: u64, is_further: bool) {
        if is_further {
            *self = End { value, sensor, is_shared: false };
        } else if value == self.value && sensor != self.sensor {
            self.is_shared = true;
        }
    }
}

/// No value yet.
const NOTHING: (f64, usize, f64) = (f64::NAN, 0, f64::NAN);

/// What is kept of a sample.
pub struct Watch {
    columns: Vec<usize>,
    place: Option<(usize, usize)>,
    sensor: Option<usize>,
    time: Option<usize>,
    places: Vec<[f64; 2]>,
    step: usize,
    seen: usize,
    last: FxHashMap<u64, Last>,
    known: Vec<Known>,
    /// Readings with another time than the one before, of the same sensor, and how many of them have an earlier one.
    turns: (u32, u32),
}

impl Watch {
    /// Of a table.
    pub fn new(schema: &TableSchema) -> Watch {
        let is_value = |column: &usize| {
            let column = &schema.columns[*column];
            let is_float = matches!(column.column_type, ColumnType::Float32 | ColumnType::Float64);
            is_float && !matches!(column.role, Some(Role::X | Role::Y))
        };
        let columns: Vec<usize> = (0..schema.columns.len()).filter(is_value).collect();
        let end = |value| End { value, sensor: 0, is_shared: false };
        let nothing = Known { changes: Changes::default(), least: end(f64::INFINITY), most: end(f64::NEG_INFINITY) };
        Watch {
            known: vec![nothing; columns.len()],
            columns,
            place: schema.with_role(Role::X).zip(schema.with_role(Role::Y)),
            sensor: schema.with_role(Role::Sensor),
            time: schema.with_role(Role::Time),
            places: Vec::new(),
            step: 1,
            seen: 0,
            last: FxHashMap::default(),
            turns: (0, 0),
        }
    }

    /// What comes next does not follow what was there before.
    pub fn end_piece(&mut self) {
        for last in self.last.values_mut() {
            last.time = i64::MIN;
            for (value, known) in last.values.iter_mut().zip(&mut self.known) {
                close(value, known);
            }
        }
    }

    /// Looks at rows; `code` tells a value of a column from others.
    pub fn take(&mut self, batch: &Batch, code: &dyn Fn(usize, usize) -> u64) {
        if let Some((x, y)) = self.place {
            self.places(batch, x, y);
        }
        if self.columns.is_empty() {
            return;
        }
        for row in 0..batch.rows() {
            let sensor = self.sensor.map_or(0, |sensor| code(sensor, row));
            if self.last.len() >= SENSORS_MAX && !self.last.contains_key(&sensor) {
                continue;
            }
            let nothing = || Last { time: i64::MIN, values: vec![NOTHING; self.columns.len()].into() };
            let last = self.last.entry(sensor).or_insert_with(nothing);
            let time = self.time.map_or(i64::MIN, |time| moment(&batch.columns[time], row));
            if time != i64::MIN {
                // What was sent twice says nothing.
                if time == last.time {
                    continue;
                }
                if last.time != i64::MIN {
                    self.turns.0 += 1;
                    self.turns.1 += u32::from(time < last.time);
                }
                last.time = time;
            }
            for ((last, &column), known) in last.values.iter_mut().zip(&self.columns).zip(&mut self.known) {
                let value = value(&batch.columns[column], row);
                if value.is_nan() {
                    continue;
                }
                known.least.take(value, sensor, value < known.least.value);
                known.most.take(value, sensor, value > known.most.value);
                if value == last.0 {
                    last.1 += 1;
                } else {
                    let before = last.0;
                    close(last, known);
                    *last = (value, 1, before);
                }
            }
        }
    }

    fn places(&mut self, batch: &Batch, x: usize, y: usize) {
        let (Values::Float64(xs), Values::Float64(ys)) = (&batch.columns[x].values, &batch.columns[y].values) else {
            return;
        };
        for row in (0..batch.rows()).filter(|&row| batch.columns[x].valid[row] & batch.columns[y].valid[row] != 0) {
            self.seen += 1;
            if !self.seen.is_multiple_of(self.step) {
                continue;
            }
            self.places.push([xs[row], ys[row]]);
            if self.places.len() == PLACES_MAX {
                let mut position = 0;
                self.places.retain(|_| {
                    position += 1;
                    position % 2 == 0
                });
                self.step *= 2;
            }
        }
    }

    /// The box that most places are in: west, south, east, north.
    pub fn bounds(&self) -> Option<[f64; 4]> {
        let count = self.places.len();
        if count < PLACES_MIN {
            return None;
        }
        let most = |axis: usize| {
            let mut values: Vec<f64> = self.places.iter().map(|place| place[axis]).collect();
            values.sort_by(f64::total_cmp);
            let aside = (count as f64 * ASIDE) as usize;
            (values[aside], values[count - 1 - aside])
        };
        let ((west, east), (south, north)) = (most(0), most(1));
        Some([west, south, east, north])
    }

    /// Whether sensors stay at an end: what one of several alone has is no end of what they measure.
    fn is_usual(&self, end: End) -> bool {
        end.is_shared || self.last.len() == 1
    }

    /// Columns of floats, and whether their values change in the sample. Called once everything was looked at.
    pub fn varying(&self) -> Vec<Varying> {
        let is_in_order = self.turns.1 * LATE < self.turns.0 || self.turns.1 == 0;
        let columns = self.columns.iter().zip(&self.known);
        columns
            .map(|(&column, known)| Varying {
                column,
                is_known: is_in_order && known.changes.habit() == Habit::Changes,
                least: if self.is_usual(known.least) { known.least.value } else { f64::NEG_INFINITY },
                most: if self.is_usual(known.most) { known.most.value } else { f64::INFINITY },
            })
            .collect()
    }
}

/// Ends a run of equal values.
fn close(last: &mut (f64, usize, f64), known: &mut Known) {
    let (value, readings, before) = std::mem::replace(last, NOTHING);
    known.changes.take(value, readings, before);
}

/// A time of a column; the least there is where there is none.
fn moment(column: &Column, row: usize) -> i64 {
    match &column.values {
        Values::Timestamp(values) if column.valid[row] != 0 => values[row],
        _ => i64::MIN,
    }
}

/// A value of a column of floats; NaN where there is none.
fn value(column: &Column, row: usize) -> f64 {
    match &column.values {
        _ if column.valid[row] == 0 => f64::NAN,
        Values::Float32(values) => f64::from(values[row]),
        Values::Float64(values) => values[row],
        _ => f64::NAN,
    }
}
