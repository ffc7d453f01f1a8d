//! Test data of any size: sensor readings whose every row follows from its number, with exact counts of what is in
//! them.
//!
//! The same settings give the same bytes on every machine. Memory does not grow with the number of rows; nothing is
//! kept to know duplicates by, since both copies of a reading can be found from each other's number.

mod order;
mod reading;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use swath_core::{Bytes, Error, Result, Stop};

use order::{Order, Pair};
use reading::{Generator, Reading};
use text::Line;

/// The header of the files.
pub const HEADER: &str = "sensor_id,timestamp,lat,lon,pm25,pm10,temp_c,rh,soil_moisture,battery_v\n";
/// Output is handed over in pieces of this size.
const BUFFER_BYTES: usize = 256 << 10;
/// Rows whose mean length tells how many rows make a size.
const MEASURED_ROWS: u64 = 4096;
/// No reading is later than this: 2200-01-01.
const LAST_SECOND: i64 = 7_258_118_400;

/// Settings of generated sensor readings; rates are fractions of all rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Telemetry {
    /// Rows to write, without the header.
    pub rows: Option<u64>,
    /// Bytes to write: it ends at the first end of a row at or past them.
    pub size: Option<Bytes>,
    /// Sensors, that read one after the other within each period.
    pub sensors: u32,
    /// Chooses among endlessly many files of the same kind.
    pub seed: u64,
    /// Seconds between two readings of a sensor.
    pub period_s: u32,
    /// The first period, in seconds since 1970-01-01 in UTC.
    pub start: i64,
    /// Whether rows come in no order at all.
    pub shuffle: bool,
    /// Fraction of values (PM2.5, PM10, humidity, soil moisture) that are empty.
    pub missing: f64,
    /// Fraction of rows that repeat another row exactly.
    pub duplicates: f64,
    /// Fraction of rows that repeat the sensor and time of another row with other values.
    pub conflicts: f64,
    /// Fraction of rows that are out of the order of time (without effect on shuffled rows).
    pub disorder: f64,
    /// Fraction of rows that are no readings: cut, text for a number, an impossible time, more fields, no sensor.
    pub malformed: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry {
            rows: None,
            size: None,
            sensors: 5000,
            seed: 7,
            period_s: 300,
            start: 1_740_787_200,
            shuffle: false,
            missing: 0.01,
            duplicates: 0.01,
            conflicts: 0.0,
            disorder: 0.005,
            malformed: 0.0005,
        }
    }
}

/// Rows that are no readings, by what is wrong with them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Malformed {
    /// The line ends after five fields.
    pub truncated: u64,
    /// `ERR#7` where PM2.5 should be.
    pub text_in_number: u64,
    /// A month 13.
    pub impossible_time: u64,
    /// Two fields more than the header.
    pub too_many_fields: u64,
    /// Nothing where the sensor should be.
    pub empty_sensor: u64,
}

/// What is in a generated file, counted exactly while it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Sensors asked for.
    pub sensors: u32,
    /// The seed.
    pub seed: u64,
    /// Bytes of the file with its header.
    pub csv_bytes: u64,
    /// Rows of the file without its header.
    pub rows: u64,
    /// Rows that are no readings.
    pub rejected: u64,
    /// The same by kind.
    pub malformed: Malformed,
    /// Rows that repeat an earlier row exactly.
    pub duplicates_exact: u64,
    /// Rows with the sensor and time of an earlier row and other values.
    pub duplicates_conflicting: u64,
    /// Different pairs of sensor and time: rows = unique + duplicates + rejected.
    pub unique: u64,
    /// Unique readings that have a PM2.5 value.
    pub pm25_count: u64,
    /// Sum of PM2.5 in hundredths over unique readings, where the first row of a pair of sensor and time counts.
    pub pm25_sum_x100_first: i64,
    /// The same where the last one counts.
    pub pm25_sum_x100_last: i64,
    /// The earliest time of a reading.
    pub time_min: Option<String>,
    /// The latest time of a reading.
    pub time_max: Option<String>,
    /// Unique readings per day in UTC.
    pub unique_per_day: BTreeMap<String, u64>,
}

/// Counts that become the truth.
struct Tally {
    truth: Truth,
    times: Option<(i64, i64)>,
    day: i64,
    in_day: u64,
    days: BTreeMap<i64, u64>,
}

impl Telemetry {
    /// Writes the readings to `out`.
    ///
    /// # Memory
    /// About 5 MB at most, whatever the size.
    ///
    /// # Errors
    /// [`Error::Usage`] for settings that make no sense, [`Error::OutputUnwritable`] if `out` fails,
    /// [`Error::Stopped`] soon after `stop` is raised.
    pub fn write(&self, out: &mut impl Write, stop: &Stop) -> Result<Truth> {
        self.check()?;
        self.generate(out, Path::new("the output"), stop)
    }

    /// Writes the readings to a file, that appears at `path` when it is complete and `before` is done with what is in
    /// it.
    ///
    /// # Errors
    /// Those of [`Telemetry::write`] and of `before`; what was at `path` is then unchanged.
    pub fn write_file(&self, path: &Path, stop: &Stop, before: impl FnOnce(&Truth) -> Result<()>) -> Result<Truth> {
        self.check()?;
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let failed = |error: io::Error| Error::writing(path, &error);
        let write = move |partial: &Path| {
            let mut file = File::create(partial).map_err(failed)?;
            let truth = self.generate(&mut file, path, stop)?;
            file.sync_all().map_err(failed)?;
            go_on(stop)?;
            before(&truth)?;
            std::fs::rename(partial, path).map_err(failed)?;
            Ok(truth)
        };
        write(&partial).inspect_err(|_| {
            // The first failure is the one to report.
            let _ = std::fs::remove_file(&partial);
        })
    }

    fn check(&self) -> Result<()> {
        let usage = |message: String, hint: &str| Err(Error::Usage { message, hint: hint.into() });
        if self.rows.is_none() && self.size.is_none() {
            return usage("how much is to be written is not said".into(), "--rows 1000000 or --size 1GB");
        }
        if self.sensors == 0 || self.period_s == 0 {
            return usage("there must be at least 1 sensor and a period of at least 1 s".into(), "");
        }
        for (name, rate, most) in [
            ("missing", self.missing, 1.0),
            ("duplicates", self.duplicates, 0.5),
            ("conflicts", self.conflicts, 0.5),
            ("duplicates and conflicts together", self.duplicates + self.conflicts, 0.5),
            ("disorder", self.disorder, 1.0),
            ("malformed", self.malformed, 1.0),
        ] {
            if !(0.0..=most).contains(&rate) {
                return usage(format!("the rate of {name} is {rate}; wanted 0 to {most}"), "1 % is 0.01");
            }
        }
        // The shortest row has about 40 bytes; twice the rows cover those that come early.
        let rows = self.rows.unwrap_or(u64::MAX).min(self.size.map_or(u64::MAX, |size| size.0 / 40));
        let periods = u128::from(rows) * 2 / u128::from(self.sensors) + u128::from(2 * order::BLOCK);
        let end = i128::from(self.start) + periods.min(1 << 60) as i128 * i128::from(self.period_s);
        if self.start < 0 {
            return usage("the first reading is before 1970; wanted 1970 or later".into(), "--start 1970-01-01");
        }
        if end > i128::from(LAST_SECOND) {
            let message = format!("{rows} rows of {} sensors end after the year 2200", self.sensors);
            return usage(message, "more --sensors, or a shorter --period");
        }
        Ok(())
    }

    /// Writes all rows to `out`, which errors call `name`.
    fn generate(&self, out: &mut impl Write, name: &Path, stop: &Stop) -> Result<Truth> {
        let failed = |error: io::Error| Error::writing(name, &error);
        let generator = Generator::new(self);
        let mut order = Order::new(self);
        if self.shuffle {
            order.shuffle(self.expected_rows(&generator, &order), self.seed);
        }
        let mut tally = Tally::new(self);
        let mut buffer: Vec<u8> = Vec::with_capacity(BUFFER_BYTES);
        buffer.extend_from_slice(HEADER.as_bytes());
        let mut bytes = HEADER.len() as u64;
        let most_bytes = self.size.map_or(u64::MAX, |size| size.0);
        let most_rows = self.rows.unwrap_or(u64::MAX);
        let mut position = 0;
        let mut line = Line::new();
        while position < most_rows && bytes < most_bytes {
            self.row(position, &generator, &order, &mut line, Some(&mut tally));
            let text = line.bytes();
            if buffer.len() + text.len() > BUFFER_BYTES {
                go_on(stop)?;
                out.write_all(&buffer).map_err(failed)?;
                buffer.clear();
            }
            buffer.extend_from_slice(text);
            bytes += text.len() as u64;
            position += 1;
        }
        out.write_all(&buffer).and_then(|()| out.flush()).map_err(failed)?;
        Ok(tally.finish(position, bytes))
    }

    /// Writes the row at a position of the file into `line` and counts it.
    fn row(&self, position: u64, generator: &Generator, order: &Order, line: &mut Line, tally: Option<&mut Tally>) {
        let slot = order.slot_at(position);
        if let Some(kind) = order.malformed(slot) {
            line.malformed(&generator.reading(slot), kind);
            if let Some(tally) = tally {
                tally.malformed(kind);
            }
            return;
        }
        let (pair, other) = order.pair(slot);
        // The earlier number of a pair is the reading, the later one its copy.
        let mut reading = generator.reading(if pair == Pair::None { slot } else { slot.min(other) });
        let plain = reading.pm25;
        if pair == Pair::Conflicting && other < slot {
            generator.alter(&mut reading, slot);
        }
        line.reading(&reading);
        let Some(tally) = tally else { return };
        if pair == Pair::None || order.position_of(other) > position {
            tally.unique(&reading);
        } else if pair == Pair::Exact {
            tally.truth.duplicates_exact += 1;
        } else {
            let mut earlier = plain;
            if slot < other {
                let mut copy = reading;
                generator.alter(&mut copy, other);
                earlier = copy.pm25;
            }
            tally.truth.duplicates_conflicting += 1;
            tally.truth.pm25_sum_x100_last += i64::from(reading.pm25.unwrap_or(0)) - i64::from(earlier.unwrap_or(0));
        }
    }

    /// About how many rows there will be; a shuffle needs to know beforehand.
    fn expected_rows(&self, generator: &Generator, order: &Order) -> u64 {
        let Some(size) = self.size else {
            return self.rows.unwrap_or(0);
        };
        let mut line = Line::new();
        let mut bytes = 0;
        for position in 0..MEASURED_ROWS {
            self.row(position, generator, order, &mut line, None);
            bytes += line.bytes().len() as u64;
        }
        let rows = (u128::from(size.0) * u128::from(MEASURED_ROWS)).div_ceil(u128::from(bytes)) as u64;
        rows.min(self.rows.unwrap_or(u64::MAX))
    }
}

/// An error once `stop` is raised; half a file is of no use, so there is nothing to resume.
fn go_on(stop: &Stop) -> Result<()> {
    if stop.is_raised() { Err(Error::Stopped { resumable: false }) } else { Ok(()) }
}

impl Tally {
    fn new(settings: &Telemetry) -> Tally {
        let truth = Truth { sensors: settings.sensors, seed: settings.seed, ..Truth::default() };
        Tally { truth, times: None, day: 0, in_day: 0, days: BTreeMap::new() }
    }

    fn malformed(&mut self, kind: u64) {
        let malformed = &mut self.truth.malformed;
        let count = match kind {
            0 => &mut malformed.truncated,
            1 => &mut malformed.text_in_number,
            2 => &mut malformed.impossible_time,
            3 => &mut malformed.too_many_fields,
            _ => &mut malformed.empty_sensor,
        };
        *count += 1;
        self.truth.rejected += 1;
    }

    fn unique(&mut self, reading: &Reading) {
        self.truth.unique += 1;
        if let Some(pm25) = reading.pm25 {
            self.truth.pm25_count += 1;
            self.truth.pm25_sum_x100_first += i64::from(pm25);
            self.truth.pm25_sum_x100_last += i64::from(pm25);
        }
        let (min, max) = self.times.unwrap_or((reading.second, reading.second));
        self.times = Some((min.min(reading.second), max.max(reading.second)));
        let day = reading.second.div_euclid(86_400);
        if day != self.day {
            *self.days.entry(self.day).or_default() += self.in_day;
            (self.day, self.in_day) = (day, 0);
        }
        self.in_day += 1;
    }

    fn finish(mut self, rows: u64, bytes: u64) -> Truth {
        *self.days.entry(self.day).or_default() += self.in_day;
        let days = self.days.into_iter().filter(|(_, count)| *count > 0);
        Truth {
            rows,
            csv_bytes: bytes,
            time_min: self.times.map(|(min, _)| text::moment(min)),
            time_max: self.times.map(|(_, max)| text::moment(max)),
            unique_per_day: days.map(|(day, count)| (text::day(day), count)).collect(),
            ..self.truth
        }
    }
}
