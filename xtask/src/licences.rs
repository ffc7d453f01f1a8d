//! Licences of everything that the workspace is built from, read offline from what cargo has already fetched.

use crate::shell;
use serde_json::Value;

const ALLOWED: [&str; 13] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "BSL-1.0",
    "CC0-1.0",
    "Unlicense",
    "0BSD",
];

/// Names every package whose licence leaves no allowed choice.
pub fn check() -> Result<bool, String> {
    let text = shell::output_of(&mut shell::cargo(&["metadata", "--offline", "--locked", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    let mut good = true;
    for package in packages {
        let expression = package["license"].as_str().unwrap_or("");
        if !allows(expression) {
            println!("{} {}: licence {expression:?} is not allowed", package["name"], package["version"]);
            good = false;
        }
    }
    println!("{} packages", packages.len());
    Ok(good)
}

/// Whether an SPDX expression can be fulfilled with allowed licences alone.
fn allows(expression: &str) -> bool {
    // `A/B` is how old packages write `A OR B`.
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let fulfilled = alternatives(&words, &mut at);
    fulfilled == Some(true) && at == words.len()
}

fn alternatives(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut fulfilled = conditions(words, at)?;
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        fulfilled |= conditions(words, at)?;
    }
    Some(fulfilled)
}

fn conditions(words: &[&str], at: &mut usize) -> Option<bool> {
    let mut fulfilled = licence(words, at)?;
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        fulfilled &= licence(words, at)?;
    }
    Some(fulfilled)
}

fn licence(words: &[&str], at: &mut usize) -> Option<bool> {
    let word = *words.get(*at)?;
    *at += 1;
    if word == "(" {
        let fulfilled = alternatives(words, at)?;
        return (words.get(*at) == Some(&")")).then(|| {
            *at += 1;
            fulfilled
        });
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = *words.get(*at + 1)?;
        *at += 2;
        return Some(ALLOWED.contains(&&*format!("{word} WITH {exception}")));
    }
    Some(ALLOWED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        let check = |expression: &str, expect: bool| assert_eq!(allows(expression), expect, "{expression}");
        check("MIT", true);
        check("MIT/Apache-2.0", true);
        check("GPL-3.0 OR MIT", true);
        check("(MIT OR Apache-2.0) AND Unicode-3.0", true);
        check("(MIT OR Apache-2.0) AND MPL-2.0", false);
        check("Apache-2.0 WITH LLVM-exception OR GPL-2.0", true);
        check("Apache-2.0 WITH Some-exception", false);
        check("MPL-2.0", false);
        check("", false);
        check("MIT OR", false);
        check("(MIT", false);
        check("MIT MIT", false);
    }
}
