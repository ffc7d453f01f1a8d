//! `cargo xtask check`: what can be said of the sources without running them. Each check runs, whatever failed before.

use crate::{licences, shell, sources};

type Check = (&'static str, fn() -> Result<bool, String>);

const CHECKS: [Check; 6] = [
    ("absences of the design", absences),
    ("licences of the dependencies", licences::check),
    ("openings of files, unfinished code", sources::check),
    ("format", format),
    ("clippy", clippy),
    ("rustdoc", rustdoc),
];

/// Runs every check and names those that failed.
pub fn run() -> Result<bool, String> {
    // The checks look at every package of the lock file, also at those that this machine builds nothing from. Where there
    // is no network, what has been fetched before must do.
    if !shell::succeeds(&mut shell::cargo(&["fetch", "--locked", "--quiet"]))? {
        println!("not all packages could be fetched");
    }
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        shell::heading(name);
        match check() {
            Ok(true) => println!("{name}: ok"),
            Ok(false) => failed.push(name),
            Err(message) => {
                println!("{message}");
                failed.push(name);
            }
        }
    }
    println!();
    match failed.is_empty() {
        true => println!("all checks passed"),
        false => println!("FAILED: {}", failed.join("; ")),
    }
    Ok(failed.is_empty())
}

fn format() -> Result<bool, String> {
    let mut command = shell::cargo(&["fmt", "--all", "--", "--check", "--files-with-diff"]);
    let output = command.output().map_err(|error| format!("cannot start cargo fmt: {error}"))?;
    let root = shell::root();
    let text = String::from_utf8_lossy(&output.stdout);
    for line in text.lines() {
        println!("not formatted: {}", line.strip_prefix(&*root.to_string_lossy()).unwrap_or(line));
    }
    print!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(output.status.success())
}

fn clippy() -> Result<bool, String> {
    shell::succeeds(&mut shell::cargo(&[
        "clippy",
        "--release",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

fn rustdoc() -> Result<bool, String> {
    let mut command = shell::cargo(&["doc", "--release", "--quiet", "--no-deps", "--workspace"]);
    shell::succeeds(command.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Who must never depend on whom, tests aside; a name that ends in `*` stands for all crates that start so.
const ABSENCES: [(&str, &[&str]); 6] = [
    ("swath-core", &["swath", "swath-*", "arrow-*", "parquet", "tokio"]),
    ("swath-crs", &["swath", "swath-*", "arrow-*", "parquet"]),
    ("swath-expr", &["swath", "swath-*", "arrow-*", "parquet"]),
    ("swath-table", &["swath", "swath-formats", "swath-raster", "swath-cli", "arrow-*", "parquet"]),
    ("swath-raster", &["swath", "swath-formats", "swath-table", "swath-cli", "arrow-*", "parquet"]),
    ("swath", &["swath-cli", "swath-testkit", "clap", "indicatif"]),
];

fn absences() -> Result<bool, String> {
    let mut good = true;
    for (package, absent) in ABSENCES {
        let words =
            ["tree", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}", "-p", package];
        let tree = shell::output_of(&mut shell::cargo(&words))?;
        let below = tree.lines().filter_map(|line| line.split_whitespace().next()).filter(|name| *name != package);
        let mut found: Vec<&str> = below.filter(|name| absent.iter().any(|word| stands_for(word, name))).collect();
        found.sort_unstable();
        found.dedup();
        for name in found {
            println!("{package} depends on {name}, which the design forbids");
            good = false;
        }
    }
    Ok(good)
}

fn stands_for(word: &str, name: &str) -> bool {
    match word.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_absences() {
        let check = |word: &str, name: &str, expect: bool| assert_eq!(stands_for(word, name), expect, "{word} {name}");
        check("arrow-*", "arrow-array", true);
        check("arrow-*", "arrow", false);
        check("swath", "swath-core", false);
        check("swath-*", "swath-core", true);
        check("parquet", "parquet", true);
    }
}
