//! Positioned reads of inputs: the only way bytes come in.
//!
//! It does not map files into memory, keeps no position and no cache of its own, and opens nothing that could make it
//! wait, like a pipe.

use std::fs::{File, FileType};
use std::io;
use std::path::{Path, PathBuf};

use swath_core::{Error, Result};

/// Something with bytes at positions, which several threads may read at once.
pub trait ReadAt: Send + Sync {
    /// Reads some bytes at `offset`; 0 means that there are none from there on.
    ///
    /// # Errors
    /// What the system says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// The path to name in errors.
    fn path(&self) -> &Path {
        Path::new("")
    }
}

/// Reads until `buffer` is full or the input ends; answers how much was read.
///
/// # Errors
/// [`Error::InputUnreadable`] with the input's path.
pub fn read_full(input: &dyn ReadAt, buffer: &mut [u8], offset: u64) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::reading(input.path(), &error)),
        }
    }
    Ok(filled)
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, buffer, offset)
    }
}

/// Opens a regular file for reading. Everything else is refused unopened, since to open a pipe is to wait for whoever
/// writes to it.
///
/// # Errors
/// [`Error::InputUnreadable`].
pub fn open_regular(path: &Path) -> Result<File> {
    let metadata = std::fs::metadata(path).map_err(|error| Error::reading(path, &error))?;
    if !metadata.is_file() {
        return Err(Error::InputUnreadable {
            path: path.into(),
            reason: format!("it is {}, not a regular file", kind(metadata.file_type())),
            hint: "inputs are read at many places at once: copy it to a file first".into(),
        });
    }
    File::open(path).map_err(|error| Error::reading(path, &error))
}

/// What a thing that is no regular file is, with its article.
fn kind(file_type: FileType) -> &'static str {
    if file_type.is_dir() {
        return "a folder";
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if file_type.is_fifo() {
            return "a named pipe";
        }
        if file_type.is_socket() {
            return "a socket";
        }
    }
    "a device"
}

/// An open file that knows its path.
#[derive(Debug)]
pub struct SourceFile {
    path: PathBuf,
    file: File,
}

impl SourceFile {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`].
    pub fn open(path: impl Into<PathBuf>) -> Result<SourceFile> {
        let path = path.into();
        let file = open_regular(&path)?;
        Ok(SourceFile { path, file })
    }

    /// The open file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl ReadAt for SourceFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let from = usize::try_from(offset).map_or(self.len(), |offset| offset.min(self.len()));
        let length = buffer.len().min(self.len() - from);
        buffer[..length].copy_from_slice(&self[from..from + length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_end_where_the_input_ends() {
        let input: Vec<u8> = (0..10).collect();
        for (offset, wanted, got) in
            [(0, 4, vec![0, 1, 2, 3]), (8, 4, vec![8, 9]), (10, 4, vec![]), (u64::MAX / 2, 1, vec![])]
        {
            let mut buffer = vec![0; wanted];
            let length = read_full(&input, &mut buffer, offset).expect("memory can be read");
            assert_eq!(buffer[..length], got, "at {offset}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn what_is_no_regular_file_is_refused_unopened() {
        for (path, wanted) in [(Path::new("/dev/null"), "a device"), (Path::new("/"), "a folder")] {
            let error = SourceFile::open(path).expect_err(wanted);
            assert!(error.to_string().ends_with(&format!("it is {wanted}, not a regular file")), "{error}");
            assert_eq!(error.exit_code(), 5);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = SourceFile::open("/nonexistent/readings.csv").expect_err("no such file");
        assert!(error.to_string().contains("/nonexistent/readings.csv"), "{error}");
        assert_eq!(error.exit_code(), 5);
    }
}
