//! What every Rust file of the house keeps to: it opens by saying its job, and leaves nothing for later.

use crate::shell;
use std::path::{Path, PathBuf};

/// Marks of unfinished code, in two halves so that this file does not find itself.
const UNFINISHED: [(&str, &str); 3] = [("todo", "!("), ("unimplemented", "!("), ("dbg", "!(")];

/// Names every file that does not keep to it.
pub fn check() -> Result<bool, String> {
    let mut files = Vec::new();
    for folder in ["crates", "xtask"] {
        collect(&shell::root().join(folder), &mut files)?;
    }
    files.sort();
    let mut good = true;
    for file in &files {
        let text = std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        for fault in faults(&text) {
            println!("{}: {fault}", file.strip_prefix(shell::root()).unwrap_or(file).display());
            good = false;
        }
    }
    println!("{} files", files.len());
    Ok(good)
}

fn faults(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if !text.starts_with("//! ") {
        faults.push("does not open with `//!` and its job".into());
    }
    for (number, line) in text.lines().enumerate() {
        for (name, rest) in UNFINISHED {
            if line.contains(&format!("{name}{rest}")) {
                faults.push(format!("line {}: {name}!", number + 1));
            }
        }
    }
    faults
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_a_file() {
        let check = |text: &str, expect: usize| assert_eq!(faults(text).len(), expect, "{text}");
        check("//! Its job.\nfn main() {}\n", 0);
        check("fn main() {}\n", 1);
        check(&format!("//! Its job.\nfn main() {{ {}!() }}\n", "todo"), 1);
        check("", 1);
    }
}
