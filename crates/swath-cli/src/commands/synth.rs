//! `swath synth telemetry`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use swath::outcome::{Memory, Output, Time};
use swath::synth::{Telemetry, Truth};
use swath_core::{Bytes, Error, ResidentSet, Result, Stop, Stopwatch, counting};

use crate::process::{end_on_signals, print, print_json, stop_on_signals};
use crate::settings::Settings;
use crate::show::{Headed, grouped};
use crate::words::TelemetryWords;

/// The program with all that generating takes, whatever the size, and some room.
const SMALLEST: Bytes = Bytes(12_000_000);

/// Generates the file, and writes down what is in it.
///
/// # Errors
/// What the library reports; a file that exists without `--overwrite`.
pub fn telemetry(words: &TelemetryWords, settings: &Settings) -> Result<()> {
    let ceiling = settings.common(false, false).ceiling();
    if ceiling < SMALLEST {
        return Err(Error::CeilingTooSmall {
            what: "synth telemetry".into(),
            ceiling,
            smallest: SMALLEST,
            mostly: String::new(),
        });
    }
    counting::set_limit(ceiling);
    let baseline = ResidentSet::now().peak;
    let is_standard = |path: &Path| path == Path::new("-");
    let truth_is_standard = words.truth.as_deref().is_some_and(is_standard);
    if truth_is_standard && (settings.json || is_standard(&words.output)) {
        return Err(Error::Usage {
            message: "standard output cannot take the counts beside something else".into(),
            hint: "give the counts a file of their own, like --truth truth.json; --json has them in it".into(),
        });
    }
    if is_standard(&words.output) {
        if settings.json {
            return Err(Error::Usage {
                message: "standard output cannot take both the readings and --json".into(),
                hint: "write to a file, or take the counts with --truth FILE".into(),
            });
        }
        end_on_signals()?;
        let truth = generator(words)?.write(&mut Quiet(std::io::stdout().lock()), &Stop::new())?;
        return write_truth(words, &truth);
    }
    if words.truth.as_ref().is_some_and(|truth| place(truth) == place(&words.output)) {
        return Err(Error::Usage {
            message: format!("--output and --truth are the same file, {}", words.output.display()),
            hint: "the counts need a file of their own, like --truth truth.json".into(),
        });
    }
    for path in [Some(&words.output), words.truth.as_ref()].into_iter().flatten().filter(|path| !is_standard(path)) {
        if path.symlink_metadata().is_ok() && !words.overwrite {
            return Err(Error::OutputExists {
                path: path.clone(),
                message: "exists already".into(),
                hint: "--overwrite replaces it".into(),
            });
        }
    }
    let stopwatch = Stopwatch::start();
    let stop = stop_on_signals()?;
    let truth = generator(words)?.write_file(&words.output, &stop, |truth| write_truth(words, truth))?;
    if truth_is_standard {
        return Ok(());
    }
    let time = Time { wall_s: stopwatch.wall_s(), cpu_s: stopwatch.cpu_s() };
    let memory = Memory { ceiling, predicted_peak: SMALLEST, actual_peak: ResidentSet::now().peak, baseline };
    tell(words, &truth, time, memory, settings)
}

/// Where a path leads, whether or not something stands there yet.
fn place(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    path.canonicalize().unwrap_or_else(|_| match (parent.canonicalize(), path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.into(),
    })
}

fn generator(words: &TelemetryWords) -> Result<Telemetry> {
    if words.period.fract() != 0.0 || words.period > f64::from(u32::MAX) {
        return Err(Error::Usage {
            message: format!("a period of {} s: wanted whole seconds", words.period),
            hint: "--period 5min".into(),
        });
    }
    Ok(Telemetry {
        rows: words.rows,
        size: words.size,
        sensors: words.sensors,
        seed: words.seed,
        period_s: words.period as u32,
        start: words.start.div_euclid(1_000_000),
        shuffle: words.shuffle,
        missing: words.missing,
        duplicates: words.duplicates,
        conflicts: words.conflicts,
        disorder: words.disorder,
        malformed: words.malformed,
    })
}

fn write_truth(words: &TelemetryWords, truth: &Truth) -> Result<()> {
    let Some(path) = &words.truth else { return Ok(()) };
    let text = serde_json::to_string_pretty(truth).map_err(|error| Error::unexpected(format!("JSON: {error}")))?;
    if path == Path::new("-") {
        return print(&(text + "\n"));
    }
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    std::fs::write(&partial, text + "\n").and_then(|()| std::fs::rename(&partial, path)).map_err(|error| {
        // The first failure is the one to report.
        let _ = std::fs::remove_file(&partial);
        Error::writing(path, &error)
    })
}

fn tell(words: &TelemetryWords, truth: &Truth, time: Time, memory: Memory, settings: &Settings) -> Result<()> {
    #[derive(Serialize)]
    struct Body<'a> {
        outputs: [Output; 1],
        time: Time,
        memory: Memory,
        truth: &'a Truth,
    }
    if settings.json {
        let output = Output { path: words.output.clone(), bytes: Bytes(truth.csv_bytes), files: 1 };
        let body = Body { outputs: [output], time, memory, truth };
        return print_json(&Headed::complete("synth telemetry", body));
    }
    if settings.quiet {
        return Ok(());
    }
    print(&format!(
        "{}: {} rows of {} sensors, {}\n  {} readings, {} exact and {} conflicting duplicates, {} malformed rows\n{} at {}/s, {} of memory at most\n",
        words.output.display(),
        grouped(truth.rows),
        grouped(u64::from(truth.sensors)),
        Bytes(truth.csv_bytes),
        grouped(truth.unique),
        grouped(truth.duplicates_exact),
        grouped(truth.duplicates_conflicting),
        grouped(truth.rejected),
        crate::moment::spoken(time.wall_s),
        Bytes((truth.csv_bytes as f64 / time.wall_s.max(1e-6)) as u64),
        memory.actual_peak,
    ))
}

/// Standard output that leaves quietly when nobody reads any more.
struct Quiet<W>(W);

impl<W: std::io::Write> std::io::Write for Quiet<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let done = self.0.write(bytes);
        if done.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe) {
            std::process::exit(0);
        }
        done
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
