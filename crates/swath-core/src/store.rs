//! Where the intermediate data of a run lives: in leased memory while the allowance lasts, else in one scratch file.
//! Under pressure what is in memory follows.
//!
//! A blob is written once, read at any position by any worker, and freed. The store does not know what is in it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::error::BEGIN_ANEW;
use crate::{Buffer, Bytes, Error, Lease, Reclaim, Result, fault, writes};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

/// The place of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Blob {
    /// In the scratch file: survives the process.
    Scratch {
        /// Where it begins.
        offset: u64,
        /// How long it is.
        length: u64,
        /// XXH3 of its bytes, by which a resumed run knows that they are still the same.
        hash: u64,
    },
    /// In memory, or moved to scratch by [`Reclaim`] without a record of it: lost with the process.
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

/// A blob in memory: in one piece, which may be longer than what was written, or in pieces of [`PIECE`].
type Pieces = Arc<Vec<Buffer<u8>>>;

/// Where a blob is that was kept in memory at first.
#[derive(Clone)]
enum Kept {
    Memory {
        pieces: Pieces,
        length: u64,
    },
    /// Memory was short, and it had to go.
    Spilled {
        offset: u64,
    },
}

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
    /// Held by whoever moves kept blobs to scratch.
    spilling: Mutex<()>,
}

/// Bytes that are gathered before they are written to scratch.
const STAGE: usize = 256 << 10;
/// Bytes of a piece of a blob that is streamed into memory. Large, so that it is mapped by itself.
const PIECE: usize = 1 << 20;
/// Up to so many bytes are moved out of a piece rather than that they keep it mapped.
const MOVED: usize = PIECE / 8 * 7;

impl Store {
    /// Memory that a writer takes beside what is kept.
    pub const WRITER_BYTES: Bytes = Bytes(STAGE as u64);

    /// What a streamed blob takes of the allowance at a time.
    pub const PIECE_BYTES: Bytes = Bytes(PIECE as u64);

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
            spilling: Mutex::default(),
        })
    }

    /// Begins a blob of at most `length_max` bytes, and of not much less.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when the scratch limit is passed.
    pub fn write(&self, length_max: u64) -> Result<BlobWriter<'_>> {
        let place = match self.memory_for(length_max) {
            Some(buffer) => Place::Memory(buffer),
            None => Place::Scratch { offset: self.reserve(length_max)? },
        };
        Ok(BlobWriter { store: self, place, staged: Vec::new(), hash: Xxh3Default::new(), length: 0, length_max })
    }

    /// Begins a blob whose length is not known, only that it is at most `length_max`: it takes the memory that it
    /// needs and moves to scratch when the allowance ends.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when the scratch limit is passed.
    pub fn stream(&self, length_max: u64) -> Result<BlobWriter<'_>> {
        let place = match self.memory_for(0) {
            Some(_) => Place::Pieces(Vec::new()),
            None => Place::Scratch { offset: self.reserve(length_max)? },
        };
        Ok(BlobWriter { store: self, place, staged: Vec::new(), hash: Xxh3Default::new(), length: 0, length_max })
    }

    /// Gives out scratch space.
    fn reserve(&self, length_max: u64) -> Result<u64> {
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
        Ok(self.end.fetch_add(reserved, Relaxed))
    }

    /// Takes back the unused end of a blob's space, if nothing was given out behind it.
    fn give_back(&self, offset: u64, length: u64, length_max: u64) {
        let (used, reserved) = (length.next_multiple_of(4096), length_max.next_multiple_of(4096));
        let _ = self.end.compare_exchange(offset + reserved, offset + used, Relaxed, Relaxed);
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

    /// Memory for what lies in more than it needs; if there is none, that is nobody's end.
    fn fitting(&self, length: usize) -> Option<Buffer<u8>> {
        let allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        allowance.as_ref()?.buffer_unzeroed::<u8>(length).ok()
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
            Blob::Scratch { offset: start, .. } => self.read_scratch(out, start + offset),
            Blob::Memory { slot, .. } => match self.kept(slot)? {
                Kept::Memory { pieces, .. } => {
                    copy_out(&pieces, offset as usize, out);
                    Ok(())
                }
                Kept::Spilled { offset: start } => self.read_scratch(out, start + offset),
            },
        }
    }

    fn read_scratch(&self, out: &mut [u8], offset: u64) -> Result<()> {
        fault::point("scratch.read")
            .and_then(|()| self.file.read_exact_at(out, offset))
            .map_err(|error| Error::reading_back(&self.path, &error))
    }

    /// Takes the blobs of an earlier process as in use: `each` calls what it is given with each of them. What else is on
    /// scratch is cut off, since that process did not live to record it.
    ///
    /// # Errors
    /// [`Error::OutputExists`] when scratch does not hold them as they were.
    pub fn adopt(&self, each: impl FnOnce(&mut dyn FnMut(&Blob)) -> Result<()>) -> Result<()> {
        let (mut adopted, mut end) = (Ok(()), 0);
        each(&mut |blob| {
            if let (Ok(()), Blob::Scratch { offset, length, .. }) = (&adopted, blob) {
                end = end.max((offset + length).next_multiple_of(4096));
                adopted = self.adopt_one(blob);
            }
        })?;
        adopted?;
        if self.end.load(Relaxed) > end {
            self.file.set_len(end).map_err(|error| Error::writing(&self.path, &error))?;
        }
        self.end.store(end, Relaxed);
        Ok(())
    }

    fn adopt_one(&self, blob: &Blob) -> Result<()> {
        let Blob::Scratch { offset, length, hash } = *blob else { return Ok(()) };
        let refuse = |message: String, hint: String| Error::OutputExists { path: self.path.clone(), message, hint };
        let size = self.file.metadata().map_err(|error| Error::writing(&self.path, &error))?.len();
        if offset + length > size {
            let wanted = offset + length;
            return Err(refuse(
                format!("the scratch of the unfinished run is gone: wanted {wanted} bytes, got {size}"),
                format!("resume with the --tmp-dir that it began with, or {BEGIN_ANEW}"),
            ));
        }
        let got = self.hash_of(offset, length)?;
        if got != hash {
            return Err(refuse(
                format!(
                    "the scratch of the unfinished run is damaged: {length} bytes at {offset} wanted hash {hash:016x}, \
                     got {got:016x}"
                ),
                format!("{BEGIN_ANEW}; and look at the disk, since nothing else writes there"),
            ));
        }
        self.take(length);
        Ok(())
    }

    fn hash_of(&self, offset: u64, length: u64) -> Result<u64> {
        let mut hash = Xxh3Default::new();
        let mut bytes = vec![0; STAGE.min(length as usize)];
        let mut at = 0;
        while at < length {
            let count = bytes.len().min((length - at) as usize);
            self.read_scratch(&mut bytes[..count], offset + at)?;
            hash.update(&bytes[..count]);
            at += count as u64;
        }
        Ok(hash.digest())
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

    /// The scratch that is in use.
    pub fn scratch(&self) -> Bytes {
        Bytes(self.in_use.load(Relaxed))
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

/// Copies `out.len()` bytes from `offset` on, all of which are there.
fn copy_out(pieces: &[Buffer<u8>], offset: usize, out: &mut [u8]) {
    if let [whole] = pieces {
        return out.copy_from_slice(&whole[offset..offset + out.len()]);
    }
    let (mut piece, mut start, mut copied) = (offset / PIECE, offset % PIECE, 0);
    while copied < out.len() {
        let count = (PIECE - start).min(out.len() - copied);
        out[copied..copied + count].copy_from_slice(&pieces[piece][start..start + count]);
        (piece, start, copied) = (piece + 1, 0, copied + count);
    }
}

enum Place {
    Memory(Buffer<u8>),
    Pieces(Vec<Buffer<u8>>),
    Scratch { offset: u64 },
}

/// A blob that is being written.
pub struct BlobWriter<'s> {
    store: &'s Store,
    place: Place,
    /// The last bytes, not yet at their place.
    staged: Vec<u8>,
    /// Of all bytes, unless they are sure to stay in memory.
    hash: Xxh3Default,
    length: u64,
    length_max: u64,
}

impl BlobWriter<'_> {
    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when scratch cannot be written.
    pub fn append(&mut self, mut bytes: &[u8]) -> Result<()> {
        if self.length + bytes.len() as u64 > self.length_max {
            return Err(Error::unexpected(format!("a blob of at most {} bytes grew longer", self.length_max)));
        }
        if !matches!(self.place, Place::Memory(_)) {
            self.hash.update(bytes);
        }
        while !bytes.is_empty() {
            let count = self.append_some(bytes)?;
            self.length += count as u64;
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Appends as many bytes as go to one place; answers how many.
    fn append_some(&mut self, bytes: &[u8]) -> Result<usize> {
        match &mut self.place {
            Place::Memory(buffer) => {
                let start = self.length as usize;
                buffer[start..start + bytes.len()].copy_from_slice(bytes);
                Ok(bytes.len())
            }
            Place::Pieces(pieces) => {
                let start = self.length as usize % PIECE;
                if start == 0 {
                    let Some(piece) = self.store.memory_for(PIECE as u64) else {
                        self.move_to_scratch()?;
                        return Ok(0);
                    };
                    pieces.push(piece);
                }
                let count = bytes.len().min(PIECE - start);
                if let Some(piece) = pieces.last_mut() {
                    piece[start..start + count].copy_from_slice(&bytes[..count]);
                }
                Ok(count)
            }
            Place::Scratch { offset } if self.staged.is_empty() && bytes.len() >= STAGE => {
                self.store.write_at(bytes, *offset + self.length)?;
                Ok(bytes.len())
            }
            Place::Scratch { .. } => {
                if self.staged.capacity() == 0 {
                    self.staged.reserve_exact(STAGE.min((self.length_max - self.length) as usize));
                }
                let count = bytes.len().min(STAGE - self.staged.len());
                self.staged.extend_from_slice(&bytes[..count]);
                if self.staged.len() == STAGE {
                    self.flush(self.length + count as u64)?;
                }
                Ok(count)
            }
        }
    }

    /// Writes what is staged, which ends at `end` of the blob.
    fn flush(&mut self, end: u64) -> Result<()> {
        if let Place::Scratch { offset } = self.place {
            self.store.write_at(&self.staged, offset + end - self.staged.len() as u64)?;
            self.staged.clear();
        }
        Ok(())
    }

    /// Moves full pieces from memory to scratch, where the blob goes on.
    fn move_to_scratch(&mut self) -> Result<()> {
        let offset = self.store.reserve(self.length_max)?;
        if let Place::Pieces(pieces) = std::mem::replace(&mut self.place, Place::Scratch { offset }) {
            let mut at = offset;
            for piece in pieces {
                self.store.write_at(&piece, at)?;
                at += piece.len() as u64;
            }
        }
        Ok(())
    }

    /// Bytes appended so far.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Ends the blob.
    ///
    /// # Errors
    /// [`Error::OutputUnwritable`] when scratch cannot be written.
    pub fn finish(mut self) -> Result<Blob> {
        let length = self.length;
        self.flush(length)?;
        let pieces = match self.place {
            Place::Scratch { offset } => {
                self.store.give_back(offset, length, self.length_max);
                self.store.take(length);
                return Ok(Blob::Scratch { offset, length, hash: self.hash.digest() });
            }
            Place::Memory(buffer) => vec![buffer],
            Place::Pieces(mut pieces) => {
                let rest = (length as usize).wrapping_sub(1) % PIECE + 1;
                if let Some(last) = pieces.last_mut() {
                    // A page for a few bytes would be memory that nobody counts, and a limit of data counts what stays mapped
                    // behind them.
                    let fitting = if rest <= MOVED { self.store.fitting(rest) } else { None };
                    match fitting {
                        Some(mut fitting) => {
                            fitting.copy_from_slice(&last[..rest]);
                            *last = fitting;
                        }
                        None => last.truncate(rest),
                    }
                }
                pieces
            }
        };
        let slot = self.store.next_slot.fetch_add(1, Relaxed);
        let kept = Kept::Memory { pieces: Arc::new(pieces), length };
        self.store.kept.write().unwrap_or_else(PoisonError::into_inner).insert(slot, kept);
        Ok(Blob::Memory { slot, length })
    }
}

impl Store {
    /// Moves a kept blob to scratch; answers what that gives back.
    fn spill(&self, slot: u64, pieces: Pieces, length: u64) -> Result<Bytes> {
        let offset = self.reserve(length)?;
        let mut at = 0;
        for piece in pieces.iter() {
            let count = piece.len().min((length - at) as usize);
            self.write_at(&piece[..count], offset + at)?;
            at += count as u64;
        }
        self.take(length);
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // It may have been freed meanwhile.
        if let Some(place) = kept.get_mut(&slot) {
            *place = Kept::Spilled { offset };
        }
        Ok(pieces.iter().map(Buffer::bytes).sum())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        fault::point("scratch.write")
            .and_then(|()| writes::timed(|| self.file.write_all_at(bytes, offset)))
            .map_err(|error| Error::writing(&self.path, &error))
    }
}

impl Reclaim for Store {
    /// Gives up the allowance, then moves kept blobs to scratch. What the disk does not take stays in memory.
    fn reclaim(&self, want: Bytes) -> Bytes {
        let _alone = self.spilling.lock().unwrap_or_else(PoisonError::into_inner);
        let allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut got = allowance.map_or(Bytes::ZERO, |allowance| allowance.free());
        let slots: Vec<u64> = self.kept.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        for slot in slots {
            if got >= want {
                break;
            }
            if let Ok(Kept::Memory { pieces, length }) = self.kept(slot) {
                match self.spill(slot, pieces, length) {
                    Ok(bytes) => got += bytes,
                    Err(_) => break,
                }
            }
        }
        got
    }
}
