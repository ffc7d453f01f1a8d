//! The main job on a sample that the program brings along: a folder of its own, and the request that works on it.
//!
//! It holds no data (the binary does) and runs nothing.

use std::path::{Path, PathBuf};

use swath_core::{Bytes, Error, Result};

use crate::request::{Common, Compression, IngestRequest, MaxRejects, SortOrder};

/// The partition of the demo's lake: a few folders with names that tell something.
pub const PARTITION: &str = "month";

/// Tells the demo's own folder from others, so that nobody else's files are replaced.
const MARKER: &str = ".swath-demo";

/// A file of the sample.
#[derive(Debug, Clone, Copy)]
pub struct SampleFile {
    /// Its name, without a folder.
    pub name: &'static str,
    /// What is in it.
    pub bytes: &'static [u8],
}

/// The demo's folder after the sample was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// The sample.
    pub input: PathBuf,
    /// Where the lake goes.
    pub lake: PathBuf,
    /// The licence of the sample.
    pub licence: PathBuf,
}

/// Writes the sample into `folder`, which must be new, empty or an earlier demo's.
///
/// # Errors
/// [`Error::OutputExists`] for a folder with other things in it, [`Error::OutputUnwritable`].
pub fn unpack(folder: &Path, files: &[SampleFile], licence: &SampleFile) -> Result<Folder> {
    let marker = folder.join(MARKER);
    let is_taken = match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(error) => return Err(Error::writing(folder, &error)),
    };
    if is_taken && !marker.is_file() {
        return Err(Error::OutputExists {
            path: folder.into(),
            message: "exists already and is not a folder of the demo".into(),
            hint: "choose another folder with --output".into(),
        });
    }
    let input = folder.join("input");
    std::fs::create_dir_all(&input).map_err(|error| Error::writing(&input, &error))?;
    let write = |path: PathBuf, bytes: &[u8]| match std::fs::read(&path) {
        // A file that is as it should be stays, so that an unfinished run finds its input unchanged.
        Ok(there) if there == bytes => Ok(path),
        _ => std::fs::write(&path, bytes).map_err(|error| Error::writing(&path, &error)).map(|()| path),
    };
    write(marker, b"This folder was made by `swath demo` and may be replaced by it.\n")?;
    for file in files {
        write(input.join(file.name), file.bytes)?;
    }
    let licence = write(folder.join(licence.name), licence.bytes)?;
    Ok(Folder { input, lake: folder.join("lake"), licence })
}

/// The job of the demo.
pub fn request(folder: &Folder, common: Common) -> IngestRequest {
    IngestRequest {
        sources: vec![folder.input.clone().into_os_string()],
        output: folder.lake.clone(),
        schema: None,
        partition: PARTITION.into(),
        sort: SortOrder::default(),
        target_file_size: Bytes(128_000_000),
        max_rejects: MaxRejects::default(),
        strict: false,
        max_record: Bytes::MIB,
        since_us: None,
        until_us: None,
        bbox: None,
        compression: Compression::default(),
        append: None,
        common,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [SampleFile; 2] =
        [SampleFile { name: "a.csv", bytes: b"x,y\n1,2\n" }, SampleFile { name: "b.csv", bytes: b"x,y\n" }];
    const LICENCE: SampleFile = SampleFile { name: "LICENCE.txt", bytes: b"free\n" };

    #[test]
    fn only_its_own_folder_is_replaced() {
        let root = std::env::temp_dir().join(format!("swath-demo-test-{}", std::process::id()));
        let made = unpack(&root.join("new"), &FILES, &LICENCE).expect("new folder");
        std::fs::write(made.input.join("a.csv"), b"spoilt").expect("write");
        assert_eq!(unpack(&root.join("new"), &FILES, &LICENCE).expect("own folder"), made);
        assert_eq!(std::fs::read(made.input.join("a.csv")).expect("read"), FILES[0].bytes);
        let refused = unpack(&root, &FILES, &LICENCE).expect_err("foreign folder");
        assert_eq!(refused.exit_code(), 6);
        assert!(!root.join("input").exists());
        std::fs::remove_dir_all(&root).expect("clean up");
    }
}
