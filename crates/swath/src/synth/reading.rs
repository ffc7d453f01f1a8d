//! The values of a reading from its number: clusters of sensors, cycles of the day, drift, noise and spikes.
//!
//! Only additions, multiplications, divisions and square roots are used: they give the same bits on every machine,
//! which library functions like `sin` do not promise.

use super::Telemetry;
use super::order::{chance, hash, stream};

/// Sensors whose properties are kept; of more they are computed for each row.
const KEPT_SENSORS: u32 = 65_536;
const CITIES: u64 = 40;
const MINUTES: usize = 1440;
const DAYS: usize = 365;
/// Standard deviation of the sum of four 16-bit numbers.
const SPREAD: f64 = 37_837.2;
const SPIKES: f64 = 0.0005;

/// One row in whole units: millionths of degrees, hundredths, tenths (humidity), thousandths (soil).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    pub(super) sensor: u32,
    pub(super) second: i64,
    pub(super) lat: i32,
    pub(super) lon: i32,
    pub(super) pm25: Option<i32>,
    pub(super) pm10: Option<i32>,
    pub(super) temp: i32,
    pub(super) humidity: Option<i32>,
    pub(super) soil: Option<i32>,
    pub(super) battery: i32,
}

/// What does not change about a sensor.
#[derive(Debug, Clone, Copy)]
struct Sensor {
    phase_s: i64,
    lat: f64,
    lon: f64,
    base: f64,
    drift: f64,
    warmth: f64,
    soil: f64,
    battery: f64,
}

/// Makes readings.
#[derive(Debug)]
pub(super) struct Generator {
    sensors: u64,
    period_s: i64,
    start: i64,
    missing: u64,
    spikes: u64,
    sensor_stream: u64,
    noise: [u64; 4],
    kept: Vec<Sensor>,
    /// Rush hours, warmth and battery over the minutes of a day.
    rush: Vec<f64>,
    warmth: Vec<f64>,
    battery: Vec<f64>,
    /// Wetness of the soil and charge of the battery over the days of a year.
    wetness: Vec<f64>,
    charge: Vec<f64>,
}

/// A number around 0 with deviation 1 (a sum of four).
fn normal(random: u64) -> f64 {
    let sum = (random & 0xffff) + (random >> 16 & 0xffff) + (random >> 32 & 0xffff) + (random >> 48);
    (sum as f64 - 131_070.0) * (1.0 / SPREAD)
}

/// A number from 0 to 1.
fn uniform(random: u64) -> f64 {
    (random >> 11) as f64 / 9_007_199_254_740_992.0
}

/// e to a power between about -4 and 4: the Taylor series of an eighth of it, squared three times.
fn exponential(power: f64) -> f64 {
    // Reciprocals as constants: a division takes many times as long as a multiplication.
    const TERMS: [f64; 4] = [1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0];
    let x = power * 0.125;
    let series = 1.0 + x * (1.0 + x * (0.5 + x * (TERMS[0] + x * (TERMS[1] + x * (TERMS[2] + x * TERMS[3])))));
    let squared = series * series;
    let fourth = squared * squared;
    fourth * fourth
}

/// The sine of a number of turns (Bhaskara's approximation, good to 0.002).
fn sine(turns: f64) -> f64 {
    let turn = turns - turns.floor();
    let (half, sign) = if turn < 0.5 { (turn, 1.0) } else { (turn - 0.5, -1.0) };
    let product = half * 2.0 * (1.0 - half * 2.0);
    sign * 16.0 * product / (5.0 - 4.0 * product)
}

/// The nearest whole number.
fn whole(value: f64) -> i32 {
    (value + if value < 0.0 { -0.5 } else { 0.5 }) as i32
}

impl Generator {
    pub(super) fn new(settings: &Telemetry) -> Generator {
        let hour = |minute: usize| minute as f64 / 60.0;
        let hump = |hour: f64, peak: f64, width: f64| {
            let away = (hour - peak) / width;
            exponential(-(away * away).min(4.0))
        };
        let day = |value: &dyn Fn(f64) -> f64| (0..MINUTES).map(|minute| value(hour(minute))).collect::<Vec<f64>>();
        let mut generator = Generator {
            sensors: u64::from(settings.sensors),
            period_s: i64::from(settings.period_s),
            start: settings.start,
            missing: chance(settings.missing) >> 48,
            spikes: chance(SPIKES),
            sensor_stream: stream(settings.seed, 10),
            noise: [11, 12, 13, 14].map(|purpose| stream(settings.seed, purpose)),
            kept: Vec::new(),
            rush: day(&|hour| 1.0 + 0.6 * (hump(hour, 8.0, 2.0) + hump(hour, 18.0, 2.5))),
            warmth: day(&|hour| 12.0 + 8.0 * sine((hour - 9.0) / 24.0)),
            battery: day(&|hour| 0.05 * sine(hour / 24.0)),
            wetness: (0..DAYS).map(|day| 20.0 * sine(day as f64 / 18.85)).collect(),
            charge: (0..DAYS).map(|day| -0.002 * (day % 30) as f64).collect(),
        };
        // The whole range of the rates must be reachable with the 16 bits that are rolled per value.
        if settings.missing >= 1.0 {
            generator.missing = 1 << 16;
        }
        let kept = settings.sensors.min(KEPT_SENSORS);
        generator.kept = (0..kept).map(|sensor| generator.sensor(sensor.into())).collect();
        generator
    }

    fn sensor(&self, sensor: u64) -> Sensor {
        let random = |purpose: u64| hash(self.sensor_stream.wrapping_add(purpose), sensor);
        let city = random(1) % CITIES;
        let of_city = |purpose: u64| uniform(hash(!self.sensor_stream, city * 2 + purpose));
        Sensor {
            // Phases are in the order of sensors, so rows come in the order of time.
            phase_s: (sensor * self.period_s as u64 / self.sensors) as i64,
            lat: 47.5 + 7.0 * of_city(0) + 0.12 * normal(random(2)),
            lon: 6.5 + 8.0 * of_city(1) + 0.18 * normal(random(3)),
            base: exponential(2.3 + 0.5 * normal(random(4))),
            drift: 0.004 * normal(random(5)),
            warmth: 2.0 * normal(random(6)),
            soil: 100.0 + 300.0 * uniform(random(7)),
            battery: 3.6 + 0.6 * uniform(random(8)),
        }
    }

    /// The reading of a slot.
    pub(super) fn reading(&self, slot: u64) -> Reading {
        let (epoch, sensor) = ((slot / self.sensors) as i64, slot % self.sensors);
        let fixed = match self.kept.get(sensor as usize) {
            Some(sensor) => *sensor,
            None => self.sensor(sensor),
        };
        let since = epoch * self.period_s + fixed.phase_s;
        let second = self.start + since;
        let minute = (second.rem_euclid(86_400) / 60) as usize;
        let day = (since / 86_400) as usize % DAYS;
        let [one, two, three, four] = self.noise.map(|stream| hash(stream, slot));
        let mut pm25 = fixed.base
            * self.rush[minute]
            * (1.0 + fixed.drift * day as f64).max(0.1)
            * exponential(0.18 * normal(one));
        if two < self.spikes {
            pm25 *= 5.0 + 25.0 * uniform(hash(self.noise[1], two));
        }
        let pm25 = whole(pm25 * 100.0);
        let pm10 = whole(f64::from(pm25) * (1.2 + (two & 0xffff) as f64 / 65_536.0));
        let temp = whole((self.warmth[minute] + fixed.warmth + 0.4 * normal(three)) * 100.0);
        // Sixteen bits each; smaller noise needs no bell shape.
        let part = |number: u32| (four >> (16 * number) & 0xffff) as f64 / 65_536.0 - 0.5;
        let humidity = whole((70.0 - 2.0 * (f64::from(temp) * 0.01 - 12.0) + 10.0 * part(0)) * 10.0).clamp(50, 1000);
        let soil = whole(fixed.soil + self.wetness[day] + 7.0 * part(1));
        let battery = whole((fixed.battery + self.charge[day] + self.battery[minute]) * 100.0);
        let rolls = hash(self.noise[3], three);
        let kept = |value: i32, number: u32| ((rolls >> (16 * number) & 0xffff) >= self.missing).then_some(value);
        Reading {
            sensor: sensor as u32,
            second,
            lat: whole((fixed.lat + 1e-4 * part(2)) * 1e6),
            lon: whole((fixed.lon + 1e-4 * part(3)) * 1e6),
            pm25: kept(pm25, 0),
            pm10: kept(pm10, 1),
            temp,
            humidity: kept(humidity, 2),
            soil: kept(soil, 3),
            battery,
        }
    }

    /// Other values for the same sensor and time, as `slot` sends them.
    pub(super) fn alter(&self, reading: &mut Reading, slot: u64) {
        let random = hash(self.noise[2], slot);
        reading.pm25 = reading.pm25.map(|value| value + 1 + (random & 0x1ff) as i32);
        reading.temp += 1 + (random >> 32 & 0xff) as i32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn approximations_are_near() {
        for step in -400..400 {
            let x = f64::from(step) / 100.0;
            assert!((exponential(x) / x.exp() - 1.0).abs() < 1e-3, "{x}");
            assert!((sine(x) - (x * std::f64::consts::TAU).sin()).abs() < 2e-3, "{x}");
        }
        let mean = (0..100_000).map(|index| normal(hash(1, index))).sum::<f64>() / 1e5;
        let square = (0..100_000).map(|index| normal(hash(1, index)).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.02, "{mean} {square}");
    }
}
