//! What the checks found in the whole input, told once everything is written: as words for a person and as counts.
//!
//! It compares the stretches of a sensor across row groups and partitions; what lies within one was found by
//! `row_checks.rs` and `series_checks.rs`.

use swath_core::{Blob, Receipts, Result};
use swath_table::assign::Level;
use swath_table::schema::ColumnType;
use swath_table::schema_file::moment_text;
use swath_table::series::{Stretch, usual_interval};

use super::encode::EncodedGroups;
use super::job::{Job, Routed, stage};
use super::rejects::Lines;
use super::running::Running;
use super::series_checks::{Counted, Longest, STRETCH_BYTES, ground, looks};
use crate::outcome::{CheckFinding, Rows};

/// Bytes that a sensor takes while its stretches are compared.
pub const SENSOR_BYTES: u64 = STRETCH_BYTES;

/// Stretches that are read at once.
const CHUNK: usize = 1_024;

/// Late rows that are told of: one in so many, and no fewer than so many.
const MANY_LATE: (u64, u64) = (100, 10);

/// A time as text.
pub fn moment(time_us: i64) -> String {
    moment_text(time_us as f64, ColumnType::Timestamp).unwrap_or_else(|| format!("{time_us} µs since 1970"))
}

/// What was found, and is not rejected.
///
/// # Errors
/// When receipts or scratch cannot be read.
pub fn of(running: &Running, done: &Receipts, units: &[Routed]) -> Result<Vec<CheckFinding>> {
    let mut findings = in_rows(running, units);
    if looks(&running.job) {
        findings.extend(in_series(running, done)?);
    }
    Ok(findings)
}

/// Of rows, by reason in the order in which they first came.
fn in_rows(running: &Running, units: &[Routed]) -> Vec<CheckFinding> {
    let mut findings: Vec<CheckFinding> = Vec::new();
    let mut lines = Lines::default();
    for unit in units {
        for flagged in &unit.flagged {
            let check = flagged.reason.name();
            match findings.iter_mut().find(|finding| finding.check == check) {
                Some(finding) => finding.count += flagged.rows,
                None => findings.push(CheckFinding {
                    check: check.into(),
                    count: flagged.rows,
                    example: format!("{}: {}", lines.place(running, flagged), flagged.detail),
                }),
            }
        }
        lines.pass(unit);
    }
    findings
}

fn in_series(running: &Running, done: &Receipts) -> Result<Vec<CheckFinding>> {
    let job = &running.job;
    let (mut stuck, mut jumps, mut gaps) = (Counted::default(), Counted::default(), Counted::default());
    let mut sensors = Sensors::new(running);
    for receipt in done.of_stage(stage::ENCODE) {
        let Some(checked) = receipt.read::<EncodedGroups>()?.checked else { continue };
        stuck.and(checked.stuck);
        jumps.and(checked.jumps);
        gaps.and(checked.gaps);
        checked.stretches.iter().try_for_each(|stretches| sensors.take(stretches, &mut gaps))?;
    }
    let mut findings = Vec::new();
    let name = |one: &Longest| sensor_name(running, one.sensor);
    // What is rejected is told with the rejects.
    if let Some(one) = stuck.longest.as_ref().filter(|_| stuck.readings > 0) {
        let (column, value) = one.value.unwrap_or_default();
        let (column, value) = match job.schema.columns.get(column) {
            Some(column) if column.column_type == ColumnType::Float32 => {
                (column.name.as_str(), (value as f32).to_string())
            }
            Some(column) => (column.name.as_str(), value.to_string()),
            None => ("", value.to_string()),
        };
        findings.push(CheckFinding {
            check: "stuck_value".into(),
            count: stuck.readings,
            example: format!(
                "{column} is {value} in {} readings in a row{}, {} to {}",
                one.measure,
                name(one),
                moment(one.times[0]),
                moment(one.times[1])
            ),
        });
    }
    if let Some(one) = jumps.longest.as_ref().filter(|_| jumps.readings > 0) {
        let example = format!("{:.1} km away at {}{}", one.measure / 1000.0, moment(one.times[0]), name(one));
        findings.push(CheckFinding { check: "place_jump".into(), count: jumps.readings, example });
    }
    if let Some(one) = gaps.longest.as_ref().filter(|_| sees_gaps(job)) {
        let example = format!("no row{} from {} to {}", name(one), moment(one.times[0]), moment(one.times[1]));
        findings.push(CheckFinding { check: "gap".into(), count: gaps.count, example });
    }
    findings.extend(sensors.moving());
    Ok(findings)
}

/// Whether the readings of a sensor follow each other in time from partition to partition: by the values of a column they
/// go back and forth, and by places those of what moves.
fn sees_gaps(job: &Job) -> bool {
    let is_other = |level: &Level| matches!(level, Level::Column(column) if Some(*column) != job.sensor);
    !job.levels.iter().any(|level| level.is_cell() || is_other(level))
}

/// The words for a sensor; none where the table has none.
fn sensor_name(running: &Running, sensor: u32) -> String {
    match running.job.sensor {
        None => String::new(),
        Some(_) => running.texts.with_text(sensor, |text| match std::str::from_utf8(text) {
            Ok(text) => format!(" of sensor {text:?}"),
            Err(_) => " of no sensor".into(),
        }),
    }
}

/// All sensors, each with what is known of it so far.
struct Sensors<'a> {
    running: &'a Running,
    known: Vec<Stretch>,
}

impl Sensors<'_> {
    fn new(running: &Running) -> Sensors<'_> {
        // Where there are no sensors, all readings are of the identifier 0.
        let count = running.texts.len().max(1);
        Sensors { running, known: (0..count).map(|sensor| Stretch::of(sensor as u32)).collect() }
    }

    /// Takes in the stretches of a task, which come in the order of the output: by partitions, and times in them.
    fn take(&mut self, stretches: &Blob, gaps: &mut Counted) -> Result<()> {
        let factor = self.running.job.schema.checks.gap;
        let mut chunk = vec![Stretch::of(0); CHUNK];
        let (mut at, end) = (0, stretches.length());
        while at < end {
            let count = CHUNK.min(((end - at) / STRETCH_BYTES) as usize);
            self.running.store.read(stretches, at, bytemuck::cast_slice_mut(&mut chunk[..count]))?;
            at += count as u64 * STRETCH_BYTES;
            for stretch in &chunk[..count] {
                let Some(known) = self.known.get_mut(stretch.sensor as usize) else { continue };
                let usual = known.interval.max(stretch.interval);
                let times = [known.times[1], stretch.times[0]];
                if let Some(factor) = factor
                    && usual > 0
                    && times[0] < times[1]
                    && known.times[0] <= known.times[1]
                    && times[0].abs_diff(times[1]) as f64 >= factor * usual_interval(usual)
                {
                    let measure = times[0].abs_diff(times[1]) as f64;
                    gaps.add(0, Longest { measure, sensor: stretch.sensor, times, value: None });
                }
                known.and(stretch);
            }
        }
        Ok(())
    }

    /// Sensors that are in several places, unless most are.
    fn moving(&self) -> Option<CheckFinding> {
        self.running.job.sensor?;
        let (least, ground) = (self.running.job.schema.checks.moving_sensor?, ground(&self.running.job)?);
        let (mut placed, mut moving, mut farthest) = (0u64, 0u64, (0.0, 0));
        // Identifiers come as threads do; names do not.
        let order = if self.running.job.sensor.is_some() { self.running.texts.sorted_ids() } else { vec![0] };
        let known = order.iter().filter_map(|&sensor| self.known.get(sensor as usize));
        for known in known.filter(|known| known.bounds[0] <= known.bounds[2]) {
            placed += 1;
            let extent = known.extent(ground);
            if extent >= least {
                moving += 1;
                if extent > farthest.0 {
                    farthest = (extent, known.sensor);
                }
            }
        }
        (moving > 0 && 2 * moving <= placed).then(|| CheckFinding {
            check: "moving_sensor".into(),
            count: moving,
            example: format!("places{} are {:.1} km apart", sensor_name(self.running, farthest.1), farthest.0 / 1000.0),
        })
    }
}

/// Whether a person is told: that a few rows come late is no news.
pub fn is_told(finding: &CheckFinding, rows: &Rows) -> bool {
    let (share, least) = MANY_LATE;
    finding.check != "time_backwards" || finding.count >= least && finding.count * share > rows.read
}

/// What was found, as a sentence.
pub fn sentence(finding: &CheckFinding) -> String {
    let CheckFinding { check, count, example } = finding;
    let one = |one: &str, more: &str| if *count == 1 { one.to_string() } else { more.to_string() };
    let rows = one("1 row is", &format!("{count} rows are"));
    let what = match check.as_str() {
        "zero_place" => format!("{rows} at 0, 0, where sensors seldom are"),
        "swapped_place" => format!("{rows} far from most, and near them if x and y are exchanged"),
        "time_backwards" => format!("{rows} out of the order of time in the input (in the lake they are in order)"),
        "stuck_value" => format!("{count} rows are part of long runs of one value, where values nearly always change"),
        "place_jump" => format!("{rows} far from those before and after, of the same sensor"),
        "gap" => one("there is a time", &format!("there are {count} times")) + " without a row, much longer than usual",
        _ => one("1 sensor moves", &format!("{count} sensors move")) + ", while most do not",
    };
    let is_of_rows = !matches!(check.as_str(), "time_backwards" | "gap" | "moving_sensor");
    let remedy = if is_of_rows { "; --strict rejects them" } else { "" };
    let superlative = match check.as_str() {
        "stuck_value" | "gap" => "the longest",
        "place_jump" | "moving_sensor" => "the farthest",
        _ => "the first",
    };
    format!("{what}; {superlative}: {example}{remedy} ([checks] {check} in a schema file)")
}
