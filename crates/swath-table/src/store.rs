//! Where the intermediate data of a run lives: in leased memory while the allowance lasts, else in one scratch file.
//!
//! A blob is written once, read at any position by any worker, and freed. The store does not know what is in it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use swath_core::{Buffer, Bytes, Error, Lease, Result, fault};

/// The place of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blob {
    /// In the scratch file: survives the process.
    Scratch {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
    /// In memory: lost with the process.
    Memory {
        /// Which one.
        slot: u64,
        /// How long it is.
        length: u64,
    },
}

impl Blob {
    /// Its length in bytes.
    pub fn length(&self) -> u64 {
        match *self {
            Blob::Scratch { length, .. } | Blob::Memory { length, .. } => length,
        }
    }

    /// Whether it is lost when the process ends.
    pub fn is_volatile(&self) -> bool {
        matches!(self, Blob::Memory { .. })
    }
}

/// A blob that is kept in memory: the buffer may be longer than what was written.
type Kept = Arc<Buffer<u8>>;

/// The intermediate data of a run.
pub struct Store {
    path: PathBuf,
    file: File,
    /// Scratch space given out so far; space is never reused.
    end: AtomicU64,
    limit: Option<Bytes>,
    in_use: AtomicU64,
    peak: AtomicU64,
    kept: RwLock<HashMap<u64, Kept>>,
    next_slot: AtomicU64,
    allowance: Mutex<Option<Lease>>,
}

/// Bytes that are gathered before they are written to scratch.
const STAGE: usize = 256 << 10;

impl Store {
    /// Memory that a writer takes beside what is kept.
    pub const WRITER_BYTES: Bytes = Bytes(STAGE as u64);

    /// A store over the scratch file `path`, which is made, or kept when a run is resumed. `allowance` is the
    /// memory for blobs; `limit` bounds the file.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when the file cannot be opened.
    pub fn open(path: &Path, allowance: Option<Lease>, limit: Option<Bytes>) -> Result<Store> {
        fault::point("scratch.create").map_err(|error| Error::writing(path, &error))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| Error::writing(path, &error))?;
        let end = file.metadata().map_err(|error| Error::writing(path, &error))?.len();
        Ok(Store {
            path: path.into(),
            file,
            end: AtomicU64::new(end.next_multiple_of(4096)),
            limit,
            in_use: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            kept: RwLock::default(),
            next_slot: AtomicU64::new(0),
            allowance: Mutex::new(allowance),
        })
    }

    /// Begins a blob of at most `length_max` bytes.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when the scratch limit is passed.
    pub fn write(&self, length_max: u64) -> Result<BlobWriter<'_>> {
        if let Some(buffer) = self.memory_for(length_max) {
            return Ok(BlobWriter { store: self, place: Place::Memory(buffer), length: 0, length_max });
        }
        let reserved = length_max.next_multiple_of(4096);
        if let Some(limit) = self.limit
            && self.in_use.load(Relaxed) + reserved > limit.0
        {
            return Err(Error::OutputUnwritable {
                path: self.path.clone(),
                reason: format!("scratch would pass the {limit} that --tmp-limit allows"),
                hint: "a larger --tmp-limit, or a larger --memory so that less is spilled".into(),
            });
        }
        let offset = self.end.fetch_add(reserved, Relaxed);
        Ok(BlobWriter {
            store: self,
            place: Place::Scratch { offset, staged: Vec::with_capacity(STAGE.min(length_max as usize)) },
            length: 0,
            length_max,
        })
    }

    /// A buffer, while the allowance lasts. Once a blob had to go to scratch all later ones follow: a small one that
    /// still fits in memory would make its whole task one to do again after a kill.
    fn memory_for(&self, length_max: u64) -> Option<Buffer<u8>> {
        let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        let buffer = allowance.as_ref()?.buffer_unzeroed::<u8>(length_max as usize).ok();
        if buffer.is_none() {
            *allowance = None;
        }
        buffer
    }

    /// Reads `out.len()` bytes at `offset` of a blob.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when scratch cannot be read back.
    pub fn read(&self, blob: &Blob, offset: u64, out: &mut [u8]) -> Result<()> {
        if offset + out.len() as u64 > blob.length() {
            return Err(Error::unexpected(format!(
                "scratch: {} bytes wanted at {offset} of a blob of {}",
                out.len(),
                blob.length()
            )));
        }
        match *blob {
            Blob::Scratch { offset: start, .. } => {
                self.file.read_exact_at(out, start + offset).map_err(|error| Error::writing(&self.path, &error))
            }
            Blob::Memory { slot, .. } => {
                let kept = self.kept(slot)?;
                out.copy_from_slice(&kept[offset as usize..offset as usize + out.len()]);
                Ok(())
            }
        }
    }

    /// Counts a blob of an earlier process, found in its journal, as in use.
    ///
    /// # Errors
    /// [`Error::OutputExists`] when the scratch file does not hold it: it is another file, or was cut.
    pub fn adopt(&self, blob: &Blob) -> Result<()> {
        let Blob::Scratch { offset, length } = *blob else { return Ok(()) };
        let size = self.file.metadata().map_err(|error| Error::writing(&self.path, &error))?.len();
        if offset + length > size {
            return Err(Error::OutputExists {
                path: self.path.clone(),
                message: format!(
                    "the scratch of the unfinished run is gone: wanted {} bytes, got {size}",
                    offset + length
                ),
                hint: "resume with the --tmp-dir that it began with, or begin anew with --overwrite".into(),
            });
        }
        self.end.fetch_max((offset + length).next_multiple_of(4096), Relaxed);
        self.take(length);
        Ok(())
    }

    /// Gives back the memory of a blob that nobody will read again; scratch is given back as a whole, at the end.
    pub fn free(&self, blob: &Blob) {
        if let Blob::Memory { slot, .. } = *blob {
            self.kept.write().unwrap_or_else(PoisonError::into_inner).remove(&slot);
        }
    }

    /// Makes what is on scratch durable.
    ///
    /// # Errors
    /// What the system says.
    pub fn sync(&self) -> std::io::Result<()> {
        fault::point("scratch.sync")?;
        self.file.sync_data()
    }

    /// The most scratch that was in use at once.
    pub fn scratch_peak(&self) -> Bytes {
        Bytes(self.peak.load(Relaxed))
    }

    fn take(&self, length: u64) {
        let now = self.in_use.fetch_add(length, Relaxed) + length;
        self.peak.fetch_max(now, Relaxed);
    }

    fn kept(&self, slot: u64) -> Result<Kept> {
        self.kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&slot)
            .cloned()
            .ok_or_else(|| Error::unexpected("a blob was read after it was freed"))
    }
}

enum Place {
    Memory(Buffer<u8>),
    Scratch { offset: u64, staged: Vec<u8> },
}

/// A blob that is being written.
pub struct BlobWriter<'s> {
    store: &'s Store,
    place: Place,
    length: u64,
    length_max: u64,
}

impl BlobWriter<'_> {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when scratch cannot be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<()> {
        let start = self.length;
        self.length += bytes.len() as u64;
        if self.length > self.length_max {
            return Err(Error::unexpected(format!("a blob of at most {} bytes grew longer", self.length_max)));
        }
        match &mut self.place {
            Place::Memory(buffer) => {
                buffer[start as usize..start as usize + bytes.len()].copy_from_slice(bytes);
                Ok(())
            }
            Place::Scratch { staged, .. } if staged.len() + bytes.len() <= STAGE => {
                staged.extend_from_slice(bytes);
                Ok(())
            }
            Place::Scratch { offset, staged } => {
                let written = start - staged.len() as u64;
                self.store.write_at(staged, *offset + written)?;
                staged.clear();
                if bytes.len() >= STAGE {
                    self.store.write_at(bytes, *offset + start)
                } else {
                    staged.extend_from_slice(bytes);
                    Ok(())
                }
            }
        }
    }

    /// Bytes appended so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Ends the blob.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when scratch cannot be written.
    pub fn finish(self) -> Result<Blob> {
        let length = self.length;
        match self.place {
            Place::Memory(buffer) => {
                let slot = self.store.next_slot.fetch_add(1, Relaxed);
                self.store.kept.write().unwrap_or_else(PoisonError::into_inner).insert(slot, Arc::new(buffer));
                Ok(Blob::Memory { slot, length })
            }
            Place::Scratch { offset, staged } => {
                self.store.write_at(&staged, offset + length - staged.len() as u64)?;
                self.store.take(length);
                Ok(Blob::Scratch { offset, length })
            }
        }
    }
}

impl Store {
    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        fault::point("scratch.write")
            .and_then(|()| self.file.write_all_at(bytes, offset))
            .map_err(|error| Error::writing(&self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use swath_core::{Budget, Stop};

    #[test]
    fn blobs_read_back_from_memory_and_from_scratch() {
        let folder = std::env::temp_dir().join(format!("swath-store-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let budget = Budget::new(Bytes(4 << 20));
        let lease = budget.lease(Bytes(1 << 20), &Stop::new()).expect("lease");
        let store = Store::open(&folder.join("scratch"), Some(lease), None).expect("store");
        let mut blobs = Vec::new();
        for n in 0..8u8 {
            let mut writer = store.write(600_000).expect("space");
            for _ in 0..3 {
                writer.append(&vec![n; 100_000]).expect("append");
            }
            writer.append(&vec![n + 1; 300_000]).expect("append");
            blobs.push(writer.finish().expect("finish"));
        }
        assert!(blobs[0].is_volatile() && !blobs[7].is_volatile());
        for (n, blob) in blobs.iter().enumerate() {
            let mut out = [0; 2];
            store.read(blob, 299_999, &mut out).expect("read");
            assert_eq!(out, [n as u8, n as u8 + 1]);
            assert!(store.read(blob, 599_999, &mut out).is_err());
        }
        store.free(&blobs[7]);
        assert!(store.scratch_peak() >= Bytes(600_000));
        std::fs::remove_dir_all(&folder).expect("clean");
    }
}
