//! The readings of one sensor, one after the other in time: values that do not change, places that jump, times without
//! a reading.
//!
//! It says what is seldom right; what becomes of it, the caller decides. What is compared is what the caller hands over
//! at once; [`Stretch`] tells what comparing it with what comes before and after takes.

use std::ops::Range;

use crate::schema::Checks;

/// Radius of the sphere on which distances between degrees are measured, in metres: the mean radius R1 of the WGS 84
/// ellipsoid, (2a + b) / 3.
const RADIUS: f64 = 6_371_008.771_4;
/// Intervals that it takes to know which one is usual; three of four are within a factor of two of it.
const INTERVALS_MIN: u32 = 8;
/// Steps in which intervals are told apart: eight for each doubling.
const STEPS: usize = 64 * 8;
/// A place jumps if it is so many times as far away as the places before and after it are from each other.
const JUMP_RATIO: f64 = 10.0;

/// Metres a second that hardly anything on the ground moves at.
const FAST: f64 = 100.0;

/// Whether nothing could have been so far away between the times before and after; so it is where no time is known.
fn is_fast(away: f64, times: [Option<i64>; 3]) -> bool {
    let [Some(before), Some(middle), Some(after)] = times else { return true };
    let seconds = |a: i64, b: i64| a.abs_diff(b) as f64 / 1e6;
    away > FAST * seconds(before, middle) || away > FAST * seconds(middle, after)
}

/// How distances are measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ground {
    /// Between longitudes and latitudes in degrees, on a sphere (haversine).
    Degrees,
    /// In a plane, with so many metres in a unit.
    Plane(f64),
}

impl Ground {
    /// No fewer metres than are between two places, at once.
    fn metres_at_most(self, a: [f64; 2], b: [f64; 2]) -> f64 {
        let unit = if let Ground::Plane(unit) = self { unit } else { RADIUS.to_radians() };
        ((a[0] - b[0]).abs() + (a[1] - b[1]).abs()) * unit
    }

    /// Metres between two places.
    pub fn metres(self, a: [f64; 2], b: [f64; 2]) -> f64 {
        if a == b {
            return 0.0;
        }
        match self {
            Ground::Plane(unit) => (a[0] - b[0]).hypot(a[1] - b[1]) * unit,
            Ground::Degrees => {
                let half = |difference: f64| (difference.to_radians() / 2.0).sin().powi(2);
                let cosines = a[1].to_radians().cos() * b[1].to_radians().cos();
                2.0 * RADIUS * (half(b[1] - a[1]) + cosines * half(b[0] - a[0])).sqrt().min(1.0).asin()
            }
        }
    }
}

/// Readings of one sensor in the order of their times.
pub trait Readings {
    /// How many.
    fn count(&self) -> usize;
    /// When, in microseconds, if that is known.
    fn time(&self, reading: usize) -> Option<i64>;
    /// Where; NaN where that is not known.
    fn place(&self, reading: usize) -> [f64; 2];
    /// The value of one of the columns that are looked at; NaN where there is none.
    fn value(&self, reading: usize, column: usize) -> f64;
}

/// What readings come to, for comparing with those of the sensor before and after them.
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub struct Stretch {
    /// First and last time, in microseconds; the first is the larger one where no time is known.
    pub times: [i64; 2],
    /// West, south, east, north of the places that do not jump; infinite where there are none.
    pub bounds: [f32; 4],
    /// Identifier of the sensor.
    pub sensor: u32,
    /// Position of the usual interval among the steps of intervals; 0 where it is not known.
    pub interval: u32,
}

impl Stretch {
    /// Readings without times and places.
    pub const fn of(sensor: u32) -> Stretch {
        Stretch {
            times: [i64::MAX, i64::MIN],
            bounds: [f32::INFINITY, f32::INFINITY, f32::NEG_INFINITY, f32::NEG_INFINITY],
            sensor,
            interval: 0,
        }
    }

    /// Takes in what comes behind it.
    pub fn and(&mut self, later: &Stretch) {
        self.times = [self.times[0].min(later.times[0]), self.times[1].max(later.times[1])];
        self.include(later.bounds);
        self.interval = if later.interval > 0 { later.interval } else { self.interval };
    }

    fn take(&mut self, [x, y]: [f64; 2]) {
        self.include([x as f32, y as f32, x as f32, y as f32]);
    }

    fn include(&mut self, other: [f32; 4]) {
        let [west, south, east, north] = self.bounds;
        self.bounds = [west.min(other[0]), south.min(other[1]), east.max(other[2]), north.max(other[3])];
    }

    /// Metres between the corners of the box around its places.
    pub fn extent(&self, ground: Ground) -> f64 {
        let [west, south, east, north] = self.bounds.map(f64::from);
        if west > east { 0.0 } else { ground.metres([west, south], [east, north]) }
    }
}

/// Something that was found in readings.
#[derive(Debug, Clone, PartialEq)]
pub enum Finding {
    /// Readings whose value in a column is the same.
    Stuck(usize, Range<usize>, f64),
    /// A reading that is so many metres away.
    Jump(usize, f64),
    /// Nothing between these two times.
    Gap([i64; 2]),
}

/// What readings show of how a column of values changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Its values change from reading to reading.
    Changes,
    /// They stay for a while often enough, or only ever grow, as a counter does: that one stays is nothing to tell.
    Stays,
    /// Too little was seen.
    Unknown,
}

/// How often the values of a column changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Changes {
    /// Values that are not the one before.
    pub values: u32,
    /// Those of them that are larger than the one before.
    pub rises: u32,
    /// Those that were there again at once; zero may stay for long.
    pub repeats: u32,
}

impl Changes {
    /// Fewer do not tell that values change.
    const VALUES_MIN: u32 = 20;
    /// Fewer do not tell that they stay.
    const REPEATS_MIN: u32 = 3;
    /// Where values change, one stays less often than once in so many.
    pub const SELDOM: u32 = 20;

    /// What that shows.
    pub fn habit(self) -> Habit {
        let stays = self.repeats.saturating_mul(Self::SELDOM) >= self.values;
        let falls = self.values.saturating_sub(self.rises);
        match () {
            () if stays && self.repeats >= Self::REPEATS_MIN => Habit::Stays,
            () if stays || self.values < Self::VALUES_MIN => Habit::Unknown,
            () if falls.saturating_mul(Self::SELDOM) < self.values => Habit::Stays,
            () => Habit::Changes,
        }
    }

    /// Takes in a value, how many readings had it, and the one before; the first of a sensor speaks against no counter.
    pub fn take(&mut self, value: f64, readings: usize, before: f64) {
        // The same value behind readings without one is no change.
        if !value.is_nan() && value != before {
            self.values += 1;
            self.rises += u32::from(before.is_nan() || value > before);
            self.repeats += u32::from(readings > 1 && value != 0.0);
        }
    }
}

/// The checks of the readings of sensors.
#[derive(Debug)]
pub struct Series {
    checks: Checks,
    ground: Option<Ground>,
    runs: Vec<Run>,
    changes: Vec<Changes>,
    steps: Vec<u32>,
}

/// Equal values, one after the other.
#[derive(Debug, Clone, Copy)]
struct Run {
    value: f64,
    first: usize,
    /// The value before, of readings that have one.
    before: f64,
}

impl Run {
    const NONE: Run = Run { value: f64::NAN, first: 0, before: f64::NAN };

    /// Another value behind it.
    fn then(self, value: f64, first: usize) -> Run {
        Run { value, first, before: if self.value.is_nan() { self.before } else { self.value } }
    }
}

impl Series {
    /// Checks of so many columns of values, and of places where the ground is known.
    pub fn new(checks: Checks, ground: Option<Ground>, columns: usize) -> Series {
        let (runs, changes) = (vec![Run::NONE; columns], vec![Changes::default(); columns]);
        Series { checks, ground, runs, changes, steps: vec![0; STEPS] }
    }

    /// How the values of a column changed since the last call.
    pub fn take_changes(&mut self, column: usize) -> Changes {
        std::mem::take(&mut self.changes[column])
    }

    /// Looks at the readings of a sensor.
    pub fn look(&mut self, sensor: u32, readings: &impl Readings, found: &mut impl FnMut(Finding)) -> Stretch {
        let mut stretch = Stretch::of(sensor);
        self.values(readings, found);
        if let Some(ground) = self.ground {
            self.places(ground, readings, &mut stretch, found);
        }
        self.times(readings, &mut stretch, found);
        stretch
    }

    fn values(&mut self, readings: &impl Readings, found: &mut impl FnMut(Finding)) {
        let Some(least) = self.checks.stuck_value.map(|least| least as usize) else { return };
        let count = readings.count();
        if count < least {
            return;
        }
        let (runs, changes) = (&mut self.runs, &mut self.changes);
        runs.fill(Run::NONE);
        let mut close = |column: usize, Run { value, first, before }: Run, end: usize| {
            changes[column].take(value, end - first, before);
            if end - first >= least && value != 0.0 && !value.is_nan() {
                found(Finding::Stuck(column, first..end, value));
            }
        };
        for reading in 0..count {
            for (column, run) in runs.iter_mut().enumerate() {
                let value = readings.value(reading, column);
                if value != run.value {
                    close(column, *run, reading);
                    *run = run.then(value, reading);
                }
            }
        }
        for (column, run) in runs.iter().enumerate() {
            close(column, *run, count);
        }
    }

    fn places(&self, ground: Ground, readings: &impl Readings, stretch: &mut Stretch, found: &mut impl FnMut(Finding)) {
        let least = self.checks.place_jump.unwrap_or(f64::INFINITY);
        let near = self.checks.place_jump.or(self.checks.moving_sensor).unwrap_or(f64::INFINITY);
        let is_near =
            |a: [f64; 2], b: [f64; 2]| a == b || ground.metres_at_most(a, b) < near || ground.metres(a, b) < near;
        // The last two readings with a place, but for those that jump.
        let mut known: [Option<(usize, [f64; 2])>; 2] = [None, None];
        let mut is_alone = true;
        for reading in 0..readings.count() {
            let place = readings.place(reading);
            if place[0].is_nan() || place[1].is_nan() {
                continue;
            }
            let [before, middle] = known;
            if let Some((of_middle, last)) = middle {
                is_alone = false;
                // A place counts where the one before or behind it is near.
                if is_near(last, place) {
                    stretch.take(last);
                    stretch.take(place);
                } else if let Some((of_before, first)) = before {
                    let away = ground.metres(first, last).min(ground.metres(last, place));
                    let times = [of_before, of_middle, reading].map(|reading| readings.time(reading));
                    if away >= least && away > JUMP_RATIO * ground.metres(first, place) && is_fast(away, times) {
                        found(Finding::Jump(of_middle, away));
                        known = [before, Some((reading, place))];
                        continue;
                    }
                }
            }
            known = [middle, Some((reading, place))];
        }
        if let (true, [_, Some((_, place))]) = (is_alone, known) {
            stretch.take(place);
        }
    }

    fn times(&mut self, readings: &impl Readings, stretch: &mut Stretch, found: &mut impl FnMut(Finding)) {
        let times = || (0..readings.count()).filter_map(|reading| readings.time(reading));
        let (Some(first), Some(last)) = (times().next(), times().next_back()) else { return };
        stretch.times = [first, last];
        let Some(factor) = self.checks.gap else { return };
        let intervals = || times().zip(times().skip(1)).filter(|(before, after)| before < after);
        let (mut count, mut shortest, mut longest) = (0, STEPS, 0);
        for (before, after) in intervals() {
            let step = step(before.abs_diff(after));
            self.steps[step] += 1;
            (count, shortest, longest) = (count + 1, shortest.min(step), longest.max(step));
        }
        if count == 0 {
            return;
        }
        let mut below = 0;
        let of_half = self.steps[shortest..=longest].iter().position(|&of_step| {
            below += of_step;
            2 * below >= count
        });
        let usual = shortest + of_half.unwrap_or(0);
        // Within a factor of two.
        let regular: u32 = self.steps[usual.saturating_sub(8)..(usual + 9).min(STEPS)].iter().sum();
        self.steps[shortest..=longest].fill(0);
        if count < INTERVALS_MIN || 4 * regular < 3 * count {
            return;
        }
        stretch.interval = usual as u32 + 1;
        let limit = factor * usual_interval(stretch.interval);
        for (before, after) in intervals().filter(|(before, after)| before.abs_diff(*after) as f64 >= limit) {
            found(Finding::Gap([before, after]));
        }
    }
}

/// The end of the step below this one, in microseconds: what [`Stretch::interval`] stands for, to an eighth.
pub fn usual_interval(step: u32) -> f64 {
    let (octave, eighth) = (step / 8, step % 8);
    (8.0 + f64::from(eighth)) * 2f64.powi(octave as i32 - 3)
}

/// The step of an interval in microseconds: eight for each doubling.
fn step(interval: u64) -> usize {
    let octave = interval.max(1).ilog2() as usize;
    let eighth = if octave >= 3 { (interval >> (octave - 3)) & 7 } else { (interval << (3 - octave)) & 7 };
    octave * 8 + eighth as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rows<'a>(&'a [(i64, [f64; 2], f64)]);

    impl Readings for Rows<'_> {
        fn count(&self) -> usize {
            self.0.len()
        }
        fn time(&self, reading: usize) -> Option<i64> {
            Some(self.0[reading].0)
        }
        fn place(&self, reading: usize) -> [f64; 2] {
            self.0[reading].1
        }
        fn value(&self, reading: usize, _column: usize) -> f64 {
            self.0[reading].2
        }
    }

    const HOUR: i64 = 3_600_000_000;

    fn look(rows: &[(i64, [f64; 2], f64)], checks: Checks) -> (Stretch, Vec<Finding>) {
        let mut found = Vec::new();
        let mut series = Series::new(checks, Some(Ground::Degrees), 1);
        let stretch = series.look(7, &Rows(rows), &mut |finding| found.push(finding));
        (stretch, found)
    }

    #[test]
    fn metres_are_those_of_a_sphere() {
        // A degree along a meridian and along the equator of that sphere, and across the antimeridian.
        let degree = RADIUS.to_radians();
        for (a, b, wanted) in [
            ([0.0, 0.0], [0.0, 1.0], degree),
            ([10.0, 0.0], [11.0, 0.0], degree),
            ([179.5, 0.0], [-179.5, 0.0], degree),
            ([0.0, 60.0], [1.0, 60.0], degree * 0.5),
        ] {
            let metres = Ground::Degrees.metres(a, b);
            assert!((metres - wanted).abs() < wanted * 1e-4, "{a:?} {b:?}: {metres}, wanted {wanted}");
        }
        assert_eq!(Ground::Plane(0.3048).metres([0.0, 0.0], [3.0, 4.0]), 5.0 * 0.3048);
    }

    #[test]
    fn equal_readings_in_a_row_are_stuck_unless_they_are_zero_or_missing() {
        let checks = Checks { stuck_value: Some(3), ..Checks::NONE };
        let rows: Vec<_> = [1.0, 2.0, 2.0, 2.0, f64::NAN, 0.0, 0.0, 0.0, 5.0, 5.0, 6.0, 6.0, 6.0, 6.0]
            .iter()
            .enumerate()
            .map(|(at, &value)| (at as i64, [0.0, 0.0], value))
            .collect();
        let (_, found) = look(&rows, checks);
        assert_eq!(found, [Finding::Stuck(0, 1..4, 2.0), Finding::Stuck(0, 10..14, 6.0)]);
        assert_eq!(look(&rows[..3], Checks { stuck_value: Some(3), ..Checks::NONE }).1, []);
    }

    #[test]
    fn habits_are_told_once_enough_was_seen() {
        let of = |values, rises, repeats| Changes { values, rises, repeats }.habit();
        assert_eq!(of(0, 0, 0), Habit::Unknown);
        assert_eq!(of(19, 9, 0), Habit::Unknown);
        assert_eq!(of(20, 10, 0), Habit::Changes);
        // One sensor that is dead all the time, and one of many.
        assert_eq!(of(1, 0, 1), Habit::Unknown);
        assert_eq!(of(2_000, 1_000, 1), Habit::Changes);
        // What is read less often than it is written down, and what counts.
        assert_eq!(of(24, 12, 24), Habit::Stays);
        assert_eq!(of(1_000, 990, 2), Habit::Stays);
        let mut changes = Changes::default();
        let missing = f64::NAN;
        // The last is the value of before once more, behind a reading without one.
        for (value, readings, before) in
            [(5.0, 1, missing), (0.0, 9, 5.0), (missing, 9, 0.0), (7.0, 2, 0.0), (7.0, 1, 7.0)]
        {
            changes.take(value, readings, before);
        }
        assert_eq!(changes, Changes { values: 3, rises: 2, repeats: 1 });
    }

    #[test]
    fn a_place_that_is_left_and_come_back_to_jumps_and_a_way_does_not() {
        let checks = Checks { place_jump: Some(1000.0), ..Checks::NONE };
        let at = |places: &[[f64; 2]]| places.iter().map(|&place| (0, place, 0.0)).collect::<Vec<_>>();
        let home = [10.0, 50.0];
        let (stretch, found) = look(&at(&[home, home, [11.0, 50.0], home, [10.0, 52.0], home]), checks.clone());
        let jumps: Vec<usize> =
            found.iter().map(|one| if let Finding::Jump(at, _) = one { *at } else { usize::MAX }).collect();
        assert_eq!(jumps, [2, 4]);
        assert_eq!(stretch.bounds, [10.0, 50.0, 10.0, 50.0]);
        // By car, in an hour.
        let slow: Vec<_> =
            [home, home, [10.5, 50.0], home].iter().zip(0..).map(|(&place, at)| (at * HOUR, place, 0.0)).collect();
        assert_eq!(look(&slow, checks.clone()).1, []);
        // The first and the last place alone tell nothing.
        let (ends, found) = look(&at(&[[0.0, 0.0], home, home, [0.0, 0.0]]), checks.clone());
        assert_eq!((ends.bounds, found), ([10.0, 50.0, 10.0, 50.0], vec![]));
        // On the way; moved for good; far, but not farther than the others are apart.
        let way: Vec<[f64; 2]> = (0..20).map(|step| [10.0 + f64::from(step) * 0.1, 50.0]).collect();
        for places in [&way[..], &[home, home, [11.0, 50.0], [11.0, 50.0]], &[home, [10.0, 50.02], [10.0, 50.01]]] {
            assert_eq!(look(&at(places), checks.clone()).1, [], "{places:?}");
        }
        let (moved, _) = look(&at(&[home, home, [11.0, 50.0], [11.0, 50.0]]), checks);
        assert!((moved.extent(Ground::Degrees) - 71_474.0).abs() < 100.0, "{}", moved.extent(Ground::Degrees));
    }

    #[test]
    fn gaps_are_long_for_the_sensor_that_they_are_of() {
        let checks = Checks { gap: Some(10.0), ..Checks::NONE };
        let mut time = 0;
        let rows: Vec<_> = (0..50)
            .map(|at| {
                time += if at == 30 { 12 * HOUR } else { HOUR };
                (time, [f64::NAN; 2], 0.0)
            })
            .collect();
        let (stretch, found) = look(&rows, checks.clone());
        assert_eq!(found, [Finding::Gap([30 * HOUR, 42 * HOUR])]);
        assert_eq!(stretch.times, [HOUR, 61 * HOUR]);
        let usual = usual_interval(stretch.interval);
        assert!(usual >= HOUR as f64 && usual <= HOUR as f64 * 1.13, "{usual}");
        // Of few readings nobody knows what is usual, and nine times is no gap.
        assert_eq!(look(&[rows[0], rows[1], rows[49]], checks.clone()).1, []);
        assert_eq!(look(&rows[..30], checks.clone()).1, []);
        // Where intervals are of all lengths, none is long.
        let events: Vec<_> = (0..50).map(|at| (HOUR * at * at * at, [f64::NAN; 2], 0.0)).collect();
        assert_eq!(look(&events, checks.clone()).1, []);
        // What is left behind of one sensor does not change what is found of the next.
        let mut series = Series::new(checks, None, 1);
        for _ in 0..2 {
            let mut count = 0;
            series.look(1, &Rows(&rows), &mut |_| count += 1);
            assert_eq!(count, 1);
        }
    }

    #[test]
    fn steps_hold_the_intervals_that_they_stand_for() {
        for interval in (0..63).flat_map(|bit| [1u64 << bit, (1 << bit) + (1 << bit) / 3]) {
            let step = step(interval) as u32;
            let (least, most) = (usual_interval(step), usual_interval(step + 1));
            assert!(least <= interval as f64 && (interval as f64) < most, "{interval}: {least} to {most}");
            assert!((step as usize) < STEPS);
        }
    }
}
