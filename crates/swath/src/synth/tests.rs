//! Generated files against a naive recount of their text, and against themselves.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use swath_core::Fnv64;

use super::*;

fn written(settings: &Telemetry) -> (String, Truth) {
    let mut out = Vec::new();
    let truth = settings.write(&mut out, &Stop::new()).unwrap();
    (String::from_utf8(out).unwrap(), truth)
}

/// A reading as the recount keeps it: its first and last row.
struct Seen<'t> {
    first: &'t str,
    last: &'t str,
}

fn pm25_x100(row: &str) -> Option<i64> {
    let text = row.split(',').nth(4).filter(|text| !text.is_empty())?;
    Some((text.parse::<f64>().unwrap() * 100.0).round() as i64)
}

/// Counts the text again, knowing nothing about how it was made.
fn recount(text: &str, settings: &Telemetry) -> Truth {
    let mut truth = Truth { sensors: settings.sensors, seed: settings.seed, ..Truth::default() };
    truth.csv_bytes = text.len() as u64;
    let mut lines = text.lines();
    assert_eq!(lines.next().unwrap(), HEADER.trim_end());
    let mut seen: HashMap<(&str, &str), Seen<'_>> = HashMap::new();
    for row in lines {
        truth.rows += 1;
        let fields: Vec<&str> = row.split(',').collect();
        let damage = &mut truth.malformed;
        let damaged = match fields.as_slice() {
            fields if fields.len() < 10 => Some(&mut damage.truncated),
            fields if fields.len() > 10 => Some(&mut damage.too_many_fields),
            ["", ..] => Some(&mut damage.empty_sensor),
            fields if fields[1].contains("-13-45") => Some(&mut damage.impossible_time),
            fields if fields[4].contains('#') => Some(&mut damage.text_in_number),
            _ => None,
        };
        if let Some(count) = damaged {
            *count += 1;
            truth.rejected += 1;
            continue;
        }
        for field in &fields[2..] {
            assert!(field.is_empty() || field.parse::<f64>().is_ok(), "{row}");
        }
        match seen.get_mut(&(fields[0], fields[1])) {
            None => drop(seen.insert((fields[0], fields[1]), Seen { first: row, last: row })),
            Some(reading) => {
                let count = match reading.first == row {
                    true => &mut truth.duplicates_exact,
                    false => &mut truth.duplicates_conflicting,
                };
                *count += 1;
                reading.last = row;
            }
        }
    }
    truth.unique = seen.len() as u64;
    for ((_, time), reading) in seen {
        truth.pm25_count += u64::from(pm25_x100(reading.first).is_some());
        truth.pm25_sum_x100_first += pm25_x100(reading.first).unwrap_or(0);
        truth.pm25_sum_x100_last += pm25_x100(reading.last).unwrap_or(0);
        *truth.unique_per_day.entry(time[..10].to_string()).or_default() += 1;
        let earlier = truth.time_min.as_ref().is_none_or(|min| time < min.as_str());
        truth.time_min = if earlier { Some(time.into()) } else { truth.time_min };
        let later = truth.time_max.as_ref().is_none_or(|max| time > max.as_str());
        truth.time_max = if later { Some(time.into()) } else { truth.time_max };
    }
    truth
}

#[test]
fn the_truth_is_what_a_recount_finds() {
    let mut duplicates = (0, 0);
    for seed in 0..60u64 {
        let pick = |salt: u64, choices: &[f64]| choices[(order::hash(salt, seed) % choices.len() as u64) as usize];
        let settings = Telemetry {
            rows: Some([0, 1, 17, 500, 9000, 30_000][(seed % 6) as usize]).filter(|_| seed % 5 != 4),
            size: (seed % 5 > 2).then_some(Bytes([1_000, 700_000, 2_000_000][(seed % 3) as usize])),
            sensors: [1, 7, 100, 70_000][(seed % 4) as usize],
            seed,
            period_s: [300, 60, 3600][(seed % 3) as usize],
            shuffle: seed % 2 == 0,
            missing: pick(1, &[0.0, 0.01, 0.5, 1.0]),
            duplicates: pick(2, &[0.0, 0.01, 0.2, 0.3]),
            conflicts: pick(3, &[0.0, 0.01, 0.2]),
            disorder: pick(4, &[0.0, 0.005, 0.5, 1.0]),
            malformed: pick(5, &[0.0, 0.0005, 0.1, 0.6]),
            ..Telemetry::default()
        };
        let (text, truth) = written(&settings);
        assert_eq!(recount(&text, &settings), truth, "{settings:?}");
        let accounted = truth.unique + truth.duplicates_exact + truth.duplicates_conflicting + truth.rejected;
        assert_eq!(accounted, truth.rows, "{settings:?}");
        duplicates = (duplicates.0 + truth.duplicates_exact, duplicates.1 + truth.duplicates_conflicting);
    }
    assert!(duplicates.0 > 1000 && duplicates.1 > 1000, "{duplicates:?}");
}

#[test]
fn rates_are_met() {
    for shuffle in [false, true] {
        let settings = Telemetry {
            rows: Some(400_000),
            sensors: 500,
            shuffle,
            duplicates: 0.05,
            conflicts: 0.02,
            malformed: 0.03,
            disorder: 0.1,
            ..Telemetry::default()
        };
        let (text, truth) = written(&settings);
        for (count, rate) in
            [(truth.duplicates_exact, 0.05), (truth.duplicates_conflicting, 0.02), (truth.rejected, 0.03)]
        {
            let got = count as f64 / truth.rows as f64;
            assert!((got / rate - 1.0).abs() < 0.08, "{got} for {rate}, shuffle {shuffle}");
        }
        let times: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
        let backward = times.windows(2).filter(|pair| pair[1] < pair[0]).count() as f64 / times.len() as f64;
        assert_eq!(backward > 0.3, shuffle, "{backward} of the rows go back in time");
        assert!(backward > 0.03, "{backward} of the rows go back in time");
    }
    let calm = Telemetry { rows: Some(50_000), duplicates: 0.0, disorder: 0.0, malformed: 0.0, ..Telemetry::default() };
    let (text, truth) = written(&calm);
    let times: Vec<&str> = text.lines().skip(1).filter_map(|line| line.split(',').nth(1)).collect();
    assert!(times.is_sorted());
    assert_eq!(truth.unique, 50_000);
}

#[test]
fn the_same_settings_give_the_same_bytes() {
    let settings = |shuffle| Telemetry { rows: Some(20_000), conflicts: 0.01, shuffle, ..Telemetry::default() };
    let hash = |settings: &Telemetry| Fnv64::of(written(settings).0.as_bytes());
    // These figures must never change: benchmarks and golden files hold on to them.
    assert_eq!(hash(&settings(false)), GOLDEN[0], "in order");
    assert_eq!(hash(&settings(true)), GOLDEN[1], "shuffled");
    assert_ne!(hash(&Telemetry { seed: 8, ..settings(false) }), GOLDEN[0]);
    let (short, _) = written(&settings(false));
    let (long, _) = written(&Telemetry { rows: Some(30_000), ..settings(false) });
    assert!(long.starts_with(&short), "a longer file begins like a shorter one");
}

const GOLDEN: [u64; 2] = [11_553_992_549_446_516_388, 15_180_305_265_963_638_732];

#[test]
fn a_size_ends_at_the_end_of_a_row() {
    for (size, shuffle) in [(0, false), (1, false), (72, true), (100_000, false), (100_000, true)] {
        let settings = Telemetry { size: Some(Bytes(size)), shuffle, ..Telemetry::default() };
        let (text, truth) = written(&settings);
        assert_eq!(truth.csv_bytes, text.len() as u64);
        assert!(text.len() as u64 >= size && text.ends_with('\n'));
        let without_last = text[..text.len() - 1].rfind('\n').map_or(0, |at| at + 1) as u64;
        assert!(without_last < size.max(1), "{size}: the last row was not needed");
    }
}

#[test]
fn senseless_settings_are_refused() {
    let good = Telemetry { rows: Some(10), ..Telemetry::default() };
    for (settings, wanted) in [
        (Telemetry::default(), "how much"),
        (Telemetry { sensors: 0, ..good.clone() }, "at least 1 sensor"),
        (Telemetry { missing: 1.5, ..good.clone() }, "rate of missing is 1.5"),
        (Telemetry { malformed: f64::NAN, ..good.clone() }, "rate of malformed"),
        (Telemetry { duplicates: 0.3, conflicts: 0.3, ..good.clone() }, "together"),
        (Telemetry { rows: Some(1 << 40), sensors: 1, ..good.clone() }, "after the year 2200"),
        (Telemetry { rows: Some(u64::MAX), sensors: 1, ..good.clone() }, "after the year 2200"),
    ] {
        let error = settings.write(&mut Vec::new(), &Stop::new()).expect_err(wanted);
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn a_file_appears_when_it_is_complete() {
    let folder = std::env::temp_dir().join(format!("swath-synth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("t.csv");
    let settings = Telemetry { rows: Some(1000), ..Telemetry::default() };
    let truth = settings.write_file(&path, &Stop::new(), |_| Ok(())).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), written(&settings).0);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), truth.csv_bytes);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no partial file stays");
    let error =
        settings.write_file(&folder.join("none").join("t.csv"), &Stop::new(), |_| Ok(())).expect_err("no folder");
    assert_eq!(error.exit_code(), 6);
    let stop = Stop::new();
    stop.raise();
    let error = settings.write_file(&folder.join("stopped.csv"), &stop, |_| Ok(())).expect_err("stopped");
    assert_eq!(error.exit_code(), 75);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "a file that was stopped leaves nothing");
    std::fs::remove_dir_all(&folder).unwrap();
}
