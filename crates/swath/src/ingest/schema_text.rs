//! The text of a schema file, which is small: another file that was named by mistake is not read as a whole.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use swath_core::fault::Faulty;
use swath_core::{Bytes, Error, Result};

/// The largest schema file. One with a thousand columns and a comment on each is a tenth of it.
const MOST: u64 = 1 << 20;

/// The hint where something else was named.
const SCHEMA_FILE: &str =
    "name a schema file in TOML (swath sensor schema writes one); data files come before the options";

/// Reads a schema file.
///
/// # Errors
/// [`Error::Usage`] when it is larger than any schema; [`Error::InputUnreadable`].
pub fn read(path: &Path) -> Result<String> {
    let fail = |error: std::io::Error| Error::reading(path, &error);
    if path.is_dir() {
        return Err(Error::Usage {
            message: format!("--schema {}: it is a folder; wanted a file", path.display()),
            hint: SCHEMA_FILE.into(),
        });
    }
    let file = File::open(path).map_err(fail)?;
    let length = file.metadata().map_err(fail)?.len();
    let mut bytes = Vec::new();
    if length <= MOST {
        // What a device or a growing file has to say is bounded, too.
        Faulty::new(file, "schema.read").take(MOST + 1).read_to_end(&mut bytes).map_err(fail)?;
    }
    if length.max(bytes.len() as u64) > MOST {
        return Err(Error::Usage {
            message: format!(
                "--schema {}: it has {}, and a schema file has {} at most",
                path.display(),
                Bytes(length.max(bytes.len() as u64)),
                Bytes(MOST)
            ),
            hint: SCHEMA_FILE.into(),
        });
    }
    String::from_utf8(bytes).map_err(|error| fail(std::io::Error::new(std::io::ErrorKind::InvalidData, error)))
}
