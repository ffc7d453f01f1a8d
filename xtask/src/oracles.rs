//! The oracles: Python scripts that hold swath against tools which nobody here wrote. It ends with one line of counts.

use crate::{python, shell};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// What a script is given after its name.
#[derive(Clone, Copy)]
enum Wants {
    /// Nothing: it asks the example programs of the crates.
    Nothing,
    /// The path of swath.
    Program,
    /// The path of swath and that of the corpus; it is skipped without a corpus.
    Corpus,
    /// The path of an example program.
    Example(&'static str),
    /// The path of an example program and that of the corpus; it is skipped without a corpus.
    ExampleAndCorpus(&'static str),
}

struct Oracle {
    script: &'static str,
    wants: Wants,
}

/// Every script of `tests/oracles`; `lake_opens.py` is run by `truth_ingest.py`, on lakes that are made there.
const ORACLES: [Oracle; 13] = [
    Oracle { script: "crs_points.py", wants: Wants::Nothing },
    Oracle { script: "crs_projjson.py", wants: Wants::Nothing },
    Oracle { script: "truth_ingest.py", wants: Wants::Program },
    Oracle { script: "arrow_ingest.py", wants: Wants::Program },
    Oracle { script: "real_files.py", wants: Wants::Corpus },
    Oracle { script: "pivots.py", wants: Wants::Corpus },
    Oracle { script: "geotiff_write.py", wants: Wants::Example("geotiff_make") },
    Oracle { script: "geotiff_read.py", wants: Wants::ExampleAndCorpus("geotiff_dump") },
    Oracle { script: "passed_on.py", wants: Wants::Corpus },
    Oracle { script: "cog.py", wants: Wants::Program },
    Oracle { script: "focal_terrain.py", wants: Wants::ExampleAndCorpus("raster_op") },
    Oracle { script: "raster_stats.py", wants: Wants::Corpus },
    Oracle { script: "warp_mosaic.py", wants: Wants::ExampleAndCorpus("raster_warp") },
];

/// Whether the long forms of the tests are wanted, too.
fn is_full() -> bool {
    std::env::var_os("SWATH_TEST_FULL").is_some_and(|value| value == "1")
}

/// The status of a script whose tools are too old to tell.
const CANNOT_TELL: i32 = 77;

enum Verdict {
    Passed,
    Failed,
    Skipped(String),
}

/// Runs the oracles whose names hold one of the words, or all of them.
pub fn run(words: &[String]) -> Result<bool, String> {
    shell::heading("oracles");
    let packages = ["-p", "swath-cli", "-p", "swath-crs", "-p", "swath-formats"];
    let build = [&["build", "--release", "--quiet"], &packages[..], &["--bins", "--examples"]].concat();
    if !shell::succeeds(&mut shell::cargo(&build))? {
        return Err("the program does not build".into());
    }
    let python = python::ready();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for oracle in ORACLES.iter().filter(|o| words.is_empty() || words.iter().any(|word| o.script.contains(&**word))) {
        let started = Instant::now();
        let verdict = match &python {
            Ok(_) if words.is_empty() && oracle.script.starts_with("crs_") && !is_full() => {
                Verdict::Skipped("it takes many minutes: SWATH_TEST_FULL=1 runs it, or naming it".into())
            }
            Ok(python) => consult(oracle, python)?,
            Err(reason) if shell::is_ci() => {
                println!("{reason}");
                Verdict::Failed
            }
            Err(reason) => Verdict::Skipped(reason.clone()),
        };
        let seconds = started.elapsed().as_secs_f64();
        match verdict {
            Verdict::Passed => {
                passed += 1;
                println!("oracle {} ... ok ({seconds:.0} s)", oracle.script);
            }
            Verdict::Failed => {
                failed += 1;
                println!("oracle {} ... FAILED ({seconds:.0} s)", oracle.script);
            }
            Verdict::Skipped(reason) => {
                skipped += 1;
                println!("oracle {} ... SKIPPED: {reason}", oracle.script);
            }
        }
    }
    if passed + failed + skipped == 0 {
        return Err(format!("no oracle is called like {words:?}"));
    }
    println!("\n{passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

/// An example program of the crates.
fn example(name: &str) -> PathBuf {
    shell::target().join("release/examples").join(name)
}

fn consult(oracle: &Oracle, python: &Path) -> Result<Verdict, String> {
    let script: PathBuf = shell::root().join("tests/oracles").join(oracle.script);
    let mut command = Command::new(python);
    command.arg(&script).current_dir(shell::root()).stdin(Stdio::null());
    // Scripts that call cargo must find the build that was just made.
    command.env("CARGO_TARGET_DIR", shell::target());
    match oracle.wants {
        Wants::Nothing => {}
        Wants::Program => {
            command.arg(shell::program());
        }
        Wants::Example(name) => {
            command.arg(example(name));
        }
        Wants::Corpus | Wants::ExampleAndCorpus(_) => {
            let Some(corpus) = shell::corpus() else {
                return Ok(Verdict::Skipped("no ../shared/corpus, and SWATH_CORPUS names none".into()));
            };
            let program = match oracle.wants {
                Wants::ExampleAndCorpus(name) => example(name),
                _ => shell::program(),
            };
            command.arg(program).arg(corpus);
        }
    }
    let status = command.status().map_err(|error| format!("cannot start {}: {error}", python.display()))?;
    Ok(match status.code() {
        Some(0) => Verdict::Passed,
        Some(CANNOT_TELL) => Verdict::Skipped("what it asks is too old here, as it says".into()),
        _ => Verdict::Failed,
    })
}
