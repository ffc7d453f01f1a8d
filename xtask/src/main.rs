//! The tasks of the house: `cargo xtask test | oracles | check | bench | soak | faults`. It reads words and picks the task; the rest is in files.

mod bench;
mod check;
mod faults;
mod licences;
mod matrix;
mod oracles;
mod python;
mod shell;
mod soak;
mod sources;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test [WORDS]      all tests of the workspace, then the oracles; WORDS go to cargo test, which then runs alone
cargo xtask oracles [NAME…]   only the oracles, or only those whose names hold one of the words
cargo xtask check             format, clippy, rustdoc, licences, absences, openings of files
cargo xtask bench [OPTIONS]   the ingest benchmark; see cargo xtask bench --help
cargo xtask soak OPTIONS      a job on growing volumes, for hours: memory and time; see cargo xtask soak --help
cargo xtask faults batch      a batch of two hundred jobs, some of them bad, and killed on its way; wants a corpus
cargo xtask faults verbs      a fault at every point of every verb; --quick: at some
cargo xtask faults kills      500 kills at random moments, and on from there
cargo xtask faults memory     every verb on forty times its ceiling, in a memory group; --quick: some on four times

Environment: CI=true requires the oracles and all tools; SWATH_CORPUS is the folder of real files
(default: ../shared/corpus beside the repository); SWATH_TEST_FULL=1 runs the long forms of the suites.";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let rest = words.get(1..).unwrap_or_default();
    let done = match words.first().map(String::as_str) {
        Some("test") => test::run(rest),
        Some("oracles") => oracles::run(rest),
        Some("check") => check::run(),
        Some("bench") => bench::run(rest),
        Some("soak") => soak::run(rest),
        Some("faults") => faults::run(rest),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(true)
        }
        _ => Err(format!("no such task\n\n{USAGE}")),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::from(2)
        }
    }
}
