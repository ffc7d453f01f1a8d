//! Positioned reads of inputs: the only way bytes come in.
//!
//! It does not map files into memory, keeps no position and no cache of its own.

use std::fs::File;
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
        match File::open(&path) {
            Ok(file) => Ok(SourceFile { path, file }),
            Err(error) => Err(Error::reading(&path, &error)),
        }
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
    fn a_missing_file_is_named() {
        let error = SourceFile::open("/nonexistent/readings.csv").expect_err("no such file");
        assert!(error.to_string().contains("/nonexistent/readings.csv"), "{error}");
        assert_eq!(error.exit_code(), 5);
    }
}
