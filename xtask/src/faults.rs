//! `cargo xtask faults`: long trials of what goes wrong at night. It builds the program, starts a trial and prints its table; the
//! trials themselves are the testkit's, and one is a script.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use swath_testkit::trial::{kills, memory, verbs};

use crate::{matrix, shell};

const USAGE: &str = "\
cargo xtask faults batch [--trials mixed,kills,speed] [--jobs N] [--seed N] [--every SECONDS] [--rounds N]
cargo xtask faults verbs [--quick] [--only VERB] [--kind KIND]
cargo xtask faults kills [--kills N] [--seed N] [--only VERB]
cargo xtask faults memory [--quick] [--only VERB] [--ceiling MB] [--times N]";

/// Runs a trial.
///
/// # Errors
/// What is missing, in words for the report.
pub fn run(words: &[String]) -> Result<bool, String> {
    let rest = words.get(1..).unwrap_or_default();
    let trial = match words.first().map(String::as_str) {
        Some("batch") => batch,
        Some("verbs") => every_verb,
        Some("kills") => random_kills,
        Some("memory") => memory_matrix,
        _ => return Err(format!("no such trial\n\n{USAGE}")),
    };
    if !shell::succeeds(&mut shell::cargo(&["build", "--release", "--quiet", "--workspace", "--bins"]))? {
        return Err("the program does not build".into());
    }
    trial(rest)
}

fn batch(words: &[String]) -> Result<bool, String> {
    let corpus = shell::corpus().ok_or("no ../shared/corpus, and SWATH_CORPUS names none")?;
    // It needs nothing but Python itself.
    let mut command = Command::new("python3");
    command.arg(shell::root().join("tests/acceptance/batch_mixed.py")).arg(shell::program()).arg(corpus).args(words);
    shell::succeeds(command.current_dir(shell::root()).stdin(Stdio::null()))
}

fn every_verb(words: &[String]) -> Result<bool, String> {
    let mut flags = Flags::read(words, &["--quick"], &["--only", "--kind"])?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wishes = verbs::Wishes {
        is_quick: flags.has("--quick"),
        only: flags.take("--only"),
        kind: flags.take("--kind"),
        threads,
    };
    println!("{}", verbs::HEAD);
    let rows = verbs::run(&program()?, &wishes, &mut |row| println!("{row}"));
    let sum = |of: fn(&verbs::Row) -> u64| rows.iter().map(of).sum::<u64>();
    let (tried, same, wrong) = (sum(|row| row.tried), sum(|row| row.same), sum(|row| row.wrong));
    println!(
        "{tried} faults: {same} runs came to the same bytes, {} were refused, {wrong} are wrong",
        tried - same - wrong
    );
    Ok(wrong == 0 && tried > 0)
}

fn random_kills(words: &[String]) -> Result<bool, String> {
    let mut flags = Flags::read(words, &[], &["--kills", "--seed", "--only"])?;
    let wishes = kills::Wishes {
        kills: flags.number("--kills")?.unwrap_or(500) as u32,
        seed: flags.number("--seed")?.unwrap_or(1),
        only: flags.take("--only"),
    };
    println!("{}", kills::HEAD);
    let rows = kills::run(&program()?, &wishes, &mut |row| println!("{row}"));
    let wrong: u32 = rows.iter().map(|row| row.wrong).sum();
    let (kept, skipped) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.kept, sum.1 + row.skipped));
    let (kills, same) = rows.iter().fold((0, 0), |sum, row| (sum.0 + row.kills, sum.1 + row.same));
    println!(
        "{kills} kills: {same} came to the same bytes, {skipped} of {kept} with work done skipped some, {wrong} are wrong"
    );
    Ok(wrong == 0 && kills > 0 && skipped * 10 >= kept * 6)
}

fn memory_matrix(words: &[String]) -> Result<bool, String> {
    let mut flags = Flags::read(words, &["--quick"], &["--only", "--ceiling", "--times"])?;
    let wishes = memory::Wishes {
        is_quick: flags.has("--quick"),
        only: flags.take("--only"),
        ceiling: flags.number("--ceiling")?,
        times: flags.number("--times")?,
    };
    println!("{}", memory::HEAD);
    let mut kept = Ok(());
    let rows = memory::run(&program()?, &wishes, &mut |row| {
        println!("{row}");
        // At once, since all of it takes hours.
        if !wishes.is_quick && kept.is_ok() {
            kept = matrix::keep(row);
        }
    });
    kept?;
    Ok(!rows.is_empty() && rows.iter().all(|row| row.wrong.is_empty()))
}

fn program() -> Result<String, String> {
    let program: PathBuf = shell::program();
    program.into_os_string().into_string().map_err(|_| "the folder of the program has a name that is no text".into())
}

/// Flags of a trial.
struct Flags(Vec<(String, String)>);

impl Flags {
    fn read(words: &[String], alone: &[&str], valued: &[&str]) -> Result<Flags, String> {
        let mut flags = Vec::new();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = match word.as_str() {
                word if alone.contains(&word) => String::new(),
                word if valued.contains(&word) => {
                    words.next().ok_or(format!("{word} wants a value\n\n{USAGE}"))?.clone()
                }
                _ => return Err(format!("{word} is not understood\n\n{USAGE}")),
            };
            flags.push((word.clone(), value));
        }
        Ok(Flags(flags))
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(flag, _)| flag == name)
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let position = self.0.iter().position(|(flag, _)| flag == name)?;
        Some(self.0.swap_remove(position).1)
    }

    fn number(&mut self, name: &str) -> Result<Option<u64>, String> {
        let value = self.take(name);
        value.map(|value| value.parse().map_err(|_| format!("{name} {value}: wanted a number"))).transpose()
    }
}
