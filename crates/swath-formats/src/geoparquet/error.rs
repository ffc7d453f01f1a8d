//! Errors of the `parquet` crate and of files, told apart by what the reader of the message can do.

use std::io;
use std::path::Path;

use parquet::errors::ParquetError;
use swath_core::{Error, Place, Result};

/// The error behind a failed write: the system's, or a bug.
pub(super) fn writing(path: &Path, error: ParquetError) -> Error {
    match source_of(error) {
        Ok(system) => Error::writing(path, &system),
        Err(other) => Error::unexpected(format!("{}: {other}", path.display())),
    }
}

/// The error behind a failed read: the system's, or a file that is not what it should be.
pub(super) fn reading(path: &Path, error: ParquetError) -> Error {
    match source_of(error) {
        Ok(system) => Error::reading(path, &system),
        Err(other) => corrupt(path, other.to_string()),
    }
}

/// A file that was read and is not what it should be.
pub(super) fn corrupt(path: &Path, message: impl Into<String>) -> Error {
    Error::InputCorrupt { place: Place::file(path), message: message.into(), hint: String::new() }
}

/// Unwraps what encoding of rows in memory answered; only a bug fails there.
pub(super) fn encoding<T>(result: parquet::errors::Result<T>) -> Result<T> {
    result.map_err(|error| Error::unexpected(format!("encoding of a row group: {error}")))
}

fn source_of(error: ParquetError) -> std::result::Result<io::Error, ParquetError> {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(system) if system.kind() != io::ErrorKind::UnexpectedEof => Ok(*system),
            Ok(short) => Err(ParquetError::EOF(short.to_string())),
            Err(inner) => Err(ParquetError::External(inner)),
        },
        other => Err(other),
    }
}
