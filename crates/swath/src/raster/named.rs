//! From a word of the command line to the rasters that it names: a file, a glob, or a list of files.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use swath_core::fault::Faulty;
use swath_core::{Error, Result};
use swath_formats::store::open_regular;

use crate::ingest::{expand, pattern};

/// More than any list that is of use.
const LIST_BYTES_MAX: u64 = 16 << 20;
/// More than any path has.
const LINE_BYTES_MAX: u64 = 16 << 10;

/// The files that a word names: itself where there is such a file, else those that match a glob, in bytewise order, or
/// the lines of the file behind an `@`, in their order.
///
/// # Errors
/// [`Error::InputUnreadable`] for a glob that nothing matches and a list that cannot be read.
pub fn files(word: &Path) -> Result<Vec<PathBuf>> {
    if word.symlink_metadata().is_ok() {
        return Ok(vec![word.into()]);
    }
    if let Some(list) = word.as_os_str().as_bytes().strip_prefix(b"@").filter(|list| !list.is_empty()) {
        return listed(Path::new(OsStr::from_bytes(list)));
    }
    match pattern(word.as_os_str()) {
        Some(pattern) => {
            let mut found = expand(pattern)?;
            found.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
            Ok(found)
        }
        None => Ok(vec![word.into()]),
    }
}

/// The lines of a file, without those that are blank.
///
/// # Errors
/// [`Error::InputUnreadable`].
pub(crate) fn listed(list: &Path) -> Result<Vec<PathBuf>> {
    let refuse = |reason: String, hint: &str| Error::InputUnreadable { path: list.into(), reason, hint: hint.into() };
    let mut text = Vec::new();
    let file = open_regular(list)?;
    let file = Faulty::new(file, "list.read");
    file.take(LIST_BYTES_MAX + 1).read_to_end(&mut text).map_err(|error| Error::reading(list, &error))?;
    if text.len() as u64 > LIST_BYTES_MAX {
        return Err(refuse(format!("a list of files has at most {LIST_BYTES_MAX} bytes"), "name fewer files"));
    }
    let lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let files: Vec<PathBuf> = lines.map(|line| PathBuf::from(OsStr::from_bytes(line))).collect();
    match files.is_empty() {
        true => Err(refuse("the list names no file".into(), "write one path a line")),
        false => Ok(files),
    }
}

/// Hands on the lines of a list one by one, as [`listed`] has them: for those who may not keep them. What is longer than a
/// path can be is left out.
///
/// # Errors
/// [`Error::InputUnreadable`].
pub(crate) fn each_listed(list: &Path, take: &mut dyn FnMut(&Path)) -> Result<()> {
    let mut text = BufReader::new(open_regular(list)?.take(LIST_BYTES_MAX));
    let mut line = Vec::new();
    let mut is_rest = false;
    loop {
        line.clear();
        let read = (&mut text).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| Error::reading(list, &error))? == 0 {
            return Ok(());
        }
        let is_whole = line.ends_with(b"\n") || (line.len() as u64) < LINE_BYTES_MAX;
        let path = line.trim_ascii();
        if is_whole && !is_rest && !path.is_empty() {
            take(Path::new(OsStr::from_bytes(path)));
        }
        is_rest = !is_whole;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_files_globs_and_lists() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        for name in ["b.tif", "a.tif", "c[1].tif"] {
            std::fs::write(path(name), "").expect("written");
        }
        let text = format!("\n{}\r\n  {}\n\n", path("b.tif").display(), path("no.tif").display());
        std::fs::write(path("list.txt"), text).expect("written");
        std::fs::write(path("blank.txt"), "\n \n").expect("written");
        let found = |word: &str| files(Path::new(word));
        let word = |name: &str| path(name).display().to_string();
        let is = |word: &str, wanted: &[&str]| {
            let wanted: Vec<PathBuf> = wanted.iter().map(|name| path(name)).collect();
            assert_eq!(found(word).expect("files"), wanted, "{word}");
        };
        is(&word("[ab].tif"), &["a.tif", "b.tif"]);
        is(&word("c[1].tif"), &["c[1].tif"]);
        is(&word("no.tif"), &["no.tif"]);
        is(&format!("@{}", word("list.txt")), &["b.tif", "no.tif"]);
        for (word, wanted) in [
            (word("*.png"), "no file matches"),
            (format!("@{}", word("blank.txt")), "names no file"),
            (format!("@{}", word("none.txt")), "none.txt"),
        ] {
            let error = found(&word).expect_err(&word).to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
