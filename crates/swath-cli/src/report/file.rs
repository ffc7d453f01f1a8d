//! The file of a report: written whole or not at all, and read back by the record in it.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

use swath_core::{Bytes, CHOOSE_FOLDER, Error, PartialOutput, Place, Result, fault, partial_folder, refuse_address};

use super::page;
use super::record::{FORMAT, Record, VERSION};

/// More than any page holds.
const BYTES_MAX: u64 = 16 << 20;
/// Where the record begins in a page, and where it ends.
const BEGIN: &str = "<script type=\"application/json\" id=\"swath-record\">";
const END: &str = "</script>";
/// The lock in the folder of an unfinished page.
const LOCK: &str = "lock";

/// Refuses a report that cannot be where it is wanted, or would take the place of something else: before there is anything
/// to tell in it.
///
/// # Errors
/// [`Error::Usage`] for one at or in the output; [`Error::OutputExists`]; [`Error::OutputUnwritable`].
pub fn may_be_written(path: &Path, output: Option<&Path>) -> Result<()> {
    refuse_address(path)?;
    let unwritable = |reason: &str, hint: &str| {
        Err(Error::OutputUnwritable { path: path.into(), reason: reason.into(), hint: hint.into() })
    };
    if path == Path::new("-") || path.file_name().is_none() {
        return Err(Error::Usage {
            message: format!("{} is no file for a report", path.display()),
            hint: "name a file, like --report run.html".into(),
        });
    }
    if let Some(output) = output.filter(|output| settled(path).starts_with(settled(output))) {
        return Err(Error::Usage {
            message: format!("the report {} would be in the output {}", path.display(), output.display()),
            hint: "name a file beside it".into(),
        });
    }
    if let Ok(there) = path.symlink_metadata() {
        if !there.is_file() {
            return unwritable("what stands there is no file", "name a file for the report");
        }
        if there.len() > 0 && !is_report(path) {
            return Err(Error::OutputExists {
                path: path.into(),
                message: "what stands there is no report, and is not replaced".into(),
                hint: "name another file for the report, or remove that one".into(),
            });
        }
    }
    let folder =
        path.ancestors().skip(1).find(|folder| folder.symlink_metadata().is_ok() || folder.as_os_str().is_empty());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return unwritable("a part of the path is a file", "name a folder there");
    }
    match rustix::fs::access(folder, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Ok(()),
        Err(error) => unwritable(&plain(error), CHOOSE_FOLDER),
    }
}

fn plain(error: rustix::io::Errno) -> String {
    match error {
        rustix::io::Errno::ROFS => "the file system is read-only".into(),
        _ => "permission denied".into(),
    }
}

/// The path from the root on, as far as that is known.
fn settled(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let Some(there) = absolute.ancestors().find(|part| part.exists()) else { return absolute };
    let rest = absolute.strip_prefix(there).unwrap_or(Path::new(""));
    let mut settled = there.canonicalize().unwrap_or_else(|_| there.into());
    for part in rest.components() {
        match part {
            Component::ParentDir => drop(settled.pop()),
            part => settled.push(part),
        }
    }
    settled
}

/// Whether a report, of whatever version, stands there.
fn is_report(path: &Path) -> bool {
    let mut head = [0; page::HEAD.len()];
    File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == *page::HEAD.as_bytes()
}

/// Writes the page of a run; one that stands there is replaced once the new one is whole.
///
/// # Errors
/// As [`may_be_written`], and whatever prevents a file from being written.
pub fn write(record: &Record, path: &Path) -> Result<()> {
    may_be_written(path, None)?;
    let partial = PartialOutput::create(path, true, false).inspect_err(|_| remove_bare(path))?;
    let made = make(record, &partial.output());
    if let Err(error) = made {
        let _ = partial.discard();
        return Err(Error::writing(path, &error));
    }
    let mut partial = partial;
    let shown = partial.show("");
    let removed = partial.discard();
    // What stays behind is removed by the next one.
    shown.map(|()| drop(removed))
}

/// Removes a folder that was made and holds nothing but its lock, which nobody holds.
fn remove_bare(path: &Path) {
    let Ok(folder) = partial_folder(path) else { return };
    let is_bare =
        |mut entries: std::fs::ReadDir| entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == LOCK));
    let lock = folder.join(LOCK);
    if std::fs::read_dir(&folder).is_ok_and(is_bare) && File::open(&lock).map_or(true, |lock| lock.try_lock().is_ok()) {
        let _ = std::fs::remove_file(lock);
        let _ = std::fs::remove_dir(folder);
    }
}

fn make(record: &Record, path: &Path) -> std::io::Result<()> {
    fault::point("report.create")?;
    let mut out = BufWriter::new(File::create(path)?);
    page::begin(record, &mut out)?;
    out.write_all(BEGIN.as_bytes())?;
    serde_json::to_writer(Tame(&mut out), record)?;
    out.write_all(END.as_bytes())?;
    page::end(&mut out)?;
    fault::point("report.write")?;
    out.flush()
}

/// Writes JSON in which nothing looks like a tag: a `<` is only ever part of a text in it.
struct Tame<W>(W);

impl<W: Write> Write for Tame<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut parts = bytes.split(|byte| *byte == b'<');
        if let Some(first) = parts.next() {
            self.0.write_all(first)?;
        }
        for part in parts {
            self.0.write_all(b"\\u003c")?;
            self.0.write_all(part)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Reads the record of a page, or one that stands alone.
///
/// # Errors
/// [`Error::InputUnreadable`]; [`Error::InputCorrupt`] for what is no report, or is one of another version.
pub fn read(path: &Path) -> Result<Record> {
    let file = File::open(path).map_err(|error| Error::reading(path, &error))?;
    if file.metadata().is_ok_and(|there| there.is_dir()) {
        return Err(Error::reading(path, &std::io::ErrorKind::IsADirectory.into()));
    }
    let mut text = Vec::new();
    file.take(BYTES_MAX + 1).read_to_end(&mut text).map_err(|error| Error::reading(path, &error))?;
    let corrupt = |byte: Option<usize>, message: String| Error::InputCorrupt {
        place: Place { byte_offset: byte.map(|byte| byte as u64), ..Place::file(path) },
        message,
        hint: "name a file that --report made, or the record of one (swath report FILE --json)".into(),
    };
    if text.len() as u64 > BYTES_MAX {
        return Err(corrupt(None, format!("it is larger than any report: wanted at most {}", Bytes(BYTES_MAX))));
    }
    let (begin, json) = match text.trim_ascii_start().first() {
        Some(b'{') => (0, &text[..]),
        _ => record_in(&text).ok_or_else(|| corrupt(None, "this is no report: it has no record of a run".into()))?,
    };
    /// What every version has.
    #[derive(serde::Deserialize)]
    struct Head {
        format: String,
        version: u32,
    }
    let wrong = |error: serde_json::Error| corrupt(Some(begin), format!("its record cannot be read: {error}"));
    let head: Head = serde_json::from_slice(json).map_err(wrong)?;
    if head.format != FORMAT || head.version != VERSION {
        let message = format!("its record is {:?} {}; wanted {FORMAT:?} {VERSION}", head.format, head.version);
        return Err(corrupt(Some(begin), message));
    }
    serde_json::from_slice(json).map_err(wrong)
}

/// The record in a page, and where it begins.
fn record_in(text: &[u8]) -> Option<(usize, &[u8])> {
    let find = |what: &str, from: usize| {
        text.get(from..)?.windows(what.len()).position(|part| part == what.as_bytes()).map(|at| from + at)
    };
    let begin = find(BEGIN, 0)? + BEGIN.len();
    let end = find(END, begin)?;
    Some((begin, &text[begin..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_record_ends_it() {
        let text = "a </script><!-- <b> & \" \u{2028}";
        let mut written = BEGIN.as_bytes().to_vec();
        serde_json::to_writer(Tame(&mut written), text).expect("a vector");
        written.extend(END.as_bytes());
        let (_, json) = record_in(&written).expect("there");
        assert!(!json.contains(&b'<'), "{}", String::from_utf8_lossy(json));
        assert_eq!(serde_json::from_slice::<String>(json).expect("JSON"), text);
    }
}
