//! LERC blocks: one band each, with NaN as pixels without a value, as GDAL's libtiff reads and writes them.
//!
//! The `lerc` crate packs blobs of version 3, and floats without loss in version 6; GDAL takes version 4 and warns of all
//! others. Version 4 has one number more in its header and the range of values before them, so blobs of version 3 become
//! that, and floats without loss are stored as they are, which is what version 4 does with nearly all of them.

use bytemuck::Pod;
use lerc::bitmask::BitMask;
use lerc::{Precision, Sample};
use swath_core::{Error, Result};
use swath_raster::DataType;

/// The version of all blobs, which the directory states.
pub(super) const VERSION: u32 = 4;
/// Bytes of the header of version 3, up to the length of the mask.
const HEADER_BYTES: usize = 62;
/// Where in that header numbers lie.
const CHECKSUM_END: usize = 14;
const VALID_AT: usize = 22;
const SIZE_AT: usize = 30;
const ERROR_AT: usize = 38;
const LOWEST_AT: usize = 46;
const HIGHEST_AT: usize = 54;

/// What is packed, and how exactly.
pub(super) struct Lerc {
    data_type: DataType,
    block_size: u32,
    max_z_error: f64,
}

impl Lerc {
    /// For square blocks of that many pixels a side.
    pub(super) fn new(data_type: DataType, block_size: u32, max_z_error: f64) -> Lerc {
        Lerc { data_type, block_size, max_z_error }
    }

    /// Packs the pixels of a block of one band into `packed`, which is empty.
    pub(super) fn pack(&self, raw: &[u8], packed: &mut Vec<u8>) -> Result<()> {
        match self.data_type {
            DataType::UInt8 => self.pack_as::<u8>(raw, packed),
            DataType::Int8 => self.pack_as::<i8>(raw, packed),
            DataType::UInt16 => self.pack_as::<u16>(raw, packed),
            DataType::Int16 => self.pack_as::<i16>(raw, packed),
            DataType::UInt32 => self.pack_as::<u32>(raw, packed),
            DataType::Int32 => self.pack_as::<i32>(raw, packed),
            DataType::Float32 => self.pack_as::<f32>(raw, packed),
            DataType::Float64 => self.pack_as::<f64>(raw, packed),
            DataType::UInt64 | DataType::Int64 => {
                Err(Error::unexpected(format!("LERC has no pixels of {}", self.data_type)))
            }
        }
    }

    fn pack_as<T: Sample + Pod>(&self, raw: &[u8], packed: &mut Vec<u8>) -> Result<()> {
        let pixels: &[T] = bytemuck::cast_slice(raw);
        let mask = self.mask(pixels);
        if self.data_type.is_float() && self.max_z_error == 0.0 {
            return self.store(pixels, mask, packed);
        }
        let blob = self.encode(pixels, mask, precision(self.max_z_error, self.data_type))?;
        let blob = Blob::read(&blob)?;
        blob.put(packed, |packed| {
            if blob.number(LOWEST_AT) != blob.number(HIGHEST_AT) {
                for at in [LOWEST_AT, HIGHEST_AT] {
                    packed.extend_from_slice(bytemuck::bytes_of(&T::from_f64(blob.number(at))));
                }
            }
            packed.extend_from_slice(blob.rest);
        })
    }

    fn mask<T: Sample>(&self, pixels: &[T]) -> BitMask {
        let mut mask = BitMask::all_valid(pixels.len());
        if self.data_type.is_float() {
            for (position, pixel) in pixels.iter().enumerate() {
                if pixel.to_f64().is_nan() {
                    mask.set_invalid(position);
                }
            }
        }
        mask
    }

    fn encode<T: Sample>(&self, pixels: &[T], mask: BitMask, precision: Precision<T>) -> Result<Vec<u8>> {
        let side = self.block_size;
        lerc::encode_borrowed::<T>(side, side, 1, 1, pixels, &[mask], None, precision)
            .map_err(|error| Error::unexpected(format!("LERC of {} pixels: {error}", pixels.len())))
    }

    /// Writes floats as they are, in one sweep.
    fn store<T: Sample + Pod>(&self, pixels: &[T], mask: BitMask, packed: &mut Vec<u8>) -> Result<()> {
        let valid = || pixels.iter().filter(|pixel| !pixel.to_f64().is_nan());
        let (lowest, highest) = valid().fold((f64::INFINITY, f64::NEG_INFINITY), |(lowest, highest), pixel| {
            (lowest.min(pixel.to_f64()), highest.max(pixel.to_f64()))
        });
        let (lowest, highest) = if lowest <= highest { (lowest, highest) } else { (0.0, 0.0) };
        // A blob of one value everywhere has the header and the mask that are wanted, and nothing else.
        let flat = vec![T::from_f64(0.0); pixels.len()];
        let mut blob = self.encode(&flat, mask, Precision::Tolerance(T::from_f64(1.0)))?;
        drop(flat);
        for (at, number) in [(ERROR_AT, 0.0), (LOWEST_AT, lowest), (HIGHEST_AT, highest)] {
            if let Some(bytes) = blob.get_mut(at..at + 8) {
                bytes.copy_from_slice(&number.to_le_bytes());
            }
        }
        Blob::read(&blob)?.put(packed, |packed| {
            if lowest != highest {
                for number in [lowest, highest] {
                    packed.extend_from_slice(bytemuck::bytes_of(&T::from_f64(number)));
                }
                packed.push(1);
                valid().for_each(|pixel| packed.extend_from_slice(bytemuck::bytes_of(pixel)));
            }
        })
    }
}

/// A blob of version 3, taken apart.
struct Blob<'b> {
    header: &'b [u8],
    /// Its length and its bytes.
    mask: &'b [u8],
    rest: &'b [u8],
}

impl<'b> Blob<'b> {
    fn read(blob: &'b [u8]) -> Result<Blob<'b>> {
        let parts = blob.split_at_checked(HEADER_BYTES).and_then(|(header, rest)| {
            let length = i32::from_le_bytes(rest.get(..4)?.try_into().ok()?);
            let (mask, rest) = rest.split_at_checked(4 + usize::try_from(length).ok()?)?;
            (header.starts_with(b"Lerc2 \x03\0\0\0")).then_some(Blob { header, mask, rest })
        });
        parts.ok_or_else(|| Error::unexpected("a LERC blob is not of version 3"))
    }

    fn number(&self, at: usize) -> f64 {
        let bytes = self.header.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0.0, f64::from_le_bytes)
    }

    /// Writes it as version 4, with what `body` writes behind the mask if any pixel is valid.
    fn put(&self, packed: &mut Vec<u8>, body: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        packed.extend_from_slice(&self.header[..6]);
        packed.extend_from_slice(&VERSION.to_le_bytes());
        packed.extend_from_slice(&[0; 4]);
        packed.extend_from_slice(&self.header[CHECKSUM_END..VALID_AT]);
        // One value to a pixel.
        packed.extend_from_slice(&1_i32.to_le_bytes());
        packed.extend_from_slice(&self.header[VALID_AT..]);
        packed.extend_from_slice(self.mask);
        if self.header[VALID_AT..VALID_AT + 4] != [0; 4] {
            body(packed);
        }
        let size = i32::try_from(packed.len())
            .map_err(|_| Error::unexpected(format!("a LERC blob of {} bytes", packed.len())))?;
        packed[SIZE_AT + 4..SIZE_AT + 8].copy_from_slice(&size.to_le_bytes());
        let checksum = lerc::checksum::fletcher32(&packed[CHECKSUM_END..]);
        packed[CHECKSUM_END - 4..CHECKSUM_END].copy_from_slice(&checksum.to_le_bytes());
        Ok(())
    }
}

/// The precision in pixels of a type, never coarser than asked for.
fn precision<T: Sample>(max_z_error: f64, data_type: DataType) -> Precision<T> {
    if !data_type.is_float() && max_z_error < 1.0 {
        return Precision::Lossless;
    }
    // Integers: what the narrowest type can hold is more than anyone can mean, and all of them have it.
    let wanted = if data_type.is_float() { max_z_error } else { max_z_error.floor().min(127.0) };
    let nearest = T::from_f64(wanted);
    let is_coarser = nearest.to_f64() > wanted;
    Precision::Tolerance(if is_coarser { T::from_f64(wanted * (1.0 - f64::from(f32::EPSILON))) } else { nearest })
}
