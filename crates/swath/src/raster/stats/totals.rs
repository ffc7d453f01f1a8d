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
            uniques.pairs().for_each(|(key, count)| all.insert(key, count));
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

/// Hands on what a task has gathered of a band: what is not 0, as pairs of a place and a count.
///
/// # Errors
/// Those of `out`.
pub fn pack(band: &ScanBand, out: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let tables =
        [band.counts.as_ref().map(|counts| counts.table()), band.histogram.as_ref().map(|(_, sums)| &sums[..])];
    for table in tables.into_iter().flatten() {
        let counted = || (0..).zip(table).filter(|(_, count)| **count > 0);
        pack_pairs(counted().count(), counted().map(|(place, count)| (place, u64::from(*count))), out)?;
    }
    if let Some(uniques) = &band.uniques {
        out(&[u8::from(uniques.is_exceeded())])?;
        pack_pairs(uniques.count(), uniques.pairs(), out)?;
    }
    Ok(())
}

/// Hands on pairs, each place as its distance from the one before it.
fn pack_pairs(
    length: usize,
    pairs: impl Iterator<Item = (u64, u64)>,
    out: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut bytes = Vec::with_capacity(PORTION + 20);
    put(length as u64, &mut bytes);
    let mut before = 0u64;
    for (place, count) in pairs {
        put(place.wrapping_sub(before), &mut bytes);
        put(count, &mut bytes);
        before = place;
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

#[cfg(test)]
mod tests {
    use super::*;
    use swath_core::{Budget, Bytes, Stop};

    #[test]
    fn what_is_packed_is_unpacked() {
        let folder = std::env::temp_dir().join(format!("swath-totals-{}", std::process::id()));
        let store = Store::open(&folder, None, None).expect("a store");
        let lease = Budget::new(Bytes(9 << 20)).lease(Bytes(9 << 20), &Stop::default()).expect("memory");
        let uniques = |keys: &[u64]| {
            let mut uniques = Uniques::new(3, &lease).expect("uniques");
            keys.iter().for_each(|key| uniques.insert(*key, *key / 2 + 1));
            uniques
        };
        for keys in [&[u64::MAX, 0, 7][..], &[1, 2, 3, 4]] {
            let mut counts = lease.buffer(5).expect("memory");
            counts.copy_from_slice(&[0, 3, u32::MAX, 0, 1]);
            let bins = Arc::new(Bins::new(3, 0.0, 1.0));
            let histogram = Some((Arc::clone(&bins), counts));
            let band = ScanBand { histogram, uniques: Some(uniques(keys)), ..ScanBand::default() };
            let mut out = store.stream(1000).expect("a blob");
            pack(&band, &mut |bytes| out.append(bytes)).expect("packed");
            let blob = out.finish().expect("a blob");
            let (mut total, mut direct) = (TotalBand::default(), TotalBand::default());
            for total in [&mut total, &mut direct] {
                total.histogram = Some((Arc::clone(&bins), lease.buffer(5).expect("memory")));
                total.uniques = Some(uniques(&[]));
            }
            total.unpack(&mut Unpacked::new(&store, &blob)).expect("unpacked");
            direct.merge(&band);
            let seen = |band: &TotalBand| {
                let uniques = band.uniques.as_ref().expect("uniques");
                (band.histogram.as_ref().expect("counts").1.to_vec(), uniques.is_exceeded(), uniques.sorted())
            };
            assert_eq!(seen(&total), seen(&direct));
            assert_eq!(seen(&total).0, [0, 3, u64::from(u32::MAX), 0, 1]);
        }
        std::fs::remove_file(folder).expect("removed");
    }
}
