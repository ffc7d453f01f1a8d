//! What is usual in a sample, for checks that compare rows with it: where most rows are, and which columns change from
//! reading to reading.
//!
//! It keeps little, however large the sample is.

use rustc_hash::FxHashMap;
use swath_table::column::{Batch, Values};
use swath_table::schema::{ColumnType, Role, TableSchema};

/// Places that are kept at most: beyond, every other one is forgotten.
const PLACES_MAX: usize = 8_192;
/// Sensors whose first values are kept.
const SENSORS_MAX: usize = 256;
/// Fewer places do not tell where most are.
const PLACES_MIN: usize = 20;
/// Fewer readings do not tell whether a value changes.
const READINGS_MIN: u32 = 20;
/// The share of places on each side that are not among most.
const ASIDE: f64 = 0.1;

/// What is kept of a sample.
pub struct Watch {
    columns: Vec<usize>,
    place: Option<(usize, usize)>,
    sensor: Option<usize>,
    places: Vec<[f64; 2]>,
    step: usize,
    seen: usize,
    /// The values of the first reading of a sensor.
    first: FxHashMap<u64, Box<[f64]>>,
    /// Per column, readings with another value than the first of their sensor, and all.
    compared: Vec<(u32, u32)>,
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
        Watch {
            compared: vec![(0, 0); columns.len()],
            columns,
            place: schema.with_role(Role::X).zip(schema.with_role(Role::Y)),
            sensor: schema.with_role(Role::Sensor),
            places: Vec::new(),
            step: 1,
            seen: 0,
            first: FxHashMap::default(),
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
            let value = |column: &usize| match &batch.columns[*column] {
                column if column.valid[row] == 0 => f64::NAN,
                column => match &column.values {
                    Values::Float32(values) => f64::from(values[row]),
                    Values::Float64(values) => values[row],
                    _ => f64::NAN,
                },
            };
            let sensor = self.sensor.map_or(0, |sensor| code(sensor, row));
            let has_room = self.first.len() < SENSORS_MAX;
            match self.first.get_mut(&sensor) {
                None if has_room => {
                    self.first.insert(sensor, self.columns.iter().map(value).collect());
                }
                None => {}
                Some(first) => {
                    for ((first, column), compared) in first.iter_mut().zip(&self.columns).zip(&mut self.compared) {
                        let value = value(column);
                        // Nothing, and zero, may stay for long.
                        if value.is_nan() || (value == 0.0 && *first == 0.0) {
                            continue;
                        }
                        if first.is_nan() {
                            *first = value;
                            continue;
                        }
                        *compared = (compared.0 + u32::from(value != *first), compared.1 + 1);
                    }
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

    /// Columns whose values mostly change from reading to reading.
    pub fn varying(&self) -> Vec<usize> {
        let columns = self.columns.iter().zip(&self.compared);
        columns
            .filter(|(_, (other, all))| *all >= READINGS_MIN && 2 * other >= *all)
            .map(|(&column, _)| column)
            .collect()
    }
}
