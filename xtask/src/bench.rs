//! `cargo xtask bench`: the ingest at several ceilings, with DuckDB in turn where the oracles' Python has it.
//!
//! It measures and prints; it asserts nothing, and no test runs it.

use crate::{python, shell};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const USAGE: &str = "\
cargo xtask bench [--input FILE --schema FILE] [--size 500MB] [--memory 64MB,256MB,1GB] [--threads N]
                  [--partition day] [--runs 3] [--no-duckdb]
Without --input it makes the input with swath synth telemetry. Prints medians.";

struct Options {
    input: Option<PathBuf>,
    schema: Option<PathBuf>,
    size: String,
    memory: Vec<String>,
    threads: String,
    partition: String,
    runs: usize,
    duckdb: bool,
}

/// One row of the table: seconds and bytes of one run.
#[derive(Clone, Copy, Default)]
struct Figures {
    wall: f64,
    cpu: f64,
    peak: f64,
    predicted: f64,
    scratch: f64,
    output: f64,
}

/// Runs every ceiling, and DuckDB, once per round, so that a busy minute of the machine touches all alike.
pub fn run(words: &[String]) -> Result<bool, String> {
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{USAGE}");
        return Ok(true);
    }
    let options = read(words)?;
    if !shell::succeeds(&mut shell::cargo(&["build", "--release", "--quiet", "-p", "swath-cli"]))? {
        return Err("the program does not build".into());
    }
    let folder = shell::target().join("bench");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (input, schema) = inputs(&options, &folder)?;
    let duckdb = if options.duckdb { python::existing() } else { None };
    if options.duckdb && duckdb.is_none() {
        println!("SKIPPED: DuckDB (run cargo xtask oracles once, which installs it)");
    }
    let mut table: Vec<(String, Vec<Figures>)> =
        options.memory.iter().map(|memory| (format!("swath {memory}"), Vec::new())).collect();
    if duckdb.is_some() {
        table.push(("duckdb".into(), Vec::new()));
    }
    for _ in 0..options.runs {
        for (memory, (_, figures)) in options.memory.iter().zip(&mut table) {
            figures.push(swath(&options, memory, &input, &schema, &folder.join("lake"))?);
        }
        if let (Some(python), Some((_, figures))) = (&duckdb, table.last_mut()) {
            figures.push(peer(python, &options, &input, &folder.join("duckdb"))?);
        }
    }
    let bytes = std::fs::metadata(&input).map_err(|error| format!("{}: {error}", input.display()))?.len();
    println!(
        "\n{} ({:.0} MB), by {}, median of {}",
        input.display(),
        bytes as f64 / 1e6,
        options.partition,
        options.runs
    );
    println!(
        "{:14}{:>9}{:>9}{:>11}{:>13}{:>12}{:>11}",
        "", "wall s", "cpu s", "peak MB", "predicted MB", "scratch MB", "output MB"
    );
    for (name, figures) in &table {
        let of = |pick: fn(&Figures) -> f64| median(figures.iter().map(pick).collect());
        let mb = |pick: fn(&Figures) -> f64| of(pick) / 1e6;
        println!(
            "{name:14}{:>9.2}{:>9.2}{:>11.1}{:>13.1}{:>12.1}{:>11.1}",
            of(|f| f.wall),
            of(|f| f.cpu),
            mb(|f| f.peak),
            mb(|f| f.predicted),
            mb(|f| f.scratch),
            mb(|f| f.output)
        );
    }
    Ok(true)
}

fn read(words: &[String]) -> Result<Options, String> {
    let mut options = Options {
        input: None,
        schema: None,
        size: "500MB".into(),
        memory: ["64MB", "256MB", "1GB"].map(String::from).to_vec(),
        threads: String::new(),
        partition: "day".into(),
        runs: 3,
        duckdb: true,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--no-duckdb" {
            options.duckdb = false;
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} wants a value\n\n{USAGE}"))?;
        match word.as_str() {
            "--input" => options.input = Some(value.into()),
            "--schema" => options.schema = Some(value.into()),
            "--size" => options.size.clone_from(value),
            "--memory" => options.memory = value.split(',').map(String::from).collect(),
            "--threads" => options.threads.clone_from(value),
            "--partition" => options.partition.clone_from(value),
            "--runs" => options.runs = value.parse().map_err(|_| format!("--runs: {value:?} is no number"))?,
            _ => return Err(format!("no such option: {word}\n\n{USAGE}")),
        }
    }
    Ok(options)
}

fn inputs(options: &Options, folder: &Path) -> Result<(PathBuf, PathBuf), String> {
    let schema = options.schema.clone().unwrap_or_else(|| shell::root().join("tests/schemas/telemetry.toml"));
    if let Some(input) = &options.input {
        return Ok((input.clone(), schema));
    }
    let input = folder.join(format!("telemetry-{}.csv", options.size));
    if !input.exists() {
        let mut synth = Command::new(shell::program());
        synth.args(["synth", "telemetry", "--size", &options.size, "-o"]).arg(&input).stdin(Stdio::null());
        if !shell::succeeds(&mut synth)? {
            return Err("the input cannot be made".into());
        }
    }
    Ok((input, schema))
}

fn swath(options: &Options, memory: &str, input: &Path, schema: &Path, lake: &Path) -> Result<Figures, String> {
    let _ = std::fs::remove_dir_all(lake);
    let mut command = Command::new(shell::program());
    command.args(["sensor", "ingest"]).arg(input).arg("-o").arg(lake).arg("--schema").arg(schema);
    command.args(["--partition", &options.partition, "--memory", memory, "--json", "--quiet"]).stdin(Stdio::null());
    if !options.threads.is_empty() {
        command.args(["--threads", &options.threads]);
    }
    let answer: Value = serde_json::from_str(&shell::output_of(&mut command)?).map_err(|error| error.to_string())?;
    let figure = |path: &str| answer.pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let figures = Figures {
        wall: figure("/time/wall_s"),
        cpu: figure("/time/cpu_s"),
        peak: figure("/memory/actual_peak"),
        predicted: figure("/memory/predicted_peak"),
        scratch: figure("/scratch/actual"),
        output: figure("/outputs/0/bytes"),
    };
    let _ = std::fs::remove_dir_all(lake);
    Ok(figures)
}

fn peer(python: &Path, options: &Options, input: &Path, output: &Path) -> Result<Figures, String> {
    let mut command = Command::new(python);
    command.arg(shell::root().join("xtask/peers/duckdb_ingest.py")).arg(input).arg(output).arg(&options.threads);
    let answer = shell::output_of(command.stdin(Stdio::null()))?;
    let answer: Value = serde_json::from_str(&answer).map_err(|error| error.to_string())?;
    let figure = |name: &str| answer[name].as_f64().unwrap_or(f64::NAN);
    Ok(Figures {
        wall: figure("wall_s"),
        cpu: figure("cpu_s"),
        peak: figure("peak"),
        predicted: f64::NAN,
        scratch: f64::NAN,
        output: figure("output"),
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
