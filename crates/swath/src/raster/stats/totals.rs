//! What all tasks of a pass have gathered, and the form in which a task leaves its part on scratch for a resumed run.

use std::sync::Arc;

use swath_core::{Blob, Buffer, Error, Result, Store};
use swath_raster::reduce::{Bins, ScanBand, Uniques};

/// What was gathered of a band.
#[derive(Default)]
pub struct TotalBand {
    /// How many values have which digit behind which prefix.
    pub counts: Option<Buffer<u64>>,
    /// How many values are in which bin.
    pub histogram: Option<(Arc<Bins>, Buffer<u64>)>,
    /// Different values.
    pub uniques: Option<Uniques>,
}

impl TotalBand {
    /// Adds what a task has gathered.
    pub fn merge(&mut self, band: &ScanBand) {
        if let (Some(sums), Some(counts)) = (&mut self.counts, &band.counts) {
            add(sums, counts.table());
        }
        if let (Some((_, sums)), Some((_, counts))) = (&mut self.histogram, &band.histogram) {
            add(sums, counts);
        }
        if let (Some(all), Some(uniques)) = (&mut self.uniques, &band.uniques) {
            if uniques.is_exceeded() {
                all.exceed();
            }
            uniques.sorted().into_iter().for_each(|(key, count)| all.insert(key, count));
        }
    }

    /// Adds what a task of an earlier run has left.
    ///
    /// # Errors
    /// When scratch cannot be read, or holds something else.
    pub fn unpack(&mut self, packed: &mut Unpacked<'_>) -> Result<()> {
        for sums in [self.counts.as_mut(), self.histogram.as_mut().map(|(_, sums)| sums)].into_iter().flatten() {
            packed.pairs(|place, count| match sums.get_mut(place as usize) {
                Some(sum) => {
                    *sum += count;
                    Ok(())
                }
                None => Err(strange()),
            })?;
        }
        if let Some(all) = &mut self.uniques {
            if packed.number()? == 1 {
                all.exceed();
            }
            packed.pairs(|key, count| {
                all.insert(key, count);
                Ok(())
            })?;
        }
        Ok(())
    }
}

fn add(sums: &mut [u64], counts: &[u32]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(*count));
}

fn strange() -> Error {
    Error::unexpected("scratch holds counts of something else")
}

/// Bytes that are gathered before they are handed on, or read at once.
const PORTION: usize = 32 << 10;

/// Hands on what a task has gathered of a band: what is not 0, as pairs of a gap and a count.
///
/// # Errors
/// Those of `out`.
pub fn pack(band: &ScanBand, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let pairs_of = |counts: &[u32]| -> Vec<(u64, u64)> {
        let counted = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        counted.map(|(place, count)| (place as u64, u64::from(*count))).collect()
    };
    let tables =
        [band.counts.as_ref().map(|counts| counts.table()), band.histogram.as_ref().map(|(_, sums)| &sums[..])];
    for table in tables.into_iter().flatten() {
        pack_pairs(&pairs_of(table), out)?;
    }
    if let Some(uniques) = &band.uniques {
        let mut flag = Vec::new();
        put(u64::from(uniques.is_exceeded()), &mut flag);
        out(&flag)?;
        pack_pairs(&uniques.sorted(), out)?;
    }
    Ok(())
}

fn pack_pairs(pairs: &[(u64, u64)], out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut bytes = Vec::with_capacity(PORTION + 20);
    put(pairs.len() as u64, &mut bytes);
    let mut before = 0;
    for (place, count) in pairs {
        put(place - before, &mut bytes);
        put(*count, &mut bytes);
        before = *place;
        if bytes.len() >= PORTION {
            out(&bytes)?;
            bytes.clear();
        }
    }
    out(&bytes)
}

/// Writes a number, seven bits a byte, low ones first.
fn put(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Numbers that are read from scratch.
pub struct Unpacked<'a> {
    store: &'a Store,
    blob: &'a Blob,
    read: u64,
    bytes: Vec<u8>,
    next: usize,
}

impl<'a> Unpacked<'a> {
    /// The numbers of a blob.
    pub fn new(store: &'a Store, blob: &'a Blob) -> Unpacked<'a> {
        Unpacked { store, blob, read: 0, bytes: Vec::new(), next: 0 }
    }

    fn byte(&mut self) -> Result<u8> {
        if self.next == self.bytes.len() {
            self.bytes.resize(PORTION.min((self.blob.length() - self.read) as usize), 0);
            self.store.read(self.blob, self.read, &mut self.bytes)?;
            self.read += self.bytes.len() as u64;
            self.next = 0;
        }
        let byte = self.bytes.get(self.next).copied().ok_or_else(strange)?;
        self.next += 1;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u64> {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift).ok_or_else(strange)?;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    fn pairs(&mut self, mut with: impl FnMut(u64, u64) -> Result<()>) -> Result<()> {
        let mut place = 0u64;
        for _ in 0..self.number()? {
            place = place.wrapping_add(self.number()?);
            let count = self.number()?;
            with(place, count)?;
        }
        Ok(())
    }
}
