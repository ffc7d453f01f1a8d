//! The SHA-256 of a file, as the manifest of a lake has it.
//!
//! It does not know what it is compared with.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use sha2::{Digest, Sha256};
use swath_core::{Bytes, Error, Result, Stop, fault};

/// Memory that it takes.
pub const SUM_BYTES: Bytes = Bytes(BLOCK as u64);

const BLOCK: usize = 128 << 10;

/// The sum of all bytes of a file.
///
/// # Errors
/// [`Error::InputUnreadable`], [`Error::Stopped`].
///
/// # Memory
/// [`SUM_BYTES`].
pub fn sha256(path: &Path, stop: &Stop) -> Result<String> {
    let fail = |error: std::io::Error| Error::reading(path, &error);
    let mut file = File::open(path).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; BLOCK];
    loop {
        stop.check()?;
        match fault::point("input.read").and_then(|()| file.read(&mut block)) {
            Ok(0) => return Ok(digits(hash)),
            Ok(read) => hash.update(&block[..read]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(fail(error)),
        }
    }
}

/// A sum as it is written.
pub(crate) fn digits(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
