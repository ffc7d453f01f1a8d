//! Where a file goes: counts the bytes, hashes them where wanted, and remembers the first failure.
//!
//! The writers of the `parquet` crate buffer and may drop the error of a late flush; here it is not lost.

use std::io::{self, Write};
use std::path::Path;

use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataWriter};
use parquet::file::writer::TrackedWrite;
use sha2::{Digest, Sha256};
use swath_core::{Error, Result};

use super::error::writing;

/// A file on its way out.
pub(super) struct Sink<W> {
    out: W,
    bytes: u64,
    hash: Option<Sha256>,
    failure: Option<io::Error>,
}

impl<W: Write> Sink<W> {
    /// A sink that only counts.
    pub(super) fn counting(out: W) -> Self {
        Sink { out, bytes: 0, hash: None, failure: None }
    }

    /// A sink that counts and hashes.
    pub(super) fn hashing(out: W) -> Self {
        Sink { hash: Some(Sha256::new()), ..Sink::counting(out) }
    }

    /// Writes page index, footer and the last magic, and flushes; `file` holds all that comes before.
    pub(super) fn finish(file: TrackedWrite<&mut Self>, metadata: &ParquetMetaData, path: &Path) -> Result<()> {
        ParquetMetaDataWriter::new_with_tracked(file, metadata).finish().map_err(|error| writing(path, error))
    }

    /// What became of the file: `result`, unless a write failed.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`], or that of `result`.
    pub(super) fn settle<T>(mut self, result: Result<T>, path: &Path) -> Result<(T, u64, Option<Sha256>)> {
        if self.failure.is_none() && result.is_ok() {
            self.failure = self.out.flush().err();
        }
        match self.failure {
            Some(failure) => Err(Error::writing(path, &failure)),
            None => Ok((result?, self.bytes, self.hash)),
        }
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.out.write(bytes) {
            Ok(written) => {
                self.bytes += written as u64;
                if let Some(hash) = &mut self.hash {
                    hash.update(&bytes[..written]);
                }
                Ok(written)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure.get_or_insert(error);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
