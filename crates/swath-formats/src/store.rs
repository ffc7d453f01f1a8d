//! Positioned reads of inputs: the only way bytes come in.
//!
//! It does not map files into memory, keeps no position and no cache of its own, and opens nothing that could make it
//! wait, like a pipe.

use std::fs::{File, FileType};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use swath_core::{Error, Result, fault};

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

    /// What a failed read is told as.
    fn unreadable(&self, error: &io::Error) -> Error {
        Error::reading(self.path(), error)
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
            Err(error) => return Err(input.unreadable(&error)),
        }
    }
    Ok(filled)
}

impl ReadAt for File {
    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        fault::point("input.read")?;
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }

    #[cfg(windows)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        fault::point("input.read")?;
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
            hint: match metadata.is_dir() {
                true => "name a file in it".into(),
                false => "inputs are read at many places at once: copy it to a file first".into(),
            },
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

/// Files that are open at a time, at most, beside those that are being read from this very moment.
const OPEN_MAX: usize = 32;

/// Open files by their numbers, the one that was used last at the end.
static OPEN: Mutex<Vec<(u64, Arc<File>)>> = Mutex::new(Vec::new());

/// A file that is read now and then, among perhaps thousands of others: it is opened when it is wanted, and of all of
/// its kind only those that were used last stay open.
#[derive(Debug)]
pub struct RestingFile {
    path: PathBuf,
    number: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl RestingFile {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// [`Error::InputUnreadable`].
    pub fn open(path: impl Into<PathBuf>) -> Result<RestingFile> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let path = path.into();
        let file = open_regular(&path)?;
        let metadata = file.metadata().map_err(|error| Error::reading(&path, &error))?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let resting = RestingFile { path, number, length: metadata.len(), modified: metadata.modified().ok() };
        resting.keep(&Arc::new(file));
        Ok(resting)
    }

    /// Its length when it was first opened.
    pub fn length(&self) -> u64 {
        self.length
    }

    fn keep(&self, file: &Arc<File>) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(number, _)| *number != self.number);
        open.push((self.number, Arc::clone(file)));
        if open.len() > OPEN_MAX {
            open.remove(0);
        }
    }

    /// The open file; opened again if it rested, and refused if it is another one by now.
    fn file(&self) -> io::Result<Arc<File>> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(position) = open.iter().position(|(number, _)| *number == self.number) {
            let last = open.len() - 1;
            open[position..=last].rotate_left(1);
            return Ok(Arc::clone(&open[last].1));
        }
        drop(open);
        let file = File::open(&self.path)?;
        let metadata = file.metadata()?;
        if metadata.len() != self.length || metadata.modified().ok() != self.modified {
            return Err(io::Error::other("it was changed while it was read"));
        }
        let file = Arc::new(file);
        self.keep(&file);
        Ok(file)
    }
}

impl ReadAt for RestingFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file()?.read_at(buffer, offset)
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RestingFile {
    fn drop(&mut self) {
        OPEN.lock().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| *number != self.number);
    }
}

impl ReadAt for Vec<u8> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.as_slice().read_at(buffer, offset)
    }
}

impl ReadAt for &[u8] {
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
    fn files_rest_and_are_opened_again() {
        let folder = std::env::temp_dir().join(format!("swath-resting-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = |number: usize| folder.join(number.to_string());
        let all: Vec<RestingFile> = (0..3 * OPEN_MAX)
            .map(|number| {
                std::fs::write(path(number), number.to_string()).expect("a file");
                RestingFile::open(path(number)).expect("an open file")
            })
            .collect();
        for number in (0..all.len()).chain([0, 1, 0, 40]) {
            let mut buffer = [0; 8];
            let length = read_full(&all[number], &mut buffer, 0).expect("bytes");
            assert_eq!(std::str::from_utf8(&buffer[..length]), Ok(&*number.to_string()));
            assert!(OPEN.lock().expect("no panic").len() <= OPEN_MAX);
        }
        std::fs::write(path(10), "longer than before").expect("a file");
        let error = read_full(&all[10], &mut [0; 8], 0).expect_err("another file");
        assert!(error.to_string().contains("changed while it was read"), "{error}");
        drop(all);
        std::fs::remove_dir_all(&folder).expect("no folder");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = SourceFile::open("/nonexistent/readings.csv").expect_err("no such file");
        assert!(error.to_string().contains("/nonexistent/readings.csv"), "{error}");
        assert_eq!(error.exit_code(), 5);
    }
}
