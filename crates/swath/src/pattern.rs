//! What a pattern with wildcards matches.
//!
//! The matching itself is that of the `glob` crate, which passes over names that are no text in UTF-8; here they are
//! refused, so that no file is left out unnoticed.

use std::path::{Path, PathBuf};

use swath_core::{Error, Result};

/// All files and folders that a pattern matches.
///
/// # Errors
/// [`Error::InputUnreadable`] for what is no pattern, for folders that cannot be read, and where a name that a wildcard
/// would match is no text in UTF-8.
pub fn matches(pattern: &str) -> Result<Vec<PathBuf>> {
    let found = glob::glob(pattern).map_err(|error| wrong(Path::new(pattern), error.to_string(), HINT))?;
    let found = found.map(|entry| entry.map_err(|error| wrong(Path::new(pattern), error.to_string(), HINT)));
    let found = found.collect::<Result<Vec<PathBuf>>>()?;
    match no_text(pattern)? {
        Some(path) => Err(wrong(
            &path,
            "its name is no text in UTF-8, so no pattern can match it".into(),
            "rename it, or give the folder that it is in, or a narrower pattern",
        )),
        None => Ok(found),
    }
}

/// The error of a pattern that matches nothing that is wanted.
pub fn no_match(pattern: &str, reason: &str) -> Error {
    wrong(Path::new(pattern), reason.into(), HINT)
}

const HINT: &str = "quote the pattern, and check it with ls";

fn wrong(path: &Path, reason: String, hint: &str) -> Error {
    Error::InputUnreadable { path: path.into(), reason, hint: hint.into() }
}

/// The first entry whose name is no text, and would match if it were.
fn no_text(pattern: &str) -> Result<Option<PathBuf>> {
    let mut above = PathBuf::new();
    let mut parts = Path::new(pattern).iter().peekable();
    while let Some(part) = parts.next() {
        let name = part.to_str().unwrap_or_default();
        let is_last = parts.peek().is_none();
        // Folders of any name are gone through for it.
        let goes_through = name == "**" && !is_last;
        if name.contains(['*', '?', '[']) && !goes_through {
            let by_name =
                glob::Pattern::new(name).map_err(|error| wrong(Path::new(pattern), error.to_string(), HINT))?;
            for folder in folders(&above) {
                // A folder that cannot be read was told of when its entries were matched.
                for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                    let name = entry.file_name();
                    let is_wanted = || is_last || entry.path().is_dir();
                    if name.to_str().is_none() && by_name.matches(&name.to_string_lossy()) && is_wanted() {
                        return Ok(Some(entry.path()));
                    }
                }
            }
        }
        above.push(part);
    }
    Ok(None)
}

/// The folders that the beginning of a pattern matches.
fn folders(above: &Path) -> Vec<PathBuf> {
    match above.to_str() {
        Some("") => vec![PathBuf::from(".")],
        Some(pattern) => glob::glob(pattern).into_iter().flatten().flatten().filter(|path| path.is_dir()).collect(),
        None => Vec::new(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn no_name_is_passed_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("b1");
        std::fs::create_dir(&below).expect("a folder in it");
        for name in [&b"a.csv"[..], b"a\xff.tif"] {
            std::fs::write(below.join(OsStr::from_bytes(name)), b"1\n").expect("a file");
        }
        let all = |pattern: &str| matches(&format!("{}/{pattern}", folder.path().display()));
        assert_eq!(all("b1/*.csv").expect("text alone").len(), 1);
        std::fs::write(folder.path().join(OsStr::from_bytes(b"b\xff")), b"1\n").expect("a file");
        assert_eq!(all("b?/a.csv").expect("text alone").len(), 1);
        for pattern in ["b1/*", "b?/*.tif", "**/*.tif"] {
            let error = all(pattern).expect_err("a name that is no text").to_string();
            assert!(error.contains("UTF-8") && error.contains("b1"), "{pattern}: {error}");
        }
    }
}
