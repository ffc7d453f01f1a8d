//! A file that a job reads, as it was when the job was planned: a resumed run, and the end of every run, hold it
//! against that.

use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use swath_core::{Error, Fnv64, Result, fault};
use swath_formats::store::{ReadAt, SourceFile, open_regular};

use crate::content::Content;

/// A file as it was when the job was planned.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub size: u64,
    /// Where its table ends: its length, unless a schema says where to stop.
    pub end: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub mtime_ns: i128,
    /// The device that it is on.
    pub device: u64,
    /// Its inode.
    pub inode: u64,
    /// Hash of its first and last 4 KiB; of a stream, of all of it.
    pub ends: u64,
    /// What it holds, where that is not what stands in the file.
    pub content: Option<Content>,
}

impl InputFile {
    /// Whether `path` leads to this very file, by whatever name.
    pub fn is_at(&self, path: &Path) -> bool {
        let canonical = |path: &Path| std::fs::canonicalize(path).ok();
        canonical(&self.path).is_some_and(|own| canonical(path) == Some(own))
    }

    /// Takes down what a file is now.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`] when it cannot be read.
    pub fn identify(path: &Path) -> Result<InputFile> {
        let file = open_regular(path)?;
        let metadata = file.metadata().map_err(|error| Error::reading(path, &error))?;
        let size = metadata.len();
        let mut hash = Fnv64::default();
        let mut end = vec![0; 4096.min(size as usize)];
        for offset in [0, size - end.len() as u64] {
            fault::point("input.read")
                .and_then(|()| file.read_exact_at(&mut end, offset))
                .map_err(|error| Error::reading(path, &error))?;
            hash.update(&end);
        }
        let mtime_ns = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
        Ok(InputFile {
            path: path.into(),
            size,
            end: size,
            mtime_ns,
            device: metadata.dev(),
            inode: metadata.ino(),
            ends: hash.finish(),
            content: None,
        })
    }

    /// Standard input or a pipe, with what came from it.
    pub fn of_stream(content: Content) -> InputFile {
        let (path, size, ends) = (content.path().into(), content.length, content.hash);
        InputFile { path, size, end: size, mtime_ns: 0, device: 0, inode: 0, ends, content: Some(content) }
    }

    /// Whether it came in once, and cannot be looked at again.
    pub fn is_stream(&self) -> bool {
        (self.device, self.inode) == (0, 0)
    }

    /// Takes what it holds, where that is not what stands in the file.
    pub fn holds(&mut self, content: Content) {
        self.end = content.length;
        self.content = Some(content);
    }

    /// Opens what is read of it.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`].
    pub fn open(&self) -> Result<Box<dyn ReadAt>> {
        match &self.content {
            Some(content) => Ok(Box::new(content.clone())),
            None => Ok(Box::new(SourceFile::open(&self.path)?)),
        }
    }

    /// What a journal remembers of it.
    pub fn identity(&self) -> Value {
        json!({
            "path": exact_path(&self.path),
            "size": self.size,
            "time of change": self.mtime_ns.to_string(),
            "inode": self.inode,
            "contents": format!("{:016x}", self.ends),
        })
    }

    /// Refuses a file that is no longer what it was.
    ///
    /// # Errors
    /// [`Error::InputCorrupt`] that says what changed.
    pub fn check_unchanged(&self) -> Result<()> {
        if self.is_stream() {
            return Ok(());
        }
        let now = InputFile::identify(&self.path)?;
        let changed = [
            (self.size != now.size).then(|| format!("its size was {}, is {}", self.size, now.size)),
            (self.ends != now.ends).then(|| "it begins or ends with other bytes".to_string()),
            (self.inode != now.inode).then(|| "another file has its name".to_string()),
            (self.mtime_ns != now.mtime_ns).then(|| "it was written to".to_string()),
        ];
        match changed.into_iter().flatten().next() {
            None => Ok(()),
            Some(what) => Err(Error::InputCorrupt {
                place: swath_core::Place::file(&self.path),
                message: format!("the file changed while it was read: {what}"),
                hint: "run the same command again once nobody writes to it".into(),
            }),
        }
    }
}

/// A path in JSON such that different paths stay different: as text, or where it is none, as its bytes.
pub fn exact_path(path: &Path) -> serde_json::Value {
    path.to_str().map_or_else(|| json!(path.as_os_str()), |text| json!(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn paths_that_are_no_text_stay_different() {
        let names: [&[u8]; 5] = [b"z.csv", b"z\xff.csv", b"z\xfe.csv", "z\u{fffd}.csv".as_bytes(), b"z\\xff.csv"];
        let mut seen: Vec<serde_json::Value> = names.map(|name| exact_path(Path::new(OsStr::from_bytes(name)))).into();
        assert_eq!(seen[0], json!("z.csv"));
        seen.sort_by_key(ToString::to_string);
        seen.dedup();
        assert_eq!(seen.len(), names.len(), "{seen:?}");
    }
}
