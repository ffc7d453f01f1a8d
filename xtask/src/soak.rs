//! `cargo xtask soak`: a job on generated inputs of growing volume, again and again, and whether it grows with them.
//!
//! It measures and prints; it asserts nothing. Figures come from the reports of the runs themselves.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::shell;

const USAGE: &str = "\
cargo xtask soak [--scale 2,3,5] [--base 100MB] [--for 2h] [--json FILE] -- WORDS
WORDS are those of a job, as sensor ingest --partition day -m 256MB. Where {in} and {out} stand in them, input and output
go; else behind. The input is of the base and of that many times as much, made by swath synth. All are run in turn until
the time has passed, once at least.";

struct Options {
    scales: Vec<f64>,
    base: f64,
    time: Duration,
    json: Option<PathBuf>,
    words: Vec<String>,
}

/// What came of one run.
#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    wall_s: f64,
    peak: f64,
    predicted: f64,
    /// Growth of the resident set after the first quarter of the run, in bytes a second.
    slope: f64,
    /// What was resident, on the heap and leased then, on average.
    resident: f64,
    heap: f64,
    leased: f64,
}

/// Where a record has the figures of a moment: seconds, the resident set, the heap, and what is leased for the run, by tasks
/// and beyond them.
const AT_S: &str = "/0";
const RESIDENT: &str = "/1";
const HEAP: &str = "/2";
const LEASED: [&str; 3] = ["/3/0", "/3/1", "/3/2"];

/// The runs on one volume.
struct Volume {
    scale: f64,
    bytes: f64,
    input: PathBuf,
    runs: Vec<Figures>,
}

/// Runs every volume once per round, so that a busy minute of the machine touches all alike.
///
/// # Errors
/// What is wrong with the words, or a run that failed.
pub fn run(words: &[String]) -> Result<bool, String> {
    if words.first().is_none_or(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return Ok(true);
    }
    let options = read(words)?;
    if !shell::succeeds(&mut shell::cargo(&["build", "--release", "--quiet", "--workspace", "--bins"]))? {
        return Err("the program does not build".into());
    }
    let folder = shell::target().join("soak");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let make = |scale: &f64| volume(&options, *scale, &folder);
    let mut volumes: Vec<Volume> = options.scales.iter().map(make).collect::<Result<_, _>>()?;
    let begun = Instant::now();
    loop {
        for volume in &mut volumes {
            let figures = once(&options.words, &volume.input, &folder)?;
            println!("{:>6.1} × {:>8.2} s {:>8.1} MB", volume.scale, figures.wall_s, figures.peak / 1e6);
            volume.runs.push(figures);
        }
        if begun.elapsed() >= options.time {
            break;
        }
    }
    tell(&options, &volumes)?;
    Ok(true)
}

fn read(words: &[String]) -> Result<Options, String> {
    let mut options = Options { scales: vec![1.0], base: 100e6, time: Duration::ZERO, json: None, words: Vec::new() };
    let mut scales = vec![2.0, 3.0, 5.0];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            options.words = words.cloned().collect();
            break;
        }
        let value = words.next().ok_or_else(|| format!("{word} wants a value\n\n{USAGE}"))?;
        let wrong = || format!("{word}: {value:?} has no meaning\n\n{USAGE}");
        match word.as_str() {
            "--scale" => {
                let numbers = value.split(',').map(|number| number.parse().ok().filter(|scale| *scale > 0.0));
                scales = numbers.collect::<Option<_>>().ok_or_else(wrong)?;
            }
            "--base" => {
                let bytes = [("GB", 1e9), ("MB", 1e6)]
                    .iter()
                    .find_map(|(unit, size)| value.strip_suffix(unit)?.parse::<f64>().ok().map(|number| number * size));
                options.base = bytes.filter(|bytes| *bytes > 0.0).ok_or_else(wrong)?;
            }
            "--for" => {
                let seconds = [("h", 3600.0), ("min", 60.0), ("s", 1.0)]
                    .iter()
                    .find_map(|(unit, size)| value.strip_suffix(unit)?.parse::<f64>().ok().map(|number| number * size));
                options.time = seconds.and_then(|time| Duration::try_from_secs_f64(time).ok()).ok_or_else(wrong)?;
            }
            "--json" => options.json = Some(value.into()),
            _ => return Err(format!("no such option: {word}\n\n{USAGE}")),
        }
    }
    options.scales.extend(scales);
    options.scales.sort_by(f64::total_cmp);
    options.scales.dedup();
    match options.words.first().map(String::as_str) {
        Some("sensor" | "raster") => Ok(options),
        _ => Err(format!("wanted the words of a job of sensor or raster behind --\n\n{USAGE}")),
    }
}

/// The input of so many times the base, which is made where it is not there.
fn volume(options: &Options, scale: f64, folder: &Path) -> Result<Volume, String> {
    let bytes = options.base * scale;
    let is_raster = options.words[0] == "raster";
    let input = folder.join(format!("{:.0}.{}", bytes, if is_raster { "tif" } else { "csv" }));
    if !input.exists() {
        let mut synth = Command::new(shell::program());
        match is_raster {
            // Two bytes a pixel.
            true => {
                let side = (bytes / 2.0).sqrt() as u64;
                synth.args(["synth", "raster", "--quiet", "--size", &format!("{side}x{side}")])
            }
            false => synth.args(["synth", "telemetry", "--quiet", "--size", &format!("{}MB", bytes / 1e6)]),
        };
        if !shell::succeeds(synth.arg("-o").arg(&input).stdin(Stdio::null()))? {
            return Err("the input cannot be made".into());
        }
    }
    Ok(Volume { scale, bytes, input, runs: Vec::new() })
}

fn once(words: &[String], input: &Path, folder: &Path) -> Result<Figures, String> {
    let (output, page) = (folder.join("output"), folder.join("run.html"));
    let _ = std::fs::remove_dir_all(&output).or_else(|_| std::fs::remove_file(&output));
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let mut all: Vec<String> =
        words.iter().map(|word| word.replace("{in}", &path(input)).replace("{out}", &path(&output))).collect();
    if !words.iter().any(|word| word.contains("{in}")) {
        all.extend([path(input), "-o".into(), path(&output)]);
    }
    let mut command = Command::new(shell::program());
    shell::output_of(command.args(all).args(["--quiet", "--report"]).arg(&page).stdin(Stdio::null()))?;
    let mut told = Command::new(shell::program());
    let record = shell::output_of(told.arg("report").arg(&page).arg("--json").stdin(Stdio::null()))?;
    let record = serde_json::from_str(&record).map_err(|error| error.to_string())?;
    let _ = std::fs::remove_dir_all(&output).or_else(|_| std::fs::remove_file(&output));
    figures(&record).ok_or_else(|| "the report has no figures".into())
}

/// The figures of the record of a run.
fn figures(record: &Value) -> Option<Figures> {
    let figure = |path: &str| record.pointer(path).and_then(Value::as_f64);
    let samples = record["samples"].as_array()?;
    let of = |sample: &Value, place: &str| sample.pointer(place).and_then(Value::as_f64).unwrap_or(0.0);
    let warm = samples.last().map_or(0.0, |last| of(last, AT_S) / 4.0);
    let later: Vec<&Value> = samples.iter().filter(|sample| of(sample, AT_S) >= warm).collect();
    let mean = |value: &dyn Fn(&Value) -> f64| {
        later.iter().map(|sample| value(sample)).sum::<f64>() / later.len().max(1) as f64
    };
    let points: Vec<(f64, f64)> = later.iter().map(|sample| (of(sample, AT_S), of(sample, RESIDENT))).collect();
    Some(Figures {
        wall_s: figure("/time/wall_s")?,
        peak: figure("/memory/actual_peak")?,
        predicted: figure("/memory/predicted_peak")?,
        slope: slope(&points).unwrap_or(0.0),
        resident: mean(&|sample| of(sample, RESIDENT)),
        heap: mean(&|sample| of(sample, HEAP)),
        leased: mean(&|sample| LEASED.iter().map(|name| of(sample, name)).sum()),
    })
}

fn tell(options: &Options, volumes: &[Volume]) -> Result<(), String> {
    println!("\nswath {}, medians\n", options.words.join(" "));
    println!(
        "{:>6}{:>10}{:>6}{:>9}{:>10}{:>13}{:>14}{:>13}{:>9}{:>11}{:>17}",
        "scale",
        "input MB",
        "runs",
        "wall s",
        "peak MB",
        "predicted MB",
        "slope MB/min",
        "resident MB",
        "heap MB",
        "leased MB",
        "resident/leased"
    );
    let mut rows = Vec::new();
    for volume in volumes {
        let of = |pick: fn(&Figures) -> f64| median(volume.runs.iter().map(pick).collect());
        let (resident, heap, leased) = (of(|f| f.resident), of(|f| f.heap), of(|f| f.leased));
        let slope = of(|f| f.slope) * 60.0;
        let (wall_s, peak, predicted) = (of(|f| f.wall_s), of(|f| f.peak), of(|f| f.predicted));
        println!(
            "{:>6.1}{:>10.0}{:>6}{:>9.2}{:>10.1}{:>13.1}{:>14.1}{:>13.1}{:>9.1}{:>11.1}{:>17.2}",
            volume.scale,
            volume.bytes / 1e6,
            volume.runs.len(),
            wall_s,
            peak / 1e6,
            predicted / 1e6,
            slope / 1e6,
            resident / 1e6,
            heap / 1e6,
            leased / 1e6,
            resident / leased
        );
        rows.push(json!({
            "scale": volume.scale, "input_bytes": volume.bytes, "runs": volume.runs.len(), "wall_s": wall_s, "peak": peak,
            "predicted_peak": predicted, "slope_bytes_per_min": slope, "resident": resident, "heap": heap, "leased": leased,
            "resident_of_leased": resident / leased,
        }));
    }
    // Of a power of the volume, the exponent is the slope between the logarithms.
    let exponent = |pick: fn(&Figures) -> f64| {
        let point = |volume: &Volume| (volume.bytes.ln(), median(volume.runs.iter().map(pick).collect()).ln());
        slope(&volumes.iter().map(point).collect::<Vec<_>>())
    };
    let (time, memory) = (exponent(|f| f.wall_s), exponent(|f| f.peak));
    let told = |exponent: Option<f64>| exponent.map_or("-".into(), |exponent| format!("{exponent:.2}"));
    println!("\ntime grows as the volume to the power of {}, the peak as {}", told(time), told(memory));
    let Some(path) = &options.json else { return Ok(()) };
    let all = json!({ "words": options.words, "volumes": rows, "time_exponent": time, "peak_exponent": memory });
    std::fs::write(path, format!("{all:#}\n")).map_err(|error| format!("{}: {error}", path.display()))
}

/// The slope of the line of least squares; nothing where all points are at one place.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let across: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (across > 0.0).then(|| points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / across)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_lines() {
        let line: Vec<(f64, f64)> = (0..9).map(|x| (f64::from(x), 3.0 * f64::from(x) - 4.0)).collect();
        assert!(slope(&line).is_some_and(|slope| (slope - 3.0).abs() < 1e-12));
        assert_eq!((slope(&[(1.0, 2.0), (1.0, 5.0)]), slope(&[])), (None, None));
    }

    #[test]
    fn words_are_read() {
        let words = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
        let options = read(&words("--scale 5,2 --base 1.5GB --for 2h -- raster calc b1*2")).expect("good");
        assert_eq!((options.scales, options.base), (vec![1.0, 2.0, 5.0], 1.5e9));
        assert_eq!((options.time, options.words.len()), (Duration::from_secs(7200), 3));
        for line in ["--scale x -- raster calc b1", "--for 2 -- raster calc b1", "--scale 2", "-- info a", "--what 3"] {
            assert!(read(&words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn figures_are_those_after_the_warm_up() {
        let sample = |at_s: f64, resident: f64| json!([at_s, resident, 2.0, [1.0, 0.0, 4.0], 0, 0]);
        let record = json!({
            "time": { "wall_s": 4.0 }, "memory": { "actual_peak": 9.0, "predicted_peak": 10.0 },
            "samples": [sample(0.0, 900.0), sample(1.0, 10.0), sample(2.0, 12.0), sample(4.0, 16.0)],
        });
        let figures = figures(&record).expect("figures");
        assert!((figures.slope - 2.0).abs() < 1e-9 && (figures.leased - 5.0).abs() < 1e-9, "{figures:?}");
        assert!((figures.resident - 38.0 / 3.0).abs() < 1e-9, "{figures:?}");
    }
}
